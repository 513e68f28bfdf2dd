package voice

import (
	"regexp"
	"strings"
)

var (
	phoneForm     = regexp.MustCompile(`^(?:0\d{1,10}|\+84\d{0,10})(?:[. -]\d{1,7}){0,5}`)
	areaCodeForm  = regexp.MustCompile(`^\(0\d{1,3}\) ?\d{1,7}(?:[. -]\d{3,4}){0,3}`)
	hotlineForm   = regexp.MustCompile(`^1[89]00(?:[. ]?\d{2,6}){1,3}`)
	emergencyForm = regexp.MustCompile(`^(?:11[1-5]|156|1022)(?:(?:, | hoặc | và | hay |/)(?:11[1-5]|156|1022)){0,5}`)
	plateForm     = regexp.MustCompile(`^\d{2}-?[A-ZĐ]{1,2}\d?(?:[- .]| - )(?:\d{3}\.?\d{2}|\d{4}\b)`)
)

// digitByDigit reads marks made of digits: telephone numbers in their groups
// ("không hai năm không, ba, chín chín chín, không không không"), emergency
// numbers, number plates and the numbers of identity cards.
func (r *reader) digitByDigit() (int, string) {
	s := r.ahead()
	run := digitRun(s)
	switch {
	case run > 18:
		return run, strings.Join(spellGroups(s[:run]), ", ")
	case s[0] == '0' && run > 1:
		if n := phone(s); n > 0 && r.ends(n) {
			return n, spellPhone(s[:n])
		}
	}
	if m := hotlineForm.FindString(s); m != "" && r.ends(len(m)) && between(countDigits(m), 8, 10) {
		return len(m), spellPhone(m)
	}
	if m := plateForm.FindString(s); m != "" && r.ends(len(m)) {
		return len(m), spellPlate(m)
	}
	if n, spoken := r.shortNumber(); n > 0 {
		return n, spoken
	}
	if run >= 10 && !continuesNumber(s[run:]) && !r.moneyFollows(run) && !strings.HasSuffix(s[:run], "000000") {
		return run, strings.Join(spellGroups(s[:run]), ", ")
	}
	return 0, ""
}

// phone is the length of the telephone number at the head of s, 0 if none:
// 02… has 11 digits with its area code, every other number 10.
func phone(s string) int {
	want := 10
	if strings.HasPrefix(s, "02") {
		want = 11
	}
	if s[0] == '+' {
		want = 11
		if strings.HasPrefix(strings.TrimLeft(s[3:], ". -"), "2") {
			want = 12
		}
	}
	m := phoneForm.FindString(s)
	for len(m) > 0 {
		switch got := countDigits(m); {
		case got == want:
			return len(m)
		case got < want:
			return 0
		}
		m = m[:max(0, strings.LastIndexAny(m, ". -"))]
	}
	return 0
}

// areaCode reads "(0250) 3.999.000".
func (r *reader) areaCode() (int, string) {
	m := areaCodeForm.FindString(r.ahead())
	if m == "" || !r.ends(len(m)) || !between(countDigits(m), 10, 11) {
		return 0, ""
	}
	return len(m), spellPhone(m)
}

// shortNumber reads 111 to 115, and after a word that announces a telephone
// number any number of three to five digits, unless something is being counted:
// "gọi 114" but "114 hộ".
func (r *reader) shortNumber() (int, string) {
	s := r.ahead()
	run := digitRun(s)
	m := emergencyForm.FindString(s)
	switch r.previous() {
	case "gọi", "đài", "thoại", "đt", "sđt", "hotline", "nóng", "lẻ":
		if m == "" && between(run, 3, 5) {
			m = s[:run]
		}
	case "báo", "số", "bấm", "quay", "máy":
	default:
		if !r.listsPhones() {
			return 0, ""
		}
	}
	if m == "" || !r.ends(len(m)) || continuesNumber(s[len(m):]) || strings.HasPrefix(s[len(m):], "/") {
		return 0, ""
	}
	switch strings.ToLower(r.next(len(m))) {
	case "", "hoặc", "và", "hay", "để", "khi", "nếu", "ngay", "rồi", "trước", "xin", "nhờ", "của", "báo", "bất", "lúc", "được":
		var words []string
		for i, part := range emergencySplit(m) {
			if i%2 == 0 {
				part = spellDigits(part)
			}
			words = append(words, part)
		}
		return len(m), strings.Join(words, "")
	}
	return 0, ""
}

