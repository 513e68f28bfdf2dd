package e2e_test

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"loa"
	"loa/door"
	"loa/e2e"
	"loa/seal"
	"loa/speaker"
	"loa/wire"
)

// thief holds what is on one stolen box: its key, its id, its placement. He speaks
// MQTT and HTTP to the program we ship, as we ship it.
type thief struct {
	t         *testing.T
	town      *e2e.Town
	key       seal.Key
	id        string
	placement []byte
	victim    speaker.Box // another box of the same commune
}

func stolen(t *testing.T) *thief {
	t.Helper()
	town := e2e.Start(t, e2e.Options{Agents: 2})
	town.Author.At(town.Servers[0])
	town.Leader.At(town.Servers[0])
	town.Agents[0].Stop() // it was carried away
	f := &thief{t: t, town: town, key: town.Agents[0].Key(), id: town.Box(0).ID, victim: town.Box(1)}
	f.placement = f.sealed(f.id)
	return f
}

// sealed is a box's placement as the node keeps it.
func (f *thief) sealed(box string) []byte {
	f.t.Helper()
	b, err := (&speaker.Register{DB: f.town.DB}).SealedPlacement(f.t.Context(), box)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

// says seals a document with the stolen key.
func (f *thief) says(payloadType string, doc any) []byte {
	f.t.Helper()
	payload, err := wire.Encode(doc)
	if err != nil {
		f.t.Fatal(err)
	}
	b, err := seal.Seal(payloadType, payload, f.key)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

// token is a fresh sign-in in the name of a device.
func (f *thief) token(device string) []byte {
	now := time.Now()
	return f.says(wire.TokenType, wire.Token{V: wire.Version, Kind: "token", Device: device, At: now.UnixMilli(), Nonce: loa.NewID(now)})
}

func (f *thief) password() string { return door.Password(f.token(f.id), f.placement) }

// connect signs in under a name, and gives what the door says to that.
func (f *thief) connect(name string, password func() string, lost func(mqtt.Client, error)) (mqtt.Client, error) {
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(f.town.Servers[0].MQTT).SetClientID(name).SetProtocolVersion(4).
		SetAutoReconnect(false).SetConnectTimeout(10 * time.Second).SetConnectionLostHandler(lost).
		SetCredentialsProvider(func() (string, string) { return name, password() }))
	token := c.Connect()
	token.Wait()
	f.t.Cleanup(func() { c.Disconnect(0) })
	return c, token.Error()
}

// door is where devices connect, "host:port".
func (f *thief) door() string { return strings.TrimPrefix(f.town.Servers[0].MQTT, "tcp://") }

// foreign are topics that are none of the stolen box's.
func (f *thief) foreign() []string {
	return []string{
		"#", "+", "+/#", "+/+/cmd", "+/+/+", "loa/#", "loa/+/+/#", "loa/0/#", "loa/0/+", ">", "*", "loa.0.now.>",
		"loa/0/beat/#", "loa/0/beat/+", wire.BeatTopic(f.victim.ID), wire.BeatTopic(f.id),
		"loa/0/now/#", "loa/0/now/vn/+", "loa/0/now/vn/98/+", wire.NowTopic("vn/98/98037"), wire.NowTopic("vn/97"), wire.NowTopic(e2e.Commune) + "/#",
		"loa/0/beacon/#", "loa/0/beacon/vn/98/+", wire.BeaconTopic("vn/98/98037"), wire.BeaconTopic(e2e.Commune) + "/#",
		"$SYS/#", "$SYS/broker/clients/total", "$SYS/ACCOUNT/devices/CONNECT", "$SYS/REQ/SERVER/PING", "$JS/#", "$JS/API/#", "$JS.API.>", "$JS/API/STREAM/LIST",
		"$MQTT/#", "$MQTT/sub/#", "$MQTT/msgs/#", "$MQTT/rmsgs", "_INBOX/#",
		"$share/g/#", "$share/g/" + wire.NowTopic(e2e.Commune), "$share/g/loa/0/beat/+",
	}
}

// TestStolenBox is S-05: with the real key of one box, against the program and the
// settings we ship, nothing of any other box can be read or written, and once the
// box is taken away its connection ends.
func TestStolenBox(t *testing.T) {
	t.Parallel()
	f := stolen(t)
	t.Run("what listens", f.listens)
	t.Run("names", f.names)
	t.Run("hearing", f.hears)
	t.Run("hearing with mosquitto_sub", f.mosquitto)
	t.Run("speaking", f.speaks)
	t.Run("reading over HTTP", f.reads)
	t.Run("writing over HTTP", f.writes)
	t.Run("taken away", f.takenAway)
}

// listens: the server and its signer listen where devices and people come and
// nowhere else; NATS itself is not spoken to the outside.
func (f *thief) listens(t *testing.T) {
	server := f.town.Servers[0]
	want := []string{strings.TrimPrefix(server.URL, "http://"), f.door()}
	slices.Sort(want)
	if got := listening(t, server.PID()); !slices.Equal(got, want) {
		t.Errorf("the server listens on %v, want %v", got, want)
	}
	conn, err := net.Dial("tcp", f.door())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "CONNECT {\"verbose\":true,\"user\":\"devices\"}\r\nSUB > 1\r\nPING\r\n"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); len(b) > 0 {
		t.Errorf("NATS is answered: %q %v", b, err)
	}
}

