package bulletin

// Beside the line: what papers say of what was heard in a month.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/wire"
)

// Aired is one slot as it was heard in a place: a row of sổ nhật ký phát.
type Aired struct {
	Slot     string
	Bulletin string
	Title    string
	Author   string
	Approved []string // names
	Planned  int64    // UTC ms
	MS       int64    // the longest that it sounded on one speaker
	Played   int      // speakers that played it to its end
	Meant    int      // speakers of the place the dispatch meant, or that said anything of it
}

// Book lists what was heard at or below a place in a span of time, by the
// minute. A slot of which no speaker has said anything yet is not in it.
func (f *Flow) Book(ctx context.Context, who loa.Actor, place loa.Path, from, until time.Time) (all []Aired, err error) {
	if err := who.Must(loa.RightRead, place); err != nil {
		return nil, err
	}
	below, end := db.PrefixRange(string(place))
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, `SELECT playback.slot, playback.bulletin_id, MIN(COALESCE(bulletin.title, '')), MIN(COALESCE(bulletin.author_name, '')),
				MIN(playback.planned), MAX(playback.ms), SUM(CASE WHEN playback.result = ? THEN 1 ELSE 0 END), COUNT(DISTINCT playback.box_id)
			FROM playback JOIN box ON box.id = playback.box_id JOIN pole ON pole.id = box.pole_id
			LEFT JOIN bulletin ON bulletin.id = playback.bulletin_id
			WHERE (pole.path = ? OR (pole.path >= ? AND pole.path < ?)) AND playback.planned >= ? AND playback.planned < ?
			GROUP BY playback.slot, playback.bulletin_id ORDER BY MIN(playback.planned), playback.slot LIMIT 5000`,
			[]any{string(wire.Played), place, below, end, from.UnixMilli(), until.UnixMilli()},
			func(scan func(...any) error) (a Aired, err error) {
				return a, scan(&a.Slot, &a.Bulletin, &a.Title, &a.Author, &a.Planned, &a.MS, &a.Played, &a.Meant)
			})
		if err != nil || len(all) == 0 {
			return err
		}
		return credit(tx, place, all)
	})
	if err != nil {
		return nil, fmt.Errorf("read log book: %w", err)
	}
	return all, nil
}

// credit adds who approved each bulletin and how many speakers it meant here.
func credit(tx *db.Tx, place loa.Path, all []Aired) error {
	var ids []any
	seen := map[string]bool{}
	for _, a := range all {
		if a.Bulletin != "" && !seen[a.Bulletin] {
			seen[a.Bulletin] = true
			ids = append(ids, a.Bulletin)
		}
	}
	here := map[string]bool{}
	below, end := db.PrefixRange(string(place))
	if _, err := db.All(tx, `SELECT box.id FROM box JOIN pole ON pole.id = box.pole_id WHERE pole.path = ? OR (pole.path >= ? AND pole.path < ?)`,
		[]any{place, below, end}, func(scan func(...any) error) (struct{}, error) {
			var id string
			err := scan(&id)
			here[id] = true
			return struct{}{}, err
		}); err != nil {
		return err
	}
	names, meant := map[string][]string{}, map[string]int{}
	for len(ids) > 0 {
		some := ids[:min(len(ids), 100)]
		ids = ids[len(some):]
		in := `IN (?` + strings.Repeat(", ?", len(some)-1) + `)`
		if _, err := db.All(tx, `SELECT bulletin_id, name FROM approval WHERE refused = '' AND bulletin_id `+in+` ORDER BY at, id`, some,
			func(scan func(...any) error) (struct{}, error) {
				var id, name string
				err := scan(&id, &name)
				if !slices.Contains(names[id], name) {
					names[id] = append(names[id], name)
				}
				return struct{}{}, err
			}); err != nil {
			return err
		}
		if _, err := db.All(tx, `SELECT bulletin_id, meant FROM dispatch WHERE bulletin_id `+in+` ORDER BY id`, some, // the last one counts
			func(scan func(...any) error) (struct{}, error) {
				var id, boxes string
				err := scan(&id, &boxes)
				meant[id] = 0
				for box := range strings.FieldsSeq(boxes) {
					if here[box] {
						meant[id]++
					}
				}
				return struct{}{}, err
			}); err != nil {
			return err
		}
	}
	for i, a := range all {
		all[i].Approved = names[a.Bulletin]
		all[i].Meant = max(a.Meant, meant[a.Bulletin])
	}
	return nil
}
