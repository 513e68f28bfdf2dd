package bulletin

// Stage 7 of 7: playback log. Before: the speaker, package edge. After: the
// page a person reads, list.go.

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/speaker"
	"loa/wire"
)

// Played takes a sealed batch of playbacks from a box. A line that is here
// already changes nothing; the answer is the highest number up to which every
// line is held, and it is given only once they are.
func (f *Flow) Played(ctx context.Context, sealed []byte) (wire.Ack, error) {
	var ack wire.Ack
	var row string
	var entry journal.Entry
	err := f.DB.Write(ctx, func(tx *db.Tx) error {
		row = ""
		r, err := wire.OpenReceipt(sealed, func(box string) (ed25519.PublicKey, error) { return speaker.KeyOf(tx, box) })
		if err != nil {
			return err
		}
		if err := tx.Lock("box", r.Device); err != nil {
			return err
		}
		fresh, err := keepLines(tx, r, loa.Hash(sealed))
		if err != nil {
			return err
		}
		var commune loa.Path
		if ack.Through, commune, err = advance(tx, r.Device); err != nil {
			return err
		}
		if len(fresh) == 0 {
			return nil
		}
		if _, err := speaker.Keep(tx, wire.ReceiptType, commune, sealed); err != nil {
			return err
		}
		entry = journal.Entry{Verb: "playback.received", Path: commune, Subject: r.Device,
			Data: map[string]any{"receipt": loa.Hash(sealed), "lines": len(fresh), "first": fresh[0], "through": ack.Through}}
		row, err = journal.Append(tx, loa.System(), entry)
		return err
	})
	if err != nil {
		return wire.Ack{}, fmt.Errorf("take receipt: %w", err)
	}
	if row != "" {
		f.Said(row, entry)
	}
	return ack, nil
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
