package seal_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"loa"
	"loa/seal"
)

const (
	day     = int64(24 * 60 * 60 * 1000)
	begin   = int64(1_772_000_000_000) // the province's delegation
	end     = begin + 365*day
	from    = begin + day // the commune's
	until   = end - day
	mid     = begin + 100*day
	aThing  = "application/vnd.loa.thing+json"
	commune = loa.Path("vn/01/00004")
)

// paper is one delegation and who seals it.
type paper struct {
	seal.Delegation
	by []seal.Key
	as string
}

// world is a root, the papers under it, one sealed document and what it asks:
// by default a chain root → province → commune that holds.
type world struct {
	root                                seal.Root
	province, commune, dispatch, beacon *paper
	more                                []*paper
	floor                               int64
	reverse                             bool

	as   string
	by   []seal.Key
	edit func(*seal.Envelope)
	need seal.Need
}

func newWorld() *world {
	all := []string{"normal", "priority", "emergency", "exercise"}
	d := func(role seal.Role, name string, path loa.Path, from, until int64, by string) *paper {
		return &paper{
			Delegation: seal.Delegation{Kind: "delegation", Role: role, Keys: texts(key(name)), Threshold: 1,
				Paths: []loa.Path{path}, Classes: all, From: from, Until: until, Epoch: 3},
			by: []seal.Key{key(by)}, as: seal.DelegationType,
		}
	}
	w := &world{
		root:     seal.Root{Name: "Gốc", Keys: texts(key("root")), Threshold: 1},
		province: d(seal.Authority, "province", "vn/01", begin, end, "root"),
		commune:  d(seal.Authority, "commune", commune, from, until, "province"),
		dispatch: d(seal.Dispatch, "dispatch", "vn/01", begin, end, "root"),
		beacon:   d(seal.Beacon, "beacon", "vn/01", begin, end, "root"),
		floor:    3,
		as:       aThing, by: []seal.Key{key("commune")},
		need: seal.Need{Type: aThing, Role: seal.Authority, Paths: []loa.Path{commune}, Class: "emergency", At: mid},
	}
	w.province.Delegate = true
	w.commune.Classes = []string{"normal", "emergency"}
	return w
}

func texts(keys ...seal.Key) (all []string) {
	for _, k := range keys {
		all = append(all, seal.EncodePublic(k.Public))
	}
	return all
}

// judge builds the chain, seals the document and says "ok" or why not.
func (w *world) judge(t *testing.T) string {
	t.Helper()
	var list [][]byte
	for _, p := range append([]*paper{w.province, w.commune, w.dispatch, w.beacon}, w.more...) {
		b, err := json.Marshal(p.Delegation)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, sealed(t, p.as, string(b), p.by...))
	}
	if w.reverse {
		slices.Reverse(list)
	}
	trust, err := seal.NewTrust(w.root, list, w.floor)
	if err != nil {
		return verdict(err)
	}
	b := sealed(t, w.as, `{"what":"a thing"}`, w.by...)
	if w.edit != nil {
		var env seal.Envelope
		if err := json.Unmarshal(b, &env); err != nil {
			t.Fatal(err)
		}
		w.edit(&env)
		if b, err = json.Marshal(env); err != nil {
			t.Fatal(err)
		}
	}
	o, err := seal.Open(b, seal.MaxDocument)
	if err != nil {
		return verdict(err)
	}
	return verdict(trust.Check(o, w.need))
}

