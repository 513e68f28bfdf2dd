package voice

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Normalizer writes a text out in the words a newsreader would say. The zero
// value reads as in the north, without words of a commune's own. It keeps no
// state and may be used by several goroutines as long as Lexicon is not written.
type Normalizer struct {
	// South says "ngàn", "lẻ" and "xẹt" where the north says "nghìn", "linh"
	// and "trên".
	South bool
	// Lexicon holds a commune's own readings, written form to spoken form. It
	// overrides every rule, the longest match first, whole words only, with
	// regard to case. Spoken forms are said as they are.
	Lexicon map[string]string
}

// Spoken is a text ready for an engine, with what was changed to get there.
type Spoken struct {
	Text    string
	Changes []Change
}

// Change is one place where the spoken words differ from the written ones.
// Brackets and dashes that become pauses are not changes of words and are not
// listed.
type Change struct {
	From string // as written; after the first one, changes come in the order of the text
	To   string // as spoken; empty for a sign that is not spoken
	At   int    // where From begins: byte offset in the composed (NFC) input
}

// Speak writes text out in words. It never fails: what no rule knows is left as
// it is, except that no digit 0–9 ever is. Time grows in proportion to the text.
func (n Normalizer) Speak(text string) Spoken {
	r := reader{
		n:    n,
		lex:  newLexicon(n.Lexicon),
		text: norm.NFC.String(strings.ToValidUTF8(text, "")),
	}
	for r.at < len(r.text) {
		r.step()
	}
	return Spoken{Text: strings.TrimRight(string(r.out), " "), Changes: r.changes}
}

// window bounds how far a rule looks ahead or back, in bytes. It keeps the walk
// linear; nothing a rule reads as one thing is longer.
const window = 240

// reader walks through one text. A rule looks at text[at:] and answers how many
// bytes it reads and what is said for them; 0 bytes means "not mine".
type reader struct {
	n       Normalizer
	lex     lexicon
	text    string
	at      int
	out     []byte
	said    bool // out ends in words of ours, so a letter that follows needs a space
	gone    bool // what stood here is not said, and its blank goes with it
	pause   bool // a bracket or dash went by: a comma is due before the next word
	changes []Change
}

type rule func(*reader) (n int, spoken string)

// step reads one thing: a lexicon entry, a number in its surroundings, a word,
// a sign, or one character as it is.
func (r *reader) step() {
	c, size := utf8.DecodeRuneInString(r.text[r.at:])
	if n, spoken := r.fromLexicon(c); n > 0 {
		r.say(n, spoken)
		return
	}
	switch {
	case isDigit(c):
		r.first((*reader).legal, (*reader).identity, (*reader).digitByDigit, (*reader).score, (*reader).ratio, (*reader).clockTime,
			(*reader).date, (*reader).chain, (*reader).mixed, (*reader).slashed, (*reader).quantity, (*reader).number)
	case isLetter(c) && !r.insideWord():
		if !r.first((*reader).address, (*reader).fileName, (*reader).measure, (*reader).standard, (*reader).card, (*reader).roman, (*reader).weekday, (*reader).times,
			(*reader).letter, (*reader).shortened, (*reader).foreign, (*reader).initials, (*reader).codeName, (*reader).capitals) {
			r.copy(r.letters(0))
		}
	case c == '(':
		if n, spoken := r.areaCode(); n > 0 {
			r.say(n, spoken)
		} else if n, spoken := r.listMark(); n > 0 {
			r.say(n, spoken)
			r.pause = true
		} else {
			r.skip(size)
		}
	case c == ')' || c == '[' || c == ']' || c == '{' || c == '}':
		r.skip(size)
	case c == '+' && strings.TrimSpace(r.behind()) == "" && unicode.IsSpace(r.runeAt(size)): // opens an item of a list
		r.skip(size)
	case c == '$' && r.first((*reader).dollars):
	case c == '#' && r.first((*reader).hashtag):
	case c == '*' && r.first((*reader).serviceCode):
	case (c == ':' || c == ';') && r.first((*reader).smiley):
	case c == '.' && r.first((*reader).ending):
	case isSign(c) && r.first((*reader).signed):
	case isDash(c) || c == '/':
		r.dash(size)
	case isLetter(c):
		r.copy(r.letters(0))
	default:
		r.symbol(c, size)
	}
}

