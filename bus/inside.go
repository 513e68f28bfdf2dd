package bus

import (
	"fmt"
	"net"
	"time"

	"github.com/nats-io/nats.go"
)

// Host is a NATS server in the same process (bus/natsd has them): connections
// to it need no socket.
type Host interface {
	InProcessConn() (net.Conn, error)
}

// Inside is a client of a server in the same process. The door publishes to
// its devices and hears their beats through it.
type Inside struct{ nc *nats.Conn }

// OpenInside connects to the host under a user's name. If the host drops the
// connection, because it was read too slowly, Inside connects again and calls
// again: what came between is lost.
func OpenInside(host Host, user string, again func()) (*Inside, error) {
	nc, err := nats.Connect(nats.DefaultURL, // never dialled: the host makes the connection
		nats.InProcessServer(host),
		nats.Name(user), nats.UserInfo(user, ""),
		nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.ReconnectBufSize(-1),
		nats.ReconnectHandler(func(*nats.Conn) { again() }),
	)
	if err != nil {
		return nil, fmt.Errorf("connect inside: %w", err)
	}
	return &Inside{nc}, nil
}

// Publish hands the body to everyone subscribed to the subject.
func (i *Inside) Publish(subject string, body []byte) error {
	if err := i.nc.Publish(subject, body); err != nil {
		return fmt.Errorf("publish inside: %w", err)
	}
	return nil
}

// Heard is one message. Header keeps the case that its sender used.
type Heard struct {
	Subject string
	Header  map[string][]string
	Body    []byte
}

// Hear calls f, one message at a time, for everything published on the subject
// (which may hold NATS wildcards) once it has returned. What a slow f lets wait
// is bounded; beyond that the newest is lost.
func (i *Inside) Hear(subject string, f func(Heard)) error {
	_, err := i.nc.Subscribe(subject, func(m *nats.Msg) { f(Heard{m.Subject, m.Header, m.Data}) })
	if err == nil {
		err = i.nc.Flush()
	}
	if err != nil {
		return fmt.Errorf("hear inside: %w", err)
	}
	return nil
}

// Close ends the connection.
func (i *Inside) Close() { i.nc.Close() }
