package document

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"loa"
)

// Bounds of what is unpacked: an office's document.xml is some hundred KB.
const (
	maxEntries = 5_000
	maxXML     = 24 << 20
	maxDepth   = 200
)

// word reads a .docx (ECMA-376, part 1, 17): one part of the archive, and of
// that the paragraphs. Nothing else in it is unpacked.
func word(b []byte) (string, error) {
	archive, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(archive.File) > maxEntries {
		return "", loa.Errorf(loa.Invalid, "document.damaged").Because(err)
	}
	var body *zip.File
	for _, f := range archive.File {
		switch {
		case strings.HasSuffix(f.Name, "vbaProject.bin"):
			return "", loa.Errorf(loa.Invalid, "document.macro")
		case f.Name == "word/document.xml", body == nil && strings.HasPrefix(f.Name, "word/document") && strings.HasSuffix(f.Name, ".xml"):
			body = f
		}
	}
	if body == nil {
		return "", loa.Errorf(loa.Invalid, "document.unknown")
	}
	in, err := body.Open()
	if err != nil {
		return "", loa.Errorf(loa.Invalid, "document.damaged").Because(err)
	}
	defer in.Close()
	// The size a zip states is a claim; the limit holds whatever comes out.
	return paragraphs(&bounded{in, maxXML})
}

// bounded fails, where io.LimitReader would end: half a document is none.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, loa.Errorf(loa.Invalid, "document.too_long", MaxCharacters)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// paragraphs walks document.xml: text (t) of runs (r) in paragraphs (p), rows
// (tr) and cells (tc) of tables. Deleted text, field codes and hidden runs are
// not text; the Fallback of a drawing says again what its Choice said.
func paragraphs(in io.Reader) (string, error) {
	d := xml.NewDecoder(in)
	var out strings.Builder
	var depth, skip, cells int       // skip: the depth of a Fallback; cells: nested open cells
	var inText, hidden, oldFont bool // of the run just read
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			if depth != 0 {
				return "", loa.Errorf(loa.Invalid, "document.damaged")
			}
			return out.String(), nil
		}
		if told := new(loa.Error); errors.As(err, &told) {
			return "", told
		}
		if err != nil {
			return "", loa.Errorf(loa.Invalid, "document.damaged").Because(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return "", loa.Errorf(loa.Invalid, "document.damaged")
			}
			if skip > 0 {
				continue
			}
			switch t.Name.Local {
			case "Fallback":
				skip = depth
			case "r":
				hidden, oldFont = false, false
			case "t":
				inText = true
			case "vanish":
				hidden = !off(t)
			case "rFonts":
				oldFont = oldFont || font(t)
			case "tab":
				out.WriteByte(' ')
			case "br", "cr":
				out.WriteByte('\n')
			case "tc":
				cells++
			}
		case xml.EndElement:
			if depth == skip {
				skip = 0
			}
			depth--
			if skip > 0 {
				continue
			}
			switch t.Name.Local {
			case "t":
				inText = false
			case "r":
				hidden, oldFont = false, false
			case "p":
				out.WriteByte("\n "[min(cells, 1)])
			case "tc":
				cells = max(0, cells-1)
				out.WriteString("\t")
			case "tr":
				out.WriteByte('\n')
			}
		case xml.CharData:
			if !inText || hidden || skip > 0 {
				continue
			}
			if oldFont && bytes.ContainsFunc(t, func(c rune) bool { return c >= 0xA1 && c <= 0xFF }) {
				return "", loa.Errorf(loa.Invalid, "document.old_font")
			}
			out.Write(t)
			if out.Len() > 4*MaxCharacters+64<<10 {
				return "", loa.Errorf(loa.Invalid, "document.too_long", MaxCharacters)
			}
		}
	}
}

// off is an on-off property that says no (17.17.4).
func off(t xml.StartElement) bool {
	for _, a := range t.Attr {
		if a.Name.Local == "val" && (a.Value == "0" || a.Value == "false" || a.Value == "off") {
			return true
		}
	}
	return false
}

// font reports one of the fonts of the years before Unicode: their letters are
// other letters' codes (TCVN 5712 and VNI), so the text read here is not the text
// seen there.
func font(t xml.StartElement) bool {
	for _, a := range t.Attr {
		if v := strings.ToLower(a.Value); strings.HasPrefix(v, ".vn") || strings.HasPrefix(v, "vni") {
			return true
		}
	}
	return false
}
