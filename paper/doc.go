// Package paper prints what a station must be able to hang up, sign and file:
// the week's timetable for the notice board, the month's log book, the label
// under a horn, the sheet that says why a speaker sounded. All are A4 in PDF.
//
// A paper is a value with every word already said; printing decides only where
// the words stand. The heads follow the form of administrative papers (Decree
// 30/2020/NĐ-CP, annex I). Every page of a demonstration carries its mark: a
// false flood warning on a real notice board is a false flood warning.
package paper
