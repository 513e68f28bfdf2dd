package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"loa"
	"loa/bulletin"
	"loa/calendar"
	"loa/db"
	"loa/db/dbtest"
	"loa/speaker"
	"loa/wire"
)

// TestPreview schedules a notice, mutes a pole, and reads what will be heard: on
// the page, under the pole, on paper; then what was heard, and why. Both
// databases.
func TestPreview(t *testing.T) {
	t.Parallel()
	dbtest.EachURL(t, func(t *testing.T, address string) { previewed(t, openDeskOn(t, address, true)) })
}

func previewed(t *testing.T, b *bureau) {
	man := b.browser(writer())
	ctx := t.Context()
	one, two := b.placed(thon1, "Đình làng"), b.placed(dongSay, "Cổng chợ")
	b.dispatched(notice(), morning(), evening())

	at := "/preview?path=" + string(dongSay)
	man.page(at, "Sắp phát ở đâu, lúc nào", "Lịch cắt điện", "2/2 cụm loa", "15/10 âm lịch")
	codes := map[string]string{}
	boxes, err := b.register.Boxes(ctx, dongSay)
	b.ok(err)
	for _, x := range boxes {
		codes[x.ID] = x.Pole.Code
	}
	_, err = b.flow.Mute(ctx, writer(), codes[one.ID], b.clock.Now().AddDate(0, 0, 2), "Đám tang")
	b.ok(err)
	man.page(at, "1/2 cụm loa", "1 cụm loa không phát", "Đình làng")
	if page := man.page(at + "&pole=" + codes[two.ID]); strings.Contains(page, "không phát: xem") {
		t.Error("the pole that is not muted has silent rows")
	}
	man.page(at+"&day=2026-11-29", "Ngày này chưa có gì để phát", "chỉ hiện từ ba ngày trước")
	man.page("/preview?path="+string(thon1), "Đình làng")

	// The regulation of the day says how many minutes are many.
	rule := bulletin.Regulation{Path: dongSay, Number: "31/QĐ-UBND", Minutes: 30, Sessions: 2, From: 1,
		Hours: []wire.Hours{{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: 5 * 60, Until: 20 * 60}}}
	b.ok(b.flow.SetRegulation(ctx, writer(), rule))
	long := notice()
	long.Text = strings.Repeat(long.Text+" ", 30)
	b.dispatched(long, evening())
	if page := man.page(at); strings.Contains(page, "mỗi ngày") {
		t.Error("an hour a day is not enough for two notices")
	}
	b.tick()
	rule.Minutes, rule.Sessions, rule.From, rule.Override = 1, 1, 2, "thử"
	b.ok(b.flow.SetRegulation(ctx, writer(), rule))
	man.page(at, "Ngày 23/11 phát", "quá 1 phút mỗi ngày")

	guest := &browser{b, "", &http.Client{}, "vi"}
	guest.page("/loa/"+codes[two.ID], "Cổng chợ", codes[two.ID], "Lịch cắt điện")
	if got := guest.get("/loa/" + codes[one.ID]); got.status != http.StatusOK || strings.Contains(got.body, "Lịch cắt điện") {
		t.Errorf("the muted pole's own page: %d", got.status)
	}
	if got := guest.get("/loa/nobody"); got.status != http.StatusNotFound {
		t.Errorf("a pole nobody knows: %d", got.status)
	}
	if got := guest.get("/sessions/week.pdf?path=" + string(dongSay)); got.status != http.StatusSeeOther && got.status != http.StatusForbidden && got.status != http.StatusOK || strings.HasPrefix(got.body, "%PDF") {
		t.Errorf("the week for nobody: %d", got.status)
	}

	// It plays; one speaker confirms.
	slot := b.plan(dongSay).Slots[0]
	w := b.plan(dongSay).Slots[0].Warrant
	b.turnTo("06:10:00")
	_, err = b.flow.Played(ctx, b.receipt(two, wire.Line{N: 1, Slot: slot.ID, Warrant: w, Planned: slot.Start, Started: slot.Start + 2, MS: 9000,
		Volume: 70, Result: wire.Played, Clock: wire.ClockTrusted, Verified: true}))
	b.ok(err)
	aired, err := b.flow.Book(ctx, writer(), dongSay, b.clock.Now().AddDate(0, 0, -1), b.clock.Now())
	b.ok(err)
	if len(aired) != 1 || aired[0].Played != 1 || aired[0].Meant != 2 || aired[0].Author != "Lê Thị Mận" || fmt.Sprint(aired[0].Approved) != "[Trần Văn Bách]" {
		t.Errorf("the log book: %+v", aired)
	}
	e, err := b.flow.Evidence(ctx, writer(), two.ID, 1)
	b.ok(err)
	if e.Bulletin.ID == "" || e.Warrant == nil || e.Plan == nil || !e.InPlan || e.PlanHash == "" || len(e.Policies) == 0 || len(e.Approvals) != 1 || e.Pole.Name != "Cổng chợ" {
		t.Errorf("evidence: %+v", e)
	}
	for path, name := range map[string]string{
		"/sessions/week.pdf?path=" + string(dongSay):                        "lich-phat-thanh-2026-11-23",
		"/sessions/week.pdf?path=" + string(dongSay) + "&day=2026-12-02":    "lich-phat-thanh-2026-11-30",
		"/log/month.pdf?path=" + string(dongSay):                            "nhat-ky-phat-2026-11",
		"/log/month.pdf?path=" + string(dongSay) + "&month=2026-10":         "nhat-ky-phat-2026-10",
		"/log/evidence.pdf?box=" + two.ID + "&n=1":                          "can-cu-phat-" + strings.ToLower(codes[two.ID]) + "-1",
		"/speakers/labels.pdf?phone=0250.3.999.000&path=" + string(dongSay): "nhan-cum-loa",
	} {
		got := man.get(path)
		if got.status != http.StatusOK || !strings.HasPrefix(got.body, "%PDF-") || got.header.Get("Content-Type") != "application/pdf" ||
			!strings.Contains(got.header.Get("Content-Disposition"), name) {
			t.Errorf("%s: %d %s %s", path, got.status, got.header.Get("Content-Type"), got.header.Get("Content-Disposition"))
		}
	}
	escaped := strings.ReplaceAll(string(dongSay), "/", "%2f") // as html/template writes a query
	for page, button := range map[string]string{
		"/sessions?path=" + string(dongSay): "/sessions/week.pdf?path=" + escaped,
		"/log?path=" + string(dongSay):      "/log/month.pdf?path=" + escaped,
		"/log/" + two.ID + "/1":             "/log/evidence.pdf?box=" + two.ID + "&amp;n=1",
		"/speakers?path=" + string(dongSay): "/speakers/labels?path=" + escaped,
	} {
		man.page(page, `href="`+button+`"`)
	}
	b.reads(man.get("/log/evidence.pdf?box="+two.ID+"&n=1").body,
		"Lịch cắt điện", e.Playback.Warrant, "Trần Văn Bách", "phát đủ")
	// The line leads to its sound, until the retention period is over.
	why := "/log/" + two.ID + "/1"
	sound := "/bulletins/" + e.Bulletin.ID + "/sound/0"
	man.page("/log?path="+string(dongSay), why+"#sound", "Nghe lại")
	man.page(why, sound)
	if got := man.get(sound); got.status != http.StatusOK || got.header.Get("Content-Type") != "audio/mpeg" {
		t.Errorf("the sound of a line: %d", got.status)
	}
	b.ok(b.flow.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE rendition SET kept_months = 24 WHERE bulletin_id = ?`, e.Bulletin.ID)
		return err
	}))
	for _, path := range []string{why, "/bulletins/" + e.Bulletin.ID} {
		if page := man.page(path, "Âm thanh đã xóa theo thời hạn lưu (24 tháng)"); strings.Contains(page, "<audio") {
			t.Errorf("%s still has a player", path)
		}
	}
	if page := man.page("/log?path=" + string(dongSay)); strings.Contains(page, "Nghe lại") {
		t.Error("the log still offers the deleted sound")
	}
	if got := man.get(sound); got.status != http.StatusNotFound || !strings.Contains(got.body, "24 tháng") {
		t.Errorf("the deleted sound: %d", got.status)
	}
	man.page("/speakers/labels?path="+string(dongSay), "2 nhãn", "Số điện thoại của xã")
	for path, want := range map[string]int{
		"/log/evidence.pdf?box=" + two.ID + "&n=99":                 http.StatusNotFound,
		"/log/evidence.pdf?box=" + two.ID + "&n=x":                  http.StatusNotFound,
		"/log/month.pdf?month=2026-13":                              http.StatusUnprocessableEntity,
		"/sessions/week.pdf?day=hôm-nay":                            http.StatusUnprocessableEntity,
		"/speakers/labels.pdf?phone=" + url.QueryEscape("<script>"): http.StatusUnprocessableEntity,
	} {
		if got := man.get(path); got.status != want {
			t.Errorf("%s: %d, want %d", path, got.status, want)
		}
	}
	if _, err := b.flow.Evidence(ctx, person("stranger", "Người Lạ", benMai, loa.RightRead), two.ID, 1); loa.KeyOf(err) != "right.missing" {
		t.Errorf("evidence for a stranger: %v", err)
	}
}

// TestSessionHints: the page of a day's sessions says beside an item that the
// commune beyond the field sounds something else in its minute and that people
// heard the same words before, and on top that the day is long.
func TestSessionHints(t *testing.T) {
	t.Parallel()
	dbtest.EachURL(t, func(t *testing.T, address string) { sessionHints(t, openDeskOn(t, address, true)) })
}

func sessionHints(t *testing.T, b *bureau) {
	ctx := t.Context()
	man, head := b.browser(writer()), b.browser(person("head", "Vũ Văn Thực", thon1, loa.RightWrite, loa.RightRead))
	b.openStation(benMai)
	for path, lat := range map[loa.Path]int64{thon1: 21_000_000, benMai: 21_001_800} { // 200 m apart
		p, err := b.register.AddPole(ctx, officer(), speaker.Pole{Path: path, Name: "Cột " + string(path[len(path)-2:]), Cap: 70, At: &wire.Point{Lat: lat, Lon: 105_000_000}})
		b.ok(err)
		b.confirm(b.asks(p).ID, false)
	}
	at := "/sessions?path=" + string(dongSay)
	echo, again := "đứng gần cụm loa của xã bên đang phát “Phà nghỉ”", "Nội dung này đã phát trong tin “Lịch cắt điện” ngày 23/11"

	long := notice()
	long.Text = strings.Repeat(long.Text+" ", 30)
	b.dispatched(long, morning())
	if page := man.page(at); strings.Contains(page, echo) || strings.Contains(page, again) || strings.Contains(page, "Nên xem lại") {
		t.Error("one notice and nothing beside it is no conflict")
	}
	ferry := notice()
	ferry.Path, ferry.Scope, ferry.Title, ferry.Text = benMai, []loa.Path{benMai}, "Phà nghỉ", "Phà Bến Mai nghỉ đến hết thứ Năm."
	theirs, err := b.flow.Draft(ctx, editor(), ferry)
	b.ok(err)
	theirs, err = b.flow.Submit(ctx, editor(), theirs.ID)
	b.ok(err)
	b.ok(b.flow.Hear(ctx, chief(), theirs.ID, loa.Hash(theirs.Payload), bulletin.Heard))
	_, err = b.flow.Approve(ctx, chief(), theirs.ID, b.yes(chief(), theirs.Payload))
	b.ok(err)
	_, err = b.flow.Sign(ctx, theirs.ID)
	b.ok(err)
	_, err = b.flow.Schedule(ctx, editor(), theirs.ID, []bulletin.Choice{morning()})
	b.ok(err)
	_, err = b.flow.Dispatch(ctx, theirs.ID)
	b.ok(err)
	long.Title = "Nhắc lại lịch điện"
	b.dispatched(long, evening())
	b.ok(b.flow.SetRegulation(ctx, writer(), bulletin.Regulation{Path: dongSay, Number: "31/QĐ-UBND", Minutes: 1, Sessions: 2, From: 1, Override: "thử",
		Hours: []wire.Hours{{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: 5 * 60, Until: 20 * 60}}}))

	page := man.page(at, echo, again, "Nên xem lại", "Ngày 23/11 phát", "quá 2 phút mỗi ngày")
	if sessions := strings.Split(page, "Buổi chiều"); len(sessions) != 2 || strings.Count(page, echo) != 1 || !strings.Contains(sessions[0], echo) ||
		strings.Count(page, again) != 1 || !strings.Contains(sessions[1], again) {
		t.Error("a hint does not stand once, in the session it concerns")
	}
	head.page("/sessions", echo)
	if page := man.page(at + "&day=2026-11-24"); strings.Contains(page, echo) || strings.Contains(page, again) || strings.Contains(page, "Nên xem lại") {
		t.Error("tomorrow has today's conflicts")
	}
	b.clock.Turn(24 * time.Hour)
	man.signIn()
	if page := man.page(at + "&day=2026-11-23"); strings.Contains(page, echo) || strings.Contains(page, again) {
		t.Error("a day that is over is still mended")
	}
	if got := man.get(at + "&day=hom-nay"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("no day: %d", got.status)
	}
}

// reads asks for each text in what poppler reads from a paper. A table breaks a
// hash over lines: white space counts for nothing.
func (b *bureau) reads(pdf string, want ...string) {
	b.t.Helper()
	read := exec.CommandContext(b.t.Context(), "pdftotext", "-", "-")
	read.Stdin = strings.NewReader(pdf)
	out, err := read.Output()
	b.ok(err)
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
	for _, w := range want {
		if w == "" || !strings.Contains(squeeze(string(out)), squeeze(w)) {
			b.t.Errorf("the paper does not say %q:\n%s", w, out)
		}
	}
}

// TestCalendarPage decides a day, adds a market and a term, and takes one back.
func TestCalendarPage(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	man := b.browser(writer())
	at := "/calendar?path=" + string(dongSay)
	where := func(more ...string) url.Values {
		v := url.Values{"path": {string(dongSay)}, "month": {"2027-02"}}
		for i := 0; i < len(more); i += 2 {
			v.Add(more[i], more[i+1])
		}
		return v
	}
	man.page(at, "Tháng 11/2026", "Năm 2026 chưa ghi thông báo nghỉ", "15/10")
	man.page(at+"&month=2027-02", "Tết Nguyên đán", "1/1")
	b.wrote("a day off", func() {
		man.led("/calendar/day", where("day", "2027-02-11", "kind", "off", "basis", "TB 12/TB-UBND (giả định)"), at+"&month=2027-02")
	}, "calendar.decided")
	b.wrote("a market", func() {
		man.led("/calendar/market", where("name", "Chợ Đồng Sậy", "calendar", "lunar", "days", "2, 7, 12"), at)
	}, "calendar.market_added")
	b.wrote("a term", func() {
		man.led("/calendar/term", where("name", "Học kỳ I", "from", "2026-09-05", "until", "2027-01-15", "week", "1", "week", "2", "week", "3"), at)
	}, "calendar.term_added")
	man.page(at+"&month=2027-02", "Chợ Đồng Sậy", "2, 7, 12", "11/02/2027", "Học kỳ I", "05/09/2026")
	book, err := (&calendar.Register{DB: b.db}).Book(t.Context(), dongSay)
	b.ok(err)
	b.wrote("taking the market back", func() { man.led("/calendar/drop", where("id", book.Markets[0].ID), at) }, "calendar.dropped")
	for path, form := range map[string]url.Values{
		"/calendar/day":    where("day", "hôm nay", "kind", "off"),
		"/calendar/market": where("name", "Chợ", "calendar", "lunar", "days", "99"),
		"/calendar/term":   where("name", "Hè", "from", "2027-06-01", "until", "2027-05-01", "week", "1"),
		"/calendar/drop":   where("id", loa.NewID(b.clock.Now())),
	} {
		if got := man.post(path, form); got.status != http.StatusUnprocessableEntity && got.status != http.StatusNotFound || !strings.Contains(got.body, `role="alert"`) {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	other := where("day", "2027-02-11", "kind", "off")
	other.Set("path", string(benMai))
	if got := man.post("/calendar/day", other); got.status == http.StatusSeeOther && strings.Contains(got.to, string(benMai)) {
		t.Error("a neighbour's calendar was changed")
	}
}
