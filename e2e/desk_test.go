package e2e

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"loa"
	"loa/calendar"
	"loa/db"
	"loa/db/dbtest"
	"loa/form"
	"loa/journal"
	"loa/lang"
	"loa/lexicon"
	"loa/node"
	"loa/office"
	"loa/people"
	"loa/sheet"
	"loa/speaker"
	"loa/unit"
	"loa/upkeep"
	"loa/web"
	"loa/web/desk"
	"loa/wire"
)

// bureau is the desk over a station, with browsers.
type bureau struct {
	*station
	people *people.Register
	routes []web.Route
	hub    *web.Hub
	server *httptest.Server
	keys   map[string]string // person id → whose passkey of the station answers
}

// browser is one person at the desk.
type browser struct {
	*bureau
	id     string
	client *http.Client
	locale string
}

func openDesk(t *testing.T, soft bool, more ...func(*desk.Config)) *bureau {
	t.Helper()
	return openDeskOn(t, dbtest.SQLite(t), soft, more...)
}

// openDeskOn is openDesk on this database.
func openDeskOn(t *testing.T, url string, soft bool, more ...func(*desk.Config)) *bureau {
	t.Helper()
	w := build(t, url)
	w.openStation(dongSay)
	b := &bureau{station: w, keys: map[string]string{}, hub: web.NewHub()}
	b.people = &people.Register{DB: w.db, RPID: site, Origin: origin, Issuer: "Loa", OpenLinks: true}
	catalog, err := lang.Load()
	w.ok(err)
	logs := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		logs = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	ground, err := web.New(web.Config{Catalog: catalog, People: b.people, Clock: w.clock, Log: logs, Hub: b.hub, Demo: true})
	w.ok(err)
	sheets := &sheet.Book{DB: w.db, Blobs: w.flow.Blobs, Said: func(string, journal.Entry) {}, Registers: map[string]sheet.Register{
		"poles":   speaker.Poles{Label: func(key string) string { return catalog.T("vi", key) }},
		"people":  people.Table{Label: func(key string) string { return catalog.T("vi", key) }},
		"hamlets": unit.Hamlets{Used: speaker.CountAt},
	}}
	c := desk.Config{Calendar: &calendar.Register{DB: w.db},
		Sheets: sheets, Forms: &form.Register{DB: w.db, Blobs: w.flow.Blobs, Bulletins: w.flow}, Upkeep: &upkeep.Book{DB: w.db, Said: speaker.Silently},
		Site: ground, Bulletins: w.flow, Speakers: w.register, Units: w.units, Words: &lexicon.Register{DB: w.db}, People: b.people, Roster: node.Roster{Signer: w.signer}, Offices: &office.Register{DB: w.db}, Sound: w.flow.Blobs.Get,
		Journal: func(ctx context.Context, f journal.Filter) (rows []journal.Row, err error) {
			err = w.db.Read(ctx, func(tx *db.Tx) error {
				rows, err = journal.List(tx, f)
				return err
			})
			return rows, err
		},
	}
	if soft {
		c.SoftApprove = func(_ context.Context, person string, payload []byte) (wire.Approval, error) {
			return w.passkeys[b.keys[person]].Approve(payload, site, origin)
		}
	}
	for _, add := range more {
		add(&c)
	}
	b.routes, err = desk.New(c)
	w.ok(err)
	b.server = httptest.NewServer(ground.Handler(b.routes))
	t.Cleanup(b.server.Close)
	t.Cleanup(b.hub.Close)
	return b
}

// browser gives one of the station's people an account, a post with the same
// rights, and a browser that is signed in by a link.
func (b *bureau) browser(who loa.Actor) *browser {
	b.t.Helper()
	ctx := b.t.Context()
	p, err := b.people.AddPerson(ctx, loa.System(), people.NewPerson{Name: who.Name, Login: who.ID, Password: "mùa nước nổi đồng sậy", Path: dongSay})
	b.ok(err)
	o, err := (&office.Register{DB: b.db}).Add(ctx, loa.System(), office.Office{Name: "Cơ quan của " + who.Name, Kind: office.Other, Path: province})
	b.ok(err)
	post, err := b.people.AddPost(ctx, loa.System(), people.Post{Office: o.ID, Title: who.Post, Grants: who.Grants})
	b.ok(err)
	_, err = b.people.Hold(ctx, loa.System(), post.ID, p.ID, time.Time{}, time.Time{}, false)
	b.ok(err)
	b.keys[p.ID] = who.ID
	jar, err := cookiejar.New(nil)
	b.ok(err)
	one := &browser{b, p.ID, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, "vi"}
	one.signIn()
	return one
}

