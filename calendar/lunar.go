package calendar

import (
	"fmt"
	"math"
)

// The years the calendar answers for. The series below are good to a few minutes
// in them; outside, a new moon near midnight could fall on the wrong day.
const (
	firstYear = 1900
	lastYear  = 2199
)

// Lunar is a date of the Vietnamese lunar calendar (âm lịch).
type Lunar struct {
	Day   int // 1 to 30
	Month int // 1 to 12
	Year  int // the civil year in which its first month began
	Leap  bool
}

// Lunar is the date in the lunar calendar.
//
// The rules are those of the Vietnamese calendar since 1967: a month begins on
// the day, by the clock of UTC+7, of a new moon; the winter solstice falls into
// month 11; in a year of thirteen moons the first without a principal term is a
// leap month. China reckons the same rules at UTC+8, which is why Tết 2007 was a
// day earlier here than there. The astronomy is after Jean Meeus, Astronomical
// Algorithms (1998), in the short form Hồ Ngọc Đức published for this calendar.
func (d Date) Lunar() Lunar {
	k := moonsTo(d, 0) + 1
	start := newMoon(k)
	for start > d { // once as a rule, twice where the moon is late on the mean
		k--
		start = newMoon(k)
	}
	year, _, _ := d.Civil()
	solstice, next := month11(year), month11(year)
	if solstice >= start {
		solstice = month11(year - 1)
	} else {
		next = month11(year + 1)
	}
	l := Lunar{Day: int(d-start) + 1, Year: year}
	moons := int(start-solstice) / 29
	l.Month = moons + 11
	if next-solstice > 365 {
		if leap := leapMoon(solstice); moons >= leap {
			l.Month = moons + 10
			l.Leap = moons == leap
		}
	}
	if l.Month > 12 {
		l.Month -= 12
	}
	// Months 11 and 12 that follow the solstice of the year before.
	if l.Month >= 11 && moons < 4 {
		l.Year, _, _ = solstice.Civil()
	}
	return l
}

// Date is the day of a lunar date; false where there is no such day, as the 30th
// of a short month or a leap month the year does not have.
func (l Lunar) Date() (Date, bool) {
	if l.Day < 1 || l.Day > 30 || l.Month < 1 || l.Month > 12 || l.Year < firstYear || l.Year > lastYear {
		return 0, false
	}
	solstice, next := month11(l.Year-1), month11(l.Year)
	if l.Month >= 11 {
		solstice, next = month11(l.Year), month11(l.Year+1)
	}
	moons := (l.Month + 1) % 12 // since month 11
	if next-solstice > 365 {
		if leap := leapMoon(solstice); l.Leap || moons >= leap {
			moons++
		}
	}
	k := moonsTo(solstice, 0.5)
	d := newMoon(k+moons) + Date(l.Day) - 1
	return d, d.Lunar() == l
}

// Short is "10/3", "1/6 nhuận" for a leap month.
func (l Lunar) Short() string {
	if l.Leap {
		return fmt.Sprintf("%d/%d nhuận", l.Day, l.Month)
	}
	return fmt.Sprintf("%d/%d", l.Day, l.Month)
}

// String is the date as people say it: "mùng 1 tháng Giêng năm Bính Ngọ".
func (l Lunar) String() string {
	day := fmt.Sprintf("ngày %d", l.Day)
	switch {
	case l.Day <= 10:
		day = fmt.Sprintf("mùng %d", l.Day)
	case l.Day == 15:
		day = "rằm"
	}
	leap := ""
	if l.Leap {
		leap = " nhuận"
	}
	return fmt.Sprintf("%s tháng %s%s năm %s %s", day, months[l.Month-1], leap, stems[(l.Year+6)%10], branches[(l.Year+8)%12])
}

