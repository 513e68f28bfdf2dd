package unit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"loa"
	"loa/db"
	"loa/lang"
)

// searchMax is how many units a search answers: more is no help on a phone.
const searchMax = 50

// Find is FindTx in a transaction of its own.
func (r *Register) Find(ctx context.Context, path loa.Path) (u Unit, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		u, err = FindTx(tx, path)
		return err
	})
	return u, err
}

// FindTx is the unit at path that exists now; otherwise it is unit.unknown,
// unit.ended or unit.not_yet, all loa.NotFound.
func FindTx(tx *db.Tx, path loa.Path) (Unit, error) {
	u, err := scanUnit(tx.Row("SELECT "+columns+" FROM unit WHERE path = ?", string(path)).Scan)
	switch {
	case errors.Is(err, db.ErrNone):
		return Unit{}, loa.Errorf(loa.NotFound, "unit.unknown", loa.Clip(string(path)))
	case err != nil:
		return Unit{}, fmt.Errorf("find unit: %w", err)
	case u.At(tx.Now()):
		return u, nil
	case tx.Now().Before(u.From):
		return Unit{}, loa.Errorf(loa.NotFound, "unit.not_yet", u.FullName(), day(u.From))
	}
	return Unit{}, loa.Errorf(loa.NotFound, "unit.ended", u.FullName(), day(u.To))
}

// Children are the units directly below path that exist now, in Vietnamese order.
func (r *Register) Children(ctx context.Context, path loa.Path) (all []Unit, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		if _, err := FindTx(tx, path); err != nil {
			return err
		}
		all, err = db.All(tx, "SELECT "+columns+" FROM unit WHERE parent = ? AND "+valid+" ORDER BY name_sort, path",
			[]any{string(path), tx.NowMS(), tx.NowMS()}, scanUnit)
		return err
	})
	return all, err
}

// Under is the unit at path and every unit below it, at any depth, that exist
// now, in the order of their paths: whom a bulletin for path reaches.
func Under(tx *db.Tx, path loa.Path) ([]Unit, error) {
	if _, err := FindTx(tx, path); err != nil {
		return nil, err
	}
	from, to := db.PrefixRange(string(path))
	return db.All(tx, "SELECT "+columns+" FROM unit WHERE (path = ? OR path >= ? AND path < ?) AND "+valid+" ORDER BY path",
		[]any{string(path), from, to, tx.NowMS(), tx.NowMS()}, scanUnit)
}

// Predecessors is what the unit at path was formed from.
func Predecessors(tx *db.Tx, path loa.Path) ([]Predecessor, error) {
	return db.All(tx, "SELECT predecessor_code, predecessor_name, kind FROM unit_predecessor WHERE path = ? ORDER BY predecessor_code, predecessor_name",
		[]any{string(path)}, func(scan func(...any) error) (p Predecessor, err error) {
			err = scan(&p.Code, &p.Name, &p.Kind)
			return p, err
		})
}

// Members are the paths a zone names.
func Members(tx *db.Tx, zone loa.Path) ([]loa.Path, error) {
	return db.All(tx, "SELECT member FROM zone_member WHERE zone = ? ORDER BY member",
		[]any{string(zone)}, func(scan func(...any) error) (p loa.Path, err error) {
			err = scan(&p)
			return p, err
		})
}

// Search finds units that exist now by the beginning of any word of their name,
// with or without marks and with or without the word of their type, by their
// code, and by the names and codes of what they were formed from: whoever types
// the commune they were born in gets the one it went into. Exact names come
// first, then beginnings, then the rest, then predecessors; 50 at most.
func (r *Register) Search(ctx context.Context, text string) (all []Unit, err error) {
	q := lang.Fold(strings.Join(strings.Fields(text), " "))
	if q == "" || utf8.RuneCountInString(q) > 100 || strings.ContainsRune(q, 0) {
		return nil, nil
	}
	bare, types := withoutForm(q)
	name := "(u.name_fold LIKE ? ESCAPE '!' OR u.name_fold LIKE ? ESCAPE '!')"
	own := name
	ownArgs := []any{begins(q), within(q)}
	if len(types) > 0 {
		own += " OR u.type IN (?" + strings.Repeat(", ?", len(types)-1) + ") AND " + name
		ownArgs = append(ownArgs, types...)
		ownArgs = append(ownArgs, begins(bare), within(bare))
	}
	find := "SELECT " + columns + " FROM (SELECT u.*, CASE" +
		" WHEN u.name_fold = ? OR u.code = ? OR u.name_fold = ? THEN 0" +
		" WHEN u.name_fold LIKE ? ESCAPE '!' THEN 1" +
		" WHEN " + own + " THEN 2 ELSE 3 END AS place" +
		" FROM unit u WHERE " + valid + " AND (u.code = ? OR " + own +
		" OR EXISTS (SELECT 1 FROM unit_predecessor p WHERE p.path = u.path AND" +
		" (p.predecessor_code = ? OR p.name_fold LIKE ? ESCAPE '!' OR p.name_fold LIKE ? ESCAPE '!')))) AS found" +
		" ORDER BY place, name_sort, path LIMIT ?"
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		args := []any{q, q, bare, begins(bare)}
		args = append(args, ownArgs...)
		args = append(args, tx.NowMS(), tx.NowMS(), q)
		args = append(args, ownArgs...)
		args = append(args, q, begins(q), within(q), searchMax)
		all, err = db.All(tx, find, args, scanUnit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("search units: %w", err)
	}
	return all, nil
}

// withoutForm takes the word of a type, or what it is shortened to, off the
// front of a folded text and tells which types it may stand for.
func withoutForm(q string) (bare string, types []any) {
	bare = q
	for _, k := range kinds() {
		for _, form := range append([]string{lang.Fold(k.form)}, k.short...) {
			rest, ok := strings.CutPrefix(q, form+" ")
			switch {
			case !ok || form == "" || len(rest) > len(bare):
				continue
			case len(rest) < len(bare): // "khu pho" is more than "khu"
				bare, types = rest, nil
			}
			types = append(types, string(k.Type))
		}
	}
	return bare, types
}

// begins and within are patterns for a text at the beginning of a name, and of
// any later word in it.
func begins(q string) string { return escapeLike(q) + "%" }
func within(q string) string { return "% " + escapeLike(q) + "%" }

func escapeLike(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s)
}

// day is a date as people here write it.
func day(t time.Time) string { return t.In(loa.Zone()).Format("02/01/2006") }
