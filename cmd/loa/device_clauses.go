package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"loa"
	"loa/wire"
)

const (
	slotAhead   = 9 * time.Second   // a slot is planned so far ahead, for its sound to arrive
	lineTime    = 150 * time.Second // a receipt may take 120 s, and its sound some more
	signInTime  = 90 * time.Second
	skewAllowed = 100_000 // microseconds a slot may begin beside its minute
)

// walk waits for a box and tries the clauses one group after the other. What
// cannot be tried any more, because something before it failed, is not tried.
func (p *probe) walk(ctx context.Context, patience time.Duration) (all []verdict) {
	add := func(clause, section string, ok bool, seen string) bool {
		v := verdict{Clause: clause, Section: section, Result: failed, Seen: seen}
		if ok {
			v.Result = passed
		}
		all = append(all, v)
		return ok
	}
	enrolled := p.until(ctx, patience, func() bool { return p.pub != nil })
	add("enrol", "9", enrolled, "")
	add("time", "10", p.until(ctx, signInTime, func() bool { return len(p.nonces) >= 4 }), p.see(func() any { return len(p.nonces) }))
	add("pull", "11", p.until(ctx, signInTime, func() bool { return p.pulled > 0 }), "")
	add("sign_in", "14", p.until(ctx, signInTime, func() bool { return p.here }), "")
	add("beat", "8", p.until(ctx, signInTime, func() bool { return len(p.beats) > 0 }), "")
	if enrolled && ctx.Err() == nil {
		p.walkPlan(ctx, add)
		p.walkNows(ctx, add)
		p.walkRules(ctx, add)
	}
	tried := map[string]bool{}
	for _, v := range all {
		tried[v.Clause] = true
	}
	for _, c := range clauses() {
		if !tried[c.Clause] {
			all = append(all, verdict{Clause: c.Clause, Section: c.Section, Result: notTried})
		}
	}
	return all
}

// clauses lists everything that is tried, in order.
func clauses() []verdict {
	var all []verdict
	for c := range strings.FieldsSeq("enrol:9 time:10 pull:11 sign_in:14 beat:8 slot:12 receipt:8 outside_warrant:7 outside_scope:7 muted:7 damaged:15 forged_slot:5" +
		" now:13 once:13 forged_now:5 reused:13 stop_before:13 stop_during:13 closed:7 emergency_hours:7 old_beacon:11 revoked:7") {
		clause, section, _ := strings.Cut(c, ":")
		all = append(all, verdict{Clause: clause, Section: section})
	}
	return all
}

type adder func(clause, section string, ok bool, seen string) bool

// walkPlan plans six slots a second or two apart: one may sound.
func (p *probe) walkPlan(ctx context.Context, add adder) {
	p.with(func() {
		p.deaf = 1
		start := time.Now().Add(slotAhead).UnixMilli()
		slot := func(id string, after int64, warrant string, scope ...loa.Path) {
			p.slots = append(p.slots, wire.Slot{ID: id, Warrant: warrant, Start: start + after, Scope: scope})
		}
		good := p.put(wire.WarrantType, p.warrant(1, nil), p.authority)
		slot("slot", 0, good)
		slot("outside_warrant", 2000, p.put(wire.WarrantType, p.warrant(1, func(w *wire.Warrant) { w.Until = start + 2500 }), p.authority))
		slot("outside_scope", 4000, p.put(wire.WarrantType, p.warrant(1, func(w *wire.Warrant) {
			w.Scope = []wire.Place{{Path: probeCommune + "/h/kiem"}}
		}), p.authority), probeCommune)
		slot("muted", 6000, good)
		p.mutes = []wire.Mute{{Pole: probePole, From: start + 5900, Until: start + 7100}}
		bad := p.warrant(2, nil)
		whole := p.media[bad.Media[0].Hash]
		p.media[bad.Media[0].Hash] = append([]byte{0}, whole[1:]...)
		slot("damaged", 9000, p.put(wire.WarrantType, bad, p.authority))
		slot("forged_slot", 12000, p.put(wire.WarrantType, p.warrant(1, nil), p.stranger))
		p.plan()
	})
	p.ring("")
	l, came := p.line(ctx, "slot")
	add("slot", "12", came && l.Result == wire.Played && l.Verified && max(l.SkewUS, -l.SkewUS) <= skewAllowed, tell(l, came))
	left := -1
	p.with(func() { left = p.deaf })
	add("receipt", "8", came && left == 0, tell(l, came))
	for _, c := range []struct{ slot, section, why string }{
		{"outside_warrant", "7", "slot.outside_warrant"}, {"outside_scope", "7", "slot.outside_scope"}, {"muted", "7", wire.WhyMuted},
		{"damaged", "15", "media."}, {"forged_slot", "5", "seal."},
	} {
		l, came := p.line(ctx, c.slot)
		add(c.slot, c.section, came && l.Result == wire.Refused && strings.HasPrefix(l.Why, c.why), tell(l, came))
	}
}

