package people

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/lang"
	"loa/office"
	"loa/unit"
)

// Post is what holds rights, whoever holds the post.
type Post struct {
	ID     string
	Office string // office id
	Title  string // "Phó Chủ tịch UBND xã"
	Grants []loa.Grant
	// Holders are those who hold it now or will, the longest first. Posts fills
	// it; AddPost takes no notice of it.
	Holders []Holding

	path loa.Path // the unit of its office
}

// Place is the unit of the post's office.
func (p Post) Place() loa.Path { return p.path }

// Holding is one person on one post, for a time.
type Holding struct {
	ID     string
	Post   string
	Person string
	From   time.Time
	Until  time.Time // the first moment no longer; zero: it goes on
	Lent   bool      // for the time its holder is away
	// Decision is the number of the decision that gave or lent it, "" where none
	// was written down.
	Decision string

	post   Post          // as far as rights go
	office office.Office // as far as dates go
}

// Title is that of the post held.
func (h Holding) Title() string { return h.post.Title }

// Place is the unit of the post's office.
func (h Holding) Place() loa.Path { return h.post.path }

// OfficeName is that of the post's office.
func (h Holding) OfficeName() string { return h.office.Name }

// at reports whether the holding gives rights at t: within its own dates, and
// while the office of the post exists.
func (h Holding) at(t time.Time) bool {
	return !t.Before(h.From) && (h.Until.IsZero() || t.Before(h.Until)) && h.office.At(t)
}

// AddPost adds a post to an office, held by nobody yet. It needs people.manage
// over the office's unit and over every path granted.
func (r *Register) AddPost(ctx context.Context, who loa.Actor, p Post) (Post, error) {
	p, err := p.clean()
	if err != nil {
		return Post{}, err
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		p, err = addPost(tx, who, p)
		return err
	})
	if err != nil {
		return Post{}, fmt.Errorf("add post: %w", err)
	}
	return p, nil
}

// clean checks and completes what a post is given.
func (p Post) clean() (Post, error) {
	p.Title = clean(p.Title)
	if err := checkName(p.Title); err != nil {
		return Post{}, err
	}
	grants, err := tidy(p.Grants)
	return Post{Office: p.Office, Title: p.Title, Grants: grants}, err
}

// addPost writes a post down; p is clean.
func addPost(tx *db.Tx, who loa.Actor, p Post) (Post, error) {
	o, err := office.FindTx(tx, p.Office)
	if err != nil {
		return Post{}, err
	}
	p.ID, p.path = loa.NewID(tx.Now()), o.Path
	if err := mustManage(who, p.places()); err != nil {
		return Post{}, err
	}
	if !o.To.IsZero() && !tx.Now().Before(o.To) {
		return Post{}, loa.Errorf(loa.Conflict, "office.closed", o.Name)
	}
	if _, err := tx.Exec("INSERT INTO post (id, office, title, title_sort, added_at) VALUES (?, ?, ?, ?, ?)",
		p.ID, p.Office, p.Title, lang.SortKey(p.Title), tx.NowMS()); err != nil {
		return Post{}, err
	}
	if err := p.grant(tx); err != nil {
		return Post{}, err
	}
	_, err = journal.Append(tx, who, journal.Entry{Verb: "people.post_added", Path: o.Path, Subject: p.ID,
		Data: map[string]any{"title": p.Title, "office": p.Office, "grants": p.Grants}})
	return p, err
}

// grant writes the post's rights down.
func (p Post) grant(tx *db.Tx) error {
	var rows [][]any
	for _, g := range p.Grants {
		if _, err := unit.FindTx(tx, g.Path); err != nil {
			return err
		}
		for _, right := range g.Rights {
			rows = append(rows, []any{p.ID, string(g.Path), string(right)})
		}
	}
	return tx.Insert("post_right", []string{"post", "path", `"right"`}, rows)
}

// ChangePost gives a post another title and other rights: Title and Grants of
// to. It needs people.manage over all that the post reached and all that it
// shall reach. Whoever holds the post cannot take people.manage from it: a
// colleague can, and stays to give it back.
func (r *Register) ChangePost(ctx context.Context, who loa.Actor, id string, to Post) error {
	to, err := to.clean()
	if err != nil {
		return err
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		p, err := lockPost(tx, id)
		if err != nil {
			return err
		}
		next := Post{ID: id, Office: p.Office, Title: to.Title, Grants: to.Grants, path: p.path}
		if err := mustManage(who, append(p.places(), next.places()...)); err != nil {
			return err
		}
		held, err := holdings(tx, "h.post = ? AND h.person = ? AND (h.until_at IS NULL OR h.until_at > ?)", id, who.ID, tx.NowMS())
		if err != nil {
			return err
		}
		if len(held) > 0 && p.manages() && !next.manages() {
			return loa.Errorf(loa.Conflict, "people.own_rights")
		}
		if _, err := tx.Exec("UPDATE post SET title = ?, title_sort = ? WHERE id = ?", next.Title, lang.SortKey(next.Title), id); err != nil {
			return err
		}
		if _, err := tx.Exec("DELETE FROM post_right WHERE post = ?", id); err != nil {
			return err
		}
		if err := next.grant(tx); err != nil {
			return err
		}
		_, err = journal.Append(tx, who, journal.Entry{Verb: "people.post_changed", Path: p.path, Subject: id,
			Data: map[string]any{"title": next.Title, "was": p.Title, "grants": next.Grants, "had": p.Grants}})
		return err
	})
	if err != nil {
		return fmt.Errorf("change post: %w", err)
	}
	return nil
}

