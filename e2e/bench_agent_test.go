package e2e_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"loa"
	"loa/bulletin"
	"loa/e2e"
	"loa/sound"
	"loa/speaker"
	"loa/voice"
	"loa/wire"
)

// The programme of a standing day: three sessions of a quarter of an hour.
const programme = 45 * time.Minute

// speech is three notices of the invented stage, read by the offline voice in
// two to three minutes.
const speech = `Điện lực khu vực Lam Xuyên 2 thông báo tạm ngừng cấp điện để thay máy biến áp TBA Đồng Rạ 3 (22/0,4 kV - 250 kVA). Thời gian: từ 7h30 đến 16h00 thứ Năm, ngày 26/11/2026. Khu vực mất điện: thôn 1, thôn 2 và xóm Chùa thuộc thôn 3, xã Đồng Sậy; khoảng 412 hộ. Nếu trời mưa to, lịch chuyển sang ngày 28/11. Bà con rút phích cắm thiết bị điện, không tự ý trèo cột. Điện có thể đóng lại sớm hơn giờ báo. Mọi thắc mắc gọi 0250.3.999.000 (24/7).

Trạm Y tế xã Bến Mai tiêm chủng mở rộng tháng 12/2026 trong hai ngày 05 và 06/12; sáng 7h00-10h30, chiều 13h30-16h. Trẻ 2, 3, 4 tháng tuổi tiêm vắc xin 5 trong 1; trẻ đủ 9 tháng tiêm sởi mũi 1; trẻ 18 tháng tiêm MR và DPT mũi 4. Phụ huynh mang sổ tiêm, thẻ BHYT hoặc VNeID; không để trẻ bụng đói; ở lại theo dõi ít nhất 30 phút sau tiêm. Trẻ sốt từ 38°C trở lên thì hoãn. Điểm tiêm lưu động tại Nhà văn hóa thôn Bãi Ngô: chiều 06/12. Liên hệ 0250.3.999.115.

UBND xã Rạch Sen thông báo chi trả trợ cấp hưu trí xã hội và bảo trợ xã hội tháng 12/2026. Ai nhận qua tài khoản, tiền về từ ngày 05/12. Ai nhận tiền mặt đến Bưu điện xã, 7h30-11h: ấp Rạch Sen A ngày 8/12, các ấp còn lại ngày 9/12. Trợ cấp hưu trí xã hội theo Nghị định số 176/2025/NĐ-CP là 500.000 đồng/người/tháng. Mang CCCD; người nhận thay mang giấy ủy quyền. Cụ nào từ đủ 75 tuổi, không có lương hưu mà chưa làm hồ sơ thì gọi 0295.3.999.500. Tuyệt đối không đưa thẻ ATM, mã PIN cho người lạ.`

// BenchmarkAgent weighs the program on the pole as it is shipped: memory,
// processor and what a SIM carries, idle and with a programme. The program, the
// node with TLS, its door and the output's program are the real ones and time is
// the real one; between box and node stands a meter on each of the two addresses
// that reads from the kernel what went over the box's own connections, with the
// headers of IP and TCP and segments as small as a mobile network's.
//
// LOA_BENCH_MINUTES is how long the idle line is watched, 6 if empty. From 35 on
// the pulls and time calls between pushes are in what was watched; before, they
// are reckoned from what the first turn after a start took.
func BenchmarkAgent(b *testing.B) {
	watched := 6 * time.Minute
	if s := os.Getenv("LOA_BENCH_MINUTES"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 2 {
			b.Fatal("LOA_BENCH_MINUTES is not a number above 1")
		}
		watched = time.Duration(n) * time.Minute
	}
	for b.Loop() {
		weigh(b, watched)
	}
}

