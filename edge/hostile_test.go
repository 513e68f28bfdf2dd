package edge

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"loa"
	"loa/seal"
	"loa/wire"
)

// TestHostile (S-03) gives everything between node and box to an attacker: he
// answers HTTP and speaks on the topics, and may drop, replay, reorder, modify and
// invent, with keys and delegations of his own. In a second kind of history he also
// holds the node's dispatch and beacon keys, so that he may make plans and beacons
// and say what time it is. No sound may come of it that no authority allowed: only
// the warrants it sealed, each byte as it was, in their places, within their dates
// by the box's clock, no oftener than they say, not after their stop, and (but for
// the emergency) within the sealed hours; without the node's keys also in no minute
// but the one a real plan names.
//
// Whole agents in a bubble. LOA_LONG=1 goes on for five minutes and says how many
// steps that were; TestHostileBroker is the many.
func TestHostile(t *testing.T) {
	t.Parallel()
	r := newRealm()
	mp3 := tone(t, "0.6", "440")
	long := os.Getenv("LOA_LONG") != ""
	for name, keys := range map[string]bool{"own keys": false, "the node's keys": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began, n, steps, sounds := time.Now(), 0, 0, 0
			for more := true; more && !t.Failed(); more = long && time.Since(began) < 4*time.Minute+45*time.Second {
				rapid.Check(t, func(rt *rapid.T) {
					e := &enemy{realm: r, keys: keys, deeds: rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) trick {
						return trick{rapid.IntRange(0, 11).Draw(rt, "do"), rapid.IntRange(0, 1<<16).Draw(rt, "a"), rapid.IntRange(0, 1<<16).Draw(rt, "b")}
					}), 20, 60).Draw(rt, "deeds")}
					synctest.Test(t, func(t *testing.T) { e.live(t, mp3, nil) })
					n, steps, sounds = n+1, steps+len(e.deeds)+e.asked, sounds+e.sounds
					if len(e.faults) > 0 {
						rt.Fatalf("%s\n%s", strings.Join(e.faults, "\n"), strings.Join(e.told, "\n"))
					}
				})
			}
			t.Logf("%d histories, %d hostile steps, %d authorised sounds, 0 others, in %.0f s", n, steps, sounds, time.Since(began).Seconds())
			if sounds == 0 {
				t.Error("nothing ever sounded: the attacker was not tried")
			}
		})
	}
}

// TestHostileBroker (S-03) is TestHostile by clockwork, which spares nothing here:
// every seal is computed, the time is asked for and answered, the state is written.
// LOA_LONG=1 goes on for four minutes; a million steps are
//
//	go test ./edge -run 'TestHostileBroker$' -rapid.checks=4000 -timeout 1h -v
func TestHostileBroker(t *testing.T) {
	t.Parallel()
	long := os.Getenv("LOA_LONG") != ""
	r := newRealm()
	mp3 := tone(t, "0.6", "440")
	for name, keys := range map[string]bool{"own keys": false, "the node's keys": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began, n, steps, sounds := time.Now(), 0, 0, 0
			for more := true; more && !t.Failed(); more = long && time.Since(began) < 4*time.Minute {
				rapid.Check(t, func(rt *rapid.T) {
					e := &enemy{realm: r, keys: keys, deeds: rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) trick {
						return trick{rapid.IntRange(0, 11).Draw(rt, "do"), rapid.IntRange(0, 1<<16).Draw(rt, "a"), rapid.IntRange(0, 1<<16).Draw(rt, "b")}
					}), 20, 60).Draw(rt, "deeds")}
					w := &clockwork{order: rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0)), at: time.UnixMilli(dawn)}
					e.live(t, mp3, w)
					n, steps, sounds = n+1, steps+len(e.deeds)+e.asked, sounds+e.sounds
					if len(e.faults) > 0 {
						rt.Fatalf("%s\n%s", strings.Join(e.faults, "\n"), strings.Join(e.told, "\n"))
					}
				})
			}
			t.Logf("%d histories, %d hostile steps, %d authorised sounds, 0 others, in %.0f s", n, steps, sounds, time.Since(began).Seconds())
			if sounds == 0 {
				t.Error("nothing ever sounded: the attacker was not tried")
			}
		})
	}
}

