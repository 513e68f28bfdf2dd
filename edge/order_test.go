package edge

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"loa"
	"loa/seal"
	"loa/wire"
)

// TestDeliveries (R-18, R-19; the same rules by the same oracle as TestDelivery) is
// the many: each check makes a world and twenty deliveries of it, which
// clockwork runs in some milliseconds each. Four thousand histories run always,
// LOA_LONG=1 goes on for four minutes; a million are
//
//	go test ./edge -run 'TestDeliveries$' -rapid.checks=25000 -timeout 2h -v
func TestDeliveries(t *testing.T) {
	t.Parallel()
	long := os.Getenv("LOA_LONG") != ""
	r, mp3 := newRealm(), tone(t, "0.6", "440")
	for core := range 2 {
		t.Run(fmt.Sprint(core), func(t *testing.T) {
			t.Parallel()
			began, n, sounds, cuts, deeds := time.Now(), 0, 0, 0, 0
			loom := newLoom(t, r)
			for more := true; more && !t.Failed(); more = long && time.Since(began) < 4*time.Minute {
				rapid.Check(t, func(rt *rapid.T) {
					h := drawWorld(rt, r, mp3)
					for range perWorld {
						h.drawDeeds(rt)
						h.work = loom.clockwork(rapid.Uint64().Draw(rt, "seed"))
						o := h.live(t)
						n, sounds, cuts, deeds = n+1, sounds+o.sounded, cuts+o.cuts, deeds+len(h.deeds)
						if len(o.faults) > 0 {
							rt.Fatalf("%s\n%s%s", strings.Join(o.faults, "\n"), h, strings.Join(o.told, "\n"))
						}
					}
				})
			}
			t.Logf("%d histories of %d deeds in %.0f s: %d sounds, %d power cuts", n, deeds, time.Since(began).Seconds(), sounds, cuts)
			if sounds < n/2 || cuts < n/4 {
				t.Errorf("%d histories with %d sounds and %d power cuts prove little", n, sounds, cuts)
			}
		})
	}
}

const perWorld = 20 // deliveries of one world

// loom is what histories share that no history can change.
type loom struct {
	t      testing.TB
	born   *glass // a box that was enrolled and placed
	state  *state
	key    seal.Key
	realm  *realm
	papers *wire.Reader
	chains *chains
}

func newLoom(t testing.TB, r *realm) *loom {
	p := newPoleAt(t, r, wire.Placement{Kind: "placement", Device: id("b1"), Pole: id("p1"), Code: "P1", Name: "pole", Version: 1, Paths: []loa.Path{commune + "/h/a"}, Cap: 90},
		loa.NewHandClock(time.UnixMilli(dawn)))
	return &loom{t: t, born: p.disk, state: must(openKeep(p.disk)).now(), key: p.key, realm: r, papers: &wire.Reader{}, chains: &chains{made: map[[32]byte]*seal.Trust{}}}
}

// clockwork is a new box at dawn.
func (l *loom) clockwork(seed uint64) *clockwork {
	w := &clockwork{order: rand.New(rand.NewPCG(seed, 0)), papers: l.papers, chains: l.chains, state: l.state, at: time.UnixMilli(dawn)}
	w.pole = &pole{t: l.t, realm: l.realm, disk: l.born.after(0, nil), key: l.key, device: id("b1"), clock: w, work: w,
		box: machine{boot: "1", up: func() time.Duration { return w.at.Sub(time.UnixMilli(dawn)) }}}
	return w
}

// TestDelivery (R-18, R-19; I1–I4, I6, I9, I12, I13 of the rules for simulators)
// hands the real agent made-up days: bulletins, plans, beacons, stops, policies and
// placements, good and forged, each delivered up to five times in any order, pushed
// and pulled, while the network comes and goes and the power fails, also in the
// middle of a download. An oracle, told from docs/wire.md alone, says of every first
// sample whether it may sound; at the end the world heals, and what must sound has
// sounded. Two hundred histories run always; LOA_LONG=1 runs them for five minutes on
// two cores and says how many.
//
// TestCanFail breaks the rules one at a time and holds the test to notice.
func TestDelivery(t *testing.T) {
	t.Parallel()
	r := newRealm()
	mp3 := tone(t, "0.6", "440")
	hours := os.Getenv("LOA_LONG") != ""
	for core := range 2 {
		t.Run(fmt.Sprint(core), func(t *testing.T) {
			t.Parallel()
			began, n, sounds, cuts := time.Now(), 0, 0, 0
			for more := true; more && !t.Failed(); more = hours && time.Since(began) < 4*time.Minute+45*time.Second {
				rapid.Check(t, func(rt *rapid.T) {
					h := drawWorld(rt, r, mp3)
					h.drawDeeds(rt)
					var o *oracle
					synctest.Test(t, func(t *testing.T) { o = h.live(t) })
					n, sounds, cuts = n+1, sounds+o.sounded, cuts+o.cuts
					if len(o.faults) > 0 {
						rt.Fatalf("%s\n%s%s", strings.Join(o.faults, "\n"), h, strings.Join(o.told, "\n"))
					}
				})
			}
			t.Logf("%d histories in %.0f s: %d sounds, %d power cuts", n, time.Since(began).Seconds(), sounds, cuts)
			if sounds < n/2 || cuts < n/4 {
				t.Errorf("%d histories with %d sounds and %d power cuts prove little", n, sounds, cuts)
			}
		})
	}
}

