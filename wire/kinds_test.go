package wire_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"loa"
	"loa/seal"
	"loa/wire"
)

func media(of string, ms int64) wire.Media {
	return wire.Media{Hash: hash(of), Bytes: ms * 8, MS: ms, Form: wire.CanonicalForm}
}

// phrase is an alarm that needs no download.
func phrase() wire.Warrant {
	w := siren()
	w.Kind, w.ID, w.Seq = wire.Phrase, id("h1"), 43
	w.Media, w.Plays, w.PlaysDay, w.Speech = nil, 0, 0, ""
	w.Phrases = []string{"siren", "lu"}
	return w
}

// relay is half an hour of the province's radio in a session.
func relay() wire.Warrant {
	w := play()
	w.Kind, w.ID, w.Title = wire.Stream, id("r1"), "Tiếp âm đài tỉnh"
	w.Media, w.Speech, w.Mount, w.Length = nil, "", "dai-tinh", 30*minute
	return w
}

// live is a microphone, now.
func live() wire.Warrant {
	w := relay()
	w.ID, w.Title, w.Mount, w.Now, w.Seq = id("v1"), "Phát trực tiếp", "truc-tiep-97001", true, 44
	w.PlaysDay, w.Plays = 1, 1
	return w
}

// setting turns two poles down.
func setting() wire.Warrant {
	w := play()
	w.Kind, w.ID, w.Title = wire.Set, id("c1"), "Đặt âm lượng"
	w.Media, w.Plays, w.PlaysDay, w.Cap, w.Speech = nil, 0, 0, 0, ""
	w.Now, w.Seq = true, 45
	w.Setting, w.Poles = &wire.Setting{Volume: 60}, []string{"HA-01", "HA-02"}
	return w
}

func phrases() wire.PhraseSet {
	return wire.PhraseSet{
		Kind: "phrases", Path: province, Version: 3, From: today(), Until: today() + 365*day,
		Entries: []wire.PhraseEntry{
			{ID: "siren", Media: media("siren", 7200)},
			{ID: "exercise", Media: media("exercise", 3600), Text: "Đây là diễn tập."},
			{ID: "lu", Media: media("flood", 9000), Text: "Nước sông lên nhanh. Bà con rời chỗ thấp ngay."},
		},
	}
}

func deviceLog() wire.Log {
	return wire.Log{Kind: "log", Device: id("d1"), At: today() + 8*hour, Warrant: hash("warrant"), Lines: []string{"beacon heard", "đĩa đầy"}}
}

func rotation(from, to seal.Root) seal.Rotation {
	to.Version = from.Version + 1
	return seal.Rotation{Kind: "root", From: from.Fingerprint(), Root: to}
}

// nation is the root that a province's own gives way to.
func nation() seal.Root {
	return seal.Root{Name: "Gốc quốc gia", Keys: []string{text("nation 1"), text("nation 2"), text("nation 3")}, Threshold: 2, Demo: true}
}

