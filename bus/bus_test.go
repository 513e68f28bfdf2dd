package bus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"

	"loa"
	"loa/bus"
)

// patience bounds a test that would otherwise hang; nothing is measured by it.
const patience = 20 * time.Second

// serve starts a plain NATS server; port 0 picks one.
func serve(t *testing.T, port int) *server.Server {
	t.Helper()
	if port == 0 {
		port = -1
	}
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("NATS server is not ready")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

func open(t *testing.T, url string) *bus.Bus {
	t.Helper()
	b, err := bus.Open(t.Context(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// log writes down everything a listener hears, as lines.
type log chan string

func listen(t *testing.T, b *bus.Bus) log {
	t.Helper()
	l := make(log, 1000)
	t.Cleanup(b.On(bus.Handlers{
		Out:   func(topic string, body []byte) { l <- "out " + topic + " " + string(body) },
		Wake:  func() { l <- "wake" },
		Watch: func(c bus.Change) { l <- fmt.Sprintf("watch %q", c) },
	}))
	return l
}

func (l log) next(t *testing.T) string {
	t.Helper()
	select {
	case s := <-l:
		return s
	case <-time.After(patience):
		t.Fatal("nothing was heard")
		return ""
	}
}

// until skips to a line.
func (l log) until(t *testing.T, want string) {
	t.Helper()
	for l.next(t) != want {
	}
}

func TestSay(t *testing.T) {
	for _, c := range []struct {
		name      string
		processes int
		url       func() string
	}{
		{"one process", 1, func() string { return "" }},
		{"one process with a server", 1, serve(t, 0).ClientURL},
		{"two processes", 2, serve(t, 0).ClientURL},
	} {
		t.Run(c.name, func(t *testing.T) {
			var buses []*bus.Bus
			for range c.processes {
				buses = append(buses, open(t, c.url()))
			}
			var logs []log
			for _, b := range buses {
				if !b.Connected() {
					t.Error("not connected")
				}
				logs = append(logs, listen(t, b), listen(t, b))
			}
			body := []byte("line\nline\x00")
			b := buses[0]
			for i, say := range []func() error{
				func() error { return b.Out(t.Context(), "loa/0/now/vn/98", body) },
				func() error { return b.Wake(t.Context()) },
				func() error { return b.Watch(t.Context(), "bulletin", "7", "vn/98/98011") },
				func() error { return b.Watch(t.Context(), "nation", "8", "") },
			} {
				if err := say(); err != nil {
					t.Fatal(err)
				}
				want := []string{
					"out loa/0/now/vn/98 line\nline\x00", "wake",
					`watch {"bulletin" "7" "vn/98/98011"}`, `watch {"nation" "8" ""}`,
				}[i]
				for _, l := range logs {
					if diff := cmp.Diff(want, l.next(t)); diff != "" {
						t.Error(diff)
					}
				}
			}
			for _, l := range logs {
				if len(l) != 0 {
					t.Errorf("heard twice: %s", <-l)
				}
			}
			if n := b.Lost(); n != 0 {
				t.Errorf("%d lost", n)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	b := open(t, "")
	for name, err := range map[string]error{
		"no topic":       b.Out(t.Context(), "", nil),
		"a broken topic": b.Out(t.Context(), "a\nb", nil),
		"a large body":   b.Out(t.Context(), "a", make([]byte, bus.MaxBody+1)),
		"no noun":        b.Watch(t.Context(), "", "1", "vn"),
		"no id":          b.Watch(t.Context(), "bulletin", "", "vn"),
		"a space":        b.Watch(t.Context(), "bulletin", "1 2", "vn"),
	} {
		if !errors.Is(err, loa.Errorf(loa.Invalid, "bus.malformed")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.Out(t.Context(), "a", make([]byte, bus.MaxBody)); err != nil {
		t.Errorf("the largest body: %v", err)
	}
	if _, err := bus.Open(t.Context(), "nats://%", slog.New(slog.DiscardHandler)); !errors.Is(err, loa.Errorf(loa.Invalid, "bus.address")) {
		t.Errorf("a broken address: %v", err)
	}
}

// What others put on the subjects by mistake is nothing to us.
func TestStrangers(t *testing.T) {
	s := serve(t, 0)
	b, stranger := open(t, s.ClientURL()), raw(t, s)
	l := listen(t, b)
	for _, line := range []string{"PUB loa.out 4\r\nabcd\r\n", "PUB loa.watch 3\r\na b\r\n", "PUB loa.watch 7\r\na b c d\r\n", "PUB loa.wake 0\r\n\r\n"} {
		stranger(line)
	}
	if got := l.next(t); got != "wake" {
		t.Errorf("heard %s", got)
	}
}

// raw is a NATS connection written by hand.
func raw(t *testing.T, s *server.Server) func(string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	send := func(line string) {
		t.Helper()
		if _, err := conn.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	send("CONNECT {\"verbose\":false,\"headers\":true}\r\n")
	return send
}

func TestServerAway(t *testing.T) {
	s := serve(t, 0)
	a, b := open(t, s.ClientURL()), open(t, s.ClientURL())
	la, lb := listen(t, a), listen(t, b)
	_, portText, err := net.SplitHostPort(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		t.Fatal(err)
	}

	s.Shutdown()
	s.WaitForShutdown()
	for a.Connected() || b.Connected() {
		runtime.Gosched() // the state has no event of its own
	}
	away := loa.Errorf(loa.Unavailable, "bus.away")
	for name, err := range map[string]error{
		"out": a.Out(t.Context(), "x", []byte("1")), "wake": a.Wake(t.Context()), "watch": a.Watch(t.Context(), "n", "1", "vn"),
	} {
		if !errors.Is(err, away) {
			t.Errorf("%s while away: %v", name, err)
		}
	}
	// This process hears itself all the same.
	heard := map[string]bool{la.next(t): true, la.next(t): true, la.next(t): true}
	if diff := cmp.Diff(map[string]bool{"out x 1": true, "wake": true, `watch {"n" "1" "vn"}`: true}, heard); diff != "" {
		t.Error(diff)
	}
	if len(lb) != 0 {
		t.Errorf("the other process heard %s", <-lb)
	}

	serve(t, port)
	for _, l := range []log{la, lb} { // both look for what they missed
		got := map[string]bool{l.next(t): true, l.next(t): true}
		if diff := cmp.Diff(map[string]bool{"wake": true, `watch {"" "" ""}`: true}, got); diff != "" {
			t.Error(diff)
		}
	}
	if err := a.Out(t.Context(), "x", []byte("2")); err != nil {
		t.Fatal(err)
	}
	lb.until(t, "out x 2")
}

func TestServerComesLater(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, portText, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	a, b := open(t, "nats://"+l.Addr().String()), open(t, "nats://"+l.Addr().String())
	la, lb := listen(t, a), listen(t, b)
	if a.Connected() {
		t.Fatal("connected to nothing")
	}
	if err := a.Out(t.Context(), "x", nil); !errors.Is(err, loa.Errorf(loa.Unavailable, "bus.away")) {
		t.Errorf("out: %v", err)
	}
	serve(t, port)
	la.until(t, "wake")
	lb.until(t, "wake")
	if err := a.Out(t.Context(), "x", []byte("3")); err != nil {
		t.Fatal(err)
	}
	lb.until(t, "out x 3")
}

// TestFirst: what goes first is heard while a handler is still busy with the rest.
func TestFirst(t *testing.T) {
	b := open(t, "")
	heard, hold := make(chan string, 8), make(chan struct{})
	defer b.On(bus.Handlers{First: func(topic string) bool { return topic == "now" }, Out: func(topic string, body []byte) {
		heard <- topic + " " + string(body)
		if topic == "rest" {
			<-hold
		}
	}})()
	for _, m := range [][2]string{{"rest", "1"}, {"rest", "2"}, {"now", "3"}} {
		if err := b.Out(t.Context(), m[0], []byte(m[1])); err != nil {
			t.Fatal(err)
		}
	}
	got := []string{<-heard, <-heard}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"now 3", "rest 1"}, got); diff != "" {
		t.Error(diff)
	}
	close(hold)
	if got := <-heard; got != "rest 2" {
		t.Error(got)
	}
}

// A listener that does not come back delays nobody and holds only so much.
func TestSlowListener(t *testing.T) {
	b := open(t, "")
	held, let := make(chan string, 3), make(chan struct{})
	var outs, watches []string
	wakes := 0
	ended := make(chan struct{}, 3)
	defer b.On(bus.Handlers{
		Out: func(_ string, body []byte) {
			if len(outs) == 0 {
				held <- "out"
				<-let
			}
			if outs = append(outs, string(body)); string(body) == "last" {
				ended <- struct{}{}
			}
		},
		Wake: func() {
			if wakes++; wakes == 1 {
				held <- "wake"
				<-let
			} else {
				ended <- struct{}{}
			}
		},
		Watch: func(c bus.Change) {
			if len(watches) == 0 {
				held <- "watch"
				<-let
			}
			if watches = append(watches, c.ID); c.ID == "last" {
				ended <- struct{}{}
			}
		},
	})()
	quick := make(chan string, 10_000)
	defer b.On(bus.Handlers{Out: func(_ string, body []byte) { quick <- string(body) }})()
	say := func(id string) {
		t.Helper()
		if err := b.Out(t.Context(), "t", []byte(id)); err != nil {
			t.Fatal(err)
		}
	}
	watch := func(noun, id string) {
		t.Helper()
		if err := b.Watch(t.Context(), noun, id, "vn"); err != nil {
			t.Fatal(err)
		}
	}
	wake := func() {
		t.Helper()
		if err := b.Wake(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	say("first")
	watch("n", "first")
	wake()
	for range 3 {
		<-held
	}
	for i := range 2000 {
		id := strconv.Itoa(i)
		say(id)
		wake()
		watch("n", "1")
		for <-quick != id { // heard before the next is said
		}
	}
	watch("n", "2")
	watch("n", "1") // the newest word on 1 stands behind 2
	say("last")
	watch("n", "last")
	close(let)
	for range 3 {
		<-ended
	}
	if diff := cmp.Diff([]string{"first", "2", "1", "last"}, watches); diff != "" {
		t.Error(diff)
	}
	if wakes != 2 {
		t.Errorf("woken %d times, want 2", wakes)
	}
	// The newest 1,024 of 2,001 waited.
	if len(outs) != 1025 || outs[0] != "first" || outs[1] != "977" || outs[1024] != "last" {
		t.Errorf("%d outs: %s, %s … %s", len(outs), outs[0], outs[1], outs[len(outs)-1])
	}
	if n := b.Lost(); n != 977 {
		t.Errorf("%d lost, want 977", n)
	}
}

// More changes than may wait become one: read everything again.
func TestTooManyChanges(t *testing.T) {
	b := open(t, "")
	held, let := make(chan struct{}), make(chan struct{})
	heard := make(chan bus.Change, 1000)
	defer b.On(bus.Handlers{Watch: func(c bus.Change) {
		if c.ID == "first" {
			held <- struct{}{}
			<-let
		}
		heard <- c
	}})()
	watch := func(id string) {
		t.Helper()
		if err := b.Watch(t.Context(), "n", id, "vn"); err != nil {
			t.Fatal(err)
		}
	}
	watch("first")
	<-held
	for i := range 300 {
		watch(strconv.Itoa(i))
	}
	close(let)
	<-heard
	if got := <-heard; got != (bus.Change{}) {
		t.Errorf("heard %v, want the zero Change", got)
	}
	watch("last")
	if got := <-heard; got.ID != "last" {
		t.Errorf("then heard %v", got)
	}
}

func TestStopAndClose(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b, err := bus.Open(ctx, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l := make(log, 10)
	stop := b.On(bus.Handlers{Wake: func() { l <- "stopped" }})
	stop()
	stop()
	b.On(bus.Handlers{Wake: func() { l <- "on" }})
	if err := b.Wake(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := l.next(t); got != "on" {
		t.Errorf("heard %s", got)
	}
	cancel() // closes it
	for {
		if err := b.Wake(t.Context()); err != nil {
			if !errors.Is(err, loa.Errorf(loa.Unavailable, "bus.away")) {
				t.Error(err)
			}
			break
		}
	}
	b.Close()
	b.On(bus.Handlers{})()
	if _, err := bus.Open(ctx, "", slog.New(slog.DiscardHandler)); !errors.Is(err, context.Canceled) {
		t.Errorf("opened after the end: %v", err)
	}
	if err := b.Wake(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("wake after the end: %v", err)
	}
	if err := b.Watch(ctx, "n", "1", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("watch after the end: %v", err)
	}
}

// host makes connections into a server of this process; it can cut the last.
type host struct {
	*server.Server
	last net.Conn
}

func (h *host) InProcessConn() (net.Conn, error) {
	c, err := h.Server.InProcessConn()
	h.last = c
	return c, err
}

func TestInside(t *testing.T) {
	h := &host{Server: serve(t, 0)}
	again := make(chan struct{}, 1)
	in, err := bus.OpenInside(h, "who", func() { again <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	heard := make(chan bus.Heard, 10)
	if err := in.Hear("beat.*", func(m bus.Heard) { heard <- m }); err != nil {
		t.Fatal(err)
	}
	get := func() bus.Heard {
		t.Helper()
		select {
		case m := <-heard:
			return m
		case <-time.After(patience):
			t.Fatal("nothing was heard")
			return bus.Heard{}
		}
	}
	say := func() {
		t.Helper()
		if err := in.Publish("beat.a", []byte("x")); err != nil {
			t.Fatal(err)
		}
		if got := get(); got.Subject != "beat.a" || string(got.Body) != "x" {
			t.Errorf("heard %v", got)
		}
	}
	say()
	h.last.Close()
	select {
	case <-again:
	case <-time.After(patience):
		t.Fatal("not connected again")
	}
	say()
	raw(t, h.Server)("HPUB beat.b 20 21\r\nNATS/1.0\r\nA-b: c\r\n\r\ny\r\n")
	if got := get(); strings.Join(got.Header["A-b"], "") != "c" {
		t.Errorf("header %v", got)
	}
	in.Close()
	if err := in.Publish("beat.a", nil); err == nil {
		t.Error("published after Close")
	}
	if err := in.Hear("x", func(bus.Heard) {}); err == nil {
		t.Error("hears after Close")
	}
}
