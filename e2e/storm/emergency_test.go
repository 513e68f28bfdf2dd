package storm

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"loa/e2e"
)

// load is what goes on beside an emergency, each per second.
type load struct {
	beats  float64 // of a device, a second
	pages  float64 // opened by signed-in officers
	drafts float64 // written, spoken by the machine, approved
}

// normal is an ordinary hour of a province of ten thousand speakers: a beat a
// minute, 200 officers opening a page every 100 seconds, a bulletin a minute.
// Beside it every device reports what it heard within two minutes. Uploads are
// not in it.
func normal() load {
	return load{beats: 1.0 / 60, pages: 2, drafts: 1.0 / 60}
}

func (l load) times(k float64) load {
	return load{beats: l.beats * k, pages: l.pages * k, drafts: l.drafts * k}
}

// worked counts what was done beside.
type worked struct {
	mu   sync.Mutex
	n    map[string]int
	slow map[string][]time.Duration
}

func (w *worked) did(what string, began time.Time, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		what += " failed"
	}
	w.n[what]++
	w.slow[what] = append(w.slow[what], time.Since(began))
}

// work does load l until ctx ends: everything but the beats and receipts, which
// the fleets do.
func (p *Province) work(ctx context.Context, l load) (*worked, func()) {
	done := &worked{n: map[string]int{}, slow: map[string][]time.Duration{}}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	each := func(rate float64, what string, do func(i int) error) {
		if rate == 0 {
			return
		}
		wg.Go(func() {
			tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
			defer tick.Stop()
			var running sync.WaitGroup
			defer running.Wait()
			for i := 0; ; i++ {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				running.Go(func() {
					began := time.Now()
					err := do(i)
					if ctx.Err() == nil {
						done.did(what, began, err)
					}
				})
			}
		})
	}
	pages := []string{"/", "/bulletins", "/approve", "/speakers", "/log", "/people"}
	each(l.pages, "pages", func(i int) error {
		if status, _ := p.Leader.Get(pages[i%len(pages)]); status != http.StatusOK {
			return fmt.Errorf("%s: %d", pages[i%len(pages)], status)
		}
		return nil
	})
	each(l.drafts, "bulletins", func(i int) error {
		id, err := p.Author.Write(fmt.Sprintf("Họp thôn lần %d", i), "Mời bà con họp tối nay lúc 19h30 tại nhà văn hóa thôn.")
		if err != nil {
			return err
		}
		return p.Leader.Approve(id)
	})
	return done, func() { cancel(); wg.Wait() }
}

// TestEmergency measures from the second person's yes, posted, to the first
// sample of the siren at the complete agents' outputs, and to the warrant's last
// byte at every other device; without anything beside, and under a multiple of
// an ordinary hour. `make bench-emergency` runs it with ten thousand devices;
// with fewer (LOA_STORM_DEVICES) the load stays that of ten thousand, so that
// what the server does is found out in less time.
func TestEmergency(t *testing.T) {
	few, agents, alerts, times := 150, 2, 1, 10.0
	long := os.Getenv("LOA_STORM_LONG") != ""
	if long {
		few, agents, alerts = 10000, 24, 20
	}
	n := many(few)
	agents, alerts = number("LOA_STORM_AGENTS", agents), number("LOA_STORM_ALERTS", alerts)
	faster := 1.0 // each device stands for so many
	if long {
		faster = max(1, 10000/float64(n))
	}
	p := start(t, e2e.Options{Agents: agents}, n, "")
	fleets := must[Fleets](t)(startFleets(2))
	defer fleets.End()
	l := normal().times(times)
	a := must[answer](t)(fleets.ask(func(i int) ask {
		from, to := fleets.share(i, n)
		return ask{Do: "open", World: p.World, From: from, To: to, Addr: p.door(), Base: p.Servers[0].URL, AtOnce: 64, Verify: true, Follow: true,
			Beat: time.Minute}
	}))
	if a.Up != n {
		t.Fatalf("%d of %d connected: %v", a.Up, n, a.Fails)
	}
	u := must[use](t)(useOf(p.Servers[0].PID()))
	t.Logf("%d devices and %d complete agents connected: server %d MB resident, %d MB at most", n, agents, u.RSS>>20, u.Most>>20)
	p.alert(t, fleets, n) // the siren is in every agent's store afterwards, as phrases are
	p.alerts(t, "nothing beside", fleets, n, alerts)

	must[answer](t)(fleets.ask(func(int) ask {
		return ask{Do: "beat", Beat: time.Duration(float64(time.Second) / l.beats / faster), Report: time.Duration(float64(2*time.Minute) / faster)}
	}))
	done, stop := p.work(t.Context(), l)
	time.Sleep(2 * time.Second)
	p.alerts(t, fmt.Sprintf("%.0f times an ordinary hour of %.0f devices", times, float64(n)*faster), fleets, n, alerts)
	stop()
	for what, k := range done.n {
		t.Logf("beside: %d %s, each %s", k, what, spreadOf(done.slow[what]))
	}
	a = must[answer](t)(fleets.ask(func(int) ask { return ask{Do: "state"} }))
	u = must[use](t)(useOf(p.Servers[0].PID()))
	t.Logf("after: %d connected, %d lost a connection, %d receipts acknowledged, %v; server %d MB resident, %d MB at most",
		a.Up, a.Lost, a.Told, a.Fails, u.RSS>>20, u.Most>>20)
	if !long && (a.Up != n || a.Lost != 0 || len(a.Fails) != 0 || done.n["pages failed"]+done.n["bulletins failed"] != 0) {
		t.Error("a small province lost something under load")
	}
}

