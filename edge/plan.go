package edge

// Stage 6c of 7: plan. Before: documents on disk and a clock. After: the next
// slot, asked once more whether it may sound, written down as done, and given
// to the player with its minute; or a line that says why not.

import (
	"context"
	"slices"
	"time"

	"loa"
	"loa/wire"
)

const (
	ahead = 1500      // ms before its start a slot is prepared: seals, hash, state on disk
	late  = wire.Late // ms after its start a slot is missed and no longer played
)

// plan gives slots to the player, one after the other, until ctx ends.
func (a *agent) plan(ctx context.Context) error {
	skip := map[string]bool{} // slots that are not ours, or could not be written down
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.wake:
		case <-a.cfg.Clock.After(a.step(skip)):
		}
	}
}

// step deals with every slot that is due and says how long until the next.
func (a *agent) step(skip map[string]bool) time.Duration {
	const idle = time.Minute
	later := map[string]bool{} // past, but whose they were is not known yet
	if a.clock.state() == wire.ClockUnknown {
		return idle
	}
	h, err := a.holdings()
	if err != nil {
		a.log.Warn("nothing to play from", "error", err)
		return idle
	}
	if st := a.keep.now(); a.planned != [2]string{st.Plan, st.Placement} {
		a.planned = [2]string{st.Plan, st.Placement}
		clear(skip) // the same id may be another slot, or ours
	}
	for {
		st, now := a.keep.now(), a.clock.millis()
		s, ok := wire.Next(h.plan, st.Since, func(id string) bool {
			_, done := st.Done[id]
			return done || skip[id] || later[id]
		})
		if !ok {
			return idle
		}
		if wait := s.Start - ahead - now; wait > 0 {
			return min(idle, time.Duration(wait)*time.Millisecond)
		}
		j, mine, err := a.prepare(s, h)
		switch {
		case !mine:
			skip[s.ID] = true
		case err == nil:
			skip[s.ID] = true
			a.player.ask(func(p *player) { p.schedule(j) })
			a.state("accepted", s.ID, s.Warrant, "")
		case now > s.Start+late && (loa.KeyOf(err) == "warrant.missing" || a.clock.guessed() || a.clock.passedOver()):
			later[s.ID] = true // a battery or a node that is 7 hours ahead must not take the day away
		case now > s.Start+late:
			a.close(s, wire.Missed, "slot.missed")
			skip[s.ID] = true
		case mayArrive(err) && now < s.Start+late/2:
			nudge(a.want)
			return 200 * time.Millisecond
		case loa.KeyOf(err) == "warrant.stopped":
			a.close(s, wire.Stopped, "warrant.stopped")
			skip[s.ID] = true
		default:
			a.close(s, wire.Refused, loa.KeyOf(err))
			skip[s.ID] = true
		}
	}
}

// mayArrive reports whether a slot lacks only what the node may still bring.
func mayArrive(err error) bool {
	key := loa.KeyOf(err)
	return key == "media.missing" || key == "media.damaged" || key == "warrant.missing"
}

// prepare asks everything about one slot and, if it may sound, writes down that
// it does before it does: a power cut then never makes it sound twice.
func (a *agent) prepare(s wire.Slot, h holdings) (j *job, mine bool, err error) {
	if !wire.MaybeForMe(s, h.placement) {
		return nil, false, nil
	}
	b, ok := a.keep.doc(s.Warrant)
	if !ok {
		return nil, true, loa.Errorf(loa.Unavailable, "warrant.missing")
	}
	w, err := a.papers.Warrant(a.trust.Load(), b, s.Start)
	if err != nil {
		return nil, true, err
	}
	if !wire.ForMe(s, w, h.placement) {
		return nil, false, nil
	}
	no := func(why string) (*job, bool, error) { return nil, true, loa.Errorf(loa.Forbidden, why) }
	st := a.keep.now()
	if st.stopped(s.Warrant, w) {
		return no("warrant.stopped")
	}
	if a.clock.millis() > s.Start+late {
		return no("slot.missed")
	}
	if s.Start >= h.plan.Until {
		return no("plan.expired")
	}
	if h.why != "" {
		return no(h.why)
	}
	if wire.Muted(h.plan.Mutes, h.placement, s.Start, wire.SlotMS(s, w)) {
		return no(wire.WhyMuted)
	}
	allowed, ok := wire.SlotAllowed(s, w, h.placement, h.policies)
	if !ok {
		return no(allowed.Why)
	}
	plays := st.Counts[s.Warrant]
	var why string
	if plays.Plays, why = plays.Add(s, w); why != "" {
		return no(why)
	}
	j = &job{
		slot: s, warrant: w, hash: s.Warrant, at: s.Start * 1000,
		volume: a.loudness(w, h.placement, allowed.Volume), held: h,
	}
	if w.Kind == wire.Stream {
		j.src = &source{parts: []part{{relay: a.tune(w), samples: w.Length * Rate / 1000}}}
	} else if j.src, err = a.keep.source(w.Media, s.Repeat); err != nil {
		if loa.KeyOf(err) == "media.missing" && a.keep.free() < bytesOf(w) {
			err = loa.Errorf(loa.Unavailable, "disk.full").Because(err)
		}
		return nil, true, err
	}
	a.used(w.Media)
	plays.Until = w.Until
	err = a.keep.update(func(s *state) {
		s.Done[j.slot.ID] = j.slot.Start
		s.Counts[j.hash] = plays
		s.Sounding[j.name()] = j.line(a.clock.state())
	})
	if err != nil {
		j.src.close()
		return nil, true, err
	}
	return j, true, nil
}

