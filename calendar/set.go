package calendar

import (
	"fmt"
	"slices"
	"strings"

	"loa"
)

// Kind is a sort of day that a regulation can name.
type Kind string

// The kinds.
const (
	Holidays Kind = "holiday" // public holidays, Tết among them
	TetDays  Kind = "tet"     // the days of Tết alone
	First    Kind = "first"   // mùng Một: the first of a lunar month
	Full     Kind = "full"    // rằm: the fifteenth
	Schools  Kind = "school"  // there is school
	Fairs    Kind = "market"  // a market of the commune is held
	Works    Kind = "working" // offices work
)

// Kinds lists every kind, in the order a sentence names them.
func Kinds() []Kind { return []Kind{Holidays, TetDays, First, Full, Schools, Fairs, Works} }

// Is reports whether a day is of a kind.
func (b Book) Is(d Date, k Kind) bool {
	switch k {
	case Holidays:
		_, ok := b.Holiday(d)
		return ok
	case TetDays:
		h, ok := b.Holiday(d)
		return ok && h.Name == Tet
	case First:
		return d.Lunar().Day == 1
	case Full:
		return d.Lunar().Day == 15
	case Schools:
		return b.school(d)
	case Fairs:
		return slices.ContainsFunc(b.Markets, func(m Market) bool { return m.On(d) })
	case Works:
		return b.Works(d)
	}
	return false
}

func (b Book) school(d Date) bool {
	if _, festive := b.Holiday(d); festive {
		return false
	}
	return slices.ContainsFunc(b.Terms, func(t Term) bool { return t.From <= d && d <= t.Until && t.Week.Has(d.Weekday()) })
}

