package speaker_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/lang"
	"loa/sheet"
	"loa/speaker"
	"loa/unit"
)

// registers is the book of imports over the invented province, and an officer of
// the province.
func (n node) registers(communes int) (*sheet.Book, *lang.Catalog, loa.Actor) {
	n.t.Helper()
	var units strings.Builder
	units.WriteString("path,code,parent,level,type,name,valid_from,valid_to,predecessors\nvn,,,country,quoc_gia,Việt Nam,2025-07-01,,\nvn/98,98,vn,province,tinh,Lam Xuyên,2025-07-01,,\n")
	for c := range communes {
		code := fmt.Sprint(98011 + c)
		name := "Đồng Sậy"
		if c > 0 {
			name = fmt.Sprint("Đồng Sậy ", c)
		}
		fmt.Fprintf(&units, "vn/98/%s,%s,vn/98,commune,xa,%s,2025-07-01,,\n", code, code, name)
		for h := range 10 {
			fmt.Fprintf(&units, "vn/98/%s/h/t%d,,vn/98/%s,hamlet,thon,%d,2025-07-01,,\n", code, h+1, code, h+1)
		}
	}
	report, err := (&unit.Register{DB: n.db}).Import(n.t.Context(), loa.System(), strings.NewReader(units.String()), false)
	if err != nil {
		n.t.Fatal(err, report.Errors)
	}
	catalog, err := lang.Load()
	n.ok(err)
	who := loa.Actor{ID: "sen", Name: "Hoàng Thị Sen", Grants: []loa.Grant{{Path: province, Rights: []loa.Right{loa.RightSpeakers, loa.RightRead}}}}
	return &sheet.Book{DB: n.db, Blobs: &db.Blobs{Dir: n.t.TempDir()}, Said: func(string, journal.Entry) {}, Registers: map[string]sheet.Register{
		"poles": speaker.Poles{Label: func(key string) string { return catalog.T("vi", key) }}}}, catalog, who
}

// table writes rows as a .csv with the headings of poles.
func table(rows ...[]string) []byte {
	var b bytes.Buffer
	b.WriteString("Mã cụm;Tên cụm loa;Xã, phường;Thôn, tổ dân phố;Vĩ độ;Kinh độ;Âm lượng tối đa (%);Công nghệ;Hãng;Số SIM (ICCID);Số loa;Công suất (W);Ngày lắp;Gần nơi cần yên tĩnh\n")
	for _, r := range rows {
		b.WriteString(strings.Join(r, ";") + "\n")
	}
	return b.Bytes()
}

