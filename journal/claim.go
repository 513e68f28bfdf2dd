package journal

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"loa/db"
)

// chunk is how many ids go into one statement.
const chunk = 500

// Pending is something claimed and not yet sent.
type Pending struct {
	ID        string // '<journal id>.<n>', the same each time it is spoken
	JournalID string
	Topic     string
	Body      []byte
}

// Claim takes up to limit unsent rows that nobody holds, the oldest first, for
// process me until lease from now. The transaction is short: me speaks
// afterwards, holding no lock, and then calls Sent, or Release when it could
// not. Rows come in the order they were written, which for one topic is the
// order of the commits wherever the flow locks its noun before it appends; a
// topic does not wait for a row that a dead process holds, because a warning
// must not wait for a lease.
func Claim(ctx context.Context, d *db.DB, me string, lease time.Duration, limit int) ([]Pending, error) {
	var all []Pending
	err := d.Write(ctx, func(tx *db.Tx) error {
		var err error
		all, err = take(tx, me, lease, `
			SELECT position FROM outbox
			WHERE sent_at IS NULL AND claimed_until <= ?
			ORDER BY position
			LIMIT ?`+tx.SkipLocked(), tx.NowMS(), limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	return all, nil
}

// ClaimOwn is Claim for the process that has just committed: exactly what the
// given journal rows emit, except what a sweeper was quicker to take.
func ClaimOwn(ctx context.Context, d *db.DB, me string, lease time.Duration, journalIDs []string) ([]Pending, error) {
	var all []Pending
	err := d.Write(ctx, func(tx *db.Tx) error {
		all = nil // Write may run this again
		for ids := range slices.Chunk(journalIDs, chunk) {
			marks, args := list(ids)
			some, err := take(tx, me, lease, `
				SELECT position FROM outbox
				WHERE sent_at IS NULL AND claimed_until <= ? AND journal_id IN (`+marks+`)
				ORDER BY position`+tx.SkipLocked(), append([]any{tx.NowMS()}, args...)...)
			if err != nil {
				return err
			}
			all = append(all, some...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim own: %w", err)
	}
	return all, nil
}

// headStart is how long sweepers leave a warning to whoever committed it.
const headStart = 2 * time.Second

// Own is what a warning just committed lets out, as ClaimOwn would answer it, from
// memory: it waits for no other row and no transaction. Sent follows within
// headStart, or a sweeper says it as well.
func Own(id string, e Entry) []Pending {
	all := make([]Pending, len(e.Emits))
	for i, m := range e.Emits {
		all[i] = Pending{ID: emitID(id, i), JournalID: id, Topic: m.Topic, Body: m.Body}
	}
	return all
}

// take writes the claim into the rows that the query chooses.
func take(tx *db.Tx, me string, lease time.Duration, choose string, args ...any) ([]Pending, error) {
	type row struct {
		position int64
		Pending
	}
	rows, err := db.All(tx, `
		UPDATE outbox SET claimed_by = ?, claimed_until = ?
		WHERE position IN (`+choose+`)
		RETURNING position, id, journal_id, topic, body`,
		append([]any{me, tx.NowMS() + lease.Milliseconds()}, args...),
		func(scan func(...any) error) (r row, err error) {
			return r, scan(&r.position, &r.ID, &r.JournalID, &r.Topic, &r.Body)
		})
	if err != nil {
		return nil, err
	}
	// RETURNING promises no order.
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.position, b.position) })
	all := make([]Pending, len(rows))
	for i, r := range rows {
		all[i] = r.Pending
	}
	return all, nil
}

// Sent records that me has spoken these rows and was heard. It does so even when
// the claim has lapsed meanwhile: what was said was said.
func Sent(ctx context.Context, d *db.DB, me string, ids []string) error {
	err := each(ctx, d, ids, func(tx *db.Tx, marks string, args []any) error {
		_, err := tx.Exec(`
			UPDATE outbox SET sent_at = ?, claimed_by = ?
			WHERE sent_at IS NULL AND id IN (`+marks+`)`,
			append([]any{tx.NowMS(), me}, args...)...)
		return err
	})
	if err != nil {
		return fmt.Errorf("mark sent: %w", err)
	}
	return nil
}

// Release gives back rows that me holds and could not send, so that another may
// try at once.
func Release(ctx context.Context, d *db.DB, me string, ids []string) error {
	err := each(ctx, d, ids, func(tx *db.Tx, marks string, args []any) error {
		_, err := tx.Exec(`
			UPDATE outbox SET claimed_by = '', claimed_until = 0
			WHERE sent_at IS NULL AND claimed_by = ? AND id IN (`+marks+`)`,
			append([]any{me}, args...)...)
		return err
	})
	if err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

// each runs f for ids in one transaction, as many at a time as a statement takes.
// The ids are sorted, so that two processes lock rows in the same order.
func each(ctx context.Context, d *db.DB, ids []string, f func(tx *db.Tx, marks string, args []any) error) error {
	if len(ids) == 0 {
		return nil
	}
	return d.Write(ctx, func(tx *db.Tx) error {
		for some := range slices.Chunk(slices.Sorted(slices.Values(ids)), chunk) {
			marks, args := list(some)
			if err := f(tx, marks, args); err != nil {
				return err
			}
		}
		return nil
	})
}

// list is ids as the inside of IN (…).
func list(ids []string) (marks string, args []any) {
	args = make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	return "?" + strings.Repeat(", ?", len(ids)-1), args
}
