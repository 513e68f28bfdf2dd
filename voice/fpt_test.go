package voice_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"loa"
	"loa/voice"
	"loa/voice/voicetest"
)

func engine(f *voicetest.FPT) voice.FPT {
	return voice.FPT{URL: f.URL(), Key: f.Key, Clock: loa.WallClock{}, Every: time.Millisecond, Timeout: 10 * time.Second}
}

// sound is the length of a mono 16 kHz WAV.
func sound(t *testing.T, wav []byte) time.Duration {
	t.Helper()
	if len(wav) < 44 || string(wav[36:40]) != "data" || int(binary.LittleEndian.Uint32(wav[40:])) != len(wav)-44 {
		t.Fatalf("no plain WAV: % x", wav[:min(len(wav), 44)])
	}
	return time.Duration(len(wav)-44) * time.Second / time.Duration(binary.LittleEndian.Uint32(wav[28:]))
}

func TestFPT(t *testing.T) {
	f := voicetest.NewFPT(t)
	f.After = 3
	said, err := engine(f).Say(t.Context(), "Mời bà con họp lúc bảy giờ.", voice.Voice{})
	if err != nil {
		t.Fatal(err, f.Refused())
	}
	if said.By != "fpt.ai Ban Mai" || sound(t, said.WAV) != 100*time.Millisecond {
		t.Errorf("%s, %v", said.By, sound(t, said.WAV))
	}
	if got := f.Texts(); len(got) != 1 || got[0] != "Mời bà con họp lúc bảy giờ." {
		t.Errorf("the service heard %q", got)
	}
}

// TestFPTLong: a text longer than a request goes in several, cut at sentences,
// and comes back as one sound with silence between.
func TestFPTLong(t *testing.T) {
	f := voicetest.NewFPT(t)
	sentence := "Bà con thôn Đắk Rơn chú ý, mưa lớn trong đêm nay và sáng mai. "
	text := strings.Repeat(sentence, 120) + "\nỪ\n" + sentence
	said, err := engine(f).Say(t.Context(), text, voice.Voice{Accent: "south", WordsPerMinute: voice.MaxSpeed})
	if err != nil {
		t.Fatal(err, f.Refused())
	}
	got := f.Texts()
	if len(got) != 4 || got[2] != "Ừ.." || got[3] != strings.TrimSpace(sentence) {
		t.Fatalf("%d requests, the last ones %q", len(got), got[max(0, len(got)-2):])
	}
	for _, g := range got {
		if n := utf8.RuneCountInString(g); n > 5000 || !strings.HasSuffix(g, ".") {
			t.Errorf("%d characters, ending %q", n, g[len(g)-20:])
		}
	}
	want := 4*100*time.Millisecond + voice.SentencePause + 2*voice.ParagraphPause
	if d := sound(t, said.WAV); d != want || said.By != "fpt.ai Linh San" {
		t.Errorf("%v by %s, want %v", d, said.By, want)
	}
}

func TestFPTVoicesAndSpeeds(t *testing.T) {
	f := voicetest.NewFPT(t)
	for _, m := range (voice.FPT{}).Models() {
		for _, speed := range []int{voice.MinSpeed, 100, 139, 141, 200, voice.MaxSpeed} {
			if _, err := engine(f).Say(t.Context(), "Bà con ơi.", voice.Voice{Name: m.Name, WordsPerMinute: speed}); err != nil {
				t.Errorf("%s at %d: %v %v", m.Name, speed, err, f.Refused())
			}
		}
	}
	if _, err := engine(f).Say(t.Context(), "Bà con ơi.", voice.Voice{Name: "banmai\r\nx: y"}); loa.KeyOf(err) != "voice.name" {
		t.Errorf("a voice nobody has: %v", err)
	}
}

