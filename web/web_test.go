package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"loa"
	"loa/db/dbtest"
	"loa/lang"
	"loa/people"
	"loa/web"
)

// ground is a site on a real register, a Monday at 17:02 in Viet Nam.
type ground struct {
	t     *testing.T
	site  *web.Site
	clock *loa.HandClock
	logs  *bytes.Buffer
}

func build(t *testing.T, change func(*web.Config)) *ground {
	t.Helper()
	g := &ground{t: t, clock: loa.NewHandClock(time.Date(2026, 11, 23, 17, 2, 7, 0, loa.Zone())), logs: &bytes.Buffer{}}
	catalog, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	c := web.Config{Catalog: catalog, People: &people.Register{DB: dbtest.OpenAt(t, dbtest.SQLite(t), g.clock)}, Clock: g.clock,
		Log: slog.New(slog.NewTextHandler(g.logs, nil)), Hub: web.NewHub()}
	if change != nil {
		change(&c)
	}
	if g.site, err = web.New(c); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *ground) ask(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(g.t.Context(), method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestFaults is every kind of error as a person and as a program read it.
func TestFaults(t *testing.T) {
	g := build(t, nil)
	var fails error
	h := g.site.Handler([]web.Route{{Pattern: "GET /x", Handle: func(http.ResponseWriter, *http.Request) error { return fails }}})
	for _, c := range []struct {
		err    error
		status int
		key    string
	}{
		{loa.Errorf(loa.NotFound, "bulletin.unknown"), 404, "bulletin.unknown"},
		{loa.Errorf(loa.Invalid, "scope.empty"), 422, "scope.empty"},
		{loa.Errorf(loa.Forbidden, "approve.own"), 403, "approve.own"},
		{loa.Errorf(loa.Conflict, "bulletin.moved", "draft"), 409, "bulletin.moved"},
		{loa.Errorf(loa.Unavailable, "signer.away"), 503, "signer.away"},
		{io.ErrUnexpectedEOF, 500, "internal"},
	} {
		fails = c.err
		page := g.ask(h, "GET", "/x", "", "Accept", "text/html")
		id := page.Header().Get("X-Request-Id")
		if page.Code != c.status || !strings.Contains(page.Body.String(), c.key) || !loa.IsID(id) || !strings.Contains(page.Body.String(), id) {
			t.Errorf("%s as a page: %d %s", c.key, page.Code, page.Body)
		}
		var said struct{ Error web.Fault }
		program := g.ask(h, "GET", "/x", "", "Accept", "application/json", "Accept-Language", "en-GB,en;q=0.9")
		if err := json.Unmarshal(program.Body.Bytes(), &said); err != nil {
			t.Fatal(err)
		}
		want := web.Fault{Code: loa.CodeOf(c.err), Key: c.key, Sentence: g.site.Catalog.Error("en", c.err),
			Docs: "docs/errors.md#" + c.key, Request: program.Header().Get("X-Request-Id")}
		if program.Code != c.status || said.Error != want {
			t.Errorf("%s as JSON: %d %+v", c.key, program.Code, said.Error)
		}
	}
	if strings.Contains(g.ask(h, "GET", "/x", "").Body.String(), "EOF") || !strings.Contains(g.logs.String(), "unexpected EOF") {
		t.Error("what went wrong inside belongs into the log, not on the page")
	}
	if w := g.ask(h, "GET", "/nowhere", ""); w.Code != 404 || !strings.Contains(w.Body.String(), "Không có trang này.") {
		t.Errorf("an unknown address: %d", w.Code)
	}
}

func TestPanicIsAnAnswer(t *testing.T) {
	g := build(t, nil)
	h := g.site.Handler([]web.Route{{Pattern: "GET /x", Handle: func(http.ResponseWriter, *http.Request) error { panic("out of luck") }}})
	if w := g.ask(h, "GET", "/x", ""); w.Code != 500 || !strings.Contains(g.logs.String(), "out of luck") {
		t.Errorf("%d, log %s", w.Code, g.logs)
	}
}

// TestHeaders are on every answer, errors too.
func TestHeaders(t *testing.T) {
	g := build(t, func(c *web.Config) { c.TLS, c.Demo = true, true })
	h := g.site.Handler(nil)
	w := g.ask(h, "GET", "/nowhere", "")
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Strict-Transport-Security": "max-age=31536000"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	csp := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(csp, "default-src 'none'; script-src 'self';") || strings.Contains(csp, "unsafe") {
		t.Error(csp)
	}
	if n := strings.Count(w.Body.String(), "DỮ LIỆU MÔ PHỎNG, địa danh giả định"); n != 2 {
		t.Errorf("the page says %d times that its data is simulated, want 2: top and bottom", n)
	}
}

// TestCrossOrigin: a form on another site changes nothing here.
func TestCrossOrigin(t *testing.T) {
	g := build(t, nil)
	called := false
	h := g.site.Handler([]web.Route{{Pattern: "POST /x", Handle: func(http.ResponseWriter, *http.Request) error { called = true; return nil }}})
	if w := g.ask(h, "POST", "/x", "", "Sec-Fetch-Site", "cross-site"); w.Code != 403 || called {
		t.Errorf("from another site: %d, called %v", w.Code, called)
	}
	if w := g.ask(h, "POST", "/x", "", "Sec-Fetch-Site", "same-origin"); w.Code != 200 || !called {
		t.Errorf("from here: %d, called %v", w.Code, called)
	}
}

func TestBodyLimit(t *testing.T) {
	g := build(t, nil)
	read := func(_ http.ResponseWriter, r *http.Request) error { return web.Form(r) }
	h := g.site.Handler([]web.Route{{Pattern: "POST /small", Handle: read}, {Pattern: "POST /text", Handle: read, Body: web.BodyText}})
	for path, size := range map[string]int{"/small": web.BodySmall, "/text": web.BodyText} {
		fits := "a=" + strings.Repeat("x", size-2)
		if w := g.ask(h, "POST", path, fits, "Content-Type", "application/x-www-form-urlencoded"); w.Code != 200 {
			t.Errorf("%s with %d bytes: %d", path, size, w.Code)
		}
		if w := g.ask(h, "POST", path, fits+"x", "Content-Type", "application/x-www-form-urlencoded", "Accept", "application/json"); w.Code != 422 || !strings.Contains(w.Body.String(), "body.too_large") {
			t.Errorf("%s with one byte more: %d %s", path, w.Code, w.Body)
		}
	}
}

// TestStatic: what a page names is served for ever, anything else is not there.
func TestStatic(t *testing.T) {
	g := build(t, nil)
	h := g.site.Handler(nil)
	page := g.ask(h, "GET", "/nowhere", "").Body.String()
	total := 0
	for _, found := range regexp.MustCompile(`/static/loa\.[0-9a-f]{10}\.(css|js|svg)`).FindAllString(page, -1) {
		w := g.ask(h, "GET", found, "")
		if w.Code != 200 || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %s", found, w.Code, w.Header().Get("Cache-Control"))
		}
		if !strings.HasSuffix(found, "svg") {
			total += w.Body.Len()
		}
	}
	if total == 0 || total > 30<<10 {
		t.Errorf("scripts and styles are %d bytes; a slow telephone gets 30 KiB at most", total)
	}
	if w := g.ask(h, "GET", "/static/loa.css", ""); w.Code != 404 {
		t.Errorf("a name without its hash: %d", w.Code)
	}
}

