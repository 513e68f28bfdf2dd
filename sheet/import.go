package sheet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"loa"
	"loa/db"
	"loa/journal"
)

// Register is a register as an import needs it. Its rows are known by an id,
// and the state of a row is a text that is equal exactly when nothing about the
// row has changed.
type Register interface {
	// Right is what somebody must hold over a place to import there.
	Right() loa.Right
	// Table is the form of the register at a place, with what may be chosen there.
	Table(tx *db.Tx, place loa.Path) (Table, error)
	// Rows are the rows at or below a place, as cells.
	Rows(tx *db.Tx, place loa.Path) ([]map[string]string, error)
	// Plan judges rows against the register, and says what each would change,
	// writing nothing. A row that changes nothing has no Change.
	Plan(tx *db.Tx, who loa.Actor, place loa.Path, rows []Row) ([]Change, []Wrong, error)
	// States are the present states of rows, "" for one that is not there.
	States(tx *db.Tx, ids []string) (map[string]string, error)
	// Write brings rows from Before to After.
	Write(tx *db.Tx, changes []Change) error
}

// Change is what an import does to one row of a register.
type Change struct {
	Line   int
	ID     string
	Name   string // as people call the row
	Before string // its state; "": it was not there
	After  string // its state; "": it is taken away
}

// The states of an import.
const (
	Checked = "checked" // tried, nothing written
	Applied = "applied"
	Undone  = "undone"
)

// Import is one file that was sent to a register.
type Import struct {
	ID       string
	Register string
	Place    loa.Path
	File     string // the SHA-256 under which the file is kept
	Name     string // what it was called
	State    string
	ByName   string
	At       int64 // UTC ms: sent
	EndedAt  int64 // applied or undone
	Summary
}

// Summary is what an import does, or did.
type Summary struct {
	Lines   int      `json:"lines"`
	Added   int      `json:"added"`
	Changed int      `json:"changed"`
	Same    int      `json:"same"`
	Bad     int      `json:"bad"` // rows, not faults
	Ignored []string `json:"ignored,omitempty"`
	Wrong   []Wrong  `json:"wrong,omitempty"`
	Mended  []Mended `json:"mended,omitempty"`
}

// kept is how many faults and mended cells are stored with an import; the sums
// count them all.
const kept = 500

// Book keeps the imports of all registers of one node.
type Book struct {
	DB        *db.DB
	Blobs     *db.Blobs
	Registers map[string]Register
	Said      func(id string, e journal.Entry) // after each commit, as everywhere
}

// register finds a register by the name it has in addresses, for somebody who
// may do this there.
func (b *Book) register(who loa.Actor, name string, place loa.Path, right loa.Right) (Register, error) {
	r, ok := b.Registers[name]
	if !ok {
		return nil, loa.Errorf(loa.NotFound, "sheet.register_unknown")
	}
	if right == "" {
		right = r.Right()
	}
	return r, who.Must(right, place)
}

// Export writes the rows of a register at a place, or its empty form.
func (b *Book) Export(ctx context.Context, who loa.Actor, register string, place loa.Path, empty bool, w io.Writer) error {
	r, err := b.register(who, register, place, loa.RightRead)
	if err != nil {
		return err
	}
	var t Table
	var rows []map[string]string
	err = b.DB.Read(ctx, func(tx *db.Tx) error {
		if t, err = r.Table(tx, place); err != nil || empty {
			return err
		}
		rows, err = r.Rows(tx, place)
		return err
	})
	if err != nil {
		return fmt.Errorf("export %s: %w", register, err)
	}
	return Write(w, t, rows)
}

