// Package softkey is a passkey in software: it makes the registrations and
// assertions that a phone or a security key would make (W3C Web Authentication
// level 2, ES256), so that the demonstration runs without hardware and the
// signer is tested with true signatures.
//
// For tests and the demonstration only. Nobody has to be present for it to
// approve, so it is no approval: its kind is signer.SoftwareAAGUID, which a
// signer refuses unless its root is a demonstration's.
package softkey

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"loa"
	"loa/signer"
	"loa/wire"
)

// Authenticator is one passkey of one person.
type Authenticator struct {
	Person string // person id
	// Counts makes it number its assertions as a security key does; then keep
	// Marshal's bytes after every use. Most passkeys say 0 every time.
	Counts bool

	mu    sync.Mutex
	id    []byte // credential id
	key   *ecdsa.PrivateKey
	cose  []byte // the public half as COSE_Key
	count uint32
}

// New makes a passkey for a person.
func New(person string) (*Authenticator, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make passkey: %w", err)
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return nil, fmt.Errorf("make passkey: %w", err)
	}
	return build(person, id, key)
}

func build(person string, id []byte, key *ecdsa.PrivateKey) (*Authenticator, error) {
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return nil, fmt.Errorf("make passkey: %w", err)
	}
	cose, err := webauthncbor.Marshal(webauthncose.EC2PublicKeyData{
		PublicKeyData: webauthncose.PublicKeyData{KeyType: int64(webauthncose.EllipticKey), Algorithm: int64(webauthncose.AlgES256)},
		Curve:         int64(webauthncose.P256), XCoord: point[1:33], YCoord: point[33:],
	})
	if err != nil {
		return nil, fmt.Errorf("make passkey: %w", err)
	}
	return &Authenticator{Person: person, id: id, key: key, cose: cose}, nil
}

// Member is this passkey as a roster holds it.
func (a *Authenticator) Member(name string, paths []loa.Path, duties ...signer.Duty) signer.Member {
	return signer.Member{
		Person: a.Person, Name: name, Credential: text(a.id), PublicKey: a.cose,
		AAGUID: []byte(signer.SoftwareAAGUID), Software: true, Paths: paths, Duties: duties,
	}
}

// Create answers navigator.credentials.create: options is its argument as JSON
// (with "publicKey"), the result a RegistrationResponseJSON with attestation
// "none", as a page would post it.
func (a *Authenticator) Create(options []byte, origin string) ([]byte, error) {
	var ask protocol.CredentialCreation
	if err := json.Unmarshal(options, &ask); err != nil {
		return nil, fmt.Errorf("create passkey: %w", err)
	}
	es256 := func(p protocol.CredentialParameter) bool { return p.Algorithm == webauthncose.AlgES256 }
	if !slices.ContainsFunc(ask.Response.Parameters, es256) {
		return nil, fmt.Errorf("create passkey: the site does not take ES256")
	}
	client, err := clientData(protocol.CreateCeremony, ask.Response.Challenge, origin)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	data := a.data(ask.Response.RelyingParty.ID, protocol.FlagAttestedCredentialData)
	data = append(data, signer.SoftwareAAGUID...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.id)))
	data = append(append(data, a.id...), a.cose...)
	attestation, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		return nil, fmt.Errorf("create passkey: %w", err)
	}
	b, err := json.Marshal(map[string]any{
		"id": text(a.id), "rawId": text(a.id), "type": "public-key",
		"response":               map[string]any{"clientDataJSON": text(client), "attestationObject": text(attestation)},
		"clientExtensionResults": map[string]any{},
	})
	if err != nil {
		return nil, fmt.Errorf("create passkey: %w", err)
	}
	return b, nil
}

// Approve makes an assertion over payload: its challenge is the payload's
// SHA-256, made at the site rpID shown at origin.
func (a *Authenticator) Approve(payload []byte, rpID, origin string) (wire.Approval, error) {
	challenge := sha256.Sum256(payload)
	client, err := clientData(protocol.AssertCeremony, challenge[:], origin)
	if err != nil {
		return wire.Approval{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.Counts {
		a.count++
	}
	data := a.data(rpID, 0)
	clientHash := sha256.Sum256(client)
	digest := sha256.Sum256(append(slices.Clone(data), clientHash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		return wire.Approval{}, fmt.Errorf("approve: %w", err)
	}
	return wire.Approval{
		Credential: text(a.id), AuthenticatorData: text(data), ClientData: text(client), Signature: text(signature),
	}, nil
}

// data begins the authenticator data (level 2, section 6.1): the site, the
// flags (the user is always present and verified), the count.
func (a *Authenticator) data(rpID string, more protocol.AuthenticatorFlags) []byte {
	site := sha256.Sum256([]byte(rpID))
	flags := protocol.FlagUserPresent | protocol.FlagUserVerified | more
	return binary.BigEndian.AppendUint32(append(site[:], byte(flags)), a.count)
}

func clientData(ceremony protocol.CeremonyType, challenge []byte, origin string) ([]byte, error) {
	b, err := json.Marshal(protocol.CollectedClientData{Type: ceremony, Challenge: text(challenge), Origin: origin})
	if err != nil {
		return nil, fmt.Errorf("write client data: %w", err)
	}
	return b, nil
}

// text is base64url without padding, as browsers write bytes.
func text(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// file is an Authenticator at rest; the key is in clear.
type file struct {
	Person     string `json:"person"`
	Credential []byte `json:"credential"`
	Key        []byte `json:"key"` // the P-256 scalar, 32 bytes
	Counts     bool   `json:"counts"`
	Count      uint32 `json:"count"`
}

// Marshal writes the passkey, private key and all, for a file of mode 0600.
func (a *Authenticator) Marshal() ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key, err := a.key.Bytes()
	if err != nil {
		return nil, fmt.Errorf("write passkey: %w", err)
	}
	b, err := json.Marshal(file{a.Person, a.id, key, a.Counts, a.count})
	if err != nil {
		return nil, fmt.Errorf("write passkey: %w", err)
	}
	return b, nil
}

// Unmarshal reads what Marshal wrote.
func Unmarshal(b []byte) (*Authenticator, error) {
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("read passkey: %w", err)
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), f.Key)
	if err != nil {
		return nil, fmt.Errorf("read passkey: %w", err)
	}
	a, err := build(f.Person, f.Credential, key)
	if err != nil {
		return nil, err
	}
	a.Counts, a.count = f.Counts, f.Count
	return a, nil
}
