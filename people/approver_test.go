package people

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
)

// TestApprovers is who may approve for a place on a given day: the place's own
// first, whoever is away behind whoever holds the post, the province last.
func TestApprovers(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		post := func(office, title string, path loa.Path, right loa.Right) Post {
			p, err := s.AddPost(t.Context(), loa.System(), Post{Office: office, Title: title, Grants: []loa.Grant{{Path: path, Rights: []loa.Right{right}}}})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		hold := func(p Post, who Person, until time.Time, lent bool) {
			if _, err := s.Hold(t.Context(), loa.System(), p.ID, who.ID, time.Time{}, until, lent); err != nil {
				t.Fatal(err)
			}
		}
		khoi, thu := s.person(t, "khoi", "Trần Bá Khôi", "vn/98/98011"), s.person(t, "thu", "Lý Thị Thu", "vn/98/98011")
		vinh, gone := s.person(t, "vinh", "Đỗ Quang Vinh", "vn/98"), s.person(t, "gone", "Người Đã Nghỉ", "vn/98")
		chair := post(s.commune.ID, "Phó Chủ tịch", "vn/98/98011", loa.RightApprove)
		board := post(s.province.ID, "Trưởng Ban Biên tập", "vn/98", loa.RightApprove)
		hold(chair, khoi, time.Time{}, false)
		hold(board, vinh, time.Time{}, false)
		hold(board, gone, time.Time{}, false)
		hold(post(s.commune.ID, "Văn thư", "vn/98/98011", loa.RightWrite), thu, time.Time{}, false)
		hold(post(s.beside.ID, "Chủ tịch", "vn/98/98037", loa.RightApprove), thu, time.Time{}, false)
		if err := s.Disable(t.Context(), loa.System(), gone.ID); err != nil {
			t.Fatal(err)
		}
		says := func(place loa.Path, want ...string) {
			t.Helper()
			all, err := s.Approvers(t.Context(), place)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range all {
				got = append(got, fmt.Sprint(a.Name, ", ", a.Post, " ", a.Path, " lent ", a.Lent, " away ", !a.Away.IsZero()))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", place, diff)
			}
		}
		own, above := "Trần Bá Khôi, Phó Chủ tịch vn/98/98011 lent false away false", "Đỗ Quang Vinh, Trưởng Ban Biên tập vn/98 lent false away false"
		says("vn/98/98011", own, above)
		says("vn/98", above)
		says("vn/99")
		hold(chair, thu, s.clock.Now().Add(48*time.Hour), true)
		says("vn/98/98011", "Lý Thị Thu, Phó Chủ tịch vn/98/98011 lent true away false",
			"Trần Bá Khôi, Phó Chủ tịch vn/98/98011 lent false away true", above)
		s.clock.Turn(49 * time.Hour)
		says("vn/98/98011", own, above)
	})
}
