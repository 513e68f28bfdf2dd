package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"loa"
	"loa/e2e"
	"loa/wire"
)

// points are the named places where a program can die between two things that
// must both happen or neither: comments in the code that gofail turns into code
// (go.etcd.io/gofail), in a copy of the tree and never in what is shipped. Each
// is let pass a few times, so that the program is at work when it dies there.
func points() []struct {
	name   string
	passes int
	says   string
} {
	return []struct {
		name   string
		passes int
		says   string
	}{
		{"journal/appended", 1, "a change and its journal row, not committed"},
		{"db/committed", 20, "committed, nobody told"},
		{"db/blobWritten", 0, "a sound on disk under no name"},
		{"db/blobNamed", 0, "a sound under its name, the folder not synced, the bulletin not changed"},
		{"node/claimed", 2, "rows claimed, not said"},
		{"node/said", 2, "rows said, not marked"},
		{"signer/markWanted", 0, "a number taken, not written down, nothing sealed"},
		{"signer/markKept", 0, "a number written down, the seal not given"},
		{"web/api/receiptKept", 0, "a receipt committed, the box not answered"},
	}
}

// TestPoints stops the server dead at each of its named points while a notice
// goes from an officer's words to the receipts, and starts it again. Whoever got
// no answer asks again, as people and boxes do. In the end the notice is there,
// every speaker sounded it once, and the book is whole.
func TestPoints(t *testing.T) {
	if os.Getenv("LOA_LONG") == "" {
		t.Skip("builds a program with failure points from a copy of the tree: LOA_LONG=1, make test-long")
	}
	town := e2e.Start(t, e2e.Options{Agents: 2, Program: pointed(t)})
	server := town.Servers[0]
	town.Author.At(server)
	town.Leader.At(server)
	usual := server.Env
	sounds := 0
	for _, p := range points() {
		t.Run(strings.ReplaceAll(p.name, "/", "."), func(t *testing.T) {
			server.Kill()
			server.Env = append(slices.Clip(usual), fmt.Sprintf(`GOFAIL_FAILPOINTS=%s=%d*off->return("dead at %s")`, path.Base(p.name), p.passes, p.name))
			server.Up()
			deaths := 0
			again := func(what string, step func() error) {
				t.Helper()
				var last error
				for began := time.Now(); time.Since(began) < 90*time.Second; <-time.After(50 * time.Millisecond) {
					if last = step(); last == nil {
						return
					}
					if server.Dead() {
						if log := server.Logged(); !strings.Contains(log, "dead at "+p.name) {
							t.Fatalf("%s: the server ended otherwise:\n%s", what, log)
						}
						deaths++
						server.Env = usual // once is enough
						server.Kill()
						server.Up()
					}
				}
				t.Fatalf("%s: %v", what, last)
			}
			id, form := "", loa.NewID(time.Now())
			again("write", func() (err error) {
				id, err = town.Author.Compose(map[string][]string{"title": {"Họp thôn, " + p.says}, "text": {notice}, "once": {form}})
				return err
			})
			again("approve", func() error {
				if err := town.Leader.Approve(id); err != nil && !hasState(t, town, id, "sealed") {
					return err
				}
				return nil
			})
			again("play now", func() error {
				if placed(t, town, id) > 0 {
					return nil // the answer was lost, not the order
				}
				return town.Author.PlayNow(id)
			})
			again("receipts", func() error {
				if n := len(town.Log(id)); n < len(town.Agents) {
					return fmt.Errorf("%d lines", n)
				}
				return nil
			})
			sounds += placed(t, town, id)
			again("stop", func() error { return stopped(t, town, id) })
			if deaths == 0 && len(server.Env) > len(usual) {
				t.Fatalf("the server never came to %s", p.name)
			}
			for _, l := range town.Log(id) {
				if l.Result != wire.Played {
					t.Errorf("box %s: %s %s", l.Box, l.Result, l.Why)
				}
			}
			once(t, town, sounds)
			if n := titled(t, town, "Họp thôn, "+p.says); n != 1 {
				t.Errorf("the notice is there %d times", n)
			}
			sealedBook(t, town)
		})
	}
}

// stopped stops a bulletin with the leader's passkey: a now warrant, whose number
// the signer writes down.
func stopped(t *testing.T, town *e2e.Town, id string) error {
	t.Helper()
	if hasState(t, town, id, "stopped") {
		return nil // only the answer was lost
	}
	if status, body := town.Leader.Post("/bulletins/"+id+"/stop/draft", nil); status != http.StatusOK {
		return fmt.Errorf("draft stop: %d %s", status, body)
	}
	b, err := town.Flow().Find(t.Context(), town.Leader.Actor(), id)
	if err != nil {
		return err
	}
	if status, body := town.Leader.PostJSON("/bulletins/"+id+"/stop", struct {
		wire.Approval
		Why string `json:"why"`
	}{town.Leader.Yes(b.StopBytes), "Sai giờ họp"}); status != http.StatusOK {
		return fmt.Errorf("stop: %d %s", status, body)
	}
	return nil
}

// hasState reports whether a bulletin has come so far, or further.
func hasState(t *testing.T, town *e2e.Town, id, state string) bool {
	t.Helper()
	return slices.Contains(verbs(t, town, id), "bulletin."+state)
}

// pointed is loa built from a copy of the tree with its failure points open.
func pointed(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(root)); err != nil {
		t.Fatal(err)
	}
	folders := map[string]bool{}
	for _, p := range points() {
		folders[filepath.Dir(p.name)] = true
	}
	args := []string{"tool", "gofail", "enable"}
	for f := range folders {
		args = append(args, f)
	}
	run("go", args...)
	run("go", "get", "go.etcd.io/gofail/runtime")
	run("go", "build", "-o", "pointed", "./cmd/loa")
	return filepath.Join(dir, "pointed")
}
