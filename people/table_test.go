package people

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/lang"
	"loa/sheet"
	"loa/unit"
)

// TestImportPeople is a province's first day: three thousand hamlet heads from
// one file, with wrong rows among them; the same file again changes nothing; a
// corrected telephone changes one; all of it goes back, but for whoever has come
// in since.
func TestImportPeople(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		catalog, err := lang.Load()
		if err != nil {
			t.Fatal(err)
		}
		var more strings.Builder
		more.WriteString(strings.SplitAfter(units, "\n")[0])
		for h := range 100 {
			fmt.Fprintf(&more, "vn/98/98011/h/t%d,,vn/98/98011,hamlet,thon,%d,2025-07-01,,\n", h+1, h+1)
		}
		if r, err := (&unit.Register{DB: s.DB}).Import(t.Context(), loa.System(), strings.NewReader(more.String()), false); err != nil {
			t.Fatal(err, r.Errors)
		}
		book := &sheet.Book{DB: s.DB, Blobs: &db.Blobs{Dir: t.TempDir()}, Said: func(string, journal.Entry) {}, Registers: map[string]sheet.Register{
			"people": Table{Label: func(key string) string { return catalog.T("vi", key) }}}}
		who := may("vn/98")
		man := s.person(t, "man.lt", "Lê Thị Mận", "vn/98/98011")
		s.hold(t, s.post(t, s.commune, "Người phụ trách Đài", Station.Rights()...), man)

		var file bytes.Buffer
		file.WriteString("Họ tên;Tên đăng nhập;Xã, phường;Thôn, tổ dân phố;Cơ quan, đơn vị;Chức danh;Công việc;Thư điện tử;Điện thoại\n")
		const good = 3000
		for i := range good {
			fmt.Fprintf(&file, "Trưởng Thôn %d;truong.%d;98011;thôn %d;;;Trưởng thôn, tuyên truyền viên;t%d@lamxuyen.example;091%07d\n", i, i, i%100+1, i, i)
		}
		for _, line := range []string{
			";khong.ten;98011;;;;Chỉ xem;;",                                               // no name
			"Tên Xấu;a b;98011;;;;Chỉ xem;;",                                              // a login with a space
			"Trùng Tên;TRUONG.7;98011;;;;Chỉ xem;;",                                       // a login twice
			"Trùng Thư;thu.trung;98011;;;;Chỉ xem;t7@lamxuyen.example;",                   // an address twice
			"Sai Thư;thu.sai;98011;;;;Chỉ xem;khong-phai-thu;",                            // no address
			"Sai Số;so.sai;98011;;;;Chỉ xem;;12",                                          // no telephone
			"Sai Quyền;quyen.sai;98011;;;;Làm vua;;",                                      // no task
			"Sai Thôn;thon.sai;98011;thôn 999;;;Chỉ xem;;",                                // no hamlet
			"Lê Thị Mận;man.lt;98011;;;Chủ tịch UBND xã;Lãnh đạo duyệt tin;;",             // somebody who is there with another post
			"Lê Thị Mận Mới;MAN.LT;98011;;;Người phụ trách Đài;Phụ trách Đài;;0987654321", // and twice
		} {
			file.WriteString(line + "\n")
		}
		began := loa.WallClock{}.Now()
		checked, err := book.Check(t.Context(), who, "people", "vn/98", "nguoi.csv", file.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		took := loa.WallClock{}.Now().Sub(began)
		if checked.Added != good || len(checked.Wrong) != 10 || checked.Changed != 0 {
			for _, w := range checked.Wrong {
				t.Logf("row %d, %s: %s", w.Line, w.Column, catalog.Error("vi", w.Err))
			}
			t.Fatalf("added %d, changed %d, wrong %d", checked.Added, checked.Changed, len(checked.Wrong))
		}
		if n := s.count(t, "person", "1 = 1"); n != 1 {
			t.Fatalf("a dry run wrote %d people", n)
		}
		began = loa.WallClock{}.Now()
		if _, err := book.Apply(t.Context(), who, checked.ID); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d people: checked in %s, written in %s", good, took, loa.WallClock{}.Now().Sub(began))
		head, err := s.Login(t.Context(), "truong.41")
		if err != nil || head.Password || head.Phone != "0910000041" {
			t.Fatalf("%+v, %v", head, err)
		}
		rights, err := s.Actor(t.Context(), head.ID)
		if err != nil || !rights.May(loa.RightWrite, "vn/98/98011/h/t42") || rights.May(loa.RightRead, "vn/98/98011") || rights.May(loa.RightRead, "vn/98/98011/h/t41") {
			t.Errorf("a hamlet head may %+v, %v", rights.Grants, err)
		}

		again, err := book.Check(t.Context(), who, "people", "vn/98", "nguoi.csv", file.Bytes())
		if err != nil || again.Added != 0 || again.Changed != 0 {
			t.Errorf("the same file again: added %d, changed %d, %v", again.Added, again.Changed, err)
		}
		fixed := strings.SplitAfter(file.String(), "\n")
		one, err := book.Check(t.Context(), who, "people", "vn/98", "sua.csv", []byte(fixed[0]+strings.Replace(fixed[8], "0910000007", "0999999999", 1)))
		if err != nil || one.Changed != 1 || one.Added != 0 {
			t.Fatalf("one telephone: %+v, %v", one, err)
		}
		if _, err := book.Apply(t.Context(), who, one.ID); err != nil {
			t.Fatal(err)
		}
		if p, err := s.Login(t.Context(), "truong.7"); err != nil || p.Phone != "0999999999" {
			t.Errorf("the telephone is %q, %v", p.Phone, err)
		}
		if _, err := book.Undo(t.Context(), who, one.ID); err != nil {
			t.Fatal(err)
		}
		if p, err := s.Login(t.Context(), "truong.7"); err != nil || p.Phone != "0910000007" {
			t.Errorf("undone, the telephone is %q, %v", p.Phone, err)
		}

		link, err := s.NewLink(t.Context(), loa.System(), head.ID, linkLife)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Redeem(t.Context(), link, Browser{}); err != nil {
			t.Fatal(err)
		}
		if _, err := book.Undo(t.Context(), who, checked.ID); err == nil {
			t.Error("an import went back with somebody in it who has come in")
		}
		if err := s.SignOutEverywhere(t.Context(), loa.System(), head.ID); err != nil {
			t.Fatal(err)
		}
		s.clock.Turn(linkLife)
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := book.Undo(t.Context(), who, checked.ID); err != nil {
			t.Fatal(err)
		}
		if n := s.count(t, "person", "1 = 1"); n != 1 || s.count(t, "post", "1 = 1") != 1 || s.count(t, "holder", "1 = 1") != 1 {
			t.Errorf("%d people are left after undoing", n)
		}
	})
}
