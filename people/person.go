package people

import (
	"context"
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

// Person is one person who may sign in.
type Person struct {
	ID       string
	Name     string
	Login    string
	Path     loa.Path // the unit the person belongs to; "" for those added at the machine
	TOTP     bool     // codes are set up
	Passkeys int      // how many there are
	Added    time.Time
	Disabled time.Time // zero: may sign in
}

// NewPerson is what AddPerson is given.
type NewPerson struct {
	Name     string
	Login    string   // 3 to 64 of a-z, 0-9 and . _ - @ once marks and capitals are folded
	Password string   // at least 10 characters, see password.go
	Path     loa.Path // the unit the person belongs to; only the machine may leave it empty
}

// AddPerson adds a person, who has no post and no right yet. It needs
// people.manage over the person's unit.
func (r *Register) AddPerson(ctx context.Context, who loa.Actor, n NewPerson) (Person, error) {
	n.Name = clean(n.Name)
	fold := foldLogin(n.Login)
	if err := checkName(n.Name); err != nil {
		return Person{}, err
	}
	if !isLogin(fold) {
		return Person{}, loa.Errorf(loa.Invalid, "people.login_bad", loa.Clip(n.Login))
	}
	if err := checkPassword(fold, n.Password); err != nil {
		return Person{}, err
	}
	hash := hashPassword(n.Password)
	var p Person
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		if err := mustManage(who, []loa.Path{n.Path}); err != nil {
			return err
		}
		if n.Path != "" {
			if _, err := unit.FindTx(tx, n.Path); err != nil {
				return err
			}
		}
		p = Person{ID: loa.NewID(tx.Now()), Name: n.Name, Login: strings.TrimSpace(n.Login), Path: n.Path, Added: tx.Now()}
		_, err := tx.Exec("INSERT INTO person (id, path, name, name_sort, login, login_fold, password, added_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			p.ID, string(p.Path), p.Name, lang.SortKey(p.Name), p.Login, fold, hash, tx.NowMS())
		if err != nil {
			return err
		}
		return p.note(tx, who, "people.added", map[string]any{"name": p.Name, "login": p.Login})
	})
	switch {
	case db.IsUnique(err):
		return Person{}, loa.Errorf(loa.Conflict, "people.login_taken", loa.Clip(n.Login)).Because(err)
	case err != nil:
		return Person{}, fmt.Errorf("add person: %w", err)
	}
	return p, nil
}

// SetPassword gives a person a new password and ends all their sessions. A
// person may change their own; somebody else's takes people.manage over all
// that the person's posts reach.
func (r *Register) SetPassword(ctx context.Context, who loa.Actor, person, password string) error {
	hash := hashPassword(password)
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := lockAccount(tx, person)
		if err != nil {
			return err
		}
		if who.ID != person {
			if err := mustReach(tx, who, a.Person); err != nil {
				return err
			}
		}
		if err := checkPassword(foldLogin(a.Login), password); err != nil {
			return err
		}
		if _, err := tx.Exec("UPDATE person SET password = ? WHERE id = ?", hash, person); err != nil {
			return err
		}
		if err := endSessions(tx, person); err != nil {
			return err
		}
		return a.note(tx, who, "people.password_set", nil)
	})
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	return nil
}

// Disable ends a person's sessions and links and lets them sign in no more. The
// row stays, for what it has written in the book. Nobody can disable themselves:
// the last one to manage people would be locked out.
func (r *Register) Disable(ctx context.Context, who loa.Actor, person string) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := lockAccount(tx, person)
		if err != nil {
			return err
		}
		if who.ID == person {
			return loa.Errorf(loa.Conflict, "people.disable_self")
		}
		if err := mustReach(tx, who, a.Person); err != nil {
			return err
		}
		if _, err := tx.Exec("UPDATE person SET disabled_at = ? WHERE id = ?", tx.NowMS(), person); err != nil {
			return err
		}
		if err := endSessions(tx, person); err != nil {
			return err
		}
		if _, err := tx.Exec("DELETE FROM signin_link WHERE person = ?", person); err != nil {
			return err
		}
		return a.note(tx, who, "people.disabled", nil)
	})
	if err != nil {
		return fmt.Errorf("disable person: %w", err)
	}
	return nil
}

