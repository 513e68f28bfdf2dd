package voice

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"loa"
)

// FPT is the speech service FPT.AI, version 5 (docs.fpt.ai): a text is posted, a
// link comes back at once, and behind the link a file appears after a few
// seconds to two minutes. The file is fetched at once and the link forgotten:
// it is the partner's, and it dies.
//
// The text of a notice leaves the house. An operator who may not let it has the
// offline engines.
type FPT struct {
	URL   string // "" is the service's own
	Key   string // the account's key; it goes into a header and nowhere else
	Clock loa.Clock
	// Every is how often the link is asked; 0 is two seconds.
	Every time.Duration
	// Timeout is for one text with all its chunks; 0 is two minutes.
	Timeout time.Duration
	// Callbacks, if set, are told by the service that a file is there, which
	// saves waiting for the next question. Nothing else hangs on them.
	Callbacks *Callbacks
	// Client is what asks; nil is one that follows no redirect.
	Client *http.Client
}

const (
	fptURL   = "https://api.fpt.ai/hmi/tts/v5"
	fptLeast = 3    // characters of one request
	fptMost  = 5000 // characters of one request
	fptReply = 64 << 10
)

// Name is "fpt.ai".
func (FPT) Name() string { return "fpt.ai" }

// Models are the voices of the service, the first of each accent its usual one.
func (FPT) Models() []Model {
	return []Model{
		{"banmai", "Ban Mai", "north", "female"}, {"thuminh", "Thu Minh", "north", "female"}, {"leminh", "Lê Minh", "north", "male"},
		{"myan", "Mỹ An", "central", "female"}, {"giahuy", "Gia Huy", "central", "male"},
		{"linhsan", "Linh San", "south", "female"}, {"lannhi", "Lan Nhi", "south", "female"},
	}
}

// Say posts every chunk, then fetches the files in order and joins them.
// Errors: those of voice, and voice.key, voice.elsewhere.
func (f FPT) Say(ctx context.Context, text string, v Voice) (Speech, error) {
	v, m, err := v.of(f.Models())
	if err != nil {
		return Speech{}, err
	}
	timeout := f.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	chunks := Chunks(text, fptMost)
	if len(chunks) == 0 {
		return Speech{}, loa.Errorf(loa.Invalid, "text.empty")
	}
	waits := make([]*wait, len(chunks))
	for i, c := range chunks {
		if waits[i], err = f.post(ctx, c.Text, m.Name, v.WordsPerMinute); err != nil {
			return Speech{}, f.why(ctx, err)
		}
		defer waits[i].done()
	}
	sounds := make([][]byte, len(chunks))
	for i, w := range waits {
		if sounds[i], err = f.fetch(ctx, w); err != nil {
			return Speech{}, f.why(ctx, err)
		}
	}
	wav, err := join(chunks, sounds)
	switch {
	case errors.Is(err, errTooLong):
		return Speech{}, loa.Errorf(loa.Invalid, "voice.too_long", f.Name())
	case err != nil:
		return Speech{}, loa.Errorf(loa.Unavailable, "voice.not_wav", f.Name()).Because(err)
	}
	return Speech{wav, f.Name() + " " + m.Title}, nil
}

// why turns what went wrong on the way into what a person is told.
func (f FPT) why(ctx context.Context, err error) error {
	switch {
	case loa.CodeOf(err) != loa.Internal:
		return err
	case ctx.Err() != nil:
		return loa.Errorf(loa.Unavailable, "voice.timeout", f.Name()).Because(err)
	}
	return loa.Errorf(loa.Unavailable, "voice.failed", f.Name()).Because(err)
}

// speed is our words a minute as the service's −3…3.
func (FPT) speed(wordsPerMinute int) int {
	step := 27 // up to MaxSpeed
	if wordsPerMinute < DefaultSpeed {
		step = 20 // down to MinSpeed
	}
	return (wordsPerMinute - DefaultSpeed + sign(wordsPerMinute-DefaultSpeed)*step/2) / step
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}

// wait is a file that will appear.
type wait struct {
	link string
	told <-chan struct{} // the service says it is there; nil without callbacks
	done func()
}

