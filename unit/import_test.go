package unit

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/db"
	"loa/db/dbtest"
)

// told is a report with its errors as "line key".
func told(r Report) string {
	var s strings.Builder
	fmt.Fprintf(&s, "rows %d added %d changed %d same %d", r.Rows, r.Added, r.Changed, r.Same)
	for _, e := range r.Errors {
		fmt.Fprintf(&s, "\n%d %s", e.Line, loa.KeyOf(e.Err))
	}
	return s.String()
}

// A list is given dry first, then in earnest: both tell the same, and one row
// is written in the book.
func TestImport(t *testing.T) {
	for _, c := range []struct{ name, list, want string }{
		{"the same again", strings.TrimPrefix(stage, head), "rows 9 added 0 changed 0 same 9"},
		{"nothing", "", "rows 0 added 0 changed 0 same 0"},
		{"a commune becomes a ward", "vn/98/98011,98011,vn/98,commune,phuong,Đồng Sậy,2025-07-01,,\n",
			"rows 1 added 0 changed 1 same 0"},
		{"an empty start leaves the start", "vn/98/98011,98011,vn/98,commune,xa,Đồng Sậy,,,\n",
			"rows 1 added 0 changed 0 same 1"},
		{"other predecessors", "vn/98/98011,98011,vn/98,commune,xa,Đồng Sậy,,,97003:listed:xã Xuân Vực\n",
			"rows 1 added 0 changed 1 same 0"},
		{"a hamlet without a path, before its commune", ",,vn/98/98050,hamlet,thon,Mới,,,\nvn/98/98050,98050,,commune,xa,Ruối Non,,,\n",
			"rows 2 added 2 changed 0 same 0"},
		{"a hamlet without a path that is there", ",,vn/98/98011,hamlet,thon,Thôn 10,,,\n",
			"rows 1 added 0 changed 0 same 1"},
		{"two hamlets exchange names", "vn/98/98011/h/t1,,,hamlet,thon,2,,,\nvn/98/98011/h/t2,,,hamlet,thon,1,,,\n",
			"rows 2 added 0 changed 2 same 0"},
		{"a commune moves to a new province with its code", `vn/99,99,,province,tinh,Nguyệt Giang,2026-10-01,,
vn/99/98037,98037,,commune,xa,Bến Mai,2026-10-01,,98037:whole:xã Bến Mai
vn/98/98037,98037,,commune,xa,Bến Mai,,2026-10-01,
vn/98/98037/h/bn,,,hamlet,thon,Bãi Ngô,,2026-10-01,
vn/99/98037/h/bn,,,hamlet,thon,Bãi Ngô,2026-10-01,,
`, "rows 5 added 3 changed 2 same 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			on(t, func(t *testing.T, r *Register, clock *loa.HandClock) {
				list := "\ufeff" + head + c.list // a byte order mark, as spreadsheets write it
				before := count(t, r.DB, "unit")
				for _, dryRun := range []bool{true, false} {
					report, err := r.Import(t.Context(), loa.System(), strings.NewReader(list), dryRun)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(c.want, told(report)); diff != "" {
						t.Error(diff)
					}
					units, entries := before, 1
					if !dryRun {
						units, entries = before+report.Added, 2
					}
					if got := count(t, r.DB, "unit"); got != units {
						t.Errorf("dry run %t: %d units, want %d", dryRun, got, units)
					}
					if got := count(t, r.DB, "journal"); got != entries {
						t.Errorf("dry run %t: %d rows in the book, want %d", dryRun, got, entries)
					}
				}
			})
		})
	}
}

