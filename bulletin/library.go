package bulletin

// Beside the line: the library (kho tư liệu). Its tunes, greetings, music and
// goodbyes are bulletins with a role, walked through the line like any other.

import (
	"context"
	"time"

	"loa"
)

// Again (dùng lại) copies a bulletin into a new draft by whoever asks, to hold a
// week from now: what was approved stays as it is.
func (f *Flow) Again(ctx context.Context, who loa.Actor, id string) (Bulletin, error) {
	b, err := f.Find(ctx, who, id)
	if err != nil {
		return Bulletin{}, err
	}
	for i, r := range b.Renditions {
		if r.Kept == 0 || r.Machine() {
			continue
		}
		if i == 0 && r.Text == "" { // nothing is left to be used again
			return Bulletin{}, r.Sounds()
		}
		b.Renditions[i].Upload = ""
	}
	n := b.Notice()
	n.From, n.Until, n.Wanted = time.Time{}, time.Time{}, nil
	return f.Draft(ctx, who, n)
}

// season is how far from today's day of the year a notice of an earlier year
// still belongs to the same weeks.
const season = 14 * 24 * time.Hour

// Seasons is how many earlier years the library looks back.
const Seasons = 5

// SameSeason lists what a place broadcast in these weeks of one earlier year,
// the newest first: floods, vaccinations and harvests come back.
func (f *Flow) SameSeason(ctx context.Context, who loa.Actor, place loa.Path, now time.Time, yearsAgo int) ([]Bulletin, error) {
	then := now.AddDate(-yearsAgo, 0, 0)
	return f.List(ctx, who, Query{Path: place, States: []State{Dispatched, Expired, Stopped}, NoRole: true,
		MadeFrom: then.Add(-season).UnixMilli(), MadeUntil: then.Add(season).UnixMilli(), Limit: 20})
}
