package sound

import (
	"encoding/binary"
	"slices"
	"unicode/utf16"
)

// Tags are what a copy for people says of itself.
type Tags struct {
	Title   string // TIT2
	Comment string // COMM: that the voice is synthetic, and who spoke
	Encoder string // TENC
}

// Copy is a canonical sound with an ID3v2.3 tag before its first frame: what
// people download and pass on. The form that is approved and played carries no
// tags (docs/decisions/0014-canonical-mp3.md), so a copy is never what a speaker
// gets.
func Copy(mp3 []byte, t Tags) []byte {
	body := slices.Concat(
		frame("TIT2", encoded(t.Title)),
		frame("TENC", encoded(t.Encoder)),
		frame("COMM", comment(t.Comment)),
	)
	n := len(body)
	header := []byte{'I', 'D', '3', 3, 0, 0, byte(n >> 21 & 0x7f), byte(n >> 14 & 0x7f), byte(n >> 7 & 0x7f), byte(n & 0x7f)}
	return slices.Concat(header, body, mp3)
}

// frame is one frame of ID3v2.3 (id3.org, section 3.3).
func frame(id string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte(id), uint32(len(body)))
	return append(append(b, 0, 0), body...)
}

// encoded is text as the encodings of version 2.3 allow Vietnamese: UTF-16 with a
// byte order mark.
func encoded(s string) []byte { return append([]byte{1}, wide(s)...) }

// comment has a language ("vie", ISO 639-2), a description (empty) and a text.
func comment(s string) []byte {
	return slices.Concat([]byte{1, 'v', 'i', 'e'}, wide(""), []byte{0, 0}, wide(s))
}

func wide(s string) []byte {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}
