package e2e

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/bulletin"
	"loa/sound"
	"loa/voice"
	"loa/wire"
)

// TestCompose is one notice from the officer's desk with all that its page
// offers: what is kept, what is remembered next time, and what a mistake loses
// (nothing).
func TestCompose(t *testing.T) {
	t.Parallel()
	desk := openDesk(t, true)
	man := desk.browser(writer())

	// Three steps: the button on her desk, the text pasted, sent. Places as last
	// time and two sessions are chosen already.
	man.page("/", `href="/bulletins/new`)
	fresh := man.page("/bulletins/new", "Buổi sáng", "Buổi chiều", `class="languages"`)
	chosen := regexp.MustCompile(`name="session" value="([^"]+)" checked`).FindAllStringSubmatch(fresh, -1)
	if len(chosen) != 2 {
		t.Fatalf("%d sessions are chosen already, want 2", len(chosen))
	}
	form := composed("do", "submit")
	form.Del("twice")
	for _, c := range chosen {
		form.Add("session", c[1])
	}
	var at string
	desk.wrote("a notice in three steps", func() { at = man.led("/bulletins", form, "/bulletins/") }, "bulletin.drafted", "bulletin.submitted")
	b := desk.bulletin(strings.TrimPrefix(at, "/bulletins/"))
	if want := []bulletin.Choice{choiceOf(chosen[0][1]), choiceOf(chosen[1][1])}; !cmp.Equal(want, b.Wanted) {
		t.Error("wanted sessions:", cmp.Diff(want, b.Wanted))
	}

	desk.tick()
	// Everything there is, and remembered next time.
	more := composed("do", "save", "scope", string(thon1), "speed", "119", "chime", "1", "category", "services", "origin", "Điện lực khu vực",
		"lang", "hmn", "lang_text", "Kev txiav hluav taws xob", "session", "2026-11-24 morning")
	at = man.led("/bulletins", more, "/bulletins/")
	b = desk.bulletin(strings.TrimPrefix(at, "/bulletins/"))
	if b.Main().Speed != voice.DefaultSpeed*85/100 || !b.Chime || b.Category != bulletin.Services || b.Origin != "Điện lực khu vực" || !b.Has("hmn") {
		t.Errorf("kept: %+v", b)
	}
	man.page(at, "tiếng Mông", "Chưa có bản ghi âm tiếng Mông", "Hàng hóa, dịch vụ", "Điện lực khu vực")
	man.page("/bulletins?category=services", "Điện lực thông báo")
	if strings.Contains(man.page("/bulletins?category=disaster"), "Điện lực thông báo") {
		t.Error("a list of one field shows another's")
	}
	again := man.page("/bulletins/new", `value="119" selected`, `name="chime" value="1" checked`)
	if !strings.Contains(again, `value="`+string(thon1)+`" checked`) || strings.Contains(again, `value="`+string(dongSay)+`" data-whole checked`) {
		t.Error("the places of last time are not chosen")
	}
	if status, key := man.fault(at+"/submit", nil); status != http.StatusUnprocessableEntity || key != "rendition.no_recording" {
		t.Errorf("asking for approval without the recording: %d %s", status, key)
	}

	// A mistake loses nothing that was typed.
	wrong := composed("until", "2020-01-01", "title", "Tên đã gõ", "origin", "Nguồn đã gõ", "category", "order", "lang", "blt", "lang_text", "đã gõ tiếng Thái",
		"chime", "1", "speed", "119", "session", "2026-11-24 morning")
	a := man.post("/bulletins", wrong)
	if a.status != http.StatusUnprocessableEntity {
		t.Fatalf("a day long gone: %d", a.status)
	}
	for _, kept := range []string{"7h30 đến 16h00", "Tên đã gõ", "Nguồn đã gõ", `value="order" selected`, `value="blt" selected`, "đã gõ tiếng Thái",
		`name="chime" value="1" checked`, `value="119" selected`, `value="2026-11-24 morning" checked`, `role="alert"`} {
		if !strings.Contains(a.body, kept) {
			t.Errorf("lost: %s", kept)
		}
	}

	// What is doubtful is said, and sent all the same.
	doubt := url.Values{"path": {string(dongSay)}, "accent": {"north"}, "text": {"Mất điện thứ Sáu 26/11/2026."}}
	said := man.post("/speak", doubt)
	for _, want := range []string{"ngày đó là thứ Năm", `data-guess="services"`} {
		if !strings.Contains(said.body, want) {
			t.Errorf("the preview does not say %q: %s", want, said.body)
		}
	}
	man.led("/bulletins", composed("text", doubt.Get("text"), "do", "submit"), "/bulletins/")
}

