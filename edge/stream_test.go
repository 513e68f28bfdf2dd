package edge

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"loa"
	"loa/seal"
	"loa/wire"
)

// mount plays canonical frames in real time, a second ahead, as a live server
// does; each connection gets what serve says.
type mount struct {
	t     *testing.T
	mp3   []byte
	tries atomic.Int32
	most  int  // frames until the link breaks, 0 for all
	spoil int  // frame that is none, 0 for none
	dumb  bool // it sends nothing and stays open
}

func (m *mount) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.tries.Add(1)
	w.Header().Set("Content-Type", "audio/mpeg")
	w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(w)
	if m.dumb {
		_ = flush.Flush()
		<-r.Context().Done()
		return
	}
	tick := time.NewTicker(wire.FrameDuration)
	defer tick.Stop()
	for i := 0; i < len(m.mp3)/wire.FrameBytes; i++ {
		if i > 30 {
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
		frame := append([]byte{}, m.mp3[i*wire.FrameBytes:(i+1)*wire.FrameBytes]...)
		if m.spoil > 0 && i >= m.spoil {
			frame[1] = 0
		}
		if m.most > 0 && i >= m.most {
			panic(http.ErrAbortHandler) // the connection is cut
		}
		if _, err := w.Write(frame); err != nil {
			return
		}
		_ = flush.Flush()
	}
}

func (n *town) relay(length time.Duration, change func(*wire.Warrant)) wire.Warrant {
	return n.warrant(nil, func(w *wire.Warrant) {
		w.Kind, w.Mount, w.Length, w.Speech = wire.Stream, "dai-tinh", length.Milliseconds(), ""
		if change != nil {
			change(w)
		}
	})
}

// TestRelay: a planned relay sounds from its minute to the end of its source, or
// to the end of its slot if the source goes on.
func TestRelay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		seconds     string
		length      time.Duration
		least, most int64
	}{
		{"the source ends", "2", 20 * time.Second, 1000, 2300},
		{"the slot ends", "8", 2 * time.Second, 1950, 2050},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newTown(t)
			m := &mount{t: t, mp3: tone(t, c.seconds, "440")}
			n.stream = m.ServeHTTP
			var s wire.Slot
			n.with(func() {
				s = n.plans(n.doc(wire.WarrantType, n.relay(c.length, nil), n.authority), 3*time.Second)
			})
			wav := filepath.Join(t.TempDir(), "street.wav")
			cfg := n.config(t.TempDir())
			cfg.Output = &WAV{Path: wav, Clock: loa.WallClock{}}
			stop := n.start(cfg)
			l := n.line()
			stop()
			if l.Slot != s.ID || l.Result != wire.Played || l.Why != "" || l.Volume != 80 {
				t.Errorf("line %+v", l)
			}
			n.length(l, c.least, c.most)
			b, err := os.ReadFile(wav)
			if err != nil {
				t.Fatal(err)
			}
			if _, span := sounding(b[wavHeader:]); int64(span)*1000/Rate < c.least-300 {
				t.Errorf("%d samples are heard", span)
			}
		})
	}
}

// TestRelayFails: whatever the mount does, the next slot of the plan sounds in
// its minute, and the receipt says why the relay did not.
func TestRelayFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		mount *mount
		why   string
	}{
		{"the link breaks and stays away", &mount{most: 40}, "stream.silent"},
		{"a frame that is none", &mount{spoil: 40}, "stream.form"},
		{"silence", &mount{dumb: true}, "stream.silent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newTown(t)
			mp3 := tone(t, "0.5", "600")
			c.mount.t, c.mount.mp3 = t, tone(t, "30", "440")
			n.stream = func(w http.ResponseWriter, r *http.Request) {
				if c.mount.most > 0 && c.mount.tries.Load() > 0 {
					panic(http.ErrAbortHandler)
				}
				c.mount.ServeHTTP(w, r)
			}
			var s wire.Slot
			n.with(func() {
				n.plans(n.doc(wire.WarrantType, n.relay(30*time.Second, nil), n.authority), 3*time.Second)
				s = n.plans(n.doc(wire.WarrantType, n.warrant(mp3, nil), n.authority), 11*time.Second)
			})
			n.start(n.config(t.TempDir()))
			if l := n.line(); l.Result != wire.Partly || l.Why != c.why || l.MS > 6500 {
				t.Errorf("relay: %+v", l)
			}
			if l := n.line(); l.Slot != s.ID || l.Result != wire.Played {
				t.Errorf("the next slot: %+v", l)
			}
		})
	}
}

