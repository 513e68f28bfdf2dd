package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"loa"
	"loa/bulletin"
	"loa/speaker"
	"loa/wire"
)

// oneWins checks that exactly one of several tries succeeded and all others
// were told the same sentence.
func (w *station) oneWins(errs []error, key string) {
	w.t.Helper()
	won := 0
	for i, err := range errs {
		switch {
		case err == nil:
			won++
		case loa.KeyOf(err) != key:
			w.t.Errorf("try %d: %v, want %s", i, err, key)
		}
	}
	if won != 1 {
		w.t.Errorf("%d of %d won", won, len(errs))
	}
}

// TestApproveTogether: eight people press at once.
func TestApproveTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		b := w.submitted(notice())
		var people []loa.Actor
		for i := range 8 {
			p := person(fmt.Sprint("person", i), fmt.Sprint("Người ", i), dongSay, loa.RightApprove, loa.RightRead)
			w.ok(w.flow.Hear(ctx, p, b.ID, loa.Hash(b.Payload), bulletin.Heard))
			people = append(people, p)
		}
		yes := w.yes(chair(), b.Payload)
		w.oneWins(together(8, func(i int) error {
			_, err := w.flow.Approve(ctx, people[i], b.ID, yes)
			return err
		}), "bulletin.moved")
		given, err := w.flow.Approvals(ctx, b)
		w.ok(err)
		if n := w.count(`SELECT COUNT(*) FROM journal WHERE verb = 'bulletin.approved'`); len(given) != 1 || n != 1 {
			t.Errorf("%d approvals, %d in the book", len(given), n)
		}

		w.oneWins(together(8, func(int) error {
			_, err := w.flow.Sign(ctx, b.ID)
			return err
		}), "bulletin.moved")
		if n := w.count(`SELECT COUNT(*) FROM document WHERE type = ?`, wire.WarrantType); n != 1 {
			t.Errorf("%d warrants", n)
		}
		w.warrant(w.bulletin(b.ID))
	})
}

// TestDispatchTogether: eight bulletins reach one commune's plan at once.
func TestDispatchTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		var ids []string
		for i := range 8 {
			n := notice()
			n.Title = fmt.Sprint("Tin ", i)
			ids = append(ids, w.sealed(n).ID)
		}
		for i, err := range together(8, func(i int) error {
			_, err := w.flow.Schedule(t.Context(), writer(), ids[i], []bulletin.Choice{morning()})
			return err
		}) {
			if err != nil {
				t.Errorf("schedule %d: %v", i, err)
			}
		}
		w.ok(w.flow.Replan(t.Context(), dongSay)) // of what nobody dispatched, nothing
		if empty := w.plan(dongSay); len(empty.Slots) != 0 {
			t.Errorf("undispatched slots stand in the plan: %+v", empty.Slots)
		}
		before := w.beacon(dongSay)
		for i, err := range together(8, func(i int) error {
			_, err := w.flow.Dispatch(t.Context(), ids[i])
			return err
		}) {
			if err != nil {
				t.Errorf("dispatch %d: %v", i, err)
			}
		}
		plan, after := w.plan(dongSay), w.beacon(dongSay)
		if plan.Version != before.PlanVersion+8 || after.Number != before.Number+8 {
			t.Errorf("plan %d after %d, beacon %d after %d", plan.Version, before.PlanVersion, after.Number, before.Number)
		}
		if n := w.count(`SELECT COUNT(DISTINCT plans) FROM dispatch`); n != 8 {
			t.Errorf("8 dispatches wrote %d different versions", n)
		}
		held := map[string]bool{}
		for i, s := range plan.Slots {
			held[s.Warrant] = true
			if i > 0 && s.Start < plan.Slots[i-1].Start+w.bulletin(ids[0]).MS()+3000 {
				t.Errorf("slot %d starts %d ms after the one before", i, s.Start-plan.Slots[i-1].Start)
			}
		}
		for _, id := range ids {
			if !held[w.bulletin(id).Warrant] {
				t.Errorf("%s is not in the final plan", id)
			}
		}
		if len(plan.Slots) != 8 {
			t.Errorf("%d slots", len(plan.Slots))
		}
	})
}

