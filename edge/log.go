package edge

import (
	"bytes"
	"os"
	"path/filepath"
)

// maxLogFile is when, in bytes, the log begins a new file; the one before is kept.
const maxLogFile = 128 << 10

// LogFile is what the program says, kept beside what it holds: two files of 128
// KiB, the older thrown away. Nothing waits for the disk, and a disk that takes
// nothing silences only the log. It is written by one handler of log/slog.
type LogFile struct{ Dir string }

// Write appends; it never fails.
func (l LogFile) Write(b []byte) (int, error) {
	name := filepath.Join(l.Dir, "log")
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return len(b), nil
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 0 && info.Size()+int64(len(b)) > maxLogFile {
		_ = os.Rename(name, name+".old") // what is open is written to its end
	}
	_, _ = f.Write(b)
	return len(b), nil
}

// lastLines are the last lines of the log, the oldest first: what the run before
// said is not forgotten when a setting asks for it.
func lastLines(d disk, most int) (lines []string) {
	for _, name := range []string{"log.old", "log"} {
		b, err := readFile(d, name)
		if err != nil {
			continue // it was never needed
		}
		for line := range bytes.Lines(b) {
			lines = append(lines, string(line))
		}
	}
	return lines[max(0, len(lines)-most):]
}
