package desk

import (
	"io"
	"net"
	"net/http"
	"time"

	"loa"
	"loa/people"
	"loa/web"
)

// signInPage is the form, with where to go afterwards.
type signInPage struct {
	Next     string
	Login    string
	Code     bool   // a code is asked for
	Province string // name of the province's own sign-in, "" where there is none
}

func (d *desk) signInPage(w http.ResponseWriter, r *http.Request) error {
	if web.Session(r).Complete {
		http.Redirect(w, r, web.Local(r.FormValue("next")), http.StatusSeeOther) //nolint:gosec // Local keeps it on this site
		return nil
	}
	return d.Site.Page(w, r, d.pages, "sign-in", "signin.title", d.signInForm(signInPage{Next: web.Local(r.FormValue("next"))}))
}

func (d *desk) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	f := r.PostForm
	page := d.signInForm(signInPage{Next: web.Local(f.Get("next")), Login: f.Get("login")})
	from := browser(r)
	from.Shared = f.Get("shared") != ""
	token, err := d.People.SignIn(r.Context(), people.Credentials{Login: page.Login, Password: f.Get("password"),
		Code: f.Get("code"), Browser: from})
	if err != nil {
		page.Code = loa.KeyOf(err) == "people.code_missing" || f.Get("code") != ""
		return d.Site.Refuse(w, r, d.pages, "sign-in", "signin.title", page, err)
	}
	return d.enter(w, r, token, page.Next)
}

// enter gives the browser its session.
func (d *desk) enter(w http.ResponseWriter, r *http.Request, token, next string) error {
	d.Site.SetSession(w, token)
	return d.done(w, r, next)
}

// address is where a request comes from. Behind a reverse proxy the process that
// listens puts the client's address into RemoteAddr, since only it knows whom to
// believe.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// browser is where a session is opened.
func browser(r *http.Request) people.Browser {
	return people.Browser{Address: address(r), Agent: r.UserAgent()}
}

func (d *desk) beginPasskeySignIn(w http.ResponseWriter, r *http.Request) error {
	options, err := d.People.BeginPasskeySignIn(r.Context())
	if err != nil {
		return err
	}
	return writeOptions(w, options)
}

func (d *desk) finishPasskeySignIn(w http.ResponseWriter, r *http.Request) error {
	response, err := io.ReadAll(r.Body)
	if err != nil {
		return loa.Errorf(loa.Invalid, "page.form").Because(err)
	}
	token, err := d.People.FinishPasskeySignIn(r.Context(), response, browser(r))
	if err != nil {
		return err
	}
	return d.enter(w, r, token, web.Local(r.URL.Query().Get("next")))
}

// writeOptions answers with options for navigator.credentials as they were made.
func writeOptions(w http.ResponseWriter, options []byte) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, err := w.Write(options) //nolint:gosec // JSON, and sent as such
	return err
}

// linkPage asks for a tap before the link is used: messengers open every link
// once to draw a picture of it, and this one is good for once.
func (d *desk) linkPage(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Referrer-Policy", "no-referrer")
	return d.Site.Page(w, r, d.pages, "link", "link.title", r.PathValue("token"))
}

func (d *desk) redeem(w http.ResponseWriter, r *http.Request) error {
	token, err := d.People.Redeem(r.Context(), r.PathValue("token"), browser(r))
	if err != nil {
		return err
	}
	s, err := d.People.Session(r.Context(), token)
	if err != nil {
		return err
	}
	if s.Complete {
		return d.enter(w, r, token, "/")
	}
	return d.enter(w, r, token, "/me")
}

func (d *desk) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := d.People.SignOut(r.Context(), d.Site.Token(r)); err != nil {
		return err
	}
	d.Site.SetSession(w, "")
	return d.done(w, r, "/sign-in")
}

// mePage is how a person signs in.
type mePage struct {
	Person   people.Person
	Session  people.Session
	Passkeys []people.Passkey
	Setup    *people.TOTP // codes being set up
	Codes    int          // printed codes that are still good
	Sessions []people.Session
	Told     []people.Told
}

