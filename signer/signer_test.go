package signer_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/seal"
	"loa/signer"
	"loa/signer/softkey"
	"loa/wire"
)

const (
	site     = "loa.example"
	origin   = "https://loa.example"
	province = loa.Path("vn/97")
	ha       = loa.Path("vn/97/97001")
	thuong   = loa.Path("vn/97/97002")
	box      = "00000000000000000000000001"
	year     = 365 * 24 * time.Hour
)

func start() time.Time { return time.Date(2027, 5, 4, 6, 0, 0, 0, time.UTC) }

// TestMain is also the signer's own process, when a test starts it as one.
func TestMain(m *testing.M) {
	if dir := os.Getenv("SIGNER_TEST_DIR"); dir != "" {
		s := server(dir, loa.NewHandClock(start()))
		s.Ready = func() {
			if os.Getenv("SIGNER_TEST_DISK") == "full" {
				signal.Ignore(syscall.SIGXFSZ)
				if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{}); err != nil {
					os.Stderr.WriteString(err.Error())
				}
			}
			os.Stdout.WriteString("ready\n")
		}
		if err := s.Run(context.Background()); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		return
	}
	dir, err := os.MkdirTemp("", "loa")
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	demonstrationDir = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		os.Stderr.WriteString(err.Error())
		code = 1
	}
	os.Exit(code)
}

var demonstrationDir string

func server(dir string, clock loa.Clock) *signer.Server {
	return &signer.Server{
		Dir: dir, Socket: filepath.Join(dir, "s"), Clock: clock, Log: slog.New(slog.DiscardHandler),
		RPID: site, Origins: []string{origin},
	}
}

// people are the passkeys of the invented province.
type people struct {
	author, leader, deputy, spare, editor, neighbour, counting, officer, keeper, keeper2, haKeeper *softkey.Authenticator
}

type built struct {
	dir      string
	people   people
	ceremony signer.Ceremony
	root     signer.RootFile
	err      error
}

// demonstration makes a signer's folder once; every test works on a copy.
var demonstration = sync.OnceValue(func() (b built) {
	fail := func(err error) bool { b.err = errors.Join(b.err, err); return b.err != nil }
	b.dir = demonstrationDir
	file, _, err := signer.NewRoot("Dữ liệu mô phỏng", true, nil)
	if fail(err) {
		return b
	}
	b.root = file
	if b.ceremony, err = signer.Init(b.dir, file, nil, nil, province, []loa.Path{ha, thuong}, start(), year); fail(err) {
		return b
	}
	for _, m := range []struct {
		key    **softkey.Authenticator
		person string
		path   loa.Path
		duties []signer.Duty
	}{
		{&b.people.author, "author", ha, []signer.Duty{signer.DutyApprove}},
		{&b.people.leader, "leader", ha, []signer.Duty{signer.DutyApprove}},
		{&b.people.spare, "leader", ha, []signer.Duty{signer.DutyApprove}},
		{&b.people.deputy, "deputy", ha, []signer.Duty{signer.DutyApprove, signer.DutyStop}},
		{&b.people.editor, "editor", province, []signer.Duty{signer.DutyApprove}},
		{&b.people.neighbour, "neighbour", thuong, []signer.Duty{signer.DutyApprove}},
		{&b.people.counting, "counting", ha, []signer.Duty{signer.DutyApprove}},
		{&b.people.officer, "officer", ha, []signer.Duty{signer.DutyPlace, signer.DutyPolicy}},
		{&b.people.haKeeper, "ha keeper", ha, []signer.Duty{signer.DutyApprove}},
		{&b.people.keeper, "keeper", province, []signer.Duty{signer.DutyRoster}},
		{&b.people.keeper2, "second keeper", province, []signer.Duty{signer.DutyRoster}},
	} {
		if *m.key, err = softkey.New(m.person); fail(err) {
			return b
		}
		if fail(signer.Bootstrap(b.dir, (*m.key).Member(m.person, []loa.Path{m.path}, m.duties...))) {
			return b
		}
	}
	b.people.counting.Counts = true
	return b
})

// town is a signer at work on a folder of its own.
type town struct {
	people
	signer.Client
	t     *testing.T
	dir   string
	trust *seal.Trust
	clock *loa.HandClock
	stop  func()
}