func choiceOf(value string) bulletin.Choice {
	day, part, _ := strings.Cut(value, " ")
	return bulletin.Choice{Day: day, Part: part}
}

// TestLanguages walks TB-14's kind of bulletin, Vietnamese and a recording,
// through approval on both databases: the sounds stand in the warrant in order,
// and the leader has to hear the recording, not read it.
func TestLanguages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.records(t, "mong-1")
		n := notice()
		n.Others = []bulletin.Other{{Lang: "hmn", Text: "Lus Hmoob", Upload: "mong-1"}}
		b := w.submitted(n)
		hash := loa.Hash(b.Payload)
		warrant, err := wire.ReadWarrant(b.Payload)
		w.ok(err)
		if len(warrant.Media) != 2 || warrant.Media[0].Lang != "vi" || warrant.Media[1].Lang != "hmn" || warrant.MS() != b.MS() ||
			warrant.Speech != "synthetic" || b.Renditions[1].SourceHash != loa.Hash([]byte("mong-1")) {
			t.Errorf("warrant %+v of %+v", warrant, b.Renditions)
		}
		w.wants(w.flow.Hear(ctx, chair(), b.ID, hash, bulletin.Read), loa.Invalid, "hear.recording")
		w.wants(w.flow.Hear(ctx, chair(), b.ID, hash, bulletin.Read, 1), loa.Invalid, "hear.recording")
		w.wants(w.flow.Hear(ctx, chair(), b.ID, hash, bulletin.Heard, 2), loa.Invalid, "hear.rendition")
		w.tick()
		w.ok(w.flow.Hear(ctx, chair(), b.ID, hash, bulletin.Read, 0))
		_, err = w.flow.Approve(ctx, chair(), b.ID, w.yes(chair(), b.Payload))
		w.wants(err, loa.Conflict, "approve.not_heard")
		w.tick()
		w.ok(w.flow.Hear(ctx, chair(), b.ID, hash, bulletin.Heard, 1))
		how, each, err := w.flow.Hearing(ctx, b, "chair")
		w.ok(err)
		if how != bulletin.Read || !cmp.Equal([]string{bulletin.Read, bulletin.Heard}, each) {
			t.Errorf("known %q, %q", how, each)
		}
		w.tick()
		_, err = w.flow.Approve(ctx, chair(), b.ID, w.yes(chair(), b.Payload))
		w.ok(err)
		if got := w.verbs(b.ID); !cmp.Equal([]string{"bulletin.drafted", "bulletin.submitted", "bulletin.read", "bulletin.heard", "bulletin.approved"}, got) {
			t.Error("journal:", got)
		}

		// All recorded: no machine's mark. Without a recording: refused by name.
		n.Others[0].Upload, n.Upload, n.Text = "", "mong-1", ""
		draft := w.draft(n)
		_, err = w.flow.Submit(ctx, writer(), draft.ID)
		w.wants(err, loa.Invalid, "rendition.no_recording")
		n.Others = nil
		recorded := w.submitted(n)
		if warrant, err = wire.ReadWarrant(recorded.Payload); err != nil || warrant.Speech != "recorded" || len(warrant.Media) != 1 {
			t.Errorf("recorded: %+v %v", warrant, err)
		}
	})
}

// records gives the station a person's recording: a real sound of the program's
// own voice, in the canonical form.
func (w *station) records(t *testing.T, id string) {
	t.Helper()
	speech, err := w.flow.Speech.Say(t.Context(), "Đồng bào chú ý phòng cháy rừng.", voice.Voice{})
	w.ok(err)
	res, err := w.flow.Encoder.Speech(t.Context(), speech.WAV)
	w.ok(err)
	w.flow.Recordings = func(_ context.Context, upload string) (sound.Result, string, error) {
		if upload != id {
			return sound.Result{}, "", loa.Errorf(loa.NotFound, "bulletin.no_sound")
		}
		return res, loa.Hash([]byte(id)), nil
	}
}

