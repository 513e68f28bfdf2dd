package people

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/db"
)

// The first day: a password opens a session that can only set up codes; then it
// takes both.
func TestSignIn(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		s.hold(t, s.post(t, s.commune, "Người phụ trách Đài", loa.RightWrite), man)
		first, other := s.signIn(t, "Mận.LT", ""), s.signIn(t, "man.lt", "")
		got, err := s.Session(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		now := today().UTC()
		want := Session{Actor: loa.Actor{ID: man.ID, Name: "Lê Thị Mận"}, How: ByPassword, Since: now, Seen: now, Expires: now.Add(12 * time.Hour),
			ID: loa.Hash([]byte(first)), Address: "203.0.113.9"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("with a password alone: %s", diff)
		}

		key, err := s.BeginTOTP(t.Context(), man.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(key.URL, "otpauth://totp/Loa%20Lam%20Xuy%C3%AAn:man.lt?") || !strings.Contains(key.URL, "secret="+key.Secret) {
			t.Errorf("for the app: %s", key.URL)
		}
		_, err = s.ConfirmTOTP(t.Context(), man.ID, "000 000", Browser{})
		wants(t, err, loa.Invalid, "people.code_wrong")
		code := s.code(t, key.Secret)
		full, err := s.ConfirmTOTP(t.Context(), man.ID, code, Browser{})
		if err != nil {
			t.Fatal(err)
		}
		if s.open(t, first) || s.open(t, other) {
			t.Error("a session that knew the password alone is still open")
		}
		got, err = s.Session(t.Context(), full)
		if err != nil {
			t.Fatal(err)
		}
		want.ID, want.Address = loa.Hash([]byte(full)), ""
		want.How, want.Complete, want.Actor.Post = ByCode, true, "Người phụ trách Đài"
		want.Actor.Grants = []loa.Grant{{Path: "vn/98/98011", Rights: []loa.Right{loa.RightWrite}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("with codes: %s", diff)
		}
		_, err = s.ConfirmTOTP(t.Context(), man.ID, code, Browser{})
		wants(t, err, loa.Conflict, "people.too_late")

		try := func(code string) (string, error) {
			return s.SignIn(t.Context(), Credentials{Login: "man.lt", Password: password, Code: code, Browser: Browser{Address: "203.0.113.9"}})
		}
		for range 7 { // asking for a code is no wrong try
			_, err = try("")
			wants(t, err, loa.Forbidden, "people.code_missing")
		}
		_, err = try(code)
		wants(t, err, loa.Forbidden, "people.code_used")
		s.clock.Turn(30 * time.Second)
		_, err = try(code) // within the step before, and used
		wants(t, err, loa.Forbidden, "people.code_used")
		second, err := try(s.code(t, key.Secret))
		if err != nil {
			t.Fatal(err)
		}
		if !s.open(t, second) || !s.open(t, full) {
			t.Error("a second device signed the first out")
		}

		s.clock.Turn(12*time.Hour - 30*time.Second - time.Millisecond)
		if !s.open(t, full) {
			t.Error("signed out before the day was over")
		}
		s.clock.Turn(time.Millisecond)
		if s.open(t, full) || !s.open(t, second) {
			t.Error("twelve hours are not twelve hours")
		}
		if got, want := s.verbs(t, man.ID), "people.added Loa, people.sign_in_failed Loa, people.sign_in_failed Loa, people.signed_in Lê Thị Mận, "+
			"people.signed_in Lê Thị Mận, people.signed_in Lê Thị Mận, people.signed_in Lê Thị Mận, people.totp_set Lê Thị Mận"; got != want {
			t.Errorf("in the book: %s", got)
		}
	})
}

// Whatever is wrong, the answer is the same.
func TestSignInWrong(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		s.man(t)
		khoi := s.person(t, "khoi.tb", "Trần Bá Khôi", "vn/98/98011")
		sen := s.person(t, "sen.ht", "Hoàng Thị Sen", "vn/98")
		s.codes(t, khoi)
		s.passkey(t, sen)
		for i, c := range []struct {
			name string
			c    Credentials
			key  string
		}{
			{"password", Credentials{Login: "man.lt", Password: "lúa chín vàng đồng!"}, "people.sign_in_wrong"},
			{"no password", Credentials{Login: "man.lt"}, "people.sign_in_wrong"},
			{"the login as password", Credentials{Login: "man.lt", Password: "man.lt"}, "people.sign_in_wrong"},
			{"no such login", Credentials{Login: "nobody", Password: password}, "people.sign_in_wrong"},
			{"no login", Credentials{Password: password}, "people.sign_in_wrong"},
			{"no possible login", Credentials{Login: "a\x00b", Password: password}, "people.sign_in_wrong"},
			{"a code where there is none is no harm", Credentials{Login: "man.lt", Password: password, Code: "123456"}, ""},
			{"wrong code", Credentials{Login: "khoi.tb", Password: password, Code: "12345"}, "people.sign_in_wrong"},
			{"wrong password, no code", Credentials{Login: "khoi.tb", Password: "x"}, "people.sign_in_wrong"},
			{"no code", Credentials{Login: "khoi.tb", Password: password}, "people.code_missing"},
			{"only passkeys", Credentials{Login: "sen.ht", Password: password}, "people.passkey_needed"},
			{"only passkeys, wrong password", Credentials{Login: "sen.ht", Password: "x"}, "people.sign_in_wrong"},
		} {
			t.Run(c.name, func(t *testing.T) {
				c.c.Browser.Address = "203.0.113." + string(rune('0'+i%10))
				token, err := s.SignIn(t.Context(), c.c)
				wants(t, err, loa.Forbidden, c.key)
				if (token != "") != (err == nil) {
					t.Errorf("token %q with %v", token, err)
				}
			})
		}
		if n := s.count(t, "journal", "verb = 'people.sign_in_failed' AND subject = ''"); n != 3 {
			t.Errorf("%d failures of unknown logins in the book, want 3", n)
		}
		// Nor what was typed as a login: it may have been a password.
		if n := s.count(t, "journal", "data LIKE '%nobody%'"); n != 0 {
			t.Errorf("%d rows say what was typed", n)
		}
	})
}

