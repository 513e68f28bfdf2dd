package calendar

import (
	"slices"
	"time"
)

// The public holidays of the Labour Code (45/2019/QH14, article 112), by the name
// that stands in rows and in the catalogue.
const (
	NewYear       = "new_year"      // 1 January
	Tet           = "tet"           // five days around the lunar New Year
	HungKings     = "hung_kings"    // giỗ Tổ: the tenth of the third lunar month
	Reunification = "reunification" // 30 April
	Labour        = "labour"        // 1 May
	National      = "national"      // 2 September and a day beside it
)

// Holiday is a public holiday, by law or by a later decision.
type Holiday struct {
	Day  Date
	Name string // one of the names above, or the words of the decision
}

// Lawful lists the public holidays of a civil year as the Labour Code gives them.
// Which five days Tết is and which day stands beside 2 September, the Prime
// Minister decides each year; until a row says so, they are the eve and four days
// of the New Year, and 1 September.
func Lawful(year int) []Holiday {
	all := []Holiday{{On(year, time.January, 1), NewYear}}
	if first, ok := (Lunar{Day: 1, Month: 1, Year: year}).Date(); ok {
		for i := range Date(5) {
			all = append(all, Holiday{first - 1 + i, Tet})
		}
	}
	if d, ok := (Lunar{Day: 10, Month: 3, Year: year}).Date(); ok {
		all = append(all, Holiday{d, HungKings})
	}
	return append(all,
		Holiday{On(year, time.April, 30), Reunification},
		Holiday{On(year, time.May, 1), Labour},
		Holiday{On(year, time.September, 1), National},
		Holiday{On(year, time.September, 2), National})
}

// What a decision makes of a day.
const (
	Festive = "holiday" // a public holiday; one named tet or national replaces what the law leaves open
	Off     = "off"     // offices rest: given in exchange, or for a holiday that fell on a Sunday
	Working = "working" // làm bù: offices work on a day of rest
)

// Decisions lists what a decision can make of a day, for a form.
func Decisions() []string { return []string{Festive, Off, Working} }

// Decided is one day of a yearly decision on holidays (thông báo nghỉ lễ, Tết).
type Decided struct {
	Day   Date
	Kind  string // Festive, Off, Working
	Name  string // tet, national, or the words of the decision
	Basis string // its number and date
}

// Term is a span of school days: the days of the week on which there is school.
type Term struct {
	ID    string
	Name  string
	From  Date
	Until Date // the last day
	Week  Week
}

// The calendars a market keeps to.
const (
	ByLunar = "lunar" // days of the lunar month
	BySolar = "solar" // days of the civil month
	ByWeek  = "week"  // days of the week
)

// Calendars lists the calendars a market can keep to, for a form.
func Calendars() []string { return []string{ByLunar, BySolar, ByWeek} }

// Market is a market that is not held every day (chợ phiên): "2, 7, 12, 17, 22,
// 27 âm lịch" or "Chủ nhật".
type Market struct {
	ID       string
	Name     string
	Calendar string
	Days     []int
}

// On reports whether the market is held on a day.
func (m Market) On(d Date) bool {
	switch m.Calendar {
	case ByLunar:
		return slices.Contains(m.Days, d.Lunar().Day)
	case ByWeek:
		return slices.Contains(m.Days, d.Weekday())
	}
	_, _, day := d.Civil()
	return slices.Contains(m.Days, day)
}

// Book is what is known of the days of one place beyond the law: decisions, school
// terms, markets. The zero Book knows the law.
type Book struct {
	Decided []Decided
	Terms   []Term
	Markets []Market
}

// Holidays lists the public holidays of a year, with what was decided, by day.
func (b Book) Holidays(year int) []Holiday {
	var all []Holiday
	for _, h := range Lawful(year) {
		if !b.settled(year, h.Name) {
			all = append(all, h)
		}
	}
	for _, d := range b.Decided {
		if y, _, _ := d.Day.Civil(); y == year && d.Kind == Festive {
			all = append(all, Holiday{d.Day, d.Name})
		}
	}
	slices.SortFunc(all, func(a, b Holiday) int { return int(a.Day - b.Day) })
	return all
}

// settled reports whether a decision of the year says which days a holiday is.
func (b Book) settled(year int, name string) bool {
	return slices.ContainsFunc(b.Decided, func(d Decided) bool {
		y, _, _ := d.Day.Civil()
		return y == year && d.Kind == Festive && d.Name == name
	})
}

// Open lists the holidays of a year that the Prime Minister decides and no row
// has yet: what a page must call expected.
func (b Book) Open(year int) (names []string) {
	for _, name := range []string{Tet, National} {
		if !b.settled(year, name) {
			names = append(names, name)
		}
	}
	return names
}

// Holiday is the public holiday of a day, false if it is none.
func (b Book) Holiday(d Date) (Holiday, bool) {
	year, _, _ := d.Civil()
	for _, h := range b.Holidays(year) {
		if h.Day == d {
			return h, true
		}
	}
	return Holiday{}, false
}

// Works reports whether offices work on a day: Monday to Friday, no holiday, and
// for a holiday on a Saturday or Sunday the next working day is free (Labour
// Code, article 111.3), unless a decision says otherwise.
func (b Book) Works(d Date) bool {
	works, owed := true, 0
	for day := d - 20; day <= d; day++ { // no row of days of rest is as long: the first of them owes nothing
		_, festive := b.Holiday(day)
		decided := b.decided(day)
		switch {
		case decided == Working:
			works = true
		case festive || day.Weekday() > 5:
			works = false
			if festive && day.Weekday() > 5 {
				owed++
			}
		case decided == Off || owed > 0:
			works = false
			owed = max(0, owed-1)
		default:
			works = true
		}
	}
	return works
}

func (b Book) decided(d Date) string {
	for _, row := range b.Decided {
		if row.Day == d && row.Kind != Festive {
			return row.Kind
		}
	}
	return ""
}
