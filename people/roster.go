package people

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/db"
	"loa/journal"
)

// Authenticator is the make of the passkey's authenticator as the signer's
// roster writes it: the 16 bytes of its AAGUID.
func (k Passkey) Authenticator() ([]byte, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(k.AAGUID, "-", ""))
	if err != nil || len(b) != 16 {
		return nil, fmt.Errorf("read make of passkey %s: %q is no UUID", k.ID, k.AAGUID)
	}
	return b, nil
}

// RosterBook is the paper beside the signer's roster: who proposed to put whose
// passkey on it or take it off, and who approved. It decides nothing. The signer
// believes the assertions alone, and keeps the list itself.
type RosterBook struct{ DB *db.DB }

// Proposal is one change of the roster that waits for its approvals.
type Proposal struct {
	ID         string
	Payload    []byte // the change as the signer writes it: what is approved
	Credential string // the passkey that comes or goes
	Name       string // of its person
	Adds       bool
	Paths      []loa.Path // every place the change touches
	By         string     // person id
	ByName     string
	At         time.Time
	Approvals  []RosterApproval // the oldest first, without those the signer refused

	ended   bool
	changed bool
}

// RosterApproval is one person's yes to a proposal.
type RosterApproval struct {
	Person    string
	Name      string
	Post      string
	Assertion []byte // JSON of the WebAuthn assertion over the payload
	At        time.Time
}

