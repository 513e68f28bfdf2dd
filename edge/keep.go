package edge

// Stage 6b of 7: keep. Before: bytes whose hash was named by somebody. After:
// the same bytes on disk under that hash, or no trace of them.

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hajimehoshi/go-mp3"

	"loa"
	"loa/seal"
	"loa/wire"
)

const (
	reserveBytes = 128 << 10 // set aside so that a full disk still takes state and receipts
	maxLive      = 256       // now numbers remembered per issuer above the floor
	maxKept      = 4096      // entries of slots, counts and stops
	maxBroken    = 256       // sounds the decoder failed on
	crashes      = 2         // failures of the decoder on one sound, and it is tried no more
	keepDone     = 7 * 24 * 60 * 60 * 1000
)

// state is everything the agent must not forget, replaced whole (slots.go).
type state struct {
	Since  int64   `json:"since"` // UTC ms: nothing before it was ours to play
	Clock  anchor  `json:"clock"`
	Beacon beacons `json:"beacon"`

	Placement   string             `json:"placement"` // hash
	Version     int64              `json:"version"`   // of the placement
	Plan        string             `json:"plan"`      // hash
	PlanVersion int64              `json:"plan_version"`
	Policy      map[loa.Path]int64 `json:"policy"` // highest version seen
	Trust       []string           `json:"trust"`
	Epoch       int64              `json:"epoch"`

	Root    *seal.Root `json:"root,omitempty"` // the last that followed the one of the enrolment
	Phrases phrases    `json:"phrases"`
	Set     set        `json:"set"`

	Lived lived `json:"lived"`
	Floor int64 `json:"floor"` // now numbers at or below are new only if a beacon names their bytes
	Given int64 `json:"given"` // highest number of a receipt line known to be written

	Done     map[string]int64     `json:"done"`     // slot id → its start
	Counts   map[string]count     `json:"counts"`   // warrant hash → plays
	Now      map[loa.Path]ratchet `json:"now"`      // issuer → numbers seen
	Stops    map[string][]halt    `json:"stops"`    // warrant hash → who stopped it
	Pending  map[string]int       `json:"pending"`  // now warrants not finished → attempts
	Broken   map[string]int       `json:"broken"`   // sounds → how often the decoder failed on them
	Sounding map[string]wire.Line `json:"sounding"` // slot id or warrant hash → the line if power fails
}

// beacons is what the last accepted beacon named.
type beacons struct {
	Number     int64       `json:"number"`
	Time       int64       `json:"time"` // UTC ms by the node
	Plan       string      `json:"plan"`
	PlanV      int64       `json:"plan_v"`
	Now        []string    `json:"now"`
	Policies   []string    `json:"policies"`
	Phrases    string      `json:"phrases,omitempty"`
	Placements int64       `json:"placements"`
	Release    *wire.Offer `json:"release,omitempty"`
	Placed     int64       `json:"placed"` // value of Placements the placement held answers to
}

// old reports whether at now nothing was heard for so long that a key may have
// been revoked meanwhile.
func (b beacons) old(now int64) bool { return b.Number > 0 && now-b.Time > quiet }

// says reports whether a beacon names what was held already.
func (b beacons) says(c wire.Beacon) bool {
	return b.Plan == c.Plan && slices.Equal(b.Now, c.Now) && slices.Equal(b.Policies, c.Policies) &&
		c.Placements <= b.Placed && c.PlanVersion == b.PlanV && c.Phrases == b.Phrases
}

// lived is a date that the box's own running time vouches for: it follows the clock,
// but ahead no faster than eleven tenths of the time the box ran. By it alone plays
// and slots are forgotten, so that whoever may say what time it is cannot have a
// warrant played anew by saying that it is next year, and then that it is not. A box
// that was off keeps what it knows for longer; the tenth makes up for that.
type lived struct {
	At   int64  `json:"at"` // UTC ms
	Boot string `json:"boot"`
	Up   int64  `json:"up"` // µs into that boot
}

