package storm

import (
	"context"
	"fmt"
	"net/http"
	"os"
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
// an ordinary hour. `make bench-emergency` runs it with ten thousand devices.
func TestEmergency(t *testing.T) {
	few, agents, alerts, times := 150, 2, 1, 10.0
	long := os.Getenv("LOA_STORM_LONG") != ""
	if long {
		few, agents, alerts = 10000, 24, 20
	}
	n := many(few)
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
		return ask{Do: "beat", Beat: time.Duration(float64(time.Second) / l.beats), Report: 2 * time.Minute}
	}))
	done, stop := p.work(t.Context(), l)
	time.Sleep(2 * time.Second)
	p.alerts(t, fmt.Sprintf("%.0f times an ordinary hour", times), fleets, n, alerts)
	stop()
	for what, k := range done.n {
		t.Logf("beside: %d %s, each %s", k, what, spreadOf(done.slow[what]))
	}
	a = must[answer](t)(fleets.ask(func(int) ask { return ask{Do: "state"} }))
	u = must[use](t)(useOf(p.Servers[0].PID()))
	t.Logf("after: %d connected, %d lost a connection, %v; server %d MB resident, %d MB at most", a.Up, a.Lost, a.Fails, u.RSS>>20, u.Most>>20)
	if !long && (a.Up != n || a.Lost != 0 || len(a.Fails) != 0 || done.n["pages failed"]+done.n["bulletins failed"] != 0) {
		t.Error("a small province lost something under load")
	}
}

// alerts warns so many times and says how long it took.
func (p *Province) alerts(t *testing.T, beside string, fleets Fleets, n, alerts int) {
	t.Helper()
	var first, heard []time.Duration
	for range alerts {
		s, h := p.alert(t, fleets, n)
		first, heard = append(first, s...), append(heard, h...)
	}
	t.Logf("%s, %d emergencies: second yes → first sample at %d complete agents %s", beside, alerts, len(p.Agents), spreadOf(first))
	t.Logf("%s, %d emergencies: second yes → last byte at %d devices %s", beside, alerts, n, spreadOf(heard))
}

// alert warns once and waits until everybody heard it to the end.
func (p *Province) alert(t *testing.T, fleets Fleets, n int) (first, heard []time.Duration) {
	t.Helper()
	posted, hash, err := p.warn()
	if err != nil {
		t.Fatal(err)
	}
	got := must[answer](t)(fleets.ask(func(i int) ask {
		from, to := fleets.share(i, n)
		return ask{Do: "heard", Hash: hash, Want: to - from, Patience: 30 * time.Second}
	}))
	if len(got.At) != n || got.Bad != 0 {
		t.Fatalf("%d of %d devices heard the emergency, %d wrongly: %v", len(got.At), n, got.Bad, got.Fails)
	}
	for _, at := range got.At {
		heard = append(heard, time.Duration(at-posted.UnixNano()))
	}
	for _, a := range p.Agents {
		p.Eventually("the siren at "+a.Pole.Code, 30*time.Second, func() bool { return a.Horn.Began().After(posted) })
		first = append(first, a.Horn.Began().Sub(posted))
	}
	p.http.CloseIdleConnections()
	time.Sleep(3 * time.Second) // the siren ends, and a second of silence tells it from the next
	return first, heard
}
