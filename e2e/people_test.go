package e2e

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"loa"
	"loa/bulletin"
	"loa/db"
	"loa/people"
)

// guest is a browser nobody is signed in with.
func (b *bureau) guest() *browser {
	b.t.Helper()
	jar, err := cookiejar.New(nil)
	b.ok(err)
	return &browser{b, "", &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, "vi"}
}

// strict is a desk where a link opens only the first set-up, as everywhere but
// in a demonstration.
func strict(t *testing.T) *bureau {
	t.Helper()
	b := openDesk(t, true)
	b.people.Unfinished = func(tx *db.Tx, who loa.Actor, giver, taker people.Person, places []loa.Path) (int, error) {
		return bulletin.TakeOver(tx, who, giver.ID, taker.ID, taker.Name, places)
	}
	return b
}

func manager() loa.Actor {
	return person("manager", "Hoàng Thị Sen", province, loa.RightPeople, loa.RightRead)
}

var linkIn = regexp.MustCompile(`https?://[^<\s]+(/sign-in/link/[A-Za-z0-9_-]{43})`)

// link is the sign-in link a page shows.
func link(t *testing.T, page string) string {
	t.Helper()
	m := linkIn.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no link on the page: %s", sentence(page))
	}
	return m[1]
}

// TestPeopleDay is running people without a shell: a person with a post in one
// form, their first day, other rights, a stand-in, a handover, the end.
func TestPeopleDay(t *testing.T) {
	t.Parallel()
	b := strict(t)
	sen := b.browser(manager())

	var in string
	b.wrote("a person with a post", func() {
		a := sen.post("/people", url.Values{"path": {string(dongSay)}, "name": {"Lê Thị Mận"}, "login": {"man.lt"}, "set": {"station"},
			"title": {"Người phụ trách Đài"}, "phone": {"+84 912 345 678"}, "decision": {"12/QĐ-UBND"}})
		sen.whole("/people", a)
		if a.status != http.StatusOK || !strings.Contains(a.body, "data:image/png;base64,") || a.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("welcome: %d %s", a.status, sentence(a.body))
		}
		in = link(t, a.body)
	}, "office.added", "people.added", "people.post_added", "people.held", "people.link_made")
	man, err := b.people.Login(t.Context(), "MAN.LT")
	b.ok(err)
	sen.page("/people?path="+string(dongSay), "Lê Thị Mận", "Người phụ trách Đài", "chưa lần nào")
	sen.page("/people?text=le+thi+man", "Lê Thị Mận")
	if strings.Contains(sen.page("/people?text=khong+co+ai", "Chưa có ai"), "man.lt") {
		t.Error("the search finds everybody")
	}

	t.Run("the first day", func(t *testing.T) {
		b.people.OpenLinks = false
		defer func() { b.people.OpenLinks = true }()
		p := b.guest()
		p.led(in, nil, "/me")
		page := p.page("/me", "Thiết lập lần đầu", "Đặt mật khẩu", "In tờ mã dự phòng")
		if strings.Contains(page, "TOTP") {
			t.Error("the first day speaks of TOTP")
		}
		if a := p.get("/people"); a.status != http.StatusSeeOther || a.to != "/me" {
			t.Errorf("half a session opens the people page: %d %s", a.status, a.to)
		}
		if status, key := p.fault("/me/password", url.Values{"password": {"đồng sậy mùa nước"}, "again": {"đồng sậy mùa khô"}}); key != "people.password_differs" {
			t.Errorf("two passwords: %d %s", status, key)
		}
		b.wrote("a password", func() {
			p.led("/me/password", url.Values{"password": {"đồng sậy mùa nước"}, "again": {"đồng sậy mùa nước"}}, "/me")
		}, "people.password_set")
		setup := p.post("/me/totp", nil)
		p.whole("/me/totp", setup)
		secret := regexp.MustCompile(`name="secret" value="([A-Z2-7]+)"`).FindStringSubmatch(setup.body)
		if secret == nil || !strings.Contains(setup.body, "data:image/png") {
			t.Fatalf("set up: %d", setup.status)
		}
		code, err := totp.GenerateCode(secret[1], b.clock.Now())
		b.ok(err)
		b.wrote("a code", func() { p.led("/me/totp/confirm", url.Values{"code": {code}}, "/me") }, "people.totp_set", "people.signed_in")
		p.page("/me", "Chưa in tờ mã dự phòng", "máy này", "Đăng xuất")
		b.wrote("printed codes", func() {
			a := p.post("/me/codes", nil)
			p.whole("/me/codes", a)
			if n := strings.Count(a.body, `<li class="digits">`); n != 10 || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d codes on the page", n)
			}
		}, "people.codes_printed")
		p.page("/me", "Còn 10 mã")
		p.page("/", "Soạn bản tin")
		if a := p.get("/people"); a.status != http.StatusForbidden {
			t.Errorf("an officer manages people: %d", a.status)
		}
	})

	t.Run("other rights", func(t *testing.T) {
		held, err := b.people.Holdings(t.Context(), man.ID)
		b.ok(err)
		post := "/posts/" + held[0].Post
		sen.page(post, "Người phụ trách Đài", "quản lý cụm loa", "QĐ 12/QĐ-UBND")
		b.wrote("less rights", func() {
			sen.led(post, url.Values{"title": {"Người phụ trách Đài"}, "grant": {"bulletin.write " + string(dongSay), "desk.read " + string(dongSay), "bulletin.dispatch " + string(dongSay)}}, post)
		}, "people.post_changed")
		who, err := b.people.Actor(t.Context(), man.ID)
		b.ok(err)
		if who.May(loa.RightSpeakers, dongSay) || !who.May(loa.RightWrite, dongSay) {
			t.Errorf("rights now: %+v", who.Grants)
		}
		if status, key := sen.fault(post, url.Values{"title": {"x"}, "grant": {"desk.read vn"}}); status != http.StatusForbidden || key != "right.missing" {
			t.Errorf("rights over the whole country: %d %s", status, key)
		}
		if status, key := sen.fault(post, url.Values{"title": {"x"}, "grant": {"root " + string(dongSay)}}); status != http.StatusUnprocessableEntity || key != "people.right_unknown" {
			t.Errorf("an invented right: %d %s", status, key)
		}
	})

	t.Run("handover", func(t *testing.T) {
		sen.post("/people", url.Values{"path": {string(dongSay)}, "name": {"Phạm Văn Lúa"}, "login": {"lua.pv"}, "set": {"reader"}, "title": {"Công chức văn hóa"}})
		lua, err := b.people.Login(t.Context(), "lua.pv")
		b.ok(err)
		who, err := b.people.Actor(t.Context(), man.ID)
		b.ok(err)
		draft, err := b.flow.Draft(t.Context(), who, notice())
		b.ok(err)
		held, err := b.people.Holdings(t.Context(), man.ID)
		b.ok(err)
		address := "/people/" + man.ID + "/holdings/" + held[0].ID + "/handover"
		if status, key := sen.fault(address, url.Values{"login": {"nobody"}, "day": {"2026-11-23"}}); status != http.StatusNotFound || key != "people.unknown" {
			t.Errorf("to nobody: %d %s", status, key)
		}
		b.wrote("handing over", func() {
			sen.led(address, url.Values{"login": {"lua.pv"}, "day": {"2026-11-23"}, "decision": {"15/QĐ-UBND"}}, "/people/"+man.ID)
		}, "people.held", "people.ended", "bulletin.taken_over", "people.handed_over")
		got, err := b.flow.Find(t.Context(), chief(), draft.ID)
		b.ok(err)
		if got.Author != lua.ID || got.AuthorName != "Phạm Văn Lúa" {
			t.Errorf("the draft is %s's", got.AuthorName)
		}
		who, err = b.people.Actor(t.Context(), man.ID)
		b.ok(err)
		if len(who.Grants) > 0 {
			t.Errorf("who handed over still holds %+v", who.Grants)
		}
	})

	t.Run("a handover to come", func(t *testing.T) {
		lua, err := b.people.Login(t.Context(), "lua.pv")
		b.ok(err)
		held, err := b.people.Holdings(t.Context(), lua.ID)
		b.ok(err)
		var holding people.Holding
		for _, h := range held {
			if h.Title() == "Người phụ trách Đài" {
				holding = h
			}
		}
		who, err := b.people.Actor(t.Context(), lua.ID)
		b.ok(err)
		draft, err := b.flow.Draft(t.Context(), who, notice())
		b.ok(err)
		sen.led("/people/"+lua.ID+"/holdings/"+holding.ID+"/handover", url.Values{"login": {"man.lt"}, "day": {"2026-12-01"}}, "/people/"+lua.ID)
		sen.page("/people/"+man.ID, "sẽ giữ từ thứ Ba 01/12")
		b.ok(b.people.HandOverDue(t.Context()))
		if got, _ := b.flow.Find(t.Context(), chief(), draft.ID); got.Author != lua.ID {
			t.Error("the draft went before its day")
		}
		b.clock.Turn(8 * 24 * time.Hour)
		b.ok(b.people.HandOverDue(t.Context()))
		b.ok(b.people.HandOverDue(t.Context())) // once is enough
		if got, _ := b.flow.Find(t.Context(), chief(), draft.ID); got.Author != man.ID {
			t.Error("the draft did not go on its day")
		}
		sen.signIn()
	})

	t.Run("a stand-in approves, never their own", func(t *testing.T) {
		khoi := sen.post("/people", url.Values{"path": {string(dongSay)}, "name": {"Trần Bá Khôi"}, "login": {"khoi.tb"}, "set": {"leader"}, "title": {"Phó Chủ tịch UBND xã"}})
		if khoi.status != http.StatusOK {
			t.Fatal(sentence(khoi.body))
		}
		chairman, err := b.people.Login(t.Context(), "khoi.tb")
		b.ok(err)
		held, err := b.people.Holdings(t.Context(), chairman.ID)
		b.ok(err)
		post := "/posts/" + held[0].Post
		if status, key := sen.fault(post+"/give", url.Values{"lent": {"1"}, "login": {"man.lt"}, "from": {"2026-12-01"}}); status != http.StatusUnprocessableEntity || key != "people.lent_undated" {
			t.Errorf("lent for ever: %d %s", status, key)
		}
		b.wrote("lending", func() {
			sen.led(post+"/give", url.Values{"lent": {"1"}, "login": {"man.lt"}, "from": {"2026-12-01"}, "until": {"2026-12-02"}, "decision": {"20/QĐ-UBND"}}, post)
		}, "people.held")
		sen.page(post, "thay từ hôm nay đến hết ngày mai", "QĐ 20/QĐ-UBND")
		who, err := b.people.Actor(t.Context(), man.ID)
		b.ok(err)
		if !who.May(loa.RightApprove, dongSay) {
			t.Fatal("the stand-in may not approve")
		}
		draft, err := b.flow.Draft(t.Context(), who, noticeFrom(b.clock.Now()))
		b.ok(err)
		draft, err = b.flow.Submit(t.Context(), who, draft.ID)
		b.ok(err)
		b.ok(b.flow.Hear(t.Context(), who, draft.ID, loa.Hash(draft.Payload), bulletin.Read))
		if _, err := b.flow.Approve(t.Context(), who, draft.ID, b.yes(chair(), draft.Payload)); loa.KeyOf(err) != "approve.own" {
			t.Errorf("the stand-in approved their own: %v", err)
		}
		b.clock.Turn(48 * time.Hour)
		if who, err = b.people.Actor(t.Context(), man.ID); err != nil || who.May(loa.RightApprove, dongSay) {
			t.Errorf("the lent post did not go back by itself: %v", err)
		}
		sen.signIn()
	})

	t.Run("the end", func(t *testing.T) {
		open, err := b.people.NewLink(t.Context(), loa.System(), man.ID, time.Hour)
		b.ok(err)
		p := b.guest()
		p.led("/sign-in/link/"+open, nil, "/")
		b.wrote("disabling", func() { sen.led("/people/"+man.ID+"/disable", nil, "/people/"+man.ID) }, "people.disabled")
		if a := p.get("/me"); a.status != http.StatusSeeOther || !strings.HasPrefix(a.to, "/sign-in") {
			t.Errorf("a disabled person's session: %d %s", a.status, a.to)
		}
		sen.page("/people/"+man.ID, "đã ngừng tài khoản")
		b.wrote("enabling", func() { sen.led("/people/"+man.ID+"/enable", nil, "/people/"+man.ID) }, "people.enabled")
		if status, key := sen.fault("/people/"+sen.id+"/disable", nil); status != http.StatusConflict || key != "people.disable_self" {
			t.Errorf("disabling oneself: %d %s", status, key)
		}
	})

	for _, locale := range []string{"vi", "en"} {
		sen.locale = locale
		for _, path := range []string{"/people", "/people/new", "/people/new?path=" + string(thon1), "/people/" + man.ID, "/offices", "/recoveries", "/me"} {
			sen.page(path)
		}
	}
}