// first lets the rules try in order and says what the first taker answers.
func (r *reader) first(rules ...rule) bool {
	for _, try := range rules {
		if n, spoken := try(r); n > 0 {
			r.say(n, spoken)
			return true
		}
	}
	return false
}

// say consumes n bytes and speaks words of ours for them.
func (r *reader) say(n int, spoken string) {
	from := r.text[r.at : r.at+n]
	if spoken != "" && r.opensSentence() {
		c, size := utf8.DecodeRuneInString(spoken)
		spoken = string(unicode.ToUpper(c)) + spoken[size:]
	}
	if from != spoken {
		r.changes = append(r.changes, Change{From: from, To: spoken, At: r.at})
	}
	r.at += n
	r.gone = spoken == ""
	if spoken == "" { // a dropped sign takes one of the two spaces around it along
		for last := len(r.out) - 1; (last < 0 || r.out[last] == ' ' || r.out[last] == '\n') && r.at < len(r.text) && r.text[r.at] == ' '; {
			r.at++
		}
		return
	}
	r.flush()
	if last, _ := utf8.DecodeLastRune(r.out); isLetter(last) || strings.ContainsRune(",.;:!?", last) {
		r.out = append(r.out, ' ')
	}
	r.out = append(r.out, spoken...)
	r.said = true
}

// opensSentence reports whether the next word is the first of a sentence.
func (r *reader) opensSentence() bool {
	if r.pause && len(r.out) > 0 {
		return false
	}
	s := strings.TrimRight(string(tail(r.out, 16)), " \t\u00a0“\"'‘")
	return len(r.out) == 0 || s != "" && strings.ContainsRune(".!?\n", rune(s[len(s)-1]))
}

// copy consumes n bytes and leaves them as they are.
func (r *reader) copy(n int) {
	c, _ := utf8.DecodeRuneInString(r.text[r.at:])
	switch {
	case strings.ContainsRune(".,;:!?…\n", c):
		if r.pause || r.gone {
			r.out = trimRight(r.out)
		}
		r.pause, r.gone = false, false
	case unicode.IsSpace(c) && r.pause:
		r.at += n
		return
	default:
		r.gone = false
		r.flush()
	}
	if r.said && isLetter(c) {
		r.out = append(r.out, ' ')
	}
	r.said = false
	r.out = append(r.out, r.text[r.at:r.at+n]...)
	r.at += n
}

// skip consumes n bytes that are heard as a short pause.
func (r *reader) skip(n int) {
	r.at += n
	r.pause = true
}

// flush writes the comma that is due, unless there already is a mark or nothing
// was said yet on this line.
func (r *reader) flush() {
	if !r.pause {
		return
	}
	r.pause = false
	r.said = false
	if line := strings.TrimRight(string(tail(r.out, 8)), " \t\u00a0"); line == "" || strings.HasSuffix(line, "\n") {
		return
	}
	r.out = trimRight(r.out)
	if last, _ := utf8.DecodeLastRune(r.out); !strings.ContainsRune(",.;:!?…“\"'‘", last) {
		r.out = append(r.out, ',')
	}
	if last, _ := utf8.DecodeLastRune(r.out); !strings.ContainsRune("“‘", last) {
		r.out = append(r.out, ' ')
	}
}

