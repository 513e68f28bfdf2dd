package people

import (
	"context"
	"fmt"
	"time"

	"loa"
	"loa/db"
)

// Set is a set of rights under one name, so that nobody has to know which rights
// a task takes.
type Set string

// The sets.
const (
	Station Set = "station" // the officer who runs a station
	Leader  Set = "leader"  // approves
	Head    Set = "head"    // a hamlet's head, a propagandist: writes for the own hamlet
	Manager Set = "manager" // looks after people, posts and offices
	Reader  Set = "reader"  // looks
)

// Sets is every set, for a form that offers them.
func Sets() []Set { return []Set{Station, Leader, Head, Manager, Reader} }

// Rights are those of the set, nil for one that does not exist.
func (s Set) Rights() []loa.Right {
	switch s {
	case Station:
		return []loa.Right{loa.RightWrite, loa.RightDispatch, loa.RightSpeakers, loa.RightRead}
	case Leader:
		return []loa.Right{loa.RightApprove, loa.RightDispatch, loa.RightRead}
	case Head:
		return []loa.Right{loa.RightWrite, loa.RightRead}
	case Manager:
		return []loa.Right{loa.RightPeople, loa.RightRead}
	case Reader:
		return []loa.Right{loa.RightRead}
	}
	return nil
}

// Welcome adds a person and gives them a post in one step: one that is there
// (h.Post), or else the new post p. What it answers is a link that lets them in
// within a day, to hand over.
func (r *Register) Welcome(ctx context.Context, who loa.Actor, n NewPerson, p Post, h Holding) (added Person, link string, err error) {
	if n, err = n.clean(); err != nil {
		return Person{}, "", err
	}
	if h.Post == "" {
		if p, err = p.clean(); err != nil {
			return Person{}, "", err
		}
	}
	hash := n.hash()
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		h := h // Write may run this again
		if added, err = addPerson(tx, who, n, hash); err != nil {
			return err
		}
		if h.Post == "" {
			post, err := addPost(tx, who, p)
			if err != nil {
				return err
			}
			h.Post = post.ID
		}
		h.Person = added.ID
		if _, err := give(tx, who, h); err != nil {
			return err
		}
		link, err = newLink(tx, who, added.ID, linkLife)
		return err
	})
	if err != nil {
		return Person{}, "", fmt.Errorf("welcome person: %w", taken(err, n))
	}
	return added, link, nil
}

// Login is the person who signs in with a login, however it is typed; otherwise
// people.unknown.
func (r *Register) Login(ctx context.Context, login string) (p Person, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		a, err := findAccount(tx, "login_fold = ?", foldLogin(login))
		p = a.Person
		return err
	})
	return p, err
}

// Holdings is what a person holds or will hold, the longest first.
func (r *Register) Holdings(ctx context.Context, person string) (all []Holding, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = holdings(tx, "h.person = ? AND (h.until_at IS NULL OR h.until_at > ?)", person, tx.NowMS())
		return err
	})
	return all, err
}

// Post is one post with who holds it; otherwise people.post_unknown.
func (r *Register) Post(ctx context.Context, id string) (p Post, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err := posts(tx, "p.id = ?", id)
		if err != nil {
			return fmt.Errorf("find post: %w", err)
		}
		if len(all) == 0 {
			return loa.Errorf(loa.NotFound, "people.post_unknown")
		}
		p = all[0]
		p.Holders, err = holdings(tx, "h.post = ? AND (h.until_at IS NULL OR h.until_at > ?)", id, tx.NowMS())
		return err
	})
	return p, err
}

// Begun reports whether a holding gives rights at t.
func (h Holding) Begun(t time.Time) bool { return h.at(t) }