// TestImportTenThousand is a province's first day: 10,000 poles, 37 wrong rows of
// many kinds. It prints what was said about each, and what it cost.
func TestImportTenThousand(t *testing.T) {
	each(t, func(t *testing.T, n node) {
		ctx := t.Context()
		book, catalog, who := n.registers(100)
		var rows []map[string]string
		for i := range 10_000 {
			c := i / 100
			rows = append(rows, map[string]string{"code": fmt.Sprintf("L%05d", i), "name": fmt.Sprint("Cột ", i%100+1), "commune": fmt.Sprint(98011 + c),
				"hamlet": fmt.Sprint("thôn ", i%10+1), "lat": "20.4", "lon": "106.1", "cap": "80", "technology": "ip", "vendor": "Hãng A",
				"iccid": "8984040000012345678", "carrier": "Viettel", "horns": "2", "watts": "60", "power": "grid", "owner": "UBND xã", "installed": "2025-03-15"})
		}
		spoil := []func(r map[string]string){
			func(r map[string]string) { r["name"] = "" },
			func(r map[string]string) { r["name"] = strings.Repeat("Cổng Chùa ", 20) },
			func(r map[string]string) { r["commune"] = "" },
			func(r map[string]string) { r["commune"] = "xã Đồng Sậyy 7" },
			func(r map[string]string) { r["commune"] = "98999" },
			func(r map[string]string) { r["hamlet"] = "thôn 11" },
			func(r map[string]string) { r["hamlet"] = "xóm Chùa" },
			func(r map[string]string) { r["cap"] = "120" },
			func(r map[string]string) { r["cap"] = "to" },
			func(r map[string]string) { r["cap"] = "79,5" },
			func(r map[string]string) { r["lat"], r["lon"] = "106.1", "20.4" },
			func(r map[string]string) { r["lon"] = "" },
			func(r map[string]string) { r["technology"] = "hữu tuyến dây" },
			func(r map[string]string) { r["technology"] = "vệ tinh" },
			func(r map[string]string) { r["iccid"] = "8.98404000001235E+18" },
			func(r map[string]string) { r["iccid"] = "0912345678" },
			func(r map[string]string) { r["iccid"] = "898404000001234567X" },
			func(r map[string]string) { r["horns"] = "hai" },
			func(r map[string]string) { r["horns"] = "99" },
			func(r map[string]string) { r["watts"] = "60W" },
			func(r map[string]string) { r["power"] = "điện lưới 2" },
			func(r map[string]string) { r["installed"] = "3/25/2025" },
			func(r map[string]string) { r["installed"] = "31/02/2025" },
			func(r map[string]string) { r["installed"] = "2025" },
			func(r map[string]string) { r["code"] = "L00001" },
			func(r map[string]string) { r["code"] = "MÃ CỤM" },
			func(r map[string]string) { r["name"] = "Cổng\u200bChùa" },
		}
		for i := range 37 {
			spoil[i%len(spoil)](rows[200+i*251])
		}
		file := n.workbook(book, who, rows)
		began := loa.WallClock{}.Now()
		mark := func(what string) {
			now := loa.WallClock{}.Now()
			t.Logf("%s: %.2f s", what, now.Sub(began).Seconds())
			began = now
		}
		checked, err := book.Check(ctx, who, "poles", province, "cum-loa.xlsx", file)
		n.ok(err)
		mark("dry run")
		if checked.Lines != 10_000 || checked.Added != 9_963 || checked.Bad != 37 || checked.Changed != 0 || checked.Same != 0 {
			t.Errorf("%d lines: %d added, %d bad", checked.Lines, checked.Added, checked.Bad)
		}
		told := map[int]bool{}
		for _, w := range checked.Wrong {
			said := catalog.Error("vi", w.Err)
			t.Logf("hàng %d: %s", w.Line, said)
			if told[w.Line] = true; strings.Contains(said, "%") && !strings.Contains(said, "(%)") || strings.Contains(said, "…") && !strings.Contains(said, "; …") && !strings.Contains(said, "Cổng Chùa") {
				t.Errorf("row %d has no whole sentence: %s", w.Line, said)
			}
		}
		if len(told) != 37 {
			t.Errorf("%d rows explained, want 37", len(told))
		}
		if got := n.count("pole"); got != 0 {
			t.Errorf("a dry run wrote %d poles", got)
		}
		applied, err := book.Apply(ctx, who, checked.ID)
		n.ok(err)
		mark("apply")
		if got := n.count("pole"); got != 9_963 || applied.State != sheet.Applied {
			t.Errorf("%d poles, %s", got, applied.State)
		}
		again, err := book.Check(ctx, who, "poles", province, "cum-loa.xlsx", file)
		n.ok(err)
		mark("dry run of the same file")
		if again.Same != 9_963 || again.Added != 0 || again.Changed != 0 {
			t.Errorf("the same file again: %d same, %d added, %d changed", again.Same, again.Added, again.Changed)
		}
		var out bytes.Buffer
		n.ok(book.Export(ctx, who, "poles", province, false, &out))
		mark("export")
		_, err = book.Undo(ctx, who, checked.ID)
		n.ok(err)
		mark("undo")
		if got := n.count("pole"); got != 0 {
			t.Errorf("%d poles after the undo", got)
		}
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Skip("no figure of memory here: " + err.Error())
		}
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "VmHWM") {
				t.Logf("most memory of this process, the database included where it is SQLite: %s", strings.TrimSpace(line))
			}
		}
	})
}

