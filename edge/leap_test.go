package edge

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"loa"
	"loa/wire"
)

// scene is a box by clockwork with a node that speaks for the commune.
type scene struct {
	*pole
	w      *clockwork
	node   *node
	beacon wire.Beacon
	lie    time.Duration // the node's clock is wrong by so much
	heards map[string]int
}

func newScene(t *testing.T) *scene {
	r := newRealm()
	w := &clockwork{order: rand.New(rand.NewPCG(1, 1)), at: time.UnixMilli(dawn)}
	p := newPoleAt(t, r, wire.Placement{Kind: "placement", Device: id("b1"), Pole: id("p1"), Code: "P1", Name: "pole", Version: 1, Paths: []loa.Path{commune + "/h/a"}, Cap: 90}, w)
	p.work, w.pole = w, p
	s := &scene{pole: p, w: w, node: newNode(r), heards: map[string]int{}}
	s.node.clock = func() int64 { return w.at.Add(s.lie).UnixMicro() }
	policy := s.node.add(r.seal(wire.PolicyType, wire.Policy{Kind: "policy", Path: commune, Version: 1, Volume: 80, From: 1, Until: 4e12,
		Hours: []wire.Hours{{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: 0, Until: 1440}}}, r.authority))
	s.beacon = wire.Beacon{Kind: "beacon", Path: commune, Now: []string{}, Policies: []string{policy}, Trust: r.hashes()}
	p.heard = func(j *job) { s.heards[j.hash]++ }
	p.answer = s.node.answer
	return s
}

// say seals and pushes the next beacon.
func (s *scene) say() {
	s.beacon.Number++
	s.beacon.Time = s.w.at.Add(s.lie).UnixMilli()
	s.node.beacon = s.realm.seal(wire.BeaconType, s.beacon, s.realm.beacon)
	if s.a != nil {
		s.push(s.a.pushed, s.node.beacon)
	}
}

func (s *scene) warrant(name string, sound []byte, change func(*wire.Warrant)) string {
	s.node.media[loa.Hash(sound)] = sound
	w := wire.Warrant{Kind: "play", ID: id(name), Class: wire.Normal, Issuer: commune, Author: "p1", Title: name, Scope: []wire.Place{{Path: commune}},
		From: dawn - 1000, Until: dawn + 30*86_400_000, PlaysDay: 1, Plays: 1, Cap: 90, Speech: "recorded", Approval: "passkey", Media: []wire.Media{mediaOf(sound)}}
	change(&w)
	return s.node.add(s.realm.seal(wire.WarrantType, w, s.realm.authority))
}

func (s *scene) plan(version int64, slots ...wire.Slot) {
	s.beacon.Plan = s.node.add(s.realm.seal(wire.PlanType, wire.Plan{Kind: "plan", Path: commune, Version: version, Made: dawn, Until: dawn + 800*86_400_000, Slots: slots}, s.realm.dispatch))
	s.beacon.PlanVersion = version
}

// TestWaiting: an emergency that waits its turn behind another keeps its three
// starts, however often the power fails meanwhile.
func TestWaiting(t *testing.T) {
	mp3 := tone(t, "8", "440")
	for range 50 {
		s := newScene(t)
		urgent := func(seq, from int64) func(*wire.Warrant) {
			return func(w *wire.Warrant) {
				w.Class, w.Now, w.Seq, w.From, w.Until = wire.Emergency, true, seq, from, dawn+3_600_000
			}
		}
		first := s.warrant("w1", frames(mp3, 200), urgent(2, dawn)) // the later one goes first
		second := s.warrant("w2", frames(mp3, 20), urgent(1, dawn-1000))
		s.beacon.Now = []string{first, second}
		s.say()
		s.on()
		for range attempts {
			s.rest(2 * time.Second)
			s.off()
			s.dark(time.Second)
			s.on()
		}
		if s.heards[second] > 0 {
			continue // after a cut it happened to be the first to be ready: it did not wait
		}
		s.rest(time.Minute)
		if s.heards[first] != attempts || s.heards[second] != 1 {
			t.Errorf("the first began %d times, the second %d: it did not sound, or too often", s.heards[first], s.heards[second])
		}
		return
	}
	t.Error("it never waited")
}