// A list with one bad row leaves no trace, and every bad row is told.
func TestImportRefused(t *testing.T) {
	on(t, func(t *testing.T, r *Register, clock *loa.HandClock) {
		units := count(t, r.DB, "unit")
		for _, c := range []struct{ name, list, want string }{
			{"a row too short", "vn/99,99\nvn/97,97,,province,tinh,A,,,\n", "rows 2 added 1 changed 0 same 0\n2 unit.row_unreadable"},
			{"a quote in the middle", "vn/99,9\"9,,province,tinh,A,,,\n", "rows 1 added 0 changed 0 same 0\n2 unit.row_unreadable"},
			{"a level of yesterday", "vn/98/001,001,,huyen,huyen,A,,,\n", "rows 1 added 0 changed 0 same 0\n2 unit.level_unknown"},
			{"a zone", "vn/98/98011/z/a,,,zone,nhom,A,,,\n", "rows 1 added 0 changed 0 same 0\n2 unit.level_unknown"},
			{"no path", ",98099,vn/98,commune,xa,A,,,\n", "rows 1 added 0 changed 0 same 0\n2 unit.path_missing"},
			{"an end without a path", ",,vn/98/98011,hamlet,thon,1,,2026-10-01,\n", "rows 1 added 0 changed 0 same 0\n2 unit.path_missing"},
			{"neither path nor parent", ",,,hamlet,thon,A,,,\n", "rows 1 added 0 changed 0 same 0\n2 unit.path_missing"},
			{"a date as people write it", "vn/99,99,,province,tinh,A,01/07/2025,,\n", "rows 1 added 0 changed 0 same 0\n2 unit.date_bad"},
			{"a date that is none", "vn/99,99,,province,tinh,A,,2025-02-30,\n", "rows 1 added 0 changed 0 same 0\n2 unit.date_bad"},
			{"a predecessor without a kind", "vn/99,99,,province,tinh,A,,,97001\n", "rows 1 added 0 changed 0 same 0\n2 unit.predecessor_bad"},
			{"a predecessor twice", "vn/99,99,,province,tinh,A,,,97001:whole:xã A;97001:part:xã A\n", "rows 1 added 0 changed 0 same 0\n2 unit.predecessor_twice"},
			{"a unit that cannot be", "vn/99,98,,province,tinh,A,,,\n", "rows 1 added 0 changed 0 same 0\n2 unit.code_differs"},
			{"a unit twice", "vn/99,99,,province,tinh,A,,,\nvn/99,99,,province,tinh,B,,,\n", "rows 2 added 1 changed 0 same 0\n3 unit.twice"},
			{"a code twice", "vn/99,99,,province,tinh,A,,,\nvn/99/98011,98011,,commune,xa,B,,,\n", "rows 2 added 2 changed 0 same 0\n3 unit.exists"},
			{"a name twice", "vn/98/98011/h/0,,,hamlet,thon,1,,,\n", "rows 1 added 1 changed 0 same 0\n2 unit.exists"},
			{"no parent", "vn/97/97001,97001,,commune,xa,A,,,\n", "rows 1 added 1 changed 0 same 0\n2 unit.parent_unknown"},
			{"another parent than the path's", "vn/98/98099,98099,vn/99,commune,xa,A,,,\n", "rows 1 added 0 changed 0 same 0\n2 unit.parent_differs"},
			{"a former commune in a hamlet", ",,vn/98/98011/h/t1,former,xa,A,,,\n", "rows 1 added 0 changed 0 same 0\n2 unit.path_level"},
			{"a hamlet becomes a former commune", "vn/98/98011/h/t1,,,former,xa,1,,,\n", "rows 1 added 0 changed 0 same 0\n2 unit.level_differs"},
			{"an end with hamlets below", "vn/98/98037,98037,,commune,xa,Bến Mai,,2026-10-01,\n", "rows 1 added 0 changed 1 same 0\n2 unit.still_below"},
			{"a hamlet outlasts its commune", "vn/98/98037,98037,,commune,xa,Bến Mai,,2026-10-01,\nvn/98/98037/h/bn,,,hamlet,thon,Bãi Ngô,,2026-11-01,\n",
				"rows 2 added 0 changed 2 same 0\n3 unit.parent_ended"},
			{"every bad row is told, in order", "vn/97/97001,97001,,commune,xa,A,,,\nx\nvn/99,99,,province,xa,A,,,\n",
				"rows 3 added 1 changed 0 same 0\n2 unit.parent_unknown\n3 unit.row_unreadable\n4 unit.type_unknown"},
		} {
			t.Run(c.name, func(t *testing.T) {
				dry, err := r.Import(t.Context(), loa.System(), strings.NewReader(head+c.list), true)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, told(dry)); diff != "" {
					t.Error(diff)
				}
				report, err := r.Import(t.Context(), loa.System(), strings.NewReader(head+c.list), false)
				wants(t, err, loa.Invalid, "unit.import_refused")
				if diff := cmp.Diff(c.want, told(report)); diff != "" {
					t.Error(diff)
				}
				if got := count(t, r.DB, "unit"); got != units {
					t.Errorf("%d units, want %d", got, units)
				}
				if got := count(t, r.DB, "journal"); got != 1 {
					t.Errorf("%d rows in the book, want 1", got)
				}
			})
		}
	})
}

