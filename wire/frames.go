package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// The canonical sound is MPEG-1 Layer III (ISO/IEC 11172-3), 64 kbit/s
// constant, mono, 32 kHz. A frame holds 1152 samples: 1152/32000 s = 36 ms and
// 64000/8 × 0.036 = 288 bytes, without padding, so a device finds any moment of
// a sound by arithmetic.
const (
	FrameBytes    = 288
	FrameDuration = 36 * time.Millisecond
)

const (
	// frameHeader is the four bytes that open every frame: sync, MPEG-1 Layer
	// III, no checksum; 64 kbit/s, 32 kHz, no padding; mono, "original".
	frameHeader = 0xFFFB58C4
	// maxFrames bounds a sound to an hour, so that a hostile file cannot fill
	// a speaker's disk.
	maxFrames = 100_000
)

// CheckFrames reports how many frames b holds, or why it is not in the
// canonical form. It looks at the header of every frame and at its
// main_data_begin, which must be 0: no frame borrows bits from an earlier one,
// so playing can begin at any frame. Tags, Xing frames and anything before,
// between or after the frames are refused. It does not decode.
func CheckFrames(b []byte) (frames int, err error) {
	if len(b) == 0 {
		return 0, errors.New("check frames: no bytes")
	}
	if len(b)%FrameBytes != 0 {
		return 0, fmt.Errorf("check frames: %d bytes are no multiple of %d", len(b), FrameBytes)
	}
	frames = len(b) / FrameBytes
	if frames > maxFrames {
		return 0, fmt.Errorf("check frames: %d frames, at most %d", frames, maxFrames)
	}
	for i := range frames {
		f := b[i*FrameBytes:]
		if h := binary.BigEndian.Uint32(f); h != frameHeader {
			return 0, fmt.Errorf("check frames: frame %d has header %08X, not %08X", i, h, uint32(frameHeader))
		}
		// main_data_begin is the first nine bits after the header (2.4.1.7).
		if back := int(binary.BigEndian.Uint16(f[4:])) >> 7; back != 0 {
			return 0, fmt.Errorf("check frames: frame %d needs %d earlier bytes", i, back)
		}
	}
	return frames, nil
}
