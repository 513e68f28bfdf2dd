package node

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"loa"
	"loa/bus"
	"loa/db"
	"loa/db/dbtest"
	"loa/journal"
	"loa/wire"
)

// TestRelayUnderLoad: while more rows come than the relay keeps up with, a warning
// is said at once though nobody else can write, and a row that found no room is
// swept up.
func TestRelayUnderLoad(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		b, err := bus.Open(ctx, "", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		n := &Node{DB: d, id: "a", clock: loa.WallClock{}, log: slog.New(slog.DiscardHandler), bus: b,
			saying: make(chan spoken, 4), warning: make(chan spoken, 4), ringNow: make(chan struct{}, 1)}
		heard := make(chan string, 8)
		stop := b.On(bus.Handlers{First: isNow, Out: func(topic string, _ []byte) { heard <- topic }})
		var all sync.WaitGroup
		defer all.Wait()
		defer stop()
		defer cancel()

		write := func(topic string, first bool) spoken {
			t.Helper()
			e := journal.Entry{Verb: "test.run", Subject: "x", Emits: []journal.Emit{{Topic: topic, Body: []byte("b"), First: first}}}
			var id string
			if err := d.Write(ctx, func(tx *db.Tx) (err error) {
				id, err = journal.Append(tx, loa.System(), e)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return spoken{id, e}
		}
		write("loa/0/lost", false) // found no room in the relay: nobody was told
		warning := write(wire.NowTopic("vn/98"), true)
		all.Go(func() { // rows that let nothing out, without end
			for ctx.Err() == nil {
				n.said("none", journal.Entry{Verb: "playback.received", Subject: "x"})
			}
		})
		all.Go(func() { _ = n.relay(ctx) }) // ends with ctx
		holding, hold := make(chan struct{}), make(chan struct{})
		all.Go(func() {
			if err := d.Write(ctx, func(*db.Tx) error { close(holding); <-hold; return nil }); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
		<-holding
		all.Go(func() { _ = n.warnings(ctx) }) // ends with ctx
		n.said(warning.id, warning.entry)
		first := <-heard
		close(hold)
		second := <-heard
		if d.Backend() == "postgres" && first == "loa/0/lost" { // there the sweeper need not wait
			first, second = second, first
		}
		if first != wire.NowTopic("vn/98") || second != "loa/0/lost" {
			t.Errorf("heard %s, then %s", first, second)
		}
	})
}
