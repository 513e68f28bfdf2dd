package edge

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"loa"
	"loa/seal"
	"loa/wire"
)

// clockwork runs an agent without its goroutines: the bodies of its loops are called
// one at a time, those that are ready in an order drawn from a seed, and when none is
// the clock jumps to the next thing due. So a day costs what is decided in it and
// nothing for waiting. What decides is the agent's own; left out are the loops'
// selects, the decoder (the sounds are silence of the right length), the four
// questions for the time, the seal on receipts and, as each document is, a chain made
// of the same delegations: it is made once. The state is written down by being kept. The same histories run in whole agents, fewer
// (TestDelivery).
type clockwork struct {
	pole   *pole
	order  *rand.Rand
	papers *wire.Reader
	chains *chains // nil for an agent that spares nothing
	state  *state
	node   *node // takes receipts, unless they are sealed

	at     time.Time
	ctx    context.Context //nolint:containedctx // of the run between two power cuts
	a      *agent
	horn   *horn
	block  []int16
	ear    ear
	skip   map[string]bool
	sounds []attempt

	blockAt, planAt, fetchAt, tellAt, beatAt time.Time
	fetchFails, tellFails                    int
}

// attempt is a now warrant that is to sound.
type attempt struct {
	j     *job
	fails int
	at    time.Time
}

// chains keeps what was built of the same root, delegations and epoch.
type chains struct {
	mu   sync.Mutex
	made map[[sha256.Size]byte]*seal.Trust
}

func (c *chains) chain(root seal.Root, list [][]byte, epoch int64) (*seal.Trust, error) {
	h := sha256.New()
	h.Write([]byte(root.Fingerprint()))
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(epoch)))
	for _, b := range list {
		name := sha256.Sum256(b)
		h.Write(name[:])
	}
	name := [sha256.Size]byte(h.Sum(nil))
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.made[name]; ok {
		return t, nil
	}
	t, err := seal.NewTrust(root, list, epoch)
	if err == nil {
		c.made[name] = t
	}
	return t, err
}

// Now and After are the agent's clock.
func (w *clockwork) Now() time.Time { return w.at }

// After is never asked: nothing here waits.
func (w *clockwork) After(time.Duration) <-chan time.Time { panic("a body of a loop waits") }

// still is a decoder's silence.
type still struct{}

func (still) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// build opens an agent. Its state is written down by being kept.
func (w *clockwork) build(c Config, h *horn) *agent {
	p := w.pole
	if w.chains == nil {
		w.a = must(open(p.t.Context(), c, p.disk, p.box))
		w.horn = h
		return w.a
	}
	c.ReceiptDelay = time.Minute
	k := &keep{disk: p.disk, st: w.state, ram: map[string][]byte{}, bad: map[string]bool{}}
	k.save = func(s *state) error { w.state = s; return nil }
	k.decode = func(io.Reader) (io.Reader, error) { return still{}, nil }
	k.given.Store(k.st.Given)
	a := must(openOn(p.t.Context(), c, k, p.box))
	a.papers, a.chain, a.timed = w.papers, w.chains.chain, w.timed
	a.client.own, a.client.open = p, p
	a.key, a.device, a.root = p.key, p.device, p.realm.root
	w.a, w.horn = a, h
	return a
}

// timed is the time if the node is there: its seal and nonce have their own tests.
func (w *clockwork) timed(ctx context.Context, _ *seal.Trust, _ loa.Path) (anchor, error) {
	w.pole.mu.Lock()
	defer w.pole.mu.Unlock()
	if status, _ := w.pole.answer("", "/device/v1/clock", nil); status == 0 || ctx.Err() != nil {
		return anchor{}, loa.Errorf(loa.Unavailable, "node.unreachable")
	}
	return w.a.clock.set(w.at.UnixMicro(), w.at), nil
}

// begin is where the loops would start.
func (w *clockwork) begin(ctx context.Context) {
	w.ctx, w.skip, w.sounds = ctx, map[string]bool{}, nil
	w.ear = ear{a: w.a, due: w.at}
	if w.block == nil {
		w.block = make([]int16, blockSamples)
	}
	w.blockAt, w.planAt, w.beatAt = w.at, w.at, w.at.Add(w.a.cfg.BeatEvery)
	w.fetchAt, w.tellAt = never, never
	w.fetchFails, w.tellFails = 0, 0
}

var never = time.UnixMilli(1 << 50)

// run lets time pass, and settles at its end.
func (w *clockwork) run(d time.Duration) {
	until := w.at.Add(d)
	for {
		for w.step() {
		}
		next := w.next()
		if w.ctx.Err() != nil || next.After(until) {
			break
		}
		if next.Before(w.at) {
			panic("what was due long ago is not ready")
		}
		w.at = next
	}
	if w.at = until; d > 0 {
		for w.step() {
		}
	}
}

