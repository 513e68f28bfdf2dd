package e2e

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"loa"
	"loa/voice"
	"loa/voice/voicetest"
	"loa/wire"
)

// TestWords walks a word from a wrong reading to the sound that is approved.
func TestWords(t *testing.T) {
	t.Parallel()
	desk := openDesk(t, true)
	man := desk.browser(writer())
	const text = "Mời TCT họp tại thôn Đắk Rơn, 7h30 ngày 26/11/2026."
	to := man.led("/bulletins", composed("text", text, "do", "save"), "/bulletins/")
	fix := "/words?" + url.Values{"path": {string(dongSay)}, "at": {string(dongSay)}, "written": {"TCT"}, "spoken": {"tê-xê-tê"}, "next": {to}}.Encode() + "#word"
	page := man.page(to, "data-fix", `id="fix"`)
	if !strings.Contains(page, strings.ReplaceAll(fix, "&", "&amp;")) {
		t.Errorf("no way from %s to %s", to, fix)
	}
	man.page(strings.TrimSuffix(fix, "#word"), `value="TCT"`, `value="tê-xê-tê"`)

	set := func(spoken string) url.Values {
		return url.Values{"at": {string(dongSay)}, "written": {"TCT"}, "spoken": {spoken}, "next": {to}}
	}
	desk.wrote("a word set", func() { man.led("/words", set("tổ cộng tác"), to) }, "lexicon.added")
	desk.wrote("the same word again", func() { man.led("/words", set("tổ cộng tác"), to) })
	man.page(to, "<mark>tổ cộng tác</mark>") // a draft is read as its place reads now
	desk.wrote("asked for approval", func() { man.led(to+"/submit", nil, to) }, "bulletin.submitted")

	id := strings.TrimPrefix(to, "/bulletins/")
	b, err := desk.flow.Find(t.Context(), writer(), id)
	desk.ok(err)
	if !strings.Contains(b.Main().Spoken, "tổ cộng tác") || b.Main().SpokenBy != "espeak-ng" {
		t.Errorf("spoken %q by %q", b.Main().Spoken, b.Main().SpokenBy)
	}
	// What waits for approval keeps its words, whatever the lexicon says later.
	desk.wrote("a word changed", func() { man.led("/words", set("tổ công tác"), to) }, "lexicon.changed")
	after := man.page(to, "tổ cộng tác", "Từ điển đọc đã thay đổi")
	if strings.Contains(after, "tổ công tác") || strings.Contains(after, "data-fix") {
		t.Error("a submitted bulletin shows words that nobody will hear")
	}

	list := man.page("/words?text=TCT", "tổ công tác", "xã Đồng Sậy")
	remove := between(list, `action="/words/`, `/remove"`)
	desk.wrote("a word removed", func() { man.led("/words/"+remove+"/remove", nil, "/words?path=") }, "lexicon.removed")
	if status, key := man.fault("/words/"+remove+"/remove", nil); status != http.StatusNotFound || key != "lexicon.unknown" {
		t.Errorf("removed twice: %d %s", status, key)
	}
	man.locale = "en"
	man.page("/words", "Lexicon")
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

func TestWordsRefused(t *testing.T) {
	t.Parallel()
	desk := openDesk(t, true)
	man := desk.browser(writer())
	form := func(at loa.Path, written, spoken string) url.Values {
		return url.Values{"at": {string(at)}, "written": {written}, "spoken": {spoken}}
	}
	for _, c := range []struct {
		form   url.Values
		status int
		key    string
	}{
		{form(province, "TCT", "tổ công tác"), http.StatusForbidden, "right.missing"},
		{form("", "TCT", "tổ công tác"), http.StatusForbidden, "right.missing"},
		{form(dongSay, "115", "một một năm"), http.StatusUnprocessableEntity, "lexicon.written"},
		{form(dongSay, "TCT", "tổ 5"), http.StatusUnprocessableEntity, "lexicon.spoken"},
	} {
		desk.wrote(c.key, func() {
			if status, key := man.fault("/words", c.form); status != c.status || key != c.key {
				t.Errorf("%v: %d %s, want %d %s", c.form, status, key, c.status, c.key)
			}
		})
	}
	// Nothing typed is lost, and nobody is led to another site afterwards.
	if a := man.post("/words", form(dongSay, "TCT", "tổ 5")); !strings.Contains(a.body, `value="tổ 5"`) {
		t.Error("what was typed is gone")
	}
	away := form(dongSay, "TCT", "tổ công tác")
	away.Set("next", "https://x.example/")
	man.led("/words", away, "/words?path=")
}

func TestHearBeforeKeeping(t *testing.T) {
	t.Parallel()
	desk := openDesk(t, true)
	man := desk.browser(writer())
	form := url.Values{"path": {string(dongSay)}, "text": {"Mời bà con họp lúc 7h30."}, "accent": {"north"}}
	desk.wrote("listening", func() {
		a := man.post("/speak/sound", form)
		if a.status != http.StatusOK || a.header.Get("Content-Type") != "audio/mpeg" || a.header.Get("X-Spoken-By") != "espeak-ng" {
			t.Fatalf("%d %v", a.status, a.header)
		}
		if _, err := wire.CheckFrames([]byte(a.body)); err != nil {
			t.Errorf("not the form that speakers play: %v", err)
		}
	})
	if status, key := man.fault("/speak/sound", url.Values{"text": {" "}}); key != "text.empty" {
		t.Errorf("nothing to say: %d %s", status, key)
	}
	tries := 0
	for ; tries < 40; tries++ {
		if a := man.post("/speak/sound", form); a.status == http.StatusServiceUnavailable {
			break
		}
	}
	if tries == 0 || tries == 40 {
		t.Errorf("refused after %d more", tries)
	}
	if _, key := man.fault("/speak/sound", form); key != "hear.too_often" {
		t.Errorf("too often: %s", key)
	}
	desk.clock.Turn(10 * time.Second)
	if a := man.post("/speak/sound", form); a.status != http.StatusOK {
		t.Errorf("after a rest: %d", a.status)
	}
}

// TestDownloadSaysMachine: the copy says what it is, the played form is bare.
func TestDownloadSaysMachine(t *testing.T) {
	t.Parallel()
	desk := openDesk(t, true)
	man := desk.browser(writer())
	to := man.led("/bulletins", composed("do", "submit"), "/bulletins/")
	played, copied := man.get(to+"/sound/0"), man.get(to+"/sound/0?download=1")
	if _, err := wire.CheckFrames([]byte(played.body)); err != nil || played.header.Get("Content-Disposition") != "" {
		t.Errorf("the played form: %v", err)
	}
	if !strings.HasPrefix(copied.body, "ID3\x03") || !strings.HasSuffix(copied.body, played.body) {
		t.Error("the copy is not the played form behind a tag")
	}
	_, params, err := mime.ParseMediaType(copied.header.Get("Content-Disposition"))
	if name := params["filename"]; err != nil || !strings.HasSuffix(name, "-giong-doc-tong-hop.mp3") || !strings.Contains(name, "dien-luc") {
		t.Errorf("named %q, %v", name, err)
	}
	said := strings.ReplaceAll(copied.body, "\x00", "")
	if !strings.Contains(said, "synthetic speech") || !strings.Contains(said, "COMM") || !strings.Contains(said, "TENC") {
		t.Error("the tag does not say that a machine speaks")
	}
}

// TestVoiceChosen: the page offers what the engine has, and what was chosen is
// heard, kept and said.
func TestVoiceChosen(t *testing.T) {
	t.Parallel()
	desk := openDesk(t, true)
	service := voicetest.NewFPT(t)
	desk.flow.Speech = voice.FPT{URL: service.URL(), Key: service.Key, Clock: loa.WallClock{}, Every: time.Millisecond}
	man := desk.browser(writer())
	man.page("/bulletins/new", `value="north banmai" selected`, "Linh San (giọng nữ, miền Nam)")
	form := composed("accent", "south lannhi", "speed", "119", "do", "submit")
	if a := man.post("/speak/sound", form); a.header.Get("X-Spoken-By") != "fpt.ai Lan Nhi" {
		t.Errorf("heard before keeping: %d, by %q", a.status, a.header.Get("X-Spoken-By"))
	}
	to := man.led("/bulletins", form, "/bulletins/")
	man.page(to, "fpt.ai Lan Nhi")
	b, err := desk.flow.Find(t.Context(), writer(), strings.TrimPrefix(to, "/bulletins/"))
	desk.ok(err)
	if r := b.Main(); r.Voice != "lannhi" || r.Accent != "south" || r.Speed == 0 || r.SpokenBy != "fpt.ai Lan Nhi" {
		t.Errorf("kept %+v", r)
	}
	if status, key := man.fault("/speak/sound", composed("accent", "north nobody")); key != "voice.name" {
		t.Errorf("a voice nobody has: %d %s", status, key)
	}
	service.Status = http.StatusServiceUnavailable
	if status, key := man.fault("/speak/sound", composed("text", "Bà con ơi.")); status != http.StatusServiceUnavailable || key != "voice.failed" {
		t.Errorf("the service away: %d %s", status, key)
	}
}