// TestRelayComesBack: a link that breaks for a moment is opened again, and the
// relay goes on.
func TestRelayComesBack(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	short, whole := &mount{t: t, mp3: tone(t, "5", "440"), most: 60}, &mount{t: t, mp3: tone(t, "5", "440")}
	n.stream = func(w http.ResponseWriter, r *http.Request) {
		if short.tries.Load() == 0 {
			short.ServeHTTP(w, r)
			return
		}
		whole.ServeHTTP(w, r)
	}
	n.with(func() { n.plans(n.doc(wire.WarrantType, n.relay(4*time.Second, nil), n.authority), 3*time.Second) })
	n.start(n.config(t.TempDir()))
	if l := n.line(); l.Result != wire.Played || l.MS < 3950 || whole.tries.Load() != 1 {
		t.Errorf("%d times again: %+v", whole.tries.Load(), l)
	}
}

// TestLive: a microphone sounds at once and in hours only; a stop ends it; the
// alarm's siren stands over it.
func TestLive(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	m := &mount{t: t, mp3: tone(t, "40", "440")}
	n.stream = m.ServeHTTP
	a, _ := n.run(n.config(t.TempDir()), thisMachine())
	live := func(length time.Duration) (hash string) {
		n.with(func() {
			n.seq++
			hash = n.doc(wire.WarrantType, n.relay(length, func(w *wire.Warrant) { w.Now, w.Seq = true, n.seq }), n.authority)
			n.beacon.Now = append(n.beacon.Now, hash)
			n.tell()
		})
		return hash
	}
	hash := live(30 * time.Second)
	until(t, "it sounds", func() bool { return a.keep.now().Sounding[hash].Started > 0 })
	n.with(func() {
		n.seq++
		n.beacon.Now = append(n.beacon.Now, n.doc(wire.WarrantType, n.warrant(nil, func(w *wire.Warrant) {
			w.Kind, w.Now, w.Seq, w.Stops = wire.Stop, true, n.seq, []string{hash}
			w.Plays, w.PlaysDay, w.Cap, w.Speech = 0, 0, 0, ""
		}), n.authority))
		n.tell()
	})
	if l := n.line(); l.Warrant != hash || l.Result != wire.Stopped || l.Why != "warrant.stopped" || l.Volume != 80 {
		t.Errorf("stopped: %+v", l)
	}
	n.with(func() {
		at := time.Now().In(loa.Zone())
		open := (at.Hour()*60 + at.Minute() + 120) % 1380
		n.policy(open, open+1)
		n.tell()
	})
	number := a.keep.now().Beacon.Number
	until(t, "the policy", func() bool {
		h, err := a.holdings()
		return err == nil && len(h.policies) == 1 && number < a.keep.now().Beacon.Number && h.policies[0].Hours[0].From > 0
	})
	hash = live(30 * time.Second)
	if l := n.line(); l.Warrant != hash || l.Result != wire.Refused || l.Why != "policy.hours" || l.MS != 0 {
		t.Errorf("at night: %+v", l)
	}
}

