package storm

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"loa/seal"
	"loa/wire"
)

// role names, in the environment of a child, what it is to be.
const role = "LOA_STORM"

// ask is one line to a fleet.
type ask struct {
	Do string // open, beat, heard, slow, gone, state, end

	World    string        // open: the file of a world
	From, To int           // open: which of its devices
	Addr     string        // open: the door
	Base     string        // open: of device calls over HTTP; "" makes none
	CA       string        // open: PEM file; "" for plain TCP
	AtOnce   int           // open: how many sign in at the same time
	Follow   bool          // open: come back when the connection is lost, as an agent does
	Beat     time.Duration // open, beat: between two beats of a device; 0 only keeps alive
	Report   time.Duration // open, beat: every now warrant is reported within this; 0 not at all
	Verify   bool          // open: now warrants are verified

	Hash     string        // heard: of what
	Want     int           // heard: by how many
	Patience time.Duration // heard, state

	Percent int // slow: so many of a hundred read one byte a second
}

// answer is one line from a fleet.
type answer struct {
	Err   string
	Up    int             // connected now
	Took  time.Duration   // open: until all were in or had failed
	Each  Spread          // open: one sign-in
	At    []int64         // heard: UTC nanoseconds of each arrival
	Bad   int             // heard: documents that did not verify, and packets that came twice
	Fails map[string]int  // what went wrong, by its first words
	Lost  int             // connections lost
	Again []time.Duration // state: from a connection's loss to the next sign-in, each
	Gap   time.Duration   // state: longest time a device was without a connection
	TLS   [2]int64        // handshakes: full, resumed
	Slow  int             // slow: those that still have a connection
	Told  int             // receipts acknowledged
}

// fleet is a process full of devices.
type fleet struct {
	addr, base string
	tls        *tls.Config
	http       *http.Client
	trust      *seal.Trust // nil: nothing is verified
	devices    []*device

	beat   atomic.Int64 // nanoseconds between two of a device, 0 for none
	report atomic.Int64 // nanoseconds
	follow atomic.Bool
	spread atomic.Int64
	up     atomic.Int64
	full   atomic.Int64
	again  atomic.Int64

	reported atomic.Int64 // receipts that were acknowledged

	mu      sync.Mutex
	more    chan struct{} // closed and made anew when something was heard or changed
	arrived map[string]*arrivals
	fails   map[string]int
	losses  int
	away    map[*device]time.Time
	back    []time.Duration
	each    []time.Duration
}

type arrivals struct {
	at   []int64
	who  map[*device]bool
	bad  int
	once sync.Once
}

// RunFleet is a child that holds devices until its input ends.
func RunFleet(in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f := &fleet{more: make(chan struct{}), arrived: map[string]*arrivals{}, fails: map[string]int{}, away: map[*device]time.Time{}}
	lines, reply := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var q ask
		if err := lines.Decode(&q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		a := answer{}
		switch q.Do {
		case "open":
			if err := f.open(ctx, q, &a); err != nil {
				a.Err = err.Error()
			}
		case "beat":
			f.beat.Store(int64(q.Beat))
			f.report.Store(int64(q.Report))
		case "heard":
			f.wait(q.Patience, func() bool { return f.arrived[q.Hash] != nil && len(f.arrived[q.Hash].at) >= q.Want })
			f.mu.Lock()
			if got := f.arrived[q.Hash]; got != nil {
				a.At, a.Bad = got.at, got.bad
				delete(f.arrived, q.Hash)
			}
			f.mu.Unlock()
		case "slow":
			for _, d := range f.devices[:len(f.devices)*q.Percent/100] {
				d.slow.Store(true)
				d.close() // it comes back slow
			}
		case "gone":
			f.wait(q.Patience, func() bool { return f.up.Load() == 0 })
		case "state":
			f.wait(q.Patience, func() bool { return int(f.up.Load()) >= q.Want })
		}
		f.state(&a)
		if err := reply.Encode(a); err != nil {
			return err
		}
		if q.Do == "end" {
			return nil
		}
	}
}

// wait waits until it holds, which is asked with the lock held.
func (f *fleet) wait(patience time.Duration, holds func() bool) {
	deadline := time.After(patience)
	for {
		f.mu.Lock()
		more, done := f.more, holds()
		f.mu.Unlock()
		if done {
			return
		}
		select {
		case <-more:
		case <-deadline:
			return
		}
	}
}

// tell wakes whoever waits; the lock is held.
func (f *fleet) tell() {
	close(f.more)
	f.more = make(chan struct{})
}

