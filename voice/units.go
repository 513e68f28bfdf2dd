package voice

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// unitNames are signs of measure that only mean it behind a number. Case
// counts: "m" is a metre, "M" is not.
var unitNames = map[string]string{
	"km": "ki-lô-mét", "m": "mét", "dm": "đề-xi-mét", "cm": "xăng-ti-mét", "mm": "mi-li-mét",
	"km²": "ki-lô-mét vuông", "km2": "ki-lô-mét vuông", "m²": "mét vuông", "m2": "mét vuông",
	"dm²": "đề-xi-mét vuông", "dm2": "đề-xi-mét vuông", "cm²": "xăng-ti-mét vuông", "cm2": "xăng-ti-mét vuông",
	"m³": "mét khối", "m3": "mét khối", "dm³": "đề-xi-mét khối", "dm3": "đề-xi-mét khối",
	"cm³": "xăng-ti-mét khối", "cm3": "xăng-ti-mét khối",
	"Km": "ki-lô-mét", "KM": "ki-lô-mét", "Ha": "héc-ta", "M2": "mét vuông", "M3": "mét khối", "inch": "in", "mm3": "mi-li-mét khối",
	"ha": "héc-ta", "kg": "ki-lô-gam", "Kg": "ki-lô-gam", "KG": "ki-lô-gam", "g": "gam", "gr": "gam", "mg": "mi-li-gam", "µg": "mi-crô-gam",
	"l": "lít", "ml": "mi-li-lít", "mL": "mi-li-lít",
	"cc": "xê-xê", "µm": "mi-crô-mét", "mmHg": "mi-li-mét thủy ngân", "kcal": "ki-lô ca-lo", "ppm": "phần triệu",
	"v": "vôn", "mV": "mi-li-vôn", "mA": "mi-li-am-pe", "Ah": "am-pe giờ", "hp": "mã lực", "HP": "mã lực", "CV": "mã lực",
	"kw": "ki-lô-oát", "Kw": "ki-lô-oát", "kwh": "ki-lô-oát giờ", "Kwh": "ki-lô-oát giờ", "KWH": "ki-lô-oát giờ", "MWp": "mê-ga-oát píc",
	"hz": "héc", "khz": "ki-lô-héc", "mhz": "mê-ga-héc", "Mhz": "mê-ga-héc", "ghz": "gi-ga-héc", "GHz": "gi-ga-héc", "Ghz": "gi-ga-héc",
	"KB": "ki-lô-bai", "kb": "ki-lô-bai", "Mb": "mê-ga-bai", "mb": "mê-ga-bai", "Gb": "gi-ga-bai", "gb": "gi-ga-bai", "Mbps": "mê-ga-bít một giây",
	"V": "vôn", "kV": "ki-lô-vôn", "KV": "ki-lô-vôn", "kVA": "ki-lô-vôn am-pe", "KVA": "ki-lô-vôn am-pe",
	"W": "oát", "kW": "ki-lô-oát", "KW": "ki-lô-oát", "MW": "mê-ga-oát", "Wp": "oát píc", "kWp": "ki-lô-oát píc",
	"kWh": "ki-lô-oát giờ", "KWh": "ki-lô-oát giờ", "Hz": "héc", "kHz": "ki-lô-héc", "MHz": "mê-ga-héc",
	"dB": "đề-xi-ben", "dBA": "đề-xi-ben", "GB": "gi-ga-bai", "MB": "mê-ga-bai",
	"%": "phần trăm", "°F": "độ ép", "°c": "độ xê", "°K": "độ ca", "°C": "độ xê", "oC": "độ xê", "ºC": "độ xê", "°": "độ",
	"h": "giờ", "s": "giây", "ph": "phút",
}

// countedNames are words that take "/": "2 lần/ngày", "3 con/hộ".
var countedNames = map[string]bool{
	"lần": true, "đồng": true, "người": true, "con": true, "hộ": true, "suất": true, "viên": true, "gói": true,
	"lượt": true, "chuyến": true, "tấn": true, "tạ": true, "yến": true, "lít": true, "bao": true, "cây": true,
	"buổi": true, "giờ": true, "phút": true, "ngày": true, "tháng": true, "ca": true, "liều": true, "mũi": true,
	"thùng": true, "chai": true, "tiết": true, "lạng": true, "bữa": true, "giọt": true, "thìa": true, "mét": true,
	"khối": true, "số": true, "vòng": true, "bánh": true, "kỳ": true, "quả": true, "quyển": true, "căn": true, "thửa": true, "xe": true,
	"máy": true, "nhà": true, "bát": true, "khẩu": true, "điểm": true, "lớp": true, "bài": true, "gốc": true, "đàn": true, "trẻ": true,
	"học": true, "nghìn": true, "triệu": true, "tỷ": true, "bông": true, "khóm": true, "dảnh": true, "cháu": true, "em": true, "công": true, "sào": true, "đêm": true, "tuần": true,
}

