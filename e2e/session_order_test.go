package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"loa"
	"loa/bulletin"
	"loa/speaker"
	"loa/wire"
)

// library makes an approved sound of the commune's library.
func (w *station) library(role wire.Role, title string) bulletin.Bulletin {
	w.t.Helper()
	n := notice()
	n.Role, n.Title, n.Text = role, title, title+"."
	return w.sealed(n)
}

// programme gives Đồng Sậy's morning the usual frame and returns its sounds.
func (w *station) programme() map[wire.Role]bulletin.Bulletin {
	w.t.Helper()
	w.openStation(dongSay)
	sounds := map[wire.Role]bulletin.Bulletin{
		wire.Tune: w.library(wire.Tune, "Nhạc hiệu"), wire.Greeting: w.library(wire.Greeting, "Lời chào"),
		wire.Music: w.library(wire.Music, "Bài hát"), wire.Goodbye: w.library(wire.Goodbye, "Lời kết"),
	}
	w.ok(w.flow.SetStanding(w.t.Context(), writer(), dongSay, bulletin.Morning, []bulletin.Standing{
		{Kind: bulletin.KindTune, Bulletin: sounds[wire.Tune].ID}, {Kind: bulletin.KindGreeting, Bulletin: sounds[wire.Greeting].ID},
		{Kind: bulletin.KindBulletins}, {Kind: bulletin.KindMusic, Bulletin: sounds[wire.Music].ID},
		{Kind: bulletin.KindGoodbye, Bulletin: sounds[wire.Goodbye].ID}, {Kind: bulletin.KindChime, Bulletin: sounds[wire.Tune].ID},
	}))
	return sounds
}

// titles is the plan of Đồng Sậy as titles in order.
func (w *station) titles(from int64) string {
	w.t.Helper()
	var titles []string
	for _, s := range w.plan(dongSay).Slots {
		if s.Start < from {
			continue
		}
		v, err := wire.OpenWarrant(w.trust, w.document(s.Warrant), s.Start)
		w.ok(err)
		if s.Repeat > 0 {
			v.Title += " ×2"
		}
		titles = append(titles, v.Title)
	}
	return strings.Join(titles, " · ")
}

func (w *station) says(want string) {
	w.t.Helper()
	if got := w.titles(w.now()); got != want {
		w.t.Errorf("the plan says\n%s\nwant\n%s", got, want)
	}
}

const key = "2026-11-23/morning"

// TestStandingProgramme: tune, greeting, music and goodbye are slots with their
// own warrants and ids that stay; a session with nothing to say has none.
func TestStandingProgramme(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.programme()
		d := w.placed(thon1, "Cổng chùa")
		w.says("")
		n := notice()
		n.Title, n.Repeat = "Lịch cắt điện", 1
		first := w.dispatched(n, morning())
		n.Title, n.Repeat, n.Chime = "Tiêm chủng", 0, true
		second := w.dispatched(n, morning())
		w.says("Nhạc hiệu · Lời chào · Lịch cắt điện ×2 · Nhạc hiệu · Tiêm chủng · Bài hát · Lời kết")
		before := w.plan(dongSay).Slots
		for i, s := range before { // every speaker decides alike, and nothing overlaps
			v, err := wire.OpenWarrant(w.trust, w.document(s.Warrant), s.Start)
			w.ok(err)
			if a, ok := wire.SlotAllowed(s, v, w.placement(d.ID), w.policies(thon1)); !ok {
				t.Errorf("%s is refused: %s", v.Title, a.Why)
			}
			if i+1 < len(before) && s.Start+wire.SlotMS(s, v) > before[i+1].Start {
				t.Errorf("%s overlaps what comes next", v.Title)
			}
		}
		w.ok(w.flow.Replan(t.Context(), dongSay))
		if !slices.EqualFunc(before, w.plan(dongSay).Slots, func(a, b wire.Slot) bool { return a.ID == b.ID && a.Start == b.Start }) {
			t.Error("the same programme has other slots in the next plan")
		}
		w.wants(w.flow.Move(t.Context(), writer(), dongSay, key, w.slot(first), true), loa.Conflict, "session.no_further")
		w.ok(w.flow.Move(t.Context(), writer(), dongSay, key, w.slot(second), true))
		w.says("Nhạc hiệu · Lời chào · Nhạc hiệu · Tiêm chủng · Lịch cắt điện ×2 · Bài hát · Lời kết")
		w.ok(w.flow.Set(t.Context(), writer(), dongSay, key, w.slot(second), 1, false))
		w.ok(w.flow.Music(t.Context(), writer(), dongSay, key, true))
		w.says("Nhạc hiệu · Lời chào · Tiêm chủng ×2 · Lịch cắt điện ×2 · Lời kết")
		for _, b := range []bulletin.Bulletin{first, second} {
			_, err := w.flow.Cancel(t.Context(), writer(), b.ID, "hoãn")
			w.ok(err)
		}
		w.says("")
	})
}