// writeKinds makes the warrants that are neither play nor stop.
func writeKinds(s scribe) {
	kind := func(of func() wire.Warrant) func(string, string, func(*wire.Warrant), ...option) {
		return func(name, expected string, change func(*wire.Warrant), options ...option) {
			w := of()
			if change != nil {
				change(&w)
			}
			s.add(name, expected, w, options...)
		}
	}
	urgent, cached, relayed, spoken, set := kind(siren), kind(phrase), kind(relay), kind(live), kind(setting)

	urgent("an emergency with a hazard", "ok", func(w *wire.Warrant) { w.Hazard = "lu" })
	urgent("an exercise with a hazard", "ok", func(w *wire.Warrant) { w.Class, w.Hazard = wire.Exercise, "lu" })
	urgent("a hazard that is the siren", "warrant.malformed", func(w *wire.Warrant) { w.Hazard = "siren" })
	urgent("a hazard that is the exercise", "warrant.malformed", func(w *wire.Warrant) { w.Hazard = "exercise" })
	urgent("a hazard in capitals", "warrant.malformed", func(w *wire.Warrant) { w.Hazard = "LU" })
	urgent("a hazard changed after it was sealed", "seal.unknown_key", func(w *wire.Warrant) { w.Hazard = "lu" }, after(repacked(`"lu"`, `"bao"`)))
	s.add("a normal bulletin with a hazard", "warrant.malformed", play(), written(`"plays_day"`, `"hazard":"lu","plays_day"`))

	cached("phrases", "ok", nil)
	cached("phrases of an exercise", "ok", func(w *wire.Warrant) { w.Class = wire.Exercise })
	cached("phrases under two of three keys", "ok", nil, under("two keys"), by("second", "third"))
	cached("phrases under one of three keys", "seal.unknown_key", nil, under("two keys"), by("second"))
	cached("phrases by a key for normal bulletins", "seal.wrong_class", nil, under("normal only"))
	cached("phrases by the dispatch key", "seal.wrong_role", nil, by("dispatch"))
	cached("normal phrases", "warrant.malformed", func(w *wire.Warrant) { w.Class = wire.Normal })
	cached("phrases that wait for a plan", "warrant.malformed", func(w *wire.Warrant) { w.Now, w.Seq = false, 0 })
	cached("no phrases", "warrant.malformed", func(w *wire.Warrant) { w.Phrases = nil })
	cached("nine phrases", "warrant.malformed", func(w *wire.Warrant) { w.Phrases = slices.Repeat([]string{"lu"}, 9) })
	cached("phrases with the prefix that the device adds", "warrant.malformed", func(w *wire.Warrant) { w.Phrases = []string{"exercise", "siren"} })
	cached("a phrase that is a path", "warrant.malformed", func(w *wire.Warrant) { w.Phrases = []string{"../lu"} })
	cached("phrases with a sound of their own", "warrant.malformed", func(w *wire.Warrant) { w.Media = play().Media })
	cached("phrases without a cap", "warrant.malformed", func(w *wire.Warrant) { w.Cap = 0 })
	cached("phrases with plays", "warrant.malformed", func(w *wire.Warrant) { w.Plays, w.PlaysDay = 1, 1 })
	cached("phrases with a weak approval", "warrant.weak_approval", func(w *wire.Warrant) { w.Approval = "weak" })
	cached("an exercise's phrases made an emergency's after they were sealed", "seal.unknown_key",
		func(w *wire.Warrant) { w.Class = wire.Exercise }, after(repacked(`"exercise"`, `"emergency"`)))

	relayed("a relay", "ok", nil)
	relayed("a relay of class priority", "ok", func(w *wire.Warrant) { w.Class = wire.Priority })
	relayed("a relay of four hours", "ok", func(w *wire.Warrant) { w.Length = 4 * hour })
	relayed("a relay above four hours", "warrant.malformed", func(w *wire.Warrant) { w.Length = 4*hour + 1 })
	relayed("a relay of no length", "warrant.malformed", func(w *wire.Warrant) { w.Length = 0 })
	relayed("a relay of an address", "warrant.malformed", func(w *wire.Warrant) { w.Mount = "http://elsewhere/" })
	relayed("a relay up a folder", "warrant.malformed", func(w *wire.Warrant) { w.Mount = ".." })
	relayed("a relay of nothing", "warrant.malformed", func(w *wire.Warrant) { w.Mount = "" })
	relayed("a relay of 65 letters", "warrant.malformed", func(w *wire.Warrant) { w.Mount = strings.Repeat("a", 65) })
	relayed("a relay with a sound", "warrant.malformed", func(w *wire.Warrant) { w.Media = play().Media })
	relayed("a relay that says how it is spoken", "warrant.malformed", func(w *wire.Warrant) { w.Speech = "recorded" })
	relayed("a relay of role music", "warrant.malformed", func(w *wire.Warrant) { w.Role = wire.Music })
	relayed("a relay's mount changed after it was sealed", "seal.unknown_key", nil, after(repacked(`"dai-tinh"`, `"dai-dich"`)))
	relayed("a relay with a mount in an emergency that waits", "warrant.malformed", func(w *wire.Warrant) { w.Class = wire.Emergency })
	spoken("live", "ok", nil)
	spoken("live, an emergency", "ok", func(w *wire.Warrant) { w.Class = wire.Emergency })
	spoken("live without a number", "warrant.malformed", func(w *wire.Warrant) { w.Seq = 0 })
	spoken("live by the sibling commune's key", "seal.wrong_path", nil, by("sibling"))
	spoken("live without plays", "warrant.malformed", func(w *wire.Warrant) { w.Plays, w.PlaysDay = 0, 0 })

	set("a volume", "ok", nil)
	set("lines of the log", "ok", func(w *wire.Warrant) { w.Setting = &wire.Setting{Logs: 500} })
	set("a restart", "ok", func(w *wire.Warrant) { w.Setting, w.Poles = &wire.Setting{Restart: true}, nil })
	set("a volume of 101", "warrant.malformed", func(w *wire.Warrant) { w.Setting.Volume = 101 })
	set("a volume below nought", "warrant.malformed", func(w *wire.Warrant) { w.Setting.Volume = -1 })
	set("501 lines of the log", "warrant.malformed", func(w *wire.Warrant) { w.Setting = &wire.Setting{Logs: 501} })
	set("two settings at once", "warrant.malformed", func(w *wire.Warrant) { w.Setting.Restart = true })
	set("a setting of nothing", "warrant.malformed", func(w *wire.Warrant) { w.Setting = &wire.Setting{} })
	set("no setting", "warrant.malformed", func(w *wire.Warrant) { w.Setting = nil })
	set("a setting no reader knows", "document.unknown_key", nil, written(`"volume":60`, `"gain":60`))
	set("an emergency's setting", "warrant.malformed", func(w *wire.Warrant) { w.Class = wire.Emergency })
	set("a setting that waits for a plan", "warrant.malformed", func(w *wire.Warrant) { w.Now, w.Seq = false, 0 })
	set("a setting with a cap", "warrant.malformed", func(w *wire.Warrant) { w.Cap = 90 })
	set("a setting with a sound", "warrant.malformed", func(w *wire.Warrant) { w.Media = play().Media })
	set("a setting that stops", "warrant.malformed", func(w *wire.Warrant) { w.Stops = []string{hash("warrant")} })
	set("65 poles", "warrant.malformed", func(w *wire.Warrant) { w.Poles = slices.Repeat([]string{"HA-01"}, 65) })
	set("a pole without a code", "warrant.malformed", func(w *wire.Warrant) { w.Poles = []string{""} })
	set("a setting by the beacon key", "seal.wrong_role", nil, by("beacon"))
	set("a setting for the sibling", "seal.wrong_path", func(w *wire.Warrant) { w.Scope[0].Path = sibling })
	set("a volume raised after it was sealed", "seal.unknown_key", nil, after(repacked(`"volume":60`, `"volume":99`)))
	s.add("a play that sets", "warrant.malformed", play(), written(`"plays_day"`, `"setting":{"volume":60},"plays_day"`))
	s.add("a play that relays", "warrant.malformed", play(), written(`"plays_day"`, `"mount":"dai-tinh","plays_day"`))
	s.add("a play of phrases", "warrant.malformed", play(), written(`"plays_day"`, `"phrases":["siren"],"plays_day"`))
	s.add("a play for poles", "warrant.malformed", play(), written(`"plays_day"`, `"poles":["HA-01"],"plays_day"`))
	s.add("a stop of a mount", "warrant.malformed", halt(), written(`"stops"`, `"mount":"dai-tinh","stops"`))

	area := func(name, expected string, points ...wire.Point) {
		w := play()
		w.Scope[0].Area = &wire.Area{Polygon: points}
		s.add(name, expected, w)
	}
	pt := func(lat, lon int64) wire.Point { return wire.Point{Lat: lat * 1e6, Lon: lon * 1e6} }
	area("a polygon over the date line", "scope.malformed", pt(10, 170), pt(10, -170), pt(20, 170))
	area("a polygon whose last edge goes over the date line", "scope.malformed", pt(10, 170), pt(15, 0), pt(20, -170))
	area("a polygon half way round", "ok", pt(10, -90), pt(10, 90), pt(20, 0))
	area("a polygon that crosses itself", "ok", pt(0, 0), pt(10, 10), pt(10, 0), pt(0, 10))
	area("a polygon of one point", "ok", pt(1, 1), pt(1, 1), pt(1, 1))
	area("a polygon of two corners", "scope.malformed", pt(0, 0), pt(1, 1))
	circle := func(name, expected string, radius int64) {
		w := play()
		w.Scope[0].Area = &wire.Area{Centre: &wire.Point{Lat: 20e6, Lon: 105e6}, Radius: radius}
		s.add(name, expected, w)
	}
	circle("a circle of a metre", "ok", 1)
	circle("a circle of 100 km", "ok", 100_000)
	circle("a circle of nought", "scope.malformed", 0)
	circle("a circle below nought", "scope.malformed", -1)
	circle("a circle above 100 km", "scope.malformed", 100_001)
}

