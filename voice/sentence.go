package voice

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Silences between pieces of speech, as newsreaders leave them.
const (
	SentencePause  = 400 * time.Millisecond
	ParagraphPause = 700 * time.Millisecond
)

// Sentence is one sentence of a text.
type Sentence struct {
	Text string // without blanks around it
	Ends bool   // the last of its paragraph; a paragraph is a line
}

// Sentences cuts a text, written or spoken, where a newsreader takes breath: at
// the end of a line, and behind . ! ? … ; : when a blank and the beginning of
// something new follow. It does not cut behind short forms ("TP. Kim Ruối"),
// initials, the number of a list at the head of a line, or inside numbers,
// dates and addresses, which hold no blank. Nothing but blanks is lost.
func Sentences(text string) []Sentence {
	var all []Sentence
	for line := range strings.SplitSeq(strings.ToValidUTF8(text, ""), "\n") {
		start := 0
		for at := 0; at < len(line); {
			c, size := utf8.DecodeRuneInString(line[at:])
			at += size
			if !strings.ContainsRune(".!?…;:", c) {
				continue
			}
			end := at + closing(line[at:])
			if !opens(line[end:]) || c == '.' && continues(line[start:at-1]) {
				continue
			}
			all = appendSentence(all, line[start:end], false)
			start, at = end, end
		}
		all = appendSentence(all, line[start:], true)
	}
	if len(all) > 0 {
		all[len(all)-1].Ends = true
	}
	return all
}

// appendSentence adds what is not blank; the end of a line may fall on nothing,
// and then ends what came before.
func appendSentence(all []Sentence, text string, ends bool) []Sentence {
	text = strings.TrimSpace(text)
	switch {
	case text != "":
		return append(all, Sentence{text, ends})
	case ends && len(all) > 0:
		all[len(all)-1].Ends = true
	}
	return all
}

// closing is the length of the marks, quotes and brackets that still belong to
// the sentence.
func closing(s string) int {
	rest := strings.TrimLeft(s, ".!?…\"'”’)]»")
	return len(s) - len(rest)
}

// opens reports whether something new begins in s: a blank, then a capital, a
// digit, a quote, a bracket or a dash.
func opens(s string) bool {
	rest := strings.TrimLeftFunc(s, unicode.IsSpace)
	if rest == "" || len(rest) == len(s) {
		return false
	}
	c, _ := utf8.DecodeRuneInString(rest)
	return unicode.IsUpper(c) || unicode.IsDigit(c) || isDash(c) || strings.ContainsRune("\"'“‘«([+•*", c)
}

// continues reports whether a dot behind these words is no end: a short form, an
// initial, the number of a list at the head of the line.
func continues(before string) bool {
	word := tail(before, 40)
	cut := strings.LastIndexFunc(word, func(c rune) bool { return unicode.IsSpace(c) || strings.ContainsRune("([“\"", c) })
	if cut >= 0 {
		_, size := utf8.DecodeRuneInString(word[cut:])
		word = word[cut+size:]
	}
	switch word {
	case "TP", "Tp", "tp", "TX", "Tx", "TT", "Tt", "ThS", "Ths", "TS", "PGS", "GS", "BS", "KS", "CN", "LS", "TM", "KT", "Ô", "Bà",
		"tr", "đ/c", "Đ/c", "NXB", "St", "QL", "TL", "ĐT", "số", "Mr", "Mrs", "Dr":
		return true
	}
	if c, size := utf8.DecodeRuneInString(word); size == len(word) && unicode.IsUpper(c) {
		return true
	}
	head := strings.TrimSpace(before) == word // the head of the line
	return head && word != "" && (strings.Trim(word, "0123456789.") == "" || strings.Trim(word, "IVX") == "")
}

// Chunk is a piece of a text that an engine takes in one go.
type Chunk struct {
	Text  string
	Pause time.Duration // the silence after it; none after the last
}

// Chunks packs the sentences of each paragraph into as few pieces as an engine
// takes that allows so many characters; 0 is no limit. A sentence longer than
// that is cut at a comma, else between two words that belong neither to one
// number nor to one name, else, when there is nothing else, between words or
// inside one.
func Chunks(text string, limit int) []Chunk {
	if limit <= 0 {
		limit = MaxBytes
	}
	var all []Chunk
	room := 0 // characters the last chunk may still take; 0 behind a paragraph
	for _, s := range Sentences(text) {
		for piece := range pieces(s.Text, limit) {
			n := utf8.RuneCountInString(piece)
			if n+1 <= room {
				all[len(all)-1].Text += " " + piece
				room -= n + 1
				continue
			}
			all = append(all, Chunk{piece, SentencePause})
			room = limit - n
		}
		if s.Ends && len(all) > 0 {
			all[len(all)-1].Pause, room = ParagraphPause, 0
		}
	}
	if len(all) > 0 {
		all[len(all)-1].Pause = 0
	}
	return all
}

// pieces cuts one sentence into parts of at most limit characters.
func pieces(s string, limit int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for s != "" {
			head := s
			if utf8.RuneCountInString(s) > limit {
				head = s[:cutAt(s, limit)]
			}
			s = strings.TrimSpace(s[len(head):])
			if !yield(strings.TrimSpace(head)) {
				return
			}
		}
	}
}

// cutAt is where a sentence is cut so that its head has at most limit characters.
func cutAt(s string, limit int) int {
	end, count := 0, 0 // bytes of the first limit characters, and one blank more
	comma, gap, blank := 0, 0, 0
	for i, c := range s {
		if count > limit {
			break
		}
		if unicode.IsSpace(c) && i > 0 {
			blank = i
			if last := s[i-1]; last == ',' || last == ';' || last == ':' || last == '.' {
				comma = i
			}
			if !belongs(s[:i], s[i:]) {
				gap = i
			}
		}
		if count < limit {
			end = i + utf8.RuneLen(c)
		}
		count++
	}
	for _, at := range []int{comma, gap, blank, end} {
		if at > 0 {
			return at
		}
	}
	return len(s)
}

// belongs reports whether the words on both sides of a blank are one number or
// one name.
func belongs(before, after string) bool {
	left, right := lastToken(before), firstToken(after)
	if left == "" || right == "" {
		return false
	}
	number := func(w string) bool { return strings.ContainsAny(w, "0123456789") || isNumberWord(strings.ToLower(w)) }
	if number(left) && (number(right) || unitNames[right] != "") {
		return true
	}
	name := func(w string) bool { c, _ := utf8.DecodeRuneInString(w); return unicode.IsUpper(c) }
	return name(left) && name(right)
}

func lastToken(s string) string {
	s = tail(s, 60)
	return s[strings.LastIndexFunc(s, unicode.IsSpace)+1:]
}

func firstToken(s string) string {
	s = strings.TrimLeftFunc(s, unicode.IsSpace)
	s = s[:min(len(s), 60)]
	if i := strings.IndexFunc(s, unicode.IsSpace); i >= 0 {
		return s[:i]
	}
	return s
}

// isNumberWord reports whether a word can stand in a spoken number.
func isNumberWord(w string) bool {
	switch w {
	case "không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín", "mười", "mươi", "mốt", "tư", "lăm", "linh", "lẻ",
		"trăm", "nghìn", "ngàn", "triệu", "tỷ", "tỉ", "phẩy", "âm", "phần":
		return true
	}
	return false
}
