package e2e

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"loa"
	"loa/bulletin"
	"loa/db"
	"loa/seal"
	"loa/signer"
	"loa/wire"
)

// The attacker owns the web process: the database, the dispatch and the beacon
// key, the signer's socket, and every assertion people ever made. He has
// neither the signer's folder nor anybody's passkey. Each attack ends at a
// speaker that knows its root, or at the signer; none makes a new sound.
// (Counting plays takes a memory, which is in package edge.)
type attack struct {
	*station
	box   wire.Placement
	done  bulletin.Bulletin // a notice that went all the way, with its evidence
	sound wire.Warrant      // its warrant
}

func attacked(t *testing.T, f func(t *testing.T, a attack)) {
	t.Helper()
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		d := w.placed(thon1, "Cột 1")
		n := notice()
		n.Scope = []loa.Path{thon1}
		n.Until = start().Add(48 * time.Hour)
		b := w.dispatched(n, morning())
		f(t, attack{w, w.placement(d.ID), b, w.warrant(b)})
	})
}

// would says why the speaker stays silent at a slot for which it was given this
// sealed warrant, "" if it would sound. It is the path package edge goes.
func (a attack) would(s wire.Slot, sealed []byte) string {
	if loa.Hash(sealed) != s.Warrant {
		return "document.other_hash"
	}
	v, err := wire.OpenWarrant(a.trust, sealed, s.Start)
	if err != nil {
		return loa.KeyOf(err)
	}
	if !wire.ForMe(s, v, a.box) {
		return "slot.not_for_me"
	}
	allowed, ok := wire.SlotAllowed(s, v, a.box, a.policies(a.box.Paths[0]))
	if !ok {
		return allowed.Why
	}
	return ""
}

// slot is a start at a moment of the first day.
func slot(hash, clock string) wire.Slot {
	return wire.Slot{ID: loa.NewID(start()), Warrant: hash, Start: at(clock)}
}

// forged is a warrant that nobody approved: the attacker's own text.
func (a attack) forged() []byte {
	a.t.Helper()
	v := a.sound
	v.ID, v.Title = loa.NewID(a.clock.Now()), "Tin giả"
	v.Media = []wire.Media{{Hash: loa.Hash([]byte("false alarm")), Bytes: 288, MS: 36, Form: wire.CanonicalForm}}
	payload, err := wire.Encode(v)
	a.ok(err)
	return payload
}

func (a attack) seal(payloadType string, payload []byte, key seal.Key) []byte {
	a.t.Helper()
	b, err := seal.Seal(payloadType, payload, key)
	a.ok(err)
	return b
}

