package e2e

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"loa"
	"loa/bulletin"
	"loa/db"
	"loa/db/dbtest"
	"loa/journal"
	"loa/lexicon"
	"loa/seal"
	"loa/signer"
	"loa/signer/softkey"
	"loa/sound"
	"loa/speaker"
	"loa/unit"
	"loa/voice"
	"loa/wire"
)

const (
	site     = "loa.example"
	origin   = "https://loa.example"
	province = loa.Path("vn/98")
	dongSay  = loa.Path("vn/98/98011")
	benMai   = loa.Path("vn/98/98037")
	thon1    = loa.Path("vn/98/98011/h/t1")
	year     = 365 * 24 * time.Hour
)

// places are the invented units every text of the project happens in.
const places = `path,code,parent,level,type,name,valid_from,valid_to,predecessors
vn,,,country,quoc_gia,Việt Nam,2025-07-01,,
vn/98,98,vn,province,tinh,Lam Xuyên,2025-07-01,,
vn/98/98011,98011,vn/98,commune,xa,Đồng Sậy,2025-07-01,,
vn/98/98037,98037,vn/98,commune,xa,Bến Mai,2025-07-01,,
vn/98/98011/h/t1,,vn/98/98011,hamlet,thon,1,2025-07-01,,
vn/98/98011/h/t2,,vn/98/98011,hamlet,thon,2,2025-07-01,,
`

// start is a Monday, half past five in the morning: hours are open, the morning
// session has not begun.
func start() time.Time { return time.Date(2026, 11, 23, 5, 30, 0, 0, loa.Zone()) }

// station is two communes with their people, their speakers, the node's part and a
// signer of its own behind a socket, on one database.
type station struct {
	t        *testing.T
	db       *db.DB
	clock    *loa.HandClock
	flow     *bulletin.Flow
	register *speaker.Register
	units    *unit.Register
	signer   signer.Client
	ceremony signer.Ceremony
	trust    *seal.Trust
	passkeys map[string]*softkey.Authenticator // by person id
	stop     func()                            // ends the signer

	mu   sync.Mutex
	said []journal.Entry
}

// Who lives there. The writer holds a passkey and the right to approve too, so
// that only being the author stands in the way.
func writer() loa.Actor {
	return person("writer", "Lê Thị Mận", dongSay, loa.RightWrite, loa.RightRead, loa.RightDispatch, loa.RightApprove)
}

func chair() loa.Actor {
	return person("chair", "Trần Văn Bách", dongSay, loa.RightApprove, loa.RightRead, loa.RightDispatch)
}

func officer() loa.Actor {
	return person("officer", "Phạm Thị Chi", province, loa.RightSpeakers, loa.RightRead, loa.RightDispatch)
}

func editor() loa.Actor {
	return person("editor", "Đỗ Văn Dần", province, loa.RightWrite, loa.RightRead, loa.RightDispatch)
}

func chief() loa.Actor {
	return person("chief", "Ngô Thị Én", province, loa.RightApprove, loa.RightRead, loa.RightDispatch)
}

func person(id, name string, over loa.Path, rights ...loa.Right) loa.Actor {
	return loa.Actor{ID: id, Name: name, Post: "cán bộ", Grants: []loa.Grant{{Path: over, Rights: rights}}}
}

// each runs f at a fresh station on each database.
func each(t *testing.T, f func(t *testing.T, w *station)) {
	t.Helper()
	dbtest.EachURL(t, func(t *testing.T, url string) { f(t, build(t, url)) })
}

