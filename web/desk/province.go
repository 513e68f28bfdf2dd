package desk

import (
	"crypto/subtle"
	"net/http"
	"time"

	"loa"
	"loa/web"
)

// toProvince sends a browser to the province's own sign-in. A link, not a form:
// the policy of our pages lets forms lead nowhere else.
func (d *desk) toProvince(w http.ResponseWriter, r *http.Request) error {
	if d.Province == nil {
		return loa.Errorf(loa.NotFound, "page.unknown")
	}
	address, state, q, err := d.Province.Begin(r.Context(), web.Local(r.FormValue("next")))
	if err != nil {
		return err
	}
	if err := d.People.AskProvince(r.Context(), state, q); err != nil {
		return err
	}
	d.Site.SetCookie(w, "province", state, 10*time.Minute)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, address, http.StatusSeeOther) //nolint:gosec // the issuer's own address, from its discovery document
	return nil
}

// fromProvince is the browser coming back. The state must be the one this very
// browser was given: otherwise a link could sign somebody in as another.
func (d *desk) fromProvince(w http.ResponseWriter, r *http.Request) error {
	if d.Province == nil {
		return loa.Errorf(loa.NotFound, "page.unknown")
	}
	w.Header().Set("Referrer-Policy", "no-referrer")
	state := d.Site.Cookie(r, "province")
	d.Site.SetCookie(w, "province", "", 0)
	page := d.signInForm(signInPage{Next: "/"})
	refuse := func(err error) error {
		return d.Site.Refuse(w, r, d.pages, "sign-in", "signin.title", page, err)
	}
	if state == "" || subtle.ConstantTimeCompare([]byte(state), []byte(r.FormValue("state"))) != 1 {
		return refuse(loa.Errorf(loa.Forbidden, "people.province_bad"))
	}
	q, err := d.People.AskedProvince(r.Context(), state)
	if err != nil {
		return refuse(err)
	}
	page.Next = web.Local(q.Next)
	if r.FormValue("error") != "" || r.FormValue("code") == "" {
		return refuse(loa.Errorf(loa.Forbidden, "people.province_bad"))
	}
	id, err := d.Province.Redeem(r.Context(), r.FormValue("code"), q)
	if err != nil {
		return refuse(err)
	}
	token, err := d.People.SignInProvince(r.Context(), id, browser(r))
	if err != nil {
		return refuse(err)
	}
	return d.enter(w, r, token, page.Next)
}

// bindProvince says which account of the province is a person's.
func (d *desk) bindProvince(w http.ResponseWriter, r *http.Request) error {
	if d.Province == nil {
		return loa.Errorf(loa.NotFound, "page.unknown")
	}
	if err := web.Form(r); err != nil {
		return err
	}
	id := r.PathValue("id")
	return d.onPerson(id, w, r, func() error {
		return d.People.BindProvince(r.Context(), web.Actor(r), id, d.Province.Issuer, r.PostFormValue("subject"))
	})
}

// signInForm completes the sign-in page with the province's button.
func (d *desk) signInForm(page signInPage) signInPage {
	if d.Province != nil {
		page.Province = d.Province.Name
	}
	return page
}
