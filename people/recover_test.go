package people

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
)

// TestConfirmable is the rule of two colleagues.
func TestConfirmable(t *testing.T) {
	reads := func(id string, p loa.Path) loa.Actor {
		return loa.Actor{ID: id, Grants: []loa.Grant{{Path: p, Rights: []loa.Right{loa.RightRead}}}}
	}
	asks := func(yes ...Yes) Recovery { return Recovery{Person: "lost", Path: "vn/98/98011", Yes: yes} }
	cooling := reads("a", "vn/98")
	cooling.Cooling = true
	for _, c := range []struct {
		name    string
		q       Recovery
		who     loa.Actor
		manages bool
		want    string
	}{
		{"the first, a manager", asks(), reads("a", "vn/98"), true, ""},
		{"the first, a colleague", asks(), reads("a", "vn/98/98011"), false, ""},
		{"the second, a manager", asks(Yes{Person: "a"}), reads("b", "vn/98"), true, ""},
		{"the second, after a manager", asks(Yes{Person: "a", Manages: true}), reads("b", "vn/98/98011"), false, ""},
		{"two without a manager", asks(Yes{Person: "a"}), reads("b", "vn/98/98011"), false, "people.recovery_manager"},
		{"the same twice", asks(Yes{Person: "a", Manages: true}), reads("a", "vn/98"), true, "people.recovery_twice"},
		{"oneself", asks(), reads("lost", "vn/98"), true, "people.recovery_own"},
		{"from the commune beside", asks(), reads("a", "vn/98/98037"), true, "right.missing"},
		{"from a hamlet below", asks(), reads("a", "vn/98/98011/h/t1"), true, "right.missing"},
		{"without any right", asks(), loa.Actor{ID: "a"}, false, "right.missing"},
		{"somebody who is cooling", asks(), cooling, true, "people.cooling"},
	} {
		got := ""
		if err := c.q.confirmable(c.who, c.manages); err != nil {
			got = loa.KeyOf(err)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestCool: whoever is cooling keeps everything but people, for a day.
func TestCool(t *testing.T) {
	who := loa.Actor{ID: "a", Grants: []loa.Grant{
		{Path: "vn/98", Rights: []loa.Right{loa.RightPeople}},
		{Path: "vn/98/98011", Rights: []loa.Right{loa.RightApprove, loa.RightPeople, loa.RightRead}},
	}}
	now := today()
	for _, c := range []struct {
		name  string
		until time.Time
		want  loa.Actor
	}{
		{"never recovered", time.Time{}, who},
		{"at the end", now, who},
		{"a moment before", now.Add(time.Millisecond), loa.Actor{ID: "a", Cooling: true,
			Grants: []loa.Grant{{Path: "vn/98/98011", Rights: []loa.Right{loa.RightApprove, loa.RightRead}}}}},
	} {
		if diff := cmp.Diff(c.want, cool(who, c.until, now)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	if len(who.Grants[1].Rights) != 3 {
		t.Error("the rule changed what it was given")
	}
}

// TestCodeID: a code may be typed as people type; another's is another.
func TestCodeID(t *testing.T) {
	code := newCode()
	if len(code) != 19 || strings.Count(code, "-") != 3 || newCode() == code {
		t.Errorf("a code is %q", code)
	}
	for _, typed := range []string{code, strings.ToUpper(code), strings.ReplaceAll(code, "-", " "), strings.ReplaceAll(code, "-", ""),
		strings.NewReplacer("0", "o", "1", "l").Replace(code), " " + code + "\u00a0"} {
		if codeID("a", typed) != codeID("a", code) {
			t.Errorf("%q is another code than %q", typed, code)
		}
	}
	if codeID("b", code) == codeID("a", code) {
		t.Error("two people share a code")
	}
}

// TestRecoverEnds: coming in again ends the password, the codes of the
// telephone, passkeys, sessions and links, on both databases; and of eight at
// once with the same code one comes in.
func TestRecoverEnds(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man, sen := s.man(t), s.person(t, "sen.ht", "Hoàng Thị Sen", "vn/98")
		s.hold(t, s.post(t, s.province, "Trưởng phòng", loa.RightPeople, loa.RightRead), sen)
		secret, token := s.codes(t, man)
		device, _ := s.passkey(t, man)
		link, err := s.NewLink(t.Context(), loa.System(), man.ID, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		codes, err := s.PrintCodes(t.Context(), man.ID)
		if err != nil {
			t.Fatal(err)
		}
		early := s.ask(t)
		got := eight(func() error {
			_, err := s.RecoverByCode(t.Context(), "Man.LT", codes[3], Browser{Address: "203.0.113.50"})
			return err
		})
		if got[""] != 1 || got["people.recovery_wrong"]+got["people.wait"] != 7 {
			t.Errorf("eight with one code: %v", got)
		}
		if s.open(t, token) {
			t.Error("the old session is open")
		}
		if _, err := s.Redeem(t.Context(), link, Browser{}); loa.KeyOf(err) != "people.link_over" {
			t.Errorf("the old link: %v", err)
		}
		if _, err := s.FinishPasskeySignIn(t.Context(), device.get(t, early), Browser{Address: "203.0.113.51"}); loa.KeyOf(err) != "people.sign_in_wrong" {
			t.Errorf("the old passkey: %v", err)
		}
		s.clock.Turn(2 * time.Hour)
		if _, err := s.SignIn(t.Context(), Credentials{Login: "man.lt", Password: password, Code: s.code(t, secret)}); loa.KeyOf(err) != "people.sign_in_wrong" {
			t.Errorf("the old password: %v", err)
		}
		for _, p := range []Person{man, sen} {
			told, err := s.Told(t.Context(), p.ID)
			if err != nil || len(told) != 1 || told[0].Word != "recovered_by_code" || told[0].Args[0] != "Lê Thị Mận" {
				t.Errorf("%s was told %+v, %v", p.Name, told, err)
			}
			for _, w := range told {
				for range 2 {
					if err := s.PutAway(t.Context(), p.ID, w.ID); err != nil {
						t.Fatal(err)
					}
				}
			}
			if told, _ := s.Told(t.Context(), p.ID); len(told) != 0 {
				t.Errorf("%s still reads %+v", p.Name, told)
			}
		}
		if n, err := s.CodesLeft(t.Context(), man.ID); err != nil || n != 9 {
			t.Errorf("%d codes left, %v", n, err)
		}
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestTwoColleaguesProve: a yes takes the colleague's passkey, or password and
// code; a password alone, a wrong one, another's passkey and an old answer are
// none, and two clicks of the second colleague let nobody in twice.
func TestTwoColleaguesProve(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		khoi := s.person(t, "khoi.tb", "Trần Bá Khôi", "vn/98/98011")
		sen := s.person(t, "sen.ht", "Hoàng Thị Sen", "vn/98")
		s.hold(t, s.post(t, s.commune, "Phó Chủ tịch", loa.RightRead), khoi)
		s.hold(t, s.post(t, s.province, "Trưởng phòng", loa.RightPeople, loa.RightRead), sen)
		s.hold(t, s.post(t, s.commune, "Người phụ trách Đài", loa.RightWrite), man)
		secret, _ := s.codes(t, khoi)
		device, _ := s.passkey(t, sen)
		stranger, _ := s.passkey(t, man)
		actor := func(p Person) loa.Actor {
			who, err := s.Actor(t.Context(), p.ID)
			if err != nil {
				t.Fatal(err)
			}
			return who
		}
		token, err := s.AskRecovery(t.Context(), "man.lt", Browser{Address: "203.0.113.60"})
		if err != nil {
			t.Fatal(err)
		}
		asked, err := s.Asked(t.Context(), token)
		if err != nil || asked.Person != "" || asked.Name != "" {
			t.Fatalf("the asking browser learns %+v, %v", asked, err)
		}
		waits, err := s.Asking(t.Context(), actor(khoi))
		if err != nil || len(waits) != 1 || waits[0].Number != "" {
			t.Fatalf("the colleague sees %+v, %v", waits, err)
		}
		id := waits[0].ID
		begin := func(p Person) []byte {
			options, err := s.BeginProof(t.Context(), p.ID)
			if err != nil {
				t.Fatal(err)
			}
			return options
		}
		for _, c := range []struct {
			name  string
			proof Proof
			key   string
		}{
			{"nothing", Proof{}, "people.sign_in_wrong"},
			{"a password alone", Proof{Password: password}, "people.code_missing"},
			{"a wrong code", Proof{Password: password, Code: "000000"}, "people.sign_in_wrong"},
			{"garbage for a passkey", Proof{Passkey: []byte("{}")}, "people.sign_in_wrong"},
		} {
			wants(t, s.Confirm(t.Context(), actor(khoi), id, asked.Number, c.proof), loa.Forbidden, c.key)
		}
		wants(t, s.Confirm(t.Context(), actor(sen), id, asked.Number, Proof{Passkey: stranger.get(t, begin(sen))}), loa.Forbidden, "people.sign_in_wrong")
		if err := s.Confirm(t.Context(), actor(khoi), id, asked.Number, Proof{Password: password, Code: s.code(t, secret)}); err != nil {
			t.Fatal(err)
		}
		wants(t, s.Confirm(t.Context(), actor(khoi), id, asked.Number, Proof{Password: password, Code: s.code(t, secret)}), loa.Forbidden, "people.code_used")
		answer := device.get(t, begin(sen))
		if err := s.Confirm(t.Context(), actor(sen), id, asked.Number[:3]+" "+asked.Number[3:], Proof{Passkey: answer}); err != nil {
			t.Fatal(err)
		}
		wants(t, s.Confirm(t.Context(), actor(sen), id, asked.Number, Proof{Passkey: answer}), loa.Conflict, "people.too_late")
		got := eight(func() error {
			_, err := s.TakeRecovery(t.Context(), token, Browser{})
			return err
		})
		if got[""] != 1 || got["people.recovery_over"] != 7 {
			t.Errorf("eight at once came in: %v", got)
		}
		if n := s.count(t, "recovery_code", "1 = 1"); n != 0 {
			t.Errorf("%d codes of a paper that is gone", n)
		}
	})
}

// TestRecoveryOver: an hour is all there is, a colleague may say no, and a
// manager of the commune vouches for nobody whose rights reach further.
func TestRecoveryOver(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		s.OpenLinks = true // proofs are another test's
		man := s.man(t)
		chief := s.post(t, s.province, "Trưởng Ban", loa.RightApprove)
		ask := func() (token, id, number string) {
			token, err := s.AskRecovery(t.Context(), "man.lt", Browser{})
			if err != nil {
				t.Fatal(err)
			}
			q, err := s.Asked(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			return token, q.ID, q.Number
		}
		at := func(id string, p loa.Path) loa.Actor {
			x := s.person(t, id, "Người "+id, "vn/98")
			return loa.Actor{ID: x.ID, Name: x.Name, Grants: []loa.Grant{{Path: p, Rights: []loa.Right{loa.RightPeople, loa.RightRead}}}}
		}
		one, two := at("one.x", "vn/98/98011"), at("two.x", "vn/98/98011")

		token, id, number := ask()
		s.clock.Turn(time.Hour)
		wants(t, s.Confirm(t.Context(), one, id, number, Proof{}), loa.Forbidden, "people.recovery_over")
		_, err := s.TakeRecovery(t.Context(), token, Browser{})
		wants(t, err, loa.Forbidden, "people.recovery_over")

		_, id, _ = ask()
		if err := s.RefuseRecovery(t.Context(), one, id); err != nil {
			t.Fatal(err)
		}
		wants(t, s.RefuseRecovery(t.Context(), one, id), loa.Forbidden, "people.recovery_over")
		if told, err := s.Told(t.Context(), man.ID); err != nil || len(told) != 1 || told[0].Word != "recovery_refused" {
			t.Errorf("the person was told %+v, %v", told, err)
		}

		s.hold(t, chief, man)
		_, id, number = ask()
		if err := s.Confirm(t.Context(), one, id, number, Proof{}); err != nil {
			t.Fatal(err)
		}
		wants(t, s.Confirm(t.Context(), two, id, number, Proof{}), loa.Forbidden, "people.recovery_manager")
	})
}

// TestSignOutElsewhere ends one session, or all but this one.
func TestSignOutElsewhere(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		var tokens []string
		for range 4 {
			tokens = append(tokens, s.signIn(t, "man.lt", ""))
		}
		all, err := s.Sessions(t.Context(), man.ID)
		if err != nil || len(all) != 4 {
			t.Fatalf("%d sessions, %v", len(all), err)
		}
		if err := s.SignOutElsewhere(t.Context(), man.ID, tokens[0], loa.Hash([]byte(tokens[1]))); err != nil {
			t.Fatal(err)
		}
		if s.open(t, tokens[1]) || !s.open(t, tokens[2]) {
			t.Error("another session than the one named ended")
		}
		for range 2 {
			if err := s.SignOutElsewhere(t.Context(), man.ID, tokens[0], ""); err != nil {
				t.Fatal(err)
			}
		}
		if !s.open(t, tokens[0]) || s.open(t, tokens[2]) || s.open(t, tokens[3]) {
			t.Error("all but this one should have ended")
		}
		shared, err := s.SignIn(t.Context(), Credentials{Login: "man.lt", Password: password, Browser: Browser{Shared: true}})
		if err != nil {
			t.Fatal(err)
		}
		s.clock.Turn(time.Hour)
		if s.open(t, shared) || !s.open(t, tokens[0]) {
			t.Error("a machine that others use stays signed in, or one's own does not")
		}
	})
}
