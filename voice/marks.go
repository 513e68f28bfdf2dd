package voice

import (
	"regexp"
	"strings"
	"unicode"
)

var (
	identityForm  = regexp.MustCompile(`^\d{1,14}(?:[ .-]\d{2,6}){0,6}`)
	armyPlateForm = regexp.MustCompile(`^[A-Z]{2}[- ]?\d{2}[-.]\d{2}`)
	cardForm      = regexp.MustCompile(`^[A-Z]{2}[ -]?\d(?:[ -]?\d{2,10}){1,5}`)
	scoreForm     = regexp.MustCompile(`^\d{1,3}\s?[-–]\s?\d{1,3}`)
	standardForm  = regexp.MustCompile(`^(TCVN|QCVN|TCXDVN|ISO|IEC)[ -]?(\d{1,6}(?:-\d{1,3})?)(?::(\d{4}))?(?:/(\p{Lu}[\p{L}]{1,8}))?`)
	initialsForm  = regexp.MustCompile(`^\p{Lu}(?:\.\p{Lu}){1,4}\.?`)
)

// identity reads the number of a paper, an account or a card digit by digit,
// where a word before announces one: "CCCD 098 199 012 345".
func (r *reader) identity() (int, string) {
	m := identityForm.FindString(r.ahead())
	if least := r.announcesPaper(); least == 0 || countDigits(m) < least || !r.ends(len(m)) {
		return 0, ""
	}
	groups := strings.FieldsFunc(m, func(c rune) bool { return !isDigit(c) })
	var spoken []string
	for _, g := range groups {
		spoken = append(spoken, spellGroups(g)...)
	}
	return len(m), strings.Join(spoken, ", ")
}

// announcesPaper is how many digits a number must have to be one of a paper, an
// account or a card, because the words just before name one; 0 if they do not.
func (r *reader) announcesPaper() int {
	s := strings.ToLower(strings.TrimRight(r.behind(), " :.\u00a0"))
	s = strings.TrimSuffix(strings.TrimSuffix(s, " số"), " là")
	for _, word := range []string{"mã pin", "otp", "mật khẩu", "mã xác nhận", "mã xác thực"} {
		if strings.HasSuffix(s, word) {
			return 3
		}
	}
	for _, word := range []string{"cccd", "cmnd", "cmt", "căn cước", "công dân", "nhân dân", "chứng minh thư", "định danh", "cá nhân", "mã số thuế", "mst",
		"mã số", "tài khoản", "stk", "tk", "số thẻ", "bhyt", "hộ chiếu", "số khung", "số máy", "mã hồ sơ", "mã khách hàng", "mã sổ", "bhxh", "seri", "sê-ri"} {
		if before, ok := strings.CutSuffix(s, word); ok && (before == "" || !isWordRune(lastRune(before))) {
			return 5
		}
	}
	return 0
}

func lastRune(s string) rune {
	var last rune
	for _, c := range tail(s, 8) {
		last = c
	}
	return last
}

// card reads numbers that begin with letters: the plate of an army car, a health
// insurance card.
func (r *reader) card() (int, string) {
	s := r.ahead()
	m := ""
	switch r.previous() {
	case "xe", "biển", "số", "kiểm", "bks", "soát":
		m = armyPlateForm.FindString(s)
	}
	if m == "" && r.announcesPaper() > 0 {
		m = cardForm.FindString(s)
	}
	if m == "" || !r.ends(len(m)) {
		return 0, ""
	}
	var spoken []string
	for _, part := range codePartForm.FindAllString(m, -1) {
		if isDigit(rune(part[0])) {
			spoken = append(spoken, strings.Join(spellGroups(part), ", "))
		} else {
			spoken = append(spoken, spellLetters(part))
		}
	}
	return len(m), strings.Join(spoken, ", ")
}