// signIn is by a link, which in a demonstration opens the whole desk.
func (p *browser) signIn() {
	p.t.Helper()
	link, err := p.people.NewLink(p.t.Context(), loa.System(), p.id, time.Hour)
	p.ok(err)
	p.led("/sign-in/link/"+link, nil, "/")
	p.tick()
}

// answer is what came back.
type answer struct {
	status int
	to     string // where it leads
	body   string
	header http.Header
}

func (p *browser) do(method, path, kind, body string, accept string) answer {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.server.URL+path, strings.NewReader(body))
	p.ok(err)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("Accept-Language", p.locale)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := p.client.Do(req)
	p.ok(err)
	defer func() { _ = res.Body.Close() }() // read to its end below
	b, err := io.ReadAll(res.Body)
	p.ok(err)
	return answer{res.StatusCode, res.Header.Get("Location"), string(b), res.Header}
}

func (p *browser) get(path string) answer { return p.do(http.MethodGet, path, "", "", "text/html") }

func (p *browser) post(path string, form url.Values) answer {
	return p.do(http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode(), "text/html")
}

// fault posts as a script does and reads the key of the error.
func (p *browser) fault(path string, form url.Values) (int, string) {
	p.t.Helper()
	a := p.do(http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode(), "application/json")
	var said struct{ Error web.Fault }
	if err := json.Unmarshal([]byte(a.body), &said); err != nil {
		p.t.Fatalf("POST %s: %d %q: %v", path, a.status, a.body, err)
	}
	return a.status, said.Error.Key
}

// page reads a page and holds it to what every page must be.
func (p *browser) page(path string, wants ...string) string {
	p.t.Helper()
	a := p.get(path)
	if a.status != http.StatusOK {
		p.t.Fatalf("GET %s: %d %s", path, a.status, a.body)
	}
	p.whole(path, a)
	for _, want := range wants {
		if !strings.Contains(a.body, want) {
			p.t.Errorf("GET %s (%s) does not say %q", path, p.locale, want)
		}
	}
	return a.body
}

// rawKey is a key of the catalogue that no language had a text for.
var rawKey = regexp.MustCompile(`<(?:h[1-3]|span|strong|button|a|label|dt|dd|p|li|th|td|title)\b[^<>]*>\s*(?:home|bulletins?|compose|speakers?|speaker_new|speaker_code|log|journal|signin|me|nav|word|running|result|beat|class|ask|stop|schedule|session|verb|error|people)\.[a-z_.]+`)

func (p *browser) whole(path string, a answer) {
	p.t.Helper()
	if found := rawKey.FindString(a.body); found != "" {
		p.t.Errorf("%s (%s) shows the raw key %q", path, p.locale, found)
	}
	if strings.Contains(a.body, "<html") && strings.Count(a.body, `class="demo"`) != 2 {
		p.t.Errorf("%s does not say twice that its data is simulated", path)
	}
	if strings.Contains(a.body, "<script>") || strings.Contains(a.body, " style=") || strings.Contains(a.body, " onclick=") {
		p.t.Errorf("%s holds a script or a style that its own policy forbids", path)
	}
}

// book is the verbs of all that was written, oldest first.
func (b *bureau) book() []string {
	b.t.Helper()
	var all []string
	b.ok(b.db.Read(b.t.Context(), func(tx *db.Tx) error {
		rows, err := journal.List(tx, journal.Filter{})
		for _, r := range slices.Backward(rows) {
			all = append(all, r.Verb)
		}
		return err
	}))
	return all
}

