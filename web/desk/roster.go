package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"loa"
	"loa/lang"
	"loa/people"
	"loa/web"
	"loa/wire"
)

// Roster is the signer's own list of who may approve what. The desk reads it,
// writes changes down and carries approvals to it; it cannot change it.
type Roster interface {
	// Now reads the list.
	Now(ctx context.Context) (RosterList, error)
	// Draft writes the bytes that change the list as it is now.
	Draft(ctx context.Context, remove []string, add []Member) ([]byte, error)
	// Read says what such bytes would do, for the people who approve them.
	Read(change []byte) (RosterChange, error)
	// Change hands in a change with approvals of exactly its bytes. Too few good
	// ones are "approval.too_few". Handing in again what was done is no harm.
	Change(ctx context.Context, change []byte, approvals []wire.Approval) error
}

// RosterList is one version of the list.
type RosterList struct {
	Version int64
	Hash    string
	Members []Member
}

// RosterChange is what a change does, and to which version of the list.
type RosterChange struct {
	Version  int64  // it makes
	Previous string // hash of the list it changes
	Remove   []string
	Add      []Member
}

// fits reports whether the list is still the one that the change was made for.
func (c RosterChange) fits(now RosterList) bool {
	return c.Version == now.Version+1 && c.Previous == now.Hash
}

// Member is one passkey of one person on the list.
type Member struct {
	Person     string // person id
	Name       string
	Credential string // base64url without padding
	PublicKey  []byte // COSE_Key
	AAGUID     []byte // 16 bytes
	Paths      []loa.Path
	Duties     []string // see duties
}

// keeper is the duty of those who change the list.
const keeper = "roster"

// duties are what a member's approval can count for (package signer, Duty).
func duties() []string { return []string{"approve", "stop", "place", "policy", keeper, "live"} }

// rosterPage is Danh sách người duyệt.
type rosterPage struct {
	Members []member
	Waiting []proposal
	People  []people.Person // with a passkey, whom the reader may propose
	Places  []named
	Duties  []string
}

// member is a passkey on the list as the page shows it.
type member struct {
	Member
	Where []named
	Since time.Time // zero: from the beginning
	Mine  bool      // the reader may propose to take it off
}

// proposal is a change that waits. What it does is read from the bytes that are
// approved, never from what was noted beside them.
type proposal struct {
	people.Proposal
	Add    []member
	Remove []member
	Fits   bool    // the list is still the one it was made for
	Ready  bool    // two have approved, and the signer has yet to answer
	Ask    *asking // set for a keeper who has not approved yet
	Mine   bool    // the reader may withdraw it
}

func (d *desk) book() people.RosterBook { return people.RosterBook{DB: d.People.DB} }

func (d *desk) roster(w http.ResponseWriter, r *http.Request) error {
	page, err := d.rosterPage(r)
	if err != nil {
		return err
	}
	return d.Site.Page(w, r, d.pages, "roster", "roster.title", page)
}

func (d *desk) rosterPage(r *http.Request) (page rosterPage, err error) {
	ctx, who := r.Context(), web.Actor(r)
	now, err := d.Roster.Now(ctx)
	if err != nil {
		return page, err
	}
	since, err := d.book().Since(ctx)
	if err != nil {
		return page, err
	}
	if page.Members, err = d.members(r, now.Members, since); err != nil {
		return page, err
	}
	slices.SortStableFunc(page.Members, func(a, b member) int {
		return strings.Compare(lang.SortKey(a.Name), lang.SortKey(b.Name))
	})
	waiting, err := d.book().Pending(ctx)
	if err != nil {
		return page, err
	}
	keeps := slices.ContainsFunc(now.Members, func(m Member) bool { return m.Person == who.ID && slices.Contains(m.Duties, keeper) })
	for _, p := range waiting {
		one, err := d.proposal(r, p, now, keeps)
		if err != nil {
			return page, err
		}
		page.Waiting = append(page.Waiting, one)
	}
	if len(who.Places(loa.RightPeople)) == 0 {
		return page, nil
	}
	page.Duties = duties()
	page.People, page.Places, err = d.candidates(r)
	return page, err
}

