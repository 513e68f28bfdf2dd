package bulletin

// Stage 1 of 7: draft. Before: a person's text. After: approve.go.

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/office"
	"loa/seal"
	"loa/unit"
	"loa/voice"
	"loa/wire"
)

// Notice is what a person types.
type Notice struct {
	Path     loa.Path // the unit that speaks
	Class    wire.Class
	Title    string
	Text     string // in Vietnamese
	Upload   string // id of a recording of it, "" to have the machine read the text
	Scope    []loa.Path
	Accent   string // "" is north
	Speed    int    // words a minute, 0 as usual
	Voice    string // the engine's voice, "" as usual
	From     time.Time
	Until    time.Time
	PlaysDay int
	Plays    int
	Repeat   int
	Chime    bool
	Others   []Other // further languages, in the order they sound
	Role     wire.Role
	Category Category
	Office   string   // id of the body it comes from
	Origin   string   // where it comes from, in words
	Wanted   []Choice // sessions it should go into once it is approved
	Once     string   // id the form was opened with: sent again, it is the same draft
}

// Other is a further language of a notice: always a person's recording.
type Other struct {
	Lang   string
	Text   string // what is said in it, "" if nobody wrote it down
	Upload string // "" while nobody has recorded it
}

// maxLife is the longest a warrant may hold.
const maxLife = 366 * 24 * time.Hour

// clean checks and completes a notice and its languages; words come back
// composed (NFC).
func (n Notice) clean(now time.Time) (Notice, []Rendition, error) {
	all, err := n.renditions()
	if err == nil {
		n.Text, n.Accent = all[0].Text, all[0].Accent
		n, err = n.frame(now)
	}
	return n, all, err
}

// frame is clean for all that is not said aloud.
func (n Notice) frame(now time.Time) (Notice, error) {
	title, err := voice.Clean(n.Title)
	if err != nil {
		return n, loa.Errorf(loa.Invalid, "bulletin.title").Because(err)
	}
	title = strings.Join(strings.Fields(title), " ")
	if len(title) > 200 {
		return n, loa.Errorf(loa.Invalid, "bulletin.title")
	}
	n.Title = title
	if n.Origin, err = cleanText(n.Origin, FromRecording); err != nil || len(n.Origin) > 300 {
		return n, loa.Errorf(loa.Invalid, "bulletin.origin").Because(err)
	}
	if !slices.Contains(Roles(), n.Role) {
		return n, loa.Errorf(loa.Invalid, "bulletin.role", loa.Clip(string(n.Role)))
	}
	if err := n.Category.check(); err != nil {
		return n, err
	}
	if err := checkWanted(n.Wanted); err != nil {
		return n, err
	}
	if n.Class != wire.Normal && n.Class != wire.Priority {
		return n, loa.Errorf(loa.Invalid, "bulletin.class", string(n.Class))
	}
	if len(n.Scope) == 0 {
		return n, loa.Errorf(loa.Invalid, "scope.empty")
	}
	if n.From.IsZero() {
		n.From = now
	}
	if n.Until.IsZero() {
		n.Until = now.Add(7 * 24 * time.Hour)
	}
	if !n.Until.After(now) || !n.Until.After(n.From) || n.Until.Sub(now) > maxLife {
		return n, loa.Errorf(loa.Invalid, "bulletin.dates")
	}
	mostDay, most := 20, 500
	if n.Role != wire.NoRole { // a tune sounds in every session for as long as it holds
		mostDay, most = 50, 10_000
		n.PlaysDay, n.Plays = cmp.Or(n.PlaysDay, 20), cmp.Or(n.Plays, 20*366)
	}
	if n.PlaysDay == 0 {
		n.PlaysDay = 4 * (1 + n.Repeat) // each reading is a play
	}
	if n.Plays == 0 {
		n.Plays = 7 * n.PlaysDay
	}
	if n.PlaysDay < 1 || n.PlaysDay > mostDay || n.Plays < n.PlaysDay || n.Plays > most || n.Repeat < 0 || n.Repeat > 2 {
		return n, loa.Errorf(loa.Invalid, "bulletin.plays")
	}
	return n, nil
}