func weigh(b *testing.B, watched time.Duration) {
	pages, door := newMeter(b), newMeter(b)
	cert, key, roots := certificates(b)
	town := e2e.Start(b, e2e.Options{Lead: "10s", Env: []string{"LOA_TLS_CERT=" + cert, "LOA_TLS_KEY=" + key, "LOA_DOORS=ssl://" + door.at, "LOA_BEAT_FLUSH=5s"}})
	pages.to = strings.TrimPrefix(town.Servers[0].URL, "https://")
	for _, e := range town.Servers[0].Env {
		if at, ok := strings.CutPrefix(e, "LOA_MQTT="); ok {
			door.to = at
		}
	}

	// The output's program takes samples no faster than they sound, as a card does.
	env := []string{"LOA_SERVER=https://" + pages.at, "LOA_DIR=" + filepath.Join(b.TempDir(), "box"), "SSL_CERT_FILE=" + roots, "SSL_CERT_DIR=/nowhere",
		"PATH=" + os.Getenv("PATH"), "LOA_OUTPUT=command:ffmpeg -nostdin -hide_banner -loglevel error -re -f s16le -ar 32000 -ac 1 -i - -f null -"}
	var box *exec.Cmd
	var said bytes.Buffer
	start := func(more ...string) {
		box = exec.Command(filepath.Join(filepath.Dir(e2e.Binary(b)), "loa-speaker"))
		box.Env, box.Stderr = append(env, more...), &said
		if err := box.Start(); err != nil {
			b.Fatal(err)
		}
	}
	stop := func() {
		_ = box.Process.Signal(syscall.SIGTERM) // ended already: as wanted
		_ = box.Wait()                          // how it ended does not matter here
	}
	b.Cleanup(func() {
		if stop(); b.Failed() {
			b.Logf("the box said:\n%s", said.String())
		}
	})
	town.AddForeign(speaker.Pole{Code: "SIM1", Path: e2e.Commune + "/h/thon-1", Name: "Cột đo", Cap: 80},
		func(_, code string) { start("LOA_CODE=" + code) })
	stop()

	// One start with everything on disk: what a sign-in costs, and the turn that
	// comes again every quarter of an hour while beacons are pushed.
	began := [2]traffic{pages.sum(), door.sum()}
	start()
	<-time.After(75 * time.Second) // the first beat, the first pushed beacons
	turn, in := pages.sum().less(began[0]), door.sum().less(began[1])

	from, line := use(b, box.Process.Pid), [2]traffic{pages.sum(), door.sum()}
	began2 := time.Now()
	<-time.After(watched)
	idle := use(b, box.Process.Pid)
	took := time.Since(began2)
	calls, kept := pages.sum().less(line[0]), door.sum().less(line[1])
	day := func(bytes int64, in time.Duration) float64 { return float64(bytes) / in.Hours() * 24 / 1e6 }
	perDay := day(kept.ip(), took)
	how := fmt.Sprintf("%d s watched", int(took.Seconds()))
	if watched < 35*time.Minute {
		perDay += float64(turn.ip()) * 96 / 1e6
		how += ", and 96 turns of a quarter of an hour as the first took"
	} else {
		perDay += day(calls.ip(), took)
	}
	idleRate := float64(kept.ip()+calls.ip()) / took.Seconds()

	// The programme: fetched, verified, decoded, out through the real program.
	b1, ms := spoken(b, town)
	cpu, line := use(b, box.Process.Pid), [2]traffic{pages.sum(), door.sum()}
	began2 = time.Now()
	if _, err := town.Flow().PlayNow(b.Context(), town.Author.Actor(), b1); err != nil {
		b.Fatal(err)
	}
	if _, err := town.Flow().Dispatch(b.Context(), b1); err != nil && loa.CodeOf(err) != loa.Conflict { // the server may have been first
		b.Fatal(err)
	}
	<-time.After(15*time.Second + ms)
	loud := use(b, box.Process.Pid)
	town.Eventually("the receipt", 3*time.Minute, func() bool { return len(town.Log(b1)) == 1 })
	if p := town.Log(b1)[0]; p.Result != wire.Played || !p.Verified {
		b.Fatalf("%+v", p)
	}
	<-time.After(5 * time.Second) // the receipt's own answer
	took2 := time.Since(began2)
	played := pages.sum().less(line[0])
	played.add(door.sum().less(line[1]))
	media := float64(played.ip()) - idleRate*took2.Seconds() // what the line would have carried anyway

	idleCPU := (idle.cpu - from.cpu).Seconds() / took.Hours()
	speechCPU := (loud.cpu - cpu.cpu).Seconds() / (ms + 15*time.Second).Hours()
	sessions := media / ms.Seconds() * programme.Seconds() / 1e6
	row := func(what, figure, limit string) { fmt.Printf("| %s | %s | %s |\n", what, figure, limit) }
	row("memory idle: resident, most", fmt.Sprintf("%.1f, %.1f MiB", mib(idle.rss), mib(idle.most)), "")
	row("memory while playing: resident, most", fmt.Sprintf("%.1f, %.1f MiB", mib(loud.rss), mib(loud.most)), "≤ 25 MiB")
	row("processor idle, the output fed with silence", fmt.Sprintf("%.0f s an hour", idleCPU), "")
	row("processor while speech plays", fmt.Sprintf("%.0f s an hour (%.0f s played)", speechCPU, ms.Seconds()), "")
	row("a start with everything on disk: HTTPS, MQTT", fmt.Sprintf("%.1f kB in %d connections, %.1f kB in %d", kb(turn), turn.opened, kb(in), in.opened), "")
	row("SIM idle: the kept connection", fmt.Sprintf("%s down, %s up: %.2f MB a day", kept.down(), kept.up(), day(kept.ip(), took)), "")
	row("SIM idle in all", fmt.Sprintf("%.2f MB a day, %.0f MB in 30 days (%s)", perDay, perDay*30, how), "≤ 80 MB a month")
	row("SIM, one hour of programme, everything new", fmt.Sprintf("%.1f MB (the sound itself 28.8 MB)", media/ms.Hours()/1e6), "≤ 30 MB an hour")
	row("SIM, a day with three sessions of 15 minutes", fmt.Sprintf("%.1f MB, of which %.1f programme", perDay+sessions, sessions), "")
	b.ReportMetric(perDay*30, "MB/month-idle")
	b.ReportMetric(media/ms.Hours()/1e6, "MB/programme-hour")
	b.ReportMetric(speechCPU, "cpu-s/h-speech")
	b.ReportMetric(mib(loud.most), "MiB-playing")
	b.ReportMetric(0, "ns/op")
}

