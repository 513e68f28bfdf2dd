package calendar

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/unit"
)

// Register keeps what places have decided about days.
type Register struct {
	DB *db.DB
}

// Book is BookOf in a transaction of its own.
func (r *Register) Book(ctx context.Context, place loa.Path) (b Book, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		b, err = BookOf(tx, place)
		return err
	})
	return b, err
}

// BookOf is what holds for a place: the rows of its own and of every place above
// it. Where two say something about one day, the nearer one is right.
func BookOf(tx *db.Tx, place loa.Path) (Book, error) {
	up := place.Up()
	if len(up) == 0 {
		return Book{}, nil
	}
	where := "path IN (?" + strings.Repeat(", ?", len(up)-1) + ")"
	args := make([]any, len(up))
	for i, p := range up {
		args[i] = string(p)
	}
	var b Book
	type row struct {
		Decided
		path loa.Path
	}
	rows, err := db.All(tx, "SELECT path, day, kind, name, basis FROM calendar_day WHERE "+where+" ORDER BY day, path DESC", args,
		func(scan func(...any) error) (r row, err error) {
			var day string
			if err := scan(&r.path, &day, &r.Kind, &r.Name, &r.Basis); err != nil {
				return r, err
			}
			r.Day, err = ParseDate(day)
			return r, err
		})
	if err != nil {
		return b, fmt.Errorf("read days: %w", err)
	}
	for _, r := range rows { // a longer path sorts after a shorter one it lies under, so the nearest comes first
		if n := len(b.Decided); n == 0 || b.Decided[n-1].Day != r.Day {
			b.Decided = append(b.Decided, r.Decided)
		}
	}
	b.Terms, err = db.All(tx, "SELECT id, name, first, last, week FROM school_term WHERE "+where+" ORDER BY first, id", args,
		func(scan func(...any) error) (t Term, err error) {
			var first, last string
			if err := scan(&t.ID, &t.Name, &first, &last, &t.Week); err != nil {
				return t, err
			}
			if t.From, err = ParseDate(first); err != nil {
				return t, err
			}
			t.Until, err = ParseDate(last)
			return t, err
		})
	if err != nil {
		return b, fmt.Errorf("read school terms: %w", err)
	}
	b.Markets, err = db.All(tx, "SELECT id, name, calendar, days FROM market WHERE "+where+" ORDER BY name, id", args,
		func(scan func(...any) error) (m Market, err error) {
			var days string
			if err := scan(&m.ID, &m.Name, &m.Calendar, &days); err != nil {
				return m, err
			}
			m.Days, err = ParseDays(days)
			return m, err
		})
	if err != nil {
		return b, fmt.Errorf("read markets: %w", err)
	}
	return b, nil
}

// Decide writes what a decision makes of a day, over what was written before. An
// empty kind takes the row back: the law holds again.
func (r *Register) Decide(ctx context.Context, who loa.Actor, place loa.Path, d Decided) error {
	d.Name, d.Basis = clean(d.Name), clean(d.Basis)
	if _, err := ParseDate(d.Day.String()); err != nil {
		return err
	}
	if d.Kind != "" && !slices.Contains(Decisions(), d.Kind) {
		return loa.Errorf(loa.Invalid, "calendar.kind", loa.Clip(d.Kind))
	}
	if bad(d.Name) || bad(d.Basis) || d.Kind == Festive && d.Name == "" {
		return loa.Errorf(loa.Invalid, "calendar.name", loa.Clip(d.Name))
	}
	return r.write(ctx, who, place, journal.Entry{Verb: "calendar.decided", Subject: d.Day.String(), Data: d}, func(tx *db.Tx) error {
		if d.Kind == "" {
			_, err := tx.Exec("DELETE FROM calendar_day WHERE path = ? AND day = ?", string(place), d.Day.String())
			return err
		}
		_, err := tx.Exec(`INSERT INTO calendar_day (path, day, kind, name, basis) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (path, day) DO UPDATE SET kind = excluded.kind, name = excluded.name, basis = excluded.basis`,
			string(place), d.Day.String(), d.Kind, d.Name, d.Basis)
		return err
	})
}

