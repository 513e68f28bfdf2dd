package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"loa"
	"loa/edge"
)

// TestDeviceCheck tries our own agent, the speaker in Python, and boxes that
// leave one check out: each of those must fail its clause. Every box takes a
// minute by the clock, side by side.
//
//	LOA_LONG=1 go test ./cmd/loa -run TestDeviceCheck -v
func TestDeviceCheck(t *testing.T) {
	if os.Getenv("LOA_LONG") == "" {
		t.Skip("a minute for each box: LOA_LONG=1")
	}
	t.Parallel()
	python := func(patch string) func(context.Context, string, string) error {
		return func(ctx context.Context, server, code string) error {
			program := "import sys, runpy; sys.path.insert(0, '../../examples/speaker-python'); import loawire; " + patch +
				"; runpy.run_path('../../examples/speaker-python/speaker.py', run_name='__main__')"
			out, err := exec.CommandContext(ctx, "/usr/bin/python3", "-c", program, "--server", server, "--code", code, "--dir", t.TempDir(),
				"--receipt-delay", "0.1", "--pull-every", "2").CombinedOutput()
			t.Logf("%v: %s", err, out)
			return nil // it is told to end
		}
	}
	agent := func(ctx context.Context, server, code string) error {
		return edge.Run(ctx, edge.Config{Server: server, Code: code, Dir: t.TempDir(), Output: &edge.Silent{Clock: loa.WallClock{}},
			ReceiptDelay: 100 * time.Millisecond, PullEvery: 2 * time.Second, BeaconStale: 3 * time.Second, BeatEvery: time.Second,
			Log: slog.New(slog.DiscardHandler)})
	}
	for _, c := range []struct {
		name  string
		box   func(ctx context.Context, server, code string) error
		fails string // clauses, "" if all must pass
	}{
		{"our agent", agent, ""},
		{"the speaker in Python", python("pass"), ""},
		{"a box that asks no mutes", python("loawire.muted = lambda *a: False"), "muted"},
		{"a box that asks no policy", python("loawire.policy_allows = lambda *a: 80"), "closed old_beacon"},
		{"a box that believes every seal", python("loawire.Trust.check = lambda *a: None"), "forged_slot forged_now"},
		{"a box that asks no frames and no hash", python("loawire.frames = lambda *a: None; loawire.sha256 = (lambda f: lambda b: f(b) if len(b) < 12000 else " +
			"f(b'\\xff' + b[1:]))(loawire.sha256)"), "damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			began, ended := make(chan [2]string, 1), make(chan error, 1)
			go func() {
				at := <-began
				ended <- c.box(ctx, at[0], at[1])
			}()
			var errs bytes.Buffer
			all, err := checkDevice(ctx, "127.0.0.1:0", time.Minute, func(_ string, args ...any) {
				began <- [2]string{fmt.Sprint(args[0]), fmt.Sprint(args[1])}
			}, &errs)
			if err != nil {
				t.Fatal(err, errs.String())
			}
			var failing []string
			for _, v := range all {
				t.Logf("%-9s %-16s %s %s", v.Result, v.Clause, v.Section, v.Seen)
				if v.Result != passed {
					failing = append(failing, v.Clause)
				}
			}
			if got := strings.Join(failing, " "); len(all) != len(clauses()) || got != c.fails {
				t.Errorf("%d clauses, not passed: %q, want %q", len(all), got, c.fails)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}