// score reads the result of a match, where the line speaks of one: "thắng 2-1".
func (r *reader) score() (int, string) {
	m := scoreForm.FindString(r.ahead())
	if m == "" || !r.ends(len(m)) || continuesNumber(r.aheadFrom(len(m))) || r.runeAt(len(m)) == '/' {
		return 0, ""
	}
	before := strings.ToLower(r.behind())
	played := false
	for _, word := range []string{"thắng", "thua", "hoà", "hòa", "tỷ số", "tỉ số", "chung cuộc", "vượt qua", "đánh bại"} {
		played = played || strings.Contains(before, word)
	}
	if !played {
		return 0, ""
	}
	switch next := r.next(len(m)); {
	case unitNames[next] != "", countedNames[next], next == "tuổi", next == "điểm":
		return 0, ""
	}
	n := digitRun(m)
	return len(m), r.n.small(atoi(m[:n])) + " " + r.n.small(atoi(strings.TrimLeft(m[n:], " -–\u00a0")))
}

// standard reads the number of a standard: TCVN 5945:2010 is "Tiêu chuẩn Việt Nam
// … năm …".
func (r *reader) standard() (int, string) {
	m := standardForm.FindStringSubmatch(r.ahead())
	if m == nil || !r.ends(len(m[0])) {
		return 0, ""
	}
	name := map[string]string{"TCVN": "Tiêu chuẩn Việt Nam", "QCVN": "Quy chuẩn Việt Nam", "TCXDVN": "Tiêu chuẩn xây dựng Việt Nam",
		"ISO": "i-xô", "IEC": "i-e-xê"}[m[1]]
	number, part, parted := strings.Cut(m[2], "-")
	spoken := name + " " + r.n.cardinal(number)
	if parted {
		spoken += ", " + r.n.cardinal(part)
	}
	if m[3] != "" {
		spoken += " năm " + r.n.small(atoi(m[3]))
	}
	if m[4] != "" {
		spoken += " của " + r.issuer(m[4])
	}
	return len(m[0]), spoken
}

// hasInitials reports whether the first letters of a name stand here.
func (r *reader) hasInitials() bool {
	n, _ := r.initials()
	return n > 0
}

// initials spells the first letters of a name: "N.V.A".
func (r *reader) initials() (int, string) {
	m := initialsForm.FindString(r.ahead())
	if m == "" || !r.ends(len(m)) {
		return 0, ""
	}
	return len(m), spellLetters(strings.ReplaceAll(m, ".", ""))
}

// letter reads the small letter of a point in a law or a list: "điểm b", and
// "b) …" where an item begins.
func (r *reader) letter() (int, string) {
	s := r.ahead()
	n := r.letters(0)
	if n > 2 || !r.ends(n) {
		return 0, ""
	}
	c := []rune(s[:n])
	if len(c) != 1 || unicode.IsUpper(c[0]) {
		return 0, ""
	}
	name, ok := pointName(c[0])
	if !ok {
		return 0, ""
	}
	before := strings.TrimRight(r.behind(), " \t\u00a0")
	switch {
	case lastWord(before) == "điểm":
		return n, name
	case r.runeAt(n) == ')' && (before == "" || strings.ContainsRune(":;.,", rune(before[len(before)-1]))):
		return n, name
	}
	return 0, ""
}

// pointName is how the letter of a point is said; vowels say themselves.
func pointName(c rune) (string, bool) {
	switch c {
	case 'b':
		return "bê", true
	case 'c':
		return "xê", true
	case 'd':
		return "dê", true
	case 'đ':
		return "đê", true
	case 'g':
		return "gờ", true
	case 'h':
		return "hát", true
	case 'k':
		return "ca", true
	case 'l':
		return "lờ", true
	case 'm':
		return "mờ", true
	case 'n':
		return "nờ", true
	case 'p':
		return "pê", true
	case 'q':
		return "quy", true
	case 'r':
		return "rờ", true
	case 's':
		return "sờ", true
	case 't':
		return "tê", true
	case 'v':
		return "vê", true
	case 'x':
		return "ích", true
	}
	return "", false
}
