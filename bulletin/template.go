package bulletin

// Beside the line: notices that come again and again (mẫu tin): rubbish, water,
// vaccination, the hamlet's meeting.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"loa"
	"loa/db"
	"loa/journal"
)

// Template is a notice to begin from.
type Template struct {
	ID     string
	Path   loa.Path
	Name   string
	Notice Notice // its dates are {ngày}
	At     int64
}

var (
	holeForm = regexp.MustCompile(`\{[^{}\n]{1,40}\}`)
	fullDate = regexp.MustCompile(`(?i)(?:(?:thứ\s+(?:hai|ba|tư|năm|sáu|bảy|[2-7])|chủ\s+nhật)\s*,?\s*)?(?:ngày\s+)?\d{1,2}/\d{1,2}/\d{4}`)
)

// hollow takes what will differ next time out of a text: its dates.
func hollow(text string) string { return fullDate.ReplaceAllString(text, "{ngày}") }

// fill puts the days in that a template asks for; every other hole stays for the
// writer, who sees it and cannot send it.
func fill(text string, now time.Time) string {
	day := func(ahead int) string {
		t := now.In(loa.Zone()).AddDate(0, 0, ahead)
		names := []string{"Chủ nhật", "thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy"}
		return names[t.Weekday()] + ", ngày " + t.Format("02/01/2006")
	}
	return strings.NewReplacer("{ngày}", day(0), "{hôm nay}", day(0), "{ngày mai}", day(1), "{tháng}", now.In(loa.Zone()).Format("01/2006")).Replace(text)
}

// hole is the first place of a text that waits for words, "" if none does.
func hole(text string) string { return holeForm.FindString(text) }

// KeepTemplate makes a template of a bulletin: its words with the dates taken
// out, its places, voice and field; never its recordings.
func (f *Flow) KeepTemplate(ctx context.Context, who loa.Actor, id, name string) (t Template, err error) {
	name = strings.Join(strings.Fields(name), " ")
	err = f.DB.Write(ctx, func(tx *db.Tx) error {
		b, err := load(tx, id)
		if err != nil {
			return err
		}
		if err := who.Must(loa.RightWrite, b.Path); err != nil {
			return err
		}
		n := b.Notice()
		if name == "" {
			name = b.Title
		}
		if utf8.RuneCountInString(name) > 100 || !utf8.ValidString(name) {
			return loa.Errorf(loa.Invalid, "template.name")
		}
		if n.Text == "" {
			return loa.Errorf(loa.Invalid, "template.no_text")
		}
		t = Template{ID: loa.NewID(tx.Now()), Path: b.Path, Name: name, At: tx.NowMS(), Notice: Notice{Path: n.Path, Class: n.Class, Title: hollow(n.Title),
			Text: hollow(n.Text), Scope: n.Scope, Accent: n.Accent, Speed: n.Speed, Voice: n.Voice, Repeat: n.Repeat, Chime: n.Chime,
			Category: n.Category, Office: n.Office, Origin: n.Origin}}
		kept, err := json.Marshal(t.Notice)
		if err != nil {
			return fmt.Errorf("write template: %w", err)
		}
		if _, err := tx.Exec(`INSERT INTO notice_template (id, path, name, notice, who, at) VALUES (?, ?, ?, ?, ?, ?)`,
			t.ID, t.Path, t.Name, string(kept), who.ID, t.At); err != nil {
			return err
		}
		_, err = journal.Append(tx, who, journal.Entry{Verb: "template.kept", Path: t.Path, Subject: t.ID, Data: map[string]string{"name": t.Name, "bulletin": id}})
		return err
	})
	if err != nil {
		return Template{}, fmt.Errorf("keep template: %w", err)
	}
	return t, nil
}

// Templates lists the templates of a unit, the newest first.
func (f *Flow) Templates(ctx context.Context, who loa.Actor, at loa.Path) (all []Template, err error) {
	if err := who.Must(loa.RightWrite, at); err != nil {
		return nil, err
	}
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, templateQuery+`path = ? ORDER BY id DESC LIMIT 100`, []any{at}, scanTemplate)
		return err
	})
	return all, err
}

const templateQuery = `SELECT id, path, name, notice, at FROM notice_template WHERE removed_at IS NULL AND `

func scanTemplate(scan func(...any) error) (t Template, err error) {
	var kept string
	if err := scan(&t.ID, &t.Path, &t.Name, &kept, &t.At); err != nil {
		return t, err
	}
	if err := json.Unmarshal([]byte(kept), &t.Notice); err != nil {
		return t, fmt.Errorf("read template: %w", err)
	}
	return t, nil
}

func template(tx *db.Tx, who loa.Actor, id string) (Template, error) {
	t, err := scanTemplate(tx.Row(templateQuery+`id = ?`, id).Scan)
	if errors.Is(err, db.ErrNone) {
		return t, loa.Errorf(loa.NotFound, "template.unknown")
	}
	if err != nil {
		return t, err
	}
	return t, who.Must(loa.RightWrite, t.Path)
}

// FromTemplate is a new notice from a template, with the days of today.
func (f *Flow) FromTemplate(ctx context.Context, who loa.Actor, id string) (n Notice, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		t, err := template(tx, who, id)
		n = t.Notice
		n.Title, n.Text = fill(n.Title, tx.Now()), fill(n.Text, tx.Now())
		return err
	})
	return n, err
}

// RemoveTemplate offers a template no more.
func (f *Flow) RemoveTemplate(ctx context.Context, who loa.Actor, id string) error {
	err := f.DB.Write(ctx, func(tx *db.Tx) error {
		t, err := template(tx, who, id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE notice_template SET removed_at = ? WHERE id = ?`, tx.NowMS(), id); err != nil {
			return err
		}
		_, err = journal.Append(tx, who, journal.Entry{Verb: "template.removed", Path: t.Path, Subject: id, Data: map[string]string{"name": t.Name}})
		return err
	})
	if err != nil {
		return fmt.Errorf("remove template: %w", err)
	}
	return nil
}
