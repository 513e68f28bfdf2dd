package edge

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/wire"
)

// stingy sends at most so many bytes of a sound before the line breaks, and
// counts what it sent.
type stingy struct {
	http.ResponseWriter
	left int
	sent *int
}

func (w *stingy) Write(b []byte) (int, error) {
	n := min(len(b), w.left)
	w.left -= n
	*w.sent += n
	if n, err := w.ResponseWriter.Write(b[:n]); err != nil {
		return n, err
	}
	if n < len(b) {
		return n, errors.New("the line breaks")
	}
	return n, nil
}

// TestResume: a sound that came in pieces over a line that breaks is whole in the
// end and no byte of it came twice; what was altered on disk meanwhile does not
// count.
func TestResume(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.bare, s.sound = true, tone(t, "4", "440")
	s.ok(s.start(newGlass()))
	sent := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if sent < len(s.sound) {
				panic(http.ErrAbortHandler)
			}
		}()
		http.ServeContent(&stingy{ResponseWriter: w, left: 10_000, sent: &sent}, r, "", time.Time{}, bytes.NewReader(s.sound))
	}))
	t.Cleanup(server.Close)
	s.a.client = client{server.URL, server.Client(), server.Client()}
	tries := 0
	for !s.a.keep.hasMedia(s.media().Hash) {
		if tries++; tries > 10 {
			t.Fatal("it never came whole")
		}
		if err := s.a.download(t.Context(), s.media()); err != nil && loa.KeyOf(err) != "node.unreachable" {
			t.Fatal(err)
		}
	}
	if sent != len(s.sound) || tries < 4 {
		t.Errorf("%d bytes were sent for %d in %d tries", sent, len(s.sound), tries)
	}
	if s.a.keep.partial(s.media()) != 0 || len(must(s.disk.list("media"))) != 1 {
		t.Error("a part is left")
	}

	s.ok(s.a.keep.dropMedia(s.media().Hash))
	if err := s.a.keep.resumeMedia(s.media(), 0, bytes.NewReader(append(slices.Clone(s.sound[:999]), 1))); loa.KeyOf(err) != "media.damaged" {
		t.Errorf("a short one: %v", err)
	}
}

// TestCache: what the coming slots need is fetched as far as it fits, the nearest
// first; what does not fit is said; of the rest those played longest ago go.
func TestCache(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.bare = true
	s.ok(s.start(newGlass()))
	s.ok(s.ready())
	sounds := map[string][]byte{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(sounds[path.Base(r.URL.Path)]))
	}))
	t.Cleanup(server.Close)
	s.a.client = client{server.URL, server.Client(), server.Client()}
	var hashes []string
	s.slots = nil
	for i := range 4 {
		s.sound = tone(t, "0.5", []string{"300", "400", "500", "600"}[i])
		sounds[s.media().Hash] = s.sound
		hashes = append(hashes, s.media().Hash)
		s.slots = append(s.slots, wire.Slot{ID: hashes[i][:8], Start: s.now() + int64(4-i)*20_000, Warrant: s.warrant(s.authority, nil)})
	}
	s.plan = s.planned(2)
	for _, b := range s.docs {
		s.ok(s.a.keep.putDoc(b))
	}
	s.ok(s.a.takePlan(t.Context(), s.plan))
	size := int64(len(s.sound))
	s.a.cfg.Cache = 2*size + size/2
	kept := map[string]bool{}
	for i, name := range []string{"older", "newer"} {
		s.ok(s.a.keep.write("media/"+name, make([]byte, size/2-100)))
		s.ok(s.disk.touch("media/"+name, s.hand.Now().Add(time.Duration(i)*time.Hour)))
	}
	for range 2 {
		s.ok(s.a.fetchAll(t.Context()))
	}
	for _, f := range must(s.disk.list("media")) {
		kept[f.Name()] = true
	}
	if diff := cmp.Diff(map[string]bool{hashes[3]: true, hashes[2]: true, "newer": true}, kept); diff != "" {
		t.Errorf("the two nearest fit, and what was played last beside them: %s", diff)
	}
	said := 0
	for len(s.a.say) > 0 {
		if b := <-s.a.say; b.Why == "cache.full" {
			said++
			if b.Slot != s.slots[1].ID {
				t.Errorf("slot %s does not fit", b.Slot)
			}
		}
	}
	if said != 1 {
		t.Errorf("it was said %d times", said)
	}
	s.hand.Turn(19 * time.Second) // the first is over, there is room
	s.a.step(map[string]bool{})
	s.play()
	s.ok(s.a.fetchAll(t.Context()))
	if !s.a.keep.hasMedia(hashes[1]) || s.a.keep.hasMedia(hashes[0]) {
		t.Error("the third did not take the place of the first")
	}
}
