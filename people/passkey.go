package people

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"loa"
	"loa/db"
	"loa/journal"
)

// Passkey is a key that a person's device or security token holds for this site.
type Passkey struct {
	ID        string // credential id, base64url without padding
	Person    string
	PublicKey []byte // COSE_Key (RFC 9052): what the signer's roster copies
	AAGUID    string // the make of the authenticator as a UUID, all zeros where it does not say
	Name      string // what its owner calls it; "" until named
	Added     time.Time
	Used      time.Time // zero: never

	flags      byte
	count      uint32
	transports string
}

// BeginPasskey asks the person's browser to make a passkey. The options are
// what navigator.credentials.create takes, as WebAuthn Level 3 writes them in
// JSON; the answer goes to FinishPasskey within ten minutes. The caller asks for
// a fresh sign-in first where the person has a passkey or codes already.
func (r *Register) BeginPasskey(ctx context.Context, person string) (options []byte, err error) {
	site, err := r.site()
	if err != nil {
		return nil, err
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		o, err := findOwner(tx, person)
		if err != nil {
			return err
		}
		// A second passkey in one authenticator would be no spare.
		creation, state, err := site.BeginRegistration(o, webauthn.WithExclusions(o.descriptors()))
		if err != nil {
			return err
		}
		if err := askBrowser(tx, "passkey", state); err != nil {
			return err
		}
		options, err = json.Marshal(creation)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("begin passkey: %w", err)
	}
	return options, nil
}

// FinishPasskey takes the browser's answer to BeginPasskey and adds the passkey.
// It ends the person's sessions that were open only for setting this up: signing
// in with the new passkey comes next, and shows that it works. An answer that
// does not hold is people.passkey_bad, a late or second one people.too_late.
func (r *Register) FinishPasskey(ctx context.Context, person string, response []byte) (Passkey, error) {
	site, err := r.site()
	if err != nil {
		return Passkey{}, err
	}
	answer, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return Passkey{}, fmt.Errorf("finish passkey: %w", bad(err))
	}
	var k Passkey
	var told error
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		told = nil
		o, err := lockOwner(tx, person)
		if err != nil {
			return err
		}
		if !o.Disabled.IsZero() {
			return loa.Errorf(loa.Forbidden, "people.disabled", o.Name)
		}
		state, err := askedBrowser(tx, "passkey", answer.Response.CollectedClientData.Challenge)
		if err != nil {
			return err
		}
		made, err := site.CreateCredential(o, state, answer)
		if err != nil {
			told = bad(err) // and the question is used up all the same
			return nil
		}
		k = Passkey{
			ID: base64.RawURLEncoding.EncodeToString(made.ID), Person: person, PublicKey: made.PublicKey,
			AAGUID: uuid(made.Authenticator.AAGUID), Added: tx.Now(),
			flags: byte(made.Flags.ProtocolValue()), count: made.Authenticator.SignCount, transports: words(made.Transport),
		}
		if _, err := tx.Exec("INSERT INTO passkey (id, person, public_key, aaguid, flags, sign_count, transports, name, added_at) VALUES (?, ?, ?, ?, ?, ?, ?, '', ?)",
			k.ID, person, k.PublicKey, k.AAGUID, int64(k.flags), int64(k.count), k.transports, tx.NowMS()); err != nil {
			return err
		}
		if err := endIncomplete(tx, person); err != nil {
			return err
		}
		return o.note(tx, o.self(), "people.passkey_added", map[string]any{"passkey": k.ID, "aaguid": k.AAGUID})
	})
	switch {
	case db.IsUnique(err):
		return Passkey{}, loa.Errorf(loa.Conflict, "people.passkey_known").Because(err)
	case err == nil:
		err = told
	}
	if err != nil {
		return Passkey{}, fmt.Errorf("finish passkey: %w", err)
	}
	return k, nil
}

// Passkeys are the person's passkeys that are good, the oldest first.
func (r *Register) Passkeys(ctx context.Context, person string) (all []Passkey, err error) {
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		all, err = passkeys(tx, "person = ?", person)
		return err
	})
	return all, err
}

