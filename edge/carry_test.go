package edge

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"loa"
	"loa/wire"
)

// wires is a listener without a network: what dials it is connected by a pipe.
type wires struct{ waiting chan net.Conn }

func (w wires) Accept() (net.Conn, error) {
	c, ok := <-w.waiting
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (w wires) Close() error   { return nil }
func (w wires) Addr() net.Addr { return &net.TCPAddr{} }

// vouch makes a certificate for node.test from a key, good between two moments.
func vouch(by *x509.Certificate, byKey, key *ecdsa.PrivateKey, from, until time.Time) *x509.Certificate {
	c := &x509.Certificate{SerialNumber: big.NewInt(from.Unix()), Subject: pkix.Name{CommonName: "node.test"}, DNSNames: []string{"node.test"},
		NotBefore: from, NotAfter: until, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature}
	if by == nil {
		by, c.IsCA, c.KeyUsage = c, true, x509.KeyUsageCertSign
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, c, by, key.Public(), byKey))))
}

// TestExpiredWorld: over real TLS, with every certificate 400 days past its
// end, its authority too, and no name server, a box that was enrolled before sounds
// an emergency within 60 s of the link's return. A stranger's certificate carries
// the emergency all the same, because it is sealed, but is told nothing; a box that
// woke up in 1970 gets the time.
func TestExpiredWorld(t *testing.T) {
	t.Parallel()
	r, mp3 := newRealm(), tone(t, "0.6", "440")
	newKey := func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }
	caKey, key, other := newKey(), newKey(), newKey()
	began := time.UnixMilli(dawn)
	day := 24 * time.Hour
	ca := vouch(nil, caKey, caKey, began.Add(-2000*day), began.Add(2000*day))
	oldCA := vouch(nil, caKey, caKey, began.Add(-2000*day), began.Add(-400*day))
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	ended := x509.NewCertPool()
	ended.AddCert(oldCA)
	for _, c := range []struct {
		name   string
		cert   *x509.Certificate
		key    *ecdsa.PrivateKey
		reboot bool // in 1970, without a battery
		whole  bool // what is the box's own is said as well
	}{
		{"good", vouch(ca, caKey, key, began.Add(-day), began.Add(day)), key, false, true},
		{"expired 400 days ago, and its authority", vouch(oldCA, caKey, key, began.Add(-1000*day), began.Add(-400*day)), key, false, true},
		{"expired, and the box wakes in 1970", vouch(oldCA, caKey, key, began.Add(-1000*day), began.Add(-400*day)), key, true, true},
		{"renewed with another key, and the box wakes in 1970", vouch(ca, caKey, other, began.Add(-day), began.Add(day)), other, true, true},
		{"as before, and no authority is known any more", vouch(ca, caKey, key, began.Add(-day), began.Add(day)), key, false, true},
		{"a stranger's", vouch(nil, other, other, began.Add(-day), began.Add(day)), other, false, false},
		{"another key, expired", vouch(ca, caKey, other, began.Add(-1000*day), began.Add(-400*day)), other, false, true},
		{"another key, expired long ago, and its authority", vouch(oldCA, caKey, other, began.Add(-1000*day), began.Add(-400*day)), other, false, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := newNode(r)
			b := frames(mp3, 10)
			n.media[loa.Hash(b)] = b
			placement := wire.Placement{Kind: "placement", Device: id("b1"), Pole: id("p1"), Code: "P1", Name: "pole", Version: 1, Paths: []loa.Path{commune + "/h/a"}, Cap: 90}
			p := newPole(t, r, placement)
			var sounded time.Time
			p.heard = func(*job) { sounded = time.Now() }
			var shown atomic.Pointer[tls.Config] // each with ticket keys of its own: a stranger has not the node's
			give := func(c *x509.Certificate, k *ecdsa.PrivateKey) {
				own := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{c.Raw, ca.Raw}, PrivateKey: k}}}
				own.SetSessionTicketKeys([][32]byte{sha256.Sum256(c.Raw)})
				shown.Store(own)
			}
			give(vouch(ca, caKey, key, began.Add(-day), began.Add(day)), key)
			var receipts atomic.Int64
			server := &http.Server{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				body := must(io.ReadAll(q.Body))
				if strings.HasSuffix(q.URL.Path, "/receipts") {
					receipts.Add(1)
				}
				p.mu.Lock()
				status, b := n.answer(q.Method, q.URL.Path, body)
				p.mu.Unlock()
				w.WriteHeader(status)
				_, _ = io.Copy(w, bytes.NewReader(b)) // the box may have gone
			})}
			l := wires{make(chan net.Conn)}
			go func() {
				_ = server.Serve(tls.NewListener(l, &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return shown.Load(), nil }}))
			}()
			link, names, aged := atomic.Bool{}, atomic.Bool{}, atomic.Bool{}
			link.Store(true)
			names.Store(true)
			var cut sync.Mutex
			var lines []net.Conn // that a cut link breaks
			p.carry = func(w *carrier) {
				w.lookup = func(context.Context, string) ([]string, error) {
					if !names.Load() {
						return nil, errors.New("no such host")
					}
					return []string{"192.0.2.1"}, nil
				}
				w.dial = func(ctx context.Context, _, addr string) (net.Conn, error) {
					if !link.Load() || addr != "192.0.2.1:443" {
						return nil, errors.New("no route to host")
					}
					ours, theirs := net.Pipe()
					select {
					case l.waiting <- theirs:
						cut.Lock()
						defer cut.Unlock()
						lines = append(lines, ours)
						return ours, nil
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				}
				switch w.roots = roots; {
				case !aged.Load():
				case strings.Contains(c.name, "its authority"):
					w.roots = ended
				case strings.Contains(c.name, "no authority"):
					w.roots = x509.NewCertPool()
				}
			}

			say := func(number int64, now ...string) {
				n.beacon = r.seal(wire.BeaconType, wire.Beacon{Kind: "beacon", Path: commune, Number: number, Time: time.Now().UnixMilli(), Now: append([]string{}, now...),
					Policies: []string{}, Trust: r.hashes()}, r.beacon)
			}
			say(1)
			p.on()
			time.Sleep(10 * time.Minute) // all is well
			if len(p.a.carrier.known.Keys) != 1 {
				t.Fatalf("%s: it knows %d keys", c.name, len(p.a.carrier.known.Keys))
			}
			link.Store(false)
			names.Store(false)
			cut.Lock()
			for _, c := range lines {
				_ = c.Close() // the link is gone
			}
			cut.Unlock()
			aged.Store(true)
			p.carry(p.a.carrier)
			if c.reboot {
				p.off()
				p.box.boot = "2"
				p.clock = shifted{by: time.Until(time.UnixMilli(0))}
				p.on()
			}
			time.Sleep(3 * time.Hour)
			give(c.cert, c.key)
			w := wire.Warrant{Kind: "play", ID: id("e1"), Class: wire.Emergency, Issuer: commune, Author: "p1", Title: "lũ", Scope: []wire.Place{{Path: commune}},
				From: time.Now().UnixMilli(), Until: time.Now().Add(time.Hour).UnixMilli(), PlaysDay: 1, Plays: 1, Cap: 90, Now: true, Seq: 7, Speech: "recorded", Approval: "passkey",
				Media: []wire.Media{mediaOf(b)}}
			p.mu.Lock()
			say(2, n.add(r.seal(wire.WarrantType, w, r.authority)))
			p.mu.Unlock()
			before, back := receipts.Load(), time.Now()
			link.Store(true)
			time.Sleep(15 * time.Minute)
			if sounded.IsZero() || sounded.Sub(back) > time.Minute {
				t.Errorf("%s: it sounded %v after the link was back", c.name, sounded.Sub(back))
			}
			if told := receipts.Load() > before; told != c.whole {
				t.Errorf("%s: the receipt was told: %v", c.name, told)
			}
			if wrong := p.a.carrier.wrong() != ""; wrong != (c.name != "good" && !strings.HasPrefix(c.name, "renewed")) {
				t.Errorf("%s: the box says %q", c.name, p.a.carrier.wrong())
			}
			t.Logf("%s: first sample %.1f s after the link was back", c.name, sounded.Sub(back).Seconds())
			p.off()
			close(l.waiting)
			_ = server.Close() // of a listener that is closed
			synctest.Wait()
		})
	}
}

// TestResumes: a connection after the first brings no certificate again, which is
// most of what a handshake costs a SIM; what the certificate is worth is asked all
// the same.
func TestResumes(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	w := newCarrier(must(openKeep(must(openFolder(t.TempDir())))), newClock(loa.WallClock{}, thisMachine(), anchor{}), roots)
	call := func(c *http.Client) (resumed bool, err error) {
		defer c.CloseIdleConnections()
		resp, err := c.Get(server.URL)
		if err != nil {
			return false, err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return resp.TLS.DidResume, err
	}
	for i, own := range []bool{true, true, false} {
		if resumed, err := call(w.client(own)); err != nil || resumed != (i > 0) {
			t.Errorf("connection %d resumed a session: %v, %v", i+1, resumed, err)
		}
	}
	w.roots, w.known.Keys = x509.NewCertPool(), nil
	if _, err := call(w.client(true)); loa.KeyOf(err) != "transport.certificate" {
		t.Errorf("a resumed session behind an unknown certificate: %v", err)
	}
}
