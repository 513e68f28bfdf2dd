package calendar

import (
	"fmt"
	"time"

	"loa"
)

// Date is a day of the civil calendar, counted as a Julian day number: the
// number of days since noon of 1 January 4713 BC, so that two dates subtract.
// The zero Date is no day.
type Date int

const unixEpoch = 2440588 // Julian day number of 1 January 1970

// On is the date of year, month and day; the 31st of a shorter month runs over,
// as in time.Date.
func On(year int, month time.Month, day int) Date {
	return Date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()/86400 + unixEpoch)
}

// Of is the date in Viet Nam at a moment.
func Of(t time.Time) Date {
	t = t.In(loa.Zone())
	return On(t.Year(), t.Month(), t.Day())
}

// ParseDate reads "2026-11-23", of the years 1900 to 2199.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < firstYear || t.Year() > lastYear {
		return 0, loa.Errorf(loa.Invalid, "calendar.date", loa.Clip(s))
	}
	return On(t.Year(), t.Month(), t.Day()), nil
}

// Midnight is the moment the day begins in Viet Nam.
func (d Date) Midnight() time.Time {
	year, month, day := d.Civil()
	return time.Date(year, month, day, 0, 0, 0, 0, loa.Zone())
}

// Civil is the date's year, month and day.
func (d Date) Civil() (year int, month time.Month, day int) {
	return time.Unix(int64(d-unixEpoch)*86400, 0).UTC().Date()
}

// Weekday is 1 for Monday to 7 for Sunday.
func (d Date) Weekday() int { return int(d)%7 + 1 }

// String is "2026-11-23", "" for no day.
func (d Date) String() string {
	if d == 0 {
		return ""
	}
	year, month, day := d.Civil()
	return fmt.Sprintf("%04d-%02d-%02d", year, month, day)
}

// Say is the date as officials write it, "23/11/2026".
func (d Date) Say() string {
	year, month, day := d.Civil()
	return fmt.Sprintf("%02d/%02d/%04d", day, month, year)
}

// MarshalText is String, so that JSON and the journal show a day as a day.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is ParseDate; no text is no day.
func (d *Date) UnmarshalText(b []byte) (err error) {
	*d = 0
	if len(b) > 0 {
		*d, err = ParseDate(string(b))
	}
	return err
}
