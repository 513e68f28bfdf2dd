package e2e

import (
	"bytes"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/bulletin"
	"loa/speaker"
	"loa/upkeep"
	"loa/wire"
)

// touch is the officer's one touch for a batch.
func (w *station) touch(who loa.Actor, batch []byte) wire.Approval {
	w.t.Helper()
	yes := w.yes(who, batch)
	yes.Batch = batch
	return yes
}

// TestBatch: codes for many poles, each for one box and one pole, and one touch
// for all whose boxes came.
func TestBatch(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx, r := t.Context(), w.register
		w.openStation(dongSay)
		var codes []string
		for _, name := range []string{"Cột 1", "Cột 2", "Cột 3", "Cột 4"} {
			codes = append(codes, w.pole(thon1, name).Code)
		}
		far := w.pole(benMai, "Cột xa")
		tries := func(who loa.Actor, place loa.Path, poles []string, life time.Duration) error {
			_, err := r.NewBatch(ctx, who, place, poles, life)
			return err
		}
		week := 7 * 24 * time.Hour
		w.wants(tries(officer(), dongSay, nil, week), loa.Invalid, "enrol.none_chosen")
		w.wants(tries(officer(), dongSay, codes, time.Hour), loa.Invalid, "enrol.life_bad")
		w.wants(tries(officer(), dongSay, codes, 15*24*time.Hour), loa.Invalid, "enrol.life_bad")
		w.wants(tries(officer(), dongSay, slices.Repeat(codes, 126), week), loa.Invalid, "enrol.too_many")
		w.wants(tries(officer(), dongSay, []string{"ZZZZ"}, week), loa.NotFound, "pole.unknown")
		w.wants(tries(officer(), dongSay, []string{codes[0], far.Code}, week), loa.Invalid, "enrol.elsewhere")
		w.wants(tries(writer(), dongSay, codes, week), loa.Forbidden, "right.missing")
		if n := w.count(`SELECT COUNT(*) FROM enrol_batch`); n != 0 {
			t.Fatalf("%d batches after refusals", n)
		}

		first, err := r.NewBatch(ctx, officer(), dongSay, append(codes, codes[0]), week)
		w.ok(err)
		_, slips, err := r.Batch(ctx, officer(), first.ID)
		w.ok(err)
		_, again, err := r.Batch(ctx, officer(), first.ID) // printed again
		w.ok(err)
		if first.Poles != 4 || len(slips) != 4 || slips[0].Code != again[0].Code || slips[0].Code == slips[1].Code {
			t.Fatalf("%+v, %+v", first, slips)
		}
		w.wants(third(r.Batch(ctx, writer(), first.ID)), loa.Forbidden, "right.missing")
		if n := w.count(`SELECT COUNT(*) FROM enrol_code WHERE hash LIKE ?`, "%"+slips[0].Letters()+"%"); n != 0 {
			t.Error("a code stands in the database")
		}
		// A second batch for the same pole: the older slip of it works no more.
		w.tick()
		later, err := r.NewBatch(ctx, officer(), thon1, codes[:1], 24*time.Hour)
		w.ok(err)
		w.wants(second(w.enrol(slips[0].Code)), loa.Forbidden, "enrol.code_refused")
		_, fresh, err := r.Batch(ctx, officer(), later.ID)
		w.ok(err)

		// Long after a single code would be dead, boxes come, each with its own.
		w.clock.Turn(6 * 24 * time.Hour)
		w.wants(second(w.enrol(fresh[0].Code)), loa.Forbidden, "enrol.code_refused") // a day was said
		var boxes []device
		for _, s := range slips[1:] {
			d, err := w.enrol(s.Code)
			w.ok(err)
			boxes = append(boxes, d)
		}
		w.wants(second(w.enrol(slips[1].Code)), loa.Forbidden, "enrol.code_refused") // by another box
		got, slips, err := r.Batch(ctx, officer(), first.ID)
		w.ok(err)
		if got.Came != 3 || got.Done != 0 || slips[1].Check != boxes[0].Check || slips[1].Live() {
			t.Errorf("%+v %+v", got, slips[1])
		}

		ids := []string{boxes[0].ID, boxes[1].ID, boxes[2].ID}
		w.wants(second(r.DraftTogether(ctx, officer(), nil)), loa.Invalid, "box.none_chosen")
		w.wants(second(r.DraftTogether(ctx, writer(), ids)), loa.Forbidden, "right.missing")
		w.wants(second(r.DraftTogether(ctx, officer(), append(ids, loa.NewID(w.clock.Now())))), loa.NotFound, "box.unknown")
		batch, err := r.DraftTogether(ctx, officer(), ids)
		w.ok(err)
		// Somebody else drafts one of them anew: it is left out, and holds up no other.
		w.tick()
		_, err = r.DraftPlacement(ctx, officer(), ids[2], false)
		w.ok(err)
		before := w.beacon(dongSay)
		w.tick()
		w.wants(second(r.ConfirmTogether(ctx, writer(), w.touch(officer(), batch))), loa.Forbidden, "right.missing")
		w.wants(second(r.ConfirmTogether(ctx, officer(), w.touch(chair(), batch))), loa.Forbidden, "approval.not_entitled")
		placed, err := r.ConfirmTogether(ctx, officer(), w.touch(officer(), batch))
		w.ok(err)
		if placed != 2 {
			t.Errorf("%d placed", placed)
		}
		for i, want := range []string{speaker.Placed, speaker.Placed, speaker.Waiting} {
			if b, err := r.Find(ctx, ids[i]); err != nil || b.State != want {
				t.Errorf("box %d is %s, %v", i, b.State, err)
			}
		}
		if got := w.verbs(ids[0]); !slices.Equal(got, []string{"speaker.asked", "speaker.placed"}) {
			t.Errorf("the book: %v", got)
		}
		if p := w.placement(ids[1]); p.Device != ids[1] || p.Revoked {
			t.Errorf("%+v", p)
		}
		if after := w.beacon(dongSay); after.Placements != before.Placements+1 {
			t.Errorf("the doorbell rang %d times", after.Placements-before.Placements)
		}
		w.wants(second(r.ConfirmTogether(ctx, officer(), w.touch(officer(), batch))), loa.NotFound, "box.no_draft")

		w.ok(r.EndBatch(ctx, officer(), first.ID))
		w.ok(r.EndBatch(ctx, officer(), first.ID)) // once is enough
		w.wants(r.EndBatch(ctx, writer(), first.ID), loa.Forbidden, "right.missing")
		w.wants(r.EndBatch(ctx, officer(), loa.NewID(w.clock.Now())), loa.NotFound, "enrol.batch_unknown")
		if got := w.verbs(first.ID); !slices.Equal(got, []string{"speaker.batch_made", "speaker.batch_ended"}) {
			t.Errorf("the book: %v", got)
		}
	})
}

