package door

import (
	"crypto/ed25519"
	"encoding/base64"
	"log/slog"
	"strings"

	"loa"
	"loa/bus/natsd"
	"loa/seal"
	"loa/wire"
)

// Password is what a device gives as its MQTT password: its token and its
// placement, each the sealed envelope in base64url without padding (RFC 4648,
// section 5), with a full stop between. User name and client id are the device's
// id. A token opens once: every attempt needs a new one.
func Password(token, placement []byte) string {
	return base64.RawURLEncoding.EncodeToString(token) + "." + base64.RawURLEncoding.EncodeToString(placement)
}

// signIn decides about one CONNECT. The device is told no reason (MQTT has no
// room for one); Counters and the log have it.
func (d *Door) signIn(s natsd.SignIn) (natsd.Rights, error) {
	p, err := d.enter(s)
	if err == nil {
		err = d.arrived(p, s.Conn)
	}
	if err != nil {
		d.mu.Lock()
		d.refused[loa.KeyOf(err)]++
		d.mu.Unlock()
		d.config.Log.Debug("sign-in refused", slog.Any("err", err), slog.String("remote", s.Remote.String()))
		return natsd.Rights{}, err
	}
	return natsd.Rights{Subscribe: wire.Subscriptions(p), Publish: []string{wire.BeatTopic(p.Device)}}, nil
}

// enter waits for a turn, unless the handshake did, and checks.
func (d *Door) enter(s natsd.SignIn) (wire.Placement, error) {
	if d.config.TLS == nil {
		if err := d.admit.enter(); err != nil {
			return wire.Placement{}, err
		}
	}
	return d.check(s)
}

// check proves that the one who connects holds the key of the device that it
// says it is, and that the device stands somewhere: the placement, sealed by an
// authority, names the key; the token, sealed by that key, is fresh and unused.
func (d *Door) check(s natsd.SignIn) (wire.Placement, error) {
	var none wire.Placement
	if !loa.IsID(s.User) || s.ClientID != s.User {
		return none, loa.Errorf(loa.Forbidden, "door.name")
	}
	token, placement, ok := readPassword(s.Password)
	if !ok {
		return none, loa.Errorf(loa.Invalid, "door.password")
	}
	trust := d.config.Trust()
	if trust == nil {
		return none, loa.Errorf(loa.Unavailable, "door.no_trust")
	}
	now := d.config.Clock.Now().UnixMilli()
	p, err := wire.OpenPlacement(trust, placement, now)
	if err != nil {
		return none, err
	}
	if p.Device != s.User {
		return none, loa.Errorf(loa.Forbidden, "door.other_device")
	}
	if p.Revoked {
		return none, loa.Errorf(loa.Forbidden, "placement.revoked")
	}
	t, err := wire.OpenToken(token, now, func(device string) (ed25519.PublicKey, error) {
		if device != p.Device {
			return nil, loa.Errorf(loa.Forbidden, "door.other_device")
		}
		return seal.DecodePublic(p.Key)
	})
	if err != nil {
		return none, err
	}
	return p, d.nonces.use(t.Device, t.Nonce, now)
}

func readPassword(password string) (token, placement []byte, ok bool) {
	first, second, ok := strings.Cut(password, ".")
	most := base64.RawURLEncoding.EncodedLen(seal.MaxEnvelope(seal.MaxDocument))
	if !ok || len(first) > most || len(second) > most {
		return nil, nil, false
	}
	strict := base64.RawURLEncoding.Strict()
	token, err := strict.DecodeString(first)
	if err != nil {
		return nil, nil, false
	}
	placement, err = strict.DecodeString(second)
	return token, placement, err == nil
}
