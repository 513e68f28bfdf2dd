//go:build linux && (amd64 || arm64)

package sound_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"loa"
	"loa/sound"
	"loa/wire"
)

// kept reads a file of testdata.
func kept(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Old phones: AMR bare and inside 3GP.
func TestOldPhones(t *testing.T) {
	in3GP := func(name string) []byte {
		out := filepath.Join(t.TempDir(), "a.3gp")
		b, err := exec.Command("ffmpeg", "-v", "error", "-f", "amr", "-i", filepath.Join("testdata", name), "-c", "copy", out).CombinedOutput()
		if err != nil {
			t.Fatalf("%v %s", err, b)
		}
		if b, err = os.ReadFile(out); err != nil {
			t.Fatal(err)
		}
		return b
	}
	e := encoder(t)
	for name, tt := range map[string]struct {
		src    []byte
		format sound.Format
	}{
		"narrow band":         {kept(t, "notice.amr"), sound.AMR},
		"wide band":           {kept(t, "notice.awb"), sound.AMR},
		"narrow band in 3GP":  {in3GP("notice.amr"), sound.MOV},
		"wide band in 3GP":    {in3GP("notice.awb"), sound.MOV},
		"narrow band, broken": {kept(t, "notice.amr")[:2000], sound.AMR},
	} {
		t.Run(name, func(t *testing.T) {
			format, err := sound.Sniff(tt.src)
			if err != nil || format != tt.format {
				t.Fatalf("sniffed %q, %v; want %q", format, err, tt.format)
			}
			res, err := e.Canonical(t.Context(), tt.src, format)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := wire.CheckFrames(res.MP3); err != nil || res.Duration < time.Second {
				t.Errorf("%v, %v", res.Duration, err)
			}
		})
	}
}

// box is an MP4 atom.
func box(kind string, body ...[]byte) []byte {
	b := bytes.Join(body, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(b)+8)), kind...), b...)
}

