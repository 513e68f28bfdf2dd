package edge

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loa/wire"
)

// TestCommand plays a slot into a real ffmpeg and a real aplay, with programs
// around it that switch the amplifier, and finds the sound in what they wrote.
func TestCommand(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, output string }{
		{"ffmpeg", "command:ffmpeg -loglevel error -f s16le -ar 32000 -ac 1 -i - -f s16le -y "},
		{"aplay", "aplay:"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(row.name); err != nil {
				t.Skipf("%s is not installed: scripts/tools ffmpeg alsa-utils", row.name)
			}
			n := newTown(t)
			dir := t.TempDir()
			heard, relay := filepath.Join(dir, "heard.raw"), filepath.Join(dir, "relay")
			c := n.config(t.TempDir())
			out := must(Open(row.output + heard)).(*Program)
			if row.name == "aplay" { // ALSA's own file plugin, over its null one
				asound := filepath.Join(dir, "asound.conf")
				pcm := "pcm.street { type file file \"" + heard + "\" format raw slave { pcm { type null } } }\n"
				if err := os.WriteFile(asound, []byte(pcm), 0o600); err != nil {
					t.Fatal(err)
				}
				out = aplay("street")
				out.Args = append([]string{"env", "ALSA_CONFIG_PATH=/usr/share/alsa/alsa.conf:" + asound}, out.Args...)
				out.Paced = false // the null card takes everything at once
			}
			c.Output = out
			c.Amplifier = Amplifier{On: []string{"sh", "-c", "echo on >> " + relay}, Off: []string{"sh", "-c", "echo off >> " + relay}}
			n.with(func() {
				n.plans(n.doc(wire.WarrantType, n.warrant(tone(t, "1", "440"), nil), n.authority), 3*time.Second)
			})
			stop := n.start(c)
			if l := n.line(); l.Result != wire.Played || l.SkewUS < -50_000 || l.SkewUS > 50_000 {
				t.Errorf("line %+v", l)
			}
			stop()
			if first, loud := sounding(must(os.ReadFile(heard))); first < 0 || loud < Rate*9/10 || loud > Rate*11/10 {
				t.Errorf("%d samples sound, the first at %d", loud, first)
			}
			if b := must(os.ReadFile(relay)); string(b) != "on\noff\n" {
				t.Errorf("the amplifier was switched %q", b)
			}
		})
	}
}

// TestProgramDies: an output that dies, cannot start or hangs is said to fail and
// is started again, and the next bulletin sounds.
func TestProgramDies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := filepath.Join(dir, "horn")
	heard := filepath.Join(dir, "heard")
	// The first time it dies with a word, then it lives.
	body := "#!/bin/sh\nif [ ! -e " + dir + "/once ]; then touch " + dir + "/once; echo 'no card' >&2; exit 1; fi\ncat > " + heard + "\n"
	if err := os.WriteFile(script, []byte(body), 0o700); err != nil { // it is a program
		t.Fatal(err)
	}
	p := must(Open("command:" + script)).(*Program)
	block := make([]int16, blockSamples)
	block[0] = 1000
	var failed error
	for i := 0; failed == nil && i < 1000; i++ {
		failed = p.Write(block)
	}
	if failed == nil || !strings.Contains(failed.Error(), "no card") {
		t.Fatalf("it died with: %v", failed)
	}
	if err := p.Write(block); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if first, _ := sounding(must(os.ReadFile(heard))); first != 0 {
		t.Errorf("the first sample is at %d", first)
	}
	if err := must(Open("command:/nowhere/horn")).Write(block); err == nil {
		t.Error("a program that is not there took samples")
	}
	hang := &Program{Args: []string{"sleep", "60"}, Paced: true, Clock: shifted{by: -hung}} // its time is up at once
	failed = nil
	for i := 0; failed == nil && i < 100; i++ {
		failed = hang.Write(block)
	}
	if failed == nil {
		t.Error("a program that hangs was waited for")
	}
}

// TestAmplifierHangs: a program that does not come back holds up no sample.
func TestAmplifierHangs(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.ok(s.start(newGlass()))
	s.a.cfg.Amplifier.On = []string{"sleep", "3600"}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.a.amplify(ctx) }()
	p := s.a.player
	for range 500 {
		p.switches(p.clock.micros())
		p.heardAt = p.clock.micros()
		s.hand.Turn(20 * time.Millisecond)
	}
	waitFor(t, func() bool { return len(p.power) == 0 })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(s.a.say) == 0 {
		t.Error("nobody was told")
	}
}
