package link

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"loa/bulletin"
	"loa/db"
	"loa/e2e"
	"loa/wire"
)

// TestMain is also an island's speakers.
func TestMain(m *testing.M) {
	if os.Getenv(role) != "" {
		if err := speakers(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(e2e.Main(m))
}

// free is an address nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestLine has every connection of three speakers, to the pages' port and to the
// door, cut at a random byte, while a notice is sent and sounds and its receipts
// come home; then the lines are healed and another is sent. Each sounds at most
// once on each speaker, the second exactly once; every line of every speaker comes
// home, once, without a gap.
func TestLine(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	door := free(t)
	open := func(target string) *Line {
		l, err := Open(target, seed)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() }) // the test is over
		return l
	}
	push := open(door)
	town := e2e.Start(t, e2e.Options{Lead: "8s", Env: []string{"LOA_MQTT=" + door, "LOA_DOORS=tcp://" + push.Addr()}})
	server := town.Servers[0]
	town.Author.At(server)
	town.Leader.At(server)
	at := server.URL
	pull := open(strings.TrimPrefix(at, "http://"))
	server.URL = "http://" + pull.Addr() // the speakers' way; officers sit beside the node
	town.AddAgents(3)
	server.URL = at

	const bytes = 12_000 // a notice's sound is more
	pull.Cut(bytes)
	push.Cut(bytes)
	first := notice(t, town, "Họp thôn tối nay")
	play(t, town, first, 1)
	town.Eventually("a line of each speaker", 90*time.Second, func() bool { return len(town.Log(first)) == 3 })
	cuts := pull.Cuts() + push.Cuts()
	if cuts < 20 {
		t.Errorf("%d cuts: the test proves nothing", cuts)
	}
	pull.Heal()
	push.Heal()
	healed := time.Now()
	second := notice(t, town, "Họp thôn tối mai")
	play(t, town, second, 1)
	town.Eventually("a line of each speaker, again", 60*time.Second, func() bool { return len(town.Log(second)) == 3 })
	played := sounds(t, town.Log(first))
	for _, p := range town.Log(second) {
		if p.Result != wire.Played {
			t.Errorf("on a whole line, box %s: %s %s", p.Box, p.Result, p.Why)
		}
	}
	for i, a := range town.Agents {
		if n, want := a.Horn.Sounds(), played[town.Box(i).ID]+1; n != want {
			t.Errorf("%s sounded %d times and wrote down %d", a.Pole.Code, n, want)
		}
	}
	settled(t, town)
	t.Logf("%d cuts (%d of device calls, %d of the door); on the cut line %d of 3 sounded, the others said why; after it healed all, in %s",
		cuts, pull.Cuts(), push.Cuts(), len(played), time.Since(healed).Round(time.Millisecond))
}

// notice is one that waits to be placed.
func notice(t *testing.T, town *e2e.Town, title string) (id string) {
	t.Helper()
	id, err := town.Author.Write(title, "Mời bà con họp thôn.")
	if err == nil {
		err = town.Leader.Approve(id)
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// play has a notice played, so many times one after the other.
func play(t *testing.T, town *e2e.Town, id string, times int) {
	t.Helper()
	for range times {
		if err := town.Author.PlayNow(id); err != nil {
			t.Fatal(err)
		}
	}
}

// sounds counts what was heard of a notice by box, and that no slot is told twice.
func sounds(t *testing.T, log []bulletin.Playback) map[string]int {
	t.Helper()
	told, n := map[string]bool{}, map[string]int{}
	for _, p := range log {
		if told[p.Box+p.Slot] {
			t.Errorf("slot %s twice in the log of box %s", p.Slot, p.Box)
		}
		told[p.Box+p.Slot] = true
		switch {
		case p.Result == wire.Played:
			n[p.Box]++
		case p.Why == "":
			t.Errorf("box %s did not play slot %s and does not say why: %s", p.Box, p.Slot, p.Result)
		}
	}
	return n
}

// settled holds when the node has every line of every speaker up to the last that
// it acknowledged: none lost, none twice.
func settled(t *testing.T, town *e2e.Town) (lines int) {
	t.Helper()
	if err := town.DB.Read(t.Context(), func(tx *db.Tx) error {
		var gaps int
		if err := tx.Row(`SELECT COUNT(*) FROM box WHERE through <> (SELECT COUNT(DISTINCT n) FROM playback WHERE box_id = box.id)
			OR through <> (SELECT COUNT(*) FROM playback WHERE box_id = box.id)`).Scan(&gaps); err != nil {
			return err
		}
		if gaps > 0 {
			t.Errorf("%d boxes have lines that are missing or twice", gaps)
		}
		return tx.Row(`SELECT COUNT(*) FROM playback`).Scan(&lines)
	}); err != nil {
		t.Fatal(err)
	}
	return lines
}
