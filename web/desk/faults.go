package desk

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"loa"
	"loa/journal"
	"loa/paper"
	"loa/sheet"
	"loa/speaker"
	"loa/upkeep"
	"loa/web"
)

// faultsPage is the repair book of a place.
type faultsPage struct {
	Place  named
	Places []named
	Query  upkeep.Query
	Which  string // live, all or one of the states
	Whichs []string
	Causes []upkeep.Cause
	Rows   []faultRow
	Month  string // this one, for the link
	Search string // of the address, for the file
}

// faultRow is one fault with where it is and how long it has lasted.
type faultRow struct {
	upkeep.Fault
	Where string
	Hours int64
}

// Old reports whether it has been broken for more than seven days.
func (f faultRow) Old() bool { return f.Ended == 0 && f.Hours > 7*24 }

func (d *desk) faults(w http.ResponseWriter, r *http.Request) error {
	page, err := d.faultsData(r, 200)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "faults", "faults.title", page)
}

func (d *desk) faultsData(r *http.Request, limit int) (page faultsPage, err error) {
	ctx, at, now := r.Context(), place(r), d.Site.Clock.Now()
	names, err := d.named(ctx, at)
	if err != nil {
		return page, err
	}
	page = faultsPage{Place: names[0], Which: r.FormValue("state"), Causes: upkeep.Causes(), Month: now.In(loa.Zone()).Format("2006-01"),
		Whichs: []string{"live", string(upkeep.Proposed), string(upkeep.Open), string(upkeep.Called), string(upkeep.Parts), string(upkeep.Done), "all"}}
	if page.Places, err = d.placesBelow(r, at); err != nil {
		return page, err
	}
	if !slices.Contains(page.Whichs, page.Which) {
		page.Which = "live"
	}
	page.Query = upkeep.Query{Place: at, Cause: upkeep.Cause(r.FormValue("cause")), Limit: limit, Live: page.Which == "live"}
	if !page.Query.Live && page.Which != "all" {
		page.Query.State = upkeep.State(page.Which)
	}
	page.Search = url.Values{"path": {string(at)}, "state": {page.Which}, "cause": {string(page.Query.Cause)}}.Encode()
	all, err := d.Upkeep.Faults(ctx, web.Actor(r), page.Query)
	if err != nil {
		return page, err
	}
	page.Rows, err = d.faultRows(r, all)
	return page, err
}

func (d *desk) faultRows(r *http.Request, all []upkeep.Fault) (rows []faultRow, err error) {
	where, now := d.namer(r.Context()), d.Site.Clock.Now().UnixMilli()
	for _, f := range all {
		name, err := where(f.Path)
		if err != nil {
			return nil, err
		}
		rows = append(rows, faultRow{f, name, f.Age(now)})
	}
	return rows, nil
}

// faultForm is what somebody reports.
type faultForm struct {
	Pole   speaker.Pole
	Where  string
	Causes []upkeep.Cause
	Cause  string
	Said   string
	Poles  []standing // to choose from, where the address names none
}

func (d *desk) newFault(w http.ResponseWriter, r *http.Request) error {
	page, err := d.faultForm(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "fault-new", "faults.new", page)
}

func (d *desk) faultForm(r *http.Request) (page faultForm, err error) {
	page = faultForm{Causes: upkeep.Causes(), Cause: r.FormValue("cause"), Said: r.PostFormValue("said")}
	if code := r.FormValue("pole"); code != "" {
		if page.Pole, err = d.Speakers.FindPole(r.Context(), code); err != nil {
			return page, err
		}
		if err := web.Actor(r).Must(loa.RightRead, page.Pole.Path); err != nil {
			return page, err
		}
		names, err := d.named(r.Context(), page.Pole.Path)
		if err != nil {
			return page, err
		}
		page.Where = names[0].Name
		return page, nil
	}
	page.Poles, err = d.standings(r, speaker.PoleQuery{Place: place(r), Limit: 500})
	return page, err
}