func build(t *testing.T, url string) *station {
	t.Helper()
	w := &station{t: t, clock: loa.NewHandClock(start())}
	w.db = dbtest.OpenAt(t, url, w.clock)
	w.startSigner()
	var err error
	w.trust, err = seal.NewTrust(w.ceremony.Root, w.ceremony.Delegations, 0)
	w.ok(err)
	dispatch, err := seal.KeyFromSeed(w.ceremony.Dispatch)
	w.ok(err)
	beacon, err := seal.KeyFromSeed(w.ceremony.Beacon)
	w.ok(err)
	keys := speaker.Keys{Dispatch: dispatch, Beacon: beacon}

	w.units = &unit.Register{DB: w.db}
	report, err := w.units.Import(t.Context(), loa.System(), strings.NewReader(places), false)
	if err != nil {
		t.Fatal(err, report.Errors)
	}
	w.register = &speaker.Register{DB: w.db, Keys: keys, Signer: w.signer, Root: w.ceremony.Root, Said: w.hear}
	w.ok(w.register.Believe(t.Context(), w.ceremony.Delegations))
	w.flow = &bulletin.Flow{
		Lexicon: lexicon.Readings,
		DB:      w.db, Speech: voice.Espeak{}, Encoder: remembered{sound.Encoder{Dir: t.TempDir(), Self: Binary(t)}},
		Blobs: &db.Blobs{Dir: t.TempDir()}, Signer: w.signer, Grants: w.signer, Keys: keys, Lead: 60_000, Said: w.hear,
	}
	return w
}

// heard keeps what the encoder made of each speech, as the same few sentences
// are spoken in every test and a real encoding takes a second.
var heard sync.Map // hash of the WAV → sound.Result

type remembered struct{ sound.Encoder }

func (r remembered) Speech(ctx context.Context, wav []byte) (sound.Result, error) {
	if known, ok := heard.Load(loa.Hash(wav)); ok {
		return known.(sound.Result), nil
	}
	res, err := r.Encoder.Speech(ctx, wav)
	if err == nil {
		heard.Store(loa.Hash(wav), res)
	}
	return res, err
}

// ceremony is a signer's folder after its ceremony and with its roster.
type ceremony struct {
	signer.Ceremony
	folder   fstest.MapFS
	passkeys map[string]*softkey.Authenticator // by person id
}

// held is held once: every station works on a copy of the folder.
var held = sync.OnceValues(func() (c ceremony, err error) {
	dir, err := os.MkdirTemp("", "loa")
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file, _, err := signer.NewRoot("Dữ liệu mô phỏng", true, nil)
	if err != nil {
		return c, err
	}
	if c.Ceremony, err = signer.Init(dir, file, nil, nil, province, []loa.Path{dongSay, benMai}, start(), year); err != nil {
		return c, err
	}
	c.passkeys = map[string]*softkey.Authenticator{}
	for _, m := range []struct {
		who    loa.Actor
		path   loa.Path
		duties []signer.Duty
	}{
		{writer(), dongSay, []signer.Duty{signer.DutyApprove}},
		{chair(), dongSay, []signer.Duty{signer.DutyApprove, signer.DutyStop}},
		{chief(), province, []signer.Duty{signer.DutyApprove}},
		{officer(), province, []signer.Duty{signer.DutyPlace, signer.DutyPolicy}},
	} {
		key, err := softkey.New(m.who.ID)
		if err != nil {
			return c, err
		}
		c.passkeys[m.who.ID] = key
		if err := signer.Bootstrap(dir, key.Member(m.who.Name, []loa.Path{m.path}, m.duties...)); err != nil {
			return c, err
		}
	}
	c.folder = fstest.MapFS{}
	return c, fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, name))
		c.folder[name] = &fstest.MapFile{Data: b, Mode: 0o600}
		return err
	})
})

// startSigner starts a signer of the station's own.
func (w *station) startSigner() {
	w.t.Helper()
	c, err := held()
	w.ok(err)
	w.ceremony, w.passkeys = c.Ceremony, c.passkeys
	dir, err := os.MkdirTemp("", "loa") // t.TempDir is too long for a socket
	w.ok(err)
	w.t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a temporary folder: the system's to clean otherwise
	w.ok(os.CopyFS(dir, c.folder))
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	ready, ended := make(chan struct{}), make(chan error, 1)
	s := &signer.Server{
		Dir: dir, Socket: filepath.Join(dir, "s"), Clock: w.clock, Log: slog.New(slog.DiscardHandler),
		RPID: site, Origins: []string{origin}, Ready: func() { close(ready) },
	}
	go func() { ended <- s.Run(ctx) }()
	select {
	case <-ready:
	case err := <-ended:
		w.t.Fatalf("signer: %v", err)
	}
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("signer: %v", err)
		}
	})
	w.t.Cleanup(w.stop)
	w.signer = signer.Client{Socket: s.Socket}
}

