package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/bulletin"
	"loa/wire"
)

func TestReturn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		b := w.submitted(notice())
		for name, why := range map[string]string{"none": " \n", "too long": strings.Repeat("a", 1001), "no UTF-8": "\xff"} {
			if _, err := w.flow.Return(ctx, chair(), b.ID, why); loa.KeyOf(err) != "recall.reason" {
				t.Errorf("reason %s: %v", name, err)
			}
		}
		_, err := w.flow.Return(ctx, officer(), b.ID, "Sai giờ")
		w.wants(err, loa.Forbidden, "right.missing")
		w.tick()
		_, err = w.flow.Return(ctx, chair(), b.ID, " Sai giờ ")
		w.ok(err)
		b = w.bulletin(b.ID)
		if b.State != bulletin.Draft || b.Payload != nil || b.Note != "Sai giờ" {
			t.Errorf("returned: %s, %d bytes, %q", b.State, len(b.Payload), b.Note)
		}
		_, err = w.flow.Return(ctx, chair(), b.ID, "Sai giờ")
		w.wants(err, loa.Conflict, "bulletin.moved")
		if diff := cmp.Diff([]string{"bulletin.drafted", "bulletin.submitted", "bulletin.returned"}, w.verbs(b.ID)); diff != "" {
			t.Error(diff)
		}
		// Asked again it is a new warrant, and the note is gone.
		old := loa.Hash(b.Payload)
		w.tick()
		b, err = w.flow.Submit(ctx, writer(), b.ID)
		w.ok(err)
		if b.Note != "" || loa.Hash(b.Payload) == old {
			t.Errorf("submitted again with note %q", b.Note)
		}
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay)
		b, other := w.dispatched(notice(), morning(), evening()), w.dispatched(notice(), morning())
		if n := len(w.plan(dongSay).Slots); n != 3 {
			t.Fatalf("the plan holds %d slots", n)
		}
		_, err := w.flow.Cancel(ctx, writer(), b.ID, "")
		w.wants(err, loa.Invalid, "recall.reason")
		_, err = w.flow.Cancel(ctx, person("x", "X", dongSay, loa.RightWrite, loa.RightRead), b.ID, "Nhầm")
		w.wants(err, loa.Forbidden, "right.missing") // the right to write covers one's own alone
		version := w.plan(dongSay).Version
		w.tick()
		_, err = w.flow.Cancel(ctx, person("writer", "Lê Thị Mận", dongSay, loa.RightWrite), b.ID, "Nhầm")
		w.ok(err)
		plan := w.plan(dongSay)
		if len(plan.Slots) != 1 || plan.Slots[0].Warrant != other.Warrant || plan.Version != w.rise(version) {
			t.Errorf("plan: %+v", plan)
		}
		rows := w.rows(b.ID)
		last := rows[len(rows)-1]
		if diff := cmp.Diff([]string{wire.BeaconTopic(dongSay)}, topics(w.emits(last))); last.Verb != "bulletin.cancelled" || diff != "" {
			t.Error(last.Verb, diff)
		}
		slots, err := w.flow.Slots(ctx, b.ID)
		w.ok(err)
		if len(slots) != 2 || !slots[0].Cancelled || !slots[1].Cancelled {
			t.Errorf("slots: %+v", slots)
		}
		if b = w.bulletin(b.ID); b.State != bulletin.Cancelled || b.Note != "Nhầm" {
			t.Errorf("it is %s, %q", b.State, b.Note)
		}
		for name, err := range map[string]error{
			"cancel":   second(w.flow.Cancel(ctx, writer(), b.ID, "Nhầm")),
			"schedule": second(w.flow.Schedule(ctx, writer(), b.ID, []bulletin.Choice{evening()})),
			"dispatch": second(w.flow.Dispatch(ctx, b.ID)),
			"sign":     second(w.flow.Sign(ctx, b.ID)),
			"submit":   second(w.flow.Submit(ctx, writer(), b.ID)),
		} {
			if loa.KeyOf(err) != "bulletin.moved" {
				t.Errorf("%s after cancelling: %v", name, err)
			}
		}
	})
}

