package desk

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"time"

	"loa"
	"loa/bulletin"
	"loa/paper"
	"loa/sheet"
	"loa/upkeep"
	"loa/web"
)

// unheardPage is who did not sound, and what to do about each.
type unheardPage struct {
	Place    named
	Places   []named
	Day      string // 2026-11-23
	Session  string
	Bulletin string
	Title    string // of the bulletin
	Groups   []unheardGroup
	Silent   int // in all
	Search   string
}

// unheardGroup is one session.
type unheardGroup struct {
	bulletin.Message
	Place string // the commune, above the communes
	Rows  []unheardRow
}

// unheardRow is one speaker: why, in a sentence, and the next step.
type unheardRow struct {
	bulletin.Silent
	Said string
	Next string // key below "next."
	To   string // where the next step is made
}

func (d *desk) unheard(w http.ResponseWriter, r *http.Request) error {
	page, err := d.unheardData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "unheard", "unheard.title", page)
}

func (d *desk) unheardData(r *http.Request) (page unheardPage, err error) {
	ctx, who, at, in := r.Context(), web.Actor(r), place(r), d.printer(r)
	page = unheardPage{Day: r.FormValue("day"), Session: r.FormValue("session"), Bulletin: r.FormValue("bulletin")}
	names, err := d.named(ctx, at)
	if err != nil {
		return page, err
	}
	page.Place = names[0]
	if page.Places, err = d.places(r); err != nil {
		return page, err
	}
	if page.Day == "" {
		page.Day, _, _ = strings.Cut(page.Session, "/")
	}
	if page.Day == "" {
		page.Day = day(d.Site.Clock.Now())
	}
	if page.Bulletin != "" {
		b, err := d.Bulletins.Find(ctx, who, page.Bulletin)
		if err != nil {
			return page, err
		}
		page.Title = b.Title
	}
	page.Search = url.Values{"path": {string(at)}, "day": {page.Day}, "session": {page.Session}, "bulletin": {page.Bulletin}}.Encode()
	messages, err := d.Bulletins.Unheard(ctx, who, bulletin.UnheardQuery{Place: at, Day: page.Day, Session: page.Session, Bulletin: page.Bulletin})
	if err != nil {
		return page, err
	}
	broken, err := d.Upkeep.Faults(ctx, who, upkeep.Query{Place: at, Live: true, Limit: 5000})
	if err != nil {
		return page, err
	}
	known := map[string]upkeep.Fault{} // by pole: what is broken longest
	for _, f := range broken {
		if _, have := known[f.Code]; !have {
			known[f.Code] = f
		}
	}
	where, now := d.namer(ctx), d.Site.Clock.Now().UnixMilli()
	for _, m := range messages {
		g := unheardGroup{Message: m}
		if at.Commune() == "" {
			if g.Place, err = where(m.Commune); err != nil {
				return page, err
			}
		}
		for _, s := range m.Silent {
			row := unheardRow{Silent: s, Said: silence(m, s, in)}
			f, have := known[s.Code]
			row.Next, row.To = nextStep(s, f, have, now)
			g.Rows = append(g.Rows, row)
		}
		page.Silent += len(g.Rows)
		page.Groups = append(page.Groups, g)
	}
	return page, nil
}

// silence says in a sentence why a speaker did not sound.
func silence(m bulletin.Message, s bulletin.Silent, in printer) string {
	moment := func(ms int64) string {
		if m.Start-ms < dayBack.Milliseconds() {
			return clockOf(ms)
		}
		return time.UnixMilli(ms).In(loa.Zone()).Format("15:04 02/01")
	}
	switch {
	case s.Why == "offline" && s.Since == 0:
		return in.T("unheard.never")
	case s.Why == "offline":
		return in.T("unheard.offline", moment(s.Since))
	case s.Why == "no_receipt":
		return in.T("unheard.no_receipt")
	}
	return in.word(s.Why)
}

// swapAfter is how long a fault lasts before another box is the better answer.
const swapAfter = 7 * 24 * time.Hour

