package wire_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"loa"
	"loa/wire"
)

func hashes(n int) (all []string) {
	for i := range n {
		all = append(all, loa.Hash(fmt.Append(nil, i)))
	}
	return all
}

// TestBatch: the same documents are the same bytes in whatever order they come,
// and no other bytes are theirs.
func TestBatch(t *testing.T) {
	all := hashes(wire.MaxBatch)
	one, err := wire.Batch(wire.WarrantType, all)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(all)
	two, err := wire.Batch(wire.WarrantType, all)
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("the order made other bytes: %v", err)
	}
	slices.Sort(all)
	if read, err := wire.ReadBatch(one, wire.WarrantType); err != nil || !slices.Equal(read, all) {
		t.Errorf("read %q, %v", read, err)
	}
	if len(one) > 5<<10 {
		t.Errorf("%d bytes: eight of them no longer fit one request", len(one))
	}
	for _, c := range []struct {
		name   string
		hashes []string
		want   string
	}{
		{"none", nil, "batch.malformed"},
		{"one more", hashes(wire.MaxBatch + 1), "batch.too_many"},
		{"one twice", []string{all[0], all[0]}, "batch.malformed"},
		{"no hash", []string{"abc"}, "batch.malformed"},
		{"in capitals", []string{strings.ToUpper(all[0])}, "batch.malformed"},
	} {
		if _, err := wire.Batch(wire.WarrantType, c.hashes); loa.KeyOf(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := wire.ReadBatch(one, wire.PolicyType); loa.KeyOf(err) != "batch.malformed" {
		t.Errorf("a batch of warrants passed for one of policies: %v", err)
	}
}

// FuzzBatch: whatever is taken is what Batch would have written for it.
func FuzzBatch(f *testing.F) {
	good, err := wire.Batch(wire.WarrantType, hashes(3))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte("loa batch 1 " + wire.WarrantType + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		read, err := wire.ReadBatch(b, wire.WarrantType)
		if err != nil {
			return
		}
		again, err := wire.Batch(wire.WarrantType, read)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("took %q, writes %q: %v", b, again, err)
		}
	})
}

// FuzzGrant: whatever is taken never reaches an emergency, and survives being
// written again.
func FuzzGrant(f *testing.F) {
	f.Add([]byte(`{"v":0,"kind":"grant","id":"00000000000000000000000001","giver":"a","delegate":"b","own":false,"paths":["vn/97"],` +
		`"classes":["normal"],"hour_from":0,"hour_until":1440,"from":1,"until":2,"decision":"QĐ 1"}`))
	f.Add([]byte(`{"v":0,"kind":"grant","id":"00000000000000000000000001","giver":"a","delegate":"b","own":true,"paths":["vn/97"],` +
		`"classes":["normal"],"categories":["nuoc"],"hour_from":0,"hour_until":1440,"from":1,"until":2,"decision":"QĐ 1","max_ms":1,"plays_day":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := wire.ReadGrant(b)
		if err != nil {
			return
		}
		again, err := wire.Encode(g)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.ReadGrant(again); err != nil {
			t.Errorf("wrote what is not read: %v", err)
		}
		for _, w := range []wire.Warrant{siren(), halt()} {
			w.Author = "somebody"
			if err := g.Allows(w, g.Delegate, g.From); err == nil {
				t.Errorf("%s let a %s %s pass", b, w.Class, w.Kind)
			}
		}
	})
}
