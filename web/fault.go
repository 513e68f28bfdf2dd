package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"loa"
)

// Status is the one table from a kind of error to what HTTP calls it.
func Status(c loa.Code) int {
	switch c {
	case loa.NotFound:
		return http.StatusNotFound
	case loa.Invalid:
		return http.StatusUnprocessableEntity
	case loa.Forbidden:
		return http.StatusForbidden
	case loa.Conflict:
		return http.StatusConflict
	case loa.Unavailable:
		return http.StatusServiceUnavailable
	case loa.Full:
		return http.StatusInsufficientStorage
	}
	return http.StatusInternalServerError
}

// Fault is what a person, or a program, reads about an error.
type Fault struct {
	Code     loa.Code `json:"code"`
	Key      string   `json:"key"`
	Sentence string   `json:"sentence"`
	Docs     string   `json:"docs"` // the paragraph of the handbook about it
	Request  string   `json:"request"`
}

// Fail answers with an error's sentence, as a page or as JSON. Errors that are
// not ours are logged here, once, and shown as "internal" with the request's
// id: what went wrong inside is nobody's reading on a phone.
func (s *Site) Fail(w http.ResponseWriter, r *http.Request, err error) {
	f := Fault{Code: loa.CodeOf(err), Key: loa.KeyOf(err), Sentence: s.Catalog.Error(s.Locale(r), err),
		Docs: "docs/errors.md#" + loa.KeyOf(err), Request: RequestID(r)}
	if f.Code == loa.Internal {
		level := slog.LevelError
		if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
			level = slog.LevelDebug // the browser went elsewhere: nobody waits for an answer
		}
		s.Log.LogAttrs(r.Context(), level, "request failed", slog.String("id", f.Request),
			slog.String("method", r.Method), slog.String("path", pathForLog(r)), slog.String("error", err.Error()))
	}
	w.Header().Set("Cache-Control", "no-store")
	if to, ok := detour(r, err); ok {
		http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // detour names our own pages; next is escaped
		return
	}
	if wantsJSON(r) {
		s.writeJSON(w, r, Status(f.Code), map[string]Fault{"error": f})
		return
	}
	v := s.view(r, "error.title", f)
	v.Status = Status(f.Code)
	if err := s.draw(w, r, s.faults, "fault", "layout", v); err != nil {
		s.Log.LogAttrs(r.Context(), slog.LevelError, "request failed twice", slog.String("id", f.Request), slog.String("error", err.Error()))
		http.Error(w, f.Sentence, v.Status)
	}
}

// JSON answers with v.
func (s *Site) JSON(w http.ResponseWriter, r *http.Request, v any) error {
	w.Header().Set("Cache-Control", "no-store")
	s.writeJSON(w, r, http.StatusOK, v)
	return nil
}

func (s *Site) writeJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.Log.LogAttrs(r.Context(), slog.LevelWarn, "answer broke off", slog.String("id", RequestID(r)), slog.String("error", err.Error()))
	}
}

// wantsJSON reports whether the caller is a program: it asks for JSON, and for a
// page not at all or only after it.
func wantsJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	program, page := strings.Index(accept, "application/json"), strings.Index(accept, "text/html")
	return program >= 0 && (page < 0 || program < page)
}
