package e2e

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"loa"
	"loa/speaker"
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

func second2[T any](_ T, err error) error       { return err }
func third[A, B any](_ A, _ B, err error) error { return err }
