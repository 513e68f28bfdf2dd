// Package e2e tests the whole system: real server processes, a real signer, a
// real database, a real NATS server, agents over real MQTT and HTTP, and
// officers who click through the pages. Start gives a town in one line; read
// walk_test.go first, it is the outward line from typed text to receipt.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"loa"
	"loa/bulletin"
	"loa/bus/natsd"
	"loa/db"
	"loa/db/dbtest"
	"loa/e2e/cut"
	"loa/edge"
	"loa/node"
	"loa/office"
	"loa/people"
	"loa/seal"
	"loa/signer"
	"loa/signer/softkey"
	"loa/speaker"
	"loa/unit"
	"loa/wire"
)

// Options say what kind of town is wanted.
type Options struct {
	Dir      string   // an empty folder to live in, short enough for a socket; "": made and removed
	Postgres bool     // otherwise SQLite
	Servers  int      // 1 if zero; more need Postgres and get a NATS server between them
	Agents   int      // speakers, dealt out over the servers
	Lead     string   // LOA_LEAD, 2s if empty
	Local    bool     // people reach the first server at http://localhost, where browsers allow passkeys without TLS
	Station  bool     // the officers hold their posts in the commune, not the province, and it has its two sessions
	Program  string   // serves instead of cmd/loa, and reads LOA_E2E_LOA for where that is
	Env      []string // more of what the servers are told
}

// Town is a running system.
type Town struct {
	T        testing.TB
	Dir      string
	Database string
	DB       *db.DB // the test's own look at the database
	NATS     string
	Servers  []*Server
	Agents   []*Agent
	Author   *Officer // writes; may not approve
	Leader   *Officer // approves and dispatches
	Config   node.Config

	foreign  int      // boxes that are no agents of ours
	home     loa.Path // of the officers' posts
	binary   string
	program  string // what serves: binary, or another
	env      []string
	http     string // where the first server listens
	core     *natsd.Server
	natsAddr string
	lead     string
	disk     *cut.Disk // nil: the machine's own
	keys     map[string]*softkey.Authenticator
}

// Server is one `loa serve` process.
type Server struct {
	town *Town
	Env  []string
	URL  string
	MQTT string
	Took time.Duration // from starting the process to its answering, the last time
	cmd  *exec.Cmd
	gone chan struct{} // closed when the process has ended
	end  error         // how it did
	logs *syncBuffer
}

// Agent is one loudspeaker: the real agent with an output that keeps time.
type Agent struct {
	town   *Town
	Pole   speaker.Pole
	Dir    string
	Server int
	Horn   *Horn
	code   string
	cancel context.CancelFunc
	done   chan error
}

// Commune is where the town's speakers stand.
const Commune = loa.Path("vn/98/98011")

// Origin is what people type, except in a Local town; passkeys are bound to its host.
const Origin = "http://loa.example.vn"

const stage = `path,code,parent,level,type,name,valid_from,valid_to,predecessors
vn,,,country,quoc_gia,Việt Nam,1945-09-02,,
vn/98,98,vn,province,tinh,Lam Xuyên,2025-07-01,,
vn/98/98011,98011,vn/98,commune,xa,Đồng Sậy,2025-07-01,,
vn/98/98037,98037,vn/98,commune,xa,Bến Mai,2025-07-01,,
vn/98/98011/h/thon-1,,vn/98/98011,hamlet,thon,1,2025-07-01,,
vn/98/98011/h/thon-2,,vn/98/98011,hamlet,thon,2,2025-07-01,,
`

// built is what the tests of a process share: the programs, and which addresses
// were given out, for they run beside each other.
var built struct {
	sync.Mutex
	dir   string
	ports map[string]bool
}

// Main runs the tests of a package and takes the programs they built away again.
func Main(m *testing.M) int {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // a temporary folder: the system's to clean otherwise
	}
	return code
}

// Binary builds cmd/loa once for a test process.
func Binary(t testing.TB) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if built.dir == "" {
		dir, err := os.MkdirTemp("", "loa-e2e-") //nolint:usetesting // it outlives this test: Main removes it
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("go", "build", "-o", dir, "loa/cmd/loa", "loa/cmd/loa-speaker").CombinedOutput()
		if err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
		built.dir = dir
	}
	return filepath.Join(built.dir, "loa")
}

