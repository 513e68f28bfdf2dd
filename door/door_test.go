package door_test

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/bus"
	"loa/bus/natsd"
	"loa/door"
	"loa/seal"
	"loa/wire"
)

// patience bounds a test that would otherwise hang; nothing is measured by it.
const patience = 30 * time.Second

const (
	commune loa.Path = "vn/98/98011"
	sibling loa.Path = "vn/98/98012"
)

// chain is a demonstration's chain of trust: a root, a province, two communes.
type chain struct {
	t         *testing.T
	clock     *loa.HandClock
	trust     *seal.Trust
	authority map[loa.Path]seal.Key
}

func newChain(t *testing.T) *chain {
	t.Helper()
	c := &chain{
		t: t, clock: loa.NewHandClock(time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)),
		authority: map[loa.Path]seal.Key{},
	}
	root := c.key()
	var sealed [][]byte
	give := func(by seal.Key, path loa.Path, further bool) {
		k := c.key()
		c.authority[path] = k
		sealed = append(sealed, c.seal(seal.DelegationType, seal.Delegation{
			Kind: "delegation", Role: seal.Authority, Keys: []string{seal.EncodePublic(k.Public)}, Threshold: 1,
			Paths: []loa.Path{path}, Classes: wire.Classes(), Delegate: further,
			From: c.now(-time.Hour), Until: c.now(240 * time.Hour),
		}, by))
	}
	give(root, "vn/98", true)
	give(c.authority["vn/98"], commune, false)
	give(c.authority["vn/98"], sibling, false)
	var err error
	c.trust, err = seal.NewTrust(seal.Root{
		Name: "demo", Keys: []string{seal.EncodePublic(root.Public)}, Threshold: 1, Demo: true,
	}, sealed, 0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// now is the clock's time, moved, in UTC milliseconds.
func (c *chain) now(moved time.Duration) int64 { return c.clock.Now().Add(moved).UnixMilli() }

func (c *chain) key() seal.Key {
	c.t.Helper()
	k, err := seal.NewKey()
	if err != nil {
		c.t.Fatal(err)
	}
	return k
}

func (c *chain) seal(payloadType string, doc any, by seal.Key) []byte {
	c.t.Helper()
	payload, err := wire.Encode(doc)
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := seal.Seal(payloadType, payload, by)
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// box is a device that stands somewhere.
type box struct {
	*chain
	id        string
	key       seal.Key
	placement wire.Placement
}

func (c *chain) box(path loa.Path) *box {
	k := c.key()
	id := loa.NewID(c.clock.Now())
	return &box{chain: c, id: id, key: k, placement: wire.Placement{
		Kind: "placement", Device: id, Pole: loa.NewID(c.clock.Now()), Key: seal.EncodePublic(k.Public), Version: 3,
		Paths: []loa.Path{path + "/h/dong", path}, Cap: 80,
	}}
}

func (b *box) sealedPlacement() []byte {
	return b.seal(wire.PlacementType, b.placement, b.authority[b.placement.Paths[0].Commune()])
}

func (b *box) token() wire.Token {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	return wire.Token{Kind: "token", Device: b.id, At: b.now(0), Nonce: hex.EncodeToString(nonce[:])}
}

func (b *box) sealedToken() []byte { return b.seal(wire.TokenType, b.token(), b.key) }

func (b *box) password() string { return door.Password(b.sealedToken(), b.sealedPlacement()) }

// open opens a door that believes in the chain.
func (c *chain) open(change func(*door.Config)) *door.Door {
	c.t.Helper()
	config := door.Config{
		Addr: "127.0.0.1:0", Clock: c.clock, Trust: func() *seal.Trust { return c.trust },
		Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&config)
	}
	d, err := door.Open(c.t.Context(), config)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := d.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return d
}

// connect is a real client's sign-in; every try makes a new token.
func (b *box) connect(d *door.Door, change func(*mqtt.ClientOptions)) mqtt.Client {
	b.t.Helper()
	o := mqtt.NewClientOptions().AddBroker("tcp://" + d.Addr()).SetClientID(b.id).SetAutoReconnect(false).
		SetConnectTimeout(patience).SetCredentialsProvider(func() (string, string) { return b.id, b.password() })
	if change != nil {
		change(o)
	}
	client := mqtt.NewClient(o)
	wait(b.t, client.Connect())
	b.t.Cleanup(func() { client.Disconnect(0) })
	return client
}

func wait(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) {
		t.Fatal("no answer")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

// listen subscribes to everything the device may hear.
func (b *box) listen(client mqtt.Client) <-chan string {
	b.t.Helper()
	heard := make(chan string, 100)
	topics := map[string]byte{}
	for _, topic := range wire.Subscriptions(b.placement) {
		topics[topic] = 0
	}
	token := client.SubscribeMultiple(topics, func(_ mqtt.Client, m mqtt.Message) {
		heard <- m.Topic() + " " + string(m.Payload())
	})
	wait(b.t, token)
	for topic, code := range token.(*mqtt.SubscribeToken).Result() {
		if code != 0 {
			b.t.Fatalf("subscribe %s: %#x", topic, code)
		}
	}
	return heard
}

func next[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing was heard")
		return *new(T)
	}
}

// raw signs in with packets written by hand and returns the code of CONNACK and
// the connection (MQTT 3.1.1, sections 3.1 and 3.2).
func raw(t *testing.T, addr, clientID, user, password string) (code byte, conn net.Conn) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	body := []byte("\x00\x04MQTT\x04\xC2\x00\x3C")
	for _, s := range []string{clientID, user, password} {
		body = append(binary.BigEndian.AppendUint16(body, uint16(len(s))), s...)
	}
	if _, err := conn.Write(append(binary.AppendUvarint([]byte{0x10}, uint64(len(body))), body...)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4)
	if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 0x20 {
		t.Fatalf("answer %x, %v", answer, err)
	}
	return answer[3], conn
}

