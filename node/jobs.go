package node

import (
	"context"
	"log/slog"
	"time"

	"loa"
	"loa/bulletin"
	"loa/people"
	"loa/speaker"
)

// job is one line of the table of what the server does by itself.
type job struct {
	name   string
	every  time.Duration
	leader bool // by one process at a time
	run    func(context.Context) error
}

func (n *Node) jobs() []job {
	return []job{
		{"beacons", speaker.BeaconEvery, true, n.beacons},
		{"finish what a crash left", 5 * time.Second, true, n.finish},
		{"expire", time.Minute, true, func(ctx context.Context) error { _, err := n.Bulletins.Expire(ctx); return err }},
		{"remind approvers", 30 * time.Second, true, func(ctx context.Context) error { _, err := n.Bulletins.Remind(ctx); return err }},
		{"settle clashes", 10 * time.Second, true, n.Bulletins.Settle},
		{"tell what became of sessions", time.Minute, true, n.Bulletins.TellSessions},
		{"look at boxes", speaker.LookEvery, true, n.Speakers.Look},
		{"watch for faults", speaker.LookEvery, true, n.Upkeep.Watch},
		{"roll plans", 10 * time.Minute, true, n.Bulletins.Roll},
		{"forget old uploads", time.Hour, true, func(ctx context.Context) error { _, err := n.Uploads.Sweep(ctx); return err }},
		{"delete old sound", 24 * time.Hour, true, n.retention().Run},
		{"ask the province again", time.Minute, true, n.recheck},
		{"hand over posts", time.Minute, true, n.People.HandOverDue},
		{"forget old sign-ins", time.Hour, true, n.People.Sweep},
		{"renew keys", 15 * time.Minute, true, n.renew},
		{"follow the signer", 10 * time.Second, false, n.believe},
		{"number the journal", 10 * time.Second, true, n.book.Run},
		{"look at the disk", time.Second, false, n.lookAtDisk},
		{"learn boxes", 10 * time.Second, false, n.learn},
		{"turn out who was taken away", 5 * time.Second, false, n.turnOut},
	}
}

// Approvers lists who may approve for a place today, as the outward line asks it.
func Approvers(r *people.Register) func(context.Context, loa.Path) ([]bulletin.Approver, error) {
	return func(ctx context.Context, place loa.Path) ([]bulletin.Approver, error) {
		all, err := r.Approvers(ctx, place)
		asked := make([]bulletin.Approver, len(all))
		for i, a := range all {
			asked[i] = bulletin.Approver{Person: a.Person, Name: a.Name, Post: a.Post, Path: a.Path, Lent: a.Lent}
			if !a.Away.IsZero() {
				asked[i].Away = a.Away.UnixMilli()
			}
		}
		return asked, err
	}
}

// finish takes up bulletins that stand between two stages because the signer
// was away or the process died: approved but unsealed, sealed but not in the
// sessions wanted for them, placed but not in a plan. It carries priority
// bulletins of the levels above into the communes' sessions.
func (n *Node) finish(ctx context.Context) error {
	unsigned, err := n.Bulletins.Unsigned(ctx)
	if err != nil {
		return err
	}
	for _, id := range unsigned {
		if _, err := n.Bulletins.Sign(ctx, id); err != nil && loa.CodeOf(err) != loa.Conflict {
			return err
		}
	}
	waiting, err := n.Bulletins.Waiting(ctx)
	if err != nil {
		return err
	}
	for _, id := range waiting {
		if _, err := n.Bulletins.Place(ctx, id); err != nil && loa.CodeOf(err) != loa.Conflict {
			return err
		}
	}
	uncarried, err := n.Bulletins.Uncarried(ctx)
	if err != nil {
		return err
	}
	for _, id := range uncarried {
		if err := n.Bulletins.Carry(ctx, id); err != nil && loa.CodeOf(err) != loa.Conflict {
			return err
		}
	}
	undispatched, err := n.Bulletins.Undispatched(ctx)
	if err != nil {
		return err
	}
	for _, id := range undispatched {
		if _, err := n.Bulletins.Dispatch(ctx, id); err != nil && loa.CodeOf(err) != loa.Conflict {
			return err
		}
	}
	return nil
}

// repeat runs one job for ever. A failure is logged and the job comes again:
// each is made to be repeated.
func (n *Node) repeat(ctx context.Context, j job) {
	for {
		run := j.run
		if j.leader {
			run = func(ctx context.Context) error { _, err := n.DB.Leader(ctx, j.name, j.run); return err }
		}
		if err := n.guard(func() error { return run(ctx) }); err != nil && ctx.Err() == nil {
			n.log.Warn("job failed", slog.String("job", j.name), slog.String("error", err.Error()))
		}
		select {
		case <-ctx.Done():
			return
		case <-n.clock.After(j.every):
		}
	}
}
