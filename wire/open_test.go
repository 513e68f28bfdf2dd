package wire_test

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/seal"
	"loa/wire"
)

// trust is the usual chain of the vectors.
func trust(t testing.TB) *seal.Trust {
	t.Helper()
	var list [][]byte
	for _, d := range usual() {
		var keys []seal.Key
		for _, name := range d.by {
			keys = append(keys, key(name))
		}
		list = append(list, sealed(t, d.as, encode(t, d.Delegation), keys...))
	}
	chain, err := seal.NewTrust(demoRoot(), list, 1)
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

// TestOpenGives: what was sealed comes out, field for field.
func TestOpenGives(t *testing.T) {
	chain, now := trust(t), today()+8*hour
	device := func(name string) (ed25519.PublicKey, error) {
		if name != id("d1") {
			return nil, loa.Errorf(loa.NotFound, "box.unknown")
		}
		return key("device").Public, nil
	}
	gives := func(name string, want, got any, err error) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	w, err := wire.OpenWarrant(chain, sealed(t, wire.WarrantType, encode(t, siren()), key("commune")), now)
	gives("warrant", siren(), w, err)
	p, err := wire.OpenPlan(chain, sealed(t, wire.PlanType, encode(t, plan()), key("dispatch")), now)
	gives("plan", plan(), p, err)
	b, err := wire.OpenBeacon(chain, sealed(t, wire.BeaconType, encode(t, beacon()), key("beacon")), now)
	gives("beacon", beacon(), b, err)
	b, err = wire.PeekBeacon(sealed(t, wire.BeaconType, encode(t, beacon()), key("stranger")))
	gives("a beacon not believed", beacon(), b, err)
	l, err := wire.OpenPlacement(chain, sealed(t, wire.PlacementType, encode(t, placement()), key("commune")), now)
	gives("placement", placement(), l, err)
	y, err := wire.OpenPolicy(chain, sealed(t, wire.PolicyType, encode(t, policy()), key("province")), now)
	gives("policy", policy(), y, err)
	c, err := wire.OpenTime(chain, sealed(t, wire.TimeType, encode(t, clockTime()), key("beacon")), here, now)
	gives("time", clockTime(), c, err)
	r, err := wire.OpenReceipt(sealed(t, wire.ReceiptType, encode(t, receipt()), key("device")), device)
	gives("receipt", receipt(), r, err)
	k, err := wire.OpenToken(sealed(t, wire.TokenType, encode(t, token()), key("device")), token().At, device)
	gives("token", token(), k, err)

	unknown := token()
	unknown.Device = id("d2")
	if _, err := wire.OpenToken(sealed(t, wire.TokenType, encode(t, unknown), key("device")), token().At, device); verdict(err) != "box.unknown" {
		t.Errorf("a device nobody knows: %v", err)
	}
	if _, err := wire.PeekBeacon(sealed(t, wire.PlanType, encode(t, beacon()), key("beacon"))); verdict(err) != "document.wrong_type" {
		t.Errorf("a beacon sealed as a plan: %v", err)
	}
}

// TestSignersReaders: the signer reads payloads with the same eyes.
func TestSignersReaders(t *testing.T) {
	w, err := wire.ReadWarrant(encode(t, play()))
	if diff := cmp.Diff(play(), w); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := wire.ReadWarrant(encode(t, plan())); verdict(err) != "document.unknown_key" {
		t.Errorf("a plan: %v", err)
	}
	if _, err := wire.ReadWarrant(append(encode(t, play()), bytes.Repeat([]byte(" "), seal.MaxDocument)...)); verdict(err) != "document.too_large" {
		t.Errorf("too large: %v", err)
	}
}

// FuzzOpenWarrant: nobody without a key makes bytes that are obeyed. Whatever is
// opened is, byte for byte, one of the envelopes that were sealed. Under the
// right seal, any payload that is obeyed passes its own check and lies where
// its key may speak.
func FuzzOpenWarrant(f *testing.F) {
	chain, now := trust(f), today()+8*hour
	var genuine [][]byte
	for _, w := range []wire.Warrant{play(), siren(), halt()} {
		payload := encode(f, w)
		b := sealed(f, wire.WarrantType, payload, key("commune"))
		genuine = append(genuine, b)
		f.Add(b)
		f.Add(payload)
	}
	f.Add(append(bytes.Clone(genuine[0]), ' '))
	f.Add(sealed(f, wire.WarrantType, encode(f, play()), key("sibling")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := wire.OpenWarrant(chain, b, now); err == nil {
			known := false
			for _, g := range genuine {
				known = known || bytes.Equal(g, b)
			}
			if !known {
				t.Fatalf("forged: %s", b)
			}
		}
		w, err := wire.OpenWarrant(chain, sealed(t, wire.WarrantType, b, key("commune")), now)
		if err != nil {
			return
		}
		if err := w.Check(); err != nil {
			t.Fatal(err)
		}
		for _, p := range w.Paths() {
			if !here.Covers(p) {
				t.Fatalf("speaks for %s", p)
			}
		}
		if len(w.Scope) == 0 {
			t.Fatal("speaks for nobody in particular")
		}
		p := placement()
		s := wire.Slot{ID: "s", Start: w.From}
		if a, ok := wire.SlotAllowed(s, w, p, []wire.Policy{policy()}); ok && (w.Now || a.Volume > w.Cap || a.Volume > p.Cap || a.Volume < 1) {
			t.Fatalf("%+v at %+v", w, a)
		}
		wire.InScope(w.Scope, p)
	})
}

// FuzzOpenPlan: any payload under the dispatch key's seal that is taken is the
// same when written again, and what it asks for is found slot by slot.
func FuzzOpenPlan(f *testing.F) {
	chain, now := trust(f), today()
	f.Add(encode(f, plan()))
	f.Add([]byte(`{"v":0,"kind":"plan","path":"vn/97/97001","version":1,"made":1,"until":2,"slots":[]}`))
	f.Add(bytes.Replace(encode(f, plan()), []byte(`"slots":[`), []byte(`"slots":[{},`), 1))
	f.Fuzz(func(t *testing.T, payload []byte) {
		p, err := wire.OpenPlan(chain, sealed(t, wire.PlanType, payload, key("dispatch")), now)
		if err != nil {
			return
		}
		if !province.Covers(p.Path) {
			t.Fatalf("plans for %s", p.Path)
		}
		done := map[string]bool{}
		for last := int64(0); ; {
			s, ok := wire.Next(p, 0, func(id string) bool { return done[id] })
			if !ok {
				break
			}
			if s.Start < last || done[s.ID] {
				t.Fatalf("slot %s out of order", s.ID)
			}
			last, done[s.ID] = s.Start, true
		}
		if len(done) != len(p.Slots) {
			t.Fatalf("%d of %d slots found", len(done), len(p.Slots))
		}
		if p.Slots == nil {
			return // written again it would say null
		}
		again, err := wire.OpenPlan(chain, sealed(t, wire.PlanType, encode(t, p), key("dispatch")), now)
		if verdict(err) == "document.too_large" {
			return // escapes are longer than what they stand for
		}
		if err != nil {
			t.Fatalf("written again it is refused: %v", err)
		}
		p.Ignore, again.Ignore = nil, nil // its spaces are not kept
		if diff := cmp.Diff(p, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

// BenchmarkOpenWarrant is what a device pays for one warrant, from bytes to
// belief: at most 150 µs on the build machine. The signature alone stands beside
// it, because machines differ and are shared.
func BenchmarkOpenWarrant(b *testing.B) {
	now := today() + 8*hour
	b.Run("the signature alone", func(b *testing.B) {
		k := key("commune")
		text := seal.PAE(wire.WarrantType, encode(b, siren()))
		sig := ed25519.Sign(ed25519.NewKeyFromSeed(k.Seed()), text)
		for b.Loop() {
			if !ed25519.Verify(k.Public, text, sig) {
				b.Fatal("not verified")
			}
		}
	})
	b.Run("one seal", func(b *testing.B) {
		chain, env := trust(b), sealed(b, wire.WarrantType, encode(b, siren()), key("commune"))
		b.SetBytes(int64(len(env)))
		for b.Loop() {
			if _, err := wire.OpenWarrant(chain, env, now); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("forged", func(b *testing.B) {
		chain, env := trust(b), sealed(b, wire.WarrantType, encode(b, siren()), key("stranger"))
		for b.Loop() {
			if _, err := wire.OpenWarrant(chain, env, now); verdict(err) != "seal.unknown_key" {
				b.Fatal(err)
			}
		}
	})
}
