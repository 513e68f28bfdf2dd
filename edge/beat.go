package edge

// Stage 6f of 7: beat. Before: something changed, or a minute passed. After:
// one short message on the open connection; evidence of nothing.

import (
	"cmp"
	"context"
	"time"

	"loa/wire"
)

// state says at once what changed. Without a connection nobody hears it: the
// receipt follows anyway.
func (a *agent) state(state, slot, warrant, why string) {
	if len(why) > 64 {
		why = why[:64]
	}
	select {
	case a.say <- a.whole(wire.Beat{State: state, Slot: slot, Warrant: warrant, Why: why}):
	default: // sixty changes wait already
	}
}

// whole fills in how the box is.
func (a *agent) whole(b wire.Beat) wire.Beat {
	b.V, b.Kind, b.Device, b.At = wire.Version, "beat", a.device, a.clock.millis()
	b.Volume, b.DiskFree, b.OffsetUS, b.Clock = a.volume(), a.keep.free(), a.clock.offset(), a.clock.state()
	b.Plan, b.Version = a.keep.now().PlanVersion, a.cfg.Version
	b.Uptime = int64(a.cfg.Clock.Now().Sub(a.began) / time.Second)
	if n := a.news.Load(); n != nil {
		b.Release, b.Update, b.UpdateWhy = n.release, n.state, n.why[:min(64, len(n.why))]
	}
	return b
}

// beat says how the box is once a BeatEvery, and tries again what the disk
// would not take.
func (a *agent) beat(ctx context.Context) error {
	for a.rest(ctx, a.cfg.BeatEvery) {
		a.beatOnce()
	}
	return nil
}

func (a *agent) beatOnce() {
	if err := a.receipts.flush(); err != nil {
		a.log.Error("receipt not written", "error", err)
	}
	why := cmp.Or(a.stale(), a.carrier.wrong())
	switch {
	case a.mute.Load():
		why = "output.failed"
	case a.keep.free() < reserveBytes:
		why = "disk.full"
	}
	a.standing(why)
}

// standing says what the box is doing now: sounding as long as something does,
// otherwise idle.
func (a *agent) standing(why string) {
	for _, l := range a.keep.now().Sounding {
		if l.Started > 0 {
			a.state("sounding", l.Slot, l.Warrant, why)
			return
		}
	}
	a.state("idle", "", "", why)
}
