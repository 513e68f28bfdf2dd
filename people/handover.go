package people

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
)

// Handover is a post going from whoever holds it to somebody else on a day.
type Handover struct {
	Holding  string // that ends
	Taker    string // person id
	At       time.Time
	Decision string
}

// HandOver ends a holding and begins the next one on the same day. On that day
// whatever the giver wrote for the post's places and did not finish becomes the
// taker's (Unfinished); zero or past is now. A lent post goes back by itself and
// is not handed over. It needs people.manage over all that the post reaches.
func (r *Register) HandOver(ctx context.Context, who loa.Actor, h Handover) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		held, err := holdings(tx, "h.id = ?", h.Holding)
		if err != nil {
			return err
		}
		if len(held) == 0 {
			return loa.Errorf(loa.NotFound, "people.holding_unknown")
		}
		if held[0].Lent {
			return loa.Errorf(loa.Conflict, "people.handover_lent", held[0].post.Title)
		}
		at := h.At
		if at.Before(tx.Now()) {
			at = tx.Now()
		}
		given, err := give(tx, who, Holding{Post: held[0].Post, Person: h.Taker, From: at, Decision: h.Decision})
		if err != nil {
			return err
		}
		if err := end(tx, who, h.Holding, at); err != nil {
			return err
		}
		id := loa.NewID(tx.Now())
		if _, err := tx.Exec("INSERT INTO handover (id, post, giver, taker, at, decision, by_person, by_name) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			id, held[0].Post, held[0].Person, h.Taker, at.UnixMilli(), given.Decision, who.ID, who.Name); err != nil {
			return err
		}
		if at.After(tx.Now()) {
			return nil
		}
		return r.passOn(tx, who, id)
	})
	if err != nil {
		return fmt.Errorf("hand over: %w", err)
	}
	return nil
}

// HandOverDue passes on the work of every handover whose day has come. It may be
// called again and again.
func (r *Register) HandOverDue(ctx context.Context) error {
	var due []string
	err := r.DB.Read(ctx, func(tx *db.Tx) (err error) {
		due, err = db.All(tx, "SELECT id FROM handover WHERE done_at IS NULL AND at <= ? ORDER BY at, id", []any{tx.NowMS()},
			func(scan func(...any) error) (s string, err error) { return s, scan(&s) })
		return err
	})
	for _, id := range due {
		if err == nil {
			err = r.DB.Write(ctx, func(tx *db.Tx) error { return r.passOn(tx, loa.System(), id) })
		}
	}
	if err != nil {
		return fmt.Errorf("hand over what is due: %w", err)
	}
	return nil
}

// passOn gives the taker what the giver has not finished, once.
func (r *Register) passOn(tx *db.Tx, who loa.Actor, id string) error {
	if err := tx.Lock("handover", id); err != nil && !errors.Is(err, db.ErrNone) {
		return err
	}
	n, err := tx.Exec("UPDATE handover SET done_at = ? WHERE id = ? AND done_at IS NULL", tx.NowMS(), id)
	if err != nil || n == 0 {
		return err // another process was quicker
	}
	var post, giver, taker string
	if err := tx.Row("SELECT post, giver, taker FROM handover WHERE id = ?", id).Scan(&post, &giver, &taker); err != nil {
		return err
	}
	all, err := posts(tx, "p.id = ?", post)
	if err != nil {
		return err
	}
	from, err := findAccount(tx, "id = ?", giver)
	if err != nil {
		return err
	}
	to, err := findAccount(tx, "id = ?", taker)
	if err != nil {
		return err
	}
	var places []loa.Path
	for _, g := range all[0].Grants {
		if slices.Contains(g.Rights, loa.RightWrite) {
			places = append(places, g.Path)
		}
	}
	moved := 0
	if r.Unfinished != nil && len(places) > 0 {
		if moved, err = r.Unfinished(tx, who, from.Person, to.Person, places); err != nil {
			return err
		}
	}
	if err := tell(tx, []string{giver, taker}, "handed_over", all[0].Title, from.Name, to.Name); err != nil {
		return err
	}
	_, err = journal.Append(tx, who, journal.Entry{Verb: "people.handed_over", Path: all[0].path, Subject: post,
		Data: map[string]any{"title": all[0].Title, "giver": giver, "giver_name": from.Name, "taker": taker, "taker_name": to.Name, "moved": moved}})
	return err
}