// Start brings a town up and takes it down with the test.
func Start(t testing.TB, o Options) *Town {
	t.Helper()
	if o.Servers == 0 {
		o.Servers = 1
	}
	dir, err := o.Dir, error(nil)
	if dir == "" {
		dir, err = os.MkdirTemp("", "loa-e2e-") //nolint:usetesting // t.TempDir is too long for a Unix socket
	}
	if err != nil {
		t.Fatal(err)
	}
	w := &Town{T: t, Dir: dir, binary: Binary(t), http: port(t), keys: map[string]*softkey.Authenticator{}, env: o.Env}
	if w.program = w.binary; o.Program != "" {
		w.program, w.env = o.Program, append(w.env, "LOA_E2E_LOA="+w.binary)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("kept", dir)
			for _, s := range w.Servers {
				s.complains()
			}
			return
		}
		if o.Dir == "" {
			_ = os.RemoveAll(dir) // a temporary folder: the system's to clean otherwise
		}
	})
	if w.home = "vn/98"; o.Station {
		w.home = Commune
	}
	if w.lead = o.Lead; w.lead == "" {
		w.lead = "2s"
	}
	w.Database = "sqlite:" + filepath.Join(dir, "loa.db")
	if o.Postgres {
		w.Database = dbtest.Postgres(t)
	}
	if o.Servers > 1 {
		w.natsAddr = port(t)
		w.StartNATS()
		t.Cleanup(w.StopNATS)
		w.NATS = w.core.URL()
	}
	origin := Origin
	if o.Local {
		_, number, err := net.SplitHostPort(w.http)
		w.must(err)
		origin = "http://localhost:" + number
	}
	w.ceremony(origin)
	for i := range o.Servers {
		w.Servers = append(w.Servers, w.server(i))
	}
	w.DB = w.open()
	w.Author.town, w.Leader.town = w, w
	w.rules()
	if o.Station {
		w.sessions()
	}
	w.AddAgents(o.Agents)
	return w
}

// AddAgents puts up more speakers and waits until they are placed and heard.
func (w *Town) AddAgents(n int) {
	for range n {
		i := len(w.Agents)
		w.Agents = append(w.Agents, w.agent(i, i%len(w.Servers)))
	}
	w.confirm()
}

// AddForeign puts up a pole whose box is no agent of ours: start is told the
// node's address and the code, and the box is placed and heard before this returns.
func (w *Town) AddForeign(pole speaker.Pole, start func(server, code string)) speaker.Pole {
	reg := w.Register()
	pole, err := reg.AddPole(w.T.Context(), w.Author.Actor(), pole)
	w.must(err)
	code, err := reg.NewCode(w.T.Context(), w.Author.Actor(), pole.ID)
	w.must(err)
	start(w.Servers[0].URL, code)
	w.foreign++
	w.confirm()
	return pole
}

// StartNATS starts the server between the processes, at the address it had.
func (w *Town) StartNATS() {
	var err error
	w.core, err = natsd.Core(w.natsAddr)
	w.must(err)
}

// StopNATS takes it away.
func (w *Town) StopNATS() { w.must(w.core.Close()) }

func (w *Town) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

func (w *Town) open() *db.DB {
	d, err := db.Open(w.T.Context(), w.Database, loa.WallClock{})
	w.must(err)
	w.T.Cleanup(func() { _ = d.Close() }) // the town is going down
	return d
}