// workbook is rows as an .xlsx: cells that are no key of their column stay as
// they are, as a person would have typed them.
func (n node) workbook(book *sheet.Book, who loa.Actor, rows []map[string]string) []byte {
	n.t.Helper()
	var b bytes.Buffer
	n.ok(n.db.Read(n.t.Context(), func(tx *db.Tx) error {
		form, err := book.Registers["poles"].Table(tx, province)
		if err != nil {
			return err
		}
		for i, c := range form.Columns {
			if c.Kind == sheet.Number { // text would do too; a person types what they like
				form.Columns[i].Kind = sheet.Text
			}
			if c.Key == "hamlet" || c.Key == "commune" {
				form.Columns[i].Choices = nil // what stands there is typed
			}
		}
		return sheet.Write(&b, form, rows)
	}))
	return b.Bytes()
}

func (n node) count(table string) (rows int) {
	n.t.Helper()
	n.ok(n.db.Read(n.t.Context(), func(tx *db.Tx) error { return tx.Row("SELECT COUNT(*) FROM " + table).Scan(&rows) }))
	return rows
}

func (n node) verbs() (all []string) {
	n.t.Helper()
	n.ok(n.db.Read(n.t.Context(), func(tx *db.Tx) error {
		rows, err := journal.List(tx, journal.Filter{})
		for _, r := range rows {
			if !strings.HasPrefix(r.Verb, "unit.") {
				all = append([]string{r.Verb}, all...)
			}
		}
		return err
	}))
	return all
}

