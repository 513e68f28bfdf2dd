package voice

import (
	"regexp"
	"strings"
	"unicode"
)

var (
	addressForm = regexp.MustCompile(`^(?i)(?:https?://)?(?:[a-z0-9._%+-]{1,64}@)?(?:[a-z0-9-]{1,63}\.){1,6}(?:vn|com|net|org|edu|gov|info|me|asia|io|app)(?:/[a-z0-9._~/?#%&=+-]*)?`)
	endingForm  = regexp.MustCompile(`^(?:\.[A-Za-z][A-Za-z0-9]{1,4}){1,3}`)
	hashtagForm = regexp.MustCompile(`^#([\pL\pM_][\pL\pM\d_]{1,60})`)
	humpForm    = regexp.MustCompile(`\p{Lu}*[\p{Ll}\pM]+|\p{Lu}+|\d+`)
	serviceForm = regexp.MustCompile(`^\*\d{1,12}(?:\*\d{1,20}){0,4}#`)
	smileyForm  = regexp.MustCompile(`^[:;]-?[()DPp](?:\s|$)`)
	fileForm    = regexp.MustCompile(`^(?i)[a-z0-9][a-z0-9_-]{0,60}\.(?:pdf|docx?|xlsx?|pptx?|jpe?g|png|mp[34]|apk|zip)`)
	pieceForm   = regexp.MustCompile(`[A-Za-z]+|[0-9]+|[^A-Za-z0-9]`)
)

// address reads a web or mail address: the scheme and "www." are not said.
func (r *reader) address() (int, string) {
	s := r.ahead()
	end := strings.IndexAny(s, " \t\u00a0")
	if end < 0 {
		end = len(s)
	}
	if !strings.ContainsRune(s[:end], '.') {
		return 0, ""
	}
	m := strings.TrimRight(addressForm.FindString(s), ".?/-")
	if m == "" || !r.ends(len(m)) {
		return 0, ""
	}
	spoken := m
	if _, rest, ok := strings.Cut(m, "://"); ok {
		spoken = rest
	}
	spoken = r.pieces(strings.TrimPrefix(spoken, "www."))
	return len(m), spoken
}

// ending reads the tail of a name on its own: ".apk", ".gov.vn".
func (r *reader) ending() (int, string) {
	if r.insideWord() || r.runeBefore() == '.' {
		return 0, ""
	}
	m := endingForm.FindString(r.ahead())
	if m == "" || !r.ends(len(m)) {
		return 0, ""
	}
	var words []string
	for part := range strings.SplitSeq(m[1:], ".") {
		words = append(words, "chấm", r.piece(part, true))
	}
	return len(m), strings.Join(words, " ")
}

// fileName reads the name of a file: "thongbao.pdf".
func (r *reader) fileName() (int, string) {
	m := fileForm.FindString(r.ahead())
	if m == "" || !r.ends(len(m)) {
		return 0, ""
	}
	dot := strings.LastIndexByte(m, '.')
	return len(m), r.pieces(m[:dot]) + " chấm " + r.piece(m[dot+1:], true)
}

// serviceCode reads what is keyed into a telephone: "*101#".
func (r *reader) serviceCode() (int, string) {
	m := serviceForm.FindString(r.ahead())
	if m == "" {
		return 0, ""
	}
	var words []string
	for part := range strings.SplitSeq(strings.Trim(m, "*#"), "*") {
		words = append(words, "sao "+spellDigits(part))
	}
	return len(m), strings.Join(words, " ") + " thăng"
}

// smiley drops a face made of marks.
func (r *reader) smiley() (int, string) {
	m := smileyForm.FindString(r.ahead())
	if m == "" || !unicode.IsSpace(r.runeBefore()) {
		return 0, ""
	}
	return len(strings.TrimRightFunc(m, unicode.IsSpace)), ""
}

// hashtag reads the words that were run together behind a "#" as words.
func (r *reader) hashtag() (int, string) {
	m := hashtagForm.FindStringSubmatch(r.ahead())
	if m == nil || !r.ends(len(m[0])) {
		return 0, ""
	}
	var words []string
	for _, w := range humpForm.FindAllString(m[1], -1) {
		if isDigit(rune(w[0])) {
			w = r.n.cardinal(w)
		} else if spoken, ok := r.word(w); ok {
			w = spoken
		}
		words = append(words, w)
	}
	return len(m[0]), strings.Join(words, " ")
}

// pieces reads an address piece by piece.
func (r *reader) pieces(s string) string {
	var words []string
	for _, p := range pieceForm.FindAllString(s, -1) {
		words = append(words, r.piece(p, false))
	}
	return strings.Join(words, " ")
}

// piece reads one piece of an address: signs by name, digits one by one, the
// usual domains as people say them. Short unknown pieces are spelled when they
// stand alone or have no vowel.
func (r *reader) piece(p string, alone bool) string {
	switch strings.ToLower(p) {
	case "gov":
		return "gốp"
	case "vn":
		return "vê-en"
	case "com":
		return "com"
	case "edu":
		return "ê-đu"
	case "org":
		return "oóc"
	case "net":
		return "nét"
	case "info":
		return "in-phô"
	case ".":
		return "chấm"
	case "@":
		return "a còng"
	case "/":
		return "gạch chéo"
	case "-":
		return "gạch ngang"
	case "_":
		return "gạch dưới"
	}
	if spoken, ok := foreignWords[strings.ToLower(p)]; ok {
		return spoken
	}
	c := rune(p[0])
	switch {
	case isDigit(c):
		return spellDigits(p)
	case !isLetter(c):
		return "dấu"
	case alone || len(p) <= 5 && !strings.ContainsAny(strings.ToLower(p), "aeiouy"):
		return spellLetters(p)
	}
	return strings.ToLower(p)
}
