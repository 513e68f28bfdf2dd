package edge

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/wire"
)

// TestRot turns one bit, or cuts off the end, of any file an agent keeps,
// 10,000 times (a tenth in make test): what comes back is what was written, or is
// said to be lost. With both slots of the state damaged it is lost as a whole, and
// the box is as one that was never told anything: silent until a fresh beacon.
func TestRot(t *testing.T) {
	t.Parallel()
	rounds := 1000
	if os.Getenv("LOA_LONG") != "" {
		rounds = 10_000
	}
	s := newStage(t)
	if _, err := s.until(func() error { return firstOf(s.start(newGlass()), s.live) }); err != nil {
		t.Fatal(err)
	}
	if err := (&slots{disk: s.disk, name: "identity"}).store([]byte(`{"seed":"a","device":"b"}`)); err != nil {
		t.Fatal(err)
	}
	was, lines := s.a.keep.now(), slices.Clone(s.a.receipts.lines)
	rng := rand.New(rand.NewPCG(11, 2026))
	names := slices.Sorted(maps.Keys(s.disk.names))
	seen := map[string]int{}
	for round := range rounds {
		d := s.disk.after(1, nil)
		damage := func(name string) {
			l := d.names[name]
			if len(l.live) == 0 {
				return // cut off whole before
			}
			if rng.IntN(4) == 0 {
				l.live = l.live[:rng.IntN(len(l.live))]
				return
			}
			l.live = bytes.Clone(l.live)
			l.live[rng.IntN(len(l.live))] ^= 1 << rng.IntN(8)
		}
		name := names[rng.IntN(len(names))]
		if round%4 == 0 {
			name = names[slices.Index(names, "state.a")+rng.IntN(2)] // the ones that matter most
		}
		damage(name)
		both := strings.HasPrefix(name, "state.") && rng.IntN(3) == 0
		if both {
			damage("state.a")
			damage("state.b") // the same bit twice is no damage: one of them is left
		}
		k, err := openKeep(d)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		switch {
		case (k.lost || len(d.names["state.a"].live)+len(d.names["state.b"].live) == 0) && both:
			if k.now().Beacon.Number != 0 || k.now().Placement != "" || k.now().Plan != "" {
				t.Errorf("%s: a lost state is half believed", name)
			}
			seen["state lost"]++
			continue
		case k.lost:
			t.Errorf("%s: one damaged file lost the state", name)
		default:
			if diff := cmp.Diff(was, k.now()); diff != "" {
				t.Errorf("%s: a damaged state was believed: %s", name, diff)
			}
		}
		r, err := openReceipts(k)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if r.last() != lines[len(lines)-1].N {
			t.Errorf("%s: the last line is %d", name, r.last())
		}
		for _, l := range r.lines {
			at := slices.IndexFunc(lines, func(o wire.Line) bool { return o.N == l.N })
			if l.Why == "receipt.lost" {
				seen["receipt lost"]++
			} else if at < 0 || lines[at] != l {
				t.Errorf("%s: line %+v", name, l)
			}
		}
		id, err := (&slots{disk: d, name: "identity"}).load()
		if err != nil || string(id) != `{"seed":"a","device":"b"}` {
			t.Errorf("%s: the box is %s: %v", name, id, err)
		}
		if kind, hash, _ := strings.Cut(name, "/"); kind == "docs" {
			if b, ok := k.doc(hash); ok {
				t.Errorf("%s: a damaged document was believed: %x", name, b)
			}
			seen["document"]++
		} else if kind == "media" {
			if _, err := k.source([]wire.Media{s.media()}, 0); loa.KeyOf(err) != "media.damaged" {
				t.Errorf("%s: a damaged sound was believed: %v", name, err)
			}
			seen["sound"]++
		}
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	t.Logf("%d damages: %v", rounds, seen)
	for _, kind := range []string{"state lost", "receipt lost", "document", "sound"} {
		if seen[kind] == 0 {
			t.Errorf("no %s among them", kind)
		}
	}
}

// TestSlots: the file that is whole is not touched before the other is.
func TestSlots(t *testing.T) {
	t.Parallel()
	d := newGlass()
	s := slots{disk: d, name: "x"}
	for _, v := range []string{"one", "two", "three"} {
		if err := s.store([]byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	d.names["x.a"].live[70] ^= 1
	s = slots{disk: d, name: "x"}
	if v, err := s.load(); err != nil || string(v) != "three" {
		t.Fatalf("%s: %v", v, err)
	}
	d.fail = func(call, name string) error {
		if name == "x.b" {
			t.Error("the whole one is written first")
		}
		return os.ErrPermission
	}
	if err := s.store([]byte("four")); err == nil {
		t.Fatal("it was written to a disk that takes nothing")
	}
	d.fail = nil
	if err := s.store([]byte("five")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x.a", "x.b"} {
		if n, v, err := decodeSlot(d.names[name].live); err != nil || n != 5 || string(v) != "five" {
			t.Errorf("%s: %d %s: %v", name, n, v, err)
		}
	}
}

// TestNumbersOfReceiptsLost: a file of receipts that is gone gives no number
// twice and leaves none out, whoever still knows how far they went.
func TestNumbersOfReceiptsLost(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		given   int64 // by the state
		through int64 // by the node
		want    []int64
	}{
		{"the state knows", 7, 7, []int64{8}},
		{"the node lacks three", 7, 4, []int64{5, 6, 7, 8}},
		{"only the node knows", 0, 500, []int64{501}},
		{"nobody gave any", 0, 0, []int64{1}},
	} {
		k := must(openKeep(newGlass()))
		k.given.Store(row.given)
		r := must(openReceipts(k))
		if err := r.add(wire.Line{Slot: "s", Warrant: loa.Hash(nil), Result: wire.Played, Clock: wire.ClockTrusted}); err != nil {
			t.Fatal(err)
		}
		if err := r.acked(row.through); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(row.want, numbers(r.batch())); diff != "" {
			t.Errorf("%s: %s", row.name, diff)
		}
		last := r.lines[len(r.lines)-1]
		if last.Slot != "s" {
			t.Errorf("%s: the line itself is lost: %+v", row.name, last)
		}
		if again := must(openReceipts(k)); !cmp.Equal(again.lines, r.lines) {
			t.Errorf("%s: on disk it is %v", row.name, numbers(again.lines))
		}
	}
}

func FuzzSlot(f *testing.F) {
	f.Add(encodeSlot(1, []byte("value")))
	f.Add([]byte(loa.Hash([]byte("-1\n")) + "\n-1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, v, err := decodeSlot(b)
		if err == nil && !bytes.Equal(encodeSlot(n, v), b) {
			t.Errorf("%q is another form of %d %q", b, n, v)
		}
	})
}