// slot is the bulletin's standing slot.
func (w *station) slot(b bulletin.Bulletin) string {
	w.t.Helper()
	all, err := w.flow.Slots(w.t.Context(), b.ID)
	w.ok(err)
	for _, s := range all {
		if !s.Cancelled && s.Commune == dongSay {
			return s.ID
		}
	}
	w.t.Fatalf("%s has no slot", b.Title)
	return ""
}

// priorityOf is a priority bulletin of the commune, or of the province.
func (w *station) priorityOf(title string, upper bool) bulletin.Bulletin {
	w.t.Helper()
	n := notice()
	n.Title, n.Class = title, wire.Priority
	if !upper {
		return w.dispatched(n, morning())
	}
	n.Path, n.Scope = province, []loa.Path{dongSay}
	w.tick()
	b, err := w.flow.Draft(w.t.Context(), editor(), n)
	w.ok(err)
	b, err = w.flow.Submit(w.t.Context(), editor(), b.ID)
	w.ok(err)
	w.ok(w.flow.Hear(w.t.Context(), chief(), b.ID, loa.Hash(b.Payload), bulletin.Heard))
	b, err = w.flow.Approve(w.t.Context(), chief(), b.ID, w.yes(chief(), b.Payload))
	w.ok(err)
	b, err = w.flow.Sign(w.t.Context(), b.ID)
	w.ok(err)
	if b.State == bulletin.Sealed {
		b, err = w.flow.Schedule(w.t.Context(), editor(), b.ID, []bulletin.Choice{morning()})
		w.ok(err)
	}
	b, err = w.flow.Dispatch(w.t.Context(), b.ID)
	w.ok(err)
	return b
}

// TestClash: two priority bulletins of different levels are a choice, which the
// book keeps; nobody chose in time: the higher level, and the book says that too.
func TestClash(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		w.placed(thon1, "Cổng chùa")
		own := w.priorityOf("Dịch tả lợn", false)
		w.priorityOf("Bão số 14", true)
		w.says("Bão số 14 · Dịch tả lợn")
		p, err := w.flow.Programme(t.Context(), dongSay, "2026-11-23")
		w.ok(err)
		if c := p.Orders[0].Clash; c == nil || c[0].Title != "Bão số 14" || c[1].Title != "Dịch tả lợn" {
			t.Errorf("clash %+v", c)
		}
		w.ok(w.flow.First(t.Context(), writer(), dongSay, key, w.slot(own)))
		w.says("Dịch tả lợn · Bão số 14")
		if p, err = w.flow.Programme(t.Context(), dongSay, "2026-11-23"); err != nil || p.Orders[0].Clash != nil || p.Sessions[0].Decided != "Lê Thị Mận" {
			t.Errorf("decided by %q, %v", p.Sessions[0].Decided, err)
		}
	})
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		w.placed(thon1, "Cổng chùa")
		w.priorityOf("Dịch tả lợn", false)
		w.priorityOf("Bão số 14", true)
		w.ok(w.flow.Settle(t.Context()))
		if got := w.verbs(key); slices.Contains(got, "session.order_undecided") {
			t.Error("settled while there was time")
		}
		w.clock.Turn(time.Date(2026, 11, 23, 6, 0, 0, 0, loa.Zone()).Sub(w.clock.Now()))
		w.ok(w.flow.Settle(t.Context()))
		w.ok(w.flow.Settle(t.Context()))
		if got := w.verbs(key); !slices.Equal(got, []string{"session.order_undecided"}) {
			t.Errorf("the book says %v", got)
		}
	})
}

