package bulletin

// Beside the line: a pole kept silent for a while, and let sound again. The mute
// belongs to the register of speakers; it reaches them by the plan, so it is
// written here, where plans are made.

import (
	"context"
	"fmt"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/speaker"
)

// Mute (tạm ngưng cụm này đến…) silences one pole until a moment. What sounds
// there stops; an emergency sounds all the same. It ends by itself.
func (f *Flow) Mute(ctx context.Context, who loa.Actor, pole string, until time.Time, reason string) (m speaker.Mute, err error) {
	err = f.atPole(ctx, who, pole, "speaker.muted", func(tx *db.Tx) (any, error) {
		m, err = speaker.AddMute(tx, who, pole, until, reason)
		return map[string]any{"pole": pole, "from": m.From, "until": m.Until, "reason": m.Reason}, err
	})
	return m, err
}

// Unmute ends every mute of a pole now.
func (f *Flow) Unmute(ctx context.Context, who loa.Actor, pole string) error {
	return f.atPole(ctx, who, pole, "speaker.unmuted", func(tx *db.Tx) (any, error) {
		_, err := speaker.EndMute(tx, who, pole)
		return map[string]any{"pole": pole}, err
	})
}

// atPole changes something of one pole and writes its commune's plan with it.
func (f *Flow) atPole(ctx context.Context, who loa.Actor, pole, verb string, change func(tx *db.Tx) (any, error)) error {
	var row string
	var entry journal.Entry
	err := f.DB.Write(ctx, func(tx *db.Tx) error {
		p, err := speaker.PoleAt(tx, pole)
		if err != nil {
			return err
		}
		if err := holdStation(tx, p.Path.Commune()); err != nil {
			return err
		}
		data, err := change(tx)
		if err != nil {
			return err
		}
		_, emits, err := f.plans(tx, []loa.Path{p.Path.Commune()}, "", "")
		if err != nil {
			return err
		}
		entry = journal.Entry{Verb: verb, Path: p.Path, Subject: p.ID, Data: data, Emits: emits}
		row, err = journal.Append(tx, who, entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	f.Said(row, entry)
	return nil
}