// used dates sounds, so that what is played again stays longest (clean).
func (a *agent) used(media []wire.Media) {
	for _, m := range media {
		_ = a.keep.disk.touch("media/"+m.Hash, a.cfg.Clock.Now()) // a disk that takes no date only forgets the order
	}
}

func bytesOf(w wire.Warrant) (n int64) {
	for _, m := range w.Media {
		n += m.Bytes
	}
	return n
}

// passed writes down what the plan held says and nobody dealt with in its minute,
// because the box was off: whoever was meant to hear it is to know. What the next
// plan says again is not over if only a leap of the clock passed over it.
func (a *agent) passed(next wire.Plan) {
	h, err := a.holdings()
	if err != nil || a.clock.guessed() {
		return
	}
	st, now, leapt := a.keep.now(), a.clock.millis(), a.clock.passedOver()
	for _, s := range h.plan.Slots {
		if leapt && slices.ContainsFunc(next.Slots, func(o wire.Slot) bool { return o.ID == s.ID }) {
			continue
		}
		if _, done := st.Done[s.ID]; done || s.Start < st.Since || s.Start+late >= now || s.Start >= h.plan.Until || !wire.MaybeForMe(s, h.placement) {
			continue
		}
		b, ok := a.keep.doc(s.Warrant)
		if !ok {
			continue // whose it was is not known
		}
		if w, err := a.papers.Warrant(a.trust.Load(), b, s.Start); err == nil && wire.ForMe(s, w, h.placement) {
			a.close(s, wire.Missed, "slot.missed")
		}
	}
}

// close ends a slot that did not sound, once.
func (a *agent) close(s wire.Slot, r wire.Result, why string) {
	a.closing.Lock()
	defer a.closing.Unlock()
	if _, done := a.keep.now().Done[s.ID]; done {
		return
	}
	a.log.Info("slot not played", "slot", s.ID, "result", r, "why", why)
	a.state("refused", s.ID, s.Warrant, why)
	l := wire.Line{Slot: s.ID, Warrant: s.Warrant, Planned: s.Start, Result: r, Why: why, Clock: a.clock.state()}
	if err := a.receipts.add(l); err != nil {
		a.log.Error("receipt not written", "error", err)
		return
	}
	if err := a.keep.update(func(st *state) { st.Done[s.ID] = s.Start }); err != nil {
		a.log.Error("state not written", "error", err)
	}
}

// attempts is how often an emergency beyond its plays starts again after it was
// cut off, so that a sound that crashes the box does not do so all night.
const attempts = 3

// sound brings a now warrant's media and gives it to the player at once.
func (a *agent) sound(ctx context.Context, j *job) {
	for fails := 1; ; fails++ {
		wait, again := a.attempt(ctx, j, fails)
		if !again || !a.rest(ctx, wait) {
			return
		}
	}
}

// attempt is one try; it reports whether and when there is to be another.
func (a *agent) attempt(ctx context.Context, j *job, fails int) (wait time.Duration, again bool) {
	if err := a.cue(ctx, j); err != nil {
		a.log.Warn("now warrant waits for its sound", "error", err)
		drill := j.warrant.Class == wire.Exercise && loa.KeyOf(err) == "phrase.missing"
		if drill || a.clock.millis() >= j.warrant.Until {
			a.refuseNow(j.hash, loa.KeyOf(err))
			return 0, false
		}
		return backOff(fails, 30*time.Second), true
	}
	a.begin(j)
	return 0, false
}

