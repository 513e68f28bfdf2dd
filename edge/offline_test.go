package edge

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"loa"
	"loa/seal"
	"loa/wire"
)

// TestOffline7d: a box that had no network for seven days, or no power, comes
// back: nothing that expired sounds, it holds the newest plan within 30 s of the
// link's return, and says of every slot of the plan it had what became of it.
func TestOffline7d(t *testing.T) {
	t.Parallel()
	r, mp3 := newRealm(), tone(t, "0.6", "440")
	for _, dark := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := newNode(r)
			sound := frames(mp3, 10)
			n.media[loa.Hash(sound)] = sound
			p := newPole(t, r, wire.Placement{Kind: "placement", Device: id("b1"), Pole: id("p1"), Code: "P1", Name: "pole", Version: 1, Paths: []loa.Path{commune + "/h/a"}, Cap: 90})
			sealed := func(class wire.Class, seq int64, from, until time.Time) string {
				w := wire.Warrant{Kind: "play", ID: id(fmt.Sprint("w", seq)), Class: class, Issuer: commune, Author: "p1", Title: "tin", Scope: []wire.Place{{Path: commune}}, From: from.UnixMilli(), Until: until.UnixMilli(),
					PlaysDay: 10, Plays: 100, Cap: 90, Speech: "recorded", Approval: "passkey", Media: []wire.Media{mediaOf(sound)}}
				if class == wire.Emergency {
					w.Now, w.Seq = true, seq
				}
				return n.add(r.seal(wire.WarrantType, w, r.authority))
			}
			began := time.Now()
			policy := n.add(r.seal(wire.PolicyType, wire.Policy{Kind: "policy", Path: commune, Version: 1, Volume: 80, From: 1, Until: 4e12, Hours: []wire.Hours{{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: 0, Until: 1440}}}, r.authority))
			version := int64(0)
			var live []string
			plan := func(warrant string, hours int) {
				version++
				w := wire.Plan{Kind: "plan", Path: commune, Version: version, Made: now(), Until: now() + 72*3_600_000, Slots: []wire.Slot{}}
				for h := 1; h <= hours; h++ {
					w.Slots = append(w.Slots, wire.Slot{ID: fmt.Sprintf("%d-%d", version, h), Warrant: warrant, Start: now() + int64(h)*6*3_600_000})
				}
				hash := n.add(r.seal(wire.PlanType, w, r.dispatch))
				n.beacon = must(seal.Seal(wire.BeaconType, must(wire.Encode(wire.Beacon{Kind: "beacon", Path: commune, Number: version, Time: now(), Plan: hash, PlanVersion: version, Now: append([]string{}, live...), Policies: []string{policy}, Trust: r.hashes()})), r.beacon))
			}
			away, expired := false, map[string]bool{}
			p.answer = func(method, path string, body []byte) (int, []byte) {
				if away {
					return 0, nil
				}
				return n.answer(method, path, body)
			}
			p.heard = func(j *job) {
				if now() >= j.warrant.Until || expired[j.hash] {
					t.Errorf("%s sounds %d ms after its end", j.warrant.Class, now()-j.warrant.Until)
				}
			}
			plan(sealed(wire.Normal, 1, began, began.Add(60*time.Hour)), 11)
			p.on()
			time.Sleep(time.Hour)
			p.mu.Lock()
			away = true
			p.mu.Unlock()
			if dark {
				p.off()
			}
			time.Sleep(3 * 24 * time.Hour)
			gone := sealed(wire.Emergency, 2, time.Now(), time.Now().Add(time.Hour)) // came and went without us
			expired[gone] = true
			time.Sleep(4 * 24 * time.Hour)
			p.mu.Lock()
			live = []string{gone, sealed(wire.Emergency, 3, time.Now(), time.Now().Add(time.Hour))}
			plan(sealed(wire.Normal, 4, time.Now(), time.Now().Add(48*time.Hour)), 3)
			away = false
			p.mu.Unlock()
			back := time.Now()
			if dark {
				p.box.boot = "2" // and no battery
				p.on()
			}
			for p.a.keep.now().PlanVersion != version && time.Since(back) < 5*time.Minute {
				time.Sleep(100 * time.Millisecond)
			}
			caught := time.Since(back)
			if caught > 30*time.Second {
				t.Errorf("it held the newest plan after %v", caught)
			}
			time.Sleep(20 * time.Hour)
			result := map[wire.Result]int{}
			told := map[string]int{}
			for _, l := range n.lines {
				result[l.Result]++
				told[l.Slot]++
			}
			for h := 1; h <= 11; h++ {
				if told[fmt.Sprintf("1-%d", h)] != 1 {
					t.Errorf("slot 1-%d: %d lines", h, told[fmt.Sprintf("1-%d", h)])
				}
			}
			if told["2-1"] != 1 || told[""] == 0 {
				t.Errorf("after its return: %v", told)
			}
			t.Logf("without power %v: newest plan after %.1f s; lines %v", dark, caught.Seconds(), result)
			p.off()
		})
	}
}
