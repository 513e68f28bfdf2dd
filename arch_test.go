package loa_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// house is the law: who may import whom, who may touch the outside, who may
// start work of its own. Lists are words with spaces between; a word that ends
// in "/..." means the package and everything below it.
type house struct {
	rooms map[string]string // a package to those of ours it may import; "." is the root, "*" is any
	kept  []keep            // imports from outside that only some packages may make
	tests string            // packages for tests alone: any test file may import them, and theirs count as such
	mayGo string            // packages that may start goroutines
	clock string            // packages that may read the machine's clock
}

// keep is an import from outside and the packages it is kept to. Where no
// package may have it, tests may not either.
type keep struct{ imports, to, because string }

// law is this program's law. To change a row, write a decision first
// (docs/decisions/0001-nouns-not-layers.md says why the rows are as they are).
// A room is added together with its package: a row without one fails.
var law = house{
	rooms: map[string]string{
		".": "",
		// what node and speaker share
		"seal": ".",
		"wire": ". seal",
		// the process that alone opens authority keys
		"signer":         ". seal wire",
		"signer/softkey": ". signer wire", // for tests and the demonstration
		// the spine
		"lang":      ".",
		"db":        ".",
		"db/dbtest": ". db",
		"journal":   ". db",
		"bus":       ".",
		"bus/natsd": ".",
		"door":      ". bus bus/natsd seal wire",
		// the registers
		"calendar":          ". db journal lang unit",
		"sheet":             ". db journal lang", // any of them as a table, out and in
		"unit":              ". db journal lang sheet",
		"unit/national/gen": "",
		"office":            ". db journal lang unit",
		"people":            ". db journal lang office sheet unit",
		"speaker":           ". db journal lang seal sheet unit wire",
		// sound
		"voice":           ".",
		"voice/voicetest": "",
		"lexicon":         ". db journal lang unit voice",
		"sound":           ". sandbox wire",
		"sandbox":         ".",
		"upload":          ". db document journal sandbox sound wire",
		"document":        ". sandbox",
		// the outward line
		"bulletin": ". calendar db journal lang office seal sound speaker unit voice wire",
		"edge":     ". seal wire",
		// outside bodies
		"form": ". bulletin db journal lang unit voice wire",
		// the repair book
		"upkeep": ". db journal speaker wire",
		// faces
		"paper":        ". lang",
		"web":          ". lang people",
		"web/province": ". people",
		"web/desk":     ". bulletin calendar form journal lang lexicon office paper people sheet sound speaker unit upkeep upload voice web web/province wire",
		"web/api":      ". bulletin seal speaker web wire",
		// put together
		"node": ". bulletin bus bus/natsd calendar db document door form journal lang office people seal sheet signer sound speaker unit" +
			" lexicon upkeep upload voice web web/api web/desk web/province wire",
		"cmd/loa":         ". bulletin db door edge form journal lang lexicon node office people sandbox seal signer signer/softkey sound speaker unit voice wire",
		"cmd/loa-speaker": ". edge",
		"e2e":             "*",
		"e2e/link":        "*",
		"e2e/storm":       "*",
		"e2e/cut":         "",
	},
	kept: []keep{
		{"database/sql/...", "db", "SQL goes through loa/db, which alone knows what database runs"},
		{"github.com/jackc/pgx/...", "db", "drivers live in loa/db"},
		{"modernc.org/sqlite/...", "db", "drivers live in loa/db"},
		{"github.com/pressly/goose/...", "db", "migrations run under the lock of loa/db"},
		{"github.com/nats-io/nats-server/...", "bus/natsd door", "a speaker or a rule must not link a server"},
		{"github.com/nats-io/nats.go/...", "bus", "processes speak to each other through loa/bus"},
		{"net/http/...", "web/... node voice edge cmd/...", "rules do not know HTTP, and the signer least of all"},
		{"github.com/xuri/excelize/...", "sheet", "tables of registers are read and written in one place, which bounds them"},
		{"github.com/hanwen/go-fuse/...", "e2e/cut", "a disk whose power is cut is for tests (docs/decisions/0037-a-disk-whose-power-is-cut.md)"},
		{"os/exec", "voice sandbox edge node cmd/...", "only speech, sound and the parts that put things together start programs"},
		{"C", "", "the program is built without a C compiler"},
		{"log", "", "log with log/slog"},
		{"math/rand", "", "take math/rand/v2, or crypto/rand for anything an attacker could guess"},
		{"github.com/pkg/errors", "", "the standard errors are enough"},
		{"github.com/stretchr/testify/...", "", "tests use testing and go-cmp"},
	},
	tests: "db/dbtest e2e e2e/cut e2e/link e2e/storm signer/softkey voice/voicetest",
	mayGo: "bus bus/natsd db door edge node web signer cmd/...", // db watches the connection that holds a lock
	clock: "cmd/...",
}

