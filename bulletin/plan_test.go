package bulletin

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa"
)

// TestGaps is TB-14's rule: bản Lũng Ngần needs Mông, bản Nà Mạy Thái.
func TestGaps(t *testing.T) {
	const xa, naMay, lungNgan, suoiLanh = loa.Path("vn/98/98024"), loa.Path("vn/98/98024/h/nm"), loa.Path("vn/98/98024/h/ln"), loa.Path("vn/98/98024/h/sl")
	plans := []LanguagePlan{{lungNgan, []string{"hmn"}}, {naMay, []string{"blt"}}}
	mong, thai := Gap{Path: lungNgan, Lang: "hmn"}, Gap{Path: naMay, Lang: "blt"}
	for _, c := range []struct {
		name  string
		scope []loa.Path
		langs []string
		want  []Gap
	}{
		{"the commune, Vietnamese alone", []loa.Path{xa}, nil, []Gap{mong, thai}},
		{"the commune, with Thái", []loa.Path{xa}, []string{"blt"}, []Gap{mong}},
		{"the commune, with both", []loa.Path{xa}, []string{"hmn", "blt"}, nil},
		{"a hamlet without a plan", []loa.Path{suoiLanh}, nil, nil},
		{"three hamlets", []loa.Path{suoiLanh, lungNgan, naMay}, []string{"blt"}, []Gap{mong}},
		{"the province", []loa.Path{"vn/98"}, []string{"blt"}, []Gap{mong}},
		{"the neighbour", []loa.Path{"vn/98/98011"}, nil, nil},
		{"a zone in the hamlet", []loa.Path{lungNgan + "/z/suoi"}, nil, []Gap{mong}},
		{"a path that only begins alike", []loa.Path{lungNgan + "g"}, nil, nil},
	} {
		b := Bulletin{Scope: c.scope, Renditions: []Rendition{{Lang: Vietnamese}}}
		for _, l := range c.langs {
			b.Renditions = append(b.Renditions, Rendition{Lang: l})
		}
		if diff := cmp.Diff(c.want, b.gaps(plans)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}

	below := map[loa.Path][]loa.Path{xa: {naMay, lungNgan, suoiLanh}, "vn/98": {xa, "vn/98/98011"}}
	for _, c := range []struct{ scope, want []loa.Path }{
		{[]loa.Path{xa}, []loa.Path{naMay, suoiLanh}},
		{[]loa.Path{naMay, lungNgan}, []loa.Path{naMay}},
		{[]loa.Path{lungNgan}, nil},
		{[]loa.Path{lungNgan + "/z/a", naMay}, []loa.Path{naMay}},
		{[]loa.Path{"vn/98"}, []loa.Path{naMay, suoiLanh, "vn/98/98011"}},
		{[]loa.Path{suoiLanh}, []loa.Path{suoiLanh}},
	} {
		got, err := without(c.scope, lungNgan, func(p loa.Path) ([]loa.Path, error) { return below[p], nil })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v without the hamlet: %s", c.scope, diff)
		}
	}
}

// TestTemplateText holds what of a text stays and what is filled in anew.
func TestTemplateText(t *testing.T) {
	for _, c := range []struct{ text, hollow, filled, hole string }{
		{"Thu gom rác thứ Năm, ngày 19/11/2026 tại thôn 1.", "Thu gom rác {ngày} tại thôn 1.", "Thu gom rác thứ Hai, ngày 23/11/2026 tại thôn 1.", ""},
		{"Từ ngày 5/11/2026 đến 07/11/2026.", "Từ {ngày} đến {ngày}.", "Từ thứ Hai, ngày 23/11/2026 đến thứ Hai, ngày 23/11/2026.", ""},
		{"Lấy nước {ngày mai} ở {khu vực}, tháng {tháng}.", "Lấy nước {ngày mai} ở {khu vực}, tháng {tháng}.",
			"Lấy nước thứ Ba, ngày 24/11/2026 ở {khu vực}, tháng 11/2026.", "{khu vực}"},
		{"Trạm 22/0,4 kV, Nghị định 49/2024/NĐ-CP.", "Trạm 22/0,4 kV, Nghị định 49/2024/NĐ-CP.", "Trạm 22/0,4 kV, Nghị định 49/2024/NĐ-CP.", ""},
		{"{}", "{}", "{}", ""},
	} {
		h := hollow(c.text)
		f := fill(h, monday("10:00:00"))
		if h != c.hollow || f != c.filled || hole(f) != c.hole {
			t.Errorf("%q: hollow %q, filled %q, hole %q", c.text, h, f, hole(f))
		}
	}
}
