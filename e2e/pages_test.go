package e2e_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"loa/e2e"
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

// pages are all pages of the desk that stand in its table of routes and need no
// id, and some that do: %s is a bulletin that waits for approval.
func pages(t *testing.T) []string {
	t.Helper()
	table, err := os.ReadFile("../web/desk/routes.go")
	if err != nil {
		t.Fatal(err)
	}
	all := []string{"/", "/bulletins/%s", "/poles/DS01", "/poles/DS01/edit", "/import/poles"}
	for _, m := range regexp.MustCompile(`Pattern: "GET (/[^"{]+)"`).FindAllStringSubmatch(string(table), -1) {
		part := strings.HasSuffix(m[1], "/live") || strings.Contains(m[1], ".") || slices.Contains([]string{"/sign-in", "/sign-in/province", "/sign-in/province/callback", "/recover/wait"}, m[1])
		if !part {
			all = append(all, m[1])
		}
	}
	return all
}

// mine are the pages that an officer may open.
func mine(all []string, who *e2e.Officer, id string) (some []string) {
	for _, page := range all {
		if status, _ := who.Get(strings.ReplaceAll(page, "%s", id)); status == 200 {
			some = append(some, page)
		}
	}
	return some
}

// TestPages opens every page in a real Chromium as a phone of 360×740 and as a
// desktop, and lets axe-core look for what keeps people out (WCAG 2.2 A and AA):
// nothing serious may be found, nothing may be wider than the screen, and
// the browser may complain of nothing. With LOA_PICTURES set to a folder it
// leaves a picture of each there.
func TestPages(t *testing.T) {
	if os.Getenv("LOA_LONG") == "" {
		t.Skip("needs Chromium: make test-long")
	}
	town, id := townWithNotice(t)
	chromium := openChromium(t)
	author, leader := visit(chromium, t, town, town.Author), visit(chromium, t, town, town.Leader)
	all := append(pages(t), fleetPages(t, town)...)
	town.Leader.At(town.Servers[0])
	hers, his := mine(all, town.Author, id), mine(all, town.Leader, id)
	for _, page := range all {
		if !slices.Contains(hers, page) && !slices.Contains(his, page) {
			t.Errorf("nobody may open %s", page)
		}
	}
	his = slices.DeleteFunc(his, func(page string) bool { return slices.Contains(hers, page) && page != "/" && page != "/bulletins/%s" })
	for _, s := range screens() {
		author.looks(s, id, hers, true)
		leader.looks(s, id, his, true)
	}
}

// fleetPages are a fault and a batch of codes, as they look when there is one.
func fleetPages(t *testing.T, town *e2e.Town) (all []string) {
	t.Helper()
	for _, form := range []struct {
		to   string
		form url.Values
	}{
		{"/faults", url.Values{"pole": {"DS01"}, "cause": {"horn"}, "said": {"Một củ rè, nghe không rõ"}}},
		{"/enrol?path=" + string(e2e.Commune), url.Values{"pole": {"DS01", "DS02"}, "days": {"7"}}},
	} {
		status, to := town.Author.Post(form.to, form.form)
		if status != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", form.to, status, to)
		}
		all = append(all, to)
	}
	return all
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
	author := visit(startChromium(t, strings.TrimSpace(string(out))), t, town, town.Author)
	author.looks(screen{"chrome109", 1280, 800, false}, id, mine(pages(t), town.Author, id), false)
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
func (v *visitor) looks(s screen, id string, pages []string, withAxe bool) {
	v.Helper()
	v.sized(s)
	for _, page := range pages {
		path := strings.ReplaceAll(page, "%s", id)
		v.open(path)
		v.sees(path+" whole", "document.readyState == 'complete'")
		v.fits(path)
		v.picture(s.name, v.Login+page)
		if withAxe {
			v.accessible(s.name + " " + path)
		}
	}
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
	name := strings.Trim(strings.NewReplacer("/", "-", "%s", "one", "?", "-", "=", "-").Replace(page), "-")
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
