package people

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
)

// How long a session of the province's sign-in lasts without a word from there:
// renewed at every check, over within the hour when the province is out of reach,
// and short where it gives nothing to ask with.
const (
	provinceLife  = time.Hour
	provinceCheck = 5 * time.Minute
	provinceBrief = 15 * time.Minute
)

// Identity is a person as the province's own sign-in vouches for them.
type Identity struct {
	Issuer   string
	Subject  string // who it is at the issuer, for ever
	Email    string
	Verified bool   // the issuer has seen the address answered
	Refresh  string // what asks whether the person is still there; "" for nothing
}

// Question is what a sign-in at the province was begun with.
type Question struct {
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"` // PKCE (RFC 7636)
	Next     string `json:"next"`     // the page wanted afterwards
}

// AskProvince keeps a question under its state until the browser comes back, to
// whichever process.
func (r *Register) AskProvince(ctx context.Context, state string, q Question) error {
	text, err := json.Marshal(q)
	if err == nil {
		err = r.DB.Write(ctx, func(tx *db.Tx) error { return ask(tx, "province", loa.Hash([]byte(state)), string(text)) })
	}
	if err != nil {
		return fmt.Errorf("begin sign-in at the province: %w", err)
	}
	return nil
}

// AskedProvince is the question of a state, for one answer only; otherwise
// people.too_late.
func (r *Register) AskedProvince(ctx context.Context, state string) (q Question, err error) {
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		id := loa.Hash([]byte(state))
		text, err := asked(tx, "province", id)
		if err != nil {
			return err
		}
		if err := answered(tx, "province", id); err != nil {
			return err
		}
		return json.Unmarshal([]byte(text), &q)
	})
	if err != nil {
		return Question{}, fmt.Errorf("end sign-in at the province: %w", err)
	}
	return q, nil
}

// SignInProvince opens a session for the person an identity belongs to. The
// first time it finds them by an address the issuer has verified, and from then
// on by subject alone: an address may pass to somebody else, a subject does not.
// Whoever is not in the register, or is disabled, is people.province_unknown.
func (r *Register) SignInProvince(ctx context.Context, id Identity, from Browser) (token string, err error) {
	var told error
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		told = nil
		a, bound, err := belongs(tx, id)
		if err != nil {
			return err
		}
		if a.ID == "" || !a.Disabled.IsZero() {
			told = loa.Errorf(loa.Forbidden, "people.province_unknown", loa.Clip(id.Email))
			_, err := journal.Append(tx, loa.System(), journal.Entry{Verb: "people.sign_in_failed", Path: a.Path, Subject: a.ID,
				Data: map[string]any{"key": loa.KeyOf(told), "address": from.Address, "issuer": id.Issuer, "subject": id.Subject}})
			return err
		}
		if !bound {
			if err := a.bind(tx, a.self(), id.Issuer, id.Subject); err != nil {
				return err
			}
		}
		life, last := provinceLife, workday
		if id.Refresh == "" {
			life, last = provinceBrief, provinceBrief
		}
		token, err = a.open(tx, ByProvince, from, life, last, id.Refresh)
		return err
	})
	if db.IsUnique(err) { // the same first sign-in twice at once, or the person has another subject there
		err = loa.Errorf(loa.Forbidden, "people.province_unknown", loa.Clip(id.Email)).Because(err)
	}
	if err == nil {
		err = told
	}
	if err != nil {
		return "", fmt.Errorf("sign in by the province: %w", err)
	}
	return token, nil
}

// belongs is whose identity it is, locked; the account is empty where it is
// nobody's.
func belongs(tx *db.Tx, id Identity) (a account, bound bool, err error) {
	var person string
	err = tx.Row("SELECT person FROM identity WHERE issuer = ? AND subject = ?", id.Issuer, id.Subject).Scan(&person)
	if err == nil {
		a, err = lockAccount(tx, person)
		return a, true, err
	}
	email, bad := cleanEmail(id.Email)
	if !errors.Is(err, db.ErrNone) || !id.Verified || email == "" || bad != nil {
		if errors.Is(err, db.ErrNone) {
			err = nil
		}
		return account{}, false, err
	}
	a, err = findAccount(tx, `email = ? AND disabled_at IS NULL`, email)
	if loa.KeyOf(err) == "people.unknown" {
		return account{}, false, nil
	}
	if err == nil {
		a, err = lockAccount(tx, a.ID)
	}
	return a, false, err
}

