package signer

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"loa"
	"loa/seal"
	"loa/wire"
)

// desk is the signer at work: one request at a time, so that what is checked is
// still so when it is written down.
type desk struct {
	mu       sync.Mutex
	dir      string
	clock    loa.Clock
	verifier verifier
	vault    *vault
	lineage  lineage
	ring     *ring
	marks    *marks
}

func (s *Server) openDesk() (*desk, error) {
	l, err := loadLineage(s.Dir)
	if err != nil {
		return nil, err
	}
	if _, err := loadRoster(s.Dir, l.root.Demo); err != nil {
		return nil, err
	}
	v, err := newVault(s.Passphrase, l.first)
	if err != nil {
		return nil, err
	}
	r, err := loadRing(s.Dir, v, l)
	if err != nil {
		return nil, err
	}
	m, err := openMarks(s.Dir)
	if err != nil {
		return nil, err
	}
	return &desk{dir: s.Dir, clock: s.Clock, verifier: verifier{s.RPID, s.Origins}, vault: v, lineage: l, ring: r, marks: m}, nil
}

func (d *desk) handle(req request) (reply, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	roster, err := loadRoster(d.dir, d.ring.root.Demo)
	if err != nil {
		return reply{}, err
	}
	switch req.Do {
	case doRoster:
		return reply{Roster: &roster}, nil
	case doDescribe:
		return reply{Info: d.describe()}, nil
	case doSucceed:
		return reply{}, d.succeed(req.Payload)
	case doRenew:
		renewed, err := d.renew()
		return reply{Renewed: renewed}, err
	}
	votes, counts, err := d.verifier.verify(req.Type, req.Payload, req.Approvals, roster)
	if err != nil {
		return reply{}, err
	}
	if req.Do == doSeal {
		if err := d.stand(votes, roster); err != nil {
			return reply{}, err
		}
		envelope, err := d.seal(req.Type, req.Payload, votes, counts)
		return reply{Envelope: envelope}, err
	}
	by, err := alone(votes)
	if err != nil {
		return reply{}, err
	}
	switch req.Do {
	case doGrant:
		return reply{}, d.grant(roster, req.Payload, req.Approvals, by, counts)
	case doEndGrant:
		return reply{}, d.endGrant(req.Payload, req.Approvals, by, counts)
	case doChangeRoster:
		return reply{}, d.changeRoster(roster, req.Payload, by, counts)
	case doDelegate:
		return reply{}, d.delegate(req.Payload, by, counts)
	default:
		return reply{}, loa.Errorf(loa.Invalid, "signer.wrong_request")
	}
}

// seal is the whole point: judged, numbered, sealed, verified as a speaker
// would, written down, given out.
func (d *desk) seal(payloadType string, payload []byte, votes []vote, counts []Mark) ([]byte, error) {
	now := d.clock.Now().UnixMilli()
	v, err := judge(payloadType, payload, votes, now)
	if err != nil {
		return nil, err
	}
	fresh, err := d.marks.fresh(append(counts, v.mark))
	if err != nil {
		return nil, err
	}
	h, err := d.ring.best(v.place, now, false)
	if err != nil {
		return nil, err
	}
	envelope, err := seal.Seal(payloadType, payload, h.key)
	if err != nil {
		return nil, err
	}
	if err := believed(d.ring.trust, payloadType, envelope, now); err != nil {
		return nil, err
	}
	if err := d.marks.add(fresh); err != nil {
		return nil, err
	}
	return envelope, nil
}

// believed opens an envelope as a speaker will.
func believed(t *seal.Trust, payloadType string, envelope []byte, now int64) error {
	var err error
	switch payloadType {
	case wire.WarrantType:
		_, err = wire.OpenWarrant(t, envelope, now)
	case wire.PlacementType:
		_, err = wire.OpenPlacement(t, envelope, now)
	case wire.PolicyType:
		_, err = wire.OpenPolicy(t, envelope, now)
	case wire.PhrasesType:
		_, err = wire.OpenPhrases(t, envelope, now)
	default:
		err = loa.Errorf(loa.Forbidden, "signer.wrong_type", payloadType)
	}
	return err
}

func (d *desk) changeRoster(r Roster, change []byte, by []Member, counts []Mark) error {
	next, err := r.changed(change, by, d.ring.root.Demo)
	if err != nil {
		return err
	}
	fresh, err := d.marks.fresh(counts)
	if err != nil {
		return err
	}
	if err := d.marks.add(fresh); err != nil {
		return err
	}
	return saveRoster(d.dir, next, d.ring.root.Demo)
}

