package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"loa"
	"loa/seal"
	"loa/wire"
)

// realm is keys and delegations: a country, its province, two communes, and the
// machine keys of one of them. Sealing the same bytes twice costs once.
type realm struct {
	root      seal.Root
	country   seal.Key // authority of vn
	province  seal.Key // authority of vn/97
	authority seal.Key // of the commune
	sibling   seal.Key // authority of the next commune
	minor     seal.Key // authority of the commune, but not for emergencies
	dispatch  seal.Key
	beacon    seal.Key
	stranger  seal.Key // nobody delegated it
	trust     [][]byte

	mu   sync.Mutex
	made map[string][]byte
}

const neighbour loa.Path = "vn/97/97002"

func newRealm() *realm {
	rootKey := must(seal.NewKey())
	r := &realm{root: seal.Root{Name: "realm", Keys: []string{seal.EncodePublic(rootKey.Public)}, Threshold: 1, Demo: true}, made: map[string][]byte{}}
	for _, k := range []*seal.Key{&r.country, &r.province, &r.authority, &r.sibling, &r.minor, &r.dispatch, &r.beacon, &r.stranger} {
		*k = must(seal.NewKey())
	}
	give := func(role seal.Role, k seal.Key, path loa.Path, classes ...string) {
		d := seal.Delegation{Kind: "delegation", Role: role, Keys: []string{seal.EncodePublic(k.Public)}, Threshold: 1,
			Paths: []loa.Path{path}, Classes: classes, From: 1, Until: 4e12}
		r.trust = append(r.trust, r.seal(seal.DelegationType, d, rootKey))
	}
	give(seal.Authority, r.province, "vn/97", wire.Classes()...)
	give(seal.Authority, r.authority, commune, wire.Classes()...)
	give(seal.Authority, r.sibling, neighbour, wire.Classes()...)
	give(seal.Authority, r.minor, commune, string(wire.Normal), string(wire.Priority), string(wire.Exercise))
	give(seal.Dispatch, r.dispatch, commune, wire.Classes()...)
	give(seal.Beacon, r.beacon, commune, wire.Classes()...)
	return r
}

func (r *realm) seal(kind string, doc any, k seal.Key) []byte {
	payload := must(wire.Encode(doc))
	name := seal.EncodePublic(k.Public) + kind + string(payload)
	r.mu.Lock()
	defer r.mu.Unlock()
	b, ok := r.made[name]
	if !ok {
		if len(r.made) > 10_000 {
			clear(r.made)
		}
		b = must(seal.Seal(kind, payload, k))
		r.made[name] = b
	}
	return b
}

func (r *realm) hashes() []string {
	var all []string
	for _, b := range r.trust {
		all = append(all, loa.Hash(b))
	}
	return all
}

// pole is the real agent with all its loops in a synctest bubble, so that hours
// pass in milliseconds and nothing is left to chance but the order of goroutines.
// Taken away are MQTT's socket (push hands bytes over as its callback does), the
// network (answer stands in for whoever answers HTTP) and the horn.
type pole struct {
	t      testing.TB
	realm  *realm
	disk   *glass
	device string
	key    seal.Key
	box    machine
	clock  loa.Clock
	pull   time.Duration                                                      // 0 as usual
	answer func(method, path string, body []byte) (status int, answer []byte) // under mu
	heard  func(*job)                                                         // a first sample, under mu
	during func(*job)                                                         // every block that sounds, under mu
	said   func(wire.Beat)                                                    // nil, or what would go over MQTT
	carry  func(*carrier)                                                     // nil, or a network of its own instead of answer
	work   *clockwork                                                         // nil for all loops at once, in a bubble

	mu    sync.Mutex
	a     *agent
	end   context.CancelFunc
	ended chan error
	quit  chan struct{}
}

// newPole is a box that was enrolled and placed before the bubble began.
func newPole(t testing.TB, r *realm, placement wire.Placement) *pole {
	return newPoleAt(t, r, placement, loa.WallClock{})
}

