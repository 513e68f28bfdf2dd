package form

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"loa"
	"loa/bulletin"
	"loa/db"
	"loa/journal"
	"loa/unit"
	"loa/voice"
)

// Register is what outside bodies send, in one database.
type Register struct {
	DB        *db.DB
	Blobs     *db.Blobs
	Bulletins *bulletin.Flow
}

// Link is a form for one body, opened by whoever has its address: no account, for
// some months, taken back by one touch.
type Link struct {
	ID      string
	Path    loa.Path // who receives
	Sender  string   // the body's name, as listeners know it
	Kinds   []string // codes of what it may send
	MadeAt  int64
	Expires int64
	Revoked int64 // 0: good
}

// maxLink is the longest a link lives.
const maxLink = 366 * 24 * time.Hour

// Good reports whether a link still opens.
func (l Link) Good(now int64) bool { return l.Revoked == 0 && now < l.Expires }

// check cleans what an officer typed.
func (l Link) check(now time.Time) (Link, error) {
	name, err := voice.Clean(strings.Join(strings.Fields(l.Sender), " "))
	if err != nil || utf8.RuneCountInString(name) > 120 {
		return l, loa.Errorf(loa.Invalid, "form.sender").Because(err)
	}
	l.Sender = name
	for _, k := range l.Kinds {
		if _, ok := KindOf(k); !ok {
			return l, loa.Errorf(loa.Invalid, "form.kind", loa.Clip(k))
		}
	}
	if len(l.Kinds) == 0 || len(l.Kinds) > len(Kinds()) {
		return l, loa.Errorf(loa.Invalid, "form.kind", "")
	}
	end := time.UnixMilli(l.Expires)
	if !end.After(now) || end.Sub(now) > maxLink {
		return l, loa.Errorf(loa.Invalid, "form.expires")
	}
	return l, nil
}

// NewLink makes a form for a body and gives the secret of its address, which
// nobody can read again. It needs bulletin.write over the unit that receives.
func (r *Register) NewLink(ctx context.Context, who loa.Actor, l Link) (made Link, secret string, err error) {
	if err := who.Must(loa.RightWrite, l.Path); err != nil {
		return l, "", err
	}
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return l, "", fmt.Errorf("make form link: %w", err)
	}
	secret = base64.RawURLEncoding.EncodeToString(b[:])
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		if made, err = l.check(tx.Now()); err != nil {
			return err
		}
		if _, err := unit.FindTx(tx, l.Path); err != nil {
			return err
		}
		made.ID, made.MadeAt = loa.NewID(tx.Now()), tx.NowMS()
		if _, err := tx.Exec(`INSERT INTO form_link (id, secret, path, sender, kinds, made_by, made_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			made.ID, loa.Hash([]byte(secret)), made.Path, made.Sender, strings.Join(made.Kinds, "\n"), who.ID, made.MadeAt, made.Expires); err != nil {
			return err
		}
		_, err := journal.Append(tx, who, journal.Entry{Verb: "form.link_made", Path: made.Path, Subject: made.ID,
			Data: map[string]any{"sender": made.Sender, "kinds": made.Kinds}})
		return err
	})
	if err != nil {
		return l, "", fmt.Errorf("make form link: %w", err)
	}
	return made, secret, nil
}

// Revoke ends a link now.
func (r *Register) Revoke(ctx context.Context, who loa.Actor, id string) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		l, err := linkBy(tx, "id", id)
		if err != nil {
			return err
		}
		if err := who.Must(loa.RightWrite, l.Path); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE form_link SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL`, tx.NowMS(), id); err != nil {
			return err
		}
		_, err = journal.Append(tx, who, journal.Entry{Verb: "form.link_revoked", Path: l.Path, Subject: id, Data: map[string]any{"sender": l.Sender}})
		return err
	})
	if err != nil {
		return fmt.Errorf("revoke form link: %w", err)
	}
	return nil
}

// Open is the link with a secret, as long as it is good. A wrong secret and one
// that has ended are told apart by nobody.
func (r *Register) Open(ctx context.Context, secret string) (l Link, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		l, err = openLink(tx, secret)
		return err
	})
	return l, err
}

func openLink(tx *db.Tx, secret string) (Link, error) {
	l, err := linkBy(tx, "secret", loa.Hash([]byte(secret)))
	if err != nil {
		return l, err
	}
	if !l.Good(tx.NowMS()) {
		return Link{}, loa.Errorf(loa.NotFound, "form.link_unknown")
	}
	return l, nil
}

// Links lists the links of a unit, the newest first.
func (r *Register) Links(ctx context.Context, who loa.Actor, at loa.Path) (all []Link, err error) {
	if err := who.Must(loa.RightRead, at); err != nil {
		return nil, err
	}
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = db.All(tx, linkQuery+`path = ? ORDER BY id DESC LIMIT 200`, []any{at}, scanLink)
		return err
	})
	return all, err
}

const linkQuery = `SELECT id, path, sender, kinds, made_at, expires_at, COALESCE(revoked_at, 0) FROM form_link WHERE `

func scanLink(scan func(...any) error) (l Link, err error) {
	var kinds string
	err = scan(&l.ID, &l.Path, &l.Sender, &kinds, &l.MadeAt, &l.Expires, &l.Revoked)
	l.Kinds = strings.Fields(kinds)
	return l, err
}

func linkBy(tx *db.Tx, column, value string) (Link, error) {
	l, err := scanLink(tx.Row(linkQuery+column+` = ?`, value).Scan)
	if errors.Is(err, db.ErrNone) {
		return l, loa.Errorf(loa.NotFound, "form.link_unknown")
	}
	return l, err
}

// May reports whether a link takes a kind of notice.
func (l Link) May(kind string) bool { return slices.Contains(l.Kinds, kind) }
