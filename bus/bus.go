// Package bus lets the processes of one node speak to each other: bytes for a
// device topic, "look into the journal", "this noun changed". It carries no
// truth. Whoever commits writes the journal first, and what the bus loses the
// sweeper says again, so every listener must be safe to call twice.
//
// One process alone needs no server: Open with an empty address delivers in
// memory. Several share a NATS core cluster (docs.nats.io, no JetStream): two of
// its three servers may die, and when all are gone each process still reaches
// its own listeners.
//
//	bus.go     the three things that can be said
//	listen.go  who hears them, each at its own speed
//	inside.go  a client of a server in the same process, for the door
package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"loa"
)

// The subjects, below a prefix of our own because an operator may share the
// NATS servers with other programs.
const (
	outSubject   = "loa.out"
	wakeSubject  = "loa.wake"
	watchSubject = "loa.watch"
)

// MaxBody is the largest body of an Out in bytes: what a door accepts.
const MaxBody = 64 << 10

// flushWait bounds how long an Out waits for the server's word. A server that
// takes longer counts as away.
const flushWait = 5 * time.Second

// Bus is this process's end. Its methods may be called from any goroutine.
type Bus struct {
	nc  *nats.Conn // nil in a single process
	log *slog.Logger

	mu        sync.Mutex
	closed    bool
	listeners map[*listener]struct{}
	running   sync.WaitGroup
	release   func() bool // undoes the close at the end of Open's context
}

// Change says which noun changed, so that a page showing it reads it again. The
// zero Change means that something may have been missed: read everything again.
type Change struct {
	Noun string // e.g. "bulletin"
	ID   string
	Path loa.Path // the unit it belongs to; "" when it has none
}

// Open joins the bus until ctx ends or Close. url is "" for a single process,
// else the NATS servers separated by commas ("nats://a:4222,nats://b:4222"). A
// server that cannot be reached is no error: Connected tells, and the bus tries
// for ever.
func Open(ctx context.Context, url string, log *slog.Logger) (*Bus, error) {
	b := &Bus{log: log, listeners: map[*listener]struct{}{}}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open bus: %w", err)
	}
	if url != "" {
		if err := b.dial(url); err != nil {
			return nil, err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.release = context.AfterFunc(ctx, b.Close)
	return b, nil
}

func (b *Bus) dial(url string) error {
	atOnce := make(chan bool, 1) // whether the servers were there from the start
	nc, err := nats.Connect(url,
		nats.Name("loa"),
		nats.NoEcho(), // our own listeners are served directly, also while the servers are away
		nats.IgnoreDiscoveredServers(),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(500*time.Millisecond),
		nats.ReconnectBufSize(-1), // no hidden queue: what did not leave is the sweeper's
		nats.PingInterval(5*time.Second),
		nats.MaxPingsOutstanding(2),
		nats.ConnectHandler(func(nc *nats.Conn) {
			if !<-atOnce {
				b.back(nc)
			}
		}),
		nats.ReconnectHandler(b.back),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				b.log.Warn("bus away", slog.Any("err", err))
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.log.Error("bus", slog.Any("err", err))
		}),
	)
	if err != nil {
		return loa.Errorf(loa.Invalid, "bus.address").Because(err)
	}
	for subject, hear := range map[string]func([]byte){
		outSubject: func(data []byte) {
			if topic, body, ok := bytes.Cut(data, []byte("\n")); ok {
				b.each(func(l *listener) { l.hearOut(message{string(topic), body}) })
			}
		},
		wakeSubject: func([]byte) { b.each((*listener).hearWake) },
		watchSubject: func(data []byte) {
			if c, ok := parseChange(string(data)); ok {
				b.each(func(l *listener) { l.hearWatch(c) })
			}
		},
	} {
		if _, err := nc.Subscribe(subject, func(m *nats.Msg) { hear(m.Data) }); err != nil {
			nc.Close()
			return fmt.Errorf("listen on bus: %w", err)
		}
	}
	b.nc = nc
	connected := nc.IsConnected()
	if connected {
		// Whatever the others say once Open has returned is heard. If this
		// fails they are away already, and back runs when they return.
		_ = nc.FlushTimeout(flushWait)
	}
	atOnce <- connected
	return nil
}

