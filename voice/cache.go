package voice

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"loa"
)

// Cache keeps what an engine said, one WAV file per engine, voice and text, so
// that listening, correcting and listening again costs nothing. The folder may
// be shared by several processes and deleted at any time.
type Cache struct {
	Dir    string // made when first needed
	Engine Engine
}

// Name is the engine's: a cache is an engine that remembers.
func (c Cache) Name() string { return c.Engine.Name() }

// Models are the engine's.
func (c Cache) Models() []Model { return c.Engine.Models() }

// Say gives the kept sound, or has the engine speak and keeps it. Two callers
// with the same text may both wait for the engine; each file appears whole
// under its name (written aside, synced, renamed), so neither sees half of it.
func (c Cache) Say(ctx context.Context, text string, v Voice) (Speech, error) {
	v, m, err := v.of(c.Engine.Models())
	if err != nil {
		return Speech{}, err
	}
	path := c.path(text, v)
	wav, err := os.ReadFile(path)
	if err == nil {
		by := c.Name()
		if m.Name != "" {
			by += " " + m.Title
		}
		return Speech{wav, by}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Speech{}, fmt.Errorf("read speech cache: %w", err)
	}
	said, err := c.Engine.Say(ctx, text, v)
	if err != nil {
		return Speech{}, err
	}
	if err := keep(path, said.WAV); err != nil {
		return Speech{}, fmt.Errorf("keep speech: %w", err)
	}
	return said, nil
}

// path is where a sound is kept. The parts are written with their lengths, so
// that no two of them run together into the same name.
func (c Cache) path(text string, v Voice) string {
	var key strings.Builder
	for _, part := range []string{c.Engine.Name(), v.Name, v.Accent, strconv.Itoa(v.WordsPerMinute), text} {
		fmt.Fprintf(&key, "%d:%s", len(part), part)
	}
	hash := loa.Hash([]byte(key.String()))
	return filepath.Join(c.Dir, hash[:2], hash+".wav")
}

// keep writes b under path so that a crash leaves either nothing or all of it.
func keep(path string, b []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	err = errors.Join(fill(f, b), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(dir)
}

// fill writes b to f and sees it to the disk, readable by every process.
func fill(f *os.File, b []byte) error {
	if _, err := f.Write(b); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir makes a rename in dir last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
