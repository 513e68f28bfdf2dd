package wire

import (
	"cmp"
	"math"
	"slices"
	"time"

	"loa"
)

// InScope reports whether a device with this placement is meant by a scope: one
// of its paths lies under an entry, and inside that entry's area if it has one.
// A device without coordinates is in no area.
func InScope(scope []Place, p Placement) bool {
	for _, s := range scope {
		if !slices.ContainsFunc(p.Paths, s.Path.Covers) {
			continue
		}
		if s.Area == nil || p.At != nil && s.Area.contains(*p.At) {
			return true
		}
	}
	return false
}

// contains tests a point by integers only for a polygon (crossing number, edges
// on the lower-left side count as inside; where a polygon crosses itself, what
// it goes round twice lies outside) and by the haversine for a circle.
func (a Area) contains(pt Point) bool {
	if a.Centre != nil {
		return metres(*a.Centre, pt) <= float64(a.Radius)
	}
	in := false
	for i, j := 0, len(a.Polygon)-1; i < len(a.Polygon); j, i = i, i+1 {
		p, q := a.Polygon[i], a.Polygon[j]
		if (p.Lat > pt.Lat) == (q.Lat > pt.Lat) {
			continue
		}
		// Left of the edge, cross-multiplied so that nothing is divided.
		side := (q.Lon-p.Lon)*(pt.Lat-p.Lat) - (pt.Lon-p.Lon)*(q.Lat-p.Lat)
		if q.Lat < p.Lat {
			side = -side
		}
		if side > 0 {
			in = !in
		}
	}
	return in
}

const earthRadius = 6_371_000 // metres

func metres(a, b Point) float64 {
	rad := func(micro int64) float64 { return float64(micro) / 1e6 * math.Pi / 180 }
	dLat, dLon := rad(b.Lat-a.Lat), rad(b.Lon-a.Lon)
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(rad(a.Lat))*math.Cos(rad(b.Lat))*math.Pow(math.Sin(dLon/2), 2)
	return 2 * earthRadius * math.Asin(math.Min(1, math.Sqrt(h)))
}

// Allowed is what policies say about sounding at one moment.
type Allowed struct {
	Volume int    // percent at most
	Why    string // the refusal, "" when allowed
}

// PolicyAllows applies the policies along a device's path to one sound of ms
// milliseconds at start (UTC milliseconds): at every moment from first to last
// sample some policy is in force, and every policy in force then allows it, also
// one that begins while the sound lasts. A dated exception opens the hours of
// its own policy and of no other along the path; in mourning music is silent.
// An emergency ignores hours but keeps nothing from the caps of hardware;
// exercises and the rest obey. No policy: no sound but an emergency.
func PolicyAllows(policies []Policy, place loa.Path, class Class, role Role, start, ms int64) Allowed {
	if class == Emergency {
		return Allowed{Volume: 100}
	}
	end := start + ms
	var meant []Policy
	for _, p := range policies {
		if p.Path.Covers(place) && p.From < end && start < p.Until {
			meant = append(meant, p)
		}
	}
	slices.SortFunc(meant, func(a, b Policy) int { return cmp.Compare(a.From, b.From) })
	ruled := start // from start to here some policy is in force
	for _, p := range meant {
		if p.From <= ruled {
			ruled = max(ruled, p.Until)
		}
	}
	if len(meant) == 0 || ruled < end {
		return Allowed{Why: "policy.none"}
	}
	volume := 100
	for _, p := range meant {
		from, until := max(start, p.From), min(end, p.Until)
		volume = min(volume, p.Volume, volumeAt(p.Volumes, from, until))
		if !holds(p.Hours, p.Exceptions, from, until) {
			return Allowed{Why: "policy.hours"}
		}
		mourns := func(m Span) bool { return m.From < until && from < m.Until }
		if role == Music && slices.ContainsFunc(p.Mourning, mourns) {
			return Allowed{Why: "policy.mourning"}
		}
	}
	if volume == 0 {
		return Allowed{Why: "policy.silent"}
	}
	return Allowed{Volume: volume}
}

// DeviceAllows is PolicyAllows for one device: its placement's own hours and
// volumes narrow what the policies leave. Cap is the top, of an emergency too.
func DeviceAllows(policies []Policy, p Placement, class Class, role Role, start, ms int64) Allowed {
	a := PolicyAllows(policies, p.Paths[0], class, role, start, ms)
	switch {
	case a.Why != "":
		return a
	case class == Emergency:
	case len(p.Hours) > 0 && !holds(p.Hours, nil, start, start+ms):
		return Allowed{Why: "placement.hours"}
	default:
		a.Volume = min(a.Volume, volumeAt(p.Volumes, start, start+ms))
	}
	a.Volume = min(a.Volume, p.Cap)
	return a
}

// holds reports whether hours or exceptions hold every millisecond from start to
// before end. Spans that touch join, also at midnight.
func holds(hours []Hours, exceptions []Exception, start, end int64) bool {
	for at := start; at < end; {
		until, ok := openUntil(hours, exceptions, at)
		if !ok {
			return false
		}
		at = until
	}
	return true
}

// openUntil finds the furthest end, in UTC milliseconds, of the spans that hold
// the moment at.
func openUntil(hours []Hours, exceptions []Exception, at int64) (until int64, ok bool) {
	midnight, day := local(at)
	for _, h := range hours {
		from, end := midnight+int64(h.From)*60_000, midnight+int64(h.Until)*60_000
		if slices.Contains(h.Days, day) && at >= from && at < end && end > until {
			until, ok = end, true
		}
	}
	for _, e := range exceptions {
		if at >= e.From && at < e.Until && e.Until > until {
			until, ok = e.Until, true
		}
	}
	return until, ok
}

