// Package office keeps the register of offices: the bodies that write, handle
// and answer (people's committees, departments, the editorial board, police,
// clinics, utilities), the unit each belongs to, and the units each works for.
//
// An office that is closed stays, so that last year's bulletins still have an
// author; posts of a closed office give no rights (package people).
package office

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/lang"
	"loa/unit"
)

// Register is the register of offices in one database.
type Register struct {
	DB *db.DB
}

// Kind says what sort of body an office is.
type Kind string

// The kinds.
const (
	Committee  Kind = "ubnd"         // Ủy ban nhân dân: a unit's own government
	Department Kind = "so"           // sở, ban, ngành
	Editors    Kind = "ban_bien_tap" // Ban Biên tập: approves for whoever has no approver
	Station    Kind = "dai"          // Đài truyền thanh
	Police     Kind = "cong_an"
	Clinic     Kind = "tram_y_te"
	Power      Kind = "dien_luc"
	Other      Kind = "khac"
)

// Kinds is every kind, for a form that offers them.
func Kinds() []Kind {
	return []Kind{Committee, Department, Editors, Station, Police, Clinic, Power, Other}
}

// Office is one body.
type Office struct {
	ID     string
	Kind   Kind
	Name   string // as it stands in a sentence: "UBND xã Đồng Sậy"
	Path   loa.Path
	Serves []loa.Path // the units it works for, each with all below it
	From   time.Time  // the first moment it exists
	To     time.Time  // the first moment it no longer does; zero: it goes on
}

// At reports whether the office exists at t.
func (o Office) At(t time.Time) bool {
	return !t.Before(o.From) && (o.To.IsZero() || t.Before(o.To))
}

// check is everything about an office that can be said without the register.
func (o Office) check() error {
	if !slices.Contains(Kinds(), o.Kind) {
		return loa.Errorf(loa.Invalid, "office.kind_unknown", loa.Clip(string(o.Kind)))
	}
	if o.Name == "" || utf8.RuneCountInString(o.Name) > 200 || strings.ContainsFunc(o.Name, unprintable) {
		return loa.Errorf(loa.Invalid, "office.name_bad", loa.Clip(o.Name))
	}
	if !o.To.IsZero() && !o.To.After(o.From) {
		return loa.Errorf(loa.Invalid, "office.ends_before_start", o.Name)
	}
	return nil
}

func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

// Add writes a new office. ID is given; From is now unless it says otherwise,
// and Serves is the office's own unit unless it names others. It needs
// people.manage over the office's unit and over every unit it works for, so
// that nobody puts an office of their own between a commune and its people.
func (r *Register) Add(ctx context.Context, who loa.Actor, o Office) (Office, error) {
	o.Name = strings.Join(strings.Fields(norm.NFC.String(o.Name)), " ")
	if len(o.Serves) == 0 {
		o.Serves = []loa.Path{o.Path}
	}
	o.Serves = slices.Compact(slices.Sorted(slices.Values(o.Serves)))
	asked := o
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		o = asked // Write may run this again
		o.ID = loa.NewID(tx.Now())
		if o.From.IsZero() {
			o.From = tx.Now()
		}
		if err := o.check(); err != nil {
			return err
		}
		for _, path := range append([]loa.Path{o.Path}, o.Serves...) {
			if err := must(who, path); err != nil {
				return err
			}
			if _, err := unit.FindTx(tx, path); err != nil {
				return err
			}
		}
		return insert(tx, who, o)
	})
	switch {
	case db.IsUnique(err):
		return Office{}, loa.Errorf(loa.Conflict, "office.exists", o.Name).Because(err)
	case err != nil:
		return Office{}, fmt.Errorf("add office: %w", err)
	}
	return o, nil
}

func insert(tx *db.Tx, who loa.Actor, o Office) error {
	var to any
	if !o.To.IsZero() {
		to = o.To.UnixMilli()
	}
	_, err := tx.Exec("INSERT INTO office (id, path, kind, name, name_sort, valid_from, valid_to) VALUES (?, ?, ?, ?, ?, ?, ?)",
		o.ID, string(o.Path), string(o.Kind), o.Name, lang.SortKey(o.Name), o.From.UnixMilli(), to)
	if err != nil {
		return err
	}
	rows := make([][]any, len(o.Serves))
	for i, path := range o.Serves {
		rows[i] = []any{o.ID, string(path)}
	}
	if err := tx.Insert("office_unit", []string{"office", "path"}, rows); err != nil {
		return err
	}
	_, err = journal.Append(tx, who, journal.Entry{Verb: "office.added", Path: o.Path, Subject: o.ID,
		Data: map[string]any{"name": o.Name, "kind": o.Kind, "serves": o.Serves}})
	return err
}

