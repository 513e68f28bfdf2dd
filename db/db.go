package db

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"loa"
)

// The two databases, as Backend names them.
const (
	sqliteBackend   = "sqlite"
	postgresBackend = "postgres"
)

// attempts is how often Write runs a transaction that PostgreSQL broke off to
// resolve a deadlock or a serialization conflict, before it gives up.
const attempts = 5

// DB is one open database. It is safe for concurrent use.
type DB struct {
	// Watch is told what the disk says; set it before the database is used.
	Watch Watch

	backend string
	clock   loa.Clock
	writer  *pool           // on SQLite one connection: SQLite has one writer, waiting in Go is fair and has no timeout
	reader  *pool           // the same pool as writer on PostgreSQL
	file    string          // SQLite only: where it is
	direct  *pgx.ConnConfig // PostgreSQL only: for connections outside the pool

	mu      sync.Mutex
	leading map[string]bool // SQLite only: the jobs that run now
	failed  atomic.Bool     // SQLite only: the disk failed a write; nothing is written any more
}

// pool is connections and who may have one next.
type pool struct {
	*sql.DB
	turns turns
}

// newPool bounds a pool to conns, kept of them for what goes ahead.
func newPool(d *sql.DB, conns, kept int) *pool {
	d.SetMaxOpenConns(conns)
	d.SetMaxIdleConns(conns)
	return &pool{DB: d, turns: turns{free: conns, kept: kept}}
}

// Open opens the database at url, brings its schema up to date and checks that
// it can be trusted. "sqlite:/folder/loa.db" is a file, made when absent,
// readable by its owner alone; "postgres://user@host/name" is a database that
// must have been created with encoding UTF8 and collation C.
//
// A schema newer than this program is refused (db.schema_newer): an older
// program does not know what it would break.
func Open(ctx context.Context, url string, clock loa.Clock) (*DB, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	var d *DB
	var err error
	switch scheme {
	case "sqlite":
		d, err = openSQLite(ctx, rest)
	case "postgres", "postgresql":
		d, err = openPostgres(ctx, url)
	default:
		return nil, loa.Errorf(loa.Invalid, "db.url_unknown", scheme)
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", explain(err))
	}
	d.clock = clock
	if err := d.migrate(ctx); err != nil {
		_ = d.Close() // the migration's error is the one to tell
		return nil, fmt.Errorf("migrate database: %w", explain(err))
	}
	return d, nil
}

// Close waits for nothing: transactions still running fail.
func (d *DB) Close() error {
	err := d.writer.Close()
	if d.reader == d.writer {
		return err
	}
	if e := d.reader.Close(); err == nil {
		err = e
	}
	return err
}

// Backend is "sqlite" or "postgres", for loa doctor and for tests; rules do not ask.
func (d *DB) Backend() string { return d.backend }

// Aside writes a column of a condition or an order such that SQLite's planner
// leaves its index alone: it does not know how many rows a place or a state has,
// and the caller does. PostgreSQL counts rows itself and gets the column bare.
func (d *DB) Aside(column string) string {
	if d.backend == sqliteBackend {
		return "+" + column
	}
	return column
}

// Write runs f in one transaction and commits it when f returns nil; when Write
// returns nil the change is on disk. f must not call Write (SQLite has one
// writer, which f holds), and must do nothing but use tx: on PostgreSQL it runs
// again, from the start, when the database broke it off to resolve a conflict
// with another writer.
//
// Once the disk has failed under SQLite every Write fails (db.storage): a commit
// that seems to succeed then may hang on bytes that were never written. The
// process is to end and start again (Watch.Failed).
func (d *DB) Write(ctx context.Context, f func(tx *Tx) error) error {
	if d.failed.Load() {
		return loa.Errorf(loa.Unavailable, "db.storage")
	}
	var err error
	for range attempts {
		err = d.run(ctx, d.writer, nil, f)
		if !isConflict(err) {
			break
		}
		// Let the other one finish, and do not meet it at the same point again.
		if _, e := d.writer.ExecContext(ctx, "SELECT pg_sleep(random() * 0.05)"); e != nil {
			break
		}
	}
	// gofail: var committed string
	// go panic(committed)
	// select {}
	if isLiteIO(err) {
		d.failed.Store(true)
	}
	return d.Watch.Tell(err)
}

// Read runs f in a transaction that sees one moment of the database and cannot
// change it. Readers never wait for a writer.
func (d *DB) Read(ctx context.Context, f func(tx *Tx) error) error {
	opts := &sql.TxOptions{ReadOnly: true}
	if d.backend == postgresBackend {
		opts.Isolation = sql.LevelRepeatableRead // what SQLite does by itself
	}
	return explain(d.run(ctx, d.reader, opts, f))
}

// run is one transaction. Waiting for a connection and every statement end with
// ctx; begin and commit do not, because a commit cut off half-way is a change
// that may or may not have happened.
func (d *DB) run(ctx context.Context, pool *pool, opts *sql.TxOptions, f func(tx *Tx) error) error {
	if err := pool.turns.take(ctx); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer pool.turns.give()
	conn, t, err := begin(ctx, pool, opts)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer t.Rollback() // does nothing after Commit
	tx := &Tx{ctx: ctx, tx: t, backend: d.backend, ms: d.clock.Now().UnixMilli()}
	if err := f(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if opts == nil && d.failed.Load() { // while this one waited its turn
		return loa.Errorf(loa.Unavailable, "db.storage")
	}
	if err := t.Commit(); err != nil {
		if isLiteIO(err) {
			d.failed.Store(true) // before the next writer has its turn
		}
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// begin finds a connection that works: one that broke while it lay idle shows it
// only now, and as nothing was done on it, the next may serve.
func begin(ctx context.Context, pool *pool, opts *sql.TxOptions) (*sql.Conn, *sql.Tx, error) {
	for broken := 0; ; broken++ {
		conn, err := pool.Conn(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("connect: %w", err)
		}
		t, err := conn.BeginTx(context.WithoutCancel(ctx), opts)
		if err == nil {
			return conn, t, nil
		}
		_ = conn.Close() // the transaction's error is the one to tell
		if !isLost(err) || broken == postgresConns {
			return nil, nil, fmt.Errorf("begin: %w", err)
		}
	}
}
