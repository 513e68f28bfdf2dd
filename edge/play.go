package edge

// Stage 6d of 7: play. Before: a job with its minute, its seals and hash
// checked. After: samples at the output, the first one at its place in the
// stream, and an event that says when and how long.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"loa"
	"loa/wire"
)

const (
	blockSamples = Rate / 50 // what is written at once: 20 ms
	frameSamples = 1152
	lengthSlack  = 200 // ms a warrant's length may differ from its frames
)

// job is one sound on its way.
type job struct {
	slot    wire.Slot // without an id for a now warrant
	warrant wire.Warrant
	hash    string
	mark    string // what was not as it should be though it sounds (trouble.go)
	at      int64  // UTC microseconds, 0 for at once
	volume  int    // percent of full amplitude
	held    holdings
	src     samples
	later   *later // media that an alarm began without

	started int64 // UTC microseconds at the output
	skew    int64
	samples int64
	cut     bool // was interrupted and went on

	waits bool // behind another, and its attempt is not counted
	asked bool // its turn has come, and that is being written down
}

// samples are what a job sounds: media from disk, or somebody speaking.
type samples interface {
	read(pcm []int16) (int, error) // never waits; io.EOF at the end
	rewind()                       // something interrupts
	left() int64                   // samples still to come, 0 where nobody knows
	close()
}

// name is the key of a job in the state: a slot, or a now warrant.
func (j *job) name() string {
	if j.slot.ID != "" {
		return j.slot.ID
	}
	return j.hash
}

// line is the job as a receipt says it, so far.
func (j *job) line(clock string) wire.Line {
	_, spoken := j.src.(*mic)
	return wire.Line{
		Slot: j.slot.ID, Warrant: j.hash, Planned: j.slot.Start, Started: (j.started + 500) / 1000,
		MS: j.samples * 1000 / Rate, SkewUS: j.skew, Volume: j.volume, Clock: clock, Verified: !spoken,
	}
}

// event is what the player tells: a job began or ended, or a now warrant has to
// wait behind another, or has waited and its turn has come.
type event struct {
	job   *job
	ended bool
	waits bool
	turn  bool
	line  wire.Line
}

// player is the only writer of the output. Everything in it belongs to its one
// loop; others ask.
type player struct {
	out    Output
	clock  *clock
	asked  chan func(*player)
	events chan event
	power  chan bool // the amplifier is wanted, or no longer

	powered bool
	heardAt int64 // UTC microseconds when the amplifier was last needed

	current   *job
	scheduled []*job
	urgent    []*job // now warrants that wait for one that outranks them
	paused    []*job // interrupted; the last goes on first
}

func newPlayer(out Output, c *clock) *player {
	return &player{out: out, clock: c, asked: make(chan func(*player), 64), events: make(chan event, 256), power: make(chan bool, 1)}
}

// ask has the player's loop run f before its next block.
func (p *player) ask(f func(*player)) { p.asked <- f }

// play feeds the output until ctx ends. A job cut off by the end of the program
// stays in the state as sounding; the next start writes it down as partly.
func (a *agent) play(ctx context.Context) error {
	p := a.player
	block := make([]int16, blockSamples)
	for fails := 0; ctx.Err() == nil; {
		for more := true; more; {
			select {
			case f := <-p.asked:
				f(p)
			default:
				more = false
			}
		}
		p.fill(block)
		if err := p.out.Write(block); err != nil {
			a.log.Error("output", "error", err)
			if p.current != nil {
				p.end(p.current, wire.Partly, "output.failed")
			}
			if a.mute.Store(true); fails == 0 {
				a.state("refused", "", "", "output.failed")
			}
			fails = min(fails+1, 10)
			if !a.rest(ctx, time.Duration(fails)*time.Second) { // it is started again, not in a storm
				break
			}
			continue
		}
		if fails > 0 {
			fails = 0
			a.mute.Store(false)
		}
		a.sounded.Store(true)
	}
	return p.out.Close()
}

func (p *player) schedule(j *job) { p.scheduled = append(p.scheduled, j) }

// urge takes a now warrant; a stop that came meanwhile holds.
func (p *player) urge(j *job, stopped func(string, wire.Warrant) bool) {
	if stopped(j.hash, j.warrant) {
		p.end(j, wire.Stopped, "warrant.stopped")
		return
	}
	p.urgent = append(p.urgent, j)
	if p.current != nil && !wire.Outranks(j.warrant, p.current.warrant) || p.behind(j) {
		j.waits = true
		p.events <- event{job: j, waits: true}
	}
}

