package db

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"loa"
)

// schema is every migration, in the order of the number its name starts with.
// A file is never changed once released; the next change is the next file.
//
//go:embed schema/*.sql
var schema embed.FS

// dialect shows one backend its migrations: NNNN_name.sql is for both, unless
// NNNN_name.postgres.sql or NNNN_name.sqlite.sql stands beside it for one.
type dialect struct {
	fs.FS
	backend string
}

// ReadDir leaves out what is for the other backend, and the common text where
// this backend has its own.
func (d dialect) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(d.FS, name)
	if err != nil {
		return nil, err
	}
	own := map[string]bool{}
	for _, e := range all {
		if base, ok := strings.CutSuffix(e.Name(), "."+d.backend+".sql"); ok {
			own[base] = true
		}
	}
	var mine []fs.DirEntry
	for _, e := range all {
		base, variant, _ := strings.Cut(strings.TrimSuffix(e.Name(), ".sql"), ".")
		if variant == d.backend || variant == "" && !own[base] {
			mine = append(mine, e)
		}
	}
	return mine, nil
}

// migrate brings the schema up to date, one process at a time.
func (d *DB) migrate(ctx context.Context) error {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	kind := goose.DialectSQLite3
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if d.backend == postgresBackend {
		kind = goose.DialectPostgres
		// Ask every second for five minutes: another process may be at it.
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	} else {
		unlock, err := lockFile(d.file + "-migrate")
		if err != nil {
			return fmt.Errorf("lock: %w", err)
		}
		defer unlock()
	}
	p, err := goose.NewProvider(kind, d.writer.DB, dialect{files, d.backend}, options...)
	if err != nil {
		return err
	}
	// Before, so that nothing is touched; after, because a newer program may
	// have held the lock while this one waited for it.
	if err := refuseNewer(ctx, p); err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return err
	}
	return refuseNewer(ctx, p)
}

// refuseNewer fails when the database has seen a migration this program has not.
func refuseNewer(ctx context.Context, p *goose.Provider) error {
	has, knows, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if has > knows {
		return loa.Errorf(loa.Unavailable, "db.schema_newer", has, knows)
	}
	return nil
}

// lockFile waits until this process alone holds the file. It is not the database
// file itself: closing that would drop SQLite's own locks on it.
func lockFile(name string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Clean(name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close() // the lock's error is the one to tell
		return nil, err
	}
	return func() { _ = f.Close() }, nil // closing unlocks; nothing was written that could fail
}
