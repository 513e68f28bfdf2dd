package voice

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"loa"
)

// Engine turns words into sound. The text has been through Normalizer.Speak;
// the sound is a complete WAV file of whatever rate the engine has.
type Engine interface {
	// Name tells one engine, and one voice model of it, from another: sounds
	// are kept under it.
	Name() string
	// Models are its voices; the first of an accent is the usual one.
	Models() []Model
	// Say speaks text. It gives up when ctx ends.
	Say(ctx context.Context, text string, v Voice) (Speech, error)
}

// Speech is a text as an engine said it.
type Speech struct {
	WAV []byte
	By  string // the engine that spoke: not always the one that was asked
}

// Model is one voice of an engine.
type Model struct {
	Name   string // as the engine calls it; "" where an accent has one voice
	Title  string // as people call it
	Accent string // "north", "central" or "south"
	Sex    string // "female", "male"; "" is a machine's
}

// Voice is how a text is spoken. The zero value is northern at DefaultSpeed.
type Voice struct {
	Name           string // one of the engine's models; "" is the accent's usual one
	Accent         string // "north", "central" or "south"; "" is north
	WordsPerMinute int    // MinSpeed to MaxSpeed; 0 is DefaultSpeed
}

// Speeds in words (Vietnamese syllables) per minute. 140 is a calm newsreader,
// 120 what old people ask for; outside the bounds nobody follows out of doors.
const (
	DefaultSpeed = 140
	MinSpeed     = 80
	MaxSpeed     = 220
)

// checked fills what is left out and refuses what no engine has.
// Errors: voice.accent, voice.speed.
func (v Voice) checked() (Voice, error) {
	if v.Accent == "" {
		v.Accent = "north"
	}
	if v.WordsPerMinute == 0 {
		v.WordsPerMinute = DefaultSpeed
	}
	switch v.Accent {
	case "north", "central", "south":
	default:
		return v, loa.Errorf(loa.Invalid, "voice.accent", v.Accent)
	}
	if v.WordsPerMinute < MinSpeed || v.WordsPerMinute > MaxSpeed {
		return v, loa.Errorf(loa.Invalid, "voice.speed", v.WordsPerMinute, MinSpeed, MaxSpeed)
	}
	return v, nil
}

// of is checked against the voices an engine has: a name fixes the accent.
// Errors: voice.name, and those of checked.
func (v Voice) of(models []Model) (Voice, Model, error) {
	v, err := v.checked()
	if err != nil {
		return v, Model{}, err
	}
	for _, m := range models {
		if v.Name != "" && m.Name == v.Name || v.Name == "" && m.Accent == v.Accent {
			v.Name, v.Accent = m.Name, m.Accent
			return v, m, nil
		}
	}
	return v, Model{}, loa.Errorf(loa.Invalid, "voice.name", loa.Clip(v.Name))
}

const (
	// defaultTimeout bounds one speaking: an engine that needs longer for six
	// minutes of speech hangs.
	defaultTimeout = 2 * time.Minute
	// maxWAV bounds the sound of one text: half an hour at 22,050 Hz.
	maxWAV = 80 << 20
	// patience is how long an ended process may keep its pipes open.
	patience = 2 * time.Second
)

// speak has a program say each chunk of a text, and joins the sounds.
func speak(ctx context.Context, timeout time.Duration, name, path string, args []string, text string, limit int) (Speech, error) {
	chunks := Chunks(text, limit)
	if len(chunks) == 0 {
		return Speech{}, loa.Errorf(loa.Invalid, "text.empty")
	}
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout) // for all of them together
	defer cancel()
	sounds := make([][]byte, len(chunks))
	for i, c := range chunks {
		var err error
		if sounds[i], err = run(ctx, name, path, args, c.Text); err != nil {
			return Speech{}, err
		}
	}
	wav, err := join(chunks, sounds)
	switch {
	case errors.Is(err, errTooLong):
		return Speech{}, loa.Errorf(loa.Invalid, "voice.too_long", name)
	case err != nil:
		return Speech{}, loa.Errorf(loa.Unavailable, "voice.not_wav", name).Because(err)
	}
	return Speech{wav, name}, nil
}

// run gives text to a program on its standard input and takes WAV from its
// standard output. The program sees nothing of this process's environment but
// where to find programs and its home, so no secret travels.
// Errors: voice.engine_missing, voice.timeout, voice.failed, voice.too_long.
func run(ctx context.Context, name, path string, args []string, text string) ([]byte, error) {
	found, err := exec.LookPath(path)
	if err != nil {
		return nil, loa.Errorf(loa.Unavailable, "voice.engine_missing", name).Because(err)
	}
	sound, complaint := &limited{max: maxWAV}, &limited{max: 4096, cut: true}
	cmd := exec.CommandContext(ctx, found, args...)
	cmd.Stdin = strings.NewReader(text + "\n") // some programs speak line by line
	cmd.Stdout, cmd.Stderr = sound, complaint
	cmd.WaitDelay = patience
	cmd.Env = []string{"LANG=C.UTF-8", "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, loa.Errorf(loa.Unavailable, "voice.timeout", name).Because(ctx.Err())
	case sound.full:
		return nil, loa.Errorf(loa.Invalid, "voice.too_long", name)
	case err != nil:
		return nil, loa.Errorf(loa.Unavailable, "voice.failed", name).
			Because(fmt.Errorf("run %s: %w: %s", found, err, strings.TrimSpace(string(complaint.kept))))
	}
	return sound.kept, nil
}

var errTooLong = errors.New("output too long")

// limited keeps what is written up to max bytes, then refuses, or drops the
// rest if cut. It is no bytes.Buffer inside out: that would be filled through
// ReadFrom, past every limit.
type limited struct {
	kept []byte
	max  int
	cut  bool
	full bool // something did not fit
}

// Write keeps p as far as there is room.
func (l *limited) Write(p []byte) (int, error) {
	room := l.max - len(l.kept)
	l.full = l.full || len(p) > room
	if l.full && !l.cut {
		return 0, errTooLong
	}
	l.kept = append(l.kept, p[:min(len(p), room)]...)
	return len(p), nil
}

// fixWAV checks that b is a RIFF WAVE file with sound in it and writes the true
// lengths into its headers: a program that writes to a pipe cannot go back to
// fill them in (espeak-ng leaves 0x7ffff000). What follows the sound is cut.
func fixWAV(b []byte) ([]byte, error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, errors.New("no RIFF WAVE header")
	}
	format := false
	for at := 12; at+8 <= len(b); {
		id, size := string(b[at:at+4]), int64(binary.LittleEndian.Uint32(b[at+4:]))
		body := at + 8
		switch id {
		case "fmt ":
			if size < 16 || body+16 > len(b) {
				return nil, errors.New("format chunk too short")
			}
			format = true
		case "data":
			end := min(int64(body)+size, int64(len(b)))
			if !format || end == int64(body) {
				return nil, errors.New("no format or no sound")
			}
			b = bytes.Clone(b[:end])
			binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
			binary.LittleEndian.PutUint32(b[at+4:], uint32(len(b)-body))
			return b, nil
		}
		next := int64(body) + size + size&1
		if next > int64(len(b)) {
			break
		}
		at = int(next)
	}
	return nil, errors.New("no data chunk")
}
