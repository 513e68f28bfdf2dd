package desk

import (
	"net/http"
	"slices"

	"loa"
	"loa/bulletin"
	"loa/sound"
	"loa/web"
	"loa/wire"
)

// libraryPage is the library (kho tư liệu): what a station plays again and again,
// and what it said in these weeks of earlier years.
type libraryPage struct {
	Place  named
	Places []named
	Role   string // of the words role.*; "" is the season
	Roles  []wire.Role
	Text   string
	Rows   []bulletin.Bulletin
	Years  []year
}

// year is an earlier one.
type year struct {
	Year int
	Rows []bulletin.Bulletin
}

func (d *desk) library(w http.ResponseWriter, r *http.Request) (err error) {
	ctx, who := r.Context(), web.Actor(r)
	page := libraryPage{Role: r.FormValue("role"), Text: r.FormValue("text"), Roles: bulletin.Roles()[1:]}
	if !slices.Contains(page.Roles, wire.Role(page.Role)) {
		page.Role = ""
	}
	at, now := place(r), d.Site.Clock.Now()
	if page.Places, err = d.places(r); err != nil {
		return err
	}
	names, err := d.named(ctx, at)
	if err != nil {
		return err
	}
	page.Place = names[0]
	switch {
	case page.Role != "":
		page.Rows, err = d.Bulletins.List(ctx, who, bulletin.Query{Path: at, Role: wire.Role(page.Role), Text: page.Text, Limit: 100})
	case page.Text != "":
		page.Rows, err = d.Bulletins.List(ctx, who, bulletin.Query{Path: at, Text: page.Text, Limit: 50})
	default:
		for ago := 1; ago <= bulletin.Seasons && err == nil; ago++ {
			var rows []bulletin.Bulletin
			if rows, err = d.Bulletins.SameSeason(ctx, who, at, now, ago); len(rows) > 0 {
				page.Years = append(page.Years, year{now.In(loa.Zone()).Year() - ago, rows})
			}
		}
	}
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "library", "library.title", page)
}

// again makes a new draft of an old bulletin and opens it.
func (d *desk) again(w http.ResponseWriter, r *http.Request) error {
	b, err := d.Bulletins.Again(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return d.done(w, r, "/bulletins/"+b.ID+"/edit")
}

// ownTune offers Loa's own melody or bell as a recording for the library.
func (d *desk) ownTune(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	in := parcel{path: writesFor(r, loa.Path(r.PostFormValue("path"))), role: wire.Tune}
	wav, key := sound.Tune(), "library.own_tune"
	if r.PostFormValue("kind") == "chime" {
		wav, key, in.role = sound.Chime(), "library.own_chime", wire.TestSound
	}
	in.title = d.Site.Catalog.T(d.Site.Locale(r), key)
	u, err := d.wholeFile(r.Context(), r, in.path, in.title+".wav", wav)
	if err != nil {
		return err
	}
	in.upload = u.ID
	return d.offer(w, r, in)
}
