package desk

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"time"

	"loa"
	"loa/bulletin"
	"loa/web"
	"loa/wire"
)

// alarmsPage is where an alarm begins, or its exercise: the same form under another
// title and colour, so that neither is taken for the other.
type alarmsPage struct {
	Place    named
	Places   []named
	Exercise bool
	Hazards  []string // that the speakers here can say
	Where    []named  // that may be chosen; none is, to begin with
	Hazard   string   // chosen before the form was refused
	Text     string
	Scope    []loa.Path
	Mine     bool // the reader may begin one
	Lately   []alarm
}

// alarm is one with the words for it.
type alarm struct {
	bulletin.Alarm
	Place string
	Now   int64
}

// Stands is its state now.
func (a alarm) Stands() string { return a.State(a.Now) }

// Chosen reports whether a place was ticked before the form was refused.
func (p alarmsPage) Chosen(at loa.Path) bool { return slices.Contains(p.Scope, at) }

// alarmsShown is how far back the page looks.
const alarmsShown = 30 * 24 * time.Hour

func (d *desk) alarms(w http.ResponseWriter, r *http.Request) error {
	page, err := d.alarmsAt(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "alarm", page.title(), page)
}

func (p alarmsPage) title() string {
	if p.Exercise {
		return "alarm.title_exercise"
	}
	return "alarm.title"
}

func mayAlarm(who loa.Actor, at loa.Path) bool {
	return who.May(loa.RightApprove, at) || who.May(loa.RightDispatch, at)
}

func (d *desk) alarmsAt(r *http.Request) (page alarmsPage, err error) {
	ctx, who, at := r.Context(), web.Actor(r), place(r)
	names, err := d.named(ctx, at)
	if err != nil {
		return page, err
	}
	page = alarmsPage{Place: names[0], Exercise: r.FormValue("exercise") != "", Mine: mayAlarm(who, at),
		Hazard: r.PostFormValue("hazard"), Text: r.PostFormValue("text")}
	for _, p := range r.PostForm["scope"] {
		page.Scope = append(page.Scope, loa.Path(p))
	}
	if page.Places, err = d.places(r); err != nil {
		return page, err
	}
	set, err := d.Bulletins.AlarmPhrases(ctx, who, at)
	if err != nil && loa.CodeOf(err) != loa.NotFound {
		return page, err
	}
	for _, id := range bulletin.Hazards() {
		if _, ok := set.Entry(id); ok {
			page.Hazards = append(page.Hazards, id)
		}
	}
	page.Where = append(page.Where, names[0])
	below, err := d.Units.Children(ctx, at)
	if err != nil && loa.CodeOf(err) != loa.NotFound {
		return page, err
	}
	for _, u := range below {
		page.Where = append(page.Where, named{u.Path, u.FullName()})
	}
	page.Lately, err = d.alarmsSince(r, at, d.Site.Clock.Now().Add(-alarmsShown))
	return page, err
}

func (d *desk) alarmsSince(r *http.Request, at loa.Path, since time.Time) (all []alarm, err error) {
	list, err := d.Bulletins.Alarms(r.Context(), web.Actor(r), at, since)
	if err != nil {
		return nil, err
	}
	where, now := d.namer(r.Context()), d.Site.Clock.Now().UnixMilli()
	for _, a := range list {
		name, err := where(a.Path)
		if err != nil {
			return nil, err
		}
		all = append(all, alarm{a, name, now})
	}
	return all, nil
}

// alarmsNow are those that wait for somebody, or sound: what Hôm nay shows first.
func (d *desk) alarmsNow(r *http.Request, at loa.Path) ([]alarm, error) {
	all, err := d.alarmsSince(r, at, d.Site.Clock.Now().Add(-2*bulletin.AlarmLife))
	return slices.DeleteFunc(all, func(a alarm) bool {
		return a.Stands() != bulletin.AlarmWaits && a.Stands() != bulletin.AlarmSounds
	}), err
}

// draftAlarm fixes the bytes; the page that follows lets them be heard and asks for the
// first of the two approvals.
func (d *desk) draftAlarm(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	page, err := d.alarmsAt(r)
	if err != nil {
		return err
	}
	n := bulletin.NewAlarm{Path: page.Place.Path, Class: wire.Emergency, Hazard: page.Hazard, Text: page.Text, Scope: page.Scope}
	if page.Exercise {
		n.Class = wire.Exercise
	}
	if slices.Contains(page.Hazards, n.Hazard) {
		n.Title = d.Site.Catalog.T("vi", "phrase."+n.Hazard) // a display under the horn is read by everybody
		if page.Exercise {
			n.Title = d.Site.Catalog.T("vi", "alarm.exercise_of", n.Title)
		}
	}
	a, err := d.Bulletins.DraftAlarm(r.Context(), web.Actor(r), n)
	if loa.CodeOf(err) == loa.Invalid {
		return d.Site.Refuse(w, r, d.pages, "alarm", page.title(), page, err)
	}
	if err != nil {
		return err
	}
	return d.done(w, r, "/alarm/"+a.ID)
}

