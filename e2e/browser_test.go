package e2e_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	devlog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"loa/bulletin"
	"loa/e2e"
	"loa/wire"
)

// TestBrowser is the officer's and the leader's day in a real browser, with the
// pages' own script and a passkey of the browser's: a notice typed on a phone,
// heard to its end, approved, played and confirmed in front of the one who wrote
// it. It counts steps, since a hamlet's officer has minutes and thumbs: a tap, a
// field or a choice is one.
func TestBrowser(t *testing.T) {
	if os.Getenv("LOA_LONG") == "" {
		t.Skip("needs Chromium: make test-long")
	}
	town := e2e.Start(t, e2e.Options{Agents: 2, Local: true})
	chromium := openChromium(t)

	leader := visit(chromium, t, town, town.Leader)
	leader.addPasskey()
	ownerTrusts(t, town, leader, "approve,stop")

	author := visit(chromium, t, town, town.Author)
	author.phone()
	id := author.writes("Kính mời bà con họp lúc 19h30 tại nhà văn hóa.")
	if author.steps > 7 {
		t.Errorf("%d steps from the work page to asking for approval, want at most 7", author.steps)
	}

	leader.approves(id)
	if leader.steps > 3 {
		t.Errorf("%d steps from the work page to approved, want at most 3", leader.steps)
	}
	flow := town.Flow()
	b, err := flow.Find(t.Context(), town.Leader.Actor(), id)
	if err != nil || b.State != bulletin.Sealed {
		t.Fatalf("state %s, %v; want sealed", b.State, err)
	}
	kept, err := flow.Approvals(t.Context(), b)
	if err != nil || len(kept) != 1 || kept[0].Yes.Credential != leader.credential() {
		t.Errorf("approvals kept: %+v, %v; want one by the browser's passkey %s", kept, err, leader.credential())
	}

	author.mark()
	leader.tap(fmt.Sprintf("form[action='/bulletins/%s/now'] button", id))
	author.sees("a speaker sounding", "document.querySelector('.onair .running .sounding').innerText.includes('báo đang phát')")
	author.sees("every speaker confirmed", "document.querySelectorAll('.running .confirmed').length == 2")
	author.sees("both rows of the playback log", "document.querySelectorAll('tbody .result.played').length == 2")
	author.stayed()
	for _, p := range town.Log(id) {
		if p.Result != wire.Played || !p.Verified {
			t.Errorf("box %s: %+v", p.Box, p)
		}
	}

	leader.stops(id)
	if b, err = flow.Find(t.Context(), town.Leader.Actor(), id); err != nil || b.State != bulletin.Stopped {
		t.Errorf("state %s, %v; want stopped", b.State, err)
	}
	author.sees("the stop", "document.querySelector('main .badge').innerText.includes('đã dừng phát')")
	author.stayed()
}

// openChromium starts a browser that calls nobody and shows nothing.
func openChromium(t *testing.T, more ...string) context.Context {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed; make test-long installs it")
	}
	return startChromium(t, program, more...)
}

// startChromium starts this browser program, with more of its flags set.
func startChromium(t *testing.T, program string, more ...string) context.Context {
	t.Helper()
	flags := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.Flag("lang", "vi"), chromedp.Flag("accept-lang", "vi"),
		// a microphone that hums, and a person who allowed it
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true))
	for _, f := range append(more, "disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "no-proxy-server") {
		flags = append(flags, chromedp.Flag(f, true))
	}
	ctx, end := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), append(flags, chromedp.Flag("autoplay-policy", "no-user-gesture-required"))...)
	t.Cleanup(end)
	ctx, _ = chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {})) // a newer browser has events that chromedp cannot read
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("end chromium: %v", err)
		}
	})
	return ctx
}

// visitor is a person of the town at a browser of their own.
type visitor struct {
	*testing.T
	*e2e.Officer
	town  *e2e.Town
	ctx   context.Context
	key   webauthn.AuthenticatorID
	steps int

	mu     sync.Mutex
	faults []string
	expect []string // words of complaints that a test provokes
}

// visit signs a person in with a single-use link.
func visit(chromium context.Context, t *testing.T, town *e2e.Town, who *e2e.Officer) *visitor {
	t.Helper()
	v := stranger(chromium, t, town, who)
	v.open("/sign-in/link/" + who.Link())
	v.tap("main button")
	v.at("/")
	return v
}

