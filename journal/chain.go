package journal

// After the commit: the leader numbers rows into a log that shows every change.

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"loa"
	"loa/db"
)

// CheckpointEvery is how often a growing book is sealed: what was done since the
// last checkpoint can still be rewritten by whoever owns the database.
const CheckpointEvery = 10 * time.Minute

// settled is how old a row is at most when it is numbered. Ids are made before
// the commit, so rows appear a little out of order; one that appears later than
// this was put in, and Verify says so.
const settled = time.Hour

// batch is how many rows are numbered in one transaction, so that no writer
// waits long.
const batch = 200

// Chain numbers and seals the book. One process at a time runs it.
type Chain struct {
	DB     *db.DB
	Signer note.Signer
	Origin string // names this book in its checkpoints

	// Kept is told each new checkpoint after its commit, to keep it where the
	// database's owner does not reach. It may be nil.
	Kept func(Checkpoint) error
}

// Checkpoint says how far the book had come: Tree and the time are read from
// Note, which is what is signed (golang.org/x/mod/sumdb/note).
type Checkpoint struct {
	tlog.Tree
	At   int64 // UTC ms
	Note string
}

// NewSigner makes the signer and the verifier of checkpoints from an Ed25519
// seed. Both carry the name.
func NewSigner(name string, seed []byte) (note.Signer, note.Verifier, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, nil, errors.New("checkpoint key: not 32 bytes")
	}
	public, ok := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	if !ok {
		return nil, nil, errors.New("checkpoint key: no public key")
	}
	vkey, err := note.NewEd25519VerifierKey(name, public)
	if err != nil {
		return nil, nil, fmt.Errorf("checkpoint key: %w", err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, nil, fmt.Errorf("checkpoint key: %w", err)
	}
	const ed25519Algorithm = 1
	signer, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, verifier.KeyHash(),
		base64.StdEncoding.EncodeToString(append([]byte{ed25519Algorithm}, seed...))))
	if err != nil {
		return nil, nil, fmt.Errorf("checkpoint key: %w", err)
	}
	return signer, verifier, nil
}

// Run numbers what was committed since, and seals the book when it grew and the
// last checkpoint is old enough.
func (c *Chain) Run(ctx context.Context) error {
	for {
		n, err := c.number(ctx)
		if err != nil {
			return fmt.Errorf("number journal: %w", err)
		}
		if n < batch {
			return c.Seal(ctx, CheckpointEvery)
		}
	}
}

// number gives the next rows their numbers.
func (c *Chain) number(ctx context.Context) (n int, err error) {
	err = c.DB.Write(ctx, func(tx *db.Tx) error {
		size, last, err := head(tx)
		if err != nil {
			return err
		}
		rows, err := db.All(tx, `SELECT id, at, actor, actor_name, verb, path, subject, data FROM journal
			WHERE id > ? AND NOT EXISTS (SELECT 1 FROM journal_leaf WHERE journal_leaf.journal_id = journal.id) ORDER BY id LIMIT ?`,
			[]any{floorOf(last), batch}, scanRow)
		if err != nil || len(rows) == 0 {
			return err
		}
		read := &hashes{tx: tx, fresh: map[int64]tlog.Hash{}}
		var leaves, nodes [][]any
		for _, r := range rows {
			record, err := r.record()
			if err != nil {
				return err
			}
			stored, err := tlog.StoredHashes(size, record, read)
			if err != nil {
				return err
			}
			first := tlog.StoredHashCount(size)
			for i, h := range stored {
				read.fresh[first+int64(i)] = h
				if i > 0 {
					nodes = append(nodes, []any{first + int64(i), h[:]})
				}
			}
			leaves = append(leaves, []any{size, r.ID, stored[0][:]})
			size++
		}
		n = len(rows)
		if err := tx.Insert("journal_leaf", []string{"n", "journal_id", "hash"}, leaves); err != nil {
			return err
		}
		return tx.Insert("journal_hash", []string{"i", "hash"}, nodes)
	})
	return n, err
}

