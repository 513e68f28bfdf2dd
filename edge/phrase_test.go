package edge

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"loa"
	"loa/wire"
)

// alarmed is a town with a phrase set, and an agent that has it whole.
func alarmed(t *testing.T) (n *town, a *agent, set wire.PhraseSet) {
	n = newTown(t)
	siren, prefix, flood := tone(t, "1", "700"), tone(t, "0.5", "300"), tone(t, "1.5", "500")
	n.with(func() { set = n.phraseSet(1, siren, prefix, flood) })
	a, _ = n.run(n.config(t.TempDir()), thisMachine())
	until(t, "the phrases are whole", func() bool { return a.keep.now().Phrases.Hash != "" })
	return n, a, set
}

func (n *town) length(l wire.Line, least, most int64) {
	n.t.Helper()
	if l.MS < least || l.MS > most {
		n.t.Errorf("it sounded %d ms, not %d to %d", l.MS, least, most)
	}
}

// TestAlarmBeforeItsSound: the siren begins from the disk while the alarm's own
// sound is not there, the hazard's phrase stands in for it, and the alarm sounds
// whole once it has come.
func TestAlarmBeforeItsSound(t *testing.T) {
	t.Parallel()
	n, _, _ := alarmed(t)
	voice := tone(t, "2", "440")
	var hash string
	n.with(func() {
		hash = n.urgent(voice, func(w *wire.Warrant) { w.Hazard = "lu" })
		delete(n.media, loa.Hash(voice))
	})
	l := n.line()
	if l.Warrant != hash || l.Result != wire.Played || l.Why != "media.missing" {
		t.Errorf("line %+v", l)
	}
	n.length(l, 2500, 2700) // siren and flood
	n.with(func() { n.media[loa.Hash(voice)] = voice })
	l = n.line()
	if l.Warrant != hash || l.Result != wire.Played || l.Why != "" {
		t.Errorf("line %+v", l)
	}
	n.length(l, 3000, 3250) // siren and voice
}

// TestAlarmInTime: media that comes while the siren sounds follows it, in one go.
func TestAlarmInTime(t *testing.T) {
	t.Parallel()
	n, a, _ := alarmed(t)
	voice := tone(t, "2", "440")
	var hash string
	n.with(func() { hash = n.urgent(voice, func(w *wire.Warrant) { w.Hazard = "lu" }) })
	l := n.line()
	if l.Warrant != hash || l.Result != wire.Played || l.Why != "" {
		t.Errorf("line %+v", l)
	}
	n.length(l, 3000, 3250)
	if len(a.keep.now().Pending) != 0 {
		t.Error("it would sound again")
	}
}

// TestPhrasesWithoutNode: an alarm of phrases needs nothing but its own bytes;
// without one of them the others sound, and without the siren's file, too.
func TestPhrasesWithoutNode(t *testing.T) {
	t.Parallel()
	n, a, set := alarmed(t)
	alarm := func(phrases ...string) []byte {
		n.seq++
		return n.seal(wire.WarrantType, n.warrant(nil, func(w *wire.Warrant) {
			w.Kind, w.Class, w.Now, w.Seq, w.Phrases = wire.Phrase, wire.Emergency, true, n.seq, phrases
			w.Plays, w.PlaysDay, w.Speech = 0, 0, ""
		}), n.authority)
	}
	sounds := func(what string, b []byte, least, most int64) {
		t.Helper()
		n.with(func() { n.away = true })
		a.nows <- b
		until(t, what, func() bool { _, on := a.keep.now().Sounding[loa.Hash(b)]; return on })
		n.with(func() { n.away = false })
		l := n.line()
		if l.Warrant != loa.Hash(b) || l.Result != wire.Played {
			t.Errorf("%s: %+v", what, l)
		}
		n.length(l, least, most)
	}
	var bytes []byte
	n.with(func() { bytes = alarm("siren", "lu", "siren") })
	sounds("siren, flood, siren", bytes, 3500, 3750)
	n.with(func() { bytes = alarm("siren", "bao") })
	sounds("a storm nobody recorded", bytes, 1000, 1150)
	siren, _ := set.Entry(wire.SirenPhrase)
	n.with(func() { delete(n.media, siren.Media.Hash) }) // not to be fetched again
	if err := os.WriteFile(filepath.Join(a.cfg.Dir, "media", siren.Media.Hash), make([]byte, siren.Media.Bytes), 0o600); err != nil {
		t.Fatal(err)
	}
	n.with(func() { bytes = alarm("siren", "lu") })
	sounds("a siren whose file is damaged", bytes, 1500, 1650)
}

