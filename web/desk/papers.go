package desk

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"loa"
	"loa/bulletin"
	"loa/calendar"
	"loa/lang"
	"loa/paper"
	"loa/web"
	"loa/wire"
)

// printer is the catalogue in the reader's language, for a paper.
type printer struct {
	*lang.Catalog
	locale string
}

// T is the text of a key.
func (w printer) T(key string, args ...any) string { return w.Catalog.T(w.locale, key, args...) }

// word says a word of the program.
func (w printer) word(s string) string { return w.Word(w.locale, s) }

func (d *desk) printer(r *http.Request) printer { return printer{d.Site.Catalog, d.Site.Locale(r)} }

// printed answers with a paper. name is the file's, in plain letters.
func (d *desk) printed(w http.ResponseWriter, r *http.Request, name string, pdf []byte) error {
	h := w.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", `inline; filename="`+name+`.pdf"`)
	h.Set("Cache-Control", "no-store")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(pdf))
	return nil
}

// paperHead is the head of a paper of a commune.
func (d *desk) paperHead(r *http.Request, in printer, commune loa.Path) (paper.Head, error) {
	h := paper.Head{Made: d.Site.Clock.Now().In(loa.Zone()), Demo: d.Site.Demo}
	u, err := d.Units.Find(r.Context(), commune)
	if err != nil {
		return h, err
	}
	h.Body, h.Place = in.T("paper.body", u.FullName()), u.Name
	if above := commune.Parent(); above != "" && above.Parent() != "" {
		over, err := d.Units.Find(r.Context(), above)
		if err != nil && loa.CodeOf(err) != loa.NotFound {
			return h, err
		}
		h.Above = over.FullName()
	}
	return h, nil
}

// commune is the commune a paper is for.
func (d *desk) commune(r *http.Request) (loa.Path, error) {
	at := d.lookAt(r).Commune()
	if at == "" {
		return "", loa.Errorf(loa.Invalid, "paper.commune")
	}
	return at, nil
}

// weekPaper prints lịch phát thanh tuần: the week of a day, or from Friday on
// the coming one.
func (d *desk) weekPaper(w http.ResponseWriter, r *http.Request) error {
	ctx, in := r.Context(), d.printer(r)
	at, err := d.commune(r)
	if err != nil {
		return err
	}
	monday := calendar.Of(d.Site.Clock.Now())
	if asked := r.FormValue("day"); asked != "" {
		if monday, err = calendar.ParseDate(asked); err != nil {
			return err
		}
	} else if monday.Weekday() >= 5 {
		monday += 7
	}
	monday -= calendar.Date(monday.Weekday() - 1)
	week := paper.Week{Span: in.T("paper.week_span", monday.Say(), (monday + 6).Say())}
	if week.Head, err = d.paperHead(r, in, at); err != nil {
		return err
	}
	frames, err := d.Bulletins.Frames(ctx, at)
	if err != nil {
		return err
	}
	poles, err := d.Bulletins.Foresee(ctx, web.Actor(r), at, monday.Midnight(), (monday + 7).Midnight())
	if err != nil {
		return err
	}
	where, err := d.whereHeard(r, in, poles)
	if err != nil {
		return err
	}
	book, err := d.Calendar.Book(ctx, at)
	if err != nil {
		return err
	}
	rows := rowsOf(poles)
	for day := monday; day < monday+7; day++ {
		one := paper.WeekDay{Name: in.T("paper.day", in.T("weekday."+strconv.Itoa(day.Weekday())), day.Say(), day.Lunar().Short())}
		if h, ok := book.Holiday(day); ok {
			one.Name += " · " + in.word(h.Name)
		}
		var at []int64
		for _, fr := range frames {
			week, _ := calendar.WeekOf(fr.Days)
			set := calendar.DaySet{Week: week}
			if fr.DaySet != "" {
				if set, err = calendar.ParseDaySet(fr.DaySet); err != nil {
					return err
				}
			}
			if !set.Has(book, day) {
				continue
			}
			at = append(at, day.Midnight().Add(time.Duration(fr.From)*time.Minute).UnixMilli())
			one.Rows = append(one.Rows, paper.WeekRow{Time: hourOf(fr.From) + "–" + hourOf(fr.Until), Words: fr.Name,
				Where: in.T("paper.everywhere"), Length: in.T("length.whole", fr.Until-fr.From)})
		}
		for _, row := range rows {
			if calendar.Of(time.UnixMilli(row.Start)) != day || row.Heard == 0 {
				continue
			}
			n := 0 // after the session it lies in
			for n < len(at) && at[n] <= row.Start {
				n++
			}
			at = slices.Insert(at, n, row.Start)
			one.Rows = slices.Insert(one.Rows, n, paper.WeekRow{Time: clockOf(row.Start), Words: row.Title, Where: where(row), Length: length(in, row.MS)})
		}
		week.Days = append(week.Days, one)
	}
	pdf, err := week.PDF(in)
	if err != nil {
		return err
	}
	return d.printed(w, r, "lich-phat-thanh-"+monday.String(), pdf)
}