// TestCancelUnderWay: what has begun by the millisecond plays to its end, so its
// row is not called cancelled; the plan has none of it either way.
func TestCancelUnderWay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay)
		for _, c := range []struct {
			before    time.Duration // the slot's start
			cancelled bool
		}{{time.Millisecond, true}, {0, false}, {-time.Second, false}} {
			b := w.dispatched(notice(), bulletin.Choice{Day: w.clock.Now().In(loa.Zone()).Format(time.DateOnly), Part: bulletin.Morning}, evening())
			slots, err := w.flow.Slots(ctx, b.ID)
			w.ok(err)
			if len(slots) != 2 {
				t.Fatalf("slots: %+v", slots)
			}
			w.clock.Turn(time.UnixMilli(slots[0].Start).Add(-c.before).Sub(w.clock.Now()))
			_, err = w.flow.Cancel(ctx, chair(), b.ID, "Nhầm")
			w.ok(err)
			if slots, err = w.flow.Slots(ctx, b.ID); err != nil || slots[0].Cancelled != c.cancelled || !slots[1].Cancelled {
				t.Errorf("%s before: %+v, %v", c.before, slots, err)
			}
			for range 2 {
				if plan := w.plan(dongSay); len(plan.Slots) != 0 {
					t.Errorf("%s before: plan %+v", c.before, plan.Slots)
				}
				w.ok(w.flow.Replan(ctx, dongSay)) // nor does a later plan bring it back
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestStopNow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay)
		b := w.dispatched(notice(), morning(), evening())
		w.turnTo("06:00:01") // it sounds
		_, err := w.flow.StopNow(ctx, chair(), b.ID, "Sai nội dung", wire.Approval{})
		w.wants(err, loa.Conflict, "stop.no_draft")
		_, err = w.flow.DraftStop(ctx, person("x", "X", dongSay, loa.RightRead), b.ID)
		w.wants(err, loa.Forbidden, "right.missing")
		_, err = w.flow.DraftStop(ctx, chair(), w.draft(notice()).ID)
		w.wants(err, loa.Conflict, "bulletin.moved")

		drafted := w.now() // both drafts in one millisecond: the second counts one on
		first, err := w.flow.DraftStop(ctx, chair(), b.ID)
		w.ok(err)
		payload, err := w.flow.DraftStop(ctx, chair(), b.ID)
		w.ok(err)
		_, err = w.flow.StopNow(ctx, chair(), b.ID, "Sai nội dung", w.yes(chair(), first))
		w.wants(err, loa.Forbidden, "approval.other_bytes")
		_, err = w.flow.StopNow(ctx, person("x", "X", dongSay, loa.RightRead), b.ID, "Sai nội dung", w.yes(chair(), payload))
		w.wants(err, loa.Forbidden, "right.missing")
		if c := w.beacon(dongSay); len(c.Now) != 0 || w.bulletin(b.ID).State != bulletin.Dispatched {
			t.Fatalf("a stop that was refused left %v", c.Now)
		}

		w.tick()
		_, err = w.flow.StopNow(ctx, chair(), b.ID, "Sai nội dung", w.yes(chair(), payload))
		w.ok(err)
		c := w.beacon(dongSay)
		if len(c.Now) != 1 || len(w.plan(dongSay).Slots) != 0 {
			t.Fatalf("beacon %+v", c)
		}
		slots, err := w.flow.Slots(ctx, b.ID)
		w.ok(err)
		if len(slots) != 2 || slots[0].Cancelled || !slots[1].Cancelled {
			t.Errorf("slots, of which one had begun: %+v", slots)
		}
		sealed := w.document(c.Now[0])
		stop, err := wire.OpenWarrant(w.trust, sealed, w.now())
		w.ok(err)
		if stop.Kind != "stop" || !stop.Now || stop.Seq != drafted+1 || c.Mark != stop.Seq || !slices.Equal(stop.Stops, []string{b.Warrant}) || stop.Author != "chair" {
			t.Errorf("stop: %+v, mark %d", stop, c.Mark)
		}
		rows := w.rows(b.ID)
		last := rows[len(rows)-1]
		out := w.emits(last)
		if diff := cmp.Diff([]string{wire.NowTopic(dongSay), wire.BeaconTopic(dongSay), wire.BeaconTopic(dongSay)}, topics(out)); last.Verb != "bulletin.stopped" || diff != "" {
			t.Error(last.Verb, diff)
		}
		if string(out[0].Body) != string(sealed) {
			t.Error("what is said on the now topic is not the stop warrant")
		}
		if b = w.bulletin(b.ID); b.State != bulletin.Stopped || b.Note != "Sai nội dung" || b.StopBytes != nil {
			t.Errorf("it is %s, %q, draft %d bytes", b.State, b.Note, len(b.StopBytes))
		}
		_, err = w.flow.StopNow(ctx, chair(), b.ID, "Sai nội dung", w.yes(chair(), payload))
		w.wants(err, loa.Conflict, "stop.no_draft")

		// It is named as long as what it stops could sound, and not longer.
		w.clock.Turn(time.UnixMilli(b.Until).Sub(w.clock.Now()))
		for _, live := range []int{1, 0} {
			_, err := w.register.Beacons(ctx)
			w.ok(err)
			if c := w.beacon(dongSay); len(c.Now) != live {
				t.Errorf("%d live, want %d", len(c.Now), live)
			}
			w.tick()
		}
	})
}

