package e2e

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"loa"
	"loa/calendar"
	"loa/db"
	"loa/db/dbtest"
	"loa/journal"
	"loa/lang"
	"loa/node"
	"loa/office"
	"loa/people"
	"loa/signer"
	"loa/signer/softkey"
	"loa/speaker"
	"loa/upkeep"
	"loa/web"
	"loa/web/desk"
	"loa/wire"
)

// registry is a desk whose signer's roster can change, and the passkeys that the
// people at it hold themselves.
type registry struct {
	*bureau
	url  string                            // of the database
	held map[string]*softkey.Authenticator // by person id
}

// colleague is a person at that desk.
type colleague struct {
	*browser
	*registry
}

func openRegistry(t *testing.T, soft bool) *registry {
	t.Helper()
	g := &registry{url: dbtest.SQLite(t), held: map[string]*softkey.Authenticator{}}
	w := build(t, g.url)
	w.openStation(dongSay)
	g.bureau = &bureau{station: w, keys: map[string]string{}, hub: web.NewHub()}
	g.people = &people.Register{DB: w.db, RPID: site, Origin: origin, Issuer: "Loa", OpenLinks: true}
	catalog, err := lang.Load()
	w.ok(err)
	ground, err := web.New(web.Config{Catalog: catalog, People: g.people, Clock: w.clock, Log: slog.New(slog.DiscardHandler), Hub: g.hub, Demo: true})
	w.ok(err)
	c := desk.Config{Calendar: &calendar.Register{DB: w.db}, Upkeep: &upkeep.Book{DB: w.db, Said: speaker.Silently},

		Site: ground, Bulletins: w.flow, Speakers: w.register, Units: w.units, People: g.people, Offices: &office.Register{DB: w.db}, Roster: node.Roster{Signer: w.signer},
		Sound: w.flow.Blobs.Get,
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
			return g.held[person].Approve(payload, site, origin)
		}
	}
	g.routes, err = desk.New(c)
	w.ok(err)
	g.server = httptest.NewServer(ground.Handler(g.routes))
	t.Cleanup(g.server.Close)
	t.Cleanup(g.hub.Close)
	return g
}

func (g *registry) colleague(who loa.Actor) *colleague { return &colleague{g.browser(who), g} }

// addPasskey adds a passkey on the account page.
func (p *colleague) addPasskey() {
	p.browser.t.Helper()
	key, err := softkey.New(p.id)
	p.registry.ok(err)
	p.held[p.id] = key
	begun := p.do(http.MethodPost, "/me/passkey/begin", "application/json", "{}", "application/json")
	made, err := key.Create([]byte(begun.body), origin)
	p.registry.ok(err)
	if a := p.do(http.MethodPost, "/me/passkey/finish", "application/json", string(made), "application/json"); a.status != http.StatusOK {
		p.browser.t.Fatalf("passkey: %d %s", a.status, a.body)
	}
	p.signIn()
}

// says posts what a page's script posts, and reads the key of a refusal.
func (p *colleague) says(path string, by *colleague, payload []byte) (int, string) {
	p.browser.t.Helper()
	yes, err := p.held[by.id].Approve(payload, site, origin)
	p.registry.ok(err)
	b, err := json.Marshal(yes)
	p.registry.ok(err)
	a := p.do(http.MethodPost, path, "application/json", string(b), "application/json")
	var said struct{ Error web.Fault }
	p.registry.ok(json.Unmarshal([]byte(a.body), &said))
	return a.status, said.Error.Key
}

