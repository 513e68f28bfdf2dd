package desk

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"loa"
	"loa/office"
	"loa/people"
	"loa/unit"
	"loa/web"
)

// peoplePage is the list of people of a place.
type peoplePage struct {
	Place  named
	Near   []named // places to look at next: those above that are the reader's, and those below
	Text   string
	Rows   []people.Row
	Asking []people.Recovery // who cannot sign in and waits for the reader's yes
	Before int               // rows before the page before; -1: there is none
	After  int               // rows before the next page; 0: there is none
	Now    time.Time
}

// managed is the place a page about people looks at: the one in its address if
// the reader manages people there, otherwise the first where they do.
func managed(r *http.Request) loa.Path {
	who := web.Actor(r)
	if p := loa.Path(r.FormValue("path")); p != "" && who.May(loa.RightPeople, p) {
		return p
	}
	if all := who.Places(loa.RightPeople); len(all) > 0 {
		return all[0]
	}
	return ""
}

// near is a place, those above it where the reader manages people, and those
// directly below.
func (d *desk) near(r *http.Request, at loa.Path) (all []named, err error) {
	who := web.Actor(r)
	seen := map[loa.Path]bool{}
	up := at.Up()
	slices.Reverse(up)
	for _, p := range append(slices.Clone(who.Places(loa.RightPeople)), up...) {
		if !seen[p] && who.May(loa.RightPeople, p) {
			seen[p] = true
			names, err := d.named(r.Context(), p)
			if err != nil {
				return nil, err
			}
			all = append(all, names...)
		}
	}
	below, err := d.Units.Children(r.Context(), at)
	if err != nil {
		return nil, err
	}
	for _, u := range below {
		if u.Level != unit.Zone && !seen[u.Path] {
			all = append(all, named{u.Path, u.FullName()})
		}
	}
	return all, nil
}

func (d *desk) people(w http.ResponseWriter, r *http.Request) error {
	at := managed(r)
	after, err := strconv.Atoi(r.FormValue("after"))
	if err != nil || after < 0 {
		after = 0
	}
	page := peoplePage{Text: r.FormValue("text"), Before: -1, Now: d.Site.Clock.Now()}
	names, err := d.named(r.Context(), at)
	if err != nil {
		return err
	}
	page.Place = names[0]
	if page.Near, err = d.near(r, at); err != nil {
		return err
	}
	var more bool
	if page.Rows, more, err = d.People.Search(r.Context(), at, page.Text, after); err != nil {
		return err
	}
	if after > 0 {
		page.Before = max(0, after-people.Page)
	}
	if more {
		page.After = after + people.Page
	}
	if page.Asking, err = d.People.Asking(r.Context(), web.Actor(r)); err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "people", "people_page.title", page)
}

// welcomePage is the form of a person with a post.
type welcomePage struct {
	Place   named
	Near    []named
	New     people.NewPerson
	Title   string
	Office  string // id
	Set     string
	Offices []office.Office
	Free    []people.Post // posts there that nobody holds
	Post    string        // the one chosen
	Own     bool          // the place has an office of its own
}

// Sets is every set of rights.
func (welcomePage) Sets() []people.Set { return people.Sets() }

func (d *desk) welcomeForm(r *http.Request, page welcomePage) (welcomePage, error) {
	at := managed(r)
	names, err := d.named(r.Context(), at)
	if err != nil {
		return page, err
	}
	page.Place = names[0]
	if page.Near, err = d.near(r, at); err != nil {
		return page, err
	}
	if page.Offices, err = d.Offices.Serving(r.Context(), at); err != nil {
		return page, err
	}
	page.Offices = slices.DeleteFunc(page.Offices, func(o office.Office) bool { return !web.Actor(r).May(loa.RightPeople, o.Path) })
	page.Own = slices.ContainsFunc(page.Offices, func(o office.Office) bool { return o.Path == at })
	slices.SortStableFunc(page.Offices, func(a, b office.Office) int { return len(b.Path) - len(a.Path) }) // the nearest first
	posts, err := d.People.Posts(r.Context(), at)
	if err != nil {
		return page, err
	}
	for _, p := range posts {
		if len(p.Holders) == 0 && p.Place() == at {
			page.Free = append(page.Free, p)
		}
	}
	if page.Set == "" {
		page.Set = string(people.Station)
		if strings.Contains(string(at), "/h/") {
			page.Set = string(people.Head)
		}
	}
	return page, nil
}

