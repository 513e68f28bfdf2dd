package wire_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"loa"
	"loa/wire"
)

// said is what a device is expected to do, a line a slot.
func said(all []wire.Expected) (lines []string) {
	for _, e := range all {
		lines = append(lines, fmt.Sprintf("%s +%ds %d%% %s", e.Slot.ID, (e.Start-today())/1000, e.Volume, e.Why))
	}
	return lines
}

func TestExpect(t *testing.T) {
	w := play() // 36 s, twice a day, six times in all
	loud := play()
	loud.ID, loud.Cap = id("p2"), 100
	warrants := map[string]wire.Warrant{hash("w"): w, hash("loud"): loud, hash("late"): w}
	policy := wire.Policy{Path: here, Hours: []wire.Hours{{Days: []int{1, 2, 3, 4, 5, 6}, From: 300, Until: 480}}, Volume: 70, From: 1, Until: today() + 90*day}
	place := wire.Placement{Code: "P1", Paths: []loa.Path{here + "/h/a"}, Cap: 60}
	slot := func(name, of string, at int64) wire.Slot {
		return wire.Slot{ID: name, Warrant: hash(of), Start: today() + at}
	}
	six, second := 6*hour, int64(1000)
	for _, c := range []struct {
		name   string
		plan   wire.Plan
		played map[string]wire.Plays
		want   []string
	}{
		{"two that fit, one at night", wire.Plan{Slots: []wire.Slot{slot("a", "w", six), slot("b", "loud", six+40*second), slot("c", "loud", 12*hour)}}, nil,
			[]string{"a +21600s 60% ", "b +21640s 60% ", "c +43200s 0% policy.hours"}},
		{"neighbours touch: within two seconds the second waits", wire.Plan{Slots: []wire.Slot{slot("a", "w", six), slot("b", "loud", six+35*second)}}, nil,
			[]string{"a +21600s 60% ", "b +21636s 60% "}},
		{"and beyond it is left out", wire.Plan{Slots: []wire.Slot{slot("a", "w", six), slot("b", "loud", six+30*second), slot("c", "late", six+50*second)}}, nil,
			[]string{"a +21600s 60% ", "b +21630s 60% slot.busy", "c +21650s 60% "}},
		{"waiting leads out of the hours", wire.Plan{Slots: []wire.Slot{slot("a", "w", 8*hour-73*second), slot("b", "loud", 8*hour-38*second), slot("c", "late", 8*hour-36*second)}}, nil,
			[]string{"a +28727s 60% ", "b +28763s 60% ", "c +28764s 60% slot.busy"}},
		{"a second too late", wire.Plan{Slots: []wire.Slot{slot("a", "w", 8*hour-71*second), slot("b", "loud", 8*hour-36*second)}}, nil,
			[]string{"a +28729s 60% ", "b +28765s 60% policy.hours"}},
		{"twice a day", wire.Plan{Slots: []wire.Slot{slot("a", "w", six), slot("b", "w", six+hour), slot("c", "w", six+90*minute), slot("d", "w", six+day)}}, nil,
			[]string{"a +21600s 60% ", "b +25200s 60% ", "c +27000s 0% warrant.plays_day", "d +108000s 60% "}},
		{"what was played before counts", wire.Plan{Slots: []wire.Slot{slot("a", "w", six), slot("b", "w", six+hour)}}, map[string]wire.Plays{hash("w"): {Day: "2026-03-01", Today: 2, All: 5}},
			[]string{"a +21600s 60% ", "b +25200s 0% warrant.plays"}},
		{"muted", wire.Plan{Slots: []wire.Slot{slot("a", "w", six)}, Mutes: []wire.Mute{{Pole: "P1", From: today(), Until: today() + six + second}}}, nil,
			[]string{"a +21600s 0% pole.muted"}},
		{"not ours, not known", wire.Plan{Slots: []wire.Slot{{ID: "a", Warrant: hash("w"), Start: today() + six, Poles: []string{"P9"}}, slot("b", "nobody", six)}}, nil, nil},
	} {
		if c.plan.Until == 0 {
			c.plan.Until = today() + 3*day
		}
		if diff := cmp.Diff(c.want, said(wire.Expect(c.plan, warrants, place, []wire.Policy{policy}, c.played))); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

// open is the rules told a second way, second by second and without the code
// that decides: is this a moment in which this place may hear this?
func open(policies []wire.Policy, p wire.Placement, w wire.Warrant, mutes []wire.Mute, at int64) bool {
	local := at + 7*hour // UTC+7 without summer time
	weekday := int((local/day+3)%7) + 1
	minuteOf := int(local % day / minute)
	in := func(hours []wire.Hours) bool {
		for _, h := range hours {
			for _, d := range h.Days {
				if d == weekday && h.From <= minuteOf && minuteOf < h.Until {
					return true
				}
			}
		}
		return false
	}
	ruled := false
	for _, q := range policies {
		if at < q.From || at >= q.Until || !q.Path.Covers(p.Paths[0]) {
			continue
		}
		ruled = true
		exempt := false
		for _, e := range q.Exceptions {
			exempt = exempt || e.From <= at && at < e.Until
		}
		if !in(q.Hours) && !exempt || q.Volume == 0 {
			return false
		}
		for _, m := range q.Mourning {
			if w.Role == wire.Music && m.From <= at && at < m.Until {
				return false
			}
		}
	}
	for _, m := range mutes {
		if m.Pole == p.Code && m.From <= at && at < m.Until {
			return false
		}
	}
	return ruled && (len(p.Hours) == 0 || in(p.Hours)) && at >= w.From && at < w.Until && !p.Revoked
}

// TestQuiet (S-13): whatever policies, hours, exceptions, mournings, mutes and
// slots there are, no sound is expected at a moment at which the rules are shut,
// none louder than any cap, no two at once, none too often.
func TestQuiet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := func(label string) int64 { return today() + rapid.Int64Range(0, 4*24*60).Draw(t, label)*minute }
		hours := rapid.Custom(func(t *rapid.T) wire.Hours {
			h := wire.Hours{Days: rapid.SliceOfNDistinct(rapid.IntRange(1, 7), 1, 7, rapid.ID[int]).Draw(t, "days"), From: rapid.IntRange(0, 1380).Draw(t, "from")}
			h.Until = rapid.IntRange(h.From+1, 1440).Draw(t, "until")
			return h
		})
		var policies []wire.Policy
		for i, path := range []loa.Path{"vn", province, here, sibling, here} {
			if rapid.IntRange(0, 3).Draw(t, "absent") == 0 {
				continue
			}
			q := wire.Policy{Path: path, Version: int64(i + 1), Hours: rapid.SliceOfN(hours, 1, 4).Draw(t, "hours"), Volume: rapid.IntRange(0, 100).Draw(t, "volume"),
				From: at("from"), Until: today() + 5*day}
			if rapid.Bool().Draw(t, "old") {
				q.From = today() - day
			}
			if rapid.Bool().Draw(t, "excepted") {
				from := at("exception")
				q.Exceptions = append(q.Exceptions, wire.Exception{From: from, Until: from + rapid.Int64Range(1, 300).Draw(t, "minutes")*minute})
			}
			if rapid.Bool().Draw(t, "mourning") {
				from := at("mourning")
				q.Mourning = append(q.Mourning, wire.Span{From: from, Until: from + day})
			}
			policies = append(policies, q)
		}
		p := wire.Placement{Code: "P1", Paths: []loa.Path{here + "/h/a"}, Cap: rapid.IntRange(1, 100).Draw(t, "cap")}
		if rapid.Bool().Draw(t, "own hours") {
			p.Hours = rapid.SliceOfN(hours, 1, 2).Draw(t, "own")
		}
		warrants := map[string]wire.Warrant{}
		plan := wire.Plan{Until: today() + 3*day}
		for i := range 3 {
			w := play()
			w.From, w.Role = at("valid"), rapid.SampledFrom([]wire.Role{wire.NoRole, wire.Music}).Draw(t, "role")
			w.Until = w.From + rapid.Int64Range(1, 2000).Draw(t, "life")*minute
			w.Media[0].MS = rapid.Int64Range(1, 300).Draw(t, "ms") * 1000
			w.PlaysDay, w.Plays = rapid.IntRange(1, 3).Draw(t, "a day"), rapid.IntRange(1, 5).Draw(t, "in all")
			warrants[hash(fmt.Sprint(i))] = w
		}
		for i := range rapid.IntRange(1, 20).Draw(t, "slots") {
			plan.Slots = append(plan.Slots, wire.Slot{ID: fmt.Sprintf("s%02d", i), Warrant: hash(fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "which"))),
				Start: at("start") + rapid.Int64Range(0, 59).Draw(t, "second")*1000, Repeat: rapid.IntRange(0, 2).Draw(t, "repeat")})
		}
		for range rapid.IntRange(0, 2).Draw(t, "mutes") {
			from := at("mute")
			plan.Mutes = append(plan.Mutes, wire.Mute{Pole: rapid.SampledFrom([]string{"P1", "P2"}).Draw(t, "pole"), From: from, Until: from + 3*hour})
		}
		busy := int64(0)
		readings := map[string]int{}
		for _, e := range wire.Expect(plan, warrants, p, policies, nil) {
			if e.Why != "" {
				continue
			}
			for at := e.Start; at < e.Start+e.MS; at += 1000 {
				if !open(policies, p, e.Warrant, plan.Mutes, at) {
					t.Fatalf("%s sounds %d s after its start, when the rules are shut", e.Slot.ID, (at-e.Start)/1000)
				}
			}
			for _, q := range policies {
				if q.Path.Covers(p.Paths[0]) && q.From < e.Start+e.MS && e.Start < q.Until && e.Volume > q.Volume || e.Volume > p.Cap || e.Volume > e.Warrant.Cap || e.Volume < 1 {
					t.Fatalf("%s sounds at %d%%", e.Slot.ID, e.Volume)
				}
			}
			if e.Start < busy || e.Start < e.Slot.Start || e.Start > e.Slot.Start+wire.Late || e.Slot.Start >= plan.Until {
				t.Fatalf("%s begins at the wrong moment", e.Slot.ID)
			}
			busy = e.Start + e.MS
			if readings[e.Slot.Warrant] += 1 + e.Slot.Repeat; readings[e.Slot.Warrant] > e.Warrant.Plays {
				t.Fatalf("%s is read out %d times", e.Slot.Warrant, readings[e.Slot.Warrant])
			}
		}
	})
}