const (
	dawn  = int64(946_684_800_000) // when a bubble begins: 2000-01-01, 07:00 in Viet Nam
	heals = 240_000                // ms after dawn: from here on nothing disturbs
	last  = 330_000                // ms after dawn: the last slot
)

// paper is a warrant of a history.
type paper struct {
	wire.Warrant
	name string
	hash string
	b    []byte
	good bool // sealed by somebody who may
}

// moment is what a node says at one time.
type moment struct {
	beacon    wire.Beacon
	sealed    []byte
	plan      wire.Plan
	policy    wire.Policy
	placement wire.Placement
	right     bool // the plan is sealed by who may
}

// happening is one thing that happens.
type happening struct {
	do string
	i  int
	d  time.Duration
}

// history is a world and what happens in it.
type history struct {
	realm   *realm
	mp3     []byte
	papers  []*paper
	moments []moment
	docs    map[string][]byte
	media   map[string][]byte
	deeds   []happening
	work    *clockwork // nil for a whole agent in a bubble
}

// String is the history as a person reads it.
func (h *history) String() string {
	var b strings.Builder
	name := map[string]string{}
	for _, p := range h.papers {
		name[p.hash] = p.name
		fmt.Fprintf(&b, "%-3s %s %s by %s for %s, %d to %d ms, seq %d, sealed by who may: %v", p.name, p.Class, p.Kind, p.Issuer, p.Scope[0].Path, p.From-dawn, p.Until-dawn, p.Seq, p.good)
		for _, s := range p.Stops {
			fmt.Fprint(&b, ", stops ", name[s])
		}
		b.WriteByte('\n')
	}
	for _, m := range h.moments {
		fmt.Fprintf(&b, "beacon %d: plan %d", m.beacon.Number, m.plan.Version)
		for _, s := range m.plan.Slots {
			fmt.Fprintf(&b, ", %s %s at %d", s.ID, name[s.Warrant], s.Start-dawn)
		}
		fmt.Fprintf(&b, "; mutes %v; live", m.plan.Mutes)
		for _, s := range m.beacon.Now {
			fmt.Fprint(&b, " ", name[s])
		}
		fmt.Fprintf(&b, "; policy %d %v; placement %d %s, revoked %v\n", m.policy.Version, m.policy.Hours, m.placement.Version, m.placement.Paths[0], m.placement.Revoked)
	}
	return b.String()
}

// maySeal is who may seal what, told a second way.
func (r *realm) maySeal(k seal.Key, w wire.Warrant) bool {
	place, least := "", false
	switch {
	case k.Public.Equal(r.province.Public):
		place = "vn/97"
	case k.Public.Equal(r.authority.Public):
		place = string(commune)
	case k.Public.Equal(r.minor.Public):
		place, least = string(commune), true
	case k.Public.Equal(r.sibling.Public):
		place = string(neighbour)
	default:
		return false
	}
	inside := func(p loa.Path) bool { return strings.HasPrefix(string(p)+"/", place+"/") }
	return inside(w.Issuer) && !slices.ContainsFunc(w.Scope, func(p wire.Place) bool { return !inside(p.Path) }) &&
		(!least || w.Class != wire.Emergency)
}

// issuer is the unit that speaks to a place.
func issuer(place loa.Path) loa.Path {
	if c := place.Commune(); c != "" {
		return c
	}
	return place
}

