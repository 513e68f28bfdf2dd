package e2e

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/db"
	"loa/seal"
	"loa/speaker"
	"loa/wire"
)

// TestPlacement walks a box from its code to its pole, and away again.
func TestPlacement(t *testing.T) {
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.wants(second(w.register.AddPole(ctx, officer(), speaker.Pole{Path: "vn/98/98999", Name: "Cột", Cap: 70})), loa.NotFound, "unit.unknown")
		w.wants(second(w.register.AddPole(ctx, officer(), speaker.Pole{Path: province, Name: "Cột", Cap: 70})), loa.Invalid, "pole.outside_commune")
		w.wants(second(w.register.AddPole(ctx, officer(), speaker.Pole{Path: thon1, Name: " ", Cap: 70})), loa.Invalid, "pole.name")
		w.wants(second(w.register.AddPole(ctx, officer(), speaker.Pole{Path: thon1, Name: "Cột", Cap: 101})), loa.Invalid, "pole.cap")
		w.wants(second(w.register.AddPole(ctx, writer(), speaker.Pole{Path: thon1, Name: "Cột", Cap: 70})), loa.Forbidden, "right.missing")
		w.wants(second(w.register.NewCode(ctx, officer(), loa.NewID(w.clock.Now()))), loa.NotFound, "pole.unknown")

		d := w.waiting(thon1, "Cột 1")
		w.wants(second(w.register.AddPole(ctx, officer(), speaker.Pole{Path: thon1, Name: "Cột", Cap: 70, Code: d.Pole.Code})), loa.Conflict, "pole.code_taken")
		w.wants(second(w.register.NewCode(ctx, writer(), d.Pole.ID)), loa.Forbidden, "right.missing")
		found, err := w.register.FindPole(ctx, d.Pole.Code)
		w.ok(err)
		if found.ID != d.Pole.ID {
			t.Errorf("code %s is pole %s", d.Pole.Code, found.ID)
		}

		// Nothing is sealed for a box that only asked.
		b, err := w.register.SealedPlacement(ctx, d.ID)
		if b != nil || err != nil {
			t.Errorf("a waiting box holds %d bytes, %v", len(b), err)
		}
		w.wants(w.register.Confirm(ctx, officer(), d.ID, wire.Approval{}), loa.NotFound, "box.no_draft")
		w.wants(w.register.Confirm(ctx, officer(), loa.NewID(w.clock.Now()), wire.Approval{}), loa.NotFound, "box.no_draft")
		w.wants(second(w.register.DraftPlacement(ctx, officer(), loa.NewID(w.clock.Now()), false)), loa.NotFound, "box.unknown")
		w.wants(second(w.register.DraftPlacement(ctx, writer(), d.ID, false)), loa.Forbidden, "right.missing")
		w.wants(second(w.register.SealedPlacement(ctx, loa.NewID(w.clock.Now()))), loa.NotFound, "box.unknown")

		payload, err := w.register.DraftPlacement(ctx, officer(), d.ID, false)
		w.ok(err)
		w.wants(w.register.Confirm(ctx, officer(), d.ID, w.yes(officer(), []byte("other"))), loa.Forbidden, "approval.other_bytes")
		w.wants(w.register.Confirm(ctx, officer(), d.ID, w.yes(chair(), payload)), loa.Forbidden, "approval.not_entitled")
		if got, err := w.register.Find(ctx, d.ID); err != nil || got.State != speaker.Waiting {
			t.Errorf("after two refusals: %s, %v", got.State, err)
		}
		w.tick()
		w.ok(w.register.Confirm(ctx, officer(), d.ID, w.yes(officer(), payload)))
		p := w.placement(d.ID)
		if diff := cmp.Diff(wire.Placement{
			Kind: "placement", Device: d.ID, Pole: d.Pole.ID, Code: d.Pole.Code, Name: "Cột 1", Key: d.Key, Version: 1,
			Paths: []loa.Path{thon1}, Cap: 70,
		}, p); diff != "" {
			t.Error(diff)
		}

		w.confirm(d.ID, true)
		if p := w.placement(d.ID); !p.Revoked || p.Version != 2 {
			t.Errorf("revoked: %+v", p)
		}
		w.wants(second(w.register.DraftPlacement(ctx, officer(), d.ID, false)), loa.Conflict, "box.revoked")
		if diff := cmp.Diff([]string{"speaker.asked", "speaker.placed", "speaker.revoked"}, w.verbs(d.ID)); diff != "" {
			t.Error(diff)
		}
		if c := w.beacon(dongSay); c.Placements != 2 {
			t.Errorf("beacon: %+v", c)
		}

		// A second box on the same pole: the pole keeps its code.
		w.tick()
		code, err := w.register.NewCode(ctx, officer(), d.Pole.ID)
		w.ok(err)
		next, err := w.enrol(code)
		w.ok(err)
		w.confirm(next.ID, false)
		if got := w.placement(next.ID); got.Code != p.Code || got.Version != 1 {
			t.Errorf("the next box: %+v", got)
		}
		w.ok(w.db.Read(ctx, func(tx *db.Tx) error {
			floors, err := speaker.Revocations(tx)
			if diff := cmp.Diff(map[string]int64{d.ID: 1 << 52, next.ID: 1}, floors); diff != "" {
				t.Error(diff)
			}
			return err
		}))
	})
}