// TestFPTCallback: told that the file is there, the engine does not wait for its
// next question; what the call says is not believed.
func TestFPTCallback(t *testing.T) {
	var calls voice.Callbacks
	mux := http.NewServeMux()
	mux.HandleFunc("POST /voice/callback/{token}", calls.Handler)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	calls.Base = server.URL + "/voice/callback/"
	f := voicetest.NewFPT(t)
	f.After, f.Tells = 1, true // missing at first, there when told
	e := engine(f)
	e.Callbacks, e.Every = &calls, time.Hour
	if _, err := e.Say(t.Context(), "Bà con ơi.", voice.Voice{}); err != nil {
		t.Fatal(err, f.Refused())
	}
	for _, token := range []string{"", "x", strings.Repeat("a", 26)} {
		res, err := http.Post(calls.Base+token, "application/json", strings.NewReader(`{"success":"true","message":"http://10.0.0.1/"}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("token %q: %d", token, res.StatusCode)
		}
	}
}

func TestFPTFails(t *testing.T) {
	var inside atomic.Int32 // how often something in the house was asked
	house := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { inside.Add(1) }))
	t.Cleanup(house.Close)
	for _, c := range []struct {
		name, key string
		wrong     func(f *voicetest.FPT, e *voice.FPT)
	}{
		{"wrong key", "voice.key", func(_ *voicetest.FPT, e *voice.FPT) { e.Key = "x" }},
		{"out of order", "voice.failed", func(f *voicetest.FPT, _ *voice.FPT) { f.Status = 503 }},
		{"too often", "voice.failed", func(f *voicetest.FPT, _ *voice.FPT) { f.Status = 429 }},
		{"quota", "voice.failed", func(f *voicetest.FPT, _ *voice.FPT) { f.Fault = 2 }},
		{"maintenance page", "voice.failed", func(f *voicetest.FPT, _ *voice.FPT) { f.Garbage = true }},
		{"never comes", "voice.timeout", func(f *voicetest.FPT, e *voice.FPT) { f.After, e.Timeout = -1, 50*time.Millisecond }},
		{"a link into the house", "voice.elsewhere", func(f *voicetest.FPT, _ *voice.FPT) { f.Link = house.URL + "/secret" }},
		{"a link to another host", "voice.elsewhere", func(f *voicetest.FPT, _ *voice.FPT) { f.Link = "https://fpt.ai.example/x.wav" }},
		{"a link to a host that looks alike", "voice.elsewhere", func(f *voicetest.FPT, _ *voice.FPT) { f.Link = "https://notfpt.ai/x.wav" }},
		{"a link without TLS", "voice.elsewhere", func(f *voicetest.FPT, _ *voice.FPT) { f.Link = "http://file01.fpt.ai/x.wav" }},
		{"a link to another port", "voice.elsewhere", func(f *voicetest.FPT, _ *voice.FPT) { f.Link = "https://file01.fpt.ai:22/x.wav" }},
		{"a link to a file here", "voice.elsewhere", func(f *voicetest.FPT, _ *voice.FPT) { f.Link = "file:///etc/passwd" }},
		{"no link", "voice.elsewhere", func(f *voicetest.FPT, _ *voice.FPT) { f.Link = " " }},
		{"a redirect into the house", "voice.failed", func(f *voicetest.FPT, _ *voice.FPT) { f.Moves = house.URL + "/secret" }},
		{"no sound", "voice.not_wav", func(f *voicetest.FPT, _ *voice.FPT) { f.NotSound = true }},
		{"endless", "voice.too_long", func(f *voicetest.FPT, _ *voice.FPT) { f.Endless = true }},
		{"pieces of several forms", "voice.not_wav", func(f *voicetest.FPT, _ *voice.FPT) { f.Rates = true }},
		{"nobody there", "voice.failed", func(f *voicetest.FPT, _ *voice.FPT) { f.Close() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := voicetest.NewFPT(t)
			e := engine(f)
			c.wrong(f, &e)
			_, err := e.Say(t.Context(), "Bà con ơi.\nMời bà con họp.", voice.Voice{})
			if loa.KeyOf(err) != c.key {
				t.Errorf("%v, want %s", err, c.key)
			}
			if err != nil && strings.Contains(err.Error(), f.Key) {
				t.Errorf("the key stands in %v", err)
			}
		})
	}
	if n := inside.Load(); n != 0 {
		t.Errorf("the house was asked %d times", n)
	}
}

func TestFallback(t *testing.T) {
	f := voicetest.NewFPT(t)
	dir := t.TempDir()
	both := voice.Fallback{
		First: voice.Cache{Dir: dir, Engine: engine(f)}, Then: voice.Cache{Dir: dir, Engine: voice.Espeak{}}, Log: slog.New(slog.DiscardHandler),
	}
	say := func(text string, v voice.Voice) string {
		t.Helper()
		said, err := both.Say(context.Background(), text, v)
		if err != nil {
			t.Fatal(err)
		}
		return said.By
	}
	if by := say("Bà con ơi.", voice.Voice{Name: "leminh"}); by != "fpt.ai Lê Minh" {
		t.Errorf("spoken by %s", by)
	}
	f.Status = http.StatusServiceUnavailable
	if by := say("Bà con ơi.", voice.Voice{Name: "leminh"}); by != "fpt.ai Lê Minh" {
		t.Errorf("what was kept is spoken by %s", by)
	}
	if by := say("Mời bà con họp.", voice.Voice{Name: "leminh"}); by != "espeak-ng" {
		t.Errorf("without the service spoken by %s", by)
	}
	f.Status = 0
	if by := say("Mời bà con họp.", voice.Voice{Name: "leminh"}); by != "fpt.ai Lê Minh" {
		t.Errorf("afterwards spoken by %s: the other engine's sound was kept under its name", by)
	}
	if _, err := both.Say(context.Background(), "x", voice.Voice{Name: "nobody"}); loa.KeyOf(err) != "voice.name" {
		t.Errorf("what the first refuses was tried again: %v", err)
	}
}

// TestStrict: the stand-in refuses what the service refuses.
func TestStrict(t *testing.T) {
	f := voicetest.NewFPT(t)
	good := map[string]string{"api_key": f.Key, "voice": "banmai", "speed": "0", "format": "wav"}
	for _, c := range []struct {
		name, method, body string
		change             map[string]string
		status             int
	}{
		{"good", "POST", "Bà con", nil, 200},
		{"the other spelling of the key", "POST", "Bà con", map[string]string{"api_key": "", "api-key": f.Key}, 200},
		{"method", "GET", "", nil, 405},
		{"no key", "POST", "Bà con", map[string]string{"api_key": ""}, 401},
		{"no voice", "POST", "Bà con", map[string]string{"voice": ""}, 400},
		{"wrong voice", "POST", "Bà con", map[string]string{"voice": "Ban Mai"}, 400},
		{"speed out of bounds", "POST", "Bà con", map[string]string{"speed": "4"}, 400},
		{"speed that is none", "POST", "Bà con", map[string]string{"speed": "1.5"}, 400},
		{"format", "POST", "Bà con", map[string]string{"format": "ogg"}, 400},
		{"too short", "POST", "Ừ", nil, 400},
		{"too long", "POST", strings.Repeat("ơ", 5001), nil, 400},
		{"JSON", "POST", `{"text":"x"}`, map[string]string{"Content-Type": "application/json"}, 400},
		{"callback to nowhere", "POST", "Bà con", map[string]string{"callback_url": "/x"}, 400},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, f.URL(), strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		for _, headers := range []map[string]string{good, c.change} {
			for k, v := range headers {
				req.Header.Set(k, v)
			}
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.name, res.StatusCode, c.status)
		}
	}
}
