package desk

import (
	"net/http"
	"slices"
	"time"

	"loa"
	"loa/bulletin"
	"loa/journal"
	"loa/web"
)

// approving is what a bulletin's page says of its approval.
type approving struct {
	Ask         *asking           // for the reader's yes, nil if it is not asked
	Wait        *bulletin.Waiting // how it waits for the reader, nil if it does not
	StandBy     named             // the place above whose right the reader would use
	Turn        *bulletin.Turn    // whose turn it is, while it waits
	Versions    []bulletin.Version
	Compared    *compared // with the version returned last
	Replaces    []tie     // the bulletin it corrects
	ReplacedBy  []tie     // its corrections
	Sounded     int       // how often the replaced one began to sound
	Correctable bool      // the reader may write a corrected version
}

// StandsIn and Grant are by what right the reader would approve, for the page.
func (p bulletinPage) StandsIn() loa.Path { return p.Wait.StandsIn }

// Grant is the grant under which the reader would approve, nil if by their own right.
func (p bulletinPage) Grant() *bulletin.Grant { return p.Wait.Grant }

// MayReturn reports whether the reader may give it back: nobody returns their own.
func (p bulletinPage) MayReturn() bool { return !p.Own }

// compared is what changed since the version that was returned.
type compared struct {
	Before  bulletin.Version
	After   bulletin.Version
	Title   []bulletin.Piece
	Text    []bulletin.Piece
	Spoken  []bulletin.Piece
	Changed []string // of the words change.*
}

// tie is a bulletin that another corrects, or its correction.
type tie struct {
	bulletin.Replacement
	Title string
	Other string // its id
}

// stopped is a bulletin that somebody silenced, as the book has it.
type stopped struct {
	journal.Row
	Title string
	Why   string
}

// stoppedBack is how far the desk looks back for who stopped something.
const stoppedBack = 7 * 24 * time.Hour

// homeApproval fills what waits for the reader at a place, what they are reminded
// of, and who stopped what.
func (d *desk) homeApproval(r *http.Request, at loa.Path, page *homePage) error {
	ctx, who := r.Context(), web.Actor(r)
	waits, err := d.Bulletins.WaitingFor(ctx, who)
	if err != nil {
		return err
	}
	for _, w := range waits {
		if at.Covers(w.Path) || w.Path.Covers(at) {
			page.Waiting, page.WaitMS = append(page.Waiting, w), page.WaitMS+w.MS()
		}
	}
	if page.Remind, err = d.Bulletins.RemindersFor(ctx, who); err != nil {
		return err
	}
	stops, err := d.Journal(ctx, journal.Filter{Path: at, Verb: "bulletin.stopped", Limit: 20})
	if err != nil {
		return err
	}
	for _, row := range stops {
		if d.Site.Clock.Now().Sub(row.At) >= stoppedBack {
			break
		}
		b, err := d.Bulletins.Find(ctx, who, row.Subject)
		if err != nil {
			return err
		}
		page.Stopped = append(page.Stopped, stopped{row, b.Title, b.Note})
	}
	return nil
}

// approvalData fills how a bulletin waits, whose turn it is, what was asked before
// and what corrects what.
func (d *desk) approvalData(r *http.Request, page *bulletinPage) (err error) {
	ctx, who, b := r.Context(), web.Actor(r), page.Bulletin
	if b.State == bulletin.Submitted {
		if page.Wait, err = d.Bulletins.WaitingOne(ctx, who, b.ID); err != nil {
			return err
		}
		turn, err := d.Bulletins.TurnOf(ctx, b)
		if err != nil {
			return err
		}
		page.Turn = &turn
	}
	if page.Wait != nil {
		ask, err := d.ask(r, "/bulletins/"+b.ID+"/approve", b.Payload)
		if err != nil {
			return err
		}
		page.Ask = &ask
		if page.Wait.StandsIn != "" {
			names, err := d.named(ctx, page.Wait.StandsIn)
			if err != nil {
				return err
			}
			page.StandBy = names[0]
		}
	}
	if page.Versions, err = d.Bulletins.Versions(ctx, b); err != nil {
		return err
	}
	if n := len(page.Versions); n > 1 && len(b.Payload) > 0 {
		before, after := page.Versions[n-2], page.Versions[n-1]
		page.Compared = &compared{before, after, bulletin.Compare(before.Title, after.Title), bulletin.Compare(before.Text, after.Text),
			bulletin.Compare(before.Spoken, after.Spoken), after.Changed(before)}
	}
	ties, err := d.Bulletins.Replacements(ctx, b.ID)
	if err != nil {
		return err
	}
	for _, t := range ties {
		one := tie{Replacement: t, Other: t.Replaces}
		if t.Replaces == b.ID {
			one.Other = t.ID
		}
		other, err := d.Bulletins.Find(ctx, who, one.Other)
		if err != nil {
			return err
		}
		one.Title = other.Title
		if t.ID == b.ID {
			page.Replaces = append(page.Replaces, one)
			if page.Sounded, err = d.Bulletins.Sounded(ctx, t.Replaces); err != nil {
				return err
			}
		} else if other.State != bulletin.Cancelled || t.DoneAt > 0 {
			page.ReplacedBy = append(page.ReplacedBy, one)
		}
	}
	page.Correctable = who.May(loa.RightWrite, b.Path) &&
		slices.Contains([]bulletin.State{bulletin.Sealed, bulletin.Scheduled, bulletin.Dispatched}, b.State)
	return nil
}