// TestEnrolRefused: who cannot prove a key gets nothing; who asks twice is one.
func TestEnrolRefused(t *testing.T) {
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		p := w.pole(thon1, "Cột 1")
		code, err := w.register.NewCode(ctx, officer(), p.ID)
		w.ok(err)
		letters := code[:8]
		key, err := seal.NewKey()
		w.ok(err)
		w.wants(second(w.register.Enrol(ctx, letters, "AAAA", "")), loa.Invalid, "key.malformed")
		w.wants(second(w.register.Enrol(ctx, letters, seal.EncodePublic(key.Public), base64.StdEncoding.EncodeToString(make([]byte, 64)))), loa.Forbidden, "enrol.not_your_key")
		w.wants(second(w.register.Enrol(ctx, letters, seal.EncodePublic(key.Public), "no base64")), loa.Forbidden, "enrol.not_your_key")
		d, err := w.enrol(code)
		w.ok(err)
		again, err := w.enrolAs(d, letters)
		w.ok(err)
		if again.ID != d.ID || len(w.verbs(d.ID)) != 1 {
			t.Errorf("asked again it is %s, want %s", again.ID, d.ID)
		}
		// The same key at another pole would be one box in two places.
		other := w.pole(benMai, "Cột 2")
		code, err = w.register.NewCode(ctx, officer(), other.ID)
		w.ok(err)
		_, err = w.enrolAs(d, code[:8])
		w.wants(err, loa.Conflict, "enrol.key_known")
	})
}

// TestMeant: a scope means the placed boxes below it, of no other commune.
func TestMeant(t *testing.T) {
	each(t, func(t *testing.T, w *station) {
		here, there := w.placed(thon1, "Cột 1"), w.placed(benMai, "Cột 2")
		w.waiting(thon1, "Cột 3")
		gone := w.placed(dongSay, "Cột 4")
		w.confirm(gone.ID, true)
		for _, c := range []struct {
			scope    []loa.Path
			boxes    []string
			communes []loa.Path
		}{
			{[]loa.Path{thon1}, []string{here.ID}, []loa.Path{dongSay}},
			{[]loa.Path{"vn/98/98011/h/t2"}, nil, []loa.Path{dongSay}},
			{[]loa.Path{benMai, dongSay}, []string{here.ID, there.ID}, []loa.Path{dongSay, benMai}},
			{[]loa.Path{province}, []string{here.ID, there.ID}, []loa.Path{dongSay, benMai}},
			{[]loa.Path{"vn/9"}, nil, nil},
		} {
			var scope []wire.Place
			for _, p := range c.scope {
				scope = append(scope, wire.Place{Path: p})
			}
			w.ok(w.db.Read(t.Context(), func(tx *db.Tx) error {
				boxes, err := speaker.Meant(tx, scope)
				w.ok(err)
				communes, err := speaker.Communes(tx, scope)
				if diff := cmp.Diff(c.boxes, boxes) + cmp.Diff(c.communes, communes); diff != "" {
					t.Error(c.scope, diff)
				}
				return err
			}))
		}
	})
}

// TestPolicies: versions rise, places below hear of it, and what holds is the
// intersection along the path.
func TestPolicies(t *testing.T) {
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.placed(thon1, "Cột 1")
		w.placed(benMai, "Cột 2")
		before := [2]int64{w.beacon(dongSay).Number, w.beacon(benMai).Number}
		w.setPolicy(province, 1, 5*60, 21*60, 90)
		w.setPolicy(dongSay, 1, 6*60, 22*60, 60)
		after := [2]int64{w.beacon(dongSay).Number, w.beacon(benMai).Number}
		if after != [2]int64{before[0] + 2, before[1] + 1} {
			t.Errorf("beacons %v after %v", after, before)
		}
		var paths []loa.Path
		held := w.policies(thon1)
		for _, p := range held {
			paths = append(paths, p.Path)
		}
		if diff := cmp.Diff([]loa.Path{province, dongSay}, paths); diff != "" {
			t.Error(diff)
		}
		for clock, want := range map[string]wire.Allowed{
			"05:30:00": {Why: "policy.hours"}, "06:30:00": {Volume: 60}, "21:30:00": {Why: "policy.hours"},
		} {
			moment := at(clock) + 24*3600_000
			if diff := cmp.Diff(want, wire.PolicyAllows(held, thon1, wire.Normal, moment, 1000)); diff != "" {
				t.Error(clock, diff)
			}
		}
		// The beacon names them in that order, and the bytes are to be had.
		c := w.beacon(dongSay)
		if len(c.Policies) != 2 {
			t.Fatalf("beacon: %+v", c)
		}
		for i, h := range c.Policies {
			p, err := wire.OpenPolicy(w.trust, w.document(h), w.now())
			w.ok(err)
			if p.Path != paths[i] {
				t.Errorf("policy %d is of %s", i, p.Path)
			}
		}

		next, err := w.register.PolicyVersion(ctx, dongSay)
		w.ok(err)
		if next != 2 {
			t.Errorf("the next version is %d", next)
		}
		set := func(who loa.Actor, payload []byte, by loa.Actor) error {
			return w.register.SetPolicy(ctx, who, payload, w.yes(by, payload))
		}
		w.setPolicy(dongSay, 5, 6*60, 20*60, 50)
		w.wants(set(officer(), w.policy(dongSay, 4, 0, 1440, 100), officer()), loa.Conflict, "policy.old_version")
		w.wants(set(officer(), w.policy(dongSay, 5, 0, 1440, 100), officer()), loa.Conflict, "policy.old_version")
		w.wants(set(officer(), w.policy(dongSay, 6, 0, 1440, 100), chair()), loa.Forbidden, "approval.not_entitled")
		w.wants(set(person("x", "X", benMai, loa.RightDispatch), w.policy(dongSay, 6, 0, 1440, 100), officer()), loa.Forbidden, "right.missing")
		w.wants(set(officer(), []byte("{}"), officer()), loa.Invalid, "document.kind")
		if got := w.policies(dongSay); len(got) != 2 || got[1].Version != 5 || got[1].Volume != 50 {
			t.Errorf("what holds: %+v", got)
		}
	})
}