// Of lists the kinds a day is of.
func (b Book) Of(d Date) (kinds []Kind) {
	for _, k := range Kinds() {
		if b.Is(d, k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// Week is days of the week in ascending order, 1 Monday to 7 Sunday: "123456".
type Week string

// WeekOf writes days of the week as a Week, false if one is none.
func WeekOf(days []int) (Week, bool) {
	w := Week("")
	for n := 1; n <= 7; n++ {
		if slices.Contains(days, n) {
			w += Week('0' + rune(n))
		}
	}
	return w, !slices.ContainsFunc(days, func(n int) bool { return n < 1 || n > 7 })
}

// Has reports whether a day of the week is among them.
func (w Week) Has(day int) bool { return strings.IndexByte(string(w), byte('0'+day)) >= 0 }

// Days lists them, 1 for Monday.
func (w Week) Days() []int {
	all := make([]int, len(w))
	for i := range w {
		all[i] = int(w[i] - '0')
	}
	return all
}

// DaySet is a set of days as a regulation words it: "thứ Hai đến thứ Bảy, trừ
// ngày lễ; cả mùng Một và rằm". The empty set holds no day.
type DaySet struct {
	Week   Week   // on these days of the week
	Minus  []Kind // but not on days of these kinds
	Plus   []Kind // and on days of these kinds, whatever the rest says
	Also   []Date // and on these days
	Except []Date // and never on these
	From   Date   // from this day on; zero: always was
	Until  Date   // to this day; zero: goes on
}

// EveryDay is every day of the week.
func EveryDay() DaySet { return DaySet{Week: "1234567"} }

// Has reports whether a day is in the set, by what the book of the place knows.
// Bounds go first, then single days, then what is added, then the week less what
// is taken away.
func (s DaySet) Has(b Book, d Date) bool {
	is := func(k Kind) bool { return b.Is(d, k) }
	switch {
	case d < s.From || s.Until != 0 && d > s.Until || slices.Contains(s.Except, d):
		return false
	case slices.Contains(s.Also, d) || slices.ContainsFunc(s.Plus, is):
		return true
	}
	return s.Week.Has(d.Weekday()) && !slices.ContainsFunc(s.Minus, is)
}

// Next is the first day of the set at or after a day, looked for in two years.
func (s DaySet) Next(b Book, d Date) (Date, bool) {
	for day := d; day < d+731; day++ {
		if s.Has(b, day) {
			return day, true
		}
	}
	return 0, false
}

// maxDates is how many single days a set may name.
const maxDates = 60

// ParseDaySet reads what String writes: words with a space between, "123456
// -holiday +first +2026-11-24 -2026-11-25 >=2026-01-01 <=2026-12-31".
func ParseDaySet(text string) (s DaySet, err error) {
	bad := loa.Errorf(loa.Invalid, "calendar.dayset", loa.Clip(text))
	for i, word := range strings.Fields(text) {
		switch {
		case strings.HasPrefix(word, ">=") && s.From == 0:
			s.From, err = ParseDate(word[2:])
		case strings.HasPrefix(word, "<=") && s.Until == 0:
			s.Until, err = ParseDate(word[2:])
		case word[0] == '+' || word[0] == '-':
			err = s.put(word[0] == '+', word[1:])
		case i == 0:
			days := make([]int, len(word))
			for j := range days {
				days[j] = int(word[j]) - '0'
			}
			w, ok := WeekOf(days)
			if !ok || string(w) != word {
				return DaySet{}, bad
			}
			s.Week = w
		default:
			return DaySet{}, bad
		}
		if err != nil {
			return DaySet{}, bad.Because(err)
		}
	}
	if err := s.Check(); err != nil {
		return DaySet{}, err
	}
	return s.sorted(), nil
}

func (s *DaySet) put(plus bool, word string) error {
	kinds, dates := &s.Minus, &s.Except
	if plus {
		kinds, dates = &s.Plus, &s.Also
	}
	if slices.Contains(Kinds(), Kind(word)) {
		*kinds = append(*kinds, Kind(word))
		return nil
	}
	d, err := ParseDate(word)
	*dates = append(*dates, d)
	return err
}

// Check says what is wrong with a set: bounds turned round, more single days than
// a person would name, a kind nobody knows.
func (s DaySet) Check() error {
	unknown := func(k Kind) bool { return !slices.Contains(Kinds(), k) }
	if _, ok := WeekOf(s.Week.Days()); !ok || slices.ContainsFunc(s.Plus, unknown) || slices.ContainsFunc(s.Minus, unknown) ||
		s.Until != 0 && s.Until < s.From || len(s.Also)+len(s.Except) > maxDates {
		return loa.Errorf(loa.Invalid, "calendar.dayset", loa.Clip(s.String()))
	}
	return nil
}

// sorted is the same set in the one order String writes.
func (s DaySet) sorted() DaySet {
	kinds := func(given []Kind) (all []Kind) {
		for _, k := range Kinds() {
			if slices.Contains(given, k) {
				all = append(all, k)
			}
		}
		return all
	}
	s.Minus, s.Plus = kinds(s.Minus), kinds(s.Plus)
	s.Also = slices.Compact(slices.Sorted(slices.Values(s.Also)))
	s.Except = slices.Compact(slices.Sorted(slices.Values(s.Except)))
	return s
}

// String is the set as it is stored: days of the week alone are "123456".
func (s DaySet) String() string {
	s = s.sorted()
	var words []string
	if s.Week != "" {
		words = append(words, string(s.Week))
	}
	for _, k := range s.Minus {
		words = append(words, "-"+string(k))
	}
	for _, k := range s.Plus {
		words = append(words, "+"+string(k))
	}
	for _, d := range s.Except {
		words = append(words, "-"+d.String())
	}
	for _, d := range s.Also {
		words = append(words, "+"+d.String())
	}
	if s.From != 0 {
		words = append(words, ">="+s.From.String())
	}
	if s.Until != 0 {
		words = append(words, "<="+s.Until.String())
	}
	return strings.Join(words, " ")
}

// MarshalText is String.
func (s DaySet) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseDaySet.
func (s *DaySet) UnmarshalText(b []byte) (err error) {
	*s, err = ParseDaySet(string(b))
	return err
}

// Words is a catalogue in the language of whoever reads: a page's View, or a
// printed paper.
type Words interface {
	// T is the text of a key with its arguments.
	T(key string, args ...any) string
}

// Say is the set as a sentence without its full stop.
func (s DaySet) Say(in Words) string {
	s = s.sorted()
	and := func(words []string) string {
		if len(words) < 2 {
			return strings.Join(words, "")
		}
		return in.T("calendar.and", strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
	}
	kinds := func(all []Kind) (words []string) {
		for _, k := range all {
			words = append(words, in.T("calendar.kind."+string(k)))
		}
		return words
	}
	dates := func(all []Date) (words []string) {
		for _, d := range all {
			words = append(words, d.Say())
		}
		return words
	}
	said := s.Week.say(in, and)
	if minus := append(kinds(s.Minus), dates(s.Except)...); len(minus) > 0 && said != "" {
		said = in.T("calendar.minus", said, and(minus))
	}
	if plus := append(kinds(s.Plus), dates(s.Also)...); len(plus) > 0 {
		if said == "" {
			said = and(plus)
		} else {
			said = in.T("calendar.plus", said, and(plus))
		}
	}
	switch {
	case said == "":
		return in.T("calendar.never")
	case s.From != 0 && s.Until != 0:
		return in.T("calendar.between", said, s.From.Say(), s.Until.Say())
	case s.From != 0:
		return in.T("calendar.from", said, s.From.Say())
	case s.Until != 0:
		return in.T("calendar.until", said, s.Until.Say())
	}
	return said
}

// say is "hằng ngày", "thứ Hai đến thứ Bảy", "thứ Ba, thứ Năm và Chủ nhật".
func (w Week) say(in Words, and func([]string) string) string {
	if w == "1234567" {
		return in.T("calendar.daily")
	}
	name := func(day int) string { return in.T(fmt.Sprintf("weekday.%d", day)) }
	days := w.Days()
	var words []string
	for i := 0; i < len(days); {
		j := i
		for j+1 < len(days) && days[j+1] == days[j]+1 {
			j++
		}
		if j-i >= 2 {
			words = append(words, in.T("calendar.range", name(days[i]), name(days[j])))
			i = j + 1
			continue
		}
		words = append(words, name(days[i]))
		i++
	}
	return and(words)
}
