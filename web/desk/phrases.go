package desk

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"

	"loa"
	"loa/bulletin"
	"loa/web"
	"loa/wire"
)

// phrasesPage is the phrase set of a place: what every speaker there keeps for
// an alarm, and the next one on its way to two people.
type phrasesPage struct {
	bulletin.Phrases
	Place   named
	Places  []named
	Lines   []phraseLine // of the form
	Payload string       // base64 of the drafted bytes
	Mine    bool         // the reader may make one
	Ask     *asking      // the reader may approve
}

// phraseLine is one text of the form.
type phraseLine struct{ ID, Text string }

func (d *desk) phrases(w http.ResponseWriter, r *http.Request) error {
	page, err := d.phrasesAt(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "phrases", "phrases.title", page)
}

func (d *desk) phrasesAt(r *http.Request) (page phrasesPage, err error) {
	ctx, who, at := r.Context(), web.Actor(r), place(r)
	if page.Phrases, err = d.Bulletins.PhrasesAt(ctx, who, at); err != nil {
		return page, err
	}
	if page.Places, err = d.places(r); err != nil {
		return page, err
	}
	names, err := d.named(ctx, at)
	if err != nil {
		return page, err
	}
	page.Place, page.Mine = names[0], who.May(loa.RightDispatch, at)
	for _, id := range append([]string{wire.ExercisePrefix}, bulletin.Hazards()...) {
		line := phraseLine{id, d.Site.Catalog.T("vi", "phrase.text."+id)}
		for _, set := range []*wire.PhraseSet{page.Current, page.drafted()} {
			if set == nil {
				continue
			}
			e, _ := set.Entry(id)
			line.Text = e.Text
		}
		page.Lines = append(page.Lines, line)
	}
	if page.Draft == nil {
		return page, nil
	}
	page.Payload = base64.StdEncoding.EncodeToString(page.Draft.Payload)
	if who.May(loa.RightApprove, at) && page.Draft.FirstBy != who.ID {
		ask, err := d.ask(r, "/phrases/approve?path="+string(at), page.Draft.Payload)
		if err != nil {
			return page, err
		}
		page.Ask = &ask
	}
	return page, nil
}

// heardPhrase is one phrase with its sound.
type heardPhrase struct {
	wire.PhraseEntry
	Path loa.Path
}

// Heard is what the page plays: the set that is being made, or the one in force.
func (p phrasesPage) Heard() (all []heardPhrase) {
	set := p.Current
	if p.Draft != nil {
		set = p.drafted()
	}
	if set == nil {
		return nil
	}
	for _, e := range set.Entries {
		all = append(all, heardPhrase{e, p.Place.Path})
	}
	return all
}

func (p phrasesPage) drafted() *wire.PhraseSet {
	if p.Draft == nil {
		return nil
	}
	return &p.Draft.PhraseSet
}

// draftPhrases speaks the texts of the form; the page then lets them be heard.
func (d *desk) draftPhrases(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	texts := map[string]string{}
	for _, id := range append([]string{wire.ExercisePrefix}, bulletin.Hazards()...) {
		texts[id] = r.PostFormValue(id)
	}
	at := place(r)
	err := d.Bulletins.DraftPhrases(r.Context(), web.Actor(r), at, texts)
	if code := loa.CodeOf(err); err != nil && (code == loa.Invalid || code == loa.Conflict) {
		page, pageErr := d.phrasesAt(r)
		if pageErr != nil {
			return pageErr
		}
		for i, l := range page.Lines {
			page.Lines[i].Text = texts[l.ID]
		}
		return d.Site.Refuse(w, r, d.pages, "phrases", "phrases.title", page, err)
	}
	if err != nil {
		return err
	}
	return d.done(w, r, "/phrases?path="+string(at))
}

// approvePhrases takes one person's approval of the drafted set. The bytes come
// back from the page: only those the passkey approved count.
func (d *desk) approvePhrases(w http.ResponseWriter, r *http.Request) error {
	payload, y, err := d.approvalOfPage(r)
	if err != nil {
		return err
	}
	at := place(r)
	if _, err := d.Bulletins.ApprovePhrases(r.Context(), web.Actor(r), at, payload, y.Approval); err != nil {
		return err
	}
	return d.done(w, r, "/phrases?path="+string(at))
}

// phraseSound plays one phrase of the draft, or of the set in force where no
// draft has it.
func (d *desk) phraseSound(w http.ResponseWriter, r *http.Request) error {
	p, err := d.Bulletins.PhrasesAt(r.Context(), web.Actor(r), place(r))
	if err != nil {
		return err
	}
	set := p.Current
	if p.Draft != nil {
		set = &p.Draft.PhraseSet
	}
	if set == nil {
		return loa.Errorf(loa.NotFound, "phrases.none")
	}
	e, ok := set.Entry(r.PathValue("id"))
	if !ok {
		return loa.Errorf(loa.NotFound, "phrases.none")
	}
	mp3, err := d.Sound(e.Media.Hash)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "audio/mpeg")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", strconv.Quote(e.Media.Hash))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(mp3))
	return nil
}