// drop lets go of an urgent job that may not begin, if nothing else ended it.
func (p *player) drop(j *job, why string) {
	i := slices.Index(p.urgent, j)
	if i < 0 {
		return
	}
	if p.urgent = slices.Delete(p.urgent, i, i+1); why == "" {
		j.src.close() // the line of its last attempt is written
		return
	}
	p.end(j, wire.Refused, why)
}

// behind reports whether another urgent job goes before j.
func (p *player) behind(j *job) bool {
	return slices.ContainsFunc(p.urgent, func(o *job) bool { return o != j && wire.Outranks(o.warrant, j.warrant) })
}

// stop silences every job that stopped names.
func (p *player) stop(stopped func(string, wire.Warrant) bool) {
	if j := p.current; j != nil && stopped(j.hash, j.warrant) {
		p.end(j, wire.Stopped, "warrant.stopped")
	}
	for _, list := range []*[]*job{&p.scheduled, &p.urgent, &p.paused} {
		*list = slices.DeleteFunc(*list, func(j *job) bool {
			if !stopped(j.hash, j.warrant) {
				return false
			}
			p.end(j, wire.Stopped, "warrant.stopped")
			return true
		})
	}
}

// replan takes what a new plan says: a slot that it leaves out or says otherwise
// does not begin any more; what now lies inside a mute ends, or does not begin.
// What it leaves goes by the new plan's mutes from now on.
func (p *player) replan(plan wire.Plan, now int64) {
	p.scheduled = slices.DeleteFunc(p.scheduled, func(j *job) bool {
		same := func(s wire.Slot) bool {
			return s.ID == j.slot.ID && s.Warrant == j.hash && s.Start == j.slot.Start && wire.MaybeForMe(s, j.held.placement)
		}
		if slices.ContainsFunc(plan.Slots, same) {
			return false
		}
		p.end(j, wire.Refused, "plan.replaced")
		return true
	})
	if j := p.current; j != nil {
		j.held.plan = plan
		if j.mutedFor(now, j.src.left()*1000/Rate) {
			p.end(j, wire.Stopped, wire.WhyMuted)
		}
	}
	for _, list := range []*[]*job{&p.scheduled, &p.urgent, &p.paused} {
		for _, j := range *list {
			j.held.plan = plan
		}
	}
	for _, list := range []*[]*job{&p.scheduled, &p.urgent} {
		*list = slices.DeleteFunc(*list, func(j *job) bool {
			if !j.mutedFor(max(now, j.at/1000), j.src.left()*1000/Rate) {
				return false
			}
			p.end(j, wire.Refused, wire.WhyMuted)
			return true
		})
	}
}

func (p *player) end(j *job, r wire.Result, why string) {
	if p.current == j {
		p.current = nil
	}
	if j.started != 0 {
		p.clock.release()
	}
	j.src.close()
	if m, ok := j.src.(*mic); ok {
		j.hash = m.hash()
	}
	l := j.line("")
	l.Result, l.Why = r, why
	p.events <- event{job: j, ended: true, line: l}
}

// fill writes the next block: silence, and from its sample on the sound.
func (p *player) fill(block []int16) {
	clear(block)
	at := p.clock.micros() + p.out.Delay().Microseconds()
	length := int64(len(block)) * 1_000_000 / Rate
	p.choose(at, at+length)
	p.switches(at)
	for from := 0; p.current != nil && from < len(block); {
		j := p.current
		if j.started == 0 {
			if j.at > at {
				from = min(len(block)-1, int((j.at-at)*Rate/1_000_000))
			}
			p.begin(j, at+int64(from)*1_000_000/Rate)
		}
		n, err := j.src.read(block[from:])
		scale(block[from:from+n], j.volume)
		from += n
		j.samples += int64(n)
		switch {
		case errors.Is(err, io.EOF):
			why := j.mark
			if why == "" && j.cut {
				why = "slot.resumed"
			}
			p.end(j, wire.Played, why)
			return // what waits goes on in the next block
		case err != nil:
			p.end(j, wire.Partly, loa.KeyOf(err))
			return
		}
	}
}

func (p *player) begin(j *job, at int64) {
	p.clock.hold()
	j.started = at
	if j.at > 0 {
		j.skew = at - j.at
	}
	p.events <- event{job: j, line: j.line("")}
}

