package wire_test

import (
	"bytes"
	"testing"

	"loa"
	"loa/seal"
	"loa/wire"
)

// TestReader: a document that was opened once is believed no longer than one that
// was not: date and trust are asked each time, and one byte more or less is another
// document.
func TestReader(t *testing.T) {
	chain, now := trust(t), today()+8*hour
	r := &wire.Reader{}
	b := sealed(t, wire.WarrantType, encode(t, siren()), key("commune"))
	for range 3 {
		if _, err := r.Warrant(chain, b, now); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Warrant(chain, b, now+5000*day); verdict(err) != "seal.wrong_date" {
		t.Errorf("years later: %v", err)
	}
	none, err := seal.NewTrust(demoRoot(), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Warrant(none, b, now); verdict(err) != "seal.unknown_key" {
		t.Errorf("under another trust: %v", err)
	}
	if _, err := r.Beacon(chain, b, now); verdict(err) != "document.wrong_type" {
		t.Errorf("as a beacon: %v", err)
	}
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if _, err := r.Warrant(chain, bad, now); err == nil {
			t.Fatalf("byte %d was turned and nobody saw", i)
		}
	}
	// A forged seal looked at first leaves nothing behind, nor does a peek.
	forged := sealed(t, wire.BeaconType, encode(t, beacon()), key("stranger"))
	if _, err := r.PeekBeacon(forged); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.Beacon(chain, forged, now); loa.CodeOf(err) != loa.Forbidden {
			t.Errorf("a stranger's beacon: %v", err)
		}
	}
}