// TestExerciseSaysSo: every exercise opens with the prefix, which no warrant
// carries; without it an exercise is silent.
func TestExerciseSaysSo(t *testing.T) {
	t.Parallel()
	n, a, set := alarmed(t)
	voice := tone(t, "1", "440")
	drill := func(w *wire.Warrant) { w.Class = wire.Exercise }
	n.with(func() { n.urgent(voice, drill) })
	l := n.line()
	if l.Result != wire.Played || l.Volume != 80 {
		t.Errorf("line %+v", l)
	}
	n.length(l, 1500, 1650)
	prefix, _ := set.Entry(wire.ExercisePrefix)
	n.with(func() { delete(n.media, prefix.Media.Hash) })
	if err := a.keep.dropMedia(prefix.Media.Hash); err != nil {
		t.Fatal(err)
	}
	n.with(func() { n.urgent(voice, drill) })
	if l := n.line(); l.Result != wire.Refused || l.Why != "phrase.missing" || l.MS != 0 {
		t.Errorf("without its prefix: %+v", l)
	}
	n.with(func() { n.urgent(voice, nil) }) // an alarm is not kept waiting for a drill's prefix
	if l := n.line(); l.Result != wire.Played {
		t.Errorf("an alarm: %+v", l)
	}
}

// TestPhrasesStay: a disk that gives up everything it can still has the phrases;
// a newer set takes over once it is whole; an older one never does.
func TestPhrasesStay(t *testing.T) {
	t.Parallel()
	n, a, set := alarmed(t)
	first := a.keep.now().Phrases.Hash
	longer := tone(t, "2", "700")
	n.with(func() {
		n.phraseSet(2, longer, tone(t, "0.5", "300"), tone(t, "1.5", "500"))
		delete(n.media, loa.Hash(longer))
	})
	until(t, "the next set is named", func() bool { return a.keep.now().Phrases.Next != "" })
	if got := a.keep.now().Phrases.Hash; got != first {
		t.Error("half a set is used")
	}
	n.with(func() { n.media[loa.Hash(longer)] = longer })
	nudge(a.want)
	until(t, "the next set is used", func() bool { return a.keep.now().Phrases.Hash != first })
	second := a.keep.now().Phrases.Hash
	n.with(func() { n.phraseSet(1, longer, longer, longer) })
	number := a.keep.now().Beacon.Number
	until(t, "a beacon more", func() bool { nudge(a.pull); return a.keep.now().Beacon.Number > number })
	if st := a.keep.now().Phrases; st.Hash != second || st.Next != "" {
		t.Errorf("an older set was taken: %+v", st)
	}
	needed := map[string]bool{}
	sounds := a.phraseSounds(needed)
	if len(sounds) != len(set.Entries) || !needed[second] {
		t.Fatalf("%d sounds are needed", len(sounds))
	}
	if err := a.keep.clean(needed, 0); err != nil {
		t.Fatal(err)
	}
	for _, m := range sounds {
		if !a.keep.hasMedia(m.Hash) {
			t.Error("a phrase was given up")
		}
	}
}

// TestSirenLatency measures from the sealed bytes of an alarm at the device to
// the first sample of its siren at the output, while its own sound is missing.
//
//	go test ./edge -run TestSirenLatency -v
func TestSirenLatency(t *testing.T) {
	n, a, _ := alarmed(t)
	voice := tone(t, "1", "440")
	var all []time.Duration
	for range 25 {
		var b []byte
		n.with(func() {
			hash := n.urgent(voice, func(w *wire.Warrant) { w.Hazard = "lu" })
			delete(n.media, loa.Hash(voice))
			b = n.docs[hash]
			n.beacon.Now = []string{} // pushed, not pulled
		})
		from := micros()
		a.nows <- b
		var started int64
		until(t, "it sounds", func() bool { started = a.keep.now().Sounding[loa.Hash(b)].Started; return started > 0 })
		all = append(all, time.Duration(started*1000-from)*time.Microsecond)
	}
	slices.Sort(all)
	t.Logf("sealed bytes to the first sample of the siren: p50 %v, most %v, of %d alarms; %v of it the output holds ahead",
		all[len(all)/2], all[len(all)-1], len(all), lead)
	if all[len(all)/2] > 2*time.Second {
		t.Error("half a sound's download would be quicker")
	}
}
