package speaker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/seal"
	"loa/unit"
	"loa/wire"
)

// Keys are the node's own online keys. Dispatch can place what a warrant
// allows, Beacon can delay; neither can make a sound.
type Keys struct {
	Dispatch seal.Key
	Beacon   seal.Key
}

// Sealer is the signer as this package needs it.
type Sealer interface {
	Seal(ctx context.Context, payloadType string, payload []byte, approvals []wire.Approval) ([]byte, error)
}

// Register is the register of poles and boxes of one node.
type Register struct {
	DB     *db.DB
	Keys   Keys
	Signer Sealer
	Root   seal.Root
	// Said is called after each commit, with the journal row just written, so
	// that the committing process speaks it at once.
	Said func(id string, e journal.Entry)
}

// Pole is a place where people hear.
type Pole struct {
	ID    string
	Code  string
	Path  loa.Path // its hamlet, or its commune
	Zones []loa.Path
	Name  string
	At    *wire.Point
	Cap   int // percent
	// Volumes are lower than Cap at times of day; they do not overlap.
	Volumes []wire.Volume
	Facts
}

// States of a box.
const (
	Waiting = "waiting" // asked with a code, not confirmed
	Placed  = "placed"
	Revoked = "revoked"
)

// Box is a device.
type Box struct {
	ID      string
	Pole    Pole
	Key     string // base64 of its public key
	Check   string // six digits both sides show
	State   string
	Version int64
	Stale   bool  // the register says something else of its pole than what was sealed
	Mic     bool  // the register lets it have a microphone of its own; the box obeys once that is sealed
	Placed  int64 // when it was first confirmed, UTC ms; 0 before, or before this was kept
	Gone    int64 // when it was taken away, UTC ms
	Health  Health
}

// Silently is Said for a tool beside the server: the server's sweeper says what
// the tool wrote.
func Silently(string, journal.Entry) {}

// rise is the next of a row of numbers that devices and signers refuse to see
// fall: the clock's milliseconds, or one more than the last. So a node restored
// from an old copy goes on above what it has forgotten.
func rise(tx *db.Tx, last int64) int64 { return max(last+1, tx.NowMS()) }

// write is the one shape of a change here: the change and its journal row in
// one transaction, then the row is said. A change that wrote no row says none.
func (r *Register) write(ctx context.Context, who loa.Actor, change func(tx *db.Tx) (journal.Entry, error)) error {
	return r.writeAll(ctx, who, func(tx *db.Tx) ([]journal.Entry, error) {
		entry, err := change(tx)
		if err != nil || entry.Verb == "" {
			return nil, err
		}
		return []journal.Entry{entry}, nil
	})
}

// writeAll is write for a change of several things, a row for each.
func (r *Register) writeAll(ctx context.Context, who loa.Actor, change func(tx *db.Tx) ([]journal.Entry, error)) error {
	var rows []string
	var entries []journal.Entry
	err := r.DB.Write(ctx, func(tx *db.Tx) (err error) {
		rows = nil
		if entries, err = change(tx); err != nil {
			return err
		}
		for _, e := range entries {
			row, err := journal.Append(tx, who, e)
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, row := range rows {
		r.Said(row, entries[i])
	}
	return nil
}

// AddPole puts a pole into the register.
func (r *Register) AddPole(ctx context.Context, who loa.Actor, p Pole) (Pole, error) {
	p = p.tidy()
	err := r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		if _, err := unit.FindTx(tx, p.Path); err != nil {
			return journal.Entry{}, err
		}
		if err := who.Must(loa.RightSpeakers, p.Path); err != nil {
			return journal.Entry{}, err
		}
		if err := p.check(); err != nil {
			return journal.Entry{}, err
		}
		p.ID = loa.NewID(tx.Now())
		if p.Code == "" {
			p.Code = strings.ToUpper(p.ID[18:])
		}
		if err := insertPoles(tx, p); err != nil {
			if db.IsUnique(err) {
				return journal.Entry{}, loa.Errorf(loa.Conflict, "pole.code_taken", p.Code)
			}
			return journal.Entry{}, err
		}
		if _, err := rezone(tx, p.Path.Commune()); err != nil {
			return journal.Entry{}, err
		}
		return journal.Entry{Verb: "speaker.pole_added", Path: p.Path, Subject: p.ID, Data: p}, nil
	})
	if err != nil {
		return Pole{}, fmt.Errorf("add pole: %w", err)
	}
	return p, nil
}

// Boxes lists the boxes at or below a place, with their poles and last beats.
func (r *Register) Boxes(ctx context.Context, place loa.Path) (all []Box, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = boxesUnder(tx, place)
		return err
	})
	return all, err
}

