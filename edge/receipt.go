package edge

// Stage 6e of 7: receipt. Before: a sound ended, or did not begin. After: a
// numbered line on disk, then in a batch sealed by the device's key at the
// node, until the node answered with its number.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"sync"
	"time"

	"loa"
	"loa/seal"
	"loa/wire"
)

// record is one line of the receipts file: a playback, or how far the node has
// acknowledged.
type record struct {
	Through int64      `json:"through,omitempty"`
	Line    *wire.Line `json:"line,omitempty"`
}

func encodeRecord(r record) ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode receipt: %w", err)
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(b), b), nil
}

// readReceipts reads the file: how far the node acknowledged, the lines above
// it without a gap, and how many bytes are whole. A torn tail was never told to
// anyone and is cut off; a line damaged in the middle is replaced by one that
// says so, because its number was given.
func readReceipts(b []byte) (through int64, lines []wire.Line, whole int) {
	for at := 0; at < len(b); {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 {
			break
		}
		row := b[at : at+n]
		at += n + 1
		var r record
		if len(row) < 9 || string(row[:9]) != fmt.Sprintf("%08x ", crc32.ChecksumIEEE(row[9:])) ||
			json.Unmarshal(row[9:], &r) != nil {
			continue
		}
		whole = at
		last := through
		if len(lines) > 0 {
			last = lines[len(lines)-1].N
		}
		switch {
		case r.Line == nil:
			through = max(through, r.Through)
		case r.Line.N > last && r.Line.N-last <= maxKept || r.Line.N > last && through == 0 && len(lines) == 0:
			for lost := last + 1; last > 0 && lost < r.Line.N; lost++ {
				lines = append(lines, lostLine(lost))
			}
			lines = append(lines, *r.Line)
		}
	}
	for len(lines) > 0 && lines[0].N <= through {
		lines = lines[1:]
	}
	return through, lines, whole
}

// receipts is the file of lines the node has not acknowledged yet.
type receipts struct {
	keep *keep
	more chan struct{} // a line came

	mu      sync.Mutex
	through int64
	lines   []wire.Line
	waiting []wire.Line // the disk would not take them; told to nobody
	size    int64       // bytes of the file that are whole
	made    bool        // its name is in the folder for good
}

// maxWaiting bounds the lines a full disk leaves in memory.
const maxWaiting = 256

// openReceipts reads what was written down. The state knows the highest number
// that was: what the file no longer holds of it is said to be lost, so that no
// number is given twice and none is missing.
func openReceipts(k *keep) (*receipts, error) {
	b, err := readFile(k.disk, "receipts")
	r := &receipts{keep: k, more: make(chan struct{}, 1), made: err == nil}
	if err != nil && !errors.Is(err, os.ErrNotExist) && !noDisk(diskError(err)) {
		return nil, fmt.Errorf("read receipts: %w", err)
	}
	var whole int
	r.through, r.lines, whole = readReceipts(b)
	r.size = int64(whole)
	if given := k.given.Load(); r.last() < given {
		first := max(r.last()+1, given-maxKept)
		if r.last() == 0 {
			first = given // how far the node acknowledged is lost as well: it will say
		}
		for n := first; n <= given; n++ {
			r.lines = append(r.lines, lostLine(n))
		}
	}
	if len(r.lines) > 0 {
		r.more <- struct{}{}
	}
	return r, nil
}

// lostLine stands for a playback whose number is known and nothing else.
func lostLine(n int64) wire.Line {
	return wire.Line{N: n, Warrant: loa.Hash(nil), Result: wire.Partly, Why: "receipt.lost", Clock: wire.ClockUnknown}
}

// last is the highest number given.
func (r *receipts) last() int64 {
	if len(r.lines) > 0 {
		return r.lines[len(r.lines)-1].N
	}
	return r.through
}

// add numbers a line and returns once it is on disk. A line the disk would not
// take waits in memory for flush.
func (r *receipts) add(l wire.Line) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) < maxWaiting {
		r.waiting = append(r.waiting, l)
	}
	return r.writeWaiting()
}

// many reports whether so much waits for the node that a refusal, which anybody can
// bring about, has to stay out: playbacks still have room.
func (r *receipts) many() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lines) >= maxKept
}

// flush tries again what the disk would not take.
func (r *receipts) flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.writeWaiting()
}

func (r *receipts) writeWaiting() error {
	for len(r.waiting) > 0 {
		if err := r.writeLine(r.waiting[0]); err != nil {
			return err
		}
		r.waiting = r.waiting[1:]
	}
	return nil
}

