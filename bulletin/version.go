package bulletin

// Beside the line: what approval was asked for before. Every time a bulletin is
// sent for approval its version stays, so that whoever returned it sees what
// became of the returned one.

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"loa"
	"loa/db"
	"loa/wire"
)

// Version is a bulletin as it was once sent for approval.
type Version struct {
	N          int
	Author     string // person id
	AuthorName string
	Title      string
	Text       string
	Spoken     string
	Repeat     int
	Payload    string // hash of the bytes that were to be approved
	Warrant    wire.Warrant
	At         int64
	ReturnedAt int64 // 0: it was not
	ReturnedBy string
	Why        string
}

// keepVersion writes down what approval is asked for, in the transaction that
// asks.
func keepVersion(tx *db.Tx, b Bulletin) error {
	_, err := tx.Exec(`INSERT INTO bulletin_version (bulletin_id, n, author, author_name, title, text, spoken, repeat_count,
			payload, payload_hash, at)
		SELECT ?, COALESCE(MAX(n), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM bulletin_version WHERE bulletin_id = ?`,
		b.ID, b.Author, b.AuthorName, b.Title, words(b, func(r Rendition) string { return r.Text }),
		words(b, func(r Rendition) string { return r.Spoken }), b.Repeat, b.Payload, loa.Hash(b.Payload), tx.NowMS(), b.ID)
	if err != nil {
		return fmt.Errorf("keep version: %w", err)
	}
	return nil
}

// words are the texts of all of a bulletin's languages, one after the other.
func words(b Bulletin, of func(Rendition) string) string {
	var all []string
	for _, r := range b.Renditions {
		if text := of(r); text != "" {
			all = append(all, text)
		}
	}
	return strings.Join(all, "\n\n")
}

// noteReturn says of the newest version that it was returned.
func noteReturn(tx *db.Tx, who loa.Actor, id, why string) error {
	_, err := tx.Exec(`UPDATE bulletin_version SET returned_at = ?, returned_by = ?, returned_name = ?, why = ?
		WHERE bulletin_id = ? AND n = (SELECT MAX(n) FROM bulletin_version WHERE bulletin_id = ?)`,
		tx.NowMS(), who.ID, who.Name, why, id, id)
	if err != nil {
		return fmt.Errorf("note return: %w", err)
	}
	return nil
}

// Versions lists what approval was asked for, the first first.
func (f *Flow) Versions(ctx context.Context, b Bulletin) (all []Version, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = versions(tx, b.ID)
		return err
	})
	return all, err
}

func versions(tx *db.Tx, id string) ([]Version, error) {
	return db.All(tx, `SELECT n, author, author_name, title, text, spoken, repeat_count, payload, payload_hash, at,
			COALESCE(returned_at, 0), returned_name, why
		FROM bulletin_version WHERE bulletin_id = ? ORDER BY n`, []any{id},
		func(scan func(...any) error) (v Version, err error) {
			var payload []byte
			if err := scan(&v.N, &v.Author, &v.AuthorName, &v.Title, &v.Text, &v.Spoken, &v.Repeat, &payload, &v.Payload, &v.At,
				&v.ReturnedAt, &v.ReturnedBy, &v.Why); err != nil {
				return v, err
			}
			v.Warrant, err = wire.ReadWarrant(payload)
			return v, err
		})
}

// The kinds of a piece of a comparison.
const (
	Same    = "same"
	Added   = "added"
	Removed = "removed"
)

// Piece is a run of syllables that two texts share, or that only one has.
type Piece struct {
	Kind string // Same, Added, Removed
	Text string
}

// maxCompared bounds the syllables compared one by one: a text has 4,000
// characters at most, so some thousand. Beyond, the whole is shown as changed.
const maxCompared = 2000

// Compare shows how a text became another, syllable by syllable as Vietnamese is
// written: the longest common subsequence stays, what is around it came or went.
func Compare(before, after string) []Piece {
	a, b := strings.Fields(before), strings.Fields(after)
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var all []Piece
	add := func(kind string, words ...string) {
		if len(words) == 0 {
			return
		}
		text := strings.Join(words, " ")
		if n := len(all); n > 0 && all[n-1].Kind == kind {
			all[n-1].Text += " " + text
			return
		}
		all = append(all, Piece{kind, text})
	}
	add(Same, a[:head]...)
	x, y := a[head:len(a)-tail], b[head:len(b)-tail]
	if len(x) > maxCompared || len(y) > maxCompared {
		add(Removed, x...)
		add(Added, y...)
		x, y = nil, nil
	}
	// common[i][j] is how many syllables x[i:] and y[j:] share in order.
	common := make([][]int16, len(x)+1)
	for i := range common {
		common[i] = make([]int16, len(y)+1)
	}
	for i, v := range slices.Backward(x) {
		for j := len(y) - 1; j >= 0; j-- {
			if v == y[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(x) || j < len(y) {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			add(Same, x[i])
			i, j = i+1, j+1
		case j == len(y) || i < len(x) && common[i+1][j] >= common[i][j+1]:
			add(Removed, x[i])
			i++
		default:
			add(Added, y[j])
			j++
		}
	}
	add(Same, a[len(a)-tail:]...)
	return all
}

// begins is the day somebody chose for a bulletin to begin, 0 if it was the
// moment of writing.
func (v Version) begins() int64 {
	if v.Warrant.From <= v.At {
		return 0
	}
	return v.Warrant.From
}

// Changed names what differs between two versions besides the words: scope,
// class, dates, plays, sound.
func (v Version) Changed(before Version) (all []string) {
	note := func(what string, same bool) {
		if !same {
			all = append(all, what)
		}
	}
	now, then := v.Warrant, before.Warrant
	note("scope", slices.EqualFunc(now.Scope, then.Scope, func(a, b wire.Place) bool { return a.Path == b.Path }))
	note("class", now.Class == then.Class)
	note("dates", v.begins() == before.begins() && now.Until == then.Until)
	note("plays", now.PlaysDay == then.PlaysDay && now.Plays == then.Plays && v.Repeat == before.Repeat)
	note("sound", slices.Equal(now.Media, then.Media))
	return all
}
