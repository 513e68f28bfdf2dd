// Package voice turns what an official wrote into what a loudspeaker says.
//
// The way of a text: Clean refuses what nobody could read in good faith,
// Normalizer.Speak writes out numbers, dates, times, money, units, telephone
// numbers, numbers of legal documents and abbreviations in Vietnamese words,
// an Engine turns those words into sound, and Cache keeps the sound so that
// nobody waits twice. The spoken words and every change are shown to the editor
// before approval, and both texts are kept: people approve what will be heard.
//
// Reading order: clean.go, normalize.go (the walk through a text), then one
// file for each subject (numbers.go, phones.go, marks.go, dates.go, times.go,
// units.go, legal.go, abbreviations.go, foreign.go, web.go), then sentence.go
// (where a text may be cut), engine.go, wav.go, espeak.go, command.go, fpt.go,
// fallback.go and cache.go. The pairs in testdata/normalize are the specification; they are
// written to be read by an official.
package voice
