package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"loa"
	"loa/bulletin"
	"loa/wire"
)

// TestDraftRefused: what a notice may not say, and that nothing of it stays.
func TestDraftRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		for _, c := range []struct {
			name string
			edit func(n *bulletin.Notice)
			code loa.Code
			key  string
		}{
			{"unknown unit", func(n *bulletin.Notice) { n.Path = "vn/98/98999" }, loa.NotFound, "unit.unknown"},
			{"unknown place", func(n *bulletin.Notice) { n.Scope = []loa.Path{dongSay, "vn/98/98011/h/t9"} }, loa.NotFound, "unit.unknown"},
			{"a path that is none", func(n *bulletin.Notice) { n.Scope = []loa.Path{"vn/98/98011/../98037"} }, loa.NotFound, "unit.unknown"},
			{"nowhere", func(n *bulletin.Notice) { n.Scope = nil }, loa.Invalid, "scope.empty"},
			{"the neighbour", func(n *bulletin.Notice) { n.Scope = []loa.Path{thon1, benMai} }, loa.Forbidden, "scope.outside"},
			{"the province", func(n *bulletin.Notice) { n.Scope = []loa.Path{province} }, loa.Forbidden, "scope.outside"},
			{"65 places", func(n *bulletin.Notice) {
				n.Scope = nil
				for range 65 {
					n.Scope = append(n.Scope, thon1)
				}
			}, loa.Invalid, "scope.too_many"},
			{"another's unit", func(n *bulletin.Notice) { n.Path, n.Scope = benMai, []loa.Path{benMai} }, loa.Forbidden, "right.missing"},
			{"a megabyte", func(n *bulletin.Notice) { n.Text = strings.Repeat("a", 1<<20) }, loa.Invalid, "text.too_long"},
			{"zero-width space", func(n *bulletin.Notice) { n.Text = "cắt\u200bđiện" }, loa.Invalid, "text.hidden"},
			{"right-to-left override", func(n *bulletin.Notice) { n.Text = "số \u202e0211 đồng" }, loa.Invalid, "text.hidden"},
			{"hidden in the title", func(n *bulletin.Notice) { n.Title = "cắt\u2066điện" }, loa.Invalid, "bulletin.title"},
			{"a bell", func(n *bulletin.Notice) { n.Text = "cắt điện\a" }, loa.Invalid, "text.control"},
			{"no UTF-8", func(n *bulletin.Notice) { n.Text = "c\xe1t" }, loa.Invalid, "text.not_utf8"},
			{"an emergency", func(n *bulletin.Notice) { n.Class = wire.Emergency }, loa.Invalid, "bulletin.class"},
		} {
			t.Run(c.name, func(t *testing.T) {
				n := notice()
				c.edit(&n)
				_, err := w.flow.Draft(t.Context(), writer(), n)
				if loa.CodeOf(err) != c.code || loa.KeyOf(err) != c.key {
					t.Errorf("got %v, want %s: %s", err, c.code, c.key)
				}
			})
		}
		if n := w.count(`SELECT COUNT(*) FROM bulletin`) + w.count(`SELECT COUNT(*) FROM journal WHERE verb = 'bulletin.drafted'`); n != 0 {
			t.Errorf("refused drafts left %d rows", n)
		}
		// An edit is held to the same.
		b := w.draft(notice())
		n := notice()
		n.Scope = nil
		_, err := w.flow.Edit(t.Context(), writer(), b.ID, n)
		w.wants(err, loa.Invalid, "scope.empty")
		n = notice()
		n.Path = province
		_, err = w.flow.Edit(t.Context(), writer(), b.ID, n)
		w.wants(err, loa.Invalid, "bulletin.other_unit")
		_, err = w.flow.Edit(t.Context(), chair(), b.ID, notice())
		w.wants(err, loa.Forbidden, "right.missing")
		_, err = w.flow.Edit(t.Context(), writer(), loa.NewID(w.clock.Now()), notice())
		w.wants(err, loa.NotFound, "bulletin.unknown")
	})
}

