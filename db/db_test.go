package db_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"loa"
	"loa/db"
	"loa/db/dbtest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// entry writes a row of the table every schema has.
func entry(tx *db.Tx, id, subject string) error {
	_, err := tx.Exec(`
		INSERT INTO journal (id, at, actor, actor_name, verb, path, subject, data)
		VALUES (?, ?, 'system', 'Loa', 'test.run', '', ?, '{}')`, id, tx.NowMS(), subject)
	return err
}

// texts collects a query's only column.
func texts(tx *db.Tx, q string, args ...any) ([]string, error) {
	return db.All(tx, q, args, func(scan func(...any) error) (s string, err error) { return s, scan(&s) })
}

// ids lists what entry has written.
func ids(t *testing.T, d *db.DB) (all []string) {
	t.Helper()
	must(t, d.Read(t.Context(), func(tx *db.Tx) (err error) {
		all, err = texts(tx, "SELECT id FROM journal ORDER BY id")
		return err
	}))
	return all
}

func TestWriteIsAllOrNothing(t *testing.T) {
	stop := errors.New("stop")
	for _, c := range []struct {
		name string
		f    func(tx *db.Tx, cancel func()) error
		want error
	}{
		{"an error", func(*db.Tx, func()) error { return stop }, stop},
		{"cancelled before commit", func(_ *db.Tx, cancel func()) error { cancel(); return nil }, context.Canceled},
		{"a panic", func(*db.Tx, func()) error { panic(stop) }, stop},
	} {
		t.Run(c.name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				err := func() (err error) {
					defer func() {
						if p := recover(); p != nil {
							err = p.(error)
						}
					}()
					return d.Write(ctx, func(tx *db.Tx) error {
						if err := entry(tx, "a", "x"); err != nil {
							return err
						}
						return c.f(tx, cancel)
					})
				}()
				if !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
				if got := ids(t, d); len(got) != 0 {
					t.Errorf("kept %v", got)
				}
				must(t, d.Write(t.Context(), func(tx *db.Tx) error { return entry(tx, "b", "x") })) // the connection is free again
			})
		})
	}
}

func TestReadCannotWrite(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Read(t.Context(), func(tx *db.Tx) error { return entry(tx, "a", "x") }); err == nil {
			t.Error("a reader wrote")
		}
		if got := ids(t, d); len(got) != 0 {
			t.Errorf("kept %v", got)
		}
	})
}

// A reader does not wait for a writer and sees one moment throughout.
func TestReadSeesOneMoment(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		must(t, d.Read(t.Context(), func(tx *db.Tx) error {
			before, err := texts(tx, "SELECT id FROM journal")
			if err != nil {
				return err
			}
			if err := d.Write(t.Context(), func(w *db.Tx) error {
				if err := entry(w, "a", "x"); err != nil {
					return err
				}
				if got := ids(t, d); len(got) != 0 {
					t.Errorf("an uncommitted row is seen: %v", got)
				}
				return nil
			}); err != nil {
				return err
			}
			after, err := texts(tx, "SELECT id FROM journal")
			if len(before) != 0 || len(after) != 0 {
				t.Errorf("before %v, after %v", before, after)
			}
			return err
		}))
		if got := ids(t, d); !cmp.Equal(got, []string{"a"}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestTxTime(t *testing.T) {
	clock := loa.NewHandClock(time.Date(2026, 11, 3, 7, 0, 0, 123_456_789, loa.Zone()))
	dbtest.EachAt(t, clock, func(t *testing.T, d *db.DB) {
		must(t, d.Write(t.Context(), func(tx *db.Tx) error {
			want := clock.Now().UTC().Truncate(time.Millisecond)
			first := tx.Now()
			clock.Turn(time.Second)
			if first != want {
				t.Errorf("Now is %v, want %v", first, want)
			}
			if tx.Now() != first || tx.NowMS() != first.UnixMilli() {
				t.Error("time went on within a transaction")
			}
			_, err := tx.Exec("SELECT ?", first)
			if err == nil || !strings.Contains(err.Error(), "UnixMilli") {
				t.Errorf("a time as parameter: %v", err)
			}
			return nil
		}))
	})
}

// The same values come back from both databases.
func TestValues(t *testing.T) {
	type values struct {
		Path   loa.Path
		Claims int64
		Yes    bool
		Sent   *int64
		Body   []byte
	}
	sent := int64(1_793_000_000_123)
	rows := []values{
		{"vn/01/00004", 1, true, &sent, []byte("a\x00\xff")},
		{"Thị trấn 'Đông' \"Hưng\" ?", -1 << 62, false, nil, []byte{}},
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var got []values
		must(t, d.Write(t.Context(), func(tx *db.Tx) error {
			if err := entry(tx, "j", "x"); err != nil {
				return err
			}
			var all [][]any
			for i, v := range rows {
				all = append(all, []any{i + 1, fmt.Sprint(v.Yes), "j", v.Path, v.Body, v.Claims, v.Sent})
			}
			if err := tx.Insert("outbox", []string{"position", "id", "journal_id", "topic", "body", "claimed_until", "sent_at"}, all); err != nil {
				return err
			}
			n, err := tx.Exec("UPDATE outbox SET claimed_by = ? WHERE position = ? AND 1 = ?", "me", 1, true)
			if err != nil || n != 1 {
				t.Errorf("a bool as parameter changed %d rows: %v", n, err)
			}
			got, err = db.All(tx, `
				SELECT topic, claimed_until, CASE WHEN claimed_by = ? THEN 1 ELSE 0 END, sent_at, body
				FROM outbox ORDER BY position`, []any{"me"},
				func(scan func(...any) error) (v values, err error) {
					err = scan(&v.Path, &v.Claims, &v.Yes, &v.Sent, &v.Body)
					return v, err
				})
			return err
		}))
		if diff := cmp.Diff(rows, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if err := d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec("UPDATE outbox SET body = ?", []byte(nil))
			return err
		}); err == nil {
			t.Error("nil bytes went in as empty bytes, not as NULL")
		}
	})
}

