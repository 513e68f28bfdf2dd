package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/bulletin"
	"loa/wire"
)

// titled is a notice under a title of its own.
func titled(title string) bulletin.Notice {
	n := notice()
	n.Title = title
	return n
}

// hears has a person hear a bulletin to its end.
func (w *station) hears(who loa.Actor, b bulletin.Bulletin, how string) {
	w.t.Helper()
	w.tick()
	w.ok(w.flow.Hear(w.t.Context(), who, b.ID, loa.Hash(b.Payload), how))
}

// batch is one person's yes to several bulletins at once.
func (w *station) batch(who loa.Actor, b []byte) wire.Approval {
	w.t.Helper()
	yes := w.yes(who, b)
	yes.Batch = b
	return yes
}

// TestVersions: whoever returned a bulletin sees what became of it, and the bytes
// that were once before somebody stay.
func TestVersions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		b := w.submitted(notice())
		first := loa.Hash(b.Payload)
		w.tick()
		b, err := w.flow.Return(ctx, chair(), b.ID, "Sai ngày")
		w.ok(err)
		n := notice()
		n.Text, n.Scope, n.Until = "Sáng kia thôn 1 cắt điện từ 9 giờ.", []loa.Path{thon1}, start().Add(48*time.Hour)
		w.tick()
		_, err = w.flow.Edit(ctx, writer(), b.ID, n)
		w.ok(err)
		w.tick()
		b, err = w.flow.Submit(ctx, writer(), b.ID)
		w.ok(err)
		all, err := w.flow.Versions(ctx, b)
		w.ok(err)
		if len(all) != 2 || all[0].N != 1 || all[1].N != 2 || all[0].Payload != first || all[1].Payload != loa.Hash(b.Payload) {
			t.Fatalf("versions: %+v", all)
		}
		if all[0].Why != "Sai ngày" || all[0].ReturnedBy != chair().Name || all[0].ReturnedAt == 0 || all[1].ReturnedAt != 0 {
			t.Errorf("the return: %+v", all[0])
		}
		if diff := cmp.Diff([]string{"scope", "dates", "sound"}, all[1].Changed(all[0])); diff != "" {
			t.Error(diff)
		}
		if all[1].Changed(all[1]) != nil {
			t.Error("a version differs from itself")
		}
		want := []bulletin.Piece{{Kind: bulletin.Same, Text: "Sáng"}, {Kind: bulletin.Removed, Text: "mai"}, {Kind: bulletin.Added, Text: "kia"},
			{Kind: bulletin.Same, Text: "thôn 1 cắt điện từ"}, {Kind: bulletin.Removed, Text: "8"}, {Kind: bulletin.Added, Text: "9"},
			{Kind: bulletin.Same, Text: "giờ."}}
		if diff := cmp.Diff(want, bulletin.Compare(all[0].Text, all[1].Text)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestApproveSession: all that waits under one touch, without what was not heard,
// and one that somebody else was quicker with holds up no other.
func TestApproveSession(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		var all []bulletin.Bulletin
		for i := range 4 {
			all = append(all, w.submitted(titled(fmt.Sprint("Tin ", i))))
		}
		_, _, _, err := w.flow.Together(ctx, chair(), nil)
		w.wants(err, loa.Conflict, "approve.nothing_heard")
		for _, b := range all[:3] {
			w.hears(chair(), b, bulletin.Read)
		}
		own, err := w.flow.WaitingFor(ctx, writer())
		w.ok(err)
		if len(own) != 0 {
			t.Errorf("%d of her own wait for the author", len(own))
		}
		batch, chosen, left, err := w.flow.Together(ctx, chair(), nil)
		w.ok(err)
		if len(chosen) != 3 || left != 1 || chosen[0].ID != all[0].ID {
			t.Fatalf("%d chosen, %d left", len(chosen), left)
		}
		// Somebody is quicker with the second.
		w.hears(chief(), all[1], bulletin.Read)
		_, err = w.flow.Approve(ctx, chief(), all[1].ID, w.yes(chief(), all[1].Payload))
		w.ok(err)
		w.tick()
		yes := w.batch(chair(), batch)
		done, err := w.flow.ApproveTogether(ctx, chair(), yes)
		w.ok(err)
		if len(done) != 2 || done[0].Err != nil || done[1].Err != nil {
			t.Errorf("outcomes: %+v", done)
		}
		for i, want := range []bulletin.State{bulletin.Sealed, bulletin.Approved, bulletin.Sealed, bulletin.Submitted} {
			b := w.bulletin(all[i].ID)
			if b.State != want {
				t.Errorf("bulletin %d is %s, want %s", i, b.State, want)
			}
			if want == bulletin.Sealed {
				w.warrant(b)
				given, err := w.flow.Approvals(ctx, b)
				w.ok(err)
				if len(given) != 1 || given[0].Batch != loa.Hash(batch) || given[0].How != bulletin.Read {
					t.Errorf("evidence: %+v", given)
				}
			}
		}
		_, err = w.flow.ApproveTogether(ctx, chair(), yes) // two clicks
		w.wants(err, loa.Conflict, "approve.nothing_waits")

		// The touch for one session opens nothing else.
		w.hears(chair(), all[3], bulletin.Heard)
		_, err = w.flow.Approve(ctx, chair(), all[3].ID, yes)
		w.wants(err, loa.Conflict, "bulletin.changed_meanwhile")
		short := yes
		short.Batch = batch[:len(batch)-1]
		_, err = w.flow.ApproveTogether(ctx, chair(), short)
		w.wants(err, loa.Invalid, "batch.malformed")
		// A batch under a stranger's finger: approved here, believed nowhere.
		batch, _, _, err = w.flow.Together(ctx, chair(), nil)
		w.ok(err)
		forged := w.batch(writer(), batch)
		done, err = w.flow.ApproveTogether(ctx, chair(), forged)
		w.ok(err)
		if len(done) != 1 || loa.KeyOf(done[0].Err) != "approval.by_author" || w.bulletin(all[3].ID).State != bulletin.Submitted {
			t.Errorf("another's finger: %+v", done)
		}
	})
}