// TestSubmitTooManyPlaces: a scope may have 64 entries, but a warrant has 4 KB and hamlets within hamlets have long paths;
// whoever asks for approval hears it, not the signer.
func TestSubmitTooManyPlaces(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		var list strings.Builder
		list.WriteString(places[:strings.Index(places, "\n")+1])
		n := notice()
		n.Scope = nil
		for i := range 64 {
			p := loa.Path(fmt.Sprintf("vn/98/98011/h/t1/h/%050d", i))
			fmt.Fprintf(&list, "%s,,%s,hamlet,xom,Xóm %d,2025-07-01,,\n", p, thon1, i)
			n.Scope = append(n.Scope, p)
		}
		report, err := w.units.Import(t.Context(), loa.System(), strings.NewReader(list.String()), false)
		if err != nil {
			t.Fatal(err, report.Errors)
		}
		b := w.draft(n)
		_, err = w.flow.Submit(t.Context(), writer(), b.ID)
		w.wants(err, loa.Invalid, "scope.too_many")
		if got := w.bulletin(b.ID).State; got != bulletin.Draft {
			t.Errorf("it is %s", got)
		}
	})
}

// TestApproveRefused: the second pair of eyes.
func TestApproveRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		b := w.submitted(notice())
		hash := loa.Hash(b.Payload)

		w.ok(w.flow.Hear(ctx, writer(), b.ID, hash, bulletin.Heard))
		_, err := w.flow.Approve(ctx, writer(), b.ID, w.yes(writer(), b.Payload))
		w.wants(err, loa.Forbidden, "approve.own")
		_, err = w.flow.Approve(ctx, officer(), b.ID, w.yes(officer(), b.Payload))
		w.wants(err, loa.Forbidden, "right.missing")
		_, err = w.flow.Approve(ctx, loa.System(), b.ID, w.yes(chair(), b.Payload))
		w.wants(err, loa.Forbidden, "right.missing")
		_, err = w.flow.Approve(ctx, chair(), b.ID, w.yes(chair(), b.Payload))
		w.wants(err, loa.Conflict, "approve.not_heard")

		w.wants(w.flow.Hear(ctx, chair(), b.ID, hash, "guessed"), loa.Invalid, "hear.how")
		w.wants(w.flow.Hear(ctx, person("x", "X", benMai, loa.RightRead), b.ID, hash, bulletin.Heard), loa.Forbidden, "right.missing")
		w.wants(w.flow.Hear(ctx, chair(), b.ID, loa.Hash([]byte("older")), bulletin.Heard), loa.Conflict, "bulletin.changed_meanwhile")
		w.wants(w.flow.Hear(ctx, chair(), loa.NewID(w.clock.Now()), hash, bulletin.Heard), loa.NotFound, "bulletin.unknown")

		// Heard, sent back, changed, asked again: the older hearing counts for nothing.
		w.ok(w.flow.Hear(ctx, chair(), b.ID, hash, bulletin.Heard))
		_, err = w.flow.Return(ctx, chair(), b.ID, "Sai giờ")
		w.ok(err)
		w.wants(w.flow.Hear(ctx, chair(), b.ID, hash, bulletin.Heard), loa.Conflict, "bulletin.changed_meanwhile")
		n := notice()
		n.Text = "Sáng mai thôn 1 cắt điện từ 9 giờ."
		_, err = w.flow.Edit(ctx, writer(), b.ID, n)
		w.ok(err)
		b, err = w.flow.Submit(ctx, writer(), b.ID)
		w.ok(err)
		w.wants(w.flow.Hear(ctx, chair(), b.ID, hash, bulletin.Heard), loa.Conflict, "bulletin.changed_meanwhile")
		_, err = w.flow.Approve(ctx, chair(), b.ID, w.yes(chair(), b.Payload))
		w.wants(err, loa.Conflict, "approve.not_heard")

		// Too late.
		w.ok(w.flow.Hear(ctx, chair(), b.ID, loa.Hash(b.Payload), bulletin.Heard))
		w.clock.Turn(7 * 24 * time.Hour)
		_, err = w.flow.Approve(ctx, chair(), b.ID, w.yes(chair(), b.Payload))
		w.wants(err, loa.Conflict, "bulletin.expired")
		if n := w.count(`SELECT COUNT(*) FROM approval`); n != 0 {
			t.Errorf("refused approvals left %d rows", n)
		}
	})
}

