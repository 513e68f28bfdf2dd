package db_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/db"
	"loa/db/dbtest"
)

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name, key string
		url       func(t *testing.T) string
	}{
		{"no scheme", "db.url_unknown", func(*testing.T) string { return "loa.db" }},
		{"other database", "db.url_unknown", func(*testing.T) string { return "mysql://localhost/loa" }},
		{"no file", "db.url_unknown", func(*testing.T) string { return "sqlite:" }},
		{"malformed", "db.url_unknown", func(*testing.T) string { return "postgres://localhost:port/loa" }},
		{"nobody there", "db.away", func(t *testing.T) string { return "postgres://loa@/loa?host=" + t.TempDir() }},
		{"a folder", "db.storage", func(t *testing.T) string { return "sqlite:" + t.TempDir() }},
		{"not a database", "db.storage", func(t *testing.T) string {
			file := filepath.Join(t.TempDir(), "loa.db")
			if err := os.WriteFile(file, []byte(strings.Repeat("không phải cơ sở dữ liệu ", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
			return "sqlite:" + file
		}},
		{"sorts by language", "db.wrong_collation", func(t *testing.T) string {
			return dbtest.PostgresWith(t, "ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'")
		}},
		{"not UTF-8", "db.wrong_collation", func(t *testing.T) string {
			return dbtest.PostgresWith(t, "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := db.Open(t.Context(), c.url(t), loa.WallClock{})
			if err == nil {
				t.Fatal("opened", d.Close())
			}
			if loa.KeyOf(err) != c.key {
				t.Errorf("got %v, want %s", err, c.key)
			}
		})
	}
}

func TestOpenRefusesNewerSchema(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url)
		must(t, d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, CAST(? AS BOOLEAN))", "1")
			return err
		}))
		_, err := db.Open(t.Context(), url, loa.WallClock{})
		if loa.KeyOf(err) != "db.schema_newer" {
			t.Fatalf("got %v, want db.schema_newer", err)
		}
		if told := new(loa.Error); !errors.As(err, &told) || told.Args[0] != int64(9999) {
			t.Errorf("does not name version 9999: %v", err)
		}
	})
}

// Several processes start at once on a new database: each finds it complete.
func TestOpenTogether(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				d, err := db.Open(t.Context(), url, loa.WallClock{})
				if err != nil {
					t.Error(err)
					return
				}
				if err := d.Read(t.Context(), func(tx *db.Tx) error {
					var n int
					return tx.Row("SELECT COUNT(*) FROM outbox").Scan(&n)
				}); err != nil {
					t.Error(err)
				}
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	})
}

// What is in the database is there when it is opened again.
func TestOpenAgain(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		first := dbtest.Open(t, url)
		must(t, first.Write(t.Context(), func(tx *db.Tx) error { return entry(tx, "a", "x") }))
		again := dbtest.Open(t, url)
		if got := ids(t, again); !cmp.Equal(got, []string{"a"}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestOpenSQLiteFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "Xã An Bình? 100%#1", "loa.db")
	d := dbtest.Open(t, "sqlite:"+file)
	must(t, d.Write(t.Context(), func(tx *db.Tx) error { return entry(tx, "a", "x") }))
	for _, name := range []string{file, file + "-wal", file + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v: others can read it", name, info.Mode())
		}
	}
}

// The settings a promise rests on are those the connections really have.
func TestSettings(t *testing.T) {
	want := map[string]map[string]string{
		"sqlite": {
			"PRAGMA busy_timeout": "10000",
			"PRAGMA journal_mode": "wal",
			"PRAGMA synchronous":  "2",
			"PRAGMA foreign_keys": "1",
			"PRAGMA mmap_size":    "0",
			"PRAGMA temp_store":   "2",
		},
		"postgres": {
			"SHOW synchronous_commit": "on",
			"SHOW timezone":           "UTC",
			"SHOW client_encoding":    "UTF8",
		},
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for kind, run := range map[string]func(context.Context, func(*db.Tx) error) error{"write": d.Write, "read": d.Read} {
			must(t, run(t.Context(), func(tx *db.Tx) error {
				for q, want := range want[d.Backend()] {
					var got string
					if err := tx.Row(q).Scan(&got); err != nil {
						return fmt.Errorf("%s: %w", q, err)
					}
					if got != want {
						t.Errorf("%s: %s is %q, want %q", kind, q, got, want)
					}
				}
				return nil
			}))
		}
	})
}

// Every migration gives both databases the same tables, columns, types and
// indexes, and no type but the three that behave alike in both.
func TestSchemaIsOne(t *testing.T) {
	queries := map[string]string{
		"sqlite": `
			SELECT m.name || '.' || c.name || ' ' || REPLACE(c.type, 'INTEGER', 'BIGINT') ||
			       CASE WHEN c."notnull" = 1 OR c.pk > 0 THEN ' NOT NULL' ELSE '' END
			FROM sqlite_master m JOIN pragma_table_info(m.name) c
			WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name <> 'goose_db_version'
			UNION ALL
			SELECT 'index ' || name || ' ON ' || tbl_name
			FROM sqlite_master
			WHERE type = 'index' AND name NOT LIKE 'sqlite%'`,
		"postgres": `
			SELECT table_name || '.' || column_name || ' ' || UPPER(data_type) ||
			       CASE WHEN is_nullable = 'NO' THEN ' NOT NULL' ELSE '' END
			FROM information_schema.columns
			WHERE table_schema = 'public' AND table_name <> 'goose_db_version'
			UNION ALL
			SELECT 'index ' || indexname || ' ON ' || tablename
			FROM pg_indexes
			WHERE schemaname = 'public' AND tablename <> 'goose_db_version'
			  AND indexname NOT IN (SELECT conname FROM pg_constraint)`,
	}
	got := map[string][]string{}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		must(t, d.Read(t.Context(), func(tx *db.Tx) (err error) {
			got[d.Backend()], err = texts(tx, "SELECT * FROM ("+queries[d.Backend()]+") AS one ORDER BY 1")
			return err
		}))
		for _, line := range got[d.Backend()] {
			column, isColumn := strings.CutSuffix(line, " NOT NULL")
			if strings.HasPrefix(line, "index ") || isColumn && column == "" {
				continue
			}
			if kind := column[strings.LastIndexByte(column, ' ')+1:]; kind != "BIGINT" && kind != "TEXT" && kind != "BYTEA" {
				t.Errorf("%s: not BIGINT, TEXT or BYTEA", line)
			}
		}
	})
	if diff := cmp.Diff(got["sqlite"], got["postgres"]); diff != "" {
		t.Errorf("(-sqlite +postgres)\n%s", diff)
	}
}