// TestApproveSessionTogether: two people press for the same session at once.
func TestApproveSessionTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		people := []loa.Actor{chair(), chief()}
		var all []bulletin.Bulletin
		for i := range 3 {
			b := w.submitted(titled(fmt.Sprint("Tin ", i)))
			for _, p := range people {
				w.hears(p, b, bulletin.Heard)
			}
			all = append(all, b)
		}
		yes := make([]wire.Approval, 2)
		for i, p := range people {
			batch, _, _, err := w.flow.Together(ctx, p, nil)
			w.ok(err)
			yes[i] = w.batch(p, batch)
		}
		for i, err := range together(2, func(i int) error {
			_, err := w.flow.ApproveTogether(ctx, people[i], yes[i])
			return err
		}) {
			if err != nil && loa.KeyOf(err) != "approve.nothing_waits" {
				t.Errorf("%d: %v", i, err)
			}
		}
		for _, b := range all {
			b = w.bulletin(b.ID)
			given, err := w.flow.Approvals(ctx, b)
			w.ok(err)
			if b.State != bulletin.Sealed || len(given) != 1 {
				t.Errorf("%s with %d approvals", b.State, len(given))
			}
		}
		if n := w.count(`SELECT COUNT(*) FROM document WHERE type = ?`, wire.WarrantType); n != 3 {
			t.Errorf("%d warrants", n)
		}
	})
}

// given has the chair give a grant.
func (w *station) given(g wire.Grant) bulletin.Grant {
	w.t.Helper()
	w.tick()
	if g.Paths == nil {
		g.Paths = []loa.Path{dongSay}
	}
	if g.Classes == nil {
		g.Classes = []wire.Class{wire.Normal}
	}
	if g.HourUntil == 0 {
		g.HourUntil = 1440
	}
	g.Decision, g.Until = "QĐ 12/QĐ-UBND", w.now()+30*24*3600_000
	made, err := w.flow.DraftGrant(w.t.Context(), chair(), g, "người được giao")
	w.ok(err)
	w.tick()
	made, err = w.flow.GiveGrant(w.t.Context(), chair(), made.Hash, w.yes(chair(), made.Payload))
	w.ok(err)
	return made
}

