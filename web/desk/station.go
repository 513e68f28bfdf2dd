package desk

import (
	"net/http"
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

// frameOf is a standing session with its programme and its relays.
type frameOf struct {
	bulletin.Frame
	Said     string // its days in words
	Standing []bulletin.Standing
	Rows     []int // of the programme in the form
}

// programmeRows is how many lines the form of a standing programme has.
const programmeRows = 8

// At is one line of the programme for the form, empty beyond its end.
func (f frameOf) At(row int) bulletin.Standing {
	if row <= len(f.Standing) {
		return f.Standing[row-1]
	}
	return bulletin.Standing{}
}

// stationAt fills in what a commune's station has beside its hours.
func (d *desk) stationAt(r *http.Request, page *rulesPage, at loa.Path) error {
	ctx := r.Context()
	page.Minus = []calendar.Kind{calendar.Holidays, calendar.TetDays}
	page.Plus = []calendar.Kind{calendar.First, calendar.Full, calendar.Fairs}
	page.Parts, page.Kinds, page.Me = bulletin.Parts(), bulletin.Kinds(), web.Actor(r).ID
	frames, err := d.Bulletins.Frames(ctx, at)
	if err != nil {
		return err
	}
	in := d.printer(r)
	for _, fr := range frames {
		one := frameOf{Frame: fr}
		for row := range programmeRows {
			one.Rows = append(one.Rows, row+1)
		}
		if one.Said = saidDays(fr.Days, in); fr.DaySet != "" {
			set, err := calendar.ParseDaySet(fr.DaySet)
			if err != nil {
				return err
			}
			one.Said = set.Say(in)
		}
		if one.Standing, err = d.Bulletins.StandingOf(ctx, at, fr.Part); err != nil {
			return err
		}
		page.Sessions = append(page.Sessions, one)
	}
	if page.Paper, err = d.Bulletins.Regulations(ctx, at); err != nil {
		return err
	}
	current, ok, err := d.Bulletins.Regulation(ctx, at, d.Site.Clock.Now())
	if err != nil {
		return err
	}
	if ok {
		var above []wire.Policy
		for _, p := range page.Policies {
			if p.Path != at {
				above = append(above, p.Policy)
			}
		}
		page.Current, page.Found = &current, current.Lint(frames, above)
	}
	if page.Sources, page.Relays, err = d.Bulletins.Relays(ctx, at); err != nil {
		return err
	}
	if page.Library, err = d.Bulletins.Sounds(ctx, at); err != nil {
		return err
	}
	page.Narrow, err = d.Speakers.OwnHoursAt(ctx, at)
	return err
}

// setRegulation writes the paper behind the hours of the same form, and gives
// the night's volume for the policy.
func (d *desk) setRegulation(r *http.Request, at loa.Path, hours []wire.Hours) (night []wire.Volume, err error) {
	g := bulletin.Regulation{Path: at, Number: r.PostFormValue("number"), Basis: r.PostFormValue("basis"), Hours: hours,
		Override: r.PostFormValue("override")}
	number := func(name string, into *int) {
		n, bad := strconv.Atoi(r.PostFormValue(name))
		if bad != nil && err == nil {
			err = loa.Errorf(loa.Invalid, "regulation.malformed").Because(bad)
		}
		*into = n
	}
	number("minutes", &g.Minutes)
	number("sessions", &g.Sessions)
	if r.PostFormValue("night_from") != "" {
		var bad error
		if g.NightFrom, bad = minutes(r.PostFormValue("night_from")); bad != nil {
			return nil, loa.Errorf(loa.Invalid, "rules.hours_bad").Because(bad)
		}
		g.NightUntil = 24 * 60
		number("night_volume", &g.NightVolume)
		night = []wire.Volume{{From: g.NightFrom, Until: g.NightUntil, Percent: g.NightVolume}}
	}
	if err != nil {
		return nil, err
	}
	from, bad := time.ParseInLocation(time.DateOnly, r.PostFormValue("effective"), loa.Zone())
	if bad != nil {
		return nil, loa.Errorf(loa.Invalid, "regulation.malformed").Because(bad)
	}
	g.From = from.UnixMilli()
	return night, d.Bulletins.SetRegulation(r.Context(), web.Actor(r), g)
}

// draftException asks for the approval of a policy that opens once.
func (d *desk) draftException(w http.ResponseWriter, r *http.Request) error {
	return d.draftDated(w, r, func(p *wire.Policy) error {
		from, err := moment(r.PostFormValue("day"), r.PostFormValue("from"))
		if err != nil {
			return err
		}
		until, err := moment(r.PostFormValue("day"), r.PostFormValue("until"))
		if err != nil {
			return err
		}
		if until <= from { // over midnight
			until += (24 * time.Hour).Milliseconds()
		}
		reason := strings.Join(strings.Fields(r.PostFormValue("reason")), " ")
		if until <= d.Site.Clock.Now().UnixMilli() || reason == "" || len(reason) > 120 || until-from > wire.MaxException || len(p.Exceptions) >= 8 {
			return loa.Errorf(loa.Invalid, "rules.exception_bad")
		}
		p.Exceptions = append(p.Exceptions, wire.Exception{From: from, Until: until, Reason: reason})
		return nil
	})
}

// draftMourning asks for the approval of a policy with days without music.
func (d *desk) draftMourning(w http.ResponseWriter, r *http.Request) error {
	return d.draftDated(w, r, func(p *wire.Policy) error {
		from, err := moment(r.PostFormValue("from"), "00:00")
		if err != nil {
			return err
		}
		last, err := moment(r.PostFormValue("until"), "00:00")
		if err != nil {
			return err
		}
		if until := last + (24 * time.Hour).Milliseconds(); until <= from || until <= d.Site.Clock.Now().UnixMilli() || len(p.Mourning) >= 8 {
			return loa.Errorf(loa.Invalid, "rules.mourning_bad")
		}
		p.Mourning = append(p.Mourning, wire.Span{From: from, Until: last + (24 * time.Hour).Milliseconds()})
		return nil
	})
}

// draftDated changes the policy of the page's own place. A place without hours
// of its own gets none by it: it is open whenever the levels above are.
func (d *desk) draftDated(w http.ResponseWriter, r *http.Request, change func(*wire.Policy) error) error {
	if err := web.Form(r); err != nil {
		return err
	}
	page, err := d.rulesAt(r, place(r))
	if err != nil {
		return err
	}
	p := page.own()
	if p.Path == "" {
		return d.Site.Refuse(w, r, d.pages, "rules", "rules.title", page, loa.Errorf(loa.Invalid, "rules.no_hours_yet"))
	}
	if err := change(&p); err != nil {
		return d.Site.Refuse(w, r, d.pages, "rules", "rules.title", page, err)
	}
	return d.askPolicy(w, r, page, p)
}

// daySet writes weekdays with the kinds of days taken away and added, as package
// calendar reads them; "" for weekdays alone.
func daySet(days []int, minus, plus []string) string {
	if len(minus)+len(plus) == 0 {
		return ""
	}
	var s strings.Builder
	for _, d := range days {
		s.WriteString(strconv.Itoa(d))
	}
	for _, k := range minus {
		s.WriteString(" -" + k)
	}
	for _, k := range plus {
		s.WriteString(" +" + k)
	}
	return s.String()
}

// moment reads a day and a time of day, UTC milliseconds.
func moment(day, clock string) (int64, error) {
	t, err := time.ParseInLocation("2006-01-02 15:04", day+" "+clock, loa.Zone())
	if err != nil {
		return 0, loa.Errorf(loa.Invalid, "rules.hours_bad").Because(err)
	}
	return t.UnixMilli(), nil
}

// setStanding writes the standing programme of one session.
func (d *desk) setStanding(w http.ResponseWriter, r *http.Request) error {
	return d.station(w, r, func(at loa.Path) error {
		var items []bulletin.Standing
		for row := 1; row <= programmeRows; row++ {
			n := strconv.Itoa(row)
			it := bulletin.Standing{Kind: bulletin.Kind(r.PostFormValue("kind" + n))}
			switch it.Kind {
			case "":
				continue
			case bulletin.KindBulletins:
			case bulletin.KindSilence:
				it.Seconds = 10
			default:
				it.Bulletin = r.PostFormValue("sound" + n)
			}
			items = append(items, it)
		}
		return d.Bulletins.SetStanding(r.Context(), web.Actor(r), at, r.PostFormValue("part"), items)
	})
}

// setOwnHours gives one pole narrower hours.
func (d *desk) setOwnHours(w http.ResponseWriter, r *http.Request) error {
	return d.station(w, r, func(loa.Path) error {
		from, errFrom := minutes(r.PostFormValue("from"))
		until, errUntil := minutes(r.PostFormValue("until"))
		if errFrom != nil || errUntil != nil {
			return loa.Errorf(loa.Invalid, "rules.hours_bad")
		}
		return d.Speakers.SetOwnHours(r.Context(), web.Actor(r), speaker.OwnHours{Pole: strings.ToUpper(strings.TrimSpace(r.PostFormValue("pole"))), From: from, Until: until})
	})
}

// addSource puts a source on the allow-list of relays.
func (d *desk) addSource(w http.ResponseWriter, r *http.Request) error {
	return d.station(w, r, func(at loa.Path) error {
		_, err := d.Bulletins.AddRelaySource(r.Context(), web.Actor(r), bulletin.RelaySource{Path: at,
			Name: r.PostFormValue("name"), Address: r.PostFormValue("address")})
		return err
	})
}

// proposeRelay asks for a relay; a second person confirms it.
func (d *desk) proposeRelay(w http.ResponseWriter, r *http.Request) error {
	return d.station(w, r, func(at loa.Path) error {
		from, err := minutes(r.PostFormValue("from"))
		if err != nil {
			return loa.Errorf(loa.Invalid, "rules.hours_bad").Because(err)
		}
		length, err := strconv.Atoi(r.PostFormValue("minutes"))
		if err != nil {
			return loa.Errorf(loa.Invalid, "relay.time").Because(err)
		}
		_, err = d.Bulletins.ProposeRelay(r.Context(), web.Actor(r), at, r.PostFormValue("part"), r.PostFormValue("source"), from, length)
		return err
	})
}

// answerRelay confirms a proposal, or withdraws it.
func (d *desk) answerRelay(w http.ResponseWriter, r *http.Request) error {
	return d.station(w, r, func(at loa.Path) error {
		if r.PostFormValue("withdraw") != "" {
			return d.Bulletins.DropRelay(r.Context(), web.Actor(r), at, r.PathValue("id"))
		}
		return d.Bulletins.ConfirmRelay(r.Context(), web.Actor(r), at, r.PathValue("id"))
	})
}

// station is a change to a commune's station: what is refused is said on the page.
func (d *desk) station(w http.ResponseWriter, r *http.Request, change func(at loa.Path) error) error {
	if err := web.Form(r); err != nil {
		return err
	}
	at := place(r)
	err := change(at)
	if code := loa.CodeOf(err); err != nil && (code == loa.Invalid || code == loa.Conflict) {
		page, bad := d.rulesAt(r, at)
		if bad != nil {
			return bad
		}
		return d.Site.Refuse(w, r, d.pages, "rules", "rules.title", page, err)
	}
	if err != nil {
		return err
	}
	return d.done(w, r, "/rules?path="+string(at))
}