func TestLanguage(t *testing.T) {
	g := build(t, nil)
	h := g.site.Handler(nil)
	for accept, want := range map[string]string{"": "vi", "en-US,en;q=0.8": "en", "fr,vi;q=0.5": "vi", "th": "vi"} {
		if w := g.ask(h, "GET", "/nowhere", "", "Accept-Language", accept); w.Header().Get("Content-Language") != want {
			t.Errorf("%q: %s", accept, w.Header().Get("Content-Language"))
		}
	}
	w := g.ask(h, "POST", "/language", "language=en&next=//elsewhere.example", "Content-Type", "application/x-www-form-urlencoded")
	if w.Code != 303 || w.Header().Get("Location") != "/" || !strings.HasPrefix(w.Header().Get("Set-Cookie"), "language=en;") {
		t.Errorf("%d to %q, %q", w.Code, w.Header().Get("Location"), w.Header().Get("Set-Cookie"))
	}
	if w := g.ask(h, "GET", "/nowhere", "", "Accept-Language", "vi", "Cookie", "language=en"); w.Header().Get("Content-Language") != "en" {
		t.Error("the choice does not hold")
	}
}

func TestLocal(t *testing.T) {
	for next, want := range map[string]string{"/bulletins?a=b": "/bulletins?a=b", "": "/", "//x.example": "/", "https://x.example/": "/",
		"/\\x.example": "/", "bulletins": "/", "/a\r\nb": "/", "javascript:alert(1)": "/"} {
		if got := web.Local(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}

// TestSaying is how moments and lengths read.
func TestSaying(t *testing.T) {
	g := build(t, nil)
	pages, err := web.LoadPages(fstest.MapFS{"p/x.html": {Data: []byte(
		`{{define "main"}}{{$d := .Data}}{{.Moment $d.Now}}|{{.Moment $d.Next}}|{{.Moment $d.Far}}|{{.LastDay $d.Midnight}}|{{.Ago $d.Past}}|{{.Ago 0}}|{{.Length 48200}}|{{.Length 100000}}|{{.Length 120000}}|{{.Millis -12400}}|{{.Seconds 48290}}|{{.Bytes 3456789012}}|{{.App "otpauth://totp/Loa:man"}}|{{.App "javascript:x"}}|{{end}}`)}}, "p")
	if err != nil {
		t.Fatal(err)
	}
	at := func(d, h, m int) int64 { return time.Date(2026, 11, d, h, m, 0, 0, loa.Zone()).UnixMilli() }
	data := map[string]int64{"Now": at(23, 17, 2), "Next": at(25, 5, 30), "Far": time.Date(2027, 1, 2, 3, 4, 0, 0, loa.Zone()).UnixMilli(),
		"Midnight": at(27, 0, 0), "Past": at(23, 16, 57)}
	h := g.site.Handler([]web.Route{{Pattern: "GET /x", Handle: func(w http.ResponseWriter, r *http.Request) error {
		return g.site.Part(w, r, pages, "x", "main", data)
	}}})
	want := "17:02 hôm nay|05:30 thứ Tư 25/11|03:04 thứ Bảy 02/01/2027|thứ Năm 26/11|5 phút trước|chưa lần nào|48 giây|1 phút 40 giây|2 phút|-12 ms|48,2|3,4 GB|otpauth://totp/Loa:man||"
	if got := g.ask(h, "GET", "/x", "").Body.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestEvents: a page hears of its own place and of those around it, and of
// nothing else; a heartbeat comes while nothing happens.
func TestEvents(t *testing.T) {
	g := build(t, nil)
	hub := g.site.Hub
	who := loa.Actor{ID: "a", Grants: []loa.Grant{{Path: "vn/98", Rights: []loa.Right{loa.RightRead}}}}
	server := httptest.NewServer(g.site.HandlerAs(who))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/events?path=vn/98/98011", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }() // the server ends it
	lines := bufio.NewScanner(res.Body)
	next := func(want string) {
		t.Helper()
		for lines.Scan() {
			if lines.Text() != "" {
				if lines.Text() != want {
					t.Errorf("got %q, want %q", lines.Text(), want)
				}
				return
			}
		}
		t.Fatalf("the stream ended before %q: %v", want, lines.Err())
	}
	next("retry: 3000")
	hub.Changed("bulletin", "other", "vn/98/98037")
	hub.Changed("bulletin", "mine", "vn/98/98011/h/t1")
	next(`data: {"noun":"bulletin","id":"mine"}`)
	hub.Changed("policy", "above", "vn/98")
	next(`data: {"noun":"policy","id":"above"}`)
	g.clock.Turn(15 * time.Second)
	next(": heartbeat")
	hub.Close()
	if lines.Scan() && lines.Text() != "" {
		t.Errorf("after the end: %q", lines.Text())
	}
	if n := hub.Listeners(); n != 0 {
		t.Errorf("%d still listen", n)
	}
}
