package wire_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/wire"
)

// TestDecide reads what a vendor reads: questions and decisions. Documents in
// them hold only the fields that matter.
func TestDecide(t *testing.T) {
	for file, decide := range map[string]func([]byte) (string, error){
		"scope": decideScope, "policy": decidePolicy, "slot": decideSlot, "muted": decideMuted, "mine": decideMine, "next": decideNext, "outranks": decideOutranks,
		"share": decideShare, "install": decideInstall,
		"cue": decideCue, "setting": decideSetting, "loudness": decideLoudness,
	} {
		t.Run(file, func(t *testing.T) { golden(t, "decide/"+file+".txt", decide) })
	}
}

func decideShare(in []byte) (string, error) {
	var q struct {
		Device, Release string
		Share           int
	}
	if err := question(in, &q); err != nil {
		return "", err
	}
	said := "not meant"
	if (wire.Offer{Hash: q.Release, Share: q.Share}).Meant(q.Device) {
		said = "meant"
	}
	return fmt.Sprintf("bucket %d, %s", wire.Bucket(q.Device, q.Release), said), nil
}

func decideInstall(in []byte) (string, error) {
	var q struct {
		Release wire.Release
		Program wire.Program
		Now     int64
	}
	if err := question(in, &q); err != nil {
		return "", err
	}
	b, err := wire.Install(q.Release, q.Program, q.Now)
	if err != nil {
		return verdict(err), nil
	}
	return "install " + b.Hash[:8], nil
}

func decideScope(in []byte) (string, error) {
	var q struct {
		Scope []wire.Place
		Paths []loa.Path
		At    *wire.Point
	}
	if err := question(in, &q); err != nil {
		return "", err
	}
	if err := wire.CheckScope(q.Scope); err != nil {
		return "", err
	}
	if wire.InScope(q.Scope, wire.Placement{Paths: q.Paths, At: q.At}) {
		return "in", nil
	}
	return "out", nil
}

func decidePolicy(in []byte) (string, error) {
	var q struct {
		Policies []wire.Policy
		Place    loa.Path
		Class    wire.Class
		Role     wire.Role
		Start    int64
		Local    string // start as people read it, checked
		MS       int64
	}
	if err := question(in, &q); err != nil {
		return "", err
	}
	if local := time.UnixMilli(q.Start).In(loa.Zone()).Format("Mon 2006-01-02 15:04:05.000"); local != q.Local {
		return "", fmt.Errorf("start is %s, not %s", local, q.Local)
	}
	return allowed(wire.PolicyAllows(q.Policies, q.Place, q.Class, q.Role, q.Start, q.MS)), nil
}

func allowed(a wire.Allowed) string {
	if a.Why != "" {
		return a.Why
	}
	return fmt.Sprintf("volume %d", a.Volume)
}

func decideSlot(in []byte) (string, error) {
	var q struct {
		Slot      wire.Slot
		Warrant   wire.Warrant
		Placement wire.Placement
		Policies  []wire.Policy
	}
	if err := question(in, &q); err != nil {
		return "", err
	}
	a, ok := wire.SlotAllowed(q.Slot, q.Warrant, q.Placement, q.Policies)
	if ok != (a.Why == "") {
		return "", fmt.Errorf("%v and %q", ok, a.Why)
	}
	return allowed(a), nil
}

func decideMuted(in []byte) (string, error) {
	var q struct {
		Mutes     []wire.Mute
		Placement wire.Placement
		Start, MS int64
	}
	if err := question(in, &q); err != nil {
		return "", err
	}
	if wire.Muted(q.Mutes, q.Placement, q.Start, q.MS) {
		return "muted", nil
	}
	return "not muted", nil
}

func decideMine(in []byte) (string, error) {
	var q struct {
		Slot  []loa.Path   // the slot's scope
		Poles []string     // and its poles
		Scope []wire.Place // the warrant's
		Paths []loa.Path
		Code  string
	}
	if err := question(in, &q); err != nil {
		return "", err
	}
	if wire.ForMe(wire.Slot{Scope: q.Slot, Poles: q.Poles}, wire.Warrant{Scope: q.Scope}, wire.Placement{Paths: q.Paths, Code: q.Code}) {
		return "mine", nil
	}
	return "not mine", nil
}

