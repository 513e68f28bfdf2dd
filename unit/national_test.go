package unit

import (
	"context"
	"encoding/csv"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"

	"loa"
	"loa/db"
	"loa/db/dbtest"
	"loa/lang"
)

// reform is when the two-tier system began.
func reform() time.Time { return time.Date(2025, 7, 1, 0, 0, 0, 0, loa.Zone()) }

// today is a day of the invented week all texts of the project live in.
func today() time.Time { return time.Date(2026, 11, 23, 7, 0, 0, 0, loa.Zone()) }

// The list is sound in itself, whatever the number of its rows.
func TestNationalShape(t *testing.T) {
	rows, err := national(reform())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[loa.Path]Unit{}
	codes := map[string]loa.Path{}
	size := map[loa.Path]int{}
	for _, r := range rows {
		u := r.unit
		if _, twice := seen[u.Path]; twice {
			t.Errorf("line %d: %s twice", r.line, u.Path)
		}
		seen[u.Path] = u
		if err := u.check(); err != nil {
			t.Errorf("line %d: %v", r.line, err)
		}
		if !norm.NFC.IsNormalString(u.Name) || u.Name != cleanName(u.Type, u.Name) {
			t.Errorf("line %d: %q is not kept clean", r.line, u.Name)
		}
		if u.Level == Country {
			continue
		}
		if other, twice := codes[u.Code]; twice {
			t.Errorf("code %s: %s and %s", u.Code, other, u.Path)
		}
		codes[u.Code] = u.Path
		if want := map[Level]int{Province: 2, Commune: 5}[u.Level]; len(u.Code) != want || strings.Trim(u.Code, "0123456789") != "" {
			t.Errorf("%s %s: code is not %d digits", u.Level, u.Code, want)
		}
		size[u.Parent]++
	}
	for path, u := range seen {
		if _, ok := seen[u.Parent]; u.Level != Country && !ok {
			t.Errorf("%s lies in %s, which is not in the list", path, u.Parent)
		}
		if u.Level == Province && size[path] == 0 {
			t.Errorf("%s has no communes", u.FullName())
		}
	}
	whereTo := map[string]loa.Path{}
	for _, r := range rows {
		for _, p := range r.predecessors {
			if p.Kind == Alias {
				if _, used := codes[p.Code]; used {
					t.Errorf("%s is an alias and a unit", p.Code)
				}
				continue
			}
			if other, twice := whereTo[p.Code]; twice {
				t.Errorf("former commune %s went to %s and %s", p.Code, other, r.unit.Path)
			}
			whereTo[p.Code] = r.unit.Path
			if len(p.Code) != 5 || !isName(p.Name) || p.Kind != Listed {
				t.Errorf("predecessor %+v of %s", p, r.unit.Path)
			}
		}
	}
	for old, want := range map[string]loa.Path{ // the corrections that change a successor
		"30901": "vn/91/30886", "30913": "vn/91/30910",
	} {
		if whereTo[old] != want {
			t.Errorf("former commune %s went to %s, want %s", old, whereTo[old], want)
		}
	}
}

// The list says what two independent sources say, row by row. Only where the
// tone mark sits may differ ("Hoà", "Hòa"), as the reference itself notes.
func TestNationalAgainstReference(t *testing.T) {
	const folder = "../../shared/data/admin/2025/"
	rows, err := national(reform())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Unit{}
	for _, r := range rows {
		if r.unit.Level != Country {
			got[r.unit.Code] = r.unit
		}
	}
	want := 0
	for file, parent := range map[string]string{"provinces.csv": "", "communes.csv": "province_code"} {
		for _, ref := range reference(t, folder+file) {
			want++
			u, ok := got[ref["code"]]
			if !ok {
				t.Errorf("%s %s is missing", ref["code"], ref["full_name"])
				continue
			}
			if parent != "" && u.Parent != loa.Path("vn/"+ref[parent]) {
				t.Errorf("%s lies in %s, want %s", u.Code, u.Parent, ref[parent])
			}
			if string(u.Type) != ref["type"] {
				t.Errorf("%s is a %s, want %s", u.Code, u.Type, ref["type"])
			}
			if u.Name != ref["name"] && u.Name != ref["name_alt_spelling"] && (parent != "" || lang.SortKey(u.Name) != lang.SortKey(ref["name"])) {
				t.Errorf("%s is named %q, want %q or %q", u.Code, u.Name, ref["name"], ref["name_alt_spelling"])
			}
		}
	}
	if len(got) != want {
		t.Errorf("%d provinces and communes, the reference has %d", len(got), want)
	}
	for _, change := range reference(t, folder+"changes_2026-04-30.csv") {
		u := got[change["code"]]
		if !strings.EqualFold(u.FullName(), change["after"]) {
			t.Errorf("%s is %q, want %q by %s", u.Code, u.FullName(), change["after"], change["resolution"])
		}
	}
	// Every pair of ours is a pair there: the package names one successor, the mapping all.
	pairs := map[string]bool{}
	for _, ref := range reference(t, "../../shared/data/admin/mapping/legacy_to_2025_communes.csv") {
		pairs[ref["legacy_code"]+" "+ref["code"]] = true
	}
	for _, r := range rows {
		for _, p := range r.predecessors {
			if p.Kind == Listed && !pairs[p.Code+" "+r.unit.Code] {
				t.Errorf("%s %s did not go into %s", p.Code, p.Name, r.unit.FullName())
			}
		}
	}
}

