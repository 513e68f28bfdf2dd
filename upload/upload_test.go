//go:build linux && (amd64 || arm64)

package upload_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/db"
	"loa/db/dbtest"
	"loa/document"
	"loa/journal"
	"loa/sandbox"
	"loa/sound"
	"loa/upload"
	"loa/wire"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "sandbox-exec" {
		os.Exit(sandbox.Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}

const commune = loa.Path("vn/98/98011")

// head is a hamlet head: writes for the commune.
func head(id string) loa.Actor {
	return loa.Actor{ID: id, Name: "Ông Bảy", Grants: []loa.Grant{{Path: commune, Rights: []loa.Right{loa.RightWrite}}}}
}

func room(t *testing.T, d *db.DB, dir string) *upload.Room {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &upload.Room{DB: d, Blobs: &db.Blobs{Dir: filepath.Join(dir, "blobs")}, Dir: filepath.Join(dir, "upload"),
		Sounds: sound.Encoder{Self: self, Dir: t.TempDir()}, Texts: document.Reader{Self: self}, Said: func(string, journal.Entry) {}}
}

// speech is two seconds of something like a voice, as a WAV of 64 KB.
func speech() []byte {
	const rate, n = 16_000, 32_000
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate*2)
	b = append(b, 2, 0, 16, 0)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, n*2)
	for i := range n {
		s := float64(i) / rate
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(9000*math.Sin(2*math.Pi*3*s)*math.Sin(2*math.Pi*310*s))))
	}
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, err error, key string) {
	t.Helper()
	if loa.KeyOf(err) != key {
		t.Errorf("error = %v, want %s", err, key)
	}
}

// TestComesHome is a recording over a bad link: sent in pieces, one of them
// twice, one at a wrong place, by a process that dies in the middle.
func TestComesHome(t *testing.T) {
	clock := loa.NewHandClock(time.Date(2026, 11, 23, 7, 0, 0, 0, loa.Zone()))
	dbtest.EachAt(t, clock, func(t *testing.T, d *db.DB) {
		dir, who, src := t.TempDir(), head("p1"), speech()
		r := room(t, d, dir)
		u, err := r.Begin(t.Context(), who, commune, upload.Recorded, `C:\fakepath\ghi am.webm`, -1)
		must(t, err)
		if u.Name != "ghi am.webm" {
			t.Errorf("name %q", u.Name)
		}
		next, err := r.Piece(t.Context(), who, u.ID, 0, src[:10_000])
		must(t, err)
		again, err := r.Piece(t.Context(), who, u.ID, 0, src[:10_000]) // the answer was lost
		must(t, err)
		if next != 10_000 || again != next {
			t.Errorf("offsets %d, %d; want 10000", next, again)
		}
		end, err := r.Piece(t.Context(), who, u.ID, 12_000, src[12_000:13_000])
		wants(t, err, "upload.offset")
		if end != 10_000 {
			t.Errorf("told the true offset %d, want 10000", end)
		}
		_, err = r.Piece(t.Context(), who, u.ID, 0, []byte("other bytes"))
		wants(t, err, "upload.offset")

		r = room(t, d, dir) // another process
		if _, offset, err := r.Find(t.Context(), who, u.ID); err != nil || offset != 10_000 {
			t.Fatalf("after a restart: %d, %v", offset, err)
		}
		_, err = r.Piece(t.Context(), who, u.ID, 10_000, src[10_000:])
		must(t, err)
		u, err = r.Finish(t.Context(), who, u.ID)
		must(t, err)
		if u.State != upload.Kept || u.Source != loa.Hash(src) || u.Bytes != int64(len(src)) || u.Rasps != -1 {
			t.Errorf("finished as %+v", u)
		}
		mp3, err := r.Blobs.Get(u.Media)
		must(t, err)
		if frames, err := wire.CheckFrames(mp3); err != nil || int64(frames)*wire.FrameDuration.Milliseconds() != u.MediaMS {
			t.Errorf("%d frames, %d ms, %v", frames, u.MediaMS, err)
		}
		if raw, err := r.Blobs.Get(u.Source); err != nil || !bytes.Equal(raw, src) {
			t.Errorf("the source is not what was sent: %v", err)
		}
		if _, err := os.Stat(filepath.Join(r.Dir, u.ID)); !os.IsNotExist(err) {
			t.Errorf("the pieces are left: %v", err)
		}
		twice, err := r.Finish(t.Context(), who, u.ID)
		must(t, err)
		if twice.Media != u.Media {
			t.Errorf("finished twice: %+v", twice)
		}
		_, err = r.Piece(t.Context(), who, u.ID, u.Bytes, []byte("more"))
		wants(t, err, "upload.ended")

		if diff := cmp.Diff([]string{"upload.begun", "upload.kept"}, verbs(t, d)); diff != "" {
			t.Error(diff)
		}
		_, _, err = r.Recording(t.Context(), u.ID)
		wants(t, err, "upload.unknown") // nobody has taken it yet
		_, err = r.Keep(t.Context(), head("p2"), u.ID)
		wants(t, err, "upload.unknown")
		_, err = r.Keep(t.Context(), who, u.ID)
		must(t, err)
		res, source, err := r.Recording(t.Context(), u.ID)
		if err != nil || !bytes.Equal(res.MP3, mp3) || source != u.Source || math.Abs(res.After.IntegratedLUFS-sound.TargetLUFS) > 1 {
			t.Errorf("recording: %v from %s, %+v, %v", res.Duration, source, res.After, err)
		}
		wants(t, r.Remove(t.Context(), who, u.ID), "upload.taken")
		clock.Turn(25 * time.Hour)
		if n, err := r.Sweep(t.Context()); n != 0 || err != nil {
			t.Errorf("forgot %d that a bulletin uses, %v", n, err)
		}
	})
}

