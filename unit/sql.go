package unit

import (
	"time"

	"loa"
	"loa/db"
	"loa/lang"
)

const columns = "path, code, parent, level, type, name, valid_from, valid_to"

// valid is the condition that a unit exists at a time, given twice.
const valid = "valid_from <= ? AND (valid_to IS NULL OR valid_to > ?)"

func scanUnit(scan func(...any) error) (Unit, error) {
	var u Unit
	var from int64
	var to *int64
	if err := scan(&u.Path, &u.Code, &u.Parent, &u.Level, &u.Type, &u.Name, &from, &to); err != nil {
		return Unit{}, err
	}
	u.From = time.UnixMilli(from).UTC()
	if to != nil {
		u.To = time.UnixMilli(*to).UTC()
	}
	return u, nil
}

// insertUnits writes new rows, with the keys that search and order read.
func insertUnits(tx *db.Tx, units []Unit) error {
	rows := make([][]any, len(units))
	for i, u := range units {
		rows[i] = []any{string(u.Path), u.Code, string(u.Parent), string(u.Level), string(u.Type), u.Name,
			lang.Fold(u.Name), lang.SortKey(u.Name), u.From.UnixMilli(), endMS(u)}
	}
	return tx.Insert("unit", []string{"path", "code", "parent", "level", "type", "name",
		"name_fold", "name_sort", "valid_from", "valid_to"}, rows)
}

// updateUnit writes what may change of a unit; its place in the tree may not.
func updateUnit(tx *db.Tx, u Unit) error {
	_, err := tx.Exec("UPDATE unit SET code = ?, type = ?, name = ?, name_fold = ?, name_sort = ?, valid_from = ?, valid_to = ? WHERE path = ?",
		u.Code, string(u.Type), u.Name, lang.Fold(u.Name), lang.SortKey(u.Name), u.From.UnixMilli(), endMS(u), string(u.Path))
	return err
}

func endMS(u Unit) any {
	if u.To.IsZero() {
		return nil
	}
	return u.To.UnixMilli()
}

// insertPredecessors writes the predecessors of units, given by path.
func insertPredecessors(tx *db.Tx, paths []loa.Path, of map[loa.Path][]Predecessor) error {
	var rows [][]any
	for _, path := range paths {
		for _, p := range of[path] {
			rows = append(rows, []any{string(path), p.Code, p.Name, lang.Fold(p.Name), string(p.Kind)})
		}
	}
	return tx.Insert("unit_predecessor", []string{"path", "predecessor_code", "predecessor_name", "name_fold", "kind"}, rows)
}

// allUnits is the whole register, ended units too, by path.
func allUnits(tx *db.Tx) (map[loa.Path]Unit, error) {
	list, err := db.All(tx, "SELECT "+columns+" FROM unit", nil, scanUnit)
	if err != nil {
		return nil, err
	}
	all := make(map[loa.Path]Unit, len(list))
	for _, u := range list {
		all[u.Path] = u
	}
	return all, nil
}

// allPredecessors is every predecessor by the unit's path, each list in the
// order of code and name.
func allPredecessors(tx *db.Tx) (map[loa.Path][]Predecessor, error) {
	type pair struct {
		path loa.Path
		Predecessor
	}
	list, err := db.All(tx, "SELECT path, predecessor_code, predecessor_name, kind FROM unit_predecessor ORDER BY path, predecessor_code, predecessor_name", nil,
		func(scan func(...any) error) (p pair, err error) {
			err = scan(&p.path, &p.Code, &p.Name, &p.Kind)
			return p, err
		})
	if err != nil {
		return nil, err
	}
	all := map[loa.Path][]Predecessor{}
	for _, p := range list {
		all[p.path] = append(all[p.path], p.Predecessor)
	}
	return all, nil
}
