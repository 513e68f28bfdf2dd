package bulletin

// Beside the line: one pole kept silent for a while, let sound again, or tried
// with five seconds. Mutes belong to the register of speakers; they reach them
// by the plan, so they are written here, where plans are made.

import (
	"context"
	"fmt"
	"slices"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/speaker"
	"loa/wire"
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

// TestSound (phát thử 5 giây) plays the station's test sound at one pole, as
// soon as its box can have it, inside allowed hours and not while muted. The
// sound is a bulletin of the library with role test, approved as any other.
func (f *Flow) TestSound(ctx context.Context, who loa.Actor, pole string) (start int64, err error) {
	err = f.atPole(ctx, who, pole, "speaker.tested", func(tx *db.Tx) (any, error) {
		p, err := speaker.PoleAt(tx, pole)
		if err != nil {
			return nil, err
		}
		if err := who.Must(loa.RightSpeakers, p.Path); err != nil {
			return nil, err
		}
		b, err := testSoundFor(tx, p.Path)
		if err != nil {
			return nil, err
		}
		commune := p.Path.Commune()
		busy, err := itemsFrom(tx, commune, tx.NowMS()-time.Hour.Milliseconds())
		if err != nil {
			return nil, err
		}
		policies, err := speaker.Policies(tx, commune)
		if err != nil {
			return nil, err
		}
		it := b.item(tx)
		it.Kind, it.Chime, it.Poles = KindTest, false, []string{pole}
		it.Start = opening(busy, tx.NowMS()+f.Lead, it.MS)
		if err := b.allowed(policies, p.Path, it.Start); err != nil {
			return nil, err
		}
		mutes, err := speaker.MutesOf(tx, p.Path, it.Start, it.Start+it.MS)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(mutes, func(m speaker.Mute) bool { return m.Pole.Code == pole }) {
			return nil, loa.Errorf(loa.Conflict, wire.WhyMuted)
		}
		if err := b.countPlays(tx, slot{Commune: commune, Start: it.Start}); err != nil {
			return nil, err
		}
		start = it.Start
		day := time.UnixMilli(start).In(loa.Zone()).Format(time.DateOnly)
		return map[string]any{"pole": pole, "start": start, "bulletin": b.ID}, insertSlot(tx, commune, day+"/now", it, 0)
	})
	return start, err
}

// testSoundFor is the newest test sound that may be played at a place.
func testSoundFor(tx *db.Tx, at loa.Path) (Bulletin, error) {
	ids, err := db.All(tx, `SELECT id FROM bulletin WHERE role = 'test' AND warrant <> '' AND state IN ('sealed', 'scheduled', 'dispatched')
		AND from_ms <= ? AND until_ms > ? ORDER BY id DESC`, []any{tx.NowMS(), tx.NowMS()},
		func(scan func(...any) error) (id string, err error) { return id, scan(&id) })
	if err != nil {
		return Bulletin{}, err
	}
	for _, id := range ids {
		b, err := load(tx, id)
		if err != nil {
			return b, err
		}
		if slices.ContainsFunc(b.Scope, func(p loa.Path) bool { return p.Covers(at) }) {
			return b, nil
		}
	}
	return Bulletin{}, loa.Errorf(loa.Conflict, "test.no_sound")
}
