package wire_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/seal"
	"loa/wire"
)

// document is any kind of document, as the file says it.
type document interface{ Check() error }

func check[D document](limit int) func([]byte) (string, error) {
	return func(in []byte) (string, error) {
		var d D
		if err := seal.Decode(in, limit, &d); err != nil {
			return verdict(err), nil
		}
		return verdict(d.Check()), nil
	}
}

// TestDecode reads what a vendor reads: for each kind of document what is one
// and what is none.
func TestDecode(t *testing.T) {
	for kind, decide := range map[string]func([]byte) (string, error){
		"warrant":   func(in []byte) (string, error) { _, err := wire.ReadWarrant(in); return verdict(err), nil },
		"plan":      check[wire.Plan](wire.MaxPlan),
		"beacon":    check[wire.Beacon](seal.MaxDocument),
		"placement": func(in []byte) (string, error) { _, err := wire.ReadPlacement(in); return verdict(err), nil },
		"policy":    func(in []byte) (string, error) { _, err := wire.ReadPolicy(in); return verdict(err), nil },
		"receipt":   check[wire.Receipt](wire.MaxReceipt),
		"token":     check[wire.Token](seal.MaxDocument),
		"time":      check[wire.Time](seal.MaxDocument),
		"release":   func(in []byte) (string, error) { _, err := wire.ReadRelease(in); return verdict(err), nil },
		"phrases":   check[wire.PhraseSet](wire.MaxPhrases),
		"log":       check[wire.Log](wire.MaxLog),
		"beat":      func(in []byte) (string, error) { _, err := wire.ReadBeat(in); return verdict(err), nil },
	} {
		t.Run(kind, func(t *testing.T) { golden(t, "decode/"+kind+".txt", decide) })
	}
}

// TestRoundTrip: what Encode writes the decoder reads, field for field.
func TestRoundTrip(t *testing.T) {
	roundTrip(t, play(), seal.MaxDocument)
	roundTrip(t, siren(), seal.MaxDocument)
	roundTrip(t, halt(), seal.MaxDocument)
	roundTrip(t, plan(), wire.MaxPlan)
	roundTrip(t, beacon(), seal.MaxDocument)
	roundTrip(t, placement(), seal.MaxDocument)
	roundTrip(t, policy(), seal.MaxDocument)
	roundTrip(t, receipt(), wire.MaxReceipt)
	roundTrip(t, token(), seal.MaxDocument)
	roundTrip(t, clockTime(), seal.MaxDocument)
	roundTrip(t, beat(), seal.MaxDocument)
	roundTrip(t, release(), seal.MaxDocument)
	roundTrip(t, phrase(), seal.MaxDocument)
	roundTrip(t, relay(), seal.MaxDocument)
	roundTrip(t, live(), seal.MaxDocument)
	roundTrip(t, setting(), seal.MaxDocument)
	roundTrip(t, phrases(), wire.MaxPhrases)
	roundTrip(t, deviceLog(), wire.MaxLog)
	c := beacon()
	c.Phrases, c.Root = hash("phrases"), demoRoot().Fingerprint()
	roundTrip(t, c, seal.MaxDocument)
	w := play()
	w.Scope = []wire.Place{
		{Path: here, Area: &wire.Area{Polygon: []wire.Point{{Lat: 1, Lon: 2}, {Lat: 3, Lon: 4}, {Lat: -5, Lon: -6}}}},
		{Path: here, Area: &wire.Area{Centre: &wire.Point{Lat: 7, Lon: 8}, Radius: 9}},
	}
	w.Event, w.Ignore = "e", json.RawMessage(`{"later":[1]}`)
	w.Role, w.Media[0].Lang = wire.Greeting, "vi"
	roundTrip(t, w, seal.MaxDocument)
	p := plan()
	p.Slots[0].Poles, p.Mutes = []string{"HA-01"}, []wire.Mute{{Pole: "HA-01", From: 1, Until: 2}}
	roundTrip(t, p, wire.MaxPlan)
	l := placement()
	l.Hours, l.Volumes = []wire.Hours{everyDay(330, 1140)}, []wire.Volume{{From: 0, Until: 720, Percent: 35}}
	roundTrip(t, l, seal.MaxDocument)
	y := policy()
	y.Volumes, y.Mourning = l.Volumes, []wire.Span{{From: 1, Until: 2}}
	y.Exceptions = []wire.Exception{{From: 1, Until: 2, Reason: "r"}}
	roundTrip(t, y, seal.MaxDocument)
}

