package bulletin

// Stage 7 of 7: playback log. Before: the speaker, package edge. After: the
// page a person reads, list.go.

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/speaker"
	"loa/wire"
)

// After a warning every speaker reports within two minutes, and each wants its
// answer only once its lines are on disk. So what comes while one transaction is
// written goes into the next one together: one fsync for many receipts.
const (
	mostTogether = 100  // receipts of one transaction: it must not run long
	mostWaiting  = 2000 // beyond, devices are to come again
)

// receipts are those that wait for the transaction that runs.
type receipts struct {
	writing sync.Mutex // held by the one who writes for all

	mu      sync.Mutex
	waiting []*receipt
}

// receipt is one that was verified, and the answer to it once it is done; what
// follows belongs to who is writing.
type receipt struct {
	wire.Receipt
	sealed []byte

	done  bool
	ack   wire.Ack
	row   string // of the journal, "" if nothing was new
	entry journal.Entry
	err   error
}

// Played takes a sealed batch of playbacks from a box. A line that is here
// already changes nothing; the answer is the highest number up to which every
// line is held, and it is given only once they are.
func (f *Flow) Played(ctx context.Context, sealed []byte) (wire.Ack, error) {
	r := &receipt{sealed: sealed}
	err := f.DB.Read(ctx, func(tx *db.Tx) (err error) {
		r.Receipt, err = wire.OpenReceipt(sealed, func(box string) (ed25519.PublicKey, error) { return speaker.KeyOf(tx, box) })
		return err
	})
	if err == nil {
		err = f.takeReceipt(ctx, r)
	}
	if err != nil {
		return wire.Ack{}, fmt.Errorf("take receipt: %w", err)
	}
	return r.ack, nil
}

// takeReceipt has r written with whatever else waits, and returns what came of it.
// Whoever has the turn writes for the others, so he does not stop when his own
// caller leaves.
func (f *Flow) takeReceipt(ctx context.Context, r *receipt) error {
	q := &f.receipts
	q.mu.Lock()
	if len(q.waiting) >= mostWaiting {
		q.mu.Unlock()
		return loa.Errorf(loa.Unavailable, "receipt.crowded")
	}
	q.waiting = append(q.waiting, r)
	q.mu.Unlock()

	q.writing.Lock()
	defer q.writing.Unlock()
	for !r.done {
		q.mu.Lock()
		some := slices.Clone(q.waiting[:min(len(q.waiting), mostTogether)])
		q.waiting = slices.Delete(q.waiting, 0, len(some))
		q.mu.Unlock()
		err := f.keepReceipts(context.WithoutCancel(ctx), some)
		for _, r := range some {
			r.done, r.err = true, err
			if code := loa.CodeOf(err); err != nil && len(some) > 1 && code != loa.Unavailable && code != loa.Full {
				r.err = f.keepReceipts(context.WithoutCancel(ctx), []*receipt{r}) // whichever it was, the others are not to suffer
			}
			if r.err == nil && r.row != "" {
				f.Said(r.row, r.entry)
			}
		}
	}
	return r.err
}

// keepReceipts writes some receipts in one transaction. Boxes are locked in order.
func (f *Flow) keepReceipts(ctx context.Context, some []*receipt) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	slices.SortStableFunc(some, func(a, b *receipt) int { return strings.Compare(a.Device, b.Device) })
	return f.DB.Write(ctx, func(tx *db.Tx) error {
		for _, r := range some {
			if err := r.keep(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *receipt) keep(tx *db.Tx) error {
	r.row = ""
	if err := tx.Lock("box", r.Device); err != nil {
		return err
	}
	hash := loa.Hash(r.sealed)
	fresh, err := keepLines(tx, r.Receipt, hash)
	if err != nil {
		return err
	}
	var commune loa.Path
	if r.ack.Through, commune, err = advance(tx, r.Device); err != nil {
		return err
	}
	if len(fresh) == 0 {
		return nil
	}
	if _, err := speaker.Keep(tx, wire.ReceiptType, commune, r.sealed); err != nil {
		return err
	}
	r.entry = journal.Entry{Verb: "playback.received", Path: commune, Subject: r.Device,
		Data: map[string]any{"receipt": hash, "lines": len(fresh), "first": fresh[0], "through": r.ack.Through}}
	r.row, err = journal.Append(tx, loa.System(), r.entry)
	return err
}

// keepLines writes the lines that are new and returns their numbers.
func keepLines(tx *db.Tx, r wire.Receipt, receipt string) (fresh []int64, err error) {
	for _, l := range r.Lines {
		verified := 0
		if l.Verified {
			verified = 1
		}
		n, err := tx.Exec(`INSERT INTO playback (box_id, n, slot, warrant, bulletin_id, planned, started, ms, skew_us, volume,
				result, why, clock, verified, degree, received_at, receipt)
			VALUES (?, ?, ?, ?, COALESCE((SELECT id FROM bulletin WHERE warrant = ?), ''), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (box_id, n) DO NOTHING`,
			r.Device, l.N, l.Slot, l.Warrant, l.Warrant, l.Planned, l.Started, l.MS, l.SkewUS, l.Volume,
			string(l.Result), l.Why, l.Clock, verified, DegreeA, tx.NowMS(), receipt)
		if err != nil {
			return nil, fmt.Errorf("keep playback: %w", err)
		}
		if n == 0 {
			continue
		}
		fresh = append(fresh, l.N)
		if err := speaker.Heard(tx, r.Device, l); err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

// advance moves a box's mark over every line held without a gap.
func advance(tx *db.Tx, box string) (through int64, commune loa.Path, err error) {
	if err := tx.Row(`SELECT through, path FROM box WHERE id = ?`, box).Scan(&through, &commune); err != nil {
		return 0, "", err
	}
	numbers, err := db.All(tx, `SELECT n FROM playback WHERE box_id = ? AND n > ? ORDER BY n LIMIT 1000`, []any{box, through},
		func(scan func(...any) error) (n int64, err error) { return n, scan(&n) })
	if err != nil {
		return 0, "", err
	}
	for _, n := range numbers {
		if n != through+1 {
			break
		}
		through = n
	}
	_, err = tx.Exec(`UPDATE box SET through = ? WHERE id = ?`, through, box)
	return through, commune, err
}
