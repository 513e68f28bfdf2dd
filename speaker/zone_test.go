package speaker_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/db"
	"loa/speaker"
	"loa/unit"
)

// TestZone: a zone takes in hamlets and poles and leaves poles out; a pole that
// is moved, or added, follows; a zone that ends lets all go.
func TestZone(t *testing.T) {
	each(t, func(t *testing.T, n node) {
		ctx := t.Context()
		n.registers(2)
		r := &speaker.Register{DB: n.db, Said: speaker.Silently}
		who := loa.Actor{ID: "man", Name: "Lê Thị Mận", Grants: []loa.Grant{{Path: dongSay, Rights: []loa.Right{loa.RightSpeakers, loa.RightRead}}}}
		add := func(code string, at loa.Path) speaker.Pole {
			t.Helper()
			n.clock.Turn(time.Second)
			p, err := r.AddPole(ctx, who, speaker.Pole{Code: code, Name: "Cột " + code, Path: at, Cap: 80})
			n.ok(err)
			return p
		}
		const t1, t2, t3 = dongSay + "/h/t1", dongSay + "/h/t2", dongSay + "/h/t3"
		add("A1", t1)
		add("A2", t1)
		b1 := add("B1", t2)
		add("C1", t3)
		in := func(zone loa.Path) (codes []string) {
			t.Helper()
			poles, err := r.Poles(ctx, speaker.PoleQuery{Place: dongSay})
			n.ok(err)
			for _, p := range poles {
				if slices.Contains(p.Zones, zone) {
					codes = append(codes, p.Code)
				}
			}
			slices.Sort(codes)
			return codes
		}
		wants := func(what string, zone loa.Path, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, in(zone)); diff != "" {
				t.Error(what, diff)
			}
		}
		fails := func(what, key string, z speaker.Zone) {
			t.Helper()
			if _, err := r.SaveZone(ctx, who, dongSay, z); loa.KeyOf(err) != key {
				t.Errorf("%s: %v, want %s", what, err, key)
			}
		}
		z := speaker.Zone{Name: "ven sông", Members: []loa.Path{t1}, Plus: []string{"B1"}, Minus: []string{"A2"}}
		tried, err := r.Within(ctx, dongSay, z)
		n.ok(err)
		if len(tried) != 2 || tried[0].Code != "A1" || tried[1].Code != "B1" {
			t.Errorf("tried %+v", tried)
		}
		z, err = r.SaveZone(ctx, who, dongSay, z)
		n.ok(err)
		wants("a new zone", z.Path, "A1", "B1")
		add("A3", t1)
		wants("a pole added later", z.Path, "A1", "A3", "B1")
		b1.Path = t3
		_, err = r.EditPole(ctx, who, b1)
		n.ok(err)
		wants("a pole moved, put in by name", z.Path, "A1", "A3", "B1")
		z.Plus, z.Minus, z.Members = nil, nil, []loa.Path{t1, t3}
		z, err = r.SaveZone(ctx, who, dongSay, z)
		n.ok(err)
		wants("another set", z.Path, "A1", "A2", "A3", "B1", "C1")

		fails("no members", "unit.zone_empty", speaker.Zone{Name: "trống"})
		fails("a hamlet of another commune", "unit.member_outside", speaker.Zone{Name: "xa", Members: []loa.Path{"vn/98/98012/h/t1"}})
		fails("a zone in a zone", "unit.member_outside", speaker.Zone{Name: "trong", Members: []loa.Path{z.Path}})
		fails("no such pole", "pole.unknown", speaker.Zone{Name: "không", Plus: []string{"ZZ"}})
		fails("in and out", "unit.member_outside", speaker.Zone{Name: "hai", Plus: []string{"A1"}, Minus: []string{"A1"}})
		fails("the same name", "unit.exists", speaker.Zone{Name: "ven sông", Members: []loa.Path{t1}, Path: ""})
		if _, err := r.SaveZone(ctx, who, "vn/98/98012", speaker.Zone{Name: "x", Members: []loa.Path{"vn/98/98012/h/t1"}}); loa.KeyOf(err) != "right.missing" {
			t.Errorf("another's commune: %v", err)
		}

		n.clock.Turn(time.Second)
		n.ok(r.EndZone(ctx, who, z.Path))
		wants("an ended zone", z.Path)
		if err := r.EndZone(ctx, who, z.Path); loa.CodeOf(err) != loa.NotFound {
			t.Errorf("ended twice: %v", err)
		}
		// A hamlet ends only when nothing stands in it any more.
		units := &unit.Register{DB: n.db}
		people := loa.Actor{ID: "x", Name: "x", Grants: []loa.Grant{{Path: dongSay, Rights: []loa.Right{loa.RightPeople}}}}
		if err := units.End(ctx, people, t1, speaker.CountAt); loa.KeyOf(err) != "unit.in_use" {
			t.Errorf("a hamlet with poles: %v", err)
		}
		n.ok(units.End(ctx, people, t2, speaker.CountAt))
		n.ok(units.Rename(ctx, people, t3, "ban", "bản Nà Mạy"))
		u, err := units.Find(ctx, t3)
		n.ok(err)
		if u.FullName() != "bản Nà Mạy" {
			t.Errorf("renamed to %s", u.FullName())
		}
		if err := units.Rename(ctx, people, dongSay, "xa", "Khác"); loa.KeyOf(err) != "right.missing" && loa.KeyOf(err) != "unit.not_hamlet" {
			t.Errorf("renaming a commune: %v", err)
		}
		n.ok(n.db.Read(ctx, func(tx *db.Tx) error {
			count, err := speaker.CountAt(tx, dongSay)
			if count != 5 {
				t.Errorf("%d poles", count)
			}
			return err
		}))
	})
}
