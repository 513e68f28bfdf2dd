package lang

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold makes the key by which names are searched: lower case, without tone and
// vowel marks, đ as d, so that "DONG SAY", "đồng sậy" and its decomposed form
// all meet. It is made here and stored, because databases fold Vietnamese
// wrongly or not at all (SQLite leaves lower('ĐÔNG') as it is).
//
// Only marks shared by all scripts are dropped; the vowel signs of Thai or Khmer
// are letters there and stay. Folding twice changes nothing.
func Fold(s string) string {
	s = norm.NFD.String(strings.ToLower(s))
	s = strings.Map(func(r rune) rune {
		switch {
		case isMark(r):
			return -1
		case r == 'đ':
			return 'd'
		case r == '’':
			return '\''
		}
		return r
	}, s)
	return norm.NFC.String(s)
}

// SortKey makes the key by which names are ordered, compared byte by byte
// (collation C): the Vietnamese alphabet a ă â b c d đ e ê … o ô ơ … u ư …, then
// within equal letters the tones ngang, huyền, hỏi, ngã, sắc, nặng, syllable by
// syllable, and numbers by size, so that "thôn 2" comes before "thôn 10".
// "Hoà" and "Hòa", two spellings of one name, get one key.
func SortKey(s string) string {
	var key strings.Builder
	for i, word := range strings.FieldsFunc(strings.ToLower(s), isGap) {
		if i > 0 {
			key.WriteByte(' ')
		}
		sortWord(&key, word)
	}
	return key.String()
}

// sortWord writes the letters of a syllable, then its tone as one digit: digits
// sort before letters, so "ba", "bà" and "bạ" all come before "ban".
func sortWord(key *strings.Builder, word string) {
	tone := '0'
	number := ""
	for _, r := range norm.NFD.String(word) {
		if '0' <= r && r <= '9' {
			number += string(r)
			continue
		}
		sortNumber(key, number)
		number = ""
		switch r {
		case 'đ':
			key.WriteString("d~") // "~" sorts after every letter
		case '\u0306': // ă
			key.WriteString("~")
		case '\u0302': // â ê ô
			key.WriteString("~~")
		case '\u031b': // ơ ư
			key.WriteString("~~~")
		case '\u0300':
			tone = '1'
		case '\u0309':
			tone = '2'
		case '\u0303':
			tone = '3'
		case '\u0301':
			tone = '4'
		case '\u0323':
			tone = '5'
		case '’':
			key.WriteRune('\'')
		default:
			key.WriteRune(r)
		}
	}
	sortNumber(key, number)
	key.WriteRune(tone)
}

// sortNumber pads a number to eight digits; "" stays "".
func sortNumber(key *strings.Builder, digits string) {
	if digits != "" {
		key.WriteString(strings.Repeat("0", max(0, 8-len(digits))) + digits)
	}
}

// isMark reports a mark that sits on letters of any script, as Vietnamese ones do.
func isMark(r rune) bool { return unicode.Is(unicode.Mn, r) && unicode.Is(unicode.Inherited, r) }

func isGap(r rune) bool { return unicode.IsSpace(r) || r == '-' || r == '–' || r == ',' }
