package bulletin

// Beside the line: where an approver must have heard the sound, and reading its
// words is not enough.

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"loa"
	"loa/db"
	"loa/journal"
)

// errNoRule says that no rule is there to be taken away.
var errNoRule = errors.New("no hearing rule")

// SetHearing (bắt buộc nghe) demands of a place and all below it that the sound
// is heard before approving, or lets reading do again. It takes bulletin.approve
// over the place; what a place above demands, a place below cannot undo.
func (f *Flow) SetHearing(ctx context.Context, who loa.Actor, path loa.Path, must bool) error {
	if err := who.Must(loa.RightApprove, path); err != nil {
		return err
	}
	var row string
	entry := journal.Entry{Verb: "bulletin.hearing_set", Path: path, Subject: string(path), Data: map[string]bool{"must": must}}
	err := f.DB.Write(ctx, func(tx *db.Tx) (err error) {
		var n int64
		if must {
			n, err = tx.Exec(`INSERT INTO hearing_rule (path, by_name, at) VALUES (?, ?, ?) ON CONFLICT (path) DO NOTHING`,
				path, who.Name, tx.NowMS())
		} else {
			n, err = tx.Exec(`DELETE FROM hearing_rule WHERE path = ?`, path)
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return errNoRule
		}
		row, err = journal.Append(tx, who, entry)
		return err
	})
	if errors.Is(err, errNoRule) { // it is so already
		return nil
	}
	if err != nil {
		return fmt.Errorf("set hearing rule: %w", err)
	}
	f.Said(row, entry)
	return nil
}

// HearingRule is a place where the sound must be heard.
type HearingRule struct {
	Path loa.Path
	By   string
	At   int64
}

// HearingRules lists the rules that hold for a place, its own last.
func (f *Flow) HearingRules(ctx context.Context, path loa.Path) (all []HearingRule, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = hearingRules(tx, path)
		return err
	})
	return all, err
}

func hearingRules(tx *db.Tx, path loa.Path) ([]HearingRule, error) {
	var args []any
	for _, p := range path.Up() {
		args = append(args, p)
	}
	if len(args) == 0 {
		return nil, nil
	}
	return db.All(tx, `SELECT path, by_name, at FROM hearing_rule WHERE path IN (?`+strings.Repeat(", ?", len(args)-1)+`) ORDER BY path`, args,
		func(scan func(...any) error) (r HearingRule, err error) { return r, scan(&r.Path, &r.By, &r.At) })
}
