package edge

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"loa"
	"loa/seal"
	"loa/wire"
)

var update = flag.Bool("update", false, "write testdata/troubles.txt anew")

// saidAs are the table's words for an official.
func saidAs(t trouble) string {
	return map[trouble]string{
		sealWrong:         "Lệnh phát không do khóa có thẩm quyền khóa, hoặc bị sửa",
		nodeAway:          "Mất mạng",
		certificateOld:    "Chứng chỉ đường truyền (TLS) hết hạn",
		delegationLapsed:  "Ủy quyền hết hạn chưa quá 90 ngày, không lấy được bản mới",
		delegationOld:     "Ủy quyền hết hạn quá 90 ngày",
		delegationRevoked: "Ủy quyền đã bị thu hồi",
		clockUnknown:      "Cụm loa không biết giờ",
		stateLost:         "Sổ ghi trên cụm loa hỏng cả hai bản",
		mediaMissing:      "Thiếu tệp âm thanh hoặc tệp hỏng",
		mediaQuarantined:  "Tệp âm thanh giải mã lỗi hai lần",
		diskFull:          "Bộ nhớ đầy",
		diskFailed:        "Bộ nhớ hỏng hoặc chỉ đọc được",
		beaconOld:         "Quá 30 ngày không nhận được tin báo của hệ thống",
	}[t]
}

func troubles() []trouble {
	return []trouble{sealWrong, nodeAway, certificateOld, delegationLapsed, delegationOld, delegationRevoked, clockUnknown, stateLost,
		mediaMissing, mediaQuarantined, diskFull, diskFailed, beaconOld}
}

// TestTroubles holds the table to the paper an official reads.
func TestTroubles(t *testing.T) {
	t.Parallel()
	said := map[deed]string{sounds: "phát", silent: "im", waits: "im, chờ", standsIn: "phát còi và câu báo động đã lưu", byMemory: "phát từ bộ nhớ trong"}
	var b strings.Builder
	for _, tr := range troubles() {
		fmt.Fprintf(&b, "%s\n----------\n", saidAs(tr))
		for _, c := range []struct {
			name  string
			class wire.Class
		}{{"bản tin thông thường", wire.Normal}, {"bản tin ưu tiên", wire.Priority}, {"diễn tập", wire.Exercise}, {"bản tin khẩn cấp", wire.Emergency}} {
			v := judge(tr, c.class)
			fmt.Fprintf(&b, "%s: %s", c.name, said[v.do])
			if v.why != "" {
				fmt.Fprintf(&b, " (%s)", v.why)
			}
			b.WriteByte('\n')
		}
		b.WriteByte('\n')
	}
	const name = "testdata/troubles.txt"
	if *update {
		if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want := must(os.ReadFile(name)); b.String() != string(want) {
		t.Errorf("the table is\n%s", b.String())
	}
}

// serve is a node for the stage, on the clock of the stage.
func (s *stage) serve(over func(http.Handler) *httptest.Server) {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, b []byte, ok bool) {
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if _, err := w.Write(b); err != nil {
			s.t.Log(err)
		}
	}
	mux.HandleFunc("POST /device/v1/time", func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Nonce string }
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			s.t.Error(err)
		}
		at := s.hand.Now().UnixMicro()
		answer(w, must(seal.Seal(wire.TimeType, must(wire.Encode(wire.Time{Kind: "time", Nonce: q.Nonce, Received: at, Sent: at})), s.beacon)), true)
	})
	mux.HandleFunc("GET /device/v1/beacon/{path...}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, s.beaconNow(), true)
	})
	mux.HandleFunc("GET /device/v1/enrol/{device}", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.docs[s.placement], true) })
	mux.HandleFunc("GET /device/v1/trust/{path...}", func(w http.ResponseWriter, _ *http.Request) {
		var all [][]byte
		for _, h := range s.trust {
			all = append(all, s.docs[h])
		}
		answer(w, must(json.Marshal(map[string]any{"delegations": all})), true)
	})
	mux.HandleFunc("GET /device/v1/doc/{hash}", func(w http.ResponseWriter, r *http.Request) {
		b, ok := s.docs[r.PathValue("hash")]
		answer(w, b, ok)
	})
	mux.HandleFunc("GET /device/v1/media/{hash}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, s.sound, !s.bare && r.PathValue("hash") == s.media().Hash)
	})
	server := over(mux)
	s.t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	if c := server.Certificate(); c != nil {
		roots.AddCert(c)
	}
	s.a.carrier.roots = roots
	own := s.a.carrier.client(true)
	s.t.Cleanup(own.CloseIdleConnections)
	s.a.client = client{server.URL, own, own}
}

func (s *stage) beaconNow() []byte {
	at := s.now()
	if s.beaconAt != 0 {
		at = s.beaconAt
	}
	return must(seal.Seal(wire.BeaconType, must(wire.Encode(wire.Beacon{Kind: "beacon", Path: commune, Number: s.now(), Time: at, Now: []string{},
		Policies: []string{s.policy}, Trust: s.trust, Epoch: s.epoch})), s.beacon))
}