// TestMourning: in days of mourning the programme has no music, and a speaker
// would refuse it.
func TestMourning(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.programme()
		w.placed(thon1, "Cổng chùa")
		w.tick()
		payload := w.policy(dongSay, 2, 5*60, 20*60, 80)
		p, err := wire.ReadPolicy(payload)
		w.ok(err)
		p.Mourning = []wire.Span{{From: start().Add(-6 * time.Hour).UnixMilli(), Until: start().Add(40 * time.Hour).UnixMilli()}}
		payload, err = wire.Encode(p)
		w.ok(err)
		w.ok(w.register.SetPolicy(t.Context(), officer(), payload, w.yes(officer(), payload)))
		w.dispatched(notice(), morning())
		w.says("Nhạc hiệu · Lời chào · Lịch cắt điện · Lời kết")
	})
}

// TestException: at 23:30 on the night of a dated exception a bulletin plays at
// once; the next night the same minute is refused.
func TestException(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		d := w.placed(thon1, "Cổng chùa")
		night := time.Date(2026, 11, 23, 23, 30, 0, 0, loa.Zone())
		w.tick()
		p, err := wire.ReadPolicy(w.policy(dongSay, 2, 5*60, 20*60, 80))
		w.ok(err)
		p.Exceptions = []wire.Exception{{From: night.Add(-30 * time.Minute).UnixMilli(), Until: night.Add(time.Hour).UnixMilli(), Reason: "Đón năm mới"}}
		payload, err := wire.Encode(p)
		w.ok(err)
		w.ok(w.register.SetPolicy(t.Context(), officer(), payload, w.yes(officer(), payload)))
		b := w.sealed(notice())
		w.clock.Turn(night.Sub(w.clock.Now()))
		_, err = w.flow.PlayNow(t.Context(), writer(), b.ID)
		w.ok(err)
		_, err = w.flow.Dispatch(t.Context(), b.ID)
		w.ok(err)
		s := w.plan(dongSay).Slots[0]
		if a, ok := wire.SlotAllowed(s, w.warrant(b), w.placement(d.ID), w.policies(thon1)); !ok {
			t.Errorf("the night of the exception: %s", a.Why)
		}
		s.Start += 24 * time.Hour.Milliseconds()
		if a, ok := wire.SlotAllowed(s, w.warrant(b), w.placement(d.ID), w.policies(thon1)); ok || a.Why != "policy.hours" {
			t.Errorf("the night after: %+v", a)
		}
		w.clock.Turn(24 * time.Hour)
		_, err = w.flow.PlayNow(t.Context(), writer(), b.ID)
		w.wants(err, loa.Conflict, "schedule.outside_hours")
	})
}

// TestWanted: sessions chosen while composing are kept after sealing by
// themselves; one without room is said, and the others are taken.
func TestWanted(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		w.placed(thon1, "Cổng chùa")
		n := notice()
		n.Wanted = []bulletin.Choice{morning(), evening(), {Day: "2026-11-24", Part: bulletin.Noon}}
		b := w.sealed(n)
		if b.State != bulletin.Dispatched {
			t.Errorf("state %s", b.State)
		}
		w.says("Lịch cắt điện · Lịch cắt điện")
		missed, err := w.flow.UnplacedOf(t.Context(), b.ID)
		w.ok(err)
		if len(missed) != 1 || missed[0].Session != "2026-11-24/noon" || missed[0].Why != "session.none" {
			t.Errorf("missed %+v", missed)
		}
		_, err = w.flow.Place(t.Context(), b.ID)
		w.wants(err, loa.Conflict, "schedule.empty")
		w.ok(w.flow.PutAway(t.Context(), writer(), b.ID, dongSay, "2026-11-24/noon"))
		missed, err = w.flow.UnplacedAt(t.Context(), dongSay)
		w.ok(err)
		if len(missed) != 0 {
			t.Errorf("put away, yet %+v", missed)
		}
	})
}

