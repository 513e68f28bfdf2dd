package sound

import (
	"bytes"
	"slices"

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
	ADTS     Format = "aac" // AAC without a container, what cheap recorders call .aac
	AMR      Format = "amr" // narrow or wide band: old phones, call recorders
)

// decoders are the codecs that may be opened inside those containers; every
// other decoder of ffmpeg, and with it most of its attack surface, stays shut.
const decoders = "aac,alac,amrnb,amrwb,flac,mp3,mp3float,opus,vorbis," +
	"pcm_u8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_alaw,pcm_mulaw"

// Sniff tells the container from the first bytes of a file, never from its
// name. Anything else is refused: as what it is, where it is something people
// often send by mistake, otherwise as sound.not_audio.
func Sniff(b []byte) (Format, error) {
	rest, err := skipID3(b)
	if err != nil {
		return "", err
	}
	at := func(i int, magic string) bool {
		return len(rest) >= i+len(magic) && string(rest[i:i+len(magic)]) == magic
	}
	switch {
	case at(0, "RIFF") && at(8, "WAVE"):
		return WAV, nil
	case at(0, "OggS"):
		return Ogg, nil
	case at(0, "fLaC"):
		return FLAC, nil
	case at(4, "ftypheic"), at(4, "ftypmif1"), at(4, "ftypavif"):
		return "", mistaken(rest) // the same container, used for photographs
	case at(4, "ftyp"):
		return MOV, nil
	case at(0, "\x1A\x45\xDF\xA3"): // EBML, RFC 8794
		return Matroska, nil
	case at(0, "#!AMR\n"), at(0, "#!AMR-WB\n"): // RFC 4867, 5
		return AMR, nil
	case len(rest) >= 2 && rest[0] == 0xFF && rest[1]&0xF6 == 0xF0: // sync, layer 0: ISO 14496-3, 1.A
		return ADTS, nil
	case len(rest) >= 2 && rest[0] == 0xFF && rest[1]&0xE6 == 0xE2, // sync, Layer III
		len(rest) < len(b): // an ID3 tag and something odd after it: older recorders pad there
		return MP3, nil
	}
	return "", mistaken(rest)
}

// mistaken names what people often send instead of a sound.
func mistaken(b []byte) error {
	begins := func(magics ...string) bool {
		return slices.ContainsFunc(magics, func(m string) bool { return bytes.HasPrefix(b, []byte(m)) })
	}
	switch {
	case begins("PK\x03\x04", "PK\x05\x06", "Rar!", "7z\xBC\xAF", "\x1F\x8B"):
		return loa.Errorf(loa.Invalid, "sound.is_archive")
	case begins("%PDF", "\xD0\xCF\x11\xE0", "{\\rtf"):
		return loa.Errorf(loa.Invalid, "sound.is_document")
	case begins("\x89PNG", "\xFF\xD8\xFF", "GIF8"), len(b) > 12 && slices.Contains([]string{"ftypheic", "ftypmif1", "ftypavif"}, string(b[4:12])):
		return loa.Errorf(loa.Invalid, "sound.is_picture")
	case begins("#EXTM3U", "\xEF\xBB\xBF#EXTM3U", "[playlist]", "ffconcat"):
		return loa.Errorf(loa.Invalid, "sound.is_playlist")
	case begins("\x30\x26\xB2\x75"): // ASF: Windows' old recorder
		return loa.Errorf(loa.Invalid, "sound.is_wma")
	}
	return loa.Errorf(loa.Invalid, "sound.not_audio")
}

// skipID3 is what follows the ID3v2 tags at the head of a file (id3.org, 2.4.0,
// 3.1). A tag that claims more than the file holds is a file cut short or a lie.
func skipID3(b []byte) ([]byte, error) {
	for range 4 { // one is usual; writers that append have been seen to leave two
		if len(b) < 10 || string(b[:3]) != "ID3" {
			break
		}
		size := 10
		for i, v := range b[6:10] {
			if v >= 0x80 { // each byte carries seven bits
				return nil, loa.Errorf(loa.Invalid, "sound.damaged")
			}
			size += int(v) << (7 * (3 - i))
		}
		if b[5]&0x10 != 0 {
			size += 10 // a footer
		}
		if size >= len(b) {
			return nil, loa.Errorf(loa.Invalid, "sound.damaged")
		}
		b = b[size:]
	}
	return b, nil
}