// trace is when an emergency was where, each since the second yes was posted.
type trace struct {
	came, sealed, kept []time.Duration // at the server, by the signer, in the database
	reached            []time.Duration // the first device
	heard              []time.Duration // each device, the last byte
	first              []time.Duration // each complete agent, the first sample
}

// alerts warns so many times and says how long it took.
func (p *Province) alerts(t *testing.T, beside string, fleets Fleets, n, alerts int) {
	t.Helper()
	began, before := time.Now(), p.used(t, fleets)
	var all trace
	for range alerts {
		s := p.alert(t, fleets, n)
		all.came, all.sealed, all.kept = append(all.came, s.came...), append(all.sealed, s.sealed...), append(all.kept, s.kept...)
		all.reached, all.heard, all.first = append(all.reached, s.reached...), append(all.heard, s.heard...), append(all.first, s.first...)
	}
	t.Logf("%s, %d emergencies: second yes → first sample at %d complete agents %s", beside, alerts, len(p.Agents), spreadOf(all.first))
	t.Logf("%s, %d emergencies: second yes → last byte at %d devices %s", beside, alerts, n, spreadOf(all.heard))
	t.Logf("of it: at the server %s; sealed %s; in the book %s; at the first device %s",
		spreadOf(all.came), spreadOf(all.sealed), spreadOf(all.kept), spreadOf(all.reached))
	after := p.used(t, fleets)
	t.Logf("processors, of %d × %.0f s: the server %.0f %%, the devices %.0f %%, complete agents and officers %.0f %%", runtime.NumCPU(), time.Since(began).Seconds(),
		share(after[0]-before[0], began), share(after[1]-before[1], began), share(after[2]-before[2], began))
}

// share is a part, in percent, of what all processors could have done since.
func share(used time.Duration, since time.Time) float64 {
	return 100 * used.Seconds() / time.Since(since).Seconds() / float64(runtime.NumCPU())
}

// used is the processor time of the server with its signer, of the fleets and of this process.
func (p *Province) used(t *testing.T, fleets Fleets) (all [3]time.Duration) {
	t.Helper()
	of := [3][]int{append(children(p.Servers[0].PID()), p.Servers[0].PID()), nil, {os.Getpid()}}
	for _, f := range fleets {
		of[1] = append(of[1], f.cmd.Process.Pid)
	}
	for i, pids := range of {
		for _, pid := range pids {
			all[i] += must[use](t)(useOf(pid)).CPU
		}
	}
	return all
}

// alert warns once and waits until everybody heard it to the end.
func (p *Province) alert(t *testing.T, fleets Fleets, n int) (s trace) {
	t.Helper()
	posted, done, err := p.warn()
	if err != nil {
		t.Fatal(err)
	}
	got := must[answer](t)(fleets.ask(func(i int) ask {
		from, to := fleets.share(i, n)
		return ask{Do: "heard", Hash: done.Hash, Want: to - from, Patience: 30 * time.Second}
	}))
	if len(got.At) != n || got.Bad != 0 {
		t.Fatalf("%d of %d devices heard the emergency, %d wrongly: %v", len(got.At), n, got.Bad, got.Fails)
	}
	since := func(at int64) time.Duration { return time.Duration(at - posted.UnixNano()) }
	for _, at := range got.At {
		s.heard = append(s.heard, since(at))
	}
	s.came, s.sealed, s.kept, s.reached = []time.Duration{since(done.Came)}, []time.Duration{since(done.Sealed)}, []time.Duration{since(done.Kept)},
		[]time.Duration{slices.Min(s.heard)}
	for _, a := range p.Agents {
		p.Eventually("the siren at "+a.Pole.Code, 30*time.Second, func() bool { return a.Horn.Began().After(posted) })
		s.first = append(s.first, a.Horn.Began().Sub(posted))
	}
	p.http.CloseIdleConnections()
	time.Sleep(3 * time.Second) // the siren ends, and a second of silence tells it from the next
	return s
}
