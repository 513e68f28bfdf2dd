package form

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
)

// maxWaiting is how much of one sender may wait for the officer at once.
const maxWaiting = 10

// State is how far a submission is.
type State string

// The states.
const (
	Waiting  State = "waiting"
	Taken    State = "taken"
	Declined State = "declined"
)

// Submission is one notice that an outside body sent.
type Submission struct {
	Filled
	ID       string
	Path     loa.Path // who receives
	Link     string
	Person   string
	Sender   string // the body's name
	Office   string // its id where the register has it
	Photo    string // hash of the stamped paper
	State    State
	Bulletin string
	Why      string
	SentAt   int64
	Decided  int64
}

// Source is who sends: a link, or a person with bulletin.form over the unit that
// receives.
type Source struct {
	Secret string // of a link's address; then nothing else is read
	Who    loa.Actor
	Path   loa.Path
	Sender string // the body that the person speaks for
	Office string // its id
}

// Send keeps what a body filled in, with the photo of its stamped paper (nil for
// none), for the officer to look at.
// Errors: form.kind, form.too_many, photo.*, those of Kind.Fill.
func (r *Register) Send(ctx context.Context, from Source, kind string, typed map[string]string, photo []byte) (s Submission, err error) {
	k, ok := KindOf(kind)
	if !ok {
		return s, loa.Errorf(loa.Invalid, "form.kind", loa.Clip(kind))
	}
	hash := ""
	if len(photo) > 0 {
		clean, err := Photo(photo)
		if err != nil {
			return s, err
		}
		if hash, err = r.Blobs.Put(ctx, clean); err != nil {
			return s, fmt.Errorf("keep photo: %w", err)
		}
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		if s, err = from.submission(tx, kind); err != nil {
			return err
		}
		if s.Filled, err = k.Fill(s.Sender, typed, tx.Now()); err != nil {
			return err
		}
		var waiting int
		if err := tx.Row(`SELECT COUNT(*) FROM submission WHERE link = ? AND person = ? AND state = ?`, s.Link, s.Person, string(Waiting)).Scan(&waiting); err != nil {
			return err
		}
		if waiting >= maxWaiting {
			return loa.Errorf(loa.Conflict, "form.too_many", maxWaiting)
		}
		s.ID, s.Photo, s.State, s.SentAt = loa.NewID(tx.Now()), hash, Waiting, tx.NowMS()
		if err := insert(tx, s); err != nil {
			return err
		}
		who := from.Who
		if s.Link != "" {
			who = loa.System() // nobody signed in; the entry names the link
		}
		_, err := journal.Append(tx, who, journal.Entry{Verb: "form.sent", Path: s.Path, Subject: s.ID,
			Data: map[string]any{"sender": s.Sender, "kind": kind, "link": s.Link, "photo": hash, "hints": s.Hints}})
		return err
	})
	if err != nil {
		return Submission{}, fmt.Errorf("send form: %w", err)
	}
	return s, nil
}

// submission begins one for whoever sends, if they may send this kind.
func (f Source) submission(tx *db.Tx, kind string) (Submission, error) {
	if f.Secret == "" {
		s := Submission{Path: f.Path, Person: f.Who.ID, Sender: f.Sender, Office: f.Office}
		return s, f.Who.Must(loa.RightForm, f.Path)
	}
	l, err := openLink(tx, f.Secret)
	if err == nil && !l.May(kind) {
		err = loa.Errorf(loa.Forbidden, "form.kind", "form."+kind)
	}
	return Submission{Path: l.Path, Link: l.ID, Sender: l.Sender}, err
}

const columns = `id, path, link, person, sender, office, kind, typed, title, text, until_ms, photo, state, bulletin_id, why, sent_at, decided_at`

func insert(tx *db.Tx, s Submission) error {
	typed, err := json.Marshal(s.Values)
	if err != nil {
		return fmt.Errorf("write form: %w", err)
	}
	_, err = tx.Exec(`INSERT INTO submission (`+columns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		s.ID, s.Path, s.Link, s.Person, s.Sender, s.Office, s.Kind, string(typed), s.Title, s.Text, s.Until.UnixMilli(), s.Photo,
		string(s.State), s.Bulletin, s.Why, s.SentAt, s.Decided)
	return err
}

func scan(scan func(...any) error) (s Submission, err error) {
	var typed string
	var until int64
	if err := scan(&s.ID, &s.Path, &s.Link, &s.Person, &s.Sender, &s.Office, &s.Kind, &typed, &s.Title, &s.Text, &until, &s.Photo,
		&s.State, &s.Bulletin, &s.Why, &s.SentAt, &s.Decided); err != nil {
		return s, err
	}
	s.Until = time.UnixMilli(until)
	if err := json.Unmarshal([]byte(typed), &s.Values); err != nil {
		return s, fmt.Errorf("read form: %w", err)
	}
	if s.Kind == "recruitment" { // what the officer is told again
		for _, f := range []string{"employer", "address", "job", "needs"} {
			s.Hints = append(s.Hints, found(f, s.Values[f], pay())...)
		}
	}
	return s, nil
}
