package bulletin

// Stage 2 of 7: approve. Before: draft.go. After: sign.go.

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/wire"
)

// The ways of knowing what one approves.
const (
	Heard = "heard" // listened to the sound to its end
	Read  = "read"  // read the spoken text to its end
)

// known sums up how a person came to know each rendition: "" while one is
// missing, Read if one was only read, otherwise Heard.
func known(each []string) string {
	how := ""
	for _, h := range each {
		switch {
		case h == "":
			return ""
		case how != Read:
			how = h
		}
	}
	return how
}

// hearings reads how a person came to know each rendition of the present bytes.
func hearings(tx *db.Tx, b Bulletin, person string) ([]string, error) {
	each := make([]string, len(b.Renditions))
	_, err := db.All(tx, `SELECT position, how FROM hearing WHERE bulletin_id = ? AND person = ? AND payload_hash = ?`,
		[]any{b.ID, person, loa.Hash(b.Payload)}, func(scan func(...any) error) (i int, err error) {
			var how string
			err = scan(&i, &how)
			if i >= 0 && i < len(each) {
				each[i] = how
			}
			return i, err
		})
	return each, err
}

// approvable is the rule of the second pair of eyes: not the author, the right
// over the unit, and having heard or read exactly these bytes in every language. A grant stands for
// the right, and one in advance (duyệt trước) for the second pair of eyes too.
// Whoever got back into their account today approves no emergency: it may not be
// them.
func (b Bulletin) approvable(who loa.Actor, g *Grant, how string, mustHear bool) error {
	switch {
	case g != nil: // it has been asked whether it reaches this bulletin and person
	case who.ID == b.Author:
		return loa.Errorf(loa.Forbidden, "approve.own")
	default:
		if err := who.Must(loa.RightApprove, b.Path); err != nil {
			return err
		}
	}
	switch {
	case who.Cooling && b.Class == wire.Emergency:
		return loa.Errorf(loa.Forbidden, "people.cooling")
	case how == "":
		return loa.Errorf(loa.Conflict, "approve.not_heard")
	case mustHear && how != Heard:
		return loa.Errorf(loa.Conflict, "approve.must_hear")
	}
	return nil
}

// hearable is the rule of what counts as knowing a rendition: a person's
// recording has no spoken text to read.
func (b Bulletin) hearable(position int, how string) error {
	if position < 0 || position >= len(b.Renditions) {
		return loa.Errorf(loa.Invalid, "hear.rendition")
	}
	if r := b.Renditions[position]; how == Read && !r.Machine() {
		return loa.Errorf(loa.Invalid, "hear.recording", "language."+r.Lang)
	}
	return nil
}