type trick struct{ do, a, b int }

// enemy is whoever stands between.
type enemy struct {
	realm  *realm
	keys   bool // he holds dispatch and beacon
	deeds  []trick
	faults []string
	told   []string
	asked  int
	sounds int

	p       *pole
	node    *node
	papers  map[string]wire.Warrant // what authorities sealed, by hash
	slots   map[string]wire.Slot    // of real plans
	caught  [][]byte                // every sealed byte he ever saw
	spoiled map[string]int          // call → how he answers it
	lie     int64                   // µs he adds to the time
	number  int64
	stopped map[string]int64
	starts  map[string]int
	cuts    int
}

func (e *enemy) fault(format string, v ...any) {
	e.faults = append(e.faults, fmt.Sprintf("at %d ms: ", e.p.now()-dawn)+fmt.Sprintf(format, v...))
}

// open is the hours that the authority sealed, 07:00 to 07:04 and from 07:10 on.
func (e *enemy) open(at int64) bool {
	minute := (at/60_000 + 7*60) % 1440
	return minute < 424 || minute >= 430
}

func (e *enemy) heard(j *job) {
	at := e.p.a.clock.millis()
	name := j.slot.ID
	if name == "" {
		name = j.hash
	}
	e.sounds++
	e.starts[name]++
	e.starts["plays "+j.hash]++
	w, ok := e.papers[j.hash]
	bad := func(why string) { e.fault("%q sounds (slot %q), and %s", w.Title, j.slot.ID, why) }
	switch {
	case !ok:
		bad("no authority sealed it")
		return
	case !strings.HasPrefix(string(commune)+"/h/a/", string(w.Scope[0].Path)+"/"):
		bad("it is for others")
	case at < w.From-5000 && (!e.keys || !w.Now) || at >= w.Until: // who says the time may set it back after it was taken in its time
		bad("its warrant does not hold")
	case e.stopped[j.hash] != 0 && e.stopped[j.hash] < e.p.now():
		bad("a stop holds")
	case w.Class != wire.Emergency && !e.open(at):
		bad("the hours are shut")
	case e.starts["plays "+j.hash] > w.Plays && w.Class != wire.Emergency || e.starts["plays "+j.hash] > min(3, 1+e.cuts) && w.Class == wire.Emergency:
		bad(fmt.Sprintf("that is play %d", e.starts["plays "+j.hash]))
	case w.Now != (j.slot.ID == ""):
		bad("it is of the other kind")
	case j.volume > w.Cap:
		bad("it is too loud")
	}
	if e.keys || j.slot.ID == "" {
		return
	}
	if s, ok := e.slots[j.slot.ID]; !ok || s.Warrant != j.hash || s.Start != j.slot.Start || e.p.now() < s.Start-100 || e.p.now() > s.Start+2100 {
		bad("no real plan says so")
	}
	if e.starts[j.slot.ID] > 1 {
		bad("it sounded before")
	}
}

