package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"loa"
)

// postgresConns is how many PostgreSQL connections one process holds: with several
// processes side by side they stay well under the server's usual hundred. Some are
// kept for what goes ahead.
const (
	postgresConns = 8
	postgresKept  = 2
)

// openPostgres opens the pool and refuses a database whose text would sort or
// compare otherwise than in SQLite.
func openPostgres(ctx context.Context, url string) (*DB, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, loa.Errorf(loa.Invalid, "db.url_unknown", "postgres").Because(err)
	}
	cfg.RuntimeParams["timezone"] = "UTC"
	cfg.RuntimeParams["synchronous_commit"] = "on" // whatever the server's default: we acknowledge after commit
	cfg.RuntimeParams["application_name"] = "loa"
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = "60s" // a process that hangs gives its locks back
	cfg.RuntimeParams["jit"] = "off"                                 // it compiles for longer than our statements run
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 10 * time.Second
	}
	conns := stdlib.OpenDB(*cfg)
	conns.SetConnMaxLifetime(time.Hour) // after a failover, find the way back to the balanced address
	both := newPool(conns, postgresConns, postgresKept)
	d := &DB{backend: postgresBackend, writer: both, reader: both, direct: cfg}
	if err := checkText(ctx, conns); err != nil {
		_ = d.Close() // the check's error is the one to tell
		return nil, err
	}
	return d, nil
}

// checkText demands UTF-8 compared byte by byte: collation C (or POSIX, its
// other name) of the C library, or PostgreSQL's own, which sorts the same.
func checkText(ctx context.Context, conns *sql.DB) error {
	var encoding, provider, collation string
	err := conns.QueryRowContext(ctx, `
		SELECT pg_encoding_to_char(d.encoding),
		       COALESCE(to_jsonb(d)->>'datlocprovider', 'c'),
		       d.datcollate
		FROM pg_database d
		WHERE d.datname = current_database()`).Scan(&encoding, &provider, &collation)
	if err != nil {
		return fmt.Errorf("check encoding: %w", err)
	}
	bytewise := provider == "b" || provider == "c" && (collation == "C" || collation == "POSIX")
	if encoding != "UTF8" || !bytewise {
		return loa.Errorf(loa.Unavailable, "db.wrong_collation", encoding, collation)
	}
	return nil
}