func TestSignIn(t *testing.T) {
	for _, c := range []struct {
		name string
		try  func(b, other *box) (clientID, user, password string)
		want string // key of the refusal, "" when it is let in
	}{
		{"itself", func(b, _ *box) (string, string, string) { return b.id, b.id, b.password() }, ""},
		{"another client id", func(b, o *box) (string, string, string) { return o.id, b.id, b.password() }, "door.name"},
		{"a made-up name", func(b, _ *box) (string, string, string) { return "pole-7", "pole-7", b.password() }, "door.name"},
		{"as another device", func(b, o *box) (string, string, string) { return o.id, o.id, b.password() }, "door.other_device"},
		{"with another's placement", func(b, o *box) (string, string, string) {
			return b.id, b.id, door.Password(b.sealedToken(), o.sealedPlacement())
		}, "door.other_device"},
		{"with another's token", func(b, o *box) (string, string, string) {
			return b.id, b.id, door.Password(o.sealedToken(), b.sealedPlacement())
		}, "door.other_device"},
		{"with another's key", func(b, o *box) (string, string, string) {
			return b.id, b.id, door.Password(b.seal(wire.TokenType, b.token(), o.key), b.sealedPlacement())
		}, "seal.unknown_key"},
		{"with the token changed", func(b, _ *box) (string, string, string) {
			return b.id, b.id, door.Password(b.sealedPlacement(), b.sealedPlacement())
		}, "document.wrong_type"},
		{"with a placement it sealed itself", func(b, _ *box) (string, string, string) {
			return b.id, b.id, door.Password(b.sealedToken(), b.seal(wire.PlacementType, b.placement, b.key))
		}, "seal.unknown_key"},
		{"with a placement of the sibling commune", func(b, _ *box) (string, string, string) {
			return b.id, b.id, door.Password(b.sealedToken(), b.seal(wire.PlacementType, b.placement, b.authority[sibling]))
		}, "seal.wrong_path"},
		{"with a placement that says it was taken away", func(b, _ *box) (string, string, string) {
			b.placement.Revoked = true
			return b.id, b.id, b.password()
		}, "placement.revoked"},
		{"with a placement that was replaced", func(b, _ *box) (string, string, string) {
			b.placement.Version = 2
			return b.id, b.id, b.password()
		}, "placement.revoked"},
		{"with a token a minute ahead", func(b, _ *box) (string, string, string) {
			b.clock.Turn(-wire.TokenLife * time.Millisecond)
			defer b.clock.Turn(wire.TokenLife * time.Millisecond)
			return b.id, b.id, b.password()
		}, ""},
		{"with an old token", func(b, _ *box) (string, string, string) {
			defer b.clock.Turn((wire.TokenLife + 1) * time.Millisecond)
			return b.id, b.id, b.password()
		}, "token.wrong_date"},
		{"with a token of tomorrow", func(b, _ *box) (string, string, string) {
			defer b.clock.Turn(-(wire.TokenLife + 1) * time.Millisecond)
			return b.id, b.id, b.password()
		}, "token.wrong_date"},
		{"after the authority's time", func(b, _ *box) (string, string, string) {
			b.clock.Turn(241 * time.Hour)
			return b.id, b.id, b.password()
		}, "seal.wrong_date"},
		{"while nobody is believed", func(b, _ *box) (string, string, string) {
			b.trust = nil
			return b.id, b.id, b.password()
		}, "door.no_trust"},
		{"without a password", func(b, _ *box) (string, string, string) { return b.id, b.id, "" }, "door.password"},
		{"with half a password", func(b, _ *box) (string, string, string) {
			return b.id, b.id, strings.Split(b.password(), ".")[0]
		}, "door.password"},
		{"with a padded password", func(b, _ *box) (string, string, string) { return b.id, b.id, b.password() + "=" }, "door.password"},
		{"with a token that is not base64", func(b, _ *box) (string, string, string) { return b.id, b.id, "!" + b.password() }, "door.password"},
		{"with a long password", func(b, _ *box) (string, string, string) {
			return b.id, b.id, strings.Repeat("A", 40_000) + "." + strings.Repeat("A", 8)
		}, "door.password"},
		{"with nothing sealed", func(b, _ *box) (string, string, string) { return b.id, b.id, door.Password(nil, nil) }, "document.malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ch := newChain(t)
			b, other := ch.box(commune), ch.box(commune)
			d := ch.open(func(c *door.Config) {
				c.Revoked = func(device string, version int64) bool { return device == b.id && version < 3 }
			})
			id, user, password := c.try(b, other)
			code, _ := raw(t, d.Addr(), id, user, password)
			wantCode, want := byte(0), door.Counters{SignedIn: 1, Refused: map[string]int64{}}
			if c.want != "" {
				wantCode, want = 5, door.Counters{Refused: map[string]int64{c.want: 1}}
			}
			if code != wantCode {
				t.Errorf("CONNACK %d, want %d", code, wantCode)
			}
			if diff := cmp.Diff(want, d.Counters()); diff != "" {
				t.Error(diff)
			}
			if got := d.Connected(); got != int(want.SignedIn) {
				t.Errorf("%d connected", got)
			}
		})
	}
}

