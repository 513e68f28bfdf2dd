package signer_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"loa"
	"loa/seal"
	"loa/signer"
	"loa/wire"
)

// heir is a root of three holders of whom two must agree.
func heir(t *testing.T) (seal.Root, []seal.Key) {
	t.Helper()
	r := seal.Root{Name: "heir", Threshold: 2, Demo: true}
	var keys []seal.Key
	for range 3 {
		k, err := seal.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		r.Keys, keys = append(r.Keys, seal.EncodePublic(k.Public)), append(keys, k)
	}
	return r, keys
}

// rootGave is what the root of the demonstration delegated: the province's key.
func (w *town) rootGave() (root seal.Root, key seal.Key, all []seal.Delegation) {
	w.t.Helper()
	b := demonstration()
	key, root, err := signer.OpenRoot(b.root, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	lead, err := seal.Leading(root, b.ceremony.Delegations[:1])
	if err != nil || len(lead) != 1 {
		w.t.Fatalf("%d by the root: %v", len(lead), err)
	}
	o, err := seal.Open(lead[0], seal.MaxDocument)
	if err != nil {
		w.t.Fatal(err)
	}
	var d seal.Delegation
	if err := seal.Decode(o.Payload, seal.MaxDocument, &d); err != nil {
		w.t.Fatal(err)
	}
	return root, key, []seal.Delegation{d}
}

func (w *town) paper(from seal.Root, to *seal.Root, given []seal.Delegation, by ...seal.Key) []byte {
	w.t.Helper()
	s, err := signer.NewSuccession(from, to, given)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, k := range by {
		if _, err := s.SealToo(k); err != nil {
			w.t.Fatal(err)
		}
	}
	b, err := json.Marshal(s)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// TestSuccession: what a signer does not follow, what it does, and that it comes back
// under the same root from its disk. The keys at rest are those it had.
func TestSuccession(t *testing.T) {
	w := open(t)
	root, old, given := w.rootGave()
	next, keys := heir(t)
	thief, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	inForce := next
	inForce.Demo = false
	unreal := given[0]
	unreal.Paths = []loa.Path{"vn/01"}
	other := given[0]
	other.Keys = []string{seal.EncodePublic(thief.Public)}
	late := given[0]
	late.From = start().UnixMilli() + 1 // what hangs below began before
	for _, c := range []struct {
		name, want string
		paper      []byte
	}{
		{"sealed by the new root alone", "seal.unknown_key", w.paper(root, &next, given, keys...)},
		{"sealed by the old root alone", "seal.unknown_key", w.paper(root, &next, given, old)},
		{"one of two holders", "seal.unknown_key", w.paper(root, &next, given, old, keys[0])},
		{"a thief beside them", "seal.unknown_key", w.paper(root, &next, given, old, keys[0], thief)},
		{"a real root after a demonstration's", "root.demo", w.paper(root, &inForce, given, old, keys[0], keys[1])},
		{"a place no demonstration has", "delegation.demo_only", w.paper(root, &next, []seal.Delegation{unreal}, old, keys[0], keys[1])},
		{"another's key in the place of ours", "root.leaves_silent", w.paper(root, &next, []seal.Delegation{other}, old, keys[0], keys[1])},
		{"a delegation that begins later", "root.leaves_silent", w.paper(root, &next, []seal.Delegation{late}, old, keys[0], keys[1])},
		{"from a root that is not held", "root.not_next", w.paper(next, &root, given, old, keys[0], keys[1])},
		{"nobody", "seal.signatures", w.paper(root, &next, given)},
		{"a thief prolongs", "seal.signatures", w.paper(root, nil, given, thief)},
		{"no paper", "document.malformed", []byte("x")},
		{"nothing given", "root.malformed", []byte(`{"kind":"succession","from":{"name":"","keys":["` + root.Keys[0] + `"],"threshold":1,"demo":true},"delegations":[]}`)},
	} {
		if err := w.Succeed(t.Context(), c.paper); loa.KeyOf(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	for _, bad := range []struct {
		name string
		file []byte
	}{{"half a file", []byte("{")}, {"another's", w.paper(root, &next, given, thief)}} {
		if err := os.MkdirAll(filepath.Join(w.dir, "roots"), 0o700); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(w.dir, "roots", "0001.json")
		if err := os.WriteFile(name, append([]byte(loa.Hash(bad.file)+"\n"), bad.file...), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := signer.Check(w.dir, nil); err == nil {
			t.Errorf("%s in the folder is believed", bad.name)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}

	paper := w.paper(root, &next, given, old, keys[0], keys[2])
	for range 2 {
		if err := w.Succeed(t.Context(), paper); err != nil {
			t.Fatal(err)
		}
	}
	stands := func(version int64, rotations int) seal.Root {
		t.Helper()
		info, err := w.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		reached := root
		for _, b := range info.Rotations {
			if reached, err = seal.Follow(reached, b); err != nil {
				t.Fatal(err)
			}
		}
		if info.Root.Version != version || len(info.Rotations) != rotations || reached.Fingerprint() != info.Root.Fingerprint() {
			t.Fatalf("root %d after %d rotations", info.Root.Version, len(info.Rotations))
		}
		if len(info.Delegations) != len(demonstration().ceremony.Delegations) {
			t.Errorf("%d delegations", len(info.Delegations))
		}
		if w.trust, err = seal.NewTrust(info.Root, info.Delegations, 0); err != nil {
			t.Fatal(err)
		}
		payload := w.warrant()
		if _, err := wire.OpenWarrant(w.trust, w.sealed(wire.WarrantType, payload, w.leader), start().UnixMilli()); err != nil {
			t.Error(err)
		}
		return info.Root
	}
	held := stands(1, 1)
	w.stop()
	w.run() // from the disk
	stands(1, 1)
	if _, err := signer.Check(w.dir, nil); err != nil {
		t.Error(err)
	}
	if err := w.Succeed(t.Context(), w.paper(root, &next, given, old, keys[0], keys[1])); loa.KeyOf(err) != "root.not_next" {
		t.Errorf("another paper from the old root: %v", err)
	}
	// The root stays, and prolongs.
	given[0].Until += year.Milliseconds()
	if err := w.Succeed(t.Context(), w.paper(held, nil, given, keys[1], keys[2])); err != nil {
		t.Fatal(err)
	}
	stands(1, 1)
	third, others := heir(t)
	if err := w.Succeed(t.Context(), w.paper(held, &third, given, append(keys, others...)...)); err != nil {
		t.Fatal(err)
	}
	stands(2, 2)
	w.stop()
	w.run()
	stands(2, 2)
}

// TestRenew turns the clock: nothing happens before three fifths of a life, then the
// keys below the province's are prolonged as far as the province's own lasts and no
// further, once, and again when the root has prolonged that. From the disk too.
func TestRenew(t *testing.T) {
	w := open(t)
	renews := func(want string) {
		t.Helper()
		done, err := w.Renew(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, r := range done {
			all = append(all, fmt.Sprintf("%s %v %d", r.Role, r.Paths[0], (r.Until-start().UnixMilli())/(24*3_600_000)))
		}
		slices.Sort(all)
		if got := fmt.Sprint(all); got != want {
			t.Errorf("renewed %s, want %s", got, want)
		}
	}
	const tenth = year / 10
	w.clock.Turn(5 * tenth)
	renews("[]")
	w.clock.Turn(2 * tenth)
	renews("[]") // all of one age: there is nothing the province's own key could still give
	root, key, given := w.rootGave()
	given[0].Until += (5 * tenth).Milliseconds() // a year and a half from the start
	if err := w.Succeed(t.Context(), w.paper(root, nil, given, key)); err != nil {
		t.Fatal(err)
	}
	renews("[authority vn/97/97001 547 authority vn/97/97002 547 beacon vn/97 547 dispatch vn/97 547]")
	renews("[]")
	w.stop()
	w.run()
	renews("[]")
	info, err := w.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Delegations) != 9 { // the province's newest, and two of each below
		t.Errorf("%d delegations", len(info.Delegations))
	}
	// The first are over. What the renewed ones seal holds.
	w.clock.Turn(4 * tenth)
	if w.trust, err = seal.NewTrust(info.Root, info.Delegations, 0); err != nil {
		t.Fatal(err)
	}
	now := w.clock.Now().UnixMilli()
	payload := w.warrant(func(d *wire.Warrant) { d.From, d.Until = now, now+3_600_000 })
	if _, err := wire.OpenWarrant(w.trust, w.sealed(wire.WarrantType, payload, w.leader), now); err != nil {
		t.Error(err)
	}
	given[0].Until += year.Milliseconds()
	if err := w.Succeed(t.Context(), w.paper(root, nil, given, key)); err != nil {
		t.Fatal(err)
	}
	renews("[]") // two fifths of the second life
	w.clock.Turn(2 * tenth)
	done, err := w.Renew(t.Context())
	if err != nil || len(done) != 4 {
		t.Errorf("the third life: %d, %v", len(done), err)
	}
	for _, r := range done {
		if left := time.UnixMilli(r.Until).Sub(w.clock.Now()); left < 7*tenth {
			t.Errorf("%s %v for %v", r.Role, r.Paths, left)
		}
	}
}
