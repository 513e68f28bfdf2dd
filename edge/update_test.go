package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"loa"
	"loa/seal"
	"loa/wire"
)

// asBox has this test's own program be a box: the launcher with a shorter time to
// prove, and the agent the box was made with. Stage and marker cut its power once.
const (
	asBox    = "LOA_TEST_AS_BOX"
	atStage  = "LOA_TEST_KILL_AT"
	killMark = "killed"
	proveFor = 12 * time.Second // instead of three minutes; a busy machine enrols in one or two
)

func TestMain(m *testing.M) {
	if os.Getenv(asBox) != "" {
		os.Exit(box())
	}
	os.Exit(m.Run())
}

// box is what main of cmd/loa-speaker does, with a test's times.
func box() int {
	dir := os.Getenv("LOA_DIR")
	cut := func(stage string) {
		mark := filepath.Join(dir, killMark)
		if stage != os.Getenv(atStage) {
			return
		}
		if _, err := os.Stat(mark); err == nil {
			return
		}
		must(0, os.WriteFile(mark, nil, 0o600))
		must(0, syscall.Kill(os.Getpid(), syscall.SIGKILL))
		select {}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	self := must(os.Executable())
	if os.Getenv(LaunchedBy) == "" {
		l := Launcher{Dir: dir, Self: self, Number: 1, Args: os.Args, Env: os.Environ(), Prove: proveFor,
			Clock: loa.WallClock{}, Log: log, Replace: syscall.Exec, at: cut}
		if code, own := l.Launch(context.Background()); !own {
			return code
		}
	}
	err := Run(context.Background(), Config{Server: os.Getenv("LOA_SERVER"), Dir: dir, Code: os.Getenv("LOA_CODE"),
		Output: &Silent{Clock: loa.WallClock{}}, Log: log, ReceiptDelay: time.Millisecond, PullEvery: 100 * time.Millisecond,
		BeaconStale: time.Millisecond, Updates: Updates{Product: "loa-speaker", Number: 1, System: System("7"), Every: 50 * time.Millisecond, at: cut}})
	log.Error("ended", "error", err)
	return 1
}

// supervised runs a box as systemd does: again, as soon as it ends.
type supervised struct {
	dir    string
	cancel context.CancelFunc
	ended  chan struct{}
	mu     sync.Mutex
	log    bytes.Buffer
	starts int
}

func (s *supervised) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(b)
}

func (s *supervised) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func (n *town) supervise(env ...string) *supervised {
	ctx, cancel := context.WithCancel(context.Background())
	s := &supervised{dir: n.t.TempDir(), cancel: cancel, ended: make(chan struct{})}
	self := must(os.Executable())
	go func() {
		defer close(s.ended)
		for ctx.Err() == nil {
			cmd := exec.CommandContext(ctx, self)
			cmd.Env = append(env, asBox+"=1", "LOA_SERVER="+n.server.URL, "LOA_DIR="+s.dir, "LOA_CODE="+n.code, "LOA_OUTPUT=silent", "LOA_RECEIPT_DELAY=1ms")
			cmd.Stdout, cmd.Stderr = s, s
			s.starts++
			err := cmd.Run()
			fmt.Fprintln(s, "-- it ended:", err)
		}
	}()
	n.t.Cleanup(func() {
		cancel()
		<-s.ended
		if n.t.Failed() {
			n.t.Log(s.said())
		}
	})
	return s
}

func (s *supervised) note() note {
	b, err := os.ReadFile(filepath.Join(s.dir, "program", noteFile))
	if err != nil {
		return note{}
	}
	return decodeNote(b)
}

// releases has the beacon offer a program; change makes the release wrong.
func (n *town) releases(number int64, text string, file []byte, change func(*wire.Release)) string {
	n.programs[loa.Hash(file)] = file
	r := wire.Release{Kind: "release", Product: "loa-speaker", Number: number, Text: text, From: 1, Until: micros(),
		Builds: []wire.Build{{System: System("7"), Hash: loa.Hash(file), Bytes: int64(len(file))}}}
	if change != nil {
		change(&r)
	}
	hash := n.doc(wire.ReleaseType, r, n.releaseKey)
	n.beacon.Release = &wire.Offer{Hash: hash, Share: 100}
	n.tell()
	return hash
}