// wrote checks which verbs f wrote into the book. What one click writes bears one
// moment, so their order is not compared.
func (b *bureau) wrote(what string, f func(), want ...string) {
	b.t.Helper()
	b.tick()
	before := len(b.book())
	f()
	got := b.book()[before:]
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		b.t.Errorf("%s wrote %v into the book, want %v", what, got, want)
	}
}

// led posts a form and checks where it leads.
func (p *browser) led(path string, form url.Values, to string) string {
	p.t.Helper()
	a := p.post(path, form)
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.to, to) {
		p.t.Fatalf("POST %s: %d to %q, want %q\n%s", path, a.status, a.to, to, sentence(a.body))
	}
	return a.to
}

var heading = regexp.MustCompile(`(?s)<h1[^>]*>(.*?)</h1>`)

func sentence(page string) string {
	if m := heading.FindStringSubmatch(page); m != nil {
		return m[1]
	}
	return page
}

const powerCut = "Điện lực thông báo ngừng cấp điện từ 7h30 đến 16h00 ngày 26/11/2026.\nBà con rút phích cắm. Gọi 0250.3.999.000 (24/7)."

func composed(more ...string) url.Values {
	v := url.Values{"path": {string(dongSay)}, "text": {powerCut}, "scope": {string(dongSay)}, "class": {"normal"}, "until": {"2026-11-26"},
		"accent": {"north"}, "twice": {"1"}}
	for i := 0; i < len(more); i += 2 {
		v[more[i]] = []string{more[i+1]}
	}
	return v
}