// reference reads a file of the reference data, as column to value.
func reference(t *testing.T, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		t.Skip("the reference data is not here: " + name)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, record := range all[1:] {
		row := map[string]string{}
		for i, column := range all[0] {
			row[column] = record[i]
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return rows
}

func TestImportNational(t *testing.T) {
	dbtest.EachAt(t, loa.NewHandClock(today()), func(t *testing.T, d *db.DB) {
		r := &Register{d}
		rows, err := national(reform())
		if err != nil {
			t.Fatal(err)
		}
		report, err := r.ImportNational(t.Context(), loa.System(), reform())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Report{Rows: len(rows), Added: len(rows)}, report); diff != "" {
			t.Error(diff)
		}
		report, err = r.ImportNational(t.Context(), loa.System(), reform())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Report{Rows: len(rows), Same: len(rows)}, report); diff != "" {
			t.Errorf("a second time: %s", diff)
		}
		if diff := cmp.Diff([]string{"unit.imported", "unit.imported"}, verbs(t, d)); diff != "" {
			t.Error(diff)
		}

		u, err := r.Find(t.Context(), "vn/75/25270")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Unit{Path: "vn/75/25270", Code: "25270", Parent: "vn/75", Level: Commune, Type: Phuong, Name: "Lộc Ninh", From: reform().UTC()}, u); diff != "" {
			t.Error(diff)
		}
		for text, want := range map[string]string{
			"lộc ninh":             "vn/75/25270",
			"LOC NINH":             "vn/75/25270",
			"phường lộc ninh":      "vn/75/25270",
			"25270":                "vn/75/25270",
			"06970":                "vn/22/06978", // an alias
			"ia mo":                "vn/52/23938",
			"đặc khu Trường Sa":    "vn/56/22736",
			"tp ho chi minh":       "vn/79",
			"thị trấn ba chẽ":      "vn/22/06978", // a former commune
			"Ea H’Leo":             "vn/66/24184",
			"thanh pho dong nai":   "vn/75",
			"tỉnh Khánh Hoà":       "vn/56",
			norm.NFD.String("Huế"): "vn/46",
		} {
			found, err := r.Search(t.Context(), text)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) == 0 || string(found[0].Path) != want {
				t.Errorf("%q finds %v first, want %s", text, paths(found), want)
			}
		}
		for _, text := range []string{"", " ", "%", "_", "không có nơi này", "a\x00", "\xff", strings.Repeat("x", 1000)} {
			found, err := r.Search(t.Context(), text)
			if err != nil || len(found) != 0 {
				t.Errorf("%q finds %v, %v", text, paths(found), err)
			}
		}
		found, err := r.Search(t.Context(), "an")
		if err != nil || len(found) != searchMax {
			t.Errorf("%d found, %v; want the first %d", len(found), err, searchMax)
		}

		children, err := r.Children(t.Context(), "vn")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := children[0].Name, "An Giang"; got != want {
			t.Errorf("the first province is %s, want %s", got, want)
		}
		if !slices.IsSortedFunc(children, func(a, b Unit) int {
			return strings.Compare(lang.SortKey(a.Name), lang.SortKey(b.Name))
		}) {
			t.Errorf("provinces are not in order: %v", children)
		}
		err = d.Read(t.Context(), func(tx *db.Tx) error {
			all, err := Under(tx, "vn")
			if len(all) != len(rows) {
				t.Errorf("%d under vn, want %d", len(all), len(rows))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// Rights are asked for each unit the list adds.
func TestImportNationalRights(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		who := loa.Actor{ID: "x", Grants: []loa.Grant{{Path: "vn/75", Rights: []loa.Right{loa.RightPeople}}}}
		report, err := (&Register{d}).ImportNational(t.Context(), who, reform())
		if loa.KeyOf(err) != "unit.import_refused" {
			t.Fatalf("got %v", err)
		}
		if got := loa.KeyOf(report.Errors[0].Err); got != "right.missing" {
			t.Errorf("first error is %s", got)
		}
		if n := count(t, d, "unit"); n != 0 {
			t.Errorf("%d units written", n)
		}
	})
}

// BenchmarkImportNational prints how long a new province waits for its list.
func BenchmarkImportNational(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		d := dbtest.Open(b, dbtest.SQLite(b))
		b.StartTimer()
		if _, err := (&Register{d}).ImportNational(context.Background(), loa.System(), reform()); err != nil {
			b.Fatal(err)
		}
	}
}

func verbs(t *testing.T, d *db.DB) (all []string) {
	t.Helper()
	err := d.Read(t.Context(), func(tx *db.Tx) (err error) {
		all, err = db.All(tx, "SELECT verb FROM journal ORDER BY at, verb", nil, func(scan func(...any) error) (s string, err error) {
			err = scan(&s)
			return s, err
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func count(t *testing.T, d *db.DB, table string) (n int) {
	t.Helper()
	err := d.Read(t.Context(), func(tx *db.Tx) error { return tx.Row("SELECT COUNT(*) FROM " + table).Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func paths(units []Unit) []loa.Path {
	all := make([]loa.Path, len(units))
	for i, u := range units {
		all[i] = u.Path
	}
	return all
}