// on is the date at now (UTC ms).
func (l lived) on(now int64, box machine) lived {
	up := box.up().Microseconds()
	ran := up
	if box.boot != "" && box.boot == l.Boot {
		ran = up - l.Up
	}
	next := lived{At: l.At + max(0, ran)/1000*11/10, Boot: box.boot, Up: up}
	if l.At == 0 || next.At > now {
		next.At = now // back it goes at once: then more is kept
	}
	return next
}

type count struct {
	wire.Plays
	Until int64 `json:"until"`
}

type halt struct {
	Issuer loa.Path   `json:"issuer"`
	Class  wire.Class `json:"class"`
	At     int64      `json:"at"`
}

// ratchet holds the sequence numbers of an issuer's now warrants: nothing at or
// below Floor is new; above it Live says which bytes used a number.
type ratchet struct {
	Floor int64            `json:"floor"`
	Live  map[int64]string `json:"live"` // number → hash
}

// seen says what a number is: "" for new, or why it is not to be acted upon;
// same is true for the very bytes that used it before.
func (r ratchet) seen(seq int64, hash string) (why string, same bool) {
	if h, ok := r.Live[seq]; ok {
		return "now.number_reused", h == hash
	}
	if seq <= r.Floor {
		return "now.replayed", false
	}
	return "", false
}

// with is the ratchet after a number was used. The oldest numbers fall below
// the floor when there are too many.
func (r ratchet) with(seq int64, hash string) ratchet {
	live := maps.Clone(r.Live)
	if live == nil {
		live = map[int64]string{}
	}
	live[seq] = hash
	for len(live) > maxLive {
		low := slices.Min(slices.Collect(maps.Keys(live)))
		delete(live, low)
		r.Floor = max(r.Floor, low)
	}
	return ratchet{Floor: r.Floor, Live: live}
}

// stopped reports whether a stop holds for w: from its own issuer or one above,
// and an emergency only by a stop of that class.
func (s *state) stopped(hash string, w wire.Warrant) bool {
	return slices.ContainsFunc(s.Stops[hash], func(h halt) bool {
		return h.Issuer.Covers(w.Issuer) && (w.Class != wire.Emergency || h.Class == wire.Emergency)
	})
}

// forget drops the numbers of now warrants: they were lost, or a new epoch took
// their keys away. From then on a number up to mark, the highest one issued, is
// new only with the bytes a beacon names.
func (s *state) forget(mark int64) {
	s.Floor = max(s.Floor, mark)
	if len(s.Now) == 0 {
		return
	}
	for issuer, r := range s.Now {
		live := maps.Clone(r.Live)
		maps.DeleteFunc(live, func(seq int64, _ string) bool { return seq > mark })
		s.Now[issuer] = ratchet{Floor: min(r.Floor, mark), Live: live}
	}
}

// prune forgets what can no longer matter at a date that was lived to.
func (s *state) prune(now int64) {
	maps.DeleteFunc(s.Done, func(_ string, start int64) bool { return start < now-keepDone })
	maps.DeleteFunc(s.Counts, func(_ string, c count) bool { return c.Until < now-keepDone })
	thin(s.Done, func(start int64) int64 { return start })
	thin(s.Counts, func(c count) int64 { return c.Until })
	if len(s.Broken) > maxBroken {
		clear(s.Broken) // the worst of them are found out again
	}
	for len(s.Stops) > maxKept {
		oldest, at := "", int64(0)
		for h, list := range s.Stops {
			first := int64(0)
			if len(list) > 0 {
				first = list[0].At
			}
			if oldest == "" || first < at {
				oldest, at = h, first
			}
		}
		delete(s.Stops, oldest)
	}
}

