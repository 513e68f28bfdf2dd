package speaker

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"loa"
	"loa/db"
	"loa/wire"
)

// maxMute is the longest a pole is muted in one go. What is longer is no pause:
// the box is taken away.
const maxMute = 31 * 24 * time.Hour

// Mute (tạm ngưng) is a pole kept silent for a while: a funeral, an exam.
type Mute struct {
	ID     string
	Pole   Pole
	From   int64 // UTC ms
	Until  int64 // UTC ms
	Reason string
	Who    string // name of the person
}

// AddMute silences a pole from now until a moment, inside a transaction that
// holds the commune and writes its plan anew: speakers learn of mutes by the plan.
func AddMute(tx *db.Tx, who loa.Actor, code string, until time.Time, reason string) (Mute, error) {
	p, err := poleByCode(tx, code)
	if err != nil {
		return Mute{}, err
	}
	if err := who.Must(loa.RightDispatch, p.Path); err != nil {
		return Mute{}, err
	}
	m := Mute{ID: loa.NewID(tx.Now()), Pole: p, From: tx.NowMS(), Until: until.UnixMilli(),
		Reason: strings.Join(strings.Fields(reason), " "), Who: who.Name}
	if m.Reason == "" || len(m.Reason) > 300 || !utf8.ValidString(m.Reason) {
		return m, loa.Errorf(loa.Invalid, "mute.reason")
	}
	if m.Until <= m.From || until.Sub(tx.Now()) > maxMute {
		return m, loa.Errorf(loa.Invalid, "mute.until", int(maxMute/(24*time.Hour)))
	}
	live, err := MutesOf(tx, p.Path.Commune(), m.From, m.Until)
	if err != nil {
		return m, err
	}
	for _, o := range live {
		if o.Pole.Code == code && o.Until >= m.Until {
			return m, loa.Errorf(loa.Conflict, "mute.already", time.UnixMilli(o.Until).In(loa.Zone()).Format("15:04 02/01/2006"))
		}
	}
	_, err = tx.Exec(`INSERT INTO mute (id, commune, pole, from_ms, until_ms, reason, who, who_name, made_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		m.ID, p.Path.Commune(), code, m.From, m.Until, m.Reason, who.ID, who.Name, tx.NowMS())
	if err != nil {
		return m, fmt.Errorf("mute pole: %w", err)
	}
	return m, nil
}

// EndMute lets a pole sound again now, inside a transaction like AddMute's. The
// row stays, with the moment at which it really ended.
func EndMute(tx *db.Tx, who loa.Actor, code string) (Pole, error) {
	p, err := poleByCode(tx, code)
	if err != nil {
		return p, err
	}
	if err := who.Must(loa.RightDispatch, p.Path); err != nil {
		return p, err
	}
	n, err := tx.Exec(`UPDATE mute SET until_ms = ? WHERE pole = ? AND until_ms > ?`, tx.NowMS(), code, tx.NowMS())
	if err != nil {
		return p, fmt.Errorf("end mute: %w", err)
	}
	if n == 0 {
		return p, loa.Errorf(loa.Conflict, "mute.none")
	}
	return p, nil
}

// PoleAt is the commune of a pole, for whoever must hold it before changing it.
func PoleAt(tx *db.Tx, code string) (Pole, error) { return poleByCode(tx, code) }

// Mutes lists the mutes of a place that touch a span of time: those that hold
// now, or the evidence of a month.
func (r *Register) Mutes(ctx context.Context, place loa.Path, from, until time.Time) (all []Mute, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = MutesOf(tx, place, from.UnixMilli(), until.UnixMilli())
		return err
	})
	return all, err
}

// MutesOf is Register.Mutes inside a transaction, between UTC milliseconds.
// MutesOf is Mutes inside a transaction, between two moments in UTC milliseconds.
func MutesOf(tx *db.Tx, place loa.Path, from, until int64) ([]Mute, error) {
	below, end := db.PrefixRange(string(place))
	return db.All(tx, `SELECT mute.id, mute.from_ms, mute.until_ms, mute.reason, mute.who_name, `+poleColumns+`
		FROM mute JOIN pole ON pole.code = mute.pole
		WHERE (pole.path = ? OR (pole.path >= ? AND pole.path < ?)) AND mute.until_ms > ? AND mute.from_ms < ? ORDER BY mute.from_ms, mute.id`,
		[]any{place, below, end, from, until}, func(scan func(...any) error) (m Mute, err error) {
			var l loose
			if err := scan(append([]any{&m.ID, &m.From, &m.Until, &m.Reason, &m.Who}, m.Pole.fields(&l)...)...); err != nil {
				return m, err
			}
			return m, m.Pole.finish(l)
		})
}

// PlanMutes is what a plan of the commune says of its mutes.
func PlanMutes(tx *db.Tx, commune loa.Path, until int64) ([]wire.Mute, error) {
	live, err := MutesOf(tx, commune, tx.NowMS(), until)
	if err != nil {
		return nil, fmt.Errorf("read mutes: %w", err)
	}
	var all []wire.Mute
	for _, m := range live {
		all = append(all, wire.Mute{Pole: m.Pole.Code, From: m.From, Until: m.Until})
	}
	return all, nil
}
