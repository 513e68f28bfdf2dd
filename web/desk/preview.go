package desk

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"loa"
	"loa/bulletin"
	"loa/calendar"
	"loa/lang"
	"loa/speaker"
	"loa/web"
)

// previewPage is what will be heard in the coming days: at one pole, or in a
// hamlet or commune, item by item with where it stays silent.
type previewPage struct {
	Place  named
	Places []named
	Pole   string // code of the one looked at, "" for all
	Poles  []bulletin.Ahead
	Days   []previewDay
	Day    previewDay
	Later  bool // the day lies beyond the plan: standing items have no slot yet
	Rows   []previewRow
	Hints  []bulletin.Hint
}

// previewDay is one day of the strip.
type previewDay struct {
	Date    string // 2026-11-23
	At      int64  // its noon, UTC ms: what the view says days of
	Moon    string // 15/10
	Holiday string // name of its public holiday
	Open    bool   // the holiday still waits for the year's decision
	Sounds  int    // items heard somewhere
}

// previewRow is one item of a day at the poles looked at.
type previewRow struct {
	bulletin.Foreseen
	Heard  int // poles that sound it
	Of     int // poles it means
	Silent []silent
	Least  int // volume in percent, lowest and highest of those that sound it
	Most   int
}

// silent is a pole that will stay silent, and why.
type silent struct{ Name, Code, Why string }

// daysAhead is how far the preview looks.
const daysAhead = 7

func (d *desk) ahead(w http.ResponseWriter, r *http.Request) error {
	ctx, at := r.Context(), d.lookAt(r)
	page := previewPage{Pole: r.FormValue("pole")}
	names, err := d.named(ctx, at)
	if err != nil {
		return err
	}
	page.Place = names[0]
	if page.Places, err = d.lookable(r); err != nil {
		return err
	}
	if at.Commune() == "" {
		return d.Site.Page(w, r, d.pages, "preview", "preview.title", page)
	}
	today := calendar.Of(d.Site.Clock.Now())
	from, until := today.Midnight(), (today + daysAhead).Midnight()
	if page.Poles, err = d.Bulletins.Foresee(ctx, web.Actor(r), at, from, until); err != nil {
		return err
	}
	shown := page.Poles
	if page.Pole != "" {
		shown = slices.DeleteFunc(slices.Clone(shown), func(a bulletin.Ahead) bool { return a.Pole.Code != page.Pole })
	}
	book, err := d.Calendar.Book(ctx, at)
	if err != nil {
		return err
	}
	all := rowsOf(shown)
	for day := today; day < today+daysAhead; day++ {
		one := d.dayOf(book, day)
		for _, row := range all {
			if row.Heard > 0 && calendar.Of(time.UnixMilli(row.Start)) == day {
				one.Sounds++
			}
		}
		page.Days = append(page.Days, one)
	}
	page.Day = page.Days[0]
	for _, one := range page.Days {
		if one.Date == r.FormValue("day") {
			page.Day = one
		}
	}
	page.Later = page.Day.At > d.Site.Clock.Now().Add(speaker.PlanLife).UnixMilli()
	onDay := func(ms int64) bool { return day(time.UnixMilli(ms)) == page.Day.Date }
	for _, row := range all {
		if onDay(row.Start) {
			page.Rows = append(page.Rows, row)
		}
	}
	if page.Hints, err = d.conflicts(ctx, shown, at.Commune(), calendar.Of(time.UnixMilli(page.Day.At))); err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "preview", "preview.title", page)
}

// conflicts explains what is wrong with one day at some poles of a commune.
func (d *desk) conflicts(ctx context.Context, ours []bulletin.Ahead, commune loa.Path, on calendar.Date) ([]bulletin.Hint, error) {
	near, err := d.Bulletins.Neighbours(ctx, ours, commune, on.Midnight(), (on + 1).Midnight())
	if err != nil {
		return nil, err
	}
	rule, _, err := d.Bulletins.Regulation(ctx, commune, on.Midnight())
	if err != nil {
		return nil, err
	}
	all := bulletin.Conflicts(ours, near, time.Duration(rule.Minutes*rule.Sessions)*time.Minute)
	return slices.DeleteFunc(all, func(h bulletin.Hint) bool { return calendar.Of(time.UnixMilli(h.At)) != on }), nil
}

