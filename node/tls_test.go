package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// day is a clock that stands still until it is set.
type day struct{ now time.Time }

func (d *day) Now() time.Time                            { return d.now }
func (d *day) After(wait time.Duration) <-chan time.Time { return time.After(wait) }

// TestTickets: a device resumes its session with a server that was killed and
// started again, and with one beside it, as long as it was away no longer than
// ticketDays; with TLS 1.2 never, because those tickets would open old traffic.
func TestTickets(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	clock := &day{time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(9, 0, 0),
		DNSNames: []string{"loa.example"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{TLSCert: filepath.Join(dir, "cert.pem"), TLSKey: filepath.Join(dir, "key.pem")}
	for name, b := range map[string]*pem.Block{c.TLSCert: {Type: "CERTIFICATE", Bytes: der}, c.TLSKey: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	// resumed makes a new server every time, as a restart does.
	resumed := func(device *tls.Config) bool {
		t.Helper()
		server, err := c.tls(clock)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0") // a pipe without a buffer would stop both ends at once
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			there, err := l.Accept()
			if err != nil {
				return
			}
			s := tls.Server(there, server)
			_, _ = s.Write([]byte("x")) // after the handshake, so that the ticket is read too
			_ = s.Close()
		}()
		here, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer here.Close()
		d := tls.Client(here, device)
		if _, err := io.ReadFull(d, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		return d.ConnectionState().DidResume
	}
	device := func(most uint16) *tls.Config {
		return &tls.Config{RootCAs: roots, ServerName: "loa.example", MaxVersion: most, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	}
	d := device(tls.VersionTLS13)
	for i, want := range []bool{false, true, true} {
		if got := resumed(d); got != want {
			t.Errorf("connection %d: resumed %v", i+1, got)
		}
	}
	clock.now = clock.now.AddDate(0, 0, ticketDays-1)
	if !resumed(d) {
		t.Error("away for two days, and greeted as a stranger")
	}
	clock.now = clock.now.AddDate(0, 0, ticketDays)
	if resumed(d) {
		t.Error("a ticket of three days ago opened")
	}
	old := device(tls.VersionTLS12)
	for range 2 { // the first call would bring the ticket
		if resumed(old) {
			t.Error("TLS 1.2 was resumed")
		}
	}
}

// TestRoom: no more devices than the process may open files for, and no fewer
// than wanted where it may.
func TestRoom(t *testing.T) {
	if got := (Config{Devices: 10}).room(slog.New(slog.DiscardHandler)); got != 10 {
		t.Errorf("%d devices fit, 10 are wanted", got)
	}
	if got := (Config{Devices: maxNumber}).room(slog.New(slog.DiscardHandler)); got >= maxNumber || got < 1 {
		t.Errorf("%d devices fit", got)
	}
}
