package e2e

import (
	"slices"
	"testing"
	"time"

	"loa"
	"loa/bulletin"
	"loa/wire"
)

// officerOf is who looks after the station of one commune and of no other.
func officerOf(commune loa.Path) loa.Actor {
	return person("officer-"+string(commune), "Lê Thị Mận", commune, loa.RightRead, loa.RightDispatch, loa.RightWrite)
}

// everywhere is a notice of the province for both communes.
func everywhere(class wire.Class) bulletin.Notice {
	n := notice()
	n.Path, n.Class, n.Scope = province, class, []loa.Path{dongSay, benMai}
	return n
}

// TestInboxNormal is Circular 39/2020 for a normal bulletin: each commune
// chooses whether and when, for itself alone.
func TestInboxNormal(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay)
		w.openStation(benMai)
		here, there := w.placed(dongSay, "Cổng Chùa"), w.placed(benMai, "Bãi Ngô")
		b, err := w.provinceSealed(everywhere(wire.Normal))
		w.ok(err)

		mine, theirs := officerOf(dongSay), officerOf(benMai)
		waiting, err := w.flow.Inbox(ctx, mine, dongSay)
		w.ok(err)
		if len(waiting) != 1 || waiting[0].ID != b.ID || waiting[0].Reply != bulletin.Offered {
			t.Fatalf("inbox %+v", waiting)
		}
		_, err = w.flow.Inbox(ctx, mine, benMai)
		w.wants(err, loa.Forbidden, "right.missing")
		_, err = w.flow.Take(ctx, mine, b.ID, benMai, []bulletin.Choice{morning()})
		w.wants(err, loa.Forbidden, "right.missing")
		_, err = w.flow.Find(ctx, mine, b.ID)
		w.ok(err)

		_, err = w.flow.Take(ctx, mine, b.ID, dongSay, []bulletin.Choice{morning()})
		w.ok(err)
		_, err = w.flow.Dispatch(ctx, b.ID)
		w.ok(err)
		w.wants(w.flow.Leave(ctx, theirs, b.ID, benMai, " "), loa.Invalid, "recall.reason")
		w.ok(w.flow.Leave(ctx, theirs, b.ID, benMai, "Xã đã tự thông báo hôm qua"))

		if n := len(w.plan(dongSay).Slots); n != 1 {
			t.Errorf("%d slots where it was taken, want 1", n)
		}
		if n := len(w.plan(benMai).Slots); n != 0 {
			t.Errorf("%d slots where it was left, want 0", n)
		}
		meant, err := w.flow.Meant(ctx, b.ID)
		w.ok(err)
		if !slices.Contains(meant, here.ID) || slices.Contains(meant, there.ID) {
			t.Errorf("meant %v, want %s without %s", meant, here.ID, there.ID)
		}
		said, err := w.flow.Replies(ctx, editor(), b.ID)
		w.ok(err)
		if len(said) != 2 || said[0].Reply != bulletin.Taken || said[1].Reply != bulletin.Left || said[1].Why == "" {
			t.Errorf("answers %+v", said)
		}

		// A second thought: it leaves the plan again, and comes back.
		w.ok(w.flow.Leave(ctx, mine, b.ID, dongSay, "Nhường chỗ cho tin dịch bệnh"))
		if n := len(w.plan(dongSay).Slots); n != 0 {
			t.Errorf("%d slots after leaving, want 0", n)
		}
		_, err = w.flow.Take(ctx, mine, b.ID, dongSay, []bulletin.Choice{morning()})
		w.ok(err)
	})
}

// TestInboxPriority is the same circular for a priority bulletin: it is placed
// first by itself; the commune may choose another session, not silence.
func TestInboxPriority(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay) // Bến Mai has no sessions yet
		own := w.dispatched(notice(), morning())
		b, err := w.provinceSealed(everywhere(wire.Priority))
		w.ok(err)

		ids, err := w.flow.Uncarried(ctx)
		w.ok(err)
		if !slices.Equal(ids, []string{b.ID}) {
			t.Fatalf("uncarried %v", ids)
		}
		w.ok(w.flow.Carry(ctx, b.ID))
		plan := w.plan(dongSay).Slots
		if len(plan) != 2 || plan[0].Warrant != w.bulletin(b.ID).Warrant || plan[1].Warrant != own.Warrant {
			t.Errorf("the plan holds %+v; want the province's before the commune's own", plan)
		}
		waiting, err := w.flow.Inbox(ctx, officerOf(benMai), benMai)
		w.ok(err)
		if len(waiting) != 1 || waiting[0].Reply != bulletin.Offered || waiting[0].Why != "session.none" {
			t.Errorf("inbox without a session %+v", waiting)
		}
		w.wants(w.flow.Leave(ctx, officerOf(dongSay), b.ID, dongSay, "Không muốn"), loa.Forbidden, "inbox.must_carry")
		if ids, err = w.flow.Uncarried(ctx); err != nil || len(ids) != 0 {
			t.Errorf("asked again at once: %v, %v", ids, err)
		}

		// Ten minutes later there is a session, and the next try finds it.
		w.openStation(benMai)
		w.clock.Turn(11 * time.Minute)
		if ids, err = w.flow.Uncarried(ctx); err != nil || !slices.Equal(ids, []string{b.ID}) {
			t.Fatalf("uncarried %v, %v", ids, err)
		}
		w.ok(w.flow.Carry(ctx, b.ID))
		if n := len(w.plan(benMai).Slots); n != 1 {
			t.Errorf("%d slots in Bến Mai, want 1", n)
		}

		// The commune moves it: the old start leaves, the new one comes.
		afternoon := bulletin.Choice{Day: "2026-11-23", Part: bulletin.Afternoon}
		_, err = w.flow.Take(ctx, officerOf(dongSay), b.ID, dongSay, []bulletin.Choice{afternoon})
		w.ok(err)
		_, err = w.flow.Dispatch(ctx, b.ID)
		w.ok(err)
		var sessions []string
		slots, err := w.flow.Slots(ctx, b.ID)
		w.ok(err)
		for _, s := range slots {
			if s.Commune == dongSay && !s.Cancelled {
				sessions = append(sessions, s.Session)
			}
		}
		if !slices.Equal(sessions, []string{"2026-11-23/afternoon"}) {
			t.Errorf("it stands in %v", sessions)
		}
	})
}

// TestInboxTogether lets two officers answer at once: one answer stands, and the
// plan agrees with it.
func TestInboxTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay)
		b, err := w.provinceSealed(everywhere(wire.Normal))
		w.ok(err)
		done := make(chan error, 2)
		go func() {
			_, err := w.flow.Take(ctx, officerOf(dongSay), b.ID, dongSay, []bulletin.Choice{morning()})
			done <- err
		}()
		go func() { done <- w.flow.Leave(ctx, officerOf(dongSay), b.ID, dongSay, "Đã thông báo") }()
		w.ok(<-done)
		w.ok(<-done)
		rows, err := w.flow.Inbox(ctx, officerOf(dongSay), dongSay)
		w.ok(err)
		slots, err := w.flow.Slots(ctx, b.ID)
		w.ok(err)
		standing := 0
		for _, s := range slots {
			if !s.Cancelled {
				standing++
			}
		}
		if (rows[0].Reply == bulletin.Taken) != (standing == 1) {
			t.Errorf("answer %s with %d starts", rows[0].Reply, standing)
		}
	})
}