// TestSwap: the pole keeps its code, sign and history; the new box and the end of
// the old one are one step, whoever presses twice.
func TestSwap(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx, r := t.Context(), w.register
		old := w.placed(thon1, "Đình làng")
		_, swap, err := r.DraftSwap(ctx, officer(), old.ID)
		if w.ok(err); swap {
			t.Error("a box swaps itself")
		}
		w.tick()
		code, err := r.NewCode(ctx, officer(), old.Pole.ID)
		w.ok(err)
		next, err := w.enrol(code)
		w.ok(err)
		w.wants(second(r.DraftTogether(ctx, officer(), []string{next.ID})), loa.Conflict, "box.swap_alone")
		w.wants(third(r.DraftSwap(ctx, writer(), next.ID)), loa.Forbidden, "right.missing")
		batch, swap, err := r.DraftSwap(ctx, officer(), next.ID)
		if w.ok(err); !swap {
			t.Fatal("nothing to swap")
		}
		w.tick()
		yes := w.touch(officer(), batch)
		errs := make([]error, 4)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { errs[i] = r.ConfirmSwap(ctx, officer(), yes) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if key := loa.KeyOf(err); key != "box.changed_meanwhile" && key != "box.no_draft" {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d of four touches swapped", won)
		}
		gone, here := w.placement(old.ID), w.placement(next.ID)
		if !gone.Revoked || here.Revoked || here.Code != old.Pole.Code || here.Pole != gone.Pole {
			t.Errorf("%+v\n%+v", gone, here)
		}
		boxes, err := r.BoxesOf(ctx, old.Pole.ID)
		w.ok(err)
		if len(boxes) != 2 || boxes[0].State != speaker.Placed || boxes[0].Placed != w.now() || boxes[1].State != speaker.Revoked || boxes[1].Gone != w.now() || boxes[1].Placed == 0 {
			t.Errorf("%+v", boxes)
		}
		if got := w.verbs(old.ID); !slices.Equal(got, []string{"speaker.asked", "speaker.placed", "speaker.revoked"}) {
			t.Errorf("the book: %v", got)
		}

		// A zone of one hamlet: all its boxes are confirmed again at one touch.
		w.tick()
		beside := w.placed(thon1, "Cổng chùa")
		_, err = r.SaveZone(ctx, officer(), dongSay, speaker.Zone{Name: "ven sông", Members: []loa.Path{thon1}})
		w.ok(err)
		w.tick()
		batch, err = r.DraftTogether(ctx, officer(), []string{next.ID, beside.ID})
		w.ok(err)
		w.tick()
		placed, err := r.ConfirmTogether(ctx, officer(), w.touch(officer(), batch))
		if w.ok(err); placed != 2 || len(w.placement(beside.ID).Paths) != 2 {
			t.Errorf("%d placed, %v", placed, w.placement(beside.ID).Paths)
		}
		// Own hours of a pole are sealed too: a change asks for another touch.
		w.ok(r.SetOwnHours(ctx, writer(), speaker.OwnHours{Pole: beside.Pole.Code, From: 8 * 60, Until: 11 * 60}))
		if b, err := r.Find(ctx, beside.ID); err != nil || !b.Stale {
			t.Errorf("own hours reached nobody: %+v, %v", b.Stale, err)
		}
		w.confirm(beside.ID, false)
		if b, err := r.Find(ctx, beside.ID); err != nil || b.Stale || len(w.placement(beside.ID).Hours) != 1 {
			t.Errorf("%+v, %v", b.Stale, err)
		}
	})
}

