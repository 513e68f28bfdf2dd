package desk

import (
	"bytes"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"loa"
	"loa/lexicon"
	"loa/voice"
	"loa/web"
)

// wordsPage is the lexicon (từ điển đọc) as a place reads it.
type wordsPage struct {
	Places []named
	Place  named
	Text   string
	Rows   []word
	Mine   []named // places whose words the reader may set here
	Form   wordForm
}

// word is a reading with the name of whose it is.
type word struct {
	lexicon.Word
	Where string
	Mine  bool // the reader may change it
}

// wordForm is a reading about to be kept.
type wordForm struct {
	Path    loa.Path
	Written string
	Spoken  string
	Next    string // where the person came from, "" for this page
}

func (d *desk) words(w http.ResponseWriter, r *http.Request) error {
	form := wordForm{Path: loa.Path(r.FormValue("at")), Written: r.FormValue("written"), Spoken: r.FormValue("spoken"), Next: web.Local(r.FormValue("next"))}
	page, err := d.wordsAt(r, form)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "words", "words.title", page)
}

func (d *desk) wordsAt(r *http.Request, form wordForm) (page wordsPage, err error) {
	ctx, who := r.Context(), web.Actor(r)
	page = wordsPage{Text: r.FormValue("text"), Form: form}
	if page.Form.Next == "/" { // nowhere in particular
		page.Form.Next = ""
	}
	if page.Places, err = d.places(r); err != nil {
		return page, err
	}
	names, err := d.named(ctx, place(r))
	if err != nil {
		return page, err
	}
	page.Place = names[0]
	all, err := d.Words.List(ctx, page.Place.Path, page.Text)
	if err != nil {
		return page, err
	}
	where := map[loa.Path]string{}
	for _, p := range page.Place.Path.Up() {
		if names, err = d.named(ctx, p); err != nil {
			return page, err
		}
		where[p] = names[0].Name
		if who.May(loa.RightWrite, p) {
			page.Mine = append(page.Mine, names[0])
		}
	}
	if page.Form.Path == "" && len(page.Mine) > 0 {
		page.Form.Path = page.Mine[0].Path
	}
	for _, one := range all {
		page.Rows = append(page.Rows, word{one, where[one.Path], who.May(loa.RightWrite, one.Path)})
	}
	return page, nil
}

// setWord keeps a reading. From the words that will be read out it leads back
// there; a script gets a word of JSON and refreshes the preview itself.
func (d *desk) setWord(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	f := r.PostForm
	form := wordForm{Path: loa.Path(f.Get("at")), Written: f.Get("written"), Spoken: f.Get("spoken"), Next: web.Local(f.Get("next"))}
	kept, err := d.Words.Set(r.Context(), web.Actor(r), form.Path, form.Written, form.Spoken)
	if loa.CodeOf(err) == loa.Invalid || loa.CodeOf(err) == loa.Conflict {
		page, again := d.wordsAt(r, form)
		if again != nil {
			return err
		}
		return d.Site.Refuse(w, r, d.pages, "words", "words.title", page, err)
	}
	if err != nil {
		return err
	}
	return d.settled(w, r, kept.Path)
}

func (d *desk) removeWord(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	gone, err := d.Words.Remove(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return d.settled(w, r, gone.Path)
}

// settled leads on after a change of the lexicon.
func (d *desk) settled(w http.ResponseWriter, r *http.Request, at loa.Path) error {
	next := web.Local(r.PostFormValue("next"))
	if next == "/" {
		next = "/words?path=" + url.QueryEscape(string(at))
	}
	if r.Header.Get("X-Part") != "" {
		return d.Site.JSON(w, r, map[string]string{"next": next})
	}
	return d.done(w, r, next)
}

// hearing bounds how much is spoken for pages: speaking and encoding a long text
// takes seconds of a processor.
type hearing struct {
	mu     sync.Mutex
	people map[string]*rate.Limiter
	room   chan struct{} // as many as may speak at once
}

// Twelve tries at once, then one every five seconds, four at a time in a process.
const (
	hearBurst = 12
	hearEvery = 5 * time.Second
	hearRoom  = 4
)

func newHearing() *hearing {
	return &hearing{people: map[string]*rate.Limiter{}, room: make(chan struct{}, hearRoom)}
}

// may reports whether a person may hear one more now.
func (h *hearing) may(person string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.people[person]
	if l == nil {
		for id, old := range h.people { // who has been silent for long starts anew anyway
			if old.TokensAt(now) >= hearBurst {
				delete(h.people, id)
			}
		}
		l = rate.NewLimiter(rate.Every(hearEvery), hearBurst)
		h.people[person] = l
	}
	return l.AllowN(now, 1)
}

// speakSound lets a person hear a text before it is kept: the very sound that
// asking for approval would make.
// Errors: hear.too_often, hear.busy, and those of text and voice.
func (d *desk) speakSound(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	ctx, who := r.Context(), web.Actor(r)
	text, err := voice.Clean(r.PostFormValue("text"))
	if err != nil {
		return err
	}
	if !d.hearing.may(who.ID, d.Site.Clock.Now()) {
		return loa.Errorf(loa.Unavailable, "hear.too_often")
	}
	select {
	case d.hearing.room <- struct{}{}:
		defer func() { <-d.hearing.room }()
	default:
		return loa.Errorf(loa.Unavailable, "hear.busy")
	}
	sound, by, err := d.Bulletins.Preview(ctx, who, writesFor(r, ""), text, chosenVoice(r))
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "audio/mpeg")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Spoken-By", by)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(sound))
	return nil
}
