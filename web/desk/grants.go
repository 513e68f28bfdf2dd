package desk

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"loa"
	"loa/bulletin"
	"loa/web"
	"loa/wire"
)

// grantsPage is Ủy quyền duyệt: who approves in whose place.
type grantsPage struct {
	Place      named
	Places     []named
	Grants     []grant
	Mine       []named // places over which the reader may grant
	People     []named // whom the signer's list knows; Path is a person's id
	Categories []string
	Draft      *grant
	Ask        *asking
	Until      string // the last day offered
}

// grant is a grant as the page shows it.
type grant struct {
	bulletin.Grant
	Where []named
	Live  bool
	Ask   *asking // for taking it back, when the reader may
}

func (d *desk) grants(w http.ResponseWriter, r *http.Request) error {
	page, err := d.grantsData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "grants", "grants.title", page)
}

func (d *desk) grantsData(r *http.Request) (page grantsPage, err error) {
	ctx, who, at := r.Context(), web.Actor(r), place(r)
	names, err := d.named(ctx, at)
	if err != nil {
		return page, err
	}
	page.Place = names[0]
	if page.Places, err = d.places(r); err != nil {
		return page, err
	}
	list, err := d.Roster.Now(ctx)
	if err != nil {
		return page, err
	}
	all, err := d.Bulletins.ListGrants(ctx, who, at)
	if err != nil {
		return page, err
	}
	now := d.Site.Clock.Now()
	for _, g := range all {
		one, err := d.grantOf(r, g)
		if err != nil {
			return page, err
		}
		keeps := slices.ContainsFunc(list.Members, func(m Member) bool {
			return m.Person == who.ID && slices.Contains(m.Duties, keeper) && !slices.ContainsFunc(g.Paths, func(p loa.Path) bool {
				return !slices.ContainsFunc(m.Paths, func(q loa.Path) bool { return q.Covers(p) })
			})
		})
		if one.Live && (g.Giver == who.ID || keeps) {
			end, err := g.End()
			if err != nil {
				return page, err
			}
			ask, err := d.ask(r, "/grants/"+g.Hash+"/end", end)
			if err != nil {
				return page, err
			}
			one.Ask = &ask
		}
		page.Grants = append(page.Grants, one)
	}
	if page.Mine, err = d.named(ctx, who.Places(loa.RightApprove)...); err != nil {
		return page, err
	}
	for _, m := range list.Members {
		if m.Person != who.ID && !slices.ContainsFunc(page.People, func(n named) bool { return string(n.Path) == m.Person }) {
			page.People = append(page.People, named{loa.Path(m.Person), m.Name})
		}
	}
	for _, c := range bulletin.Categories() {
		page.Categories = append(page.Categories, string(c))
	}
	page.Until = day(lastDay(now, 30))
	return page, nil
}

func (d *desk) grantOf(r *http.Request, g bulletin.Grant) (one grant, err error) {
	one = grant{Grant: g, Live: g.Live(d.Site.Clock.Now().UnixMilli())}
	one.Where, err = d.named(r.Context(), g.Paths...)
	return one, err
}

// draftGrant writes the grant that the form describes and asks for its giver's
// approval of exactly its bytes.
func (d *desk) draftGrant(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	page, err := d.grantsData(r)
	if err != nil {
		return err
	}
	g, name, err := d.readGrant(r, page)
	var made bulletin.Grant
	if err == nil {
		made, err = d.Bulletins.DraftGrant(r.Context(), web.Actor(r), g, name)
	}
	if err != nil {
		if loa.CodeOf(err) != loa.Invalid {
			return err
		}
		return d.Site.Refuse(w, r, d.pages, "grants", "grants.title", page, err)
	}
	one, err := d.grantOf(r, made)
	if err != nil {
		return err
	}
	ask, err := d.ask(r, "/grants/"+made.Hash+"/give", made.Payload)
	if err != nil {
		return err
	}
	page.Draft, page.Ask = &one, &ask
	return d.Site.Page(w, r, d.pages, "grants", "grants.title", page)
}

