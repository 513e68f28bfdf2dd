package bulletin

// Beside the line: who did not sound, and why (ai chưa phát), of a day, a session
// or a bulletin.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
)

// UnheardQuery says whose silence is asked for.
type UnheardQuery struct {
	Place    loa.Path
	Day      string // 2026-11-23; not asked of a bulletin
	Session  string // "2026-11-23/afternoon", "" for all of the day
	Bulletin string // of this one alone, in every session that has begun
}

// Unheard tells of each session who did not confirm what it was meant to play, the
// newest first. A day's sessions are as their messages told them; a bulletin's are
// told anew, with what has come home since.
func (f *Flow) Unheard(ctx context.Context, who loa.Actor, q UnheardQuery) (all []Message, err error) {
	if err := who.Must(loa.RightRead, q.Place); err != nil {
		return nil, err
	}
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		if q.Bulletin == "" {
			all, err = messagesOf(tx, q)
			return err
		}
		all, err = unheardBulletin(tx, q)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list who did not sound: %w", err)
	}
	return all, nil
}

func messagesOf(tx *db.Tx, q UnheardQuery) ([]Message, error) {
	if _, err := time.Parse(time.DateOnly, q.Day); err != nil {
		return nil, loa.Errorf(loa.Invalid, "calendar.date", loa.Clip(q.Day))
	}
	at := q.Place
	if c := at.Commune(); c != "" {
		at = c
	}
	from, to := db.PrefixRange(string(at))
	where, args := `(commune = ? OR (commune >= ? AND commune < ?)) AND session >= ? AND session < ?`, []any{at, from, to, q.Day + "/", q.Day + "0"} // "0" follows "/"
	if q.Session != "" {
		where, args = where+` AND session = ?`, append(args, q.Session)
	}
	all, err := db.All(tx, `SELECT data FROM session_message WHERE `+where+` ORDER BY at DESC, commune`, args, scanMessage)
	return all, err
}

func unheardBulletin(tx *db.Tx, q UnheardQuery) (all []Message, err error) {
	from, to := db.PrefixRange(string(q.Place))
	type began struct {
		Message
		last int64
	}
	held, err := db.All(tx, `SELECT commune, session, MIN(start_ms), MAX(start_ms + ms) FROM slot
		WHERE bulletin_id = ? AND cancelled_at IS NULL AND start_ms < ? AND (commune = ? OR (commune >= ? AND commune < ?))
		GROUP BY commune, session ORDER BY MIN(start_ms) DESC, commune LIMIT 100`, []any{q.Bulletin, tx.NowMS(), q.Place.Commune(), from, to},
		func(scan func(...any) error) (b began, err error) {
			return b, scan(&b.Commune, &b.Session, &b.Start, &b.last)
		})
	if err != nil {
		return nil, err
	}
	for _, b := range held {
		named, end, err := beganAs(tx, b.Commune, b.Session)
		if err != nil {
			return nil, err
		}
		m := b.Message
		m.Name = named.Name
		if m, err = asTold(tx, m, max(end, b.last), q.Bulletin); err != nil {
			return nil, err
		}
		if m.Items > 0 {
			all = append(all, m)
		}
	}
	return slices.DeleteFunc(all, func(m Message) bool { return q.Session != "" && m.Session != q.Session }), nil
}

// Day is the local day of a message's session.
func (m Message) Day() string {
	day, _, _ := strings.Cut(m.Session, "/")
	return day
}
