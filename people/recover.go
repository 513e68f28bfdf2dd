package people

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
)

// cooling is how long after a recovery a person approves no emergency and
// manages no people: whoever talked two colleagues into it, or found the paper
// with the codes, has a day in which everybody concerned reads of it.
const cooling = 24 * time.Hour

// recoveryLife is how long two colleagues have, and then how long the person has
// to come in.
const recoveryLife = time.Hour

// codes is how many codes a person prints.
const codes = 10

// cool takes from a person who is cooling what they may not do yet.
func cool(who loa.Actor, until, now time.Time) loa.Actor {
	if !now.Before(until) {
		return who
	}
	who.Cooling = true
	var kept []loa.Grant
	for _, g := range who.Grants {
		rights := slices.DeleteFunc(slices.Clone(g.Rights), func(r loa.Right) bool { return r == loa.RightPeople })
		if len(rights) > 0 {
			kept = append(kept, loa.Grant{Path: g.Path, Rights: rights})
		}
	}
	who.Grants = kept
	return who
}

// PrintCodes makes ten codes for the day the phone is gone, in place of earlier
// ones. They are shown this once and kept as hashes.
func (r *Register) PrintCodes(ctx context.Context, person string) (all []string, err error) {
	all = make([]string, codes)
	rows := make([][]any, codes)
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := lockAccount(tx, person)
		if err != nil {
			return err
		}
		if !a.Disabled.IsZero() {
			return loa.Errorf(loa.Forbidden, "people.disabled", a.Name)
		}
		for i := range all {
			all[i] = newCode()
			rows[i] = []any{codeID(person, all[i]), person, tx.NowMS()}
		}
		if _, err := tx.Exec("DELETE FROM recovery_code WHERE person = ?", person); err != nil {
			return err
		}
		if err := tx.Insert("recovery_code", []string{"id", "person", "made_at"}, rows); err != nil {
			return err
		}
		return a.note(tx, a.self(), "people.codes_printed", map[string]any{"codes": codes})
	})
	if err != nil {
		return nil, fmt.Errorf("print recovery codes: %w", err)
	}
	return all, nil
}

// CodesLeft is how many of the printed codes are still good.
func (r *Register) CodesLeft(ctx context.Context, person string) (n int, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		return tx.Row("SELECT COUNT(*) FROM recovery_code WHERE person = ? AND used_at IS NULL", person).Scan(&n)
	})
	return n, err
}

// newCode is 80 random bits as people read them from paper: four groups of four,
// without the letters that look like digits.
func newCode() string {
	const letters = "0123456789abcdefghjkmnpqrstvwxyz"
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	var s strings.Builder
	for i, c := range b {
		if i > 0 && i%4 == 0 {
			s.WriteByte('-')
		}
		s.WriteByte(letters[c&31])
	}
	return s.String()
}

// codeID is what is kept of a code; however it was typed: capitals, spaces, an o
// for the 0 and an l for the 1.
func codeID(person, code string) string {
	code = strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '\t', '\u00a0':
			return -1
		case 'o':
			return '0'
		case 'l', 'i':
			return '1'
		}
		return r
	}, strings.ToLower(code))
	return loa.Hash([]byte("recovery\x00" + person + "\x00" + code))
}

// RecoverByCode lets a person in again with a printed code: their password,
// codes of the telephone, passkeys, links and sessions end, and the session that
// opens can set up new ones. Whatever is wrong is people.recovery_wrong, whether
// the login exists or not; too many wrong tries are people.wait.
func (r *Register) RecoverByCode(ctx context.Context, login, code string, from Browser) (token string, err error) {
	fold := foldLogin(login)
	if !isLogin(fold) {
		fold = ""
	}
	var told error
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		told, token = nil, ""
		mine, err := try(tx, byLogin(fold))
		if loa.KeyOf(err) == "people.wait" {
			told = err
			return nil
		}
		if err != nil {
			return err
		}
		theirs, err := try(tx, byAddress(from.Address))
		if loa.KeyOf(err) == "people.wait" {
			told = err
			return nil
		}
		if err != nil {
			return err
		}
		a, err := findAccount(tx, "login_fold = ?", fold)
		if err == nil {
			a, err = lockAccount(tx, a.ID)
		}
		if err != nil && loa.KeyOf(err) != "people.unknown" {
			return err
		}
		n, err := tx.Exec("UPDATE recovery_code SET used_at = ? WHERE id = ? AND used_at IS NULL", tx.NowMS(), codeID(a.ID, code))
		if err != nil {
			return err
		}
		if n == 0 || a.ID == "" || !a.Disabled.IsZero() {
			told = loa.Errorf(loa.Forbidden, "people.recovery_wrong")
			_, err := journal.Append(tx, loa.System(), journal.Entry{Verb: "people.sign_in_failed", Path: a.Path, Subject: a.ID,
				Data: map[string]any{"key": loa.KeyOf(told), "address": from.Address}})
			return err
		}
		if err := forgive(tx, mine.id); err != nil {
			return err
		}
		if err := theirs.untry(tx); err != nil {
			return err
		}
		token, err = a.recover(tx, from, nil)
		return err
	})
	if err == nil {
		err = told
	}
	if err != nil {
		return "", fmt.Errorf("recover by code: %w", err)
	}
	return token, nil
}