// Person is the person with this id, disabled or not; otherwise people.unknown.
func (r *Register) Person(ctx context.Context, id string) (p Person, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		a, err := findAccount(tx, "id = ?", id)
		p = a.Person
		return err
	})
	return p, err
}

// People is everybody who belongs to the unit at path or one below it, or holds
// or will hold a post there, disabled people too, in Vietnamese order.
func (r *Register) People(ctx context.Context, path loa.Path) (all []Person, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		from, to := db.PrefixRange(string(path))
		list, err := accounts(tx, `path = ? OR path >= ? AND path < ?
			OR id IN (
				SELECT h.person FROM holder h JOIN post p ON p.id = h.post JOIN office o ON o.id = p.office
				WHERE (h.until_at IS NULL OR h.until_at > ?) AND (o.path = ? OR o.path >= ? AND o.path < ?)
			)`, string(path), from, to, tx.NowMS(), string(path), from, to)
		all = make([]Person, len(list))
		for i, a := range list {
			all[i] = a.Person
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list people: %w", err)
	}
	return all, nil
}

// note writes into the book what was done to the person.
func (p Person) note(tx *db.Tx, who loa.Actor, verb string, data any) error {
	_, err := journal.Append(tx, who, journal.Entry{Verb: verb, Path: p.Path, Subject: p.ID, Data: data})
	return err
}

// self is the person as the actor of what concerns only themselves.
func (p Person) self() loa.Actor { return loa.Actor{ID: p.ID, Name: p.Name} }

// mustManage asks for people.manage over every one of places, but lets the
// machine's own command (loa user) and the program's jobs build the register.
func mustManage(who loa.Actor, places []loa.Path) error {
	if who.ID == loa.System().ID {
		return nil
	}
	for _, p := range places {
		if err := who.Must(loa.RightPeople, p); err != nil {
			return err
		}
	}
	return nil
}

// mustReach is mustManage over all that the person is and may do, now or later:
// otherwise the manager of a commune could give somebody with rights over the
// province a new password, and be them.
func mustReach(tx *db.Tx, who loa.Actor, p Person) error {
	held, err := holdings(tx, "h.person = ? AND (h.until_at IS NULL OR h.until_at > ?)", p.ID, tx.NowMS())
	if err != nil {
		return err
	}
	return mustManage(who, reach(p.Path, held))
}

// reach is every place a person's unit and posts touch. A person without either
// was added at the machine and is managed there: "" is covered by no grant.
func reach(home loa.Path, held []Holding) []loa.Path {
	var all []loa.Path
	for _, h := range held {
		all = append(all, h.post.places()...)
	}
	if home != "" || len(all) == 0 {
		all = append(all, home)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// foldLogin is the login as it is compared: whoever types "Mận.LT" is "man.lt".
func foldLogin(s string) string { return lang.Fold(strings.TrimSpace(s)) }

// isLogin: the fold of a login, 3 to 64 characters that every keyboard has.
func isLogin(fold string) bool {
	return len(fold) >= 3 && len(fold) <= 64 && strings.Trim(fold, "abcdefghijklmnopqrstuvwxyz0123456789._-@") == ""
}

// clean is how names and titles are kept: NFC, single spaces.
func clean(s string) string { return strings.Join(strings.Fields(norm.NFC.String(s)), " ") }

// checkName: 1 to 100 visible characters, of a person, a title or a passkey.
func checkName(s string) error {
	hidden := func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
	if s == "" || utf8.RuneCountInString(s) > 100 || strings.ContainsFunc(s, hidden) {
		return loa.Errorf(loa.Invalid, "people.name_bad", loa.Clip(s))
	}
	return nil
}
