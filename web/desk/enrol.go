package desk

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"loa"
	"loa/paper"
	"loa/sheet"
	"loa/speaker"
	"loa/web"
	"loa/wire"
)

// enrolPage chooses the poles of a batch of enrolment codes.
type enrolPage struct {
	Place        named
	Places       []named
	Query        speaker.PoleQuery
	States       []string
	Technologies []string
	Rows         []standing
	More         bool // more poles than one batch takes
	Days         []int
	Batches      []speaker.Batch // made lately
}

// batchDays are the lives that are offered, in days; the second is chosen.
func batchDays() []int { return []int{1, 7, 14} }

func (d *desk) enrolment(w http.ResponseWriter, r *http.Request) error {
	page, err := d.enrolData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "enrol", "enrol.title", page)
}

func (d *desk) enrolData(r *http.Request) (page enrolPage, err error) {
	ctx, at := r.Context(), place(r)
	names, err := d.named(ctx, at)
	if err != nil {
		return page, err
	}
	page = enrolPage{Place: names[0], Query: poleQuery(r, at), States: speaker.States(), Technologies: speaker.Technologies(), Days: batchDays()}
	if page.Places, err = d.placesBelow(r, at); err != nil {
		return page, err
	}
	if !r.Form.Has("state") {
		page.Query.State = speaker.NoBox
	}
	page.Query.Limit = speaker.MaxBatch
	if page.Rows, err = d.standings(r, page.Query); err != nil {
		return page, err
	}
	page.More = len(page.Rows) == speaker.MaxBatch
	page.Batches, err = d.Speakers.Batches(ctx, at)
	return page, err
}

// standings lists poles with the names of their places and how they are.
func (d *desk) standings(r *http.Request, q speaker.PoleQuery) (all []standing, err error) {
	poles, err := d.Speakers.Poles(r.Context(), q)
	if err != nil {
		return nil, err
	}
	where, now := d.namer(r.Context()), d.Site.Clock.Now().UnixMilli()
	for _, p := range poles {
		name, err := where(p.Path)
		if err != nil {
			return nil, err
		}
		all = append(all, standing{p, name, p.State(now)})
	}
	return all, nil
}

// makeBatch makes the codes of the poles that are ticked.
func (d *desk) makeBatch(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	days, err := strconv.Atoi(r.PostFormValue("days"))
	if err != nil || days > 365 {
		days = 0 // out of bounds: the register says so
	}
	b, err := d.Speakers.NewBatch(r.Context(), web.Actor(r), place(r), r.PostForm["pole"], time.Duration(days)*24*time.Hour)
	if loa.CodeOf(err) == loa.Invalid {
		page, again := d.enrolData(r)
		if again != nil {
			return again
		}
		return d.Site.Refuse(w, r, d.pages, "enrol", "enrol.title", page, err)
	}
	if err != nil {
		return err
	}
	return d.done(w, r, "/enrol/"+b.ID)
}

// batchPage is how far a batch has come.
type batchPage struct {
	speaker.Batch
	Where  string
	Slips  []slip
	Live   bool // a code still waits for its box
	Soft   bool
	Placed int // a moment ago
	Most   int // placements under one touch
}

// slip is one pole of a batch with the name of where it stands.
type slip struct {
	speaker.Slip
	Where string
	Typed string // digits, when the page comes back
}

func (d *desk) batchData(r *http.Request) (page batchPage, err error) {
	b, slips, err := d.Speakers.Batch(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return page, err
	}
	where := d.namer(r.Context())
	page = batchPage{Batch: b, Soft: d.SoftApprove != nil, Placed: number(r.FormValue("placed")), Most: wire.MaxBatch}
	if page.Where, err = where(b.Path); err != nil {
		return page, err
	}
	for _, s := range slips {
		name, err := where(s.Pole.Path)
		if err != nil {
			return page, err
		}
		page.Slips = append(page.Slips, slip{s, name, r.PostFormValue("check." + s.Box)})
		page.Live = page.Live || s.Live()
	}
	return page, nil
}

