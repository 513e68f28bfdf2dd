package edge

// Stage 6a of 7: receive. Before: bytes from anybody, pushed or pulled. After:
// a beacon, plan, policy, placement or now warrant whose seal leads to the
// pinned root, newer than what was held.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"loa"
	"loa/seal"
	"loa/wire"
)

const (
	timeEvery   = 30 * time.Minute     // between two sealed times
	pullHealthy = 15 * time.Minute     // between two pulls while push works
	staleAfter  = 14 * time.Minute     // the newest beacon is older: the next beat says so, within a quarter of an hour
	early       = 5_000                // ms a now warrant may be ahead of our clock
	freshBeacon = 5 * 60_000           // ms: how old the first beacon may be for a box that holds no numbers
	maxAhead    = 366 * 24 * 3_600_000 // ms a now number may lie above the clock it follows (decision 0038)
)

// receive hears beacons until ctx ends.
func (a *agent) receive(ctx context.Context) error {
	e := ear{a: a, due: a.cfg.Clock.Now()} // the first turn is at once
	for {
		select {
		case <-ctx.Done():
			return nil
		case b := <-a.pushed:
			e.pushed(ctx, b)
		case <-a.pull:
			e.done(a.look(ctx))
		case <-a.cfg.Clock.After(e.due.Sub(a.cfg.Clock.Now())):
			e.turn(ctx)
		}
	}
}

// ear is what listening remembers from one message to the next.
type ear struct {
	a                  *agent
	lastPush, lastPull time.Time
	lastTime, lastTurn time.Time
	due                time.Time // of the next turn
	fails              int
}

// pushed hears what came by itself.
func (e *ear) pushed(ctx context.Context, b []byte) {
	err := e.a.hear(ctx, b)
	if err == nil && e.a.stale() == "" { // an old one again is no sign of life
		e.lastPush = e.a.cfg.Clock.Now()
	}
	e.done(err)
}

// turn asks for the time and for the beacon if they are due.
func (e *ear) turn(ctx context.Context) {
	a, now := e.a, e.a.cfg.Clock.Now()
	var err error
	e.lastTurn = now
	if a.clock.state() == wire.ClockUnknown || now.Sub(e.lastTime) >= timeEvery {
		if err = a.askTime(ctx); err == nil {
			e.lastTime = now
		}
	}
	if now.Sub(e.lastPush) >= a.cfg.BeaconStale || now.Sub(e.lastPull) >= pullHealthy {
		if err == nil || !expected(err) || a.clock.state() != wire.ClockUnknown {
			err = a.look(ctx)
		}
		e.lastPull = now
	}
	e.done(err)
}

// done says when the next turn is.
func (e *ear) done(err error) {
	a, now := e.a, e.a.cfg.Clock.Now()
	if err != nil {
		e.fails++
		e.due = now.Add(backOff(e.fails, a.cfg.PullEvery/2))
		a.log.Warn("beacon", "error", err)
		if !expected(err) {
			a.state("refused", "", "", loa.KeyOf(err))
		}
		return
	}
	e.fails = 0
	switch quiet := now.Sub(e.lastPush); {
	case quiet >= a.cfg.BeaconStale:
		e.due = now.Add(a.cfg.PullEvery*3/4 + upTo(a.cfg.PullEvery/2))
	case now.Sub(e.lastTurn) < pullHealthy: // pushes put a turn off, but not for ever
		e.due = now.Add(a.cfg.BeaconStale - quiet + upTo(a.cfg.PullEvery/4))
	}
}

// stale says that nothing fresh was heard for so long that somebody may be holding
// it back, "" if all is well. A beacon that was heard before proves nothing: whoever
// stands between can say it for ever.
func (a *agent) stale() string {
	now, heard := a.clock.millis(), a.fresh.Load()
	if heard == 0 {
		heard = now - a.cfg.Clock.Now().Sub(a.began).Milliseconds()
	}
	if now-heard > staleAfter.Milliseconds() {
		return "beacon.stale"
	}
	return ""
}

func (a *agent) commune() (loa.Path, error) {
	b, ok := a.keep.doc(a.keep.now().Placement)
	if !ok {
		return "", loa.Errorf(loa.Unavailable, "placement.missing")
	}
	// It was verified when it was taken; here only its place is read, which
	// must work with any clock.
	p, err := a.papers.PeekPlacement(b)
	if err != nil {
		return "", err
	}
	return p.Paths[0].Commune(), nil
}

