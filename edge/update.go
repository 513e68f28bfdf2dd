package edge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"loa"
	"loa/wire"
)

const (
	updateEvery = time.Minute
	quietFor    = 15 * 60_000      // ms without a slot before a program is replaced
	againAfter  = 20 * 60 * 60_000 // ms before a release that ran out of time is tried again
	roomLeft    = 4 << 20          // bytes a program leaves free on the disk
	sayTime     = 10 * time.Second // a new program has for saying its version
)

// ErrAgain ends an agent that is to be started anew, because another program
// waits in its place.
var ErrAgain = errors.New("another program is to run")

// Updates is what an agent needs to replace its own program. Without a Product
// it leaves releases alone.
type Updates struct {
	Product string        // whose program runs
	Number  int64         // of its release
	System  string        // the hardware it was built for, as System says
	Every   time.Duration // between two looks; a minute
	Prove   func() error  // called once a program on trial has shown that it works; nil if it is not on trial

	at func(stage string) // a test's way to cut the power; nil for none
}

// news is what beats say of the release last offered.
type news struct{ release, state, why string }

func (u Updates) stage(name string) {
	if u.at != nil {
		u.at(name)
	}
}

// update replaces the program by the release that beacons offer: it brings the
// file, checks it, waits for a quiet quarter of an hour, writes down that it is
// to be tried, and ends the agent. What happens then is the launcher's.
func (a *agent) update(ctx context.Context) error {
	u := a.cfg.Updates
	if u.Product == "" {
		<-ctx.Done()
		return nil
	}
	p := programs{filepath.Join(a.cfg.Dir, "program")}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return fmt.Errorf("open folder: %w", err)
	}
	if err := p.tidy(""); err != nil {
		return err
	}
	if err := a.prove(ctx, p); err != nil || ctx.Err() != nil {
		return err
	}
	fails := 0
	for {
		next := u.Every
		switch err := a.renew(ctx, p); {
		case errors.Is(err, ErrAgain):
			return err
		case err == nil:
			fails = 0
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it was told to end
		default:
			fails++
			next += backOff(fails, time.Hour)
			a.log.Warn("update", "error", err)
		}
		if !a.rest(ctx, next) {
			return nil
		}
	}
}

// prove holds a program on trial to what it must show: it is enrolled (or it
// would not have come this far), a beacon came and held, the output took sound.
func (a *agent) prove(ctx context.Context, p programs) error {
	if a.cfg.Updates.Prove == nil {
		return nil
	}
	n, err := p.read()
	if err != nil {
		return err
	}
	if n.Trial != nil {
		a.news.Store(&news{n.Trial.Release, wire.UpdateProving, ""})
	}
	for !a.heard.Load() || !a.sounded.Load() {
		if !a.rest(ctx, time.Second) {
			return nil
		}
	}
	a.log.Info("new program works", "number", a.cfg.Updates.Number)
	a.news.Store(nil)
	return a.cfg.Updates.Prove()
}