// drawWorld makes bulletins, plans, policies, beacons.
func drawWorld(rt *rapid.T, r *realm, mp3 []byte) *history {
	h := &history{realm: r, mp3: mp3, docs: map[string][]byte{}, media: map[string][]byte{}}
	n := func(least, most int, what string) int { return rapid.IntRange(least, most).Draw(rt, what) }
	keys := []seal.Key{r.authority, r.authority, r.authority, r.province, r.province, r.minor, r.sibling, r.stranger, r.dispatch}
	places := []loa.Path{commune, commune, commune + "/h/a", commune + "/h/a", commune + "/h/b", "vn/97", neighbour}
	add := func(name string, w wire.Warrant, k seal.Key) *paper {
		w.ID, w.Author, w.Title, w.Approval = id(name), "p1", name, "passkey"
		if w.Kind = "play"; len(w.Stops) > 0 {
			w.Kind = "stop"
		} else {
			m := mediaOf(frames(mp3, 4+len(h.papers)%9))
			w.Media, w.Cap, w.Speech = []wire.Media{m}, 90, "recorded"
		}
		p := &paper{Warrant: w, name: name, b: r.seal(wire.WarrantType, w, k), good: r.maySeal(k, w)}
		p.hash = loa.Hash(p.b)
		h.docs[p.hash] = p.b
		h.papers = append(h.papers, p)
		return p
	}
	span := func() (from, until int64) {
		from = dawn + []int64{-3600, -3600, -3600, -60, 4, 7, 30}[n(0, 6, "from")]*1000
		return from, dawn + []int64{3600, 3600, 3600, 5, 30, 60, 120}[n(0, 6, "until")]*1000
	}
	for i := range n(1, 3, "bulletins") {
		w := wire.Warrant{Class: []wire.Class{wire.Normal, wire.Normal, wire.Priority}[n(0, 2, "class")], PlaysDay: n(1, 2, "plays")}
		w.Plays = w.PlaysDay
		w.Scope = []wire.Place{{Path: places[n(0, 6, "place")]}}
		w.Issuer = issuer(w.Scope[0].Path)
		if w.From, w.Until = span(); w.Until > w.From {
			add(fmt.Sprintf("w%d", i), w, keys[n(0, 8, "key")])
		}
	}
	planned := len(h.papers)
	for i := range n(0, 4, "urgent") {
		w := wire.Warrant{Class: []wire.Class{wire.Emergency, wire.Emergency, wire.Exercise}[n(0, 2, "class")], PlaysDay: 1, Plays: 1, Now: true, Seq: int64(n(1, 3, "seq"))}
		w.Scope = []wire.Place{{Path: places[n(0, 6, "place")]}}
		w.Issuer = issuer(w.Scope[0].Path)
		if w.From, w.Until = span(); w.Until > w.From {
			add(fmt.Sprintf("e%d", i), w, keys[n(0, 8, "key")])
		}
	}
	for i := range n(0, 3, "stops") {
		if len(h.papers) == 0 {
			break
		}
		w := wire.Warrant{Class: []wire.Class{wire.Normal, wire.Emergency, wire.Emergency}[n(0, 2, "class")], Now: true, Seq: int64(n(1, 5, "seq")),
			Issuer: []loa.Path{commune, commune, "vn/97"}[n(0, 2, "issuer")]}
		w.Scope = []wire.Place{{Path: w.Issuer}}
		w.Stops = []string{h.papers[n(0, len(h.papers)-1, "of")].hash}
		if w.From, w.Until = span(); w.Until > w.From {
			add(fmt.Sprintf("s%d", i), w, keys[n(0, 8, "key")])
		}
	}
	z := add("z", wire.Warrant{Class: wire.Normal, PlaysDay: 1, Plays: 1, Issuer: commune, Scope: []wire.Place{{Path: commune}}, From: dawn, Until: dawn + 3_600_000}, r.authority)
	hours := [][]wire.Hours{
		{{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: 0, Until: 1440}},
		{{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: 0, Until: 422}, {Days: []int{6}, From: 425, Until: 1440}},
		{{Days: []int{6}, From: 400, Until: 430}},
	}
	m := moment{beacon: wire.Beacon{Kind: "beacon", Path: commune, Now: []string{}, Trust: r.hashes(), Placements: 1, Phrases: loa.Hash(r.phrases(mp3))},
		placement: wire.Placement{Version: 1, Paths: []loa.Path{commune + "/h/a"}}}
	number, policies := int64(0), int64(0)
	for i := range n(1, 4, "moments") {
		number += int64(n(1, 2, "number"))
		m.beacon.Number, m.beacon.Time = number, dawn
		if i == 0 || n(0, 3, "policy") == 0 {
			policies++
			m.policy = wire.Policy{Kind: "policy", Path: commune, Version: policies, Volume: 80, From: 1, Until: 4e12, Hours: hours[max(0, n(-2, 2, "hours"))]}
			b := r.seal(wire.PolicyType, m.policy, r.authority)
			h.docs[loa.Hash(b)] = b
			m.beacon.Policies = []string{loa.Hash(b)}
		}
		if i > 0 && n(0, 4, "placement") == 0 {
			m.beacon.Placements++
			m.placement = wire.Placement{Version: m.placement.Version + 1, Paths: []loa.Path{[]loa.Path{commune + "/h/a", commune + "/h/b"}[n(0, 1, "where")]}, Revoked: n(0, 5, "revoked") == 0}
		}
		if i == 0 || n(0, 2, "plan") > 0 {
			m.plan = wire.Plan{Kind: "plan", Path: commune, Version: m.plan.Version + 1, Made: dawn, Until: dawn + 3_600_000, Slots: []wire.Slot{}}
			for _, name := range []string{"a", "b", "c", "d"} {
				if planned == 0 || n(0, 3, name) == 0 || len(h.papers) < 2 {
					continue
				}
				p := h.papers[n(0, len(h.papers)-2, "what")]
				if n(0, 5, "odd") > 0 { // otherwise perhaps one that no plan may play
					p = h.papers[n(0, planned-1, "what")]
				}
				m.plan.Slots = append(m.plan.Slots, wire.Slot{ID: name, Warrant: p.hash, Start: dawn + int64([]int{3, 3, 5, 6, 6, 10, 20, 40, 60, 300}[n(0, 9, "start")])*1000 + int64(n(0, 3, "ms"))*100})
			}
			if n(0, 5, "mute") == 0 {
				m.plan.Mutes = []wire.Mute{{Pole: "P1", From: dawn, Until: dawn + int64(n(1, 5, "minutes"))*60_000}}
			}
			m.plan.Slots = append(m.plan.Slots, wire.Slot{ID: "z", Warrant: z.hash, Start: dawn + last})
			b := r.seal(wire.PlanType, m.plan, []seal.Key{r.dispatch, r.dispatch, r.dispatch, r.dispatch, r.authority, r.sibling}[max(0, n(-6, 5, "planner"))])
			h.docs[loa.Hash(b)] = b
			m.beacon.Plan, m.beacon.PlanVersion = loa.Hash(b), m.plan.Version
			m.right = m.beacon.Plan == loa.Hash(r.seal(wire.PlanType, m.plan, r.dispatch))
		}
		m.beacon.Now = slices.Clone(m.beacon.Now)
		for _, p := range h.papers[planned:] {
			if p.name != "z" && !slices.Contains(m.beacon.Now, p.hash) && n(0, 1, "live") == 0 {
				m.beacon.Now = append(m.beacon.Now, p.hash)
			}
		}
		m.sealed = r.seal(wire.BeaconType, m.beacon, r.beacon)
		h.moments = append(h.moments, m)
	}
	for i := 2; i < 13; i++ {
		b := frames(mp3, i)
		h.media[loa.Hash(b)] = b
	}
	b := r.phrases(mp3)
	h.docs[loa.Hash(b)] = b
	return h
}