func (a *agent) askTime(ctx context.Context) error { return a.askTimeUnder(ctx, a.trust.Load()) }

func (a *agent) askTimeUnder(ctx context.Context, t *seal.Trust) error {
	commune, err := a.commune()
	if err != nil {
		return err
	}
	at, err := a.timed(ctx, t, commune)
	if err != nil {
		return err
	}
	nudge(a.wake)
	return a.keep.update(func(s *state) { s.Clock = at })
}

// look pulls the beacon.
func (a *agent) look(ctx context.Context) error {
	commune, err := a.commune()
	if err != nil {
		return err
	}
	b, err := a.client.get(ctx, "/device/v1/beacon/"+string(commune), "")
	if err != nil {
		return err
	}
	return a.hear(ctx, b)
}

// hear takes a beacon: only one of our commune, sealed, with a number that does
// not fall; then everything it names is fetched. The same number again only
// repeats what is still missing.
func (a *agent) hear(ctx context.Context, b []byte) error {
	if a.clock.state() == wire.ClockUnknown {
		if err := a.learnTime(ctx, b); err != nil {
			return err
		}
	}
	commune, err := a.commune()
	if err != nil {
		return err
	}
	t, c, err := a.believe(ctx, b, commune)
	if err != nil {
		return err
	}
	if c.Path != commune {
		return loa.Errorf(loa.Forbidden, "seal.wrong_path", string(c.Path))
	}
	a.fresh.Store(max(a.fresh.Load(), c.Time))
	st := a.keep.now()
	if c.Number < st.Beacon.Number { // late on its way; a newer one was heard
		if a.adopted {
			return nil
		}
		return a.finish(ctx) // but the power may have failed before all it names was here
	}
	if away := a.clock.millis() - c.Time; st.Beacon.Number == 0 && (away > freshBeacon || away < -freshBeacon) {
		return loa.Errorf(loa.Unavailable, "beacon.stale", away/1000) // it decides which numbers are live
	}
	if c.Number > st.Beacon.Number {
		change := func(s *state) {
			if s.Beacon.Number == 0 || c.Epoch > s.Epoch {
				s.forget(c.Mark)
			}
			s.Beacon = beacons{Number: c.Number, Time: c.Time, Plan: c.Plan, PlanV: c.PlanVersion, Now: c.Now,
				Policies: c.Policies, Placements: c.Placements, Placed: s.Beacon.Placed, Release: c.Release}
			s.Beacon.Phrases = c.Phrases
			s.Trust, s.Epoch = c.Trust, max(c.Epoch, s.Epoch)
			if root := t.Root(); root.Version > 0 {
				s.Root = &root
			}
			s.Lived = s.Lived.on(a.clock.millis(), a.clock.box)
			s.prune(s.Lived.At)
		}
		err := a.keep.update(change)
		if noDisk(err) {
			a.keep.remember(change) // the emergencies it names must not wait for room
			err = nil
		}
		if err != nil {
			return err
		}
		if a.trust.Swap(t) != t {
			a.askAgain() // what no key could promise then, one may now
		}
	}
	a.heard.Store(true)
	if a.adopted && st.Beacon.says(c) && !slices.ContainsFunc(c.Now, a.open) {
		return nil // it says nothing new, and all it says is done
	}
	return a.finish(ctx)
}

// finish adopts, and remembers whether that was everything.
func (a *agent) finish(ctx context.Context) error {
	a.adopted = false
	if err := a.adopt(ctx); err != nil {
		return err
	}
	a.adopted = true
	return nil
}

// believe verifies a beacon. If it names delegations or an epoch we do not
// hold, they are fetched first; what they are worth the root decides.
func (a *agent) believe(ctx context.Context, b []byte, commune loa.Path) (*seal.Trust, wire.Beacon, error) {
	peek, err := a.papers.PeekBeacon(b)
	if err != nil {
		return nil, peek, err
	}
	st := a.keep.now()
	if peek.Epoch < st.Epoch {
		return nil, peek, loa.Errorf(loa.Forbidden, "beacon.old_epoch", peek.Epoch, st.Epoch)
	}
	t := a.trust.Load()
	sameRoot := peek.Root == "" || peek.Root == t.Root().Fingerprint()
	if sameRoot && peek.Epoch == st.Epoch && slices.Equal(peek.Trust, st.Trust) {
		c, err := a.papers.Beacon(t, b, a.clock.millis())
		return t, c, err
	}
	if t, err = a.candidate(ctx, peek, commune); err != nil {
		return nil, peek, err
	}
	c, err := a.papers.Beacon(t, b, a.clock.millis())
	return t, c, err
}