func TestTokenOpensOnce(t *testing.T) {
	c := newChain(t)
	b := c.box(commune)
	d := c.open(nil)
	password := b.password()
	if code, _ := raw(t, d.Addr(), b.id, b.id, password); code != 0 {
		t.Fatalf("CONNACK %d", code)
	}
	for range 2 {
		if code, _ := raw(t, d.Addr(), b.id, b.id, password); code != 5 {
			t.Fatalf("replayed: CONNACK %d, want 5", code)
		}
		c.clock.Turn(wire.TokenLife / 2 * time.Millisecond)
	}
	if diff := cmp.Diff(map[string]int64{"token.replayed": 2}, d.Counters().Refused); diff != "" {
		t.Error(diff)
	}
	// Another token of the same moment opens.
	if code, _ := raw(t, d.Addr(), b.id, b.id, b.password()); code != 0 {
		t.Errorf("a new token: CONNACK %d", code)
	}
}

func TestFull(t *testing.T) {
	c := newChain(t)
	first, second := c.box(commune), c.box(commune)
	d := c.open(func(c *door.Config) { c.MaxDevices = 1 })
	first.connect(d, nil)
	if code, _ := raw(t, d.Addr(), second.id, second.id, second.password()); code != 5 {
		t.Errorf("a second device: CONNACK %d", code)
	}
	if diff := cmp.Diff(map[string]int64{"door.full": 1}, d.Counters().Refused); diff != "" {
		t.Error(diff)
	}
	first.connect(d, nil) // its own place stays its own
	if got := d.Connected(); got != 1 {
		t.Errorf("%d connected", got)
	}
}

