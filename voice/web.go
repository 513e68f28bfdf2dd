package voice

import (
	"regexp"
	"strings"
)

var (
	addressForm = regexp.MustCompile(`^(?i)(?:https?://)?(?:[a-z0-9._%+-]{1,64}@)?(?:[a-z0-9-]{1,63}\.){1,6}(?:vn|com|net|org|edu|gov|info)(?:/[a-z0-9._~/?#%&=+-]*)?`)
	endingForm  = regexp.MustCompile(`^(?:\.[A-Za-z][A-Za-z0-9]{1,4}){1,3}`)
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
