package e2e

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"loa"
	"loa/bulletin"
	"loa/db"
	"loa/seal"
	"loa/wire"
)

// TestOutward walks one notice from the typed text to the sealed receipt and
// looks at every door on the way.
func TestOutward(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay)
		box := w.placed(thon1, "Cột nhà văn hóa thôn 1")
		far := w.placed(benMai, "Cột bến đò") // in no scope of this test

		b := w.draft(notice())
		if b.State != bulletin.Draft || b.Author != "writer" || b.Main().Spoken == b.Main().Text {
			t.Fatalf("draft is %s by %s, spoken %q", b.State, b.Author, b.Main().Spoken)
		}

		w.tick()
		b, err := w.flow.Submit(ctx, writer(), b.ID)
		w.ok(err)
		mp3, err := w.flow.Blobs.Get(b.Main().Media)
		w.ok(err)
		frames, err := wire.CheckFrames(mp3)
		w.ok(err)
		if ms := int64(frames) * wire.FrameDuration.Milliseconds(); b.State != bulletin.Submitted || b.MS() != ms || b.Main().Bytes != int64(len(mp3)) || ms < 1000 {
			t.Errorf("submitted: %s, %d ms and %d bytes noted, %d and %d there", b.State, b.MS(), b.Main().Bytes, ms, len(mp3))
		}

		w.tick()
		w.ok(w.flow.Hear(ctx, chair(), b.ID, loa.Hash(b.Payload), bulletin.Heard))
		w.ok(w.flow.Hear(ctx, chair(), b.ID, loa.Hash(b.Payload), bulletin.Heard)) // listening again is once
		how, _, err := w.flow.Hearing(ctx, b, "chair")
		w.ok(err)
		if how != bulletin.Heard {
			t.Errorf("the chair's hearing is %q", how)
		}

		w.tick()
		payload := b.Payload
		b, err = w.flow.Approve(ctx, chair(), b.ID, w.yes(chair(), payload))
		w.ok(err)
		given, err := w.flow.Approvals(ctx, b)
		w.ok(err)
		if b.State != bulletin.Approved || len(given) != 1 || given[0].Person != "chair" || given[0].Payload != loa.Hash(payload) {
			t.Errorf("approved: %s by %+v", b.State, given)
		}

		unsigned, err := w.flow.Unsigned(ctx)
		w.ok(err)
		w.tick()
		b, err = w.flow.Sign(ctx, b.ID)
		w.ok(err)
		if diff := cmp.Diff([]string{b.ID}, unsigned); diff != "" {
			t.Error(diff)
		}
		opened, err := seal.Open(w.document(b.Warrant), seal.MaxDocument)
		w.ok(err)
		if b.State != bulletin.Sealed || !bytes.Equal(opened.Payload, payload) {
			t.Errorf("sealed: %s, the approved bytes: %t", b.State, bytes.Equal(opened.Payload, payload))
		}
		warrant := w.warrant(b)

		w.tick()
		b, err = w.flow.Schedule(ctx, writer(), b.ID, []bulletin.Choice{morning(), evening()})
		w.ok(err)
		if b.State != bulletin.Scheduled {
			t.Errorf("scheduled: %s", b.State)
		}
		planned, err := w.flow.Slots(ctx, b.ID)
		w.ok(err)
		if len(planned) != 2 || planned[0].Start != at("06:00:00") || planned[1].Start != at("17:00:00") || planned[0].MS != b.MS() {
			t.Fatalf("slots: %+v", planned)
		}

		undispatched, err := w.flow.Undispatched(ctx)
		w.ok(err)
		before := w.beacon(dongSay)
		w.tick()
		b, err = w.flow.Dispatch(ctx, b.ID)
		w.ok(err)
		if diff := cmp.Diff([]string{b.ID}, undispatched); diff != "" || b.State != bulletin.Dispatched {
			t.Error(b.State, diff)
		}
		want := []wire.Slot{
			{ID: planned[0].ID, Warrant: b.Warrant, Start: planned[0].Start},
			{ID: planned[1].ID, Warrant: b.Warrant, Start: planned[1].Start},
		}
		plan, after := w.plan(dongSay), w.beacon(dongSay)
		if diff := cmp.Diff(want, plan.Slots, cmpopts.EquateEmpty()); diff != "" {
			t.Error("plan:", diff)
		}
		if after.Number != w.rise(before.Number) || after.PlanVersion != w.rise(before.PlanVersion) {
			t.Errorf("beacon %d, plan %d, after beacon %d, plan %d", after.Number, after.PlanVersion, before.Number, before.PlanVersion)
		}
		meant, err := w.flow.Meant(ctx, b.ID)
		w.ok(err)
		if diff := cmp.Diff([]string{box.ID}, meant); diff != "" {
			t.Error("meant:", diff)
		}
		// What the plan holds, the box's own decision lets sound, at its own volume.
		for _, s := range plan.Slots {
			p := w.placement(box.ID)
			allowed, ok := wire.SlotAllowed(s, warrant, p, w.policies(p.Paths[0]))
			if !ok || allowed.Volume != 70 || !wire.ForMe(s, warrant, p) || wire.ForMe(s, warrant, w.placement(far.ID)) {
				t.Errorf("slot %s: %+v %t", s.ID, allowed, ok)
			}
		}

		if diff := cmp.Diff([]string{"bulletin.drafted", "bulletin.submitted", "bulletin.heard", "bulletin.approved",
			"bulletin.sealed", "bulletin.scheduled", "bulletin.dispatched"}, w.verbs(b.ID)); diff != "" {
			t.Error("journal:", diff)
		}
		// Only the last step lets anything out: the commune's beacon.
		rows := w.rows(b.ID)
		for _, r := range rows[:len(rows)-1] {
			if out := topics(w.emits(r)); out != nil {
				t.Errorf("%s lets out %v", r.Verb, out)
			}
		}
		out := w.emits(rows[len(rows)-1])
		if diff := cmp.Diff([]string{wire.BeaconTopic(dongSay)}, topics(out)); diff != "" {
			t.Error("outbox:", diff)
		}
		if c, err := wire.OpenBeacon(w.trust, out[0].Body, w.now()); err != nil || c.Plan != after.Plan {
			t.Errorf("the beacon let out names plan %s: %v", c.Plan, err)
		}
		// Every row was said after its commit, and nothing else was.
		var said []string
		for _, e := range w.said {
			if e.Subject == b.ID {
				said = append(said, e.Verb)
			}
		}
		if diff := cmp.Diff(w.verbs(b.ID), said); diff != "" {
			t.Error("said:", diff)
		}

		w.clock.Turn(time.UnixMilli(plan.Slots[0].Start + 60_000).Sub(w.clock.Now()))
		ack, err := w.flow.Played(ctx, w.receipt(box, line(1, plan.Slots[0])))
		w.ok(err)
		log, err := w.flow.Log(ctx, chair(), bulletin.LogQuery{Place: dongSay, Bulletin: b.ID})
		w.ok(err)
		if ack.Through != 1 || len(log) != 1 {
			t.Fatalf("acknowledged to %d, %d lines in the log", ack.Through, len(log))
		}
		if diff := cmp.Diff(bulletin.Playback{
			Box: box.ID, N: 1, Slot: plan.Slots[0].ID, Warrant: b.Warrant, Bulletin: b.ID, Title: b.Title,
			Planned: plan.Slots[0].Start, Started: plan.Slots[0].Start + 4, MS: 1234, SkewUS: 4200, Volume: 70,
			Result: wire.Played, Clock: wire.ClockTrusted, Verified: true, Degree: "A", Received: w.now(),
			PoleName: box.Pole.Name, PoleCode: box.Pole.Code, Sounds: true,
		}, log[0]); diff != "" {
			t.Error("playback:", diff)
		}
	})
}

