package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"loa"
)

// What launcher and program say to each other. They may be years apart, so it is
// little and stays as it is: three words of environment, one byte on a pipe, one
// exit code, and the note.
const (
	// LaunchedBy names the launcher's own file in a program's environment. A
	// program that finds it does not launch another.
	LaunchedBy = "LOA_LAUNCHED_BY"
	// ProveOn is the number of the open file on which a program on trial writes
	// one byte once it has shown that it works.
	ProveOn = "LOA_PROVE_ON"
	// Again is the exit code of a program that asks its launcher to choose anew.
	Again = 75
)

const (
	proveTime = 3 * time.Minute // a new program shows within it that it works
	maxStarts = 3               // on trial; each is counted on disk before it happens
	maxTimes  = 3               // trials of a release that only ran out of time
	stopTime  = 10 * time.Second
)

// slot is one of the two files a newer program may lie in, beside the one the
// box was made with.
type slot struct {
	File    string `json:"file"`    // "a" or "b"; "" is the program the box was made with
	Hash    string `json:"hash"`    // of the file
	Number  int64  `json:"number"`  // of the release
	Release string `json:"release"` // hash of the sealed release
}

// trial is a slot that has not shown yet that it works.
type trial struct {
	slot
	Starts int `json:"starts"`
}

// failure is what became of a release that came back.
type failure struct {
	Times int    `json:"times"`
	At    int64  `json:"at"`    // UTC ms by the agent's clock; 0 until the agent has seen it
	Why   string `json:"why"`   // key
	Final bool   `json:"final"` // it ended by itself, or its file is not what it was: never again
}

// note is what launcher and program write down for each other, one file,
// replaced whole. Fields are only ever added.
type note struct {
	Runs    slot               `json:"runs"`
	Trial   *trial             `json:"trial,omitempty"`
	Highest int64              `json:"highest"` // number of the newest release that ever proved itself here
	Failed  map[string]failure `json:"failed"`  // by hash of the release
}

const noteFile = "note"

// programs is the folder of slots and note.
type programs struct{ dir string }

func (p programs) path(name string) string { return filepath.Join(p.dir, name) }

// read gives the note; one that is damaged is as if there were none, and the
// program the box was made with runs.
func (p programs) read() (note, error) {
	n := note{Failed: map[string]failure{}}
	b, err := os.ReadFile(p.path(noteFile))
	if errors.Is(err, os.ErrNotExist) {
		return n, nil
	}
	if err != nil {
		return n, fmt.Errorf("read note: %w", err)
	}
	return decodeNote(b), nil
}

func decodeNote(b []byte) note {
	empty := note{Failed: map[string]failure{}}
	if len(b) < 65 || b[64] != '\n' || string(b[:64]) != loa.Hash(b[65:]) {
		return empty
	}
	var n note
	if json.Unmarshal(b[65:], &n) != nil {
		return empty
	}
	if n.Failed == nil {
		n.Failed = map[string]failure{}
	}
	return n
}

func (p programs) write(n note) error {
	b, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("write note: %w", err)
	}
	return (&keep{disk: folder(p.dir)}).write(noteFile, append([]byte(loa.Hash(b)+"\n"), b...))
}

// whole reports whether a slot's file is there with its very bytes.
func (p programs) whole(s slot) bool {
	if s.File != "a" && s.File != "b" {
		return false
	}
	hash, _, err := hashFile(p.path(s.File))
	return err == nil && hash == s.Hash
}

// returned is the note after a trial ended badly.
func (n note) returned(why string, final bool) note {
	t := n.Trial
	n.Trial, n.Failed = nil, maps.Clone(n.Failed)
	f := n.Failed[t.Release]
	n.Failed[t.Release] = failure{Times: f.Times + 1, Why: why, Final: final || f.Times+1 >= maxTimes}
	for len(n.Failed) > 16 { // any: they only save a fruitless trial
		for h := range n.Failed {
			if h != t.Release {
				delete(n.Failed, h)
				break
			}
		}
	}
	return n
}

// Launcher chooses which program runs: the newest that has proved itself, or one
// on trial under its eyes. It is the program the box was made with, which a
// package manager replaces and no release ever does, so that there is always one
// way back. It checks hashes against bit rot, not seals: those were checked
// before a file came into a slot, and whoever can write there already is the
// agent's user.
type Launcher struct {
	Dir     string // the agent's folder
	Self    string // the launcher's own file
	Number  int64  // of the program it is itself
	Args    []string
	Env     []string
	Prove   time.Duration // 3 min
	Clock   loa.Clock
	Log     *slog.Logger
	Replace func(file string, args, env []string) error // syscall.Exec, which returns only on an error
	at      func(stage string)                          // a test's way to cut the power; nil for none
}

// Launch runs what is to run and returns its exit code. own is true if that is
// this very program, which then goes on by itself.
func (l Launcher) Launch(ctx context.Context) (code int, own bool) {
	p := programs{filepath.Join(l.Dir, "program")}
	if l.Prove <= 0 {
		l.Prove = proveTime
	}
	for {
		n, err := p.read()
		if err != nil {
			l.Log.Error("launch", "error", err)
			return 0, true
		}
		if n.Trial != nil {
			code, again := l.try(ctx, p, n)
			if !again {
				return code, false
			}
			continue
		}
		if n.Runs.File == "" || n.Runs.Number <= l.Number {
			return 0, true
		}
		if !p.whole(n.Runs) {
			l.Log.Error("program damaged, the one the box was made with runs", "number", n.Runs.Number)
			return 0, true
		}
		err = l.Replace(p.path(n.Runs.File), l.Args, append(l.Env, LaunchedBy+"="+l.Self))
		l.Log.Error("program does not start, the one the box was made with runs", "error", err)
		return 0, true
	}
}