// spoken is the speech as a bulletin that people said yes to, and how long it is.
func spoken(b *testing.B, town *e2e.Town) (id string, length time.Duration) {
	ctx, who, leader := b.Context(), town.Author.Actor(), town.Leader.Actor()
	f := town.Flow()
	f.Speech, f.Encoder = voice.Espeak{}, sound.Encoder{Dir: b.TempDir(), Self: e2e.Binary(b)}
	n, err := f.Draft(ctx, who, bulletin.Notice{Title: "Ba thông báo", Text: speech, Path: e2e.Commune, Class: wire.Normal,
		Scope: []loa.Path{e2e.Commune}, Until: time.Now().Add(12 * time.Hour)})
	if err == nil {
		n, err = f.Submit(ctx, who, n.ID)
	}
	if err == nil {
		err = f.Hear(ctx, leader, n.ID, loa.Hash(n.Payload), bulletin.Read)
	}
	if err == nil {
		_, err = f.Approve(ctx, leader, n.ID, town.Leader.Yes(n.Payload))
	}
	if err == nil {
		n, err = f.Sign(ctx, n.ID)
	}
	if err != nil {
		b.Fatal(err)
	}
	return n.ID, time.Duration(n.MS()) * time.Millisecond
}

// usage is what a process has used.
type usage struct {
	cpu       time.Duration
	rss, most int64 // bytes
}

func use(b *testing.B, pid int) (u usage) {
	read := func(name string) string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if err != nil {
			b.Fatal(err)
		}
		return string(text)
	}
	number := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	stat := read("stat")
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]) // the name may hold spaces
	const hz = 100                                                      // USER_HZ, fixed on Linux
	u.cpu = time.Duration(number(fields[11])+number(fields[12])) * time.Second / hz
	for line := range strings.Lines(read("status")) {
		name, rest, _ := strings.Cut(line, ":")
		switch name {
		case "VmRSS":
			u.rss = number(strings.Fields(rest)[0]) << 10
		case "VmHWM":
			u.most = number(strings.Fields(rest)[0]) << 10
		}
	}
	return u
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
func kb(c traffic) float64    { return float64(c.ip()) / 1e3 }

// traffic is what went over connections: bytes inside TCP and segments, as the box
// sent (out) and got them (in).
type traffic struct{ in, out, segIn, segOut, opened int64 }

// Headers of one segment over IPv4: 20 of IP, 20 of TCP, 12 of its timestamps.
const headers = 52

func (c traffic) ip() int64    { return c.in + c.out + headers*(c.segIn+c.segOut) }
func (c traffic) down() string { return fmt.Sprintf("%d bytes in %d segments", c.in, c.segIn) }
func (c traffic) up() string   { return fmt.Sprintf("%d in %d", c.out, c.segOut) }

func (c *traffic) add(o traffic) {
	c.in, c.out, c.segIn, c.segOut, c.opened = c.in+o.in, c.out+o.out, c.segIn+o.segIn, c.segOut+o.segOut, c.opened+o.opened
}