// TestDeskDay is the officer's and the leader's day: every page, every button,
// and what each wrote into the book.
func TestDeskDay(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	man, khoi := b.browser(writer()), b.browser(chair())
	tech := b.browser(officer())
	pole := b.placed(thon1, "Đình làng")
	says := func(state, warrant string) {
		b.tick()
		b.ok(b.register.Beats(t.Context(), []wire.Beat{{Device: pole.ID, State: state, Warrant: warrant, Clock: wire.ClockTrusted, DiskFree: 3_400_000_000}}))
	}

	man.page("/", "Soạn bản tin", "Buổi sáng")
	man.page("/bulletins/new?path="+string(dongSay), "Trình duyệt", "Toàn bộ xã Đồng Sậy", "thôn 1")
	if got := man.post("/speak", url.Values{"text": {powerCut}, "accent": {"north"}}); !strings.Contains(got.body, "bảy giờ ba mươi") {
		t.Errorf("speak: %s", got.body)
	}

	var at string
	b.wrote("saving", func() { at = man.led("/bulletins", composed(), "/bulletins/") }, "bulletin.drafted")
	man.page(at, "Điện lực thông báo ngừng cấp điện", "bảy giờ ba mươi", "bản nháp")
	man.page(at+"/edit", "7h30")
	b.wrote("editing and asking for approval", func() { man.led(at+"/edit", composed("do", "submit"), at) }, "bulletin.edited", "bulletin.submitted")
	man.page(at, "chờ duyệt", "<audio")
	if got := man.do(http.MethodGet, at+"/sound/0", "", "", "*/*"); got.status != http.StatusOK || got.header.Get("Content-Type") != "audio/mpeg" || len(got.body)%288 != 0 {
		t.Errorf("sound: %d %s, %d bytes", got.status, got.header.Get("Content-Type"), len(got.body))
	}

	khoi.page("/", "Chờ anh/chị duyệt", "Điện lực thông báo")
	khoi.page(at, "Duyệt bằng khóa mô phỏng", "disabled")
	if status, key := khoi.fault(at+"/approve", nil); status != http.StatusConflict || key != "approve.not_heard" {
		t.Errorf("approving unheard: %d %s", status, key)
	}
	b.wrote("returning", func() { khoi.led(at+"/return", url.Values{"why": {"Sai ngày"}}, at) }, "bulletin.returned")
	man.page("/", "Bản tin được trả lại", "Sai ngày")
	b.wrote("asking again", func() { man.led(at+"/submit", nil, at) }, "bulletin.submitted")
	page := khoi.page(at)
	payload := regexp.MustCompile(`data-payload="([0-9a-f]{64})"`).FindStringSubmatch(page)
	if payload == nil {
		t.Fatal("the page does not name the bytes it shows")
	}
	if status, key := khoi.fault(at+"/hear", url.Values{"payload": {loa.Hash(nil)}, "how": {"heard"}}); key != "bulletin.changed_meanwhile" {
		t.Errorf("hearing other bytes: %d %s", status, key)
	}
	b.wrote("hearing", func() { khoi.led(at+"/hear", url.Values{"payload": {payload[1]}, "how": {"heard"}}, at) }, "bulletin.heard")
	khoi.page(at, "Anh/chị đã nghe hết")
	b.wrote("approving", func() { khoi.led(at+"/approve", url.Values{}, at) }, "bulletin.approved", "bulletin.sealed")
	khoi.page(at, "Khóa nội dung", "Trần Văn Bách")

	man.page("/", "Đã duyệt, chưa xếp vào buổi phát")
	man.page(at, "Xếp vào buổi phát", "2026-11-23 morning")
	b.wrote("scheduling", func() {
		man.led(at+"/schedule", url.Values{"session": {"2026-11-23 morning", "2026-11-24 morning"}}, at)
	}, "bulletin.scheduled", "bulletin.dispatched")
	man.page(at, "đã chuyển xuống cụm loa", "06:00")
	b.wrote("playing now", func() { man.led(at+"/now", nil, at) }, "bulletin.scheduled", "bulletin.dispatched")
	man.page(at, "mất kết nối", "Đình làng")
	says("idle", "")
	man.page(at, "chờ đến giờ")
	sealed, err := b.flow.Find(t.Context(), chief(), strings.TrimPrefix(at, "/bulletins/"))
	b.ok(err)
	says("sounding", sealed.Warrant)
	man.page(at, "Cụm loa báo đang phát")
	man.page("/", "Cụm loa báo đang phát", "Đình làng", "Dừng phát")
	tech.page("/speakers", "báo đang phát")
	tech.page("/speakers/"+pole.ID, "3,4 GB")
	b.wrote("drafting a stop", func() {
		if a := khoi.post(at+"/stop/draft", nil); a.status != http.StatusOK || !strings.Contains(a.body, "Dừng phát bằng khóa mô phỏng") {
			t.Errorf("stop page: %d %s", a.status, a.body)
		}
	})
	b.wrote("stopping", func() { khoi.led(at+"/stop", url.Values{"why": {"Nhầm ngày"}}, at) }, "bulletin.stopped")
	says("finished", "")
	man.page(at, "đã dừng phát", "Nhầm ngày", "không còn trong lịch phát")

	var other string
	b.wrote("another", func() { other = man.led("/bulletins", composed("title", "Tin thứ hai"), "/bulletins/") }, "bulletin.drafted")
	b.wrote("recalling", func() { man.led(other+"/cancel", url.Values{"why": {"Không cần nữa"}}, other) }, "bulletin.cancelled")
	man.page("/bulletins?text=dien+luc", "Điện lực thông báo")
	if strings.Contains(man.page("/bulletins?state=cancelled", "Tin thứ hai"), "Điện lực thông báo") {
		t.Error("the list shows a state that was not asked for")
	}

	bare := b.pole(thon1, "Bờ ao")
	tech.page("/speakers?state=bare", "chưa khai báo", "Bờ ao")
	tech.page("/poles/"+bare.Code, "chưa khai báo", `action="/poles/`+bare.Code+`/code"`)
	b.wrote("a code for a pole without a speaker", func() {
		a := tech.post("/poles/"+bare.Code+"/code", nil)
		code := regexp.MustCompile(`class="code"[^>]*>([^<]+)<`).FindStringSubmatch(a.body)
		if code == nil || !strings.Contains(a.body, "Bờ ao") {
			t.Fatalf("code page: %d %s", a.status, a.body)
		}
		_, err := b.enrol(code[1])
		b.ok(err)
	}, "speaker.code_made", "speaker.asked")
	tech.page("/speakers", "Thiết bị chờ xác nhận", "Bờ ao")
	tech.page("/poles/"+bare.Code+"/asked", "Đối chiếu và xác nhận")
	if status, key := tech.fault("/poles/XXXXXXXX/code", nil); status != http.StatusNotFound || key != "pole.unknown" {
		t.Errorf("a code for no pole: %d %s", status, key)
	}
	tech.page("/speakers/new", "Tạo mã khai báo")
	b.wrote("a new speaker", func() {
		a := tech.post("/speakers", url.Values{"name": {"Cổng chùa"}, "place": {string(thon1)}, "cap": {"70"}})
		if code := regexp.MustCompile(`class="code"[^>]*>([^<]+)<`).FindStringSubmatch(a.body); code == nil || len(code[1]) != 25 {
			t.Errorf("code page: %d %s", a.status, a.body)
		} else {
			_, err := b.enrol(code[1])
			b.ok(err)
		}
	}, "speaker.pole_added", "speaker.code_made", "speaker.asked")
	boxes, err := b.register.Boxes(t.Context(), dongSay)
	b.ok(err)
	boxes = slices.DeleteFunc(boxes, func(x speaker.Box) bool { return x.Pole.Name != "Cổng chùa" })
	box := "/speakers/" + boxes[0].ID
	tech.page("/speakers", "Thiết bị chờ xác nhận", "Cổng chùa")
	tech.page(box, "Sáu chữ số")
	b.wrote("other digits", func() {
		if a := tech.post(box+"/check", url.Values{"check": {"00 00 0x"}}); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "không khớp") {
			t.Errorf("other digits: %d", a.status)
		}
	})
	if a := tech.post(box+"/check", url.Values{"check": {boxes[0].Check[:3] + " " + boxes[0].Check[3:]}}); !strings.Contains(a.body, "Xác nhận bằng khóa mô phỏng") {
		t.Errorf("digits: %d %s", a.status, a.body)
	}
	b.wrote("confirming", func() { tech.led(box+"/confirm", url.Values{}, "/poles/"+boxes[0].Pole.Code) }, "speaker.placed")
	tech.page("/", "mất kết nối", "Cổng chùa")
	b.wrote("another code", func() { tech.post("/poles/"+boxes[0].Pole.Code+"/code", nil) }, "speaker.code_made")
	if a := tech.post(box+"/revoke", nil); !strings.Contains(a.body, "sẽ không phát gì nữa") {
		t.Errorf("revoke page: %d", a.status)
	}
	b.wrote("taking it away", func() { tech.led(box+"/confirm", url.Values{"revoke": {"1"}}, "/poles/"+boxes[0].Pole.Code) }, "speaker.revoked")
	tech.page("/poles/"+boxes[0].Pole.Code, "chưa khai báo", "Thiết bị đã tháo")

	for _, locale := range []string{"vi", "en"} {
		man.locale, tech.locale = locale, locale
		for _, path := range []string{"/", "/live", "/bulletins", "/bulletins/new", at, at + "/state", at + "/live", "/speakers", "/speakers/live", "/log", "/log?day=2026-11-22",
			"/journal", "/me"} {
			man.page(path)
		}
		tech.page(box)
		tech.page("/speakers/new")
	}
	man.locale = "vi"
	man.page("/journal", "Dừng phát", "Trình duyệt")
	b.wrote("signing out", func() { man.led("/sign-out", nil, "/sign-in") }, "people.signed_out")
	if a := man.get("/"); a.status != http.StatusSeeOther || a.to != "/sign-in?next=%2F" {
		t.Errorf("after signing out: %d %s", a.status, a.to)
	}
	man.page("/sign-in?next=//elsewhere.example", `name="next" value="/"`)
}

