// Package seal puts seals on bytes and opens them again: who promised these
// bytes, and was that key allowed to promise this, here, now?
//
// A seal is a DSSE envelope (Dead Simple Signing Envelope, protocol version 1)
// with Ed25519 signatures over the raw payload; nothing is ever re-serialised
// before it is checked. Authority flows from a root that each speaker pins at
// enrolment, through delegations that can only narrow: by path, by class of
// bulletin, by date. A speaker, the node and the signer all use this package;
// none trusts another's check.
//
// Critical: a mistake here lets a stranger speak on a loudspeaker. Read with
// strict.go (the one JSON decoder), envelope.go, key.go, trust.go.
package seal
