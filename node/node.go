package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"loa"
	"loa/bulletin"
	"loa/bus"
	"loa/calendar"
	"loa/db"
	"loa/document"
	"loa/door"
	"loa/form"
	"loa/journal"
	"loa/lang"
	"loa/lexicon"
	"loa/office"
	"loa/people"
	"loa/seal"
	"loa/sheet"
	"loa/signer"
	"loa/sound"
	"loa/speaker"
	"loa/unit"
	"loa/upkeep"
	"loa/upload"
	"loa/voice"
	"loa/web"
	"loa/web/api"
	"loa/web/desk"
	"loa/web/province"
	"loa/wire"
)

// Options are what a program decides about a node beyond its configuration.
type Options struct {
	Clock loa.Clock
	Log   *slog.Logger
	Self  string // the executable, which the sandbox and the child signer run again
	// SoftApprove lets the demonstration's pages approve with its software
	// authenticator; nil everywhere else.
	SoftApprove func(ctx context.Context, person string, payload []byte) (wire.Approval, error)
	// More adds a program's own pages, as the demonstration does.
	More func(mux *http.ServeMux)
}

// Node is a server put together.
type Node struct {
	Config    Config
	DB        *db.DB
	Blobs     *db.Blobs
	Units     *unit.Register
	Calendar  *calendar.Register
	Words     *lexicon.Register
	Offices   *office.Register
	People    *people.Register
	Speakers  *speaker.Register
	Bulletins *bulletin.Flow
	Uploads   *upload.Room
	Upkeep    *upkeep.Book
	Hub       *web.Hub
	Signer    signer.Client
	Root      seal.Root

	id       string
	clock    loa.Clock
	log      *slog.Logger
	opts     Options
	bus      *bus.Bus
	door     *door.Door
	server   *http.Server
	listener net.Listener
	child    *child
	province *province.Provider
	saying   chan spoken
	warning  chan spoken
	flushNow chan loa.Path
	learnNow chan struct{}
	book     *journal.Chain
	ringNow  chan struct{}
	calls    *voice.Callbacks // from a speech service; nil without one
	reserve  *db.Reserve
	failed   chan error // the disk did not do what it was told
	in       inbox
	trustMu  sync.Mutex
	trust    *seal.Trust
}