// manages reports whether the post holds people.manage anywhere.
func (p Post) manages() bool {
	return slices.ContainsFunc(p.Grants, func(g loa.Grant) bool { return slices.Contains(g.Rights, loa.RightPeople) })
}

// Hold lets a person hold a post from a moment until another; until zero is
// until further notice, from zero or past is now, because rights are not given
// backwards. A lent post has an end. It needs people.manage over all that the
// post reaches.
func (r *Register) Hold(ctx context.Context, who loa.Actor, post, person string, from, until time.Time, lent bool) (Holding, error) {
	return r.Give(ctx, who, Holding{Post: post, Person: person, From: from, Until: until, Lent: lent})
}

// Give is Hold with the number of the decision that gives or lends the post.
func (r *Register) Give(ctx context.Context, who loa.Actor, h Holding) (given Holding, err error) {
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		given, err = give(tx, who, h)
		return err
	})
	if err != nil {
		return Holding{}, fmt.Errorf("hold post: %w", err)
	}
	return given, nil
}

func give(tx *db.Tx, who loa.Actor, h Holding) (Holding, error) {
	// The post, then the person, as everywhere: two at once do not wait for each other.
	p, err := lockPost(tx, h.Post)
	if err != nil {
		return Holding{}, err
	}
	if err := mustManage(who, p.places()); err != nil {
		return Holding{}, err
	}
	a, err := lockAccount(tx, h.Person)
	if err != nil {
		return Holding{}, err
	}
	h = Holding{ID: loa.NewID(tx.Now()), Post: h.Post, Person: h.Person, From: h.From, Until: h.Until, Lent: h.Lent, Decision: clean(h.Decision), post: p}
	if h.From.Before(tx.Now()) {
		h.From = tx.Now()
	}
	switch {
	case h.Lent && h.Until.IsZero():
		return Holding{}, loa.Errorf(loa.Invalid, "people.lent_undated", p.Title)
	case !h.Until.IsZero() && !h.Until.After(h.From):
		return Holding{}, loa.Errorf(loa.Invalid, "people.ends_before_start", p.Title)
	case !a.Disabled.IsZero():
		return Holding{}, loa.Errorf(loa.Conflict, "people.disabled", a.Name)
	case utf8.RuneCountInString(h.Decision) > 100:
		return Holding{}, loa.Errorf(loa.Invalid, "people.decision_long")
	}
	held, err := holdings(tx, "h.post = ? AND h.person = ?", h.Post, h.Person)
	if err != nil {
		return Holding{}, err
	}
	if slices.ContainsFunc(held, h.overlaps) {
		return Holding{}, loa.Errorf(loa.Conflict, "people.held_already", a.Name, p.Title)
	}
	var end any
	if !h.Until.IsZero() {
		end = h.Until.UnixMilli()
	}
	if _, err := tx.Exec("INSERT INTO holder (id, post, person, from_at, until_at, lent, decision) VALUES (?, ?, ?, ?, ?, ?, ?)",
		h.ID, h.Post, h.Person, h.From.UnixMilli(), end, h.Lent, h.Decision); err != nil {
		return Holding{}, err
	}
	_, err = journal.Append(tx, who, journal.Entry{Verb: "people.held", Path: p.path, Subject: h.Post, Data: map[string]any{
		"holding": h.ID, "person": h.Person, "name": a.Name, "title": p.Title, "from": h.From.UnixMilli(), "until": end, "lent": h.Lent,
		"decision": h.Decision}})
	return h, err
}

// overlaps reports whether two holdings share a moment.
func (h Holding) overlaps(o Holding) bool {
	return (o.Until.IsZero() || h.From.Before(o.Until)) && (h.Until.IsZero() || o.From.Before(h.Until))
}

// End ends a holding at a moment, zero or past being now; one that has not begun never does. It needs
// people.manage over all that the post reaches.
func (r *Register) End(ctx context.Context, who loa.Actor, holding string, when time.Time) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error { return end(tx, who, holding, when) })
	if err != nil {
		return fmt.Errorf("end holding: %w", err)
	}
	return nil
}

