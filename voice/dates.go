package voice

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	dayMonthRangeForm = regexp.MustCompile(`^(\d{1,2})/(\d{1,2})(?:/(\d{4}))?` + dashPattern + `(\d{1,2})/(\d{1,2})(?:/(\d{4}))?`)
	fullDateForm      = regexp.MustCompile(`^(\d{1,2})([/.-])(\d{1,2})([/.-])(\d{4}|\d{2})`)
	isoDateForm       = regexp.MustCompile(`^(\d{4})-(\d{2})-(\d{2})`)
	daysForm          = regexp.MustCompile(`^(\d{1,2}(?:(?:` + dashPattern + `|, ?|,? và | đến (?:hết )?(?:ngày )?)\d{1,2}){1,12})(?:/| tháng )(\d{1,2})(?:/(\d{4})| năm (\d{4}))?`)
	dayMonthForm      = regexp.MustCompile(`^(\d{1,2})/(\d{1,2})`)
	monthYearForm     = regexp.MustCompile(`^(\d{1,2})[/-](\d{4})`)
	dashDateForm      = regexp.MustCompile(`^(\d{1,2})-(\d{1,2})`)
	monthsForm        = regexp.MustCompile(`^(\d{1,2})/((?:19|20)\d{2})` + dashPattern + `(\d{1,2})/((?:19|20)\d{2})`)
	yearsForm         = regexp.MustCompile(`^((?:19|20)\d{2})(?:/|` + dashPattern + `)((?:19|20)\d{2})`)
	spacedForm        = regexp.MustCompile(`^(\d{1,2})[ .]((?:19|20)\d{2})`)
	dottedForm        = regexp.MustCompile(`^(\d{1,2})\.(\d{1,2})`)
	lunarForm         = regexp.MustCompile(`^(?: năm [\pL ]{1,24})?,? ?\(?(?:[âÂ]m lịch|ÂL|AL)(?:\PL|$)`)
	dayRangeForm      = regexp.MustCompile(`^\d{1,2}` + dashPattern + `\d{1,2}$`)
)

// date reads days, months and years: 26/11/2026, 05 và 06/12, 12-13/1,
// 28/11-3/12, 12/2026, 2026-2027. What could as well be a fraction or the
// number of a house is left to slashed.
func (r *reader) date() (int, string) {
	s := r.ahead()
	if r.houseNumber() || r.fraction() || roundTheClock(s) && !announcesDay(r.previous()) {
		return 0, ""
	}
	if m := dayMonthRangeForm.FindStringSubmatch(s); m != nil && r.endsDate(len(m[0])) {
		from, ok := r.dayMonth(m[1], m[2], m[3])
		to, ok2 := r.n.dayMonth(m[4], m[5], m[6])
		if ok && ok2 {
			return len(m[0]), from + " đến " + to
		}
	}
	if m := fullDateForm.FindStringSubmatch(s); m != nil && m[2] == m[4] && r.endsDate(len(m[0])) {
		year := m[5]
		if len(year) == 2 {
			year = "20" + year
		}
		if spoken, ok := r.dayMonth(m[1], m[3], year); ok && (len(m[5]) == 4 || m[2] == "/") {
			return len(m[0]), r.lunar(spoken, m[3], len(m[0]))
		}
	}
	if m := isoDateForm.FindStringSubmatch(s); m != nil && r.endsDate(len(m[0])) {
		if spoken, ok := r.dayMonth(m[3], m[2], m[1]); ok {
			return len(m[0]), spoken
		}
	}
	if n, spoken := r.days(); n > 0 {
		return n, spoken
	}
	if m := monthsForm.FindStringSubmatch(s); m != nil && r.endsDate(len(m[0])) && between(atoi(m[1]), 1, 12) && between(atoi(m[3]), 1, 12) {
		spoken := r.n.month(atoi(m[1])) + " năm " + r.n.small(atoi(m[2])) + " đến tháng " + r.n.month(atoi(m[3])) + " năm " + r.n.small(atoi(m[4]))
		if r.previous() != "tháng" {
			spoken = "tháng " + spoken
		}
		return len(m[0]), spoken
	}
	if m := monthYearForm.FindStringSubmatch(s); m != nil && r.endsDate(len(m[0])) {
		if month, year := atoi(m[1]), atoi(m[2]); between(month, 1, 12) && between(year, 1900, 2199) && r.previous() != "số" {
			spoken := r.n.month(month) + " năm " + r.n.small(year)
			if r.previous() != "tháng" {
				spoken = "tháng " + spoken
			}
			return len(m[0]), spoken
		}
	}
	if m := dayMonthForm.FindStringSubmatch(s); m != nil && r.endsDate(len(m[0])) {
		if spoken, ok := r.dayMonth(m[1], m[2], ""); ok {
			return len(m[0]), r.lunar(spoken, m[2], len(m[0]))
		}
	}
	if m := spacedForm.FindStringSubmatch(s); m != nil && r.previous() == "tháng" && r.endsDate(len(m[0])) && between(atoi(m[1]), 1, 12) {
		return len(m[0]), r.n.month(atoi(m[1])) + " năm " + r.n.small(atoi(m[2]))
	}
	if m := dottedForm.FindStringSubmatch(s); m != nil && r.previous() == "ngày" && r.endsDate(len(m[0])) {
		if spoken, ok := r.dayMonth(m[1], m[2], ""); ok {
			return len(m[0]), spoken
		}
	}
	if m := yearsForm.FindStringSubmatch(s); m != nil && r.ends(len(m[0])) {
		return r.years(m)
	}
	if r.previous() == "ngày" {
		return r.dayAlone(s)
	}
	return 0, ""
}