// Text sorts and compares byte by byte in both, so that a range covers a path.
func TestTextOrder(t *testing.T) {
	words := []string{"", "A", "B", "a", "vn", "vn-1", "vn/0", "vn/01", "vn/01/00004", "vn/02", "vn0", "vn1", "z", "Đ", "đ"}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		must(t, d.Write(t.Context(), func(tx *db.Tx) error {
			for i, w := range slices.Backward(words) {
				if err := entry(tx, fmt.Sprint(i), w); err != nil {
					return err
				}
			}
			got, err := texts(tx, "SELECT subject FROM journal ORDER BY subject")
			if diff := cmp.Diff(words, got); diff != "" {
				t.Errorf("order (-want +got)\n%s", diff)
			}
			if err != nil {
				return err
			}
			from, to := db.PrefixRange("vn")
			got, err = texts(tx, "SELECT subject FROM journal WHERE subject >= ? AND subject < ? ORDER BY subject", from, to)
			if diff := cmp.Diff([]string{"vn/0", "vn/01", "vn/01/00004", "vn/02"}, got); diff != "" {
				t.Errorf("below vn (-want +got)\n%s", diff)
			}
			return err
		}))
	})
}

func TestNone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		must(t, d.Write(t.Context(), func(tx *db.Tx) error {
			if err := entry(tx, "a", "x"); err != nil {
				return err
			}
			var id string
			if err := tx.Row("SELECT id FROM journal WHERE id = ?", "b").Scan(&id); !errors.Is(err, db.ErrNone) {
				t.Errorf("Row: got %v, want ErrNone", err)
			}
			if err := tx.Lock("journal", "b"); !errors.Is(err, db.ErrNone) {
				t.Errorf("Lock: got %v, want ErrNone", err)
			}
			return tx.Lock("journal", "a")
		}))
	})
}

func TestIsUnique(t *testing.T) {
	for _, c := range []struct {
		name, q string
		want    bool
	}{
		{"primary key", "INSERT INTO journal SELECT * FROM journal", true},
		{"unique", "INSERT INTO outbox (id, journal_id, topic, body) SELECT id, journal_id, topic, body FROM outbox", true},
		{"foreign key", "UPDATE outbox SET journal_id = 'none'", false},
		{"not null", "UPDATE outbox SET topic = NULL", false},
		{"not SQL", "INSERT UNIQUE", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				must(t, d.Write(t.Context(), func(tx *db.Tx) error {
					if err := entry(tx, "a", "x"); err != nil {
						return err
					}
					return tx.Insert("outbox", []string{"id", "journal_id", "topic", "body"}, [][]any{{"a.1", "a", "t", []byte{}}})
				}))
				err := d.Write(t.Context(), func(tx *db.Tx) error {
					_, err := tx.Exec(c.q)
					return err
				})
				if err == nil {
					t.Fatal("accepted")
				}
				if db.IsUnique(err) != c.want {
					t.Errorf("IsUnique is %v: %v", !c.want, err)
				}
			})
		})
	}
}

