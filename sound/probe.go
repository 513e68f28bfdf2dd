package sound

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"loa"
	"loa/sandbox"
)

// Report is what a machine gives to sound, for loa doctor.
type Report struct {
	FFmpeg      string // its version, "" when it is missing
	MP3         bool   // it has libmp3lame
	Seccomp     bool   // uploads can be taken
	LandlockABI int    // 0 when the kernel has none
}

// Finding is a sentence of a report: a key of package lang and its arguments.
type Finding struct {
	OK   bool
	Key  string
	Args []any
}

// Probe runs ffmpeg in the sandbox, as an upload would, and reports. What is
// missing is in the report; an error is a probe that could not be made.
func Probe(ctx context.Context, e Encoder) (r Report, err error) {
	dir, err := os.MkdirTemp(e.Dir, "sound-")
	if err != nil {
		return Report{}, fmt.Errorf("make job folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	r = Report{LandlockABI: sandbox.LandlockABI(), Seccomp: true}
	j := job{Dir: dir}
	version, err := e.ffmpeg(ctx, j, "-version")
	if errors.Is(err, loa.Errorf(loa.Unavailable, "sandbox.none")) {
		r.Seccomp, j.Trusted = false, true
		version, err = e.ffmpeg(ctx, j, "-version")
	}
	if errors.Is(err, loa.Errorf(loa.Unavailable, "sound.no_ffmpeg")) {
		return Report{LandlockABI: r.LandlockABI}, nil // nothing to try the rest with
	}
	if err != nil {
		return Report{}, fmt.Errorf("ask ffmpeg its version: %w", err)
	}
	// "ffmpeg version 5.1.9-0+deb12u1 Copyright …"
	if words := strings.Fields(version); len(words) > 2 && words[1] == "version" {
		r.FFmpeg = words[2]
	}
	encoders, err := e.ffmpeg(ctx, j, "-encoders")
	if err != nil {
		return Report{}, fmt.Errorf("ask ffmpeg its encoders: %w", err)
	}
	r.MP3 = strings.Contains(encoders, " libmp3lame ")
	return r, nil
}

// Findings says the report in sentences.
func (r Report) Findings() []Finding {
	var all []Finding
	say := func(ok bool, good, bad string, args ...any) {
		if ok {
			all = append(all, Finding{OK: true, Key: good, Args: args})
			return
		}
		all = append(all, Finding{Key: bad})
	}
	say(r.FFmpeg != "", "sound.has_ffmpeg", "sound.no_ffmpeg", r.FFmpeg)
	if r.FFmpeg != "" {
		say(r.MP3, "sound.has_mp3", "sound.no_mp3")
		say(r.Seccomp, "sound.has_seccomp", "sound.no_seccomp")
	}
	say(r.LandlockABI > 0, "sound.has_landlock", "sound.no_landlock", r.LandlockABI)
	return all
}
