package edge

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"loa"
	"loa/seal"
	"loa/wire"
)

// Config is what one agent is told. Zero durations take the defaults named.
type Config struct {
	Server       string         // base URL of the node, "https://loa.example.vn"
	Dir          string         // everything the agent keeps
	Code         string         // enrolment code, "ABCD2345." and 16 characters of the root's fingerprint; needed once
	Output       Output         // where sound goes; never nil
	Amplifier    Amplifier      // switched around what sounds
	Mic          []string       // program that brings the microphone's raw samples, as Output takes them; empty for none
	Control      string         // path of the socket for programs at the box; "" for none
	Clock        loa.Clock      // the machine's clock; nil for the real one
	Log          *slog.Logger   // nil for none
	ReceiptDelay time.Duration  // receipts go within a random part of this; 120 s
	BeatEvery    time.Duration  // 60 s
	BeaconStale  time.Duration  // without a pushed beacon for this long, pull; 45 s
	PullEvery    time.Duration  // and then this often, a quarter more or less; 60 s
	Volume       int            // percent the box is set to; 100
	Cache        int64          // bytes of sounds kept; 512 MiB
	Version      string         // of the program, said in beats
	Updates      Updates        // how the program is replaced; without a product never
	HTTP         *http.Client   // nil for the agent's own way (carry.go); calls carry their own timeouts
	Roots        *x509.CertPool // who vouches for a node's certificate; nil for the system's
}

func (c Config) filled() (Config, error) {
	if c.Output == nil {
		return c, loa.Errorf(loa.Invalid, "output.unknown", "")
	}
	if c.Clock == nil {
		c.Clock = loa.WallClock{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Updates.Every <= 0 {
		c.Updates.Every = updateEvery
	}
	for _, d := range []struct {
		of    *time.Duration
		usual time.Duration
	}{
		{&c.ReceiptDelay, 120 * time.Second}, {&c.BeatEvery, time.Minute},
		{&c.BeaconStale, 45 * time.Second}, {&c.PullEvery, time.Minute},
	} {
		if *d.of <= 0 {
			*d.of = d.usual
		}
	}
	if c.Cache <= 0 {
		c.Cache = 512 << 20
	}
	if c.Volume <= 0 || c.Volume > 100 {
		c.Volume = 100
	}
	return c, nil
}

// agent is one running speaker. Its loops share only keep, clock and channels.
type agent struct {
	cfg      Config
	log      *slog.Logger
	clock    *clock
	client   client
	carrier  *carrier
	keep     *keep
	receipts *receipts
	player   *player
	papers   *wire.Reader // what is on disk, opened once
	timed    func(ctx context.Context, t *seal.Trust, place loa.Path) (anchor, error)
	chain    func(root seal.Root, delegations [][]byte, epoch int64) (*seal.Trust, error)
	key      seal.Key
	device   string
	root     seal.Root
	began    time.Time

	life     context.Context //nolint:containedctx // streams outlive the call that opens them, not the agent
	end      context.CancelFunc
	tail     *tail         // the last lines of the log
	again    chan struct{} // a setting said: start again
	fresh    atomic.Int64  // when the newest beacon heard was made, UTC ms
	adopted  bool          // receive's own: everything the beacon held names is here
	closing  sync.Mutex    // held while a slot that did not sound is written down
	trust    atomic.Pointer[seal.Trust]
	sounds   sync.WaitGroup // now warrants on their way to the player
	pinMu    sync.Mutex
	pinUntil time.Time   // no PIN is asked before
	mute     atomic.Bool // the output takes nothing
	unfit    int64       // version of the plan that was said not to fit; fetch's own
	planned  [2]string   // hashes of the plan and the placement that slots were last dealt with under; plan's own
	refused  int         // now warrants since known was last made smaller; takeNows' own
	known    sync.Map    // hashes of now warrants that need nothing more in this run → whether they were acted upon
	heard    atomic.Bool // a beacon came in this run and held
	sounded  atomic.Bool // the output took samples
	news     atomic.Pointer[news]

	wake   chan struct{}  // the plan, the clock or what is on disk changed
	want   chan struct{}  // something named is not on disk
	pull   chan struct{}  // look at the beacon now
	pushed chan []byte    // beacons that came by MQTT
	nows   chan []byte    // now warrants, pushed or fetched
	say    chan wire.Beat // what changed, for whoever listens
}

// Run is the agent until ctx ends. An agent that is not enrolled enrols first
// and waits for an officer. It returns an error only for what a person must
// mend: a wrong code, a foreign root, a folder it cannot use.
func Run(ctx context.Context, cfg Config) error {
	cfg, err := cfg.filled()
	if err != nil {
		return err
	}
	d, err := openFolder(cfg.Dir)
	if err != nil {
		return err
	}
	a, err := open(ctx, cfg, d, thisMachine())
	if err != nil {
		return err
	}
	defer a.end()
	if err := a.enrol(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	if err := a.settle(); err != nil {
		return err
	}
	return together(ctx, a.play, a.hearPlayer, a.amplify, a.control, a.plan, a.receive, a.takeNows, a.fetch, a.push, a.beat, a.tell, a.restart, a.update)
}

func open(ctx context.Context, cfg Config, d disk, box machine) (*agent, error) {
	k, err := openKeep(d)
	if err != nil {
		return nil, err
	}
	return openOn(ctx, cfg, k, box)
}

func openOn(ctx context.Context, cfg Config, k *keep, box machine) (*agent, error) {
	r, err := openReceipts(k)
	if err != nil {
		return nil, err
	}
	c := newClock(cfg.Clock, box, k.now().Clock)
	last := &tail{}
	for _, line := range lastLines(k.disk, tailLines) {
		_, _ = last.Write([]byte(line)) // it never fails
	}
	cfg.Log = slog.New(slog.NewMultiHandler(cfg.Log.Handler(), slog.NewTextHandler(last, nil)))
	life, end := context.WithCancel(context.WithoutCancel(ctx)) // until a.end, whatever the caller waits for
	w := newCarrier(k, c, cfg.Roots)
	a := &agent{
		life: life, end: end, tail: last, again: make(chan struct{}, 1),
		cfg: cfg, log: cfg.Log, keep: k, receipts: r, clock: c, began: cfg.Clock.Now(),
		client: w.node(cfg), carrier: w, chain: seal.NewTrust,
		player: newPlayer(cfg.Output, c), papers: &wire.Reader{},
		wake: make(chan struct{}, 1), want: make(chan struct{}, 1), pull: make(chan struct{}, 1),
		pushed: make(chan []byte, 16), nows: make(chan []byte, 64), say: make(chan wire.Beat, 64),
	}
	a.timed = func(ctx context.Context, t *seal.Trust, place loa.Path) (anchor, error) {
		return a.client.timed(ctx, t, place, a.clock)
	}
	return a, nil
}

// settle goes on where the last run ended: what was sounding then is written
// down as broken off, and an emergency that was not finished starts again.
func (a *agent) settle() error {
	st := a.keep.now()
	t, err := a.rebuild(a.pinned(), st.Trust, st.Epoch)
	if err != nil {
		a.log.Warn("trust on disk not usable", "error", err) // nothing sounds until a beacon brings another
		t, err = a.chain(a.pinned(), nil, st.Epoch)
		if err != nil {
			return err
		}
	}
	a.trust.Store(t)
	for _, l := range st.Sounding {
		if a.receipts.has(l.Slot, l.Warrant, l.Planned) {
			continue
		}
		l.Result, l.Why = wire.Partly, "agent.restarted"
		if err := a.receipts.add(l); err != nil {
			a.log.Error("receipt not written", "error", err)
		}
	}
	if len(st.Sounding) > 0 {
		if err := a.keep.update(func(s *state) { s.Sounding = map[string]wire.Line{} }); err != nil {
			a.log.Error("state not written", "error", err)
		}
	}
	for hash := range st.Pending {
		if b, ok := a.keep.doc(hash); ok {
			select {
			case a.nows <- b:
			default: // the beacon names it again
			}
		}
	}
	return nil
}

// together runs the loops until ctx ends or one fails, and waits for all. A
// panic in one is an error that ends them: the system restarts the program.
func together(ctx context.Context, loops ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, len(loops))
	for _, loop := range loops {
		go func() {
			defer cancel()
			failed <- guarded(ctx, loop)
		}()
	}
	var first error
	for range loops {
		if err := <-failed; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func guarded(ctx context.Context, loop func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return loop(ctx)
}

// rest waits d and reports whether the agent is still to run.
func (a *agent) rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-a.cfg.Clock.After(d):
		return true
	}
}

// upTo is a random part of d.
func upTo(d time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(d) + 1)) //nolint:gosec // it spreads load; nothing is gained by guessing it
}

