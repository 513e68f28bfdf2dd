package edge

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"loa"
	"loa/seal"
	"loa/wire"
)

// glass is a disk in memory that knows what is forced to it and what only waits:
// at a given call its power goes, and what a real disk could then hold is asked
// from it. It can also be made to fail or to be full.
type glass struct {
	mu    sync.Mutex
	names map[string]*leaf // as a reader sees it
	fast  map[string]*leaf // names that were synced
	calls int              // that change something
	cut   int              // the power goes at this one, 0 for never
	dead  bool
	fail  func(call, name string) error
	half  *rand.Rand // what was half written; nil for nothing
}

type leaf struct {
	live, fast []byte
	at         time.Time
}

type powerCut struct{}

func newGlass() *glass { return &glass{names: map[string]*leaf{}, fast: map[string]*leaf{}} }

// change counts a call that alters the disk and ends the world at the cut. last
// is what of the call may still have reached the disk.
func (g *glass) change(call, name string, last func()) error {
	if g.dead {
		panic(powerCut{})
	}
	if g.calls++; g.calls == g.cut {
		g.dead = true
		if g.half != nil && last != nil {
			last()
		}
		panic(powerCut{})
	}
	if g.fail != nil {
		return g.fail(call, name)
	}
	return nil
}

func (g *glass) open(name string, flag int) (file, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	name = path.Clean(name)
	l, ok := g.names[name]
	switch {
	case !ok && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case ok && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case !ok:
		if err := g.change("create", name, nil); err != nil {
			return nil, err
		}
		l = &leaf{}
		g.names[name] = l
	}
	return &pane{g: g, name: name, leaf: l}, nil
}

func (g *glass) rename(from, to string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	move := func() { g.names[to] = g.names[from]; delete(g.names, from) }
	if err := g.change("rename", to, move); err != nil {
		return err
	}
	move()
	return nil
}

