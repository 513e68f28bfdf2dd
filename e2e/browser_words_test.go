package e2e_test

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"

	"loa/e2e"
)

// TestBrowserWords sets a wrong reading right on a phone, in the middle of
// writing: a tap on the marked word, the reading typed, kept, and the words that
// will be read out change while nothing that was typed is lost.
func TestBrowserWords(t *testing.T) {
	if os.Getenv("LOA_LONG") == "" {
		t.Skip("needs Chromium: make test-long")
	}
	town := e2e.Start(t, e2e.Options{Agents: 1, Local: true})
	author := visit(openChromium(t), t, town, town.Author)
	author.phone()
	author.open("/bulletins/new")
	author.at("/bulletins/new")
	author.mark()
	author.tap("textarea[name=text]")
	author.types("Mời TCT họp lúc 7h30.")
	author.sees("the letters spelled", "document.querySelector('[data-spoken]').innerText.includes('tê-xê-tê')")
	author.steps = 0
	author.tap(".spoken a[data-fix]")
	author.sees("the small form", "document.querySelector('#fix').open && document.querySelector('#fix [name=written]').value == 'TCT'")
	author.run(chromedp.Evaluate("document.querySelector('#fix [name=spoken]').value = ''", nil))
	author.tap("#fix [name=spoken]")
	author.types("tổ cộng tác")
	author.tap("#fix [data-hear-word]")
	author.sees("the sound of it", "!document.querySelector('#fix [data-hear-word]').disabled")
	author.tap("#fix button.primary")
	author.sees("the new reading", "document.querySelector('[data-spoken] mark').innerText == 'tổ cộng tác' || document.querySelector('[data-spoken]').innerText.includes('tổ cộng tác')")
	author.sees("what was typed", "document.querySelector('textarea[name=text]').value == 'Mời TCT họp lúc 7h30.'")
	author.stayed()
	author.sees("the whole notice to hear", "document.querySelector('.card button[data-hear]').disabled == false")
	author.tap(".card button[data-hear]")
	author.sees("the sound ready again", "!document.querySelector('.card button[data-hear]').disabled && document.querySelector('.card button[data-hear]').innerText != '…'")
	author.open("/words")
	author.at("/words")
	author.sees("the word in the lexicon", "document.querySelector('.words').innerText.includes('tổ cộng tác')")
}
