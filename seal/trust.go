package seal

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"

	"loa"
)

// Role is what a delegated key may seal.
type Role string

// The roles of keys.
const (
	// Authority seals warrants, policies, placements and, where its delegation
	// says so, delegations below its own. It lives in the signer.
	Authority Role = "authority"
	// Dispatch seals plans: it can place what a warrant allows, never allow.
	Dispatch Role = "dispatch"
	// Beacon seals beacons and times: it can delay, never make a sound.
	Beacon Role = "beacon"
	// Release seals programs for boxes. Only a root gives it, never an authority,
	// so that whoever owns a server or a signer cannot put a program on a pole.
	Release Role = "release"
)

// DelegationType is the payload type of a delegation.
const DelegationType = "application/vnd.loa.delegation+json"

// Root is what a speaker pins at enrolment: the keys at the top, how many of
// them must agree, and whether this is a demonstration. A demonstration's root
// holds for invented provinces only (97, 98, 99), so its keys and its software
// authenticators can never speak in a real commune.
type Root struct {
	Name      string   `json:"name"`
	Keys      []string `json:"keys"` // base64 of 32 bytes each
	Threshold int      `json:"threshold"`
	Demo      bool     `json:"demo"`
	Version   int64    `json:"version,omitempty"` // rises by one with each rotation, 0 for the first
}

// Fingerprint names a root: the SHA-256 of its keys, threshold, demo mark and,
// after a rotation, version. An enrolment code carries its first characters.
func (r Root) Fingerprint() string {
	b := fmt.Appendf(nil, "loa root v0\n%d %t\n", r.Threshold, r.Demo)
	for _, k := range r.Keys {
		b = append(append(b, k...), '\n')
	}
	if r.Version > 0 {
		b = fmt.Appendf(b, "version %d\n", r.Version)
	}
	return loa.Hash(b)
}

// Delegation lets its keys, Threshold of them together, seal what Role says,
// for places under Paths, for Classes, between From and Until (UTC
// milliseconds). Delegate lets them delegate further, never wider. Epoch is the
// revocation epoch it was made in: a beacon may raise the floor.
type Delegation struct {
	V         int             `json:"v"`
	Kind      string          `json:"kind"`
	Role      Role            `json:"role"`
	Keys      []string        `json:"keys"`
	Threshold int             `json:"threshold"`
	Paths     []loa.Path      `json:"paths"`
	Classes   []string        `json:"classes"`
	From      int64           `json:"from"`
	Until     int64           `json:"until"`
	Delegate  bool            `json:"delegate"`
	Epoch     int64           `json:"epoch"`
	Ignorable json.RawMessage `json:"ignorable,omitempty"`
}

func (d Delegation) check() ([]ed25519.PublicKey, error) {
	bad := func(what string) error { return loa.Errorf(loa.Invalid, "delegation.malformed", what) }
	if d.V != 0 || d.Kind != "delegation" {
		return nil, bad("kind")
	}
	if d.Role != Authority && d.Role != Dispatch && d.Role != Beacon && d.Role != Release {
		return nil, bad("role")
	}
	if d.Delegate && d.Role == Release {
		return nil, bad("delegate")
	}
	if len(d.Paths) == 0 || len(d.Paths) > 16 {
		return nil, bad("paths")
	}
	for _, p := range d.Paths {
		if _, err := loa.ParsePath(string(p)); err != nil {
			return nil, err
		}
	}
	if len(d.Classes) == 0 || len(d.Classes) > 8 || d.From >= d.Until || d.Epoch < 0 {
		return nil, bad("classes, dates or epoch")
	}
	return publicKeys(d.Keys, d.Threshold)
}

func publicKeys(encoded []string, threshold int) ([]ed25519.PublicKey, error) {
	if len(encoded) == 0 || len(encoded) > 8 || threshold < 1 || threshold > len(encoded) {
		return nil, loa.Errorf(loa.Invalid, "delegation.malformed", "keys")
	}
	var keys []ed25519.PublicKey
	for _, s := range encoded {
		pub, err := DecodePublic(s)
		if err != nil {
			return nil, err
		}
		if repeated(keys, pub) {
			return nil, loa.Errorf(loa.Invalid, "delegation.malformed", "keys")
		}
		keys = append(keys, pub)
	}
	return keys, nil
}

func covers(paths []loa.Path, p loa.Path) bool {
	return slices.ContainsFunc(paths, func(q loa.Path) bool { return q.Covers(p) })
}

// holder is a set of keys with what it may do.
type holder struct {
	Delegation
	keys []ed25519.PublicKey
	ids  []string // of the keys
}

// Trust is the chain a speaker, a node or a signer believes in. It is a value
// built once and never changed: a new list of delegations makes a new Trust.
type Trust struct {
	root    Root
	keys    []ed25519.PublicKey
	holders []*holder
	floor   int64
}

// NewTrust builds a chain from a root and sealed delegations in any order.
// Delegations that do not lead to the root, widen their parent's powers or come
// from an epoch below floor are refused with the reason why.
func NewTrust(root Root, sealed [][]byte, floor int64) (*Trust, error) {
	t, left, why, err := grow(root, sealed, floor)
	if err != nil {
		return nil, err
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("trust: %w", why)
	}
	return t, nil
}

// Leading are those of sealed that lead to root, in their order. After a rotation
// the others lead to the root before, and nobody asks for them any more.
func Leading(root Root, sealed [][]byte) ([][]byte, error) {
	_, left, _, err := grow(root, sealed, 0)
	return slices.DeleteFunc(slices.Clone(sealed), func(b []byte) bool {
		return slices.ContainsFunc(left, func(l []byte) bool { return bytes.Equal(l, b) })
	}), err
}