var (
	signForm       = regexp.MustCompile(`^(?:\+|-|−|±)`)
	rangeForm      = regexp.MustCompile(`^` + dashPattern)
	timesForm      = regexp.MustCompile(`^ ?[x×] ?\d`)
	multiplierForm = regexp.MustCompile(`^[ \x{a0}]?(nghìn|ngàn|triệu|trđ|tr|tỷ|tỉ|k|K)`)
	currencyForm   = regexp.MustCompile(`^[ \x{a0}]?(đồng|đ|₫|VNĐ|VND|vnđ|vnd|Vnđ|USD|usd|Usd|EUR|\$|€|£|¥)`)
	millionForm    = regexp.MustCompile(`^(\d{1,3})tr(\d{1,3})`)
	unitForm       = regexp.MustCompile(`^[ \x{a0}]?([\pL°º%‰µ]+[²³]|[a-z]{1,2}[23]|[\pL°º%µ]+)`)
	perForm        = regexp.MustCompile(`^/([\pLµ]+[²³]|[a-z]{1,2}[23]|[\pLµ]+)`)
)

// quantity reads one or two amounts with their unit: 250 kVA, 89-117 km/h,
// 22/0,4 kV, 500.000-1.000.000 đồng, 12tr, 35.000 đ/tháng, 1 kg/10 m². A lone
// amount is left to number.
func (r *reader) quantity() (int, string) {
	if n, spoken := r.millions(); n > 0 {
		return n, spoken
	}
	n := r.amountAt(0)
	if n == 0 {
		return 0, ""
	}
	spoken := r.n.amount(r.ahead()[:n])
	ranged, joined := false, false
	if m := rangeForm.FindString(r.aheadFrom(n)); m != "" {
		if k := r.amountAt(n + len(m)); k > 0 {
			spoken += r.through(n, len(m), k)
			n += len(m) + k
			ranged, joined = true, true
		}
	} else {
		for i := 0; i < 6 && r.runeAt(n) == '/'; i++ {
			k := r.amountAt(n + 1)
			if k == 0 {
				break
			}
			if i == 0 && usualShare(r.ahead()[:n+1+k]) { // 1/2 kg
				part, whole, _ := strings.Cut(r.ahead()[:n+1+k], "/")
				spoken = r.n.share(part, whole)
			} else {
				spoken += " trên " + r.n.amount(r.aheadFrom(n + 1)[:k])
			}
			n += 1 + k
			joined = true
		}
	}
	k, unit, money := r.unit(n)
	switch {
	case k > 0:
		n += k
		if more, to := r.sameUnit(n, unit); more > 0 && !joined { // 10.000đ-20.000đ
			n += more
			spoken += " đến " + to
			ranged = true
		}
		if ranged && money {
			spoken = r.fromWord() + spoken
		}
		spoken += " " + unit
		k, per := r.per(n)
		spoken, n = spoken+per, n+k
	case !joined:
		if m := timesForm.FindString(r.aheadFrom(n)); m != "" {
			return n + len(m) - 1, spoken + " nhân"
		}
		return 0, ""
	}
	return n, spoken
}

// sameUnit reads the second half of a range whose unit was written twice.
func (r *reader) sameUnit(n int, unit string) (int, string) {
	m := rangeForm.FindString(r.aheadFrom(n))
	if m == "" {
		return 0, ""
	}
	k := r.amountAt(n + len(m))
	if k == 0 {
		return 0, ""
	}
	length, again, _ := r.unit(n + len(m) + k)
	if length == 0 || again != unit {
		return 0, ""
	}
	return len(m) + k + length, r.n.amount(r.aheadFrom(n + len(m))[:k])
}

