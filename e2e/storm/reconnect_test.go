package storm

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"loa"
	"loa/e2e"
)

// certificate makes one for this machine, and says where it and its key lie.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	k := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k))
	private := must[[]byte](t)(x509.MarshalPKCS8PrivateKey(k))
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// TestReconnect kills a server with all its devices connected over TLS, starts
// it again and has two people warn while they come back: each device that is in
// hears it within seconds, each other by the beacon it pulls as soon as it is in.
// `make bench-storm` runs it with ten thousand.
func TestReconnect(t *testing.T) {
	n, back := many(200), 20*time.Second
	if os.Getenv("LOA_STORM_LONG") != "" {
		n, back = many(10000), 90*time.Second
	}
	cert, key := certificate(t)
	p := start(t, e2e.Options{Env: []string{"LOA_TLS_CERT=" + cert, "LOA_TLS_KEY=" + key}}, n, cert)
	fleets := must[Fleets](t)(startFleets(2))
	defer fleets.End()
	a := must[answer](t)(fleets.ask(func(i int) ask {
		from, to := fleets.share(i, n)
		return ask{Do: "open", World: p.World, From: from, To: to, Addr: p.door(), Base: p.Servers[0].URL, CA: cert, AtOnce: 64, Verify: true, Follow: true,
			Beat: time.Minute}
	}))
	if a.Up != n {
		t.Fatalf("%d of %d connected: %v", a.Up, n, a.Fails)
	}
	u := must[use](t)(useOf(p.Servers[0].PID()))
	t.Logf("%d devices over TLS 1.3 in %.1f s, each full handshake; server %d MB resident, %.1f s of processor", n, a.Took.Seconds(), u.RSS>>20, u.CPU.Seconds())

	p.Servers[0].Kill()
	must[answer](t)(fleets.ask(func(int) ask { return ask{Do: "gone", Patience: 20 * time.Second} }))
	began := time.Now()
	p.Servers[0].Up()
	ready := time.Since(began)
	// In the middle: when a half is back.
	must[answer](t)(fleets.ask(func(i int) ask {
		from, to := fleets.share(i, n)
		return ask{Do: "state", Want: (to - from) / 2, Patience: back}
	}))
	in := must[answer](t)(fleets.ask(func(int) ask { return ask{Do: "state"} }))
	posted, done, err := p.warn()
	if err != nil {
		t.Fatal(err)
	}
	all := must[answer](t)(fleets.ask(func(i int) ask {
		from, to := fleets.share(i, n)
		return ask{Do: "state", Want: to - from, Patience: back}
	}))
	took := time.Since(began)
	u = must[use](t)(useOf(p.Servers[0].PID()))
	heard := must[answer](t)(fleets.ask(func(int) ask { return ask{Do: "heard", Hash: done.Hash, Patience: time.Second} }))
	var late []time.Duration
	for _, at := range heard.At {
		late = append(late, time.Duration(at-posted.UnixNano()))
	}
	spread := spreadOf(late)
	t.Logf("server killed: ready again after %.1f s, all %d back %.1f s after it was started (target 90 s); %d handshakes in all, %d of them resumed",
		ready.Seconds(), all.Up, took.Seconds(), all.TLS[0]+all.TLS[1], all.TLS[1])
	t.Logf("a device was away %s, the longest %.1f s", spreadOf(all.Again), all.Gap.Seconds())
	t.Logf("server: %.1f s of processor for the storm, %d MB resident, %d MB at most", u.CPU.Seconds(), u.RSS>>20, u.Most>>20)
	t.Logf("warned in the middle, with %d connected: pushed to %s; %v", in.Up, spread, all.Fails)
	if all.Up != n {
		t.Errorf("%d of %d came back within %v", all.Up, n, back)
	}
	if heard.Bad != 0 || len(heard.At) < in.Up {
		t.Errorf("%d devices were connected and %d heard the emergency, %d wrongly", in.Up, len(heard.At), heard.Bad)
	}
	if all.TLS[1] == 0 {
		t.Error("no session was resumed after the restart")
	}
}

// TestSlow gives one device in twenty a link of one byte a second: the others
// hear each emergency as fast as without them, and the slow ones are cut off
// once too much waits for them.
func TestSlow(t *testing.T) {
	if os.Getenv("LOA_STORM_LONG") == "" {
		t.Skip("fills the buffers of the kernel: make bench-storm")
	}
	n, warrants := many(10000), 10
	c := must[Chain](t)(NewChain(n))
	world := must[string](t)(c.Write(t.TempDir()))
	b := must[Broker](t)(startDoor(world))
	defer b.End()
	fleets := must[Fleets](t)(startFleets(2))
	defer fleets.End()
	a := must[answer](t)(fleets.ask(func(i int) ask {
		from, to := fleets.share(i, n)
		return ask{Do: "open", World: world, From: from, To: to, Addr: b.Addr(), AtOnce: 64, Follow: true}
	}))
	if a.Up != n {
		t.Fatalf("%d of %d connected: %v", a.Up, n, a.Fails)
	}
	before := pushMany(t, b, c, fleets, n, warrants)
	const percent = 5
	must[answer](t)(fleets.ask(func(int) ask { return ask{Do: "slow", Percent: percent} }))
	slow := 0
	for i := range fleets {
		from, to := fleets.share(i, n)
		slow += (to - from) * percent / 100
	}
	a = must[answer](t)(fleets.ask(func(i int) ask {
		from, to := fleets.share(i, n)
		return ask{Do: "state", Want: to - from, Patience: 20 * time.Second}
	}))
	lost := a.Lost
	after := pushMany(t, b, c, fleets, n-slow, warrants)
	t.Logf("%d devices: %s", n, before)
	t.Logf("%d of them at one byte a second, the others: %s (p50 %.2f, p99 %.2f of before)", slow, after,
		float64(after.P50)/float64(before.P50), float64(after.P99)/float64(before.P99))
	// Until the slow ones are cut: what waits for them grows by 48 KB with each.
	big := make([]byte, 48<<10)
	for range 200 {
		must[int64](t)(b.Publish("loa/0/now/"+string(province), big))
		a = must[answer](t)(fleets.ask(func(int) ask { return ask{Do: "state"} }))
		if a.Lost-lost >= slow {
			break
		}
	}
	u := must[use](t)(useOf(b.PID()))
	t.Logf("%d slow connections cut, %d others; server %d MB at most", min(a.Lost-lost, slow), max(0, a.Lost-lost-slow), u.Most>>20)
	if a.Lost == lost {
		t.Error("nobody slow was cut")
	}
}

// pushMany says so many warrants and answers how long each took to n devices.
func pushMany(t *testing.T, b Broker, c Chain, fleets Fleets, n, warrants int) Spread {
	t.Helper()
	var took []time.Duration
	for i := range warrants {
		sealed := must[[]byte](t)(c.Warrant(time.Now().UnixMilli() + int64(i)))
		at := must[int64](t)(b.Publish("loa/0/now/"+string(province), sealed))
		got := must[answer](t)(fleets.ask(func(int) ask {
			return ask{Do: "heard", Hash: loa.Hash(sealed), Want: n / len(fleets), Patience: 20 * time.Second}
		}))
		if len(got.At) < n {
			t.Fatalf("%d of %d heard it", len(got.At), n)
		}
		for _, when := range got.At {
			took = append(took, time.Duration(when-at))
		}
	}
	return spreadOf(took)
}