// dash reads a dash or slash that no number claimed: a pause between words and
// at the head of a line, a space before a number ("COVID-19"), itself inside a
// name ("Ga-lây").
func (r *reader) dash(size int) {
	before, after := r.runeBefore(), r.runeAt(size)
	c := r.text[r.at]
	switch {
	case c == '/' || !isWordRune(before) || !isWordRune(after):
		r.skip(size)
	case r.said && isLetter(before) && unicode.IsUpper(after): // KCN-KCX
		r.skip(size)
	case isDigit(before) || isDigit(after):
		r.flush()
		r.out = append(r.out, ' ')
		r.said = false
		r.at += size
	default:
		r.copy(size)
	}
}

// symbol reads a sign that is said as a word, drops a picture, and copies the
// rest.
func (r *reader) symbol(c rune, size int) {
	switch c {
	case '&':
		r.say(size, "và")
	case '%':
		r.say(size, "phần trăm")
	case '‰':
		r.say(size, "phần "+r.n.thousand())
	case '€':
		r.say(size, "ơ-rô")
	case '°':
		r.say(size, "độ")
	case '@':
		r.say(size, "a còng")
	case '+':
		r.say(size, "cộng")
	case '=':
		r.say(size, "bằng")
	case '≥':
		r.say(size, "lớn hơn hoặc bằng")
	case '≤':
		r.say(size, "nhỏ hơn hoặc bằng")
	case '<':
		r.say(size, "dưới")
	case '>':
		r.say(size, "trên")
	case '×':
		r.say(size, "nhân")
	case '½':
		r.say(size, r.n.share("1", "2"))
	case '¼':
		r.say(size, r.n.share("1", "4"))
	case '¾':
		r.say(size, r.n.share("3", "4"))
	case '≈':
		r.say(size, "khoảng")
	case '~':
		if isDigit(r.runeAt(size)) && r.previous() != "khoảng" {
			r.say(size, "khoảng")
		} else {
			r.say(size, "")
		}
	case '*', '#', '_', '|', '^', '•', '\\', '`':
		r.say(size, "")
	default:
		if c >= '←' && c <= '⇿' { // arrows are heard as a pause
			r.skip(size)
			return
		}
		if unicode.Is(unicode.So, c) || unicode.Is(unicode.Variation_Selector, c) || unicode.Is(unicode.Sk, c) || c == keycap {
			r.pause = r.pause || c == keycap // 1️⃣ opens an item
			r.say(size, "")
			return
		}
		r.copy(size)
	}
}

// listMark reads "(1)" as "thứ nhất" where a list could begin an item: at the
// start or after a mark.
func (r *reader) listMark() (int, string) {
	m := listMarkForm.FindStringSubmatch(r.ahead())
	if m == nil || m[1] == "00" {
		return 0, ""
	}
	before := strings.TrimRight(r.behind(), " \t")
	if before != "" && !strings.ContainsRune(":;.,", rune(before[len(before)-1])) {
		return 0, ""
	}
	return len(m[0]), "thứ " + r.n.ordinal(m[1])
}

// keycap makes a picture of the digit before it.
const keycap = '\u20e3'

// ahead is the rest of the line, as far as a rule may look.
func (r *reader) ahead() string { return r.aheadFrom(0) }

