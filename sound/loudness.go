package sound

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Loudness is what EBU R 128 measures.
type Loudness struct {
	IntegratedLUFS float64 // −70 when nothing passes the gate
	TruePeakDB     float64 // dBTP; −Inf for digital silence
	Range          float64 // LU
}

// meter is the filter that measures; it writes its summary to standard error.
const meter = "ebur128=peak=true:framelog=verbose"

// readLoudness reads the summary of the meter, the last thing ffmpeg writes:
//
//	I:         -18.7 LUFS
//	LRA:         1.2 LU
//	Peak:        0.0 dBFS
func readLoudness(log string) (Loudness, error) {
	at := strings.LastIndex(log, "Summary:")
	if at < 0 {
		return Loudness{}, fmt.Errorf("read loudness: no summary")
	}
	var l Loudness
	want := map[string]*float64{"I:": &l.IntegratedLUFS, "LRA:": &l.Range, "Peak:": &l.TruePeakDB}
	for line := range strings.Lines(log[at:]) {
		words := strings.Fields(line)
		if len(words) != 3 || want[words[0]] == nil {
			continue
		}
		v, err := strconv.ParseFloat(words[1], 64)
		if err != nil || math.IsNaN(v) {
			return Loudness{}, fmt.Errorf("read loudness: %q", strings.TrimSpace(line))
		}
		*want[words[0]] = v
		delete(want, words[0])
	}
	if len(want) > 0 {
		return Loudness{}, fmt.Errorf("read loudness: the summary lacks %d of 3 values", len(want))
	}
	return l, nil
}

// setting is how a sound is made louder: by gain dB, with a limiter that lets
// no peak above ceiling dB through.
type setting struct{ gain, ceiling float64 }

const (
	rounds   = 7   // encodings at most
	search   = 4   // of them, those that look for the loudness
	near     = 0.3 // LU from the target that need no further round
	squash   = 12  // dB the limiter may take: more, and a click becomes a roar
	headroom = 1.0 // dB: in half an hour, encoding lifts some frame by 0.8
	spare    = 0.3 // dB below what a measurement asks for
)

// firstSetting is the gain that would do if the limiter took nothing.
func firstSetting(before Loudness) setting {
	return setting{TargetLUFS - before.IntegratedLUFS, TruePeakLimit - headroom}.bounded(before)
}

func (s setting) bounded(before Loudness) setting {
	s.gain = min(s.gain, s.ceiling+squash-before.TruePeakDB)
	return s
}

// next judges what a setting gave and says what to try in the round after this
// one (counted from 0). The first rounds look for the loudness; the last ones
// hold the peak by turning the whole sound down, gain and ceiling alike, which
// leaves the limiter's work as it is and so must succeed.
func (s setting) next(round int, before, after Loudness) (_ setting, done bool) {
	short, over := TargetLUFS-after.IntegratedLUFS, after.TruePeakDB-TruePeakLimit
	searching := round < search-1
	if over <= 0 && (math.Abs(short) <= near || !searching) {
		return s, true
	}
	lower := 0.0
	if over > 0 {
		lower = over + spare
	}
	if !searching {
		return setting{s.gain - lower, s.ceiling - lower}, false
	}
	if before.TruePeakDB+s.gain > s.ceiling {
		short *= 1.5 // the limiter eats part of what is added
	}
	return setting{s.gain + short, s.ceiling - lower}.bounded(before), false
}