// alarmPage is one alarm: what sounds, where, who approved, what became of it.
type alarmPage struct {
	alarm
	Where []named
	Set   loa.Path // whose phrase set it speaks from
	Sum   bulletin.AlarmSum
	Ask   *asking
	Stop  *asking
	Bytes string // base64 of what is approved
	May   bool   // take it back, or stop it

}

func (d *desk) alarmData(r *http.Request) (page alarmPage, err error) {
	ctx, who := r.Context(), web.Actor(r)
	a, err := d.Bulletins.Alarm(ctx, who, r.PathValue("id"))
	if err != nil {
		return page, err
	}
	names, err := d.named(ctx, a.Path)
	if err != nil {
		return page, err
	}
	page = alarmPage{alarm: alarm{a, names[0].Name, d.Site.Clock.Now().UnixMilli()}, May: mayAlarm(who, a.Path),
		Bytes: base64.StdEncoding.EncodeToString(a.Payload)}
	scope, err := a.Scope()
	if err != nil {
		return page, err
	}
	if page.Where, err = d.named(ctx, scope...); err != nil {
		return page, err
	}
	set, err := d.Bulletins.AlarmPhrases(ctx, who, a.Path)
	if err != nil && loa.CodeOf(err) != loa.NotFound {
		return page, err
	}
	page.Set = set.Path
	if page.Sum, err = d.Bulletins.AlarmHeard(ctx, a); err != nil {
		return page, err
	}
	if page.Stands() == bulletin.AlarmWaits && who.May(loa.RightApprove, a.Path) && a.FirstBy != who.ID {
		ask, err := d.ask(r, "/alarm/"+a.ID+"/approve", a.Payload)
		if err != nil {
			return page, err
		}
		page.Ask = &ask
	}
	return page, nil
}

func (d *desk) alarm(w http.ResponseWriter, r *http.Request) error {
	page, err := d.alarmData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "alarm-one", page.title(), page)
}

func (p alarmPage) title() string { return alarmsPage{Exercise: p.Exercise()}.title() }

func (d *desk) alarmLive(w http.ResponseWriter, r *http.Request) error {
	page, err := d.alarmData(r)
	if err != nil {
		return err
	}
	return d.Site.Part(w, r, d.pages, "alarm-one", "live", page)
}

// approveAlarm takes one person's yes over the bytes that the page showed.
func (d *desk) approveAlarm(w http.ResponseWriter, r *http.Request) error {
	read := func(y yes) ([]byte, error) {
		b, err := base64.StdEncoding.DecodeString(y.Payload)
		if err != nil {
			return nil, loa.Errorf(loa.Invalid, "page.form").Because(err)
		}
		return b, nil
	}
	y, err := d.approval(r, read)
	if err != nil {
		return err
	}
	payload, err := read(y)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if _, err := d.Bulletins.ApproveAlarm(r.Context(), web.Actor(r), id, payload, y.Approval); err != nil {
		return err
	}
	return d.done(w, r, "/alarm/"+id)
}

func (d *desk) takeBackAlarm(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := d.Bulletins.TakeBackAlarm(r.Context(), web.Actor(r), id); err != nil {
		return err
	}
	return d.done(w, r, "/alarm/"+id)
}

// draftAlarmStop asks for one person's approval of the stop.
func (d *desk) draftAlarmStop(w http.ResponseWriter, r *http.Request) error {
	payload, err := d.Bulletins.DraftAlarmStop(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	page, err := d.alarmData(r)
	if err != nil {
		return err
	}
	ask, err := d.ask(r, "/alarm/"+page.ID+"/stop", payload)
	if err != nil {
		return err
	}
	page.Stop, page.Bytes = &ask, base64.StdEncoding.EncodeToString(payload)
	return d.Site.Page(w, r, d.pages, "alarm-one", page.title(), page)
}

func (d *desk) stopAlarm(w http.ResponseWriter, r *http.Request) error {
	y, err := d.approval(r, func(y yes) ([]byte, error) { return base64.StdEncoding.DecodeString(y.Payload) })
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if err := d.Bulletins.StopAlarm(r.Context(), web.Actor(r), id, y.Approval); err != nil {
		return err
	}
	return d.done(w, r, "/alarm/"+id)
}

// alarmSound plays the own words of an alarm.
func (d *desk) alarmSound(w http.ResponseWriter, r *http.Request) error {
	a, err := d.Bulletins.Alarm(r.Context(), web.Actor(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	said, err := wire.ReadWarrant(a.Payload)
	if err != nil {
		return err
	}
	if len(said.Media) == 0 {
		return loa.Errorf(loa.NotFound, "phrases.none")
	}
	mp3, err := d.Sound(said.Media[0].Hash)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "audio/mpeg")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", strconv.Quote(said.Media[0].Hash))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(mp3))
	return nil
}