// signed reads an amount with its sign: +1,80 m, -5°C. A dash behind a word is
// not a sign.
func (r *reader) signed() (int, string) {
	if before := r.runeBefore(); isWordRune(before) || before == '%' || before == ')' {
		return 0, ""
	}
	if n := r.internationalPhone(); n > 0 {
		return n, spellPhone(r.ahead()[:n])
	}
	sign := signForm.FindString(r.ahead())
	if sign == "" || r.amountAt(len(sign)) == 0 {
		return 0, ""
	}
	spoken := "âm"
	switch sign {
	case "-", "−":
		if r.previous() == "âm" {
			spoken = ""
		}
	case "+":
		spoken = "cộng"
	case "±":
		spoken = "cộng trừ"
	}
	return len(sign), spoken
}

func (r *reader) internationalPhone() int {
	s := r.ahead()
	if !strings.HasPrefix(s, "+84") {
		return 0
	}
	if n := phone(s); n > 0 && r.ends(n) {
		return n
	}
	return 0
}

// through says the second number of a range. Numbers that fall ("2-1") are no
// range: they are read one after the other.
func (r *reader) through(n, dash, k int) string {
	first, second := r.ahead()[:n], r.aheadFrom(n + dash)[:k]
	if larger(first, second) {
		return ", " + r.n.amount(second)
	}
	return " đến " + r.n.amount(second)
}

// larger compares two amounts as written.
func larger(a, b string) bool {
	wholeA, fractionA, _ := strings.Cut(strings.ReplaceAll(a, ".", ""), ",")
	wholeB, fractionB, _ := strings.Cut(strings.ReplaceAll(b, ".", ""), ",")
	wholeA, wholeB = strings.TrimLeft(wholeA, "0"), strings.TrimLeft(wholeB, "0")
	if len(wholeA) != len(wholeB) {
		return len(wholeA) > len(wholeB)
	}
	if wholeA != wholeB {
		return wholeA > wholeB
	}
	return fractionA > fractionB
}

// millions reads how people write prices: 1tr2 and 1tr200 are 1.200.000.
func (r *reader) millions() (int, string) {
	m := millionForm.FindStringSubmatch(r.ahead())
	if m == nil || !r.ends(len(m[0])) && r.runeAt(len(m[0])) != 'đ' {
		return 0, ""
	}
	rest := strings.TrimLeft((m[2] + "00")[:3], "0")
	spoken := r.n.small(atoi(m[1])) + " triệu"
	if rest != "" {
		spoken += " " + r.n.cardinal(rest) + " " + r.n.thousand()
	}
	n := len(m[0])
	if c := currencyForm.FindStringSubmatch(r.aheadFrom(n)); c != nil && r.ends(n+len(c[0])) {
		spoken, n = spoken+" "+currency(c[1]), n+len(c[0])
	}
	k, per := r.per(n)
	return n + k, spoken + per
}

// unit reads what is measured n bytes ahead; money reports whether it is money.
func (r *reader) unit(n int) (length int, spoken string, money bool) {
	s := r.aheadFrom(n)
	if before := r.previous(); before == "vàng" && strings.HasPrefix(s, "K") { // 24K
		return 0, "", false
	}
	if m := multiplierForm.FindStringSubmatch(s); m != nil && r.ends(n+len(m[0])) {
		length = len(m[0])
		c := currencyForm.FindStringSubmatch(s[length:])
		paid := c != nil && r.ends(n+length+len(c[0]))
		switch m[1] {
		case "k", "K":
			spoken = r.n.thousand()
			if !paid {
				spoken += " đồng"
			}
		case "nghìn", "ngàn", "tỷ", "tỉ":
			spoken = m[1]
		case "trđ":
			spoken = "triệu đồng"
		default:
			spoken = "triệu"
		}
		if paid {
			length += len(c[0])
			spoken += " " + currency(c[1])
		} else if m := unitForm.FindStringSubmatch(s[length:]); m != nil && len(m[1]) > 1 && unitNames[m[1]] != "" && r.ends(n+length+len(m[0])) {
			return length + len(m[0]), strings.TrimSuffix(spoken, " đồng") + " " + unitNames[m[1]], false // triệu m³
		}
		return length, spoken, true
	}
	if c := currencyForm.FindStringSubmatch(s); c != nil && r.ends(n+len(c[0])) {
		return len(c[0]), currency(c[1]), true
	}
	m := unitForm.FindStringSubmatch(s)
	if m == nil || !r.ends(n+len(m[0])) {
		return 0, "", false
	}
	if name, ok := unitNames[m[1]]; ok {
		return len(m[0]), name, false
	}
	if m[1] == "‰" {
		return len(m[0]), "phần " + r.n.thousand(), false
	}
	if countedNames[m[1]] && r.runeAt(n+len(m[0])) == '/' {
		return len(m[0]), m[1], false
	}
	return 0, "", false
}

