package sound

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"loa"
	"loa/sandbox"
	"loa/wire"
)

// Encoder makes canonical sounds with ffmpeg inside the sandbox.
type Encoder struct {
	FFmpeg string // the program, a name to find or a path; "" is "ffmpeg"
	Dir    string // where job folders are made and removed again, an absolute path; "" is the system's
	Self   string // the executable whose "sandbox-exec" is sandbox.Main, an absolute path
}

// Result is a sound in the canonical form.
type Result struct {
	MP3      []byte
	Duration time.Duration // whole frames: what a speaker plays
	Before   Loudness      // of the source, as mono
	After    Loudness      // of MP3, measured after encoding
	Clipping Clipping      // of the source
}

// patience bounds one sound on the wall clock, for a child that waits instead
// of working (what works too long meets its limit of CPU seconds first).
const patience = 10 * time.Minute

// Canonical turns an upload into the canonical form. format is what Sniff
// said; bytes that say otherwise are refused. All bytes are hostile: without
// the whole sandbox nothing is decoded (sandbox.none). A person's mistakes
// are those of Sniff, sound.no_track (a film without sound), sound.damaged,
// sound.silent, sound.clipped, sound.too_short and sound.too_long. The caller
// bounds the size of src.
func (e Encoder) Canonical(ctx context.Context, src []byte, format Format) (Result, error) {
	found, err := Sniff(src)
	if err != nil {
		return Result{}, err
	}
	if found != format {
		return Result{}, loa.Errorf(loa.Invalid, "sound.not_audio").
			Because(fmt.Errorf("said %q, is %q", format, found))
	}
	return e.make(ctx, job{Format: format}, src)
}

// Speech is Canonical for a WAV that this program's own speech engine wrote:
// where the machine has no seccomp it is still encoded, in as much of the
// sandbox as there is. Never pass it bytes that came from outside.
func (e Encoder) Speech(ctx context.Context, wav []byte) (Result, error) {
	return e.make(ctx, job{Format: WAV, Trusted: true}, wav)
}

// job is one sound on its way, in a folder of its own.
type job struct {
	Dir     string
	Format  Format
	Trusted bool // our own WAV: a sandbox with parts missing will do
}

