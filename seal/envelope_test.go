package seal_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/seal"
)

// key makes the same key for the same name.
func key(name string) seal.Key {
	seed := sha256.Sum256([]byte("loa test key " + name))
	k, err := seal.KeyFromSeed(seed[:])
	if err != nil {
		panic(err)
	}
	return k
}

func publics(keys ...seal.Key) (all []ed25519.PublicKey) {
	for _, k := range keys {
		all = append(all, k.Public)
	}
	return all
}

func sealed(t *testing.T, as, payload string, keys ...seal.Key) []byte {
	t.Helper()
	b, err := seal.Seal(as, []byte(payload), keys...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPAE holds the example of the DSSE specification, and that no two pairs of
// type and payload sign the same bytes.
func TestPAE(t *testing.T) {
	for _, c := range []struct{ as, payload, want string }{
		{"http://example.com/HelloWorld", "hello world", "DSSEv1 29 http://example.com/HelloWorld 11 hello world"},
		{"", "", "DSSEv1 0  0 "},
		{"a b", "c", "DSSEv1 3 a b 1 c"},
		{"a", "b 1 c", "DSSEv1 1 a 5 b 1 c"},
		{"đ", "ộ", "DSSEv1 2 đ 3 ộ"}, // lengths are bytes
	} {
		if got := string(seal.PAE(c.as, []byte(c.payload))); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestSpecification checks the signature the DSSE specification does not give
// for Ed25519: made by crypto/ed25519 over bytes written out here.
func TestSpecification(t *testing.T) {
	k := key("a")
	var env seal.Envelope
	if err := json.Unmarshal(sealed(t, "http://example.com/HelloWorld", "hello world", k), &env); err != nil {
		t.Fatal(err)
	}
	sig := ed25519.Sign(ed25519.NewKeyFromSeed(k.Seed()), []byte("DSSEv1 29 http://example.com/HelloWorld 11 hello world"))
	hash := sha256.Sum256(k.Public)
	want := seal.Envelope{
		PayloadType: "http://example.com/HelloWorld", Payload: "aGVsbG8gd29ybGQ=",
		Signatures: []seal.Signature{{KeyID: hexOf(hash[:16]), Sig: base64.StdEncoding.EncodeToString(sig)}},
	}
	if diff := cmp.Diff(want, env); diff != "" {
		t.Error(diff)
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s []byte
	for _, c := range b {
		s = append(s, digits[c>>4], digits[c&15])
	}
	return string(s)
}

func TestBy(t *testing.T) {
	a, b, c := key("a"), key("b"), key("c")
	for _, s := range []struct {
		name string
		by   []seal.Key
		set  []seal.Key
		want int
	}{
		{"the key", []seal.Key{a}, []seal.Key{a}, 1},
		{"another key", []seal.Key{a}, []seal.Key{b}, 0},
		{"no keys", []seal.Key{a}, nil, 0},
		{"one of two", []seal.Key{a}, []seal.Key{a, b}, 1},
		{"two of three", []seal.Key{a, c}, []seal.Key{a, b, c}, 2},
		{"two, one of them a stranger", []seal.Key{a, c}, []seal.Key{a, b}, 1},
		{"the same key twice in the set counts once", []seal.Key{a}, []seal.Key{a, a}, 1},
	} {
		t.Run(s.name, func(t *testing.T) {
			o, err := seal.Open(sealed(t, "x", "payload", s.by...), 100)
			if err != nil {
				t.Fatal(err)
			}
			if o.Type != "x" || string(o.Payload) != "payload" {
				t.Errorf("opened %q, %q", o.Type, o.Payload)
			}
			if got := o.By(publics(s.set...)); got != s.want {
				t.Errorf("%d, want %d", got, s.want)
			}
		})
	}
}

// TestTampered changes every part of an envelope and hopes that nobody sealed it.
func TestTampered(t *testing.T) {
	a, b := key("a"), key("b")
	for name, change := range map[string]func(*seal.Envelope){
		"payload": func(e *seal.Envelope) { e.Payload = "aGVsbG8gd29ybGU=" },
		"longer":  func(e *seal.Envelope) { e.Payload = "aGVsbG8gd29ybGQg" },
		"type":    func(e *seal.Envelope) { e.PayloadType = "application/vnd.loa.plan+json" },
		"signature": func(e *seal.Envelope) {
			e.Signatures[0].Sig = "AAAA" + e.Signatures[0].Sig[4:]
		},
		"signature of another key": func(e *seal.Envelope) {
			var other seal.Envelope
			if err := json.Unmarshal(sealed(t, e.PayloadType, "hello world", b), &other); err != nil {
				t.Fatal(err)
			}
			e.Signatures[0].Sig = other.Signatures[0].Sig
		},
		"key id":               func(e *seal.Envelope) { e.Signatures[0].KeyID = b.ID },
		"key id in capitals":   func(e *seal.Envelope) { e.Signatures[0].KeyID = strings.ToUpper(a.ID) },
		"empty signature":      func(e *seal.Envelope) { e.Signatures[0].Sig = "" },
		"short signature":      func(e *seal.Envelope) { e.Signatures[0].Sig = "AAAA" },
		"signature of noughts": func(e *seal.Envelope) { e.Signatures[0].Sig = base64.StdEncoding.EncodeToString(make([]byte, 64)) },
		"signature no base64":  func(e *seal.Envelope) { e.Signatures[0].Sig = "?" },
		"signature with S raised by the group's order": func(e *seal.Envelope) {
			sig, err := base64.StdEncoding.DecodeString(e.Signatures[0].Sig)
			if err != nil {
				t.Fatal(err)
			}
			e.Signatures[0].Sig = base64.StdEncoding.EncodeToString(raiseS(sig))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var env seal.Envelope
			if err := json.Unmarshal(sealed(t, "application/vnd.loa.warrant+json", "hello world", a), &env); err != nil {
				t.Fatal(err)
			}
			change(&env)
			b, err := json.Marshal(env)
			if err != nil {
				t.Fatal(err)
			}
			o, err := seal.Open(b, 100)
			if err != nil {
				t.Fatalf("not opened: %v", err)
			}
			if n := o.By(publics(a)); n != 0 {
				t.Errorf("%d keys still seal it", n)
			}
		})
	}
}

// TestNothingIsEscaped: an envelope whose text could be written in two ways is
// not in its one form, in either of them.
func TestNothingIsEscaped(t *testing.T) {
	good := sealed(t, "application/vnd.loa.warrant+json", "hello world", key("a"))
	for _, c := range []struct{ old, fresh string }{
		{`"application/`, `"application\/`}, {`"application/`, `"\u0061pplication/`}, {`"sig":"`, `"sig":"\n`}, {`"sig":"`, `"sig":"\u003c`},
		{`"keyid":"`, `"keyid":"\"`}, {`"payloadType"`, `"payload\u0054ype"`},
	} {
		b := bytes.Replace(good, []byte(c.old), []byte(c.fresh), 1)
		if _, err := seal.Open(b, 100); loa.KeyOf(err) != "seal.form" {
			t.Errorf("%s: %v", c.fresh, err)
		}
	}
}

// raiseS adds L to the second half of a signature (RFC 8032, 5.1.7): a verifier
// that does not compare S with L takes it for a second signature.
func raiseS(sig []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := slices.Clone(sig[32:])
	slices.Reverse(s)
	raised := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(raised)
	return append(slices.Clone(sig[:32]), raised...)
}

// TestOpen refuses every envelope that is not written as Seal writes it: a
// document's name is the hash of its envelope, so there must be one only.
func TestOpen(t *testing.T) {
	a, b := key("a"), key("b")
	one := sealed(t, "x", "hello world", a)
	edit := func(old, fresh string) []byte {
		if !bytes.Contains(one, []byte(old)) {
			t.Fatalf("%s has no %s", one, old)
		}
		return bytes.Replace(one, []byte(old), []byte(fresh), 1)
	}
	of := func(change func(*seal.Envelope)) []byte {
		var env seal.Envelope
		if err := json.Unmarshal(sealed(t, "x", "hello world", a, b), &env); err != nil {
			t.Fatal(err)
		}
		change(&env)
		raw, err := json.Marshal(env)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	nine := make([]seal.Key, 9)
	for i := range nine {
		nine[i] = key(string(rune('a' + i)))
	}
	for _, c := range []struct {
		name string
		in   []byte
		want string
	}{
		{"one signature", one, "ok"},
		{"two signatures", of(func(*seal.Envelope) {}), "ok"},
		{"eight signatures", sealed(t, "x", "hello world", nine[:8]...), "ok"},
		{"nine signatures", sealed(t, "x", "hello world", nine...), "seal.signatures"},
		{"no signature", of(func(e *seal.Envelope) { e.Signatures = []seal.Signature{} }), "seal.signatures"},
		{"no list of signatures", []byte(`{"payloadType":"x","payload":"aGVsbG8gd29ybGQ="}`), "seal.signatures"},
		{"two signatures the other way round", of(func(e *seal.Envelope) { slices.Reverse(e.Signatures) }), "seal.form"},
		{"the same key twice", of(func(e *seal.Envelope) { e.Signatures[1] = e.Signatures[0] }), "seal.form"},
		{"a space at the end", append(slices.Clone(one), ' '), "seal.form"},
		{"a line break at the end", append(slices.Clone(one), '\n'), "seal.form"},
		{"a space inside", edit(`,"payload"`, `, "payload"`), "seal.form"},
		{"an escape", edit(`"x"`, `"\u0078"`), "seal.form"},
		{"an escaped solidus", edit(`"x"`, `"x\/"`), "seal.form"},
		{"keys in another order", edit(`"payloadType":"x","payload":"aGVsbG8gd29ybGQ="`, `"payload":"aGVsbG8gd29ybGQ=","payloadType":"x"`), "seal.form"},
		{"the payload with a line break", edit("aGVsbG8g", `aGVs\nbG8g`), "document.malformed"},
		{"the payload without padding", edit("bGQ=", "bGQ"), "document.malformed"},
		{"the payload with spare bits", edit("bGQ=", "bGR="), "document.malformed"},
		{"the payload in the other alphabet", edit("aGVsbG8g", "-_Vs"), "document.malformed"},
		{"an unknown key", edit(`{"payloadType"`, `{"alg":"none","payloadType"`), "document.unknown_key"},
		{"an unknown key in a signature", edit(`{"keyid"`, `{"alg":"none","keyid"`), "document.unknown_key"},
		{"a key in capitals", edit(`"payload":`, `"Payload":`), "document.unknown_key"},
		{"the payload twice", edit(`"payload":`, `"payload":"","payload":`), "document.duplicate_key"},
		{"null", edit(`"x"`, `null`), "document.null"},
		{"cut off", one[:len(one)-1], "document.malformed"},
		{"two envelopes", append(slices.Clone(one), one...), "document.trailing"},
		{"a list of envelopes", append(append([]byte("["), one...), ']'), "document.malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := seal.Open(c.in, 100)
			if got := verdict(err); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	t.Run("size", func(t *testing.T) {
		for n, want := range map[int]string{100: "ok", 101: "document.too_large", 5000: "document.too_large"} {
			_, err := seal.Open(sealed(t, "x", strings.Repeat("a", n), a), 100)
			if got := verdict(err); got != want {
				t.Errorf("%d bytes: %s, want %s", n, got, want)
			}
		}
	})
	t.Run("the largest document with eight signatures fits", func(t *testing.T) {
		for _, n := range []int{seal.MaxDocument, seal.MaxDocument - 1, seal.MaxDocument - 2} {
			b := sealed(t, "application/vnd.loa.delegation+json", strings.Repeat("a", n), nine[:8]...)
			if _, err := seal.Open(b, seal.MaxDocument); err != nil {
				t.Errorf("%d bytes in %d: %v", n, len(b), err)
			}
		}
	})
}

// TestSealOrder: whoever seals first, the envelope is the same.
func TestSealOrder(t *testing.T) {
	a, b := key("a"), key("b")
	keys := []seal.Key{a, b}
	if !bytes.Equal(sealed(t, "x", "y", a, b), sealed(t, "x", "y", b, a)) {
		t.Error("the order of keys shows")
	}
	sealed(t, "x", "y", keys...)
	if keys[0].ID != a.ID || keys[1].ID != b.ID {
		t.Error("Seal reordered its caller's keys")
	}
}

func TestKeys(t *testing.T) {
	k, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	again, err := seal.KeyFromSeed(k.Seed())
	if err != nil || again.ID != k.ID || !again.Public.Equal(k.Public) {
		t.Errorf("from seed: %v, %v", again.ID, err)
	}
	text := seal.EncodePublic(k.Public)
	if pub, err := seal.DecodePublic(text); err != nil || !pub.Equal(k.Public) {
		t.Errorf("from text: %v", err)
	}
	for name, s := range map[string]string{
		"nothing": "", "short": text[:40], "two": text + text, "line break": text[:20] + "\n" + text[20:],
		"without padding": strings.TrimRight(text, "="), "33 bytes": base64.StdEncoding.EncodeToString(make([]byte, 33)),
		"space": " " + text,
	} {
		if _, err := seal.DecodePublic(s); verdict(err) != "key.malformed" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := seal.KeyFromSeed(make([]byte, 31)); verdict(err) != "key.malformed" {
		t.Errorf("a seed of 31 bytes: %v", err)
	}
}

// FuzzOpen: whatever bytes come, an envelope that opens is the one Seal writes
// for what is in it, and a key that did not seal it does not count.
func FuzzOpen(f *testing.F) {
	a, b := key("a"), key("b")
	var made [][]byte
	for _, keys := range [][]seal.Key{{a}, {b}, {a, b}} {
		one, err := seal.Seal("x", []byte("hello world"), keys...)
		if err != nil {
			f.Fatal(err)
		}
		made = append(made, one)
		f.Add(one)
	}
	one := made[0]
	f.Add(append(slices.Clone(one), ' '))
	f.Add(bytes.Replace(one, []byte("aGVs"), []byte(`aG\nVs`), 1))
	f.Fuzz(func(t *testing.T, in []byte) {
		o, err := seal.Open(in, 256)
		if err != nil {
			return
		}
		if len(o.Payload) > 256 {
			t.Fatalf("%d bytes of payload", len(o.Payload))
		}
		var env seal.Envelope
		if err := json.Unmarshal(in, &env); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		if env.PayloadType != o.Type || base64.StdEncoding.EncodeToString(o.Payload) != env.Payload {
			t.Fatal("encoding/json reads it otherwise")
		}
		// Seals of ours and nobody else's: then it is an envelope we made.
		ours := func(b []byte) bool { return bytes.Equal(b, in) }
		if n := o.By(publics(a, b)); n == len(env.Signatures) && !slices.ContainsFunc(made, ours) {
			t.Fatalf("a second form of a sealed document: %s", in)
		}
	})
}