// noticeFrom is the usual notice, a week from now.
func noticeFrom(now time.Time) bulletin.Notice {
	n := notice()
	n.From, n.Until = now, now.Add(7*24*time.Hour)
	return n
}

// TestOffices is the register of offices on its page.
func TestOffices(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	sen := b.browser(manager())
	b.wrote("one centre for two communes", func() {
		sen.led("/offices", url.Values{"path": {string(province)}, "name": {"Trung tâm Văn hóa liên xã"}, "kind": {"so"}, "serves": {string(dongSay), string(benMai)}}, "/offices?path=")
	}, "office.added")
	sen.page("/offices?path="+string(dongSay), "Trung tâm Văn hóa liên xã", "Sở, ban, ngành", "Phục vụ")
	if a := sen.post("/offices", url.Values{"path": {string(province)}, "name": {"Trung tâm Văn hóa liên xã"}, "kind": {"so"}}); a.status != http.StatusConflict || !strings.Contains(a.body, "Trung tâm Văn hóa liên xã") {
		t.Errorf("twice the same: %d", a.status)
	}
	if status, key := sen.fault("/offices", url.Values{"name": {"x"}, "kind": {"castle"}}); status != http.StatusUnprocessableEntity || key != "office.kind_unknown" {
		t.Errorf("an invented kind: %d %s", status, key)
	}
	id := regexp.MustCompile(`/offices/([0-9a-z]{26})/close`).FindStringSubmatch(sen.page("/offices?path=" + string(province)))
	if id == nil {
		t.Fatal("nothing to close")
	}
	b.wrote("closing", func() { sen.led("/offices/"+id[1]+"/close", nil, "/offices") }, "office.closed")
}

