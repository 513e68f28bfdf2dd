package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"loa"
	"loa/db"
	"loa/e2e"
	"loa/e2e/cut"
	"loa/seal"
	"loa/signer"
	"loa/wire"
)

var (
	cuts     = flag.Int("cuts", 24, "power cuts at random operations, beside those at fsyncs")
	restarts = flag.Int("restarts", 2, "how many of the cuts the real server is started again after")
	fails    = flag.Int("fails", 4, "fsyncs that fail, one a round")
	from     = flag.Int("from", 1, "the first of them, counted from the round's beginning")
)

// promise is one acknowledged item and how to see that it is still there.
type promise struct {
	name string
	kept func(tx *db.Tx, left *e2e.Left) error
}

// moment is an instant of the script: what was acknowledged before it, and what
// a cut at it leaves.
type moment struct {
	op     cut.Op
	acked  int
	images map[cut.Mode]*cut.Image
}

// script is a day's work of two officers and one speaker, some two hundred
// acknowledged things of every kind.
type script struct {
	t     *testing.T
	town  *e2e.Town
	box   string
	key   seal.Key
	next  int64  // receipt line
	bytes []byte // of one piece of a file
	file  string // the upload under way
	sent  int    // its pieces
	peeks bool   // the town is on a disk of ours

	promises []promise
	acked    atomic.Int64
}

func (s *script) ack(p promise) {
	s.promises = append(s.promises, p)
	s.acked.Store(int64(len(s.promises)))
}

// exists holds when a query finds exactly one row.
func exists(q string, args ...any) func(*db.Tx, *e2e.Left) error {
	return func(tx *db.Tx, _ *e2e.Left) error {
		var n int
		if err := tx.Row(q, args...).Scan(&n); err != nil {
			return err
		}
		if n != 1 {
			return fmt.Errorf("%d rows where one was acknowledged: %s %v", n, q, args)
		}
		return nil
	}
}

func (s *script) draft(i int) error {
	ctx, stop := context.WithTimeout(s.t.Context(), 5*time.Second) // it is sent again until it is taken: a server that ended takes none
	defer stop()
	id := type1(ctx, s.town, fmt.Sprintf("Bản thảo %d", i))
	if id == "" {
		return errors.New("draft not acknowledged")
	}
	s.ack(drafted(id))
	return nil
}

// drafted is the promise of a draft: it is there, and in the book once.
func drafted(id string) promise {
	return promise{"draft " + id, exists(`SELECT COUNT(*) FROM bulletin JOIN journal ON subject = bulletin.id WHERE bulletin.id = ? AND verb = 'bulletin.drafted'`, id)}
}

// approved writes a notice, has it approved and sealed, and places it.
func (s *script) approved(i int) (id string, err error) {
	if id, err = s.town.Author.Write(fmt.Sprintf("Họp thôn %d", i), fmt.Sprintf("Mời bà con họp lần thứ %d.", i)); err != nil {
		return "", err
	}
	s.ack(promise{"submitted " + id, exists(`SELECT COUNT(*) FROM bulletin_version WHERE bulletin_id = ?`, id)})
	if s.peeks {
		s.town.Peek()
	}
	if err := s.town.Leader.Approve(id); err != nil {
		return "", err
	}
	s.ack(promise{"approved " + id, exists(`SELECT COUNT(*) FROM bulletin JOIN approval ON bulletin_id = bulletin.id
		JOIN journal ON subject = bulletin.id AND verb = 'bulletin.approved' WHERE bulletin.id = ? AND refused = ''`, id)})
	return id, nil
}

func (s *script) now(id string) error {
	if err := s.town.Author.PlayNow(id); err != nil {
		return err
	}
	s.ack(promise{"placed " + id, exists(`SELECT COUNT(*) FROM (SELECT 1 FROM slot WHERE bulletin_id = ? LIMIT 1) AS one`, id)})
	return nil
}

func (s *script) stop(id string) error {
	if status, body := s.town.Leader.Post("/bulletins/"+id+"/stop/draft", nil); status != http.StatusOK {
		return fmt.Errorf("draft stop: %d %s", status, body)
	}
	if s.peeks {
		s.town.Peek()
	}
	b, err := s.town.Flow().Find(s.t.Context(), s.town.Leader.Actor(), id)
	if err != nil {
		return err
	}
	yes := s.town.Leader.Yes(b.StopBytes)
	status, body := s.town.Leader.PostJSON("/bulletins/"+id+"/stop", struct {
		wire.Approval
		Why string `json:"why"`
	}{yes, "nhầm giờ"})
	if status != http.StatusSeeOther && status != http.StatusOK {
		return fmt.Errorf("stop: %d %s", status, body)
	}
	s.ack(promise{"stopped " + id, exists(`SELECT COUNT(*) FROM journal WHERE subject = ? AND verb = 'bulletin.stopped'`, id)})
	return nil
}