// RenamePasskey lets a person call their passkey what they like: "điện thoại".
func (r *Register) RenamePasskey(ctx context.Context, person, id, name string) error {
	name = clean(name)
	if err := checkName(name); err != nil {
		return err
	}
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		o, err := lockOwner(tx, person)
		if err != nil {
			return err
		}
		n, err := tx.Exec("UPDATE passkey SET name = ? WHERE id = ? AND person = ? AND removed_at IS NULL", name, id, person)
		if err != nil {
			return err
		}
		if n == 0 {
			return loa.Errorf(loa.NotFound, "people.passkey_unknown")
		}
		return o.note(tx, o.self(), "people.passkey_renamed", map[string]any{"passkey": id, "name": name})
	})
	if err != nil {
		return fmt.Errorf("rename passkey: %w", err)
	}
	return nil
}

// RemovePasskey takes a passkey away, and ends the person's sessions that began
// with one: the telephone that was lost may have one open. A person may remove
// their own; somebody else's takes people.manage over all that the person's
// posts reach.
func (r *Register) RemovePasskey(ctx context.Context, who loa.Actor, id string) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		found, err := passkeys(tx, "id = ?", id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return loa.Errorf(loa.NotFound, "people.passkey_unknown")
		}
		person := found[0].Person
		a, err := lockAccount(tx, person)
		if err != nil {
			return err
		}
		if who.ID != person {
			if err := mustReach(tx, who, a.Person); err != nil {
				return err
			}
		}
		n, err := tx.Exec("UPDATE passkey SET removed_at = ? WHERE id = ? AND removed_at IS NULL", tx.NowMS(), id)
		if err != nil {
			return err
		}
		if n == 0 { // by another, since it was found
			return loa.Errorf(loa.NotFound, "people.passkey_unknown")
		}
		if _, err := tx.Exec("DELETE FROM session WHERE person = ? AND how = ?", person, string(ByPasskey)); err != nil {
			return err
		}
		return a.note(tx, who, "people.passkey_removed", map[string]any{"passkey": id, "name": found[0].Name})
	})
	if err != nil {
		return fmt.Errorf("remove passkey: %w", err)
	}
	return nil
}

// BeginPasskeySignIn asks a browser for any passkey it has for this site; nobody
// types a login. The options are what navigator.credentials.get takes.
func (r *Register) BeginPasskeySignIn(ctx context.Context) (options []byte, err error) {
	site, err := r.site()
	if err != nil {
		return nil, err
	}
	assertion, state, err := site.BeginDiscoverableLogin()
	if err != nil {
		return nil, fmt.Errorf("begin passkey sign-in: %w", err)
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error { return askBrowser(tx, "signin", state) })
	if err != nil {
		return nil, fmt.Errorf("begin passkey sign-in: %w", err)
	}
	return json.Marshal(assertion)
}

// FinishPasskeySignIn takes the browser's answer to BeginPasskeySignIn and opens
// a session. Whatever is wrong is people.sign_in_wrong, and counts for the
// address it came from; too many are people.wait.
func (r *Register) FinishPasskeySignIn(ctx context.Context, response []byte, from Browser) (token string, err error) {
	site, err := r.site()
	if err != nil {
		return "", err
	}
	var theirs tries
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		theirs, err = try(tx, byAddress(from.Address))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("sign in with passkey: %w", err)
	}
	var told error
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		told = nil
		o, used, wrong, err := check(tx, site, response)
		if err != nil {
			return err
		}
		if wrong != nil {
			told = loa.Errorf(loa.Forbidden, "people.sign_in_wrong").Because(wrong)
			_, err := journal.Append(tx, loa.System(), journal.Entry{Verb: "people.sign_in_failed", Path: o.Path, Subject: o.ID,
				Data: map[string]any{"key": "people.sign_in_wrong", "address": from.Address}})
			return err
		}
		if err := theirs.untry(tx); err != nil {
			return err
		}
		if _, err := tx.Exec("UPDATE passkey SET sign_count = ?, flags = ?, used_at = ? WHERE id = ?",
			int64(used.Authenticator.SignCount), int64(used.Flags.ProtocolValue()), tx.NowMS(), base64.RawURLEncoding.EncodeToString(used.ID)); err != nil {
			return err
		}
		token, err = o.begin(tx, ByPasskey, from)
		return err
	})
	if err == nil {
		err = told
	}
	if err != nil {
		return "", fmt.Errorf("sign in with passkey: %w", err)
	}
	return token, nil
}