// backOff is full jitter: a random part of a span that doubles from one second,
// so that speakers which lost the node together do not return together.
func backOff(fails int, most time.Duration) time.Duration {
	return upTo(min(most, time.Second<<min(fails-1, 12)))
}

// nudge puts a token into a channel of one unless one waits already.
func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// holdings is what the documents on disk say now, each seal checked again.
type holdings struct {
	placement wire.Placement
	policies  []wire.Policy
	plan      wire.Plan
	why       string // why nothing but an emergency may sound, "" if the policies are whole
}

// refusal is why as an error: a policy that is still to come is one to wait for.
func (h holdings) refusal() error {
	if h.why == "policy.missing" {
		return loa.Errorf(loa.Unavailable, h.why)
	}
	return loa.Errorf(loa.Forbidden, h.why)
}

func (a *agent) holdings() (holdings, error) {
	st, t, now := a.keep.now(), a.trust.Load(), a.clock.millis()
	var h holdings
	b, ok := a.keep.doc(st.Placement)
	if !ok {
		return h, loa.Errorf(loa.Unavailable, "placement.missing")
	}
	var err error
	if h.placement, err = a.papers.Placement(t, b, now); err != nil {
		return h, err
	}
	if st.Beacon.old(now) {
		h.why = judge(beaconOld, wire.Normal).why
	}
	for _, hash := range st.Beacon.Policies {
		b, ok := a.keep.doc(hash)
		if !ok {
			h.why = "policy.missing"
			continue
		}
		p, err := a.papers.Policy(t, b, now)
		switch {
		case err != nil:
			h.why = loa.KeyOf(err)
		case p.Version < st.Policy[p.Path]:
			h.why = "policy.old"
		default:
			h.policies = append(h.policies, p)
		}
	}
	if st.Plan == "" {
		return h, nil
	}
	if b, ok = a.keep.doc(st.Plan); !ok {
		return h, loa.Errorf(loa.Unavailable, "plan.missing")
	}
	h.plan, err = a.papers.Plan(t, b, now)
	return h, err
}

// rebuild makes a chain from a root and delegations on disk.
func (a *agent) rebuild(root seal.Root, hashes []string, epoch int64) (*seal.Trust, error) {
	var all [][]byte
	for _, h := range hashes {
		b, ok := a.keep.doc(h)
		if !ok {
			return nil, loa.Errorf(loa.Unavailable, "trust.missing")
		}
		all = append(all, b)
	}
	return a.chain(root, all, epoch)
}

// expected reports whether an error is the world's (no network, no room) and
// not a refusal.
func expected(err error) bool {
	return loa.CodeOf(err) == loa.Unavailable || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
