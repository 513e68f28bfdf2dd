package document

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// tidy writes a text as a person would type it: composed, no signs that cannot
// be seen, the cells of a row with a comma between, no run of blanks, at most one
// empty line.
func tidy(s string) string {
	s = norm.NFC.String(strings.Map(seen, strings.ToValidUTF8(s, "")))
	var out []string
	for line := range strings.Lines(s) {
		var cells []string
		for cell := range strings.SplitSeq(line, "\t") {
			if cell = strings.Join(strings.FieldsFunc(cell, blank), " "); cell != "" {
				cells = append(cells, cell)
			}
		}
		line = strings.Join(cells, ", ")
		if line == "" && (len(out) == 0 || out[len(out)-1] == "") {
			continue
		}
		out = append(out, line)
	}
	return strings.TrimSpace(strings.Join(out, "\n"))
}

// seen drops what leaves no mark: format characters (zero-width, bidirectional,
// soft hyphens), private use, the Hangul fillers.
func seen(c rune) rune {
	if unicode.In(c, unicode.Cf, unicode.Co) || strings.ContainsRune("\u115F\u1160\u3164\uFFA0", c) {
		return -1
	}
	return c
}

// blank is what separates words.
func blank(c rune) bool {
	return unicode.IsSpace(c) || unicode.In(c, unicode.Cc, unicode.Zl, unicode.Zp)
}

// unwrap joins the lines that a page's width broke: a paragraph goes on where
// the next line begins small or the last one did not end a sentence.
func unwrap(s string) string {
	var out []string
	joined := false // the last of out may still go on
	for line := range strings.Lines(strings.ReplaceAll(s, "\f", "\n\n")) {
		line = strings.TrimSpace(line)
		if line == "" {
			joined = false
			out = append(out, "")
			continue
		}
		first, _ := utf8.DecodeRuneInString(line)
		if joined && unicode.IsLower(first) {
			out[len(out)-1] += " " + line
		} else if joined && !ends(out[len(out)-1]) && !unicode.IsUpper(first) && !strings.ContainsRune("-–+•*", first) {
			out[len(out)-1] += " " + line
		} else {
			out = append(out, line)
		}
		joined = true
	}
	return strings.Join(out, "\n")
}

func ends(line string) bool {
	last, _ := utf8.DecodeLastRuneInString(line)
	return strings.ContainsRune(".:;!?…”\"", last)
}