// What a list says is what the register answers afterwards, and old days stay.
func TestImportMerger(t *testing.T) {
	on(t, func(t *testing.T, r *Register, clock *loa.HandClock) {
		ctx := t.Context()
		list := head + `vn/98/98011,98011,,commune,phuong,Đồng Sậy,,,98037:part:xã Bến Mai
vn/98/98037,98037,,commune,xa,Bến Mai,,2026-12-01,
vn/98/98037/h/bn,,,hamlet,thon,Bãi Ngô,,2026-12-01,
vn/98/98011/h/bn,,,hamlet,to_dan_pho,Bãi Ngô,2026-12-01,,
`
		if report, err := r.Import(ctx, loa.System(), strings.NewReader(list), false); err != nil {
			t.Fatal(err, report.Errors)
		}
		_, err := r.Find(ctx, "vn/98/98011/h/bn")
		wants(t, err, loa.NotFound, "unit.not_yet")
		if _, err := r.Find(ctx, "vn/98/98037/h/bn"); err != nil {
			t.Errorf("before the merger: %v", err)
		}
		clock.Turn(8 * 24 * time.Hour) // 1 December, 07:00
		u, err := r.Find(ctx, "vn/98/98011/h/bn")
		if err != nil || u.FullName() != "tổ dân phố Bãi Ngô" {
			t.Errorf("got %v, %v", u, err)
		}
		_, err = r.Find(ctx, "vn/98/98037")
		wants(t, err, loa.NotFound, "unit.ended")
		found, err := r.Search(ctx, "xã Bến Mai")
		if diff := cmp.Diff([]loa.Path{"vn/98/98011"}, paths(found)); err != nil || diff != "" {
			t.Error(err, diff)
		}
		u, err = r.Find(ctx, "vn/98/98011")
		if err != nil || u.FullName() != "phường Đồng Sậy" {
			t.Errorf("got %v, %v", u, err)
		}
		err = r.DB.Read(ctx, func(tx *db.Tx) error {
			was, err := Predecessors(tx, "vn/98/98011")
			if diff := cmp.Diff([]Predecessor{{"98037", "xã Bến Mai", Part}}, was); diff != "" {
				t.Error(diff)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// Rows that change nothing need no right; one row outside refuses the list.
func TestImportRights(t *testing.T) {
	on(t, func(t *testing.T, r *Register, clock *loa.HandClock) {
		who := may("vn/98/98011", loa.RightPeople)
		list := stage + "vn/98/98011/h/t3,,,hamlet,thon,3,,,\n"
		if report, err := r.Import(t.Context(), who, strings.NewReader(list), false); err != nil {
			t.Error(err, report.Errors)
		}
		list += "vn/98/98037/h/t3,,,hamlet,thon,3,,,\n"
		report, err := r.Import(t.Context(), who, strings.NewReader(list), false)
		wants(t, err, loa.Invalid, "unit.import_refused")
		if diff := cmp.Diff("rows 11 added 0 changed 0 same 10\n12 right.missing", told(report)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestImportUnreadable(t *testing.T) {
	r := &Register{dbtest.Open(t, dbtest.SQLite(t))}
	broken := errors.New("the line broke")
	for _, c := range []struct {
		name string
		list io.Reader
		key  string
	}{
		{"nothing at all", strings.NewReader(""), "unit.header"},
		{"a column is missing", strings.NewReader("path,code,parent,level,type,name\n"), "unit.header"},
		{"not a list", strings.NewReader("\x00\x01\"\n"), "unit.header"},
		{"too many rows", io.MultiReader(strings.NewReader(head), strings.NewReader(strings.Repeat("x\n", maxRows+1))), "unit.import_large"},
		{"too many bytes", io.MultiReader(strings.NewReader(head), strings.NewReader("\""+strings.Repeat("x", maxBytes))), "unit.import_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := r.Import(t.Context(), loa.System(), c.list, true)
			wants(t, err, loa.Invalid, c.key)
		})
	}
	for _, list := range []io.Reader{iotest.ErrReader(broken), io.MultiReader(strings.NewReader(head), iotest.ErrReader(broken))} {
		if _, err := r.Import(t.Context(), loa.System(), list, true); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
}

// Whatever is in a file: no panic, every error has a sentence, a list without
// errors can be written, and written twice it is the same.
func FuzzImport(f *testing.F) {
	f.Add(stage)
	f.Add(head + ",,vn/98/98011,hamlet,thon,Thôn  7,2026-01-01,,:part:xóm Cũ;1:alias:\n")
	f.Add(head + "vn/98/98011/h/t1/h/a,x-1.,,hamlet,xom,Chùa,,,\nvn/98/98037,98037,,commune,xa,\"A\nB\",,2200-12-31,\n")
	f.Add("predecessors,valid_to,valid_from,name,type,level,parent,code,path\r\n,,,A,tinh,province,,99,vn/99\r\n\"")
	r := &Register{dbtest.OpenAt(f, dbtest.SQLite(f), loa.NewHandClock(today()))}
	if _, err := r.Import(f.Context(), loa.System(), strings.NewReader(stage), false); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, list string) {
		dry, err := r.Import(t.Context(), loa.System(), strings.NewReader(list), true)
		if err != nil {
			if loa.CodeOf(err) != loa.Invalid {
				t.Fatal(err)
			}
			return
		}
		for _, e := range dry.Errors {
			if loa.CodeOf(e.Err) != loa.Invalid || e.Line < 1 {
				t.Fatalf("line %d: %v", e.Line, e.Err)
			}
		}
		if _, err := r.Import(t.Context(), loa.System(), strings.NewReader(list), false); (err != nil) != (len(dry.Errors) > 0) {
			t.Fatalf("dry %v, in earnest %v", told(dry), err)
		}
		if len(dry.Errors) > 0 {
			return
		}
		again, err := r.Import(t.Context(), loa.System(), strings.NewReader(list), true)
		if err != nil || again.Same != dry.Rows {
			t.Fatalf("again: %s %v", told(again), err)
		}
	})
}