// names: nobody comes in under another name than the key's, a pattern least of all.
func (f *thief) names(t *testing.T) {
	for _, name := range []string{f.victim.ID, strings.ToUpper(f.id), "+", "#", "$SYS", f.id + "/+", f.id + ".>", f.id + " ", "devices", "events", "../" + f.id} {
		if _, err := f.connect(name, f.password, nil); err == nil {
			t.Errorf("came in as %q", name)
		}
	}
	for what, password := range map[string]func() string{
		"the victim's placement":     func() string { return door.Password(f.token(f.victim.ID), f.sealed(f.victim.ID)) },
		"the victim's name on both":  func() string { return door.Password(f.token(f.victim.ID), f.placement) },
		"a placement of his own":     func() string { return door.Password(f.token(f.victim.ID), f.forged()) },
		"a token for every device":   func() string { return door.Password(f.token("+"), f.placement) },
		"no token":                   func() string { return door.Password(nil, f.placement) },
		"the password of a database": func() string { return "' OR 1=1 --" },
	} {
		if _, err := f.connect(f.victim.ID, password, nil); err == nil {
			t.Errorf("came in as the victim with %s", what)
		}
	}
}

// forged is the victim's placement with the stolen key in it, sealed by that key.
func (f *thief) forged() []byte {
	o, err := seal.Open(f.sealed(f.victim.ID), seal.MaxDocument)
	if err != nil {
		f.t.Fatal(err)
	}
	p, err := wire.ReadPlacement(o.Payload)
	if err != nil {
		f.t.Fatal(err)
	}
	p.Key = seal.EncodePublic(f.key.Public)
	return f.says(wire.PlacementType, p)
}

