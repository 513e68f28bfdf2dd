package edge

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"loa"
	"loa/seal"
	"loa/wire"
)

const commune loa.Path = "vn/97/97001"

// town is a very small node that really seals what it says.
type town struct {
	t          *testing.T
	root       seal.Root
	rootKey    seal.Key
	rotations  [][]byte         // from the first root on
	stream     http.HandlerFunc // of every mount
	logs       chan wire.Log
	authority  seal.Key
	dispatch   seal.Key
	beaconKey  seal.Key
	releaseKey seal.Key
	code       string
	server     *httptest.Server
	lines      chan wire.Line // what receipts brought, verified

	mu          sync.Mutex
	away        bool
	doors       []string
	delegations [][]byte
	docs        map[string][]byte
	media       map[string][]byte
	programs    map[string][]byte
	ranges      []string // what was asked of them
	beacon      wire.Beacon
	slots       []wire.Slot
	mutes       []wire.Mute
	own         []wire.Hours // of the placement
	placement   []byte
	mic         bool
	device      string
	pub         ed25519.PublicKey
	through     int64
	seq         int64
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// micros is the town's clock: the real one.
func micros() int64 { return time.Now().UnixMicro() }

func newTown(t *testing.T) *town {
	rootKey := must(seal.NewKey())
	n := &town{
		t: t, authority: must(seal.NewKey()), dispatch: must(seal.NewKey()), beaconKey: must(seal.NewKey()), releaseKey: must(seal.NewKey()), programs: map[string][]byte{},
		rootKey: rootKey, logs: make(chan wire.Log, 10),
		root: seal.Root{Name: "town", Keys: []string{seal.EncodePublic(rootKey.Public)}, Threshold: 1, Demo: true},
		docs: map[string][]byte{}, media: map[string][]byte{}, lines: make(chan wire.Line, 100),
	}
	n.code = "ABCD2345." + n.root.Fingerprint()[:16]
	for role, k := range map[seal.Role]seal.Key{seal.Authority: n.authority, seal.Dispatch: n.dispatch, seal.Beacon: n.beaconKey, seal.Release: n.releaseKey} {
		d := seal.Delegation{Kind: "delegation", Role: role, Keys: []string{seal.EncodePublic(k.Public)}, Threshold: 1,
			Paths: []loa.Path{commune}, Classes: wire.Classes(), From: 1, Until: micros()/1000 + 1e9}
		b := n.seal(seal.DelegationType, d, rootKey)
		n.delegations = append(n.delegations, b)
		n.beacon.Trust = append(n.beacon.Trust, loa.Hash(b))
	}
	n.beacon.Kind, n.beacon.Path, n.beacon.Now, n.beacon.Placements = "beacon", commune, []string{}, 1
	n.policy(0, 1440)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /device/v1/enrol", n.enrol)
	mux.HandleFunc("GET /device/v1/enrol/{device}", func(w http.ResponseWriter, r *http.Request) {
		proof := must(base64.RawURLEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Loa ")))
		if !ed25519.Verify(n.pub, []byte("loa placement v0\n"+n.device), proof) {
			n.t.Error("asking for the placement is not proved by its key")
		}
		n.placed(w, r)
	})
	mux.HandleFunc("GET /device/v1/placement/{device}", n.signedIn)
	mux.HandleFunc("GET /device/v1/trust/{path...}", func(w http.ResponseWriter, _ *http.Request) {
		n.answer(w, map[string]any{"delegations": n.delegations})
	})
	mux.HandleFunc("GET /device/v1/doors", func(w http.ResponseWriter, _ *http.Request) { n.answer(w, map[string]any{"mqtt": n.doors}) })
	mux.HandleFunc("POST /device/v1/time", n.time)
	mux.HandleFunc("GET /device/v1/beacon/{path...}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("path") != string(commune) {
			http.NotFound(w, r)
			return
		}
		n.write(w, n.seal(wire.BeaconType, n.beacon, n.beaconKey))
	})
	mux.HandleFunc("GET /device/v1/doc/{hash}", func(w http.ResponseWriter, r *http.Request) { n.find(w, r, n.docs) })
	mux.HandleFunc("GET /device/v1/media/{hash}", func(w http.ResponseWriter, r *http.Request) { n.find(w, r, n.media) })
	mux.HandleFunc("GET /device/v1/program/{hash}", func(w http.ResponseWriter, r *http.Request) {
		n.ranges = append(n.ranges, r.Header.Get("Range"))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(n.programs[r.PathValue("hash")]))
	})
	mux.HandleFunc("POST /device/v1/receipts", n.receipts)
	mux.HandleFunc("GET /device/v1/root/{fingerprint}", n.followers)
	mux.HandleFunc("POST /device/v1/logs", func(w http.ResponseWriter, r *http.Request) {
		l, err := wire.OpenLog(must(io.ReadAll(r.Body)), n.key)
		if err != nil {
			n.t.Errorf("log: %v", err)
		}
		n.logs <- l
		n.answer(w, struct{}{})
	})
	n.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/device/v1/stream/") { // it lasts: the town is not held for it
			n.stream(w, r)
			return
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.away {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(n.server.Close)
	n.tell()
	return n
}