// stranger is somebody who is not signed in. What the browser complains of while
// the visit lasts fails the test.
func stranger(chromium context.Context, t *testing.T, town *e2e.Town, who *e2e.Officer) *visitor {
	t.Helper()
	v := &visitor{T: t, Officer: who, town: town}
	var end context.CancelFunc
	v.ctx, end = chromedp.NewContext(chromium, chromedp.WithTargetID(window(chromium, t)))
	t.Cleanup(end)
	chromedp.ListenTarget(v.ctx, v.complaint)
	v.run(audits.Enable())
	t.Cleanup(func() {
		if t.Failed() {
			v.describe()
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, f := range v.faults {
			t.Errorf("%s's browser: %s", v.Login, f)
		}
	})
	return v
}

// window opens a window with cookies and storage of its own.
func window(chromium context.Context, t *testing.T) target.ID {
	t.Helper()
	ctx := cdp.WithExecutor(chromium, chromedp.FromContext(chromium).Browser)
	own, err := target.CreateBrowserContext().Do(ctx)
	if err != nil {
		t.Fatal(err)
	}
	id, err := target.CreateTarget("about:blank").WithBrowserContextID(own).WithNewWindow(true).Do(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// complaint takes down what a browser's console would show in red or yellow.
func (v *visitor) complaint(event any) {
	var said any
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		said = e.ExceptionDetails
	case *runtime.EventConsoleAPICalled:
		said = e
	case *devlog.EventEntryAdded:
		if e.Entry.Level == devlog.LevelVerbose || e.Entry.Level == devlog.LevelInfo {
			return
		}
		said = e.Entry
	case *audits.EventIssueAdded:
		said = e.Issue
	default:
		return
	}
	text, err := json.Marshal(said)
	if err != nil {
		text = []byte(err.Error())
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if slices.ContainsFunc(v.expect, func(w string) bool { return strings.Contains(string(text), w) }) {
		return
	}
	v.faults = append(v.faults, string(text))
}

// describe says what is on the screen, for whoever reads why the test failed.
func (v *visitor) describe() {
	var shown string
	if err := chromedp.Run(v.ctx, chromedp.Evaluate("location.href + '\\n' + document.body.innerText", &shown)); err != nil {
		shown = err.Error()
	}
	v.Logf("%s's browser shows %s", v.Login, shown)
}

func (v *visitor) run(actions ...chromedp.Action) {
	v.Helper()
	if err := chromedp.Run(v.ctx, actions...); err != nil {
		v.Fatalf("%s's browser: %v", v.Login, err)
	}
}

// phone makes the browser a phone of usual size.
func (v *visitor) phone() {
	v.Helper()
	v.run(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulateScale(2)))
}

func (v *visitor) open(path string) {
	v.Helper()
	v.run(chromedp.Navigate(v.town.Config.Origin + path))
}

// sees waits until an expression is true on the page. While the page changes
// there may be nothing to ask: that is not yet.
func (v *visitor) sees(what, expression string) {
	v.Helper()
	v.town.Eventually(v.Login+" sees "+what, 90*time.Second, func() bool {
		var so bool
		err := chromedp.Run(v.ctx, chromedp.Evaluate(expression, &so))
		return err == nil && so
	})
}

// at waits until the browser is on a page, whole, and its script has run; the
// page must not be wider than the screen.
func (v *visitor) at(path string) {
	v.Helper()
	v.sees(path, fmt.Sprintf("location.pathname == %q && document.readyState == 'complete'", path))
	v.fits(path)
}

// tap presses what a selector finds, once it is there, enabled, and nothing lies
// over it. It is one step.
func (v *visitor) tap(selector string) {
	v.Helper()
	v.tapAt(selector, "box.width / 2")
}

func (v *visitor) tapAt(selector, across string) {
	v.Helper()
	v.steps++
	var x, y float64
	place := fmt.Sprintf(`(() => {
		const e = document.querySelector(%q);
		if (document.readyState != "complete" || !e || e.disabled) return [];
		e.scrollIntoView({ block: "center", behavior: "instant" });
		const box = e.getBoundingClientRect(), x = box.x + %s, y = box.y + box.height / 2;
		return e.contains(document.elementFromPoint(x, y)) ? [x, y] : [];
	})()`, selector, across)
	v.town.Eventually(v.Login+" can tap "+selector, 60*time.Second, func() bool {
		var at []float64
		if err := chromedp.Run(v.ctx, chromedp.Evaluate(place, &at)); err != nil || len(at) != 2 {
			return false
		}
		x, y = at[0], at[1]
		return true
	})
	v.run(chromedp.MouseClickXY(x, y))
}

// types puts text into a field as a Vietnamese keyboard does, whole syllables at
// a time. Going to the field was the step.
func (v *visitor) types(text string) {
	v.Helper()
	for syllable := range strings.SplitAfterSeq(text, " ") {
		v.run(input.InsertText(syllable))
	}
}

// mark and stayed tell a page that changed in place from one loaded again.
func (v *visitor) mark() { v.Helper(); v.run(chromedp.Evaluate("window.marked = true", nil)) }

func (v *visitor) stayed() {
	v.Helper()
	var marked bool
	v.run(chromedp.Evaluate("window.marked === true", &marked))
	if !marked {
		v.Errorf("%s's page was loaded again; it should change in place", v.Login)
	}
}

// addPasskey gives the browser an authenticator such as phones have, and adds
// its passkey on the account page, then signs in with it.
func (v *visitor) addPasskey() {
	v.Helper()
	v.run(webauthn.Enable(), chromedp.ActionFunc(func(ctx context.Context) (err error) {
		v.key, err = webauthn.AddVirtualAuthenticator(&webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}).Do(ctx)
		return err
	}))
	v.open("/me")
	v.tap("[data-passkey-add] button")
	v.tap("[data-passkey-sign-in] button") // the link's session was good for adding it: the passkey opens its own
	v.at("/me")
	v.sees("the passkey", "document.querySelector('[data-passkey-add]').closest('section').querySelectorAll('li').length == 1")
}

// credential is the id of the passkey in the browser, as the wire writes it.
func (v *visitor) credential() string {
	v.Helper()
	var all []*webauthn.Credential
	v.run(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		all, err = webauthn.GetCredentials(v.key).Do(ctx)
		return err
	}))
	if len(all) != 1 {
		v.Fatalf("%d passkeys in %s's browser, want 1", len(all), v.Login)
	}
	raw, err := base64.StdEncoding.DecodeString(all[0].CredentialID)
	if err != nil {
		v.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// ownerTrusts is the owner of the signer's folder, who puts the passkey just
// added on the signer's roster.
func ownerTrusts(t *testing.T, town *e2e.Town, v *visitor, duties string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), e2e.Binary(t), "key", "member", "-login", v.Login, "-duties", duties, "-paths", "vn/98")
	cmd.Env = append(os.Environ(), town.Servers[0].Env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("key member: %v\n%s", err, out)
	}
}

