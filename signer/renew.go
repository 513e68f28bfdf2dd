package signer

import (
	"crypto/ed25519"
	"fmt"
	"slices"

	"loa"
	"loa/seal"
)

// Renewed is one delegation that was prolonged.
type Renewed struct {
	Role  seal.Role  `json:"role"`
	Paths []loa.Path `json:"paths"`
	Until int64      `json:"until"` // UTC ms
}

// renew prolongs by one more life of their own the delegations whose keys a key
// here gave, once three fifths of that life have passed. Nothing is widened: the
// same keys, role, places, classes and epoch, and never beyond the delegation above.
// What a root gave the root's holders prolong (succession.go).
func (d *desk) renew() (done []Renewed, err error) {
	now := d.clock.Now().UnixMilli()
	var fresh [][]byte
	for _, b := range d.ring.sealed {
		old, err := readDelegation(b)
		if err != nil {
			return nil, err
		}
		life := old.Until - old.From
		if now < old.From+life*3/5 || now >= old.Until || old.Threshold != 1 || d.renewedSince(old) {
			continue
		}
		parent, ok, err := d.ring.parent(b, now)
		if err != nil {
			return nil, err
		}
		until := min(now+life, parent.Until)
		if !ok || until <= old.Until {
			continue
		}
		again := old
		again.From, again.Until = now, until
		sealed, err := redelegate(again, parent.key)
		if err != nil {
			return nil, err
		}
		fresh = append(fresh, sealed)
		done = append(done, Renewed{Role: old.Role, Paths: old.Paths, Until: until})
	}
	if len(fresh) == 0 {
		return nil, nil
	}
	next, err := d.lineage.ring(append(slices.Clone(d.ring.sealed), fresh...), d.ring.keys())
	if err != nil {
		return nil, fmt.Errorf("renew: %w", err)
	}
	for _, b := range fresh {
		if err := saveDelegation(d.dir, b); err != nil {
			return nil, err
		}
	}
	d.ring = next
	return done, nil
}

// renewedSince reports whether the ring holds the same promise for longer.
func (d *desk) renewedSince(old seal.Delegation) bool {
	return slices.ContainsFunc(d.ring.sealed, func(b []byte) bool {
		o, err := readDelegation(b)
		return err == nil && o.Until > old.Until && o.Role == old.Role && slices.Equal(o.Keys, old.Keys) && slices.Equal(o.Paths, old.Paths)
	})
}

// parent is the key here that may give b what it says at now, and gave it.
func (r *ring) parent(b []byte, now int64) (found held, ok bool, err error) {
	o, err := seal.Open(b, seal.MaxDocument)
	if err != nil {
		return found, false, err
	}
	for _, h := range r.held {
		if !h.Delegate || now < h.From || now >= h.Until || h.Until <= found.Until {
			continue
		}
		if o.By([]ed25519.PublicKey{h.key.Public}) > 0 {
			found, ok = h, true
		}
	}
	return found, ok, nil
}