// built holds what the tests of a run build, once each.
type built struct {
	once sync.Once
	file []byte
	err  error
}

// builds makes the programs: the real agent with another number, and small ones
// that are bad in one way each.
func builds(t *testing.T) func(name string) []byte {
	dir := t.TempDir()
	write := func(name, text string) string {
		f := filepath.Join(dir, name)
		must(0, os.WriteFile(f, []byte(text), 0o600))
		return f
	}
	root := must(filepath.Abs(".."))
	overlay := write("overlay.json", string(must(json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(root, "cmd/loa-speaker/version.txt"): write("version.txt", "2 0.2.0\n"),
	}}))))
	bad := func(name, then string) []string {
		return []string{write(name+".go", `package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "--version" {
		fmt.Println("loa-speaker 0.2.0 (2)")
		return
	}
	for range 1 {
		`+then+`
	}
	time.Sleep(time.Hour)
}
`)}
	}
	args := map[string][]string{
		"good":    {"-overlay", overlay, "loa/cmd/loa-speaker"},
		"crashes": bad("crashes", `panic("bad firmware")`),
		"hangs":   bad("hangs", `continue`),
		"lies":    {write("lies.go", "package main\n\nfunc main() { println(\"loa-speaker 0.2.0 (2)\") }\n")}, // on the wrong stream
	}
	args["other hardware"] = args["hangs"]
	all := map[string]*built{}
	for name := range args {
		all[name] = &built{}
	}
	return func(name string) []byte {
		b := all[name]
		b.once.Do(func() {
			out := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "go", append([]string{"build", "-o", out}, args[name]...)...)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			if name == "other hardware" {
				other := "arm64"
				if runtime.GOARCH == other {
					other = "amd64"
				}
				cmd.Env = append(cmd.Env, "GOARCH="+other)
			}
			if said, err := cmd.CombinedOutput(); err != nil {
				b.err = fmt.Errorf("%w: %s", err, said)
				return
			}
			b.file, b.err = os.ReadFile(out)
		})
		if b.err != nil {
			t.Fatal(b.err)
		}
		return b.file
	}
}

