package edge

import (
	"loa"
	"loa/wire"
)

// trouble is one thing that is not as it should be when a sound is due.
type trouble string

// The troubles, in the order of the table (testdata/troubles.txt).
const (
	sealWrong         trouble = "seal wrong"
	nodeAway          trouble = "no network"
	certificateOld    trouble = "transport certificate expired"
	delegationLapsed  trouble = "delegation expired at most 90 days ago, no newer one to be had"
	delegationOld     trouble = "delegation expired longer ago"
	delegationRevoked trouble = "delegation revoked"
	clockUnknown      trouble = "time unknown"
	stateLost         trouble = "what was written down is lost"
	mediaMissing      trouble = "sound missing or damaged"
	mediaQuarantined  trouble = "decoder failed twice on the sound"
	diskFull          trouble = "disk full"
	diskFailed        trouble = "disk failing or read-only"
	beaconOld         trouble = "no beacon for 30 days"
)

// deed is what a speaker does about it.
type deed string

const (
	sounds   deed = "sounds"
	silent   deed = "silent"
	waits    deed = "waits"             // silent until what is lacking comes
	standsIn deed = "phrases"           // the siren and the hazard's text from the phrase set
	byMemory deed = "sounds, by memory" // without writing it down first
)

// verdict is what one trouble means for one class, and the key that a receipt
// line says it by: the reason of a silence, or the mark on what sounded.
type verdict struct {
	do  deed
	why string
}

// lapse is how long past its end, in milliseconds, a delegation still lets an
// emergency sound when nothing newer can be had.
const lapse = 90 * 24 * 3_600_000

// quiet is how long, in milliseconds, a box goes on without hearing which keys
// were revoked.
const quiet = 30 * 24 * 3_600_000

// judge is the whole table: closed for content, open for a proven emergency. It
// is never open on authenticity: what no key allows is silent whatever happens.
func judge(t trouble, c wire.Class) verdict {
	urgent := c == wire.Emergency
	forEmergency := func(open, shut verdict) verdict {
		if urgent {
			return open
		}
		return shut
	}
	switch t {
	case nodeAway, certificateOld:
		return verdict{sounds, ""} // what is on disk; a plan to its end
	case delegationLapsed:
		return forEmergency(verdict{sounds, "delegation.lapsed"}, verdict{silent, "seal.wrong_date"})
	case delegationOld:
		return verdict{silent, "seal.wrong_date"}
	case clockUnknown:
		return verdict{waits, "clock.unknown"}
	case stateLost:
		return verdict{waits, "beacon.stale"}
	case mediaMissing:
		return forEmergency(verdict{standsIn, "media.missing"}, verdict{silent, "media.missing"})
	case mediaQuarantined:
		return forEmergency(verdict{standsIn, "media.quarantined"}, verdict{silent, "media.quarantined"})
	case diskFull:
		return forEmergency(verdict{byMemory, ""}, verdict{silent, "disk.full"})
	case diskFailed:
		return forEmergency(verdict{byMemory, ""}, verdict{silent, "disk.failed"})
	case beaconOld:
		return forEmergency(verdict{sounds, "beacon.long_silent"}, verdict{silent, "beacon.long_silent"})
	case sealWrong, delegationRevoked:
	}
	return verdict{silent, "seal.unknown_key"}
}

// memoryWill reports whether what the disk would not take goes on from memory.
func memoryWill(err error, c wire.Class) bool {
	switch loa.KeyOf(err) {
	case "disk.full":
		return judge(diskFull, c).do == byMemory
	case "disk.failed":
		return judge(diskFailed, c).do == byMemory
	}
	return false
}

// openNow opens a now warrant as wire does. Where a key's delegation is past its
// end and a look at the beacon brings no newer one, an emergency is still taken
// for a while, and marked.
func (a *agent) openNow(b []byte, now int64, look func() error) (w wire.Warrant, mark string, err error) {
	w, err = a.papers.Warrant(a.trust.Load(), b, now)
	switch loa.KeyOf(err) {
	case "seal.unknown_key", "seal.wrong_date":
		if look() == nil {
			w, err = a.papers.Warrant(a.trust.Load(), b, now)
		}
	}
	if loa.KeyOf(err) != "seal.wrong_date" {
		return w, "", err
	}
	v := judge(delegationLapsed, w.Class)
	if v.do != sounds {
		return w, "", err
	}
	w, err = a.papers.Lapsed(a.trust.Load(), b, now, lapse)
	return w, v.why, err
}