// at is a moment of the first day, local time.
func at(clock string) int64 {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", "2026-11-23 "+clock, loa.Zone())
	if err != nil {
		panic(err)
	}
	return t.UnixMilli()
}

// turnTo sets the clock to a moment of the first day.
func (w *station) turnTo(clock string) { w.clock.Turn(time.UnixMilli(at(clock)).Sub(w.clock.Now())) }

// line is a playback of a slot, four milliseconds late.
func line(n int64, s wire.Slot) wire.Line {
	return wire.Line{N: n, Slot: s.ID, Warrant: s.Warrant, Planned: s.Start, Started: s.Start + 4, MS: 1234, SkewUS: 4200,
		Volume: 70, Result: wire.Played, Clock: wire.ClockTrusted, Verified: true}
}

// receipt is a batch of a box's lines, sealed by its key.
func (w *station) receipt(d device, lines ...wire.Line) []byte {
	w.t.Helper()
	return w.receiptBy(d.key, d.ID, lines...)
}

func (w *station) receiptBy(key seal.Key, box string, lines ...wire.Line) []byte {
	w.t.Helper()
	payload, err := wire.Encode(wire.Receipt{V: wire.Version, Kind: "receipt", Device: box, At: w.now(), Lines: lines})
	w.ok(err)
	b, err := seal.Seal(wire.ReceiptType, payload, key)
	w.ok(err)
	return b
}

