package people

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"loa"
)

func TestAddPerson(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		want := Person{ID: man.ID, Name: "Lê Thị Mận", Login: "man.lt", Path: "vn/98/98011", Password: true, Added: today().UTC()}
		if diff := cmp.Diff(want, man); diff != "" {
			t.Error(diff)
		}
		if found, err := s.Person(t.Context(), man.ID); err != nil || found != want {
			t.Errorf("found %+v, %v", found, err)
		}
		if got, want := s.verbs(t, man.ID), "people.added Loa"; got != want {
			t.Errorf("in the book: %s, want %s", got, want)
		}
		commune := may("vn/98/98011")
		good := NewPerson{Name: "Trần Bá Khôi", Login: "khoi.tb", Password: password, Path: "vn/98/98011"}
		for _, c := range []struct {
			name   string
			who    loa.Actor
			change func(n *NewPerson)
			code   loa.Code
			key    string
		}{
			{"no name", commune, func(n *NewPerson) { n.Name = "  " }, loa.Invalid, "people.name_bad"},
			{"login", commune, func(n *NewPerson) { n.Login = "k b" }, loa.Invalid, "people.login_bad"},
			{"login taken in other letters", commune, func(n *NewPerson) { n.Login = " Mận.LT" }, loa.Conflict, "people.login_taken"},
			{"short password", commune, func(n *NewPerson) { n.Password = "123456789" }, loa.Invalid, "people.password_short"},
			{"login as password", commune, func(n *NewPerson) { n.Login, n.Password = "khoi.tran.ba", "Khôi.Trần.Bá" }, loa.Invalid, "people.password_login"},
			{"beside", commune, func(n *NewPerson) { n.Path = "vn/98/98037" }, loa.Forbidden, "right.missing"},
			{"above", commune, func(n *NewPerson) { n.Path = "vn/98" }, loa.Forbidden, "right.missing"},
			{"nowhere", commune, func(n *NewPerson) { n.Path = "" }, loa.Forbidden, "right.missing"},
			{"no such place", loa.System(), func(n *NewPerson) { n.Path = "vn/97" }, loa.NotFound, "unit.unknown"},
			{"without the right", may(), func(*NewPerson) {}, loa.Forbidden, "right.missing"},
			{"good", commune, func(*NewPerson) {}, "", ""},
			{"the machine, nowhere", loa.System(), func(n *NewPerson) { n.Login, n.Path = "first", "" }, "", ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				n := good
				c.change(&n)
				p, err := s.AddPerson(t.Context(), c.who, n)
				wants(t, err, c.code, c.key)
				if (err == nil) != loa.IsID(p.ID) {
					t.Errorf("person %+v with error %v", p, err)
				}
			})
		}
		if n := s.count(t, "person", "password LIKE '$argon2id$v=19$m=19456,t=2,p=1$%'"); n != 3 {
			t.Errorf("%d hashed passwords, want 3", n)
		}
	})
}

// A new password is given by the person, or by whoever manages all they reach.
func TestSetPassword(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		s.hold(t, s.post(t, s.province, "Biên tập viên", loa.RightApprove), man)
		const other = "khoai lang nướng"
		for _, c := range []struct {
			name     string
			who      loa.Actor
			person   string
			password string
			code     loa.Code
			key      string
		}{
			{"her commune, but she reaches the province", may("vn/98/98011"), man.ID, other, loa.Forbidden, "right.missing"},
			{"nobody", may(), man.ID, other, loa.Forbidden, "right.missing"},
			{"unknown", may("vn"), "01jzzzzzzzzzzzzzzzzzzzzzzz", other, loa.NotFound, "people.unknown"},
			{"short", may("vn/98"), man.ID, "ngắn", loa.Invalid, "people.password_short"},
			{"common", man.self(), man.ID, "Matkhau123", loa.Invalid, "people.password_common"},
			{"her province", may("vn/98"), man.ID, other, "", ""},
			{"herself", man.self(), man.ID, password, "", ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				token := s.signIn(t, "man.lt", "")
				wants(t, s.SetPassword(t.Context(), c.who, c.person, c.password, ""), c.code, c.key)
				if s.open(t, token) != (c.key != "") {
					t.Errorf("the session is open %t after %s", s.open(t, token), c.key)
				}
				if c.name == "her province" {
					_, err := s.SignIn(t.Context(), Credentials{Login: "man.lt", Password: password})
					wants(t, err, loa.Forbidden, "people.sign_in_wrong")
					if _, err := s.SignIn(t.Context(), Credentials{Login: "man.lt", Password: other}); err != nil {
						t.Error(err)
					}
					if err := s.SetPassword(t.Context(), loa.System(), man.ID, password, ""); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	})
}

func TestDisable(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		post := s.post(t, s.commune, "Người phụ trách Đài", loa.RightWrite)
		s.hold(t, post, man)
		device, _ := s.passkey(t, man)
		token, err := s.FinishPasskeySignIn(t.Context(), device.get(t, s.ask(t)), Browser{Address: "203.0.113.9"})
		if err != nil {
			t.Fatal(err)
		}
		link, err := s.NewLink(t.Context(), may("vn/98"), man.ID, linkLife)
		if err != nil {
			t.Fatal(err)
		}
		early := s.ask(t)
		wants(t, s.Disable(t.Context(), may("vn/98/98037"), man.ID), loa.Forbidden, "right.missing")
		wants(t, s.Disable(t.Context(), man.self(), man.ID), loa.Conflict, "people.disable_self")
		if !s.open(t, token) {
			t.Fatal("refused, and signed out all the same")
		}
		if err := s.Disable(t.Context(), may("vn/98/98011"), man.ID); err != nil {
			t.Fatal(err)
		}
		if s.open(t, token) {
			t.Error("the session is still open")
		}
		_, err = s.SignIn(t.Context(), Credentials{Login: "man.lt", Password: password})
		wants(t, err, loa.Forbidden, "people.sign_in_wrong")
		_, err = s.FinishPasskeySignIn(t.Context(), device.get(t, early), Browser{Address: "203.0.113.9"})
		wants(t, err, loa.Forbidden, "people.sign_in_wrong")
		_, err = s.Redeem(t.Context(), link, Browser{})
		wants(t, err, loa.Forbidden, "people.link_over")
		_, err = s.Actor(t.Context(), man.ID)
		wants(t, err, loa.Forbidden, "people.disabled")
		_, err = s.NewLink(t.Context(), may("vn/98"), man.ID, linkLife)
		wants(t, err, loa.Conflict, "people.disabled")
		_, err = s.Hold(t.Context(), may("vn/98"), post.ID, man.ID, day(25), day(26), true)
		wants(t, err, loa.Conflict, "people.disabled")
		if found, err := s.Person(t.Context(), man.ID); err != nil || !found.Disabled.Equal(s.clock.Now()) {
			t.Errorf("found %+v, %v", found, err)
		}
		want := "people.added Loa, people.disabled Hoàng Thị Sen, people.link_made Hoàng Thị Sen, people.passkey_added Lê Thị Mận, " +
			"people.sign_in_failed Loa, people.sign_in_failed Loa, people.signed_in Lê Thị Mận"
		if got := s.verbs(t, man.ID); got != want {
			t.Errorf("in the book: %s\nwant %s", got, want)
		}
	})
}