// TestLaw holds the whole tree to the law.
func TestLaw(t *testing.T) {
	for _, s := range law.breaches(t, os.DirFS(".")) {
		t.Error(s)
	}
}

// TestLawSpeaks breaks each rule once on a small invented tree and reads the
// sentence, so that TestLaw cannot pass because it stopped looking.
func TestLawSpeaks(t *testing.T) {
	small := house{
		rooms: map[string]string{".": "", "db": ".", "db/dbtest": ". db", "poem": ". db", "cmd/x": ". poem"},
		kept: []keep{
			{"net/http/...", "cmd/...", "poems know no HTTP"},
			{"log", "", "log with log/slog"},
		},
		tests: "db/dbtest",
		mayGo: "cmd/...",
		clock: "cmd/...",
	}
	lawful := map[string]string{
		"go.mod":   "module loa\n",
		"loa.go":   "package loa",
		"clock.go": "package loa\nimport \"time\"\nfunc Now() time.Time { return time.Now() }",
		"db/db.go": "package db\nimport _ \"loa\"\nimport _ \"log/slog\"",
		"poem/poem.go": "package poem\nimport (\n_ \"embed\"\n\"errors\"\n_ \"loa/db\"\n)\n" +
			"var ErrNone = errors.New(\"none\")\n//go:embed a.txt\nvar text string\n" +
			"var feet = map[string]int{\"iamb\": 2}\nvar _ error = ErrNone",
		"db/dbtest/open.go":    "package dbtest\nimport _ \"loa/db\"\nimport \"time\"\nvar started = time.Now()",
		"poem/poem_test.go":    "package poem_test\nimport (\n_ \"loa/db/dbtest\"\n_ \"loa/poem\"\n_ \"net/http\"\n)\nvar seen int\nfunc init() {}",
		"poem/testdata/bad.go": "package bad\nimport _ \"loa/nowhere\"",
		"cmd/x/main.go":        "package main\nimport _ \"net/http\"\nfunc main() { go main() }",
	}
	for _, c := range []struct{ name, file, text, want string }{
		{"nothing is wrong", "", "", ""},
		{"an import upwards", "db/up.go", "package db\nimport _ \"loa/poem\"",
			`db/up.go imports loa/poem, and the law gives db only ".": let db declare the interface it needs, or write docs/decisions/0001-db-imports-poem.md and change the row in arch_test.go`},
		{"an import upwards in a test", "db/up_test.go", "package db_test\nimport _ \"loa/poem\"",
			`db/up_test.go imports loa/poem, and the law gives db only ".": let db declare the interface it needs, or write docs/decisions/0001-db-imports-poem.md and change the row in arch_test.go`},
		{"a package nobody decided", "song/song.go", "package song",
			`song is not in the law: write docs/decisions/0001-song.md and add its row in arch_test.go`},
		{"an import for tests alone", "poem/open.go", "package poem\nimport _ \"loa/db/dbtest\"",
			`poem/open.go imports loa/db/dbtest, and the law gives poem only ". db": let poem declare the interface it needs, or write docs/decisions/0001-poem-imports-db-dbtest.md and change the row in arch_test.go`},
		{"an import kept to others", "poem/web.go", "package poem\nimport _ \"net/http/httputil\"",
			`poem/web.go imports net/http/httputil, which is kept to cmd/...: poems know no HTTP; to change that, write docs/decisions/0001-poem-imports-net-http-httputil.md and change the row in arch_test.go`},
		{"an import nobody may make", "poem/log_test.go", "package poem\nimport _ \"log\"",
			`poem/log_test.go imports log, which no package may: log with log/slog; to change that, write docs/decisions/0001-poem-imports-log.md and change the row in arch_test.go`},
		{"an init", "poem/init.go", "package poem\nfunc init() {}",
			`poem/init.go has a func init: nothing happens before main; do it in New or Open`},
		{"a variable", "poem/var.go", "package poem\nvar count = 1",
			`poem/var.go has the package variable count: make it a field, a const or a function; only errors, embedded files, patterns, replacers, interface checks and unexported tables may stand there`},
		{"a variable without a value", "poem/var.go", "package poem\nvar count int",
			`poem/var.go has the package variable count: make it a field, a const or a function; only errors, embedded files, patterns, replacers, interface checks and unexported tables may stand there`},
		{"an exported table", "poem/var.go", "package poem\nvar Feet2 = []int{1}",
			`poem/var.go has the package variable Feet2: make it a field, a const or a function; only errors, embedded files, patterns, replacers, interface checks and unexported tables may stand there`},
		{"a table that changes", "poem/put.go", "package poem\nfunc put() { feet[\"anapaest\"] = 3 }",
			`poem/put.go changes the table feet: a table is read only; keep what changes in a field (or give the local variable that hides it another name)`},
		{"a table that shrinks", "poem/put.go", "package poem\nfunc cut() { delete(feet, \"iamb\") }",
			`poem/put.go changes the table feet: a table is read only; keep what changes in a field (or give the local variable that hides it another name)`},
		{"a goroutine", "poem/go.go", "package poem\nfunc f() { go f() }",
			`poem/go.go starts a goroutine, and only cmd/... may: return, and let the caller decide what runs beside what`},
		{"a goroutine in a group", "poem/go.go", "package poem\nimport \"sync\"\nfunc f() { var wg sync.WaitGroup; wg.Go(f) }",
			`poem/go.go starts a goroutine, and only cmd/... may: return, and let the caller decide what runs beside what`},
		{"the machine's clock", "poem/now.go", "package poem\nimport \"time\"\nfunc f() { time.Sleep(1) }",
			`poem/now.go calls time.Sleep: take a loa.Clock, so that a test can turn it`},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := fstest.MapFS{}
			for name, text := range lawful {
				tree[name] = &fstest.MapFile{Data: []byte(text)}
			}
			if c.file != "" {
				tree[c.file] = &fstest.MapFile{Data: []byte(c.text)}
			}
			if diff := cmp.Diff(c.want, strings.Join(small.breaches(t, tree), "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("a row without a package", func(t *testing.T) {
		tree := fstest.MapFS{"loa.go": {Data: []byte("package loa")}}
		h := house{rooms: map[string]string{".": "", "gone": ". lost"}}
		want := []string{
			`the law names gone, but there is no such package: delete its row in arch_test.go`,
			`the law lets gone import lost, which has no row in arch_test.go`,
		}
		if diff := cmp.Diff(want, h.breaches(t, tree)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestDecisions holds the papers the law points to: numbered without a gap, and
// each with its four parts.
func TestDecisions(t *testing.T) {
	names, err := fs.Glob(os.DirFS("docs/decisions"), "*.md")
	if err != nil || len(names) == 0 {
		t.Fatalf("docs/decisions has no decision: %v", err)
	}
	for i, name := range names {
		if want := fmt.Sprintf("%04d-", i+1); !strings.HasPrefix(name, want) {
			t.Errorf("docs/decisions/%s: the next decision begins with %s", name, want)
		}
		text, err := os.ReadFile("docs/decisions/" + name)
		if err != nil {
			t.Fatal(err)
		}
		parts := []string{"# " + name[:4] + ". ", "\n## Context\n", "\n## Decision\n", "\n## Consequences\n", "\n## Undo when\n"}
		for at, rest := 0, string(text); at < len(parts); at++ {
			_, after, found := strings.Cut(rest, parts[at])
			if !found {
				t.Errorf("docs/decisions/%s: %q is missing or out of order", name, strings.TrimSpace(parts[at]))
				break
			}
			rest = after
		}
	}
}

// source is one parsed file of a package.
type source struct {
	name string // path from the root
	test bool
	tree *ast.File
}

// breaches reads every Go file of the tree and says, one sentence each, where
// it breaks the law.
func (h house) breaches(t *testing.T, tree fs.FS) []string {
	t.Helper()
	packages := h.read(t, tree)
	decided, err := fs.Glob(tree, "docs/decisions/*.md")
	if err != nil {
		t.Fatal(err)
	}
	paper := func(words ...string) string {
		slug := strings.NewReplacer("/", "-", ".", "-").Replace(strings.Join(words, "-"))
		return fmt.Sprintf("docs/decisions/%04d-%s.md", len(decided)+1, slug)
	}

	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for dir, row := range sorted(h.rooms) {
		if _, ok := packages[dir]; !ok {
			say("the law names %s, but there is no such package: delete its row in arch_test.go", dir)
		}
		for word := range strings.FieldsSeq(row) {
			if _, ok := h.rooms[word]; !ok && word != "*" {
				say("the law lets %s import %s, which has no row in arch_test.go", dir, word)
			}
		}
	}
	for dir, files := range sorted(packages) {
		row, ok := h.rooms[dir]
		if !ok {
			say("%s is not in the law: write %s and add its row in arch_test.go", dir, paper(dir))
			continue
		}
		tables := map[string]bool{}
		for _, f := range files {
			for _, spec := range f.tree.Imports {
				p, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				if to, ours := room(p); ours {
					if among(row, to) || f.test && (to == dir || to == "." || among(h.tests, to)) {
						continue
					}
					say("%s imports %s, and the law gives %s only %q: let %s declare the interface it needs, or write %s and change the row in arch_test.go",
						f.name, p, dir, row, dir, paper(dir, "imports", to))
					continue
				}
				for _, k := range h.kept {
					switch {
					case !under(k.imports, p) || among(k.to, dir) || f.test && k.to != "":
					case k.to == "":
						say("%s imports %s, which no package may: %s; to change that, write %s and change the row in arch_test.go",
							f.name, p, k.because, paper(dir, "imports", p))
					default:
						say("%s imports %s, which is kept to %s: %s; to change that, write %s and change the row in arch_test.go",
							f.name, p, k.to, k.because, paper(dir, "imports", p))
					}
				}
			}
			if f.test {
				continue
			}
			for _, d := range f.tree.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					say("%s has a func init: nothing happens before main; do it in New or Open", f.name)
				}
				for name, table := range sorted(variables(d)) {
					if table && !ast.IsExported(name) {
						tables[name] = true
						continue
					}
					say("%s has the package variable %s: make it a field, a const or a function; only errors, embedded files, patterns, replacers, interface checks and unexported tables may stand there",
						f.name, name)
				}
			}
		}
		for _, f := range files {
			if f.test {
				continue
			}
			if !among(h.mayGo, dir) && spawns(f.tree) {
				say("%s starts a goroutine, and only %s may: return, and let the caller decide what runs beside what", f.name, h.mayGo)
			}
			if !among(h.clock, dir) && f.name != "clock.go" {
				for _, call := range clockCalls(f.tree) {
					say("%s calls %s: take a loa.Clock, so that a test can turn it", f.name, call)
				}
			}
			for _, name := range changes(f.tree, tables) {
				say("%s changes the table %s: a table is read only; keep what changes in a field (or give the local variable that hides it another name)", f.name, name)
			}
		}
	}
	return all
}

// read parses every Go file of this module, package by package, whatever its
// build tags: the law holds for every platform.
func (h house) read(t *testing.T, tree fs.FS) map[string][]source {
	t.Helper()
	packages := map[string][]source{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() {
			if name == "." {
				return nil
			}
			if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" {
				return fs.SkipDir
			}
			if _, err := fs.Stat(tree, name+"/go.mod"); err == nil {
				return fs.SkipDir // another module
			}
			return nil
		}
		if path.Ext(base) != ".go" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		packages[dir] = append(packages[dir], source{name, strings.HasSuffix(base, "_test.go") || among(h.tests, dir), f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

// room is the row an import path belongs to, and whether it is ours.
func room(p string) (string, bool) {
	if p == "loa" {
		return ".", true
	}
	return strings.CutPrefix(p, "loa/")
}

// under reports whether p is what the pattern names.
func under(pattern, p string) bool {
	if above, ok := strings.CutSuffix(pattern, "/..."); ok {
		return p == above || strings.HasPrefix(p, above+"/")
	}
	return p == pattern || pattern == "*"
}

// among reports whether one of the words names p.
func among(words, p string) bool {
	return slices.ContainsFunc(strings.Fields(words), func(w string) bool { return under(w, p) })
}

// variables are the package variables of a declaration that need asking
// about, each with whether it is a table (a map, slice or array written out).
// Errors, patterns, replacers, embedded files and "var _ I = T{}" are no
// variables in all but name: nothing can be put into them.
func variables(d ast.Decl) map[string]bool {
	found := map[string]bool{}
	gen, ok := d.(*ast.GenDecl)
	if !ok || gen.Tok != token.VAR {
		return found
	}
	for _, s := range gen.Specs {
		spec := s.(*ast.ValueSpec)
		if embeds(gen.Doc) || embeds(spec.Doc) {
			continue
		}
		for i, name := range spec.Names {
			if name.Name == "_" {
				continue
			}
			var value ast.Expr
			if i < len(spec.Values) {
				value = spec.Values[i]
			}
			switch v := value.(type) {
			case *ast.CallExpr:
				if among("errors.New loa.Errorf regexp.MustCompile strings.NewReplacer", selector(v.Fun)) {
					continue
				}
				found[name.Name] = false
			case *ast.CompositeLit:
				switch v.Type.(type) {
				case *ast.MapType, *ast.ArrayType:
					found[name.Name] = true
				default:
					found[name.Name] = false
				}
			default:
				found[name.Name] = false
			}
		}
	}
	return found
}

func embeds(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
		return strings.HasPrefix(c.Text, "//go:embed ")
	})
}

// selector is "a.b" for the expression a.b, "" for any other.
func selector(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if x, ok := s.X.(*ast.Ident); ok {
			return x.Name + "." + s.Sel.Name
		}
	}
	return ""
}

// spawns reports whether the file has a go statement or hands a function to
// the Go method of a group, which is the same thing.
func spawns(f *ast.File) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = true
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Go" {
				found = true
			}
		}
		return !found
	})
	return found
}

