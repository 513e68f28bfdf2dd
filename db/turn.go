package db

import (
	"context"
	"slices"
	"sync"
)

type aheadKey struct{}

// Ahead marks what cannot wait: a warning and whatever it takes to give one. Its
// transactions take their turn before all others that wait for the database. One
// that runs already is not broken off, so none may run long.
func Ahead(ctx context.Context) context.Context { return context.WithValue(ctx, aheadKey{}, true) }

// IsAhead reports whether ctx was marked by Ahead.
func IsAhead(ctx context.Context) bool { return ctx.Value(aheadKey{}) != nil }

// turns gives out the connections of a pool, first come, first served, what goes
// ahead before the rest. database/sql gives a free one to any of those who wait:
// among a thousand a warning might be the last.
type turns struct {
	mu    sync.Mutex
	free  int
	kept  int // of free, for what goes ahead alone
	ahead []chan struct{}
	rest  []chan struct{}
}

// take waits for a turn, which give ends.
func (t *turns) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	mine, queue := make(chan struct{}), &t.rest
	if IsAhead(ctx) {
		queue = &t.ahead
	}
	t.mu.Lock()
	*queue = append(*queue, mine)
	t.call()
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(*queue, mine); i >= 0 {
		*queue = slices.Delete(*queue, i, i+1)
	} else { // it was called meanwhile
		t.free++
		t.call()
	}
	return ctx.Err()
}

func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free++
	t.call()
}

// call lets in whoever's turn it is; mu is held.
func (t *turns) call() {
	for {
		queue := &t.ahead
		switch {
		case len(t.ahead) > 0 && t.free > 0:
		case len(t.rest) > 0 && t.free > t.kept:
			queue = &t.rest
		default:
			return
		}
		close((*queue)[0])
		*queue = slices.Delete(*queue, 0, 1)
		t.free--
	}
}
