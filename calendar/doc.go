// Package calendar says what kind of day a day is in Viet Nam: its date in the
// lunar calendar, whether it is a public holiday, a working day, a school day, a
// market day of a commune. A station's regulation speaks of days in these words,
// and DaySet is such a sentence as a value.
//
// The arithmetic (date.go, lunar.go, holiday.go, set.go) knows no database and no
// clock. What a year's decision, a province's school plan or a commune's market
// adds is rows (register.go keeps them): the National
// Assembly may give a new holiday, and that must not wait for a new program.
package calendar