func decideNext(in []byte) (string, error) {
	var q struct {
		Slots []wire.Slot
		Now   int64
		Done  []string
	}
	if err := question(in, &q); err != nil {
		return "", err
	}
	s, ok := wire.Next(wire.Plan{Slots: q.Slots}, q.Now, func(id string) bool { return slices.Contains(q.Done, id) })
	if !ok {
		return "none", nil
	}
	return s.ID, nil
}

func decideOutranks(in []byte) (string, error) {
	var q struct{ A, B wire.Warrant }
	if err := question(in, &q); err != nil {
		return "", err
	}
	switch {
	case wire.Outranks(q.A, q.B):
		return "a silences b", nil
	case wire.Outranks(q.B, q.A):
		return "b silences a", nil
	}
	return "neither", nil
}

// TestOutranksIsAnOrder tries every pair and triple of warrants that differ in
// what Outranks may look at: no two silence each other, and if one silences a
// second that silences a third, it silences the third.
func TestOutranksIsAnOrder(t *testing.T) {
	var all []wire.Warrant
	for _, class := range wire.Classes() {
		for _, issuer := range []loa.Path{"vn", province, here, sibling} {
			for _, from := range []int64{1, 2} {
				for _, id := range []string{id("a"), id("b")} {
					for _, now := range []bool{false, true} {
						all = append(all, wire.Warrant{Class: wire.Class(class), Issuer: issuer, From: from, ID: id, Now: now})
					}
				}
			}
		}
	}
	for _, a := range all {
		if wire.Outranks(a, a) {
			t.Fatalf("silences itself: %+v", a)
		}
		if !a.Now && slices.ContainsFunc(all, func(b wire.Warrant) bool { return wire.Outranks(a, b) }) {
			t.Fatalf("silences without being a now warrant: %+v", a)
		}
		for _, b := range all {
			if !wire.Outranks(a, b) {
				continue
			}
			if wire.Outranks(b, a) {
				t.Fatalf("silence each other: %+v, %+v", a, b)
			}
			for _, c := range all {
				if wire.Outranks(b, c) && !wire.Outranks(a, c) {
					t.Fatalf("not passed on: %+v, %+v, %+v", a, b, c)
				}
			}
		}
	}
	// Of two now warrants that are not the same, one always silences the other:
	// otherwise which sounds would depend on which came first.
	for _, a := range all {
		for _, b := range all {
			same := a.Class == b.Class && a.From == b.From && a.ID == b.ID && len(a.Issuer.Up()) == len(b.Issuer.Up())
			if a.Now && b.Now && !same && !wire.Outranks(a, b) && !wire.Outranks(b, a) {
				t.Fatalf("undecided: %+v, %+v", a, b)
			}
		}
	}
}

// TestNextIsTheFirst compares Next with sorting.
func TestNextIsTheFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var p wire.Plan
		for i := range r.IntN(8) {
			p.Slots = append(p.Slots, wire.Slot{ID: fmt.Sprint(i), Start: int64(r.IntN(5))})
		}
		r.Shuffle(len(p.Slots), func(i, j int) { p.Slots[i], p.Slots[j] = p.Slots[j], p.Slots[i] })
		now, done := int64(r.IntN(5)), fmt.Sprint(r.IntN(8))
		left := slices.DeleteFunc(slices.Clone(p.Slots), func(s wire.Slot) bool { return s.Start < now || s.ID == done })
		slices.SortFunc(left, func(a, b wire.Slot) int {
			if a.Start != b.Start {
				return int(a.Start - b.Start)
			}
			return int(a.ID[0]) - int(b.ID[0])
		})
		got, ok := wire.Next(p, now, func(id string) bool { return id == done })
		if ok != (len(left) > 0) || ok && got.ID != left[0].ID {
			t.Fatalf("%+v at %d without %s: %+v, %v", p.Slots, now, done, got, ok)
		}
	}
}