// TestLanguagePlan is TB-14: a bulletin without its Mông rendition does not leave
// for the hamlet that needs it, and each of the three ways out opens the door.
func TestLanguagePlan(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		ctx := t.Context()
		w.records(t, "mong-1")
		plan := bulletin.LanguagePlan{Path: thon1, Languages: []string{"hmn", "vi", "hmn"}}
		w.wants(w.flow.SetLanguagePlan(ctx, editorOf(benMai), plan), loa.Forbidden, "right.missing")
		w.wants(w.flow.SetLanguagePlan(ctx, writer(), bulletin.LanguagePlan{Path: thon1, Languages: []string{"en"}}), loa.Invalid, "rendition.language")
		w.wants(w.flow.SetLanguagePlan(ctx, writer(), bulletin.LanguagePlan{Path: dongSay + "/h/khong", Languages: []string{"hmn"}}), loa.NotFound, "unit.unknown")
		w.ok(w.flow.SetLanguagePlan(ctx, writer(), plan))
		plans, err := w.flow.LanguagePlans(ctx, province)
		w.ok(err)
		if diff := cmp.Diff([]bulletin.LanguagePlan{{Path: thon1, Languages: []string{"hmn"}}}, plans); diff != "" {
			t.Error(diff)
		}

		// Blocked, by name.
		b := w.draft(notice())
		_, err = w.flow.Submit(ctx, writer(), b.ID)
		w.wants(err, loa.Invalid, "plan.missing")
		gaps, err := w.flow.Gaps(ctx, b)
		w.ok(err)
		if len(gaps) != 1 || gaps[0].Path != thon1 || gaps[0].Lang != "hmn" || !strings.Contains(gaps[0].Name, "thôn 1") {
			t.Errorf("gaps: %+v", gaps)
		}

		// The hamlet left out.
		w.tick()
		b, err = w.flow.LeaveOut(ctx, writer(), b.ID, thon1)
		w.ok(err)
		if len(b.Scope) == 0 || len(b.Scope) == 1 && b.Scope[0] == dongSay {
			t.Errorf("scope without the hamlet: %v", b.Scope)
		}
		w.tick()
		_, err = w.flow.Submit(ctx, writer(), b.ID)
		w.ok(err)
		n := notice()
		n.Scope = []loa.Path{thon1}
		alone := w.draft(n)
		_, err = w.flow.LeaveOut(ctx, writer(), alone.ID, thon1)
		w.wants(err, loa.Invalid, "scope.empty")

		// Without, with a reason, by somebody who may dispatch; an edit takes it back.
		_, err = w.flow.WaiveLanguages(ctx, person("x", "X", dongSay, loa.RightWrite, loa.RightRead), alone.ID, "gấp")
		w.wants(err, loa.Forbidden, "right.missing")
		_, err = w.flow.WaiveLanguages(ctx, chair(), alone.ID, " ")
		w.wants(err, loa.Invalid, "recall.reason")
		w.tick()
		_, err = w.flow.WaiveLanguages(ctx, chair(), alone.ID, "Người ghi âm đi vắng, tin gấp")
		w.ok(err)
		_, err = w.flow.WaiveLanguages(ctx, chair(), alone.ID, "lần nữa")
		w.wants(err, loa.Conflict, "plan.nothing_missing")
		gaps, err = w.flow.Gaps(ctx, alone)
		w.ok(err)
		if len(gaps) != 1 || gaps[0].Who != chair().Name || gaps[0].Why == "" {
			t.Errorf("waived: %+v", gaps)
		}
		w.tick()
		_, err = w.flow.Edit(ctx, writer(), alone.ID, n)
		w.ok(err)
		_, err = w.flow.Submit(ctx, writer(), alone.ID)
		w.wants(err, loa.Invalid, "plan.missing")
		w.tick()
		_, err = w.flow.WaiveLanguages(ctx, chair(), alone.ID, "Đã hỏi lại")
		w.ok(err)
		w.tick()
		_, err = w.flow.Submit(ctx, writer(), alone.ID)
		w.ok(err)
		if diff := cmp.Diff([]string{"bulletin.drafted", "bulletin.waived", "bulletin.edited", "bulletin.waived", "bulletin.submitted"}, w.verbs(alone.ID)); diff != "" {
			t.Error("journal:", diff)
		}

		// The recording.
		n.Others = []bulletin.Other{{Lang: "hmn", Upload: "mong-1"}}
		w.submitted(n)
	})
}

func editorOf(at loa.Path) loa.Actor { return person("e", "E", at, loa.RightDispatch, loa.RightWrite) }

// TestLanguagePlanPages says the same on the pages.
func TestLanguagePlanPages(t *testing.T) {
	t.Parallel()
	desk := openDesk(t, true)
	man := desk.browser(writer())
	man.page("/languages", "Thứ tiếng của địa bàn", "Chỉ cần tiếng Việt", `name="at" value="`+string(thon1)+`"`)
	desk.wrote("a plan", func() {
		man.led("/languages", url.Values{"at": {string(thon1)}, "lang": {"hmn"}}, "/languages?path=")
	}, "language_plan.set")
	a := man.post("/bulletins", composed("do", "submit"))
	if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "cần có tiếng Mông mà bản tin chưa có") || !strings.Contains(a.body, "/leave-out") {
		t.Fatalf("sent without Mông: %d %s", a.status, sentence(a.body))
	}
	at := "/bulletins/" + between(a.body, `action="/bulletins/`, "/leave-out")
	desk.wrote("waiving", func() { man.led(at+"/waive", url.Values{"why": {"Tin gấp"}}, at) }, "bulletin.waived")
	man.page(at, "cho phát thiếu", "Tin gấp")
	desk.wrote("asking", func() { man.led(at+"/submit", nil, at) }, "bulletin.submitted")
	man.locale = "en"
	man.page("/languages", "Languages of the place", "Vietnamese and")
}

