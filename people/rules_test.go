package people

import (
	"strings"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"

	"loa"
	"loa/office"
)

// wants compares the code and key of an error; key "" is no error.
func wants(t *testing.T, err error, code loa.Code, key string) {
	t.Helper()
	if key == "" && err == nil {
		return
	}
	if err == nil || loa.CodeOf(err) != code || loa.KeyOf(err) != key {
		t.Errorf("got %v, want %s %s", err, code, key)
	}
}

// may is a person with people.manage over some places, and every other right
// over the country.
func may(places ...loa.Path) loa.Actor {
	others := []loa.Right{loa.RightWrite, loa.RightApprove, loa.RightDispatch, loa.RightSpeakers, loa.RightRead}
	who := loa.Actor{ID: "manager", Name: "Hoàng Thị Sen", Grants: []loa.Grant{{Path: "vn", Rights: others}}}
	for _, p := range places {
		who.Grants = append(who.Grants, loa.Grant{Path: p, Rights: []loa.Right{loa.RightPeople}})
	}
	return who
}

// Who may give what: nothing outside the places where they manage people.
func TestMustManage(t *testing.T) {
	for _, c := range []struct {
		name   string
		who    loa.Actor
		places []loa.Path
		ok     bool
	}{
		{"own place", may("vn/98/98011"), []loa.Path{"vn/98/98011"}, true},
		{"below", may("vn/98"), []loa.Path{"vn/98/98011", "vn/98/98037/h/bn"}, true},
		{"two places of their own", may("vn/98/98011", "vn/98/98037"), []loa.Path{"vn/98/98037", "vn/98/98011"}, true},
		{"beside", may("vn/98/98011"), []loa.Path{"vn/98/98037"}, false},
		{"above", may("vn/98/98011"), []loa.Path{"vn/98"}, false},
		{"one of two outside", may("vn/98/98011"), []loa.Path{"vn/98/98011", "vn/98/98037"}, false},
		{"a code that begins alike", may("vn/9"), []loa.Path{"vn/98"}, false},
		{"every other right is none", may(), []loa.Path{"vn/98/98011"}, false},
		{"no place at all", may("vn"), []loa.Path{""}, false},
		{"the machine", loa.System(), []loa.Path{"vn/98", ""}, true},
		{"nobody", loa.Actor{}, []loa.Path{"vn/98"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := mustManage(c.who, c.places); (err == nil) != c.ok {
				t.Errorf("got %v, want ok %t", err, c.ok)
			}
		})
	}
}

// holding is a held post for tables; until 0 goes on.
func holding(title string, from, until int, lent bool, grants ...loa.Grant) Holding {
	h := Holding{From: day(from), Lent: lent, post: Post{Title: title, Grants: grants, path: "vn/98"}}
	if until != 0 {
		h.Until = day(until)
	}
	return h
}

func day(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, loa.Zone()) }

