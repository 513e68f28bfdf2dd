package desk

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"loa"
	"loa/bulletin"
	"loa/calendar"
	"loa/speaker"
	"loa/web"
	"loa/wire"
)

// rulesPage is the station's rules (quy chế) at a place: the hours and volume
// that hold along its path, and the commune's sessions.
type rulesPage struct {
	Places   []named
	Place    named
	Policies []policy
	Sessions []frameOf
	Parts    []string
	Minus    []calendar.Kind      // days a session may leave out
	Plus     []calendar.Kind      // and days it may add
	Current  *bulletin.Regulation // in force today
	Paper    []bulletin.Regulation
	Found    []bulletin.Finding // in which sessions and regulation disagree
	Sources  []bulletin.RelaySource
	Relays   []bulletin.Relay
	Narrow   []speaker.OwnHours
	Library  []bulletin.Bulletin // sounds a standing programme may name
	Kinds    []bulletin.Kind
	Me       string        // person id: a relay is not confirmed by who proposed it
	Commune  bool          // sessions are a commune's
	Mine     bool          // the reader may change them
	Rows     []int         // of hours in the form
	Hearing  []hearingRule // that hold here
	Draft    *policy
	Payload  string // base64 of the drafted policy's bytes
	Ask      *asking
}

// hearingRule is a place where the sound must be heard before approving.
type hearingRule struct {
	bulletin.HearingRule
	Where named
}

// HearsHere reports whether this very place demands hearing.
func (p rulesPage) HearsHere() bool {
	return slices.ContainsFunc(p.Hearing, func(h hearingRule) bool { return h.Path == p.Place.Path })
}

// policy is a policy as people read it.
type policy struct {
	wire.Policy
	Where named
}

// Week says days of the week in the reader's words: "hằng ngày", "thứ Hai đến thứ Bảy".
func (policy) Week(days []int, in web.View) string { return saidDays(days, in) }

// saidDays says days of the week as a sentence does.
func saidDays(days []int, in calendar.Words) string {
	w, _ := calendar.WeekOf(days)
	return calendar.DaySet{Week: w}.Say(in)
}

// rulesLife is how long a policy holds. Without any policy a speaker keeps to
// emergencies, so it is renewed well before.
const rulesLife = 366 * 24 * time.Hour

func (d *desk) rules(w http.ResponseWriter, r *http.Request) error {
	page, err := d.rulesAt(r, place(r))
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "rules", "rules.title", page)
}

func (d *desk) rulesAt(r *http.Request, at loa.Path) (page rulesPage, err error) {
	ctx := r.Context()
	page = rulesPage{Commune: at.Commune() == at, Mine: web.Actor(r).May(loa.RightDispatch, at), Rows: []int{1, 2, 3}}
	if page.Places, err = d.places(r); err != nil {
		return page, err
	}
	names, err := d.named(ctx, at)
	if err != nil {
		return page, err
	}
	page.Place = names[0]
	policies, err := d.Bulletins.Policy(ctx, at)
	if err != nil {
		return page, err
	}
	for _, p := range policies {
		if names, err = d.named(ctx, p.Path); err != nil {
			return page, err
		}
		page.Policies = append(page.Policies, policy{p, names[0]})
	}
	must, err := d.Bulletins.HearingRules(ctx, at)
	if err != nil {
		return page, err
	}
	for _, m := range must {
		if names, err = d.named(ctx, m.Path); err != nil {
			return page, err
		}
		page.Hearing = append(page.Hearing, hearingRule{m, names[0]})
	}
	if page.Commune {
		err = d.stationAt(r, &page, at)
	}
	return page, err
}

// own is the policy of the page's own place, empty if it has none.
func (p rulesPage) own() wire.Policy {
	for _, q := range p.Policies {
		if q.Path == p.Place.Path {
			return q.Policy
		}
	}
	return wire.Policy{}
}

// draftHours writes the policy that the form describes and asks for the
// approval of exactly its bytes, which the page itself carries.
func (d *desk) draftHours(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	page, err := d.rulesAt(r, place(r))
	if err != nil {
		return err
	}
	p := page.own()
	if p.Hours, p.Volume, err = readHours(r); err == nil && page.Commune && r.PostFormValue("number") != "" {
		p.Volumes, err = d.setRegulation(r, page.Place.Path, p.Hours)
	}
	if code := loa.CodeOf(err); err != nil && (code == loa.Invalid || code == loa.Conflict) {
		return d.Site.Refuse(w, r, d.pages, "rules", "rules.title", page, err)
	}
	if err != nil {
		return err
	}
	return d.askPolicy(w, r, page, p)
}