func TestExpire(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay)
		short := notice()
		short.Until = start().Add(24 * time.Hour)
		dispatched, submitted, draft := w.dispatched(short, evening()), w.submitted(short), w.draft(short)
		longer := w.dispatched(notice(), evening(), bulletin.Choice{Day: "2026-11-25", Part: bulletin.Morning})
		w.clock.Turn(start().Add(24*time.Hour - time.Millisecond).Sub(w.clock.Now()))
		for i, want := range []int{0, 2, 0} {
			n, err := w.flow.Expire(ctx)
			w.ok(err)
			if n != want {
				t.Errorf("run %d ended %d, want %d", i, n, want)
			}
			w.clock.Turn(time.Millisecond)
		}
		for id, want := range map[string]bulletin.State{
			dispatched.ID: bulletin.Expired, submitted.ID: bulletin.Expired, draft.ID: bulletin.Draft, longer.ID: bulletin.Dispatched,
		} {
			if got := w.bulletin(id).State; got != want {
				t.Errorf("%s is %s, want %s", id, got, want)
			}
		}
		if slots := w.plan(dongSay).Slots; len(slots) != 1 || slots[0].Warrant != longer.Warrant {
			t.Errorf("plan: %+v", slots)
		}
		verbs := w.verbs(dispatched.ID)
		if verbs[len(verbs)-1] != "bulletin.expired" {
			t.Errorf("journal: %v", verbs)
		}
		_, err := w.flow.Submit(ctx, writer(), draft.ID) // too late to ask
		w.wants(err, loa.Invalid, "bulletin.dates")
	})
}

// TestList finds bulletins by place, state and words without diacritics.
func TestList(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		n := notice()
		n.Title = "Tiêm phòng 100%"
		power, vaccine := w.draft(notice()), w.submitted(n)
		for _, c := range []struct {
			name string
			q    bulletin.Query
			want []string
		}{
			{"all, the newest first", bulletin.Query{Path: province}, []string{vaccine.ID, power.ID}},
			{"a page", bulletin.Query{Path: province, Limit: 1}, []string{vaccine.ID}},
			{"the page after", bulletin.Query{Path: province, Before: vaccine.ID}, []string{power.ID}},
			{"another place", bulletin.Query{Path: benMai}, nil},
			{"drafts", bulletin.Query{Path: dongSay, States: []bulletin.State{bulletin.Draft, bulletin.Expired}}, []string{power.ID}},
			{"words without diacritics", bulletin.Query{Path: dongSay, Text: "tiem phong"}, []string{vaccine.ID}},
			{"words of the text", bulletin.Query{Path: dongSay, Text: "CẮT ĐIỆN TỪ"}, []string{vaccine.ID, power.ID}},
			{"a percent sign is one", bulletin.Query{Path: dongSay, Text: "100%"}, []string{vaccine.ID}},
			{"and no wildcard", bulletin.Query{Path: dongSay, Text: "l%ch"}, nil},
		} {
			all, err := w.flow.List(ctx, chief(), c.q)
			w.ok(err)
			var got []string
			for _, b := range all {
				got = append(got, b.ID)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(c.name, diff)
			}
		}
		stranger := person("x", "X", benMai, loa.RightRead)
		w.wants(second(w.flow.List(ctx, stranger, bulletin.Query{Path: dongSay})), loa.Forbidden, "right.missing")
		w.wants(second(w.flow.List(ctx, stranger, bulletin.Query{})), loa.Forbidden, "right.missing")
		w.wants(second(w.flow.Find(ctx, stranger, power.ID)), loa.Forbidden, "right.missing")
		w.wants(second(w.flow.Log(ctx, stranger, bulletin.LogQuery{Place: dongSay})), loa.Forbidden, "right.missing")
		w.wants(second(w.flow.Find(ctx, chief(), loa.NewID(w.clock.Now()))), loa.NotFound, "bulletin.unknown")
	})
}