// drawDeeds makes one delivery of a world.
func (h *history) drawDeeds(rt *rapid.T) {
	n := func(least, most int, what string) int { return rapid.IntRange(least, most).Draw(rt, what) }
	h.deeds = nil
	waits := []time.Duration{50 * time.Millisecond, 130 * time.Millisecond, 300 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 40 * time.Second}
	for range n(3, 12, "deeds") {
		d := happening{do: []string{"beacon", "beacon", "now", "now", "now", "wait", "wait", "wait", "turn", "cut", "away", "cutting"}[n(0, 11, "deed")]}
		switch d.do {
		case "beacon", "turn":
			d.i = n(0, len(h.moments)-1, "moment")
		case "now":
			d.i = n(0, len(h.papers)-1, "paper")
		case "wait":
			d.d = waits[n(0, 7, "long")]
		case "cut":
			d.d = waits[n(0, 7, "dark")]
		case "cutting":
			d.i = n(1, 8, "request")
		}
		for range max(1, n(-1, 5, "times")) { // up to five times
			h.deeds = append(h.deeds, d)
			if d.do != "beacon" && d.do != "now" {
				break
			}
		}
	}
	if n(0, 2, "mix") == 0 {
		h.deeds = rapid.Permutation(h.deeds).Draw(rt, "order")
	}
}

// oracle is what a device must and must not do, told from docs/wire.md. It sees
// what reached the box and hears what sounds.
type oracle struct {
	h       *history
	p       *pole
	faults  []string
	told    []string
	mute    bool // nobody reads what is told
	sounded int
	cuts    int

	disk    map[string]bool // fetched whole
	beacon  *moment         // the highest heard
	sure    [2]int64        // numbers of the beacon and the plan that no cut may take away
	plan    *wire.Plan
	planned int64  // when the plan came
	rules   []rule // policies as they came to hold
	seat    []seat // placements as they came to hold
	stops   map[string][]halted
	starts  map[string]int // slot id, or hash of a now warrant
	plays   map[string]int // warrant hash
	numbers map[string]string
	blocks  map[*job]int
	whole   map[string]int64 // now warrant → when it had sounded to its end
	lastCut int64
	dark    []int64 // every cut
}