// ceremony makes keys, places, people and the signer's first roster, as the
// command line does.
func (w *Town) ceremony(origin string) {
	ctx := w.T.Context()
	var err error
	w.Config, err = node.Config{Dir: w.Dir, Database: w.Database, Origin: origin, HTTP: w.http, MQTT: "127.0.0.1:0",
		Lead: 2 * time.Second, Flush: 200 * time.Millisecond, NATS: w.NATS}.Filled()
	w.must(err)
	file, _, err := signer.NewRoot("Lam Xuyên (giả định)", true, nil)
	w.must(err)
	w.must(os.WriteFile(w.RootKey(), file, 0o600))
	made, err := signer.Init(w.Config.SignerDir, file, nil, nil, "vn/98", []loa.Path{Commune, "vn/98/98037"}, time.Now(), 14*24*time.Hour)
	w.must(err)
	w.must(node.WriteKeys(w.Config.Keys, made))
	d, err := db.Open(ctx, w.Database, loa.WallClock{})
	w.must(err)
	_, err = (&unit.Register{DB: d}).Import(ctx, loa.System(), strings.NewReader(stage), false)
	w.must(err)
	w.Author = w.person(d, "author", "Lê Thị Mận", []loa.Right{loa.RightWrite, loa.RightDispatch, loa.RightSpeakers, loa.RightForm, loa.RightRead},
		signer.DutyPlace, signer.DutyStop)
	w.Leader = w.person(d, "leader", "Trần Bá Khôi", []loa.Right{loa.RightApprove, loa.RightDispatch, loa.RightPeople, loa.RightRead},
		signer.DutyApprove, signer.DutyPolicy, signer.DutyStop, signer.DutyRoster)
	w.must(d.Close())
}

// RootKey is the file that ought to lie in a safe.
func (w *Town) RootKey() string { return filepath.Join(w.Dir, "root.key") }