func open(t *testing.T) *town {
	t.Helper()
	b := demonstration()
	if b.err != nil {
		t.Fatal(b.err)
	}
	dir := shortDir(t)
	if err := os.CopyFS(dir, os.DirFS(b.dir)); err != nil {
		t.Fatal(err)
	}
	trust, err := seal.NewTrust(b.ceremony.Root, b.ceremony.Delegations, 0)
	if err != nil {
		t.Fatal(err)
	}
	w := &town{people: b.people, t: t, dir: dir, trust: trust, clock: loa.NewHandClock(start())}
	w.run()
	return w
}

// shortDir is t.TempDir with a name that leaves room for a socket: the path of
// one has about a hundred bytes.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "loa") //nolint:usetesting // the reason of this function
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// run starts the signer in this process and waits until it answers.
func (w *town) run() {
	w.t.Helper()
	s := server(w.dir, w.clock)
	w.Client = signer.Client{Socket: s.Socket}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	s.Ready = func() { close(ready) }
	go func() { ended <- s.Run(ctx) }()
	select {
	case <-ready:
	case err := <-ended:
		w.t.Fatal(err)
	}
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("run: %v", err)
		}
	})
	w.t.Cleanup(w.stop)
}

func (w *town) warrant(change ...func(*wire.Warrant)) []byte {
	w.t.Helper()
	now := w.clock.Now().UnixMilli()
	doc := wire.Warrant{
		Kind: "play", ID: loa.NewID(w.clock.Now()), Class: wire.Normal, Issuer: ha, Author: "author", Title: "Cắt điện",
		Scope: []wire.Place{{Path: ha}}, From: now, Until: now + 86_400_000,
		Media:    []wire.Media{{Hash: loa.Hash(nil), Bytes: 288, MS: 36, Form: wire.CanonicalForm}},
		PlaysDay: 2, Plays: 4, Cap: 80, Speech: "recorded", Approval: "passkey",
	}
	for _, c := range change {
		c(&doc)
	}
	return encode(w.t, doc)
}

func emergency(seq int64) func(*wire.Warrant) {
	return func(d *wire.Warrant) { d.Class, d.Now, d.Seq = wire.Emergency, true, seq }
}

func encode(t *testing.T, doc any) []byte {
	t.Helper()
	b, err := wire.Encode(doc)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (w *town) approvals(payload []byte, by ...*softkey.Authenticator) []wire.Approval {
	w.t.Helper()
	var all []wire.Approval
	for _, a := range by {
		got, err := a.Approve(payload, site, origin)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, got)
	}
	return all
}

// sealed asks for a seal and wants it.
func (w *town) sealed(payloadType string, payload []byte, by ...*softkey.Authenticator) []byte {
	w.t.Helper()
	envelope, err := w.Seal(w.t.Context(), payloadType, payload, w.approvals(payload, by...))
	if err != nil {
		w.t.Fatal(err)
	}
	return envelope
}

// refused asks for a seal and wants a refusal.
func (w *town) refused(want, payloadType string, payload []byte, approvals []wire.Approval) {
	w.t.Helper()
	envelope, err := w.Seal(w.t.Context(), payloadType, payload, approvals)
	if envelope != nil || !errors.Is(err, loa.Errorf("", want)) {
		w.t.Errorf("got %s, %v; want %s", envelope, err, want)
	}
}

