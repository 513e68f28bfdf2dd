package signer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"loa"
	"loa/seal"
	"loa/wire"
)

// maxGrants is how many grants a folder may hold, taken back ones included:
// these stay, so that their old bytes cannot bring them back. It is a province's
// for some years, and bounds what a stolen passkey could fill a disk with.
const maxGrants = 20_000

// maxGrantFile bounds the file of one grant, its assertions in it.
const maxGrantFile = 64 << 10

// grantFile is one grant as the signer keeps it, with the evidence.
type grantFile struct {
	Grant []byte        `json:"grant"` // the bytes that the giver approved
	By    wire.Approval `json:"by"`
	At    int64         `json:"at"` // UTC ms
	Ended *grantEnding  `json:"ended,omitempty"`
}

type grantEnding struct {
	End []byte        `json:"end"` // the bytes that whoever took it back approved
	By  wire.Approval `json:"by"`
	At  int64         `json:"at"` // UTC ms
}

// standing is a grant and the passkeys of its giver that stand on the roster now.
type standing struct {
	wire.Grant
	givers []Member
}

// allows asks the grant, and its giver's duty as it is today: a grant never gives
// what its giver does not have any more.
func (s *standing) allows(w wire.Warrant, m Member, now int64) error {
	if s == nil {
		return loa.Errorf(loa.NotFound, "grant.unknown")
	}
	if err := s.Allows(w, m.Person, now); err != nil {
		return err
	}
	for _, g := range s.givers {
		if g.may(w.Paths(), DutyApprove) {
			return nil
		}
	}
	return loa.Errorf(loa.Forbidden, "grant.giver_gone", s.Decision)
}

// stand looks up the grants that votes name.
func (d *desk) stand(votes []vote, r Roster) error {
	for i, v := range votes {
		if v.grant == "" {
			continue
		}
		f, g, err := readGrant(d.dir, v.grant)
		if err != nil {
			return err
		}
		if f.Ended != nil {
			return loa.Errorf(loa.Forbidden, "grant.ended", g.Decision)
		}
		votes[i].under = &standing{Grant: g, givers: r.person(g.Giver)}
	}
	return nil
}

// grant keeps a grant that its giver approved. The giver has the duty over all of
// its places and the delegate is known: a grant puts nobody on the roster.
func (d *desk) grant(r Roster, payload []byte, approvals []wire.Approval, by []Member, counts []Mark) error {
	g, err := wire.ReadGrant(payload)
	if err != nil {
		return err
	}
	now := d.clock.Now().UnixMilli()
	if err := dated(g.Until, now); err != nil {
		return err
	}
	if len(by) > 1 {
		return loa.Errorf(loa.Invalid, "approval.too_many")
	}
	if err := enough(by, 1, "", func(m Member) bool { return m.Person == g.Giver && m.may(g.Paths, DutyApprove) }); err != nil {
		return err
	}
	if len(r.person(g.Delegate)) == 0 {
		return loa.Errorf(loa.Forbidden, "grant.delegate_unlisted")
	}
	fresh, err := d.marks.fresh(counts)
	if err != nil {
		return err
	}
	held, _, err := readGrant(d.dir, loa.Hash(payload))
	switch {
	case err == nil && held.Ended != nil:
		return loa.Errorf(loa.Conflict, "grant.ended", g.Decision)
	case err == nil:
		return nil // handed in before
	case loa.CodeOf(err) != loa.NotFound:
		return err
	}
	if err := d.marks.add(fresh); err != nil {
		return err
	}
	return saveGrant(d.dir, grantFile{Grant: payload, By: approvals[0], At: now})
}

// endGrant takes a grant back: its giver may, whatever duties are left, or one
// keeper of the roster over all its places.
func (d *desk) endGrant(payload []byte, approvals []wire.Approval, by []Member, counts []Mark) error {
	e, err := wire.ReadGrantEnd(payload)
	if err != nil {
		return err
	}
	f, g, err := readGrant(d.dir, e.Grant)
	if err != nil {
		return err
	}
	if len(by) > 1 {
		return loa.Errorf(loa.Invalid, "approval.too_many")
	}
	if err := enough(by, 1, "", func(m Member) bool { return m.Person == g.Giver || m.may(g.Paths, DutyRoster) }); err != nil {
		return err
	}
	if f.Ended != nil {
		return nil
	}
	fresh, err := d.marks.fresh(counts)
	if err != nil {
		return err
	}
	if err := d.marks.add(fresh); err != nil {
		return err
	}
	f.Ended = &grantEnding{End: payload, By: approvals[0], At: d.clock.Now().UnixMilli()}
	return saveGrant(d.dir, f)
}

// person are the passkeys of one person on the roster.
func (r Roster) person(id string) (all []Member) {
	for _, m := range r.Members {
		if m.Person == id {
			all = append(all, m)
		}
	}
	return all
}

func grantName(dir, hash string) string { return filepath.Join(dir, "grants", hash+".json") }

// readGrant reads a grant by the hash of its bytes, from the disk each time: what
// was taken back is gone for the next request.
func readGrant(dir, hash string) (f grantFile, g wire.Grant, err error) {
	if !loa.IsHash(hash) { // it becomes the name of a file
		return f, g, loa.Errorf(loa.NotFound, "grant.unknown")
	}
	b, err := os.ReadFile(grantName(dir, hash))
	if errors.Is(err, fs.ErrNotExist) {
		return f, g, loa.Errorf(loa.NotFound, "grant.unknown")
	}
	if err != nil {
		return f, g, fmt.Errorf("read grant: %w", err)
	}
	if b, err = unsummed(b); err != nil {
		return f, g, fmt.Errorf("read grant: %w", err)
	}
	if err := seal.Decode(b, maxGrantFile, &f); err != nil {
		return f, g, fmt.Errorf("read grant: %w", err)
	}
	if loa.Hash(f.Grant) != hash {
		return f, g, loa.Errorf(loa.Invalid, "grant.malformed", "name")
	}
	g, err = wire.ReadGrant(f.Grant)
	return f, g, err
}

func saveGrant(dir string, f grantFile) error {
	folder := filepath.Join(dir, "grants")
	if err := os.MkdirAll(folder, 0o700); err != nil { // a folder made before there were grants has none
		return fmt.Errorf("write grant: %w", err)
	}
	names, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("write grant: %w", err)
	}
	if f.Ended == nil && len(names) >= maxGrants {
		return loa.Errorf(loa.Conflict, "grant.too_many")
	}
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("write grant: %w", err)
	}
	return writeFile(grantName(dir, loa.Hash(f.Grant)), summed(b))
}
