package desk

import (
	"net/http"
	"slices"

	"loa"
	"loa/bulletin"
	"loa/unit"
	"loa/web"
)

// languagesPage is the language plan of a place and of what lies below it.
type languagesPage struct {
	Place  named
	Places []named
	Rows   []languagesRow
}

// languagesRow is one place with what must be spoken there.
type languagesRow struct {
	named
	Ticks []languageTick
	Any   bool
}

type languageTick struct {
	Lang   string
	Chosen bool
}

func (d *desk) languages(w http.ResponseWriter, r *http.Request) error {
	ctx, at := r.Context(), place(r)
	names, err := d.named(ctx, at)
	if err != nil {
		return err
	}
	page := languagesPage{Place: names[0]}
	if page.Places, err = d.places(r); err != nil {
		return err
	}
	below, err := d.Units.Children(ctx, at)
	if err != nil {
		return err
	}
	plans, err := d.Bulletins.LanguagePlans(ctx, at)
	if err != nil {
		return err
	}
	rows := []named{names[0]}
	for _, u := range below {
		if u.Level != unit.Zone {
			rows = append(rows, named{u.Path, u.FullName()})
		}
	}
	for _, n := range rows {
		row := languagesRow{named: n}
		i := slices.IndexFunc(plans, func(p bulletin.LanguagePlan) bool { return p.Path == n.Path })
		for _, l := range bulletin.Languages()[1:] {
			chosen := i >= 0 && slices.Contains(plans[i].Languages, l)
			row.Ticks, row.Any = append(row.Ticks, languageTick{l, chosen}), row.Any || chosen
		}
		page.Rows = append(page.Rows, row)
	}
	return d.Site.Page(w, r, d.pages, "languages", "languages.title", page)
}

func (d *desk) setLanguages(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	p := bulletin.LanguagePlan{Path: loa.Path(r.PostFormValue("at")), Languages: r.PostForm["lang"]}
	if err := d.Bulletins.SetLanguagePlan(r.Context(), web.Actor(r), p); err != nil {
		return err
	}
	return d.done(w, r, "/languages?path="+string(place(r)))
}

// leaveOut takes a place that lacks its language out of a draft.
func (d *desk) leaveOut(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	b, err := d.Bulletins.LeaveOut(r.Context(), web.Actor(r), r.PathValue("id"), loa.Path(r.PostFormValue("place")))
	if err != nil {
		return err
	}
	return d.done(w, r, "/bulletins/"+b.ID)
}

// waive is phát thiếu, có lý do.
func (d *desk) waive(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	b, err := d.Bulletins.WaiveLanguages(r.Context(), web.Actor(r), r.PathValue("id"), r.PostFormValue("why"))
	if err != nil {
		return err
	}
	return d.done(w, r, "/bulletins/"+b.ID)
}

// languagePage records a draft in one more language, or in another's place.
type languagePage struct {
	bulletin.Bulletin
	Lang    string
	Record  recorder
	Peoples []string
}

func (d *desk) languagePage(w http.ResponseWriter, r *http.Request) error {
	page, err := d.languageData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "language", "compose.languages", page)
}

func (d *desk) languageData(r *http.Request) (page languagePage, err error) {
	b, err := d.Bulletins.Find(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return page, err
	}
	return languagePage{Bulletin: b, Lang: r.FormValue("lang"), Record: recorder{Path: b.Path}, Peoples: bulletin.Languages()[1:]}, nil
}

// addLanguage takes the recording of a draft in one language. Without a script
// the sound comes as a file in the form itself.
func (d *desk) addLanguage(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), web.Actor(r)
	file, err := web.File(r, "file", multipartBody)
	if err != nil {
		return err
	}
	page, err := d.languageData(r)
	if err != nil {
		return err
	}
	o := bulletin.Other{Lang: page.Lang, Text: r.PostFormValue("lang_text"), Upload: r.PostFormValue("upload")}
	n := page.Notice()
	n.Others = append(slices.DeleteFunc(n.Others, func(x bulletin.Other) bool { return x.Lang == o.Lang }), o)
	if len(file) > 0 {
		u, err := d.wholeFile(ctx, r, page.Path, "", file)
		if err != nil {
			return d.Site.Refuse(w, r, d.pages, "language", "compose.languages", page, err)
		}
		n.Others[len(n.Others)-1].Upload = u.ID
	}
	if n.Others[len(n.Others)-1].Upload == "" {
		return d.Site.Refuse(w, r, d.pages, "language", "compose.languages", page, loa.Errorf(loa.Invalid, "rendition.no_recording", "language."+o.Lang))
	}
	if err := d.keepUploads(r, page.ID, n); err != nil {
		return err
	}
	if _, err := d.Bulletins.Edit(ctx, who, page.ID, n); err != nil {
		return d.Site.Refuse(w, r, d.pages, "language", "compose.languages", page, err)
	}
	return d.done(w, r, "/bulletins/"+page.ID)
}