// writes types a notice for the commune, reads along what will be said, and asks
// for approval.
func (v *visitor) writes(text string) (id string) {
	v.Helper()
	v.open("/")
	v.steps = 0
	v.tap("a[href^='/bulletins/new']")
	v.at("/bulletins/new")
	v.mark()
	v.tap("textarea[name=text]")
	before, after, _ := strings.Cut(text, "tại")
	v.types(before)
	v.sees("the hour as it will be said", "document.querySelector('[data-spoken]').innerText.includes('mười chín giờ ba mươi')")
	v.types("tại" + after)
	v.sees("the rest as it will be said", "document.querySelector('[data-spoken]').innerText.includes('nhà văn hóa')")
	v.tap(fmt.Sprintf("label:has(input[name=scope][value='%s'])", e2e.Commune))
	v.sees("the whole province let go", "!document.querySelector('[data-whole]').checked")
	v.stayed()
	v.tap("button[value=submit]")
	v.sees("the notice waiting", "document.querySelector('main .badge').innerText.includes('chờ duyệt')")
	var path string
	v.run(chromedp.Evaluate("location.pathname", &path))
	v.at(path)
	return strings.TrimPrefix(path, "/bulletins/")
}

// approves finds the notice on the work page, hears it to its end and says yes
// with the browser's passkey.
func (v *visitor) approves(id string) {
	v.Helper()
	v.open("/")
	v.steps = 0
	v.tap(fmt.Sprintf(".need a[href='/bulletins/%s']", id))
	v.at("/bulletins/" + id)
	v.sees("a button that waits", "document.querySelector('[data-needs-heard]').disabled")
	v.tapAt("audio[data-heard]", "24") // where the player has its button
	v.sees("the sound running", "!document.querySelector('audio').paused")
	v.heard()
	v.tap("[data-needs-heard]")
	v.sees("the notice approved", "['sealed', 'scheduled', 'dispatched'].some((s) => document.querySelector('main .badge').classList.contains(s))")
	v.at("/bulletins/" + id)
}

// heard waits until the sound has run to its end.
func (v *visitor) heard() {
	v.Helper()
	v.town.Eventually(v.Login+" has heard the sound to its end", 90*time.Second, func() bool {
		var open bool
		err := chromedp.Run(v.ctx, chromedp.Evaluate("!document.querySelector('[data-needs-heard]').disabled", &open))
		return err == nil && open
	})
}

// stops silences the notice.
func (v *visitor) stops(id string) {
	v.Helper()
	v.tap(fmt.Sprintf("form[action='/bulletins/%s/stop/draft'] button", id))
	v.at("/bulletins/" + id + "/stop/draft")
	v.tap("form[data-options] button")
	v.at("/bulletins/" + id)
	v.sees("the stop", "document.querySelector('main .badge').innerText.includes('đã dừng phát')")
}
