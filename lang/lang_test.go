package lang_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/lang"
)

var update = flag.Bool("update", false, "write docs/errors.md anew")

const root = ".."

// used is what the tree says of keys.
type used struct {
	raised   map[string]map[string]bool // keys of loa.Errorf → the packages that raise them
	codes    map[string]string          // their code, as the constant is called
	texts    map[string]bool            // keys pages and programs ask T for
	literals map[string]bool            // every text in Go that could be a key
	prefixes []string                   // keys that are put together begin so
}

var (
	word     = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[A-Za-z0-9_]+)*$`)
	begin    = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+\.$`)
	templT   = regexp.MustCompile(`\bT "([a-z0-9_.]+)"`)
	templPut = regexp.MustCompile(`print "([a-z_.]+\.)"`)
)

// read walks every Go file that is not a test, and every template.
func read(t *testing.T) used {
	t.Helper()
	u := used{map[string]map[string]bool{}, map[string]string{}, map[string]bool{}, map[string]bool{}, []string{"word."}}
	set := token.NewFileSet()
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && name != ".") {
			return fs.SkipDir
		}
		switch {
		case strings.HasSuffix(name, ".html"):
			b, err := os.ReadFile(path.Join(root, name))
			if err != nil {
				return err
			}
			for _, m := range templT.FindAllSubmatch(b, -1) {
				u.texts[string(m[1])] = true
			}
			for _, m := range templPut.FindAllSubmatch(b, -1) {
				u.prefixes = append(u.prefixes, string(m[1]))
			}
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			file, err := parser.ParseFile(set, path.Join(root, name), nil, 0)
			if err != nil {
				return err
			}
			u.file(path.Dir(name), file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (u *used) file(dir string, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			s, ok := text(n)
			switch {
			case !ok:
			case word.MatchString(s):
				u.literals[s] = true
			case begin.MatchString(s): // "calendar.kind." + a word
				u.prefixes = append(u.prefixes, s)
			case strings.Contains(s, ".%d") && strings.HasPrefix(dir, "web"):
				u.prefixes = append(u.prefixes, s[:strings.Index(s, "%")])
			}
		case *ast.CallExpr:
			name := ""
			switch f := n.Fun.(type) {
			case *ast.SelectorExpr:
				name = f.Sel.Name
			case *ast.Ident:
				name = f.Name
			}
			switch {
			case name == "malformed" && dir == "wire" && len(n.Args) > 0: // puts its key together
				if kind, ok := text(n.Args[0]); ok {
					u.raise(kind+".malformed", dir, "Invalid")
				}
			case name == "Errorf" && len(n.Args) >= 2:
				if key, ok := text(n.Args[1]); ok {
					if code, ok := n.Args[0].(*ast.SelectorExpr); ok {
						u.raise(key, dir, code.Sel.Name)
					}
				}
			case name == "T":
				for _, a := range n.Args {
					if key, ok := text(a); ok && word.MatchString(key) && strings.Contains(key, ".") {
						u.texts[key] = true
					}
				}
			case (name == "Page" || name == "Refuse") && len(n.Args) > 4: // the title of a page
				if key, ok := text(n.Args[4]); ok {
					u.texts[key] = true
				}
			}
		case *ast.KeyValueExpr:
			if k, ok := n.Key.(*ast.Ident); ok && k.Name == "Verb" {
				if verb, ok := text(n.Value); ok {
					u.texts["verb."+verb] = true
				}
			}
		}
		return true
	})
}

func (u *used) raise(key, dir, code string) {
	if u.raised[key] == nil {
		u.raised[key] = map[string]bool{}
	}
	u.raised[key][dir] = true
	u.codes[key] = code
}

