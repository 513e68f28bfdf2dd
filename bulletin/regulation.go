package bulletin

// Beside the line: the station's regulation (Quy chế hoạt động của Đài) as data,
// and the linter that holds sessions to it.

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/wire"
)

// Regulation is one version of a commune's regulation: the paper behind hours
// and sessions. The hours themselves reach speakers as a sealed policy; one form
// makes both.
type Regulation struct {
	ID          string
	Path        loa.Path
	Number      string // "31/QĐ-UBND"
	Basis       string // legal basis
	Hours       []wire.Hours
	Minutes     int // at most, a session
	Sessions    int // at most, a day
	NightFrom   int // minutes after midnight, equal to NightUntil for none
	NightUntil  int
	NightVolume int    // percent
	Override    string // why what the linter found was set all the same
	From        int64  // UTC ms, in force from
	Until       int64  // and before; 0 for no end
	Who         string
}

// Finding is one thing in which sessions and regulation disagree. Key has its
// sentence in the catalogue, with Name and Args.
type Finding struct {
	Key  string
	Name string // of the session
	Args []any
}

// Lint says in what sessions go against the regulation, and in what the
// regulation goes against the policies of the levels above.
func (r Regulation) Lint(frames []Frame, above []wire.Policy) (all []Finding) {
	perDay := map[int]int{}
	for _, fr := range frames {
		if fr.Until-fr.From > r.Minutes {
			all = append(all, Finding{"regulation.too_long", fr.Name, []any{fr.Name, fr.Until - fr.From, r.Minutes}})
		}
		for _, d := range fr.Days {
			perDay[d]++
			if !within(r.Hours, d, fr.From, fr.Until) {
				all = append(all, Finding{"regulation.outside_hours", fr.Name, []any{fr.Name, clock(fr.From), clock(fr.Until)}})
				break
			}
		}
	}
	for d := 1; d <= 7; d++ {
		if perDay[d] > r.Sessions {
			all = append(all, Finding{"regulation.too_many", "", []any{perDay[d], r.Sessions}})
			break
		}
	}
	for _, p := range above {
		for _, h := range r.Hours {
			for _, d := range h.Days {
				if !within(p.Hours, d, h.From, h.Until) {
					all = append(all, Finding{"regulation.wider", "", []any{clock(h.From), clock(h.Until), string(p.Path)}})
					return all
				}
			}
		}
	}
	return all
}

// within reports whether hours hold every minute of a span on a weekday.
func within(hours []wire.Hours, day, from, until int) bool {
	for at := from; at < until; {
		next := at
		for _, h := range hours {
			if slices.Contains(h.Days, day) && h.From <= at && at < h.Until {
				next = max(next, h.Until)
			}
		}
		if next == at {
			return false
		}
		at = next
	}
	return true
}

// clock writes minutes after midnight as people do.
func clock(minutes int) string { return fmt.Sprintf("%d:%02d", minutes/60, minutes%60) }

// check says what is wrong with a regulation by itself.
func (r Regulation) check() error {
	bad := strings.TrimSpace(r.Number) == "" || len(r.Number) > 100 || len(r.Basis) > 1000 || len(r.Override) > 500 ||
		r.Minutes < 1 || r.Minutes > 300 || r.Sessions < 1 || r.Sessions > len(Parts()) || len(r.Hours) == 0 || len(r.Hours) > 32 ||
		r.NightFrom < 0 || r.NightUntil > 1440 || r.NightFrom > r.NightUntil || r.NightFrom < r.NightUntil && (r.NightVolume < 1 || r.NightVolume > 100) ||
		r.From <= 0 || r.Until != 0 && r.Until <= r.From || r.Path == "" || r.Path.Commune() != r.Path
	for _, h := range r.Hours {
		bad = bad || h.From < 0 || h.Until > 1440 || h.From >= h.Until || len(h.Days) == 0
	}
	if bad {
		return loa.Errorf(loa.Invalid, "regulation.malformed")
	}
	return nil
}

