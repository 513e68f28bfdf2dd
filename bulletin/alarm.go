package bulletin

// Beside the line: an alarm (báo động), and its exercise (diễn tập). It stands in no
// session and waits for no plan: one person says what and where, two people approve
// the same bytes, and it sounds.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/speaker"
	"loa/unit"
	"loa/voice"
	"loa/wire"
)

// AlarmLife is how long an alarm may wait for its second person, and for a speaker
// that is away.
const AlarmLife = time.Hour

// maxAlarmText is how long the own words of an alarm may be, in bytes: some 40 seconds.
const maxAlarmText = 1200

// Alarm is one from its draft to its end.
type Alarm struct {
	ID         string
	Path       loa.Path // who speaks
	Class      wire.Class
	Hazard     string // id of the phrase
	Text       string // own words, "" where the phrase itself is said
	Title      string
	Payload    []byte // what both approve
	Author     string
	AuthorName string
	FirstBy    string
	FirstName  string
	SecondBy   string
	SecondName string
	Warrant    string // hash, "" while it waits
	Meant      int    // speakers that its scope meant when it was sealed
	MadeAt     int64
	Until      int64
	SoundedAt  int64
	EndedAt    int64
	EndedName  string

	StopBytes []byte // of its stop, once drafted

	first, second string
}

// The states of an alarm.
const (
	AlarmWaits   = "waits"
	AlarmSounds  = "sounds" // sealed, and it holds
	AlarmStopped = "stopped"
	AlarmTaken   = "taken" // back, before it sounded
	AlarmOver    = "over"
	AlarmLate    = "late" // nobody approved it in time
)

// State is where an alarm stands at now (UTC ms).
func (a Alarm) State(now int64) string {
	switch {
	case a.EndedAt != 0 && a.Warrant != "":
		return AlarmStopped
	case a.EndedAt != 0:
		return AlarmTaken
	case a.Warrant != "" && now >= a.Until:
		return AlarmOver
	case a.Warrant != "":
		return AlarmSounds
	case now >= a.Until:
		return AlarmLate
	}
	return AlarmWaits
}

// AllClear reports whether it says that the danger is over: then no siren sounds.
func (a Alarm) AllClear() bool { return a.Hazard == "an-toan" }

// Exercise reports whether it is a drill.
func (a Alarm) Exercise() bool { return a.Class == wire.Exercise }

// Scope is where it means to sound.
func (a Alarm) Scope() ([]loa.Path, error) {
	w, err := wire.ReadWarrant(a.Payload)
	return w.Paths()[1:], err // the first is the issuer
}

// NewAlarm is what a person chooses.
type NewAlarm struct {
	Path   loa.Path // who speaks
	Class  wire.Class
	Hazard string
	Text   string
	Title  string     // what a display and the log call it
	Scope  []loa.Path // never empty
}

// AlarmPhrases is the set that an alarm of a place speaks from: its own, or that of the
// nearest place above.
func (f *Flow) AlarmPhrases(ctx context.Context, who loa.Actor, place loa.Path) (set wire.PhraseSet, err error) {
	if err := who.Must(loa.RightRead, place); err != nil {
		return set, err
	}
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		set, err = speaker.PhrasesFor(tx, place)
		return err
	})
	return set, err
}

// mayAlarm asks for one of the two rights whose holders answer for what sounds.
func mayAlarm(who loa.Actor, place loa.Path) error {
	if who.May(loa.RightApprove, place) {
		return nil
	}
	return who.Must(loa.RightDispatch, place)
}

