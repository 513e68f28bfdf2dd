package people

import (
	"errors"
	"fmt"
	"time"

	"loa"
	"loa/db"
)

// account is a person with what proves it is them.
type account struct {
	Person
	password string // PHC string; "" while there is none
	secret   string // TOTP, base 32; "" while there is none
	step     int64  // the last step of TOTP whose code was used
}

func accounts(tx *db.Tx, where string, args ...any) ([]account, error) {
	return db.All(tx, `SELECT id, path, name, login, password, totp_secret, totp_step, added_at, disabled_at, email, phone, signed_in_at, cooling_until,
			(SELECT COUNT(*) FROM passkey k WHERE k.person = person.id AND k.removed_at IS NULL)
		FROM person WHERE `+where+` ORDER BY name_sort, id`, args, scanAccount)
}

func scanAccount(scan func(...any) error) (account, error) {
	var a account
	var added int64
	var disabled, signed, cooling *int64
	err := scan(&a.ID, &a.Path, &a.Name, &a.Login, &a.password, &a.secret, &a.step, &added, &disabled, &a.Email, &a.Phone, &signed, &cooling, &a.Passkeys)
	a.TOTP, a.Password = a.secret != "", a.password != ""
	a.SignedIn, a.Cooling = timeOf(signed), timeOf(cooling)
	a.Added = time.UnixMilli(added).UTC()
	a.Disabled = timeOf(disabled)
	return a, err
}

// findAccount is the one account for which the condition holds; otherwise
// people.unknown.
func findAccount(tx *db.Tx, where string, arg any) (account, error) {
	all, err := accounts(tx, where, arg)
	if err != nil {
		return account{}, fmt.Errorf("find person: %w", err)
	}
	if len(all) == 0 {
		return account{}, loa.Errorf(loa.NotFound, "people.unknown")
	}
	return all[0], nil
}

// lockAccount is findAccount by id, unchanged by others until the transaction ends.
func lockAccount(tx *db.Tx, id string) (account, error) {
	if err := tx.Lock("person", id); err != nil && !errors.Is(err, db.ErrNone) {
		return account{}, fmt.Errorf("lock person: %w", err)
	}
	return findAccount(tx, "id = ?", id)
}

// posts are the posts for which the condition, on post p and office o, holds.
func posts(tx *db.Tx, where string, args ...any) ([]Post, error) {
	all, err := db.All(tx, "SELECT p.id, p.office, p.title, o.path FROM post p JOIN office o ON o.id = p.office WHERE "+where+
		" ORDER BY o.path, p.title_sort, p.id", args,
		func(scan func(...any) error) (p Post, err error) {
			err = scan(&p.ID, &p.Office, &p.Title, &p.path)
			return p, err
		})
	if err != nil {
		return nil, err
	}
	grants, err := grantsOf(tx, "SELECT p.id FROM post p JOIN office o ON o.id = p.office WHERE "+where, args)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Grants = grants[all[i].ID]
	}
	return all, nil
}

// lockPost is the post with this id, unchanged by others until the transaction ends.
func lockPost(tx *db.Tx, id string) (Post, error) {
	if err := tx.Lock("post", id); err != nil && !errors.Is(err, db.ErrNone) {
		return Post{}, fmt.Errorf("lock post: %w", err)
	}
	all, err := posts(tx, "p.id = ?", id)
	if err != nil {
		return Post{}, fmt.Errorf("find post: %w", err)
	}
	if len(all) == 0 {
		return Post{}, loa.Errorf(loa.NotFound, "people.post_unknown")
	}
	return all[0], nil
}

// holdings are the holdings for which the condition, on holder h, post p and
// office o, holds: the longest first, each with the post's rights and the
// office's dates.
func holdings(tx *db.Tx, where string, args ...any) ([]Holding, error) {
	const from = " FROM holder h JOIN post p ON p.id = h.post JOIN office o ON o.id = p.office WHERE "
	all, err := db.All(tx, "SELECT h.id, h.post, h.person, h.from_at, h.until_at, h.lent, h.decision, p.title, o.path, o.id, o.name, o.valid_from, o.valid_to"+from+where+
		" ORDER BY h.from_at, h.id", args,
		func(scan func(...any) error) (h Holding, err error) {
			var start, opened int64
			var end, closed *int64
			var lent int
			err = scan(&h.ID, &h.Post, &h.Person, &start, &end, &lent, &h.Decision, &h.post.Title, &h.post.path, &h.office.ID, &h.office.Name, &opened, &closed)
			h.From, h.Until, h.Lent = time.UnixMilli(start).UTC(), timeOf(end), lent == 1
			h.office.From, h.office.To = time.UnixMilli(opened).UTC(), timeOf(closed)
			return h, err
		})
	if err != nil {
		return nil, fmt.Errorf("list holdings: %w", err)
	}
	grants, err := grantsOf(tx, "SELECT h.post"+from+where, args)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].post.Grants = grants[all[i].Post]
	}
	return all, nil
}

// grantsOf is what the posts that a query names grant, by post.
func grantsOf(tx *db.Tx, query string, args []any) (map[string][]loa.Grant, error) {
	by := map[string][]loa.Grant{}
	_, err := db.All(tx, `SELECT post, path, "right" FROM post_right WHERE post IN (`+query+`)`, args,
		func(scan func(...any) error) (struct{}, error) {
			var post string
			var path loa.Path
			var right loa.Right
			err := scan(&post, &path, &right)
			by[post] = append(by[post], loa.Grant{Path: path, Rights: []loa.Right{right}})
			return struct{}{}, err
		})
	if err != nil {
		return nil, fmt.Errorf("list grants: %w", err)
	}
	for post, grants := range by {
		by[post] = merge(grants)
	}
	return by, nil
}

// timeOf is a time that may be missing; zero when it is.
func timeOf(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return time.UnixMilli(*ms).UTC()
}