// SetRegulation writes a version of the regulation. What the linter finds is
// refused until a reason is recorded with it.
func (f *Flow) SetRegulation(ctx context.Context, who loa.Actor, r Regulation) error {
	r.Number, r.Basis, r.Override = strings.TrimSpace(r.Number), strings.TrimSpace(r.Basis), strings.TrimSpace(r.Override)
	if err := r.check(); err != nil {
		return err
	}
	return f.write(ctx, who, r.Path, journal.Entry{Verb: "regulation.set", Subject: r.Number, Data: r}, func(tx *db.Tx) error {
		frames, err := framesOf(tx, r.Path)
		if err != nil {
			return err
		}
		if found := r.Lint(frames, nil); len(found) > 0 && r.Override == "" {
			return loa.Errorf(loa.Conflict, "regulation.against", found[0].Name)
		}
		lines := make([]string, len(r.Hours))
		for i, h := range r.Hours {
			lines[i] = fmt.Sprintf("%s %d %d", weekdays(h.Days), h.From, h.Until)
		}
		_, err = tx.Exec(`INSERT INTO regulation (id, path, number, basis, hours, minutes, sessions, night_from, night_until, night_volume,
				override, from_ms, until_ms, who, who_name, made_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			loa.NewID(tx.Now()), r.Path, r.Number, r.Basis, strings.Join(lines, "\n"), r.Minutes, r.Sessions, r.NightFrom, r.NightUntil, r.NightVolume,
			r.Override, r.From, r.Until, who.ID, who.Name, tx.NowMS())
		return err
	})
}

// Regulations lists the versions of a commune's regulation, the newest first.
func (f *Flow) Regulations(ctx context.Context, commune loa.Path) (all []Regulation, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = regulationsOf(tx, commune)
		return err
	})
	return all, err
}

// Regulation is the version in force at a moment, false if there is none.
func (f *Flow) Regulation(ctx context.Context, commune loa.Path, at time.Time) (r Regulation, ok bool, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		r, ok, err = regulationOn(tx, commune, at.UnixMilli())
		return err
	})
	return r, ok, err
}

func regulationsOf(tx *db.Tx, commune loa.Path) ([]Regulation, error) {
	return db.All(tx, `SELECT id, path, number, basis, hours, minutes, sessions, night_from, night_until, night_volume, override, from_ms, until_ms, who_name
		FROM regulation WHERE path = ? ORDER BY from_ms DESC, made_at DESC, id DESC`, []any{commune},
		func(scan func(...any) error) (r Regulation, err error) {
			var hours string
			err = scan(&r.ID, &r.Path, &r.Number, &r.Basis, &hours, &r.Minutes, &r.Sessions, &r.NightFrom, &r.NightUntil, &r.NightVolume,
				&r.Override, &r.From, &r.Until, &r.Who)
			if err != nil {
				return r, err
			}
			for line := range strings.Lines(hours) {
				h, err := readHours(line)
				if err != nil {
					return r, err
				}
				r.Hours = append(r.Hours, h)
			}
			return r, nil
		})
}

func readHours(line string) (h wire.Hours, err error) {
	words := strings.Fields(line)
	if len(words) != 3 {
		return h, fmt.Errorf("read hours: %q", line)
	}
	for _, d := range words[0] {
		h.Days = append(h.Days, int(d-'0'))
	}
	if h.From, err = strconv.Atoi(words[1]); err != nil {
		return h, fmt.Errorf("read hours: %w", err)
	}
	if h.Until, err = strconv.Atoi(words[2]); err != nil {
		return h, fmt.Errorf("read hours: %w", err)
	}
	return h, nil
}

// regulationOn is the version in force at a moment: the one that began last.
func regulationOn(tx *db.Tx, commune loa.Path, at int64) (Regulation, bool, error) {
	all, err := regulationsOf(tx, commune)
	if err != nil {
		return Regulation{}, false, err
	}
	for _, r := range all {
		if r.From <= at && (r.Until == 0 || at < r.Until) {
			return r, true, nil
		}
	}
	return Regulation{}, false, nil
}