// TestAttackSpeaker hands a speaker what the stolen keys can seal.
func TestAttackSpeaker(t *testing.T) {
	t.Parallel()
	attacked(t, func(t *testing.T, a attack) {
		own, err := seal.NewKey()
		a.ok(err)
		dispatch, beacon := a.flow.Keys.Dispatch, a.flow.Keys.Beacon
		says := func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		// The honest slot sounds, so the refusals below are not a deaf speaker's.
		genuine := a.document(a.done.Warrant)
		says("the approved notice", a.would(slot(a.done.Warrant, "06:00:00"), genuine), "")

		for _, c := range []struct {
			what string
			key  seal.Key
			want string
		}{
			{"a warrant by the dispatch key", dispatch, "seal.wrong_role"},
			{"a warrant by the beacon key", beacon, "seal.wrong_role"},
			{"a warrant by a key of his own", own, "seal.unknown_key"},
		} {
			sealed := a.seal(wire.WarrantType, a.forged(), c.key)
			says(c.what, a.would(slot(loa.Hash(sealed), "06:00:00"), sealed), c.want)
		}

		// Other words under the genuine seal.
		o, err := seal.Open(genuine, seal.MaxDocument)
		a.ok(err)
		more := bytes.Replace(o.Payload, []byte(`"plays":28`), []byte(`"plays":99`), 1)
		if bytes.Equal(more, o.Payload) {
			t.Fatal("the warrant does not say how often")
		}
		moved := bytes.Replace(genuine, encoded(o.Payload), encoded(more), 1)
		says("more plays under the old seal", a.would(slot(loa.Hash(moved), "06:00:00"), moved), "seal.unknown_key")
		says("other bytes under the old hash", a.would(slot(a.done.Warrant, "06:00:00"), moved), "document.other_hash")

		// The plan is his to write, and is believed; its slots are not.
		slots := []struct {
			what string
			slot wire.Slot
			want string
		}{
			{"before the warrant begins", slot(a.done.Warrant, "05:30:00"), "slot.outside_warrant"},
			{"at 03:15", wire.Slot{ID: "n", Warrant: a.done.Warrant, Start: at("03:15:00") + 24*3600_000}, "policy.hours"},
			{"a year later", wire.Slot{ID: "y", Warrant: a.done.Warrant, Start: at("06:00:00") + 300*24*3600_000}, "slot.outside_warrant"},
			{"over the end of the warrant", wire.Slot{ID: "e", Warrant: a.done.Warrant, Start: a.done.Until - 10}, "slot.outside_warrant"},
			{"repeated past the end", wire.Slot{ID: "r", Warrant: a.done.Warrant, Start: a.done.Until - a.done.MS() - 10, Repeat: 1}, "slot.outside_warrant"},
			{"in the whole commune", wire.Slot{ID: "c", Warrant: a.done.Warrant, Start: at("06:00:00"), Scope: []loa.Path{dongSay}}, "slot.outside_scope"},
		}
		plan := wire.Plan{V: wire.Version, Kind: "plan", Path: dongSay, Version: 1000, Made: a.now(), Until: a.now() + 1, Slots: []wire.Slot{}}
		for _, s := range slots {
			plan.Slots = append(plan.Slots, s.slot)
		}
		payload, err := wire.Encode(plan)
		a.ok(err)
		believed, err := wire.OpenPlan(a.trust, a.seal(wire.PlanType, payload, dispatch), a.now())
		a.ok(err)
		for i, s := range slots {
			says(s.what, a.would(believed.Slots[i], genuine), s.want)
		}
		elsewhere := a
		elsewhere.box.Paths = []loa.Path{benMai}
		says("at a box it does not mean", elsewhere.would(slot(a.done.Warrant, "06:00:00"), genuine), "slot.not_for_me")

		// He can neither move a box nor open the night.
		p := a.box
		p.Version, p.Paths = p.Version+1, []loa.Path{dongSay}
		payload, err = wire.Encode(p)
		a.ok(err)
		for _, key := range []seal.Key{dispatch, beacon} {
			_, err = wire.OpenPlacement(a.trust, a.seal(wire.PlacementType, payload, key), a.now())
			a.wants(err, loa.Forbidden, "seal.wrong_role")
			_, err = wire.OpenPolicy(a.trust, a.seal(wire.PolicyType, a.policy(dongSay, 9, 0, 1440, 100), key), a.now())
			a.wants(err, loa.Forbidden, "seal.wrong_role")
		}
		_, err = wire.OpenPlan(a.trust, a.seal(wire.PlanType, payload, beacon), a.now())
		a.wants(err, loa.Invalid, "document.unknown_key") // and a placement is no plan
		payload, err = wire.Encode(believed)
		a.ok(err)
		_, err = wire.OpenPlan(a.trust, a.seal(wire.PlanType, payload, beacon), a.now())
		a.wants(err, loa.Forbidden, "seal.wrong_role")

		// Nor make himself an authority: what he delegates leads nowhere.
		promise, err := wire.Encode(seal.Delegation{Kind: "delegation", Role: seal.Authority, Keys: []string{seal.EncodePublic(own.Public)},
			Threshold: 1, Paths: []loa.Path{dongSay}, Classes: wire.Classes(), From: a.now(), Until: a.now() + 1000})
		a.ok(err)
		_, err = seal.NewTrust(a.ceremony.Root, append(slices.Clip(a.ceremony.Delegations), a.seal(seal.DelegationType, promise, dispatch)), 0)
		a.wants(err, loa.Forbidden, "delegation.widens")
		_, err = seal.NewTrust(a.ceremony.Root, append(slices.Clip(a.ceremony.Delegations), a.seal(seal.DelegationType, promise, own)), 0)
		a.wants(err, loa.Forbidden, "seal.unknown_key")
	})
}

