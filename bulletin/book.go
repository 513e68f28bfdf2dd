package bulletin

// Beside the line: what papers say of what was heard, for a month and for one
// playback.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/seal"
	"loa/speaker"
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

// Behind is everything that made one speaker sound at one moment.
type Behind struct {
	Playback
	Pole      speaker.Pole
	From      *Bulletin // nil for a warrant this node did not make
	Approvals []Approval
	Warrant   *wire.Warrant
	Plan      *wire.Plan // the last one made before, if it names the slot
	PlanHash  string
	Policies  []Held // in force then
	Placement string // hash of what the box holds
}

// Held is a policy and the hash it is known by.
type Held struct {
	wire.Policy
	Hash string
}

// Behind finds what stood behind one line of a speaker's log.
func (f *Flow) Behind(ctx context.Context, who loa.Actor, box string, n int64) (e Behind, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		e = Behind{}
		var commune loa.Path
		var verified int
		err := tx.Row(`SELECT playback.box_id, playback.n, playback.slot, playback.warrant, playback.bulletin_id, playback.planned,
				playback.started, playback.ms, playback.skew_us, playback.volume, playback.result, playback.why, playback.clock,
				playback.verified, playback.degree, playback.received_at, pole.code, pole.path, pole.name, box.path
			FROM playback JOIN box ON box.id = playback.box_id JOIN pole ON pole.id = box.pole_id
			WHERE playback.box_id = ? AND playback.n = ?`, box, n).
			Scan(&e.Box, &e.N, &e.Slot, &e.Playback.Warrant, &e.Bulletin, &e.Planned, &e.Started, &e.MS, &e.SkewUS, &e.Volume,
				&e.Result, &e.Why, &e.Clock, &verified, &e.Degree, &e.Received, &e.Pole.Code, &e.Pole.Path, &e.Pole.Name, &commune)
		if errors.Is(err, db.ErrNone) {
			return loa.Errorf(loa.NotFound, "playback.unknown")
		}
		if err != nil {
			return err
		}
		if err := who.Must(loa.RightRead, e.Pole.Path); err != nil {
			return err
		}
		e.Verified = verified == 1
		return e.trace(tx, commune)
	})
	if err != nil {
		return Behind{}, fmt.Errorf("read evidence: %w", err)
	}
	return e, nil
}

// trace follows the line back from speaker to author.
func (e *Behind) trace(tx *db.Tx, commune loa.Path) error {
	if e.Bulletin != "" {
		b, err := load(tx, e.Bulletin)
		if err != nil {
			return err
		}
		e.From, e.Title = &b, b.Title
		if e.Approvals, err = approvals(tx, b.ID, loa.Hash(b.Payload)); err != nil {
			return err
		}
	}
	if sealed, err := speaker.DocumentTx(tx, e.Playback.Warrant); err == nil {
		o, err := seal.Open(sealed, seal.MaxDocument)
		if err != nil {
			return err
		}
		w, err := wire.ReadWarrant(o.Payload)
		if err != nil {
			return err
		}
		e.Warrant = &w
	} else if loa.CodeOf(err) != loa.NotFound {
		return err
	}
	at := max(e.Planned, e.Started)
	hash, payload, err := lastDocument(tx, wire.PlanType, commune, at)
	if err != nil {
		return err
	}
	if payload != nil {
		plan, err := wire.ReadPlan(payload)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(plan.Slots, func(s wire.Slot) bool { return s.ID == e.Slot }) {
			e.Plan, e.PlanHash = &plan, hash
		}
	}
	up := e.Pole.Path.Up()
	slices.Reverse(up)
	for _, path := range up {
		hash, payload, err := lastDocument(tx, wire.PolicyType, path, at)
		if err != nil {
			return err
		}
		if payload == nil {
			continue
		}
		p, err := wire.ReadPolicy(payload)
		if err != nil {
			return err
		}
		e.Policies = append(e.Policies, Held{p, hash})
	}
	return nil
}

// lastDocument is the newest document of a kind for a place that was made before
// a moment; nil if there was none.
func lastDocument(tx *db.Tx, kind string, path loa.Path, before int64) (hash string, payload []byte, err error) {
	var sealed []byte
	err = tx.Row(`SELECT hash, body FROM document WHERE type = ? AND path = ? AND made_at <= ? ORDER BY made_at DESC LIMIT 1`,
		kind, path, before).Scan(&hash, &sealed)
	if errors.Is(err, db.ErrNone) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, fmt.Errorf("read document: %w", err)
	}
	o, err := seal.Open(sealed, wire.MaxPlan)
	if err != nil {
		return "", nil, err
	}
	return hash, o.Payload, nil
}
