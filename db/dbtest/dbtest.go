// Package dbtest gives tests the real databases: SQLite in a file and a
// PostgreSQL server of the test process's own, because a rule that holds on one
// and not on the other is a bug no stand-in would show. Tests only.
package dbtest

import (
	"testing"

	"loa"
	"loa/db"
)

// Each runs f as a subtest on each database, both fresh and migrated, with the
// machine's clock.
func Each(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	EachAt(t, loa.WallClock{}, f)
}

// EachAt is Each with transactions that take their time from clock.
func EachAt(t *testing.T, clock loa.Clock, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) { f(t, OpenAt(t, url, clock)) })
}

// EachURL runs f as a subtest with the address of a fresh, empty database of
// each kind, for tests that open it themselves or from several processes.
func EachURL(t *testing.T, f func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, Postgres(t)) })
}

// Open opens the database at url and closes it when the test ends.
func Open(t testing.TB, url string) *db.DB {
	t.Helper()
	return OpenAt(t, url, loa.WallClock{})
}

// OpenAt is Open with transactions that take their time from clock.
func OpenAt(t testing.TB, url string, clock loa.Clock) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), url, clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close database: %v", err)
		}
	})
	return d
}

// SQLite is the address of a SQLite file that does not exist yet.
func SQLite(t testing.TB) string { return "sqlite:" + t.TempDir() + "/loa.db" }
