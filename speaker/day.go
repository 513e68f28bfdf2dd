package speaker

import (
	"context"
	"fmt"
	"time"

	"loa"
	"loa/db"
	"loa/wire"
)

// LookEvery is how often every box at work is looked at: for its availability, day
// by day.
const LookEvery = 10 * time.Minute

// keepDays is how long the days of boxes are kept: a year to compare, and a month.
const keepDays = 400

// Look counts for today, pole by pole, whether its box was in contact: the job of
// one process. A pole that is muted is not looked at, and neither is one while no
// process runs: silence that was asked for, and our own, are nobody's failure.
func (r *Register) Look(ctx context.Context) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		now := tx.Now()
		if _, err := tx.Exec(`INSERT INTO box_day (pole_id, day, looks, seen, volume_min, volume_max)
			SELECT box.pole_id, CAST(? AS TEXT), 1, MAX(CASE WHEN COALESCE(health.at, 0) > ? THEN 1 ELSE 0 END), 0, 0
			FROM box JOIN pole ON pole.id = box.pole_id LEFT JOIN health ON health.box_id = box.id
			WHERE box.state = 'placed' AND pole.removed_at IS NULL
				AND NOT EXISTS (SELECT 1 FROM mute WHERE mute.pole = pole.code AND mute.from_ms <= ? AND mute.until_ms > ?)
			GROUP BY box.pole_id
			ON CONFLICT (pole_id, day) DO UPDATE SET looks = box_day.looks + 1, seen = box_day.seen + excluded.seen`,
			DayOf(now), now.UnixMilli()-Silent, now.UnixMilli(), now.UnixMilli()); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM box_day WHERE day < ?`, DayOf(now.AddDate(0, 0, -keepDays)))
		return err
	})
	if err != nil {
		return fmt.Errorf("look at boxes: %w", err)
	}
	return nil
}

// Heard notes how loud a box played a bulletin, from the line it sealed. An alarm
// is louder than any day, so it says nothing about the day.
func Heard(tx *db.Tx, box string, l wire.Line) error {
	if l.Result != wire.Played || l.Started == 0 || l.Volume == 0 {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO box_day (pole_id, day, looks, seen, volume_min, volume_max)
		SELECT box.pole_id, CAST(? AS TEXT), 0, 0, CAST(? AS BIGINT), CAST(? AS BIGINT) FROM box
		WHERE box.id = ? AND EXISTS (SELECT 1 FROM bulletin WHERE bulletin.warrant = ? AND bulletin.class IN ('normal', 'priority'))
		ON CONFLICT (pole_id, day) DO UPDATE SET
			volume_min = CASE WHEN box_day.volume_min = 0 OR excluded.volume_min < box_day.volume_min THEN excluded.volume_min ELSE box_day.volume_min END,
			volume_max = CASE WHEN excluded.volume_max > box_day.volume_max THEN excluded.volume_max ELSE box_day.volume_max END`,
		DayOf(time.UnixMilli(l.Started)), l.Volume, l.Volume, box, l.Warrant)
	if err != nil {
		return fmt.Errorf("note volume: %w", err)
	}
	return nil
}

// DayOf is the local day of a moment, as days are kept.
func DayOf(t time.Time) string { return t.In(loa.Zone()).Format(time.DateOnly) }

// Day is how a pole's box was on one day.
type Day struct {
	Day   string // 2026-11-23
	Looks int
	Seen  int
	Low   int // percent at which it played bulletins, by the lines it sealed; 0 where it played none
	High  int
}

// Days lists the days of a pole from one to before another, the oldest first; a day
// on which nobody looked is missing.
func (r *Register) Days(ctx context.Context, pole, from, until string) (all []Day, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, `SELECT day, looks, seen, volume_min, volume_max FROM box_day WHERE pole_id = ? AND day >= ? AND day < ? ORDER BY day`,
			[]any{pole, from, until}, func(scan func(...any) error) (d Day, err error) {
				return d, scan(&d.Day, &d.Looks, &d.Seen, &d.Low, &d.High)
			})
		return err
	})
	return all, err
}

// Availability is in how many of a hundred looks the box was in contact, and
// whether anybody looked at all.
func Availability(days []Day) (percent float64, known bool) {
	looks, seen := 0, 0
	for _, d := range days {
		looks, seen = looks+d.Looks, seen+d.Seen
	}
	if looks == 0 {
		return 0, false
	}
	return 100 * float64(seen) / float64(looks), true
}
