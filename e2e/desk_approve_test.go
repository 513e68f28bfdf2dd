package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"loa"
	"loa/bulletin"
	"loa/node"
	"loa/wire"
)

// payloadOf is the hash of the bytes that a bulletin waits with.
func (b *bureau) payloadOf(at string) string {
	b.t.Helper()
	one, err := b.flow.Find(b.t.Context(), chief(), strings.TrimPrefix(at, "/bulletins/"))
	b.ok(err)
	return loa.Hash(one.Payload)
}

// heard tells the desk that a person heard or read a bulletin to its end.
func (p *browser) heard(at, how string) {
	p.t.Helper()
	p.led(at+"/hear", url.Values{"payload": {p.payloadOf(at)}, "how": {how}}, at)
}

// TestDeskSession is the leader's whole session under one touch.
func TestDeskSession(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	man, khoi := b.browser(writer()), b.browser(chair())
	khoi.page("/approve", "Không có tin nào chờ anh/chị duyệt")
	var at []string
	for _, title := range []string{"Tin một", "Tin hai", "Tin ba"} {
		b.tick()
		at = append(at, man.led("/bulletins", composed("title", title, "do", "submit"), "/bulletins/"))
	}
	khoi.page("/", "Nghe và duyệt một lần: 3 tin")
	if page := man.page("/approve"); !strings.Contains(page, "Không có tin nào chờ") {
		t.Error("the author is offered her own")
	}
	page := khoi.page("/approve", "3 tin", "Tin một", "Tin hai", "Tin ba", "data-play-all", "Chỉ những tin đã chọn")
	if strings.Count(page, "data-heard=") != 3 || !strings.Contains(page, "data-needs-one disabled") {
		t.Error("the page does not ask to hear three, or lets approve before")
	}
	if status, key := khoi.fault("/approve", nil); status != http.StatusConflict || key != "approve.nothing_heard" {
		t.Errorf("approving the unheard: %d %s", status, key)
	}
	khoi.heard(at[0], "read")
	khoi.heard(at[2], "heard")
	b.wrote("one touch for what was heard", func() {
		khoi.led("/approve", url.Values{"bulletin": {id(at[0]), id(at[1]), id(at[2])}}, "/approve?done=2&not=0")
	}, "bulletin.approved", "bulletin.sealed", "bulletin.approved", "bulletin.sealed")
	khoi.page("/approve?done=2&not=0", "Đã duyệt 2 tin", "Tin hai")
	khoi.page(at[0], "duyệt cùng các tin khác", "đã duyệt")
	khoi.heard(at[1], "read")
	b.wrote("one that is no longer ticked", func() {
		if status, key := khoi.fault("/approve", url.Values{"bulletin": {id(at[0])}}); status != http.StatusConflict || key != "approve.nothing_heard" {
			t.Errorf("%d %s", status, key)
		}
	})
	if status, key := man.fault("/approve", nil); status != http.StatusConflict || key != "approve.nothing_heard" {
		t.Errorf("the author: %d %s", status, key)
	}
	khoi.locale = "en"
	khoi.page("/approve", "Approve at once")
}