// Open builds a node and opens its doors; Run makes it work. On an error
// everything opened so far is closed again.
func Open(ctx context.Context, c Config, o Options) (n *Node, err error) {
	n = &Node{Config: c, opts: o, clock: o.Clock, log: o.Log, id: loa.NewID(o.Clock.Now()),
		saying: make(chan spoken, 1024), warning: make(chan spoken, 1024), flushNow: make(chan loa.Path, 1), learnNow: make(chan struct{}, 1), ringNow: make(chan struct{}, 1),
		reserve: &db.Reserve{Dir: c.Dir}, failed: make(chan error, 1),
		in: inbox{beats: map[string]wire.Beat{}, floors: map[string]int64{}, places: map[string]loa.Path{}}}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	if err := db.MakeFolder(c.Dir); err != nil {
		return n, fmt.Errorf("make folder: %w", err)
	}
	n.reserve.Look() // a server that starts on a full disk needs the ballast's room to start
	if n.Root, err = LoadRoot(c.Keys); err != nil {
		return n, err
	}
	keys, err := LoadKeys(c.Keys)
	if err != nil {
		return n, err
	}
	if n.DB, err = db.Open(ctx, c.Database, o.Clock); err != nil {
		return n, err
	}
	n.DB.Watch = db.Watch{Full: n.reserve.Hit, Failed: n.diskFailed}
	n.Blobs = &db.Blobs{Dir: c.Blobs, Watch: n.DB.Watch}
	if n.bus, err = bus.Open(ctx, c.NATS, o.Log); err != nil {
		return n, err
	}
	if err := n.openSigner(ctx); err != nil {
		return n, err
	}
	n.Units = &unit.Register{DB: n.DB}
	n.Calendar = &calendar.Register{DB: n.DB}
	n.Words = &lexicon.Register{DB: n.DB}
	n.Offices = &office.Register{DB: n.DB}
	n.People = &people.Register{DB: n.DB, RPID: c.RPID(), Origin: c.Origin, Issuer: "Loa", OpenLinks: n.Root.Demo, Unfinished: takeOver}
	if n.book, err = n.chain(keys); err != nil {
		return n, err
	}
	n.Speakers = &speaker.Register{DB: n.DB, Keys: keys, Signer: n.Signer, Root: n.Root, Said: n.said}
	speech, calls, err := c.Voice(o.Clock, o.Log)
	if err != nil {
		return n, err
	}
	n.calls = calls
	n.Bulletins = &bulletin.Flow{
		DB: n.DB, Blobs: n.Blobs, Signer: n.Signer, Grants: n.Signer, Approvers: Approvers(n.People), Keys: keys,
		Lead: c.Lead.Milliseconds(), Said: n.said, Lexicon: lexicon.Readings,
		Speech:  speech,
		Encoder: sound.Encoder{FFmpeg: "ffmpeg", Self: o.Self},
	}
	n.Uploads = &upload.Room{DB: n.DB, Blobs: n.Blobs, Dir: filepath.Join(c.Blobs, "upload"), Said: n.said,
		Sounds: sound.Encoder{FFmpeg: "ffmpeg", Self: o.Self}, Texts: document.Reader{Self: o.Self}}
	n.Bulletins.Recordings = n.Uploads.Recording
	if err := n.believe(ctx); err != nil {
		return n, err
	}
	if err := n.learn(ctx); err != nil {
		return n, err
	}
	certs, err := c.tls(o.Clock)
	if err != nil {
		return n, err
	}
	if n.door, err = door.Open(ctx, door.Config{Addr: c.MQTT, TLS: certs, Clock: o.Clock,
		Trust: n.trusted, Revoked: n.revoked, OnBeat: n.beat, MaxDevices: c.room(o.Log), SignIns: c.SignIns, Log: o.Log}); err != nil {
		return n, err
	}
	if n.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", c.HTTP); err != nil {
		return n, fmt.Errorf("listen for pages: %w", err)
	}
	if certs != nil {
		n.listener = tls.NewListener(n.listener, certs)
	}
	return n, n.openPages()
}

// openPages builds the pages and the device calls.
func (n *Node) openPages() error {
	catalog, err := lang.Load()
	if err != nil {
		return err
	}
	if n.province, err = n.Config.signIn(n.clock); err != nil {
		return err
	}
	n.Hub = web.NewHub()
	devices := &api.Devices{Speakers: n.Speakers, Bulletins: n.Bulletins, Media: n.Blobs.Path, Clock: n.clock, Log: n.log,
		Say: func(err error) string { return catalog.Error("en", err) }, Doors: n.Doors(), Spread: n.spread, Short: n.reserve.Short}
	site, err := web.New(web.Config{Catalog: catalog, People: n.People, Clock: n.clock, Log: n.log, Hub: n.Hub,
		TLS: strings.HasPrefix(n.Config.Origin, "https:"), Demo: n.Root.Demo, Short: n.reserve.Short})
	if err != nil {
		return err
	}
	sheets := &sheet.Book{DB: n.DB, Blobs: n.Blobs, Said: n.said, Registers: map[string]sheet.Register{
		"poles":   speaker.Poles{Label: func(key string) string { return catalog.T("vi", key) }},
		"people":  people.Table{Label: func(key string) string { return catalog.T("vi", key) }},
		"hamlets": unit.Hamlets{Used: speaker.CountAt},
	}}
	forms := &form.Register{DB: n.DB, Blobs: n.Blobs, Bulletins: n.Bulletins}
	n.Upkeep = &upkeep.Book{DB: n.DB, Said: n.said}
	routes, err := desk.New(desk.Config{Calendar: n.Calendar,
		Site: site, Sheets: sheets, Forms: forms, Upkeep: n.Upkeep, Certificate: n.Config.certificateEnds, Bulletins: n.Bulletins, Speakers: n.Speakers, Units: n.Units, Words: n.Words,
		People: n.People, Offices: n.Offices, Province: n.province, Roster: Roster{n.Signer}, Journal: n.journal, Checkpoint: n.checkpoint, Sound: n.Blobs.Get, Uploads: n.Uploads, SoftApprove: n.opts.SoftApprove})
	if err != nil {
		return err
	}
	proxies, err := n.Config.proxies()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/device/", devices.Handler())
	mux.HandleFunc("GET /healthz", n.healthz)
	if n.calls != nil {
		mux.HandleFunc("POST /voice/callback/{token}", n.calls.Handler)
	}
	mux.Handle("/", site.Handler(routes))
	if n.opts.More != nil {
		n.opts.More(mux)
	}
	n.server = &http.Server{Handler: web.Behind(proxies, mux), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(n.log.Handler(), slog.LevelDebug)}
	return nil
}

