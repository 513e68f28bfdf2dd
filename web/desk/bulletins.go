package desk

import (
	"bytes"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"loa"
	"loa/bulletin"
	"loa/lang"
	"loa/sound"
	"loa/speaker"
	"loa/web"
	"loa/wire"
)

// listPage is the list of bulletins.
type listPage struct {
	Place  named
	Places []named
	Text   string
	State  string
	States []bulletin.State
	Field  bulletin.Category
	Fields []bulletin.Category
	Rows   []bulletin.Bulletin
	Next   string // id after which the next page begins
}

const listLength = 30

// states is every state, in the order of the line.
func states() []bulletin.State {
	return []bulletin.State{bulletin.Draft, bulletin.Submitted, bulletin.Approved, bulletin.Sealed, bulletin.Scheduled,
		bulletin.Dispatched, bulletin.Cancelled, bulletin.Stopped, bulletin.Expired}
}

func (d *desk) list(w http.ResponseWriter, r *http.Request) error {
	page := listPage{Text: r.FormValue("text"), State: r.FormValue("state"), States: states(),
		Field: bulletin.Category(r.FormValue("category")), Fields: bulletin.Categories()}
	q := bulletin.Query{Path: place(r), Text: page.Text, Before: r.FormValue("before"), Limit: listLength + 1}
	if slices.Contains(page.States, bulletin.State(page.State)) {
		q.States = []bulletin.State{bulletin.State(page.State)}
	}
	if slices.Contains(page.Fields, page.Field) {
		q.Category = page.Field
	}
	var err error
	if page.Rows, err = d.Bulletins.List(r.Context(), web.Actor(r), q); err != nil {
		return err
	}
	if len(page.Rows) > listLength {
		page.Rows = page.Rows[:listLength]
		page.Next = page.Rows[listLength-1].ID
	}
	names, err := d.named(r.Context(), q.Path)
	if err != nil {
		return err
	}
	page.Place = names[0]
	if page.Places, err = d.places(r); err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "bulletins", "bulletins.title", page)
}

// bulletinPage is one bulletin with all that a person there may do next.
type bulletinPage struct {
	bulletin.Bulletin
	Scope     []named
	Sounds    []rendition
	Share     string // code of its public page
	ShareLink string
	Gaps      []bulletin.Gap // languages it lacks where it is meant to sound
	Payload   string         // hash of the bytes
	How       string         // how the reader came to know them: "", heard, read
	Own       bool
	approving
	Approvals []bulletin.Approval
	Slots     []slot
	Running   []running
	Log       []line
	Confirmed int
	Choices   []choice
	Next      *choice // the coming session it does not stand in: phát lại, without a new approval
	Playing   bool
	Answers   []answered
	Hints     []bulletin.Hint // what people may take for old news
}

// Public says that people may be given the bulletin.
func (p bulletinPage) Public() bool {
	return slices.Contains([]bulletin.State{bulletin.Sealed, bulletin.Scheduled, bulletin.Dispatched}, p.State)
}

// repeatDays is how far back a page looks for the same words.
const repeatDays = 7

// Open says that a language is missing for which nobody answers.
func (p bulletinPage) Open() bool {
	return slices.ContainsFunc(p.Gaps, func(g bulletin.Gap) bool { return g.Why == "" })
}

// Fix says that the reader may set words right where they are read.
func (p bulletinPage) Fix() bool {
	return slices.ContainsFunc(p.Sounds, func(r rendition) bool { return r.Speech.Fix })
}

// rendition is one language of the bulletin as the page shows it.
type rendition struct {
	bulletin.Rendition
	Bulletin string
	N        int
	Alone    bool   // the bulletin has no other
	Payload  string // hash of the bytes
	How      string // how the reader came to know it
	Asked    bool   // the reader is asked to hear or read it
	MustHear bool   // reading it is not enough here
	Speech   speech
}

