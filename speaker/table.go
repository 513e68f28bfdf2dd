package speaker

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"loa"
	"loa/db"
	"loa/lang"
	"loa/sheet"
	"loa/unit"
	"loa/wire"
)

// Poles is the register of poles as a table (package sheet). Label gives the
// Vietnamese word of a choice, as the pages say it.
type Poles struct {
	Label func(key string) string
}

// Right is what somebody who imports poles must hold.
func (Poles) Right() loa.Right { return loa.RightSpeakers }

func (t Poles) options(prefix string, keys []string) []sheet.Option {
	all := make([]sheet.Option, len(keys))
	for i, k := range keys {
		all[i] = sheet.Option{Key: k, Label: t.Label(prefix + k)}
	}
	return all
}

// Table is the form of the register at a place: the communes, hamlets and
// former communes there may be chosen.
func (t Poles) Table(tx *db.Tx, place loa.Path) (sheet.Table, error) {
	units, err := unit.Under(tx, place)
	if err != nil {
		return sheet.Table{}, err
	}
	var communes, hamlets, former []sheet.Option
	at := place.Commune()
	if at != "" && at != place { // a hamlet: its commune is the only one
		c, err := unit.FindTx(tx, at)
		if err != nil {
			return sheet.Table{}, err
		}
		units = append(units, c)
	}
	for _, u := range units {
		o := sheet.Option{Key: string(u.Path), Label: u.FullName(), Also: []string{u.Name}, In: string(u.Path.Commune())}
		switch u.Level {
		case unit.Commune:
			communes = append(communes, sheet.Option{Key: string(u.Path), Label: u.FullName(), Also: []string{u.Name, u.Code}})
		case unit.Hamlet:
			hamlets = append(hamlets, o)
		case unit.Former:
			former = append(former, o)
		}
	}
	byName := func(a, b sheet.Option) int { return strings.Compare(lang.SortKey(a.Label), lang.SortKey(b.Label)) }
	for _, list := range [][]sheet.Option{communes, hamlets, former} {
		slices.SortStableFunc(list, byName)
	}
	return sheet.Table{Name: "cum-loa", Title: "Danh sách cụm loa", Columns: []sheet.Column{
		{Key: "code", Heading: "Mã cụm", Also: []string{"mã", "mã cụm loa"}, Kind: sheet.Code, Max: wire.MaxCode, Note: "Mã in dưới loa. Cụm mới để trống, hệ thống tự cấp; mã có sẵn thì hàng này sửa cụm ấy.", Example: "DS01"},
		{Key: "name", Heading: "Tên cụm loa", Also: []string{"tên", "cụm loa"}, Kind: sheet.Text, Required: true, Max: 100, Note: "Tên bà con gọi.", Example: "Cổng Chùa"},
		{Key: "commune", Heading: "Xã, phường", Also: []string{"xã", "phường", "mã xã"}, Kind: sheet.Choice, Required: at == "", Choices: communes, Note: "Tên hoặc mã 5 số."},
		{Key: "hamlet", Heading: "Thôn, tổ dân phố", Also: []string{"thôn", "bản", "ấp", "khu phố", "tổ dân phố"}, Kind: sheet.Choice, Choices: hamlets, Within: "commune", Note: "Để trống nếu cụm là của cả xã."},
		{Key: "former", Heading: "Xã cũ", Also: []string{"đài cũ", "đơn vị cũ"}, Kind: sheet.Choice, Choices: former, Within: "commune", Note: "Xã trước khi sắp xếp, nếu còn gọi tên."},
		{Key: "lat", Heading: "Vĩ độ", Kind: sheet.Number, From: 7, To: 24, Note: "Độ, WGS 84.", Example: "20,4215"},
		{Key: "lon", Heading: "Kinh độ", Kind: sheet.Number, From: 101, To: 118, Note: "Độ, WGS 84.", Example: "106,1533"},
		{Key: "cap", Heading: "Âm lượng tối đa (%)", Also: []string{"âm lượng"}, Kind: sheet.Number, From: 1, To: 100, Whole: true, Note: "Không bao giờ vượt quá. Để trống: cụm mới 80, cụm có sẵn giữ nguyên.", Example: "80"},
		{Key: "technology", Heading: "Công nghệ", Kind: sheet.Choice, Choices: t.options("technology.", Technologies()), Note: "Để trống là ứng dụng CNTT-VT."},
		{Key: "vendor", Heading: "Hãng", Also: []string{"nhà cung cấp", "hãng sản xuất"}, Kind: sheet.Text},
		{Key: "model", Heading: "Kiểu máy", Also: []string{"model"}, Kind: sheet.Text},
		{Key: "serial", Heading: "Số máy", Also: []string{"serial", "số seri"}, Kind: sheet.Code, Max: 60},
		{Key: "iccid", Heading: "Số SIM (ICCID)", Also: []string{"iccid", "sim"}, Kind: sheet.Code, Max: 22, Note: "18 đến 22 chữ số in trên SIM; ô phải ở dạng Văn bản, nếu không Excel làm tròn mất số cuối.", Example: "8984040000012345678"},
		{Key: "carrier", Heading: "Nhà mạng", Kind: sheet.Text, Max: 60},
		{Key: "sim_until", Heading: "SIM đóng cước đến ngày", Also: []string{"hạn sim", "cước sim đến"}, Kind: sheet.Date, Example: "31/01/2027"},
		{Key: "horns", Heading: "Số loa", Also: []string{"số củ loa"}, Kind: sheet.Number, To: 64, Whole: true, Example: "2"},
		{Key: "watts", Heading: "Công suất (W)", Also: []string{"công suất"}, Kind: sheet.Number, To: 5000, Whole: true, Example: "60"},
		{Key: "power", Heading: "Nguồn điện", Kind: sheet.Choice, Choices: t.options("power.", Powers())},
		{Key: "owner", Heading: "Chủ quản", Also: []string{"chủ sở hữu"}, Kind: sheet.Text, Example: "UBND xã"},
		{Key: "installed", Heading: "Ngày lắp", Also: []string{"ngày lắp đặt"}, Kind: sheet.Date, Example: "15/03/2025"},
		{Key: "sensitive", Heading: "Gần nơi cần yên tĩnh", Also: []string{"nơi nhạy cảm"}, Kind: sheet.Choice, Choices: t.options("sensitive.", Sensitives())},
		{Key: "note", Heading: "Ghi chú", Kind: sheet.Text, Max: 300},
	}}, nil
}