// TestReceipts loses, doubles and reorders batches.
func TestReceipts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		box, other := w.placed(thon1, "Cột 1"), w.placed(dongSay, "Cột 2")
		s := wire.Slot{ID: loa.NewID(w.clock.Now()), Warrant: loa.Hash([]byte("a warrant of long ago")), Start: w.now()}
		late, early := w.receipt(box, line(3, s), line(4, s)), w.receipt(box, line(1, s), line(2, s))
		for i, step := range []struct {
			batch   []byte
			through int64
			rows    int // of the playback log
			entries int // in the book
		}{
			{late, 0, 2, 1},  // a gap: held, not acknowledged
			{late, 0, 2, 1},  // sent again: nothing
			{early, 4, 4, 2}, // the gap closes
			{early, 4, 4, 2},
			{late, 4, 4, 2},
			{w.receipt(box, line(4, s), line(5, s)), 5, 5, 3}, // half of it is new
			{w.receipt(other, line(1, s)), 1, 6, 3},           // every box counts for itself
		} {
			w.tick()
			ack, err := w.flow.Played(ctx, step.batch)
			w.ok(err)
			rows, entries := w.count(`SELECT COUNT(*) FROM playback`), len(w.verbs(box.ID))-2
			if ack.Through != step.through || rows != step.rows || entries != step.entries {
				t.Errorf("step %d: through %d, %d lines, %d entries; want %d, %d, %d",
					i, ack.Through, rows, entries, step.through, step.rows, step.entries)
			}
		}
		// A line once held is never changed by a later batch with the same number.
		lie := line(1, s)
		lie.Result, lie.MS = wire.Missed, 0
		if _, err := w.flow.Played(ctx, w.receipt(box, lie)); err != nil {
			t.Error(err)
		}
		if n := w.count(`SELECT COUNT(*) FROM playback WHERE result = 'missed'`); n != 0 {
			t.Error("a second line with number 1 replaced the first")
		}

		rows := w.count(`SELECT COUNT(*) FROM playback`)
		_, err := w.flow.Played(ctx, w.receiptBy(other.key, box.ID, line(6, s)))
		w.wants(err, loa.Forbidden, "seal.unknown_key")
		_, err = w.flow.Played(ctx, w.receiptBy(box.key, loa.NewID(w.clock.Now()), line(1, s)))
		w.wants(err, loa.NotFound, "box.unknown")
		_, err = w.flow.Played(ctx, []byte("{}"))
		w.wants(err, loa.Invalid, "seal.signatures")
		if n := w.count(`SELECT COUNT(*) FROM playback`); n != rows {
			t.Errorf("refused receipts left %d lines", n-rows)
		}
		// What a box played before it was taken away is still evidence.
		w.confirm(box.ID, true)
		ack, err := w.flow.Played(ctx, w.receipt(box, line(6, s)))
		w.ok(err)
		if ack.Through != 6 {
			t.Errorf("through %d after revocation", ack.Through)
		}
	})
}

// TestReceiptsAtOnce: what comes at once is written together, each box gets its
// own answer, and one that cannot be written is refused alone.
func TestReceiptsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		s := wire.Slot{ID: loa.NewID(w.clock.Now()), Warrant: loa.Hash([]byte("a warrant of long ago")), Start: w.now()}
		var boxes []device
		for i := range 12 {
			boxes = append(boxes, w.placed(thon1, fmt.Sprint("Cột ", i)))
		}
		// The database refuses a second line of this volume.
		w.ok(w.db.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(`CREATE UNIQUE INDEX poison ON playback (volume) WHERE volume = 71`)
			return err
		}))
		one, two := line(1, s), line(2, s)
		one.Volume, two.Volume = 71, 71
		entries := w.count(`SELECT COUNT(*) FROM journal`)
		batches := make([][]byte, len(boxes))
		for i, b := range boxes {
			batches[i] = w.receipt(b, line(1, s), line(2, s))
		}
		batches[3] = w.receipt(boxes[3], one, two)
		var all sync.WaitGroup
		acks, errs := make([]wire.Ack, 2*len(boxes)), make([]error, 2*len(boxes))
		for i := range acks {
			all.Go(func() { acks[i], errs[i] = w.flow.Played(ctx, batches[i%len(batches)]) }) // each twice
		}
		all.Wait()
		for i := range acks {
			if poisoned := i%len(batches) == 3; poisoned != (errs[i] != nil) || !poisoned && acks[i].Through != 2 {
				t.Errorf("box %d: through %d, %v", i%len(batches), acks[i].Through, errs[i])
			}
		}
		if rows, more := w.count(`SELECT COUNT(*) FROM playback`), w.count(`SELECT COUNT(*) FROM journal`)-entries; rows != 22 || more != 11 {
			t.Errorf("%d lines, %d entries; want 22, 11", rows, more)
		}
	})
}

