package edge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"loa"
	"loa/wire"
)

// shifted is a machine whose date is wrong by so much.
type shifted struct {
	loa.WallClock
	by time.Duration
}

func (s shifted) Now() time.Time { return s.WallClock.Now().Add(s.by) }

// TestWalk is the whole way from a code to a verified receipt, over HTTP alone.
func TestWalk(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	wav := filepath.Join(t.TempDir(), "street.wav")
	c := n.config(t.TempDir())
	c.Output = &WAV{Path: wav, Clock: loa.WallClock{}}
	var s wire.Slot
	mp3 := tone(t, "1", "440")
	n.with(func() { s = n.plans(n.doc(wire.WarrantType, n.warrant(mp3, nil), n.authority), 3*time.Second) })
	stop := n.start(c)
	l := n.line()
	stop()
	if l.Slot != s.ID || l.Result != wire.Played || l.Why != "" || l.Planned != s.Start || !l.Verified || l.Clock != wire.ClockTrusted {
		t.Errorf("line %+v", l)
	}
	if l.MS < 1000 || l.MS > 1100 || l.Volume != 80 {
		t.Errorf("it sounded %d ms at %d %%", l.MS, l.Volume)
	}
	if l.SkewUS < -5000 || l.SkewUS > 5000 {
		t.Errorf("skew is %d µs", l.SkewUS)
	}
	b, err := os.ReadFile(wav)
	if err != nil {
		t.Fatal(err)
	}
	if got := int(binary.LittleEndian.Uint32(b[40:])); got != len(b)-wavHeader {
		t.Errorf("header says %d bytes of %d", got, len(b)-wavHeader)
	}
	first, loud := sounding(b[wavHeader:])
	if first < 0 || loud < Rate*9/10 || loud > Rate*11/10 {
		t.Errorf("%d samples sound, the first at %d", loud, first)
	}
}

// sounding finds the first sample that is not silence and how many lie between it and the last.
func sounding(b []byte) (first, span int) {
	first, last := -1, 0
	for i := 0; i+1 < len(b); i += 2 {
		if v := int16(binary.LittleEndian.Uint16(b[i:])); v > 100 || v < -100 {
			if first < 0 {
				first = i / 2
			}
			last = i / 2
		}
	}
	return first, last - first
}

// TestRefused: each slot is refused, and the receipt says why.
func TestRefused(t *testing.T) {
	t.Parallel()
	mp3 := tone(t, "0.5", "440")
	for _, c := range []struct {
		why   string
		until time.Duration
		make  func(n *town) string
	}{
		{"slot.outside_warrant", 0, func(n *town) string {
			return n.doc(wire.WarrantType, n.warrant(mp3, func(w *wire.Warrant) { w.Until = micros()/1000 + 1000 }), n.authority)
		}},
		{"policy.hours", 0, func(n *town) string {
			at := time.Now().In(loa.Zone())
			open := (at.Hour()*60 + at.Minute() + 120) % 1380
			n.policy(open, open+1)
			return n.doc(wire.WarrantType, n.warrant(mp3, nil), n.authority)
		}},
		{"policy.mourning", 0, func(n *town) string {
			n.policy(0, 1440, wire.Span{From: 1, Until: micros()})
			return n.doc(wire.WarrantType, n.warrant(mp3, func(w *wire.Warrant) { w.Role = wire.Music }), n.authority)
		}},
		{"pole.muted", 0, func(n *town) string {
			n.mutes = []wire.Mute{{Pole: "P1", From: 1, Until: micros()}, {Pole: "P2", From: 1, Until: 2}}
			return n.doc(wire.WarrantType, n.warrant(mp3, nil), n.authority)
		}},
		{"policy.none", 0, func(n *town) string {
			n.beacon.Policies = []string{}
			return n.doc(wire.WarrantType, n.warrant(mp3, nil), n.authority)
		}},
		{"media.damaged", 0, func(n *town) string {
			w := n.warrant(mp3, nil)
			b := bytes.Clone(mp3)
			b[1000] ^= 1
			n.media[w.Media[0].Hash] = b
			return n.doc(wire.WarrantType, w, n.authority)
		}},
		{"document.duplicate_key", 0, func(n *town) string {
			b := must(wire.Encode(n.warrant(mp3, nil)))
			b = bytes.Replace(b, []byte(`"class":"normal"`), []byte(`"class":"normal","class":"priority"`), 1)
			return n.raw(sealRaw(wire.WarrantType, b, n))
		}},
		{"seal.wrong_path", 0, func(n *town) string {
			return n.doc(wire.WarrantType, n.warrant(mp3, func(w *wire.Warrant) {
				w.Scope = append(w.Scope, wire.Place{Path: "vn/97/97002"})
			}), n.authority)
		}},
		{"seal.wrong_role", 0, func(n *town) string {
			return n.doc(wire.WarrantType, n.warrant(mp3, nil), n.dispatch)
		}},
		{"warrant.missing", 0, func(*town) string { return loa.Hash([]byte("nobody has it")) }},
		{"media.length", 0, func(n *town) string {
			return n.doc(wire.WarrantType, n.warrant(mp3, func(w *wire.Warrant) { w.Media[0].MS = 100 }), n.authority)
		}},
	} {
		t.Run(c.why, func(t *testing.T) {
			t.Parallel()
			n := newTown(t)
			n.with(func() { n.plans(c.make(n), 2500*time.Millisecond) })
			n.start(n.config(t.TempDir()))
			if l := n.line(); l.Result != wire.Refused || l.Why != c.why || l.Started != 0 {
				t.Errorf("line %+v", l)
			}
		})
	}
}

