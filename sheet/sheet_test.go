package sheet

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"loa"
)

// poles is a table with a column of each kind.
func poles() Table {
	return Table{Name: "cum-loa", Title: "Danh sách cụm loa", Columns: []Column{
		{Key: "code", Heading: "Mã cụm", Kind: Code},
		{Key: "name", Heading: "Tên cụm loa", Kind: Text, Required: true, Max: 20},
		{Key: "commune", Heading: "Mã xã", Kind: Code, Digits: 5},
		{Key: "xa", Heading: "Xã", Kind: Choice, Choices: []Option{{Key: "vn/98/98011", Label: "xã Đồng Sậy", Also: []string{"Đồng Sậy"}}, {Key: "vn/98/98037", Label: "xã Bến Mai", Also: []string{"Bến Mai"}}}},
		{Key: "thon", Heading: "Thôn", Kind: Choice, Within: "xa", Choices: []Option{
			{Key: "t1", Label: "thôn 1", Also: []string{"1"}, In: "vn/98/98011"}, {Key: "t3", Label: "thôn 3", Also: []string{"3"}, In: "vn/98/98011"},
			{Key: "b1", Label: "thôn 1", Also: []string{"1"}, In: "vn/98/98037"}, {Key: "bn", Label: "thôn Bãi Ngô", Also: []string{"Bãi Ngô"}, In: "vn/98/98037"}}},
		{Key: "horns", Heading: "Số loa", Kind: Number, To: 8, Whole: true},
		{Key: "lat", Heading: "Vĩ độ", Kind: Number, From: 7, To: 24},
		{Key: "day", Heading: "Ngày lắp", Kind: Date},
	}}
}

// TestCells is one cell of each kind: what is kept, or the sentence.
func TestCells(t *testing.T) {
	long := strings.Repeat("ờ", 21)
	for _, c := range []struct{ key, in, want, fault string }{
		{"code", "DS01", "DS01", ""},
		{"code", "8984040000012345678", "8984040000012345678", ""},
		{"code", "8.98404000001235E+18", "", "sheet.code_rounded"},
		{"code", "12.0", "12", ""},
		{"code", "1E5", "1E5", ""}, // a code like any other: Excel writes 1E+05
		{"commune", "98011", "98011", ""},
		{"commune", "4", "00004", ""},
		{"commune", "4.0", "00004", ""},
		{"commune", "980111", "", "sheet.code_digits"},
		{"commune", "Đồng Sậy", "", "sheet.code_digits"},
		{"name", "  Cổng   Chùa ", "Cổng Chùa", ""},
		{"name", "Co\u0302\u0309ng Chu\u0300a", "Cổng Chùa", ""}, // decomposed
		{"name", "=HYPERLINK(\"http://x\")", "", "sheet.long"},
		{"name", "=1+1", "=1+1", ""},
		{"name", "", "", "sheet.required"},
		{"name", long, "", "sheet.long"},
		{"name", "Cổng\u200bChùa", "", "sheet.hidden"},
		{"name", "a\x00b", "", "sheet.hidden"},
		{"xa", "XÃ ĐỒNG SẬY", "vn/98/98011", ""},
		{"xa", "dong say", "vn/98/98011", ""},
		{"xa", "xã Đồng Sây", "vn/98/98011", ""},
		{"xa", "xã Đồng Sạ", "", "sheet.choice_near"},
		{"xa", "Khe Ruối", "", "sheet.choice"},
		{"thon", "Thôn  1", "", "sheet.choice_several"}, // of which commune?
		{"thon", "bai ngo", "bn", ""},
		{"thon", "bãi ngồ 2", "", "sheet.choice_near"},
		{"horns", "2", "2", ""},
		{"horns", "2.0", "2", ""},
		{"horns", "2,5", "", "sheet.whole"},
		{"horns", "-1", "", "sheet.range"},
		{"horns", "hai", "", "sheet.number"},
		{"horns", "NaN", "", "sheet.number"},
		{"horns", "Inf", "", "sheet.number"},
		{"horns", "0x2", "", "sheet.number"},
		{"horns", "1e300", "", "sheet.range"},
		{"lat", "20,4215", "20.4215", ""},
		{"lat", "20.4215", "20.4215", ""},
		{"lat", "106,15", "", "sheet.range"},
		{"day", "15/3/2025", "2025-03-15", ""},
		{"day", "2025-03-15", "2025-03-15", ""},
		{"day", "45731", "2025-03-15", ""}, // as Excel keeps it
		{"day", "15-03-2025", "2025-03-15", ""},
		{"day", "3/15/2025", "", "sheet.date_order"},
		{"day", "31/02/2025", "", "sheet.date"},
		{"day", "2025", "", "sheet.date"}, // a day of 1905
		{"day", "hôm qua", "", "sheet.date"},
	} {
		for _, column := range poles().Columns {
			if column.Key != c.key {
				continue
			}
			known := column.lookup()
			got, err := column.cell(known, c.in, "")
			if loa.KeyOf(err) == "sheet.choice" {
				if near := column.near(c.in, ""); near != nil {
					err = near
				}
			}
			if got != c.want || c.fault != "" && loa.KeyOf(err) != c.fault || c.fault == "" && err != nil {
				t.Errorf("%s %q: %q, %v; want %q %s", c.key, c.in, got, err, c.want, c.fault)
			}
		}
	}
}

