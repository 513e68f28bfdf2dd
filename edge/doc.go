// Package edge is the loudspeaker agent: the program on the box on the pole. It
// is sent no commands; it holds sealed documents and works from disk and clock
// alone, so that a lost, doubled or late message changes nothing.
//
// A document walks through the files in this order:
//
//	receive.go  6a  hear a beacon, pushed or pulled; fetch what it names; check every seal
//	keep.go     6b  write it to disk, whole or not at all
//	plan.go     6c  find the next slot; ask policy, warrant and placement again
//	play.go     6d  place the first sample by position in the running stream
//	receipt.go  6e  write down what sounded, then tell the node until it answers
//	beat.go     6f  say at once on the open connection what changed
//
// (6 is the speaker's stage on the outward line of a bulletin; 7 is the node's.)
// fetch.go brings the sounds ahead of their minute, clock.go keeps the time by
// sealed answers, sound.go and program.go are where samples leave the program,
// client.go speaks HTTP, push.go MQTT, enrol.go makes a box a speaker. slots.go
// keeps what must not be forgotten in two files, disk.go is what is asked of a
// disk. trouble.go is the table of what is done when something is wrong. mic.go
// lets a person speak at the box, doctor.go says what is wrong with it. update.go
// brings another program and launch.go, in the program the box was made with,
// lets it prove itself.
//
// Without a network everything planned goes on from disk: the plan for its 72
// hours, receipts wait, numbers rise. Without knowing the time nothing sounds.
// Without a policy nothing but an emergency sounds. A full or failing disk silences
// what cannot be written down first, but an emergency plays from memory: closed
// for content, open for a proven emergency. A normal bulletin sounds at most once,
// even through a power cut; an emergency that was cut off starts again.
//
// Critical: this is the last check before a sound in the street.
package edge
