package journal_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"loa"
	"loa/db"
	"loa/db/dbtest"
	"loa/journal"
)

const origin = "loa.example/journal"

// sealed is a book of some rows, numbered and sealed three times on the way,
// with the checkpoints as a file outside keeps them.
type sealed struct {
	t        *testing.T
	db       *db.DB
	clock    *loa.HandClock
	chain    journal.Chain
	verifier note.Verifier
	file     strings.Builder
}

func sealBook(t *testing.T, url string, rows int) *sealed {
	s := &sealed{t: t, clock: loa.NewHandClock(morning)}
	s.db = dbtest.OpenAt(t, url, s.clock)
	signer, verifier, err := journal.NewSigner(origin, []byte("an invented seed of 32 bytes ...")[:32])
	must(t, err)
	s.verifier = verifier
	s.chain = journal.Chain{DB: s.db, Signer: signer, Origin: origin, Kept: func(c journal.Checkpoint) error {
		s.file.WriteString(c.Note + journal.CheckpointBreak)
		return nil
	}}
	for i := range rows {
		s.clock.Turn(time.Second)
		write(t, s.db, journal.Entry{Verb: "bulletin.drafted", Path: "vn/98/98011", Subject: fmt.Sprint(i), Data: map[string]int{"n": i}})
		if i == rows/3 || i == 2*rows/3 {
			s.clock.Turn(journal.CheckpointEvery)
			must(t, s.chain.Run(t.Context()))
		}
	}
	s.clock.Turn(journal.CheckpointEvery)
	must(t, s.chain.Run(t.Context()))
	return s
}

// verify reads the book after change, and undoes it.
func (s *sealed) verify(change func(tx *db.Tx) error) (p journal.Proof) {
	s.t.Helper()
	undo := errors.New("undo")
	err := s.db.Write(s.t.Context(), func(tx *db.Tx) (err error) {
		if err := change(tx); err != nil {
			return err
		}
		if p, err = journal.Verify(tx, origin, s.verifier, journal.ReadCheckpoints(s.file.String())); err != nil {
			return err
		}
		return undo
	})
	if !errors.Is(err, undo) {
		s.t.Fatal(err)
	}
	return p
}

func sql(q string, args ...any) func(tx *db.Tx) error {
	return func(tx *db.Tx) error { _, err := tx.Exec(q, args...); return err }
}

// TestChain numbers a book and finds nothing wrong with it, whatever else is
// written meanwhile.
func TestChain(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		s := sealBook(t, url, 450) // more than one batch
		write(t, s.db, journal.Entry{Verb: "bulletin.drafted"})
		p := s.verify(func(*db.Tx) error { return nil })
		if p.Numbered != 450 || p.Sealed != 450 || p.Fresh != 1 || len(p.Faults) != 0 {
			t.Fatalf("%+v", p)
		}
		must(t, s.chain.Run(t.Context()))
		if p := s.verify(func(*db.Tx) error { return nil }); p.Numbered != 451 || p.Sealed != 450 || p.Fresh != 0 || len(p.Faults) != 0 {
			t.Fatalf("%+v", p)
		}
		if n := len(journal.ReadCheckpoints(s.file.String())); n != 3 {
			t.Errorf("%d checkpoints, want 3", n)
		}
		must(t, s.db.Read(t.Context(), func(tx *db.Tx) error {
			c, err := journal.Newest(tx)
			if c.N != 450 || c.Hash.String() == "" || c.At == 0 {
				t.Errorf("%+v", c)
			}
			return err
		}))
	})
}

// TestTamper changes a book of 500 rows in every way somebody could who owns the
// database but neither the key nor the file of checkpoints, for every row; each
// must be found (S-07).
func TestTamper(t *testing.T) {
	const rows = 500
	s := sealBook(t, dbtest.SQLite(t), rows)
	id := func(n int) string { return fmt.Sprintf(`(SELECT journal_id FROM journal_leaf WHERE n = %d)`, n) }
	tried := 0
	hit := func(name string, n int, change func(tx *db.Tx) error) {
		t.Helper()
		tried++
		if p := s.verify(change); len(p.Faults) == 0 {
			t.Errorf("%s of row %d was not found", name, n)
		}
	}
	step := 1
	if os.Getenv("LOA_LONG") == "" {
		step = 10 // every row with LOA_LONG=1
	}
	for n := 0; n < rows; n += step {
		column := []string{"at", "actor", "actor_name", "verb", "path", "subject", "data"}[n%7]
		value := any("x")
		if column == "at" {
			value = 1
		}
		hit("edit of "+column, n, sql(`UPDATE journal SET `+column+` = ? WHERE id = `+id(n), value))
		hit("delete", n, sql(`DELETE FROM journal WHERE id = `+id(n)))
		hit("delete with its number", n, func(tx *db.Tx) error {
			return errors.Join(sql(`DELETE FROM journal WHERE id = `+id(n))(tx), sql(`DELETE FROM journal_leaf WHERE n = ?`, n)(tx))
		})
		hit("insert", n, sql(`INSERT INTO journal (id, at, actor, actor_name, verb, path, subject, data)
			SELECT ?, at, actor, actor_name, verb, path, subject, data FROM journal WHERE id = `+id(n), loa.NewID(morning.Add(-2*time.Hour))))
		hit("swap with the next", n, func(tx *db.Tx) error {
			m := (n + 1) % rows
			return errors.Join(sql(`UPDATE journal_leaf SET n = -1 WHERE n = ?`, n)(tx), sql(`UPDATE journal_leaf SET n = ? WHERE n = ?`, n, m)(tx),
				sql(`UPDATE journal_leaf SET n = ? WHERE n = -1`, m)(tx))
		})
		hit("cut from here, checkpoints too", n, func(tx *db.Tx) error {
			return errors.Join(sql(`DELETE FROM journal WHERE id >= `+id(n))(tx), sql(`DELETE FROM journal_leaf WHERE n >= ?`, n)(tx),
				sql(`DELETE FROM journal_checkpoint WHERE size > ?`, n)(tx))
		})
		// The whole log made anew over a changed row, by its own rules, with another key.
		hit("rewriting", n, func(tx *db.Tx) error {
			return errors.Join(sql(`UPDATE journal SET data = '{}' WHERE id = `+id(n))(tx), rewrite(tx))
		})
	}
	t.Logf("%d changes tried, each found", tried)
}

// rewrite gives every row a leaf that fits it.
func rewrite(tx *db.Tx) error {
	rows, err := journal.List(tx, journal.Filter{})
	if err != nil {
		return err
	}
	for _, r := range rows {
		record, err := journal.Record(r)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE journal_leaf SET hash = ? WHERE journal_id = ?`, record, r.ID); err != nil {
			return err
		}
	}
	return nil
}

// TestCheckpointFiles finds a foreign checkpoint, and two histories of one length
// sealed by the book's own key.
func TestCheckpointFiles(t *testing.T) {
	s := sealBook(t, dbtest.SQLite(t), 30)
	nothing := func(*db.Tx) error { return nil }
	good := s.file.String()
	other := sealBook(t, dbtest.SQLite(t), 30) // the same key, other ids
	for name, file := range map[string]string{
		"two histories": good + other.file.String(),
		"half a note":   good + good[:40],
		"another book":  good + strings.ReplaceAll(good, origin, "loa.example/other"),
		"no note":       good + "xyz",
	} {
		s.file.Reset()
		s.file.WriteString(file)
		if p := s.verify(nothing); len(p.Faults) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
}
