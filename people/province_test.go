package people

import (
	"context"
	"testing"
	"time"

	"loa"
)

// TestSignInProvince: whose an identity is, the first time and afterwards.
func TestSignInProvince(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		const issuer = "https://dangnhap.example"
		add := func(login, email string) Person {
			p, err := s.AddPerson(t.Context(), loa.System(), NewPerson{Name: "Người " + login, Login: login, Path: "vn/98/98011", Email: email})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		man, khoi, gone := add("man.lt", "Man@LamXuyen.example"), add("khoi.tb", ""), add("gone.x", "gone@lamxuyen.example")
		if err := s.Disable(t.Context(), loa.System(), gone.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.BindProvince(t.Context(), may("vn/98"), khoi.ID, issuer, "s-khoi"); err != nil {
			t.Fatal(err)
		}
		wants(t, s.BindProvince(t.Context(), may("vn/98"), man.ID, issuer, "s-khoi"), loa.Conflict, "people.province_taken")
		wants(t, s.BindProvince(t.Context(), may("vn/98/98037"), man.ID, issuer, "s-man"), loa.Forbidden, "right.missing")
		for _, c := range []struct {
			name string
			id   Identity
			who  string
		}{
			{"nobody here", Identity{issuer, "s-1", "x@lamxuyen.example", true, "r"}, ""},
			{"an address nobody verified", Identity{issuer, "s-2", "man@lamxuyen.example", false, "r"}, ""},
			{"no address", Identity{issuer, "s-2", "", true, "r"}, ""},
			{"a disabled person's", Identity{issuer, "s-3", "gone@lamxuyen.example", true, "r"}, ""},
			{"by subject, as was set", Identity{issuer, "s-khoi", "", false, "r"}, khoi.ID},
			{"by address, the first time", Identity{issuer, "s-man", "MAN@lamxuyen.example", true, "r"}, man.ID},
			{"by subject ever after", Identity{issuer, "s-man", "new@elsewhere.example", false, "r"}, man.ID},
			{"the address at another account", Identity{issuer, "s-thief", "man@lamxuyen.example", true, "r"}, ""},
			{"the subject at another issuer", Identity{"https://other.example", "s-khoi", "", true, "r"}, ""},
		} {
			token, err := s.SignInProvince(t.Context(), c.id, Browser{Address: "203.0.113.9"})
			if c.who == "" {
				if loa.KeyOf(err) != "people.province_unknown" {
					t.Errorf("%s: %v", c.name, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if got, err := s.Session(t.Context(), token); err != nil || got.Actor.ID != c.who || !got.Complete {
				t.Errorf("%s: %+v, %v", c.name, got, err)
			}
		}
	})
}

// TestRecheckProvince: a leaver is out at the next question, a province out of
// reach costs nobody their session within the hour and everybody after it, and
// nothing lasts longer than a working day.
func TestRecheckProvince(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		if err := s.BindProvince(t.Context(), loa.System(), man.ID, "i", "s"); err != nil {
			t.Fatal(err)
		}
		in := func(refresh string) string {
			token, err := s.SignInProvince(t.Context(), Identity{Issuer: "i", Subject: "s", Refresh: refresh}, Browser{})
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		asked := 0
		var says error
		ask := func() error {
			return s.RecheckProvince(t.Context(), func(_ context.Context, refresh string) (string, error) {
				asked++
				return refresh + "+", says
			})
		}
		token, brief := in("r"), in("")
		if err := ask(); err != nil || asked != 0 {
			t.Errorf("asked %d times at once, %v", asked, err)
		}
		s.clock.Turn(5 * time.Minute)
		for range 2 {
			if err := ask(); err != nil {
				t.Fatal(err)
			}
		}
		if asked != 1 || s.count(t, "session", "refresh = 'r+'") != 1 {
			t.Errorf("asked %d times", asked)
		}
		s.clock.Turn(10 * time.Minute)
		if s.open(t, brief) || !s.open(t, token) {
			t.Error("a session nobody can ask about lasts longer than a quarter of an hour, or the other does not")
		}
		says = loa.Errorf(loa.Unavailable, "people.province_away", "")
		if err := ask(); loa.KeyOf(err) != "people.province_away" || !s.open(t, token) {
			t.Errorf("the province is away: %v", err)
		}
		s.clock.Turn(50 * time.Minute)
		if s.open(t, token) {
			t.Error("open an hour after the last word from the province")
		}

		says = nil
		token = in("q")
		for range 12 * 12 {
			s.clock.Turn(5 * time.Minute)
			if err := ask(); err != nil {
				t.Fatal(err)
			}
		}
		if s.open(t, token) {
			t.Error("open after a working day")
		}

		token = in("z")
		local := s.signIn(t, "man.lt", "")
		s.clock.Turn(5 * time.Minute)
		says = loa.Errorf(loa.Forbidden, "people.province_gone")
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		if s.open(t, token) || !s.open(t, local) {
			t.Error("a leaver is still in, or their local account ended with it")
		}
	})
}
