package people

import (
	"context"
	"errors"
	"fmt"
	"time"

	"loa"
	"loa/db"
)

// linkLife is the longest a link may be good.
const linkLife = 24 * time.Hour

// NewLink makes a link that signs the person in once, within life (24 hours at
// most), to set up a code or a passkey: the first day, or after a phone was
// lost. It replaces an earlier link. The token goes to the person and is kept
// nowhere. It needs people.manage over all that the person's posts reach.
func (r *Register) NewLink(ctx context.Context, who loa.Actor, person string, life time.Duration) (token string, err error) {
	if life <= 0 || life > linkLife {
		return "", loa.Errorf(loa.Invalid, "people.link_life", int(linkLife.Hours()))
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		token, err = newLink(tx, who, person, life)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("make sign-in link: %w", err)
	}
	return token, nil
}

func newLink(tx *db.Tx, who loa.Actor, person string, life time.Duration) (token string, err error) {
	a, err := lockAccount(tx, person)
	if err != nil {
		return "", err
	}
	if err := mustReach(tx, who, a.Person); err != nil {
		return "", err
	}
	if !a.Disabled.IsZero() {
		return "", loa.Errorf(loa.Conflict, "people.disabled", a.Name)
	}
	if _, err := tx.Exec("DELETE FROM signin_link WHERE person = ?", person); err != nil {
		return "", err
	}
	token = newToken()
	until := tx.NowMS() + life.Milliseconds()
	if _, err := tx.Exec("INSERT INTO signin_link (id, person, expires_at) VALUES (?, ?, ?)", loa.Hash([]byte(token)), person, until); err != nil {
		return "", err
	}
	return token, a.note(tx, who, "people.link_made", map[string]any{"until": until})
}

// Redeem opens a session for the person a link was made for. The link is good
// for once, whoever comes second; otherwise it is people.link_over.
func (r *Register) Redeem(ctx context.Context, token string, from Browser) (session string, err error) {
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		var person string
		err := tx.Row("UPDATE signin_link SET used_at = ? WHERE id = ? AND used_at IS NULL AND expires_at > ? RETURNING person",
			tx.NowMS(), loa.Hash([]byte(token)), tx.NowMS()).Scan(&person)
		if errors.Is(err, db.ErrNone) {
			return loa.Errorf(loa.Forbidden, "people.link_over")
		}
		if err != nil {
			return err
		}
		a, err := findAccount(tx, "id = ?", person)
		if err != nil {
			return err
		}
		session, err = a.begin(tx, ByLink, from)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("redeem sign-in link: %w", err)
	}
	return session, nil
}
