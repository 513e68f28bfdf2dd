package e2e_test

import (
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"loa"
	"loa/db"
	"loa/e2e"
	"loa/node"
	"loa/signer"
)

var flips = flag.Int("flips", 60, "bits turned and ends cut off, one at a time")

// TestRot turns one bit, or cuts off the end, of one file of a town that has
// worked for a day. Then loa check says so, or the database is refused, or what
// people rely on is byte for byte what it was: the bit was in free room, or in a
// row that carries no promise. Which of these it was is counted.
func TestRot(t *testing.T) {
	town := e2e.Start(t, e2e.Options{Agents: 1})
	s := scripted(t, town)
	if err := s.run(2); err != nil {
		t.Fatal(err)
	}
	town.Servers[0].Kill()
	if err := town.DB.Close(); err != nil { // and its log goes into the file
		t.Fatal(err)
	}
	c := town.Config
	if found := findings(t, c, "", ""); len(found) > 0 {
		t.Fatalf("before any damage: %v", found)
	}
	was, err := promised(t, c)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]string{"database": {filepath.Join(town.Dir, "loa.db")}, "sounds": needed(t, c), "signer": under(t, c.SignerDir)}
	r := rand.New(rand.NewPCG(11, uint64(*flips)))
	counts := map[string]map[string]int{}
	for n := range *flips {
		kind := []string{"database", "sounds", "signer", "signer", "database"}[n%5]
		name := files[kind][r.IntN(len(files[kind]))]
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) == 0 {
			continue
		}
		damaged := slices.Clone(b)
		var how string
		if r.IntN(8) == 0 {
			damaged = damaged[:r.IntN(len(b))]
			how = fmt.Sprintf("cut off at %d of %d", len(damaged), len(b))
		} else {
			bit := r.IntN(8 * len(b))
			damaged[bit/8] ^= 1 << (bit % 8)
			how = fmt.Sprintf("bit %d of byte %d", bit%8, bit/8)
		}
		write(t, name, damaged)
		outcome := "said"
		if found := findings(t, c, kind, name); len(found) == 0 {
			outcome = "nothing anybody relies on"
			if kind != "database" {
				t.Errorf("%s of %s: nobody noticed", how, name)
				continue
			}
			if now, err := promised(t, c); err != nil {
				outcome = "refused when read"
			} else if now != was {
				t.Errorf("%s of the database: what people rely on is changed and loa check is content", how)
			}
		}
		if counts[kind] == nil {
			counts[kind] = map[string]int{}
		}
		counts[kind][outcome]++
		write(t, name, b)
		for _, beside := range []string{"-wal", "-shm"} { // what a check of the damaged one left
			_ = os.Remove(filepath.Join(town.Dir, "loa.db"+beside)) // not there: as wanted
		}
	}
	t.Logf("%d damages: %v", *flips, counts)
	for kind, n := range counts {
		if n["said"] == 0 {
			t.Errorf("nothing was ever found in %s", kind)
		}
	}
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// findings is what loa check finds; of one kind of file alone where that is all
// that was touched, because opening the signer's keys takes its time on purpose.
func findings(t *testing.T, c node.Config, kind, name string) (found []string) {
	switch kind {
	case "sounds":
		if _, err := (&db.Blobs{Dir: c.Blobs}).Get(filepath.Base(name)); err != nil {
			found = append(found, err.Error())
		}
		return found
	case "signer":
		if _, err := signer.Check(c.SignerDir, nil); err != nil {
			found = append(found, err.Error())
		}
		return found
	}
	say := func(ok bool, what string) {
		if !ok {
			found = append(found, what)
		}
	}
	if kind == "database" {
		node.CheckDatabase(t.Context(), c, say)
		return found
	}
	node.Check(t.Context(), c, say)
	return found
}

// promised is everything that carries a promise, as one hash: sealed documents,
// what was approved and by whose passkey, what sounded.
func promised(t *testing.T, c node.Config) (string, error) {
	d, err := db.Open(t.Context(), c.Database, loa.WallClock{})
	if err != nil {
		return "", err
	}
	defer d.Close()
	var all strings.Builder
	err = d.Read(t.Context(), func(tx *db.Tx) error {
		for _, q := range []string{
			`SELECT hash || type || hex(body) FROM document ORDER BY hash`,
			`SELECT bulletin_id || n || hex(payload) || payload_hash FROM bulletin_version ORDER BY bulletin_id, n`,
			`SELECT id || warrant || hex(COALESCE(payload, '')) FROM bulletin ORDER BY id`,
			`SELECT id || payload_hash || batch || assertion FROM approval ORDER BY id`,
			`SELECT box_id || ':' || n || slot || warrant || planned || started || ms || result || why || clock || verified || receipt FROM playback ORDER BY box_id, n`,
		} {
			rows, err := db.All(tx, q, nil, func(scan func(...any) error) (s string, err error) { return s, scan(&s) })
			if err != nil {
				return err
			}
			all.WriteString(strings.Join(rows, "\n"))
		}
		return nil
	})
	return loa.Hash([]byte(all.String())), err
}

func needed(t *testing.T, c node.Config) (files []string) {
	t.Helper()
	for _, f := range under(t, c.Blobs) {
		if name := filepath.Base(f); loa.IsHash(name) {
			files = append(files, f)
		}
	}
	d, err := db.Open(t.Context(), c.Database, loa.WallClock{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	used := map[string]bool{}
	if err := d.Read(t.Context(), func(tx *db.Tx) error {
		_, err := db.All(tx, `SELECT media FROM rendition JOIN bulletin ON id = bulletin_id WHERE state <> 'stopped' AND state <> 'draft'`, nil,
			func(scan func(...any) error) (s string, err error) { err = scan(&s); used[s] = true; return s, err })
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range files {
		if used[filepath.Base(f)] {
			all = append(all, f)
		}
	}
	return all
}

// under lists the files below a folder, locks and sockets apart.
func under(t *testing.T, dir string) (files []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && e.Name() != "lock" {
			files = append(files, p)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return files
}
