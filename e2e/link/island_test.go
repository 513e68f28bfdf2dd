package link

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"loa/db"
	"loa/e2e"
	"loa/speaker"
	"loa/wire"
)

var (
	boxes = flag.Int("boxes", 6, "speakers in the commune that is cut off, beside two that stand alone")
	plays = flag.Int("plays", 4, "slots that are due while everybody is cut off")
)

// inside says in the environment that this process has a network of its own.
const inside = "LOA_LINK_INSIDE"

// sea is a node and its islands.
type sea struct {
	t       *testing.T
	town    *e2e.Town
	islands []*Island
	all     int // speakers
}

// TestIslands has the node and its speakers in networks of their own, joined by
// links: a commune's, and one for each of two speakers that stand alone. The links
// are pulled while slots are due, made deaf in one direction, pulled a hundred
// times, and narrowed to 256 kbit/s. The speakers go on alone; when the way is back
// everything comes home within a minute for each thousand lines: none lost, none
// twice, nothing sounded twice.
//
//	LOA_LONG=1 go test ./e2e/link -run TestIslands -v -boxes 20 -plays 40
func TestIslands(t *testing.T) {
	switch {
	case os.Getenv("LOA_LONG") == "":
		t.Skip("minutes of cut links: LOA_LONG=1")
	case os.Geteuid() != 0:
		t.Skip("networks of their own need root")
	case os.Getenv(inside) == "":
		again(t)
		return
	}
	s := settle(t)
	every := func(f func(*Island) error) func() {
		return func() {
			for _, i := range s.islands {
				if err := f(i); err != nil {
					t.Error(err)
				}
			}
		}
	}
	s.away("pulled", *plays, every((*Island).Cut), every((*Island).Heal), true)
	s.away("deaf", 1, every((*Island).Mute), every((*Island).Unmute), false)
	s.away("pulled a hundred times", 2, func() {
		for range 100 {
			every((*Island).Cut)()
			<-time.After(20 * time.Millisecond)
			every((*Island).Heal)()
			<-time.After(30 * time.Millisecond)
		}
	}, func() {}, false)
	every(func(i *Island) error { return i.Slow("256kbit") })()
	s.away("256 kbit/s", 1, func() {}, every((*Island).Fast), false)
	lines := settled(t, s.town)
	s.sounded()
	t.Logf("%d speakers, %d lines at home", s.all, lines)
}

// again runs this test in a process with an empty network, which ends with it.
func again(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestIslands$", "-test.v", fmt.Sprint("-boxes=", *boxes), fmt.Sprint("-plays=", *plays)) // ourselves
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

// settle builds the node and the islands.
func settle(t *testing.T) *sea {
	t.Helper()
	if err := Mainland(); err != nil {
		t.Fatal(err)
	}
	town := e2e.Start(t, e2e.Options{Lead: "12s", Env: []string{"LOA_HTTP=" + Node + ":8080", "LOA_MQTT=" + Node + ":1883"}})
	town.Author.At(town.Servers[0])
	town.Leader.At(town.Servers[0])
	s := &sea{t: t, town: town}
	for n, has := range []int{*boxes, 1, 1} {
		i, err := Settle(fmt.Sprint("island ", n+1), n+1)
		if err != nil {
			t.Fatal(err)
		}
		s.islands = append(s.islands, i)
		for range has {
			s.all++
			pole := speaker.Pole{Code: fmt.Sprintf("DS%02d", s.all), Path: e2e.Commune + "/h/thon-1", Name: fmt.Sprint("Cột ", s.all), Cap: 90}
			town.AddForeign(pole, func(server, code string) {
				if err := i.Add(told{server, code, filepath.Join(town.Dir, pole.Code)}); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
	return s
}

// away places slots, takes the way away before the first is due, brings it back
// after the last, and waits until every line of every speaker is at home.
func (s *sea) away(how string, slots int, cut, heal func(), whole bool) {
	s.t.Helper()
	began := time.Now()
	placed := map[string]int{}
	last := time.Time{}
	for left := slots; left > 0; left -= 4 { // a notice may play four times a day
		id := notice(s.t, s.town, fmt.Sprintf("Họp thôn, %s, %d", how, left))
		placed[id] = min(left, 4)
		play(s.t, s.town, id, placed[id])
		due, err := s.town.Flow().Slots(s.t.Context(), id)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, d := range due {
			if at := time.UnixMilli(d.Start + 4000); at.After(last) {
				last = at
			}
		}
	}
	s.town.Eventually("the plan everywhere", 60*time.Second, func() bool { return s.behind() == 0 })
	cut()
	<-time.After(time.Until(last))
	if n := s.lines(placed); whole && n > 0 {
		s.t.Errorf("%s: %d lines came home although nobody could", how, n)
	}
	heal()
	healed := time.Now()
	want := slots * s.all
	most := max(time.Minute, time.Minute*time.Duration(want)/1000)
	s.town.Eventually("every line at home", 2*most, func() bool { return s.lines(placed) == want })
	took := time.Since(healed)
	if took > most {
		s.t.Errorf("%s: %d lines took %s to come home, at most %s was wanted", how, want, took, most)
	}
	heard := 0
	for id := range placed {
		log := s.town.Log(id)
		for _, n := range sounds(s.t, log) {
			heard += n
		}
		for _, p := range log {
			if p.Result != wire.Played {
				s.t.Errorf("%s: box %s: %s %s", how, p.Box, p.Result, p.Why)
			}
		}
	}
	s.t.Logf("%s: %d slots on %d speakers, away for %s: %d sounded, %d lines at home %s after the way was back", how, slots, s.all,
		healed.Sub(began).Round(time.Second), heard, want, took.Round(100*time.Millisecond))
}

// behind is how many speakers do not say that they hold the newest plan.
func (s *sea) behind() (n int) {
	s.t.Helper()
	if err := s.town.DB.Read(s.t.Context(), func(tx *db.Tx) error {
		return tx.Row(`SELECT COUNT(*) FROM health WHERE plan < (SELECT MAX(plan_version) FROM commune)`).Scan(&n)
	}); err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *sea) lines(of map[string]int) (n int) {
	for id := range of {
		n += len(s.town.Log(id))
	}
	return n
}

// sounded ends the islands and holds what their outputs heard to what came home.
func (s *sea) sounded() {
	s.t.Helper()
	all, err := s.town.Register().Boxes(s.t.Context(), e2e.Commune)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, i := range s.islands {
		heard, err := i.End()
		if err != nil {
			s.t.Errorf("%s: %v", i.Name, err)
		}
		for _, b := range all {
			n, ok := heard[filepath.Join(s.town.Dir, b.Pole.Code)]
			if !ok {
				continue
			}
			var want int
			if err := s.town.DB.Read(s.t.Context(), func(tx *db.Tx) error {
				return tx.Row(`SELECT COUNT(*) FROM playback WHERE box_id = ? AND result = ?`, b.ID, string(wire.Played)).Scan(&want)
			}); err != nil {
				s.t.Fatal(err)
			}
			if n != want {
				s.t.Errorf("%s on %s sounded %d times and told of %d", b.Pole.Code, i.Name, n, want)
			}
		}
	}
}