// per reads what follows a unit behind slashes: "/người/tháng" is "một người
// một tháng", "/10 m²" is "trên mười mét vuông".
func (r *reader) per(n int) (int, string) {
	length, spoken := 0, ""
	for range 4 {
		if r.runeAt(n+length) != '/' {
			break
		}
		if k := r.amountAt(n + length + 1); k > 0 {
			start := n + length + 1
			spoken += " trên " + r.n.amount(r.aheadFrom(start)[:k])
			length += 1 + k
			if k, unit, _ := r.unit(n + length); k > 0 {
				spoken += " " + unit
				length += k
			}
			continue
		}
		m := perForm.FindStringSubmatch(r.aheadFrom(n + length))
		if m == nil || !r.ends(n+length+len(m[0])) {
			break
		}
		name, ok := unitNames[m[1]]
		if !ok { // a word, not a unit: a digit behind it is a number of its own
			name = strings.TrimRight(m[1], "23²³")
			m[0] = m[0][:1+len(name)]
		}
		spoken += " một " + name
		length += len(m[0])
	}
	return length, spoken
}

func currency(written string) string {
	switch written {
	case "USD", "usd", "Usd", "$":
		return "đô-la Mỹ"
	case "EUR", "€":
		return "ơ-rô"
	case "£":
		return "bảng Anh"
	case "¥":
		return "yên Nhật"
	}
	return "đồng"
}

var slashForm = regexp.MustCompile(`^\d{1,9}(?:/\d{1,9}){1,5}`)

// slashed reads the slashes that are neither dates nor measures: 24/7, 24/24,
// the number of a house, a document number without its letters, a fraction.
func (r *reader) slashed() (int, string) {
	m := slashForm.FindString(r.ahead())
	if m == "24/24" && r.runeAt(len(m)) == 'h' && r.ends(len(m)+1) {
		return len(m) + 1, "hai mươi bốn trên hai mươi bốn giờ"
	}
	if m == "" || !r.ends(len(m)) || continuesNumber(r.aheadFrom(len(m))) {
		return 0, ""
	}
	parts := strings.Split(m, "/")
	if roundTheClock(m) {
		return len(m), "suốt ngày đêm"
	}
	if m == "24/24" {
		spoken := "hai mươi bốn trên hai mươi bốn"
		if next := r.next(len(m)); next != "giờ" && next != "h" {
			spoken += " giờ"
		}
		return len(m), spoken
	}
	glue := " trên "
	switch {
	case r.previous() == "số" && len(parts) == 2 && len(parts[1]) == 4 && between(atoi(parts[1]), 1945, 2199):
		glue = " năm "
	case r.houseNumber():
		if r.n.South {
			glue = " xẹt "
		}
	case len(parts) == 2 && (partOf(r.next(len(m))) || usualShare(m) && r.fraction() && !onScale(r.previous())), r.shareBehind(m):
		return len(m), r.n.share(parts[0], parts[1])
	case r.onMap():
	case !r.fraction():
		return 0, ""
	}
	return len(m), r.joined(m, "/", glue)
}

// share is a part of a whole: "ba phần tư".
func (n Normalizer) share(part, whole string) string {
	if whole == "4" {
		whole = "tư"
	} else {
		whole = n.cardinal(whole)
	}
	return n.cardinal(part) + " phần " + whole
}

// usualShare reports whether people think of the fraction as a share: halves,
// thirds, quarters.
func usualShare(m string) bool {
	switch m {
	case "1/2", "1/3", "2/3", "1/4", "3/4":
		return true
	}
	return false
}

// onScale reports whether a word announces marks out of so many.
func onScale(word string) bool { return word == "điểm" || word == "mức" || word == "chạy" }

// shareBehind reports whether a usual share is meant because of the word before:
// "giảm 1/2".
func (r *reader) shareBehind(m string) bool {
	if !usualShare(m) {
		return false
	}
	switch r.previous() {
	case "giảm", "tăng", "còn", "khoảng", "gần", "hơn", "quá", "chiếm", "bằng", "cắt", "chừng", "bỏ", "được", "đạt", "âm", "uống", "ăn", "xong", "trừ":
		return true
	}
	return false
}

