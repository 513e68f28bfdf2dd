package speaker

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/seal"
)

// CodeLife is how long an enrolment code may be used.
const CodeLife = 24 * time.Hour

const codeLetters = "ABCDEFGHJKMNPQRSTVWXYZ23456789"

// NewCode makes the one-time code with which one box may ask for a pole. What
// it returns is shown once: eight letters, a dot, and the first sixteen
// characters of the root's fingerprint, so that a box which types it in cannot
// be talked into another root. Only the hash of the letters is kept.
func (r *Register) NewCode(ctx context.Context, who loa.Actor, pole string) (string, error) {
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
	for i, c := range raw {
		raw[i] = codeLetters[int(c)%len(codeLetters)]
	}
	code := string(raw[:])
	var root seal.Root
	err := r.write(ctx, who, func(tx *db.Tx) (journal.Entry, error) {
		p, err := findPole(tx, pole)
		if err != nil {
			return journal.Entry{}, err
		}
		if err := who.Must(loa.RightSpeakers, p.Path); err != nil {
			return journal.Entry{}, err
		}
		if root, err = r.rootNow(tx); err != nil {
			return journal.Entry{}, err
		}
		_, err = tx.Exec(`INSERT INTO enrol_code (hash, pole_id, expires_at, root) VALUES (?, ?, ?, ?)`,
			loa.Hash([]byte(code)), pole, tx.Now().Add(CodeLife).UnixMilli(), root.Fingerprint())
		return journal.Entry{Verb: "speaker.code_made", Path: p.Path, Subject: pole}, err
	})
	if err != nil {
		return "", fmt.Errorf("make enrolment code: %w", err)
	}
	return code + "." + root.Fingerprint()[:16], nil
}

// letters is a code as it was made, however it was typed.
func letters(code string) string { return strings.ToUpper(strings.TrimSpace(code)) }

// CheckDigits are six digits of a public key that the box and the officer's
// page both show, so a person sees that they speak of the same box.
func CheckDigits(pub ed25519.PublicKey) string {
	h := sha256.Sum256(pub)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(h[:4])%1_000_000)
}

// Enrol takes in a box that shows a code and proves it holds its key: sig is
// over "loa enrol v0\n" + code + "\n" + key. The same box may ask again; a code
// is used by one box only. Nothing sounds until an officer confirms.
func (r *Register) Enrol(ctx context.Context, code, key, sig string) (Box, error) {
	code = letters(code)
	pub, err := seal.DecodePublic(key)
	if err != nil {
		return Box{}, err
	}
	raw, err := base64.StdEncoding.DecodeString(sig)
	if err != nil || !ed25519.Verify(pub, []byte("loa enrol v0\n"+code+"\n"+key), raw) {
		return Box{}, loa.Errorf(loa.Forbidden, "enrol.not_your_key")
	}
	var b Box
	err = r.write(ctx, loa.System(), func(tx *db.Tx) (journal.Entry, error) {
		var known bool
		var p Pole
		if b, p, known, err = useCode(tx, loa.Hash([]byte(code)), key); err != nil || known {
			return journal.Entry{}, err
		}
		b = Box{ID: loa.NewID(tx.Now()), Pole: p, Key: key, Check: CheckDigits(pub), State: Waiting}
		if err := insertBox(tx, b); err != nil {
			if db.IsUnique(err) {
				return journal.Entry{}, loa.Errorf(loa.Conflict, "enrol.key_known")
			}
			return journal.Entry{}, err
		}
		_, err := tx.Exec(`UPDATE enrol_code SET box_id = ? WHERE hash = ?`, b.ID, loa.Hash([]byte(code)))
		return journal.Entry{Verb: "speaker.asked", Path: p.Path, Subject: b.ID,
			Data: map[string]string{"pole": p.ID, "check": b.Check}}, err
	})
	if err != nil {
		return Box{}, fmt.Errorf("enrol: %w", err)
	}
	return b, nil
}

// useCode finds what a code stands for: the box that used it already, if it is
// the one that asks, or the pole a new box may ask for.
func useCode(tx *db.Tx, hash, key string) (b Box, p Pole, known bool, err error) {
	refused := loa.Errorf(loa.Forbidden, "enrol.code_refused")
	// The update takes the row's lock, so two boxes with one code queue here.
	n, err := tx.Exec(`UPDATE enrol_code SET expires_at = expires_at WHERE hash = ?`, hash)
	if err != nil {
		return b, p, false, err
	}
	if n == 0 {
		return b, p, false, refused
	}
	var pole, used string
	var expires int64
	if err := tx.Row(`SELECT pole_id, COALESCE(box_id, ''), expires_at FROM enrol_code WHERE hash = ?`, hash).
		Scan(&pole, &used, &expires); err != nil {
		return b, p, false, err
	}
	if used != "" {
		b, err = findBox(tx, used)
		if err == nil && b.Key != key {
			err = refused
		}
		return b, p, true, err
	}
	if tx.NowMS() > expires {
		return b, p, false, refused
	}
	p, err = findPole(tx, pole)
	return b, p, false, err
}

// SealedPlacement is the placement of a box once an officer has confirmed it;
// nil while it waits.
func (r *Register) SealedPlacement(ctx context.Context, box string) (b []byte, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		err := tx.Row(`SELECT placement FROM box WHERE id = ?`, box).Scan(&b)
		if errors.Is(err, db.ErrNone) {
			return loa.Errorf(loa.NotFound, "box.unknown")
		}
		return err
	})
	return b, err
}