// encoded is a payload as an envelope carries it.
func encoded(payload []byte) []byte {
	b, _ := seal.Seal("", payload) // an envelope without seals is its payload in base64
	_, rest, _ := bytes.Cut(b, []byte(`"payload":"`))
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	return text
}

// TestAttackSigner asks the signer for everything, with every assertion the
// database holds.
func TestAttackSigner(t *testing.T) {
	t.Parallel()
	attacked(t, func(t *testing.T, a attack) {
		ctx := t.Context()
		given, err := a.flow.Approvals(ctx, a.done)
		a.ok(err)
		stolen := []wire.Approval{given[0].Yes} // the chair's, over the notice
		forged := a.forged()
		stop, err := wire.Encode(wire.Warrant{V: wire.Version, Kind: "stop", ID: loa.NewID(a.clock.Now()), Class: wire.Normal, Issuer: dongSay,
			Author: "chair", Scope: []wire.Place{{Path: dongSay}}, From: a.now(), Until: a.now() + 1000,
			Stops: []string{a.done.Warrant}, Now: true, Seq: 1, Approval: "passkey"})
		a.ok(err)
		p := a.box
		p.Version++
		placement, err := wire.Encode(p)
		a.ok(err)
		night := a.policy(dongSay, 9, 0, 1440, 100)
		phished, err := a.passkeys["chair"].Approve(forged, "1oa.example", "https://1oa.example")
		a.ok(err)
		for _, c := range []struct {
			what        string
			payloadType string
			payload     []byte
			approvals   []wire.Approval
			key         string
		}{
			{"a warrant, nobody asked", wire.WarrantType, forged, nil, "approval.missing"},
			{"a warrant, an old yes", wire.WarrantType, forged, stolen, "approval.other_bytes"},
			{"a warrant, an empty yes", wire.WarrantType, forged, []wire.Approval{{}}, "approval.unknown_credential"},
			{"a warrant, a yes given to a false site", wire.WarrantType, forged, []wire.Approval{phished}, "approval.not_valid"},
			{"the old warrant, its yes twice", wire.WarrantType, a.done.Payload, append(stolen, stolen...), "approval.twice"},
			{"a stop, nobody asked", wire.WarrantType, stop, nil, "approval.missing"},
			{"a stop, an old yes", wire.WarrantType, stop, stolen, "approval.other_bytes"},
			{"a placement, nobody asked", wire.PlacementType, placement, nil, "approval.missing"},
			{"a placement, an old yes", wire.PlacementType, placement, stolen, "approval.other_bytes"},
			{"a policy, nobody asked", wire.PolicyType, night, nil, "approval.missing"},
			{"a policy, an old yes", wire.PolicyType, night, stolen, "approval.other_bytes"},
			{"the notice as a policy", wire.PolicyType, a.done.Payload, stolen, "document.unknown_key"},
			{"a delegation", seal.DelegationType, []byte("{}"), nil, "signer.wrong_type"},
			{"a plan", wire.PlanType, []byte("{}"), nil, "signer.wrong_type"},
		} {
			sealed, err := a.signer.Seal(ctx, c.payloadType, c.payload, c.approvals)
			if sealed != nil || loa.KeyOf(err) != c.key {
				t.Errorf("%s: %d bytes, %v; want %s", c.what, len(sealed), err, c.key)
			}
		}
		// What one touch for a session covered opens nothing besides, and a grant
		// that he has read gives him no finger.
		batch, err := wire.Batch(wire.WarrantType, []string{loa.Hash(a.done.Payload), loa.Hash([]byte("another"))})
		a.ok(err)
		touched := a.batch(chair(), batch)
		wider, err := wire.Batch(wire.WarrantType, []string{loa.Hash(a.done.Payload), loa.Hash(forged)})
		a.ok(err)
		stretched := touched
		stretched.Batch = wider
		grant := a.given(wire.Grant{Delegate: "officer"})
		own := a.given(wire.Grant{Delegate: "writer", Own: true, MaxMS: 60_000, PlaysDay: 20})
		named := func(yes wire.Approval, g string) []wire.Approval { yes.Grant = g; return []wire.Approval{yes} }
		urgent, err := wire.Encode(wire.Warrant{V: wire.Version, Kind: "play", ID: loa.NewID(a.clock.Now()), Class: wire.Emergency, Issuer: dongSay,
			Author: "writer", Scope: []wire.Place{{Path: dongSay}}, From: a.now(), Until: a.now() + 1000, Media: a.sound.Media,
			PlaysDay: 1, Plays: 1, Cap: 100, Now: true, Seq: 2, Speech: "synthetic", Approval: "passkey"})
		a.ok(err)
		for _, c := range []struct {
			what        string
			payloadType string
			payload     []byte
			approvals   []wire.Approval
			key         string
		}{
			{"beside a session's touch", wire.WarrantType, forged, []wire.Approval{touched}, "approval.not_in_batch"},
			{"in a batch of his own", wire.WarrantType, forged, []wire.Approval{stretched}, "approval.other_bytes"},
			{"an old yes for one, called a batch", wire.WarrantType, forged, []wire.Approval{{Credential: stolen[0].Credential,
				ClientData: stolen[0].ClientData, AuthenticatorData: stolen[0].AuthenticatorData, Signature: stolen[0].Signature, Batch: wider}}, "approval.other_bytes"},
			{"a policy under a session's touch", wire.PolicyType, night, []wire.Approval{touched}, "approval.batch_not_here"},
			{"under a grant, with the giver's old yes", wire.WarrantType, forged, named(stolen[0], grant.Hash), "approval.other_bytes"},
			{"under a grant, with the touch that gave it", wire.WarrantType, forged, named(a.yes(chair(), grant.Payload), grant.Hash), "approval.other_bytes"},
			{"approved in advance, and nobody's finger", wire.WarrantType, forged, []wire.Approval{{Grant: own.Hash}}, "approval.unknown_credential"},
			{"an emergency under a grant", wire.WarrantType, urgent, named(a.yes(officer(), urgent), grant.Hash), "grant.not_here"},
			{"a grant as a warrant", wire.WarrantType, grant.Payload, []wire.Approval{a.yes(chair(), grant.Payload)}, "document.unknown_key"},
		} {
			sealed, err := a.signer.Seal(ctx, c.payloadType, c.payload, c.approvals)
			if sealed != nil || loa.KeyOf(err) != c.key {
				t.Errorf("%s: %d bytes, %v; want %s", c.what, len(sealed), err, c.key)
			}
		}
		gift := grant.Grant
		gift.ID, gift.Delegate = loa.NewID(a.clock.Now()), "writer"
		payload, err := wire.Encode(gift)
		a.ok(err)
		a.wants(a.signer.Grant(ctx, payload, a.yes(chair(), grant.Payload)), loa.Forbidden, "approval.other_bytes")
		a.wants(a.signer.Grant(ctx, payload, touched), loa.Forbidden, "approval.batch_not_here")
		end, err := grant.End()
		a.ok(err)
		a.wants(a.signer.EndGrant(ctx, end, stolen[0]), loa.Forbidden, "approval.other_bytes")

		// The very bytes people approved give the very envelope again.
		sealed, err := a.signer.Seal(ctx, wire.WarrantType, a.done.Payload, stolen)
		a.ok(err)
		if loa.Hash(sealed) != a.done.Warrant {
			t.Error("one approval made two warrants")
		}

		roster, err := a.signer.Roster(ctx)
		a.ok(err)
		intruder := roster.Members[0]
		intruder.Person, intruder.Credential = "intruder", "AAAA"
		change, err := roster.Change(nil, []signer.Member{intruder})
		a.ok(err)
		if err := a.signer.ChangeRoster(ctx, change, nil); loa.CodeOf(err) != loa.Forbidden {
			t.Errorf("the roster let him in: %v", err)
		}
		renewal, err := signer.NewDelegating([]loa.Path{dongSay}, a.now()+1000)
		a.ok(err)
		if err := a.signer.Delegate(ctx, renewal, stolen); loa.CodeOf(err) != loa.Forbidden {
			t.Errorf("the signer made him a key: %v", err)
		}
	})
}