// TestUpdate (S-21) replaces a program in the field with real processes: a good
// one stays, a bad one gives way to the one before it, and whatever stage the
// process is killed at, the box ends with a program that works. All stages in
// make test-long, the three that write the note always.
func TestUpdate(t *testing.T) {
	t.Parallel()
	program := builds(t)
	t.Run("a good program proves itself and stays", func(t *testing.T) {
		t.Parallel()
		n := newTown(t)
		n.with(func() { n.releases(2, "0.2.0", program("good"), nil) })
		s := n.supervise()
		s.works(t, program("good"))
	})
	for _, c := range []struct {
		name, file string
		change     func(*wire.Release)
		why        string
		final      bool
		within     time.Duration // of the program being put on trial
	}{
		{"one that crashes gives way", "crashes", nil, "release.ended", true, 5 * time.Second},
		{"one that hangs gives way", "hangs", nil, "release.not_proved", false, proveFor + 5*time.Second},
		{"one for other hardware is not started", "other hardware", nil, "release.unfit", true, 0},
		{"one that says another version is not started", "lies", nil, "release.unfit", true, 0},
		{"half a program is not started", "half", nil, "release.unfit", true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newTown(t)
			var release string
			file := []byte(nil)
			if c.file == "half" {
				file = program("good")[:len(program("good"))/2]
			} else {
				file = program(c.file)
			}
			n.with(func() { release = n.releases(2, "0.2.0", file, c.change) })
			s := n.supervise()
			var began time.Time
			waitLong(t, func() bool {
				got := s.note()
				if got.Trial != nil && began.IsZero() {
					began = time.Now()
				}
				return got.Failed[release].Why != ""
			})
			if c.within > 0 {
				took := time.Since(began)
				t.Logf("back after %v; the time to prove was %v and is three minutes in the field", took.Round(100*time.Millisecond), proveFor)
				if began.IsZero() || took > c.within {
					t.Errorf("it took %v", took)
				}
			}
			got := s.note()
			if f := got.Failed[release]; f.Why != c.why || f.Final != c.final || got.Trial != nil || got.Runs.File != "" {
				t.Errorf("note %+v", got)
			}
			n.plays(t) // the old one is at work again
			if got := s.note(); got.Trial != nil || got.Failed[release].Times != 1 {
				t.Errorf("tried again at once: %+v", got)
			}
		})
	}
	stages := []string{"armed", "counted", "proved"}
	if os.Getenv("LOA_LONG") != "" {
		stages = []string{"fetching", "fetched", "flushed", "renamed", "armed", "counted", "started", "proved", "settled"}
	}
	for _, stage := range stages {
		t.Run("the power fails when it is "+stage, func(t *testing.T) {
			t.Parallel()
			n := newTown(t)
			n.with(func() { n.releases(2, "0.2.0", program("good"), nil) })
			s := n.supervise(atStage + "=" + stage)
			s.works(t, program("good"))
			if _, err := os.Stat(filepath.Join(s.dir, killMark)); err != nil {
				t.Error("the power never failed: the test proves nothing")
			}
		})
	}
	t.Run("the power fails when a bad one has returned", func(t *testing.T) {
		t.Parallel()
		n := newTown(t)
		n.with(func() { n.releases(2, "0.2.0", program("crashes"), nil) })
		s := n.supervise(atStage + "=returned")
		waitLong(t, func() bool { _, err := os.Stat(filepath.Join(s.dir, killMark)); return err == nil })
		n.plays(t)
		if got := s.note(); got.Trial != nil || got.Runs.File != "" || len(got.Failed) != 1 {
			t.Errorf("note %+v", got)
		}
	})
}

// works waits until the box runs a program from a slot that has proved itself.
func (s *supervised) works(t *testing.T, file []byte) {
	t.Helper()
	waitLong(t, func() bool { return s.note().Runs.Number == 2 })
	got := s.note()
	if got.Runs.Hash != loa.Hash(file) || got.Highest != 2 {
		t.Errorf("note %+v", got)
	}
	waitLong(t, func() bool { return runs(filepath.Join(s.dir, "program", got.Runs.File)) })
}

// runs reports whether some process runs this file.
func runs(file string) bool {
	all, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, p := range all {
		if at, err := os.Readlink(p); err == nil && at == file {
			return true
		}
	}
	return false
}

// plays has the box sound a notice.
func (n *town) plays(t *testing.T) {
	t.Helper()
	var s wire.Slot
	n.with(func() {
		s = n.plans(n.doc(wire.WarrantType, n.warrant(tone(t, "1", "440"), nil), n.authority), 4*time.Second)
	})
	if l := n.line(); l.Slot != s.ID || l.Result != wire.Played {
		t.Errorf("line %+v", l)
	}
}

// waitLong is waitFor where programs are built and enrolled.
func waitLong(t *testing.T, yes func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(2 * time.Minute)
	for !yes() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("it did not happen in time")
		}
	}
}

