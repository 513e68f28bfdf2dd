package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"loa"
	"loa/db"
	"loa/node"
	"loa/seal"
	"loa/signer"
	"loa/speaker"
	"loa/wire"
)

// release makes, seals and brings in programs for boxes. Everything but import
// and list is done on a machine without a network, with keys that lie in a safe.
func release(ctx context.Context, a *app) error {
	return a.staged(ctx, "release", map[string]stage{
		"key": releaseKey, "trust": releaseTrust, "make": releaseMake, "seal": releaseSeal, "join": releaseJoin,
		"import": releaseImport, "list": releaseList,
	})
}

// releaseKey makes a release key: a file for the safe, closed like a root's.
func releaseKey(_ context.Context, a *app, f *flag.FlagSet) error {
	return a.makeKey(f, "release ", "LOA_RELEASE_PASSPHRASE")
}

// releaseTrust has the root let release keys seal programs for a place.
func releaseTrust(_ context.Context, a *app, f *flag.FlagSet) error {
	root := f.String("root", "", "root file, opened with LOA_ROOT_PASSPHRASE")
	path := f.String("path", "", "path of the province, vn/01")
	keys := f.String("keys", "", "public keys, with commas")
	threshold := f.Int("threshold", 2, "how many of them seal a release together")
	years := f.Int("years", 2, "how many years this holds")
	epoch := f.Int64("epoch", 0, "revocation epoch it is made in")
	out := f.String("o", "", "file to make")
	if err := f.Parse(a.args[1:]); err != nil || *root == "" || *out == "" {
		return errUsage
	}
	p, err := loa.ParsePath(*path)
	if err != nil {
		return err
	}
	file, err := os.ReadFile(*root)
	if err != nil {
		return fmt.Errorf("read root: %w", err)
	}
	by, top, err := signer.OpenRoot(file, []byte(a.getenv("LOA_ROOT_PASSPHRASE")))
	if err != nil {
		return err
	}
	now := loa.WallClock{}.Now()
	payload, err := wire.Encode(seal.Delegation{Kind: "delegation", Role: seal.Release, Keys: strings.Split(*keys, ","), Threshold: *threshold,
		Paths: []loa.Path{p}, Classes: wire.Classes(), Epoch: *epoch, From: now.UnixMilli(), Until: now.AddDate(*years, 0, 0).UnixMilli()})
	if err != nil {
		return err
	}
	sealed, err := seal.Seal(seal.DelegationType, payload, by)
	if err != nil {
		return err
	}
	// What a box would refuse is refused here.
	if _, err := seal.NewTrust(top, [][]byte{sealed}, *epoch); err != nil {
		return err
	}
	return writeNew(*out, sealed)
}

// releaseMake writes a release that nobody has sealed yet.
func releaseMake(_ context.Context, a *app, f *flag.FlagSet) error {
	product := f.String("product", "loa-speaker", "whose program it is")
	number := f.Int64("number", 0, "rises with every release")
	text := f.String("text", "", "the version as people say it, and as the program says it")
	replaces := f.Int64("replaces", 0, "lowest number it may replace")
	days := f.Int("days", 365, "how many days it may be installed")
	out := f.String("o", "", "file to make")
	if err := f.Parse(a.args[1:]); err != nil || *out == "" || f.NArg() == 0 {
		return errUsage
	}
	now := loa.WallClock{}.Now()
	r := wire.Release{Kind: "release", Product: *product, Number: *number, Text: *text, Replaces: *replaces,
		From: now.UnixMilli(), Until: now.AddDate(0, 0, *days).UnixMilli()}
	for _, arg := range f.Args() {
		system, name, ok := strings.Cut(arg, "=")
		if !ok {
			return errUsage
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read program: %w", err)
		}
		r.Builds = append(r.Builds, wire.Build{System: system, Hash: loa.Hash(b), Bytes: int64(len(b))})
		if _, err := fmt.Fprintf(a.out, "%-14s %s %d\n", system, loa.Hash(b), len(b)); err != nil {
			return err
		}
	}
	payload, err := wire.Encode(r)
	if err != nil {
		return err
	}
	if _, err := wire.ReadRelease(payload); err != nil {
		return err
	}
	return writeNew(*out, payload)
}

// releaseSeal seals a release with one key. Whoever does it sees what is in it.
func releaseSeal(_ context.Context, a *app, f *flag.FlagSet) error {
	keyFile := f.String("key", "", "key file, opened with LOA_RELEASE_PASSPHRASE")
	out := f.String("o", "", "file to make")
	if err := f.Parse(a.args[1:]); err != nil || *keyFile == "" || *out == "" || f.NArg() != 1 {
		return errUsage
	}
	payload, err := os.ReadFile(f.Arg(0))
	if err != nil {
		return fmt.Errorf("read release: %w", err)
	}
	r, err := wire.ReadRelease(payload)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(*keyFile)
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	k, _, err := signer.OpenRoot(b, []byte(a.getenv("LOA_RELEASE_PASSPHRASE")))
	if err != nil {
		return err
	}
	sealed, err := seal.Seal(wire.ReleaseType, payload, k)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(a.out, "%s %s (%d), until %s\n", r.Product, r.Text, r.Number, time.UnixMilli(r.Until).In(loa.Zone()).Format("02/01/2006")); err != nil {
		return err
	}
	for _, b := range r.Builds {
		if _, err := fmt.Fprintf(a.out, "  %-14s %s\n", b.System, b.Hash); err != nil {
			return err
		}
	}
	return writeNew(*out, sealed)
}

