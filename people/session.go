package people

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"loa"
	"loa/db"
)

// workday is how long a session lasts: whoever signed in at five for the morning
// broadcast need not again before the evening one. On a machine that others use
// too it is over within the hour.
const (
	workday    = 12 * time.Hour
	sharedLife = time.Hour
)

// How says what a session began with.
type How string

// The ways. With a password alone, while nothing better is set up, with a link
// and after a recovery a person may only set up a password, a code or a passkey.
const (
	ByPassword How = "password"
	ByLink     How = "link"
	ByRecovery How = "recovery" // by a printed code or two colleagues
	ByCode     How = "code"     // password and TOTP
	ByPasskey  How = "passkey"
	ByProvince How = "province" // the province's own sign-in (OpenID Connect)
)

func (h How) complete() bool { return h == ByCode || h == ByPasskey || h == ByProvince }

// Browser is where a session is opened.
type Browser struct {
	Address string // without a port
	Agent   string // what the browser calls itself
	Shared  bool   // a machine that others use too
}

// Session is what a browser holds.
type Session struct {
	// Actor is the person with the rights held at this moment; without any while
	// the session is not complete.
	Actor loa.Actor
	// Complete is false for a session that may only set up a code or a passkey.
	Complete bool
	How      How
	Since    time.Time
	Seen     time.Time // to the minute
	Expires  time.Time
	ID       string // SHA-256 of the token: names the session and opens nothing
	Address  string
	Agent    string
}

// Session is the session of a token, with rights as they are now; otherwise
// people.signed_out. Call it for every request: a post that ended a minute ago
// gives nothing any more.
func (r *Register) Session(ctx context.Context, token string) (s Session, err error) {
	id := loa.Hash([]byte(token))
	var now time.Time
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		now = tx.Now()
		var person string
		s, person, err = findSession(tx, id)
		if err != nil {
			return err
		}
		s.Actor, err = actor(tx, person)
		s.Complete = s.Complete || r.OpenLinks && s.How == ByLink
		if !s.Complete {
			s.Actor.Post, s.Actor.Grants = "", nil
		}
		return err
	})
	if err != nil {
		return Session{}, fmt.Errorf("read session: %w", err)
	}
	if now.Sub(s.Seen) >= time.Minute {
		err = r.DB.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec("UPDATE session SET seen_at = ? WHERE id = ?", tx.NowMS(), id)
			return err
		})
		if err != nil {
			return Session{}, fmt.Errorf("mark session seen: %w", err)
		}
		s.Seen = now
	}
	return s, nil
}

func findSession(tx *db.Tx, id string) (s Session, person string, err error) {
	var since, seen, expires int64
	err = tx.Row("SELECT person, how, created_at, seen_at, expires_at, address, agent FROM session WHERE id = ? AND expires_at > ?", id, tx.NowMS()).
		Scan(&person, &s.How, &since, &seen, &expires, &s.Address, &s.Agent)
	if errors.Is(err, db.ErrNone) {
		return Session{}, "", loa.Errorf(loa.Forbidden, "people.signed_out")
	}
	s.ID, s.Complete = id, s.How.complete()
	s.Since, s.Seen, s.Expires = time.UnixMilli(since).UTC(), time.UnixMilli(seen).UTC(), time.UnixMilli(expires).UTC()
	return s, person, err
}

// SignOut ends the session of a token. A token without a session is signed out
// already, which is what was wanted.
func (r *Register) SignOut(ctx context.Context, token string) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		id := loa.Hash([]byte(token))
		_, person, err := findSession(tx, id)
		if loa.KeyOf(err) == "people.signed_out" {
			return nil
		}
		if err != nil {
			return err
		}
		a, err := lockAccount(tx, person)
		if err != nil {
			return err
		}
		if _, err := tx.Exec("DELETE FROM session WHERE id = ?", id); err != nil {
			return err
		}
		return a.note(tx, a.self(), "people.signed_out", nil)
	})
	if err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	return nil
}

// SignOutEverywhere ends all of a person's sessions: their own wish, or that of
// whoever manages all that the person's posts reach.
func (r *Register) SignOutEverywhere(ctx context.Context, who loa.Actor, person string) error {
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
		if err := endSessions(tx, person); err != nil {
			return err
		}
		return a.note(tx, who, "people.signed_out_everywhere", nil)
	})
	if err != nil {
		return fmt.Errorf("sign out everywhere: %w", err)
	}
	return nil
}