func (d *desk) welcomePage(w http.ResponseWriter, r *http.Request) error {
	page, err := d.welcomeForm(r, welcomePage{})
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "people-new", "people_new.title", page)
}

// welcome adds a person with a post, and shows the link that lets them in. A
// place without an office gets one of its own name: a hamlet has none in law.
func (d *desk) welcome(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	ctx, who, f := r.Context(), web.Actor(r), r.PostForm
	at := managed(r)
	page := welcomePage{New: people.NewPerson{Name: f.Get("name"), Login: f.Get("login"), Email: f.Get("email"), Phone: f.Get("phone"), Path: at},
		Title: f.Get("title"), Office: f.Get("office"), Set: f.Get("set"), Post: f.Get("post")}
	if page.Title == "" { // the task's own name
		page.Title = d.Site.Catalog.T("vi", "set."+page.Set)
	}
	p := people.Post{Office: page.Office, Title: page.Title, Grants: []loa.Grant{{Path: at, Rights: people.Set(page.Set).Rights()}}}
	var err error
	if page.Post == "" && p.Office == "" {
		p.Office, err = d.ownOffice(ctx, who, at)
	}
	var added people.Person
	var link string
	if err == nil {
		added, link, err = d.People.Welcome(ctx, who, page.New, p, people.Holding{Post: page.Post, Decision: f.Get("decision")})
	}
	if err != nil {
		if code := loa.CodeOf(err); code != loa.Invalid && code != loa.Conflict {
			return err
		}
		page, again := d.welcomeForm(r, page)
		if again != nil {
			return again
		}
		return d.Site.Refuse(w, r, d.pages, "people-new", "people_new.title", page, err)
	}
	return d.showLink(w, r, added, link)
}

// ownOffice is an office of a place, made now where there is none.
func (d *desk) ownOffice(ctx context.Context, who loa.Actor, at loa.Path) (id string, err error) {
	all, err := d.Offices.List(ctx, at)
	if err != nil {
		return "", err
	}
	for _, o := range all {
		if o.Path == at {
			return o.ID, nil
		}
	}
	u, err := d.Units.Find(ctx, at)
	if err != nil {
		return "", err
	}
	o := office.Office{Kind: office.Other, Name: upperFirst(u.FullName()), Path: at}
	if u.Level == unit.Commune || u.Level == unit.Province {
		o.Kind, o.Name = office.Committee, "UBND "+u.FullName()
	}
	made, err := d.Offices.Add(ctx, who, o)
	return made.ID, err
}

// linkShown is a link that lets a person in, shown this once.
type linkShown struct {
	Person  people.Person
	Address string
}

func (d *desk) showLink(w http.ResponseWriter, r *http.Request, p people.Person, token string) error {
	w.Header().Set("Cache-Control", "no-store")
	return d.Site.Page(w, r, d.pages, "people-link", "people_link.title", linkShown{p, d.People.Origin + "/sign-in/link/" + token})
}

// personPage is one person.
type personPage struct {
	Person   people.Person
	Unit     named
	Held     []heldPost
	Sessions int
	Mine     bool   // the reader's own
	Province string // name of the province's sign-in, "" where there is none
	Subject  string // who the person is there
	Now      time.Time
	Today    string
	Near     []people.Person // who could take over
}

// heldPost is a post the person holds, in words.
type heldPost struct {
	people.Holding
	Office string
	Grants []grantSaid
	Begun  bool
}

// grantSaid is rights over a place in words.
type grantSaid struct {
	Where  named
	Rights []loa.Right
}

func (d *desk) said(ctx context.Context, grants []loa.Grant) ([]grantSaid, error) {
	all := make([]grantSaid, len(grants))
	for i, g := range grants {
		names, err := d.named(ctx, g.Path)
		if err != nil {
			return nil, err
		}
		all[i] = grantSaid{names[0], g.Rights}
	}
	return all, nil
}

// person finds the person of a page, for a reader who manages them.
func (d *desk) managedPerson(r *http.Request, id string) (p people.Person, held []people.Holding, err error) {
	if p, err = d.People.Person(r.Context(), id); err != nil {
		return p, nil, err
	}
	if held, err = d.People.Holdings(r.Context(), id); err != nil {
		return p, nil, err
	}
	who := web.Actor(r)
	if who.May(loa.RightPeople, p.Path) || slices.ContainsFunc(held, func(h people.Holding) bool { return who.May(loa.RightPeople, h.Place()) }) {
		return p, held, nil
	}
	return p, nil, who.Must(loa.RightPeople, p.Path)
}

