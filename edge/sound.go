package edge

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

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

// Open makes an output from its name: "aplay", "aplay:hw:0", "command:program with
// arguments", "wav:/file" or "silent" (real time without a sound).
func Open(spec string) (Output, error) {
	kind, rest, _ := strings.Cut(spec, ":")
	switch {
	case kind == "aplay":
		return aplay(rest), nil
	case kind == "command" && strings.TrimSpace(rest) != "":
		return &Program{Args: strings.Fields(rest), Clock: loa.WallClock{}}, nil
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
	if _, err := w.file.WriteAt(wavHead(data), 0); err != nil {
		return fmt.Errorf("write wav header: %w", err)
	}
	return nil
}

// wavHead is the head of a RIFF WAVE file with so many bytes of samples.
func wavHead(data uint32) []byte {
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), data+wavHeader-8)
	b = binary.LittleEndian.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = append(b, 1, 0, 1, 0) // PCM, one channel
	b = binary.LittleEndian.AppendUint32(b, Rate)
	b = binary.LittleEndian.AppendUint32(b, Rate*2)
	b = append(b, 2, 0, 16, 0) // bytes and bits of a sample
	return binary.LittleEndian.AppendUint32(append(b, "data"...), data)
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
	_ Output = (*Program)(nil)
)