func verbs(t *testing.T, d *db.DB) (all []string) {
	t.Helper()
	must(t, d.Read(t.Context(), func(tx *db.Tx) error {
		rows, err := journal.List(tx, journal.Filter{Limit: 100})
		for _, r := range rows {
			all = append(all, r.Verb)
		}
		return err
	}))
	slices.Sort(all)
	return all
}

func TestRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		r, who := room(t, d, t.TempDir()), head("p1")
		_, err := r.Begin(t.Context(), who, "vn/98/98037", upload.File, "a.mp3", 10)
		if loa.CodeOf(err) != loa.Forbidden {
			t.Errorf("another commune: %v", err)
		}
		_, err = r.Begin(t.Context(), who, commune, upload.File, "a.mp3", upload.MaxBytes+1)
		wants(t, err, "upload.too_large")
		_, err = r.Begin(t.Context(), who, commune, upload.File, "a.mp3", 0)
		wants(t, err, "upload.empty")
		_, err = r.Begin(t.Context(), who, commune, "elsewhere", "a.mp3", 10)
		wants(t, err, "upload.malformed")

		u, err := r.Begin(t.Context(), who, commune, upload.File, "a.mp3", 10)
		must(t, err)
		_, err = r.Finish(t.Context(), who, u.ID)
		wants(t, err, "upload.empty")
		_, err = r.Piece(t.Context(), who, u.ID, 0, []byte("hello wo"))
		must(t, err)
		_, err = r.Finish(t.Context(), who, u.ID)
		wants(t, err, "upload.incomplete")
		_, err = r.Piece(t.Context(), who, u.ID, 8, []byte("rld and more"))
		wants(t, err, "upload.too_large")
		_, err = r.Piece(t.Context(), who, u.ID, 8, []byte("rl"))
		must(t, err)
		u, err = r.Finish(t.Context(), who, u.ID)
		wants(t, err, "sound.not_audio")
		_, err = r.Finish(t.Context(), who, u.ID) // the sentence stays
		wants(t, err, "sound.not_audio")
		if u.State != upload.Refused {
			t.Errorf("state %s", u.State)
		}
		_, err = r.Keep(t.Context(), who, u.ID)
		wants(t, err, "sound.not_audio")

		other := head("p2")
		for what, err := range map[string]error{
			"find":   second(r.Find(t.Context(), other, u.ID)),
			"piece":  first(r.Piece(t.Context(), other, u.ID, 0, []byte("x"))),
			"finish": first(r.Finish(t.Context(), other, u.ID)),
			"remove": r.Remove(t.Context(), other, u.ID),
		} {
			if loa.KeyOf(err) != "upload.unknown" {
				t.Errorf("%s by somebody else: %v", what, err)
			}
		}
		must(t, r.Remove(t.Context(), who, u.ID))
		for range upload.PerPerson {
			_, err := r.Begin(t.Context(), who, commune, upload.Recorded, "", -1)
			must(t, err)
		}
		_, err = r.Begin(t.Context(), who, commune, upload.Recorded, "", -1)
		wants(t, err, "upload.too_many")
		_, err = r.Begin(t.Context(), other, commune, upload.Recorded, "", -1)
		must(t, err)
	})
}

