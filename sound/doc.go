// Package sound turns whatever a person uploads, or our own speech, into the
// one form a loudspeaker plays. Read it in the order the sound goes:
//
//	sniff.go      what is it: by its bytes, never by its name
//	encode.go     decode, set the loudness, encode, measure again; ffmpeg runs in package sandbox
//	clipping.go   where a recording was too loud for its microphone
//	loudness.go   what ffmpeg measured (EBU R 128), and what to change
//	canonical.go  the form itself; wire.CheckFrames holds every result to it
//	probe.go      what this machine gives, for loa doctor
//
// The hash of the result is what people hear, approve and sign.
package sound