// Rows are the poles at or below a place.
func (Poles) Rows(tx *db.Tx, place loa.Path) ([]map[string]string, error) {
	poles, err := polesUnder(tx, place)
	if err != nil {
		return nil, err
	}
	all := make([]map[string]string, len(poles))
	for i, p := range poles {
		cells := map[string]string{"code": p.Code, "name": p.Name, "commune": string(p.Path.Commune()), "cap": fmt.Sprint(p.Cap),
			"technology": p.Technology, "vendor": p.Vendor, "model": p.Model, "serial": p.Serial, "iccid": p.ICCID, "carrier": p.Carrier,
			"power": p.Power, "owner": p.Owner, "installed": p.Installed, "sensitive": p.Sensitive, "note": p.Note, "sim_until": p.SIMUntil}
		if p.Path != p.Path.Commune() {
			cells["hamlet"] = string(p.Path)
		}
		if f := p.former(); f != "" {
			cells["former"] = string(f)
		}
		if p.At != nil {
			cells["lat"], cells["lon"] = degrees(p.At.Lat), degrees(p.At.Lon)
		}
		for key, n := range map[string]int{"horns": p.Horns, "watts": p.Watts} {
			if n > 0 {
				cells[key] = fmt.Sprint(n)
			}
		}
		all[i] = cells
	}
	return all, nil
}

// former is the former commune among a pole's further paths.
func (p Pole) former() loa.Path {
	for _, z := range p.Zones {
		if strings.Contains(string(z), "/h/") {
			return z
		}
	}
	return ""
}

// degrees is a coordinate as people write it.
func degrees(micro int64) string {
	s := strings.TrimRight(fmt.Sprintf("%.6f", float64(micro)/1e6), "0")
	return strings.TrimSuffix(s, ".")
}

// state is a pole as an import keeps it: everything an import could have
// written, and how many boxes hang on it, so that a pole that has got a box
// since is not taken away from under it.
type state struct {
	Pole
	Boxes int
}

// text leaves out the zones, which follow from elsewhere.
func (s state) text() (string, error) {
	if s.Zones = slices.DeleteFunc(slices.Clone(s.Zones), isZone); len(s.Zones) == 0 {
		s.Zones = nil // written as none, not as an empty list
	}
	b, err := json.Marshal(s)
	return string(b), err
}