// expired is a TLS server whose certificate ended 400 days ago.
func expired(s *stage) func(http.Handler) *httptest.Server {
	return func(h http.Handler) *httptest.Server {
		pub, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			s.t.Fatal(err)
		}
		end := time.Now().Add(-400 * 24 * time.Hour)
		c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "node"}, DNSNames: []string{"127.0.0.1"}, IPAddresses: nil,
			NotBefore: end.Add(-time.Hour), NotAfter: end, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
		c.IPAddresses = append(c.IPAddresses, []byte{127, 0, 0, 1})
		der := must(x509.CreateCertificate(nil, c, c, pub, key))
		srv := httptest.NewUnstartedServer(h)
		srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
		srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		srv.StartTLS()
		return srv
	}
}

// TestTroubled puts the real agent into each row of the table, over a real
// network and its own files, and sees that it does what the table says: for a
// planned bulletin, an exercise and an emergency.
func TestTroubled(t *testing.T) {
	t.Parallel()
	whole, prefix := newStage(t), tone(t, "0.1", "300")
	later := func(days int64) func(*stage) {
		return func(s *stage) {
			s.hand.Turn(time.Duration(days) * 24 * time.Hour)
			s.replan(s.authority)
			if err := s.a.look(t.Context()); loa.KeyOf(err) != "seal.wrong_date" { // the beacon holds, the policy no longer
				t.Error(err)
			}
		}
	}
	for _, row := range []struct {
		trouble trouble
		make    func(s *stage)
	}{
		{sealWrong, func(s *stage) {
			s.with = must(seal.NewKey())
			s.replan(s.with)
		}},
		{nodeAway, func(s *stage) { s.a.client.base = "http://127.0.0.1:1" }},
		{certificateOld, func(s *stage) { // everything comes through it
			s.serve(expired(s))
			s.ok(s.a.keep.dropMedia(s.media().Hash))
			s.ok(s.a.bring(t.Context(), []wire.Media{s.media()}, map[string]bool{}))
		}},
		{delegationLapsed, later(30)},
		{delegationOld, later(101)},
		{delegationRevoked, func(s *stage) {
			s.epoch = 1
			s.trust = nil
			for role, k := range map[seal.Role]seal.Key{seal.Dispatch: s.dispatch, seal.Beacon: s.beacon} {
				s.trust = append(s.trust, s.put(seal.DelegationType, seal.Delegation{Kind: "delegation", Role: role, Keys: []string{seal.EncodePublic(k.Public)},
					Threshold: 1, Paths: []loa.Path{commune}, Classes: wire.Classes(), From: 1, Until: s.from + 400*yearDay, Epoch: 1}, s.rootKey))
			}
			if err := s.a.look(t.Context()); loa.KeyOf(err) != "seal.unknown_key" { // the policy's key is gone too
				t.Error(err)
			}
		}},
		{clockUnknown, func(s *stage) {
			s.a.client.base = "http://127.0.0.1:1"
			s.a.clock = newClock(s.hand, machine{boot: "two", up: func() time.Duration { return 0 }}, s.a.keep.now().Clock)
			s.a.player.clock = s.a.clock
		}},
		{stateLost, func(s *stage) {
			for _, name := range []string{"state.a", "state.b"} {
				s.disk.names[name].live[100] ^= 4
			}
			base := s.a.client
			s.ok(s.start(s.disk))
			s.a.client = base
			if !s.a.keep.lost {
				t.Error("the loss was not seen")
			}
			s.beaconAt = s.now() - 6*60_000 // all that the way brings is old
			s.ok(s.a.firstPlacement(t.Context()))
			s.ok(s.a.settle())
		}},
		{mediaMissing, func(s *stage) {
			s.bare = true
			s.ok(s.a.keep.dropMedia(s.media().Hash))
		}},
		{mediaQuarantined, func(s *stage) {
			s.ok(s.a.keep.update(func(st *state) { st.Broken[s.media().Hash] = crashes }))
		}},
		{diskFull, func(s *stage) { s.disk.fail = func(string, string) error { return unix.ENOSPC } }},
		{diskFailed, func(s *stage) { s.disk.fail = func(string, string) error { return unix.EIO } }},
		{beaconOld, func(s *stage) {
			s.ok(s.a.keep.update(func(st *state) { st.Beacon.Time = s.now() - 31*yearDay }))
		}},
	} {
		for _, class := range []wire.Class{wire.Normal, wire.Priority, wire.Exercise, wire.Emergency} {
			t.Run(string(row.trouble)+"/"+string(class), func(t *testing.T) {
				t.Parallel()
				s := newStageLike(whole, t)
				s.ok(s.start(newGlass()))
				s.ok(s.ready())
				s.prefixed(prefix)
				s.serve(httptest.NewServer)
				if class == wire.Priority {
					s.class = class
					s.replan(s.authority)
				}
				row.make(s)
				heard, why := s.meet(class)
				v := judge(row.trouble, class)
				switch v.do {
				case sounds, byMemory, standsIn:
					if !heard || why != v.why {
						t.Errorf("heard %v, %q; the table says %s, %q", heard, why, v.do, v.why)
					}
				case silent, waits:
					if heard || why != v.why && why != "" {
						t.Errorf("heard %v, %q; the table says %s, %q", heard, why, v.do, v.why)
					}
				}
			})
		}
	}
}

