package wire

import (
	"crypto/ed25519"

	"loa"
	"loa/seal"
)

type document interface{ Check() error }

// read decodes a payload of the given type strictly and checks its content.
func read[D document](o seal.Opened, payloadType string, limit int) (D, error) {
	var d D
	if o.Type != payloadType {
		return d, loa.Errorf(loa.Invalid, "document.wrong_type", o.Type)
	}
	if err := seal.Decode(o.Payload, limit, &d); err != nil {
		return d, err
	}
	return d, d.Check()
}

func open[D document](b []byte, payloadType string, limit int) (seal.Opened, D, error) {
	var d D
	o, err := seal.Open(b, limit)
	if err != nil {
		return o, d, err
	}
	d, err = read[D](o, payloadType, limit)
	return o, d, err
}

// OpenWarrant verifies a sealed warrant: an authority for its issuer and for
// every place of its scope, for its class, valid now (UTC milliseconds).
func OpenWarrant(t *seal.Trust, b []byte, now int64) (Warrant, error) {
	var once *Reader
	return once.Warrant(t, b, now)
}

// OpenLapsed verifies a sealed emergency as OpenWarrant does, but takes a
// delegation that ended at most lapse milliseconds ago: for a device that is cut
// off from whoever would renew it. Any other class is refused as before.
func OpenLapsed(t *seal.Trust, b []byte, now, lapse int64) (Warrant, error) {
	var once *Reader
	return once.Lapsed(t, b, now, lapse)
}

// ReadWarrant decodes and checks the bytes a signer is asked to seal.
func ReadWarrant(payload []byte) (Warrant, error) {
	return read[Warrant](seal.Opened{Type: WarrantType, Payload: payload}, WarrantType, seal.MaxDocument)
}

// ReadPlan decodes and checks a plan that this node sealed and keeps itself.
func ReadPlan(payload []byte) (Plan, error) {
	return read[Plan](seal.Opened{Type: PlanType, Payload: payload}, PlanType, MaxPlan)
}

// ReadPolicy decodes and checks the bytes a signer is asked to seal.
func ReadPolicy(payload []byte) (Policy, error) {
	return read[Policy](seal.Opened{Type: PolicyType, Payload: payload}, PolicyType, seal.MaxDocument)
}

// ReadPlacement decodes and checks the bytes a signer is asked to seal.
func ReadPlacement(payload []byte) (Placement, error) {
	return read[Placement](seal.Opened{Type: PlacementType, Payload: payload}, PlacementType, seal.MaxDocument)
}

// OpenPlan verifies a sealed plan.
func OpenPlan(t *seal.Trust, b []byte, now int64) (Plan, error) {
	var once *Reader
	return once.Plan(t, b, now)
}

// OpenBeacon verifies a sealed beacon.
func OpenBeacon(t *seal.Trust, b []byte, now int64) (Beacon, error) {
	var once *Reader
	return once.Beacon(t, b, now)
}

// PeekBeacon reads a beacon without believing it: a device whose delegations
// are old learns from it only which delegations to fetch.
func PeekBeacon(b []byte) (Beacon, error) {
	var once *Reader
	return once.PeekBeacon(b)
}

// OpenTime verifies a sealed time for a place.
func OpenTime(t *seal.Trust, b []byte, place loa.Path, now int64) (Time, error) {
	o, c, err := open[Time](b, TimeType, seal.MaxDocument)
	if err != nil {
		return c, err
	}
	if now == 0 {
		// A device that does not know the time yet: the answer's own date
		// stands in for it; the nonce says that it is fresh.
		now = c.Received / 1000
	}
	return c, t.Check(o, seal.Need{Type: TimeType, Role: seal.Beacon, Paths: []loa.Path{place}, At: now})
}

// OpenPlacement verifies a sealed placement.
func OpenPlacement(t *seal.Trust, b []byte, now int64) (Placement, error) {
	var once *Reader
	return once.Placement(t, b, now)
}

// OpenPolicy verifies a sealed policy.
func OpenPolicy(t *seal.Trust, b []byte, now int64) (Policy, error) {
	var once *Reader
	return once.Policy(t, b, now)
}

// OpenReceipt verifies a batch of playbacks with the key of the device that
// claims to have sent it; key finds it by device id.
func OpenReceipt(b []byte, key func(device string) (ed25519.PublicKey, error)) (Receipt, error) {
	o, r, err := open[Receipt](b, ReceiptType, MaxReceipt)
	if err != nil {
		return r, err
	}
	return r, byDevice(o, r.Device, key)
}

// OpenToken verifies a sign-in with the device's key and its date against the
// node's clock (UTC milliseconds). Whether the nonce was used before is the
// door's to remember.
func OpenToken(b []byte, now int64, key func(device string) (ed25519.PublicKey, error)) (Token, error) {
	o, t, err := open[Token](b, TokenType, seal.MaxDocument)
	if err != nil {
		return t, err
	}
	if t.At < now-TokenLife || t.At > now+TokenLife {
		return t, loa.Errorf(loa.Forbidden, "token.wrong_date")
	}
	return t, byDevice(o, t.Device, key)
}

func byDevice(o seal.Opened, device string, key func(string) (ed25519.PublicKey, error)) error {
	pub, err := key(device)
	if err != nil {
		return err
	}
	if o.By([]ed25519.PublicKey{pub}) != 1 {
		return loa.Errorf(loa.Forbidden, "seal.unknown_key")
	}
	return nil
}

// ReadBeat decodes a beat. It is not sealed: the connection it came on is signed in.
func ReadBeat(b []byte) (Beat, error) {
	var beat Beat
	if err := seal.Decode(b, seal.MaxDocument, &beat); err != nil {
		return beat, err
	}
	return beat, beat.Check()
}
