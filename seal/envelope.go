package seal

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"loa"
)

// MaxEnvelope bounds the envelope of a document of n bytes: base64 grows the
// payload by a third and up to eight signatures stand beside it.
func MaxEnvelope(n int) int { return n/3*4 + 2048 }

// Signature is one key's seal over an envelope's payload.
type Signature struct {
	KeyID string `json:"keyid"`
	Sig   string `json:"sig"` // base64 of 64 bytes
}

// Envelope is a DSSE envelope: a payload, what it is, and who sealed it.
type Envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     string      `json:"payload"` // base64
	Signatures  []Signature `json:"signatures"`
}

// PAE is DSSE's pre-authentication encoding: the bytes that are signed. The
// type stands inside, so a seal on one kind of document is none on another.
func PAE(payloadType string, payload []byte) []byte {
	b := make([]byte, 0, len(payload)+len(payloadType)+32)
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(payloadType)), 10)
	b = append(b, ' ')
	b = append(b, payloadType...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	b = append(b, ' ')
	return append(b, payload...)
}

// Seal puts the payload into an envelope sealed by every given key.
func Seal(payloadType string, payload []byte, keys ...Key) ([]byte, error) {
	keys = slices.SortedFunc(slices.Values(keys), func(a, b Key) int { return cmp.Compare(a.ID, b.ID) })
	env := Unsealed(payloadType, payload)
	pae := PAE(payloadType, payload)
	for _, k := range keys {
		env.Signatures = append(env.Signatures, Signature{
			KeyID: k.ID, Sig: base64.StdEncoding.EncodeToString(k.sign(pae)),
		})
	}
	b, err := json.Marshal(env)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return b, nil
}

// Unsealed is an envelope that nobody has sealed yet.
func Unsealed(payloadType string, payload []byte) Envelope {
	return Envelope{PayloadType: payloadType, Payload: base64.StdEncoding.EncodeToString(payload), Signatures: []Signature{}}
}

// SealToo adds one more key's seal to an envelope that others have sealed, or will:
// it goes from hand to hand until enough have. A key that has sealed it changes
// nothing.
func (e Envelope) SealToo(k Key) (Envelope, error) {
	payload, err := decode64(e.Payload)
	if err != nil {
		return e, malformed(err)
	}
	for _, s := range e.Signatures {
		if s.KeyID == k.ID {
			return e, nil
		}
	}
	e.Signatures = append(slices.Clone(e.Signatures), Signature{
		KeyID: k.ID, Sig: base64.StdEncoding.EncodeToString(k.sign(PAE(e.PayloadType, payload))),
	})
	slices.SortFunc(e.Signatures, func(a, b Signature) int { return cmp.Compare(a.KeyID, b.KeyID) })
	return e, nil
}

// Bytes is the envelope as it travels.
func (e Envelope) Bytes() []byte { return e.form() }

// Opened is an envelope taken apart but not yet believed.
type Opened struct {
	Type       string
	Payload    []byte
	signatures []Signature
	found      *found
}

// found is what the arithmetic said about signatures over one document's bytes.
type found struct {
	pae  string
	mu   sync.Mutex
	said map[[ed25519.PublicKeySize + ed25519.SignatureSize]byte]bool // key and signature → whether it holds
}

// Open takes an envelope apart strictly. It proves nothing: By or Trust.Check
// says who sealed it. limit is the largest payload in bytes.
//
// A document is known by the hash of its envelope: plays are counted and stops
// aimed by it. So an envelope has one form only, the bytes Seal writes: no white
// space, keys in order, signatures rising by key id. Otherwise whoever carries a
// warrant could add a space and have a second one that no stop names.
func Open(b []byte, limit int) (Opened, error) {
	var env Envelope
	if err := Decode(b, MaxEnvelope(limit), &env); err != nil {
		return Opened{}, err
	}
	payload, err := decode64(env.Payload)
	if err != nil {
		return Opened{}, malformed(err)
	}
	if len(payload) > limit {
		return Opened{}, loa.Errorf(loa.Invalid, "document.too_large", len(payload), limit)
	}
	if n := len(env.Signatures); n == 0 || n > 8 {
		return Opened{}, loa.Errorf(loa.Invalid, "seal.signatures", n)
	}
	for i, s := range env.Signatures[1:] {
		if s.KeyID <= env.Signatures[i].KeyID {
			return Opened{}, loa.Errorf(loa.Invalid, "seal.form")
		}
	}
	if !bytes.Equal(env.form(), b) {
		return Opened{}, loa.Errorf(loa.Invalid, "seal.form")
	}
	return Opened{Type: env.PayloadType, Payload: payload, signatures: env.Signatures, found: &found{}}, nil
}

// form writes an envelope's values as they stand, nothing escaped. Read from
// text that held an escape, they are not that text any more.
func (e Envelope) form() []byte {
	b := fmt.Appendf(nil, `{"payloadType":"%s","payload":"%s","signatures":[`, e.PayloadType, e.Payload)
	for i, s := range e.Signatures {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"keyid":"%s","sig":"%s"}`, s.KeyID, s.Sig)
	}
	return append(b, "]}"...)
}

// By counts how many distinct keys of the set sealed the payload. The same key
// twice counts once; a signature that does not verify counts for nothing.
func (o Opened) By(keys []ed25519.PublicKey) int {
	pae := PAE(o.Type, o.Payload)
	n := 0
	for i, pub := range keys {
		if repeated(keys[:i], pub) {
			continue
		}
		if o.sealedBy(pub, pae) {
			n++
		}
	}
	return n
}

func repeated(before []ed25519.PublicKey, pub ed25519.PublicKey) bool {
	for _, p := range before {
		if p.Equal(pub) {
			return true
		}
	}
	return false
}

func (o Opened) sealedBy(pub ed25519.PublicKey, pae []byte) bool {
	id := KeyID(pub)
	for _, s := range o.signatures {
		if s.KeyID != id {
			continue
		}
		sig, err := decode64(s.Sig)
		if err == nil && len(sig) == ed25519.SignatureSize && o.holds(pub, pae, sig) {
			return true
		}
	}
	return false
}

// holds does the arithmetic of one signature, once as long as the document is
// kept open: the outcome depends on key, signature and bytes alone, and all of them
// are compared. What a key may promise, and when, is never kept.
func (o Opened) holds(pub ed25519.PublicKey, pae, sig []byte) bool {
	verify := func() bool { return ed25519.Verify(pub, pae, sig) && firm(pub) && firm(sig[:32]) }
	if o.found == nil {
		return verify()
	}
	var name [ed25519.PublicKeySize + ed25519.SignatureSize]byte
	copy(name[copy(name[:], pub):], sig)
	o.found.mu.Lock()
	defer o.found.mu.Unlock()
	if o.found.pae != string(pae) {
		o.found.pae, o.found.said = string(pae), map[[ed25519.PublicKeySize + ed25519.SignatureSize]byte]bool{}
	}
	ok, known := o.found.said[name]
	if !known {
		ok = verify()
		o.found.said[name] = ok
	}
	return ok
}