func hourOf(m int) string      { return fmt.Sprintf("%02d:%02d", m/60, m%60) }
func clockOf(ms int64) string  { return time.UnixMilli(ms).In(loa.Zone()).Format("15:04") }
func dayClock(ms int64) string { return time.UnixMilli(ms).In(loa.Zone()).Format("02/01 15:04") }

// toSecond is a moment to the second, as evidence has it.
func toSecond(ms int64) string {
	if ms == 0 {
		return "–"
	}
	return time.UnixMilli(ms).In(loa.Zone()).Format("15:04:05 02/01/2006")
}

func length(in printer, ms int64) string {
	s := (ms + 500) / 1000
	switch {
	case s < 60:
		return in.T("length.seconds", s)
	case s%60 == 0:
		return in.T("length.whole", s/60)
	}
	return in.T("length.minutes", s/60, s%60)
}

// whereHeard says where a row is heard: everywhere, the hamlets by name, or how
// many speakers.
func (d *desk) whereHeard(r *http.Request, in printer, poles []bulletin.Ahead) (func(previewRow) string, error) {
	var paths []loa.Path
	for _, a := range poles {
		paths = append(paths, a.Pole.Path)
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	names, err := d.named(r.Context(), paths...)
	if err != nil {
		return nil, err
	}
	called := map[loa.Path]string{}
	for _, n := range names {
		called[n.Path] = n.Name
	}
	return func(row previewRow) string {
		if row.Heard == len(poles) {
			return in.T("paper.everywhere")
		}
		var heard []string
		for _, a := range poles {
			name := called[a.Pole.Path]
			if slices.ContainsFunc(a.Items, func(f bulletin.Foreseen) bool { return f.Slot.ID == row.Slot.ID && f.Sounds() }) && !slices.Contains(heard, name) {
				heard = append(heard, name)
			}
		}
		if len(heard) > 4 {
			return in.T("paper.speakers", row.Heard)
		}
		return strings.Join(heard, ", ")
	}, nil
}

// monthPaper prints sổ nhật ký phát of a month.
func (d *desk) monthPaper(w http.ResponseWriter, r *http.Request) error {
	in := d.printer(r)
	at, err := d.commune(r)
	if err != nil {
		return err
	}
	now := d.Site.Clock.Now().In(loa.Zone())
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, loa.Zone())
	if asked := r.FormValue("month"); asked != "" {
		if first, err = time.ParseInLocation("2006-01", asked, loa.Zone()); err != nil {
			return loa.Errorf(loa.Invalid, "calendar.date", loa.Clip(asked))
		}
	}
	m := paper.Month{Span: in.T("paper.month_span", int(first.Month()), first.Year())}
	if m.Head, err = d.paperHead(r, in, at); err != nil {
		return err
	}
	aired, err := d.Bulletins.Book(r.Context(), web.Actor(r), at, first, first.AddDate(0, 1, 0))
	if err != nil {
		return err
	}
	var ms int64
	played, meant, slots := 0, 0, 0
	for _, a := range aired {
		if a.Played > 0 {
			ms, slots = ms+a.MS, slots+1
		}
		played, meant = played+a.Played, meant+a.Meant
		title := a.Title
		if title == "" {
			title = in.T("paper.foreign")
		}
		m.Rows = append(m.Rows, paper.MonthRow{When: dayClock(a.Planned), Title: title, Author: a.Author,
			Approved: strings.Join(a.Approved, ", "), Length: length(in, a.MS), Heard: fmt.Sprintf("%d/%d", a.Played, a.Meant)})
	}
	m.Total = []string{in.T("paper.month_sum", slots, length(in, ms)), in.T("paper.month_proof", played, meant)}
	pdf, err := m.PDF(in)
	if err != nil {
		return err
	}
	return d.printed(w, r, "nhat-ky-phat-"+first.Format("2006-01"), pdf)
}

