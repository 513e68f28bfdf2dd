package people

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/office"
)

func (s stage) close(t *testing.T, o office.Office) {
	t.Helper()
	if err := (&office.Register{DB: s.DB}).Close(t.Context(), loa.System(), o.ID); err != nil {
		t.Fatal(err)
	}
}

func TestAddPost(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		over := func(path loa.Path, rights ...loa.Right) []loa.Grant { return []loa.Grant{{Path: path, Rights: rights}} }
		gone := s.office(t, office.Other, "Ban đã giải thể", "vn/98/98011")
		s.close(t, gone)
		for _, c := range []struct {
			name string
			who  loa.Actor
			p    Post
			code loa.Code
			key  string
		}{
			{"good", may("vn/98/98011"), Post{Office: s.commune.ID, Title: "Phó Chủ tịch", Grants: over("vn/98/98011", loa.RightApprove)}, "", ""},
			{"without rights", may("vn/98/98011"), Post{Office: s.commune.ID, Title: "Văn thư"}, "", ""},
			{"over two communes", may("vn/98"), Post{Office: s.commune.ID, Title: "Trực",
				Grants: append(over("vn/98/98011", loa.RightRead), over("vn/98/98037", loa.RightRead)...)}, "", ""},
			{"no title", may("vn"), Post{Office: s.commune.ID, Title: " "}, loa.Invalid, "people.name_bad"},
			{"an empty grant", may("vn"), Post{Office: s.commune.ID, Title: "x", Grants: over("vn/98")}, loa.Invalid, "people.grant_empty"},
			{"an invented right", may("vn"), Post{Office: s.commune.ID, Title: "x", Grants: over("vn/98", "root")}, loa.Invalid, "people.right_unknown"},
			{"no such office", may("vn"), Post{Office: "x", Title: "x"}, loa.NotFound, "office.unknown"},
			{"a closed office", may("vn"), Post{Office: gone.ID, Title: "x"}, loa.Conflict, "office.closed"},
			{"no such place", loa.System(), Post{Office: s.commune.ID, Title: "x", Grants: over("vn/97", loa.RightRead)}, loa.NotFound, "unit.unknown"},
			{"rights above", may("vn/98/98011"), Post{Office: s.commune.ID, Title: "x", Grants: over("vn/98", loa.RightRead)}, loa.Forbidden, "right.missing"},
			{"rights beside", may("vn/98/98011"), Post{Office: s.commune.ID, Title: "x", Grants: over("vn/98/98037", loa.RightRead)}, loa.Forbidden, "right.missing"},
			{"an office above", may("vn/98/98011"), Post{Office: s.province.ID, Title: "x", Grants: over("vn/98/98011", loa.RightRead)}, loa.Forbidden, "right.missing"},
			{"without the right", may(), Post{Office: s.commune.ID, Title: "x"}, loa.Forbidden, "right.missing"},
		} {
			t.Run(c.name, func(t *testing.T) {
				p, err := s.AddPost(t.Context(), c.who, c.p)
				wants(t, err, c.code, c.key)
				if err == nil {
					if got, want := s.verbs(t, p.ID), "people.post_added Hoàng Thị Sen"; got != want {
						t.Errorf("in the book: %s, want %s", got, want)
					}
				}
			})
		}
		if n := s.count(t, "post", "1 = 1"); n != 3 {
			t.Errorf("%d posts written, want 3", n)
		}
	})
}

func TestHoldRefused(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man, khoi := s.man(t), s.person(t, "khoi.tb", "Trần Bá Khôi", "vn/98/98011")
		post := s.post(t, s.commune, "Phó Chủ tịch", loa.RightApprove)
		above := s.post(t, s.province, "Biên tập viên", loa.RightApprove)
		if _, err := s.Hold(t.Context(), may("vn/98/98011"), post.ID, khoi.ID, day(24), day(27), false); err != nil {
			t.Fatal(err)
		}
		var none time.Time
		for _, c := range []struct {
			name         string
			who          loa.Actor
			post, person string
			from, until  time.Time
			lent         bool
			code         loa.Code
			key          string
		}{
			{"lent without an end", may("vn"), post.ID, man.ID, none, none, true, loa.Invalid, "people.lent_undated"},
			{"ends before it starts", may("vn"), post.ID, man.ID, day(26), day(25), true, loa.Invalid, "people.ends_before_start"},
			{"ended already", may("vn"), post.ID, man.ID, day(20), day(23), true, loa.Invalid, "people.ends_before_start"},
			{"no such post", may("vn"), "x", man.ID, none, none, false, loa.NotFound, "people.post_unknown"},
			{"no such person", may("vn"), post.ID, "x", none, none, false, loa.NotFound, "people.unknown"},
			{"beside", may("vn/98/98037"), post.ID, man.ID, none, none, false, loa.Forbidden, "right.missing"},
			{"above", may("vn/98/98011"), above.ID, man.ID, none, none, false, loa.Forbidden, "right.missing"},
			{"without the right", may(), post.ID, man.ID, none, none, false, loa.Forbidden, "right.missing"},
			{"held on some of the days", may("vn"), post.ID, khoi.ID, day(26), day(28), true, loa.Conflict, "people.held_already"},
			{"held, and for good", may("vn"), post.ID, khoi.ID, none, none, false, loa.Conflict, "people.held_already"},
			{"by another on the same days", may("vn"), post.ID, man.ID, day(24), day(27), true, "", ""},
			{"the days after", may("vn"), post.ID, khoi.ID, day(27), none, false, "", ""},
			{"the hours before", may("vn"), post.ID, khoi.ID, none, day(24), false, "", ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				_, err := s.Hold(t.Context(), c.who, c.post, c.person, c.from, c.until, c.lent)
				wants(t, err, c.code, c.key)
			})
		}
		if n := s.count(t, "holder", "1 = 1"); n != 4 {
			t.Errorf("%d holdings, want 4", n)
		}
	})
}