// DraftAlarm fixes the bytes of an alarm that two people may then approve. Own words are
// spoken first, to be heard; without any, what the speakers keep is said.
func (f *Flow) DraftAlarm(ctx context.Context, who loa.Actor, n NewAlarm) (a Alarm, err error) {
	ctx = db.Ahead(ctx)
	if err := mayAlarm(who, n.Path); err != nil {
		return a, err
	}
	if n.Class != wire.Emergency && n.Class != wire.Exercise {
		return a, loa.Errorf(loa.Invalid, "alarm.class")
	}
	if len(n.Scope) == 0 {
		return a, loa.Errorf(loa.Invalid, "scope.empty")
	}
	if n.Text = strings.TrimSpace(n.Text); len(n.Text) > maxAlarmText || !utf8.ValidString(n.Text) {
		return a, loa.Errorf(loa.Invalid, "alarm.text_long", maxAlarmText)
	}
	var media []wire.Media
	if n.Text != "" {
		if media, err = f.alarmSound(ctx, n); err != nil {
			return a, err
		}
	}
	err = f.noted(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		for _, p := range n.Scope {
			if _, err := unit.FindTx(tx, p); err != nil {
				return journal.Entry{}, err
			}
			if !n.Path.Covers(p) {
				return journal.Entry{}, loa.Errorf(loa.Forbidden, "scope.outside", string(p), string(n.Path))
			}
		}
		set, err := speaker.PhrasesFor(tx, n.Path)
		if err != nil {
			return journal.Entry{}, err
		}
		if _, ok := set.Entry(n.Hazard); !ok || !slices.Contains(Hazards(), n.Hazard) {
			return journal.Entry{}, loa.Errorf(loa.Invalid, "alarm.hazard", loa.Clip(n.Hazard))
		}
		a = Alarm{ID: loa.NewID(tx.Now()), Path: n.Path, Class: n.Class, Hazard: n.Hazard, Text: n.Text, Title: n.Title,
			Author: who.ID, AuthorName: who.Name, MadeAt: tx.NowMS()}
		if err := a.write(tx, n.Scope, media); err != nil {
			return journal.Entry{}, err
		}
		_, err = tx.Exec(`INSERT INTO alarm (id, path, class, hazard, text, title, payload, author, author_name, made_at, until_ms)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, a.ID, a.Path, string(a.Class), a.Hazard, a.Text, a.Title, a.Payload, a.Author, a.AuthorName, a.MadeAt, a.Until)
		return a.entry("alarm.drafted", map[string]any{"class": a.Class, "hazard": a.Hazard, "text": a.Text, "scope": n.Scope, "payload": loa.Hash(a.Payload)}), err
	})
	return a, err
}

// alarmSound speaks the own words of an alarm.
func (f *Flow) alarmSound(ctx context.Context, n NewAlarm) ([]wire.Media, error) {
	spoken, err := f.Speak(ctx, n.Path, n.Text, "north")
	if err != nil {
		return nil, err
	}
	speech, err := f.Speech.Say(ctx, spoken.Text, voice.Voice{})
	if err != nil {
		return nil, fmt.Errorf("speak alarm: %w", err)
	}
	made, err := f.Encoder.Speech(ctx, speech.WAV)
	if err != nil {
		return nil, fmt.Errorf("encode alarm: %w", err)
	}
	hash, err := f.Blobs.Put(ctx, made.MP3)
	if err != nil {
		return nil, fmt.Errorf("keep alarm: %w", err)
	}
	return []wire.Media{{Hash: hash, Bytes: int64(len(made.MP3)), MS: made.Duration.Milliseconds(), Form: wire.CanonicalForm}}, nil
}

// write fixes the warrant's bytes. What is said is said twice, each time after the
// siren: the first is how people come to listen.
func (a *Alarm) write(tx *db.Tx, scope []loa.Path, media []wire.Media) error {
	seq, err := speaker.NextNow(tx, a.Path)
	if err != nil {
		return err
	}
	a.Until = tx.NowMS() + AlarmLife.Milliseconds()
	w := wire.Warrant{V: wire.Version, Kind: wire.Phrase, ID: a.ID, Class: a.Class, Issuer: a.Path, Author: a.Author, Title: a.Title,
		From: tx.NowMS(), Until: a.Until, Cap: 100, Now: true, Seq: seq, Approval: "passkey"}
	for _, p := range scope {
		w.Scope = append(w.Scope, wire.Place{Path: p})
	}
	switch {
	case media == nil && a.AllClear():
		w.Phrases = []string{a.Hazard, a.Hazard}
	case media == nil:
		w.Phrases = []string{wire.SirenPhrase, a.Hazard, wire.SirenPhrase, a.Hazard}
	default:
		w.Kind, w.Hazard, w.Media, w.Speech, w.PlaysDay, w.Plays = wire.Play, a.Hazard, slices.Concat(media, media), "synthetic", 4, 4
	}
	if a.AllClear() {
		w.Hazard = "" // it would bring the siren
	}
	if err := w.Check(); err != nil {
		return err
	}
	a.Payload, err = wire.Encode(w)
	return err
}

func (a Alarm) entry(verb string, data any) journal.Entry {
	return journal.Entry{Verb: verb, Path: a.Path, Subject: a.ID, Data: data}
}

// ApproveAlarm takes one person's approval of exactly those bytes. The first is kept;
// with the second, by somebody else, the signer seals it, and it sounds. Where another
// order of the same place was given out meanwhile, its number has passed this one's: it
// is written anew and both are asked again (alarm.again).
func (f *Flow) ApproveAlarm(ctx context.Context, who loa.Actor, id string, payload []byte, yes wire.Approval) (sounds bool, err error) {
	ctx = db.Ahead(ctx)
	a, err := f.Alarm(ctx, who, id)
	if err != nil {
		return false, err
	}
	now, err := f.now(ctx)
	if err != nil {
		return false, err
	}
	if err := a.approvable(who, payload, now); err != nil {
		return false, err
	}
	written, err := json.Marshal(yes)
	if err != nil {
		return false, fmt.Errorf("approve alarm: %w", err)
	}
	if a.FirstBy == "" {
		return false, f.noted(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
			n, err := tx.Exec(`UPDATE alarm SET first = ?, first_by = ?, first_name = ? WHERE id = ? AND payload = ? AND first_by = '' AND ended_at = 0`,
				string(written), who.ID, who.Name, id, payload)
			if err == nil && n == 0 {
				err = loa.Errorf(loa.Conflict, "alarm.changed")
			}
			return a.entry("alarm.first", map[string]string{"payload": loa.Hash(payload)}), err
		})
	}
	var first wire.Approval
	if err := json.Unmarshal([]byte(a.first), &first); err != nil {
		return false, fmt.Errorf("approve alarm: %w", err)
	}
	w, err := wire.ReadWarrant(payload)
	if err != nil {
		return false, err
	}
	sealed, err := f.Signer.Seal(ctx, wire.WarrantType, payload, []wire.Approval{first, yes})
	if loa.KeyOf(err) == "warrant.old_number" {
		return false, f.alarmAgain(ctx, a, w)
	}
	if err != nil {
		return false, fmt.Errorf("seal alarm: %w", err)
	}
	return true, f.noted(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		meant, err := speaker.Meant(tx, w.Scope)
		if err != nil {
			return journal.Entry{}, err
		}
		n, err := tx.Exec(`UPDATE alarm SET second = ?, second_by = ?, second_name = ?, warrant = ?, meant = ?, sounded_at = ?
			WHERE id = ? AND payload = ? AND warrant = '' AND ended_at = 0`, string(written), who.ID, who.Name, loa.Hash(sealed), len(meant), tx.NowMS(), id, payload)
		if err == nil && n == 0 {
			err = loa.Errorf(loa.Conflict, "alarm.changed")
		}
		if err != nil {
			return journal.Entry{}, err
		}
		emits, err := speaker.HoldNow(tx, f.Keys, w, sealed)
		e := a.entry("alarm.sounded", map[string]any{"warrant": loa.Hash(sealed), "first": a.FirstName, "meant": len(meant)})
		e.Emits = emits
		return e, err
	})
}

// alarmAgain writes the same alarm with a number that holds.
func (f *Flow) alarmAgain(ctx context.Context, a Alarm, w wire.Warrant) error {
	scope := w.Paths()[1:]
	var media []wire.Media
	if w.Kind == wire.Play {
		media = w.Media[:len(w.Media)/2]
	}
	old := a.Payload
	err := f.noted(ctx, loa.System(), func(tx *db.Tx) (journal.Entry, error) {
		if err := a.write(tx, scope, media); err != nil {
			return journal.Entry{}, err
		}
		_, err := tx.Exec(`UPDATE alarm SET payload = ?, until_ms = ?, first = '', first_by = '', first_name = '' WHERE id = ? AND payload = ? AND warrant = ''`,
			a.Payload, a.Until, a.ID, old)
		return a.entry("alarm.again", map[string]string{"payload": loa.Hash(a.Payload)}), err
	})
	if err != nil {
		return err
	}
	return loa.Errorf(loa.Conflict, "alarm.again")
}

// approvable is the rule of the two people.
func (a Alarm) approvable(who loa.Actor, payload []byte, now int64) error {
	scope, err := a.Scope()
	if err != nil {
		return err
	}
	for _, p := range append(scope, a.Path) {
		if err := who.Must(loa.RightApprove, p); err != nil {
			return err
		}
	}
	switch {
	case a.State(now) != AlarmWaits:
		return loa.Errorf(loa.Conflict, "alarm.moved")
	case who.Cooling && !a.Exercise():
		return loa.Errorf(loa.Forbidden, "people.cooling")
	case !slices.Equal(a.Payload, payload):
		return loa.Errorf(loa.Conflict, "alarm.changed")
	case a.FirstBy == who.ID:
		return loa.Errorf(loa.Forbidden, "phrases.same_person")
	}
	return nil
}

// TakeBackAlarm ends one that has not sounded.
func (f *Flow) TakeBackAlarm(ctx context.Context, who loa.Actor, id string) error {
	a, err := f.Alarm(ctx, who, id)
	if err != nil {
		return err
	}
	if err := mayAlarm(who, a.Path); err != nil {
		return err
	}
	return f.noted(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		n, err := tx.Exec(`UPDATE alarm SET ended_at = ?, ended_name = ? WHERE id = ? AND warrant = '' AND ended_at = 0`, tx.NowMS(), who.Name, id)
		if err == nil && n == 0 {
			err = loa.Errorf(loa.Conflict, "alarm.moved")
		}
		return a.entry("alarm.taken_back", nil), err
	})
}

// DraftAlarmStop writes the stop of an alarm and returns its bytes for a person's
// passkey: one person is enough to silence.
func (f *Flow) DraftAlarmStop(ctx context.Context, who loa.Actor, id string) (payload []byte, err error) {
	ctx = db.Ahead(ctx)
	a, err := f.Alarm(ctx, who, id)
	if err != nil {
		return nil, err
	}
	if err := mayAlarm(who, a.Path); err != nil {
		return nil, err
	}
	err = f.DB.Write(ctx, func(tx *db.Tx) error {
		if a.State(tx.NowMS()) != AlarmSounds {
			return loa.Errorf(loa.Conflict, "alarm.moved")
		}
		w, err := wire.ReadWarrant(a.Payload)
		if err != nil {
			return err
		}
		seq, err := speaker.NextNow(tx, a.Path)
		if err != nil {
			return err
		}
		s := wire.Warrant{V: wire.Version, Kind: wire.Stop, ID: loa.NewID(tx.Now()), Class: a.Class, Issuer: a.Path, Author: who.ID, Title: a.Title,
			Scope: w.Scope, From: tx.NowMS(), Until: a.Until + 1, Stops: []string{a.Warrant}, Now: true, Seq: seq, Approval: "passkey"}
		if err := s.Check(); err != nil {
			return err
		}
		if payload, err = wire.Encode(s); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE alarm SET stop_payload = ? WHERE id = ?`, payload, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("draft stop of alarm: %w", err)
	}
	return payload, nil
}

// StopAlarm has the stop sealed and sends it wherever the alarm went.
func (f *Flow) StopAlarm(ctx context.Context, who loa.Actor, id string, yes wire.Approval) error {
	ctx = db.Ahead(ctx)
	a, err := f.Alarm(ctx, who, id)
	if err != nil {
		return err
	}
	if err := mayAlarm(who, a.Path); err != nil {
		return err
	}
	if a.StopBytes == nil {
		return loa.Errorf(loa.Conflict, "stop.no_draft")
	}
	w, err := wire.ReadWarrant(a.StopBytes)
	if err != nil {
		return err
	}
	sealed, err := f.Signer.Seal(ctx, wire.WarrantType, a.StopBytes, []wire.Approval{yes})
	if err != nil {
		return fmt.Errorf("seal stop: %w", err)
	}
	return f.noted(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		n, err := tx.Exec(`UPDATE alarm SET ended_at = ?, ended_name = ?, stop_payload = NULL WHERE id = ? AND warrant <> '' AND ended_at = 0`, tx.NowMS(), who.Name, id)
		if err == nil && n == 0 {
			err = loa.Errorf(loa.Conflict, "alarm.moved")
		}
		if err != nil {
			return journal.Entry{}, err
		}
		emits, err := speaker.HoldNow(tx, f.Keys, w, sealed)
		e := a.entry("alarm.stopped", map[string]string{"stop": loa.Hash(sealed)})
		e.Emits = emits
		return e, err
	})
}

