// Package upkeep is the repair book of a station (sổ sửa chữa): what broke, who
// was called, what it took, when it worked again.
//
//	fault.go   one fault, its states and what each step of it may say
//	watch.go   what the boxes themselves show: faults that nobody has reported yet
//	month.go   a month in figures
//	sql.go
//
// A fault belongs to a pole and not to its box: boxes come and go, and the book of
// a pole stays. Its history is the journal: every step is one row there.
package upkeep
