package document

import (
	"bytes"
	"context"
	"strings"
	"unicode/utf8"

	"loa"
)

// What is taken.
const (
	MaxBytes      = 20 << 20 // of a file
	MaxCharacters = 20_000   // of its text: five times what one bulletin holds, to be shortened by hand
)

// Reader reads documents.
type Reader struct {
	PDFToText string // the program, a name to find or a path; "" is "pdftotext"
	Dir       string // where job folders are made and removed again, an absolute path; "" is the system's
	Self      string // the executable whose "sandbox-exec" is sandbox.Main, an absolute path
}

const (
	magicZip = "PK\x03\x04"
	magicPDF = "%PDF-"
	magicOLE = "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" // Word before 2007, and any Office file with a password
)

// Is reports whether the bytes are some document, which Text may still refuse,
// so that a person who chose the wrong file reads about documents and not sounds.
func (Reader) Is(b []byte) bool {
	if bytes.HasPrefix(b, []byte(magicZip)) { // the list of names stands at an archive's end
		return bytes.Contains(b[max(0, len(b)-64<<10):], []byte("[Content_Types].xml"))
	}
	return bytes.Contains(b[:min(len(b), 1024)], []byte(magicPDF)) || bytes.HasPrefix(b, []byte(magicOLE)) || bytes.HasPrefix(b, []byte(`{\rtf`))
}

// Text is the text of a .docx or .pdf file, composed as people type it. A
// person's mistakes are document.old, document.password, document.macro,
// document.scanned, document.old_font, document.damaged, document.too_large,
// document.too_long and document.unknown.
func (r Reader) Text(ctx context.Context, b []byte) (text string, err error) {
	switch {
	case len(b) > MaxBytes:
		return "", loa.Errorf(loa.Invalid, "document.too_large", MaxBytes>>20)
	case bytes.HasPrefix(b, []byte(magicZip)):
		text, err = word(b)
	case bytes.Contains(b[:min(len(b), 1024)], []byte(magicPDF)): // readers allow some rubbish before it
		text, err = r.pdf(ctx, b)
	case bytes.HasPrefix(b, []byte(magicOLE)) && bytes.Contains(b, utf16("EncryptedPackage")):
		return "", loa.Errorf(loa.Invalid, "document.password")
	case bytes.HasPrefix(b, []byte(magicOLE)), bytes.HasPrefix(b, []byte(`{\rtf`)):
		return "", loa.Errorf(loa.Invalid, "document.old")
	default:
		return "", loa.Errorf(loa.Invalid, "document.unknown")
	}
	if err != nil {
		return "", err
	}
	text = tidy(text)
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return "", loa.Errorf(loa.Invalid, "document.scanned")
	case n > MaxCharacters:
		return "", loa.Errorf(loa.Invalid, "document.too_long", MaxCharacters)
	}
	return text, nil
}

// utf16 is ASCII as Office's compound files spell names.
func utf16(s string) []byte { return []byte(strings.Join(strings.Split(s, ""), "\x00") + "\x00") }