func (w *station) hear(id string, e journal.Entry) {
	if !loa.IsID(id) {
		w.t.Errorf("%s was said with the row id %q", e.Verb, id)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, e)
}

func (w *station) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// wants checks that err is the sentence with this code and key.
func (w *station) wants(err error, code loa.Code, key string) {
	w.t.Helper()
	if err == nil || loa.CodeOf(err) != code || loa.KeyOf(err) != key {
		w.t.Errorf("got %v, want %s: %s", err, code, key)
	}
}

// tick lets a second pass, so that rows sort by the order of what happened.
func (w *station) tick() { w.clock.Turn(time.Second) }

// yes is a person's passkey over bytes.
func (w *station) yes(who loa.Actor, payload []byte) wire.Approval {
	w.t.Helper()
	a, err := w.passkeys[who.ID].Approve(payload, site, origin)
	w.ok(err)
	return a
}

// notice is what the writer types, for the whole of Đồng Sậy.
func notice() bulletin.Notice {
	return bulletin.Notice{
		Path: dongSay, Class: wire.Normal, Title: "Lịch cắt điện",
		Text:  "Sáng mai thôn 1 cắt điện từ 8 giờ.",
		Scope: []loa.Path{dongSay},
	}
}

func (w *station) draft(n bulletin.Notice) bulletin.Bulletin {
	w.t.Helper()
	w.tick()
	b, err := w.flow.Draft(w.t.Context(), writer(), n)
	w.ok(err)
	return b
}

func (w *station) submitted(n bulletin.Notice) bulletin.Bulletin {
	w.t.Helper()
	b := w.draft(n)
	w.tick()
	b, err := w.flow.Submit(w.t.Context(), writer(), b.ID)
	w.ok(err)
	return b
}

func (w *station) approved(n bulletin.Notice) bulletin.Bulletin {
	w.t.Helper()
	b := w.submitted(n)
	w.tick()
	w.ok(w.flow.Hear(w.t.Context(), chair(), b.ID, loa.Hash(b.Payload), bulletin.Heard))
	w.tick()
	b, err := w.flow.Approve(w.t.Context(), chair(), b.ID, w.yes(chair(), b.Payload))
	w.ok(err)
	return b
}

func (w *station) sealed(n bulletin.Notice) bulletin.Bulletin {
	w.t.Helper()
	b := w.approved(n)
	w.tick()
	b, err := w.flow.Sign(w.t.Context(), b.ID)
	w.ok(err)
	return b
}

func (w *station) scheduled(n bulletin.Notice, choices ...bulletin.Choice) bulletin.Bulletin {
	w.t.Helper()
	b := w.sealed(n)
	w.tick()
	b, err := w.flow.Schedule(w.t.Context(), writer(), b.ID, choices)
	w.ok(err)
	return b
}

func (w *station) dispatched(n bulletin.Notice, choices ...bulletin.Choice) bulletin.Bulletin {
	w.t.Helper()
	b := w.scheduled(n, choices...)
	w.tick()
	b, err := w.flow.Dispatch(w.t.Context(), b.ID)
	w.ok(err)
	return b
}

// morning is today's morning session, evening the afternoon's.
func morning() bulletin.Choice { return bulletin.Choice{Day: "2026-11-23", Part: bulletin.Morning} }
func evening() bulletin.Choice { return bulletin.Choice{Day: "2026-11-23", Part: bulletin.Afternoon} }