// TestDeskLog is one day of the playback log, counted at UTC+7.
func TestDeskLog(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	man := b.browser(writer())
	box := b.placed(thon1, "Đình làng")
	midnight := time.UnixMilli(at("00:00:00"))
	var batch []wire.Line
	for i, start := range []time.Time{midnight.Add(-time.Millisecond), midnight, midnight.Add(24*time.Hour - time.Millisecond), midnight.Add(24 * time.Hour)} {
		batch = append(batch, line(int64(i+1), wire.Slot{ID: loa.NewID(start), Warrant: loa.Hash(nil), Start: start.UnixMilli()}))
	}
	batch[1].Result, batch[1].Why = wire.Missed, "slot.missed"
	_, err := b.flow.Played(t.Context(), b.receipt(box, batch...))
	b.ok(err)
	for day, sum := range map[string]string{
		"2026-11-22": "1 lượt, 1 lượt phát đủ", "2026-11-23": "2 lượt, 1 lượt phát đủ", "2026-11-24": "1 lượt, 1 lượt phát đủ",
		"2026-11-25": "Ngày này chưa có lượt phát nào.", "": "2 lượt, 1 lượt phát đủ", "yesterday": "2 lượt, 1 lượt phát đủ",
	} {
		man.page("/log?day="+day, sum)
		man.page("/log?path="+string(thon1)+"&day="+day, sum)
	}
}