// choose decides what sounds in a block between two moments (UTC microseconds).
func (p *player) choose(from, until int64) {
	p.urgent = slices.DeleteFunc(p.urgent, func(j *job) bool {
		why := j.mayBegin(from / 1000)
		if why != "" {
			p.end(j, wire.Refused, why)
		}
		return why != ""
	})
	for i, j := range p.urgent {
		if p.current != nil && !wire.Outranks(j.warrant, p.current.warrant) {
			continue
		}
		if p.behind(j) {
			continue
		}
		if j.waits {
			if !j.asked {
				j.asked = true
				p.events <- event{job: j, turn: true}
			}
			if p.current == nil {
				return // the place is kept for it, a block or two
			}
			break
		}
		if p.current != nil {
			p.current.src.rewind()
			p.current.cut = true
			p.paused = append(p.paused, p.current)
		}
		p.current, p.urgent = j, slices.Delete(p.urgent, i, i+1)
		break
	}
	for p.current == nil && len(p.paused) > 0 {
		j := p.paused[len(p.paused)-1]
		p.paused = p.paused[:len(p.paused)-1]
		if why := j.mayGoOn(from / 1000); why != "" {
			p.end(j, wire.Stopped, why)
			continue
		}
		p.current = j
	}
	for i := 0; i < len(p.scheduled); {
		j := p.scheduled[i]
		switch {
		case from > j.at+late*1000:
			p.scheduled = slices.Delete(p.scheduled, i, i+1)
			p.end(j, wire.Missed, wire.WhyBusy)
		case p.current == nil && j.at < until:
			p.scheduled = slices.Delete(p.scheduled, i, i+1)
			if j.at < from { // what its own minute allowed, the present one may not
				if why := j.mayGoOn(from / 1000); why != "" {
					p.end(j, wire.Refused, why)
					continue
				}
			}
			p.current = j
		default:
			i++
		}
	}
}

// mayBegin asks a now warrant once more, at the moment it would sound: it may have
// waited hours for its sound, or behind one that outranks it.
func (j *job) mayBegin(now int64) string {
	switch {
	case now >= j.warrant.Until:
		return "warrant.expired"
	case j.warrant.Class == wire.Emergency:
		return ""
	case j.held.why != "":
		return j.held.why
	case j.mutedFor(now, j.src.left()*1000/Rate):
		return wire.WhyMuted
	}
	return wire.DeviceAllows(j.held.policies, j.held.placement, j.warrant.Class, j.warrant.Role, now, j.src.left()*1000/Rate).Why
}

// mayGoOn asks warrant and policies about the rest of an interrupted job.
func (j *job) mayGoOn(now int64) string {
	left := j.src.left() * 1000 / Rate
	if now+left > j.warrant.Until {
		return "slot.outside_warrant"
	}
	if j.mutedFor(now, left) {
		return wire.WhyMuted
	}
	return wire.DeviceAllows(j.held.policies, j.held.placement, j.warrant.Class, j.warrant.Role, now, left).Why
}

// mutedFor reports whether a mute holds for a sound of ms from start on: never
// for an emergency.
func (j *job) mutedFor(start, ms int64) bool {
	return j.warrant.Class != wire.Emergency && wire.Muted(j.held.plan.Mutes, j.held.placement, start, ms)
}

func scale(pcm []int16, percent int) {
	if percent >= 100 {
		return
	}
	for i, s := range pcm {
		pcm[i] = int16(int32(s) * int32(percent) / 100)
	}
}

// source gives the samples of a warrant's media: one after the other, repeated
// with wire.Spacing of silence between.
type source struct {
	parts []part
	at    int   // part being read
	pos   int64 // samples read of it
	dec   io.Reader
	buf   []byte

	failed string // hash of the sound the decoder failed on
}

// part is a sound, a stream, media that is still to come, or else silence.
type part struct {
	hash    string
	file    sound
	decode  func(io.Reader) (io.Reader, error) // of the file
	relay   *relay
	later   *later
	samples int64
}

// source opens and checks media: bytes, hash and every frame. It decodes nothing.
func (k *keep) source(media []wire.Media, repeat int) (*source, error) {
	s := &source{}
	for i := range repeat + 1 {
		if i > 0 {
			s.parts = append(s.parts, part{samples: wire.Spacing * Rate / 1000})
		}
		for _, m := range media {
			f, err := k.openMedia(m.Hash)
			if err != nil {
				s.close()
				return nil, err
			}
			s.parts = append(s.parts, part{hash: m.Hash, file: f, decode: k.decode, samples: m.Bytes / wire.FrameBytes * frameSamples})
			if i > 0 {
				continue // the same bytes were checked for the first reading
			}
			if err := checkMedia(f, m); err != nil {
				s.close()
				k.mark(m.Hash, true)
				return nil, errors.Join(err, k.dropMedia(m.Hash))
			}
		}
	}
	return s, nil
}

