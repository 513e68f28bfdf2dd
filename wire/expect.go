package wire

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"loa"
)

// Late is how long after its start, in milliseconds, a slot may still begin. A
// box that is busy, or was off, until later than this leaves it out.
const Late = 2000

// WhyBusy is the reason of a slot whose start passed while another sounded.
const WhyBusy = "slot.busy"

// Expected is what becomes of one slot on one device.
type Expected struct {
	Slot    Slot
	Warrant Warrant
	Start   int64  // UTC ms when it begins, the slot's own where nothing is in the way
	MS      int64  // how long it sounds
	Volume  int    // percent at most; the box may be set lower
	Why     string // why it stays silent, "" if it sounds
}

// Plays counts how often a warrant has been read out on a device: on one local
// day, and in all.
type Plays struct {
	Day   string `json:"day"` // 2026-11-23
	Today int    `json:"today"`
	All   int    `json:"all"`
}

// Add counts a slot and says why that is once too often, "" if it is not. A slot
// that is refused is not counted.
func (p Plays) Add(s Slot, w Warrant) (Plays, string) {
	day := time.UnixMilli(s.Start).In(loa.Zone()).Format(time.DateOnly)
	if p.Day != day {
		p.Day, p.Today = day, 0
	}
	p.Today, p.All = p.Today+1+s.Repeat, p.All+1+s.Repeat
	switch {
	case p.Today > w.PlaysDay:
		return p, "warrant.plays_day"
	case p.All > w.Plays:
		return p, "warrant.plays"
	}
	return p, ""
}

// Expect foresees what a device with this placement does with every slot of a
// plan that means it, in the order of their starts, by the same functions the
// device asks: provided that it is on, knows the time, holds every sound, and
// nothing urgent comes between. warrants are by hash; a slot without one is left
// out. played is what was read out before, by hash. An agent is held to it by a
// simulated year (edge, TestYear).
func Expect(plan Plan, warrants map[string]Warrant, p Placement, policies []Policy, played map[string]Plays) []Expected {
	slots := slices.Clone(plan.Slots)
	slices.SortFunc(slots, func(a, b Slot) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.ID, b.ID)) })
	var all []Expected
	plays := map[string]Plays{}
	maps.Copy(plays, played)
	busy := int64(0) // until when something sounds
	for _, s := range slots {
		w, ok := warrants[s.Warrant]
		if !ok || !ForMe(s, w, p) {
			continue
		}
		e := Expected{Slot: s, Warrant: w, Start: s.Start, MS: SlotMS(s, w)}
		allowed, ok := SlotAllowed(s, w, p, policies)
		switch {
		case s.Start >= plan.Until:
			e.Why = "plan.expired"
		case Muted(plan.Mutes, p, s.Start, e.MS):
			e.Why = WhyMuted
		case !ok:
			e.Why = allowed.Why
		default:
			var counted Plays
			if counted, e.Why = plays[s.Warrant].Add(s, w); e.Why == "" {
				plays[s.Warrant], e.Volume = counted, allowed.Volume
				e.wait(busy, plan, p, policies)
			}
		}
		if e.Why == "" {
			busy = e.Start + e.MS
		}
		all = append(all, e)
	}
	return all
}

// wait puts a start off until what sounds has ended, and asks again there: what
// was allowed in its minute may not be two seconds later.
func (e *Expected) wait(busy int64, plan Plan, p Placement, policies []Policy) {
	if busy <= e.Start {
		return
	}
	e.Start = busy
	switch a := DeviceAllows(policies, p, e.Warrant.Class, e.Warrant.Role, e.Start, e.MS); {
	case e.Start > e.Slot.Start+Late:
		e.Start, e.Why = e.Slot.Start, WhyBusy
	case e.Start+e.MS > e.Warrant.Until:
		e.Why = "slot.outside_warrant"
	case Muted(plan.Mutes, p, e.Start, e.MS):
		e.Why = WhyMuted
	default:
		e.Why = a.Why
	}
}
