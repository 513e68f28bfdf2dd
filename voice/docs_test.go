package voice

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// paper is docs/voice.md.
func paper(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../docs/voice.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestKnownWrong holds the list of known mistakes to the truth: what is read
// right today does not belong on it any more.
func TestKnownWrong(t *testing.T) {
	_, list, _ := strings.Cut(paper(t), "## What it reads wrong")
	list, _, _ = strings.Cut(list, "\n## ")
	rows := regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$`).FindAllStringSubmatch(list, -1)
	if len(rows) < 3 {
		t.Fatal("docs/voice.md lists no mistakes")
	}
	for _, row := range rows {
		if row[1] == "written" || strings.HasPrefix(row[1], "---") {
			continue
		}
		got := Normalizer{}.Speak(row[1]).Text
		if strings.EqualFold(got, row[2]) {
			t.Errorf("%q is read right now: move it from docs/voice.md into testdata/normalize", row[1])
		}
		if strings.ContainsAny(row[2], "0123456789") {
			t.Errorf("%q: what should be heard has digits", row[1])
		}
	}
}

// TestPaperNamesPairs: every file of pairs stands in the paper, and there are as
// many pairs as were promised.
func TestPaperNamesPairs(t *testing.T) {
	text, pairs, classes := paper(t), 0, 0
	for _, g := range goldens(t) {
		name := strings.TrimSuffix(filepath.Base(g.path), ".txt")
		lines := strings.Split(g.input, "\n")
		spoken := strings.Split(g.want, "\n")
		if len(lines) != len(spoken) {
			t.Errorf("%s: %d lines and %d readings", name, len(lines), len(spoken))
		}
		n := 0
		for _, line := range lines {
			if strings.TrimSpace(line) != "" {
				n++
			}
		}
		t.Logf("%-15s %3d pairs", name, n)
		pairs += n
		if strings.HasPrefix(name, "TB-") {
			continue
		}
		classes++
		if !strings.Contains(text, "`"+strings.TrimSuffix(name, "-south")+"`") {
			t.Errorf("docs/voice.md does not name %s", name)
		}
	}
	t.Logf("%d pairs in %d classes and the whole notices", pairs, classes)
	if pairs < 400 {
		t.Errorf("%d pairs, at least 400 are promised", pairs)
	}
}

// BenchmarkSpeakLines reads all lines of all pairs, over and over.
func BenchmarkSpeakLines(b *testing.B) {
	files, err := filepath.Glob("testdata/normalize/*.txt")
	if err != nil || len(files) == 0 {
		b.Fatal(err)
	}
	var lines []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		input, _, _ := strings.Cut(string(text), divider)
		lines = append(lines, strings.Split(input, "\n")...)
	}
	n, bytes := 0, 0
	for b.Loop() {
		line := lines[n%len(lines)]
		Normalizer{}.Speak(line)
		n, bytes = n+1, bytes+len(line)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(float64(bytes)/b.Elapsed().Seconds()/1e6, "MB/s")
}
