package edge

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"loa"
	"loa/wire"
)

const (
	lookupTime = 5 * time.Second
	dialTime   = 10 * time.Second
	idleTime   = 15 * time.Second // a connection over which nothing more is asked
	maxRoutes  = 4                // addresses and keys remembered, the newest first
)

// carrier is the way to the node. Nothing it brings is believed for its sake, so
// it must never be what keeps a sealed emergency away: a certificate that ran out,
// an authority that is gone, a name server that does not answer, a box that woke
// up in 1970.
//
//   - A certificate is checked as browsers do, but that it ran out keeps nothing
//     away: name and chain count, at a moment when they held. The key behind a good
//     one is remembered, and from then on that key is enough, whatever its
//     certificate says.
//   - Behind any other certificate the box says nothing of its own: no sign-in, no
//     placement, no receipts. What is sealed or named by a hash it fetches all the
//     same: a beacon, a warrant, a sound, the time.
//   - An address that answered is used again when the name is not found.
type carrier struct {
	keep   *keep
	clock  *clock
	roots  *x509.CertPool // nil for the system's
	lookup func(ctx context.Context, host string) ([]string, error)
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	resume tls.ClientSessionCache // a handshake again is a quarter of a first one; check is asked all the same

	mu    sync.Mutex
	known routes
	why   string // what is wrong with the certificate of the last connection, "" for nothing
}

// routes is the file of what is remembered; without it the box is as new.
type routes struct {
	Keys  []string            `json:"keys"`  // SHA-256 of the public key of a certificate that was good
	Hosts map[string][]string `json:"hosts"` // name → addresses that answered
}

func newCarrier(k *keep, c *clock, roots *x509.CertPool) *carrier {
	r := &carrier{keep: k, clock: c, roots: roots, resume: tls.NewLRUClientSessionCache(maxRoutes), lookup: net.DefaultResolver.LookupHost,
		// Beacons cross every half minute: a probe of TCP's every 15 s, as is usual, would
		// cost a SIM more than the beats. A download whose link died is noticed in two minutes.
		dial: (&net.Dialer{Timeout: dialTime, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 15 * time.Second, Count: 4}}).DialContext}
	if b, err := readFile(k.disk, "routes"); err == nil && json.Unmarshal(b, &r.known) != nil {
		r.known = routes{}
	}
	if r.known.Hosts == nil {
		r.known.Hosts = map[string][]string{}
	}
	return r
}

// client is an HTTP client over this way, for what is the box's own or for what
// anybody may read.
func (r *carrier) client(own bool) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: r.connect, TLSClientConfig: r.tls(own), TLSHandshakeTimeout: callTime, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 2, MaxConnsPerHost: 4, IdleConnTimeout: idleTime, Proxy: http.ProxyFromEnvironment,
	}}
}

// node speaks to the node of cfg over this way, or over cfg's own client.
func (r *carrier) node(cfg Config) client {
	if cfg.HTTP != nil {
		return client{cfg.Server, cfg.HTTP, cfg.HTTP}
	}
	return client{cfg.Server, r.client(true), r.client(false)}
}

func (r *carrier) tls(own bool) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ClientSessionCache: r.resume,
		// A key exchange that a quantum computer cannot read later is 2 KB more each time;
		// what crosses here is said aloud in the street, and a sign-in is worth a minute.
		CurvePreferences:   []tls.CurveID{tls.X25519, tls.CurveP256},
		InsecureSkipVerify: true, //nolint:gosec // check does it, and knows what an expired certificate is worth
		VerifyConnection: func(s tls.ConnectionState) error {
			if err := r.check(s); err != nil && own {
				return err
			}
			return nil
		},
	}
}

// check says what is wrong with a certificate whose key was never behind a good one.
func (r *carrier) check(s tls.ConnectionState) error {
	leaf := s.PeerCertificates[0]
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	key := hex.EncodeToString(sum[:])
	o := x509.VerifyOptions{DNSName: s.ServerName, Roots: r.roots, Intermediates: x509.NewCertPool(), CurrentTime: time.UnixMilli(r.clock.millis())}
	if r.clock.state() == wire.ClockUnknown {
		o.CurrentTime = leaf.NotBefore.Add(time.Second)
	}
	for _, c := range s.PeerCertificates[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := leaf.Verify(o)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why = ""; err == nil {
		if len(r.known.Keys) == 0 || r.known.Keys[0] != key {
			r.known.Keys = newest(r.known.Keys, key)
			return r.remember()
		}
		return nil
	}
	r.why = "transport.certificate"
	if slices.Contains(r.known.Keys, key) {
		return nil
	}
	for _, at := range []time.Time{leaf.NotAfter, leaf.NotBefore} {
		o.CurrentTime = at // the chain above it must hold then too
		if _, err := leaf.Verify(o); err == nil {
			return nil
		}
	}
	return loa.Errorf(loa.Unavailable, r.why).Because(err)
}

// wrong is what a person must mend about the way, "" for nothing.
func (r *carrier) wrong() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why
}

// connect dials a name, by the addresses that answered before if nobody knows it now.
func (r *carrier) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("read address: %w", err)
	}
	if net.ParseIP(host) != nil {
		return r.dial(ctx, network, addr)
	}
	ask, cancel := context.WithTimeout(ctx, lookupTime)
	found, err := r.lookup(ask, host)
	cancel()
	r.mu.Lock()
	before := r.known.Hosts[host]
	r.mu.Unlock()
	for _, b := range before {
		if !slices.Contains(found, b) {
			found = append(found, b)
		}
	}
	for _, ip := range found {
		c, failed := r.dial(ctx, network, net.JoinHostPort(ip, port))
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if !slices.Contains(r.known.Hosts[host], ip) {
			r.known.Hosts[host] = newest(r.known.Hosts[host], ip)
			if err := r.remember(); err != nil {
				return nil, errors.Join(err, c.Close())
			}
		}
		return c, nil
	}
	return nil, fmt.Errorf("connect to %s: %w", host, err)
}

// open is connect for MQTT, with TLS where the address says so.
func (r *carrier) open(ctx context.Context, at *url.URL) (net.Conn, error) {
	c, err := r.connect(ctx, "tcp", at.Host)
	if err != nil || at.Scheme != "ssl" && at.Scheme != "tls" && at.Scheme != "mqtts" {
		return c, err
	}
	own := r.tls(true)
	own.ServerName = at.Hostname()
	s := tls.Client(c, own)
	if err := s.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sign in to %s: %w", at.Host, err), c.Close())
	}
	return s, nil
}

func (r *carrier) remember() error {
	b, err := json.Marshal(r.known)
	if err != nil {
		return fmt.Errorf("write routes: %w", err)
	}
	if err := r.keep.write("routes", b); err != nil && !noDisk(err) {
		return err
	}
	return nil // a full disk costs a memory, not a connection
}

func newest(list []string, s string) []string {
	list = append([]string{s}, slices.DeleteFunc(slices.Clone(list), func(o string) bool { return o == s })...)
	return list[:min(len(list), maxRoutes)]
}