func roundTrip[D document](t *testing.T, want D, limit int) {
	t.Helper()
	var got D
	if err := seal.Decode(encode(t, want), limit, &got); err != nil {
		t.Fatalf("%T: %v", want, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := got.Check(); err != nil {
		t.Errorf("%T: %v", want, err)
	}
}

// TestLimits tries the lists that are too long to read in a file.
func TestLimits(t *testing.T) {
	many := func(n int, s string) (all []string) {
		for i := range n {
			all = append(all, hash(fmt.Sprint(s, i)))
		}
		return all
	}
	lines := func(n int) wire.Receipt {
		r := receipt()
		r.Lines = nil
		for i := range n {
			r.Lines = append(r.Lines, wire.Line{N: int64(i + 1), Warrant: hash("w"), Result: wire.Missed, Clock: wire.ClockTrusted})
		}
		return r
	}
	slots := func(n int) wire.Plan {
		p := plan()
		p.Slots = nil
		for i := range n {
			p.Slots = append(p.Slots, wire.Slot{ID: fmt.Sprint(i), Warrant: hash("w"), Start: 1})
		}
		return p
	}
	places := func(n int) wire.Warrant {
		w := play()
		w.Scope = slices.Repeat(w.Scope, n)
		return w
	}
	points := func(n int) wire.Warrant {
		w := play()
		w.Scope = []wire.Place{{Path: here, Area: &wire.Area{Polygon: make([]wire.Point, n)}}}
		return w
	}
	poles := func(n int) wire.Plan {
		p := plan()
		p.Slots[0].Poles = slices.Repeat([]string{strings.Repeat("A", wire.MaxCode)}, n)
		return p
	}
	mutes := func(n int) wire.Plan {
		p := plan()
		p.Mutes = slices.Repeat([]wire.Mute{{Pole: strings.Repeat("A", wire.MaxCode), From: 1, Until: 2}}, n)
		return p
	}
	exceptions := func(n int) wire.Policy {
		p := policy()
		p.Exceptions = slices.Repeat([]wire.Exception{{From: 1, Until: 2, Reason: strings.Repeat("ộ", 40)}}, n)
		return p
	}
	builds := func(n int) wire.Release {
		r := release()
		r.Builds = nil
		for i := range n {
			r.Builds = append(r.Builds, wire.Build{System: fmt.Sprintf("linux/%024d", i), Hash: hash("p"), Bytes: wire.MaxProgram})
		}
		return r
	}
	with := func(change func(*wire.Beacon)) wire.Beacon {
		b := beacon()
		change(&b)
		return b
	}
	for _, c := range []struct {
		name string
		doc  document
		want string
	}{
		{"1000 slots", slots(1000), "ok"},
		{"1001 slots", slots(1001), "plan.malformed"},
		{"64 poles", poles(64), "ok"},
		{"65 poles", poles(65), "plan.malformed"},
		{"256 mutes", mutes(256), "ok"},
		{"257 mutes", mutes(257), "plan.malformed"},
		{"8 exceptions", exceptions(8), "ok"},
		{"9 exceptions", exceptions(9), "policy.malformed"},
		{"100 lines", lines(100), "ok"},
		{"101 lines", lines(101), "receipt.malformed"},
		{"64 places", places(64), "ok"},
		{"65 places", places(65), "scope.too_many"},
		{"32 points", points(32), "ok"},
		{"33 points", points(33), "scope.malformed"},
		{"32 now warrants", with(func(b *wire.Beacon) { b.Now = many(32, "n") }), "ok"},
		{"33 now warrants", with(func(b *wire.Beacon) { b.Now = many(33, "n") }), "beacon.malformed"},
		{"8 policies", with(func(b *wire.Beacon) { b.Policies = many(8, "p") }), "ok"},
		{"9 policies", with(func(b *wire.Beacon) { b.Policies = many(9, "p") }), "beacon.malformed"},
		{"16 builds", builds(16), "ok"},
		{"17 builds", builds(17), "release.malformed"},
		{"12 delegations", with(func(b *wire.Beacon) { b.Trust = many(12, "d") }), "ok"},
		{"13 delegations", with(func(b *wire.Beacon) { b.Trust = many(13, "d") }), "beacon.malformed"},
	} {
		if got := verdict(c.doc.Check()); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	t.Run("what passes its check also fits its bytes", func(t *testing.T) {
		fullest := with(func(b *wire.Beacon) {
			b.Now, b.Policies, b.Trust = many(32, "n"), many(8, "p"), many(12, "d")
			b.Release = &wire.Offer{Hash: hash("release"), Share: 100}
			b.Phrases, b.Root = hash("phrases"), hash("root")
			b.Number, b.PlanVersion, b.Placements, b.Epoch, b.Mark = 1<<53-1, 1<<53-1, 1<<53-1, 1<<53-1, 1<<53-1
		})
		if n := len(encode(t, fullest)); n > seal.MaxDocument {
			t.Errorf("a full beacon has %d bytes", n)
		}
		if n := len(encode(t, builds(16))); n > seal.MaxDocument {
			t.Errorf("a release for 16 systems has %d bytes", n)
		}
		if n := len(encode(t, lines(100))); n > wire.MaxReceipt {
			t.Errorf("100 lines have %d bytes", n)
		}
		all := seal.MaxDocument
		w := play()
		w.Title = strings.Repeat("ộ", 66)
		w.Scope = nil
		for i := range 40 {
			w.Scope = append(w.Scope, wire.Place{Path: loa.Path(fmt.Sprintf("vn/97/97001/h/thon-%02d", i))})
		}
		if n := len(encode(t, w)); n > all {
			t.Errorf("a warrant of 40 hamlets has %d bytes", n)
		}
	})
	t.Run("a plan that is too large", func(t *testing.T) {
		p := slots(1000)
		for i := range p.Slots {
			p.Slots[i].Scope = []loa.Path{here + "/h/dong", here + "/h/tay"}
		}
		b := encode(t, p)
		var got wire.Plan
		if err := seal.Decode(b, wire.MaxPlan, &got); verdict(err) != "document.too_large" {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	})
}

func TestScopePaths(t *testing.T) {
	w := play()
	w.Scope = []wire.Place{{Path: here + "/h/dong"}, {Path: sibling}}
	if diff := cmp.Diff([]loa.Path{here, here + "/h/dong", sibling}, w.Paths()); diff != "" {
		t.Error(diff)
	}
	w.Media = append(w.Media, wire.Media{MS: 720})
	if w.MS() != 36_720 {
		t.Errorf("%d ms", w.MS())
	}
	if diff := cmp.Diff([]string{"normal", "priority", "emergency", "exercise"}, wire.Classes()); diff != "" {
		t.Error(diff)
	}
}

// FuzzReadBeat: a beat that is taken is bounded, and is the same when it is
// written again.
func FuzzReadBeat(f *testing.F) {
	f.Add(encode(f, beat()))
	f.Add([]byte(`{"v":0,"kind":"beat","device":"` + id("d1") + `","state":"idle","clock":"unknown"}`))
	f.Add([]byte(`{"v":0,"kind":"beat","KIND":"beat"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := wire.ReadBeat(b)
		if err != nil {
			return
		}
		if !loa.IsID(got.Device) || len(got.Slot)+len(got.Why)+len(got.Version)+len(got.Warrant)+len(got.Clock) > 4*64+8 {
			t.Fatalf("not bounded: %+v", got)
		}
		again, err := wire.ReadBeat(encode(t, got))
		if err != nil {
			t.Fatalf("written again it is refused: %v", err)
		}
		if again != got {
			t.Fatalf("written again it is %+v, not %+v", again, got)
		}
	})
}