// TestDeskEnrol walks the pages: poles chosen, slips printed, digits typed, one
// confirmation; then a swap.
func TestDeskEnrol(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	tech, reader := b.browser(officer()), b.browser(person("doc", "Người đọc", dongSay, loa.RightRead))
	one, two := b.pole(thon1, "Đình làng"), b.pole(thon1, "Cổng chùa")
	tech.page("/enrol?path="+string(dongSay), "Đình làng", "Cổng chùa", "Tạo mã cho các cụm đã chọn")
	if a := reader.get("/enrol"); a.status != http.StatusForbidden {
		t.Errorf("a reader enrols: %d", a.status)
	}
	b.wrote("no poles", func() {
		if status, key := tech.fault("/enrol?path="+string(dongSay), url.Values{"days": {"7"}}); status != http.StatusUnprocessableEntity || key != "enrol.none_chosen" {
			t.Errorf("%d %s", status, key)
		}
	})
	var at string
	b.wrote("making codes", func() {
		at = tech.led("/enrol?path="+string(dongSay), url.Values{"days": {"7"}, "pole": {one.Code, two.Code}}, "/enrol/")
	}, "speaker.batch_made")
	tech.page(at, "0/2 cụm đã xác nhận", "chờ máy gửi mã", "slips.pdf")
	if a := reader.get(at); a.status != http.StatusForbidden {
		t.Errorf("a reader sees codes: %d", a.status)
	}
	_, slips, err := b.register.Batch(t.Context(), officer(), strings.TrimPrefix(at, "/enrol/"))
	b.ok(err)
	b.reads(tech.get(at+"/slips.pdf").body, slips[0].Code, slips[0].Letters(), "Cổng chùa", "MÔ PHỎNG", "Sáu số máy hiện")
	if a := tech.get(at + "/slips.xlsx"); a.status != http.StatusOK || !bytes.HasPrefix([]byte(a.body), []byte("PK")) {
		t.Errorf("the table: %d", a.status)
	}
	var boxes []device
	for _, s := range slips {
		d, err := b.enrol(s.Code)
		b.ok(err)
		boxes = append(boxes, d)
	}
	tech.page(at, "2 máy đợi đối chiếu", "sáu chữ số", boxes[0].ID)
	b.wrote("one digit wrong", func() {
		a := tech.post(at+"/confirm", url.Values{"check." + boxes[0].ID: {boxes[0].Check}, "check." + boxes[1].ID: {"00000x"}})
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, slips[1].Pole.Name+" không khớp") || !strings.Contains(a.body, boxes[0].Check) {
			t.Errorf("%d %s", a.status, sentence(a.body))
		}
	})
	b.tick()
	b.wrote("confirming both", func() {
		tech.led(at+"/confirm", url.Values{"check." + boxes[0].ID: {boxes[0].Check}, "check." + boxes[1].ID: {boxes[1].Check}}, at+"?placed=2")
	}, "speaker.placed", "speaker.placed")
	tech.page(at, "2/2 cụm đã xác nhận")

	// Own hours change: confirmed again, all at once.
	b.ok(b.register.SetOwnHours(t.Context(), writer(), speaker.OwnHours{Pole: one.Code, From: 8 * 60, Until: 11 * 60}))
	tech.page("/speakers", "Xác nhận lại cụm loa")
	tech.page("/speakers/again", "Đình làng")
	b.tick()
	var stale []string
	for _, d := range boxes {
		if d.Pole.Code == one.Code {
			stale = append(stale, d.ID)
		}
	}
	b.wrote("confirming again", func() {
		tech.led("/speakers/again?path="+string(dongSay), url.Values{"box": stale}, "/speakers/again")
	}, "speaker.placed")
	tech.page("/speakers/again", "Không có cụm loa nào")

	// The box of the temple gate breaks.
	b.tick()
	code, err := b.register.NewCode(t.Context(), officer(), two.ID)
	b.ok(err)
	next, err := b.enrol(code)
	b.ok(err)
	tech.page("/poles/"+two.Code+"/asked", "bị tháo cùng lúc", "Đối chiếu và xác nhận")
	if a := tech.post("/speakers/"+next.ID+"/check", url.Values{"check": {next.Check}}); !strings.Contains(a.body, "máy cũ bị tháo cùng lúc") {
		t.Errorf("swap: %d %s", a.status, sentence(a.body))
	}
	b.tick()
	b.wrote("swapping", func() { tech.led("/speakers/"+next.ID+"/confirm", url.Values{}, "/poles/"+two.Code) }, "speaker.revoked", "speaker.placed")
	tech.page("/poles/"+two.Code, "Thiết bị đang dùng", "Thiết bị đã tháo")
}

