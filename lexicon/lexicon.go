// Package lexicon keeps the words that a place reads its own way: the name of a
// hamlet, the short form of a local body. A word belongs to a unit and holds for
// everything below it; where two levels have the same word, the nearer one wins.
// What everybody reads alike is not here but in package voice.
//
// Nothing is cached: a reading is a query of one place and those above it, made
// in the transaction that needs it, so every process reads a new word at once.
package lexicon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/lang"
	"loa/unit"
	"loa/voice"
)

// Register is the lexicon in one database.
type Register struct {
	DB *db.DB
}

// Word is one reading.
type Word struct {
	ID      string
	Path    loa.Path // whose it is
	Written string
	Spoken  string
	Who     string // person id
	WhoName string
	At      int64 // UTC ms
	Hidden  bool  // in a list: a nearer place reads the same word its own way
}

// Limits of one word and one place.
const (
	MaxWritten = 60   // characters; a rule of package voice sees no further
	MaxSpoken  = 200  // characters
	MaxWords   = 2000 // of one place
)

// check completes a word and refuses what could not be read: a written form
// without a letter would change numbers everywhere, a spoken form with digits
// would not be spoken at all.
// Errors: lexicon.written, lexicon.spoken.
func (w Word) check() (Word, error) {
	written, err := oneLine(w.Written, MaxWritten)
	if err != nil || !strings.ContainsFunc(written, unicode.IsLetter) {
		return w, loa.Errorf(loa.Invalid, "lexicon.written", MaxWritten).Because(err)
	}
	spoken, err := oneLine(w.Spoken, MaxSpoken)
	if err != nil || !strings.ContainsFunc(spoken, unicode.IsLetter) || strings.ContainsFunc(spoken, unicode.IsDigit) {
		return w, loa.Errorf(loa.Invalid, "lexicon.spoken", MaxSpoken).Because(err)
	}
	w.Written, w.Spoken = written, spoken
	return w, nil
}

// oneLine is text as voice.Clean leaves it, on one line and not too long.
func oneLine(text string, characters int) (string, error) {
	text, err := voice.Clean(text)
	if err != nil {
		return "", err
	}
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) > characters {
		return "", errors.New("too long")
	}
	return text, nil
}

// Set gives a place its reading of a word, new or instead of the one it had.
// It needs bulletin.write at the place. Setting what already holds changes
// nothing, so two clicks write one row.
// Errors: lexicon.written, lexicon.spoken, lexicon.full, lexicon.changed_meanwhile.
func (r *Register) Set(ctx context.Context, who loa.Actor, path loa.Path, written, spoken string) (Word, error) {
	asked, err := Word{Path: path, Written: written, Spoken: spoken}.check()
	if err != nil {
		return Word{}, err
	}
	var w Word
	set := func(tx *db.Tx) error {
		w = asked // Write may run this again
		if err := who.Must(loa.RightWrite, path); err != nil {
			return err
		}
		if _, err := unit.FindTx(tx, path); err != nil {
			return err
		}
		was, err := one(tx, "path = ? AND written = ? AND "+holds, string(path), w.Written)
		verb := "lexicon.changed"
		switch {
		case errors.Is(err, db.ErrNone):
			verb = "lexicon.added"
			err = room(tx, path)
		case err == nil && was.Spoken == w.Spoken:
			w = was
			return nil
		case err == nil:
			err = remove(tx, was.ID)
		}
		if err != nil {
			return err
		}
		return insert(tx, who, verb, was.Spoken, &w)
	}
	err = r.DB.Write(ctx, set)
	quicker := func() bool { return db.IsUnique(err) || loa.KeyOf(err) == "lexicon.unknown" }
	if quicker() { // somebody else was: now theirs is seen
		err = r.DB.Write(ctx, set)
	}
	switch {
	case quicker():
		return Word{}, loa.Errorf(loa.Conflict, "lexicon.changed_meanwhile", asked.Written).Because(err)
	case err != nil:
		return Word{}, fmt.Errorf("set word: %w", err)
	}
	return w, nil
}

// insert writes a word that holds from now on, and the book.
func insert(tx *db.Tx, who loa.Actor, verb, was string, w *Word) error {
	w.ID, w.Who, w.WhoName, w.At = loa.NewID(tx.Now()), who.ID, who.Name, tx.NowMS()
	err := tx.Insert("lexicon", []string{"id", "path", "written", "written_sort", "spoken", "who", "who_name", "at"},
		[][]any{{w.ID, string(w.Path), w.Written, lang.SortKey(w.Written), w.Spoken, w.Who, w.WhoName, w.At}})
	if err != nil {
		return err
	}
	data := map[string]string{"written": w.Written, "spoken": w.Spoken}
	if was != "" {
		data["was"] = was
	}
	_, err = journal.Append(tx, who, journal.Entry{Verb: verb, Path: w.Path, Subject: w.ID, Data: data})
	return err
}

