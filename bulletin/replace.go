package bulletin

// Beside the line: correct and replace (sửa và thay). A new version is drafted
// from a bulletin that is sealed or already with the speakers; the old one sounds
// on until the new one is approved and sealed, and in that moment leaves every
// plan while the new one takes its slots.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/speaker"
)

// standing are the states in which a bulletin may be replaced.
func standing() []State { return []State{Sealed, Scheduled, Dispatched} }

// Correct drafts a new version of a bulletin. Asking twice gives the same draft.
func (f *Flow) Correct(ctx context.Context, who loa.Actor, id string) (Bulletin, error) {
	var b Bulletin
	var entry journal.Entry
	var row string
	err := f.DB.Write(ctx, func(tx *db.Tx) error {
		row = ""
		old, err := hold(tx, id)
		if err != nil {
			return err
		}
		if err := who.Must(loa.RightWrite, old.Path); err != nil {
			return err
		}
		if !slices.Contains(standing(), old.State) {
			return loa.Errorf(loa.Conflict, "bulletin.moved", string(old.State))
		}
		open, err := replacements(tx, `replaces = ? AND done_at IS NULL`, id)
		if err != nil {
			return err
		}
		for _, r := range open {
			if b, err = load(tx, r.ID); err != nil {
				return err
			}
			if slices.Contains([]State{Draft, Submitted, Approved}, b.State) {
				return nil // it is being written already
			}
		}
		b = old
		b.ID, b.Author, b.AuthorName, b.State = loa.NewID(tx.Now()), who.ID, who.Name, Draft
		b.Payload, b.Warrant, b.StopBytes, b.Note, b.Wanted = nil, "", nil, "", nil
		for i, r := range b.Renditions { // spoken anew when approval is asked for
			r.Media, r.Bytes, r.MS, r.Loudness, r.SpokenBy = "", 0, 0, "", ""
			b.Renditions[i] = r
		}
		b.From, b.MadeAt, b.ChangedAt = max(b.From, tx.NowMS()), tx.NowMS(), tx.NowMS()
		if err := insert(tx, b); err != nil {
			return err
		}
		if err := keepRenditions(tx, b); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO replacement (id, replaces, at) VALUES (?, ?, ?)`, b.ID, id, tx.NowMS()); err != nil {
			return err
		}
		entry = journal.Entry{Verb: "bulletin.drafted", Path: b.Path, Subject: b.ID, Data: map[string]string{"title": b.Title, "replaces": id}}
		row, err = journal.Append(tx, who, entry)
		return err
	})
	if err != nil {
		return Bulletin{}, fmt.Errorf("correct bulletin: %w", err)
	}
	if row != "" {
		f.Said(row, entry)
	}
	return b, nil
}

// Replacement is the tie between a bulletin and the one it takes the place of.
type Replacement struct {
	ID       string // the new one
	Replaces string
	At       int64
	DoneAt   int64 // 0: the old one still stands
}

// Replacements lists what a bulletin replaces and what replaces it.
func (f *Flow) Replacements(ctx context.Context, id string) (all []Replacement, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = replacements(tx, `id = ? OR replaces = ?`, id, id)
		return err
	})
	return all, err
}

func replacements(tx *db.Tx, where string, args ...any) ([]Replacement, error) {
	return db.All(tx, `SELECT id, replaces, at, COALESCE(done_at, 0) FROM replacement WHERE `+where+` ORDER BY at, id`, args,
		func(scan func(...any) error) (r Replacement, err error) {
			return r, scan(&r.ID, &r.Replaces, &r.At, &r.DoneAt)
		})
}

// succession is what happened when a new version took over.
type succession struct {
	entry journal.Entry // of the old one
	row   string
	taken int // slots
	left  int // slots that the new one did not fit into
	emits []journal.Emit
}

// succeed gives b, just sealed, the place of the bulletin it replaces, all in the
// transaction that seals it: the old one's slots ahead end, b stands in them, and
// the plans say so. An old one that left the line meanwhile leaves nothing to take.
func (f *Flow) succeed(tx *db.Tx, who loa.Actor, b *Bulletin) (s succession, err error) {
	ties, err := replacements(tx, `id = ? AND done_at IS NULL`, b.ID)
	if err != nil || len(ties) == 0 {
		return s, err
	}
	old, err := hold(tx, ties[0].Replaces)
	if err != nil || !slices.Contains(standing(), old.State) {
		return s, err
	}
	if err := store(tx, *b); err != nil { // its warrant, for the plans below
		return s, err
	}
	slots, err := slotsAhead(tx, old.ID)
	if err != nil {
		return s, err
	}
	meant, err := slotsOf(tx, old.ID)
	if err != nil {
		return s, err
	}
	communes := communesOf(meant)
	for _, c := range communes {
		if err := holdStation(tx, c); err != nil {
			return s, err
		}
	}
	for _, it := range slots {
		if _, err := tx.Exec(`UPDATE slot SET cancelled_at = ? WHERE id = ?`, tx.NowMS(), it.ID); err != nil {
			return s, err
		}
		switch err := f.inherit(tx, b, it); {
		case err == nil:
			s.taken++
		case loa.CodeOf(err) == loa.Conflict || errors.Is(err, errElsewhere):
			s.left++
		default:
			return s, err
		}
	}
	old.State, old.ChangedAt, old.Note = Cancelled, tx.NowMS(), ""
	if err := store(tx, old); err != nil {
		return s, err
	}
	if _, err := tx.Exec(`UPDATE replacement SET done_at = ? WHERE id = ?`, tx.NowMS(), b.ID); err != nil {
		return s, err
	}
	if s.taken > 0 {
		b.State = Dispatched
		if err := store(tx, *b); err != nil {
			return s, err
		}
	}
	versions, emits, err := f.plans(tx, communes, b.ID, old.ID)
	if err != nil {
		return s, err
	}
	s.emits = emits
	if s.taken > 0 {
		boxes, err := speaker.Meant(tx, b.places())
		if err != nil {
			return s, err
		}
		if _, err := tx.Exec(`INSERT INTO dispatch (id, bulletin_id, warrant, plans, meant, at) VALUES (?, ?, ?, ?, ?, ?)`,
			loa.NewID(tx.Now()), b.ID, b.Warrant, strings.Join(versions, "\n"), strings.Join(boxes, "\n"), tx.NowMS()); err != nil {
			return s, err
		}
	}
	s.entry = journal.Entry{Verb: "bulletin.replaced", Path: old.Path, Subject: old.ID,
		Data: map[string]any{"by": b.ID, "taken": s.taken, "left": s.left, "plans": versions}}
	s.row, err = journal.Append(tx, who, s.entry)
	return s, err
}

// errElsewhere says that the new version does not mean the commune of a slot.
var errElsewhere = errors.New("slot of another commune")

// aheadSlot is a slot that has not begun, with its place in the running order.
type aheadSlot struct {
	Slot
	Priority bool
	Position int64
}

func slotsAhead(tx *db.Tx, bulletin string) ([]aheadSlot, error) {
	return db.All(tx, `SELECT id, bulletin_id, commune, session, priority, position, start_ms, ms FROM slot
		WHERE bulletin_id = ? AND start_ms > ? AND cancelled_at IS NULL ORDER BY commune, start_ms, id`, []any{bulletin, tx.NowMS()},
		func(scan func(...any) error) (s aheadSlot, err error) {
			var priority int
			err = scan(&s.ID, &s.Bulletin, &s.Commune, &s.Session, &priority, &s.Position, &s.Start, &s.MS)
			s.Priority = priority == 1
			return s, err
		})
}

// inherit puts b where a slot of the old version stood: in the same session at the
// same place of its order, or at the same minute. A Conflict says that it does not
// fit; then nothing has been written.
func (f *Flow) inherit(tx *db.Tx, b *Bulletin, was aheadSlot) error {
	if !slices.ContainsFunc(b.Scope, func(p loa.Path) bool { return p.Covers(was.Commune) || was.Commune.Covers(p) }) {
		return errElsewhere
	}
	it := b.item(tx)
	it.Position = was.Position
	s, ok, err := sessionOf(tx, was.Commune, was.Session)
	if err != nil && loa.CodeOf(err) != loa.Invalid {
		return err
	}
	if ok {
		if was.Start <= tx.NowMS()+tooLate { // else the order decides
			it.Start = was.Start
		}
		_, err := enter(tx, b, s, it, -1)
		return err
	}
	policies, err := speaker.Policies(tx, was.Commune)
	if err != nil {
		return err
	}
	busy, err := itemsFrom(tx, was.Commune, was.Start-time.Hour.Milliseconds())
	if err != nil {
		return err
	}
	it.Start = opening(busy, was.Start, it.MS)
	if err := b.allowed(policies, was.Commune, it.Start); err != nil {
		return err
	}
	if err := b.countPlays(tx, slot{Commune: was.Commune, Start: it.Start, Repeat: it.Repeat}); err != nil {
		return err // the new version may promise fewer
	}
	return insertSlot(tx, was.Commune, was.Session, it, -1)
}

// Sounded reports whether a bulletin has been on the air: a slot of it has begun.
func (f *Flow) Sounded(ctx context.Context, id string) (n int, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		return tx.Row(`SELECT COUNT(*) FROM slot WHERE bulletin_id = ? AND cancelled_at IS NULL AND start_ms <= ?`, id, tx.NowMS()).Scan(&n)
	})
	return n, err
}

// Erratum (đính chính) drafts the notice that says what was wrong in a replaced
// bulletin that people have already heard: the words come from the new version and
// its author finishes them. Asking twice gives two drafts; only one is proposed.
func (f *Flow) Erratum(ctx context.Context, who loa.Actor, id, title, lead string) (Bulletin, error) {
	b, err := f.Find(ctx, who, id)
	if err != nil {
		return Bulletin{}, err
	}
	ties, err := f.Replacements(ctx, id)
	if err != nil {
		return Bulletin{}, err
	}
	i := slices.IndexFunc(ties, func(r Replacement) bool { return r.ID == id && r.DoneAt > 0 })
	if i < 0 {
		return Bulletin{}, loa.Errorf(loa.Conflict, "replace.nothing_corrected")
	}
	n := b.Notice()
	n.Title, n.Text, n.From, n.Wanted, n.Upload = title+" "+b.Title, lead+"\n"+n.Text, time.Time{}, nil, ""
	return f.Draft(ctx, who, n)
}
