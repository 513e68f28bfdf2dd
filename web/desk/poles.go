package desk

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"loa"
	"loa/bulletin"
	"loa/journal"
	"loa/speaker"
	"loa/unit"
	"loa/upkeep"
	"loa/web"
	"loa/wire"
)

// polePage is one cụm loa: what it is, how it is, what it will say and has said.
type polePage struct {
	standing
	Former string
	Boxes  []speaker.Box // the newest first
	Loud   loudness
	Mutes  []speaker.Mute // the last month's, the newest first
	Coming []bulletin.Item
	Log    []line
	Book   []journal.Row
	Turned []turned // how its volume was changed
	Curve  curve
	Months []availableMonth
	Faults []faultRow // its repair book
	Soft   bool
	Until  string // what the form of a mute offers, "2026-11-23T14:00"
}

// loudness is a pole's volumes as the page asks for them.
type loudness struct{ Morning, Evening, Emergency int }

// turned is one change of the volume.
type turned struct {
	At   int64
	By   string
	Was  loudness
	Loud loudness
}

// noon parts the morning from the rest of the day: sessions begin before or
// after it.
const noon = 12 * 60

func loudOf(p speaker.Pole) loudness {
	l := loudness{p.Cap, p.Cap, p.Cap}
	for _, v := range p.Volumes {
		switch {
		case v.Until <= noon:
			l.Morning = v.Percent
		case v.From >= noon:
			l.Evening = v.Percent
		}
	}
	return l
}

// volumes is the reverse. A part of the day that is as loud as an emergency
// needs no line of its own.
func (l loudness) volumes() (all []wire.Volume) {
	if l.Morning < l.Emergency {
		all = append(all, wire.Volume{From: 0, Until: noon, Percent: l.Morning})
	}
	if l.Evening < l.Emergency {
		all = append(all, wire.Volume{From: noon, Until: 24 * 60, Percent: l.Evening})
	}
	return all
}

// levels is how many steps (mức) the knobs have that people know.
const levels = 15

// Level is a volume in percent as a mức.
func (polePage) Level(percent int) int {
	return max(1, int(math.Round(float64(percent)*levels/100)))
}

// knob is one volume of the form.
type knob struct {
	Name    string
	Percent int
}

// Knobs are the volumes in the order of the form.
func (p polePage) Knobs() []knob {
	return []knob{{"morning", p.Loud.Morning}, {"evening", p.Loud.Evening}, {"emergency", p.Loud.Emergency}}
}

// Steps are the mức with their percent, the loudest first. The one that is set
// keeps its own percent, so that a form sent back unchanged changes nothing.
func (p polePage) Steps(set int) (all [][2]int) {
	for n := levels; n > 0; n-- {
		percent := int(math.Round(float64(n) * 100 / levels))
		if n == p.Level(set) {
			percent = set
		}
		all = append(all, [2]int{n, percent})
	}
	return all
}

func (d *desk) pole(w http.ResponseWriter, r *http.Request) error {
	page, err := d.poleData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "pole", "pole.title", page)
}

// poleLive is how the pole is now: a box just confirmed may sound once it has
// called.
func (d *desk) poleLive(w http.ResponseWriter, r *http.Request) error {
	s, err := d.poleStands(r)
	if err != nil {
		return err
	}
	return d.Site.Part(w, r, d.pages, "pole", "live", polePage{standing: standing{s, "", s.State(d.Site.Clock.Now().UnixMilli())}})
}

// poleStands is the pole an address names, for somebody who may read there.
func (d *desk) poleStands(r *http.Request) (speaker.Standing, error) {
	s, err := d.Speakers.Standing(r.Context(), r.PathValue("code"))
	if err != nil {
		return s, err
	}
	return s, web.Actor(r).Must(loa.RightRead, s.Path)
}

func (d *desk) poleData(r *http.Request) (page polePage, err error) {
	ctx, who, now := r.Context(), web.Actor(r), d.Site.Clock.Now()
	s, err := d.poleStands(r)
	if err != nil {
		return page, err
	}
	names, err := d.named(ctx, append([]loa.Path{s.Path}, s.Zones...)...)
	if err != nil {
		return page, err
	}
	page = polePage{standing: standing{s, names[0].Name, s.State(now.UnixMilli())}, Loud: loudOf(s.Pole)}
	for _, n := range names[1:] {
		page.Former = n.Name
	}
	if page.Boxes, err = d.Speakers.BoxesOf(ctx, s.ID); err != nil {
		return page, err
	}
	mutes, err := d.Speakers.Mutes(ctx, s.Path, now.AddDate(0, 0, -curveDays), now.AddDate(0, 2, 0))
	if err != nil {
		return page, err
	}
	mutes = slices.DeleteFunc(mutes, func(m speaker.Mute) bool { return m.Pole.ID != s.ID })
	for _, m := range slices.Backward(mutes) {
		if m.Until > now.AddDate(0, -1, 0).UnixMilli() {
			page.Mutes = append(page.Mutes, m)
		}
	}
	if page.Coming, err = d.Bulletins.Coming(ctx, s.Pole, 5); err != nil {
		return page, err
	}
	rows, err := d.Bulletins.Log(ctx, who, bulletin.LogQuery{Place: s.Path, Pole: s.ID, Limit: 10})
	if err != nil {
		return page, err
	}
	page.Log = lines(rows, page.Boxes)
	if page.Book, err = d.Journal(ctx, journal.Filter{Path: s.Path, Subject: s.ID, Limit: 30}); err != nil {
		return page, err
	}
	page.Turned = turns(page.Book)
	broken, err := d.Upkeep.Faults(ctx, who, upkeep.Query{Place: s.Path, Pole: s.ID, Limit: 50})
	if err != nil {
		return page, err
	}
	if page.Faults, err = d.faultRows(r, broken); err != nil {
		return page, err
	}
	if page.Curve, page.Months, err = d.curveOf(r, s.Pole, page.Turned, mutes, broken); err != nil {
		return page, err
	}
	page.Until = now.In(loa.Zone()).Add(2 * time.Hour).Truncate(time.Hour).Format(atMinute)
	return page, nil
}