// try gives a new program its time. again means that the note has changed and
// is to be read anew: it proved nothing, or asked for another choice.
func (l Launcher) try(ctx context.Context, p programs, n note) (code int, again bool) {
	// A child is told of its parent's end by the thread that made it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	deadline := l.Clock.After(l.Prove)
	for {
		switch t := n.Trial; {
		case t.Number <= l.Number: // the package brought something newer meanwhile
			n.Trial = nil
			return 0, l.settle(p, n)
		case t.Starts >= maxStarts:
			return 0, l.settle(p, n.returned("release.ended", true))
		case !p.whole(t.slot):
			return 0, l.settle(p, n.returned("release.damaged", true))
		}
		started := *n.Trial
		started.Starts++
		n.Trial = &started
		if err := p.write(n); err != nil {
			// What cannot be counted is not started: the old one runs until the
			// disk takes a word again.
			l.Log.Error("trial not counted", "error", err)
			n.Trial = nil
			return l.old(p, n), false
		}
		l.stage("counted")
		run, err := l.start(p.path(started.File))
		if err != nil {
			l.Log.Error("new program does not start", "error", err)
			continue
		}
		l.stage("started")
		ended, proved := l.watch(ctx, run, deadline)
		switch {
		case proved:
			l.stage("proved")
			n.Runs, n.Trial, n.Highest = n.Trial.slot, nil, max(n.Highest, started.Number)
			if err := p.write(n); err != nil {
				l.Log.Error("proof not written down", "error", err) // the next start tries it once more
			}
			l.stage("settled")
			code := l.wait(ctx, run)
			return code, code == Again
		case ctx.Err() != nil:
			return l.wait(ctx, run), false
		case ended: // by itself: what is left of its starts
			l.Log.Warn("new program ended on trial", "starts", started.Starts, "error", run.err)
		default:
			_ = run.cmd.Process.Kill() // it may have ended in this moment
			<-run.ended
			return 0, l.settle(p, n.returned("release.not_proved", false))
		}
	}
}

// settle writes the note down and asks for a new choice. If it cannot be
// written the choice would be the same again, so the old program runs without.
func (l Launcher) settle(p programs, n note) bool {
	if err := p.write(n); err != nil {
		l.Log.Error("note not written", "error", err)
		l.old(p, n)
		return false
	}
	l.stage("returned")
	return true
}

// old runs what ran before a trial, whatever the note says.
func (l Launcher) old(p programs, n note) int {
	file := l.Self
	if n.Runs.Number > l.Number && p.whole(n.Runs) {
		file = p.path(n.Runs.File)
	}
	err := l.Replace(file, l.Args, append(l.Env, LaunchedBy+"="+l.Self))
	l.Log.Error("old program does not start", "error", err)
	return 1
}

// running is a program on trial.
type running struct {
	cmd   *exec.Cmd
	proof chan struct{} // closed by its byte
	ended chan struct{}
	err   error
}

func (l Launcher) start(file string) (*running, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start program: %w", err)
	}
	cmd := exec.Command(file, l.Args[1:]...) //nolint:noctx // its hash was checked; it lives as long as it likes
	cmd.Env = append(l.Env, LaunchedBy+"="+l.Self, ProveOn+"=3")
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = os.Stdout, os.Stderr, []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // two agents must never sound together
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start program: %w", err), r.Close(), w.Close())
	}
	run := &running{cmd: cmd, proof: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		if n, _ := r.Read(make([]byte, 1)); n == 1 {
			close(run.proof)
		}
		_ = r.Close() // it was only read
	}()
	go func() {
		run.err = cmd.Wait()
		close(run.ended)
	}()
	return run, w.Close()
}

func (l Launcher) watch(ctx context.Context, run *running, deadline <-chan time.Time) (ended, proved bool) {
	select {
	case <-run.proof:
		return false, true
	case <-run.ended:
		return true, false
	case <-deadline:
	case <-ctx.Done():
	}
	return false, false
}

// wait waits for a program, passing on that we are told to end.
func (l Launcher) wait(ctx context.Context, run *running) int {
	select {
	case <-run.ended:
	case <-ctx.Done():
		_ = run.cmd.Process.Signal(syscall.SIGTERM) // gone already: as wanted
		select {
		case <-run.ended:
		case <-l.Clock.After(stopTime):
			_ = run.cmd.Process.Kill()
			<-run.ended
		}
	}
	return max(0, run.cmd.ProcessState.ExitCode())
}

func (l Launcher) stage(name string) {
	if l.at != nil {
		l.at(name)
	}
}

// System names this machine's hardware as releases do: "linux/arm64",
// "linux/armv7"; arm is what GOARM says in the program's build settings.
func System(arm string) string {
	if runtime.GOARCH == "arm" {
		if arm == "" {
			arm = "7"
		}
		return runtime.GOOS + "/armv" + arm[:1]
	}
	return runtime.GOOS + "/" + runtime.GOARCH
}