// receipt hands in three lines as a speaker does.
func (s *script) receipt() error {
	var lines []wire.Line
	for range 3 {
		s.next++
		now := time.Now().UnixMilli()
		lines = append(lines, wire.Line{N: s.next, Slot: loa.NewID(time.Now()), Warrant: loa.Hash(fmt.Append(nil, s.next)), Planned: now, Started: now,
			MS: 5000, Volume: 80, Result: wire.Played, Clock: wire.ClockTrusted, Verified: true})
	}
	b, err := wire.Encode(wire.Receipt{V: wire.Version, Kind: "receipt", Device: s.box, At: time.Now().UnixMilli(), Lines: lines})
	if err != nil {
		return err
	}
	sealed, err := seal.Seal(wire.ReceiptType, b, s.key)
	if err != nil {
		return err
	}
	res, err := http.Post(s.town.Servers[0].URL+"/device/v1/receipts", "application/json", bytes.NewReader(sealed)) // the server may be dead: the error is the answer
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var ack wire.Ack
	if err := json.NewDecoder(res.Body).Decode(&ack); err != nil || res.StatusCode != http.StatusOK || ack.Through != s.next {
		return fmt.Errorf("receipt: %d, through %d of %d, %w", res.StatusCode, ack.Through, s.next, err)
	}
	for _, l := range lines {
		s.ack(promise{fmt.Sprint("receipt line ", l.N), exists(`SELECT COUNT(*) FROM playback JOIN document ON hash = receipt WHERE box_id = ? AND n = ?`, s.box, l.N)})
	}
	return nil
}

func (s *script) word(i int) error {
	written := fmt.Sprintf("TCT%d", i)
	if status, to := s.town.Author.Post("/words", url.Values{"at": {string(e2e.Commune)}, "written": {written}, "spoken": {"tổ công tác"}}); status != http.StatusSeeOther {
		return fmt.Errorf("word: %d %s", status, to)
	}
	s.ack(promise{"word " + written, exists(`SELECT COUNT(*) FROM lexicon WHERE written = ?`, written)})
	return nil
}

// filePieces is how many pieces a file has: nobody may have many files under way.
const filePieces = 40

// upload sends two more pieces of a file.
func (s *script) upload(i int) (err error) {
	for range 2 {
		if s.file == "" || s.sent == filePieces {
			if s.file, err = s.begin(fmt.Sprintf("giấy mời %d.pdf", i), filePieces); err != nil {
				return err
			}
			s.sent = 0
		}
		if err := s.piece(s.file, s.sent); err != nil {
			return err // sent again from the same place, as a browser does
		}
		s.sent++
	}
	return nil
}

// begin asks for the room of a file of so many pieces.
func (s *script) begin(name string, pieces int) (id string, err error) {
	begin, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.town.Servers[0].URL+"/uploads", nil)
	if err != nil {
		return "", err
	}
	begin.Header.Set("Upload-Length", fmt.Sprint(pieces*len(s.bytes)))
	begin.Header.Set("Upload-Metadata", "path "+base64.StdEncoding.EncodeToString([]byte(e2e.Commune))+
		",filename "+base64.StdEncoding.EncodeToString([]byte(name)))
	res, err := s.town.Author.Do(begin)
	if err != nil {
		return "", err
	}
	res.Body.Close()
	id = strings.TrimPrefix(res.Header.Get("Location"), "/uploads/")
	if res.StatusCode != http.StatusCreated || !loa.IsID(id) {
		return "", fmt.Errorf("upload: %d", res.StatusCode)
	}
	return id, nil
}

// piece sends the nth of them.
func (s *script) piece(id string, n int) error {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPatch, s.town.Servers[0].URL+"/uploads/"+id, bytes.NewReader(s.bytes))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/offset+octet-stream")
	req.Header.Set("Upload-Offset", fmt.Sprint(n*len(s.bytes)))
	res, err := s.town.Author.Do(req)
	if err != nil {
		return err
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("piece: %d", res.StatusCode)
	}
	name := filepath.Join("upload", id, fmt.Sprintf("%012d", n*len(s.bytes)))
	s.ack(promise{"piece " + name, func(_ *db.Tx, left *e2e.Left) error {
		b, err := os.ReadFile(filepath.Join(left.Blobs.Dir, name))
		if err == nil && !bytes.Equal(b, s.bytes) {
			err = errors.New("other bytes")
		}
		return err
	}})
	return nil
}