// report opens a fault.
func (d *desk) report(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	f, err := d.Upkeep.Report(r.Context(), web.Actor(r), r.PostFormValue("pole"), upkeep.Cause(r.PostFormValue("cause")), r.PostFormValue("said"))
	if code := loa.CodeOf(err); code == loa.Invalid || code == loa.Conflict {
		page, again := d.faultForm(r)
		if again != nil {
			return again
		}
		return d.Site.Refuse(w, r, d.pages, "fault-new", "faults.new", page, err)
	}
	if err != nil {
		return err
	}
	return d.done(w, r, "/faults/"+f.ID)
}

// faultPage is one fault with its history.
type faultPage struct {
	faultRow
	Steps []faultStep
	Do    string // the step the form was sent for, when it comes back
	Typed upkeep.Step
}

// faultStep is one row of a fault's history.
type faultStep struct {
	At int64
	By string
	upkeep.Fault
}

func (d *desk) fault(w http.ResponseWriter, r *http.Request) error {
	page, err := d.faultData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "fault-one", "faults.one", page)
}

func (d *desk) faultData(r *http.Request) (page faultPage, err error) {
	f, err := d.Upkeep.Find(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return page, err
	}
	rows, err := d.faultRows(r, []upkeep.Fault{f})
	if err != nil {
		return page, err
	}
	page.faultRow = rows[0]
	book, err := d.Journal(r.Context(), journal.Filter{Path: f.Path, Subject: f.ID, Limit: 100})
	if err != nil {
		return page, err
	}
	for _, row := range book {
		step := faultStep{At: row.At.UnixMilli(), By: row.ActorName}
		if err := json.Unmarshal(row.Data, &step.Fault); err != nil {
			return page, err
		}
		page.Steps = append(page.Steps, step)
	}
	return page, nil
}

// stepFault moves a fault on.
func (d *desk) stepFault(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	v := r.PostFormValue
	s := upkeep.Step{To: upkeep.State(v("to")), Fixer: v("fixer"), Due: v("due"), Supplier: v("supplier"), Parts: v("parts"), Remedy: v("remedy")}
	var err error
	if cost := strings.NewReplacer(".", "", " ", "", "đ", "").Replace(v("cost")); cost != "" {
		if s.Cost, err = strconv.ParseInt(cost, 10, 64); err != nil {
			s.Cost = -1 // out of bounds: the book says so
		}
	}
	id := r.PathValue("id")
	_, err = d.Upkeep.Step(r.Context(), web.Actor(r), id, s)
	if code := loa.CodeOf(err); code == loa.Invalid || code == loa.Conflict {
		page, again := d.faultData(r)
		if again != nil {
			return again
		}
		page.Do, page.Typed = string(s.To), s
		return d.Site.Refuse(w, r, d.pages, "fault-one", "faults.one", page, err)
	}
	if err != nil {
		return err
	}
	return d.done(w, r, "/faults/"+id)
}

// faultsSheet is the same book as an .xlsx.
func (d *desk) faultsSheet(w http.ResponseWriter, r *http.Request) error {
	page, err := d.faultsData(r, 5000)
	if err != nil {
		return err
	}
	in := d.printer(r)
	table := sheet.Table{Title: in.T("faults.title")}
	for _, c := range []struct {
		key  string
		kind sheet.Kind
	}{{"opened", sheet.Text}, {"pole", sheet.Text}, {"code", sheet.Code}, {"place", sheet.Text}, {"cause", sheet.Text}, {"said", sheet.Text}, {"state", sheet.Text},
		{"by", sheet.Text}, {"fixer", sheet.Text}, {"due", sheet.Text}, {"supplier", sheet.Text}, {"parts", sheet.Text}, {"cost", sheet.Number}, {"remedy", sheet.Text},
		{"ended", sheet.Text}, {"hours", sheet.Number}} {
		table.Columns = append(table.Columns, sheet.Column{Key: c.key, Heading: in.T("faults.column." + c.key), Kind: c.kind})
	}
	moment := func(ms int64) string {
		if ms == 0 {
			return ""
		}
		return time.UnixMilli(ms).In(loa.Zone()).Format("02/01/2006 15:04")
	}
	rows := make([]map[string]string, len(page.Rows))
	for i, f := range page.Rows {
		rows[i] = map[string]string{"opened": moment(f.Opened), "pole": f.PoleName, "code": f.Code, "place": f.Where, "cause": in.T("cause." + string(f.Cause)), "said": f.Said,
			"state": in.T("fault_state." + string(f.State)), "by": f.ByName, "fixer": f.Fixer, "due": f.Due, "supplier": f.Supplier, "parts": f.Parts,
			"cost": strconv.FormatInt(f.Cost, 10), "remedy": f.Remedy, "ended": moment(f.Ended), "hours": strconv.FormatInt(f.Hours, 10)}
	}
	var b bytes.Buffer
	if err := sheet.Write(&b, table, rows); err != nil {
		return err
	}
	return d.workbook(w, r, "so-sua-chua-"+day(d.Site.Clock.Now())+".xlsx", b.Bytes())
}