// TestHostile sends what somebody sends on purpose (S-10). Each is refused with
// a sentence, or becomes a proper sound; it takes seconds, and no server hears
// of it.
func TestHostile(t *testing.T) {
	addr, came := listen(t)
	good := wav(16_000, 4*time.Second, babble(0.3))
	mp3 := convert(t, good, "a.mp3")
	m4a := convert(t, good, "a.m4a", "-c:a", "aac")
	ogg := convert(t, good, "a.ogg", "-c:a", "libopus")
	header := func(rate, channels, bits int) []byte {
		h := bytes.Clone(good)
		binary.LittleEndian.PutUint16(h[22:], uint16(channels))
		binary.LittleEndian.PutUint32(h[24:], uint32(rate))
		binary.LittleEndian.PutUint16(h[32:], uint16(channels*bits/8))
		binary.LittleEndian.PutUint16(h[34:], uint16(bits))
		return h
	}
	nested := []byte("end")
	for range 20_000 {
		nested = box("moov", nested)
		if len(nested) > 200_000 {
			break
		}
	}
	url := "http://" + addr + "/a.mp3"
	reference := box("ftyp", []byte("qt  \x00\x00\x00\x00"))
	reference = append(reference, box("moov", box("rmra", box("rmda", box("rdrf", []byte("\x00\x00\x00\x00url "), binary.BigEndian.AppendUint32(nil, uint32(len(url)+1)), []byte(url+"\x00")))))...)
	const refused, whole = "refused", "whole"
	tests := []struct {
		name string
		src  []byte
		key  string // of the refusal; "refused" is any of a person's, "whole" none, "" either
	}{
		{"a zip named mp3", []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00 sound.mp3"), "sound.is_archive"},
		{"an HLS playlist", []byte("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n" + url + "\n#EXT-X-ENDLIST\n"), "sound.is_playlist"},
		{"an m3u", []byte("#EXTM3U\n" + url + "\n"), "sound.is_playlist"},
		{"a bare link", []byte(url + "\n"), "sound.not_audio"},
		{"a pls", []byte("[playlist]\nFile1=" + url + "\n"), "sound.is_playlist"},
		{"a concat script", []byte("ffconcat version 1.0\nfile '" + url + "'\n"), "sound.is_playlist"},
		{"an SDP", []byte("v=0\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n"), "sound.not_audio"},
		{"a DASH manifest", []byte("<?xml version=\"1.0\"?><MPD><Period><BaseURL>" + url + "</BaseURL></Period></MPD>"), "sound.not_audio"},
		{"a playlist behind an ID3 tag", append([]byte("ID3\x03\x00\x00\x00\x00\x00\x00"), "#EXTM3U\n"+url+"\n"...), refused},
		{"a movie that refers elsewhere", reference, refused},
		{"a picture", []byte("\x89PNG\r\n\x1a\n"), "sound.is_picture"},
		{"a Word file", []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), "sound.is_document"},
		{"a WMA", []byte("\x30\x26\xB2\x75\x8E\x66\xCF\x11"), "sound.is_wma"},
		{"an ID3 tag that claims 200 MB", append([]byte("ID3\x04\x00\x00\x5f\x2f\x00\x00"), mp3...), "sound.damaged"},
		{"ID3 tags without end", bytes.Repeat([]byte("ID3\x04\x00\x00\x00\x00\x00\x00"), 50_000), refused},
		{"a WAV of four thousand million samples a second", header(4_000_000_000, 1, 16), ""},
		{"a WAV of 65,535 channels", header(16_000, 65_535, 16), refused},
		{"a WAV of one sample a second", header(1, 1, 16), ""},
		{"a WAV that claims to be endless", endless(good), whole},
		{"atoms within atoms", append(box("ftyp", []byte("M4A \x00\x00\x00\x00")), nested...), refused},
		{"an atom that is longer than the world", append(box("ftyp", []byte("M4A \x00\x00\x00\x00")), "\x00\x00\x00\x01moov\x7f\xff\xff\xff\xff\xff\xff\xff"...), refused},
		{"a film without sound", convert(t, good, "a.mp4", "-f", "lavfi", "-i", "color=blue:s=64x64:d=2", "-map", "1", "-c:v", "mpeg4"), "sound.no_track"},
		{"half an MP3", mp3[:len(mp3)/2], whole},
		{"an MP3 whose middle is noise", noisy(mp3), whole},
		{"half an M4A, whose index is at the end", m4a[:len(m4a)/2], "sound.damaged"},
		{"an M4A cut in its last atom", m4a[:len(m4a)-200], ""},
		{"half an Ogg", ogg[:len(ogg)/2], whole},
		{"an Ogg whose middle is noise", noisy(ogg), ""},
		{"only an Ogg's first page", ogg[:200], refused},
	}
	e := encoder(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			format, err := sound.Sniff(tt.src)
			var res sound.Result
			if err == nil {
				res, err = e.Canonical(t.Context(), tt.src, format)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("it kept the machine busy for %v", took)
			}
			switch {
			case err != nil && loa.CodeOf(err) != loa.Invalid:
				t.Errorf("error = %v, want a person's mistake", err)
			case err == nil && tt.key == refused, err != nil && tt.key == whole:
				t.Errorf("error = %v, want it %s", err, tt.key)
			case tt.key != refused && tt.key != whole && tt.key != "" && loa.KeyOf(err) != tt.key:
				t.Errorf("error = %v, want %s", err, tt.key)
			}
			if err == nil {
				if _, err := wire.CheckFrames(res.MP3); err != nil {
					t.Error(err)
				}
			}
		})
	}
	if came() {
		t.Error("somebody called the server that a file named")
	}
}

// endless gives a WAV the sizes of a recorder that was switched off.
func endless(wav []byte) []byte {
	b := bytes.Clone(wav)
	binary.LittleEndian.PutUint32(b[4:], 0xFFFFFFFF)
	binary.LittleEndian.PutUint32(b[40:], 0xFFFFFFFF)
	return b
}

