package people

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"loa"
	"loa/db"
	"loa/lang"
	"loa/office"
	"loa/sheet"
	"loa/unit"
)

// Table is the register of people and their posts as a table (package sheet):
// thousands of hamlet heads and propagandists come so. Label gives the Vietnamese
// word of a choice, as the pages say it.
type Table struct {
	Label func(key string) string
}

// Right is what somebody who imports people must hold.
func (Table) Right() loa.Right { return loa.RightPeople }

// Table is the form at a place: its units, offices and the sets of rights may be
// chosen.
func (t Table) Table(tx *db.Tx, place loa.Path) (sheet.Table, error) {
	units, err := unit.Under(tx, place)
	if err != nil {
		return sheet.Table{}, err
	}
	if c := place.Commune(); c != "" && c != place { // a hamlet: its commune is the only one
		u, err := unit.FindTx(tx, c)
		if err != nil {
			return sheet.Table{}, err
		}
		units = append(units, u)
	}
	var communes, hamlets, sets []sheet.Option
	for _, u := range units {
		o := sheet.Option{Key: string(u.Path), Label: u.FullName(), Also: []string{u.Name}}
		switch u.Level {
		case unit.Province, unit.Commune:
			o.Also = append(o.Also, u.Code)
			communes = append(communes, o)
		case unit.Hamlet:
			o.In = string(u.Path.Commune())
			hamlets = append(hamlets, o)
		}
	}
	for _, list := range [][]sheet.Option{communes, hamlets} {
		slices.SortStableFunc(list, func(a, b sheet.Option) int { return cmp.Compare(lang.SortKey(a.Label), lang.SortKey(b.Label)) })
	}
	for _, s := range Sets() {
		sets = append(sets, sheet.Option{Key: string(s), Label: t.Label("set." + string(s))})
	}
	all, err := officesFor(tx, place)
	if err != nil {
		return sheet.Table{}, err
	}
	var offices []sheet.Option
	for _, o := range all {
		offices = append(offices, sheet.Option{Key: o.ID, Label: o.Name})
	}
	return sheet.Table{Name: "nguoi-va-chuc-danh", Title: "Người và chức danh", Columns: []sheet.Column{
		{Key: "name", Heading: "Họ tên", Also: []string{"họ và tên", "tên"}, Kind: sheet.Text, Required: true, Max: 100, Example: "Vũ Văn Thực"},
		{Key: "login", Heading: "Tên đăng nhập", Also: []string{"tài khoản"}, Kind: sheet.Code, Required: true, Max: 64, Note: "Chữ không dấu, chữ số; mỗi người một tên. Tên đã có thì hàng này sửa người ấy.", Example: "thuc.vv"},
		{Key: "commune", Heading: "Xã, phường", Also: []string{"xã", "phường", "mã xã", "đơn vị"}, Kind: sheet.Choice, Required: place.Commune() == "", Choices: communes, Note: "Tên hoặc mã; mã giữ nguyên số 0 ở đầu."},
		{Key: "hamlet", Heading: "Thôn, tổ dân phố", Also: []string{"thôn", "bản", "ấp", "khu phố", "tổ dân phố"}, Kind: sheet.Choice, Choices: hamlets, Within: "commune", Note: "Để trống nếu làm việc cho cả xã."},
		{Key: "office", Heading: "Cơ quan, đơn vị", Also: []string{"cơ quan", "đơn vị công tác"}, Kind: sheet.Choice, Choices: offices, Note: "Để trống là cơ quan của xã."},
		{Key: "title", Heading: "Chức danh", Also: []string{"chức vụ"}, Kind: sheet.Text, Max: 100, Note: "Để trống là tên của công việc.", Example: "Trưởng thôn Xuân Vực 4"},
		{Key: "set", Heading: "Công việc", Also: []string{"quyền", "nhóm quyền"}, Kind: sheet.Choice, Required: true, Choices: sets, Note: "Được làm gì ở địa bàn ghi trong hàng."},
		{Key: "email", Heading: "Thư điện tử", Also: []string{"email"}, Kind: sheet.Text, Max: 200, Note: "Địa chỉ công vụ, để đăng nhập bằng tài khoản của tỉnh."},
		{Key: "phone", Heading: "Điện thoại", Also: []string{"số điện thoại", "sđt"}, Kind: sheet.Code, Max: 20, Example: "0912345678"},
	}}, nil
}

