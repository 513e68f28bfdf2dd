package voice

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// pcm is the sound of a WAV file and how it is to be played.
type pcm struct {
	channels uint16
	rate     uint32 // samples per second
	data     []byte // 16 bits a sample, little-endian
}

// readPCM takes the samples out of a WAV file whose lengths are true (fixWAV)
// and refuses every form but plain 16-bit PCM of one or two channels.
func readPCM(b []byte) (p pcm, err error) {
	for at := 12; at+8 <= len(b); {
		size := int(binary.LittleEndian.Uint32(b[at+4:]))
		body := b[at+8:]
		switch string(b[at : at+4]) {
		case "fmt ":
			format, bits := binary.LittleEndian.Uint16(body), binary.LittleEndian.Uint16(body[14:])
			p.channels, p.rate = binary.LittleEndian.Uint16(body[2:]), binary.LittleEndian.Uint32(body[4:])
			if format != 1 || bits != 16 || p.channels < 1 || p.channels > 2 || p.rate < 8000 || p.rate > 48000 {
				return p, fmt.Errorf("format %d, %d bits, %d channels, %d Hz", format, bits, p.channels, p.rate)
			}
		case "data":
			p.data = body[:size-size%(2*int(p.channels))]
			return p, nil
		}
		at += 8 + size + size&1
	}
	return p, errors.New("no data chunk")
}

// wav writes the samples as a WAV file of ours: a header of 44 bytes and nothing
// else, whatever the engine's file held.
func (p pcm) wav() []byte {
	b := bytes.NewBuffer(make([]byte, 0, 44+len(p.data)))
	frame := 2 * p.channels
	for _, v := range []any{[]byte("RIFF"), uint32(36 + len(p.data)), []byte("WAVEfmt "), uint32(16), uint16(1), p.channels, p.rate,
		p.rate * uint32(frame), frame, uint16(16), []byte("data"), uint32(len(p.data)), p.data} {
		_ = binary.Write(b, binary.LittleEndian, v) // a buffer takes everything
	}
	return b.Bytes()
}

// silence is so much of nothing, in whole frames.
func (p pcm) silence(d time.Duration) []byte {
	return make([]byte, 2*int(p.channels)*int(d*time.Duration(p.rate)/time.Second))
}

// join puts sounds of one form one behind the other, with each chunk's silence
// after it.
func join(chunks []Chunk, sounds [][]byte) ([]byte, error) {
	var all pcm
	for i, b := range sounds {
		b, err := fixWAV(b)
		if err != nil {
			return nil, err
		}
		p, err := readPCM(b)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			all.channels, all.rate = p.channels, p.rate
		} else if p.channels != all.channels || p.rate != all.rate {
			return nil, fmt.Errorf("piece %d has another form", i)
		}
		all.data = append(append(all.data, p.data...), p.silence(chunks[i].Pause)...)
		if len(all.data) > maxWAV {
			return nil, errTooLong
		}
	}
	return all.wav(), nil
}
