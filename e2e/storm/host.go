package storm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"loa"
	"loa/door"
	"loa/seal"
)

// use is what a process has used: processor time since its start, resident
// memory now and at most, in bytes.
type use struct {
	CPU       time.Duration
	RSS, Most int64
}

// useOf reads /proc.
func useOf(pid int) (u use, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, fmt.Errorf("read use: %w", err)
	}
	// The name in brackets may hold spaces; what follows does not.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const hz = 100 // USER_HZ, fixed on Linux
	for _, i := range []int{11, 12} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return u, fmt.Errorf("read use: %w", err)
		}
		u.CPU += time.Duration(n) * time.Second / hz
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, fmt.Errorf("read use: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		for name, to := range map[string]*int64{"VmRSS:": &u.RSS, "VmHWM:": &u.Most} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				if err != nil {
					return u, fmt.Errorf("read use: %w", err)
				}
				*to = kb << 10
			}
		}
	}
	return u, nil
}

// children are the processes a process started: a server's signer.
func children(pid int) (all []int) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is right
	for _, file := range threads {
		b, _ := os.ReadFile(file) // a thread that has ended has none
		for f := range strings.FieldsSeq(string(b)) {
			if n, err := strconv.Atoi(f); err == nil {
				all = append(all, n)
			}
		}
	}
	return all
}

// Broker is a server that repeats bytes to whoever subscribed.
type Broker interface {
	Name() string
	Addr() string
	PID() int
	// Publish says body on topic and answers when it began to, UTC nanoseconds.
	Publish(topic string, body []byte) (at int64, err error)
	End()
}

// say is one line to a door's process.
type say struct {
	Topic string
	Body  []byte
}

// doorProcess is Loa's door alone in a process.
type doorProcess struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	read  *json.Decoder
	addr  string
	write *json.Encoder
}

// RunDoor is a child that holds a door until its input ends.
func RunDoor(in io.Reader, out io.Writer) error {
	w, err := ReadWorld(os.Getenv("LOA_STORM_WORLD"))
	if err != nil {
		return err
	}
	trust, err := seal.NewTrust(w.Root, w.Delegations, 0)
	if err != nil {
		return err
	}
	d, err := door.Open(context.Background(), door.Config{Addr: "127.0.0.1:0", Clock: loa.WallClock{}, Log: slog.New(slog.DiscardHandler),
		Trust: func() *seal.Trust { return trust }})
	if err != nil {
		return err
	}
	stop, err := profile()
	if err != nil {
		return err
	}
	defer stop()
	lines, reply := json.NewDecoder(in), json.NewEncoder(out)
	if err := reply.Encode(d.Addr()); err != nil {
		return err
	}
	for {
		var s say
		if err := lines.Decode(&s); errors.Is(err, io.EOF) {
			return d.Close()
		} else if err != nil {
			return err
		}
		at := time.Now().UnixNano()
		if err := d.Publish(s.Topic, s.Body); err != nil {
			return err
		}
		if err := reply.Encode(at); err != nil {
			return err
		}
	}
}

// profile writes where this process's time goes into the file that
// LOA_STORM_PROFILE names, until stop.
func profile() (stop func(), err error) {
	name := os.Getenv("LOA_STORM_PROFILE")
	if name == "" {
		return func() {}, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return pprof.StopCPUProfile, pprof.StartCPUProfile(f)
}

func startDoor(world string) (Broker, error) {
	cmd := child("door", "LOA_STORM_WORLD="+world)
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
	d := &doorProcess{cmd: cmd, in: in, read: json.NewDecoder(out), write: json.NewEncoder(in)}
	return d, d.read.Decode(&d.addr)
}

func (d *doorProcess) Name() string { return "Loa's door" }
func (d *doorProcess) Addr() string { return d.addr }
func (d *doorProcess) PID() int     { return d.cmd.Process.Pid }

func (d *doorProcess) Publish(topic string, body []byte) (at int64, err error) {
	if err := d.write.Encode(say{topic, body}); err != nil {
		return 0, err
	}
	return at, d.read.Decode(&at)
}

func (d *doorProcess) End() {
	_ = d.in.Close() // it ends when its input does
	_ = d.cmd.Wait() // however it went
}

// mosquitto is Debian's, told only to take so many and to ask nobody who they are.
type mosquitto struct {
	cmd  *exec.Cmd
	addr string
	me   net.Conn
}

func startMosquitto(dir string) (Broker, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "mosquitto.conf")
	settings := "listener " + port + " 127.0.0.1\nallow_anonymous true\npersistence false\nmax_connections -1\nlog_type none\n"
	if os.Getuid() == 0 {
		settings += "user root\n" // it would change to a user that cannot read the folder of a test
	}
	if err := os.WriteFile(conf, []byte(settings), 0o600); err != nil {
		return nil, err
	}
	// A child starts with the limit of files this program was started with.
	m := &mosquitto{addr: addr, cmd: exec.Command("sh", "-c", `ulimit -n $(ulimit -Hn) && exec "$0" -c "$1"`, "mosquitto", conf)}
	m.cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin") // where Debian keeps it
	m.cmd.Stderr = os.Stderr
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	for tries := 0; ; tries++ {
		if m.me, err = net.Dial("tcp", addr); err == nil {
			break
		}
		if tries == 200 {
			m.End()
			return nil, fmt.Errorf("start mosquitto: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	_, err = m.me.Write(packet(mqttConnect, []byte("\x00\x04MQTT\x04\x02\x00\x00"), text("says")))
	if err == nil {
		var first byte
		if first, _, err = next(bufio.NewReader(m.me)); err == nil && first != mqttConnAck {
			err = fmt.Errorf("mosquitto answered %#x", first)
		}
	}
	return m, err
}

func (m *mosquitto) Name() string { return "mosquitto" }
func (m *mosquitto) Addr() string { return m.addr }
func (m *mosquitto) PID() int     { return m.cmd.Process.Pid }

func (m *mosquitto) Publish(topic string, body []byte) (int64, error) {
	at := time.Now().UnixNano()
	_, err := m.me.Write(packet(mqttPublish, text(topic), body))
	return at, err
}

func (m *mosquitto) End() {
	if m.me != nil {
		_ = m.me.Close() // it is ending
	}
	_ = m.cmd.Process.Signal(syscall.SIGTERM)
	_ = m.cmd.Wait() // however it went
}