// check finds whose passkey answered and whether the answer holds: wrong says
// what about it does not, err that nobody could look.
func check(tx *db.Tx, site *webauthn.WebAuthn, response []byte) (o owner, used *webauthn.Credential, wrong, err error) {
	answer, wrong := protocol.ParseCredentialRequestResponseBytes(response)
	if wrong != nil {
		return owner{}, nil, wrong, nil
	}
	state, err := askedBrowser(tx, "signin", answer.Response.CollectedClientData.Challenge)
	if loa.KeyOf(err) == "people.too_late" {
		return owner{}, nil, err, nil
	}
	if err != nil {
		return owner{}, nil, nil, err
	}
	used, wrong = site.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
		if !loa.IsID(string(handle)) {
			return nil, errors.New("no person's id")
		}
		found, failed := lockOwner(tx, string(handle))
		if failed != nil && loa.KeyOf(failed) != "people.unknown" {
			err = failed
		}
		if failed != nil {
			return nil, failed
		}
		o = found
		return o, nil
	}, state, answer)
	switch {
	case err != nil:
		return owner{}, nil, nil, err
	case wrong != nil:
		return o, nil, wrong, nil
	case used.Authenticator.CloneWarning:
		return o, nil, errors.New("the passkey's counter went back: there may be a copy of it"), nil
	case !o.Disabled.IsZero():
		return o, nil, errors.New("the person is disabled"), nil
	}
	return o, used, nil, nil
}

