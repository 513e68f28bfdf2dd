package desk

import (
	"net/http"
	"time"

	"loa"
	"loa/bulletin"
	"loa/journal"
	"loa/web"
	"loa/wire"
)

// logPage is nhật ký phát, one day of it.
type logPage struct {
	Place  named
	Places []named
	Day    string // 2026-11-23
	Before string
	After  string
	Rows   []line
	Played int
	Full   bool // there are more rows than a page holds
}

// logLength is how many rows one page of the log shows at most.
const logLength = 1000

func (d *desk) log(w http.ResponseWriter, r *http.Request) error {
	at, who := place(r), web.Actor(r)
	page := logPage{Day: r.FormValue("day")}
	date, err := time.ParseInLocation(time.DateOnly, page.Day, loa.Zone())
	if err != nil {
		page.Day = day(d.Site.Clock.Now())
		if date, err = time.ParseInLocation(time.DateOnly, page.Day, loa.Zone()); err != nil {
			return err
		}
	}
	page.Before, page.After = day(date.AddDate(0, 0, -1)), day(date.AddDate(0, 0, 1))
	names, err := d.named(r.Context(), at)
	if err != nil {
		return err
	}
	page.Place = names[0]
	if page.Places, err = d.places(r); err != nil {
		return err
	}
	rows, err := d.Bulletins.Log(r.Context(), who, bulletin.LogQuery{Place: at, From: date, Until: date.AddDate(0, 0, 1), Limit: logLength + 1})
	if err != nil {
		return err
	}
	boxes, err := d.Speakers.Boxes(r.Context(), at)
	if err != nil {
		return err
	}
	if page.Full = len(rows) > logLength; page.Full {
		rows = rows[:logLength]
	}
	page.Rows = lines(rows, boxes)
	for _, l := range page.Rows {
		if l.Result == wire.Played {
			page.Played++
		}
	}
	return d.Site.Page(w, r, d.pages, "log", "log.title", page)
}

// journalPage is nhật ký hệ thống: what was done, by whom, never changed.
type journalPage struct {
	Place  named
	Places []named
	Rows   []journal.Row
	Next   string
}

const journalLength = 50

func (d *desk) journal(w http.ResponseWriter, r *http.Request) error {
	at := place(r)
	rows, err := d.Journal(r.Context(), journal.Filter{Path: at, Before: r.FormValue("before"), Limit: journalLength + 1})
	if err != nil {
		return err
	}
	page := journalPage{Rows: rows}
	if len(rows) > journalLength {
		page.Rows, page.Next = rows[:journalLength], rows[journalLength-1].ID
	}
	names, err := d.named(r.Context(), at)
	if err != nil {
		return err
	}
	page.Place = names[0]
	if page.Places, err = d.places(r); err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "journal", "journal.title", page)
}