// Five wrong tries, then waits that double; the right person is let in after
// any of them, and everything wrong before is forgotten.
func TestSlowedDown(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		s.man(t)
		n := 0
		try := func(password string) error {
			n++ // from ever new places: only the login counts
			_, err := s.SignIn(t.Context(), Credentials{Login: "man.lt", Password: password, Browser: Browser{Address: "2001:db8:0:" + string(rune('a'+n%6)) + "::1"}})
			return err
		}
		for range 5 {
			wants(t, try("wrong"), loa.Forbidden, "people.sign_in_wrong")
		}
		for _, wait := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
			s.clock.Turn(wait - time.Millisecond)
			err := try(password) // even the right one, so that a guess cannot be told from a wait
			wants(t, err, loa.Unavailable, "people.wait")
			if err != nil && !strings.Contains(err.Error(), "[1]") {
				t.Errorf("one more second, but it says %v", err)
			}
			s.clock.Turn(time.Millisecond)
			wants(t, try("wrong"), loa.Forbidden, "people.sign_in_wrong")
		}
		s.clock.Turn(4 * time.Minute)
		wants(t, try(password), "", "")
		for range 4 {
			wants(t, try("wrong"), loa.Forbidden, "people.sign_in_wrong")
		}
		wants(t, try(password), "", "")
		for range 5 {
			wants(t, try("wrong"), loa.Forbidden, "people.sign_in_wrong")
		}
		s.clock.Turn(time.Hour + time.Millisecond)
		for range 5 {
			wants(t, try("wrong"), loa.Forbidden, "people.sign_in_wrong")
		}
		wants(t, try("wrong"), loa.Unavailable, "people.wait")
	})
}

