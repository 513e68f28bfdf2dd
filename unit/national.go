package unit

import (
	"context"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"loa"
)

// The list that comes with Loa: provinces and communes as of 30 April 2026 and
// the former communes they were formed from. national/gen builds both files,
// national/NOTICE says from what.
var (
	//go:embed national/units.csv
	nationalUnits string
	//go:embed national/predecessors.csv
	nationalPredecessors string
)

// ImportNational takes the list that comes with Loa, the country above it
// included, all valid from validFrom. Given again it changes nothing; where a
// province has meanwhile imported a newer list, give that again after it.
//
// The list says what is so today: the ward that was a commune until 30 April
// 2026 is a ward in it from validFrom on.
func (r *Register) ImportNational(ctx context.Context, who loa.Actor, validFrom time.Time) (Report, error) {
	rows, err := national(time.UnixMilli(validFrom.UnixMilli()).UTC())
	if err != nil {
		return Report{}, fmt.Errorf("read the national list: %w", err)
	}
	return r.apply(ctx, who, rows, nil, false)
}

// national is the list as rows.
func national(from time.Time) ([]row, error) {
	predecessors := map[string][]Predecessor{}
	err := eachRecord(nationalPredecessors, func(_ int, f []string) {
		predecessors[f[2]] = append(predecessors[f[2]], Predecessor{Code: f[0], Name: f[1], Kind: Listed})
	})
	if err != nil {
		return nil, err
	}
	rows := []row{{line: 1, unit: Unit{Path: "vn", Level: Country, Type: Nation, Name: "Việt Nam", From: from}}}
	err = eachRecord(nationalUnits, func(line int, f []string) {
		u := Unit{Code: f[0], Parent: "vn", Level: Province, Type: Type(f[2]), Name: f[3], From: from}
		if f[1] != "" {
			u.Parent, u.Level = loa.Path("vn/"+f[1]), Commune
		}
		u.Path = u.Parent + loa.Path("/"+u.Code)
		was := predecessors[u.Code]
		if f[4] != "" {
			was = append(was, Predecessor{Code: f[4], Kind: Alias})
		}
		sortPredecessors(was)
		rows = append(rows, row{line: line, unit: u, predecessors: was})
	})
	return rows, err
}

// eachRecord reads one of our own lists, without its head.
func eachRecord(list string, f func(line int, fields []string)) error {
	c := csv.NewReader(strings.NewReader(list))
	c.Comment = '#'
	if _, err := c.Read(); err != nil {
		return err
	}
	for {
		fields, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line, _ := c.FieldPos(0)
		f(line, fields)
	}
}
