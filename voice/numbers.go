package voice

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	listMarkForm  = regexp.MustCompile(`^\((\d{1,2})\)`)
	thousandsForm = regexp.MustCompile(`^\d{1,3}(?:\.\d{3})+(?:,\d{1,9})?`)
	decimalForm   = regexp.MustCompile(`^\d{1,18}(?:,\d{1,9})?`)
	englishForm   = regexp.MustCompile(`^\d{1,3}(?:,\d{3}){2,5}`)
	listForm      = regexp.MustCompile(`^\d{1,9}(?:,\d{1,9}){2,20}`)
	ratioForm     = regexp.MustCompile(`^\d{1,4}(?::\d{1,4}){1,3}`)
	chainForm     = regexp.MustCompile(`^\d{1,9}(?:-\d{1,9}){2,8}`)
	sectionForm   = regexp.MustCompile(`^\d{1,9}(?:\.\d{1,9}){1,8}`)
)

var digitNames = [10]string{"không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín"}

func (n Normalizer) thousand() string {
	if n.South {
		return "ngàn"
	}
	return "nghìn"
}

// zeroTens is the word that stands for the missing tens in 101.
func (n Normalizer) zeroTens() string {
	if n.South {
		return "lẻ"
	}
	return "linh"
}

// cardinal reads a run of digits as a number: 21 "hai mươi mốt", 15 "mười lăm",
// 24 "hai mươi tư", 101 "một trăm linh một". A run that begins with 0 ("số 08")
// or has more than 18 digits is a mark rather than an amount and is read digit
// by digit.
func (n Normalizer) cardinal(digits string) string {
	if len(digits) > 1 && digits[0] == '0' || len(digits) > 18 {
		return spellDigits(digits)
	}
	if digits == "0" {
		return digitNames[0]
	}
	return strings.Join(n.groups(digits, false), " ")
}

// groups reads digits three by three; inner says that larger groups came
// before, so that missing hundreds are spoken ("một nghìn không trăm linh năm").
func (n Normalizer) groups(digits string, inner bool) []string {
	if len(digits) > 9 {
		high, low := digits[:len(digits)-9], digits[len(digits)-9:]
		words := append(n.groups(high, inner), "tỷ")
		return append(words, n.groups(low, true)...)
	}
	var words []string
	for len(digits) > 0 {
		size := (len(digits)-1)%3 + 1
		group, rest := digits[:size], digits[size:]
		digits = rest
		if strings.Trim(group, "0") == "" {
			continue
		}
		words = append(words, n.hundreds(group, inner || len(words) > 0)...)
		switch len(rest) {
		case 6:
			words = append(words, "triệu")
		case 3:
			words = append(words, n.thousand())
		}
	}
	return words
}

// hundreds reads one to three digits that are not all zero.
func (n Normalizer) hundreds(group string, inner bool) []string {
	group = strings.Repeat("0", 3-len(group)) + group
	h, t, u := group[0]-'0', group[1]-'0', group[2]-'0'
	var words []string
	if h > 0 || inner {
		words = append(words, digitNames[h], "trăm")
	}
	switch {
	case t == 0 && u == 0:
		return words
	case t == 0 && len(words) > 0:
		return append(words, n.zeroTens(), digitNames[u])
	case t == 0:
		return append(words, digitNames[u])
	case t == 1:
		words = append(words, "mười")
	default:
		words = append(words, digitNames[t], "mươi")
	}
	switch {
	case u == 0:
		return words
	case u == 1 && t > 1:
		return append(words, "mốt")
	case u == 4 && t > 1:
		return append(words, "tư")
	case u == 5:
		return append(words, "lăm")
	}
	return append(words, digitNames[u])
}

// ordinal is what follows "thứ": nhất, hai, ba, tư, năm …
func (n Normalizer) ordinal(digits string) string {
	v, err := strconv.Atoi(digits)
	switch {
	case err != nil:
		return n.cardinal(digits)
	case v == 1:
		return "nhất"
	case v == 4:
		return "tư"
	}
	return n.cardinal(strconv.Itoa(v))
}

// amount reads a number written the Vietnamese way: dots between thousands, a
// comma before the decimals. Up to three decimals are read as a number, more of
// them or with a leading zero one by one.
func (n Normalizer) amount(written string) string {
	whole, fraction, decimal := strings.Cut(written, ",")
	spoken := n.cardinal(strings.ReplaceAll(whole, ".", ""))
	switch {
	case !decimal:
		return spoken
	case fraction == "000" && whole != "0": // nobody writes three zeros behind a decimal comma
		return n.cardinal(strings.ReplaceAll(whole, ".", "") + fraction)
	case len(fraction) > 3:
		return spoken + " phẩy " + spellDigits(fraction)
	}
	return spoken + " phẩy " + n.cardinal(fraction)
}

