package loa_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRefusals holds docs/refusals.md to the code: each test it names exists in
// the package it names, each key has a sentence, and the sentence is the one
// that the page shows.
func TestRefusals(t *testing.T) {
	page, err := os.ReadFile("docs/refusals.md")
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := os.ReadFile("lang/vi.json")
	if err != nil {
		t.Fatal(err)
	}
	sentences := map[string]string{}
	if err := json.Unmarshal(catalogue, &sentences); err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z/]+)` (Test[A-Za-z]+)")
	key := regexp.MustCompile("`([a-z]+\\.[a-z_]+)`")
	verb := regexp.MustCompile(`%(\[\d+\])?v`)
	rows := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, " | ")
		if len(cells) != 4 || strings.HasPrefix(line, "| input") {
			continue
		}
		rows++
		for _, m := range named.FindAllStringSubmatch(cells[3], -1) {
			if !declares(t, m[1], m[2]) {
				t.Errorf("%s: package %s has no %s", cells[0], m[1], m[2])
			}
		}
		var last string
		for _, m := range key.FindAllStringSubmatch(cells[1], -1) {
			if last = sentences[m[1]]; last == "" {
				t.Errorf("%s: no sentence for %s", cells[0], m[1])
			}
		}
		if want := verb.ReplaceAllString(last, "…"); last != "" && !strings.Contains(cells[2], strings.TrimSuffix(want, ".")) {
			t.Errorf("%s: the page says\n%s\nthe catalogue says\n%s", cells[0], cells[2], want)
		}
	}
	if rows != 34 {
		t.Errorf("%d rows, want 34", rows)
	}
}

func declares(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}