func workbook(t testing.TB, rows [][]any) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer func() { _ = f.Close() }() // in memory
	for i, row := range rows {
		if err := f.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	b, err := f.WriteToBuffer()
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestRead is a file as offices send it: a title above, columns in another
// order, one that is ours, a number where a code should be, empty rows.
func TestRead(t *testing.T) {
	file := workbook(t, [][]any{
		{"UBND XÃ ĐỒNG SẬY"}, {"DANH SÁCH CỤM LOA NĂM 2026"}, {},
		{"STT", "TÊN CỤM LOA *", "Xã", "Thôn", "Mã xã", "Số loa"},
		{1, "Cổng Chùa", "Đồng Sậy", 1, 4, 2},
		{2, "Bãi Ngô", "Bến Mai", "thôn Bãi Ngô", "98037", 1},
		{},
		{3, "", "Bến Mai", "thôn 3", "98037", "nhiều"},
		{4, "Đình làng", "Đồng Sậy", 3, "", ""},
	})
	got, err := Read(poles(), file)
	if err != nil {
		t.Fatal(err)
	}
	want := []Row{
		{5, map[string]string{"code": "", "name": "Cổng Chùa", "xa": "vn/98/98011", "thon": "t1", "commune": "00004", "horns": "2", "lat": "", "day": ""}},
		{6, map[string]string{"code": "", "name": "Bãi Ngô", "xa": "vn/98/98037", "thon": "bn", "commune": "98037", "horns": "1", "lat": "", "day": ""}},
		{9, map[string]string{"code": "", "name": "Đình làng", "xa": "vn/98/98011", "thon": "t3", "commune": "", "horns": "", "lat": "", "day": ""}},
	}
	if diff := cmp.Diff(want, got.Rows); diff != "" {
		t.Error(diff)
	}
	var faults []string
	for _, w := range got.Wrong {
		faults = append(faults, fmt.Sprint(w.Line, " ", w.Column, " ", w.Value, " ", loa.KeyOf(w.Err)))
	}
	if diff := cmp.Diff([]string{"8 Tên cụm loa  sheet.required", "8 Thôn thôn 3 sheet.choice_near", "8 Số loa nhiều sheet.number"}, faults); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Mended{{5, "Mã xã", "4", "00004"}}, got.Mended); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"STT"}, got.Ignored); diff != "" || got.Lines != 4 {
		t.Errorf("%d lines, ignored %s", got.Lines, diff)
	}
}