// AddTerm writes a span of school days.
func (r *Register) AddTerm(ctx context.Context, who loa.Actor, place loa.Path, t Term) error {
	t.Name = clean(t.Name)
	if w, ok := WeekOf(t.Week.Days()); !ok || w != t.Week || t.Week == "" || t.Name == "" || bad(t.Name) {
		return loa.Errorf(loa.Invalid, "calendar.name", loa.Clip(t.Name))
	}
	if t.From == 0 || t.Until < t.From || t.Until > t.From+400 {
		return loa.Errorf(loa.Invalid, "calendar.term", t.From.String(), t.Until.String())
	}
	return r.write(ctx, who, place, journal.Entry{Verb: "calendar.term_added", Subject: t.Name, Data: t}, func(tx *db.Tx) error {
		_, err := tx.Exec("INSERT INTO school_term (id, path, name, first, last, week) VALUES (?, ?, ?, ?, ?, ?)",
			loa.NewID(tx.Now()), string(place), t.Name, t.From.String(), t.Until.String(), string(t.Week))
		return err
	})
}

// AddMarket writes a market of a commune.
func (r *Register) AddMarket(ctx context.Context, who loa.Actor, place loa.Path, m Market) error {
	m.Name = clean(m.Name)
	if m.Name == "" || bad(m.Name) {
		return loa.Errorf(loa.Invalid, "calendar.name", loa.Clip(m.Name))
	}
	if err := m.check(); err != nil {
		return err
	}
	return r.write(ctx, who, place, journal.Entry{Verb: "calendar.market_added", Subject: m.Name, Data: m}, func(tx *db.Tx) error {
		_, err := tx.Exec("INSERT INTO market (id, path, name, calendar, days) VALUES (?, ?, ?, ?, ?)",
			loa.NewID(tx.Now()), string(place), m.Name, m.Calendar, m.SayDays())
		return err
	})
}

// Drop takes back a school term or a market of a place, by its id.
func (r *Register) Drop(ctx context.Context, who loa.Actor, place loa.Path, id string) error {
	return r.write(ctx, who, place, journal.Entry{Verb: "calendar.dropped", Subject: id}, func(tx *db.Tx) error {
		gone := 0
		for _, table := range []string{"school_term", "market"} {
			ids, err := db.All(tx, "DELETE FROM "+table+" WHERE id = ? AND path = ? RETURNING id", []any{id, string(place)},
				func(scan func(...any) error) (s string, err error) { return s, scan(&s) })
			if err != nil {
				return err
			}
			gone += len(ids)
		}
		if gone == 0 {
			return loa.Errorf(loa.NotFound, "calendar.unknown")
		}
		return nil
	})
}

// write makes a change and its row in the book. Days belong to whoever runs a
// station there.
func (r *Register) write(ctx context.Context, who loa.Actor, place loa.Path, entry journal.Entry, change func(*db.Tx) error) error {
	if err := who.Must(loa.RightDispatch, place); err != nil {
		return err
	}
	entry.Path = place
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := unit.FindTx(tx, place); err != nil {
			return err
		}
		if err := change(tx); err != nil {
			return err
		}
		_, err := journal.Append(tx, who, entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("change calendar: %w", err)
	}
	return nil
}

func clean(s string) string { return strings.Join(strings.Fields(norm.NFC.String(s)), " ") }

func bad(s string) bool {
	return utf8.RuneCountInString(s) > 200 || strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) })
}

// ParseDays reads the days of a market, "2, 7, 12".
func ParseDays(s string) (days []int, err error) {
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > 31 {
			return nil, loa.Errorf(loa.Invalid, "calendar.market_days", loa.Clip(s))
		}
		days = append(days, n)
	}
	return slices.Compact(slices.Sorted(slices.Values(days))), nil
}

// SayDays is the days of a market, "2, 7, 12".
func (m Market) SayDays() string {
	words := make([]string, len(m.Days))
	for i, n := range m.Days {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, ", ")
}

func (m Market) check() error {
	last := map[string]int{ByLunar: 30, BySolar: 31, ByWeek: 7}[m.Calendar]
	if len(m.Days) == 0 || slices.Min(m.Days) < 1 || slices.Max(m.Days) > last {
		return loa.Errorf(loa.Invalid, "calendar.market_days", m.SayDays())
	}
	return nil
}
