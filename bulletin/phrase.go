package bulletin

// Beside the line: the phrase set (bộ câu báo động) of a place. Texts are spoken,
// heard, approved by two people over the same bytes, sealed, and named in the
// beacons below the place; every speaker then keeps the sounds for an alarm.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/sound"
	"loa/speaker"
	"loa/voice"
	"loa/wire"
)

// phrasesLife is how long a set may be taken by speakers; what they hold stays.
const phrasesLife = 366 * 24 * time.Hour

// Hazards are the phrases a set can have, in the order people read them; siren
// and exercise stand first and are always there.
func Hazards() []string {
	return []string{"lu", "lu-quet", "bao", "sat-lo", "vo-dap", "dong-dat", "chay", "so-tan", "an-toan"}
}

// Phrases is what a place has: the set in force, if any, and the one that is
// being made.
type Phrases struct {
	Place   loa.Path
	Current *wire.PhraseSet
	Draft   *PhraseDraft
}

// PhraseDraft is a set that waits for two people.
type PhraseDraft struct {
	wire.PhraseSet
	Payload []byte
	Author  string // person id
	FirstBy string // who approved first, "" while nobody did
	First   string // that person's name
	MadeAt  int64
}

// PhrasesAt is what a place has of its own.
func (f *Flow) PhrasesAt(ctx context.Context, who loa.Actor, place loa.Path) (p Phrases, err error) {
	if err := who.Must(loa.RightRead, place); err != nil {
		return p, err
	}
	p.Place = place
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		set, err := speaker.PhrasesOf(tx, place)
		if err == nil {
			p.Current = &set
		} else if loa.CodeOf(err) != loa.NotFound {
			return err
		}
		d, _, err := phraseDraft(tx, place)
		if err == nil {
			p.Draft = &d
		} else if loa.CodeOf(err) != loa.NotFound {
			return err
		}
		return nil
	})
	return p, err
}

// DraftPhrases speaks the texts of a place's next set, by id, and fixes its bytes.
// "exercise" is among them; a hazard left empty is left out. The siren is ours. A
// draft before it, and who approved that, is forgotten.
func (f *Flow) DraftPhrases(ctx context.Context, who loa.Actor, place loa.Path, texts map[string]string) error {
	if err := who.Must(loa.RightDispatch, place); err != nil {
		return err
	}
	siren, err := f.Encoder.Speech(ctx, sound.Siren())
	if err != nil {
		return fmt.Errorf("encode siren: %w", err)
	}
	set := wire.PhraseSet{V: wire.Version, Kind: "phrases", Path: place}
	add := func(id, text string, made sound.Result) error {
		hash, err := f.Blobs.Put(ctx, made.MP3)
		if err != nil {
			return fmt.Errorf("keep phrase: %w", err)
		}
		set.Entries = append(set.Entries, wire.PhraseEntry{ID: id, Text: text, Media: wire.Media{
			Hash: hash, Bytes: int64(len(made.MP3)), MS: made.Duration.Milliseconds(), Form: wire.CanonicalForm}})
		return nil
	}
	if err := add(wire.SirenPhrase, "", siren); err != nil {
		return err
	}
	for _, id := range append([]string{wire.ExercisePrefix}, Hazards()...) {
		text := strings.TrimSpace(texts[id])
		if text == "" && id != wire.ExercisePrefix {
			continue
		}
		if text == "" || len(text) > 500 {
			return loa.Errorf(loa.Invalid, "phrases.too_long", "phrase."+id)
		}
		spoken, err := f.Speak(ctx, place, text, "north")
		if err != nil {
			return err
		}
		speech, err := f.Speech.Say(ctx, spoken.Text, voice.Voice{})
		if err != nil {
			return fmt.Errorf("speak phrase: %w", err)
		}
		made, err := f.Encoder.Speech(ctx, speech.WAV)
		if err != nil {
			return fmt.Errorf("encode phrase: %w", err)
		}
		if err := add(id, text, made); err != nil {
			return err
		}
	}
	return f.noted(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		held, err := speaker.PhrasesOf(tx, place)
		if err != nil && loa.CodeOf(err) != loa.NotFound {
			return journal.Entry{}, err
		}
		set.Version = max(held.Version+1, tx.NowMS()) // it never falls, also after a restore
		set.From, set.Until = tx.NowMS()-time.Minute.Milliseconds(), tx.NowMS()+phrasesLife.Milliseconds()
		if err := set.Check(); err != nil {
			return journal.Entry{}, err
		}
		payload, err := wire.Encode(set)
		if err != nil {
			return journal.Entry{}, err
		}
		_, err = tx.Exec(`INSERT INTO phrase_draft (path, author, payload, made_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (path) DO UPDATE SET author = excluded.author, payload = excluded.payload, made_at = excluded.made_at,
			first = '', first_by = ''`, place, who.ID, payload, tx.NowMS())
		return journal.Entry{Verb: "phrases.made", Path: place, Subject: loa.Hash(payload), Data: set}, err
	})
}

