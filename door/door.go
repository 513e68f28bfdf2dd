// Package door is where devices connect: MQTT 3.1.1 at QoS 0, nothing retained,
// in the same process as everything else. Every process of a node has a door and
// each decides alone, from sealed documents and the clock, who may come in: no
// database, no other process. So when the bus or the database is away, speakers
// still sign in and hear.
//
//	door.go    the listener; bytes out
//	admit.go   how many may come in each second
//	signin.go  who may come in, and for which topics
//	nonces.go  no token opens twice
//	beats.go   what devices say, who is there
package door

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"loa"
	"loa/bus"
	"loa/bus/natsd"
	"loa/seal"
	"loa/wire"
)

// DefaultDevices is how many devices one door takes when Config does not say: a
// process with 20,000 files to open still has half of them for the rest.
const DefaultDevices = 10_000

// Config is what a door needs. Revoked, OnBeat and OnPresence may be nil. They
// are called from the door's own goroutines, perhaps before Open returns, and
// must return at once: a beat that waits makes later ones be lost, the others
// delay every sign-in. They must not call the door back.
type Config struct {
	Addr  string      // "host:port"; port 0 picks a free one
	TLS   *tls.Config // nil for plain TCP, behind something that ends TLS
	Dir   string      // a folder of this door alone; "" makes one and removes it
	Clock loa.Clock
	Trust func() *seal.Trust // the delegations believed now; nil while there are none

	// Revoked reports whether a placement was taken back or replaced by a newer
	// one; the door itself sees only what the placement says.
	Revoked    func(device string, version int64) bool
	OnBeat     func(wire.Beat)
	OnPresence func(device string, connected bool) // in order for each device

	MaxDevices int // connected at once; 0 is DefaultDevices
	SignIns    int // taken each second; 0 is DefaultSignIns
	Log        *slog.Logger
}

// Door is an open door.
type Door struct {
	config  Config
	server  *natsd.Server
	admit   *admission
	devices *bus.Inside // speaks to devices and hears them
	now     *bus.Inside // says what cannot wait: the other may have a province's beacons to repeat
	events  *bus.Inside // hears who left
	nonces  *nonces

	mu      sync.Mutex          // held while Revoked and OnPresence run, so that they run in order
	here    map[string][]uint64 // device → its connections: one, or also one that is being replaced
	whose   map[uint64]string   // connection → device
	in      int64               // sign-ins granted
	refused map[string]int64    // sign-ins refused, by key of the error

	badBeats atomic.Int64
	qosBeats atomic.Int64

	close   sync.Once
	release func() bool
	err     error
}

// Open opens the door until ctx ends or Close.
func Open(ctx context.Context, c Config) (*Door, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open door: %w", err)
	}
	if c.MaxDevices == 0 {
		c.MaxDevices = DefaultDevices
	}
	if c.SignIns == 0 {
		c.SignIns = DefaultSignIns
	}
	d := &Door{
		config: c, admit: newAdmission(c.SignIns, c.Clock), nonces: newNonces(noncesPerDevice, 4*c.MaxDevices),
		here: map[string][]uint64{}, whose: map[uint64]string{}, refused: map[string]int64{},
	}
	if err := d.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open door: %w", err), d.Close())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.release = context.AfterFunc(ctx, func() {
		if err := d.Close(); err != nil {
			c.Log.Error("close door", slog.Any("err", err))
		}
	})
	return d, nil
}

func (d *Door) open(ctx context.Context) error {
	var err error
	secure := d.config.TLS
	if secure != nil {
		secure = d.admit.before(secure)
	}
	d.server, err = natsd.MQTT(ctx, natsd.Options{
		Addr: d.config.Addr, TLS: secure, Dir: d.config.Dir, Log: d.config.Log, SignIn: d.signIn,
		// Room for those who are signing in, and for our own two.
		MaxConnections: d.config.MaxDevices + d.config.MaxDevices/8 + 64,
	})
	if err != nil {
		return err
	}
	if d.devices, err = bus.OpenInside(d.server, natsd.DevicesUser, func() {}); err != nil {
		return err
	}
	if d.now, err = bus.OpenInside(d.server, natsd.DevicesUser, func() {}); err != nil {
		return err
	}
	if d.events, err = bus.OpenInside(d.server, natsd.EventsUser, d.recount); err != nil {
		return err
	}
	if err := d.events.Hear(natsd.ClosedSubject, d.left); err != nil {
		return err
	}
	if err := d.devices.Hear(beatSubjects(), d.beat); err != nil {
		return err
	}
	// Who was quick enough to leave before we listened.
	d.recount()
	return nil
}

// Publish says body once to every device that is connected here and listens to
// the topic, at QoS 0; what sounds on arrival overtakes the rest. A device that is too slow or away learns of it from its
// next beacon.
func (d *Door) Publish(topic string, body []byte) error {
	subject, err := natsd.Subject(topic)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if strings.HasPrefix(topic, wire.NowTopic("")) {
		return d.now.Publish(subject, body)
	}
	return d.devices.Publish(subject, body)
}

// Addr is where the door listens, "host:port".
func (d *Door) Addr() string { return d.server.Addr() }

// Connected is how many devices are signed in here.
func (d *Door) Connected() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.here)
}

// TurnOut ends the connections of all devices that gone says so of. Once Revoked
// says that a placement was taken back, no sign-in that began before gets past a
// TurnOut.
func (d *Door) TurnOut(gone func(device string) bool) {
	d.mu.Lock()
	var conns []uint64
	for device, all := range d.here {
		if gone(device) {
			conns = append(conns, all...)
		}
	}
	d.mu.Unlock()
	for _, conn := range conns {
		d.server.Drop(conn)
	}
}

// Counters is what happened at the door since it opened. All but SignedIn and
// Refused come from devices that are signed in, so they mean a fault or a
// stolen key.
type Counters struct {
	SignedIn             int64
	Refused              map[string]int64 // sign-ins, by key of the error
	ForeignPublishes     int64            // dropped: to another topic than the own beat's, wills too
	ForeignSubscriptions int64            // refused: to a topic that is not the device's
	QoSSubscriptions     int64            // refused: QoS 1 or 2
	QoSPublishes         int64            // dropped: QoS 1 or 2
	Retained             int64            // published as retained: never kept
	BadBeats             int64            // dropped: not a beat, or another device's
}

// Counters reads them.
func (d *Door) Counters() Counters {
	n := d.server.Counts()
	d.mu.Lock()
	defer d.mu.Unlock()
	c := Counters{
		SignedIn: d.in, Refused: map[string]int64{},
		ForeignPublishes: n.ForeignPublishes, ForeignSubscriptions: n.ForeignSubscriptions,
		QoSSubscriptions: n.QoSSubscriptions, QoSPublishes: n.QoS2Publishes + d.qosBeats.Load(),
		Retained: n.Retained, BadBeats: d.badBeats.Load(),
	}
	maps.Copy(c.Refused, d.refused)
	return c
}

// Close ends every connection and forgets what the door held. Calling it again
// does nothing.
func (d *Door) Close() error {
	d.close.Do(func() {
		d.mu.Lock()
		if d.release != nil {
			d.release()
		}
		d.mu.Unlock()
		if d.server != nil {
			d.err = d.server.Close()
		}
		for _, in := range []*bus.Inside{d.devices, d.now, d.events} {
			if in != nil {
				in.Close()
			}
		}
	})
	return d.err
}
