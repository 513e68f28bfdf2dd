package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"loa/db"
	"loa/journal"
	"loa/seal"
	"loa/speaker"
)

// checkpointFile keeps the journal's checkpoints beside the database, for who
// changes the one to have to change the other. An administrator copies it where
// neither is.
const checkpointFile = "journal.checkpoints"

// BookOf names a node's journal in its checkpoints, and gives the keys they are
// signed and checked with. The beacon key signs them: it is the node's own, and
// makes no sound.
func BookOf(root seal.Root, keys speaker.Keys) (origin string, s note.Signer, v note.Verifier, err error) {
	origin = "loa/" + root.Fingerprint()[:16] + "/journal"
	s, v, err = journal.NewSigner(origin, keys.Beacon.Seed())
	return origin, s, v, err
}

// Checkpoints are those kept in a node's folder.
func Checkpoints(dir string) ([]string, error) {
	b, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	return journal.ReadCheckpoints(string(b)), nil
}

// chain numbers and seals the journal of a node.
func (n *Node) chain(keys speaker.Keys) (*journal.Chain, error) {
	origin, s, _, err := BookOf(n.Root, keys)
	if err != nil {
		return nil, err
	}
	return &journal.Chain{DB: n.DB, Signer: s, Origin: origin, Kept: func(c journal.Checkpoint) error {
		return appendSynced(filepath.Join(n.Config.Dir, checkpointFile), c.Note+journal.CheckpointBreak)
	}}, nil
}

// appendSynced adds to a file and returns when it is on disk.
func appendSynced(file, text string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keep checkpoint: %w", err)
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// VerifyBook holds a node's journal to its checkpoints, those in its folder and
// those given.
func VerifyBook(tx *db.Tx, c Config, more []string) (journal.Proof, error) {
	root, err := LoadRoot(c.Keys)
	if err != nil {
		return journal.Proof{}, err
	}
	keys, err := LoadKeys(c.Keys)
	if err != nil {
		return journal.Proof{}, err
	}
	origin, _, v, err := BookOf(root, keys)
	if err != nil {
		return journal.Proof{}, err
	}
	kept, err := Checkpoints(c.Dir)
	if err != nil {
		return journal.Proof{}, err
	}
	return journal.Verify(tx, origin, v, append(kept, more...))
}
