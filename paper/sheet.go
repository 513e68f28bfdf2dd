package paper

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"time"
	"unicode"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/text/unicode/norm"
)

// The faces are Liberation Serif, cut to Latin and Vietnamese and renamed as its
// licence asks (font/LICENSE; made by scripts/font).
//
//go:embed font/LoaSerif-Regular.ttf
var regular []byte

//go:embed font/LoaSerif-Bold.ttf
var bold []byte

//go:embed font/LoaSerif-Italic.ttf
var italic []byte

// Words is a catalogue in the language of whoever prints.
type Words interface {
	// T is the text of a key with its arguments.
	T(key string, args ...any) string
}

// Head is the top of a paper: whose it is, where and when it was made.
type Head struct {
	Above string    // the body above, "" for none
	Body  string    // "Ủy ban nhân dân xã Đồng Sậy"
	Place string    // before the date: "Đồng Sậy"
	Made  time.Time // in the zone it is written in
	Demo  bool      // simulated data, said on every page
}

// Measures in millimetres.
const (
	margin = 15.0
	width  = 210 - 2*margin
	bottom = 297 - 18.0
	face   = "loa"
)

// sheet is a paper being printed.
type sheet struct {
	*fpdf.Fpdf
	in Words
}

func newSheet(in Words, title string, h Head) *sheet {
	s := &sheet{fpdf.New("P", "mm", "A4", ""), in}
	s.AddUTF8FontFromBytes(face, "", regular)
	s.AddUTF8FontFromBytes(face, "B", bold)
	s.AddUTF8FontFromBytes(face, "I", italic)
	s.SetTitle(title, true)
	s.SetProducer("Loa", true)
	s.SetCreationDate(h.Made.UTC())
	s.SetModificationDate(h.Made.UTC())
	s.SetCatalogSort(true)
	s.SetMargins(margin, margin, margin)
	s.SetAutoPageBreak(false, 0)
	s.AliasNbPages("")
	s.SetHeaderFunc(func() {
		if h.Demo {
			s.SetFont(face, "B", 9)
			s.SetTextColor(176, 0, 32)
			s.SetXY(margin, 6)
			s.CellFormat(width, 5, plain(in.T("paper.demo")), "", 0, "C", false, 0, "")
			s.SetTextColor(0, 0, 0)
		}
		s.SetXY(margin, margin)
	})
	s.SetFooterFunc(func() {
		s.SetFont(face, "", 9)
		s.SetXY(margin, 297-12)
		s.CellFormat(width, 5, fmt.Sprintf("%d/{nb}", s.PageNo()), "", 0, "C", false, 0, "")
	})
	s.AddPage()
	return s
}

// plain is text a face can draw: one form, no signs it lacks.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < 0x20 || r == 0x7f || unicode.Is(unicode.Mn, r):
			return -1
		case r < 0x180, r >= 0x1a0 && r <= 0x1b0, r >= 0x1ea0 && r <= 0x1ef9, strings.ContainsRune("–—‘’“”•…₫→−≤≥", r):
			return r
		}
		return '·'
	}, norm.NFC.String(text))
}

// head draws the two columns every administrative paper begins with.
func (s *sheet) head(h Head) {
	const ours, theirs = 82.0, width - 82.0
	line := func(x, wide, at float64, style, text string) float64 {
		s.SetFont(face, style, 12)
		for _, l := range s.SplitText(plain(text), wide-2) {
			s.SetXY(x, at)
			s.CellFormat(wide, 5.5, l, "", 0, "C", false, 0, "")
			at += 5.5
		}
		return at
	}
	left := float64(margin)
	if h.Above != "" {
		left = line(margin, ours, left, "", strings.ToUpper(h.Above))
	}
	left = line(margin, ours, left, "B", strings.ToUpper(h.Body))
	s.Line(margin+ours/2-14, left+1, margin+ours/2+14, left+1)
	right := line(margin+ours, theirs, margin, "B", s.in.T("paper.nation"))
	right = line(margin+ours, theirs, right, "B", s.in.T("paper.motto"))
	s.Line(margin+ours+theirs/2-26, right+1, margin+ours+theirs/2+26, right+1)
	right = line(margin+ours, theirs, right+2.5, "I", s.in.T("paper.dated", h.Place, h.Made.Day(), int(h.Made.Month()), h.Made.Year()))
	s.SetXY(margin, max(left, right)+5)
}