// proposal is a change as its reader sees it.
func (d *desk) proposal(r *http.Request, p people.Proposal, now RosterList, keeps bool) (one proposal, err error) {
	who := web.Actor(r)
	change, err := d.Roster.Read(p.Payload)
	if err != nil {
		return one, err
	}
	one = proposal{Proposal: p, Fits: change.fits(now), Mine: who.ID == p.By || mayAll(who, p.Paths)}
	if one.Add, err = d.members(r, change.Add, nil); err != nil {
		return one, err
	}
	gone := slices.DeleteFunc(slices.Clone(now.Members), func(m Member) bool { return !slices.Contains(change.Remove, m.Credential) })
	if one.Remove, err = d.members(r, gone, nil); err != nil {
		return one, err
	}
	one.Ready = one.Fits && len(p.Approvals) >= 2
	approved := slices.ContainsFunc(p.Approvals, func(a people.RosterApproval) bool { return a.Person == who.ID })
	if one.Fits && keeps && !approved && !one.Ready {
		ask, err := d.ask(r, "/roster/"+p.ID+"/approve", p.Payload)
		if err != nil {
			return one, err
		}
		one.Ask = &ask
	}
	return one, nil
}

func (d *desk) members(r *http.Request, all []Member, since map[string]time.Time) ([]member, error) {
	shown := make([]member, len(all))
	for i, m := range all {
		where, err := d.named(r.Context(), m.Paths...)
		if err != nil {
			return nil, err
		}
		shown[i] = member{m, where, since[m.Credential], mayAll(web.Actor(r), m.Paths)}
	}
	return shown, nil
}

// mayAll reports whether the reader manages people everywhere there.
func mayAll(who loa.Actor, paths []loa.Path) bool {
	return !slices.ContainsFunc(paths, func(p loa.Path) bool { return !who.May(loa.RightPeople, p) })
}

// candidates are the people with a passkey whom the reader manages, and the
// places for which they may be proposed: the reader's own and those right below.
func (d *desk) candidates(r *http.Request) (who []people.Person, places []named, err error) {
	ctx := r.Context()
	for _, at := range web.Actor(r).Places(loa.RightPeople) {
		all, err := d.People.People(ctx, at)
		if err != nil {
			return nil, nil, err
		}
		for _, p := range all {
			known := slices.ContainsFunc(who, func(q people.Person) bool { return q.ID == p.ID })
			if p.Passkeys > 0 && p.Disabled.IsZero() && !known {
				who = append(who, p)
			}
		}
		names, err := d.named(ctx, at)
		if err != nil {
			return nil, nil, err
		}
		places = append(places, names...)
		below, err := d.Units.Children(ctx, at)
		if err != nil {
			return nil, nil, err
		}
		for _, u := range below {
			places = append(places, named{u.Path, u.FullName()})
		}
	}
	return who, places, nil
}

// propose writes a proposal: a person's newest passkey onto the list, with new
// duties if it stands there already, or one passkey off it.
func (d *desk) propose(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	p, err := d.drafted(r)
	if err == nil {
		_, err = d.book().Propose(r.Context(), web.Actor(r), p)
	}
	if loa.CodeOf(err) == loa.Invalid {
		page, again := d.rosterPage(r)
		if again != nil {
			return again
		}
		return d.Site.Refuse(w, r, d.pages, "roster", "roster.title", page, err)
	}
	if err != nil {
		return err
	}
	return d.done(w, r, "/roster")
}

func (d *desk) drafted(r *http.Request) (p people.Proposal, err error) {
	ctx := r.Context()
	now, err := d.Roster.Now(ctx)
	if err != nil {
		return p, err
	}
	var add []Member
	if p.Credential = r.PostFormValue("remove"); p.Credential == "" {
		m, err := d.asked(r)
		if err != nil {
			return p, err
		}
		add = []Member{m}
		p.Adds, p.Credential, p.Name, p.Paths = true, m.Credential, m.Name, slices.Clone(m.Paths)
	}
	var remove []string
	for _, m := range now.Members {
		if m.Credential == p.Credential {
			remove, p.Name, p.Paths = []string{m.Credential}, m.Name, append(p.Paths, m.Paths...)
		}
	}
	if len(add)+len(remove) == 0 {
		return p, loa.Errorf(loa.NotFound, "roster.unknown_credential")
	}
	slices.Sort(p.Paths)
	p.Paths = slices.Compact(p.Paths)
	p.Payload, err = d.Roster.Draft(ctx, remove, add)
	return p, err
}

