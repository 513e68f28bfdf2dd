package e2e_test

import (
	"testing"
	"time"

	"loa"
	"loa/bulletin"
	"loa/e2e"
	"loa/sound"
	"loa/voice"
	"loa/wire"
)

// TestSessionHeard: real agents play a session in its order: tune, greeting, two
// bulletins, one of them twice, goodbye; the pole that is muted stays silent, and
// its log says why.
func TestSessionHeard(t *testing.T) {
	t.Parallel()
	town := e2e.Start(t, e2e.Options{Agents: 2})
	ctx, who, leader := t.Context(), town.Author.Actor(), town.Leader.Actor()
	f := town.Flow()
	f.Speech, f.Encoder = voice.Espeak{}, sound.Encoder{Dir: t.TempDir(), Self: e2e.Binary(t)}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	approved := func(n bulletin.Notice) bulletin.Bulletin {
		t.Helper()
		n.Path, n.Class, n.Scope, n.Until = e2e.Commune, wire.Normal, []loa.Path{e2e.Commune}, time.Now().Add(12*time.Hour)
		b, err := f.Draft(ctx, who, n)
		ok(err)
		b, err = f.Submit(ctx, who, b.ID)
		ok(err)
		ok(f.Hear(ctx, leader, b.ID, loa.Hash(b.Payload), bulletin.Read))
		_, err = f.Approve(ctx, leader, b.ID, town.Leader.Yes(b.Payload))
		ok(err)
		b, err = f.Sign(ctx, b.ID)
		ok(err)
		return b
	}
	tune := approved(bulletin.Notice{Title: "Nhạc hiệu", Text: "Đây là nhạc hiệu.", Role: wire.Tune})
	greeting := approved(bulletin.Notice{Title: "Lời chào", Text: "Kính chào bà con.", Role: wire.Greeting})
	goodbye := approved(bulletin.Notice{Title: "Lời kết", Text: "Cảm ơn bà con.", Role: wire.Goodbye})
	power := approved(bulletin.Notice{Title: "Cắt điện", Text: "Mai cắt điện.", Repeat: 1})
	clinic := approved(bulletin.Notice{Title: "Tiêm chủng", Text: "Mai tiêm chủng."})

	now := time.Now().In(loa.Zone())
	minute := now.Hour()*60 + now.Minute()
	frame := bulletin.Frame{Path: e2e.Commune, Part: bulletin.Evening, Name: "Buổi thử", From: minute, Until: min(24*60, minute+30), Days: []int{1, 2, 3, 4, 5, 6, 7}}
	if frame.Until-frame.From < 5 {
		t.Skip("five minutes before midnight no session fits into the day")
	}
	ok(f.SetFrame(ctx, who, frame))
	ok(f.SetStanding(ctx, who, e2e.Commune, frame.Part, []bulletin.Standing{{Kind: bulletin.KindTune, Bulletin: tune.ID},
		{Kind: bulletin.KindGreeting, Bulletin: greeting.ID}, {Kind: bulletin.KindBulletins}, {Kind: bulletin.KindGoodbye, Bulletin: goodbye.ID}}))
	muted := town.Agents[1]
	_, err := f.Mute(ctx, who, muted.Pole.Code, now.Add(time.Hour), "Đám tang")
	ok(err)
	choice := []bulletin.Choice{{Day: now.Format(time.DateOnly), Part: frame.Part}}
	for _, b := range []bulletin.Bulletin{power, clinic} {
		_, err := f.Schedule(ctx, who, b.ID, choice)
		ok(err)
		_, err = f.Dispatch(ctx, b.ID)
		ok(err)
	}
	lines := func() []bulletin.Playback {
		log, err := f.Log(ctx, leader, bulletin.LogQuery{Place: e2e.Commune, Limit: 100})
		ok(err)
		return log
	}
	town.Eventually("five lines of each speaker", 2*time.Minute, func() bool { return len(lines()) == 10 })
	var heard []string
	for _, p := range lines() { // the newest first
		if p.Box == town.Box(1).ID {
			if p.Result != wire.Refused || p.Why != wire.WhyMuted || p.Started != 0 {
				t.Errorf("the muted pole: %s %s %s", p.Title, p.Result, p.Why)
			}
			continue
		}
		if p.Result != wire.Played || !p.Verified {
			t.Errorf("%s: %s %s", p.Title, p.Result, p.Why)
		}
		if p.Bulletin == power.ID && p.MS < 2*power.MS() {
			t.Errorf("%s sounded for %d ms, one reading is %d", p.Title, p.MS, power.MS())
		}
		heard = append([]string{p.Title}, heard...)
	}
	want := []string{"Nhạc hiệu", "Lời chào", "Cắt điện", "Tiêm chủng", "Lời kết"}
	if !equal(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
	if n := muted.Horn.Sounds(); n != 0 {
		t.Errorf("the muted pole sounded %d times", n)
	}
}
