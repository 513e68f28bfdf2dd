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

// vote is one member's approval, and how it was given.
type vote struct {
	Member
	batch int       // how many documents one assertion over a batch stands for, 0 where it stands for this one alone
	grant string    // hash of the grant it was given under, "" by the member's own duty
	under *standing // that grant as it stands now; grants.go fills it
}

// alone are the members of votes each given for one document by the member's
// own duty: what everything but a bulletin and a placement demands.
func alone(votes []vote) ([]Member, error) { return within(votes, 0) }

// within is alone, but for votes of one assertion over as many as most documents.
func within(votes []vote, most int) ([]Member, error) {
	all := make([]Member, len(votes))
	for i, v := range votes {
		if v.batch > most {
			return nil, loa.Errorf(loa.Forbidden, "approval.batch_not_here")
		}
		if v.grant != "" {
			return nil, loa.Errorf(loa.Forbidden, "grant.not_here")
		}
		all[i] = v.Member
	}
	return all, nil
}

// signed are the bytes whose hash an approval's challenge must be: the payload,
// or the batch that names it, of so many documents.
func signed(payloadType string, payload []byte, a wire.Approval) (bytes []byte, batch int, err error) {
	if len(a.Batch) == 0 {
		return payload, 0, nil
	}
	if payloadType != wire.WarrantType && payloadType != wire.PlacementType {
		return nil, 0, loa.Errorf(loa.Forbidden, "approval.batch_not_here")
	}
	hashes, err := wire.ReadBatch(a.Batch, payloadType)
	if err != nil {
		return nil, 0, err
	}
	if !slices.Contains(hashes, loa.Hash(payload)) {
		return nil, 0, loa.Errorf(loa.Forbidden, "approval.not_in_batch")
	}
	return a.Batch, len(hashes), nil
}

// verify turns assertions over payload into the votes of the members who made
// them, and the counts of their authenticators into marks. One that does not
// hold refuses them all: an honest caller sends none.
func (v verifier) verify(payloadType string, payload []byte, approvals []wire.Approval, r Roster) ([]vote, []Mark, error) {
	if len(approvals) > maxApprovals {
		return nil, nil, loa.Errorf(loa.Invalid, "approval.too_many")
	}
	var by []vote
	var counts []Mark
	for _, a := range approvals {
		m, ok := r.member(a.Credential)
		if !ok {
			return nil, nil, loa.Errorf(loa.Forbidden, "approval.unknown_credential")
		}
		if slices.ContainsFunc(by, func(b vote) bool { return b.Credential == m.Credential }) {
			return nil, nil, loa.Errorf(loa.Forbidden, "approval.twice", m.Name)
		}
		bytes, batch, err := signed(payloadType, payload, a)
		if err != nil {
			return nil, nil, err
		}
		count, err := v.assertion(bytes, a, m)
		if err != nil {
			return nil, nil, err
		}
		by = append(by, vote{Member: m, batch: batch, grant: a.Grant})
		// The count belongs to what was signed: one touch seals all of a batch.
		counts = append(counts, Mark{Name: countMark + m.Credential, Number: int64(count), Hash: loa.Hash(bytes)})
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