func newPoleAt(t testing.TB, r *realm, placement wire.Placement, clock loa.Clock) *pole {
	began := clock.Now()
	p := &pole{t: t, realm: r, disk: newGlass(), key: must(seal.NewKey()), device: placement.Device, clock: clock,
		box: machine{boot: "1", up: func() time.Duration { return clock.Now().Sub(began) }}}
	placement.Key = seal.EncodePublic(p.key.Public)
	k := must(openKeep(p.disk))
	b := must(seal.Seal(wire.PlacementType, must(wire.Encode(placement)), r.authority))
	for _, d := range append([][]byte{b}, r.trust...) {
		p.ok(k.putDoc(d))
	}
	who := slots{disk: p.disk, name: "identity"}
	p.ok(who.store(must(json.Marshal(identity{p.key.Seed(), p.device, r.root}))))
	p.ok(k.update(func(s *state) {
		s.Since, s.Trust, s.Placement, s.Version = began.UnixMilli(), r.hashes(), loa.Hash(b), placement.Version
	}))
	return p
}

func (p *pole) ok(err error) {
	p.t.Helper()
	if err != nil {
		panic(err)
	}
}

// on starts the program, as the box does when it gets power.
func (p *pole) on() {
	p.quit, p.ended = make(chan struct{}), make(chan error, 1)
	h := &horn{pole: p, quit: p.quit, seen: map[*job]bool{}}
	c := must(Config{Server: "http://node", Dir: "glass", Output: h, Clock: p.clock, Log: slog.New(slog.DiscardHandler),
		HTTP: &http.Client{Transport: p}, ReceiptDelay: time.Second, PullEvery: p.pull}.filled())
	if p.carry != nil {
		c.Server, c.HTTP = "https://node.test", nil
	}
	var a *agent
	if p.work != nil {
		a = p.work.build(c, h)
	} else {
		a = must(open(p.t.Context(), c, p.disk, p.box))
	}
	h.a = a
	if p.carry != nil {
		p.carry(a.carrier)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.mu.Lock()
	p.a, p.end = a, cancel
	p.mu.Unlock()
	if a.device == "" {
		p.ok(a.enrol(ctx))
	}
	p.ok(a.settle())
	if p.work != nil {
		p.work.begin(ctx)
		return
	}
	go func() {
		p.ended <- together(ctx, a.play, a.hearPlayer, a.plan, a.receive, a.takeNows, a.fetch, a.push, a.beat, a.tell, p.listen)
	}()
}

// off is a power cut: whatever the program was at, it ends, and the disk holds
// what was forced to it.
func (p *pole) off() {
	p.end()
	close(p.quit)
	if p.work == nil {
		p.ok(<-p.ended)
	}
	p.disk = p.disk.after(0, nil)
}

// now is UTC in milliseconds by the machine's clock.
func (p *pole) now() int64 { return p.clock.Now().UnixMilli() }

// dark lets time pass while the box has no power.
func (p *pole) dark(d time.Duration) {
	if p.work != nil {
		p.work.at = p.work.at.Add(d)
		return
	}
	time.Sleep(d)
}

// rest lets time pass.
func (p *pole) rest(d time.Duration) {
	if p.work != nil {
		p.work.run(d)
		return
	}
	if d > 0 {
		time.Sleep(d)
	}
	synctest.Wait()
}

func (p *pole) listen(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case b := <-p.a.say:
			if p.said != nil {
				p.mu.Lock()
				p.said(b)
				p.mu.Unlock()
			}
		}
	}
}

// push hands over what came on a topic, as the MQTT callback does.
func (p *pole) push(to chan []byte, b []byte) {
	select {
	case to <- b:
	default:
		nudge(p.a.pull)
	}
	p.rest(0)
}

// Do is the network without the client.
func (p *pole) Do(r *http.Request) (*http.Response, error) { return p.RoundTrip(r) }

// RoundTrip is the network.
func (p *pole) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	status, b := p.answer(r.Method, r.URL.Path, body)
	if status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(b)), Header: http.Header{}, Request: r}, nil
}

// horn is an output that keeps time. While nothing sounds or is due it waits for
// the player to be asked instead of writing silence fifty times a second.
type horn struct {
	pole *pole
	a    *agent
	quit chan struct{}
	seen map[*job]bool
}

func (h *horn) Write(pcm []int16) error {
	h.hears()
	select {
	case <-h.quit:
	case <-h.a.cfg.Clock.After(h.wait()):
	case f := <-h.a.player.asked: // by the same goroutine, between two blocks: as the player itself does
		f(h.a.player)
	}
	return nil
}

// hears tells whoever listens what sounds.
func (h *horn) hears() {
	if j := h.a.player.current; j != nil && j.started != 0 {
		h.pole.mu.Lock()
		if !h.seen[j] {
			h.seen[j] = true
			h.pole.heard(j)
		}
		if h.pole.during != nil {
			h.pole.during(j)
		}
		h.pole.mu.Unlock()
	}
}