// TestSettings: each is done once, kept over a restart, and none makes an alarm
// quieter or anything louder.
func TestSettings(t *testing.T) {
	t.Parallel()
	n := newTown(t)
	mp3 := tone(t, "0.3", "440")
	c := n.config(t.TempDir())
	c.Volume = 90
	a, stop := n.run(c, thisMachine())
	set := func(s wire.Setting, from int64, poles ...string) (hash string) {
		n.with(func() {
			n.seq++
			hash = n.doc(wire.WarrantType, n.warrant(nil, func(w *wire.Warrant) {
				w.Kind, w.Now, w.Seq, w.Setting, w.Poles = wire.Set, true, n.seq, &s, poles
				w.From += from * 60_000
				w.Plays, w.PlaysDay, w.Cap, w.Speech = 0, 0, 0, ""
			}), n.authority)
			n.beacon.Now = append(n.beacon.Now, hash)
			n.tell()
		})
		return hash
	}
	set(wire.Setting{Volume: 30}, 2, "P1")
	until(t, "the volume", func() bool { return a.keep.now().Set.Volume == 30 })
	set(wire.Setting{Volume: 70}, 1)       // made before the other, and late on its way
	set(wire.Setting{Volume: 10}, 3, "P2") // of another pole
	asked := set(wire.Setting{Logs: 5}, 4)
	select {
	case l := <-n.logs:
		if l.Warrant != asked || len(l.Lines) == 0 || len(l.Lines) > 5 {
			t.Errorf("log %+v", l)
		}
	case <-time.After(25 * time.Second):
		t.Fatal("no log came")
	}
	if v := a.keep.now().Set.Volume; v != 30 || a.volume() != 30 {
		t.Errorf("it is set to %d", v)
	}
	stop()
	a, stop = n.run(c, thisMachine())
	n.with(func() { n.planned(mp3, n.authority, 3*time.Second) })
	if l := n.line(); l.Result != wire.Played || l.Volume != 30 {
		t.Errorf("after a restart: %+v", l)
	}
	n.with(func() { n.urgent(mp3, nil) })
	if l := n.line(); l.Result != wire.Played || l.Volume != 90 {
		t.Errorf("an alarm: %+v", l)
	}
	set(wire.Setting{Volume: 100}, 5)
	until(t, "the volume", func() bool { return a.keep.now().Set.Volume == 100 })
	n.with(func() { n.planned(mp3, n.authority, 3*time.Second) })
	if l := n.line(); l.Volume != 80 || a.volume() != 90 {
		t.Errorf("set above all else: %+v, %d", l, a.volume())
	}
	stop()
	ended := make(chan error, 1)
	go func() { ended <- Run(context.Background(), c) }()
	set(wire.Setting{Restart: true}, 6)
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(25 * time.Second):
		t.Fatal("it did not start again")
	}
	a, _ = n.run(c, thisMachine()) // the same warrant does it once
	number := a.keep.now().Beacon.Number
	n.with(n.tell)
	until(t, "a beacon more", func() bool { return a.keep.now().Beacon.Number > number })
	if len(a.again) != 0 {
		t.Error("it would start again for ever")
	}
}

// TestTail: what a log holds is text a document may hold, and fits one.
func TestTail(t *testing.T) {
	t.Parallel()
	var l tail
	for range tailLines + 10 {
		for _, s := range []string{"e\u0301\xff\ufffd", string(make([]byte, 3000)), "\u0344\u0344\u0344"} {
			if _, err := l.Write([]byte(s + "\n")); err != nil {
				t.Fatal(err)
			}
		}
	}
	doc := wire.Log{Kind: "log", Device: loa.NewID(time.Now()), At: 1, Warrant: loa.Hash(nil), Lines: l.last(tailLines)}
	if len(doc.Lines) == 0 {
		t.Fatal("empty")
	}
	var got wire.Log
	if err := seal.Decode(must(wire.Encode(doc)), wire.MaxLog, &got); err != nil || got.Check() != nil {
		t.Errorf("%d lines: %v, %v", len(doc.Lines), err, got.Check())
	}
}

// FuzzTail: whatever a program logs, the device can send it.
func FuzzTail(f *testing.F) {
	f.Add([]byte("e\u0301\xff"))
	f.Add([]byte("level=INFO msg=\"beacon\"\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var l tail
		if _, err := l.Write(b); err != nil {
			t.Fatal(err)
		}
		doc := wire.Log{Kind: "log", Device: loa.NewID(time.Now()), At: 1, Warrant: loa.Hash(nil), Lines: l.last(1)}
		var got wire.Log
		if err := seal.Decode(must(wire.Encode(doc)), wire.MaxLog, &got); err != nil || got.Check() != nil {
			t.Fatalf("%q: %v, %v", doc.Lines, err, got.Check())
		}
	})
}