const alarmColumns = `id, path, class, hazard, text, title, payload, author, author_name, first, first_by, first_name, second, second_by, second_name,
	warrant, meant, stop_payload, made_at, until_ms, sounded_at, ended_at, ended_name`

func scanAlarm(scan func(...any) error) (a Alarm, err error) {
	return a, scan(&a.ID, &a.Path, &a.Class, &a.Hazard, &a.Text, &a.Title, &a.Payload, &a.Author, &a.AuthorName, &a.first, &a.FirstBy, &a.FirstName,
		&a.second, &a.SecondBy, &a.SecondName, &a.Warrant, &a.Meant, &a.StopBytes, &a.MadeAt, &a.Until, &a.SoundedAt, &a.EndedAt, &a.EndedName)
}

// Alarm is one by its id.
func (f *Flow) Alarm(ctx context.Context, who loa.Actor, id string) (a Alarm, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		a, err = scanAlarm(tx.Row(`SELECT `+alarmColumns+` FROM alarm WHERE id = ?`, id).Scan)
		if errors.Is(err, db.ErrNone) {
			return loa.Errorf(loa.NotFound, "alarm.unknown")
		}
		return err
	})
	if err != nil {
		return a, err
	}
	return a, who.Must(loa.RightRead, a.Path)
}

