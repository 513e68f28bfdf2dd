package sound

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const summary = `[Parsed_ebur128_0 @ 0x55] Summary:

  Integrated loudness:
    I:         -18.7 LUFS
    Threshold: -28.8 LUFS

  Loudness range:
    LRA:         1.2 LU
    Threshold: -38.8 LUFS
    LRA low:   -19.4 LUFS
    LRA high:  -18.1 LUFS

  True peak:
    Peak:       -0.4 dBFS
`

func TestReadLoudness(t *testing.T) {
	good := Loudness{IntegratedLUFS: -18.7, TruePeakDB: -0.4, Range: 1.2}
	tests := []struct {
		name, log string
		want      Loudness
		err       string
	}{
		{"a summary", summary, good, ""},
		{"a title that looks like one", "title : Summary:\n I: 0.0 LUFS\n" + summary, good, ""},
		{"digital silence", strings.Replace(summary, "-0.4", "-inf", 1), Loudness{-18.7, math.Inf(-1), 1.2}, ""},
		{"nothing", "", Loudness{}, "no summary"},
		{"cut off", summary[:strings.Index(summary, "True peak")], Loudness{}, "lacks 1 of 3"},
		{"not a number", strings.Replace(summary, "-18.7", "nan", 1), Loudness{}, `"I:         nan LUFS"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readLoudness(tt.log)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error = %v, want %q", err, tt.err)
			}
		})
	}
}

// TestSetting plays encoder: the limiter gives back half of what is asked of it
// as loudness, and encoding lifts the peak by a different amount each round.
// However unlucky, the search ends below the peak limit, and near the target
// unless the limiter's bound forbids it.
func TestSetting(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 10_000 {
		before := Loudness{IntegratedLUFS: -50 + 45*r.Float64()}
		crest := 3 + 12*r.Float64()
		before.TruePeakDB = before.IntegratedLUFS + crest
		s, done := firstSetting(before), false
		var after Loudness
		for round := 0; round < rounds && !done; round++ {
			limited := max(0, before.TruePeakDB+s.gain-s.ceiling)
			if limited > squash+1e-9 {
				t.Fatalf("the limiter takes %.1f dB", limited)
			}
			after = Loudness{
				IntegratedLUFS: before.IntegratedLUFS + s.gain - limited/2,
				TruePeakDB:     before.TruePeakDB + s.gain - limited + 1.3*r.Float64(),
			}
			s, done = s.next(round, before, after)
		}
		if !done || after.TruePeakDB > TruePeakLimit {
			t.Fatalf("crest %.1f from %+v ends at %+v, done %v", crest, before, after, done)
		}
		if off := math.Abs(after.IntegratedLUFS - TargetLUFS); off > 2 {
			t.Fatalf("crest %.1f from %+v ends %.1f LU from the target", crest, before, off)
		}
	}
}