// TestGrant: the officer approves while the chair is away, until somebody takes
// the grant back, even between the click and the seal.
func TestGrant(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		b := w.submitted(notice())
		w.hears(officer(), b, bulletin.Heard)
		_, err := w.flow.Approve(ctx, officer(), b.ID, w.yes(officer(), b.Payload))
		w.wants(err, loa.Forbidden, "right.missing")

		g := w.given(wire.Grant{Delegate: "officer"})
		if n := len(w.verbs(g.Hash)); n != 1 {
			t.Errorf("%d entries of the grant", n)
		}
		_, err = w.flow.GiveGrant(ctx, chair(), g.Hash, w.yes(chair(), g.Payload)) // two clicks
		w.ok(err)
		if n := len(w.verbs(g.Hash)); n != 1 {
			t.Errorf("%d entries after two clicks", n)
		}
		waits, err := w.flow.WaitingFor(ctx, officer())
		w.ok(err)
		if len(waits) != 1 || waits[0].Grant == nil || waits[0].Grant.Hash != g.Hash {
			t.Fatalf("waiting: %+v", waits)
		}
		w.tick()
		b, err = w.flow.Approve(ctx, officer(), b.ID, w.yes(officer(), b.Payload))
		w.ok(err)
		b, err = w.flow.Sign(ctx, b.ID)
		w.ok(err)
		w.warrant(b)
		given, err := w.flow.Approvals(ctx, b)
		w.ok(err)
		if len(given) != 1 || given[0].Decision != "QĐ 12/QĐ-UBND" || given[0].Grant != g.Hash || given[0].Yes.Grant != g.Hash || given[0].StandsIn != "" {
			t.Errorf("under it: %+v", given)
		}

		// What it does not reach is still the chair's.
		urgent := notice()
		urgent.Class = wire.Priority
		p := w.submitted(urgent)
		w.hears(officer(), p, bulletin.Heard)
		_, err = w.flow.Approve(ctx, officer(), p.ID, w.yes(officer(), p.Payload))
		w.wants(err, loa.Forbidden, "right.missing")

		// Taken back between the click and the seal.
		b = w.submitted(notice())
		w.hears(officer(), b, bulletin.Heard)
		b, err = w.flow.Approve(ctx, officer(), b.ID, w.yes(officer(), b.Payload))
		w.ok(err)
		end, err := g.End()
		w.ok(err)
		w.tick()
		_, err = w.flow.EndGrant(ctx, officer(), g.Hash, w.yes(officer(), end))
		w.wants(err, loa.Forbidden, "approval.not_entitled")
		g, err = w.flow.EndGrant(ctx, chair(), g.Hash, w.yes(chair(), end))
		w.ok(err)
		if g.Live(w.now()) || g.EndedBy != chair().Name {
			t.Errorf("taken back: %+v", g)
		}
		_, err = w.flow.Sign(ctx, b.ID)
		w.wants(err, loa.Forbidden, "grant.ended")
		if b = w.bulletin(b.ID); b.State != bulletin.Submitted {
			t.Errorf("the bulletin is %s", b.State)
		}
		_, err = w.flow.Approve(ctx, officer(), b.ID, w.yes(officer(), b.Payload))
		w.wants(err, loa.Forbidden, "right.missing")
		_, err = w.flow.GiveGrant(ctx, chair(), g.Hash, w.yes(chair(), g.Payload))
		w.wants(err, loa.Conflict, "grant.ended")
		if diff := cmp.Diff([]string{"bulletin.grant_given", "bulletin.grant_ended"}, w.verbs(g.Hash)); diff != "" {
			t.Error(diff)
		}

		// What nobody may write.
		for _, c := range []struct {
			who    loa.Actor
			change func(*wire.Grant)
			code   loa.Code
			key    string
		}{
			{chair(), func(g *wire.Grant) { g.Decision = " " }, loa.Invalid, "grant.no_decision"},
			{chair(), func(g *wire.Grant) { g.Until = w.now() }, loa.Invalid, "grant.dates"},
			{chair(), func(g *wire.Grant) { g.Until = w.now() + 367*24*3600_000 }, loa.Invalid, "grant.dates"},
			{chair(), func(g *wire.Grant) { g.Delegate = "chair" }, loa.Forbidden, "grant.to_self"},
			{chair(), func(g *wire.Grant) { g.Paths = []loa.Path{benMai} }, loa.Forbidden, "right.missing"},
			{chair(), func(g *wire.Grant) { g.Classes = []wire.Class{wire.Emergency} }, loa.Invalid, "grant.malformed"},
			{officer(), func(g *wire.Grant) { g.Delegate = "writer" }, loa.Forbidden, "right.missing"},
		} {
			g := wire.Grant{Delegate: "officer", Paths: []loa.Path{dongSay}, Classes: []wire.Class{wire.Normal}, HourUntil: 1440,
				Until: w.now() + 1000, Decision: "QĐ 1"}
			c.change(&g)
			_, err := w.flow.DraftGrant(ctx, c.who, g, "x")
			w.wants(err, c.code, c.key)
		}
	})
}

