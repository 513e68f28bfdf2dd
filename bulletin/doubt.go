package bulletin

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"loa"
)

// Doubt is something in a text that seems to contradict itself: a hint for the
// writer, never a reason to refuse.
type Doubt struct {
	Kind  string // weekday, no_day, past, sum
	Wrote string // as it stands in the text
	Right string // what it would be: a weekday as a key ("weekday.5"), a sum; "" if nothing would
}

const amount = `(\d{1,3}(?:\.\d{3})+|\d+)(?:,(\d{1,3}))?\s*(nghìn|ngàn|triệu|tỷ|tỉ)?\s*(?:đồng|đ\b)?`

var (
	weekdayDate = regexp.MustCompile(`(?i)(thứ\s+(?:hai|ba|tư|năm|sáu|bảy|[2-7])|chủ\s+nhật)\s*,?\s*(?:ngày\s+)?(?:mùng\s+|mồng\s+)?(\d{1,2})(?:/|-|\s+tháng\s+)(\d{1,2})(?:(?:/|-|\s+năm\s+)(\d{4}))?`)
	plainDate   = regexp.MustCompile(`\b(\d{1,2})/(\d{1,2})(?:/(\d{4}))?\b`)
	account     = regexp.MustCompile(`(?i)\bthu\s+` + amount + `.{0,20}?\bchi\s+` + amount + `.{0,20}?còn(?:\s+lại)?\s+` + amount)
	equation    = regexp.MustCompile(amount + `\s*([+\-−–])\s*` + amount + `\s*=\s*` + amount)
)

// Doubts looks for what a listener would stumble over: a weekday that is not that
// date's, a day no month has, a dated day that is gone, a sum that does not come
// out. now tells which year a date without one means.
func Doubts(text string, now time.Time) (all []Doubt) {
	now = now.In(loa.Zone())
	for _, m := range weekdayDate.FindAllStringSubmatch(text, -1) {
		day, ok := date(m[2], m[3], m[4], now)
		if !ok {
			continue // said below
		}
		wrote := strings.Join(strings.Fields(m[0]), " ")
		if said := (int(day.Weekday())+6)%7 + 1; said != weekdayNumber(m[1]) {
			all = append(all, Doubt{"weekday", wrote, fmt.Sprintf("weekday.%d", said)})
		} else if m[4] != "" && day.AddDate(0, 0, 1).Before(now) {
			all = append(all, Doubt{"past", wrote, ""})
		}
	}
	for _, m := range plainDate.FindAllStringSubmatch(text, -1) {
		d, _ := strconv.Atoi(m[1]) // digits, by the pattern
		month, _ := strconv.Atoi(m[2])
		if _, ok := date(m[1], m[2], m[3], now); !ok && d >= 29 && d <= 31 && month >= 1 && month <= 12 {
			all = append(all, Doubt{"no_day", m[0], ""})
		}
	}
	for _, m := range account.FindAllStringSubmatch(text, -1) {
		all = append(all, sum(m[0], figure(m[1:4]), -figure(m[4:7]), m[7:10])...)
	}
	for _, m := range equation.FindAllStringSubmatch(text, -1) {
		second := figure(m[5:8])
		if m[4] != "+" {
			second = -second
		}
		all = append(all, sum(m[0], figure(m[1:4]), second, m[8:11])...)
	}
	return all
}

// date is the day that a text means; one without a year lies less than two
// months back and ten ahead.
func date(day, month, year string, now time.Time) (time.Time, bool) {
	d, _ := strconv.Atoi(day) // digits, by the pattern
	m, _ := strconv.Atoi(month)
	y, err := strconv.Atoi(year)
	at := func(y int) (time.Time, bool) {
		t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, loa.Zone())
		return t, t.Day() == d && int(t.Month()) == m
	}
	if err == nil {
		return at(y)
	}
	for y := now.Year() - 1; y <= now.Year()+1; y++ {
		if t, ok := at(y); ok && t.After(now.AddDate(0, -2, 0)) {
			return t, true
		}
	}
	return at(now.Year())
}

// weekdayNumber is 1 for Monday (thứ Hai) to 7 for Sunday (Chủ nhật).
func weekdayNumber(word string) int {
	names := []string{"hai", "ba", "tư", "năm", "sáu", "bảy"}
	words := strings.Fields(strings.ToLower(word))
	for i, n := range names {
		if words[1] == n || words[1] == strconv.Itoa(i+2) {
			return i + 1
		}
	}
	return 7
}

// figure is an amount in thousandths, from its whole part, its decimals and its
// multiple.
func figure(m []string) int64 {
	decimals := (m[1] + "000")[:3]
	n, err := strconv.ParseInt(strings.ReplaceAll(m[0], ".", "")+decimals, 10, 64)
	if err != nil || n > 1e12 {
		return 0 // no fund of a hamlet
	}
	return n * multiple(m[2])
}

func multiple(word string) int64 {
	switch strings.ToLower(word) {
	case "nghìn", "ngàn":
		return 1e3
	case "triệu":
		return 1e6
	case "tỷ", "tỉ":
		return 1e9
	}
	return 1
}

// sum doubts a result that is further from a + b than its last digit rounds.
func sum(wrote string, a, b int64, result []string) []Doubt {
	digit := 1000 * multiple(result[2])
	for range result[1] {
		digit /= 10
	}
	off := a + b - figure(result)
	if off < digit && -off < digit {
		return nil
	}
	return []Doubt{{"sum", strings.TrimSpace(wrote), money((a + b) / 1000)}}
}

// money writes a whole number with dots between thousands.
func money(n int64) string {
	if n < 0 {
		return "−" + money(-n)
	}
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return money(n/1000) + fmt.Sprintf(".%03d", n%1000)
}