// Loa runs the program as an administrator does, with more of the environment, and
// gives what it printed.
func (w *Town) Loa(env []string, args ...string) (string, error) {
	cmd := exec.Command(w.binary, args...)
	cmd.Env = append(append(os.Environ(), w.Servers[0].Env...), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Officer adds a person with a post over a place to a running town.
func (w *Town) Officer(login, name string, over loa.Path, rights []loa.Right, duties ...signer.Duty) *Officer {
	home := w.home
	defer func() { w.home = home }()
	w.home = over
	o := w.person(w.DB, login, name, rights, duties...)
	o.town = w
	return o
}

func (w *Town) person(d *db.DB, login, name string, rights []loa.Right, duties ...signer.Duty) *Officer {
	ctx := w.T.Context()
	reg := &people.Register{DB: d, RPID: w.Config.RPID(), Origin: w.Config.Origin, Issuer: "Loa"}
	p, err := reg.AddPerson(ctx, loa.System(), people.NewPerson{Name: name, Login: login, Password: "đồng sậy mùa nước nổi", Path: w.home})
	w.must(err)
	o, err := (&office.Register{DB: d}).Add(ctx, loa.System(), office.Office{Name: "Đài của " + name, Kind: "dai", Path: w.home})
	w.must(err)
	post, err := reg.AddPost(ctx, loa.System(), people.Post{Office: o.ID, Title: "Người của " + name, Grants: []loa.Grant{{Path: w.home, Rights: rights}}})
	w.must(err)
	_, err = reg.Hold(ctx, loa.System(), post.ID, p.ID, time.Now().Add(-time.Minute), time.Time{}, false)
	w.must(err)
	key, err := softkey.New(p.ID)
	w.must(err)
	w.keys[p.ID] = key
	if len(duties) > 0 {
		w.must(signer.Bootstrap(w.Config.SignerDir, key.Member(name, []loa.Path{"vn/98"}, duties...)))
	}
	jar, err := cookiejar.New(nil)
	w.must(err)
	return &Officer{ID: p.ID, Login: login, http: &http.Client{Jar: jar, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// server starts one `loa serve`. The first starts the signer as its child, the
// others use its socket.
func (w *Town) server(i int) *Server {
	address := w.http
	if i > 0 {
		address = port(w.T)
	}
	s := &Server{town: w, Env: []string{
		"LOA_DIR=" + w.Dir, "LOA_DATABASE=" + w.Database, "LOA_NATS=" + w.NATS, "LOA_ORIGIN=" + w.Config.Origin,
		"LOA_HTTP=" + address, "LOA_MQTT=" + port(w.T), "LOA_LEAD=" + w.lead, "LOA_BEAT_FLUSH=200ms", "LOA_LOG=warn",
	}}
	s.Env = append(s.Env, w.env...)
	if i > 0 {
		s.Env = append(s.Env, "LOA_SIGNER="+filepath.Join(w.Dir, "sign.sock"))
	}
	s.Up()
	w.T.Cleanup(s.Kill)
	return s
}

// port finds a free address that no other test of the process was given. A server
// that is killed and started again must answer where it did before, so it is told
// the address.
func port(t testing.TB) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if built.ports == nil {
		built.ports = map[string]bool{}
	}
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at := l.Addr().String()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if !built.ports[at] {
			built.ports[at] = true
			return at
		}
	}
}

var listening = regexp.MustCompile(`http://(\S+), MQTT on \[(\S+)\]`)

// Up starts the process and waits until it answers.
func (s *Server) Up() {
	t := s.town.T
	s.cmd = exec.Command(s.town.program, "serve")
	s.cmd.Env = append(os.Environ(), s.Env...)
	s.logs = &syncBuffer{}
	s.cmd.Stderr = s.logs
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, gone := s.cmd, make(chan struct{})
	s.gone = gone
	defer func() {
		go func() {
			s.end = cmd.Wait()
			close(gone)
		}()
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			if s.Took = time.Since(began); s.URL == "" { // the same address every time
				s.URL, s.MQTT = "http://"+m[1], m[2]
				if slices.ContainsFunc(s.Env, func(e string) bool { return strings.HasPrefix(e, "LOA_TLS_CERT=") }) {
					s.URL = "https://" + m[1]
				}
			}
			go func() { _, _ = io.Copy(io.Discard, out) }() // until the process ends
			return
		}
	}
	t.Fatalf("server did not start: %s", s.logs)
}

// PID is the process's, 0 while there is none.
func (s *Server) PID() int {
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// complains shows what the server logged as wrong, for whoever reads why a test
// failed.
func (s *Server) complains() {
	if s.logs == nil {
		return
	}
	for line := range strings.Lines(s.logs.String()) {
		if strings.Contains(line, "ERROR") || strings.Contains(line, "WARN") {
			s.town.T.Log(strings.TrimSpace(line))
		}
	}
}

// Ended waits for the process to end by itself and gives how it did.
func (s *Server) Ended(patience time.Duration) error {
	t := s.town.T
	select {
	case <-s.gone:
		s.cmd = nil
		return s.end
	case <-time.After(patience):
		t.Fatalf("the server still runs: %s", s.logs)
		return nil
	}
}

// Stop tells the process to end, as a system that is shut down does.
func (s *Server) Stop() { s.town.must(s.cmd.Process.Signal(syscall.SIGTERM)) }

// Refused starts a process that is not to start, and gives what it says.
func (s *Server) Refused() string {
	cmd := exec.Command(s.town.binary, "serve")
	cmd.Env = append(os.Environ(), s.Env...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		s.town.T.Fatalf("it started: %s", out)
	}
	return string(out)
}

// Kill ends the process as a power cut does.
func (s *Server) Kill() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill() // gone already: as wanted
		<-s.gone
		s.cmd = nil
	}
}

// Dead reports whether the process has ended by itself.
func (s *Server) Dead() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

// Logged is what the process has logged since it was started.
func (s *Server) Logged() string { return s.logs.String() }

// agent puts up a pole and starts the agent under it.
func (w *Town) agent(i, server int) *Agent {
	ctx := w.T.Context()
	reg := w.Register()
	hamlet := loa.Path(fmt.Sprintf("%s/h/thon-%d", Commune, i%2+1))
	pole, err := reg.AddPole(ctx, w.Author.Actor(), speaker.Pole{Code: fmt.Sprintf("DS%02d", i+1), Path: hamlet, Name: fmt.Sprintf("Cột %d", i+1), Cap: 90})
	w.must(err)
	code, err := reg.NewCode(ctx, w.Author.Actor(), pole.ID)
	w.must(err)
	a := &Agent{town: w, Pole: pole, Dir: filepath.Join(w.Dir, "box-"+pole.Code), Server: server, Horn: &Horn{}, code: code}
	a.Start()
	w.T.Cleanup(a.Stop)
	return a
}

// PutUp starts one more speaker that asks with a code somebody made at the desk.
func (w *Town) PutUp(code string) *Agent {
	a := &Agent{town: w, Dir: filepath.Join(w.Dir, fmt.Sprintf("box-more-%d", len(w.Agents))), Horn: &Horn{}, code: code}
	w.Agents = append(w.Agents, a)
	a.Start()
	w.T.Cleanup(a.Stop)
	return a
}

// Digits are the six that a box which asked shows on its front.
func (w *Town) Digits(pole string) (check string) {
	w.Eventually("a box that asked for "+pole, 60*time.Second, func() bool {
		all, err := w.Register().Waiting(w.T.Context(), w.home)
		w.must(err)
		for _, b := range all {
			if b.Pole.Code == pole {
				check = b.Check
			}
		}
		return check != ""
	})
	return check
}

// Start runs the agent.
func (a *Agent) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel, a.done = cancel, make(chan error, 1)
	a.Horn.Silent = edge.Silent{Clock: loa.WallClock{}}
	go func() {
		a.done <- edge.Run(ctx, edge.Config{Server: a.town.Servers[a.Server].URL, Dir: a.Dir, Code: a.code, Output: a.Horn,
			ReceiptDelay: 100 * time.Millisecond, BeatEvery: time.Second, PullEvery: 2 * time.Second, BeaconStale: 3 * time.Second,
			Version: "e2e", Log: slog.New(slog.DiscardHandler)})
	}()
}