// Rights come and go with the days; nobody has to do anything.
func TestActor(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		officer := s.post(t, s.commune, "Người phụ trách Đài", loa.RightWrite)
		chair := s.post(t, s.commune, "Phó Chủ tịch UBND xã", loa.RightApprove)
		clinic := s.office(t, office.Clinic, "Trạm Y tế", "vn/98/98011")
		nurse := s.post(t, clinic, "Trạm trưởng", loa.RightRead)
		own := s.hold(t, officer, man)
		s.clock.Turn(time.Second)
		// From yesterday is from now: rights are not given backwards.
		if h, err := s.Hold(t.Context(), loa.System(), nurse.ID, man.ID, day(22), time.Time{}, false); err != nil || !h.From.Equal(s.clock.Now()) {
			t.Fatalf("held from %v, %v", h.From, err)
		}
		lent, err := s.Hold(t.Context(), loa.System(), chair.ID, man.ID, day(25), day(27), true)
		if err != nil {
			t.Fatal(err)
		}
		never, err := s.Hold(t.Context(), loa.System(), chair.ID, man.ID, day(28), day(29), true)
		if err != nil {
			t.Fatal(err)
		}
		check := func(when, title string, rights ...loa.Right) {
			t.Helper()
			want := loa.Actor{ID: man.ID, Name: "Lê Thị Mận", Post: title}
			if len(rights) > 0 {
				want.Grants = []loa.Grant{{Path: "vn/98/98011", Rights: rights}}
			}
			got, err := s.Actor(t.Context(), man.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", when, diff)
			}
		}
		to := func(at time.Time) { s.clock.Turn(at.Sub(s.clock.Now())) }
		check("Monday", "Người phụ trách Đài", loa.RightWrite, loa.RightRead)
		to(day(25).Add(-time.Millisecond))
		check("Tuesday, 23:59", "Người phụ trách Đài", loa.RightWrite, loa.RightRead)
		to(day(25))
		check("Wednesday, 0:00", "Người phụ trách Đài", loa.RightApprove, loa.RightWrite, loa.RightRead)
		s.close(t, clinic)
		check("the clinic is closed", "Người phụ trách Đài", loa.RightApprove, loa.RightWrite)

		wants(t, s.End(t.Context(), may("vn/98/98037"), own.ID, time.Time{}), loa.Forbidden, "right.missing")
		wants(t, s.End(t.Context(), may("vn"), "x", time.Time{}), loa.NotFound, "people.holding_unknown")
		for _, h := range []Holding{own, never} {
			if err := s.End(t.Context(), may("vn/98/98011"), h.ID, time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
		wants(t, s.End(t.Context(), may("vn/98/98011"), own.ID, time.Time{}), loa.Conflict, "people.ended")
		check("only the lent post is left", "Phó Chủ tịch UBND xã", loa.RightApprove)
		to(day(27))
		check("and it is over", "")
		wants(t, s.End(t.Context(), may("vn/98/98011"), lent.ID, time.Time{}), loa.Conflict, "people.ended")
		to(day(28).Add(time.Hour))
		check("what was ended before it began", "")
		if got, want := s.verbs(t, chair.ID), "people.ended Hoàng Thị Sen, people.held Loa, people.held Loa, people.post_added Loa"; got != want {
			t.Errorf("in the book: %s, want %s", got, want)
		}
	})
}

func TestHoldAtOnce(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man, post := s.man(t), s.post(t, s.commune, "Người phụ trách Đài", loa.RightWrite)
		got := eight(func() error {
			_, err := s.Hold(t.Context(), loa.System(), post.ID, man.ID, time.Time{}, time.Time{}, false)
			return err
		})
		if diff := cmp.Diff(map[string]int{"": 1, "people.held_already": 7}, got); diff != "" {
			t.Error(diff)
		}
	})
}