// nextStep is what a person does about a silent speaker, and where: what is being
// mended waits for its mender, what only lost its contact is called about first.
func nextStep(s bulletin.Silent, f upkeep.Fault, broken bool, nowMS int64) (step, to string) {
	pole := url.QueryEscape(s.Code)
	report := func(cause upkeep.Cause) (string, string) {
		return "report", "/faults/new?pole=" + pole + "&cause=" + string(cause)
	}
	switch {
	case broken && f.State != upkeep.Proposed && nowMS-f.Opened > swapAfter.Milliseconds():
		return "swap", "/poles/" + url.PathEscape(s.Code)
	case broken:
		return "mended", "/faults/" + f.ID
	case s.Why == "offline" && nowMS-s.Since > upkeep.SilentAfter.Milliseconds():
		return report(upkeep.Silent)
	case s.Why == "offline":
		return "call", "/poles/" + url.PathEscape(s.Code)
	case s.Why == "no_receipt":
		return "wait", "/poles/" + url.PathEscape(s.Code)
	case s.Why == "output.failed":
		return report(upkeep.Output)
	case strings.HasPrefix(s.Why, "clock."):
		return report(upkeep.Clock)
	case strings.HasPrefix(s.Why, "policy."):
		return "rules", "/rules"
	}
	return "look", "/log?pole=" + pole
}

// unheardCells is the list as a table has it.
func (p unheardPage) cells(in printer) (rows [][]string) {
	for _, g := range p.Groups {
		for _, s := range g.Rows {
			rows = append(rows, []string{time.UnixMilli(g.Start).In(loa.Zone()).Format("02/01/2006 15:04"), g.Name, g.Place, s.Pole, s.Code, s.Said, in.T("next." + s.Next)})
		}
	}
	return rows
}

func unheardColumns() []string {
	return []string{"start", "session", "commune", "pole", "code", "why", "next"}
}

// unheardSheet is the same list as an .xlsx.
func (d *desk) unheardSheet(w http.ResponseWriter, r *http.Request) error {
	page, err := d.unheardData(r)
	if err != nil {
		return err
	}
	in := d.printer(r)
	table := sheet.Table{Title: in.T("unheard.title")}
	for _, key := range unheardColumns() {
		kind := sheet.Text
		if key == "code" {
			kind = sheet.Code
		}
		table.Columns = append(table.Columns, sheet.Column{Key: key, Heading: in.T("unheard.column." + key), Kind: kind})
	}
	var rows []map[string]string
	for _, cells := range page.cells(in) {
		row := map[string]string{}
		for i, key := range unheardColumns() {
			row[key] = cells[i]
		}
		rows = append(rows, row)
	}
	var b bytes.Buffer
	if err := sheet.Write(&b, table, rows); err != nil {
		return err
	}
	return d.workbook(w, r, "cum-loa-chua-phat-"+page.Day+".xlsx", b.Bytes())
}

// unheardPaper prints it.
func (d *desk) unheardPaper(w http.ResponseWriter, r *http.Request) error {
	page, err := d.unheardData(r)
	if err != nil {
		return err
	}
	in := d.printer(r)
	list := paper.List{Name: in.T("unheard.title"), Under: page.Place.Name + " · " + page.Day[8:10] + "/" + page.Day[5:7] + "/" + page.Day[:4]}
	for _, c := range []struct {
		key   string
		width float64
	}{{"start", 30}, {"pole", 42}, {"code", 26}, {"why", 46}, {"next", 36}} {
		list.Columns = append(list.Columns, paper.ListColumn{Name: in.T("unheard.column." + c.key), Width: c.width})
	}
	if list.Head, err = d.paperHead(r, in, page.Place.Path); err != nil {
		return err
	}
	for _, c := range page.cells(in) {
		list.Rows = append(list.Rows, []string{strings.TrimSpace(c[0] + " " + c[1]), strings.TrimSpace(c[3] + " " + c[2]), c[4], c[5], c[6]})
	}
	pdf, err := list.PDF(in)
	if err != nil {
		return err
	}
	return d.printed(w, r, "cum-loa-chua-phat-"+page.Day, pdf)
}