// Doors lists the MQTT addresses devices are told.
func (n *Node) Doors() []string {
	if n.Config.Doors != "" {
		return strings.Split(n.Config.Doors, ",")
	}
	scheme := "tcp://"
	if n.Config.TLSCert != "" {
		scheme = "ssl://"
	}
	return []string{scheme + n.door.Addr()}
}

// Addr is where pages and device calls are answered.
func (n *Node) Addr() string { return n.listener.Addr().String() }

// lastAnswers is how long requests that came before the end may still take. A
// device or a browser that sends slower than that sends again.
const lastAnswers = 3 * time.Second

// Run works until ctx ends or something fails that the process cannot mend. Told
// to end, it takes no more requests, answers those it has, and says meanwhile what
// they bring about; then everything else ends. What was acknowledged and not said
// by then stands in the book for the next start or another process.
func (n *Node) Run(ctx context.Context) error {
	told := ctx
	ctx, cancel := context.WithCancel(context.WithoutCancel(told))
	defer cancel()
	stop := n.bus.On(bus.Handlers{Out: n.out, First: isNow, Wake: func() {}, Watch: n.changed})
	defer stop()
	var wg sync.WaitGroup
	failed := make(chan error, 8)
	work := func(name string, f func() error) {
		wg.Go(func() {
			if err := n.guard(f); err != nil && ctx.Err() == nil {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	for _, j := range n.jobs() {
		work(j.name, func() error { n.repeat(ctx, j); return nil })
	}
	work("relay", func() error { return n.relay(ctx) })
	work("warnings", func() error { return n.warnings(ctx) })
	work("beacons after a warning", func() error { return n.ring(ctx) })
	work("beats", func() error { return n.beats(ctx) })
	if n.child != nil {
		work("signer", n.child.wait)
	}
	work("pages", func() error {
		if err := n.server.Serve(n.listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	var err error
	select {
	case <-told.Done():
	case err = <-failed:
	case err = <-n.failed:
	}
	n.Hub.Close()
	quick, done := context.WithTimeout(ctx, lastAnswers)
	defer done()
	if n.server.Shutdown(quick) != nil {
		err = errors.Join(err, n.server.Close())
	}
	cancel()
	if n.child != nil {
		n.child.stop()
	}
	wg.Wait()
	return err
}

// beats flushes on every change of state and at least every Flush, and reads
// the boxes again when one was placed or taken away.
func (n *Node) beats(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.flushNow:
		case <-n.learnNow:
			if err := n.learn(ctx); err != nil {
				n.log.Warn("read boxes", slog.String("error", err.Error()))
			}
			continue
		case <-n.clock.After(n.Config.Flush):
		}
		if err := n.flush(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("write beats", slog.String("error", err.Error()))
		}
	}
}

// diskFailed ends the process, which is started again and reads what the disk
// really holds: going on could acknowledge what was never written. From a disk
// that takes nothing any more it could not start: it stays and shows what it has.
func (n *Node) diskFailed(err error) {
	if n.reserve.ReadOnly() {
		n.log.Error("disk", slog.String("error", err.Error()))
		return
	}
	select {
	case n.failed <- err:
	default: // it ends already
	}
}

// lookAtDisk keeps the reserve and says when the disk is full, and when no more.
func (n *Node) lookAtDisk(context.Context) error {
	if n.reserve.Look() {
		if err := n.reserve.Short(); err != nil {
			n.log.Error("disk", slog.String("error", err.Error()))
		} else {
			n.log.Warn("disk: there is room again")
		}
	}
	return nil
}

// guard turns a panic of a worker into its error.
func (n *Node) guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

// Close closes what Open opened.
func (n *Node) Close() error {
	var errs []error
	if n.child != nil {
		n.child.stop()
	}
	if n.listener != nil {
		if err := n.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if n.door != nil {
		errs = append(errs, n.door.Close())
	}
	if n.bus != nil {
		n.bus.Close()
	}
	if n.DB != nil {
		errs = append(errs, n.DB.Close())
	}
	return errors.Join(errs...)
}

// healthz says whether this process can warn: the database answers, the signer
// answers, the bus is connected.
func (n *Node) healthz(w http.ResponseWriter, r *http.Request) {
	state := map[string]string{"database": "ok", "signer": "ok", "bus": "ok"}
	code := http.StatusOK
	fail := func(part string, err error) { state[part], code = err.Error(), http.StatusServiceUnavailable }
	if err := n.DB.Read(r.Context(), func(tx *db.Tx) error { _, err := journal.List(tx, journal.Filter{Limit: 1}); return err }); err != nil {
		fail("database", err)
	}
	if _, err := n.Signer.Describe(r.Context()); err != nil {
		fail("signer", err)
	}
	if !n.bus.Connected() {
		fail("bus", loa.Errorf(loa.Unavailable, "bus.away"))
	}
	if err := n.reserve.Short(); err != nil { // it can still warn
		state["disk"] = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(state) // the asker is gone: there is nobody to tell
}

// journal reads the book for a page.
func (n *Node) journal(ctx context.Context, f journal.Filter) (rows []journal.Row, err error) {
	err = n.DB.Read(ctx, func(tx *db.Tx) error {
		rows, err = journal.List(tx, f)
		return err
	})
	return rows, err
}

func (n *Node) checkpoint(ctx context.Context) (c journal.Checkpoint, err error) {
	err = n.DB.Read(ctx, func(tx *db.Tx) error {
		c, err = journal.Newest(tx)
		return err
	})
	return c, err
}

func (n *Node) country() loa.Path { return "vn" }

// certificateEnds is when the certificate ends that this process shows, zero where
// something in front of it does.
func (c Config) certificateEnds() time.Time {
	certs, err := c.tls(loa.WallClock{})
	if err != nil || certs == nil {
		return time.Time{}
	}
	leaf, err := x509.ParseCertificate(certs.Certificates[0].Certificate[0])
	if err != nil {
		return time.Time{}
	}
	return leaf.NotAfter
}

// takeOver joins the register of people to the outward line: neither knows the
// other.
func takeOver(tx *db.Tx, who loa.Actor, giver, taker people.Person, places []loa.Path) (int, error) {
	return bulletin.TakeOver(tx, who, giver.ID, taker.ID, taker.Name, places)
}

// signIn is the province's own sign-in, nil where there is none.
func (c Config) signIn(clock loa.Clock) (*province.Provider, error) {
	if c.OIDCIssuer == "" {
		return nil, nil
	}
	secret, err := os.ReadFile(c.OIDCSecret)
	if err != nil {
		return nil, fmt.Errorf("read what proves this site to the province: %w", err)
	}
	name := c.OIDCName
	if name == "" {
		name = "tài khoản của tỉnh"
	}
	return &province.Provider{Name: name, Issuer: c.OIDCIssuer, ID: c.OIDCClient, Secret: strings.TrimSpace(string(secret)),
		Return: strings.TrimSuffix(c.Origin, "/") + "/sign-in/province/callback", Client: &http.Client{Timeout: 10 * time.Second}, Clock: clock}, nil
}

// recheck asks the province whether those it let in are still there.
func (n *Node) recheck(ctx context.Context) error {
	if n.province == nil {
		return nil
	}
	return n.People.RecheckProvince(ctx, n.province.Still)
}
