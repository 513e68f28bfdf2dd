package voice

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestSentences(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "Mời bà con họp. Họp lúc bảy giờ! Ai đi được? Xin báo lại.", "Mời bà con họp. | Họp lúc bảy giờ! | Ai đi được? | Xin báo lại. ¶"},
		{"paragraphs", "Một.\n\nHai\n  \nBa.", "Một. ¶ | Hai ¶ | Ba. ¶"},
		{"short forms", "Ra TP. Kim Ruối gặp ThS. Mận, BS. Khôi ở P. 5, Q. Lam, H. Bến. Xin cảm ơn.", "Ra TP. Kim Ruối gặp ThS. Mận, BS. Khôi ở P. 5, Q. Lam, H. Bến. | Xin cảm ơn. ¶"},
		{"initials", "Ông Trần B. Khôi đọc. Bà L. T. Mận ghi.", "Ông Trần B. Khôi đọc. | Bà L. T. Mận ghi. ¶"},
		{"numbers", "Thu 27.450.000 đồng. Chi 3,5 triệu. Gọi 0250.3.999.000. Xem 1.1. Hết.", "Thu 27.450.000 đồng. | Chi 3,5 triệu. | Gọi 0250.3.999.000. | Xem 1.1. | Hết. ¶"},
		{"list at the head", "1. Nội dung họp. 2. Thành phần.\nII. Phần hai.", "1. Nội dung họp. | 2. Thành phần. ¶ | II. Phần hai. ¶"},
		{"dates and addresses", "Ngày 16.3.2023 vào dichvucong.gov.vn. Hạn 5/12.", "Ngày 16.3.2023 vào dichvucong.gov.vn. | Hạn 5/12. ¶"},
		{"v.v.", "Mang cuốc, xẻng v.v. đến sân. Mang nước v.v. Xong về.", "Mang cuốc, xẻng v.v. đến sân. | Mang nước v.v. | Xong về. ¶"},
		{"colon and semicolon", "Kính gửi: Toàn thể bà con; Các hộ ven sông. Giờ: từ bảy giờ", "Kính gửi: | Toàn thể bà con; | Các hộ ven sông. | Giờ: từ bảy giờ ¶"},
		{"quotes", "Ông nói: “Đi ngay!” Bà con đi. (Xem kèm.) Hết.", "Ông nói: | “Đi ngay!” | Bà con đi. | (Xem kèm.) | Hết. ¶"},
		{"ellipsis", "Mưa to… Bà con ở nhà... Nước lên.", "Mưa to… | Bà con ở nhà... | Nước lên. ¶"},
		{"no blank behind", "Một.Hai.Ba", "Một.Hai.Ba ¶"},
		{"small letter goes on", "Mời bà con. tất cả cùng đi", "Mời bà con. tất cả cùng đi ¶"},
		{"nothing", " \n\t\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, s := range Sentences(c.text) {
				if s.Ends {
					s.Text += " ¶"
				}
				got = append(got, s.Text)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " | ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestChunks(t *testing.T) {
	for _, c := range []struct {
		name, text string
		limit      int
		want       string // chunks with their silence in milliseconds
	}{
		{"all of a paragraph at once", "Một. Hai. Ba.\nBốn. Năm.", 100, "Một. Hai. Ba. 700 | Bốn. Năm. 0"},
		{"at sentences", "Mời bà con. Họp ở đình. Xin cảm ơn.", 24, "Mời bà con. Họp ở đình. 400 | Xin cảm ơn. 0"},
		{"at a comma", "Mời bà con trong thôn, ngoài xóm cùng đi", 30, "Mời bà con trong thôn, 400 | ngoài xóm cùng đi 0"},
		{"not inside a name", "Mời ông Trần Bá Khôi đi họp", 16, "Mời ông 400 | Trần Bá Khôi đi 400 | họp 0"},
		{"not inside a spoken number", "Thu hai mươi bảy triệu đồng tiền quỹ", 20, "Thu 400 | hai mươi bảy triệu 400 | đồng tiền quỹ 0"},
		{"not inside a telephone number", "Gọi 0912 345 678 ngay", 14, "Gọi 400 | 0912 345 678 400 | ngay 0"},
		{"nothing but a name", "Nguyễn Phúc Hồng Khánh Linh", 13, "Nguyễn Phúc 400 | Hồng Khánh 400 | Linh 0"},
		{"one long word", "aaaaaaaaaa", 4, "aaaa 400 | aaaa 400 | aa 0"},
		{"no limit", "Một. Hai.", 0, "Một. Hai. 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, k := range Chunks(c.text, c.limit) {
				got = append(got, k.Text+" "+strings.TrimSpace(strings.ReplaceAll(k.Pause.String(), "ms", "")))
			}
			if diff := cmp.Diff(c.want+"s", strings.Join(got, " | ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzSentences: nothing but blanks is lost, no chunk is longer than its engine
// takes, and the work grows with the text.
func FuzzSentences(f *testing.F) {
	for _, g := range []string{"TB-01", "TB-05", "numbers", "abbreviations"} {
		text, _, _ := strings.Cut(readGolden(f, g), divider)
		f.Add(text, 40)
	}
	f.Add("1. A. B… “C” d;\n\n e", 3)
	f.Add("Ừ.\xff Trần\u00a0Bá", 1)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = max(1, min(limit, 10_000))
		want := strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), "")
		var all strings.Builder
		for _, s := range Sentences(text) {
			if s.Text == "" || s.Text != strings.TrimSpace(s.Text) || strings.Contains(s.Text, "\n") || !utf8.ValidString(s.Text) {
				t.Fatalf("sentence %q", s.Text)
			}
			all.WriteString(strings.Join(strings.Fields(s.Text), ""))
		}
		if all.String() != want {
			t.Fatalf("sentences hold %q of %q", all.String(), want)
		}
		all.Reset()
		chunks := Chunks(text, limit)
		for i, c := range chunks {
			if n := utf8.RuneCountInString(c.Text); n > limit || n == 0 {
				t.Fatalf("chunk of %d characters, limit %d", n, limit)
			}
			if (c.Pause == 0) != (i == len(chunks)-1) {
				t.Fatalf("chunk %d of %d has a silence of %v", i, len(chunks), c.Pause)
			}
			all.WriteString(strings.Join(strings.Fields(c.Text), ""))
		}
		if all.String() != want {
			t.Fatalf("chunks hold %q of %q", all.String(), want)
		}
	})
}