// wait is until the next block that matters.
func (h *horn) wait() time.Duration {
	p, wait := h.a.player, 20*time.Millisecond
	if p.current == nil && len(p.urgent)+len(p.paused) == 0 {
		wait = 24 * time.Hour
		for _, j := range p.scheduled {
			wait = min(wait, max(20*time.Millisecond, time.Duration(j.at-h.a.clock.micros()-20_000)*time.Microsecond))
		}
	}
	return wait
}

func (h *horn) Delay() time.Duration { return 0 }
func (h *horn) Close() error         { return nil }

// node answers as a node does, from what it holds.
type node struct {
	realm     *realm
	docs      map[string][]byte
	media     map[string][]byte
	beacon    []byte
	placement []byte
	through   int64
	lines     []wire.Line
	clock     func() int64 // UTC µs
}

func newNode(r *realm) *node {
	return &node{realm: r, docs: map[string][]byte{}, media: map[string][]byte{}, clock: func() int64 { return time.Now().UnixMicro() }}
}

func (n *node) add(b []byte) string {
	n.docs[loa.Hash(b)] = b
	return loa.Hash(b)
}

func (n *node) answer(_, path string, body []byte) (int, []byte) {
	call, rest, _ := strings.Cut(strings.TrimPrefix(path, "/device/v1/"), "/")
	found := func(b []byte) (int, []byte) {
		if b == nil {
			return http.StatusNotFound, nil
		}
		return http.StatusOK, b
	}
	switch call {
	case "beacon":
		return found(n.beacon)
	case "doc":
		return found(n.docs[rest])
	case "media":
		return found(n.media[rest])
	case "placement":
		return found(n.placement)
	case "trust":
		return http.StatusOK, must(json.Marshal(map[string]any{"delegations": n.realm.trust}))
	case "doors":
		return http.StatusOK, []byte(`{"mqtt":[]}`)
	case "time":
		var q struct{ Nonce string }
		_ = json.Unmarshal(body, &q) // the agent's own question
		at := n.clock()
		return http.StatusOK, must(seal.Seal(wire.TimeType, must(wire.Encode(wire.Time{Kind: "time", Nonce: q.Nonce, Received: at, Sent: at})), n.realm.beacon))
	case "receipts":
		o := must(seal.Open(body, wire.MaxReceipt))
		var r wire.Receipt
		if err := json.Unmarshal(o.Payload, &r); err != nil {
			panic(err)
		}
		n.take(r.Lines)
		return http.StatusOK, must(json.Marshal(wire.Ack{Through: n.through}))
	}
	return http.StatusNotFound, nil
}

// take takes over the lines that follow.
func (n *node) take(lines []wire.Line) {
	for _, l := range lines {
		if l.N == n.through+1 {
			n.through++
			n.lines = append(n.lines, l)
		}
	}
}

// phrases is a sealed set with what goes before an exercise.
func (r *realm) phrases(mp3 []byte) []byte {
	entry := func(id string, frame int) wire.PhraseEntry {
		return wire.PhraseEntry{ID: id, Media: mediaOf(frames(mp3, frame)), Text: "Diễn tập."}
	}
	s := wire.PhraseSet{Kind: "phrases", Path: commune, Version: 1, From: 1, Until: 4e12, Entries: []wire.PhraseEntry{entry(wire.SirenPhrase, 2), entry(wire.ExercisePrefix, 3)}}
	s.Entries[0].Text = ""
	return r.seal(wire.PhrasesType, s, r.authority)
}

// speaks gives a node the set's sounds.
func (n *node) speaks(mp3 []byte) string {
	for _, frame := range []int{2, 3} {
		n.media[loa.Hash(frames(mp3, frame))] = frames(mp3, frame)
	}
	return n.add(n.realm.phrases(mp3))
}

// frames is a sound of so many frames of 36 ms.
func frames(mp3 []byte, n int) []byte { return mp3[:n*wire.FrameBytes] }

func mediaOf(mp3 []byte) wire.Media {
	return wire.Media{Hash: loa.Hash(mp3), Bytes: int64(len(mp3)), MS: int64(len(mp3)) / wire.FrameBytes * 36, Form: wire.CanonicalForm}
}

// id is a fixed id of the shape loa.NewID makes.
func id(name string) string { return strings.Repeat("0", 26-len(name)) + name }
