package speaker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"loa"
	"loa/db"
	"loa/seal"
	"loa/wire"
)

// What the journal says about renewing keys: the newest row with the subject tells how
// it stands, and one with the verb that it does not work.
const (
	RenewalSubject = "renewal"
	RenewalFailed  = "keys.renewal_failed"
)

// Lapse is something of a node that ends at a moment unless somebody renews it.
type Lapse struct {
	Kind  string // delegation, policy, phrases
	Role  string // of a delegation: authority, dispatch, beacon
	Path  loa.Path
	From  int64 // UTC ms
	Until int64 // UTC ms
}

// Lapses lists the newest sealed delegation of each role and place, and the policy
// and the phrases in force at each. It reads every one: callers keep the answer.
func (r *Register) Lapses(ctx context.Context) (all []Lapse, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all = nil
		bodies, err := db.All(tx, `SELECT DISTINCT document.hash, document.type, document.body FROM document
			WHERE document.hash IN (SELECT hash FROM delegation) OR document.hash IN (SELECT hash FROM policy)
				OR document.hash IN (SELECT hash FROM phrase_set)`, nil,
			func(scan func(...any) error) (d [2][]byte, err error) {
				var hash, kind string
				err = scan(&hash, &kind, &d[1])
				d[0] = []byte(kind)
				return d, err
			})
		if err != nil {
			return err
		}
		for _, b := range bodies {
			more, err := lapsesOf(string(b[0]), b[1])
			if err != nil {
				return err
			}
			for _, l := range more {
				i := slices.IndexFunc(all, func(o Lapse) bool { return o.Kind == l.Kind && o.Role == l.Role && o.Path == l.Path })
				switch {
				case i < 0:
					all = append(all, l)
				case l.Until > all[i].Until:
					all[i] = l
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list what ends: %w", err)
	}
	slices.SortFunc(all, func(a, b Lapse) int {
		return strings.Compare(string(a.Path)+a.Kind+a.Role, string(b.Path)+b.Kind+b.Role)
	})
	return all, nil
}

func lapsesOf(kind string, body []byte) (all []Lapse, err error) {
	o, err := seal.Open(body, seal.MaxDocument)
	if err != nil {
		return nil, err
	}
	if kind == wire.PolicyType {
		p, err := wire.ReadPolicy(o.Payload)
		return []Lapse{{Kind: "policy", Path: p.Path, From: p.From, Until: p.Until}}, err
	}
	if kind == wire.PhrasesType {
		p, err := wire.ReadPhrases(o.Payload)
		return []Lapse{{Kind: "phrases", Path: p.Path, From: p.From, Until: p.Until}}, err
	}
	var d seal.Delegation
	if err := seal.Decode(o.Payload, seal.MaxDocument, &d); err != nil {
		return nil, err
	}
	for _, p := range d.Paths {
		all = append(all, Lapse{Kind: "delegation", Role: string(d.Role), Path: p, From: d.From, Until: d.Until})
	}
	return all, nil
}

// SIMsUntil lists the poles at or below a place whose SIM is paid no longer than a
// day, the earliest first.
func (r *Register) SIMsUntil(ctx context.Context, place loa.Path, day string, limit int) (all []Pole, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		in, args := poleIn(place)
		all, err = db.All(tx, `SELECT `+poleColumns+` FROM pole WHERE pole.removed_at IS NULL AND pole.sim_until <> '' AND pole.sim_until <= ?`+in+` ORDER BY pole.sim_until, pole.id LIMIT ?`,
			append(append([]any{day}, args...), limit), scanPole)
		return err
	})
	return all, err
}
