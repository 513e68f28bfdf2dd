package voice

import "regexp"

const (
	clockPattern = `(\d{1,2})(?:[hHgG] ?(\d{2})(?:['’′]|ph?\b)?|:(\d{2})|[hH])`
	dashPattern  = `\s?[-–—]\s?`
)

var (
	clockForm      = regexp.MustCompile(`^` + clockPattern)
	clockRangeForm = regexp.MustCompile(`^` + clockPattern + dashPattern + clockPattern)
	hourRangeForm  = regexp.MustCompile(`^(\d{1,2})` + dashPattern + clockPattern)
	secondsForm    = regexp.MustCompile(`^(\d{1,2}):([0-5]\d):([0-5]\d)`)
	minutesForm    = regexp.MustCompile(`^(\d{1,3})(?:['’′]|ph?)(?:(\d{1,2})(?:s|''|\b))?`)
	bareHourForm   = regexp.MustCompile(`^(\d{1,2})g`)
)

// clockTime reads 7h30, 7g30, 07:30 and ranges of them. A range says "từ … đến
// …" unless the writer already did.
func (r *reader) clockTime() (int, string) {
	s := r.ahead()
	if m := secondsForm.FindStringSubmatch(s); m != nil && r.endsTime(len(m[0])) {
		if spoken, ok := r.n.clock(m[1], m[2]); ok {
			if atoi(m[3]) > 0 {
				if atoi(m[2]) >= 10 {
					spoken += " phút"
				}
				spoken += " " + r.n.small(atoi(m[3])) + " giây"
			}
			return len(m[0]), spoken
		}
	}
	if m := minutesForm.FindStringSubmatch(s); m != nil && r.ends(len(m[0])) {
		spoken := r.n.small(atoi(m[1])) + " phút"
		if m[2] != "" && atoi(m[2]) > 0 {
			spoken += " " + r.n.small(atoi(m[2])) + " giây"
		}
		return len(m[0]), spoken
	}
	if m := clockRangeForm.FindStringSubmatch(s); m != nil && r.endsTime(len(m[0])) {
		from, ok := r.n.clock(m[1], m[2]+m[3])
		to, ok2 := r.n.clock(m[4], m[5]+m[6])
		if ok && ok2 {
			return len(m[0]), r.fromWord() + from + " đến " + to
		}
	}
	if m := hourRangeForm.FindStringSubmatch(s); m != nil && r.endsTime(len(m[0])) {
		to, ok := r.n.clock(m[2], m[3]+m[4])
		if h := atoi(m[1]); ok && h <= 24 {
			return len(m[0]), r.fromWord() + r.n.hour(h) + " đến " + to
		}
	}
	if m := clockForm.FindStringSubmatch(s); m != nil && r.endsTime(len(m[0])) {
		if spoken, ok := r.n.clock(m[1], m[2]+m[3]); ok {
			return len(m[0]), spoken
		}
	}
	if m := bareHourForm.FindStringSubmatch(s); m != nil && r.endsTime(len(m[0])) {
		switch r.previous() {
		case "lúc", "hồi", "từ", "đến", "trước", "sau": // elsewhere "g" is gram
			if spoken, ok := r.n.clock(m[1], ""); ok {
				return len(m[0]), spoken
			}
		}
	}
	return 0, ""
}

// endsTime reports whether a time could end here: not inside a word, and not
// before "/", where "m³/h"-like units go on.
func (r *reader) endsTime(n int) bool { return r.ends(n) && r.runeAt(n) != '/' }

// fromWord is "từ " unless a word before already opens the range.
func (r *reader) fromWord() string {
	switch r.previous() {
	case "từ", "lúc", "khoảng":
		return ""
	}
	return "từ "
}

// clock says an hour and its minutes; full hours have none.
func (n Normalizer) clock(hour, minute string) (string, bool) {
	h := atoi(hour)
	if h > 24 {
		return "", false
	}
	spoken := n.hour(h) + " giờ"
	if minute == "" {
		return spoken, true
	}
	switch m := atoi(minute); {
	case m > 59:
		return "", false
	case m == 0:
		return spoken, true
	case m < 10:
		return spoken + " " + n.small(m) + " phút", true
	default:
		return spoken + " " + n.small(m), true
	}
}

// hour says an hour of the day: 24 is "hai mươi bốn", never "hai mươi tư".
func (n Normalizer) hour(h int) string {
	if h == 24 {
		return "hai mươi bốn"
	}
	return n.small(h)
}