// places checks that every place exists today and lies under the unit that speaks.
func (n Notice) places(tx *db.Tx) error {
	if _, err := unit.FindTx(tx, n.Path); err != nil {
		return err
	}
	for _, p := range n.Scope {
		if _, err := unit.FindTx(tx, p); err != nil {
			return err
		}
		if !n.Path.Covers(p) {
			return loa.Errorf(loa.Forbidden, "scope.outside", string(p), string(n.Path))
		}
	}
	return wire.CheckScope(Bulletin{Scope: n.Scope}.places())
}

// Draft writes a new notice. A notice whose Once has been written by the same
// person is no second one: the answer to the first was lost, or two presses
// crossed. As long as it is a draft it takes what was sent last.
func (f *Flow) Draft(ctx context.Context, who loa.Actor, n Notice) (b Bulletin, err error) {
	if n.Once != "" {
		if b, known, err := f.drafted(ctx, who, n); known || err != nil {
			return b, err
		}
	}
	var entry journal.Entry
	var row string
	err = f.DB.Write(ctx, func(tx *db.Tx) error {
		b, entry, row, err = f.draft(tx, who, n)
		return err
	})
	if n.Once != "" && db.IsUnique(err) { // the other press was quicker by a hair
		if b, known, err := f.drafted(ctx, who, n); known || err != nil {
			return b, err
		}
	}
	if err != nil {
		return Bulletin{}, fmt.Errorf("draft bulletin: %w", err)
	}
	f.Said(row, entry)
	return b, nil
}

// onceLife is how long a form stays the same form: a draft waits a week in a
// browser without a connection.
const onceLife = 8 * 24 * time.Hour

// id is the id of a new bulletin: the form's, if that is one and not of a time
// that would put the bulletin where it does not belong.
func (n Notice) id(now time.Time) string {
	if at := loa.TimeOfID(n.Once); at.Before(now.Add(-onceLife)) || at.After(now.Add(time.Minute)) {
		return loa.NewID(now)
	}
	return n.Once
}

// drafted finds what who wrote from the same form before.
func (f *Flow) drafted(ctx context.Context, who loa.Actor, n Notice) (b Bulletin, known bool, err error) {
	b, err = f.Find(ctx, who, n.Once)
	if loa.CodeOf(err) == loa.NotFound {
		return Bulletin{}, false, nil
	}
	if err != nil {
		return Bulletin{}, false, err
	}
	if b.Author != who.ID || b.Path != n.Path {
		return Bulletin{}, false, loa.Errorf(loa.Conflict, "bulletin.once_taken")
	}
	if b.State != Draft {
		return b, true, nil
	}
	b, err = f.Edit(ctx, who, b.ID, n)
	return b, true, err
}

// DraftTx is Draft as a part of a larger change; the sweeper says its row.
func (f *Flow) DraftTx(tx *db.Tx, who loa.Actor, n Notice) (Bulletin, error) {
	b, _, _, err := f.draft(tx, who, n)
	return b, err
}

func (f *Flow) draft(tx *db.Tx, who loa.Actor, n Notice) (b Bulletin, entry journal.Entry, row string, err error) {
	clean, languages, err := n.clean(tx.Now())
	if err != nil {
		return b, entry, "", err
	}
	if err := clean.places(tx); err != nil {
		return b, entry, "", err
	}
	if err := who.Must(loa.RightWrite, clean.Path); err != nil {
		return b, entry, "", err
	}
	b = Bulletin{ID: clean.id(tx.Now()), Author: who.ID, AuthorName: who.Name, State: Draft, MadeAt: tx.NowMS(), ChangedAt: tx.NowMS()}
	if err := b.take(tx, f, clean, languages); err != nil {
		return b, entry, "", err
	}
	if err := insert(tx, b); err != nil {
		return b, entry, "", err
	}
	if err := keepRenditions(tx, b); err != nil {
		return b, entry, "", err
	}
	entry = journal.Entry{Verb: "bulletin.drafted", Path: b.Path, Subject: b.ID, Data: map[string]string{"title": b.Title}}
	row, err = journal.Append(tx, who, entry)
	return b, entry, row, err
}