type rule struct {
	at     int64
	policy *wire.Policy // nil: missing
}

type seat struct {
	at int64
	wire.Placement
}

type halted struct {
	at     int64
	issuer loa.Path
	class  wire.Class
}

func now() int64 { return time.Now().UnixMilli() }

// time is UTC in milliseconds.
func (o *oracle) time() int64 { return o.p.now() }

func (o *oracle) fault(format string, v ...any) {
	o.tell("FAULT")
	o.faults = append(o.faults, fmt.Sprintf("at %d ms: ", o.time()-dawn)+fmt.Sprintf(format, v...))
}

func (o *oracle) tell(format string, v ...any) {
	if o.mute {
		return
	}
	o.told = append(o.told, fmt.Sprintf("%9d ms  ", o.time()-dawn)+fmt.Sprintf(format, v...))
}

func (o *oracle) paper(hash string) *paper {
	for _, p := range o.h.papers {
		if p.hash == hash {
			return p
		}
	}
	return nil
}

// hear is a beacon that reached the box.
func (o *oracle) hear(m *moment, known bool) {
	if o.beacon != nil && m.beacon.Number < o.beacon.beacon.Number {
		return
	}
	if known { // otherwise the box may have had no time to believe it
		o.beacon = m
		o.adopt()
	}
}

// got is a document that was fetched whole.
func (o *oracle) got(hash string) {
	o.disk[hash] = true
	if o.beacon != nil {
		o.adopt()
	}
}

func (o *oracle) adopt() {
	m := o.beacon
	for _, hash := range m.beacon.Now {
		if o.disk[hash] {
			o.now(o.paper(hash))
		}
	}
	o.rule()
	if o.disk[m.beacon.Plan] && m.right && (o.plan == nil || m.plan.Version > o.plan.Version) {
		o.plan, o.planned = &m.plan, o.time()
	}
}

// rule writes down which policy holds now.
func (o *oracle) rule() {
	if o.beacon == nil {
		return
	}
	var p *wire.Policy
	if o.disk[o.beacon.beacon.Policies[0]] {
		p = &o.beacon.policy
	}
	if n := len(o.rules); n == 0 || o.rules[n-1].policy != p {
		o.rules = append(o.rules, rule{o.time(), p})
	}
}

// broken says that the power failed in the middle of what the oracle saw: what
// came of it in that moment is read from the disk, which may only be ahead of what
// was sure before.
func (o *oracle) broken(st *state) {
	if st.Beacon.Number < o.sure[0] || st.PlanVersion < o.sure[1] {
		o.fault("after the power cut it holds beacon %d and plan %d, and had %d", st.Beacon.Number, st.PlanVersion, o.sure)
	}
	o.beacon, o.plan = nil, nil
	for i := range o.h.moments {
		m := &o.h.moments[i]
		if m.beacon.Number == st.Beacon.Number {
			o.beacon = m
		}
		if m.beacon.Plan == st.Plan && st.Plan != "" {
			o.plan = &m.plan
		}
	}
	for hash, list := range o.stops {
		o.stops[hash] = slices.DeleteFunc(list, func(s halted) bool { return s.at == o.lastCut })
	}
	o.rules = slices.DeleteFunc(o.rules, func(r rule) bool { return r.at == o.lastCut })
	o.rule()
}

// settled says that nothing is under way.
func (o *oracle) settled() {
	if o.beacon != nil {
		o.sure[0] = o.beacon.beacon.Number
	}
	if o.plan != nil {
		o.sure[1] = o.plan.Version
	}
}

// now is a now warrant that reached the box. Only what surely took effect is
// written down: a stop whose number nothing else in the history uses.
func (o *oracle) now(p *paper) {
	if p.Kind != "stop" || !p.good || o.beacon == nil || o.time() < p.From-5000 || o.time() >= p.Until {
		return
	}
	for _, q := range o.h.papers {
		if q != p && q.Now && q.Issuer == p.Issuer && q.Seq == p.Seq {
			return
		}
	}
	for _, m := range o.h.moments {
		if m.placement.Revoked {
			return
		}
	}
	for _, hash := range p.Stops {
		o.stops[hash] = append(o.stops[hash], halted{o.time(), p.Issuer, p.Class})
	}
}