// TestUpdateRefused: what no box may install, by whom it was sealed, when and for
// what it is; and the moments in which a box does not turn to it at all.
func TestUpdateRefused(t *testing.T) {
	t.Parallel()
	file := []byte("#!/bin/sh\necho 'loa-speaker 0.2.0 (2)'\n")
	for _, c := range []struct {
		name      string
		change    func(*wire.Release)
		town      func(*town)
		state     string
		why       string
		updates   func(*Updates)
		downloads bool
	}{
		{"one that holds is armed", nil, nil, "", "", nil, true},
		{"sealed by the authority", nil, func(n *town) { n.resealed(n.authority) }, wire.UpdateRefused, "seal.wrong_role", nil, false},
		{"sealed by the beacon's key", nil, func(n *town) { n.resealed(n.beaconKey) }, wire.UpdateRefused, "seal.wrong_role", nil, false},
		{"sealed by a stranger", nil, func(n *town) { n.resealed(must(seal.NewKey())) }, wire.UpdateRefused, "seal.unknown_key", nil, false},
		{"a rollback", nil, nil, wire.UpdateRefused, "release.old", func(u *Updates) { u.Number = 3 }, false},
		{"a freeze: past its time", func(r *wire.Release) { r.Until = 2 }, nil, wire.UpdateRefused, "release.wrong_date", nil, false},
		{"before its time", func(r *wire.Release) { r.From = r.Until - 1 }, nil, wire.UpdateRefused, "release.wrong_date", nil, false},
		{"other hardware", func(r *wire.Release) { r.Builds[0].System = "linux/mips" }, nil, wire.UpdateRefused, "release.wrong_system", nil, false},
		{"another product", func(r *wire.Release) { r.Product = "other-box" }, nil, wire.UpdateRefused, "release.other_product", nil, false},
		{"a step too far", func(r *wire.Release) { r.Number, r.Replaces = 9, 5 }, nil, wire.UpdateRefused, "release.steps", nil, false},
		{"other bytes under its name", nil, func(n *town) {
			for h := range n.programs {
				n.programs[h] = append([]byte("#"), file[1:]...)
				n.programs[h][8] ^= 1
			}
		}, wire.UpdateFetching, "release.damaged", nil, true},
		{"fewer bytes than it says", nil, func(n *town) {
			for h := range n.programs {
				n.programs[h] = file[:9]
			}
		}, wire.UpdateFetching, "node.unreachable", nil, true},
		{"a slot within the quarter of an hour", nil, func(n *town) {
			n.plans(n.doc(wire.WarrantType, n.warrant(tone(n.t, "1", "440"), nil), n.authority), 10*time.Minute)
		}, wire.UpdateWaiting, "release.slot_near", nil, false},
		{"an emergency that cannot be had yet", nil, func(n *town) {
			n.urgent(tone(n.t, "1", "440"), nil)
			clear(n.media)
		}, wire.UpdateWaiting, "release.sounding", nil, false},
		{"one for other boxes first", nil, nil, "", "", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newTown(t)
			n.with(func() {
				n.releases(2, "0.2.0", file, c.change)
				if c.town != nil {
					c.town(n)
				}
				n.tell()
			})
			dir := t.TempDir()
			cfg := n.config(dir)
			cfg.Updates = Updates{Product: "loa-speaker", Number: 1, System: System("7"), Every: 20 * time.Millisecond}
			if c.updates != nil {
				c.updates(&cfg.Updates)
			}
			cfg, err := cfg.filled()
			if err != nil {
				t.Fatal(err)
			}
			a, err := open(t.Context(), cfg, must(openFolder(dir)), thisMachine())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if err := a.enrol(ctx); err != nil {
				t.Fatal(err)
			}
			if err := a.settle(); err != nil {
				t.Fatal(err)
			}
			if c.name == "one for other boxes first" {
				n.with(func() {
					for i := int64(3); wire.Bucket(a.device, n.beacon.Release.Hash) == 0; i++ {
						n.releases(i, "0.2.0", file, nil)
					}
					n.beacon.Release.Share = wire.Bucket(a.device, n.beacon.Release.Hash) // one more would take it in
				})
			}
			ended := make(chan error, 1)
			go func() {
				ended <- together(ctx, a.play, a.hearPlayer, a.plan, a.receive, a.takeNows, a.fetch, a.beat, a.tell, a.update)
			}()
			if c.name == "one that holds is armed" {
				if err := <-ended; err != ErrAgain { //nolint:errorlint // it is this very word
					t.Fatalf("it ended with %v", err)
				}
				got := must(programs{filepath.Join(dir, "program")}.read())
				if got.Trial == nil || got.Trial.Number != 2 || got.Trial.Starts != 0 {
					t.Errorf("note %+v", got)
				}
				return
			}
			if c.state != "" {
				waitFor(t, func() bool { at := a.news.Load(); return at != nil && at.state == c.state && at.why == c.why })
				if b := a.whole(wire.Beat{State: "idle"}); b.Check() != nil || b.Update != c.state || b.UpdateWhy != c.why {
					t.Errorf("beat %+v: %v", b, b.Check())
				}
			} else {
				waitFor(t, a.heard.Load)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			if got := must(programs{filepath.Join(dir, "program")}.read()); got.Trial != nil || got.Runs.File != "" {
				t.Errorf("note %+v", got)
			}
			asked := false
			n.with(func() { asked = len(n.ranges) > 0 })
			if asked != c.downloads {
				t.Errorf("asked for the program: %v", asked)
			}
		})
	}
}