// title draws the name of the paper and a line under it.
func (s *sheet) title(name, under string) {
	s.SetFont(face, "B", 15)
	s.MultiCell(width, 7, plain(name), "", "C", false)
	if under != "" {
		s.SetFont(face, "I", 12)
		s.MultiCell(width, 6, plain(under), "", "C", false)
	}
	s.Ln(3)
}

// text draws a paragraph.
func (s *sheet) text(style, words string) {
	s.SetFont(face, style, 12)
	s.room(6 * float64(len(s.SplitText(plain(words), width-2))))
	s.MultiCell(width, 6, plain(words), "", "L", false)
}

// room begins a new page when h millimetres do not fit on this one.
func (s *sheet) room(h float64) bool {
	if s.GetY()+h <= bottom {
		return false
	}
	s.AddPage()
	return true
}

// column is one column of a table.
type column struct {
	name  string
	width float64
	align string // L, C, R
}

// table draws rows under a head that comes again on every page. A row is never
// broken between two pages; one that is nil draws nothing, one of a single cell
// goes across.
func (s *sheet) table(columns []column, rows [][]string) {
	const size, high = 11, 4.8
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	s.row(columns, names, "B", size, high, true)
	for _, r := range rows {
		cells, style := columns, ""
		if len(r) == 1 {
			cells, style = []column{{width: width, align: "L"}}, "B"
		}
		if s.room(s.tall(cells, r, style, size, high)) {
			s.row(columns, names, "B", size, high, true)
		}
		s.row(cells, r, style, size, high, len(r) == 1)
	}
}

func (s *sheet) tall(columns []column, cells []string, style string, size, high float64) float64 {
	s.SetFont(face, style, size)
	lines := 1
	for i, c := range columns {
		lines = max(lines, len(s.SplitText(plain(cells[i]), c.width-2)))
	}
	return float64(lines)*high + 2
}

func (s *sheet) row(columns []column, cells []string, style string, size, high float64, grey bool) {
	h := s.tall(columns, cells, style, size, high)
	x, y := margin, s.GetY()
	s.SetFillColor(236, 236, 236)
	for i, c := range columns {
		align := c.align
		if style == "B" && len(columns) > 1 {
			align = "C"
		}
		how := "D"
		if grey {
			how = "FD"
		}
		s.Rect(x, y, c.width, h, how)
		for j, l := range s.SplitText(plain(cells[i]), c.width-2) {
			s.SetXY(x, y+1+float64(j)*high)
			s.CellFormat(c.width, high, l, "", 0, align, false, 0, "")
		}
		x += c.width
	}
	s.SetXY(margin, y+h)
}

// signatures leaves room for two people to sign, the second with a seal.
func (s *sheet) signatures(left, right, under string) {
	const half = width / 2
	s.room(42)
	s.Ln(5)
	y := s.GetY()
	for i, who := range []string{left, right} {
		x := margin + float64(i)*half
		s.SetFont(face, "B", 12)
		s.SetXY(x, y)
		s.CellFormat(half, 6, plain(who), "", 0, "C", false, 0, "")
		s.SetFont(face, "I", 11)
		s.SetXY(x, y+6)
		note := s.in.T("paper.sign")
		if i == 1 {
			note = under
		}
		s.CellFormat(half, 6, plain(note), "", 0, "C", false, 0, "")
	}
	s.SetXY(margin, y+36)
}

// bytes is the finished paper.
func (s *sheet) bytes(what string) ([]byte, error) {
	var out bytes.Buffer
	if err := s.Output(&out); err != nil {
		return nil, fmt.Errorf("print %s: %w", what, err)
	}
	return out.Bytes(), nil
}
