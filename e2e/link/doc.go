// Package link cuts the ways between a node and its speakers, for tests: where
// a line breaks, at which byte, for how long, in which direction, for whom.
//
//	line.go   a proxy that cuts connections at random bytes; needs nothing
//	island.go speakers behind a link of their own that the kernel takes away: needs root
//
// A speaker is sent no commands, so a cut may delay what is new and must change
// nothing else: what is planned sounds, once; what was written down comes home
// when the way is back, every line, in order.
package link