// renew is one look at what is offered.
func (a *agent) renew(ctx context.Context, p programs) error {
	offer := a.keep.now().Beacon.Release
	if offer == nil || !offer.Meant(a.device) {
		a.news.Store(nil)
		return nil
	}
	say := func(state, why string) { a.news.Store(&news{offer.Hash, state, why}) }
	n, err := p.read()
	if err != nil {
		return err
	}
	if n.Trial != nil { // the launcher writes now, or could not: nothing else meanwhile
		return nil
	}
	if f, failed := n.Failed[offer.Hash]; failed {
		if f.At == 0 && a.clock.state() != wire.ClockUnknown { // the launcher does not know the time
			f.At = a.clock.millis()
			n.Failed[offer.Hash] = f
			if err := p.write(n); err != nil {
				return err
			}
		}
		if f.Final || f.At == 0 || a.clock.millis() < f.At+againAfter {
			say(wire.UpdateReturned, f.Why)
			return nil
		}
	}
	r, build, err := a.mayInstall(ctx, offer.Hash, n)
	switch {
	case err != nil && expected(err):
		return err
	case err != nil && r.Product == a.cfg.Updates.Product && r.Number == a.cfg.Updates.Number:
		a.news.Store(nil) // it runs
		return nil
	case err != nil:
		say(wire.UpdateRefused, loa.KeyOf(err))
		return nil // said; the same until another is offered
	}
	s := slot{File: "a", Hash: build.Hash, Number: r.Number, Release: offer.Hash}
	if n.Runs.File == "a" {
		s.File = "b"
	}
	if !p.whole(s) {
		if why := a.busy(); why != "" {
			say(wire.UpdateWaiting, why)
			return nil
		}
		say(wire.UpdateFetching, "")
		if err := a.bringProgram(ctx, p, build, s.File); err != nil {
			say(wire.UpdateFetching, loa.KeyOf(err))
			return err
		}
	}
	if why := a.busy(); why != "" {
		say(wire.UpdateWaiting, why)
		return nil
	}
	if err := says(ctx, p.path(s.File), r); err != nil {
		a.log.Warn("new program", "error", err)
		n.Trial = &trial{slot: s}
		return p.write(n.returned("release.unfit", true))
	}
	// Time has passed since the file was begun: asked again, and written once.
	if _, _, err := a.mayInstall(ctx, offer.Hash, n); err != nil {
		return err
	}
	if why := a.busy(); why != "" {
		say(wire.UpdateWaiting, why)
		return nil
	}
	n.Trial = &trial{slot: s}
	if err := p.write(n); err != nil {
		return err
	}
	a.cfg.Updates.stage("armed")
	a.log.Info("new program is tried", "number", r.Number, "text", r.Text)
	return ErrAgain
}

// mayInstall opens a release and asks whether this box may install it now.
func (a *agent) mayInstall(ctx context.Context, hash string, n note) (wire.Release, wire.Build, error) {
	if a.clock.state() == wire.ClockUnknown {
		return wire.Release{}, wire.Build{}, loa.Errorf(loa.Unavailable, "clock.unknown")
	}
	commune, err := a.commune()
	if err != nil {
		return wire.Release{}, wire.Build{}, err
	}
	b, err := a.document(ctx, hash)
	if err != nil {
		return wire.Release{}, wire.Build{}, err
	}
	now := a.clock.millis()
	r, err := wire.OpenRelease(a.trust.Load(), b, commune, now)
	if err != nil {
		return wire.Release{}, wire.Build{}, err
	}
	u := a.cfg.Updates
	build, err := wire.Install(r, wire.Program{Product: u.Product, Number: u.Number, System: u.System, Highest: n.Highest}, now)
	return r, build, err
}

// busy says why a program is not to be replaced now, "" if it may be: sound goes
// before everything, and so does a slot that is near.
func (a *agent) busy() string {
	st := a.keep.now()
	if len(st.Sounding) > 0 || len(st.Pending) > 0 {
		return "release.sounding"
	}
	for _, hash := range st.Beacon.Now {
		if _, done := a.known.Load(hash); !done {
			return "release.sounding"
		}
	}
	if a.clock.state() != wire.ClockTrusted {
		return "release.not_ready"
	}
	h, err := a.holdings()
	if err != nil {
		return "release.not_ready"
	}
	now := a.clock.millis()
	slots := h.plan.Slots
	if next := st.Beacon.Plan; next != "" && next != st.Plan { // named, and not taken yet, or refused
		b, ok := a.keep.doc(next)
		if !ok {
			return "release.not_ready"
		}
		if p, err := a.papers.Plan(a.trust.Load(), b, now); err == nil {
			slots = append(slices.Clip(slots), p.Slots...)
		}
	}
	for _, s := range slots {
		if _, done := st.Done[s.ID]; !done && s.Start > now-wire.Late && s.Start < now+quietFor && wire.MaybeForMe(s, h.placement) {
			return "release.slot_near"
		}
	}
	return ""
}

