package sheet

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"loa"
	"loa/lang"
)

// Kind is what a cell holds.
type Kind int

// The kinds. A cell that has passed is always in one form: a number "21.0285",
// a date "2026-11-23", a choice its key.
const (
	Text   Kind = iota
	Code        // text that looks like a number: spreadsheets eat its zeros
	Number      // with a comma or a point
	Date        // 23/11/2026
	Choice      // one of a list
)

// Column is one column of a register.
type Column struct {
	Key      string // what the register calls it
	Heading  string // what stands on top of it, Vietnamese
	Also     []string
	Kind     Kind
	Required bool
	Max      int      // of a Text or Code: characters, 200 when 0
	Digits   int      // of a Code: exactly so many, 0 for any
	From, To float64  // of a Number: bounds, none when both are 0
	Whole    bool     // of a Number
	Choices  []Option // of a Choice
	Within   string   // of a Choice: the column whose choice Option.In names
	Note     string   // a sentence for whoever fills it in, Vietnamese
	Example  string
}

// Option is one choice: what the register keeps and what people see.
type Option struct {
	Key   string
	Label string
	Also  []string // other ways people write it
	In    string   // the key of the choice in the column Within under which it stands
}

// Table is the form of a register.
type Table struct {
	Name    string // "cum-loa": of the file
	Title   string // "Danh sách cụm loa"
	Columns []Column
}

// Row is one row of a file whose every cell is what its column wants.
type Row struct {
	Line  int // of the file, from 1
	Cells map[string]string
}

// Int is a whole number, 0 where the cell is empty.
func (r Row) Int(key string) int64 {
	f, err := strconv.ParseFloat(r.Cells[key], 64)
	if err != nil {
		return 0 // empty: anything else has not passed
	}
	return int64(math.Round(f))
}

// Micro is a number in millionths, as coordinates are kept.
func (r Row) Micro(key string) int64 {
	f, err := strconv.ParseFloat(r.Cells[key], 64)
	if err != nil {
		return 0
	}
	return int64(math.Round(f * 1e6))
}

// Wrong is one cell that cannot be taken, or one row: then Column is "".
type Wrong struct {
	Line   int
	Column string // its heading
	Value  string // what stands there
	Err    error  // a *loa.Error
}

// Mended is a cell that was set right: what Excel took from a code is put back.
type Mended struct {
	Line   int    `json:"line"`
	Column string `json:"column"`
	From   string `json:"from"`
	To     string `json:"to"`
}

// cell brings one value into the form its column keeps. within is what the
// column Within chose, known the column's lookup.
func (c Column) cell(known map[string][]Option, value, within string) (string, error) {
	value = strings.TrimSpace(norm.NFC.String(value))
	if value == "" {
		if c.Required {
			return "", loa.Errorf(loa.Invalid, "sheet.required", c.Heading)
		}
		return "", nil
	}
	switch c.Kind {
	case Code:
		return c.code(value)
	case Number:
		return c.number(value)
	case Date:
		return c.date(value)
	case Choice:
		return c.choice(known, value, within)
	}
	return c.text(value)
}

func (c Column) text(value string) (string, error) {
	for _, r := range value {
		if !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return "", loa.Errorf(loa.Invalid, "sheet.hidden", c.Heading)
		}
	}
	value = strings.Join(strings.Fields(value), " ")
	if limit := cmp.Or(c.Max, 200); utf8.RuneCountInString(value) > limit {
		return "", loa.Errorf(loa.Invalid, "sheet.long", c.Heading, limit)
	}
	return value, nil
}

