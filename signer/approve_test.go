package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"loa"
	"loa/wire"
)

const (
	testSite   = "loa.example"
	testOrigin = "https://loa.example"
)

// passkey signs what the test puts together, true or not.
type passkey struct {
	member Member
	sign   func([]byte) ([]byte, error)
}

func newPasskey(t *testing.T, person string, alg webauthncose.COSEAlgorithmIdentifier) passkey {
	t.Helper()
	head := webauthncose.PublicKeyData{Algorithm: int64(alg)}
	var cose any
	var sign func([]byte) ([]byte, error)
	hashed := func(key crypto.Signer) func([]byte) ([]byte, error) {
		return func(b []byte) ([]byte, error) {
			sum := sha256.Sum256(b)
			return key.Sign(rand.Reader, sum[:], crypto.SHA256)
		}
	}
	switch alg {
	case webauthncose.AlgEdDSA:
		pub, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		head.KeyType = int64(webauthncose.OctetKey)
		cose = webauthncose.OKPPublicKeyData{PublicKeyData: head, Curve: int64(webauthncose.Ed25519), XCoord: pub}
		sign = func(b []byte) ([]byte, error) { return ed25519.Sign(key, b), nil }
	case webauthncose.AlgRS256, webauthncose.AlgRS512:
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		head.KeyType = int64(webauthncose.RSAKey)
		cose = webauthncose.RSAPublicKeyData{PublicKeyData: head, Modulus: key.N.Bytes(), Exponent: []byte{1, 0, 1}}
		sign = hashed(key)
	default:
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point, err := key.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		head.KeyType = int64(webauthncose.EllipticKey)
		cose = webauthncose.EC2PublicKeyData{PublicKeyData: head, Curve: int64(webauthncose.P256), XCoord: point[1:33], YCoord: point[33:]}
		sign = hashed(key)
	}
	public, err := webauthncbor.Marshal(cose)
	if err != nil {
		t.Fatal(err)
	}
	return passkey{Member{
		Person: person, Name: person, Credential: base64.RawURLEncoding.EncodeToString([]byte(person)), PublicKey: public,
		AAGUID: make([]byte, 16), Paths: []loa.Path{"vn/01"}, Duties: []Duty{DutyApprove},
	}, sign}
}

// claims is an assertion before it is signed.
type claims struct {
	client    map[string]any
	site      string
	flags     byte
	count     uint32
	signature func([]byte) []byte // spoils it
}