// bringProgram fetches a program into a slot. What came of it stays on disk when
// the link breaks, and the next time begins at the byte where it ended.
func (a *agent) bringProgram(ctx context.Context, p programs, b wire.Build, file string) error {
	part := p.path("part-" + b.Hash[:16])
	if err := p.tidy(filepath.Base(part)); err != nil {
		return err
	}
	f, err := os.OpenFile(part, os.O_CREATE|os.O_RDWR, 0o700) //nolint:gosec // it is to run
	if err != nil {
		return diskError(err)
	}
	defer f.Close() // closed below where it matters
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("bring program: %w", err)
	}
	if have > b.Bytes {
		have = 0
	}
	if a.keep.free() < b.Bytes-have+roomLeft {
		_ = os.Remove(part) // its bytes are needed more elsewhere
		return loa.Errorf(loa.Unavailable, "disk.full")
	}
	if have < b.Bytes {
		if err := a.rangeOf(ctx, f, b, have); err != nil {
			return err
		}
	}
	a.cfg.Updates.stage("fetched")
	if err := f.Sync(); err != nil {
		return diskError(err)
	}
	if hash, n, err := hashFile(part); err != nil || n != b.Bytes || hash != b.Hash {
		return errors.Join(loa.Errorf(loa.Invalid, "release.damaged"), err, os.Remove(part))
	}
	if err := errors.Join(f.Chmod(0o700), f.Close()); err != nil {
		return diskError(err)
	}
	a.cfg.Updates.stage("flushed")
	if err := os.Rename(part, p.path(file)); err != nil {
		return diskError(err)
	}
	a.cfg.Updates.stage("renamed")
	return folder(p.dir).sync("")
}

// tidy removes halves of files that nobody goes on with.
func (p programs) tidy(keep string) error {
	for _, pattern := range []string{"*.tmp", "part-*"} {
		left, err := filepath.Glob(p.path(pattern))
		if err != nil {
			return fmt.Errorf("tidy: %w", err)
		}
		for _, f := range left {
			if keep == "" && pattern == "part-*" || filepath.Base(f) == keep {
				continue
			}
			if err := os.Remove(f); err != nil {
				return fmt.Errorf("tidy: %w", err)
			}
		}
	}
	return nil
}

// rangeOf writes what is missing of a program, from a byte on. It gives way when
// something urgent comes.
func (a *agent) rangeOf(ctx context.Context, f *os.File, b wire.Build, from int64) error {
	ctx, cancel := context.WithTimeout(ctx, mediaTime)
	defer cancel()
	resp, err := a.client.program(ctx, b.Hash, from)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusPartialContent {
		from = 0 // a cache that knows no ranges: all of it again
	} else if !strings.HasPrefix(resp.Header.Get("Content-Range"), "bytes "+strconv.FormatInt(from, 10)+"-") {
		return loa.Errorf(loa.Unavailable, "node.answer", resp.StatusCode)
	}
	if err := f.Truncate(from); err != nil {
		return diskError(err)
	}
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return fmt.Errorf("bring program: %w", err)
	}
	piece := make([]byte, 64<<10)
	for at := from; at < b.Bytes; {
		n, err := io.ReadFull(resp.Body, piece[:min(int64(len(piece)), b.Bytes-at)])
		if n > 0 {
			if _, err := f.Write(piece[:n]); err != nil {
				return diskError(err)
			}
			at += int64(n)
			a.cfg.Updates.stage("fetching")
		}
		if err != nil {
			return loa.Errorf(loa.Unavailable, "node.unreachable").Because(err)
		}
		if st := a.keep.now(); len(st.Pending) > 0 {
			return loa.Errorf(loa.Unavailable, "release.sounding")
		}
	}
	return nil
}

// program opens a program file from a byte on.
func (c client) program(ctx context.Context, hash string, from int64) (*http.Response, error) {
	return c.ask(ctx, http.MethodGet, "/device/v1/program/"+hash, nil, func(h http.Header) {
		if from > 0 {
			h.Set("Range", fmt.Sprintf("bytes=%d-", from))
		}
	})
}

// says has a program tell its version and holds it to the release. A file for
// other hardware, or half of one, does not even start.
func says(ctx context.Context, file string, r wire.Release) error {
	ctx, cancel := context.WithTimeout(ctx, sayTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, file, "--version")
	cmd.Env = []string{}
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("ask its version: %w", err)
	}
	if want := VersionLine(r.Product, r.Text, r.Number); strings.TrimSpace(string(out)) != want {
		return fmt.Errorf("it says %.100q, not %q", out, want)
	}
	return nil
}

// VersionLine is what a program answers to --version, so that a box can ask a
// new one before it believes in it.
func VersionLine(product, text string, number int64) string {
	return fmt.Sprintf("%s %s (%d)", product, text, number)
}

func hashFile(name string) (hash string, size int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", 0, fmt.Errorf("hash: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	if err != nil {
		return "", 0, fmt.Errorf("hash: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}