// stopped is since when a stop binds a warrant, 0 if none does.
func (o *oracle) stopped(p *paper) int64 {
	for _, s := range o.stops[p.hash] {
		above := strings.HasPrefix(string(p.Issuer)+"/", string(s.issuer)+"/")
		if above && (p.Class != wire.Emergency || s.class == wire.Emergency) {
			return s.at
		}
	}
	return 0
}

// open reports whether a policy or placement that held within the last two
// seconds lets a sound be.
func (o *oracle) open(at, ms int64, p *paper) string {
	why := "no policy"
	for i, r := range o.rules {
		if i+1 < len(o.rules) && o.rules[i+1].at < at-2000 || r.policy == nil {
			continue
		}
		why = "the hours are shut"
		for _, s := range r.policy.Hours {
			from, until := dawn-7*3_600_000+int64(s.From)*60_000, dawn-7*3_600_000+int64(s.Until)*60_000
			if slices.Contains(s.Days, 6) && at >= from && at+ms <= until {
				return ""
			}
		}
	}
	return why
}

func (o *oracle) placed(at int64, p *paper) string {
	why := "nobody placed it"
	for i, s := range o.seat {
		if i+1 < len(o.seat) && o.seat[i+1].at < at-2000 {
			continue
		}
		inside := strings.HasPrefix(string(s.Paths[0])+"/", string(p.Scope[0].Path)+"/")
		switch {
		case s.Revoked:
			why = "the box was taken away"
		case !inside:
			why = "it is out of its scope"
		default:
			return ""
		}
	}
	return why
}

// heard is a first sample.
func (o *oracle) heard(j *job) {
	at := j.started / 1000
	p := o.paper(j.hash)
	o.sounded++
	name := j.slot.ID
	if name == "" {
		name = j.hash
	}
	o.starts[name]++
	o.tell("SOUNDS %s, slot %q", p.name, j.slot.ID)
	bad := func(why string) { o.fault("%s sounds (slot %q), and %s", p.name, j.slot.ID, why) }
	if !p.good {
		bad("nobody who may has sealed it")
	}
	if s := o.stopped(p); s != 0 && s < at {
		bad("a stop holds")
	}
	if why := o.placed(at, p); why != "" {
		bad(why)
	}
	if j.volume > 90 || j.slot.ID != "" && j.volume > 80 {
		bad("it is too loud")
	}
	if j.slot.ID == "" {
		o.heardNow(j, p, at, bad)
		return
	}
	o.plays[p.hash]++
	i := -1
	if o.plan != nil {
		i = slices.IndexFunc(o.plan.Slots, func(s wire.Slot) bool { return s.ID == j.slot.ID })
	}
	switch {
	case i < 0:
		bad("its plan was superseded")
		return
	case o.plan.Slots[i].Warrant != j.hash || o.plan.Slots[i].Start != j.slot.Start:
		bad("the plan says otherwise")
	case at < j.slot.Start-1 || at > j.slot.Start+wire.Late+20:
		bad(fmt.Sprintf("its minute is %d", j.slot.Start-dawn))
	case p.Now || p.Kind != "play":
		bad("no plan may play it")
	case j.slot.Start < p.From || j.slot.Start+p.MS() > p.Until:
		bad("its warrant does not hold")
	case o.plays[p.hash] > p.Plays:
		bad("it has had its plays")
	case o.starts[j.slot.ID] > 1:
		bad("it sounded before")
	}
	if why := o.open(j.slot.Start, p.MS(), p); why != "" {
		bad(why)
	}
	for _, m := range o.plan.Mutes {
		if m.From < j.slot.Start+p.MS() && j.slot.Start < m.Until {
			bad("the pole is muted")
		}
	}
}

func (o *oracle) heardNow(j *job, p *paper, at int64, bad func(string)) {
	number := fmt.Sprint(p.Issuer, " ", p.Seq)
	if first, ok := o.numbers[number]; ok && first != p.hash {
		bad("its number was used")
	}
	o.numbers[number] = p.hash
	most := 1
	if p.Class == wire.Emergency {
		most = min(3, 1+o.cuts)
	}
	switch {
	case !p.Now || p.Kind != "play":
		bad("it waits for a plan")
	case at < p.From-5000:
		bad("it is early")
	case at >= p.Until:
		bad("it has expired")
	case o.starts[p.hash] > most:
		bad(fmt.Sprintf("that is start %d", o.starts[p.hash]))
	case o.whole[p.hash] != 0 && o.whole[p.hash]+200 < max(o.lastCut, at-1000):
		bad("it sounded to its end before")
	}
	if p.Class == wire.Emergency {
		return
	}
	if why := o.open(at, p.MS(), p); why != "" {
		bad(why)
	}
	if o.plan != nil && o.planned < at { // in the same moment the urgent goes first
		for _, m := range o.plan.Mutes {
			if m.From < at+p.MS() && at < m.Until {
				bad("the pole is muted")
			}
		}
	}
}