func (a account) bind(tx *db.Tx, who loa.Actor, issuer, subject string) error {
	if _, err := tx.Exec("INSERT INTO identity (issuer, subject, person, bound_at) VALUES (?, ?, ?, ?)", issuer, subject, a.ID, tx.NowMS()); err != nil {
		return err
	}
	return a.note(tx, who, "people.province_bound", map[string]any{"issuer": issuer, "subject": subject})
}

// BindProvince says which account at the issuer is the person's, before they
// ever sign in there or in place of what it was; "" takes it away and ends the
// sessions it opened. It needs people.manage over all that the person's posts
// reach.
func (r *Register) BindProvince(ctx context.Context, who loa.Actor, person, issuer, subject string) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := lockAccount(tx, person)
		if err != nil {
			return err
		}
		if err := mustReach(tx, who, a.Person); err != nil {
			return err
		}
		if _, err := tx.Exec("DELETE FROM identity WHERE issuer = ? AND person = ?", issuer, person); err != nil {
			return err
		}
		if _, err := tx.Exec("DELETE FROM session WHERE person = ? AND how = ?", person, string(ByProvince)); err != nil {
			return err
		}
		if subject = clean(subject); subject == "" {
			return a.note(tx, who, "people.province_unbound", map[string]any{"issuer": issuer})
		}
		if err := checkName(subject); err != nil {
			return err
		}
		return a.bind(tx, who, issuer, subject)
	})
	switch {
	case db.IsUnique(err):
		return loa.Errorf(loa.Conflict, "people.province_taken", loa.Clip(subject)).Because(err)
	case err != nil:
		return fmt.Errorf("bind to the province's sign-in: %w", err)
	}
	return nil
}

// Subject is who a person is at the issuer, "" for nobody yet.
func (r *Register) Subject(ctx context.Context, person, issuer string) (subject string, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		err := tx.Row("SELECT subject FROM identity WHERE issuer = ? AND person = ?", issuer, person).Scan(&subject)
		if errors.Is(err, db.ErrNone) {
			return nil
		}
		return err
	})
	return subject, err
}

// RecheckProvince asks the province about every session it opened that has not
// been asked about for five minutes. still answers what asks the next time;
// people.province_gone where the person is not let in any more, which ends all
// the sessions the province opened for them; any other error leaves the session to
// end by itself.
func (r *Register) RecheckProvince(ctx context.Context, still func(ctx context.Context, refresh string) (next string, err error)) error {
	type open struct{ id, person, refresh string }
	var all []open
	err := r.DB.Read(ctx, func(tx *db.Tx) (err error) {
		all, err = db.All(tx, `SELECT id, person, refresh FROM session WHERE refresh <> '' AND checked_at <= ? AND expires_at > ?
			ORDER BY checked_at LIMIT 200`, []any{tx.NowMS() - provinceCheck.Milliseconds(), tx.NowMS()},
			func(scan func(...any) error) (o open, err error) { return o, scan(&o.id, &o.person, &o.refresh) })
		return err
	})
	if err != nil {
		return fmt.Errorf("ask the province again: %w", err)
	}
	var away error
	for _, o := range all {
		next, err := still(ctx, o.refresh)
		gone := loa.KeyOf(err) == "people.province_gone"
		if err != nil && !gone {
			away = err
			continue
		}
		err = r.DB.Write(ctx, func(tx *db.Tx) error {
			a, err := lockAccount(tx, o.person)
			if err != nil {
				return err
			}
			if !gone {
				// Nobody renews beyond a working day.
				_, err := tx.Exec(`UPDATE session SET refresh = ?, checked_at = ?, expires_at = CASE WHEN last_at < ? THEN last_at ELSE ? END WHERE id = ?`,
					next, tx.NowMS(), tx.NowMS()+provinceLife.Milliseconds(), tx.NowMS()+provinceLife.Milliseconds(), o.id)
				return err
			}
			n, err := tx.Exec("DELETE FROM session WHERE person = ? AND how = ?", o.person, string(ByProvince))
			if err != nil || n == 0 {
				return err
			}
			return a.note(tx, loa.System(), "people.province_gone", map[string]any{"sessions": n})
		})
		if err != nil {
			return fmt.Errorf("ask the province again: %w", err)
		}
	}
	if away != nil {
		return fmt.Errorf("ask the province again: %w", away)
	}
	return nil
}
