package voice

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
)

// needsEspeak says plainly what is missing where the real engine is not installed.
func needsEspeak(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		t.Fatal("espeak-ng is not installed: apt-get install espeak-ng")
	}
}

// samples is the number of 16-bit samples a mono WAV with true headers holds.
func samples(t *testing.T, wav []byte) int {
	t.Helper()
	if len(wav) < 44 || string(wav[:4]) != "RIFF" || string(wav[36:40]) != "data" {
		t.Fatalf("no plain WAV: % x", wav[:min(len(wav), 44)])
	}
	if got := int(binary.LittleEndian.Uint32(wav[4:])); got != len(wav)-8 {
		t.Errorf("RIFF says %d bytes, there are %d", got, len(wav)-8)
	}
	if got := int(binary.LittleEndian.Uint32(wav[40:])); got != len(wav)-44 {
		t.Errorf("data says %d bytes, there are %d", got, len(wav)-44)
	}
	return (len(wav) - 44) / 2
}

func TestEspeak(t *testing.T) {
	needsEspeak(t)
	const text = "Ủy ban nhân dân xã Đồng Sậy thông báo lịch cắt điện."
	sounds := map[string][]byte{}
	for _, accent := range []string{"north", "central", "south"} {
		wav, err := Espeak{}.Say(context.Background(), text, Voice{Accent: accent})
		if err != nil {
			t.Fatal(err)
		}
		if s := float64(samples(t, wav.WAV)) / 22050; s < 2 || s > 10 {
			t.Errorf("%s: %.1f s of speech, want 2 to 10", accent, s)
		}
		for other, b := range sounds {
			if bytes.Equal(b, wav.WAV) {
				t.Errorf("%s sounds like %s", accent, other)
			}
		}
		sounds[accent] = wav.WAV
	}
	slow, err := Espeak{}.Say(context.Background(), text, Voice{WordsPerMinute: 100})
	if err != nil {
		t.Fatal(err)
	}
	if samples(t, slow.WAV) <= samples(t, sounds["north"]) {
		t.Error("100 words a minute is not slower than 140")
	}
}

// TestEspeakReadsTextOnly holds espeak-ng to reading words: neither phonemes
// nor options travel in a text.
func TestEspeakReadsTextOnly(t *testing.T) {
	needsEspeak(t)
	for _, text := range []string{"[[h@'loU]] bà con", "--version", "-f /etc/passwd", "<speak>bà con</speak>"} {
		wav, err := Espeak{}.Say(context.Background(), text, Voice{})
		if err != nil || samples(t, wav.WAV) < 22050/4 {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestVoiceRefused(t *testing.T) {
	for _, c := range []struct {
		voice Voice
		key   string
	}{
		{Voice{Accent: "vi; rm"}, "voice.accent"},
		{Voice{WordsPerMinute: MinSpeed - 1}, "voice.speed"},
		{Voice{WordsPerMinute: MaxSpeed + 1}, "voice.speed"},
	} {
		for _, engine := range []Engine{Espeak{}, Command{Path: "cat"}, Cache{Dir: t.TempDir(), Engine: Espeak{}}} {
			_, err := engine.Say(context.Background(), "bà con", c.voice)
			if loa.KeyOf(err) != c.key || loa.CodeOf(err) != loa.Invalid {
				t.Errorf("%T %+v: got %v, want %s", engine, c.voice, err, c.key)
			}
		}
	}
}

// silence is a WAV of four samples whose header says what a pipe writer says.
func silence() []byte {
	b := []byte("RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x22\x56\x00\x00\x44\xac\x00\x00\x02\x00\x10\x00data\xff\xff\xff\xff")
	return append(b, 1, 0, 2, 0, 3, 0, 4, 0)
}

func TestCommand(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "four.wav")
	if err := os.WriteFile(file, silence(), 0o600); err != nil {
		t.Fatal(err)
	}
	script := `cat >"$1"; echo "$2" >>"$1"; cat "$3"`
	heard := filepath.Join(dir, "heard")
	c := Command{Label: "tape", Path: "sh", Args: []string{"-c", script, "sh", heard, "{accent} {speed} {length}", file}}
	wav, err := c.Say(context.Background(), "Bà con ơi.\n", Voice{Accent: "south", WordsPerMinute: 112})
	if err != nil {
		t.Fatal(err)
	}
	if got := samples(t, wav.WAV); got != 4 {
		t.Errorf("%d samples, want 4", got)
	}
	b, err := os.ReadFile(heard)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("Bà con ơi.\nsouth 112 1.250\n", string(b)); diff != "" {
		t.Errorf("the program heard (-want +got):\n%s", diff)
	}
}

func TestCommandSeesNoSecrets(t *testing.T) {
	t.Setenv("LOA_SECRET", "khóa")
	c := Command{Label: "leaky", Path: "sh", Args: []string{"-c", "env >&2; exit 3"}}
	_, err := c.Say(context.Background(), "x", Voice{})
	if loa.KeyOf(err) != "voice.failed" || !strings.Contains(err.Error(), "LANG=C.UTF-8") {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(err.Error(), "LOA_SECRET") {
		t.Errorf("the program saw the secret: %v", err)
	}
}

func TestCommandFails(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name, key string
		code      loa.Code
		ctx       context.Context
		command   Command
	}{
		{"missing", "voice.engine_missing", loa.Unavailable, t.Context(), Command{Path: "loa-no-such-engine"}},
		{"fails", "voice.failed", loa.Unavailable, t.Context(), Command{Path: "false"}},
		{"not sound", "voice.not_wav", loa.Unavailable, t.Context(), Command{Path: "cat"}},
		{"endless", "voice.too_long", loa.Invalid, t.Context(), Command{Path: "cat", Args: []string{"/dev/zero"}}},
		{"hangs", "voice.timeout", loa.Unavailable, t.Context(), Command{Path: "sleep", Args: []string{"60"}, Timeout: 20 * time.Millisecond}},
		{"given up", "voice.timeout", loa.Unavailable, ended, Command{Path: "sleep", Args: []string{"60"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.command.Say(c.ctx, "bà con", Voice{})
			if loa.KeyOf(err) != c.key || loa.CodeOf(err) != c.code {
				t.Errorf("got %v, want %s %s", err, c.code, c.key)
			}
		})
	}
}

func TestFixWAV(t *testing.T) {
	good := silence()
	with := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(good)) }
	for _, c := range []struct {
		name string
		in   []byte
		want int // bytes of sound, -1 if refused
	}{
		{"streaming lengths", good, 8},
		{"zero-length header", nil, -1},
		{"header alone", good[:44], -1},
		{"no format", append([]byte("RIFF\x00\x00\x00\x00WAVE"), good[36:]...), -1},
		{"format cut short", good[:30], -1},
		{"another file", []byte("OggS and more of it than twelve bytes"), -1},
		{"chunk in between", with(func(b []byte) []byte {
			return append(b[:36:36], append([]byte("LIST\x03\x00\x00\x00abc\x00"), good[36:]...)...)
		}), 8},
		{"chunk that claims everything", with(func(b []byte) []byte {
			return append(b[:36:36], append([]byte("LIST\xff\xff\xff\xff"), good[36:]...)...)
		}), -1},
		{"more behind the sound", with(func(b []byte) []byte {
			binary.LittleEndian.PutUint32(b[40:], 4)
			return b
		}), 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := fixWAV(c.in)
			if (err != nil) != (c.want < 0) {
				t.Fatalf("error %v, want sound %d", err, c.want)
			}
			if err != nil {
				return
			}
			at := bytes.Index(got, []byte("data"))
			if size := int(binary.LittleEndian.Uint32(got[at+4:])); size != c.want || len(got) != at+8+size {
				t.Errorf("%d bytes of sound in %d, want %d", size, len(got), c.want)
			}
			if size := int(binary.LittleEndian.Uint32(got[4:])); size != len(got)-8 {
				t.Errorf("RIFF says %d of %d", size, len(got)-8)
			}
		})
	}
}

