package seal

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"loa"
)

// RootType is the payload type of a rotation.
const RootType = "application/vnd.loa.root+json"

// Rotation puts one root in the place of another: a province's own by one with
// newer keys, or by the nation's when the province joins it. The keys of both
// seal it, each at its own threshold: the old ones let go, the new ones hold.
// From is the fingerprint of the root that it replaces, so a rotation follows one
// root and no other. A replay names a root that is gone; of two that follow the
// same root the device takes one, and the other then names a root that is gone.
type Rotation struct {
	V         int             `json:"v"`
	Kind      string          `json:"kind"` // "root"
	From      string          `json:"from"`
	Root      Root            `json:"root"`
	Ignorable json.RawMessage `json:"ignorable,omitempty"`
}

// Follow verifies that a sealed rotation replaces root, and gives the root that
// holds from then on.
func Follow(root Root, sealed []byte) (Root, error) {
	o, err := Open(sealed, MaxDocument)
	if err != nil {
		return Root{}, err
	}
	if o.Type != RootType {
		return Root{}, loa.Errorf(loa.Invalid, "document.wrong_type", o.Type)
	}
	var r Rotation
	if err := Decode(o.Payload, MaxDocument, &r); err != nil {
		return Root{}, err
	}
	bad := func(what string) error { return loa.Errorf(loa.Invalid, "root.malformed", what) }
	if r.V != 0 || r.Kind != "root" {
		return Root{}, bad("kind")
	}
	if len(r.Root.Name) > 200 || !utf8.ValidString(r.Root.Name) || r.Root.Version < 1 {
		return Root{}, bad("name or version")
	}
	fresh, err := publicKeys(r.Root.Keys, r.Root.Threshold)
	if err != nil {
		return Root{}, err
	}
	held, err := publicKeys(root.Keys, root.Threshold)
	if err != nil {
		return Root{}, err
	}
	if r.From != root.Fingerprint() {
		return Root{}, loa.Errorf(loa.Conflict, "root.not_next")
	}
	if r.Root.Version != root.Version+1 {
		return Root{}, loa.Errorf(loa.Conflict, "root.not_next")
	}
	if r.Root.Demo != root.Demo {
		return Root{}, loa.Errorf(loa.Forbidden, "root.demo") // invented places stay invented, real ones real
	}
	if o.By(held) < root.Threshold || o.By(fresh) < r.Root.Threshold {
		return Root{}, loa.Errorf(loa.Forbidden, "seal.unknown_key")
	}
	return r.Root, nil
}

// DraftRotation writes a rotation from one root to the next that nobody has
// sealed yet. The new root's version follows from the old one's.
func DraftRotation(from, to Root) (Envelope, error) {
	to.Version = from.Version + 1
	b, err := json.Marshal(Rotation{Kind: "root", From: from.Fingerprint(), Root: to})
	if err != nil {
		return Envelope{}, fmt.Errorf("write rotation: %w", err)
	}
	return Unsealed(RootType, b), nil
}

// Rotate writes and seals a rotation from one root to the next. keys are the
// private halves that are at hand, of both; whether they suffice Follow says.
func Rotate(from, to Root, keys ...Key) ([]byte, error) {
	e, err := DraftRotation(from, to)
	for _, k := range keys {
		if err == nil {
			e, err = e.SealToo(k)
		}
	}
	if err != nil {
		return nil, err
	}
	_, err = Follow(from, e.Bytes())
	return e.Bytes(), err
}