// said is an approval as a page's script posts it.
func said(t *testing.T, yes wire.Approval) string {
	t.Helper()
	b, err := json.Marshal(yes)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func id(at string) string { return strings.TrimPrefix(at, "/bulletins/") }

// TestDeskReturned: returned with a reason, mended and sent again in two taps, and
// the approver sees what changed; hearing may be demanded.
func TestDeskReturned(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	man, khoi, board := b.browser(writer()), b.browser(chair()), b.browser(chief())
	at := man.led("/bulletins", composed("do", "submit"), "/bulletins/")
	khoi.page(at, "Ai duyệt được lúc này")
	b.wrote("returning", func() { khoi.led(at+"/return", url.Values{"why": {"Sai giờ"}}, at) }, "bulletin.returned")
	man.page(at, "Sai giờ")
	man.page(at + "/edit")
	b.wrote("mending and sending again", func() {
		man.led(at+"/edit", composed("text", strings.Replace(powerCut, "7h30", "8h00", 1), "do", "submit"), at)
	}, "bulletin.edited", "bulletin.submitted")
	khoi.page(at, "Khác gì so với bản trả lại (lần 1 → lần 2)", "Sai giờ", "<del>7h30</del>", "<ins>8h00</ins>", "âm thanh")
	khoi.page("/approve", "bản trình lần 2")

	b.wrote("the province demands hearing", func() {
		board.led("/rules/hearing?path="+string(province), url.Values{"must": {"1"}}, "/rules")
	}, "bulletin.hearing_set")
	khoi.page("/rules?path="+string(dongSay), "phải nghe hết âm thanh")
	khoi.heard(at, "read")
	page := khoi.page(at, "Ở đây phải nghe hết âm thanh")
	if strings.Contains(page, "data-read=") || !strings.Contains(page, "data-needs-heard disabled") {
		t.Error("reading is offered where one must hear")
	}
	if status, key := khoi.fault(at+"/approve", nil); status != http.StatusConflict || key != "approve.must_hear" {
		t.Errorf("read: %d %s", status, key)
	}
	a := khoi.do(http.MethodPost, at+"/hear", "application/x-www-form-urlencoded",
		url.Values{"payload": {b.payloadOf(at)}, "how": {"heard"}}.Encode(), "text/html")
	if a.status != http.StatusSeeOther {
		t.Errorf("hearing: %d", a.status)
	}
	b.wrote("approving", func() { khoi.led(at+"/approve", url.Values{}, at) }, "bulletin.approved", "bulletin.sealed")
	khoi.post("/rules/hearing?path="+string(province), url.Values{}) // a commune lifts at most its own
	if rules, err := b.flow.HearingRules(t.Context(), dongSay); err != nil || len(rules) != 1 {
		t.Errorf("rules: %v %v", rules, err)
	}
}

// TestDeskCorrect: sửa và thay is four steps of the officer's, and proposes a
// correction when the old version has been heard.
func TestDeskCorrect(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	man, board := b.browser(writer()), b.browser(chief())
	b.placed(thon1, "Đình làng")
	at := man.led("/bulletins", composed("do", "submit"), "/bulletins/")
	board.page(at, "duyệt thay xã")
	board.heard(at, "read")
	board.led(at+"/approve", url.Values{}, at)
	board.page(at, "Cấp trên duyệt thay")
	man.led(at+"/schedule", url.Values{"session": {"2026-11-23 morning", "2026-11-24 morning"}}, at)
	b.turnTo("06:01:00")
	man.page(at, "Sửa và thay")
	var draft string
	b.wrote("1: Sửa và thay", func() { draft = strings.TrimSuffix(man.led(at+"/correct", nil, "/bulletins/"), "/edit") }, "bulletin.drafted")
	b.wrote("1: again", func() { man.led(at+"/correct", nil, draft+"/edit") })
	man.page(draft+"/edit", "7h30")
	man.page(at, "Đang có bản sửa")
	b.wrote("2, 3, 4: the field, the button", func() {
		man.led(draft+"/edit", composed("text", strings.Replace(powerCut, "7h30", "8h00", 1), "do", "submit"), draft)
	}, "bulletin.edited", "bulletin.submitted")
	board.page(draft, "Khi được duyệt sẽ thay")
	board.heard(draft, "read")
	b.wrote("approving", func() { board.led(draft+"/approve", url.Values{}, draft) }, "bulletin.approved", "bulletin.sealed", "bulletin.replaced")
	man.page(at, "Đã thay bằng bản sửa")
	man.page(draft, "Đã thay bản cũ", "Bản cũ đã phát 1 lượt", "Soạn tin đính chính", "đã chuyển xuống cụm loa")
	b.wrote("the correction", func() {
		e := man.led(draft+"/erratum", nil, "/bulletins/")
		man.page(e, "Đính chính:", "Đài xin đính chính")
	}, "bulletin.drafted")
	if status, key := man.fault(at+"/erratum", nil); status != http.StatusConflict || key != "replace.nothing_corrected" {
		t.Errorf("correcting what was not: %d %s", status, key)
	}
	if status, key := man.fault(at+"/correct", nil); status != http.StatusConflict || key != "bulletin.moved" {
		t.Errorf("replacing what is gone: %d %s", status, key)
	}
}

// TestDeskRemind: a session is near, nothing is approved, and the desk says so.
func TestDeskRemind(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	b.flow.Approvers = node.Approvers(b.people)
	man, khoi, board := b.browser(writer()), b.browser(chair()), b.browser(chief())
	at := man.led("/bulletins", composed("do", "submit"), "/bulletins/")
	khoi.page(at, "Ai duyệt được lúc này", chair().Name, "duyệt thay khi cần")
	b.turnTo("16:05:00")
	b.wrote("an hour before", func() { _, err := b.flow.Remind(t.Context()); b.ok(err) }, "bulletin.reminded")
	khoi.page("/", "Sắp đến buổi phát, chưa duyệt", "data-remind=", "Buổi phát lúc 17:00 còn tin chưa duyệt")
	if strings.Contains(board.page("/"), "Sắp đến buổi phát") || strings.Contains(man.page("/"), "Sắp đến buổi phát") {
		t.Error("somebody is reminded whose turn it is not")
	}
	b.turnTo("16:40:00")
	b.wrote("half an hour before", func() { _, err := b.flow.Remind(t.Context()); b.ok(err) }, "bulletin.reminded")
	board.page("/", "Sắp đến buổi phát, chưa duyệt", "anh/chị duyệt thay")
	board.page(at, "Đã đến lượt cấp trên duyệt thay")
	board.heard(at, "read")
	board.led(at+"/approve", url.Values{}, at)
	if strings.Contains(khoi.page("/"), "Sắp đến buổi phát") {
		t.Error("reminded of what is approved")
	}
}

// TestDeskGrants: the chair grants, the officer approves in the chair's place, a
// keeper takes it back, and every touch is a passkey's.
func TestDeskGrants(t *testing.T) {
	t.Parallel()
	g := openRegistry(t, false)
	author, boss := g.colleague(writer()), g.colleague(khoi())
	deputy := g.colleague(person("thu", "Lý Thị Thu", dongSay, loa.RightRead))
	keep1, keep2 := g.colleague(sen()), g.colleague(vinh())
	for _, p := range []*colleague{author, boss, deputy, keep1, keep2} {
		p.addPasskey()
	}
	boss.page("/grants", "Ủy quyền duyệt", "Chưa có ủy quyền nào")
	for _, m := range []struct{ login, duties, paths string }{
		{"khoi", "approve,stop", string(dongSay)}, {"thu", "stop", string(dongSay)}, {"sen", "roster", "vn/98"}, {"vinh", "roster", "vn/98"},
	} {
		if out, err := g.owner("-login", m.login, "-duties", m.duties, "-paths", m.paths); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	at := author.led("/bulletins", composed("do", "submit"), "/bulletins/")
	waits, err := g.flow.Find(t.Context(), chief(), id(at))
	g.ok(err)
	deputy.heard(at, "read")
	if status, key := deputy.says(at+"/approve", deputy, waits.Payload); status != http.StatusForbidden || key != "right.missing" {
		t.Errorf("without a grant: %d %s", status, key)
	}

	form := func(more ...string) url.Values {
		v := url.Values{"delegate": {deputy.id}, "decision": {"QĐ 12/QĐ-UBND"}, "place": {string(dongSay)}, "until": {"2026-12-31"}, "seconds": {"120"}, "plays": {"4"}}
		for i := 0; i < len(more); i += 2 {
			v[more[i]] = []string{more[i+1]}
		}
		return v
	}
	for what, v := range map[string]url.Values{
		"Xin chọn người được ủy quyền": form("delegate", "stranger"),
		"Xin ghi số quyết định":        form("decision", " "),
		"trong vòng một năm":           form("until", "2026-11-01"),
		"Giờ được duyệt chưa đúng":     form("from", "18:00", "hour_until", "17:00"),
		"từ 1 đến 3600 giây":           form("own", "1", "seconds", "0"),
	} {
		if a := boss.post("/grants", v); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, what) {
			t.Errorf("%s: %d %s", what, a.status, sentence(a.body))
		}
	}
	if status, key := deputy.fault("/grants", form()); status != http.StatusForbidden || key != "right.missing" {
		t.Errorf("granting without the right: %d %s", status, key)
	}
	drafted := boss.post("/grants", form())
	if drafted.status != http.StatusOK || !strings.Contains(drafted.body, "Trần Bá Khôi ủy quyền cho Lý Thị Thu") {
		t.Fatalf("draft: %d %s", drafted.status, sentence(drafted.body))
	}
	address := regexp.MustCompile(`action="(/grants/([0-9a-f]{64})/give)"`).FindStringSubmatch(drafted.body)
	made, err := g.flow.FindGrant(t.Context(), address[2])
	g.ok(err)
	g.wrote("what is no touch of the giver's", func() {
		if status, key := boss.says(address[1], deputy, made.Payload); status != http.StatusForbidden || key != "approval.not_entitled" {
			t.Errorf("another's finger: %d %s", status, key)
		}
		if status, key := boss.says(address[1], boss, waits.Payload); status != http.StatusForbidden || key != "approval.other_bytes" {
			t.Errorf("other bytes: %d %s", status, key)
		}
		if status, key := deputy.says(address[1], boss, made.Payload); status != http.StatusForbidden || key != "right.missing" {
			t.Errorf("sent in by another: %d %s", status, key)
		}
	})
	g.wrote("giving", func() {
		if status, key := boss.says(address[1], boss, made.Payload); status != http.StatusOK {
			t.Fatalf("giving: %d %s", status, key)
		}
	}, "bulletin.grant_given")
	boss.page("/grants", "QĐ 12/QĐ-UBND", "Thu hồi ủy quyền")
	deputy.page("/", "Nghe và duyệt một lần: 1 tin")
	deputy.page(at, "Duyệt theo ủy quyền QĐ 12/QĐ-UBND", "thay Trần Bá Khôi")
	g.wrote("approving in the chair's place", func() {
		if status, key := deputy.says(at+"/approve", deputy, waits.Payload); status != http.StatusOK {
			t.Fatalf("approving: %d %s", status, key)
		}
	}, "bulletin.approved", "bulletin.sealed")
	author.page(at, "Duyệt theo ủy quyền QĐ 12/QĐ-UBND", "Lý Thị Thu")

	end, err := made.End()
	g.ok(err)
	stop := "/grants/" + made.Hash + "/end"
	if status, key := deputy.says(stop, deputy, end); status != http.StatusForbidden || key != "approval.not_entitled" {
		t.Errorf("the delegate taking it back: %d %s", status, key)
	}
	keep1.page("/grants?path=vn/98", stop)
	g.wrote("a keeper takes it back", func() {
		if status, key := keep1.says(stop, keep1, end); status != http.StatusOK {
			t.Errorf("taking back: %d %s", status, key)
		}
	}, "bulletin.grant_ended")
	boss.page("/grants", "Hoàng Thị Sen đã thu hồi")
	if strings.Contains(deputy.page("/"), "Nghe và duyệt một lần") {
		t.Error("something still waits for who was a delegate")
	}
	deputy.locale = "en"
	deputy.page("/grants", "Taken back by")

	// One passkey for several: the page asks the server what it covers.
	var all []string
	for _, title := range []string{"Tin một", "Tin hai"} {
		g.tick()
		all = append(all, author.led("/bulletins", composed("title", title, "do", "submit"), "/bulletins/"))
		boss.heard(all[len(all)-1], "read")
	}
	a := boss.do(http.MethodPost, "/approve/ask", "application/x-www-form-urlencoded", url.Values{"bulletin": {id(all[0]), id(all[1])}}.Encode(), "application/json")
	if a.status != http.StatusOK || !strings.Contains(a.body, `"count":2`) || !strings.Contains(a.body, `"left":0`) {
		t.Fatalf("asking: %d %s", a.status, a.body)
	}
	batch, _, _, err := g.flow.Together(t.Context(), loa.Actor{ID: boss.id, Grants: khoi().Grants}, nil)
	g.ok(err)
	yes, err := g.held[boss.id].Approve(batch, site, origin)
	g.ok(err)
	yes.Batch = batch
	g.wrote("one touch for two", func() {
		if a := boss.do(http.MethodPost, "/approve", "application/json", said(t, yes), "application/json"); a.status != http.StatusOK || !strings.Contains(a.body, "done=2") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}, "bulletin.approved", "bulletin.sealed", "bulletin.approved", "bulletin.sealed")
	for _, one := range all {
		b, err := g.flow.Find(t.Context(), chief(), id(one))
		g.ok(err)
		if b.State != bulletin.Sealed {
			t.Errorf("%s is %s", b.Title, b.State)
		}
	}
}
