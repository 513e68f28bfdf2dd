package wire_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"loa"
	"loa/seal"
	"loa/wire"
)

// update writes testdata/vectors anew. From version 1 of the protocol on, files
// are only added.
//
//	go test ./wire -run TestVectors -update
var update = flag.Bool("update", false, "write testdata/vectors")

// chain is a root with sealed delegations, as a device holds them.
type chain struct {
	Root        seal.Root `json:"root"`
	Delegations [][]byte  `json:"delegations"`
	Floor       int64     `json:"floor"` // revocation epoch
}

// vector is one sealed document and what every verifier must say of it.
type vector struct {
	Name     string   `json:"name"`
	Chain    string   `json:"chain,omitempty"`
	Now      int64    `json:"now"`             // UTC ms
	Place    loa.Path `json:"place,omitempty"` // whose time it is
	Key      string   `json:"key,omitempty"`   // of the device
	Envelope []byte   `json:"envelope"`
	Expected string   `json:"expected"`
}

// vectors is one file.
type vectors struct {
	Kind    string           `json:"kind"`
	Chains  map[string]chain `json:"chains,omitempty"`
	Vectors []vector         `json:"vectors"`
}

// judge is what a verifier does with a vector of a kind.
func (v vector) judge(t *testing.T, kind string, chains map[string]chain) string {
	t.Helper()
	device := func(string) (ed25519.PublicKey, error) { return seal.DecodePublic(v.Key) }
	switch kind {
	case "receipt":
		_, err := wire.OpenReceipt(v.Envelope, device)
		return verdict(err)
	case "token":
		_, err := wire.OpenToken(v.Envelope, v.Now, device)
		return verdict(err)
	case "log":
		_, err := wire.OpenLog(v.Envelope, device)
		return verdict(err)
	}
	c, ok := chains[v.Chain]
	if !ok {
		t.Fatalf("no chain %s", v.Chain)
	}
	if kind == "root" {
		_, err := seal.Follow(c.Root, v.Envelope)
		return verdict(err)
	}
	trust, err := seal.NewTrust(c.Root, c.Delegations, c.Floor)
	if kind == "chain" {
		return verdict(err)
	}
	if err != nil {
		t.Fatalf("chain %s: %v", v.Chain, err)
	}
	switch kind {
	case "warrant":
		_, err = wire.OpenWarrant(trust, v.Envelope, v.Now)
	case "plan":
		_, err = wire.OpenPlan(trust, v.Envelope, v.Now)
	case "beacon":
		_, err = wire.OpenBeacon(trust, v.Envelope, v.Now)
	case "placement":
		_, err = wire.OpenPlacement(trust, v.Envelope, v.Now)
	case "policy":
		_, err = wire.OpenPolicy(trust, v.Envelope, v.Now)
	case "release":
		_, err = wire.OpenRelease(trust, v.Envelope, v.Place, v.Now)
	case "phrases":
		_, err = wire.OpenPhrases(trust, v.Envelope, v.Now)
	case "time":
		_, err = wire.OpenTime(trust, v.Envelope, v.Place, v.Now)
	default:
		t.Fatalf("no kind %s", kind)
	}
	return verdict(err)
}