// prefixed gives the agent a phrase set, for exercises.
func (s *stage) prefixed(sound []byte) {
	s.t.Helper()
	m := wire.Media{Hash: loa.Hash(sound), Bytes: int64(len(sound)), MS: int64(len(sound)) / wire.FrameBytes * 36, Form: wire.CanonicalForm}
	hash := s.put(wire.PhrasesType, wire.PhraseSet{Kind: "phrases", Path: commune, Version: 1, From: 1, Until: s.from + yearDay, Entries: []wire.PhraseEntry{
		{ID: wire.SirenPhrase, Media: m}, {ID: wire.ExercisePrefix, Media: m},
		{ID: "lu", Media: m, Text: "Nước lên nhanh."}}}, s.authority)
	s.ok(s.a.keep.putDoc(s.docs[hash]))
	s.ok(s.a.keep.putMedia(m, bytes.NewReader(sound)))
	s.ok(s.a.takePhrases(s.t.Context(), hash))
	s.ok(s.a.usePhrases())
}

// replan gives the agent a plan with one slot of the stage's class, ten seconds ahead.
func (s *stage) replan(k seal.Key) {
	s.version++
	s.slots = []wire.Slot{{ID: fmt.Sprint("slot", s.version), Start: s.now() + 10_000, Warrant: s.warrant(k, func(w *wire.Warrant) {
		if s.class != "" {
			w.Class = s.class
		}
	})}}
	s.plan = s.planned(s.version + 1)
	s.ok(s.a.keep.putDoc(s.docs[s.plan]))
	s.ok(s.a.keep.putDoc(s.docs[s.slots[0].Warrant]))
	s.ok(s.a.takePlan(s.t.Context(), s.plan))
}

func (s *stage) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// meet lets the agent come to a sound of a class and says whether it was heard,
// and the reason or mark it gave.
func (s *stage) meet(class wire.Class) (heard bool, why string) {
	if class == wire.Normal || class == wire.Priority {
		s.hand.Turn(time.Duration(s.slots[0].Start-1000-s.now()) * time.Millisecond)
		s.a.step(map[string]bool{})
		s.hand.Turn(3 * time.Second) // what may still arrive has until then
		s.a.step(map[string]bool{})
		s.play()
		for _, l := range append(s.a.receipts.batch(), s.a.receipts.waiting...) {
			if l.Slot == s.slots[0].ID {
				why = l.Why
			}
		}
		return s.heard[s.slots[0].ID] > 0, why
	}
	k := s.authority
	if s.with.Public != nil {
		k = s.with
	}
	hash := s.warrant(k, func(w *wire.Warrant) {
		w.Class, w.Now, w.Seq = class, true, s.now()
		if class == wire.Emergency {
			w.Hazard = "lu"
		}
	})
	ctx, cancel := context.WithCancel(s.t.Context())
	go func() { // a sound that cannot come is not waited for
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
			cancel()
		}
	}()
	j, err := s.a.takeNow(ctx, s.docs[hash])
	if j != nil {
		s.a.sound(ctx, j)
	}
	s.a.sounds.Wait()
	cancel()
	s.play()
	for _, l := range append(s.a.receipts.batch(), s.a.receipts.waiting...) {
		if l.Warrant == hash {
			why = l.Why
		}
	}
	if err != nil {
		why = loa.KeyOf(err)
		for e := err; e != nil; e = errors.Unwrap(e) { // the first cause that has a name of its own
			if key := loa.KeyOf(e); key == "beacon.stale" {
				why = key
			}
		}
	}
	return s.heard[hash] > 0, why
}

// TestDecoderFails: a sound that is whole and canonical but breaks the decoder is
// tried twice and then left alone, also after a restart.
func TestDecoderFails(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.sound = make([]byte, 20*wire.FrameBytes)
	for i := range s.sound {
		s.sound[i] = byte(i * 37)
	}
	for at := 0; at < len(s.sound); at += wire.FrameBytes {
		copy(s.sound[at:], []byte{0xff, 0xfb, 0x58, 0xc4, 0, 0})
	}
	s.ok(s.start(newGlass()))
	s.slots[0].Warrant = s.warrant(s.authority, nil)
	s.plan = s.planned(1)
	s.ok(s.ready())
	for n, want := range []string{"media.damaged", "media.damaged", "media.quarantined"} {
		s.replan(s.authority)
		if _, why := s.meet(wire.Normal); why != want {
			t.Errorf("try %d: %q, not %q", n, why, want)
		}
	}
	s.ok(s.start(s.disk))
	if _, err := s.a.keep.source([]wire.Media{s.media()}, 0); loa.KeyOf(err) != "media.quarantined" {
		t.Errorf("after a restart: %v", err)
	}
	if !s.a.keep.hasMedia(s.media().Hash) {
		t.Error("it would be fetched again and again")
	}
}