// TestGrantInAdvance: the chair's recorded decision lets the officer's own touch
// be enough for normal items, as long as the program's word alone is not.
func TestGrantInAdvance(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		n := notice()
		n.Until, n.PlaysDay, n.Plays = start().Add(48*time.Hour), 2, 4
		b := w.submitted(n)
		_, err := w.flow.Approve(ctx, writer(), b.ID, w.yes(writer(), b.Payload))
		w.wants(err, loa.Forbidden, "approve.own")
		g := w.given(wire.Grant{Delegate: "writer", Own: true, MaxMS: 60_000, PlaysDay: 2})
		_, err = w.flow.Approve(ctx, writer(), b.ID, w.yes(writer(), b.Payload))
		w.wants(err, loa.Conflict, "approve.not_heard")
		w.hears(writer(), b, bulletin.Read)
		w.tick()
		_, err = w.flow.Approve(ctx, writer(), b.ID, w.yes(writer(), b.Payload))
		w.ok(err)
		b, err = w.flow.Sign(ctx, b.ID)
		w.ok(err)
		w.warrant(b)
		given, err := w.flow.Approvals(ctx, b)
		w.ok(err)
		if given[0].Grant != g.Hash || given[0].Person != b.Author {
			t.Errorf("in advance: %+v", given)
		}
		// Four times a day is more than the decision says.
		b = w.submitted(notice())
		w.hears(writer(), b, bulletin.Read)
		_, err = w.flow.Approve(ctx, writer(), b.ID, w.yes(writer(), b.Payload))
		w.wants(err, loa.Forbidden, "approve.own")
	})
}

// TestMustHear: what a place above demands, reading does not meet.
func TestMustHear(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		b := w.submitted(notice())
		w.hears(chair(), b, bulletin.Read)
		w.wants(w.flow.SetHearing(ctx, chair(), province, true), loa.Forbidden, "right.missing")
		w.ok(w.flow.SetHearing(ctx, chief(), province, true))
		w.ok(w.flow.SetHearing(ctx, chief(), province, true)) // it is so already
		_, err := w.flow.Approve(ctx, chair(), b.ID, w.yes(chair(), b.Payload))
		w.wants(err, loa.Conflict, "approve.must_hear")
		w.ok(w.flow.SetHearing(ctx, chair(), dongSay, true))
		w.ok(w.flow.SetHearing(ctx, chair(), dongSay, false))
		rules, err := w.flow.HearingRules(ctx, dongSay)
		w.ok(err)
		if len(rules) != 1 || rules[0].Path != province || rules[0].By != chief().Name {
			t.Errorf("rules: %+v", rules)
		}
		_, _, left, err := w.flow.Together(ctx, chair(), nil)
		w.wants(err, loa.Conflict, "approve.nothing_heard")
		if left != 1 {
			t.Errorf("%d left out", left)
		}
		w.hears(chair(), b, bulletin.Heard)
		w.hears(chair(), b, bulletin.Read) // and reading again takes nothing back
		_, err = w.flow.Approve(ctx, chair(), b.ID, w.yes(chair(), b.Payload))
		w.ok(err)
		w.ok(w.flow.SetHearing(ctx, chief(), province, false))
		if n := w.count(`SELECT COUNT(*) FROM journal WHERE verb = 'bulletin.hearing_set'`); n != 4 {
			t.Errorf("%d entries", n)
		}
	})
}

// TestStandIn: the province approves for the commune, and it shows.
func TestStandIn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		b := w.submitted(notice())
		w.hears(chief(), b, bulletin.Heard)
		b, err := w.flow.Approve(ctx, chief(), b.ID, w.yes(chief(), b.Payload))
		w.ok(err)
		given, err := w.flow.Approvals(ctx, b)
		w.ok(err)
		if len(given) != 1 || given[0].StandsIn != province {
			t.Errorf("stands in: %+v", given)
		}
	})
}

