package unit

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/db"
	"loa/db/dbtest"
)

const head = "path,code,parent,level,type,name,valid_from,valid_to,predecessors\n"

// stage is the invented places every text of the project happens in.
const stage = head + `vn,,,country,quoc_gia,Việt Nam,2025-07-01,,
vn/98,98,vn,province,tinh,Lam Xuyên,2025-07-01,,
vn/98/98011,98011,vn/98,commune,xa,Đồng Sậy,2025-07-01,,97001:whole:xã Đồng Rạ; 97002:part:xã An Lộc Thượng
vn/98/98037,98037,vn/98,commune,xa,Bến Mai,2025-07-01,,
vn/98/98011/h/dong-ra,,vn/98/98011,former,xa,Đồng Rạ,2025-07-01,,
vn/98/98011/h/t1,,vn/98/98011,hamlet,thon,1,2025-07-01,,
vn/98/98011/h/t2,,vn/98/98011,hamlet,thon,2,2025-07-01,,
vn/98/98011/h/t10,,vn/98/98011,hamlet,thon,10,2025-07-01,,
vn/98/98037/h/bn,,vn/98/98037,hamlet,thon,Bãi Ngô,2025-07-01,,
`

// on runs f on both databases, each holding the stage, on the same morning.
func on(t *testing.T, f func(t *testing.T, r *Register, clock *loa.HandClock)) {
	t.Helper()
	dbtest.EachURL(t, func(t *testing.T, url string) {
		clock := loa.NewHandClock(today())
		r := &Register{dbtest.OpenAt(t, url, clock)}
		if report, err := r.Import(t.Context(), loa.System(), strings.NewReader(stage), false); err != nil {
			t.Fatal(err, report.Errors)
		}
		f(t, r, clock)
	})
}

func wants(t *testing.T, err error, code loa.Code, key string) {
	t.Helper()
	if loa.CodeOf(err) != code || loa.KeyOf(err) != key {
		t.Errorf("got %v, want %s %s", err, code, key)
	}
}

func may(path loa.Path, rights ...loa.Right) loa.Actor {
	return loa.Actor{ID: "person", Name: "Lê Thị Mận", Grants: []loa.Grant{{Path: path, Rights: rights}}}
}

func TestFind(t *testing.T) {
	on(t, func(t *testing.T, r *Register, clock *loa.HandClock) {
		ctx := t.Context()
		u, err := r.Find(ctx, "vn/98/98011")
		if err != nil || u.FullName() != "xã Đồng Sậy" {
			t.Errorf("got %v, %v", u, err)
		}
		_, err = r.Find(ctx, "vn/98/98999")
		wants(t, err, loa.NotFound, "unit.unknown")
		_, err = r.Find(ctx, "")
		wants(t, err, loa.NotFound, "unit.unknown")
		_, err = r.Children(ctx, "vn/97")
		wants(t, err, loa.NotFound, "unit.unknown")

		children, err := r.Children(ctx, "vn/98/98011")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]loa.Path{"vn/98/98011/h/t1", "vn/98/98011/h/t2", "vn/98/98011/h/t10", "vn/98/98011/h/dong-ra"}, paths(children)); diff != "" {
			t.Error(diff)
		}
		err = r.DB.Read(ctx, func(tx *db.Tx) error {
			all, err := Under(tx, "vn/98/98037")
			if diff := cmp.Diff([]loa.Path{"vn/98/98037", "vn/98/98037/h/bn"}, paths(all)); diff != "" {
				t.Error(diff)
			}
			if err != nil {
				return err
			}
			was, err := Predecessors(tx, "vn/98/98011")
			if diff := cmp.Diff([]Predecessor{{"97001", "xã Đồng Rạ", Whole}, {"97002", "xã An Lộc Thượng", Part}}, was); diff != "" {
				t.Error(diff)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}

		clock.Turn(-3 * 365 * 24 * time.Hour)
		_, err = r.Find(ctx, "vn/98")
		wants(t, err, loa.NotFound, "unit.not_yet")
	})
}

