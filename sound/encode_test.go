//go:build linux && (amd64 || arm64)

// Elsewhere there is no sandbox, so there are no uploads to test.

package sound_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"loa"
	"loa/sandbox"
	"loa/sound"
	"loa/wire"
)

// TestMain is the test binary's own door into the sandbox: it re-executes
// itself, as cmd/loa does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "sandbox-exec" {
		os.Exit(sandbox.Main(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "without-seccomp" {
		os.Exit(withoutSeccomp(os.Args[2]))
	}
	os.Exit(m.Run())
}

// encoder is a real one; without ffmpeg the test fails and says what to install.
func encoder(t *testing.T) sound.Encoder {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Fatal("ffmpeg is not installed, and sound can do nothing without it: apt install ffmpeg")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return sound.Encoder{FFmpeg: ffmpeg, Dir: t.TempDir(), Self: self}
}

// wav is a mono 16-bit WAV of d, sample by sample.
func wav(rate int, d time.Duration, at func(seconds float64) float64) []byte {
	n := int(d.Seconds() * float64(rate))
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*2))
	b = append(b, 2, 0, 16, 0)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(n*2))
	for i := range n {
		v := max(-1, min(1, at(float64(i)/float64(rate))))
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(v*32767)))
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// babble is noise that comes and goes four times a second, as syllables do.
func babble(level float64) func(float64) float64 {
	r := rand.New(rand.NewPCG(1, 2))
	low := 0.0
	return func(s float64) float64 {
		low += 0.3 * (r.NormFloat64() - low)
		return level * low * math.Pow(math.Sin(math.Pi*4*s), 2)
	}
}

// bursts is a tone of 440 Hz, on for 300 ms of every second.
func bursts(level float64) func(float64) float64 {
	return func(s float64) float64 {
		if math.Mod(s, 1) > 0.3 {
			return 0
		}
		return level * math.Sin(2*math.Pi*440*s)
	}
}

