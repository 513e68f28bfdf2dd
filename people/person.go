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
	Email    string   // lower case; the province's sign-in finds a person by it
	Phone    string   // digits
	Password bool     // has chosen one
	TOTP     bool     // codes are set up
	Passkeys int      // how many there are
	Added    time.Time
	SignedIn time.Time // the last time; zero: never
	Disabled time.Time // zero: may sign in
	Cooling  time.Time // until then, after a recovery, no emergencies and no people; zero or past: no matter
}

// NewPerson is what AddPerson is given.
type NewPerson struct {
	Name     string
	Login    string   // 3 to 64 of a-z, 0-9 and . _ - @ once marks and capitals are folded
	Password string   // at least 10 characters, see password.go; "" until the person chooses one by a link
	Path     loa.Path // the unit the person belongs to; only the machine may leave it empty
	Email    string
	Phone    string
}

// AddPerson adds a person, who has no post and no right yet. It needs
// people.manage over the person's unit.
func (r *Register) AddPerson(ctx context.Context, who loa.Actor, n NewPerson) (p Person, err error) {
	n, err = n.clean()
	if err != nil {
		return Person{}, err
	}
	hash := n.hash()
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		p, err = addPerson(tx, who, n, hash)
		return err
	})
	if err != nil {
		return Person{}, fmt.Errorf("add person: %w", taken(err, n))
	}
	return p, nil
}

// clean checks and completes what was typed.
func (n NewPerson) clean() (NewPerson, error) {
	n.Name, n.Login = clean(n.Name), strings.TrimSpace(n.Login)
	if err := checkName(n.Name); err != nil {
		return n, err
	}
	fold := foldLogin(n.Login)
	if !isLogin(fold) {
		return n, loa.Errorf(loa.Invalid, "people.login_bad", loa.Clip(n.Login))
	}
	if n.Password != "" {
		if err := checkPassword(fold, n.Password); err != nil {
			return n, err
		}
	}
	var err error
	if n.Email, err = cleanEmail(n.Email); err != nil {
		return n, err
	}
	n.Phone, err = cleanPhone(n.Phone)
	return n, err
}

// hash takes its time, so it is made outside of any transaction.
func (n NewPerson) hash() string {
	if n.Password == "" {
		return ""
	}
	return hashPassword(n.Password)
}

