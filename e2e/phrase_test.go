package e2e

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/speaker"
	"loa/wire"
)

// TestPhrases walks a phrase set from its texts to the beacon: spoken, heard on
// the page, approved by two people over the same bytes, and named. One person
// twice does not do, nor bytes that were changed in between.
func TestPhrases(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	bach, en := b.browser(chair()), b.browser(chief())
	at := "/phrases?path=" + string(dongSay)
	bach.page(at, "Câu báo động", "Nơi này chưa có bộ câu riêng")
	if status, key := bach.fault(at, url.Values{"exercise": {""}}); status != http.StatusUnprocessableEntity || key != "phrases.too_long" {
		t.Errorf("without the prefix of an exercise: %d %s", status, key)
	}
	texts := url.Values{"exercise": {"Đây là diễn tập."}, "lu": {"Nước lên nhanh, bà con lên chỗ cao."}}
	b.wrote("making it", func() { bach.led(at, texts, at) }, "phrases.made")
	bach.page(at, "Chờ hai người duyệt", "Lũ lên nhanh", "Còi báo động", `/phrases/sound/lu?path=`)
	for _, id := range []string{"siren", "exercise", "lu"} {
		a := bach.get("/phrases/sound/" + id + "?path=" + string(dongSay))
		if n, err := wire.CheckFrames([]byte(a.body)); a.status != http.StatusOK || err != nil || n < 20 {
			t.Errorf("%s: %d, %d frames, %v", id, a.status, n, err)
		}
	}
	if a := bach.get("/phrases/sound/bao?path=" + string(dongSay)); a.status != http.StatusNotFound {
		t.Errorf("a phrase that was left out: %d", a.status)
	}
	drafted := func() url.Values {
		p, err := b.flow.PhrasesAt(t.Context(), chair(), dongSay)
		b.ok(err)
		return url.Values{"payload": {base64.StdEncoding.EncodeToString(p.Draft.Payload)}}
	}
	old := drafted()
	approve := "/phrases/approve?path=" + string(dongSay)
	b.wrote("the first approval", func() { bach.led(approve, old, at) }, "phrases.first")
	if status, key := bach.fault(approve, old); status != http.StatusForbidden || key != "phrases.same_person" {
		t.Errorf("one person twice: %d %s", status, key)
	}
	if body := bach.page(at); strings.Contains(body, `action="/phrases/approve`) {
		t.Error("the first person is asked again")
	}
	b.clock.Turn(1)
	b.wrote("making it again", func() { en.led(at, texts, at) }, "phrases.made")
	if status, key := en.fault(approve, old); status != http.StatusConflict || key != "phrases.changed" {
		t.Errorf("the bytes from before: %d %s", status, key)
	}
	b.wrote("the first approval of the new one", func() { en.led(approve, drafted(), at) }, "phrases.first")
	fresh := drafted()
	b.wrote("the second", func() { bach.led(approve, fresh, at) }, "phrases.set")
	bach.page(at, "Đang dùng")
	var beacon wire.Beacon
	b.ok(b.db.Write(t.Context(), func(tx *db.Tx) error {
		e, err := speaker.WriteBeacon(tx, b.register.Keys, dongSay)
		if err != nil {
			return err
		}
		beacon, err = wire.PeekBeacon(e.Body)
		return err
	}))
	sealed, err := b.register.Document(t.Context(), beacon.Phrases)
	b.ok(err)
	set, err := wire.OpenPhrases(b.trust, sealed, b.clock.Now().UnixMilli())
	b.ok(err)
	if e, ok := set.Entry("lu"); !ok || len(set.Entries) != 3 || !strings.Contains(e.Text, "Nước lên") {
		t.Errorf("%+v", set)
	}
	if status, key := bach.fault(approve, fresh); status != http.StatusNotFound || key != "phrases.no_draft" {
		t.Errorf("a third approval: %d %s", status, key)
	}
	// The set ends like all that is sealed, and the page of what ends leads to the next.
	b.clock.Turn(300 * 24 * time.Hour)
	bach.signIn()
	en.signIn()
	if body := bach.page("/expiry?path="+string(dongSay), "Bộ câu báo động", "còn 65 ngày"); !strings.Contains(body, `href="/phrases?path=`) {
		t.Error("nothing leads to the page that renews the phrases")
	}
	b.ok(b.db.Write(t.Context(), func(tx *db.Tx) error {
		_, err := journal.Append(tx, loa.System(), journal.Entry{Verb: speaker.RenewalFailed, Subject: speaker.RenewalSubject, Data: map[string]string{"why": "signer.away"}})
		return err
	}))
	bach.page("/expiry?path="+string(dongSay), "Không tự gia hạn được khóa")
	en.page("/?path=vn/98", "Không tự gia hạn được khóa")
	reader := b.browser(person("reader", "Người Xem", dongSay, loa.RightRead))
	if status, _ := reader.fault(at, texts); status != http.StatusForbidden {
		t.Errorf("a reader: %d", status)
	}
}