// asked is the member that the form describes.
func (d *desk) asked(r *http.Request) (m Member, err error) {
	person, err := d.People.Person(r.Context(), r.PostFormValue("person"))
	if err != nil {
		return m, err
	}
	if !person.Disabled.IsZero() {
		return m, loa.Errorf(loa.Conflict, "people.disabled", person.Name)
	}
	keys, err := d.People.Passkeys(r.Context(), person.ID)
	if err != nil {
		return m, err
	}
	if len(keys) == 0 {
		return m, loa.Errorf(loa.Conflict, "people.passkey_none", person.Name)
	}
	k := keys[len(keys)-1]
	m = Member{Person: person.ID, Name: person.Name, Credential: k.ID, PublicKey: k.PublicKey, Duties: r.PostForm["duty"]}
	if m.AAGUID, err = k.Authenticator(); err != nil {
		return m, err
	}
	for _, s := range r.PostForm["place"] {
		p, err := loa.ParsePath(s)
		if err != nil {
			return m, err
		}
		m.Paths = append(m.Paths, p)
	}
	unknown := slices.ContainsFunc(m.Duties, func(s string) bool { return !slices.Contains(duties(), s) })
	if len(m.Duties) == 0 || unknown || len(m.Paths) == 0 || len(m.Paths) > 16 {
		return m, loa.Errorf(loa.Invalid, "roster.choose")
	}
	return m, nil
}

// approveRoster takes one keeper's yes. It is shown to the signer alone first:
// one is never enough, so a good one is answered with "approval.too_few", and
// one that does not hold never spoils another's. With the second the signer is
// handed all.
func (d *desk) approveRoster(w http.ResponseWriter, r *http.Request) error {
	ctx, who, id := r.Context(), web.Actor(r), r.PathValue("id")
	p, err := d.book().Find(ctx, id)
	if err != nil {
		return err
	}
	y, err := d.approval(r, func(yes) ([]byte, error) { return p.Payload, nil })
	if err != nil {
		return err
	}
	now, err := d.Roster.Now(ctx)
	if err != nil {
		return err
	}
	others := func(m Member) bool { return m.Credential == y.Credential && m.Person != who.ID }
	if slices.ContainsFunc(now.Members, others) {
		return loa.Errorf(loa.Forbidden, "roster.other_person")
	}
	err = d.Roster.Change(ctx, p.Payload, []wire.Approval{y.Approval})
	switch {
	case loa.KeyOf(err) == "approval.too_few":
		assertion, err := json.Marshal(y.Approval)
		if err != nil {
			return fmt.Errorf("keep approval: %w", err)
		}
		if p, err = d.book().Approve(ctx, who, id, assertion); err != nil {
			return err
		}
		if len(p.Approvals) < 2 {
			return d.done(w, r, "/roster")
		}
	case err != nil:
		return err
	} // nil: it was made already, and only the paper is behind
	if err := d.handIn(ctx, who, p); err != nil {
		return err
	}
	return d.done(w, r, "/roster")
}

// handRoster hands a proposal that has its approvals to the signer again: it was
// away when the second came.
func (d *desk) handRoster(w http.ResponseWriter, r *http.Request) error {
	p, err := d.book().Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := d.handIn(r.Context(), web.Actor(r), p); err != nil {
		return err
	}
	return d.done(w, r, "/roster")
}

// handIn has the signer make the change and notes that it did. Approvals that
// the signer believes no more are set aside.
func (d *desk) handIn(ctx context.Context, who loa.Actor, p people.Proposal) error {
	approvals := make([]wire.Approval, len(p.Approvals))
	for i, a := range p.Approvals {
		if err := json.Unmarshal(a.Assertion, &approvals[i]); err != nil {
			return fmt.Errorf("read approval: %w", err)
		}
	}
	err := d.Roster.Change(ctx, p.Payload, approvals)
	switch key := loa.KeyOf(err); {
	case err == nil:
		return d.book().Done(ctx, who, p.ID)
	case strings.HasPrefix(key, "approval.") && key != "approval.too_few" && key != "approval.missing":
		if refused := d.book().Refuse(ctx, p.ID, key); refused != nil {
			return refused
		}
	}
	return err
}

// withdrawRoster ends a proposal.
func (d *desk) withdrawRoster(w http.ResponseWriter, r *http.Request) error {
	if err := web.Form(r); err != nil {
		return err
	}
	if err := d.book().Withdraw(r.Context(), web.Actor(r), r.PathValue("id")); err != nil {
		return err
	}
	return d.done(w, r, "/roster")
}
