package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"loa"
	"loa/journal"
	"loa/speaker"
	"loa/web"
)

// The days at which what ends is said: 90, 30, and loud at 7.
const (
	soonDays  = 90
	nearDays  = 30
	aloudDays = 7
)

// expiryPage is what ends within 90 days.
type expiryPage struct {
	Place  named
	Places []named
	Rows   []lapse
	Later  int // that end later
	Stuck  *stuck
}

// stuck is that keys are not renewed, since when and why.
type stuck struct {
	Since int64  // UTC ms
	Why   string // key of the reason
}

// stuck is nil where keys are renewed as they should.
func (d *desk) stuck(r *http.Request) (*stuck, error) {
	rows, err := d.Journal(r.Context(), journal.Filter{Subject: speaker.RenewalSubject, Limit: 1})
	if err != nil || len(rows) == 0 || rows[0].Verb != speaker.RenewalFailed {
		return nil, err
	}
	var data struct {
		Why string `json:"why"`
	}
	if err := json.Unmarshal(rows[0].Data, &data); err != nil {
		return nil, fmt.Errorf("read renewal: %w", err)
	}
	return &stuck{rows[0].At.UnixMilli(), data.Why}, nil
}

// lapse is something that ends.
type lapse struct {
	Kind  string // key below "lapse."
	Name  string // of a place, a person, a pole
	Until int64
	Days  int    // left, negative when it is over
	Link  string // where it is renewed, "" where a page cannot
}

// Level is how loud it is said: over, aloud, near, soon.
func (l lapse) Level() string {
	switch {
	case l.Days < 0:
		return "over"
	case l.Days <= aloudDays:
		return "aloud"
	case l.Days <= nearDays:
		return "near"
	}
	return "soon"
}

// lapses remembers the sealed documents' ends: reading them takes a while on a
// province, and they change a few times a year.
type lapses struct {
	mu  sync.Mutex
	at  time.Time
	all []speaker.Lapse
}

const lapsesFresh = 10 * time.Minute

func (d *desk) sealedLapses(ctx context.Context) ([]speaker.Lapse, error) {
	l := d.lapses
	l.mu.Lock()
	defer l.mu.Unlock()
	now := d.Site.Clock.Now()
	if l.all != nil && now.Sub(l.at) < lapsesFresh && !now.Before(l.at) {
		return l.all, nil
	}
	all, err := d.Speakers.Lapses(ctx)
	if err != nil {
		return nil, err
	}
	l.all, l.at = all, now
	return all, nil
}

func (d *desk) expiry(w http.ResponseWriter, r *http.Request) error {
	at := place(r)
	names, err := d.named(r.Context(), at)
	if err != nil {
		return err
	}
	page := expiryPage{Place: names[0]}
	if page.Places, err = d.places(r); err != nil {
		return err
	}
	if page.Stuck, err = d.stuck(r); err != nil {
		return err
	}
	all, err := d.expiring(r, at)
	if err != nil {
		return err
	}
	for _, l := range all {
		if l.Days > soonDays {
			page.Later++
		} else {
			page.Rows = append(page.Rows, l)
		}
	}
	return d.Site.Page(w, r, d.pages, "expiry", "expiry.title", page)
}

// aloud is what ends within a week, or is over, where nothing renews it by itself:
// what Hôm nay says before anything else.
func (d *desk) aloud(r *http.Request, at loa.Path) ([]lapse, error) {
	all, err := d.expiring(r, at)
	return slices.DeleteFunc(all, func(l lapse) bool { return l.Days > aloudDays }), err
}

// expiring lists what of a place ends, the earliest first.
func (d *desk) expiring(r *http.Request, at loa.Path) (all []lapse, err error) {
	ctx, now := r.Context(), d.Site.Clock.Now()
	add := func(kind, name string, until int64, link string) {
		left := time.UnixMilli(until).Sub(now)
		days := int(left / (24 * time.Hour))
		if left < 0 {
			days = -1 - int(-left/(24*time.Hour))
		}
		all = append(all, lapse{Kind: kind, Name: name, Until: until, Days: days, Link: link})
	}
	where := d.namer(ctx)
	sealed, err := d.sealedLapses(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range sealed {
		if !at.Covers(l.Path) && (l.Kind != "delegation" || !l.Path.Covers(at)) {
			continue
		}
		name, err := where(l.Path)
		if err != nil {
			return nil, err
		}
		kind, link := l.Kind, "/rules?path="+string(l.Path)
		switch l.Kind {
		case "delegation":
			kind, link = "key_"+l.Role, ""
		case "phrases":
			link = "/phrases?path=" + string(l.Path)
		}
		add(kind, name, l.Until, link)
	}
	if c := d.Certificate; c != nil {
		if until := c(); !until.IsZero() {
			add("certificate", d.origin(r), until.UnixMilli(), "")
		}
	}
	grants, err := d.Bulletins.ListGrants(ctx, web.Actor(r), at)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		if g.GivenAt != 0 && g.EndedAt == 0 && g.Until > now.Add(-30*24*time.Hour).UnixMilli() {
			add("grant", g.DelegateName+" · "+g.Decision, g.Until, "/grants")
		}
	}
	sims, err := d.Speakers.SIMsUntil(ctx, at, speaker.DayOf(now.AddDate(0, 0, soonDays)), 500)
	if err != nil {
		return nil, err
	}
	for _, p := range sims {
		t, err := time.ParseInLocation(time.DateOnly, p.SIMUntil, loa.Zone())
		if err != nil {
			return nil, err
		}
		add("sim", p.Name+" · "+p.Code, t.AddDate(0, 0, 1).UnixMilli(), "/poles/"+p.Code+"/edit")
	}
	slices.SortStableFunc(all, func(a, b lapse) int { return int(min(max(a.Until-b.Until, -1), 1)) })
	return all, nil
}