// TestSignerKnowsTheAuthor: were the node to forget who wrote it, the signer
// reads the author from the bytes.
func TestSignerKnowsTheAuthor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		b := w.submitted(notice())
		w.ok(w.flow.Hear(ctx, chair(), b.ID, loa.Hash(b.Payload), bulletin.Heard))
		_, err := w.flow.Approve(ctx, chair(), b.ID, w.yes(writer(), b.Payload)) // the writer's passkey in the chair's session
		w.ok(err)
		_, err = w.flow.Sign(ctx, b.ID)
		w.wants(err, loa.Forbidden, "approval.by_author")
		if got := w.bulletin(b.ID).State; got != bulletin.Submitted {
			t.Errorf("it is %s", got)
		}
	})
}

// TestScheduleRefused: the places and minutes a bulletin may not have.
func TestScheduleRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		n := notice()
		n.PlaysDay, n.Plays = 1, 2
		n.Until = start().Add(5 * 24 * time.Hour)
		b := w.sealed(n)
		_, err := w.flow.Schedule(ctx, writer(), b.ID, []bulletin.Choice{morning()})
		w.wants(err, loa.Conflict, "session.none")

		// A night session in the regulation, and no policy at all: silence.
		night := bulletin.Frame{Path: dongSay, Part: bulletin.Morning, Name: "Buổi đêm", From: 3*60 + 15, Until: 4 * 60, Days: []int{1, 2}}
		w.ok(w.flow.SetFrame(ctx, officer(), night))
		_, err = w.flow.Schedule(ctx, writer(), b.ID, []bulletin.Choice{{Day: "2026-11-24", Part: bulletin.Morning}})
		w.wants(err, loa.Conflict, "schedule.refused_by_policy")
		w.setPolicy(dongSay, 1, 5*60, 20*60, 80)
		_, err = w.flow.Schedule(ctx, writer(), b.ID, []bulletin.Choice{{Day: "2026-11-24", Part: bulletin.Morning}})
		w.wants(err, loa.Conflict, "schedule.outside_hours")
		w.placed(thon1, "Đình làng")
		w.clock.Turn(time.Date(2026, 11, 24, 3, 15, 0, 0, loa.Zone()).Sub(w.clock.Now()))
		_, err = w.flow.PlayNow(ctx, writer(), b.ID)
		w.wants(err, loa.Conflict, "schedule.outside_hours")

		w.openStationAgain()
		day := func(d, part string) []bulletin.Choice { return []bulletin.Choice{{Day: d, Part: part}} }
		for _, c := range []struct {
			name    string
			who     loa.Actor
			choices []bulletin.Choice
			code    loa.Code
			key     string
		}{
			{"nothing chosen", writer(), nil, loa.Invalid, "schedule.empty"},
			{"61 sessions", writer(), make([]bulletin.Choice, 61), loa.Invalid, "schedule.empty"},
			{"no day", writer(), day("24/11/2026", bulletin.Morning), loa.Invalid, "schedule.day"},
			{"no such part", writer(), day("2026-11-24", "night"), loa.Conflict, "session.none"},
			{"no session on a Sunday afternoon", writer(), day("2026-11-29", bulletin.Afternoon), loa.Conflict, "session.none"},
			{"yesterday", writer(), day("2026-11-23", bulletin.Morning), loa.Conflict, "session.over"},
			{"after the warrant ends", writer(), day("2026-11-29", bulletin.Morning), loa.Conflict, "schedule.outside_warrant"},
			{"the same session twice", writer(), append(day("2026-11-24", bulletin.Morning), day("2026-11-24", bulletin.Morning)...), loa.Conflict, "schedule.twice"},
			{"twice a day", writer(), append(day("2026-11-24", bulletin.Morning), day("2026-11-24", bulletin.Afternoon)...), loa.Conflict, "schedule.too_often"},
			{"three times in all", writer(), append(append(day("2026-11-24", bulletin.Morning), day("2026-11-25", bulletin.Morning)...),
				day("2026-11-26", bulletin.Morning)...), loa.Conflict, "schedule.too_often"},
			{"nobody's right", person("x", "X", dongSay, loa.RightWrite, loa.RightRead), day("2026-11-24", bulletin.Morning), loa.Forbidden, "right.missing"},
		} {
			t.Run(c.name, func(t *testing.T) {
				_, err := w.flow.Schedule(ctx, c.who, b.ID, c.choices)
				if loa.CodeOf(err) != c.code || loa.KeyOf(err) != c.key {
					t.Errorf("got %v, want %s: %s", err, c.code, c.key)
				}
			})
		}
		if n := w.count(`SELECT COUNT(*) FROM slot`); n != 0 {
			t.Errorf("refused schedules left %d slots", n)
		}
		draft := w.draft(notice())
		_, err = w.flow.Schedule(ctx, writer(), draft.ID, day("2026-11-24", bulletin.Morning))
		w.wants(err, loa.Conflict, "bulletin.moved")
		_, err = w.flow.PlayNow(ctx, chair(), draft.ID)
		w.wants(err, loa.Conflict, "bulletin.moved")
		_, err = w.flow.Dispatch(ctx, b.ID)
		w.wants(err, loa.Conflict, "bulletin.moved")
	})
}

