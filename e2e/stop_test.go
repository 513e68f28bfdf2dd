package e2e_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"loa"
	"loa/db"
	"loa/e2e"
	"loa/node"
	"loa/wire"
)

// mostStop is how long a server that is told to end may take.
const mostStop = 10 * time.Second

// TestStopped tells the server to end while officers write and upload, a box hands
// in receipts, a page is watched and a request stalls for ever; then once more
// while a notice is just being sent to the speakers. It ends well and in time, and
// started again it has everything that was acknowledged: nothing is lost, and the
// notice sounds once on every speaker.
func TestStopped(t *testing.T) {
	for name, o := range map[string]e2e.Options{"SQLite": {Agents: 3}, "PostgreSQL": {Agents: 3, Postgres: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Lead = "8s" // for a server that starts again meanwhile, on a busy machine
			town := e2e.Start(t, o)
			server := town.Servers[0]
			town.Author.At(server)
			town.Leader.At(server)
			id, err := town.Author.Write("Họp thôn", "Mời bà con họp thôn.")
			if err != nil {
				t.Fatal(err)
			}
			if err := town.Leader.Approve(id); err != nil {
				t.Fatal(err)
			}
			stalled, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer stalled.Close()
			if _, err := io.WriteString(stalled, "POST /device/v1/receipts HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"); err != nil {
				t.Fatal(err)
			}
			load := loaded(t, town)
			stops := []time.Duration{load.stop(server)}
			load.work(100)

			// The order to play crosses the order to end, a little before or after.
			acked := make(chan error, 1)
			go func() { acked <- town.Author.PlayNow(id) }()
			<-time.After(time.Duration(rand.IntN(60)) * time.Millisecond)
			stops = append(stops, load.stop(server))
			if err := <-acked; err != nil && placed(t, town, id) == 0 {
				t.Log("not acknowledged, and not there:", err)
				town.Eventually("the notice placed", 10*time.Second, func() bool { return town.Author.PlayNow(id) == nil })
			}
			playing := town.Agents[1:] // the load speaks for the first
			town.Eventually("receipts", 40*time.Second, func() bool { return len(town.Log(id)) == len(playing) })
			for _, l := range town.Log(id) {
				if l.Result != wire.Played {
					t.Errorf("box %s: %s %s", l.Box, l.Result, l.Why)
				}
			}
			for _, a := range playing {
				if n := a.Horn.Sounds(); n != 1 {
					t.Errorf("%s sounded %d times, want once", a.Pole.Code, n)
				}
			}
			n := load.kept()
			if err := town.DB.Read(t.Context(), func(tx *db.Tx) error {
				p, err := node.VerifyBook(tx, town.Config, nil)
				for _, f := range p.Faults {
					t.Errorf("the book: %+v", f)
				}
				return err
			}); err != nil {
				t.Error(err)
			}
			t.Logf("told to end under load: %s; with a request that stalls: %s; %d acknowledged, all there",
				stops[1].Round(time.Millisecond), stops[0].Round(time.Millisecond), n)
		})
	}
}

// load is people and a box that go on working, whatever becomes of the server.
type load struct {
	t       *testing.T
	town    *e2e.Town
	workers []*script
	done    chan struct{}
	once    sync.Once
	wg      sync.WaitGroup
}

// loaded begins a load and returns once each part of it was acknowledged something.
func loaded(t *testing.T, town *e2e.Town) *load {
	t.Helper()
	l := &load{t: t, town: town, done: make(chan struct{})}
	box := scripted(t, town)
	for _, step := range []func(*script, int) error{
		(*script).typed, (*script).word, (*script).upload,
		func(s *script, i int) error { return s.typed(10_000 + i) },
		func(s *script, _ int) (err error) {
			if s.next, err = through(town, s.box); err != nil { // what was not acknowledged may be there all the same
				return err
			}
			return s.receipt()
		},
	} {
		s := &script{t: t, town: town, box: box.box, key: box.key, bytes: box.bytes}
		l.workers = append(l.workers, s)
		l.wg.Go(func() {
			for i := 0; !l.ended(); i++ {
				_ = step(s, i) // not acknowledged: nothing is promised
				<-time.After(50 * time.Millisecond)
			}
		})
	}
	l.wg.Go(l.watch)
	t.Cleanup(l.end)
	l.work(20)
	return l
}

// typed saves a draft, once.
func (s *script) typed(i int) error {
	once := loa.NewID(time.Now())
	status, to := s.town.Author.Post("/bulletins", url.Values{"path": {string(e2e.Commune)}, "title": {fmt.Sprint("Bản thảo ", i)}, "text": {notice},
		"class": {"normal"}, "scope": {string(e2e.Commune)}, "accent": {"north"}, "once": {once}, "until": {time.Now().AddDate(0, 0, 3).Format(time.DateOnly)}})
	if status != http.StatusSeeOther || to != "/bulletins/"+once {
		return fmt.Errorf("draft: %d %s", status, to)
	}
	s.ack(drafted(once))
	return nil
}

// watch has a page's stream of events open all the time.
func (l *load) watch() {
	for !l.ended() {
		req, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, l.town.Servers[0].URL+"/events", nil)
		if err != nil {
			l.t.Error(err)
			return
		}
		if res, err := l.town.Author.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, res.Body) // until the server ends it
			_ = res.Body.Close()
		}
		<-time.After(20 * time.Millisecond)
	}
}

func (l *load) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// end ends the load.
func (l *load) end() {
	l.once.Do(func() {
		close(l.done)
		l.town.Servers[0].Kill() // the stream of events has no other end
		l.wg.Wait()
	})
}

// work waits until n more were acknowledged, of every kind some.
func (l *load) work(n int64) {
	l.t.Helper()
	before := make([]int64, len(l.workers))
	for i, s := range l.workers {
		before[i] = s.acked.Load()
	}
	l.town.Eventually("a load", 20*time.Second, func() bool {
		all, each := int64(0), true
		for i, s := range l.workers {
			more := s.acked.Load() - before[i]
			all += more
			each = each && more > 0
		}
		return each && all >= n
	})
}

// stop tells the server to end, waits for it, and starts it again.
func (l *load) stop(server *e2e.Server) time.Duration {
	l.t.Helper()
	told := time.Now()
	server.Stop()
	if err := server.Ended(3 * mostStop); err != nil {
		l.t.Errorf("told to end, it ended with %v", err)
	}
	took := time.Since(told)
	if took > mostStop {
		l.t.Errorf("it took %s to end, at most %s was wanted", took, mostStop)
	}
	server.Up()
	return took
}

// kept ends the load and looks for everything it was promised.
func (l *load) kept() (n int) {
	l.t.Helper()
	l.end()
	left := &e2e.Left{Dir: l.town.Dir, DB: l.town.DB, Blobs: &db.Blobs{Dir: l.town.Config.Blobs}}
	for _, s := range l.workers {
		n += len(s.promises)
		if err := left.DB.Read(l.t.Context(), func(tx *db.Tx) error {
			for _, p := range s.promises {
				if err := p.kept(tx, left); err != nil {
					return fmt.Errorf("%s is gone: %w", p.name, err)
				}
			}
			return nil
		}); err != nil {
			l.t.Error(err)
		}
	}
	l.town.Servers[0].Up()
	return n
}

// through is the last line of a box's receipts that the node has.
func through(town *e2e.Town, box string) (n int64, err error) {
	err = town.DB.Read(town.T.Context(), func(tx *db.Tx) error {
		return tx.Row(`SELECT through FROM box WHERE id = ?`, box).Scan(&n)
	})
	return n, err
}
