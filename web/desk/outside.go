package desk

import (
	"bytes"
	"net/http"
	"slices"
	"time"

	"loa"
	"loa/form"
	"loa/people"
	"loa/web"
)

// formHomePage is what an outside body sees: what it may send, and what became
// of what it sent.
type formHomePage struct {
	At     string // address the kinds hang under
	Sender string
	Place  named
	Kinds  []string
	Until  int64 // of the link, 0 for a person
	Fates  []form.Fate
	Sent   bool
}

// formPage is one kind of notice to fill in.
type formPage struct {
	At     string
	Sender string
	Place  named
	Kind   form.Kind
	Typed  map[string]string
	Min    string // today
}

// source is who fills in a form: the body whose link the address is, or the
// person who is signed in and speaks for a body.
func (d *desk) source(r *http.Request) (from form.Source, page formHomePage, err error) {
	if secret := r.PathValue("secret"); secret != "" {
		link, err := d.Forms.Open(r.Context(), secret)
		if err != nil {
			return from, page, err
		}
		names, err := d.named(r.Context(), link.Path)
		if err != nil {
			return from, page, err
		}
		page = formHomePage{At: "/form/" + secret, Sender: link.Sender, Place: names[0], Kinds: link.Kinds, Until: link.Expires}
		return form.Source{Secret: secret}, page, nil
	}
	who := web.Actor(r)
	bodies, err := d.People.StandsFor(r.Context(), who.ID, loa.RightForm)
	if err != nil {
		return from, page, err
	}
	asked := loa.Path(r.FormValue("path"))
	for _, b := range bodies {
		for _, p := range b.Places {
			if asked == "" || asked == p || p.Covers(asked) {
				return d.bodyOf(r, who, b, p)
			}
		}
	}
	return from, page, loa.Errorf(loa.Forbidden, "right.missing", string(loa.RightForm), string(asked))
}

// bodyOf is the source that a signed-in person of an outside body is.
func (d *desk) bodyOf(r *http.Request, who loa.Actor, b people.Standing, at loa.Path) (from form.Source, page formHomePage, err error) {
	names, err := d.named(r.Context(), at)
	if err != nil {
		return from, page, err
	}
	page = formHomePage{At: "/forms", Sender: b.Office.Name, Place: names[0]}
	for _, k := range form.Kinds() {
		page.Kinds = append(page.Kinds, k.Code)
	}
	return form.Source{Who: who, Path: at, Sender: b.Office.Name, Office: b.Office.ID}, page, nil
}

func (d *desk) formHome(w http.ResponseWriter, r *http.Request) error {
	from, page, err := d.source(r)
	if err != nil {
		return err
	}
	if page.Fates, err = d.Forms.Fates(r.Context(), from); err != nil {
		return err
	}
	page.Sent = r.FormValue("sent") != ""
	return d.Site.Page(w, r, d.pages, "form-home", "form.title", page)
}

func (d *desk) formPage(w http.ResponseWriter, r *http.Request) error {
	_, page, err := d.formData(r, map[string]string{})
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "form", "form.title", page)
}

func (d *desk) formData(r *http.Request, typed map[string]string) (from form.Source, page formPage, err error) {
	from, home, err := d.source(r)
	if err != nil {
		return from, page, err
	}
	k, ok := form.KindOf(r.PathValue("kind"))
	if !ok || !slices.Contains(home.Kinds, k.Code) {
		return from, page, loa.Errorf(loa.NotFound, "form.kind", loa.Clip(r.PathValue("kind")))
	}
	return from, formPage{home.At, home.Sender, home.Place, k, typed, day(d.Site.Clock.Now())}, nil
}

// sendForm takes what a body filled in. What cannot be taken comes back with
// everything typed, but for the photo, which no page can put back.
func (d *desk) sendForm(w http.ResponseWriter, r *http.Request) error {
	photo, err := web.File(r, "paper", web.BodyPhoto)
	if err != nil {
		return err
	}
	typed := map[string]string{}
	from, page, err := d.formData(r, typed)
	if err != nil {
		return err
	}
	for _, f := range page.Kind.Fields {
		typed[f.Name] = r.PostFormValue(f.Name)
	}
	if _, err := d.Forms.Send(r.Context(), from, page.Kind.Code, typed, photo); err != nil {
		if loa.CodeOf(err) != loa.Invalid {
			return err
		}
		return d.Site.Refuse(w, r, d.pages, "form", "form.title", page, err)
	}
	return d.done(w, r, page.At+"?sent=1")
}