// TestWrongClock: a box three hours wrong plays at the right minute and says how
// wrong it is.
func TestWrongClock(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	c := n.config(t.TempDir())
	c.Clock = shifted{by: -3 * time.Hour}
	var s wire.Slot
	n.with(func() {
		s = n.plans(n.doc(wire.WarrantType, n.warrant(tone(t, "0.5", "440"), nil), n.authority), 3*time.Second)
	})
	n.start(c)
	if l := n.line(); l.Result != wire.Played || l.Started < s.Start-5 || l.Started > s.Start+5 {
		t.Errorf("planned %d, line %+v", s.Start, l)
	}
}

// TestFromDiskAlone: what was fetched plays after a restart without the node,
// a minute missed meanwhile is written down, and an old plan never comes back.
func TestFromDiskAlone(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	c := n.config(t.TempDir())
	var first, later wire.Slot
	n.with(func() {
		w := n.doc(wire.WarrantType, n.warrant(tone(t, "0.5", "440"), nil), n.authority)
		first = n.plans(w, 2500*time.Millisecond)
		later = n.plans(w, 6*time.Second)
	})
	stop := n.start(c)
	if l := n.line(); l.Slot != first.ID || l.Result != wire.Played {
		t.Fatalf("line %+v", l)
	}
	stop()
	n.with(func() { n.away = true })
	c.Output = &watched{Silent: Silent{Clock: loa.WallClock{}}, heard: make(chan bool, 1)}
	n.start(c)
	<-c.Output.(*watched).heard
	n.with(func() {
		n.away = false
		n.slots = []wire.Slot{}
		n.plan(1)
	})
	if l := n.line(); l.Slot != later.ID || l.Result != wire.Played || l.Clock != wire.ClockTrusted {
		t.Errorf("line %+v", l)
	}
	heard := func(number int64) bool {
		s, err := stateIn(c.Dir)
		return err == nil && s.Beacon.Number >= number
	}
	waitFor(t, func() bool { return heard(n.beacon.Number) })
	n.with(n.tell) // once it hears this one, it is done with the one before
	waitFor(t, func() bool { return heard(n.beacon.Number) })
	if s := must(stateIn(c.Dir)); s.PlanVersion != 2 {
		t.Errorf("plan version fell to %d", s.PlanVersion)
	}
}

// watched is an output that says when something sounds.
type watched struct {
	Silent
	heard chan bool
}

func (w *watched) Write(pcm []int16) error {
	if slices.ContainsFunc(pcm, func(s int16) bool { return s > 100 }) {
		select {
		case w.heard <- true:
		default:
		}
	}
	return w.Silent.Write(pcm)
}

