package sheet

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"loa"
)

// What a file may be. The largest register of a province, its poles, has some
// 17,000 rows of 25 columns: 2 MB packed, 30 MB unpacked.
const (
	MaxFile    = 16 << 20 // bytes as sent
	maxOpen    = 96 << 20 // bytes unpacked
	maxParts   = 500      // files within the .xlsx
	maxRows    = 20_000   // with something in them
	maxColumns = 256
	maxBlank   = 1000 // empty rows in a row end a table: Excel counts a million
	maxAbove   = 20   // rows above the headings: the office's name, the title
	perRow     = 4    // faults told of one row
	guesses    = 300  // times "did you mean" is asked in one file: each looks at every choice
)

// Sheet is what was read from a file.
type Sheet struct {
	Rows    []Row // every cell of each is right
	Wrong   []Wrong
	Mended  []Mended
	Ignored []string // headings of columns that the register does not have
	Lines   int      // rows with something in them
}

// Read reads a file as rows of a table. The error is about the file as a whole;
// what is wrong with a row is in Sheet.Wrong, and that row is not in Rows.
func Read(t Table, file []byte) (Sheet, error) {
	next, end, err := rows(file)
	if err != nil {
		return Sheet{}, err
	}
	defer end()
	r := reader{table: t, known: make([]map[string][]Option, len(t.Columns))}
	for i, c := range t.Columns {
		if c.Kind == Choice {
			r.known[i] = c.lookup()
		}
	}
	for line, blank := 1, 0; blank < maxBlank; line++ {
		cells, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Sheet{}, err
		}
		if len(cells) > maxColumns {
			return Sheet{}, loa.Errorf(loa.Invalid, "sheet.wide", maxColumns)
		}
		if !slices.ContainsFunc(cells, func(s string) bool { return strings.TrimSpace(s) != "" }) {
			blank++
			continue
		}
		blank = 0
		if r.places == nil {
			if line > maxAbove {
				break
			}
			r.headings(cells)
			continue
		}
		if r.Lines++; r.Lines > maxRows {
			return Sheet{}, loa.Errorf(loa.Invalid, "sheet.rows", maxRows)
		}
		r.take(line, cells)
	}
	switch {
	case r.places == nil:
		return Sheet{}, loa.Errorf(loa.Invalid, "sheet.headings", strings.Join(t.needed(), "; "))
	case r.missing != "":
		return Sheet{}, loa.Errorf(loa.Invalid, "sheet.heading_missing", r.missing)
	case r.Lines == 0:
		return Sheet{}, loa.Errorf(loa.Invalid, "sheet.empty")
	}
	return r.Sheet, nil
}

// needed are the headings a file must have.
func (t Table) needed() (all []string) {
	for _, c := range t.Columns {
		if c.Required {
			all = append(all, c.Heading)
		}
	}
	return all
}

// reader is a file half read.
type reader struct {
	table   Table
	places  []int // of the file's columns: which column of the table, -1 for none; nil: no headings yet
	missing string
	known   []map[string][]Option // of each column
	guessed int
	Sheet
}

// headings takes a row for the headings when at least two of them are known.
func (r *reader) headings(cells []string) {
	places := make([]int, len(cells))
	known := 0
	var ignored []string
	for i, s := range cells {
		places[i] = -1
		if at, ok := r.table.column(s); ok && !slices.Contains(places[:i], at) {
			places[i] = at
			known++
		} else if s = strings.TrimSpace(s); s != "" {
			ignored = append(ignored, loa.Clip(s))
		}
	}
	if known < min(2, len(r.table.Columns)) {
		return
	}
	r.places, r.Ignored = places, ignored
	var missing []string
	for i, c := range r.table.Columns {
		if c.Required && !slices.Contains(places, i) {
			missing = append(missing, c.Heading)
		}
	}
	r.missing = strings.Join(missing, "; ")
}

// take reads one row, in the order of the table, because a choice may stand
// within another.
func (r *reader) take(line int, cells []string) {
	row := Row{line, map[string]string{}}
	bad := 0
	for at, c := range r.table.Columns {
		if _, passed := row.Cells[c.Within]; c.Within != "" && !passed {
			continue // told already: what stands within it cannot be judged
		}
		value := ""
		if i := slices.Index(r.places, at); i >= 0 && i < len(cells) {
			value = cells[i]
		}
		value = strings.ToValidUTF8(value, "\ufffd")
		kept, err := c.cell(r.known[at], value, row.Cells[c.Within])
		if err != nil {
			if loa.KeyOf(err) == "sheet.choice" && r.guessed < guesses && !isDigits(strings.TrimSpace(value)) { // one number is like any other
				r.guessed++
				if near := c.near(value, row.Cells[c.Within]); near != nil {
					err = near
				}
			}
			if bad++; bad <= perRow {
				r.Wrong = append(r.Wrong, Wrong{line, c.Heading, loa.Clip(strings.TrimSpace(value)), err})
			}
			continue
		}
		if c.Kind == Code && kept != strings.TrimSpace(value) && isDigits(kept) {
			r.Mended = append(r.Mended, Mended{line, c.Heading, loa.Clip(strings.TrimSpace(value)), kept})
		}
		row.Cells[c.Key] = kept
	}
	if bad == 0 {
		r.Rows = append(r.Rows, row)
	}
}

