package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"loa"
)

//go:embed layout.html page
var ownPages embed.FS

// View is what a template sees. Its methods are all a template may call, so a
// text in it is always the catalogue's, in the reader's language.
type View struct {
	Title   string // key of the catalogue
	Locale  string
	Actor   loa.Actor
	Path    string // of the request, with its query
	Demo    bool
	Short   string // why only what is vital is done now, as a key; "" when all is
	Status  int
	Fault   string // the sentence of what was just refused on this page
	Data    any
	Request string

	site *Site
	now  time.Time
}

// T is a text of the catalogue.
func (v View) T(key string, args ...any) string {
	if len(args) == 1 { // a page may hand over a list as it has it
		if list, ok := args[0].([]any); ok {
			args = list
		}
	}
	return v.site.Catalog.T(v.Locale, key, args...)
}

// Said is T for a sentence whose arguments came as a list.
func (v View) Said(key string, args []any) string { return v.T(key, args...) }

// Asset is where a script or style is served.
func (v View) Asset(name string) (string, error) { return v.site.assets.url(name) }

// With is the same view of something else, for a part of a page.
func (v View) With(data any) View {
	v.Data = data
	return v
}

// May reports whether the reader holds a right anywhere, for menus.
func (v View) May(right string) bool { return len(v.Actor.Places(loa.Right(right))) > 0 }

// MayAt reports whether the reader holds a right over a place, for buttons: the
// flow decides again.
func (v View) MayAt(right string, place loa.Path) bool { return v.Actor.May(loa.Right(right), place) }

// Here reports whether the page lies at or below an address, for the menu.
func (v View) Here(address string) bool {
	at, _, _ := strings.Cut(v.Path, "?")
	return at == address || address != "/" && strings.HasPrefix(at, address+"/")
}

func (s *Site) view(r *http.Request, title string, data any) View {
	short := ""
	if err := s.short(); err != nil {
		short = loa.KeyOf(err)
	}
	return View{Short: short, Title: title, Locale: s.Locale(r), Actor: Actor(r), Path: r.URL.RequestURI(), Demo: s.Demo,
		Status: http.StatusOK, Data: data, Request: RequestID(r), site: s, now: s.Clock.Now()}
}

// Pages are the templates of one face: each page in the shared layout, with the
// parts (files that begin with "_") that pages have in common.
type Pages struct{ sets map[string]*template.Template }

// LoadPages reads the templates of a folder.
func LoadPages(files fs.FS, dir string) (*Pages, error) {
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil, fmt.Errorf("load pages: %w", err)
	}
	base, err := template.ParseFS(ownPages, "layout.html")
	if err != nil {
		return nil, fmt.Errorf("load pages: %w", err)
	}
	var pages []string
	for _, e := range entries {
		switch {
		case path.Ext(e.Name()) != ".html":
		case strings.HasPrefix(e.Name(), "_"):
			if base, err = base.ParseFS(files, path.Join(dir, e.Name())); err != nil {
				return nil, fmt.Errorf("load pages: %w", err)
			}
		default:
			pages = append(pages, e.Name())
		}
	}
	p := &Pages{map[string]*template.Template{}}
	for _, name := range pages {
		set, err := base.Clone()
		if err == nil {
			set, err = set.ParseFS(files, path.Join(dir, name))
		}
		if err != nil {
			return nil, fmt.Errorf("load pages: %w", err)
		}
		p.sets[strings.TrimSuffix(name, ".html")] = set
	}
	return p, nil
}

// Page answers with a page in the layout. title is a key of the catalogue.
func (s *Site) Page(w http.ResponseWriter, r *http.Request, p *Pages, name, title string, data any) error {
	return s.draw(w, r, p, name, "layout", s.view(r, title, data))
}

// Refuse answers with a page again and the sentence of what it could not do, so
// that nothing typed is lost.
func (s *Site) Refuse(w http.ResponseWriter, r *http.Request, p *Pages, name, title string, data any, err error) error {
	if loa.CodeOf(err) == loa.Internal || wantsJSON(r) {
		return err
	}
	v := s.view(r, title, data)
	v.Status, v.Fault = Status(loa.CodeOf(err)), s.Catalog.Error(v.Locale, err)
	return s.draw(w, r, p, name, "layout", v)
}

// Part answers with one named part of a page, without the layout: what a live
// page asks for again.
func (s *Site) Part(w http.ResponseWriter, r *http.Request, p *Pages, name, part string, data any) error {
	return s.draw(w, r, p, name, part, s.view(r, "", data))
}

func (s *Site) draw(w http.ResponseWriter, r *http.Request, p *Pages, name, part string, v View) error {
	set, ok := p.sets[name]
	if !ok {
		return fmt.Errorf("no page %q", name)
	}
	var out bytes.Buffer // whole before the first byte leaves, so an error is still a page
	if err := set.ExecuteTemplate(&out, part, v); err != nil {
		return fmt.Errorf("draw page: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Locale)
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Language, Cookie")
	w.WriteHeader(v.Status)
	if _, err := w.Write(out.Bytes()); err != nil {
		s.Log.LogAttrs(r.Context(), slog.LevelDebug, "answer broke off", slog.String("id", v.Request), slog.String("error", err.Error()))
	}
	return nil
}