// TestReceiptUnconfirmed: a box that only asked has nothing to report.
func TestReceiptUnconfirmed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		box := w.waiting(thon1, "Cột 1")
		batch := w.receipt(box, line(1, wire.Slot{ID: loa.NewID(w.clock.Now()), Warrant: loa.Hash([]byte("x")), Start: w.now()}))
		_, err := w.flow.Played(ctx, batch)
		w.wants(err, loa.NotFound, "box.unknown")
		if n := w.count(`SELECT COUNT(*) FROM playback`); n != 0 {
			t.Errorf("%d lines are held", n)
		}
		w.confirm(box.ID, false)
		ack, err := w.flow.Played(ctx, batch)
		w.ok(err)
		if ack.Through != 1 {
			t.Errorf("through %d once it is confirmed", ack.Through)
		}
	})
}

// TestLog narrows the playback log by place, bulletin and time.
func TestLog(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay)
		b := w.dispatched(notice(), morning())
		here, there, away := w.placed(thon1, "Cột 1"), w.placed(dongSay, "Cột 2"), w.placed(benMai, "Cột 3")
		slot := w.plan(dongSay).Slots[0]
		other := wire.Slot{ID: loa.NewID(w.clock.Now()), Warrant: loa.Hash([]byte("x")), Start: slot.Start + 24*3600_000}
		for _, batch := range [][]byte{
			w.receipt(here, line(1, slot), line(2, other)), w.receipt(there, line(11, slot)), w.receipt(away, line(21, other)),
		} {
			w.tick()
			_, err := w.flow.Played(ctx, batch)
			w.ok(err)
		}
		day := time.UnixMilli(slot.Start)
		for _, c := range []struct {
			name string
			q    bulletin.LogQuery
			want []int64
		}{
			{"the province, the newest first", bulletin.LogQuery{Place: province}, []int64{2, 21, 1, 11}},
			{"a commune", bulletin.LogQuery{Place: dongSay}, []int64{2, 1, 11}},
			{"a hamlet", bulletin.LogQuery{Place: thon1}, []int64{2, 1}},
			{"a bulletin", bulletin.LogQuery{Place: province, Bulletin: b.ID}, []int64{1, 11}},
			{"from the next day", bulletin.LogQuery{Place: province, From: day.Add(24 * time.Hour)}, []int64{2, 21}},
			{"from a millisecond later", bulletin.LogQuery{Place: province, From: day.Add(24*time.Hour + time.Millisecond)}, nil},
			{"before the next day", bulletin.LogQuery{Place: province, Until: day.Add(24 * time.Hour)}, []int64{1, 11}},
			{"one day of it", bulletin.LogQuery{Place: province, From: day, Until: day.Add(time.Millisecond)}, []int64{1, 11}},
			{"the first of them", bulletin.LogQuery{Place: province, Limit: 1}, []int64{2}},
		} {
			rows, err := w.flow.Log(ctx, chief(), c.q)
			w.ok(err)
			var got []int64
			for _, p := range rows {
				got = append(got, p.N)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(c.name, diff)
			}
		}
		w.wants(second(w.flow.Log(ctx, chief(), bulletin.LogQuery{})), loa.Forbidden, "right.missing")
	})
}

// TestReceiptsTogether sends eight batches of one box at once, in no order.
func TestReceiptsTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		box := w.placed(thon1, "Cột 1")
		s := wire.Slot{ID: loa.NewID(w.clock.Now()), Warrant: loa.Hash([]byte("x")), Start: w.now()}
		var batches [][]byte
		for i := range int64(8) {
			batches = append(batches, w.receipt(box, line(2*i+1, s), line(2*i+2, s)))
		}
		for i, err := range together(8, func(i int) error {
			_, err := w.flow.Played(t.Context(), batches[7-i])
			return err
		}) {
			if err != nil {
				t.Errorf("batch %d: %v", i, err)
			}
		}
		ack, err := w.flow.Played(t.Context(), batches[0])
		w.ok(err)
		if ack.Through != 16 {
			t.Errorf("through %d, want 16", ack.Through)
		}
	})
}

