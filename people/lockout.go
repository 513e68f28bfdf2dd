package people

import (
	"fmt"
	"net/netip"
	"time"

	"loa"
	"loa/db"
)

// How wrong tries slow down the next one. Nobody is locked out for good: then
// anybody could silence a commune by typing its officer's login five times. A
// passkey does not care how often the password was wrong.
const (
	freeTries = 5                // wrong tries before the first wait
	firstWait = 30 * time.Second // doubled by each further one
	longest   = 15 * time.Minute
	forgotten = time.Hour // after the last wrong try
)

// lockout is how long after the last of so many wrong tries the next one is
// looked at.
func lockout(wrong int) time.Duration {
	if wrong < freeTries {
		return 0
	}
	wait := firstWait
	for range wrong - freeTries {
		if wait *= 2; wait >= longest {
			return longest
		}
	}
	return wait
}

// tries are the wrong tries of one login or one address.
type tries struct {
	id    string
	wrong int
	last  time.Time
}

// left is how long the next try must still wait at now.
func (f tries) left(now time.Time) time.Duration {
	return max(0, f.last.Add(lockout(f.wrong)).Sub(now))
}

// byLogin and byAddress are what is counted.
func byLogin(fold string) string { return loa.Hash([]byte("login\x00" + fold)) }

func byAddress(address string) string { return loa.Hash([]byte("address\x00" + network(address))) }

// network is the address as it is counted: of IPv6 the first 64 bits, which is
// the least that one customer gets.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}

// try counts one more try as wrong, before it is looked at, so that a hundred at
// once are a hundred; it is people.wait when it comes too early. What it returns
// is how the count stood, for untry.
func try(tx *db.Tx, id string) (tries, error) {
	before := tries{id: id}
	var last int64
	// The row is locked in either case, and two tries wait for each other.
	err := tx.Row(`INSERT INTO signin_failure (id, wrong, last_at) VALUES (?, 0, ?)
		ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING wrong, last_at`, id, tx.NowMS()).Scan(&before.wrong, &last)
	if err != nil {
		return tries{}, fmt.Errorf("count tries: %w", err)
	}
	before.last = time.UnixMilli(last)
	if left := before.left(tx.Now()); left > 0 {
		return tries{}, loa.Errorf(loa.Unavailable, "people.wait", int(left.Seconds())+1)
	}
	if tx.Now().Sub(before.last) > forgotten {
		before.wrong = 0
	}
	if _, err := tx.Exec("UPDATE signin_failure SET wrong = ?, last_at = ? WHERE id = ?", before.wrong+1, tx.NowMS(), id); err != nil {
		return tries{}, fmt.Errorf("count tries: %w", err)
	}
	return before, nil
}

// untry takes back a try that was not wrong: the colleagues behind the same
// address wait no longer for it.
func (f tries) untry(tx *db.Tx) error {
	_, err := tx.Exec("UPDATE signin_failure SET wrong = wrong - 1, last_at = ? WHERE id = ? AND wrong > 0", f.last.UnixMilli(), f.id)
	return err
}

// forgive forgets all wrong tries: the right person has come.
func forgive(tx *db.Tx, id string) error {
	_, err := tx.Exec("DELETE FROM signin_failure WHERE id = ?", id)
	return err
}