func TestSeal(t *testing.T) {
	w := open(t)
	now := w.clock.Now().UnixMilli()

	t.Run("a normal bulletin", func(t *testing.T) {
		payload := w.warrant()
		got, err := wire.OpenWarrant(w.trust, w.sealed(wire.WarrantType, payload, w.leader), now)
		if err != nil || got.Title != "Cắt điện" {
			t.Errorf("%v, %v", got, err)
		}
	})
	t.Run("over the very bytes", func(t *testing.T) {
		payload := w.warrant()
		o, err := seal.Open(w.sealed(wire.WarrantType, payload, w.leader), seal.MaxDocument)
		if err != nil || !bytes.Equal(o.Payload, payload) {
			t.Errorf("%s, %v", o.Payload, err)
		}
	})
	t.Run("twice is once", func(t *testing.T) {
		for _, payload := range [][]byte{w.warrant(), w.warrant(emergency(3))} {
			first := w.sealed(wire.WarrantType, payload, w.leader, w.deputy)
			second := w.sealed(wire.WarrantType, payload, w.editor, w.deputy)
			if !bytes.Equal(first, second) {
				t.Errorf("%s\n%s", first, second)
			}
		}
	})
	t.Run("the commune's own key", func(t *testing.T) {
		info, err := w.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			issuer loa.Path
			scope  []wire.Place
			by     *softkey.Authenticator
		}{
			{ha, []wire.Place{{Path: ha + "/h/dong"}}, w.editor},
			{thuong, []wire.Place{{Path: thuong}}, w.neighbour},
			{province, []wire.Place{{Path: ha}, {Path: thuong}}, w.editor},
		} {
			var env seal.Envelope
			b := w.sealed(wire.WarrantType, w.warrant(func(d *wire.Warrant) { d.Issuer, d.Scope = c.issuer, c.scope }), c.by)
			if err := seal.Decode(b, seal.MaxEnvelope(seal.MaxDocument), &env); err != nil {
				t.Fatal(err)
			}
			for _, k := range info.Keys {
				if used, due := k.ID == env.Signatures[0].KeyID, k.Paths[0] == c.issuer; used != due {
					t.Errorf("%s: key of %s used: %v", c.issuer, k.Paths[0], used)
				}
			}
		}
	})
	t.Run("a placement and a policy", func(t *testing.T) {
		key, err := seal.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		placement := wire.Placement{
			Kind: "placement", Device: box, Pole: box, Code: "HA-01", Version: 2, Cap: 90,
			Key: seal.EncodePublic(key.Public), Paths: []loa.Path{ha},
		}
		if _, err := wire.OpenPlacement(w.trust, w.sealed(wire.PlacementType, encode(t, placement), w.officer), now); err != nil {
			t.Error(err)
		}
		placement.Cap = 100
		older := encode(t, placement)
		w.refused("placement.old_version", wire.PlacementType, older, w.approvals(older, w.officer))

		policy := wire.Policy{
			Kind: "policy", Path: ha, Version: 5, Volume: 80, From: now, Until: now + 1000,
			Hours: []wire.Hours{{Days: []int{1}, From: 300, Until: 1200}},
		}
		if _, err := wire.OpenPolicy(w.trust, w.sealed(wire.PolicyType, encode(t, policy), w.officer), now); err != nil {
			t.Error(err)
		}
		policy.Version = 4
		older = encode(t, policy)
		w.refused("policy.old_version", wire.PolicyType, older, w.approvals(older, w.officer))
	})
	t.Run("an emergency by two, stopped by one", func(t *testing.T) {
		payload := w.warrant(emergency(10))
		envelope := w.sealed(wire.WarrantType, payload, w.leader, w.deputy)
		halt := w.warrant(emergency(11), func(d *wire.Warrant) {
			d.Kind, d.Stops = "stop", []string{loa.Hash(envelope)}
			d.Media, d.Plays, d.PlaysDay, d.Cap, d.Speech = nil, 0, 0, 0, ""
		})
		if _, err := wire.OpenWarrant(w.trust, w.sealed(wire.WarrantType, halt, w.author), now); err != nil {
			t.Error(err)
		}
	})
	t.Run("numbers rise for each issuer apart", func(t *testing.T) {
		w.sealed(wire.WarrantType, w.warrant(emergency(20)), w.leader, w.deputy)
		for _, seq := range []int64{19, 20} {
			payload := w.warrant(emergency(seq), func(d *wire.Warrant) { d.Title = "khác" })
			w.refused("warrant.old_number", wire.WarrantType, payload, w.approvals(payload, w.leader, w.deputy))
		}
		w.sealed(wire.WarrantType, w.warrant(emergency(1), func(d *wire.Warrant) { d.Issuer = province }), w.editor, softkeyMember(t, w))
	})
	t.Run("no key lasts for ever", func(t *testing.T) {
		w.clock.Turn(year)
		defer w.clock.Turn(-year)
		payload := w.warrant()
		w.refused("signer.no_key", wire.WarrantType, payload, w.approvals(payload, w.leader))
	})
}

// softkeyMember adds a second approver for the province, by two keepers.
func softkeyMember(t *testing.T, w *town) *softkey.Authenticator {
	t.Helper()
	second, err := softkey.New("second editor")
	if err != nil {
		t.Fatal(err)
	}
	roster, err := w.Roster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	change, err := roster.Change(nil, []signer.Member{second.Member("Bình", []loa.Path{province}, signer.DutyApprove)})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.ChangeRoster(t.Context(), change, w.approvals(change, w.keeper, w.keeper2)); err != nil {
		t.Fatal(err)
	}
	return second
}

