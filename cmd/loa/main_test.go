package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/edge"
	"loa/speaker"
	"loa/voice"
)

// TestStageNotices: the dates follow the week, and each text is one that a
// person could have typed and that can be read out.
func TestStageNotices(t *testing.T) {
	monday := time.Date(2026, 11, 23, 0, 0, 0, 0, loa.Zone())
	first, err := stageNotices(monday)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Count(noticesTXT, "\n== "); len(first) != want || want == 0 {
		t.Errorf("%d notices of %d", len(first), want)
	}
	same := cmp.AllowUnexported(notice{})
	for name, moment := range map[string]time.Time{
		"the last millisecond of Sunday": monday.AddDate(0, 0, 7).Add(-time.Millisecond),
		"Wednesday, told in UTC":         monday.AddDate(0, 0, 2).Add(20 * time.Hour).UTC(),
		"Monday that is Sunday in UTC":   monday.UTC(),
	} {
		got, err := stageNotices(moment)
		if diff := cmp.Diff(first, got, same); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	next, err := stageNotices(monday.AddDate(0, 0, 7))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(first[0].text, "thứ Năm, ngày 26/11/2026") || !strings.Contains(next[0].text, "thứ Năm, ngày 3/12/2026") {
		t.Errorf("the dates stand still:\n%s\n%s", first[0].text, next[0].text)
	}

	kinds := map[string]int{}
	for _, n := range first {
		kinds[n.kind]++
		clean, err := voice.Clean(n.text)
		if err != nil || clean != n.text {
			t.Errorf("%s: %v, cleaned to %q", n.title, err, clean)
		}
		if strings.ContainsAny(n.text, "{}") {
			t.Errorf("%s: a date was not filled in: %s", n.title, n.text)
		}
		spoken := voice.Normalizer{}.Speak(clean).Text
		if len(spoken) < len(clean) || strings.ContainsAny(spoken, "0123456789{}") {
			t.Errorf("%s is read as %q", n.title, spoken)
		}
		if c := n.cast(); c.author == c.leader || len(c.scope) == 0 {
			t.Errorf("%s: %+v", n.title, c)
		}
	}
	for _, kind := range []string{"xa", "thon", "tinh", "cho-buoi", "cho-duyet", "cho-xa", "once-xa", "once-tinh"} {
		if kinds[kind] == 0 {
			t.Errorf("no notice of kind %s", kind)
		}
		delete(kinds, kind)
	}
	if len(kinds) > 0 {
		t.Errorf("kinds nobody plays: %v", kinds)
	}
}

// TestStagePoles: every pole stands in a place of the stage, under a code of its
// own, and the notices for -once reach each of them exactly once.
func TestStagePoles(t *testing.T) {
	rows, err := csv.NewReader(bytes.NewReader(stageUnits)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	places := map[loa.Path]bool{}
	for _, r := range rows[1:] {
		places[loa.Path(r[0])] = true
	}
	poles, err := stagePoles()
	if err != nil {
		t.Fatal(err)
	}
	notices, err := stageNotices(time.Date(2026, 11, 23, 0, 0, 0, 0, loa.Zone()))
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]bool{}
	for _, p := range poles {
		if !places[p.Path] || p.Path.Commune() == "" || codes[p.Code] || p.Name == "" || p.Cap != 90 {
			t.Errorf("pole %+v", p)
		}
		codes[p.Code] = true
		if p.At == nil || p.At.Lat < 8_000_000 || p.At.Lat > 24_000_000 || p.At.Lon < 102_000_000 || p.At.Lon > 110_000_000 {
			t.Errorf("%s stands at %+v", p.Code, p.At)
		}
		reached := 0
		for _, n := range notices {
			for _, s := range n.cast().scope {
				if strings.HasPrefix(n.kind, "once-") && s.Covers(p.Path) {
					reached++
				}
			}
		}
		if reached != 1 {
			t.Errorf("%s hears %d notices of -once", p.Code, reached)
		}
	}
	if len(poles) != 12 {
		t.Errorf("%d poles", len(poles))
	}
}

func TestWavHeader(t *testing.T) {
	type header struct {
		RIFF             [4]byte
		Size             uint32
		WAVE, Fmt        [4]byte
		FmtSize          uint32
		Format, Channels uint16
		Rate, PerSecond  uint32
		PerFrame, Bits   uint16
		Data             [4]byte
		Length           uint32
	}
	for n, lengths := range map[int][2]uint32{
		0: {36, 0}, 1000: {1036, 1000}, clipMax: {clipMax + 36, clipMax}, -1: {1<<32 - 1, 1<<32 - 1},
	} {
		want := header{RIFF: [4]byte{'R', 'I', 'F', 'F'}, Size: lengths[0], WAVE: [4]byte{'W', 'A', 'V', 'E'}, Fmt: [4]byte{'f', 'm', 't', ' '}, FmtSize: 16,
			Format: 1, Channels: 1, Rate: 32000, PerSecond: 64000, PerFrame: 2, Bits: 16, Data: [4]byte{'d', 'a', 't', 'a'}, Length: lengths[1]}
		b := wavHeader(n)
		var got header
		used, err := binary.Decode(b, binary.LittleEndian, &got)
		if diff := cmp.Diff(want, got); err != nil || used != len(b) || diff != "" {
			t.Errorf("%d: %d of %d bytes, %v %s", n, used, len(b), err, diff)
		}
	}
}

// TestHornClips: a clip is what sounded between two silences, the newest six
// are kept, and a listener hears the very samples.
func TestHornClips(t *testing.T) {
	clock := loa.NewHandClock(time.Date(2026, 11, 23, 6, 0, 0, 0, loa.Zone()))
	h := newHorn(speaker.Pole{Code: "DS01"}, t.TempDir())
	h.Clock = clock
	samples, stop := h.listen()
	second := func(value byte) {
		t.Helper()
		clock.Turn(time.Second)
		if err := h.hear(bytes.Repeat([]byte{value, 0}, edge.Rate), value != 0); err != nil {
			t.Fatal(err)
		}
		if heard := <-samples; len(heard) != 2*edge.Rate || heard[0] != value {
			t.Fatalf("the listener heard %d bytes of %d, want %d", len(heard), heard[0], value)
		}
	}
	second(0)
	if sounding, clips := h.state(); sounding || len(clips) > 0 {
		t.Errorf("silence is a clip: %v", clips)
	}
	for i := range byte(8) {
		began := clock.Now()
		second(i + 1)
		second(0) // a breath inside
		second(i + 1)
		if sounding, _ := h.state(); !sounding {
			t.Error("it is silent while it sounds")
		}
		for range 3 {
			second(0)
		}
		sounding, clips := h.state()
		if want := min(int(i)+1, 6); sounding || len(clips) != want {
			t.Fatalf("sounding %t, %d clips, want %d", sounding, len(clips), want)
		}
		c := clips[0] // the newest
		body, err := os.ReadFile(c.File)
		if err != nil {
			t.Fatal(err)
		}
		want := append(wavHeader(3*2*edge.Rate), bytes.Repeat([]byte{i + 1, 0}, edge.Rate)...)
		want = append(want, make([]byte, 2*edge.Rate)...)
		want = append(want, bytes.Repeat([]byte{i + 1, 0}, edge.Rate)...)
		if !bytes.Equal(body, want) || c.Secs != 3 || !c.At.Equal(began) {
			t.Errorf("clip of %.2f s at %s with %d bytes; want 3 s at %s with %d", c.Secs, c.At, len(body), began, len(want))
		}
	}
	files, err := filepath.Glob(filepath.Join(h.dir, "*"))
	if err != nil || len(files) != 6 {
		t.Errorf("%d files are kept, %v", len(files), err)
	}
	stop()
	if err := h.hear(make([]byte, 2), false); err != nil || len(samples) != 0 {
		t.Errorf("a listener that left still hears: %v", err)
	}
}

func TestHornLongest(t *testing.T) {
	h := newHorn(speaker.Pole{Code: "DS01"}, t.TempDir())
	h.Clock = loa.NewHandClock(time.Date(2026, 11, 23, 6, 0, 0, 0, loa.Zone()))
	raw := bytes.Repeat([]byte{1, 0}, edge.Rate)
	for range 300 { // five minutes without a breath
		if err := h.hear(raw, true); err != nil {
			t.Fatal(err)
		}
	}
	if sounding, clips := h.state(); sounding || len(clips) != 1 || clips[0].Secs != 300 {
		t.Errorf("sounding %t, clips %+v", sounding, clips)
	}
}

// TestVoice: one line in is one line out, and the tool says how it is called.
func TestVoice(t *testing.T) {
	say := func(in string, args ...string) (string, error) {
		var out bytes.Buffer
		err := speech(t.Context(), &app{args: args, in: strings.NewReader(in), out: &out, errs: &bytes.Buffer{}})
		return out.String(), err
	}
	const north = "Cắt điện từ bảy giờ ba mươi ngày hai mươi sáu tháng mười một.\n\nGọi thú y xã.\n"
	for _, c := range []struct {
		name, in, want string
		args           []string
	}{
		{"lines", "Cắt điện từ 7h30 ngày 26/11.\n\nGọi thú y xã.\n", north, []string{"normalize"}},
		{"without an end", "Cắt điện từ 7h30 ngày 26/11.\n\nGọi thú y xã.", north, []string{"normalize"}},
		{"from Windows", "Cắt điện từ 7h30 ngày 26/11.\r\n\r\nGọi thú y xã.\r\n", north, []string{"normalize"}},
		{"nothing", "", "", []string{"normalize"}},
		{"the north", "1.000 hộ", "Một nghìn hộ\n", []string{"normalize", "-accent", "north"}},
		{"the south", "1.000 hộ", "Một ngàn hộ\n", []string{"normalize", "-accent", "south"}},
	} {
		got, err := say(c.in, c.args...)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", c.name, err, diff)
		}
	}
	for name, args := range map[string][]string{
		"nothing": nil, "another word": {"sing"}, "an unknown flag": {"normalize", "-loud"}, "say without a file": {"say"},
	} {
		if out, err := say("x", args...); !errors.Is(err, errUsage) || out != "" {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
	if out, err := say("Một dòng.\n"+strings.Repeat("a", voice.MaxBytes+1), "normalize"); !errors.Is(err, bufio.ErrTooLong) || out != "Một dòng.\n" {
		t.Errorf("a line without end: %q, %v", out, err)
	}
	if _, err := say("a\x00b", "say", "-o", filepath.Join(t.TempDir(), "x.wav")); loa.KeyOf(err) != "text.control" {
		t.Errorf("a control character: %v", err)
	}
}

// TestCommands: every subcommand has a name of its own and says what it does,
// and usage lists them all.
func TestCommands(t *testing.T) {
	var out strings.Builder
	usage(&out)
	seen := map[string]bool{}
	for _, c := range commands() {
		if seen[c.name] || c.help == "" || c.run == nil || !regexp.MustCompile(`(?m)^  loa `+c.name+` `).MatchString(out.String()) {
			t.Errorf("command %q", c.name)
		}
		seen[c.name] = true
	}
}