func (e *enemy) live(t testing.TB, mp3 []byte, w *clockwork) {
	r := e.realm
	e.papers, e.slots, e.spoiled, e.stopped, e.starts = map[string]wire.Warrant{}, map[string]wire.Slot{}, map[string]int{}, map[string]int64{}, map[string]int{}
	n := newNode(r)
	e.node = n
	phrases := n.speaks(mp3)
	placement := wire.Placement{Kind: "placement", Device: id("b1"), Pole: id("p1"), Code: "P1", Name: "pole", Version: 1, Paths: []loa.Path{commune + "/h/a"}, Cap: 90}
	var p *pole
	if w == nil {
		p = newPole(t, r, placement)
	} else {
		p = newPoleAt(t, r, placement, w)
		p.work, w.pole = w, p
	}
	e.p = p
	seen := func(b []byte) string { e.caught = append(e.caught, b); return n.add(b) }
	paper := func(title string, frame int, change func(*wire.Warrant), k seal.Key) string {
		b := frames(mp3, frame)
		n.media[loa.Hash(b)] = b
		w := wire.Warrant{Kind: "play", ID: id(fmt.Sprint("w", frame)), Class: wire.Normal, Issuer: commune, Author: "p1", Title: title, Scope: []wire.Place{{Path: commune}},
			From: dawn - 3_600_000, Until: dawn + 3_600_000, Media: []wire.Media{mediaOf(b)}, PlaysDay: 2, Plays: 2, Cap: 70, Speech: "recorded", Approval: "passkey"}
		change(&w)
		sealed := r.seal(wire.WarrantType, w, k)
		e.papers[loa.Hash(sealed)] = w
		return seen(sealed)
	}
	urgent := func(seq, from, until int64) func(*wire.Warrant) {
		return func(w *wire.Warrant) {
			w.Class, w.Now, w.Seq, w.From, w.Until = wire.Emergency, true, seq, dawn+from*1000, dawn+until*1000
		}
	}
	normal := paper("tin", 5, func(*wire.Warrant) {}, r.authority)
	yesterday := paper("tin cũ", 6, func(w *wire.Warrant) { w.From, w.Until = dawn-172_800_000, dawn-86_400_000 }, r.authority)
	others := paper("tin xã bên", 7, func(w *wire.Warrant) { w.Issuer, w.Scope = neighbour, []wire.Place{{Path: neighbour}} }, r.sibling)
	live := paper("lũ", 8, urgent(5, 0, 600), r.authority)
	old := paper("lũ năm ngoái", 9, urgent(3, -400*86_400, -400*86_400+1800), r.authority)
	taken := paper("lũ nhầm", 10, urgent(6, 0, 600), r.authority)
	drill := paper("diễn tập", 11, func(w *wire.Warrant) { urgent(7, 0, 600)(w); w.Class = wire.Exercise }, r.authority)
	stop := wire.Warrant{Kind: "stop", ID: id("s1"), Class: wire.Emergency, Issuer: commune, Author: "p1", Title: "dừng", Scope: []wire.Place{{Path: commune}}, From: dawn, Until: dawn + 3_600_000,
		Now: true, Seq: 8, Stops: []string{taken}, Approval: "passkey"}
	sealedStop := r.seal(wire.WarrantType, stop, r.authority)
	stopHash := seen(sealedStop)
	policy := seen(r.seal(wire.PolicyType, wire.Policy{Kind: "policy", Path: commune, Version: 3, Volume: 80, From: 1, Until: 4e12,
		Hours: []wire.Hours{{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: 0, Until: 424}, {Days: []int{1, 2, 3, 4, 5, 6, 7}, From: 430, Until: 1440}}}, r.authority))
	for version := int64(1); version <= 3; version++ {
		plan := wire.Plan{Kind: "plan", Path: commune, Version: version, Made: dawn, Until: dawn + 3_600_000, Slots: []wire.Slot{}}
		for i, at := range []int64{20, 100, 300, 700} { // one of them in shut hours
			s := wire.Slot{ID: fmt.Sprintf("v%d-%d", version, i), Warrant: normal, Start: dawn + at*1000 + version*30_000}
			plan.Slots, e.slots[s.ID] = append(plan.Slots, s), s
		}
		hash := seen(r.seal(wire.PlanType, plan, r.dispatch))
		e.caught = append(e.caught, r.seal(wire.BeaconType, wire.Beacon{Kind: "beacon", Path: commune, Number: version * 10, Time: dawn, Plan: hash, PlanVersion: version,
			Now: []string{live, drill, stopHash}[:version], Policies: []string{policy}, Trust: r.hashes(), Placements: 1, Phrases: phrases}, r.beacon))
	}
	known := []string{normal, yesterday, others, live, old, taken, drill, stopHash, policy}
	n.beacon = e.caught[len(e.caught)-1]
	own := placement
	own.Key = seal.EncodePublic(p.key.Public)
	n.placement = r.seal(wire.PlacementType, own, r.authority)
	e.caught = append(e.caught, n.placement)
	n.clock = func() int64 { return p.clock.Now().UnixMicro() + e.lie }
	p.heard = e.heard
	p.answer = e.answer
	p.on()
	p.rest(0)
	e.number = 100
	for _, d := range e.deeds {
		pick := func(of [][]byte) []byte { return of[d.a%len(of)] }
		push := func(b []byte) {
			to := p.a.nows
			if d.b%2 == 0 {
				to = p.a.pushed
			}
			if bytes.Equal(b, sealedStop) && d.b%2 == 1 && p.a.clock.state() != wire.ClockUnknown && p.a.keep.now().Beacon.Number > 0 {
				if at := p.a.clock.millis(); at >= stop.From && at < stop.Until {
					e.stopped[taken] = e.p.now()
				}
			}
			p.push(to, b)
		}
		switch d.do {
		case 0, 1: // replay
			push(pick(e.caught))
		case 2: // modify
			push(e.bend(pick(e.caught), d.b))
		case 3: // invent, with his own keys
			push(e.invent(d, known, r.stranger, r.stranger))
		case 4: // with the node's keys, or pretending
			if e.keys {
				push(e.invent(d, known, r.dispatch, r.beacon))
			} else {
				push(e.invent(d, known, r.stranger, r.stranger))
			}
		case 5: // answer some calls otherwise from now on
			p.mu.Lock()
			e.spoiled[[]string{"beacon", "doc", "media", "placement", "trust", "time", "receipts"}[d.a%7]] = d.b % 6
			p.mu.Unlock()
		case 6: // answer honestly
			p.mu.Lock()
			clear(e.spoiled)
			p.mu.Unlock()
		case 7: // lie about the time
			if p.mu.Lock(); e.keys {
				e.lie = []int64{0, 0, 300, -300, 3600, -86_400, -90_000, -400 * 86_400, 30 * 86_400, 365 * 86_400}[d.a%10] * 1_000_000
			}
			p.mu.Unlock()
			p.rest(31 * time.Minute * time.Duration(d.b%2)) // until he is asked
		case 8:
			e.cuts++
			p.off()
			p.on()
		default:
			p.rest([]time.Duration{100 * time.Millisecond, time.Second, 10 * time.Second, time.Minute}[d.a%4])
		}
		p.rest(0)
	}
	p.off()
}

