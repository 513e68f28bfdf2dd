package journal

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"loa"
	"loa/db"
)

// maxList is the longest page List gives.
const maxList = 500

// Row is one change as the book has it.
type Row struct {
	ID        string
	At        time.Time // UTC
	Actor     string    // person id, or "system"
	ActorName string    // the name on that day
	Verb      string
	Path      loa.Path
	Subject   string
	Data      json.RawMessage
}

// Filter chooses rows; its zero value chooses all.
type Filter struct {
	Path    loa.Path // this place and all below it
	Verb    string
	Subject string
	Before  string // only rows older than the one with this id: the last of the page before
	Limit   int    // 0, or more than 500, is 500
}

// List reads the book, the newest row first.
func List(tx *db.Tx, f Filter) ([]Row, error) {
	var where []string
	var args []any
	and := func(condition string, values ...any) {
		where = append(where, condition)
		args = append(args, values...)
	}
	and("1 = 1")
	if f.Path != "" {
		from, to := db.PrefixRange(f.Path.String())
		and("(path = ? OR path >= ? AND path < ?)", f.Path, from, to)
	}
	if f.Verb != "" {
		and("verb = ?", f.Verb)
	}
	if f.Subject != "" {
		and("subject = ?", f.Subject)
	}
	if f.Before != "" {
		and("id < ?", f.Before)
	}
	if f.Limit <= 0 || f.Limit > maxList {
		f.Limit = maxList
	}
	rows, err := db.All(tx, `
		SELECT id, at, actor, actor_name, verb, path, subject, data
		FROM journal
		WHERE `+strings.Join(where, " AND ")+`
		ORDER BY id DESC
		LIMIT ?`, append(args, f.Limit), scanRow)
	if err != nil {
		return nil, fmt.Errorf("list journal: %w", err)
	}
	return rows, nil
}

func scanRow(scan func(...any) error) (Row, error) {
	var r Row
	var at int64
	var data string
	err := scan(&r.ID, &at, &r.Actor, &r.ActorName, &r.Verb, &r.Path, &r.Subject, &data)
	r.At = time.UnixMilli(at).UTC()
	r.Data = json.RawMessage(data)
	return r, err
}
