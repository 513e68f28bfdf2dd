package web

import (
	"encoding/base64"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"rsc.io/qr"

	"loa"
)

// Time is the minute in Viet Nam, "17:02"; "–" for never.
func (v View) Time(ms int64) string { return v.local(ms, "15:04") }

// Second is the second in Viet Nam, "17:02:07".
func (v View) Second(ms int64) string { return v.local(ms, "15:04:05") }

// Moment is a minute and its day as people say it: "17:02 thứ Hai 23/11", with
// the year where it is another one.
func (v View) Moment(ms int64) string {
	if ms == 0 {
		return "–"
	}
	return v.Time(ms) + " " + v.DayOf(ms)
}

// DayOf is the day of a moment: "hôm nay", "ngày mai" or "thứ Hai 23/11".
func (v View) DayOf(ms int64) string {
	t, now := time.UnixMilli(ms).In(loa.Zone()), v.now.In(loa.Zone())
	day := func(t time.Time) string { return t.Format(time.DateOnly) }
	switch day(t) {
	case day(now):
		return v.T("day.today")
	case day(now.AddDate(0, 0, 1)):
		return v.T("day.tomorrow")
	case day(now.AddDate(0, 0, -1)):
		return v.T("day.yesterday")
	}
	date := t.Format("02/01")
	if t.Year() != now.Year() {
		date = t.Format("02/01/2006")
	}
	return v.T(fmt.Sprintf("weekday.%d", (int(t.Weekday())+6)%7+1)) + " " + date
}

// Session is a session by its key as people say it: "buổi sáng hôm nay"; what was
// played at once stood in none: "phát ngay hôm nay".
func (v View) Session(key string) string {
	date, part, _ := strings.Cut(key, "/")
	day, err := time.ParseInLocation(time.DateOnly, date, loa.Zone())
	if err != nil {
		return key
	}
	return v.T("session.when."+part, v.DayOf(day.UnixMilli()))
}

// LastDay is the day whose end a moment is: "hết hạn phát" lies at midnight, and
// people mean the day before it.
func (v View) LastDay(ms int64) string { return v.DayOf(ms - 1) }

func (v View) local(ms int64, layout string) string {
	if ms == 0 {
		return "–"
	}
	return time.UnixMilli(ms).In(loa.Zone()).Format(layout)
}

// Ago is how long ago a moment was: "vừa xong", "5 phút trước".
func (v View) Ago(ms int64) string {
	if ms == 0 {
		return v.T("ago.never")
	}
	switch d := v.now.Sub(time.UnixMilli(ms)); {
	case d < time.Minute:
		return v.T("ago.now")
	case d < time.Hour:
		return v.T("ago.minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return v.T("ago.hours", int(d.Hours()))
	default:
		return v.T("ago.days", int(d.Hours()/24))
	}
}

// Length is how long a sound is: "48 giây", "1 phút 40 giây".
func (v View) Length(ms int64) string {
	s := (ms + 500) / 1000
	if s < 60 {
		return v.T("length.seconds", s)
	}
	if s%60 == 0 {
		return v.T("length.whole", s/60)
	}
	return v.T("length.minutes", s/60, s%60)
}

// Millis is microseconds as signed milliseconds: "+12 ms".
func (v View) Millis(us int64) string { return fmt.Sprintf("%+d ms", us/1000) }

// Seconds is a length with a tenth, for tables: "48,2".
func (v View) Seconds(ms int64) string {
	return fmt.Sprintf("%d%s%d", ms/1000, v.T("number.comma"), ms%1000/100)
}

// Tenths is a figure in tenths, "97,5".
func (v View) Tenths(n int) string { return fmt.Sprintf("%d%s%d", n/10, v.T("number.comma"), n%10) }

// Bytes is room on a disk, "3,4 GB".
func (v View) Bytes(n int64) string {
	if n < 1_000_000_000 {
		return fmt.Sprintf("%d MB", n/1_000_000)
	}
	return fmt.Sprintf("%d%s%d GB", n/1_000_000_000, v.T("number.comma"), n%1_000_000_000/100_000_000)
}

// Degrees is a coordinate kept in millionths, "20.421533".
func (v View) Degrees(micro int64) string {
	return strconv.FormatFloat(float64(micro)/1e6, 'f', -1, 64)
}

// Clock is a time of day in minutes after midnight, "05:30"; midnight at the end
// of a day is "24:00".
func (v View) Clock(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

// Week is the days of the week, Monday is 1.
func (v View) Week() []int { return []int{1, 2, 3, 4, 5, 6, 7} }

// Word says a word of the program in the reader's language.
func (v View) Word(word string) string { return v.site.Catalog.Word(v.Locale, word) }

// Hint is a sentence whose arguments are counted only where it is made.
func (v View) Hint(key string, args []any) string { return v.T(key, args...) }

// Text is bytes that are text, such as the JSON of a journal's row.
func (v View) Text(b []byte) string { return string(b) }

// QR is a text as a picture that a telephone's camera reads.
func (v View) QR(text string) (template.URL, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", fmt.Errorf("draw QR code: %w", err)
	}
	code.Scale = 6
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(code.PNG())), nil //nolint:gosec // a picture of ours
}

// Agent is what a browser calls itself, as people call it: "Chrome, Windows".
func (v View) Agent(agent string) string {
	has := func(pairs ...string) string {
		for i := 0; i < len(pairs); i += 2 {
			if strings.Contains(agent, pairs[i]) {
				return pairs[i+1]
			}
		}
		return ""
	}
	browser := has("Edg", "Edge", "coc_coc", "Cốc Cốc", "Firefox", "Firefox", "Chrome", "Chrome", "CriOS", "Chrome", "Safari", "Safari")
	machine := has("Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "Windows", "Windows", "Mac OS", "Mac", "Linux", "Linux")
	if said := strings.Trim(browser+", "+machine, ", "); said != "" {
		return said
	}
	return v.T("me.session_unknown")
}

// App lets a page link to an authenticator app; every other address of that
// kind stays blocked by the templates.
func (v View) App(address string) template.URL {
	if !strings.HasPrefix(address, "otpauth://totp/") {
		return ""
	}
	return template.URL(address) //nolint:gosec // its scheme was looked at above
}
