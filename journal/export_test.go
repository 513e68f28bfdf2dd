package journal

import "golang.org/x/mod/sumdb/tlog"

// Record is the leaf of a row, as Chain makes it.
func Record(r Row) ([]byte, error) {
	b, err := r.record()
	h := tlog.RecordHash(b)
	return h[:], err
}