func (e Encoder) make(ctx context.Context, j job, src []byte) (res Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	j.Dir, err = os.MkdirTemp(e.Dir, "sound-")
	if err != nil {
		return Result{}, fmt.Errorf("make job folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(j.Dir)) }()
	if err := os.WriteFile(filepath.Join(j.Dir, "source"), src, 0o600); err != nil {
		return Result{}, fmt.Errorf("write source: %w", err)
	}
	if err := e.decode(ctx, j); err != nil {
		return Result{}, err
	}
	res.Before, err = e.measure(ctx, j, WAV, "pcm")
	if err != nil {
		return Result{}, err
	}
	if res.Before.IntegratedLUFS < quietest {
		return Result{}, loa.Errorf(loa.Invalid, "sound.silent")
	}
	if err := j.listen(&res); err != nil {
		return Result{}, err
	}
	if res.After, err = e.level(ctx, j, res.Before); err != nil {
		return Result{}, err
	}
	res.MP3, err = os.ReadFile(filepath.Join(j.Dir, "mp3"))
	if err != nil {
		return Result{}, fmt.Errorf("read result: %w", err)
	}
	frames, err := wire.CheckFrames(res.MP3)
	if err != nil {
		return Result{}, fmt.Errorf("encode: %w", err)
	}
	res.Duration = time.Duration(frames) * wire.FrameDuration
	return res, nil
}

// decode is the only step that meets the source's own bytes: it leaves "pcm",
// a mono 32 kHz 16-bit WAV, whose size is then the length of the sound.
func (e Encoder) decode(ctx context.Context, j job) error {
	const (
		header = 128                       // bytes at most, less than 2 ms
		tooFar = MaxDuration + time.Second // a second of grace for encoders that pad
		second = int64(sampleRate * 2)     // bytes
	)
	args := append(inputArgs(j.Format, "source"), "-map", "0:a:0", "-map_metadata", "-1",
		"-t", fmt.Sprint(int(tooFar/time.Second)),
		"-ac", "1", "-ar", fmt.Sprint(sampleRate), "-c:a", "pcm_s16le", "-f", "wav", "file:pcm")
	if _, err := e.ffmpeg(ctx, j, args...); err != nil {
		return damaged(err)
	}
	info, err := os.Stat(filepath.Join(j.Dir, "pcm"))
	if err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	switch size := info.Size(); {
	case size <= header:
		return loa.Errorf(loa.Invalid, "sound.silent")
	case size >= int64(tooFar/time.Second)*second:
		return loa.Errorf(loa.Invalid, "sound.too_long", int(MaxDuration/time.Minute))
	}
	return nil
}

// damaged blames the source when ffmpeg ran and failed or met a limit;
// everything else is the machine's fault.
func damaged(err error) error {
	failed, ok := errors.AsType[sandbox.FailedError](err)
	switch {
	case !ok:
		return fmt.Errorf("decode: %w", err)
	case strings.Contains(failed.Log, "matches no streams"):
		return loa.Errorf(loa.Invalid, "sound.no_track").Because(failed)
	}
	return loa.Errorf(loa.Invalid, "sound.damaged").Because(failed)
}

// listen refuses a person's recording that nobody could use, and notes where it
// rasps.
func (j job) listen(res *Result) error {
	wav, err := os.ReadFile(filepath.Join(j.Dir, "pcm"))
	if err != nil {
		return fmt.Errorf("read sound: %w", err)
	}
	if res.Clipping, err = findClipping(wav); err != nil {
		return err
	}
	long := time.Duration(len(wav)/2) * time.Second / sampleRate
	switch c := res.Clipping; {
	case j.Trusted:
		return nil
	case long < MinDuration-50*time.Millisecond: // encoders trim a little
		return loa.Errorf(loa.Invalid, "sound.too_short", int(MinDuration/time.Second))
	case c.Heavy(long):
		return loa.Errorf(loa.Invalid, "sound.clipped", max(1, int(100*c.Share)), clock(c.Worst))
	}
	return nil
}

// clock is a place in a sound as a player shows it, "2:05".
func clock(d time.Duration) string {
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

// level encodes "pcm" into "mp3" at the target loudness and measures the
// result, again until both the loudness and the true peak hold: limiting
// costs loudness and encoding adds peak, and only a measurement says how much.
//
// The gain is constant over a sound and a limiter takes what would pass the
// peak, because ffmpeg's loudnorm, measured, misses the target by 2 LU for our
// own synthetic speech and by 20 LU for anything under three seconds.
func (e Encoder) level(ctx context.Context, j job, before Loudness) (Loudness, error) {
	s := firstSetting(before)
	for round := range rounds {
		if err := e.encode(ctx, j, s); err != nil {
			return Loudness{}, err
		}
		after, err := e.measure(ctx, j, MP3, "mp3")
		if err != nil {
			return Loudness{}, err
		}
		next, done := s.next(round, before, after)
		if done {
			return after, nil
		}
		s = next
	}
	return Loudness{}, fmt.Errorf("level: true peak above the limit after %d rounds", rounds)
}

// encode writes "pcm" with this setting as "mp3". The limiter works at four
// times the rate, so that it sees true peaks.
func (e Encoder) encode(ctx context.Context, j job, s setting) error {
	filter := fmt.Sprintf("volume=%.2fdB,aresample=%d,alimiter=limit=%.4f:level=0:attack=2:release=50,aresample=%d",
		s.gain, 4*sampleRate, math.Pow(10, s.ceiling/20), sampleRate)
	args := append(inputArgs(WAV, "pcm"), "-af", filter)
	args = append(args, canonicalArgs()...)
	if _, err := e.ffmpeg(ctx, j, append(args, "file:mp3")...); err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return nil
}

// measure measures a file of the job.
func (e Encoder) measure(ctx context.Context, j job, format Format, name string) (Loudness, error) {
	log, err := e.ffmpeg(ctx, j, append(inputArgs(format, name), "-af", meter, "-f", "null", "-")...)
	if err != nil {
		return Loudness{}, fmt.Errorf("measure: %w", err)
	}
	return readLoudness(log)
}

// ffmpeg runs ffmpeg in the job's folder and returns the end of what it wrote.
// One thread each for decoding, filtering and encoding: more would spend the
// limits on stacks.
func (e Encoder) ffmpeg(ctx context.Context, j job, args ...string) (log string, err error) {
	name := e.FFmpeg
	if name == "" {
		name = "ffmpeg"
	}
	log, err = sandbox.Box{Self: e.Self, Dir: j.Dir, Trusted: j.Trusted}.Run(ctx, name,
		append([]string{"-hide_banner", "-nostdin", "-nostats", "-y", "-filter_threads", "1"}, args...)...)
	if errors.Is(err, sandbox.ErrMissing) {
		return "", loa.Errorf(loa.Unavailable, "sound.no_ffmpeg").Because(err)
	}
	return log, err
}

// inputArgs open a file of the job: this demuxer, these decoders, sound only,
// and no protocol that could fetch anything.
func inputArgs(format Format, name string) []string {
	return []string{
		"-protocol_whitelist", "file,pipe", "-codec_whitelist", decoders, "-threads", "1", "-vn", "-sn", "-dn",
		"-f", string(format), "-i", "file:" + name,
	}
}