// outsidePage is the officer's inbox of outside bodies and the links she gave.
type outsidePage struct {
	Place   named
	Places  []named
	Rows    []form.Submission
	Links   []formLink
	Kinds   []form.Kind
	Expires string // offered: three months on
	Made    string // address just made, shown once
}

type formLink struct {
	form.Link
	Good bool
}

func (d *desk) outside(w http.ResponseWriter, r *http.Request) error {
	page, err := d.outsideData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "outside", "outside.title", page)
}

func (d *desk) outsideData(r *http.Request) (page outsidePage, err error) {
	ctx, who, at := r.Context(), web.Actor(r), place(r)
	names, err := d.named(ctx, at)
	if err != nil {
		return page, err
	}
	now := d.Site.Clock.Now()
	page = outsidePage{Place: names[0], Kinds: form.Kinds(), Expires: day(now.AddDate(0, 3, 0))}
	if page.Places, err = d.places(r); err != nil {
		return page, err
	}
	if page.Rows, err = d.Forms.Inbox(ctx, who, at); err != nil {
		return page, err
	}
	links, err := d.Forms.Links(ctx, who, at)
	for _, l := range links {
		page.Links = append(page.Links, formLink{l, l.Good(now.UnixMilli())})
	}
	return page, err
}

// newFormLink makes a form for one body and shows its address, this once.
func (d *desk) newFormLink(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	last, err := time.ParseInLocation(time.DateOnly, r.PostFormValue("expires"), loa.Zone())
	if err != nil {
		err = loa.Errorf(loa.Invalid, "form.expires")
	}
	var secret string
	if err == nil {
		_, secret, err = d.Forms.NewLink(r.Context(), web.Actor(r), form.Link{Path: loa.Path(r.PostFormValue("path")),
			Sender: r.PostFormValue("sender"), Kinds: r.PostForm["kind"], Expires: last.AddDate(0, 0, 1).UnixMilli()})
	}
	page, again := d.outsideData(r)
	switch {
	case again != nil:
		return again
	case err != nil:
		return d.Site.Refuse(w, r, d.pages, "outside", "outside.title", page, err)
	}
	page.Made = d.People.Origin + "/form/" + secret
	return d.Site.Page(w, r, d.pages, "outside", "outside.title", page)
}

func (d *desk) revokeFormLink(w http.ResponseWriter, r *http.Request) error {
	if err := d.Forms.Revoke(r.Context(), web.Actor(r), r.PathValue("id")); err != nil {
		return err
	}
	return d.done(w, r, "/outside")
}

func (d *desk) submission(w http.ResponseWriter, r *http.Request) error {
	s, err := d.Forms.Find(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "submission", "outside.title", s)
}

// photo is the stamped paper as we drew it anew.
func (d *desk) photo(w http.ResponseWriter, r *http.Request) error {
	s, err := d.Forms.Find(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	if s.Photo == "" {
		return loa.Errorf(loa.NotFound, "form.no_photo")
	}
	b, err := d.Sound(s.Photo)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Cache-Control", "private, no-cache")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	return nil
}

// takeForm makes a draft of the officer's out of a submission.
func (d *desk) takeForm(w http.ResponseWriter, r *http.Request) error {
	b, err := d.Forms.Take(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return d.done(w, r, "/bulletins/"+b.ID+"/edit")
}

func (d *desk) declineForm(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	if err := d.Forms.Decline(r.Context(), web.Actor(r), r.PathValue("id"), r.PostFormValue("why")); err != nil {
		return err
	}
	return d.done(w, r, "/outside")
}

// Input is the browser's field for a fact.
func (formPage) Input(t form.Type) string {
	switch t {
	case form.Number:
		return "number"
	case form.Day:
		return "date"
	case form.Clock:
		return "time"
	case form.Moment:
		return "datetime-local"
	case form.Phone:
		return "tel"
	}
	return "text"
}
