package sheet

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

// The pages of a workbook.
const (
	pageRows  = "Dữ liệu"
	pageHelp  = "Hướng dẫn"
	pageLists = "Danh mục"
)

// form is how many rows below the headings of an empty form keep to its lists.
const form = 5000

// Write writes rows of a table as a workbook that Read takes in again: cells
// that are codes are text, so that Excel leaves their zeros; a list stands
// behind every choice; a second page explains each column. Without rows it is
// the empty form.
//
// Every cell is written as text or as a number, never as a formula: a name that
// begins with "=" stays a name.
func Write(w io.Writer, t Table, rows []map[string]string) (err error) {
	f := excelize.NewFile()
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.SetSheetName("Sheet1", pageRows); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	head, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"FFF1B8"}},
		Alignment: &excelize.Alignment{WrapText: true, Vertical: "center"}})
	if err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	text, err := f.NewStyle(&excelize.Style{NumFmt: 49})
	if err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	for _, step := range []func() error{
		func() error { return writeLists(f, t) },
		func() error { return writeRows(f, t, rows, head, text) },
		func() error { return writeHelp(f, t, head) },
		func() error { return f.Write(w) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("write table: %w", err)
		}
	}
	return nil
}

func writeRows(f *excelize.File, t Table, rows []map[string]string, head, text int) error {
	sw, err := f.NewStreamWriter(pageRows)
	if err != nil {
		return err
	}
	titles := make([]any, len(t.Columns))
	for i, c := range t.Columns {
		title := c.Heading
		if c.Required {
			title += " *"
		}
		titles[i] = excelize.Cell{StyleID: head, Value: title}
		if err := sw.SetColWidth(i+1, i+1, max(12, min(40, float64(len([]rune(title)))+4))); err != nil {
			return err
		}
		if c.Kind == Text || c.Kind == Code {
			if err := sw.SetColStyle(i+1, i+1, text); err != nil {
				return err
			}
		}
	}
	if err := sw.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	if err := sw.SetRow("A1", titles); err != nil {
		return err
	}
	for n, row := range rows {
		cells := make([]any, len(t.Columns))
		for i, c := range t.Columns {
			shown := c.show(row[c.Key])
			cells[i] = excelize.Cell{StyleID: text, Value: shown}
			if c.Kind == Number && shown != "" {
				var number float64
				if _, err := fmt.Sscan(shown, &number); err != nil {
					return err
				}
				cells[i] = number
			}
		}
		if err := sw.SetRow(fmt.Sprintf("A%d", n+2), cells); err != nil {
			return err
		}
	}
	for i, c := range t.Columns {
		if len(c.Choices) == 0 {
			continue
		}
		name, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return err
		}
		dv := excelize.NewDataValidation(true)
		dv.SetSqref(fmt.Sprintf("%s2:%s%d", name, name, max(form, len(rows)+1000)))
		dv.SetSqrefDropList(fmt.Sprintf("'%s'!$%s$2:$%s$%d", pageLists, name, name, len(c.Choices)+1))
		dv.SetError(excelize.DataValidationErrorStyleWarning, c.Heading, "Xin chọn trong danh sách.")
		if err := f.AddDataValidation(pageRows, dv); err != nil {
			return err
		}
	}
	return sw.Flush()
}

// writeLists puts the choices of a column into the same column of another page.
func writeLists(f *excelize.File, t Table) error {
	if !slices.ContainsFunc(t.Columns, func(c Column) bool { return len(c.Choices) > 0 }) {
		return nil
	}
	if _, err := f.NewSheet(pageLists); err != nil {
		return err
	}
	for i, c := range t.Columns {
		for n, o := range c.Choices {
			at, err := excelize.CoordinatesToCellName(i+1, n+2)
			if err != nil {
				return err
			}
			if err := f.SetCellStr(pageLists, at, o.Label); err != nil {
				return err
			}
			if n > 0 {
				continue
			}
			if at, err = excelize.CoordinatesToCellName(i+1, 1); err != nil {
				return err
			}
			if err := f.SetCellStr(pageLists, at, c.Heading); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeHelp(f *excelize.File, t Table, head int) error {
	if _, err := f.NewSheet(pageHelp); err != nil {
		return err
	}
	lines := [][]string{{t.Title}, {"Mỗi hàng của trang “" + pageRows + "” là một mục. Cột có dấu * phải điền. Giữ nguyên hàng tiêu đề; thứ tự các cột thay đổi được."},
		{"Mã và số điện thoại để dạng Văn bản (Text) thì Excel không bỏ số 0 ở đầu. Khi nạp, hệ thống xem thử trước, chưa ghi gì; nạp rồi vẫn hoàn tác được."}, {},
		{"Cột", "Phải điền", "Dạng", "Ý nghĩa, cách ghi", "Ví dụ"}}
	for _, c := range t.Columns {
		need := ""
		if c.Required {
			need = "có"
		}
		lines = append(lines, []string{c.Heading, need, c.form(), c.Note, c.Example})
	}
	for n, line := range lines {
		for i, s := range line {
			at, err := excelize.CoordinatesToCellName(i+1, n+1)
			if err != nil {
				return err
			}
			if err := f.SetCellStr(pageHelp, at, s); err != nil {
				return err
			}
		}
	}
	if err := f.SetCellStyle(pageHelp, "A5", "E5", head); err != nil {
		return err
	}
	for column, width := range map[string]float64{"A": 26, "B": 10, "C": 34, "D": 70, "E": 26} {
		if err := f.SetColWidth(pageHelp, column, column, width); err != nil {
			return err
		}
	}
	return nil
}

// form says in words what a cell of the column must be.
func (c Column) form() string {
	switch c.Kind {
	case Code:
		if c.Digits > 0 {
			return fmt.Sprintf("mã, đúng %d chữ số", c.Digits)
		}
		return "mã"
	case Number:
		s := "số"
		if c.Whole {
			s = "số nguyên"
		}
		if c.From != 0 || c.To != 0 {
			s += " từ " + tidy(c.From) + " đến " + tidy(c.To)
		}
		return s
	case Date:
		return "ngày/tháng/năm"
	case Choice:
		labels := make([]string, 0, 6)
		for i, o := range c.Choices {
			if i == 6 {
				labels = append(labels, "…")
				break
			}
			labels = append(labels, o.Label)
		}
		return "chọn: " + strings.Join(labels, "; ")
	}
	return "chữ"
}
