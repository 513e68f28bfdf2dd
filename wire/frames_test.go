package wire_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"loa/wire"
)

// silentFrame is one canonical frame whose side info and data are all zero.
func silentFrame() []byte {
	f := make([]byte, wire.FrameBytes)
	copy(f, []byte{0xFF, 0xFB, 0x58, 0xC4})
	return f
}

// spoil returns three good frames with one byte replaced.
func spoil(at int, to byte) []byte {
	b := bytes.Repeat(silentFrame(), 3)
	b[at] = to
	return b
}

func TestCheckFrames(t *testing.T) {
	tests := []struct {
		name   string
		in     []byte
		frames int
		err    string
	}{
		{"one frame", silentFrame(), 1, ""},
		{"the longest sound", bytes.Repeat(silentFrame(), 100_000), 100_000, ""},
		{"one frame more", bytes.Repeat(silentFrame(), 100_001), 0, "100001 frames, at most 100000"},
		{"nothing", nil, 0, "no bytes"},
		{"a cut frame", silentFrame()[:287], 0, "287 bytes are no multiple of 288"},
		{"a byte too many", append(silentFrame(), 0), 0, "289 bytes are no multiple of 288"},
		{"ID3 in front", append([]byte("ID3"), make([]byte, 285)...), 0, "frame 0 has header 49443300"},
		{"other bitrate", spoil(288+2, 0x68), 0, "frame 1 has header FFFB68C4"},
		{"other sample rate", spoil(288+2, 0x54), 0, "frame 1 has header FFFB54C4"},
		{"padding", spoil(288+2, 0x5A), 0, "frame 1 has header FFFB5AC4"},
		{"stereo", spoil(576+3, 0x04), 0, "frame 2 has header FFFB5804"},
		{"with checksum", spoil(1, 0xFA), 0, "frame 0 has header FFFA58C4"},
		{"borrows 1 byte", spoil(288+5, 0x80), 0, "frame 1 needs 1 earlier bytes"},
		{"borrows 2 bytes", spoil(288+4, 0x01), 0, "frame 1 needs 2 earlier bytes"},
		{"borrows 510 bytes", spoil(576+4, 0xFF), 0, "frame 2 needs 510 earlier bytes"},
		{"private bits are free", spoil(288+5, 0x7F), 3, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			frames, err := wire.CheckFrames(tt.in)
			if frames != tt.frames {
				t.Errorf("frames = %d, want %d", frames, tt.frames)
			}
			if tt.err == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error = %v, want one that says %q", err, tt.err)
			}
		})
	}
}

// The constants and the bitrate of 64 kbit/s are one arithmetic.
func TestFrameArithmetic(t *testing.T) {
	if got := wire.FrameBytes * 8 * time.Second / 64_000; got != wire.FrameDuration {
		t.Errorf("%d bytes at 64 kbit/s last %v, want %v", wire.FrameBytes, got, wire.FrameDuration)
	}
}

func FuzzCheckFrames(f *testing.F) {
	f.Add(silentFrame())
	f.Add(bytes.Repeat(silentFrame(), 3))
	f.Add(spoil(288+4, 0x01))
	f.Add(silentFrame()[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		frames, err := wire.CheckFrames(b)
		if err != nil {
			if frames != 0 {
				t.Fatalf("refused, yet %d frames", frames)
			}
			return
		}
		if frames < 1 || frames*wire.FrameBytes != len(b) {
			t.Fatalf("%d frames in %d bytes", frames, len(b))
		}
		// What is accepted whole is accepted from any frame on.
		if _, err := wire.CheckFrames(b[(frames-1)*wire.FrameBytes:]); err != nil {
			t.Fatalf("the last frame alone: %v", err)
		}
	})
}
