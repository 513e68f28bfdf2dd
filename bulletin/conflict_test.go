package bulletin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/lang"
	"loa/wire"
)

// TestConflicts says each conflict once, in the sentence an officer reads.
func TestConflicts(t *testing.T) {
	c, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	base := time.Date(2026, 11, 23, 17, 0, 0, 0, loa.Zone()).UnixMilli()
	item := func(slot, title string, minute float64, seconds int64, why string) Foreseen {
		return Foreseen{Expected: wire.Expected{Slot: wire.Slot{ID: slot, Warrant: title}, Start: base + int64(minute*60_000), MS: seconds * 1000, Why: why}, Title: title}
	}
	pole := func(name string, path loa.Path, lat int64, items ...Foreseen) Ahead {
		a := Ahead{Items: items}
		a.Pole.Name = name
		a.Placement.Paths = []loa.Path{path}
		if lat != 0 {
			a.Placement.At = &wire.Point{Lat: lat, Lon: 105_000_000}
		}
		return a
	}
	const ours, theirs = loa.Path("vn/98/98011/h/t1"), loa.Path("vn/98/98037/h/b1")
	for _, x := range []struct {
		name         string
		ours, theirs []Ahead
		most         time.Duration
		want         []string
	}{
		{"a quiet evening", []Ahead{pole("Đình làng", ours, 0, item("a", "Điện", 0, 60, ""), item("b", "Nước", 2, 60, ""))}, nil, 0, nil},
		{"two at once, said once for two poles", []Ahead{
			pole("Đình làng", ours, 0, item("a", "Điện", 0, 120, ""), item("b", "Nước", 1, 60, wire.WhyBusy)),
			pole("Cổng chợ", ours, 0, item("a", "Điện", 0, 120, ""), item("b", "Nước", 1, 60, wire.WhyBusy))}, nil, 0,
			[]string{"“Nước” bị trùng giờ với “Điện” lúc 17:01 ở Đình làng, nên sẽ không phát ở đó."}},
		{"past the hours", []Ahead{pole("Đình làng", ours, 0, item("a", "Điện", 44, 120, "policy.hours"))}, nil, 0,
			[]string{"“Điện” lúc 17:44 kết thúc lúc 17:46, ngoài giờ được phát ở Đình làng."}},
		{"muted is nobody's conflict", []Ahead{pole("Đình làng", ours, 0, item("a", "Điện", 0, 60, wire.WhyMuted))}, nil, 0, nil},
		{"a full day", []Ahead{pole("Đình làng", ours, 0, item("a", "Điện", 0, 1500, ""), item("b", "Nước", 30, 1290, ""))}, nil, 45 * time.Minute,
			[]string{"Ngày 23/11 phát 47 phút, quá 45 phút mỗi ngày."}},
		{"a neighbour 200 m away says something else", []Ahead{pole("Đình làng", ours, 21_000_000, item("a", "Điện", 0, 60, ""))},
			[]Ahead{pole("Bến đò", theirs, 21_001_800, item("x", "Phà", 0.5, 60, ""))}, 0,
			[]string{"“Điện” lúc 17:00: Đình làng đứng gần cụm loa của xã bên đang phát “Phà” (Bến đò), hai loa nghe lẫn vào nhau."}},
		{"the same sound in step", []Ahead{pole("Đình làng", ours, 21_000_000, item("a", "Bão", 0, 60, ""))},
			[]Ahead{pole("Bến đò", theirs, 21_001_800, item("x", "Bão", 0, 60, ""))}, 0, nil},
		{"the same sound a second apart", []Ahead{pole("Đình làng", ours, 21_000_000, item("a", "Bão", 0, 60, ""))},
			[]Ahead{pole("Bến đò", theirs, 21_001_800, item("x", "Bão", 0.02, 60, ""))}, 0,
			[]string{"“Bão” lúc 17:00: Đình làng đứng gần cụm loa của xã bên đang phát “Bão” (Bến đò), hai loa nghe lẫn vào nhau."}},
		{"a kilometre away", []Ahead{pole("Đình làng", ours, 21_000_000, item("a", "Điện", 0, 60, ""))},
			[]Ahead{pole("Bến đò", theirs, 21_009_000, item("x", "Phà", 0, 60, ""))}, 0, nil},
		{"nobody knows where it stands", []Ahead{pole("Đình làng", ours, 0, item("a", "Điện", 0, 60, ""))},
			[]Ahead{pole("Bến đò", theirs, 21_000_000, item("x", "Phà", 0, 60, ""))}, 0, nil},
	} {
		var got []string
		for _, h := range Conflicts(x.ours, x.theirs, x.most) {
			got = append(got, c.T("vi", h.Key, h.Args...))
		}
		if diff := cmp.Diff(x.want, got); diff != "" {
			t.Errorf("%s:\n%s", x.name, diff)
		}
	}
}

func TestRepeats(t *testing.T) {
	day := time.Date(2026, 11, 23, 8, 0, 0, 0, loa.Zone()).UnixMilli()
	b := func(id, text, media string, days int, s State) Bulletin {
		return Bulletin{ID: id, Path: "vn/98/98011", Title: "Tin " + id, State: s, MadeAt: day - int64(days)*24*3_600_000,
			Renditions: []Rendition{{Lang: "vi", Text: text, Media: media}}}
	}
	mine := b("new", "Ngừng cấp điện  từ 7h30.", "", 0, Draft)
	far := b("far", mine.Renditions[0].Text, "", 2, Dispatched)
	far.Path = "vn/98/98037"
	for name, c := range map[string]struct {
		mine   Bulletin
		before []Bulletin
		want   string
	}{
		"nothing before":             {mine, nil, ""},
		"the same words":             {mine, []Bulletin{b("old", "ngừng cấp điện từ 7h30.", "", 3, Expired)}, "Tin old"},
		"eight days ago":             {mine, []Bulletin{b("old", mine.Renditions[0].Text, "", 8, Expired)}, ""},
		"other words":                {mine, []Bulletin{b("old", "Ngừng cấp nước.", "", 1, Dispatched)}, ""},
		"a draft nobody heard":       {mine, []Bulletin{b("old", mine.Renditions[0].Text, "", 1, Draft)}, ""},
		"another station":            {mine, []Bulletin{far}, ""},
		"itself":                     {mine, []Bulletin{mine}, ""},
		"the same recording":         {b("new", "", "hash", 0, Draft), []Bulletin{b("old", "", "hash", 1, Dispatched)}, "Tin old"},
		"two that have nothing yet":  {b("new", "", "", 0, Draft), []Bulletin{b("old", "", "", 1, Dispatched)}, ""},
		"the one after is no repeat": {b("new", "x", "", 3, Draft), []Bulletin{b("old", "x", "", 1, Dispatched)}, ""},
	} {
		var said []string
		for _, h := range c.mine.Repeats(c.before, 7) {
			said = append(said, fmt.Sprint(h.Args[0]))
		}
		if got := strings.Join(said, ", "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