// run does everything; the first thing not acknowledged ends it.
func (s *script) run(parts int) error {
	for i := range parts {
		for _, do := range []func() error{
			func() error { return s.draft(i) },
			func() error { return s.word(i) },
			s.receipt,
			func() error { return s.draft(1000 + i) },
			func() error { return s.upload(i) },
			s.receipt,
			func() error {
				id, err := s.approved(i)
				if err != nil {
					return err
				}
				if err := s.now(id); err != nil || i%2 == 0 {
					return err
				}
				return s.stop(id)
			},
		} {
			if err := do(); err != nil {
				return err
			}
		}
	}
	return nil
}

// powered is a town on a disk whose power can be cut, with its script.
func powered(t *testing.T) (*script, *cut.Disk) {
	t.Helper()
	s := scripted(t, e2e.Start(t, e2e.Options{Agents: 1}))
	s.peeks = true
	return s, s.town.OnDisk()
}

// scripted prepares a town of one speaker for the script, which speaks for the
// speaker from then on.
func scripted(t *testing.T, town *e2e.Town) *script {
	t.Helper()
	town.Author.At(town.Servers[0])
	town.Leader.At(town.Servers[0])
	town.Agents[0].Stop()
	s := &script{t: t, town: town, box: town.Box(0).ID, bytes: bytes.Repeat([]byte("giấy mời "), 300)}
	s.key = town.Agents[0].Key()
	s.next = acknowledged(t, town)
	return s
}

// TestPowerCut runs the script once and cuts the power at every fsync of it, and
// at random operations between, in every mode. What was acknowledged before the
// cut is there, nothing is half there, no number that was given out is free
// again. After some of the cuts the real server is started on what was left.
// LOA_LONG=1 looks at every fsync.
func TestPowerCut(t *testing.T) {
	every, parts := 24, 3
	if os.Getenv("LOA_LONG") != "" {
		every, parts = 1, 16
	}
	s, disk := powered(t)
	r := rand.New(rand.NewPCG(1, uint64(parts)))
	var moments []moment
	syncs, random, others := 0, 0, 0
	disk.Watch(func(op cut.Op, image func(cut.Mode, uint64) *cut.Image) {
		if op.Kind == cut.Sync || op.Kind == cut.SyncDir {
			syncs++
			if r.IntN(every) != 0 {
				return
			}
		} else {
			others++
			// As many as were asked for, of some 700 in each part of the script.
			if random >= *cuts || r.IntN(700*parts) >= *cuts {
				return
			}
			random++
		}
		m := moment{op, int(s.acked.Load()), map[cut.Mode]*cut.Image{}}
		for _, mode := range []cut.Mode{cut.Clean, cut.Torn, cut.Reordered} {
			m.images[mode] = image(mode, uint64(op.N))
		}
		moments = append(moments, m)
	})
	began := time.Now()
	if err := s.run(parts); err != nil {
		t.Fatal(err)
	}
	disk.Watch(nil)
	ran := time.Since(began)
	used := numbers{}
	low := map[string]int64{}
	for _, m := range moments {
		for mode, image := range m.images {
			if err := s.holds(image, m.acked, used, low, mode == cut.Clean); err != nil {
				t.Fatalf("cut %v before %s of %s (operation %d), %d acknowledged: %v", mode, m.op.Kind, m.op.Path, m.op.N, m.acked, err)
			}
		}
	}
	t.Logf("%d acknowledged in %v, looked at in %v; %d fsyncs and %d other operations; %d cuts looked at, 3 modes each", len(s.promises), ran.Round(time.Millisecond), time.Since(began.Add(ran)).Round(time.Millisecond), syncs, others, len(moments))
	for range *restarts {
		m := moments[r.IntN(len(moments))]
		mode := cut.Mode(r.IntN(3))
		s.goesOn(m, mode, used)
	}
}