// clone is a copy that shares nothing a change could reach: a state that was
// handed out is never changed.
func (s *state) clone() *state {
	c := *s
	c.Beacon.Now, c.Beacon.Policies, c.Trust = slices.Clone(s.Beacon.Now), slices.Clone(s.Beacon.Policies), slices.Clone(s.Trust)
	if s.Beacon.Release != nil {
		r := *s.Beacon.Release
		c.Beacon.Release = &r
	}
	if s.Root != nil {
		r := *s.Root
		r.Keys = slices.Clone(r.Keys)
		c.Root = &r
	}
	c.Policy, c.Phrases.Versions = maps.Clone(s.Policy), maps.Clone(s.Phrases.Versions)
	c.Done, c.Counts, c.Pending = maps.Clone(s.Done), maps.Clone(s.Counts), maps.Clone(s.Pending)
	c.Broken, c.Sounding = maps.Clone(s.Broken), maps.Clone(s.Sounding)
	c.Now, c.Stops = maps.Clone(s.Now), maps.Clone(s.Stops)
	for issuer, r := range c.Now {
		c.Now[issuer] = ratchet{Floor: r.Floor, Live: maps.Clone(r.Live)}
	}
	for hash, list := range c.Stops {
		c.Stops[hash] = slices.Clone(list)
	}
	return &c
}

// thin takes the earliest away of what has become too much to write down.
func thin[V any](m map[string]V, at func(V) int64) {
	if len(m) <= maxKept {
		return
	}
	names := slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(at(m[a]), at(m[b])), cmp.Compare(a, b)) })
	for _, name := range names[:len(names)-maxKept] {
		delete(m, name)
	}
}

func emptyState() *state {
	return &state{
		Policy: map[loa.Path]int64{}, Done: map[string]int64{}, Counts: map[string]count{},
		Now: map[loa.Path]ratchet{}, Stops: map[string][]halt{}, Pending: map[string]int{},
		Sounding: map[string]wire.Line{}, Broken: map[string]int{},
	}
}

func encodeState(s *state) ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode state: %w", err)
	}
	return b, nil
}

func decodeState(b []byte) (*state, error) {
	s := emptyState()
	if err := json.Unmarshal(b, s); err != nil {
		return nil, loa.Errorf(loa.Internal, "state.damaged").Because(err)
	}
	if s.Policy == nil || s.Done == nil || s.Counts == nil || s.Now == nil || s.Stops == nil || s.Pending == nil || s.Sounding == nil || s.Broken == nil {
		return nil, loa.Errorf(loa.Internal, "state.damaged") // null where a list belongs
	}
	return s, nil
}

// keep is the agent's disk. The state is in two slots; every other write is
// whole: a temporary file, fsync, rename, fsync of the folder.
type keep struct {
	disk  disk
	tmp   atomic.Int64 // numbers temporary files
	busy  sync.Map     // hash of a sound → *sync.Mutex: one brings it
	given atomic.Int64 // the highest number of a receipt line; the next update writes it down too

	save   func(*state) error                     // returns once no power cut takes it away
	decode func(mp3 io.Reader) (io.Reader, error) // to two equal channels of 16 bits

	mu   sync.Mutex
	st   *state // never changed in place
	lost bool   // what was written down before was damaged in both slots
	ram  map[string][]byte
	bad  map[string]bool // sounds that came or lay damaged
}

// openKeep opens what lies on a disk. A state that is damaged in both slots is
// lost: an empty one is taken, and then nothing sounds until a fresh beacon was
// heard (receive.go).
func openKeep(d disk) (*keep, error) {
	both := slots{disk: d, name: "state"}
	k := &keep{disk: d, st: emptyState(), ram: map[string][]byte{}, bad: map[string]bool{}}
	k.save = func(s *state) error {
		b, err := encodeState(s)
		if err != nil {
			return err
		}
		return both.store(b)
	}
	k.decode = func(r io.Reader) (io.Reader, error) { return mp3.NewDecoder(r) }
	for _, dir := range []string{"", "docs", "media"} {
		left, err := d.list(dir)
		if err != nil {
			return nil, fmt.Errorf("open folder: %w", err)
		}
		for _, f := range left {
			if !strings.HasSuffix(f.Name(), ".tmp") {
				continue
			}
			if err := d.remove(path.Join(dir, f.Name())); err != nil && !noDisk(diskError(err)) {
				return nil, fmt.Errorf("remove half a file: %w", err)
			}
		}
	}
	b, err := both.load()
	if err == nil && b != nil {
		k.st, err = decodeState(b)
	}
	if err != nil {
		k.st, k.lost = emptyState(), true
	}
	k.given.Store(k.st.Given)
	return k, nil
}