// turns finds in the book when the volume of a pole was changed.
func turns(book []journal.Row) (all []turned) {
	for _, row := range book {
		var said struct{ Before, After speaker.Pole }
		if row.Verb != "speaker.pole_edited" || json.Unmarshal(row.Data, &said) != nil { // an older form says nothing here
			continue
		}
		if was, now := loudOf(said.Before), loudOf(said.After); now != was {
			all = append(all, turned{row.At.UnixMilli(), row.ActorName, was, now})
		}
	}
	return all
}

// atMinute is how browsers send a day and a minute.
const atMinute = "2006-01-02T15:04"

// mute silences a pole until a moment.
func (d *desk) mute(w http.ResponseWriter, r *http.Request) error {
	return d.atPole(w, r, func() error {
		until, err := time.ParseInLocation(atMinute, r.PostFormValue("until"), loa.Zone())
		if err != nil {
			return loa.Errorf(loa.Invalid, "page.form")
		}
		_, err = d.Bulletins.Mute(r.Context(), web.Actor(r), r.PathValue("code"), until, r.PostFormValue("reason"))
		return err
	})
}

func (d *desk) unmute(w http.ResponseWriter, r *http.Request) error {
	return d.atPole(w, r, func() error { return d.Bulletins.Unmute(r.Context(), web.Actor(r), r.PathValue("code")) })
}

// testSound plays the station's test sound at one pole.
func (d *desk) testSound(w http.ResponseWriter, r *http.Request) error {
	return d.atPole(w, r, func() error {
		_, err := d.Bulletins.TestSound(r.Context(), web.Actor(r), r.PathValue("code"))
		return err
	})
}

// atPole does something to a pole and comes back to its page, with the sentence
// of what could not be done.
func (d *desk) atPole(w http.ResponseWriter, r *http.Request, do func() error) error {
	if err := web.Form(r); err != nil {
		return err
	}
	err := do()
	if code := loa.CodeOf(err); err != nil && (code == loa.Invalid || code == loa.Conflict) {
		page, again := d.poleData(r)
		if again != nil {
			return again
		}
		return d.Site.Refuse(w, r, d.pages, "pole", "pole.title", page, err)
	}
	if err != nil {
		return err
	}
	return d.done(w, r, "/poles/"+r.PathValue("code"))
}

// volume turns a pole down or up, and asks at once for the approval of what will
// be sealed for its box.
func (d *desk) volume(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	s, err := d.Speakers.Standing(r.Context(), r.PathValue("code"))
	if err != nil {
		return err
	}
	p := s.Pole
	if err := readLoudness(r, &p); err != nil {
		return d.atPole(w, r, func() error { return err })
	}
	if _, err := d.Speakers.EditPole(r.Context(), web.Actor(r), p); err != nil {
		return d.atPole(w, r, func() error { return err })
	}
	if s.Box == "" {
		return d.done(w, r, "/poles/"+p.Code)
	}
	r.SetPathValue("id", s.Box)
	return d.confirmAgain(w, r)
}

func readLoudness(r *http.Request, p *speaker.Pole) error {
	var l loudness
	for name, to := range map[string]*int{"morning": &l.Morning, "evening": &l.Evening, "emergency": &l.Emergency} {
		n, err := strconv.Atoi(r.PostFormValue(name))
		if err != nil || n < 1 || n > 100 {
			return loa.Errorf(loa.Invalid, "pole.cap", n)
		}
		*to = n
	}
	if l.Morning > l.Emergency || l.Evening > l.Emergency {
		return loa.Errorf(loa.Invalid, "pole.emergency_lower")
	}
	p.Cap, p.Volumes = l.Emergency, l.volumes()
	return nil
}

// editPage is the form of what is known of a pole.
type editPage struct {
	Pole         speaker.Pole
	Lat, Lon     string
	Former       loa.Path
	Places       []named // its commune and the hamlets there
	Formers      []named
	Technologies []string
	Powers       []string
	Sensitives   []string
}

