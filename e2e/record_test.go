package e2e_test

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"loa/bulletin"
	"loa/e2e"
)

// TestRecorder is a hamlet head with a phone and a bad link: records in the
// page, loses the connection while speaking, gets it back, listens, asks for
// approval. What is approved is the recording.
func TestRecorder(t *testing.T) {
	if os.Getenv("LOA_LONG") == "" {
		t.Skip("needs Chromium: make test-long")
	}
	town := e2e.Start(t, e2e.Options{Local: true})
	chromium := openChromium(t, "use-fake-ui-for-media-stream", "use-fake-device-for-media-stream")
	author := visit(chromium, t, town, town.Author)
	author.phone()
	author.open("/bulletins/new")
	author.at("/bulletins/new")
	author.mark()
	author.tap("[data-rec-start]")
	author.sees("the time running", "document.querySelector('[data-rec-time]').textContent.startsWith('0:03')")
	author.expectFaults("ERR_INTERNET_DISCONNECTED")
	author.offline(true)
	author.sees("more time", "document.querySelector('[data-rec-time]').textContent.startsWith('0:07')")
	author.tap("[data-rec-stop]")
	author.sees("that it is kept", "document.querySelector('[data-rec-said]').textContent.includes('Mất mạng')")
	author.offline(false)
	author.sees("the recording ready", "document.querySelector('[data-rec-said]').textContent.includes('độ to đã chỉnh')")
	author.stayed()
	author.sees("something to listen to", "document.querySelector('[data-rec-listen]').duration > 6")
	author.tap("button[value=submit]")
	author.sees("the notice waiting", "document.querySelector('main .badge').innerText.includes('chờ duyệt')")
	var path string
	author.run(chromedp.Evaluate("location.pathname", &path))
	b, err := town.Flow().Find(t.Context(), town.Leader.Actor(), strings.TrimPrefix(path, "/bulletins/"))
	if err != nil || b.State != bulletin.Submitted || b.Main().Machine() || b.Main().MS < 6000 || b.Main().SourceHash == "" {
		t.Errorf("%+v, %v", b, err)
	}
}

// offline cuts the browser's connection, or joins it again.
func (v *visitor) offline(cut bool) {
	v.Helper()
	v.run(network.Enable(), network.EmulateNetworkConditions(cut, 0, -1, -1))
}

// expectFaults names what the browser may complain of from now on.
func (v *visitor) expectFaults(words ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expect = append(v.expect, words...)
}
