package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"loa"
)

// cookieName: with the prefix, browsers take the cookie from this host over
// https alone (RFC 6265bis, section 4.1.3).
func (s *Site) cookieName() string {
	if s.TLS {
		return "__Host-loa"
	}
	return "loa"
}

// SetSession puts a session's token into the browser until a moment that the
// server decides anew at every request; "" takes it out.
func (s *Site) SetSession(w http.ResponseWriter, token string) {
	//nolint:gosec // Secure is off only where the site itself is plain HTTP
	c := &http.Cookie{Name: s.cookieName(), Value: token, Path: "/", HttpOnly: true, Secure: s.TLS,
		SameSite: http.SameSiteLaxMode, MaxAge: int((24 * time.Hour).Seconds())}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// Token is the session's token as the browser sent it.
func (s *Site) Token(r *http.Request) string {
	c, err := r.Cookie(s.cookieName())
	if err != nil {
		return ""
	}
	return c.Value
}

// SetCookie keeps a secret of one page in the browser, for this site's own
// requests alone; "" takes it out.
func (s *Site) SetCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	//nolint:gosec // Secure is off only where the site itself is plain HTTP
	c := &http.Cookie{Name: s.cookieName() + "-" + name, Value: value, Path: "/", HttpOnly: true, Secure: s.TLS,
		SameSite: http.SameSiteLaxMode, MaxAge: int(life.Seconds())}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// Cookie is what SetCookie kept, "" for nothing.
func (s *Site) Cookie(r *http.Request, name string) string {
	c, err := r.Cookie(s.cookieName() + "-" + name)
	if err != nil {
		return ""
	}
	return c.Value
}

// enter finds out who asks and whether the route is theirs. Which place a right
// must cover is decided in the flow, once; here it must be held somewhere, so
// that no page is drawn for somebody who could do nothing on it.
func (s *Site) enter(r *http.Request, right loa.Right) (*http.Request, error) {
	v := visitOf(r)
	if token := s.Token(r); token != "" {
		session, err := s.People.Session(r.Context(), token)
		switch {
		case err == nil:
			v.session, v.person = session, session.Actor.ID
		case loa.CodeOf(err) != loa.Forbidden:
			return r, err
		}
	}
	switch {
	case right == Public:
		return r, nil
	case v.person == "":
		return r, loa.Errorf(loa.Forbidden, "people.signed_out")
	case right == Entering:
		return r, nil
	case !v.session.Complete:
		return r, loa.Errorf(loa.Forbidden, "session.incomplete")
	case right != SignedIn && len(v.session.Actor.Places(right)) == 0:
		return r, loa.Errorf(loa.Forbidden, "right.missing", string(right))
	}
	return r, nil
}

// detour is where a person who opened a page without a session, or with half a
// one, is sent instead of reading an error.
func detour(r *http.Request, err error) (to string, ok bool) {
	if r.Method != http.MethodGet || wantsJSON(r) {
		return "", false
	}
	switch loa.KeyOf(err) {
	case "people.signed_out":
		return "/sign-in?next=" + url.QueryEscape(r.URL.RequestURI()), true
	case "session.incomplete":
		return "/me", true
	}
	return "", false
}

// Local is next when it is an address on this site, otherwise the front page:
// a link must not be able to send a person elsewhere after they signed in.
func Local(next string) string {
	if u, err := url.Parse(next); err != nil || u.Scheme != "" || u.Host != "" ||
		!strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n") {
		return "/"
	}
	return next
}

// Locale is the reader's language: chosen, else the browser's, else Vietnamese.
func (s *Site) Locale(r *http.Request) string {
	if c, err := r.Cookie("language"); err == nil && s.Catalog.Has(c.Value) {
		return c.Value
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		tag, _, _ = strings.Cut(strings.ToLower(tag), "-")
		if s.Catalog.Has(tag) {
			return tag
		}
	}
	return "vi"
}

// language keeps the language a reader chose and goes back to the page.
func (s *Site) language(w http.ResponseWriter, r *http.Request) error {
	if err := Form(r); err != nil {
		return err
	}
	choice := r.PostFormValue("language")
	if !s.Catalog.Has(choice) {
		return loa.Errorf(loa.Invalid, "page.language")
	}
	//nolint:gosec // Secure is off only where the site itself is plain HTTP
	http.SetCookie(w, &http.Cookie{Name: "language", Value: choice, Path: "/", Secure: s.TLS, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, MaxAge: int((365 * 24 * time.Hour).Seconds())})
	http.Redirect(w, r, Local(r.PostFormValue("next")), http.StatusSeeOther) //nolint:gosec // Local keeps it on this site
	return nil
}