func TestSealRefuses(t *testing.T) {
	w := open(t)
	normal, urgent := w.warrant(), w.warrant(emergency(1))
	other := w.warrant(func(d *wire.Warrant) { d.Title = "khác" })
	sibling := w.warrant(func(d *wire.Warrant) { d.Scope = []wire.Place{{Path: ha}, {Path: thuong}} })
	near := w.warrant(func(d *wire.Warrant) { d.Scope = []wire.Place{{Path: "vn/97/970010"}} })
	abroad := w.warrant(func(d *wire.Warrant) { d.Issuer, d.Scope = "vn/98", []wire.Place{{Path: "vn/98"}} })
	for _, c := range []struct {
		name      string
		payload   []byte
		approvals []wire.Approval
		want      string
	}{
		{"nobody", normal, nil, "approval.missing"},
		{"the author", normal, w.approvals(normal, w.author), "approval.by_author"},
		{"over other bytes", normal, w.approvals(other, w.leader), "approval.other_bytes"},
		{"one person for an emergency", urgent, w.approvals(urgent, w.leader), "approval.too_few"},
		{"one person's two passkeys", urgent, w.approvals(urgent, w.leader, w.spare), "approval.too_few"},
		{"one passkey twice", urgent, w.approvals(urgent, w.leader, w.leader), "approval.twice"},
		{"the neighbour's leader", normal, w.approvals(normal, w.neighbour), "approval.not_entitled"},
		{"a sibling in the scope", sibling, w.approvals(sibling, w.leader), "approval.not_entitled"},
		{"a sibling in the scope, by one who may", sibling, w.approvals(sibling, w.editor), "seal.wrong_path"},
		{"a commune whose code begins alike", near, w.approvals(near, w.editor), "seal.wrong_path"},
		{"another province", abroad, w.approvals(abroad, w.editor), "approval.not_entitled"},
		{"a keeper of the roster", normal, w.approvals(normal, w.keeper), "approval.not_entitled"},
	} {
		t.Run(c.name, func(t *testing.T) { w.refused(c.want, wire.WarrantType, c.payload, c.approvals) })
	}
	t.Run("at another site", func(t *testing.T) {
		for _, at := range [][2]string{{"evil.example", origin}, {site, "https://evil.example"}} {
			a, err := w.leader.Approve(normal, at[0], at[1])
			if err != nil {
				t.Fatal(err)
			}
			w.refused("approval.not_valid", wire.WarrantType, normal, []wire.Approval{a})
		}
	})
	t.Run("a count that does not rise", func(t *testing.T) {
		first, second := w.approvals(normal, w.counting), w.approvals(other, w.counting)
		if _, err := w.Seal(t.Context(), wire.WarrantType, other, second); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Seal(t.Context(), wire.WarrantType, other, second); err != nil {
			t.Errorf("asked again with the same approval: %v", err)
		}
		w.refused("approval.replayed", wire.WarrantType, normal, first)
	})
	t.Run("nothing was used up", func(t *testing.T) {
		info, err := w.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range info.Marks {
			if !strings.HasPrefix(m.Name, "count ") {
				t.Errorf("mark %v", m)
			}
		}
	})
}