func (n *town) seal(kind string, doc any, k seal.Key) []byte {
	return must(seal.Seal(kind, must(wire.Encode(doc)), k))
}

func (n *town) write(w http.ResponseWriter, b []byte) {
	if _, err := w.Write(b); err != nil {
		n.t.Log(err) // the agent went away
	}
}

func (n *town) answer(w http.ResponseWriter, v any) { n.write(w, must(json.Marshal(v))) }

func (n *town) find(w http.ResponseWriter, r *http.Request, in map[string][]byte) {
	b, ok := in[r.PathValue("hash")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	n.write(w, b)
}

func (n *town) enrol(w http.ResponseWriter, r *http.Request) {
	var q struct{ Code, Key, Sig string }
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.Code != "ABCD2345" {
		w.WriteHeader(http.StatusForbidden)
		n.answer(w, map[string]any{"error": map[string]string{"code": "forbidden", "key": "enrol.code_unknown", "message": "?"}})
		return
	}
	n.pub = must(seal.DecodePublic(q.Key))
	if !ed25519.Verify(n.pub, []byte("loa enrol v0\n"+q.Code+"\n"+q.Key), must(base64.StdEncoding.DecodeString(q.Sig))) {
		n.t.Error("enrolment is not sealed by its key")
	}
	n.device = loa.NewID(time.Now())
	n.place(1, commune+"/h/a", 100)
	n.answer(w, map[string]any{"device": n.device, "root": n.root, "check": CheckDigits(n.pub)})
}

func (n *town) place(version int64, at loa.Path, most int) {
	n.placement = n.seal(wire.PlacementType, wire.Placement{Kind: "placement", Device: n.device, Pole: loa.NewID(time.Now()),
		Code: "P1", Name: "pole", Key: seal.EncodePublic(n.pub), Version: version, Paths: []loa.Path{at}, Cap: most, Hours: n.own, LocalMic: n.mic}, n.authority)
}

func (n *town) placed(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("device") != n.device {
		http.NotFound(w, r)
		return
	}
	n.write(w, n.placement)
}

func (n *town) key(device string) (ed25519.PublicKey, error) {
	if device != n.device {
		return nil, loa.Errorf(loa.NotFound, "device.unknown")
	}
	return n.pub, nil
}

func (n *town) signedIn(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Loa ")
	b, err := base64.RawURLEncoding.DecodeString(token)
	if !ok || err != nil {
		n.t.Errorf("token: %v", err)
	}
	if _, err := wire.OpenToken(b, micros()/1000, n.key); err != nil {
		n.t.Errorf("token: %v", err)
	}
	n.placed(w, r)
}

func (n *town) time(w http.ResponseWriter, r *http.Request) {
	received := micros()
	var q struct{ Nonce string }
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		n.t.Error(err)
	}
	n.write(w, n.seal(wire.TimeType, wire.Time{Kind: "time", Nonce: q.Nonce, Received: received, Sent: micros()}, n.beaconKey))
}

func (n *town) receipts(w http.ResponseWriter, r *http.Request) {
	b := must(io.ReadAll(r.Body))
	rec, err := wire.OpenReceipt(b, n.key)
	if err != nil {
		n.t.Errorf("receipt: %v", err)
	}
	for _, l := range rec.Lines {
		if l.N == n.through+1 {
			n.through++
			n.lines <- l
		}
	}
	n.answer(w, wire.Ack{Through: n.through})
}

