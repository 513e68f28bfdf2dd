package upkeep

import (
	"context"
	"fmt"
	"slices"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/wire"
)

// The bounds beyond which a box proposes a fault by itself. They are ours: no
// rule of the state names any.
const (
	SilentAfter = 24 * time.Hour      // without contact, and not muted
	NearlyFull  = 200 << 20           // bytes free: three days of plan and sound no longer fit for sure
	Failures    = 2                   // times a day the output failed
	FellTo      = 60                  // percent of the loudest of the fortnight before, two days long
	LeaveAlone  = 7 * 24 * time.Hour  // after a person dropped the same
	Looked      = 150 * time.Second   // younger beats count as contact, as everywhere
	fellBefore  = 14 * 24 * time.Hour // the fortnight
	fellNow     = 2 * 24 * time.Hour  // yesterday and today
)

// Sign is what is known of one box at work, and of its pole.
type Sign struct {
	Pole    string
	Path    loa.Path
	Since   int64 // when the box was placed, UTC ms
	Seen    int64 // last beat, UTC ms, 0 for never
	Clock   string
	Free    int64 // bytes
	Muted   bool
	Failed  int   // times in the last day the output failed
	Before  int   // loudest it played in the fortnight before the last two days, percent; 0 for not known
	Now     int   // loudest in the last two days; 0 if it was not heard of
	Turned  int64 // when somebody last changed what the register says of the pole, UTC ms
	Healthy bool  // the box was heard of lately
}

// Shows are the faults that a box shows at a moment.
func (s Sign) Shows(now time.Time) (all []Cause) {
	last := max(s.Seen, s.Since)
	if !s.Muted && now.Sub(time.UnixMilli(last)) > SilentAfter {
		return []Cause{Silent} // of a box that does not call nothing else is known
	}
	if s.Failed >= Failures {
		all = append(all, Output)
	}
	if !s.Healthy {
		return all
	}
	if s.Clock == wire.ClockUnknown {
		all = append(all, Clock)
	}
	if s.Free > 0 && s.Free < NearlyFull {
		all = append(all, Disk)
	}
	turned := now.Sub(time.UnixMilli(s.Turned)) < fellBefore+fellNow // somebody turned it down by hand
	if s.Before > 0 && s.Now > 0 && s.Now*100 <= s.Before*FellTo && !turned {
		all = append(all, Quiet)
	}
	return all
}

// Watch looks at every box at work, proposes the faults they show that are not in
// the book yet, and takes back what it proposed and has passed: a job of one
// process.
func (b *Book) Watch(ctx context.Context) error {
	var signs []Sign
	var live []Fault
	var left map[[2]string]bool // pole and cause that a person dropped lately
	var now time.Time
	err := b.DB.Read(ctx, func(tx *db.Tx) (err error) {
		now = tx.Now()
		if signs, err = readSigns(tx); err != nil {
			return err
		}
		if live, err = list(tx, `fault.state IN ('proposed', 'open', 'called', 'parts')`, nil, ``); err != nil {
			return err
		}
		dropped, err := list(tx, `fault.state = 'dropped' AND fault.ended_at > ? AND fault.opened_by = ? AND fault.remedy <> ''`,
			[]any{tx.Now().Add(-LeaveAlone).UnixMilli(), loa.System().ID}, ``)
		left = map[[2]string]bool{}
		for _, f := range dropped {
			left[[2]string{f.Pole, string(f.Cause)}] = true
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("watch faults: %w", err)
	}
	shown := map[string][]Cause{}
	for _, s := range signs {
		shown[s.Pole] = s.Shows(now)
		for _, c := range shown[s.Pole] {
			if left[[2]string{s.Pole, string(c)}] || slices.ContainsFunc(live, func(f Fault) bool { return f.Pole == s.Pole && f.Cause == c }) {
				continue
			}
			f := Fault{Pole: s.Pole, Path: s.Path, Cause: c, State: Proposed}
			if _, err := b.open(ctx, loa.System(), f); err != nil && loa.CodeOf(err) != loa.Conflict {
				return fmt.Errorf("propose fault: %w", err)
			}
		}
	}
	for _, f := range live {
		if f.State == Proposed && !slices.Contains(shown[f.Pole], f.Cause) {
			if err := b.pass(ctx, f.ID); err != nil {
				return fmt.Errorf("take a fault back: %w", err)
			}
		}
	}
	return nil
}

// pass drops a proposed fault that is not seen any more. A remedy is a person's
// word and stays empty: should it come back tomorrow, it is proposed again.
func (b *Book) pass(ctx context.Context, id string) error {
	return b.write(ctx, loa.System(), func(tx *db.Tx) (journal.Entry, error) {
		f, err := locked(tx, id)
		if err != nil || f.State != Proposed {
			return journal.Entry{}, err
		}
		f.State, f.Changed, f.Ended = Dropped, tx.NowMS(), tx.NowMS()
		return f.entry(), update(tx, f)
	})
}

// readSigns reads what is known of the boxes at work: as many rows as boxes that
// may show something, not as many as there are.
func readSigns(tx *db.Tx) ([]Sign, error) {
	now := tx.Now()
	day := func(back time.Duration) string { return now.Add(-back).In(loa.Zone()).Format(time.DateOnly) }
	return db.All(tx, `SELECT pole.id, pole.path, CASE WHEN box.placed_at > 0 THEN box.placed_at ELSE box.made_at END, COALESCE(health.at, 0), COALESCE(health.clock, ''),
			COALESCE(health.disk_free, 0), pole.changed_at,
			CASE WHEN EXISTS (SELECT 1 FROM mute WHERE mute.pole = pole.code AND mute.from_ms <= ? AND mute.until_ms > ?) THEN 1 ELSE 0 END,
			(SELECT COUNT(*) FROM playback WHERE playback.box_id = box.id AND playback.planned >= ? AND playback.why = 'output.failed'),
			COALESCE((SELECT MAX(volume_max) FROM box_day WHERE box_day.pole_id = pole.id AND day >= ? AND day < ?), 0),
			COALESCE((SELECT MAX(volume_max) FROM box_day WHERE box_day.pole_id = pole.id AND day >= ?), 0)
		FROM box JOIN pole ON pole.id = box.pole_id LEFT JOIN health ON health.box_id = box.id
		WHERE box.state = 'placed' AND pole.removed_at IS NULL ORDER BY box.id`,
		[]any{tx.NowMS(), tx.NowMS(), now.Add(-24 * time.Hour).UnixMilli(), day(fellBefore + fellNow), day(fellNow / 2), day(fellNow / 2)},
		func(scan func(...any) error) (s Sign, err error) {
			var muted int
			err = scan(&s.Pole, &s.Path, &s.Since, &s.Seen, &s.Clock, &s.Free, &s.Turned, &muted, &s.Failed, &s.Before, &s.Now)
			s.Muted, s.Healthy = muted == 1, s.Seen > 0 && now.Sub(time.UnixMilli(s.Seen)) < Looked
			return s, err
		})
}