// renditions is every language of b; each says how the reader came to know it.
func (d *desk) renditions(r *http.Request, b bulletin.Bulletin, each []string, payload string, asked bool) ([]rendition, error) {
	all := make([]rendition, len(b.Renditions))
	for i, one := range b.Renditions {
		all[i] = rendition{Rendition: one, Bulletin: b.ID, N: i, Alone: len(b.Renditions) == 1, Payload: payload}
		if i < len(each) {
			all[i].How = each[i]
		}
		all[i].Asked = asked && all[i].How == ""
		if one.Machine() {
			var err error
			if all[i].Speech, err = d.speechOf(r, b, one); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// slot is a planned start with its commune's name.
type slot struct {
	bulletin.Slot
	Where string
}

// choice is a session this bulletin may go into.
type choice struct {
	session
	Value  string // "2026-11-23 afternoon"
	Taken  bool
	Wanted bool // offered as already chosen
}

// running is how one speaker stands to this bulletin.
type running struct {
	Box   string
	Code  string
	Name  string
	State string // of the words running.*: sounding, confirmed, failed, withdrawn, offline, silent, waiting
	At    int64
	MS    int64
	Why   string
}

// patience is how long after the last planned end a speaker without a receipt
// counts as not having played.
const patience = 3 * time.Minute

func (d *desk) bulletin(w http.ResponseWriter, r *http.Request) error {
	page, err := d.bulletinData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "bulletin", "bulletin.one", page)
}

// bulletinPart is a part of that page as it is now.
func (d *desk) bulletinPart(name string) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		page, err := d.bulletinData(r)
		if err != nil {
			return err
		}
		return d.Site.Part(w, r, d.pages, "bulletin", name, page)
	}
}

func (d *desk) bulletinData(r *http.Request) (page bulletinPage, err error) {
	ctx, who := r.Context(), web.Actor(r)
	b, err := d.Bulletins.Find(ctx, who, r.PathValue("id"))
	if err != nil {
		return page, err
	}
	page = bulletinPage{Bulletin: b, Own: b.Author == who.ID}
	var each []string
	if page.Scope, err = d.named(ctx, b.Scope...); err != nil {
		return page, err
	}
	if len(b.Payload) > 0 {
		page.Payload = loa.Hash(b.Payload)
		if page.How, each, err = d.Bulletins.Hearing(ctx, b, who.ID); err != nil {
			return page, err
		}
		if page.Approvals, err = d.Bulletins.Approvals(ctx, b); err != nil {
			return page, err
		}
	}
	if err := d.approvalData(r, &page); err != nil {
		return page, err
	}
	if page.Share, err = d.Bulletins.ShareOf(ctx, b.ID); err != nil {
		return page, err
	}
	page.ShareLink = d.People.Origin + "/s/" + page.Share
	if page.Gaps, err = d.Bulletins.Gaps(ctx, b); err != nil {
		return page, err
	}
	if page.Sounds, err = d.renditions(r, b, each, page.Payload, page.Ask != nil); err != nil {
		return page, err
	}
	if page.Wait != nil {
		askHearing(page.Sounds, *page.Wait)
	}
	if slices.Contains([]bulletin.State{bulletin.Draft, bulletin.Submitted, bulletin.Sealed}, b.State) {
		before, err := d.Bulletins.List(ctx, who, bulletin.Query{Path: b.Path, Limit: 200})
		if err != nil {
			return page, err
		}
		page.Hints = b.Repeats(before, repeatDays)
	}
	slots, err := d.Bulletins.Slots(ctx, b.ID)
	if err != nil {
		return page, err
	}
	for _, s := range slots {
		names, err := d.named(ctx, s.Commune)
		if err != nil {
			return page, err
		}
		page.Slots = append(page.Slots, slot{s, names[0].Name})
	}
	if slices.Contains([]bulletin.State{bulletin.Sealed, bulletin.Scheduled, bulletin.Dispatched}, b.State) && who.May(loa.RightDispatch, b.Path) {
		if page.Choices, err = d.choices(r, b, slots); err != nil {
			return page, err
		}
		if i := slices.IndexFunc(page.Choices, func(c choice) bool { return !c.Taken }); i >= 0 && b.State != bulletin.Sealed {
			page.Next = &page.Choices[i]
		}
	}
	if page.Answers, err = d.answers(r, b); err != nil {
		return page, err
	}
	return page, d.runningData(r, &page, slots)
}

// choices offers the sessions of the coming days while the bulletin holds; those
// its writer asked for are chosen already, otherwise the first two it may go into
// ("chiều nay · sáng mai").
func (d *desk) choices(r *http.Request, b bulletin.Bulletin, slots []bulletin.Slot) (all []choice, err error) {
	list, err := d.sessions(r, b.Scope[0].Commune(), 7)
	if err != nil {
		return nil, err
	}
	wanted := 2
	for _, s := range list {
		if s.Start > b.Until || s.End < b.From {
			continue
		}
		c := choice{session: s, Value: s.Day + " " + s.Part}
		c.Taken = slices.ContainsFunc(slots, func(sl bulletin.Slot) bool { return !sl.Cancelled && sl.Session == s.Key() })
		asked := bulletin.Choice{Day: s.Day, Part: s.Part}
		switch {
		case c.Taken || b.State != bulletin.Sealed:
		case len(b.Wanted) > 0:
			c.Wanted = slices.Contains(b.Wanted, asked)
		case wanted > 0:
			c.Wanted = true
			wanted--
		}
		all = append(all, c)
	}
	return all, nil
}