// TestPlaceTogether: eight clicks at once place eight bulletins in one session,
// none over another and none lost.
func TestPlaceTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		w.placed(thon1, "Cổng chùa")
		var all []bulletin.Bulletin
		for range 8 {
			all = append(all, w.sealed(notice()))
		}
		for i, err := range together(8, func(i int) error {
			if _, err := w.flow.Schedule(t.Context(), writer(), all[i].ID, []bulletin.Choice{morning()}); err != nil {
				return err
			}
			_, err := w.flow.Dispatch(t.Context(), all[i].ID)
			return err
		}) {
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		slots := w.plan(dongSay).Slots
		if len(slots) != 8 {
			t.Fatalf("%d slots", len(slots))
		}
		for i, s := range slots[:7] {
			if s.Start+all[0].MS() > slots[i+1].Start {
				t.Errorf("slot %d overlaps the next", i)
			}
		}
	})
}

// TestRelay: a relay holds once a second person confirmed it; then the order
// goes around its minutes.
func TestRelay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		w.placed(thon1, "Cổng chùa")
		w.dispatched(notice(), morning())
		src, err := w.flow.AddRelaySource(t.Context(), writer(), bulletin.RelaySource{Path: dongSay, Name: "Đài tỉnh Lam Xuyên"})
		w.ok(err)
		starts := func() time.Time { return time.UnixMilli(w.plan(dongSay).Slots[0].Start).In(loa.Zone()) }
		_, err = w.flow.ProposeRelay(t.Context(), writer(), dongSay, bulletin.Morning, src.ID, 6*60, 31)
		w.wants(err, loa.Invalid, "relay.time")
		id, err := w.flow.ProposeRelay(t.Context(), writer(), dongSay, bulletin.Morning, src.ID, 6*60, 15)
		w.ok(err)
		if got := starts().Format("15:04:05"); got != "06:00:00" {
			t.Errorf("a proposal moved the bulletin to %s", got)
		}
		w.wants(w.flow.ConfirmRelay(t.Context(), writer(), dongSay, id), loa.Forbidden, "relay.own")
		w.ok(w.flow.ConfirmRelay(t.Context(), chair(), dongSay, id))
		if got := starts().Format("15:04:05"); got != "06:15:03" {
			t.Errorf("after the relay at %s", got)
		}
		w.wants(w.flow.ConfirmRelay(t.Context(), chair(), dongSay, id), loa.NotFound, "relay.unknown")
		w.ok(w.flow.RemoveRelaySource(t.Context(), writer(), dongSay, src.ID))
		if got := starts().Format("15:04:05"); got != "06:00:00" {
			t.Errorf("without the source at %s", got)
		}
	})
}

// TestRegulation: sessions are held to the regulation in force; what goes
// against it is refused until a reason is recorded.
func TestRegulation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		g := bulletin.Regulation{Path: dongSay, Number: "31/QĐ-UBND", Minutes: 45, Sessions: 2, From: w.now(),
			Hours: []wire.Hours{{Days: []int{1, 2, 3, 4, 5, 6}, From: 330, Until: 405}, {Days: []int{1, 2, 3, 4, 5, 6}, From: 1020, Until: 1065}}}
		w.wants(w.flow.SetRegulation(t.Context(), writer(), g), loa.Conflict, "regulation.against") // the morning also has Sundays
		g.Override = "Chủ nhật chợ phiên, Thường trực Đảng ủy cho phép"
		w.ok(w.flow.SetRegulation(t.Context(), writer(), g))
		noon := bulletin.Frame{Path: dongSay, Part: bulletin.Noon, Name: "Buổi trưa", From: 11 * 60, Until: 11*60 + 15, Days: []int{1}}
		w.wants(w.flow.SetFrame(t.Context(), writer(), noon), loa.Conflict, "regulation.against")
		noon.Override = "Tuần lễ bầu cử"
		w.ok(w.flow.SetFrame(t.Context(), writer(), noon))
		noon.Part, noon.From = bulletin.Evening, 6*60+15
		w.wants(w.flow.SetFrame(t.Context(), writer(), noon), loa.Conflict, "session.overlap")
		now, ok, err := w.flow.Regulation(t.Context(), dongSay, w.clock.Now())
		w.ok(err)
		if !ok || now.Number != "31/QĐ-UBND" || now.Override == "" || len(now.Hours) != 2 {
			t.Errorf("in force %+v", now)
		}
		if _, ok, err := w.flow.Regulation(t.Context(), dongSay, start().Add(-time.Hour)); ok || err != nil {
			t.Errorf("in force before it began: %v", err)
		}
	})
}