// during is 20 ms of sound.
func (o *oracle) during(j *job) {
	p := o.paper(j.hash)
	if s := o.stopped(p); s != 0 && s+60 < o.time() {
		o.fault("%s goes on %d ms after its stop", p.name, o.time()-s)
	}
	if o.blocks[j]++; p.Now && int64(o.blocks[j])*20 >= p.MS() {
		o.whole[p.hash] = o.time()
	}
}

// live is a history from its beginning to its end.
func (h *history) live(t testing.TB) *oracle {
	o := &oracle{h: h, disk: map[string]bool{}, stops: map[string][]halted{}, starts: map[string]int{}, plays: map[string]int{},
		numbers: map[string]string{}, blocks: map[*job]int{}, whole: map[string]int64{}}
	device := id("b1")
	placement := wire.Placement{Kind: "placement", Device: device, Pole: id("p1"), Code: "P1", Name: "pole", Version: 1, Paths: []loa.Path{commune + "/h/a"}, Cap: 90}
	n := newNode(h.realm)
	n.docs, n.media = h.docs, h.media
	var p *pole
	if h.work != nil {
		p, h.work.node = h.work.pole, n
	} else {
		p = newPole(t, h.realm, placement)
	}
	placement.Key = seal.EncodePublic(p.key.Public)
	o.p = p
	defer func() { p.off() }()
	o.seat = []seat{{0, placement}}
	at := 0
	newest := 0 // placements come from the node's own database, never from a cache
	set := func(i int) { at, newest, n.beacon = i, max(newest, i), h.moments[i].sealed }
	set(0)
	away, cutIn, cut := false, 0, false
	known := func() bool { return p.a.clock.state() != wire.ClockUnknown }
	p.heard, p.during = o.heard, o.during
	p.answer = func(method, path string, body []byte) (int, []byte) {
		if cutIn > 0 {
			if cutIn--; cutIn == 0 {
				cut = true
				p.end()
			}
		}
		if away || cut {
			return 0, nil
		}
		m := h.moments[newest]
		n.placement = nil
		if strings.Contains(path, "/placement/") {
			pl := placement
			pl.Version, pl.Paths, pl.Revoked = m.placement.Version, m.placement.Paths, m.placement.Revoked
			n.placement = h.realm.seal(wire.PlacementType, pl, h.realm.authority)
			if pl.Version > o.seat[len(o.seat)-1].Version {
				o.seat = append(o.seat, seat{p.now(), pl})
			}
		}
		status, b := n.answer(method, path, body)
		switch _, hash, _ := strings.Cut(path, "/doc/"); {
		case strings.Contains(path, "/beacon/"):
			o.hear(&h.moments[at], known())
		case hash != "" && status == http.StatusOK:
			o.got(hash)
		}
		return status, b
	}
	p.on()
	p.rest(0)
	dark := func(d time.Duration) {
		o.tell("the power fails for %v", d)
		o.cuts++
		o.lastCut = p.now()
		o.dark = append(o.dark, o.lastCut)
		maps.DeleteFunc(o.whole, func(_ string, at int64) bool { return at+200 >= o.lastCut }) // its end was not written down any more
		p.off()
		if cut {
			o.broken(p.a.keep.now())
		}
		o.settled()
		p.dark(d)
		cut = false
		p.on()
		p.rest(0)
	}
	for _, d := range h.deeds {
		if p.now() > dawn+heals-60_000 {
			break
		}
		switch d.do {
		case "beacon":
			o.tell("beacon %d is pushed", h.moments[d.i].beacon.Number)
			p.mu.Lock()
			newest = max(newest, d.i)
			o.hear(&h.moments[d.i], known())
			p.mu.Unlock()
			p.push(p.a.pushed, h.moments[d.i].sealed)
		case "now":
			o.tell("%s is pushed", h.papers[d.i].name)
			p.push(p.a.nows, h.papers[d.i].b)
			if p.mu.Lock(); known() && !cut {
				o.now(h.papers[d.i])
			}
			p.mu.Unlock()
		case "turn":
			o.tell("the node says beacon %d", h.moments[d.i].beacon.Number)
			p.mu.Lock()
			set(d.i)
			p.mu.Unlock()
		case "wait":
			p.rest(d.d)
		case "cut":
			dark(d.d)
		case "away":
			away = !away
			o.tell("the network is away: %v", away)
		case "cutting":
			cutIn = d.i
			o.tell("the power will fail at request %d", d.i)
		}
		if cut {
			dark(time.Second)
		} else {
			o.settled()
		}
	}
	p.mu.Lock()
	away, cutIn = false, 0
	set(len(h.moments) - 1)
	p.mu.Unlock()
	o.tell("the world heals")
	if cut {
		dark(time.Second)
	}
	p.rest(time.Duration(dawn+heals-p.now()) * time.Millisecond)
	nudge(p.a.pull)
	p.rest(time.Duration(dawn+last+5_000-p.now()) * time.Millisecond)
	if p.work != nil {
		p.work.tell()
	}
	h.end(o, n, p)
	return o
}

