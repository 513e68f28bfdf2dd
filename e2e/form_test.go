package e2e

import (
	"bytes"
	"image"
	"image/jpeg"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/bulletin"
	"loa/form"
	"loa/wire"
)

// noPower is TB-01's notice as the power company types it.
func noPower() map[string]string {
	return map[string]string{"area": "thôn 1", "begins": "2026-11-26T07:30", "ends": "2026-11-26T16:00", "why": "thay máy biến áp", "phone": "0250.3.999.000"}
}

func (w *station) forms() *form.Register {
	return &form.Register{DB: w.db, Blobs: w.flow.Blobs, Bulletins: w.flow}
}

// TestOutsideBody walks a notice of an outside body from its link to the minute
// it was played, on both databases.
func TestOutsideBody(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx, forms := t.Context(), w.forms()
		w.openStation(dongSay)
		box := w.placed(thon1, "Cột nhà văn hóa thôn 1")
		month := w.clock.Now().AddDate(0, 1, 0).UnixMilli()
		link := form.Link{Path: dongSay, Sender: " Điện lực  Lam Xuyên 2", Kinds: []string{"power"}, Expires: month}

		_, _, err := forms.NewLink(ctx, person("x", "X", benMai, loa.RightWrite), link)
		w.wants(err, loa.Forbidden, "right.missing")
		for key, bad := range map[string]form.Link{
			"form.sender":  {Path: dongSay, Sender: " ", Kinds: []string{"power"}, Expires: month},
			"form.kind":    {Path: dongSay, Sender: "A", Kinds: []string{"gossip"}, Expires: month},
			"form.expires": {Path: dongSay, Sender: "A", Kinds: []string{"power"}, Expires: w.clock.Now().UnixMilli()},
		} {
			_, _, err := forms.NewLink(ctx, writer(), bad)
			w.wants(err, loa.Invalid, key)
		}
		made, secret, err := forms.NewLink(ctx, writer(), link)
		w.ok(err)
		if made.Sender != "Điện lực Lam Xuyên 2" || len(secret) < 20 {
			t.Errorf("link %+v, secret of %d characters", made, len(secret))
		}
		from := form.Source{Secret: secret}

		// What the link does not allow, what is wrong, whose link it is not.
		_, err = forms.Send(ctx, from, "recruitment", noPower(), nil)
		w.wants(err, loa.Forbidden, "form.kind")
		_, err = forms.Send(ctx, from, "power", map[string]string{"area": "thôn 1"}, nil)
		w.wants(err, loa.Invalid, "form.missing")
		_, err = forms.Send(ctx, from, "power", noPower(), []byte("no picture"))
		w.wants(err, loa.Invalid, "photo.unknown")
		_, err = forms.Send(ctx, form.Source{Secret: "guessed"}, "power", noPower(), nil)
		w.wants(err, loa.NotFound, "form.link_unknown")
		_, err = forms.Send(ctx, form.Source{Who: chair(), Path: dongSay, Sender: "A"}, "power", noPower(), nil)
		w.wants(err, loa.Forbidden, "right.missing")

		w.tick()
		sent, err := forms.Send(ctx, from, "power", noPower(), jpegOf(t))
		w.ok(err)
		_, err = forms.Inbox(ctx, writer(), province)
		w.wants(err, loa.Forbidden, "right.missing")
		inbox, err := forms.Inbox(ctx, writer(), dongSay)
		w.ok(err)
		if len(inbox) != 1 || inbox[0].ID != sent.ID || inbox[0].Sender != made.Sender || inbox[0].Photo == "" || !w.flow.Blobs.Has(inbox[0].Photo) {
			t.Fatalf("inbox: %+v", inbox)
		}

		// Two officers at once take it: one draft.
		w.tick()
		var once sync.WaitGroup
		var mu sync.Mutex
		keys := map[string]int{}
		for range 2 {
			once.Go(func() {
				_, err := forms.Take(ctx, writer(), sent.ID)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					keys["taken"]++
				} else {
					keys[loa.KeyOf(err)]++
				}
			})
		}
		once.Wait()
		if !maps.Equal(keys, map[string]int{"taken": 1, "form.decided": 1}) {
			t.Errorf("two officers: %v", keys)
		}
		w.wants(forms.Decline(ctx, writer(), sent.ID, "muộn rồi"), loa.Conflict, "form.decided")
		fates, err := forms.Fates(ctx, from)
		w.ok(err)
		if len(fates) != 1 || fates[0].Stands != bulletin.Draft || fates[0].Boxes != 0 {
			t.Fatalf("fates: %+v", fates)
		}
		b := w.bulletin(fates[0].Bulletin)
		if b.Author != "writer" || b.Origin != made.Sender || b.Category != bulletin.Services || b.Until != time.Date(2026, 11, 26, 16, 0, 0, 0, loa.Zone()).UnixMilli() ||
			!strings.Contains(b.Main().Text, "07h30 ngày 26/11/2026") {
			t.Errorf("draft: %+v", b)
		}

		// It goes the way of every bulletin, and the body sees when it was played.
		w.tick()
		b, err = w.flow.Submit(ctx, writer(), b.ID)
		w.ok(err)
		w.ok(w.flow.Hear(ctx, chair(), b.ID, loa.Hash(b.Payload), bulletin.Heard))
		b, err = w.flow.Approve(ctx, chair(), b.ID, w.yes(chair(), b.Payload))
		w.ok(err)
		b, err = w.flow.Sign(ctx, b.ID)
		w.ok(err)
		_, err = w.flow.Schedule(ctx, writer(), b.ID, []bulletin.Choice{evening()})
		w.ok(err)
		b, err = w.flow.Dispatch(ctx, b.ID)
		w.ok(err)
		slots, err := w.flow.Slots(ctx, b.ID)
		w.ok(err)
		w.clock.Turn(time.UnixMilli(slots[0].Start).Add(time.Minute).Sub(w.clock.Now()))
		_, err = w.flow.Played(ctx, w.receipt(box, wire.Line{N: 1, Slot: slots[0].ID, Warrant: b.Warrant, Planned: slots[0].Start, Started: slots[0].Start + 5,
			MS: b.MS(), Result: wire.Played, Clock: wire.ClockTrusted, Verified: true, Volume: 70}))
		w.ok(err)
		fates, err = forms.Fates(ctx, from)
		w.ok(err)
		if fates[0].Boxes != 1 || fates[0].First.UnixMilli() != slots[0].Start+5 || fates[0].Stands != bulletin.Dispatched {
			t.Errorf("played: %+v", fates[0])
		}

		// A declined one says why; ten may wait and no more; a revoked link is none.
		w.tick()
		other, err := forms.Send(ctx, from, "power", noPower(), nil)
		w.ok(err)
		w.wants(forms.Decline(ctx, writer(), other.ID, " "), loa.Invalid, "recall.reason")
		w.tick()
		w.ok(forms.Decline(ctx, writer(), other.ID, "Đã phát rồi"))
		for range 10 {
			w.tick()
			_, err = forms.Send(ctx, from, "power", noPower(), nil)
			w.ok(err)
		}
		_, err = forms.Send(ctx, from, "power", noPower(), nil)
		w.wants(err, loa.Conflict, "form.too_many")
		w.tick()
		w.ok(forms.Revoke(ctx, writer(), made.ID))
		_, err = forms.Send(ctx, from, "power", noPower(), nil)
		w.wants(err, loa.NotFound, "form.link_unknown")
		if diff := cmp.Diff([]string{"form.sent", "form.declined"}, w.verbs(other.ID)); diff != "" {
			t.Error("journal:", diff)
		}

		// Past its date nothing of it is played.
		short, secret, err := forms.NewLink(ctx, writer(), form.Link{Path: dongSay, Sender: "A", Kinds: []string{"power"}, Expires: w.clock.Now().Add(time.Hour).UnixMilli()})
		w.ok(err)
		w.clock.Turn(2 * time.Hour)
		_, err = forms.Open(ctx, secret)
		w.wants(err, loa.NotFound, "form.link_unknown")
		if short.Good(w.clock.Now().UnixMilli()) {
			t.Error("a link past its end is called good")
		}
	})
}

