package people

import (
	"context"
	"fmt"

	"loa"
	"loa/db"
	"loa/journal"
)

// Credentials are what a person types to sign in.
type Credentials struct {
	Login    string
	Password string
	Code     string // TOTP, six digits; "" when not asked for yet
	Browser  Browser
}

// SignIn checks a login, a password and a code, and opens a session; the token
// is for the browser's cookie and is kept nowhere else.
//
// Whoever has neither code nor passkey set up gets a session that can do only
// that. Whoever has codes set up needs one (people.code_missing, which is no
// wrong try); whoever has only passkeys must use one (people.passkey_needed).
// Everything else that is wrong is people.sign_in_wrong, whether the login exists
// or not, and takes the same time; but a code used before is people.code_used.
// Too many wrong tries are people.wait, with seconds.
func (r *Register) SignIn(ctx context.Context, c Credentials) (token string, err error) {
	fold := foldLogin(c.Login)
	if !isLogin(fold) {
		fold = "" // nobody's, and counted as one
	}
	var a account
	var step int64
	var mine, theirs tries
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		// Logins before addresses, as everywhere: two at once do not wait for each other.
		if mine, err = try(tx, byLogin(fold)); err != nil {
			return err
		}
		if theirs, err = try(tx, byAddress(c.Browser.Address)); err != nil {
			return err
		}
		step = stepOf(tx.Now())
		a, err = findAccount(tx, "login_fold = ?", fold)
		if loa.KeyOf(err) == "people.unknown" {
			a, err = account{}, nil
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	// Outside of any transaction: this takes its time, and SQLite has one writer.
	wrong, used, err := a.judge(c, step)
	if err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	var told error
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		told = nil
		if wrong != nil {
			told = wrong
		} else if told, err = a.stillGood(tx); err != nil {
			return err
		}
		switch loa.KeyOf(told) {
		case "people.code_missing", "people.passkey_needed":
			if err := mine.untry(tx); err != nil {
				return err
			}
			return theirs.untry(tx)
		}
		if told != nil {
			_, err := journal.Append(tx, loa.System(), journal.Entry{Verb: "people.sign_in_failed", Path: a.Path, Subject: a.ID,
				Data: map[string]any{"key": loa.KeyOf(told), "address": c.Browser.Address}})
			return err
		}
		if err := forgive(tx, mine.id); err != nil {
			return err
		}
		if err := theirs.untry(tx); err != nil {
			return err
		}
		how := ByPassword
		if used > 0 {
			how = ByCode
			if _, err := tx.Exec("UPDATE person SET totp_step = ? WHERE id = ?", used, a.ID); err != nil {
				return err
			}
		}
		token, err = a.begin(tx, how, c.Browser)
		return err
	})
	if err == nil {
		err = told
	}
	if err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	return token, nil
}

// judge says what is wrong with what was typed, and which step its code is of (0
// for no code). The account of an unknown login is empty, and costs the same.
func (a account) judge(c Credentials, now int64) (wrong error, step int64, err error) {
	phc := a.password
	if phc == "" {
		phc = decoy
	}
	good, err := isPassword(phc, c.Password)
	if err != nil {
		return nil, 0, err
	}
	if !good || a.ID == "" || a.password == "" || !a.Disabled.IsZero() {
		return loa.Errorf(loa.Forbidden, "people.sign_in_wrong"), 0, nil
	}
	if !a.TOTP {
		if a.Passkeys > 0 {
			return loa.Errorf(loa.Forbidden, "people.passkey_needed"), 0, nil
		}
		return nil, 0, nil
	}
	if c.Code == "" {
		return loa.Errorf(loa.Forbidden, "people.code_missing"), 0, nil
	}
	step, err = stepFor(a.secret, c.Code, now)
	switch {
	case err != nil:
		return nil, 0, err
	case step == 0:
		return loa.Errorf(loa.Forbidden, "people.sign_in_wrong"), 0, nil
	case step <= a.step:
		return loa.Errorf(loa.Forbidden, "people.code_used"), 0, nil
	}
	return nil, step, nil
}

// stillGood locks the account and says what has become wrong since it was
// judged: the same code came twice at once, the password changed, the person was
// disabled, a code was set up.
func (a account) stillGood(tx *db.Tx) (told, err error) {
	now, err := lockAccount(tx, a.ID)
	switch {
	case err != nil:
		return nil, err
	case now.step != a.step:
		return loa.Errorf(loa.Forbidden, "people.code_used"), nil
	case !now.Disabled.IsZero() || now.password != a.password || now.secret != a.secret || now.Passkeys != a.Passkeys:
		return loa.Errorf(loa.Forbidden, "people.sign_in_wrong"), nil
	}
	return nil, nil
}
