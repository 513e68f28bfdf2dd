package desk

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/bulletin"
	"loa/people"
	"loa/speaker"
	"loa/web"
)

// homePage is Hôm nay: nothing to search for, only what needs this person.
type homePage struct {
	Place    named
	Places   []named
	Ends     []lapse             // within a week, or over
	Alarms   []alarm             // that wait or sound
	Stuck    *stuck              // keys are not renewed
	Waiting  []bulletin.Waiting  // for my approval
	WaitMS   int64               // how long all of these sound
	Remind   []bulletin.Reminder // of sessions that begin without my approval
	News     []people.Told       // what the reader must know about accounts
	Asking   []people.Recovery   // colleagues who cannot sign in
	Stopped  []stopped           // who stopped what, these days
	Returned []bulletin.Bulletin // to me
	Ready    []bulletin.Bulletin // approved, not in any session yet
	Unplaced []bulletin.Unplaced // a wanted session they did not get
	Drafts   []bulletin.Bulletin // mine
	Told     []told              // what became of the last sessions
	Playing  []sounding
	Sums     speaker.Sums
	Away     []speaker.Standing  // mất kết nối: their boxes do not call
	Failed   []bulletin.Playback //  không phát: they were meant, and called, and did not
	Sessions []session
	Province *overview // only above the communes
}

// told is the message of a session as one sentence.
type told struct {
	bulletin.Message
	Place string // the commune, where the page looks at more than one
	Said  string
}

// sounding is a bulletin that speakers say they are playing: beats, no proof yet.
// A bulletin of another place has no title here, and its first speaker is shown.
type sounding struct {
	Bulletin bulletin.Bulletin
	Poles    []speaker.Standing
}

// overview is the lists that somebody above the communes needs before any map.
type overview struct {
	Quiet  []named            // communes where nothing was played today
	Silent []speaker.Standing // poles out of contact for more than three days
	Long   int                // how many those are
}

// What Hôm nay shows of each list; the page of the list itself shows all.
const (
	homeShows   = 10
	silentSince = 3 * 24 * time.Hour
)

// session is a session with the minutes it uses.
type session struct {
	bulletin.Session
	Used    int64 // ms
	Allowed int64
	Percent int64
}

// dayBack is how far Trang làm việc looks back for what did not play.
const dayBack = 24 * time.Hour

func (d *desk) home(w http.ResponseWriter, r *http.Request) error {
	page, err := d.homeData(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "home", "home.title", page)
}

func (d *desk) homeLive(w http.ResponseWriter, r *http.Request) error {
	page, err := d.homeData(r)
	if err != nil {
		return err
	}
	return d.Site.Part(w, r, d.pages, "home", "live", page)
}

func (d *desk) homeData(r *http.Request) (homePage, error) {
	ctx, who, at := r.Context(), web.Actor(r), place(r)
	var page homePage
	names, err := d.named(ctx, at)
	if err != nil {
		return page, err
	}
	page.Place = names[0]
	if page.Places, err = d.places(r); err != nil {
		return page, err
	}
	if page.Alarms, err = d.alarmsNow(r, at); err != nil {
		return page, err
	}
	if at.Commune() == "" { // nobody in a commune can do anything about it
		if page.Stuck, err = d.stuck(r); err != nil {
			return page, err
		}
	}
	if page.Ends, err = d.aloud(r, at); err != nil {
		return page, err
	}
	if page.News, err = d.People.Told(ctx, who.ID); err != nil {
		return page, err
	}
	if page.Asking, err = d.People.Asking(ctx, who); err != nil {
		return page, err
	}
	mine, err := d.Bulletins.List(ctx, who, bulletin.Query{Path: at, States: []bulletin.State{bulletin.Draft}, Author: who.ID, Limit: 200})
	if err != nil {
		return page, err
	}
	for _, b := range mine {
		if b.Note != "" {
			page.Returned = append(page.Returned, b)
		} else {
			page.Drafts = append(page.Drafts, b)
		}
	}
	sealed, err := d.Bulletins.List(ctx, who, bulletin.Query{Path: at, States: []bulletin.State{bulletin.Sealed}, Limit: 200})
	if err != nil {
		return page, err
	}
	for _, b := range sealed {
		if who.May(loa.RightDispatch, b.Path) {
			page.Ready = append(page.Ready, b)
		}
	}
	if err := d.homeApproval(r, at, &page); err != nil {
		return page, err
	}
	if page.Sessions, err = d.sessions(r, at.Commune(), 2); err != nil {
		return page, err
	}
	if page.Sums, err = d.Speakers.Count(ctx, at); err != nil {
		return page, err
	}
	if page.Sums.By[speaker.Away] > 0 {
		if page.Away, err = d.Speakers.Poles(ctx, speaker.PoleQuery{Place: at, State: speaker.Away, Limit: homeShows}); err != nil {
			return page, err
		}
	}
	if page.Sums.By[speaker.Sounding] > 0 {
		if page.Playing, err = d.onAir(r, at); err != nil {
			return page, err
		}
	}
	if page.Failed, err = d.failed(r, at); err != nil {
		return page, err
	}
	if page.Told, err = d.told(r, at); err != nil {
		return page, err
	}
	if c := at.Commune(); c != "" {
		page.Unplaced, err = d.Bulletins.UnplacedAt(ctx, c)
		return page, err
	}
	page.Province, err = d.above(r, at)
	return page, err
}