// runningData fills what the speakers meant are doing with the bulletin.
func (d *desk) runningData(r *http.Request, page *bulletinPage, slots []bulletin.Slot) error {
	ctx, who, b := r.Context(), web.Actor(r), page.Bulletin
	meant, err := d.Bulletins.Meant(ctx, b.ID)
	if err != nil || len(meant) == 0 {
		return err
	}
	rows, err := d.Bulletins.Log(ctx, who, bulletin.LogQuery{Place: b.Path, Bulletin: b.ID, Limit: 500})
	if err != nil {
		return err
	}
	boxes, err := d.Speakers.Boxes(ctx, b.Path)
	if err != nil {
		return err
	}
	page.Log = lines(rows, boxes)
	now := d.Site.Clock.Now()
	var end int64 // of the last start that has passed
	for _, s := range slots {
		if !s.Cancelled && s.Start <= now.UnixMilli() {
			end = max(end, s.Start+s.MS)
		}
	}
	for _, box := range boxes {
		if !slices.Contains(meant, box.ID) {
			continue
		}
		one := running{Box: box.ID, Code: box.Pole.Code, Name: box.Pole.Name}
		last := slices.IndexFunc(rows, func(p bulletin.Playback) bool { return p.Box == box.ID }) // newest first
		switch h := box.Health; {
		case h.State == "sounding" && h.Warrant == b.Warrant && h.InContact(now.UnixMilli()):
			one.State, one.At = "sounding", h.At
			page.Playing = true
		case last >= 0 && rows[last].Result == wire.Played:
			one.State, one.At, one.MS = "confirmed", rows[last].Started, rows[last].MS
			page.Confirmed++
		case last >= 0:
			one.State, one.At, one.MS, one.Why = "failed", rows[last].Planned, rows[last].MS, rows[last].Why
		case b.State != bulletin.Scheduled && b.State != bulletin.Dispatched:
			one.State = "withdrawn"
		case !h.InContact(now.UnixMilli()):
			one.State, one.At = "offline", h.At
		case end > 0 && now.UnixMilli() > end+patience.Milliseconds():
			one.State = "silent"
		default:
			one.State = "waiting"
		}
		page.Running = append(page.Running, one)
	}
	return nil
}

// sound is the approved sound itself in one of its languages, for the player on
// the page; it answers ranges, because phones ask for them.
func (d *desk) sound(w http.ResponseWriter, r *http.Request) error {
	b, err := d.Bulletins.Find(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	var one bulletin.Rendition
	if n, err := strconv.Atoi(r.PathValue("n")); err == nil && n >= 0 && n < len(b.Renditions) {
		one = b.Renditions[n]
	}
	if err := one.Sounds(); err != nil {
		return err
	}
	mp3, err := d.Sound(one.Media)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "audio/mpeg")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", strconv.Quote(one.Media))
	if r.FormValue("download") != "" {
		mp3 = downloaded(b, one, mp3)
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fileName(b, one)}))
		h.Set("ETag", strconv.Quote(loa.Hash(mp3)))
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(mp3))
	return nil
}

// downloaded is a copy that people keep and pass on: it says of itself that a
// machine speaks.
func downloaded(b bulletin.Bulletin, one bulletin.Rendition, mp3 []byte) []byte {
	t := sound.Tags{Title: b.Title, Encoder: "Loa"}
	if one.SpokenBy != "" {
		t.Comment = "Giọng đọc tổng hợp / synthetic speech (" + one.SpokenBy + ")"
	}
	return sound.Copy(mp3, t)
}

// fileName is a name that every system keeps: plain letters, the day, and what
// kind of voice it is.
func fileName(b bulletin.Bulletin, one bulletin.Rendition) string {
	name := strings.Join(strings.FieldsFunc(lang.Fold(b.Title), func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9')
	}), "-")
	if len(name) > 60 {
		name = name[:60]
	}
	name = day(time.UnixMilli(b.ChangedAt)) + "-" + name
	if one.SpokenBy != "" {
		name += "-giong-doc-tong-hop"
	}
	return name + ".mp3"
}

// line is a row of the playback log with the name of its pole.
type line struct {
	bulletin.Playback
	Code string
	Pole string
}

// lines joins playbacks with the poles their boxes stand on now.
func lines(rows []bulletin.Playback, boxes []speaker.Box) []line {
	at := map[string]speaker.Pole{}
	for _, b := range boxes {
		at[b.ID] = b.Pole
	}
	all := make([]line, len(rows))
	for i, p := range rows {
		all[i] = line{p, at[p.Box].Code, at[p.Box].Name}
	}
	return all
}