func (d *desk) editPole(w http.ResponseWriter, r *http.Request) error {
	p, err := d.Speakers.FindPole(r.Context(), r.PathValue("code"))
	if err != nil {
		return err
	}
	page, err := d.editData(r, p)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "pole-edit", "pole.edit", page)
}

func (d *desk) editData(r *http.Request, p speaker.Pole) (page editPage, err error) {
	if err := web.Actor(r).Must(loa.RightRead, p.Path); err != nil {
		return page, err
	}
	page = editPage{Pole: p, Technologies: speaker.Technologies(), Powers: speaker.Powers(), Sensitives: speaker.Sensitives()}
	if p.At != nil {
		page.Lat, page.Lon = degrees(p.At.Lat), degrees(p.At.Lon)
	}
	if len(p.Zones) > 0 {
		page.Former = p.Zones[0]
	}
	if page.Places, err = d.named(r.Context(), p.Path.Commune()); err != nil {
		return page, err
	}
	below, err := d.Units.Children(r.Context(), p.Path.Commune())
	if err != nil {
		return page, err
	}
	for _, u := range below {
		switch u.Level {
		case unit.Hamlet:
			page.Places = append(page.Places, named{u.Path, u.FullName()})
		case unit.Former:
			page.Formers = append(page.Formers, named{u.Path, u.FullName()})
		}
	}
	return page, nil
}

// degrees is a coordinate as a form has it.
func degrees(micro int64) string { return strconv.FormatFloat(float64(micro)/1e6, 'f', -1, 64) }

// point reads a pair of coordinates, nil where both are left empty.
func point(r *http.Request) (*wire.Point, error) {
	lat, lon := strings.TrimSpace(r.PostFormValue("lat")), strings.TrimSpace(r.PostFormValue("lon"))
	if lat == "" && lon == "" {
		return nil, nil
	}
	if lat == "" || lon == "" {
		return nil, loa.Errorf(loa.Invalid, "pole.half_at")
	}
	var at wire.Point
	for s, to := range map[string]*int64{lat: &at.Lat, lon: &at.Lon} {
		f, err := strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64)
		if err != nil || math.Abs(f) > 180 {
			return nil, loa.Errorf(loa.Invalid, "pole.at")
		}
		*to = int64(math.Round(f * 1e6))
	}
	return &at, nil
}

func (d *desk) savePole(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	was, err := d.Speakers.FindPole(r.Context(), r.PathValue("code"))
	if err != nil {
		return err
	}
	p := was
	if err = read(r, &p); err == nil {
		_, err = d.Speakers.EditPole(r.Context(), web.Actor(r), p)
	}
	if code := loa.CodeOf(err); err != nil && (code == loa.Invalid || code == loa.Conflict) {
		page, again := d.editData(r, p)
		if again != nil {
			return again
		}
		return d.Site.Refuse(w, r, d.pages, "pole-edit", "pole.edit", page, err)
	}
	if err != nil {
		return err
	}
	return d.done(w, r, "/poles/"+was.Code)
}

// read takes what the form of a pole says.
func read(r *http.Request, p *speaker.Pole) (err error) {
	v := r.PostFormValue
	p.Name, p.Path = v("name"), loa.Path(v("place"))
	p.Zones = slices.DeleteFunc(slices.Clone(p.Zones), func(z loa.Path) bool { return strings.Contains(string(z), "/h/") })
	if f := v("former"); f != "" {
		p.Zones = append(p.Zones, loa.Path(f))
	}
	p.Facts = speaker.Facts{Technology: v("technology"), Vendor: v("vendor"), Model: v("model"), Serial: v("serial"), ICCID: v("iccid"),
		Carrier: v("carrier"), Power: v("power"), Owner: v("owner"), Installed: v("installed"), Sensitive: v("sensitive"), Note: v("note"), SIMUntil: v("sim_until")}
	for name, to := range map[string]*int{"horns": &p.Horns, "watts": &p.Watts} {
		if s := v(name); s != "" {
			if *to, err = strconv.Atoi(s); err != nil {
				return loa.Errorf(loa.Invalid, "pole.horns")
			}
		}
	}
	p.At, err = point(r)
	return err
}

// confirmAgain asks the officer to approve what the register now says of a box
// that is at work.
func (d *desk) confirmAgain(w http.ResponseWriter, r *http.Request) error {
	page, err := d.find(r)
	if err != nil {
		return err
	}
	if page.State != speaker.Placed {
		return loa.Errorf(loa.Conflict, "box.revoked")
	}
	payload, err := d.Speakers.DraftPlacement(r.Context(), web.Actor(r), page.ID, false)
	if err != nil {
		return err
	}
	return d.askPlacement(w, r, page, payload, asking{})
}

// allowMic lets a box have a microphone of its own, or not, and asks for the approval
// of the placement that says so.
func (d *desk) allowMic(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	if err := d.Speakers.AllowMic(r.Context(), web.Actor(r), r.PathValue("id"), r.PostFormValue("mic") != ""); err != nil {
		return err
	}
	return d.confirmAgain(w, r)
}
