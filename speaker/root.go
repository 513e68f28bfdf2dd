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
)

// RootNow is the root that holds: the one this node was made under, or the last of
// those that took over. Each step is verified again; the database alone could move
// nobody.
func (r *Register) RootNow(ctx context.Context) (root seal.Root, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		root, err = r.rootNow(tx)
		return err
	})
	return root, err
}

func (r *Register) rootNow(tx *db.Tx) (seal.Root, error) {
	list, err := rotationsFrom(tx, 1)
	if err != nil {
		return r.Root, err
	}
	return followed(r.Root, list)
}

func followed(root seal.Root, rotations [][]byte) (seal.Root, error) {
	for _, b := range rotations {
		var err error
		if root, err = seal.Follow(root, b); err != nil {
			return root, fmt.Errorf("follow root: %w", err)
		}
	}
	return root, nil
}

func rotationsFrom(tx *db.Tx, version int64) ([][]byte, error) {
	list, err := db.All(tx, `SELECT body FROM root_rotation WHERE version >= ? ORDER BY version`, []any{version},
		func(scan func(...any) error) (b []byte, err error) { return b, scan(&b) })
	if err != nil {
		return nil, fmt.Errorf("read rotations: %w", err)
	}
	return list, nil
}

// RootsAfter lists the sealed rotations that follow a root, the oldest first: what a
// device asks for that holds it. None for the root that holds; root.unknown for one
// that never did here.
func (r *Register) RootsAfter(ctx context.Context, fingerprint string) (list [][]byte, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		var version int64
		err := tx.Row(`SELECT version FROM root_rotation WHERE replaces = ?`, fingerprint).Scan(&version)
		if errors.Is(err, db.ErrNone) {
			now, err := r.rootNow(tx)
			if err == nil && now.Fingerprint() != fingerprint {
				err = loa.Errorf(loa.NotFound, "root.unknown")
			}
			return err
		}
		if err != nil {
			return fmt.Errorf("read rotations: %w", err)
		}
		list, err = rotationsFrom(tx, version)
		return err
	})
	return list, err
}