func (f *fleet) state(a *answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a.Up, a.Fails, a.Lost, a.Told = int(f.up.Load()), f.fails, f.losses, int(f.reported.Load())
	a.Again, a.Each, a.TLS = f.back, spreadOf(f.each), [2]int64{f.full.Load(), f.again.Load()}
	for _, d := range f.back {
		a.Gap = max(a.Gap, d)
	}
	for d, since := range f.away {
		a.Gap = max(a.Gap, time.Since(since))
		_ = d
	}
	for _, d := range f.devices {
		d.mu.Lock()
		if d.conn != nil && d.slow.Load() {
			a.Slow++
		}
		d.mu.Unlock()
	}
}

// open makes the devices and waits until each was in or failed.
func (f *fleet) open(ctx context.Context, q ask, a *answer) error {
	w, err := ReadWorld(q.World)
	if err != nil {
		return err
	}
	f.addr, f.base = q.Addr, q.Base
	f.beat.Store(int64(q.Beat))
	f.report.Store(int64(q.Report))
	f.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64}}
	if q.CA != "" {
		pem, err := os.ReadFile(q.CA)
		if err != nil {
			return err
		}
		f.tls = &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: x509.NewCertPool(), ServerName: "localhost"}
		f.tls.RootCAs.AppendCertsFromPEM(pem)
		f.http.Transport.(*http.Transport).TLSClientConfig = f.tls.Clone()
	}
	if q.Verify {
		if f.trust, err = seal.NewTrust(w.Root, w.Delegations, 0); err != nil {
			return err
		}
	}
	f.follow.Store(q.Follow)
	if q.Follow && q.Base != "" {
		if err := f.askSpread(ctx); err != nil {
			return err
		}
	}
	for _, c := range w.Cards[q.From:q.To] {
		d, err := newDevice(f, c)
		if err != nil {
			return err
		}
		f.devices = append(f.devices, d)
	}
	in := make(chan struct{}, max(1, q.AtOnce))
	began := time.Now()
	for _, d := range f.devices {
		go d.run(ctx, in)
	}
	f.wait(3*time.Minute, func() bool {
		return int(f.up.Load()) >= len(f.devices) || !q.Follow && len(f.each)+f.failures() >= len(f.devices)
	})
	a.Took = time.Since(began)
	go f.alive(ctx)
	return nil
}

