package speaker

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
)

// A batch of codes lives long enough for a technician's round, and no longer.
const (
	MinBatchLife = CodeLife
	MaxBatchLife = 14 * 24 * time.Hour
	MaxBatch     = 500 // poles
)

// Batch (đợt khai báo) is enrolment codes made together for many poles and
// printed as slips. Every code in it still serves one box at one pole, once.
type Batch struct {
	ID    string
	Path  loa.Path // the place they were made for
	By    string   // name of the person
	Made  int64    // UTC ms
	Until int64    // UTC ms; after that, or after it was taken back, no code of it is taken
	Ended bool     // taken back
	Poles int
	Came  int // a box asked and waits for the officer
	Done  int // a box is placed
}

// Slip is one pole of a batch: its code, and how far it has come.
type Slip struct {
	Pole  Pole
	Code  string // as the box takes it; "" once it serves no more
	Box   string // that asked with it, "" before
	Check string // the box's six digits
	State string // of the box, "" before one asked
}

// Live reports whether a slip's code still waits for its box.
func (s Slip) Live() bool { return s.Code != "" && s.Box == "" }

// NewBatch makes a code for each of some poles, good for a while. Codes that
// earlier batches made for them and that no box has used end with it: a pole has
// one slip that works.
func (r *Register) NewBatch(ctx context.Context, who loa.Actor, place loa.Path, codes []string, life time.Duration) (b Batch, err error) {
	switch {
	case len(codes) == 0:
		return b, loa.Errorf(loa.Invalid, "enrol.none_chosen")
	case len(codes) > MaxBatch:
		return b, loa.Errorf(loa.Invalid, "enrol.too_many", len(codes), MaxBatch)
	case life < MinBatchLife || life > MaxBatchLife:
		return b, loa.Errorf(loa.Invalid, "enrol.life_bad", int(MaxBatchLife/(24*time.Hour)))
	}
	err = r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		if err := who.Must(loa.RightSpeakers, place); err != nil {
			return journal.Entry{}, err
		}
		b = Batch{ID: loa.NewID(tx.Now()), Path: place, By: who.Name, Made: tx.NowMS(), Until: tx.Now().Add(life).UnixMilli()}
		if _, err := tx.Exec(`INSERT INTO enrol_batch (id, path, made_by, made_name, made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)`,
			b.ID, place, who.ID, who.Name, b.Made, b.Until); err != nil {
			return journal.Entry{}, err
		}
		root, err := r.rootNow(tx)
		if err != nil {
			return journal.Entry{}, err
		}
		seen := map[string]bool{}
		var rows [][]any
		for _, code := range codes {
			p, err := poleByCode(tx, code)
			if err != nil {
				return journal.Entry{}, err
			}
			if err := who.Must(loa.RightSpeakers, p.Path); err != nil {
				return journal.Entry{}, err
			}
			if !place.Covers(p.Path) {
				return journal.Entry{}, loa.Errorf(loa.Invalid, "enrol.elsewhere", p.Name)
			}
			if seen[p.ID] {
				continue
			}
			seen[p.ID] = true
			if _, err := tx.Exec(`UPDATE enrol_code SET expires_at = ? WHERE pole_id = ? AND batch <> '' AND box_id IS NULL AND expires_at > ?`,
				tx.NowMS()-1, p.ID, tx.NowMS()); err != nil {
				return journal.Entry{}, err
			}
			rows = append(rows, []any{loa.Hash([]byte(r.batchCode(b.ID, p.ID))), p.ID, b.Until, b.ID, root.Fingerprint()})
		}
		b.Poles = len(rows)
		err = tx.Insert("enrol_code", []string{"hash", "pole_id", "expires_at", "batch", "root"}, rows)
		return journal.Entry{Verb: "speaker.batch_made", Path: place, Subject: b.ID, Data: map[string]any{"poles": codes, "until": b.Until}}, err
	})
	if err != nil {
		return Batch{}, fmt.Errorf("make enrolment codes: %w", err)
	}
	return b, nil
}

// batchCode is the code of a pole in a batch: eight letters that follow from the
// node's own key, so that a slip can be printed again and a copy of the database
// gives none away.
func (r *Register) batchCode(batch, pole string) string {
	mac := hmac.New(sha256.New, r.Keys.Dispatch.Seed())
	mac.Write([]byte("loa enrol batch 1\n" + batch + "\n" + pole)) // no JSON: nothing the key seals reads so
	n := binary.BigEndian.Uint64(mac.Sum(nil))
	letters := make([]byte, 8)
	for i := range letters { // 30 to the eighth is far below 2 to the 64th: no letter is likelier
		letters[i] = codeLetters[n%uint64(len(codeLetters))]
		n /= uint64(len(codeLetters))
	}
	return string(letters)
}