// Close ends an office now: its posts give no rights from here on. It needs
// people.manage over the office's unit.
func (r *Register) Close(ctx context.Context, who loa.Actor, id string) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Lock("office", id); err != nil && !errors.Is(err, db.ErrNone) {
			return err
		}
		o, err := FindTx(tx, id)
		if err != nil {
			return err
		}
		if err := must(who, o.Path); err != nil {
			return err
		}
		if !o.At(tx.Now()) {
			return loa.Errorf(loa.Conflict, "office.closed", o.Name)
		}
		if _, err := tx.Exec("UPDATE office SET valid_to = ? WHERE id = ?", tx.NowMS(), id); err != nil {
			return err
		}
		_, err = journal.Append(tx, who, journal.Entry{Verb: "office.closed", Path: o.Path, Subject: id,
			Data: map[string]any{"name": o.Name}})
		return err
	})
	if err != nil {
		return fmt.Errorf("close office: %w", err)
	}
	return nil
}

// Find is FindTx in a transaction of its own.
func (r *Register) Find(ctx context.Context, id string) (o Office, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		o, err = FindTx(tx, id)
		return err
	})
	return o, err
}

// FindTx is the office with this id, closed or not; otherwise office.unknown.
func FindTx(tx *db.Tx, id string) (Office, error) {
	all, err := list(tx, "id = ?", id)
	if err != nil {
		return Office{}, fmt.Errorf("find office: %w", err)
	}
	if len(all) == 0 {
		return Office{}, loa.Errorf(loa.NotFound, "office.unknown", loa.Clip(id))
	}
	return all[0], nil
}

// List is every office that exists now and belongs to the unit at path or one
// below it, in Vietnamese order.
func (r *Register) List(ctx context.Context, path loa.Path) (all []Office, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		from, to := db.PrefixRange(string(path))
		all, err = list(tx, "(path = ? OR path >= ? AND path < ?) AND "+valid, string(path), from, to, tx.NowMS(), tx.NowMS())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list offices: %w", err)
	}
	return all, nil
}

// Under is every office that exists now and belongs to the unit at path or one
// below it, the nearest to path first.
func Under(tx *db.Tx, path loa.Path) ([]Office, error) {
	from, to := db.PrefixRange(string(path))
	all, err := list(tx, "(path = ? OR path >= ? AND path < ?) AND "+valid, string(path), from, to, tx.NowMS(), tx.NowMS())
	if err != nil {
		return nil, fmt.Errorf("list offices: %w", err)
	}
	slices.SortStableFunc(all, func(a, b Office) int { return strings.Compare(string(a.Path), string(b.Path)) })
	return all, nil
}

// Serving is every office that exists now and works for the unit at path,
// because it works for that unit or for one above it: who may be asked there.
func (r *Register) Serving(ctx context.Context, path loa.Path) (all []Office, err error) {
	var marks []string
	var args []any
	for _, up := range path.Up() {
		marks = append(marks, "?")
		args = append(args, string(up))
	}
	if len(args) == 0 {
		return nil, nil
	}
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = list(tx, "id IN (SELECT office FROM office_unit WHERE path IN ("+strings.Join(marks, ", ")+")) AND "+valid,
			append(args, tx.NowMS(), tx.NowMS())...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list offices that serve: %w", err)
	}
	return all, nil
}

// valid is the condition that an office exists at a time, given twice.
const valid = "valid_from <= ? AND (valid_to IS NULL OR valid_to > ?)"

// list is the offices for which the condition holds.
func list(tx *db.Tx, where string, args ...any) ([]Office, error) {
	all, err := db.All(tx, "SELECT id, kind, name, path, valid_from, valid_to FROM office WHERE "+where+" ORDER BY name_sort, path, id", args, scan)
	if err != nil {
		return nil, err
	}
	type pair struct {
		office string
		path   loa.Path
	}
	pairs, err := db.All(tx, "SELECT office, path FROM office_unit WHERE office IN (SELECT id FROM office WHERE "+where+") ORDER BY path", args,
		func(scan func(...any) error) (p pair, err error) {
			err = scan(&p.office, &p.path)
			return p, err
		})
	if err != nil {
		return nil, err
	}
	serves := map[string][]loa.Path{}
	for _, p := range pairs {
		serves[p.office] = append(serves[p.office], p.path)
	}
	for i := range all {
		all[i].Serves = serves[all[i].ID]
	}
	return all, nil
}

func scan(scan func(...any) error) (Office, error) {
	var o Office
	var from int64
	var to *int64
	err := scan(&o.ID, &o.Kind, &o.Name, &o.Path, &from, &to)
	o.From = time.UnixMilli(from).UTC()
	if to != nil {
		o.To = time.UnixMilli(*to).UTC()
	}
	return o, err
}

// must asks for people.manage over path, but lets the program's own jobs build
// the register: the first start, the demo, a restore.
func must(who loa.Actor, path loa.Path) error {
	if who.ID == loa.System().ID {
		return nil
	}
	return who.Must(loa.RightPeople, path)
}
