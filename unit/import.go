package unit

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
)

// Limits of one list: the largest there is, every hamlet of the country, has
// about 100,000 rows and 10 MB.
const (
	maxBytes = 32 << 20
	maxRows  = 200000
)

// header is the first line of a list, in any order.
func header() []string {
	return []string{"path", "code", "parent", "level", "type", "name", "valid_from", "valid_to", "predecessors"}
}

// Report says what a list did, or would do.
type Report struct {
	Rows    int // rows read
	Added   int // units the register did not have
	Changed int // units that differ from the register's
	Same    int // units that do not
	Errors  []RowError
}

// RowError is what is wrong with one row.
type RowError struct {
	Line int   // of the file, the header being line 1
	Err  error // a *loa.Error
}

// row is one line of a list; predecessors nil leaves those of the register.
type row struct {
	line         int
	unit         Unit
	predecessors []Predecessor
}

// Import takes a list of units, CSV in UTF-8 with the header
//
//	path,code,parent,level,type,name,valid_from,valid_to,predecessors
//
// All of it or nothing: one bad row and nothing is written (unit.import_refused),
// while Report.Errors tells every bad row. With dryRun nothing is written either
// way and the error is nil. A list may be given again: rows that say what the
// register says count as the same, and units that are not in the list stay.
//
// Dates are YYYY-MM-DD, from midnight in Viet Nam; valid_from left empty is the
// register's date, or now. A hamlet or a former commune may leave path empty and
// give its parent: it then is the one of that name there, or a new one; whoever
// ends a unit names its path. Parents may stand after their children. Predecessors are "code:kind:name" with ";"
// between them, kind being whole, part, listed or alias; an empty column leaves
// those of the register. Zones have members and are made with AddZone.
//
// Whoever imports needs people.manage over each unit added or changed.
func (r *Register) Import(ctx context.Context, who loa.Actor, list io.Reader, dryRun bool) (Report, error) {
	rows, bad, err := read(list)
	if err != nil {
		return Report{}, fmt.Errorf("read list: %w", err)
	}
	return r.apply(ctx, who, rows, bad, dryRun)
}

// apply plans in one transaction and, unless something is wrong or nobody
// wants it, writes in the same.
func (r *Register) apply(ctx context.Context, who loa.Actor, rows []row, bad []RowError, dryRun bool) (report Report, err error) {
	run := r.DB.Write
	if dryRun {
		run = r.DB.Read
	}
	err = run(ctx, func(tx *db.Tx) error {
		p, err := newPlan(tx, who)
		if err != nil {
			return err
		}
		p.take(tx, rows, bad)
		report = p.report()
		switch {
		case dryRun:
			return nil
		case len(report.Errors) > 0:
			return loa.Errorf(loa.Invalid, "unit.import_refused", len(report.Errors))
		}
		return p.write(tx)
	})
	if err != nil {
		err = fmt.Errorf("import units: %w", err)
	}
	if db.IsUnique(err) { // on PostgreSQL: somebody added the same unit since the plan was made
		err = loa.Errorf(loa.Conflict, "unit.import_again").Because(err)
	}
	return report, err
}