// owner runs the command of the signer's owner.
func (g *registry) owner(args ...string) (string, error) {
	g.t.Helper()
	cmd := exec.CommandContext(g.t.Context(), Binary(g.t), append([]string{"key", "member"}, args...)...)
	cmd.Env = append(os.Environ(), "LOA_DIR="+g.t.TempDir(), "LOA_DATABASE="+g.url, "LOA_SIGNER_DIR="+filepath.Dir(g.signer.Socket), "LOA_ORIGIN="+origin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// waiting is the one proposal that waits.
func (g *registry) waiting() people.Proposal {
	g.t.Helper()
	all, err := people.RosterBook{DB: g.db}.Pending(g.t.Context())
	g.ok(err)
	if len(all) != 1 {
		g.t.Fatalf("%d proposals wait, want 1", len(all))
	}
	return all[0]
}

func (g *registry) roster() signer.Roster {
	g.t.Helper()
	r, err := g.signer.Roster(g.t.Context())
	g.ok(err)
	return r
}

func sen() loa.Actor {
	return person("sen", "Hoàng Thị Sen", province, loa.RightPeople, loa.RightRead)
}
func vinh() loa.Actor { return person("vinh", "Đỗ Quang Vinh", province, loa.RightRead) }
func khoi() loa.Actor {
	return person("khoi", "Trần Bá Khôi", dongSay, loa.RightApprove, loa.RightDispatch, loa.RightRead)
}

// TestRosterBegins is the first day: the owner of the signer's folder puts the
// passkeys of two keepers on the roster at the command line, and no third.
func TestRosterBegins(t *testing.T) {
	t.Parallel()
	g := openRegistry(t, false)
	one, two, three := g.colleague(sen()), g.colleague(vinh()), g.colleague(khoi())
	refused := func(what, want string, args ...string) {
		t.Helper()
		if out, err := g.owner(args...); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v %q, want %q", what, err, out, want)
		}
	}
	refused("without a passkey", "has no passkey yet; they sign in, add one at "+origin+"/me", "-login", "sen", "-duties", "roster", "-paths", "vn/98")
	one.addPasskey()
	one.addPasskey() // the newest counts
	two.addPasskey()
	three.addPasskey()
	refused("an invented duty", "The duty “speak” does not exist", "-login", "sen", "-duties", "roster,speak", "-paths", "vn/98")
	refused("an invented place", "no place vn/97", "-login", "sen", "-duties", "roster", "-paths", "vn/98,vn/97")
	refused("nobody", "no such person", "-login", "nobody", "-duties", "roster", "-paths", "vn/98")
	refused("without places", "loa key ", "-login", "sen", "-duties", "roster")
	before := len(g.roster().Members)
	for _, login := range []string{"sen", "vinh"} {
		if out, err := g.owner("-login", login, "-duties", "stop,roster", "-paths", "vn/98"); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	got := g.roster().Members[before:]
	if len(got) != 2 {
		t.Fatalf("%d new members, want 2", len(got))
	}
	want := g.held[one.id].Member("Hoàng Thị Sen", []loa.Path{province}, signer.DutyStop, signer.DutyRoster)
	if got[0].Credential != want.Credential || string(got[0].PublicKey) != string(want.PublicKey) || got[0].Person != one.id || !got[0].Software {
		t.Errorf("on the roster: %+v, want %+v", got[0], want)
	}
	refused("after the second keeper", "two of its keepers", "-login", "khoi", "-duties", "approve", "-paths", "vn/98/98011")
}

// TestRosterGrows adds a third person through the pages, with two keepers'
// passkeys over the very bytes, and that person then approves a bulletin.
func TestRosterGrows(t *testing.T) {
	t.Parallel()
	g := openRegistry(t, false)
	author := g.colleague(writer())
	one, two, three := g.colleague(sen()), g.colleague(vinh()), g.colleague(khoi())
	for _, p := range []*colleague{one, two, three} {
		p.addPasskey()
	}
	for _, login := range []string{"sen", "vinh"} {
		if out, err := g.owner("-login", login, "-duties", "roster", "-paths", "vn/98"); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	at := author.led("/bulletins", composed("do", "submit"), "/bulletins/")
	approves := func() (int, string) {
		t.Helper()
		g.tick()
		b, err := g.flow.Find(t.Context(), chief(), strings.TrimPrefix(at, "/bulletins/"))
		g.ok(err)
		three.led(at+"/hear", url.Values{"payload": {loa.Hash(b.Payload)}, "how": {"read"}}, at)
		return three.says(at+"/approve", three, b.Payload)
	}
	if status, key := approves(); status != http.StatusForbidden || key != "approval.unknown_credential" {
		t.Fatalf("a stranger to the roster: %d %s", status, key)
	}

	asked := url.Values{"person": {three.id}, "duty": {"approve", "stop"}, "place": {string(dongSay)}}
	one.page("/roster", "Danh sách người duyệt", "Trần Bá Khôi (khoi)", "quản lý danh sách này", "từ khi cài đặt hệ thống")
	if strings.Contains(two.page("/roster"), "Gửi đề nghị") {
		t.Error("who does not manage people is offered to propose")
	}
	if status, key := two.fault("/roster", asked); status != http.StatusForbidden || key != "right.missing" {
		t.Errorf("proposing without the right: %d %s", status, key)
	}
	if a := one.post("/roster", url.Values{"person": {three.id}, "place": {string(dongSay)}}); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "ít nhất một nhiệm vụ") {
		t.Errorf("without a duty: %d %s", a.status, sentence(a.body))
	}
	g.wrote("proposing", func() { one.led("/roster", asked, "/roster") }, "people.roster_proposed")
	p := g.waiting()
	yes, version := "/roster/"+p.ID+"/approve", g.roster().Version
	one.page("/roster", "Ghi Trần Bá Khôi vào danh sách", "duyệt bản tin, dừng phát · xã Đồng Sậy", loa.Hash(p.Payload), "data-options")
	if strings.Contains(three.page("/roster"), yes) {
		t.Error("who keeps no list is asked to approve")
	}

	g.wrote("what does not count", func() {
		for _, c := range []struct {
			name    string
			who, by *colleague
			payload []byte
			status  int
			key     string
		}{
			{name: "a stranger", who: three, by: three, payload: p.Payload, status: http.StatusForbidden, key: "approval.unknown_credential"},
			{name: "with another's passkey", who: one, by: two, payload: p.Payload, status: http.StatusForbidden, key: "roster.other_person"},
			{name: "over other bytes", who: one, by: one, payload: []byte("{}"), status: http.StatusForbidden, key: "approval.other_bytes"},
		} {
			if status, key := c.who.says(yes, c.by, c.payload); status != c.status || key != c.key {
				t.Errorf("%s: %d %s, want %d %s", c.name, status, key, c.status, c.key)
			}
		}
		if status, key := one.fault("/roster/"+p.ID+"/hand", nil); status != http.StatusForbidden || key != "approval.missing" {
			t.Errorf("handing in nothing: %d %s", status, key)
		}
	})
	g.wrote("one keeper", func() {
		if status, key := one.says(yes, one, p.Payload); status != http.StatusOK {
			t.Fatalf("the first yes: %d %s", status, key)
		}
		if status, key := one.says(yes, one, p.Payload); status != http.StatusConflict || key != "people.roster_approved_already" {
			t.Errorf("the same keeper twice: %d %s", status, key)
		}
		if status, key := one.fault("/roster/"+p.ID+"/hand", nil); status != http.StatusForbidden || key != "approval.too_few" {
			t.Errorf("handing in one: %d %s", status, key)
		}
	}, "people.roster_approved")
	if g.roster().Version != version {
		t.Fatal("one keeper changed the roster")
	}
	if status, key := approves(); status != http.StatusForbidden || key != "approval.unknown_credential" {
		t.Fatalf("after one keeper: %d %s", status, key)
	}

	// Another change, made for the same version, is overtaken.
	one.led("/roster", url.Values{"remove": {g.passkey(chair())}}, "/roster")
	two.page("/roster", "Bỏ Trần Văn Bách khỏi danh sách", "Hoàng Thị Sen đã duyệt")
	g.wrote("the second keeper", func() {
		if status, key := two.says(yes, two, p.Payload); status != http.StatusOK {
			t.Fatalf("the second yes: %d %s", status, key)
		}
	}, "people.roster_approved", "people.roster_changed")
	if got := g.roster(); got.Version != version+1 || got.Members[len(got.Members)-1].Person != three.id {
		t.Fatalf("the roster is version %d", got.Version)
	}
	g.wrote("clicking after it was done", func() {
		if status, key := two.says(yes, two, p.Payload); status != http.StatusOK {
			t.Errorf("after it was done: %d %s", status, key)
		}
		two.led("/roster/"+p.ID+"/hand", nil, "/roster")
	})
	if status, key := approves(); status != http.StatusOK {
		t.Fatalf("the third person's bulletin: %d %s", status, key)
	}

	stale := g.waiting()
	one.page("/roster", "Danh sách đã thay đổi sau khi có đề nghị này", "từ 05:")
	g.wrote("a change that was overtaken", func() {
		if status, key := one.says("/roster/"+stale.ID+"/approve", one, stale.Payload); status != http.StatusConflict || key != "roster.changed_meanwhile" {
			t.Errorf("got %d %s", status, key)
		}
		one.led("/roster/"+stale.ID+"/withdraw", nil, "/roster")
	}, "people.roster_withdrawn")
	one.locale = "en"
	one.page("/roster", "Approvers", "keep this list")
	one.page("/journal", "Approvers changed")
}

// passkey is the credential of one of the station's people.
func (g *registry) passkey(who loa.Actor) string {
	return g.passkeys[who.ID].Member(who.Name, nil).Credential
}

// TestRosterBehind is the process that died between the signer's yes and its own
// note: the second keeper's next click finds the change made and notes it, and a
// signer that was away is handed the approvals again.
func TestRosterBehind(t *testing.T) {
	t.Parallel()
	g := openRegistry(t, true)
	one, two := g.colleague(sen()), g.colleague(vinh())
	for _, p := range []*colleague{one, two} {
		p.addPasskey()
		m := g.held[p.id].Member(p.id, []loa.Path{province}, signer.DutyRoster)
		g.ok(signer.Bootstrap(filepath.Dir(g.signer.Socket), m))
	}
	// New duties for somebody who stands there already: off and on in one change.
	one.led("/roster", url.Values{"person": {two.id}, "duty": {"roster", "stop"}, "place": {"vn/98"}}, "/roster")
	p := g.waiting()
	one.page("/roster", "Duyệt bằng khóa mô phỏng", "<del>")
	one.led("/roster/"+p.ID+"/approve", url.Values{}, "/roster")
	var both []wire.Approval
	for _, k := range []*colleague{one, two} {
		yes, err := g.held[k.id].Approve(p.Payload, site, origin)
		g.ok(err)
		both = append(both, yes)
	}
	g.ok(g.signer.ChangeRoster(t.Context(), p.Payload, both))
	g.wrote("the click after the change", func() { two.led("/roster/"+p.ID+"/approve", url.Values{}, "/roster") }, "people.roster_changed")

	one.led("/roster", url.Values{"remove": {g.passkey(chair())}}, "/roster")
	p = g.waiting()
	one.led("/roster/"+p.ID+"/approve", url.Values{}, "/roster")
	yes, err := g.held[two.id].Approve(p.Payload, site, origin)
	g.ok(err)
	b, err := json.Marshal(yes)
	g.ok(err)
	_, err = people.RosterBook{DB: g.db}.Approve(t.Context(), loa.Actor{ID: two.id, Name: vinh().Name}, p.ID, b) // and the signer is away
	g.ok(err)
	one.page("/roster", "chưa kịp ghi lại")
	g.wrote("handing in again", func() { one.led("/roster/"+p.ID+"/hand", url.Values{}, "/roster") }, "people.roster_changed")
	if strings.Contains(one.page("/roster"), chair().Name) {
		t.Error("who was taken off is still listed")
	}
	g.stop()
	if a := one.get("/roster"); a.status != http.StatusServiceUnavailable {
		t.Errorf("without a signer: %d", a.status)
	}
}
