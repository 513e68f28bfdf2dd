package people

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/db/dbtest"
)

func TestPasskey(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		s.hold(t, s.post(t, s.commune, "Người phụ trách Đài", loa.RightWrite), man)
		first := s.signIn(t, "man.lt", "")
		options, err := s.BeginPasskey(t.Context(), man.ID)
		if err != nil {
			t.Fatal(err)
		}
		var asked struct {
			PublicKey struct {
				RP                     map[string]string
				User                   map[string]string
				Attestation            string
				AuthenticatorSelection map[string]any
				ExcludeCredentials     []any
			} `json:"publicKey"`
		}
		read(t, options, &asked)
		if p := asked.PublicKey; p.RP["id"] != "loa.example" || p.RP["name"] != "Loa Lam Xuyên" || p.User["name"] != "man.lt" ||
			p.User["displayName"] != "Lê Thị Mận" || string(unbase(t, p.User["id"])) != man.ID || p.Attestation != "none" ||
			p.AuthenticatorSelection["userVerification"] != "required" || p.AuthenticatorSelection["residentKey"] != "preferred" ||
			len(p.ExcludeCredentials) != 0 {
			t.Errorf("asked %s", options)
		}

		d := newDevice(t)
		answer := d.create(t, options)
		k, err := s.FinishPasskey(t.Context(), man.ID, answer)
		if err != nil {
			t.Fatal(err)
		}
		if k.ID != base(d.id) || k.Person != man.ID || k.AAGUID != "6c6f612d-7465-7374-2d64-657669636521" || len(k.PublicKey) == 0 || !k.Added.Equal(today()) {
			t.Errorf("passkey %+v", k)
		}
		if s.open(t, first) {
			t.Error("the session that knew the password alone is still open")
		}
		_, err = s.FinishPasskey(t.Context(), man.ID, answer)
		wants(t, err, loa.Conflict, "people.too_late")
		if p, err := s.Person(t.Context(), man.ID); err != nil || p.Passkeys != 1 || p.TOTP {
			t.Errorf("person %+v, %v", p, err)
		}

		// Sign in with it, from another process.
		s.clock.Turn(time.Minute)
		token, err := s.FinishPasskeySignIn(t.Context(), d.get(t, s.ask(t)), Browser{Address: "203.0.113.9"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Session(t.Context(), token)
		if err != nil || !got.Complete || got.How != ByPasskey || !got.Actor.May(loa.RightWrite, "vn/98/98011") {
			t.Errorf("session %+v, %v", got, err)
		}

		// A second one leaves the complete session open, and knows of the first.
		options, err = s.BeginPasskey(t.Context(), man.ID)
		if err != nil {
			t.Fatal(err)
		}
		read(t, options, &asked)
		if len(asked.PublicKey.ExcludeCredentials) != 1 {
			t.Errorf("asked %s", options)
		}
		spare := newDevice(t)
		if _, err := s.FinishPasskey(t.Context(), man.ID, spare.create(t, options)); err != nil {
			t.Fatal(err)
		}
		if !s.open(t, token) {
			t.Error("a spare passkey signed her out")
		}
		wants(t, s.RenamePasskey(t.Context(), man.ID, k.ID, "Điện  thoại"), "", "")
		wants(t, s.RenamePasskey(t.Context(), man.ID, k.ID, ""), loa.Invalid, "people.name_bad")
		wants(t, s.RenamePasskey(t.Context(), man.ID, "x", "y"), loa.NotFound, "people.passkey_unknown")
		all, err := s.Passkeys(t.Context(), man.ID)
		if err != nil || len(all) != 2 || all[0].ID != k.ID || all[0].Name != "Điện thoại" || !all[0].Used.Equal(today().Add(time.Minute)) || !all[1].Used.IsZero() {
			t.Fatalf("passkeys %+v, %v", all, err)
		}
		if !bytes.Equal(all[0].PublicKey, k.PublicKey) || all[0].transports != "internal hybrid" {
			t.Errorf("kept %+v", all[0])
		}

		// The telephone is lost.
		early := s.ask(t)
		colleague := s.person(t, "khoi.tb", "Trần Bá Khôi", "vn/98/98011")
		wants(t, s.RemovePasskey(t.Context(), colleague.self(), k.ID), loa.Forbidden, "right.missing")
		wants(t, s.RenamePasskey(t.Context(), colleague.ID, k.ID, "của tôi"), loa.NotFound, "people.passkey_unknown")
		if !s.open(t, token) {
			t.Error("refused, and signed out all the same")
		}
		wants(t, s.RemovePasskey(t.Context(), man.self(), k.ID), "", "")
		wants(t, s.RemovePasskey(t.Context(), man.self(), k.ID), loa.NotFound, "people.passkey_unknown")
		if s.open(t, token) {
			t.Error("the lost telephone's session is still open")
		}
		_, err = s.FinishPasskeySignIn(t.Context(), d.get(t, early), Browser{Address: "203.0.113.9"})
		wants(t, err, loa.Forbidden, "people.sign_in_wrong")
		if _, err := s.FinishPasskeySignIn(t.Context(), spare.get(t, s.ask(t)), Browser{Address: "203.0.113.9"}); err != nil {
			t.Errorf("with the spare: %v", err)
		}
		want := "people.added Loa, people.passkey_added Lê Thị Mận, people.passkey_added Lê Thị Mận, people.passkey_removed Lê Thị Mận, " +
			"people.passkey_renamed Lê Thị Mận, people.sign_in_failed Loa, people.signed_in Lê Thị Mận, people.signed_in Lê Thị Mận, people.signed_in Lê Thị Mận"
		if got := s.verbs(t, man.ID); got != want {
			t.Errorf("in the book: %s\nwant %s", got, want)
		}
	})
}