// TestBeacon says what is current, and a speaker that knows only the root can
// follow it.
func TestBeacon(t *testing.T) {
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.wants(second(w.register.Beacon(ctx, dongSay)), loa.NotFound, "unit.unknown")
		w.placed(thon1, "Cột 1")
		w.placed(benMai, "Cột 2")
		first := w.beacon(dongSay)
		w.clock.Turn(speaker.BeaconEvery)
		emits, err := w.register.Beacons(ctx)
		w.ok(err)
		if diff := cmp.Diff([]string{wire.BeaconTopic(dongSay), wire.BeaconTopic(benMai)}, topics(emits)); diff != "" {
			t.Error(diff)
		}
		c := w.beacon(dongSay)
		if c.Number != first.Number+1 || c.Time != w.now() || first.Time >= c.Time {
			t.Errorf("beacon %d at %d after %d at %d", c.Number, c.Time, first.Number, first.Time)
		}
		var sealed [][]byte
		for _, h := range c.Trust {
			sealed = append(sealed, w.document(h))
		}
		trust, err := seal.NewTrust(w.ceremony.Root, sealed, c.Epoch)
		w.ok(err)
		b, err := w.register.Beacon(ctx, dongSay)
		w.ok(err)
		_, err = wire.OpenBeacon(trust, b, w.now())
		w.ok(err)
		along, err := w.register.Delegations(ctx, thon1)
		w.ok(err)
		if diff := cmp.Diff(sealed, along); diff != "" {
			t.Error("the list by path differs from the beacon's:", diff)
		}
		// Four of the five: the neighbour's is none of its business.
		if len(sealed) != 4 || len(w.ceremony.Delegations) != 5 {
			t.Errorf("%d of %d delegations", len(sealed), len(w.ceremony.Delegations))
		}
	})
}

// TestBeats keeps the last state of each box, and none of strangers.
func TestBeats(t *testing.T) {
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		d := w.placed(thon1, "Cột 1")
		w.ok(w.register.Beats(ctx, nil))
		w.ok(w.register.Beats(ctx, []wire.Beat{
			{Device: loa.NewID(w.clock.Now()), State: "idle"},
			{Device: d.ID, State: "sounding", Slot: "s", Warrant: "w", Volume: 70},
			{Device: d.ID, State: "idle", Why: "y", Volume: 60, DiskFree: 1 << 40, OffsetUS: -12, Clock: wire.ClockTrusted, Plan: 9, Version: "1.2", Uptime: 3},
		}))
		if n := w.count(`SELECT COUNT(*) FROM health`); n != 1 {
			t.Errorf("%d rows", n)
		}
		boxes, err := w.register.Boxes(ctx, dongSay)
		w.ok(err)
		if len(boxes) != 1 {
			t.Fatalf("%d boxes", len(boxes))
		}
		h := boxes[0].Health
		if diff := cmp.Diff(speaker.Health{At: w.now(), State: "idle", Why: "y", Volume: 60, DiskFree: 1 << 40, OffsetUS: -12,
			Clock: wire.ClockTrusted, Plan: 9, Version: "1.2", Uptime: 3}, h); diff != "" {
			t.Error(diff)
		}
		for after, want := range map[time.Duration]bool{0: true, 149 * time.Second: true, 150 * time.Second: false} {
			if got := h.InContact(w.clock.Now().Add(after).UnixMilli()); got != want {
				t.Errorf("in contact after %s: %t", after, got)
			}
		}
		if (speaker.Health{}).InContact(1) {
			t.Error("a box that never spoke is in contact")
		}
		if n := len(w.verbs(d.ID)); n != 2 {
			t.Errorf("beats stand in the book: %v", w.verbs(d.ID))
		}
	})
}