// Plan finds the pole each row means: by its code, or where there is none by its
// name in its place. So a file that is sent twice changes nothing the second time.
func (Poles) Plan(tx *db.Tx, who loa.Actor, place loa.Path, rows []sheet.Row) (changes []sheet.Change, wrong []sheet.Wrong, err error) {
	// Codes are unique in the whole node, so poles elsewhere must be known too.
	known, err := polesUnder(tx, place.Up()[len(place.Up())-1])
	if err != nil {
		return nil, nil, err
	}
	boxes, err := boxesOf(tx)
	if err != nil {
		return nil, nil, err
	}
	byCode, byName := map[string]Pole{}, map[string]Pole{}
	for _, p := range known {
		byCode[p.Code] = p
		byName[p.called()] = p
	}
	seen := map[string]int{} // what a row means → its line
	for _, row := range rows {
		bad := func(column string, err error) {
			wrong = append(wrong, sheet.Wrong{Line: row.Line, Column: column, Value: loa.Clip(row.Cells["name"]), Err: err})
		}
		p := fromRow(row, place).tidy()
		if p.Path == "" {
			bad("", loa.Errorf(loa.Invalid, "pole.no_commune"))
			continue
		}
		was, found := byCode[p.Code]
		if p.Code == "" {
			was, found = byName[p.called()]
		}
		if found {
			p = was.with(row, p)
		}
		if err := p.check(); err != nil {
			bad("", err)
			continue
		}
		if found && was.Path.Commune() != p.Path.Commune() {
			bad("Mã cụm", loa.Errorf(loa.Conflict, "pole.code_elsewhere", p.Code))
			continue
		}
		if err := who.Must(loa.RightSpeakers, p.Path); err != nil {
			bad("", err)
			continue
		}
		if (row.Cells["lat"] == "") != (row.Cells["lon"] == "") {
			bad("Vĩ độ", loa.Errorf(loa.Invalid, "pole.half_at"))
			continue
		}
		meant := p.Code
		if meant == "" {
			meant = p.called()
		}
		if first, twice := seen[meant]; twice {
			bad("", loa.Errorf(loa.Invalid, "sheet.twice", first))
			continue
		}
		seen[meant] = row.Line
		if found && reflect.DeepEqual(was, p) {
			continue
		}
		c := sheet.Change{Line: row.Line, Name: p.Name}
		if found {
			if c.Before, err = (state{was, boxes[p.ID]}).text(); err != nil {
				return nil, nil, err
			}
		} else {
			p.ID = loa.NewID(tx.Now())
			for p.Code == "" || byCode[p.Code].ID != "" {
				p.Code = strings.ToUpper(loa.NewID(tx.Now())[18:])
			}
			byCode[p.Code] = p
		}
		c.ID = p.ID
		if c.After, err = (state{p, boxes[p.ID]}).text(); err != nil {
			return nil, nil, err
		}
		changes = append(changes, c)
	}
	return changes, wrong, nil
}

// called is how a pole without a code is known: by its name in its place.
func (p Pole) called() string { return string(p.Path) + "\n" + lang.Fold(p.Name) }

// fromRow is the pole a row describes, before the register is asked.
func fromRow(row sheet.Row, place loa.Path) Pole {
	c := row.Cells
	p := Pole{Code: c["code"], Name: c["name"], Path: loa.Path(c["hamlet"]), Cap: int(row.Int("cap")), Facts: Facts{
		Technology: c["technology"], Vendor: c["vendor"], Model: c["model"], Serial: c["serial"], ICCID: c["iccid"], Carrier: c["carrier"],
		Horns: int(row.Int("horns")), Watts: int(row.Int("watts")), Power: c["power"], Owner: c["owner"], Installed: c["installed"],
		Sensitive: c["sensitive"], Note: c["note"], SIMUntil: c["sim_until"]}}
	if p.Path == "" {
		p.Path = loa.Path(c["commune"])
	}
	if p.Path == "" && place.Commune() != "" {
		p.Path = place
	}
	if p.Cap == 0 {
		p.Cap = 80
	}
	if c["former"] != "" {
		p.Zones = []loa.Path{loa.Path(c["former"])}
	}
	if c["lat"] != "" && c["lon"] != "" {
		p.At = &wire.Point{Lat: row.Micro("lat"), Lon: row.Micro("lon")}
	}
	return p
}