func (d *desk) personData(r *http.Request, id string) (page personPage, err error) {
	ctx, now := r.Context(), d.Site.Clock.Now()
	page = personPage{Mine: id == web.Actor(r).ID, Now: now, Today: day(now)}
	var held []people.Holding
	if page.Person, held, err = d.managedPerson(r, id); err != nil {
		return page, err
	}
	names, err := d.named(ctx, page.Person.Path)
	if err != nil {
		return page, err
	}
	page.Unit = names[0]
	for _, h := range held {
		p, err := d.People.Post(ctx, h.Post)
		if err != nil {
			return page, err
		}
		grants, err := d.said(ctx, p.Grants)
		if err != nil {
			return page, err
		}
		page.Held = append(page.Held, heldPost{h, h.OfficeName(), grants, h.Begun(now)})
	}
	sessions, err := d.People.Sessions(ctx, id)
	if err != nil {
		return page, err
	}
	page.Sessions = len(sessions)
	if d.Province != nil {
		page.Province = d.Province.Name
		if page.Subject, err = d.People.Subject(ctx, id, d.Province.Issuer); err != nil {
			return page, err
		}
	}
	if page.Person.Path != "" {
		page.Near, err = d.colleagues(ctx, page.Person.Path, id)
	}
	return page, err
}

// colleagues are those of a unit who may sign in, for a choice: 200 at most,
// since whoever is not among them is named by login.
func (d *desk) colleagues(ctx context.Context, path loa.Path, but string) ([]people.Person, error) {
	all, err := d.People.People(ctx, path)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(p people.Person) bool { return p.ID == but || !p.Disabled.IsZero() })
	return all[:min(len(all), 200)], nil
}

func (d *desk) person(w http.ResponseWriter, r *http.Request) error {
	page, err := d.personData(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "person", "person.title", page)
}

// onPerson runs one change of a person and shows the person again: as a page of
// its own, or the same with the sentence of what it could not do.
func (d *desk) onPerson(id string, w http.ResponseWriter, r *http.Request, change func() error) error {
	err := change()
	if err == nil {
		return d.done(w, r, "/people/"+id)
	}
	page, again := d.personData(r, id)
	if again != nil {
		return err
	}
	return d.Site.Refuse(w, r, d.pages, "person", "person.title", page, err)
}

func (d *desk) changePerson(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	id, f := r.PathValue("id"), r.PostForm
	return d.onPerson(id, w, r, func() error {
		return d.People.ChangePerson(r.Context(), web.Actor(r), id, people.NewPerson{Name: f.Get("name"), Email: f.Get("email"), Phone: f.Get("phone")})
	})
}

func (d *desk) personLink(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	token, err := d.People.NewLink(r.Context(), web.Actor(r), id, 24*time.Hour)
	if err != nil {
		return d.onPerson(id, w, r, func() error { return err })
	}
	p, err := d.People.Person(r.Context(), id)
	if err != nil {
		return err
	}
	return d.showLink(w, r, p, token)
}

func (d *desk) disablePerson(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	return d.onPerson(id, w, r, func() error { return d.People.Disable(r.Context(), web.Actor(r), id) })
}

func (d *desk) enablePerson(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	return d.onPerson(id, w, r, func() error { return d.People.Enable(r.Context(), web.Actor(r), id) })
}

func (d *desk) signOutPerson(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	return d.onPerson(id, w, r, func() error { return d.People.SignOutEverywhere(r.Context(), web.Actor(r), id) })
}

// endHolding ends what a person holds, today or on a later day.
func (d *desk) endHolding(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	return d.onPerson(r.PathValue("id"), w, r, func() error {
		at, err := dateOf(r.PostFormValue("day"))
		if err != nil {
			return err
		}
		return d.People.End(r.Context(), web.Actor(r), r.PathValue("holding"), at)
	})
}

// handOver is bàn giao.
func (d *desk) handOver(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	return d.onPerson(r.PathValue("id"), w, r, func() error {
		at, err := dateOf(r.PostFormValue("day"))
		if err != nil {
			return err
		}
		taker, err := d.People.Login(r.Context(), r.PostFormValue("login"))
		if err != nil {
			return err
		}
		return d.People.HandOver(r.Context(), web.Actor(r), people.Handover{Holding: r.PathValue("holding"), Taker: taker.ID, At: at,
			Decision: r.PostFormValue("decision")})
	})
}

// postPage is one post: its rights in words, who holds it, whom it is lent to.
type postPage struct {
	Post    people.Post
	Office  office.Office
	Holders []holder
	Rows    []grantRow
	Near    []people.Person
	Places  []named
	Today   string
}

