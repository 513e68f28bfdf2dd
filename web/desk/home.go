package desk

import (
	"net/http"
	"slices"
	"time"

	"loa"
	"loa/bulletin"
	"loa/speaker"
	"loa/web"
	"loa/wire"
)

// homePage is Trang làm việc: nothing to search for, only what needs this person.
type homePage struct {
	Place    named
	Places   []named
	Waiting  []bulletin.Waiting  // for my approval
	WaitMS   int64               // how long all of these sound
	Remind   []bulletin.Reminder // of sessions that begin without my approval
	Stopped  []stopped           // who stopped what, these days
	Returned []bulletin.Bulletin // to me
	Ready    []bulletin.Bulletin // approved, not in any session yet
	Drafts   []bulletin.Bulletin // mine
	Playing  []sounding
	Trouble  []trouble
	Sessions []session
}

// sounding is a bulletin that speakers say they are playing: beats, no proof yet.
// A bulletin of another place has no title here, and its first speaker is shown.
type sounding struct {
	Bulletin bulletin.Bulletin
	Boxes    []speaker.Box
}

// trouble is a speaker that is out of contact or did not play something.
type trouble struct {
	Box     string
	Pole    string
	Offline bool
	Seen    int64             // last contact, when offline
	Played  bulletin.Playback // otherwise
}

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
	open, err := d.Bulletins.List(ctx, who, bulletin.Query{Path: at, Limit: 200,
		States: []bulletin.State{bulletin.Draft, bulletin.Submitted, bulletin.Approved, bulletin.Sealed}})
	if err != nil {
		return page, err
	}
	for _, b := range open {
		mine := b.Author == who.ID
		switch {
		case b.State == bulletin.Draft && mine && b.Note != "":
			page.Returned = append(page.Returned, b)
		case b.State == bulletin.Draft && mine:
			page.Drafts = append(page.Drafts, b)
		case b.State == bulletin.Sealed && who.May(loa.RightDispatch, b.Path):
			page.Ready = append(page.Ready, b)
		}
	}
	if err := d.homeApproval(r, at, &page); err != nil {
		return page, err
	}
	if page.Sessions, err = d.sessions(r, at.Commune(), 2); err != nil {
		return page, err
	}
	page.Playing, page.Trouble, err = d.onAir(r, at)
	return page, err
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

// onAir is what the speakers of a place are doing, and what went wrong.
func (d *desk) onAir(r *http.Request, at loa.Path) (playing []sounding, wrong []trouble, err error) {
	ctx, who := r.Context(), web.Actor(r)
	boxes, err := d.Speakers.Boxes(ctx, at)
	if err != nil {
		return nil, nil, err
	}
	live, err := d.Bulletins.List(ctx, who, bulletin.Query{Path: at, States: []bulletin.State{bulletin.Dispatched}, Limit: 500})
	if err != nil {
		return nil, nil, err
	}
	byWarrant := map[string]bulletin.Bulletin{}
	for _, b := range live {
		byWarrant[b.Warrant] = b
	}
	now := d.Site.Clock.Now()
	poles := map[string]string{}
	for _, b := range boxes {
		poles[b.ID] = b.Pole.Name
		switch {
		case b.State != speaker.Placed:
		case !b.Health.InContact(now.UnixMilli()):
			wrong = append(wrong, trouble{Box: b.ID, Pole: b.Pole.Name, Offline: true, Seen: b.Health.At})
		case b.Health.State == "sounding":
			known := byWarrant[b.Health.Warrant]
			i := slices.IndexFunc(playing, func(s sounding) bool { return s.Bulletin.ID == known.ID })
			if i < 0 {
				i, playing = len(playing), append(playing, sounding{Bulletin: known})
			}
			playing[i].Boxes = append(playing[i].Boxes, b)
		}
	}
	rows, err := d.Bulletins.Log(ctx, who, bulletin.LogQuery{Place: at, From: now.Add(-dayBack)})
	if err != nil {
		return nil, nil, err
	}
	for _, p := range rows {
		if p.Result != wire.Played {
			wrong = append(wrong, trouble{Box: p.Box, Pole: poles[p.Box], Played: p})
		}
	}
	return playing, wrong, nil
}
