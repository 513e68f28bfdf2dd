package unit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"loa"
	"loa/db"
	"loa/lang"
	"loa/sheet"
)

// Hamlets is the register of thôn, bản, ấp, tổ dân phố … as a table (package
// sheet). Used tells how many things lie in a place: a hamlet that something lies
// in is not taken away again.
type Hamlets struct {
	Used func(tx *db.Tx, path loa.Path) (int, error)
}

// Right is what somebody who imports hamlets must hold.
func (Hamlets) Right() loa.Right { return loa.RightPeople }

// Table is the form of the register at a place.
func (Hamlets) Table(tx *db.Tx, place loa.Path) (sheet.Table, error) {
	all, err := Under(tx, place)
	if err != nil {
		return sheet.Table{}, err
	}
	var communes, types []sheet.Option
	for _, u := range all {
		if u.Level == Commune {
			communes = append(communes, sheet.Option{Key: string(u.Path), Label: u.FullName(), Also: []string{u.Name, u.Code}})
		}
	}
	slices.SortStableFunc(communes, func(a, b sheet.Option) int { return strings.Compare(lang.SortKey(a.Label), lang.SortKey(b.Label)) })
	for _, t := range Types(Hamlet) {
		types = append(types, sheet.Option{Key: string(t), Label: FormOf(t)})
	}
	return sheet.Table{Name: "thon", Title: "Danh sách thôn, tổ dân phố", Columns: []sheet.Column{
		{Key: "commune", Heading: "Xã, phường", Also: []string{"xã", "phường", "mã xã"}, Kind: sheet.Choice, Required: place.Commune() == "", Choices: communes, Note: "Tên hoặc mã 5 số."},
		{Key: "type", Heading: "Loại", Kind: sheet.Choice, Required: true, Choices: types, Note: "Tên gọi của địa phương.", Example: "thôn"},
		{Key: "name", Heading: "Tên", Also: []string{"tên thôn", "tên tổ dân phố"}, Kind: sheet.Text, Required: true, Max: 100, Note: "Không cần viết lại loại.", Example: "Xuân Vực 4"},
	}}, nil
}

// Rows are the hamlets at or below a place.
func (Hamlets) Rows(tx *db.Tx, place loa.Path) ([]map[string]string, error) {
	all, err := Under(tx, place)
	if err != nil {
		return nil, err
	}
	var rows []map[string]string
	for _, u := range all {
		if u.Level == Hamlet {
			rows = append(rows, map[string]string{"commune": string(u.Path.Commune()), "type": string(u.Type), "name": u.Name})
		}
	}
	return rows, nil
}

// state is a hamlet as an import keeps it.
type state struct {
	Unit
	Used int
}

// Plan adds the hamlets that a commune does not have yet. A hamlet has no code,
// so its kind and name are what it is known by; it is renamed on its page.
func (h Hamlets) Plan(tx *db.Tx, who loa.Actor, place loa.Path, rows []sheet.Row) (changes []sheet.Change, wrong []sheet.Wrong, err error) {
	all, err := Under(tx, place)
	if err != nil {
		return nil, nil, err
	}
	called := func(u Unit) string {
		return string(u.Path.Commune()) + "\n" + string(u.Type) + "\n" + lang.Fold(u.Name)
	}
	known := map[string]int{} // 0: in the register, otherwise the line of the file
	for _, u := range all {
		if u.Level == Hamlet {
			known[called(u)] = 0
		}
	}
	for _, row := range rows {
		bad := func(err error) {
			wrong = append(wrong, sheet.Wrong{Line: row.Line, Value: loa.Clip(row.Cells["name"]), Err: err})
		}
		commune := loa.Path(row.Cells["commune"])
		if commune == "" {
			commune = place.Commune()
		}
		u := Unit{Parent: commune, Level: Hamlet, Type: Type(row.Cells["type"]), From: tx.Now()}
		u.Path, u.Name = own(tx, commune, Hamlet), cleanName(u.Type, row.Cells["name"])
		if err := u.check(); err != nil {
			bad(err)
			continue
		}
		if err := must(who, loa.RightPeople, commune); err != nil {
			bad(err)
			continue
		}
		line, found := known[called(u)]
		switch {
		case found && line == 0:
			continue
		case found:
			bad(loa.Errorf(loa.Invalid, "sheet.twice", line))
			continue
		}
		known[called(u)] = row.Line
		after, err := json.Marshal(state{Unit: u})
		if err != nil {
			return nil, nil, err
		}
		changes = append(changes, sheet.Change{Line: row.Line, ID: string(u.Path), Name: u.FullName(), After: string(after)})
	}
	return changes, wrong, nil
}

// States are hamlets as Change.After has them.
func (h Hamlets) States(tx *db.Tx, ids []string) (map[string]string, error) {
	all := map[string]string{}
	for _, id := range ids {
		u, err := FindTx(tx, loa.Path(id))
		if loa.CodeOf(err) == loa.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		n, err := h.Used(tx, u.Path)
		if err != nil {
			return nil, err
		}
		b, err := json.Marshal(state{u, n})
		if err != nil {
			return nil, err
		}
		all[id] = string(b)
	}
	return all, nil
}

// Write adds hamlets, or takes away again those an import added.
func (Hamlets) Write(tx *db.Tx, changes []sheet.Change) error {
	var fresh []Unit
	for _, c := range changes {
		if c.After == "" {
			if _, err := tx.Exec("DELETE FROM unit WHERE path = ?", c.ID); err != nil {
				return err
			}
			continue
		}
		var s state
		if err := json.Unmarshal([]byte(c.After), &s); err != nil {
			return fmt.Errorf("read state of a hamlet: %w", err)
		}
		fresh = append(fresh, s.Unit)
	}
	if err := insertUnits(tx, fresh); err != nil {
		if db.IsUnique(err) {
			return loa.Errorf(loa.Conflict, "sheet.stale").Because(err)
		}
		return err
	}
	return nil
}
