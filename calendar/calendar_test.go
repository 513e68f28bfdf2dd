package calendar_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"loa/calendar"
	"loa/lang"
)

func date(t testing.TB, s string) calendar.Date {
	t.Helper()
	d, err := calendar.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestLunar holds the arithmetic to days that are known: first days of the lunar
// year from the official calendars, years in which Hà Nội and Bắc Kinh differ,
// and the leap months.
func TestLunar(t *testing.T) {
	for _, c := range []struct {
		civil string
		want  calendar.Lunar
	}{
		{"1968-01-29", calendar.Lunar{Day: 1, Month: 1, Year: 1968}}, // the South, at UTC+8, a day later
		{"1985-01-21", calendar.Lunar{Day: 1, Month: 1, Year: 1985}}, // China: 20 February, a month later
		{"2007-02-17", calendar.Lunar{Day: 1, Month: 1, Year: 2007}}, // China: 18 February
		{"2020-01-25", calendar.Lunar{Day: 1, Month: 1, Year: 2020}},
		{"2023-01-22", calendar.Lunar{Day: 1, Month: 1, Year: 2023}},
		{"2024-02-10", calendar.Lunar{Day: 1, Month: 1, Year: 2024}},
		{"2025-01-29", calendar.Lunar{Day: 1, Month: 1, Year: 2025}},
		{"2026-02-17", calendar.Lunar{Day: 1, Month: 1, Year: 2026}},
		{"2027-02-06", calendar.Lunar{Day: 1, Month: 1, Year: 2027}},
		{"2028-01-26", calendar.Lunar{Day: 1, Month: 1, Year: 2028}},
		{"2030-02-02", calendar.Lunar{Day: 1, Month: 1, Year: 2030}}, // China: 3 February
		{"2025-01-28", calendar.Lunar{Day: 29, Month: 12, Year: 2024}},
		{"2027-02-05", calendar.Lunar{Day: 29, Month: 12, Year: 2026}},
		{"2020-05-23", calendar.Lunar{Day: 1, Month: 4, Year: 2020, Leap: true}},
		{"2023-03-22", calendar.Lunar{Day: 1, Month: 2, Year: 2023, Leap: true}},
		{"2025-07-25", calendar.Lunar{Day: 1, Month: 6, Year: 2025, Leap: true}},
		{"2033-12-22", calendar.Lunar{Day: 1, Month: 11, Year: 2033, Leap: true}},
		{"2034-02-19", calendar.Lunar{Day: 1, Month: 1, Year: 2034}},
		{"2024-04-18", calendar.Lunar{Day: 10, Month: 3, Year: 2024}},
		{"2025-04-07", calendar.Lunar{Day: 10, Month: 3, Year: 2025}},
		{"2026-04-26", calendar.Lunar{Day: 10, Month: 3, Year: 2026}},
		{"2026-11-23", calendar.Lunar{Day: 15, Month: 10, Year: 2026}},
	} {
		d := date(t, c.civil)
		if diff := cmp.Diff(c.want, d.Lunar()); diff != "" {
			t.Errorf("%s:\n%s", c.civil, diff)
		}
		if back, ok := c.want.Date(); !ok || back != d {
			t.Errorf("%v is %s, %v, want %s", c.want, back, ok, c.civil)
		}
	}
	for _, l := range []calendar.Lunar{
		{Day: 30, Month: 12, Year: 2026}, // the year ends with the 29th
		{Day: 1, Month: 5, Year: 2026, Leap: true},
		{Day: 0, Month: 1, Year: 2026}, {Day: 1, Month: 13, Year: 2026}, {Day: 1, Month: 1, Year: 1899},
	} {
		if d, ok := l.Date(); ok {
			t.Errorf("%v is %s, want no day", l, d)
		}
	}
}

// TestLunarTurns walks three centuries: every lunar date comes back as its day,
// months have 29 or 30 days, years 12 or 13 months.
func TestLunarTurns(t *testing.T) {
	first, last := calendar.On(1900, time.March, 1), calendar.On(2199, time.November, 1)
	run := 0
	before := (first - 1).Lunar()
	for d := first; d <= last; d++ {
		l := d.Lunar()
		if back, ok := l.Date(); !ok || back != d {
			t.Fatalf("%s is %+v, and that is %s, %v", d, l, back, ok)
		}
		switch {
		case l.Day == before.Day+1 && l.Month == before.Month && l.Year == before.Year && l.Leap == before.Leap:
		case l.Day == 1 && (before.Day == 29 || before.Day == 30):
			run++
			if l.Month == 1 && !l.Leap {
				if run != 12 && run != 13 && l.Year > 1901 {
					t.Errorf("the year before %s had %d months", d, run)
				}
				run = 0
			}
		default:
			t.Fatalf("%+v follows %+v on %s", l, before, d)
		}
		before = l
	}
}

func TestLunarSaid(t *testing.T) {
	for civil, want := range map[string]string{
		"2026-02-17": "mùng 1 tháng Giêng năm Bính Ngọ",
		"2026-11-23": "rằm tháng Mười năm Bính Ngọ",
		"2027-02-05": "ngày 29 tháng Chạp năm Bính Ngọ",
		"2025-07-25": "mùng 1 tháng Sáu nhuận năm Ất Tỵ",
	} {
		if got := date(t, civil).Lunar().String(); got != want {
			t.Errorf("%s: %q, want %q", civil, got, want)
		}
	}
	if got := date(t, "2025-07-25").Lunar().Short(); got != "1/6 nhuận" {
		t.Errorf("short: %q", got)
	}
}

// decided is the yearly decision of 2026 as rows: an invented number, days of the
// kind such decisions give.
func decided(t testing.TB) calendar.Book {
	b := calendar.Book{
		Terms:   []calendar.Term{{Name: "Học kỳ I", From: date(t, "2026-09-05"), Until: date(t, "2027-01-15"), Week: "12345"}},
		Markets: []calendar.Market{{Name: "Chợ Bến", Calendar: calendar.ByLunar, Days: []int{2, 7, 12, 17, 22, 27}}, {Name: "Chợ Cồn", Calendar: calendar.ByWeek, Days: []int{7}}},
		Decided: []calendar.Decided{
			{Day: date(t, "2026-09-01"), Kind: calendar.Festive, Name: calendar.National},
			{Day: date(t, "2026-09-02"), Kind: calendar.Festive, Name: calendar.National},
			{Day: date(t, "2026-08-31"), Kind: calendar.Off}, {Day: date(t, "2026-08-22"), Kind: calendar.Working},
			{Day: date(t, "2026-11-24"), Kind: calendar.Festive, Name: "Ngày Văn hóa Việt Nam"},
		},
	}
	for _, day := range []string{"2026-02-16", "2026-02-17", "2026-02-18", "2026-02-19", "2026-02-20"} {
		b.Decided = append(b.Decided, calendar.Decided{Day: date(t, day), Kind: calendar.Festive, Name: calendar.Tet})
	}
	return b
}

func TestHolidays(t *testing.T) {
	var got []string
	for _, h := range (calendar.Book{}).Holidays(2027) {
		got = append(got, h.Day.String()+" "+h.Name)
	}
	want := []string{"2027-01-01 new_year", "2027-02-05 tet", "2027-02-06 tet", "2027-02-07 tet", "2027-02-08 tet", "2027-02-09 tet",
		"2027-04-16 hung_kings", "2027-04-30 reunification", "2027-05-01 labour", "2027-09-01 national", "2027-09-02 national"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	b := decided(t)
	if open := b.Open(2026); open != nil {
		t.Errorf("2026 is decided, and yet open: %v", open)
	}
	if open := b.Open(2027); !slices.Equal(open, []string{"tet", "national"}) {
		t.Errorf("2027 is open: %v", open)
	}
	for _, c := range []struct {
		day  string
		want bool
		why  string
	}{
		{"2026-11-23", true, "a Monday"},
		{"2026-11-22", false, "a Sunday"},
		{"2026-04-26", false, "giỗ Tổ on a Sunday"},
		{"2026-04-27", false, "the Monday for it"},
		{"2026-04-28", true, "and then work"},
		{"2026-08-31", false, "given in exchange"},
		{"2026-08-22", true, "a Saturday worked for it"},
		{"2027-02-10", false, "Tết took a Saturday"},
		{"2027-02-11", false, "and a Sunday"},
		{"2027-02-12", true, "and no more"},
		{"2026-11-24", false, "a holiday newer than this program"},
	} {
		if got := b.Works(date(t, c.day)); got != c.want {
			t.Errorf("%s works %v, want %v: %s", c.day, got, c.want, c.why)
		}
	}
}

func TestDaySet(t *testing.T) {
	b := decided(t)
	for _, c := range []struct {
		set string
		day string
		in  bool
	}{
		{"123456", "2026-11-23", true},
		{"123456", "2026-11-22", false},
		{"123456 -holiday", "2026-09-02", false},
		{"123456 -holiday +first +full", "2026-02-17", true}, // mùng Một of Tết: added beats taken away
		{"123456 -holiday +first +full", "2026-02-18", false},
		{"+full", "2026-11-23", true},
		{"+full", "2026-11-24", false},
		{"1234567 -tet", "2026-02-16", false},
		{"1234567 -tet", "2026-09-02", true},
		{"1234567 -2026-11-23 +full", "2026-11-23", false}, // a single day beats all
		{"7 +2026-11-23", "2026-11-23", true},
		{"1234567 >=2026-11-24", "2026-11-23", false},
		{"1234567 <=2026-11-23", "2026-11-23", true},
		{"1234567 <=2026-11-23", "2026-11-24", false},
		{"+school", "2026-11-23", true},
		{"+school", "2026-11-24", false}, // a holiday
		{"+school", "2026-11-21", false},
		{"+market", "2026-11-25", true}, // 17/10
		{"+market", "2026-11-29", true}, // a Sunday
		{"+market", "2026-11-26", false},
		{"+working", "2026-08-22", true},
		{"", "2026-11-23", false},
	} {
		s, err := calendar.ParseDaySet(c.set)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Has(b, date(t, c.day)); got != c.in {
			t.Errorf("%q has %s: %v, want %v", c.set, c.day, got, c.in)
		}
	}
	s, _ := calendar.ParseDaySet("+2026-12-01")
	if d, ok := s.Next(b, date(t, "2026-11-23")); !ok || d.String() != "2026-12-01" {
		t.Errorf("next: %s, %v", d, ok)
	}
	if _, ok := s.Next(b, date(t, "2026-12-02")); ok {
		t.Error("a set that is over has a next day")
	}
	for _, bad := range []string{"8", "21", "11", "x", "123 456", "-", "+", "+nobody", "-2026-13-01", ">=2026-12-01 <=2026-11-01", ">=", "+1066-10-14", "1 >=2026-01-01 >=2026-01-01"} {
		if s, err := calendar.ParseDaySet(bad); err == nil {
			t.Errorf("%q is read as %v", bad, s)
		}
	}
}

// words is one language of the catalogue.
type words struct {
	c      *lang.Catalog
	locale string
}

func (w words) T(key string, args ...any) string { return w.c.T(w.locale, key, args...) }

func TestDaySetSaid(t *testing.T) {
	c, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ locale, set, want string }{
		{"vi", "123456 -holiday +first +full", "thứ Hai đến thứ Bảy, trừ ngày lễ; cả mùng Một và rằm"},
		{"en", "123456 -holiday +first +full", "Monday to Saturday, except public holidays; also the first and the fifteenth lunar day"},
		{"vi", "1234567", "hằng ngày"},
		{"vi", "67", "thứ Bảy và Chủ nhật"},
		{"vi", "1357", "thứ Hai, thứ Tư, thứ Sáu và Chủ nhật"},
		{"vi", "12357", "thứ Hai đến thứ Tư, thứ Sáu và Chủ nhật"},
		{"vi", "+market", "ngày chợ phiên"},
		{"vi", "", "không ngày nào"},
		{"vi", "+school >=2026-09-05 <=2027-05-31", "ngày học, từ 05/09/2026 đến hết 31/05/2027"},
		{"vi", "12345 -2026-11-24 +2026-11-28 >=2026-11-01", "thứ Hai đến thứ Sáu, trừ 24/11/2026; cả 28/11/2026, từ 01/11/2026"},
		{"vi", "1234567 -tet <=2026-12-31", "hằng ngày, trừ ngày Tết, đến hết 31/12/2026"},
	} {
		s, err := calendar.ParseDaySet(x.set)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Say(words{c, x.locale}); got != x.want {
			t.Errorf("%q: %q, want %q", x.set, got, x.want)
		}
	}
}

func genDate() *rapid.Generator[calendar.Date] {
	return rapid.Map(rapid.IntRange(0, 36_000), func(n int) calendar.Date { return calendar.On(1999, time.December, 1) + calendar.Date(n) })
}

func genSet() *rapid.Generator[calendar.DaySet] {
	return rapid.Custom(func(t *rapid.T) calendar.DaySet {
		w, _ := calendar.WeekOf(rapid.SliceOfDistinct(rapid.IntRange(1, 7), rapid.ID[int]).Draw(t, "week"))
		kinds := rapid.SliceOfDistinct(rapid.SampledFrom(calendar.Kinds()), rapid.ID[calendar.Kind])
		s := calendar.DaySet{Week: w, Minus: kinds.Draw(t, "minus"), Plus: kinds.Draw(t, "plus"),
			Also: rapid.SliceOfN(genDate(), 0, 3).Draw(t, "also"), Except: rapid.SliceOfN(genDate(), 0, 3).Draw(t, "except")}
		if rapid.Bool().Draw(t, "bounded") {
			s.From = genDate().Draw(t, "from")
			s.Until = s.From + calendar.Date(rapid.IntRange(0, 800).Draw(t, "days"))
		}
		return s
	})
}

// A set survives being stored, holds its single days, never leaves its bounds,
// and grows and shrinks the right way.
func TestDaySetProperties(t *testing.T) {
	b := decided(t)
	rapid.Check(t, func(t *rapid.T) {
		s, d := genSet().Draw(t, "set"), genDate().Draw(t, "day")
		back, err := calendar.ParseDaySet(s.String())
		if err != nil || back.String() != s.String() || back.Has(b, d) != s.Has(b, d) {
			t.Fatalf("%q comes back as %q: %v", s, back, err)
		}
		in := s.Has(b, d)
		if in && (d < s.From || s.Until != 0 && d > s.Until || slices.Contains(s.Except, d)) {
			t.Fatalf("%s is outside of %q and in it", d, s)
		}
		more, less := s, s
		more.Plus, less.Minus = append(slices.Clone(s.Plus), calendar.Full), append(slices.Clone(s.Minus), calendar.Holidays)
		if in && !more.Has(b, d) {
			t.Fatalf("%q loses %s when full moons are added", s, d)
		}
		if !in && less.Has(b, d) {
			t.Fatalf("%q gains %s when holidays are taken away", s, d)
		}
		if b.Is(d, calendar.Schools) && b.Is(d, calendar.Holidays) {
			t.Fatalf("%s is a holiday with school", d)
		}
	})
}

func TestDate(t *testing.T) {
	late := time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC) // already Monday in Viet Nam
	d := calendar.Of(late)
	if d.String() != "2026-11-23" || d.Weekday() != 1 || !d.Midnight().Equal(late) || d.Say() != "23/11/2026" {
		t.Errorf("%s, weekday %d, from %s, said %s", d, d.Weekday(), d.Midnight(), d.Say())
	}
	rapid.Check(t, func(t *rapid.T) {
		d := genDate().Draw(t, "day")
		if back, err := calendar.ParseDate(d.String()); err != nil || back != d || calendar.Of(d.Midnight()) != d ||
			calendar.Of(d.Midnight().Add(-time.Nanosecond)) != d-1 || (int(d.Midnight().Weekday())+6)%7+1 != d.Weekday() {
			t.Fatalf("%d is %s is %d: %v", d, d, back, err)
		}
	})
}

func FuzzParseDaySet(f *testing.F) {
	for _, s := range []string{"123456 -holiday +first +full", "+2026-11-24 >=2026-01-01 <=2026-12-31", "7", "", "+\x00", "-2026-11-25"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := calendar.ParseDaySet(text)
		if err != nil {
			return
		}
		if back, err := calendar.ParseDaySet(s.String()); err != nil || back.String() != s.String() {
			t.Errorf("%q is %q, which is %q: %v", text, s, back, err)
		}
	})
}
