package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"loa"
	"loa/lang"
	"loa/people"
)

// Handler answers one request: parse, one call of a flow, render. What it
// returns as an error becomes a sentence (fault.go).
type Handler func(w http.ResponseWriter, r *http.Request) error

// What a route may ask of the caller besides a right of package loa.
const (
	Public   loa.Right = ""          // nothing
	Entering loa.Right = "entering"  // a session, even one that may only set up a code or a passkey
	SignedIn loa.Right = "signed-in" // a complete session
)

// Sizes of request bodies in bytes.
const (
	BodySmall = 64 << 10  // what every form fits into
	BodyText  = 256 << 10 // forms that carry a text of a bulletin
	BodyPhoto = 9 << 20   // forms that carry a photo
)

// Route is one row of a face's table.
type Route struct {
	Pattern string    // of http.ServeMux, with its method
	Right   loa.Right // held somewhere; which place it must cover is the flow's rule
	Handle  Handler
	Body    int64 // bytes; 0 is BodySmall
	// Slow is what nobody does sixty times a minute and an attacker would: signing
	// in, adding a key, asking to be let in.
	Slow bool
	// Vital works even when the disk is full, out of the room held back for it:
	// signing in, stopping, approving.
	Vital bool
}

// Config is what all faces of one process share. Every field but the last three
// must be set.
type Config struct {
	Catalog *lang.Catalog
	People  *people.Register
	Clock   loa.Clock
	Log     *slog.Logger
	Hub     *Hub
	TLS     bool // browsers reach the site by https: cookies are kept to it
	Demo    bool // marks every page and print as simulated
	// Short says why no work may be taken that could wait, nil when it may: the
	// disk is full.
	Short func() error
}

// Site is the ground all faces stand on.
type Site struct {
	Config
	assets *assets
	faults *Pages
	pace   pace
}

// New prepares a site.
func New(c Config) (*Site, error) {
	a, err := loadAssets()
	if err != nil {
		return nil, err
	}
	faults, err := LoadPages(ownPages, "page")
	if err != nil {
		return nil, err
	}
	return &Site{Config: c, assets: a, faults: faults}, nil
}

// Handler serves the routes of all faces, and the site's own: static files and
// the stream of changes.
func (s *Site) Handler(tables ...[]Route) http.Handler {
	mux := http.NewServeMux()
	for _, route := range slices.Concat(append(tables, s.own(), s.app())...) {
		mux.Handle(route.Pattern, s.serve(route))
	}
	mux.Handle("/", s.serve(Route{Handle: func(http.ResponseWriter, *http.Request) error {
		return loa.Errorf(loa.NotFound, "page.unknown")
	}}))
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(s.serve(Route{Handle: func(http.ResponseWriter, *http.Request) error {
		return loa.Errorf(loa.Forbidden, "page.cross_origin")
	}}))
	return s.watch(cross.Handler(mux))
}

// own is what the site itself answers.
func (s *Site) own() []Route {
	return []Route{
		{Pattern: "GET /static/{file}", Right: Public, Handle: s.assets.serve},
		{Pattern: "GET /events", Right: loa.RightRead, Handle: s.events},
		{Pattern: "POST /language", Right: Public, Handle: s.language, Vital: true},
	}
}

// serve is one route: its body's limit, its right, its handler, its error.
func (s *Site) serve(route Route) http.Handler {
	limit := route.Body
	if limit == 0 {
		limit = BodySmall
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		if route.Slow && !s.pace.take(network(r), s.Clock.Now()) {
			w.Header().Set("Retry-After", "60")
			s.Fail(w, r, loa.Errorf(loa.Unavailable, "people.wait", 60))
			return
		}
		r, err := s.enter(r, route.Right)
		if err == nil && !route.Vital && r.Method != http.MethodGet && r.Method != http.MethodHead {
			err = s.short()
		}
		if err == nil {
			err = route.Handle(w, r)
		}
		if err != nil {
			s.Fail(w, r, err)
		}
	})
}

// short is why only what is vital is done now.
func (s *Site) short() error {
	if s.Short == nil {
		return nil
	}
	return s.Short()
}

// watch gives every request its id, its headers and its line in the log, and
// turns a panic into an internal error.
func (s *Site) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.Clock.Now()
		visit := &visit{id: loa.NewID(start)}
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, visit))
		out := &answer{ResponseWriter: w}
		h := w.Header()
		h.Set("X-Request-Id", visit.id)
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(self), microphone=(self)")
		if s.TLS {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so too
					panic(p) //nolint:forbidigo // net/http's own way to break off an answer
				}
				s.Fail(out, r, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
			}
			s.Log.LogAttrs(r.Context(), slog.LevelInfo, "request",
				slog.String("id", visit.id), slog.String("method", r.Method), slog.String("path", pathForLog(r)),
				slog.Int("status", out.status), slog.Int64("bytes", out.bytes), slog.String("person", visit.person),
				slog.Duration("took", s.Clock.Now().Sub(start)))
		}()
		next.ServeHTTP(out, r)
	})
}

// policy lets a page load from here and nowhere else; no script, style or
// handler may stand in the page itself.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; " +
	"connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// pathForLog hides what signs a person in.
func pathForLog(r *http.Request) string {
	if rest, ok := strings.CutPrefix(r.URL.Path, "/sign-in/link/"); ok && rest != "" {
		return "/sign-in/link/…"
	}
	return r.URL.Path
}

// visit is what is known of a request while it lasts.
type visit struct {
	id      string
	person  string // id, "" for nobody
	session people.Session
}

type visitKey struct{}

func visitOf(r *http.Request) *visit {
	if v, ok := r.Context().Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

// RequestID names the request in the answer, the log and the sentence about an
// error.
func RequestID(r *http.Request) string { return visitOf(r).id }

// Session is what the browser holds, zero where nobody is signed in.
func Session(r *http.Request) people.Session { return visitOf(r).session }

// Actor is who asks; without rights where nobody is signed in.
func Actor(r *http.Request) loa.Actor { return visitOf(r).session.Actor }

// Form reads the fields of a form within the route's limit.
func Form(r *http.Request) error {
	err := r.ParseForm()
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return loa.Errorf(loa.Invalid, "body.too_large", large.Limit>>10)
	case err != nil:
		return loa.Errorf(loa.Invalid, "page.form").Because(err)
	}
	return nil
}

// File reads a form with one file in it, nil where none was chosen. All of it is
// held in memory: the route's limit bounds it.
func File(r *http.Request, name string, limit int64) ([]byte, error) {
	err := r.ParseMultipartForm(limit) //nolint:gosec // the route bounds the body
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, loa.Errorf(loa.Invalid, "body.too_large", large.Limit>>10)
	case err != nil:
		return nil, loa.Errorf(loa.Invalid, "page.form").Because(err)
	}
	file, _, err := r.FormFile(name)
	if errors.Is(err, http.ErrMissingFile) {
		return nil, nil
	}
	if err != nil {
		return nil, loa.Errorf(loa.Invalid, "page.form").Because(err)
	}
	b, err := io.ReadAll(file)
	if err != nil {
		return nil, loa.Errorf(loa.Invalid, "page.form").Because(err)
	}
	return b, file.Close()
}

// answer counts what is sent.
type answer struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(b)
	a.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
