// Package db keeps what Loa knows in SQL: SQLite in one folder by default,
// PostgreSQL when a province outgrows one machine. It is the only package that
// knows which of the two is running, and the only one that imports a driver.
//
// One SQL text serves both. Nouns write `?` for a parameter, ids are text made
// by loa.NewID, times are whole milliseconds from the transaction's clock (Tx.Now),
// truth is 0 or 1, types are BIGINT, TEXT and BYTEA, optional filters are built
// in Go, prefixes are ranges (PrefixRange) and no collation is trusted: text
// compares byte by byte in both. Empty bytes may read back as nil. The few true
// differences are named methods (Tx.Lock, Tx.SkipLocked, DB.Leader, DB.Backup)
// or a migration variant `NNNN_name.postgres.sql`.
//
// Sound and documents are not in SQL but beside it, by hash: see Blobs.
package db
