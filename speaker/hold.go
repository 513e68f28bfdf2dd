package speaker

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/seal"
	"loa/wire"
)

// Keep stores a sealed document under its hash. Keeping it twice is once.
func Keep(tx *db.Tx, payloadType string, path loa.Path, sealed []byte) (hash string, err error) {
	hash = loa.Hash(sealed)
	if _, err := tx.Exec(`INSERT INTO document (hash, type, path, body, made_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (hash) DO NOTHING`, hash, payloadType, path, sealed, tx.NowMS()); err != nil {
		return "", fmt.Errorf("keep document: %w", err)
	}
	return hash, nil
}

// Document is a sealed document by its hash.
func (r *Register) Document(ctx context.Context, hash string) (b []byte, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		b, err = DocumentTx(tx, hash)
		return err
	})
	return b, err
}

// DocumentTx is Document inside a transaction.
func DocumentTx(tx *db.Tx, hash string) (b []byte, err error) {
	err = tx.Row(`SELECT body FROM document WHERE hash = ?`, hash).Scan(&b)
	if errors.Is(err, db.ErrNone) {
		return nil, loa.Errorf(loa.NotFound, "document.unknown")
	}
	return b, err
}

// DocumentAt is the newest document of a kind for a place that was made by a
// moment (UTC milliseconds): its hash and what its seal covers, nil if there was
// none.
func DocumentAt(tx *db.Tx, kind string, path loa.Path, at int64) (hash string, payload []byte, err error) {
	var sealed []byte
	err = tx.Row(`SELECT hash, body FROM document WHERE type = ? AND path = ? AND made_at <= ? ORDER BY made_at DESC, hash LIMIT 1`,
		kind, path, at).Scan(&hash, &sealed)
	if errors.Is(err, db.ErrNone) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, fmt.Errorf("read document: %w", err)
	}
	o, err := seal.Open(sealed, wire.MaxPlan)
	if err != nil {
		return "", nil, err
	}
	return hash, o.Payload, nil
}

// Believe takes in the sealed delegations a ceremony made, so that devices can
// fetch them. They are listed under each path they speak for.
func (r *Register) Believe(ctx context.Context, delegations [][]byte) error {
	return r.DB.Write(ctx, func(tx *db.Tx) error { return believe(tx, delegations) })
}

func believe(tx *db.Tx, delegations [][]byte) error {
	for _, b := range delegations {
		d, err := readDelegation(b)
		if err != nil {
			return err
		}
		hash, err := Keep(tx, seal.DelegationType, d.Paths[0], b)
		if err != nil {
			return err
		}
		for _, p := range d.Paths {
			if _, err := tx.Exec(`INSERT INTO delegation (hash, path, until) VALUES (?, ?, ?) ON CONFLICT (hash, path) DO NOTHING`,
				hash, p, d.Until); err != nil {
				return fmt.Errorf("keep delegation: %w", err)
			}
		}
	}
	return nil
}

// Delegations lists the sealed delegations along a path, the country's first:
// all a device there needs to check anything addressed to it.
func (r *Register) Delegations(ctx context.Context, path loa.Path) (all [][]byte, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all = nil
		for _, p := range path.Up() {
			rows, err := db.All(tx, `SELECT document.body FROM delegation JOIN document ON document.hash = delegation.hash
				WHERE delegation.path = ? AND delegation.until > ? ORDER BY document.hash`, []any{p, tx.NowMS()}, func(scan func(...any) error) (b []byte, err error) {
				return b, scan(&b)
			})
			if err != nil {
				return err
			}
			all = append(rows, all...)
		}
		return nil
	})
	return all, err
}

// Policies reads the policies along a path, the country's first: what the
// effective hours and volume there follow from.
func Policies(tx *db.Tx, path loa.Path) ([]wire.Policy, error) {
	return PoliciesFor(tx, []loa.Path{path})
}

// PolicyVersion is the version the next policy of a place must carry.
func (r *Register) PolicyVersion(ctx context.Context, path loa.Path) (v int64, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		err := tx.Row(`SELECT version FROM policy WHERE path = ?`, path).Scan(&v)
		v = rise(tx, v)
		if errors.Is(err, db.ErrNone) {
			return nil
		}
		return err
	})
	return v, err
}

