package edge

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"loa"
	"loa/seal"
	"loa/wire"
)

// identity is what enrolment binds for good: the box's own key, which box this is
// and whose.
type identity struct {
	Seed   []byte    `json:"seed"` // of the key; it never leaves the box
	Device string    `json:"device,omitempty"`
	Root   seal.Root `json:"root"`
}

// pin is what a node answers to a code.
type pin struct {
	Device string    `json:"device"`
	Root   seal.Root `json:"root"`
}

// CheckDigits are the six digits both the box and the officer's page show: the
// first four bytes of SHA-256 of the public key as a number, modulo a million.
// The officer compares them, so that nobody enrols a box of his own with a code
// he overheard.
func CheckDigits(pub ed25519.PublicKey) string {
	h := sha256.Sum256(pub)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(h[:4])%1_000_000)
}

// enrol loads who this box is and its first placement, or gets them. A box whose
// state was lost asks for its placement as it did the first time.
func (a *agent) enrol(ctx context.Context) error {
	if err := a.loadIdentity(ctx); err != nil || a.device == "" {
		return err
	}
	for fails := 0; a.keep.now().Placement == ""; {
		err := a.firstPlacement(ctx)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errUnconfirmed):
			fails = 0
			a.log.Info("waiting for an officer to confirm", "device", a.device, "check", CheckDigits(a.key.Public))
			if !a.rest(ctx, time.Second+upTo(4*time.Second)) {
				return nil
			}
		default:
			fails++
			a.log.Warn("placement not received", "error", err)
			if !a.rest(ctx, backOff(fails, 5*time.Minute)) {
				return nil
			}
		}
	}
	return nil
}

var errUnconfirmed = errors.New("enrolment not confirmed yet")

// loadIdentity reads the two files of the identity, or makes a key and enrols it
// with the code. An identity damaged in both files is gone: the box is as new.
func (a *agent) loadIdentity(ctx context.Context) error {
	kept := slots{disk: a.keep.disk, name: "identity"}
	var id identity
	b, err := kept.load()
	if err == nil && b != nil {
		err = json.Unmarshal(b, &id)
	}
	if err != nil {
		a.log.Error("who this box is was lost; it needs a new code", "error", err)
		id = identity{}
	}
	store := func() error {
		b, err := json.Marshal(id)
		if err != nil {
			return fmt.Errorf("write identity: %w", err)
		}
		return kept.store(b)
	}
	if id.Seed == nil {
		if a.key, err = seal.NewKey(); err != nil {
			return err
		}
		id.Seed = a.key.Seed()
		if err := store(); err != nil {
			return err
		}
	}
	if a.key, err = seal.KeyFromSeed(id.Seed); err != nil {
		return err
	}
	if id.Device != "" {
		a.device, a.root = id.Device, id.Root
		return nil
	}
	code, prefix, ok := strings.Cut(strings.TrimSpace(a.cfg.Code), ".")
	code = strings.ToUpper(code) // as the node reads it
	if !ok || code == "" || len(prefix) != 16 {
		return loa.Errorf(loa.Invalid, "enrol.code_malformed")
	}
	for fails := 1; ; fails++ {
		p, err := a.introduce(ctx, code)
		if err == nil {
			if !strings.HasPrefix(p.Root.Fingerprint(), prefix) {
				return loa.Errorf(loa.Forbidden, "enrol.foreign_root")
			}
			id.Device, id.Root = p.Device, p.Root
			a.device, a.root = p.Device, p.Root
			return store()
		}
		if !expected(err) {
			return err
		}
		a.log.Warn("not enrolled yet", "error", err)
		if !a.rest(ctx, backOff(fails, 5*time.Minute)) {
			return nil
		}
	}
}

// recall takes over who this box is from what loadIdentity wrote.
func (a *agent) recall(b []byte) error {
	var id identity
	if err := json.Unmarshal(b, &id); err != nil {
		return fmt.Errorf("read identity: %w", err)
	}
	k, err := seal.KeyFromSeed(id.Seed)
	if err != nil {
		return err
	}
	if id.Device == "" {
		return loa.Errorf(loa.NotFound, "placement.missing")
	}
	a.key, a.device, a.root = k, id.Device, id.Root
	return nil
}

// introduce shows the node the code and the key.
func (a *agent) introduce(ctx context.Context, code string) (pin, error) {
	pub := seal.EncodePublic(a.key.Public)
	private := ed25519.NewKeyFromSeed(a.key.Seed())
	body, err := json.Marshal(map[string]string{
		"code": code, "key": pub,
		"sig": base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte("loa enrol v0\n"+code+"\n"+pub))),
	})
	if err != nil {
		return pin{}, fmt.Errorf("enrol: %w", err)
	}
	var answer struct {
		pin
		Check string `json:"check"`
	}
	if err := a.client.post(ctx, "/device/v1/enrol", body, &answer); err != nil {
		return pin{}, err
	}
	if !loa.IsID(answer.Device) || answer.Check != CheckDigits(a.key.Public) {
		return pin{}, loa.Errorf(loa.Invalid, "enrol.wrong_answer")
	}
	return answer.pin, nil
}

// firstPlacement asks whether an officer has confirmed, and if so believes the
// placement only through the pinned root.
func (a *agent) firstPlacement(ctx context.Context) error {
	proof := ed25519.Sign(ed25519.NewKeyFromSeed(a.key.Seed()), []byte("loa placement v0\n"+a.device))
	b, err := a.client.get(ctx, "/device/v1/enrol/"+a.device, base64.RawURLEncoding.EncodeToString(proof))
	if err != nil {
		return err
	}
	if len(b) == 0 {
		return errUnconfirmed
	}
	p, err := a.papers.PeekPlacement(b)
	if err != nil {
		return err
	}
	commune := p.Paths[0].Commune()
	delegations, err := a.client.trust(ctx, commune)
	if err != nil {
		return err
	}
	root := a.root
	t, err := a.chain(root, delegations, 0)
	if err != nil { // the root may have changed since the code was made, or the state was lost
		var later error
		if root, later = a.followed(ctx, root); later != nil {
			return err
		}
		if t, err = a.chain(root, delegations, 0); err != nil {
			return err
		}
	}
	at, err := a.timed(ctx, t, commune)
	if err != nil {
		return err
	}
	if p, err = a.openPlacement(t, b); err != nil {
		return err
	}
	var hashes []string
	for _, d := range delegations {
		if err := a.keep.putDoc(d); err != nil {
			return err
		}
		hashes = append(hashes, loa.Hash(d))
	}
	if err := a.keep.putDoc(b); err != nil {
		return err
	}
	return a.keep.update(func(s *state) {
		s.Since, s.Clock, s.Trust = a.clock.millis(), at, hashes
		s.Placement, s.Version = loa.Hash(b), p.Version
		if root.Version > 0 {
			s.Root = &root
		}
	})
}

// openPlacement verifies a placement and that it is this box's own.
func (a *agent) openPlacement(t *seal.Trust, b []byte) (wire.Placement, error) {
	p, err := a.papers.Placement(t, b, a.clock.millis())
	if err != nil {
		return p, err
	}
	if p.Device != a.device || p.Key != seal.EncodePublic(a.key.Public) {
		return p, loa.Errorf(loa.Forbidden, "placement.not_mine")
	}
	if p.Version < a.keep.now().Version {
		return p, loa.Errorf(loa.Conflict, "placement.old", p.Version)
	}
	return p, nil
}
