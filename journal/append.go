package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"loa"
	"loa/db"
)

// Append writes e into the book as done by who, now, and returns the row's id,
// which ClaimOwn takes once tx has committed.
func Append(tx *db.Tx, who loa.Actor, e Entry) (id string, err error) {
	if err := e.check(who); err != nil {
		return "", fmt.Errorf("append to journal: %w", err)
	}
	data := []byte("{}")
	if e.Data != nil {
		if data, err = json.Marshal(e.Data); err != nil {
			return "", fmt.Errorf("append to journal: %w", err)
		}
	}
	id = loa.NewID(tx.Now())
	if _, err := tx.Exec(`
		INSERT INTO journal (id, at, actor, actor_name, verb, path, subject, data)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		id, tx.NowMS(), who.ID, who.Name, e.Verb, e.Path, e.Subject, string(data)); err != nil {
		return "", fmt.Errorf("append to journal: %w", err)
	}
	var until int64
	if e.First() {
		until = tx.NowMS() + headStart.Milliseconds()
	}
	rows := make([][]any, len(e.Emits))
	for i, m := range e.Emits {
		body := m.Body
		if body == nil {
			body = []byte{} // an empty word, not an unknown one
		}
		rows[i] = []any{emitID(id, i), id, m.Topic, body, until}
	}
	if err := tx.Insert("outbox", []string{"id", "journal_id", "topic", "body", "claimed_until"}, rows); err != nil {
		return "", fmt.Errorf("append to outbox: %w", err)
	}
	// gofail: var appended string
	// go panic(appended)
	// select {}
	return id, nil
}

func emitID(journalID string, i int) string { return journalID + "." + strconv.Itoa(i+1) }

// check refuses what a later reader could not understand.
func (e Entry) check(who loa.Actor) error {
	if who.ID == "" {
		return errors.New("nobody did it")
	}
	noun, verb, _ := strings.Cut(e.Verb, ".")
	if !isWord(noun) || !isWord(verb) {
		return fmt.Errorf("verb %q is not noun.verb", e.Verb)
	}
	for _, m := range e.Emits {
		if m.Topic == "" {
			return errors.New("an emit has no topic")
		}
	}
	return nil
}

// isWord: a-z and single underscores between them.
func isWord(s string) bool {
	for part := range strings.SplitSeq(s, "_") {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz") != "" {
			return false
		}
	}
	return true
}