// robbed counts the starts of a now warrant that were written down and that the
// power took away before the next block of 20 ms.
func (o *oracle) robbed(lines []wire.Line, hash string) (n int) {
	for _, l := range lines {
		at := func(cut int64) bool { return cut >= l.Planned && cut <= l.Planned+40 }
		if l.Warrant == hash && l.Started == 0 && l.Why == "agent.restarted" && slices.ContainsFunc(o.dark, at) {
			n++
		}
	}
	return n
}

// end says what must have sounded by now.
func (h *history) end(o *oracle, n *node, p *pole) {
	m := h.moments[len(h.moments)-1]
	for _, l := range n.lines {
		o.tell("line %+v", l)
	}
	told := func(slot, hash string) bool {
		return slices.ContainsFunc(n.lines, func(l wire.Line) bool { return l.Slot == slot && l.Warrant == hash })
	}
	for name, times := range o.starts {
		slot, hash := name, name
		if len(name) == 64 {
			slot = ""
		} else {
			hash = ""
		}
		lines := 0
		for _, l := range n.lines {
			if l.Slot == slot && (hash == "" || l.Warrant == hash) && l.Result != wire.Refused && l.Result != wire.Missed {
				lines++
			}
		}
		if lines == 0 || lines > times+o.cuts {
			o.fault("%s sounded %d times, and there are %d lines", name, times, lines)
		}
	}
	named := func(hash string) bool {
		return slices.ContainsFunc(h.papers, func(p *paper) bool { return slices.Contains(p.Stops, hash) })
	}
	inside := func(q *paper) bool {
		return !m.placement.Revoked && strings.HasPrefix(string(m.placement.Paths[0])+"/", string(q.Scope[0].Path)+"/")
	}
	for _, q := range h.papers {
		number := slices.ContainsFunc(h.papers, func(o *paper) bool { return o != q && o.Now && o.Issuer == q.Issuer && o.Seq == q.Seq })
		if !slices.Contains(m.beacon.Now, q.hash) || q.Class != wire.Emergency || q.Kind != "play" || !q.good || !inside(q) || named(q.hash) || number ||
			q.From > dawn+heals-60_000 || q.Until < dawn+last {
			continue
		}
		elsewhere := func(l wire.Line) bool { return l.Warrant == q.hash && l.Why == "slot.outside_scope" }
		if slices.ContainsFunc(n.lines, elsewhere) { // answered where the box was placed then
			continue
		}
		if o.starts[q.hash] == 0 && o.robbed(n.lines, q.hash) < attempts {
			o.fault("%s did not sound, though it is live", q.name)
		}
		if !told("", q.hash) {
			o.fault("%s ended without a line", q.name)
		}
	}
	for _, slot := range m.plan.Slots { // whoever is never moved says of each slot what came of it
		moved := slices.ContainsFunc(h.moments, func(o moment) bool { return o.placement.Version > 1 })
		q := o.paper(slot.Warrant)
		if !m.right || moved || !inside(q) || o.starts[slot.ID] > 0 || slices.ContainsFunc(n.lines, func(l wire.Line) bool { return l.Slot == slot.ID }) {
			continue
		}
		o.fault("slot %q was dropped: it never sounded, and no line says why", slot.ID)
	}
	z := h.papers[len(h.papers)-1]
	right := m.right
	silent := named(z.hash) || !right || m.placement.Revoked || o.open(dawn+last, z.MS(), z) != ""
	if !silent && o.starts["z"] != 1 {
		o.fault("the last slot sounded %d times", o.starts["z"])
	}
	if right && !told("z", z.hash) {
		o.fault("the last slot ended without a line")
	}
	if held := p.a.keep.now().PlanVersion; right && held != m.plan.Version {
		o.fault("it holds plan %d, and %d is the newest", held, m.plan.Version)
	}
}
