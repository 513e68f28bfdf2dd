package bulletin

// Beside the line: approving in another's place (ủy quyền duyệt). A grant is
// written here, approved by its giver's passkey, and kept by the signer, which
// alone decides by it; these rows are what pages show.

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"loa"
	"loa/db"
	"loa/journal"
	"loa/wire"
)

// Granter is the signer as far as grants go. Handing in again what was done is no
// harm.
type Granter interface {
	Grant(ctx context.Context, payload []byte, yes wire.Approval) error
	EndGrant(ctx context.Context, payload []byte, yes wire.Approval) error
}

// Grant is one grant with its people's names and where it stands.
type Grant struct {
	wire.Grant
	Hash         string // of the bytes that are approved
	Payload      []byte
	GiverName    string
	GiverPost    string
	DelegateName string
	At           int64
	GivenAt      int64  // 0: its giver has not approved it
	EndedAt      int64  // 0: not taken back
	EndedBy      string // a name
}

// End are the bytes that take the grant back.
func (g Grant) End() ([]byte, error) {
	return wire.Encode(wire.GrantEnd{V: wire.Version, Kind: "grant-end", Grant: g.Hash})
}

// DraftGrant writes a grant of the actor to somebody, for the giver's passkey. Of
// g, ID and Giver are filled here.
func (f *Flow) DraftGrant(ctx context.Context, who loa.Actor, g wire.Grant, delegateName string) (Grant, error) {
	var made Grant
	err := f.DB.Write(ctx, func(tx *db.Tx) error {
		g.V, g.Kind, g.ID, g.Giver = wire.Version, "grant", loa.NewID(tx.Now()), who.ID
		g.Decision = strings.Join(strings.Fields(g.Decision), " ")
		if g.Decision == "" {
			return loa.Errorf(loa.Invalid, "grant.no_decision")
		}
		if g.From == 0 {
			g.From = tx.NowMS()
		}
		if g.Until <= tx.NowMS() || g.Until <= g.From || g.Until > tx.Now().Add(maxLife).UnixMilli() {
			return loa.Errorf(loa.Invalid, "grant.dates")
		}
		if err := g.Check(); err != nil {
			return err
		}
		for _, p := range g.Paths {
			if err := who.Must(loa.RightApprove, p); err != nil {
				return err
			}
		}
		payload, err := wire.Encode(g)
		if err != nil {
			return err
		}
		made = Grant{Grant: g, Hash: loa.Hash(payload), Payload: payload, GiverName: who.Name, GiverPost: who.Post,
			DelegateName: delegateName, At: tx.NowMS()}
		_, err = tx.Exec(`INSERT INTO approval_grant (hash, payload, giver, giver_name, giver_post, delegate, delegate_name, path, until_ms, at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, made.Hash, payload, g.Giver, who.Name, who.Post, g.Delegate, delegateName,
			above(g.Paths), g.Until, made.At)
		return err
	})
	if err != nil {
		return Grant{}, fmt.Errorf("draft grant: %w", err)
	}
	return made, nil
}

// GiveGrant hands a drafted grant to the signer with its giver's yes. A process
// that died in between has lost nothing: the giver clicks again.
func (f *Flow) GiveGrant(ctx context.Context, who loa.Actor, hash string, yes wire.Approval) (Grant, error) {
	g, err := f.FindGrant(ctx, hash)
	if err != nil {
		return g, err
	}
	if g.Giver != who.ID {
		return g, loa.Errorf(loa.Forbidden, "grant.not_giver")
	}
	if err := f.Grants.Grant(ctx, g.Payload, yes); err != nil {
		return g, fmt.Errorf("give grant: %w", err)
	}
	assertion, err := json.Marshal(yes)
	if err != nil {
		return g, fmt.Errorf("give grant: %w", err)
	}
	err = f.noteGrant(ctx, who, &g, "bulletin.grant_given", map[string]any{"to": g.DelegateName, "decision": g.Decision, "own": g.Own,
		"paths": g.Paths, "classes": g.Classes, "categories": g.Categories, "until": g.Until},
		`UPDATE approval_grant SET given_at = ?, assertion = ? WHERE hash = ? AND given_at IS NULL`, string(assertion), g.Hash)
	return g, err
}

// EndGrant takes a grant back at once. The signer says whether this person may:
// its giver, or a keeper of the roster over its places.
func (f *Flow) EndGrant(ctx context.Context, who loa.Actor, hash string, yes wire.Approval) (Grant, error) {
	g, err := f.FindGrant(ctx, hash)
	if err != nil {
		return g, err
	}
	end, err := g.End()
	if err != nil {
		return g, err
	}
	if err := f.Grants.EndGrant(ctx, end, yes); err != nil {
		return g, fmt.Errorf("end grant: %w", err)
	}
	err = f.noteGrant(ctx, who, &g, "bulletin.grant_ended", map[string]any{"to": g.DelegateName, "decision": g.Decision},
		`UPDATE approval_grant SET ended_at = ?, ended_by = ? WHERE hash = ? AND ended_at IS NULL`, who.Name, g.Hash)
	return g, err
}

// noteGrant writes down, once, what the signer has done; args follow the moment.
func (f *Flow) noteGrant(ctx context.Context, who loa.Actor, g *Grant, verb string, data any, query string, args ...any) error {
	var row string
	entry := journal.Entry{Verb: verb, Path: above(g.Paths), Subject: g.Hash, Data: data}
	err := f.DB.Write(ctx, func(tx *db.Tx) error {
		row = ""
		n, err := tx.Exec(query, append([]any{tx.NowMS()}, args...)...)
		if err != nil || n == 0 { // noted already: two clicks
			return err
		}
		row, err = journal.Append(tx, who, entry)
		return err
	})
	if err != nil {
		return fmt.Errorf("note grant: %w", err)
	}
	if row != "" {
		f.Said(row, entry)
	}
	*g, err = f.FindGrant(ctx, g.Hash)
	return err
}

// FindGrant is one grant by the hash of its bytes; otherwise grant.unknown.
func (f *Flow) FindGrant(ctx context.Context, hash string) (g Grant, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err := grants(tx, `hash = ?`, hash)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return loa.Errorf(loa.NotFound, "grant.unknown")
		}
		g = all[0]
		return nil
	})
	return g, err
}

// ListGrants lists the grants that were given for a place or a place below it,
// those in force first, and those of the actor wherever they are.
func (f *Flow) ListGrants(ctx context.Context, who loa.Actor, path loa.Path) (all []Grant, err error) {
	if err := who.Must(loa.RightRead, path); err != nil {
		return nil, err
	}
	from, to := db.PrefixRange(string(path))
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = grants(tx, `given_at IS NOT NULL AND (path = ? OR path >= ? AND path < ? OR giver = ? OR delegate = ?)`,
			string(path), from, to, who.ID, who.ID)
		now := tx.NowMS()
		slices.SortStableFunc(all, func(a, b Grant) int { return compareBool(b.live(now), a.live(now)) })
		return err
	})
	return all, err
}

// live reports whether a grant may still be used, now or later.
func (g Grant) live(now int64) bool { return g.GivenAt > 0 && g.EndedAt == 0 && now < g.Until }

// Live is live for pages.
func (g Grant) Live(now int64) bool { return g.live(now) }

// grantFor is the grant under which a person may approve a bulletin now, nil if
// there is none. Those that need no author's exception come first.
func grantFor(tx *db.Tx, who loa.Actor, b Bulletin) (*Grant, error) {
	if b.Payload == nil {
		return nil, nil
	}
	w, err := wire.ReadWarrant(b.Payload)
	if err != nil {
		return nil, err
	}
	all, err := grants(tx, `delegate = ? AND until_ms > ? AND given_at IS NOT NULL AND ended_at IS NULL`, who.ID, tx.NowMS())
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b Grant) int { return compareBool(a.Own, b.Own) })
	for _, g := range all {
		if g.Allows(w, who.ID, tx.NowMS()) == nil {
			return &g, nil
		}
	}
	return nil, nil
}

// GrantFor is the grant under which a person may approve a bulletin at this
// moment, nil if there is none.
func (f *Flow) GrantFor(ctx context.Context, who loa.Actor, b Bulletin) (g *Grant, err error) {
	err = f.DB.Read(ctx, func(tx *db.Tx) error {
		g, err = grantFor(tx, who, b)
		return err
	})
	return g, err
}

// above is the nearest place above all of them.
func above(paths []loa.Path) loa.Path {
	at := paths[0]
	for at != "" && slices.ContainsFunc(paths, func(q loa.Path) bool { return !at.Covers(q) }) {
		at = at.Parent()
	}
	return at
}

func grants(tx *db.Tx, where string, args ...any) ([]Grant, error) {
	return db.All(tx, `SELECT hash, payload, giver_name, giver_post, delegate_name, at, COALESCE(given_at, 0), COALESCE(ended_at, 0), ended_by
		FROM approval_grant WHERE `+where+` ORDER BY at DESC, hash`, args,
		func(scan func(...any) error) (g Grant, err error) {
			if err := scan(&g.Hash, &g.Payload, &g.GiverName, &g.GiverPost, &g.DelegateName, &g.At, &g.GivenAt, &g.EndedAt, &g.EndedBy); err != nil {
				return g, err
			}
			g.Grant, err = wire.ReadGrant(g.Payload)
			return g, err
		})
}