// TestPolygonTiles cuts the plane into rectangles and a triangle pair that touch
// and asks every point of a grid: each lies in exactly one, so that two zones
// which share an edge never both sound nor both stay silent.
func TestPolygonTiles(t *testing.T) {
	pt := func(lat, lon int64) wire.Point { return wire.Point{Lat: lat, Lon: lon} }
	tiles := map[string][]wire.Point{
		"west":         {pt(0, 0), pt(8, 0), pt(8, 4), pt(0, 4)},
		"east lower":   {pt(0, 4), pt(0, 12), pt(8, 12)}, // a diagonal through lattice points
		"east upper":   {pt(0, 4), pt(8, 12), pt(8, 4)},
		"north, bent":  {pt(8, 0), pt(8, 4), pt(8, 12), pt(12, 12), pt(12, 6), pt(10, 6), pt(10, 0)},
		"north corner": {pt(10, 0), pt(10, 6), pt(12, 6), pt(12, 0)},
	}
	for lat := int64(-1); lat <= 13; lat++ {
		for lon := int64(-1); lon <= 13; lon++ {
			at := pt(lat, lon)
			var in []string
			for name, polygon := range tiles {
				for turn := range polygon { // which corner comes first does not matter, nor which way round
					turned := append(slices.Clone(polygon[turn:]), polygon[:turn]...)
					back := slices.Clone(turned)
					slices.Reverse(back)
					a, b := inside(polygon, at), inside(turned, at)
					if a != b || a != inside(back, at) {
						t.Fatalf("%s at %v: another answer from corner %d", name, at, turn)
					}
				}
				if inside(polygon, at) {
					in = append(in, name)
				}
			}
			want := 0
			if lat >= 0 && lat < 12 && lon >= 0 && lon < 12 {
				want = 1
			}
			if len(in) != want {
				t.Errorf("%v lies in %v", at, in)
			}
		}
	}
}

func inside(polygon []wire.Point, at wire.Point) bool {
	return wire.InScope([]wire.Place{{Path: "vn", Area: &wire.Area{Polygon: polygon}}}, wire.Placement{Paths: []loa.Path{here}, At: &at})
}

// TestExtremePolygon: corners of the earth do not overflow.
func TestExtremePolygon(t *testing.T) {
	earth := []wire.Point{{Lat: -90e6, Lon: -180e6}, {Lat: -90e6, Lon: 180e6}, {Lat: 90e6, Lon: 180e6}, {Lat: 90e6, Lon: -180e6}}
	for _, at := range []wire.Point{{}, {Lat: -90e6, Lon: -180e6}, {Lat: 90e6 - 1, Lon: 180e6 - 1}, {Lat: -90e6, Lon: 180e6 - 1}} {
		if !inside(earth, at) {
			t.Errorf("%v is not on earth", at)
		}
	}
}

func TestTopics(t *testing.T) {
	want := []string{
		"loa/0/beacon/vn/97/97001",
		"loa/0/now/vn/97/97001", "loa/0/now/vn/97", "loa/0/now/vn",
	}
	if diff := cmp.Diff(want, wire.Subscriptions(placement())); diff != "" {
		t.Error(diff)
	}
	if got := wire.BeatTopic(id("d1")); got != "loa/0/beat/"+id("d1") {
		t.Error(got)
	}
}

// TestQuietYear walks a year with random policies and random sounds, and asks
// another judge, who knows no calendar but counts minutes: a sound may be heard
// exactly if every minute it touches is ruled by some policy and open in each.
func TestQuietYear(t *testing.T) {
	r := rand.New(rand.NewPCG(2026, 3))
	var heard, refused int
	for world := range 60 {
		policies := randomPolicies(r)
		const sounds = 4 * 365
		for i := range sounds {
			start := today() + int64(i)*day/4 + r.Int64N(day/4)
			if r.IntN(3) == 0 {
				start -= start % minute // on the minute, where spans begin and end
			}
			ms := 1 + r.Int64N(20*minute)
			switch r.IntN(6) {
			case 0:
				ms = minute * (1 + r.Int64N(5))
			case 1:
				ms = hour + r.Int64N(30*hour)
			}
			class := []wire.Class{wire.Normal, wire.Priority, wire.Exercise}[r.IntN(3)]
			role := []wire.Role{wire.NoRole, wire.Music}[r.IntN(2)]
			want := count(policies, here+"/h/dong", role, start, ms)
			got := wire.PolicyAllows(policies, here+"/h/dong", class, role, start, ms)
			if (got.Why == "") != (want > 0) || got.Volume != want {
				t.Fatalf("world %d: %s for %d ms at %s: %+v, want volume %d\n%+v", world, class, ms,
					time.UnixMilli(start).In(loa.Zone()).Format("Mon 2006-01-02 15:04:05.000"), got, want, policies)
			}
			if want > 0 {
				heard++
			} else {
				refused++
			}
			if e := wire.PolicyAllows(policies, here, wire.Emergency, role, start, ms); e != (wire.Allowed{Volume: 100}) {
				t.Fatalf("an emergency is %+v", e)
			}
		}
	}
	t.Logf("%d sounds heard, %d refused", heard, refused)
	if heard < 5000 || refused < 5000 {
		t.Error("one of the two was hardly tried")
	}
}

