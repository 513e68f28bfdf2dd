package sound

import "time"

// What a canonical sound is, beside its frames (wire.FrameBytes and
// wire.FrameDuration): how loud, how long.
const (
	// TargetLUFS is the integrated loudness every sound is set to (EBU R 128
	// measures it; −16 LUFS is usual for speech on small loudspeakers).
	TargetLUFS = -16.0
	// TruePeakLimit is the highest true peak in dBTP, after encoding.
	TruePeakLimit = -1.5
	// MaxDuration is the longest sound that is taken.
	MaxDuration = 30 * time.Minute
	// MinDuration is the shortest recording that is taken: less is a slip of the
	// thumb, not a notice.
	MinDuration = time.Second
)

const (
	sampleRate = 32_000
	// quietest is the loudness below which nothing is audible: lifting it to
	// the target would lift noise by 39 dB.
	quietest = -55.0
)

// canonicalArgs are the ffmpeg output options of the canonical form: 64 kbit/s
// constant, mono, 32 kHz, no bit reservoir (every frame stands alone), no Xing
// frame, no ID3, nothing of the source's metadata.
func canonicalArgs() []string {
	return []string{
		"-map_metadata", "-1", "-ac", "1", "-ar", "32000",
		"-c:a", "libmp3lame", "-b:a", "64k", "-reservoir", "0",
		"-write_xing", "0", "-id3v2_version", "0", "-f", "mp3",
	}
}
