package voice

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
)

var update = flag.Bool("update", false, "write what Speak says into testdata/normalize")

const divider = "\n----------\n"

// demoLexicon is the lexicon a commune of the invented demo would keep.
func demoLexicon() map[string]string {
	return map[string]string{
		"Đắk Rơn":   "Đắc Rơn",
		"Đắk Rơn 2": "Đắc Rơn Dưới",
		"TCT":       "tổ cộng tác",
		"7x":        "bảy ích",
		"STNX":      "Sở Thí nghiệm",
	}
}

type golden struct{ path, input, want string }

// goldens reads the pairs: the input, a line of ten dashes, what is said. Files
// whose name ends in "-south" are read with the southern words.
func goldens(t *testing.T) []golden {
	t.Helper()
	paths, err := filepath.Glob("testdata/normalize/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden pairs: %v", err)
	}
	var all []golden
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		input, want, ok := strings.Cut(string(b), divider)
		if !ok {
			t.Fatalf("%s: no line of ten dashes", path)
		}
		all = append(all, golden{path, input, strings.TrimSuffix(want, "\n")})
	}
	return all
}

func (g golden) normalizer() Normalizer {
	return Normalizer{South: strings.HasSuffix(g.path, "-south.txt"), Lexicon: demoLexicon()}
}

func TestSpeakGolden(t *testing.T) {
	for _, g := range goldens(t) {
		t.Run(filepath.Base(g.path), func(t *testing.T) {
			got := g.normalizer().Speak(g.input)
			if *update {
				if err := os.WriteFile(g.path, []byte(g.input+divider+got.Text+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(g.want, "\n"), strings.Split(got.Text, "\n")); diff != "" {
				t.Errorf("spoken (-want +got):\n%s", diff)
			}
			again := g.normalizer().Speak(got.Text)
			if diff := cmp.Diff(got.Text, again.Text); diff != "" {
				t.Errorf("speaking the spoken text changes it (-first +second):\n%s", diff)
			}
			for _, c := range got.Changes {
				if g.input[c.At:c.At+len(c.From)] != c.From {
					t.Errorf("change %+v does not stand at its place", c)
				}
			}
		})
	}
}

// TestHeard holds the golden pairs to what must be heard: the words a
// newsreader would say, noted with the demo texts, one line each: text, written,
// spoken. A golden file that is written anew cannot lose them.
func TestHeard(t *testing.T) {
	b, err := os.ReadFile("testdata/heard.txt")
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]golden{}
	for _, g := range goldens(t) {
		byName[strings.TrimSuffix(strings.TrimSuffix(filepath.Base(g.path), ".txt"), "-south")] = g
	}
	for i, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		fields := strings.Split(line, " | ")
		if len(fields) != 3 {
			t.Fatalf("heard.txt:%d: want three fields: %q", i+1, line)
		}
		g, ok := byName[fields[0]]
		if !ok {
			t.Fatalf("heard.txt:%d: no golden pair %s", i+1, fields[0])
		}
		if !strings.Contains(g.input, fields[1]) {
			t.Errorf("heard.txt:%d: %s does not say %q", i+1, fields[0], fields[1])
		}
		spoken := strings.ToLower(g.normalizer().Speak(g.input).Text)
		if !strings.Contains(spoken, strings.ToLower(fields[2])) {
			t.Errorf("heard.txt:%d: %q must be heard as %q in:\n%s", i+1, fields[1], fields[2], spoken)
		}
	}
}

func TestChanges(t *testing.T) {
	got := Normalizer{}.Speak("UBND xã họp 7h30 (tổ 5).")
	want := Spoken{
		Text: "Ủy ban nhân dân xã họp bảy giờ ba mươi, tổ năm.",
		Changes: []Change{
			{From: "UBND", To: "Ủy ban nhân dân", At: 0},
			{From: "7h30", To: "bảy giờ ba mươi", At: 15},
			{From: "5", To: "năm", At: 26},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSpeakComposes(t *testing.T) {
	if got := (Normalizer{}).Speak("ho\u0323p 2 la\u0300ng").Text; got != "họp hai làng" {
		t.Errorf("got %q", got)
	}
}

// TestSpeakLinear would take minutes, not moments, if a rule looked further
// than the window: it reads long runs of what the rules like best.
func TestSpeakLinear(t *testing.T) {
	for _, piece := range []string{"1", "1,", "1/", "0250.", "ngày 1, ", "I", "A", "a.", "(1) ", "5-", "12/QĐ-", "7h-", "x/", "T2-", "- ", "CP ", "TB ", "gọi 113, ", "mã số 1", "thắng 1-2 ", "*1", "#A", "A.", "A-", "1/2 ", "$1", "x 1", "a) ", "P.", "ISO 1"} {
		text := strings.Repeat(piece, 40_000/len(piece))
		got := Normalizer{}.Speak(text).Text
		if len(got) > 40*len(text)+200 || !utf8.ValidString(got) {
			t.Errorf("%q repeated: %d bytes spoken for %d", piece, len(got), len(text))
		}
	}
}

func FuzzSpeak(f *testing.F) {
	for _, path := range []string{"TB-01", "TB-05", "TB-10", "numbers", "dates", "legal", "ambiguous", "fractions", "papers", "lists", "addresses", "lunar"} {
		b, err := os.ReadFile("testdata/normalize/" + path + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.SplitSeq(string(b), "\n") {
			f.Add(line, false)
		}
	}
	f.Add("\xff0250.\xff3(24/7", true)
	f.Fuzz(func(t *testing.T, text string, south bool) {
		n := Normalizer{South: south}
		got := n.Speak(text)
		for _, spoken := range []string{got.Text, n.Speak(got.Text).Text} {
			if !utf8.ValidString(spoken) {
				t.Fatalf("not UTF-8: %q", spoken)
			}
			if strings.ContainsAny(spoken, "0123456789") {
				t.Fatalf("digits left: %q", spoken)
			}
			if len(spoken) > 40*len(text)+200 {
				t.Fatalf("%d bytes spoken for %d", len(spoken), len(text))
			}
		}
		for _, c := range got.Changes {
			if composed := norm.NFC.String(strings.ToValidUTF8(text, "")); composed[c.At:c.At+len(c.From)] != c.From {
				t.Fatalf("change %+v does not stand at its place in %q", c, composed)
			}
		}
		if diff := cmp.Diff(got, n.Speak(text)); diff != "" {
			t.Fatalf("two readings differ:\n%s", diff)
		}
	})
}

// readGolden is one file of pairs, whole.
func readGolden(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/normalize/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