// TestRescheduled: a bulletin that stands in the plan stays in it while a
// further session is chosen and another bulletin is dispatched in between.
func TestRescheduled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		b := w.dispatched(notice(), morning())
		w.turnTo("06:00:02") // it is sounding
		_, err := w.flow.Schedule(t.Context(), writer(), b.ID, []bulletin.Choice{evening()})
		w.ok(err)
		w.dispatched(notice(), evening())
		plan := w.plan(dongSay)
		if len(plan.Slots) == 0 || plan.Slots[0].Warrant != b.Warrant || plan.Slots[0].Start != at("06:00:00") {
			t.Errorf("another's dispatch took the sounding slot out of the plan: %+v", plan.Slots)
		}
	})
}

// TestSessionAroundPlayNow: what plays at once may reach into a session; the
// session then begins after it.
func TestSessionAroundPlayNow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		w.placed(thon1, "Đình làng")
		b, next := w.sealed(notice()), w.sealed(notice())
		w.turnTo("05:58:58")
		_, err := w.flow.PlayNow(t.Context(), writer(), b.ID)
		w.ok(err)
		_, err = w.flow.Schedule(t.Context(), writer(), next.ID, []bulletin.Choice{morning()})
		w.ok(err)
		now, err := w.flow.Slots(t.Context(), b.ID)
		w.ok(err)
		after, err := w.flow.Slots(t.Context(), next.ID)
		w.ok(err)
		if now[0].Start != at("05:59:58") || after[0].Start != now[0].Start+now[0].MS+3000 {
			t.Errorf("at once %+v, session %+v", now[0], after[0])
		}
	})
}

// TestEnrolTogether: two boxes with one code, at once; then the code's age.
func TestEnrolTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		p := w.pole(thon1, "Cột 1")
		code, err := w.register.NewCode(ctx, officer(), p.ID)
		w.ok(err)
		var mu sync.Mutex
		var winner device
		w.oneWins(together(2, func(int) error {
			d, err := w.enrol(code)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				winner = d
			}
			return err
		}), "enrol.code_refused")
		boxes, err := w.register.Boxes(ctx, dongSay)
		w.ok(err)
		if len(boxes) != 1 || boxes[0].ID != winner.ID || boxes[0].State != speaker.Waiting || boxes[0].Check != winner.Check {
			t.Errorf("boxes: %+v, the winner is %+v", boxes, winner.Box)
		}

		old, err := w.register.NewCode(ctx, officer(), p.ID)
		w.ok(err)
		w.clock.Turn(speaker.CodeLife + time.Millisecond)
		_, err = w.enrol(old)
		w.wants(err, loa.Forbidden, "enrol.code_refused")
		_, err = w.enrol("ABCDEFGH." + w.ceremony.Root.Fingerprint()[:16])
		w.wants(err, loa.Forbidden, "enrol.code_refused")
	})
}

// TestConfirmTogether: two officers confirm one box at once.
func TestConfirmTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		d := w.waiting(thon1, "Cột 1")
		payload, err := w.register.DraftPlacement(ctx, officer(), d.ID, false)
		w.ok(err)
		yes := w.yes(officer(), payload)
		errs := together(2, func(int) error { return w.register.Confirm(ctx, officer(), d.ID, yes) })
		won := 0
		for _, err := range errs {
			switch key := loa.KeyOf(err); {
			case err == nil:
				won++
			case key != "box.changed_meanwhile" && key != "box.no_draft": // in time to see the draft, or not
				t.Error(err)
			}
		}
		if n := len(w.verbs(d.ID)); won != 1 || n != 2 {
			t.Errorf("%d confirmations, %d rows in the book", won, n)
		}
		if c := w.beacon(dongSay); c.Placements != 1 || c.Number != w.now() { // a second would be one on
			t.Errorf("beacon: %+v", c)
		}
		if p := w.placement(d.ID); p.Version != w.now() {
			t.Errorf("placement: %+v", p)
		}
	})
}