// small reads a number that may carry leading zeros which nobody says: 07 "bảy".
func (n Normalizer) small(v int) string { return n.cardinal(strconv.Itoa(v)) }

// spellDigits reads digits one by one.
func spellDigits(digits string) string {
	words := make([]string, 0, len(digits))
	for _, c := range digits {
		if isDigit(c) {
			words = append(words, digitNames[c-'0'])
		}
	}
	return strings.Join(words, " ")
}

// amountAt is the length of the amount that begins n bytes ahead, 0 if none.
// "1.2.3", "1,2,3" and "1.2345" are not amounts.
func (r *reader) amountAt(n int) int {
	s := r.aheadFrom(n)
	for _, form := range []*regexp.Regexp{thousandsForm, decimalForm} {
		if m := form.FindString(s); m != "" && !continuesNumber(s[len(m):]) {
			return len(m)
		}
	}
	return 0
}

// continuesNumber reports whether a number goes on in s: a digit, or a dot or
// comma with a digit behind it.
func continuesNumber(s string) bool {
	if s == "" {
		return false
	}
	if isDigit(rune(s[0])) {
		return true
	}
	return (s[0] == '.' || s[0] == ',') && len(s) > 1 && isDigit(rune(s[1]))
}

// chain reads numbers joined by dashes, three at least, one after the other: it
// is a mark and no range.
func (r *reader) chain() (int, string) {
	m := chainForm.FindString(r.ahead())
	if m == "" || !r.ends(len(m)) || continuesNumber(r.aheadFrom(len(m))) {
		return 0, ""
	}
	return len(m), r.joined(m, "-", ", ")
}

// ratio reads what colons compare: "tỷ lệ 3:1".
func (r *reader) ratio() (int, string) {
	m := ratioForm.FindString(r.ahead())
	switch r.previous() {
	case "lệ", "chia", "pha", "tỷ", "tỉ":
	default:
		return 0, ""
	}
	if m == "" || !r.ends(len(m)) {
		return 0, ""
	}
	return len(m), r.joined(m, ":", " trên ")
}

// number reads whatever no other rule took; it always takes at least one digit.
func (r *reader) number() (int, string) {
	s := r.ahead()
	switch r.previous() {
	case "thứ":
		if n := digitRun(s); n <= 2 && !continuesNumber(s[n:]) {
			return n, r.n.ordinal(s[:n])
		}
	case "tháng":
		if n := digitRun(s); n <= 2 && !continuesNumber(s[n:]) {
			if before := strings.TrimRight(r.behind(), " "); lastWord(before[:len(before)-len("tháng")]) == "rằm" {
				switch atoi(s[:n]) {
				case 1:
					return n, "Giêng"
				case 12:
					return n, "Chạp"
				}
			}
			return n, r.month(atoi(s[:n]), n)
		}
	}
	if n := r.amountAt(0); n > 0 {
		return n, r.n.amount(s[:n])
	}
	if m := englishForm.FindString(s); m != "" && !continuesNumber(s[len(m):]) {
		return len(m), r.n.cardinal(strings.ReplaceAll(m, ",", ""))
	}
	if m := listForm.FindString(s); m != "" {
		return len(m), r.joined(m, ",", ", ")
	}
	if m := sectionForm.FindString(s); m != "" {
		return len(m), r.joined(m, ".", " chấm ")
	}
	n := digitRun(s)
	return n, r.n.cardinal(s[:n])
}

// joined reads the numbers in s that sep separates, with glue between them.
func (r *reader) joined(s, sep, glue string) string {
	parts := strings.Split(s, sep)
	for i, p := range parts {
		parts[i] = r.n.cardinal(p)
	}
	return strings.Join(parts, glue)
}

// digitRun is the length of the run of digits at the head of s.
func digitRun(s string) int {
	n := 0
	for n < len(s) && isDigit(rune(s[n])) {
		n++
	}
	return n
}

// atoi reads digits that a pattern has already checked and bounded.
func atoi(digits string) int {
	v := 0
	for _, c := range digits {
		v = v*10 + int(c-'0')
	}
	return v
}