// clockCalls lists the uses of what package time reads from the machine.
func clockCalls(f *ast.File) []string {
	local := ""
	for _, spec := range f.Imports {
		if spec.Path.Value == `"time"` {
			local = "time"
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	if local == "" {
		return nil
	}
	var found []string
	ast.Inspect(f, func(n ast.Node) bool {
		e, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		name, ok := strings.CutPrefix(selector(e), local+".")
		if ok && among("Now Since Until Sleep Tick After AfterFunc NewTimer NewTicker", name) {
			found = append(found, "time."+name)
		}
		return true
	})
	return found
}

// changes lists the tables that the file writes to. It goes by name, so it sees
// what is written here and not what an alias does elsewhere.
func changes(f *ast.File, tables map[string]bool) []string {
	var found []string
	note := func(e ast.Expr) {
		if name := base(e); tables[name] {
			found = append(found, name)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, e := range n.Lhs {
					note(e)
				}
			}
		case *ast.IncDecStmt:
			note(n.X)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				note(n.X)
			}
		case *ast.CallExpr:
			if fn, ok := n.Fun.(*ast.Ident); ok && (fn.Name == "delete" || fn.Name == "clear") && len(n.Args) > 0 {
				note(n.Args[0])
			}
		}
		return true
	})
	return found
}

// base is the name an expression starts from: m in m[k].f.
func base(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x.Name
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return ""
		}
	}
}

// sorted yields a map in the order of its keys, so that sentences come out in
// the same order every time.
func sorted[V any](m map[string]V) func(func(string, V) bool) {
	return func(yield func(string, V) bool) {
		keys := make([]string, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