func TestFinishPasskeyRefused(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man, khoi := s.man(t), s.person(t, "khoi.tb", "Trần Bá Khôi", "vn/98/98011")
		known, _ := s.passkey(t, khoi)
		for _, c := range []struct {
			name   string
			change func(d *device)
			answer func(b []byte) []byte
			after  time.Duration
			code   loa.Code
			key    string
		}{
			{name: "good"},
			{name: "in the last moment", after: patience - time.Millisecond},
			{name: "too late", after: patience, code: loa.Conflict, key: "people.too_late"},
			{name: "another site", change: func(d *device) { d.origin = "https://loa.example.evil" }, code: loa.Invalid, key: "people.passkey_bad"},
			{name: "another party", change: func(d *device) { d.rpID = "evil.example" }, code: loa.Invalid, key: "people.passkey_bad"},
			{name: "nobody verified", change: func(d *device) { d.flags = protocol.FlagUserPresent }, code: loa.Invalid, key: "people.passkey_bad"},
			{name: "nobody present", change: func(d *device) { d.flags = protocol.FlagUserVerified }, code: loa.Invalid, key: "people.passkey_bad"},
			{name: "known already", change: func(d *device) { d.id = known.id }, code: loa.Conflict, key: "people.passkey_known"},
			{name: "not JSON", answer: func([]byte) []byte { return []byte("{") }, code: loa.Invalid, key: "people.passkey_bad"},
			{name: "nothing", answer: func([]byte) []byte { return nil }, code: loa.Invalid, key: "people.passkey_bad"},
			{name: "another type", answer: func(b []byte) []byte { return bytes.Replace(b, []byte("public-key"), []byte("password"), 1) }, code: loa.Invalid, key: "people.passkey_bad"},
		} {
			t.Run(c.name, func(t *testing.T) {
				d := newDevice(t)
				if c.change != nil {
					c.change(d)
				}
				options, err := s.BeginPasskey(t.Context(), man.ID)
				if err != nil {
					t.Fatal(err)
				}
				answer := d.create(t, options)
				if c.answer != nil {
					answer = c.answer(answer)
				}
				s.clock.Turn(c.after)
				_, err = s.FinishPasskey(t.Context(), man.ID, answer)
				wants(t, err, c.code, c.key)
			})
		}
		t.Run("asked of another", func(t *testing.T) {
			options, err := s.BeginPasskey(t.Context(), khoi.ID)
			if err != nil {
				t.Fatal(err)
			}
			answer := newDevice(t).create(t, options)
			_, err = s.FinishPasskey(t.Context(), man.ID, answer)
			wants(t, err, loa.Invalid, "people.passkey_bad")
			// And the question is used up.
			_, err = s.FinishPasskey(t.Context(), khoi.ID, answer)
			wants(t, err, loa.Conflict, "people.too_late")
		})
		t.Run("asked for signing in", func(t *testing.T) {
			_, err := s.FinishPasskey(t.Context(), man.ID, newDevice(t).create(t, withUser(t, s.ask(t), man.ID)))
			wants(t, err, loa.Conflict, "people.too_late")
		})
		if n := s.count(t, "passkey", "person = ?", man.ID); n != 2 {
			t.Errorf("%d passkeys, want 2", n)
		}
	})
}

// withUser makes the options of a sign-in look like those of a new passkey.
func withUser(t *testing.T, options []byte, person string) []byte {
	t.Helper()
	var ask map[string]map[string]any
	read(t, options, &ask)
	ask["publicKey"]["user"] = map[string]string{"id": base([]byte(person))}
	return write(t, ask)
}

