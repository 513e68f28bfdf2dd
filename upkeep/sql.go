package upkeep

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/speaker"
)

// Book is the repair book of a node.
type Book struct {
	DB *db.DB
	// Said is called after each commit with the journal row just written.
	Said func(id string, e journal.Entry)
}

func (b *Book) write(ctx context.Context, who loa.Actor, change func(tx *db.Tx) (journal.Entry, error)) error {
	var row string
	var entry journal.Entry
	err := b.DB.Write(ctx, func(tx *db.Tx) (err error) {
		row = ""
		if entry, err = change(tx); err != nil || entry.Verb == "" {
			return err
		}
		row, err = journal.Append(tx, who, entry)
		return err
	})
	if err == nil && row != "" {
		b.Said(row, entry)
	}
	return err
}

// Report (báo hỏng) opens a fault of a pole, for anybody who may read there: who
// passes a silent pole need not be its technician. The same cause is in the book
// once: a proposed one is taken up, and one that is being mended is answered with.
func (b *Book) Report(ctx context.Context, who loa.Actor, code string, cause Cause, said string) (f Fault, err error) {
	var p speaker.Pole
	err = b.DB.Read(ctx, func(tx *db.Tx) error {
		p, err = speaker.PoleAt(tx, code)
		return err
	})
	if err != nil {
		return f, err
	}
	if err := who.Must(loa.RightRead, p.Path); err != nil {
		return f, err
	}
	f = Fault{Pole: p.ID, Path: p.Path, Cause: cause, State: Open, Said: strings.Join(strings.Fields(said), " ")}
	if err := f.check(); err != nil {
		return f, err
	}
	if f.Cause == Other && f.Said == "" {
		return f, loa.Errorf(loa.Invalid, "fault.said")
	}
	if f, err = b.open(ctx, who, f); err != nil {
		return f, fmt.Errorf("report fault: %w", err)
	}
	return f, nil
}

// open writes a fault, unless the pole has a live one of the same cause.
func (b *Book) open(ctx context.Context, who loa.Actor, f Fault) (Fault, error) {
	err := b.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		if err := tx.Lock("pole", f.Pole); err != nil {
			return journal.Entry{}, err
		}
		live, err := list(tx, `fault.pole_id = ? AND fault.cause = ? AND fault.state IN ('proposed', 'open', 'called', 'parts')`, []any{f.Pole, string(f.Cause)}, ``)
		if err != nil {
			return journal.Entry{}, err
		}
		if len(live) > 0 && (f.State == Proposed || live[0].State != Proposed) {
			return journal.Entry{}, loa.Errorf(loa.Conflict, "fault.known", live[0].PoleName)
		}
		if len(live) > 0 {
			said := f.Said
			f = live[0]
			f.State, f.Said, f.Changed = Open, said, tx.NowMS()
			return f.entry(), update(tx, f)
		}
		f.ID, f.Opened, f.Changed, f.By, f.ByName = loa.NewID(tx.Now()), tx.NowMS(), tx.NowMS(), who.ID, who.Name
		err = tx.Insert("fault", []string{"id", "pole_id", "path", "cause", "state", "said", "opened_by", "opened_name", "opened_at", "changed_at"},
			[][]any{{f.ID, f.Pole, string(f.Path), string(f.Cause), string(f.State), f.Said, f.By, f.ByName, f.Opened, f.Changed}})
		return f.entry(), err
	})
	return f, err
}

// Step moves a fault on, for whoever looks after the poles there.
func (b *Book) Step(ctx context.Context, who loa.Actor, id string, s Step) (f Fault, err error) {
	err = b.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		if f, err = locked(tx, id); err != nil {
			return journal.Entry{}, err
		}
		if err := who.Must(loa.RightSpeakers, f.Path); err != nil {
			return journal.Entry{}, err
		}
		var entry journal.Entry
		if f, entry, err = f.Step(s, tx.Now()); err != nil {
			return journal.Entry{}, err
		}
		return entry, update(tx, f)
	})
	if err != nil {
		return f, fmt.Errorf("move fault: %w", err)
	}
	return f, nil
}