// officesFor are the offices whose people an import at a place may name.
func officesFor(tx *db.Tx, place loa.Path) ([]office.Office, error) {
	at := place
	if c := place.Commune(); c != "" {
		at = c
	}
	return office.Under(tx, at)
}

// row is a person as an import keeps them: all it could have written, and what
// would show that they are more than a row by now.
type row struct {
	Person  string      `json:"person"`
	Name    string      `json:"name"`
	Login   string      `json:"login"`
	Path    loa.Path    `json:"path"`
	Email   string      `json:"email,omitempty"`
	Phone   string      `json:"phone,omitempty"`
	Office  string      `json:"office,omitempty"` // of the one post
	Post    string      `json:"post,omitempty"`
	Title   string      `json:"title,omitempty"`
	Rights  []loa.Grant `json:"rights,omitempty"`
	Holding string      `json:"holding,omitempty"`
	Used    int         `json:"used,omitempty"` // links, keys, sessions, holdings beyond the one: not the import's to take away
}

func (r row) text() (string, error) {
	b, err := json.Marshal(r)
	return string(b), err
}

// Rows are the people at or below a place with the post they hold longest.
func (Table) Rows(tx *db.Tx, place loa.Path) ([]map[string]string, error) {
	list, err := rowsOf(tx, there, thereArgs(tx, place)...)
	if err != nil {
		return nil, err
	}
	var all []map[string]string
	for _, r := range list {
		cells := map[string]string{"name": r.Name, "login": r.Login, "email": r.Email, "phone": r.Phone, "title": r.Title, "office": r.Office}
		at := r.Path
		if len(r.Rights) > 0 {
			at = r.Rights[0].Path
			for _, s := range Sets() {
				if sameRights(s.Rights(), r.Rights[0].Rights) {
					cells["set"] = string(s)
				}
			}
		}
		if cells["commune"] = string(at.Commune()); at.Commune() == "" {
			cells["commune"] = string(at)
		} else if at != at.Commune() {
			cells["hamlet"] = string(at)
		}
		all = append(all, cells)
	}
	return all, nil
}