// openStation gives a commune its sessions and its hours, 05:00 to 20:00.
func (w *station) openStation(commune loa.Path) {
	w.t.Helper()
	for _, fr := range []bulletin.Frame{
		{Path: commune, Part: bulletin.Morning, Name: "Buổi sáng", From: 6 * 60, Until: 6*60 + 30, Days: []int{1, 2, 3, 4, 5, 6, 7}},
		{Path: commune, Part: bulletin.Afternoon, Name: "Buổi chiều", From: 17 * 60, Until: 17*60 + 30, Days: []int{1, 2, 3, 4, 5}},
	} {
		w.tick()
		w.ok(w.flow.SetFrame(w.t.Context(), officer(), fr))
	}
	w.setPolicy(commune, 1, 5*60, 20*60, 80)
}

func (w *station) policy(path loa.Path, version int64, from, until, volume int) []byte {
	w.t.Helper()
	payload, err := wire.Encode(wire.Policy{
		V: wire.Version, Kind: "policy", Path: path, Version: version, Volume: volume,
		Hours: []wire.Hours{{Days: []int{1, 2, 3, 4, 5, 6, 7}, From: from, Until: until}},
		From:  w.clock.Now().UnixMilli(), Until: w.clock.Now().Add(300 * 24 * time.Hour).UnixMilli(),
	})
	w.ok(err)
	return payload
}

func (w *station) setPolicy(path loa.Path, version int64, from, until, volume int) {
	w.t.Helper()
	w.tick()
	payload := w.policy(path, version, from, until, volume)
	w.ok(w.register.SetPolicy(w.t.Context(), officer(), payload, w.yes(officer(), payload)))
}

// device is a box with its private half.
type device struct {
	speaker.Box
	key seal.Key
}

// pole puts a pole at a place.
func (w *station) pole(at loa.Path, name string) speaker.Pole {
	w.t.Helper()
	w.tick()
	p, err := w.register.AddPole(w.t.Context(), officer(), speaker.Pole{Path: at, Name: name, Cap: 70})
	w.ok(err)
	return p
}

// enrol has a new box ask with a code, and not more.
func (w *station) enrol(code string) (device, error) {
	w.t.Helper()
	letters, root, _ := strings.Cut(code, ".")
	if root != w.ceremony.Root.Fingerprint()[:16] {
		w.t.Errorf("the code names root %s", root)
	}
	key, err := seal.NewKey()
	w.ok(err)
	return w.enrolAs(device{key: key}, letters)
}

// enrolAs has a box ask that has its key already.
func (w *station) enrolAs(d device, letters string) (device, error) {
	text := seal.EncodePublic(d.key.Public)
	private := ed25519.NewKeyFromSeed(d.key.Seed())
	sig := base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte("loa enrol v0\n"+letters+"\n"+text)))
	b, err := w.register.Enrol(w.t.Context(), letters, text, sig)
	return device{b, d.key}, err
}

// waiting is a box that asked for a new pole at a place.
func (w *station) waiting(at loa.Path, name string) device {
	w.t.Helper()
	return w.asks(w.pole(at, name))
}

// asks is a box that asked for a pole.
func (w *station) asks(p speaker.Pole) device {
	w.t.Helper()
	w.tick()
	code, err := w.register.NewCode(w.t.Context(), officer(), p.ID)
	w.ok(err)
	w.tick()
	d, err := w.enrol(code)
	w.ok(err)
	return d
}

// confirm drafts the box's next placement, confirms it, and says at which
// millisecond it was drafted.
func (w *station) confirm(box string, revoke bool) (drafted int64) {
	w.t.Helper()
	w.tick()
	drafted = w.now()
	payload, err := w.register.DraftPlacement(w.t.Context(), officer(), box, revoke)
	w.ok(err)
	w.tick()
	w.ok(w.register.Confirm(w.t.Context(), officer(), box, w.yes(officer(), payload)))
	return drafted
}

// placed is a box at work on a new pole.
func (w *station) placed(at loa.Path, name string) device {
	w.t.Helper()
	d := w.waiting(at, name)
	w.confirm(d.ID, false)
	return d
}