// TestImport: what a file changes, what it may not, and what stands in the book.
func TestImport(t *testing.T) {
	each(t, func(t *testing.T, n node) {
		ctx := t.Context()
		book, _, who := n.registers(2)
		commune := loa.Actor{ID: "man", Name: "Lê Thị Mận", Grants: []loa.Grant{{Path: dongSay, Rights: []loa.Right{loa.RightSpeakers, loa.RightRead}}}}
		check := func(who loa.Actor, at loa.Path, file []byte) sheet.Import {
			t.Helper()
			n.clock.Turn(time.Second)
			i, err := book.Check(ctx, who, "poles", at, "x.csv", file)
			n.ok(err)
			return i
		}
		wants := func(what string, err error, key string) {
			t.Helper()
			if loa.KeyOf(err) != key {
				t.Errorf("%s: %v, want %s", what, err, key)
			}
		}
		first := check(commune, dongSay, table(
			[]string{"DS01", "Cổng Chùa", "", "thôn 1", "20,42", "106,15", "70", "", "Hãng A", "", "2", "", "15/3/2025", "nơi thờ tự"},
			[]string{"", "Đình làng", "Đồng Sậy", "2", "", "", "", "FM", "", "", "", "", "", ""}))
		if first.Added != 2 || first.Bad != 0 {
			t.Fatalf("%+v", first.Summary)
		}
		// Two clicks at once: one writes, the other is told.
		second := make(chan error)
		for range 2 {
			go func() { _, err := book.Apply(ctx, commune, first.ID); second <- err }()
		}
		a, b := <-second, <-second
		if (a == nil) == (b == nil) {
			t.Errorf("two clicks: %v and %v", a, b)
		}
		wants("the slower click", map[bool]error{true: b, false: a}[a == nil], "sheet.moved")

		poles, err := (&speaker.Register{DB: n.db}).Poles(ctx, speaker.PoleQuery{Place: dongSay})
		n.ok(err)
		if len(poles) != 2 || poles[0].Name != "Cổng Chùa" || poles[0].Cap != 70 || poles[0].Sensitive != "worship" || poles[0].At.Lat != 20_420_000 ||
			poles[1].Technology != "fm" || poles[1].Cap != 80 || len(poles[1].Code) != 8 {
			t.Errorf("%+v", poles)
		}
		// Only what a row says is changed; a pole without a code is found by its name.
		change := check(commune, dongSay, []byte("Mã cụm,Tên cụm loa,Hãng\nDS01,Cổng Chùa,Hãng B\n,đình làng,\n"))
		if change.Changed != 1 || change.Same != 0 && change.Added != 0 {
			t.Errorf("%+v", change.Summary)
		}
		// Somebody changes the register between the dry run and the click.
		other := check(commune, dongSay, []byte("Mã cụm,Tên cụm loa,Hãng\nDS01,Cổng Chùa,Hãng B\n"))
		_, err = book.Apply(ctx, commune, other.ID)
		n.ok(err)
		_, err = book.Apply(ctx, commune, change.ID)
		wants("a stale dry run", err, "sheet.stale")
		// Undo: the later import stands in the way of the earlier, and says where.
		_, err = book.Undo(ctx, commune, first.ID)
		wants("undo under a later change", err, "sheet.changed_since")
		_, err = book.Undo(ctx, commune, other.ID)
		n.ok(err)
		_, err = book.Undo(ctx, commune, other.ID)
		wants("undo twice", err, "sheet.moved")

		// A code is one pole in the whole province, and a place is somebody's.
		elsewhere := check(who, province, []byte("Mã cụm,Tên cụm loa,\"Xã, phường\"\nDS01,Cổng Chùa,Đồng Sậy 1\nBM01,Bến,Đồng Sậy 1\nBM02,Bến,\n"))
		if elsewhere.Bad != 2 || elsewhere.Added != 1 {
			t.Errorf("%+v", elsewhere.Summary)
		}
		wants("another's code", elsewhere.Wrong[0].Err, "pole.code_elsewhere")
		wants("no commune", elsewhere.Wrong[1].Err, "sheet.required")
		_, err = book.Check(ctx, commune, "poles", province, "x.csv", table())
		wants("another's place", err, "right.missing")
		_, err = book.Check(ctx, who, "posts", province, "x.csv", table())
		wants("no such register", err, "sheet.register_unknown")
		_, err = book.Apply(ctx, commune, elsewhere.ID)
		wants("another's import", err, "right.missing")
		_, err = book.Apply(ctx, who, loa.NewID(n.clock.Now()))
		wants("no such import", err, "sheet.import_unknown")

		// A pole that has got a device since is not taken away.
		keys := speaker.Register{DB: n.db, Said: speaker.Silently}
		_, err = keys.NewCode(ctx, commune, poles[1].ID)
		n.ok(err)
		_, err = book.Undo(ctx, commune, first.ID)
		wants("undo under a device", err, "sheet.changed_since")
		if got := n.count("pole"); got != 2 {
			t.Errorf("%d poles", got)
		}
		// A power cut in the middle of apply: nothing half.
		third := check(commune, dongSay, []byte("Tên cụm loa,Hãng\nBờ ao,Hãng C\nBến đò,Hãng C\n"))
		cut, stop := context.WithCancel(ctx)
		stop()
		if _, err = book.Apply(cut, commune, third.ID); err == nil {
			t.Error("applied without a connection")
		}
		if got := n.count("pole"); got != 2 {
			t.Errorf("%d poles after a broken apply", got)
		}
		want := []string{"import.checked", "import.applied", "import.checked", "import.checked", "import.applied", "import.undone", "import.checked",
			"speaker.code_made", "import.checked"}
		slices.Sort(want) // two steps within a millisecond have no order
		if diff := cmp.Diff(want, slices.Sorted(slices.Values(n.verbs()))); diff != "" {
			t.Error(diff)
		}
		// What cannot be taken comes back as a file to mend.
		var file bytes.Buffer
		n.ok(book.Faulty(ctx, who, elsewhere.ID, func(err error) string { return loa.KeyOf(err) }, &file))
		form, err := sheet.Read(sheet.Table{Columns: []sheet.Column{{Key: "why", Heading: "Cần sửa"}, {Key: "code", Heading: "Mã cụm"}}}, file.Bytes())
		n.ok(err)
		var back []string
		for _, r := range form.Rows {
			back = append(back, r.Cells["why"]+" "+r.Cells["code"])
		}
		if diff := cmp.Diff([]string{"pole.code_elsewhere DS01", "sheet.required BM02"}, back); diff != "" {
			t.Error(diff)
		}
	})
}
