package signer

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"

	"loa"
	"loa/wire"
)

// maxApprovals bounds the assertions of one request.
const maxApprovals = 8

// verifier is what an assertion must have been made for.
type verifier struct {
	rpID    string   // the relying party, e.g. "loa.tinh.gov.vn"
	origins []string // e.g. "https://loa.tinh.gov.vn"
}

// verify turns assertions over payload into the members who made them, and the
// counts of their authenticators into marks. One that does not hold refuses
// them all: an honest caller sends none.
func (v verifier) verify(payload []byte, approvals []wire.Approval, r Roster) ([]Member, []Mark, error) {
	if len(approvals) > maxApprovals {
		return nil, nil, loa.Errorf(loa.Invalid, "approval.too_many")
	}
	var by []Member
	var counts []Mark
	for _, a := range approvals {
		m, ok := r.member(a.Credential)
		if !ok {
			return nil, nil, loa.Errorf(loa.Forbidden, "approval.unknown_credential")
		}
		if slices.ContainsFunc(by, func(b Member) bool { return b.Credential == m.Credential }) {
			return nil, nil, loa.Errorf(loa.Forbidden, "approval.twice", m.Name)
		}
		count, err := v.assertion(payload, a, m)
		if err != nil {
			return nil, nil, err
		}
		by = append(by, m)
		counts = append(counts, Mark{Name: countMark + m.Credential, Number: int64(count), Hash: loa.Hash(payload)})
	}
	return by, counts, nil
}

// assertion checks one assertion over payload and gives the authenticator's
// signature count: type, challenge, origin, relying party, user present and
// verified, signature by the roster's key.
func (v verifier) assertion(payload []byte, a wire.Approval, m Member) (uint32, error) {
	refused := func(err error) error { return loa.Errorf(loa.Forbidden, "approval.not_valid", m.Name).Because(err) }
	raw := make([][]byte, 4)
	for i, s := range []string{a.Credential, a.ClientData, a.AuthenticatorData, a.Signature} {
		b, err := base64.RawURLEncoding.Strict().DecodeString(s)
		if err != nil {
			return 0, refused(err)
		}
		raw[i] = b
	}
	response := protocol.CredentialAssertionResponse{
		PublicKeyCredential: protocol.PublicKeyCredential{
			Credential: protocol.Credential{ID: a.Credential, Type: string(protocol.PublicKeyCredentialType)},
			RawID:      raw[0],
		},
		AssertionResponse: protocol.AuthenticatorAssertionResponse{
			AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: raw[1]},
			AuthenticatorData:     raw[2],
			Signature:             raw[3],
		},
	}
	parsed, err := response.Parse()
	if err != nil {
		return 0, refused(err)
	}
	sum := sha256.Sum256(payload)
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	if parsed.Response.CollectedClientData.Challenge != challenge {
		return 0, loa.Errorf(loa.Forbidden, "approval.other_bytes", m.Name)
	}
	const noAppID, sameOriginOnly, verified, present = "", false, true, true
	err = parsed.Verify(challenge, v.rpID, noAppID, v.origins, nil, nil, protocol.TopOriginExplicitVerificationMode,
		sameOriginOnly, verified, present, m.PublicKey, protocol.SignaturePolicy{ECDSAEncoding: protocol.ECDSASignatureEncodingDER})
	if err != nil {
		return 0, refused(err)
	}
	return parsed.Response.AuthenticatorData.Counter, nil
}
