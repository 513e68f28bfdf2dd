package journal

import (
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"loa"
	"loa/db"
)

// What Verify finds.
const (
	Changed   = "changed"    // a row is not what was numbered
	Missing   = "missing"    // a numbered row is gone
	PutIn     = "put_in"     // a row is older than it was numbered: written later
	Cut       = "cut"        // a checkpoint covers more rows than there are
	Rewritten = "rewritten"  // the book's beginning is not the one that was sealed
	BadSeal   = "bad_seal"   // a checkpoint is not by this book's key
	Renumber  = "renumbered" // numbers have a gap
)

// Fault is one thing that is not as it was written.
type Fault struct {
	What string
	N    int64  // row of the log, or size of the checkpoint
	ID   string // of the journal row, "" for a checkpoint
}

// Proof is what Verify read.
type Proof struct {
	Numbered int64 // rows in the log
	Fresh    int64 // rows younger than the last numbered: the leader has them before it
	Sealed   int64 // rows below the last good checkpoint: only the key could have changed these unseen
	Root     tlog.Hash
	Faults   []Fault // maxFaults at most
}

// maxFaults is enough to know that a book is false.
const maxFaults = 100

// Verify reads the whole book and holds it to its own hashes and to checkpoints:
// those in the database, and those kept elsewhere, which show what somebody did
// who owns the database. All must bear the verifier's signature.
func Verify(tx *db.Tx, origin string, verifier note.Verifier, elsewhere []string) (p Proof, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("verify journal: %w", err)
		}
	}()
	found := func(what string, n int64, id string) {
		if len(p.Faults) < maxFaults {
			p.Faults = append(p.Faults, Fault{what, n, id})
		}
	}
	notes, err := db.All(tx, `SELECT note FROM journal_checkpoint ORDER BY size`, nil, func(scan func(...any) error) (s string, err error) { return s, scan(&s) })
	if err != nil {
		return p, err
	}
	sealed := map[int64]tlog.Hash{}
	for i, text := range append(notes, elsewhere...) {
		n, err := note.Open([]byte(text), note.VerifierList(verifier))
		if err != nil {
			found(BadSeal, int64(i), "")
			continue
		}
		from, tree, _, err := parseCheckpoint(n.Text)
		if err != nil || from != origin {
			found(BadSeal, int64(i), "")
			continue
		}
		if before, ok := sealed[tree.N]; ok && before != tree.Hash {
			found(Rewritten, tree.N, "") // two histories of one length, both sealed
		}
		sealed[tree.N] = tree.Hash
	}
	var front frontier
	last := ""
	if err := eachLeaf(tx, func(n int64, id string, row *Row, stored tlog.Hash) error {
		if n != p.Numbered {
			found(Renumber, n, id)
		}
		p.Numbered++
		last = max(last, id)
		leaf := stored
		if row == nil {
			found(Missing, n, id)
		} else {
			record, err := row.record()
			if err != nil {
				return err
			}
			if leaf = tlog.RecordHash(record); leaf != stored {
				found(Changed, n, id)
			}
		}
		front.add(leaf)
		if root, ok := sealed[p.Numbered]; ok {
			if front.root() != root {
				found(Rewritten, p.Numbered, "")
			} else {
				p.Sealed = p.Numbered
			}
		}
		return nil
	}); err != nil {
		return p, err
	}
	for n := range sealed {
		if n > p.Numbered {
			found(Cut, n, "")
		}
	}
	if p.Numbered > 0 {
		p.Root = front.root()
	}
	return p, p.unnumbered(tx, last, found)
}

// unnumbered looks at the rows that have no number: the youngest wait for the
// leader, older ones were put in.
func (p *Proof) unnumbered(tx *db.Tx, last string, found func(string, int64, string)) error {
	ids, err := db.All(tx, `SELECT id FROM journal WHERE NOT EXISTS (SELECT 1 FROM journal_leaf WHERE journal_leaf.journal_id = journal.id) ORDER BY id`, nil,
		func(scan func(...any) error) (s string, err error) { return s, scan(&s) })
	for _, id := range ids {
		if last != "" && (!loa.IsID(id) || id < floorOf(last)) {
			found(PutIn, -1, id)
			continue
		}
		p.Fresh++
	}
	return err
}

// eachLeaf calls f for every numbered row in order, with its journal row, nil
// where that is gone, and the hash stored for it. It reads a few thousand at a
// time: the book of years does not fit into memory.
func eachLeaf(tx *db.Tx, f func(n int64, id string, row *Row, stored tlog.Hash) error) error {
	type leaf struct {
		n       int64
		id      string
		hash    []byte
		present int
		row     Row
	}
	const page = 2000
	for next := int64(0); ; {
		all, err := db.All(tx, `SELECT journal_leaf.n, journal_leaf.journal_id, journal_leaf.hash, CASE WHEN journal.id IS NULL THEN 0 ELSE 1 END,
				COALESCE(journal.id, ''), COALESCE(journal.at, 0), COALESCE(journal.actor, ''), COALESCE(journal.actor_name, ''),
				COALESCE(journal.verb, ''), COALESCE(journal.path, ''), COALESCE(journal.subject, ''), COALESCE(journal.data, '')
			FROM journal_leaf LEFT JOIN journal ON journal.id = journal_leaf.journal_id
			WHERE journal_leaf.n >= ? ORDER BY journal_leaf.n LIMIT ?`, []any{next, page}, func(scan func(...any) error) (l leaf, err error) {
			l.row, err = scanRow(func(to ...any) error { return scan(append([]any{&l.n, &l.id, &l.hash, &l.present}, to...)...) })
			return l, err
		})
		if err != nil || len(all) == 0 {
			return err
		}
		for _, l := range all {
			var stored tlog.Hash
			copy(stored[:], l.hash)
			row := &l.row
			if l.present == 0 {
				row = nil
			}
			if err := f(l.n, l.id, row, stored); err != nil {
				return err
			}
			next = l.n + 1
		}
	}
}

// frontier is the right edge of a growing Merkle tree (RFC 6962, section 2.1):
// the roots of its complete parts, the largest first, each with its height.
type frontier []struct {
	height int
	hash   tlog.Hash
}

func (f *frontier) add(leaf tlog.Hash) {
	height := 0
	for n := len(*f); n > 0 && (*f)[n-1].height == height; n = len(*f) {
		leaf = tlog.NodeHash((*f)[n-1].hash, leaf)
		*f = (*f)[:n-1]
		height++
	}
	*f = append(*f, struct {
		height int
		hash   tlog.Hash
	}{height, leaf})
}

func (f frontier) root() tlog.Hash {
	root := f[len(f)-1].hash
	for i := len(f) - 2; i >= 0; i-- {
		root = tlog.NodeHash(f[i].hash, root)
	}
	return root
}

// ReadCheckpoints splits a file of checkpoints, as Chain.Kept wrote them one after the
// other, into its notes.
func ReadCheckpoints(file string) (notes []string) {
	for part := range strings.SplitSeq(file, CheckpointBreak) {
		if strings.TrimSpace(part) != "" {
			notes = append(notes, strings.TrimLeft(part, "\n"))
		}
	}
	return notes
}

// CheckpointBreak stands between two checkpoints in a file: no line of a signed
// note begins like that.
const CheckpointBreak = "\n----\n"
