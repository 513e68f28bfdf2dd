package e2e_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"loa/e2e"
)

// TestKilledForMemory gives the server little more memory than it has and opens
// connections until the kernel kills it, while officers write and upload and a box
// hands in receipts. Started again it has everything that was acknowledged.
func TestKilledForMemory(t *testing.T) {
	const groups = "/sys/fs/cgroup/memory"
	switch _, err := os.Stat(groups + "/memory.limit_in_bytes"); {
	case os.Getenv("LOA_LONG") == "":
		t.Skip("takes the server's memory away: LOA_LONG=1")
	case os.Geteuid() != 0:
		t.Skip("a memory group needs root")
	case err != nil:
		t.Skip("no memory groups of version 1 here:", err)
	}
	town := e2e.Start(t, e2e.Options{Agents: 1})
	server := town.Servers[0]
	load := loaded(t, town)

	group := filepath.Join(groups, fmt.Sprint("loa-test-", os.Getpid()))
	put := func(name string, value any) error {
		return os.WriteFile(filepath.Join(group, name), fmt.Append(nil, value), 0o600)
	}
	if err := os.Mkdir(group, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(group); err != nil {
			t.Error(err)
		}
	})
	if err := put("cgroup.procs", server.PID()); err != nil {
		t.Fatal(err)
	}
	limit := resident(t, server.PID()) / 2 // what it has was counted elsewhere: the group starts from nothing
	if err := put("memory.limit_in_bytes", limit); err != nil {
		t.Fatal(err)
	}
	load.work(50)
	opened := 0
	for began := time.Now(); !server.Dead() && time.Since(began) < time.Minute; opened++ {
		conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			break
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "POST /device/v1/receipts HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n"+strings.Repeat("{", 20_000)) // it may be gone
	}
	if err := server.Ended(time.Minute); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("it ended with %v after %d connections, not for want of memory", err, opened)
	}
	server.Up()
	load.work(20)
	t.Logf("%d MB, killed after %d connections; %d acknowledged, all there", limit>>20, opened, load.kept())
}

// resident is the memory a process has, in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
