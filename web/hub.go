package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"loa"
)

// Hub tells open pages that something they show has changed. It carries no
// content: a page asks for its part again, with its own rights. The process
// feeds it from its bus and its own commits.
type Hub struct {
	mu     sync.Mutex
	pages  map[*listener]struct{}
	closed bool
}

// change is one word on the stream.
type change struct {
	Noun string `json:"noun"` // bulletin, speaker, playback …; "" means: ask for everything again
	ID   string `json:"id"`
}

type listener struct {
	place loa.Path
	words chan change
}

// backlog is how many words a page may be behind before it is told to ask for
// everything again.
const backlog = 32

// heartbeat keeps proxies from closing a quiet stream, and finds dead ones.
const heartbeat = 15 * time.Second

// NewHub makes a hub with nobody listening.
func NewHub() *Hub { return &Hub{pages: map[*listener]struct{}{}} }

// Changed says that a noun changed at a place; with no place, that anything may
// have. It never waits for a page.
func (h *Hub) Changed(noun, id string, place loa.Path) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.pages {
		if place != "" && !l.place.Covers(place) && !place.Covers(l.place) {
			continue
		}
		select {
		case l.words <- change{noun, id}:
		default: // a page that is behind by this much asks for everything
			for len(l.words) > 0 {
				<-l.words
			}
			l.words <- change{}
		}
	}
}

// Close ends every stream, so that a server can shut down: pages come back by
// themselves.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for l := range h.pages {
		close(l.words)
		delete(h.pages, l)
	}
}

func (h *Hub) listen(place loa.Path) (*listener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, loa.Errorf(loa.Unavailable, "page.closing")
	}
	l := &listener{place, make(chan change, backlog)}
	h.pages[l] = struct{}{}
	return l, nil
}

func (h *Hub) leave(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.pages, l)
}

// events is the stream of one page (HTML standard, section 9.2): one line of
// JSON for each change at or around the place asked for.
func (s *Site) events(w http.ResponseWriter, r *http.Request) error {
	place := loa.Path(r.URL.Query().Get("path"))
	if err := Actor(r).Must(loa.RightRead, place); err != nil {
		return err
	}
	l, err := s.Hub.listen(place)
	if err != nil {
		return err
	}
	defer s.Hub.leave(l)
	out := http.NewResponseController(w)
	if err := out.SetWriteDeadline(time.Time{}); err != nil {
		return fmt.Errorf("open stream: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	say := func(format string, args ...any) bool {
		if _, err := fmt.Fprintf(w, format, args...); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	beat := s.Clock.After(heartbeat)
	if !say("retry: 3000\n\n") {
		return nil
	}
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-beat:
			beat = s.Clock.After(heartbeat)
			if !say(": heartbeat\n\n") {
				return nil
			}
		case c, open := <-l.words:
			if !open {
				return nil
			}
			b, err := json.Marshal(c)
			if err != nil || !say("data: %s\n\n", b) {
				return nil
			}
		}
	}
}
