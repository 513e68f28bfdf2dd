package bulletin

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa"
)

// pairs reads a file of texts, each with what is expected of it below a line of
// hyphens, so that an official can read and lengthen it.
func pairs(t *testing.T, name string) (all [][2]string) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for p := range strings.SplitSeq(strings.TrimSuffix(string(b), "================\n"), "================\n") {
		in, want, found := strings.Cut(p, "----------\n")
		if !found {
			t.Fatalf("%s: no line of hyphens in %q", name, p)
		}
		all = append(all, [2]string{strings.TrimSpace(in), strings.TrimSpace(want)})
	}
	return all
}

func TestDoubts(t *testing.T) {
	for _, p := range pairs(t, "doubts.txt") {
		var lines []string
		for _, d := range Doubts(p[0], monday("10:00:00")) {
			lines = append(lines, strings.TrimSpace(d.Kind+": "+d.Wrote+" -> "+d.Right))
		}
		if diff := cmp.Diff(p[1], strings.Join(lines, "\n")); diff != "" {
			t.Errorf("%s\n%s", p[0], diff)
		}
	}
}

func TestGuess(t *testing.T) {
	for _, p := range pairs(t, "fields.txt") {
		if got := Guess(p[0]); string(got) != p[1] {
			t.Errorf("%q is guessed %q, want %q", loa.Clip(p[0]), got, p[1])
		}
	}
	for _, s := range signs {
		if err := s.field.check(); err != nil {
			t.Error(err)
		}
	}
}

// FuzzDoubts holds what looks at every half-typed text to never fall over it.
func FuzzDoubts(f *testing.F) {
	f.Add("thứ Năm, ngày 31/11/2026: thu 1.000 đồng, chi 999 đ, còn 0,1 triệu; 1+1=3")
	f.Add("chủ nhật 00/00/0000 thu 999999999999.999 tỷ, chi 1, còn 1")
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range Doubts(text, monday("10:00:00")) {
			if d.Kind == "" || !strings.Contains(strings.Join(strings.Fields(text), " "), strings.Join(strings.Fields(d.Wrote), " ")) {
				t.Errorf("%q doubts %+v, which it does not say", text, d)
			}
		}
		if c := Guess(text); c.check() != nil {
			t.Errorf("%q is of no field: %q", text, c)
		}
	})
}