// Key is the box's own, for a test that speaks in its place. The file is the sum,
// a counter and the identity, a line each (docs/decisions/0038-what-a-speaker-wrote-down.md).
func (a *Agent) Key() seal.Key {
	b, err := os.ReadFile(filepath.Join(a.Dir, "identity.a"))
	a.town.must(err)
	var identity struct{ Seed []byte }
	parts := bytes.SplitN(b, []byte("\n"), 3)
	a.town.must(json.Unmarshal(parts[len(parts)-1], &identity))
	key, err := seal.KeyFromSeed(identity.Seed)
	a.town.must(err)
	return key
}

// Stop ends the agent and waits for it.
func (a *Agent) Stop() {
	a.cancel()
	<-a.done //nolint:errcheck // killed or ended: the tests ask the server what it did
	a.done <- nil
}

// Horn is an output that takes real time and counts what sounded in it.
type Horn struct {
	edge.Silent
	mu     sync.Mutex
	sounds int // times a silence of a second ended
	quiet  int
	begun  bool
	last   time.Time
}

// Write counts, then takes as long as the samples sound.
func (h *Horn) Write(pcm []int16) error {
	h.mu.Lock()
	for _, s := range pcm {
		if s == 0 {
			h.quiet++
			if h.quiet > edge.Rate {
				h.begun = false
			}
			continue
		}
		h.quiet = 0
		if !h.begun {
			h.begun, h.last = true, time.Now()
			h.sounds++
		}
	}
	h.mu.Unlock()
	return h.Silent.Write(pcm)
}

// Sounds is how often something sounded, silences of a second apart.
func (h *Horn) Sounds() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sounds
}

// Began is when the last sound began to be written.
func (h *Horn) Began() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

// Register is the town's register of speakers, beside its servers.
func (w *Town) Register() *speaker.Register {
	root, err := node.LoadRoot(w.Config.Keys)
	w.must(err)
	keys, err := node.LoadKeys(w.Config.Keys)
	w.must(err)
	return &speaker.Register{DB: w.DB, Root: root, Keys: keys, Signer: w.Signer(), Said: speaker.Silently}
}

// Signer is the town's signer.
func (w *Town) Signer() signer.Client {
	return signer.Client{Socket: filepath.Join(w.Dir, "sign.sock")}
}

// Flow is the outward line over the town's database, beside its servers: for
// looking, and for what the command line would do.
func (w *Town) Flow() *bulletin.Flow {
	keys, err := node.LoadKeys(w.Config.Keys)
	w.must(err)
	return &bulletin.Flow{DB: w.DB, Signer: w.Signer(), Keys: keys, Blobs: &db.Blobs{Dir: w.Config.Blobs}, Lead: 2000, Said: speaker.Silently}
}

