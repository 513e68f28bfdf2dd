package people

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

// Holding is one person on one post, for a time.
type Holding struct {
	ID     string
	Post   string
	Person string
	From   time.Time
	Until  time.Time // the first moment no longer; zero: it goes on
	Lent   bool      // for the time its holder is away

	post   Post          // as far as rights go
	office office.Office // as far as dates go
}

// at reports whether the holding gives rights at t: within its own dates, and
// while the office of the post exists.
func (h Holding) at(t time.Time) bool {
	return !t.Before(h.From) && (h.Until.IsZero() || t.Before(h.Until)) && h.office.At(t)
}

// AddPost adds a post to an office, held by nobody yet. It needs people.manage
// over the office's unit and over every path granted.
func (r *Register) AddPost(ctx context.Context, who loa.Actor, p Post) (Post, error) {
	p.Title = clean(p.Title)
	if err := checkName(p.Title); err != nil {
		return Post{}, err
	}
	grants, err := tidy(p.Grants)
	if err != nil {
		return Post{}, err
	}
	p = Post{Office: p.Office, Title: p.Title, Grants: grants}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		o, err := office.FindTx(tx, p.Office)
		if err != nil {
			return err
		}
		p.ID, p.path = loa.NewID(tx.Now()), o.Path
		if err := mustManage(who, p.places()); err != nil {
			return err
		}
		if !o.To.IsZero() && !tx.Now().Before(o.To) {
			return loa.Errorf(loa.Conflict, "office.closed", o.Name)
		}
		if _, err := tx.Exec("INSERT INTO post (id, office, title, title_sort, added_at) VALUES (?, ?, ?, ?, ?)",
			p.ID, p.Office, p.Title, lang.SortKey(p.Title), tx.NowMS()); err != nil {
			return err
		}
		var rows [][]any
		for _, g := range p.Grants {
			if _, err := unit.FindTx(tx, g.Path); err != nil {
				return err
			}
			for _, right := range g.Rights {
				rows = append(rows, []any{p.ID, string(g.Path), string(right)})
			}
		}
		if err := tx.Insert("post_right", []string{"post", "path", `"right"`}, rows); err != nil {
			return err
		}
		_, err = journal.Append(tx, who, journal.Entry{Verb: "people.post_added", Path: o.Path, Subject: p.ID,
			Data: map[string]any{"title": p.Title, "office": p.Office, "grants": p.Grants}})
		return err
	})
	if err != nil {
		return Post{}, fmt.Errorf("add post: %w", err)
	}
	return p, nil
}

// Hold lets a person hold a post from a moment until another; until zero is
// until further notice, from zero or past is now, because rights are not given
// backwards. A lent post has an end. It needs people.manage over all that the
// post reaches.
func (r *Register) Hold(ctx context.Context, who loa.Actor, post, person string, from, until time.Time, lent bool) (Holding, error) {
	var h Holding
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		// The post, then the person, as everywhere: two at once do not wait for each other.
		p, err := lockPost(tx, post)
		if err != nil {
			return err
		}
		if err := mustManage(who, p.places()); err != nil {
			return err
		}
		a, err := lockAccount(tx, person)
		if err != nil {
			return err
		}
		h = Holding{ID: loa.NewID(tx.Now()), Post: post, Person: person, From: tx.Now(), Until: until, Lent: lent}
		if from.After(h.From) {
			h.From = from
		}
		switch {
		case lent && until.IsZero():
			return loa.Errorf(loa.Invalid, "people.lent_undated", p.Title)
		case !until.IsZero() && !until.After(h.From):
			return loa.Errorf(loa.Invalid, "people.ends_before_start", p.Title)
		case !a.Disabled.IsZero():
			return loa.Errorf(loa.Conflict, "people.disabled", a.Name)
		}
		held, err := holdings(tx, "h.post = ? AND h.person = ?", post, person)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(held, h.overlaps) {
			return loa.Errorf(loa.Conflict, "people.held_already", a.Name, p.Title)
		}
		var end any
		if !until.IsZero() {
			end = until.UnixMilli()
		}
		if _, err := tx.Exec("INSERT INTO holder (id, post, person, from_at, until_at, lent) VALUES (?, ?, ?, ?, ?, ?)",
			h.ID, post, person, h.From.UnixMilli(), end, lent); err != nil {
			return err
		}
		_, err = journal.Append(tx, who, journal.Entry{Verb: "people.held", Path: p.path, Subject: post, Data: map[string]any{
			"holding": h.ID, "person": person, "name": a.Name, "title": p.Title, "from": h.From.UnixMilli(), "until": end, "lent": lent}})
		return err
	})
	if err != nil {
		return Holding{}, fmt.Errorf("hold post: %w", err)
	}
	return h, nil
}

// overlaps reports whether two holdings share a moment.
func (h Holding) overlaps(o Holding) bool {
	return (o.Until.IsZero() || h.From.Before(o.Until)) && (h.Until.IsZero() || o.From.Before(h.Until))
}

// End ends a holding now; one that has not begun never does. It needs
// people.manage over all that the post reaches.
func (r *Register) End(ctx context.Context, who loa.Actor, holding string) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
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
		at := max(tx.NowMS(), h.From.UnixMilli())
		if _, err := tx.Exec("UPDATE holder SET until_at = ? WHERE id = ?", at, holding); err != nil {
			return err
		}
		_, err = journal.Append(tx, who, journal.Entry{Verb: "people.ended", Path: h.post.path, Subject: h.Post,
			Data: map[string]any{"holding": h.ID, "person": h.Person, "title": h.post.Title}})
		return err
	})
	if err != nil {
		return fmt.Errorf("end holding: %w", err)
	}
	return nil
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
	return who, nil
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
	return []loa.Right{loa.RightWrite, loa.RightApprove, loa.RightDispatch, loa.RightSpeakers, loa.RightPeople, loa.RightLive, loa.RightRead}
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