// count is the other judge: the volume, 0 for silence.
func count(policies []wire.Policy, place loa.Path, role wire.Role, start, ms int64) int {
	volume := 100
	for m := start / minute; m <= (start+ms-1)/minute; m++ {
		ruled := false
		for _, p := range policies {
			if !p.Path.Covers(place) || m*minute < p.From || m*minute >= p.Until {
				continue
			}
			ruled = true
			local := m + 7*60
			weekday := int((local/1440+3)%7) + 1 // 1 January 1970 was a Thursday
			open := false
			for _, h := range p.Hours {
				at := int(local % 1440)
				open = open || slices.Contains(h.Days, weekday) && at >= h.From && at < h.Until
			}
			for _, e := range p.Exceptions {
				open = open || m*minute >= e.From && m*minute < e.Until
			}
			for _, s := range p.Mourning {
				open = open && (role != wire.Music || m*minute < s.From || m*minute >= s.Until)
			}
			if !open {
				return 0
			}
			volume = min(volume, p.Volume)
			for _, v := range p.Volumes {
				if at := int(local % 1440); at >= v.From && at < v.Until {
					volume = min(volume, v.Percent)
				}
			}
		}
		if !ruled {
			return 0
		}
	}
	return volume
}

// randomPolicies makes one to four, most of them for the place, whose dates and
// spans lie on whole minutes and often touch.
func randomPolicies(r *rand.Rand) (all []wire.Policy) {
	edges := []int{0, 180, 300, 420, 660, 780, 1020, 1140, 1320, 1439, 1440}
	for range 1 + r.IntN(4) {
		p := wire.Policy{
			Path: []loa.Path{"vn", province, here, here + "/h/dong", sibling}[r.IntN(5)], Volume: 20 * (1 + r.IntN(5)),
			From: today() - 10*day, Until: today() + 400*day,
		}
		if r.IntN(3) == 0 {
			p.From = today() + r.Int64N(200*1440)*minute
			p.Until = p.From + (1+r.Int64N(200*1440))*minute
		}
		for range 1 + r.IntN(5) {
			var days []int
			for d := 1; d <= 7; d++ {
				if r.IntN(5) > 0 {
					days = append(days, d)
				}
			}
			i := r.IntN(len(edges) - 1)
			until := edges[i+1+r.IntN(len(edges)-1-i)]
			p.Hours = append(p.Hours, wire.Hours{Days: days, From: edges[i], Until: until})
			if r.IntN(3) == 0 {
				p.Hours = append(p.Hours, everyDay(0, 1440))
			}
		}
		for range r.IntN(9) {
			from := today() + r.Int64N(365*1440)*minute
			p.Exceptions = append(p.Exceptions, wire.Exception{From: from, Until: from + (1+r.Int64N(720))*minute})
		}
		for range r.IntN(4) {
			from := today() + r.Int64N(365)*day
			p.Mourning = append(p.Mourning, wire.Span{From: from, Until: from + (1+r.Int64N(60))*day})
		}
		for range r.IntN(3) {
			i := r.IntN(len(edges) - 1)
			p.Volumes = append(p.Volumes, wire.Volume{From: edges[i], Until: edges[i+1+r.IntN(len(edges)-1-i)], Percent: 10 * (1 + r.IntN(10))})
		}
		all = append(all, p)
	}
	return all
}

// TestSlotMS: a slot's length is its readings and the silences between.
func TestSlotMS(t *testing.T) {
	w := wire.Warrant{Media: []wire.Media{{MS: 36_000}, {MS: 720}}}
	for repeat, want := range map[int]int64{0: 36_720, 1: 2*36_720 + 2000, 3: 4*36_720 + 3*2000} {
		if got := wire.SlotMS(wire.Slot{Repeat: repeat}, w); got != want {
			t.Errorf("repeat %d: %d ms, want %d", repeat, got, want)
		}
	}
}
