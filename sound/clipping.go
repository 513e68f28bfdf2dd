package sound

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"
)

// Clipping is how much of a sound stands at the end of the scale: the recorder
// was too close or its gain too high, and what was above is lost for good.
type Clipping struct {
	Share   float64       // of all samples, those in flat tops
	Seconds int           // that are badly clipped
	Worst   time.Duration // where it is worst, to the second
}

const (
	fullScale = 32_250 // of 32,767: −0.14 dB; resampling lets a flat top ripple
	flatTop   = 3      // samples in a row at full scale: a loud crest has one or two
	badSecond = 0.01   // share of flat tops in one second that is heard as rasping
	badSound  = 0.05   // share of such seconds at which the recording is refused
)

// Heavy reports whether the sound is refused.
func (c Clipping) Heavy(long time.Duration) bool {
	return c.Seconds > 0 && float64(c.Seconds) >= badSound*max(1, long.Seconds())
}

// findClipping looks at a mono 16-bit WAV of ours. It sees what reached full
// scale; a recording that was clipped and then turned down passes, and the
// person who must hear it before approving is the judge of that.
func findClipping(wav []byte) (Clipping, error) {
	at := bytes.Index(wav[:min(len(wav), 256)], []byte("data"))
	if at < 0 || len(wav) < at+8 {
		return Clipping{}, fmt.Errorf("look for clipping: no data chunk")
	}
	pcm := wav[at+8:]
	var c Clipping
	var flat, run, worst, all int // flat tops of this second; the run just now; the worst second's; of the whole
	second := func(i int) {
		if flat > worst {
			worst, c.Worst = flat, time.Duration(i)*time.Second
		}
		if float64(flat) > badSecond*sampleRate {
			c.Seconds++
		}
		all += flat
		flat = 0
	}
	n := len(pcm) / 2
	for i := range n {
		if i > 0 && i%sampleRate == 0 {
			second(i/sampleRate - 1)
		}
		v := int(int16(binary.LittleEndian.Uint16(pcm[2*i:])))
		if v < fullScale && v > -fullScale {
			run = 0
			continue
		}
		run++
		switch {
		case run == flatTop:
			flat += flatTop
		case run > flatTop:
			flat++
		}
	}
	if n > 0 {
		second((n - 1) / sampleRate)
		c.Share = float64(all) / float64(n)
	}
	return c, nil
}