// Find is one box by id.
func (r *Register) Find(ctx context.Context, id string) (b Box, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		b, err = findBox(tx, id)
		return err
	})
	return b, err
}

// FindPole is one pole by its public code.
func (r *Register) FindPole(ctx context.Context, code string) (p Pole, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		p, err = poleByCode(tx, code)
		return err
	})
	return p, err
}

// Bare lists the poles at or below a place where no box is at work: none ever
// asked, the one that asked was never confirmed, or the last was taken away.
func (r *Register) Bare(ctx context.Context, place loa.Path) (all []Pole, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = barePoles(tx, place)
		return err
	})
	return all, err
}

// Meant lists the placed boxes that a scope means: the snapshot dispatch keeps.
func Meant(tx *db.Tx, scope []wire.Place) ([]string, error) {
	boxes, err := placements(tx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, p := range boxes {
		if !p.Revoked && wire.InScope(scope, p) {
			ids = append(ids, p.Device)
		}
	}
	return ids, nil
}

// Hears reports whether any placed box of a commune is meant by a scope.
func Hears(tx *db.Tx, commune loa.Path, scope []wire.Place) (bool, error) {
	boxes, err := db.All(tx, `SELECT placement FROM box WHERE state = ? AND path = ?`, []any{Placed, commune}, scanPlacement)
	if err != nil {
		return false, fmt.Errorf("read placements: %w", err)
	}
	return slices.ContainsFunc(boxes, func(p wire.Placement) bool { return !p.Revoked && wire.InScope(scope, p) }), nil
}

// Communes lists the communes whose devices a scope can mean, in the order in
// which whoever changes several holds them.
//
// A scope of a whole province means every box there, and a placement takes longer
// to read than a row: only those are read that could say something else than
// their row does, because the pole lies in zones or has changed since.
func Communes(tx *db.Tx, scope []wire.Place) ([]loa.Path, error) {
	var all []loa.Path
	seen := map[loa.Path]bool{}
	add := func(c loa.Path) {
		if c != "" && !seen[c] {
			seen[c] = true
			all = append(all, c)
		}
	}
	near, args := `pole.zones <> '' OR box.stale <> 0`, []any{Placed}
	for _, s := range scope {
		add(s.Path.Commune())
		from, to := db.PrefixRange(string(s.Path))
		switch {
		case s.Path.Commune() != "":
			near, args = near+` OR box.path = ?`, append(args, s.Path.Commune())
		case s.Area != nil:
			near, args = near+` OR (box.path >= ? AND box.path < ?)`, append(args, from, to)
		default:
			whole, err := db.All(tx, `SELECT DISTINCT path FROM box WHERE state = ? AND stale = 0 AND path >= ? AND path < ?`,
				[]any{Placed, from, to}, scanText)
			if err != nil {
				return nil, fmt.Errorf("read communes: %w", err)
			}
			for _, c := range whole {
				add(loa.Path(c))
			}
		}
	}
	boxes, err := db.All(tx, `SELECT box.placement FROM box JOIN pole ON pole.id = box.pole_id WHERE box.state = ? AND (`+near+`)`, args, scanPlacement)
	if err != nil {
		return nil, fmt.Errorf("read placements: %w", err)
	}
	for _, p := range boxes {
		if !p.Revoked && wire.InScope(scope, p) {
			add(p.Paths[0].Commune())
		}
	}
	slices.Sort(all)
	return all, nil
}