// hears: every foreign topic is refused at every quality, and nothing comes of it.
func (f *thief) hears(t *testing.T) {
	c, err := f.connect(f.id, f.password, nil)
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 1000)
	take := func(_ mqtt.Client, m mqtt.Message) { heard <- m.Topic() }
	for _, topic := range f.foreign() {
		for qos := range byte(3) {
			token := c.SubscribeMultiple(map[string]byte{topic: qos}, take)
			token.WaitTimeout(10 * time.Second)
			if code, ok := token.(*mqtt.SubscribeToken).Result()[topic]; ok && code != 0x80 {
				t.Errorf("subscribed to %q at QoS %d: %#x", topic, qos, code)
			}
			if !c.IsConnectionOpen() { // refused with the whole connection
				if c, err = f.connect(f.id, f.password, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	// His own topics he may hear, so the refusals are not a deaf door's.
	own := c.Subscribe(wire.BeaconTopic(e2e.Commune), 0, take)
	if own.Wait(); own.Error() != nil {
		t.Fatal(own.Error())
	}
	f.traffic(t)
	select {
	case topic := <-heard:
		if topic != wire.BeaconTopic(e2e.Commune) {
			t.Errorf("heard %s", topic)
		}
	case <-time.After(40 * time.Second):
		t.Error("not even his own beacon is heard")
	}
	for len(heard) > 0 {
		if topic := <-heard; topic != wire.BeaconTopic(e2e.Commune) {
			t.Errorf("heard %s", topic)
		}
	}
	c.Disconnect(0)
}

// traffic has the node say a plan, a beacon and a now warrant to the commune.
func (f *thief) traffic(t *testing.T) {
	t.Helper()
	id := approved(t, f.town)
	if err := f.town.Author.PlayNow(id); err != nil {
		t.Fatal(err)
	}
	if err := stopped(t, f.town, id); err != nil {
		t.Fatal(err)
	}
}

// mosquitto asks for the same with somebody else's client, which says what it was
// granted and prints whatever it hears.
func (f *thief) mosquitto(t *testing.T) {
	program, err := exec.LookPath("mosquitto_sub")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("scripts/tools mosquitto-clients:", err)
		}
		t.Skip("scripts/tools mosquitto-clients:", err)
	}
	host, port, err := net.SplitHostPort(f.door())
	if err != nil {
		t.Fatal(err)
	}
	for topics := range slices.Chunk(f.foreign(), 12) {
		args := []string{"-V", "mqttv311", "-h", host, "-p", port, "-i", f.id, "-u", f.id, "-P", f.password(), "-W", "1", "-v", "-d"}
		asked := 0
		for _, topic := range topics {
			if strings.HasPrefix(topic, "$share/") { // it knows better what that is, and would not ask
				continue
			}
			asked++
			args = append(args, "-t", topic)
		}
		if asked == 0 {
			continue
		}
		out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
		if !bytes.Contains(out, []byte("received CONNACK (0)")) {
			t.Fatalf("did not come in: %v %s", err, out)
		}
		if !bytes.Contains(out, []byte("128")) {
			t.Errorf("refused nothing of %v: %s", topics, out)
		}
		for line := range strings.Lines(string(out)) {
			codes, ok := strings.CutPrefix(strings.TrimSpace(line), "Subscribed (mid: 1): ")
			for code := range strings.SplitSeq(codes, ", ") {
				if ok && code != "128" {
					t.Errorf("granted %s of %v", codes, topics)
				}
			}
			if strings.HasPrefix(line, "loa/") || strings.HasPrefix(line, "$") || strings.Contains(line, "received PUBLISH") {
				t.Errorf("heard %s", line)
			}
		}
	}
}

// speaks: what he says in others' names, or as the node, nobody hears.
func (f *thief) speaks(t *testing.T) {
	c, err := f.connect(f.id, f.password, nil)
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 1000)
	topics := map[string]byte{}
	box := f.town.Placement(f.town.Agents[0].Pole.Code)
	for _, topic := range wire.Subscriptions(box) {
		topics[topic] = 0
	}
	own := c.SubscribeMultiple(topics, func(_ mqtt.Client, m mqtt.Message) {
		if bytes.Contains(m.Payload(), []byte("false")) {
			heard <- m.Topic()
		}
	})
	if own.Wait(); own.Error() != nil {
		t.Fatal(own.Error())
	}
	beat := func(device, warrant string) []byte {
		b, err := wire.Encode(wire.Beat{V: wire.Version, Kind: "beat", Device: device, State: "refused", Why: "policy.hours", Warrant: warrant, Clock: wire.ClockTrusted})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	lie := loa.Hash([]byte("false"))
	say := func(topic string, qos byte, retained bool, body []byte) {
		c.Publish(topic, qos, retained, body).WaitTimeout(5 * time.Second)
	}
	for _, retained := range []bool{false, true} {
		say(wire.BeatTopic(f.victim.ID), 0, retained, beat(f.victim.ID, lie))
		say(wire.BeatTopic(f.id), 0, retained, beat(f.victim.ID, lie))
		for topic := range topics {
			say(topic, 0, retained, []byte("false"))
			say(topic, 1, retained, []byte("false"))
		}
		for _, topic := range []string{"$SYS/REQ/SERVER/PING", "$SYS/REQ/SERVER/CONFIG/RELOAD", "$JS/API/STREAM/CREATE/false", "$JS/API/STREAM/PURGE/$MQTT_msgs",
			"$MQTT/sub/x", "$MQTT/rmsgs", wire.NowTopic("vn/98/98037"), wire.BeaconTopic("vn/98/98037")} {
			say(topic, 0, retained, []byte("false"))
		}
	}
	// Said last, on the same connection: what came before it has been decided upon.
	mine := loa.Hash([]byte("mine"))
	say(wire.BeatTopic(f.id), 0, false, beat(f.id, mine))
	f.town.Eventually("his own beat", 20*time.Second, func() bool { return f.town.Box(0).Health.Warrant == mine })
	if h := f.town.Box(1).Health; h.Warrant == lie || h.State == "refused" {
		t.Errorf("the victim is said to be %s", h.State)
	}
	select {
	case topic := <-heard:
		t.Errorf("heard himself on %s", topic)
	default:
	}
	c.Disconnect(0)
}

// call sends one request byte by byte, so that no client mends the path, with
// what the thief can show of himself.
func (f *thief) call(t *testing.T, method, path, show string, body []byte) (int, []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.town.Servers[0].URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: loa.example.vn\r\nConnection: close\r\nAuthorization: %s\r\nSec-Fetch-Site: same-origin\r\nContent-Length: %d\r\n\r\n%s",
		method, path, show, len(body), body); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, b
}