// TestAttacker has the socket and every byte that ever went over it, but
// nobody's finger.
func TestAttacker(t *testing.T) {
	w := open(t)
	before := snapshot(t, w.dir)
	stranger, err := softkey.New("leader")
	if err != nil {
		t.Fatal(err)
	}
	roster, err := w.Roster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	change, err := roster.Change(nil, []signer.Member{stranger.Member("leader", []loa.Path{province}, signer.DutyApprove, signer.DutyRoster)})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := signer.NewDelegating([]loa.Path{"vn/97/97003"}, start().Add(time.Hour).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	warrant := w.warrant(emergency(1))
	gift := encode(t, wire.Grant{Kind: "grant", ID: box, Giver: "leader", Delegate: "officer", Paths: []loa.Path{ha}, Classes: []wire.Class{wire.Normal},
		HourUntil: 1440, From: 1, Until: start().Add(time.Hour).UnixMilli(), Decision: "QĐ giả"})
	forged := w.approvals(warrant, stranger, stranger)
	for i, m := range []*softkey.Authenticator{w.leader, w.deputy} {
		forged[i].Credential = m.Member("", nil).Credential
	}
	ask := func(do string, payload []byte, approvals []wire.Approval) []byte {
		return encode(t, map[string]any{"do": do, "type": wire.WarrantType, "payload": payload, "approvals": approvals})
	}
	frame := func(b []byte) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...) }
	none := []wire.Approval{}
	for _, c := range []struct {
		name string
		send []byte
		want string
	}{
		{"a seal", frame(ask("seal", warrant, none)), "approval.missing"},
		{"a seal with a stranger's passkeys", frame(ask("seal", warrant, w.approvals(warrant, stranger))), "approval.unknown_credential"},
		{"a seal with members' names", frame(ask("seal", warrant, forged)), "approval.not_valid"},
		{"a seal with an overheard approval", frame(ask("seal", warrant, w.approvals(w.warrant(), w.leader))), "approval.other_bytes"},
		{"a change of the roster", frame(ask("roster.change", change, none)), "approval.missing"},
		{"a change of the roster by a stranger", frame(ask("roster.change", change, w.approvals(change, stranger))), "approval.unknown_credential"},
		{"a key", frame(ask("delegate", keys, none)), "approval.missing"},
		{"a grant", frame(ask("grant", gift, none)), "approval.missing"},
		{"a grant by a stranger", frame(ask("grant", gift, w.approvals(gift, stranger))), "approval.unknown_credential"},
		{"a grant by whom it is for", frame(ask("grant", gift, w.approvals(gift, w.officer))), "approval.not_entitled"},
		{"a grant with an overheard approval", frame(ask("grant", gift, w.approvals(w.warrant(), w.leader))), "approval.other_bytes"},
		{"the end of a grant that is none", frame(ask("grant.end", encode(t, wire.GrantEnd{Kind: "grant-end", Grant: loa.Hash(gift)}), none)), "grant.unknown"},
		{"a delegation as a document", frame(encode(t, map[string]any{"do": "seal", "type": seal.DelegationType, "payload": keys})), "signer.wrong_type"},
		{"something else", frame(ask("bootstrap", change, none)), "signer.wrong_request"},
		{"no request", frame([]byte("{}")), "signer.wrong_request"},
		{"two requests in one", frame([]byte(`{"do":"roster","do":"seal"}`)), "document.duplicate_key"},
		{"HTTP", []byte("GET / HTTP/1.1\r\n\r\n"), "signer.too_large"},
		{"too much", frame(make([]byte, 64<<10+1)), "signer.too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("unix", w.Socket)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write(c.send); err != nil {
				t.Fatal(err)
			}
			// The signer may hang up on what it has not read.
			answer, err := io.ReadAll(conn)
			if len(answer) < 4 {
				t.Fatalf("no answer: %v", err)
			}
			var got struct{ Key, Code, Envelope string }
			if err := json.Unmarshal(answer[4:], &got); err != nil {
				t.Fatal(err)
			}
			if got.Key != c.want || got.Envelope != "" {
				t.Errorf("got %s", answer[4:])
			}
		})
	}
	w.stop()
	if diff := cmp.Diff(before, snapshot(t, w.dir)); diff != "" {
		t.Errorf("the folder changed:\n%s", diff)
	}
}