func (d *desk) batch(w http.ResponseWriter, r *http.Request) error {
	page, err := d.batchData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "enrol-batch", "enrol.title", page)
}

func (d *desk) batchLive(w http.ResponseWriter, r *http.Request) error {
	page, err := d.batchData(r)
	if err != nil {
		return err
	}
	return d.Site.Part(w, r, d.pages, "enrol-batch", "sums", page)
}

// checked are the boxes of a batch whose six digits the officer typed from the
// technician's slips. One that differs refuses all: it is another box than the
// technician's, or a slip of the pen.
func (p batchPage) checked(r *http.Request) (boxes []string, err error) {
	for _, s := range p.Slips {
		digits := strings.Join(strings.Fields(r.PostFormValue("check."+s.Box)), "")
		if s.State != speaker.Waiting || digits == "" {
			continue
		}
		if digits != s.Check {
			return nil, loa.Errorf(loa.Invalid, "box.check_differs_at", s.Pole.Name)
		}
		boxes = append(boxes, s.Box)
	}
	return boxes, nil
}

// askBatch answers with the question that stands for every box whose digits are
// right.
func (d *desk) askBatch(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	page, err := d.batchData(r)
	if err != nil {
		return err
	}
	boxes, err := page.checked(r)
	if err != nil {
		return err
	}
	return d.askTogetherPlaced(w, r, boxes)
}

// confirmBatch takes the one approval and places them all.
func (d *desk) confirmBatch(w http.ResponseWriter, r *http.Request) error {
	page, err := d.batchData(r)
	if err != nil {
		return err
	}
	placed, err := d.placeTogether(r, func() ([]string, error) { return page.checked(r) })
	if code := loa.CodeOf(err); code == loa.Invalid || code == loa.Conflict {
		if page, again := d.batchData(r); again == nil {
			return d.Site.Refuse(w, r, d.pages, "enrol-batch", "enrol.title", page, err)
		}
	}
	if err != nil {
		return err
	}
	return d.done(w, r, fmt.Sprintf("/enrol/%s?placed=%d", page.ID, placed))
}

func (d *desk) endBatch(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := d.Speakers.EndBatch(r.Context(), web.Actor(r), id); err != nil {
		return err
	}
	return d.done(w, r, "/enrol/"+id)
}

// askTogetherPlaced drafts the placements of some boxes and answers with the one
// question for all.
func (d *desk) askTogetherPlaced(w http.ResponseWriter, r *http.Request, boxes []string) error {
	batch, err := d.Speakers.DraftTogether(r.Context(), web.Actor(r), boxes)
	if err != nil {
		return err
	}
	return d.question(w, r, batch, batch)
}

// placeTogether takes the one approval of several placements.
func (d *desk) placeTogether(r *http.Request, boxes func() ([]string, error)) (placed int, err error) {
	ctx, who := r.Context(), web.Actor(r)
	var soft []byte
	y, err := d.approval(r, func(yes) ([]byte, error) {
		chosen, err := boxes()
		if err != nil {
			return nil, err
		}
		soft, err = d.Speakers.DraftTogether(ctx, who, chosen)
		return soft, err
	})
	if err != nil {
		return 0, err
	}
	if soft != nil {
		y.Batch = soft
	}
	return d.Speakers.ConfirmTogether(ctx, who, y.Approval)
}