// followers answers the rotations that follow a root.
func (n *town) followers(w http.ResponseWriter, r *http.Request) {
	after := [][]byte{}
	for _, b := range slices.Backward(n.rotations) {
		after = append([][]byte{b}, after...)
		var rotation seal.Rotation
		o := must(seal.Open(b, seal.MaxDocument))
		if err := seal.Decode(o.Payload, seal.MaxDocument, &rotation); err != nil {
			n.t.Error(err)
		}
		if rotation.From == r.PathValue("fingerprint") {
			n.answer(w, map[string]any{"roots": after})
			return
		}
	}
	n.answer(w, map[string]any{"roots": [][]byte{}})
}

// delegate gives the town's keys their powers anew, under the root as it is and
// in an epoch, and names nothing else.
func (n *town) delegate(epoch int64, also ...seal.Key) {
	n.delegations, n.beacon.Trust, n.beacon.Epoch = nil, nil, epoch
	give := func(role seal.Role, k seal.Key) {
		d := seal.Delegation{Kind: "delegation", Role: role, Keys: []string{seal.EncodePublic(k.Public)}, Threshold: 1, Epoch: epoch,
			Paths: []loa.Path{commune}, Classes: wire.Classes(), From: 1, Until: micros()/1000 + 1e9}
		b := n.seal(seal.DelegationType, d, n.rootKey)
		n.delegations, n.beacon.Trust = append(n.delegations, b), append(n.beacon.Trust, loa.Hash(b))
	}
	give(seal.Authority, n.authority)
	give(seal.Dispatch, n.dispatch)
	give(seal.Beacon, n.beaconKey)
	for _, k := range also {
		give(seal.Authority, k)
	}
}

// rotate puts another root in the place of the town's, as when it joins the nation.
func (n *town) rotate() {
	next := must(seal.NewKey())
	to := seal.Root{Name: "nation", Keys: []string{seal.EncodePublic(next.Public)}, Threshold: 1, Demo: true, Version: n.root.Version + 1}
	n.rotations = append(n.rotations, must(seal.Rotate(n.root, to, n.rootKey, next)))
	n.root, n.rootKey = to, next
	n.delegate(n.beacon.Epoch)
	n.beacon.Root = to.Fingerprint()
	n.tell()
}

// phraseSet gives the town a siren of a second, a prefix of half and a text of a hazard.
func (n *town) phraseSet(version int64, siren, prefix, flood []byte) wire.PhraseSet {
	media := func(b []byte) wire.Media {
		n.media[loa.Hash(b)] = b
		return wire.Media{Hash: loa.Hash(b), Bytes: int64(len(b)), MS: int64(len(b) / wire.FrameBytes * 36), Form: wire.CanonicalForm}
	}
	s := wire.PhraseSet{Kind: "phrases", Path: commune, Version: version, From: 1, Until: micros(), Entries: []wire.PhraseEntry{
		{ID: wire.SirenPhrase, Media: media(siren)}, {ID: wire.ExercisePrefix, Media: media(prefix), Text: "Diễn tập."},
		{ID: "lu", Media: media(flood), Text: "Nước lên nhanh."},
	}}
	n.beacon.Phrases = n.doc(wire.PhrasesType, s, n.authority)
	n.tell()
	return s
}

// run is start with the agent at hand, on a machine of the test's.
func (n *town) run(c Config, box machine) (a *agent, stop func()) {
	n.t.Helper()
	c = must(c.filled())
	a = must(open(n.t.Context(), c, must(openFolder(c.Dir)), box))
	ctx, cancel := context.WithCancel(context.Background())
	ended, enrolled := make(chan error, 1), make(chan struct{})
	go func() {
		defer a.end()
		if err := a.enrol(ctx); err != nil || ctx.Err() != nil {
			ended <- err
			return
		}
		if err := a.settle(); err != nil {
			ended <- err
			return
		}
		close(enrolled)
		ended <- together(ctx, a.play, a.hearPlayer, a.plan, a.receive, a.takeNows, a.fetch, a.push, a.beat, a.tell, a.restart)
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				n.t.Errorf("agent: %v", err)
			}
		})
	}
	n.t.Cleanup(stop)
	select {
	case <-enrolled:
	case <-time.After(25 * time.Second):
		n.t.Fatal("not enrolled")
	}
	return a, stop
}

// until waits for something to become true.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(25 * time.Second); !holds(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("never: " + what)
		}
	}
}

// The methods below are for tests; they change what the node says.

func (n *town) tell() {
	n.beacon.Number++
	n.beacon.Time = micros() / 1000
}

func (n *town) doc(kind string, doc any, k seal.Key) string {
	return n.raw(n.seal(kind, doc, k))
}