// phraseDraft reads the set that is being made at a place, and the first approval.
func phraseDraft(tx *db.Tx, place loa.Path) (d PhraseDraft, first []wire.Approval, err error) {
	var yes string
	err = tx.Row(`SELECT author, payload, first, first_by, made_at,
		COALESCE((SELECT name FROM person WHERE id = first_by), '') FROM phrase_draft WHERE path = ?`, place).
		Scan(&d.Author, &d.Payload, &yes, &d.FirstBy, &d.MadeAt, &d.First)
	if errors.Is(err, db.ErrNone) {
		return d, nil, loa.Errorf(loa.NotFound, "phrases.no_draft")
	}
	if err != nil {
		return d, nil, fmt.Errorf("read phrase draft: %w", err)
	}
	if yes != "" {
		var a wire.Approval
		if err := json.Unmarshal([]byte(yes), &a); err != nil {
			return d, nil, fmt.Errorf("read phrase draft: %w", err)
		}
		first = []wire.Approval{a}
	}
	d.PhraseSet, err = wire.ReadPhrases(d.Payload)
	return d, first, err
}

// ApprovePhrases takes a person's approval of exactly those bytes. The first is
// kept; with the second, by another person, the signer seals the set, and every
// beacon below the place names it. set says that it did.
func (f *Flow) ApprovePhrases(ctx context.Context, who loa.Actor, place loa.Path, payload []byte, yes wire.Approval) (set bool, err error) {
	if err := who.Must(loa.RightApprove, place); err != nil {
		return false, err
	}
	var d PhraseDraft
	var all []wire.Approval
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		d, all, err = phraseDraft(tx, place)
		return err
	})
	if err != nil {
		return false, err
	}
	same := func(d PhraseDraft) bool { return slices.Equal(d.Payload, payload) }
	if !same(d) {
		return false, loa.Errorf(loa.Conflict, "phrases.changed")
	}
	if d.FirstBy == who.ID {
		return false, loa.Errorf(loa.Forbidden, "phrases.same_person")
	}
	if len(all) == 0 {
		written, err := json.Marshal(yes)
		if err != nil {
			return false, fmt.Errorf("approve phrases: %w", err)
		}
		return false, f.noted(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
			n, err := tx.Exec(`UPDATE phrase_draft SET first = ?, first_by = ? WHERE path = ? AND payload = ? AND first_by = ''`,
				string(written), who.ID, place, payload)
			if err == nil && n == 0 {
				err = loa.Errorf(loa.Conflict, "phrases.changed")
			}
			return journal.Entry{Verb: "phrases.first", Path: place, Subject: loa.Hash(payload)}, err
		})
	}
	sealed, err := f.Signer.Seal(ctx, wire.PhrasesType, payload, append(all, yes))
	if err != nil {
		return false, fmt.Errorf("seal phrases: %w", err)
	}
	return true, f.noted(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		emits, err := speaker.HoldPhrases(tx, f.Keys, d.PhraseSet, sealed)
		if err != nil {
			return journal.Entry{}, err
		}
		_, err = tx.Exec(`DELETE FROM phrase_draft WHERE path = ? AND payload = ?`, place, payload)
		return journal.Entry{Verb: "phrases.set", Path: place, Subject: loa.Hash(sealed), Data: d.PhraseSet, Emits: emits}, err
	})
}

// noted is a change and its row in the book in one transaction, then said.
func (f *Flow) noted(ctx context.Context, who loa.Actor, change func(tx *db.Tx) (journal.Entry, error)) error {
	var row string
	var entry journal.Entry
	err := f.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if entry, err = change(tx); err != nil {
			return err
		}
		row, err = journal.Append(tx, who, entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("phrases: %w", err)
	}
	f.Said(row, entry)
	return nil
}