func writePhrases(s scribe) {
	with := func(name, expected string, change func(*wire.PhraseSet), options ...option) {
		p := phrases()
		change(&p)
		s.add(name, expected, p, options...)
	}
	s.add("a province's phrases", "ok", phrases())
	with("a commune's own", "ok", func(p *wire.PhraseSet) { p.Path = here }, by("commune"))
	with("two of three keys", "ok", func(p *wire.PhraseSet) { p.Path = here }, by("commune", "second"), under("two keys"))
	with("one of three keys", "seal.unknown_key", func(p *wire.PhraseSet) { p.Path = here }, by("commune"), under("two keys"))
	s.add("the province's by a commune", "seal.wrong_path", phrases(), by("commune"))
	s.add("the dispatch key", "seal.wrong_role", phrases(), by("dispatch"))
	s.add("a stranger's key", "seal.unknown_key", phrases(), by("stranger"))
	s.add("sealed as a policy", "document.wrong_type", phrases(), as(wire.PolicyType))
	s.add("after its key's delegation", "seal.wrong_date", phrases(), at(today()+365*day))
	s.add("another siren put in after it was sealed", "seal.unknown_key", phrases(), after(repacked(hash("siren"), hash("music"))))
	with("without a siren", "phrases.malformed", func(p *wire.PhraseSet) { p.Entries = p.Entries[1:] })
	with("without the prefix of an exercise", "phrases.malformed", func(p *wire.PhraseSet) { p.Entries = slices.Delete(p.Entries, 1, 2) })
	with("nothing but siren and prefix", "ok", func(p *wire.PhraseSet) { p.Entries = p.Entries[:2] })
	with("a phrase twice", "phrases.malformed", func(p *wire.PhraseSet) { p.Entries = append(p.Entries, p.Entries[2]) })
	with("a hazard without its text", "phrases.malformed", func(p *wire.PhraseSet) { p.Entries[2].Text = "" })
	with("a phrase of a minute", "ok", func(p *wire.PhraseSet) { p.Entries[2].Media.MS = 60_000 })
	with("a phrase above a minute", "phrases.malformed", func(p *wire.PhraseSet) { p.Entries[2].Media.MS = 60_001 })
	with("a phrase in another form", "phrases.malformed", func(p *wire.PhraseSet) { p.Entries[2].Media.Form = "opus-16" })
	with("a phrase in capitals", "phrases.malformed", func(p *wire.PhraseSet) { p.Entries[2].ID = "LU" })
	with("version nought", "phrases.malformed", func(p *wire.PhraseSet) { p.Version = 0 })
	with("until before from", "phrases.malformed", func(p *wire.PhraseSet) { p.Until = p.From })
	with("for the country", "seal.wrong_path", func(p *wire.PhraseSet) { p.Path = "vn" })
	with("33 phrases", "phrases.malformed", func(p *wire.PhraseSet) { p.Entries = manyPhrases(33) })
	with("32 phrases", "ok", func(p *wire.PhraseSet) { p.Entries = manyPhrases(32) })
}

