package bulletin

import (
	"strings"
	"unicode"

	"loa/lang"
)

// signs are words that speak for a field, folded.
var signs = []struct {
	field Category
	words []string
}{
	{Disaster, []string{"bao so", "ap thap", "mua lu", "xa lu", "lu quet", "sat lo", "thien tai", "chay rung", "chua chay", "phong chay", "dich benh", "cum gia cam",
		"dich ta", "sot xuat huyet", "cap cuu", "so tan", "han han", "nuoc dang", "ret dam", "bien dong"}},
	{Order, []string{"cong an", "an ninh", "trat tu", "nghia vu quan su", "kham tuyen", "can cuoc", "dinh danh", "tam tru", "an toan giao thong", "quan su", "phong khong", "dien tap"}},
	{Offences, []string{"lua dao", "danh bac", "ma tuy", "buon lau", "to giac", "vi pham", "xu phat", "tin dung den", "te nan"}},
	{Services, []string{"cap dien", "mat dien", "cat dien", "dien luc", "cap nuoc", "cat nuoc", "ngung nuoc", "thu gom rac", "lich rac", "gia lua", "phan bon", "giong lua",
		"khuyen nong", "phun thuoc", "sau benh", "cho phien", "xang", "lay nuoc", "thuy loi"}},
	{Projects, []string{"tro cap", "an sinh", "bao tro xa hoi", "luong huu", "ho ngheo", "can ngheo", "nong thon moi", "giai phong mat bang", "du an", "tu thien", "ung ho", "qua tet", "cho vay", "ngan hang chinh sach"}},
	{Policy, []string{"nghi quyet", "luat", "nghi dinh", "thong tu", "chinh sach", "nghi quyet dai hoi"}},
	{Events, []string{"bau cu", "ngay hoi", "le ky niem", "dai hoi", "quoc khanh", "ky niem"}},
	{Example, []string{"guong", "nguoi tot viec tot", "dien hinh", "khen thuong", "bieu duong"}},
	{Direction, []string{"chi dao", "yeu cau cac thon", "ke hoach so", "cong van", "quyet dinh so"}},
	{Answer, []string{"tra loi", "phan anh cua", "kien nghi cua"}},
	{Life, []string{"hop thon", "hop to", "nha van hoa", "tiem chung", "vac xin", "tram y te", "kham benh", "tuyen sinh", "nhap hoc", "truong", "tuyen dung", "tuyen", "viec lam", "van nghe", "the thao", "hop", "dam tang", "tin buon"}},
}

// Guess is the field that most words of a text speak for, "" if none does. A
// person confirms it: it is a guess.
func Guess(text string) Category {
	folded := " " + strings.Join(strings.FieldsFunc(lang.Fold(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), " ") + " "
	var best Category
	most := 0
	for _, s := range signs {
		n := 0
		for _, w := range s.words {
			n += strings.Count(folded, " "+w+" ") * len(strings.Fields(w)) // longer words say more
		}
		if n > most {
			best, most = s.field, n
		}
	}
	return best
}
