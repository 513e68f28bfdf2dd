package edge

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	tool := func(in string, args ...string) (string, int) {
		c := exec.CommandContext(t.Context(), program, args...)
		c.Env, c.Stdin = cmd.Env, strings.NewReader(in)
		out, err := c.CombinedOutput()
		t.Logf("%v: %v\n%s", args, err, out)
		return string(out), c.ProcessState.ExitCode()
	}
	if out, code := tool("", "doctor"); code != 0 || !strings.Contains(out, "pole P1 pole") || !strings.Contains(out, "trusted") || !strings.Contains(out, "0 lines wait") {
		t.Error("the doctor finds a healthy box ill, or not at all")
	}
	if out, code := tool("123456\n", "pin"); code != 1 || !strings.Contains(out, "mic.weak_pin") {
		t.Error("a weak PIN was taken")
	}
	if _, code := tool("135790\n", "pin"); code != 0 {
		t.Error("a PIN was not taken")
	}
	if out, code := tool("135790\n", "mic", "1"); code != 1 || !strings.Contains(out, "mic.not_granted") {
		t.Error("the microphone needs no grant")
	}
	if err := os.WriteFile(filepath.Join(dir, "state.a"), []byte("rot"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.with(func() { n.away = true })
	if out, code := tool("", "doctor"); code != 1 || !strings.Contains(out, "state.a is damaged") || !strings.Contains(out, "WRONG  server") {
		t.Error("the doctor overlooks a damaged file or a silent server")
	}
	if lines := lastLines(folder(dir), 10); len(lines) == 0 {
		t.Error("the program keeps no log")
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