// recover ends everything by which the person signed in before, begins the day
// of cooling, tells whoever it concerns, and opens a session that can set up
// anew. yes are the colleagues who said so; none where a code did.
func (a account) recover(tx *db.Tx, from Browser, yes []Yes) (token string, err error) {
	until := tx.NowMS() + cooling.Milliseconds()
	if _, err := tx.Exec("UPDATE person SET password = '', totp_secret = '', totp_step = 0, cooling_until = ? WHERE id = ?", until, a.ID); err != nil {
		return "", err
	}
	if _, err := tx.Exec("UPDATE passkey SET removed_at = ? WHERE person = ? AND removed_at IS NULL", tx.NowMS(), a.ID); err != nil {
		return "", err
	}
	ends := []string{"DELETE FROM session WHERE person = ?", "DELETE FROM signin_link WHERE person = ?", "DELETE FROM ceremony WHERE kind = 'totp' AND id = ?"}
	if len(yes) > 0 { // the paper is gone as well, or it would have been used
		ends = append(ends, "DELETE FROM recovery_code WHERE person = ?")
	}
	for _, q := range ends {
		if _, err := tx.Exec(q, a.ID); err != nil {
			return "", err
		}
	}
	names := make([]string, len(yes))
	concerned := []string{a.ID}
	for i, y := range yes {
		names[i] = y.Name
		concerned = append(concerned, y.Person)
	}
	managers, err := managersOf(tx, a.Path)
	if err != nil {
		return "", err
	}
	word := "recovered_by_code"
	if len(yes) > 0 {
		word = "recovered"
	}
	if err := tell(tx, append(concerned, managers...), word, a.Name, strings.Join(names, ", ")); err != nil {
		return "", err
	}
	if err := a.note(tx, a.self(), "people.recovered", map[string]any{"by": names, "passkeys": a.Passkeys, "cooling_until": until, "address": from.Address}); err != nil {
		return "", err
	}
	return a.begin(tx, ByRecovery, from)
}

// managersOf is who manages people over path now.
func managersOf(tx *db.Tx, path loa.Path) ([]string, error) {
	var marks []string
	args := []any{string(loa.RightPeople), tx.NowMS(), tx.NowMS()}
	for _, up := range path.Up() {
		marks = append(marks, "?")
		args = append(args, string(up))
	}
	if len(marks) == 0 {
		return nil, nil
	}
	return db.All(tx, `SELECT DISTINCT h.person FROM holder h JOIN post_right g ON g.post = h.post
		WHERE g."right" = ? AND h.from_at <= ? AND (h.until_at IS NULL OR h.until_at > ?) AND g.path IN (`+strings.Join(marks, ", ")+`)`,
		args, func(scan func(...any) error) (s string, err error) { return s, scan(&s) })
}

// Recovery is somebody who cannot sign in and asks two colleagues.
type Recovery struct {
	ID      string
	Person  string // "" where nobody has the login that was typed
	Name    string
	Login   string
	Path    loa.Path // the unit the person belongs to
	Number  string   // six digits on the asker's screen, for the asker alone to read out
	At      time.Time
	Expires time.Time
	Granted time.Time // zero: not yet
	Ended   time.Time // zero: not used and not refused
	Yes     []Yes

	address string
}

// Yes is one colleague's word that it is the person.
type Yes struct {
	Person  string
	Name    string
	Post    string
	At      time.Time
	Manages bool // people.manage over all that the asker reaches
}