// releaseJoin puts the seals of several people over one release into one file.
func releaseJoin(_ context.Context, a *app, f *flag.FlagSet) error {
	out := f.String("o", "", "file to make")
	if err := f.Parse(a.args[1:]); err != nil || *out == "" || f.NArg() < 2 {
		return errUsage
	}
	var all seal.Envelope
	for _, name := range f.Args() {
		b, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("read release: %w", err)
		}
		if _, err := seal.Open(b, seal.MaxDocument); err != nil {
			return err
		}
		var one seal.Envelope
		if err := json.Unmarshal(b, &one); err != nil {
			return fmt.Errorf("read release: %w", err)
		}
		if all.Payload != "" && one.Payload != all.Payload {
			return loa.Errorf(loa.Conflict, "release.not_same")
		}
		all.PayloadType, all.Payload, all.Signatures = one.PayloadType, one.Payload, append(all.Signatures, one.Signatures...)
	}
	slices.SortFunc(all.Signatures, func(x, y seal.Signature) int { return strings.Compare(x.KeyID, y.KeyID) })
	b, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("write release: %w", err)
	}
	if _, err := seal.Open(b, seal.MaxDocument); err != nil { // one key twice
		return err
	}
	return writeNew(*out, b)
}

// releaseImport brings a sealed release and its files into the node. Nobody is
// offered it before somebody says so on the page of speaker software.
func releaseImport(ctx context.Context, a *app, f *flag.FlagSet) error {
	trust := f.String("trust", "", "the root's delegation to the release keys; needed once")
	if err := f.Parse(a.args[1:]); err != nil || f.NArg() < 1 {
		return errUsage
	}
	sealed, err := os.ReadFile(f.Arg(0))
	if err != nil {
		return fmt.Errorf("read release: %w", err)
	}
	var delegations [][]byte
	if *trust != "" {
		b, err := os.ReadFile(*trust)
		if err != nil {
			return fmt.Errorf("read delegation: %w", err)
		}
		delegations = append(delegations, b)
	}
	return withDB(ctx, a, func(c node.Config, d *db.DB) error {
		root, err := node.LoadRoot(c.Keys)
		if err != nil {
			return err
		}
		files := map[string][]byte{}
		for _, name := range f.Args()[1:] {
			b, err := os.ReadFile(name)
			if err != nil {
				return fmt.Errorf("read program: %w", err)
			}
			if bytes.HasPrefix(b, []byte("!<arch>")) {
				return loa.Errorf(loa.Invalid, "release.package", name)
			}
			files[loa.Hash(b)] = b
		}
		blobs := &db.Blobs{Dir: c.Blobs}
		keep := func(hash string) bool { // asked for what a release names whose seals hold
			b, ok := files[hash]
			if !ok {
				return blobs.Has(hash)
			}
			_, err := blobs.Put(ctx, b)
			return err == nil
		}
		reg := &speaker.Register{DB: d, Root: root, Said: speaker.Silently}
		m, err := reg.ImportRelease(ctx, loa.System(), delegations, sealed, keep)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "%s %s (%d)  %s\n%s/releases\n", m.Product, m.Text, m.Number, m.Hash, c.Origin)
		return err
	})
}

func releaseList(ctx context.Context, a *app, f *flag.FlagSet) error {
	if err := f.Parse(a.args[1:]); err != nil {
		return errUsage
	}
	return withDB(ctx, a, func(_ node.Config, d *db.DB) error {
		all, running, err := (&speaker.Register{DB: d}).Releases(ctx, "vn")
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "release\tnumber\tshare\tmeant\tupdated\twell\tfailed\taway")
		for _, m := range all {
			fmt.Fprintf(w, "%s\t%d\t%d%%\t%d\t%d\t%d\t%d\t%d\n", m.Text, m.Number, m.Share, m.Meant, m.Updated, m.Well, len(m.Failed), m.Away)
		}
		fmt.Fprintln(w, "\nrunning\tspeakers\taway")
		for _, r := range running {
			fmt.Fprintf(w, "%s\t%d\t%d\n", r.Version, r.Boxes, r.Away)
		}
		return w.Flush()
	})
}

// writeNew writes a file that must not be there yet, for its owner alone: what
// was sealed once is not written over by a second try.
func writeNew(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