// bend changes a sealed document and leaves its seal.
func (e *enemy) bend(b []byte, how int) []byte {
	var env struct {
		Type       string          `json:"payloadType"`
		Payload    string          `json:"payload"`
		Signatures json.RawMessage `json:"signatures"`
	}
	if json.Unmarshal(b, &env) != nil {
		return b
	}
	payload, err := base64.StdEncoding.DecodeString(env.Payload)
	if err != nil || len(payload) == 0 {
		return b
	}
	swaps := [][2]string{{`"normal"`, `"emergency"`}, {`"until":9`, `"until":99`}, {`"plays":2`, `"plays":9`}, {`97002`, `97001`}, {`"seq":3`, `"seq":9`}, {`"stop"`, `"play"`},
		{`"now":false`, `"now":true`}, {`"version":1`, `"version":9`}, {`"number":10`, `"number":99`}, {`"cap":70`, `"cap":99`}, {`"exercise"`, `"emergency"`}}
	switch how % 3 {
	case 0:
		payload[how%len(payload)] ^= 1
	case 1:
		s := swaps[how%len(swaps)]
		payload = bytes.Replace(payload, []byte(s[0]), []byte(s[1]), 1)
	default:
		env.Type = []string{wire.WarrantType, wire.PlanType, wire.BeaconType, wire.PolicyType}[how%4]
	}
	env.Payload = base64.StdEncoding.EncodeToString(payload)
	return must(json.Marshal(env))
}