func (c traffic) less(o traffic) traffic {
	return traffic{c.in - o.in, c.out - o.out, c.segIn - o.segIn, c.segOut - o.segOut, c.opened - o.opened}
}

// meter passes connections on and has the kernel count them.
type meter struct {
	at, to string
	mu     sync.Mutex
	live   map[*net.TCPConn]bool
	ended  traffic
}

// segment is the largest that is sent: a mobile network's 1,400 bytes with headers.
const segment = 1400 - headers

func newMeter(b *testing.B) *meter {
	small := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, segment)
		}); e != nil {
			return e
		}
		return err
	}}
	l, err := small.Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	m := &meter{at: "localhost:" + port, live: map[*net.TCPConn]bool{}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go m.pass(c.(*net.TCPConn))
		}
	}()
	b.Cleanup(func() { _ = l.Close() }) // the test is over
	return m
}

func (m *meter) pass(box *net.TCPConn) {
	m.mu.Lock()
	m.live[box] = true
	m.mu.Unlock()
	node, err := net.Dial("tcp", m.to)
	if err == nil {
		both := make(chan struct{}, 2)
		for _, way := range [][2]net.Conn{{box, node}, {node, box}} {
			go func() {
				_, _ = io.Copy(way[0], way[1]) // it ends when either side does
				_ = way[0].(*net.TCPConn).CloseWrite()
				both <- struct{}{}
			}()
		}
		<-both
		<-both
		_ = node.Close()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended.add(counted(box))
	delete(m.live, box)
	_ = box.Close()
}

func (m *meter) sum() traffic {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.ended
	for c := range m.live {
		all.add(counted(c))
	}
	return all
}

// counted asks the kernel; what the meter's end got, the box sent.
func counted(c *net.TCPConn) traffic {
	raw, err := c.SyscallConn()
	if err != nil {
		return traffic{}
	}
	n := traffic{opened: 1}
	_ = raw.Control(func(fd uintptr) { // a connection that is gone counts nothing more
		if i, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			n.in, n.out, n.segIn, n.segOut = int64(i.Bytes_sent), int64(i.Bytes_received), int64(i.Segs_out), int64(i.Segs_in)
		}
	})
	return n
}

// certificates are as a public authority's: the node shows its own and one
// between, and the box knows the root above them.
func certificates(b *testing.B) (chain, key, roots string) {
	dir := b.TempDir()
	write := func(name, kind string, all ...[]byte) string {
		var text []byte
		for _, der := range all {
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			b.Fatal(err)
		}
		return file
	}
	var last *x509.Certificate
	var lastKey *ecdsa.PrivateKey
	issue := func(c *x509.Certificate) []byte {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		if last == nil {
			last, lastKey = c, k
		}
		c.NotBefore, c.NotAfter, c.BasicConstraintsValid = time.Now().Add(-time.Hour), time.Now().AddDate(0, 3, 0), true
		der, err := x509.CreateCertificate(rand.Reader, c, last, &k.PublicKey, lastKey)
		if err == nil {
			last, err = x509.ParseCertificate(der)
		}
		if err != nil {
			b.Fatal(err)
		}
		lastKey = k
		return der
	}
	name := func(s string) pkix.Name {
		return pkix.Name{Country: []string{"VN"}, Organization: []string{"Example Trust Services"}, CommonName: s}
	}
	root := issue(&x509.Certificate{SerialNumber: big.NewInt(1), Subject: name("Example Root X1"), IsCA: true, KeyUsage: x509.KeyUsageCertSign})
	between := issue(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: name("Example E7"), IsCA: true, KeyUsage: x509.KeyUsageCertSign,
		CRLDistributionPoints: []string{"http://x1.c.example.org/"}, IssuingCertificateURL: []string{"http://x1.i.example.org/"}})
	leaf := issue(&x509.Certificate{SerialNumber: big.NewInt(3), Subject: name("loa.example.vn"), DNSNames: []string{"localhost", "loa.example.vn"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		CRLDistributionPoints: []string{"http://e7.c.example.org/42.crl"}, IssuingCertificateURL: []string{"http://e7.i.example.org/"},
		ExtraExtensions: []pkix.Extension{{Id: []int{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}, Value: make([]byte, 240)}}}) // two logs' promises, as long as they are
	der, err := x509.MarshalPKCS8PrivateKey(lastKey)
	if err != nil {
		b.Fatal(err)
	}
	return write("chain.pem", "CERTIFICATE", leaf, between), write("key.pem", "PRIVATE KEY", der), write("roots.pem", "CERTIFICATE", root)
}