func (a *agent) fetchTrust(ctx context.Context, hashes []string, commune loa.Path) error {
	missing := func(h string) bool { _, ok := a.keep.doc(h); return !ok }
	if !slices.ContainsFunc(hashes, missing) {
		return nil
	}
	list, err := a.client.trust(ctx, commune)
	if err != nil {
		return err
	}
	for _, d := range list {
		if slices.Contains(hashes, loa.Hash(d)) {
			if err := a.keep.putDoc(d); err != nil {
				return err
			}
		}
	}
	for _, h := range hashes {
		if _, err := a.document(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// document is a sealed document from disk or, by hash, from the node.
func (a *agent) document(ctx context.Context, hash string) ([]byte, error) {
	if b, ok := a.keep.doc(hash); ok {
		return b, nil
	}
	b, err := a.client.doc(ctx, hash)
	if err != nil {
		return nil, err
	}
	return b, a.keep.putDoc(b)
}

// adopt brings what the last beacon names and takes it over, the urgent first.
func (a *agent) adopt(ctx context.Context) error {
	st := a.keep.now()
	errs := []error{a.bringNows(ctx, st.Beacon.Now)}
	if st.Beacon.Placements > st.Beacon.Placed {
		errs = append(errs, a.replace(ctx, st.Beacon.Placements))
	}
	for _, hash := range st.Beacon.Policies {
		errs = append(errs, a.takePolicy(ctx, hash))
	}
	errs = append(errs, a.bringNows(ctx, st.Beacon.Now)) // what waited for place or policy; nothing, as a rule
	if h := st.Beacon.Phrases; h != "" && h != st.Phrases.Hash && h != st.Phrases.Next {
		errs = append(errs, a.takePhrases(ctx, h))
	}
	if st.Beacon.Plan != "" && st.Beacon.Plan != st.Plan {
		errs = append(errs, a.takePlan(ctx, st.Beacon.Plan))
	}
	nudge(a.wake)
	nudge(a.want)
	return errors.Join(errs...)
}

// bringNows hands over every live now warrant that was not dealt with.
func (a *agent) bringNows(ctx context.Context, hashes []string) error {
	var errs []error
	for _, hash := range hashes {
		if !a.open(hash) {
			continue
		}
		b, err := a.document(ctx, hash)
		if err != nil && !noDisk(err) { // an emergency goes on from memory
			errs = append(errs, err)
			continue
		}
		select {
		case a.nows <- b:
		case <-ctx.Done():
			return nil
		}
	}
	return errors.Join(errs...)
}

func (a *agent) replace(ctx context.Context, counter int64) error {
	token, err := a.token()
	if err != nil {
		return err
	}
	b, err := a.client.get(ctx, "/device/v1/placement/"+a.device, token)
	if err != nil {
		return err
	}
	p, err := a.openPlacement(a.trust.Load(), b)
	if err != nil {
		return err
	}
	if err := a.keep.putDoc(b); err != nil {
		return err
	}
	if err := a.keep.update(func(s *state) {
		s.Placement, s.Version, s.Beacon.Placed = loa.Hash(b), p.Version, counter
	}); err != nil {
		return err
	}
	a.askAgain() // what was meant for others there may be meant for us here
	return nil
}

func (a *agent) takePolicy(ctx context.Context, hash string) error {
	b, err := a.document(ctx, hash)
	if err != nil {
		return err
	}
	p, err := a.papers.Policy(a.trust.Load(), b, a.clock.millis())
	if err != nil {
		return err
	}
	have := a.keep.now().Policy[p.Path]
	if p.Version < have {
		return loa.Errorf(loa.Conflict, "policy.old", p.Version, have)
	}
	if p.Version == have {
		return nil
	}
	return a.keep.update(func(s *state) { s.Policy[p.Path] = p.Version })
}

// takePlan replaces the plan by a higher version and by nothing else.
func (a *agent) takePlan(ctx context.Context, hash string) error {
	commune, err := a.commune()
	if err != nil {
		return err
	}
	b, err := a.document(ctx, hash)
	if err != nil {
		return err
	}
	p, err := a.papers.Plan(a.trust.Load(), b, a.clock.millis())
	if err != nil {
		return err
	}
	if p.Path != commune {
		return loa.Errorf(loa.Forbidden, "seal.wrong_path", string(p.Path))
	}
	if have := a.keep.now().PlanVersion; p.Version <= have {
		return loa.Errorf(loa.Conflict, "plan.old", p.Version, have)
	}
	a.passed(p) // with the old plan goes the knowledge of what was missed
	if err := a.keep.update(func(s *state) { s.Plan, s.PlanVersion = hash, p.Version }); err != nil {
		return err
	}
	a.player.ask(func(pl *player) { pl.replan(p, a.clock.millis()) })
	return nil
}

// takeNows acts on now warrants, apart from beacons so that an emergency never
// waits behind a slow download.
func (a *agent) takeNows(ctx context.Context) error {
	defer a.sounds.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case b := <-a.nows:
			if j := a.actOn(ctx, b); j != nil {
				a.sounds.Go(func() { // its download must not hold up the next one
					if err := guarded(ctx, func(ctx context.Context) error { a.sound(ctx, j); return nil }); err != nil {
						a.log.Error("now warrant", "hash", j.hash, "error", err)
					}
				})
			}
		}
	}
}

// actOn takes a now warrant once, and returns what is to sound, nil for nothing.
func (a *agent) actOn(ctx context.Context, b []byte) *job {
	hash := loa.Hash(b)
	if _, done := a.known.Load(hash); done {
		return nil
	}
	j, err := a.takeNow(ctx, b)
	switch {
	case err == nil:
		a.known.LoadOrStore(hash, false)
	case expected(err) && !noDisk(err):
		a.log.Warn("now warrant waits", "hash", hash, "error", err) // the beacon names it again
		a.state("refused", "", hash, loa.KeyOf(err))
	default:
		if a.refused++; a.refused > maxKept { // an enemy invents for ever; memory does not
			a.refused = 0
			a.askAgain()
		}
		a.known.Store(hash, false)
		a.log.Warn("now warrant refused", "hash", hash, "error", err)
		a.refuseNow(hash, loa.KeyOf(err))
	}
	return j
}

// open reports whether a now warrant still wants something done.
func (a *agent) open(hash string) bool {
	_, done := a.known.Load(hash)
	return !done
}

// askAgain forgets which now warrants came to nothing, but not those acted upon:
// the trust or the place they were asked under is another now.
func (a *agent) askAgain() {
	a.known.Range(func(hash, acted any) bool {
		if acted == false {
			a.known.Delete(hash)
		}
		return true
	})
}

// takeNow checks a now warrant, writes its number down and acts on it: what sounds
// is returned.
func (a *agent) takeNow(ctx context.Context, b []byte) (*job, error) {
	hash := loa.Hash(b)
	if a.clock.state() == wire.ClockUnknown {
		if err := a.askTime(ctx); err != nil {
			return nil, loa.Errorf(loa.Unavailable, "clock.unknown").Because(err)
		}
	}
	if a.keep.now().Beacon.Number == 0 {
		// What was written down about numbers is lost or never was: only a fresh
		// beacon says which are live.
		if err := a.look(ctx); err != nil {
			return nil, fmt.Errorf("now without a beacon: %w", err)
		}
	}
	h, err := a.holdings()
	if err != nil && h.placement.Device == "" {
		return nil, err
	}
	now := a.clock.millis()
	w, mark, err := a.openNow(b, now, func() error { return a.look(ctx) })
	switch {
	case err != nil:
		return nil, err
	case !w.Now:
		return nil, loa.Errorf(loa.Invalid, "warrant.not_now")
	case !wire.SettingFor(w, h.placement):
		return nil, nil
	case h.placement.Revoked:
		return nil, loa.Errorf(loa.Forbidden, "placement.revoked")
	case now >= w.Until:
		return nil, loa.Errorf(loa.Conflict, "warrant.expired")
	case now < w.From-early:
		return nil, loa.Errorf(loa.Unavailable, "warrant.early") // its time may come
	}
	st := a.keep.now()
	if w.Seq > now+maxAhead {
		return nil, loa.Errorf(loa.Forbidden, "now.number_ahead", w.Seq)
	}
	if w.Seq <= st.Floor && !slices.Contains(st.Beacon.Now, hash) {
		// Numbers up to here were forgotten: only a beacon says whether this one
		// still holds. It names it again if it does.
		nudge(a.pull)
		return nil, loa.Errorf(loa.Unavailable, "now.unconfirmed", w.Seq)
	}
	why, same := st.Now[w.Issuer].seen(w.Seq, hash)
	_, pending := st.Pending[hash]
	if same && !pending {
		return nil, nil
	}
	if why != "" && !same {
		return nil, loa.Errorf(loa.Conflict, why, w.Seq)
	}
	switch w.Kind {
	case wire.Stop:
		return nil, a.halt(w, b)
	case wire.Set:
		return nil, a.apply(ctx, w, b)
	}
	if st.Beacon.old(now) {
		v := judge(beaconOld, w.Class)
		if v.do != sounds {
			return nil, loa.Errorf(loa.Forbidden, v.why)
		}
		mark = v.why
	}
	ms := a.shelf().ms(w)
	volume := 100
	if w.Class != wire.Emergency {
		if h.why != "" {
			return nil, h.refusal()
		}
		if wire.Muted(h.plan.Mutes, h.placement, now, ms) {
			return nil, loa.Errorf(loa.Forbidden, wire.WhyMuted)
		}
		allowed := wire.DeviceAllows(h.policies, h.placement, w.Class, w.Role, now, ms)
		if allowed.Why != "" {
			return nil, loa.Errorf(loa.Forbidden, allowed.Why)
		}
		volume = allowed.Volume
	}
	if st.stopped(hash, w) {
		return nil, loa.Errorf(loa.Conflict, "warrant.stopped")
	}
	if err := a.number(w, b, func(s *state) { s.Pending[hash] += 0 }); err != nil {
		return nil, err
	}
	a.known.Store(hash, true)
	a.state("accepted", "", hash, "")
	return &job{
		warrant: w, hash: hash, mark: mark, volume: a.loudness(w, h.placement, volume),
		held: h,
	}, nil
}

// number writes down that a now number was used, before anything sounds. On a disk
// that takes nothing an emergency goes on from memory.
func (a *agent) number(w wire.Warrant, b []byte, also func(*state)) error {
	hash := loa.Hash(b)
	err := a.keep.putDoc(b)
	if err == nil {
		err = a.keep.update(func(s *state) {
			s.Now[w.Issuer] = s.Now[w.Issuer].with(w.Seq, hash)
			also(s)
		})
	}
	if memoryWill(err, w.Class) {
		a.keep.inMemory(b)
		a.keep.remember(func(s *state) {
			s.Now[w.Issuer] = s.Now[w.Issuer].with(w.Seq, hash)
			also(s)
		})
		return nil
	}
	return err
}

// halt silences what a stop names, now and in every later plan.
func (a *agent) halt(w wire.Warrant, b []byte) error {
	err := a.number(w, b, func(s *state) {
		for _, h := range w.Stops {
			s.Stops[h] = append(s.Stops[h], halt{Issuer: w.Issuer, Class: w.Class, At: w.From})
			delete(s.Pending, h)
		}
	})
	if err != nil {
		return err
	}
	st := a.keep.now()
	a.player.ask(func(p *player) { p.stop(st.stopped) })
	a.known.Store(loa.Hash(b), true)
	a.state("accepted", "", loa.Hash(b), "")
	nudge(a.wake)
	return nil
}

// refuseNow writes a refused now warrant down once per run and says so.
func (a *agent) refuseNow(hash, why string) {
	a.state("refused", "", hash, why)
	l := wire.Line{Warrant: hash, Planned: a.clock.millis(), Result: wire.Refused, Why: why, Clock: a.clock.state()}
	if a.receipts.many() {
		a.log.Warn("a refusal is not written down: too many wait for the node", "hash", hash)
	} else if err := a.receipts.add(l); err != nil {
		a.log.Error("receipt not written", "error", err)
		return
	}
	if _, pending := a.keep.now().Pending[hash]; !pending {
		return
	}
	if err := a.keep.update(func(s *state) { delete(s.Pending, hash) }); err != nil {
		a.log.Error("state not written", "error", err)
	}
}
