package edge

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/wire"
)

// TestSource: what is on disk is checked before it is decoded, a repeat is the
// same again after two seconds, and an interrupted sound goes on at its frame.
func TestSource(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k := keepIn(dir)
	mp3 := tone(t, "1", "440")
	frames := int64(len(mp3) / wire.FrameBytes)
	m := wire.Media{Hash: loa.Hash(mp3), Bytes: int64(len(mp3)), MS: frames * 36, Form: wire.CanonicalForm}
	if err := k.putMedia(m, bytes.NewReader(mp3)); err != nil {
		t.Fatal(err)
	}
	s := must(k.source([]wire.Media{m}, 1))
	whole := s.left()
	if want := 2*frames*frameSamples + wire.Spacing*Rate/1000; whole != want {
		t.Errorf("%d samples to come, not %d", whole, want)
	}
	pcm := readAll(t, s)
	if int64(len(pcm)) != whole || s.left() != 0 {
		t.Errorf("%d samples came, %d are left", len(pcm), s.left())
	}
	again := int(whole - frames*frameSamples)
	if diff := cmp.Diff(pcm[:Rate/2], pcm[again:again+Rate/2]); diff != "" {
		t.Error("the repeat is another sound")
	}
	s.close()

	s = must(k.source([]wire.Media{m}, 0))
	defer s.close()
	for range 10 {
		if _, err := s.read(make([]int16, 500)); err != nil {
			t.Fatal(err)
		}
	}
	s.rewind()
	if s.pos != 4*frameSamples {
		t.Errorf("it goes on at sample %d, not at the fifth frame", s.pos)
	}
	rest := readAll(t, s)
	if len(rest) != int(frames-4)*frameSamples {
		t.Errorf("%d samples of the rest", len(rest))
	}
	// A decoder that starts anew needs two frames to swing in.
	if diff := cmp.Diff(pcm[6*frameSamples:Rate/2], rest[2*frameSamples:Rate/2-4*frameSamples]); diff != "" {
		t.Error("the rest is another sound")
	}

	name := filepath.Join(dir, "media", m.Hash)
	mp3[5000] ^= 1
	if err := os.WriteFile(name, mp3, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := k.source([]wire.Media{m}, 0); loa.KeyOf(err) != "media.damaged" {
		t.Errorf("a wrong byte: %v", err)
	}
	if holds(dir, "media/"+m.Hash) {
		t.Error("the damaged sound was kept")
	}
	if err := k.putMedia(m, bytes.NewReader(mp3)); loa.KeyOf(err) != "media.damaged" || holds(dir, "media/"+m.Hash) {
		t.Errorf("a wrong byte was stored: %v", err)
	}
}

func readAll(t *testing.T, s *source) (all []int16) {
	t.Helper()
	b := make([]int16, blockSamples)
	for {
		n, err := s.read(b)
		all = append(all, b[:n]...)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestScale(t *testing.T) {
	t.Parallel()
	pcm := []int16{-32768, 32767, 100, 0}
	scale(pcm, 50)
	if diff := cmp.Diff([]int16{-16384, 16383, 50, 0}, pcm); diff != "" {
		t.Error(diff)
	}
}