// "vn/98/9801" is not above "vn/98/98011", and a unit that ended is not below anything.
func TestUnderWholeSegments(t *testing.T) {
	on(t, func(t *testing.T, r *Register, clock *loa.HandClock) {
		list := head + `vn/98/9801,9801,,commune,xa,Sậy Con,2025-07-01,,
vn/98/98011/h/t2,,,hamlet,thon,2,2025-07-01,2026-01-01,
`
		if report, err := r.Import(t.Context(), loa.System(), strings.NewReader(list), false); err != nil {
			t.Fatal(err, report.Errors)
		}
		err := r.DB.Read(t.Context(), func(tx *db.Tx) error {
			for path, want := range map[loa.Path][]loa.Path{
				"vn/98/9801":  {"vn/98/9801"},
				"vn/98/98011": {"vn/98/98011", "vn/98/98011/h/dong-ra", "vn/98/98011/h/t1", "vn/98/98011/h/t10"},
			} {
				all, err := Under(tx, path)
				if err != nil {
					return err
				}
				if diff := cmp.Diff(want, paths(all)); diff != "" {
					t.Errorf("under %s: %s", path, diff)
				}
			}
			_, err := Under(tx, "vn/98/98011/h/t2")
			wants(t, err, loa.NotFound, "unit.ended")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestSearch(t *testing.T) {
	on(t, func(t *testing.T, r *Register, clock *loa.HandClock) {
		for _, c := range []struct {
			text string
			want []loa.Path
		}{
			{"sậy", []loa.Path{"vn/98/98011"}},
			{"Xã ĐỒNG", []loa.Path{"vn/98/98011/h/dong-ra", "vn/98/98011"}},
			{"dong ra", []loa.Path{"vn/98/98011/h/dong-ra", "vn/98/98011"}}, // the place itself, then what it went into
			{"an loc", []loa.Path{"vn/98/98011"}},
			{"97002", []loa.Path{"vn/98/98011"}},
			{"thon 1", []loa.Path{"vn/98/98011/h/t1", "vn/98/98011/h/t10"}},
			{"ấp 1", nil},
			{"ay", nil}, // the middle of a word
		} {
			found, err := r.Search(t.Context(), c.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, append([]loa.Path(nil), paths(found)...)); diff != "" {
				t.Errorf("%q: %s", c.text, diff)
			}
		}
	})
}

func TestAddHamlet(t *testing.T) {
	on(t, func(t *testing.T, r *Register, clock *loa.HandClock) {
		ctx := t.Context()
		head := may("vn/98/98011", loa.RightPeople)
		u, err := r.AddHamlet(ctx, head, "vn/98/98011", "thon", "Thôn  Xuân Vực 4")
		if err != nil {
			t.Fatal(err)
		}
		if u.FullName() != "thôn Xuân Vực 4" || u.Path.Parent() != "vn/98/98011" || !loa.IsID(string(u.Path[len("vn/98/98011/h/"):])) {
			t.Errorf("got %+v", u)
		}
		found, err := r.Find(ctx, u.Path)
		if diff := cmp.Diff(u, found); err != nil || diff != "" {
			t.Error(err, diff)
		}
		// Below the former commune the same number is another hamlet.
		if _, err := r.AddHamlet(ctx, head, "vn/98/98011/h/dong-ra", "thon", "1"); err != nil {
			t.Error(err)
		}
		for _, c := range []struct {
			who    loa.Actor
			parent loa.Path
			typ    Type
			name   string
			code   loa.Code
			key    string
		}{
			{head, "vn/98/98011", "thon", "Xuân Vực 4", loa.Conflict, "unit.exists"},
			{head, "vn/98/98011", "thon", "thôn 1", loa.Conflict, "unit.exists"},
			{head, "vn/98/98011", "huyen", "A", loa.Invalid, "unit.type_unknown"},
			{head, "vn/98/98011", "thon", " ", loa.Invalid, "unit.name_bad"},
			{head, "vn/98/98011/h/none", "thon", "A", loa.NotFound, "unit.unknown"},
			{head, "vn/98/98037", "thon", "A", loa.Forbidden, "right.missing"},
			{may("vn/98/98011", loa.RightWrite), "vn/98/98011", "thon", "A", loa.Forbidden, "right.missing"},
			{loa.System(), "vn/98", "thon", "A", loa.Invalid, "unit.parent_level"},
		} {
			_, err := r.AddHamlet(ctx, c.who, c.parent, c.typ, c.name)
			wants(t, err, c.code, c.key)
		}
		if diff := cmp.Diff([]string{"unit.hamlet_added", "unit.hamlet_added", "unit.imported"}, verbs(t, r.DB)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAddZone(t *testing.T) {
	on(t, func(t *testing.T, r *Register, clock *loa.HandClock) {
		ctx := t.Context()
		who := may("vn/98/98011", loa.RightSpeakers)
		members := []loa.Path{"vn/98/98011/h/t2", "vn/98/98011/h/t1", "vn/98/98011/h/t2"}
		u, err := r.AddZone(ctx, who, "vn/98/98011", "Ven sông", members)
		if err != nil {
			t.Fatal(err)
		}
		err = r.DB.Read(ctx, func(tx *db.Tx) error {
			got, err := Members(tx, u.Path)
			if diff := cmp.Diff([]loa.Path{"vn/98/98011/h/t1", "vn/98/98011/h/t2"}, got); diff != "" {
				t.Error(diff)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			who     loa.Actor
			parent  loa.Path
			name    string
			members []loa.Path
			code    loa.Code
			key     string
		}{
			{who, "vn/98/98011", "ven sông", nil, loa.Invalid, "unit.zone_empty"},
			{who, "vn/98/98011", "Ven sông", members, loa.Conflict, "unit.exists"},
			{who, "vn/98/98011", "B", []loa.Path{"vn/98/98037/h/bn"}, loa.Invalid, "unit.member_outside"},
			{who, "vn/98/98011", "B", []loa.Path{"vn/98/98011"}, loa.Invalid, "unit.member_outside"},
			{who, "vn/98/98011", "B", []loa.Path{u.Path}, loa.Invalid, "unit.member_outside"},
			{who, "vn/98/98011", "B", []loa.Path{"vn/98/98011/h/none"}, loa.NotFound, "unit.unknown"},
			{who, "vn/98/98011/h/t1", "B", members, loa.Invalid, "unit.parent_level"},
			{who, "vn/98/98037", "B", members, loa.Forbidden, "right.missing"},
		} {
			_, err := r.AddZone(ctx, c.who, c.parent, c.name, c.members)
			wants(t, err, c.code, c.key)
		}
		if diff := cmp.Diff([]string{"unit.imported", "unit.zone_added"}, verbs(t, r.DB)); diff != "" {
			t.Error(diff)
		}
		if n := count(t, r.DB, "zone_member"); n != 2 {
			t.Errorf("%d members kept, want 2", n)
		}
	})
}

// Eight people add the same hamlet at the same moment: one does, the others are told.
func TestAddHamletTogether(t *testing.T) {
	on(t, func(t *testing.T, r *Register, clock *loa.HandClock) {
		errs := together(8, func() error {
			_, err := r.AddHamlet(t.Context(), loa.System(), "vn/98/98011", "thon", "Mới")
			return err
		})
		added := 0
		for _, err := range errs {
			if err == nil {
				added++
				continue
			}
			wants(t, err, loa.Conflict, "unit.exists")
		}
		if entries := count(t, r.DB, "journal"); added != 1 || entries != 2 {
			t.Errorf("%d added, %d rows in the book; want 1 and 2", added, entries)
		}
	})
}

// Eight people give the same list at the same moment: each is written or told
// to give it again, and the register is as if one had.
func TestImportTogether(t *testing.T) {
	on(t, func(t *testing.T, r *Register, clock *loa.HandClock) {
		const list = head + "vn/98/98011/h/t3,,,hamlet,thon,3,2026-01-01,,:whole:xóm Cũ\nvn/98/98011,98011,,commune,phuong,Đồng Sậy,,,97003:listed:xã Xuân Vực\n"
		for _, err := range together(8, func() error {
			_, err := r.Import(t.Context(), loa.System(), strings.NewReader(list), false)
			return err
		}) {
			if err != nil {
				wants(t, err, loa.Conflict, "unit.import_again")
			}
		}
		report, err := r.Import(t.Context(), loa.System(), strings.NewReader(list), true)
		if diff := cmp.Diff("rows 2 added 0 changed 0 same 2", told(report)); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
}

// together runs f n times at once.
func together(n int, f func() error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f() })
	}
	all.Wait()
	return errs
}
