package edge

import (
	"testing"
	"time"

	"loa/seal"
	"loa/wire"
)

func (n *town) planned(mp3 []byte, by seal.Key, in time.Duration) wire.Slot {
	return n.plans(n.doc(wire.WarrantType, n.warrant(mp3, nil), by), in)
}

// TestJoinsNation: the root changes twice while the box is off, and once while it
// is on; it follows without being touched, and goes on from disk alone after a
// restart that finds no node.
func TestJoinsNation(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	mp3 := tone(t, "0.5", "440")
	c := n.config(t.TempDir())
	a, stop := n.run(c, thisMachine())
	until(t, "a beacon", func() bool { return a.keep.now().Beacon.Number > 0 })
	first := a.pinned().Fingerprint()
	stop()
	n.with(n.rotate)
	n.with(n.rotate)
	var s wire.Slot
	n.with(func() { s = n.planned(mp3, n.authority, 6*time.Second) })
	a, stop = n.run(c, thisMachine())
	until(t, "the second root", func() bool { return a.pinned().Version == 2 })
	n.with(n.rotate)
	until(t, "the third root", func() bool { return a.pinned().Version == 3 })
	if a.pinned().Fingerprint() == first || a.root.Fingerprint() != first {
		t.Error("the root of the enrolment was overwritten")
	}
	if l := n.line(); l.Slot != s.ID || l.Result != wire.Played {
		t.Errorf("under the new root: %+v", l)
	}
	n.with(func() { s = n.planned(mp3, n.authority, 5*time.Second) })
	until(t, "the plan and its sound", func() bool {
		_, ok := a.keep.doc(s.Warrant)
		return ok && a.keep.now().PlanVersion == n.version()
	})
	stop()
	n.with(func() { n.away = true })
	a, _ = n.run(c, thisMachine())
	if a.pinned().Version != 3 || a.trust.Load().Root().Version != 3 {
		t.Errorf("after a restart the root is %+v", a.pinned())
	}
	until(t, "it sounds from disk", func() bool { _, done := a.keep.now().Done[s.ID]; return done })
	n.with(func() { n.away = false })
	if l := n.line(); l.Slot != s.ID || l.Result != wire.Played {
		t.Errorf("without a node: %+v", l)
	}
}

func (n *town) version() (v int64) {
	n.with(func() { v = n.beacon.PlanVersion })
	return v
}

// TestBootsIntoAnotherRoot: a box without a battery clock that was off while the
// root changed can check neither beacon nor time by what it holds. It follows
// the root first.
func TestBootsIntoAnotherRoot(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	c := n.config(t.TempDir())
	boot := func(name string) machine {
		began := time.Now()
		return machine{boot: name, up: func() time.Duration { return time.Since(began) }}
	}
	a, stop := n.run(c, boot("one"))
	until(t, "a beacon", func() bool { return a.keep.now().Beacon.Number > 0 })
	stop()
	n.with(n.rotate)
	a, _ = n.run(c, boot("two"))
	until(t, "the new root and the time", func() bool { return a.pinned().Version == 1 && a.clock.state() == wire.ClockTrusted })
}

// TestRootNotFollowed: nothing moves a box but a rotation that both roots sealed,
// that follows the one held, and under which the beacon that names it holds.
func TestRootNotFollowed(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	c := n.config(t.TempDir())
	a, stop := n.run(c, thisMachine())
	until(t, "a beacon", func() bool { return a.keep.now().Beacon.Number > 0 })
	stays := func(what string, version int64, change func()) {
		t.Helper()
		var number int64
		n.with(func() {
			change()
			n.tell()
			number = n.beacon.Number
		})
		for len(a.say) > 0 {
			<-a.say
		}
		until(t, what+": it was refused", func() bool { return len(a.say) > 0 && (<-a.say).State == "refused" })
		if got := a.pinned().Version; got != version || a.keep.now().Beacon.Number >= number {
			t.Errorf("%s: it moved to root %d, beacon %d", what, got, number)
		}
	}
	thief, rightful, key := must(seal.NewKey()), n.root, n.rootKey
	usurped := seal.Root{Name: "thief", Keys: []string{seal.EncodePublic(thief.Public)}, Threshold: 1, Demo: true}
	// The thief has the network and a root of his own, not the old root's key.
	stays("a rotation by the new root alone", 0, func() {
		to := usurped
		to.Version = 1
		n.rotations = [][]byte{n.seal(seal.RootType, seal.Rotation{Kind: "root", From: rightful.Fingerprint(), Root: to}, thief)}
		n.root, n.rootKey = to, thief
		n.delegate(0)
		n.beacon.Root = to.Fingerprint()
	})
	stays("a root named and no rotation", 0, func() { n.rotations = nil })
	// The rotation is true, but the beacon's keys were given by nobody under it.
	stays("a beacon that does not hold under the new root", 0, func() {
		n.root, n.rootKey, n.rotations = rightful, key, nil
		n.rotate()
		n.rootKey = thief
		n.delegate(0)
	})
	n.with(func() { n.rootKey = key })
	n.with(func() {
		n.root, n.rootKey, n.rotations = rightful, key, nil
		n.rotate()
	})
	until(t, "the true root", func() bool { return a.pinned().Version == 1 })
	held := a.pinned().Fingerprint()
	// A fork: the old root's key was stolen afterwards, and seals another that follows it.
	stays("a fork", 1, func() {
		n.rotations = append(n.rotations, must(seal.Rotate(rightful, usurped, key, thief)))
		n.root, n.rootKey = usurped, thief
		n.delegate(0)
		fork := usurped
		fork.Version = 1
		n.beacon.Root = fork.Fingerprint()
	})
	if a.pinned().Fingerprint() != held {
		t.Error("another root is held")
	}
	stop()
}

// TestKeyTakesOver: while two delegations overlap either key sounds. Then the
// epoch rises without the old key, and what it sealed is silent: on arrival, and
// from the plan that is on disk already. Nobody touches the box.
func TestKeyTakesOver(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	mp3 := tone(t, "0.3", "440")
	a, _ := n.run(n.config(t.TempDir()), thisMachine())
	old, next := n.authority, must(seal.NewKey())
	n.with(func() {
		n.delegate(0, next)
		n.tell()
	})
	n.with(func() {
		n.urgent(mp3, nil)
		n.authority = next
		n.urgent(mp3, nil)
	})
	for range 2 {
		if l := n.line(); l.Result != wire.Played {
			t.Errorf("while both hold: %+v", l)
		}
	}
	var s wire.Slot
	n.with(func() { s = n.planned(mp3, old, 5*time.Second) })
	until(t, "the plan is on disk", func() bool { return a.keep.now().PlanVersion == n.version() })
	n.with(func() {
		n.delegate(1) // next alone
		n.place(2, commune+"/h/a", 100)
		n.beacon.Placements++
		n.beacon.Now = []string{}
		n.policy(0, 1440)
		n.tell()
	})
	until(t, "the epoch", func() bool { return a.keep.now().Epoch == 1 })
	var revoked string
	n.with(func() {
		n.authority = old
		revoked = n.urgent(mp3, nil)
		n.authority = next
	})
	for range 2 {
		l := n.line()
		if l.Warrant != revoked && l.Slot != s.ID || l.Result != wire.Refused || l.Why != "seal.unknown_key" || l.MS != 0 {
			t.Errorf("by a revoked key: %+v", l)
		}
	}
	n.with(func() { n.urgent(mp3, nil) })
	if l := n.line(); l.Result != wire.Played {
		t.Errorf("by the key in its place: %+v", l)
	}
}
