package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"loa"
	"loa/db"
	"loa/e2e"
	"loa/wire"
)

// TestKilledBetweenCommitAndSend has the bus away when a notice is dispatched:
// the commit is made, nothing can leave, and the server is killed like that.
// Started again with the bus back, it says what was left.
func TestKilledBetweenCommitAndSend(t *testing.T) {
	town := e2e.Start(t, e2e.Options{Postgres: true, Servers: 2, Agents: 2})
	town.Author.At(town.Servers[0])
	town.Leader.At(town.Servers[0])
	id := approved(t, town)
	town.StopNATS()
	if err := town.Author.PlayNow(id); err != nil {
		t.Fatal(err)
	}
	if n := unsent(t, town); n == 0 {
		t.Fatal("everything left although the bus was away: the test proves nothing")
	}
	town.Servers[0].Kill()
	town.StartNATS()
	town.Servers[0].Up()
	town.Eventually("everything said", 40*time.Second, func() bool { return unsent(t, town) == 0 })
	town.Eventually("receipts", 40*time.Second, func() bool { return len(town.Log(id)) == 2 })
	once(t, town, 1)
}

// approved is a notice that only waits to be placed.
func approved(t *testing.T, town *e2e.Town) string {
	t.Helper()
	id, err := town.Author.Write("Họp thôn tối nay", notice)
	if err != nil {
		t.Fatal(err)
	}
	if err := town.Leader.Approve(id); err != nil {
		t.Fatal(err)
	}
	return id
}

func unsent(t *testing.T, town *e2e.Town) (n int) {
	t.Helper()
	if err := town.DB.Read(t.Context(), func(tx *db.Tx) error {
		return tx.Row(`SELECT COUNT(*) FROM outbox WHERE sent_at IS NULL`).Scan(&n)
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// once holds every speaker to the number of times something may have sounded.
func once(t *testing.T, town *e2e.Town, want int) {
	t.Helper()
	for _, a := range town.Agents {
		if n := a.Horn.Sounds(); n != want {
			t.Errorf("%s sounded %d times, want %d", a.Pole.Code, n, want)
		}
	}
}

// TestKilledBetweenReceiptAndAck kills the server after it has committed a
// receipt and before its answer reaches the device. The device sends it again;
// the log has each line once.
func TestKilledBetweenReceiptAndAck(t *testing.T) {
	town := e2e.Start(t, e2e.Options{})
	server := town.Servers[0]
	var killed atomic.Int32
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	dead := make(chan struct{}, 1)
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.URL.Path == "/device/v1/receipts" && killed.CompareAndSwap(0, 1) {
			server.Kill() // the answer is in our hands, and nobody gets it
			dead <- struct{}{}
			return context.Canceled
		}
		return nil
	}
	front := httptest.NewServer(proxy)
	defer front.Close()
	server.URL = front.URL
	town.AddAgents(1)
	server.URL = target.String()
	town.Author.At(server)
	town.Leader.At(server)
	id := approved(t, town)
	if err := town.Author.PlayNow(id); err != nil {
		t.Fatal(err)
	}
	select {
	case <-dead:
	case <-time.After(40 * time.Second):
		t.Fatal("no receipt came")
	}
	server.Up()
	town.Eventually("the receipt acknowledged", 30*time.Second, func() bool { return acknowledged(t, town) == 1 })
	if log := town.Log(id); len(log) != 1 || log[0].Result != wire.Played {
		t.Errorf("the log has %+v, want one line, played", log)
	}
	once(t, town, 1)
}

func acknowledged(t *testing.T, town *e2e.Town) (through int64) {
	t.Helper()
	if err := town.DB.Read(t.Context(), func(tx *db.Tx) error {
		return tx.Row(`SELECT COALESCE(MIN(through), 0) FROM box`).Scan(&through)
	}); err != nil {
		t.Fatal(err)
	}
	return through
}

// TestKilledAtRandom kills the server at thirty random moments while officers
// type and speakers play and report. What was acknowledged is there afterwards,
// with its line in the book; every slot sounded once on every speaker.
func TestKilledAtRandom(t *testing.T) {
	kills := 30
	if testing.Short() {
		kills = 5
	}
	town := e2e.Start(t, e2e.Options{Agents: 3})
	server := town.Servers[0]
	town.Author.At(server)
	town.Leader.At(server)
	id := approved(t, town)
	slots := 0

	ctx, stop := context.WithCancel(t.Context())
	var mu sync.Mutex
	var acked []string
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if id := type1(town, fmt.Sprintf("Thông báo %d.%d", w, i)); id != "" {
					mu.Lock()
					acked = append(acked, id)
					mu.Unlock()
				}
			}
		})
	}
	for range kills {
		if slots < 4 && town.Author.PlayNow(id) == nil {
			slots++ // acknowledged: it must sound
		}
		<-time.After(time.Duration(rand.IntN(400)+20) * time.Millisecond)
		server.Kill()
		server.Up()
	}
	stop()
	wg.Wait()
	if slots == 0 || len(acked) < kills {
		t.Fatalf("%d slots, %d drafts acknowledged: the load was none", slots, len(acked))
	}
	town.Eventually("every receipt", 90*time.Second, func() bool { return len(town.Log(id)) >= len(town.Agents)*placed(t, town, id) })
	n := placed(t, town, id)
	if n < slots {
		t.Errorf("%d slots stand, %d were acknowledged", n, slots)
	}
	once(t, town, n)
	seen := map[string]bool{}
	for _, p := range town.Log(id) {
		if key := p.Box + p.Slot; seen[key] {
			t.Errorf("slot %s twice in the log of box %s", p.Slot, p.Box)
		} else {
			seen[key] = true
		}
		if p.Result != wire.Played {
			t.Errorf("box %s: %s %s", p.Box, p.Result, p.Why)
		}
	}
	for _, id := range acked {
		if got := verbs(t, town, id); len(got) == 0 || got[0] != "bulletin.drafted" {
			t.Errorf("draft %s was acknowledged and the book says %v", id, got)
		}
	}
	t.Logf("%d kills, %d drafts acknowledged, %d slots on %d speakers", kills, len(acked), n, len(town.Agents))
}

// type1 saves one draft and gives its id if the server acknowledged it.
func type1(town *e2e.Town, title string) string {
	status, to := town.Author.Post("/bulletins", url.Values{"path": {string(e2e.Commune)}, "title": {title}, "text": {notice},
		"class": {"normal"}, "scope": {string(e2e.Commune)}, "accent": {"north"},
		"until": {time.Now().AddDate(0, 0, 3).Format(time.DateOnly)}, "do": {"save"}})
	if status != http.StatusSeeOther {
		return ""
	}
	_, id, _ := strings.Cut(to, "/bulletins/")
	id, _, _ = strings.Cut(id, "/")
	if !loa.IsID(id) {
		return ""
	}
	return id
}

func placed(t *testing.T, town *e2e.Town, id string) int {
	t.Helper()
	slots, err := town.Flow().Slots(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return len(slots)
}