func end(tx *db.Tx, who loa.Actor, holding string, when time.Time) error {
	if err := tx.Lock("holder", holding); err != nil && !errors.Is(err, db.ErrNone) {
		return err
	}
	held, err := holdings(tx, "h.id = ?", holding)
	if err != nil {
		return err
	}
	if len(held) == 0 {
		return loa.Errorf(loa.NotFound, "people.holding_unknown")
	}
	h := held[0]
	if err := mustManage(who, h.post.places()); err != nil {
		return err
	}
	if !h.Until.IsZero() && !h.Until.After(tx.Now()) {
		return loa.Errorf(loa.Conflict, "people.ended", h.post.Title)
	}
	at := max(tx.NowMS(), h.From.UnixMilli(), when.UnixMilli())
	if !h.Until.IsZero() {
		at = min(at, h.Until.UnixMilli())
	}
	if _, err := tx.Exec("UPDATE holder SET until_at = ? WHERE id = ?", at, holding); err != nil {
		return err
	}
	_, err = journal.Append(tx, who, journal.Entry{Verb: "people.ended", Path: h.post.path, Subject: h.Post,
		Data: map[string]any{"holding": h.ID, "person": h.Person, "title": h.post.Title, "at": at}})
	return err
}

// Posts is every post of the offices that exist now and belong to the unit at
// path or one below it, with who holds each, in Vietnamese order.
func (r *Register) Posts(ctx context.Context, path loa.Path) (all []Post, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		from, to := db.PrefixRange(string(path))
		all, err = posts(tx, "(o.path = ? OR o.path >= ? AND o.path < ?) AND o.valid_from <= ? AND (o.valid_to IS NULL OR o.valid_to > ?)",
			string(path), from, to, tx.NowMS(), tx.NowMS())
		if err != nil {
			return err
		}
		held, err := holdings(tx, "(o.path = ? OR o.path >= ? AND o.path < ?) AND (h.until_at IS NULL OR h.until_at > ?)",
			string(path), from, to, tx.NowMS())
		if err != nil {
			return err
		}
		by := map[string][]Holding{}
		for _, h := range held {
			by[h.Post] = append(by[h.Post], h)
		}
		for i := range all {
			all[i].Holders = by[all[i].ID]
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list posts: %w", err)
	}
	return all, nil
}

// Actor is the person with the rights that the posts held now give. A disabled
// person is people.disabled.
func (r *Register) Actor(ctx context.Context, person string) (who loa.Actor, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		who, err = actor(tx, person)
		return err
	})
	return who, err
}

func actor(tx *db.Tx, person string) (loa.Actor, error) {
	a, err := findAccount(tx, "id = ?", person)
	if err != nil {
		return loa.Actor{}, err
	}
	if !a.Disabled.IsZero() {
		return loa.Actor{}, loa.Errorf(loa.Forbidden, "people.disabled", a.Name)
	}
	held, err := holdings(tx, "h.person = ? AND (h.until_at IS NULL OR h.until_at > ?)", person, tx.NowMS())
	if err != nil {
		return loa.Actor{}, err
	}
	who := a.self()
	who.Post, who.Grants = effective(held, tx.Now())
	return cool(who, a.Cooling, tx.Now()), nil
}

// effective is what holdings give at t: the post named on screen, which is the
// one held longest and rather an own one than a lent one, and the rights of all
// of them, place by place.
func effective(held []Holding, t time.Time) (title string, grants []loa.Grant) {
	held = slices.DeleteFunc(slices.Clone(held), func(h Holding) bool { return !h.at(t) })
	slices.SortStableFunc(held, func(a, b Holding) int {
		if a.Lent != b.Lent {
			if b.Lent {
				return -1
			}
			return 1
		}
		return a.From.Compare(b.From)
	})
	if len(held) == 0 {
		return "", nil
	}
	for _, h := range held {
		grants = append(grants, h.post.Grants...)
	}
	return held[0].post.Title, merge(grants)
}

// places is every place the post touches: its office's unit and what it grants.
func (p Post) places() []loa.Path {
	all := []loa.Path{p.path}
	for _, g := range p.Grants {
		all = append(all, g.Path)
	}
	return all
}

// tidy refuses rights that do not exist and grants of nothing, and merges the rest.
func tidy(grants []loa.Grant) ([]loa.Grant, error) {
	for _, g := range grants {
		if len(g.Rights) == 0 {
			return nil, loa.Errorf(loa.Invalid, "people.grant_empty", loa.Clip(string(g.Path)))
		}
		for _, right := range g.Rights {
			if !slices.Contains(Rights(), right) {
				return nil, loa.Errorf(loa.Invalid, "people.right_unknown", loa.Clip(string(right)))
			}
		}
	}
	return merge(grants), nil
}

// Rights is every right a post may hold, for a form that offers them.
func Rights() []loa.Right {
	return []loa.Right{loa.RightWrite, loa.RightApprove, loa.RightDispatch, loa.RightSpeakers, loa.RightPeople, loa.RightLive, loa.RightForm, loa.RightRead}
}

// merge puts the grants of one path together, both in the order of their text.
func merge(grants []loa.Grant) []loa.Grant {
	by := map[loa.Path][]loa.Right{}
	for _, g := range grants {
		by[g.Path] = append(by[g.Path], g.Rights...)
	}
	var all []loa.Grant
	for path, rights := range by {
		slices.Sort(rights)
		all = append(all, loa.Grant{Path: path, Rights: slices.Compact(rights)})
	}
	slices.SortFunc(all, func(a, b loa.Grant) int { return strings.Compare(string(a.Path), string(b.Path)) })
	return all
}