// resealed is the offered release under another key.
func (n *town) resealed(k seal.Key) {
	o := must(seal.Open(n.docs[n.beacon.Release.Hash], seal.MaxDocument))
	n.beacon.Release.Hash = n.raw(must(seal.Seal(wire.ReleaseType, o.Payload, k)))
}

// TestUpdateResumes has the link break again and again: every byte travels once.
func TestUpdateResumes(t *testing.T) {
	t.Parallel()
	file := bytes.Repeat([]byte("loa "), 64<<10)
	var asked []string
	sent := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Range"))
		from := 0
		if s, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
			from = must(strconv.Atoi(strings.TrimSuffix(s, "-")))
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(file)-1, len(file)))
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(file)-from))
		if from > 0 {
			w.WriteHeader(http.StatusPartialContent)
		}
		until := min(len(file), from+100_000)
		sent += until - from
		if _, err := w.Write(file[from:until]); err != nil {
			t.Log(err)
		}
		if until < len(file) {
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	k := keepIn(dir)
	a := &agent{keep: k, client: client{server.URL, server.Client(), server.Client()}}
	p := programs{filepath.Join(dir, "program")}
	must(0, os.MkdirAll(p.dir, 0o700))
	b := wire.Build{System: System("7"), Hash: loa.Hash(file), Bytes: int64(len(file))}
	tries := 0
	for err := error(loa.Errorf(loa.Unavailable, "?")); err != nil; tries++ {
		if tries > 5 {
			t.Fatal(err)
		}
		err = a.bringProgram(t.Context(), p, b, "a")
	}
	if !p.whole(slot{File: "a", Hash: b.Hash}) {
		t.Error("it is not whole")
	}
	if sent > len(file)+3*64<<10 {
		t.Errorf("%d bytes travelled for %d: %v", sent, len(file), asked)
	}
	if tries < 3 || asked[0] != "" || asked[1] == "" {
		t.Errorf("%d tries, asked %v", tries, asked)
	}
}

// FuzzNote: no file makes the launcher fail; what it reads it writes the same.
func FuzzNote(f *testing.F) {
	good := must(json.Marshal(note{Runs: slot{"a", loa.Hash(nil), 2, loa.Hash(nil)}, Trial: &trial{slot{"b", "", 3, ""}, 1}, Highest: 2, Failed: map[string]failure{}}))
	f.Add(append([]byte(loa.Hash(good)+"\n"), good...))
	f.Add([]byte(loa.Hash([]byte("{}")) + "\n{}"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		n := decodeNote(b)
		if n.Failed == nil {
			t.Fatal("no list")
		}
		// Whatever stands there, with its sum: a slot's name never leaves the folder.
		n = decodeNote(append([]byte(loa.Hash(b)+"\n"), b...))
		p := programs{t.TempDir()}
		if p.whole(n.Runs) || n.Trial != nil && p.whole(n.Trial.slot) {
			t.Fatalf("a file that is not there is whole: %+v", n)
		}
	})
}
