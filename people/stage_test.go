package people

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"loa"
	"loa/db"
	"loa/db/dbtest"
	"loa/journal"
	"loa/office"
	"loa/unit"
)

// units is an invented province and the country it lies in.
const units = `path,code,parent,level,type,name,valid_from,valid_to,predecessors
vn,,,country,quoc_gia,Việt Nam,2025-07-01,,
vn/98,98,vn,province,tinh,Lam Xuyên,2025-07-01,,
vn/98/98011,98011,vn/98,commune,xa,Đồng Sậy,2025-07-01,,
vn/98/98037,98037,vn/98,commune,xa,Bến Mai,2025-07-01,,
`

const password = "lúa chín vàng đồng"

func today() time.Time { return time.Date(2026, 11, 23, 7, 0, 0, 0, loa.Zone()) }

// stage is a morning with a few offices, and nobody in them.
type stage struct {
	*Register
	clock    *loa.HandClock
	province office.Office
	commune  office.Office // Đồng Sậy
	beside   office.Office // Bến Mai
}

// on runs f on both databases.
func on(t *testing.T, f func(t *testing.T, s stage)) {
	t.Helper()
	dbtest.EachURL(t, func(t *testing.T, url string) {
		clock := loa.NewHandClock(today())
		d := dbtest.OpenAt(t, url, clock)
		if report, err := (&unit.Register{DB: d}).Import(t.Context(), loa.System(), strings.NewReader(units), false); err != nil {
			t.Fatal(err, report.Errors)
		}
		s := stage{Register: &Register{DB: d, RPID: "loa.example", Origin: "https://loa.example", Issuer: "Loa Lam Xuyên"}, clock: clock}
		s.province = s.office(t, office.Editors, "Ban Biên tập tỉnh Lam Xuyên", "vn/98")
		s.commune = s.office(t, office.Committee, "UBND xã Đồng Sậy", "vn/98/98011")
		s.beside = s.office(t, office.Committee, "UBND xã Bến Mai", "vn/98/98037")
		f(t, s)
	})
}

func (s stage) office(t *testing.T, kind office.Kind, name string, path loa.Path) office.Office {
	t.Helper()
	o, err := (&office.Register{DB: s.DB}).Add(t.Context(), loa.System(), office.Office{Kind: kind, Name: name, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (s stage) person(t *testing.T, login, name string, path loa.Path) Person {
	t.Helper()
	p, err := s.AddPerson(t.Context(), loa.System(), NewPerson{Name: name, Login: login, Password: password, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// man is the officer of Đồng Sậy, who holds no post yet.
func (s stage) man(t *testing.T) Person {
	t.Helper()
	return s.person(t, "man.lt", "Lê Thị Mận", "vn/98/98011")
}

func (s stage) post(t *testing.T, o office.Office, title string, rights ...loa.Right) Post {
	t.Helper()
	p := Post{Office: o.ID, Title: title}
	if len(rights) > 0 {
		p.Grants = []loa.Grant{{Path: o.Path, Rights: rights}}
	}
	p, err := s.AddPost(t.Context(), loa.System(), p)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s stage) hold(t *testing.T, post Post, p Person) Holding {
	t.Helper()
	h, err := s.Hold(t.Context(), loa.System(), post.ID, p.ID, time.Time{}, time.Time{}, false)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// signIn types a right password, and the code of a secret where there is one.
func (s stage) signIn(t *testing.T, login, secret string) string {
	t.Helper()
	c := Credentials{Login: login, Password: password, Browser: Browser{Address: "203.0.113.9"}}
	if secret != "" {
		c.Code = s.code(t, secret)
	}
	token, err := s.SignIn(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// code is what the person's app shows now.
func (s stage) code(t *testing.T, secret string) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, s.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// codes sets up codes for a person, and waits until the next one shows.
func (s stage) codes(t *testing.T, p Person) (secret, token string) {
	t.Helper()
	key, err := s.BeginTOTP(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	token, err = s.ConfirmTOTP(t.Context(), p.ID, s.code(t, key.Secret), Browser{})
	if err != nil {
		t.Fatal(err)
	}
	s.clock.Turn(30 * time.Second)
	return key.Secret, token
}

// passkey gives a person a device with a passkey.
func (s stage) passkey(t *testing.T, p Person) (*device, Passkey) {
	t.Helper()
	d := newDevice(t)
	options, err := s.BeginPasskey(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	k, err := s.FinishPasskey(t.Context(), p.ID, d.create(t, options))
	if err != nil {
		t.Fatal(err)
	}
	return d, k
}

// ask begins a sign-in by passkey.
func (s stage) ask(t *testing.T) []byte {
	t.Helper()
	options, err := s.BeginPasskeySignIn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return options
}

// open reports whether a token has a session.
func (s stage) open(t *testing.T, token string) bool {
	t.Helper()
	_, err := s.Session(t.Context(), token)
	if err != nil && loa.KeyOf(err) != "people.signed_out" {
		t.Fatal(err)
	}
	return err == nil
}

// verbs are what the book says about a subject and who did it, in the order of
// the alphabet: ids of one millisecond have none of their own.
func (s stage) verbs(t *testing.T, subject string) string {
	t.Helper()
	var all []string
	err := s.DB.Read(t.Context(), func(tx *db.Tx) error {
		rows, err := journal.List(tx, journal.Filter{})
		for _, r := range rows {
			if r.Subject == subject {
				all = append(all, r.Verb+" "+r.ActorName)
			}
			if strings.Contains(string(r.Data), password) || strings.Contains(string(r.Data), "argon2") {
				t.Errorf("a password in the book: %s", r.Data)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (s stage) count(t *testing.T, table, where string, args ...any) (n int) {
	t.Helper()
	err := s.DB.Read(t.Context(), func(tx *db.Tx) error {
		return tx.Row("SELECT COUNT(*) FROM "+table+" WHERE "+where, args...).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// eight runs f eight times at once and counts the keys of what came of it, ""
// for what went well.
func eight(f func() error) map[string]int {
	var all [8]error
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() { all[i] = f() })
	}
	wg.Wait()
	got := map[string]int{}
	for _, err := range all {
		if err == nil {
			got[""]++
			continue
		}
		got[loa.KeyOf(err)]++
	}
	return got
}
