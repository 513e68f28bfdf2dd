package lang

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
)

func TestFold(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"all vowels and tones", "Ăn Ấm Ệch ĩ Ộp ởi Ướt ỹ", "an am ech i op oi uot y"},
		{"đ is d, large and small", "ĐỒNG đồng", "dong dong"},
		{"decomposed input meets composed", norm.NFD.String("xã Đồng Sậy"), "xa dong say"},
		{"two places for the tone", "Hoà Hòa Thuỷ Thủy", "hoa hoa thuy thuy"},
		{"two apostrophes", "Cư M’gar Cư M'gar", "cu m'gar cu m'gar"},
		{"digits and signs stay", "Tổ 12/3-A", "to 12/3-a"},
		{"Thai vowel signs are letters", "ภาษาไทย ที่", "ภาษาไทย ที่"},
		{"Hmong in Latin letters", "Hmoob Ntsuab", "hmoob ntsuab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Fold(c.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The order is that of a Vietnamese dictionary: each name is before the next.
func TestSortKeyOrder(t *testing.T) {
	want := []string{
		"a", "à", "ả", "ã", "á", "ạ", "an", "ăn", "ắn", "ân", "ấn",
		"ba", "bà", "bạ", "ban", "bản", "băn", "cao bằng", "cao cao",
		"da", "dứa", "đa", "đứa", "e", "em", "ê", "ếm",
		"hà giang", "hà nội", "hải dương", "hải phòng",
		"o", "oi", "ô", "ôi", "ơ", "ơi", "pa",
		"thôn 1", "thôn 2", "thôn 2 a", "thôn 10", "thôn cả",
		"u", "úy", "ư", "ứ", "va",
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortStableFunc(got, func(a, b string) int { return strings.Compare(SortKey(a), SortKey(b)) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSortKeySame(t *testing.T) {
	for _, pair := range [][2]string{
		{"Hoà Bình", "Hòa Bình"},
		{"Thuỷ", "THỦY"},
		{"Đồng Sậy", norm.NFD.String("Đồng Sậy")},
		{"Cư M’gar", "Cư M'gar"},
		{"Bà Rịa - Vũng Tàu", "Bà Rịa – Vũng  Tàu"},
		{"thôn 02", "thôn 2"},
	} {
		if a, b := SortKey(pair[0]), SortKey(pair[1]); a != b {
			t.Errorf("%q gives %q, %q gives %q", pair[0], a, pair[1], b)
		}
	}
}

// Whatever is typed, a key can be stored as text and folding again changes nothing.
func FuzzFold(f *testing.F) {
	for _, s := range []string{"Đồng Sậy", "İstanbul", "K Å Ω", "a\xff\x00", "ที่", "ﬁ ẞ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Fold(s)
		if !utf8.ValidString(once) || !utf8.ValidString(SortKey(s)) {
			t.Fatalf("not UTF-8: %q", once)
		}
		if twice := Fold(once); twice != once {
			t.Fatalf("%q folds to %q, then to %q", s, once, twice)
		}
	})
}
