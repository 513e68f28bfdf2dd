package speaker_test

import (
	"strings"
	"testing"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/seal"
	"loa/speaker"
	"loa/wire"
)

// TestRoots takes a register through two rotations on both databases: what devices
// are told, what a code made before says, which delegations go, and what is not
// adopted.
func TestRoots(t *testing.T) {
	each(t, func(t *testing.T, n node) {
		key := func() seal.Key { return must(seal.NewKey()) }
		rootOf := func(k seal.Key) seal.Root {
			return seal.Root{Name: "tỉnh", Keys: []string{seal.EncodePublic(k.Public)}, Threshold: 1, Demo: true}
		}
		a, b, c, maker := key(), key(), key(), key()
		first := rootOf(a)
		var said []journal.Entry
		reg := &speaker.Register{DB: n.db, Keys: n.keys, Root: first, Said: func(_ string, e journal.Entry) { said = append(said, e) }}
		gives := func(role seal.Role, to, by seal.Key) []byte {
			return n.sealed(seal.DelegationType, seal.Delegation{Kind: "delegation", Role: role, Keys: []string{seal.EncodePublic(to.Public)}, Threshold: 1,
				Paths: []loa.Path{province}, Classes: wire.Classes(), From: 1, Until: n.now() + 1e11}, by)
		}
		beacon := func() wire.Beacon {
			t.Helper()
			var e journal.Emit
			n.ok(n.write(func(tx *db.Tx) (err error) { e, err = speaker.WriteBeacon(tx, n.keys, dongSay); return err }))
			return n.beacon(e)
		}
		adopts := func(root seal.Root, rotations, delegations [][]byte, want bool) {
			t.Helper()
			fresh, err := reg.Adopt(t.Context(), root, rotations, delegations)
			n.ok(err)
			if fresh != want {
				t.Errorf("something was new: %v", fresh)
			}
		}
		refuses := func(want string, root seal.Root, rotations, delegations [][]byte) {
			t.Helper()
			if _, err := reg.Adopt(t.Context(), root, rotations, delegations); loa.KeyOf(err) != want {
				t.Errorf("%v, want %s", err, want)
			}
		}
		before := [][]byte{gives(seal.Authority, n.own, a), gives(seal.Beacon, n.keys.Beacon, a)}
		adopts(first, nil, before, true)
		adopts(first, nil, before, false)
		n.ok(reg.Believe(t.Context(), [][]byte{gives(seal.Release, maker, a)}))
		adopts(first, nil, before, false) // the signer knows of no release keys
		if bc := beacon(); bc.Root != "" || len(bc.Trust) != 3 {
			t.Errorf("before: root %q, %d delegations", bc.Root, len(bc.Trust))
		}
		refuses("seal.unknown_key", first, nil, [][]byte{gives(seal.Authority, n.own, b)})

		code := func() string {
			t.Helper()
			tech := loa.Actor{ID: "k", Grants: []loa.Grant{{Path: province, Rights: []loa.Right{loa.RightSpeakers}}}}
			s, err := reg.NewCode(t.Context(), tech, "pole")
			n.ok(err)
			return s
		}
		n.ok(n.write(func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO pole (id, code, path, name, cap, created_at) VALUES ('pole', 'P', ?, 'Cột', 80, 0)`, dongSay)
			return err
		}))
		old := code()
		named := func(code string, want seal.Root) {
			t.Helper()
			letters, prefix, _ := strings.Cut(code, ".")
			root, err := reg.RootOfCode(t.Context(), strings.ToLower(letters))
			n.ok(err)
			if root.Fingerprint() != want.Fingerprint() || !strings.HasPrefix(want.Fingerprint(), prefix) {
				t.Errorf("the code says %s, the node %s", prefix, root.Fingerprint()[:16])
			}
		}
		named(old, first)

		r1 := must(seal.Rotate(first, rootOf(b), a, b))
		second := must(seal.Follow(first, r1))
		after := [][]byte{gives(seal.Authority, n.own, b), gives(seal.Beacon, n.keys.Beacon, b), gives(seal.Release, maker, b)}
		refuses("node.other_root", second, nil, after)
		refuses("node.other_root", first, [][]byte{r1}, after)
		refuses("seal.unknown_key", second, [][]byte{r1}, before)
		said = nil
		adopts(second, [][]byte{r1}, after, true)
		adopts(second, [][]byte{r1}, after, false)
		if len(said) != 1 || said[0].Verb != "root.rotated" || said[0].Subject != second.Fingerprint() || said[0].Path != province {
			t.Errorf("said %+v", said)
		}
		if bc := beacon(); bc.Root != second.Fingerprint() || len(bc.Trust) != 3 {
			t.Errorf("after: root %q, %d delegations", bc.Root, len(bc.Trust))
		}
		named(old, first)
		named(code(), second)
		r2 := must(seal.Rotate(second, rootOf(c), b, c))
		third := must(seal.Follow(second, r2))
		last := [][]byte{gives(seal.Authority, n.own, c), gives(seal.Beacon, n.keys.Beacon, c)}
		adopts(third, [][]byte{r1, r2}, last, true)
		if now, err := reg.RootNow(t.Context()); err != nil || now.Fingerprint() != third.Fingerprint() {
			t.Errorf("root %d, %v", now.Version, err)
		}
		if bc := beacon(); bc.Root != third.Fingerprint() || len(bc.Trust) != 2 {
			t.Errorf("the release keys of a root that is gone are named: %d", len(bc.Trust))
		}
		for _, q := range []struct {
			from seal.Root
			want int
		}{{first, 2}, {second, 1}, {third, 0}} {
			list, err := reg.RootsAfter(t.Context(), q.from.Fingerprint())
			n.ok(err)
			reached := q.from
			for _, b := range list {
				reached = must(seal.Follow(reached, b))
			}
			if len(list) != q.want || reached.Fingerprint() != third.Fingerprint() {
				t.Errorf("%d rotations follow root %d, to %d", len(list), q.from.Version, reached.Version)
			}
		}
		if _, err := reg.RootsAfter(t.Context(), loa.Hash(nil)); loa.KeyOf(err) != "root.unknown" {
			t.Errorf("a root nobody had: %v", err)
		}
		// A signer that was put back from before the last rotation, and one of a fork.
		refuses("node.other_root", second, [][]byte{r1}, after)
		fork := must(seal.Rotate(first, rootOf(maker), a, maker))
		forked := must(seal.Follow(first, fork))
		refuses("node.other_root", forked, [][]byte{fork}, [][]byte{gives(seal.Authority, n.own, maker)})
		// The database alone moves nobody.
		n.ok(n.write(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE root_rotation SET body = ? WHERE version = 2`, fork)
			return err
		}))
		if _, err := reg.RootNow(t.Context()); loa.KeyOf(err) != "root.not_next" {
			t.Errorf("another rotation in the database: %v", err)
		}
	})
}