// goesOn starts the real server on what a cut left, and the day's work goes on.
func (s *script) goesOn(m moment, mode cut.Mode, used numbers) {
	s.t.Helper()
	s.town.Restart(m.images[mode])
	next := &script{t: s.t, town: s.town, box: s.box, key: s.key, bytes: s.bytes, peeks: true, promises: s.promises[:m.acked:m.acked]}
	next.next = acknowledged(s.t, s.town)
	if err := errors.Join(next.run(2)); err != nil {
		s.t.Fatalf("after the cut %v before %s of %s (operation %d): %v", mode, m.op.Kind, m.op.Path, m.op.N, err)
	}
	// Numbers used after the cut are its own history, beside what was used before it.
	after := numbers{}
	maps.Copy(after, used.at(m.acked))
	if err := next.holds(s.town.Disk().Image(cut.Clean, 0), len(next.promises), after, map[string]int64{}, true); err != nil {
		s.t.Fatalf("the day after the cut %v before %s of %s: %v", mode, m.op.Kind, m.op.Path, err)
	}
}

// numbers are those of now warrants, policies and placements that were given
// out, to the bytes that had them and how much was acknowledged when first seen.
type numbers map[string]used

type used struct {
	hash  string
	acked int
}

// at is what was given out before so much was acknowledged.
func (n numbers) at(acked int) numbers {
	old := numbers{}
	for k, u := range n {
		if u.acked < acked {
			old[k] = u
		}
	}
	return old
}

// holds looks at what a cut left.
func (s *script) holds(image *cut.Image, acked int, used numbers, low map[string]int64, clean bool) error {
	left := s.town.Open(image)
	marks, err := readMarks(filepath.Join(left.Dir, "signer", "marks.log"))
	if err != nil {
		return err
	}
	for name, number := range low {
		if marks[name] < number {
			return fmt.Errorf("mark %q fell from %d to %d", name, number, marks[name])
		}
	}
	if clean {
		maps.Copy(low, marks)
	}
	err = left.DB.Read(s.t.Context(), func(tx *db.Tx) error {
		for _, p := range s.promises[:acked] {
			if err := p.kept(tx, left); err != nil {
				return fmt.Errorf("%s is gone: %w", p.name, err)
			}
		}
		return errors.Join(whole(tx, left), unused(tx, marks, used, acked))
	})
	return errors.Join(err, left.Close())
}

// whole holds when nothing is half there: the database is sound, what it names
// is on the disk, and every change stands in the book.
func whole(tx *db.Tx, left *e2e.Left) error {
	var said string
	if err := tx.Row(`PRAGMA integrity_check`).Scan(&said); err != nil || said != "ok" {
		return fmt.Errorf("integrity: %s %w", said, err)
	}
	var errs []error
	for what, q := range map[string]string{
		"rows whose parent is missing":        `SELECT COUNT(*) FROM pragma_foreign_key_check`,
		"bulletins not in the book":           `SELECT COUNT(*) FROM bulletin WHERE id NOT IN (SELECT subject FROM journal)`,
		"drafts in the book alone":            `SELECT COUNT(*) FROM journal WHERE verb = 'bulletin.drafted' AND subject NOT IN (SELECT id FROM bulletin)`,
		"receipts without their sealed bytes": `SELECT COUNT(*) FROM playback WHERE receipt NOT IN (SELECT hash FROM document)`,
		"warrants without their sealed bytes": `SELECT COUNT(*) FROM bulletin WHERE warrant <> '' AND warrant NOT IN (SELECT hash FROM document)`,
		"words to say without their change":   `SELECT COUNT(*) FROM outbox WHERE journal_id NOT IN (SELECT id FROM journal)`,
	} {
		var n int
		if err := tx.Row(q).Scan(&n); err != nil || n > 0 {
			errs = append(errs, fmt.Errorf("%s: %d, %w", what, n, err))
		}
	}
	sounds, err := db.All(tx, `SELECT media FROM rendition WHERE media <> ''`, nil, func(scan func(...any) error) (h string, err error) { return h, scan(&h) })
	if err != nil {
		return err
	}
	for _, hash := range sounds {
		if _, err := left.Blobs.Get(hash); err != nil {
			errs = append(errs, fmt.Errorf("sound: %w", err))
		}
	}
	return errors.Join(errs...)
}