// addPerson writes a person down; n is clean.
func addPerson(tx *db.Tx, who loa.Actor, n NewPerson, hash string) (Person, error) {
	if err := mustManage(who, []loa.Path{n.Path}); err != nil {
		return Person{}, err
	}
	if n.Path != "" {
		if _, err := unit.FindTx(tx, n.Path); err != nil {
			return Person{}, err
		}
	}
	p := Person{ID: loa.NewID(tx.Now()), Name: n.Name, Login: n.Login, Path: n.Path, Email: n.Email, Phone: n.Phone, Password: hash != "", Added: tx.Now()}
	_, err := tx.Exec(`INSERT INTO person (id, path, name, name_sort, name_fold, login, login_fold, password, email, phone, added_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, p.ID, string(p.Path), p.Name, lang.SortKey(p.Name), lang.Fold(p.Name), p.Login,
		foldLogin(p.Login), hash, p.Email, p.Phone, tx.NowMS())
	if err != nil {
		return Person{}, err
	}
	return p, p.note(tx, who, "people.added", map[string]any{"name": p.Name, "login": p.Login})
}

// taken says which of the two things nobody may share with another is shared.
func taken(err error, n NewPerson) error {
	switch {
	case !db.IsUnique(err):
		return err
	case strings.Contains(err.Error(), "email"):
		return loa.Errorf(loa.Conflict, "people.email_taken", loa.Clip(n.Email)).Because(err)
	}
	return loa.Errorf(loa.Conflict, "people.login_taken", loa.Clip(n.Login)).Because(err)
}

// ChangePerson changes how a person is called and reached. A person may change
// their own telephone; a name and an address by which the province's sign-in
// finds them take people.manage over all that their posts reach.
func (r *Register) ChangePerson(ctx context.Context, who loa.Actor, person string, n NewPerson) error {
	n.Login = "unchanged"
	n, err := n.clean()
	if err != nil {
		return err
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := lockAccount(tx, person)
		if err != nil {
			return err
		}
		if who.ID != person || n.Name != a.Name || n.Email != a.Email {
			if err := mustReach(tx, who, a.Person); err != nil {
				return err
			}
		}
		if _, err := tx.Exec("UPDATE person SET name = ?, name_sort = ?, name_fold = ?, email = ?, phone = ? WHERE id = ?",
			n.Name, lang.SortKey(n.Name), lang.Fold(n.Name), n.Email, n.Phone, person); err != nil {
			return err
		}
		return a.note(tx, who, "people.changed", map[string]any{"name": n.Name, "was": a.Name})
	})
	if err != nil {
		return fmt.Errorf("change person: %w", taken(err, n))
	}
	return nil
}

// SetPassword gives a person a new password and ends all their sessions but
// that of the token kept, which may be "". A person may change their own;
// somebody else's takes people.manage over all that the person's posts reach.
func (r *Register) SetPassword(ctx context.Context, who loa.Actor, person, password, kept string) error {
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
		if _, err := tx.Exec("DELETE FROM session WHERE person = ? AND id <> ?", person, loa.Hash([]byte(kept))); err != nil {
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
		if _, err := tx.Exec("UPDATE recovery SET ended_at = ? WHERE person = ? AND ended_at IS NULL", tx.NowMS(), person); err != nil {
			return err
		}
		return a.note(tx, who, "people.disabled", nil)
	})
	if err != nil {
		return fmt.Errorf("disable person: %w", err)
	}
	return nil
}

// Enable lets a disabled person sign in again, with the posts that still go on.
func (r *Register) Enable(ctx context.Context, who loa.Actor, person string) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := lockAccount(tx, person)
		if err != nil {
			return err
		}
		if err := mustReach(tx, who, a.Person); err != nil {
			return err
		}
		if _, err := tx.Exec("UPDATE person SET disabled_at = NULL WHERE id = ?", person); err != nil {
			return err
		}
		return a.note(tx, who, "people.enabled", nil)
	})
	if db.IsUnique(err) { // somebody else has the address by now
		err = loa.Errorf(loa.Conflict, "people.email_taken", "").Because(err)
	}
	if err != nil {
		return fmt.Errorf("enable person: %w", err)
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
		list, err := accounts(tx, there, thereArgs(tx, path)...)
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

// there is the condition of belonging to a place or holding a post in it, given
// thereArgs.
const there = `(path = ? OR path >= ? AND path < ? OR id IN (
	SELECT h.person FROM holder h JOIN post p ON p.id = h.post JOIN office o ON o.id = p.office
	WHERE (h.until_at IS NULL OR h.until_at > ?) AND (o.path = ? OR o.path >= ? AND o.path < ?)))`

func thereArgs(tx *db.Tx, path loa.Path) []any {
	from, to := db.PrefixRange(string(path))
	return []any{string(path), from, to, tx.NowMS(), string(path), from, to}
}

// Row is one line of the list of people: a person and what they hold.
type Row struct {
	Person
	Held []Holding // now and later, the longest first
}

// Page is how many rows Search answers at once.
const Page = 50

// Search is one page of those who belong to path or hold a post there, by a part
// of their name, with or without marks, or of their login; "" finds all. after is
// how many rows came before; more says whether others follow.
func (r *Register) Search(ctx context.Context, path loa.Path, text string, after int) (rows []Row, more bool, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		where, args := there, thereArgs(tx, path)
		if q := lang.Fold(clean(loa.Clip(text))); q != "" {
			like := "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(q) + "%"
			where, args = where+" AND (name_fold LIKE ? ESCAPE '!' OR login_fold LIKE ? ESCAPE '!')", append(args, like, like)
		}
		list, err := accounts(tx, where, args...)
		if err != nil {
			return err
		}
		list = list[min(len(list), max(0, after)):]
		more = len(list) > Page
		list = list[:min(len(list), Page)]
		if len(list) == 0 {
			return nil
		}
		marks := "?" + strings.Repeat(", ?", len(list)-1)
		ids := make([]any, len(list))
		for i, a := range list {
			ids[i] = a.ID
		}
		held, err := holdings(tx, "h.person IN ("+marks+") AND (h.until_at IS NULL OR h.until_at > ?)", append(ids, tx.NowMS())...)
		if err != nil {
			return err
		}
		by := map[string][]Holding{}
		for _, h := range held {
			by[h.Person] = append(by[h.Person], h)
		}
		rows = make([]Row, len(list))
		for i, a := range list {
			rows[i] = Row{a.Person, by[a.ID]}
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("search people: %w", err)
	}
	return rows, more, nil
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

// cleanEmail is an address in lower case, "" for none. Whether anybody reads it
// is not ours to know: the province's sign-in says which addresses it has seen
// answered.
func cleanEmail(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "" {
		return "", nil
	}
	name, host, _ := strings.Cut(s, "@")
	hidden := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"(),:;<>[]\`, r) }
	if len(s) > 200 || name == "" || !strings.Contains(host, ".") || strings.Contains(host, "@") || strings.ContainsFunc(s, hidden) {
		return "", loa.Errorf(loa.Invalid, "people.email_bad", loa.Clip(s))
	}
	return s, nil
}

// cleanPhone is the digits of a telephone number, 84 in front as 0.
func cleanPhone(s string) (string, error) {
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" .-()\u00a0", r) {
			return -1
		}
		return r
	}, strings.TrimSpace(s))
	if rest, ok := strings.CutPrefix(digits, "+84"); ok {
		digits = "0" + rest
	}
	if digits != "" && (len(digits) < 8 || len(digits) > 12 || strings.Trim(digits, "0123456789") != "") {
		return "", loa.Errorf(loa.Invalid, "people.phone_bad", loa.Clip(s))
	}
	return digits, nil
}

// checkName: 1 to 100 visible characters, of a person, a title or a passkey.
func checkName(s string) error {
	hidden := func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
	if s == "" || utf8.RuneCountInString(s) > 100 || strings.ContainsFunc(s, hidden) {
		return loa.Errorf(loa.Invalid, "people.name_bad", loa.Clip(s))
	}
	return nil
}