func TestCacheKeeps(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "four.wav")
	if err := os.WriteFile(file, silence(), 0o600); err != nil {
		t.Fatal(err)
	}
	calls := filepath.Join(dir, "calls")
	script := `printf x >>"$1"; cat >/dev/null; cat "$2"`
	tape := Command{Label: "tape", Path: "sh", Args: []string{"-c", script, "sh", calls, file}}
	cache := Cache{Dir: filepath.Join(dir, "cache"), Engine: tape}
	other := tape
	other.Label = "other tape"
	say := func(c Cache, text string, v Voice) {
		t.Helper()
		wav, err := c.Say(context.Background(), text, v)
		if err != nil || samples(t, wav.WAV) != 4 {
			t.Fatalf("say: %v", err)
		}
	}
	for _, step := range []struct {
		name  string
		cache Cache
		text  string
		voice Voice
		calls int // so far
	}{
		{"first", cache, "bà con", Voice{}, 1},
		{"again", cache, "bà con", Voice{}, 1},
		{"the default in words", cache, "bà con", Voice{Accent: "north", WordsPerMinute: DefaultSpeed}, 1},
		{"another text", cache, "bà con ơi", Voice{}, 2},
		{"another accent", cache, "bà con", Voice{Accent: "south"}, 3},
		{"another speed", cache, "bà con", Voice{WordsPerMinute: 120}, 4},
		{"another engine", Cache{Dir: cache.Dir, Engine: other}, "bà con", Voice{}, 5},
		{"the first, still", cache, "bà con", Voice{}, 5},
	} {
		say(step.cache, step.text, step.voice)
		b, err := os.ReadFile(calls)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != step.calls {
			t.Errorf("%s: the engine spoke %d times, want %d", step.name, len(b), step.calls)
		}
	}
}

func TestCacheTwoAtOnce(t *testing.T) {
	needsEspeak(t)
	dir := t.TempDir()
	cache := Cache{Dir: dir, Engine: Espeak{}}
	var wg sync.WaitGroup
	sounds := make([][]byte, 6)
	for i := range sounds {
		wg.Go(func() {
			wav, err := cache.Say(context.Background(), "Mời bà con đi họp.", Voice{})
			if err != nil {
				t.Error(err)
			}
			sounds[i] = wav.WAV
		})
	}
	wg.Wait()
	for _, wav := range sounds {
		if !bytes.Equal(wav, sounds[0]) {
			t.Error("two callers heard different sounds")
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(files) != 1 {
		t.Errorf("kept %v, %v; want one file and nothing half-written", files, err)
	}
}

func TestCacheKeepsNoFailure(t *testing.T) {
	dir := t.TempDir()
	cache := Cache{Dir: dir, Engine: Command{Label: "broken", Path: "cat"}}
	if _, err := cache.Say(context.Background(), "bà con", Voice{}); !errors.Is(err, loa.Errorf("", "voice.not_wav")) {
		t.Fatalf("got %v", err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(files) != 0 {
		t.Errorf("kept %v", files)
	}
}