// openStationAgain puts the usual sessions where others stood.
func (w *station) openStationAgain() {
	w.t.Helper()
	for part, from := range map[string]int{bulletin.Morning: 360, bulletin.Afternoon: 1020} {
		w.ok(w.flow.SetFrame(w.t.Context(), officer(), bulletin.Frame{
			Path: dongSay, Part: part, Name: part, From: from, Until: from + 30, Days: []int{1, 2, 3, 4, 5, 6}[:6]}))
	}
	w.ok(w.flow.SetFrame(w.t.Context(), officer(), bulletin.Frame{
		Path: dongSay, Part: bulletin.Morning, Name: "Buổi sáng", From: 360, Until: 390, Days: []int{1, 2, 3, 4, 5, 6, 7}}))
}

// TestScheduleCountsRepeats: a speaker counts every reading, so the schedule
// does too; else the second slot of the day would be silence.
func TestScheduleCountsRepeats(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		n := notice()
		n.PlaysDay, n.Plays, n.Repeat = 4, 28, 2
		b := w.sealed(n)
		_, err := w.flow.Schedule(t.Context(), writer(), b.ID, []bulletin.Choice{morning(), evening()})
		w.wants(err, loa.Conflict, "schedule.too_often")
		b, err = w.flow.Schedule(t.Context(), writer(), b.ID, []bulletin.Choice{morning()})
		w.ok(err)
		slots, err := w.flow.Slots(t.Context(), b.ID)
		w.ok(err)
		if len(slots) != 1 || slots[0].MS != 3*b.MS()+2*wire.Spacing {
			t.Errorf("slots: %+v for a sound of %d ms", slots, b.MS())
		}
	})
}

// TestScheduleNobody: a province's bulletin without a commune that has boxes.
func TestScheduleNobody(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.tick()
		b, err := w.provinceSealed(bulletin.Notice{Path: province, Class: wire.Normal, Title: "Toàn tỉnh", Text: notice().Text, Scope: []loa.Path{province}})
		w.ok(err)
		_, err = w.flow.Schedule(t.Context(), editor(), b.ID, []bulletin.Choice{morning()})
		w.wants(err, loa.Conflict, "schedule.nobody")
		_, err = w.flow.PlayNow(t.Context(), editor(), b.ID)
		w.wants(err, loa.Conflict, "schedule.nobody")
	})
}

// TestFrameRefused: sessions a station cannot have.
func TestFrameRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		good := bulletin.Frame{Path: dongSay, Part: bulletin.Morning, Name: "Buổi sáng", From: 300, Until: 330, Days: []int{1}}
		for name, edit := range map[string]func(fr *bulletin.Frame){
			"a third part":  func(fr *bulletin.Frame) { fr.Part = "night" },
			"a hamlet":      func(fr *bulletin.Frame) { fr.Path = thon1 },
			"a province":    func(fr *bulletin.Frame) { fr.Path = province },
			"no place":      func(fr *bulletin.Frame) { fr.Path = "" },
			"before today":  func(fr *bulletin.Frame) { fr.From = -1 },
			"past midnight": func(fr *bulletin.Frame) { fr.Until = 1441 },
			"no length":     func(fr *bulletin.Frame) { fr.Until = fr.From },
			"no day":        func(fr *bulletin.Frame) { fr.Days = nil },
			"an eighth day": func(fr *bulletin.Frame) { fr.Days = []int{1, 8} },
		} {
			fr := good
			edit(&fr)
			if err := w.flow.SetFrame(t.Context(), officer(), fr); loa.KeyOf(err) != "session.frame" {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.wants(w.flow.SetFrame(t.Context(), person("x", "X", benMai, loa.RightDispatch), good), loa.Forbidden, "right.missing")
		if n := w.count(`SELECT COUNT(*) FROM session_frame`); n != 0 {
			t.Errorf("refused frames left %d rows", n)
		}
	})
}
