package people

import (
	"context"
	"fmt"
	"slices"

	"loa"
	"loa/db"
	"loa/office"
)

// Standing is a body that a person speaks for by a post, and the places over
// which the post gives the right asked for.
type Standing struct {
	Office office.Office
	Places []loa.Path
}

// StandsFor lists the bodies whose posts give a person a right now: an outside
// body's notices bear its name, not the person's.
func (r *Register) StandsFor(ctx context.Context, person string, right loa.Right) (all []Standing, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all = nil
		held, err := holdings(tx, "h.person = ? AND (h.until_at IS NULL OR h.until_at > ?)", person, tx.NowMS())
		if err != nil {
			return err
		}
		for _, h := range held {
			var places []loa.Path
			for _, g := range h.post.Grants {
				if slices.Contains(g.Rights, right) {
					places = append(places, g.Path)
				}
			}
			if len(places) == 0 || !h.at(tx.Now()) {
				continue
			}
			var id string
			if err := tx.Row(`SELECT office FROM post WHERE id = ?`, h.Post).Scan(&id); err != nil {
				return err
			}
			o, err := office.FindTx(tx, id)
			if err != nil {
				return err
			}
			all = append(all, Standing{o, places})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read whom a person speaks for: %w", err)
	}
	return all, nil
}