// readGrant reads the form.
func (d *desk) readGrant(r *http.Request, page grantsPage) (g wire.Grant, name string, err error) {
	f := r.PostForm
	g = wire.Grant{Delegate: f.Get("delegate"), Own: f.Get("own") != "", Classes: []wire.Class{wire.Normal}, HourFrom: 0, HourUntil: 1440,
		Decision: f.Get("decision"), Categories: f["category"]}
	i := slices.IndexFunc(page.People, func(n named) bool { return string(n.Path) == g.Delegate })
	if i < 0 || len(f["place"]) == 0 {
		return g, "", loa.Errorf(loa.Invalid, "grant.choose")
	}
	name = page.People[i].Name
	for _, s := range f["place"] {
		p, err := loa.ParsePath(s)
		if err != nil {
			return g, "", err
		}
		g.Paths = append(g.Paths, p)
	}
	delegate, err := d.People.Actor(r.Context(), g.Delegate)
	if err != nil {
		return g, "", err
	}
	for _, p := range g.Paths {
		if !delegate.May(loa.RightRead, p) {
			return g, "", loa.Errorf(loa.Invalid, "grant.cannot_read", name)
		}
	}
	if f.Get("priority") != "" && !g.Own {
		g.Classes = append(g.Classes, wire.Priority)
	}
	if from, until := f.Get("from"), f.Get("hour_until"); from != "" || until != "" {
		a, errFrom := time.Parse("15:04", from)
		b, errUntil := time.Parse("15:04", until)
		if errFrom != nil || errUntil != nil || !b.After(a) {
			return g, "", loa.Errorf(loa.Invalid, "grant.hours_bad")
		}
		g.HourFrom, g.HourUntil = a.Hour()*60+a.Minute(), b.Hour()*60+b.Minute()
	}
	last, err := time.ParseInLocation(time.DateOnly, f.Get("until"), loa.Zone())
	if err != nil {
		return g, "", loa.Errorf(loa.Invalid, "grant.dates")
	}
	g.Until = last.AddDate(0, 0, 1).UnixMilli()
	if g.Own {
		seconds, errSeconds := strconv.Atoi(f.Get("seconds"))
		plays, errPlays := strconv.Atoi(f.Get("plays"))
		if errSeconds != nil || errPlays != nil || seconds < 1 || seconds > 3600 || plays < 1 || plays > 20 {
			return g, "", loa.Errorf(loa.Invalid, "grant.bounds")
		}
		g.MaxMS, g.PlaysDay = int64(seconds)*1000, plays
	}
	return g, name, nil
}

// giveGrant takes the giver's yes; from then on the signer knows the grant.
func (d *desk) giveGrant(w http.ResponseWriter, r *http.Request) error {
	ctx, hash := r.Context(), r.PathValue("hash")
	y, err := d.approval(r, func(yes) ([]byte, error) {
		g, err := d.Bulletins.FindGrant(ctx, hash)
		return g.Payload, err
	})
	if err != nil {
		return err
	}
	g, err := d.Bulletins.GiveGrant(ctx, web.Actor(r), hash, y.Approval)
	if err != nil {
		return err
	}
	return d.done(w, r, "/grants?path="+string(g.Paths[0]))
}

// endGrant takes it back.
func (d *desk) endGrant(w http.ResponseWriter, r *http.Request) error {
	ctx, hash := r.Context(), r.PathValue("hash")
	y, err := d.approval(r, func(yes) ([]byte, error) {
		g, err := d.Bulletins.FindGrant(ctx, hash)
		if err != nil {
			return nil, err
		}
		return g.End()
	})
	if err != nil {
		return err
	}
	g, err := d.Bulletins.EndGrant(ctx, web.Actor(r), hash, y.Approval)
	if err != nil {
		return err
	}
	return d.done(w, r, "/grants?path="+string(g.Paths[0]))
}

// setHearing demands hearing at a place, or lets reading do again.
func (d *desk) setHearing(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	at := place(r)
	if err := d.Bulletins.SetHearing(r.Context(), web.Actor(r), at, r.PostFormValue("must") != ""); err != nil {
		return err
	}
	return d.done(w, r, "/rules?path="+string(at))
}
