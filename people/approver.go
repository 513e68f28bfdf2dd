package people

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
)

// Approver is somebody who may approve for a place today.
type Approver struct {
	Person string
	Name   string
	Post   string    // its title
	Path   loa.Path  // the place the right is over: the place itself or one above it
	Lent   bool      // holds the post while somebody else is away
	Away   time.Time // until when somebody else holds this person's post; zero: here
}

// Approvers lists who may approve for a place now, by post: those of the place
// first, then those above it, each level with those who are here before those
// whose post is lent.
func (r *Register) Approvers(ctx context.Context, place loa.Path) (all []Approver, err error) {
	var up []any
	for _, p := range place.Up() {
		up = append(up, string(p))
	}
	if len(up) == 0 {
		return nil, nil
	}
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all = nil
		args := append(append([]any{string(loa.RightApprove)}, up...), tx.NowMS(), tx.NowMS())
		held, err := holdings(tx, `h.post IN (SELECT post FROM post_right WHERE "right" = ? AND path IN (?`+strings.Repeat(", ?", len(up)-1)+
			`)) AND h.from_at <= ? AND (h.until_at IS NULL OR h.until_at > ?)`, args...)
		if err != nil {
			return err
		}
		lent := map[string]time.Time{} // post → until when somebody else holds it
		for _, h := range held {
			if h.Lent && h.at(tx.Now()) && h.Until.After(lent[h.Post]) {
				lent[h.Post] = h.Until
			}
		}
		for _, h := range held {
			a, err := findAccount(tx, "id = ?", h.Person)
			if err != nil {
				return err
			}
			if !h.at(tx.Now()) || !a.Disabled.IsZero() {
				continue
			}
			one := Approver{Person: a.ID, Name: a.Name, Post: h.post.Title, Path: h.post.approves(place), Lent: h.Lent}
			if !h.Lent {
				one.Away = lent[h.Post]
			}
			all = append(all, one)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list approvers: %w", err)
	}
	slices.SortStableFunc(all, func(a, b Approver) int {
		if len(a.Path) != len(b.Path) {
			return len(b.Path) - len(a.Path)
		}
		return a.Away.Compare(b.Away)
	})
	return all, nil
}

// approves is the nearest place at or above this one over which the post may
// approve.
func (p Post) approves(place loa.Path) (nearest loa.Path) {
	for _, g := range p.Grants {
		if slices.Contains(g.Rights, loa.RightApprove) && g.Path.Covers(place) && len(g.Path) > len(nearest) {
			nearest = g.Path
		}
	}
	return nearest
}
