package e2e

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loa"
	"loa/office"
	"loa/people"
	"loa/web/desk"
	signon "loa/web/province"
)

// issuer is a real OpenID provider in a process of its own (see its main.go).
type issuer struct {
	t   *testing.T
	url string
}

func startIssuer(t *testing.T, back string) *issuer {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "op")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	build.Dir = "../web/province/testdata/op"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the provider: %v\n%s", err, out)
	}
	user := func(id, name, email string, verified bool) map[string]any {
		return map[string]any{"ID": id, "Username": name, "Password": "verysecure", "Email": email, "EmailVerified": verified}
	}
	b, err := json.Marshal(map[string]any{
		"s-man":  user("s-man", "man", "man@lamxuyen.example", true),
		"s-khoi": user("s-khoi", "khoi", "khoi@lamxuyen.example", false),
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "people.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, file, back)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() }) // it ends with its input
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{t, strings.TrimSpace(line)}
}

// signIn is a person at the issuer: from the address our page sent them to, by
// its form, to the address it sends them back to.
func (i *issuer) signIn(address, name string) (back string) {
	i.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		i.t.Fatal(err)
	}
	c := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.Contains(r.URL.Path, "/sign-in/province/callback") {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	res, err := c.Get(address)
	if err != nil {
		i.t.Fatal(err)
	}
	_ = res.Body.Close() // the form is known
	form := url.Values{"username": {name}, "password": {"verysecure"}, "id": {res.Request.URL.Query().Get("authRequestID")}}
	res, err = c.PostForm(i.url+"login/username", form)
	if err != nil {
		i.t.Fatal(err)
	}
	_ = res.Body.Close() // only where it leads
	back = res.Header.Get("Location")
	if back == "" {
		i.t.Fatalf("the issuer leads nowhere: %d %s", res.StatusCode, res.Request.URL)
	}
	return back
}

// TestProvince signs in at a real issuer: bound by a verified address, back to
// the page that was wanted and never elsewhere, a code good for once, another
// browser's answer refused, a leaver out within minutes.
func TestProvince(t *testing.T) {
	t.Parallel()
	p := &signon.Provider{Name: "tài khoản tỉnh Lam Xuyên", ID: "loa", Secret: "secret", Client: &http.Client{Timeout: 10 * time.Second}, Clock: loa.WallClock{}}
	b := openDesk(t, true, func(c *desk.Config) { c.Province = p })
	p.Return = b.server.URL + "/sign-in/province/callback"
	op := startIssuer(t, p.Return)
	p.Issuer = op.url
	post := func(login, email string) people.Person {
		person, _, err := b.people.Welcome(t.Context(), loa.System(), people.NewPerson{Name: "Người " + login, Login: login, Email: email, Path: dongSay},
			people.Post{Office: b.officeOf(dongSay), Title: "Cán bộ", Grants: []loa.Grant{{Path: dongSay, Rights: people.Station.Rights()}}}, people.Holding{})
		b.ok(err)
		return person
	}
	man := post("man.lt", "Man@lamxuyen.example")
	post("khoi.tb", "khoi@lamxuyen.example")

	path := func(address string) string {
		u, err := url.Parse(address)
		b.ok(err)
		return u.RequestURI()
	}
	go1 := func(p *browser, next, name string) answer {
		t.Helper()
		a := p.get("/sign-in/province?next=" + url.QueryEscape(next))
		if a.status != http.StatusSeeOther || !strings.HasPrefix(a.to, op.url) {
			t.Fatalf("to the province: %d %s", a.status, a.to)
		}
		return p.get(path(op.signIn(a.to, name)))
	}

	first := b.guest()
	first.page("/sign-in", "Đăng nhập bằng tài khoản tỉnh Lam Xuyên")
	if a := go1(first, "/bulletins?state=draft", "man"); a.status != http.StatusSeeOther || a.to != "/bulletins?state=draft" {
		t.Fatalf("signed in: %d %s %s", a.status, a.to, sentence(a.body))
	}
	first.page("/me", "Người man.lt")
	if subject, err := b.people.Subject(t.Context(), man.ID, p.Issuer); err != nil || subject != "s-man" {
		t.Errorf("bound to %q, %v", subject, err)
	}

	t.Run("never elsewhere", func(t *testing.T) {
		for _, next := range []string{"//evil.example", "https://evil.example/", `/\evil.example`, "javascript:alert(1)"} {
			if a := go1(b.guest(), next, "man"); a.status != http.StatusSeeOther || a.to != "/" {
				t.Errorf("%s leads to %d %s", next, a.status, a.to)
			}
		}
	})
	t.Run("an address nobody verified", func(t *testing.T) {
		if a := go1(b.guest(), "/", "khoi"); a.status != http.StatusForbidden || !strings.Contains(a.body, "chưa được ghi cho ai") {
			t.Errorf("%d %s", a.status, sentence(a.body))
		}
	})
	t.Run("an answer twice", func(t *testing.T) {
		g := b.guest()
		back := path(op.signIn(g.get("/sign-in/province").to, "man"))
		if a := g.get(back); a.status != http.StatusSeeOther {
			t.Fatalf("once: %d", a.status)
		}
		if a := g.get(back); a.status != http.StatusForbidden {
			t.Errorf("twice: %d %s", a.status, a.to)
		}
	})
	t.Run("a code twice", func(t *testing.T) {
		g := b.guest()
		used, err := url.Parse(op.signIn(g.get("/sign-in/province").to, "man"))
		b.ok(err)
		if a := g.get(used.RequestURI()); a.status != http.StatusSeeOther {
			t.Fatalf("once: %d", a.status)
		}
		fresh, err := url.Parse(g.get("/sign-in/province").to)
		b.ok(err)
		q := url.Values{"code": {used.Query().Get("code")}, "state": {fresh.Query().Get("state")}}
		if a := g.get("/sign-in/province/callback?" + q.Encode()); a.status != http.StatusForbidden {
			t.Errorf("the old code under a new state: %d %s", a.status, a.to)
		}
	})
	t.Run("another browser's answer", func(t *testing.T) {
		mine, theirs := b.guest(), b.guest()
		mine.get("/sign-in/province")
		back := path(op.signIn(theirs.get("/sign-in/province").to, "man"))
		for _, g := range []*browser{mine, b.guest()} {
			if a := g.get(back); a.status != http.StatusForbidden {
				t.Errorf("%d %s", a.status, a.to)
			}
		}
	})
	t.Run("refused there", func(t *testing.T) {
		g := b.guest()
		to, err := url.Parse(g.get("/sign-in/province").to)
		b.ok(err)
		if a := g.get("/sign-in/province/callback?error=access_denied&state=" + to.Query().Get("state")); a.status != http.StatusForbidden || !strings.Contains(a.body, "chưa xong") {
			t.Errorf("%d %s", a.status, sentence(a.body))
		}
	})
	t.Run("a leaver", func(t *testing.T) {
		b.clock.Turn(5 * time.Minute)
		b.ok(b.people.RecheckProvince(t.Context(), p.Still))
		first.page("/me", "Người man.lt")
		res, err := http.Post(op.url+"disable/s-man", "", nil)
		b.ok(err)
		_ = res.Body.Close() // nothing in it
		b.clock.Turn(5 * time.Minute)
		b.wrote("asking again", func() { b.ok(b.people.RecheckProvince(t.Context(), p.Still)) }, "people.province_gone")
		if a := first.get("/me"); a.status != http.StatusSeeOther || !strings.HasPrefix(a.to, "/sign-in") {
			t.Errorf("a leaver is still in: %d %s", a.status, a.to)
		}
	})
}

// officeOf is a new office of a place.
func (b *bureau) officeOf(at loa.Path) string {
	b.t.Helper()
	o, err := (&office.Register{DB: b.db}).Add(b.t.Context(), loa.System(), office.Office{Kind: office.Other, Name: "Cơ quan " + loa.NewID(b.clock.Now()), Path: at})
	b.ok(err)
	return o.ID
}