// TestReadCSV is the same in the three ways spreadsheets write .csv.
func TestReadCSV(t *testing.T) {
	for name, file := range map[string]string{
		"commas":         "Mã cụm,Tên cụm loa,Vĩ độ\nDS01,Cổng Chùa,\"20,5\"\n",
		"semicolons":     "\xef\xbb\xbfMã cụm;Tên cụm loa;Vĩ độ\r\nDS01;Cổng Chùa;20,5\r\n",
		"tabs":           "Mã cụm\tTên cụm loa\tVĩ độ\nDS01\tCổng Chùa\t20.5\n",
		"a stray quote":  "Mã cụm,Tên cụm loa,Vĩ độ\nDS01,Cổng Chùa,20.5\"\n",
		"no end of line": "Mã cụm,Tên cụm loa,Vĩ độ\nDS01,Cổng Chùa,20.5",
	} {
		got, err := Read(poles(), []byte(file))
		if name == "a stray quote" {
			if err != nil || len(got.Wrong) != 1 {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
			continue
		}
		if err != nil || len(got.Rows) != 1 || got.Rows[0].Cells["lat"] != "20.5" || got.Rows[0].Cells["name"] != "Cổng Chùa" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// packed is an archive of one file whose content a function writes.
func packed(t *testing.T, name string, write func(io.Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	write(w)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestReadRefuses is what people send by mistake and what attackers send on
// purpose. Each is one sentence, and none costs more than its bounds.
func TestReadRefuses(t *testing.T) {
	head := []any{"Mã cụm", "Tên cụm loa", "Vĩ độ"}
	many := [][]any{head}
	for i := range maxRows + 1 {
		many = append(many, []any{fmt.Sprint("C", i), "Cột", ""})
	}
	wide := [][]any{head, append([]any{"x", "y"}, make([]any, maxColumns+5)...)}
	wide[1][maxColumns+4] = "far"
	bomb := packed(t, "xl/worksheets/sheet1.xml", func(w io.Writer) {
		zeros := make([]byte, 1<<20)
		for range 200 {
			_, _ = w.Write(zeros) // into memory
		}
	})
	// The list of the archive lies about how long the part is.
	liar := bytes.Clone(bomb)
	for _, mark := range []string{"PK\x01\x02", "PK\x07\x08"} {
		at := bytes.LastIndex(liar, []byte(mark))
		offset := map[string]int{"PK\x01\x02": 24, "PK\x07\x08": 12}[mark]
		copy(liar[at+offset:], []byte{100, 0, 0, 0})
	}
	var parts bytes.Buffer
	z := zip.NewWriter(&parts)
	for i := range maxParts + 1 {
		if _, err := z.Create(fmt.Sprint("xl/media/", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 4000)
	for i := range random {
		random[i] = byte(rand.IntN(256))
	}
	for _, c := range []struct {
		name string
		file []byte
		key  string
	}{
		{"nothing", nil, "sheet.empty"},
		{"only spaces", []byte(" \n \n"), "sheet.empty"},
		{"headings alone", workbook(t, [][]any{head}), "sheet.empty"},
		{"an old .xls", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and so on"), "sheet.old_format"},
		{"a picture", append([]byte("\x89PNG\r\n\x1a\n"), random...), "sheet.encoding"},
		{"another encoding", []byte("M\xe3 c\xf4m,T\xean\n"), "sheet.encoding"},
		{"utf-16", []byte("M\x00a\x00,\x00"), "sheet.encoding"},
		{"half an archive", workbook(t, [][]any{head, {"a", "b"}})[:900], "sheet.damaged"},
		{"an archive of noise", packed(t, "xl/workbook.xml", func(w io.Writer) { _, _ = w.Write(random) }), "sheet.damaged"},
		{"another register", workbook(t, [][]any{{"Họ tên", "Chức danh"}, {"Lê Thị Mận", "Cán bộ"}}), "sheet.headings"},
		{"a needed column is missing", workbook(t, [][]any{{"Mã cụm", "Vĩ độ"}, {"a", 20}}), "sheet.heading_missing"},
		{"too many rows", workbook(t, many), "sheet.rows"},
		{"too many columns", workbook(t, wide), "sheet.wide"},
		{"too large", make([]byte, MaxFile+1), "sheet.large"},
		{"a bomb", bomb, "sheet.bomb"},
		{"a bomb that lies", liar, "sheet.damaged"},
		{"too many parts", parts.Bytes(), "sheet.bomb"},
	} {
		if _, err := Read(poles(), c.file); loa.KeyOf(err) != c.key {
			t.Errorf("%s: %v, want %s", c.name, err, c.key)
		}
	}
}

// TestFormulas: a cell counts with what stands in it, and nothing is run or
// fetched for it.
func TestFormulas(t *testing.T) {
	f := excelize.NewFile()
	for at, v := range map[string]string{"A1": "Mã cụm", "B1": "Tên cụm loa", "A2": "DS01", "A3": "DS02"} {
		if err := f.SetCellStr("Sheet1", at, v); err != nil {
			t.Fatal(err)
		}
	}
	for at, formula := range map[string]string{"B2": `CONCATENATE("Cổng"," Chùa")`, "B3": `'[http://198.51.100.1/x.xlsx]S'!A1`} {
		if err := f.SetCellFormula("Sheet1", at, formula); err != nil {
			t.Fatal(err)
		}
	}
	b, err := f.WriteToBuffer()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(poles(), b.Bytes())
	if err != nil || len(got.Rows) != 0 || len(got.Wrong) != 2 || loa.KeyOf(got.Wrong[0].Err) != "sheet.required" {
		t.Errorf("a formula that was never computed has no value: %+v, %v", got, err)
	}
}

// TestWrite: what is written is read again as it was, an "=" in front and zeros
// too, and the form has its lists and its page of help.
func TestWrite(t *testing.T) {
	rows := []map[string]string{
		{"code": "00012", "name": "=cmd|' /C calc'!A0", "commune": "00004", "xa": "vn/98/98011", "thon": "t3", "horns": "2", "lat": "20.421533", "day": "2025-03-15"},
		{"code": "8984040000012345678", "name": "+Cột, 2", "commune": "98037", "xa": "vn/98/98037", "thon": "bn", "horns": "", "lat": "", "day": ""},
	}
	var b bytes.Buffer
	if err := Write(&b, poles(), rows); err != nil {
		t.Fatal(err)
	}
	got, err := Read(poles(), b.Bytes())
	if err != nil {
		t.Fatal(err, got.Wrong)
	}
	var back []map[string]string
	for _, r := range got.Rows {
		back = append(back, r.Cells)
	}
	if diff := cmp.Diff(rows, back); diff != "" || len(got.Mended) > 0 {
		t.Error(diff, got.Mended)
	}
	f, err := excelize.OpenReader(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if formula, err := f.GetCellFormula(pageRows, "B2"); err != nil || formula != "" {
		t.Errorf("a name became the formula %q, %v", formula, err)
	}
	lists, err := f.GetDataValidations(pageRows)
	if err != nil || len(lists) != 2 {
		t.Errorf("%d lists, %v", len(lists), err)
	}
	if diff := cmp.Diff([]string{pageRows, pageLists, pageHelp}, f.GetSheetList()); diff != "" {
		t.Error(diff)
	}
	if v, err := f.GetCellValue(pageHelp, "A6"); err != nil || v != "Mã cụm" {
		t.Errorf("help begins with %q, %v", v, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// FuzzRead: whatever the bytes, Read ends, keeps its bounds, and a row it gives
// has passed.
func FuzzRead(f *testing.F) {
	f.Add(workbook(f, [][]any{{"Mã cụm", "Tên cụm loa", "Ngày lắp"}, {"1", "Cột", 45731}}))
	f.Add([]byte("Mã cụm;Tên cụm loa;Thôn\nDS01;Cổng Chùa;thôn 1\n"))
	f.Add([]byte("\xd0\xcf\x11\xe0"))
	f.Add([]byte("PK\x03\x04"))
	table := poles()
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := Read(table, file)
		if err != nil {
			if loa.CodeOf(err) != loa.Invalid {
				t.Fatal(err)
			}
			return
		}
		if len(got.Rows) > got.Lines || got.Lines > maxRows {
			t.Fatal(got.Lines, len(got.Rows))
		}
		for _, r := range got.Rows {
			if r.Cells["name"] == "" {
				t.Fatal("a row without its name")
			}
		}
	})
}
