package edge

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/wire"
)

func TestClock(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 7, 1, 7, 0, 0, 0, time.UTC)
	up := time.Hour
	box := machine{boot: "one", up: func() time.Duration { return up }}
	hand := loa.NewHandClock(start)
	c := newClock(hand, box, anchor{})
	if c.state() != wire.ClockUnknown {
		t.Errorf("a box that was never told is %s", c.state())
	}
	truth := start.Add(3 * time.Hour).UnixMicro()
	last := c.set(truth, hand.Now())
	if c.state() != wire.ClockTrusted || c.micros() != truth || c.offset() != (3*time.Hour).Microseconds() {
		t.Errorf("%s, %d, offset %d", c.state(), c.micros(), c.offset())
	}
	c.hold()
	c.set(truth-1_000_000, hand.Now())
	if c.micros() != truth {
		t.Error("it stepped back while something sounded")
	}
	c.release()
	if c.micros() != truth-1_000_000 {
		t.Error("the step back was forgotten")
	}
	hand.Turn(25 * time.Hour)
	if c.state() != wire.ClockDegraded {
		t.Errorf("a day later it is %s", c.state())
	}

	for _, row := range []struct {
		name  string
		box   machine
		wall  time.Duration // what the machine's date moved meanwhile
		state string
		gone  time.Duration // since the sealed time, by the new clock
	}{
		{"program restarted, date set meanwhile", machine{boot: "one", up: func() time.Duration { return up + time.Minute }}, -time.Hour, wire.ClockTrusted, time.Minute},
		{"program restarted two days later", machine{boot: "one", up: func() time.Duration { return up + 48*time.Hour }}, 48 * time.Hour, wire.ClockDegraded, 48 * time.Hour},
		{"box restarted with a battery", machine{boot: "two", battery: true, up: box.up}, time.Hour, wire.ClockDegraded, time.Hour},
		{"box restarted without", machine{boot: "two", up: box.up}, time.Hour, wire.ClockUnknown, 0},
		{"the battery is empty", machine{boot: "two", battery: true, up: box.up}, -20 * 365 * 24 * time.Hour, wire.ClockUnknown, 0},
		{"the battery clock is years ahead", machine{boot: "two", battery: true, up: box.up}, 2 * rtcFor, wire.ClockUnknown, 0},
	} {
		c := newClock(loa.NewHandClock(start.Add(row.wall)), row.box, last)
		if c.state() != row.state {
			t.Errorf("%s: %s, not %s", row.name, c.state(), row.state)
		}
		if row.state != wire.ClockUnknown && c.micros() != truth+row.gone.Microseconds() {
			t.Errorf("%s: off by %d µs", row.name, c.micros()-truth-row.gone.Microseconds())
		}
	}
}

func TestRatchet(t *testing.T) {
	t.Parallel()
	var r ratchet
	for seq := int64(1); seq <= maxLive+10; seq++ {
		r = r.with(seq, "bytes")
	}
	for _, row := range []struct {
		seq  int64
		hash string
		why  string
		same bool
	}{
		{5, "bytes", "now.replayed", false}, // fell below the floor
		{10, "other", "now.replayed", false},
		{11, "bytes", "now.number_reused", true},
		{11, "other", "now.number_reused", false},
		{maxLive + 11, "new", "", false},
	} {
		if why, same := r.seen(row.seq, row.hash); why != row.why || same != row.same {
			t.Errorf("%d %s: %q %v", row.seq, row.hash, why, same)
		}
	}
}

func TestStopHolds(t *testing.T) {
	t.Parallel()
	s := emptyState()
	s.Stops["w"] = []halt{{Issuer: "vn/97/97001", Class: wire.Normal}}
	for _, row := range []struct {
		w    wire.Warrant
		want bool
	}{
		{wire.Warrant{Issuer: "vn/97/97001", Class: wire.Normal}, true},
		{wire.Warrant{Issuer: "vn/97", Class: wire.Normal}, false},              // from above
		{wire.Warrant{Issuer: "vn/97/97001", Class: wire.Emergency}, false},     // a normal key
		{wire.Warrant{Issuer: "vn/97/97001/h/a", Class: wire.Priority}, true},   // from below
		{wire.Warrant{Issuer: "vn/97/970", Class: wire.Normal}, false},          // not a segment
		{wire.Warrant{Issuer: "vn/97/97002", Class: wire.Normal}, false},        // a sibling's
		{wire.Warrant{Issuer: "vn/97/97001/h/a", Class: wire.Emergency}, false}, // both
	} {
		if got := s.stopped("w", row.w); got != row.want {
			t.Errorf("%s %s: %v", row.w.Issuer, row.w.Class, got)
		}
	}
}

func TestReceiptsFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k := keepIn(dir)
	r := must(openReceipts(k))
	for range 3 {
		if err := r.add(wire.Line{Slot: "s", Warrant: loa.Hash(nil), Result: wire.Played, Clock: wire.ClockTrusted}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.acked(1); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "receipts")
	b := must(os.ReadFile(name))
	if err := os.WriteFile(name, append(b, "00000000 {\"line\":{\"n\":4"...), 0o600); err != nil {
		t.Fatal(err)
	}
	r = must(openReceipts(k))
	if err := r.add(wire.Line{Slot: "t", Warrant: loa.Hash(nil), Result: wire.Played, Clock: wire.ClockTrusted}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{2, 3, 4}, numbers(r.batch())); diff != "" {
		t.Error(diff)
	}
	b[len(b)/2] ^= 1 // in the middle: the line is lost, its number is not
	through, lines, _ := readReceipts(b)
	if through != 1 || len(lines) != 2 || lines[0].Why != "receipt.lost" {
		t.Errorf("through %d, %+v", through, lines)
	}
	if err := (wire.Receipt{Kind: "receipt", Device: loa.NewID(time.Now()), Lines: lines}).Check(); err != nil {
		t.Errorf("the node would not take it: %v", err)
	}
}

func numbers(lines []wire.Line) (all []int64) {
	for _, l := range lines {
		all = append(all, l.N)
	}
	return all
}

// keepIn opens the keep in a real folder.
func keepIn(dir string) *keep { return must(openKeep(must(openFolder(dir)))) }

// stateIn is the state in a folder as the next start would find it.
func stateIn(dir string) (*state, error) {
	s := slots{disk: folder(dir), name: "state"}
	b, err := s.load()
	if err != nil || b == nil {
		return emptyState(), err
	}
	return decodeState(b)
}

func TestClean(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k := keepIn(dir)
	for i, name := range []string{"old", "needed", "new"} {
		if err := k.write("media/"+name, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(int64(1000+i), 0)
		if err := os.Chtimes(filepath.Join(dir, "media", name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.clean(map[string]bool{"needed": true}, 100); err != nil {
		t.Fatal(err)
	}
	if holds(dir, "media/old") || !holds(dir, "media/needed") || !holds(dir, "media/new") {
		t.Error("the wrong one was removed")
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	for spec, key := range map[string]string{"aplay": "", "aplay:hw:0": "", "wav:/x": "", "silent": "", "command:ffmpeg -i -": "", "command: ": "output.unknown", "wav": "output.unknown", "": "output.unknown", "horn": "output.unknown"} {
		_, err := Open(spec)
		if key == "" && err != nil || key != "" && loa.KeyOf(err) != key {
			t.Errorf("%q: %v", spec, err)
		}
	}
	if o, _ := Open("aplay:hw:0"); !slices.Contains(o.(*Program).Args, "hw:0") {
		t.Error("the device is lost")
	}
}

func FuzzState(f *testing.F) {
	f.Add(must(encodeState(emptyState())))
	f.Add([]byte(loa.Hash([]byte(`{"done":null}`)) + "\n" + `{"done":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeState(b)
		if err != nil {
			return
		}
		again, err := decodeState(must(encodeState(s)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Error(diff)
		}
		s.Done["x"], s.Pending["x"] = 1, 1 // the maps are there to be written
	})
}

func FuzzReceipts(f *testing.F) {
	a := must(encodeRecord(record{Through: 2}))
	b := must(encodeRecord(record{Line: &wire.Line{N: 3}}))
	c := must(encodeRecord(record{Line: &wire.Line{N: 6}}))
	f.Add(append(append(a, b...), c...))
	f.Add([]byte("00000000 \n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		through, lines, whole := readReceipts(b)
		if whole < 0 || whole > len(b) {
			t.Fatalf("%d of %d bytes are whole", whole, len(b))
		}
		for i, l := range lines {
			if l.N <= through || i > 0 && l.N != lines[i-1].N+1 {
				t.Fatalf("line %d has number %d", i, l.N)
			}
		}
	})
}
