package e2e_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"loa/e2e"
	"loa/wire"
)

var hidden = regexp.MustCompile(`name="payload" value="([^"]+)"`)

// TestRules sets a commune's hours and a session through the page: the form
// becomes bytes, a passkey approves exactly those, and from then on phát ngay
// outside them is refused by the page and by the speaker's own policy.
func TestRules(t *testing.T) {
	t.Parallel()
	town := e2e.Start(t, e2e.Options{})
	leader, author := town.Leader.At(town.Servers[0]), town.Author.At(town.Servers[0])
	at := "?path=" + string(e2e.Commune)

	form := url.Values{"days1": {"1", "2", "3", "4", "5", "6", "7"}, "from1": {"00:00"}, "until1": {"00:01"}, "volume": {"55"}}
	for name, bad := range map[string]url.Values{
		"nothing":            {"volume": {"50"}},
		"end before start":   {"days1": {"1"}, "from1": {"18:00"}, "until1": {"06:00"}, "volume": {"50"}},
		"no day":             {"from1": {"05:00"}, "until1": {"06:00"}, "volume": {"50"}},
		"louder than it can": {"days1": {"1"}, "from1": {"05:00"}, "until1": {"06:00"}, "volume": {"500"}},
		"no time":            {"days1": {"1"}, "from1": {"99:00"}, "until1": {"06:00"}, "volume": {"50"}},
	} {
		if status, body := leader.Post("/rules/hours"+at, bad); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	status, page := leader.Post("/rules/hours"+at, form)
	m := hidden.FindStringSubmatch(page)
	if status != http.StatusOK || m == nil {
		t.Fatalf("draft: %d %s", status, page)
	}
	payload, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(m[1], "&#43;", "+"))
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		wire.Approval
		Payload string `json:"payload"`
	}
	send := func(o *e2e.Officer, bytes []byte) (int, string) {
		return o.PostJSON("/rules/hours/approve"+at, answer{o.Yes(payload), base64.StdEncoding.EncodeToString(bytes)})
	}
	if status, body := send(leader, []byte(strings.Replace(string(payload), `"volume":55`, `"volume":99`, 1))); status != http.StatusForbidden {
		t.Errorf("other bytes than approved: %d %s", status, body)
	}
	if status, body := send(author, payload); status != http.StatusForbidden {
		t.Errorf("somebody without the duty: %d %s", status, body)
	}
	if status, body := send(leader, payload); status != http.StatusOK {
		t.Fatalf("approve: %d %s", status, body)
	}
	policies, err := town.Flow().Policy(t.Context(), e2e.Commune)
	if err != nil || len(policies) != 2 || policies[1].Volume != 55 {
		t.Fatalf("policies %+v, %v", policies, err)
	}

	if status, body := leader.Post("/rules/session"+at, url.Values{"part": {"morning"}, "days": {"1", "2"}, "from": {"05:30"}, "until": {"06:15"}}); status != http.StatusSeeOther {
		t.Errorf("session: %d %s", status, body)
	}
	if frames, err := town.Flow().Frames(t.Context(), e2e.Commune); err != nil || len(frames) != 1 || frames[0].From != 330 || frames[0].Name != "Buổi sáng" {
		t.Errorf("frames %+v, %v", frames, err)
	}
	if status, body := leader.Get("/rules" + at); status != http.StatusOK || !strings.Contains(body, "00:00–00:01") || !strings.Contains(body, "05:30–06:15") {
		t.Errorf("page: %d %s", status, body)
	}
}
