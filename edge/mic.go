package edge

import (
	"bufio"
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"loa"
	"loa/wire"
)

// The microphone at the box: for a person who stands there, with the network or
// without. The placement, sealed by people's approval, says whether this box may
// have one (local_mic); a PIN that was set at the box and never leaves it says who
// (decision 0047). Policies and mutes hold as for any bulletin, an emergency
// interrupts it, and what was said is kept on disk and reported.

const (
	maxMic      = 10 * time.Minute // of one speech
	micTries    = 5                // wrong PINs, and then
	micLock     = 15 * time.Minute // nobody is asked
	micWait     = time.Minute      // for what sounds to end
	micKept     = 64 << 20         // bytes of speeches kept on disk
	micBuffer   = Rate             // samples between the microphone and the horn: the oldest go
	prefixTone  = 880              // Hz
	prefixFor   = Rate             // samples of tone before the first word
	pinRounds   = 200_000
	controlTime = 10 * time.Second // for the first line on the socket
)

// pinHash is what the box knows of its PIN, and how often it was wrong.
type pinHash struct {
	Salt  []byte `json:"salt"`
	Sum   []byte `json:"sum"`
	Wrong int    `json:"wrong"`
}

func sumPIN(pin string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, pin, salt, pinRounds, sha256.Size)
}

// SetPIN sets the PIN of a box's microphone: 6 to 12 digits, not all the same and
// not in a row. Whoever may run it may write into the agent's folder anyway.
func SetPIN(dir, pin string) error {
	same, up, down := true, true, true
	for i := 1; i < len(pin); i++ {
		d := int(pin[i]) - int(pin[i-1])
		same, up, down = same && d == 0, up && d == 1, down && d == -1
	}
	if len(pin) < 6 || len(pin) > 12 || strings.Trim(pin, "0123456789") != "" || same || up || down {
		return loa.Errorf(loa.Invalid, "mic.weak_pin")
	}
	d, err := openFolder(dir)
	if err != nil {
		return err
	}
	h := pinHash{Salt: make([]byte, 16)}
	if _, err := rand.Read(h.Salt); err != nil {
		return fmt.Errorf("set pin: %w", err)
	}
	if h.Sum, err = sumPIN(pin, h.Salt); err != nil {
		return fmt.Errorf("set pin: %w", err)
	}
	return storePIN(d, h)
}

func loadPIN(d disk) (h pinHash, err error) {
	b, err := (&slots{disk: d, name: "pin"}).load()
	if err == nil && b != nil {
		err = json.Unmarshal(b, &h)
	}
	if err != nil || h.Sum == nil {
		return h, loa.Errorf(loa.Forbidden, "mic.no_pin").Because(err)
	}
	return h, nil
}

func storePIN(d disk, h pinHash) error {
	b, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("set pin: %w", err)
	}
	s := slots{disk: d, name: "pin"}
	if _, err := s.load(); err != nil {
		s.count = 0 // both were damaged: begin anew
	}
	return s.store(b)
}

// admit asks for the PIN. A wrong one is written down before the answer, so that
// ending the program gives no new tries.
func (a *agent) admit(pin string) error {
	a.pinMu.Lock()
	defer a.pinMu.Unlock()
	h, err := loadPIN(a.keep.disk)
	if err != nil {
		return err
	}
	now := a.cfg.Clock.Now()
	if h.Wrong >= micTries {
		if a.pinUntil.IsZero() {
			a.pinUntil = now.Add(micLock)
		}
		if now.Before(a.pinUntil) {
			return loa.Errorf(loa.Forbidden, "mic.locked")
		}
		h.Wrong, a.pinUntil = 0, time.Time{}
	}
	sum, err := sumPIN(pin, h.Salt)
	if err != nil {
		return fmt.Errorf("check pin: %w", err)
	}
	right := subtle.ConstantTimeCompare(sum, h.Sum) == 1
	if right && h.Wrong == 0 {
		return nil
	}
	if h.Wrong++; right {
		h.Wrong = 0
	}
	if err := storePIN(a.keep.disk, h); err != nil {
		return err
	}
	if !right {
		a.state("refused", "", "", "mic.wrong_pin")
		return loa.Errorf(loa.Forbidden, "mic.wrong_pin")
	}
	return nil
}

