package bulletin

// Beside the line: a post goes to somebody else, and its unfinished work with it.

import (
	"fmt"

	"loa"
	"loa/db"
	"loa/journal"
)

// TakeOver makes what giver wrote for these places and did not finish the
// taker's, and says how many that were. What is already written into bytes that
// wait for approval keeps its first author there, and the signer goes by those:
// so neither of the two can approve it.
func TakeOver(tx *db.Tx, who loa.Actor, giver, taker, name string, places []loa.Path) (int, error) {
	moved := 0
	for _, place := range places {
		from, to := db.PrefixRange(string(place))
		all, err := db.All(tx, `UPDATE bulletin SET author = ?, author_name = ?
			WHERE author = ? AND (path = ? OR path >= ? AND path < ?) AND state IN (?, ?, ?, ?) RETURNING id, path, title`,
			[]any{taker, name, giver, string(place), from, to, string(Draft), string(Submitted), string(Approved), string(Sealed)},
			func(scan func(...any) error) (b Bulletin, err error) {
				err = scan(&b.ID, &b.Path, &b.Title)
				return b, err
			})
		if err != nil {
			return 0, fmt.Errorf("take over bulletins: %w", err)
		}
		for _, b := range all {
			if _, err := journal.Append(tx, who, journal.Entry{Verb: "bulletin.taken_over", Path: b.Path, Subject: b.ID,
				Data: map[string]string{"title": b.Title, "giver": giver, "taker": taker, "name": name}}); err != nil {
				return 0, err
			}
		}
		moved += len(all)
	}
	return moved, nil
}