// An address that guesses at many logins is slowed down like a login; a
// colleague behind it who signs in rightly neither helps nor is held to blame.
func TestAddressSlowedDown(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		s.man(t)
		const here = "203.0.113.9"
		for _, login := range []string{"aaa", "bbb", "ccc", "ddd"} {
			_, err := s.SignIn(t.Context(), Credentials{Login: login, Password: password, Browser: Browser{Address: here}})
			wants(t, err, loa.Forbidden, "people.sign_in_wrong")
		}
		for range 3 {
			s.signIn(t, "man.lt", "")
		}
		_, err := s.SignIn(t.Context(), Credentials{Login: "eee", Password: password, Browser: Browser{Address: here}})
		wants(t, err, loa.Forbidden, "people.sign_in_wrong")
		_, err = s.SignIn(t.Context(), Credentials{Login: "man.lt", Password: password, Browser: Browser{Address: here}})
		wants(t, err, loa.Unavailable, "people.wait")
		_, err = s.FinishPasskeySignIn(t.Context(), []byte("{}"), Browser{Address: here})
		wants(t, err, loa.Unavailable, "people.wait")
		_, err = s.SignIn(t.Context(), Credentials{Login: "man.lt", Password: password, Browser: Browser{Address: "203.0.113.10"}})
		wants(t, err, "", "")
		s.clock.Turn(30 * time.Second)
		for range 3 { // one after the other, without waiting again
			s.signIn(t, "man.lt", "")
		}
	})
}

// A hundred guesses at once are no way around the count.
func TestGuessesAtOnce(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		got := eight(func() error {
			_, err := s.SignIn(t.Context(), Credentials{Login: "man.lt", Password: "wrong", Browser: Browser{Address: "203.0.113.9"}})
			return err
		})
		if diff := cmp.Diff(map[string]int{"people.sign_in_wrong": 5, "people.wait": 3}, got); diff != "" {
			t.Error(diff)
		}
		if n := s.count(t, "journal", "verb = 'people.sign_in_failed' AND subject = ?", man.ID); n != 5 {
			t.Errorf("%d failures in the book, want 5", n)
		}
	})
}

// One code signs in once, however many try it at the same moment.
func TestCodeAtOnce(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		secret, _ := s.codes(t, man)
		code := s.code(t, secret)
		got := eight(func() error {
			_, err := s.SignIn(t.Context(), Credentials{Login: "man.lt", Password: password, Code: code, Browser: Browser{Address: "203.0.113.9"}})
			return err
		})
		if got[""] != 1 || got[""]+got["people.code_used"]+got["people.wait"] != 8 {
			t.Errorf("got %v, want one sign-in", got)
		}
	})
}

func TestConfirmTOTP(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		_, err := s.ConfirmTOTP(t.Context(), man.ID, "123456", Browser{})
		wants(t, err, loa.Conflict, "people.too_late")
		_, err = s.BeginTOTP(t.Context(), "x")
		wants(t, err, loa.NotFound, "people.unknown")

		old, token := s.codes(t, man)
		late, err := s.BeginTOTP(t.Context(), man.ID)
		if err != nil {
			t.Fatal(err)
		}
		s.signIn(t, "man.lt", old) // until the new one is confirmed, the old one is good
		s.clock.Turn(patience)
		_, err = s.ConfirmTOTP(t.Context(), man.ID, s.code(t, late.Secret), Browser{})
		wants(t, err, loa.Conflict, "people.too_late")
		if !s.open(t, token) {
			t.Error("too late, and signed out all the same")
		}
		fresh, _ := s.codes(t, man)
		if s.open(t, token) {
			t.Error("a session of the old codes is still open")
		}
		_, err = s.SignIn(t.Context(), Credentials{Login: "man.lt", Password: password, Code: s.code(t, old)})
		wants(t, err, loa.Forbidden, "people.sign_in_wrong")
		s.signIn(t, "man.lt", fresh)

		waiting, err := s.BeginTOTP(t.Context(), man.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Disable(t.Context(), loa.System(), man.ID); err != nil {
			t.Fatal(err)
		}
		_, err = s.ConfirmTOTP(t.Context(), man.ID, s.code(t, waiting.Secret), Browser{})
		wants(t, err, loa.Forbidden, "people.disabled")
	})
}