// TestDaySet: a session is held on the days its regulation words: not on
// holidays, also on the full moon, which Monday 23 November 2026 is.
func TestDaySet(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		fr := bulletin.Frame{Path: dongSay, Part: bulletin.Noon, Name: "Buổi trưa", From: 11 * 60, Until: 11*60 + 30, Days: []int{7}, DaySet: "7 +full"}
		w.ok(w.flow.SetFrame(t.Context(), officer(), fr))
		held := func(day string) bool {
			p, err := w.flow.Programme(t.Context(), dongSay, day)
			w.ok(err)
			return slices.ContainsFunc(p.Sessions, func(s bulletin.Session) bool { return s.Part == bulletin.Noon })
		}
		for day, want := range map[string]bool{"2026-11-22": true, "2026-11-23": true, "2026-11-24": false, "2026-12-23": true} {
			if held(day) != want {
				t.Errorf("%s: held %v", day, !want)
			}
		}
		fr.DaySet = "1234567 -holiday"
		w.ok(w.flow.SetFrame(t.Context(), officer(), fr))
		if held("2027-01-01") || !held("2027-01-04") {
			t.Error("New Year's Day is a holiday")
		}
		fr.DaySet = "1 +moon"
		if err := w.flow.SetFrame(t.Context(), officer(), fr); loa.CodeOf(err) != loa.Invalid {
			t.Errorf("an unknown kind of day: %v", err)
		}
	})
}

// TestOwnHours: the gate of a pagoda has narrower hours, in its placement, and
// its speaker refuses what its neighbours play.
func TestOwnHours(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		d := w.placed(thon1, "Cổng chùa")
		h := speaker.OwnHours{Pole: w.placement(d.ID).Code, From: 7 * 60, Until: 19 * 60}
		w.ok(w.register.SetOwnHours(t.Context(), editor(), h))
		w.tick()
		w.confirm(d.ID, false)
		b := w.dispatched(notice(), morning())
		s := w.plan(dongSay).Slots[0]
		if a, ok := wire.SlotAllowed(s, w.warrant(b), w.placement(d.ID), w.policies(thon1)); ok || a.Why != "placement.hours" {
			t.Errorf("at six: %+v", a)
		}
		h.From, h.Until = 0, 0
		w.ok(w.register.SetOwnHours(t.Context(), editor(), h))
		w.tick()
		w.confirm(d.ID, false)
		if a, ok := wire.SlotAllowed(s, w.warrant(b), w.placement(d.ID), w.policies(thon1)); !ok {
			t.Errorf("without own hours: %s", a.Why)
		}
		w.wants(w.register.SetOwnHours(t.Context(), person("reader", "Đọc", dongSay, loa.RightRead), h), loa.Forbidden, "right.missing")
	})
}

// TestTestSound: the library's test sound plays at one pole alone, quietly, and
// not while the pole is muted.
func TestTestSound(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		code := w.placement(w.placed(thon1, "Cổng chùa").ID).Code
		_, err := w.flow.TestSound(t.Context(), officer(), code)
		w.wants(err, loa.Conflict, "test.no_sound")
		b := w.library(wire.TestSound, "Phát thử")
		_, err = w.flow.TestSound(t.Context(), officer(), code)
		w.ok(err)
		s := w.plan(dongSay).Slots
		if len(s) != 1 || !slices.Equal(s[0].Poles, []string{code}) || w.warrant(b).Cap != 40 {
			t.Errorf("slots %+v, cap %d", s, w.warrant(b).Cap)
		}
		_, err = w.flow.Mute(t.Context(), editor(), code, w.clock.Now().Add(time.Hour), "Đám tang")
		w.ok(err)
		_, err = w.flow.TestSound(t.Context(), officer(), code)
		w.wants(err, loa.Conflict, wire.WhyMuted)
	})
}
