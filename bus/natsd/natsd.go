// Package natsd starts NATS servers inside a process: the one that speaks MQTT
// 3.1.1 to devices, which every process of a node carries, and a plain one for
// running several processes on one machine. It stands apart from package bus
// because a speaker must not link a server.
//
// The MQTT server stands alone: no cluster, no NATS port, its own sign-in. It
// keeps nothing. nats-server grants QoS 1 and stores retained messages unless
// told otherwise, and offers no switch for either, so both are made impossible
// by limits (streams.go). The bytes of a connection pass through no code of
// ours, and there is one socket per device.
//
//	natsd.go    the two servers
//	signin.go   who may connect and what for
//	streams.go  why nothing is kept
//	ear.go      what the server says about bad clients, counted
//	topic.go    MQTT topics as NATS subjects
package natsd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// MaxPayload is the largest body of a message in bytes.
const MaxPayload = 64 << 10

const (
	// maxPending is how many bytes may wait for one slow connection before it
	// is closed.
	maxPending = 1 << 20
	// maxSubs is how many topics one connection may subscribe to.
	maxSubs = 16
	// startWait bounds how long a server may take to start.
	startWait = 10 * time.Second
)

// devices is the account of everyone who signed in. A connection that has not
// stands in another, where nothing can be heard.
const devices = "devices"

// Options of the MQTT server.
type Options struct {
	Addr           string      // "host:port" to listen on; port 0 picks a free one
	TLS            *tls.Config // nil for plain TCP
	Dir            string      // a folder of this server alone; "" makes one and removes it
	MaxConnections int         // connections at once, signed in or not
	SignIn         func(SignIn) (Rights, error)
	Log            *slog.Logger
}

// Server is a running server.
type Server struct {
	server *server.Server
	addr   string
	ear    *ear
	folder string // removed at Close, "" if it is the caller's
	close  sync.Once

	ready  chan struct{} // closed once nobody can make the server keep anything
	signIn func(SignIn) (Rights, error)
}

// MQTT starts the server for devices and returns when they can connect; ctx
// bounds the start alone, Close ends the server.
func MQTT(ctx context.Context, o Options) (*Server, error) {
	host, port, err := split(o.Addr)
	if err != nil {
		return nil, err
	}
	opts := &server.Options{}
	// The only way to these two switches.
	if err := opts.ProcessConfigString("mqtt { reject_qos2_publish: true, downgrade_qos2_subscribe: true }"); err != nil {
		return nil, fmt.Errorf("configure MQTT: %w", err)
	}
	s := &Server{ready: make(chan struct{}), signIn: o.SignIn, ear: &ear{log: o.Log}}
	opts.ServerName = "door"
	opts.DontListen = true // NATS itself is spoken inside the process only
	opts.NoSigs = true
	opts.MaxConn = o.MaxConnections
	opts.MaxPending = maxPending
	opts.MaxPayload = MaxPayload
	opts.MaxSubs = maxSubs
	opts.PingInterval = time.Minute
	opts.WriteDeadline = 10 * time.Second
	opts.MQTT.Host, opts.MQTT.Port = host, port
	// Seconds, for everything before CONNECT was understood. Both hold the time a
	// connection waits for its turn, package door's maxQueue.
	opts.MQTT.AuthTimeout = 20
	opts.MQTT.TLSConfig, opts.MQTT.TLSTimeout = o.TLS, 20
	opts.Accounts = []*server.Account{server.NewAccount(devices)}
	opts.CustomClientAuthentication = guard{s}
	opts.JetStream = true // the MQTT listener refuses to start without it
	opts.DisableJetStreamBanner = true
	opts.JetStreamMaxMemory, opts.JetStreamMaxStore = maxMemory, 1 // bytes
	if opts.StoreDir = o.Dir; o.Dir == "" {
		if s.folder, err = os.MkdirTemp("", "loa-door-"); err != nil {
			return nil, fmt.Errorf("make folder: %w", err)
		}
		opts.StoreDir = s.folder
	}
	if err := s.start(opts); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.addr = net.JoinHostPort(host, strconv.Itoa(opts.MQTT.Port))
	if err := s.keepNothing(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	close(s.ready)
	return s, nil
}

// Core starts a plain NATS server, without sign-in and without JetStream, for
// several processes on one machine and for tests. A node in service has a
// cluster of its own.
func Core(addr string) (*Server, error) {
	host, port, err := split(addr)
	if err != nil {
		return nil, err
	}
	s := &Server{ear: &ear{log: slog.New(slog.DiscardHandler)}}
	opts := &server.Options{Host: host, Port: port, NoSigs: true, MaxPending: 64 << 20}
	if err := s.start(opts); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.addr = s.server.Addr().String()
	return s, nil
}

// split reads "host:port"; nats-server calls a free port -1.
func split(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("read address: %w", err)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("read port: %w", err)
	}
	if n == 0 {
		return host, -1, nil
	}
	return host, int(n), nil
}

func (s *Server) start(opts *server.Options) error {
	srv, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("make NATS server: %w", err)
	}
	s.server = srv
	srv.SetLoggerV2(s.ear, false, false, false)
	srv.Start()
	if why := s.ear.fatal(); why != "" {
		return fmt.Errorf("start NATS server: %s", why)
	}
	if !srv.ReadyForConnections(startWait) {
		return fmt.Errorf("start NATS server: not ready after %v", startWait)
	}
	return nil
}

// Addr is where the server listens, "host:port".
func (s *Server) Addr() string { return s.addr }

// URL is the address of a plain server as clients write it.
func (s *Server) URL() string { return "nats://" + s.addr }

// InProcessConn makes a connection that speaks NATS without a socket. Its user
// is DevicesUser or EventsUser.
func (s *Server) InProcessConn() (net.Conn, error) {
	c, err := s.server.InProcessConn()
	if err != nil {
		return nil, fmt.Errorf("connect in process: %w", err)
	}
	return c, nil
}

// Drop closes a connection. One that is closed already is no error.
func (s *Server) Drop(conn uint64) {
	_ = s.server.DisconnectClientByID(conn) // its only error is "no such connection"
}

// Connections lists every connection that is open, those without a socket and
// those not yet signed in among them.
func (s *Server) Connections() ([]uint64, error) {
	all, err := s.server.Connz(&server.ConnzOptions{Limit: 1 << 20})
	if err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	var ids []uint64
	for _, c := range all.Conns {
		ids = append(ids, c.Cid)
	}
	return ids, nil
}

// Counts is what clients tried and did not get.
func (s *Server) Counts() Counts { return s.ear.counts() }

// Close stops the server and forgets everything it held. Calling it again does
// nothing.
func (s *Server) Close() error {
	var err error
	s.close.Do(func() {
		if s.server != nil {
			s.server.Shutdown()
			s.server.WaitForShutdown()
		}
		if s.folder != "" {
			err = os.RemoveAll(s.folder)
		}
	})
	if err != nil {
		return fmt.Errorf("remove folder: %w", err)
	}
	return nil
}