var (
	months   = []string{"Giêng", "Hai", "Ba", "Tư", "Năm", "Sáu", "Bảy", "Tám", "Chín", "Mười", "Mười một", "Chạp"}
	stems    = []string{"Giáp", "Ất", "Bính", "Đinh", "Mậu", "Kỷ", "Canh", "Tân", "Nhâm", "Quý"}
	branches = []string{"Tý", "Sửu", "Dần", "Mão", "Thìn", "Tỵ", "Ngọ", "Mùi", "Thân", "Dậu", "Tuất", "Hợi"}
)

const synodic = 29.530588853 // days from new moon to new moon, on the mean

// moonsTo is about how many new moons lie between that of 1 January 1900 and a day.
func moonsTo(d Date, more float64) int {
	return int(math.Floor((float64(d)-2415021.076998695)/synodic + more))
}

// newMoon is the day at UTC+7 of the k-th new moon since that of 1 January 1900.
func newMoon(k int) Date {
	const rad = math.Pi / 180
	t := float64(k) / 1236.85 // Julian centuries
	t2, t3 := t*t, t*t*t
	mean := 2415020.75933 + 29.53058868*float64(k) + 0.0001178*t2 - 0.000000155*t3 +
		0.00033*math.Sin((166.56+132.87*t-0.009173*t2)*rad)
	sun := (359.2242 + 29.10535608*float64(k) - 0.0000333*t2 - 0.00000347*t3) * rad
	moon := (306.0253 + 385.81691806*float64(k) + 0.0107306*t2 + 0.00001236*t3) * rad
	node := (21.2964 + 390.67050646*float64(k) - 0.0016528*t2 - 0.00000239*t3) * rad
	c := (0.1734-0.000393*t)*math.Sin(sun) + 0.0021*math.Sin(2*sun) -
		0.4068*math.Sin(moon) + 0.0161*math.Sin(2*moon) - 0.0004*math.Sin(3*moon) +
		0.0104*math.Sin(2*node) - 0.0051*math.Sin(sun+moon) - 0.0074*math.Sin(sun-moon) +
		0.0004*math.Sin(2*node+sun) - 0.0004*math.Sin(2*node-sun) - 0.0006*math.Sin(2*node+moon) +
		0.0010*math.Sin(2*node-moon) + 0.0005*math.Sin(2*moon+sun)
	deltaT := -0.000278 + 0.000265*t + 0.000262*t2 // from dynamical to universal time, in days
	return Date(math.Floor(mean + c - deltaT + 0.5 + 7.0/24))
}

// sunTwelfth is in which twelfth of its circle, 0 to 11 from the March equinox,
// the sun stands as the day begins at UTC+7. A month in which it does not change
// has no principal term.
func sunTwelfth(d Date) int {
	const rad = math.Pi / 180
	t := (float64(d) - 2451545.5 - 7.0/24) / 36525
	t2 := t * t
	anomaly := (357.52910 + 35999.05030*t - 0.0001559*t2 - 0.00000048*t*t2) * rad
	longitude := 280.46645 + 36000.76983*t + 0.0003032*t2 +
		(1.914600-0.004817*t-0.000014*t2)*math.Sin(anomaly) +
		(0.019993-0.000101*t)*math.Sin(2*anomaly) + 0.000290*math.Sin(3*anomaly)
	longitude = math.Mod(longitude, 360)
	if longitude < 0 {
		longitude += 360
	}
	return int(longitude / 30)
}

// month11 is the first day of the lunar month that holds the winter solstice of
// a civil year.
func month11(year int) Date {
	k := int(math.Floor((float64(On(year, 12, 31)) - 2415021) / synodic))
	start := newMoon(k)
	if sunTwelfth(start) >= 9 {
		start = newMoon(k - 1)
	}
	return start
}

// leapMoon is which moon after month 11 is the leap month, in a year of thirteen.
func leapMoon(solstice Date) int {
	k := moonsTo(solstice, 0.5)
	last := sunTwelfth(newMoon(k + 1))
	i := 1
	for i < 14 {
		i++
		arc := sunTwelfth(newMoon(k + i))
		if arc == last {
			break
		}
		last = arc
	}
	return i - 1
}