func TestLink(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		for _, c := range []struct {
			name   string
			who    loa.Actor
			person string
			life   time.Duration
			code   loa.Code
			key    string
		}{
			{"no time", may("vn"), man.ID, 0, loa.Invalid, "people.link_life"},
			{"too long", may("vn"), man.ID, 24*time.Hour + 1, loa.Invalid, "people.link_life"},
			{"beside", may("vn/98/98037"), man.ID, time.Hour, loa.Forbidden, "right.missing"},
			{"herself", man.self(), man.ID, time.Hour, loa.Forbidden, "right.missing"},
			{"unknown", may("vn"), "x", time.Hour, loa.NotFound, "people.unknown"},
		} {
			t.Run(c.name, func(t *testing.T) {
				_, err := s.NewLink(t.Context(), c.who, c.person, c.life)
				wants(t, err, c.code, c.key)
			})
		}
		link := func() string {
			token, err := s.NewLink(t.Context(), may("vn/98/98011"), man.ID, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		replaced, good := link(), link()
		_, err := s.Redeem(t.Context(), replaced, Browser{})
		wants(t, err, loa.Forbidden, "people.link_over")
		_, err = s.Redeem(t.Context(), "", Browser{})
		wants(t, err, loa.Forbidden, "people.link_over")
		token, err := s.Redeem(t.Context(), good, Browser{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Session(t.Context(), token); err != nil || got.Complete || got.How != ByLink || got.Actor.ID != man.ID {
			t.Errorf("session %+v, %v", got, err)
		}
		_, err = s.Redeem(t.Context(), good, Browser{})
		wants(t, err, loa.Forbidden, "people.link_over")

		late := link()
		s.clock.Turn(time.Hour)
		_, err = s.Redeem(t.Context(), late, Browser{})
		wants(t, err, loa.Forbidden, "people.link_over")

		// Adding a passkey ends what the link opened.
		s.passkey(t, man)
		if s.open(t, token) {
			t.Error("the link's session is still open")
		}
	})
}

func TestRedeemAtOnce(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		link, err := s.NewLink(t.Context(), loa.System(), man.ID, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		got := eight(func() error {
			_, err := s.Redeem(t.Context(), link, Browser{})
			return err
		})
		if diff := cmp.Diff(map[string]int{"": 1, "people.link_over": 7}, got); diff != "" {
			t.Error(diff)
		}
		if n := s.count(t, "session", "person = ?", man.ID); n != 1 {
			t.Errorf("%d sessions, want 1", n)
		}
	})
}

func TestSignOut(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		khoi := s.person(t, "khoi.tb", "Trần Bá Khôi", "vn/98/98011")
		a, b, c := s.signIn(t, "man.lt", ""), s.signIn(t, "man.lt", ""), s.signIn(t, "khoi.tb", "")
		for range 2 { // the second time there is nothing to do
			if err := s.SignOut(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		}
		if s.open(t, a) || !s.open(t, b) || !s.open(t, c) {
			t.Error("not just the one session ended")
		}
		wants(t, s.SignOutEverywhere(t.Context(), khoi.self(), man.ID), loa.Forbidden, "right.missing")
		if !s.open(t, b) {
			t.Error("signed out by a colleague")
		}
		again := s.signIn(t, "man.lt", "")
		if err := s.SignOutEverywhere(t.Context(), man.self(), man.ID); err != nil {
			t.Fatal(err)
		}
		if s.open(t, b) || s.open(t, again) || !s.open(t, c) {
			t.Error("not just her sessions ended")
		}
		if err := s.SignOutEverywhere(t.Context(), may("vn/98/98011"), khoi.ID); err != nil {
			t.Fatal(err)
		}
		if s.open(t, c) {
			t.Error("his session is still open")
		}
		if got, want := s.verbs(t, man.ID), "people.added Loa, people.signed_in Lê Thị Mận, people.signed_in Lê Thị Mận, people.signed_in Lê Thị Mận, "+
			"people.signed_out Lê Thị Mận, people.signed_out_everywhere Lê Thị Mận"; got != want {
			t.Errorf("in the book: %s", got)
		}
		for _, token := range []string{"", "x", strings.Repeat("A", 43)} {
			if s.open(t, token) {
				t.Errorf("token %q has a session", token)
			}
		}
	})
}