// askSpread asks the node, as an agent does, over how long those that lost it are
// to come back.
func (f *fleet) askSpread(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.base+"/device/v1/doors", nil)
	if err != nil {
		return err
	}
	resp, err := f.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var doors struct {
		Spread int64 `json:"spread"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&doors); err != nil {
		return err
	}
	f.spread.Store(int64(time.Duration(doors.Spread) * time.Second))
	return nil
}

// failures counts what went wrong; the lock is held.
func (f *fleet) failures() (n int) {
	for _, k := range f.fails {
		n += k
	}
	return n
}

// alive keeps every connection: one device after the other, evenly, each with a
// beat or a ping once per interval.
func (f *fleet) alive(ctx context.Context) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	last, due, done := time.Now(), 0.0, 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		beat := time.Duration(f.beat.Load())
		every := beat
		if beat == 0 {
			every = mqttKeepAlive * time.Second * 2 / 3
		}
		now := time.Now()
		due += float64(now.Sub(last)) / float64(every) * float64(len(f.devices))
		last = now
		for ; due >= 1; due-- {
			d := f.devices[done%len(f.devices)]
			done++
			switch {
			case d.slow.Load():
			case beat > 0:
				d.beat()
			default:
				d.ping()
			}
		}
	}
}

func (f *fleet) failed(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	// Without the addresses, so that one cause is counted once.
	words := slices.DeleteFunc(strings.Fields(err.Error()), func(w string) bool { return strings.Contains(w, "127.0.0.1") })
	f.fails[strings.Join(words, " ")]++
	f.tell()
}

func (f *fleet) opened(d *device, took time.Duration) {
	f.up.Add(1)
	f.mu.Lock()
	f.each = append(f.each, took)
	if since, ok := f.away[d]; ok {
		f.back = append(f.back, time.Since(since))
		delete(f.away, d)
	}
	f.tell()
	f.mu.Unlock()
	if f.base != "" && f.follow.Load() {
		go func() { // what was said before it listened
			if err := d.pull(context.Background()); err != nil {
				f.failed(err)
			}
		}()
	}
}

func (f *fleet) lost(d *device, _ error) {
	f.up.Add(-1)
	f.mu.Lock()
	f.losses++
	f.away[d] = time.Now()
	f.tell()
	f.mu.Unlock()
}

func (f *fleet) handshake(resumed bool) {
	if resumed {
		f.again.Add(1)
	} else {
		f.full.Add(1)
	}
}

// heard writes down what came on a now topic.
func (f *fleet) heard(d *device, topic string, body []byte, at time.Time) {
	if !strings.HasPrefix(topic, wire.NowTopic("")) {
		return
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	f.mu.Lock()
	got := f.arrived[hash]
	if got == nil {
		got = &arrivals{who: map[*device]bool{}}
		f.arrived[hash] = got
	}
	if got.who[d] {
		got.bad++
	}
	got.who[d] = true
	got.at = append(got.at, at.UnixNano())
	if n := len(got.at); n%500 == 0 || n >= len(f.devices) {
		f.tell()
	}
	f.mu.Unlock()
	if f.trust != nil {
		got.once.Do(func() {
			if _, err := wire.OpenWarrant(f.trust, body, at.UnixMilli()); err != nil {
				f.failed(fmt.Errorf("verify: %w", err))
				f.mu.Lock()
				got.bad++
				f.mu.Unlock()
			}
		})
	}
	if within := f.report.Load(); within > 0 && d.played(hash, at.UnixMilli()) {
		time.AfterFunc(time.Duration(rand.Int64N(within)), func() {
			if err := d.report(context.Background()); err != nil {
				f.failed(err)
				return
			}
			f.reported.Add(1)
		})
	}
}

// Fleet is a child process full of devices, seen from outside.
type Fleet struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	write *json.Encoder
	read  *json.Decoder
}

// child starts this program again in another role.
func child(as string, env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), role+"="+as), env...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing stays behind
	return cmd
}

// startFleet starts an empty fleet.
func startFleet() (*Fleet, error) {
	cmd := child("fleet")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &Fleet{cmd: cmd, in: in, write: json.NewEncoder(in), read: json.NewDecoder(bufio.NewReaderSize(out, 1<<20))}, nil
}

func (f *Fleet) ask(q ask) (a answer, err error) {
	if err := f.write.Encode(q); err != nil {
		return a, fmt.Errorf("ask fleet: %w", err)
	}
	if err := f.read.Decode(&a); err != nil {
		return a, fmt.Errorf("ask fleet: %w", err)
	}
	if a.Err != "" {
		return a, errors.New(a.Err)
	}
	return a, nil
}

// End ends the process and every connection in it.
func (f *Fleet) End() {
	_ = f.in.Close() // it ends when its input does
	_ = f.cmd.Wait() // however it went
}

// Fleets are several, as one.
type Fleets []*Fleet

// startFleets starts n.
func startFleets(n int) (all Fleets, err error) {
	for range n {
		f, err := startFleet()
		if err != nil {
			return all, err
		}
		all = append(all, f)
	}
	return all, nil
}

// ask asks all at once and joins what they answer: counts are added, times are
// the longest.
func (all Fleets) ask(each func(i int) ask) (sum answer, err error) {
	answers, errs := make([]answer, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	for i, f := range all {
		wg.Go(func() { answers[i], errs[i] = f.ask(each(i)) })
	}
	wg.Wait()
	sum.Fails = map[string]int{}
	for _, a := range answers {
		sum.Up, sum.Bad, sum.Lost, sum.Slow, sum.Told = sum.Up+a.Up, sum.Bad+a.Bad, sum.Lost+a.Lost, sum.Slow+a.Slow, sum.Told+a.Told
		sum.Took, sum.Gap = max(sum.Took, a.Took), max(sum.Gap, a.Gap)
		sum.At, sum.Again = append(sum.At, a.At...), append(sum.Again, a.Again...)
		sum.TLS[0], sum.TLS[1] = sum.TLS[0]+a.TLS[0], sum.TLS[1]+a.TLS[1]
		sum.Each.P99 = max(sum.Each.P99, a.Each.P99)
		for k, n := range a.Fails {
			sum.Fails[k] += n
		}
	}
	return sum, errors.Join(errs...)
}

// share is the part of n devices that falls to fleet i.
func (all Fleets) share(i, n int) (from, to int) { return n * i / len(all), n * (i + 1) / len(all) }

// End ends all.
func (all Fleets) End() {
	for _, f := range all {
		f.End()
	}
}
