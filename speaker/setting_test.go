package speaker_test

import (
	"context"
	"slices"
	"testing"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/seal"
	"loa/speaker"
	"loa/wire"
)

// ownSeal seals what it is asked with one key: whose approval it takes is the
// signer's to say, and tested there.
type ownSeal struct{ key seal.Key }

func (s ownSeal) Seal(_ context.Context, payloadType string, payload []byte, _ []wire.Approval) ([]byte, error) {
	return seal.Seal(payloadType, payload, s.key)
}

// TestSetting: a setting reaches the beacon of the communes it means, a person
// without the right makes none, and however many wait an alarm is still named.
func TestSetting(t *testing.T) {
	each(t, func(t *testing.T, n node) {
		var said []journal.Entry
		r := &speaker.Register{DB: n.db, Keys: n.keys, Signer: ownSeal{n.own}, Said: func(_ string, e journal.Entry) { said = append(said, e) }}
		tech := loa.Actor{ID: "tech", Grants: []loa.Grant{{Path: province, Rights: []loa.Right{loa.RightSpeakers}}}}
		n.ok(n.write(func(tx *db.Tx) error {
			_, err := speaker.WriteBeacon(tx, n.keys, dongSay)
			return err
		}))
		if _, err := r.DraftSetting(t.Context(), loa.Actor{ID: "an"}, dongSay, nil, wire.Setting{Volume: 60}); loa.CodeOf(err) != loa.Forbidden {
			t.Errorf("without the right: %v", err)
		}
		if _, err := r.DraftSetting(t.Context(), tech, dongSay, nil, wire.Setting{Volume: 101}); loa.KeyOf(err) != "warrant.malformed" {
			t.Errorf("louder than all: %v", err)
		}
		var last string
		for range 40 {
			b, err := r.DraftSetting(t.Context(), tech, dongSay, []string{"DS-01"}, wire.Setting{Logs: 100})
			n.ok(err)
			last, err = r.SetBoxes(t.Context(), tech, b, wire.Approval{})
			n.ok(err)
		}
		if e := said[len(said)-1]; e.Verb != "speaker.set" || len(e.Emits) != 2 {
			t.Errorf("said %s with %d messages", e.Verb, len(e.Emits))
		}
		var alarm []byte
		n.ok(n.write(func(tx *db.Tx) error {
			seq, err := speaker.NextNow(tx, dongSay)
			if err != nil {
				return err
			}
			w := wire.Warrant{Kind: wire.Phrase, ID: loa.NewID(tx.Now()), Class: wire.Emergency, Issuer: dongSay, Author: "an",
				Scope: []wire.Place{{Path: dongSay}}, From: n.now(), Until: n.now() + 60_000, Phrases: []string{"siren"}, Cap: 100,
				Now: true, Seq: seq, Approval: "passkey"}
			n.ok(w.Check())
			payload, err := wire.Encode(w)
			if err != nil {
				return err
			}
			if alarm, err = seal.Seal(wire.WarrantType, payload, n.own); err != nil {
				return err
			}
			emits, err := speaker.HoldNow(tx, n.keys, w, alarm)
			if err != nil {
				return err
			}
			b := n.beacon(emits[len(emits)-1])
			if len(b.Now) != 32 || b.Now[0] != loa.Hash(alarm) {
				t.Errorf("%d now warrants, the alarm is number %d", len(b.Now), slices.Index(b.Now, loa.Hash(alarm)))
			}
			return nil
		}))
		if _, err := r.SetBoxes(t.Context(), tech, must(wire.Encode(wire.Warrant{Kind: wire.Phrase})), wire.Approval{}); err == nil {
			t.Error("an alarm passed for a setting")
		}
		l := wire.Log{Kind: "log", Device: loa.NewID(n.clock.Now()), At: n.now(), Warrant: last, Lines: []string{"beacon heard"}}
		if err := r.TakeLog(t.Context(), must(seal.Seal(wire.LogType, must(wire.Encode(l)), n.own))); loa.KeyOf(err) != "box.unknown" {
			t.Errorf("a log of a box nobody knows: %v", err)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
