package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"loa"
)

// IsUnique reports whether err is a unique constraint that was hit. On
// PostgreSQL the transaction is then broken: return from Write before trying
// anything else.
func IsUnique(err error) bool {
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return sqlState(err) == "23505"
}

// isConflict reports whether PostgreSQL broke the transaction off in favour of
// another: 40001 serialization failure, 40P01 deadlock.
func isConflict(err error) bool {
	s := sqlState(err)
	return s == "40001" || s == "40P01"
}

// sqlState is PostgreSQL's five letters for err, "" when it is none of its errors.
func sqlState(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// explain turns what the machine did into what a person can be told: the disk is
// full (db.full), takes nothing (db.read_only) or fails (db.storage), or the
// database cannot be reached or is too busy to answer (db.away). Everything else
// passes unchanged.
func explain(err error) error {
	var told *loa.Error
	if err == nil || errors.As(err, &told) {
		return err
	}
	switch {
	case isFull(err):
		return loa.Errorf(loa.Full, "db.full").Because(err)
	case isReadOnly(err):
		return loa.Errorf(loa.Full, "db.read_only").Because(err)
	case isStorage(err):
		return loa.Errorf(loa.Unavailable, "db.storage").Because(err)
	case isAway(err):
		return loa.Errorf(loa.Unavailable, "db.away").Because(err)
	}
	return err
}

// isFull: there is no room for what was to be written.
func isFull(err error) bool {
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return lite.Code()&0xff == sqlite3.SQLITE_FULL
	}
	return sqlState(err) == "53100" || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// isReadOnly: the disk gives and does not take.
func isReadOnly(err error) bool {
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return lite.Code()&0xff == sqlite3.SQLITE_READONLY
	}
	return errors.Is(err, syscall.EROFS)
}

// isLiteIO: SQLite could not read, write or fsync its file.
func isLiteIO(err error) bool {
	lite, ok := errors.AsType[*sqlite.Error](err)
	return ok && lite.Code()&0xff == sqlite3.SQLITE_IOERR
}

// isStorage: the database's answer, or that of the file system under it.
func isStorage(err error) bool {
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		switch lite.Code() & 0xff { // the low byte is the kind, the rest the detail
		case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN:
			return true
		}
		return false
	}
	switch s := sqlState(err); {
	case strings.HasPrefix(s, "58"), // system error: reading or writing a file
		s == "XX001", s == "XX002": // data or index corrupted
		return true
	case s != "":
		return false
	}
	return errors.Is(err, syscall.EIO)
}

// isAway: no connection, a connection lost, or a wait that found no end.
func isAway(err error) bool {
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		code := lite.Code() & 0xff
		return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
	}
	var connect *pgconn.ConnectError // the password too: the log says which
	return errors.As(err, &connect) || isLost(err) ||
		isConflict(err) || // after several attempts
		strings.HasPrefix(sqlState(err), "53") // out of memory or connections
}

// isLost: the connection broke, and not because the caller gave up waiting.
func isLost(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var network *net.OpError
	return errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) ||
		strings.HasPrefix(sqlState(err), "08") || // connection exception
		strings.HasPrefix(sqlState(err), "57P") // shutting down, starting up, ended by an administrator
}
