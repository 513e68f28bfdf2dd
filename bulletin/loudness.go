package bulletin

import (
	"context"
	"fmt"
	"time"

	"loa"
	"loa/db"
	"loa/speaker"
	"loa/wire"
)

// Loud is the lowest and the highest volume in percent that a pole played at on a
// day, by the lines its boxes sealed.
type Loud struct{ Low, High int }

// Loudness is how loud a pole played, by local day ("2026-11-23"), since a moment:
// evidence beside a complaint.
func (f *Flow) Loudness(ctx context.Context, who loa.Actor, p speaker.Pole, since time.Time) (map[string]Loud, error) {
	if err := who.Must(loa.RightRead, p.Path); err != nil {
		return nil, err
	}
	all := map[string]Loud{}
	err := f.DB.Read(ctx, func(tx *db.Tx) error {
		clear(all)
		_, err := db.All(tx, `SELECT playback.started, playback.volume FROM box CROSS JOIN playback
			WHERE box.pole_id = ? AND playback.box_id = box.id AND playback.planned >= ? AND playback.result = ? AND playback.started > 0 AND playback.volume > 0`,
			[]any{p.ID, since.UnixMilli(), string(wire.Played)}, func(scan func(...any) error) (struct{}, error) {
				var started int64
				var volume int
				err := scan(&started, &volume)
				day := speaker.DayOf(time.UnixMilli(started))
				l, have := all[day]
				if !have || volume < l.Low {
					l.Low = volume
				}
				l.High = max(l.High, volume)
				all[day] = l
				return struct{}{}, err
			})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read loudness: %w", err)
	}
	return all, nil
}