// SetPolicy has the signer seal a policy with a person's approval over its
// bytes and tells every commune it reaches.
func (r *Register) SetPolicy(ctx context.Context, who loa.Actor, payload []byte, approval wire.Approval) error {
	p, err := wire.ReadPolicy(payload)
	if err != nil {
		return err
	}
	if err := who.Must(loa.RightDispatch, p.Path); err != nil {
		return err
	}
	sealed, err := r.Signer.Seal(ctx, wire.PolicyType, payload, []wire.Approval{approval})
	if err != nil {
		return fmt.Errorf("seal policy: %w", err)
	}
	err = r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		hash, err := Keep(tx, wire.PolicyType, p.Path, sealed)
		if err != nil {
			return journal.Entry{}, err
		}
		n, err := tx.Exec(`INSERT INTO policy (path, version, hash) VALUES (?, ?, ?)
			ON CONFLICT (path) DO UPDATE SET version = excluded.version, hash = excluded.hash
			WHERE policy.version < excluded.version`, p.Path, p.Version, hash)
		if err != nil {
			return journal.Entry{}, err
		}
		if n == 0 {
			return journal.Entry{}, loa.Errorf(loa.Conflict, "policy.old_version")
		}
		emits, err := beaconsUnder(tx, r.Keys, p.Path)
		if err != nil {
			return journal.Entry{}, err
		}
		return journal.Entry{Verb: "policy.set", Path: p.Path, Subject: hash, Data: p, Emits: emits}, nil
	})
	if err != nil {
		return fmt.Errorf("set policy: %w", err)
	}
	return nil
}

// NextNow is the number the next now warrant of an issuer must carry. The
// transaction holds the issuer's counter until it commits.
func NextNow(tx *db.Tx, issuer loa.Path) (seq int64, err error) {
	err = tx.Row(`INSERT INTO now_mark (path, seq) VALUES (?, ?)
		ON CONFLICT (path) DO UPDATE SET seq = CASE WHEN now_mark.seq < excluded.seq THEN excluded.seq ELSE now_mark.seq + 1 END
		RETURNING seq`, issuer, tx.NowMS()).Scan(&seq)
	if err != nil {
		return 0, fmt.Errorf("take now number: %w", err)
	}
	return seq, nil
}

// The ranks of now warrants: a beacon names at most 32, alarms and stops first.
const (
	rankAlarm   = 0
	rankLive    = 1
	rankSetting = 2
)

func rank(w wire.Warrant) int {
	switch w.Kind {
	case wire.Set:
		return rankSetting
	case wire.Stream:
		return rankLive
	}
	return rankAlarm
}

// HoldNow keeps a sealed now warrant live until its end and returns what to
// say: the warrant once on every topic its scope touches, and the beacons of
// the communes it means for those who miss it. The hundred and fifty beacons of a
// province would make the warrant itself wait: of a scope above the commune they
// are left to whoever says it (Register.Beacons), at once afterwards.
func HoldNow(tx *db.Tx, keys Keys, w wire.Warrant, sealed []byte) ([]journal.Emit, error) {
	hash, err := Keep(tx, wire.WarrantType, w.Issuer, sealed)
	if err != nil {
		return nil, err
	}
	var emits []journal.Emit
	said := map[string]bool{}
	for _, s := range w.Scope {
		if _, err := tx.Exec(`INSERT INTO now_warrant (hash, path, until, rank) VALUES (?, ?, ?, ?) ON CONFLICT (hash, path) DO NOTHING`,
			hash, s.Path, w.Until, rank(w)); err != nil {
			return nil, fmt.Errorf("hold now warrant: %w", err)
		}
		at := s.Path
		if c := at.Commune(); c != "" {
			at = c
		}
		if topic := wire.NowTopic(at); !said[topic] {
			said[topic] = true
			emits = append(emits, journal.Emit{Topic: topic, Body: sealed, First: true})
		}
	}
	if slices.ContainsFunc(w.Scope, func(s wire.Place) bool { return s.Path.Commune() == "" }) {
		return emits, nil
	}
	communes, err := Communes(tx, w.Scope)
	if err != nil {
		return nil, err
	}
	for _, c := range communes {
		emit, err := WriteBeacon(tx, keys, c)
		if err != nil {
			return nil, err
		}
		emits = append(emits, emit)
	}
	return emits, nil
}

// Held is a policy and the hash its document is known by.
type Held struct {
	wire.Policy
	Hash string
}

// PoliciesAt reads the policies along a path that were in force at a moment (UTC
// milliseconds), the country's first: for evidence.
func PoliciesAt(tx *db.Tx, path loa.Path, at int64) (all []Held, err error) {
	up := path.Up()
	slices.Reverse(up)
	for _, p := range up {
		hash, payload, err := DocumentAt(tx, wire.PolicyType, p, at)
		if err != nil {
			return nil, err
		}
		if payload == nil {
			continue
		}
		policy, err := wire.ReadPolicy(payload)
		if err != nil {
			return nil, err
		}
		if policy.From <= at && at < policy.Until {
			all = append(all, Held{policy, hash})
		}
	}
	return all, nil
}

// BoxTx is Find inside a transaction.
func BoxTx(tx *db.Tx, id string) (Box, error) { return findBox(tx, id) }