func TestPasskeySignInRefused(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man, khoi := s.man(t), s.person(t, "khoi.tb", "Trần Bá Khôi", "vn/98/98011")
		good, _ := s.passkey(t, man)
		s.passkey(t, khoi)
		stranger := newDevice(t)
		for _, c := range []struct {
			name   string
			change func(d *device)
			answer func(b []byte) []byte
			after  time.Duration
			ok     bool
		}{
			{name: "good", ok: true},
			{name: "in the last moment", after: patience - time.Millisecond, ok: true},
			{name: "too late", after: patience},
			{name: "another site", change: func(d *device) { d.origin = "http://loa.example" }},
			{name: "another party", change: func(d *device) { d.rpID = "evil.example" }},
			{name: "nobody verified", change: func(d *device) { d.flags = protocol.FlagUserPresent }},
			{name: "another key", change: func(d *device) { d.key = stranger.key }},
			{name: "an unknown passkey", change: func(d *device) { d.id = stranger.id }},
			{name: "somebody else's name", change: func(d *device) { d.handle = []byte(khoi.ID) }},
			{name: "nobody's name", change: func(d *device) { d.handle = []byte("01jzzzzzzzzzzzzzzzzzzzzzzz") }},
			{name: "no name", change: func(d *device) { d.handle = nil }},
			{name: "a name that is no text", change: func(d *device) { d.handle = []byte{0, 0xff} }},
			{name: "a copy, whose counter is behind", change: func(d *device) { d.count = 0 }},
			{name: "not JSON", answer: func([]byte) []byte { return []byte("[]") }},
			{name: "good again", ok: true},
		} {
			t.Run(c.name, func(t *testing.T) {
				d := *good
				if c.change != nil {
					c.change(&d)
				}
				options := s.ask(t)
				answer := d.get(t, options)
				if c.answer != nil {
					answer = c.answer(answer)
				}
				s.clock.Turn(c.after)
				address := "203.0.113." + string(rune('0'+len(c.name)%10)) + string(rune('0'+len(c.name)/10))
				token, err := s.FinishPasskeySignIn(t.Context(), answer, Browser{Address: address})
				if !c.ok {
					wants(t, err, loa.Forbidden, "people.sign_in_wrong")
					return
				}
				if err != nil || !s.open(t, token) {
					t.Fatal(err)
				}
				good.count = d.count
				_, err = s.FinishPasskeySignIn(t.Context(), answer, Browser{Address: address})
				wants(t, err, loa.Forbidden, "people.sign_in_wrong") // the same answer twice
			})
		}
		for range 5 {
			_, err := s.FinishPasskeySignIn(t.Context(), []byte("{}"), Browser{Address: "198.51.100.1"})
			wants(t, err, loa.Forbidden, "people.sign_in_wrong")
		}
		_, err := s.FinishPasskeySignIn(t.Context(), []byte("{}"), Browser{Address: "198.51.100.1"})
		wants(t, err, loa.Unavailable, "people.wait")
	})
}

// A question asked by one process may be answered to another.
func TestPasskeyTwoProcesses(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		other := stage{Register: &Register{DB: s.DB, RPID: s.RPID, Origin: s.Origin, Issuer: s.Issuer}, clock: s.clock}
		options, err := s.BeginPasskey(t.Context(), man.ID)
		if err != nil {
			t.Fatal(err)
		}
		d := newDevice(t)
		if _, err := other.FinishPasskey(t.Context(), man.ID, d.create(t, options)); err != nil {
			t.Fatal(err)
		}
		answer := d.get(t, other.ask(t))
		got := eight(func() error {
			_, err := s.FinishPasskeySignIn(t.Context(), answer, Browser{Address: "203.0.113.9"})
			return err
		})
		if got[""] != 1 || got[""]+got["people.sign_in_wrong"]+got["people.wait"] != 8 {
			t.Errorf("one answer at eight doors: %v", got)
		}
	})
}

func TestAssertionOptions(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		challenge := sha256.Sum256([]byte("a warrant"))
		_, err := s.AssertionOptions(t.Context(), man.ID, challenge[:])
		wants(t, err, loa.Conflict, "people.passkey_none")
		_, err = s.AssertionOptions(t.Context(), "x", challenge[:])
		wants(t, err, loa.NotFound, "people.unknown")
		_, k := s.passkey(t, man)
		if _, err = s.AssertionOptions(t.Context(), man.ID, challenge[:31]); loa.CodeOf(err) != loa.Internal {
			t.Errorf("31 bytes: %v", err)
		}
		options, err := s.AssertionOptions(t.Context(), man.ID, challenge[:])
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]map[string]any
		read(t, options, &got)
		delete(got["publicKey"], "timeout")
		want := map[string]map[string]any{"publicKey": {
			"challenge": base(challenge[:]), "rpId": "loa.example", "userVerification": "required",
			"allowCredentials": []any{map[string]any{"type": "public-key", "id": k.ID, "transports": []any{"internal", "hybrid"}}},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if n := s.count(t, "ceremony", "1 = 1"); n != 0 {
			t.Errorf("%d questions kept, want none", n)
		}
	})
}

// A site that is not set up says so instead of making passkeys for nowhere.
func TestSiteUnset(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t))
	for _, r := range []*Register{
		{DB: d, RPID: "", Origin: "https://loa.example", Issuer: "Loa"},
		{DB: d, RPID: "loa.example", Origin: "", Issuer: "Loa"},
		{DB: d, RPID: "loa.example", Origin: "https://loa.example", Issuer: ""},
		{DB: d, RPID: "not a domain", Origin: "https://loa.example", Issuer: "Loa"},
	} {
		if options, err := r.BeginPasskeySignIn(t.Context()); err == nil {
			t.Errorf("%q %q %q asks %s", r.RPID, r.Origin, r.Issuer, options)
		}
	}
}