// invent makes a document of one kind or another.
func (e *enemy) invent(d trick, known []string, dispatch, beacon seal.Key) []byte {
	e.number++
	at := e.p.a.clock.millis()
	warrant := known[d.a%4]
	switch d.b % 4 {
	case 0:
		plan := wire.Plan{Kind: "plan", Path: commune, Version: e.number, Made: at, Until: at + 3_600_000, Slots: []wire.Slot{}}
		for i := range 4 {
			plan.Slots = append(plan.Slots, wire.Slot{ID: fmt.Sprintf("x%d-%d", e.number, i), Warrant: known[(d.a+i)%4], Start: at + 2000 + int64(i)*2500})
		}
		e.node.add(must(seal.Seal(wire.PlanType, must(wire.Encode(plan)), dispatch)))
		fallthrough
	case 1:
		c := wire.Beacon{Kind: "beacon", Path: commune, Number: e.number, Time: at, Now: []string{known[3], known[4], known[5], known[6]}[:d.a%5], Policies: []string{known[8]}[:min(1, d.a%4)], Trust: e.realm.hashes(), Placements: int64(1 + d.a%2)}
		if d.b%4 == 0 {
			for hash, b := range e.node.docs {
				if o, err := seal.Open(b, wire.MaxPlan); err == nil && o.Type == wire.PlanType && strings.Contains(string(o.Payload), fmt.Sprintf("x%d-0", e.number)) {
					c.Plan, c.PlanVersion = hash, e.number
				}
			}
		}
		b := must(seal.Seal(wire.BeaconType, must(wire.Encode(c)), beacon))
		e.caught = append(e.caught, b)
		return b
	case 2:
		w := e.papers[warrant]
		w.Class, w.Now, w.Seq, w.From, w.Until, w.Scope, w.Issuer, w.Role = wire.Emergency, true, e.number, at-1000, at+600_000, []wire.Place{{Path: commune}}, commune, ""
		return must(seal.Seal(wire.WarrantType, must(wire.Encode(w)), []seal.Key{e.realm.stranger, dispatch, beacon, e.realm.sibling, e.realm.minor}[d.a%5]))
	}
	del := seal.Delegation{Kind: "delegation", Role: seal.Authority, Keys: []string{seal.EncodePublic(e.realm.stranger.Public)}, Threshold: 1, Paths: []loa.Path{"vn/97"},
		Classes: wire.Classes(), From: 1, Until: 4e12, Delegate: true}
	b := must(seal.Seal(seal.DelegationType, must(wire.Encode(del)), e.realm.stranger))
	e.node.add(b)
	c := wire.Beacon{Kind: "beacon", Path: commune, Number: e.number, Time: at, Now: []string{}, Policies: []string{}, Trust: append(e.realm.hashes(), loa.Hash(b)), Epoch: int64(d.a % 2)}
	return must(seal.Seal(wire.BeaconType, must(wire.Encode(c)), beacon))
}

// answer is what comes over HTTP.
func (e *enemy) answer(method, path string, body []byte) (int, []byte) {
	e.asked++
	call, _, _ := strings.Cut(strings.TrimPrefix(path, "/device/v1/"), "/")
	status, b := e.node.answer(method, path, body)
	switch e.spoiled[call] {
	case 1:
		return 0, nil
	case 2:
		return http.StatusOK, e.caught[e.asked%len(e.caught)] // another document
	case 3:
		return http.StatusOK, e.bend(b, e.asked)
	case 4:
		return http.StatusOK, bytes.Repeat([]byte("A"), 300_000)
	case 5:
		if len(b) > 40 {
			return status, b[:len(b)/2]
		}
	}
	return status, b
}

// TestFreeze (S-03, T-27): whoever lets the box talk, but repeats one beacon and
// keeps every newer one back, is noticed within 15 minutes: each beat says so.
func TestFreeze(t *testing.T) {
	t.Parallel()
	r := newRealm()
	for _, way := range []string{"pushed again and again", "pulled"} {
		synctest.Test(t, func(t *testing.T) {
			n := newNode(r)
			n.beacon = r.seal(wire.BeaconType, wire.Beacon{Kind: "beacon", Path: commune, Number: 1, Time: dawn, Now: []string{}, Policies: []string{}, Trust: r.hashes()}, r.beacon)
			p := newPole(t, r, wire.Placement{Kind: "placement", Device: id("b1"), Pole: id("p1"), Code: "P1", Name: "pole", Version: 1, Paths: []loa.Path{commune + "/h/a"}, Cap: 90})
			p.answer, p.heard = n.answer, func(*job) {}
			var said time.Duration
			p.said = func(b wire.Beat) {
				if b.Why == "beacon.stale" && said == 0 {
					said = time.Duration(now()-dawn) * time.Millisecond
				}
			}
			p.on()
			for range 40 {
				time.Sleep(30 * time.Second)
				if way != "pulled" {
					p.push(p.a.pushed, n.beacon)
				}
			}
			if said == 0 || said > 15*time.Minute {
				t.Errorf("%s: said after %v", way, said)
			}
			t.Logf("%s: said after %v", way, said)
			p.off()
		})
	}
}
