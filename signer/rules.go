package signer

import (
	"strconv"
	"time"

	"loa"
	"loa/wire"
)

// longest is how far ahead a warrant or a policy may reach: a year and a month.
const longest = 400 * 24 * time.Hour

// verdict is what may be sealed: whose key it asks for, and the number that is
// used up with it, if it carries one.
type verdict struct {
	place loa.Path
	mark  Mark
}

// judge says whether these members, whose approvals of exactly this payload
// have been checked, are enough to seal it at now (UTC milliseconds). It is the
// whole law of the signer:
//
//	play, normal or priority    one with duty approve, not the author
//	play, emergency, exercise   two different people with duty approve
//	stop                        one with duty stop or approve, the author too
//	placement                   one with duty place
//	policy                      one with duty policy
//
// each over every path that the document speaks for. An emergency's author may
// be one of its two: two people are two people, and at night there are no more.
func judge(payloadType string, payload []byte, by []Member, now int64) (verdict, error) {
	hash := loa.Hash(payload)
	switch payloadType {
	case wire.WarrantType:
		w, err := wire.ReadWarrant(payload)
		if err != nil {
			return verdict{}, err
		}
		if err := judgeWarrant(w, by, now); err != nil {
			return verdict{}, err
		}
		v := verdict{place: w.Issuer}
		if w.Now {
			v.mark = Mark{Name: nowMark + string(w.Issuer), Number: w.Seq, Hash: hash}
		}
		return v, nil
	case wire.PlacementType:
		p, err := wire.ReadPlacement(payload)
		if err != nil {
			return verdict{}, err
		}
		err = enough(by, 1, "", func(m Member) bool { return m.may(p.Paths, DutyPlace) })
		return verdict{p.Paths[0], Mark{Name: placementMark + p.Device, Number: p.Version, Hash: hash}}, err
	case wire.PolicyType:
		p, err := wire.ReadPolicy(payload)
		if err != nil {
			return verdict{}, err
		}
		if err := dated(p.Until, now); err != nil {
			return verdict{}, err
		}
		err = enough(by, 1, "", func(m Member) bool { return m.may([]loa.Path{p.Path}, DutyPolicy) })
		return verdict{p.Path, Mark{Name: policyMark + string(p.Path), Number: p.Version, Hash: hash}}, err
	default:
		return verdict{}, loa.Errorf(loa.Forbidden, "signer.wrong_type", payloadType)
	}
}

func judgeWarrant(w wire.Warrant, by []Member, now int64) error {
	if w.Approval != "passkey" {
		return loa.Errorf(loa.Forbidden, "warrant.weak_unsupported")
	}
	if err := dated(w.Until, now); err != nil {
		return err
	}
	approves := func(m Member) bool { return m.may(w.Paths(), DutyApprove) }
	switch {
	case w.Kind == "stop":
		return enough(by, 1, "", func(m Member) bool { return m.may(w.Paths(), DutyStop, DutyApprove) })
	case w.Class == wire.Emergency || w.Class == wire.Exercise:
		return enough(by, 2, "", approves)
	default:
		return enough(by, 1, w.Author, approves)
	}
}

func dated(until, now int64) error {
	if until <= now {
		return loa.Errorf(loa.Invalid, "seal.past")
	}
	if until > now+longest.Milliseconds() {
		return loa.Errorf(loa.Invalid, "seal.too_far")
	}
	return nil
}

// enough reports whether need different people, with different passkeys, are
// among those who may; author is a person who does not count, "" if all do.
// The error names the nearest reason.
func enough(by []Member, need int, author string, may func(Member) bool) error {
	people, passkeys := map[string]bool{}, map[string]bool{}
	own := false
	for _, m := range by {
		switch {
		case !may(m):
		case author != "" && m.Person == author:
			own = true
		default:
			people[m.Person], passkeys[m.Credential] = true, true
		}
	}
	have := min(len(people), len(passkeys))
	switch {
	case have >= need:
		return nil
	case own:
		return loa.Errorf(loa.Forbidden, "approval.by_author")
	case have > 0:
		return loa.Errorf(loa.Forbidden, "approval.too_few", strconv.Itoa(need), strconv.Itoa(have))
	case len(by) > 0:
		return loa.Errorf(loa.Forbidden, "approval.not_entitled")
	default:
		return loa.Errorf(loa.Forbidden, "approval.missing", strconv.Itoa(need))
	}
}
