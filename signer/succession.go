package signer

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"loa"
	"loa/seal"
)

// A root gives way to another by a paper that goes from hand to hand: each holder
// adds a seal on a machine without a network, and the last file is handed to the
// signer. It needs nobody's approval there, for it proves itself: the keys of both
// roots have sealed it, and those of the new one what it delegates.

// maxSuccession bounds the paper: a rotation and a few delegations in envelopes.
const maxSuccession = 40 << 10

// Succession is that paper. Without a rotation the root stays, and prolongs what it
// has delegated.
type Succession struct {
	V           int             `json:"v"`
	Kind        string          `json:"kind"` // "succession"
	From        seal.Root       `json:"from"`
	Rotation    *seal.Envelope  `json:"rotation,omitempty"`
	Delegations []seal.Envelope `json:"delegations"` // by the root that holds afterwards
}

// NewSuccession writes the paper, sealed by nobody yet: from one root to another,
// or to itself where to is nil, with what the root then delegates.
func NewSuccession(from seal.Root, to *seal.Root, delegations []seal.Delegation) (Succession, error) {
	s := Succession{Kind: "succession", From: from, Delegations: []seal.Envelope{}}
	if to != nil {
		e, err := seal.DraftRotation(from, *to)
		if err != nil {
			return s, err
		}
		s.Rotation = &e
	}
	for _, d := range delegations {
		b, err := json.Marshal(d)
		if err != nil {
			return s, fmt.Errorf("write delegation: %w", err)
		}
		s.Delegations = append(s.Delegations, seal.Unsealed(seal.DelegationType, b))
	}
	return s, s.check()
}

// ReadSuccession reads the paper from a file. What its seals are worth Follow says.
func ReadSuccession(b []byte) (s Succession, err error) {
	if err := seal.Decode(b, maxSuccession, &s); err != nil {
		return s, err
	}
	return s, s.check()
}

func (s Succession) check() error {
	if s.V != 0 || s.Kind != "succession" || len(s.Delegations) == 0 || len(s.Delegations) > 12 {
		return loa.Errorf(loa.Invalid, "root.malformed", "succession")
	}
	if _, err := s.To(); err != nil {
		return err
	}
	_, err := s.Gives()
	return err
}

// peek reads what an envelope holds without asking who sealed it: for people to
// look at, and to know whose seal it still lacks.
func peek(e seal.Envelope, payloadType string, v any) error {
	if e.PayloadType != payloadType {
		return loa.Errorf(loa.Invalid, "document.wrong_type", loa.Clip(e.PayloadType))
	}
	b, err := base64.StdEncoding.Strict().DecodeString(e.Payload)
	if err != nil {
		return loa.Errorf(loa.Invalid, "document.malformed").Because(err)
	}
	return seal.Decode(b, seal.MaxDocument, v)
}

// To is the root that holds afterwards.
func (s Succession) To() (seal.Root, error) {
	if s.Rotation == nil {
		return s.From, nil
	}
	var r seal.Rotation
	if err := peek(*s.Rotation, seal.RootType, &r); err != nil {
		return seal.Root{}, err
	}
	if r.From != s.From.Fingerprint() {
		return seal.Root{}, loa.Errorf(loa.Conflict, "root.not_next")
	}
	return r.Root, nil
}

