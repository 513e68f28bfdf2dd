package bulletin

// Beside the line: what one pole is going to say.

import (
	"context"
	"slices"
	"strings"

	"loa"
	"loa/db"
	"loa/speaker"
)

// Coming lists the next starts that mean a pole, the nearest first: at most n.
func (f *Flow) Coming(ctx context.Context, p speaker.Pole, n int) (all []Item, err error) {
	type coming struct {
		Item
		scope, poles string
	}
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all = nil
		rows, err := db.All(tx, `SELECT slot.id, slot.bulletin_id, bulletin.title, slot.start_ms, slot.ms, bulletin.scope, slot.poles
			FROM slot JOIN bulletin ON bulletin.id = slot.bulletin_id
			WHERE slot.cancelled_at IS NULL AND slot.out = 0 AND slot.commune = ? AND slot.start_ms >= ? AND bulletin.state = ?
			ORDER BY slot.start_ms, slot.id LIMIT 500`, []any{p.Path.Commune(), tx.NowMS(), string(Dispatched)},
			func(scan func(...any) error) (c coming, err error) {
				return c, scan(&c.Slot, &c.Bulletin, &c.Title, &c.Start, &c.MS, &c.scope, &c.poles)
			})
		if err != nil {
			return err
		}
		for _, c := range rows {
			meant := slices.ContainsFunc(strings.Fields(c.scope), func(s string) bool {
				return slices.ContainsFunc(append([]loa.Path{p.Path}, p.Zones...), loa.Path(s).Covers)
			})
			if poles := strings.Fields(c.poles); !meant || len(poles) > 0 && !slices.Contains(poles, p.Code) {
				continue
			}
			if all = append(all, c.Item); len(all) == n {
				break
			}
		}
		return nil
	})
	return all, err
}
