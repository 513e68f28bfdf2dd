package desk

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"loa"
	"loa/bulletin"
	"loa/journal"
	"loa/sheet"
	"loa/web"
	"loa/wire"
)

// logPage is nhật ký phát, narrowed.
type logPage struct {
	Place    named
	Places   []named
	From     string // 2026-11-23
	Until    string // the last day
	Pole     string // code
	PoleName string
	Session  string
	Result   wire.Result
	Results  []wire.Result
	Rows     []line
	Totals   []bulletin.Totals // by degree of proof, never added together
	Before   string            // addresses of the pages before and after, "" for none
	After    string
	Query    string // the same log in another form
}

// How many rows one page of the log shows, and how many one file holds at most.
const (
	logLength = 50
	logFile   = 5000
)

func (d *desk) log(w http.ResponseWriter, r *http.Request) error {
	page, q, err := d.logData(r)
	if err != nil {
		return err
	}
	if q.Offset, err = strconv.Atoi(r.FormValue("row")); err != nil || q.Offset < 0 {
		q.Offset = 0
	}
	q.Limit = logLength + 1
	rows, err := d.Bulletins.Log(r.Context(), web.Actor(r), q)
	if err != nil {
		return err
	}
	if len(rows) > logLength {
		rows, page.After = rows[:logLength], fmt.Sprintf("/log?%s&row=%d", page.Query, q.Offset+logLength)
	}
	if q.Offset > 0 {
		page.Before = fmt.Sprintf("/log?%s&row=%d", page.Query, max(0, q.Offset-logLength))
	}
	for _, p := range rows {
		page.Rows = append(page.Rows, line{p, p.PoleCode, p.PoleName})
	}
	if page.Totals, err = d.Bulletins.Totals(r.Context(), web.Actor(r), q); err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "log", "log.title", page)
}

// logData reads what of the log is asked for: by default today's; a session's
// own day where one is named.
func (d *desk) logData(r *http.Request) (page logPage, q bulletin.LogQuery, err error) {
	q = bulletin.LogQuery{Place: place(r), Session: r.FormValue("session"), Result: wire.Result(r.FormValue("result")), Bulletin: r.FormValue("bulletin")}
	page = logPage{Session: q.Session, Result: q.Result, Results: []wire.Result{wire.Played, wire.Partly, wire.Stopped, wire.Refused, wire.Missed}}
	asked := r.FormValue("from")
	if asked == "" {
		asked = r.FormValue("day")
	}
	if asked == "" {
		asked, _, _ = strings.Cut(q.Session, "/")
	}
	from, err := time.ParseInLocation(time.DateOnly, asked, loa.Zone())
	if err != nil {
		y, m, day := d.Site.Clock.Now().In(loa.Zone()).Date()
		from = time.Date(y, m, day, 0, 0, 0, 0, loa.Zone())
	}
	last, err := time.ParseInLocation(time.DateOnly, r.FormValue("until"), loa.Zone())
	if err != nil || last.Before(from) {
		last = from
	}
	q.From, q.Until = from, last.AddDate(0, 0, 1)
	page.From, page.Until = day(from), day(last)
	if page.Pole = r.FormValue("pole"); page.Pole != "" {
		p, err := d.Speakers.FindPole(r.Context(), page.Pole)
		if err != nil {
			return page, q, err
		}
		q.Pole, page.PoleName = p.ID, p.Name
		if r.FormValue("from") == "" && r.FormValue("day") == "" { // from the page of a pole: its last month
			q.From = last.AddDate(0, -1, 0)
			page.From = day(q.From)
		}
	}
	names, err := d.named(r.Context(), q.Place)
	if err != nil {
		return page, q, err
	}
	page.Place = names[0]
	if page.Places, err = d.placesBelow(r, q.Place); err != nil {
		return page, q, err
	}
	address := url.Values{"path": {string(q.Place)}, "from": {page.From}, "until": {page.Until}}
	for key, value := range map[string]string{"pole": page.Pole, "session": page.Session, "result": string(page.Result), "bulletin": q.Bulletin} {
		if value != "" {
			address.Set(key, value)
		}
	}
	page.Query = address.Encode()
	return page, q, nil
}