// listsPhones reports whether another number stands just before, on a line that
// speaks of telephones: "gọi 1022, 113".
func (r *reader) listsPhones() bool {
	before := r.behind()
	cut := strings.TrimRight(before, " ")
	joined := strings.HasSuffix(cut, ",") || strings.HasSuffix(cut, " và") || strings.HasSuffix(cut, " hoặc") || strings.HasSuffix(cut, " hay")
	if !joined {
		return false
	}
	cut = strings.TrimRight(cut, ", vàhoặcy")
	if cut == "" || !isDigit(rune(cut[len(cut)-1])) {
		return false
	}
	before = strings.ToLower(before)
	return strings.Contains(before, "gọi") || strings.Contains(before, "tổng đài") || strings.Contains(before, "nóng") || strings.Contains(before, "điện thoại")
}

// emergencySplit cuts "113, 114" into numbers (even places) and what stands
// between them (odd places).
func emergencySplit(s string) []string {
	var parts []string
	for s != "" {
		n := digitRun(s)
		parts = append(parts, s[:n])
		s = s[n:]
		if s == "" {
			break
		}
		i := strings.IndexAny(s, "0123456789")
		parts = append(parts, strings.Replace(s[:i], "/", ", ", 1))
		s = s[i:]
	}
	return parts
}

// spellPhone reads a telephone number in the groups it is written in; a long
// group is cut into the usual ones.
func spellPhone(s string) string {
	var groups []string
	if rest, ok := strings.CutPrefix(s, "+84"); ok {
		s = rest
		groups = append(groups, "cộng tám bốn")
	}
	for _, part := range strings.FieldsFunc(s, func(c rune) bool { return !isDigit(c) }) {
		if len(part) > 5 && (strings.HasPrefix(part, "1800") || strings.HasPrefix(part, "1900")) {
			groups = append(groups, spellDigits(part[:4]))
			part = part[4:]
		}
		groups = append(groups, spellGroups(part)...)
	}
	return strings.Join(groups, ", ")
}

// spellGroups reads digits one by one, in groups of three counted from the end;
// ten and eleven digits begin with the four of a telephone prefix.
func spellGroups(digits string) []string {
	var groups []string
	if n := len(digits); n <= 4 {
		return []string{spellDigits(digits)}
	} else if n == 10 || n == 11 {
		groups, digits = append(groups, spellDigits(digits[:4])), digits[4:]
	}
	for len(digits) > 0 {
		size := (len(digits)-1)%3 + 1
		groups, digits = append(groups, spellDigits(digits[:size])), digits[size:]
	}
	return groups
}

// spellPlate reads "98A-123.45" sign by sign, with a pause at each separator.
func spellPlate(plate string) string {
	var groups []string
	for _, part := range strings.FieldsFunc(plate, func(c rune) bool { return strings.ContainsRune("- .", c) }) {
		var words []string
		if digitRun(part) == 5 { // written without its dot
			groups = append(groups, spellDigits(part[:3]))
			part = part[3:]
		}
		for _, c := range part {
			if isDigit(c) {
				words = append(words, digitNames[c-'0'])
			} else {
				words = append(words, spellLetters(string(c)))
			}
		}
		groups = append(groups, strings.Join(words, " "))
	}
	return strings.Join(groups, ", ")
}

func countDigits(s string) int {
	n := 0
	for _, c := range s {
		if isDigit(c) {
			n++
		}
	}
	return n
}

func between(v, low, high int) bool { return low <= v && v <= high }

// moneyFollows reports whether the n digits before are an amount of money.
func (r *reader) moneyFollows(n int) bool {
	_, _, money := r.unit(n)
	return money
}
