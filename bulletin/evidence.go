package bulletin

// Beside the line: "Vì sao loa này phát lúc này?" Everything behind one line of
// the playback log, and its seals checked again on the spot: for the page and for
// the paper.

import (
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"

	"loa"
	"loa/db"
	"loa/seal"
	"loa/speaker"
	"loa/wire"
)

// Evidence is what stands behind one line of the playback log.
type Evidence struct {
	Playback
	Pole      speaker.Pole
	Bulletin  Bulletin
	Approvals []Approval
	Warrant   *wire.Warrant // nil where it is not kept here
	Session   string        // of the slot, "" where it stood in none
	Plan      *wire.Plan    // that held at the moment, nil where none is kept
	PlanHash  string
	InPlan    bool           // that plan has the slot
	Policies  []speaker.Held // in force at the moment, the country's first
	Mutes     []speaker.Mute
	Receipt   string // hash of the sealed receipt, "" where it was not kept
	Proof     error  // nil: the receipt's seal is the box's own and it says this line
}

// Evidence gathers what stands behind line n of a box, for somebody who may read
// where its pole stands.
func (f *Flow) Evidence(ctx context.Context, who loa.Actor, box string, n int64) (e Evidence, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		b, err := speaker.BoxTx(tx, box)
		if err != nil {
			return err
		}
		if err := who.Must(loa.RightRead, b.Pole.Path); err != nil {
			return err
		}
		e = Evidence{Pole: b.Pole}
		if e.Playback, e.Receipt, err = lineOf(tx, box, n); err != nil {
			return err
		}
		if err := e.said(tx); err != nil {
			return err
		}
		at := max(e.Planned, e.Started)
		if err := e.planned(tx, at); err != nil {
			return err
		}
		if e.Policies, err = speaker.PoliciesAt(tx, b.Pole.Path, at); err != nil {
			return err
		}
		mutes, err := speaker.MutesOf(tx, b.Pole.Path, e.Planned, e.Planned+max(1, e.MS))
		for _, m := range mutes {
			if m.Pole.ID == b.Pole.ID {
				e.Mutes = append(e.Mutes, m)
			}
		}
		e.Proof = e.prove(tx)
		return err
	})
	return e, err
}

func lineOf(tx *db.Tx, box string, n int64) (p Playback, receipt string, err error) {
	var verified int
	err = tx.Row(`SELECT box_id, n, slot, warrant, bulletin_id, planned, started, ms, skew_us, volume, result, why, clock, verified, degree, received_at, receipt
		FROM playback WHERE box_id = ? AND n = ?`, box, n).Scan(&p.Box, &p.N, &p.Slot, &p.Warrant, &p.Bulletin, &p.Planned, &p.Started, &p.MS, &p.SkewUS,
		&p.Volume, &p.Result, &p.Why, &p.Clock, &verified, &p.Degree, &p.Received, &receipt)
	if errors.Is(err, db.ErrNone) {
		return p, "", loa.Errorf(loa.NotFound, "playback.unknown")
	}
	p.Verified = verified == 1
	return p, receipt, err
}

// said reads the bulletin, who approved it and the warrant that let it sound.
func (e *Evidence) said(tx *db.Tx) (err error) {
	if e.Playback.Bulletin != "" {
		if e.Bulletin, err = load(tx, e.Playback.Bulletin); err != nil {
			return err
		}
		e.Title = e.Bulletin.Title
		if e.Approvals, err = approvals(tx, e.Bulletin.ID, loa.Hash(e.Bulletin.Payload)); err != nil {
			return err
		}
	}
	sealed, err := speaker.DocumentTx(tx, e.Playback.Warrant)
	if loa.CodeOf(err) == loa.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	o, err := seal.Open(sealed, seal.MaxDocument)
	if err != nil {
		return err
	}
	w, err := wire.ReadWarrant(o.Payload)
	e.Warrant = &w
	return err
}

// planned finds the plan that held at a moment, and the session of the slot.
func (e *Evidence) planned(tx *db.Tx, at int64) error {
	err := tx.Row(`SELECT session FROM slot WHERE id = ?`, e.Slot).Scan(&e.Session)
	if err != nil && !errors.Is(err, db.ErrNone) {
		return err
	}
	hash, payload, err := speaker.DocumentAt(tx, wire.PlanType, e.Pole.Path.Commune(), at)
	if err != nil || payload == nil {
		return err
	}
	plan, err := wire.ReadPlan(payload)
	if err != nil {
		return err
	}
	e.Plan, e.PlanHash = &plan, hash
	e.InPlan = slices.ContainsFunc(plan.Slots, func(s wire.Slot) bool { return s.ID == e.Slot })
	return nil
}

// prove opens the sealed receipt anew: it must bear the seal of the box's own
// key and say exactly what the log says.
func (e *Evidence) prove(tx *db.Tx) error {
	if e.Receipt == "" {
		return loa.Errorf(loa.NotFound, "evidence.not_kept")
	}
	sealed, err := speaker.DocumentTx(tx, e.Receipt)
	if err != nil {
		return err
	}
	r, err := wire.OpenReceipt(sealed, func(box string) (ed25519.PublicKey, error) { return speaker.KeyOf(tx, box) })
	if err != nil {
		return err
	}
	for _, l := range r.Lines {
		if r.Device == e.Box && l.N == e.N && l.Slot == e.Slot && l.Warrant == e.Playback.Warrant && l.Planned == e.Planned && l.Started == e.Started &&
			l.MS == e.MS && l.Volume == e.Volume && l.Result == e.Result && l.Why == e.Why {
			return nil
		}
	}
	return loa.Errorf(loa.Conflict, "evidence.differs")
}

// Totals counts lines of the log by degree of proof. Degrees are never added
// together: what a box proved and what somebody believes are not one figure.
type Totals struct {
	Degree string
	Lines  int
	Played int
	Muted  int // kept silent by a mute: in no figure of what ought to have been heard
}

// Share is how much of what ought to have been heard was, in tenths of a percent.
func (t Totals) Share() int {
	if t.Lines == t.Muted {
		return 0
	}
	return (t.Played*1000 + (t.Lines-t.Muted)/2) / (t.Lines - t.Muted)
}

// Totals sums the log as Log narrows it.
func (f *Flow) Totals(ctx context.Context, who loa.Actor, q LogQuery) (all []Totals, err error) {
	if err := who.Must(loa.RightRead, q.Place); err != nil {
		return nil, err
	}
	where, args := q.narrow()
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		for _, degree := range Degrees() {
			t := Totals{Degree: degree}
			if err := tx.Row(db.Anew+`SELECT COUNT(*), COALESCE(SUM(CASE WHEN playback.result = 'played' THEN 1 ELSE 0 END), 0),
					COALESCE(SUM(CASE WHEN playback.why = ? THEN 1 ELSE 0 END), 0)`+q.tables()+` WHERE `+strings.Join(where, " AND ")+` AND playback.degree = ?`,
				append(append([]any{wire.WhyMuted}, args...), degree)...).Scan(&t.Lines, &t.Played, &t.Muted); err != nil {
				return err
			}
			if t.Lines > 0 {
				all = append(all, t)
			}
		}
		return nil
	})
	return all, err
}

// Degrees lists the degrees of proof of a playback, the strongest first. A: the
// box itself checked seal and sound, and sealed the line.
func Degrees() []string { return []string{DegreeA} }

// DegreeA is the degree of a line in a receipt that a box sealed.
const DegreeA = "A"