func first[A any](_ A, err error) error          { return err }
func second[A, B any](_ A, _ B, err error) error { return err }

// TestTogether: eight tabs and processes send the same upload at once, half of
// them other bytes, and finish it together. What is kept is one of the two, whole.
func TestTogether(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		dir, who, src := t.TempDir(), head("p1"), speech()
		other := bytes.Clone(src)
		for i := 44; i < len(other); i += 2 {
			other[i] ^= 0x55
		}
		rooms := []*upload.Room{room(t, d, dir), room(t, d, dir)}
		u, err := rooms[0].Begin(t.Context(), who, commune, upload.Recorded, "", -1)
		must(t, err)
		var wg sync.WaitGroup
		for tab := range 8 {
			wg.Go(func() {
				r, mine := rooms[tab%2], src
				if tab >= 4 {
					mine = other
				}
				for at := int64(0); at < int64(len(mine)); {
					next, err := r.Piece(t.Context(), who, u.ID, at, mine[at:min(at+4_000, int64(len(mine)))])
					if err != nil && loa.KeyOf(err) != "upload.offset" {
						t.Error(err)
						return
					}
					at = next
				}
				for {
					_, err := r.Finish(t.Context(), who, u.ID)
					if loa.KeyOf(err) == "upload.busy" {
						continue
					}
					if err != nil && loa.KeyOf(err) != "upload.unknown" { // the pieces are gone: another has just finished
						t.Error(err)
					}
					return
				}
			})
		}
		wg.Wait()
		u, _, err = rooms[1].Find(t.Context(), who, u.ID)
		must(t, err)
		raw, err := rooms[0].Blobs.Get(u.Source)
		must(t, err)
		for at := 0; at < len(src); at += 4_000 {
			end := min(at+4_000, len(src))
			if p := raw[at:end]; !bytes.Equal(p, src[at:end]) && !bytes.Equal(p, other[at:end]) {
				t.Fatalf("the piece at %d is a mixture", at)
			}
		}
	})
}

func TestForgotten(t *testing.T) {
	clock := loa.NewHandClock(time.Date(2026, 11, 23, 7, 0, 0, 0, loa.Zone()))
	dbtest.EachAt(t, clock, func(t *testing.T, d *db.DB) {
		r, who := room(t, d, t.TempDir()), head("p1")
		u, err := r.Begin(t.Context(), who, commune, upload.File, "a.mp3", 10)
		must(t, err)
		_, err = r.Piece(t.Context(), who, u.ID, 0, []byte("hello"))
		must(t, err)
		clock.Turn(23 * time.Hour)
		if n, err := r.Sweep(t.Context()); n != 0 || err != nil {
			t.Errorf("forgot %d after 23 hours, %v", n, err)
		}
		clock.Turn(time.Hour)
		if n, err := r.Sweep(t.Context()); n != 1 || err != nil {
			t.Errorf("forgot %d after a day, %v", n, err)
		}
		_, _, err = r.Find(t.Context(), who, u.ID)
		wants(t, err, "upload.unknown")
		left, err := os.ReadDir(r.Dir)
		must(t, err)
		if len(left) > 0 {
			t.Errorf("%d folders are left", len(left))
		}
	})
}