// RootOfCode is the root that an enrolment code names by its fingerprint, which may
// have been followed by another since it was made.
func (r *Register) RootOfCode(ctx context.Context, code string) (root seal.Root, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		var named string
		err := tx.Row(`SELECT root FROM enrol_code WHERE hash = ?`, loa.Hash([]byte(letters(code)))).Scan(&named)
		if err != nil {
			return fmt.Errorf("read enrolment code: %w", err)
		}
		list, err := rotationsFrom(tx, 1)
		if err != nil {
			return err
		}
		if root = r.Root; named == "" {
			return nil
		}
		for i := 0; root.Fingerprint() != named; i++ {
			if i == len(list) {
				return loa.Errorf(loa.NotFound, "root.unknown")
			}
			if root, err = followed(root, list[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	})
	return root, err
}

// Adopt takes over what the signer holds: the rotations from the root this node was
// made under, and the delegations. Those that no longer lead to the root go, but for
// release keys, which the signer does not know. It says whether anything was new.
func (r *Register) Adopt(ctx context.Context, root seal.Root, rotations, delegations [][]byte) (fresh bool, err error) {
	reached, err := followed(r.Root, rotations)
	if err != nil || reached.Fingerprint() != root.Fingerprint() {
		return false, loa.Errorf(loa.Conflict, "node.other_root").Because(err)
	}
	if _, err := seal.NewTrust(root, delegations, 0); err != nil {
		return false, err
	}
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		gone, missing, held, err := r.differs(tx, root, rotations, delegations)
		fresh = len(gone)+missing > 0 || held < len(rotations)
		return err
	})
	if err != nil || !fresh {
		return false, err
	}
	err = r.writeAll(ctx, loa.System(), func(tx *db.Tx) ([]journal.Entry, error) {
		gone, _, held, err := r.differs(tx, root, rotations, delegations)
		if err != nil {
			return nil, err
		}
		var entries []journal.Entry
		for i, b := range rotations {
			if i < held {
				continue
			}
			before, err := followed(r.Root, rotations[:i])
			if err != nil {
				return nil, err
			}
			after, err := followed(before, rotations[i:i+1])
			if err != nil {
				return nil, err
			}
			n, err := tx.Exec(`INSERT INTO root_rotation (version, replaces, fingerprint, body, made_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
				after.Version, before.Fingerprint(), after.Fingerprint(), b, tx.NowMS())
			if err != nil {
				return nil, fmt.Errorf("keep rotation: %w", err)
			}
			if n == 0 {
				continue // another process was quicker
			}
			entries = append(entries, journal.Entry{Verb: "root.rotated", Path: country(delegations), Subject: after.Fingerprint(),
				Data: map[string]any{"from": before.Fingerprint(), "name": after.Name, "keys": len(after.Keys), "threshold": after.Threshold, "version": after.Version}})
		}
		for _, hash := range gone {
			if _, err := tx.Exec(`DELETE FROM delegation WHERE hash = ?`, hash); err != nil {
				return nil, fmt.Errorf("drop delegation: %w", err)
			}
		}
		return entries, believe(tx, delegations)
	})
	if err != nil {
		return false, fmt.Errorf("adopt root: %w", err)
	}
	return true, nil
}

// country is where a change of the root is written down: the highest place that the
// root delegates.
func country(delegations [][]byte) loa.Path {
	var all []loa.Path
	for _, b := range delegations {
		if d, err := readDelegation(b); err == nil {
			all = append(all, d.Paths...)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return slices.MinFunc(all, func(a, b loa.Path) int { return len(a) - len(b) })
}

func readDelegation(b []byte) (d seal.Delegation, err error) {
	o, err := seal.Open(b, seal.MaxDocument)
	if err != nil {
		return d, err
	}
	return d, seal.Decode(o.Payload, seal.MaxDocument, &d)
}

// differs says how far what is kept is from what the signer holds: delegations that
// have to go, how many are missing, how many rotations are here. A database that
// knows a later root than the signer belongs to another signer.
func (r *Register) differs(tx *db.Tx, root seal.Root, rotations, delegations [][]byte) (gone []string, missing, held int, err error) {
	if err := tx.Row(`SELECT COUNT(*) FROM root_rotation`).Scan(&held); err != nil {
		return nil, 0, 0, fmt.Errorf("read rotations: %w", err)
	}
	if held > len(rotations) {
		return nil, 0, held, loa.Errorf(loa.Conflict, "node.other_root")
	}
	here, err := rotationsFrom(tx, 1)
	if err != nil {
		return nil, 0, held, err
	}
	for i, b := range here {
		if string(b) != string(rotations[i]) {
			return nil, 0, held, loa.Errorf(loa.Conflict, "node.other_root")
		}
	}
	want := map[string]bool{}
	for _, b := range delegations {
		want[loa.Hash(b)] = true
	}
	missing = len(want)
	type row struct {
		hash string
		body []byte
	}
	rows, err := db.All(tx, `SELECT document.hash, document.body FROM document WHERE document.hash IN (SELECT hash FROM delegation)`, nil,
		func(scan func(...any) error) (d row, err error) { return d, scan(&d.hash, &d.body) })
	if err != nil {
		return nil, 0, held, fmt.Errorf("read delegations: %w", err)
	}
	for _, d := range rows {
		if want[d.hash] {
			missing--
			continue
		}
		said, err := readDelegation(d.body)
		if err != nil {
			return nil, 0, held, err
		}
		lead, err := seal.Leading(root, [][]byte{d.body})
		if err != nil {
			return nil, 0, held, err
		}
		if said.Role != seal.Release || len(lead) == 0 {
			gone = append(gone, d.hash)
		}
	}
	return gone, missing, held, nil
}

// Given lists the delegations that the root itself sealed and that have not ended: what
// a root that takes over has to give anew.
func (r *Register) Given(ctx context.Context) (root seal.Root, all []seal.Delegation, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all = nil
		if root, err = r.rootNow(tx); err != nil {
			return err
		}
		bodies, err := db.All(tx, `SELECT document.body FROM document WHERE document.hash IN (SELECT hash FROM delegation WHERE until > ?) ORDER BY document.hash`,
			[]any{tx.NowMS()}, func(scan func(...any) error) (b []byte, err error) { return b, scan(&b) })
		if err != nil {
			return fmt.Errorf("read delegations: %w", err)
		}
		for _, b := range bodies {
			lead, err := seal.Leading(root, [][]byte{b})
			if err != nil {
				return err
			}
			if len(lead) == 0 {
				continue
			}
			d, err := readDelegation(b)
			if err != nil {
				return err
			}
			all = append(all, d)
		}
		return nil
	})
	return root, all, err
}