// next is when something is due.
func (w *clockwork) next() time.Time {
	first := w.ear.due
	for _, at := range []time.Time{w.blockAt, w.planAt, w.fetchAt, w.tellAt, w.beatAt} {
		if at.Before(first) {
			first = at
		}
	}
	for _, s := range w.sounds {
		if s.at.Before(first) {
			first = s.at
		}
	}
	return first
}

// step runs one body of those that are ready, and reports whether there was one.
func (w *clockwork) step() bool {
	a := w.a
	if w.ctx.Err() != nil {
		return false // the power is gone
	}
	due := func(at time.Time) bool { return !at.After(w.at) }
	var ready [16]func()
	n := 0
	may := func(ok bool, f func()) {
		if ok {
			ready[n] = f
			n++
		}
	}
	may(len(a.pushed) > 0, w.hear)
	may(len(a.pull) > 0, w.look)
	may(due(w.ear.due), w.turn)
	may(len(a.nows) > 0, w.act)
	may(len(a.wake) > 0 || due(w.planAt), w.plan)
	may(len(a.want) > 0 || due(w.fetchAt), w.fetch)
	may(len(a.player.events) > 0, w.note)
	may(len(a.receipts.more) > 0, w.more)
	may(due(w.tellAt), w.tell)
	may(due(w.beatAt), w.beat)
	may(len(a.say) > 0, w.said)
	may(due(w.blockAt) || len(a.player.asked) > 0 && a.player.current == nil, w.sound)
	for i, s := range w.sounds {
		if due(s.at) {
			may(true, func() { w.attempt(i) })
			break
		}
	}
	if n == 0 {
		return false
	}
	ready[w.order.IntN(n)]()
	return true
}

func (w *clockwork) hear() { w.ear.pushed(w.ctx, <-w.a.pushed) }

func (w *clockwork) look() {
	<-w.a.pull
	w.ear.done(w.a.look(w.ctx))
}

func (w *clockwork) turn() { w.ear.turn(w.ctx) }

func (w *clockwork) act() {
	if j := w.a.actOn(w.ctx, <-w.a.nows); j != nil {
		w.sounds = append(w.sounds, attempt{j, 1, w.at})
	}
}

func (w *clockwork) attempt(i int) {
	s := w.sounds[i]
	w.sounds = append(w.sounds[:i:i], w.sounds[i+1:]...)
	if wait, again := w.a.attempt(w.ctx, s.j, s.fails); again {
		w.sounds = append(w.sounds, attempt{s.j, s.fails + 1, w.at.Add(wait)})
	}
}

// take empties a channel of one.
func take(ch chan struct{}) {
	select {
	case <-ch:
	default:
	}
}

func (w *clockwork) plan() {
	take(w.a.wake)
	w.planAt = w.at.Add(max(w.a.step(w.skip), time.Microsecond))
}

func (w *clockwork) fetch() {
	take(w.a.want)
	w.fetchAt = never
	if w.a.complete(w.ctx) {
		w.fetchFails = 0
		return
	}
	w.fetchFails++
	w.fetchAt = w.at.Add(backOff(w.fetchFails, 5*time.Minute))
}

func (w *clockwork) note() { w.a.note(<-w.a.player.events) }

func (w *clockwork) more() {
	take(w.a.receipts.more)
	if w.tellAt.Equal(never) {
		w.tellAt = w.at.Add(upTo(w.a.cfg.ReceiptDelay))
	}
}

func (w *clockwork) tell() {
	w.tellAt = never
	if len(w.a.receipts.batch()) == 0 {
		w.tellFails = 0
		return
	}
	if w.told() == nil {
		w.tellFails, w.tellAt = 0, w.at
		return
	}
	w.tellFails++
	w.tellAt = w.at.Add(backOff(w.tellFails, 15*time.Minute))
}

// told is send; whoever spares nothing seals what it says.
func (w *clockwork) told() error {
	if w.chains == nil {
		return w.a.send(w.ctx)
	}
	w.pole.mu.Lock()
	defer w.pole.mu.Unlock()
	lines := w.a.receipts.batch()
	if status, _ := w.pole.answer("", "/device/v1/lines", nil); status == 0 || w.ctx.Err() != nil {
		return loa.Errorf(loa.Unavailable, "node.unreachable")
	}
	w.node.take(lines)
	return w.a.receipts.acked(w.node.through)
}

func (w *clockwork) beat() {
	w.beatAt = w.at.Add(w.a.cfg.BeatEvery)
	w.a.beatOnce()
}

func (w *clockwork) said() {
	b := <-w.a.say
	if w.pole.said != nil {
		w.pole.said(b)
	}
}

// sound is the player between two blocks, and one block.
func (w *clockwork) sound() {
	p := w.a.player
	for len(p.asked) > 0 {
		(<-p.asked)(p)
	}
	p.fill(w.block)
	w.horn.hears()
	w.blockAt = w.at.Add(w.horn.wait())
}
