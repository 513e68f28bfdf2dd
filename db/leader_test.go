package db_test

import (
	"context"
	"errors"
	"testing"

	"loa/db"
	"loa/db/dbtest"
)

func TestLeader(t *testing.T) {
	stop := errors.New("stop")
	dbtest.EachURL(t, func(t *testing.T, url string) {
		one := dbtest.Open(t, url)
		two := one
		if one.Backend() == "postgres" {
			two = dbtest.Open(t, url) // as another process
		}
		idle := func(context.Context) error { return nil }
		ran, err := one.Leader(t.Context(), "sweep", func(ctx context.Context) error {
			if ran, err := two.Leader(ctx, "sweep", idle); ran || err != nil {
				t.Errorf("the same job a second time: %v, %v", ran, err)
			}
			if ran, err := two.Leader(ctx, "other", idle); !ran || err != nil {
				t.Errorf("another job: %v, %v", ran, err)
			}
			return stop
		})
		if !ran || !errors.Is(err, stop) {
			t.Errorf("got %v, %v", ran, err)
		}
		if ran, err := two.Leader(t.Context(), "sweep", idle); !ran || err != nil {
			t.Errorf("afterwards: %v, %v", ran, err)
		}
	})
}

// A leader whose connection breaks is told, because another may now begin.
func TestLeaderDeposed(t *testing.T) {
	address := dbtest.Postgres(t)
	through, cut := cuttable(t, address)
	d := dbtest.Open(t, through)
	for name, depose := range map[string]func() error{
		"cut": func() error { cut(); return nil },
		"closed by the server": func() error {
			return d.Write(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(`
					SELECT pg_terminate_backend(pid) FROM pg_locks
					WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
				return err
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			// A job of its own: the server may still hold the lock of a cut connection.
			ran, err := d.Leader(t.Context(), name, func(ctx context.Context) error {
				if err := depose(); err != nil {
					return err
				}
				<-ctx.Done()
				return ctx.Err()
			})
			if !ran || !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, %v", ran, err)
			}
		})
	}
}
