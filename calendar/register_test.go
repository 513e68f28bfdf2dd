package calendar_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/calendar"
	"loa/db"
	"loa/db/dbtest"
)

// place writes a commune's row, with its province and country.
func places(t *testing.T, d *db.DB) {
	t.Helper()
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		for _, u := range [][3]string{{"vn", "", "country"}, {"vn/98", "vn", "province"}, {"vn/98/98011", "vn/98", "commune"}, {"vn/98/98037", "vn/98", "commune"}} {
			if _, err := tx.Exec(`INSERT INTO unit (path, code, parent, level, type, name, name_fold, name_sort, valid_from)
				VALUES (?, ?, ?, ?, 'xa', ?, '', '', 0)`, u[0], u[0], u[1], u[2], u[0]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRegister(t *testing.T) {
	clock := loa.NewHandClock(time.Date(2026, 11, 23, 8, 0, 0, 0, loa.Zone()))
	dbtest.EachAt(t, clock, func(t *testing.T, d *db.DB) {
		places(t, d)
		r := &calendar.Register{DB: d}
		ctx := t.Context()
		province := loa.Actor{ID: "sen", Name: "Hoàng Thị Sen", Grants: []loa.Grant{{Path: "vn/98", Rights: []loa.Right{loa.RightDispatch}}}}
		officer := loa.Actor{ID: "man", Name: "Lê Thị Mận", Grants: []loa.Grant{{Path: "vn/98/98011", Rights: []loa.Right{loa.RightDispatch}}}}
		const commune = loa.Path("vn/98/98011")
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		day := date(t, "2027-02-05")
		ok(r.Decide(ctx, province, "vn/98", calendar.Decided{Day: day, Kind: calendar.Festive, Name: "tet", Basis: "TB 12/2026 (giả định)"}))
		ok(r.Decide(ctx, province, "vn/98", calendar.Decided{Day: day + 10, Kind: calendar.Off, Basis: "TB 12/2026 (giả định)"}))
		ok(r.Decide(ctx, officer, commune, calendar.Decided{Day: day + 10, Kind: calendar.Working}))
		ok(r.AddTerm(ctx, province, "vn/98", calendar.Term{Name: "Học kỳ I", From: date(t, "2026-09-05"), Until: date(t, "2027-01-15"), Week: "12345"}))
		ok(r.AddMarket(ctx, officer, commune, calendar.Market{Name: " Chợ   Đồng Sậy ", Calendar: calendar.ByLunar, Days: []int{2, 7}}))

		b, err := r.Book(ctx, commune+"/h/thon-1")
		ok(err)
		got := []string{}
		for _, x := range b.Decided {
			got = append(got, x.Day.String()+" "+x.Kind)
		}
		if diff := cmp.Diff([]string{"2027-02-05 holiday", "2027-02-15 working"}, got); diff != "" {
			t.Error(diff)
		}
		if len(b.Terms) != 1 || len(b.Markets) != 1 || b.Markets[0].Name != "Chợ Đồng Sậy" || b.Markets[0].SayDays() != "2, 7" {
			t.Errorf("terms %v, markets %v", b.Terms, b.Markets)
		}
		other, err := r.Book(ctx, "vn/98/98037")
		ok(err)
		if len(other.Markets) != 0 || other.Decided[1].Kind != calendar.Off {
			t.Errorf("a neighbour holds %v", other)
		}
		ok(r.Drop(ctx, officer, commune, b.Markets[0].ID))
		ok(r.Decide(ctx, officer, commune, calendar.Decided{Day: day + 10}))
		b, err = r.Book(ctx, commune)
		ok(err)
		if len(b.Markets) != 0 || b.Decided[1].Kind != calendar.Off {
			t.Errorf("what was taken back is there: %v", b)
		}

		for _, c := range []struct {
			key string
			err error
		}{
			{"right.missing", r.Decide(ctx, officer, "vn/98", calendar.Decided{Day: day, Kind: calendar.Off})},
			{"right.missing", r.AddMarket(ctx, officer, "vn/98/98037", calendar.Market{Name: "Chợ", Calendar: calendar.ByWeek, Days: []int{1}})},
			{"calendar.date", r.Decide(ctx, officer, commune, calendar.Decided{Kind: calendar.Off})},
			{"calendar.kind", r.Decide(ctx, officer, commune, calendar.Decided{Day: day, Kind: "party"})},
			{"calendar.name", r.Decide(ctx, officer, commune, calendar.Decided{Day: day, Kind: calendar.Festive})},
			{"calendar.name", r.Decide(ctx, officer, commune, calendar.Decided{Day: day, Kind: calendar.Off, Name: "a\x00"})},
			{"calendar.term", r.AddTerm(ctx, officer, commune, calendar.Term{Name: "Hè", From: day, Until: day - 1, Week: "1"})},
			{"calendar.name", r.AddTerm(ctx, officer, commune, calendar.Term{Name: "Hè", From: day, Until: day})},
			{"calendar.market_days", r.AddMarket(ctx, officer, commune, calendar.Market{Name: "Chợ", Calendar: calendar.ByWeek, Days: []int{8}})},
			{"calendar.market_days", r.AddMarket(ctx, officer, commune, calendar.Market{Name: "Chợ", Calendar: calendar.ByLunar})},
			{"calendar.unknown", r.Drop(ctx, officer, commune, loa.NewID(clock.Now()))},
			{"unit.unknown", r.AddMarket(ctx, province, "vn/98/98099", calendar.Market{Name: "Chợ", Calendar: calendar.ByWeek, Days: []int{1}})},
		} {
			if !errors.Is(c.err, loa.Errorf(loa.Invalid, c.key)) {
				t.Errorf("%v, want %s", c.err, c.key)
			}
		}
		var verbs []string
		ok(d.Read(ctx, func(tx *db.Tx) (err error) {
			verbs, err = db.All(tx, "SELECT verb FROM journal ORDER BY id", nil, func(scan func(...any) error) (s string, err error) { return s, scan(&s) })
			return err
		}))
		if len(verbs) != 7 {
			t.Errorf("the book holds %v", verbs)
		}
	})
}