// rows opens a file by what it is, not by what it is called. next gives one row
// after another and io.EOF after the last.
func rows(file []byte) (next func() ([]string, error), end func(), err error) {
	switch {
	case len(file) > MaxFile:
		return nil, nil, loa.Errorf(loa.Invalid, "sheet.large", MaxFile>>20)
	case len(bytes.TrimSpace(file)) == 0:
		return nil, nil, loa.Errorf(loa.Invalid, "sheet.empty")
	case bytes.HasPrefix(file, []byte("\xd0\xcf\x11\xe0")): // .xls, or an .xlsx with a password
		return nil, nil, loa.Errorf(loa.Invalid, "sheet.old_format")
	case bytes.HasPrefix(file, []byte("PK")):
		return book(file)
	}
	return commas(file)
}

// book reads the first visible page of an .xlsx. A cell with a formula counts
// with the value that stands in it.
func book(file []byte) (next func() ([]string, error), end func(), err error) {
	damaged := func(err error) error { return loa.Errorf(loa.Invalid, "sheet.damaged").Because(err) }
	if err := measure(file); err != nil {
		return nil, nil, err
	}
	f, err := open(file)
	if err != nil {
		return nil, nil, damaged(err)
	}
	closed := func() { _ = f.Close() } // nothing was written to
	name := ""
	for _, s := range f.GetSheetList() {
		if visible, err := f.GetSheetVisible(s); err == nil && visible {
			name = s
			break
		}
	}
	if name == "" {
		closed()
		return nil, nil, loa.Errorf(loa.Invalid, "sheet.empty")
	}
	all, err := f.Rows(name)
	if err != nil {
		closed()
		return nil, nil, damaged(err)
	}
	return func() (cells []string, err error) {
			defer func() { // a library that meets a hostile file
				if p := recover(); p != nil {
					err = damaged(fmt.Errorf("panic: %v", p))
				}
			}()
			if !all.Next() {
				if err := all.Error(); err != nil {
					return nil, damaged(err)
				}
				return nil, io.EOF
			}
			cells, err = all.Columns(excelize.Options{RawCellValue: true})
			if err != nil {
				return nil, damaged(err)
			}
			return cells, nil
		}, func() {
			_ = all.Close() // read only
			closed()
		}, nil
}

func open(file []byte) (f *excelize.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return excelize.OpenReader(bytes.NewReader(file), excelize.Options{RawCellValue: true,
		UnzipSizeLimit: maxOpen, UnzipXMLSizeLimit: maxOpen})
}

// measure holds the archive to its bounds by its own list, before anything is
// unpacked; a part longer than the list says breaks off while it is read.
func measure(file []byte) error {
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return loa.Errorf(loa.Invalid, "sheet.damaged").Because(err)
	}
	if len(z.File) > maxParts {
		return loa.Errorf(loa.Invalid, "sheet.bomb", maxOpen>>20)
	}
	sum := uint64(0)
	for _, part := range z.File {
		if part.UncompressedSize64 > maxOpen {
			return loa.Errorf(loa.Invalid, "sheet.bomb", maxOpen>>20)
		}
		if sum += part.UncompressedSize64; sum > maxOpen {
			return loa.Errorf(loa.Invalid, "sheet.bomb", maxOpen>>20)
		}
	}
	return nil
}

// commas reads a .csv in UTF-8, with whichever of the three signs its first
// line has most between the columns.
func commas(file []byte) (next func() ([]string, error), end func(), err error) {
	file = bytes.TrimPrefix(file, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(file) || bytes.ContainsRune(file, 0) {
		return nil, nil, loa.Errorf(loa.Invalid, "sheet.encoding")
	}
	first, _, _ := bytes.Cut(file, []byte("\n"))
	sign := byte(',')
	for _, s := range []byte{';', '\t'} {
		if bytes.Count(first, []byte{s}) > bytes.Count(first, []byte{sign}) {
			sign = s
		}
	}
	c := csv.NewReader(bytes.NewReader(file))
	c.Comma, c.FieldsPerRecord, c.LazyQuotes = rune(sign), -1, true
	return func() ([]string, error) {
		cells, err := c.Read()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, loa.Errorf(loa.Invalid, "sheet.damaged").Because(err)
		}
		return cells, err
	}, func() {}, nil
}