func TestInsertMany(t *testing.T) {
	columns := []string{"id", "at", "actor", "actor_name", "verb", "path", "subject", "data"}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, n := range []int{0, 1, 500, 1203} {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				must(t, d.Write(t.Context(), func(tx *db.Tx) error {
					rows := make([][]any, n)
					for i := range rows {
						rows[i] = []any{fmt.Sprintf("%d-%d", n, i), i, "system", "Loa", "test.run", "", fmt.Sprint(n), "{}"}
					}
					if err := tx.Insert("journal", columns, rows); err != nil {
						return err
					}
					var count, sum int
					if err := tx.Row("SELECT COUNT(*), COALESCE(SUM(at), 0) FROM journal WHERE subject = ?", fmt.Sprint(n)).Scan(&count, &sum); err != nil {
						return err
					}
					if count != n || sum != n*(n-1)/2 {
						t.Errorf("%d rows, sum %d", count, sum)
					}
					return nil
				}))
			})
		}
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			return tx.Insert("journal", columns, [][]any{{"a"}})
		})
		if err == nil || !strings.Contains(err.Error(), "1 values for 8 columns") {
			t.Errorf("a short row: %v", err)
		}
	})
}

// A scan that fails half-way neither hangs the transaction nor gives half a list.
func TestAllFails(t *testing.T) {
	stop := errors.New("stop")
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		must(t, d.Write(t.Context(), func(tx *db.Tx) error {
			if err := errors.Join(entry(tx, "a", "x"), entry(tx, "b", "x")); err != nil {
				return err
			}
			got, err := db.All(tx, "SELECT id FROM journal", nil, func(func(...any) error) (int, error) { return 1, stop })
			if !errors.Is(err, stop) || got != nil {
				t.Errorf("got %v, %v", got, err)
			}
			return entry(tx, "c", "x")
		}))
	})
}

