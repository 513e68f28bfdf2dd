package wire

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"loa"
	"loa/seal"
)

// MaxPhrases is the size in bytes of the largest phrase set.
const MaxPhrases = 16 << 10

// maxPhrase is how long a phrase sounds at most, in milliseconds, so that a set
// is small enough for every speaker to keep whole.
const maxPhrase = 60_000

// The two phrases that every set has. Any other is the text of a hazard.
const (
	SirenPhrase    = "siren"    // opens an alarm
	ExercisePrefix = "exercise" // the device says it before every exercise, by itself
)

// PhraseEntry is one cached sound: a hazard's text, or one of the two that every
// set has.
type PhraseEntry struct {
	ID    string `json:"id"`
	Media Media  `json:"media"`
	Text  string `json:"text,omitempty"` // what is said, 500 bytes at most
}

// PhraseSet (bộ câu báo động) is what a speaker has on its disk before anything
// happens, so that an alarm needs no download: the siren, what is said before an
// exercise, and a text for each hazard. A higher version replaces it whole, once
// every sound of it has come.
type PhraseSet struct {
	V       int             `json:"v"`
	Kind    string          `json:"kind"` // "phrases"
	Path    loa.Path        `json:"path"`
	Version int64           `json:"version"`
	From    int64           `json:"from"`  // UTC ms
	Until   int64           `json:"until"` // UTC ms: taken before; kept until a newer one comes
	Entries []PhraseEntry   `json:"entries"`
	Ignore  json.RawMessage `json:"ignorable,omitempty"`
}

// Entry finds a phrase by its id.
func (s PhraseSet) Entry(id string) (PhraseEntry, bool) {
	i := slices.IndexFunc(s.Entries, func(e PhraseEntry) bool { return e.ID == id })
	if i < 0 {
		return PhraseEntry{}, false
	}
	return s.Entries[i], true
}

// Check says what is wrong with a phrase set's own content.
func (s PhraseSet) Check() error {
	if err := head(s.V, s.Kind, "phrases"); err != nil {
		return err
	}
	if _, err := loa.ParsePath(string(s.Path)); err != nil {
		return err
	}
	if s.Version < 1 || s.From <= 0 || s.Until <= s.From || len(s.Entries) > 32 {
		return malformed("phrases", "version, dates or entries")
	}
	for i, e := range s.Entries {
		if !isName(e.ID, 32) || slices.ContainsFunc(s.Entries[:i], func(o PhraseEntry) bool { return o.ID == e.ID }) {
			return malformed("phrases", "id")
		}
		if e.Media.malformed() || e.Media.MS > maxPhrase || e.Media.Form != CanonicalForm {
			return malformed("phrases", "media of "+e.ID)
		}
		if len(e.Text) > 500 || !utf8.ValidString(e.Text) || isHazard(e.ID) && e.Text == "" {
			return malformed("phrases", "text of "+e.ID)
		}
	}
	for _, id := range []string{SirenPhrase, ExercisePrefix} {
		if _, ok := s.Entry(id); !ok {
			return malformed("phrases", "no "+id)
		}
	}
	return nil
}

// isName reports whether s is a name of small letters, digits and hyphens.
func isName(s string, most int) bool {
	return s != "" && len(s) <= most && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// isHazard reports whether a phrase is neither of the two that every set has.
func isHazard(id string) bool { return isName(id, 32) && id != SirenPhrase && id != ExercisePrefix }

func (w Warrant) checkPhrase() error {
	if !w.Class.urgent() || !w.Now {
		return malformed("warrant", "now") // a siren in a daily session would soon be nobody's alarm
	}
	// The prefix of an exercise is the device's to add, from the class alone.
	bad := func(id string) bool { return !isName(id, 32) || id == ExercisePrefix }
	if len(w.Phrases) == 0 || len(w.Phrases) > 8 || slices.ContainsFunc(w.Phrases, bad) {
		return malformed("warrant", "phrases")
	}
	if w.Cap < 1 || w.Cap > 100 {
		return malformed("warrant", "cap")
	}
	return nil
}

// ReadPhrases decodes and checks the bytes a signer is asked to seal.
func ReadPhrases(payload []byte) (PhraseSet, error) {
	return read[PhraseSet](seal.Opened{Type: PhrasesType, Payload: payload}, PhrasesType, MaxPhrases)
}

// OpenPhrases verifies a sealed phrase set when it is taken (UTC milliseconds).
func OpenPhrases(t *seal.Trust, b []byte, now int64) (PhraseSet, error) {
	var once *Reader
	return once.Phrases(t, b, now)
}

// The steps of a cue that are no phrase.
const (
	CueMedia  = "*media"
	CueStream = "*stream"
)

// Cue is what a device sounds for a warrant, step by step: ids of its phrase set,
// CueMedia, CueStream. have says which phrases are on disk, whole whether the
// warrant's own media is. why is the refusal, "" if something sounds.
//
// An exercise always opens with the prefix, and without it is silent: it must
// never pass for an alarm. An emergency is the other way about: what is there
// sounds. With a hazard the siren opens it, and the hazard's text stands in for
// media that is missing or damaged.
func Cue(w Warrant, have func(id string) bool, whole bool) (steps []string, why string) {
	const missing = "phrase.missing"
	if w.Class == Exercise {
		if !have(ExercisePrefix) {
			return nil, missing
		}
		steps = append(steps, ExercisePrefix)
	}
	wanted := slices.Clone(w.Phrases)
	if w.Hazard != "" {
		wanted = append(wanted, SirenPhrase)
	}
	if w.Kind == Play && !whole {
		if w.Hazard == "" {
			return nil, "media.missing"
		}
		wanted = append(wanted, w.Hazard)
	}
	opening := len(steps)
	for _, id := range wanted {
		switch {
		case have(id):
			steps = append(steps, id)
		case w.Class == Exercise:
			return nil, missing
		}
	}
	switch {
	case w.Kind == Stream:
		return append(steps, CueStream), ""
	case w.Kind == Play && whole:
		return append(steps, CueMedia), ""
	case len(steps) > opening:
		return steps, ""
	case w.Kind == Play:
		return nil, "media.missing"
	}
	return nil, missing
}