// now is the state; it is only to be read.
func (k *keep) now() *state {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.st
}

// update changes the state and returns once the change is on disk. If it cannot
// be written the change is not made.
func (k *keep) update(change func(*state)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := k.st.clone()
	change(next)
	next.Given = max(next.Given, k.given.Load())
	if err := k.small(func() error { return k.save(next) }); err != nil {
		return err
	}
	k.st = next
	return nil
}

// remember changes the state in memory only: for an emergency on a full disk.
// The next update that succeeds writes it down.
func (k *keep) remember(change func(*state)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := k.st.clone()
	change(next)
	k.st = next
}

// small runs a write that must succeed on a full disk: the reserve is given up
// for it. restore takes it back when there is room.
func (k *keep) small(write func() error) error {
	err := write()
	if loa.KeyOf(err) != "disk.full" {
		return err
	}
	if k.disk.remove("reserve") != nil {
		return err // it was given up before
	}
	return write()
}

func (k *keep) restore() error {
	f, err := k.disk.open("reserve", os.O_RDONLY)
	if err == nil {
		return f.Close()
	}
	return k.write("reserve", bytes.Repeat([]byte("loa "), reserveBytes/4))
}

func (k *keep) write(name string, b []byte) error {
	return k.writeFrom(name, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

func (k *keep) writeFrom(name string, fill func(io.Writer) error) error {
	tmp := fmt.Sprintf("%s.%d.tmp", name, k.tmp.Add(1))
	f, err := k.disk.open(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return diskError(err)
	}
	err = errors.Join(fill(io.NewOffsetWriter(f, 0)), f.Sync(), f.Close())
	if err == nil {
		err = k.disk.rename(tmp, name)
	}
	if err != nil {
		_ = k.disk.remove(tmp) // what stays goes at the next start
		return diskError(err)
	}
	if err := k.disk.sync(path.Dir(name)); err != nil {
		return diskError(fmt.Errorf("sync folder: %w", err))
	}
	return nil
}

// doc reads a sealed document by hash; bytes that no longer match are as if
// they were not there.
func (k *keep) doc(hash string) ([]byte, bool) {
	if !loa.IsHash(hash) {
		return nil, false
	}
	k.mu.Lock()
	b, ok := k.ram[hash]
	k.mu.Unlock()
	if ok {
		return b, true
	}
	b, err := readFile(k.disk, "docs/"+hash)
	return b, err == nil && loa.Hash(b) == hash
}

func (k *keep) putDoc(b []byte) error {
	hash := loa.Hash(b)
	if _, ok := k.doc(hash); ok {
		return nil
	}
	return k.small(func() error { return k.write("docs/"+hash, b) })
}

// inMemory holds what a full disk would not take, for an emergency.
func (k *keep) inMemory(b []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ram[loa.Hash(b)] = b
}

// sound is an opened media file.
type sound interface {
	io.ReaderAt
	io.Closer
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

func (k *keep) hasMedia(hash string) bool {
	f, err := k.openMedia(hash)
	if err != nil {
		return loa.KeyOf(err) == "media.quarantined" // bringing it again would not mend it
	}
	return f.Close() == nil
}

func (k *keep) openMedia(hash string) (sound, error) {
	k.mu.Lock()
	b, ok := k.ram[hash]
	bad, broken := k.bad[hash], k.st.Broken[hash] >= crashes
	k.mu.Unlock()
	if broken {
		return nil, loa.Errorf(loa.Invalid, "media.quarantined")
	}
	if ok {
		return memory{bytes.NewReader(b)}, nil
	}
	f, err := k.disk.open("media/"+hash, os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) && bad {
		return nil, loa.Errorf(loa.Invalid, "media.damaged")
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, loa.Errorf(loa.Unavailable, "media.missing")
	}
	if err != nil {
		return nil, fmt.Errorf("open media: %w", err)
	}
	return f, nil
}

func (k *keep) dropMedia(hash string) error {
	if err := k.disk.remove("media/" + hash); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("drop media: %w", err)
	}
	return nil
}

// partName is the name of a sound that has not come whole.
func partName(hash string) string { return "media/" + hash + ".part" }

// putMedia stores r under m's hash if it is exactly the sound m names.
func (k *keep) putMedia(m wire.Media, r io.Reader) error { return k.resumeMedia(m, 0, r) }

// partial is how many bytes of a sound came before the line broke.
func (k *keep) partial(m wire.Media) int64 {
	f, err := k.disk.open(partName(m.Hash), os.O_RDONLY)
	if err != nil {
		return 0
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() >= m.Bytes {
		return 0
	}
	return info.Size()
}

// resumeMedia writes r behind the first from bytes of a sound. What came stays
// when the line breaks; it counts for nothing until all of it has the hash.
func (k *keep) resumeMedia(m wire.Media, from int64, r io.Reader) error {
	name := partName(m.Hash)
	f, err := k.disk.open(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return diskError(err)
	}
	drop := func(err error) error { return errors.Join(diskError(err), k.disk.remove(name)) }
	if err := f.Truncate(from); err != nil {
		return drop(errors.Join(err, f.Close()))
	}
	n, err := io.Copy(io.NewOffsetWriter(f, from), io.LimitReader(r, m.Bytes-from+1))
	switch {
	case err != nil && noDisk(diskError(err)):
		return drop(errors.Join(err, f.Close()))
	case err != nil:
		return errors.Join(loa.Errorf(loa.Unavailable, "node.unreachable").Because(err), f.Close())
	}
	h := sha256.New()
	_, err = io.Copy(h, io.NewSectionReader(f, 0, from+n))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return drop(err)
	}
	bad := from+n != m.Bytes || hex.EncodeToString(h.Sum(nil)) != m.Hash
	if k.mark(m.Hash, bad); bad {
		return drop(loa.Errorf(loa.Invalid, "media.damaged"))
	}
	if err := k.disk.rename(name, "media/"+m.Hash); err != nil {
		return drop(err)
	}
	if err := k.disk.sync("media"); err != nil {
		return diskError(fmt.Errorf("sync folder: %w", err))
	}
	return nil
}

// mark remembers that a sound is damaged, or no longer, so that a slot without
// its sound can say why.
func (k *keep) mark(hash string, bad bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if delete(k.bad, hash); bad {
		k.bad[hash] = true
	}
}

// clean removes sounds and documents nobody needs, those played longest ago first,
// until at most limit bytes of them are left.
func (k *keep) clean(needed map[string]bool, limit int64) error {
	type old struct {
		name string
		size int64
		at   int64
	}
	var spare []old
	var total int64
	for _, d := range []string{"media", "docs"} {
		list, err := k.disk.list(d)
		if err != nil {
			return fmt.Errorf("clean: %w", err)
		}
		for _, f := range list {
			if needed[strings.TrimSuffix(f.Name(), ".part")] || strings.HasSuffix(f.Name(), ".tmp") {
				continue
			}
			spare = append(spare, old{d + "/" + f.Name(), f.Size(), f.ModTime().UnixNano()})
			total += f.Size()
		}
	}
	slices.SortFunc(spare, func(a, b old) int { return cmp.Compare(a.at, b.at) })
	for _, f := range spare {
		if total <= limit {
			return nil
		}
		if err := k.disk.remove(f.name); err != nil {
			return fmt.Errorf("clean: %w", err)
		}
		total -= f.size
	}
	return nil
}

// free is how many bytes the disk still takes.
func (k *keep) free() int64 { return k.disk.free() }
