package storm

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"loa"
	"loa/e2e"
	"loa/wire"
)

// TestMain is also the children of the tests: a fleet, a door, a node.
func TestMain(m *testing.M) {
	run := map[string]func() error{
		"fleet": func() error { return RunFleet(os.Stdin, os.Stdout) },
		"door":  func() error { return RunDoor(os.Stdin, os.Stdout) },
		"node":  func() error { return RunNode(os.Stdout) },
	}[os.Getenv(role)]
	if run == nil {
		os.Exit(e2e.Main(m))
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// many is how many devices a test takes: LOA_STORM_DEVICES, or few.
func many(few int) int { return number("LOA_STORM_DEVICES", few) }

// number is a setting of a test from the environment, or the usual one.
func number(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return usual
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// pushed is one broker's row in one round.
type pushed struct {
	connects float64 // a second
	connCPU  time.Duration
	push     Spread
	pushCPU  time.Duration // of one warrant to all
	perConn  int64         // bytes of resident memory
}

// pushRound connects n devices to a broker and says warrants to them, one after
// the other.
func pushRound(t *testing.T, start func() (Broker, error), world string, c Chain, n, warrants int) (p pushed) {
	t.Helper()
	b := must[Broker](t)(start())
	defer b.End()
	before := must[use](t)(useOf(b.PID()))
	fleets := must[Fleets](t)(startFleets(2))
	defer fleets.End()
	a := must[answer](t)(fleets.ask(func(i int) ask {
		from, to := fleets.share(i, n)
		return ask{Do: "open", World: world, From: from, To: to, Addr: b.Addr(), AtOnce: 64, Verify: true}
	}))
	if a.Up != n {
		t.Fatalf("%s: %d of %d connected: %v", b.Name(), a.Up, n, a.Fails)
	}
	p.connects = float64(n) / a.Took.Seconds()
	in := must[use](t)(useOf(b.PID()))
	p.connCPU = in.CPU - before.CPU
	var took []time.Duration
	for i := range warrants {
		sealed := must[[]byte](t)(c.Warrant(time.Now().UnixMilli() + int64(i)))
		at := must[int64](t)(b.Publish(wire.NowTopic(province), sealed))
		got := must[answer](t)(fleets.ask(func(i int) ask {
			from, to := fleets.share(i, n)
			return ask{Do: "heard", Hash: loa.Hash(sealed), Want: to - from, Patience: 30 * time.Second}
		}))
		if len(got.At) != n || got.Bad != 0 {
			t.Fatalf("%s: %d of %d heard it, %d wrongly", b.Name(), len(got.At), n, got.Bad)
		}
		for _, when := range got.At {
			took = append(took, time.Duration(when-at))
		}
	}
	after := must[use](t)(useOf(b.PID()))
	p.push, p.pushCPU, p.perConn = spreadOf(took), (after.CPU-in.CPU)/time.Duration(warrants), (after.RSS-before.RSS)/int64(n)
	return p
}

// TestPush says one warrant of 1.4 KB under two seals to every connected device
// through Loa's door and, where it is installed, through mosquitto: the same
// client processes and the same subscribers. `make bench-push` runs it large and
// prints the table.
func TestPush(t *testing.T) {
	sizes, rounds := []int{200}, 1
	long := os.Getenv("LOA_STORM_LONG") != ""
	if long {
		sizes, rounds = []int{1000, 5000, 10000}, 3
	}
	if n := many(0); n > 0 { // one size, as often as wanted
		sizes = []int{n}
	}
	dir := t.TempDir()
	c := must[Chain](t)(NewChain(sizes[len(sizes)-1]))
	world := must[string](t)(c.Write(dir))
	brokers := []func() (Broker, error){func() (Broker, error) { return startDoor(world) }}
	names := []string{"Loa's door"}
	if found("mosquitto") {
		brokers, names = append(brokers, func() (Broker, error) { return startMosquitto(dir) }), append(names, "mosquitto")
	} else if long {
		t.Fatal("mosquitto is not installed: apt-get install mosquitto")
	}
	for _, n := range sizes {
		all := make([][]pushed, len(brokers))
		for round := range rounds {
			for k := range brokers {
				b := (k + round) % len(brokers) // in turn: who comes first is not who wins
				all[b] = append(all[b], pushRound(t, brokers[b], world, c, n, 5))
			}
		}
		table(t, n, names, all)
	}
}

func table(t *testing.T, n int, names []string, all [][]pushed) {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }
	for b, rows := range all {
		for i, p := range rows {
			line := fmt.Sprintf("%6d devices, round %d, %-10s  connects %5.0f/s (%s µs of CPU each)  push p50 %s p99 %s max %s ms, CPU %s ms  memory %.1f KB each",
				n, i+1, names[b], p.connects, fmt.Sprint(p.connCPU.Microseconds()/int64(n)), ms(p.push.P50), ms(p.push.P99), ms(p.push.Max), ms(p.pushCPU),
				float64(p.perConn)/1024)
			if b > 0 {
				line += fmt.Sprintf("  (%s is %.2f of its p50, %.2f of its p99)", names[0],
					float64(all[0][i].push.P50)/float64(p.push.P50), float64(all[0][i].push.P99)/float64(p.push.P99))
			}
			t.Log(line)
		}
	}
}

// found reports whether a program is installed, also where Debian keeps servers.
func found(program string) bool {
	for _, p := range []string{program, "/usr/sbin/" + program} {
		if _, err := exec.LookPath(p); err == nil {
			return true
		}
	}
	return false
}