// noisy overwrites a tenth in the middle.
func noisy(b []byte) []byte {
	b = bytes.Clone(b)
	for i := range len(b) / 10 {
		b[len(b)/2+i] = byte(i * 151)
	}
	return b
}

// TestBomb: ten hours of silence fit into a file that any phone can send.
func TestBomb(t *testing.T) {
	out := filepath.Join(t.TempDir(), "bomb.ogg")
	// One minute is encoded and looped by copying packets, or making it would be
	// the longest part of the test.
	minute := filepath.Join(t.TempDir(), "minute.ogg")
	for _, args := range [][]string{
		{"-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono", "-t", "60", "-c:a", "libopus", "-b:a", "6k", minute},
		{"-stream_loop", "599", "-i", minute, "-c", "copy", out},
	} {
		if b, err := exec.Command("ffmpeg", append([]string{"-v", "error"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, b)
		}
	}
	src, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, err = encoder(t).Canonical(t.Context(), src, sound.Ogg)
	took := time.Since(start)
	t.Logf("%d KB for ten hours; refused after %v", len(src)>>10, took)
	if loa.KeyOf(err) != "sound.too_long" {
		t.Errorf("error = %v, want sound.too_long", err)
	}
	if took > time.Minute {
		t.Errorf("it kept the machine busy for %v", took)
	}
}

// TestClipping: what rasps is measured, and where.
func TestClipping(t *testing.T) {
	quiet := babble(0.3)
	rasp := func(from, to float64) func(float64) float64 {
		return func(s float64) float64 {
			v := quiet(s)
			if s >= from && s < to {
				return 40 * v
			}
			return v
		}
	}
	e := encoder(t)
	for _, tt := range []struct {
		name     string
		from, to float64
		refused  bool
		worst    time.Duration
	}{
		{"nowhere", 0, 0, false, 0},
		{"a cough", 12, 12.2, false, 12 * time.Second},
		{"three seconds", 7, 10, true, 0},
	} {
		for _, as := range []string{"wav", "m4a"} {
			t.Run(tt.name+" "+as, func(t *testing.T) {
				src := wav(22_050, 25*time.Second, rasp(tt.from, tt.to))
				if as != "wav" {
					src = convert(t, src, "a."+as)
				}
				format, err := sound.Sniff(src)
				if err != nil {
					t.Fatal(err)
				}
				res, err := e.Canonical(t.Context(), src, format)
				if !tt.refused {
					if err != nil {
						t.Fatal(err)
					}
					if res.Clipping.Worst != tt.worst || (res.Clipping.Share > 0) != (tt.to > 0) {
						t.Errorf("%+v, want the worst at %v", res.Clipping, tt.worst)
					}
					return
				}
				if loa.KeyOf(err) != "sound.clipped" {
					t.Fatalf("error = %v, want sound.clipped", err)
				}
				t.Log(err)
			})
		}
	}
}

func FuzzSniff(f *testing.F) {
	for _, s := range []string{"RIFF\x00\x00\x00\x00WAVE", "ID3\x04\x00\x00\x00\x00\x00\x02xx\xFF\xF1\x50\x80", "\x00\x00\x00\x20ftypM4A ", "#!AMR\n", "#EXTM3U", "PK\x03\x04"} {
		f.Add([]byte(s))
	}
	known := []sound.Format{sound.WAV, sound.MP3, sound.Ogg, sound.MOV, sound.Matroska, sound.FLAC, sound.ADTS, sound.AMR}
	f.Fuzz(func(t *testing.T, b []byte) {
		format, err := sound.Sniff(b)
		if slices.Contains(known, format) {
			if err != nil {
				t.Fatalf("%q and %v", format, err)
			}
			return
		}
		if format != "" || loa.CodeOf(err) != loa.Invalid {
			t.Fatalf("%q, %v", format, err)
		}
	})
}
