package paper

import (
	"bytes"
	"fmt"
	"strconv"

	"codeberg.org/go-pdf/fpdf"
	"rsc.io/qr"
)

// Week is lịch phát thanh tuần: what the station will broadcast, day by day, to
// hang on the notice board of the committee and of each hamlet.
type Week struct {
	Head
	Span string // "Từ thứ Hai 23/11 đến Chủ nhật 29/11/2026"
	Days []WeekDay
	Note string // where to ask, "" for none
}

// WeekDay is one day of a week.
type WeekDay struct {
	Name string // "Thứ Hai 23/11/2026 · rằm tháng Mười"; with the holiday, if it is one
	Rows []WeekRow
}

// WeekRow is one session, or one item in it.
type WeekRow struct {
	Time   string // "05:30–06:15"
	Words  string
	Where  string // who hears it
	Length string
}

// PDF prints the week.
func (w Week) PDF(in Words) ([]byte, error) {
	s := newSheet(in, in.T("paper.week"), w.Head)
	s.head(w.Head)
	s.title(in.T("paper.week"), w.Span)
	columns := []column{{in.T("paper.time"), 26, "C"}, {in.T("paper.content"), width - 26 - 46 - 26, "L"},
		{in.T("paper.where"), 46, "L"}, {in.T("paper.length"), 26, "C"}}
	var rows [][]string
	for _, d := range w.Days {
		rows = append(rows, []string{d.Name})
		for _, r := range d.Rows {
			rows = append(rows, []string{r.Time, r.Words, r.Where, r.Length})
		}
		if len(d.Rows) == 0 {
			rows = append(rows, []string{"–", in.T("paper.nothing"), "", ""})
		}
	}
	s.table(columns, rows)
	if w.Note != "" {
		s.Ln(2)
		s.text("I", w.Note)
	}
	s.signatures(in.T("paper.officer"), in.T("paper.committee"), in.T("paper.sign_seal"))
	return s.bytes("week")
}

// Month is sổ nhật ký phát: every item of a month with who wrote and who approved
// it and where it was confirmed, the paper an inspection asks for and from which
// fees are paid.
type Month struct {
	Head
	Span  string
	Rows  []MonthRow
	Total []string // sentences under the table
}

// MonthRow is one broadcast of one bulletin.
type MonthRow struct {
	When     string // "23/11 17:02"
	Title    string
	Author   string
	Approved string
	Length   string
	Heard    string // "9/9"
}

// PDF prints the month.
func (m Month) PDF(in Words) ([]byte, error) {
	s := newSheet(in, in.T("paper.month"), m.Head)
	s.head(m.Head)
	s.title(in.T("paper.month"), m.Span)
	columns := []column{{in.T("paper.number"), 11, "C"}, {in.T("paper.when"), 24, "C"}, {in.T("paper.content"), width - 11 - 24 - 29 - 29 - 19 - 16, "L"},
		{in.T("paper.author"), 29, "L"}, {in.T("paper.approved"), 29, "L"}, {in.T("paper.length"), 19, "C"}, {in.T("paper.heard"), 16, "C"}}
	var rows [][]string
	for i, r := range m.Rows {
		rows = append(rows, []string{strconv.Itoa(i + 1), r.When, r.Title, r.Author, r.Approved, r.Length, r.Heard})
	}
	if len(rows) == 0 {
		rows = [][]string{{in.T("paper.nothing")}}
	}
	s.table(columns, rows)
	s.Ln(2)
	for _, t := range m.Total {
		s.text("", t)
	}
	s.signatures(in.T("paper.officer"), in.T("paper.committee"), in.T("paper.sign_seal"))
	return s.bytes("month")
}

// Sheet is a paper of headed pairs: why a speaker sounded then, for a dispute.
type Sheet struct {
	Head
	Name  string
	Under string
	Parts []Part
	Last  string // what this paper proves and what it does not
}

// Part is a heading with its pairs.
type Part struct {
	Name string
	Rows [][2]string
}

