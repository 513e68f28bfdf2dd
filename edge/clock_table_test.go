package edge

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"loa"
	"loa/seal"
	"loa/wire"
)

var updateClock = flag.Bool("clock.update", false, "write testdata/clock.txt anew")

// dated is a machine whose date is wrong by so much while its running clock is
// right, as after settimeofday: what time.Now gives then, bit for bit.
type dated struct {
	loa.WallClock
	by *atomic.Int64 // seconds
}

func (d dated) Now() time.Time {
	// A bubble's time has no running clock beside it, so one is laid in: 1 in the top
	// bit, 33 bits of seconds since 1885, 30 of nanoseconds; nanoseconds that ran
	// (package time, Time). Add would turn the running clock as well.
	const since1885 = (1969*365 + 1969/4 - 1969/100 + 1969/400 - (1884*365 + 1884/4 - 1884/100 + 1884/400)) * 86_400
	t := time.Now()
	at := (*struct {
		wall uint64
		ran  int64
	})(unsafe.Pointer(&t))
	ran := t.UnixNano() - dawn*1_000_000 + 1
	at.wall = 1<<63 | uint64(t.Unix()+d.by.Load()+since1885)<<30 | uint64(t.Nanosecond())
	at.ran = ran
	return t
}

// hour is one row of the table: what befalls a box an hour after all was well.
type hour struct {
	name    string
	date    time.Duration // how wrong the machine's date is from then on
	restart bool          // the program starts again, in the same boot
	reboot  bool          // the box does
	battery bool          // and has a battery clock
	node    time.Duration // how wrong the node's own clock is from then on
	mends   bool          // and an hour later the node's clock is right again
	noTime  bool          // time is not answered
	old     bool          // only the beacon of the first hour is ever said again
	lying   time.Duration // the date beacons carry is wrong by so much
	passes  time.Duration // before anything is due, instead of an hour
}

const year365 = 365 * 24 * time.Hour

func hours() []hour {
	nineteen70 := time.Unix(0, 0).Sub(time.UnixMilli(dawn))
	rows := []hour{{name: "nothing"}}
	for _, d := range []struct {
		name string
		by   time.Duration
	}{{"10 min ahead", 10 * time.Minute}, {"10 min behind", -10 * time.Minute}, {"7 h ahead (a zone)", 7 * time.Hour}, {"a year ahead", year365 + 24*time.Hour},
		{"a year behind", -year365}, {"in 1970", nineteen70}} {
		rows = append(rows,
			hour{name: "the date jumps, " + d.name, date: d.by},
			hour{name: "the program restarts, the date is " + d.name, date: d.by, restart: true},
			hour{name: "reboot, the battery clock is " + d.name, date: d.by, reboot: true, battery: true},
			hour{name: "reboot without a battery, the date is " + d.name, date: d.by, reboot: true})
	}
	rows = append(rows,
		hour{name: "the program restarts, the date is right", restart: true},
		hour{name: "reboot, the battery clock is right", reboot: true, battery: true},
		hour{name: "reboot, the battery clock is 1 s ahead", date: time.Second, reboot: true, battery: true},
		hour{name: "reboot, the battery clock is 2 h behind: before the last sealed time", date: -2 * time.Hour, reboot: true, battery: true},
		hour{name: "reboot, the battery clock is 364 days ahead", date: year365 - 24*time.Hour, reboot: true, battery: true},
		hour{name: "reboot without a battery, the date is right", reboot: true},
		hour{name: "25 h pass", passes: 25 * time.Hour},
		hour{name: "25 h pass and the box reboots with a battery", passes: 25 * time.Hour, reboot: true, battery: true},
		hour{name: "3 days pass", passes: 71 * time.Hour})
	var all []hour
	for _, h := range rows {
		all = append(all, h)
		h.name, h.noTime, h.old = h.name+"; no network", true, true
		all = append(all, h)
	}
	return append(all,
		hour{name: "no time is answered for 2 days", noTime: true, passes: 48 * time.Hour},
		hour{name: "the node's clock leaps 10 min ahead", node: 10 * time.Minute},
		hour{name: "the node's clock leaps 10 min ahead and back", node: 10 * time.Minute, mends: true},
		hour{name: "the node's clock falls 10 min behind", node: -10 * time.Minute},
		hour{name: "the node's clock falls 10 min behind and comes back", node: -10 * time.Minute, mends: true},
		hour{name: "the node's clock leaps a year ahead", node: year365},
		hour{name: "the node's clock leaps a year ahead and back", node: year365, mends: true},
		hour{name: "the node's clock falls a year behind", node: -year365},
		hour{name: "the node's clock falls a year behind and comes back", node: -year365, mends: true},
		hour{name: "beacons are dated a year ahead", lying: year365},
		hour{name: "beacons are dated a year behind", lying: -year365},
		hour{name: "one old beacon is said for ever", old: true},
	)
}

