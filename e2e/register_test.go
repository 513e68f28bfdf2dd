package e2e

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"loa"
)

// upload sends a file as a browser's form does.
func (p *browser) upload(path, name, file string) answer {
	p.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", name)
	p.ok(err)
	_, err = part.Write([]byte(file))
	p.ok(err)
	p.ok(w.Close())
	return p.do(http.MethodPost, path, w.FormDataContentType(), b.String(), "text/html")
}

// TestDeskRegisters is the pages of poles, places and tables: each button, what it
// wrote into the book, and what is refused with its sentence.
func TestDeskRegisters(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	who := officer()
	for i := range who.Grants {
		who.Grants[i].Rights = append(who.Grants[i].Rights, loa.RightDispatch, loa.RightPeople, loa.RightRead)
	}
	tech := b.browser(who)
	box := b.placed(thon1, "Đình làng")
	pole := "/poles/" + box.Pole.Code
	at := "?path=" + string(dongSay)

	tech.page(pole, "Đình làng", "Tạm ngưng cụm này đến", "mức", "Thiết bị đang dùng")
	tech.page("/speakers"+at+"&q=dinh+lang", "Đình làng")
	tech.page("/speakers"+at+"&q=khong+co", "Không có cụm loa nào như vậy")
	b.wrote("editing", func() {
		tech.led(pole+"/edit", url.Values{"name": {"Đình làng"}, "place": {string(thon1)}, "technology": {"mixed"}, "horns": {"2"}, "watts": {"60"}, "sensitive": {"school"}}, pole)
	}, "speaker.pole_edited")
	tech.page(pole, "tích hợp", "trường học")
	b.wrote("turning it down", func() {
		a := tech.post(pole+"/volume", url.Values{"morning": {"33"}, "evening": {"60"}, "emergency": {"70"}})
		if a.status != http.StatusOK || !strings.Contains(a.body, "theo thông tin mới") {
			t.Errorf("volume: %d %s", a.status, sentence(a.body))
		}
	}, "speaker.pole_edited")
	tech.page(pole, "Cần xác nhận lại")
	tech.page("/speakers"+at+"&state=stale", "Đình làng")
	b.wrote("confirming again", func() { tech.led("/speakers/"+box.ID+"/confirm", url.Values{}, pole) }, "speaker.placed")
	if strings.Contains(tech.page(pole, "sáng 33 %"), "Cần xác nhận lại") {
		t.Error("a confirmed pole still waits to be confirmed")
	}
	b.wrote("an emergency quieter than the morning", func() {
		if a := tech.post(pole+"/volume", url.Values{"morning": {"80"}, "evening": {"60"}, "emergency": {"70"}}); a.status != http.StatusUnprocessableEntity {
			t.Errorf("volume: %d", a.status)
		}
	})
	b.wrote("muting", func() {
		tech.led(pole+"/mute", url.Values{"until": {"2026-11-24T14:00"}, "reason": {"Nhà gần đó có đám tang"}}, pole)
	}, "speaker.muted")
	tech.page(pole, "Tạm ngưng đến", "đám tang")
	b.wrote("sounding again", func() { tech.led(pole+"/unmute", nil, pole) }, "speaker.unmuted")

	tech.page("/places"+at, "Thôn, tổ dân phố", "Nhóm cụm loa")
	b.wrote("a hamlet", func() { tech.led("/places/hamlet"+at, url.Values{"type": {"ban"}, "name": {"Nà Mạy"}}, "/places") }, "unit.hamlet_added")
	tech.page("/places"+at, "bản Nà Mạy")
	b.wrote("a hamlet twice", func() {
		if a := tech.post("/places/hamlet"+at, url.Values{"type": {"ban"}, "name": {"Nà Mạy"}}); a.status != http.StatusConflict {
			t.Errorf("twice: %d", a.status)
		}
	})
	zone := url.Values{"name": {"ven sông"}, "member": {string(thon1)}, "do": {"try"}}
	b.wrote("trying a group", func() {
		if a := tech.post("/places/zone"+at, zone); !strings.Contains(a.body, "Nhóm này có 1 cụm loa") {
			t.Errorf("try: %d", a.status)
		}
	})
	zone.Set("do", "save")
	b.wrote("a group", func() { tech.led("/places/zone"+at, zone, "/places") }, "unit.zone_added")
	path := regexp.MustCompile(`zone=([^"]+)"`).FindStringSubmatch(tech.page("/places"+at, "ven sông"))
	if path == nil {
		t.Fatal("no address of the group")
	}
	tech.page("/places/zone"+at+"&zone="+path[1], "Đình làng")

	tech.page("/import/poles"+at, "Tải mẫu trống", "Xem thử")
	if a := tech.get("/import/poles/form.xlsx" + at); a.status != http.StatusOK || !strings.HasPrefix(a.body, "PK") {
		t.Errorf("form: %d", a.status)
	}
	var one string
	b.wrote("trying a file", func() {
		a := tech.upload("/import/poles"+at, "loa.csv", "Mã cụm;Tên cụm loa;Thôn, tổ dân phố\n;Bờ ao;thôn 1\n;;thôn 1\n")
		if one = a.to; a.status != http.StatusSeeOther {
			t.Fatalf("upload: %d %s", a.status, a.body)
		}
	}, "import.checked")
	tech.page(one, "Hàng 3", "còn trống", "Nạp: thêm 1")
	b.wrote("applying", func() { tech.led(one+"/apply", nil, one) }, "import.applied")
	b.wrote("applying twice", func() {
		if status, key := tech.fault(one+"/apply", nil); key != "sheet.moved" {
			t.Errorf("twice: %d %s", status, key)
		}
	})
	tech.page(one, "Hoàn tác cả lần nạp này")
	b.wrote("undoing", func() { tech.led(one+"/undo", nil, one) }, "import.undone")
	b.wrote("a picture", func() {
		if a := tech.upload("/import/poles"+at, "x.xlsx", "\x89PNG"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Không đọc được tệp này") {
			t.Errorf("a picture: %d", a.status)
		}
	})
	if a := tech.get("/import/posts" + at); a.status != http.StatusNotFound {
		t.Errorf("no such register: %d", a.status)
	}
	for _, locale := range []string{"vi", "en"} {
		tech.locale = locale
		for _, p := range []string{"/", pole, pole + "/edit", "/places" + at, "/places/zone" + at, "/speakers" + at, "/import/poles" + at, "/import/hamlets" + at, one, "/log" + at} {
			tech.page(p)
		}
	}
	if a := tech.get("/log/rows.xlsx" + at); a.status != http.StatusOK || !strings.HasPrefix(a.body, "PK") {
		t.Errorf("log as a table: %d", a.status)
	}
	if a := tech.get("/log/" + box.ID + "/1"); a.status != http.StatusNotFound {
		t.Errorf("a line that is not there: %d", a.status)
	}
}
