package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"loa"
	"loa/node"
	"loa/signer"
)

// key makes the keys of a province: a root (a file for the safe), the signer's
// folder and the node's online keys. "key member" begins the signer's roster.
func key(ctx context.Context, a *app) error {
	switch {
	case len(a.args) > 0 && a.args[0] == "member":
		return keyMember(ctx, a)
	case len(a.args) == 0 || a.args[0] != "province":
		return errUsage
	}
	f := flag.NewFlagSet("key province", flag.ContinueOnError)
	f.SetOutput(a.errs)
	path := f.String("path", "", "path of the province, vn/01")
	communes := f.String("communes", "", "codes of its communes, with commas")
	root := f.String("root", "", "root file to use, or to make (default: root.key in LOA_DIR)")
	years := f.Int("years", 1, "how many years the delegations hold")
	if err := f.Parse(a.args[1:]); err != nil {
		return errUsage
	}
	c, err := node.FromEnv(a.getenv)
	if err != nil {
		return err
	}
	province, err := loa.ParsePath(*path)
	if err != nil {
		return err
	}
	var paths []loa.Path
	for code := range strings.SplitSeq(*communes, ",") {
		p, err := loa.ParsePath(string(province) + "/" + strings.TrimSpace(code))
		if err != nil {
			return err
		}
		paths = append(paths, p)
	}
	if *root == "" {
		*root = filepath.Join(c.Dir, "root.key")
	}
	passphrase := []byte(a.getenv("LOA_ROOT_PASSPHRASE"))
	file, err := os.ReadFile(*root)
	if os.IsNotExist(err) {
		var made signer.RootFile
		if made, _, err = signer.NewRoot(string(province), false, passphrase); err == nil {
			file = made
			if err = os.MkdirAll(filepath.Dir(*root), 0o700); err == nil {
				err = os.WriteFile(*root, file, 0o600)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("read or make root: %w", err)
	}
	done, err := signer.Init(c.SignerDir, file, passphrase, []byte(c.Passphrase), province, paths,
		loa.WallClock{}.Now(), time.Duration(*years)*366*24*time.Hour)
	if err != nil {
		return err
	}
	if err := node.WriteKeys(c.Keys, done); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "root       %s  fingerprint %s  (put this file in a safe and remove it here)\nsigner     %s\nnode keys  %s\n",
		*root, done.Root.Fingerprint()[:16], c.SignerDir, c.Keys)
	return err
}