// slipsPaper prints a slip for every pole whose code still waits.
func (d *desk) slipsPaper(w http.ResponseWriter, r *http.Request) error {
	page, err := d.batchData(r)
	if err != nil {
		return err
	}
	in := d.printer(r)
	until := time.UnixMilli(page.Until).In(loa.Zone()).Format("15:04 02/01/2006")
	var all []paper.Slip
	for _, s := range page.Slips {
		if !s.Live() {
			continue
		}
		all = append(all, paper.Slip{Name: s.Pole.Name, Where: s.Where + " · " + s.Pole.Code, Code: s.Letters(), Whole: s.Code,
			Square: "LOA_SERVER=" + d.origin(r) + "\nLOA_CODE=" + s.Code, Until: in.T("slip.until", until)})
	}
	if len(all) == 0 {
		return loa.Errorf(loa.Conflict, "enrol.none_live")
	}
	head := paper.Head{Made: d.Site.Clock.Now().In(loa.Zone()), Demo: d.Site.Demo, Body: page.Where}
	pdf, err := paper.Slips(in, head, all)
	if err != nil {
		return err
	}
	return d.printed(w, r, "phieu-khai-bao-"+day(d.Site.Clock.Now()), pdf)
}

// slipsSheet is the same as a table, with how far each has come.
func (d *desk) slipsSheet(w http.ResponseWriter, r *http.Request) error {
	page, err := d.batchData(r)
	if err != nil {
		return err
	}
	in := d.printer(r)
	table := sheet.Table{Title: in.T("enrol.title")}
	for _, c := range []struct {
		key  string
		kind sheet.Kind
	}{{"name", sheet.Text}, {"place", sheet.Text}, {"pole", sheet.Code}, {"code", sheet.Code}, {"until", sheet.Text}, {"state", sheet.Text}, {"check", sheet.Code}} {
		table.Columns = append(table.Columns, sheet.Column{Key: c.key, Heading: in.T("slip.column_" + c.key), Kind: c.kind})
	}
	var rows []map[string]string
	for _, s := range page.Slips {
		row := map[string]string{"name": s.Pole.Name, "place": s.Where, "pole": s.Pole.Code, "state": in.T("slip." + s.Step())}
		if s.Live() {
			row["code"], row["until"] = s.Code, time.UnixMilli(page.Until).In(loa.Zone()).Format("15:04 02/01/2006")
		}
		rows = append(rows, row)
	}
	var b bytes.Buffer
	if err := sheet.Write(&b, table, rows); err != nil {
		return err
	}
	return d.workbook(w, r, "ma-khai-bao-"+day(d.Site.Clock.Now())+".xlsx", b.Bytes())
}

// Step is the word for how far a slip has come: waiting, came, done, over.
func (s slip) Step() string {
	switch {
	case s.State == speaker.Placed:
		return "done"
	case s.State == speaker.Waiting:
		return "came"
	case s.Live():
		return "waiting"
	}
	return "over"
}

// stalePage is every box whose sealed placement says something else of its pole
// than the register, under one button.
type stalePage struct {
	Place  named
	Places []named
	Rows   []standing
	Soft   bool
	Placed int
	Most   int
}

func (d *desk) stale(w http.ResponseWriter, r *http.Request) error {
	at := place(r)
	names, err := d.named(r.Context(), at)
	if err != nil {
		return err
	}
	page := stalePage{Place: names[0], Soft: d.SoftApprove != nil, Placed: number(r.FormValue("placed")), Most: wire.MaxBatch}
	if page.Places, err = d.placesBelow(r, at); err != nil {
		return err
	}
	page.Rows, err = d.standings(r, speaker.PoleQuery{Place: at, State: speaker.Unsealed, Limit: wire.MaxBatch})
	if err != nil {
		return err
	}
	page.Rows = slices.DeleteFunc(page.Rows, func(s standing) bool { return !web.Actor(r).May(loa.RightSpeakers, s.Path) })
	return d.Site.Page(w, r, d.pages, "again", "again.title", page)
}

func (d *desk) askStale(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	return d.askTogetherPlaced(w, r, r.PostForm["box"])
}

func (d *desk) confirmStale(w http.ResponseWriter, r *http.Request) error {
	placed, err := d.placeTogether(r, func() ([]string, error) { return r.PostForm["box"], nil })
	if err != nil {
		return err
	}
	return d.done(w, r, fmt.Sprintf("/speakers/again?path=%s&placed=%d", place(r), placed))
}
