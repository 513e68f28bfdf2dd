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
