package speaker

import (
	"context"
	"fmt"
	"slices"

	"loa/db"
	"loa/wire"
)

// Silent is how old, in milliseconds, the last beat may be before a box counts
// as out of contact: two beats of sixty seconds and a half.
const Silent = 150_000

// Health is what the last beat said.
type Health struct {
	At       int64 // UTC ms by our clock, 0 if never
	State    string
	Slot     string
	Warrant  string
	Why      string
	Volume   int
	DiskFree int64
	OffsetUS int64
	Clock    string
	Plan     int64
	Version  string
	Uptime   int64
}

// InContact reports whether the box was heard lately.
func (h Health) InContact(nowMS int64) bool { return h.At > 0 && nowMS-h.At < Silent }

// expectBeats gives a box that was placed a row to write its beats in: one that
// never called is away like any other, and found by the same index.
func expectBeats(tx *db.Tx, box string) error {
	_, err := tx.Exec(`INSERT INTO health (box_id, at, state, slot, warrant, why, volume, disk_free, offset_us, clock, plan, version, uptime)
		VALUES (?, 0, '', '', '', '', 0, 0, 0, '', 0, '', 0) ON CONFLICT (box_id) DO NOTHING`, box)
	return err
}

// beatsTogether is how many beats one transaction writes: whoever writes next
// waits for it, and a warning may be next.
const beatsTogether = 500

// Beats writes the newest beat of each box. A beat of a box
// that is not in the register is dropped: the door would not have let it in,
// unless it was removed since.
func (r *Register) Beats(ctx context.Context, beats []wire.Beat) error {
	for some := range slices.Chunk(beats, beatsTogether) {
		if err := r.writeBeats(ctx, some); err != nil {
			return fmt.Errorf("write beats: %w", err)
		}
	}
	return nil
}

func (r *Register) writeBeats(ctx context.Context, beats []wire.Beat) error {
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		for _, b := range beats {
			if _, err := tx.Exec(`INSERT INTO health
				(box_id, at, state, slot, warrant, why, volume, disk_free, offset_us, clock, plan, version, uptime, offered, progress, progress_why)
				SELECT id, CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT),
					CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS BIGINT),
					CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT)
				FROM box WHERE id = ?
				ON CONFLICT (box_id) DO UPDATE SET at = excluded.at, state = excluded.state, slot = excluded.slot,
					warrant = excluded.warrant, why = excluded.why, volume = excluded.volume, disk_free = excluded.disk_free,
					offset_us = excluded.offset_us, clock = excluded.clock, plan = excluded.plan,
					version = excluded.version, uptime = excluded.uptime,
					offered = excluded.offered, progress = excluded.progress, progress_why = excluded.progress_why`,
				tx.NowMS(), b.State, b.Slot, b.Warrant, b.Why, b.Volume, b.DiskFree, b.OffsetUS, b.Clock, b.Plan, b.Version, b.Uptime,
				b.Release, b.Update, b.UpdateWhy, b.Device); err != nil {
				return err
			}
		}
		return nil
	})
}