// Alarms lists those at, above or below a place that were made since a moment, the
// newest first.
func (f *Flow) Alarms(ctx context.Context, who loa.Actor, place loa.Path, since time.Time) (all []Alarm, err error) {
	if err := who.Must(loa.RightRead, place); err != nil {
		return nil, err
	}
	from, to := db.PrefixRange(string(place))
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, `SELECT `+alarmColumns+` FROM alarm WHERE (path = ? OR (path >= ? AND path < ?)) AND made_at >= ? ORDER BY id DESC LIMIT 50`,
			[]any{place, from, to, since.UnixMilli()}, scanAlarm)
		return err
	})
	return all, err
}

// AlarmSum is how far an alarm has come, by what the speakers say: sounding now, by their
// beats; played and not, by their sealed lines.
type AlarmSum struct{ Sounding, Played, Not int }

// AlarmHeard counts.
func (f *Flow) AlarmHeard(ctx context.Context, a Alarm) (h AlarmSum, err error) {
	if a.Warrant == "" {
		return h, nil
	}
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		if err := tx.Row(`SELECT COUNT(*) FROM health WHERE warrant = ? AND state = 'sounding'`, a.Warrant).Scan(&h.Sounding); err != nil {
			return err
		}
		var heard int
		if err := tx.Row(`SELECT COUNT(DISTINCT box_id) FROM playback WHERE bulletin_id = '' AND warrant = ?`, a.Warrant).Scan(&heard); err != nil {
			return err
		}
		if err := tx.Row(`SELECT COUNT(DISTINCT box_id) FROM playback WHERE bulletin_id = '' AND warrant = ? AND result = ?`, a.Warrant, string(wire.Played)).Scan(&h.Played); err != nil {
			return err
		}
		h.Not = heard - h.Played
		return nil
	})
	return h, err
}
