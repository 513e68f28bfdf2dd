package speaker_test

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/db"
	"loa/db/dbtest"
	"loa/journal"
	"loa/seal"
	"loa/speaker"
	"loa/wire"
)

const (
	province = loa.Path("vn/98")
	dongSay  = loa.Path("vn/98/98011")
	benMai   = loa.Path("vn/98/98037")
)

// node is what a node holds before it has any box: its own two keys. What takes
// the signer is tested in package e2e.
type node struct {
	t     *testing.T
	db    *db.DB
	clock *loa.HandClock
	keys  speaker.Keys
	own   seal.Key // seals now warrants here; nobody in these tests asks by what right
}

func each(t *testing.T, f func(t *testing.T, n node)) {
	t.Helper()
	dbtest.EachURL(t, func(t *testing.T, url string) {
		n := node{t: t, clock: loa.NewHandClock(time.Date(2026, 11, 23, 6, 0, 0, 0, loa.Zone()))}
		n.db = dbtest.OpenAt(t, url, n.clock)
		for _, k := range []*seal.Key{&n.keys.Dispatch, &n.keys.Beacon, &n.own} {
			var err error
			*k, err = seal.NewKey()
			n.ok(err)
		}
		f(t, n)
	})
}

func (n node) ok(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// now is what the numbers that devices refuse to see fall begin with.
func (n node) now() int64 { return n.clock.Now().UnixMilli() }

func (n node) write(f func(tx *db.Tx) error) error { return n.db.Write(n.t.Context(), f) }

// beacon reads a sealed beacon and checks whose seal it bears.
func (n node) beacon(e journal.Emit) wire.Beacon {
	n.t.Helper()
	o, err := seal.Open(e.Body, seal.MaxDocument)
	n.ok(err)
	if o.Type != wire.BeaconType || o.By([]ed25519.PublicKey{n.keys.Beacon.Public}) != 1 {
		n.t.Error("not by the beacon key")
	}
	b, err := wire.PeekBeacon(e.Body)
	n.ok(err)
	return b
}

func TestWritePlan(t *testing.T) {
	each(t, func(t *testing.T, n node) {
		slots := []wire.Slot{
			{ID: "b", Warrant: loa.Hash([]byte("2")), Start: 2_000_000},
			{ID: "c", Warrant: loa.Hash([]byte("1")), Start: 1_000_000},
			{ID: "a", Warrant: loa.Hash([]byte("2")), Start: 2_000_000, Repeat: 1},
		}
		for i, want := range [][]string{{"c", "a", "b"}, {}} {
			var version int64
			var emit journal.Emit
			n.ok(n.write(func(tx *db.Tx) (err error) {
				version, emit, err = speaker.WritePlan(tx, n.keys, dongSay, slots)
				return err
			}))
			b := n.beacon(emit)
			if version != n.now()+int64(i) || b.PlanVersion != version || b.Number != version || emit.Topic != wire.BeaconTopic(dongSay) {
				t.Errorf("version %d, beacon %+v on %s", version, b, emit.Topic)
			}
			sealed, err := (&speaker.Register{DB: n.db}).Document(t.Context(), b.Plan)
			n.ok(err)
			o, err := seal.Open(sealed, wire.MaxPlan)
			n.ok(err)
			if o.By([]ed25519.PublicKey{n.keys.Dispatch.Public}) != 1 {
				t.Error("the plan is not by the dispatch key")
			}
			var p wire.Plan
			n.ok(seal.Decode(o.Payload, wire.MaxPlan, &p))
			got := []string{}
			for _, s := range p.Slots {
				got = append(got, s.ID)
			}
			if diff := cmp.Diff(want, got); diff != "" || p.Until-p.Made != speaker.PlanLife.Milliseconds() || p.Made != n.clock.Now().UnixMilli() {
				t.Errorf("plan %+v %s", p, diff)
			}
			slots = nil // an empty plan is a plan: it drops everything
		}
		for name, c := range map[string]struct {
			at    loa.Path
			slots []wire.Slot
			key   string
		}{
			"a province":   {province, nil, "unit.not_commune"},
			"a hamlet":     {dongSay + "/h/t1", nil, "unit.not_commune"},
			"nowhere":      {"", nil, "unit.not_commune"},
			"a bad slot":   {dongSay, []wire.Slot{{ID: "a", Warrant: "x", Start: 1}}, "plan.malformed"},
			"a slot twice": {dongSay, []wire.Slot{{ID: "a", Warrant: loa.Hash(nil), Start: 1}, {ID: "a", Warrant: loa.Hash(nil), Start: 2}}, "plan.malformed"},
		} {
			err := n.write(func(tx *db.Tx) error {
				_, _, err := speaker.WritePlan(tx, n.keys, c.at, c.slots)
				return err
			})
			if loa.KeyOf(err) != c.key {
				t.Errorf("%s: %v, want %s", name, err, c.key)
			}
		}
	})
}

// TestBeaconTogether: eight writers, and every number is given once.
func TestBeaconTogether(t *testing.T) {
	each(t, func(t *testing.T, n node) {
		var numbers []int64
		n.together(func(tx *db.Tx) (int64, error) {
			e, err := speaker.WriteBeacon(tx, n.keys, dongSay)
			if err != nil {
				return 0, err
			}
			return n.beacon(e).Number, nil
		}, &numbers)
		if diff := cmp.Diff(n.eight(), numbers); diff != "" {
			t.Error(diff)
		}
	})
}

// TestRise: a number follows the clock, goes one on within a millisecond, and
// does not fall when the clock is set back.
func TestRise(t *testing.T) {
	each(t, func(t *testing.T, n node) {
		base := n.now()
		for i, step := range []struct {
			turn time.Duration
			want int64
		}{{0, base}, {0, base + 1}, {time.Millisecond, base + 2}, {time.Second, base + 1001}, {-time.Hour, base + 1002}, {time.Hour, base + 1003}} {
			n.clock.Turn(step.turn)
			n.ok(n.write(func(tx *db.Tx) error {
				version, emit, err := speaker.WritePlan(tx, n.keys, dongSay, nil)
				if err != nil {
					return err
				}
				seq, err := speaker.NextNow(tx, dongSay)
				if diff := cmp.Diff([3]int64{step.want, step.want, step.want}, [3]int64{version, n.beacon(emit).Number, seq}); diff != "" {
					t.Errorf("step %d, plan, beacon and now: %s", i, diff)
				}
				return err
			}))
		}
		next, err := (&speaker.Register{DB: n.db}).PolicyVersion(t.Context(), dongSay)
		if err != nil || next != n.now() {
			t.Errorf("the first policy is %d, %v; want %d", next, err, n.now())
		}
	})
}

// TestNextNow: numbers of an issuer strictly rise under eight writers, another
// issuer counts for itself, and the beacon carries the highest above it.
func TestNextNow(t *testing.T) {
	each(t, func(t *testing.T, n node) {
		var numbers []int64
		n.together(func(tx *db.Tx) (int64, error) { return speaker.NextNow(tx, dongSay) }, &numbers)
		if diff := cmp.Diff(n.eight(), numbers); diff != "" {
			t.Error(diff)
		}
		base := n.now()
		for _, c := range []struct {
			issuer loa.Path
			want   int64
		}{{benMai, base}, {benMai, base + 1}, {province, base}, {dongSay, base + 8}} {
			n.ok(n.write(func(tx *db.Tx) error {
				seq, err := speaker.NextNow(tx, c.issuer)
				if seq != c.want {
					t.Errorf("%s: %d, want %d", c.issuer, seq, c.want)
				}
				return err
			}))
		}
		for commune, want := range map[loa.Path]int64{dongSay: base + 8, benMai: base + 1, "vn/98/98099": base, "vn/97/97001": 0} {
			n.ok(n.write(func(tx *db.Tx) error {
				e, err := speaker.WriteBeacon(tx, n.keys, commune)
				if mark := n.beacon(e).Mark; mark != want {
					t.Errorf("%s: mark %d, want %d", commune, mark, want)
				}
				return err
			}))
		}
		// A number whose transaction failed is not given out.
		gone := loa.Errorf(loa.Conflict, "bulletin.moved")
		if err := n.write(func(tx *db.Tx) error {
			if _, err := speaker.NextNow(tx, benMai); err != nil {
				return err
			}
			return gone
		}); loa.KeyOf(err) != gone.Key {
			t.Error(err)
		}
		n.ok(n.write(func(tx *db.Tx) error {
			seq, err := speaker.NextNow(tx, benMai)
			if seq != base+2 {
				t.Errorf("after a failure: %d, want %d", seq, base+2)
			}
			return err
		}))
	})
}

// eight are the numbers that eight writers get within one millisecond.
func (n node) eight() (all []int64) {
	for i := range int64(8) {
		all = append(all, n.now()+i)
	}
	return all
}

// together runs f in eight transactions at once and collects what they gave,
// sorted.
func (n node) together(f func(tx *db.Tx) (int64, error), all *[]int64) {
	n.t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var got int64
			err := n.write(func(tx *db.Tx) (err error) {
				got, err = f(tx)
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				n.t.Error(err)
			}
			*all = append(*all, got)
		})
	}
	wg.Wait()
	slices.Sort(*all)
}