// MicAsk is the line a program at the box sends on the agent's socket; MicTell
// are the lines that come back: Speak once it sounds, Why or Ended at the end.
// Closing the connection ends the speech.
type MicAsk struct {
	PIN     string `json:"pin"`
	Minutes int    `json:"minutes"`
}

// MicTell is one answer to a MicAsk.
type MicTell struct {
	Speak bool   `json:"speak,omitempty"`
	Ended bool   `json:"ended,omitempty"`
	Why   string `json:"why,omitempty"`
}

// control listens on the agent's socket until ctx ends.
func (a *agent) control(ctx context.Context) error {
	if a.cfg.Control == "" {
		<-ctx.Done()
		return nil
	}
	if err := os.Remove(a.cfg.Control); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("open socket: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", a.cfg.Control)
	if err != nil {
		return fmt.Errorf("open socket: %w", err)
	}
	if err := os.Chmod(a.cfg.Control, 0o600); err != nil {
		return errors.Join(fmt.Errorf("open socket: %w", err), l.Close())
	}
	var all sync.WaitGroup
	all.Go(func() { <-ctx.Done(); _ = l.Close() }) // Accept says so
	turns := make(chan struct{}, 1)
	for {
		c, err := l.Accept()
		if err != nil {
			all.Wait()
			if ctx.Err() != nil {
				return nil //nolint:nilerr // it was told to end
			}
			return fmt.Errorf("accept: %w", err)
		}
		all.Go(func() {
			defer c.Close()
			var err error = loa.Errorf(loa.Conflict, "mic.busy")
			select {
			case turns <- struct{}{}:
				defer func() { <-turns }()
				err = guarded(ctx, func(ctx context.Context) error { return a.speech(ctx, c) })
			case <-a.cfg.Clock.After(time.Second): // the one before may just be leaving
			case <-ctx.Done():
			}
			if err != nil {
				a.log.Warn("microphone", "error", err)
				_ = json.NewEncoder(c).Encode(MicTell{Why: loa.KeyOf(err)}) // whoever asked may be gone
			}
		})
	}
}

// speech is one person's turn at the microphone.
func (a *agent) speech(ctx context.Context, c net.Conn) error {
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	if err := c.SetReadDeadline(a.cfg.Clock.Now().Add(controlTime)); err != nil {
		return fmt.Errorf("read socket: %w", err)
	}
	var ask MicAsk
	lines := bufio.NewReader(io.LimitReader(c, 4096))
	b, err := lines.ReadBytes('\n')
	if err != nil || json.Unmarshal(b, &ask) != nil {
		return loa.Errorf(loa.Invalid, "mic.malformed")
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("read socket: %w", err)
	}
	long := min(time.Duration(ask.Minutes)*time.Minute, maxMic)
	if long <= 0 {
		return loa.Errorf(loa.Invalid, "mic.malformed")
	}
	j, err := a.grantMic(ask.PIN, long)
	if err != nil {
		return err
	}
	m, err := a.listen(ctx, j.slot.ID, long)
	if err != nil {
		return err
	}
	go func() { // the person hangs up, or the program does
		_, _ = io.Copy(io.Discard, c)
		m.stop("")
	}()
	j.src = m
	err = a.keep.update(func(s *state) { s.Sounding[j.name()] = j.line(a.clock.state()) })
	if err != nil {
		m.close()
		return err
	}
	a.player.ask(func(p *player) { p.urge(j, a.keep.now().stopped) })
	tell := json.NewEncoder(c)
	select {
	case <-m.begun:
		if err := tell.Encode(MicTell{Speak: true}); err != nil {
			m.stop("")
		}
	case <-m.stopped:
	case <-a.cfg.Clock.After(micWait):
		m.stop("mic.busy")
	}
	<-m.stopped // also when the agent ends: its context is the input program's
	return tell.Encode(MicTell{Ended: true, Why: m.reason()})
}

