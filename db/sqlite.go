package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"loa"
)

// readers is how many SQLite transactions may read at once, one of them for what
// goes ahead.
const readers = 5

// openSQLite opens the file for one writer and several readers.
func openSQLite(ctx context.Context, file string) (*DB, error) {
	if file == "" {
		return nil, loa.Errorf(loa.Invalid, "db.url_unknown", "sqlite")
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("find folder: %w", err)
	}
	if err := MakeFolder(filepath.Dir(file)); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	if err := newFile(file); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("make file: %w", err)
	}
	pragmas := []string{
		"busy_timeout(10000)",          // first: the pragmas below may already have to wait for another process
		"journal_mode(WAL)",            // readers do not wait for the writer
		"synchronous(FULL)",            // a commit survives the power going
		"foreign_keys(1)",              // SQLite's default is not to check
		"mmap_size(0)",                 // a failing disk gives an error, not a SIGBUS
		"temp_store(MEMORY)",           // no private data in /tmp
		"journal_size_limit(67108864)", // one large transaction does not leave a large file for ever
	}
	writer, err := sql.Open("sqlite", dsn(file, url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}))
	if err != nil {
		return nil, err
	}
	reader, err := sql.Open("sqlite", dsn(file, url.Values{"_pragma": append(pragmas, "query_only(1)")}))
	if err != nil {
		return nil, err
	}
	d := &DB{backend: sqliteBackend, file: file, writer: newPool(writer, 1, 0), reader: newPool(reader, readers, 1), leading: map[string]bool{}}
	if err := writer.PingContext(ctx); err != nil {
		_ = d.Close() // the ping's error is the one to tell
		return nil, err
	}
	return d, nil
}

// dsn escapes the file's name, which may hold '?', '#' and '%'.
func dsn(file string, query url.Values) string {
	u := url.URL{Scheme: "file", Path: file, RawQuery: query.Encode()}
	return u.String()
}

// newFile makes an empty file for a database, which holds people's names and
// telephone numbers, so it is for its owner alone; SQLite gives the files beside
// it the same mode.
func newFile(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(file))
}

// Backup writes a whole, consistent copy of the database to file, which must not
// exist (db.backup_exists), while the program goes on working. PostgreSQL has
// pg_dump for that (db.backup_postgres).
func (d *DB) Backup(ctx context.Context, file string) error {
	if d.backend == postgresBackend {
		return loa.Errorf(loa.Invalid, "db.backup_postgres")
	}
	err := newFile(file)
	if errors.Is(err, os.ErrExist) {
		return loa.Errorf(loa.Conflict, "db.backup_exists", file)
	}
	if err != nil {
		return explain(fmt.Errorf("backup database: %w", err))
	}
	if err := d.copyTo(ctx, file); err != nil {
		return explain(fmt.Errorf("backup database: %w", errors.Join(err, os.Remove(file))))
	}
	return nil
}

// copyTo fills an empty file, over a connection of its own: the writer stays
// free, and a reader may not write at all.
func (d *DB) copyTo(ctx context.Context, file string) error {
	own, err := sql.Open("sqlite", dsn(d.file, url.Values{"_pragma": {"busy_timeout(10000)", "synchronous(FULL)"}}))
	if err != nil {
		return err
	}
	_, err = own.ExecContext(ctx, "VACUUM INTO ?", file)
	return errors.Join(err, own.Close())
}
