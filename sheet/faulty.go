package sheet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/xuri/excelize/v2"

	"loa"
	"loa/db"
)

// Faulty writes the rows of an import that could not be taken, as they were
// sent, with what is wrong with each in a first column: to be set right and sent
// again, without the thousands of rows that are in already. say gives the
// sentence of a fault.
func (b *Book) Faulty(ctx context.Context, who loa.Actor, id string, say func(error) string, w io.Writer) (err error) {
	i, err := b.Find(ctx, who, id)
	if err != nil {
		return err
	}
	r, err := b.register(who, i.Register, i.Place, "")
	if err != nil {
		return err
	}
	var t Table
	if err := b.DB.Read(ctx, func(tx *db.Tx) error { t, err = r.Table(tx, i.Place); return err }); err != nil {
		return err
	}
	file, err := b.Blobs.Get(i.File)
	if err != nil {
		return err
	}
	why := map[int][]string{}
	for _, f := range i.Wrong {
		why[f.Line] = append(why[f.Line], say(f.Err))
	}
	next, end, err := rows(file)
	if err != nil {
		return err
	}
	defer end()
	out := excelize.NewFile()
	defer func() { err = errors.Join(err, out.Close()) }()
	text, err := out.NewStyle(&excelize.Style{NumFmt: 49})
	if err != nil {
		return fmt.Errorf("write wrong rows: %w", err)
	}
	sw, err := out.NewStreamWriter("Sheet1")
	if err != nil {
		return fmt.Errorf("write wrong rows: %w", err)
	}
	if err := sw.SetColWidth(1, 1, 70); err != nil {
		return fmt.Errorf("write wrong rows: %w", err)
	}
	at := 0
	put := func(first string, cells []string) error {
		at++
		row := []any{first}
		for _, c := range cells {
			row = append(row, excelize.Cell{StyleID: text, Value: c})
		}
		return sw.SetRow(fmt.Sprintf("A%d", at), row)
	}
	headed := reader{table: t}
	for line, blank := 1, 0; blank < maxBlank && line <= maxRows+maxAbove; line++ {
		cells, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if blank++; strings.TrimSpace(strings.Join(cells, "")) != "" {
			blank = 0
		}
		if headed.places == nil {
			if headed.headings(cells); headed.places != nil {
				if err := put("Cần sửa", cells); err != nil {
					return fmt.Errorf("write wrong rows: %w", err)
				}
			}
			continue
		}
		if len(why[line]) > 0 {
			if err := put(strings.Join(why[line], " "), cells); err != nil {
				return fmt.Errorf("write wrong rows: %w", err)
			}
		}
	}
	if err := sw.Flush(); err != nil {
		return fmt.Errorf("write wrong rows: %w", err)
	}
	return out.Write(w)
}
