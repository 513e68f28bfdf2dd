package upkeep_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/upkeep"
	"loa/wire"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, loa.Zone())

// TestSteps walks a repair and tries every step that is none.
func TestSteps(t *testing.T) {
	f := upkeep.Fault{ID: "f", Path: "vn/98/98011", Cause: upkeep.Horn, State: upkeep.Open, Opened: noon.UnixMilli()}
	for _, c := range []struct {
		step upkeep.Step
		want string // key of a refusal
	}{
		{upkeep.Step{To: upkeep.Proposed}, "fault.moved"},
		{upkeep.Step{To: upkeep.Open}, "fault.moved"},
		{upkeep.Step{To: upkeep.Called}, "fault.fixer"},
		{upkeep.Step{To: upkeep.Called, Fixer: "Ông Ba", Due: "27/11"}, "fault.due"},
		{upkeep.Step{To: upkeep.Called, Fixer: "Ông Ba", Due: "2026-11-27"}, ""},
		{upkeep.Step{To: upkeep.Parts, Supplier: "Hãng A", Cost: -1}, "fault.cost"},
		{upkeep.Step{To: upkeep.Parts, Supplier: "Hãng A", Parts: "củ loa 30 W"}, ""},
		{upkeep.Step{To: upkeep.Done}, "fault.remedy"},
		{upkeep.Step{To: upkeep.Done, Remedy: "  "}, "fault.remedy"},
		{upkeep.Step{To: upkeep.Done, Remedy: "thay củ loa", Cost: 450_000}, ""},
		{upkeep.Step{To: upkeep.Called, Fixer: "Ông Tư"}, "fault.moved"},
		{upkeep.Step{To: upkeep.Open}, ""},
		{upkeep.Step{To: upkeep.Dropped, Remedy: "cắm lại phích"}, ""},
	} {
		next, entry, err := f.Step(c.step, noon.Add(time.Hour))
		if loa.KeyOf(err) != c.want && (err != nil || c.want != "") {
			t.Errorf("%s → %s: %v, want %q", f.State, c.step.To, err, c.want)
		}
		if err != nil {
			continue
		}
		if entry.Verb != "fault."+string(c.step.To) || entry.Subject != "f" {
			t.Errorf("the book: %+v", entry)
		}
		f = next
	}
	if f.Fixer != "Ông Ba" || f.Due != "2026-11-27" || f.Cost != 450_000 || f.Remedy != "cắm lại phích" || f.Ended == 0 {
		t.Errorf("%+v", f)
	}
}

// TestShows: what a box shows, and what is no fault.
func TestShows(t *testing.T) {
	ms := func(d time.Duration) int64 { return noon.Add(-d).UnixMilli() }
	well := upkeep.Sign{Since: ms(time.Hour * 999), Seen: ms(time.Minute), Clock: wire.ClockTrusted, Free: 1 << 30, Healthy: true, Before: 80, Now: 80}
	for _, c := range []struct {
		name   string
		change func(*upkeep.Sign)
		want   []upkeep.Cause
	}{
		{"well", func(*upkeep.Sign) {}, nil},
		{"a day's silence", func(s *upkeep.Sign) { s.Seen, s.Healthy = ms(24*time.Hour), false }, nil},
		{"more", func(s *upkeep.Sign) { s.Seen, s.Healthy = ms(25*time.Hour), false }, []upkeep.Cause{upkeep.Silent}},
		{"muted", func(s *upkeep.Sign) { s.Seen, s.Healthy, s.Muted = ms(25*time.Hour), false, true }, nil},
		{"never called, put up today", func(s *upkeep.Sign) { s.Seen, s.Healthy, s.Since = 0, false, ms(time.Hour) }, nil},
		{"never called", func(s *upkeep.Sign) { s.Seen, s.Healthy = 0, false }, []upkeep.Cause{upkeep.Silent}},
		{"one failure", func(s *upkeep.Sign) { s.Failed = 1 }, nil},
		{"two", func(s *upkeep.Sign) { s.Failed = 2 }, []upkeep.Cause{upkeep.Output}},
		{"no clock", func(s *upkeep.Sign) { s.Clock = wire.ClockUnknown }, []upkeep.Cause{upkeep.Clock}},
		{"no clock, long ago", func(s *upkeep.Sign) { s.Clock, s.Seen, s.Healthy = wire.ClockUnknown, ms(time.Hour), false }, nil},
		{"full", func(s *upkeep.Sign) { s.Free = 100 << 20 }, []upkeep.Cause{upkeep.Disk}},
		{"nobody said how full", func(s *upkeep.Sign) { s.Free = 0 }, nil},
		{"fell", func(s *upkeep.Sign) { s.Now = 48 }, []upkeep.Cause{upkeep.Quiet}},
		{"fell a little", func(s *upkeep.Sign) { s.Now = 49 }, nil},
		{"turned down by hand", func(s *upkeep.Sign) { s.Now, s.Turned = 30, ms(5*24*time.Hour) }, nil},
		{"turned down long ago", func(s *upkeep.Sign) { s.Now, s.Turned = 30, ms(20*24*time.Hour) }, []upkeep.Cause{upkeep.Quiet}},
		{"all at once", func(s *upkeep.Sign) { s.Failed, s.Clock, s.Free, s.Now = 3, wire.ClockUnknown, 1, 1 },
			[]upkeep.Cause{upkeep.Output, upkeep.Clock, upkeep.Disk, upkeep.Quiet}},
	} {
		s := well
		c.change(&s)
		if got := s.Shows(noon); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestSum counts a month by hand.
func TestSum(t *testing.T) {
	from, until := upkeep.MonthOf(noon)
	day := func(n int) int64 { return from.AddDate(0, 0, n).UnixMilli() }
	got := upkeep.Sum([]upkeep.Fault{
		{Cause: upkeep.Horn, State: upkeep.Done, Opened: day(1), Ended: day(2), Cost: 300_000},
		{Cause: upkeep.Horn, State: upkeep.Done, Opened: day(-9), Ended: day(1), Cost: 200_000, Remedy: "x"},
		{Cause: upkeep.SIM, State: upkeep.Open, Opened: day(25)},
		{Cause: upkeep.Power, State: upkeep.Parts, Opened: day(-40)},
		{Cause: upkeep.Silent, State: upkeep.Proposed, Opened: day(3)},               // nobody has looked
		{Cause: upkeep.Silent, State: upkeep.Dropped, Opened: day(3), Ended: day(4)}, // passed by itself
		{Cause: upkeep.Other, State: upkeep.Dropped, Opened: day(3), Ended: day(4), Remedy: "nhầm cột"},
		{Cause: upkeep.Disk, State: upkeep.Done, Opened: day(20), Ended: day(40), Cost: 1}, // mended later
		{Cause: upkeep.Clock, State: upkeep.Open, Opened: day(31)},                         // of the next month
	}, from, until)
	want := upkeep.Month{Opened: 4, Done: 2, Dropped: 1, Open: 3, Week: 2, Cost: 500_000, Median: 240,
		By: []upkeep.Share{{upkeep.Horn, 1, 300_000}, {upkeep.SIM, 1, 0}, {upkeep.Other, 1, 0}, {upkeep.Disk, 1, 1}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
