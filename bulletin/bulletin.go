package bulletin

import (
	"context"
	"fmt"
	"slices"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/sound"
	"loa/speaker"
	"loa/voice"
	"loa/wire"
)

// State is where on the line a bulletin stands.
type State string

// The states.
const (
	Draft      State = "draft"
	Submitted  State = "submitted"  // waits for approval; its bytes are fixed
	Approved   State = "approved"   // waits for the signer
	Sealed     State = "sealed"     // has its warrant, may be scheduled
	Scheduled  State = "scheduled"  // has slots, waits for its plan
	Dispatched State = "dispatched" // stands in the plans that speakers hold
	Cancelled  State = "cancelled"
	Stopped    State = "stopped"
	Expired    State = "expired"
)

// move is a change of state with a name, the verb of its journal entry.
type move string

const (
	edit        move = "edited"
	waive       move = "waived"
	submit      move = "submitted"
	giveBack    move = "returned"
	approve     move = "approved"
	disbelieve  move = "approval_refused"
	sealWarrant move = "sealed"
	schedule    move = "scheduled"
	dispatch    move = "dispatched"
	cancel      move = "cancelled"
	stop        move = "stopped"
	expire      move = "expired"
)

// moves is the one table of what may follow what.
func (m move) from() []State {
	switch m {
	case edit, waive, submit:
		return []State{Draft}
	case giveBack, approve:
		return []State{Submitted}
	case disbelieve, sealWarrant:
		return []State{Approved}
	case schedule:
		return []State{Sealed, Scheduled, Dispatched}
	case dispatch:
		return []State{Scheduled}
	case cancel:
		return []State{Draft, Submitted, Approved, Sealed, Scheduled, Dispatched}
	case stop:
		return []State{Scheduled, Dispatched}
	case expire:
		return []State{Submitted, Approved, Sealed, Scheduled, Dispatched}
	}
	return nil
}

func (m move) to() State {
	switch m {
	case edit, waive, giveBack:
		return Draft
	case submit, disbelieve:
		return Submitted
	case approve:
		return Approved
	case sealWarrant:
		return Sealed
	case schedule:
		return Scheduled
	case dispatch:
		return Dispatched
	case cancel:
		return Cancelled
	case stop:
		return Stopped
	}
	return Expired
}

// Bulletin is one notice on its way out.
type Bulletin struct {
	ID         string
	Path       loa.Path // the unit that speaks
	Author     string   // person id
	AuthorName string
	State      State
	Class      wire.Class
	Title      string
	Renditions []Rendition // in the order they sound; the first is the main one
	Role       wire.Role
	Category   Category
	Office     string // id of the body it comes from, "" for the unit's own
	Origin     string // where it comes from, in words
	Scope      []loa.Path
	From       int64 // UTC ms
	Until      int64 // UTC ms: hết hạn phát
	PlaysDay   int
	Plays      int
	Repeat     int      // further readings in a slot
	Chime      bool     // before it
	Wanted     []Choice // sessions chosen while composing
	Payload    []byte   // the warrant's bytes
	Warrant    string   // hash of the sealed warrant
	StopBytes  []byte   // a stop waiting for approval
	Note       string
	MadeAt     int64
	ChangedAt  int64
}

// may checks the table of moves.
func (b Bulletin) may(m move) error {
	if slices.Contains(m.from(), b.State) {
		return nil
	}
	return loa.Errorf(loa.Conflict, "bulletin.moved", string(b.State))
}

// places is the scope as warrants carry it.
func (b Bulletin) places() []wire.Place {
	all := make([]wire.Place, len(b.Scope))
	for i, p := range b.Scope {
		all[i] = wire.Place{Path: p}
	}
	return all
}

// slotMS is how long one slot of the bulletin sounds.
func (b Bulletin) slotMS() int64 { return b.MS() + int64(b.Repeat)*(b.MS()+wire.Spacing) }

// Speech turns spoken text into sound.
type Speech interface {
	Models() []voice.Model
	Say(ctx context.Context, text string, v voice.Voice) (voice.Speech, error)
}

// Encoder brings the program's own speech into the canonical form.
type Encoder interface {
	Speech(ctx context.Context, wav []byte) (sound.Result, error)
}

// Flow is the outward line over one database.
type Flow struct {
	DB      *db.DB
	Speech  Speech
	Encoder Encoder
	Blobs   *db.Blobs
	Signer  speaker.Sealer
	Grants  Granter // the same signer
	Keys    speaker.Keys
	// Recordings gives what people have recorded; nil where nobody can.
	Recordings Recordings
	// Lexicon is how a place reads its own words, written form to spoken form;
	// nil: as everybody does.
	Lexicon func(tx *db.Tx, place loa.Path) (map[string]string, error)
	// Approvers lists who may approve for a place today, whether by a post there
	// or above it; nil: nobody is known.
	Approvers func(ctx context.Context, place loa.Path) ([]Approver, error)
	// Lead is how far ahead phát ngay places its slot, so that devices can
	// fetch the sound and start together.
	Lead int64 // milliseconds
	// Said is called after each commit, with the journal row just written, so
	// that the committing process speaks it at once.
	Said func(id string, e journal.Entry)

	receipts receipts
}

// step is the one shape of a stage: lock and load the noun, let the stage
// change it, check the move, store it and write the book, all in one
// transaction; then say it. A stage that goes further than its move, as sealing
// does when it takes another's slots, sets the state itself.
func (f *Flow) step(ctx context.Context, who loa.Actor, id string, m move,
	stage func(tx *db.Tx, b *Bulletin) (journal.Entry, error)) (Bulletin, error) {
	var b Bulletin
	var entry journal.Entry
	var row string
	err := f.DB.Write(ctx, func(tx *db.Tx) error {
		var err error
		if b, err = hold(tx, id); err != nil {
			return err
		}
		if err := b.may(m); err != nil {
			return err
		}
		if entry, err = stage(tx, &b); err != nil {
			return err
		}
		if slices.Contains(m.from(), b.State) {
			b.State = m.to()
		}
		b.ChangedAt = tx.NowMS()
		if err := store(tx, b); err != nil {
			return err
		}
		entry.Verb, entry.Path, entry.Subject = "bulletin."+string(m), b.Path, b.ID
		row, err = journal.Append(tx, who, entry)
		return err
	})
	if err != nil {
		return Bulletin{}, fmt.Errorf("bulletin %s: %w", m, err)
	}
	f.Said(row, entry)
	return b, nil
}
