package office

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/db"
	"loa/db/dbtest"
	"loa/journal"
	"loa/unit"
)

// stage is an invented province and the country it lies in.
const stage = `path,code,parent,level,type,name,valid_from,valid_to,predecessors
vn,,,country,quoc_gia,Việt Nam,2025-07-01,,
vn/98,98,vn,province,tinh,Lam Xuyên,2025-07-01,,
vn/98/98011,98011,vn/98,commune,xa,Đồng Sậy,2025-07-01,,
vn/98/98037,98037,vn/98,commune,xa,Bến Mai,2025-07-01,,
vn/98/98037/h/bn,,vn/98/98037,hamlet,thon,Bãi Ngô,2025-07-01,,
`

func today() time.Time { return time.Date(2026, 11, 23, 7, 0, 0, 0, loa.Zone()) }

// on runs f on both databases, each holding the stage, on the same morning.
func on(t *testing.T, f func(t *testing.T, r *Register, clock *loa.HandClock)) {
	t.Helper()
	dbtest.EachURL(t, func(t *testing.T, url string) {
		clock := loa.NewHandClock(today())
		d := dbtest.OpenAt(t, url, clock)
		if report, err := (&unit.Register{DB: d}).Import(t.Context(), loa.System(), strings.NewReader(stage), false); err != nil {
			t.Fatal(err, report.Errors)
		}
		f(t, &Register{d}, clock)
	})
}

