package wire

import (
	"crypto/sha256"
	"sync"

	"loa"
	"loa/seal"
)

// maxKept bounds what a Reader keeps, in bytes of sealed documents: a commune's
// plan, policies and warrants of some days.
const maxKept = 1 << 20

// Reader opens sealed documents and keeps them opened, by the SHA-256 of their
// bytes. A device asks the same few documents before every slot; what is in them,
// and that a signature holds, cannot change while the bytes do not. Whether the key
// may still promise it, under the trust and at the moment given, is asked each time.
// What it returns is shared and must not be changed. A nil Reader keeps nothing.
type Reader struct {
	mu   sync.Mutex
	kept map[[sha256.Size]byte]keptDocument
	size int
}

type keptDocument struct {
	opened seal.Opened
	body   document
}

func (r *Reader) find(name [sha256.Size]byte) (keptDocument, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, ok := r.kept[name]
	return k, ok
}

func (r *Reader) put(name [sha256.Size]byte, size int, k keptDocument) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil || r.size+size > maxKept {
		r.kept, r.size = map[[sha256.Size]byte]keptDocument{}, 0
	}
	if _, ok := r.kept[name]; !ok {
		r.size += size
	}
	r.kept[name] = k
}

// take opens a document, or finds it opened. One that does not open is not kept.
func take[D document](r *Reader, b []byte, payloadType string, limit int) (seal.Opened, D, error) {
	if r == nil {
		return open[D](b, payloadType, limit)
	}
	name := sha256.Sum256(b)
	if k, ok := r.find(name); ok {
		if d, ok := k.body.(D); ok {
			return k.opened, d, nil
		}
	}
	o, d, err := open[D](b, payloadType, limit)
	if err == nil {
		r.put(name, len(b), keptDocument{o, d})
	}
	return o, d, err
}

// Warrant is OpenWarrant.
func (r *Reader) Warrant(t *seal.Trust, b []byte, now int64) (Warrant, error) {
	return r.Lapsed(t, b, now, 0)
}

// Lapsed is OpenLapsed.
func (r *Reader) Lapsed(t *seal.Trust, b []byte, now, lapse int64) (Warrant, error) {
	o, w, err := take[Warrant](r, b, WarrantType, seal.MaxDocument)
	if err != nil {
		return w, err
	}
	if w.Class != Emergency {
		lapse = 0
	}
	return w, t.Check(o, seal.Need{Type: WarrantType, Role: seal.Authority, Paths: w.Paths(), Class: string(w.Class), At: now, Lapse: lapse})
}

// Plan is OpenPlan.
func (r *Reader) Plan(t *seal.Trust, b []byte, now int64) (Plan, error) {
	o, p, err := take[Plan](r, b, PlanType, MaxPlan)
	if err != nil {
		return p, err
	}
	return p, t.Check(o, seal.Need{Type: PlanType, Role: seal.Dispatch, Paths: []loa.Path{p.Path}, At: now})
}

// Beacon is OpenBeacon.
func (r *Reader) Beacon(t *seal.Trust, b []byte, now int64) (Beacon, error) {
	o, c, err := take[Beacon](r, b, BeaconType, seal.MaxDocument)
	if err != nil {
		return c, err
	}
	return c, t.Check(o, seal.Need{Type: BeaconType, Role: seal.Beacon, Paths: []loa.Path{c.Path}, At: now})
}

// PeekBeacon is PeekBeacon.
func (r *Reader) PeekBeacon(b []byte) (Beacon, error) {
	_, c, err := take[Beacon](r, b, BeaconType, seal.MaxDocument)
	return c, err
}

// Placement is OpenPlacement.
func (r *Reader) Placement(t *seal.Trust, b []byte, now int64) (Placement, error) {
	o, p, err := take[Placement](r, b, PlacementType, seal.MaxDocument)
	if err != nil {
		return p, err
	}
	return p, t.Check(o, seal.Need{Type: PlacementType, Role: seal.Authority, Paths: p.Paths, At: now})
}

// PeekPlacement reads a placement without believing it: a device learns from it
// whose delegations to ask for.
func (r *Reader) PeekPlacement(b []byte) (Placement, error) {
	_, p, err := take[Placement](r, b, PlacementType, seal.MaxDocument)
	return p, err
}

// Policy is OpenPolicy.
func (r *Reader) Policy(t *seal.Trust, b []byte, now int64) (Policy, error) {
	o, p, err := take[Policy](r, b, PolicyType, seal.MaxDocument)
	if err != nil {
		return p, err
	}
	return p, t.Check(o, seal.Need{Type: PolicyType, Role: seal.Authority, Paths: []loa.Path{p.Path}, At: now})
}

// Phrases is OpenPhrases.
func (r *Reader) Phrases(t *seal.Trust, b []byte, now int64) (PhraseSet, error) {
	o, s, err := take[PhraseSet](r, b, PhrasesType, MaxPhrases)
	if err != nil {
		return s, err
	}
	return s, t.Check(o, seal.Need{Type: PhrasesType, Role: seal.Authority, Paths: []loa.Path{s.Path}, At: now})
}

// PeekPhrases reads a phrase set that was verified when it was taken.
func (r *Reader) PeekPhrases(b []byte) (PhraseSet, error) {
	_, s, err := take[PhraseSet](r, b, PhrasesType, MaxPhrases)
	return s, err
}