// Check is the dry run: it keeps the file, reads it, and says what applying it
// would do.
func (b *Book) Check(ctx context.Context, who loa.Actor, register string, place loa.Path, name string, file []byte) (Import, error) {
	r, err := b.register(who, register, place, "")
	if err != nil {
		return Import{}, err
	}
	if utf8.RuneCountInString(name) > 100 || !utf8.ValidString(name) {
		name = loa.Clip(name)
	}
	i := Import{Register: register, Place: place, Name: name, State: Checked, ByName: who.Name}
	err = b.DB.Read(ctx, func(tx *db.Tx) error {
		f, err := read(tx, r, place, file)
		if err != nil {
			return err
		}
		i.Summary, _, err = f.plan(tx, r, who, place)
		return err
	})
	if err != nil {
		return Import{}, fmt.Errorf("check file: %w", err)
	}
	if i.File, err = b.Blobs.Put(ctx, file); err != nil {
		return Import{}, err
	}
	err = b.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		i.ID, i.At = loa.NewID(tx.Now()), tx.NowMS()
		summary, err := json.Marshal(i.short())
		if err != nil {
			return journal.Entry{}, err
		}
		if _, err := tx.Exec(`INSERT INTO register_import (id, register, place, file, name, state, by_person, by_name, at, summary)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, i.ID, register, place, i.File, name, Checked, who.ID, who.Name, i.At, string(summary)); err != nil {
			return journal.Entry{}, err
		}
		return journal.Entry{Verb: "import.checked", Path: place, Subject: i.ID, Data: i.told()}, nil
	})
	if err != nil {
		return Import{}, fmt.Errorf("check file: %w", err)
	}
	return i, nil
}

// told is what the book says of an import.
func (i Import) told() map[string]any {
	return map[string]any{"register": i.Register, "file": i.File, "name": i.Name, "lines": i.Lines,
		"added": i.Added, "changed": i.Changed, "same": i.Same, "bad": i.Bad}
}

// short is the summary as it is stored.
func (s Summary) short() Summary {
	s.Wrong = s.Wrong[:min(len(s.Wrong), kept)]
	s.Mended = s.Mended[:min(len(s.Mended), kept)]
	return s
}

// reading is a file read against the form of its register.
type reading struct {
	table Table
	Sheet
}

func read(tx *db.Tx, r Register, place loa.Path, file []byte) (f reading, err error) {
	if f.table, err = r.Table(tx, place); err != nil {
		return f, err
	}
	f.Sheet, err = Read(f.table, file)
	return f, err
}

// plan judges what was read against the register.
func (f reading) plan(tx *db.Tx, r Register, who loa.Actor, place loa.Path) (s Summary, changes []Change, err error) {
	changes, bad, err := r.Plan(tx, who, place, f.Rows)
	if err != nil {
		return s, nil, err
	}
	s = Summary{Lines: f.Lines, Ignored: f.Ignored, Wrong: slices.Concat(f.Wrong, bad), Mended: f.Mended}
	slices.SortStableFunc(s.Wrong, func(a, b Wrong) int { return a.Line - b.Line })
	for i, w := range s.Wrong {
		if i == 0 || s.Wrong[i-1].Line != w.Line {
			s.Bad++
		}
	}
	for _, c := range changes {
		if c.Before == "" {
			s.Added++
		} else {
			s.Changed++
		}
	}
	s.Same = s.Lines - s.Bad - s.Added - s.Changed
	return s, changes, nil
}

// Apply writes every right row of a checked file in one transaction. It refuses
// when the register has changed so that the file would now do something else
// than the person was shown. The file is read before the transaction, because
// SQLite has one writer and reading is most of the work.
func (b *Book) Apply(ctx context.Context, who loa.Actor, id string) (Import, error) {
	var f reading
	err := b.DB.Read(ctx, func(tx *db.Tx) error {
		i, err := find(tx, id)
		if err != nil {
			return err
		}
		r, err := b.register(who, i.Register, i.Place, "")
		if err != nil {
			return err
		}
		file, err := b.Blobs.Get(i.File)
		if err != nil {
			return err
		}
		f, err = read(tx, r, i.Place, file)
		return err
	})
	if err != nil {
		return Import{}, fmt.Errorf("import: %w", err)
	}
	return b.step(ctx, who, id, Checked, Applied, func(tx *db.Tx, r Register, i *Import) error {
		table, err := r.Table(tx, i.Place)
		if err != nil {
			return err
		}
		now, changes, err := f.plan(tx, r, who, i.Place)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(table, f.table) || now.Added != i.Added || now.Changed != i.Changed || now.Bad != i.Bad || now.Same != i.Same {
			return loa.Errorf(loa.Conflict, "sheet.stale")
		}
		if len(changes) == 0 {
			return loa.Errorf(loa.Conflict, "sheet.nothing")
		}
		rows := make([][]any, len(changes))
		for n, c := range changes {
			rows[n] = []any{i.ID, c.Line, c.ID, c.Name, c.Before, c.After}
		}
		if err := tx.Insert("register_import_row", []string{"import", "line", "row_id", "name", "before_state", "after_state"}, rows); err != nil {
			return err
		}
		return r.Write(tx, changes)
	})
}

// Undo takes back everything an import wrote, or nothing: when one of its rows
// has been changed since, it says which.
func (b *Book) Undo(ctx context.Context, who loa.Actor, id string) (Import, error) {
	return b.step(ctx, who, id, Applied, Undone, func(tx *db.Tx, r Register, i *Import) error {
		changes, err := db.All(tx, `SELECT line, row_id, name, before_state, after_state FROM register_import_row WHERE import = ? ORDER BY line DESC`,
			[]any{i.ID}, func(scan func(...any) error) (c Change, err error) {
				return c, scan(&c.Line, &c.ID, &c.Name, &c.After, &c.Before) // the other way round
			})
		if err != nil {
			return err
		}
		ids := make([]string, len(changes))
		for n, c := range changes {
			ids[n] = c.ID
		}
		states, err := r.States(tx, ids)
		if err != nil {
			return err
		}
		var moved []string
		for _, c := range changes {
			if states[c.ID] != c.Before {
				moved = append(moved, c.Name)
			}
		}
		if len(moved) > 0 {
			first := slices.Clone(moved[:min(len(moved), 5)])
			slices.Reverse(first)
			return loa.Errorf(loa.Conflict, "sheet.changed_since", len(moved), strings.Join(first, "; "))
		}
		return r.Write(tx, changes)
	})
}

// step moves an import from one state to the next, once, whatever two clicks
// say.
func (b *Book) step(ctx context.Context, who loa.Actor, id, from, to string, do func(*db.Tx, Register, *Import) error) (i Import, err error) {
	err = b.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		if err := tx.Lock("register_import", id); err != nil && !errors.Is(err, db.ErrNone) {
			return journal.Entry{}, err
		}
		if i, err = find(tx, id); err != nil {
			return journal.Entry{}, err
		}
		r, err := b.register(who, i.Register, i.Place, "")
		if err != nil {
			return journal.Entry{}, err
		}
		if i.State != from {
			return journal.Entry{}, loa.Errorf(loa.Conflict, "sheet.moved", i.State)
		}
		if err := do(tx, r, &i); err != nil {
			return journal.Entry{}, err
		}
		i.State, i.EndedAt = to, tx.NowMS()
		if _, err := tx.Exec(`UPDATE register_import SET state = ?, ended_at = ? WHERE id = ?`, to, i.EndedAt, id); err != nil {
			return journal.Entry{}, err
		}
		return journal.Entry{Verb: "import." + to, Path: i.Place, Subject: id, Data: i.told()}, nil
	})
	if err != nil {
		return Import{}, fmt.Errorf("import: %w", err)
	}
	return i, nil
}

// Find is one import, for somebody who may read its place.
func (b *Book) Find(ctx context.Context, who loa.Actor, id string) (i Import, err error) {
	err = b.DB.Read(ctx, func(tx *db.Tx) error {
		i, err = find(tx, id)
		return err
	})
	if err != nil {
		return Import{}, err
	}
	return i, who.Must(loa.RightRead, i.Place)
}

// List is the last imports of a register at or below a place, the newest first.
func (b *Book) List(ctx context.Context, who loa.Actor, register string, place loa.Path) (all []Import, err error) {
	if _, err := b.register(who, register, place, loa.RightRead); err != nil {
		return nil, err
	}
	from, to := db.PrefixRange(string(place))
	err = b.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, `SELECT `+columns+` FROM register_import WHERE register = ? AND (place = ? OR (place >= ? AND place < ?))
			ORDER BY id DESC LIMIT 20`, []any{register, place, from, to}, scan)
		return err
	})
	return all, err
}

const columns = `id, register, place, file, name, state, by_name, at, ended_at, summary`

func scan(scan func(...any) error) (i Import, err error) {
	var summary string
	if err := scan(&i.ID, &i.Register, &i.Place, &i.File, &i.Name, &i.State, &i.ByName, &i.At, &i.EndedAt, &summary); err != nil {
		return i, err
	}
	return i, json.Unmarshal([]byte(summary), &i.Summary)
}

func find(tx *db.Tx, id string) (Import, error) {
	i, err := scan(tx.Row(`SELECT `+columns+` FROM register_import WHERE id = ?`, id).Scan)
	if errors.Is(err, db.ErrNone) {
		return i, loa.Errorf(loa.NotFound, "sheet.import_unknown")
	}
	return i, err
}

// write is one change and its journal row; the row is said after the commit.
func (b *Book) write(ctx context.Context, who loa.Actor, change func(tx *db.Tx) (journal.Entry, error)) error {
	var row string
	var entry journal.Entry
	err := b.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if entry, err = change(tx); err != nil {
			return err
		}
		row, err = journal.Append(tx, who, entry)
		return err
	})
	if err == nil {
		b.Said(row, entry)
	}
	return err
}

// fault is a Wrong as it is stored: its sentence is said in the reader's
// language each time.
type fault struct {
	Line   int    `json:"line"`
	Column string `json:"column,omitempty"`
	Value  string `json:"value,omitempty"`
	Key    string `json:"key"`
	Args   []any  `json:"args,omitempty"`
}

// MarshalJSON keeps what a sentence needs.
func (w Wrong) MarshalJSON() ([]byte, error) {
	e, ok := errors.AsType[*loa.Error](w.Err)
	if !ok {
		return nil, fmt.Errorf("a row is wrong for no reason a person can be told: %w", w.Err)
	}
	return json.Marshal(fault{w.Line, w.Column, w.Value, e.Key, e.Args})
}

// UnmarshalJSON is its reverse.
func (w *Wrong) UnmarshalJSON(b []byte) error {
	var f fault
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	*w = Wrong{f.Line, f.Column, f.Value, loa.Errorf(loa.Invalid, f.Key, f.Args...)}
	return nil
}

// Needs reports whether a blob is the file of an import.
func Needs(tx *db.Tx, hash string) (bool, error) {
	var n int
	err := tx.Row(`SELECT COUNT(*) FROM register_import WHERE file = ?`, hash).Scan(&n)
	return n > 0, err
}
