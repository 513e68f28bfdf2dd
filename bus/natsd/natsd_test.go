package natsd_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"loa/bus/natsd"
)

// patience bounds a test that would otherwise hang; nothing is measured by it.
const patience = 20 * time.Second

// The devices of these tests are called a and b; each hears "all" and its own
// place, and speaks on its own beat.
func rights(id string) natsd.Rights {
	return natsd.Rights{Subscribe: []string{"all", "place/" + id}, Publish: []string{"beat/" + id}}
}

func start(t *testing.T, change func(*natsd.Options)) *natsd.Server {
	t.Helper()
	o := natsd.Options{
		Addr: "127.0.0.1:0", MaxConnections: 100, Log: slog.New(slog.DiscardHandler),
		SignIn: func(s natsd.SignIn) (natsd.Rights, error) {
			if s.User != s.ClientID || s.Password != "word" {
				return natsd.Rights{}, errors.New("no")
			}
			return rights(s.User), nil
		},
	}
	if change != nil {
		change(&o)
	}
	s, err := natsd.MQTT(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// inside is a NATS client in the process.
func inside(t *testing.T, s *natsd.Server, user string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.UserInfo(user, ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// device writes MQTT packets byte by byte (MQTT 3.1.1, OASIS, section 3), so
// that it can say what a well-behaved client would not.
type device struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, addr string) *device {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &device{t, conn, bufio.NewReader(conn)}
}

func text(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }

func (d *device) send(first byte, parts ...[]byte) {
	d.t.Helper()
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	packet := append(binary.AppendUvarint([]byte{first}, uint64(len(body))), body...)
	if _, err := d.conn.Write(packet); err != nil {
		d.t.Fatal(err)
	}
}

// read returns the next packet, or its error once the server hung up.
func (d *device) read() (first byte, body []byte, err error) {
	if first, err = d.in.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(d.in)
	if err != nil {
		return 0, nil, err
	}
	body = make([]byte, n)
	_, err = io.ReadFull(d.in, body)
	return first, body, err
}

func (d *device) expect(first byte, body ...byte) {
	d.t.Helper()
	f, b, err := d.read()
	if err != nil || f != first || string(b) != string(body) {
		d.t.Fatalf("got packet %#x %q %v, want %#x %q", f, b, err, first, body)
	}
}

type will struct {
	topic string
	qos   byte
}

func (d *device) connect(id, user, password string, w *will) {
	d.t.Helper()
	flags := byte(0xC2) // user name, password, clean session
	var last []byte
	if w != nil {
		flags |= 0x04 | w.qos<<3
		last = append(text(w.topic), text("gone")...)
	}
	d.send(0x10, text("MQTT"), []byte{4, flags, 0, 60}, text(id), last, text(user), text(password))
}

// signIn connects as id and expects to be let in.
func signIn(t *testing.T, s *natsd.Server, id string) *device {
	t.Helper()
	d := dial(t, s.Addr())
	d.connect(id, id, "word", nil)
	d.expect(0x20, 0, 0)
	return d
}

// subscribe returns the codes of SUBACK.
func (d *device) subscribe(qos byte, topics ...string) []byte {
	d.t.Helper()
	parts := [][]byte{{0, 7}}
	for _, topic := range topics {
		parts = append(parts, text(topic), []byte{qos})
	}
	d.send(0x82, parts...)
	f, b, err := d.read()
	if err != nil || f != 0x90 || len(b) != 2+len(topics) {
		d.t.Fatalf("SUBACK: %#x %x %v", f, b, err)
	}
	return b[2:]
}

// ping returns once the server has worked through everything sent before.
func (d *device) ping() {
	d.t.Helper()
	d.send(0xC0)
	d.expect(0xD0)
}

func (d *device) publish(flags byte, topic, body string) {
	d.t.Helper()
	parts := [][]byte{text(topic)}
	if flags&0x06 != 0 {
		parts = append(parts, []byte{0, 9})
	}
	d.send(0x30|flags, append(parts, []byte(body))...)
}

// nothingKept fails if any stream holds a message but sessions, or any consumer
// hangs on one but the server's own for the retained messages it has not got.
func nothingKept(t *testing.T, s *natsd.Server) {
	t.Helper()
	got, memory, err := s.Kept()
	if err != nil {
		t.Fatal(err)
	}
	if !memory {
		t.Error("a stream lies on disk")
	}
	sessions := got["$MQTT_sess"]
	want := map[string][2]int{
		"$MQTT_sess": {sessions[0], 0}, "$MQTT_msgs": {}, "$MQTT_qos2in": {}, "$MQTT_out": {}, "$MQTT_rmsgs": {0, 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSignIn(t *testing.T) {
	s := start(t, nil)
	for _, c := range []struct {
		name, id, user, password string
		code                     byte // of CONNACK: 0 in, 5 not authorised
	}{
		{"itself", "a", "a", "word", 0},
		{"a wrong password", "a", "a", "sword", 5},
		{"under another's id", "b", "a", "word", 5},
		{"an id that quotes", `b"-"a`, "a", "word", 5},
		{"as the door", "devices", natsd.DevicesUser, "", 5},
		{"as the watcher", "events", natsd.EventsUser, "", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := dial(t, s.Addr())
			d.connect(c.id, c.user, c.password, nil)
			d.expect(0x20, 0, c.code)
			if c.code == 0 {
				d.ping()
				return
			}
			if _, _, err := d.read(); err == nil {
				t.Error("the connection stayed open")
			}
		})
	}
	t.Run("no other user inside", func(t *testing.T) {
		conn, err := s.InProcessConn()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		if _, err := in.ReadString('\n'); err != nil { // INFO
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "CONNECT {\"user\":\"admin\"}\r\n"); err != nil {
			t.Fatal(err)
		}
		if said, err := io.ReadAll(in); err != nil || !strings.Contains(string(said), "Authorization Violation") {
			t.Errorf("the server says %q, %v", said, err)
		}
	})
}

func TestForeignTopics(t *testing.T) {
	s := start(t, nil)
	a := signIn(t, s, "a")
	if got := a.subscribe(0, "all", "place/a"); string(got) != "\x00\x00" {
		t.Fatalf("its own topics: %x", got)
	}
	foreign := []string{
		"#", "+", "+/a", "place/+", "place/#", "place/b", "beat/a", "all/#", "all/x", "place", "/all", "all/", "a.b",
		"$SYS/#", "$SYS/ACCOUNT/devices/DISCONNECT", "$MQTT/#", "$MQTT/sub/#", "$MQTT/deliver/pubrel/x", "$MQTT/msgs/all",
		"$JS/#", "_INBOX/#", "$SYS",
	}
	for _, topic := range foreign {
		for qos := range byte(3) {
			if got := a.subscribe(qos, topic); got[0] != 0x80 {
				t.Errorf("subscribing to %s with QoS %d: %#x", topic, qos, got)
			}
		}
	}
	if got := s.Counts().ForeignSubscriptions; got == 0 {
		t.Error("no foreign subscription counted")
	}
	nothingKept(t, s)
}

func TestQoSSubscribeIsRefused(t *testing.T) {
	s := start(t, nil)
	a := signIn(t, s, "a")
	for _, qos := range []byte{1, 2} {
		if got := a.subscribe(qos, "all"); got[0] != 0x80 {
			t.Fatalf("QoS %d: %#x, want 0x80", qos, got)
		}
	}
	if diff := cmp.Diff(natsd.Counts{QoSSubscriptions: 2}, s.Counts()); diff != "" {
		t.Error(diff)
	}
	nothingKept(t, s)
	// Nothing arrives on what was refused, and QoS 0 still does.
	door := inside(t, s, natsd.DevicesUser)
	publish(t, door, "all", "one")
	if got := a.subscribe(0, "all"); got[0] != 0 {
		t.Fatalf("QoS 0: %#x", got)
	}
	publish(t, door, "all", "two")
	a.expect(0x30, append(text("all"), "two"...)...)
	// Raising what one already has is refused too.
	if got := a.subscribe(1, "all"); got[0] != 0x80 {
		t.Fatalf("raised to QoS 1: %#x, want 0x80", got)
	}
	nothingKept(t, s)
}

func publish(t *testing.T, nc *nats.Conn, subject, body string) {
	t.Helper()
	if err := nc.Publish(subject, []byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
}

// hear collects what is said on a subject.
func hear(t *testing.T, nc *nats.Conn, subject string) *nats.Subscription {
	t.Helper()
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return sub
}

func next(t *testing.T, sub *nats.Subscription) *nats.Msg {
	t.Helper()
	m, err := sub.NextMsg(patience)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPublish(t *testing.T) {
	s := start(t, nil)
	beats := hear(t, inside(t, s, natsd.DevicesUser), ">")
	a := signIn(t, s, "a")

	a.publish(0, "beat/a", "plain")
	a.publish(0, "beat/b", "as another")
	a.publish(0, "all", "to all")
	a.publish(0, "$SYS/REQ/SERVER/PING", "to the server")
	a.publish(1, "beat/a", "retained")
	a.publish(1, "all", "retained for all")
	a.publish(2, "beat/a", "once at least")
	a.expect(0x40, 0, 9)
	a.publish(2, "beat/b", "once at least as another")
	a.expect(0x40, 0, 9)
	a.publish(3, "beat/a", "retained, once at least")
	a.expect(0x40, 0, 9)
	a.publish(0, "beat/a", "last")
	a.ping()

	type heard struct{ Subject, QoS, Body string }
	var got []heard
	for len(got) == 0 || got[len(got)-1].Body != "last" {
		m := next(t, beats)
		if strings.HasPrefix(m.Subject, "beat.") || m.Subject == "all" {
			got = append(got, heard{m.Subject, m.Header.Get(natsd.QoSHeader), string(m.Data)})
		}
	}
	want := []heard{
		{"beat.a", "0", "plain"}, {"beat.a", "0", "retained"}, {"beat.a", "1", "once at least"},
		{"beat.a", "1", "retained, once at least"}, {"beat.a", "0", "last"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(natsd.Counts{ForeignPublishes: 5, Retained: 2}, s.Counts()); diff != "" {
		t.Error(diff)
	}
	nothingKept(t, s)

	a.publish(4, "beat/a", "exactly once")
	if _, _, err := a.read(); err == nil {
		t.Error("a QoS 2 publish was answered")
	}
	if got := s.Counts().QoS2Publishes; got != 1 {
		t.Errorf("%d QoS 2 publishes counted, want 1", got)
	}
	nothingKept(t, s)
}

func TestRetainedReachesNobodyLater(t *testing.T) {
	s := start(t, func(o *natsd.Options) {
		o.SignIn = func(natsd.SignIn) (natsd.Rights, error) {
			return natsd.Rights{Subscribe: []string{"all"}, Publish: []string{"all"}}, nil
		}
	})
	a := signIn(t, s, "a")
	a.publish(1, "all", "kept?")
	a.ping()
	b := signIn(t, s, "b")
	if got := b.subscribe(0, "all"); got[0] != 0 {
		t.Fatalf("subscribe: %#x", got)
	}
	b.ping() // a retained message would come before its answer
	nothingKept(t, s)
}

func TestWill(t *testing.T) {
	for _, c := range []struct {
		name string
		will will
		want string // what is heard of it
	}{
		{"to its own topic", will{"beat/a", 0}, "beat.a"},
		{"to another's", will{"beat/b", 0}, ""},
		{"to another's, QoS 1", will{"beat/b", 1}, ""},
		{"to all", will{"all", 0}, ""},
		{"to all, QoS 1", will{"all", 1}, ""},
		{"into the server", will{"$SYS/REQ/SERVER/PING", 0}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, nil)
			door, events := inside(t, s, natsd.DevicesUser), inside(t, s, natsd.EventsUser)
			heard, closed := hear(t, door, "*.>"), hear(t, events, natsd.ClosedSubject)
			all := hear(t, door, "all")
			a := dial(t, s.Addr())
			a.connect("a", "a", "word", &c.will)
			a.expect(0x20, 0, 0)
			a.conn.Close()
			next(t, closed)
			// The will is spoken after the connection is gone.
			if c.want != "" {
				for {
					if m := next(t, heard); m.Subject == c.want {
						break
					}
				}
				return
			}
			deadline := time.After(patience)
			for s.Counts().ForeignPublishes == 0 {
				select {
				case <-deadline:
					t.Fatal("no foreign will counted")
				default:
					publish(t, door, "tick.x", "") // a round trip
				}
			}
			publish(t, door, "all", "end")
			if m := next(t, all); string(m.Data) != "end" {
				t.Errorf("heard %q on %s", m.Data, m.Subject)
			}
			nothingKept(t, s)
		})
	}
	t.Run("QoS 2", func(t *testing.T) {
		s := start(t, nil)
		a := dial(t, s.Addr())
		a.connect("a", "a", "word", &will{"beat/a", 2})
		if f, b, err := a.read(); err == nil && (f != 0x20 || b[1] == 0) {
			t.Errorf("got %#x %x, want a refusal", f, b)
		}
	})
}

func TestNoRightsIsNothing(t *testing.T) {
	s := start(t, func(o *natsd.Options) {
		o.SignIn = func(natsd.SignIn) (natsd.Rights, error) {
			return natsd.Rights{Subscribe: []string{"#", "place/+"}, Publish: []string{">", "*"}}, nil
		}
	})
	a := signIn(t, s, "a")
	for _, topic := range []string{"#", "place/+", "all", "place/a"} {
		if got := a.subscribe(0, topic); got[0] != 0x80 {
			t.Errorf("%s: %#x", topic, got)
		}
	}
	a.publish(0, "all", "x")
	a.ping()
	if got := s.Counts().ForeignPublishes; got != 1 {
		t.Errorf("%d foreign publishes, want 1", got)
	}
}

func TestClosedIsTold(t *testing.T) {
	var a uint64
	s := start(t, func(o *natsd.Options) {
		o.SignIn = func(s natsd.SignIn) (natsd.Rights, error) {
			a = s.Conn
			return rights("a"), nil
		}
	})
	closed := hear(t, inside(t, s, natsd.EventsUser), natsd.ClosedSubject)
	open := func() bool {
		t.Helper()
		all, err := s.Connections()
		if err != nil {
			t.Fatal(err)
		}
		return slices.Contains(all, a)
	}
	signIn(t, s, "a")
	if !open() {
		t.Fatal("signed in and not listed")
	}
	s.Drop(a)
	for told := uint64(0); told != a; { // others are connections that ended inside
		var err error
		if told, err = natsd.ParseClosed(next(t, closed).Data); err != nil {
			t.Fatal(err)
		}
	}
	for open() { // it is told a moment before it leaves the list
		runtime.Gosched()
	}
	s.Drop(a) // again is nothing
	if _, err := natsd.ParseClosed([]byte("{")); err == nil {
		t.Error("half a message was read")
	}
}

func TestCaps(t *testing.T) {
	t.Run("payload", func(t *testing.T) {
		s := start(t, nil)
		a := signIn(t, s, "a")
		a.publish(0, "beat/a", strings.Repeat("x", natsd.MaxPayload+1))
		if _, _, err := a.read(); err == nil {
			t.Error("still answered")
		}
	})
	t.Run("connections", func(t *testing.T) {
		s := start(t, func(o *natsd.Options) { o.MaxConnections = 2 })
		signIn(t, s, "a")
		signIn(t, s, "b")
		c := dial(t, s.Addr())
		if _, _, err := c.read(); err == nil {
			t.Error("a third connection was answered")
		}
	})
	t.Run("subscriptions", func(t *testing.T) {
		var topics []string
		for i := range 40 {
			topics = append(topics, "t/"+strings.Repeat("x", i+1))
		}
		s := start(t, func(o *natsd.Options) {
			o.SignIn = func(natsd.SignIn) (natsd.Rights, error) { return natsd.Rights{Subscribe: topics}, nil }
		})
		a := signIn(t, s, "a")
		granted := strings.Count(string(a.subscribe(0, topics...)), "\x00")
		if granted == 0 || granted > 16 {
			t.Errorf("%d topics granted, want 16 at most", granted)
		}
	})
}

func TestTLS(t *testing.T) {
	// httptest makes a certificate for 127.0.0.1.
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	s := start(t, func(o *natsd.Options) { o.TLS = &tls.Config{Certificates: web.TLS.Certificates} })
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	conn, err := tls.Dial("tcp", s.Addr(), &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	d := &device{t, conn, bufio.NewReader(conn)}
	d.connect("a", "a", "word", nil)
	d.expect(0x20, 0, 0)
	plain := dial(t, s.Addr())
	plain.connect("a", "a", "word", nil)
	if f, _, err := plain.read(); err == nil && f == 0x20 {
		t.Error("let in without TLS")
	}
}

func TestFolder(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := start(t, nil)
	if made, err := os.ReadDir(os.TempDir()); err != nil || len(made) != 1 {
		t.Fatalf("%d folders made, %v", len(made), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("%d folders left, %v", len(left), err)
	}
	// A folder that is given stays, holds no message and can be used again.
	dir := t.TempDir()
	for range 2 {
		s := start(t, func(o *natsd.Options) { o.Dir = dir })
		a := signIn(t, s, "a")
		a.publish(1, "beat/a", "kept?")
		a.ping()
		nothingKept(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	blocks, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "*", "msgs", "*.blk"))
	if err != nil || len(blocks) != 0 {
		t.Errorf("on disk: %v %v", blocks, err)
	}
}

func TestAddressTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = natsd.MQTT(t.Context(), natsd.Options{Addr: l.Addr().String(), Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("MQTT on a taken address: %v", err)
	}
	_, err = natsd.Core(l.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("Core on a taken address: %v", err)
	}
	for _, bad := range []string{"", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000"} {
		if _, err := natsd.Core(bad); err == nil {
			t.Errorf("Core on %q started", bad)
		}
	}
}

func TestCore(t *testing.T) {
	s, err := natsd.Core("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	heard := hear(t, b, "x")
	publish(t, a, "x", "hello")
	if m := next(t, heard); string(m.Data) != "hello" {
		t.Errorf("heard %q", m.Data)
	}
}

func TestSubject(t *testing.T) {
	for _, c := range []struct{ topic, subject string }{
		{"loa/0/now/vn/98/98011", "loa.0.now.vn.98.98011"},
		{"a", "a"},
		{"", ""}, {"/", ""}, {"a/", ""}, {"/a", ""}, {"a//b", ""}, {"a.b", ""}, {"#", ""}, {"a/+", ""}, {"*", ""},
		{"a/>", ""}, {"$SYS/x", ""}, {"a b", ""}, {"A", ""}, {"xã", ""}, {"a\x00", ""},
	} {
		got, err := natsd.Subject(c.topic)
		if got != c.subject || (err == nil) != (c.subject != "") {
			t.Errorf("Subject(%q) = %q, %v, want %q", c.topic, got, err, c.subject)
		}
		if err == nil && natsd.Topic(got) != c.topic {
			t.Errorf("Topic(%q) = %q, want %q", got, natsd.Topic(got), c.topic)
		}
	}
}
