package softkey_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"loa"
	"loa/signer"
	"loa/signer/softkey"
)

const (
	site   = "loa.example"
	origin = "https://loa.example"
)

// TestCreate registers as a site does: the library checks the answer, and what
// it keeps is what the roster gets.
func TestCreate(t *testing.T) {
	a, err := softkey.New("an")
	if err != nil {
		t.Fatal(err)
	}
	challenge := bytes.Repeat([]byte{7}, 32)
	ask := func(alg webauthncose.COSEAlgorithmIdentifier) []byte {
		b, err := json.Marshal(protocol.CredentialCreation{Response: protocol.PublicKeyCredentialCreationOptions{
			RelyingParty: protocol.RelyingPartyEntity{ID: site}, Challenge: challenge,
			Parameters: []protocol.CredentialParameter{{Type: protocol.PublicKeyCredentialType, Algorithm: alg}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	answer, err := a.Create(ask(webauthncose.AlgES256), origin)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		t.Fatal(err)
	}
	if got := parsed.Response.CollectedClientData; got.Type != protocol.CreateCeremony || got.Origin != origin ||
		got.Challenge != protocol.URLEncodedBase64(challenge).String() {
		t.Errorf("client data %+v", got)
	}
	data, member := parsed.Response.AttestationObject.AuthData, a.Member("An", []loa.Path{"vn/97"}, signer.DutyApprove)
	if protocol.URLEncodedBase64(data.AttData.CredentialID).String() != member.Credential ||
		!bytes.Equal(data.AttData.CredentialPublicKey, member.PublicKey) ||
		!bytes.Equal(data.AttData.AAGUID, member.AAGUID) || !data.Flags.UserVerified() {
		t.Errorf("registered %+v, the roster gets %+v", data, member)
	}
	if _, err := a.Create(ask(webauthncose.AlgRS256), origin); err == nil {
		t.Error("made an RS256 key, which it cannot")
	}
	if _, err := a.Create([]byte("{"), origin); err == nil {
		t.Error("took half an object")
	}
}

func TestMarshal(t *testing.T) {
	a, err := softkey.New("an")
	if err != nil {
		t.Fatal(err)
	}
	a.Counts = true
	count := func(a *softkey.Authenticator) uint32 {
		t.Helper()
		approval, err := a.Approve([]byte("bytes"), site, origin)
		if err != nil {
			t.Fatal(err)
		}
		var raw protocol.URLEncodedBase64
		if err := json.Unmarshal([]byte(`"`+approval.AuthenticatorData+`"`), &raw); err != nil {
			t.Fatal(err)
		}
		var data protocol.AuthenticatorData
		if err := data.Unmarshal(raw); err != nil {
			t.Fatal(err)
		}
		return data.Counter
	}
	if n := count(a); n != 1 {
		t.Errorf("first count %d", n)
	}
	b, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := softkey.Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if n := count(again); n != 2 {
		t.Errorf("count after reading back %d", n)
	}
	if !bytes.Equal(a.Member("An", nil).PublicKey, again.Member("An", nil).PublicKey) {
		t.Error("another key")
	}
	for _, bad := range []string{"", "{}", `{"key":"AAAA"}`} {
		if _, err := softkey.Unmarshal([]byte(bad)); err == nil {
			t.Errorf("read %q", bad)
		}
	}
}