func third[A, B any](_ A, _ B, err error) error { return err }

// TestRepairBook: what the boxes show is proposed once, taken up, mended, and
// passes by itself; two who report the same are one fault.
func TestRepairBook(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		book := &upkeep.Book{DB: w.db, Said: speaker.Silently}
		w.openStation(dongSay)
		well, dumb, quiet := w.placed(thon1, "Đình làng"), w.placed(thon1, "Cổng chùa"), w.placed(thon1, "Bờ ao")
		said := w.dispatched(notice(), bulletin.Choice{Day: "2026-11-23", Part: bulletin.Morning})
		n := int64(0)
		beat := func(d device, volume int, clock string) {
			w.ok(w.register.Beats(ctx, []wire.Beat{{Device: d.ID, State: "idle", Clock: clock, Volume: 100, DiskFree: 1 << 32}}))
			n++
			_, err := w.flow.Played(ctx, w.receipt(d, wire.Line{N: n, Slot: fmt.Sprint(n), Warrant: said.Warrant, Planned: w.now(), Started: w.now(), MS: 1000,
				Volume: volume, Clock: clock, Verified: true, Result: wire.Played}))
			w.ok(err)
		}
		// A fortnight in which one falls silent and one falls quiet.
		for day := range 20 {
			volume := 80
			if day >= 18 {
				volume = 30
			}
			beat(well, 80, wire.ClockTrusted)
			beat(quiet, volume, wire.ClockTrusted)
			if day < 17 {
				beat(dumb, 80, wire.ClockTrusted)
			}
			w.ok(w.register.Look(ctx))
			w.ok(w.register.Look(ctx)) // twice a day, of 144
			w.ok(book.Watch(ctx))
			w.clock.Turn(24 * time.Hour)
		}
		shown := func(q upkeep.Query) (all []string) {
			t.Helper()
			q.Place = dongSay
			faults, err := book.Faults(ctx, officer(), q)
			w.ok(err)
			for _, f := range faults {
				all = append(all, f.PoleName+" "+string(f.Cause)+" "+string(f.State))
			}
			return all
		}
		if diff := cmp.Diff([]string{"Cổng chùa silent proposed", "Bờ ao quiet proposed"}, shown(upkeep.Query{Live: true})); diff != "" {
			t.Fatal(diff)
		}
		days, err := w.register.Days(ctx, dumb.Pole.ID, "2026-01-01", "2027-12-31")
		w.ok(err)
		if percent, known := speaker.Availability(days); !known || percent != 85 || len(days) != 20 || days[0].High != 80 || days[19].High != 0 {
			t.Errorf("%.1f %% of %d days, %+v", percent, len(days), days)
		}

		// The silent one calls again: nobody is bothered. A person takes up the other.
		beat(dumb, 80, wire.ClockTrusted)
		beat(quiet, 30, wire.ClockTrusted)
		beat(well, 80, wire.ClockTrusted)
		w.ok(book.Watch(ctx))
		if diff := cmp.Diff([]string{"Bờ ao quiet proposed"}, shown(upkeep.Query{Live: true})); diff != "" {
			t.Error(diff)
		}
		w.tick()
		f, err := book.Report(ctx, writer(), quiet.Pole.Code, upkeep.Quiet, " nghe  nhỏ ")
		w.ok(err)
		if f.State != upkeep.Open || f.Said != "nghe nhỏ" || !f.Itself() {
			t.Errorf("%+v", f)
		}
		w.wants(second(book.Report(ctx, writer(), quiet.Pole.Code, upkeep.Quiet, "")), loa.Conflict, "fault.known")
		w.wants(second(book.Report(ctx, writer(), quiet.Pole.Code, upkeep.Other, "")), loa.Invalid, "fault.said")
		w.wants(second(book.Report(ctx, writer(), quiet.Pole.Code, "gremlin", "")), loa.Invalid, "fault.cause")
		w.wants(second(book.Report(ctx, writer(), quiet.Pole.Code, upkeep.Horn, strings.Repeat("a", 501))), loa.Invalid, "fault.long")
		w.wants(second(book.Report(ctx, writer(), "ZZ", upkeep.Horn, "")), loa.NotFound, "pole.unknown")
		stranger := person("x", "X", benMai, loa.RightRead)
		w.wants(second(book.Report(ctx, stranger, quiet.Pole.Code, upkeep.Horn, "")), loa.Forbidden, "right.missing")
		w.wants(second(book.Find(ctx, stranger, f.ID)), loa.Forbidden, "right.missing")
		w.wants(second(book.Faults(ctx, stranger, upkeep.Query{Place: dongSay})), loa.Forbidden, "right.missing")
		w.wants(second(book.Step(ctx, writer(), f.ID, upkeep.Step{To: upkeep.Called, Fixer: "x"})), loa.Forbidden, "right.missing")
		w.wants(second(book.Step(ctx, officer(), loa.NewID(w.clock.Now()), upkeep.Step{To: upkeep.Called})), loa.NotFound, "fault.unknown")

		// Four officers press at once: each step that was made has its row.
		w.tick()
		errs := make([]error, 4)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = book.Step(ctx, officer(), f.ID, upkeep.Step{To: upkeep.Parts, Supplier: "Hãng A"})
			})
		}
		wg.Wait()
		if diff := cmp.Diff(4, len(errs)); diff != "" || w.count(`SELECT COUNT(*) FROM journal WHERE subject = ? AND verb = 'fault.parts'`, f.ID) != 4-failed(errs) {
			t.Errorf("steps and rows differ: %v", errs)
		}
		w.tick()
		_, err = book.Step(ctx, officer(), f.ID, upkeep.Step{To: upkeep.Dropped, Remedy: "vặn nhỏ theo yêu cầu của trường"})
		w.ok(err)
		w.ok(book.Watch(ctx)) // a person said so: it is left alone
		if got := shown(upkeep.Query{Live: true}); got != nil {
			t.Errorf("proposed again: %v", got)
		}
		eight := make([]error, 8)
		for i := range eight {
			wg.Go(func() { _, eight[i] = book.Report(ctx, writer(), well.Pole.Code, upkeep.Horn, "") })
		}
		wg.Wait()
		w.oneWins(eight, "fault.known")
		if got := w.verbs(f.ID); got[0] != "fault.proposed" || got[1] != "fault.open" || got[len(got)-1] != "fault.dropped" {
			t.Errorf("the book: %v", got)
		}
	})
}