// grow takes every delegation that leads to the root; left are the others, why is
// what the last of them lacks.
func grow(root Root, sealed [][]byte, floor int64) (t *Trust, left [][]byte, why, err error) {
	keys, err := publicKeys(root.Keys, root.Threshold)
	if err != nil {
		return nil, nil, nil, err
	}
	t = &Trust{root: root, keys: keys, floor: floor}
	left = slices.Clone(sealed)
	for len(left) > 0 {
		var rest [][]byte
		for _, b := range left {
			h, err := t.admit(b)
			if err != nil {
				rest, why = append(rest, b), err
				continue
			}
			t.holders = append(t.holders, h)
		}
		if len(rest) == len(left) {
			break
		}
		left = rest
	}
	return t, left, why, nil
}

// Root is what the chain hangs from.
func (t *Trust) Root() Root { return t.root }

func (t *Trust) admit(b []byte) (*holder, error) {
	o, err := Open(b, MaxDocument)
	if err != nil {
		return nil, err
	}
	if o.Type != DelegationType {
		return nil, loa.Errorf(loa.Invalid, "document.wrong_type", o.Type)
	}
	var d Delegation
	if err := Decode(o.Payload, MaxDocument, &d); err != nil {
		return nil, err
	}
	keys, err := d.check()
	if err != nil {
		return nil, err
	}
	if d.Epoch < t.floor {
		return nil, loa.Errorf(loa.Forbidden, "delegation.revoked", d.Epoch, t.floor)
	}
	h := &holder{Delegation: d, keys: keys}
	for _, k := range keys {
		h.ids = append(h.ids, KeyID(k))
	}
	if o.By(t.keys) >= t.root.Threshold {
		if t.root.Demo && !invented(d.Paths) {
			return nil, loa.Errorf(loa.Forbidden, "delegation.demo_only", d.Paths[0])
		}
		return h, nil
	}
	refusal := loa.Errorf(loa.Forbidden, "seal.unknown_key")
	for _, p := range t.holders {
		if o.By(p.keys) < p.Threshold {
			continue
		}
		if why := p.mayGive(d); why != "" {
			refusal = loa.Errorf(loa.Forbidden, "delegation.widens", why)
			continue
		}
		return h, nil
	}
	return nil, refusal
}

// invented reports whether every path lies in a province code that no real
// province has: 97, 98, 99.
func invented(paths []loa.Path) bool {
	for _, p := range paths {
		if !covers([]loa.Path{"vn/97", "vn/98", "vn/99"}, p) {
			return false
		}
	}
	return true
}

// mayGive says in a word what child claims beyond its parent, "" if nothing.
func (h *holder) mayGive(child Delegation) string {
	if h.Role != Authority || !h.Delegate {
		return "delegate"
	}
	if child.Role == Release {
		return "role"
	}
	for _, p := range child.Paths {
		if !covers(h.Paths, p) {
			return "paths"
		}
	}
	for _, c := range child.Classes {
		if !slices.Contains(h.Classes, c) {
			return "classes"
		}
	}
	if child.From < h.From || child.Until > h.Until {
		return "dates"
	}
	return ""
}

// Need is what a document asks of the keys that sealed it.
type Need struct {
	Type  string     // the payload type expected
	Role  Role       // the role that may seal it
	Paths []loa.Path // every place it speaks for; never empty
	Class string     // the class of bulletin, "" when it has none
	At    int64      // UTC milliseconds: when it is used
	Lapse int64      // ms past its end that a delegation is still taken; 0 but for an emergency on a device cut off
}

// Check reports whether o was sealed by keys that may promise what need says.
// The error names the nearest reason: a key nobody delegated, a key for a
// sibling commune, the wrong role, class or date. Exactly as many signatures as
// the threshold stand in the envelope: with one to spare, whoever carries it
// could take one away and have another document that holds too (see Open).
func (t *Trust) Check(o Opened, need Need) error {
	if o.Type != need.Type {
		return loa.Errorf(loa.Invalid, "document.wrong_type", o.Type)
	}
	if len(need.Paths) == 0 {
		return loa.Errorf(loa.Invalid, "scope.empty")
	}
	refusal := loa.Errorf(loa.Forbidden, "seal.unknown_key")
	for _, h := range t.holders {
		if !h.named(o) || o.By(h.keys) < h.Threshold {
			continue
		}
		if len(o.signatures) != h.Threshold {
			refusal = loa.Errorf(loa.Invalid, "seal.signatures", len(o.signatures))
			continue
		}
		if err := h.may(need); err != nil {
			refusal = err
			continue
		}
		return nil
	}
	return refusal
}

// named is a cheap look at key ids before any signature is computed.
func (h *holder) named(o Opened) bool {
	return slices.ContainsFunc(o.signatures, func(s Signature) bool { return slices.Contains(h.ids, s.KeyID) })
}

func (h *holder) may(need Need) *loa.Error {
	if h.Role != need.Role {
		return loa.Errorf(loa.Forbidden, "seal.wrong_role", string(h.Role), string(need.Role))
	}
	for _, p := range need.Paths {
		if !covers(h.Paths, p) {
			return loa.Errorf(loa.Forbidden, "seal.wrong_path", string(p))
		}
	}
	if need.Class != "" && !slices.Contains(h.Classes, need.Class) {
		return loa.Errorf(loa.Forbidden, "seal.wrong_class", need.Class)
	}
	if need.At < h.From || need.At >= h.Until+need.Lapse { // its parents' dates enclose these: mayGive
		return loa.Errorf(loa.Forbidden, "seal.wrong_date")
	}
	return nil
}
