package db

import (
	"context"
	"fmt"
)

// Version is what the database calls itself and which it is: "SQLite" and
// "3.51.3", "PostgreSQL" and "15.4". loa doctor compares it with the oldest taken.
func (d *DB) Version(ctx context.Context) (name, version string, err error) {
	name, query := "SQLite", `SELECT sqlite_version()`
	if d.backend == postgresBackend {
		name, query = "PostgreSQL", `SELECT current_setting('server_version')`
	}
	err = d.Read(ctx, func(tx *Tx) error { return tx.Row(query).Scan(&version) })
	if err != nil {
		return name, "", fmt.Errorf("ask version: %w", err)
	}
	return name, version, nil
}

// Check has SQLite look at every page and at every reference between rows and
// gives what is wrong, in its words. PostgreSQL does that itself where the
// cluster was made with data checksums; where it was not, that is what is wrong.
//
// SQLite's pages carry no sums: a bit that turned inside a text is found by
// whoever keeps a hash of that text, not here.
func (d *DB) Check(ctx context.Context) (faults []string, err error) {
	queries := []string{`PRAGMA integrity_check(20)`, `SELECT 'a row of ' || "table" || ' whose ' || parent || ' is missing' FROM pragma_foreign_key_check LIMIT 20`}
	if d.backend == postgresBackend {
		queries = []string{`SELECT CASE current_setting('data_checksums') WHEN 'on' THEN 'ok' ELSE 'the cluster was made without data checksums' END`}
	}
	err = d.Read(ctx, func(tx *Tx) error {
		faults = nil
		for _, q := range queries {
			said, err := All(tx, q, nil, func(scan func(...any) error) (s string, err error) { return s, scan(&s) })
			if err != nil {
				return fmt.Errorf("check database: %w", err)
			}
			for _, s := range said {
				if s != "ok" {
					faults = append(faults, s)
				}
			}
		}
		return nil
	})
	return faults, err
}