// code mends what a spreadsheet does to codes: it takes "00004" for the number
// 4, "5" for 5.0, and a SIM's nineteen digits for 8.98E+18, which cannot be
// mended because the last digits are gone.
func (c Column) code(value string) (string, error) {
	if _, err := strconv.ParseFloat(value, 64); err == nil && strings.ContainsAny(value, "eE") && strings.ContainsAny(value, "+.") {
		return "", loa.Errorf(loa.Invalid, "sheet.code_rounded", c.Heading, value)
	}
	if whole, zeros, found := strings.Cut(value, "."); found && strings.Trim(zeros, "0") == "" && isDigits(whole) {
		value = whole
	}
	if c.Digits > 0 {
		if isDigits(value) && len(value) < c.Digits {
			value = strings.Repeat("0", c.Digits-len(value)) + value
		}
		if !isDigits(value) || len(value) != c.Digits {
			return "", loa.Errorf(loa.Invalid, "sheet.code_digits", c.Heading, loa.Clip(value), c.Digits)
		}
	}
	return c.text(value)
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// number reads 1234,5 and 1234.5; where both signs stand, the last one is the
// comma of the number.
func (c Column) number(value string) (string, error) {
	plain := strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "").Replace(value)
	comma, point := strings.LastIndexByte(plain, ','), strings.LastIndexByte(plain, '.')
	switch {
	case comma >= 0 && point > comma:
		plain = strings.ReplaceAll(plain, ",", "")
	case comma >= 0 && point >= 0:
		plain = strings.ReplaceAll(plain, ".", "")
		plain = strings.Replace(plain, ",", ".", 1)
	case comma >= 0:
		plain = strings.Replace(plain, ",", ".", 1)
	}
	f, err := strconv.ParseFloat(plain, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || strings.ContainsAny(plain, "xX_") {
		return "", loa.Errorf(loa.Invalid, "sheet.number", c.Heading, loa.Clip(value))
	}
	if c.Whole && f != math.Trunc(f) {
		return "", loa.Errorf(loa.Invalid, "sheet.whole", c.Heading, loa.Clip(value))
	}
	if (c.From != 0 || c.To != 0) && (f < c.From || f > c.To) {
		return "", loa.Errorf(loa.Invalid, "sheet.range", c.Heading, loa.Clip(value), tidy(c.From), tidy(c.To))
	}
	return tidy(f), nil
}

func tidy(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// date reads a day as people here write it, as computers do, or as Excel keeps
// it: days since 30/12/1899.
func (c Column) date(value string) (string, error) {
	day, _, _ := strings.Cut(value, " ") // a time of day behind it says nothing here
	for _, layout := range []string{"2/1/2006", "2-1-2006", "2.1.2006", time.DateOnly} {
		if t, err := time.Parse(layout, day); err == nil {
			return c.sensible(t, value)
		}
	}
	if serial, err := strconv.ParseFloat(value, 64); err == nil && serial >= 1 && serial < 2_958_466 {
		return c.sensible(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(serial)), value)
	}
	if _, err := time.Parse("1/2/2006", day); err == nil {
		return "", loa.Errorf(loa.Invalid, "sheet.date_order", c.Heading, loa.Clip(value))
	}
	return "", loa.Errorf(loa.Invalid, "sheet.date", c.Heading, loa.Clip(value))
}

// sensible refuses what is a number taken for a date: "2025" is a day of 1905.
func (c Column) sensible(t time.Time, value string) (string, error) {
	if t.Year() < 1950 || t.Year() > 2100 {
		return "", loa.Errorf(loa.Invalid, "sheet.date", c.Heading, loa.Clip(value))
	}
	return t.Format(time.DateOnly), nil
}

// lookup is the choices of a column by every way they are written, folded.
func (c Column) lookup() map[string][]Option {
	all := map[string][]Option{}
	for _, o := range c.Choices {
		for _, name := range append([]string{o.Label, o.Key}, o.Also...) {
			f := fold(name)
			if f != "" && !slices.ContainsFunc(all[f], func(have Option) bool { return have.Key == o.Key }) {
				all[f] = append(all[f], o)
			}
		}
	}
	return all
}

// choice finds what was meant without regard to marks, case and spaces.
func (c Column) choice(known map[string][]Option, value, within string) (string, error) {
	var meant []Option
	for _, o := range known[fold(value)] {
		if o.In == "" || within == "" || o.In == within {
			meant = append(meant, o)
		}
	}
	switch len(meant) {
	case 1:
		return meant[0].Key, nil
	case 0:
		return "", loa.Errorf(loa.Invalid, "sheet.choice", c.Heading, loa.Clip(value), c.few(within))
	}
	return "", loa.Errorf(loa.Invalid, "sheet.choice_several", c.Heading, loa.Clip(value), len(meant))
}

// few names the first choices there are.
func (c Column) few(within string) string {
	var labels []string
	for _, o := range c.Choices {
		if o.In != "" && within != "" && o.In != within {
			continue
		}
		if len(labels) == 6 {
			labels = append(labels, "…")
			break
		}
		labels = append(labels, o.Label)
	}
	return strings.Join(labels, "; ")
}

// near asks about the choice that is written most alike; it never guesses.
func (c Column) near(value, within string) error {
	folded := fold(value)
	best, distance := "", max(1, utf8.RuneCountInString(folded)/3)+1
	for _, o := range c.Choices {
		if o.In != "" && within != "" && o.In != within {
			continue
		}
		for _, name := range append([]string{o.Label}, o.Also...) {
			if d := apart(fold(name), folded); d < distance {
				best, distance = o.Label, d
			}
		}
	}
	if best == "" {
		return nil
	}
	return loa.Errorf(loa.Invalid, "sheet.choice_near", c.Heading, loa.Clip(value), best)
}

func fold(s string) string { return strings.Join(strings.Fields(lang.Fold(s)), " ") }

// apart is how many letters must be put, taken or changed to make a into b
// (Levenshtein), for words no longer than a line.
func apart(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 80 || len(y) > 80 {
		return 1 << 29
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range x {
		corner := row[0]
		row[0] = i + 1
		for j, s := range y {
			change := corner
			if r != s {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, corner+1)
		}
	}
	return row[len(y)]
}

// column finds the column a heading means.
func (t Table) column(heading string) (int, bool) {
	folded := fold(strings.Trim(heading, " *:"))
	if folded == "" {
		return 0, false
	}
	i := slices.IndexFunc(t.Columns, func(c Column) bool {
		return slices.ContainsFunc(append([]string{c.Heading, c.Key}, c.Also...), func(s string) bool { return fold(s) == folded })
	})
	return i, i >= 0
}

// show is a kept cell as people read it.
func (c Column) show(value string) string {
	switch c.Kind {
	case Choice:
		for _, o := range c.Choices {
			if o.Key == value {
				return o.Label
			}
		}
	case Date:
		if t, err := time.Parse(time.DateOnly, value); err == nil {
			return t.Format("02/01/2006")
		}
	}
	return value
}
