//go:build linux && (amd64 || arm64)

package sandbox_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"loa/sandbox"
)

// TestMain is the test binary's own door into the sandbox: it re-executes
// itself, as cmd/loa does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "sandbox-exec" {
		os.Exit(sandbox.Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// inside runs a program in the sandbox, as an upload would run, and returns
// what it wrote and how it ended.
func inside(t *testing.T, dir, program string, args ...string) (out string, err error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append([]string{"sandbox-exec", "upload", dir, program}, args...)...)
	cmd.Dir = dir
	b, err := cmd.CombinedOutput()
	return string(b), err
}

// probe builds testdata/probe. It is no mode of the test binary, because one
// built with -race cannot start within the sandbox's address space.
func probe(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "probe")
	cmd := exec.Command("go", "build", "-o", program, "./testdata/probe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build probe: %v %s", err, b)
	}
	return program
}

func needLandlock(t *testing.T) {
	t.Helper()
	if sandbox.LandlockABI() == 0 {
		t.Skip("this kernel has no Landlock, which is what keeps files shut")
	}
}

func TestCalls(t *testing.T) {
	program, dir := probe(t), t.TempDir()
	sock := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"inet"}, "permission denied"},
		{[]string{"inet6"}, "permission denied"},
		{[]string{"netlink"}, "permission denied"},
		{[]string{"unix"}, "done"},
		{[]string{"connect", sock}, "operation not permitted"},
		{[]string{"fork", "/bin/true"}, "operation not permitted"},
		{[]string{"ptrace"}, "operation not permitted"},
		{[]string{"mount", dir}, "operation not permitted"},
		{[]string{"unshare"}, "operation not permitted"},
		{[]string{"kill"}, "operation not permitted"},
		{[]string{"env"}, "0 done"},
		{[]string{"limits"}, fmt.Sprintf("60 %d %d 64 0 done", 768<<20, 128<<20)},
	}
	for _, tt := range tests {
		t.Run(tt.args[0], func(t *testing.T) {
			out, err := inside(t, dir, program, tt.args...)
			if err != nil || strings.TrimSpace(out) != tt.want {
				t.Errorf("%v: %q, %v; want %q", tt.args, out, err, tt.want)
			}
		})
	}
}

// What the probe is refused inside, it may do outside: the table above shows
// the sandbox and not a feeble machine.
func TestProbeOutside(t *testing.T) {
	program := probe(t)
	for _, args := range [][]string{{"inet"}, {"unix"}, {"fork", "/bin/true"}, {"kill"}, {"read", "/etc/passwd"}} {
		out, err := exec.Command(program, args...).CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != "done" {
			t.Errorf("%v outside: %q, %v", args, out, err)
		}
	}
}

func TestFiles(t *testing.T) {
	needLandlock(t)
	program, dir, other := probe(t), t.TempDir(), t.TempDir()
	secret := filepath.Join(other, "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		what, path, want string
	}{
		{"write", filepath.Join(dir, "out"), "done"},
		{"read", filepath.Join(dir, "out"), "done"},
		{"read", "/etc/passwd", "permission denied"},
		{"read", secret, "permission denied"},
		{"read", filepath.Join(dir, "link"), "permission denied"},
		{"read", "/proc/self/environ", "permission denied"},
		{"write", filepath.Join(other, "out"), "permission denied"},
		{"write", secret, "permission denied"},
		{"exec", "/bin/true", "permission denied"},
	}
	for _, tt := range tests {
		t.Run(tt.what+" "+filepath.Base(tt.path), func(t *testing.T) {
			out, err := inside(t, dir, program, tt.what, tt.path)
			if err != nil || !strings.HasSuffix(strings.TrimSpace(out), tt.want) {
				t.Errorf("%s %s: %q, %v; want %q", tt.what, tt.path, out, err, tt.want)
			}
		})
	}
}

func TestMemory(t *testing.T) {
	out, err := inside(t, t.TempDir(), probe(t), "bomb")
	if err == nil || strings.Contains(out, "2 GiB") {
		t.Fatalf("a program took 2 GiB: %v", err)
	}
	if !strings.Contains(out, "64 MiB\n") || !strings.Contains(out, "out of memory") {
		t.Errorf("it ended otherwise than by want of memory: %.300s", out)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"upload", "/tmp"}, {"anything", "/tmp", "/bin/true"}} {
		if code := sandbox.Main(args); code == 0 {
			t.Errorf("Main(%v) = 0", args)
		}
	}
}
