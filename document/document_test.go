//go:build linux && (amd64 || arm64)

package document_test

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"codeberg.org/go-pdf/fpdf"

	"loa"
	"loa/document"
	"loa/sandbox"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "sandbox-exec" {
		os.Exit(sandbox.Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}

func reader(t *testing.T) document.Reader {
	t.Helper()
	if _, err := exec.LookPath("pdftotext"); err != nil {
		t.Fatal("pdftotext is not installed, and PDF files cannot be read without it: apt install poppler-utils")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return document.Reader{Dir: t.TempDir(), Self: self}
}

const head = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><w:body>`
const foot = `<w:sectPr/></w:body></w:document>`

// docx is a Word file with this body; more are further names in the archive.
func docx(t testing.TB, body string, more ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range append([]string{"[Content_Types].xml", "word/document.xml"}, more...) {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		text := "<Types/>"
		if name == "word/document.xml" {
			text = head + body + foot
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func p(text string) string {
	return `<w:p><w:r><w:t xml:space="preserve">` + text + `</w:t></w:r></w:p>`
}

func TestWord(t *testing.T) {
	cell := func(text string) string { return `<w:tc><w:tcPr/>` + p(text) + `</w:tc>` }
	for _, tt := range []struct{ name, body, want string }{
		{"paragraphs", p("THÔNG BÁO") + p("") + p("") + p("Kính mời bà con  họp lúc 19h30.") + p("Nơi họp: nhà văn hóa."),
			"THÔNG BÁO\n\nKính mời bà con họp lúc 19h30.\nNơi họp: nhà văn hóa."},
		{"runs, breaks, tabs", `<w:p><w:r><w:t>Ngày </w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>25/11</w:t><w:br/><w:t>lúc</w:t><w:tab/><w:t>7 giờ</w:t></w:r></w:p>`,
			"Ngày 25/11\nlúc 7 giờ"},
		{"a table", `<w:tbl><w:tr>` + cell("Thôn 1") + cell("7 giờ") + `</w:tr><w:tr>` + cell("Thôn 2") + cell("9 giờ") + `</w:tr></w:tbl>` + p("Hết."),
			"Thôn 1, 7 giờ\nThôn 2, 9 giờ\nHết."},
		{"deleted, hidden and field codes are not text", `<w:p><w:del><w:r><w:delText>hôm qua</w:delText></w:r></w:del><w:r><w:rPr><w:vanish/></w:rPr><w:t>giấu</w:t></w:r>` +
			`<w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t>hôm nay</w:t></w:r></w:p>`, "hôm nay"},
		{"what is drawn is said once", `<w:p><w:r><mc:AlternateContent><mc:Choice>` + p("Khẩn") + `</mc:Choice><mc:Fallback>` + p("Khẩn") + `</mc:Fallback></mc:AlternateContent></w:r></w:p>`, "Khẩn"},
		{"composed, without signs that cannot be seen", p("Thôn Đo\u0302\u0323\u00adng\u200b Sậy\u00a0xã"), "Thôn Động Sậy xã"},
		{"an old font's name over plain Latin", `<w:p><w:r><w:rPr><w:rFonts w:ascii=".VnTime"/></w:rPr><w:t>UBND 2026</w:t></w:r></w:p>`, "UBND 2026"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, b := document.Reader{}, docx(t, tt.body)
			got, err := r.Text(t.Context(), b)
			if err != nil || got != tt.want {
				t.Errorf("%q, %v; want %q", got, err, tt.want)
			}
			if !r.Is(b) {
				t.Error("not taken for a document")
			}
		})
	}
}

// pages makes a PDF of lines of text.
func pages(t *testing.T, password bool, lines ...string) []byte {
	t.Helper()
	f := fpdf.New("P", "mm", "A4", "")
	f.AddUTF8Font("serif", "", "../paper/font/LoaSerif-Regular.ttf")
	if password {
		f.SetProtection(0, "mở", "chủ")
	}
	f.AddPage()
	f.SetFont("serif", "", 13)
	for _, l := range lines {
		f.MultiCell(0, 7, l, "", "L", false)
	}
	var out bytes.Buffer
	if err := f.Output(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestPDF(t *testing.T) {
	r := reader(t)
	b := pages(t, false, "ỦY BAN NHÂN DÂN XÃ ĐỒNG SẬY", "Để bảo đảm an toàn, Điện lực tạm ngừng cấp điện tại thôn 1 và thôn 2 từ 7 giờ 30 đến 11 giờ ngày 25/11/2026 để sửa đường dây, kính mong bà con thông cảm và chủ động sắp xếp công việc.", "- Thôn 1: từ 7 giờ 30.", "- Thôn 2: từ 9 giờ.")
	got, err := r.Text(t.Context(), b)
	want := "ỦY BAN NHÂN DÂN XÃ ĐỒNG SẬY\nĐể bảo đảm an toàn, Điện lực tạm ngừng cấp điện tại thôn 1 và thôn 2 từ 7 giờ 30 đến 11 giờ ngày 25/11/2026 để sửa đường dây, kính mong bà con thông cảm và chủ động sắp xếp công việc.\n- Thôn 1: từ 7 giờ 30.\n- Thôn 2: từ 9 giờ."
	if err != nil || got != want {
		t.Errorf("%q, %v\nwant %q", got, err, want)
	}
	left, err := os.ReadDir(r.Dir)
	if err != nil || len(left) > 0 {
		t.Errorf("%d job folders are left, %v", len(left), err)
	}
}

func TestRefused(t *testing.T) {
	r := reader(t)
	many := strings.Repeat(p(strings.Repeat("chữ ", 100)), 60)
	bomb := func() []byte { // 64 MB of blanks in some 64 KB
		return docx(t, "<w:p><w:r><w:t>"+strings.Repeat(" ", 64<<20)+"</w:t></w:r></w:p>")
	}
	ole := "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" + strings.Repeat("\x00", 512)
	pdf := pages(t, false, "Thông báo")
	for _, tt := range []struct {
		name string
		b    []byte
		key  string
	}{
		{"an old .doc", []byte(ole), "document.old"},
		{"rich text", []byte(`{\rtf1 xin chào}`), "document.old"},
		{"a Word file with a password", []byte(ole + "E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00"), "document.password"},
		{"macros", docx(t, p("Xin chào"), "word/vbaProject.bin"), "document.macro"},
		{"too long", docx(t, many), "document.too_long"},
		{"a bomb", bomb(), "document.too_long"},
		{"a bomb of elements", docx(t, strings.Repeat("<w:p>", 300)+strings.Repeat("</w:p>", 300)), "document.damaged"},
		{"a spreadsheet", zipped(t, "xl/workbook.xml"), "document.unknown"},
		{"no text at all", docx(t, "<w:p/>"), "document.scanned"},
		{"half a Word file", docx(t, p("Xin chào"))[:200], "document.damaged"},
		{"broken XML", docx(t, "<w:p><w:r>"), "document.damaged"},
		{"an entity from outside", docx(t, p("&xxe;")), "document.damaged"},
		{"TCVN3", docx(t, `<w:p><w:r><w:rPr><w:rFonts w:ascii=".VnTime"/></w:rPr><w:t>Céng hßa</w:t></w:r></w:p>`), "document.old_font"},
		{"a scanned PDF", pages(t, false), "document.scanned"},
		{"a PDF with a password", pages(t, true, "Mật"), "document.password"},
		{"half a PDF", pdf[:len(pdf)/3], ""},
		{"a PDF of noise", append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte{0, 200, 13, 255}, 5000)...), "document.damaged"},
		{"a picture", []byte("\x89PNG\r\n"), "document.unknown"},
		{"too large", append([]byte("%PDF-"), make([]byte, document.MaxBytes)...), "document.too_large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			text, err := r.Text(t.Context(), tt.b)
			if tt.key == "" && err == nil {
				return
			}
			if loa.CodeOf(err) != loa.Invalid || tt.key != "" && loa.KeyOf(err) != tt.key {
				t.Errorf("%.40q, %v; want %s", text, err, tt.key)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func zipped(t *testing.T, name string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	if _, err := z.Create(name); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A machine without the program says so, and blames nobody's file.
func TestMissing(t *testing.T) {
	r := reader(t)
	r.PDFToText = "/nowhere/pdftotext"
	_, err := r.Text(t.Context(), pages(t, false, "x"))
	if loa.KeyOf(err) != "document.no_pdftotext" || loa.CodeOf(err) != loa.Unavailable {
		t.Errorf("error = %v", err)
	}
}

func FuzzWord(f *testing.F) {
	f.Add(docx(f, p("Xin chào")))
	f.Add(docx(f, "<w:tbl><w:tr><w:tc>"+p("a")+"</w:tc></w:tr></w:tbl>"))
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := document.Reader{}
		if !bytes.HasPrefix(b, []byte("PK\x03\x04")) {
			b = append([]byte("PK\x03\x04"), b...)
		}
		text, err := r.Text(t.Context(), b)
		if err != nil && loa.CodeOf(err) != loa.Invalid {
			t.Fatal(err)
		}
		checkText(t, text)
	})
}

// FuzzBody goes past the archive to the XML.
func FuzzBody(f *testing.F) {
	f.Add(p("Xin chào"))
	f.Add(`<mc:Fallback><w:p/></mc:Fallback></w:tc>`)
	f.Fuzz(func(t *testing.T, body string) {
		text, err := document.Reader{}.Text(t.Context(), docx(t, body))
		if err != nil && loa.CodeOf(err) != loa.Invalid {
			t.Fatal(err)
		}
		checkText(t, text)
	})
}

func checkText(t *testing.T, text string) {
	t.Helper()
	if strings.ContainsAny(text, "\u200b\u202e\x00\r\t") || strings.TrimSpace(text) != text || len([]rune(text)) > document.MaxCharacters {
		t.Fatalf("%q", text)
	}
}