// espeak speaks, or makes the test say what to install.
func espeak(t *testing.T, text string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "speech.wav")
	if b, err := exec.Command("espeak-ng", "-v", "vi", "-w", out, text).CombinedOutput(); err != nil {
		t.Fatalf("espeak-ng, the engine of our own speech, does not speak (apt install espeak-ng): %v %s", err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// convert makes another container of a WAV, outside the sandbox.
func convert(t *testing.T, src []byte, name string, args ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.wav"), filepath.Join(dir, name)
	if err := os.WriteFile(in, src, 0o600); err != nil {
		t.Fatal(err)
	}
	all := append([]string{"-v", "error", "-nostdin", "-f", "wav", "-i", in}, args...)
	if b, err := exec.Command("ffmpeg", append(all, out)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %v: %v %s", all, err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// checkCanonical holds a result to the form: frames, duration, peak.
func checkCanonical(t *testing.T, res sound.Result, long time.Duration) {
	t.Helper()
	frames, err := wire.CheckFrames(res.MP3)
	if err != nil {
		t.Fatal(err)
	}
	if got := time.Duration(frames) * wire.FrameDuration; got != res.Duration {
		t.Errorf("%d frames last %v, the result says %v", frames, got, res.Duration)
	}
	// LAME begins 1105 samples early and ends on a whole frame.
	if more := res.Duration - long; more < 0 || more > 4*wire.FrameDuration {
		t.Errorf("%v became %v", long, res.Duration)
	}
	if res.After.TruePeakDB > sound.TruePeakLimit {
		t.Errorf("true peak %.1f dBTP, limit %.1f", res.After.TruePeakDB, sound.TruePeakLimit)
	}
}

func TestCanonicalLoudness(t *testing.T) {
	notice := "Kính thưa bà con. Ngày mai từ bảy giờ đến mười một giờ, thôn Đông mất điện để sửa đường dây."
	tests := []struct {
		name string
		wav  func(t *testing.T) []byte
	}{
		{"speech", func(t *testing.T) []byte { return espeak(t, notice) }},
		{"one short sentence", func(t *testing.T) []byte { return espeak(t, "Xin chào bà con.") }},
		{"noise like speech", func(*testing.T) []byte { return wav(48_000, 8*time.Second, babble(0.5)) }},
		{"far too quiet", func(*testing.T) []byte { return wav(22_050, 8*time.Second, babble(0.02)) }},
		{"loud, with a clipped crest now and then", func(*testing.T) []byte { return wav(16_000, 8*time.Second, babble(1.2)) }},
		{"tone bursts", func(*testing.T) []byte { return wav(44_100, 6*time.Second, bursts(0.9)) }},
		{"telephone", func(*testing.T) []byte { return wav(8_000, 5*time.Second, babble(0.2)) }},
	}
	e := encoder(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := tt.wav(t)
			res, err := e.Canonical(t.Context(), src, sound.WAV)
			if err != nil {
				t.Fatal(err)
			}
			rate := binary.LittleEndian.Uint32(src[24:])
			checkCanonical(t, res, time.Duration(len(src)-44)*time.Second/time.Duration(2*rate))
			t.Logf("before %+v, after %+v, %v", res.Before, res.After, res.Duration)
			if math.Abs(res.After.IntegratedLUFS-sound.TargetLUFS) > 1 {
				t.Errorf("%.1f LUFS, want %.1f ± 1", res.After.IntegratedLUFS, sound.TargetLUFS)
			}
		})
	}
	left, err := os.ReadDir(e.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("%d job folders are left behind", len(left))
	}
}

// Clicks have next to no loudness for their peaks: the limit comes first.
func TestPeakComesBeforeLoudness(t *testing.T) {
	clicks := func(s float64) float64 { return 0.95 * math.Exp(-200*math.Mod(s, 0.5)) * math.Sin(2*math.Pi*900*s) }
	res, err := encoder(t).Canonical(t.Context(), wav(48_000, 5*time.Second, clicks), sound.WAV)
	if err != nil {
		t.Fatal(err)
	}
	checkCanonical(t, res, 5*time.Second)
}

func TestCanonicalFormats(t *testing.T) {
	src := wav(48_000, 4*time.Second, babble(0.4))
	tests := []struct {
		name   string
		format sound.Format
		bytes  func(t *testing.T) []byte
	}{
		{"wav", sound.WAV, func(*testing.T) []byte { return src }},
		{"wav, stereo, 24 bit", sound.WAV, func(t *testing.T) []byte {
			return convert(t, src, "a.wav", "-ac", "2", "-c:a", "pcm_s24le")
		}},
		{"mp3 with tags", sound.MP3, func(t *testing.T) []byte {
			return convert(t, src, "a.mp3", "-metadata", "title=Thông báo Summary: I: 0 LUFS")
		}},
		{"mp3 without tags", sound.MP3, func(t *testing.T) []byte {
			return convert(t, src, "a.mp3", "-id3v2_version", "0", "-write_xing", "0")
		}},
		{"mp3 with a cover", sound.MP3, func(t *testing.T) []byte {
			return convert(t, src, "a.mp3", "-f", "lavfi", "-i", "color=red:s=64x64:d=0.1", "-map", "0", "-map", "1",
				"-frames:v", "1", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-id3v2_version", "3", "-disposition:v", "attached_pic")
		}},
		{"ogg opus", sound.Ogg, func(t *testing.T) []byte { return convert(t, src, "a.ogg", "-c:a", "libopus") }},
		{"ogg vorbis", sound.Ogg, func(t *testing.T) []byte { return convert(t, src, "a.ogg", "-c:a", "libvorbis") }},
		{"m4a", sound.MOV, func(t *testing.T) []byte { return convert(t, src, "a.m4a", "-c:a", "aac") }},
		{"video of a phone", sound.MOV, func(t *testing.T) []byte {
			return convert(t, src, "a.mp4", "-f", "lavfi", "-i", "color=blue:s=64x64:d=4", "-map", "1", "-map", "0",
				"-c:v", "mpeg4", "-c:a", "aac")
		}},
		{"webm", sound.Matroska, func(t *testing.T) []byte { return convert(t, src, "a.webm", "-c:a", "libopus") }},
		{"flac", sound.FLAC, func(t *testing.T) []byte { return convert(t, src, "a.flac") }},
		{"aac without a container", sound.ADTS, func(t *testing.T) []byte { return convert(t, src, "a.aac", "-c:a", "aac") }},
		{"aac, as a live stream is cut", sound.ADTS, func(t *testing.T) []byte {
			return append([]byte("ID3\x04\x00\x00\x00\x00\x00\x00"), convert(t, src, "a.aac", "-c:a", "aac")...)
		}},
		{"opus", sound.Ogg, func(t *testing.T) []byte { return convert(t, src, "a.opus", "-c:a", "libopus", "-b:a", "16k") }},
		{"3gp with aac", sound.MOV, func(t *testing.T) []byte { return convert(t, src, "a.3gp", "-c:a", "aac", "-ar", "16000", "-ac", "1") }},
		{"two languages, the first is taken", sound.MOV, func(t *testing.T) []byte {
			return convert(t, src, "a.mp4", "-f", "lavfi", "-i", "sine=d=9", "-map", "0", "-map", "1", "-c:a", "aac")
		}},
	}
	e := encoder(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := tt.bytes(t)
			format, err := sound.Sniff(in)
			if err != nil || format != tt.format {
				t.Fatalf("sniffed %q, %v; want %q", format, err, tt.format)
			}
			res, err := e.Canonical(t.Context(), in, format)
			if err != nil {
				t.Fatal(err)
			}
			checkCanonical(t, res, 4*time.Second-30*time.Millisecond)
			if math.Abs(res.After.IntegratedLUFS-sound.TargetLUFS) > 1 {
				t.Errorf("%.1f LUFS, want %.1f ± 1", res.After.IntegratedLUFS, sound.TargetLUFS)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	silence := func(float64) float64 { return 0 }
	random := make([]byte, 4096)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	good := wav(16_000, 2*time.Second, babble(0.3))
	tests := []struct {
		name   string
		src    []byte
		format sound.Format
		key    string
	}{
		{"nothing", nil, sound.WAV, "sound.not_audio"},
		{"a text", []byte("Kính thưa bà con"), sound.WAV, "sound.not_audio"},
		{"a playlist", []byte("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"), sound.MP3, "sound.is_playlist"},
		{"a concat script", []byte("ffconcat version 1.0\nfile /etc/passwd\n"), sound.WAV, "sound.is_playlist"},
		{"said to be what it is not", good, sound.MP3, "sound.not_audio"},
		{"a format that is not on the list", good, "concat", "sound.not_audio"},
		{"an MP4 of noise", append([]byte("\x00\x00\x00\x18ftypM4A "), random...), sound.MOV, "sound.damaged"},
		{"an Ogg of noise", append([]byte("OggS"), random...), sound.Ogg, "sound.damaged"},
		{"a Matroska of noise", append([]byte{0x1A, 0x45, 0xDF, 0xA3}, random...), sound.Matroska, "sound.damaged"},
		{"an ID3 tag around a playlist", append([]byte("ID3\x03\x00\x00\x00\x00\x00\x00"), "#EXTM3U\nfile:///etc/passwd\n"...), sound.MP3, "sound.damaged"},
		{"half a WAV header", good[:20], sound.WAV, "sound.damaged"},
		{"a WAV without a sample", good[:44], sound.WAV, "sound.silent"},
		{"silence", wav(16_000, 3*time.Second, silence), sound.WAV, "sound.silent"},
		{"the hiss of an open microphone", wav(16_000, 3*time.Second, babble(0.0005)), sound.WAV, "sound.silent"},
		{"a tenth of a second", wav(16_000, 100*time.Millisecond, bursts(0.5)), sound.WAV, "sound.silent"},
		{"half a second", wav(16_000, 500*time.Millisecond, bursts(0.5)), sound.WAV, "sound.too_short"},
		{"a voice far too close to the microphone", wav(16_000, 8*time.Second, babble(20)), sound.WAV, "sound.clipped"},
		{"31 minutes", wav(4_000, 31*time.Minute, bursts(0.5)), sound.WAV, "sound.too_long"},
	}
	e := encoder(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := e.Canonical(t.Context(), tt.src, tt.format)
			if loa.KeyOf(err) != tt.key || loa.CodeOf(err) != loa.Invalid {
				t.Errorf("error = %v, want %s", err, tt.key)
			}
		})
	}
}

// A stereo file whose sides cancel each other is silent on a mono loudspeaker.
func TestSidesThatCancel(t *testing.T) {
	src := convert(t, wav(32_000, 2*time.Second, bursts(0.5)), "a.wav", "-af", "pan=stereo|c0=c0|c1=-1*c0")
	_, err := encoder(t).Canonical(t.Context(), src, sound.WAV)
	if loa.KeyOf(err) != "sound.silent" {
		t.Errorf("error = %v, want sound.silent", err)
	}
}

// Speech takes a WAV and nothing else, trusted as it is.
func TestSpeech(t *testing.T) {
	e := encoder(t)
	res, err := e.Speech(t.Context(), espeak(t, "Xin mời bà con chú ý đón nghe."))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.CheckFrames(res.MP3); err != nil {
		t.Error(err)
	}
	_, err = e.Speech(t.Context(), []byte("#EXTM3U\n"))
	if loa.KeyOf(err) != "sound.damaged" {
		t.Errorf("error = %v, want sound.damaged", err)
	}
}

func TestMissingFFmpeg(t *testing.T) {
	e := encoder(t)
	e.FFmpeg = filepath.Join(t.TempDir(), "ffmpeg")
	_, err := e.Canonical(t.Context(), wav(16_000, time.Second, bursts(0.5)), sound.WAV)
	if loa.KeyOf(err) != "sound.no_ffmpeg" || loa.CodeOf(err) != loa.Unavailable {
		t.Errorf("error = %v, want sound.no_ffmpeg", err)
	}
}

// What fails for want of a working machine is not blamed on the upload.
func TestMachineAtFault(t *testing.T) {
	src := wav(16_000, time.Second, bursts(0.5))
	for name, spoil := range map[string]func(*sound.Encoder){
		"no such self": func(e *sound.Encoder) { e.Self = filepath.Join(e.Dir, "none") },
		"no folder":    func(e *sound.Encoder) { e.Dir = filepath.Join(e.Dir, "none") },
		"no program":   func(e *sound.Encoder) { e.FFmpeg = notAProgram(t) },
	} {
		t.Run(name, func(t *testing.T) {
			e := encoder(t)
			spoil(&e)
			_, err := e.Canonical(t.Context(), src, sound.WAV)
			if err == nil || loa.CodeOf(err) != loa.Internal {
				t.Errorf("error = %v, want an internal one", err)
			}
		})
	}
}

func notAProgram(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ffmpeg")
	if err := os.WriteFile(name, []byte("neither ELF nor script"), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := encoder(t).Canonical(ctx, wav(16_000, time.Second, bursts(0.5)), sound.WAV)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
}

func TestSniff(t *testing.T) {
	tests := []struct {
		in   string
		want sound.Format
	}{
		{"RIFF\x00\x00\x00\x00WAVE", sound.WAV},
		{"RIFF\x00\x00\x00\x00AVI ", ""},
		{"ID3\x04\x00\x00\x00\x00\x00\x00\xFF\xFB\x90\x00", sound.MP3},
		{"\xFF\xFB\x90\x00", sound.MP3},
		{"\xFF\xF3\x90\x00", sound.MP3}, // MPEG-2
		{"\xFF\xF1\x50\x80", sound.ADTS},
		{"\xFF\xF9\x50\x80", sound.ADTS}, // MPEG-2
		{"#!AMR\n\x3c", sound.AMR},
		{"#!AMR-WB\n\x04", sound.AMR},
		{"#!/bin/sh", ""},
		{"ID3\x04\x00\x00\x00\x00\x00\x02xx\xFF\xF1\x50\x80", sound.ADTS}, // as live streams cut them
		{"ID3\x04\x00\x00\x00\x00\x00\x02xxfLaC", sound.FLAC},
		{"ID3\x04\x00\x00\x00\x00\x00\x02xx\x00\x00", sound.MP3}, // padded
		{"ID3\x04\x00\x00\x7f\x7f\x7f\x7f\xFF\xFB", ""},          // claims 256 MB
		{"ID3\x04\x00\x00\xff\x00\x00\x00\xFF\xFB", ""},          // no synchsafe number
		{"\x00\x00\x00\x20ftypheic\x00", ""},                     // a photograph
		{"\xFF\xFD\x90\x00", ""},                                 // Layer II
		{"\xFF", ""},
		{"OggS", sound.Ogg},
		{"\x00\x00\x00\x20ftypM4A ", sound.MOV},
		{"\x1A\x45\xDF\xA3", sound.Matroska},
		{"fLaC", sound.FLAC},
		{"#EXTM3U", ""},
		{"", ""},
	}
	for _, tt := range tests {
		got, err := sound.Sniff([]byte(tt.in))
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("Sniff(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
}

// listen opens a TCP port and later tells whether anybody came.
func listen(t *testing.T) (addr string, came func() bool) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String(), func() bool {
		// A connection made earlier waits in the backlog and is accepted at
		// once; the deadline only ends the wait when there is none.
		if err := l.SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		c, err := l.Accept()
		if err != nil {
			return false
		}
		c.Close()
		return true
	}
}

// One source becomes one sound, so one hash to approve.
func TestSameBytes(t *testing.T) {
	e, src := encoder(t), wav(22_050, 3*time.Second, babble(0.3))
	var first []byte
	for range 2 {
		res, err := e.Canonical(t.Context(), src, sound.WAV)
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(first, res.MP3) {
			t.Error("the same source became two sounds")
		}
		first = res.MP3
	}
}
