package speaker

import (
	"context"
	"fmt"
	"time"

	"loa"
	"loa/db"
)

// LookEvery is how often every box at work is looked at: for its volume and its
// availability, day by day.
const LookEvery = 10 * time.Minute

// keepDays is how long the days of boxes are kept: a year to compare, and a month.
const keepDays = 400

// Look counts for today, pole by pole, whether its box was in contact and how loud
// its beats say it was: the job of one process. A pole that is muted is not looked
// at, and neither is one while no process runs: silence that was asked for, and
// our own, are nobody's failure.
func (r *Register) Look(ctx context.Context) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		now := tx.Now()
		seen := `CASE WHEN COALESCE(health.at, 0) > ? THEN 1 ELSE 0 END`
		volume := `CASE WHEN COALESCE(health.at, 0) > ? THEN COALESCE(health.volume, 0) ELSE 0 END`
		since := now.UnixMilli() - Silent
		if _, err := tx.Exec(`INSERT INTO box_day (pole_id, day, looks, seen, volume_min, volume_max)
			SELECT box.pole_id, CAST(? AS TEXT), 1, MAX(`+seen+`), MAX(`+volume+`), MAX(`+volume+`)
			FROM box JOIN pole ON pole.id = box.pole_id LEFT JOIN health ON health.box_id = box.id
			WHERE box.state = 'placed' AND pole.removed_at IS NULL
				AND NOT EXISTS (SELECT 1 FROM mute WHERE mute.pole = pole.code AND mute.from_ms <= ? AND mute.until_ms > ?)
			GROUP BY box.pole_id
			ON CONFLICT (pole_id, day) DO UPDATE SET looks = box_day.looks + 1, seen = box_day.seen + excluded.seen,
				volume_min = CASE WHEN excluded.volume_min = 0 THEN box_day.volume_min WHEN box_day.volume_min = 0 OR excluded.volume_min < box_day.volume_min
					THEN excluded.volume_min ELSE box_day.volume_min END,
				volume_max = CASE WHEN excluded.volume_max > box_day.volume_max THEN excluded.volume_max ELSE box_day.volume_max END`,
			DayOf(now), since, since, since, now.UnixMilli(), now.UnixMilli()); err != nil {
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

// DayOf is the local day of a moment, as days are kept.
func DayOf(t time.Time) string { return t.In(loa.Zone()).Format(time.DateOnly) }

// Day is how a pole's box was on one day.
type Day struct {
	Day   string // 2026-11-23
	Looks int
	Seen  int
	Low   int // percent its beats said; 0 where none came
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
