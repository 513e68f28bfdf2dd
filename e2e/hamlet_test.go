package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"loa"
	"loa/bulletin"
	"loa/wire"
)

// TestHamletHead is TB-02: a hamlet head types a notice for the own hamlet and
// chooses the time, the commune's leader approves with one button, and it stands
// in the session; for another hamlet or the whole commune they can do nothing,
// and they see nothing of them.
func TestHamletHead(t *testing.T) {
	t.Parallel()
	b := openDesk(t, true)
	thuc, khoi, man := b.browser(person("head", "Vũ Văn Thực", thon1, loa.RightWrite, loa.RightRead)), b.browser(chair()), b.browser(writer())
	const thon2 = loa.Path("vn/98/98011/h/t2")
	const meeting = "Mời bà con thôn 1 họp tại nhà văn hóa lúc 19 giờ 30 tối nay."

	page := thuc.page("/bulletins/new", "thôn 1", "Trình duyệt", `name="session"`)
	for _, more := range []string{`name="class"`, `name="category"`, "Toàn bộ xã"} {
		if strings.Contains(page, more) {
			t.Errorf("the hamlet head's form asks for %s", more)
		}
	}
	var at string
	b.wrote("three steps", func() {
		at = thuc.led("/bulletins", url.Values{"path": {string(thon1)}, "text": {meeting}, "scope": {string(thon1)}, "until": {"2026-11-24"},
			"sessions": {"1"}, "session": {"2026-11-23 afternoon"}, "do": {"submit"}}, "/bulletins/")
	}, "bulletin.drafted", "bulletin.submitted")
	id := strings.TrimPrefix(at, "/bulletins/")
	draft, err := b.flow.Find(t.Context(), chief(), id)
	b.ok(err)
	if draft.Path != thon1 || draft.State != bulletin.Submitted {
		t.Fatalf("%s for %s", draft.State, draft.Path)
	}
	khoi.page("/", "thôn 1 họp")
	khoi.led(at+"/hear", url.Values{"payload": {loa.Hash(draft.Payload)}, "how": {"read"}}, at)
	khoi.led(at+"/approve", url.Values{}, at)
	thuc.page(at, "đã chuyển xuống cụm loa")
	got, err := b.flow.Find(t.Context(), chief(), id)
	b.ok(err)
	if got.State != bulletin.Dispatched {
		t.Errorf("after one button it is %s", got.State)
	}

	t.Run("nowhere else", func(t *testing.T) {
		for _, c := range []struct {
			name        string
			path, scope loa.Path
		}{
			{"the whole commune", dongSay, dongSay},
			{"another hamlet", thon2, thon2},
			{"the own hamlet, sounding in another", thon1, thon2},
			{"the own hamlet, sounding in the commune", thon1, dongSay},
		} {
			before := len(b.book())
			status, key := thuc.fault("/bulletins", url.Values{"path": {string(c.path)}, "text": {meeting}, "scope": {string(c.scope)}, "until": {"2026-11-24"}})
			if status != http.StatusForbidden || key != "scope.outside" && key != "right.missing" {
				t.Errorf("%s: %d %s", c.name, status, key)
			}
			if len(b.book()) != before {
				t.Errorf("%s: the book says %v", c.name, b.book()[before:])
			}
		}
		for _, address := range []string{at + "/schedule", at + "/now", at + "/stop/draft"} {
			if a := thuc.post(address, url.Values{"session": {"2026-11-24 morning"}}); a.status != http.StatusForbidden {
				t.Errorf("%s: %d", address, a.status)
			}
		}
	})
	t.Run("nothing of their own", func(t *testing.T) {
		who, err := b.people.Actor(t.Context(), thuc.id)
		b.ok(err)
		own, err := b.flow.Draft(t.Context(), who, bulletin.Notice{Path: thon1, Class: wire.Normal, Title: "Họp", Text: meeting, Scope: []loa.Path{thon1}})
		b.ok(err)
		own, err = b.flow.Submit(t.Context(), who, own.ID)
		b.ok(err)
		b.ok(b.flow.Hear(t.Context(), who, own.ID, loa.Hash(own.Payload), bulletin.Read))
		if _, err := b.flow.Approve(t.Context(), who, own.ID, b.yes(chair(), own.Payload)); loa.CodeOf(err) != loa.Forbidden {
			t.Errorf("a hamlet head approved their own: %v", err)
		}
	})
	t.Run("nothing of others", func(t *testing.T) {
		theirs := man.led("/bulletins", composed("title", "Tin của xã"), "/bulletins/")
		if a := thuc.get(theirs); a.status != http.StatusForbidden {
			t.Errorf("the commune's draft: %d", a.status)
		}
		if strings.Contains(thuc.page("/bulletins"), "Tin của xã") {
			t.Error("the list shows the commune's drafts")
		}
		if a := thuc.get("/people"); a.status != http.StatusForbidden {
			t.Errorf("people: %d", a.status)
		}
		pole := b.placed(thon2, "Cột thôn hai")
		if strings.Contains(thuc.page("/speakers"), "Cột thôn hai") {
			t.Error("the speakers of another hamlet are shown")
		}
		if a := thuc.get("/speakers/" + pole.ID); a.status != http.StatusForbidden {
			t.Errorf("a speaker of another hamlet: %d", a.status)
		}
	})
}