// PDF prints the sheet.
func (e Sheet) PDF(in Words) ([]byte, error) {
	s := newSheet(in, e.Name, e.Head)
	s.head(e.Head)
	s.title(e.Name, e.Under)
	columns := []column{{"", 52, "L"}, {"", width - 52, "L"}}
	const size, high = 11, 5.0
	for _, p := range e.Parts {
		s.room(20)
		s.SetFont(face, "B", 12)
		s.MultiCell(width, 7, plain(p.Name), "", "L", false)
		for _, r := range p.Rows {
			cells := []string{r[0], wrapHash(r[1])}
			s.room(s.tall(columns, cells, "", size, high))
			s.row(columns, cells, "", size, high, false)
		}
		s.Ln(3)
	}
	s.text("I", e.Last)
	s.signatures(in.T("paper.officer"), in.T("paper.committee"), in.T("paper.sign_seal"))
	return s.bytes("sheet")
}

// wrapHash puts a blank into a hash, which would not fit a line otherwise.
func wrapHash(text string) string {
	if len(text) != 64 {
		return text
	}
	return text[:32] + " " + text[32:]
}

// Label is what hangs under a horn, so that anybody who stands there can say
// which one it is: by the camera, or by reading it out on the telephone.
type Label struct {
	Name    string // "Loa số 12, thôn 3"
	Body    string // "Xã Đồng Sậy"
	Code    string // "XS04"
	Spelled string // "ích-xì ét-sì không bốn"
	Call    string // "Nhắn hoặc gọi 0250…, nói: …"; "" for none
	Link    string // what the square says
}

const (
	labelWidth  = 90.0
	labelHeight = 52.0
)

// Labels prints labels to cut out, ten on a sheet. Every one carries the mark of
// a demonstration, as it leaves its sheet.
func Labels(in Words, h Head, all []Label) ([]byte, error) {
	s := newSheet(in, in.T("paper.labels"), h)
	const columns, rows = 2, 5
	for i, l := range all {
		n := i % (columns * rows)
		if n == 0 && i > 0 {
			s.AddPage()
		}
		x, y := margin+float64(n%columns)*labelWidth, margin+float64(n/columns)*(labelHeight+1)
		if err := s.label(x, y, l, h.Demo, i); err != nil {
			return nil, err
		}
	}
	return s.bytes("labels")
}

func (s *sheet) label(x, y float64, l Label, demo bool, n int) error {
	code, err := qr.Encode(l.Link, qr.M)
	if err != nil {
		return fmt.Errorf("draw square of %s: %w", l.Code, err)
	}
	s.SetDrawColor(150, 150, 150)
	s.SetDashPattern([]float64{1, 1}, 0)
	s.Rect(x, y, labelWidth, labelHeight, "D")
	s.SetDashPattern(nil, 0)
	s.SetDrawColor(0, 0, 0)

	const square = 34.0
	name := "qr" + strconv.Itoa(n)
	code.Scale = 8
	s.RegisterImageOptionsReader(name, fpdf.ImageOptions{ImageType: "PNG"}, bytes.NewReader(code.PNG()))
	s.ImageOptions(name, x+2, y+3, square, square, false, fpdf.ImageOptions{ImageType: "PNG"}, 0, "")

	left, wide := x+square+4, labelWidth-square-6
	at := y + 4
	put := func(style string, size, high float64, words string, most int) {
		s.SetFont(face, style, size)
		for i, line := range s.SplitText(plain(words), wide) {
			if i == most {
				break
			}
			s.SetXY(left, at)
			s.CellFormat(wide, high, line, "", 0, "L", false, 0, "")
			at += high
		}
	}
	put("B", 13, 5.5, l.Name, 3)
	put("", 10.5, 4.5, l.Body, 2)
	at += 1
	put("B", 17, 7, l.Code, 1)
	put("I", 9.5, 4, l.Spelled, 2)

	wide, left, at = labelWidth-4, x+2, y+square+5
	put("", 10, 4.2, l.Call, 2)
	if demo {
		at = y + labelHeight - 4.5
		s.SetTextColor(176, 0, 32)
		put("B", 8, 3.5, s.in.T("paper.demo"), 1)
		s.SetTextColor(0, 0, 0)
	}
	return nil
}

