package sound

import (
	"bytes"

	"loa"
)

// Format is a container that is taken; its text is the name of the ffmpeg
// demuxer that is forced for it, so that no other demuxer (playlists, concat
// scripts, network formats) can be chosen by the file's own bytes.
type Format string

// The containers that are taken.
const (
	WAV      Format = "wav"
	MP3      Format = "mp3"
	Ogg      Format = "ogg"      // Opus or Vorbis
	MOV      Format = "mov"      // also M4A, MP4, 3GP: what phones record
	Matroska Format = "matroska" // also WebM: what browsers record
	FLAC     Format = "flac"
)

// decoders are the codecs that may be opened inside those containers; every
// other decoder of ffmpeg, and with it most of its attack surface, stays shut.
const decoders = "aac,alac,amrnb,amrwb,flac,mp3,mp3float,opus,vorbis," +
	"pcm_u8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_alaw,pcm_mulaw"

// Sniff tells the container from the first bytes of a file, never from its
// name. Anything else is refused as sound.not_audio.
func Sniff(b []byte) (Format, error) {
	at := func(i int, magic string) bool {
		return len(b) >= i+len(magic) && string(b[i:i+len(magic)]) == magic
	}
	switch {
	case at(0, "RIFF") && at(8, "WAVE"):
		return WAV, nil
	case at(0, "OggS"):
		return Ogg, nil
	case at(0, "fLaC"):
		return FLAC, nil
	case at(4, "ftyp"):
		return MOV, nil
	case bytes.HasPrefix(b, []byte{0x1A, 0x45, 0xDF, 0xA3}): // EBML, RFC 8794
		return Matroska, nil
	case at(0, "ID3"), len(b) >= 2 && b[0] == 0xFF && b[1]&0xE6 == 0xE2: // sync, Layer III
		return MP3, nil
	}
	return "", loa.Errorf(loa.Invalid, "sound.not_audio")
}
