package e2e_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"loa"
	"loa/e2e"
	"loa/form"
	"loa/wire"
)

// axe is axe-core, the accessibility checker of Deque Systems (MPL 2.0, see the
// licence beside it), unchanged.
//
//go:embed testdata/axe/axe.min.js
var axe string

// screen is a size at which every page is looked at.
type screen struct {
	name          string
	width, height int64
	mobile        bool
}

func screens() []screen {
	return []screen{{"phone", 360, 740, true}, {"desktop", 1280, 800, false}}
}

// Why no browser is sent to an address.
const (
	aPart     = "a part that a page asks for"
	aFile     = "a file"
	aSound    = "a sound or a picture inside a page"
	elsewhere = "leads to the province's own sign-in: TestProvinceSignIn"
	aScript   = "for the script of a page"
	aMachine  = "for machines"
)

// faces are all GET routes of the web packages: where a person opens each, or why
// no browser is sent there. A name in angles is of something furnish made.
func faces() map[string]string {
	return map[string]string{
		"/sign-in": "/sign-in", "/sign-in/link/{token}": "/sign-in/link/<link>", "/sign-in/province": elsewhere, "/sign-in/province/callback": elsewhere,
		"/recover": "/recover", "/recover/wait": "/recover/wait", "/recoveries": "/recoveries", "/me": "/me",
		"/people": "/people", "/people/new": "/people/new", "/people/{id}": "/people/<person>", "/posts/{id}": "/posts/<post>",
		"/offices": "/offices", "/roster": "/roster", "/grants": "/grants", "/journal": "/journal",

		"/{$}": "/", "/live": aPart,
		"/bulletins": "/bulletins", "/bulletins/new": "/bulletins/new", "/record": "/record", "/library": "/library", "/templates": "/templates",
		"/bulletins/{id}": "/bulletins/<waiting>", "/bulletins/{id}/state": aPart, "/bulletins/{id}/live": aPart, "/bulletins/{id}/sound/{n}": aSound,
		"/bulletins/{id}/edit": "/bulletins/<draft>/edit", "/bulletins/{id}/language": "/bulletins/<draft>/language?lang=hmn",
		"/uploads/{id}": aScript, "/uploads/{id}/sound": aSound, "/s/{code}": "/s/<share>", "/s/{code}/sound/{n}": aSound,
		"/inbox": "/inbox", "/approve": "/approve", "/languages": "/languages", "/words": "/words",
		"/form/{secret}": "/form/<form>", "/form/{secret}/{kind}": "/form/<form>/power", "/forms": "/forms", "/forms/{kind}": "/forms/recruitment",
		"/outside": "/outside", "/outside/{id}": "/outside/<sent>", "/outside/{id}/photo": aSound,

		"/sessions": "/sessions", "/sessions/week.pdf": aFile, "/preview": "/preview", "/rules": "/rules", "/calendar": "/calendar",
		"/phrases": "/phrases", "/phrases/sound/{id}": aSound, "/alarm": "/alarm", "/alarm/{id}": "/alarm/<alarm>", "/alarm/{id}/live": aPart, "/alarm/{id}/sound": aSound,
		"/log": "/log", "/log/rows.xlsx": aFile, "/log/month.pdf": aFile, "/log/evidence.pdf": aFile, "/log/{box}/{n}": "/log/<line>",

		"/speakers": "/speakers", "/speakers/live": aPart, "/speakers/new": "/speakers/new", "/speakers/again": "/speakers/again",
		"/speakers/{id}": "/speakers/<box>", "/speakers/{id}/log": "/speakers/<box>/log", "/speakers/labels": "/speakers/labels", "/speakers/labels.pdf": aFile,
		"/poles/{code}": "/poles/DS01", "/poles/{code}/live": aPart, "/poles/{code}/asked": aPart, "/poles/{code}/edit": "/poles/DS01/edit", "/loa/{code}": "/loa/DS01",
		"/releases": "/releases", "/enrol": "/enrol", "/enrol/{id}": "/enrol/<batch>", "/enrol/{id}/live": aPart, "/enrol/{id}/slips.pdf": aFile, "/enrol/{id}/slips.xlsx": aFile,
		"/faults": "/faults", "/faults/new": "/faults/new", "/faults/{id}": "/faults/<fault>", "/faults/month": "/faults/month", "/faults/month.pdf": aFile, "/faults/rows.xlsx": aFile,
		"/settings": "/settings", "/settings/{hash}": "/settings/<setting>", "/settings/{hash}/live": aPart,
		"/unheard": "/unheard", "/unheard/rows.xlsx": aFile, "/unheard/list.pdf": aFile, "/expiry": "/expiry",
		"/places": "/places", "/places/zone": "/places/zone",
		"/import/{register}": "/import/poles", "/import/{register}/form.xlsx": aFile, "/import/{register}/rows.xlsx": aFile,
		"/import/{register}/{id}": "/import/poles/<import>", "/import/{register}/{id}/wrong.xlsx": aFile,

		"/offline": "/offline", "/manifest.webmanifest": aScript, "/sw.js": aScript, "/static/{file}": aFile, "/events": aScript,
		"/device/v1/enrol/{device}": aMachine, "/device/v1/trust/{path...}": aMachine, "/device/v1/doors": aMachine, "/device/v1/beacon/{path...}": aMachine,
		"/device/v1/doc/{hash}": aMachine, "/device/v1/media/{hash}": aMachine, "/device/v1/program/{hash}": aMachine, "/device/v1/placement/{device}": aMachine,
		"/device/v1/root/{fingerprint}": aMachine,
	}
}