func TestTrust(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*world)
		want string
	}{
		{"the chain holds", func(*world) {}, "ok"},
		{"delegations in any order", func(w *world) { w.reverse = true }, "ok"},
		{"the first millisecond", func(w *world) { w.need.At = from }, "ok"},
		{"the last millisecond", func(w *world) { w.need.At = until - 1 }, "ok"},
		{"the last millisecond of a lapse", func(w *world) { w.need.At, w.need.Lapse = until+99, 100 }, "ok"},
		{"a hamlet of the commune", func(w *world) { w.need.Paths = []loa.Path{commune + "/h/dong"} }, "ok"},
		{"a zone and a hamlet", func(w *world) { w.need.Paths = []loa.Path{commune + "/z/song", commune + "/h/dong"} }, "ok"},
		{"no class", func(w *world) { w.need.Class = "" }, "ok"},
		{"the province for its commune", func(w *world) { w.by = []seal.Key{key("province")} }, "ok"},
		{"the province for two communes", func(w *world) {
			w.by, w.need.Paths = []seal.Key{key("province")}, []loa.Path{commune, "vn/01/00005"}
		}, "ok"},
		{"dispatch as dispatch", func(w *world) { w.by, w.need.Role = []seal.Key{key("dispatch")}, seal.Dispatch }, "ok"},
		{"beacon as beacon", func(w *world) { w.by, w.need.Role = []seal.Key{key("beacon")}, seal.Beacon }, "ok"},

		// Keys
		{"a stranger's key", func(w *world) { w.by = []seal.Key{key("stranger")} }, "seal.unknown_key"},
		{"a stranger under a known key id", func(w *world) {
			w.by = []seal.Key{key("stranger")}
			w.edit = func(e *seal.Envelope) { e.Signatures[0].KeyID = key("commune").ID }
		}, "seal.unknown_key"},
		{"the root itself", func(w *world) { w.by = []seal.Key{key("root")} }, "seal.unknown_key"},
		{"nobody", func(w *world) { w.by = nil }, "seal.signatures"},
		{"a stranger beside the right key", func(w *world) { w.by = []seal.Key{key("commune"), key("stranger")} }, "seal.signatures"},
		{"the right key twice", func(w *world) {
			w.edit = func(e *seal.Envelope) { e.Signatures = append(e.Signatures, e.Signatures[0]) }
		}, "seal.form"},
		{"two holders that may, each alone", func(w *world) { w.by = []seal.Key{key("commune"), key("province")} }, "seal.signatures"},
		{"the payload changed", func(w *world) {
			w.edit = func(e *seal.Envelope) { e.Payload = "eyJ3aGF0IjoiYSB0aGluayJ9" }
		}, "seal.unknown_key"},

		// Places
		{"the sibling commune", func(w *world) { w.need.Paths = []loa.Path{"vn/01/00005"} }, "seal.wrong_path"},
		{"one digit more", func(w *world) { w.need.Paths = []loa.Path{"vn/01/000040"} }, "seal.wrong_path"},
		{"one digit less", func(w *world) { w.need.Paths = []loa.Path{"vn/01/0000"} }, "seal.wrong_path"},
		{"a segment that only begins alike", func(w *world) { w.need.Paths = []loa.Path{"vn/01/00004-h/dong"} }, "seal.wrong_path"},
		{"its province", func(w *world) { w.need.Paths = []loa.Path{"vn/01"} }, "seal.wrong_path"},
		{"the country", func(w *world) { w.need.Paths = []loa.Path{"vn"} }, "seal.wrong_path"},
		{"its own code in another province", func(w *world) { w.need.Paths = []loa.Path{"vn/02/00004"} }, "seal.wrong_path"},
		{"its own place and a sibling", func(w *world) { w.need.Paths = []loa.Path{commune, "vn/01/00005"} }, "seal.wrong_path"},
		{"an empty place", func(w *world) { w.need.Paths = []loa.Path{""} }, "seal.wrong_path"},
		{"no place", func(w *world) { w.need.Paths = nil }, "scope.empty"},
		{"vn/0 is not above vn/01", func(w *world) {
			w.province.Paths, w.commune.Paths = []loa.Path{"vn/0"}, []loa.Path{"vn/0/00004"}
		}, "seal.wrong_path"},
		{"vn/0 delegates vn/01", func(w *world) { w.province.Paths = []loa.Path{"vn/0"} }, "delegation.widens"},

		// Classes, dates, roles
		{"a class raised", func(w *world) { w.commune.Classes = []string{"normal", "priority"} }, "seal.wrong_class"},
		{"a class in capitals", func(w *world) { w.need.Class = "EMERGENCY" }, "seal.wrong_class"},
		{"an exercise", func(w *world) { w.need.Class = "exercise" }, "seal.wrong_class"},
		{"not yet", func(w *world) { w.need.At = from - 1 }, "seal.wrong_date"},
		{"no longer", func(w *world) { w.need.At = until }, "seal.wrong_date"},
		{"no longer, after a lapse", func(w *world) { w.need.At, w.need.Lapse = until+100, 100 }, "seal.wrong_date"},
		{"not yet, with a lapse", func(w *world) { w.need.At, w.need.Lapse = from-1, 100 }, "seal.wrong_date"},
		{"its parent no longer, too", func(w *world) { w.need.At = end }, "seal.wrong_date"},
		{"before all", func(w *world) { w.need.At = 0 }, "seal.wrong_date"},
		{"dispatch seals as authority", func(w *world) { w.by = []seal.Key{key("dispatch")} }, "seal.wrong_role"},
		{"beacon seals as authority", func(w *world) { w.by = []seal.Key{key("beacon")} }, "seal.wrong_role"},
		{"beacon seals as dispatch", func(w *world) { w.by, w.need.Role = []seal.Key{key("beacon")}, seal.Dispatch }, "seal.wrong_role"},
		{"dispatch seals as beacon", func(w *world) { w.by, w.need.Role = []seal.Key{key("dispatch")}, seal.Beacon }, "seal.wrong_role"},
		{"authority seals as dispatch", func(w *world) { w.need.Role = seal.Dispatch }, "seal.wrong_role"},
		{"another type sealed", func(w *world) { w.as = "application/vnd.loa.other+json" }, "document.wrong_type"},
		{"another type written on it", func(w *world) {
			w.as = "application/vnd.loa.other+json"
			w.edit = func(e *seal.Envelope) { e.PayloadType = aThing }
		}, "seal.unknown_key"},
		{"a delegation as a document", func(w *world) { w.as = seal.DelegationType }, "document.wrong_type"},

		// Thresholds
		{"one of two", func(w *world) { w.commune.Keys, w.commune.Threshold = texts(key("commune"), key("second")), 2 }, "seal.unknown_key"},
		{"two of two", func(w *world) {
			w.commune.Keys, w.commune.Threshold = texts(key("commune"), key("second")), 2
			w.by = []seal.Key{key("commune"), key("second")}
		}, "ok"},
		{"two of three", func(w *world) {
			w.commune.Keys, w.commune.Threshold = texts(key("commune"), key("second"), key("third")), 2
			w.by = []seal.Key{key("third"), key("commune")}
		}, "ok"},
		{"three where two are asked", func(w *world) {
			w.commune.Keys, w.commune.Threshold = texts(key("commune"), key("second"), key("third")), 2
			w.by = []seal.Key{key("third"), key("commune"), key("second")}
		}, "seal.signatures"},
		{"two, one of them a stranger", func(w *world) {
			w.commune.Keys, w.commune.Threshold = texts(key("commune"), key("second")), 2
			w.by = []seal.Key{key("commune"), key("stranger")}
		}, "seal.unknown_key"},
		{"one key under two key ids", func(w *world) {
			w.commune.Keys, w.commune.Threshold = texts(key("commune"), key("second")), 2
			w.edit = func(e *seal.Envelope) {
				e.Signatures = append(e.Signatures, seal.Signature{KeyID: key("second").ID, Sig: e.Signatures[0].Sig})
				slices.SortFunc(e.Signatures, func(a, b seal.Signature) int { return strings.Compare(a.KeyID, b.KeyID) })
			}
		}, "seal.unknown_key"},
		{"the root asks for two and one sealed", func(w *world) {
			w.root.Keys, w.root.Threshold = texts(key("root"), key("root 2"), key("root 3")), 2
		}, "seal.unknown_key"},
		{"the root asks for two and two sealed", func(w *world) {
			w.root.Keys, w.root.Threshold = texts(key("root"), key("root 2"), key("root 3")), 2
			for _, p := range []*paper{w.province, w.dispatch, w.beacon} {
				p.by = []seal.Key{key("root 3"), key("root")}
			}
		}, "ok"},
		{"a province of two keys delegates with one", func(w *world) {
			w.province.Keys, w.province.Threshold = texts(key("province"), key("second")), 2
		}, "seal.unknown_key"},

		// What a delegation may give
		{"a path beyond its parent's", func(w *world) { w.commune.Paths = []loa.Path{commune, "vn/02/00004"} }, "delegation.widens"},
		{"a path above its parent's", func(w *world) { w.commune.Paths = []loa.Path{"vn"} }, "delegation.widens"},
		{"a class beyond its parent's", func(w *world) { w.province.Classes = []string{"normal", "priority"} }, "delegation.widens"},
		{"from before its parent", func(w *world) { w.commune.From = begin - 1 }, "delegation.widens"},
		{"until after its parent", func(w *world) { w.commune.Until = end + 1 }, "delegation.widens"},
		{"exactly as long as its parent", func(w *world) { w.commune.From, w.commune.Until = begin, end }, "ok"},
		{"a parent that may not delegate", func(w *world) { w.province.Delegate = false }, "delegation.widens"},
		{"a dispatch key delegates", func(w *world) { w.dispatch.Delegate, w.commune.by = true, []seal.Key{key("dispatch")} }, "delegation.widens"},
		{"a beacon key delegates", func(w *world) { w.beacon.Delegate, w.commune.by = true, []seal.Key{key("beacon")} }, "delegation.widens"},
		{"a commune delegates to itself more", func(w *world) {
			more := *w.commune
			more.Classes, more.by = []string{"normal", "priority", "emergency"}, []seal.Key{key("commune")}
			w.more = []*paper{&more}
		}, "delegation.widens"},
		{"a delegation nobody above sealed", func(w *world) { w.commune.by = []seal.Key{key("stranger")} }, "seal.unknown_key"},
		{"two delegations that seal each other", func(w *world) {
			w.province.by, w.commune.Delegate = []seal.Key{key("commune")}, true
		}, "seal.unknown_key"},
		{"a delegation of another payload type", func(w *world) { w.commune.as = aThing }, "document.wrong_type"},
		{"a third level", func(w *world) {
			w.commune.Delegate = true
			hamlet := *w.commune
			hamlet.Keys, hamlet.Paths, hamlet.by = texts(key("hamlet")), []loa.Path{commune + "/h/dong"}, []seal.Key{key("commune")}
			w.more, w.by, w.need.Paths = []*paper{&hamlet}, []seal.Key{key("hamlet")}, hamlet.Paths
		}, "ok"},
		{"a key that two delegations name, the second of which may", func(w *world) {
			more := *w.commune
			more.Classes, more.by = []string{"exercise"}, []seal.Key{key("province")}
			w.more, w.need.Class = []*paper{&more}, "exercise"
		}, "ok"},

		// Revocation
		{"an epoch below the floor", func(w *world) { w.floor = 4 }, "delegation.revoked"},
		{"only the commune's below the floor", func(w *world) { w.commune.Epoch = 2 }, "delegation.revoked"},
		{"an epoch above the floor", func(w *world) { w.commune.Epoch = 9 }, "ok"},

		// Demonstrations
		{"a demonstration's root in a real province", func(w *world) { w.root.Demo = true }, "delegation.demo_only"},
		{"a demonstration's root in vn/97", func(w *world) { w.demo("vn/97", "vn/97/97001") }, "ok"},
		{"a demonstration's root in vn/98", func(w *world) { w.demo("vn/98", "vn/98/98001") }, "ok"},
		{"a demonstration's root in vn/99", func(w *world) { w.demo("vn/99", "vn/99/99001") }, "ok"},
		{"a demonstration's root in vn/96", func(w *world) { w.demo("vn/96", "vn/96/96001") }, "delegation.demo_only"},
		{"a demonstration's root in vn/970", func(w *world) { w.demo("vn/970", "vn/970/97001") }, "delegation.demo_only"},
		{"a demonstration's root in vn/9", func(w *world) { w.demo("vn/9", "vn/9/97001") }, "delegation.demo_only"},
		{"a demonstration's root in the country", func(w *world) { w.demo("vn", "vn/97/97001") }, "delegation.demo_only"},
		{"a demonstration's root in a real province beside vn/97", func(w *world) {
			w.demo("vn/97", "vn/97/97001")
			w.beacon.Paths = append(w.beacon.Paths, "vn/01")
		}, "delegation.demo_only"},

		// Malformed delegations
		{"version 1", func(w *world) { w.commune.V = 1 }, "delegation.malformed"},
		{"another kind", func(w *world) { w.commune.Kind = "warrant" }, "delegation.malformed"},
		{"another role", func(w *world) { w.commune.Role = "root" }, "delegation.malformed"},
		{"no role", func(w *world) { w.commune.Role = "" }, "delegation.malformed"},
		{"no keys", func(w *world) { w.commune.Keys = []string{} }, "delegation.malformed"},
		{"nine keys", func(w *world) {
			for _, n := range "abcdefgh" {
				w.commune.Keys = append(w.commune.Keys, texts(key(string(n)))...)
			}
		}, "delegation.malformed"},
		{"a key twice", func(w *world) { w.commune.Keys = texts(key("commune"), key("commune")) }, "delegation.malformed"},
		{"a key of 31 bytes", func(w *world) { w.commune.Keys = []string{"AAAA"} }, "key.malformed"},
		{"threshold 0", func(w *world) { w.commune.Threshold = 0 }, "delegation.malformed"},
		{"threshold 2 of one key", func(w *world) { w.commune.Threshold = 2 }, "delegation.malformed"},
		{"no paths", func(w *world) { w.commune.Paths = []loa.Path{} }, "delegation.malformed"},
		{"17 paths", func(w *world) { w.commune.Paths = slices.Repeat([]loa.Path{commune}, 17) }, "delegation.malformed"},
		{"an empty path", func(w *world) { w.commune.Paths = []loa.Path{""} }, "path.malformed"},
		{"a path with a wildcard", func(w *world) { w.commune.Paths = []loa.Path{"vn/01/+"} }, "path.malformed"},
		{"a path with dots", func(w *world) { w.commune.Paths = []loa.Path{"vn/01/00004/../00005"} }, "path.malformed"},
		{"no classes", func(w *world) { w.commune.Classes = []string{} }, "delegation.malformed"},
		{"nine classes", func(w *world) { w.commune.Classes = slices.Repeat([]string{"normal"}, 9) }, "delegation.malformed"},
		{"until before from", func(w *world) { w.commune.From, w.commune.Until = until, from }, "delegation.malformed"},
		{"until at from", func(w *world) { w.commune.Until = from }, "delegation.malformed"},
		{"an epoch below nought", func(w *world) { w.commune.Epoch, w.floor = -1, -2 }, "delegation.malformed"},
		{"something unknown", func(w *world) { w.commune.Ignorable = json.RawMessage(`{"a":1}`) }, "ok"},

		// Malformed roots
		{"a root without keys", func(w *world) { w.root.Keys = nil }, "delegation.malformed"},
		{"a root of threshold 0", func(w *world) { w.root.Threshold = 0 }, "delegation.malformed"},
		{"a root of threshold 2 with one key twice", func(w *world) {
			w.root.Keys, w.root.Threshold = texts(key("root"), key("root")), 2
		}, "delegation.malformed"},
		{"another root", func(w *world) { w.root.Keys = texts(key("stranger")) }, "seal.unknown_key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			c.do(w)
			if got := w.judge(t); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// demo moves the world into a place and makes its root a demonstration's.
func (w *world) demo(province, commune loa.Path) {
	w.root.Demo = true
	for _, p := range []*paper{w.province, w.dispatch, w.beacon} {
		p.Paths = []loa.Path{province}
	}
	w.commune.Paths, w.need.Paths = []loa.Path{commune}, []loa.Path{commune}
}

// TestTrustEmpty: a root alone believes nobody.
func TestTrustEmpty(t *testing.T) {
	w := newWorld()
	trust, err := seal.NewTrust(w.root, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if trust.Root().Fingerprint() != w.root.Fingerprint() {
		t.Error("the root is another")
	}
	o, err := seal.Open(sealed(t, aThing, "{}", key("root")), seal.MaxDocument)
	if err != nil {
		t.Fatal(err)
	}
	if got := verdict(trust.Check(o, w.need)); got != "seal.unknown_key" {
		t.Error(got)
	}
}

// TestFingerprint: an enrolment code carries its beginning, so it may not change
// between releases, and it must change with anything that matters.
func TestFingerprint(t *testing.T) {
	r := seal.Root{Name: "Gốc", Keys: texts(key("root"), key("root 2")), Threshold: 1}
	want := loa.Hash([]byte("loa root v0\n1 false\n" + r.Keys[0] + "\n" + r.Keys[1] + "\n"))
	if got := r.Fingerprint(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	renamed := r
	renamed.Name = "another"
	if renamed.Fingerprint() != want {
		t.Error("the name is no part of it")
	}
	for name, other := range map[string]seal.Root{
		"threshold": {Keys: r.Keys, Threshold: 2},
		"demo":      {Keys: r.Keys, Threshold: 1, Demo: true},
		"order":     {Keys: []string{r.Keys[1], r.Keys[0]}, Threshold: 1},
		"fewer":     {Keys: r.Keys[:1], Threshold: 1},
	} {
		if other.Fingerprint() == want {
			t.Errorf("%s does not show", name)
		}
	}
}