func (r *receipts) writeLine(l wire.Line) error {
	l.N = r.last() + 1
	b, err := encodeRecord(record{Line: &l})
	if err != nil {
		return err
	}
	if err := r.keep.small(func() error { return r.append(b) }); err != nil {
		return fmt.Errorf("write receipt: %w", err)
	}
	r.lines = append(r.lines, l)
	r.keep.given.Store(l.N)
	select {
	case r.more <- struct{}{}:
	default:
	}
	return nil
}

// append writes behind what is whole; what an earlier write left there goes.
func (r *receipts) append(b []byte) error {
	f, err := r.keep.disk.open("receipts", os.O_RDWR|os.O_CREATE)
	if err != nil {
		return diskError(err)
	}
	if err = f.Truncate(r.size); err == nil {
		if _, err = f.WriteAt(b, r.size); err == nil {
			err = f.Sync()
		}
	}
	if err != nil {
		return diskError(errors.Join(err, f.Truncate(r.size), f.Close()))
	}
	if err := f.Close(); err != nil {
		return diskError(err)
	}
	if !r.made {
		if err := r.keep.disk.sync(""); err != nil {
			return diskError(err)
		}
		r.made = true
	}
	r.size += int64(len(b))
	return nil
}

// has reports whether the playback is written down already and waits for the node.
// That the same was refused before, perhaps in the same millisecond, is no playback.
func (r *receipts) has(slot, warrant string, planned int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.lines {
		if l.Slot == slot && l.Warrant == warrant && l.Planned == planned && l.Result != wire.Refused {
			return true
		}
	}
	return false
}

// batch is the next lines to send, at most 100.
func (r *receipts) batch() []wire.Line {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]wire.Line(nil), r.lines[:min(len(r.lines), 100)]...)
}

// acked takes the node's answer: it holds every line up to through. What it holds
// is forgotten and the file rewritten whole. An answer above every number we gave
// says that ours were lost and began anew: what waits is numbered after it. An
// answer that leaves a gap below our first line says what was lost.
func (r *receipts) acked(through int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := slices.Clone(r.lines)
	switch {
	case through > r.last():
		for i := range lines {
			lines[i].N = through + 1 + int64(i)
		}
	case len(lines) > 0 && through < lines[0].N-1:
		for n := lines[0].N - 1; n > through && n > lines[0].N-1-maxKept; n-- {
			lines = slices.Insert(lines, 0, lostLine(n))
		}
	case through <= r.through:
		return nil
	}
	for len(lines) > 0 && lines[0].N <= through {
		lines = lines[1:]
	}
	all, err := encodeRecord(record{Through: through})
	if err != nil {
		return err
	}
	for i := range lines {
		b, err := encodeRecord(record{Line: &lines[i]})
		if err != nil {
			return err
		}
		all = append(all, b...)
	}
	if err := r.keep.small(func() error { return r.keep.write("receipts", all) }); err != nil {
		return fmt.Errorf("shorten receipts: %w", err)
	}
	r.through, r.lines, r.size, r.made = through, lines, int64(len(all)), true
	r.keep.given.Store(r.last())
	return nil
}

// tell sends what is written down, spread over ReceiptDelay so that ten
// thousand speakers do not answer in one second, and repeats until acknowledged.
func (a *agent) tell(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.receipts.more:
		}
		if !a.rest(ctx, upTo(a.cfg.ReceiptDelay)) {
			return nil
		}
		for fails := 0; len(a.receipts.batch()) > 0; {
			err := a.send(ctx)
			if err == nil {
				fails = 0
				continue
			}
			a.log.Warn("receipts not delivered", "error", err)
			fails++
			if !a.rest(ctx, backOff(fails, 15*time.Minute)) {
				return nil
			}
		}
	}
}

func (a *agent) send(ctx context.Context) error {
	lines := a.receipts.batch()
	b, err := wire.Encode(wire.Receipt{V: wire.Version, Kind: "receipt", Device: a.device, At: a.clock.millis(), Lines: lines})
	if err != nil {
		return err
	}
	sealed, err := seal.Seal(wire.ReceiptType, b, a.key)
	if err != nil {
		return err
	}
	var ack wire.Ack
	if err := a.client.post(ctx, "/device/v1/receipts", sealed, &ack); err != nil {
		return err
	}
	if err := a.receipts.acked(ack.Through); err != nil {
		return err
	}
	if ack.Through == lines[0].N-1 {
		return loa.Errorf(loa.Unavailable, "receipt.not_taken", ack.Through, lines[0].N)
	}
	return nil
}
