package signer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"loa"
	"loa/seal"
)

// Duty is what a member's approval counts for.
type Duty string

// The duties. A stop may be approved with DutyStop or DutyApprove.
const (
	DutyApprove Duty = "approve" // warrants
	DutyStop    Duty = "stop"    // warrants that silence
	DutyPlace   Duty = "place"   // placements of devices
	DutyPolicy  Duty = "policy"  // hours and volume of a place
	DutyRoster  Duty = "roster"  // the roster itself, and keys for communes
	DutyLive    Duty = "live"    // the microphone, once there is a warrant for it
)

const (
	maxRoster = 4 << 20  // bytes of the roster: some ten thousand members
	maxChange = 32 << 10 // bytes of a change to it, or of a request for keys
	twoPeople = 2        // whoever may change who may speak
)

// SoftwareAAGUID is the kind (Authenticator Attestation GUID, 16 bytes) that
// package softkey gives as its own. A passkey in software proves no person, so
// only a demonstration's roster may hold one.
const SoftwareAAGUID = "loa software key"

// Member is one passkey of one person. A person with two passkeys is two
// members with one person id, and still counts as one person.
type Member struct {
	Person     string     `json:"person"`
	Name       string     `json:"name"`
	Credential string     `json:"credential"` // credential id, base64url without padding
	PublicKey  []byte     `json:"public_key"` // COSE_Key (RFC 9052): ES256, EdDSA or RS256
	AAGUID     []byte     `json:"aaguid"`     // 16 bytes
	Software   bool       `json:"software"`
	Paths      []loa.Path `json:"paths"`
	Duties     []Duty     `json:"duties"`
}

// may reports whether the member has one of the duties over every path.
func (m Member) may(paths []loa.Path, duties ...Duty) bool {
	if !slices.ContainsFunc(duties, func(d Duty) bool { return slices.Contains(m.Duties, d) }) {
		return false
	}
	for _, p := range paths {
		if !slices.ContainsFunc(m.Paths, func(q loa.Path) bool { return q.Covers(p) }) {
			return false
		}
	}
	return true
}

func (m Member) check(demo bool) error {
	bad := func(what string) error { return loa.Errorf(loa.Invalid, "member.malformed", what) }
	if m.Person == "" || len(m.Person) > 64 || m.Name == "" || len(m.Name) > 200 {
		return bad("person or name")
	}
	id, err := base64.RawURLEncoding.Strict().DecodeString(m.Credential)
	if err != nil || len(id) == 0 || len(id) > 1023 || base64.RawURLEncoding.EncodeToString(id) != m.Credential {
		return bad("credential")
	}
	if err := checkPublicKey(m.PublicKey); err != nil {
		return err
	}
	if len(m.AAGUID) != 16 {
		return bad("aaguid")
	}
	if soft := bytes.Equal(m.AAGUID, []byte(SoftwareAAGUID)); soft != m.Software {
		return bad("software")
	}
	if m.Software && !demo {
		return loa.Errorf(loa.Forbidden, "member.software", m.Name)
	}
	if len(m.Paths) == 0 || len(m.Paths) > 16 {
		return bad("paths")
	}
	for _, p := range m.Paths {
		if _, err := loa.ParsePath(string(p)); err != nil {
			return err
		}
	}
	if len(m.Duties) == 0 || len(m.Duties) > 6 {
		return bad("duties")
	}
	for _, d := range m.Duties {
		if !slices.Contains([]Duty{DutyApprove, DutyStop, DutyPlace, DutyPolicy, DutyRoster, DutyLive}, d) {
			return bad("duties")
		}
	}
	return nil
}

// checkPublicKey lets in the algorithms that passkeys use and no other.
func checkPublicKey(cose []byte) error {
	key, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return loa.Errorf(loa.Invalid, "member.malformed", "public key").Because(err)
	}
	var alg int64
	switch k := key.(type) {
	case webauthncose.EC2PublicKeyData:
		alg = k.Algorithm
	case webauthncose.OKPPublicKeyData:
		alg = k.Algorithm
	case webauthncose.RSAPublicKeyData:
		alg = k.Algorithm
	}
	switch webauthncose.COSEAlgorithmIdentifier(alg) {
	case webauthncose.AlgES256, webauthncose.AlgEdDSA, webauthncose.AlgRS256:
		return nil
	default:
		return loa.Errorf(loa.Invalid, "member.malformed", "public key")
	}
}

// Roster is the signer's own list of people and passkeys. Nobody's database is
// asked. Each version names the one before it by the SHA-256 of its bytes.
type Roster struct {
	V        int      `json:"v"`
	Kind     string   `json:"kind"`
	Version  int64    `json:"version"`
	Previous string   `json:"previous,omitempty"`
	Members  []Member `json:"members,omitempty"`
}

// RosterChange is what two members with duty "roster" approve: these exact
// bytes, which fit one version of the roster and no other, so a change cannot
// be made twice.
type RosterChange struct {
	V        int      `json:"v"`
	Kind     string   `json:"kind"`
	Version  int64    `json:"version"`          // of the roster it makes
	Previous string   `json:"previous"`         // hash of the roster it changes
	Remove   []string `json:"remove,omitempty"` // credential ids
	Add      []Member `json:"add,omitempty"`
}

