package desk

import (
	"net/http"
	"time"

	"loa"
	"loa/people"
	"loa/web"
)

// recoverPage is where somebody who cannot sign in begins.
type recoverPage struct{ Login string }

func (d *desk) recoverPage(w http.ResponseWriter, r *http.Request) error {
	return d.Site.Page(w, r, d.pages, "recover", "recover.title", recoverPage{})
}

// recoverByCode takes a printed code.
func (d *desk) recoverByCode(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	login := r.PostFormValue("login")
	token, err := d.People.RecoverByCode(r.Context(), login, r.PostFormValue("code"), browser(r))
	if err != nil {
		return d.Site.Refuse(w, r, d.pages, "recover", "recover.title", recoverPage{login}, err)
	}
	return d.enter(w, r, token, "/me")
}

// askRecovery begins a recovery by two colleagues. What the browser holds goes
// into a cookie, which no history and no messenger shows to others.
func (d *desk) askRecovery(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	login := r.PostFormValue("login")
	token, err := d.People.AskRecovery(r.Context(), login, browser(r))
	if err != nil {
		return d.Site.Refuse(w, r, d.pages, "recover", "recover.title", recoverPage{login}, err)
	}
	d.Site.SetCookie(w, "recovery", token, 3*time.Hour)
	return d.done(w, r, "/recover/wait")
}

// recoverWait shows the six digits, and how many colleagues have said yes.
func (d *desk) recoverWait(w http.ResponseWriter, r *http.Request) error {
	q, err := d.People.Asked(r.Context(), d.Site.Cookie(r, "recovery"))
	if err != nil {
		return err
	}
	if q.Granted.IsZero() {
		w.Header().Set("Refresh", "10")
	}
	return d.Site.Page(w, r, d.pages, "recover-wait", "recover.title", q)
}

func (d *desk) takeRecovery(w http.ResponseWriter, r *http.Request) error {
	token, err := d.People.TakeRecovery(r.Context(), d.Site.Cookie(r, "recovery"), browser(r))
	if err != nil {
		return err
	}
	d.Site.SetCookie(w, "recovery", "", 0)
	return d.enter(w, r, token, "/me")
}

// recoveries is who asks the reader for a yes.
func (d *desk) recoveries(w http.ResponseWriter, r *http.Request) error {
	all, err := d.People.Asking(r.Context(), web.Actor(r))
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "recoveries", "recoveries.title", all)
}

func (d *desk) confirmRecovery(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	f := r.PostForm
	proof := people.Proof{Password: f.Get("password"), Code: f.Get("code"), Address: address(r)}
	if s := f.Get("passkey"); s != "" {
		proof.Passkey = []byte(s)
	}
	if err := d.People.Confirm(r.Context(), web.Actor(r), r.PathValue("id"), f.Get("number"), proof); err != nil {
		all, again := d.People.Asking(r.Context(), web.Actor(r))
		if again != nil {
			return again
		}
		return d.Site.Refuse(w, r, d.pages, "recoveries", "recoveries.title", all, err)
	}
	return d.done(w, r, "/recoveries")
}

func (d *desk) refuseRecovery(w http.ResponseWriter, r *http.Request) error {
	if err := d.People.RefuseRecovery(r.Context(), web.Actor(r), r.PathValue("id")); err != nil {
		return err
	}
	return d.done(w, r, "/recoveries")
}

func (d *desk) beginProof(w http.ResponseWriter, r *http.Request) error {
	options, err := d.People.BeginProof(r.Context(), web.Actor(r).ID)
	if err != nil {
		return err
	}
	return writeOptions(w, options)
}

func (d *desk) putAway(w http.ResponseWriter, r *http.Request) error {
	if err := d.People.PutAway(r.Context(), web.Actor(r).ID, r.PathValue("id")); err != nil {
		return err
	}
	return d.done(w, r, "/me")
}

// setPassword is the person's own new password: on the first day, after a
// recovery, or with a fresh session.
func (d *desk) setPassword(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	person, err := d.mustBeFresh(r)
	if err != nil {
		return err
	}
	f := r.PostForm
	if f.Get("password") != f.Get("again") {
		err = loa.Errorf(loa.Invalid, "people.password_differs")
	} else {
		err = d.People.SetPassword(r.Context(), web.Actor(r), person, f.Get("password"), d.Site.Token(r))
	}
	if err != nil {
		page, again := d.mePage(r)
		if again != nil {
			return again
		}
		return d.Site.Refuse(w, r, d.pages, "me", "me.title", page, err)
	}
	return d.done(w, r, "/me")
}

// printCodes shows ten codes once, to be printed or copied.
func (d *desk) printCodes(w http.ResponseWriter, r *http.Request) error {
	person, err := d.mustBeFresh(r)
	if err != nil {
		return err
	}
	all, err := d.People.PrintCodes(r.Context(), person)
	if err != nil {
		return err
	}
	p, err := d.People.Person(r.Context(), person)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return d.Site.Page(w, r, d.pages, "me-codes", "codes.title", struct {
		Person people.Person
		Codes  []string
		At     int64
	}{p, all, d.Site.Clock.Now().UnixMilli()})
}

// signOutElsewhere ends the reader's sessions on other machines, or one of them.
func (d *desk) signOutElsewhere(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	if err := d.People.SignOutElsewhere(r.Context(), web.Actor(r).ID, d.Site.Token(r), r.PostFormValue("id")); err != nil {
		return err
	}
	return d.done(w, r, "/me")
}
