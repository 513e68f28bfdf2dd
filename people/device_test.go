package people

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// device is a telephone with one passkey (WebAuthn Level 3, ES256) that can also
// be made to answer wrongly. Package signer/softkey answers rightly only, and
// over documents, which is another question than signing in.
type device struct {
	id     []byte
	key    *ecdsa.PrivateKey
	handle []byte // the person, as the site named them
	count  uint32
	flags  protocol.AuthenticatorFlags
	origin string
	rpID   string
}

func newDevice(t *testing.T) *device {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	return &device{id: id, key: key, flags: protocol.FlagUserPresent | protocol.FlagUserVerified,
		origin: "https://loa.example", rpID: "loa.example"}
}

// create answers the options of BeginPasskey.
func (d *device) create(t *testing.T, options []byte) []byte {
	t.Helper()
	var ask struct {
		PublicKey struct {
			Challenge string `json:"challenge"`
			User      struct {
				ID string `json:"id"`
			} `json:"user"`
		} `json:"publicKey"`
	}
	read(t, options, &ask)
	d.handle = unbase(t, ask.PublicKey.User.ID)
	point, err := d.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	cose, err := webauthncbor.Marshal(webauthncose.EC2PublicKeyData{
		PublicKeyData: webauthncose.PublicKeyData{KeyType: int64(webauthncose.EllipticKey), Algorithm: int64(webauthncose.AlgES256)},
		Curve:         int64(webauthncose.P256), XCoord: point[1:33], YCoord: point[33:],
	})
	if err != nil {
		t.Fatal(err)
	}
	data := append(d.data(protocol.FlagAttestedCredentialData), "loa-test-device!"...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(d.id)))
	data = append(append(data, d.id...), cose...)
	attestation, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		t.Fatal(err)
	}
	return d.answer(t, map[string]any{
		"clientDataJSON": base(d.client(t, "webauthn.create", ask.PublicKey.Challenge)), "attestationObject": base(attestation),
		"transports": []string{"internal", "hybrid"},
	})
}

// get answers the options of BeginPasskeySignIn.
func (d *device) get(t *testing.T, options []byte) []byte {
	t.Helper()
	var ask struct {
		PublicKey struct {
			Challenge string `json:"challenge"`
		} `json:"publicKey"`
	}
	read(t, options, &ask)
	d.count++
	data, client := d.data(0), d.client(t, "webauthn.get", ask.PublicKey.Challenge)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, d.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return d.answer(t, map[string]any{
		"clientDataJSON": base(client), "authenticatorData": base(data), "signature": base(signature), "userHandle": base(d.handle),
	})
}

func (d *device) data(more protocol.AuthenticatorFlags) []byte {
	site := sha256.Sum256([]byte(d.rpID))
	return binary.BigEndian.AppendUint32(append(site[:], byte(d.flags|more)), d.count)
}

func (d *device) client(t *testing.T, kind, challenge string) []byte {
	t.Helper()
	return write(t, map[string]any{"type": kind, "challenge": challenge, "origin": d.origin, "crossOrigin": false})
}

func (d *device) answer(t *testing.T, response map[string]any) []byte {
	t.Helper()
	return write(t, map[string]any{"id": base(d.id), "rawId": base(d.id), "type": "public-key", "response": response,
		"clientExtensionResults": map[string]any{}, "authenticatorAttachment": "platform"})
}

func base(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func unbase(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(t *testing.T, b []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