// A device hears its own commune and above, nothing beside or below, at QoS 0.
func TestTopics(t *testing.T) {
	c := newChain(t)
	b := c.box(commune)
	d := c.open(nil)
	client := b.connect(d, nil)
	heard := b.listen(client)
	foreign := []string{
		"#", "+", "loa/#", "loa/+/#", "loa/0/now/#", "loa/0/now/+", "loa/0/now/vn/+", "loa/0/now/vn/98/+", "loa/0/beacon/#",
		"$SYS/#", "$MQTT/#", "$MQTT/sub/#",
		wire.BeaconTopic(sibling), wire.NowTopic(sibling), wire.NowTopic("vn/97"), wire.NowTopic(commune + "/h/dong"),
		wire.BeaconTopic("vn/98"), wire.BeatTopic(b.id), wire.BeatTopic(c.box(commune).id), "loa/0/beat/#",
		wire.BeaconTopic(commune) + "/#", wire.NowTopic(commune) + "/+",
	}
	refused := func(client mqtt.Client, qos byte, topics []string) {
		t.Helper()
		want := map[string]byte{}
		ask := map[string]byte{}
		for _, topic := range topics {
			ask[topic], want[topic] = qos, 0x80
		}
		token := client.SubscribeMultiple(ask, nil)
		token.WaitTimeout(patience) // paho calls 0x80 an error of its own
		if diff := cmp.Diff(want, token.(*mqtt.SubscribeToken).Result()); diff != "" {
			t.Errorf("QoS %d: %s", qos, diff)
		}
	}
	refused(client, 0, foreign)
	refused(client, 1, foreign)
	// Another client asks for QoS 1: the server takes away what was held before.
	careless := c.box(commune).connect(d, nil)
	refused(careless, 1, wire.Subscriptions(b.placement)[:1])
	refused(careless, 2, wire.Subscriptions(b.placement)[1:2])
	n := d.Counters()
	if n.ForeignSubscriptions < int64(len(foreign)) || n.QoSSubscriptions != 2 {
		t.Errorf("counted %d foreign of at least %d, %d with QoS of 2", n.ForeignSubscriptions, len(foreign), n.QoSSubscriptions)
	}

	other := c.box(sibling)
	otherHeard := other.listen(other.connect(d, nil))
	for _, topic := range []string{wire.NowTopic(sibling), wire.NowTopic(commune), wire.NowTopic("vn/97"), wire.NowTopic("vn/98"), wire.NowTopic("vn")} {
		if err := d.Publish(topic, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for topic, from := range map[string]<-chan string{wire.NowTopic(commune): heard, wire.NowTopic(sibling): otherHeard} {
		got := []string{next(t, from), next(t, from), next(t, from)}
		slices.Sort(got)
		want := []string{wire.NowTopic("vn") + " x", wire.NowTopic("vn/98") + " x", topic + " x"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	for _, topic := range []string{"", "#", "loa/+", "$SYS/x", "loa/0/now/vn.98"} {
		if err := d.Publish(topic, nil); err == nil {
			t.Errorf("published on %q", topic)
		}
	}
	if err := d.Publish(wire.NowTopic("vn"), make([]byte, natsd.MaxPayload+1)); err == nil {
		t.Error("published more than a device takes")
	}
}

func (b *box) beat(state string) []byte {
	b.t.Helper()
	body, err := wire.Encode(wire.Beat{Kind: "beat", Device: b.id, State: state, Clock: wire.ClockTrusted})
	if err != nil {
		b.t.Fatal(err)
	}
	return body
}

func TestBeats(t *testing.T) {
	c := newChain(t)
	a, b := c.box(commune), c.box(commune)
	beats := make(chan wire.Beat, 100)
	d := c.open(func(c *door.Config) { c.OnBeat = func(beat wire.Beat) { beats <- beat } })
	ca, cb := a.connect(d, nil), b.connect(d, nil)
	say := func(client mqtt.Client, qos byte, retained bool, topic string, body []byte) {
		t.Helper()
		wait(t, client.Publish(topic, qos, retained, body))
	}
	mine, others := wire.BeatTopic(a.id), wire.BeatTopic(b.id)
	say(ca, 0, false, mine, a.beat("idle"))
	say(ca, 0, false, mine, b.beat("sounding")) // claims to be b
	say(ca, 0, false, others, b.beat("sounding"))
	say(ca, 0, false, others, a.beat("sounding"))
	say(ca, 1, false, mine, a.beat("sounding"))
	say(ca, 0, true, mine, a.beat("accepted")) // heard, not kept
	say(ca, 0, false, mine, []byte("{}"))
	say(ca, 0, false, wire.BeaconTopic(commune), []byte("false beacon"))
	say(ca, 1, true, wire.NowTopic("vn"), []byte("false warrant"))
	say(ca, 0, false, "$SYS/REQ/SERVER/PING", nil)
	say(ca, 0, false, mine, a.beat("finished"))
	type said struct{ Device, State string }
	var got []said
	for range 3 {
		beat := next(t, beats)
		got = append(got, said{beat.Device, beat.State})
	}
	if diff := cmp.Diff([]said{{a.id, "idle"}, {a.id, "accepted"}, {a.id, "finished"}}, got); diff != "" {
		t.Error(diff)
	}
	say(cb, 0, false, others, b.beat("idle"))
	if beat := next(t, beats); beat.Device != b.id {
		t.Errorf("a beat of %s, want of %s", beat.Device, b.id)
	}
	want := door.Counters{SignedIn: 2, Refused: map[string]int64{}, ForeignPublishes: 5, QoSPublishes: 1, Retained: 1, BadBeats: 2}
	if diff := cmp.Diff(want, d.Counters()); diff != "" {
		t.Error(diff)
	}
}

// A device that breaks off may have its last word, on its own topic only.
func TestWill(t *testing.T) {
	c := newChain(t)
	beats, gone := make(chan wire.Beat, 10), make(chan string, 10)
	d := c.open(func(c *door.Config) {
		c.OnBeat = func(beat wire.Beat) { beats <- beat }
		c.OnPresence = func(device string, here bool) {
			if !here {
				gone <- device
			}
		}
	})
	listener, liar, honest := c.box(commune), c.box(commune), c.box(commune)
	heard := listener.listen(listener.connect(d, nil))
	for _, w := range []struct {
		box   *box
		topic string
		body  []byte
	}{
		{liar, wire.NowTopic(commune), []byte("false warrant")},
		{honest, wire.BeatTopic(honest.id), honest.beat("refused")},
	} {
		var line net.Conn
		w.box.connect(d, func(o *mqtt.ClientOptions) {
			o.SetBinaryWill(w.topic, w.body, 0, false)
			o.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) {
				var err error
				line, err = net.Dial("tcp", d.Addr())
				return line, err
			})
		})
		line.Close() // without DISCONNECT
		if got := next(t, gone); got != w.box.id {
			t.Fatalf("%s is gone, want %s", got, w.box.id)
		}
	}
	if beat := next(t, beats); beat.Device != honest.id || beat.State != "refused" {
		t.Errorf("heard %v", beat)
	}
	for d.Counters().ForeignPublishes == 0 { // the will comes after the event
		if err := d.Publish(wire.NowTopic("vn/97"), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Publish(wire.NowTopic(commune), []byte("true warrant")); err != nil {
		t.Fatal(err)
	}
	if got, want := next(t, heard), wire.NowTopic(commune)+" true warrant"; got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
}

type presence struct {
	device string
	here   bool
}

func TestPresence(t *testing.T) {
	c := newChain(t)
	a, b := c.box(commune), c.box(commune)
	seen := make(chan presence, 100)
	revoked := sync.Map{}
	d := c.open(func(c *door.Config) {
		c.OnPresence = func(device string, here bool) { seen <- presence{device, here} }
		c.Revoked = func(device string, _ int64) bool { _, ok := revoked.Load(device); return ok }
	})
	expect := func(device string, here bool, connected int) {
		t.Helper()
		if got := next(t, seen); got != (presence{device, here}) {
			t.Fatalf("saw %v, want %v", got, presence{device, here})
		}
		if got := d.Connected(); got != connected {
			t.Fatalf("%d connected, want %d", got, connected)
		}
	}
	lost := make(chan error, 10)
	onLost := func(o *mqtt.ClientOptions) {
		o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })
	}
	first := a.connect(d, onLost)
	expect(a.id, true, 1)
	b.connect(d, nil)
	expect(b.id, true, 2)

	// The same device again takes the place of the old connection, and was never away.
	second := a.connect(d, onLost)
	_ = next(t, lost) // whatever the reason
	if first.IsConnected() || !second.IsConnected() {
		t.Error("the old connection lives")
	}
	heard := a.listen(second)
	if err := d.Publish(wire.NowTopic(commune), []byte("x")); err != nil {
		t.Fatal(err)
	}
	next(t, heard)

	second.Disconnect(0)
	expect(a.id, false, 1)

	revoked.Store(b.id, true)
	taken := func(device string) bool { _, ok := revoked.Load(device); return ok }
	d.TurnOut(taken)
	expect(b.id, false, 0)
	d.TurnOut(taken) // nobody there
	if code, _ := raw(t, d.Addr(), b.id, b.id, b.password()); code != 5 {
		t.Errorf("revoked: CONNACK %d", code)
	}
	if len(seen) != 0 {
		t.Errorf("saw %v besides", <-seen)
	}
}

// A third sign-in right after a replacement is held back by the server and then
// refused; the second connection must not be forgotten over it, or nobody could
// turn it out.
func TestTurnOutAfterFlapping(t *testing.T) {
	c := newChain(t)
	a := c.box(commune)
	seen := make(chan presence, 100)
	d := c.open(func(c *door.Config) {
		c.OnPresence = func(device string, here bool) { seen <- presence{device, here} }
	})
	_, first := raw(t, d.Addr(), a.id, a.id, a.password())
	code, second := raw(t, d.Addr(), a.id, a.id, a.password())
	if _, err := first.Read(make([]byte, 1)); err == nil || code != 0 {
		t.Fatalf("not replaced: CONNACK %d", code)
	}
	third, err := net.Dial("tcp", d.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	body := []byte("\x00\x04MQTT\x04\xC2\x00\x3C")
	for _, s := range []string{a.id, a.id, a.password()} {
		body = append(binary.BigEndian.AppendUint16(body, uint16(len(s))), s...)
	}
	if _, err := third.Write(append(binary.AppendUvarint([]byte{0x10}, uint64(len(body))), body...)); err != nil {
		t.Fatal(err)
	}
	_, _ = third.Read(make([]byte, 1)) // until the server has decided, whichever way
	d.TurnOut(func(device string) bool { return device == a.id })
	if _, err := bufio.NewReader(second).ReadByte(); err == nil {
		t.Error("the second connection outlived being turned out")
	}
	if got := next(t, seen); got != (presence{a.id, true}) {
		t.Errorf("saw %v", got)
	}
	if got := next(t, seen); got != (presence{a.id, false}) {
		t.Errorf("saw %v", got)
	}
	if got := d.Connected(); got != 0 {
		t.Errorf("%d connected", got)
	}
}

// When even the door's own connections are cut, nobody stays on its list who is
// not there, and it works again.
func TestAfterCut(t *testing.T) {
	c := newChain(t)
	a := c.box(commune)
	seen := make(chan presence, 100)
	d := c.open(func(c *door.Config) {
		c.OnPresence = func(device string, here bool) { seen <- presence{device, here} }
	})
	for range 2 {
		a.connect(d, nil)
		if got := next(t, seen); got != (presence{a.id, true}) {
			t.Errorf("saw %v", got)
		}
		if err := d.CutAll(); err != nil {
			t.Fatal(err)
		}
		if got := next(t, seen); got != (presence{a.id, false}) {
			t.Errorf("saw %v", got)
		}
	}
	client := a.connect(d, nil)
	heard := a.listen(client)
	deadline := time.After(patience)
	for d.Publish(wire.NowTopic(commune), []byte("x")) != nil {
		select {
		case <-deadline:
			t.Fatal("the door stayed mute")
		default:
		}
	}
	next(t, heard)
}

// Two processes on one bus: what one says comes out of both doors. With the bus
// away, devices still sign in and hear what their own process says.
func TestBusAway(t *testing.T) {
	core, err := natsd.Core("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer core.Close()
	c := newChain(t)
	var buses []*bus.Bus
	var doors []*door.Door
	var heard []<-chan string
	for range 2 {
		d := c.open(nil)
		b, err := bus.Open(t.Context(), core.URL(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
		b.On(bus.Handlers{Out: func(topic string, body []byte) {
			if err := d.Publish(topic, body); err != nil {
				t.Error(err)
			}
		}})
		dev := c.box(commune)
		buses, doors, heard = append(buses, b), append(doors, d), append(heard, dev.listen(dev.connect(d, nil)))
	}
	if err := buses[0].Out(t.Context(), wire.NowTopic(commune), []byte("to all")); err != nil {
		t.Fatal(err)
	}
	for _, h := range heard {
		if got, want := next(t, h), wire.NowTopic(commune)+" to all"; got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
	if err := core.Close(); err != nil {
		t.Fatal(err)
	}
	late := c.box(commune)
	lateHeard := late.listen(late.connect(doors[0], nil))
	if err := buses[0].Out(t.Context(), wire.NowTopic("vn"), []byte("alone")); err == nil {
		t.Error("said to the others with no server between")
	}
	for _, h := range []<-chan string{heard[0], lateHeard} {
		if got, want := next(t, h), wire.NowTopic("vn")+" alone"; got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
}

// TestFanOut prints how long one publish takes to reach two hundred clients. The
// figure is for reading; that it reaches them all is the test.
func TestFanOut(t *testing.T) {
	const devices = 200
	c := newChain(t)
	d := c.open(nil)
	arrived := make(chan time.Time, devices)
	var all []mqtt.Client
	for range devices {
		b := c.box(commune)
		client := b.connect(d, nil)
		wait(t, client.Subscribe(wire.NowTopic(commune), 0, func(mqtt.Client, mqtt.Message) { arrived <- time.Now() }))
		all = append(all, client)
	}
	if got := d.Connected(); got != devices {
		t.Fatalf("%d connected", got)
	}
	start := time.Now()
	if err := d.Publish(wire.NowTopic(commune), make([]byte, 1400)); err != nil {
		t.Fatal(err)
	}
	took := make([]time.Duration, devices)
	for i := range took {
		took[i] = next(t, arrived).Sub(start)
	}
	slices.Sort(took)
	t.Logf("%d clients, 1,400 bytes: p50 %v, p99 %v", devices, took[devices/2], took[devices*99/100])
	for _, client := range all {
		client.Disconnect(0)
	}
}

func TestClose(t *testing.T) {
	c := newChain(t)
	a := c.box(commune)
	lost := make(chan error, 1)
	d := c.open(nil)
	a.connect(d, func(o *mqtt.ClientOptions) {
		o.SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })
	})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	_ = next(t, lost) // whatever the reason
	if err := d.Publish(wire.NowTopic(commune), nil); err == nil {
		t.Error("published through a closed door")
	}
	if _, err := net.Dial("tcp", d.Addr()); err == nil {
		t.Error("a closed door listens")
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = door.Open(t.Context(), door.Config{Addr: taken.Addr().String(), Clock: c.clock, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("opened on a taken address: %v", err)
	}
}
