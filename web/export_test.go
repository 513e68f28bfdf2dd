package web

import (
	"context"
	"net/http"

	"loa"
	"loa/people"
)

// HandlerAs serves the stream of changes as if somebody were signed in: who may
// sign in is package people's to test.
func (s *Site) HandlerAs(who loa.Actor) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{id: loa.NewID(s.Clock.Now()), person: who.ID, session: people.Session{Actor: who, Complete: true}}
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
		if err := s.events(w, r); err != nil {
			s.Fail(w, r, err)
		}
	})
}

// Listeners is how many pages listen.
func (h *Hub) Listeners() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.pages)
}
