package link

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"loa"
	"loa/e2e"
	"loa/edge"
)

// role says in the environment that this program is an island's speakers.
const role = "LOA_LINK_SPEAKERS"

// Node is the address of the node's machine, as its islands reach it.
const Node = "10.98.0.1"

// Island is a process full of speakers in a network of its own, with one link to
// the node.
type Island struct {
	Name string
	near string // the link's end at the node
	addr string // the island's address
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

// told is one line to an island: a speaker that is to be there.
type told struct{ Server, Code, Dir string }

// Settle makes the nth island. The caller's network is the node's: Mainland has
// prepared it.
func Settle(name string, n int) (*Island, error) {
	i := &Island{Name: name, near: fmt.Sprintf("link%d", n), addr: fmt.Sprintf("10.98.%d.2", n)}
	i.cmd = exec.Command(os.Args[0], "-test.run=^$") // ourselves
	i.cmd.Env = append(os.Environ(), role+"="+name)
	i.cmd.Stderr = os.Stderr
	i.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	var err error
	if i.in, err = i.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("settle: %w", err)
	}
	out, err := i.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("settle: %w", err)
	}
	i.out = bufio.NewReader(out)
	if err := i.cmd.Start(); err != nil {
		return nil, fmt.Errorf("settle: %w", err)
	}
	pid := fmt.Sprint(i.cmd.Process.Pid)
	for _, line := range []string{
		"ip link add " + i.near + " type veth peer name far netns " + pid,
		fmt.Sprintf("ip addr add 10.98.%d.1/24 dev %s", n, i.near),
		"ip link set " + i.near + " up",
		"nsenter -t " + pid + " -n ip link set lo up",
		"nsenter -t " + pid + " -n ip addr add " + i.addr + "/24 dev far",
		"nsenter -t " + pid + " -n ip link set far up",
		fmt.Sprintf("nsenter -t %s -n ip route add default via 10.98.%d.1", pid, n),
	} {
		if err := run(line); err != nil {
			return i, err
		}
	}
	return i, nil
}

// Mainland prepares the caller's own, empty network to be the node's.
func Mainland() error {
	for _, line := range []string{"ip link set lo up", "ip addr add " + Node + "/32 dev lo"} {
		if err := run(line); err != nil {
			return err
		}
	}
	return nil
}

func run(line string) error {
	words := strings.Fields(line)
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil { // our own lines
		return fmt.Errorf("%s: %w: %s", line, err, out)
	}
	return nil
}

// Add puts up one more speaker.
func (i *Island) Add(t told) error { return json.NewEncoder(i.in).Encode(t) }

// Cut takes the link away, as a cable that is pulled.
func (i *Island) Cut() error { return run("ip link set " + i.near + " down") }

// Heal brings it back.
func (i *Island) Heal() error { return run("ip link set " + i.near + " up") }

// Mute lets the node hear the island and say nothing to it: what it sends goes
// nowhere and it is not told.
func (i *Island) Mute() error { return run("ip route add blackhole " + i.addr + "/32") }

// Unmute ends that.
func (i *Island) Unmute() error { return run("ip route del blackhole " + i.addr + "/32") }

// Slow makes the way to the island carry so much and no more, as tc says it:
// "256kbit".
func (i *Island) Slow(rate string) error {
	return run("tc qdisc replace dev " + i.near + " root tbf rate " + rate + " burst 16kb latency 2s")
}

// Fast ends that.
func (i *Island) Fast() error { return run("tc qdisc del dev " + i.near + " root") }

// End ends the island's speakers and gives how often each sounded, by folder.
func (i *Island) End() (sounded map[string]int, err error) {
	if err := i.in.Close(); err != nil {
		return nil, fmt.Errorf("end island: %w", err)
	}
	err = json.NewDecoder(i.out).Decode(&sounded)
	return sounded, errors.Join(err, i.cmd.Wait())
}

// speakers is the island's process: complete agents whose outputs keep time, until
// its input ends.
func speakers(in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	horns := map[string]*e2e.Horn{}
	var work sync.WaitGroup
	lines := json.NewDecoder(in)
	for {
		var t told
		if err := lines.Decode(&t); err != nil {
			break // no more; a line that cannot be read is missed by the test
		}
		h := &e2e.Horn{Silent: edge.Silent{Clock: loa.WallClock{}}}
		horns[t.Dir] = h
		work.Go(func() {
			err := edge.Run(ctx, edge.Config{Server: t.Server, Dir: t.Dir, Code: t.Code, Output: h, ReceiptDelay: time.Second, BeatEvery: 2 * time.Second,
				PullEvery: 5 * time.Second, BeaconStale: 10 * time.Second, Version: "e2e", Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				fmt.Fprintln(os.Stderr, t.Dir, err)
			}
		})
	}
	stop()
	work.Wait()
	sounded := map[string]int{}
	for dir, h := range horns {
		sounded[dir] = h.Sounds()
	}
	return json.NewEncoder(out).Encode(sounded)
}