// EndBatch takes back what of a batch no box has used: a slip was lost.
func (r *Register) EndBatch(ctx context.Context, who loa.Actor, id string) error {
	err := r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		b, err := batchByID(tx, id)
		if err != nil {
			return journal.Entry{}, err
		}
		if err := who.Must(loa.RightSpeakers, b.Path); err != nil {
			return journal.Entry{}, err
		}
		n, err := tx.Exec(`UPDATE enrol_batch SET ended_at = ? WHERE id = ? AND ended_at = 0`, tx.NowMS(), id)
		if err != nil || n == 0 {
			return journal.Entry{}, err
		}
		_, err = tx.Exec(`UPDATE enrol_code SET expires_at = ? WHERE batch = ? AND box_id IS NULL AND expires_at > ?`, tx.NowMS()-1, id, tx.NowMS())
		return journal.Entry{Verb: "speaker.batch_ended", Path: b.Path, Subject: id}, err
	})
	if err != nil {
		return fmt.Errorf("end enrolment codes: %w", err)
	}
	return nil
}

const batchQuery = `SELECT enrol_batch.id, enrol_batch.path, enrol_batch.made_name, enrol_batch.made_at, enrol_batch.expires_at, enrol_batch.ended_at,
	COUNT(*), COALESCE(SUM(CASE WHEN box.state = 'waiting' THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN box.state = 'placed' THEN 1 ELSE 0 END), 0)
	FROM enrol_batch JOIN enrol_code ON enrol_code.batch = enrol_batch.id LEFT JOIN box ON box.id = enrol_code.box_id WHERE `

const batchGroup = ` GROUP BY enrol_batch.id, enrol_batch.path, enrol_batch.made_name, enrol_batch.made_at, enrol_batch.expires_at, enrol_batch.ended_at`

func scanBatch(scan func(...any) error) (b Batch, err error) {
	var ended int64
	err = scan(&b.ID, &b.Path, &b.By, &b.Made, &b.Until, &ended, &b.Poles, &b.Came, &b.Done)
	b.Ended = ended != 0
	return b, err
}

func batchByID(tx *db.Tx, id string) (Batch, error) {
	b, err := scanBatch(tx.Row(batchQuery+`enrol_batch.id = ?`+batchGroup, id).Scan)
	if errors.Is(err, db.ErrNone) {
		return b, loa.Errorf(loa.NotFound, "enrol.batch_unknown")
	}
	return b, err
}

// Batches lists the batches made for a place or below it, the newest first.
func (r *Register) Batches(ctx context.Context, place loa.Path) (all []Batch, err error) {
	from, to := db.PrefixRange(string(place))
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, batchQuery+`(enrol_batch.path = ? OR (enrol_batch.path >= ? AND enrol_batch.path < ?))`+batchGroup+` ORDER BY enrol_batch.id DESC LIMIT 20`,
			[]any{place, from, to}, scanBatch)
		return err
	})
	return all, err
}

// Batch is one batch with its slips, in the order in which the poles are listed.
// For whoever may put boxes up there: the codes are in it.
func (r *Register) Batch(ctx context.Context, who loa.Actor, id string) (b Batch, slips []Slip, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		if b, err = batchByID(tx, id); err != nil {
			return err
		}
		if err := who.Must(loa.RightSpeakers, b.Path); err != nil {
			return err
		}
		slips, err = db.All(tx, `SELECT enrol_code.hash, enrol_code.expires_at, enrol_code.root, COALESCE(box.id, ''), COALESCE(box.public_key, ''), COALESCE(box.state, ''), `+poleColumns+`
			FROM enrol_code JOIN pole ON pole.id = enrol_code.pole_id LEFT JOIN box ON box.id = enrol_code.box_id
			WHERE enrol_code.batch = ? ORDER BY pole.path, pole.name_sort, pole.id`, []any{id}, func(scan func(...any) error) (s Slip, err error) {
			var l loose
			var hash, root, key string
			var until int64
			if err := scan(append([]any{&hash, &until, &root, &s.Box, &key, &s.State}, s.Pole.fields(&l)...)...); err != nil {
				return s, err
			}
			if key != "" {
				if s.Check, err = checkOf(key); err != nil {
					return s, err
				}
			}
			code := r.batchCode(id, s.Pole.ID)
			if until > tx.NowMS() && loa.Hash([]byte(code)) == hash { // after a change of the key it can be told no more
				s.Code = code + "." + cmp.Or(root, r.Root.Fingerprint())[:16]
			}
			return s, s.Pole.finish(l)
		})
		return err
	})
	if err != nil {
		return Batch{}, nil, fmt.Errorf("read enrolment codes: %w", err)
	}
	return b, slips, nil
}

// Letters is the short part of a code, which people read out.
func (s Slip) Letters() string {
	letters, _, _ := strings.Cut(s.Code, ".")
	return letters
}