// dayOf is one day of the strip.
func (d *desk) dayOf(book calendar.Book, day calendar.Date) previewDay {
	one := previewDay{Date: day.String(), At: day.Midnight().Add(12 * time.Hour).UnixMilli(), Moon: day.Lunar().Short()}
	if h, ok := book.Holiday(day); ok {
		year, _, _ := day.Civil()
		one.Holiday, one.Open = h.Name, slices.Contains(book.Open(year), h.Name)
	}
	return one
}

// rowsOf joins what several poles do with one item into one row, by the minute.
func rowsOf(poles []bulletin.Ahead) []previewRow {
	bySlot := map[string]*previewRow{}
	var order []*previewRow
	for _, a := range poles {
		for _, f := range a.Items {
			row := bySlot[f.Slot.ID]
			if row == nil {
				row = &previewRow{Foreseen: f}
				bySlot[f.Slot.ID] = row
				order = append(order, row)
			}
			row.Of++
			if !f.Sounds() {
				row.Silent = append(row.Silent, silent{a.Pole.Name, a.Pole.Code, f.Why})
				continue
			}
			row.Heard++
			row.Most = max(row.Most, f.Volume)
			if row.Least == 0 || f.Volume < row.Least {
				row.Least = f.Volume
			}
		}
	}
	all := make([]previewRow, len(order))
	for i, row := range order {
		all[i] = *row
		slices.SortFunc(all[i].Silent, func(a, b silent) int {
			return cmp.Or(cmp.Compare(a.Why, b.Why), cmp.Compare(lang.SortKey(a.Name), lang.SortKey(b.Name)))
		})
	}
	slices.SortStableFunc(all, func(a, b previewRow) int { return cmp.Compare(a.Start, b.Start) })
	return all
}

// lookAt is the place a page of one station looks at: what place says if that
// lies in a commune, else the first commune the reader may see.
func (d *desk) lookAt(r *http.Request) loa.Path {
	at := place(r)
	if at.Commune() != "" || at == "" {
		return at
	}
	communes, err := d.Units.Children(r.Context(), at)
	if err != nil || len(communes) == 0 {
		return at
	}
	return communes[0].Path
}

// lookable is every commune the reader may look at, for the choice on top.
func (d *desk) lookable(r *http.Request) ([]named, error) {
	places, err := d.places(r)
	if err != nil {
		return nil, err
	}
	var all []named
	for _, p := range places {
		if p.Path.Commune() != "" {
			all = append(all, p)
			continue
		}
		communes, err := d.Units.Children(r.Context(), p.Path)
		if err != nil {
			return nil, err
		}
		for _, c := range communes {
			if c.Path.Commune() == c.Path {
				all = append(all, named{c.Path, c.FullName()})
			}
		}
	}
	return all, nil
}

// poleHere is what anybody who stands under a pole may know: which one it is, and
// what it says today and tomorrow.
type poleHere struct {
	Name, Code, Spelled string
	Where, Commune      string
	Items               []bulletin.Foreseen
}

func (d *desk) publicPole(w http.ResponseWriter, r *http.Request) error {
	today := calendar.Of(d.Site.Clock.Now())
	a, err := d.Bulletins.AtPole(r.Context(), r.PathValue("code"), today.Midnight(), (today + 2).Midnight())
	if err != nil {
		return err
	}
	names, err := d.named(r.Context(), a.Pole.Path, a.Pole.Path.Commune())
	if err != nil {
		return err
	}
	page := poleHere{Name: a.Pole.Name, Code: a.Pole.Code, Spelled: spelled(a.Pole.Code), Where: names[0].Name, Commune: names[1].Name}
	for _, f := range a.Items {
		if f.Sounds() {
			page.Items = append(page.Items, f)
		}
	}
	return d.Site.Page(w, r, d.pages, "pole-here", "pole_here.title", page)
}
