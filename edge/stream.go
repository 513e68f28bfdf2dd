package edge

// Beside the line: streams. A mount of the node's own, frame by frame: each is
// checked like those of a file, decoded ahead of its moment, and given to the
// player without making it wait. What the player does not get becomes silence,
// and too much silence ends it: no dead air.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hajimehoshi/go-mp3"

	"loa"
	"loa/wire"
)

const (
	relayAhead = Rate / 2 // samples that are there before live sound begins
	relayMost  = 4 * Rate // and at most: an interrupted stream goes on with the last of it
)

// relay is a stream on its way to the player.
type relay struct {
	cancel context.CancelFunc
	ready  chan struct{} // closed when enough is there, or it failed

	mu    sync.Mutex
	pcm   []int16
	err   error // why nothing more comes; io.EOF when the source ended
	dry   int64 // samples of silence since the last one that came
	begun bool
}

// relayed opens a now warrant's stream and waits for its first half second.
func (a *agent) relayed(ctx context.Context, w wire.Warrant) (*source, error) {
	r := a.tune(w)
	select {
	case <-ctx.Done():
		r.cancel()
		return nil, ctx.Err()
	case <-a.cfg.Clock.After(10 * time.Second):
		r.cancel()
		return nil, loa.Errorf(loa.Unavailable, "stream.silent")
	case <-r.ready:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pcm) == 0 {
		r.cancel()
		return nil, r.failure()
	}
	return &source{parts: []part{{relay: r, samples: w.Length * Rate / 1000}}}, nil
}

// failure is why nothing sounds; the caller holds the lock.
func (r *relay) failure() error {
	if r.err == nil || errors.Is(r.err, io.EOF) {
		return loa.Errorf(loa.Unavailable, "stream.silent")
	}
	return r.err
}

// tune begins to receive a mount until the relay is closed or the agent ends.
func (a *agent) tune(w wire.Warrant) *relay {
	ctx, cancel := context.WithCancel(a.life)
	r := &relay{cancel: cancel, ready: make(chan struct{})}
	frames, into := io.Pipe()
	go func() {
		err := guarded(ctx, func(ctx context.Context) error { return a.receiveFrames(ctx, w.Mount, into) })
		into.CloseWithError(err)
	}()
	go func() {
		err := guarded(ctx, func(context.Context) error { return r.decode(frames) })
		frames.CloseWithError(err)
		r.finish(err)
	}()
	return r
}

// receiveFrames copies whole frames of the canonical form and nothing else. A
// link that breaks is opened again at once; how long that may take is the
// player's to say, by the silence it hears. What is no frame ends it for good.
func (a *agent) receiveFrames(ctx context.Context, mount string, into io.Writer) error {
	for fails := 1; ; fails++ {
		some, err := a.onceFrames(ctx, mount, into)
		if some {
			fails = 1
		}
		if !expected(err) || ctx.Err() != nil {
			return err
		}
		a.log.Warn("stream broken", "mount", mount, "error", err)
		if !a.rest(ctx, time.Duration(min(fails, 8))*250*time.Millisecond) {
			return err
		}
	}
}

func (a *agent) onceFrames(ctx context.Context, mount string, into io.Writer) (some bool, err error) {
	token, err := a.token()
	if err != nil {
		return false, err
	}
	resp, err := a.client.do(ctx, "GET", "/device/v1/stream/"+mount, nil, token)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	frame := make([]byte, wire.FrameBytes)
	for {
		n, err := io.ReadFull(resp.Body, frame)
		switch {
		case n == 0 && errors.Is(err, io.EOF):
			return some, io.EOF // the source ended
		case errors.Is(err, io.ErrUnexpectedEOF) && n > 0:
			return some, loa.Errorf(loa.Unavailable, "stream.broken").Because(err)
		case err != nil:
			return some, loa.Errorf(loa.Unavailable, "stream.broken").Because(err)
		}
		if _, err := wire.CheckFrames(frame); err != nil {
			return some, loa.Errorf(loa.Invalid, "stream.form").Because(err)
		}
		if _, err := into.Write(frame); err != nil {
			return some, err
		}
		some = true
	}
}

func (r *relay) decode(frames io.Reader) error {
	dec, err := mp3.NewDecoder(struct{ io.Reader }{frames})
	if err != nil {
		return err
	}
	b := make([]byte, frameSamples*4)
	pcm := make([]int16, frameSamples)
	for {
		n, err := io.ReadFull(dec, b)
		for i := range n / 4 {
			pcm[i] = int16(uint16(b[i*4]) | uint16(b[i*4+1])<<8)
		}
		r.put(pcm[:n/4])
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			return io.EOF
		case err != nil:
			return err
		}
	}
}

func (r *relay) put(pcm []int16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pcm = append(r.pcm, pcm...)
	if over := len(r.pcm) - relayMost; over > 0 {
		r.pcm = append(r.pcm[:0], r.pcm[over:]...)
	}
	if !r.begun && len(r.pcm) >= relayAhead {
		r.begun = true
		close(r.ready)
	}
}

func (r *relay) finish(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if loa.KeyOf(err) == "" && !errors.Is(err, io.EOF) {
		err = loa.Errorf(loa.Unavailable, "stream.broken").Because(fmt.Errorf("decoder: %w", err))
	}
	r.err = err
	if !r.begun {
		r.begun = true
		close(r.ready)
	}
}

// read gives what is there and silence for what is not, at once.
func (r *relay) read(pcm []int16) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := copy(pcm, r.pcm)
	r.pcm = r.pcm[n:]
	if n > 0 {
		r.dry = 0
		return n, nil
	}
	if r.err != nil {
		return 0, r.err
	}
	clear(pcm)
	r.dry += int64(len(pcm))
	if r.dry > wire.StreamSilence*Rate/1000 {
		return 0, loa.Errorf(loa.Unavailable, "stream.silent")
	}
	return len(pcm), nil
}
