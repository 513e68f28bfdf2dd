package people

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"

	"loa"
	"loa/db"
)

// patience is how long a browser or a person may take to answer what was asked.
const patience = 10 * time.Minute

// stepSeconds is how long a code of TOTP is good (RFC 6238, X).
const stepSeconds = 30

// TOTP is what an authenticator app needs to make a person's codes.
type TOTP struct {
	Secret string // base 32, for typing
	URL    string // otpauth://…, for a QR code
}

// BeginTOTP makes a new secret for the person; nothing changes before
// ConfirmTOTP, which must come within ten minutes. The caller asks for a fresh
// sign-in first where the person has codes already.
func (r *Register) BeginTOTP(ctx context.Context, person string) (t TOTP, err error) {
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := lockAccount(tx, person)
		if err != nil {
			return err
		}
		key, err := totp.Generate(totp.GenerateOpts{Issuer: r.Issuer, AccountName: a.Login})
		if err != nil {
			return err
		}
		t = TOTP{Secret: key.Secret(), URL: key.URL()}
		return ask(tx, "totp", person, t.Secret)
	})
	if err != nil {
		return TOTP{}, fmt.Errorf("begin codes: %w", err)
	}
	return t, nil
}

// ConfirmTOTP sets up the secret of BeginTOTP once the person's app has made a
// right code with it. It ends the person's other sessions and opens a complete
// one, whose token replaces the one in the browser: the code just used would not
// sign in again. A wrong code is people.code_wrong and may be tried again.
func (r *Register) ConfirmTOTP(ctx context.Context, person, code string, from Browser) (token string, err error) {
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := lockAccount(tx, person)
		if err != nil {
			return err
		}
		secret, err := asked(tx, "totp", person)
		if err != nil {
			return err
		}
		step, err := stepFor(secret, code, stepOf(tx.Now()))
		if err != nil {
			return err
		}
		switch {
		case !a.Disabled.IsZero():
			return loa.Errorf(loa.Forbidden, "people.disabled", a.Name)
		case step == 0:
			return loa.Errorf(loa.Invalid, "people.code_wrong")
		}
		if err := answered(tx, "totp", person); err != nil {
			return err
		}
		if _, err := tx.Exec("UPDATE person SET totp_secret = ?, totp_step = ? WHERE id = ?", secret, step, person); err != nil {
			return err
		}
		if err := endSessions(tx, person); err != nil {
			return err
		}
		if err := a.note(tx, a.self(), "people.totp_set", nil); err != nil {
			return err
		}
		token, err = a.begin(tx, ByCode, from)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("confirm codes: %w", err)
	}
	return token, nil
}

// stepOf is the step of TOTP a moment lies in.
func stepOf(t time.Time) int64 { return t.Unix() / stepSeconds }

// stepFor is the step the code belongs to: the one of now, or the one before or
// after it, because telephones' clocks differ and typing takes time; 0 when it
// is none of them. The library says only whether a code is right, not which step
// it is of, which is what keeps a code from being used twice (RFC 6238, 5.2).
func stepFor(secret, code string, now int64) (step int64, err error) {
	code = strings.Join(strings.Fields(code), "") // apps show "123 456"
	for s := now - 1; s <= now+1; s++ {
		want, err := totp.GenerateCode(secret, time.Unix(s*stepSeconds, 0))
		if err != nil {
			return 0, fmt.Errorf("make code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step = s
		}
	}
	return step, nil
}

// ask keeps what was asked until it is answered, by whichever process; asking
// the same again replaces it.
func ask(tx *db.Tx, kind, id, state string) error {
	_, err := tx.Exec(`INSERT INTO ceremony (kind, id, state, expires_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (kind, id) DO UPDATE SET state = excluded.state, expires_at = excluded.expires_at`,
		kind, id, state, tx.NowMS()+patience.Milliseconds())
	if err != nil {
		return fmt.Errorf("keep question: %w", err)
	}
	return nil
}

// asked is what was kept; otherwise people.too_late.
func asked(tx *db.Tx, kind, id string) (state string, err error) {
	err = tx.Row("SELECT state FROM ceremony WHERE kind = ? AND id = ? AND expires_at > ?", kind, id, tx.NowMS()).Scan(&state)
	if errors.Is(err, db.ErrNone) {
		return "", loa.Errorf(loa.Conflict, "people.too_late")
	}
	return state, err
}

// answered forgets what was asked: an answer counts once. Of two at once the
// second is people.too_late.
func answered(tx *db.Tx, kind, id string) error {
	n, err := tx.Exec("DELETE FROM ceremony WHERE kind = ? AND id = ?", kind, id)
	if err == nil && n == 0 {
		return loa.Errorf(loa.Conflict, "people.too_late")
	}
	return err
}