// shows is everything that can be put into an Authorization header.
func (f *thief) shows() map[string]string {
	enc := base64.RawURLEncoding.EncodeToString
	proof := func(device string) string {
		return "Loa " + enc(ed25519.Sign(ed25519.NewKeyFromSeed(f.key.Seed()), []byte("loa placement v0\n"+device)))
	}
	return map[string]string{
		"nothing": "", "his token": "Loa " + enc(f.token(f.id)), "a token in the victim's name": "Loa " + enc(f.token(f.victim.ID)),
		"his proof": proof(f.id), "a proof for the victim": proof(f.victim.ID), "his placement": "Loa " + enc(f.placement),
		"a password": "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:admin")),
	}
}

// reads: no path, however written, brings another box's placement.
func (f *thief) reads(t *testing.T) {
	me, you := f.id, f.victim.ID
	theirs := f.sealed(you)
	leaks := func(b []byte) bool {
		return bytes.Contains(b, theirs) || bytes.Contains(b, []byte(f.victim.Key)) || bytes.Contains(b, []byte(f.victim.Pole.ID))
	}
	for how, show := range f.shows() {
		for _, at := range []string{"/device/v1/placement/", "/device/v1/enrol/"} {
			for _, path := range []string{
				at + you, at + you + "/", at + strings.ToUpper(you), at + you + "%00", at + you + "%20", at + "%20" + you, at + you + "?device=" + me,
				at + me + "/../" + you, at + me + "%2f..%2f" + you, at + me + "%2F%2E%2E%2F" + you, at + "./" + you, at + "%2e/" + you, "/" + at + you, at + "/" + you,
				strings.ToUpper(at) + you, at + me + "," + you, at + me + ";" + you, at + "*", at + "%25", at + "_", at + "+", at + "%23", at + "$SYS", at + me + "%0a" + you,
				at + me + "'%20OR%20id='" + you, "/device/v1/trust/../" + strings.TrimPrefix(at, "/device/v1/") + you, "/device/v1/doc/%2e%2e/" + strings.TrimPrefix(at, "/device/v1/") + you,
			} {
				if status, b := f.call(t, http.MethodGet, path, show, nil); leaks(b) || status == http.StatusOK {
					t.Errorf("with %s, %s brings %d %s", how, path, status, b)
				}
			}
			for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "PROPFIND"} {
				if status, b := f.call(t, method, at+you, show, nil); status < 400 || leaks(b) {
					t.Errorf("with %s, %s %s%s brings %d %s", how, method, at, you, status, b)
				}
			}
		}
		for _, path := range []string{"/", "/speakers", "/speakers/" + you, "/poles/" + f.town.Agents[1].Pole.Code, "/log", "/journal", "/events", "/debug/pprof/", "/metrics"} {
			if status, b := f.call(t, http.MethodGet, path, show, nil); status == http.StatusOK || leaks(b) {
				t.Errorf("with %s, %s brings %d", how, path, status)
			}
		}
	}
	for _, path := range []string{"/device/v1/media/..%2f..%2floa.db", "/device/v1/media/%2e%2e/loa.db", "/device/v1/media/" + strings.Repeat("0", 64), "/device/v1/program/..%2fmarks.log",
		"/device/v1/program/" + loa.Hash(theirs), "/device/v1/doc/" + you, "/device/v1/media/" + you, "/device/v1/beacon/" + you, "/device/v1/root/" + you} {
		if status, b := f.call(t, http.MethodGet, path, "", nil); status == http.StatusOK {
			t.Errorf("%s brings %d %s", path, status, b)
		}
	}
	// What is his own he gets, so the refusals are not a blind server's.
	for how, at := range map[string]string{"his token": "/device/v1/placement/", "his proof": "/device/v1/enrol/"} {
		if status, b := f.call(t, http.MethodGet, at+me, f.shows()[how], nil); status != http.StatusOK || !bytes.Equal(b, f.placement) {
			t.Errorf("his own placement with %s: %d %s", how, status, b)
		}
	}
}

