package people

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"

	"loa"
	"loa/db"
)

// Proof is a person who is signed in showing again that it is them, for a step
// that a telephone left on a table must not take: a passkey's answer to
// BeginProof, or a password and a code.
type Proof struct {
	Passkey  []byte // the browser's answer as JSON; nil where a password is typed
	Password string
	Code     string
	Address  string
}

// BeginProof asks the person's own passkeys. The options are what
// navigator.credentials.get takes.
func (r *Register) BeginProof(ctx context.Context, person string) (options []byte, err error) {
	site, err := r.site()
	if err != nil {
		return nil, err
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		o, err := findOwner(tx, person)
		if err != nil {
			return err
		}
		if len(o.keys) == 0 {
			return loa.Errorf(loa.Conflict, "people.passkey_none", o.Name)
		}
		assertion, state, err := site.BeginLogin(o)
		if err != nil {
			return err
		}
		if err := askBrowser(tx, "proof", state); err != nil {
			return err
		}
		options, err = json.Marshal(assertion)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("begin proof: %w", err)
	}
	return options, nil
}

// prove judges a proof. What is wrong is people.sign_in_wrong and counts as a
// wrong try of the person's login; whoever types a password needs a code as well.
func (r *Register) prove(ctx context.Context, person string, p Proof) error {
	if r.OpenLinks {
		return nil // a demonstration's people have neither
	}
	var a account
	var mine tries
	var now int64
	err := r.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if a, err = findAccount(tx, "id = ?", person); err != nil {
			return err
		}
		now = stepOf(tx.Now())
		mine, err = try(tx, byLogin(foldLogin(a.Login)))
		return err
	})
	if err != nil {
		return err
	}
	if p.Passkey != nil {
		return r.provePasskey(ctx, a, mine, p.Passkey)
	}
	wrong, step, err := a.judge(Credentials{Password: p.Password, Code: p.Code}, now)
	if err != nil {
		return err
	}
	if wrong == nil && step == 0 { // a password alone proves nothing
		wrong = loa.Errorf(loa.Forbidden, "people.code_missing")
	}
	if wrong != nil {
		return wrong
	}
	var told error
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		if told, err = a.stillGood(tx); err != nil || told != nil {
			return err
		}
		if _, err := tx.Exec("UPDATE person SET totp_step = ? WHERE id = ?", step, a.ID); err != nil {
			return err
		}
		return forgive(tx, mine.id)
	})
	if err == nil {
		err = told
	}
	return err
}

func (r *Register) provePasskey(ctx context.Context, a account, mine tries, response []byte) error {
	site, err := r.site()
	if err != nil {
		return err
	}
	answer, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return loa.Errorf(loa.Forbidden, "people.sign_in_wrong").Because(err)
	}
	var told error
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		told = nil
		o, err := lockOwner(tx, a.ID)
		if err != nil {
			return err
		}
		state, err := askedBrowser(tx, "proof", answer.Response.CollectedClientData.Challenge)
		if err != nil {
			return err
		}
		used, wrong := site.ValidateLogin(o, state, answer)
		if wrong == nil && used.Authenticator.CloneWarning {
			wrong = errors.New("the passkey's counter went back: there may be a copy of it")
		}
		if wrong != nil {
			told = loa.Errorf(loa.Forbidden, "people.sign_in_wrong").Because(wrong) // and the question is used up
			return nil
		}
		if _, err := tx.Exec("UPDATE passkey SET sign_count = ?, flags = ?, used_at = ? WHERE id = ?",
			int64(used.Authenticator.SignCount), int64(used.Flags.ProtocolValue()), tx.NowMS(), base64.RawURLEncoding.EncodeToString(used.ID)); err != nil {
			return err
		}
		return forgive(tx, mine.id)
	})
	if err == nil && told != nil {
		err = told
	}
	return err
}
