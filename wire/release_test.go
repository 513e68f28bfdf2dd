package wire_test

import (
	"testing"

	"loa/wire"
)

// TestShares: a wider share takes in all of a narrower one, and over many boxes
// each release's share is about what it says, with other boxes first.
func TestShares(t *testing.T) {
	const boxes = 4000
	one, other := hash("release one"), hash("release two")
	var first, again, both int
	for i := range boxes {
		d := id(string(rune('a'+i%26)) + hash(string(rune(i)))[:8])
		narrow := wire.Offer{Hash: one, Share: 10}.Meant(d)
		if narrow && !(wire.Offer{Hash: one, Share: 11}).Meant(d) {
			t.Fatalf("%s is among 10 percent and not among 11", d)
		}
		if !(wire.Offer{Hash: one, Share: 100}).Meant(d) {
			t.Fatalf("%s is not among all", d)
		}
		second := wire.Offer{Hash: other, Share: 10}.Meant(d)
		if narrow {
			first++
		}
		if second {
			again++
		}
		if narrow && second {
			both++
		}
	}
	for _, n := range []int{first, again} {
		if n < boxes*8/100 || n > boxes*12/100 {
			t.Errorf("10 percent of %d boxes are %d", boxes, n)
		}
	}
	if both > boxes*3/100 {
		t.Errorf("%d boxes are first both times", both)
	}
}

// FuzzReadRelease: a release that is taken is bounded and is the same when it is
// written again; deciding about it never fails.
func FuzzReadRelease(f *testing.F) {
	f.Add(encode(f, release()))
	f.Add([]byte(`{"v":0,"kind":"release","product":"../x","number":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := wire.ReadRelease(b)
		if err != nil {
			return
		}
		again, err := wire.ReadRelease(encode(t, got))
		if err != nil || again.Number != got.Number || len(again.Builds) != len(got.Builds) {
			t.Fatalf("written again it is %+v, %v", again, err)
		}
		p := wire.Program{Product: got.Product, Number: got.Number, System: got.Builds[0].System}
		if _, err := wire.Install(got, p, got.From); verdict(err) != "release.old" {
			t.Fatalf("replaces itself: %v", err)
		}
	})
}