// The database holds nothing that opens a session.
func TestTokens(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		token := s.signIn(t, "man.lt", "")
		if raw := unbase(t, token); len(raw) != 32 {
			t.Errorf("a token of %d bits", 8*len(raw))
		}
		if token == s.signIn(t, "man.lt", "") {
			t.Error("two tokens are equal")
		}
		if n := s.count(t, "session", "id = ?", loa.Hash([]byte(token))); n != 1 {
			t.Errorf("%d sessions by hash", n)
		}
		stored := loa.Hash([]byte(token))
		if s.open(t, stored) {
			t.Error("what is stored opens a session")
		}
		link, err := s.NewLink(t.Context(), loa.System(), man.ID, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if n := s.count(t, "signin_link", "id = ?", loa.Hash([]byte(link))); n != 1 {
			t.Errorf("%d links by hash", n)
		}
	})
}

func TestSeenSweep(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		token := s.signIn(t, "man.lt", "")
		seen := func(after time.Duration) {
			t.Helper()
			got, err := s.Session(t.Context(), token)
			if err != nil || !got.Seen.Equal(today().Add(after)) {
				t.Errorf("seen %v, %v; want %v after seven", got.Seen, err, after)
			}
		}
		s.clock.Turn(59 * time.Second)
		seen(0)
		s.clock.Turn(time.Second)
		seen(time.Minute)
		s.clock.Turn(30 * time.Second)
		seen(time.Minute)

		// One of each that is over, and one that is not.
		_, err := s.SignIn(t.Context(), Credentials{Login: "nobody", Password: password, Browser: Browser{Address: "203.0.113.20"}})
		wants(t, err, loa.Forbidden, "people.sign_in_wrong")
		if _, err := s.NewLink(t.Context(), loa.System(), man.ID, time.Hour); err != nil {
			t.Fatal(err)
		}
		s.ask(t)
		s.clock.Turn(12 * time.Hour)
		khoi := s.person(t, "khoi.tb", "Trần Bá Khôi", "vn/98/98011")
		s.signIn(t, "khoi.tb", "")
		_, err = s.SignIn(t.Context(), Credentials{Login: "nobody", Password: password, Browser: Browser{Address: "203.0.113.21"}})
		wants(t, err, loa.Forbidden, "people.sign_in_wrong")
		if _, err := s.NewLink(t.Context(), loa.System(), khoi.ID, time.Hour); err != nil {
			t.Fatal(err)
		}
		s.ask(t)
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		for table, want := range map[string]int{"session": 1, "signin_link": 1, "ceremony": 1, "signin_failure": 2} {
			if n := s.count(t, table, "1 = 1"); n != want {
				t.Errorf("%d rows of %s left, want %d", n, table, want)
			}
		}
	})
}

// What changes between reading the password and opening the session counts.
func TestStillGood(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		for _, c := range []struct {
			name   string
			change string
			key    string
		}{
			{"nothing", "UPDATE person SET name = name WHERE id = ?", ""},
			{"password", "UPDATE person SET password = 'x' WHERE id = ?", "people.sign_in_wrong"},
			{"a code was set up", "UPDATE person SET totp_secret = 'x' WHERE id = ?", "people.sign_in_wrong"},
			{"a code was used", "UPDATE person SET totp_step = 9 WHERE id = ?", "people.code_used"},
			{"disabled", "UPDATE person SET disabled_at = 9 WHERE id = ?", "people.sign_in_wrong"},
		} {
			t.Run(c.name, func(t *testing.T) {
				err := s.DB.Write(t.Context(), func(tx *db.Tx) error {
					before, err := findAccount(tx, "id = ?", man.ID)
					if err != nil {
						return err
					}
					if _, err := tx.Exec(c.change, man.ID); err != nil {
						return err
					}
					told, err := before.stillGood(tx)
					if err != nil {
						return err
					}
					wants(t, told, loa.Forbidden, c.key)
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			})
		}
	})
}
