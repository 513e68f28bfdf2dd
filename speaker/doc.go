// Package speaker is the register of loudspeakers and the maker of what they
// hold. A pole is a place where people hear; a box is the device on it. Boxes
// come and go, the pole keeps its history and its public code.
//
//	enrol.go   a code for a pole, a box that asks, an officer who confirms
//	place.go   the sealed placement that binds the two
//	plan.go    the complete list of slots of a commune, sealed by the dispatch key
//	beacon.go  what is current in a commune, sealed by the beacon key
//	hold.go    documents by hash: policies, delegations, now warrants
//	health.go  beats, kept as the last state of each box
package speaker