func add(t *testing.T, r *Register, o Office) Office {
	t.Helper()
	o, err := r.Add(t.Context(), loa.System(), o)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func names(all []Office, err error) string {
	var s []string
	for _, o := range all {
		s = append(s, o.Name)
	}
	if err != nil {
		s = append(s, err.Error())
	}
	return strings.Join(s, ", ")
}

func TestAdd(t *testing.T) {
	on(t, func(t *testing.T, r *Register, _ *loa.HandClock) {
		got := add(t, r, Office{Kind: Power, Name: "  Điện lực  khu vực Lam Xuyên 2", Path: "vn/98",
			Serves: []loa.Path{"vn/98/98037", "vn/98/98011", "vn/98/98037"}})
		want := Office{ID: got.ID, Kind: Power, Name: "Điện lực khu vực Lam Xuyên 2", Path: "vn/98",
			Serves: []loa.Path{"vn/98/98011", "vn/98/98037"}, From: today().UTC()}
		if !loa.IsID(got.ID) {
			t.Errorf("id %q", got.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		found, err := r.Find(t.Context(), got.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("found %s", diff)
		}
		var book []journal.Row
		if err := r.DB.Read(t.Context(), func(tx *db.Tx) (err error) {
			book, err = journal.List(tx, journal.Filter{Subject: got.ID})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if len(book) != 1 || book[0].Verb != "office.added" || book[0].Path != "vn/98" {
			t.Errorf("in the book: %+v", book)
		}
	})
}

func TestAddRefused(t *testing.T) {
	commune := loa.Actor{ID: "p", Name: "Lê Thị Mận", Grants: []loa.Grant{
		{Path: "vn/98/98011", Rights: []loa.Right{loa.RightPeople}},
		{Path: "vn/98", Rights: []loa.Right{loa.RightWrite, loa.RightRead}},
	}}
	on(t, func(t *testing.T, r *Register, _ *loa.HandClock) {
		add(t, r, Office{Kind: Committee, Name: "UBND xã Đồng Sậy", Path: "vn/98/98011"})
		for _, c := range []struct {
			name string
			who  loa.Actor
			o    Office
			code loa.Code
			key  string
		}{
			{"kind", commune, Office{Kind: "phong", Name: "X", Path: "vn/98/98011"}, loa.Invalid, "office.kind_unknown"},
			{"no name", commune, Office{Kind: Other, Name: " \n", Path: "vn/98/98011"}, loa.Invalid, "office.name_bad"},
			{"long name", commune, Office{Kind: Other, Name: strings.Repeat("ồ", 201), Path: "vn/98/98011"}, loa.Invalid, "office.name_bad"},
			{"hidden letters", commune, Office{Kind: Other, Name: "a\u202eb", Path: "vn/98/98011"}, loa.Invalid, "office.name_bad"},
			{"ended before", commune, Office{Kind: Other, Name: "X", Path: "vn/98/98011", To: today()}, loa.Invalid, "office.ends_before_start"},
			{"the commune beside", commune, Office{Kind: Other, Name: "X", Path: "vn/98/98037"}, loa.Forbidden, "right.missing"},
			{"the province above", commune, Office{Kind: Other, Name: "X", Path: "vn/98"}, loa.Forbidden, "right.missing"},
			{"works beside", commune, Office{Kind: Other, Name: "X", Path: "vn/98/98011", Serves: []loa.Path{"vn/98/98037"}}, loa.Forbidden, "right.missing"},
			{"no such place", loa.System(), Office{Kind: Other, Name: "X", Path: "vn/97"}, loa.NotFound, "unit.unknown"},
			{"again", commune, Office{Kind: Committee, Name: "UBND Xã  Đồng Sậy", Path: "vn/98/98011"}, loa.Conflict, "office.exists"},
		} {
			t.Run(c.name, func(t *testing.T) {
				o, err := r.Add(t.Context(), c.who, c.o)
				if loa.CodeOf(err) != c.code || loa.KeyOf(err) != c.key {
					t.Errorf("got %v, %v; want %s %s", o, err, c.code, c.key)
				}
			})
		}
		if got, want := names(r.List(t.Context(), "vn")), "UBND xã Đồng Sậy"; got != want {
			t.Errorf("offices: %s, want %s", got, want)
		}
	})
}

func TestListServing(t *testing.T) {
	on(t, func(t *testing.T, r *Register, clock *loa.HandClock) {
		add(t, r, Office{Kind: Committee, Name: "UBND xã Đồng Sậy", Path: "vn/98/98011"})
		add(t, r, Office{Kind: Clinic, Name: "Trạm Y tế xã Bến Mai", Path: "vn/98/98037"})
		add(t, r, Office{Kind: Editors, Name: "Ban Biên tập", Path: "vn/98"})
		add(t, r, Office{Kind: Power, Name: "Điện lực 2", Path: "vn/98", Serves: []loa.Path{"vn/98/98011"}})
		add(t, r, Office{Kind: Station, Name: "Đài sắp mở", Path: "vn/98", From: today().Add(time.Hour)})
		add(t, r, Office{Kind: Station, Name: "Đài cũ", Path: "vn/98", From: today().Add(-time.Hour), To: today()})
		for _, c := range []struct {
			path          loa.Path
			list, serving string
		}{
			{"vn", "Ban Biên tập, Điện lực 2, Trạm Y tế xã Bến Mai, UBND xã Đồng Sậy", ""},
			{"vn/98", "Ban Biên tập, Điện lực 2, Trạm Y tế xã Bến Mai, UBND xã Đồng Sậy", "Ban Biên tập"},
			{"vn/98/98011", "UBND xã Đồng Sậy", "Ban Biên tập, Điện lực 2, UBND xã Đồng Sậy"},
			{"vn/98/98037/h/bn", "", "Ban Biên tập, Trạm Y tế xã Bến Mai"},
			{"vn/9", "", ""},
			{"", "", ""},
		} {
			if got := names(r.List(t.Context(), c.path)); got != c.list {
				t.Errorf("offices of %q: %s, want %s", c.path, got, c.list)
			}
			if got := names(r.Serving(t.Context(), c.path)); got != c.serving {
				t.Errorf("offices that serve %q: %s, want %s", c.path, got, c.serving)
			}
		}
		clock.Turn(time.Hour)
		if got, want := names(r.Serving(t.Context(), "vn/98")), "Ban Biên tập, Đài sắp mở"; got != want {
			t.Errorf("an hour later: %s, want %s", got, want)
		}
	})
}

func TestClose(t *testing.T) {
	on(t, func(t *testing.T, r *Register, clock *loa.HandClock) {
		o := add(t, r, Office{Kind: Clinic, Name: "Trạm Y tế", Path: "vn/98/98037"})
		beside := loa.Actor{ID: "p", Name: "x", Grants: []loa.Grant{{Path: "vn/98/98011", Rights: []loa.Right{loa.RightPeople}}}}
		province := loa.Actor{ID: "p", Name: "x", Grants: []loa.Grant{{Path: "vn/98", Rights: []loa.Right{loa.RightPeople}}}}
		clock.Turn(time.Hour)
		for _, c := range []struct {
			who  loa.Actor
			id   string
			code loa.Code
			key  string
		}{
			{beside, o.ID, loa.Forbidden, "right.missing"},
			{province, "01jzzzzzzzzzzzzzzzzzzzzzzz", loa.NotFound, "office.unknown"},
			{province, o.ID, "", ""},
			{province, o.ID, loa.Conflict, "office.closed"},
		} {
			err := r.Close(t.Context(), c.who, c.id)
			if c.key == "" && err != nil || c.key != "" && (loa.CodeOf(err) != c.code || loa.KeyOf(err) != c.key) {
				t.Errorf("got %v, want %s %s", err, c.code, c.key)
			}
		}
		o, err := r.Find(t.Context(), o.ID)
		if err != nil || !o.To.Equal(today().Add(time.Hour)) || o.At(clock.Now()) || !o.At(today()) {
			t.Errorf("closed: %+v, %v", o, err)
		}
		// The name is free again.
		add(t, r, Office{Kind: Clinic, Name: "Trạm Y tế", Path: "vn/98/98037"})
	})
}