// grantMic asks everything that a bulletin is asked, for as long as the speech may last.
func (a *agent) grantMic(pin string, long time.Duration) (*job, error) {
	if len(a.cfg.Mic) == 0 {
		return nil, loa.Errorf(loa.Forbidden, "mic.none")
	}
	if a.clock.state() == wire.ClockUnknown {
		return nil, loa.Errorf(loa.Unavailable, "clock.unknown") // the hours of the place cannot be kept
	}
	h, err := a.holdings()
	if err != nil && (h.placement.Device == "" || loa.KeyOf(err) != "plan.missing") {
		return nil, err
	}
	switch {
	case !h.placement.LocalMic:
		return nil, loa.Errorf(loa.Forbidden, "mic.not_granted")
	case h.placement.Revoked:
		return nil, loa.Errorf(loa.Forbidden, "placement.revoked")
	case h.why != "":
		return nil, loa.Errorf(loa.Forbidden, h.why)
	}
	if err := a.admit(pin); err != nil {
		return nil, err
	}
	now, ms := a.clock.millis(), long.Milliseconds()
	if wire.Muted(h.plan.Mutes, h.placement, now, ms) {
		return nil, loa.Errorf(loa.Forbidden, wire.WhyMuted)
	}
	allowed := wire.DeviceAllows(h.policies, h.placement, wire.Normal, wire.NoRole, now, ms)
	if allowed.Why != "" {
		return nil, loa.Errorf(loa.Forbidden, allowed.Why)
	}
	j := &job{
		// No warrant stands behind it: the placement does. It goes over what is
		// planned and under an emergency or an exercise.
		warrant: wire.Warrant{Class: wire.Priority, Now: true, Issuer: h.placement.Paths[0], From: now, Until: now + ms + micWait.Milliseconds()},
		hash:    loa.Hash(nil), mark: "mic.spoken", volume: min(allowed.Volume, a.cfg.Volume), held: h,
	}
	j.slot.ID, j.slot.Start = "mic-"+loa.NewID(a.cfg.Clock.Now()), now
	return j, nil
}

// mic is a microphone as samples: a tone, then what is said, until somebody ends
// it. What goes to the horn is also written to a file, and its hash reported.
type mic struct {
	begun, stopped chan struct{}
	cancel         context.CancelFunc

	mu    sync.Mutex
	heard []int16 // said and not sounded yet
	why   string
	over  bool // no more is taken in

	most, at int64 // samples
	started  bool
	file     file
	sum      hash.Hash
}

// listen starts the input program and gathers what it brings.
func (a *agent) listen(ctx context.Context, name string, long time.Duration) (*mic, error) {
	ctx, cancel := context.WithCancel(ctx)
	m := &mic{begun: make(chan struct{}), stopped: make(chan struct{}), cancel: cancel, most: prefixFor + int64(long/time.Second)*Rate, sum: sha256.New()}
	cmd := exec.CommandContext(ctx, a.cfg.Mic[0], a.cfg.Mic[1:]...)
	cmd.WaitDelay = time.Second
	said := &lastWords{}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, loa.Errorf(loa.Unavailable, "mic.failed").Because(err)
	}
	if err := a.keep.forgetSpeeches(micKept); err == nil {
		if f, err := a.keep.disk.open("mic/"+name+".wav", os.O_RDWR|os.O_CREATE); err == nil {
			m.file = f // without room for it the speech sounds all the same
		}
	}
	go func() {
		b := make([]byte, blockSamples*2)
		for {
			n, err := io.ReadFull(out, b)
			pcm := make([]int16, n/2)
			for i := range pcm {
				pcm[i] = int16(binary.LittleEndian.Uint16(b[i*2:])) // two's complement as it came
			}
			m.take(pcm)
			if err != nil {
				break
			}
		}
		cancel()
		if err := cmd.Wait(); err != nil && m.reason() == "" && !m.ended() {
			a.log.Error("microphone", "error", err, "said", said.String())
			m.stop("mic.failed")
			return
		}
		m.stop("")
	}()
	return m, nil
}

