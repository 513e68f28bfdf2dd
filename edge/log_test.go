package edge

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLogFile writes a year of lines: two bounded files, the last lines in order,
// and a node that asks gets as many as fit, sealed.
func TestLogFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := slog.New(slog.NewTextHandler(LogFile{dir}, nil))
	for n := range 5000 {
		log.Info("slot not played", "n", n, "why", strings.Repeat("ữ", 150))
	}
	size := int64(0)
	for _, name := range []string{"log", "log.old"} {
		size += must(os.Stat(filepath.Join(dir, name))).Size()
	}
	if size > 2*maxLogFile+1000 || size < maxLogFile {
		t.Errorf("%d bytes of log", size)
	}
	lines := lastLines(folder(dir), 300)
	for i, l := range lines {
		if !strings.Contains(l, fmt.Sprintf("n=%d ", 4700+i)) {
			t.Fatalf("line %d of %d is %q", i, len(lines), l)
		}
	}

	s := newStage(t)
	d := newGlass()
	d.names["log"] = &leaf{live: []byte("first\nthe last\n")}
	s.ok(s.start(d))
	if last := s.a.tail.last(500); len(last) < 2 || last[1] != "the last" {
		t.Errorf("what the run before said is gone: %q", last)
	}
	if n, err := (LogFile{"/nowhere"}).Write([]byte("x")); n != 1 || err != nil {
		t.Errorf("a log that cannot be written disturbs: %d, %v", n, err)
	}
}