// onMap reports whether the scale of a map or a mixture is meant: "tỷ lệ 1/500".
func (r *reader) onMap() bool {
	m := slashForm.FindString(r.ahead())
	if strings.Count(m, "/") != 1 {
		return false
	}
	switch r.previous() {
	case "lệ", "pha", "loãng", "đồ":
		return true
	}
	return false
}

var mixedForm = regexp.MustCompile(`^(\d{1,3}) ((\d)/(\d))`)

// mixed reads a whole and a share: "5 1/2" is "năm và một phần hai".
func (r *reader) mixed() (int, string) {
	m := mixedForm.FindStringSubmatch(r.ahead())
	if m == nil || !usualShare(m[2]) || !r.ends(len(m[0])) || r.runeAt(len(m[0])) == '/' || announcesDay(r.previous()) {
		return 0, ""
	}
	n, spoken := len(m[0]), r.n.cardinal(m[1])+" và "+r.n.share(m[3], m[4])
	if k, unit, _ := r.unit(n); k > 0 {
		return n + k, spoken + " " + unit
	}
	return n, spoken
}

// dollars reads "$20" with the word where people say it.
func (r *reader) dollars() (int, string) {
	n := r.amountAt(1)
	if n == 0 {
		return 0, ""
	}
	return 1 + n, r.n.amount(r.aheadFrom(1)[:n]) + " " + currency("$")
}

// measure reads the sign of a measure behind a number that was written in words:
// "một kg", "mỗi m2".
func (r *reader) measure() (int, string) {
	switch before := r.previous(); before {
	case "mỗi", "từng", "vài", "mấy", "nửa", "chục":
	default:
		if !isNumberWord(before) {
			return 0, ""
		}
	}
	m := unitForm.FindStringSubmatch(r.ahead())
	if m == nil || len(m[0]) != len(m[1]) || utf8.RuneCountInString(m[1]) < 2 || unitNames[m[1]] == "" || !r.ends(len(m[0])) {
		return 0, ""
	}
	return len(m[0]), unitNames[m[1]]
}

// times reads the "x" between two measures as "nhân".
func (r *reader) times() (int, string) {
	if !strings.HasPrefix(r.ahead(), "x ") || !isDigit(r.runeAt(2)) {
		return 0, ""
	}
	before := r.previous()
	if unit := strings.TrimLeft(before, "0123456789"); before == "" || unit != "" && unitNames[unit] == "" {
		return 0, ""
	}
	return 1, "nhân"
}

// roundTheClock reports whether s begins with "24/7", which is a date only
// behind a word that announces one.
func roundTheClock(s string) bool {
	return strings.HasPrefix(s, "24/7") && (len(s) == 4 || !isDigit(rune(s[4])) && s[4] != '/')
}

// houseNumber reports whether the word before announces the number of a house
// or lane.
func (r *reader) houseNumber() bool {
	switch p := r.previous(); p {
	case "số", "hẻm", "ngõ", "ngách", "kiệt", "nhà":
		m := slashForm.FindString(r.ahead())
		return m != "" && r.ends(len(m))
	}
	return false
}

// fraction reports whether N/M stands before something that is counted, or
// behind a word that announces a share, where a day cannot stand.
func (r *reader) fraction() bool {
	m := slashForm.FindString(r.ahead())
	if strings.Count(m, "/") != 1 || announcesDay(r.previous()) {
		return false
	}
	if r.onMap() || r.shareBehind(m) {
		return true
	}
	switch r.previous() {
	case "mức", "điểm", "đạt", "lệ", "chạy", "lực":
		return true
	}
	next := strings.ToLower(r.next(len(m)))
	if partOf(next) || unitNames[next] != "" && utf8.RuneCountInString(next) > 1 {
		return true
	}
	switch next {
	case "tổ", "hộ", "phiếu", "đại", "thành", "thôn", "xã", "phường", "người", "học", "máy", "xóm", "ấp", "bản",
		"cụm", "viên", "thìa", "mũi", "tiêu", "chỉ", "nội", "loa", "giờ", "cháu", "hội", "công", "cán", "đảng", "đoàn", "cử", "điểm", "em", "trường", "trạm", "lớp", "ý":
		return true
	}
	return false
}

// partOf reports whether a share of this is meant: 1/2 diện tích is "một phần
// hai diện tích".
func partOf(next string) bool {
	switch next {
	case "diện", "số", "dân", "quân", "tổng", "lượng", "sản", "quãng", "chiều", "gói", "muỗng":
		return true
	}
	return false
}
