package voice

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"loa"
)

// Limits of one text: about six minutes of speech at 140 words a minute, more
// than any session gives to one bulletin.
const (
	MaxCharacters = 4000      // Unicode code points after composition
	MaxBytes      = 64 * 1024 // bytes as received
)

// Clean prepares a text for keeping, approving and speaking: composed (NFC),
// lines ended by "\n", no white space around it. It refuses what the eye and
// the ear would take differently, because a text is approved by eye: characters
// that cannot be seen (zero-width, bidirectional and other format characters)
// and control characters. Positions in errors count characters from 1.
//
// Errors: text.not_utf8, text.too_long, text.empty, text.hidden, text.control.
func Clean(text string) (string, error) {
	if len(text) > MaxBytes {
		return "", loa.Errorf(loa.Invalid, "text.too_long", MaxCharacters, utf8.RuneCountInString(text))
	}
	if !utf8.ValidString(text) {
		return "", loa.Errorf(loa.Invalid, "text.not_utf8")
	}
	text = strings.ReplaceAll(norm.NFC.String(text), "\r\n", "\n")
	position := 0
	for _, c := range text {
		position++
		switch {
		case isHidden(c):
			return "", loa.Errorf(loa.Invalid, "text.hidden", codePoint(c), position)
		case c == '\n' || c == '\t':
		case unicode.In(c, unicode.Cc, unicode.Zl, unicode.Zp):
			return "", loa.Errorf(loa.Invalid, "text.control", codePoint(c), position)
		}
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return "", loa.Errorf(loa.Invalid, "text.empty")
	}
	if n := utf8.RuneCountInString(text); n > MaxCharacters {
		return "", loa.Errorf(loa.Invalid, "text.too_long", MaxCharacters, n)
	}
	return text, nil
}

// isHidden reports whether c leaves no mark on the page: Unicode's format
// characters (zero-width, bidirectional, soft hyphen, tags) and the Hangul
// fillers, which are letters that look like nothing.
func isHidden(c rune) bool {
	switch c {
	case '\u115F', '\u1160', '\u3164', '\uFFA0':
		return true
	}
	return unicode.Is(unicode.Cf, c)
}

func codePoint(c rune) string { return fmt.Sprintf("U+%04X", c) }
