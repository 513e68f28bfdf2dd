package seal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"filippo.io/edwards25519"

	"loa"
)

// KeyID names a public key: the first 32 hexadecimal characters of the SHA-256
// of its 32 raw bytes. It is a hint for finding the key, never a proof.
func KeyID(pub ed25519.PublicKey) string {
	h := sha256.Sum256(pub)
	return hex.EncodeToString(h[:16])
}

// Key is a private Ed25519 key and the name of its public half.
type Key struct {
	ID      string
	Public  ed25519.PublicKey
	private ed25519.PrivateKey
}

// NewKey makes a key from the machine's randomness.
func NewKey() (Key, error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("make key: %w", err)
	}
	return Key{ID: KeyID(pub), Public: pub, private: priv}, nil
}

// KeyFromSeed rebuilds a key from the 32 bytes Seed gave.
func KeyFromSeed(seed []byte) (Key, error) {
	if len(seed) != ed25519.SeedSize {
		return Key{}, loa.Errorf(loa.Invalid, "key.malformed")
	}
	priv := ed25519.NewKeyFromSeed(seed)
	pub, ok := priv.Public().(ed25519.PublicKey)
	if !ok {
		return Key{}, loa.Errorf(loa.Invalid, "key.malformed")
	}
	return Key{ID: KeyID(pub), Public: pub, private: priv}, nil
}

// Seed is the secret to store: 32 bytes.
func (k Key) Seed() []byte { return k.private.Seed() }

// sign signs raw bytes.
func (k Key) sign(b []byte) []byte { return ed25519.Sign(k.private, b) }

// EncodePublic writes a public key as documents carry it: base64 of 32 bytes.
func EncodePublic(pub ed25519.PublicKey) string {
	return base64.StdEncoding.EncodeToString(pub)
}

// DecodePublic reads what EncodePublic wrote.
func DecodePublic(s string) (ed25519.PublicKey, error) {
	b, err := decode64(s)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return nil, loa.Errorf(loa.Invalid, "key.malformed")
	}
	return ed25519.PublicKey(b), nil
}

// firm reports whether b is a point of the curve written in its one form and
// not of small order. Under a key of small order one signature holds for many
// documents, and about a signature whose R is of small order libraries disagree:
// libsodium refuses it, crypto/ed25519 and RFC 8032 do not. Two boxes under one
// authority must not.
func firm(b []byte) bool {
	p, err := new(edwards25519.Point).SetBytes(b)
	return err == nil && bytes.Equal(p.Bytes(), b) && new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) == 0
}

// decode64 reads base64 in its one form: standard alphabet, padded, no spare
// bits, no line breaks (which encoding/base64 skips even when strict).
func decode64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("line break in base64")
	}
	return base64.StdEncoding.Strict().DecodeString(s)
}