// failed counts errors.
func failed(errs []error) (n int) {
	for _, err := range errs {
		if err != nil {
			n++
		}
	}
	return n
}

// TestDeskRepair walks the pages of the repair book, of who did not sound, and of
// what ends.
func TestDeskRepair(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	tech, man := b.browser(officer()), b.browser(writer())
	d := b.placed(thon1, "Đình làng")
	man.page("/faults", "Không có cụm loa nào đang hỏng")
	man.page("/faults/new", "Đình làng")
	man.page("/faults/new?pole="+d.Pole.Code+"&cause=horn", "hỏng củ loa")
	var at string
	b.wrote("reporting", func() {
		at = man.led("/faults", url.Values{"pole": {d.Pole.Code}, "cause": {"horn"}, "said": {"một củ <b>rè</b>"}}, "/faults/")
	}, "fault.open")
	b.wrote("reporting it again", func() {
		if status, key := man.fault("/faults", url.Values{"pole": {d.Pole.Code}, "cause": {"horn"}}); status != http.StatusConflict || key != "fault.known" {
			t.Errorf("%d %s", status, key)
		}
	})
	man.page(at, "hỏng củ loa", "&lt;b&gt;rè", "mới báo")
	b.wrote("a step of somebody without the right", func() {
		if status, key := man.fault(at, url.Values{"to": {"called"}, "fixer": {"Ông Ba"}}); status != http.StatusForbidden || key != "right.missing" {
			t.Errorf("%d %s", status, key)
		}
	})
	b.wrote("a step that says too little", func() {
		a := tech.post(at, url.Values{"to": {"called"}, "due": {"2026-11-27"}})
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "ai đến sửa") || !strings.Contains(a.body, "2026-11-27") {
			t.Errorf("%d %s", a.status, sentence(a.body))
		}
	})
	b.wrote("calling", func() { tech.led(at, url.Values{"to": {"called"}, "fixer": {"Ông Ba 0250.3.999.000"}}, at) }, "fault.called")
	b.wrote("mending", func() {
		tech.led(at, url.Values{"to": {"done"}, "remedy": {"thay củ loa"}, "cost": {"1.450.000 đ"}}, at)
	}, "fault.done")
	tech.page(at, "đã sửa xong", "Ông Ba", "thay củ loa")
	tech.page("/poles/"+d.Pole.Code, "Sổ sửa chữa của cụm", "hỏng củ loa", "Chưa có số liệu âm lượng")
	tech.page("/faults?state=all", "Đình làng")
	tech.page("/faults/month?path="+string(dongSay), "1.450.000", "hỏng củ loa")
	b.reads(tech.get("/faults/month.pdf?path="+string(dongSay)).body, "1.450.000 đồng", "sửa xong 1")
	for _, file := range []string{"/faults/rows.xlsx?state=all", "/unheard/rows.xlsx"} {
		if a := tech.get(file); a.status != http.StatusOK || !strings.HasPrefix(a.body, "PK") {
			t.Errorf("%s: %d", file, a.status)
		}
	}
	if a := tech.get("/faults/month?month=13-2026"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("no month: %d", a.status)
	}

	// A curve, once there is something to draw.
	b.ok(b.register.Beats(t.Context(), []wire.Beat{{Device: d.ID, State: "idle", Clock: wire.ClockTrusted, Volume: 100}}))
	b.ok(b.register.Look(t.Context()))
	n := b.dispatched(notice(), bulletin.Choice{Day: "2026-11-23", Part: bulletin.Morning})
	_, err := b.flow.Played(t.Context(), b.receipt(d, wire.Line{N: 1, Slot: "s", Warrant: n.Warrant, Planned: b.now(), Started: b.now(), MS: 1000,
		Volume: 64, Clock: wire.ClockTrusted, Verified: true, Result: wire.Played}))
	b.ok(err)
	tech.page("/poles/"+d.Pole.Code, `<svg class="curve"`, "phát ở 64–64 %", "100.0 %")

	// A SIM that ends in five days is loud, one in sixty is only listed.
	p := d.Pole
	p.SIMUntil = b.clock.Now().AddDate(0, 0, 60).Format(time.DateOnly)
	p, err = b.register.EditPole(t.Context(), officer(), p)
	b.ok(err)
	tech.page("/expiry?path="+string(dongSay), "Cước SIM", "còn 60 ngày", "mục khác còn hạn trên 90 ngày")
	if a := tech.get("/"); strings.Contains(a.body, "Cước SIM") {
		t.Error("sixty days are loud")
	}
	p.SIMUntil = b.clock.Now().AddDate(0, 0, 5).Format(time.DateOnly)
	_, err = b.register.EditPole(t.Context(), officer(), p)
	b.ok(err)
	tech.page("/", "Sắp hết hạn", "Cước SIM")
	p.SIMUntil = "31/12"
	if _, err := b.register.EditPole(t.Context(), officer(), p); loa.KeyOf(err) != "pole.sim_until_bad" {
		t.Errorf("no date: %v", err)
	}
}

