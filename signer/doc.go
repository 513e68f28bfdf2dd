// Package signer is the process that alone opens authority keys (`loa sign`).
// Others hand it bytes and people's approvals over a Unix socket; it hands back
// a sealed envelope or the reason why not. It believes nobody: an approval is a
// WebAuthn assertion (W3C Web Authentication level 2, section 7.2) whose
// challenge is the SHA-256 of exactly the bytes to be sealed, checked here
// against the signer's own roster of people and passkeys. So whoever owns the
// web process, the database or the bus still cannot speak
// (docs/decisions/0012-approval-is-over-the-bytes.md).
//
// One request goes one way, top to bottom, and desk.go is the way:
//
//	frame.go     bytes from the socket become a request, strictly
//	approve.go   assertions become members of the roster
//	grants.go    an approval under a grant finds it, and its giver on the roster
//	rules.go     what is asked, how many people of which duty it needs
//	marks.go     numbers that only rise, on disk before an envelope goes out
//	keys.go      the most specific key that may seal it
//
// Two requests carry no approval: a succession of the root (succession.go), which the
// holders of both roots have sealed, and renewing what keys here gave (renew.go), which
// widens nothing.
//
// Its folder, readable by its user alone:
//
//	root.json      the root it hangs from; no secret
//	delegations/   sealed delegations, by hash; no secret
//	keys/          authority keys, each sealed under the passphrase
//	roots/         how other roots took over since, and what they gave; no secret
//	roster.json    people, their passkeys and duties
//	grants/        who may approve in whose place, each with its giver's assertion
//	marks.log      the numbers given out
//	lock           held by the one running signer
//
// Critical: a mistake here lets one person, or nobody, speak on a loudspeaker.
package signer