func manyPhrases(n int) []wire.PhraseEntry {
	all := phrases().Entries[:2]
	for i := range n - 2 {
		all = append(all, wire.PhraseEntry{ID: fmt.Sprint("h", i), Media: media(fmt.Sprint(i), 9000), Text: "Rời chỗ thấp ngay."})
	}
	return all
}

func writeLogs(s scribe) {
	with := func(name, expected string, change func(*wire.Log), options ...option) {
		l := deviceLog()
		change(&l)
		s.add(name, expected, l, options...)
	}
	s.add("a log", "ok", deviceLog())
	with("an empty log", "ok", func(l *wire.Log) { l.Lines = []string{} })
	s.add("another device's key", "seal.unknown_key", deviceLog(), by("device 2"))
	s.add("sealed as a receipt", "document.wrong_type", deviceLog(), as(wire.ReceiptType))
	with("501 lines", "log.malformed", func(l *wire.Log) { l.Lines = slices.Repeat([]string{"a"}, 501) })
	with("a line above 400 bytes", "log.malformed", func(l *wire.Log) { l.Lines[0] = strings.Repeat("a", wire.MaxLogLine+1) })
	with("asked by nobody", "log.malformed", func(l *wire.Log) { l.Warrant = "" })
	s.add("a line changed after it was sealed", "seal.unknown_key", deviceLog(), after(repacked("heard", "HEARD")))
}

