package edge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"loa"
)

// Rate is samples per second, the rate of the canonical sound: mono, 16 bits.
const Rate = 32_000

// Output is where samples leave the program. It stays open for the life of the
// agent and is fed silence between bulletins, so that the place of a sample in
// the stream is its time.
type Output interface {
	// Write takes mono samples at Rate and blocks as long as they take to sound.
	Write(pcm []int16) error
	// Delay is how long the next sample written will wait before it sounds.
	Delay() time.Duration
	Close() error
}

// Open makes an output from its name: "aplay", "aplay:hw:0", "wav:/file" or
// "silent" (real time without a sound).
func Open(spec string) (Output, error) {
	kind, rest, _ := strings.Cut(spec, ":")
	switch {
	case kind == "aplay":
		return &Aplay{Device: rest}, nil
	case kind == "wav" && rest != "":
		return &WAV{Path: rest, Clock: loa.WallClock{}}, nil
	case spec == "silent":
		return &Silent{Clock: loa.WallClock{}}, nil
	}
	return nil, loa.Errorf(loa.Invalid, "output.unknown", spec)
}

// lead is how far ahead of its sound a paced output takes a sample: enough to
// ride over a busy machine, short enough that a stop is heard at once.
const lead = 60 * time.Millisecond

// pace makes writing take as long as sounding does.
type pace struct{ next time.Time }

func (p *pace) wait(c loa.Clock, samples int) {
	now := c.Now()
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(samples) * time.Second / Rate)
	if d := p.next.Sub(now) - lead; d > 0 {
		<-c.After(d)
	}
}

func (p *pace) delay(c loa.Clock) time.Duration { return max(0, p.next.Sub(c.Now())) }

// Silent passes samples on to nobody, in real time: a speaker without a horn.
type Silent struct {
	Clock loa.Clock
	pace  pace
}

// Write waits as long as the samples take.
func (s *Silent) Write(pcm []int16) error { s.pace.wait(s.Clock, len(pcm)); return nil }

// Delay is how far ahead the stream is.
func (s *Silent) Delay() time.Duration { return s.pace.delay(s.Clock) }

// Close does nothing.
func (s *Silent) Close() error { return nil }

const wavHeader = 44

// WAV writes the stream to a RIFF WAVE file in real time. The header gets its
// lengths on Close; until then they say "as much as there is".
type WAV struct {
	Path  string
	Clock loa.Clock
	file  *os.File
	bytes int64
	pace  pace
}

// Write appends samples and waits as long as they take.
func (w *WAV) Write(pcm []int16) error {
	if w.file == nil {
		f, err := os.Create(w.Path)
		if err != nil {
			return fmt.Errorf("open wav: %w", err)
		}
		w.file = f
		if err := w.header(math.MaxUint32 - wavHeader); err != nil {
			return err
		}
	}
	if w.bytes+int64(len(pcm))*2 > math.MaxUint32-wavHeader {
		return errors.New("write wav: the file is as long as the format allows")
	}
	b := raw(pcm)
	if _, err := w.file.WriteAt(b, wavHeader+w.bytes); err != nil {
		return fmt.Errorf("write wav: %w", err)
	}
	w.bytes += int64(len(b))
	w.pace.wait(w.Clock, len(pcm))
	return nil
}

func (w *WAV) header(data uint32) error {
	var b bytes.Buffer
	b.WriteString("RIFF")
	for _, v := range []any{
		data + wavHeader - 8, [8]byte([]byte("WAVEfmt ")), uint32(16), uint16(1), uint16(1),
		uint32(Rate), uint32(Rate * 2), uint16(2), uint16(16), [4]byte([]byte("data")), data,
	} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			return fmt.Errorf("write wav header: %w", err)
		}
	}
	if _, err := w.file.WriteAt(b.Bytes(), 0); err != nil {
		return fmt.Errorf("write wav header: %w", err)
	}
	return nil
}

// Delay is how far ahead of the clock the file is.
func (w *WAV) Delay() time.Duration { return w.pace.delay(w.Clock) }

// Close puts the lengths into the header.
func (w *WAV) Close() error {
	if w.file == nil {
		return nil
	}
	return errors.Join(w.header(uint32(w.bytes)), w.file.Close())
}

// alsaBuffer is what aplay is told to keep between itself and the card.
const alsaBuffer = 200 * time.Millisecond

// Aplay sounds through ALSA by the program aplay, which every small Linux has.
// It is started with the first samples and again after it died.
type Aplay struct {
	Device string // an ALSA name such as "hw:0", "" for the default
	cmd    *exec.Cmd
	pipe   *os.File
}

// Write feeds the program; it blocks while pipe and card are full.
func (a *Aplay) Write(pcm []int16) error {
	if a.pipe == nil {
		if err := a.start(); err != nil {
			return err
		}
	}
	if _, err := a.pipe.Write(raw(pcm)); err != nil {
		return errors.Join(fmt.Errorf("write to aplay: %w", err), a.Close())
	}
	return nil
}

func (a *Aplay) start() error {
	args := []string{"-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", fmt.Sprint(Rate),
		fmt.Sprintf("--buffer-time=%d", alsaBuffer.Microseconds())}
	if a.Device != "" {
		args = append(args, "-D", a.Device)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start aplay: %w", err)
	}
	// A pipe holds a second of sound unless told otherwise; a stop must not wait for it.
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, os.Getpagesize()); err != nil {
		return errors.Join(fmt.Errorf("start aplay: %w", err), r.Close(), w.Close())
	}
	cmd := exec.Command("aplay", args...) //nolint:noctx // it lives as long as the output, Close ends it
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("start aplay: %w", err), r.Close(), w.Close())
	}
	a.cmd, a.pipe = cmd, w
	return r.Close()
}

// Delay is what waits in the pipe and what the card holds.
func (a *Aplay) Delay() time.Duration {
	if a.pipe == nil {
		return alsaBuffer
	}
	n, err := unix.IoctlGetInt(int(a.pipe.Fd()), unix.TIOCINQ) // FIONREAD
	if err != nil {
		n = 0
	}
	return alsaBuffer + time.Duration(n/2)*time.Second/Rate
}

// Close ends the program. The next Write starts it again.
func (a *Aplay) Close() error {
	if a.pipe == nil {
		return nil
	}
	err := a.pipe.Close()
	err = errors.Join(err, a.cmd.Process.Kill())
	_ = a.cmd.Wait() // it was told to end; how it says so does not matter
	a.cmd, a.pipe = nil, nil
	return err
}

func raw(pcm []int16) []byte {
	b := make([]byte, 0, len(pcm)*2)
	for _, s := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}

var (
	_ Output = (*Silent)(nil)
	_ Output = (*WAV)(nil)
	_ Output = (*Aplay)(nil)
)