// AssertionOptions asks one person's passkeys to approve: challenge is the
// SHA-256 of the document's bytes (32 bytes). Nothing is kept here, because the
// answer is not for us: the signer verifies it against its own roster.
func (r *Register) AssertionOptions(ctx context.Context, person string, challenge []byte) (options []byte, err error) {
	site, err := r.site()
	if err != nil {
		return nil, err
	}
	if len(challenge) != 32 {
		return nil, fmt.Errorf("ask for approval: a challenge of %d bytes is no SHA-256", len(challenge))
	}
	err = r.DB.Read(ctx, func(tx *db.Tx) error {
		o, err := findOwner(tx, person)
		if err != nil {
			return err
		}
		if len(o.keys) == 0 {
			return loa.Errorf(loa.Conflict, "people.passkey_none", o.Name)
		}
		assertion, _, err := site.BeginLogin(o, webauthn.WithChallenge(challenge))
		if err != nil {
			return err
		}
		options, err = json.Marshal(assertion)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask for approval: %w", err)
	}
	return options, nil
}

// site is this site as WebAuthn knows it: any make of authenticator, the person
// verified by finger, face or PIN each time, and kept in the authenticator where
// it can, so that signing in needs no login. Timeouts are ours (patience), on
// the database's clock, not the library's.
func (r *Register) site() (*webauthn.WebAuthn, error) {
	if r.RPID == "" || r.Origin == "" || r.Issuer == "" {
		return nil, errors.New("set up passkeys: the site's domain, address or name is missing")
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID:                  r.RPID,
		RPDisplayName:         r.Issuer,
		RPOrigins:             []string{r.Origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey:      protocol.ResidentKeyRequirementPreferred,
			UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("set up passkeys: %w", err)
	}
	return w, nil
}

// owner is a person as WebAuthn knows them.
type owner struct {
	account
	keys []webauthn.Credential
}

var _ webauthn.User = owner{}

// WebAuthnID is the person's id: the authenticator hands it back at sign-in.
func (o owner) WebAuthnID() []byte { return []byte(o.ID) }

// WebAuthnName is the login.
func (o owner) WebAuthnName() string { return o.Login }

// WebAuthnDisplayName is the name that the authenticator shows.
func (o owner) WebAuthnDisplayName() string { return o.Name }

// WebAuthnCredentials are the passkeys that are good.
func (o owner) WebAuthnCredentials() []webauthn.Credential { return o.keys }

func (o owner) descriptors() []protocol.CredentialDescriptor {
	all := make([]protocol.CredentialDescriptor, len(o.keys))
	for i, k := range o.keys {
		all[i] = k.Descriptor()
	}
	return all
}

func findOwner(tx *db.Tx, person string) (owner, error) {
	a, err := findAccount(tx, "id = ?", person)
	if err != nil {
		return owner{}, err
	}
	return withKeys(tx, a)
}

func lockOwner(tx *db.Tx, person string) (owner, error) {
	a, err := lockAccount(tx, person)
	if err != nil {
		return owner{}, err
	}
	return withKeys(tx, a)
}

func withKeys(tx *db.Tx, a account) (owner, error) {
	o := owner{account: a}
	list, err := passkeys(tx, "person = ?", a.ID)
	if err != nil {
		return owner{}, err
	}
	for _, k := range list {
		c, err := k.credential()
		if err != nil {
			return owner{}, err
		}
		o.keys = append(o.keys, c)
	}
	return o, nil
}

func (k Passkey) credential() (webauthn.Credential, error) {
	id, err := base64.RawURLEncoding.DecodeString(k.ID)
	if err != nil {
		return webauthn.Credential{}, fmt.Errorf("read passkey: %w", err)
	}
	c := webauthn.Credential{
		ID: id, PublicKey: k.PublicKey, AttestationFormat: "none",
		Flags:         webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(k.flags)),
		Authenticator: webauthn.Authenticator{SignCount: k.count},
	}
	for word := range strings.FieldsSeq(k.transports) {
		c.Transport = append(c.Transport, protocol.AuthenticatorTransport(word))
	}
	return c, nil
}

// passkeys are the good ones for which the condition holds.
func passkeys(tx *db.Tx, where string, args ...any) ([]Passkey, error) {
	all, err := db.All(tx, "SELECT id, person, public_key, aaguid, name, added_at, used_at, flags, sign_count, transports FROM passkey WHERE "+where+
		" AND removed_at IS NULL ORDER BY added_at, id", args,
		func(scan func(...any) error) (k Passkey, err error) {
			var added int64
			var used *int64
			err = scan(&k.ID, &k.Person, &k.PublicKey, &k.AAGUID, &k.Name, &added, &used, &k.flags, &k.count, &k.transports)
			k.Added, k.Used = time.UnixMilli(added).UTC(), timeOf(used)
			return k, err
		})
	if err != nil {
		return nil, fmt.Errorf("list passkeys: %w", err)
	}
	return all, nil
}

// askBrowser keeps what the library needs to judge the answer, under its challenge.
func askBrowser(tx *db.Tx, kind string, state *webauthn.SessionData) error {
	data, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("keep question: %w", err)
	}
	return ask(tx, kind, state.Challenge, string(data))
}

// askedBrowser is what was kept, for one answer only; otherwise people.too_late.
func askedBrowser(tx *db.Tx, kind, challenge string) (state webauthn.SessionData, err error) {
	if len(challenge) > 64 || strings.Trim(challenge, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return state, loa.Errorf(loa.Conflict, "people.too_late") // none of ours
	}
	data, err := asked(tx, kind, challenge)
	if err != nil {
		return state, err
	}
	if err := answered(tx, kind, challenge); err != nil {
		return state, err
	}
	if err := json.Unmarshal([]byte(data), &state); err != nil {
		return state, fmt.Errorf("read question: %w", err)
	}
	return state, nil
}

// bad says that a browser's answer does not hold; why is for the log.
func bad(err error) error { return loa.Errorf(loa.Invalid, "people.passkey_bad").Because(err) }

// words keeps the transports that are words; they only tell browsers where to look.
func words(all []protocol.AuthenticatorTransport) string {
	var kept []string
	for _, t := range all {
		if s := string(t); s != "" && len(s) <= 20 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") == "" && len(kept) < 8 {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, " ")
}

// uuid writes 16 bytes as a UUID.
func uuid(b []byte) string {
	if len(b) != 16 {
		b = make([]byte, 16)
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