// unused holds when every number in a sealed document is one that the signer
// remembers, for the same bytes as ever.
func unused(tx *db.Tx, marks map[string]int64, known numbers, acked int) error {
	sealed, err := db.All(tx, `SELECT body FROM document WHERE type IN (?, ?, ?)`,
		[]any{wire.WarrantType, wire.PolicyType, wire.PlacementType}, func(scan func(...any) error) (b []byte, err error) { return b, scan(&b) })
	if err != nil {
		return err
	}
	for _, b := range sealed {
		o, err := seal.Open(b, seal.MaxDocument)
		if err != nil {
			return err
		}
		name, number := "", int64(0)
		switch o.Type {
		case wire.WarrantType:
			w, err := wire.ReadWarrant(o.Payload)
			if err != nil {
				return err
			}
			if w.Now {
				name, number = "now "+string(w.Issuer), w.Seq
			}
		case wire.PolicyType:
			p, err := wire.ReadPolicy(o.Payload)
			if err != nil {
				return err
			}
			name, number = "policy "+string(p.Path), p.Version
		case wire.PlacementType:
			p, err := wire.ReadPlacement(o.Payload)
			if err != nil {
				return err
			}
			name, number = "placement "+p.Device, p.Version
		}
		if name == "" {
			continue
		}
		if marks[name] < number {
			return fmt.Errorf("%s %d is out and the signer remembers %d", name, number, marks[name])
		}
		key, hash := fmt.Sprint(name, " ", number), loa.Hash(o.Payload)
		if u, ok := known[key]; ok && u.hash != hash {
			return fmt.Errorf("%s was used twice", key)
		} else if !ok {
			known[key] = used{hash, acked}
		}
	}
	return nil
}

// readMarks reads the signer's numbers as the signer does: a last line without
// its end was given out to nobody.
func readMarks(name string) (map[string]int64, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	marks := map[string]int64{}
	lines := bufio.NewScanner(bytes.NewReader(b[:bytes.LastIndexByte(b, '\n')+1]))
	for lines.Scan() {
		var m signer.Mark
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return nil, fmt.Errorf("marks: %w in %q", err, lines.Text())
		}
		if m.Number < marks[m.Name] {
			return nil, fmt.Errorf("mark %q fell", m.Name)
		}
		marks[m.Name] = m.Number
	}
	return marks, lines.Err()
}

// TestPowerCutOnALyingDisk: where fsync does nothing, the same look finds what
// is lost. Otherwise TestPowerCut could pass because it does not look.
func TestPowerCutOnALyingDisk(t *testing.T) {
	s, disk := powered(t)
	disk.Lie()
	if err := s.run(1); err != nil {
		t.Fatal(err)
	}
	if err := s.holds(disk.Image(cut.Clean, 0), len(s.promises), numbers{}, map[string]int64{}, true); err == nil {
		t.Error("everything acknowledged is there although nothing was written")
	} else {
		t.Log("as it must: ", strings.SplitN(err.Error(), "\n", 2)[0])
	}
}

// TestFsyncError fails the k-th fsync of the script, of the database, the sounds,
// the uploads and the signer alike. Nothing is acknowledged that is not kept: the
// process ends, and started again on what the disk really holds it goes on.
func TestFsyncError(t *testing.T) {
	step, most := 13, *fails
	if os.Getenv("LOA_LONG") != "" {
		step = 1 // -fails 60, or -from 31 -fails 30 to go on another day
	}
	s, disk := powered(t)
	server := s.town.Servers[0]
	used := numbers{}
	ended := 0
	for k := *from; k < *from+step*most; k += step {
		disk.Fail(k, syscall.EIO, false, "/", cut.Sync, cut.SyncDir)
		var refused error
		for part := 0; refused == nil && part < 20; part++ {
			refused = s.run(1 + part)
		}
		if !disk.Failed() {
			t.Fatalf("no fsync failed before the %dth: %v", k, refused)
		}
		failed := failedSync(disk)
		if !strings.Contains(failed, "/speech/") { // what a speech engine said is made anew
			if err := server.Ended(20 * time.Second); err == nil {
				t.Fatalf("fsync %d (%s) failed and the server ended well", k, failed)
			}
			ended++
		}
		left := disk.Image(cut.Clean, 0)
		if err := s.holds(left, len(s.promises), used, map[string]int64{}, true); err != nil {
			t.Fatalf("fsync %d (%s) failed: %v", k, failed, err)
		}
		disk = s.town.Restart(left)
		s.next = acknowledged(t, s.town)
	}
	if ended == 0 {
		t.Error("the server never ended")
	}
	t.Logf("%d fsyncs failed, the server ended %d times, %d acknowledged and all kept", most, ended, len(s.promises))
}

// failedSync is the path of the fsync that failed.
func failedSync(d *cut.Disk) string {
	for _, op := range d.Log() {
		if op.Failed {
			return op.Path
		}
	}
	return ""
}