// TestNow: an emergency interrupts, a stop silences it, what was interrupted
// goes on, and a number used again is refused.
func TestNow(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	c := n.config(t.TempDir())
	out := &watched{Silent: Silent{Clock: loa.WallClock{}}, heard: make(chan bool, 1)}
	c.Output = out
	var s wire.Slot
	n.with(func() {
		s = n.plans(n.doc(wire.WarrantType, n.warrant(tone(t, "4", "440"), nil), n.authority), 2500*time.Millisecond)
	})
	n.start(c)
	<-out.heard
	var alarm, again string
	n.with(func() { alarm = n.urgent(tone(t, "20", "880"), nil) })
	waitFor(t, func() bool { return n.requested(alarm) && soundingNow(c.Dir, alarm) })
	n.with(func() {
		n.urgent(nil, func(w *wire.Warrant) {
			w.Kind, w.Stops, w.PlaysDay, w.Plays, w.Cap, w.Speech = "stop", []string{alarm}, 0, 0, 0, ""
		})
	})
	if l := n.line(); l.Warrant != alarm || l.Result != wire.Stopped || l.MS >= 15_000 {
		t.Errorf("alarm %+v", l)
	}
	if l := n.line(); l.Slot != s.ID || l.Result != wire.Played || l.Why != "slot.resumed" || l.MS < 4000 || l.MS > 4200 {
		t.Errorf("slot %+v", l)
	}
	n.with(func() {
		n.seq = 0
		again = n.urgent(tone(t, "0.5", "220"), nil)
	})
	if l := n.line(); l.Warrant != again || l.Result != wire.Refused || l.Why != "now.number_reused" {
		t.Errorf("again %+v", l)
	}
}

// TestMute: a mute that comes while a bulletin sounds silences it, one of
// another pole does not; an emergency sounds through it, an exercise does not.
// A slot for another pole is not ours and leaves no line.
func TestMute(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	c := n.config(t.TempDir())
	out := &watched{Silent: Silent{Clock: loa.WallClock{}}, heard: make(chan bool, 1)}
	c.Output = out
	var s wire.Slot
	n.with(func() {
		long := n.doc(wire.WarrantType, n.warrant(tone(t, "20", "440"), nil), n.authority)
		n.plans(long, 2400*time.Millisecond)
		n.slots[0].Poles = []string{"P2"}
		s = n.plans(long, 2500*time.Millisecond)
		n.mutes = []wire.Mute{{Pole: "P2", From: 1, Until: micros()}}
		n.slots[1].Poles = []string{"P2", "P1"}
		n.plan(n.beacon.PlanVersion + 1)
	})
	n.start(c)
	<-out.heard
	n.with(func() {
		n.mutes = append(n.mutes, wire.Mute{Pole: "P1", From: 1, Until: micros()})
		n.plan(n.beacon.PlanVersion + 1)
	})
	if l := n.line(); l.Slot != s.ID || l.Result != wire.Stopped || l.Why != wire.WhyMuted || l.MS >= 15_000 {
		t.Errorf("muted while it sounded: %+v", l)
	}
	var drill, alarm string
	n.with(func() {
		drill = n.urgent(tone(t, "0.5", "220"), func(w *wire.Warrant) { w.Class = wire.Exercise })
	})
	if l := n.line(); l.Warrant != drill || l.Result != wire.Refused || l.Why != wire.WhyMuted {
		t.Errorf("exercise at a muted pole: %+v", l)
	}
	n.with(func() { alarm = n.urgent(tone(t, "0.5", "880"), nil) })
	if l := n.line(); l.Warrant != alarm || l.Result != wire.Played {
		t.Errorf("emergency at a muted pole: %+v", l)
	}
}

// TestOwnHours: a pole with hours of its own keeps to them where the policies
// leave it more.
func TestOwnHours(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	at := time.Now().In(loa.Zone())
	open := (at.Hour()*60 + at.Minute() + 120) % 1380
	n.with(func() {
		n.own = []wire.Hours{{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: open, Until: open + 1}}
		n.plans(n.doc(wire.WarrantType, n.warrant(tone(t, "0.5", "440"), nil), n.authority), 2500*time.Millisecond)
	})
	n.start(n.config(t.TempDir()))
	if l := n.line(); l.Result != wire.Refused || l.Why != "placement.hours" {
		t.Errorf("line %+v", l)
	}
}

func (n *town) requested(hash string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.docs[hash]
	return ok
}

// soundingNow reads from the agent's disk that a job has its first sample out.
func soundingNow(dir, name string) bool {
	s, err := stateIn(dir)
	return err == nil && s.Sounding[name].Started > 0
}

// waitFor asks until the answer is yes; the agent's disk has no channel.
func waitFor(t *testing.T, yes func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(25 * time.Second)
	for !yes() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("it did not happen in time")
		}
	}
}