func (d *desk) me(w http.ResponseWriter, r *http.Request) error {
	page, err := d.mePage(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "me", "me.title", page)
}

func (d *desk) mePage(r *http.Request) (page mePage, err error) {
	page.Session = web.Session(r)
	if page.Person, err = d.People.Person(r.Context(), page.Session.Actor.ID); err != nil {
		return page, err
	}
	if page.Passkeys, err = d.People.Passkeys(r.Context(), page.Person.ID); err != nil {
		return page, err
	}
	if !page.Session.Complete {
		return page, nil
	}
	if page.Codes, err = d.People.CodesLeft(r.Context(), page.Person.ID); err != nil {
		return page, err
	}
	if page.Sessions, err = d.People.Sessions(r.Context(), page.Person.ID); err != nil {
		return page, err
	}
	page.Told, err = d.People.Told(r.Context(), page.Person.ID)
	return page, err
}

// fresh is how new a session must be to change how its person signs in, where
// there is something to change: a phone left open on a table is not enough.
const fresh = 15 * time.Minute

func (d *desk) mustBeFresh(r *http.Request) (person string, err error) {
	page, err := d.mePage(r)
	if err != nil {
		return "", err
	}
	if (page.Person.TOTP || len(page.Passkeys) > 0) && d.Site.Clock.Now().Sub(page.Session.Since) > fresh {
		return "", loa.Errorf(loa.Forbidden, "session.old", int(fresh.Minutes()))
	}
	return page.Person.ID, nil
}

func (d *desk) beginTOTP(w http.ResponseWriter, r *http.Request) error {
	person, err := d.mustBeFresh(r)
	if err != nil {
		return err
	}
	page, err := d.mePage(r)
	if err != nil {
		return err
	}
	setup, err := d.People.BeginTOTP(r.Context(), person)
	if err != nil {
		return err
	}
	page.Setup = &setup
	return d.Site.Page(w, r, d.pages, "me", "me.title", page)
}

func (d *desk) confirmTOTP(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	person, err := d.mustBeFresh(r)
	if err != nil {
		return err
	}
	token, err := d.People.ConfirmTOTP(r.Context(), person, r.PostFormValue("code"), browser(r))
	if loa.KeyOf(err) == "people.code_wrong" { // it may be tried again, with the same secret
		page, again := d.mePage(r)
		if again != nil {
			return again
		}
		page.Setup = &people.TOTP{Secret: r.PostFormValue("secret"), URL: r.PostFormValue("url")}
		return d.Site.Refuse(w, r, d.pages, "me", "me.title", page, err)
	}
	if err != nil {
		return err
	}
	return d.enter(w, r, token, "/me")
}

func (d *desk) beginPasskey(w http.ResponseWriter, r *http.Request) error {
	person, err := d.mustBeFresh(r)
	if err != nil {
		return err
	}
	options, err := d.People.BeginPasskey(r.Context(), person)
	if err != nil {
		return err
	}
	return writeOptions(w, options)
}

func (d *desk) finishPasskey(w http.ResponseWriter, r *http.Request) error {
	response, err := io.ReadAll(r.Body)
	if err != nil {
		return loa.Errorf(loa.Invalid, "page.form").Because(err)
	}
	if _, err := d.People.FinishPasskey(r.Context(), web.Actor(r).ID, response); err != nil {
		return err
	}
	return d.done(w, r, "/me")
}

func (d *desk) renamePasskey(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	if err := d.People.RenamePasskey(r.Context(), web.Actor(r).ID, r.PathValue("id"), r.PostFormValue("name")); err != nil {
		return err
	}
	return d.done(w, r, "/me")
}

func (d *desk) removePasskey(w http.ResponseWriter, r *http.Request) error {
	if _, err := d.mustBeFresh(r); err != nil {
		return err
	}
	if err := d.People.RemovePasskey(r.Context(), web.Actor(r), r.PathValue("id")); err != nil {
		return err
	}
	return d.done(w, r, "/me")
}
