package people

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"loa"
	"loa/db"
)

// Told is what a person reads on their page until they have seen it.
type Told struct {
	ID   string
	Word string // of the catalogue, after "told."
	Args []any  // texts
	At   time.Time
}

// tell leaves a word for each of the people, once for each.
func tell(tx *db.Tx, people []string, word string, args ...string) error {
	text, err := json.Marshal(args)
	if err != nil {
		return fmt.Errorf("tell: %w", err)
	}
	people = slices.Compact(slices.Sorted(slices.Values(people)))
	rows := make([][]any, len(people))
	for i, person := range people {
		rows[i] = []any{loa.NewID(tx.Now()), person, word, string(text), tx.NowMS()}
	}
	return tx.Insert("told", []string{"id", "person", "word", "args", "at"}, rows)
}

// Told is what the person was told and has not put away, the newest first.
func (r *Register) Told(ctx context.Context, person string) (all []Told, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, "SELECT id, word, args, at FROM told WHERE person = ? AND read_at IS NULL ORDER BY id DESC", []any{person},
			func(scan func(...any) error) (t Told, err error) {
				var text string
				var at int64
				if err = scan(&t.ID, &t.Word, &text, &at); err != nil {
					return t, err
				}
				t.At = time.UnixMilli(at).UTC()
				return t, json.Unmarshal([]byte(text), &t.Args)
			})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list what was told: %w", err)
	}
	return all, nil
}

// PutAway is the person having read it. Twice is no harm.
func (r *Register) PutAway(ctx context.Context, person, id string) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE told SET read_at = ? WHERE id = ? AND person = ? AND read_at IS NULL", tx.NowMS(), id, person)
		return err
	})
	if err != nil {
		return fmt.Errorf("put away: %w", err)
	}
	return nil
}
