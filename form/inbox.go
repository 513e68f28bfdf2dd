package form

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"loa"
	"loa/bulletin"
	"loa/db"
	"loa/journal"
	"loa/wire"
)

// Inbox lists what outside bodies sent to a place and below it, what waits first,
// then the newest.
func (r *Register) Inbox(ctx context.Context, who loa.Actor, at loa.Path) (all []Submission, err error) {
	if err := who.Must(loa.RightRead, at); err != nil {
		return nil, err
	}
	from, to := db.PrefixRange(string(at))
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, `SELECT `+columns+` FROM submission WHERE path = ? OR path >= ? AND path < ?
			ORDER BY CASE state WHEN 'waiting' THEN 0 ELSE 1 END, id DESC LIMIT 100`, []any{at, from, to}, scan)
		return err
	})
	return all, err
}

// Waiting counts what waits for the officer of a place.
func (r *Register) Waiting(ctx context.Context, at loa.Path) (n int, err error) {
	from, to := db.PrefixRange(string(at))
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		return tx.Row(`SELECT COUNT(*) FROM submission WHERE state = 'waiting' AND (path = ? OR path >= ? AND path < ?)`, at, from, to).Scan(&n)
	})
	return n, err
}

// Find is one submission, for whoever may read the place it was sent to.
func (r *Register) Find(ctx context.Context, who loa.Actor, id string) (s Submission, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		s, err = load(tx, id)
		return err
	})
	if err != nil {
		return s, err
	}
	return s, who.Must(loa.RightRead, s.Path)
}

func load(tx *db.Tx, id string) (Submission, error) {
	s, err := scan(tx.Row(`SELECT `+columns+` FROM submission WHERE id = ?`, id).Scan)
	if errors.Is(err, db.ErrNone) {
		return s, loa.Errorf(loa.NotFound, "form.unknown")
	}
	return s, err
}

// Take makes a draft of the officer's out of a submission, for the whole unit
// until she narrows it. Two officers who take it at once make one.
func (r *Register) Take(ctx context.Context, who loa.Actor, id string) (b bulletin.Bulletin, err error) {
	err = r.decide(ctx, who, id, "form.taken", func(tx *db.Tx, s *Submission) error {
		k, ok := KindOf(s.Kind)
		if !ok {
			return loa.Errorf(loa.Invalid, "form.kind", loa.Clip(s.Kind))
		}
		b, err = r.Bulletins.DraftTx(tx, who, bulletin.Notice{Path: s.Path, Class: wire.Normal, Title: s.Title, Text: s.Text,
			Scope: []loa.Path{s.Path}, Until: s.Until, Category: k.Category, Office: s.Office, Origin: s.Sender})
		s.State, s.Bulletin = Taken, b.ID
		return err
	})
	return b, err
}

// Decline (không phát) tells the body why its notice is not played.
func (r *Register) Decline(ctx context.Context, who loa.Actor, id, why string) error {
	why = strings.TrimSpace(why)
	if why == "" || len(why) > 1000 || !utf8.ValidString(why) {
		return loa.Errorf(loa.Invalid, "recall.reason")
	}
	return r.decide(ctx, who, id, "form.declined", func(_ *db.Tx, s *Submission) error {
		s.State, s.Why = Declined, why
		return nil
	})
}

// decide is the one move of a submission, out of waiting.
func (r *Register) decide(ctx context.Context, who loa.Actor, id, verb string, change func(tx *db.Tx, s *Submission) error) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Lock("submission", id); err != nil && !errors.Is(err, db.ErrNone) {
			return err
		}
		s, err := load(tx, id)
		if err != nil {
			return err
		}
		if err := who.Must(loa.RightWrite, s.Path); err != nil {
			return err
		}
		if s.State != Waiting {
			return loa.Errorf(loa.Conflict, "form.decided", "form.state."+string(s.State))
		}
		if err := change(tx, &s); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE submission SET state = ?, bulletin_id = ?, why = ?, decided_at = ? WHERE id = ?`,
			string(s.State), s.Bulletin, s.Why, tx.NowMS(), id); err != nil {
			return err
		}
		_, err = journal.Append(tx, who, journal.Entry{Verb: verb, Path: s.Path, Subject: id,
			Data: map[string]any{"sender": s.Sender, "bulletin": s.Bulletin, "why": s.Why}})
		return err
	})
	if err != nil {
		return fmt.Errorf("decide form: %w", err)
	}
	return nil
}

// Fate is what became of a submission, for the body that sent it.
type Fate struct {
	Submission
	Stands bulletin.State // of its bulletin, "" without one
	Boxes  int            // speakers that played it
	First  time.Time      // when the first of them did
	Latest time.Time
}

// Fates lists what a sender sent and what became of it, the newest first.
func (r *Register) Fates(ctx context.Context, from Source) (all []Fate, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all = nil
		column, value := "person", from.Who.ID
		if from.Secret != "" {
			l, err := openLink(tx, from.Secret)
			if err != nil {
				return err
			}
			column, value = "link", l.ID
		}
		sent, err := db.All(tx, `SELECT `+columns+` FROM submission WHERE `+column+` = ? ORDER BY id DESC LIMIT 50`, []any{value}, scan)
		if err != nil {
			return err
		}
		for _, s := range sent {
			f := Fate{Submission: s}
			if s.Bulletin != "" {
				if f.Stands, f.Boxes, f.First, f.Latest, err = bulletin.Sounded(tx, s.Bulletin); err != nil {
					return err
				}
			}
			all = append(all, f)
		}
		return nil
	})
	return all, err
}

// Needs reports whether a blob is the paper of a submission.
func Needs(tx *db.Tx, hash string) (bool, error) {
	var n int
	err := tx.Row(`SELECT COUNT(*) FROM submission WHERE photo = ?`, hash).Scan(&n)
	return n > 0, err
}
