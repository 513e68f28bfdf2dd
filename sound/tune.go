package sound

import (
	"encoding/binary"
	"math"
)

// note is a bell's: from a moment on, at a pitch, so loud.
type note struct{ at, hertz, level float64 }

// Chime is the bell before a notice (chuông báo), two strokes falling a third,
// as a WAV of ours: nobody else's licence hangs on it.
func Chime() []byte {
	return bells(2.4, []note{{0, 659.26, 0.5}, {0.6, 523.25, 0.5}})
}

// Tune is a short melody of our own (nhạc hiệu) on the five notes of the
// southern scale, for stations that have none yet.
func Tune() []byte {
	const beat = 0.42
	pitches := []float64{392, 440, 523.25, 587.33, 659.26, 587.33, 523.25, 440, 523.25, 659.26, 783.99, 659.26, 587.33, 523.25}
	lengths := []float64{1, 1, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 4}
	var all []note
	at := 0.0
	for i, p := range pitches {
		all = append(all, note{at, p, 0.4}, note{at, p / 2, 0.15})
		at += lengths[i] * beat
	}
	return bells(at+0.8, all)
}

// bells plays notes as bars of metal sound: a fundamental and three partials
// that die faster the higher they are, with a soft attack so that nothing clicks.
func bells(seconds float64, notes []note) []byte {
	partials := []struct{ ratio, level, decay float64 }{{1, 1, 2.2}, {2.76, 0.35, 4.5}, {5.4, 0.12, 8}, {2, 0.2, 3}}
	n := int(seconds * sampleRate)
	mix := make([]float64, n)
	for _, b := range notes {
		for i := int(b.at * sampleRate); i < n; i++ {
			t := float64(i)/sampleRate - b.at
			v := 0.0
			for _, p := range partials {
				v += p.level * math.Exp(-p.decay*t) * math.Sin(2*math.Pi*b.hertz*p.ratio*t)
			}
			mix[i] += b.level * v * min(1, t/0.005) * min(1, float64(n-i)/(0.2*sampleRate))
		}
	}
	return wav(mix)
}

// wav writes samples, the loudest at 0.7 of full scale, as a mono file of 16 bits.
func wav(mix []float64) []byte {
	n := len(mix)
	peak := 0.0
	for _, v := range mix {
		peak = max(peak, math.Abs(v))
	}
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	binary.LittleEndian.PutUint32(b[4:], uint32(36+2*n))
	b = binary.LittleEndian.AppendUint32(b, sampleRate)
	b = binary.LittleEndian.AppendUint32(b, sampleRate*2)
	b = append(b, 2, 0, 16, 0)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*n))
	for _, v := range mix {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(0.7*32767*v/peak)))
	}
	return b
}

// Siren is the alarm signal (còi báo động) as a WAV of ours: three slow swells
// between 420 and 880 hertz, odd partials above, which carries out of doors and is
// no country's official signal. It says "listen": what to do is said after it.
func Siren() []byte {
	const swell, swells, gap = 2.6, 3, 0.15
	n := int((swell + gap) * swells * sampleRate)
	mix := make([]float64, n)
	phase := 0.0
	for i := range mix {
		t := math.Mod(float64(i)/sampleRate, swell+gap)
		if t > swell {
			continue
		}
		rise := 0.5 - 0.5*math.Cos(2*math.Pi*t/swell)
		phase += 2 * math.Pi * (420 + 460*rise) / sampleRate
		edge := min(1, t/0.02, (swell-t)/0.05)
		mix[i] = edge * (math.Sin(phase) + 0.3*math.Sin(3*phase) + 0.12*math.Sin(5*phase))
	}
	return wav(mix)
}