// logSheet is the same log as an .xlsx.
func (d *desk) logSheet(w http.ResponseWriter, r *http.Request) error {
	page, q, err := d.logData(r)
	if err != nil {
		return err
	}
	q.Limit = logFile
	all, err := d.Bulletins.Log(r.Context(), web.Actor(r), q)
	if err != nil {
		return err
	}
	t := func(key string) string { return d.Site.Catalog.T(d.Site.Locale(r), key) }
	table := sheet.Table{Title: t("log.title")}
	for _, c := range []struct {
		key, heading string
		kind         sheet.Kind
	}{{"day", "log.day", sheet.Text}, {"planned", "log.planned", sheet.Text}, {"started", "log.started", sheet.Text}, {"speaker", "log.speaker", sheet.Text},
		{"code", "log.code", sheet.Code}, {"bulletin", "log.bulletin", sheet.Text}, {"result", "log.result", sheet.Text}, {"why", "log.why", sheet.Text},
		{"length", "log.length", sheet.Number}, {"volume", "log.volume", sheet.Number}, {"degree", "log.degree", sheet.Text},
		{"received", "log.received", sheet.Text}, {"warrant", "log.warrant", sheet.Code}} {
		table.Columns = append(table.Columns, sheet.Column{Key: c.key, Heading: t(c.heading), Kind: c.kind})
	}
	clock := func(ms int64) string {
		if ms == 0 {
			return ""
		}
		return time.UnixMilli(ms).In(loa.Zone()).Format("15:04:05")
	}
	rows := make([]map[string]string, len(all))
	for i, p := range all {
		why := ""
		if p.Why != "" {
			why = d.Site.Catalog.Word(d.Site.Locale(r), p.Why)
		}
		rows[i] = map[string]string{"day": time.UnixMilli(p.Planned).In(loa.Zone()).Format("02/01/2006"), "planned": clock(p.Planned), "started": clock(p.Started),
			"speaker": p.PoleName, "code": p.PoleCode, "bulletin": p.Title, "result": t("result." + string(p.Result)), "why": why,
			"length": strconv.FormatFloat(float64(p.MS)/1000, 'f', 1, 64), "volume": strconv.Itoa(p.Volume), "degree": p.Degree, "received": clock(p.Received), "warrant": p.Warrant}
	}
	var b bytes.Buffer
	if err := sheet.Write(&b, table, rows); err != nil {
		return err
	}
	return d.workbook(w, r, "nhat-ky-phat-"+page.From+".xlsx", b.Bytes())
}

// whyPage answers "Vì sao loa này phát lúc này?" on one screen.
type whyPage struct {
	bulletin.Evidence
	Where string
	Unit  string // who spoke
	Proof string // "" where the seal holds, otherwise the sentence
	Hours []hoursOf
}

// hoursOf is what one level of the rule said at the minute.
type hoursOf struct {
	Place  string
	Policy wire.Policy
}

// Week says days of the week in the reader's words.
func (whyPage) Week(days []int, in web.View) string { return saidDays(days, in) }

func (d *desk) why(w http.ResponseWriter, r *http.Request) error {
	page, err := d.whyData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "log-why", "why.title", page)
}

func (d *desk) whyData(r *http.Request) (page whyPage, err error) {
	n, err := strconv.ParseInt(r.PathValue("n"), 10, 64)
	if err != nil {
		return page, loa.Errorf(loa.NotFound, "playback.unknown")
	}
	if page.Evidence, err = d.Bulletins.Evidence(r.Context(), web.Actor(r), r.PathValue("box"), n); err != nil {
		return page, err
	}
	where := d.namer(r.Context())
	if page.Where, err = where(page.Pole.Path); err != nil {
		return page, err
	}
	if b := page.Bulletin; b.ID != "" {
		if page.Unit, err = where(b.Path); err != nil {
			return page, err
		}
	}
	if page.Evidence.Proof != nil {
		page.Proof = d.Site.Catalog.Error(d.Site.Locale(r), page.Evidence.Proof)
	}
	for _, p := range page.Policies {
		name, err := where(p.Path)
		if err != nil {
			return page, err
		}
		page.Hours = append(page.Hours, hoursOf{name, p.Policy})
	}
	return page, nil
}

// journalPage is nhật ký hệ thống: what was done, by whom, never changed.
type journalPage struct {
	Place  named
	Places []named
	Rows   []journal.Row
	Next   string
	Sealed journal.Checkpoint
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
	if d.Checkpoint != nil {
		if page.Sealed, err = d.Checkpoint(r.Context()); err != nil {
			return err
		}
	}
	return d.Site.Page(w, r, d.pages, "journal", "journal.title", page)
}
