package desk

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"time"

	"loa"
	"loa/bulletin"
	"loa/web"
)

// shareBulletin gives a bulletin its public address.
func (d *desk) shareBulletin(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if _, err := d.Bulletins.Share(r.Context(), web.Actor(r), id); err != nil {
		return err
	}
	return d.done(w, r, "/bulletins/"+id+"#share")
}

// sharedPage is what everybody may see and hear of a bulletin.
type sharedPage struct {
	bulletin.Public
	Code  string
	Unit  named
	Link  string
	Brief string // for the preview in a chat
}

func (d *desk) shared(w http.ResponseWriter, r *http.Request) error {
	code := r.PathValue("code")
	p, err := d.Bulletins.Shared(r.Context(), code)
	if err != nil {
		return err
	}
	names, err := d.named(r.Context(), p.Path)
	if err != nil {
		return err
	}
	page := sharedPage{Public: p, Code: code, Unit: names[0], Link: d.People.Origin + "/s/" + code}
	if len(p.Renditions) > 0 {
		page.Brief = loa.Clip(p.Renditions[0].Text)
		if text := []rune(p.Renditions[0].Text); len(text) <= 200 {
			page.Brief = string(text)
		} else {
			page.Brief = string(text[:199]) + "…"
		}
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Robots-Tag", "noindex") // a notice of last month is no news
	return d.Site.Page(w, r, d.pages, "shared", "share.page", page)
}

// sharedSound is the approved sound with its mark, for everybody.
func (d *desk) sharedSound(w http.ResponseWriter, r *http.Request) error {
	p, err := d.Bulletins.Shared(r.Context(), r.PathValue("code"))
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 0 || n >= len(p.Renditions) {
		return loa.Errorf(loa.NotFound, "bulletin.no_sound")
	}
	if err := p.Renditions[n].Sounds(); err != nil {
		return err
	}
	mp3, err := d.Sound(p.Renditions[n].Media)
	if err != nil {
		return err
	}
	mp3 = downloaded(bulletin.Bulletin{Title: p.Title}, p.Renditions[n], mp3)
	h := w.Header()
	h.Set("Content-Type", "audio/mpeg")
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", strconv.Quote(loa.Hash(mp3)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(mp3))
	return nil
}

// templatesPage is mẫu tin.
type templatesPage struct {
	Place  named
	Places []named
	Rows   []bulletin.Template
}

func (d *desk) templates(w http.ResponseWriter, r *http.Request) error {
	at := writesFor(r, "")
	rows, err := d.Bulletins.Templates(r.Context(), web.Actor(r), at)
	if err != nil {
		return err
	}
	names, err := d.named(r.Context(), at)
	if err != nil {
		return err
	}
	page := templatesPage{Place: names[0], Rows: rows}
	if page.Places, err = d.named(r.Context(), slices.Compact(slices.Sorted(slices.Values(web.Actor(r).Places(loa.RightWrite))))...); err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "templates", "template.title", page)
}

func (d *desk) keepTemplate(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	t, err := d.Bulletins.KeepTemplate(r.Context(), web.Actor(r), r.PathValue("id"), r.PostFormValue("called"))
	if err != nil {
		return err
	}
	return d.done(w, r, "/templates?path="+string(t.Path))
}

func (d *desk) removeTemplate(w http.ResponseWriter, r *http.Request) error {
	if err := d.Bulletins.RemoveTemplate(r.Context(), web.Actor(r), r.PathValue("id")); err != nil {
		return err
	}
	return d.done(w, r, "/templates")
}