// Hear records that a person heard the sound, or read the spoken text, to its
// end; the page reports it and Approve demands it. payload is the hash of the
// bytes the page showed: hearing an older version counts for nothing. positions
// are the renditions meant, all of them when none is named.
func (f *Flow) Hear(ctx context.Context, who loa.Actor, id, payload, how string, positions ...int) error {
	if how != Heard && how != Read {
		return loa.Errorf(loa.Invalid, "hear.how")
	}
	var row string
	var entry journal.Entry
	err := f.DB.Write(ctx, func(tx *db.Tx) error {
		row = ""
		b, err := load(tx, id)
		if err != nil {
			return err
		}
		if err := who.Must(loa.RightRead, b.Path); err != nil {
			return err
		}
		if b.Payload == nil || loa.Hash(b.Payload) != payload {
			return loa.Errorf(loa.Conflict, "bulletin.changed_meanwhile")
		}
		meant := positions
		for i := 0; len(positions) == 0 && i < len(b.Renditions); i++ {
			meant = append(meant, i)
		}
		var fresh []int
		for _, i := range meant {
			if err := b.hearable(i, how); err != nil {
				return err
			}
			n, err := tx.Exec(`INSERT INTO hearing (bulletin_id, person, payload_hash, position, how, at) VALUES (?, ?, ?, ?, ?, ?)
				ON CONFLICT (bulletin_id, person, payload_hash, position) DO UPDATE SET how = excluded.how, at = excluded.at
				WHERE hearing.how = ? AND excluded.how = ?`, id, who.ID, payload, i, how, tx.NowMS(), Read, Heard) // hearing is more than reading
			if err != nil {
				return err
			}
			if n > 0 {
				fresh = append(fresh, i)
			}
		}
		if len(fresh) == 0 {
			return nil
		}
		entry = journal.Entry{Verb: "bulletin." + how, Path: b.Path, Subject: id, Data: map[string]any{"payload": payload, "renditions": fresh}}
		row, err = journal.Append(tx, who, entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("hear bulletin: %w", err)
	}
	if row != "" {
		f.Said(row, entry)
	}
	return nil
}

// Approve takes one person's yes over the warrant's bytes: a passkey assertion
// whose challenge is their SHA-256, or that of a batch they are in. It is kept as
// evidence and believed only by the signer, in the next stage.
func (f *Flow) Approve(ctx context.Context, who loa.Actor, id string, yes wire.Approval) (Bulletin, error) {
	return f.step(ctx, who, id, approve, func(tx *db.Tx, b *Bulletin) (journal.Entry, error) {
		payload := loa.Hash(b.Payload)
		a := Approval{Person: who.ID, Name: who.Name, Post: who.Post, Payload: payload, At: tx.NowMS(), Yes: yes}
		g, err := grantFor(tx, who, *b)
		if err != nil {
			return journal.Entry{}, err
		}
		each, err := hearings(tx, *b, who.ID)
		if err != nil {
			return journal.Entry{}, err
		}
		how := known(each)
		mustHear, err := b.mustHear(tx)
		if err != nil {
			return journal.Entry{}, err
		}
		if err := b.approvable(who, g, how, mustHear); err != nil {
			return journal.Entry{}, err
		}
		if b.Until <= tx.NowMS() {
			return journal.Entry{}, loa.Errorf(loa.Conflict, "bulletin.expired")
		}
		note := map[string]string{"payload": payload, "how": how, "credential": yes.Credential}
		a.How, a.Yes.Grant = how, ""
		if g != nil {
			a.Yes.Grant, a.Grant, a.Decision = g.Hash, g.Hash, g.Decision
			note["grant"], note["decision"] = g.Hash, g.Decision
		} else if a.StandsIn = b.standsIn(who); a.StandsIn != "" {
			note["stands_in"] = string(a.StandsIn)
		}
		if len(yes.Batch) > 0 {
			named, err := wire.ReadBatch(yes.Batch, wire.WarrantType)
			if err != nil {
				return journal.Entry{}, err
			}
			if !slices.Contains(named, payload) {
				return journal.Entry{}, loa.Errorf(loa.Conflict, "bulletin.changed_meanwhile")
			}
			a.Batch = loa.Hash(yes.Batch)
			note["batch"] = a.Batch
		}
		return journal.Entry{Data: note}, a.insert(tx, b.ID)
	})
}

// standsIn is the place whose right a person uses who approves for one of the
// places below it: the province's editorial board for a commune. "" for the
// commune's own people.
func (b Bulletin) standsIn(who loa.Actor) loa.Path {
	if b.Path.Commune() == "" {
		return ""
	}
	var above loa.Path
	for _, p := range who.Places(loa.RightApprove) {
		switch {
		case !p.Covers(b.Path):
		case p.Commune() != "":
			return ""
		case len(p) > len(above):
			above = p
		}
	}
	return above
}

// mustHear reports whether reading is not enough: a place along the path demands
// that the sound is heard.
func (b Bulletin) mustHear(tx *db.Tx) (bool, error) {
	rules, err := hearingRules(tx, b.Path)
	return len(rules) > 0, err
}

// Approval is one person's yes as kept.
type Approval struct {
	Person   string
	Name     string
	Post     string
	Payload  string
	How      string   // heard, read
	Grant    string   // hash of the grant it was given under, "" by the person's own right
	Decision string   // of that grant
	StandsIn loa.Path // the place above whose right was used, "" for the place's own
	Batch    string   // hash of the batch, "" when given for this one alone
	Refused  string
	At       int64
	Yes      wire.Approval
}

func (a Approval) insert(tx *db.Tx, bulletin string) error {
	assertion, err := json.Marshal(a.Yes)
	if err != nil {
		return fmt.Errorf("write assertion: %w", err)
	}
	_, err = tx.Exec(`INSERT INTO approval (id, bulletin_id, person, name, post, payload_hash, how, grant_hash, decision, stands_in,
			batch, assertion, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		loa.NewID(tx.Now()), bulletin, a.Person, a.Name, a.Post, a.Payload, a.How, a.Grant, a.Decision, a.StandsIn,
		a.Batch, string(assertion), a.At)
	return err
}

// approvals reads the approvals of exactly these bytes that nobody refused.
func approvals(tx *db.Tx, id, payload string) ([]Approval, error) {
	return db.All(tx, `SELECT person, name, post, payload_hash, how, grant_hash, decision, stands_in, batch, refused, at, assertion
		FROM approval WHERE bulletin_id = ? AND payload_hash = ? AND refused = '' ORDER BY id`, []any{id, payload},
		func(scan func(...any) error) (a Approval, err error) {
			var assertion string
			if err := scan(&a.Person, &a.Name, &a.Post, &a.Payload, &a.How, &a.Grant, &a.Decision, &a.StandsIn, &a.Batch,
				&a.Refused, &a.At, &assertion); err != nil {
				return a, err
			}
			return a, json.Unmarshal([]byte(assertion), &a.Yes)
		})
}