// Remove ends a reading: the place reads the word again as the level above it
// does. It needs bulletin.write at the place whose word it is.
func (r *Register) Remove(ctx context.Context, who loa.Actor, id string) (w Word, err error) {
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		if w, err = one(tx, "id = ? AND "+holds, id); errors.Is(err, db.ErrNone) {
			return loa.Errorf(loa.NotFound, "lexicon.unknown")
		} else if err != nil {
			return err
		}
		if err := who.Must(loa.RightWrite, w.Path); err != nil {
			return err
		}
		if err := remove(tx, id); err != nil {
			return err
		}
		_, err := journal.Append(tx, who, journal.Entry{Verb: "lexicon.removed", Path: w.Path, Subject: w.ID,
			Data: map[string]string{"written": w.Written, "spoken": w.Spoken}})
		return err
	})
	if err != nil {
		return Word{}, fmt.Errorf("remove word: %w", err)
	}
	return w, nil
}

// remove takes a word out; whoever comes second finds nothing to take.
func remove(tx *db.Tx, id string) error {
	n, err := tx.Exec("UPDATE lexicon SET removed_at = ? WHERE id = ? AND removed_at IS NULL", tx.NowMS(), id)
	if err == nil && n == 0 {
		err = loa.Errorf(loa.NotFound, "lexicon.unknown")
	}
	return err
}

// room refuses one word more than a place may have.
func room(tx *db.Tx, path loa.Path) error {
	var n int
	if err := tx.Row("SELECT COUNT(*) FROM lexicon WHERE path = ? AND "+holds, string(path)).Scan(&n); err != nil {
		return err
	}
	if n >= MaxWords {
		return loa.Errorf(loa.Conflict, "lexicon.full", MaxWords)
	}
	return nil
}

// Find is the word with this id that holds; otherwise lexicon.unknown.
func (r *Register) Find(ctx context.Context, id string) (w Word, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		w, err = one(tx, "id = ? AND "+holds, id)
		return err
	})
	if errors.Is(err, db.ErrNone) {
		return Word{}, loa.Errorf(loa.NotFound, "lexicon.unknown")
	}
	return w, err
}

// List is every word that a place reads, its own first, then those of the levels
// above, each in Vietnamese order. text narrows to words that hold it in either
// form, with or without diacritics.
func (r *Register) List(ctx context.Context, path loa.Path, text string) (all []Word, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = reads(tx, path)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list words: %w", err)
	}
	seen := map[string]bool{}
	for i, w := range all {
		all[i].Hidden = seen[w.Written]
		seen[w.Written] = true
	}
	if text = strings.TrimSpace(lang.Fold(text)); text != "" {
		all = slices.DeleteFunc(all, func(w Word) bool { return !strings.Contains(lang.Fold(w.Written+"\n"+w.Spoken), text) })
	}
	return all, nil
}

// Readings is how a place reads its own words, for voice.Normalizer: written
// form to spoken form, the nearest level's.
func Readings(tx *db.Tx, path loa.Path) (map[string]string, error) {
	all, err := reads(tx, path)
	if err != nil {
		return nil, fmt.Errorf("read lexicon: %w", err)
	}
	words := make(map[string]string, len(all))
	for _, w := range slices.Backward(all) { // the nearest last, over the others
		words[w.Written] = w.Spoken
	}
	return words, nil
}

// reads is every word of a place and of those above it, the nearest first.
func reads(tx *db.Tx, path loa.Path) ([]Word, error) {
	up := path.Up()
	if len(up) == 0 {
		return nil, nil
	}
	args := make([]any, len(up))
	for i, p := range up {
		args[i] = string(p)
	}
	return db.All(tx, "SELECT "+columns+" FROM lexicon WHERE path IN (?"+strings.Repeat(", ?", len(up)-1)+") AND "+holds+
		" ORDER BY LENGTH(path) DESC, written_sort, written", args, scan)
}

const (
	columns = "id, path, written, spoken, who, who_name, at"
	holds   = "removed_at IS NULL"
)

func one(tx *db.Tx, where string, args ...any) (Word, error) {
	return scan(tx.Row("SELECT "+columns+" FROM lexicon WHERE "+where, args...).Scan)
}

func scan(scan func(...any) error) (w Word, err error) {
	err = scan(&w.ID, &w.Path, &w.Written, &w.Spoken, &w.Who, &w.WhoName, &w.At)
	return w, err
}
