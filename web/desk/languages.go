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