// askPolicy asks for the approval of a policy's exact bytes, which the page
// itself carries.
func (d *desk) askPolicy(w http.ResponseWriter, r *http.Request, page rulesPage, p wire.Policy) (err error) {
	now := d.Site.Clock.Now()
	p.V, p.Kind, p.Path = wire.Version, "policy", page.Place.Path
	p.From, p.Until = now.Add(-time.Minute).UnixMilli(), now.Add(rulesLife).UnixMilli()
	p.Exceptions = slices.DeleteFunc(p.Exceptions, func(e wire.Exception) bool { return e.Until <= now.UnixMilli() })
	p.Mourning = slices.DeleteFunc(p.Mourning, func(m wire.Span) bool { return m.Until <= now.UnixMilli() })
	if p.Version, err = d.Speakers.PolicyVersion(r.Context(), p.Path); err != nil {
		return err
	}
	payload, err := wire.Encode(p)
	if err != nil {
		return err
	}
	if _, err := wire.ReadPolicy(payload); err != nil {
		return d.Site.Refuse(w, r, d.pages, "rules", "rules.title", page, loa.Errorf(loa.Invalid, "rules.hours_bad").Because(err))
	}
	ask, err := d.ask(r, "/rules/hours/approve?path="+string(p.Path), payload)
	if err != nil {
		return err
	}
	page.Ask, page.Draft, page.Payload = &ask, &policy{p, page.Place}, base64.StdEncoding.EncodeToString(payload)
	return d.Site.Page(w, r, d.pages, "rules", "rules.title", page)
}

// approveHours takes the approval of a drafted policy. The bytes come back from
// the page: the signer believes them only if they are what the passkey approved.
func (d *desk) approveHours(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), web.Actor(r)
	payload, y, err := d.approvalOfPage(r)
	if err != nil {
		return err
	}
	if err := d.Speakers.SetPolicy(ctx, who, payload, y.Approval); err != nil {
		return err
	}
	return d.done(w, r, "/rules?path="+r.FormValue("path"))
}

// setSession writes one of the commune's daily sessions.
func (d *desk) setSession(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	at := place(r)
	f := bulletin.Frame{Path: at, Part: r.PostFormValue("part"), Name: d.Site.Catalog.T("vi", "rules."+r.PostFormValue("part")),
		Override: strings.TrimSpace(r.PostFormValue("override"))}
	var err error
	if f.Days, f.From, f.Until, err = readSpan(r, ""); err == nil {
		f.DaySet = daySet(f.Days, r.PostForm["minus"], r.PostForm["plus"])
		err = d.Bulletins.SetFrame(r.Context(), web.Actor(r), f)
	}
	if code := loa.CodeOf(err); err != nil && (code == loa.Invalid || code == loa.Conflict) {
		page, pageErr := d.rulesAt(r, at)
		if pageErr != nil {
			return pageErr
		}
		return d.Site.Refuse(w, r, d.pages, "rules", "rules.title", page, err)
	}
	if err != nil {
		return err
	}
	return d.done(w, r, "/rules?path="+string(at))
}

// readHours reads the rows of the form that are filled, and the volume.
func readHours(r *http.Request) (hours []wire.Hours, volume int, err error) {
	for _, row := range []string{"1", "2", "3"} {
		if r.PostFormValue("from"+row) == "" && r.PostFormValue("until"+row) == "" {
			continue
		}
		days, from, until, err := readSpan(r, row)
		if err != nil {
			return nil, 0, err
		}
		hours = append(hours, wire.Hours{Days: days, From: from, Until: until})
	}
	volume, err = strconv.Atoi(r.PostFormValue("volume"))
	if err != nil || len(hours) == 0 {
		return nil, 0, loa.Errorf(loa.Invalid, "rules.hours_bad").Because(err)
	}
	return hours, volume, nil
}

// readSpan reads days and two times of day, in minutes after midnight. Until
// midnight is written 24:00 or 00:00.
func readSpan(r *http.Request, row string) (days []int, from, until int, err error) {
	for _, s := range r.PostForm["days"+row] {
		day, err := strconv.Atoi(s)
		if err != nil || day < 1 || day > 7 {
			return nil, 0, 0, loa.Errorf(loa.Invalid, "rules.hours_bad")
		}
		days = append(days, day)
	}
	slices.Sort(days)
	from, errFrom := minutes(r.PostFormValue("from" + row))
	until, errUntil := minutes(r.PostFormValue("until" + row))
	if until == 0 {
		until = 24 * 60
	}
	if errFrom != nil || errUntil != nil || len(days) == 0 || from >= until {
		return nil, 0, 0, loa.Errorf(loa.Invalid, "rules.hours_bad")
	}
	return days, from, until, nil
}

func minutes(s string) (int, error) {
	hour, minute, _ := strings.Cut(s, ":")
	h, err := strconv.Atoi(hour)
	if err != nil {
		return 0, fmt.Errorf("read hour: %w", err)
	}
	m, err := strconv.Atoi(minute)
	if err != nil || h < 0 || h > 24 || m < 0 || m > 59 || h*60+m > 24*60 {
		return 0, loa.Errorf(loa.Invalid, "rules.hours_bad").Because(err)
	}
	return h*60 + m, nil
}