func sameRights(a, b []loa.Right) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// Plan judges rows. A login that is there already is that person, whose name and
// addresses the row may change; posts of people who are there are given on their
// page, where one sees what they hold.
func (t Table) Plan(tx *db.Tx, who loa.Actor, place loa.Path, rows []sheet.Row) (changes []sheet.Change, wrong []sheet.Wrong, err error) {
	known := map[string]row{}
	emails := map[string]string{} // whose
	list, err := rowsOf(tx, "1 = 1")
	if err != nil {
		return nil, nil, err
	}
	for _, r := range list {
		known[foldLogin(r.Login)] = r
		if r.Email != "" {
			emails[r.Email] = r.Person
		}
	}
	offices, err := officesFor(tx, place)
	if err != nil {
		return nil, nil, err
	}
	seen := map[string]int{} // login → line
	for _, in := range rows {
		c := in.Cells
		bad := func(column string, err error) {
			wrong = append(wrong, sheet.Wrong{Line: in.Line, Column: column, Value: loa.Clip(c["login"]), Err: err})
		}
		n, err := NewPerson{Name: c["name"], Login: c["login"], Email: c["email"], Phone: c["phone"]}.clean()
		if err != nil {
			bad("", err)
			continue
		}
		at := loa.Path(cmp.Or(c["hamlet"], c["commune"], string(place)))
		fold := foldLogin(n.Login)
		if first, twice := seen[fold]; twice {
			bad("Tên đăng nhập", loa.Errorf(loa.Invalid, "sheet.twice", first))
			continue
		}
		seen[fold] = in.Line
		was, found := known[fold]
		if owner := emails[n.Email]; n.Email != "" && owner != "" && owner != was.Person {
			bad("Thư điện tử", loa.Errorf(loa.Conflict, "people.email_taken", n.Email))
			continue
		}
		r := row{Person: loa.NewID(tx.Now()), Name: n.Name, Login: n.Login, Path: at, Email: n.Email, Phone: n.Phone,
			Title: clean(cmp.Or(c["title"], t.Label("set."+c["set"]))), Rights: []loa.Grant{{Path: at, Rights: Set(c["set"]).Rights()}}}
		touches := []loa.Path{at}
		if found {
			if !was.holds(r) {
				bad("Chức danh", loa.Errorf(loa.Conflict, "people.import_holds", n.Login))
				continue
			}
			now := was
			now.Name, now.Email, now.Phone = r.Name, cmp.Or(r.Email, was.Email), cmp.Or(r.Phone, was.Phone)
			r, touches = now, append(touches, was.Path)
		} else {
			if r.Office = officeOf(offices, c["office"], at); r.Office == "" {
				bad("Cơ quan, đơn vị", loa.Errorf(loa.Invalid, "people.import_office"))
				continue
			}
			r.Post, r.Holding = loa.NewID(tx.Now()), loa.NewID(tx.Now())
			i := slices.IndexFunc(offices, func(o office.Office) bool { return o.ID == r.Office })
			touches = append(touches, offices[i].Path)
			if err := checkName(r.Title); err != nil {
				bad("Chức danh", err)
				continue
			}
		}
		if err := mustManage(who, touches); err != nil {
			bad("", err)
			continue
		}
		if n.Email != "" {
			emails[n.Email] = r.Person
		}
		change := sheet.Change{Line: in.Line, ID: r.Person, Name: r.Name}
		if change.After, err = r.text(); err != nil {
			return nil, nil, err
		}
		if found {
			if change.Before, err = was.text(); err != nil {
				return nil, nil, err
			}
			if change.Before == change.After {
				continue
			}
		}
		changes = append(changes, change)
	}
	return changes, wrong, nil
}

// holds reports whether a person who is there holds what a row says.
func (r row) holds(said row) bool {
	return len(r.Rights) > 0 && lang.Fold(r.Title) == lang.Fold(said.Title) && r.Rights[0].Path == said.Rights[0].Path &&
		sameRights(r.Rights[0].Rights, said.Rights[0].Rights)
}

// officeOf is the office a row names, or else that of the unit or of its commune.
func officeOf(all []office.Office, named string, at loa.Path) string {
	if named != "" {
		return named
	}
	for _, p := range []loa.Path{at, at.Commune()} {
		for _, o := range all {
			if o.Path == p {
				return o.ID
			}
		}
	}
	return ""
}

