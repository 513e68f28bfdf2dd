//go:build linux && (amd64 || arm64)

package sound_test

import (
	"math"
	"testing"
	"time"

	"loa/sound"
)

// Our own bell and melody pass the door that everybody's recordings pass.
func TestOwnTunes(t *testing.T) {
	e := encoder(t)
	for name, tt := range map[string]struct {
		wav  []byte
		long time.Duration
	}{"chime": {sound.Chime(), 2400 * time.Millisecond}, "tune": {sound.Tune(), 9200 * time.Millisecond}, "siren": {sound.Siren(), 8250 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			res, err := e.Canonical(t.Context(), tt.wav, sound.WAV)
			if err != nil {
				t.Fatal(err)
			}
			checkCanonical(t, res, tt.long)
			if math.Abs(res.After.IntegratedLUFS-sound.TargetLUFS) > 2 || res.Clipping.Share > 0 {
				t.Errorf("%+v, %+v", res.After, res.Clipping)
			}
		})
	}
}
