package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"loa"
	"loa/edge"
	"loa/speaker"
)

// horn is a demonstration's loudspeaker: it takes real time like a sound card
// and lets a visitor hear exactly the samples the agent wrote.
type horn struct {
	edge.Silent
	Pole speaker.Pole
	dir  string

	mu        sync.Mutex
	listeners map[chan []byte]struct{}
	clip      []byte // what is sounding now
	quiet     int    // samples of silence since
	clips     []clip
}

// clip is something that sounded, from its first sample to its last.
type clip struct {
	At   time.Time
	File string
	Secs float64
}

const (
	clipEnds = 3 * edge.Rate       // samples of silence that end a clip
	clipMax  = 300 * edge.Rate * 2 // bytes
	clipKeep = 6
)

func newHorn(p speaker.Pole, dir string) *horn {
	return &horn{Silent: edge.Silent{Clock: loa.WallClock{}}, Pole: p, dir: dir, listeners: map[chan []byte]struct{}{}}
}

// Write lets the samples pass, then takes as long as they sound.
func (h *horn) Write(pcm []int16) error {
	raw := make([]byte, 0, 2*len(pcm))
	loud := false
	for _, s := range pcm {
		loud = loud || s != 0
		raw = binary.LittleEndian.AppendUint16(raw, uint16(s)) // the bits of a sample
	}
	return errors.Join(h.hear(raw, loud), h.Silent.Write(pcm))
}

func (h *horn) hear(raw []byte, loud bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.listeners {
		select {
		case l <- raw:
		default: // a slow listener misses some
		}
	}
	if loud {
		h.quiet = 0
	} else {
		h.quiet += len(raw) / 2
	}
	if len(h.clip) == 0 && !loud {
		return nil
	}
	h.clip = append(h.clip, raw...)
	if h.quiet < clipEnds && len(h.clip) < clipMax {
		return nil
	}
	return h.endClip()
}

// endClip writes what sounded as a WAV file and forgets the oldest.
func (h *horn) endClip() error {
	body := h.clip[:max(0, len(h.clip)-2*h.quiet)]
	h.clip = nil
	now := h.Clock.Now()
	c := clip{At: now.Add(-time.Duration(len(body)/2+h.quiet) * time.Second / edge.Rate),
		File: filepath.Join(h.dir, fmt.Sprintf("clip-%d.wav", now.UnixMilli())), Secs: float64(len(body)) / 2 / edge.Rate}
	if err := os.WriteFile(c.File, append(wavHeader(len(body)), body...), 0o600); err != nil {
		return fmt.Errorf("keep what sounded: %w", err)
	}
	h.clips = append(h.clips, c)
	if len(h.clips) > clipKeep {
		old := h.clips[0]
		h.clips = slices.Delete(h.clips, 0, 1)
		return os.Remove(old.File)
	}
	return nil
}

// listen gives the samples from now on, until stop.
func (h *horn) listen() (samples <-chan []byte, stop func()) {
	l := make(chan []byte, 256)
	h.mu.Lock()
	h.listeners[l] = struct{}{}
	h.mu.Unlock()
	return l, func() {
		h.mu.Lock()
		delete(h.listeners, l)
		h.mu.Unlock()
	}
}

// state says whether the horn sounds now and what sounded before, newest first.
func (h *horn) state() (sounding bool, clips []clip) {
	h.mu.Lock()
	defer h.mu.Unlock()
	clips = slices.Clone(h.clips)
	slices.Reverse(clips)
	return len(h.clip) > 0, clips
}

// wavHeader begins a WAV of n bytes of mono 16-bit samples; n < 0 for a stream
// without an end.
func wavHeader(n int) []byte {
	size := uint32(0xFFFFFFFF)
	riff := size
	if n >= 0 {
		size, riff = uint32(n), uint32(n+36) // at most clipMax
	}
	b := append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, riff)...)
	b = append(b, "WAVEfmt "...)
	for _, v := range []uint32{16, 1 | 1<<16, edge.Rate, edge.Rate * 2, 2 | 16<<16} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	b = append(b, "data"...)
	return binary.LittleEndian.AppendUint32(b, size)
}