// TestVectors has every vector on disk judged, and finds each file as it would
// be written today: seeds, dates and Ed25519 leave nothing to chance.
func TestVectors(t *testing.T) {
	made := makeVectors(t)
	names, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != len(made) && !*update {
		t.Errorf("%d files, want %d", len(names), len(made))
	}
	for _, file := range made {
		t.Run(file.Kind, func(t *testing.T) {
			want, err := json.MarshalIndent(file, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, '\n')
			name := filepath.Join("testdata", "vectors", file.Kind+".json")
			if *update {
				if err := os.WriteFile(name, want, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b, want) {
				t.Errorf("%s is not what is made today; was that meant? then -update", name)
			}
			var held vectors
			if err := json.Unmarshal(b, &held); err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for _, v := range held.Vectors {
				if seen[v.Name] {
					t.Errorf("two vectors are named %q", v.Name)
				}
				seen[v.Name] = true
				if got := v.judge(t, held.Kind, held.Chains); got != v.Expected {
					t.Errorf("%s: %s, want %s", v.Name, got, v.Expected)
				}
			}
		})
	}
}

// scribe collects the vectors of one kind.
type scribe struct {
	t    *testing.T
	as   string // payload type
	by   string // the key that may
	file *vectors
}

// option changes how one vector is made.
type option func(*draft)

type draft struct {
	chain   string
	now     int64
	place   loa.Path
	key     string
	as      string
	by      []seal.Key
	payload func([]byte) []byte
	edit    func([]byte) []byte
}

func under(chain string) option { return func(d *draft) { d.chain = chain } }
func at(now int64) option       { return func(d *draft) { d.now = now } }
func as(kind string) option     { return func(d *draft) { d.as = kind } }
func of(place loa.Path) option  { return func(d *draft) { d.place = place } }
func by(names ...string) option {
	return func(d *draft) {
		d.by = nil
		for _, n := range names {
			d.by = append(d.by, key(n))
		}
	}
}

// written replaces text in the payload before it is sealed.
func written(old, fresh string) option {
	return func(d *draft) { d.payload = replace(old, fresh) }
}

// after replaces text in the envelope after it was sealed.
func after(edit func([]byte) []byte) option { return func(d *draft) { d.edit = edit } }

func replace(old, fresh string) func([]byte) []byte {
	return func(b []byte) []byte {
		if !bytes.Contains(b, []byte(old)) {
			panic("no " + old + " in " + string(b))
		}
		return bytes.Replace(b, []byte(old), []byte(fresh), 1)
	}
}

// reopened changes an envelope's parts and writes it again.
func reopened(change func(*seal.Envelope)) func([]byte) []byte {
	return func(b []byte) []byte {
		var env seal.Envelope
		if err := json.Unmarshal(b, &env); err != nil {
			panic(err)
		}
		change(&env)
		b, err := json.Marshal(env)
		if err != nil {
			panic(err)
		}
		return b
	}
}

// repacked changes a sealed payload without sealing it again.
func repacked(old, fresh string) func([]byte) []byte {
	return reopened(func(e *seal.Envelope) {
		b, err := base64.StdEncoding.DecodeString(e.Payload)
		if err != nil {
			panic(err)
		}
		e.Payload = base64.StdEncoding.EncodeToString(replace(old, fresh)(b))
	})
}

func (s scribe) add(name, expected string, doc any, options ...option) {
	s.t.Helper()
	d := draft{chain: "usual", now: today() + 8*hour, as: s.as, by: []seal.Key{key(s.by)}}
	switch s.file.Kind {
	case "receipt", "token", "log":
		d.chain, d.key = "", text("device")
	case "time", "release":
		d.place = here
	}
	for _, o := range options {
		o(&d)
	}
	payload := encode(s.t, doc)
	if d.payload != nil {
		payload = d.payload(payload)
	}
	b := sealed(s.t, d.as, payload, d.by...)
	if d.edit != nil {
		b = d.edit(b)
	}
	s.file.Vectors = append(s.file.Vectors,
		vector{Name: name, Chain: d.chain, Now: d.now, Place: d.place, Key: d.key, Envelope: b, Expected: expected})
}

func makeVectors(t *testing.T) []vectors {
	chains := makeChains(t)
	all := []vectors{chainVectors(t)}
	for _, k := range []struct {
		kind, as, by string
		write        func(scribe)
	}{
		{"warrant", wire.WarrantType, "commune", func(s scribe) { writeWarrants(s); writeKinds(s) }},
		{"plan", wire.PlanType, "dispatch", writePlans},
		{"beacon", wire.BeaconType, "beacon", writeBeacons},
		{"placement", wire.PlacementType, "commune", writePlacements},
		{"policy", wire.PolicyType, "province", writePolicies},
		{"time", wire.TimeType, "beacon", writeTimes},
		{"receipt", wire.ReceiptType, "device", writeReceipts},
		{"token", wire.TokenType, "device", writeTokens},
		{"release", wire.ReleaseType, "release", writeReleases},
		{"phrases", wire.PhrasesType, "province", writePhrases},
		{"log", wire.LogType, "device", writeLogs},
		{"root", seal.RootType, "root", writeRoots},
	} {
		file := vectors{Kind: k.kind, Chains: map[string]chain{}}
		k.write(scribe{t, k.as, k.by, &file})
		mutants(scribe{t, k.as, k.by, &file})
		for _, v := range file.Vectors {
			if v.Chain != "" {
				file.Chains[v.Chain] = chains[v.Chain]
			}
		}
		all = append(all, file)
	}
	return all
}

// deed is a delegation and who seals it.
type deed struct {
	seal.Delegation
	by []string
	as string
}

func give(role seal.Role, to string, path loa.Path, by ...string) deed {
	d := deed{by: by, as: seal.DelegationType, Delegation: seal.Delegation{
		Kind: "delegation", Role: role, Keys: []string{text(to)}, Threshold: 1, Paths: []loa.Path{path},
		Classes: wire.Classes(), From: today() - 30*day, Until: today() + 300*day, Epoch: 1,
	}}
	if to == "province" {
		d.Delegate, d.From, d.Until = true, today()-60*day, today()+365*day
	}
	return d
}

// usual is root → province → two communes, dispatch and beacon beside them.
func usual() []deed {
	return []deed{
		give(seal.Authority, "province", province, "root"),
		give(seal.Authority, "commune", here, "province"),
		give(seal.Authority, "sibling", sibling, "province"),
		give(seal.Dispatch, "dispatch", province, "root"),
		give(seal.Beacon, "beacon", province, "root"),
	}
}

// released is usual with two of three release keys beside it.
func released() []deed {
	d := give(seal.Release, "release", province, "root")
	d.Keys, d.Threshold = []string{text("release"), text("release 2"), text("release 3")}, 2
	return append(usual(), d)
}

func demoRoot() seal.Root {
	return seal.Root{Name: "Gốc thử nghiệm", Keys: []string{text("root")}, Threshold: 1, Demo: true}
}

func makeChain(t *testing.T, deeds []deed, change func(*chain)) chain {
	c := chain{Root: demoRoot(), Floor: 1}
	for _, d := range deeds {
		var keys []seal.Key
		for _, name := range d.by {
			keys = append(keys, key(name))
		}
		c.Delegations = append(c.Delegations, sealed(t, d.as, encode(t, d.Delegation), keys...))
	}
	if change != nil {
		change(&c)
	}
	return c
}

func makeChains(t *testing.T) map[string]chain {
	with := func(change func([]deed) []deed) chain { return makeChain(t, change(usual()), nil) }
	all := map[string]chain{
		"usual": with(func(d []deed) []deed { return d }),
		"normal only": with(func(d []deed) []deed {
			d[1].Classes = []string{"normal"}
			return d
		}),
		"two keys": with(func(d []deed) []deed {
			d[1].Keys, d[1].Threshold = []string{text("commune"), text("second"), text("third")}, 2
			return d
		}),
		"a hamlet": with(func(d []deed) []deed {
			d[1].Paths = []loa.Path{here + "/h/dong"}
			return d
		}),
		"a release key":    makeChain(t, append(usual(), give(seal.Release, "release", province, "root")), nil),
		"two release keys": makeChain(t, released(), nil),
		"no commune":       with(func(d []deed) []deed { return slices.Delete(d, 1, 2) }),
		"two keys above": with(func(d []deed) []deed {
			d[0].Keys, d[0].Threshold = []string{text("province"), text("province 2"), text("province 3")}, 2
			d[1].by, d[2].by = []string{"province 2", "province 3"}, []string{"province", "province 3"}
			d[3].Keys, d[3].Threshold = []string{text("dispatch"), text("dispatch 2"), text("dispatch 3")}, 2
			return d
		}),
		"two keys in turn": with(func(d []deed) []deed {
			next := give(seal.Authority, "commune, next", here, "province")
			next.From, d[1].Until = today()+10*day, today()+20*day
			return append(d, next)
		}),
		"epoch 2": makeChain(t, func() []deed {
			d := usual()
			for i := range d {
				d[i].Epoch = 2
			}
			d[1] = give(seal.Authority, "commune, next", here, "province")
			d[1].Epoch = 2
			return d
		}(), func(c *chain) { c.Floor = 2 }),
		"after the rotation": makeChain(t, nil, func(c *chain) {
			c.Root, c.Delegations = nation(), [][]byte{}
			c.Root.Version = 1
		}),
		"a root of three, version 4": makeChain(t, nil, func(c *chain) { c.Root, c.Delegations = secondRoot(), [][]byte{} }),
	}
	mutantChains(t, all)
	return all
}

// chainVectors are chains that hold or do not, without a document.
func chainVectors(t *testing.T) vectors {
	file := vectors{Kind: "chain", Chains: map[string]chain{}}
	add := func(name, expected string, change func([]deed) []deed, and func(*chain)) {
		file.Chains[name] = makeChain(t, change(usual()), and)
		file.Vectors = append(file.Vectors, vector{Name: name, Chain: name, Now: today(), Envelope: []byte{}, Expected: expected})
	}
	commune := func(change func(*deed)) func([]deed) []deed {
		return func(d []deed) []deed { change(&d[1]); return d[:2] }
	}
	whole := func(d []deed) []deed { return d }
	add("root, province, communes, dispatch, beacon", "ok", whole, nil)
	add("in the other order", "ok", func(d []deed) []deed { slices.Reverse(d); return d }, nil)
	add("no delegations", "ok", func([]deed) []deed { return nil }, func(c *chain) { c.Delegations = [][]byte{} })
	add("a path beside its parent's", "delegation.widens", commune(func(d *deed) { d.Paths = []loa.Path{"vn/98/97001"} }), nil)
	add("a path above its parent's", "delegation.widens", commune(func(d *deed) { d.Paths = []loa.Path{"vn"} }), nil)
	add("a path that only begins like its parent's", "delegation.widens", commune(func(d *deed) { d.Paths = []loa.Path{"vn/970/97001"} }), nil)
	add("a class its parent has not", "delegation.widens", commune(func(d *deed) { d.Classes = []string{"normal", "command"} }), nil)
	add("from before its parent", "delegation.widens", commune(func(d *deed) { d.From = today() - 61*day }), nil)
	add("until after its parent", "delegation.widens", commune(func(d *deed) { d.Until = today() + 366*day }), nil)
	add("a parent that may not delegate", "delegation.widens", func(d []deed) []deed { d[0].Delegate = false; return d[:2] }, nil)
	add("a dispatch key that delegates", "delegation.widens", func(d []deed) []deed {
		d[3].Delegate, d[1].by = true, []string{"dispatch"}
		return []deed{d[3], d[1]}
	}, nil)
	add("sealed by nobody above", "seal.unknown_key", commune(func(d *deed) { d.by = []string{"stranger"} }), nil)
	add("sealed as another kind of document", "document.wrong_type", commune(func(d *deed) { d.as = wire.WarrantType }), nil)
	add("from an epoch below the floor", "delegation.revoked", commune(func(d *deed) { d.Epoch = 0 }), nil)
	add("all from an epoch below the floor", "delegation.revoked", func(d []deed) []deed { return d[:1] }, func(c *chain) { c.Floor = 2 })
	add("a demonstration's root outside its provinces", "delegation.demo_only", func(d []deed) []deed { d[0].Paths = []loa.Path{"vn/01"}; return d[:1] }, nil)
	add("a demonstration's root over the country", "delegation.demo_only", func(d []deed) []deed { d[0].Paths = []loa.Path{"vn"}; return d[:1] }, nil)
	add("a demonstration's root over vn/9", "delegation.demo_only", func(d []deed) []deed { d[0].Paths = []loa.Path{"vn/9"}; return d[:1] }, nil)
	add("a root of three, two of which must agree, and one did", "seal.unknown_key", whole, func(c *chain) {
		c.Root.Keys, c.Root.Threshold = []string{text("root"), text("root 2"), text("root 3")}, 2
	})
	add("a root of three, two of which agreed", "ok", func(d []deed) []deed { d[0].by = []string{"root 3", "root"}; return d[:2] }, func(c *chain) {
		c.Root.Keys, c.Root.Threshold = []string{text("root"), text("root 2"), text("root 3")}, 2
	})
	add("two of three above gave it on", "ok", func(d []deed) []deed {
		d[0].Keys, d[0].Threshold = []string{text("province"), text("province 2"), text("province 3")}, 2
		d[1].by = []string{"province 3", "province"}
		return d[:2]
	}, nil)
	add("one of three above gave it on", "seal.unknown_key", func(d []deed) []deed {
		d[0].Keys, d[0].Threshold = []string{text("province"), text("province 2"), text("province 3")}, 2
		return d[:2]
	}, nil)
	add("all three above gave it on", "ok", func(d []deed) []deed {
		d[0].Keys, d[0].Threshold = []string{text("province"), text("province 2"), text("province 3")}, 2
		d[1].by = []string{"province", "province 2", "province 3"}
		return d[:2]
	}, nil)
	add("two delegations that overlap", "ok", func(d []deed) []deed {
		next := give(seal.Authority, "commune, next", here, "province")
		next.From, d[1].Until = today()+10*day, today()+20*day
		return append(d[:2], next)
	}, nil)
	add("the parent from an epoch below the floor, the child not", "seal.unknown_key", commune(func(d *deed) { d.Epoch = 2 }), func(c *chain) { c.Floor = 2 })
	add("after a rotation, sealed by the root before", "seal.unknown_key", whole, func(c *chain) {
		c.Root = nation()
		c.Root.Version = 1
	})
	add("after a rotation, sealed by the new root", "ok", func(d []deed) []deed { d[0].by = []string{"nation 2", "nation 3"}; return d[:2] }, func(c *chain) {
		c.Root = nation()
		c.Root.Version = 1
	})
	add("a root with one key twice", "delegation.malformed", whole, func(c *chain) {
		c.Root.Keys, c.Root.Threshold = []string{text("root"), text("root")}, 2
	})
	add("a root of no keys", "delegation.malformed", whole, func(c *chain) { c.Root.Keys = []string{} })
	add("another root", "seal.unknown_key", whole, func(c *chain) { c.Root.Keys = []string{text("stranger")} })
	add("a threshold of nought", "delegation.malformed", commune(func(d *deed) { d.Threshold = 0 }), nil)
	add("a threshold above its keys", "delegation.malformed", commune(func(d *deed) { d.Threshold = 2 }), nil)
	add("a key twice", "delegation.malformed", commune(func(d *deed) { d.Keys = []string{text("commune"), text("commune")} }), nil)
	add("a key that is none", "key.malformed", commune(func(d *deed) { d.Keys = []string{"none"} }), nil)
	add("a release key given by the root", "ok", func(d []deed) []deed { return append(d, give(seal.Release, "release", province, "root")) }, nil)
	add("a release key given by an authority", "delegation.widens", func(d []deed) []deed {
		return append(d, give(seal.Release, "release", province, "province"))
	}, nil)
	add("a release key that delegates", "delegation.malformed", func(d []deed) []deed {
		r := give(seal.Release, "release", province, "root")
		r.Delegate = true
		return append(d, r)
	}, nil)
	add("an unknown role", "delegation.malformed", commune(func(d *deed) { d.Role = "master" }), nil)
	add("no paths", "delegation.malformed", commune(func(d *deed) { d.Paths = []loa.Path{} }), nil)
	add("until before from", "delegation.malformed", commune(func(d *deed) { d.Until = d.From }), nil)
	add("version 1", "delegation.malformed", commune(func(d *deed) { d.V = 1 }), nil)
	add("a byte after the end", "document.trailing", commune(func(*deed) {}), func(c *chain) { c.Delegations[1] = append(c.Delegations[1], 0) })
	chainMutants(add)
	return file
}

// writeReleases makes one valid release after another wrong in one thing.
func writeReleases(s scribe) {
	change := func(f func(*wire.Release)) wire.Release {
		r := release()
		f(&r)
		return r
	}
	s.add("a release", "ok", release(), under("a release key"))
	s.add("two of three keys", "ok", release(), under("two release keys"), by("release 3", "release"))
	s.add("one key of the two it takes", "seal.unknown_key", release(), under("two release keys"))
	s.add("three keys where two are asked", "seal.signatures", release(), under("two release keys"), by("release", "release 2", "release 3"))
	s.add("by no key that may", "seal.unknown_key", release())
	s.add("by a stranger", "seal.unknown_key", release(), under("a release key"), by("stranger"))
	s.add("by the commune's authority", "seal.wrong_role", release(), under("a release key"), by("commune"))
	s.add("by the province's authority", "seal.wrong_role", release(), under("a release key"), by("province"))
	s.add("by the dispatch key", "seal.wrong_role", release(), under("a release key"), by("dispatch"))
	s.add("by the beacon key", "seal.wrong_role", release(), under("a release key"), by("beacon"))
	s.add("by the root itself", "seal.unknown_key", release(), under("a release key"), by("root"))
	s.add("for another province", "seal.wrong_path", release(), under("a release key"), of("vn/98/98001"))
	s.add("after its key's time", "seal.wrong_date", release(), under("a release key"), at(today()+301*day))
	s.add("sealed as a warrant", "document.wrong_type", release(), under("a release key"), as(wire.WarrantType))
	s.add("a hash changed after sealing", "seal.unknown_key", release(), under("a release key"), after(repacked(hash("armv7"), hash("other"))))
	s.add("number nought", "release.malformed", change(func(r *wire.Release) { r.Number = 0 }), under("a release key"))
	s.add("replaces itself", "release.malformed", change(func(r *wire.Release) { r.Replaces = r.Number }), under("a release key"))
	s.add("one system twice", "release.malformed", change(func(r *wire.Release) { r.Builds[1].System = "linux/amd64" }), under("a release key"))
	s.add("no builds", "release.malformed", change(func(r *wire.Release) { r.Builds = []wire.Build{} }), under("a release key"))
	s.add("a program too large", "release.malformed", change(func(r *wire.Release) { r.Builds[0].Bytes = wire.MaxProgram + 1 }), under("a release key"))
	s.add("a product with a slash", "release.malformed", change(func(r *wire.Release) { r.Product = "../loa" }), under("a release key"))
	s.add("an unknown key", "document.unknown_key", release(), under("a release key"), written(`"product"`, `"run":"sh","product"`))
	s.add("a key twice", "document.duplicate_key", release(), under("a release key"), written(`"number":12`, `"number":13,"number":12`))
	s.add("ignorable", "ok", change(func(r *wire.Release) { r.Ignore = json.RawMessage(`{"notes":"sửa lỗi"}`) }), under("a release key"))
	s.add("ends before it begins", "release.malformed", change(func(r *wire.Release) { r.Until = r.From }), under("a release key"))
}

// writeWarrants makes one valid warrant after another wrong in one thing.
func writeWarrants(s scribe) {
	normal := func(name, expected string, change func(*wire.Warrant), options ...option) {
		w := play()
		if change != nil {
			change(&w)
		}
		s.add(name, expected, w, options...)
	}
	urgent := func(name, expected string, change func(*wire.Warrant), options ...option) {
		w := siren()
		if change != nil {
			change(&w)
		}
		s.add(name, expected, w, options...)
	}
	normal("a normal bulletin", "ok", nil)
	urgent("an emergency", "ok", nil)
	s.add("a stop", "ok", halt())
	urgent("an exercise", "ok", func(w *wire.Warrant) { w.Class = wire.Exercise })
	normal("a priority bulletin", "ok", func(w *wire.Warrant) { w.Class = wire.Priority })
	normal("by the province for its commune", "ok", nil, by("province"))
	normal("by the province in its own name for two communes", "ok", func(w *wire.Warrant) {
		w.Issuer, w.Scope = province, []wire.Place{{Path: here}, {Path: sibling}}
	}, by("province"))
	normal("for a hamlet", "ok", func(w *wire.Warrant) { w.Scope[0].Path += "/h/dong" })
	normal("for a triangle", "ok", func(w *wire.Warrant) {
		w.Scope[0].Area = &wire.Area{Polygon: []wire.Point{{Lat: 20e6, Lon: 105e6}, {Lat: 20e6, Lon: 106e6}, {Lat: 21e6, Lon: 105e6}}}
	})
	normal("two of three keys", "ok", nil, under("two keys"), by("commune", "third"))
	normal("with something that may be ignored", "ok", func(w *wire.Warrant) { w.Ignore = json.RawMessage(`{"later":1}`) })

	normal("the tune of a session", "ok", func(w *wire.Warrant) { w.Role, w.PlaysDay, w.Plays = wire.Tune, 4, 1464 })
	normal("in Tày", "ok", func(w *wire.Warrant) { w.Media[0].Lang = "tyz-Latn" })

	// Who
	normal("a stranger's key", "seal.unknown_key", nil, by("stranger"))
	normal("the root's key", "seal.unknown_key", nil, by("root"))
	normal("a stranger under the commune's key id", "seal.unknown_key", nil, by("stranger"),
		after(reopened(func(e *seal.Envelope) { e.Signatures[0].KeyID = key("commune").ID })))
	normal("the sibling commune's key", "seal.wrong_path", nil, by("sibling"))
	normal("the dispatch key", "seal.wrong_role", nil, by("dispatch"))
	normal("the beacon key", "seal.wrong_role", nil, by("beacon"))
	normal("a key whose delegation is not there", "seal.unknown_key", nil, under("no commune"))
	normal("one of two keys", "seal.unknown_key", nil, under("two keys"))
	normal("two keys, one a stranger's", "seal.unknown_key", nil, under("two keys"), by("commune", "stranger"))
	normal("three keys where two are asked", "seal.signatures", nil, under("two keys"), by("commune", "second", "third"))
	normal("the same key twice", "seal.form", nil, under("two keys"),
		after(reopened(func(e *seal.Envelope) { e.Signatures = append(e.Signatures, e.Signatures[0]) })))
	normal("the same seal under two key ids", "seal.unknown_key", nil, under("two keys"), after(reopened(func(e *seal.Envelope) {
		e.Signatures = append(e.Signatures, seal.Signature{KeyID: key("second").ID, Sig: e.Signatures[0].Sig})
		slices.SortFunc(e.Signatures, func(a, b seal.Signature) int { return strings.Compare(a.KeyID, b.KeyID) })
	})))
	normal("a stranger's seal beside the right one", "seal.signatures", nil, by("commune", "stranger"))
	normal("two seals in the other order", "seal.form", nil, under("two keys"), by("commune", "third"),
		after(reopened(func(e *seal.Envelope) { slices.Reverse(e.Signatures) })))
	normal("no seal", "seal.signatures", nil, after(reopened(func(e *seal.Envelope) { e.Signatures = []seal.Signature{} })))
	normal("a seal of noughts", "seal.unknown_key", nil, after(reopened(func(e *seal.Envelope) {
		e.Signatures[0].Sig = base64.StdEncoding.EncodeToString(make([]byte, ed25519.SignatureSize))
	})))
	normal("a seal cut short", "seal.unknown_key", nil, after(reopened(func(e *seal.Envelope) { e.Signatures[0].Sig = e.Signatures[0].Sig[:84] })))
	normal("algorithm none", "document.unknown_key", nil, after(replace(`{"payloadType"`, `{"alg":"none","payloadType"`)))

	// A key that takes over from another, and a key that is revoked
	normal("two of three above", "ok", nil, under("two keys above"))
	normal("the key before, while both hold", "ok", nil, under("two keys in turn"), at(today()+15*day))
	normal("the next key, while both hold", "ok", nil, under("two keys in turn"), at(today()+15*day), by("commune, next"))
	normal("the next key, too early", "seal.wrong_date", nil, under("two keys in turn"), at(today()+5*day), by("commune, next"))
	normal("the key before, too late", "seal.wrong_date", nil, under("two keys in turn"), at(today()+25*day))
	normal("a revoked key", "seal.unknown_key", nil, under("epoch 2"))
	normal("the key in its place", "ok", nil, under("epoch 2"), by("commune, next"))

	// What, changed after it was sealed
	urgent("an exercise made an emergency after it was sealed", "seal.unknown_key", func(w *wire.Warrant) { w.Class = wire.Exercise },
		after(repacked(`"exercise"`, `"emergency"`)))
	normal("a sound changed after it was sealed", "seal.unknown_key", nil, after(repacked(hash("sound"), hash("other sound"))))
	normal("the scope widened after it was sealed", "seal.unknown_key", func(w *wire.Warrant) { w.Scope[0].Path += "/h/dong" },
		after(repacked(`97001/h/dong"`, `97001"`)))
	normal("the end put off after it was sealed", "seal.unknown_key", nil, after(repacked(`"cap":80`, `"cap":81`)))
	normal("sealed as a plan", "document.wrong_type", nil, as(wire.PlanType))
	normal("sealed as a plan, the type changed after", "seal.unknown_key", nil, as(wire.PlanType),
		after(reopened(func(e *seal.Envelope) { e.PayloadType = wire.WarrantType })))
	s.add("a plan sealed as a warrant", "document.unknown_key", plan())

	// How it is written
	normal("a space after the envelope", "seal.form", nil, after(func(b []byte) []byte { return append(b, ' ') }))
	normal("a space in the envelope", "seal.form", nil, after(replace(`,"payload"`, `, "payload"`)))
	normal("a line break in the payload's base64", "document.malformed", nil, after(replace(`"payload":"`, `"payload":"\n`)))
	normal("a nought byte after the envelope", "document.trailing", nil, after(func(b []byte) []byte { return append(b, 0) }))
	normal("two envelopes", "document.trailing", nil, after(func(b []byte) []byte { return append(b, b...) }))
	normal("cut off", "document.malformed", nil, after(func(b []byte) []byte { return b[:len(b)-1] }))
	normal("nothing", "document.malformed", nil, after(func([]byte) []byte { return []byte{} }))
	normal("the payload twice in the envelope", "document.duplicate_key", nil, after(replace(`"payload":`, `"payload":"e30=","payload":`)))
	normal("the class twice", "document.duplicate_key", nil, written(`"class":"normal"`, `"class":"normal","class":"emergency"`))
	normal("the class twice, once in capitals", "document.unknown_key", nil, written(`"class":"normal"`, `"class":"normal","CLASS":"emergency"`))
	normal("the class twice, once escaped", "document.duplicate_key", nil, written(`"class":"normal"`, `"class":"normal","cl\u0061ss":"emergency"`))
	normal("a key no reader knows", "document.unknown_key", nil, written(`"v":0`, `"v":0,"critical":true`))
	normal("a key twice where anything may stand", "document.duplicate_key", nil, written(`"v":0`, `"v":0,"ignorable":{"a":1,"a":2}`))
	normal("null", "document.null", nil, written(`"title":"Lịch tiêm chủng tháng 3"`, `"title":null`))
	normal("a fraction", "document.number", nil, written(`"cap":80`, `"cap":80.0`))
	normal("an exponent", "document.number", nil, written(`"cap":80`, `"cap":8e1`))
	normal("2^53", "document.number", nil, written(`"cap":80`, `"cap":9007199254740992`))
	normal("a title that is not NFC", "document.not_nfc", nil, written("Lịch", "Li\u0323ch"))
	normal("half a surrogate pair", "document.not_nfc", nil, written("Lịch", `\ud83d`))
	normal("bytes that are no UTF-8", "document.not_utf8", nil, written("Lịch", "L\xff"))
	normal("nine levels", "document.too_deep", nil, written(`"v":0`, `"v":0,"ignorable":[[[[[[[[]]]]]]]]`))
	normal("something after the document", "document.trailing", nil, written(`"approval":"passkey"}`, `"approval":"passkey"}{}`))
	normal("above 4 KB", "document.too_large", nil, written(`"v":0`, `"v":0,"ignorable":"`+strings.Repeat("a", seal.MaxDocument)+`"`))
	normal("a list", "document.malformed", nil, written(`{"v":0`, `[{"v":0`))

	// What it says
	normal("version 1", "document.version", func(w *wire.Warrant) { w.V = 1 })
	normal("another kind", "document.kind", func(w *wire.Warrant) { w.Kind = "shout" })
	normal("no kind", "document.kind", func(w *wire.Warrant) { w.Kind = "" })
	normal("an id that is none", "warrant.malformed", func(w *wire.Warrant) { w.ID = "1" })
	normal("an id with a letter that looks like another", "warrant.malformed", func(w *wire.Warrant) { w.ID = id("pl") })
	normal("an unknown class", "warrant.malformed", func(w *wire.Warrant) { w.Class = "command" })
	normal("the class raised to emergency", "warrant.malformed", func(w *wire.Warrant) { w.Class = wire.Emergency })
	urgent("an emergency by a key for normal bulletins", "seal.wrong_class", nil, under("normal only"))
	normal("a priority bulletin by a key for normal ones", "seal.wrong_class", func(w *wire.Warrant) { w.Class = wire.Priority }, under("normal only"))
	normal("the sibling as issuer", "seal.wrong_path", func(w *wire.Warrant) { w.Issuer = sibling })
	normal("the province as issuer", "seal.wrong_path", func(w *wire.Warrant) { w.Issuer = province })
	normal("the country as issuer", "seal.wrong_path", func(w *wire.Warrant) { w.Issuer = "vn" })
	normal("an issuer that is no path", "path.malformed", func(w *wire.Warrant) { w.Issuer = "vn/97/+" })
	normal("an empty scope", "scope.empty", func(w *wire.Warrant) { w.Scope = []wire.Place{} })
	normal("no scope", "scope.empty", nil, written(`"scope":[{"path":"vn/97/97001"}],`, ``))
	normal("the sibling in scope", "seal.wrong_path", func(w *wire.Warrant) { w.Scope[0].Path = sibling })
	normal("the sibling in scope, too", "seal.wrong_path", func(w *wire.Warrant) { w.Scope = append(w.Scope, wire.Place{Path: sibling}) })
	normal("the province in scope", "seal.wrong_path", func(w *wire.Warrant) { w.Scope[0].Path = province })
	normal("the country in scope", "seal.wrong_path", func(w *wire.Warrant) { w.Scope[0].Path = "vn" })
	normal("one digit more in scope", "seal.wrong_path", func(w *wire.Warrant) { w.Scope[0].Path = "vn/97/970010" })
	normal("one digit less in scope", "seal.wrong_path", func(w *wire.Warrant) { w.Scope[0].Path = "vn/97/9700" })
	normal("a province that begins alike in scope", "seal.wrong_path", func(w *wire.Warrant) { w.Scope[0].Path = "vn/9/97001" })
	normal("a place of another province in scope", "seal.wrong_path", func(w *wire.Warrant) { w.Scope[0].Path = "vn/98/97001" })
	normal("the commune in scope by a hamlet's key", "seal.wrong_path", func(w *wire.Warrant) { w.Issuer += "/h/dong" }, under("a hamlet"))
	normal("a star in scope", "path.malformed", func(w *wire.Warrant) { w.Scope[0].Path = "*" })
	normal("65 places in scope", "scope.too_many", func(w *wire.Warrant) { w.Scope = slices.Repeat([]wire.Place{{Path: here}}, 65) })
	normal("an area that is none", "scope.malformed", func(w *wire.Warrant) { w.Scope[0].Area = &wire.Area{} })
	normal("an area beyond the earth", "scope.malformed", func(w *wire.Warrant) {
		w.Scope[0].Area = &wire.Area{Centre: &wire.Point{Lat: 90_000_001}, Radius: 1}
	})
	normal("no author", "warrant.malformed", func(w *wire.Warrant) { w.Author = "" })
	normal("a title too long", "warrant.malformed", func(w *wire.Warrant) { w.Title = strings.Repeat("a", 201) })
	normal("until before from", "warrant.malformed", func(w *wire.Warrant) { w.Until = w.From - 1 })
	normal("from nought", "warrant.malformed", func(w *wire.Warrant) { w.From = 0 })
	normal("no sound", "warrant.malformed", func(w *wire.Warrant) { w.Media = nil })
	normal("a sound without a hash", "warrant.malformed", func(w *wire.Warrant) { w.Media[0].Hash = "" })
	normal("a sound of no bytes", "warrant.malformed", func(w *wire.Warrant) { w.Media[0].Bytes = 0 })
	normal("a sound of no length", "warrant.malformed", func(w *wire.Warrant) { w.Media[0].MS = 0 })
	normal("a sound above an hour", "warrant.malformed", func(w *wire.Warrant) { w.Media[0].MS = hour + 1 })
	normal("a play that stops another", "warrant.malformed", func(w *wire.Warrant) { w.Stops = []string{hash("warrant")} })
	normal("an unknown role", "warrant.malformed", func(w *wire.Warrant) { w.Role = "siren" })
	normal("music of class priority", "warrant.malformed", func(w *wire.Warrant) { w.Role, w.Class = wire.Music, wire.Priority })
	urgent("an emergency that is a test sound", "warrant.malformed", func(w *wire.Warrant) { w.Role = wire.TestSound })
	normal("a bulletin made music after it was sealed", "seal.unknown_key", func(w *wire.Warrant) { w.Role = wire.Tune }, after(repacked(`"tune"`, `"music"`)))
	normal("a language that is none", "warrant.malformed", func(w *wire.Warrant) { w.Media[0].Lang = "Vietnamese" })
	normal("no plays", "warrant.malformed", func(w *wire.Warrant) { w.Plays, w.PlaysDay = 0, 0 })
	normal("more plays a day than in all", "warrant.malformed", func(w *wire.Warrant) { w.PlaysDay = 7 })
	normal("a cap of 101", "warrant.malformed", func(w *wire.Warrant) { w.Cap = 101 })
	normal("no mark of speech", "warrant.malformed", func(w *wire.Warrant) { w.Speech = "" })
	normal("no approval", "warrant.malformed", func(w *wire.Warrant) { w.Approval = "" })
	normal("a weak approval of a priority bulletin", "warrant.weak_approval", func(w *wire.Warrant) { w.Class, w.Approval = wire.Priority, "weak" })
	urgent("a weak approval of an emergency", "warrant.weak_approval", func(w *wire.Warrant) { w.Approval = "weak" })
	normal("a normal bulletin that does not wait for a plan", "warrant.malformed", func(w *wire.Warrant) { w.Now, w.Seq = true, 5 })
	urgent("an emergency that waits for a plan", "warrant.malformed", func(w *wire.Warrant) { w.Now, w.Seq = false, 0 })
	urgent("an emergency without a number", "warrant.malformed", func(w *wire.Warrant) { w.Seq = 0 })
	urgent("an emergency of a number below nought", "warrant.malformed", func(w *wire.Warrant) { w.Seq = -1 })
	stop := func(name string, change func(*wire.Warrant)) {
		w := halt()
		change(&w)
		s.add(name, "warrant.malformed", w)
	}
	stop("a stop that waits for a plan", func(w *wire.Warrant) { w.Now, w.Seq = false, 0 })
	stop("a stop of nothing", func(w *wire.Warrant) { w.Stops = nil })
	stop("a stop of something that is no hash", func(w *wire.Warrant) { w.Stops = []string{"*"} })
	stop("a stop of 17", func(w *wire.Warrant) { w.Stops = slices.Repeat(w.Stops, 17) })
	stop("a stop with a sound", func(w *wire.Warrant) { w.Media = play().Media })

	// When: a delegation's dates; the warrant's own are asked for at its minute
	normal("before its key's delegation", "seal.wrong_date", nil, at(today()-30*day-1))
	normal("the first millisecond of its key's delegation", "ok", nil, at(today()-30*day))
	normal("the last millisecond of its key's delegation", "ok", nil, at(today()+300*day-1))
	normal("after its key's delegation", "seal.wrong_date", nil, at(today()+300*day))
	normal("after every delegation", "seal.wrong_date", nil, at(today()+400*day))
}

func writePlans(s scribe) {
	with := func(name, expected string, change func(*wire.Plan), options ...option) {
		p := plan()
		change(&p)
		s.add(name, expected, p, options...)
	}
	s.add("a plan", "ok", plan())
	with("a plan without slots", "ok", func(p *wire.Plan) { p.Slots = []wire.Slot{} })
	with("a slot for two poles and a mute", "ok", func(p *wire.Plan) {
		p.Slots[0].Poles = []string{"HA-01", "HA-02"}
		p.Mutes = []wire.Mute{{Pole: "HA-01", From: today() + 7*hour, Until: today() + 14*hour}}
	})
	with("a pole without a code", "plan.malformed", func(p *wire.Plan) { p.Slots[0].Poles = []string{""} })
	with("a mute of no pole", "plan.malformed", func(p *wire.Plan) { p.Mutes = []wire.Mute{{From: 1, Until: 2}} })
	with("a mute that ends before it begins", "plan.malformed", func(p *wire.Plan) { p.Mutes = []wire.Mute{{Pole: "HA-01", From: 2, Until: 2}} })
	s.add("an authority's key", "seal.wrong_role", plan(), by("commune"))
	s.add("the beacon key", "seal.wrong_role", plan(), by("beacon"))
	s.add("a stranger's key", "seal.unknown_key", plan(), by("stranger"))
	s.add("sealed as a warrant", "document.wrong_type", plan(), as(wire.WarrantType))
	with("for another province", "seal.wrong_path", func(p *wire.Plan) { p.Path = "vn/98/98001" })
	with("for the country", "seal.wrong_path", func(p *wire.Plan) { p.Path = "vn" })
	s.add("after its key's delegation", "seal.wrong_date", plan(), at(today()+300*day))
	s.add("a slot moved after it was sealed", "seal.unknown_key", plan(), after(repacked(`"version":7`, `"version":8`)))
	with("version nought", "plan.malformed", func(p *wire.Plan) { p.Version = 0 })
	with("a slot twice", "plan.malformed", func(p *wire.Plan) { p.Slots[1].ID = p.Slots[0].ID })
	with("a slot whose warrant is no hash", "plan.malformed", func(p *wire.Plan) { p.Slots[0].Warrant = id("p1") })
	with("four more readings", "plan.malformed", func(p *wire.Plan) { p.Slots[0].Repeat = 4 })
	s.add("two of three keys", "ok", plan(), under("two keys above"), by("dispatch", "dispatch 3"))
	s.add("one of three keys", "seal.unknown_key", plan(), under("two keys above"))
	s.add("a slot that carries its own sound", "document.unknown_key", plan(), written(`"id":`, `"media":[],"id":`))
	s.add("a space after the envelope", "seal.form", plan(), after(func(b []byte) []byte { return append(b, '\n') }))
}

func writeBeacons(s scribe) {
	with := func(name, expected string, change func(*wire.Beacon), options ...option) {
		b := beacon()
		change(&b)
		s.add(name, expected, b, options...)
	}
	s.add("a beacon", "ok", beacon())
	s.add("the dispatch key", "seal.wrong_role", beacon(), by("dispatch"))
	s.add("an authority's key", "seal.wrong_role", beacon(), by("commune"))
	s.add("a stranger's key", "seal.unknown_key", beacon(), by("stranger"))
	s.add("sealed as a time", "document.wrong_type", beacon(), as(wire.TimeType))
	with("for another province", "seal.wrong_path", func(b *wire.Beacon) { b.Path = "vn/98/98001" })
	with("for a province that begins alike", "seal.wrong_path", func(b *wire.Beacon) { b.Path = "vn/970/97001" })
	with("number nought", "beacon.malformed", func(b *wire.Beacon) { b.Number = 0 })
	with("a hash that is none", "beacon.malformed", func(b *wire.Beacon) { b.Now = []string{"all"} })
	with("a beacon that names phrases and root", "ok", func(b *wire.Beacon) { b.Phrases, b.Root = hash("phrases"), demoRoot().Fingerprint() })
	with("phrases that are no hash", "beacon.malformed", func(b *wire.Beacon) { b.Phrases = "siren" })
	with("a root that is no hash", "beacon.malformed", func(b *wire.Beacon) { b.Root = "nation" })
	s.add("another root named after it was sealed", "seal.unknown_key", beacon(), after(repacked(`"placements"`, `"root":"`+hash("x")+`","placements"`)))
	with("33 now warrants", "beacon.malformed", func(b *wire.Beacon) { b.Now = slices.Repeat(b.Now, 33) })
	s.add("its number raised after it was sealed", "seal.unknown_key", beacon(), after(repacked(`"number":900`, `"number":901`)))
	s.add("after its key's delegation", "seal.wrong_date", beacon(), at(today()+300*day))
}

func writePlacements(s scribe) {
	with := func(name, expected string, change func(*wire.Placement), options ...option) {
		p := placement()
		change(&p)
		s.add(name, expected, p, options...)
	}
	s.add("a placement", "ok", placement())
	s.add("by the province", "ok", placement(), by("province"))
	with("of a pagoda's gate", "ok", func(p *wire.Placement) {
		p.Hours, p.Volumes = []wire.Hours{everyDay(330, 1140)}, []wire.Volume{{From: 0, Until: 720, Percent: 35}}
	})
	with("a volume of nought in the morning", "placement.malformed", func(p *wire.Placement) {
		p.Volumes = []wire.Volume{{From: 0, Until: 720}}
	})
	with("its own hours over midnight", "placement.malformed", func(p *wire.Placement) {
		p.Hours = []wire.Hours{{Days: []int{1}, From: 1320, Until: 60}}
	})
	with("of a box that was taken away", "ok", func(p *wire.Placement) { p.Revoked = true })
	s.add("the sibling commune's key", "seal.wrong_path", placement(), by("sibling"))
	s.add("the dispatch key", "seal.wrong_role", placement(), by("dispatch"))
	s.add("the device's own key", "seal.unknown_key", placement(), by("device"))
	with("in the sibling commune", "seal.wrong_path", func(p *wire.Placement) { p.Paths = []loa.Path{sibling} })
	with("in two communes", "placement.malformed", func(p *wire.Placement) { p.Paths = append(p.Paths, sibling) })
	with("in no place", "placement.malformed", func(p *wire.Placement) { p.Paths = []loa.Path{} })
	with("in a province", "placement.malformed", func(p *wire.Placement) { p.Paths = []loa.Path{province} })
	with("beyond the earth", "placement.malformed", func(p *wire.Placement) { p.At.Lon = 180_000_001 })
	with("a cap of nought", "placement.malformed", func(p *wire.Placement) { p.Cap = 0 })
	with("a key that is none", "key.malformed", func(p *wire.Placement) { p.Key = "" })
	s.add("another device put in after it was sealed", "seal.unknown_key", placement(), after(repacked(id("d1"), id("d2"))))
	s.add("sealed as a policy", "document.wrong_type", placement(), as(wire.PolicyType))
}

func writePolicies(s scribe) {
	with := func(name, expected string, change func(*wire.Policy), options ...option) {
		p := policy()
		change(&p)
		s.add(name, expected, p, options...)
	}
	s.add("the province's policy", "ok", policy())
	with("the commune's policy", "ok", func(p *wire.Policy) { p.Path = here }, by("commune"))
	with("with a New Year's Eve, a mourning and a quieter night", "ok", func(p *wire.Policy) {
		p.Exceptions = []wire.Exception{{From: today() + 23*hour, Until: today() + 25*hour, Reason: "Đón giao thừa"}}
		p.Mourning = []wire.Span{{From: today(), Until: today() + 3*day}}
		p.Volumes = []wire.Volume{{From: 1260, Until: 1440, Percent: 40}}
	})
	with("an exception of half a day and a millisecond", "policy.malformed", func(p *wire.Policy) {
		p.Exceptions = []wire.Exception{{From: today(), Until: today() + wire.MaxException + 1, Reason: "x"}}
	})
	with("an exception without a reason", "policy.malformed", func(p *wire.Policy) {
		p.Exceptions = []wire.Exception{{From: today(), Until: today() + hour}}
	})
	with("a mourning that ends before it begins", "policy.malformed", func(p *wire.Policy) {
		p.Mourning = []wire.Span{{From: today(), Until: today()}}
	})
	s.add("an exception put in after it was sealed", "seal.unknown_key", policy(),
		after(repacked(`"volume":85`, `"volume":85,"exceptions":[{"from":1,"until":2,"reason":"x"}]`)))
	s.add("the province's policy by a commune", "seal.wrong_path", policy(), by("commune"))
	with("the country's policy by a province", "seal.wrong_path", func(p *wire.Policy) { p.Path = "vn" })
	s.add("the dispatch key", "seal.wrong_role", policy(), by("dispatch"))
	s.add("the beacon key", "seal.wrong_role", policy(), by("beacon"))
	s.add("a stranger's key", "seal.unknown_key", policy(), by("stranger"))
	with("over midnight in one span", "policy.malformed", func(p *wire.Policy) { p.Hours[0] = wire.Hours{Days: []int{1}, From: 1320, Until: 60} })
	with("day 8", "policy.malformed", func(p *wire.Policy) { p.Hours[0].Days = []int{8} })
	with("a volume of 101", "policy.malformed", func(p *wire.Policy) { p.Volume = 101 })
	s.add("louder after it was sealed", "seal.unknown_key", policy(), after(repacked(`"volume":85`, `"volume":99`)))
	s.add("sealed as a placement", "document.wrong_type", policy(), as(wire.PlacementType))
}

func writeTimes(s scribe) {
	with := func(name, expected string, change func(*wire.Time), options ...option) {
		c := clockTime()
		change(&c)
		s.add(name, expected, c, options...)
	}
	s.add("a time", "ok", clockTime())
	s.add("a time for a device that does not know it yet", "ok", clockTime(), at(0))
	with("a time outside its key's delegation, for a device that does not know it yet", "seal.wrong_date", func(c *wire.Time) {
		c.Received, c.Sent = (today()+300*day)*1000, (today()+300*day)*1000
	}, at(0))
	s.add("for a place of another province", "seal.wrong_path", clockTime(), of("vn/98/98001"))
	s.add("the dispatch key", "seal.wrong_role", clockTime(), by("dispatch"))
	s.add("an authority's key", "seal.wrong_role", clockTime(), by("commune"))
	s.add("a stranger's key", "seal.unknown_key", clockTime(), by("stranger"))
	with("a short nonce", "time.malformed", func(c *wire.Time) { c.Nonce = "1" })
	with("sent before it was received", "time.malformed", func(c *wire.Time) { c.Sent = c.Received - 1 })
	s.add("sealed as a beacon", "document.wrong_type", clockTime(), as(wire.BeaconType))
}

func writeReceipts(s scribe) {
	with := func(name, expected string, change func(*wire.Receipt), options ...option) {
		r := receipt()
		change(&r)
		s.add(name, expected, r, options...)
	}
	s.add("a receipt", "ok", receipt())
	s.add("another device's key", "seal.unknown_key", receipt(), by("device 2"))
	s.add("a node's key", "seal.unknown_key", receipt(), by("dispatch"))
	with("a gap in the numbers", "receipt.malformed", func(r *wire.Receipt) { r.Lines[1].N = 13 })
	with("no lines", "receipt.malformed", func(r *wire.Receipt) { r.Lines = []wire.Line{} })
	with("another result", "receipt.malformed", func(r *wire.Receipt) { r.Lines[0].Result = "heard" })
	s.add("refused made played after it was sealed", "seal.unknown_key", receipt(), after(repacked(`"refused"`, `"played"`)))
	s.add("sealed as a token", "document.wrong_type", receipt(), as(wire.TokenType))
}

func writeTokens(s scribe) {
	with := func(name, expected string, change func(*wire.Token), options ...option) {
		k := token()
		change(&k)
		s.add(name, expected, k, options...)
	}
	now := token().At
	s.add("a token", "ok", token(), at(now))
	s.add("a minute old", "ok", token(), at(now+wire.TokenLife))
	s.add("older than a minute", "token.wrong_date", token(), at(now+wire.TokenLife+1))
	s.add("a minute early", "ok", token(), at(now-wire.TokenLife))
	s.add("more than a minute early", "token.wrong_date", token(), at(now-wire.TokenLife-1))
	s.add("another device's key", "seal.unknown_key", token(), at(now), by("device 2"))
	with("a short nonce", "token.malformed", func(k *wire.Token) { k.Nonce = "1" }, at(now))
	with("a device that is no id", "token.malformed", func(k *wire.Token) { k.Device = "*" }, at(now))
	s.add("its device changed after it was sealed", "seal.unknown_key", token(), at(now), after(repacked(id("d1"), id("d2"))))
	s.add("a receipt as a token", "document.wrong_type", token(), at(now), as(wire.ReceiptType))
}