// States are people as Change.After has them.
func (Table) States(tx *db.Tx, ids []string) (map[string]string, error) {
	all := map[string]string{}
	for part := range slices.Chunk(ids, 500) {
		args := make([]any, len(part))
		for i, id := range part {
			args[i] = id
		}
		list, err := rowsOf(tx, "id IN (?"+strings.Repeat(", ?", len(part)-1)+")", args...)
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			if all[r.Person], err = r.text(); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// rowsOf are the people for whom the condition, on person, holds.
func rowsOf(tx *db.Tx, where string, args ...any) ([]row, error) {
	list, err := accounts(tx, where, args...)
	if err != nil {
		return nil, err
	}
	in := "h.person IN (SELECT id FROM person WHERE " + where + ") AND (h.until_at IS NULL OR h.until_at > ?)"
	held, err := holdings(tx, in, append(slices.Clone(args), tx.NowMS())...)
	if err != nil {
		return nil, err
	}
	first, n := map[string]Holding{}, map[string]int{}
	for _, h := range held {
		if n[h.Person]++; n[h.Person] == 1 {
			first[h.Person] = h
		}
	}
	used := map[string]int{}
	for _, table := range []string{"signin_link", "session", "identity", "told"} {
		if _, err := db.All(tx, "SELECT person, COUNT(*) FROM "+table+" WHERE person IN (SELECT id FROM person WHERE "+where+") GROUP BY person", args,
			func(scan func(...any) error) (struct{}, error) {
				var person string
				var count int
				err := scan(&person, &count)
				used[person] += count
				return struct{}{}, err
			}); err != nil {
			return nil, err
		}
	}
	all := make([]row, len(list))
	for i, a := range list {
		h := first[a.ID]
		r := row{Person: a.ID, Name: a.Name, Login: a.Login, Path: a.Path, Email: a.Email, Phone: a.Phone, Post: h.Post, Title: h.post.Title,
			Rights: h.post.Grants, Holding: h.ID, Office: h.office.ID, Used: used[a.ID] + max(0, n[a.ID]-1) + a.Passkeys}
		if a.Password || a.TOTP || !a.SignedIn.IsZero() || !a.Disabled.IsZero() {
			r.Used++
		}
		all[i] = r
	}
	return all, nil
}

// Write brings people from one state to another. Whoever an import added and who
// has not come in since goes with their post.
func (Table) Write(tx *db.Tx, changes []sheet.Change) error {
	var people, posts, rights, held [][]any
	for _, c := range changes {
		var before, after row
		for text, into := range map[string]*row{c.Before: &before, c.After: &after} {
			if text != "" {
				if err := json.Unmarshal([]byte(text), into); err != nil {
					return fmt.Errorf("read state of a person: %w", err)
				}
			}
		}
		switch {
		case c.After == "":
			for _, q := range []struct{ text, id string }{{"DELETE FROM holder WHERE id = ?", before.Holding}, {"DELETE FROM post_right WHERE post = ?", before.Post},
				{"DELETE FROM post WHERE id = ?", before.Post}, {"DELETE FROM person WHERE id = ?", before.Person}} {
				if _, err := tx.Exec(q.text, q.id); err != nil {
					return err
				}
			}
		case c.Before != "":
			if _, err := tx.Exec("UPDATE person SET name = ?, name_sort = ?, name_fold = ?, email = ?, phone = ? WHERE id = ?",
				after.Name, lang.SortKey(after.Name), lang.Fold(after.Name), after.Email, after.Phone, after.Person); err != nil {
				return stale(err)
			}
		default:
			people = append(people, []any{after.Person, string(after.Path), after.Name, lang.SortKey(after.Name), lang.Fold(after.Name), after.Login,
				foldLogin(after.Login), "", after.Email, after.Phone, tx.NowMS()})
			posts = append(posts, []any{after.Post, after.Office, after.Title, lang.SortKey(after.Title), tx.NowMS()})
			for _, g := range after.Rights {
				for _, right := range g.Rights {
					rights = append(rights, []any{after.Post, string(g.Path), string(right)})
				}
			}
			held = append(held, []any{after.Holding, after.Post, after.Person, tx.NowMS(), int64(0)})
		}
	}
	for _, w := range []struct {
		table   string
		columns []string
		rows    [][]any
	}{
		{"person", []string{"id", "path", "name", "name_sort", "name_fold", "login", "login_fold", "password", "email", "phone", "added_at"}, people},
		{"post", []string{"id", "office", "title", "title_sort", "added_at"}, posts},
		{"post_right", []string{"post", "path", `"right"`}, rights},
		{"holder", []string{"id", "post", "person", "from_at", "lent"}, held},
	} {
		if err := tx.Insert(w.table, w.columns, w.rows); err != nil {
			return stale(err)
		}
	}
	return nil
}

// stale says that somebody took a login or an address since the file was checked.
func stale(err error) error {
	if db.IsUnique(err) {
		return loa.Errorf(loa.Conflict, "sheet.stale").Because(err)
	}
	return err
}