// TestTwoColleagues is a lost telephone: the asker's screen, two colleagues, the
// way back in, the day of cooling, and that nobody learns who has an account.
func TestTwoColleagues(t *testing.T) {
	t.Parallel()
	b := strict(t)
	sen, khoi := b.browser(manager()), b.browser(chair())
	lost := b.browser(person("lost", "Vũ Văn Thực", dongSay, loa.RightWrite, loa.RightPeople, loa.RightRead))

	ask := func(login string) (*browser, string) {
		p := b.guest()
		p.led("/recover", url.Values{"login": {login}}, "/recover/wait")
		number := regexp.MustCompile(`class="code digits"[^>]*>(\d{6})<`).FindStringSubmatch(p.page("/recover/wait", "0 trên 2 người"))
		if number == nil {
			t.Fatal("no number on the page")
		}
		return p, number[1]
	}
	nobody, _ := ask("nobody.at.all")
	asker, number := ask("Lost")
	same := func(p *browser) string {
		return regexp.MustCompile(`\d{6}|[0-9a-f]{10}|value="[^"]*"`).ReplaceAllString(p.page("/recover/wait"), "")
	}
	if same(nobody) != same(asker) {
		t.Error("the page tells who has an account")
	}
	if status, key := asker.fault("/recover/take", nil); status != http.StatusConflict || key != "people.recovery_waits" {
		t.Errorf("in without colleagues: %d %s", status, key)
	}
	if status, key := nobody.fault("/recover/take", nil); status != http.StatusConflict || key != "people.recovery_waits" {
		t.Errorf("nobody is told otherwise: %d %s", status, key)
	}

	id := func(p *browser) string {
		m := regexp.MustCompile(`/recoveries/([0-9a-z]{26})/confirm`).FindStringSubmatch(p.page("/recoveries", "Vũ Văn Thực"))
		if m == nil {
			t.Fatal("nothing to confirm")
		}
		return m[1]
	}(sen)
	confirm := "/recoveries/" + id + "/confirm"
	khoi.page("/", "Đồng nghiệp cần vào lại", "Vũ Văn Thực")
	wrong := "000000"
	if number == wrong {
		wrong = "111111"
	}
	if status, key := khoi.fault(confirm, url.Values{"number": {wrong}}); status != http.StatusUnprocessableEntity || key != "people.recovery_number" {
		t.Errorf("another number: %d %s", status, key)
	}
	if status, key := lost.fault(confirm, url.Values{"number": {number}}); status != http.StatusForbidden || key != "people.recovery_own" {
		t.Errorf("for oneself: %d %s", status, key)
	}
	b.wrote("the first yes", func() { khoi.led(confirm, url.Values{"number": {number}}, "/recoveries") }, "people.recovery_confirmed")
	asker.page("/recover/wait", "1 trên 2 người")
	if status, key := khoi.fault(confirm, url.Values{"number": {number}}); status != http.StatusConflict || key != "people.recovery_twice" {
		t.Errorf("the same colleague twice: %d %s", status, key)
	}
	b.wrote("the second yes", func() { sen.led(confirm, url.Values{"number": {number}}, "/recoveries") }, "people.recovery_confirmed", "people.recovery_granted")
	asker.page("/recover/wait", "Hai đồng nghiệp đã xác nhận")
	if got := lost.get("/me"); got.status != http.StatusOK {
		t.Errorf("the old session ended before anybody came in: %d", got.status)
	}
	b.people.OpenLinks = false
	b.wrote("coming in", func() { asker.led("/recover/take", nil, "/me") }, "people.recovered", "people.signed_in")
	if got := lost.get("/me"); got.status != http.StatusSeeOther {
		t.Errorf("the old session is still open: %d", got.status)
	}
	if status, key := asker.fault("/recover/take", nil); status != http.StatusForbidden || key != "people.recovery_over" {
		t.Errorf("in twice: %d %s", status, key)
	}
	asker.page("/me", "Thiết lập lần đầu")
	for _, p := range []*browser{sen, khoi} {
		b.people.OpenLinks = true
		p.page("/me", "Vũ Văn Thực đã vào lại tài khoản", "Trần Văn Bách, Hoàng Thị Sen")
		p.page("/", "Vũ Văn Thực đã vào lại tài khoản")
	}
	who, err := b.people.Actor(t.Context(), lost.id)
	b.ok(err)
	if !who.Cooling || who.May(loa.RightPeople, dongSay) || !who.May(loa.RightWrite, dongSay) {
		t.Errorf("on the day after: %+v", who)
	}
	b.clock.Turn(24 * time.Hour)
	if who, err = b.people.Actor(t.Context(), lost.id); err != nil || who.Cooling || !who.May(loa.RightPeople, dongSay) {
		t.Errorf("a day later: %+v %v", who, err)
	}
}

