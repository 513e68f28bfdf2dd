package speaker

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"loa"
	"loa/db"
	"loa/seal"
	"loa/wire"
)

// How a pole's box answered a setting.
const (
	Took    = "took"    // what it says of itself agrees with the setting
	Refused = "refused" // it said so
	NotYet  = "notyet"  // it calls, and nothing is seen of the setting
	Absent  = "absent"  // it does not call: it takes the setting when it comes, until its end
)

// Answer is one pole that a setting means, and what is seen of it there. Nothing
// is believed because it was sent: a volume is taken when beats say it, a restart
// when the box has run for less long, a log when it has come.
type Answer struct {
	Standing
	Answer string
	Why    string // of a refusal

	uptime int64 // seconds, by the last beat
}

// Sent is a setting that was sent to boxes.
type Sent struct {
	wire.Warrant
	Hash    string
	Answers []Answer
}

// Count is how many answered so.
func (s Sent) Count(answer string) (n int) {
	for _, a := range s.Answers {
		if a.Answer == answer {
			n++
		}
	}
	return n
}

// SentSetting is a setting by the hash of its envelope, with what became of it pole
// by pole.
func (r *Register) SentSetting(ctx context.Context, who loa.Actor, hash string) (s Sent, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		b, err := DocumentTx(tx, hash)
		if err != nil {
			return err
		}
		o, err := seal.Open(b, seal.MaxDocument)
		if err != nil {
			return err
		}
		w, err := wire.ReadWarrant(o.Payload)
		if err != nil || w.Kind != wire.Set {
			return errors.Join(err, loa.Errorf(loa.NotFound, "document.unknown"))
		}
		if err := who.Must(loa.RightRead, w.Issuer); err != nil {
			return err
		}
		s = Sent{Warrant: w, Hash: hash}
		from, args := r.standingAt(tx, w.Issuer)
		poles, err := db.All(tx, `SELECT COALESCE(health.uptime, 0), COALESCE(health.why, ''),
				EXISTS (SELECT 1 FROM box_log WHERE box_log.box = box.id AND box_log.warrant = ?), `+standingColumns+from+` AND box.id IS NOT NULL
			ORDER BY pole.path, pole.name_sort, pole.id`, append([]any{hash}, args...), func(scan func(...any) error) (a Answer, err error) {
			var logged int
			a.Standing, err = scanStanding(func(to ...any) error { return scan(append([]any{&a.uptime, &a.Why, &logged}, to...)...) })
			a.Answer = answered(w, hash, a, logged == 1, tx.NowMS())
			return a, err
		})
		for _, a := range poles {
			if len(w.Poles) > 0 && !slices.Contains(w.Poles, a.Code) {
				continue
			}
			if a.Answer != Refused {
				a.Why = ""
			}
			s.Answers = append(s.Answers, a)
		}
		return err
	})
	if err != nil {
		return Sent{}, fmt.Errorf("read setting: %w", err)
	}
	return s, nil
}

// answered judges by the last beat, and by the log that came.
func answered(w wire.Warrant, hash string, a Answer, logged bool, now int64) string {
	h := a.Health
	since := h.At > w.From
	switch {
	case w.Setting.Logs > 0 && logged,
		w.Setting.Volume > 0 && since && h.Volume == w.Setting.Volume,
		w.Setting.Restart && since && h.At-a.uptime*1000 > w.From:
		return Took
	case since && h.Warrant == hash && h.State == "refused":
		return Refused
	case !h.InContact(now):
		return Absent
	}
	return NotYet
}