// Sets is every set of rights.
func (postPage) Sets() []people.Set { return people.Sets() }

// holder is who holds a post.
type holder struct {
	people.Holding
	Name  string
	Begun bool
}

// grantRow is a place with every right, ticked or not.
type grantRow struct {
	Where named
	Ticks []tick
}

type tick struct {
	Right loa.Right
	On    bool
}

func ticks(have []loa.Right) []tick {
	var all []tick
	for _, r := range people.Rights() {
		all = append(all, tick{r, slices.Contains(have, r)})
	}
	return all
}

func (d *desk) postData(r *http.Request) (page postPage, err error) {
	ctx, now := r.Context(), d.Site.Clock.Now()
	page.Today = day(now)
	if page.Post, err = d.People.Post(ctx, r.PathValue("id")); err != nil {
		return page, err
	}
	if err := web.Actor(r).Must(loa.RightPeople, page.Post.Place()); err != nil {
		return page, err
	}
	if page.Office, err = d.Offices.Find(ctx, page.Post.Office); err != nil {
		return page, err
	}
	for _, h := range page.Post.Holders {
		p, err := d.People.Person(ctx, h.Person)
		if err != nil {
			return page, err
		}
		page.Holders = append(page.Holders, holder{h, p.Name, h.Begun(now)})
	}
	for _, g := range page.Post.Grants {
		names, err := d.named(ctx, g.Path)
		if err != nil {
			return page, err
		}
		page.Rows = append(page.Rows, grantRow{names[0], ticks(g.Rights)})
	}
	if page.Near, err = d.colleagues(ctx, page.Post.Place(), ""); err != nil {
		return page, err
	}
	page.Places, err = d.near(r, page.Post.Place())
	return page, err
}

func (d *desk) post(w http.ResponseWriter, r *http.Request) error {
	page, err := d.postData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "post", "post.title", page)
}

func (d *desk) onPost(w http.ResponseWriter, r *http.Request, change func() error) error {
	if err := web.Form(r); err != nil {
		return err
	}
	err := change()
	if err == nil {
		return d.done(w, r, "/posts/"+r.PathValue("id"))
	}
	page, again := d.postData(r)
	if again != nil {
		return err
	}
	return d.Site.Refuse(w, r, d.pages, "post", "post.title", page, err)
}

// changePost takes the whole form: rights as "right place", and a place more
// with a set of rights.
func (d *desk) changePost(w http.ResponseWriter, r *http.Request) error {
	return d.onPost(w, r, func() error {
		f := r.PostForm
		by := map[loa.Path][]loa.Right{}
		for _, s := range f["grant"] {
			right, place, _ := strings.Cut(s, " ")
			by[loa.Path(place)] = append(by[loa.Path(place)], loa.Right(right))
		}
		if place := loa.Path(f.Get("place")); place != "" {
			by[place] = append(by[place], people.Set(f.Get("set")).Rights()...)
		}
		to := people.Post{Title: f.Get("title")}
		for place, rights := range by {
			to.Grants = append(to.Grants, loa.Grant{Path: place, Rights: rights})
		}
		return d.People.ChangePost(r.Context(), web.Actor(r), r.PathValue("id"), to)
	})
}

// givePost gives a post to a person for good, or lends it for dated days.
func (d *desk) givePost(w http.ResponseWriter, r *http.Request) error {
	return d.onPost(w, r, func() error {
		f := r.PostForm
		p, err := d.People.Login(r.Context(), f.Get("login"))
		if err != nil {
			return err
		}
		h := people.Holding{Post: r.PathValue("id"), Person: p.ID, Lent: f.Get("lent") != "", Decision: f.Get("decision")}
		if h.From, err = dateOf(f.Get("from")); err != nil {
			return err
		}
		if h.Until, err = dateOf(f.Get("until")); err != nil {
			return err
		}
		if !h.Until.IsZero() {
			h.Until = h.Until.AddDate(0, 0, 1) // people mean the day's end
		}
		_, err = d.People.Give(r.Context(), web.Actor(r), h)
		return err
	})
}

// dateOf is the first moment of a day in Viet Nam, zero for "".
func dateOf(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, s, loa.Zone())
	if err != nil {
		return time.Time{}, loa.Errorf(loa.Invalid, "people.day_bad", loa.Clip(s))
	}
	return t, nil
}

func upperFirst(s string) string {
	r := []rune(s)
	if len(r) == 0 {
		return s
	}
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}