// TestYearAhead: whoever holds the keys of beacon and plan says that it is next
// year, so that plays might be forgotten, and then that it is not. Nothing sounds
// oftener than its warrant says.
func TestYearAhead(t *testing.T) {
	for _, lie := range []time.Duration{40 * 24 * time.Hour, 366 * 24 * time.Hour} {
		s := newScene(t)
		mp3 := tone(t, "0.6", "440")
		once := s.warrant("w1", frames(mp3, 10), func(*wire.Warrant) {})
		slot := func(n int) wire.Slot {
			return wire.Slot{ID: fmt.Sprint("s", n), Warrant: once, Start: s.now() + 5000}
		}
		s.plan(1, slot(1))
		s.say()
		s.on()
		s.rest(time.Minute)
		for n := range 4 {
			s.lie = lie
			s.rest(time.Hour) // it asks for the time and believes it
			s.say()
			s.lie = 0
			s.rest(time.Hour)
			s.plan(int64(n+2), slot(n+2))
			s.say()
			s.rest(time.Minute)
		}
		if s.heards[once] != 1 {
			t.Errorf("%v ahead and back: it plays %d times, and its warrant says once", lie, s.heards[once])
		}
		s.off()
	}
}

// TestFlood: whoever owns the broker invents now warrants for ever. What the box
// remembers and writes down of them has an end, and the real one still sounds.
func TestFlood(t *testing.T) {
	s := newScene(t)
	s.say()
	s.on()
	s.rest(time.Second)
	s.answer = func(string, string, []byte) (int, []byte) { return 0, nil } // and keeps the node away
	for n := range maxKept + 200 {
		s.a.nows <- fmt.Appendf(nil, "no document %d", n)
		s.w.act()
		for s.w.step() {
		}
	}
	known := 0
	s.a.known.Range(func(any, any) bool { known++; return true })
	if lines := len(s.a.receipts.lines); known > maxKept+1 || lines > maxKept {
		t.Errorf("%d refusals remembered, %d lines", known, lines)
	}
	s.answer = s.node.answer
	hash := s.warrant("w1", frames(tone(t, "0.6", "440"), 10), func(w *wire.Warrant) {
		w.Class, w.Now, w.Seq, w.Until = wire.Emergency, true, 1, dawn+3_600_000
	})
	s.push(s.a.nows, s.node.docs[hash])
	s.rest(time.Minute)
	if s.heards[hash] != 1 {
		t.Errorf("the real one sounded %d times", s.heards[hash])
	}
	s.off()
}

func TestLived(t *testing.T) {
	up := time.Hour
	box := machine{boot: "1", up: func() time.Duration { return up }}
	l := lived{}.on(1000_000, box)
	for _, c := range []struct {
		name     string
		now, ran int64 // ms
		boot     string
		want     int64
	}{
		{"first", 1000_000, 0, "1", 1000_000},
		{"an hour", 4_600_000, 3_600_000, "1", 4_600_000},
		{"a year in an hour", 4_600_000 + 31_536_000_000, 3_600_000, "1", 4_600_000 + 3_960_000},
		{"back", 11_800_000, 3_600_000, "1", 11_800_000},
		{"a new boot", 20_000_000, 0, "2", 20_000_000},
		{"years back", 5, 0, "2", 5},
	} {
		up += time.Duration(c.ran) * time.Millisecond
		if c.boot != box.boot {
			box.boot, up = c.boot, 3*time.Hour
		}
		if l = l.on(c.now, box); l.At != c.want {
			t.Errorf("%s: %d, want %d", c.name, l.At, c.want)
		}
	}
}