func (m *mic) take(pcm []int16) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over || !m.started {
		return // what was said before the tone is nobody's
	}
	if m.heard = append(m.heard, pcm...); len(m.heard) > micBuffer {
		m.heard = slices.Clone(m.heard[len(m.heard)-micBuffer:])
	}
}

// stop ends the speech; the first reason counts.
func (m *mic) stop(why string) {
	m.mu.Lock()
	if !m.over {
		m.over, m.why = true, why
		close(m.stopped)
	}
	m.mu.Unlock()
	m.cancel()
}

func (m *mic) ended() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.over
}

func (m *mic) reason() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.why
}

// read is called by the player: it never waits. A pause of the speaker, or of the
// line, is silence.
func (m *mic) read(pcm []int16) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.started {
		m.started = true
		close(m.begun)
	}
	if m.over && m.why != "" {
		return 0, loa.Errorf(loa.Unavailable, m.why)
	}
	if m.at >= m.most || m.over && len(m.heard) == 0 {
		return 0, io.EOF
	}
	n := len(pcm)
	if m.at < prefixFor {
		for i := range pcm {
			at := float64(m.at + int64(i))
			pcm[i] = int16(8000 * math.Sin(2*math.Pi*prefixTone*at/Rate) * min(1, at/1600, (prefixFor-at)/1600))
		}
	} else {
		n = copy(pcm, m.heard)
		m.heard = m.heard[n:]
		clear(pcm[n:])
		n = len(pcm)
	}
	m.keep(pcm[:n])
	m.at += int64(n)
	return n, nil
}

func (m *mic) keep(pcm []int16) {
	b := raw(pcm)
	m.sum.Write(b)
	if m.file == nil {
		return
	}
	if _, err := m.file.WriteAt(b, wavHeader+m.at*2); err != nil {
		_ = m.file.Close() // the disk takes no more; the hash goes on
		m.file = nil
	}
}

// rewind is called when an emergency interrupts: the speech is over, not to be
// gone on with in the middle of a word.
func (m *mic) rewind() { m.stop("mic.interrupted") }

func (m *mic) left() int64 { return 0 }

// close ends the file. It is called once, by the player or before it.
func (m *mic) close() {
	m.stop("")
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file != nil {
		_, err := m.file.WriteAt(wavHead(uint32(m.at*2)), 0) // ten minutes
		_ = errors.Join(err, m.file.Sync(), m.file.Close())  // a speech is no record: its hash in the receipt is
	}
}

// hash names what sounded: the SHA-256 of its samples.
func (m *mic) hash() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return hex.EncodeToString(m.sum.Sum(nil))
}

// forgetSpeeches removes the oldest speeches until at most limit bytes are left.
func (k *keep) forgetSpeeches(limit int64) error {
	list, err := k.disk.list("mic")
	if err != nil {
		return fmt.Errorf("list speeches: %w", err)
	}
	slices.SortFunc(list, func(a, b os.FileInfo) int { return strings.Compare(a.Name(), b.Name()) }) // ids rise
	total := int64(0)
	for _, f := range list {
		total += f.Size()
	}
	for _, f := range list {
		if total <= limit {
			return nil
		}
		if err := k.disk.remove("mic/" + f.Name()); err != nil {
			return fmt.Errorf("forget a speech: %w", err)
		}
		total -= f.Size()
	}
	return nil
}