// Slip is what a technician takes along to one pole: the code its box asks with.
type Slip struct {
	Name   string
	Where  string // hamlet and public code
	Code   string // the letters people read out
	Whole  string // as the box takes it
	Square string // what the square says: the box's settings
	Until  string
}

// Slips prints slips to cut out, four on a sheet, with room for the six digits
// that the box shows.
func Slips(in Words, h Head, all []Slip) ([]byte, error) {
	s := newSheet(in, in.T("paper.slips"), h)
	const rows, high = 4, 64.0
	for i, l := range all {
		if i%rows == 0 && i > 0 {
			s.AddPage()
		}
		if err := s.slip(margin+float64(i%rows)*(high+1), high, h, l, i); err != nil {
			return nil, err
		}
	}
	return s.bytes("slips")
}

func (s *sheet) slip(y, high float64, h Head, l Slip, n int) error {
	code, err := qr.Encode(l.Square, qr.M)
	if err != nil {
		return fmt.Errorf("draw square of %s: %w", l.Name, err)
	}
	s.SetDrawColor(150, 150, 150)
	s.SetDashPattern([]float64{1, 1}, 0)
	s.Rect(margin, y, width, high, "D")
	s.SetDashPattern(nil, 0)
	s.SetDrawColor(0, 0, 0)

	const square = 44.0
	name := "slip" + strconv.Itoa(n)
	code.Scale = 8
	s.RegisterImageOptionsReader(name, fpdf.ImageOptions{ImageType: "PNG"}, bytes.NewReader(code.PNG()))
	s.ImageOptions(name, margin+width-square-3, y+3, square, square, false, fpdf.ImageOptions{ImageType: "PNG"}, 0, "")

	left, wide, at := margin+4, width-square-10, y+3
	put := func(style string, size, tall float64, words string, most int) {
		s.SetFont(face, style, size)
		for i, line := range s.SplitText(plain(words), wide) {
			if i == most {
				break
			}
			s.SetXY(left, at)
			s.CellFormat(wide, tall, line, "", 0, "L", false, 0, "")
			at += tall
		}
	}
	put("B", 14, 6, l.Name, 1)
	put("", 10.5, 5, h.Body+" · "+l.Where, 1)
	put("B", 28, 12, l.Code, 1)
	put("", 9, 4.5, l.Whole, 1)
	at += 1
	for _, line := range []string{"slip.how_1", "slip.how_2", "slip.how_3"} {
		put("", 10.5, 5, s.in.T(line), 1)
	}
	put("I", 9.5, 4.5, l.Until, 1)
	s.SetFont(face, "B", 10.5)
	s.SetXY(left, y+high-10)
	s.CellFormat(40, 8, s.in.T("slip.digits"), "", 0, "L", false, 0, "")
	for i := range 6 {
		s.Rect(left+40+float64(i)*10, y+high-11, 8, 9, "D")
	}
	if h.Demo {
		left, wide, at = margin+width-square-3, square, y+high-14
		s.SetTextColor(176, 0, 32)
		put("B", 8, 3.5, s.in.T("paper.demo"), 2)
		s.SetTextColor(0, 0, 0)
	}
	return nil
}

// List is a paper of one table: who did not sound, what is broken.
type List struct {
	Head
	Name    string
	Under   string
	Lead    []string // sentences above the table
	Columns []ListColumn
	Rows    [][]string
}

// ListColumn is one column, so many millimetres wide; all together 180.
type ListColumn struct {
	Name  string
	Width float64
}

// PDF prints the list.
func (l List) PDF(in Words) ([]byte, error) {
	s := newSheet(in, l.Name, l.Head)
	s.head(l.Head)
	s.title(l.Name, l.Under)
	for _, t := range l.Lead {
		s.text("", t)
	}
	if len(l.Lead) > 0 {
		s.Ln(2)
	}
	columns := make([]column, len(l.Columns))
	for i, c := range l.Columns {
		columns[i] = column{c.Name, c.Width, "L"}
	}
	rows := l.Rows
	if len(rows) == 0 {
		rows = [][]string{{in.T("paper.none")}}
	}
	s.table(columns, rows)
	s.signatures(in.T("paper.officer"), in.T("paper.committee"), in.T("paper.sign_seal"))
	return s.bytes("list")
}
