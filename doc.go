// Package loa holds the few words every other package shares: errors, ids,
// paths of places, the person who acts, and the clock.
//
// Loa (Vietnamese for loudspeaker) is an open grassroots information system.
// Everything in it is one of two straight lines:
//
//	outward:  draft → approve → sign → schedule → dispatch → speaker → playback log
//	inward:   receive → route → answer → publish back
//
// The outward line lives in package bulletin on the server and in package edge
// on the loudspeaker; reading either folder in the order its doc.go gives is
// walking the line. Between them travel only sealed documents (package wire,
// sealed by package seal): a warrant says what may sound, a plan says in which
// minute, a beacon says what is current. The loudspeaker checks every one of
// them itself, so a lost, doubled, late or forged message changes nothing.
//
// Who may import whom is a table in arch_test.go. Start reading at
// bulletin/doc.go, then wire/doc.go, then edge/doc.go.
package loa
