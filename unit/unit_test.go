package unit

import (
	"strings"
	"testing"
	"time"

	"loa"
)

func TestFullName(t *testing.T) {
	for _, c := range []struct {
		u    Unit
		want string
	}{
		{Unit{Level: Country, Type: Nation, Name: "Việt Nam"}, "Việt Nam"},
		{Unit{Level: Province, Type: Tinh, Name: "Lam Xuyên"}, "tỉnh Lam Xuyên"},
		{Unit{Level: Province, Type: ThanhPho, Name: "Nguyệt Giang"}, "thành phố Nguyệt Giang"},
		{Unit{Level: Commune, Type: Xa, Name: "Đồng Sậy"}, "xã Đồng Sậy"},
		{Unit{Level: Commune, Type: Phuong, Name: "Kim Ruối"}, "phường Kim Ruối"},
		{Unit{Level: Commune, Type: DacKhu, Name: "Cồn Sếu"}, "đặc khu Cồn Sếu"},
		{Unit{Level: Former, Type: ThiTran, Name: "Đồng Rạ"}, "thị trấn Đồng Rạ (cũ)"},
		{Unit{Level: Hamlet, Type: "to_dan_pho", Name: "7"}, "tổ dân phố 7"},
		{Unit{Level: Zone, Type: SpeakerGroup, Name: "Ven sông"}, "nhóm cụm loa Ven sông"},
	} {
		if got := c.u.FullName(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// Every level has a type and every type a word, except the country's.
func TestTypes(t *testing.T) {
	for _, l := range []Level{Country, Province, Commune, Hamlet, Zone, Former} {
		types := Types(l)
		if len(types) == 0 {
			t.Errorf("%s has no type", l)
		}
		for _, typ := range types {
			if (FormOf(typ) == "") != (typ == Nation) {
				t.Errorf("%s has the word %q", typ, FormOf(typ))
			}
		}
	}
	if got := FormOf("huyen"); got != "" {
		t.Errorf("a district is %q, want nothing: the level was abolished", got)
	}
}

func TestCheck(t *testing.T) {
	const id = "01jzzzzzzzzzzzzzzzzzzzzzzz"
	for _, c := range []struct {
		name string
		u    Unit
		want string // key, "" when the unit is sound
	}{
		{"country", Unit{Path: "vn", Level: Country, Type: Nation, Name: "Việt Nam"}, ""},
		{"province", Unit{Path: "vn/98", Code: "98", Level: Province, Type: Tinh, Name: "Lam Xuyên"}, ""},
		{"commune", Unit{Path: "vn/98/98011", Code: "98011", Level: Commune, Type: Xa, Name: "Đồng Sậy"}, ""},
		{"hamlet", Unit{Path: "vn/98/98011/h/" + id, Level: Hamlet, Type: "thon", Name: "1"}, ""},
		{"hamlet in a hamlet", Unit{Path: "vn/98/98011/h/3/h/chua", Level: Hamlet, Type: "xom", Name: "Chùa"}, ""},
		{"former commune", Unit{Path: "vn/98/98011/h/dong-ra", Level: Former, Type: ThiTran, Name: "Đồng Rạ"}, ""},
		{"zone", Unit{Path: "vn/98/98011/z/" + id, Level: Zone, Type: SpeakerGroup, Name: "Ven sông"}, ""},

		{"unknown level", Unit{Path: "vn/98", Level: "huyen", Type: Xa, Name: "A"}, "unit.type_unknown"},
		{"type of another level", Unit{Path: "vn/98/98011", Code: "98011", Level: Commune, Type: ThiTran, Name: "A"}, "unit.type_unknown"},
		{"no path", Unit{Level: Commune, Type: Xa, Name: "A"}, "path.malformed"},
		{"path with a letter outside", Unit{Path: "vn/98/Đ", Level: Commune, Type: Xa, Name: "A"}, "path.malformed"},
		{"commune as province", Unit{Path: "vn/98/98011", Code: "98011", Level: Province, Type: Tinh, Name: "A"}, "unit.path_level"},
		{"hamlet without its marker", Unit{Path: "vn/98/98011/1", Level: Hamlet, Type: "thon", Name: "A"}, "unit.path_level"},
		{"hamlet under z", Unit{Path: "vn/98/98011/z/1", Level: Hamlet, Type: "thon", Name: "A"}, "unit.path_level"},
		{"zone under h", Unit{Path: "vn/98/98011/h/1", Level: Zone, Type: SpeakerGroup, Name: "A"}, "unit.path_level"},
		{"below a zone", Unit{Path: "vn/98/98011/z/1/h/2", Level: Hamlet, Type: "thon", Name: "A"}, "unit.path_level"},
		{"a marker as a commune", Unit{Path: "vn/98/h", Code: "h", Level: Commune, Type: Xa, Name: "A"}, "unit.path_level"},
		{"a marker as an id", Unit{Path: "vn/98/98011/h/h", Level: Hamlet, Type: "thon", Name: "A"}, "unit.path_level"},
		{"another code than the path's", Unit{Path: "vn/98/98011", Code: "98012", Level: Commune, Type: Xa, Name: "A"}, "unit.code_differs"},
		{"a code that lost its zeros", Unit{Path: "vn/01/00004", Code: "4", Level: Commune, Type: Phuong, Name: "A"}, "unit.code_differs"},
		{"a code that is a sentence", Unit{Path: "vn/98/98011/h/1", Code: "mã số", Level: Hamlet, Type: "thon", Name: "A"}, "unit.code_differs"},
		{"no name", Unit{Path: "vn/98/98011", Code: "98011", Level: Commune, Type: Xa}, "unit.name_bad"},
		{"a name with a line break", Unit{Path: "vn/98/98011", Code: "98011", Level: Commune, Type: Xa, Name: "A\nB"}, "unit.name_bad"},
		{"a name of broken bytes", Unit{Path: "vn/98/98011", Code: "98011", Level: Commune, Type: Xa, Name: "A\xff"}, "unit.name_bad"},
		{"a name too long", Unit{Path: "vn/98/98011", Code: "98011", Level: Commune, Type: Xa, Name: strings.Repeat("ậ", 101)}, "unit.name_bad"},
		{"an end before the start", Unit{Path: "vn/98/98011", Code: "98011", Level: Commune, Type: Xa, Name: "A", From: time.UnixMilli(2), To: time.UnixMilli(2)}, "unit.ends_before_start"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.u.Parent = c.u.Path.Parent()
			err := c.u.check()
			if c.want == "" && err != nil || c.want != "" && loa.KeyOf(err) != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestCheckParent(t *testing.T) {
	u := Unit{Path: "vn/98/98011", Code: "98011", Parent: "vn/99", Level: Commune, Type: Xa, Name: "A"}
	if err := u.check(); loa.KeyOf(err) != "unit.parent_differs" {
		t.Errorf("got %v", err)
	}
}

func TestCleanName(t *testing.T) {
	for _, c := range []struct {
		t        Type
		in, want string
	}{
		{"thon", " Thôn  Xuân Vực 4 ", "Xuân Vực 4"},
		{"thon", "THÔN 1", "1"},
		{"thon", "Thôn", "Thôn"},
		{"thon", "Thônng", "Thônng"},
		{"thon", "Thôn", "Thôn"},
		{Xa, "Cư M’gar", "Cư M'gar"},
		{Xa, "Phường Xã", "Phường Xã"},
		{"", "xã Đồng Sậy", "xã Đồng Sậy"},
	} {
		if got := cleanName(c.t, c.in); got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.t, c.in, got, c.want)
		}
	}
}

func TestAt(t *testing.T) {
	u := Unit{From: time.UnixMilli(10), To: time.UnixMilli(20)}
	for ms, want := range map[int64]bool{9: false, 10: true, 19: true, 20: false} {
		if u.At(time.UnixMilli(ms)) != want {
			t.Errorf("at %d: want %v", ms, want)
		}
	}
	if !(Unit{}).At(time.UnixMilli(1 << 50)) {
		t.Error("a unit without an end has ended")
	}
}