// walkNows sends now warrants that may sound, and others beside them.
func (p *probe) walkNows(ctx context.Context, add adder) {
	var forged, good, second, stopped, stop, long string
	p.with(func() { forged = p.now(p.urgent(1, nil), p.stranger) })
	p.ring(forged)
	p.with(func() { good = p.now(p.urgent(1, nil), p.authority) })
	p.ring(good)
	l, came := p.line(ctx, good)
	add("now", "13", came && l.Result == wire.Played && l.Verified, tell(l, came))
	p.ring(good)
	p.with(func() {
		second = p.now(p.urgent(1, func(w *wire.Warrant) { w.Seq = 2 }), p.authority) // the number of the good one
	})
	p.ring(second)
	p.with(func() {
		w := p.urgent(1, nil)
		stopped = p.put(wire.WarrantType, w, p.authority)
		stop = p.now(p.halt(stopped), p.authority)
	})
	p.ring(stop)
	p.with(func() { p.beacon.Now, p.beacon.Number = append(p.beacon.Now, stopped), p.beacon.Number+1 })
	p.ring(stopped)
	p.with(func() { long = p.now(p.urgent(60, nil), p.authority) })
	p.ring(long)
	sounding := p.until(ctx, lineTime, func() bool {
		for _, b := range p.beats {
			if b.Warrant == long && b.State == "sounding" {
				return true
			}
		}
		return false
	})
	p.with(func() { stop = p.now(p.halt(long), p.authority) })
	p.ring(stop)
	l, came = p.line(ctx, long)
	add("stop_during", "13", came && sounding && l.Result == wire.Stopped && l.MS < 30_000, tell(l, came))
	once := 0
	p.with(func() {
		for _, l := range p.lines {
			if l.Warrant == good && l.Result == wire.Played {
				once++
			}
		}
	})
	add("once", "13", once == 1, fmt.Sprintf("%d", once))
	for clause, h := range map[string]string{"forged_now": forged, "reused": second, "stop_before": stopped} {
		section := "13"
		if clause == "forged_now" {
			section = "5"
		}
		l, came := p.sounded(h)
		add(clause, section, !came, tell(l, came))
	}
}

// walkRules closes the hours, sends an old beacon, takes the pole away.
func (p *probe) walkRules(ctx context.Context, add adder) {
	var old []byte
	var alarm string
	p.with(func() {
		old = p.sealedBeacon()
		p.policy(0, 1) // the first minute of the day; who tries this then tries again
		p.slots = []wire.Slot{{ID: "closed", Warrant: p.put(wire.WarrantType, p.warrant(1, nil), p.authority), Start: time.Now().Add(slotAhead).UnixMilli()}}
		p.plan()
	})
	p.ring("")
	if err := p.door.Publish(wire.BeaconTopic(probeCommune), old); err != nil {
		add("old_beacon", "11", false, err.Error())
		return
	}
	l, came := p.line(ctx, "closed")
	add("closed", "7", came && l.Result == wire.Refused && l.Why == "policy.hours", tell(l, came))
	add("old_beacon", "11", came && l.Result == wire.Refused, tell(l, came)) // by the old one it was open
	p.with(func() { alarm = p.now(p.urgent(1, nil), p.authority) })
	p.ring(alarm)
	l, came = p.line(ctx, alarm)
	add("emergency_hours", "7", came && l.Result == wire.Played, tell(l, came))
	p.with(func() { p.place(2, true) })
	p.ring("")
	p.with(func() {
		p.slots = []wire.Slot{{ID: "revoked", Warrant: p.put(wire.WarrantType, p.warrant(1, nil), p.authority), Start: time.Now().Add(slotAhead).UnixMilli()}}
		p.plan()
	})
	p.ring("")
	l, came = p.line(ctx, "revoked")
	add("revoked", "7", came && l.Result == wire.Refused && l.Why == "placement.revoked", tell(l, came))
}

func (p *probe) halt(hash string) wire.Warrant {
	return p.urgent(1, func(w *wire.Warrant) {
		w.Kind, w.Stops = wire.Stop, []string{hash}
		w.Media, w.Plays, w.PlaysDay, w.Cap, w.Speech = nil, 0, 0, 0, ""
	})
}

// line waits for the receipt line of a slot or of a now warrant.
func (p *probe) line(ctx context.Context, of string) (l wire.Line, came bool) {
	p.until(ctx, lineTime, func() bool {
		for _, x := range p.lines {
			if x.Slot == of || x.Slot == "" && x.Warrant == of {
				l, came = x, true
			}
		}
		return came
	})
	return l, came
}

// sounded finds a line, or a beat, that says a now warrant sounded at all. What
// was interrupted has its beat long before its line.
func (p *probe) sounded(hash string) (l wire.Line, found bool) {
	p.with(func() {
		for _, b := range p.beats {
			if b.Warrant == hash && b.State == "sounding" {
				l, found = wire.Line{Result: "sounding"}, true
			}
		}
		for _, x := range p.lines {
			if x.Warrant == hash && x.MS > 0 {
				l, found = x, true
			}
		}
	})
	return l, found
}

// until looks every 50 ms until f is true, at most so long.
func (p *probe) until(ctx context.Context, most time.Duration, f func() bool) (ok bool) {
	over := time.After(most)
	for {
		if p.with(func() { ok = f() }); ok {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-over:
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *probe) see(f func() any) (s string) {
	p.with(func() { s = fmt.Sprint(f()) })
	return s
}

// tell is a line in short.
func tell(l wire.Line, came bool) string {
	if !came {
		return "–"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s, %d ms, skew %d µs", l.Result, l.Why, l.MS, l.SkewUS))
}
