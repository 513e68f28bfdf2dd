// Package sheet takes a register out as a table and in again: .xlsx, which every
// office has, or .csv. A register says what its columns are; everything else is
// here, once for all of them:
//
//	table.go   what the columns of a register are, and what one cell must be
//	write.go   out: the register itself, or an empty form with lists to choose from and a page that explains
//	read.go    in: any file a person may send, bounded, row by row, each fault a sentence about one cell
//	import.go  the three steps of an import: dry run, apply, undo
//
// A file is bytes from anyone. It is bounded before it is opened; its formulas
// are never run, its links never followed, its pictures and macros never looked
// at.
package sheet