func (r *reader) aheadFrom(n int) string {
	rest := r.text[r.at+n:]
	if len(rest) > window {
		rest = rest[:window]
		for !utf8.ValidString(rest[max(0, len(rest)-utf8.UTFMax):]) && len(rest) > window-utf8.UTFMax {
			rest = rest[:len(rest)-1]
		}
	}
	if i := strings.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

// behind is the line up to here, as far as a rule may look.
func (r *reader) behind() string {
	past := tail(r.text[:r.at], window)
	return past[strings.LastIndexByte(past, '\n')+1:]
}

// tail is the last n bytes of s at most.
func tail[T string | []byte](s T, n int) T {
	if len(s) > n {
		return s[len(s)-n:]
	}
	return s
}

// previous is the word before this place, in lower case, "" when something
// other than blanks stands between.
func (r *reader) previous() string { return lastWord(r.behind()) }

func lastWord(s string) string {
	s = strings.TrimRight(s, " \u00a0")
	i := len(s)
	for i > 0 {
		c, size := utf8.DecodeLastRuneInString(s[:i])
		if !isWordRune(c) {
			break
		}
		i -= size
	}
	return strings.ToLower(s[i:])
}

// next is the word that begins n bytes ahead after blanks, as written, "" when
// something else stands there.
func (r *reader) next(n int) string {
	s := strings.TrimLeft(r.aheadFrom(n), " \u00a0")
	for i, c := range s {
		if !isWordRune(c) {
			return s[:i]
		}
	}
	return s
}

// letters is the length in bytes of the run of letters that begins n bytes ahead.
func (r *reader) letters(n int) int {
	start := r.at + n
	for i, c := range r.text[start:] {
		if !isLetter(c) {
			return i
		}
	}
	return len(r.text) - start
}

// ends reports whether a word could end n bytes ahead.
func (r *reader) ends(n int) bool { return !isWordRune(r.runeAt(n)) }

// insideWord reports whether the character before belongs to the same word.
func (r *reader) insideWord() bool { return isWordRune(r.runeBefore()) }

func (r *reader) runeBefore() rune {
	if r.at == 0 {
		return ' '
	}
	c, _ := utf8.DecodeLastRuneInString(r.text[:r.at])
	return c
}

func (r *reader) runeAt(n int) rune {
	if r.at+n >= len(r.text) {
		return ' '
	}
	c, _ := utf8.DecodeRuneInString(r.text[r.at+n:])
	return c
}

// lexicon is a commune's own words by first character, the longest first.
type lexicon map[rune][]entry

type entry struct{ written, spoken string }

func newLexicon(words map[string]string) lexicon {
	lex := make(lexicon)
	for written, spoken := range words {
		written = norm.NFC.String(written)
		if written == "" {
			continue
		}
		c, _ := utf8.DecodeRuneInString(written)
		lex[c] = append(lex[c], entry{written, norm.NFC.String(spoken)})
	}
	for _, entries := range lex {
		slices.SortFunc(entries, func(a, b entry) int {
			if d := len(b.written) - len(a.written); d != 0 {
				return d
			}
			return strings.Compare(a.written, b.written)
		})
	}
	return lex
}

func (r *reader) fromLexicon(c rune) (int, string) {
	for _, e := range r.lex[c] {
		if isWordRune(c) && r.insideWord() {
			return 0, ""
		}
		last, _ := utf8.DecodeLastRuneInString(e.written)
		if strings.HasPrefix(r.text[r.at:], e.written) && (!isWordRune(last) || r.ends(len(e.written))) {
			return len(e.written), e.spoken
		}
	}
	return 0, ""
}

// word is the reading of one written word wherever it stands: the commune's,
// else ours.
func (r *reader) word(written string) (string, bool) {
	c, _ := utf8.DecodeRuneInString(written)
	for _, e := range r.lex[c] {
		if e.written == written {
			return e.spoken, true
		}
	}
	if r.n.South {
		if spoken, ok := southernAbbreviations[written]; ok {
			return spoken, true
		}
	}
	spoken, ok := abbreviations[written]
	return spoken, ok
}

func isDigit(c rune) bool { return c >= '0' && c <= '9' }
func isLetter(c rune) bool {
	return unicode.IsLetter(c) || unicode.Is(unicode.M, c) && c != keycap && !unicode.Is(unicode.Variation_Selector, c)
}
func isWordRune(c rune) bool { return isLetter(c) || isDigit(c) }
func isDash(c rune) bool     { return c == '-' || c == '–' || c == '—' || c == '−' }
func isSign(c rune) bool     { return c == '+' || c == '-' || c == '−' || c == '±' }

func trimRight(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
