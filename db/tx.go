package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNone says that the row asked for is not there.
var ErrNone = errors.New("no such row")

// Limits of one INSERT: SQLite takes 32,766 parameters, PostgreSQL 65,535.
const (
	maxRows   = 500
	maxParams = 30000
)

// Tx is one transaction. It belongs to the goroutine that runs it.
type Tx struct {
	ctx     context.Context
	tx      *sql.Tx
	backend string
	ms      int64
}

// Now is the time of the whole transaction, UTC, in whole milliseconds, so that
// all rows one step writes carry the same time and read back equal.
func (tx *Tx) Now() time.Time { return time.UnixMilli(tx.ms).UTC() }

// NowMS is Now as it is stored: milliseconds since 1970.
func (tx *Tx) NowMS() int64 { return tx.ms }

// Context is what every statement of the transaction ends with.
func (tx *Tx) Context() context.Context { return tx.ctx }

// Exec runs one statement and tells how many rows it changed.
func (tx *Tx) Exec(q string, args ...any) (rows int64, err error) {
	q, args, err = tx.prepare(q, args)
	if err != nil {
		return 0, err
	}
	res, err := tx.tx.ExecContext(tx.ctx, q, args...)
	if err != nil {
		return 0, fmt.Errorf("exec: %w", err)
	}
	return res.RowsAffected()
}

// Query runs a statement that answers rows. The caller closes them and then
// checks their Err; All does both and is what nouns use.
func (tx *Tx) Query(q string, args ...any) (*sql.Rows, error) {
	q, args, err := tx.prepare(q, args)
	if err != nil {
		return nil, err
	}
	rows, err := tx.tx.QueryContext(tx.ctx, q, args...)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return rows, nil
}

// Row runs a statement that answers at most one row; Scan tells what happened.
func (tx *Tx) Row(q string, args ...any) *Row {
	q, args, err := tx.prepare(q, args)
	if err != nil {
		return &Row{err: err}
	}
	return &Row{row: tx.tx.QueryRowContext(tx.ctx, q, args...)}
}

// Row is the answer of Tx.Row.
type Row struct {
	row *sql.Row
	err error
}

// Scan copies the row's columns into dest; it is ErrNone when there is no row.
func (r *Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	err := r.row.Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNone
	}
	if err != nil {
		return fmt.Errorf("query row: %w", err)
	}
	return nil
}

// All collects what scan makes of every row q answers. It closes the rows and
// checks their error, so that no caller can leak a connection or mistake a list
// cut short for a whole one.
func All[T any](tx *Tx, q string, args []any, scan func(scan func(dest ...any) error) (T, error)) ([]T, error) {
	rows, err := tx.Query(q, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("scan: %w", err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	return all, nil
}

// Lock makes every other writer that locks the same row wait until this
// transaction ends, so that what is read after Lock is still so at commit. It is
// ErrNone when there is no such row. SQLite has one writer, which is this one.
func (tx *Tx) Lock(table, id string) error {
	q := "SELECT 1 FROM " + table + " WHERE id = ?"
	if tx.backend == postgresBackend {
		q += " FOR UPDATE"
	}
	var one int
	return tx.Row(q, id).Scan(&one)
}

// SkipLocked ends a SELECT that picks rows to claim: on PostgreSQL it locks them
// and passes over those another claimer has just locked, instead of waiting for
// it and then finding them gone. On SQLite it is empty.
func (tx *Tx) SkipLocked() string {
	if tx.backend == postgresBackend {
		return " FOR UPDATE SKIP LOCKED"
	}
	return ""
}

// Insert adds many rows with few statements: one statement for each row would
// hold a dispatch to ten thousand speakers for seconds.
func (tx *Tx) Insert(table string, columns []string, rows [][]any) error {
	size := min(maxRows, maxParams/len(columns))
	for len(rows) > 0 {
		n := min(size, len(rows))
		if err := tx.insert(table, columns, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func (tx *Tx) insert(table string, columns []string, rows [][]any) error {
	one := "(?" + strings.Repeat(", ?", len(columns)-1) + ")"
	q := "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES " +
		one + strings.Repeat(", "+one, len(rows)-1)
	args := make([]any, 0, len(rows)*len(columns))
	for _, row := range rows {
		if len(row) != len(columns) {
			return fmt.Errorf("insert into %s: %d values for %d columns", table, len(row), len(columns))
		}
		args = append(args, row...)
	}
	if _, err := tx.Exec(q, args...); err != nil {
		return fmt.Errorf("insert into %s: %w", table, err)
	}
	return nil
}

// prepare gives q and args the form the database at hand takes. It copies args
// before changing them: they are the caller's.
func (tx *Tx) prepare(q string, args []any) (string, []any, error) {
	if tx.backend == postgresBackend {
		q = numbered(q)
	}
	for i, a := range args {
		switch v := a.(type) {
		case bool: // PostgreSQL would refuse it for a BIGINT
			n := int64(0)
			if v {
				n = 1
			}
			args = slices.Clone(args)
			args[i] = n
		case []byte: // nil is NULL in both
			if v == nil {
				args = slices.Clone(args)
				args[i] = nil
			}
		case time.Time, *time.Time: // SQLite would store it as text
			return "", nil, fmt.Errorf("parameter %d is a time: store its UnixMilli", i+1)
		}
	}
	if tx.backend == postgresBackend && strings.HasPrefix(q, Anew) {
		args = anew(args)
	}
	return q, args, nil
}

// Anew begins a statement whose plan depends on what it is asked: PostgreSQL then
// plans it each time (a millisecond or two) with the very place and day. Its usual
// plan, made once for any place, takes each for one in two hundred, and joins a
// province's poles one by one. SQLite takes it for the comment it is.
const Anew = "/* anew */ "

// anew is how pgx is told so, with arguments that it encodes without asking first.
func anew(args []any) []any {
	all := []any{pgx.QueryExecModeExec}
	for _, a := range args {
		switch v := reflect.ValueOf(a); v.Kind() {
		case reflect.String:
			a = v.String()
		case reflect.Int:
			a = v.Int()
		default:
		}
		all = append(all, a)
	}
	return all
}

// PrefixRange is the half-open range [from, to) of all paths below path, path
// itself not among them: LIKE uses no index on PostgreSQL without a special
// one, and ignores case on SQLite. '0' follows '/' in ASCII.
func PrefixRange(path string) (from, to string) { return path + "/", path + "0" }