// TestRemind: the chair an hour before the session, the province half an hour
// later, each once, nobody at night.
func TestRemind(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay)
		w.flow.Approvers = func(_ context.Context, at loa.Path) ([]bulletin.Approver, error) {
			return []bulletin.Approver{{Person: "chair", Name: chair().Name, Path: dongSay}, {Person: "chief", Name: chief().Name, Path: province}}, nil
		}
		b := w.submitted(notice()) // for 06:00, and it is 05:30: too early in the day to call anybody
		says := func(clock string, written, chairs, chiefs int) {
			t.Helper()
			w.turnTo(clock)
			n, err := w.flow.Remind(ctx)
			w.ok(err)
			own, err := w.flow.RemindersFor(ctx, chair())
			w.ok(err)
			above, err := w.flow.RemindersFor(ctx, chief())
			w.ok(err)
			if n != written || len(own) != chairs || len(above) != chiefs {
				t.Errorf("%s: %d written, %d for the chair, %d for the province; want %d, %d, %d", clock, n, len(own), len(above), written, chairs, chiefs)
			}
		}
		says("05:40:00", 0, 0, 0)
		says("15:59:00", 0, 0, 0)
		says("16:00:00", 1, 1, 0)
		says("16:01:00", 0, 1, 0)
		says("16:30:00", 1, 1, 1)
		mine, err := w.flow.RemindersFor(ctx, writer())
		w.ok(err)
		if len(mine) != 0 {
			t.Errorf("the author is reminded of her own: %+v", mine)
		}
		says("17:00:00", 0, 0, 0) // it has begun without it
		says("20:30:00", 2, 1, 1) // of tomorrow morning's, before the night
		says("22:00:00", 0, 1, 1)
		if diff := cmp.Diff([]string{"bulletin.drafted", "bulletin.submitted", "bulletin.reminded", "bulletin.reminded", "bulletin.reminded",
			"bulletin.reminded"}, w.verbs(b.ID)); diff != "" {
			t.Error(diff)
		}
		turn, err := w.flow.TurnOf(ctx, b)
		w.ok(err)
		if len(turn.Own) != 1 || len(turn.Above) != 1 || !turn.Escalated || turn.Since == 0 {
			t.Errorf("turn: %+v", turn)
		}
		// Eight processes remind at once, of another bulletin: once each.
		w.submitted(titled("Tin thứ hai"))
		w.turnTo("20:59:00")
		for _, err := range together(8, func(int) error { _, err := w.flow.Remind(ctx); return err }) {
			w.ok(err)
		}
		if n := w.count(`SELECT COUNT(*) FROM reminder`); n != 6 {
			t.Errorf("%d reminders", n)
		}
	})
}