// post hands one chunk over and takes the link.
func (f FPT) post(ctx context.Context, text, voice string, wordsPerMinute int) (*wait, error) {
	for utf8.RuneCountInString(text) < fptLeast {
		text += "."
	}
	w := &wait{done: func() {}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.address(), strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	h := req.Header
	h.Set("api_key", f.Key)
	h.Set("voice", voice)
	h.Set("speed", strconv.Itoa(f.speed(wordsPerMinute)))
	h.Set("format", "wav")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	if f.Callbacks != nil {
		var address string
		address, w.told, w.done = f.Callbacks.wait()
		h.Set("callback_url", address)
	}
	var said struct {
		Async   string `json:"async"`
		Error   int    `json:"error"`
		Message string `json:"message"`
	}
	err = f.ask(req, fptReply, func(status int, body []byte) error {
		switch status {
		case http.StatusOK:
			return json.Unmarshal(body, &said)
		case http.StatusUnauthorized, http.StatusForbidden:
			return loa.Errorf(loa.Unavailable, "voice.key", f.Name())
		}
		return fmt.Errorf("post text: status %d", status)
	})
	if err == nil && said.Error != 0 {
		err = fmt.Errorf("post text: error %d: %s", said.Error, loa.Clip(said.Message))
	}
	if err == nil {
		w.link, err = said.Async, f.ours(said.Async)
	}
	if err != nil {
		w.done()
		return nil, err
	}
	return w, nil
}

// fetch asks for the file until it is there. A callback only shortens the wait:
// what it says is not believed.
func (f FPT) fetch(ctx context.Context, w *wait) ([]byte, error) {
	every := f.Every
	if every <= 0 {
		every = 2 * time.Second
	}
	told := w.told
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.link, nil)
		if err != nil {
			return nil, err
		}
		var sound []byte
		err = f.ask(req, maxWAV, func(status int, body []byte) error {
			switch status {
			case http.StatusOK:
				sound = body
			case http.StatusNotFound:
			default:
				return fmt.Errorf("fetch sound: status %d", status)
			}
			return nil
		})
		if err != nil || sound != nil {
			return sound, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-told:
			told = nil // once
		case <-f.Clock.After(every):
		}
	}
}

// ask sends one request and reads its answer, at most so many bytes.
func (f FPT) ask(req *http.Request, most int64, read func(status int, body []byte) error) (err error) {
	client := f.Client
	if client == nil {
		client = &http.Client{}
	}
	bare := *client // a redirect could lead anywhere, with our key in its headers
	bare.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := bare.Do(req) //nolint:gosec // link checked its host before it was asked
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	switch {
	case err != nil:
		return err
	case int64(len(body)) > most:
		return loa.Errorf(loa.Invalid, "voice.too_long", f.Name())
	}
	return read(res.StatusCode, body)
}

func (f FPT) address() string {
	if f.URL == "" {
		return fptURL
	}
	return f.URL
}

// ours refuses a link that leads anywhere but to the service: what it answers
// must not make this server ask addresses inside the house.
func (f FPT) ours(link string) error {
	to, err := url.Parse(link)
	api, err2 := url.Parse(f.address())
	if err := errors.Join(err, err2); err != nil {
		return fmt.Errorf("read link: %w", err)
	}
	same := to.Scheme == api.Scheme && to.Host == api.Host
	if to.User != nil || !same && (to.Scheme != "https" || to.Port() != "" || !strings.HasSuffix(to.Hostname(), ".fpt.ai")) {
		return loa.Errorf(loa.Unavailable, "voice.elsewhere", f.Name()).Because(fmt.Errorf("link to %q", to.Host))
	}
	return nil
}

// Callbacks lets a speech service tell that a file is there. Each wait has a
// token of its own that nobody can guess and that dies with it.
type Callbacks struct {
	// Base is the address of Handler as the service reaches it, without the token.
	Base string

	mu      sync.Mutex
	waiting map[string]chan struct{}
}

// wait opens a token; done closes it.
func (c *Callbacks) wait() (address string, told <-chan struct{}, done func()) {
	token, ch := strings.ToLower(rand.Text()), make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil {
		c.waiting = map[string]chan struct{}{}
	}
	c.waiting[token] = ch
	return c.Base + token, ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.waiting, token)
	}
}

// Handler answers POST …/{token}. It reads nothing of what is sent: the token
// alone says which wait is over.
func (c *Callbacks) Handler(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	ch, ok := c.waiting[r.PathValue("token")]
	c.mu.Unlock()
	if !ok {
		http.Error(w, "no such wait", http.StatusNotFound)
		return
	}
	select {
	case ch <- struct{}{}:
	default: // it was told already
	}
	w.WriteHeader(http.StatusNoContent)
}