// placement is what the box holds, believed as a speaker believes it.
func (w *station) placement(box string) wire.Placement {
	w.t.Helper()
	b, err := w.register.SealedPlacement(w.t.Context(), box)
	w.ok(err)
	p, err := wire.OpenPlacement(w.trust, b, w.now())
	w.ok(err)
	return p
}

func (w *station) now() int64 { return w.clock.Now().UnixMilli() }

// rise is the number that must follow last at this moment.
func (w *station) rise(last int64) int64 { return max(last+1, w.now()) }

// beacon is the commune's beacon as a speaker pulls and believes it.
func (w *station) beacon(commune loa.Path) wire.Beacon {
	w.t.Helper()
	b, err := w.register.Beacon(w.t.Context(), commune)
	w.ok(err)
	c, err := wire.OpenBeacon(w.trust, b, w.now())
	w.ok(err)
	return c
}

// plan is the plan the beacon names, believed.
func (w *station) plan(commune loa.Path) wire.Plan {
	w.t.Helper()
	c := w.beacon(commune)
	p, err := wire.OpenPlan(w.trust, w.document(c.Plan), w.now())
	w.ok(err)
	if p.Version != c.PlanVersion || p.Path != commune {
		w.t.Errorf("the beacon names version %d, the plan is version %d of %s", c.PlanVersion, p.Version, p.Path)
	}
	return p
}

func (w *station) document(hash string) []byte {
	w.t.Helper()
	b, err := w.register.Document(w.t.Context(), hash)
	w.ok(err)
	if loa.Hash(b) != hash {
		w.t.Errorf("document %s has other bytes", hash)
	}
	return b
}

// warrant is a bulletin's warrant, believed.
func (w *station) warrant(b bulletin.Bulletin) wire.Warrant {
	w.t.Helper()
	v, err := wire.OpenWarrant(w.trust, w.document(b.Warrant), w.now())
	w.ok(err)
	return v
}

// policies are those along a path.
func (w *station) policies(path loa.Path) []wire.Policy {
	w.t.Helper()
	all, err := w.flow.Policy(w.t.Context(), path)
	w.ok(err)
	return all
}

// bulletin reads one as the chief sees it.
func (w *station) bulletin(id string) bulletin.Bulletin {
	w.t.Helper()
	b, err := w.flow.Find(w.t.Context(), chief(), id)
	w.ok(err)
	return b
}

// verbs are what the book says of a subject, the oldest first.
func (w *station) verbs(subject string) (all []string) {
	w.t.Helper()
	for _, r := range w.rows(subject) {
		all = append(all, r.Verb)
	}
	return all
}

func (w *station) rows(subject string) (all []journal.Row) {
	w.t.Helper()
	w.ok(w.db.Read(w.t.Context(), func(tx *db.Tx) (err error) {
		all, err = journal.List(tx, journal.Filter{Subject: subject})
		return err
	}))
	slices.Reverse(all)
	return all
}

// emits are the topics a journal row lets out, in order.
func (w *station) emits(row journal.Row) (all []journal.Emit) {
	w.t.Helper()
	w.ok(w.db.Read(w.t.Context(), func(tx *db.Tx) (err error) {
		all, err = db.All(tx, `SELECT topic, body FROM outbox WHERE journal_id = ? ORDER BY position`, []any{row.ID},
			func(scan func(...any) error) (e journal.Emit, err error) { return e, scan(&e.Topic, &e.Body) })
		return err
	}))
	return all
}

func topics(emits []journal.Emit) (all []string) {
	for _, e := range emits {
		all = append(all, e.Topic)
	}
	return all
}

// count answers one number.
func (w *station) count(query string, args ...any) (n int) {
	w.t.Helper()
	w.ok(w.db.Read(w.t.Context(), func(tx *db.Tx) error { return tx.Row(query, args...).Scan(&n) }))
	return n
}

// together runs f n times at once and answers each one's error.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-gate
			errs[i] = f(i)
		})
	}
	close(gate)
	all.Wait()
	return errs
}
