package storm

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"loa"
	"loa/door"
	"loa/seal"
	"loa/wire"
)

// Card is what a device was given at its enrolment.
type Card struct {
	ID        string
	Seed      []byte // of its key
	Placement []byte // sealed
}

// device is the connection of one device.
type device struct {
	fleet     *fleet
	card      Card
	key       seal.Key
	placement wire.Placement
	session   tls.ClientSessionCache // its own: devices share no tickets
	slow      atomic.Bool            // reads one byte a second

	mu     sync.Mutex
	conn   net.Conn
	lines  int64       // given numbers
	unsaid []wire.Line // of them, not yet in a receipt
}

// MQTT 3.1.1 packets (OASIS, section 3), by the first byte.
const (
	mqttConnect    = 0x10
	mqttConnAck    = 0x20
	mqttPublish    = 0x30
	mqttSubscribe  = 0x82
	mqttSubAck     = 0x90
	mqttPing       = 0xC0
	mqttPong       = 0xD0
	mqttKeepAlive  = 60
	mostPacket     = 256 << 10
	connectTimeout = 20 * time.Second
)

func newDevice(f *fleet, c Card) (*device, error) {
	k, err := seal.KeyFromSeed(c.Seed)
	if err != nil {
		return nil, err
	}
	o, err := seal.Open(c.Placement, seal.MaxDocument)
	if err != nil {
		return nil, err
	}
	p, err := wire.ReadPlacement(o.Payload)
	return &device{fleet: f, card: c, key: k, placement: p, session: tls.NewLRUClientSessionCache(4)}, err
}

// run keeps the connection until ctx ends: once, or again and again as an agent
// does. in bounds how many sign in at once, nil for no bound.
func (d *device) run(ctx context.Context, in chan struct{}) {
	f := d.fleet
	for fails := 0; ctx.Err() == nil; {
		if in != nil {
			in <- struct{}{}
		}
		began := time.Now()
		r, err := d.open(ctx)
		if in != nil {
			<-in
		}
		if err != nil {
			f.failed(err)
			fails++
		} else {
			fails = 0
			f.opened(d, time.Since(began))
			err = d.read(r)
			f.lost(d, err)
		}
		d.close()
		if !f.follow.Load() {
			return
		}
		in = nil
		// As edge/push.go: a part of the node's spread after a connection was
		// lost, and at least a doubling part from one second.
		wait := max(time.Duration(f.spread.Load()), time.Second<<min(fails, 6))
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(rand.Int64N(int64(wait)))):
		}
	}
}

// open connects, signs in and subscribes.
func (d *device) open(ctx context.Context) (*bufio.Reader, error) {
	dialer := net.Dialer{Timeout: connectTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", d.fleet.addr)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if d.slow.Load() {
		_ = conn.(*net.TCPConn).SetReadBuffer(4096) // a hint: the kernel takes its least
	}
	if err := conn.SetDeadline(time.Now().Add(connectTimeout)); err != nil {
		return nil, err
	}
	if d.fleet.tls != nil {
		conn = tls.Client(conn, d.tls())
	}
	d.mu.Lock()
	d.conn = conn
	d.mu.Unlock()
	r := bufio.NewReaderSize(conn, 2048)
	if err := d.signIn(r); err != nil {
		return nil, err
	}
	if c, ok := conn.(*tls.Conn); ok {
		d.fleet.handshake(c.ConnectionState().DidResume)
	}
	return r, conn.SetDeadline(time.Time{})
}

func (d *device) tls() *tls.Config {
	c := d.fleet.tls.Clone()
	c.ClientSessionCache = d.session
	return c
}

func text(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }

func packet(first byte, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append(binary.AppendUvarint([]byte{first}, uint64(len(body))), body...)
}

func (d *device) signIn(r *bufio.Reader) error {
	now := time.Now()
	b, err := wire.Encode(wire.Token{V: wire.Version, Kind: "token", Device: d.card.ID, At: now.UnixMilli(), Nonce: loa.NewID(now)})
	if err != nil {
		return err
	}
	token, err := seal.Seal(wire.TokenType, b, d.key)
	if err != nil {
		return err
	}
	const flags = 0xC2 // user name, password, clean session
	err = d.send(packet(mqttConnect, text("MQTT"), []byte{4, flags, 0, mqttKeepAlive},
		text(d.card.ID), text(d.card.ID), text(door.Password(token, d.card.Placement))))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	first, body, err := next(r)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if first != mqttConnAck || len(body) != 2 || body[1] != 0 {
		return fmt.Errorf("connect: answered %#x %x", first, body)
	}
	topics := wire.Subscriptions(d.placement)
	parts := [][]byte{{0, 1}}
	for _, t := range topics {
		parts = append(parts, text(t), []byte{0})
	}
	if err := d.send(packet(mqttSubscribe, parts...)); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	for {
		first, body, err := next(r)
		if err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
		if first&0xF0 == mqttPublish { // a beacon may come before the answer
			d.hear(body)
			continue
		}
		if first != mqttSubAck || len(body) != 2+len(topics) || bytes.ContainsFunc(body[2:], func(r rune) bool { return r != 0 }) {
			return fmt.Errorf("subscribe: answered %#x %x", first, body)
		}
		return nil
	}
}