// Gives is what the root that holds afterwards delegates.
func (s Succession) Gives() (all []seal.Delegation, err error) {
	for _, e := range s.Delegations {
		var d seal.Delegation
		if err := peek(e, seal.DelegationType, &d); err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// need is a document of the paper and the roots whose keys must have sealed it.
type need struct {
	e     *seal.Envelope
	roots []seal.Root
}

func (s *Succession) needs() ([]need, error) {
	to, err := s.To()
	if err != nil {
		return nil, err
	}
	var all []need
	if s.Rotation != nil {
		all = append(all, need{s.Rotation, []seal.Root{s.From, to}})
	}
	for i := range s.Delegations {
		all = append(all, need{&s.Delegations[i], []seal.Root{to}})
	}
	return all, nil
}

// lacks is how many seals of a root an envelope still needs. Who made those that
// stand there is not asked: Follow does.
func lacks(e seal.Envelope, root seal.Root) (int, error) {
	n := root.Threshold
	for _, k := range root.Keys {
		pub, err := seal.DecodePublic(k)
		if err != nil {
			return 0, err
		}
		if slices.ContainsFunc(e.Signatures, func(s seal.Signature) bool { return s.KeyID == seal.KeyID(pub) }) {
			n--
		}
	}
	return max(n, 0), nil
}

// SealToo adds a holder's seal wherever it is still wanted, and says how many it
// made. A key of neither root makes none.
func (s *Succession) SealToo(k seal.Key) (made int, err error) {
	all, err := s.needs()
	if err != nil {
		return 0, err
	}
	for _, n := range all {
		for _, root := range n.roots {
			left, err := lacks(*n.e, root)
			if err != nil {
				return made, err
			}
			if left == 0 || !slices.Contains(root.Keys, seal.EncodePublic(k.Public)) {
				continue
			}
			before := len(n.e.Signatures)
			if *n.e, err = n.e.SealToo(k); err != nil {
				return made, err
			}
			made += len(n.e.Signatures) - before
		}
	}
	return made, nil
}

// Lacks is how many seals of the old root's holders and of the new one's are
// missing; both nought when the paper may be handed in.
func (s Succession) Lacks() (from, to int, err error) {
	all, err := s.needs()
	if err != nil {
		return 0, 0, err
	}
	next, err := s.To()
	if err != nil {
		return 0, 0, err
	}
	for _, n := range all {
		for _, root := range n.roots {
			left, err := lacks(*n.e, root)
			if err != nil {
				return 0, 0, err
			}
			if root.Fingerprint() == next.Fingerprint() {
				to = max(to, left)
			} else {
				from = max(from, left)
			}
		}
	}
	return from, to, nil
}

// Follow verifies the paper against the root that holds and gives the root that
// then does, its rotation (nil where the root stays) and what it delegates.
func (s Succession) Follow(held seal.Root) (root seal.Root, rotation []byte, delegations [][]byte, err error) {
	if root = held; s.From.Fingerprint() != held.Fingerprint() {
		return root, nil, nil, loa.Errorf(loa.Conflict, "root.not_next")
	}
	if s.Rotation != nil {
		rotation = s.Rotation.Bytes()
		if root, err = seal.Follow(held, rotation); err != nil {
			return held, nil, nil, err
		}
	}
	for _, e := range s.Delegations {
		// Each by the root itself, one at a time: what a delegation below it could
		// give is not the business of this paper.
		if _, err := seal.NewTrust(root, [][]byte{e.Bytes()}, 0); err != nil {
			return held, nil, nil, err
		}
		delegations = append(delegations, e.Bytes())
	}
	return root, rotation, delegations, nil
}

// lineage is the root a folder was made under and all that followed it.
type lineage struct {
	first     seal.Root // the keys at rest are bound to it
	root      seal.Root // the one that holds
	before    []seal.Root
	rotations [][]byte
	given     [][]byte // delegations that came with successions
	papers    int
}

// follow takes a succession into the lineage, in memory.
func (l lineage) follow(s Succession) (lineage, error) {
	root, rotation, given, err := s.Follow(l.root)
	if err != nil {
		return l, err
	}
	if rotation != nil {
		l.before = append(slices.Clone(l.before), l.root)
		l.rotations = append(slices.Clone(l.rotations), rotation)
	}
	l.root, l.given, l.papers = root, append(slices.Clone(l.given), given...), l.papers+1
	return l, nil
}

// believed are those of sealed and of what came with successions that lead to the
// root. What leads to a root before is left out; what leads to none of them is no
// delegation of this folder.
func (l lineage) believed(sealed [][]byte) ([][]byte, error) {
	all := append(slices.Clone(sealed), l.given...)
	lead, err := seal.Leading(l.root, all)
	if err != nil || len(lead) == len(all) {
		return lead, err
	}
	known := slices.Clone(lead)
	for _, r := range l.before {
		old, err := seal.Leading(r, all)
		if err != nil {
			return nil, err
		}
		known = append(known, old...)
	}
	for _, b := range all {
		if !contains(known, b) {
			_, err := seal.NewTrust(l.root, append(slices.Clone(lead), b), 0)
			return nil, err
		}
	}
	return lead, nil
}

func contains(all [][]byte, b []byte) bool {
	return slices.ContainsFunc(all, func(o []byte) bool { return string(o) == string(b) })
}

// paperName is where the n-th succession lies. The file is written whole or not at
// all, and nothing else changes with it: a power cut leaves the signer under the
// root before or under the one after.
func paperName(dir string, n int) string {
	return filepath.Join(dir, "roots", fmt.Sprintf("%04d.json", n))
}

// loadLineage reads root.json and follows what lies in roots/.
func loadLineage(dir string) (l lineage, err error) {
	if l.first, err = loadRoot(dir); err != nil {
		return l, err
	}
	for l.root = l.first; ; {
		b, err := os.ReadFile(paperName(dir, l.papers+1))
		if errors.Is(err, fs.ErrNotExist) {
			return l, nil
		}
		if err != nil {
			return l, fmt.Errorf("read root: %w", err)
		}
		if b, err = unsummed(b); err != nil {
			return l, fmt.Errorf("read root: %w", err)
		}
		s, err := ReadSuccession(b)
		if err == nil {
			l, err = l.follow(s)
		}
		if err != nil {
			return l, fmt.Errorf("follow root: %w", err)
		}
	}
}

// succeed takes a succession that somebody handed in: verified against the root
// that holds, refused if the signer could then no longer seal where it can now,
// written down, and only then believed.
func (d *desk) succeed(payload []byte) error {
	s, err := ReadSuccession(payload)
	if err != nil {
		return err
	}
	if d.lineage.papers > 0 {
		if held, err := os.ReadFile(paperName(d.dir, d.lineage.papers)); err == nil {
			if b, err := unsummed(held); err == nil && string(b) == string(payload) {
				return nil // handed in before
			}
		}
	}
	next, err := d.lineage.follow(s)
	if err != nil {
		return err
	}
	sealed, err := readDelegations(d.dir)
	if err != nil {
		return err
	}
	ring, err := next.ring(sealed, d.ring.keys())
	if err != nil {
		return err
	}
	now := d.clock.Now().UnixMilli()
	for _, h := range d.ring.held {
		for _, p := range h.Paths {
			if now < h.From || now >= h.Until {
				continue
			}
			if _, err := ring.best(p, now, h.Delegate); err != nil {
				return loa.Errorf(loa.Conflict, "root.leaves_silent", string(p))
			}
		}
	}
	if err := os.MkdirAll(filepath.Join(d.dir, "roots"), 0o700); err != nil { // a folder made before there were successions has none
		return fmt.Errorf("write root: %w", err)
	}
	if err := syncDir(d.dir); err != nil {
		return err
	}
	if err := writeFile(paperName(d.dir, next.papers), summed(payload)); err != nil {
		return err
	}
	d.lineage, d.ring = next, ring
	return nil
}