// TestDeskRefuses is what a person meets who does something wrong, or at the
// same time as somebody else.
func TestDeskRefuses(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	man, khoi := b.browser(writer()), b.browser(chair())

	t.Run("a megabyte of text", func(t *testing.T) {
		if status, key := man.fault("/bulletins", composed("text", strings.Repeat("đồng sậy ", 100_000))); status != http.StatusUnprocessableEntity || key != "body.too_large" {
			t.Errorf("got %d %s", status, key)
		}
	})
	t.Run("a long text comes back whole", func(t *testing.T) {
		long := strings.Repeat("đồng sậy ", 500)
		a := man.post("/bulletins", composed("text", long))
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "dài quá 4000") || !strings.Contains(a.body, long) {
			t.Errorf("got %d %s", a.status, sentence(a.body))
		}
	})
	t.Run("nowhere to play", func(t *testing.T) {
		v := composed()
		v.Del("scope")
		if a := man.post("/bulletins", v); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "ít nhất một nơi phát") || !strings.Contains(a.body, "0250.3.999.000") {
			t.Errorf("got %d %s", a.status, sentence(a.body))
		}
	})
	t.Run("two clicks at once", func(t *testing.T) {
		b := *b
		b.t = t
		khoi, man := *khoi, *man
		khoi.bureau, man.bureau = &b, &b
		at := man.led("/bulletins", composed("do", "submit"), "/bulletins/")
		page := khoi.page(at)
		payload := regexp.MustCompile(`data-payload="([0-9a-f]{64})"`).FindStringSubmatch(page)[1]
		khoi.led(at+"/hear", url.Values{"payload": {payload}, "how": {"read"}}, at)
		if status, key := man.fault(at+"/approve", nil); status != http.StatusForbidden || key != "approve.own" {
			t.Errorf("the author approved: %d %s", status, key)
		}
		var wait sync.WaitGroup
		answers := make([]answer, 2)
		for i := range answers {
			wait.Go(func() { answers[i] = khoi.post(at+"/approve", url.Values{}) })
		}
		wait.Wait()
		slices.SortFunc(answers, func(a, b answer) int { return a.status - b.status })
		if answers[0].status != http.StatusSeeOther || answers[1].status != http.StatusConflict || !strings.Contains(answers[1].body, "không còn làm được") {
			t.Errorf("got %d and %d %s", answers[0].status, answers[1].status, sentence(answers[1].body))
		}
	})
	t.Run("from another site", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.server.URL+"/bulletins", strings.NewReader(composed().Encode()))
		b.ok(err)
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := man.client.Do(req)
		b.ok(err)
		_ = res.Body.Close() // nothing of it is read
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("got %d", res.StatusCode)
		}
	})
}

