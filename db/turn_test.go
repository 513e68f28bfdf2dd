package db_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"loa/db"
	"loa/db/dbtest"
)

// TestTurns holds every connection, lets many wait and a warning last: it is the
// next, and the others follow in the order they came.
func TestTurns(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		const most = 8 // of PostgreSQL; SQLite has one
		holding, hold := make(chan int, most), make(chan struct{})
		order := make(chan string, 16)
		var all sync.WaitGroup
		defer all.Wait()
		do := func(ctx context.Context, name string) {
			all.Go(func() {
				if err := d.Write(ctx, func(*db.Tx) error { order <- name; return nil }); err != nil {
					order <- name + ": " + err.Error()
				}
			})
		}
		held := 1
		if d.Backend() == "postgres" {
			held = most - 2 // two are kept for what goes ahead
		}
		for i := range held {
			all.Go(func() {
				if err := d.Write(ctx, func(*db.Tx) error { holding <- i; <-hold; return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		for range held {
			<-holding
		}
		for i := range 3 {
			do(ctx, fmt.Sprint("ordinary ", i))
			db.Waits(t, d, i+1)
		}
		gone, leave := context.WithCancel(ctx)
		do(gone, "gone")
		db.Waits(t, d, 4)
		leave()
		if got := <-order; got != "gone: connect: context canceled" {
			t.Errorf("who left: %s", got)
		}
		do(db.Ahead(ctx), "warning")
		if d.Backend() == "postgres" { // it does not wait at all
			if got := <-order; got != "warning" {
				t.Errorf("first: %s", got)
			}
			close(hold)
			return
		}
		db.Waits(t, d, 4)
		close(hold)
		for _, want := range []string{"warning", "ordinary 0", "ordinary 1", "ordinary 2"} {
			if got := <-order; got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
	})
}

// TestTurnOfNobody: a context that ended takes no turn away.
func TestTurnOfNobody(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ended, end := context.WithCancel(t.Context())
		end()
		for range 20 {
			if err := d.Read(ended, func(*db.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if err := d.Write(ended, func(*db.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		for range 20 {
			if err := d.Write(t.Context(), func(*db.Tx) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
	})
}
