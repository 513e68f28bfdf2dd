package e2e

import (
	"encoding/base64"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/bulletin"
	"loa/db"
	"loa/db/dbtest"
	"loa/seal"
	"loa/speaker"
	"loa/wire"
)

// TestPlacement walks a box from its code to its pole, and away again.
func TestPlacement(t *testing.T) {
	t.Parallel()
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

		drafted := w.now()
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
			Kind: "placement", Device: d.ID, Pole: d.Pole.ID, Code: d.Pole.Code, Name: "Cột 1", Key: d.Key, Version: drafted,
			Paths: []loa.Path{thon1}, Cap: 70,
		}, p); diff != "" {
			t.Error(diff)
		}

		drafted = w.confirm(d.ID, true)
		if p := w.placement(d.ID); !p.Revoked || p.Version != drafted {
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
		drafted = w.confirm(next.ID, false)
		if got := w.placement(next.ID); got.Code != p.Code || got.Version != drafted {
			t.Errorf("the next box: %+v", got)
		}
		w.ok(w.db.Read(ctx, func(tx *db.Tx) error {
			floors, err := speaker.Revocations(tx)
			if diff := cmp.Diff(map[string]int64{d.ID: 1 << 52, next.ID: drafted}, floors); diff != "" {
				t.Error(diff)
			}
			return err
		}))
	})
}

// TestConfirmRight: whoever lacks the right is told so before the signer is
// asked for anything.
func TestConfirmRight(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		d := w.waiting(thon1, "Cột 1")
		payload, err := w.register.DraftPlacement(ctx, officer(), d.ID, false)
		w.ok(err)
		yes := w.yes(officer(), payload)
		w.stop() // whoever reaches the signer finds nobody
		w.wants(w.register.Confirm(ctx, writer(), d.ID, yes), loa.Forbidden, "right.missing")
		w.wants(w.register.Confirm(ctx, officer(), d.ID, yes), loa.Unavailable, "signer.away")
		if got, err := w.register.Find(ctx, d.ID); err != nil || got.State != speaker.Waiting {
			t.Errorf("the box is %s, %v", got.State, err)
		}
	})
}

// TestBare lists the poles where nothing can sound, and no others.
func TestBare(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		never := w.pole(thon1, "Cột 1")
		asked := w.waiting(thon1, "Cột 2")
		w.placed(thon1, "Cột 3")
		gone := w.placed(dongSay, "Cột 4")
		swapped := w.placed(dongSay, "Cột 5")
		neighbour := w.pole(benMai, "Cột 6")
		w.confirm(gone.ID, true)
		code, err := w.register.NewCode(t.Context(), officer(), swapped.Pole.ID)
		w.ok(err)
		_, err = w.enrol(code) // a second box asks while the first is at work
		w.ok(err)
		for place, want := range map[loa.Path][]string{
			dongSay:            {gone.Pole.ID, never.ID, asked.Pole.ID},
			thon1:              {never.ID, asked.Pole.ID},
			province:           {gone.Pole.ID, never.ID, asked.Pole.ID, neighbour.ID},
			"vn/98/98011/h/t2": nil,
			"vn/9":             nil,
		} {
			poles, err := w.register.Bare(t.Context(), place)
			w.ok(err)
			var got []string
			for _, p := range poles {
				got = append(got, p.ID)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(place, diff)
			}
		}
		poles, err := w.register.Bare(t.Context(), benMai)
		w.ok(err)
		if diff := cmp.Diff([]speaker.Pole{neighbour}, poles); diff != "" {
			t.Error(diff)
		}
	})
}

// TestRestored: a node put back from an older copy has forgotten which numbers
// it gave out, and what it makes next is above them all the same.
func TestRestored(t *testing.T) {
	t.Parallel()
	w := build(t, dbtest.SQLite(t)) // PostgreSQL is copied by its own tools
	ctx := t.Context()
	w.openStation(dongSay)
	d := w.placed(thon1, "Cột 1")
	type numbers struct{ Plan, Beacon, Placement, Now, Policy int64 }
	next := func(w *station) (n numbers) {
		t.Helper()
		w.tick()
		w.ok(w.flow.Replan(ctx, dongSay))
		w.confirm(d.ID, false)
		w.ok(w.db.Write(ctx, func(tx *db.Tx) (err error) {
			n.Now, err = speaker.NextNow(tx, dongSay)
			return err
		}))
		var err error
		n.Policy, err = w.register.PolicyVersion(ctx, dongSay)
		w.ok(err)
		w.setPolicy(dongSay, n.Policy, 5*60, 20*60, 80)
		b := w.beacon(dongSay)
		n.Plan, n.Beacon, n.Placement = b.PlanVersion, b.Number, w.placement(d.ID).Version
		if b.Mark != n.Now {
			t.Errorf("the beacon's mark is %d, the now number %d", b.Mark, n.Now)
		}
		return n
	}
	above := func(what string, a, b numbers) {
		t.Helper()
		if a.Plan <= b.Plan || a.Beacon <= b.Beacon || a.Placement <= b.Placement || a.Now <= b.Now || a.Policy <= b.Policy {
			t.Errorf("%s: %+v is not above %+v", what, a, b)
		}
	}

	file := filepath.Join(t.TempDir(), "copy.db")
	before := next(w)
	w.ok(w.db.Backup(ctx, file))
	var forgotten numbers
	for range 3 { // so that the copy's own last number and one is among them
		forgotten = next(w)
	}
	above("after the copy", forgotten, before)

	old := dbtest.OpenAt(t, "sqlite:"+file, w.clock)
	register := *w.register
	register.DB = old
	flow := &bulletin.Flow{DB: old, Speech: w.flow.Speech, Encoder: w.flow.Encoder, Blobs: w.flow.Blobs, Signer: w.flow.Signer, Grants: w.flow.Grants,
		Keys: w.flow.Keys, Lexicon: w.flow.Lexicon, Lead: w.flow.Lead, Said: w.flow.Said}
	restored := &station{t: t, db: old, clock: w.clock, flow: flow, register: &register, signer: w.signer, ceremony: w.ceremony,
		trust: w.trust, passkeys: w.passkeys}
	if b := restored.beacon(dongSay); b.PlanVersion != before.Plan || b.Mark != before.Now {
		t.Fatalf("the copy remembers what came after it: %+v", b)
	}
	above("restored", next(restored), forgotten)
}

// TestEnrolRefused: who cannot prove a key gets nothing; who asks twice is one.
func TestEnrolRefused(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.placed(thon1, "Cột 1")
		w.placed(benMai, "Cột 2")
		numbers := func() [2]int64 { return [2]int64{w.beacon(dongSay).Number, w.beacon(benMai).Number} }
		before := numbers()
		w.setPolicy(province, 1, 5*60, 21*60, 90)
		first := w.now()
		if got := numbers(); got != [2]int64{w.rise(before[0]), w.rise(before[1])} {
			t.Errorf("beacons %v after %v", got, before)
		}
		w.setPolicy(dongSay, 1, 6*60, 22*60, 60)
		if got := numbers(); got != [2]int64{w.rise(first), first} { // the neighbour has no part in it
			t.Errorf("beacons %v after %d", got, first)
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
			if diff := cmp.Diff(want, wire.PolicyAllows(held, thon1, wire.Normal, wire.NoRole, moment, 1000)); diff != "" {
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
		if next != w.rise(1) {
			t.Errorf("the next version is %d, want %d", next, w.rise(1))
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
	t.Parallel()
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
		if c.Number != w.rise(first.Number) || c.Time != w.now() || first.Time >= c.Time {
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
	t.Parallel()
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