// AskRecovery begins a recovery by two colleagues. The answer is the same
// whether the login exists or not: a token for the asking browser and six digits
// that the asker reads out to the colleagues, so that they say yes to this
// browser and not to one that asked in the same minute.
func (r *Register) AskRecovery(ctx context.Context, login string, from Browser) (token string, err error) {
	fold := foldLogin(login)
	if !isLogin(fold) {
		fold = ""
	}
	token = newToken()
	number, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", fmt.Errorf("ask for recovery: %w", err)
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		for _, id := range []string{"ask\x00" + fold, "ask from\x00" + network(from.Address)} {
			if _, err := try(tx, loa.Hash([]byte(id))); err != nil {
				return err
			}
		}
		a, err := findAccount(tx, "login_fold = ?", fold)
		if err != nil && loa.KeyOf(err) != "people.unknown" {
			return err
		}
		if !a.Disabled.IsZero() {
			a = account{}
		}
		id := loa.NewID(tx.Now())
		if _, err := tx.Exec("INSERT INTO recovery (id, token, person, number, address, at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
			id, loa.Hash([]byte(token)), a.ID, fmt.Sprintf("%06d", number.Int64()), from.Address, tx.NowMS(), tx.NowMS()+recoveryLife.Milliseconds()); err != nil {
			return err
		}
		if a.ID == "" {
			return nil
		}
		_, err = journal.Append(tx, loa.System(), journal.Entry{Verb: "people.recovery_asked", Path: a.Path, Subject: a.ID,
			Data: map[string]any{"recovery": id, "address": from.Address}})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("ask for recovery: %w", err)
	}
	return token, nil
}

// Asked is the recovery that a browser began; otherwise people.recovery_over. Of
// the person it says nothing: whoever asks may be anybody.
func (r *Register) Asked(ctx context.Context, token string) (q Recovery, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		q, err = findRecovery(tx, "q.token = ?", loa.Hash([]byte(token)))
		q.Person, q.Name, q.Login, q.Path = "", "", "", ""
		return err
	})
	return q, err
}

// Asking is whoever asks now and could get who's yes, the oldest first, without
// the number: that is for them to hear.
func (r *Register) Asking(ctx context.Context, who loa.Actor) (all []Recovery, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		list, err := recoveries(tx, "q.expires_at > ? AND q.granted_at IS NULL AND q.ended_at IS NULL AND q.person <> ''", tx.NowMS())
		for _, q := range list {
			if q.Number = ""; q.confirmable(who, true) == nil {
				all = append(all, q)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list recoveries: %w", err)
	}
	return all, nil
}

// confirmable is the rule of two colleagues: neither is the one who asks, they
// are two, both see the desk of the asker's unit, and one of them manages all
// that the asker reaches. Whoever is cooling cannot vouch for another.
func (q Recovery) confirmable(who loa.Actor, manages bool) error {
	switch {
	case who.ID == q.Person:
		return loa.Errorf(loa.Forbidden, "people.recovery_own")
	case who.Cooling:
		return loa.Errorf(loa.Forbidden, "people.cooling")
	}
	if err := who.Must(loa.RightRead, q.Path); err != nil {
		return err
	}
	if slices.ContainsFunc(q.Yes, func(y Yes) bool { return y.Person == who.ID }) {
		return loa.Errorf(loa.Conflict, "people.recovery_twice")
	}
	if len(q.Yes) > 0 && !manages && !slices.ContainsFunc(q.Yes, func(y Yes) bool { return y.Manages }) {
		return loa.Errorf(loa.Forbidden, "people.recovery_manager")
	}
	return nil
}

// Confirm is a colleague's yes, with the six digits that the asker read out and
// proof that it is the colleague. With the second one the asker may come in.
func (r *Register) Confirm(ctx context.Context, who loa.Actor, id, number string, proof Proof) error {
	if err := r.prove(ctx, who.ID, proof); err != nil {
		return fmt.Errorf("confirm recovery: %w", err)
	}
	var told error
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		told = nil
		guess, err := try(tx, loa.Hash([]byte("number\x00"+id)))
		if err != nil {
			return err
		}
		q, a, err := lockRecovery(tx, id)
		if err != nil {
			return err
		}
		manages := mustReach(tx, who, a.Person) == nil
		if err := q.confirmable(who, manages); err != nil {
			return err
		}
		if strings.Join(strings.Fields(number), "") != q.Number {
			told = loa.Errorf(loa.Invalid, "people.recovery_number") // and it counts
			return nil
		}
		if err := guess.untry(tx); err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT INTO recovery_yes (recovery, person, name, post, manages, at) VALUES (?, ?, ?, ?, ?, ?)",
			id, who.ID, who.Name, who.Post, manages, tx.NowMS()); err != nil {
			return err
		}
		if err := a.note(tx, who, "people.recovery_confirmed", map[string]any{"recovery": id, "name": a.Name}); err != nil {
			return err
		}
		if len(q.Yes) == 0 {
			return nil
		}
		if _, err := tx.Exec("UPDATE recovery SET granted_at = ?, expires_at = ? WHERE id = ?", tx.NowMS(), tx.NowMS()+recoveryLife.Milliseconds(), id); err != nil {
			return err
		}
		return a.note(tx, who, "people.recovery_granted", map[string]any{"recovery": id, "name": a.Name, "by": []string{q.Yes[0].Name, who.Name}})
	})
	if err == nil {
		err = told
	}
	if err != nil {
		return fmt.Errorf("confirm recovery: %w", err)
	}
	return nil
}