// TestDeskPasskey is approving outside the demonstration: a passkey added on the
// account page, the challenge the page asks for, the answer its script posts.
func TestDeskPasskey(t *testing.T) {
	t.Parallel()
	b := openDesk(t, false)
	man, khoi := b.browser(writer()), b.browser(chair())
	at := man.led("/bulletins", composed("do", "submit"), "/bulletins/")
	khoi.page(at, "chưa có khóa đăng nhập")
	begun := khoi.do(http.MethodPost, "/me/passkey/begin", "application/json", "{}", "application/json")
	key := b.passkeys[chair().ID]
	made, err := key.Create([]byte(begun.body), origin)
	b.ok(err)
	b.wrote("adding a passkey", func() {
		if a := khoi.do(http.MethodPost, "/me/passkey/finish", "application/json", string(made), "application/json"); a.status != http.StatusOK {
			t.Fatalf("passkey: %d %s", a.status, a.body)
		}
	}, "people.passkey_added")
	khoi.signIn() // the session that only set it up is over
	page := khoi.page(at)
	payload := regexp.MustCompile(`data-payload="([0-9a-f]{64})"`).FindStringSubmatch(page)[1]
	options := regexp.MustCompile(`data-options="([^"]+)"`).FindStringSubmatch(page)
	if options == nil {
		t.Fatal("the page does not ask for a passkey")
	}
	var asked struct {
		PublicKey struct{ Challenge []byte }
	}
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(html.UnescapeString(options[1]))
	b.ok(json.Unmarshal([]byte(regexp.MustCompile(`"challenge":"([^"=]+)"`).ReplaceAllString(plain, `"challenge":"$1="`)), &asked))
	if got := hex.EncodeToString(asked.PublicKey.Challenge); got != payload {
		t.Errorf("the challenge is %s, the bytes are %s", got, payload)
	}
	khoi.led(at+"/hear", url.Values{"payload": {payload}, "how": {"read"}}, at)
	if status, key := khoi.fault(at+"/approve", nil); status != http.StatusUnprocessableEntity || key != "approval.passkey_needed" {
		t.Errorf("a form approved: %d %s", status, key)
	}
	bulletin, err := b.flow.Find(t.Context(), chief(), strings.TrimPrefix(at, "/bulletins/"))
	b.ok(err)
	said, err := json.Marshal(b.yes(chair(), bulletin.Payload))
	b.ok(err)
	b.wrote("approving", func() {
		a := khoi.do(http.MethodPost, at+"/approve", "application/json", string(said), "application/json")
		if a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"next":"`+at+`"}` {
			t.Errorf("approve: %d %s", a.status, a.body)
		}
	}, "bulletin.approved", "bulletin.sealed")
}

// TestDeskRights walks the whole table: whoever lacks a route's right is sent
// away, and the book stays as it was.
func TestDeskRights(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	jar, err := cookiejar.New(nil)
	b.ok(err)
	nobody := &browser{b, "", &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, "vi"}
	reader := b.browser(person("reader", "Người Xem", dongSay, loa.RightRead))
	before := len(b.book())
	for _, route := range b.routes {
		method, path, _ := strings.Cut(route.Pattern, " ")
		path = strings.NewReplacer("{id}", loa.NewID(b.clock.Now()), "{hash}", loa.Hash(nil), "{code}", "DS01", "{token}", "x", "{$}", "").Replace(path)
		for _, who := range []*browser{nobody, reader} {
			if route.Right == web.Public || who == reader && slices.Contains([]loa.Right{loa.RightRead, web.SignedIn, web.Entering}, route.Right) {
				continue
			}
			a := who.do(method, path, "application/x-www-form-urlencoded", "", "text/html")
			switch {
			case who == nobody && method == http.MethodGet && a.status == http.StatusSeeOther && strings.HasPrefix(a.to, "/sign-in?next="):
			case a.status == http.StatusForbidden:
			default:
				t.Errorf("%s as %q: %d %s", route.Pattern, who.id, a.status, sentence(a.body))
			}
		}
	}
	if got := b.book()[before:]; len(got) > 0 {
		t.Errorf("the book says %v", got)
	}
	if a := nobody.get("/events?path=vn"); a.status != http.StatusSeeOther {
		t.Errorf("events: %d", a.status)
	}
	if a := reader.get("/events?path=vn"); a.status != http.StatusForbidden {
		t.Errorf("events of the whole country: %d", a.status)
	}
}