// Edit changes a draft. Only its author, or somebody who may write for the
// unit and then becomes the author, may.
func (f *Flow) Edit(ctx context.Context, who loa.Actor, id string, n Notice) (Bulletin, error) {
	return f.step(ctx, who, id, edit, func(tx *db.Tx, b *Bulletin) (journal.Entry, error) {
		clean, languages, err := n.clean(tx.Now())
		if err != nil {
			return journal.Entry{}, err
		}
		if clean.Path != b.Path {
			return journal.Entry{}, loa.Errorf(loa.Invalid, "bulletin.other_unit")
		}
		if err := clean.places(tx); err != nil {
			return journal.Entry{}, err
		}
		if err := who.Must(loa.RightWrite, b.Path); err != nil {
			return journal.Entry{}, err
		}
		b.Author, b.AuthorName = who.ID, who.Name
		if err := b.take(tx, f, clean, languages); err != nil {
			return journal.Entry{}, err
		}
		if _, err := tx.Exec(`DELETE FROM language_waiver WHERE bulletin_id = ?`, b.ID); err != nil {
			return journal.Entry{}, err
		}
		return journal.Entry{Data: map[string]string{"title": b.Title}}, keepRenditions(tx, *b)
	})
}

// take fills b from a clean notice, with the words it will be read in.
func (b *Bulletin) take(tx *db.Tx, f *Flow, n Notice, languages []Rendition) error {
	if n.Office != "" {
		if _, err := office.FindTx(tx, n.Office); err != nil {
			return err
		}
	}
	b.Path, b.Class, b.Title, b.Scope, b.Renditions = n.Path, n.Class, n.Title, n.Scope, languages
	b.Role, b.Category, b.Office, b.Origin = n.Role, n.Category, n.Office, n.Origin
	b.From, b.Until, b.PlaysDay, b.Plays, b.Repeat = n.From.UnixMilli(), n.Until.UnixMilli(), n.PlaysDay, n.Plays, n.Repeat
	b.Chime, b.Wanted = n.Chime, n.Wanted
	return f.word(tx, b)
}

// word puts what the machine reads of b into the words its place uses now.
func (f *Flow) word(tx *db.Tx, b *Bulletin) error {
	for i, r := range b.Renditions {
		if !r.Machine() {
			continue
		}
		spoken, err := f.speak(tx, b.Path, r.Text, r.Accent)
		if err != nil {
			return err
		}
		b.Renditions[i].Spoken = spoken.Text
	}
	return nil
}

// Notice is what a person would type to get b, for forms that change or copy it.
func (b Bulletin) Notice() Notice {
	main := b.Main()
	n := Notice{
		Path: b.Path, Class: b.Class, Title: b.Title, Text: main.Text, Upload: main.Upload, Scope: b.Scope,
		Accent: main.Accent, Speed: main.Speed, Voice: main.Voice, From: time.UnixMilli(b.From), Until: time.UnixMilli(b.Until),
		PlaysDay: b.PlaysDay, Plays: b.Plays, Repeat: b.Repeat, Chime: b.Chime, Role: b.Role, Category: b.Category,
		Office: b.Office, Origin: b.Origin, Wanted: b.Wanted,
	}
	for i, r := range b.Renditions {
		if i > 0 {
			n.Others = append(n.Others, Other{Lang: r.Lang, Text: r.Text, Upload: r.Upload})
		}
	}
	return n
}

// Speak shows what would be read out at a place, and what changed on the way.
func (f *Flow) Speak(ctx context.Context, place loa.Path, text, accent string) (spoken voice.Spoken, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		spoken, err = f.speak(tx, place, text, accent)
		return err
	})
	return spoken, err
}

// speak reads a text as the place does at this moment.
func (f *Flow) speak(tx *db.Tx, place loa.Path, text, accent string) (voice.Spoken, error) {
	n := voice.Normalizer{South: accent == "south"}
	if f.Lexicon != nil {
		words, err := f.Lexicon(tx, place)
		if err != nil {
			return voice.Spoken{}, err
		}
		n.Lexicon = words
	}
	return n.Speak(text), nil
}

// Spoken is what is read out of one of a bulletin's languages, with its changes:
// a draft as its place reads it now, everything later in the very words that were fixed. The
// lexicon may have changed since then; known says that the changes are still
// those the words came from, otherwise there are none to show.
func (f *Flow) Spoken(ctx context.Context, b Bulletin, r Rendition) (spoken voice.Spoken, known bool, err error) {
	spoken, err = f.Speak(ctx, b.Path, r.Text, r.Accent)
	if err != nil || b.State == Draft || spoken.Text == r.Spoken {
		return spoken, true, err
	}
	return voice.Spoken{Text: r.Spoken}, false, nil
}