// read turns a list into rows; rows that cannot be read are in bad.
func read(list io.Reader) (rows []row, bad []RowError, err error) {
	limited := &io.LimitedReader{R: list, N: maxBytes + 1}
	buffered := bufio.NewReader(limited)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = buffered.Discard(3) // the byte order mark spreadsheets write; it was just peeked at
	}
	c := csv.NewReader(buffered)
	c.FieldsPerRecord = -1
	first, err := c.Read()
	var parse *csv.ParseError
	if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, &parse) {
		return nil, nil, err
	}
	column := map[string]int{}
	for i, name := range first {
		column[strings.ToLower(strings.TrimSpace(name))] = i
	}
	for _, name := range header() {
		if _, ok := column[name]; !ok {
			return nil, nil, loa.Errorf(loa.Invalid, "unit.header", name, strings.Join(header(), ","))
		}
	}
	for {
		record, err := c.Read()
		switch {
		case limited.N <= 0 || len(rows)+len(bad) > maxRows:
			return nil, nil, loa.Errorf(loa.Invalid, "unit.import_large", maxRows)
		case errors.Is(err, io.EOF):
			return rows, bad, nil
		case errors.As(err, &parse):
			bad = append(bad, RowError{parse.StartLine, loa.Errorf(loa.Invalid, "unit.row_unreadable").Because(err)})
			continue
		case err != nil:
			return nil, nil, err
		}
		line, _ := c.FieldPos(0)
		if len(record) != len(first) {
			bad = append(bad, RowError{line, loa.Errorf(loa.Invalid, "unit.row_unreadable").Because(csv.ErrFieldCount)})
			continue
		}
		one, err := readRow(func(name string) string { return strings.TrimSpace(record[column[name]]) })
		if err != nil {
			bad = append(bad, RowError{line, err})
			continue
		}
		one.line = line
		rows = append(rows, one)
	}
}

// readRow reads what one row says; whether it can be so is for the plan.
func readRow(field func(name string) string) (row, error) {
	u := Unit{
		Path:   loa.Path(field("path")),
		Code:   field("code"),
		Parent: loa.Path(field("parent")),
		Level:  Level(field("level")),
		Type:   Type(field("type")),
	}
	u.Name = cleanName(u.Type, field("name"))
	switch u.Level {
	case Country, Province, Commune, Hamlet, Former:
	default:
		return row{}, loa.Errorf(loa.Invalid, "unit.level_unknown", loa.Clip(string(u.Level)))
	}
	switch {
	case u.Path != "" && u.Parent == "":
		u.Parent = u.Path.Parent()
	case u.Path == "" && (u.Parent == "" || u.Level != Hamlet && u.Level != Former || field("valid_to") != ""):
		return row{}, loa.Errorf(loa.Invalid, "unit.path_missing", loa.Clip(u.Name))
	}
	var err error
	if u.From, err = readDay(field("valid_from")); err != nil {
		return row{}, err
	}
	if u.To, err = readDay(field("valid_to")); err != nil {
		return row{}, err
	}
	predecessors, err := readPredecessors(field("predecessors"))
	return row{unit: u, predecessors: predecessors}, err
}

// readDay is midnight of a date in Viet Nam, the zero time for "".
func readDay(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, s, loa.Zone())
	if err != nil || t.Year() < 1900 || t.Year() > 2200 {
		return time.Time{}, loa.Errorf(loa.Invalid, "unit.date_bad", loa.Clip(s))
	}
	return t.UTC(), nil
}

// readPredecessors reads "06970:alias; 97001:whole:thị trấn Đồng Rạ".
func readPredecessors(s string) ([]Predecessor, error) {
	var all []Predecessor
	for one := range strings.SplitSeq(s, ";") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		code, rest, _ := strings.Cut(one, ":")
		kind, name, _ := strings.Cut(rest, ":")
		p := Predecessor{Code: strings.TrimSpace(code), Kind: Kind(strings.TrimSpace(kind)), Name: cleanName("", name)}
		known := p.Kind == Whole || p.Kind == Part || p.Kind == Listed || p.Kind == Alias
		if !known || !isCode(p.Code) || p.Code == "" && p.Name == "" || p.Name != "" && !isName(p.Name) {
			return nil, loa.Errorf(loa.Invalid, "unit.predecessor_bad", loa.Clip(one))
		}
		all = append(all, p)
	}
	sortPredecessors(all)
	for i := 1; i < len(all); i++ {
		if all[i-1].Code == all[i].Code && all[i-1].Name == all[i].Name {
			return nil, loa.Errorf(loa.Invalid, "unit.predecessor_twice", loa.Clip(all[i].Code+" "+all[i].Name))
		}
	}
	return all, nil
}

