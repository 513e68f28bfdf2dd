package signer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Check reads the signer's folder as the signer would, changes nothing, and
// gives the marks it remembers. An error says which file is not to be believed.
// It needs the passphrase that opens the keys.
func Check(dir string, passphrase []byte) ([]Mark, error) {
	l, err := loadLineage(dir)
	if err != nil {
		return nil, err
	}
	if _, err := loadRoster(dir, l.root.Demo); err != nil {
		return nil, err
	}
	v, err := newVault(passphrase, l.first)
	if err != nil {
		return nil, err
	}
	if _, err := loadRing(dir, v, l); err != nil {
		return nil, err
	}
	if err := eachGrant(dir); err != nil {
		return nil, err
	}
	m, err := readMarks(dir)
	if err != nil {
		return nil, err
	}
	return m.list(), nil
}

// eachGrant reads all grants.
func eachGrant(dir string) error {
	names, err := os.ReadDir(filepath.Join(dir, "grants"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a folder made before there were grants has none
		return fmt.Errorf("read grants: %w", err)
	}
	for _, e := range names {
		hash, whole := strings.CutSuffix(e.Name(), ".json")
		if !whole {
			continue // half a file: nobody was told
		}
		if _, _, err := readGrant(dir, hash); err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
	}
	return nil
}