// Hash names this version of the roster.
func (r Roster) Hash() (string, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("hash roster: %w", err)
	}
	return loa.Hash(b), nil
}

// Change writes the bytes to approve for taking credentials out of this
// version and putting members in. To alter a member, take out and put in.
func (r Roster) Change(remove []string, add []Member) ([]byte, error) {
	previous, err := r.Hash()
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(RosterChange{
		Kind: "roster-change", Version: r.Version + 1, Previous: previous, Remove: remove, Add: add,
	})
	if err != nil {
		return nil, fmt.Errorf("write roster change: %w", err)
	}
	return b, nil
}

// check says what is wrong with a roster under a root.
func (r Roster) check(demo bool) error {
	if r.V != 0 || r.Kind != "roster" || r.Version < 0 || (r.Version == 0) != (r.Previous == "") {
		return loa.Errorf(loa.Invalid, "roster.malformed")
	}
	seen := map[string]bool{}
	for _, m := range r.Members {
		if err := m.check(demo); err != nil {
			return err
		}
		if seen[m.Credential] {
			return loa.Errorf(loa.Invalid, "roster.credential_twice", m.Name)
		}
		seen[m.Credential] = true
	}
	return nil
}

// keepers counts the people, not the passkeys, who may change the roster.
func (r Roster) keepers() int {
	people := map[string]bool{}
	for _, m := range r.Members {
		if slices.Contains(m.Duties, DutyRoster) {
			people[m.Person] = true
		}
	}
	return len(people)
}

func (r Roster) member(credential string) (Member, bool) {
	i := slices.IndexFunc(r.Members, func(m Member) bool { return m.Credential == credential })
	if i < 0 {
		return Member{}, false
	}
	return r.Members[i], true
}

// changed is the roster after a change approved by the given members. Both must
// reach every place that the change touches, or the keepers of one commune
// could give themselves the province.
func (r Roster) changed(change []byte, by []Member, demo bool) (Roster, error) {
	var c RosterChange
	if err := seal.Decode(change, maxChange, &c); err != nil {
		return r, err
	}
	hash, err := r.Hash()
	if err != nil {
		return r, err
	}
	if c.V != 0 || c.Kind != "roster-change" || len(c.Add)+len(c.Remove) == 0 {
		return r, loa.Errorf(loa.Invalid, "roster.malformed")
	}
	if c.Version != r.Version+1 || c.Previous != hash {
		return r, loa.Errorf(loa.Conflict, "roster.changed_meanwhile")
	}
	next := Roster{Kind: "roster", Version: c.Version, Previous: hash, Members: slices.Clone(r.Members)}
	var touched []loa.Path
	for _, id := range c.Remove {
		gone, ok := next.member(id)
		if !ok {
			return r, loa.Errorf(loa.NotFound, "roster.unknown_credential")
		}
		touched = append(touched, gone.Paths...)
		next.Members = slices.DeleteFunc(next.Members, func(m Member) bool { return m.Credential == id })
	}
	for _, m := range c.Add {
		touched = append(touched, m.Paths...)
		next.Members = append(next.Members, m)
	}
	if err := enough(by, twoPeople, "", func(m Member) bool { return m.may(touched, DutyRoster) }); err != nil {
		return r, err
	}
	if next.keepers() < twoPeople {
		return r, loa.Errorf(loa.Forbidden, "roster.too_few")
	}
	return next, next.check(demo)
}

// loadRoster reads the roster from the disk each time it is needed: the file
// is the truth, also while the owner of the folder adds the first members.
func loadRoster(dir string, demo bool) (Roster, error) {
	b, err := os.ReadFile(filepath.Join(dir, "roster.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return Roster{}, loa.Errorf(loa.NotFound, "signer.not_initialised").Because(err)
	}
	if err != nil {
		return Roster{}, fmt.Errorf("read roster: %w", err)
	}
	if b, err = unsummed(b); err != nil {
		return Roster{}, fmt.Errorf("read roster: %w", err)
	}
	var r Roster
	if err := seal.Decode(b, maxRoster, &r); err != nil {
		return Roster{}, fmt.Errorf("read roster: %w", err)
	}
	if err := r.check(demo); err != nil {
		return Roster{}, fmt.Errorf("read roster: %w", err)
	}
	return r, nil
}

// saveRoster reads back what it is about to write, so that a roster no signer
// could load is never stored.
func saveRoster(dir string, r Roster, demo bool) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write roster: %w", err)
	}
	var back Roster
	if err := seal.Decode(b, maxRoster, &back); err != nil {
		return err
	}
	if err := back.check(demo); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "roster.json"), summed(b))
}

// Bootstrap adds a member to the roster in dir, with nobody's approval: the
// owner of the folder begins it at the command line. Once two people have duty
// "roster" it is closed for good, and only they change it; add them last.
func Bootstrap(dir string, m Member) error {
	root, err := loadRoot(dir)
	if err != nil {
		return err
	}
	r, err := loadRoster(dir, root.Demo)
	if err != nil {
		return err
	}
	if r.keepers() >= twoPeople {
		return loa.Errorf(loa.Forbidden, "roster.closed")
	}
	hash, err := r.Hash()
	if err != nil {
		return err
	}
	return saveRoster(dir, Roster{
		Kind: "roster", Version: r.Version + 1, Previous: hash, Members: append(slices.Clone(r.Members), m),
	}, root.Demo)
}
