package loa

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// NewID makes an id: 26 characters of lower-case Crockford base 32, ten for the
// time in milliseconds and sixteen random, so ids sort by age as text in both
// databases. Ids are made by us, never by a database, so that two processes and
// two databases never disagree about them.
func NewID(now time.Time) string {
	b := []byte(OldestID(now))
	_, _ = rand.Read(b[10:]) // never fails: crypto/rand ends the program instead
	for i, c := range b[10:] {
		b[10+i] = crockford[c&31]
	}
	return string(b)
}

// OldestID is the least id that NewID could have made in the millisecond of now:
// what was made from then on sorts at or after it.
func OldestID(now time.Time) string {
	b := []byte("00000000000000000000000000")
	ms := uint64(now.UnixMilli())
	for i := 9; i >= 0; i-- {
		b[i] = crockford[ms&31]
		ms >>= 5
	}
	return string(b)
}

// TimeOfID is the moment an id was made, to the millisecond; zero where it is none.
func TimeOfID(id string) time.Time {
	if !IsID(id) {
		return time.Time{}
	}
	var ms int64
	for i := range 10 {
		ms = ms<<5 | int64(strings.IndexByte(crockford, id[i]))
	}
	return time.UnixMilli(ms)
}

// IsID reports whether s has the shape NewID makes.
func IsID(s string) bool {
	if len(s) != 26 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z' || c == 'i' || c == 'l' || c == 'o' || c == 'u') {
			return false
		}
	}
	return true
}

// Hash is the SHA-256 of b in lower-case hexadecimal, the name by which every
// document and every sound is stored, fetched and approved.
func Hash(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// IsHash reports whether s is 64 lower-case hexadecimal characters.
func IsHash(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