// checkMedia reads a sound once, in pieces: a speaker has no room for all of it.
func checkMedia(f sound, m wire.Media) error {
	const piece = 1000 * wire.FrameBytes
	bad := func(err error) error { return loa.Errorf(loa.Invalid, "media.damaged").Because(err) }
	if m.Form != wire.CanonicalForm {
		return loa.Errorf(loa.Invalid, "media.form", m.Form)
	}
	h := sha256.New()
	b := make([]byte, min(piece, m.Bytes+1)) // one more: whether there is more is asked
	var frames int64
	for at := int64(0); ; {
		n, err := f.ReadAt(b, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return bad(err)
		}
		if n == 0 {
			break
		}
		at += int64(n)
		h.Write(b[:n])
		if at > m.Bytes {
			return bad(fmt.Errorf("more than %d bytes", m.Bytes))
		}
		got, err := wire.CheckFrames(b[:n])
		if err != nil {
			return bad(err)
		}
		frames += int64(got)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != m.Hash {
		return bad(fmt.Errorf("hash is %s", got))
	}
	if d := frames*wire.FrameDuration.Milliseconds() - m.MS; d > lengthSlack || d < -lengthSlack {
		return loa.Errorf(loa.Invalid, "media.length", m.MS)
	}
	return nil
}

// read fills pcm as far as the current part goes; io.EOF after the last one.
func (s *source) read(pcm []int16) (n int, err error) {
	defer func() {
		// The decoder is not ours; what it cannot read must not end the agent.
		if r := recover(); r != nil {
			n, err = 0, loa.Errorf(loa.Invalid, "media.damaged").Because(fmt.Errorf("decoder: %v", r))
		}
		if err != nil && !errors.Is(err, io.EOF) {
			s.failed = s.parts[s.at].hash
		}
	}()
	if s.at == len(s.parts) {
		return 0, io.EOF
	}
	p := s.parts[s.at]
	if p.later != nil {
		s.parts = slices.Replace(s.parts, s.at, s.at+1, p.later.take()...)
		return 0, nil
	}
	pcm = pcm[:min(int64(len(pcm)), p.samples-s.pos)]
	switch {
	case len(pcm) == 0:
		s.at, s.pos, s.dec = s.at+1, 0, nil
		return 0, nil
	case p.relay != nil:
		if n, err = p.relay.read(pcm); errors.Is(err, io.EOF) {
			p.relay.cancel()
			s.at, s.pos, err = s.at+1, 0, nil
		}
		s.pos += int64(n)
		return n, err
	case p.file == nil:
		clear(pcm)
		s.pos += int64(len(pcm))
		return len(pcm), nil
	case s.dec == nil:
		from := s.pos / frameSamples * wire.FrameBytes
		end := p.samples / frameSamples * wire.FrameBytes
		// Only Read is shown: with Seek the decoder would first scan all of it.
		s.dec, err = p.decode(struct{ io.Reader }{io.NewSectionReader(p.file, from, end-from)})
		if err != nil {
			return 0, loa.Errorf(loa.Invalid, "media.damaged").Because(err)
		}
	}
	// The decoder gives two equal channels of 16 bits.
	if want := len(pcm) * 4; cap(s.buf) < want {
		s.buf = make([]byte, want)
	}
	b, err := io.ReadFull(s.dec, s.buf[:len(pcm)*4])
	n = b / 4
	for i := range n {
		pcm[i] = int16(uint16(s.buf[i*4]) | uint16(s.buf[i*4+1])<<8)
	}
	s.pos += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		s.at, s.pos, s.dec, err = s.at+1, 0, nil, nil // the decoder kept a tail to itself
	}
	if err != nil {
		return n, loa.Errorf(loa.Invalid, "media.damaged").Because(err)
	}
	return n, nil
}

// rewind goes back to the beginning of the current frame: no frame needs an
// earlier one, so the sound goes on there.
func (s *source) rewind() {
	if s.at < len(s.parts) && s.parts[s.at].file != nil {
		s.pos -= s.pos % frameSamples
		s.dec = nil
	}
}

// left is how many samples are still to come.
func (s *source) left() int64 {
	n := -s.pos
	for _, p := range s.parts[s.at:] {
		n += p.samples
	}
	return n
}

func (s *source) close() {
	for _, p := range s.parts {
		switch {
		case p.file != nil:
			_ = p.file.Close() // it was only read
		case p.relay != nil:
			p.relay.cancel()
		case p.later != nil:
			p.later.close()
		}
	}
}