// Delegating asks the signer to make keys for communes, or to renew the
// delegations of those it has, until a date (UTC milliseconds). These are the
// bytes that two members with duty "roster" over all the paths approve. What
// lasts as long already is left alone, so asking twice changes nothing.
type Delegating struct {
	V     int        `json:"v"`
	Kind  string     `json:"kind"`
	Paths []loa.Path `json:"paths"`
	Until int64      `json:"until"`
}

// NewDelegating writes the bytes to approve.
func NewDelegating(paths []loa.Path, until int64) ([]byte, error) {
	b, err := json.Marshal(Delegating{Kind: "delegating", Paths: paths, Until: until})
	if err != nil {
		return nil, fmt.Errorf("write delegating: %w", err)
	}
	return b, nil
}

func (d *desk) delegate(payload []byte, by []Member, counts []Mark) error {
	var ask Delegating
	if err := seal.Decode(payload, maxChange, &ask); err != nil {
		return err
	}
	if ask.V != 0 || ask.Kind != "delegating" || len(ask.Paths) == 0 || len(ask.Paths) > 512 {
		return loa.Errorf(loa.Invalid, "delegating.malformed")
	}
	now := d.clock.Now().UnixMilli()
	if err := dated(ask.Until, now); err != nil {
		return err
	}
	if err := enough(by, twoPeople, "", func(m Member) bool { return m.may(ask.Paths, DutyRoster) }); err != nil {
		return err
	}
	fresh, err := d.marks.fresh(counts)
	if err != nil {
		return err
	}
	keys, sealed := d.ring.keys(), slices.Clone(d.ring.sealed)
	var made []seal.Key
	for i, p := range ask.Paths {
		if slices.Contains(ask.Paths[:i], p) {
			return loa.Errorf(loa.Invalid, "delegating.malformed")
		}
		if q, err := loa.ParsePath(string(p)); err != nil || q.Commune() != q {
			return loa.Errorf(loa.Invalid, "delegating.not_commune", string(p))
		}
		own, have := d.ring.own(p)
		if have && own.Until >= ask.Until {
			continue
		}
		key := own.key
		if !have {
			if key, err = seal.NewKey(); err != nil {
				return err
			}
			keys[key.ID], made = key, append(made, key)
		}
		parent, err := d.ring.best(p, now, true)
		if err != nil {
			return err
		}
		b, err := delegate(seal.Delegation{
			Role: seal.Authority, Paths: []loa.Path{p}, Classes: parent.Classes, From: now, Until: ask.Until, Epoch: parent.Epoch,
		}, key, parent.key)
		if err != nil {
			return err
		}
		sealed = append(sealed, b)
	}
	held := len(d.ring.sealed)
	next, err := d.lineage.ring(sealed, keys)
	if err != nil {
		return err
	}
	if err := d.marks.add(fresh); err != nil {
		return err
	}
	// Keys first: a key without its delegation is idle, the reverse is a promise
	// about a key that nobody has.
	for _, k := range made {
		if err := d.vault.save(d.dir, k); err != nil {
			return err
		}
	}
	for _, b := range sealed[held:] {
		if err := saveDelegation(d.dir, b); err != nil {
			return err
		}
	}
	d.ring = next
	return nil
}

// KeyInfo is one authority key the signer can use, and until when.
type KeyInfo struct {
	ID       string     `json:"id"`
	Paths    []loa.Path `json:"paths"`
	Classes  []string   `json:"classes"`
	From     int64      `json:"from"`  // UTC ms
	Until    int64      `json:"until"` // UTC ms
	Delegate bool       `json:"delegate"`
}

// Info is what the signer has, for `loa doctor`, for the beacon's lists and for
// a restored node that must learn which numbers are gone. No secret is in it.
type Info struct {
	Root        seal.Root `json:"root"`
	Rotations   [][]byte  `json:"rotations,omitempty"` // sealed, from the root the folder was made under to this one
	Delegations [][]byte  `json:"delegations"`         // sealed
	Keys        []KeyInfo `json:"keys,omitempty"`
	Marks       []Mark    `json:"marks,omitempty"`
}

func (d *desk) describe() *Info {
	info := &Info{Root: d.ring.root, Rotations: d.lineage.rotations, Delegations: d.ring.sealed, Marks: d.marks.list()}
	for _, h := range d.ring.held {
		info.Keys = append(info.Keys, KeyInfo{h.key.ID, h.Paths, h.Classes, h.From, h.Until, h.Delegate})
	}
	return info
}