func sortPredecessors(all []Predecessor) {
	slices.SortFunc(all, func(a, b Predecessor) int {
		if c := strings.Compare(a.Code, b.Code); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// plan is the register as it would be after a list.
type plan struct {
	who          loa.Actor
	units        map[loa.Path]Unit
	predecessors map[loa.Path][]Predecessor
	line         map[loa.Path]int  // where the list names a unit
	renewed      map[loa.Path]bool // its predecessors are written again

	rows                 int
	added, changed, same []loa.Path
	errors               []RowError
}

// newPlan is the register as it is.
func newPlan(tx *db.Tx, who loa.Actor) (*plan, error) {
	p := &plan{who: who, line: map[loa.Path]int{}, renewed: map[loa.Path]bool{}}
	var err error
	if p.units, err = allUnits(tx); err != nil {
		return nil, fmt.Errorf("read units: %w", err)
	}
	if p.predecessors, err = allPredecessors(tx); err != nil {
		return nil, fmt.Errorf("read predecessors: %w", err)
	}
	return p, nil
}

// take puts rows into the plan: each alone first, then what only the whole tells.
func (p *plan) take(tx *db.Tx, rows []row, bad []RowError) {
	p.errors = append(p.errors, bad...)
	p.rows = len(rows) + len(bad)
	open := map[string]loa.Path{}
	for path, u := range p.units {
		if key := u.identity(); key != "" {
			open[key] = path
		}
	}
	for _, r := range rows {
		if r.unit.Path == "" {
			key := Unit{Parent: r.unit.Parent, Level: r.unit.Level, Type: r.unit.Type, Name: r.unit.Name}.identity()
			r.unit.Path = open[key]
			if r.unit.Path == "" {
				r.unit.Path = own(tx, r.unit.Parent, r.unit.Level)
			}
		}
		if err := p.takeRow(tx, r); err != nil {
			p.errors = append(p.errors, RowError{r.line, err})
		}
	}
	p.checkPlaces()
	p.checkIdentities()
	slices.SortStableFunc(p.errors, func(a, b RowError) int { return a.Line - b.Line })
}

// takeRow compares one row with the register.
func (p *plan) takeRow(tx *db.Tx, r row) error {
	u := r.unit
	before, known := p.units[u.Path]
	if u.From.IsZero() {
		u.From = tx.Now()
		if known {
			u.From = before.From
		}
	}
	if err := u.check(); err != nil {
		return err
	}
	if first, twice := p.line[u.Path]; twice {
		return loa.Errorf(loa.Invalid, "unit.twice", u.FullName(), first)
	}
	p.line[u.Path] = r.line
	if known && before.Level != u.Level {
		return loa.Errorf(loa.Invalid, "unit.level_differs", before.FullName(), string(before.Level))
	}
	renewed := len(r.predecessors) > 0 && !slices.Equal(r.predecessors, p.predecessors[u.Path])
	if known && before == u && !renewed {
		p.same = append(p.same, u.Path)
		return nil
	}
	if err := must(p.who, loa.RightPeople, u.Path); err != nil {
		return err
	}
	p.units[u.Path] = u
	if renewed {
		p.predecessors[u.Path] = r.predecessors
		p.renewed[u.Path] = true
	}
	if known {
		p.changed = append(p.changed, u.Path)
	} else {
		p.added = append(p.added, u.Path)
	}
	return nil
}

// touched are the units the plan adds or changes, in the order of their paths.
func (p *plan) touched() []loa.Path {
	return slices.Sorted(slices.Values(slices.Concat(p.added, p.changed)))
}

// checkPlaces: every unit lies below one of the right level that lasts at least
// as long, so that a merger says where each hamlet goes.
func (p *plan) checkPlaces() {
	below := map[loa.Path][]loa.Path{}
	for path, u := range p.units {
		below[u.Parent] = append(below[u.Parent], path)
	}
	for _, path := range p.touched() {
		u := p.units[path]
		parent, known := p.units[u.Parent]
		switch {
		case u.Level == Country:
		case !known:
			p.refuse(path, "unit.parent_unknown", u.FullName(), string(u.Parent))
		case !u.Level.under(parent.Level):
			p.refuse(path, "unit.parent_level", parent.FullName(), string(u.Level))
		case outlasts(u, parent):
			p.refuse(path, "unit.parent_ended", u.FullName(), parent.FullName(), day(parent.To))
		}
		for _, child := range slices.Sorted(slices.Values(below[path])) {
			if _, told := p.line[child]; !told && outlasts(p.units[child], u) {
				p.refuse(path, "unit.still_below", u.FullName(), p.units[child].FullName())
				break
			}
		}
	}
}

// outlasts reports whether u goes on after above has ended.
func outlasts(u, above Unit) bool {
	return !above.To.IsZero() && (u.To.IsZero() || u.To.After(above.To))
}

// checkIdentities: of two open units that could be taken for each other, the one
// in the list is wrong.
func (p *plan) checkIdentities() {
	seen := map[string]loa.Path{}
	for _, path := range slices.Sorted(maps.Keys(p.units)) {
		key := p.units[path].identity()
		other, twice := seen[key]
		switch {
		case key == "":
		case !twice:
			seen[key] = path
		case p.line[path] > 0:
			p.refuse(path, "unit.exists", p.units[path].FullName())
		default: // the register was right before the list
			p.refuse(other, "unit.exists", p.units[other].FullName())
		}
	}
}

// identity is what no two open units share: the code of a province or commune,
// the name of a hamlet or former commune at its place. "" where there is none.
func (u Unit) identity() string {
	switch {
	case !u.To.IsZero():
		return ""
	case u.Level == Province || u.Level == Commune:
		return string(u.Level) + "\n" + u.Code
	case u.Level == Hamlet || u.Level == Former:
		return strings.Join([]string{string(u.Level), string(u.Parent), string(u.Type), u.Name}, "\n")
	}
	return ""
}

// refuse tells what is wrong with the row of a unit.
func (p *plan) refuse(path loa.Path, key string, args ...any) {
	p.errors = append(p.errors, RowError{p.line[path], loa.Errorf(loa.Invalid, key, args...)})
}

func (p *plan) report() Report {
	return Report{Rows: p.rows, Added: len(p.added), Changed: len(p.changed), Same: len(p.same), Errors: p.errors}
}

// write makes the register what the plan says and writes one row in the book.
func (p *plan) write(tx *db.Tx) error {
	// Out of the unique indexes first, so that two units may exchange names.
	for _, path := range p.changed {
		if _, err := tx.Exec("UPDATE unit SET valid_to = valid_from WHERE path = ?", string(path)); err != nil {
			return fmt.Errorf("change unit: %w", err)
		}
	}
	for _, path := range p.changed {
		if err := updateUnit(tx, p.units[path]); err != nil {
			return fmt.Errorf("change unit: %w", err)
		}
		if p.renewed[path] {
			if _, err := tx.Exec("DELETE FROM unit_predecessor WHERE path = ?", string(path)); err != nil {
				return fmt.Errorf("change predecessors: %w", err)
			}
		}
	}
	units := make([]Unit, len(p.added))
	for i, path := range p.added {
		units[i] = p.units[path]
	}
	if err := insertUnits(tx, units); err != nil {
		return fmt.Errorf("add units: %w", err)
	}
	if err := insertPredecessors(tx, slices.Sorted(maps.Keys(p.renewed)), p.predecessors); err != nil {
		return fmt.Errorf("add predecessors: %w", err)
	}
	_, err := journal.Append(tx, p.who, journal.Entry{Verb: "unit.imported", Path: common(p.touched()),
		Data: map[string]any{"rows": p.rows, "added": len(p.added), "changed": slices.Sorted(slices.Values(p.changed)), "same": len(p.same)}})
	return err
}

// common is the lowest place that covers all paths, "" when there is none.
func common(paths []loa.Path) loa.Path {
	if len(paths) == 0 {
		return ""
	}
	for _, p := range paths[0].Up() {
		if !slices.ContainsFunc(paths, func(q loa.Path) bool { return !p.Covers(q) }) {
			return p
		}
	}
	return ""
}
