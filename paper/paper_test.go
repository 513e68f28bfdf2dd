package paper_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loa"
	"loa/lang"
	"loa/paper"
)

type words struct {
	c      *lang.Catalog
	locale string
}

func (w words) T(key string, args ...any) string { return w.c.T(w.locale, key, args...) }

func vi(t *testing.T) words {
	t.Helper()
	c, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	return words{c, "vi"}
}

func head(demo bool) paper.Head {
	return paper.Head{Above: "Tỉnh Lam Xuyên", Body: "Ủy ban nhân dân xã Đồng Sậy", Place: "Đồng Sậy",
		Made: time.Date(2026, 11, 23, 8, 0, 0, 0, loa.Zone()), Demo: demo}
}

// read is what poppler reads from a paper: the proof that a screen reader, a
// search and a copy find Vietnamese text and not shapes. The pages as pictures are
// left in LOA_PAPERS, for eyes.
func read(t *testing.T, name string, pdf []byte) string {
	t.Helper()
	for _, tool := range []string{"pdftotext", "pdftoppm", "pdfinfo"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: scripts/tools poppler-utils", tool)
		}
	}
	dir := t.TempDir()
	if eyes := os.Getenv("LOA_PAPERS"); eyes != "" {
		dir = eyes
	}
	file := filepath.Join(dir, name+".pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "pdftoppm", "-r", "70", "-png", file, filepath.Join(dir, name)).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("pdftoppm: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "pdftotext", "-layout", file, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// holds asks for each text once on each page, or once anywhere.
func holds(t *testing.T, text string, want ...string) {
	t.Helper()
	flat := strings.Join(strings.Fields(text), " ")
	for _, w := range want {
		if !strings.Contains(flat, w) {
			t.Errorf("the paper does not say %q:\n%s", w, text)
		}
	}
}

// marked asks for the demonstration's mark on every page.
func marked(t *testing.T, text string) {
	t.Helper()
	for i, page := range strings.Split(strings.TrimSuffix(text, "\f"), "\f") {
		if !strings.Contains(page, "DỮ LIỆU MÔ PHỎNG") {
			t.Errorf("page %d is not marked:\n%s", i+1, page)
		}
	}
}

func week(demo bool) paper.Week {
	w := paper.Week{Head: head(demo), Span: "Từ thứ Hai 23/11 đến Chủ nhật 29/11/2026", Note: "Hỏi và góp ý: 0250.3.999.000"}
	for i, name := range []string{"Thứ Hai 23/11/2026 · rằm tháng Mười", "Thứ Ba 24/11/2026", "Thứ Tư 25/11/2026", "Thứ Năm 26/11/2026", "Thứ Sáu 27/11/2026", "Thứ Bảy 28/11/2026", "Chủ nhật 29/11/2026"} {
		d := paper.WeekDay{Name: name}
		if i < 6 {
			d.Rows = []paper.WeekRow{
				{"05:30–06:15", "Buổi sáng: nhạc hiệu, tiếp sóng Đài tỉnh, bản tin của xã", "Toàn xã", "45 phút"},
				{"05:46", "Ngừng cấp điện để thay máy biến áp, bà con rút phích cắm thiết bị điện trước bảy giờ ba mươi", "Thôn 1, thôn 2, thôn 3", "1 phút 40 giây"},
				{"17:00–17:45", "Buổi chiều", "Toàn xã", "45 phút"},
			}
		}
		w.Days = append(w.Days, d)
	}
	return w
}

func TestWeek(t *testing.T) {
	pdf, err := week(true).PDF(vi(t))
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "week", pdf)
	holds(t, text, "ỦY BAN NHÂN DÂN XÃ ĐỒNG SẬY", "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc",
		"Đồng Sậy, ngày 23 tháng 11 năm 2026", "LỊCH PHÁT THANH TUẦN", "Từ thứ Hai 23/11 đến Chủ nhật 29/11/2026",
		"Thứ Hai 23/11/2026 · rằm tháng Mười", "05:30–06:15", "Toàn xã", "Không có tin, bài", "NGƯỜI PHỤ TRÁCH ĐÀI", "TM. ỦY BAN NHÂN DÂN", "(Ký, đóng dấu, ghi rõ họ tên)")
	marked(t, text)
	plain, err := week(false).PDF(vi(t))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(read(t, "week-real", plain), "MÔ PHỎNG") {
		t.Error("a real paper says it is simulated")
	}
	if len(pdf) > 120<<10 {
		t.Errorf("a week weighs %d bytes", len(pdf))
	}
}