// Eventually waits until f is true.
func (w *Town) Eventually(what string, patience time.Duration, f func() bool) {
	w.T.Helper()
	deadline := time.After(patience)
	for !f() {
		select {
		case <-deadline:
			for _, s := range w.Servers {
				w.T.Logf("server said:\n%s", s.logs)
			}
			w.T.Fatalf("not within %s: %s", patience, what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// confirm is the officer at the desk: each box that asks is placed.
func (w *Town) confirm() {
	reg := w.Register()
	ctx := w.T.Context()
	w.Eventually("all boxes placed and heard", 80*time.Second, func() bool {
		boxes, err := reg.Boxes(ctx, Commune)
		w.must(err)
		ready := 0
		for _, b := range boxes {
			if b.State == speaker.Placed && b.Health.At > 0 {
				ready++
			}
			if b.State == speaker.Waiting {
				payload, err := reg.DraftPlacement(ctx, w.Author.Actor(), b.ID, false)
				w.must(err)
				w.must(reg.Confirm(ctx, w.Author.Actor(), b.ID, w.Author.Yes(payload)))
			}
		}
		return ready == len(w.Agents)+w.foreign
	})
}

// rules opens the whole day in the commune's policy.
func (w *Town) rules() {
	p := wire.Policy{V: wire.Version, Kind: "policy", Path: w.home, Version: 1, Volume: 90,
		Hours: []wire.Hours{{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: 0, Until: 1440}},
		From:  time.Now().Add(-time.Hour).UnixMilli(), Until: time.Now().Add(13 * 24 * time.Hour).UnixMilli()}
	payload, err := wire.Encode(p)
	w.must(err)
	w.must(w.Register().SetPolicy(w.T.Context(), w.Leader.Actor(), payload, w.Leader.Yes(payload)))
}

// sessions are the two of the station's regulation, every day: 5:30 to 6:15 and
// 17:00 to 17:45.
func (w *Town) sessions() {
	for _, f := range []bulletin.Frame{
		{Path: Commune, Part: bulletin.Morning, Name: "Buổi sáng", From: 330, Until: 375, Days: []int{1, 2, 3, 4, 5, 6, 7}},
		{Path: Commune, Part: bulletin.Afternoon, Name: "Buổi chiều", From: 1020, Until: 1065, Days: []int{1, 2, 3, 4, 5, 6, 7}},
	} {
		w.must(w.Flow().SetFrame(w.T.Context(), w.Author.Actor(), f))
	}
}

// Officer is a person with a browser and a passkey.
type Officer struct {
	ID    string
	Login string
	town  *Town
	http  *http.Client
	on    *Server
}

// Actor is the person with the rights the posts give.
func (o *Officer) Actor() loa.Actor {
	who, err := (&people.Register{DB: o.town.DB}).Actor(o.town.T.Context(), o.ID)
	o.town.must(err)
	return who
}

// Yes is the person's passkey over some bytes.
func (o *Officer) Yes(payload []byte) wire.Approval {
	yes, err := o.town.keys[o.ID].Approve(payload, o.town.Config.RPID(), o.town.Config.Origin)
	o.town.must(err)
	return yes
}

// Link is a single-use link for signing in.
func (o *Officer) Link() (token string) {
	w := o.town
	token, err := (&people.Register{DB: w.DB, RPID: w.Config.RPID(), Origin: w.Config.Origin}).NewLink(w.T.Context(), loa.System(), o.ID, time.Hour)
	w.must(err)
	return token
}

// At signs the person in at one server with a single-use link.
func (o *Officer) At(s *Server) *Officer {
	w, token := o.town, o.Link()
	o.on = s
	if status, body := o.Post("/sign-in/link/"+token, nil); status != http.StatusSeeOther {
		w.T.Fatalf("sign in: %d %s", status, body)
	}
	return o
}

// Post sends a form and answers the status, with where it leads or what it says.
func (o *Officer) Post(path string, form url.Values) (int, string) {
	return o.send(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

// PostJSON sends what a page's script sends.
func (o *Officer) PostJSON(path string, v any) (int, string) {
	b, err := json.Marshal(v)
	o.town.must(err)
	return o.send(http.MethodPost, path, "application/json", bytes.NewReader(b))
}

// Get reads a page.
func (o *Officer) Get(path string) (int, string) { return o.send(http.MethodGet, path, "", nil) }

// PostFile sends a form with a file as a browser does.
func (o *Officer) PostFile(path string, fields map[string]string, name string, file []byte) (int, string) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for k, v := range fields {
		o.town.must(form.WriteField(k, v))
	}
	if file != nil {
		part, err := form.CreateFormFile("file", name)
		o.town.must(err)
		_, err = part.Write(file)
		o.town.must(err)
	}
	o.town.must(form.Close())
	return o.send(http.MethodPost, path, form.FormDataContentType(), &body)
}

func (o *Officer) send(method, path, kind string, body io.Reader) (int, string) {
	req, err := http.NewRequestWithContext(o.town.T.Context(), method, o.on.URL+path, body)
	o.town.must(err)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("Accept", "application/json, text/html;q=0.5")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := o.http.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	if to := res.Header.Get("Location"); to != "" {
		return res.StatusCode, to
	}
	return res.StatusCode, string(b)
}

// Do sends a request as the person's browser would.
func (o *Officer) Do(req *http.Request) (*http.Response, error) {
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return o.http.Do(req)
}

// On is where the person is signed in.
func (o *Officer) On() *Server { return o.on }

// Write types a notice and asks for approval; it gives the bulletin's id.
func (o *Officer) Write(title, text string) (id string, err error) {
	return o.Compose(url.Values{"title": {title}, "text": {text}})
}

// Compose sends the form of a bulletin and asks for approval: for the commune,
// normal, three days, unless the form says otherwise.
func (o *Officer) Compose(form url.Values) (id string, err error) {
	for field, usual := range map[string]string{"path": string(Commune), "class": "normal", "scope": string(Commune), "accent": "north",
		"until": time.Now().AddDate(0, 0, 3).Format(time.DateOnly), "do": "submit"} {
		if !form.Has(field) {
			form.Set(field, usual)
		}
	}
	status, to := o.Post("/bulletins", form)
	if status != http.StatusSeeOther {
		return "", fmt.Errorf("write: %d %s", status, to)
	}
	return bulletinID(to)
}

var address = regexp.MustCompile(`/bulletins/([0-9a-z]{26})`)

func bulletinID(to string) (string, error) {
	m := address.FindStringSubmatch(to)
	if m == nil {
		return "", errors.New("no bulletin in " + to)
	}
	return m[1], nil
}

// Approve reads the notice to its end and says yes with a passkey.
func (o *Officer) Approve(id string) error {
	b, err := o.town.Flow().Find(o.town.T.Context(), o.Actor(), id)
	if err != nil {
		return err
	}
	if status, body := o.Post("/bulletins/"+id+"/hear", url.Values{"payload": {loa.Hash(b.Payload)}, "how": {"read"}}); status != http.StatusSeeOther {
		return fmt.Errorf("hear: %d %s", status, body)
	}
	if status, body := o.PostJSON("/bulletins/"+id+"/approve", o.Yes(b.Payload)); status != http.StatusOK {
		return fmt.Errorf("approve: %d %s", status, body)
	}
	return nil
}

// PlayNow is phát ngay.
func (o *Officer) PlayNow(id string) error {
	if status, body := o.Post("/bulletins/"+id+"/now", nil); status != http.StatusSeeOther {
		return fmt.Errorf("play now: %d %s", status, body)
	}
	return nil
}

// Log is the playback log of a bulletin.
func (w *Town) Log(id string) []bulletin.Playback {
	log, err := w.Flow().Log(w.T.Context(), w.Leader.Actor(), bulletin.LogQuery{Place: w.home, Bulletin: id, Limit: 1000})
	w.must(err)
	return log
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// Placement is what the box at a pole was told of itself, as it is sealed.
func (w *Town) Placement(code string) (p wire.Placement) {
	boxes, err := w.Register().Boxes(w.T.Context(), w.home)
	w.must(err)
	for _, b := range boxes {
		if b.Pole.Code != code {
			continue
		}
		sealed, err := w.Register().SealedPlacement(w.T.Context(), b.ID)
		w.must(err)
		o, err := seal.Open(sealed, seal.MaxDocument)
		w.must(err)
		p, err = wire.ReadPlacement(o.Payload)
		w.must(err)
	}
	return p
}

// Box is the register's row of the nth speaker.
func (w *Town) Box(n int) speaker.Box {
	boxes, err := w.Register().Boxes(w.T.Context(), w.Agents[n].Pole.Path)
	w.must(err)
	for _, b := range boxes {
		if b.Pole.Code == w.Agents[n].Pole.Code {
			return b
		}
	}
	w.T.Fatalf("no box under %s", w.Agents[n].Pole.Code)
	return speaker.Box{}
}