// TestReplace: the old version stands until the new one is sealed; then, at once,
// the new one stands in every slot ahead and the old one nowhere.
func TestReplace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay)
		old := w.dispatched(notice(), morning(), evening())
		other := w.dispatched(titled("Tin khác"), evening())
		w.turnTo("06:00:30")
		b, err := w.flow.Correct(ctx, writer(), old.ID)
		w.ok(err)
		again, err := w.flow.Correct(ctx, writer(), old.ID)
		w.ok(err)
		if again.ID != b.ID || b.State != bulletin.Draft || b.Main().Text != old.Main().Text || b.Warrant != "" {
			t.Fatalf("the draft: %+v", b)
		}
		n := notice()
		n.Text, n.From, n.Until = "Sáng kia thôn 1 cắt điện từ 9 giờ đến 11 giờ.", time.UnixMilli(b.From), time.UnixMilli(b.Until)
		_, err = w.flow.Edit(ctx, writer(), b.ID, n)
		w.ok(err)
		w.tick()
		b, err = w.flow.Submit(ctx, writer(), b.ID)
		w.ok(err)
		w.hears(chair(), b, bulletin.Heard)
		_, err = w.flow.Approve(ctx, chair(), b.ID, w.yes(chair(), b.Payload))
		w.ok(err)
		if plan := w.plan(dongSay); !slices.ContainsFunc(plan.Slots, func(s wire.Slot) bool { return s.Warrant == old.Warrant && s.Start > w.now() }) {
			t.Error("the old one left before the new one was sealed")
		}
		before := w.beacon(dongSay)
		w.tick()
		b, err = w.flow.Sign(ctx, b.ID)
		w.ok(err)
		plan, after := w.plan(dongSay), w.beacon(dongSay)
		if b.State != bulletin.Dispatched || after.PlanVersion != w.rise(before.PlanVersion) {
			t.Errorf("%s, plan %d after %d", b.State, after.PlanVersion, before.PlanVersion)
		}
		var ahead []string
		for _, s := range plan.Slots {
			if s.Start > w.now() {
				ahead = append(ahead, s.Warrant)
			}
		}
		if diff := cmp.Diff([]string{b.Warrant, other.Warrant}, ahead); diff != "" { // its place in the order too
			t.Error(diff)
		}
		if got := w.bulletin(old.ID); got.State != bulletin.Cancelled {
			t.Errorf("the old one is %s", got.State)
		}
		if diff := cmp.Diff([]string{"bulletin.drafted", "bulletin.submitted", "bulletin.heard", "bulletin.approved", "bulletin.sealed",
			"bulletin.scheduled", "bulletin.dispatched", "bulletin.replaced"}, w.verbs(old.ID)); diff != "" {
			t.Error(diff)
		}
		// It has sounded this morning, so the correction is worth a notice.
		sounded, err := w.flow.Sounded(ctx, old.ID)
		w.ok(err)
		if sounded != 1 {
			t.Errorf("the old one sounded %d times", sounded)
		}
		e, err := w.flow.Erratum(ctx, writer(), b.ID, "Đính chính:", "Đính chính thông báo phát sáng nay.")
		w.ok(err)
		if e.State != bulletin.Draft || e.Title != "Đính chính: Lịch cắt điện" {
			t.Errorf("erratum: %+v", e)
		}
		_, err = w.flow.Erratum(ctx, writer(), old.ID, "Đính chính:", "x")
		w.wants(err, loa.Conflict, "replace.nothing_corrected")
		_, err = w.flow.Correct(ctx, writer(), old.ID)
		w.wants(err, loa.Conflict, "bulletin.moved")
	})
}

// TestReplaceGone: the old version is taken back while the new one waits; the new
// one is sealed and stands in no session of its own accord.
func TestReplaceGone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay)
		old := w.dispatched(notice(), evening())
		b, err := w.flow.Correct(ctx, writer(), old.ID)
		w.ok(err)
		w.tick()
		b, err = w.flow.Submit(ctx, writer(), b.ID)
		w.ok(err)
		w.hears(chair(), b, bulletin.Heard)
		_, err = w.flow.Approve(ctx, chair(), b.ID, w.yes(chair(), b.Payload))
		w.ok(err)
		_, err = w.flow.Cancel(ctx, chair(), old.ID, "Hoãn")
		w.ok(err)
		b, err = w.flow.Sign(ctx, b.ID)
		w.ok(err)
		if b.State != bulletin.Sealed || len(w.plan(dongSay).Slots) != 0 {
			t.Errorf("%s, %d slots", b.State, len(w.plan(dongSay).Slots))
		}
	})
}

// TestReplaceNoRoom: a longer version that no longer fits its session leaves that
// slot, and the book says so.
func TestReplaceNoRoom(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay)
		old := w.dispatched(notice(), morning(), evening())
		b, err := w.flow.Correct(ctx, writer(), old.ID)
		w.ok(err)
		n := notice()
		n.From, n.Until, n.Plays, n.PlaysDay = time.UnixMilli(b.From), time.UnixMilli(b.Until), 1, 1
		_, err = w.flow.Edit(ctx, writer(), b.ID, n)
		w.ok(err)
		w.tick()
		b, err = w.flow.Submit(ctx, writer(), b.ID)
		w.ok(err)
		w.hears(chair(), b, bulletin.Heard)
		_, err = w.flow.Approve(ctx, chair(), b.ID, w.yes(chair(), b.Payload))
		w.ok(err)
		b, err = w.flow.Sign(ctx, b.ID)
		w.ok(err)
		plan := w.plan(dongSay)
		if b.State != bulletin.Dispatched || len(plan.Slots) != 1 || plan.Slots[0].Warrant != b.Warrant {
			t.Errorf("%s, plan %+v", b.State, plan.Slots)
		}
	})
}