// TestRecoverByPaper is a printed code: once, slowed down, and of no use to
// whoever guesses.
func TestRecoverByPaper(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	man := b.browser(writer())
	all, err := b.people.PrintCodes(t.Context(), man.id)
	b.ok(err)
	p := b.guest()
	p.page("/recover", "Quên mật khẩu, mất điện thoại", "tờ mã dự phòng")
	for _, c := range []struct{ login, code string }{{"writer", "0000-0000-0000-0000"}, {"nobody", all[0]}, {"", ""}} {
		if status, key := p.fault("/recover/code", url.Values{"login": {c.login}, "code": {c.code}}); status != http.StatusForbidden || key != "people.recovery_wrong" {
			t.Errorf("%q %q: %d %s", c.login, c.code, status, key)
		}
	}
	b.people.OpenLinks = false
	typed := strings.ToUpper(strings.ReplaceAll(all[0], "-", " "))
	b.wrote("a printed code", func() { p.led("/recover/code", url.Values{"login": {"Writer"}, "code": {typed}}, "/me") }, "people.recovered", "people.signed_in")
	if a := man.get("/me"); a.status != http.StatusSeeOther {
		t.Errorf("the old session is open: %d", a.status)
	}
	again := b.guest()
	if status, key := again.fault("/recover/code", url.Values{"login": {"writer"}, "code": {all[0]}}); status != http.StatusForbidden || key != "people.recovery_wrong" {
		t.Errorf("the code again: %d %s", status, key)
	}
	for range 8 {
		again.fault("/recover/code", url.Values{"login": {"writer"}, "code": {"guess"}})
	}
	if status, key := again.fault("/recover/code", url.Values{"login": {"writer"}, "code": {all[1]}}); status != http.StatusServiceUnavailable || key != "people.wait" {
		t.Errorf("after many guesses: %d %s", status, key)
	}
	for range 5 {
		b.guest().led("/recover", url.Values{"login": {"chair"}}, "/recover/wait")
	}
	if status, key := again.fault("/recover", url.Values{"login": {"chair"}}); status != http.StatusServiceUnavailable || key != "people.wait" {
		t.Errorf("asking and asking: %d %s", status, key)
	}
}