// RefuseRecovery ends a recovery that the person knows nothing of. It takes a
// colleague who could confirm it, and the person is told.
func (r *Register) RefuseRecovery(ctx context.Context, who loa.Actor, id string) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		q, a, err := lockRecovery(tx, id)
		if err != nil {
			return err
		}
		if err := q.confirmable(who, true); err != nil && loa.KeyOf(err) != "people.recovery_twice" {
			return err
		}
		if _, err := tx.Exec("UPDATE recovery SET ended_at = ? WHERE id = ?", tx.NowMS(), id); err != nil {
			return err
		}
		if err := tell(tx, []string{a.ID}, "recovery_refused", who.Name); err != nil {
			return err
		}
		return a.note(tx, who, "people.recovery_refused", map[string]any{"recovery": id, "name": a.Name})
	})
	if err != nil {
		return fmt.Errorf("refuse recovery: %w", err)
	}
	return nil
}

// TakeRecovery is the asker coming in after two colleagues said yes, once.
func (r *Register) TakeRecovery(ctx context.Context, token string, from Browser) (session string, err error) {
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		q, err := findRecovery(tx, "q.token = ?", loa.Hash([]byte(token)))
		if err != nil {
			return err
		}
		q, a, err := lockRecovery(tx, q.ID)
		if err != nil {
			return err
		}
		if q.Granted.IsZero() {
			return loa.Errorf(loa.Conflict, "people.recovery_waits", len(q.Yes))
		}
		if !a.Disabled.IsZero() {
			return loa.Errorf(loa.Forbidden, "people.recovery_over")
		}
		if _, err := tx.Exec("UPDATE recovery SET ended_at = ? WHERE id = ?", tx.NowMS(), q.ID); err != nil {
			return err
		}
		session, err = a.recover(tx, from, q.Yes)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("take recovery: %w", err)
	}
	return session, nil
}

// lockRecovery is a recovery that goes on and its person, unchanged by others
// until the transaction ends.
func lockRecovery(tx *db.Tx, id string) (Recovery, account, error) {
	if err := tx.Lock("recovery", id); err != nil && !errors.Is(err, db.ErrNone) {
		return Recovery{}, account{}, fmt.Errorf("lock recovery: %w", err)
	}
	q, err := findRecovery(tx, "q.id = ?", id)
	if err != nil {
		return Recovery{}, account{}, err
	}
	if q.Person == "" {
		return q, account{}, loa.Errorf(loa.Conflict, "people.recovery_waits", 0) // as of one that exists
	}
	a, err := lockAccount(tx, q.Person)
	return q, a, err
}

func findRecovery(tx *db.Tx, where string, arg any) (Recovery, error) {
	all, err := recoveries(tx, where+" AND q.expires_at > ? AND q.ended_at IS NULL", arg, tx.NowMS())
	if err != nil {
		return Recovery{}, fmt.Errorf("find recovery: %w", err)
	}
	if len(all) == 0 {
		return Recovery{}, loa.Errorf(loa.Forbidden, "people.recovery_over")
	}
	return all[0], nil
}

// recoveries are those for which the condition, on recovery q, holds.
func recoveries(tx *db.Tx, where string, args ...any) ([]Recovery, error) {
	all, err := db.All(tx, `SELECT q.id, q.person, COALESCE(p.name, ''), COALESCE(p.login, ''), COALESCE(p.path, ''), q.number, q.at, q.expires_at,
			q.granted_at, q.ended_at, q.address
		FROM recovery q LEFT JOIN person p ON p.id = q.person WHERE `+where+` ORDER BY q.at, q.id`, args,
		func(scan func(...any) error) (q Recovery, err error) {
			var at, expires int64
			var granted, ended *int64
			err = scan(&q.ID, &q.Person, &q.Name, &q.Login, &q.Path, &q.Number, &at, &expires, &granted, &ended, &q.address)
			q.At, q.Expires = time.UnixMilli(at).UTC(), time.UnixMilli(expires).UTC()
			q.Granted, q.Ended = timeOf(granted), timeOf(ended)
			return q, err
		})
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Yes, err = db.All(tx, "SELECT person, name, post, manages, at FROM recovery_yes WHERE recovery = ? ORDER BY at, person", []any{all[i].ID},
			func(scan func(...any) error) (y Yes, err error) {
				var manages int
				var at int64
				err = scan(&y.Person, &y.Name, &y.Post, &manages, &at)
				y.Manages, y.At = manages == 1, time.UnixMilli(at).UTC()
				return y, err
			})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}