// TestHoldNow says a now warrant once per topic its scope touches, and the
// beacons of those it means name it until it ends.
func TestHoldNow(t *testing.T) {
	each(t, func(t *testing.T, n node) {
		until := n.clock.Now().Add(time.Minute).UnixMilli()
		for _, c := range []struct {
			name   string
			scope  []loa.Path
			topics []string
		}{
			{"two hamlets of one commune", []loa.Path{dongSay + "/h/t1", dongSay + "/h/t2"},
				[]string{wire.NowTopic(dongSay), wire.BeaconTopic(dongSay)}},
			{"a commune and its hamlet", []loa.Path{dongSay, dongSay + "/h/t1"},
				[]string{wire.NowTopic(dongSay), wire.BeaconTopic(dongSay)}},
			{"two communes", []loa.Path{benMai, dongSay},
				[]string{wire.NowTopic(benMai), wire.NowTopic(dongSay), wire.BeaconTopic(dongSay), wire.BeaconTopic(benMai)}},
			{"a province", []loa.Path{province}, []string{wire.NowTopic(province)}}, // no commune here has boxes
		} {
			w := wire.Warrant{Issuer: province, Until: until}
			for _, p := range c.scope {
				w.Scope = append(w.Scope, wire.Place{Path: p})
			}
			sealed, err := seal.Seal(wire.WarrantType, []byte(c.name), n.own)
			n.ok(err)
			for range 2 { // held twice is held once
				n.ok(n.write(func(tx *db.Tx) error {
					emits, err := speaker.HoldNow(tx, n.keys, w, sealed)
					var got []string
					for _, e := range emits {
						got = append(got, e.Topic)
						if strings.HasPrefix(e.Topic, wire.NowTopic("")) && string(e.Body) != string(sealed) {
							t.Errorf("%s: other bytes on %s", c.name, e.Topic)
						}
						if strings.HasPrefix(e.Topic, wire.BeaconTopic("")) && !slices.Contains(n.beacon(e).Now, loa.Hash(sealed)) {
							t.Errorf("%s: the beacon on %s does not name it", c.name, e.Topic)
						}
					}
					if diff := cmp.Diff(c.topics, got); diff != "" {
						t.Error(c.name, diff)
					}
					return err
				}))
			}
		}
		live := func(commune loa.Path) (count int) {
			t.Helper()
			n.ok(n.write(func(tx *db.Tx) error {
				e, err := speaker.WriteBeacon(tx, n.keys, commune)
				count = len(n.beacon(e).Now)
				return err
			}))
			return count
		}
		for commune, want := range map[loa.Path]int{dongSay: 4, benMai: 2, "vn/98/98099": 1, "vn/9/8": 0, "vn/97/97001": 0} {
			if got := live(commune); got != want {
				t.Errorf("%s: %d live, want %d", commune, got, want)
			}
		}
		n.clock.Turn(time.Minute)
		if got := live(dongSay); got != 0 {
			t.Errorf("%d live after their end", got)
		}
	})
}

func TestKeep(t *testing.T) {
	each(t, func(t *testing.T, n node) {
		r := &speaker.Register{DB: n.db}
		var hash string
		for range 2 {
			n.ok(n.write(func(tx *db.Tx) (err error) {
				hash, err = speaker.Keep(tx, wire.WarrantType, dongSay, []byte("sealed"))
				return err
			}))
		}
		b, err := r.Document(t.Context(), hash)
		n.ok(err)
		if string(b) != "sealed" || hash != loa.Hash(b) {
			t.Errorf("%s is %q", hash, b)
		}
		if _, err := r.Document(t.Context(), loa.Hash(nil)); loa.CodeOf(err) != loa.NotFound || loa.KeyOf(err) != "document.unknown" {
			t.Error(err)
		}
	})
}