// TestClockTable (R-21, T-17) is the table of testdata/clock.txt, which a person
// can read: for each thing that can befall a clock, what becomes of a normal
// bulletin, a priority one, an exercise and an emergency, in the real agent. After
// a change that is meant: go test ./edge -run TestClockTable -clock.update.
//
// Whatever the table says, nothing sounds twice, nothing sounds outside its
// warrant by the box's clock, and nothing sounds while that is unknown.
func TestClockTable(t *testing.T) {
	t.Parallel()
	r, mp3 := newRealm(), tone(t, "0.6", "440")
	var b strings.Builder
	fmt.Fprintf(&b, "An hour after all was well, this befalls a box. An hour later (or when the row says) a normal bulletin and a priority one are planned,\n"+
		"and an exercise and an emergency reach it. \"+600 s\" is how late the first sample is by the true time. The last column is the state of\n"+
		"the clock then.\n\n%-84s %-26s %-26s %-26s %-26s %s\n", "what befalls", "normal", "priority", "exercise", "emergency", "clock")
	rows := hours()
	for _, h := range rows {
		synctest.Test(t, func(t *testing.T) {
			said, state := h.live(t, r, mp3)
			fmt.Fprintf(&b, "%-84s %-26s %-26s %-26s %-26s %s\n", h.name, said[0], said[1], said[2], said[3], state)
		})
	}
	if len(rows) < 60 {
		t.Errorf("%d rows are not the table", len(rows))
	}
	const name = "testdata/clock.txt"
	if *updateClock {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := must(os.ReadFile(name))
	if string(want) != b.String() {
		got := strings.Split(b.String(), "\n")
		for i, line := range strings.Split(string(want), "\n") {
			if i < len(got) && got[i] != line {
				t.Errorf("the table says\n%s\nand the agent does\n%s", line, got[i])
			}
		}
	}
}

// live is one row.
func (h hour) live(t *testing.T, r *realm, mp3 []byte) (said [4]string, state string) {
	n := newNode(r)
	phrases, sound := n.speaks(mp3), frames(mp3, 10)
	n.media[loa.Hash(sound)] = sound
	p := newPole(t, r, wire.Placement{Kind: "placement", Device: id("b1"), Pole: id("p1"), Code: "P1", Name: "pole", Version: 1, Paths: []loa.Path{commune + "/h/a"}, Cap: 90})
	by := &atomic.Int64{}
	p.clock = dated{by: by}
	if p.pull = 5 * time.Minute; h.passes > time.Hour {
		p.pull = 20 * time.Minute
	}
	away, lie, lying := false, time.Duration(0), time.Duration(0)
	n.clock = func() int64 { return time.Now().Add(lie).UnixMicro() }
	passes := max(h.passes, time.Hour)
	if h.mends {
		passes = 2 * time.Hour
	}
	due := dawn + int64((time.Hour+passes)/time.Millisecond)
	warrant := func(class wire.Class, seq int64) wire.Warrant {
		return wire.Warrant{Kind: "play", ID: id(fmt.Sprint("w", seq)), Class: class, Issuer: commune, Author: "p1", Title: string(class), Scope: []wire.Place{{Path: commune}},
			From: due - 1_800_000, Until: due + 1_800_000, PlaysDay: 1, Plays: 1, Cap: 90, Speech: "recorded", Approval: "passkey", Media: []wire.Media{mediaOf(sound)}}
	}
	var hashes [4]string
	planned := func(i int, w wire.Warrant) string {
		hashes[i] = n.add(r.seal(wire.WarrantType, w, r.authority))
		return hashes[i]
	}
	policy := n.add(r.seal(wire.PolicyType, wire.Policy{Kind: "policy", Path: commune, Version: 1, Volume: 80, From: 1, Until: 4e12, Hours: []wire.Hours{{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: 0, Until: 1440}}}, r.authority))
	plan := n.add(r.seal(wire.PlanType, wire.Plan{Kind: "plan", Path: commune, Version: 1, Made: dawn, Until: dawn + 73*3_600_000, Slots: []wire.Slot{
		{ID: "n", Warrant: planned(0, warrant(wire.Normal, 1)), Start: due}, {ID: "p", Warrant: planned(1, warrant(wire.Priority, 2)), Start: due + 30_000}}}, r.dispatch))
	number := int64(0)
	beacon := func() []byte {
		number++
		return must(seal.Seal(wire.BeaconType, must(wire.Encode(wire.Beacon{Kind: "beacon", Path: commune, Number: number, Time: max(1, time.Now().Add(lie+lying).UnixMilli()), Plan: plan, PlanVersion: 1,
			Now: []string{}, Policies: []string{policy}, Trust: r.hashes(), Phrases: phrases})), r.beacon))
	}
	p.answer = func(method, path string, body []byte) (int, []byte) {
		call, _, _ := strings.Cut(strings.TrimPrefix(path, "/device/v1/"), "/")
		switch {
		case away && h.old && h.noTime: // no network at all
			return 0, nil
		case away && call == "time" && h.noTime:
			return http.StatusServiceUnavailable, nil
		case call == "beacon" && (!away || !h.old):
			n.beacon = beacon()
		}
		return n.answer(method, path, body)
	}
	at := map[string]int64{}
	p.heard = func(j *job) {
		if at[j.hash] != 0 {
			t.Errorf("%s: %s sounded twice", h.name, j.warrant.Class)
		}
		at[j.hash] = now()
		if box := p.a.clock.millis(); box < j.warrant.From-5000 || box >= j.warrant.Until {
			t.Errorf("%s: %s sounded outside its warrant", h.name, j.warrant.Class)
		}
		if p.a.clock.state() == wire.ClockUnknown {
			t.Errorf("%s: %s sounded without the time", h.name, j.warrant.Class)
		}
	}
	var why [4]string
	p.said = func(b wire.Beat) {
		for i, hash := range hashes {
			if b.Warrant == hash && b.State == "refused" {
				why[i] = b.Why
			}
		}
	}
	p.on()
	time.Sleep(time.Hour)
	p.mu.Lock()
	away, lie, lying = true, h.node, h.lying
	by.Store(int64(h.date / time.Second))
	p.mu.Unlock()
	if h.restart || h.reboot {
		p.off()
		if h.reboot {
			began := time.Now()
			p.box = machine{boot: "2", up: func() time.Duration { return time.Since(began) }, battery: h.battery}
		}
		p.on()
	}
	rest := func(until int64) {
		if d := time.Duration(until-now()) * time.Millisecond; d > 0 {
			time.Sleep(d)
		}
		synctest.Wait()
	}
	if h.mends {
		rest(due - 3_600_000)
		p.mu.Lock()
		lie = 0
		p.mu.Unlock()
		rest(due - 60_000)
	}
	rest(due + 60_000)
	state = p.a.clock.state()
	for i, class := range []wire.Class{wire.Exercise, wire.Emergency} {
		w := warrant(class, int64(3+i))
		w.Now, w.Seq = true, int64(3+i)
		b := r.seal(wire.WarrantType, w, r.authority)
		hashes[2+i] = loa.Hash(b)
		for range 2 {
			p.push(p.a.nows, b)
			time.Sleep(3 * time.Second)
		}
	}
	rest(due + 1_200_000)
	for i, hash := range hashes {
		planned := []int64{due, due + 30_000, 0, 0}[i]
		switch {
		case at[hash] != 0 && planned != 0 && at[hash]-planned > 100:
			said[i] = fmt.Sprintf("%+d s", (at[hash]-planned)/1000)
		case at[hash] != 0 && planned != 0 && at[hash]-planned < -100:
			said[i] = fmt.Sprintf("%+d s", (at[hash]-planned)/1000)
		case at[hash] != 0:
			said[i] = "sounds"
		case why[i] != "":
			said[i] = why[i]
		default:
			said[i] = "silent"
		}
	}
	p.off()
	return said, state
}