func (p passkey) approve(t *testing.T, payload []byte, change func(*claims)) wire.Approval {
	t.Helper()
	sum := sha256.Sum256(payload)
	c := claims{
		client: map[string]any{"type": "webauthn.get", "challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "origin": testOrigin, "crossOrigin": false},
		site:   testSite, flags: 0x05, count: 9,
		signature: func(b []byte) []byte { return b },
	}
	if change != nil {
		change(&c)
	}
	client, err := json.Marshal(c.client)
	if err != nil {
		t.Fatal(err)
	}
	site, clientHash := sha256.Sum256([]byte(c.site)), sha256.Sum256(client)
	data := binary.BigEndian.AppendUint32(append(site[:], c.flags), c.count)
	signature, err := p.sign(append(append([]byte(nil), data...), clientHash[:]...))
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString
	return wire.Approval{Credential: p.member.Credential, AuthenticatorData: text(data), ClientData: text(client), Signature: text(c.signature(signature))}
}

func TestVerify(t *testing.T) {
	an, binh := newPasskey(t, "An", webauthncose.AlgES256), newPasskey(t, "Binh", webauthncose.AlgES256)
	roster := Roster{Members: []Member{an.member, binh.member}}
	payload := []byte(`{"kind":"play"}`)
	v := verifier{testSite, []string{"https://other.example", testOrigin}}
	for _, c := range []struct {
		name   string
		change func(*claims)
		want   string
	}{
		{"as it should be", nil, ""},
		{"over other bytes", func(c *claims) { c.client["challenge"] = base64.RawURLEncoding.EncodeToString(make([]byte, 32)) }, "approval.other_bytes"},
		{"challenge with padding", func(c *claims) { c.client["challenge"] = c.client["challenge"].(string) + "=" }, "approval.other_bytes"},
		{"a registration", func(c *claims) { c.client["type"] = "webauthn.create" }, "approval.not_valid"},
		{"another origin", func(c *claims) { c.client["origin"] = "https://loa.example.evil" }, "approval.not_valid"},
		{"another port", func(c *claims) { c.client["origin"] = "https://loa.example:8443" }, "approval.not_valid"},
		{"without TLS", func(c *claims) { c.client["origin"] = "http://loa.example" }, "approval.not_valid"},
		{"inside a stranger's page", func(c *claims) { c.client["crossOrigin"] = true }, "approval.not_valid"},
		{"for another site", func(c *claims) { c.site = "evil.example" }, "approval.not_valid"},
		{"user not verified", func(c *claims) { c.flags = 0x01 }, "approval.not_valid"},
		{"user not present", func(c *claims) { c.flags = 0x04 }, "approval.not_valid"},
		{"extensions missing", func(c *claims) { c.flags = 0x85 }, "approval.not_valid"},
		{"signature spoilt", func(c *claims) { c.signature = func(b []byte) []byte { b[len(b)-1] ^= 1; return b } }, "approval.not_valid"},
		{"signature missing", func(c *claims) { c.signature = func([]byte) []byte { return nil } }, "approval.not_valid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			by, counts, err := v.verify(wire.WarrantType, payload, []wire.Approval{an.approve(t, payload, c.change)}, roster)
			if c.want == "" {
				if err != nil || len(by) != 1 || by[0].Person != "An" || counts[0] != (Mark{"count " + an.member.Credential, 9, loa.Hash(payload)}) {
					t.Errorf("got %v, %v, %v", by, counts, err)
				}
				return
			}
			if by != nil || !errors.Is(err, loa.Errorf("", c.want)) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}

	good := an.approve(t, payload, nil)
	stolen := binh.approve(t, payload, nil)
	stolen.Credential = an.member.Credential
	stranger := newPasskey(t, "Stranger", webauthncose.AlgES256).approve(t, payload, nil)
	loose := good
	loose.Signature += "="
	for _, c := range []struct {
		name      string
		approvals []wire.Approval
		want      string
	}{
		{"two people", []wire.Approval{good, binh.approve(t, payload, nil)}, ""},
		{"one twice", []wire.Approval{good, an.approve(t, payload, nil)}, "approval.twice"},
		{"a stranger", []wire.Approval{stranger}, "approval.unknown_credential"},
		{"a stranger beside a member", []wire.Approval{good, stranger}, "approval.unknown_credential"},
		{"another's signature", []wire.Approval{stolen}, "approval.not_valid"},
		{"padding", []wire.Approval{loose}, "approval.not_valid"},
		{"nothing in it", []wire.Approval{{Credential: an.member.Credential}}, "approval.not_valid"},
		{"nine", make([]wire.Approval, 9), "approval.too_many"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := v.verify(wire.WarrantType, payload, c.approvals, roster)
			if err != nil && !errors.Is(err, loa.Errorf("", c.want)) || err == nil && c.want != "" {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestVerifyAlgorithms(t *testing.T) {
	payload := []byte("bytes")
	for _, alg := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgEdDSA, webauthncose.AlgRS256} {
		p := newPasskey(t, "An", alg)
		if err := p.member.check(false); err != nil {
			t.Errorf("algorithm %d: %v", alg, err)
		}
		_, _, err := verifier{testSite, []string{testOrigin}}.verify(wire.WarrantType, payload, []wire.Approval{p.approve(t, payload, nil)}, Roster{Members: []Member{p.member}})
		if err != nil {
			t.Errorf("algorithm %d: %v", alg, err)
		}
	}
	if err := newPasskey(t, "An", webauthncose.AlgRS512).member.check(false); !errors.Is(err, loa.Errorf("", "member.malformed")) {
		t.Errorf("RS512: %v", err)
	}
}

func TestMemberCheck(t *testing.T) {
	good := newPasskey(t, "An", webauthncose.AlgES256).member
	for _, c := range []struct {
		name   string
		change func(*Member)
		want   string
	}{
		{"as it should be", func(*Member) {}, ""},
		{"nobody", func(m *Member) { m.Person = "" }, "member.malformed"},
		{"credential with padding", func(m *Member) { m.Credential += "==" }, "member.malformed"},
		{"credential with a line end", func(m *Member) { m.Credential += "\n" }, "member.malformed"},
		{"no key", func(m *Member) { m.PublicKey = nil }, "member.malformed"},
		{"short aaguid", func(m *Member) { m.AAGUID = m.AAGUID[:15] }, "member.malformed"},
		{"software that hides it", func(m *Member) { m.AAGUID = []byte(SoftwareAAGUID) }, "member.malformed"},
		{"software by name only", func(m *Member) { m.Software = true }, "member.malformed"},
		{"software", func(m *Member) { m.Software, m.AAGUID = true, []byte(SoftwareAAGUID) }, "member.software"},
		{"nowhere", func(m *Member) { m.Paths = nil }, "member.malformed"},
		{"a wrong path", func(m *Member) { m.Paths = []loa.Path{"vn/01/"} }, "path.malformed"},
		{"no duty", func(m *Member) { m.Duties = nil }, "member.malformed"},
		{"a duty unheard of", func(m *Member) { m.Duties = []Duty{"speak"} }, "member.malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := good
			c.change(&m)
			err := m.check(false)
			if err != nil && !errors.Is(err, loa.Errorf("", c.want)) || err == nil && c.want != "" {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