// snapshot reads the signer's files.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(name)
		all[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestChangeRoster(t *testing.T) {
	w := open(t)
	roster, err := w.Roster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	newcomer, err := softkey.New("newcomer")
	if err != nil {
		t.Fatal(err)
	}
	member := newcomer.Member("Người mới", []loa.Path{ha}, signer.DutyApprove)
	abroad := member
	abroad.Paths = []loa.Path{"vn/98"}
	credential := func(a *softkey.Authenticator) string { return a.Member("", nil).Credential }
	keepers := []*softkey.Authenticator{w.keeper, w.keeper2}
	later := roster
	later.Version++
	for _, c := range []struct {
		name   string
		from   signer.Roster
		remove []string
		add    []signer.Member
		by     []*softkey.Authenticator
		want   string
	}{
		{"nobody", roster, nil, []signer.Member{member}, nil, "approval.missing"},
		{"one keeper", roster, nil, []signer.Member{member}, keepers[:1], "approval.too_few"},
		{"one keeper and a leader", roster, nil, []signer.Member{member}, []*softkey.Authenticator{w.keeper, w.leader}, "approval.too_few"},
		{"two leaders", roster, nil, []signer.Member{member}, []*softkey.Authenticator{w.leader, w.editor}, "approval.not_entitled"},
		{"beyond the keepers' place", roster, nil, []signer.Member{abroad}, keepers, "approval.not_entitled"},
		{"a version that is not there", later, nil, []signer.Member{member}, keepers, "roster.changed_meanwhile"},
		{"a passkey twice", roster, nil, []signer.Member{member, member}, keepers, "roster.credential_twice"},
		{"nothing", roster, nil, nil, keepers, "roster.malformed"},
		{"a stranger gone", roster, []string{"AAAA"}, nil, keepers, "roster.unknown_credential"},
		{"a keeper gone", roster, []string{credential(w.keeper)}, nil, keepers, "roster.too_few"},
	} {
		t.Run(c.name, func(t *testing.T) {
			change, err := c.from.Change(c.remove, c.add)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.ChangeRoster(t.Context(), change, w.approvals(change, c.by...)); !errors.Is(err, loa.Errorf("", c.want)) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	t.Run("two keepers", func(t *testing.T) {
		payload := w.warrant()
		w.refused("approval.unknown_credential", wire.WarrantType, payload, w.approvals(payload, newcomer))
		change, err := roster.Change([]string{credential(w.leader)}, []signer.Member{member})
		if err != nil {
			t.Fatal(err)
		}
		approvals := w.approvals(change, keepers...)
		if err := w.ChangeRoster(t.Context(), change, approvals); err != nil {
			t.Fatal(err)
		}
		w.sealed(wire.WarrantType, payload, newcomer)
		w.refused("approval.unknown_credential", wire.WarrantType, payload, w.approvals(payload, w.leader))
		if err := w.ChangeRoster(t.Context(), change, approvals); !errors.Is(err, loa.Errorf("", "roster.changed_meanwhile")) {
			t.Errorf("the same change again: %v", err)
		}
		next, err := w.Roster(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if hash, err := roster.Hash(); err != nil || next.Version != roster.Version+1 || next.Previous != hash {
			t.Errorf("version %d after %s: %v", next.Version, next.Previous, err)
		}
	})
	t.Run("the owner of the folder comes too late", func(t *testing.T) {
		if err := signer.Bootstrap(w.dir, member); !errors.Is(err, loa.Errorf("", "roster.closed")) {
			t.Errorf("got %v", err)
		}
	})
}

func TestDelegate(t *testing.T) {
	w := open(t)
	const fresh = loa.Path("vn/97/97003")
	ask := func(until time.Time, paths ...loa.Path) []byte {
		payload, err := signer.NewDelegating(paths, until.UnixMilli())
		if err != nil {
			t.Fatal(err)
		}
		return payload
	}
	month := ask(start().Add(30*24*time.Hour), fresh, ha)
	for _, c := range []struct {
		name    string
		payload []byte
		by      []*softkey.Authenticator
		want    string
	}{
		{"one keeper", month, []*softkey.Authenticator{w.keeper}, "approval.too_few"},
		{"a leader", month, []*softkey.Authenticator{w.leader}, "approval.not_entitled"},
		{"longer than the province's own", ask(start().Add(year+time.Hour), fresh), []*softkey.Authenticator{w.keeper, w.keeper2}, "delegation.widens"},
		{"no commune", ask(start().Add(time.Hour), province), []*softkey.Authenticator{w.keeper, w.keeper2}, "delegating.not_commune"},
		{"one twice", ask(start().Add(time.Hour), fresh, fresh), []*softkey.Authenticator{w.keeper, w.keeper2}, "delegating.malformed"},
		{"another province", ask(start().Add(time.Hour), "vn/98/98001"), []*softkey.Authenticator{w.keeper, w.keeper2}, "approval.not_entitled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := w.Delegate(t.Context(), c.payload, w.approvals(c.payload, c.by...)); !errors.Is(err, loa.Errorf("", c.want)) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	t.Run("two keepers, twice", func(t *testing.T) {
		for range 2 {
			if err := w.Delegate(t.Context(), month, w.approvals(month, w.keeper, w.keeper2)); err != nil {
				t.Fatal(err)
			}
		}
		w.stop()
		w.run() // from the disk
		info, err := w.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n := len(demonstration().ceremony.Delegations) + 1; len(info.Delegations) != n {
			t.Errorf("%d delegations, want %d", len(info.Delegations), n)
		}
		if w.trust, err = seal.NewTrust(info.Root, info.Delegations, 0); err != nil {
			t.Fatal(err)
		}
		payload := w.warrant(func(d *wire.Warrant) { d.Issuer, d.Scope = fresh, []wire.Place{{Path: fresh}} })
		if _, err := wire.OpenWarrant(w.trust, w.sealed(wire.WarrantType, payload, w.editor), start().UnixMilli()); err != nil {
			t.Error(err)
		}
		for _, k := range info.Keys {
			if k.Paths[0] == fresh && (k.Delegate || k.Until != start().Add(30*24*time.Hour).UnixMilli()) {
				t.Errorf("the commune's key: %+v", k)
			}
		}
	})
}

func TestRealRoot(t *testing.T) {
	pass := []byte("một câu dài chỉ mình tôi nhớ")
	if _, _, err := signer.NewRoot("Tỉnh", false, nil); !errors.Is(err, loa.Errorf("", "signer.no_passphrase")) {
		t.Errorf("a root without a passphrase: %v", err)
	}
	file, root, err := signer.NewRoot("Tỉnh", false, pass)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := signer.OpenRoot(file, []byte("khác")); !errors.Is(err, loa.Errorf("", "key.wrong_passphrase")) {
		t.Errorf("another passphrase: %v", err)
	}
	demo := signer.RootFile(bytes.Replace(file, []byte(`"demo":false`), []byte(`"demo":true`), 1))
	if _, _, err := signer.OpenRoot(demo, pass); !errors.Is(err, loa.Errorf("", "key.wrong_passphrase")) {
		t.Errorf("called a demonstration: %v", err)
	}
	dir := shortDir(t)
	if _, err := signer.Init(dir, file, pass, nil, "vn/01", []loa.Path{"vn/01/00004"}, start(), year); !errors.Is(err, loa.Errorf("", "signer.no_passphrase")) {
		t.Errorf("a signer without a passphrase: %v", err)
	}
	c, err := signer.Init(dir, file, pass, pass, "vn/01", []loa.Path{"vn/01/00004"}, start(), year)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(root, c.Root); diff != "" {
		t.Error(diff)
	}
	if _, err := signer.Init(dir, file, pass, pass, "vn/01", nil, start(), year); !errors.Is(err, loa.Errorf("", "signer.initialised")) {
		t.Errorf("twice: %v", err)
	}
	trust, err := seal.NewTrust(c.Root, c.Delegations, 0)
	if err != nil {
		t.Fatal(err)
	}
	dispatch, err := seal.KeyFromSeed(c.Dispatch)
	if err != nil {
		t.Fatal(err)
	}
	now := start().UnixMilli()
	plan, err := seal.Seal(wire.PlanType, encode(t, wire.Plan{Kind: "plan", Path: "vn/01/00004", Version: 1, Made: now, Until: now + 1, Slots: []wire.Slot{}}), dispatch)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.OpenPlan(trust, plan, now); err != nil {
		t.Error(err)
	}

	t.Run("secrets are closed and ours alone", func(t *testing.T) {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %v", name, info.Mode())
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		for pass, want := range map[string]string{"": "signer.no_passphrase", "khác": "key.wrong_passphrase"} {
			s := server(dir, loa.NewHandClock(start()))
			s.Passphrase = []byte(pass)
			if err := s.Run(t.Context()); !errors.Is(err, loa.Errorf("", want)) {
				t.Errorf("with passphrase %q: %v", pass, err)
			}
		}
	})
	t.Run("no software authenticator", func(t *testing.T) {
		soft, err := softkey.New("An")
		if err != nil {
			t.Fatal(err)
		}
		member := soft.Member("An", []loa.Path{"vn/01"}, signer.DutyApprove)
		if err := signer.Bootstrap(dir, member); !errors.Is(err, loa.Errorf("", "member.software")) {
			t.Errorf("got %v", err)
		}
		// Nor one that came with the file.
		b := encode(t, signer.Roster{Kind: "roster", Members: []signer.Member{member}})
		if err := os.WriteFile(filepath.Join(dir, "roster.json"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		s := server(dir, loa.NewHandClock(start()))
		s.Passphrase = pass
		if err := s.Run(t.Context()); !errors.Is(err, loa.Errorf("", "member.software")) {
			t.Errorf("got %v", err)
		}
	})
}

func TestDemonstrationStaysInInventedProvinces(t *testing.T) {
	file, _, err := signer.NewRoot("Dữ liệu mô phỏng", true, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "signer")
	if _, err := signer.Init(dir, file, nil, nil, "vn/01", nil, start(), year); !errors.Is(err, loa.Errorf("", "delegation.demo_only")) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left a folder behind: %v", err)
	}
}

func TestRun(t *testing.T) {
	w := open(t)
	t.Run("the socket is ours alone", func(t *testing.T) {
		info, err := os.Stat(w.Socket)
		if err != nil || info.Mode() != fs.ModeSocket|0o660 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	})
	t.Run("one signer for a folder", func(t *testing.T) {
		if err := server(w.dir, w.clock).Run(t.Context()); !errors.Is(err, loa.Errorf("", "signer.already_running")) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("one signer for a socket", func(t *testing.T) {
		dir := shortDir(t)
		if err := os.CopyFS(dir, os.DirFS(demonstration().dir)); err != nil {
			t.Fatal(err)
		}
		s := server(dir, w.clock)
		s.Socket = w.Socket
		if err := s.Run(t.Context()); !errors.Is(err, loa.Errorf("", "signer.already_running")) {
			t.Errorf("got %v", err)
		}
	})
	w.stop()
	t.Run("away", func(t *testing.T) {
		_, err := w.Describe(t.Context())
		if loa.CodeOf(err) != loa.Unavailable || loa.KeyOf(err) != "signer.away" {
			t.Errorf("got %v", err)
		}
		if _, err := os.Lstat(w.Socket); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the socket stays behind: %v", err)
		}
	})
	t.Run("never removes what is no socket", func(t *testing.T) {
		if err := os.WriteFile(w.Socket, []byte("thư"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := server(w.dir, w.clock).Run(t.Context()); !errors.Is(err, loa.Errorf("", "signer.socket_taken")) {
			t.Errorf("got %v", err)
		}
		if b, err := os.ReadFile(w.Socket); string(b) != "thư" {
			t.Errorf("%s, %v", b, err)
		}
	})
	t.Run("marks gone", func(t *testing.T) {
		if err := os.Remove(filepath.Join(w.dir, "marks.log")); err != nil {
			t.Fatal(err)
		}
		if err := server(w.dir, w.clock).Run(t.Context()); !errors.Is(err, loa.Errorf("", "signer.marks_lost")) {
			t.Errorf("got %v", err)
		}
	})
}

// process starts a signer as a process of its own and waits until it answers.
func process(t *testing.T, dir string, stderr io.Writer, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "SIGNER_TEST_DIR="+dir), env...)
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be dead already
		_ = cmd.Wait()         // killed is what it says
	})
	if b, err := io.ReadAll(io.LimitReader(out, int64(len("ready\n")))); string(b) != "ready\n" {
		t.Fatalf("%q, %v", b, err)
	}
	return cmd
}

// TestKill ends a signer's own process without warning and starts it again: it
// answers in spite of the socket that stayed behind, and it remembers.
func TestKill(t *testing.T) {
	w := open(t)
	w.stop()
	first := process(t, w.dir, nil)
	payload := w.warrant(emergency(7))
	approvals := w.approvals(payload, w.leader, w.counting)
	envelope, err := w.Seal(t.Context(), wire.WarrantType, payload, approvals)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err == nil {
		t.Fatal("killed without a trace")
	}
	if _, err := os.Lstat(w.Socket); err != nil {
		t.Fatalf("no socket stayed behind: %v", err)
	}
	process(t, w.dir, nil)
	again, err := w.Seal(t.Context(), wire.WarrantType, payload, approvals)
	if err != nil || !bytes.Equal(envelope, again) {
		t.Errorf("%s\n%s\n%v", envelope, again, err)
	}
	other := w.warrant(emergency(7), func(d *wire.Warrant) { d.Title = "khác" })
	w.refused("warrant.old_number", wire.WarrantType, other, w.approvals(other, w.leader, w.deputy))
}

// TestFullDisk lets the signer's process write no more: the envelope stays
// inside, and the signer ends rather than go on with marks it cannot keep.
func TestFullDisk(t *testing.T) {
	w := open(t)
	w.stop()
	var stderr bytes.Buffer
	p := process(t, w.dir, &stderr, "SIGNER_TEST_DISK=full")
	w.sealed(wire.WarrantType, w.warrant(), w.leader) // needs no mark
	payload := w.warrant(emergency(1))
	if envelope, err := w.Seal(t.Context(), wire.WarrantType, payload, w.approvals(payload, w.leader, w.deputy)); envelope != nil || err == nil {
		t.Errorf("gave out %s, %v", envelope, err)
	}
	if err := p.Wait(); err == nil || !strings.Contains(stderr.String(), "not stored") {
		t.Errorf("%v: %s", err, stderr.String())
	}
	w.run()
	w.sealed(wire.WarrantType, payload, w.leader, w.deputy)
}