// with is a known pole with what a row says. A cell that is empty says nothing:
// whoever sends three columns changes three.
func (p Pole) with(row sheet.Row, said Pole) Pole {
	now := p
	now.Zones = slices.Clone(p.Zones)
	now.Name = said.Name
	if row.Cells["commune"] != "" || row.Cells["hamlet"] != "" {
		now.Path = said.Path
		if row.Cells["hamlet"] == "" && p.Path.Commune() == said.Path {
			now.Path = p.Path
		}
	}
	if row.Cells["cap"] != "" {
		now.Cap = said.Cap
	}
	if f := row.Cells["former"]; f != "" {
		now.Zones = slices.DeleteFunc(now.Zones, func(z loa.Path) bool { return z == p.former() })
		now.Zones = append(now.Zones, loa.Path(f))
	}
	if said.At != nil {
		now.At = said.At
	}
	if row.Cells["technology"] != "" {
		now.Technology = said.Technology
	}
	for _, f := range []struct {
		to   *string
		said string
	}{{&now.Vendor, said.Vendor}, {&now.Model, said.Model}, {&now.Serial, said.Serial}, {&now.ICCID, said.ICCID}, {&now.Carrier, said.Carrier},
		{&now.Power, said.Power}, {&now.Owner, said.Owner}, {&now.Installed, said.Installed}, {&now.Sensitive, said.Sensitive}, {&now.Note, said.Note}, {&now.SIMUntil, said.SIMUntil}} {
		if f.said != "" {
			*f.to = f.said
		}
	}
	if row.Cells["horns"] != "" {
		now.Horns = said.Horns
	}
	if row.Cells["watts"] != "" {
		now.Watts = said.Watts
	}
	return now
}

// States are poles as Change.After has them.
func (Poles) States(tx *db.Tx, ids []string) (map[string]string, error) {
	all := map[string]string{}
	boxes, err := boxesOf(tx)
	if err != nil {
		return nil, err
	}
	for part := range slices.Chunk(ids, 500) {
		args := make([]any, len(part))
		for i, id := range part {
			args[i] = id
		}
		poles, err := db.All(tx, `SELECT `+poleColumns+` FROM pole WHERE removed_at IS NULL AND id IN (?`+strings.Repeat(", ?", len(part)-1)+`)`, args, scanPole)
		if err != nil {
			return nil, err
		}
		for _, p := range poles {
			if all[p.ID], err = (state{p, boxes[p.ID]}).text(); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// Write brings poles from one state to another. A pole that an import added and
// that nothing has touched since goes without a trace but the journal's.
func (Poles) Write(tx *db.Tx, changes []sheet.Change) error {
	var fresh []Pole
	communes := map[loa.Path]bool{}
	for _, c := range changes {
		if c.After == "" {
			if _, err := tx.Exec(`DELETE FROM pole WHERE id = ?`, c.ID); err != nil {
				return err
			}
			continue
		}
		var s state
		if err := json.Unmarshal([]byte(c.After), &s); err != nil {
			return fmt.Errorf("read state of a pole: %w", err)
		}
		communes[s.Path.Commune()] = true
		if c.Before == "" {
			fresh = append(fresh, s.Pole)
			continue
		}
		if err := updatePole(tx, s.Pole); err != nil { // its zones come back below
			return err
		}
		if s.Boxes > 0 {
			if err := markStale(tx, s.Pole); err != nil {
				return err
			}
		}
	}
	if err := insertPoles(tx, fresh...); err != nil {
		if db.IsUnique(err) {
			return loa.Errorf(loa.Conflict, "sheet.stale").Because(err)
		}
		return err
	}
	for c := range communes {
		if _, err := rezone(tx, c); err != nil {
			return err
		}
	}
	return nil
}

func polesUnder(tx *db.Tx, place loa.Path) ([]Pole, error) {
	from, to := db.PrefixRange(string(place))
	return db.All(tx, `SELECT `+poleColumns+` FROM pole WHERE removed_at IS NULL AND (path = ? OR (path >= ? AND path < ?)) ORDER BY path, name_sort, id`,
		[]any{place, from, to}, scanPole)
}

// boxesOf counts the boxes of poles, waiting ones and codes given out too.
func boxesOf(tx *db.Tx) (map[string]int, error) {
	all := map[string]int{}
	_, err := db.All(tx, `SELECT pole_id, COUNT(*) FROM (SELECT pole_id FROM box UNION ALL SELECT pole_id FROM enrol_code) AS hung GROUP BY pole_id`, nil,
		func(scan func(...any) error) (struct{}, error) {
			var id string
			var n int
			err := scan(&id, &n)
			all[id] = n
			return struct{}{}, err
		})
	return all, err
}