// Propose writes a proposal down: Payload, Credential, Name, Adds and Paths are
// the caller's. It needs people.manage over every place the change touches.
func (b RosterBook) Propose(ctx context.Context, who loa.Actor, p Proposal) (Proposal, error) {
	if len(p.Payload) == 0 || len(p.Paths) == 0 || p.Credential == "" {
		return Proposal{}, errors.New("propose roster change: it changes nothing")
	}
	if err := mustManage(who, p.Paths); err != nil {
		return Proposal{}, err
	}
	err := b.DB.Write(ctx, func(tx *db.Tx) error {
		waiting, err := proposals(tx, "ended_at IS NULL")
		if err != nil {
			return err
		}
		if slices.ContainsFunc(waiting, func(q Proposal) bool { return bytes.Equal(q.Payload, p.Payload) }) {
			return loa.Errorf(loa.Conflict, "people.roster_waiting", p.Name)
		}
		p.ID, p.By, p.ByName, p.At = loa.NewID(tx.Now()), who.ID, who.Name, tx.Now()
		lines := make([]string, len(p.Paths))
		for i, path := range p.Paths {
			lines[i] = string(path)
		}
		adds := 0
		if p.Adds {
			adds = 1
		}
		if _, err := tx.Exec(`INSERT INTO roster_proposal (id, payload, credential, name, adds, paths, by_person, by_name, at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, p.ID, p.Payload, p.Credential, p.Name, adds, strings.Join(lines, "\n"),
			p.By, p.ByName, tx.NowMS()); err != nil {
			return err
		}
		return p.note(tx, who, "people.roster_proposed", map[string]any{"name": p.Name, "passkey": p.Credential, "adds": p.Adds,
			"paths": p.Paths, "change": loa.Hash(p.Payload)})
	})
	if err != nil {
		return Proposal{}, fmt.Errorf("propose roster change: %w", err)
	}
	return p, nil
}

// Approve keeps a person's assertion over the proposal's payload, once for each
// person. Whether the assertion holds is the signer's to say, before and after.
func (b RosterBook) Approve(ctx context.Context, who loa.Actor, id string, assertion []byte) (Proposal, error) {
	return b.step(ctx, "approve roster change", id, func(tx *db.Tx, p *Proposal) error {
		if slices.ContainsFunc(p.Approvals, func(a RosterApproval) bool { return a.Person == who.ID }) {
			return loa.Errorf(loa.Conflict, "people.roster_approved_already")
		}
		a := RosterApproval{Person: who.ID, Name: who.Name, Post: who.Post, Assertion: assertion, At: tx.Now()}
		if _, err := tx.Exec("INSERT INTO roster_approval (id, proposal, person, name, post, assertion, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
			loa.NewID(tx.Now()), id, a.Person, a.Name, a.Post, string(a.Assertion), tx.NowMS()); err != nil {
			return err
		}
		p.Approvals = append(p.Approvals, a)
		return p.note(tx, who, "people.roster_approved", map[string]any{"change": loa.Hash(p.Payload)})
	})
}

// Refuse sets aside the approvals that the signer no longer believes, with the
// key of its reason, so that they can be given anew: a security key that counts
// makes an older assertion worthless with every later one.
func (b RosterBook) Refuse(ctx context.Context, id, why string) error {
	_, err := b.step(ctx, "refuse approvals of roster change", id, func(tx *db.Tx, p *Proposal) error {
		p.Approvals = nil
		_, err := tx.Exec("UPDATE roster_approval SET refused = ? WHERE proposal = ? AND refused = ''", why, id)
		return err
	})
	return err
}

// Done says that the signer has made the change. Saying it twice is no harm: two
// processes may have handed in the same approvals.
func (b RosterBook) Done(ctx context.Context, who loa.Actor, id string) error {
	_, err := b.step(ctx, "end roster change", id, func(tx *db.Tx, p *Proposal) error {
		if _, err := tx.Exec("UPDATE roster_proposal SET ended_at = ?, changed = 1 WHERE id = ?", tx.NowMS(), id); err != nil {
			return err
		}
		var names []string
		for _, a := range p.Approvals {
			names = append(names, a.Name)
		}
		return p.note(tx, who, "people.roster_changed", map[string]any{"name": p.Name, "passkey": p.Credential, "adds": p.Adds,
			"change": loa.Hash(p.Payload), "approved": names})
	})
	if loa.KeyOf(err) == "people.roster_done" {
		return nil
	}
	return err
}

// Withdraw ends a proposal that nobody wants any more, or that the roster has
// overtaken. It takes whoever proposed it, or people.manage over all it touches.
func (b RosterBook) Withdraw(ctx context.Context, who loa.Actor, id string) error {
	_, err := b.step(ctx, "withdraw roster change", id, func(tx *db.Tx, p *Proposal) error {
		if who.ID != p.By {
			if err := mustManage(who, p.Paths); err != nil {
				return err
			}
		}
		if _, err := tx.Exec("UPDATE roster_proposal SET ended_at = ? WHERE id = ?", tx.NowMS(), id); err != nil {
			return err
		}
		return p.note(tx, who, "people.roster_withdrawn", map[string]any{"name": p.Name, "change": loa.Hash(p.Payload)})
	})
	return err
}

// Find is one proposal, waiting or not; otherwise people.roster_unknown.
func (b RosterBook) Find(ctx context.Context, id string) (p Proposal, err error) {
	err = b.DB.Read(ctx, func(tx *db.Tx) error {
		p, err = findProposal(tx, id)
		return err
	})
	return p, err
}

// Pending are the proposals that wait, the oldest first.
func (b RosterBook) Pending(ctx context.Context) (all []Proposal, err error) {
	err = b.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = proposals(tx, "ended_at IS NULL")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list roster changes: %w", err)
	}
	return all, nil
}

// Since is when each passkey came onto the roster by a proposal. Those the
// machine's owner put there at the beginning are not in it.
func (b RosterBook) Since(ctx context.Context) (since map[string]time.Time, err error) {
	since = map[string]time.Time{}
	err = b.DB.Read(ctx, func(tx *db.Tx) error {
		_, err := db.All(tx, "SELECT credential, MAX(ended_at) FROM roster_proposal WHERE changed = 1 AND adds = 1 GROUP BY credential", nil,
			func(scan func(...any) error) (struct{}, error) {
				var credential string
				var at int64
				err := scan(&credential, &at)
				since[credential] = time.UnixMilli(at).UTC()
				return struct{}{}, err
			})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list roster changes: %w", err)
	}
	return since, nil
}

// step changes one waiting proposal, while nobody else does. One that has ended
// is people.roster_done or people.roster_gone.
func (b RosterBook) step(ctx context.Context, what, id string, f func(tx *db.Tx, p *Proposal) error) (p Proposal, err error) {
	err = b.DB.Write(ctx, func(tx *db.Tx) error {
		if err := tx.Lock("roster_proposal", id); err != nil && !errors.Is(err, db.ErrNone) {
			return err
		}
		if p, err = findProposal(tx, id); err != nil {
			return err
		}
		switch {
		case p.changed:
			return loa.Errorf(loa.Conflict, "people.roster_done", p.Name)
		case p.ended:
			return loa.Errorf(loa.Conflict, "people.roster_gone", p.Name)
		}
		return f(tx, &p)
	})
	if err != nil {
		return Proposal{}, fmt.Errorf("%s: %w", what, err)
	}
	return p, nil
}

func findProposal(tx *db.Tx, id string) (Proposal, error) {
	all, err := proposals(tx, "id = ?", id)
	if err != nil {
		return Proposal{}, fmt.Errorf("find roster change: %w", err)
	}
	if len(all) == 0 {
		return Proposal{}, loa.Errorf(loa.NotFound, "people.roster_unknown")
	}
	return all[0], nil
}

// proposals are those for which the condition holds, with their approvals.
func proposals(tx *db.Tx, where string, args ...any) ([]Proposal, error) {
	all, err := db.All(tx, `SELECT id, payload, credential, name, adds, paths, by_person, by_name, at, ended_at, changed
		FROM roster_proposal WHERE `+where+` ORDER BY at, id`, args, func(scan func(...any) error) (p Proposal, err error) {
		var adds, changed int
		var at int64
		var ended *int64
		var paths string
		err = scan(&p.ID, &p.Payload, &p.Credential, &p.Name, &adds, &paths, &p.By, &p.ByName, &at, &ended, &changed)
		for line := range strings.FieldsSeq(paths) {
			p.Paths = append(p.Paths, loa.Path(line))
		}
		p.Adds, p.changed, p.ended, p.At = adds == 1, changed == 1, ended != nil, time.UnixMilli(at).UTC()
		return p, err
	})
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Approvals, err = db.All(tx, `SELECT person, name, post, assertion, at FROM roster_approval
			WHERE proposal = ? AND refused = '' ORDER BY at, id`, []any{all[i].ID}, func(scan func(...any) error) (a RosterApproval, err error) {
			var at int64
			var assertion string
			err = scan(&a.Person, &a.Name, &a.Post, &assertion, &at)
			a.Assertion, a.At = []byte(assertion), time.UnixMilli(at).UTC()
			return a, err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// note writes into the book of the nearest place above all that is touched.
func (p Proposal) note(tx *db.Tx, who loa.Actor, verb string, data any) error {
	at := p.Paths[0]
	for at != "" && slices.ContainsFunc(p.Paths, func(q loa.Path) bool { return !at.Covers(q) }) {
		at = at.Parent()
	}
	_, err := journal.Append(tx, who, journal.Entry{Verb: verb, Path: at, Subject: p.ID, Data: data})
	return err
}
