package db

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Leader runs f when no other process runs the job of this name now, and
// reports whether it did; err is what f returned. It does not wait: the one who
// is running does the work.
//
// On PostgreSQL the job is held by an advisory lock on a connection of its own,
// so it is free again the moment its process dies; when that connection breaks
// while f runs, f's context ends, because another process may then begin. On
// SQLite there is one process, and a job excludes itself.
func (d *DB) Leader(ctx context.Context, name string, f func(ctx context.Context) error) (ran bool, err error) {
	if d.backend == postgresBackend {
		return d.leadPostgres(ctx, name, f)
	}
	if !d.take(name) {
		return false, nil
	}
	defer d.give(name)
	return true, f(ctx)
}

func (d *DB) take(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.leading[name] {
		return false
	}
	d.leading[name] = true
	return true
}

func (d *DB) give(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.leading, name)
}

func (d *DB) leadPostgres(ctx context.Context, name string, f func(ctx context.Context) error) (ran bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, d.direct)
	if err != nil {
		return false, explain(fmt.Errorf("lead %s: %w", name, err))
	}
	// Closing the connection gives the lock back, whatever happened before.
	defer conn.Close(context.WithoutCancel(ctx))
	var mine bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock(hashtextextended($1, 0))", "loa:"+name).Scan(&mine); err != nil {
		return false, explain(fmt.Errorf("lead %s: %w", name, err))
	}
	if !mine {
		return false, nil
	}
	leading, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		defer stop()
		// Nobody notifies this connection: the wait ends with f, or with the connection.
		_, _ = conn.WaitForNotification(leading)
	}()
	defer func() {
		stop()
		<-watched // the connection is free to be closed
	}()
	return true, f(leading)
}
