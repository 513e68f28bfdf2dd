package desk

import (
	"net/http"
	"strings"
	"time"

	"loa"
	"loa/calendar"
	"loa/web"
)

// calendarPage is a month of a place: lunar dates, holidays, what was decided.
type calendarPage struct {
	Place  named
	Places []named
	Month  string // 2026-11
	Before string
	After  string
	First  int64 // its first noon, UTC ms
	Blank  []int // days of the week before its first
	Days   []calendarDay
	Book   calendar.Book
	Open   []string // holidays of the year that wait for the decision
	Year   int
	Day    string // what the form begins with
}

// calendarDay is one day of the month.
type calendarDay struct {
	previewDay
	Number int
	Works  bool
	Market string
	School bool
	Today  bool
}

// Kinds and the rest are what the forms offer.
func (calendarPage) Kinds() []string     { return calendar.Decisions() }
func (calendarPage) Calendars() []string { return calendar.Calendars() }

// Weekdays are the heads of the columns, Monday first.
func (calendarPage) Weekdays() []int { return []int{1, 2, 3, 4, 5, 6, 7} }

// MonthSaid is the month as people write it: 11/2026.
func (p calendarPage) MonthSaid() string { return p.Month[5:] + "/" + p.Month[:4] }

// Say is the days of a market.
func (calendarPage) Say(m calendar.Market) string { return m.SayDays() }

func (d *desk) calendar(w http.ResponseWriter, r *http.Request) error {
	page, err := d.calendarData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "calendar", "calendar.title", page)
}

func (d *desk) calendarData(r *http.Request) (page calendarPage, err error) {
	at := place(r)
	names, err := d.named(r.Context(), at)
	if err != nil {
		return page, err
	}
	page.Place = names[0]
	if page.Places, err = d.places(r); err != nil {
		return page, err
	}
	now := d.Site.Clock.Now().In(loa.Zone())
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, loa.Zone())
	if asked, err := calendar.ParseDate(r.FormValue("month") + "-01"); err == nil {
		first = asked.Midnight()
	}
	page.Month, page.Year, page.Day = first.Format("2006-01"), first.Year(), day(now)
	page.Before, page.After = first.AddDate(0, -1, 0).Format("2006-01"), first.AddDate(0, 1, 0).Format("2006-01")
	page.First = first.Add(12 * time.Hour).UnixMilli()
	if page.Book, err = d.Calendar.Book(r.Context(), at); err != nil {
		return page, err
	}
	page.Open = page.Book.Open(first.Year())
	today := calendar.Of(now)
	for n := 1; n < calendar.Of(first).Weekday(); n++ {
		page.Blank = append(page.Blank, n)
	}
	for day := calendar.Of(first); day < calendar.Of(first.AddDate(0, 1, 0)); day++ {
		one := calendarDay{previewDay: d.dayOf(page.Book, day), Works: page.Book.Works(day), School: page.Book.Is(day, calendar.Schools), Today: day == today}
		_, _, one.Number = day.Civil()
		for _, m := range page.Book.Markets {
			if m.On(day) {
				one.Market = m.Name
			}
		}
		page.Days = append(page.Days, one)
	}
	return page, nil
}

// changed takes one form of the calendar: the change, or the page again with why
// not.
func (d *desk) changed(w http.ResponseWriter, r *http.Request, change func(at loa.Path) error) error {
	if err := web.Form(r); err != nil {
		return err
	}
	at := place(r)
	if err := change(at); err != nil {
		page, again := d.calendarData(r)
		if again != nil {
			return again
		}
		return d.Site.Refuse(w, r, d.pages, "calendar", "calendar.title", page, err)
	}
	to := "/calendar?path=" + string(at)
	if month := r.PostFormValue("month"); month != "" {
		if _, err := calendar.ParseDate(month + "-01"); err == nil {
			to += "&month=" + month
		}
	}
	return d.done(w, r, to)
}

func (d *desk) decideDay(w http.ResponseWriter, r *http.Request) error {
	return d.changed(w, r, func(at loa.Path) error {
		date, err := calendar.ParseDate(r.PostFormValue("day"))
		if err != nil {
			return err
		}
		return d.Calendar.Decide(r.Context(), web.Actor(r), at, calendar.Decided{Day: date, Kind: r.PostFormValue("kind"),
			Name: r.PostFormValue("name"), Basis: r.PostFormValue("basis")})
	})
}

func (d *desk) addTerm(w http.ResponseWriter, r *http.Request) error {
	return d.changed(w, r, func(at loa.Path) error {
		from, err := calendar.ParseDate(r.PostFormValue("from"))
		if err != nil {
			return err
		}
		until, err := calendar.ParseDate(r.PostFormValue("until"))
		if err != nil {
			return err
		}
		return d.Calendar.AddTerm(r.Context(), web.Actor(r), at, calendar.Term{Name: r.PostFormValue("name"), From: from, Until: until,
			Week: calendar.Week(strings.Join(r.PostForm["week"], ""))})
	})
}

func (d *desk) addMarket(w http.ResponseWriter, r *http.Request) error {
	return d.changed(w, r, func(at loa.Path) error {
		days, err := calendar.ParseDays(r.PostFormValue("days"))
		if err != nil {
			return err
		}
		return d.Calendar.AddMarket(r.Context(), web.Actor(r), at, calendar.Market{Name: r.PostFormValue("name"), Calendar: r.PostFormValue("calendar"), Days: days})
	})
}

func (d *desk) dropCalendar(w http.ResponseWriter, r *http.Request) error {
	return d.changed(w, r, func(at loa.Path) error {
		return d.Calendar.Drop(r.Context(), web.Actor(r), at, r.PostFormValue("id"))
	})
}