// Seal writes a checkpoint if the book grew and the last one is older than
// after; 0 seals what has been numbered now.
func (c *Chain) Seal(ctx context.Context, after time.Duration) error {
	var made *Checkpoint
	err := c.DB.Write(ctx, func(tx *db.Tx) error {
		size, _, err := head(tx)
		if err != nil {
			return err
		}
		last, err := newest(tx)
		if err != nil || size == last.N || last.At > 0 && tx.NowMS()-last.At < after.Milliseconds() {
			return err
		}
		root, err := tlog.TreeHash(size, &hashes{tx: tx})
		if err != nil {
			return err
		}
		signed, err := note.Sign(&note.Note{Text: checkpointText(c.Origin, tlog.Tree{N: size, Hash: root}, tx.NowMS())}, c.Signer)
		if err != nil {
			return err
		}
		made = &Checkpoint{Tree: tlog.Tree{N: size, Hash: root}, At: tx.NowMS(), Note: string(signed)}
		_, err = tx.Exec(`INSERT INTO journal_checkpoint (size, at, note) VALUES (?, ?, ?)`, size, made.At, made.Note)
		return err
	})
	if err != nil {
		return fmt.Errorf("seal journal: %w", err)
	}
	if made != nil && c.Kept != nil {
		return c.Kept(*made)
	}
	return nil
}

// Newest is the last checkpoint, its size 0 while there is none.
func Newest(tx *db.Tx) (Checkpoint, error) {
	c, err := newest(tx)
	if err != nil {
		return c, fmt.Errorf("read checkpoint: %w", err)
	}
	return c, nil
}

func newest(tx *db.Tx) (c Checkpoint, err error) {
	err = tx.Row(`SELECT size, at, note FROM journal_checkpoint ORDER BY size DESC LIMIT 1`).Scan(&c.N, &c.At, &c.Note)
	if errors.Is(err, db.ErrNone) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	text, _, _ := strings.Cut(c.Note, "\n\n")
	_, c.Tree, c.At, err = parseCheckpoint(text + "\n")
	return c, err
}

// head is how many rows are numbered, and the greatest id among the last of them.
func head(tx *db.Tx) (size int64, last string, err error) {
	err = tx.Row(`SELECT COALESCE(MAX(n) + 1, 0), COALESCE(MAX(journal_id), '') FROM (SELECT n, journal_id FROM journal_leaf ORDER BY n DESC LIMIT 1000) AS recent`).
		Scan(&size, &last)
	return size, last, err
}

// floorOf is the id below which no row is numbered any more when last was.
func floorOf(last string) string {
	if last == "" {
		return ""
	}
	return loa.OldestID(loa.TimeOfID(last).Add(-settled))
}

// record is what is hashed of a row: every field, so that none can change.
func (r Row) record() ([]byte, error) {
	return json.Marshal([]any{r.ID, r.At.UnixMilli(), r.Actor, r.ActorName, r.Verb, r.Path, r.Subject, string(r.Data)})
}

// checkpointText is origin, size, hash of the tree and the time, one a line: the
// first three as other transparency logs have them.
func checkpointText(origin string, t tlog.Tree, at int64) string {
	return fmt.Sprintf("%s\n%d\n%s\n%d\n", origin, t.N, t.Hash, at)
}

func parseCheckpoint(text string) (origin string, t tlog.Tree, at int64, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 5 || lines[4] != "" {
		return "", t, 0, errors.New("malformed checkpoint")
	}
	if t.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return "", t, 0, fmt.Errorf("malformed checkpoint: %w", err)
	}
	if t.Hash, err = tlog.ParseHash(lines[2]); err != nil {
		return "", t, 0, fmt.Errorf("malformed checkpoint: %w", err)
	}
	at, err = strconv.ParseInt(lines[3], 10, 64)
	if err != nil || t.N < 1 || text != checkpointText(lines[0], t, at) {
		return "", t, 0, errors.New("malformed checkpoint")
	}
	return lines[0], t, at, nil
}

// hashes reads the tree from the database, and from what this transaction adds.
type hashes struct {
	tx    *db.Tx
	fresh map[int64]tlog.Hash
}

// ReadHashes implements tlog.HashReader.
func (h *hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	all := make([]tlog.Hash, len(indexes))
	for k, i := range indexes {
		if known, ok := h.fresh[i]; ok {
			all[k] = known
			continue
		}
		q, at := `SELECT hash FROM journal_hash WHERE i = ?`, i
		if level, n := tlog.SplitStoredHashIndex(i); level == 0 {
			q, at = `SELECT hash FROM journal_leaf WHERE n = ?`, n
		}
		var b []byte
		if err := h.tx.Row(q, at).Scan(&b); err != nil {
			return nil, fmt.Errorf("hash %d: %w", i, err)
		}
		if len(b) != tlog.HashSize {
			return nil, fmt.Errorf("hash %d: %d bytes", i, len(b))
		}
		copy(all[k][:], b)
	}
	return all, nil
}
