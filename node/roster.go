package node

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"loa"
	"loa/people"
	"loa/seal"
	"loa/signer"
	"loa/web/desk"
	"loa/wire"
)

// Roster is the signer's roster as the desk uses it: in the desk's words, by the
// signer's calls.
type Roster struct{ Signer signer.Client }

var _ desk.Roster = Roster{}

// Now reads the roster.
func (r Roster) Now(ctx context.Context) (desk.RosterList, error) {
	now, err := r.Signer.Roster(ctx)
	if err != nil {
		return desk.RosterList{}, err
	}
	hash, err := now.Hash()
	return desk.RosterList{Version: now.Version, Hash: hash, Members: shown(now.Members)}, err
}

// Draft writes the bytes of a change of the roster as it is now.
func (r Roster) Draft(ctx context.Context, remove []string, add []desk.Member) ([]byte, error) {
	now, err := r.Signer.Roster(ctx)
	if err != nil {
		return nil, err
	}
	members := make([]signer.Member, len(add))
	for i, m := range add {
		all := make([]signer.Duty, len(m.Duties))
		for i, d := range m.Duties {
			all[i] = signer.Duty(d)
		}
		members[i] = signer.Member{Person: m.Person, Name: m.Name, Credential: m.Credential, PublicKey: m.PublicKey,
			AAGUID: m.AAGUID, Software: string(m.AAGUID) == signer.SoftwareAAGUID, Paths: m.Paths, Duties: all}
	}
	return now.Change(remove, members)
}

// Read says what a change would do.
func (Roster) Read(change []byte) (desk.RosterChange, error) {
	c, err := readChange(change)
	return desk.RosterChange{Version: c.Version, Previous: c.Previous, Remove: c.Remove, Add: shown(c.Add)}, err
}

// Change hands a change to the signer. A change that the roster already shows
// was handed in before, by a process that did not live to say so.
func (r Roster) Change(ctx context.Context, change []byte, approvals []wire.Approval) error {
	failed := r.Signer.ChangeRoster(ctx, change, approvals)
	if loa.KeyOf(failed) != "roster.changed_meanwhile" {
		return failed
	}
	c, err := readChange(change)
	if err != nil {
		return err
	}
	now, err := r.Signer.Roster(ctx)
	if err != nil {
		return err
	}
	if now.Version != c.Version || now.Previous != c.Previous {
		return failed
	}
	same := func(m signer.Member) func(signer.Member) bool {
		return func(have signer.Member) bool { return reflect.DeepEqual(have, m) }
	}
	for _, m := range c.Add {
		if !slices.ContainsFunc(now.Members, same(m)) {
			return failed
		}
	}
	for _, id := range c.Remove {
		named := func(m signer.Member) bool { return m.Credential == id }
		if slices.ContainsFunc(now.Members, named) && !slices.ContainsFunc(c.Add, named) {
			return failed
		}
	}
	return nil
}

func readChange(change []byte) (c signer.RosterChange, err error) {
	if err := seal.Decode(change, seal.MaxDocument, &c); err != nil {
		return c, fmt.Errorf("read roster change: %w", err)
	}
	return c, nil
}

// shown are members in the desk's words.
func shown(members []signer.Member) []desk.Member {
	all := make([]desk.Member, len(members))
	for i, m := range members {
		all[i] = desk.Member{Person: m.Person, Name: m.Name, Credential: m.Credential, PublicKey: m.PublicKey, AAGUID: m.AAGUID, Paths: m.Paths}
		for _, d := range m.Duties {
			all[i].Duties = append(all[i].Duties, string(d))
		}
	}
	return all
}

// NewMember is a person's passkey from the register as the roster holds it.
func NewMember(p people.Person, k people.Passkey, paths []loa.Path, duties []signer.Duty) (signer.Member, error) {
	aaguid, err := k.Authenticator()
	if err != nil {
		return signer.Member{}, err
	}
	return signer.Member{Person: p.ID, Name: p.Name, Credential: k.ID, PublicKey: k.PublicKey, AAGUID: aaguid,
		Software: string(aaguid) == signer.SoftwareAAGUID, Paths: paths, Duties: duties}, nil
}