func TestPeoplePosts(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		man := s.man(t)
		khoi := s.person(t, "khoi.tb", "Trần Bá Khôi", "vn/98/98011")
		sen := s.person(t, "sen.ht", "Hoàng Thị Sen", "vn/98")
		first := s.person(t, "first", "Ấm", "") // at the machine
		chair := s.post(t, s.commune, "Phó Chủ tịch UBND xã", loa.RightApprove, loa.RightRead)
		officer := s.post(t, s.commune, "Người phụ trách Đài", loa.RightWrite)
		editor := s.post(t, s.province, "Biên tập viên", loa.RightApprove)
		s.hold(t, chair, khoi)
		held := s.hold(t, officer, first)
		if _, err := s.Hold(t.Context(), loa.System(), editor.ID, man.ID, day(25), day(27), true); err != nil {
			t.Fatal(err)
		}
		_ = sen

		names := func(path loa.Path) string {
			all, err := s.People(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			var list []string
			for _, p := range all {
				list = append(list, p.Name)
			}
			return strings.Join(list, ", ")
		}
		for path, want := range map[loa.Path]string{
			"vn":          "Ấm, Hoàng Thị Sen, Lê Thị Mận, Trần Bá Khôi",
			"vn/98":       "Ấm, Hoàng Thị Sen, Lê Thị Mận, Trần Bá Khôi",
			"vn/98/98011": "Ấm, Lê Thị Mận, Trần Bá Khôi",
			"vn/98/98037": "",
			"vn/9":        "",
		} {
			if got := names(path); got != want {
				t.Errorf("people of %s: %s, want %s", path, got, want)
			}
		}

		all, err := s.Posts(t.Context(), "vn/98")
		if err != nil {
			t.Fatal(err)
		}
		want := []Post{
			{ID: editor.ID, Office: s.province.ID, Title: "Biên tập viên", Grants: []loa.Grant{{Path: "vn/98", Rights: []loa.Right{loa.RightApprove}}},
				Holders: []Holding{{Post: editor.ID, Person: man.ID, From: day(25).UTC(), Until: day(27).UTC(), Lent: true}}},
			{ID: officer.ID, Office: s.commune.ID, Title: "Người phụ trách Đài", Grants: []loa.Grant{{Path: "vn/98/98011", Rights: []loa.Right{loa.RightWrite}}},
				Holders: []Holding{{Post: officer.ID, Person: first.ID, From: today().UTC()}}},
			{ID: chair.ID, Office: s.commune.ID, Title: "Phó Chủ tịch UBND xã", Grants: []loa.Grant{{Path: "vn/98/98011", Rights: []loa.Right{loa.RightApprove, loa.RightRead}}},
				Holders: []Holding{{Post: chair.ID, Person: khoi.ID, From: today().UTC()}}},
		}
		if diff := cmp.Diff(want, all, cmpopts.IgnoreUnexported(Post{}, Holding{}), cmpopts.IgnoreFields(Holding{}, "ID")); diff != "" {
			t.Error(diff)
		}

		// Whoever held a post is no longer listed there, and neither is a post of a closed office.
		if err := s.End(t.Context(), loa.System(), held.ID, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if got, want := names("vn/98/98011"), "Lê Thị Mận, Trần Bá Khôi"; got != want {
			t.Errorf("people: %s, want %s", got, want)
		}
		s.close(t, s.commune)
		if all, err = s.Posts(t.Context(), "vn/98"); err != nil || len(all) != 1 || all[0].ID != editor.ID {
			t.Errorf("posts: %+v, %v", all, err)
		}
	})
}
