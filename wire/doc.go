// Package wire holds every message between node and speaker, and the decisions
// both sides must take alike: decode, verify, in scope, policy allows, next
// slot, which outranks which. It is the open protocol of docs/wire.md (version 0
// until emergencies and live audio are in), pure functions over bytes and
// structs: no clock, no disk, no network.
//
// A speaker holds sealed documents and works from disk and clock alone:
//
//	warrant    what may sound, where, between when, how often   authority
//	policy     hours and volume of a place                      authority
//	placement  where a device stands and whose it is            authority
//	plan       which slot in which minute, one per commune      dispatch
//	beacon     what is current, one per commune                 beacon
//	time       an answer to a nonce                             beacon
//	receipt    what sounded                                     the device
//	token      a sign-in                                        the device
//	beat       how the device is (an open connection vouches)   not sealed
//	release    which program a box may install                  release, a key no server holds
//
// Critical: each line here is read by equipment that cannot be recalled.
package wire