// writeRoots are rotations from the chain's root.
func writeRoots(s scribe) {
	from := demoRoot()
	both := by("root", "nation 1", "nation 3")
	with := func(name, expected string, change func(*seal.Rotation), options ...option) {
		r := rotation(from, nation())
		change(&r)
		s.add(name, expected, r, append([]option{both}, options...)...)
	}
	none := func(*seal.Rotation) {}
	with("a province joins the nation", "ok", none)
	with("all the keys there are", "ok", none, by("root", "nation 1", "nation 2", "nation 3"))
	with("the same key under another threshold and a second key", "ok", func(r *seal.Rotation) {
		r.Root.Keys, r.Root.Threshold = []string{text("root"), text("root 2")}, 1
	}, by("root"))
	with("from a root of three", "ok", func(r *seal.Rotation) {
		r.From, r.Root.Version = secondRoot().Fingerprint(), 5
		r.Root.Keys = []string{text("next")}
		r.Root.Threshold = 1
	}, under("a root of three, version 4"), by("nation 1", "nation 2", "next"))
	with("from a root of three by one of them", "seal.unknown_key", func(r *seal.Rotation) {
		r.From, r.Root.Version = secondRoot().Fingerprint(), 5
		r.Root.Keys = []string{text("next")}
		r.Root.Threshold = 1
	}, under("a root of three, version 4"), by("nation 1", "next"))
	with("by the old root alone", "seal.unknown_key", none, by("root"))
	with("by the new root alone", "seal.unknown_key", none, by("nation 1", "nation 2"))
	with("by the old root and one of the new", "seal.unknown_key", none, by("root", "nation 1"))
	with("by the province's authority", "seal.unknown_key", none, by("province", "nation 1", "nation 2"))
	with("the same new key twice", "seal.form", none, after(reopened(func(e *seal.Envelope) { e.Signatures = append(e.Signatures, e.Signatures[0]) })))
	with("a replay: from a root that is gone", "root.not_next", none, under("after the rotation"))
	with("a fork: from the root before", "root.not_next", func(r *seal.Rotation) { r.Root.Keys[0] = text("usurper") },
		under("after the rotation"), by("root", "usurper", "nation 2"))
	with("two steps at once", "root.not_next", func(r *seal.Rotation) { r.Root.Version = 2 })
	with("no step", "root.malformed", func(r *seal.Rotation) { r.Root.Version = 0 })
	with("from another root", "root.not_next", func(r *seal.Rotation) { r.From = hash("root") })
	with("a demonstration made real", "root.demo", func(r *seal.Rotation) { r.Root.Demo = false })
	with("a threshold above its keys", "delegation.malformed", func(r *seal.Rotation) { r.Root.Threshold = 4 })
	with("a new key twice", "delegation.malformed", func(r *seal.Rotation) { r.Root.Keys[1] = r.Root.Keys[0] })
	with("a new key that is none", "key.malformed", func(r *seal.Rotation) { r.Root.Keys[1] = "none" })
	with("version 1 of the document", "root.malformed", func(r *seal.Rotation) { r.V = 1 })
	with("another kind", "root.malformed", func(r *seal.Rotation) { r.Kind = "rotation" })
	with("sealed as a delegation", "document.wrong_type", none, as(seal.DelegationType))
	with("its threshold lowered after it was sealed", "seal.unknown_key", none, after(repacked(`"threshold":2`, `"threshold":1`)))
	with("a byte after the end", "document.trailing", none, after(func(b []byte) []byte { return append(b, 0) }))
}

func secondRoot() seal.Root {
	r := nation()
	r.Version = 4
	return r
}

func decideCue(in []byte) (string, error) {
	var q struct {
		Warrant wire.Warrant
		Have    []string // phrases on disk
		Media   string   // the warrant's own: "whole", or "missing" for damaged, too
	}
	if err := question(in, &q); err != nil {
		return "", err
	}
	steps, why := wire.Cue(q.Warrant, func(id string) bool { return slices.Contains(q.Have, id) }, q.Media == "whole")
	if why != "" {
		return why, nil
	}
	return strings.Join(steps, " "), nil
}

func decideSetting(in []byte) (string, error) {
	var q struct {
		Scope []wire.Place
		Poles []string
		Paths []loa.Path
		Code  string
	}
	if err := question(in, &q); err != nil {
		return "", err
	}
	if wire.SettingFor(wire.Warrant{Scope: q.Scope, Poles: q.Poles}, wire.Placement{Paths: q.Paths, Code: q.Code}) {
		return "mine", nil
	}
	return "not mine", nil
}

func decideLoudness(in []byte) (string, error) {
	var q struct {
		Class                              wire.Class
		Allowed, Cap, Pole, Installed, Set int
	}
	if err := question(in, &q); err != nil {
		return "", err
	}
	return fmt.Sprint("volume ", wire.Loudness(wire.Warrant{Class: q.Class, Cap: q.Cap}, wire.Placement{Cap: q.Pole}, q.Allowed, q.Installed, q.Set)), nil
}