// next reads one packet.
func next(r *bufio.Reader) (first byte, body []byte, err error) {
	if first, err = r.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return 0, nil, err
	}
	if n > mostPacket {
		return 0, nil, fmt.Errorf("a packet of %d bytes", n)
	}
	body = make([]byte, n)
	_, err = io.ReadFull(r, body)
	return first, body, err
}

func (d *device) read(r *bufio.Reader) error {
	for {
		if d.slow.Load() {
			if _, err := r.ReadByte(); err != nil {
				return err
			}
			time.Sleep(time.Second)
			continue
		}
		first, body, err := next(r)
		if err != nil {
			return err
		}
		if first&0xF0 == mqttPublish {
			d.hear(body)
		}
	}
}

// hear takes a PUBLISH at QoS 0: the topic, then the bytes.
func (d *device) hear(body []byte) {
	at := time.Now()
	if len(body) < 2 {
		return
	}
	n := int(binary.BigEndian.Uint16(body))
	if len(body) < 2+n {
		return
	}
	d.fleet.heard(d, string(body[2:2+n]), body[2+n:], at)
}

func (d *device) send(b []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn == nil {
		return net.ErrClosed
	}
	_, err := d.conn.Write(b)
	return err
}

func (d *device) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		_ = d.conn.Close() // lost already, or told to go
		d.conn = nil
	}
}

// beat says how the device is.
func (d *device) beat() {
	b, err := wire.Encode(wire.Beat{V: wire.Version, Kind: "beat", Device: d.card.ID, At: time.Now().UnixMilli(), State: "idle",
		Volume: 80, DiskFree: 1 << 30, Clock: wire.ClockTrusted, Version: "storm", Uptime: 3600})
	if err != nil {
		d.fleet.failed(err)
		return
	}
	_ = d.send(packet(mqttPublish, text(wire.BeatTopic(d.card.ID)), b)) // without a connection nobody hears it
}

func (d *device) ping() { _ = d.send(packet(mqttPing)) } // without a connection there is nothing to keep

// pull fetches the commune's beacon on a connection of its own.
func (d *device) pull(ctx context.Context) error {
	t := &http.Transport{TLSClientConfig: nil, DisableKeepAlives: true}
	if d.fleet.tls != nil {
		t.TLSClientConfig = d.tls()
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.fleet.base+"/device/v1/beacon/"+string(d.placement.Paths[0].Commune()), nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: t}).Do(req)
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("pull: %s", resp.Status)
	}
	return nil
}

// played writes a line into the receipt that is still to be sent, and reports
// whether it is the first: then somebody has to send it. As edge/receipt.go, a
// device has one receipt under way, with all it heard until then.
func (d *device) played(warrant string, started int64) (first bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines++
	d.unsaid = append(d.unsaid, wire.Line{N: d.lines, Warrant: warrant, Planned: started, Started: started, MS: 2000, Volume: 80, Result: wire.Played,
		Clock: wire.ClockTrusted, Verified: true})
	return len(d.unsaid) == 1
}

// report sends a sealed receipt of what was played.
func (d *device) report(ctx context.Context) error {
	d.mu.Lock()
	lines := d.unsaid
	d.unsaid = nil
	d.mu.Unlock()
	b, err := wire.Encode(wire.Receipt{V: wire.Version, Kind: "receipt", Device: d.card.ID, At: time.Now().UnixMilli(), Lines: lines})
	if err != nil {
		return err
	}
	sealed, err := seal.Seal(wire.ReceiptType, b, d.key)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.fleet.base+"/device/v1/receipts", bytes.NewReader(sealed))
	if err != nil {
		return err
	}
	resp, err := d.fleet.http.Do(req)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("report: %s", resp.Status)
	}
	return nil
}
