package e2e

import (
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"loa"
	"loa/db/dbtest"
)

// TestOnce sends one form again and again, eight times at once and by somebody
// else: there is one draft, with the words sent last, and it is its writer's.
func TestOnce(t *testing.T) {
	t.Parallel()
	dbtest.EachURL(t, func(t *testing.T, address string) {
		b := openDeskOn(t, address, true)
		officer := b.browser(person("canbo", "Lê Thị Mận", dongSay, loa.RightRead, loa.RightWrite))
		form := func(once, text string) url.Values {
			return url.Values{"path": {string(dongSay)}, "title": {"Họp thôn"}, "text": {text}, "class": {"normal"}, "scope": {string(dongSay)},
				"accent": {"north"}, "once": {once}, "do": {"save"}}
		}
		once := loa.NewID(b.clock.Now())
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if a := officer.post("/bulletins", form(once, "Kính mời bà con.")); a.status != http.StatusSeeOther || a.header.Get("Location") != "/bulletins/"+once {
					t.Errorf("%d %s", a.status, sentence(a.body))
				}
			})
		}
		wg.Wait()
		officer.post("/bulletins", form(once, "Kính mời bà con ra họp."))
		if n := b.count(`SELECT COUNT(*) FROM bulletin WHERE title = 'Họp thôn'`); n != 1 {
			t.Errorf("%d drafts from one form", n)
		}
		if n := b.count(`SELECT COUNT(*) FROM rendition WHERE bulletin_id = ? AND text = 'Kính mời bà con ra họp.'`, once); n != 1 {
			t.Error("the words sent last are not there")
		}
		if n := b.count(`SELECT COUNT(*) FROM journal WHERE verb = 'bulletin.drafted' AND subject = ?`, once); n != 1 {
			t.Errorf("%d times in the book", n)
		}
		// Sent for approval by the first press, the second is led to the same page.
		f := form(once, "Kính mời bà con ra họp.")
		f.Set("do", "submit")
		for range 2 {
			if a := officer.post("/bulletins", f); a.status != http.StatusSeeOther {
				t.Errorf("submit: %d %s", a.status, sentence(a.body))
			}
		}
		// Not a form of these days: an id of its own.
		for _, at := range []time.Duration{-9 * 24 * time.Hour, time.Hour} {
			strange := loa.NewID(b.clock.Now().Add(at))
			if a := officer.post("/bulletins", form(strange, "Kính mời.")); a.status != http.StatusSeeOther || a.header.Get("Location") == "/bulletins/"+strange {
				t.Errorf("%s: %d %s", at, a.status, a.header.Get("Location"))
			}
		}
		other := b.browser(person("khac", "Trần Khác", dongSay, loa.RightRead, loa.RightWrite))
		if a := other.post("/bulletins", form(once, "Chen vào.")); a.status != http.StatusConflict {
			t.Errorf("somebody else's form: %d %s", a.status, sentence(a.body))
		}
	})
}
