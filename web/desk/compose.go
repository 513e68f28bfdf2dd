package desk

import (
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"loa"
	"loa/bulletin"
	"loa/lang"
	"loa/unit"
	"loa/voice"
	"loa/web"
	"loa/wire"
)

// composePage is the form of a bulletin, new or returned.
type composePage struct {
	ID      string // "" for a new one
	Note    string // why it was returned
	Notice  bulletin.Notice
	Units   []named // units the writer may write for
	Unit    named
	Whole   bool // the whole unit is meant
	Hamlets []hamlet
	Preview preview
	Until   string // 2026-11-29, the last day
	Today   string
	// Sessions are those of the coming days, at most a week.
	Sessions []choice
	Later    bool // one is chosen that is not among the first four
	Others   []bulletin.Other
	Record   recorder
	Voices   []voiceChoice
	Once     string // id of this form while it is new
}

// preview is what the page says of a text while it is typed.
type preview struct {
	Speech speech
	Doubts []bulletin.Doubt
	Guess  bulletin.Category
}

// hamlet is a place to tick.
type hamlet struct {
	named
	Chosen bool
}

// week is how many days a bulletin holds unless its writer says otherwise.
const week = 7

// slow is the calmer speed for the old: 0.85 of the usual.
const slow = voice.DefaultSpeed * 85 / 100

// composePage offers an empty form, with the places the writer chose last time:
// most notices go where the last one went.
func (d *desk) composePage(w http.ResponseWriter, r *http.Request) error {
	return d.offer(w, r, parcel{path: loa.Path(r.FormValue("path")), text: r.FormValue("text"), title: r.FormValue("title"), upload: r.FormValue("upload"), role: wire.Role(r.FormValue("role"))})
}

// offer is that form with what somebody brought already in it.
func (d *desk) offer(w http.ResponseWriter, r *http.Request, in parcel) error {
	n := bulletin.Notice{Path: writesFor(r, in.path), Class: wire.Normal, Until: lastDay(d.Site.Clock.Now(), week)}
	mine, err := d.Bulletins.List(r.Context(), web.Actor(r), bulletin.Query{Path: n.Path, Limit: 20})
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(mine, func(b bulletin.Bulletin) bool { return b.Author == web.Actor(r).ID && b.Path == n.Path }); i >= 0 {
		n.Scope, n.Accent, n.Speed, n.Repeat, n.Chime = mine[i].Scope, mine[i].Main().Accent, mine[i].Main().Speed, mine[i].Repeat, mine[i].Chime
	}
	if id := r.URL.Query().Get("template"); id != "" {
		until := n.Until
		if n, err = d.Bulletins.FromTemplate(r.Context(), web.Actor(r), id); err != nil {
			return err
		}
		n.Until = until
	} else {
		n.Text, n.Title, n.Upload, n.Role = in.text, in.title, in.upload, in.role
	}
	page, err := d.form(r, "", n)
	if err != nil {
		return err
	}
	for i := range page.Sessions[:min(2, len(page.Sessions))] { // "chiều nay · sáng mai"
		page.Sessions[i].Wanted = true
	}
	return d.Site.Page(w, r, d.pages, "compose", "compose.title", page)
}

