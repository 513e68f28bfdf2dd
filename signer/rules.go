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
//	play, normal or priority    one with duty approve, not the author; or one under
//	                            a grant of somebody with duty approve
//	play, emergency, exercise   two different people with duty approve
//	phrase                      the same: it is an emergency or an exercise
//	stream in a plan (a relay)  one with duty approve, not the author
//	stream now (live)           one with duty live, the author too; an emergency or
//	                            an exercise two
//	stop                        one with duty stop or approve, the author too
//	setting                     one with duty place
//	placement                   one with duty place
//	policy                      one with duty policy
//	phrase set                  two different people with duty approve: it sounds
//	                            when there is no time to hear it first
//
// each over every path that the document speaks for. Only the first takes an
// approval under a grant. The first and a placement take an assertion over a
// batch, a placement within bounds (batched); whatever else is asked takes each
// person's own duty and an assertion of its own. A kind of warrant that is not in
// the table has no duty, so nobody can approve it. An emergency's author may
// be one of its two: two people are two people, and at night there are no more.
func judge(payloadType string, payload []byte, votes []vote, now int64) (verdict, error) {
	hash := loa.Hash(payload)
	if payloadType == wire.WarrantType {
		w, err := wire.ReadWarrant(payload)
		if err != nil {
			return verdict{}, err
		}
		if err := judgeWarrant(w, votes, now); err != nil {
			return verdict{}, err
		}
		v := verdict{place: w.Issuer}
		if w.Now {
			v.mark = Mark{Name: nowMark + string(w.Issuer), Number: w.Seq, Hash: hash}
		}
		return v, nil
	}
	if payloadType == wire.PlacementType {
		p, err := wire.ReadPlacement(payload)
		if err != nil {
			return verdict{}, err
		}
		by, err := within(votes, batched(p))
		if err != nil {
			return verdict{}, err
		}
		err = enough(by, 1, "", func(m Member) bool { return m.may(p.Paths, DutyPlace) })
		return verdict{p.Paths[0], Mark{Name: placementMark + p.Device, Number: p.Version, Hash: hash}}, err
	}
	by, err := alone(votes)
	if err != nil {
		return verdict{}, err
	}
	switch payloadType {
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
	case wire.PhrasesType:
		p, err := wire.ReadPhrases(payload)
		if err != nil {
			return verdict{}, err
		}
		if err := dated(p.Until, now); err != nil {
			return verdict{}, err
		}
		err = enough(by, twoPeople, "", func(m Member) bool { return m.may([]loa.Path{p.Path}, DutyApprove) })
		return verdict{p.Path, Mark{Name: phrasesMark + string(p.Path), Number: p.Version, Hash: hash}}, err
	default:
		return verdict{}, loa.Errorf(loa.Forbidden, "signer.wrong_type", payloadType)
	}
}

// batched is how many placements one assertion over this one may stand for. A box
// that gets a microphone of its own is looked at alone. One that is taken away
// stands beside the one that takes its place, and so one touch silences one pole
// at most.
func batched(p wire.Placement) int {
	switch {
	case p.Revoked:
		return 2
	case p.LocalMic:
		return 0
	}
	return wire.MaxBatch
}

// duties are those of which one counts for a warrant. Live sound has its own,
// because nobody can hear beforehand what will be said: whoever approves texts
// does not thereby hold the microphone.
func duties(w wire.Warrant) []Duty {
	switch {
	case w.Live():
		return []Duty{DutyLive}
	case w.Kind == wire.Play, w.Kind == wire.Phrase, w.Kind == wire.Stream:
		return []Duty{DutyApprove}
	case w.Kind == wire.Stop:
		return []Duty{DutyStop, DutyApprove}
	case w.Kind == wire.Set:
		return []Duty{DutyPlace}
	}
	return nil
}

func judgeWarrant(w wire.Warrant, votes []vote, now int64) error {
	if w.Approval != "passkey" {
		return loa.Errorf(loa.Forbidden, "warrant.weak_unsupported")
	}
	if err := dated(w.Until, now); err != nil {
		return err
	}
	entitled := func(m Member) bool { return m.may(w.Paths(), duties(w)...) }
	if !w.Now { // what waits for a plan
		return judgeBulletin(w, votes, entitled, now)
	}
	by, err := alone(votes)
	if err != nil {
		return err
	}
	if w.Kind != wire.Stop && (w.Class == wire.Emergency || w.Class == wire.Exercise) {
		return enough(by, twoPeople, "", entitled)
	}
	return enough(by, 1, "", entitled)
}

// judgeBulletin is the rule of what plays in a session: one person who is not the
// author, by duty or under a grant. A vote under a grant that does not stretch so
// far refuses them all.
func judgeBulletin(w wire.Warrant, votes []vote, entitled func(Member) bool, now int64) error {
	var byDuty []Member
	granted := false
	for _, v := range votes {
		if v.grant == "" {
			byDuty = append(byDuty, v.Member)
			continue
		}
		if err := v.under.allows(w, v.Member, now); err != nil {
			return err
		}
		granted = true
	}
	if granted {
		return nil
	}
	return enough(byDuty, 1, w.Author, entitled)
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