// TestSignerAway: an approved bulletin waits for the signer and is not lost.
func TestSignerAway(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		b := w.approved(notice())
		w.stop()
		_, err := w.flow.Sign(t.Context(), b.ID)
		w.wants(err, loa.Unavailable, "signer.away")
		if got := w.bulletin(b.ID).State; got != bulletin.Approved {
			t.Errorf("it is %s", got)
		}
		unsigned, err := w.flow.Unsigned(t.Context())
		w.ok(err)
		if diff := cmp.Diff([]string{b.ID}, unsigned); diff != "" {
			t.Error(diff)
		}
	})
}

// TestSignerDisbelieves: a yes that is none goes no further than the evidence,
// and the bulletin can be approved by somebody who is believed.
func TestSignerDisbelieves(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		b := w.submitted(notice())
		hash := loa.Hash(b.Payload)
		w.tick()
		w.ok(w.flow.Hear(ctx, chair(), b.ID, hash, bulletin.Read))
		w.tick()
		_, err := w.flow.Approve(ctx, chair(), b.ID, w.yes(chair(), []byte("other bytes")))
		w.ok(err) // the node believes the page; only the signer knows
		w.tick()
		_, err = w.flow.Sign(ctx, b.ID)
		w.wants(err, loa.Forbidden, "approval.other_bytes")
		b = w.bulletin(b.ID)
		if b.State != bulletin.Submitted || b.Warrant != "" || loa.Hash(b.Payload) != hash {
			t.Errorf("it is %s with warrant %q", b.State, b.Warrant)
		}
		if n := w.count(`SELECT COUNT(*) FROM approval WHERE refused = 'approval.other_bytes'`); n != 1 {
			t.Errorf("%d refused approvals are kept", n)
		}
		w.tick()
		_, err = w.flow.Approve(ctx, chair(), b.ID, w.yes(chair(), b.Payload))
		w.ok(err)
		w.tick()
		b, err = w.flow.Sign(ctx, b.ID)
		w.ok(err)
		if diff := cmp.Diff([]string{"bulletin.drafted", "bulletin.submitted", "bulletin.read", "bulletin.approved",
			"bulletin.approval_refused", "bulletin.approved", "bulletin.sealed"}, w.verbs(b.ID)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestSession fills a session: order of arrival, priority first, full.
func TestSession(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay)
		titled := func(title string, class wire.Class) bulletin.Notice {
			n := notice()
			n.Title, n.Class = title, class
			return n
		}
		first := w.scheduled(titled("một", wire.Normal), morning())
		w.scheduled(titled("hai", wire.Normal), morning())
		w.scheduled(titled("gấp", wire.Priority), morning())
		w.dispatched(titled("gấp nữa", wire.Priority), morning())
		sessions, err := w.flow.Sessions(ctx, dongSay, 1)
		w.ok(err)
		if len(sessions) != 2 || sessions[0].Key() != "2026-11-23/morning" || sessions[1].Key() != "2026-11-23/afternoon" {
			t.Fatalf("sessions: %+v", sessions)
		}
		var got []string
		for i, it := range sessions[0].Items {
			want := at("06:00:00") + int64(i)*(first.MS()+3000)
			got = append(got, fmt.Sprint(it.Title, " ", it.Start-want))
		}
		if diff := cmp.Diff([]string{"gấp 0", "gấp nữa 0", "một 0", "hai 0"}, got); diff != "" {
			t.Error(diff)
		}
		if slots := w.plan(dongSay).Slots; len(slots) != 1 || slots[0].Start != at("06:00:00")+first.MS()+3000 {
			t.Errorf("the plan holds %+v, want the one dispatched slot", slots)
		}

		// Half an hour holds what it holds; the one too many changes nothing.
		w.tick()
		w.ok(w.flow.SetFrame(ctx, officer(), bulletin.Frame{Path: benMai, Part: bulletin.Morning, Name: "Buổi ngắn",
			From: 360, Until: 361, Days: []int{1}}))
		w.setPolicy(benMai, 1, 0, 1440, 80)
		long := bulletin.Notice{Path: province, Class: wire.Normal, Title: "dài", Text: notice().Text, Scope: []loa.Path{benMai}, Repeat: 2}
		for range 20 {
			b, err := w.provinceSealed(long)
			w.ok(err)
			w.tick()
			if _, err = w.flow.Schedule(ctx, editor(), b.ID, []bulletin.Choice{morning()}); err == nil {
				continue
			}
			w.wants(err, loa.Conflict, "session.full")
			if got := w.bulletin(b.ID).State; got != bulletin.Sealed {
				t.Errorf("the one too many is %s", got)
			}
			if n := w.count(`SELECT COUNT(*) FROM slot WHERE bulletin_id = ?`, b.ID); n != 0 {
				t.Errorf("the one too many has %d slots", n)
			}
			return
		}
		t.Error("a session of one minute took 20 readings")
	})
}