// dayAlone reads what stands behind "ngày" without a slash: "ngày 20-11" where
// no range could fall, "ngày 5 tháng 12", "sáng ngày 5"; not "mỗi ngày 2, 3 lần".
func (r *reader) dayAlone(s string) (int, string) {
	if m := dashDateForm.FindStringSubmatch(s); m != nil && r.endsDate(len(m[0])) && atoi(m[1]) > atoi(m[2]) {
		if spoken, ok := r.n.dayMonth(m[1], m[2], ""); ok {
			return len(m[0]), spoken
		}
	}
	if m := dashDateForm.FindStringSubmatch(s); m != nil && r.endsDate(len(m[0])) && between(atoi(m[1]), 1, 30) && between(atoi(m[2]), atoi(m[1])+1, 31) {
		return len(m[0]), r.n.day(atoi(m[1]), false) + " đến " + r.n.day(atoi(m[2]), false)
	}
	n := digitRun(s)
	if n > 2 || !r.endsDate(n) {
		return 0, ""
	}
	before := strings.TrimRight(r.behind(), " \u00a0")
	switch lastWord(before[:len(before)-len("ngày")]) {
	case "mỗi", "một", "hằng", "hàng":
		return 0, ""
	}
	switch next, after := strings.ToLower(r.next(n)), r.runeAt(n); {
	case next == "tháng", next == "hằng", next == "hàng", next == "" && after != '%' && after != '°':
		return n, r.n.day(atoi(s[:n]), false)
	}
	return 0, ""
}

// days reads several days of one month: "05 và 06/12", "1, 2 và 3/12/2026",
// "12-13/1". A list needs a word before it that announces days; a range of two
// speaks for itself.
func (r *reader) days() (int, string) {
	m := daysForm.FindStringSubmatch(r.ahead())
	if m == nil || !r.endsDate(len(m[0])) {
		return 0, ""
	}
	if !dayRangeForm.MatchString(m[1]) && !announcesDay(r.previous()) {
		return 0, ""
	}
	var spoken strings.Builder
	named := r.dayNamed()
	for list := m[1]; list != ""; {
		n := digitRun(list)
		if !validDay(atoi(list[:n]), atoi(m[2])) {
			return 0, ""
		}
		spoken.WriteString(r.n.day(atoi(list[:n]), named))
		named = false
		list = list[n:]
		gap := strings.IndexAny(list, "0123456789")
		if gap < 0 {
			break
		}
		between := list[:gap]
		if c, _ := utf8.DecodeRuneInString(strings.TrimSpace(between)); isDash(c) {
			between = " đến "
		} else if between == "," {
			between = ", "
		}
		spoken.WriteString(between)
		list = list[gap:]
	}
	spoken.WriteString(" tháng " + r.month(atoi(m[2]), len(m[0])))
	if year := m[3] + m[4]; year != "" {
		spoken.WriteString(" năm " + r.n.small(atoi(year)))
	}
	return len(m[0]), spoken.String()
}

