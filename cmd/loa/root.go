package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
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
)

// root is the ceremony of another root: draft at the server, seal at each holder's
// machine without a network, take at the server. docs/operate.md tells it in order.
func root(ctx context.Context, a *app) error {
	return a.staged(ctx, "root", map[string]stage{
		"key": rootKey, "draft": rootDraft, "show": rootShow, "seal": rootSeal, "take": rootTake,
	})
}

// rootKey makes one holder's key: a file for the safe.
func rootKey(_ context.Context, a *app, f *flag.FlagSet) error {
	return a.makeKey(f, "", "LOA_ROOT_PASSPHRASE")
}

// rootDraft writes the paper that goes to the holders. With keys it is another root;
// without, the root stays and prolongs what it has given.
func rootDraft(ctx context.Context, a *app, f *flag.FlagSet) error {
	keys := f.String("keys", "", "public keys of the new root's holders, with commas; none: the root stays")
	threshold := f.Int("threshold", 0, "how many of them must agree; needed with -keys")
	name := f.String("name", "", "name of the new root")
	years := f.Int("years", 1, "how many years from now on the root's delegations hold")
	end := f.String("end", "", "ids of keys that the new root takes over for -overlap only, with commas")
	overlap := f.Duration("overlap", 30*24*time.Hour, "how long those still hold")
	out := f.String("o", "", "file to make")
	if err := f.Parse(a.args[1:]); err != nil || *out == "" || (*keys == "") != (*threshold == 0) || *end != "" && *keys == "" || *years < 1 {
		return errUsage
	}
	return withDB(ctx, a, func(c node.Config, d *db.DB) error {
		first, err := node.LoadRoot(c.Keys)
		if err != nil {
			return err
		}
		now := loa.WallClock{}.Now()
		held, given, err := (&speaker.Register{DB: d, Root: first}).Given(ctx)
		if err != nil {
			return err
		}
		var to *seal.Root
		if *keys != "" {
			to = &seal.Root{Name: *name, Keys: strings.Split(*keys, ","), Threshold: *threshold, Demo: held.Demo}
		}
		ends := strings.FieldsFunc(*end, func(r rune) bool { return r == ',' })
		if given, err = prolonged(given, ends, now.AddDate(*years, 0, 0), now.Add(*overlap)); err != nil {
			return err
		}
		s, err := signer.NewSuccession(held, to, given)
		if err != nil {
			return err
		}
		if err := writeSuccession(*out, s); err != nil {
			return err
		}
		return tellSuccession(a, s)
	})
}

// prolonged is what the root gives again: until at least until, from the day it gave it
// first, since what hangs below may not begin earlier; keys that end, until over.
func prolonged(given []seal.Delegation, ends []string, until, over time.Time) ([]seal.Delegation, error) {
	unknown := slices.Clone(ends)
	var all []seal.Delegation
	for _, d := range given {
		ids, err := keyIDs(d.Keys)
		if err != nil {
			return nil, err
		}
		d.Until = max(d.Until, until.UnixMilli())
		if i := slices.IndexFunc(ends, func(id string) bool { return slices.Contains(ids, id) }); i >= 0 {
			d.Until = over.UnixMilli()
			unknown = slices.DeleteFunc(unknown, func(id string) bool { return id == ends[i] })
		}
		all = append(all, d)
	}
	if len(unknown) > 0 {
		return nil, loa.Errorf(loa.NotFound, "root.no_such_key", unknown[0])
	}
	return all, nil
}

func keyIDs(keys []string) (ids []string, err error) {
	for _, k := range keys {
		pub, err := seal.DecodePublic(k)
		if err != nil {
			return nil, err
		}
		ids = append(ids, seal.KeyID(pub))
	}
	return ids, nil
}

func writeSuccession(name string, s signer.Succession) error {
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write succession: %w", err)
	}
	return writeNew(name, b)
}

func readSuccession(f *flag.FlagSet, a *app) (s signer.Succession, b []byte, err error) {
	if err := f.Parse(a.args[1:]); err != nil || f.NArg() != 1 {
		return s, nil, errUsage
	}
	if b, err = os.ReadFile(f.Arg(0)); err != nil {
		return s, nil, fmt.Errorf("read succession: %w", err)
	}
	s, err = signer.ReadSuccession(b)
	return s, b, err
}

// rootShow says what a paper would do, for its holders to read before they seal it.
func rootShow(_ context.Context, a *app, f *flag.FlagSet) error {
	s, _, err := readSuccession(f, a)
	if err != nil {
		return err
	}
	return tellSuccession(a, s)
}

func tellSuccession(a *app, s signer.Succession) error {
	to, err := s.To()
	if err != nil {
		return err
	}
	given, err := s.Gives()
	if err != nil {
		return err
	}
	from, after, err := s.Lacks()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "root now\t%s\t%s\t%d of %d\n", s.From.Fingerprint()[:16], s.From.Name, s.From.Threshold, len(s.From.Keys))
	if s.Rotation != nil {
		fmt.Fprintf(w, "root next\t%s\t%s\t%d of %d\n", to.Fingerprint()[:16], to.Name, to.Threshold, len(to.Keys))
	}
	for _, d := range given {
		ids, err := keyIDs(d.Keys)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%v\tuntil %s\n", d.Role, strings.Join(ids, ","), d.Paths, time.UnixMilli(d.Until).In(loa.Zone()).Format("02/01/2006 15:04"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if from+after == 0 {
		_, err = fmt.Fprintln(a.out, "sealed by enough: loa root take")
		return err
	}
	_, err = fmt.Fprintf(a.out, "still to seal it: %d of the root now, %d of the root after\n", from, after)
	return err
}

// rootSeal adds one holder's seal: of the root now, or of the next.
func rootSeal(_ context.Context, a *app, f *flag.FlagSet) error {
	key := f.String("key", "", "the holder's key file, opened with LOA_ROOT_PASSPHRASE")
	out := f.String("o", "", "file to make")
	s, _, err := readSuccession(f, a)
	if err != nil {
		return err
	}
	if *key == "" || *out == "" {
		return errUsage
	}
	file, err := os.ReadFile(*key)
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	k, _, err := signer.OpenRoot(file, []byte(a.getenv("LOA_ROOT_PASSPHRASE")))
	if err != nil {
		return err
	}
	made, err := s.SealToo(k)
	if err != nil {
		return err
	}
	if made == 0 {
		return loa.Errorf(loa.Conflict, "root.not_asked")
	}
	if err := writeSuccession(*out, s); err != nil {
		return err
	}
	return tellSuccession(a, s)
}

// rootTake hands a sealed paper to the signer. The servers follow it within seconds,
// and the speakers with their next beacon.
func rootTake(ctx context.Context, a *app, f *flag.FlagSet) error {
	s, b, err := readSuccession(f, a)
	if err != nil {
		return err
	}
	c, err := node.FromEnv(a.getenv)
	if err != nil {
		return err
	}
	to, err := s.To()
	if err != nil {
		return err
	}
	if err := (signer.Client{Socket: socketOf(c)}).Succeed(ctx, b); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "root %s holds\n", to.Fingerprint()[:16])
	return err
}

// socketOf is where the signer answers.
func socketOf(c node.Config) string {
	if c.Signer != "" {
		return c.Signer
	}
	return filepath.Join(c.Dir, "sign.sock")
}