func TestMonth(t *testing.T) {
	m := paper.Month{Head: head(true), Span: "Tháng 11 năm 2026", Total: []string{"Tổng cộng: 120 lượt phát, 2 giờ 4 phút.", "Cụm loa xác nhận: 1.071/1.080 lượt."}}
	for i := range 120 {
		m.Rows = append(m.Rows, paper.MonthRow{fmt.Sprintf("%02d/11 17:0%d", i/4+1, i%4), "Ngừng cấp điện để thay máy biến áp TBA Đồng Rạ 3", "Lê Thị Mận", "Trần Bá Khôi", "48 giây", "9/9"})
	}
	pdf, err := m.PDF(vi(t))
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "month", pdf)
	holds(t, text, "SỔ NHẬT KÝ PHÁT THANH", "Lê Thị Mận", "Tổng cộng: 120 lượt phát, 2 giờ 4 phút.", "120 30/11 17:03")
	marked(t, text)
	pages := strings.Count(text, "\f")
	if pages < 4 || strings.Count(text, "Người duyệt") < pages-1 { // the last may hold the signatures alone
		t.Errorf("%d pages, %d heads of the table", pages, strings.Count(text, "Người duyệt"))
	}
	empty, err := paper.Month{Head: head(false), Span: "Tháng 12 năm 2026"}.PDF(vi(t))
	if err != nil {
		t.Fatal(err)
	}
	holds(t, read(t, "month-empty", empty), "Không có tin, bài")
}

func TestSheet(t *testing.T) {
	e := paper.Sheet{Head: head(true), Name: "PHIẾU CĂN CỨ PHÁT", Under: "Vì sao loa này phát lúc này", Last: "Phiếu này…",
		Parts: []paper.Part{{"Bản tin", [][2]string{{"Tên", "Ngừng cấp điện 🔌 漢字 TBA"}, {"Mã băm", strings.Repeat("0123456789abcdef", 4)}}}}}
	pdf, err := e.PDF(vi(t))
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "sheet", pdf)
	holds(t, text, "PHIẾU CĂN CỨ PHÁT", "Ngừng cấp điện · ·· TBA", "0123456789abcdef0123456789abcdef")
	marked(t, text)
}

func TestLabels(t *testing.T) {
	var all []paper.Label
	for i := range 13 {
		all = append(all, paper.Label{Name: fmt.Sprintf("Loa số %d, thôn Xuân Vực 4", i+1), Body: "Xã Đồng Sậy", Code: fmt.Sprintf("XS%02d", i+1),
			Spelled: "ích ét không một", Call: "Nhắn hoặc gọi 0250.3.999.000, nói: “loa XS01”", Link: fmt.Sprintf("https://loa.example/loa/XS%02d", i+1)})
	}
	pdf, err := paper.Labels(vi(t), head(true), all)
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "labels", pdf)
	holds(t, text, "Loa số 13,", "XS13", "Nhắn hoặc gọi 0250.3.999.000")
	if n := strings.Count(text, "DỮ LIỆU MÔ PHỎNG"); n < 13 {
		t.Errorf("%d marks on 13 labels", n)
	}
	if pages := strings.Count(text, "\f"); pages != 2 {
		t.Errorf("13 labels on %d sheets", pages)
	}
	if _, err := paper.Labels(vi(t), head(true), []paper.Label{{Link: strings.Repeat("x", 5000)}}); err == nil {
		t.Error("a link no square can hold is printed")
	}
}