// years reads a pair of years: a season or school year names both, a period
// goes from one to the other.
func (r *reader) years(m []string) (int, string) {
	from, to := atoi(m[1]), atoi(m[2])
	if from >= to {
		return 0, ""
	}
	glue := " đến "
	if from+1 == to {
		switch r.previous() {
		case "từ", "đoạn", "kỳ":
		default:
			glue = ", "
		}
	}
	return len(m[0]), r.n.small(from) + glue + r.n.small(to)
}

// dayMonth says a date in its place: "mùng" is not said twice.
func (r *reader) dayMonth(day, month, year string) (string, bool) {
	spoken, ok := r.n.dayMonth(day, month, year)
	if r.dayNamed() {
		spoken = strings.TrimPrefix(spoken, "mùng ")
	}
	return spoken, ok
}

func (n Normalizer) dayMonth(day, month, year string) (string, bool) {
	if !validDay(atoi(day), atoi(month)) {
		return "", false
	}
	spoken := n.day(atoi(day), false) + " tháng " + n.month(atoi(month))
	if year != "" {
		spoken += " năm " + n.small(atoi(year))
	}
	return spoken, true
}

// day says a day of the month, with "mùng" up to the tenth unless it was said.
func (n Normalizer) day(day int, named bool) string {
	if between(day, 1, 10) && !named {
		return "mùng " + n.small(day)
	}
	return n.small(day)
}

// month says the number of a month: the fourth is "tư".
func (n Normalizer) month(month int) string {
	if month == 4 {
		return "tư"
	}
	return n.small(month)
}

// month says the number of a month n bytes before which its date ends: in the
// old calendar the first is "Giêng" and the last "Chạp".
func (r *reader) month(month, n int) string {
	if lunarForm.MatchString(r.aheadFrom(n)) {
		switch month {
		case 1:
			return "Giêng"
		case 12:
			return "Chạp"
		}
	}
	return r.n.month(month)
}

// lunar puts the old names of months into a date that ends n bytes ahead.
func (r *reader) lunar(spoken, month string, n int) string {
	solar, old := r.n.month(atoi(month)), r.month(atoi(month), n)
	if solar == old {
		return spoken
	}
	return strings.Replace(spoken, " tháng "+solar, " tháng "+old, 1)
}

// dayNamed reports whether the writer already said "mùng".
func (r *reader) dayNamed() bool {
	p := r.previous()
	return p == "mùng" || p == "mồng"
}

// endsDate reports whether a date could end here, rather than a longer chain
// of numbers go on.
func (r *reader) endsDate(n int) bool {
	s := r.aheadFrom(n)
	slash := len(s) > 1 && s[0] == '/' && isDigit(rune(s[1]))
	return r.ends(n) && !continuesNumber(s) && !slash
}

// validDay reports whether the day exists in some year.
func validDay(day, month int) bool {
	switch month {
	case 1, 3, 5, 7, 8, 10, 12:
		return between(day, 1, 31)
	case 4, 6, 9, 11:
		return between(day, 1, 30)
	case 2:
		return between(day, 1, 29)
	}
	return false
}

// announcesDay reports whether a day may follow this word.
func announcesDay(word string) bool {
	switch word {
	case "ngày", "sáng", "trưa", "chiều", "tối", "đêm", "hôm", "từ", "đến", "hết", "trước", "sau",
		"qua", "kể", "mùng", "mồng", "hạn", "nhật", "dịp", "lễ":
		return true
	}
	return false
}