// TestUnheard: who did not sound in a session or of a bulletin, why, and what to
// do about each.
func TestUnheard(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	ctx, man := t.Context(), b.browser(writer())
	heard, dumb, failing := b.placed(thon1, "Đình làng"), b.placed(thon1, "Cổng chùa"), b.placed(thon1, "Bờ ao")
	n := b.dispatched(notice(), bulletin.Choice{Day: "2026-11-23", Part: bulletin.Morning})
	slots, err := b.flow.Slots(ctx, n.ID)
	b.ok(err)
	start := slots[0].Start
	b.clock.Turn(time.UnixMilli(start).Add(time.Hour).Sub(b.clock.Now()))
	line := func(d device, result wire.Result, why string) {
		l := wire.Line{N: 1, Slot: slots[0].ID, Warrant: n.Warrant, Planned: start, Clock: wire.ClockTrusted, Verified: true, Result: result, Why: why}
		if result == wire.Played {
			l.Started, l.MS, l.Volume = start, 1000, 70
		}
		_, err := b.flow.Played(ctx, b.receipt(d, l))
		b.ok(err)
	}
	line(heard, wire.Played, "")
	line(failing, wire.Partly, "output.failed")
	b.ok(b.flow.TellSessions(ctx))
	at := "/unheard?path=" + string(dongSay) + "&day=2026-11-23"
	man.page(at, "1/3 cụm đã phát", "Cổng chùa", "Chưa liên lạc lần nào", "Bờ ao", "Báo hỏng", "cause=output")
	man.page("/unheard?bulletin="+n.ID, "1/3 cụm đã phát", "Cổng chùa")
	man.page("/unheard?path="+string(dongSay)+"&day=2026-11-20", "Không có buổi phát nào")
	man.page("/", "/unheard?path=")
	b.reads(man.get("/unheard/list.pdf?path="+string(dongSay)+"&day=2026-11-23").body, "Cổng chùa", "Bờ ao", "Báo hỏng")
	if a := man.get("/unheard?day=hom-qua"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("no day: %d", a.status)
	}
	// It comes home late: the session's message stays, the bulletin's list is anew.
	line(dumb, wire.Played, "")
	man.page("/unheard?bulletin="+n.ID, "2/3 cụm đã phát")
	// What is being mended is not reported twice; after a week it is swapped.
	book := &upkeep.Book{DB: b.db, Said: speaker.Silently}
	f, err := book.Report(ctx, officer(), failing.Pole.Code, upkeep.Output, "")
	b.ok(err)
	man.page(at, "Đang sửa", "/faults/"+f.ID)
	b.clock.Turn(8 * 24 * time.Hour)
	man.signIn()
	man.page(at, "thay máy")
	stranger := person("x", "X", benMai, loa.RightRead)
	for _, q := range []bulletin.UnheardQuery{{Place: dongSay, Day: "2026-11-23"}, {Place: dongSay, Bulletin: n.ID}} {
		if _, err := b.flow.Unheard(ctx, stranger, q); loa.KeyOf(err) != "right.missing" {
			t.Errorf("a stranger reads: %v", err)
		}
	}
}

