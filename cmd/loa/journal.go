package main

import (
	"context"
	"fmt"
	"os"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/node"
)

// book verifies the journal against its checkpoints, or prints the newest
// checkpoint: a few lines to print, to post or to give to the level above.
func book(ctx context.Context, a *app) error {
	if len(a.args) == 0 {
		return errUsage
	}
	switch a.args[0] {
	case "verify":
		return verifyBook(ctx, a, a.args[1:])
	case "checkpoint":
		if len(a.args) > 1 {
			return errUsage
		}
		return withDB(ctx, a, func(_ node.Config, d *db.DB) error {
			var c journal.Checkpoint
			if err := d.Read(ctx, func(tx *db.Tx) (err error) { c, err = journal.Newest(tx); return err }); err != nil {
				return err
			}
			if c.N == 0 {
				return loa.Errorf(loa.NotFound, "journal.no_checkpoint")
			}
			_, err := fmt.Fprint(a.out, c.Note)
			return err
		})
	}
	return errUsage
}

func verifyBook(ctx context.Context, a *app, files []string) error {
	var more []string
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		more = append(more, journal.ReadCheckpoints(string(b))...)
	}
	return withDB(ctx, a, func(c node.Config, d *db.DB) error {
		var p journal.Proof
		if err := d.Read(ctx, func(tx *db.Tx) (err error) { p, err = node.VerifyBook(tx, c, more); return err }); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%d rows, %d of them sealed, %d not numbered yet; hash %s\n", p.Numbered, p.Sealed, p.Fresh, p.Root)
		for _, f := range p.Faults {
			fmt.Fprintf(a.out, "BAD  %-10s row %d %s\n", f.What, f.N, f.ID)
		}
		if len(p.Faults) > 0 {
			return loa.Errorf(loa.Conflict, "journal.false", len(p.Faults))
		}
		return nil
	})
}
