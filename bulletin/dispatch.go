package bulletin

// Stage 5 of 7: dispatch. Before: schedule.go. After: the speaker, package
// edge (stage 6), then playback.go.

import (
	"context"
	"fmt"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/speaker"
	"loa/wire"
)

// justBegan is how long, in milliseconds, a slot stays in the plan after its
// start, so that a new plan never cuts one that is sounding.
const justBegan = 30 * 60_000

// Dispatch (chuyển xuống cụm loa) writes the plan of every commune the bulletin
// means and one row that says whom it meant. The plan leaves with the commit.
func (f *Flow) Dispatch(ctx context.Context, id string) (Bulletin, error) {
	return f.step(ctx, loa.System(), id, dispatch, func(tx *db.Tx, b *Bulletin) (journal.Entry, error) {
		slots, err := slotsOf(tx, b.ID)
		if err != nil {
			return journal.Entry{}, err
		}
		meant, err := speaker.Meant(tx, b.placesIn(communesOf(slots)))
		if err != nil {
			return journal.Entry{}, err
		}
		versions, emits, err := f.plans(tx, communesOf(slots), b.ID, "")
		if err != nil {
			return journal.Entry{}, err
		}
		if _, err := tx.Exec(`INSERT INTO dispatch (id, bulletin_id, warrant, plans, meant, at) VALUES (?, ?, ?, ?, ?, ?)`,
			loa.NewID(tx.Now()), b.ID, b.Warrant, strings.Join(versions, "\n"), strings.Join(meant, "\n"), tx.NowMS()); err != nil {
			return journal.Entry{}, err
		}
		return journal.Entry{Data: map[string]any{"plans": versions, "meant": len(meant)}, Emits: emits}, nil
	})
}

func communesOf(slots []slot) []loa.Path {
	var all []loa.Path
	for _, s := range slots {
		if len(all) == 0 || all[len(all)-1] != s.Commune {
			all = append(all, s.Commune)
		}
	}
	return all
}

// plans arranges the sessions of each commune anew and writes its complete plan
// from all that stands in them for the life of a plan: what fell out for a
// bulletin that went may come in again, and without bulletins there is no tune. coming and going name the bulletin that this
// transaction dispatches or takes back, as its new state is not stored yet.
func (f *Flow) plans(tx *db.Tx, communes []loa.Path, coming, going string) (versions []string, emits []journal.Emit, err error) {
	for _, c := range communes {
		if err := holdStation(tx, c); err != nil {
			return nil, nil, err
		}
		if err := f.rearrange(tx, c); err != nil {
			return nil, nil, err
		}
		slots, err := planSlots(tx, c, tx.NowMS()-justBegan, tx.Now().Add(speaker.PlanLife).UnixMilli(), coming, going)
		if err != nil {
			return nil, nil, err
		}
		version, emit, err := speaker.WritePlan(tx, f.Keys, c, slots)
		if err != nil {
			return nil, nil, err
		}
		versions = append(versions, fmt.Sprintf("%s %d", c, version))
		emits = append(emits, emit)
	}
	return versions, emits, nil
}

// planSlots is what a commune's plan holds between two moments. The preview asks
// it too, so that a page shows what the speakers are told.
func planSlots(tx *db.Tx, commune loa.Path, from, until int64, coming, going string) ([]wire.Slot, error) {
	due, err := dueSlots(tx, commune, from, until, coming, going)
	if err != nil {
		return nil, err
	}
	slots := make([]wire.Slot, len(due))
	for i, s := range due {
		slots[i] = wire.Slot{ID: s.ID, Warrant: s.Warrant, Start: s.Start, Repeat: s.Repeat, Poles: s.Poles}
	}
	return slots, nil
}

// Undispatched lists scheduled bulletins whose plan is still missing: the work
// of the job that finishes what a crash left between two stages.
func (f *Flow) Undispatched(ctx context.Context) (ids []string, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		ids, err = idsIn(tx, Scheduled)
		return err
	})
	return ids, err
}

// Roll writes anew the plans that grow old, so that every device holds the
// coming 72 hours even in a week without changes.
func (f *Flow) Roll(ctx context.Context) error {
	var communes []string
	err := f.DB.Read(ctx, func(tx *db.Tx) (err error) {
		communes, err = db.All(tx, `SELECT commune.path FROM commune JOIN document ON document.hash = commune.plan
			WHERE document.made_at < ?`, []any{tx.Now().Add(-speaker.PlanLife / 3).UnixMilli()},
			func(scan func(...any) error) (s string, err error) { return s, scan(&s) })
		return err
	})
	if err != nil {
		return fmt.Errorf("roll plans: %w", err)
	}
	for _, c := range communes {
		if err := f.Replan(ctx, loa.Path(c)); err != nil {
			return err
		}
	}
	return nil
}

// Replan writes one commune's plan anew.
func (f *Flow) Replan(ctx context.Context, commune loa.Path) error {
	var row string
	var entry journal.Entry
	err := f.DB.Write(ctx, func(tx *db.Tx) error {
		versions, emits, err := f.plans(tx, []loa.Path{commune}, "", "")
		if err != nil {
			return err
		}
		entry = journal.Entry{Verb: "plan.made", Path: commune, Subject: string(commune),
			Data: map[string]any{"plans": versions, "at": tx.Now().Format(time.RFC3339)}, Emits: emits}
		row, err = journal.Append(tx, loa.System(), entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("plan %s: %w", commune, err)
	}
	f.Said(row, entry)
	return nil
}