// TestDeskSettings: many boxes are set at once, and who took it is what they say
// of themselves.
func TestDeskSettings(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	ctx, tech, man := t.Context(), b.browser(officer()), b.browser(writer())
	loud, deaf, away := b.placed(thon1, "Đình làng"), b.placed(thon1, "Cổng chùa"), b.placed(thon1, "Bờ ao")
	far := b.placed(benMai, "Cột xa")
	at := "/settings?path=" + string(dongSay)
	tech.page(at, "Đình làng", "Cổng chùa", "Đặt âm lượng máy")
	if a := man.get(at); a.status != http.StatusForbidden {
		t.Errorf("a writer sets boxes: %d", a.status)
	}
	poles := []string{loud.Pole.Code, deaf.Pole.Code, away.Pole.Code}
	for _, c := range []struct {
		form url.Values
		key  string
	}{
		{url.Values{"what": {"volume"}, "percent": {"40"}}, "enrol.none_chosen"},
		{url.Values{"what": {"volume"}, "percent": {"101"}, "pole": poles}, "pole.cap"},
		{url.Values{"what": {"dance"}, "pole": poles}, "settings.what"},
		{url.Values{"what": {"restart"}, "pole": slices.Repeat(poles, 22)}, "settings.too_many"},
		{url.Values{"what": {"restart"}, "pole": {far.Pole.Code}}, "enrol.elsewhere"},
	} {
		b.wrote(c.key, func() {
			if status, key := tech.fault(at, c.form); status != http.StatusUnprocessableEntity || key != c.key {
				t.Errorf("%d %s, want %s", status, key, c.key)
			}
		})
	}
	payload := regexp.MustCompile(`name="payload" value="([^"]+)"`)
	var sent string
	b.wrote("a volume", func() {
		a := tech.post(at, url.Values{"what": {"volume"}, "percent": {"40"}, "pole": poles})
		m := payload.FindStringSubmatch(a.body)
		if m == nil || !strings.Contains(a.body, "Đặt âm lượng máy 40 %") {
			t.Fatalf("%d %s", a.status, sentence(a.body))
		}
		b.tick()
		sent = tech.led("/settings/approve", url.Values{"payload": {html.UnescapeString(m[1])}}, "/settings/")
	}, "speaker.set")
	tech.page(sent, "0/3 cụm đã nhận", "mất kết nối, sẽ nhận khi liên lạc lại")
	b.tick()
	b.ok(b.register.Beats(ctx, []wire.Beat{{Device: loud.ID, State: "idle", Volume: 40, Clock: wire.ClockTrusted}, {Device: deaf.ID, State: "idle", Volume: 100, Clock: wire.ClockTrusted}}))
	tech.page(sent, "1/3 cụm đã nhận", "chưa thấy nhận")
	tech.page(sent+"/live", "1/3 cụm đã nhận")
	man.page(sent, "1/3 cụm đã nhận") // who may read, reads
	tech.page(at, "Đã gửi gần đây")
	if a := tech.get("/settings/" + loa.Hash(nil)); a.status != http.StatusNotFound {
		t.Errorf("no setting: %d", a.status)
	}
	// A restart is seen by how long the box has run; a refusal by its word.
	s, err := b.register.DraftSetting(ctx, officer(), dongSay, poles, wire.Setting{Restart: true})
	b.ok(err)
	hash, err := b.register.SetBoxes(ctx, officer(), s, b.yes(officer(), s))
	b.ok(err)
	b.clock.Turn(20 * time.Second)
	b.ok(b.register.Beats(ctx, []wire.Beat{{Device: loud.ID, State: "idle", Clock: wire.ClockTrusted, Uptime: 5}, {Device: away.ID, State: "idle", Clock: wire.ClockTrusted, Uptime: 500},
		{Device: deaf.ID, State: "refused", Warrant: hash, Why: "clock.unknown", Clock: wire.ClockUnknown, Uptime: 500}}))
	tech.page("/settings/"+hash, "1/3 cụm đã nhận", "không nhận", "chưa thấy nhận")
	// Test sounds: without one in the library each pole says why.
	b.wrote("test sounds", func() {
		if a := tech.post(at, url.Values{"what": {"test"}, "pole": poles}); !strings.Contains(a.body, "Đã yêu cầu 0 cụm phát thử") {
			t.Errorf("%d %s", a.status, sentence(a.body))
		}
	})
	if a := tech.get("/speakers/" + loud.ID + "/log"); a.status != http.StatusNotFound {
		t.Errorf("a log that never came: %d", a.status)
	}
}