// TestTemplates keeps a notice as a template and sends the next one in three taps.
func TestTemplates(t *testing.T) {
	t.Parallel()
	desk := openDesk(t, true)
	man := desk.browser(writer())
	at := man.led("/bulletins", composed("text", "Thu gom rác thứ Ba, ngày 17/11/2026 tại {khu vực}.", "category", "services", "scope", string(thon1)), "/bulletins/")
	man.page("/templates", "Chưa có mẫu tin")
	desk.wrote("keeping", func() {
		man.led(at+"/template", url.Values{"called": {"Rác thứ Ba"}}, "/templates")
	}, "template.kept")
	list := man.page("/templates", "Rác thứ Ba", "Thu gom rác {ngày}")
	id := between(list, "/bulletins/new?template=", `"`)
	man.page("/bulletins/new?template="+id, "Thu gom rác thứ Hai, ngày 23/11/2026 tại {khu vực}", `value="services" selected`, `value="`+string(thon1)+`" checked`)

	// A place left open is never sent.
	a := man.post("/bulletins", composed("text", "Thu gom rác tại {khu vực}.", "do", "submit"))
	if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "{khu vực}” chưa điền") {
		t.Errorf("sent with a hole: %d %s", a.status, sentence(a.body))
	}
	other := desk.browser(person("neighbour", "Hà Thị Lụa", benMai, loa.RightWrite, loa.RightRead))
	if a := other.get("/bulletins/new?template=" + id); a.status != http.StatusForbidden {
		t.Errorf("the neighbour's template: %d", a.status)
	}
	desk.wrote("removing", func() { man.led("/templates/"+id+"/remove", nil, "/templates") }, "template.removed")
	if status, key := man.fault("/templates/"+id+"/remove", nil); status != http.StatusNotFound || key != "template.unknown" {
		t.Errorf("removed twice: %d %s", status, key)
	}
}

// TestShare is the public page: of an approved bulletin only, without a name on
// it, gone when the bulletin is recalled.
func TestShare(t *testing.T) {
	t.Parallel()
	desk := openDesk(t, true)
	man := desk.browser(writer())
	draft := desk.draft(notice())
	if status, key := man.fault("/bulletins/"+draft.ID+"/share", nil); status != http.StatusConflict || key != "share.not_approved" {
		t.Errorf("sharing a draft: %d %s", status, key)
	}
	b := desk.sealed(notice())
	at := "/bulletins/" + b.ID
	desk.wrote("sharing", func() { man.led(at+"/share", nil, at+"#share") }, "bulletin.shared")
	desk.wrote("sharing again", func() { man.led(at+"/share", nil, at+"#share") })
	code := between(man.page(at, "data-copy", origin+"/s/"), `href="/s/`, `"`)

	body := &browser{desk, "", &http.Client{CheckRedirect: man.client.CheckRedirect}, "vi"}
	page := body.page("/s/"+code, "Sáng mai thôn 1 cắt điện", `property="og:title"`, `property="og:audio"`, origin+"/s/"+code+"/sound/0", "Đài truyền thanh xã Đồng Sậy")
	for _, name := range []string{writer().Name, chair().Name, "writer", b.Warrant} {
		if strings.Contains(page, name) {
			t.Errorf("the public page says %q", name)
		}
	}
	if a := body.get("/s/" + code + "/sound/0"); a.status != http.StatusOK || a.header.Get("Content-Type") != "audio/mpeg" || !strings.HasPrefix(a.body, "ID3") {
		t.Errorf("sound: %d %s", a.status, a.header.Get("Content-Type"))
	}
	for _, bad := range []string{"/s/guess", "/s/" + code + "/sound/1", "/s/" + code + "/sound/-1"} {
		if a := body.get(bad); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", bad, a.status)
		}
	}
	desk.tick()
	man.led(at+"/cancel", url.Values{"why": {"sai giờ"}}, at)
	if a := body.get("/s/" + code); a.status != http.StatusNotFound || !strings.Contains(a.body, "thu hồi") {
		t.Errorf("a recalled bulletin: %d", a.status)
	}
}