func (n *town) raw(b []byte) string {
	n.docs[loa.Hash(b)] = b
	return loa.Hash(b)
}

func (n *town) policy(from, until int, mourning ...wire.Span) {
	n.beacon.Policies = []string{n.doc(wire.PolicyType, wire.Policy{Kind: "policy", Path: commune, Version: int64(len(n.docs) + 1),
		Volume: 80, Mourning: mourning, From: 1, Until: micros(), Hours: []wire.Hours{{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: from, Until: until}}}, n.authority)}
}

func (n *town) warrant(mp3 []byte, change func(*wire.Warrant)) wire.Warrant {
	now := micros() / 1000
	w := wire.Warrant{Kind: "play", ID: loa.NewID(time.Now()), Class: wire.Normal, Issuer: commune, Author: "p1", Title: "tin",
		Scope: []wire.Place{{Path: commune}}, From: now - 3_600_000, Until: now + 3_600_000, PlaysDay: 3, Plays: 3, Cap: 90,
		Speech: "synthetic", Approval: "passkey"}
	if mp3 != nil {
		n.media[loa.Hash(mp3)] = mp3
		w.Media = []wire.Media{{Hash: loa.Hash(mp3), Bytes: int64(len(mp3)), MS: int64(len(mp3) / wire.FrameBytes * 36), Form: wire.CanonicalForm}}
	}
	if change != nil {
		change(&w)
	}
	return w
}

func (n *town) urgent(mp3 []byte, change func(*wire.Warrant)) string {
	n.seq++
	h := n.doc(wire.WarrantType, n.warrant(mp3, func(w *wire.Warrant) {
		w.Class, w.Now, w.Seq = wire.Emergency, true, n.seq
		if change != nil {
			change(w)
		}
	}), n.authority)
	n.beacon.Now = append(n.beacon.Now, h)
	n.tell()
	return h
}

// plans puts a slot for a warrant some time ahead into a new plan.
func (n *town) plans(warrant string, in time.Duration) wire.Slot {
	s := wire.Slot{ID: "slot" + strconv.Itoa(len(n.slots)+1), Warrant: warrant, Start: micros()/1000 + in.Milliseconds()}
	n.slots = append(n.slots, s)
	n.plan(n.beacon.PlanVersion + 1)
	return s
}

func (n *town) plan(version int64) {
	now := micros() / 1000
	n.beacon.Plan = n.doc(wire.PlanType, wire.Plan{Kind: "plan", Path: commune, Version: version, Made: now, Until: now + 72*3_600_000, Slots: n.slots, Mutes: n.mutes}, n.dispatch)
	n.beacon.PlanVersion = version
	n.tell()
}

func (n *town) with(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

// line waits for the next line of a receipt.
func (n *town) line() wire.Line {
	n.t.Helper()
	select {
	case l := <-n.lines:
		return l
	case <-n.t.Context().Done():
	case <-time.After(25 * time.Second):
	}
	n.t.Fatal("no receipt came")
	return wire.Line{}
}

func (n *town) config(dir string) Config {
	return Config{Server: n.server.URL, Dir: dir, Code: n.code, Output: &Silent{Clock: loa.WallClock{}},
		Log:          slog.New(slog.NewTextHandler(n.t.Output(), nil)),
		ReceiptDelay: time.Millisecond, PullEvery: 100 * time.Millisecond, BeaconStale: time.Millisecond, BeatEvery: time.Second}
}

// start runs an agent until the test or stop ends it.
func (n *town) start(c Config) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, c) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				n.t.Errorf("agent: %v", err)
			}
		})
	}
	n.t.Cleanup(stop)
	return stop
}

// tone makes a canonical sound of so many seconds.
func tone(t *testing.T, seconds string, hz string) []byte {
	t.Helper()
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Fatal("ffmpeg is not installed: the sounds of these tests are made with it")
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, "-hide_banner", "-f", "lavfi", "-i", "sine=frequency="+hz+":duration="+seconds,
		"-ac", "1", "-ar", "32000", "-b:a", "64k", "-reservoir", "0", "-write_xing", "0", "-id3v2_version", "0", "-map_metadata", "-1", "-f", "mp3", "-")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, errs.String())
	}
	return out.Bytes()
}

func sealRaw(kind string, payload []byte, n *town) []byte {
	return must(seal.Seal(kind, payload, n.authority))
}
