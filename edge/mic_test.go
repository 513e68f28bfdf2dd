package edge

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"loa"
	"loa/wire"
)

// call is a person at the box.
type call struct {
	t *testing.T
	c net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, socket, pin string, minutes int) *call {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := json.NewEncoder(c).Encode(MicAsk{PIN: pin, Minutes: minutes}); err != nil {
		t.Fatal(err)
	}
	return &call{t, c, bufio.NewReader(c)}
}

func (c *call) told() (m MicTell) {
	c.t.Helper()
	b, err := c.r.ReadBytes('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		c.t.Fatal(err)
	}
	return m
}

// TestMic speaks into a box that has lost its network: not without the placement's
// leave, a PIN or inside closed hours; then a tone and what is said sound, over
// what was planned; an emergency ends it. What was said lies on disk under the
// hash that the receipt reports.
func TestMic(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	n.mic = true
	c := n.config(t.TempDir())
	short, err := os.MkdirTemp("", "mic") //nolint:usetesting // a socket's name has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(short) })
	c.Control = filepath.Join(short, "control")
	c.Mic = []string{"ffmpeg", "-loglevel", "error", "-re", "-f", "lavfi", "-i", "sine=frequency=300:sample_rate=32000", "-f", "s16le", "-ac", "1", "-"}
	out := &watched{Silent: Silent{Clock: loa.WallClock{}}, heard: make(chan bool, 1)}
	c.Output = out
	n.start(c)
	waitFor(t, func() bool {
		s, err := stateIn(c.Dir)
		return err == nil && s.Plan == "" && len(s.Policy) > 0 && holds(c.Control, "")
	})
	if m := dial(t, c.Control, "135790", 1).told(); m.Why != "mic.no_pin" {
		t.Errorf("without a PIN: %+v", m)
	}
	if err := SetPIN(c.Dir, "135790"); err != nil {
		t.Fatal(err)
	}
	if m := dial(t, c.Control, "135791", 1).told(); m.Why != "mic.wrong_pin" {
		t.Errorf("a wrong PIN: %+v", m)
	}
	n.with(func() { n.away = true })
	long := dial(t, c.Control, "135790", 1)
	if m := long.told(); !m.Speak {
		t.Fatalf("it may not speak: %+v", m)
	}
	if m := dial(t, c.Control, "135790", 1).told(); m.Why != "mic.busy" {
		t.Errorf("a second person: %+v", m)
	}
	<-out.heard
	n.with(func() { n.away = false; n.urgent(tone(t, "0.5", "880"), nil) })
	if m := long.told(); !m.Ended || m.Why != "mic.interrupted" {
		t.Errorf("an emergency: %+v", m)
	}
	var spoken wire.Line
	for range 2 {
		if l := n.line(); l.Slot != "" {
			spoken = l
		} else if l.Result != wire.Played {
			t.Errorf("the emergency: %+v", l)
		}
	}
	if spoken.Result != wire.Partly || spoken.Why != "mic.interrupted" || spoken.MS < 100 || spoken.Volume != 80 || spoken.Verified {
		t.Errorf("line %+v", spoken)
	}
	b := must(os.ReadFile(filepath.Join(c.Dir, "mic", spoken.Slot+".wav")))
	sum := sha256.Sum256(b[wavHeader:])
	if hex.EncodeToString(sum[:]) != spoken.Warrant {
		t.Error("on disk is not what was reported")
	}
	if first, loud := sounding(b[wavHeader:]); first < 0 || loud < Rate/20 {
		t.Errorf("%d samples were said, the first at %d", loud, first)
	}
	again := dial(t, c.Control, "135790", 1)
	if m := again.told(); !m.Speak {
		t.Fatalf("it may not speak again: %+v", m)
	}
	if err := again.c.Close(); err != nil { // hangs up
		t.Fatal(err)
	}
	if l := n.line(); l.Result != wire.Played || l.Why != "mic.spoken" {
		t.Errorf("line %+v", l)
	}
}

// TestMicRefused asks in each state in which a microphone is not to be had.
func TestMicRefused(t *testing.T) {
	t.Parallel()
	whole := newStage(t)
	for _, row := range []struct {
		why  string
		make func(s *stage)
	}{
		{"mic.none", func(s *stage) { s.a.cfg.Mic = nil }},
		{"mic.not_granted", func(s *stage) {
			s.first.LocalMic, s.first.Version = false, 2
			s.replace()
		}},
		{"placement.revoked", func(s *stage) {
			s.first.Revoked, s.first.Version = true, 2
			s.replace()
		}},
		{"policy.hours", func(s *stage) {
			s.policy = s.put(wire.PolicyType, wire.Policy{Kind: "policy", Path: commune, Version: 2, Volume: 80, From: 1, Until: s.from + 400*yearDay,
				Hours: []wire.Hours{{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: 1, Until: 2}}}, s.authority)
			s.ok(s.a.keep.putDoc(s.docs[s.policy]))
			s.ok(s.a.keep.update(func(st *state) { st.Beacon.Policies = []string{s.policy} }))
		}},
		{"clock.unknown", func(s *stage) { s.a.clock.known = false }},
		{"beacon.long_silent", func(s *stage) { s.ok(s.a.keep.update(func(st *state) { st.Beacon.Time = 1 })) }},
		{"mic.no_pin", func(s *stage) { s.disk.names["pin.a"].live, s.disk.names["pin.b"].live = []byte("x"), nil }},
		{"mic.wrong_pin", func(s *stage) { s.with.Public = nil; s.pin = "864201" }},
		{"mic.locked", func(s *stage) {
			for range micTries {
				if err := s.a.admit("864201"); loa.KeyOf(err) != "mic.wrong_pin" {
					s.t.Error(err)
				}
			}
			base := s.a.cfg.Mic
			s.ok(s.start(s.disk)) // a restart gives no new tries
			s.a.cfg.Mic = base
		}},
		{"", func(s *stage) {
			for range micTries {
				_ = s.a.admit("864201") // see above
			}
			_ = s.a.admit("135790") // the lock begins
			s.hand.Turn(micLock + time.Second)
		}},
		{"", func(*stage) {}},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			s := newStageLike(whole, t)
			s.first.LocalMic, s.pin = true, "135790"
			s.placement = s.put(wire.PlacementType, s.first, s.authority)
			s.ok(s.start(newGlass()))
			s.ok(s.ready())
			s.a.cfg.Mic = []string{"true"}
			h := pinHash{Salt: []byte("salt")}
			h.Sum = must(sumPIN("135790", h.Salt))
			s.ok(storePIN(s.disk, h))
			row.make(s)
			if _, err := s.a.grantMic(s.pin, time.Minute); err == nil && row.why != "" || err != nil && loa.KeyOf(err) != row.why {
				t.Errorf("%v, not %s", err, row.why)
			}
		})
	}
	for _, pin := range []string{"", "12345", "123456", "654321", "111111", "12345a", "1234567890123", "１３５７９０"} {
		if err := SetPIN(t.TempDir(), pin); loa.KeyOf(err) != "mic.weak_pin" {
			t.Errorf("%q: %v", pin, err)
		}
	}
}

// replace gives the box its placement anew.
func (s *stage) replace() {
	s.placement = s.put(wire.PlacementType, s.first, s.authority)
	s.ok(s.a.keep.putDoc(s.docs[s.placement]))
	s.ok(s.a.keep.update(func(st *state) { st.Placement = s.placement }))
}