func jpegOf(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sendsForm posts a form with a photo as a browser does.
func (p *browser) sendsForm(path string, typed map[string]string, photo []byte) answer {
	p.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for k, v := range typed {
		p.ok(m.WriteField(k, v))
	}
	if photo != nil {
		f, err := m.CreateFormFile("paper", "giấy.jpg")
		p.ok(err)
		_, err = f.Write(photo)
		p.ok(err)
	}
	p.ok(m.Close())
	return p.do(http.MethodPost, path, m.FormDataContentType(), body.String(), "text/html")
}

// TestOutsidePages is the same on the pages: the officer's, and the body's, who
// has no account.
func TestOutsidePages(t *testing.T) {
	t.Parallel()
	desk := openDesk(t, true)
	man := desk.browser(writer())
	man.page("/outside", "Đơn vị ngoài gửi", "Chưa có thông báo")
	wrong := man.post("/outside/links", url.Values{"path": {string(dongSay)}, "sender": {""}, "kind": {"power"}, "expires": {"2026-12-31"}})
	if wrong.status != http.StatusUnprocessableEntity {
		t.Errorf("a link for nobody: %d", wrong.status)
	}
	var at string
	desk.wrote("a link", func() {
		a := man.post("/outside/links", url.Values{"path": {string(dongSay)}, "sender": {"Trung tâm Dịch vụ việc làm"}, "kind": {"power", "recruitment"}, "expires": {"2026-12-31"}})
		at = "/form/" + between(a.body, origin+"/form/", "<")
	}, "form.link_made")

	body := &browser{desk, "", &http.Client{CheckRedirect: man.client.CheckRedirect}, "vi"}
	body.page(at, "Ngừng cấp điện", "Tuyển dụng lao động", "Trung tâm Dịch vụ việc làm")
	body.page(at+"/recruitment", `name="needs"`, `type="date"`, `type="file"`)
	if a := body.get(at + "/charity"); a.status != http.StatusNotFound {
		t.Errorf("a kind the link does not have: %d", a.status)
	}
	if a := body.get(at + "x"); a.status != http.StatusNotFound {
		t.Errorf("a wrong address: %d", a.status)
	}
	typed := map[string]string{"employer": "Công ty May Ruối Xanh", "address": "KCN Kim Ruối", "job": "công nhân may", "number": "120",
		"needs": "từ đủ 18 tuổi, lương 7 triệu", "last": "2026-01-01"}
	lost := body.sendsForm(at+"/recruitment", typed, jpegOf(t))
	if lost.status != http.StatusUnprocessableEntity || !strings.Contains(lost.body, "công nhân may") || !strings.Contains(lost.body, `role="alert"`) {
		t.Errorf("a day long gone: %d", lost.status)
	}
	typed["last"] = "2026-12-05"
	desk.wrote("sending", func() {
		if a := body.sendsForm(at+"/recruitment", typed, jpegOf(t)); a.status != http.StatusSeeOther || a.to != at+"?sent=1" {
			t.Fatalf("sent: %d to %q", a.status, a.to)
		}
	}, "form.sent")
	body.page(at+"?sent=1", "Đã gửi", "chờ cán bộ xem")
	if a := body.sendsForm(at+"/recruitment", typed, bytes.Repeat([]byte("x"), 10<<20)); a.status != http.StatusUnprocessableEntity && a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("ten megabytes: %d", a.status)
	}

	list := man.page("/outside", "có phần cần xem lại")
	one := "/outside/" + between(list, `href="/outside/`, `"`)
	man.page(one, "có nói đến tiền lương", one+"/photo")
	if a := man.do(http.MethodGet, one+"/photo", "", "", "*/*"); a.status != http.StatusOK || a.header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("photo: %d %s", a.status, a.header.Get("Content-Type"))
	}
	if a := body.get(one); a.status == http.StatusOK {
		t.Error("who has no account reads the officer's inbox")
	}
	var draft string
	desk.wrote("taking", func() { draft = man.led(one+"/take", nil, "/bulletins/") }, "bulletin.drafted", "form.taken")
	man.page(draft, "công nhân may", "2026-12-05", "Trung tâm Dịch vụ việc làm")
	body.page(at, "đã nhận")

	// A person of an outside body, with a post that may send and nothing else.
	clerk := desk.browser(person("clerk", "Đinh Thị Gấm", dongSay, loa.RightForm))
	clerk.page("/forms", "Cơ quan của Đinh Thị Gấm", "Lịch tiêm chủng")
	desk.wrote("a clerk sends", func() {
		if a := clerk.sendsForm("/forms/power", noPower(), nil); a.status != http.StatusSeeOther {
			t.Fatalf("clerk: %d %s", a.status, sentence(a.body))
		}
	}, "form.sent")
	clerk.page("/forms", "Ngừng cấp điện: thôn 1")
	if a := clerk.get("/bulletins"); a.status != http.StatusForbidden {
		t.Errorf("a clerk reads the desk: %d", a.status)
	}
	desk.wrote("revoking", func() {
		man.led("/outside/links/"+between(man.page("/outside"), `action="/outside/links/`, "/revoke")+"/revoke", nil, "/outside")
	}, "form.link_revoked")
	if a := body.get(at); a.status != http.StatusNotFound {
		t.Errorf("a revoked link: %d", a.status)
	}
}