// local is the last midnight before a moment and the weekday, 1 for Monday.
func local(at int64) (midnight int64, day int) {
	t := time.UnixMilli(at).In(loa.Zone())
	midnight = time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, loa.Zone()).UnixMilli()
	return midnight, (int(t.Weekday())+6)%7 + 1
}

// volumeAt is the lowest volume that the spans touched between two moments
// allow, 100 if none is.
func volumeAt(volumes []Volume, start, end int64) int {
	lowest := 100
	midnight, _ := local(start)
	for ; midnight < end; midnight += 24 * 60 * 60_000 {
		for _, v := range volumes {
			if midnight+int64(v.From)*60_000 < end && start < midnight+int64(v.Until)*60_000 {
				lowest = min(lowest, v.Percent)
			}
		}
	}
	return lowest
}

// Muted reports whether a mute keeps a pole silent at any moment of a sound. An
// emergency is never asked.
func Muted(mutes []Mute, p Placement, start, ms int64) bool {
	return slices.ContainsFunc(mutes, func(m Mute) bool {
		return m.Pole == p.Code && m.From < start+ms && start < m.Until
	})
}

// WhyMuted is the reason of what a mute kept silent. It is no failure and counts
// in no figure of what ought to have been heard.
const WhyMuted = "pole.muted"

// Spacing is the silence in milliseconds between two readings of one slot.
const Spacing = 2000

// SlotMS is how long a slot sounds: its warrant's media once, or Repeat more
// times with Spacing between.
func SlotMS(s Slot, w Warrant) int64 {
	return w.MS() + int64(s.Repeat)*(w.MS()+Spacing)
}

// SlotAllowed says why a slot may not sound on a device, "" if it may: the slot
// must lie within its warrant (place, dates, no now warrant), within every
// policy and within the placement's own hours. Plays are counted, and mutes are
// asked, by the caller.
func SlotAllowed(s Slot, w Warrant, p Placement, policies []Policy) (Allowed, bool) {
	no := func(why string) (Allowed, bool) { return Allowed{Why: why}, false }
	if p.Revoked {
		return no("placement.revoked")
	}
	if w.Kind != Play && w.Kind != Stream || w.Now || w.Kind == Stream && s.Repeat > 0 {
		return no("slot.not_playable")
	}
	if s.Start < w.From || s.Start+SlotMS(s, w) > w.Until {
		return no("slot.outside_warrant")
	}
	for _, q := range s.Scope {
		if !slices.ContainsFunc(w.Scope, func(e Place) bool { return e.Path.Covers(q) }) {
			return no("slot.outside_scope")
		}
	}
	a := DeviceAllows(policies, p, w.Class, w.Role, s.Start, SlotMS(s, w))
	if a.Why != "" {
		return a, false
	}
	a.Volume = min(a.Volume, w.Cap)
	return a, true
}

// ForMe reports whether a slot means a device at all: a slot for somebody else
// is no refusal, just not ours.
func ForMe(s Slot, w Warrant, p Placement) bool {
	return InScope(w.Scope, p) && MaybeForMe(s, p)
}

// MaybeForMe tells from the slot alone that it is for somebody else: its own
// paths or poles leave the device out.
func MaybeForMe(s Slot, p Placement) bool {
	if len(s.Poles) > 0 && !slices.Contains(s.Poles, p.Code) {
		return false
	}
	return len(s.Scope) == 0 || slices.ContainsFunc(s.Scope, func(q loa.Path) bool {
		return slices.ContainsFunc(p.Paths, q.Covers)
	})
}

// Next finds the first slot of a plan that starts at or after now and is not
// done. done answers by slot id.
func Next(plan Plan, now int64, done func(slot string) bool) (Slot, bool) {
	var best Slot
	found := false
	for _, s := range plan.Slots {
		if s.Start < now || done(s.ID) {
			continue
		}
		if !found || s.Start < best.Start || s.Start == best.Start && s.ID < best.ID {
			best, found = s, true
		}
	}
	return best, found
}

func (c Class) rank() int {
	return slices.Index([]Class{Normal, Priority, Exercise, Emergency}, c)
}

// Outranks reports whether a silences b when both want to sound: the higher
// class; between equals the higher issuer; between those the newer. A normal
// bulletin silences nothing.
func Outranks(a, b Warrant) bool {
	if a.Class != b.Class {
		return a.Class.rank() > b.Class.rank() && a.Now
	}
	if !a.Now || !b.Now {
		return false
	}
	la, lb := len(a.Issuer.Up()), len(b.Issuer.Up())
	if la != lb {
		return la < lb
	}
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.ID, b.ID)) > 0
}

// BeaconTopic is where a commune's devices hear its beacon.
func BeaconTopic(commune loa.Path) string { return "loa/0/beacon/" + string(commune) }

// NowTopic is where now warrants of a path are published, once per path.
func NowTopic(path loa.Path) string { return "loa/0/now/" + string(path) }

// BeatTopic is where one device says its beats; it may speak nowhere else.
func BeatTopic(device string) string { return "loa/0/beat/" + device }

// Subscriptions lists the topics a device with this placement listens to.
func Subscriptions(p Placement) []string {
	commune := p.Paths[0].Commune()
	all := []string{BeaconTopic(commune)}
	for _, q := range commune.Up() {
		all = append(all, NowTopic(q))
	}
	return all
}