// evidencePaper prints why a speaker sounded at a moment: one line of its log,
// and everything behind it.
func (d *desk) evidencePaper(w http.ResponseWriter, r *http.Request) error {
	ctx, in := r.Context(), d.printer(r)
	n, err := strconv.ParseInt(r.FormValue("n"), 10, 64)
	if err != nil {
		return loa.Errorf(loa.NotFound, "playback.unknown")
	}
	e, err := d.Bulletins.Evidence(ctx, web.Actor(r), r.FormValue("box"), n)
	if err != nil {
		return err
	}
	s := paper.Sheet{Name: in.T("paper.evidence"), Under: in.T("paper.evidence_under", e.Pole.Name, toSecond(max(e.Started, e.Planned))), Last: in.T("paper.evidence_last")}
	if s.Head, err = d.paperHead(r, in, e.Pole.Path.Commune()); err != nil {
		return err
	}
	where, err := d.named(ctx, e.Pole.Path)
	if err != nil {
		return err
	}
	part := func(key string, rows ...[2]string) {
		s.Parts = append(s.Parts, paper.Part{Name: in.T(key), Rows: rows})
	}
	row := func(key, said string) [2]string { return [2]string{in.T(key), said} }
	result := in.T("result." + string(e.Result))
	if e.Why != "" {
		result += ": " + in.word(e.Why)
	}
	part("paper.part_sound", row("log.speaker", e.Pole.Name+" · "+e.Pole.Code+" · "+where[0].Name), row("log.planned", toSecond(e.Planned)),
		row("log.started", toSecond(e.Started)), row("log.length", length(in, e.MS)), row("paper.volume", fmt.Sprintf("%d %%", e.Volume)),
		row("log.result", result), row("log.degree", e.Degree+" · "+in.T("degree."+e.Degree)), row("log.received", toSecond(e.Received)),
		row("paper.line", fmt.Sprintf("%d · %s", e.N, e.Box)))
	if b := e.Bulletin; b.ID != "" {
		part("paper.part_bulletin", row("paper.title", b.Title), row("paper.author", b.AuthorName), row("paper.class", in.T("class."+string(b.Class))),
			row("paper.number_in_system", b.ID))
		var yes [][2]string
		for _, a := range e.Approvals {
			yes = append(yes, [2]string{a.Name, a.Post + " · " + toSecond(a.At)})
		}
		part("paper.part_approvals", yes...)
	}
	if o := e.Warrant; o != nil {
		rows := [][2]string{row("paper.hash", e.Playback.Warrant), row("paper.valid", in.T("paper.between", toSecond(o.From), toSecond(o.Until))),
			row("paper.often", in.T("paper.times", o.PlaysDay, o.Plays))}
		for _, m := range o.Media {
			rows = append(rows, row("paper.sound_hash", m.Hash))
		}
		part("paper.part_warrant", rows...)
	}
	if p := e.Plan; p != nil && e.InPlan {
		part("paper.part_plan", row("paper.version", strconv.FormatInt(p.Version, 10)), row("paper.made", toSecond(p.Made)), row("paper.hash", e.PlanHash), row("paper.slot", e.Slot))
	}
	for _, p := range e.Policies {
		place, err := d.named(ctx, p.Path)
		if err != nil {
			return err
		}
		part("paper.part_policy", row("place.label", place[0].Name), row("paper.hours", allowedHours(in, p.Hours)), row("paper.volume", fmt.Sprintf("%d %%", p.Volume)),
			row("paper.version", strconv.FormatInt(p.Version, 10)), row("paper.hash", p.Hash))
	}
	pdf, err := s.PDF(in)
	if err != nil {
		return err
	}
	return d.printed(w, r, "can-cu-phat-"+strings.ToLower(e.Pole.Code)+"-"+strconv.FormatInt(e.N, 10), pdf)
}

