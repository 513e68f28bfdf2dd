// Package voicetest stands in for speech services in tests. It keeps to their
// published rules more strictly than they do, so that a request it takes is a
// request they take.
package voicetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// FPT is FPT.AI text to speech, version 5, as docs.fpt.ai describes it. Set the
// fields before the first request.
type FPT struct {
	*httptest.Server
	Key   string
	After int // how often a file is asked for in vain; negative: it never comes
	// Tells posts to callback_url as soon as a file may be fetched.
	Tells bool

	// What goes wrong, one at a time.
	Status   int    // answers every post with this instead
	Fault    int    // answers posts with this error number
	Link     string // hands out this link
	Garbage  bool   // answers posts with something that is not JSON
	NotSound bool   // the file is no WAV
	Endless  bool   // the file never ends
	Moves    string // the file redirects here
	Rates    bool   // every file has another sample rate

	mu    sync.Mutex
	texts []string
	files map[string]*file
	wrong []string // why requests were refused
	away  sync.WaitGroup
}

type file struct {
	asked    int
	rate     int
	callback string
}

// NewFPT starts the service; it ends with the test.
func NewFPT(t testing.TB) *FPT {
	f := &FPT{Key: "khoa-thu-nghiem", files: map[string]*file{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(func() { f.Close(); f.away.Wait() })
	return f
}

// URL of the one call there is.
func (f *FPT) URL() string { return f.Server.URL + "/hmi/tts/v5" }

// Texts are the bodies taken so far.
func (f *FPT) Texts() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.texts)
}

// Refused is why requests were refused so far.
func (f *FPT) Refused() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.wrong)
}

// ServeHTTP answers the call and its files.
func (f *FPT) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/hmi/tts/v5":
		f.post(w, r)
	case strings.HasPrefix(r.URL.Path, "/text2speech-v5/"):
		f.get(w, r)
	default:
		f.refuse(w, http.StatusNotFound, "path "+r.URL.Path)
	}
}

func (f *FPT) refuse(w http.ResponseWriter, status int, why string) {
	f.mu.Lock()
	f.wrong = append(f.wrong, why)
	f.mu.Unlock()
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"async": "", "error": 1, "message": why, "request_id": ""})
}

// voices of version 5.
func voices() []string {
	return []string{"banmai", "lannhi", "leminh", "myan", "thuminh", "giahuy", "linhsan"}
}

func (f *FPT) post(w http.ResponseWriter, r *http.Request) {
	h := r.Header
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	text := string(body)
	speed, badSpeed := strconv.Atoi(h.Get("speed"))
	callback, badCallback := url.Parse(h.Get("callback_url"))
	key := h.Get("api_key")
	if key == "" {
		key = h.Get("api-key")
	}
	switch n := utf8.RuneCountInString(text); {
	case r.Method != http.MethodPost:
		f.refuse(w, http.StatusMethodNotAllowed, "method "+r.Method)
	case key != f.Key:
		f.refuse(w, http.StatusUnauthorized, "api_key")
	case !slices.Contains(voices(), h.Get("voice")):
		f.refuse(w, http.StatusBadRequest, "voice "+h.Get("voice"))
	case badSpeed != nil || speed < -3 || speed > 3:
		f.refuse(w, http.StatusBadRequest, "speed "+h.Get("speed"))
	case h.Get("format") != "wav" && h.Get("format") != "mp3":
		f.refuse(w, http.StatusBadRequest, "format "+h.Get("format"))
	case h.Get("callback_url") != "" && (badCallback != nil || callback.Host == ""):
		f.refuse(w, http.StatusBadRequest, "callback_url "+h.Get("callback_url"))
	case err != nil || !utf8.ValidString(text) || strings.HasPrefix(h.Get("Content-Type"), "application/"):
		f.refuse(w, http.StatusBadRequest, "body is not plain text in UTF-8")
	case n < 3 || n > 5000:
		f.refuse(w, http.StatusBadRequest, "body of "+strconv.Itoa(n)+" characters")
	case f.Status != 0:
		w.WriteHeader(f.Status)
	case f.Garbage:
		_, _ = io.WriteString(w, "<html>bảo trì</html>")
	case f.Fault != 0:
		_ = json.NewEncoder(w).Encode(map[string]any{"async": "", "error": f.Fault, "message": "quota exceeded", "request_id": "x"})
	default:
		f.take(w, text, h.Get("callback_url"))
	}
}

// take hands out the link of a file that is not there yet.
func (f *FPT) take(w http.ResponseWriter, text, callback string) {
	path := "/text2speech-v5/short/" + rand.Text() + ".wav"
	f.mu.Lock()
	f.texts = append(f.texts, text)
	one := &file{callback: callback, rate: 16000}
	if f.Rates {
		one.rate += 1000 * len(f.texts)
	}
	f.files[path] = one
	f.mu.Unlock()
	link := f.Server.URL + path
	if f.Link != "" {
		link = f.Link
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"async": link, "error": 0, "request_id": rand.Text(),
		"message": "The content will be returned after a few seconds under the async link."})
	if f.Tells && callback != "" {
		f.away.Go(func() { f.tell(callback, link) })
	}
}

// tell is the service's own call when a file is ready.
func (f *FPT) tell(callback, link string) {
	body, _ := json.Marshal(map[string]string{"message": link, "success": "true"})
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, callback, bytes.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	if res, err := http.DefaultClient.Do(req); err == nil {
		_ = res.Body.Close()
	}
}

func (f *FPT) get(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	one := f.files[r.URL.Path]
	ready := false
	if one != nil {
		one.asked++
		ready = f.After >= 0 && one.asked > f.After
	}
	f.mu.Unlock()
	switch {
	case r.Method != http.MethodGet:
		f.refuse(w, http.StatusMethodNotAllowed, "method "+r.Method)
	case r.Header.Get("api_key") != "":
		f.refuse(w, http.StatusBadRequest, "the key was sent to a file")
	case one == nil || !ready:
		http.NotFound(w, r)
	case f.Moves != "":
		http.Redirect(w, r, f.Moves, http.StatusFound)
	case f.NotSound:
		_, _ = io.WriteString(w, "<html>")
	case f.Endless:
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	default:
		w.Header().Set("Content-Type", "audio/wav")
		_, _ = w.Write(tone(one.rate))
	}
}

// tone is a tenth of a second of something audible, as a WAV.
func tone(rate int) []byte {
	n := rate / 10
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(2*rate))
	b = append(b, 2, 0, 16, 0)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*n))
	binary.LittleEndian.PutUint32(b[4:], uint32(36+2*n))
	for i := range n {
		b = binary.LittleEndian.AppendUint16(b, uint16(i%40*200))
	}
	return b
}