// writes: no receipt and no log in another's name is taken.
func (f *thief) writes(t *testing.T) {
	now := time.Now().UnixMilli()
	before, err := through(f.town, f.victim.ID)
	if err != nil {
		t.Fatal(err)
	}
	line := wire.Line{N: before + 1000, Slot: loa.NewID(time.Now()), Warrant: loa.Hash([]byte("false")), Planned: now, Started: now, MS: 5000, Volume: 80, Result: wire.Played,
		Clock: wire.ClockTrusted, Verified: true}
	receipt := func(device string) wire.Receipt {
		return wire.Receipt{V: wire.Version, Kind: "receipt", Device: device, At: now, Lines: []wire.Line{line}}
	}
	for what, body := range map[string][]byte{
		"a receipt in the victim's name":    f.says(wire.ReceiptType, receipt(f.victim.ID)),
		"a receipt of every device":         f.says(wire.ReceiptType, receipt("+")),
		"a receipt that is called a token":  f.says(wire.TokenType, receipt(f.id)),
		"the victim's placement as receipt": f.sealed(f.victim.ID),
	} {
		if status, b := f.call(t, http.MethodPost, "/device/v1/receipts", "", body); status < 400 {
			t.Errorf("%s: %d %s", what, status, b)
		}
	}
	log := wire.Log{V: wire.Version, Kind: "log", Device: f.victim.ID, At: now, Warrant: loa.Hash([]byte("false")), Lines: []string{"false"}}
	if status, b := f.call(t, http.MethodPost, "/device/v1/logs", "", f.says(wire.LogType, log)); status < 400 {
		t.Errorf("a log in the victim's name: %d %s", status, b)
	}
	pub := seal.EncodePublic(f.key.Public)
	sig := base64.StdEncoding.EncodeToString(ed25519.Sign(ed25519.NewKeyFromSeed(f.key.Seed()), []byte("loa enrol v0\nABCD2345\n"+pub)))
	if status, b := f.call(t, http.MethodPost, "/device/v1/enrol", "", fmt.Appendf(nil, `{"code":"ABCD2345","key":%q,"sig":%q}`, pub, sig)); status < 400 {
		t.Errorf("a code nobody made: %d %s", status, b)
	}
	if n, err := through(f.town, f.victim.ID); err != nil || n >= line.N {
		t.Errorf("the victim's receipts reach to %d, %v", n, err)
	}
}

// takenAway: an officer takes the box away while the thief listens. His connection
// ends within a minute, and he does not come in again.
func (f *thief) takenAway(t *testing.T) {
	lost := make(chan time.Time, 1)
	if _, err := f.connect(f.id, f.password, func(mqtt.Client, error) { lost <- time.Now() }); err != nil {
		t.Fatal(err)
	}
	payload, err := (&speaker.Register{DB: f.town.DB}).DraftPlacement(t.Context(), f.town.Author.Actor(), f.id, true)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := f.town.Author.PostJSON("/speakers/"+f.id+"/confirm", struct {
		wire.Approval
		Revoke bool `json:"revoke"`
	}{f.town.Author.Yes(payload), true}); status >= 400 {
		t.Fatalf("taking it away: %d %s", status, body)
	}
	began := time.Now()
	select {
	case at := <-lost:
		t.Logf("out after %s", at.Sub(began).Round(time.Millisecond))
	case <-time.After(time.Minute):
		t.Error("still connected after a minute")
	}
	if _, err := f.connect(f.id, f.password, nil); err == nil {
		t.Error("came in again")
	}
	if n := f.town.Box(1).Health.At; n < began.Add(-10*time.Second).UnixMilli() {
		t.Error("the victim was turned out too")
	}
}

// listening lists the TCP addresses a process and its children listen on.
func listening(t *testing.T, pid int) (all []string) {
	t.Helper()
	sockets := map[string]bool{}
	for _, p := range append(childrenOf(t, pid), pid) {
		fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p))
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:[") {
				sockets[strings.Trim(to, "socket:[]")] = true
			}
		}
	}
	for _, table := range []string{"tcp", "tcp6"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if part := strings.Fields(line); len(part) > 9 && part[3] == "0A" && sockets[part[9]] {
				all = append(all, address(t, part[1]))
			}
		}
	}
	slices.Sort(all)
	return all
}

// address reads "0100007F:1F90", an IPv4 address as a number of this machine.
func address(t *testing.T, hex string) string {
	t.Helper()
	var ip [4]byte
	var port int
	if n, err := fmt.Sscanf(hex, "%2X%2X%2X%2X:%X", &ip[3], &ip[2], &ip[1], &ip[0], &port); n != 5 {
		return hex + err.Error()
	}
	return fmt.Sprintf("%d.%d.%d.%d:%d", ip[0], ip[1], ip[2], ip[3], port)
}

func childrenOf(t *testing.T, pid int) (all []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		var child, parent int
		rest := b[bytes.LastIndexByte(b, ')')+1:]
		if _, err := fmt.Sscanf(string(rest), " %1s %d", new(string), &parent); err != nil || parent != pid {
			continue
		}
		if _, err := fmt.Sscan(string(b), &child); err != nil {
			t.Fatal(err)
		}
		all = append(all, child)
	}
	return all
}