// monthFaults is the repair book of a month in figures.
type monthFaults struct {
	Place  named
	Places []named
	Month  string // 2026-11
	Sum    upkeep.Month
	Old    []faultRow // broken for more than seven days at its end
}

// Said is the month as people write it: 11/2026.
func (m monthFaults) Said() string { return m.Month[5:] + "/" + m.Month[:4] }

// Money is a sum in đồng.
func (m monthFaults) Money(dong int64) string { return money(dong) }

func (d *desk) faultsMonth(w http.ResponseWriter, r *http.Request) error {
	page, err := d.monthData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "faults-month", "faults.month", page)
}

func (d *desk) monthData(r *http.Request) (page monthFaults, err error) {
	at, now := place(r), d.Site.Clock.Now()
	names, err := d.named(r.Context(), at)
	if err != nil {
		return page, err
	}
	page.Place = names[0]
	if page.Places, err = d.placesBelow(r, at); err != nil {
		return page, err
	}
	from, until := upkeep.MonthOf(now)
	if asked := r.FormValue("month"); asked != "" {
		t, err := time.ParseInLocation("2006-01", asked, loa.Zone())
		if err != nil {
			return page, loa.Errorf(loa.Invalid, "calendar.date", loa.Clip(asked))
		}
		from, until = upkeep.MonthOf(t)
	}
	all, err := d.Upkeep.Faults(r.Context(), web.Actor(r), upkeep.Query{Place: at, From: from, Until: until, Limit: 5000})
	if err != nil {
		return page, err
	}
	end := until
	if now.Before(end) {
		end = now.Add(time.Millisecond) // of a month that has not ended: up to and with now
	}
	page.Month = from.Format("2006-01")
	page.Sum = upkeep.Sum(all, from, end)
	rows, err := d.faultRows(r, all)
	for _, f := range rows {
		if f.State != upkeep.Proposed && (f.Ended == 0 || f.Ended >= end.UnixMilli()) && end.UnixMilli()-f.Opened > (7*24*time.Hour).Milliseconds() {
			page.Old = append(page.Old, f)
		}
	}
	return page, err
}

// faultsPaper prints the month.
func (d *desk) faultsPaper(w http.ResponseWriter, r *http.Request) error {
	page, err := d.monthData(r)
	if err != nil {
		return err
	}
	in := d.printer(r)
	list := paper.List{Name: in.T("faults.month"), Under: page.Place.Name + " · " + page.Said(), Columns: []paper.ListColumn{
		{Name: in.T("faults.column.pole"), Width: 46}, {Name: in.T("faults.column.cause"), Width: 36}, {Name: in.T("faults.column.opened"), Width: 28}, {Name: in.T("faults.column.fixer"), Width: 70}}}
	if list.Head, err = d.paperHead(r, in, page.Place.Path); err != nil {
		return err
	}
	for _, f := range page.Old {
		list.Rows = append(list.Rows, []string{f.PoleName + " · " + f.Code, in.T("cause." + string(f.Cause)), time.UnixMilli(f.Opened).In(loa.Zone()).Format("02/01/2006"), f.Fixer})
	}
	f := page.Sum
	list.Lead = []string{in.T("faults.sum_opened", f.Opened, f.Done, f.Dropped), in.T("faults.sum_open", f.Open, f.Week), in.T("faults.sum_cost", money(f.Cost)), in.T("faults.old")}
	pdf, err := list.PDF(in)
	if err != nil {
		return err
	}
	return d.printed(w, r, "so-sua-chua-"+page.Month, pdf)
}

// money is a sum in đồng as people write it: 1.250.000.
func money(dong int64) string {
	s := strconv.FormatInt(dong, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "." + s[i:]
	}
	return s
}
