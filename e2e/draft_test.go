package e2e_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"loa/e2e"
)

// TestDraftSurvives: the server goes away while somebody types, the page is
// loaded again, first without and then with a server, and nothing is lost; what
// is sent while the phone has no network is kept; what was accepted is gone.
func TestDraftSurvives(t *testing.T) {
	if os.Getenv("LOA_LONG") == "" {
		t.Skip("needs Chromium: make test-long")
	}
	town := e2e.Start(t, e2e.Options{Local: true})
	author := visit(openChromium(t), t, town, town.Author)
	author.phone()
	author.expectFaults("ERR_CONNECTION_REFUSED", "ERR_INTERNET_DISCONNECTED", "ERR_FAILED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "ERR_INCOMPLETE_CHUNKED_ENCODING")
	author.open("/bulletins/new")
	author.at("/bulletins/new")
	author.run(chromedp.Evaluate("navigator.serviceWorker.ready.then(() => true)", nil))
	author.sees("the worker at work", "!!navigator.serviceWorker.controller")
	author.tap("textarea[name=text]")
	author.types("Kính mời bà con họp")
	author.sees("the text kept", "Object.values(localStorage).some((v) => v.includes('bà con họp'))")

	town.Servers[0].Kill()
	author.types(" lúc 19h30")
	author.sees("the rest kept", "Object.values(localStorage).some((v) => v.includes('19h30'))")
	author.run(chromedp.Evaluate("location.reload()", nil))
	author.sees("the page for no connection", "document.querySelector('h1').textContent == 'Chưa có mạng'")
	author.sees("the text", "document.querySelector('[data-draft-text]').value == 'Kính mời bà con họp lúc 19h30'")
	town.Servers[0].Up()
	author.sees("the form again", "!!document.querySelector('form[data-draft]')")
	author.sees("that it was restored", "document.querySelector('[data-draft-said]').textContent.startsWith('Đã khôi phục bản đang soạn dở lúc ')")
	author.sees("the text in the form", "document.querySelector('textarea[name=text]').value == 'Kính mời bà con họp lúc 19h30'")

	author.offline(true)
	author.tap("button[value=submit]")
	author.sees("that it is kept", "document.querySelector('[data-draft-said]').textContent.startsWith('Chưa có mạng. Bản soạn được giữ')")
	author.offline(false)
	author.sees("that there is a network", "document.querySelector('[data-draft-said]').textContent.startsWith('Đã có mạng')")
	author.tap("button[value=submit]")
	author.sees("the notice waiting", "document.querySelector('main .badge').innerText.includes('chờ duyệt')")
	author.open("/bulletins/new")
	author.at("/bulletins/new")
	author.sees("an empty form", "document.querySelector('textarea[name=text]').value == '' && document.querySelector('[data-draft-note]').hidden")
}

// TestShare is what a phone's share sheet posts, and the plain form of /record.
func TestShare(t *testing.T) {
	t.Parallel()
	town := e2e.Start(t, e2e.Options{})
	author := town.Author
	author.At(town.Servers[0])
	long := strings.Repeat("Kính mời bà con đến nhà văn hóa họp. ", 100)
	for _, tt := range []struct {
		name, address string
		fields        map[string]string
		file          string
		bytes         []byte
		status        int
		want          string
	}{
		{"a text and a link", "/share", map[string]string{"title": "Cắt điện", "text": "Từ 7 giờ", "url": "https://example.vn/a"}, "", nil, 200, "Từ 7 giờ\nhttps://example.vn/a</textarea>"},
		{"a long text", "/share", map[string]string{"text": long}, "", nil, 200, long[:len(long)-1]},
		{"a recording", "/share", nil, "ghi am.amr", notice3s(t), 200, `name="upload" value="0`},
		{"a recording by the form", "/record", map[string]string{"path": string(e2e.Commune)}, "ghi am.amr", notice3s(t), 200, `name="upload" value="0`},
		{"an old Word file", "/record", nil, "giay moi.doc", []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), 422, "mời mở bằng Word, chọn Lưu thành .docx"},
		{"a zip", "/record", nil, "a.mp3", []byte("PK\x03\x04 something"), 422, "Đây là tệp nén"},
		{"nothing", "/share", nil, "", nil, 422, "Chưa nhận được gì"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, page := author.PostFile(tt.address, tt.fields, tt.file, tt.bytes)
			if status != tt.status || !strings.Contains(page, tt.want) {
				t.Errorf("%d, want %d with %q: %s", status, tt.status, tt.want, page)
			}
		})
	}
}

// notice3s is a real recording of an old phone.
func notice3s(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile("../sound/testdata/notice.amr")
	if err != nil {
		t.Fatal(fmt.Errorf("a recording to share: %w", err))
	}
	return b
}