// TestPushedPastItsEnd: a priority item goes before the others. One that would
// then sound past the end its warrant has leaves the plan, and the day's running
// order says so: it is kept and shown, never dropped in silence.
func TestPushedPastItsEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay)
		short := notice()
		short.Until = time.UnixMilli(at("06:00:05"))
		first := w.dispatched(short, morning())
		if first.MS() > 5000 || first.MS() < 1000 {
			t.Fatalf("it sounds for %d ms", first.MS())
		}
		urgent := notice()
		urgent.Class = wire.Priority
		b := w.dispatched(urgent, morning())
		plan := w.plan(dongSay).Slots
		if len(plan) != 1 || plan[0].Warrant != b.Warrant || plan[0].Start != at("06:00:00") {
			t.Errorf("the plan holds %+v, want the priority item alone", plan)
		}
		p, err := w.flow.Programme(ctx, dongSay, "2026-11-23")
		w.ok(err)
		if out := p.Orders[0].Out; len(out) != 1 || out[0].Bulletin != first.ID {
			t.Errorf("fallen out: %+v, want %s", out, first.ID)
		}
	})
}

// provinceSealed brings a notice of the province as far as its warrant.
func (w *station) provinceSealed(n bulletin.Notice) (bulletin.Bulletin, error) {
	w.t.Helper()
	ctx := w.t.Context()
	w.tick()
	b, err := w.flow.Draft(ctx, editor(), n)
	w.ok(err)
	b, err = w.flow.Submit(ctx, editor(), b.ID)
	w.ok(err)
	w.ok(w.flow.Hear(ctx, chief(), b.ID, loa.Hash(b.Payload), bulletin.Heard))
	_, err = w.flow.Approve(ctx, chief(), b.ID, w.yes(chief(), b.Payload))
	w.ok(err)
	return w.flow.Sign(ctx, b.ID)
}

// TestPlayNow finds a gap on the air, and keeps out of the night.
func TestPlayNow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay)
		w.placed(thon1, "Đình làng")
		w.dispatched(notice(), morning())
		b := w.sealed(notice())
		w.turnTo("05:59:00")
		b, err := w.flow.PlayNow(ctx, writer(), b.ID)
		w.ok(err)
		slots, err := w.flow.Slots(ctx, b.ID)
		w.ok(err)
		// With a minute's lead it would start on the session's first item: after it.
		if want := at("06:00:00") + b.MS() + 3000; len(slots) != 1 || slots[0].Start != want {
			t.Errorf("slots %+v, want one at %d", slots, want)
		}
		_, err = w.flow.Dispatch(ctx, b.ID)
		w.ok(err)
		if n := len(w.plan(dongSay).Slots); n != 2 {
			t.Errorf("the plan holds %d slots, want 2", n)
		}
	})
}

// TestRoll makes plans anew before they grow old, and not earlier.
func TestRoll(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.openStation(dongSay)
		b := w.dispatched(notice(), morning(), bulletin.Choice{Day: "2026-11-27", Part: bulletin.Morning})
		if n := len(w.plan(dongSay).Slots); n != 1 {
			t.Errorf("72 hours hold %d slots, want 1", n)
		}
		version := w.plan(dongSay).Version
		w.clock.Turn(23 * time.Hour)
		w.ok(w.flow.Roll(ctx))
		if got := w.plan(dongSay).Version; got != version {
			t.Errorf("a plan of 23 hours was made anew: %d", got)
		}
		w.clock.Turn(2 * time.Hour)
		w.ok(w.flow.Roll(ctx))
		plan := w.plan(dongSay)
		if plan.Version != w.rise(version) || len(plan.Slots) != 1 || plan.Slots[0].Warrant != b.Warrant || plan.Until != w.now()+72*3600_000 {
			t.Errorf("rolled: %+v", plan)
		}
	})
}