// Find is one fault, for whoever may read there.
func (b *Book) Find(ctx context.Context, who loa.Actor, id string) (f Fault, err error) {
	err = b.DB.Read(ctx, func(tx *db.Tx) error {
		all, err := list(tx, `fault.id = ?`, []any{id}, ``)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return loa.Errorf(loa.NotFound, "fault.unknown")
		}
		f = all[0]
		return who.Must(loa.RightRead, f.Path)
	})
	return f, err
}

// Query narrows the repair book. Zero fields narrow nothing, but for the place.
type Query struct {
	Place loa.Path
	Pole  string // id
	State State
	Live  bool // only what is still broken
	Cause Cause
	From  time.Time // touched the time from here
	Until time.Time // to here
	Limit int       // 200 by default
}

// Faults lists the repair book, what is broken longest first, then what ended last.
func (b *Book) Faults(ctx context.Context, who loa.Actor, q Query) (all []Fault, err error) {
	if err := who.Must(loa.RightRead, q.Place); err != nil {
		return nil, err
	}
	from, to := db.PrefixRange(string(q.Place))
	where, args := `(fault.path = ? OR (fault.path >= ? AND fault.path < ?))`, []any{string(q.Place), from, to}
	and := func(condition string, values ...any) {
		where += " AND " + condition
		args = append(args, values...)
	}
	if q.Pole != "" {
		and(`fault.pole_id = ?`, q.Pole)
	}
	if q.State != "" {
		and(`fault.state = ?`, string(q.State))
	}
	if q.Live {
		and(`fault.state IN ('proposed', 'open', 'called', 'parts')`)
	}
	if q.Cause != "" {
		and(`fault.cause = ?`, string(q.Cause))
	}
	if !q.From.IsZero() {
		and(`(fault.ended_at = 0 OR fault.ended_at >= ?)`, q.From.UnixMilli())
	}
	if !q.Until.IsZero() {
		and(`fault.opened_at < ?`, q.Until.UnixMilli())
	}
	if q.Limit <= 0 || q.Limit > 5000 {
		q.Limit = 200
	}
	args = append(args, q.Limit)
	err = b.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = list(tx, where, args, ` LIMIT ?`)
		return err
	})
	return all, err
}

const columns = `fault.id, fault.pole_id, pole.code, pole.name, fault.path, fault.cause, fault.state, fault.said, fault.opened_by, fault.opened_name,
	fault.opened_at, fault.changed_at, fault.fixer, fault.due, fault.supplier, fault.parts, fault.cost, fault.remedy, fault.ended_at`

func list(tx *db.Tx, where string, args []any, more string) ([]Fault, error) {
	return db.All(tx, `SELECT `+columns+` FROM fault JOIN pole ON pole.id = fault.pole_id WHERE `+where+`
		ORDER BY CASE WHEN fault.ended_at = 0 THEN 0 ELSE 1 END, CASE WHEN fault.ended_at = 0 THEN fault.opened_at ELSE -fault.ended_at END, fault.id`+more, args, scan)
}

func scan(to func(...any) error) (f Fault, err error) {
	return f, to(&f.ID, &f.Pole, &f.Code, &f.PoleName, &f.Path, &f.Cause, &f.State, &f.Said, &f.By, &f.ByName, &f.Opened, &f.Changed,
		&f.Fixer, &f.Due, &f.Supplier, &f.Parts, &f.Cost, &f.Remedy, &f.Ended)
}

// locked is a fault that this transaction holds.
func locked(tx *db.Tx, id string) (f Fault, err error) {
	if err := tx.Lock("fault", id); err != nil && !errors.Is(err, db.ErrNone) {
		return f, err
	}
	f, err = scan(tx.Row(`SELECT `+columns+` FROM fault JOIN pole ON pole.id = fault.pole_id WHERE fault.id = ?`, id).Scan)
	if errors.Is(err, db.ErrNone) {
		return f, loa.Errorf(loa.NotFound, "fault.unknown")
	}
	return f, err
}

func update(tx *db.Tx, f Fault) error {
	_, err := tx.Exec(`UPDATE fault SET state = ?, said = ?, changed_at = ?, fixer = ?, due = ?, supplier = ?, parts = ?, cost = ?, remedy = ?, ended_at = ? WHERE id = ?`,
		string(f.State), f.Said, f.Changed, f.Fixer, f.Due, f.Supplier, f.Parts, f.Cost, f.Remedy, f.Ended, f.ID)
	return err
}