// above is what a province looks at.
func (d *desk) above(r *http.Request, at loa.Path) (*overview, error) {
	ctx, now := r.Context(), d.Site.Clock.Now()
	y, m, day := now.In(loa.Zone()).Date()
	quiet, err := d.Bulletins.Quiet(ctx, web.Actor(r), at, time.Date(y, m, day, 0, 0, 0, 0, loa.Zone()))
	if err != nil {
		return nil, err
	}
	p := &overview{}
	if p.Quiet, err = d.named(ctx, quiet...); err != nil {
		return nil, err
	}
	p.Silent, p.Long, err = d.Speakers.SilentSince(ctx, at, now.Add(-silentSince), homeShows)
	return p, err
}

// told is the last day's messages, each as one sentence.
func (d *desk) told(r *http.Request, at loa.Path) (all []told, err error) {
	list, err := d.Bulletins.Messages(r.Context(), web.Actor(r), at, d.Site.Clock.Now().Add(-dayBack), homeShows)
	if err != nil {
		return nil, err
	}
	where := d.namer(r.Context())
	locale := d.Site.Locale(r)
	for _, m := range list {
		one := told{Message: m, Said: sentence(m, func(key string, args ...any) string { return d.Site.Catalog.T(locale, key, args...) },
			func(word string) string { return d.Site.Catalog.Word(locale, word) })}
		if at.Commune() == "" {
			if one.Place, err = where(m.Commune); err != nil {
				return nil, err
			}
		}
		all = append(all, one)
	}
	return all, nil
}

// saidPoles is how many silent speakers a sentence names.
const saidPoles = 3

// sentence says what became of a session: "Buổi chiều 17:00: 6 tin, 11/12 cụm đã
// phát; cụm Cổng Chùa mất kết nối từ 16:20".
func sentence(m bulletin.Message, t func(key string, args ...any) string, word func(string) string) string {
	clock := func(ms int64) string { return time.UnixMilli(ms).In(loa.Zone()).Format("15:04") }
	said := t("message.head", m.Name, clock(m.Start), m.Items, m.Played, m.Meant)
	if m.Played == m.Meant {
		said = t("message.all", m.Name, clock(m.Start), m.Items, m.Meant)
	}
	for i, s := range m.Silent {
		switch {
		case i == saidPoles:
			return said + "; " + t("message.more", len(m.Silent)-saidPoles) + "."
		case s.Why == "offline" && s.Since == 0:
			said += "; " + t("message.never", s.Pole)
		case s.Why == "offline" && m.Start-s.Since < dayBack.Milliseconds():
			said += "; " + t("message.offline", s.Pole, clock(s.Since))
		case s.Why == "offline":
			said += "; " + t("message.offline", s.Pole, time.UnixMilli(s.Since).In(loa.Zone()).Format("02/01"))
		case s.Why == "no_receipt":
			said += "; " + t("message.no_receipt", s.Pole)
		default:
			said += "; " + t("message.failed", s.Pole, strings.TrimSuffix(word(s.Why), "."))
		}
	}
	if len(m.Muted) > 0 {
		said += "; " + t("message.muted", len(m.Muted))
	}
	return said + "."
}

// sessions lists the coming sessions of a commune; a province has none.
func (d *desk) sessions(r *http.Request, commune loa.Path, days int) ([]session, error) {
	if commune == "" {
		return nil, nil
	}
	list, err := d.Bulletins.Sessions(r.Context(), commune, days)
	if err != nil {
		return nil, err
	}
	all := make([]session, len(list))
	for i, s := range list {
		all[i] = session{Session: s, Allowed: s.End - s.Start}
		for _, it := range s.Items {
			all[i].Used += it.MS
		}
		all[i].Percent = min(100, all[i].Used*100/all[i].Allowed)
	}
	return all, nil
}

// onAir is what speakers of a place say they are playing.
func (d *desk) onAir(r *http.Request, at loa.Path) (playing []sounding, err error) {
	poles, err := d.Speakers.Poles(r.Context(), speaker.PoleQuery{Place: at, State: speaker.Sounding, Limit: 500})
	if err != nil || len(poles) == 0 {
		return nil, err
	}
	live, err := d.Bulletins.List(r.Context(), web.Actor(r), bulletin.Query{Path: at, States: []bulletin.State{bulletin.Dispatched}, Limit: 500})
	if err != nil {
		return nil, err
	}
	byWarrant := map[string]bulletin.Bulletin{}
	for _, b := range live {
		byWarrant[b.Warrant] = b
	}
	for _, p := range poles {
		known := byWarrant[p.Health.Warrant]
		i := slices.IndexFunc(playing, func(s sounding) bool { return s.Bulletin.ID == known.ID })
		if i < 0 {
			i, playing = len(playing), append(playing, sounding{Bulletin: known})
		}
		playing[i].Poles = append(playing[i].Poles, p)
	}
	return playing, nil
}

// failed lists what was meant in the last day and did not play as planned.
func (d *desk) failed(r *http.Request, at loa.Path) ([]bulletin.Playback, error) {
	return d.Bulletins.Log(r.Context(), web.Actor(r), bulletin.LogQuery{Place: at, From: d.Site.Clock.Now().Add(-dayBack), Failed: true, Limit: homeShows})
}