// TestAttackDatabase changes rows between a yes and the signer.
func TestAttackDatabase(t *testing.T) {
	t.Parallel()
	attacked(t, func(t *testing.T, a attack) {
		ctx := t.Context()
		write := func(q string, args ...any) {
			t.Helper()
			a.ok(a.db.Write(ctx, func(tx *db.Tx) error {
				n, err := tx.Exec(q, args...)
				if n == 0 {
					t.Errorf("%s changed nothing", q)
				}
				return err
			}))
		}
		forged := a.forged()

		b := a.approved(notice())
		write(`UPDATE bulletin SET payload = ? WHERE id = ?`, forged, b.ID)
		_, err := a.flow.Sign(ctx, b.ID)
		a.wants(err, loa.Forbidden, "approval.missing")

		b = a.approved(notice())
		write(`UPDATE bulletin SET payload = ? WHERE id = ?`, forged, b.ID)
		write(`UPDATE approval SET payload_hash = ? WHERE bulletin_id = ?`, loa.Hash(forged), b.ID)
		_, err = a.flow.Sign(ctx, b.ID)
		a.wants(err, loa.Forbidden, "approval.other_bytes")

		// A grant that he writes into the database reaches as far as the signer's door.
		b = a.submitted(notice())
		a.hears(officer(), b, bulletin.Heard)
		wild, err := wire.Encode(wire.Grant{Kind: "grant", ID: loa.NewID(a.clock.Now()), Giver: "chair", Delegate: "officer", Paths: []loa.Path{dongSay},
			Classes: []wire.Class{wire.Normal}, HourUntil: 1440, From: 1, Until: a.now() + 1_000_000, Decision: "QĐ giả"})
		a.ok(err)
		write(`INSERT INTO approval_grant (hash, payload, giver, giver_name, giver_post, delegate, delegate_name, path, until_ms, at, given_at)
			VALUES (?, ?, 'chair', '', '', 'officer', '', ?, ?, 1, 1)`, loa.Hash(wild), wild, dongSay, a.now()+1_000_000)
		b, err = a.flow.Approve(ctx, officer(), b.ID, a.yes(officer(), b.Payload))
		a.ok(err)
		_, err = a.flow.Sign(ctx, b.ID)
		a.wants(err, loa.NotFound, "grant.unknown")
		if b = a.bulletin(b.ID); b.State != bulletin.Submitted {
			t.Errorf("after a grant of the attacker's own the bulletin is %s", b.State)
		}

		// His own notice with a warrant he made dispatches, and no speaker sounds.
		b = a.sealed(notice())
		sealed := a.seal(wire.WarrantType, forged, a.flow.Keys.Dispatch)
		hash := loa.Hash(sealed)
		write(`INSERT INTO document (hash, type, path, body, made_at) VALUES (?, ?, ?, ?, 1)`, hash, wire.WarrantType, dongSay, sealed)
		write(`UPDATE bulletin SET warrant = ? WHERE id = ?`, hash, b.ID)
		_, err = a.flow.Schedule(ctx, writer(), b.ID, []bulletin.Choice{evening()})
		a.ok(err)
		_, err = a.flow.Dispatch(ctx, b.ID)
		a.ok(err)
		slots := a.plan(dongSay).Slots
		for _, s := range slots {
			want := ""
			if s.Warrant == hash {
				want = "seal.wrong_role"
			}
			if got := a.would(s, a.document(s.Warrant)); got != want {
				t.Errorf("slot at %d: %q, want %q", s.Start, got, want)
			}
		}
		if len(slots) != 2 {
			t.Errorf("%d slots", len(slots))
		}

		// A now warrant that the beacon names is no more believed for it.
		write(`INSERT INTO now_warrant (hash, path, until) VALUES (?, ?, ?)`, hash, dongSay, a.now()+1_000_000)
		_, err = a.register.Beacons(ctx)
		a.ok(err)
		for _, h := range a.beacon(dongSay).Now {
			_, err := wire.OpenWarrant(a.trust, a.document(h), a.now())
			a.wants(err, loa.Forbidden, "seal.wrong_role")
		}
	})
}