func TestReach(t *testing.T) {
	commune := loa.Grant{Path: "vn/98/98011", Rights: []loa.Right{loa.RightWrite}}
	for _, c := range []struct {
		name string
		home loa.Path
		held []Holding
		want []loa.Path
	}{
		{"at the machine, nothing held", "", nil, []loa.Path{""}},
		{"nothing held", "vn/98/98011", nil, []loa.Path{"vn/98/98011"}},
		{"a post of the province", "vn/98/98011", []Holding{holding("a", 1, 0, false, commune)}, []loa.Path{"vn/98", "vn/98/98011"}},
		{"at the machine, with a post", "", []Holding{holding("a", 1, 0, false, commune)}, []loa.Path{"vn/98", "vn/98/98011"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, reach(c.home, c.held)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEffective(t *testing.T) {
	write := loa.Grant{Path: "vn/98/98011", Rights: []loa.Right{loa.RightWrite, loa.RightRead}}
	approve := loa.Grant{Path: "vn/98/98011", Rights: []loa.Right{loa.RightApprove, loa.RightRead}}
	beside := loa.Grant{Path: "vn/98/98037", Rights: []loa.Right{loa.RightApprove}}
	closed := holding("closed", 1, 0, false, write)
	closed.office = office.Office{To: day(10)}
	for _, c := range []struct {
		name  string
		held  []Holding
		on    time.Time
		title string
		want  []loa.Grant
	}{
		{"nothing held", nil, day(20), "", nil},
		{"held", []Holding{holding("officer", 1, 0, false, write)}, day(20), "officer", []loa.Grant{
			{Path: "vn/98/98011", Rights: []loa.Right{loa.RightWrite, loa.RightRead}}}},
		{"from the first moment", []Holding{holding("officer", 20, 0, false, beside)}, day(20), "officer", []loa.Grant{beside}},
		{"not a moment earlier", []Holding{holding("officer", 20, 0, false, beside)}, day(20).Add(-1), "", nil},
		{"to the last moment", []Holding{holding("officer", 1, 20, false, beside)}, day(20).Add(-1), "officer", []loa.Grant{beside}},
		{"not a moment longer", []Holding{holding("officer", 1, 20, false, beside)}, day(20), "", nil},
		{"ended before it began", []Holding{holding("officer", 20, 20, false, beside)}, day(20), "", nil},
		{"the office is closed", []Holding{closed}, day(10), "", nil},
		{"the office is not yet closed", []Holding{closed}, day(10).Add(-1), "closed", []loa.Grant{
			{Path: "vn/98/98011", Rights: []loa.Right{loa.RightWrite, loa.RightRead}}}},
		{"an own post is named before a lent one", []Holding{holding("lent", 1, 30, true, approve), holding("own", 5, 0, false, write)}, day(20), "own",
			[]loa.Grant{{Path: "vn/98/98011", Rights: []loa.Right{loa.RightApprove, loa.RightWrite, loa.RightRead}}}},
		{"the one held longest is named", []Holding{holding("second", 6, 0, false, beside), holding("first", 5, 0, false, write)}, day(20), "first",
			[]loa.Grant{{Path: "vn/98/98011", Rights: []loa.Right{loa.RightWrite, loa.RightRead}}, beside}},
		{"only what is held today", []Holding{holding("old", 1, 5, false, beside), holding("lent", 19, 22, true, approve)}, day(20), "lent",
			[]loa.Grant{{Path: "vn/98/98011", Rights: []loa.Right{loa.RightApprove, loa.RightRead}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			title, grants := effective(c.held, c.on)
			if title != c.title {
				t.Errorf("post %q, want %q", title, c.title)
			}
			if diff := cmp.Diff(c.want, grants); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Asking what is effective changes nothing that was handed in.
func TestEffectiveKeeps(t *testing.T) {
	held := []Holding{
		holding("lent", 1, 30, true, loa.Grant{Path: "vn/98", Rights: []loa.Right{loa.RightWrite, loa.RightApprove}}),
		holding("own", 5, 0, false, loa.Grant{Path: "vn/98", Rights: []loa.Right{loa.RightRead}}),
	}
	for range 2 {
		if title, _ := effective(held, day(20)); title != "own" {
			t.Errorf("post %q", title)
		}
	}
	if held[0].post.Title != "lent" || held[0].post.Grants[0].Rights[0] != loa.RightWrite {
		t.Errorf("changed: %+v", held)
	}
}

func TestTidy(t *testing.T) {
	for _, c := range []struct {
		name   string
		grants []loa.Grant
		want   []loa.Grant
		key    string
	}{
		{"nothing", nil, nil, ""},
		{"merged", []loa.Grant{
			{Path: "vn/98", Rights: []loa.Right{loa.RightRead}},
			{Path: "vn", Rights: []loa.Right{loa.RightRead}},
			{Path: "vn/98", Rights: []loa.Right{loa.RightApprove, loa.RightRead}},
		}, []loa.Grant{
			{Path: "vn", Rights: []loa.Right{loa.RightRead}},
			{Path: "vn/98", Rights: []loa.Right{loa.RightApprove, loa.RightRead}},
		}, ""},
		{"no right", []loa.Grant{{Path: "vn/98"}}, nil, "people.grant_empty"},
		{"an invented right", []loa.Grant{{Path: "vn/98", Rights: []loa.Right{"bulletin.*"}}}, nil, "people.right_unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := tidy(c.grants)
			wants(t, err, loa.Invalid, c.key)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLockout(t *testing.T) {
	for wrong, want := range []time.Duration{
		0, 0, 0, 0, 0,
		30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute,
	} {
		if got := lockout(wrong); got != want {
			t.Errorf("after %d: %v, want %v", wrong, got, want)
		}
	}
	if got := lockout(1 << 40); got != longest {
		t.Errorf("after very many: %v", got)
	}
	for _, c := range []struct {
		wrong int
		since time.Duration
		want  time.Duration
	}{
		{4, 0, 0},
		{5, 0, 30 * time.Second},
		{5, 10 * time.Second, 20 * time.Second},
		{5, 30 * time.Second, 0},
		{5, time.Hour, 0},
		{99, 14 * time.Minute, time.Minute},
	} {
		f := tries{wrong: c.wrong, last: day(20)}
		if got := f.left(day(20).Add(c.since)); got != c.want {
			t.Errorf("%d wrong, %v ago: %v left, want %v", c.wrong, c.since, got, c.want)
		}
	}
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"203.0.113.9":                "203.0.113.9",
		"::ffff:203.0.113.9":         "203.0.113.9",
		"2001:db8:1:2:3:4:5:6":       "2001:db8:1:2::/64",
		"2001:db8:1:2::1":            "2001:db8:1:2::/64",
		"2001:db8:1:3::1":            "2001:db8:1:3::/64",
		"fe80::1%eth0":               "fe80::/64",
		"":                           "",
		"a socket, or whatever else": "a socket, or whatever else",
	} {
		if got := network(address); got != want {
			t.Errorf("%q is counted as %q, want %q", address, got, want)
		}
	}
	if byLogin("x") == byAddress("x") {
		t.Error("a login and an address share a count")
	}
}

func TestLogin(t *testing.T) {
	for login, want := range map[string]string{
		"man.lt":                    "man.lt",
		" Mận.LT ":                  "man.lt",
		norm.NFD.String("MẬN.lt"):   "man.lt",
		"đài_98011":                 "dai_98011",
		"le-thi-man@lamxuyen.vn":    "le-thi-man@lamxuyen.vn",
		"ab":                        "",
		"":                          "",
		"mận lt":                    "",
		"man\x00lt":                 "",
		"админ":                     "",
		strings.Repeat("a", 65):     "",
		"' OR '1'='1":               "",
		strings.Repeat("a", 64):     strings.Repeat("a", 64),
		"\u202enam":                 "",
		"a/b/c":                     "",
		string([]byte{0xff, 'a'}):   "",
		"Ｍan.lt (full-width first)": "",
	} {
		fold := foldLogin(login)
		if !isLogin(fold) {
			fold = ""
		}
		if fold != want {
			t.Errorf("%q is %q, want %q", login, fold, want)
		}
	}
}

func TestCheckPassword(t *testing.T) {
	for _, c := range []struct{ password, key string }{
		{"lúa chín vàng đồng", ""},
		{"mười ký tự", ""},
		{norm.NFD.String("mười ký tự"), ""},
		{strings.Repeat("ab", 100), ""},
		{"chín ký t", "people.password_short"},
		{norm.NFD.String("chín ký t"), "people.password_short"},
		{"", "people.password_short"},
		{strings.Repeat("ab", 100) + "c", "people.password_long"},
		{"man.le.thi", "people.password_login"},
		{"Mận.Lê.Thị", "people.password_login"},
		{"1234567890", "people.password_common"},
		{"MatKhau123", "people.password_common"},
		{"Mật khẩu 123", "people.password_common"},
		{"aaaaaaaaaaaa", "people.password_common"},
		{"ơƠơƠơƠơƠơƠơ", "people.password_common"},
	} {
		wants(t, checkPassword("man.le.thi", c.password), loa.Invalid, c.key)
	}
	for _, w := range worst {
		if w != foldLogin(w) || len(w) < passwordMin {
			t.Errorf("%q can never be met", w)
		}
	}
}

func TestIsPassword(t *testing.T) {
	// From the tests of the reference implementation of RFC 9106.
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ours := hashPassword("lúa chín vàng")
	for _, c := range []struct {
		phc, password string
		want          bool
	}{
		{reference, "password", true},
		{reference, "Password", false},
		{ours, "lúa chín vàng", true},
		{ours, norm.NFD.String("lúa chín vàng"), true},
		{ours, "lúa chín vang", false},
		{ours, "", false},
		{decoy, "", false},
	} {
		if got, err := isPassword(c.phc, c.password); got != c.want || err != nil {
			t.Errorf("%s is %q: %t, %v; want %t", c.phc, c.password, got, err, c.want)
		}
	}
	if again := hashPassword("lúa chín vàng"); again == ours {
		t.Error("two hashes of one password are equal: no salt")
	}
	// The decoy costs what a real one costs.
	if cost := strings.Split(ours, "$")[3]; !strings.Contains(decoy, "$"+cost+"$") || len(decoy) != len(ours) {
		t.Errorf("the decoy is not like %s", ours)
	}
	for _, phc := range []string{
		"", "lúa chín vàng", "$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=16$m=64,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=2,p=0$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=2,p=1$!$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$!",
		"$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$",
	} {
		if got, err := isPassword(phc, ""); got || err == nil {
			t.Errorf("%q: %t, %v; want an error", phc, got, err)
		}
	}
}

// The codes of RFC 6238, appendix B, last six digits.
func TestStepFor(t *testing.T) {
	const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" // "12345678901234567890"
	for _, c := range []struct {
		code string
		now  int64
		want int64
	}{
		{"287082", 59, 1},
		{"287 082", 59, 1},
		{" 287082\n", 59, 1},
		{"287082", 89, 1}, // a step late
		{"287082", 29, 1}, // a step early
		{"287082", 90, 0},
		{"081804", 1111111109, 37037036},
		{"050471", 1111111111, 37037037},
		{"005924", 1234567890, 41152263},
		{"279037", 2000000000, 66666666},
		{"353130", 20000000000, 666666666},
		{"", 59, 0},
		{"28708", 59, 0},
		{"2870820", 59, 0},
		{"94287082", 59, 0},
	} {
		got, err := stepFor(secret, c.code, stepOf(time.Unix(c.now, 0)))
		if err != nil || got != c.want {
			t.Errorf("%q at %d: step %d, %v; want %d", c.code, c.now, got, err, c.want)
		}
	}
	if _, err := stepFor("not base 32!", "287082", 1); err == nil {
		t.Error("a spoilt secret makes codes")
	}
}

func TestWordsUUID(t *testing.T) {
	if got := words([]protocol.AuthenticatorTransport{"internal", "hybrid", "", "a b", "USB", "smart-card"}); got != "internal hybrid smart-card" {
		t.Errorf("transports %q", got)
	}
	if got := uuid([]byte("loa-software-key")); got != "6c6f612d-736f-6674-7761-72652d6b6579" {
		t.Errorf("uuid %q", got)
	}
	if got := uuid(nil); got != "00000000-0000-0000-0000-000000000000" {
		t.Errorf("uuid of nothing %q", got)
	}
}
