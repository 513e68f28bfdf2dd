package e2e

import (
	"slices"
	"testing"
	"time"

	"loa"
	"loa/wire"
)

// TestMute: a pole muted by the officer is in the commune's plan with the same
// commit, ends by itself or when somebody ends it, and stays as evidence.
func TestMute(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		d := w.placed(thon1, "Cổng chùa")
		code := w.placement(d.ID).Code
		two := w.clock.Now().Add(2 * time.Hour)
		_, err := w.flow.Mute(t.Context(), editor(), code, two, "Đám tang cạnh cột")
		w.ok(err)
		want := []wire.Mute{{Pole: code, From: w.now(), Until: two.UnixMilli()}}
		if got := w.plan(dongSay).Mutes; !slices.Equal(got, want) {
			t.Errorf("plan mutes %+v, want %+v", got, want)
		}
		again := func(until time.Time, why string) error {
			_, err := w.flow.Mute(t.Context(), editor(), code, until, why)
			return err
		}
		w.wants(again(two, "Đám tang"), loa.Conflict, "mute.already")
		w.wants(again(two.Add(time.Hour), " "), loa.Invalid, "mute.reason")
		w.wants(again(w.clock.Now(), "x"), loa.Invalid, "mute.until")
		w.wants(again(w.clock.Now().AddDate(0, 2, 0), "x"), loa.Invalid, "mute.until")
		w.wants(w.flow.Unmute(t.Context(), person("reader", "Đọc", dongSay, loa.RightRead), code), loa.Forbidden, "right.missing")
		_, err = w.flow.Mute(t.Context(), editor(), "NOBODY", two, "x")
		w.wants(err, loa.NotFound, "pole.unknown")

		w.tick()
		w.ok(again(two.Add(time.Hour), "Đám tang kéo dài"))
		w.clock.Turn(time.Minute)
		w.ok(w.flow.Unmute(t.Context(), editor(), code))
		if got := w.plan(dongSay).Mutes; len(got) != 0 {
			t.Errorf("after its end: %+v", got)
		}
		w.wants(w.flow.Unmute(t.Context(), editor(), code), loa.Conflict, "mute.none")
		kept, err := w.register.Mutes(t.Context(), province, start(), start().Add(time.Hour))
		w.ok(err)
		if len(kept) != 2 || kept[0].Reason != "Đám tang cạnh cột" || kept[1].Until-kept[1].From != time.Minute.Milliseconds() {
			t.Errorf("evidence %+v", kept)
		}
		if got := w.verbs(kept[0].Pole.ID); !slices.Equal(got, []string{"speaker.pole_added", "speaker.code_made", "speaker.muted", "speaker.muted", "speaker.unmuted"}) {
			t.Errorf("the book says %v", got)
		}
		// What is over leaves the plan by itself.
		w.ok(again(w.clock.Now().Add(time.Hour), "Thi"))
		w.clock.Turn(2 * time.Hour)
		w.ok(w.flow.Replan(t.Context(), dongSay))
		if got := w.plan(dongSay).Mutes; len(got) != 0 {
			t.Errorf("after its hour: %+v", got)
		}
	})
}

// TestMuteTogether: eight clicks at once mute a pole once.
func TestMuteTogether(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *station) {
		w.openStation(dongSay)
		code := w.placement(w.placed(thon1, "Cổng chùa").ID).Code
		until := w.clock.Now().Add(time.Hour)
		w.oneWins(together(8, func(int) error {
			_, err := w.flow.Mute(t.Context(), editor(), code, until, "Đám cưới")
			return err
		}), "mute.already")
		if got := w.plan(dongSay).Mutes; len(got) != 1 {
			t.Errorf("plan mutes %+v", got)
		}
	})
}
