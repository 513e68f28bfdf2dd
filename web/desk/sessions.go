package desk

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"loa"
	"loa/bulletin"
	"loa/calendar"
	"loa/web"
)

// sessionsPage is Buổi phát: what a station will say on one day, second by
// second, and what a person still has to decide.
type sessionsPage struct {
	Places   []named
	Place    named
	Commune  bool
	Mine     bool // the reader may change the order
	Day      string
	Days     []dayLink
	Sessions []onDay
	Now      []bulletin.Item
	Missed   []bulletin.Unplaced
	Hints    map[string][]bulletin.Hint // by slot; under "" those of no item on the page
}

// dayLink is one day of the week strip.
type dayLink struct {
	Day   string
	Start int64 // UTC ms, midnight
	Here  bool
}

// onDay is one session with its running order.
type onDay struct {
	bulletin.Session
	Order   bulletin.Running
	Mends   []bulletin.Mend
	Used    int64 // ms
	Allowed int64
	Percent int64
	Hamlets []used
	Over    bool // it has ended
	Music   bool // its programme has music, which may be left out
}

// used is how long one hamlet hears something in a session.
type used struct {
	Name string
	MS   int64
}

func (d *desk) sessionsPage(w http.ResponseWriter, r *http.Request) error {
	ctx, at, now := r.Context(), place(r), d.Site.Clock.Now().In(loa.Zone())
	page := sessionsPage{Commune: at.Commune() != "", Mine: web.Actor(r).May(loa.RightDispatch, at.Commune()), Day: r.FormValue("day")}
	var err error
	if page.Places, err = d.places(r); err != nil {
		return err
	}
	names, err := d.named(ctx, at)
	if err != nil {
		return err
	}
	page.Place = names[0]
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, loa.Zone())
	if page.Day == "" {
		page.Day = today.Format(time.DateOnly)
	}
	for n := range 7 {
		day := today.AddDate(0, 0, n)
		page.Days = append(page.Days, dayLink{day.Format(time.DateOnly), day.UnixMilli(), day.Format(time.DateOnly) == page.Day})
	}
	if page.Commune {
		if err := d.fillSessions(r, &page, at.Commune(), now.UnixMilli()); err != nil {
			return err
		}
		if err := d.hintSessions(r, &page, at); err != nil {
			return err
		}
	}
	return d.Site.Page(w, r, d.pages, "sessions", "sessions.title", page)
}

func (d *desk) fillSessions(r *http.Request, page *sessionsPage, commune loa.Path, now int64) error {
	ctx := r.Context()
	p, err := d.Bulletins.Programme(ctx, commune, page.Day)
	if err != nil {
		return err
	}
	page.Now = p.Now
	if page.Missed, err = d.Bulletins.UnplacedAt(ctx, commune); err != nil {
		return err
	}
	hamlets, err := d.Units.Children(ctx, commune)
	if err != nil {
		return err
	}
	for i, s := range p.Sessions {
		one := onDay{Session: s, Order: p.Orders[i], Mends: s.Mends(now), Allowed: s.End - s.Start, Over: s.End <= now}
		one.Music = slices.ContainsFunc(s.Standing, func(it bulletin.Item) bool { return it.Kind == bulletin.KindMusic })
		for _, h := range hamlets {
			one.Hamlets = append(one.Hamlets, used{h.FullName(), one.Order.Used(h.Path)})
		}
		for _, it := range one.Order.Items {
			if it.Kind != bulletin.KindSilence {
				one.Used += it.MS
			}
		}
		one.Percent = min(100, one.Used*100/max(1, one.Allowed))
		page.Sessions = append(page.Sessions, one)
	}
	return nil
}

// hintSessions explains what will be heard badly on a day that is not over, where
// the reader may look: beside the item it concerns, otherwise on top.
func (d *desk) hintSessions(r *http.Request, page *sessionsPage, at loa.Path) error {
	ctx, who := r.Context(), web.Actor(r)
	on, err := calendar.ParseDate(page.Day)
	if err != nil || on < calendar.Of(d.Site.Clock.Now()) {
		return err
	}
	poles, err := d.Bulletins.Foresee(ctx, who, at, on.Midnight(), (on + 1).Midnight())
	if err != nil {
		return err
	}
	hints, err := d.conflicts(ctx, poles, at.Commune(), on)
	if err != nil {
		return err
	}
	before, err := d.Bulletins.List(ctx, who, bulletin.Query{Path: at, Limit: 200})
	if err != nil {
		return err
	}
	shown := map[string]bool{}
	for _, s := range page.Sessions {
		for _, it := range s.Order.Items {
			shown[it.Slot] = true
			i := slices.IndexFunc(before, func(b bulletin.Bulletin) bool { return b.ID == it.Bulletin })
			if i < 0 {
				continue
			}
			for _, h := range before[i].Repeats(before, repeatDays) {
				h.Slot = it.Slot
				hints = append(hints, h)
			}
		}
	}
	page.Hints = map[string][]bulletin.Hint{}
	for _, h := range hints {
		slot := h.Slot
		if !shown[slot] {
			slot = ""
		}
		page.Hints[slot] = append(page.Hints[slot], h)
	}
	return nil
}

// decideSession is a button of the page: the form says which.
func (d *desk) decideSession(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	ctx, who, at := r.Context(), web.Actor(r), loa.Path(r.FormValue("path")).Commune()
	key, slot := r.PostFormValue("session"), r.PostFormValue("slot")
	f := d.Bulletins
	var err error
	switch do := r.PathValue("do"); do {
	case "up", "down":
		err = f.Move(ctx, who, at, key, slot, do == "up")
	case "first":
		err = f.First(ctx, who, at, key, slot)
	case "item":
		readings, bad := strconv.Atoi(r.PostFormValue("readings"))
		if bad != nil {
			return loa.Errorf(loa.Invalid, "page.form").Because(bad)
		}
		err = f.Set(ctx, who, at, key, slot, readings-1, r.PostFormValue("chime") != "")
	case "music":
		err = f.Music(ctx, who, at, key, r.PostFormValue("without") != "")
	case "mend":
		err = f.Mend(ctx, who, at, key, bulletin.Mend(r.PostFormValue("how")))
	case "missed":
		err = f.PutAway(ctx, who, r.PostFormValue("bulletin"), at, key)
	default:
		err = loa.Errorf(loa.NotFound, "page.unknown")
	}
	if err != nil {
		return err
	}
	day, _, _ := strings.Cut(key, "/")
	return d.done(w, r, "/sessions?path="+string(at)+"&day="+url.QueryEscape(day))
}
