package e2e_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"loa/e2e"
	"loa/edge"
	"loa/speaker"
	"loa/wire"
)

const pythonSpeaker = "../examples/speaker-python"

// python gives the interpreter Debian's packages belong to, with the two that
// the example needs. Without them the test skips with the reason; in CI it fails.
func python(t *testing.T) string {
	t.Helper()
	const program = "/usr/bin/python3"
	out, err := exec.CommandContext(t.Context(), program, "-c", "import nacl, paho.mqtt.client").CombinedOutput()
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("scripts/tools python3-nacl python3-paho-mqtt: %v: %s", err, out)
	default:
		t.Skipf("scripts/tools python3-nacl python3-paho-mqtt: %v: %s", err, out)
	}
	return program
}

// TestPythonVectors: the speaker in Python says yes exactly where the vectors do.
func TestPythonVectors(t *testing.T) {
	files, err := filepath.Glob("../wire/testdata/vectors/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no vectors", err)
	}
	out, err := exec.CommandContext(t.Context(), python(t), append([]string{pythonSpeaker + "/vectors.py"}, files...)...).CombinedOutput()
	if err != nil {
		t.Errorf("%v", err)
	}
	t.Logf("%s", out)
}

// TestVendor puts a box of another make beside ours: a speaker in Python,
// written from docs/wire.md. It enrols, an officer confirms, a notice is sent,
// and it sounds when the others do; its sealed receipt is taken.
func TestVendor(t *testing.T) {
	t.Parallel()
	program := python(t)
	town := e2e.Start(t, e2e.Options{Agents: 1})
	dir := t.TempDir()
	wav := filepath.Join(dir, "sound.wav")
	var said bytes.Buffer
	var box *exec.Cmd
	town.AddForeign(speaker.Pole{Code: "PY01", Path: e2e.Commune + "/h/thon-1", Name: "Cột Python", Cap: 80}, func(server, code string) {
		box = exec.CommandContext(t.Context(), program, pythonSpeaker+"/speaker.py", "--server", server, "--code", code, "--dir", filepath.Join(dir, "box"),
			"--out", "wav:"+wav, "--receipt-delay", "0.1", "--pull-every", "5")
		box.Stdout, box.Stderr = &said, &said
		if err := box.Start(); err != nil {
			t.Fatal(err)
		}
	})
	town.Author.At(town.Servers[0])
	town.Leader.At(town.Servers[0])
	id, err := town.Author.Write("Họp thôn tối nay", notice)
	if err != nil {
		t.Fatal(err)
	}
	if err := town.Leader.Approve(id); err != nil {
		t.Fatal(err)
	}
	if err := town.Author.PlayNow(id); err != nil {
		t.Fatal(err)
	}
	town.Eventually("a receipt of each", 60*time.Second, func() bool { return len(town.Log(id)) == 2 })
	if err := box.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = box.Wait() // it was killed
	t.Logf("the box said:\n%s", said.Bytes())
	for _, p := range town.Log(id) {
		if p.Result != wire.Played || !p.Verified || p.Degree != "A" || p.SkewUS < -100_000 || p.SkewUS > 100_000 {
			t.Errorf("box %s: %+v", p.Box, p)
		}
	}
	sounds, length := heard(t, wav)
	if sounds != 1 || length < 2*time.Second {
		t.Errorf("it sounded %d times, %s", sounds, length)
	}
	t.Logf("it sounded %d time, %s", sounds, length)
}

// heard counts the sounds of a WAV file, silences of a second apart, and how
// long they were together.
func heard(t *testing.T, name string) (sounds int, length time.Duration) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil || len(b) < 44 {
		t.Fatalf("%d bytes: %v", len(b), err)
	}
	quiet, loud := edge.Rate, 0
	for b = b[44:]; len(b) >= 2; b = b[2:] {
		if s := int16(binary.LittleEndian.Uint16(b)); s > -50 && s < 50 { // samples are signed
			quiet++
			continue
		}
		if quiet >= edge.Rate {
			sounds++
			quiet = 0
		}
		loud += quiet + 1
		quiet = 0
	}
	return sounds, time.Duration(loud) * time.Second / edge.Rate
}