func (d *desk) editPage(w http.ResponseWriter, r *http.Request) error {
	b, err := d.Bulletins.Find(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	if b.State != bulletin.Draft {
		return loa.Errorf(loa.Conflict, "bulletin.moved", string(b.State))
	}
	page, err := d.form(r, b.ID, b.Notice())
	if err != nil {
		return err
	}
	page.Note = b.Note
	return d.Site.Page(w, r, d.pages, "compose", "compose.title", page)
}

// writesFor is the unit a new bulletin speaks for.
func writesFor(r *http.Request, asked loa.Path) loa.Path {
	who := web.Actor(r)
	if asked == "" {
		asked = loa.Path(r.FormValue("path"))
	}
	if who.May(loa.RightWrite, asked) {
		return asked
	}
	if all := who.Places(loa.RightWrite); len(all) > 0 {
		return all[0]
	}
	return asked
}

// form fills the page's choices around a notice.
func (d *desk) form(r *http.Request, id string, n bulletin.Notice) (page composePage, err error) {
	ctx, who := r.Context(), web.Actor(r)
	page = composePage{ID: id, Notice: n, Today: day(d.Site.Clock.Now()), Record: recorder{n.Path, n.Upload},
		Voices: voices(d.Bulletins.Speech.Models(), n), Once: n.Once}
	if id == "" && n.Once == "" {
		page.Once = loa.NewID(d.Site.Clock.Now())
	}
	if !n.Until.IsZero() {
		page.Until = day(n.Until.Add(-time.Second))
	}
	units := slices.Sorted(slices.Values(who.Places(loa.RightWrite)))
	if page.Units, err = d.named(ctx, slices.Compact(units)...); err != nil {
		return page, err
	}
	names, err := d.named(ctx, n.Path)
	if err != nil {
		return page, err
	}
	page.Unit = names[0]
	below, err := d.Units.Children(ctx, n.Path)
	if err != nil {
		return page, err
	}
	page.Whole = len(n.Scope) == 0 || slices.Contains(n.Scope, n.Path)
	for _, u := range below {
		if u.Level != unit.Former || n.Path.Commune() == n.Path {
			page.Hamlets = append(page.Hamlets, hamlet{named{u.Path, u.FullName()}, slices.Contains(n.Scope, u.Path)})
		}
	}
	list, err := d.sessions(r, n.Path.Commune(), week)
	if err != nil {
		return page, err
	}
	for i, s := range list {
		c := choice{session: s, Value: s.Day + " " + s.Part}
		c.Wanted = slices.Contains(n.Wanted, bulletin.Choice{Day: s.Day, Part: s.Part})
		page.Later = page.Later || c.Wanted && i >= 4
		page.Sessions = append(page.Sessions, c)
	}
	page.Others = append(slices.Clone(n.Others), bulletin.Other{}) // an empty one to fill
	page.Preview, err = d.preview(r, n.Path, n.Text, n.Accent)
	if id != "" {
		page.Preview.Speech.Next = "/bulletins/" + id + "/edit"
	}
	return page, err
}

// preview reads a text as a place does, and looks at what it says.
func (d *desk) preview(r *http.Request, at loa.Path, text, accent string) (p preview, err error) {
	p.Doubts, p.Guess = bulletin.Doubts(text, d.Site.Clock.Now()), bulletin.Guess(text)
	p.Speech, err = d.speech(r, at, text, accent)
	return p, err
}

// notice reads the form. Without a title the first line of the text is one.
func (d *desk) notice(r *http.Request) (n bulletin.Notice, err error) {
	if err := web.Form(r); err != nil {
		return n, err
	}
	f := r.PostForm
	n = bulletin.Notice{Path: writesFor(r, loa.Path(f.Get("path"))), Class: wire.Class(f.Get("class")), Title: f.Get("title"),
		Text: f.Get("text"), Upload: f.Get("upload"), Role: wire.Role(f.Get("role")), Category: bulletin.Category(f.Get("category")),
		Origin: strings.TrimSpace(f.Get("origin")), Chime: f.Get("chime") != "", Once: f.Get("once")}
	if strings.TrimSpace(n.Title) == "" {
		n.Title = firstLine(n.Text)
	}
	if n.Title == "" && n.Upload != "" {
		n.Title = d.Site.Catalog.T(d.Site.Locale(r), "record.untitled", d.Site.Clock.Now().In(loa.Zone()).Format("15:04 02/01/2006"))
	}
	if n.Class == "" {
		n.Class = wire.Normal
	}
	if f.Get("twice") != "" {
		n.Repeat = 1
	}
	said := chosenVoice(r)
	n.Accent, n.Voice, n.Speed = said.Accent, said.Name, said.WordsPerMinute
	for _, value := range f["session"] {
		day, part, _ := strings.Cut(value, " ")
		n.Wanted = append(n.Wanted, bulletin.Choice{Day: day, Part: part})
	}
	for i, l := range f["lang"] {
		if l != "" {
			n.Others = append(n.Others, bulletin.Other{Lang: l, Text: at(f["lang_text"], i), Upload: at(f["lang_upload"], i)})
		}
	}
	for _, p := range f["scope"] {
		n.Scope = append(n.Scope, loa.Path(p))
	}
	if slices.Contains(n.Scope, n.Path) { // the whole unit: the rest is in it
		n.Scope = []loa.Path{n.Path}
	}
	if until := f.Get("until"); until != "" {
		last, err := time.ParseInLocation(time.DateOnly, until, loa.Zone())
		if err != nil {
			return n, loa.Errorf(loa.Invalid, "bulletin.dates")
		}
		n.Until = last.AddDate(0, 0, 1)
	}
	return n, nil
}

// Short reports whether the form is that of a hamlet head: their own hamlet, and
// nothing to choose but the words and the time.
func (p composePage) Short() bool {
	return len(p.Units) == 1 && p.ID == "" && p.Unit.Path.Commune() != p.Unit.Path && p.Unit.Path.Commune() != ""
}

// at is the value at a place of a list from a form, "" past its end.
func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// compose keeps a draft and, with the button Trình duyệt, asks for approval.
// What cannot be kept comes back with everything typed.
func (d *desk) compose(w http.ResponseWriter, r *http.Request) error {
	ctx, who, id := r.Context(), web.Actor(r), r.PathValue("id")
	n, err := d.notice(r)
	if loa.KeyOf(err) == "body.too_large" {
		return err // nothing of it was read
	}
	var b bulletin.Bulletin
	if err == nil {
		err = d.keepUploads(r, id, n)
	}
	if err == nil {
		if id == "" {
			b, err = d.Bulletins.Draft(ctx, who, n)
		} else {
			b, err = d.Bulletins.Edit(ctx, who, id, n)
		}
	}
	if err != nil {
		if loa.CodeOf(err) != loa.Invalid {
			return err
		}
		page, again := d.form(r, id, n)
		if again != nil {
			return err
		}
		return d.Site.Refuse(w, r, d.pages, "compose", "compose.title", page, err)
	}
	if r.PostFormValue("do") == "submit" && b.State == bulletin.Draft { // or it was sent already, by the press before
		return d.sendForApproval(w, r, b.ID)
	}
	return d.done(w, r, "/bulletins/"+b.ID)
}

// speak shows, while a person types, what would be read out.
func (d *desk) speak(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	text, err := voice.Clean(r.PostFormValue("text"))
	if loa.KeyOf(err) == "text.empty" {
		err = nil
	}
	if err != nil {
		return err
	}
	said, err := d.preview(r, writesFor(r, ""), text, chosenVoice(r).Accent)
	if err != nil {
		return err
	}
	return d.Site.Part(w, r, d.pages, "compose", "spoken", said)
}

func (d *desk) submit(w http.ResponseWriter, r *http.Request) error {
	return d.sendForApproval(w, r, r.PathValue("id"))
}

// sendForApproval is trình duyệt. What stands in the way is said on the draft's
// own page, which offers the ways out: the draft is kept.
func (d *desk) sendForApproval(w http.ResponseWriter, r *http.Request, id string) error {
	_, err := d.Bulletins.Submit(r.Context(), web.Actor(r), id)
	switch {
	case err == nil:
		return d.done(w, r, "/bulletins/"+id)
	case loa.CodeOf(err) != loa.Invalid:
		return err
	}
	r.SetPathValue("id", id)
	page, again := d.bulletinData(r)
	if again != nil {
		return err
	}
	return d.Site.Refuse(w, r, d.pages, "bulletin", "bulletin.one", page, err)
}

// wholeDay is a choice of all sessions of one day at a tap.
type wholeDay struct {
	Start  int64  // UTC ms, of its first session
	Values string // of the sessions, with "|" between
}

// WholeDays are the coming days with more than one session left.
func (p composePage) WholeDays() (all []wholeDay) {
	for i, s := range p.Sessions {
		switch {
		case i > 0 && s.Day == p.Sessions[i-1].Day:
			all[len(all)-1].Values += "|" + s.Value
		case len(all) > 0 && !strings.Contains(all[len(all)-1].Values, "|"):
			all[len(all)-1] = wholeDay{s.Start, s.Value}
		default:
			all = append(all, wholeDay{s.Start, s.Value})
		}
	}
	if n := len(all); n > 0 && !strings.Contains(all[n-1].Values, "|") {
		all = all[:n-1]
	}
	return all[:min(2, len(all))]
}

// firstLine is a title for a text without one: its first sentence or line, as
// much as fits on a phone. "UBND xã thông báo:" says nothing that the others do
// not say too, so what it announces stands for it.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if who, what, found := strings.Cut(line, ":"); found && strings.HasSuffix(lang.Fold(who), "thong bao") && strings.TrimSpace(what) != "" {
		c, size := utf8.DecodeRuneInString(strings.TrimSpace(what))
		line = string(unicode.ToUpper(c)) + strings.TrimSpace(what)[size:]
	}
	if cut := strings.IndexAny(line, ".:;"); cut > 0 {
		line = line[:cut]
	}
	line = strings.TrimSpace(line)
	if utf8.RuneCountInString(line) <= 80 {
		return line
	}
	short := string([]rune(line)[:80])
	if cut := strings.LastIndex(short, " "); cut > 0 {
		short = short[:cut]
	}
	return short + "…"
}

// lastDay is the end of the day that many days from now, today counted.
func lastDay(now time.Time, days int) time.Time {
	t := now.In(loa.Zone())
	return time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, 0, 0, loa.Zone())
}

func day(t time.Time) string { return t.In(loa.Zone()).Format(time.DateOnly) }

// Slow is the calmer speed.
func (composePage) Slow() int { return slow }

// Categories are the fields a bulletin may belong to.
func (composePage) Categories() []bulletin.Category { return bulletin.Categories() }

// Peoples are the languages beside Vietnamese.
func (composePage) Peoples() []string { return bulletin.Languages()[1:] }

// Open says that something in "Thêm" is not as usual.
func (p composePage) Open() bool {
	n := p.Notice
	return n.Speed != 0 || n.Origin != "" || len(n.Others) > 0
}