// back runs when the servers are there (again): what the others said meanwhile
// is lost, so everyone looks for himself, but not before a round trip has shown
// that the server knows our subscriptions; else a word could fall in between.
func (b *Bus) back(nc *nats.Conn) {
	if err := nc.FlushTimeout(flushWait); err != nil {
		return // away again: back will run again
	}
	b.log.Info("bus connected")
	b.each(func(l *listener) {
		l.hearWake()
		l.hearWatch(Change{})
	})
}

// Connected reports whether the other processes can hear this one. A single
// process always can.
func (b *Bus) Connected() bool { return b.nc == nil || b.nc.IsConnected() }

// Out has every process, this one included, repeat body on a device topic at
// its door. It returns nil only after a NATS server has the bytes. On an error
// this process has repeated them and the others may have: say it again later.
func (b *Bus) Out(ctx context.Context, topic string, body []byte) error {
	if topic == "" || strings.ContainsAny(topic, "\r\n") || len(body) > MaxBody {
		return loa.Errorf(loa.Invalid, "bus.malformed")
	}
	m := message{topic, bytes.Clone(body)}
	b.each(func(l *listener) { l.hearOut(m) })
	if err := b.publish(outSubject, append([]byte(topic+"\n"), body...)); err != nil {
		return err
	}
	if b.nc == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, flushWait)
	defer cancel()
	if err := b.nc.FlushWithContext(ctx); err != nil {
		return loa.Errorf(loa.Unavailable, "bus.away").Because(err)
	}
	return nil
}

// Wake has every process look into the journal for rows nobody has spoken yet.
func (b *Bus) Wake(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wake: %w", err)
	}
	b.each((*listener).hearWake)
	return b.publish(wakeSubject, nil)
}

// Watch tells every process that a noun changed. Neither noun nor id may be
// empty or hold a space.
func (b *Bus) Watch(ctx context.Context, noun, id string, path loa.Path) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	c := Change{Noun: noun, ID: id, Path: path}
	line := noun + " " + id + " " + string(path)
	if got, ok := parseChange(line); !ok || got != c {
		return loa.Errorf(loa.Invalid, "bus.malformed")
	}
	b.each(func(l *listener) { l.hearWatch(c) })
	return b.publish(watchSubject, []byte(line))
}

func parseChange(line string) (Change, bool) {
	parts := strings.Split(line, " ")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return Change{}, false
	}
	return Change{Noun: parts[0], ID: parts[1], Path: loa.Path(parts[2])}, true
}

// publish hands bytes to the server's connection and never waits for it.
func (b *Bus) publish(subject string, data []byte) error {
	b.mu.Lock()
	closed := b.closed
	b.mu.Unlock()
	if closed {
		return loa.Errorf(loa.Unavailable, "bus.away").Because(errors.New("bus is closed"))
	}
	if b.nc == nil {
		return nil
	}
	if !b.nc.IsConnected() {
		return loa.Errorf(loa.Unavailable, "bus.away").Because(nats.ErrConnectionReconnecting)
	}
	if err := b.nc.Publish(subject, data); err != nil {
		return loa.Errorf(loa.Unavailable, "bus.away").Because(err)
	}
	return nil
}

// Close leaves the bus and waits for handlers that run, so no handler may call
// it. Calling it again does nothing.
func (b *Bus) Close() {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		b.running.Wait()
		return
	}
	b.closed = true
	b.release()
	for l := range b.listeners {
		close(l.done)
	}
	clear(b.listeners)
	b.mu.Unlock()
	if b.nc != nil {
		b.nc.Close()
	}
	b.running.Wait()
}