// Sweep forgets what is over: sessions, links, questions nobody answered, wrong
// tries of long ago. Nothing depends on it but the size of the tables; once an
// hour is often enough.
func (r *Register) Sweep(ctx context.Context) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec("DELETE FROM recovery_yes WHERE recovery IN (SELECT id FROM recovery WHERE expires_at <= ?)", tx.NowMS()); err != nil {
			return err
		}
		for _, table := range []string{"session", "signin_link", "ceremony", "recovery"} {
			if _, err := tx.Exec("DELETE FROM "+table+" WHERE expires_at <= ?", tx.NowMS()); err != nil {
				return err
			}
		}
		_, err := tx.Exec("DELETE FROM signin_failure WHERE last_at < ?", tx.NowMS()-forgotten.Milliseconds())
		return err
	})
	if err != nil {
		return fmt.Errorf("sweep sign-ins: %w", err)
	}
	return nil
}

// Sessions are the person's open sessions, the one seen last first.
func (r *Register) Sessions(ctx context.Context, person string) (all []Session, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, `SELECT id, how, created_at, seen_at, expires_at, address, agent FROM session
			WHERE person = ? AND expires_at > ? ORDER BY seen_at DESC, id`, []any{person, tx.NowMS()},
			func(scan func(...any) error) (s Session, err error) {
				var since, seen, expires int64
				err = scan(&s.ID, &s.How, &since, &seen, &expires, &s.Address, &s.Agent)
				s.Complete = s.How.complete()
				s.Since, s.Seen, s.Expires = time.UnixMilli(since).UTC(), time.UnixMilli(seen).UTC(), time.UnixMilli(expires).UTC()
				return s, err
			})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return all, nil
}

// SignOutElsewhere ends the person's sessions on other machines: one of them, or
// with "" all but that of the token.
func (r *Register) SignOutElsewhere(ctx context.Context, person, token, id string) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		a, err := lockAccount(tx, person)
		if err != nil {
			return err
		}
		where, args := "person = ? AND id <> ?", []any{person, loa.Hash([]byte(token))}
		if id != "" {
			where, args = where+" AND id = ?", append(args, id)
		}
		n, err := tx.Exec("DELETE FROM session WHERE "+where, args...)
		if err != nil || n == 0 {
			return err // ended already: as wanted
		}
		return a.note(tx, a.self(), "people.signed_out_elsewhere", map[string]any{"sessions": n})
	})
	if err != nil {
		return fmt.Errorf("sign out elsewhere: %w", err)
	}
	return nil
}

// begin opens a session for the person and writes it in the book.
func (a account) begin(tx *db.Tx, how How, from Browser) (token string, err error) {
	life := workday
	if from.Shared {
		life = sharedLife
	}
	return a.open(tx, how, from, life, life, "")
}

// open is begin for a session that ends after life unless it is renewed, and
// after last whatever happens.
func (a account) open(tx *db.Tx, how How, from Browser, life, last time.Duration, refresh string) (token string, err error) {
	token = newToken()
	_, err = tx.Exec(`INSERT INTO session (id, person, how, created_at, seen_at, expires_at, last_at, address, agent, refresh, checked_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, loa.Hash([]byte(token)), a.ID, string(how), tx.NowMS(), tx.NowMS(),
		tx.NowMS()+life.Milliseconds(), tx.NowMS()+last.Milliseconds(), from.Address, clipAgent(from.Agent), refresh, tx.NowMS())
	if err != nil {
		return "", fmt.Errorf("open session: %w", err)
	}
	if how.complete() {
		if _, err := tx.Exec("UPDATE person SET signed_in_at = ? WHERE id = ?", tx.NowMS(), a.ID); err != nil {
			return "", fmt.Errorf("open session: %w", err)
		}
	}
	data := map[string]any{"how": how}
	if from.Address != "" {
		data["address"] = from.Address
	}
	return token, a.note(tx, a.self(), "people.signed_in", data)
}

// clipAgent is what a browser calls itself, as much as a page shows.
func clipAgent(s string) string {
	s = strings.ToValidUTF8(s, "?")
	return s[:min(len(s), 200)]
}

func endSessions(tx *db.Tx, person string) error {
	_, err := tx.Exec("DELETE FROM session WHERE person = ?", person)
	return err
}

// endIncomplete ends the sessions that could still set up a code or a passkey:
// once the person has one, another that knew the first password must not add theirs.
func endIncomplete(tx *db.Tx, person string) error {
	_, err := tx.Exec("DELETE FROM session WHERE person = ? AND how IN (?, ?, ?)", person, string(ByPassword), string(ByLink), string(ByRecovery))
	return err
}

// newToken is 256 random bits as 43 characters of base64url. Only its SHA-256 is
// kept, so that a stolen database opens no session.
func newToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}