// allowedHours is a policy's hours as a sentence.
func allowedHours(in printer, hours []wire.Hours) string {
	said := make([]string, len(hours))
	for i, h := range hours {
		said[i] = hourOf(h.From) + "–" + hourOf(h.Until) + " " + saidDays(h.Days, in)
	}
	return strings.Join(said, "; ")
}

// labelsPage asks what stands on the labels beside the code.
type labelsPage struct {
	Place  named
	Places []named
	Poles  int
	Phone  string
}

func (d *desk) labels(w http.ResponseWriter, r *http.Request) error {
	at := d.lookAt(r)
	names, err := d.named(r.Context(), at)
	if err != nil {
		return err
	}
	page := labelsPage{Place: names[0], Phone: strings.TrimSpace(r.FormValue("phone"))}
	if page.Places, err = d.lookable(r); err != nil {
		return err
	}
	now := d.Site.Clock.Now()
	poles, err := d.Bulletins.Foresee(r.Context(), web.Actor(r), at, now, now)
	if err != nil {
		return err
	}
	page.Poles = len(poles)
	return d.Site.Page(w, r, d.pages, "labels", "labels.title", page)
}

// labelsPaper prints a label for every pole of a place, to hang under the horn.
func (d *desk) labelsPaper(w http.ResponseWriter, r *http.Request) error {
	ctx, in, at := r.Context(), d.printer(r), d.lookAt(r)
	phone := strings.TrimSpace(r.FormValue("phone"))
	if len(phone) > 40 || strings.ContainsFunc(phone, func(c rune) bool { return !strings.ContainsRune("0123456789 .+()-", c) }) {
		return loa.Errorf(loa.Invalid, "labels.phone", loa.Clip(phone))
	}
	now := d.Site.Clock.Now()
	poles, err := d.Bulletins.Foresee(ctx, web.Actor(r), at, now, now)
	if err != nil {
		return err
	}
	head, err := d.paperHead(r, in, at.Commune())
	if err != nil {
		return err
	}
	body, err := d.named(ctx, at.Commune())
	if err != nil {
		return err
	}
	var all []paper.Label
	for _, a := range poles {
		l := paper.Label{Name: a.Pole.Name, Body: body[0].Name, Code: a.Pole.Code, Spelled: spelled(a.Pole.Code),
			Link: d.origin(r) + "/loa/" + url.PathEscape(a.Pole.Code)}
		if phone != "" {
			l.Call = in.T("labels.call", phone, a.Pole.Code)
		}
		all = append(all, l)
	}
	pdf, err := paper.Labels(in, head, all)
	if err != nil {
		return err
	}
	return d.printed(w, r, "nhan-cum-loa", pdf)
}

// origin is the address people reach the site at.
func (d *desk) origin(r *http.Request) string {
	if d.Site.TLS {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// letters is how the signs of a code are read out in Vietnamese, so that it can
// be said on the telephone.
var letters = map[rune]string{'A': "a", 'B': "bê", 'C': "xê", 'D': "đê", 'E': "e", 'F': "ép", 'G': "giê", 'H': "hát", 'I': "i", 'J': "gi", 'K': "ca",
	'L': "lờ", 'M': "mờ", 'N': "nờ", 'O': "o", 'P': "pê", 'Q': "quy", 'R': "rờ", 'S': "sờ", 'T': "tê", 'U': "u", 'V': "vê", 'W': "vê kép", 'X': "ích",
	'Y': "i dài", 'Z': "dét", '0': "không", '1': "một", '2': "hai", '3': "ba", '4': "bốn", '5': "năm", '6': "sáu", '7': "bảy", '8': "tám", '9': "chín"}

func spelled(code string) string {
	var said []string
	for _, c := range strings.ToUpper(code) {
		if s, ok := letters[c]; ok {
			said = append(said, s)
		}
	}
	return strings.Join(said, " ")
}