// Preview is the sound that asking for approval would make of a text, and the
// engine that spoke it. Nothing is kept; it needs bulletin.write at the place.
func (f *Flow) Preview(ctx context.Context, who loa.Actor, place loa.Path, text string, v voice.Voice) (mp3 []byte, by string, err error) {
	if err := who.Must(loa.RightWrite, place); err != nil {
		return nil, "", err
	}
	spoken, err := f.Speak(ctx, place, text, v.Accent)
	if err != nil {
		return nil, "", err
	}
	speech, err := f.Speech.Say(ctx, spoken.Text, v)
	if err != nil {
		return nil, "", fmt.Errorf("speak preview: %w", err)
	}
	res, err := f.Encoder.Speech(ctx, speech.WAV)
	if err != nil {
		return nil, "", fmt.Errorf("encode preview: %w", err)
	}
	return res.MP3, speech.By, nil
}

// Submit asks for approval (trình duyệt): every language is spoken or taken from
// its recording, in the canonical form, and the bytes of the warrant are fixed.
// From here on nothing can change without asking again.
func (f *Flow) Submit(ctx context.Context, who loa.Actor, id string) (Bulletin, error) {
	b, err := f.Find(ctx, who, id)
	if err != nil {
		return Bulletin{}, err
	}
	if err := b.may(submit); err != nil {
		return Bulletin{}, err
	}
	if h := hole(b.Title + "\n" + b.Main().Text); h != "" {
		return Bulletin{}, loa.Errorf(loa.Invalid, "template.hole", h)
	}
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		if err := b.planned(tx); err != nil { // said before anything is spoken
			return err
		}
		return f.word(tx, &b) // words may have been corrected since it was kept
	})
	if err != nil {
		return Bulletin{}, err
	}
	made := b.Renditions
	for i := range made {
		if err := f.make(ctx, &made[i]); err != nil {
			return Bulletin{}, err
		}
	}
	return f.step(ctx, who, id, submit, func(tx *db.Tx, b *Bulletin) (journal.Entry, error) {
		if err := who.Must(loa.RightWrite, b.Path); err != nil {
			return journal.Entry{}, err
		}
		if err := f.word(tx, b); err != nil {
			return journal.Entry{}, err
		}
		if !sameSources(b.Renditions, made) {
			return journal.Entry{}, loa.Errorf(loa.Conflict, "bulletin.changed_meanwhile")
		}
		if b.Until <= tx.NowMS() {
			return journal.Entry{}, loa.Errorf(loa.Invalid, "bulletin.dates")
		}
		if err := b.planned(tx); err != nil {
			return journal.Entry{}, err
		}
		b.Renditions = made
		if b.Payload, err = b.warrant(loa.NewID(tx.Now())); err != nil {
			return journal.Entry{}, err
		}
		b.Note = ""
		if err := keepVersion(tx, *b); err != nil {
			return journal.Entry{}, err
		}
		var sounds []string
		for _, r := range made {
			sounds = append(sounds, r.Lang+" "+r.Media+" "+r.SpokenBy)
		}
		return journal.Entry{Data: map[string]any{"payload": loa.Hash(b.Payload), "sounds": sounds, "ms": b.MS()}}, keepRenditions(tx, *b)
	})
}

// cap is how loud the bulletin may be, in percent: a test sound is no concert.
func (b Bulletin) cap() int {
	if b.Role == wire.TestSound {
		return 40
	}
	return 100
}

// warrant writes the bytes that people approve and the signer seals.
func (b Bulletin) warrant(id string) ([]byte, error) {
	w := wire.Warrant{
		V: wire.Version, Kind: "play", ID: id, Class: b.Class, Role: b.Role, Issuer: b.Path, Author: b.Author, Title: b.Title,
		Scope: b.places(), From: b.From, Until: b.Until,
		Media:    b.media(),
		PlaysDay: b.PlaysDay, Plays: b.Plays, Cap: b.cap(), Speech: b.speech(), Approval: "passkey", Ignore: wire.About(string(b.Category)),
	}
	if err := w.Check(); err != nil {
		return nil, err
	}
	payload, err := wire.Encode(w)
	if err == nil && len(payload) > seal.MaxDocument { // the scope is all of a warrant that has no bound of its own
		err = loa.Errorf(loa.Invalid, "scope.too_many", len(b.Scope))
	}
	return payload, err
}