// Eight writers read, add one and write back: Lock lets none overwrite another.
func TestLock(t *testing.T) {
	const writers, times = 8, 5
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		must(t, d.Write(t.Context(), func(tx *db.Tx) error { return entry(tx, "a", "0") }))
		var group sync.WaitGroup
		for range writers {
			group.Go(func() {
				for range times {
					if err := d.Write(t.Context(), func(tx *db.Tx) error {
						if err := tx.Lock("journal", "a"); err != nil {
							return err
						}
						var n int
						if err := tx.Row("SELECT subject FROM journal WHERE id = ?", "a").Scan(&n); err != nil {
							return err
						}
						_, err := tx.Exec("UPDATE journal SET subject = ? WHERE id = ?", fmt.Sprint(n+1), "a")
						return err
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		var got string
		must(t, d.Read(t.Context(), func(tx *db.Tx) error { return tx.Row("SELECT subject FROM journal").Scan(&got) }))
		if want := fmt.Sprint(writers * times); got != want {
			t.Errorf("counted %s, want %s", got, want)
		}
	})
}

// Two writers lock the same two rows in opposite order: PostgreSQL breaks one
// off, and Write runs it again, so both succeed.
func TestWriteAgainAfterDeadlock(t *testing.T) {
	d := dbtest.Open(t, dbtest.Postgres(t))
	must(t, d.Write(t.Context(), func(tx *db.Tx) error { return errors.Join(entry(tx, "a", ""), entry(tx, "b", "")) }))
	var group, both sync.WaitGroup
	both.Add(2)
	var mu sync.Mutex
	runs := 0
	for _, order := range [][2]string{{"a", "b"}, {"b", "a"}} {
		first := true
		group.Go(func() {
			if err := d.Write(t.Context(), func(tx *db.Tx) error {
				mu.Lock()
				runs++
				mu.Unlock()
				if err := tx.Lock("journal", order[0]); err != nil {
					return err
				}
				if first {
					first = false
					both.Done()
					both.Wait() // each holds its first row now
				}
				if err := tx.Lock("journal", order[1]); err != nil {
					return err
				}
				_, err := tx.Exec("UPDATE journal SET subject = subject || ?", order[0])
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if runs < 3 {
		t.Errorf("ran %d times, want at least 3: no deadlock happened", runs)
	}
	var got string
	must(t, d.Read(t.Context(), func(tx *db.Tx) error { return tx.Row("SELECT subject FROM journal WHERE id = 'a'").Scan(&got) }))
	if got != "ab" && got != "ba" {
		t.Errorf("got %q, want both writers once", got)
	}
}

// A writer that waits for another stops waiting when its context ends.
func TestWaitEndsWithContext(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		must(t, d.Write(t.Context(), func(tx *db.Tx) error { return entry(tx, "a", "x") }))
		must(t, d.Write(t.Context(), func(tx *db.Tx) error {
			if err := tx.Lock("journal", "a"); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			err := d.Write(ctx, func(tx *db.Tx) error { return tx.Lock("journal", "a") })
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want the context's end", err)
			}
			return nil
		}))
	})
}

func TestAway(t *testing.T) {
	for name, lose := range map[string]func(tx *db.Tx, cut func()) error{
		"closed by the server": func(tx *db.Tx, _ func()) error {
			_, err := tx.Exec("SELECT pg_terminate_backend(pg_backend_pid())")
			return err
		},
		"cut within":        func(tx *db.Tx, cut func()) error { cut(); return entry(tx, "b", "x") },
		"cut before commit": func(_ *db.Tx, cut func()) error { cut(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			url, cut := cuttable(t, dbtest.Postgres(t))
			d := dbtest.Open(t, url)
			err := d.Write(t.Context(), func(tx *db.Tx) error {
				if err := entry(tx, "a", "x"); err != nil {
					return err
				}
				return lose(tx, cut)
			})
			if loa.KeyOf(err) != "db.away" || loa.CodeOf(err) != loa.Unavailable {
				t.Errorf("got %v, want db.away", err)
			}
			if got := ids(t, d); len(got) != 0 { // over a new connection
				t.Errorf("kept %v", got)
			}
		})
	}
}

// Connections that broke while idle cost nobody a transaction.
func TestIdleCut(t *testing.T) {
	url, cut := cuttable(t, dbtest.Postgres(t))
	d := dbtest.Open(t, url)
	for _, id := range []string{"a", "b", "c"} {
		must(t, d.Read(t.Context(), func(*db.Tx) error { // two connections, both idle afterwards
			return d.Write(t.Context(), func(tx *db.Tx) error { return entry(tx, id, "x") })
		}))
		cut()
	}
	if got := ids(t, d); !cmp.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got %v", got)
	}
}

// cuttable is the same database over a line that cut breaks, for the
// connections of that moment.
func cuttable(t *testing.T, address string) (through string, cut func()) {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	if u.Host != "" {
		t.Skip("LOA_TEST_POSTGRES names a server that is not reached by a socket")
	}
	const socket = "/.s.PGSQL.5432"
	server := u.Query().Get("host") + socket
	dir, err := os.MkdirTemp("", "loa-cut-") //nolint:usetesting // t.TempDir is too long for the name of a socket
	must(t, err)
	u.RawQuery = "host=" + url.QueryEscape(dir)
	l, err := net.Listen("unix", dir+socket)
	must(t, err)
	var mu sync.Mutex
	var open []net.Conn
	cut = func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range open {
			_ = c.Close() // closed already, or closed now
		}
		open = nil
	}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return // closed below
			}
			far, err := net.Dial("unix", server)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			open = append(open, near, far)
			mu.Unlock()
			for from, to := range map[net.Conn]net.Conn{near: far, far: near} {
				group.Go(func() {
					_, _ = io.Copy(to, from) // ends with the line
					_ = to.Close()
				})
			}
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		cut()
		group.Wait()
		must(t, os.RemoveAll(dir))
	})
	return u.String(), cut
}

func TestDamagedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "loa.db")
	d, err := db.Open(t.Context(), "sqlite:"+file, loa.WallClock{})
	must(t, err)
	must(t, d.Write(t.Context(), func(tx *db.Tx) error {
		for i := range 500 {
			if err := entry(tx, fmt.Sprint(i), strings.Repeat("x", 100)); err != nil {
				return err
			}
		}
		return nil
	}))
	must(t, d.Close())
	b, err := os.ReadFile(file)
	must(t, err)
	for i := 4096; i < len(b); i++ { // all but the first page, which holds the schema
		b[i] = 0x55
	}
	must(t, os.WriteFile(file, b, 0o600))
	d, err = db.Open(t.Context(), "sqlite:"+file, loa.WallClock{})
	if err == nil {
		err = d.Read(t.Context(), func(tx *db.Tx) error {
			_, err := texts(tx, "SELECT subject FROM journal")
			return err
		})
		must(t, d.Close())
	}
	if loa.KeyOf(err) != "db.storage" {
		t.Errorf("got %v, want db.storage", err)
	}
}

func TestBackup(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		file := filepath.Join(t.TempDir(), "it's a copy.db")
		must(t, d.Write(t.Context(), func(tx *db.Tx) error { return entry(tx, "a", "x") }))
		err := d.Backup(t.Context(), file)
		if d.Backend() == "postgres" {
			if loa.KeyOf(err) != "db.backup_postgres" {
				t.Errorf("got %v, want db.backup_postgres", err)
			}
			return
		}
		must(t, err)
		must(t, d.Write(t.Context(), func(tx *db.Tx) error { return entry(tx, "b", "x") }))
		if got := ids(t, dbtest.Open(t, "sqlite:"+file)); !cmp.Equal(got, []string{"a"}) {
			t.Errorf("the copy has %v", got)
		}
		if err := d.Backup(t.Context(), file); loa.KeyOf(err) != "db.backup_exists" {
			t.Errorf("over an older backup: got %v, want db.backup_exists", err)
		}
		info, err := os.Stat(file)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v: others can read it", info.Mode())
		}
	})
}
