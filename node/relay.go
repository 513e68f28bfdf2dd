package node

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/wire"
)

// lease is how long a process may take to speak a row before another may.
const lease = 10 * time.Second

// spoken is a journal row this process has just committed.
type spoken struct {
	id    string
	entry journal.Entry
}

// said hands a committed row to the relay. It never waits: if the relay is far
// behind, the sweeper finds the row.
func (n *Node) said(id string, e journal.Entry) {
	to := n.saying
	if e.First() {
		to = n.warning
	}
	select {
	case to <- spoken{id, e}:
	default:
	}
}

// isNow reports whether a topic carries what sounds, or stops, on arrival.
func isNow(topic string) bool { return strings.HasPrefix(topic, wire.NowTopic("")) }

// relay is the door out: it speaks this process's own rows as they commit and
// sweeps up what others, or a crash, left unsaid. It holds no lock while it
// speaks; a row is marked only after the bus has it. However many rows come, it
// sweeps.
func (n *Node) relay(ctx context.Context) error {
	sweep := n.clock.After(sweepEvery)
	for {
		select {
		case <-ctx.Done():
			return nil
		case s := <-n.saying:
			n.sayOwn(ctx, s)
		case <-sweep:
			rows, err := journal.Claim(ctx, n.DB, n.id, lease, maxClaim)
			n.speak(ctx, rows, err)
			sweep = n.clock.After(sweepEvery)
		}
	}
}

const (
	sweepEvery = 2 * time.Second
	maxClaim   = 200 // rows
)

// sayOwn speaks a row and those that came with it. Most rows let nothing out, as
// the ten thousand receipts after a warning: they cost no transaction.
func (n *Node) sayOwn(ctx context.Context, s spoken) {
	var ids []string
	all := []spoken{s}
	for more := true; more && len(all) < maxClaim; {
		select {
		case s := <-n.saying:
			all = append(all, s)
		default:
			more = false
		}
	}
	for _, s := range all {
		if len(s.entry.Emits) > 0 {
			ids = append(ids, s.id)
		}
	}
	if len(ids) > 0 {
		rows, err := journal.ClaimOwn(ctx, n.DB, n.id, lease, ids)
		n.speak(ctx, rows, err)
	}
	for _, s := range all {
		n.watch(ctx, s)
	}
}

// warnings speaks the rows that cannot wait, beside the relay and from memory:
// before them stand neither other rows nor the database.
func (n *Node) warnings(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case s := <-n.warning:
			n.speak(db.Ahead(ctx), journal.Own(s.id, s.entry), nil)
			n.watch(ctx, s)
		}
	}
}

// watch tells the pages that a row's noun changed.
func (n *Node) watch(ctx context.Context, s spoken) {
	noun, _, _ := strings.Cut(s.entry.Verb, ".")
	if err := n.bus.Watch(ctx, noun, s.entry.Subject, s.entry.Path); err != nil {
		n.log.Debug("pages not told", slog.String("error", err.Error()))
	}
}

func (n *Node) speak(ctx context.Context, rows []journal.Pending, err error) {
	if err != nil {
		n.log.Error("claim what is unsaid", slog.String("error", err.Error()))
		return
	}
	// gofail: var claimed string
	// go panic(claimed)
	// select {}
	var sent, left []string
	for _, p := range rows {
		if err := n.bus.Out(ctx, p.Topic, p.Body); err != nil {
			n.log.Warn("not said yet", slog.String("topic", p.Topic), slog.String("error", err.Error()))
			left = append(left, p.ID)
			continue
		}
		sent = append(sent, p.ID)
		if isNow(p.Topic) {
			select {
			case n.ringNow <- struct{}{}:
			default: // it will ring already
			}
		}
	}
	// Told to end meanwhile, it still marks: others would wait for the lease.
	marks := context.WithoutCancel(ctx)
	// gofail: var said string
	// go panic(said)
	// select {}
	if err := journal.Sent(marks, n.DB, n.id, sent); err != nil {
		n.log.Error("mark what was said", slog.String("error", err.Error()))
	}
	if err := journal.Release(marks, n.DB, n.id, left); err != nil {
		n.log.Error("give back what was not said", slog.String("error", err.Error()))
	}
}

// out is what every process does with bytes for a device topic: its own door
// repeats them.
func (n *Node) out(topic string, body []byte) {
	if err := n.door.Publish(topic, body); err != nil {
		n.log.Warn("door did not repeat", slog.String("topic", topic), slog.String("error", err.Error()))
	}
}

// ring makes the beacons as soon as a now warrant was said, for those who missed
// it; apart from the relay, which has the next warrant to say.
func (n *Node) ring(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.ringNow:
		}
		if err := n.beacons(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("beacons after a warning", slog.String("error", err.Error()))
		}
	}
}

// beacons makes every commune's beacon anew and says it. Beacons are not in the
// book: the next one follows in seconds.
func (n *Node) beacons(ctx context.Context) error {
	emits, err := n.Speakers.Beacons(ctx)
	if err != nil {
		return err
	}
	for _, e := range emits {
		if err := n.bus.Out(ctx, e.Topic, e.Body); err != nil {
			return loa.Errorf(loa.Unavailable, "bus.away").Because(err)
		}
	}
	return nil
}