// begin writes down that a now warrant begins, and gives it to the player.
func (a *agent) begin(j *job) {
	a.used(j.warrant.Media)
	if a.keep.now().stopped(j.hash, j.warrant) {
		j.src.close()
		return
	}
	if h, err := a.holdings(); err == nil {
		j.held = h // it may have waited long for its sound
	}
	if why := j.away(); why != "" {
		j.src.close()
		a.refuseNow(j.hash, why)
		return
	}
	j.slot.Start = a.clock.millis()
	if more, why := a.count(j); !more {
		j.src.close()
		if why != "" {
			a.refuseNow(j.hash, why)
		}
		return
	}
	a.player.ask(func(p *player) { p.urge(j, a.keep.now().stopped) })
}

// count writes down that a now warrant is about to begin. It reports whether it may:
// not too often, and not if that could not be written down, with the reason.
func (a *agent) count(j *job) (more bool, why string) {
	most := 1
	if j.warrant.Class == wire.Emergency {
		most = attempts
	}
	if a.keep.now().Pending[j.hash] >= most { // the line of the last attempt is written
		if err := a.keep.update(func(s *state) { delete(s.Pending, j.hash) }); err != nil {
			a.log.Error("state not written", "error", err)
		}
		return false, ""
	}
	change := func(s *state) {
		s.Pending[j.hash]++
		s.Sounding[j.name()] = j.line(a.clock.state())
	}
	err := a.keep.update(change)
	if err != nil && !memoryWill(err, j.warrant.Class) {
		return false, loa.KeyOf(err)
	}
	if err != nil {
		a.keep.remember(change)
	}
	return true, ""
}

// uncount takes the attempt back of one that has to wait behind another: a power
// cut then must not take one of its starts away before it had any.
func (a *agent) uncount(j *job) {
	err := a.keep.update(func(s *state) {
		if s.Pending[j.hash] > 0 {
			s.Pending[j.hash]--
		}
		delete(s.Sounding, j.name())
	})
	if err != nil {
		a.log.Error("state not written", "error", err)
	}
}

// turn counts the attempt of one that waited; then it may begin.
func (a *agent) turn(j *job) {
	h, err := a.holdings()
	held := err == nil
	why := (&job{warrant: j.warrant, held: h}).away()
	more := !held || why == ""
	if more {
		more, why = a.count(j)
	}
	a.player.ask(func(p *player) {
		if held {
			j.held = h
		}
		if j.waits = false; !more {
			p.drop(j, why)
		}
	})
}

// away says why a box that was moved or taken away while a now warrant waited does
// not sound it any more, "" if it does.
func (j *job) away() string {
	switch {
	case j.held.placement.Revoked:
		return "placement.revoked"
	case !wire.SettingFor(j.warrant, j.held.placement):
		return "slot.outside_scope"
	}
	return ""
}

// hearPlayer writes down what the player did, off the path of the samples.
func (a *agent) hearPlayer(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-a.player.events:
			a.note(e)
		}
	}
}

func (a *agent) note(e event) {
	name := e.job.name()
	switch {
	case e.waits:
		a.uncount(e.job)
		return
	case e.turn:
		a.turn(e.job)
		return
	case !e.ended:
		a.state("sounding", e.job.slot.ID, e.job.hash, "")
		err := a.keep.update(func(s *state) {
			if l, ok := s.Sounding[name]; ok {
				l.Started, l.SkewUS = e.line.Started, e.line.SkewUS
				s.Sounding[name] = l
			}
		})
		if err != nil {
			a.log.Error("state not written", "error", err)
		}
		return
	}
	e.line.Clock = a.clock.state()
	if l := e.job.later; l != nil {
		defer close(l.ended)
		if l.missed() && e.line.Why == "" {
			e.line.Why = judge(l.trouble, e.job.warrant.Class).why // phrases stood in for it
		}
	}
	a.state("finished", e.job.slot.ID, e.job.hash, e.line.Why)
	if err := a.receipts.add(e.line); err != nil {
		a.log.Error("receipt not written", "error", err)
		return
	}
	err := a.keep.update(func(s *state) {
		delete(s.Sounding, name)
		if !e.job.unfinished() {
			delete(s.Pending, e.job.hash)
		}
		if src, ok := e.job.src.(*source); ok && src.failed != "" {
			s.Broken[src.failed]++
		}
	})
	if err != nil {
		a.log.Error("state not written", "error", err)
	}
}