// TestCueNeverMistaken tries every mixture: whatever is on disk, an exercise
// opens with its prefix or is silent, an alarm never says that it is an exercise,
// and an alarm is silent only where there is nothing at all to sound.
func TestCueNeverMistaken(t *testing.T) {
	all := []string{"siren", "exercise", "lu"}
	for mask := range 1 << len(all) {
		have := func(id string) bool { i := slices.Index(all, id); return i >= 0 && mask>>i&1 == 1 }
		for _, whole := range []bool{false, true} {
			for _, of := range []func() wire.Warrant{siren, phrase, live} {
				for _, hazard := range []string{"", "lu"} {
					w := of()
					w.Class = wire.Emergency
					if w.Kind == wire.Play {
						w.Hazard = hazard
					}
					alarm, why := wire.Cue(w, have, whole)
					if slices.Contains(alarm, "exercise") {
						t.Fatalf("%s: an alarm says it is an exercise: %v", w.Kind, alarm)
					}
					alarms := have("siren") || have("lu")
					nothing := w.Kind == wire.Play && !whole && (w.Hazard == "" || !alarms) || w.Kind == wire.Phrase && !alarms
					if (why != "") != nothing || (why != "") != (len(alarm) == 0) {
						t.Fatalf("%s with %03b on disk, media %v, hazard %q: %v %q", w.Kind, mask, whole, w.Hazard, alarm, why)
					}
					w.Class = wire.Exercise
					drill, why := wire.Cue(w, have, whole)
					if why == "" && (len(drill) < 2 || drill[0] != "exercise" || slices.Contains(drill[1:], "exercise")) {
						t.Fatalf("%s: an exercise sounds like an alarm: %v", w.Kind, drill)
					}
				}
			}
		}
	}
}

// FuzzReadPhrases: a set that is taken is bounded, has what every set has, and is
// the same when it is written again.
func FuzzReadPhrases(f *testing.F) {
	f.Add(encode(f, phrases()))
	f.Add([]byte(`{"v":0,"kind":"phrases","path":"vn","version":1,"from":1,"until":2,"entries":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := wire.ReadPhrases(b)
		if err != nil {
			return
		}
		var ms int64
		for _, e := range got.Entries {
			ms += e.Media.MS
		}
		_, siren := got.Entry(wire.SirenPhrase)
		_, prefix := got.Entry(wire.ExercisePrefix)
		if !siren || !prefix || len(got.Entries) > 32 || ms > 32*60_000 {
			t.Fatalf("not bounded: %+v", got)
		}
		if _, err := wire.ReadPhrases(encode(t, got)); err != nil {
			t.Fatalf("written again it is refused: %v", err)
		}
	})
}

// FuzzFollow: nothing that comes from outside moves a root but a rotation that
// both roots sealed.
func FuzzFollow(f *testing.F) {
	good := sealed(f, seal.RootType, encode(f, rotation(demoRoot(), nation())), key("root"), key("nation 1"), key("nation 3"))
	f.Add(good)
	f.Add(sealed(f, seal.RootType, encode(f, rotation(demoRoot(), nation())), key("root")))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := seal.Follow(demoRoot(), b)
		if err == nil && (got.Version != 1 || !got.Demo || loa.Hash(b) != loa.Hash(good)) {
			t.Fatalf("moved to %+v", got)
		}
	})
}

// FuzzReadWarrant: a warrant that is taken is bounded in what it makes a device
// do, and is the same when it is written again.
func FuzzReadWarrant(f *testing.F) {
	for _, w := range []wire.Warrant{play(), siren(), halt(), phrase(), relay(), live(), setting()} {
		f.Add(encode(f, w))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := wire.ReadWarrant(b)
		if err != nil {
			return
		}
		if w.Cap > 100 || w.MS() > 4*hour || w.Setting != nil && (w.Setting.Volume > 100 || w.Setting.Logs > 500) || len(w.Mount) > 64 {
			t.Fatalf("not bounded: %+v", w)
		}
		if w.Class == wire.Emergency && !w.Now || w.Kind == wire.Phrase && w.Class != wire.Emergency && w.Class != wire.Exercise {
			t.Fatalf("a kind and a class that do not go together: %+v", w)
		}
		if _, err := wire.ReadWarrant(encode(t, w)); err != nil {
			t.Fatalf("written again it is refused: %v", err)
		}
	})
}
