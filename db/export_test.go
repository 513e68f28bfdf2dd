package db

import (
	"runtime"
	"testing"
)

// Waits returns once n transactions wait for the writer.
func Waits(t *testing.T, d *DB, n int) {
	t.Helper()
	for {
		d.writer.turns.mu.Lock()
		waiting := len(d.writer.turns.ahead) + len(d.writer.turns.rest)
		d.writer.turns.mu.Unlock()
		if waiting == n {
			return
		}
		runtime.Gosched()
	}
}
