package speaker_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/seal"
	"loa/speaker"
	"loa/wire"
)

// TestGate is when a release may go to more boxes.
func TestGate(t *testing.T) {
	const day = 24 * 60 * 60_000
	trouble := func(n int) []speaker.Trouble { return make([]speaker.Trouble, n) }
	for _, c := range []struct {
		name   string
		change func(*speaker.Release)
		want   string
	}{
		{"a day, and all are well", nil, ""},
		{"not offered yet", func(m *speaker.Release) { m.Share, m.Figures = 0, speaker.Figures{} }, ""},
		{"a minute less than a day", func(m *speaker.Release) { m.StageAt += 60_000 }, "release.gate_early"},
		{"nine of ten are well", func(m *speaker.Release) { m.Well = 90 }, ""},
		{"fewer are well", func(m *speaker.Release) { m.Well = 89 }, "release.gate_unwell"},
		{"those out of contact do not count", func(m *speaker.Release) { m.Away, m.Updated, m.Well = 50, 50, 45 }, ""},
		{"all are out of contact", func(m *speaker.Release) { m.Away, m.Updated, m.Well = 100, 0, 0 }, "release.gate_unwell"},
		{"one in twenty failed", func(m *speaker.Release) { m.Updated, m.Well, m.Failed = 95, 95, trouble(5) }, ""},
		{"more failed", func(m *speaker.Release) { m.Updated, m.Well, m.Failed = 94, 94, trouble(6) }, "release.gate_failed"},
		{"the first of all failed", func(m *speaker.Release) { m.Meant, m.Updated, m.Well, m.Failed = 1, 0, 0, trouble(1) }, "release.gate_failed"},
		{"the share means nobody in a small province", func(m *speaker.Release) { m.Figures = speaker.Figures{} }, ""},
		{"given to all", func(m *speaker.Release) { m.Share = 100 }, "release.gate_last"},
		{"past its time", func(m *speaker.Release) { m.Until = 10 * day }, "release.wrong_date"},
	} {
		m := speaker.Release{Share: 10, From: 1, Until: 30 * day, StageAt: 9 * day, Figures: speaker.Figures{Meant: 100, Updated: 100, Well: 100}}
		if c.change != nil {
			c.change(&m)
		}
		if got := m.Gate(10 * day); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestRelease takes a release through its stages on both databases: who may make
// one, who may give it out, what stops it, and what the beacon says.
func TestRelease(t *testing.T) {
	each(t, func(t *testing.T, n node) {
		key := func() seal.Key {
			k, err := seal.NewKey()
			n.ok(err)
			return k
		}
		rootKey, makers, stranger := key(), []seal.Key{key(), key(), key()}, key()
		root := seal.Root{Name: "tỉnh", Keys: []string{seal.EncodePublic(rootKey.Public)}, Threshold: 1, Demo: true}
		reg := &speaker.Register{DB: n.db, Keys: n.keys, Root: root, Said: speaker.Silently}
		given := func(by seal.Key) []byte {
			d := seal.Delegation{Kind: "delegation", Role: seal.Release, Threshold: 2, Paths: []loa.Path{province}, Classes: wire.Classes(), From: 1, Until: n.now() + 1e11}
			for _, k := range makers {
				d.Keys = append(d.Keys, seal.EncodePublic(k.Public))
			}
			return n.sealed(seal.DelegationType, d, by)
		}
		made := func(number int64, by ...seal.Key) []byte {
			return n.sealed(wire.ReleaseType, wire.Release{Kind: "release", Product: "loa-speaker", Number: number, Text: fmt.Sprintf("0.%d.0", number), From: 1,
				Until: n.now() + 1e10, Builds: []wire.Build{{System: "linux/armv7", Hash: loa.Hash([]byte("program")), Bytes: 7}}}, by...)
		}
		here, none := func(string) bool { return true }, func(string) bool { return false }
		refused := func(want string, err error) {
			t.Helper()
			if loa.KeyOf(err) != want {
				t.Errorf("%v, want %s", err, want)
			}
		}
		_, err := reg.ImportRelease(t.Context(), loa.System(), nil, made(2, makers[:2]...), here)
		refused("release.no_key", err)
		_, err = reg.ImportRelease(t.Context(), loa.System(), [][]byte{given(stranger)}, made(2, makers[:2]...), here)
		refused("seal.unknown_key", err)
		trust := [][]byte{given(rootKey)}
		_, err = reg.ImportRelease(t.Context(), loa.System(), trust, made(2, makers[0]), here)
		refused("seal.unknown_key", err) // one of the two it takes
		_, err = reg.ImportRelease(t.Context(), loa.System(), trust, made(2, makers[:2]...), none)
		refused("release.no_file", err)
		m, err := reg.ImportRelease(t.Context(), loa.System(), trust, made(2, makers[:2]...), here)
		n.ok(err)
		_, err = reg.ImportRelease(t.Context(), loa.System(), nil, made(2, makers[1:]...), here)
		refused("release.known", err) // the same number under other seals
		if yes, err := reg.IsProgram(t.Context(), loa.Hash([]byte("program"))); err != nil || !yes {
			t.Errorf("its file is %v, %v", yes, err)
		}
		if yes, err := reg.IsProgram(t.Context(), loa.Hash([]byte("secret"))); err != nil || yes {
			t.Errorf("any file is %v, %v", yes, err)
		}

		boxes := n.boxes(200)
		technician := loa.Actor{ID: "k", Name: "Kỹ thuật", Grants: []loa.Grant{{Path: province, Rights: []loa.Right{loa.RightSpeakers}}}}
		officer := loa.Actor{ID: "o", Name: "Xã", Grants: []loa.Grant{{Path: dongSay, Rights: []loa.Right{loa.RightSpeakers}}}}
		offer := func() *wire.Offer {
			t.Helper()
			var e journal.Emit
			n.ok(n.write(func(tx *db.Tx) (err error) { e, err = speaker.WriteBeacon(tx, n.keys, dongSay); return err }))
			return n.beacon(e).Release
		}
		if o := offer(); o != nil {
			t.Errorf("offered before anybody said so: %+v", o)
		}
		refused("right.missing", reg.Widen(t.Context(), officer, m.Hash, 1))
		refused("release.stage", reg.Widen(t.Context(), technician, m.Hash, 10))
		refused("release.unknown", reg.Widen(t.Context(), technician, loa.Hash(nil), 1))

		// Two clicks at once give it out once.
		var both sync.WaitGroup
		errs := make([]error, 2)
		for i := range errs {
			both.Go(func() { errs[i] = reg.Widen(t.Context(), technician, m.Hash, 1) })
		}
		both.Wait()
		if err := errors.Join(errs...); loa.KeyOf(errs[0]) == loa.KeyOf(errs[1]) || errs[0] != nil && errs[1] != nil {
			t.Fatalf("both at once: %v", err)
		}
		if diff := cmp.Diff(&wire.Offer{Hash: m.Hash, Share: 1}, offer()); diff != "" {
			t.Error(diff)
		}
		n.clock.Turn(25 * time.Hour)
		share := 1
		// What the boxes of a share say.
		say := func(change func(i int, b *wire.Beat)) {
			t.Helper()
			var beats []wire.Beat
			for i, id := range boxes {
				b := wire.Beat{Kind: "beat", Device: id, State: "idle", Clock: wire.ClockTrusted, Version: "0.1.0", Uptime: 86_400}
				if (wire.Offer{Hash: m.Hash, Share: share}).Meant(id) {
					b.Version = "0.2.0"
					if change != nil {
						change(i, &b)
					}
				}
				beats = append(beats, b)
			}
			n.ok(reg.Beats(t.Context(), beats))
		}
		// Of so few boxes a share of one percent may mean none: then nothing is proved, and nothing lost.
		say(nil)
		n.ok(reg.Widen(t.Context(), technician, m.Hash, 10))
		share = 10
		refused("release.gate_unwell", reg.Widen(t.Context(), technician, m.Hash, 100)) // nobody had the time
		n.clock.Turn(25 * time.Hour)
		say(func(_ int, b *wire.Beat) { b.Uptime = 60 })
		refused("release.gate_unwell", reg.Widen(t.Context(), technician, m.Hash, 100)) // it starts again and again
		say(func(_ int, b *wire.Beat) {
			b.Version, b.Release, b.Update, b.UpdateWhy = "0.1.0", m.Hash, wire.UpdateReturned, "release.ended"
		})
		refused("release.gate_failed", reg.Widen(t.Context(), technician, m.Hash, 100))
		all, running, err := reg.Releases(t.Context(), province)
		n.ok(err)
		if len(all) != 1 || all[0].Meant == 0 || len(all[0].Failed) != all[0].Meant || all[0].Failed[0].Why != "release.ended" {
			t.Fatalf("figures %+v", all)
		}
		if diff := cmp.Diff([]speaker.Running{{Version: "0.1.0", Boxes: 200}}, running); diff != "" {
			t.Error(diff)
		}
		n.ok(reg.Pause(t.Context(), technician, m.Hash, true))
		refused("release.paused", reg.Pause(t.Context(), technician, m.Hash, true))
		if o := offer(); o != nil {
			t.Errorf("offered while paused: %+v", o)
		}
		n.ok(reg.Pause(t.Context(), technician, m.Hash, false))
		say(nil)
		n.ok(reg.Widen(t.Context(), technician, m.Hash, 100))
		refused("release.wide", reg.Widen(t.Context(), technician, m.Hash, 100))
		if o := offer(); o == nil || o.Share != 100 {
			t.Errorf("offered %+v", o)
		}
		n.clock.Turn(200 * 24 * time.Hour)
		if o := offer(); o != nil {
			t.Errorf("offered after its time: %+v", o)
		}
		var verbs []string
		n.ok(n.db.Read(t.Context(), func(tx *db.Tx) error {
			rows, err := journal.List(tx, journal.Filter{Limit: 20})
			for _, r := range rows {
				verbs = append(verbs, r.Verb)
			}
			return err
		}))
		slices.Sort(verbs) // rows of one millisecond have no order
		if diff := cmp.Diff([]string{"release.imported", "release.paused", "release.resumed", "release.widened", "release.widened", "release.widened"}, verbs); diff != "" {
			t.Error(diff)
		}
	})
}

func (n node) sealed(kind string, doc any, by ...seal.Key) []byte {
	n.t.Helper()
	payload, err := wire.Encode(doc)
	n.ok(err)
	b, err := seal.Seal(kind, payload, by...)
	n.ok(err)
	return b
}

// boxes puts placed boxes straight into the register.
func (n node) boxes(count int) (ids []string) {
	n.ok(n.write(func(tx *db.Tx) error {
		for i := range count {
			id := loa.NewID(tx.Now())
			if _, err := tx.Exec(`INSERT INTO pole (id, code, path, name, cap, created_at) VALUES (?, ?, ?, ?, 80, 1)`, id, fmt.Sprint("C", i), dongSay, "cột"); err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO box (id, pole_id, path, public_key, state, version, made_at) VALUES (?, ?, ?, ?, 'placed', 1, 1)`, id, id, dongSay, id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	}))
	return ids
}
