package edge

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"loa/wire"
)

// maxMemoryKB is what the program may hold while it plays: a small board has
// 64 MB for everything.
const maxMemoryKB = 25 << 10

// TestProgram builds loa-speaker, lets it play, weighs it and ends it.
func TestProgram(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "loa-speaker")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "loa/cmd/loa-speaker").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	n := newTown(t)
	dir := t.TempDir()
	var s wire.Slot
	n.with(func() {
		s = n.plans(n.doc(wire.WarrantType, n.warrant(tone(t, "2", "440"), nil), n.authority), 3*time.Second)
	})
	var log bytes.Buffer
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program)
	cmd.Env = []string{"LOA_SERVER=" + n.server.URL, "LOA_DIR=" + dir, "LOA_CODE=" + n.code, "LOA_OUTPUT=silent", "LOA_RECEIPT_DELAY=1ms"}
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return soundingNow(dir, s.ID) })
	memory := resident(t, cmd.Process.Pid)
	t.Logf("%d KB resident while playing", memory)
	if memory > maxMemoryKB {
		t.Errorf("%d KB resident, at most %d", memory, maxMemoryKB)
	}
	if l := n.line(); l.Slot != s.ID || l.Result != wire.Played {
		t.Errorf("line %+v", l)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v: %s", err, log.String())
	}
	for arg, code := range map[string]int{"--help": 0, "--version": 0, "--listen": 2} {
		cmd := exec.CommandContext(t.Context(), program, arg)
		out, err := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != code || len(out) == 0 {
			t.Errorf("%s: exit %d (%v): %s", arg, got, err, out)
		}
	}
}

// resident is VmHWM of a process, the most it ever held, in KB.
func resident(t *testing.T, pid int) (kb int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := bytes.Cut(b, []byte("VmHWM:"))
	if _, err := fmt.Sscan(string(rest), &kb); !ok || err != nil {
		t.Fatalf("no VmHWM: %v", err)
	}
	return kb
}