func (g *glass) remove(name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.names[name]; !ok {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	if err := g.change("remove", name, func() { delete(g.names, name) }); err != nil {
		return err
	}
	delete(g.names, name)
	return nil
}

func (g *glass) list(dir string) (all []fs.FileInfo, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, l := range g.names {
		if path.Dir(name) == path.Clean(dir) {
			all = append(all, leafInfo{path.Base(name), int64(len(l.live)), l.at})
		}
	}
	slices.SortFunc(all, func(a, b fs.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}

func (g *glass) touch(name string, at time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l, ok := g.names[name]; ok {
		l.at = at
	}
	return nil
}

func (g *glass) sync(dir string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.change("sync folder", dir, nil); err != nil {
		return err
	}
	in := func(name string, _ *leaf) bool { return path.Dir(name) == path.Clean(dir) }
	maps.DeleteFunc(g.fast, in)
	for name, l := range g.names {
		if in(name, l) {
			g.fast[name] = l
		}
	}
	return nil
}

func (g *glass) free() int64 { return 1 << 30 }

// after is a disk as the power cut may have left it: of what was not forced to
// it, nothing (0), everything (1), or some blocks and some names (2).
func (g *glass) after(mode int, rng *rand.Rand) *glass {
	g.mu.Lock()
	defer g.mu.Unlock()
	next := newGlass()
	every := maps.Clone(g.fast)
	maps.Copy(every, g.names)
	for name := range every {
		was, old := g.fast[name]
		is, now := g.names[name]
		l, ok := was, old
		if mode == 1 || mode == 2 && rng.IntN(2) == 0 {
			l, ok = is, now
		}
		if !ok {
			continue
		}
		b := l.fast // contents are replaced, never changed
		switch mode {
		case 1:
			b = l.live
		case 2:
			b = torn(l.fast, l.live, rng)
		}
		kept := &leaf{live: b, fast: b, at: l.at}
		next.names[name], next.fast[name] = kept, kept
	}
	return next
}

// torn mixes two contents by blocks of 512 bytes.
func torn(was, is []byte, rng *rand.Rand) []byte {
	if bytes.Equal(was, is) {
		return bytes.Clone(is)
	}
	size := len(was)
	if rng.IntN(2) == 0 {
		size = len(is)
	}
	b := make([]byte, size)
	copy(b, was)
	for at := 0; at < len(is); at += 512 {
		if rng.IntN(2) == 0 && at < size {
			copy(b[at:min(at+512, size)], is[at:])
		}
	}
	return b
}

type leafInfo struct {
	name string
	size int64
	at   time.Time
}

func (i leafInfo) Name() string       { return i.name }
func (i leafInfo) Size() int64        { return i.size }
func (i leafInfo) Mode() fs.FileMode  { return 0o600 }
func (i leafInfo) ModTime() time.Time { return i.at }
func (i leafInfo) IsDir() bool        { return false }
func (i leafInfo) Sys() any           { return nil }

// pane is an open file of a glass.
type pane struct {
	g    *glass
	name string
	leaf *leaf
}

func (p *pane) ReadAt(b []byte, off int64) (int, error) {
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	if off >= int64(len(p.leaf.live)) {
		return 0, io.EOF
	}
	n := copy(b, p.leaf.live[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (p *pane) put(b []byte, off int64) {
	next := make([]byte, max(len(p.leaf.live), int(off)+len(b)))
	copy(next, p.leaf.live)
	copy(next[off:], b)
	p.leaf.live = next
}

func (p *pane) WriteAt(b []byte, off int64) (int, error) {
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	if err := p.g.change("write", p.name, func() { p.put(b[:p.g.half.IntN(len(b)+1)], off) }); err != nil {
		return 0, err
	}
	p.put(b, off)
	return len(b), nil
}

func (p *pane) Truncate(size int64) error {
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	if int64(len(p.leaf.live)) == size {
		return nil
	}
	if err := p.g.change("truncate", p.name, nil); err != nil {
		return err
	}
	p.leaf.live = append(bytes.Clone(p.leaf.live), make([]byte, max(0, size-int64(len(p.leaf.live))))...)[:size]
	return nil
}

func (p *pane) Sync() error {
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	if err := p.g.change("sync", p.name, nil); err != nil {
		return err
	}
	p.leaf.fast = p.leaf.live
	return nil
}

func (p *pane) Stat() (fs.FileInfo, error) {
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	return leafInfo{path.Base(p.name), int64(len(p.leaf.live)), p.leaf.at}, nil
}

func (*pane) Close() error { return nil }

// stage is the world of the tests below: documents that are really sealed, one
// hour of a clock turned by hand, and a ledger of what a person outside saw.
type stage struct {
	t                        *testing.T
	disk                     *glass
	a                        *agent
	hand                     *loa.HandClock
	from                     int64 // ms: when it began
	root                     seal.Root
	docs                     map[string][]byte
	trust                    []string
	sound                    []byte
	pin                      string
	bare                     bool       // without the sound on disk, or at the node
	with                     seal.Key   // what seals the warrants instead
	class                    wire.Class // of the slot, normal for ""
	version, epoch, beaconAt int64
	box                      seal.Key
	first                    wire.Placement

	authority, dispatch, beacon, rootKey seal.Key

	placement, policy, plan, alarm, stopped, stop string
	slots                                         []wire.Slot

	heard   map[string]int // slot or warrant → how often it began
	taken   map[int64]bool // numbers the agent said it took
	halted  bool           // and the stop
	lines   map[int64]wire.Line
	written bool // an update came back
}

func newStage(t *testing.T) *stage {
	start := time.Date(2026, 7, 1, 7, 0, 0, 0, time.UTC)
	s := &stage{t: t, from: start.UnixMilli(), hand: loa.NewHandClock(start), docs: map[string][]byte{}, sound: tone(t, "0.1", "440"),
		heard: map[string]int{}, taken: map[int64]bool{}, lines: map[int64]wire.Line{}}
	for _, k := range []*seal.Key{&s.rootKey, &s.authority, &s.dispatch, &s.beacon, &s.box} {
		*k = must(seal.NewKey())
	}
	s.root = seal.Root{Name: "stage", Keys: []string{seal.EncodePublic(s.rootKey.Public)}, Threshold: 1, Demo: true}
	for role, k := range map[seal.Role]seal.Key{seal.Authority: s.authority, seal.Dispatch: s.dispatch, seal.Beacon: s.beacon} {
		until := s.from + 400*yearDay
		if role == seal.Authority {
			until = s.from + 10*yearDay
		}
		s.trust = append(s.trust, s.put(seal.DelegationType, seal.Delegation{Kind: "delegation", Role: role,
			Keys: []string{seal.EncodePublic(k.Public)}, Threshold: 1, Paths: []loa.Path{commune}, Classes: wire.Classes(), From: 1, Until: until}, s.rootKey))
	}
	s.first = wire.Placement{Kind: "placement", Device: loa.NewID(start), Pole: loa.NewID(start), Code: "P1", Name: "pole",
		Key: seal.EncodePublic(s.box.Public), Version: 1, Paths: []loa.Path{commune}, Cap: 80}
	s.placement = s.put(wire.PlacementType, s.first, s.authority)
	s.policy = s.put(wire.PolicyType, wire.Policy{Kind: "policy", Path: commune, Version: 1, Volume: 80, From: 1, Until: s.from + 400*yearDay,
		Hours: []wire.Hours{{Days: []int{1, 2, 3, 4, 5, 6, 7}, Until: 1440}}}, s.authority)
	normal := s.warrant(s.authority, nil)
	s.alarm = s.warrant(s.authority, func(w *wire.Warrant) { w.Class, w.Now, w.Seq = wire.Emergency, true, 5 })
	s.stopped = s.warrant(s.authority, func(w *wire.Warrant) { w.Class, w.Now, w.Seq = wire.Emergency, true, 7 })
	s.stop = s.warrant(s.authority, func(w *wire.Warrant) {
		w.Kind, w.Class, w.Now, w.Seq, w.Stops = "stop", wire.Emergency, true, 6, []string{s.stopped}
		w.Media, w.PlaysDay, w.Plays, w.Cap, w.Speech = nil, 0, 0, 0, ""
	})
	s.slots = []wire.Slot{{ID: "one", Warrant: normal, Start: s.from + 10_000}, {ID: "two", Warrant: normal, Start: s.from + 20_000}}
	s.plan = s.planned(1)
	return s
}

func (s *stage) put(kind string, doc any, k seal.Key) string {
	b := must(seal.Seal(kind, must(wire.Encode(doc)), k))
	s.docs[loa.Hash(b)] = b
	return loa.Hash(b)
}

// now is the true time, ms.
func (s *stage) now() int64 { return s.hand.Now().UnixMilli() }

func (s *stage) warrant(k seal.Key, change func(*wire.Warrant)) string {
	w := wire.Warrant{Kind: "play", ID: loa.NewID(s.hand.Now()), Class: wire.Normal, Issuer: commune, Author: "p1", Title: "tin",
		Scope: []wire.Place{{Path: commune}}, From: s.now() - 1000, Until: s.now() + 3_600_000, PlaysDay: 3, Plays: 3, Cap: 90,
		Speech: "synthetic", Approval: "passkey", Media: []wire.Media{s.media()}}
	if change != nil {
		change(&w)
	}
	return s.put(wire.WarrantType, w, k)
}

func (s *stage) planned(version int64) string {
	return s.put(wire.PlanType, wire.Plan{Kind: "plan", Path: commune, Version: version, Made: s.now(), Until: s.now() + 72*3_600_000, Slots: s.slots}, s.dispatch)
}

func (s *stage) media() wire.Media {
	return wire.Media{Hash: loa.Hash(s.sound), Bytes: int64(len(s.sound)), MS: int64(len(s.sound)) / wire.FrameBytes * 36, Form: wire.CanonicalForm}
}

// start opens the agent over a disk, as after power came back.
func (s *stage) start(d *glass) error {
	s.disk = d
	up := func() time.Duration { return time.Duration(s.hand.Now().UnixMilli()-s.from) * time.Millisecond }
	cfg := must(Config{Dir: "glass", Output: deaf{}, Clock: s.hand, Log: slog.New(slog.DiscardHandler)}.filled())
	a, err := open(s.t.Context(), cfg, d, machine{boot: "one", up: up})
	if err != nil {
		return err
	}
	a.root, a.device, a.key, s.a = s.root, s.first.Device, s.box, a
	return a.settle()
}

// drain lets the player and its notes catch up, and writes into the ledger.
func (s *stage) drain() {
	p := s.a.player
	for len(p.asked) > 0 {
		(<-p.asked)(p)
	}
	for len(p.events) > 0 {
		e := <-p.events
		if !e.ended {
			s.heard[e.job.name()]++
		}
		s.a.note(e)
	}
	for len(s.a.say) > 0 {
		<-s.a.say
	}
	for _, l := range s.a.receipts.lines {
		s.lines[l.N] = l
	}
}

// play turns the clock until nothing sounds and nothing is scheduled.
func (s *stage) play() {
	s.drain()
	p := s.a.player
	for p.current != nil || len(p.scheduled)+len(p.urgent)+len(p.paused) > 0 {
		p.fill(make([]int16, blockSamples))
		s.drain()
		s.hand.Turn(20 * time.Millisecond)
	}
}

// to turns the clock forward to a moment, milliseconds after the start.
func (s *stage) to(ms int64) {
	if d := s.from + ms - s.hand.Now().UnixMilli(); d > 0 {
		s.hand.Turn(time.Duration(d) * time.Millisecond)
	}
}

// take gives the agent a now warrant and waits for what comes of it.
func (s *stage) take(hash string, seq int64) error {
	j, err := s.a.takeNow(s.t.Context(), s.docs[hash])
	if j != nil {
		s.a.sound(s.t.Context(), j)
	}
	s.a.sounds.Wait()
	if err == nil {
		s.taken[seq] = true
	}
	s.play()
	return err
}

// ready gives the agent, once, what an enrolled one holds.
func (s *stage) ready() error {
	for _, b := range s.docs {
		if hash := loa.Hash(b); slices.Contains(s.trust, hash) || hash == s.placement || hash == s.policy || hash == s.plan || hash == s.slots[0].Warrant {
			if err := s.a.keep.putDoc(b); err != nil {
				return err
			}
		}
	}
	if s.a.keep.now().Placement == "" {
		at := s.a.clock.set(s.hand.Now().UnixMicro(), s.hand.Now())
		err := s.a.keep.update(func(st *state) {
			st.Since, st.Clock, st.Trust, st.Placement, st.Version = s.from, at, s.trust, s.placement, 1
			st.Beacon = beacons{Number: 1, Time: s.from, Policies: []string{s.policy}}
		})
		if err != nil {
			return err
		}
		s.written = true
		t, err := s.a.rebuild(s.a.pinned(), s.trust, 0)
		if err != nil {
			return err
		}
		s.a.trust.Store(t)
	}
	if !s.bare && !s.a.keep.hasMedia(s.media().Hash) {
		if err := s.a.keep.putMedia(s.media(), bytes.NewReader(s.sound)); err != nil {
			return err
		}
	}
	if err := s.a.takePolicy(s.t.Context(), s.policy); err != nil {
		return err
	}
	if err := s.a.takePlan(s.t.Context(), s.plan); err != nil && loa.KeyOf(err) != "plan.old" {
		return err
	}
	return s.a.keep.restore()
}

// live is an hour of a speaker: what is done again by one that was cut off is
// what it missed.
func (s *stage) live() error {
	if err := s.ready(); err != nil {
		return err
	}
	skip := map[string]bool{}
	for len(s.a.nows) > 0 { // what settle found unfinished
		if err := s.take(loa.Hash(<-s.a.nows), 5); err != nil && loa.KeyOf(err) != "warrant.stopped" {
			return err
		}
	}
	s.to(9_000)
	s.a.step(skip)
	s.play()
	if err := s.take(s.alarm, 5); err != nil {
		return err
	}
	if err := s.take(s.stop, 6); err != nil {
		return err
	}
	s.halted = true
	if err := s.take(s.stopped, 7); loa.KeyOf(err) != "warrant.stopped" {
		return fmt.Errorf("the stop does not hold: %w", err)
	}
	if l := s.a.receipts.batch(); len(l) > 1 {
		if err := s.a.receipts.acked(l[0].N); err != nil {
			return err
		}
	}
	s.to(19_000)
	s.a.step(skip)
	s.play()
	return s.a.keep.clean(map[string]bool{}, 1<<20)
}

// until runs the hour to its end or to the cut, and says which.
func (s *stage) until(start func() error) (cut bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(powerCut); !ok {
				panic(r)
			}
			cut = true
		}
	}()
	return false, start()
}

// remembers holds the agent after a power cut to what was seen before it.
func (s *stage) remembers() {
	t, st := s.t, s.a.keep.now()
	for seq := range s.taken {
		if why, _ := st.Now[commune].seen(seq, "other bytes"); why == "" {
			t.Errorf("number %d is forgotten", seq)
		}
	}
	if s.halted && len(st.Stops[s.stopped]) == 0 {
		t.Error("the stop is forgotten")
	}
	for _, slot := range s.slots {
		if _, done := st.Done[slot.ID]; s.heard[slot.ID] > 0 && !done {
			t.Errorf("slot %s is forgotten", slot.ID)
		}
	}
	for n, l := range s.lines {
		at := slices.IndexFunc(s.a.receipts.lines, func(o wire.Line) bool { return o.N == n })
		if at < 0 && n > s.a.receipts.through || at >= 0 && s.a.receipts.lines[at] != l {
			t.Errorf("receipt line %d is forgotten", n)
		}
	}
}

// TestCutEvery cuts the power at every call that changes the disk, leaves
// of what was not forced to it nothing, everything or parts, and lives on: no
// bulletin sounds twice, no number, stop or receipt line is forgotten, an
// emergency that was taken sounds. LOA_LONG=1 adds a second cut, anywhere.
func TestCutEvery(t *testing.T) {
	t.Parallel()
	whole := newStage(t)
	if _, err := whole.until(func() error { return firstOf(whole.start(newGlass()), whole.live) }); err != nil {
		t.Fatal(err)
	}
	if whole.heard["one"] != 1 || whole.heard["two"] != 1 || whole.heard[whole.alarm] != 1 || len(whole.lines) != 3 {
		t.Fatalf("the hour without a cut: %v, %d lines", whole.heard, len(whole.lines))
	}
	calls, cuts, rounds := whole.disk.calls, 0, 1
	if os.Getenv("LOA_LONG") != "" {
		rounds = 20
	}
	for at := 1; at <= calls; at++ {
		for mode := range 3 {
			for round := range rounds {
				rng := rand.New(rand.NewPCG(uint64(at), uint64(mode+3*round)))
				s := newStageLike(whole, t)
				d := newGlass()
				d.cut, d.half = at, rng
				run := func() error { return firstOf(s.start(d), s.live) }
				for again := 0; ; again++ {
					cut, err := s.until(run)
					if !cut && err != nil {
						t.Fatalf("call %d, mode %d, round %d: %v", at, mode, round, err)
					}
					if !cut {
						break
					}
					cuts++
					d = d.after(mode, rng)
					if again == 0 && round > 0 {
						d.cut, d.half = 1+rng.IntN(calls), rng
					}
					run = func() error {
						err := s.start(d)
						if err == nil {
							s.remembers()
							if s.a.keep.lost && s.written {
								t.Error("a power cut lost the state")
							}
						}
						return firstOf(err, s.live)
					}
				}
				s.remembers()
				for _, slot := range s.slots {
					if s.heard[slot.ID] > 1 {
						t.Errorf("slot %s sounded %d times", slot.ID, s.heard[slot.ID])
					}
				}
				if s.heard[s.alarm] == 0 || s.heard[s.stopped] > 0 {
					t.Errorf("the alarm sounded %d times, the stopped one %d", s.heard[s.alarm], s.heard[s.stopped])
				}
				if t.Failed() {
					t.Fatalf("at call %d, mode %d, round %d", at, mode, round)
				}
			}
		}
	}
	t.Logf("%d calls that change the disk, %d power cuts", calls, cuts)
}

// newStageLike is the same world with a fresh ledger.
func newStageLike(w *stage, t *testing.T) *stage {
	s := *w
	s.t, s.hand = t, loa.NewHandClock(time.UnixMilli(w.from))
	s.heard, s.taken, s.lines, s.halted, s.written = map[string]int{}, map[int64]bool{}, map[int64]wire.Line{}, false, false
	return &s
}

func firstOf(err error, then func() error) error {
	if err != nil {
		return err
	}
	return then()
}