func text(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

func texts(t *testing.T, locale string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(locale + ".json")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestKeys finds keys that have no text, and texts that nobody asks for.
func TestKeys(t *testing.T) {
	u := read(t)
	vi := texts(t, "vi")
	for key := range u.texts {
		if _, ok := vi[key]; !ok {
			t.Errorf("%s is shown, but vi.json has no text for it", key)
		}
	}
	for key, dirs := range u.raised {
		if _, ok := vi[key]; !ok {
			t.Errorf("%s is raised in %s, but vi.json has no sentence for it", key, strings.Join(slices.Sorted(maps.Keys(dirs)), ", "))
		}
	}
	for key := range vi {
		begins := func(p string) bool { return strings.HasPrefix(key, p) }
		if !u.texts[key] && u.raised[key] == nil && !u.literals[key] && !slices.ContainsFunc(u.prefixes, begins) {
			t.Errorf("vi.json has a text for %s, but nobody asks for it", key)
		}
	}
}

// TestLanguages holds every language to the same keys and the same arguments.
func TestLanguages(t *testing.T) {
	vi, en := texts(t, "vi"), texts(t, "en")
	if diff := cmp.Diff(slices.Sorted(maps.Keys(vi)), slices.Sorted(maps.Keys(en))); diff != "" {
		t.Errorf("keys of vi.json (-) and en.json (+):\n%s", diff)
	}
	verb := regexp.MustCompile(`%(\[\d\])?.`)
	for key, said := range vi {
		for locale, s := range map[string]string{"vi": said, "en": en[key]} {
			if strings.TrimSpace(s) == "" {
				t.Errorf("%s: %s says nothing", locale, key)
			}
			for _, v := range verb.FindAllString(s, -1) {
				if v != "%%" && !strings.HasSuffix(v, "v") {
					t.Errorf("%s: %s uses %s; arguments are written %%v", locale, key, v)
				}
			}
		}
	}
}

// TestWords keeps words off the screen that mean something else to the people
// who read it (docs/glossary.md).
func TestWords(t *testing.T) {
	for key, said := range texts(t, "vi") {
		for _, never := range []string{"ký số", "từ chối", "công văn", "biên lai", "biên nhận", "nhịp tim", "ghi danh", "khiếu nại", "tố cáo", "kiểm toán", "người dùng", "bàn làm việc"} {
			if strings.Contains(strings.ToLower(said), never) {
				t.Errorf("%s says “%s”: %s", key, never, said)
			}
		}
	}
}

func TestError(t *testing.T) {
	c, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	wrapped := fmt.Errorf("draft bulletin: %w", loa.Errorf(loa.Conflict, "bulletin.moved", "submitted"))
	for _, x := range []struct {
		locale string
		err    error
		want   string
	}{
		{"vi", wrapped, "Việc này không còn làm được: bản tin đang ở trạng thái “chờ duyệt”."},
		{"en", wrapped, "This can no longer be done: the bulletin is now “waiting for approval”."},
		{"vi", loa.Errorf(loa.Forbidden, "right.missing", "bulletin.approve", "vn/98"), "Anh/chị chưa được giao quyền duyệt bản tin ở địa bàn này."},
		{"en", loa.Errorf(loa.Conflict, "session.none", "vn/98/98011", "2026-11-23"), "There is no such session on 2026-11-23."},
		{"en", loa.Errorf(loa.Conflict, "schedule.refused_by_policy", "policy.none"), "The policy of the place does not allow it: " + c.T("en", "policy.none")},
		{"vi", errors.New("disk I/O"), c.T("vi", "internal")},
		{"th", loa.Errorf(loa.Invalid, "scope.empty"), c.T("vi", "scope.empty")},
		{"en", loa.Errorf(loa.Invalid, "text.too_long", "4000", "5000"), c.T("en", "text.too_long", 4000, 5000)}, // across the signer's socket
	} {
		if got := c.Error(x.locale, x.err); got != x.want {
			t.Errorf("%v in %s: %q, want %q", x.err, x.locale, got, x.want)
		}
	}
	if got := c.T("vi", "nobody.wrote_this"); got != "nobody.wrote_this" {
		t.Errorf("a key without a text is %q", got)
	}
	if got := c.T("en", "ago.minutes"); got != "… min ago" {
		t.Errorf("a text without its argument is %q", got)
	}
}

// TestErrorPaper holds docs/errors.md to the tree; -update writes it.
func TestErrorPaper(t *testing.T) {
	u, vi, en := read(t), texts(t, "vi"), texts(t, "en")
	var b strings.Builder
	b.WriteString(`# Errors

Every refusal has a key. The page says the sentence; this paper has one paragraph for each key, with the kind of refusal and the
package that raises it. Written by ` + "`go test ./lang -run ErrorPaper -update`" + `, never by hand.

| kind | HTTP | what to do |
|---|---|---|
| Invalid | 422 | change what was typed and send it again |
| Forbidden | 403 | ask somebody who has the right, or sign in again |
| NotFound | 404 | look whether the address is whole |
| Conflict | 409 | open the page again: somebody, or the time, was quicker |
| Unavailable | 503 | try again in a few minutes; if it stays, tell the administrator |
| Internal | 500 | tell the administrator the request number, which is in the log |

Reasons that a speaker gives in the playback log stand here too, under "speaker".

`)
	keys := maps.Clone(u.raised)
	for key := range vi { // reasons that travel as text
		if keys[key] == nil && u.literals[key] && strings.Contains(key, ".") && !u.texts[key] {
			keys[key] = map[string]bool{}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		kind, where := u.codes[key], strings.Join(slices.Sorted(maps.Keys(keys[key])), ", ")
		if where == "" {
			kind, where = "Reason", "speaker"
		}
		fmt.Fprintf(&b, "<a id=\"%s\"></a>\n### %s\n\n%s (%s). %s\n\n*%s*\n\n", key, key, kind, where, vi[key], en[key])
	}
	file := root + "/docs/errors.md"
	if *update {
		if err := os.WriteFile(file, []byte(strings.TrimRight(b.String(), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimRight(b.String(), "\n")+"\n", string(have)); diff != "" {
		t.Errorf("docs/errors.md is behind; run go test ./lang -run ErrorPaper -update:\n%s", diff)
	}
}
