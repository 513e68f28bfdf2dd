//go:build linux && (amd64 || arm64)

package sound_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"loa"
	"loa/sandbox"
	"loa/sound"
)

// inside runs a program in the sandbox, as an upload would run, and returns
// what it wrote and how it ended.
func inside(t *testing.T, dir, program string, args ...string) (out string, err error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append([]string{"sandbox-exec", "upload", dir, program}, args...)...)
	cmd.Dir = dir
	b, err := cmd.CombinedOutput()
	return string(b), err
}

func needLandlock(t *testing.T) {
	t.Helper()
	if sandbox.LandlockABI() == 0 {
		t.Skip("this kernel has no Landlock, which is what keeps files shut")
	}
}

// ffmpeg itself, told to fetch, reaches nothing.
func TestFFmpegReachesNothing(t *testing.T) {
	ffmpeg, err := filepath.EvalSymlinks(encoder(t).FFmpeg)
	if err != nil {
		t.Fatal(err)
	}
	addr, came := listen(t)
	dir := t.TempDir()
	for _, url := range []string{"http://" + addr + "/a.wav", "tcp://" + addr, "udp://" + addr} {
		out, err := inside(t, dir, ffmpeg, "-hide_banner", "-nostdin", "-i", url, "-f", "null", "-")
		if err == nil || !strings.Contains(out, "Permission denied") {
			t.Errorf("%s: %v %.300s", url, err, out)
		}
	}
	if came() {
		t.Error("ffmpeg reached a server from inside the sandbox")
	}
}

// A script that points outside opens nothing, even for the demuxer that would.
func TestFFmpegReadsNothing(t *testing.T) {
	needLandlock(t)
	ffmpeg, err := filepath.EvalSymlinks(encoder(t).FFmpeg)
	if err != nil {
		t.Fatal(err)
	}
	dir, secret := t.TempDir(), filepath.Join(t.TempDir(), "secret.wav")
	tone := wav(16_000, time.Second, bursts(0.5))
	for name, b := range map[string][]byte{
		secret:                          tone,
		filepath.Join(dir, "own.wav"):   tone,
		filepath.Join(dir, "out.txt"):   []byte("ffconcat version 1.0\nfile '" + secret + "'\n"),
		filepath.Join(dir, "in.txt"):    []byte("ffconcat version 1.0\nfile own.wav\n"),
		filepath.Join(dir, "list.m3u8"): []byte("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://" + secret + "\n#EXT-X-ENDLIST\n"),
	} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) (string, error) {
		return inside(t, dir, ffmpeg, append(append([]string{"-hide_banner", "-nostdin"}, args...), "-f", "null", "-")...)
	}
	if out, err := run("-f", "concat", "-safe", "0", "-i", "in.txt"); err != nil {
		t.Fatalf("a script that stays inside: %v %s", err, out)
	}
	for _, tt := range []struct {
		want string
		args []string
	}{
		{"Permission denied", []string{"-i", "/etc/passwd"}},
		{"Permission denied", []string{"-i", secret}},
		{"Permission denied", []string{"-f", "concat", "-safe", "0", "-i", "out.txt"}},
		{"Failed to open segment", []string{"-f", "hls", "-allowed_extensions", "ALL", "-i", "list.m3u8"}},
	} {
		out, err := run(tt.args...)
		if err == nil || !strings.Contains(out, tt.want) {
			t.Errorf("%v: %v %.400s", tt.args, err, out)
		}
	}
}

func TestProbeReport(t *testing.T) {
	r, err := sound.Probe(t.Context(), encoder(t))
	if err != nil {
		t.Fatal(err)
	}
	if r.FFmpeg == "" || !r.MP3 || !r.Seccomp {
		t.Errorf("report %+v", r)
	}
	e := encoder(t)
	e.FFmpeg = filepath.Join(t.TempDir(), "none")
	r, err = sound.Probe(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if f := r.Findings(); r.FFmpeg != "" || f[0].OK || f[0].Key != "sound.no_ffmpeg" {
		t.Errorf("without ffmpeg: %+v", f)
	}
}

// TestWithoutSeccomp runs this program where the kernel refuses seccomp, as old
// containers do: uploads are refused, our own speech is encoded, doctor knows.
func TestWithoutSeccomp(t *testing.T) {
	e := encoder(t)
	cmd := exec.CommandContext(t.Context(), e.Self, "without-seccomp", e.Dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	want := "upload: sandbox.none unavailable\nspeech: ok\nprobe: seccomp false, mp3 true, sound.no_seccomp\n"
	if string(out) != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

// withoutSeccomp is the other side of TestWithoutSeccomp. It puts a filter on
// all its threads, and so on all its children, that refuses seccomp(2).
func withoutSeccomp(dir string) int {
	const (
		load = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jeq  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ret  = unix.BPF_RET | unix.BPF_K
	)
	filter := []unix.SockFilter{
		{Code: load, K: 0},
		{Code: jeq, Jf: 1, K: unix.SYS_SECCOMP},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EINVAL)},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		fmt.Println("no_new_privs:", err)
		return 1
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		fmt.Println("seccomp:", errno)
		return 1
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	ctx, e, src := context.Background(), sound.Encoder{FFmpeg: "ffmpeg", Dir: dir, Self: self}, wav(16_000, time.Second, bursts(0.5))
	_, err = e.Canonical(ctx, src, sound.WAV)
	fmt.Println("upload:", loa.KeyOf(err), loa.CodeOf(err))
	if _, err = e.Speech(ctx, src); err != nil {
		fmt.Println("speech:", err)
	} else {
		fmt.Println("speech: ok")
	}
	r, err := sound.Probe(ctx, e)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for _, f := range r.Findings() {
		if !f.OK {
			fmt.Printf("probe: seccomp %v, mp3 %v, %s\n", r.Seccomp, r.MP3, f.Key)
		}
	}
	return 0
}