// TestFullDisk: what does not fit is refused with its sentence, what was
// acknowledged stays, and with room again the upload goes on.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("a small disk cannot be mounted here (needs root): %v", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, 0)) })
	r, who := room(t, dbtest.Open(t, dbtest.SQLite(t)), dir), head("p1")
	u, err := r.Begin(t.Context(), who, commune, upload.File, "a.wav", 400_000)
	must(t, err)
	piece := bytes.Repeat([]byte("x"), 100_000)
	_, err = r.Piece(t.Context(), who, u.ID, 0, piece)
	must(t, err)
	_, err = r.Piece(t.Context(), who, u.ID, 100_000, bytes.Repeat(piece, 3))
	wants(t, err, "upload.disk_full")
	if _, offset, err := r.Find(t.Context(), who, u.ID); offset != 100_000 || err != nil {
		t.Errorf("offset %d, %v; want 100000", offset, err)
	}
	must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=4m"))
	if next, err := r.Piece(t.Context(), who, u.ID, 100_000, bytes.Repeat(piece, 3)); next != 400_000 || err != nil {
		t.Errorf("with room again: %d, %v", next, err)
	}
}

// TestKilled: a process is killed while it sends pieces; every offset that it
// said was kept is kept.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("UPLOAD_DIR"); dir != "" {
		r, who, src := room(t, dbtest.Open(t, os.Getenv("UPLOAD_DB")), dir), head("p1"), bytes.Repeat(speech(), 20)
		for at := int64(0); at < int64(len(src)); {
			next, err := r.Piece(t.Context(), who, os.Getenv("UPLOAD_ID"), at, src[at:at+1000])
			must(t, err)
			at = next
			_, err = os.Stdout.Write(append(binary.BigEndian.AppendUint64(nil, uint64(at)), '\n'))
			must(t, err)
		}
		return
	}
	dir, url := t.TempDir(), dbtest.SQLite(t)
	r, who := room(t, dbtest.Open(t, url), dir), head("p1")
	u, err := r.Begin(t.Context(), who, commune, upload.Recorded, "", -1)
	must(t, err)
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKilled$")
	cmd.Env = append(os.Environ(), "UPLOAD_DIR="+dir, "UPLOAD_DB="+url, "UPLOAD_ID="+u.ID)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var said int64
	for line := make([]byte, 9); said < 100_000; {
		if _, err := out.Read(line); err != nil {
			t.Fatal(err)
		}
		said = int64(binary.BigEndian.Uint64(line))
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	_, offset, err := r.Find(t.Context(), who, u.ID)
	must(t, err)
	if offset < said || offset%1000 != 0 {
		t.Errorf("%d bytes are there, %d were acknowledged", offset, said)
	}
}

// TestDocument: a Word file becomes its text, an old one its sentence.
func TestDocument(t *testing.T) {
	r, who := room(t, dbtest.Open(t, dbtest.SQLite(t)), t.TempDir()), head("p1")
	var word bytes.Buffer
	z := zip.NewWriter(&word)
	for name, text := range map[string]string{"[Content_Types].xml": "<Types/>",
		"word/document.xml": `<w:document xmlns:w="w"><w:body><w:p><w:r><w:t>Kính mời bà con họp.</w:t></w:r></w:p></w:body></w:document>`} {
		w, err := z.Create(name)
		must(t, err)
		_, err = w.Write([]byte(text))
		must(t, err)
	}
	must(t, z.Close())
	send := func(b []byte) (upload.Upload, error) {
		u, err := r.Begin(t.Context(), who, commune, upload.File, "giay moi.docx", int64(len(b)))
		must(t, err)
		_, err = r.Piece(t.Context(), who, u.ID, 0, b)
		must(t, err)
		return r.Finish(t.Context(), who, u.ID)
	}
	u, err := send(word.Bytes())
	if err != nil || u.Text != "Kính mời bà con họp." || u.Media != "" {
		t.Errorf("%+v, %v", u, err)
	}
	_, err = r.Keep(t.Context(), who, u.ID)
	wants(t, err, "upload.no_sound")
	_, err = send([]byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 old Word"))
	wants(t, err, "document.old")
}