// TestPowerCut kills an agent while it sounds. Started again, it does not say a
// normal bulletin twice, and says that it was broken off.
func TestPowerCut(t *testing.T) {
	if dir := os.Getenv("LOA_EDGE_TEST_DIR"); dir != "" {
		err := Run(t.Context(), Config{Server: os.Getenv("LOA_EDGE_TEST_SERVER"), Dir: dir, Code: os.Getenv("LOA_EDGE_TEST_CODE"),
			Output: &Silent{Clock: loa.WallClock{}}, ReceiptDelay: time.Millisecond, PullEvery: 100 * time.Millisecond})
		t.Fatalf("the agent ended by itself: %v", err)
	}
	t.Parallel()
	n := newTown(t)
	dir := t.TempDir()
	var s wire.Slot
	n.with(func() {
		s = n.plans(n.doc(wire.WarrantType, n.warrant(tone(t, "30", "440"), nil), n.authority), 2500*time.Millisecond)
	})
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPowerCut$")
	cmd.Env = append(os.Environ(), "LOA_EDGE_TEST_DIR="+dir, "LOA_EDGE_TEST_SERVER="+n.server.URL, "LOA_EDGE_TEST_CODE="+n.code)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return soundingNow(dir, s.ID) })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var killed *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &killed) {
		t.Fatalf("it was not killed: %v", err)
	}
	c := n.config(dir)
	out := &watched{Silent: Silent{Clock: loa.WallClock{}}, heard: make(chan bool, 1)}
	c.Output = out
	var next wire.Slot
	n.with(func() {
		next = n.plans(n.doc(wire.WarrantType, n.warrant(tone(t, "0.5", "880"), nil), n.authority), 3*time.Second)
	})
	n.start(c)
	if l := n.line(); l.Slot != s.ID || l.Result != wire.Partly || l.Why != "agent.restarted" || l.Started == 0 {
		t.Errorf("after the power came back: %+v", l)
	}
	if len(out.heard) > 0 {
		t.Error("it sounded again")
	}
	if l := n.line(); l.Slot != next.ID || l.Result != wire.Played {
		t.Errorf("the next slot: %+v", l)
	}
}

// TestFullDisk: on a full disk nothing is half written, the slot is refused with
// the reason, and an emergency sounds from memory.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("this machine lets nobody mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	n := newTown(t)
	c := n.config(dir)
	out := &watched{Silent: Silent{Clock: loa.WallClock{}}, heard: make(chan bool, 1)}
	c.Output = out
	n.start(c)
	waitFor(t, func() bool { return holds(dir, "reserve") })
	fillDisk(t, filepath.Join(dir, "junk"))
	n.with(func() {
		n.plans(n.doc(wire.WarrantType, n.warrant(tone(t, "20", "440"), nil), n.authority), 2500*time.Millisecond)
	})
	if l := n.line(); l.Result != wire.Refused || l.Why != "disk.full" {
		t.Errorf("line %+v", l)
	}
	for _, d := range []string{"", "docs", "media"} {
		if left := must(filepath.Glob(filepath.Join(dir, d, "*.tmp"))); len(left) > 0 {
			t.Errorf("half written: %v", left)
		}
	}
	if err := os.Remove(filepath.Join(dir, "reserve")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	fillDisk(t, filepath.Join(dir, "more"))
	var alarm string
	n.with(func() { alarm = n.urgent(tone(t, "1", "880"), nil) })
	<-out.heard
	if media := must(os.ReadDir(filepath.Join(dir, "media"))); len(media) > 0 {
		t.Errorf("the disk was not full: %v", media)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, "junk")), os.Remove(filepath.Join(dir, "more"))); err != nil {
		t.Fatal(err)
	}
	if l := n.line(); l.Warrant != alarm || l.Result != wire.Played {
		t.Errorf("alarm %+v", l)
	}
}

// fillDisk writes until nothing more fits.
func fillDisk(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func holds(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

// TestForeignRoot: a code names its root; another root is never pinned.
func TestForeignRoot(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	c, err := n.config(t.TempDir()).filled()
	if err != nil {
		t.Fatal(err)
	}
	c.Code = "ABCD2345." + strings.Repeat("0", 16)
	if err := Run(t.Context(), c); loa.KeyOf(err) != "enrol.foreign_root" {
		t.Error(err)
	}
	if b := must((&slots{disk: folder(c.Dir), name: "identity"}).load()); bytes.Contains(b, []byte("device")) {
		t.Errorf("the root was pinned: %s", b)
	}
}