// more are pages as they look in another state, or with something chosen.
func more() []string {
	return []string{"/bulletins/<played>", "/bulletins/<draft>", "/library?role=tune", "/import/hamlets", "/import/people", "/poles/DS02", "/faults/new?pole=DS02",
		"/log?pole=DS01", "/unheard?bulletin=<played>", "/settings?state=contact", "/people/<other>", "/alarm?exercise=1"}
}

// TestEveryPageSeen holds faces to the tables of routes: none is missing, none is
// gone, and each address leads to the route it stands for.
func TestEveryPageSeen(t *testing.T) {
	t.Parallel()
	all, mux := faces(), http.NewServeMux()
	routes := regexp.MustCompile(`"GET (/[^"]*)"`)
	found := map[string]bool{}
	if err := filepath.WalkDir("../web", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range routes.FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = true
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(found) < 80 {
		t.Fatalf("only %d routes found in ../web", len(found))
	}
	for route := range found {
		mux.HandleFunc("GET "+route, func(http.ResponseWriter, *http.Request) {})
		if all[route] == "" {
			t.Errorf("TestPages does not know GET %s: add where a person opens it, or why nobody does", route)
		}
	}
	for route, at := range all {
		if !found[route] {
			t.Errorf("there is no GET %s any more", route)
			continue
		}
		if !strings.HasPrefix(at, "/") {
			continue
		}
		to, err := url.Parse(strings.NewReplacer("<line>", "box/1", "<", "", ">", "").Replace(at))
		if err != nil {
			t.Fatal(err)
		}
		if _, got := mux.Handler(&http.Request{Method: http.MethodGet, Host: "x", URL: to}); got != "GET "+route {
			t.Errorf("%s leads to %s, not to %s", at, got, route)
		}
	}
}

// pages are the addresses of all faces and more, with what furnish made.
func pages(made map[string]string) (all []string) {
	for _, at := range faces() {
		if strings.HasPrefix(at, "/") {
			all = append(all, at)
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(append(all, more()...), func(at string) bool { return unknown(at, made) })
}

// unknown says of an address that it names what nobody made.
func unknown(at string, made map[string]string) bool { return strings.Contains(filled(at, made), "<") }

// filled is an address with the names of what was made put in.
func filled(at string, made map[string]string) string {
	for name, id := range made {
		at = strings.ReplaceAll(at, "<"+name+">", id)
	}
	return at
}

// mine are the pages that an officer may open.
func mine(all []string, who *e2e.Officer, made map[string]string) (some []string) {
	for _, page := range all {
		if status, _ := who.Get(filled(page, made)); status == http.StatusOK {
			some = append(some, page)
		}
	}
	return some
}

// TestPages opens every page in a real Chromium as a phone of 360×740 and as a
// desktop, and lets axe-core look for what keeps people out (WCAG 2.2 A and AA):
// nothing serious may be found, nothing may be wider than the screen, nothing to
// press may be smaller than 44 pixels on the phone, no key of a text may show, and
// the browser may complain of nothing. With LOA_PICTURES set to a folder it
// leaves a picture of each there.
func TestPages(t *testing.T) {
	if os.Getenv("LOA_LONG") == "" {
		t.Skip("needs Chromium: make test-long")
	}
	town, made := furnished(t)
	chromium := openChromium(t)
	author, leader := visit(chromium, t, town, town.Author), visit(chromium, t, town, town.Leader)
	nobody := stranger(chromium, t, town, &e2e.Officer{Login: "nobody"})
	nobody.open("/recover")
	nobody.run(chromedp.SetValue("form[action='/recover'] input[name=login]", town.Author.Login, chromedp.ByQuery))
	nobody.tap("form[action='/recover'] button")
	nobody.at("/recover/wait")

	all := pages(made)
	hers, his := mine(all, town.Author, made), mine(all, town.Leader, made)
	public := []string{"/sign-in", "/sign-in/link/<link>", "/recover", "/recover/wait", "/s/<share>", "/form/<form>", "/form/<form>/power", "/loa/DS01", "/offline"}
	for _, page := range all {
		if !slices.Contains(hers, page) && !slices.Contains(his, page) && !slices.Contains(public, page) {
			t.Errorf("nobody may open %s", page)
		}
	}
	open := func(page string) bool { return slices.Contains(public, page) }
	hers = slices.DeleteFunc(hers, open)
	his = slices.DeleteFunc(his, func(page string) bool {
		return open(page) || slices.Contains(hers, page) && page != "/" && page != "/bulletins/<waiting>" && page != "/recoveries"
	})
	for _, s := range screens() {
		nobody.looks(s, made, public, true)
		author.looks(s, made, hers, true)
		leader.looks(s, made, his, true)
	}
}

// furnished is a town in which every kind of page has something to show.
func furnished(t *testing.T) (town *e2e.Town, made map[string]string) {
	t.Helper()
	town, id := townWithNotice(t)
	author, leader, flow := town.Author, town.Leader.At(town.Servers[0]), town.Flow()
	made = map[string]string{"waiting": id, "box": town.Box(0).ID, "link": town.Author.Link(), "person": author.ID, "other": leader.ID}
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	post := func(to string, form url.Values) string {
		t.Helper()
		status, led := author.Post(to, form)
		if status != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", to, status, led)
		}
		return led[strings.LastIndex(led, "/")+1:]
	}
	made["fault"] = post("/faults", url.Values{"pole": {"DS01"}, "cause": {"horn"}, "said": {"Một củ rè, nghe không rõ"}})
	made["batch"] = post("/enrol?path="+string(e2e.Commune), url.Values{"pole": {"DS01", "DS02"}, "days": {"7"}})
	post("/words", url.Values{"at": {string(e2e.Commune)}, "written": {"NVH"}, "spoken": {"nhà văn hóa"}})

	made["alarm"] = alarmDrafted(t, town)

	played, err := author.Write("Lịch cắt điện", "Sáng mai thôn 1 cắt điện từ 8 giờ.")
	must("write", err)
	must("approve", leader.Approve(played))
	must("play", leader.PlayNow(played))
	made["played"] = played
	_, err = flow.KeepTemplate(t.Context(), author.Actor(), played, "Cắt điện")
	must("template", err)
	made["share"], err = flow.Share(t.Context(), author.Actor(), played)
	must("share", err)
	made["draft"], err = author.Compose(url.Values{"title": {"Tiêm phòng"}, "text": {"Tiêm phòng dại cho chó, mèo tại nhà văn hóa."}, "do": {"save"}})
	must("draft", err)
	_, err = author.Compose(url.Values{"role": {string(wire.TestSound)}, "title": {"Phát thử"}, "text": {"Loa phát thử."}})
	must("test sound", err)

	forms := &form.Register{DB: town.DB, Blobs: flow.Blobs, Bulletins: flow}
	link := form.Link{Path: e2e.Commune, Sender: "Điện lực Lam Xuyên 2", Kinds: []string{"power"}, Expires: time.Now().AddDate(0, 1, 0).UnixMilli()}
	_, made["form"], err = forms.NewLink(t.Context(), author.Actor(), link)
	must("link of a form", err)
	day := time.Now().In(loa.Zone()).AddDate(0, 0, 2).Format(time.DateOnly)
	sent, err := forms.Send(t.Context(), form.Source{Secret: made["form"]}, "power", map[string]string{"area": "thôn 1", "begins": day + "T07:30", "ends": day + "T16:00", "why": "thay máy biến áp", "phone": "0250.3.999.000"}, nil)
	must("form", err)
	made["sent"] = sent.ID

	boxes := town.Register()
	payload, err := boxes.DraftSetting(t.Context(), author.Actor(), e2e.Commune, []string{"DS01", "DS02"}, wire.Setting{Logs: 50})
	must("draft a setting", err)
	made["setting"], err = boxes.SetBoxes(t.Context(), author.Actor(), payload, author.Yes(payload))
	must("set boxes", err)

	_, table := author.Get("/import/poles/rows.xlsx?path=" + string(e2e.Commune))
	status, led := author.PostFile("/import/poles?path="+string(e2e.Commune), nil, "cum-loa.xlsx", []byte(table))
	if status != http.StatusSeeOther {
		t.Fatalf("import: %d %s", status, led)
	}
	made["import"] = led[strings.LastIndex(led, "/")+1:]

	_, page := leader.Get("/people/" + author.ID)
	if m := regexp.MustCompile(`/posts/([0-9a-z]{26})`).FindStringSubmatch(page); m != nil {
		made["post"] = m[1]
	}
	town.Eventually("the notice in the log of both", 60*time.Second, func() bool { return len(town.Log(played)) == 2 })
	line := town.Log(played)[0]
	made["line"] = fmt.Sprintf("%s/%d", line.Box, line.N)
	town.Eventually("the log of a box", 30*time.Second, func() bool {
		status, _ := author.Get("/speakers/" + made["box"] + "/log")
		return status == http.StatusOK
	})
	return town, made
}

// TestOldChrome opens the same pages in Chrome 109, the last for Windows 7: many
// a commune's office still has it. The script must run without a complaint, the
// preview of the spoken text must work, and a notice must reach its approver.
func TestOldChrome(t *testing.T) {
	if os.Getenv("LOA_LONG") == "" {
		t.Skip("needs Chrome 109: make test-long")
	}
	out, err := exec.CommandContext(t.Context(), "../scripts/chrome109").Output()
	if err != nil {
		t.Fatalf("scripts/chrome109: %v", err)
	}
	town, id := townWithNotice(t)
	made := map[string]string{"waiting": id, "box": town.Box(0).ID, "person": town.Author.ID}
	author := visit(startChromium(t, strings.TrimSpace(string(out))), t, town, town.Author)
	author.looks(screen{"chrome109", 1280, 800, false}, made, mine(pages(made), town.Author, made), false)
	author.everyday("Kính mời bà con họp lúc 19h30 tại nhà văn hóa.")
}

// townWithNotice is a town with one notice waiting for approval.
func townWithNotice(t *testing.T) (town *e2e.Town, id string) {
	t.Helper()
	town = e2e.Start(t, e2e.Options{Agents: 2, Local: true, Station: true})
	town.Author.At(town.Servers[0])
	id, err := town.Author.Write("Họp thôn tối nay", notice)
	if err != nil {
		t.Fatal(err)
	}
	return town, id
}

// looks opens pages one after the other on a screen of this size.
func (v *visitor) looks(s screen, made map[string]string, pages []string, withAxe bool) {
	v.Helper()
	v.sized(s)
	for _, page := range pages {
		path := filled(page, made)
		v.open(path)
		v.sees(path+" whole", "document.readyState == 'complete'")
		v.fits(path)
		v.speaks(path)
		v.picture(s.name, v.Login+page)
		if s.mobile {
			v.thumbs(path)
		}
		if withAxe {
			v.accessible(s.name + " " + page)
		}
	}
}

// thumbs checks that what is pressed is large enough for one: 44 pixels, but for a
// link within a sentence.
func (v *visitor) thumbs(path string) {
	v.Helper()
	var small []string
	v.run(chromedp.Evaluate(`[...document.querySelectorAll("button, input:not([type=hidden]), select, textarea, summary, nav a, a.button, .list a, .strip a")].filter((e) => {
		if (e.matches(".unseen")) return false;
		const at = e.closest("label") || e, box = at.getBoundingClientRect();
		return e.checkVisibility() && box.width > 0 && (box.height < 43.5 || box.width < 43.5);
	}).map((e) => e.outerHTML.slice(0, 120))`, &small))
	for _, e := range small {
		v.Errorf("%s: too small for a thumb: %s", path, e)
	}
}

// speaks checks that no key of a text, nothing a program left out and no id shows
// where words belong.
func (v *visitor) speaks(path string) {
	v.Helper()
	var text string
	v.run(chromedp.Evaluate("document.body.innerText", &text))
	for _, raw := range rawText().FindAllString(text, -1) {
		v.Errorf("%s shows %q", path, raw)
	}
}

// rawText is what only a program says: a key, a path of a place, Go's word for a
// value that is missing.
func rawText() *regexp.Regexp {
	return regexp.MustCompile(`\b[a-z]+_?[a-z]+\.[a-z]+_[a-z_]+\b|\bvn/\d\d[/\w-]*|%!\w?\([^)]*\)?|<nil>|\bundefined\b|\[object `)
}

// sized makes the browser a screen of this size.
func (v *visitor) sized(s screen) {
	v.Helper()
	v.run(chromedp.ActionFunc(func(ctx context.Context) error {
		return emulation.SetDeviceMetricsOverride(s.width, s.height, 1, s.mobile).Do(ctx)
	}))
}

// fits checks that the page is not wider than the screen.
func (v *visitor) fits(path string) {
	v.Helper()
	var over int
	v.run(chromedp.Evaluate("document.documentElement.scrollWidth - innerWidth", &over))
	if over > 0 {
		v.Errorf("%s is %d pixels wider than %s's screen", path, over, v.Login)
	}
}

// picture leaves a picture of the whole page in the folder LOA_PICTURES.
func (v *visitor) picture(screen, page string) {
	v.Helper()
	dir := os.Getenv("LOA_PICTURES")
	if dir == "" {
		return
	}
	var png []byte
	v.run(chromedp.FullScreenshot(&png, 90))
	name := strings.Trim(strings.NewReplacer("/", "-", "<", "", ">", "", "?", "-", "=", "-").Replace(page), "-")
	if err := os.WriteFile(filepath.Join(dir, screen+"-"+name+".png"), png, 0o600); err != nil {
		v.Fatal(err)
	}
}

// violation is what axe-core found, as far as a person needs it.
type violation struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// accessible lets axe-core look at the page as it stands.
func (v *visitor) accessible(what string) {
	v.Helper()
	var found string
	v.run(chromedp.Evaluate(axe+";0", nil), chromedp.Evaluate(
		`axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }).then((r) => JSON.stringify(r.violations))`,
		&found, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	var all []violation
	if err := json.Unmarshal([]byte(found), &all); err != nil {
		v.Fatal(err)
	}
	for _, x := range all {
		var where strings.Builder
		for _, n := range x.Nodes {
			fmt.Fprintf(&where, "\n\t%s\n\t\t%s", n.HTML, strings.ReplaceAll(n.Summary, "\n", " "))
		}
		if x.Impact == "serious" || x.Impact == "critical" {
			v.Errorf("%s: %s (%s): %s%s", what, x.ID, x.Impact, x.Help, where.String())
		} else {
			v.Logf("%s: %s (%s): %s%s", what, x.ID, x.Impact, x.Help, where.String())
		}
	}
}
