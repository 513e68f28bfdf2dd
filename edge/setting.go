package edge

// Beside the line: settings. One thing a box is told from afar: written down
// under its number like any now warrant, then done.

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"loa"
	"loa/seal"
	"loa/wire"
)

// set is what settings left behind.
type set struct {
	Volume int    `json:"volume,omitempty"` // percent, 0 for never
	From   int64  `json:"from,omitempty"`   // of the warrant that said so
	ID     string `json:"id,omitempty"`
}

// apply does what a setting says. Of two volumes the later one holds, whichever
// came first.
func (a *agent) apply(ctx context.Context, w wire.Warrant, b []byte) error {
	hash := loa.Hash(b)
	err := a.number(w, b, func(s *state) {
		newer := cmp.Or(cmp.Compare(w.From, s.Set.From), cmp.Compare(w.ID, s.Set.ID)) > 0
		if w.Setting.Volume > 0 && newer {
			s.Set = set{Volume: w.Setting.Volume, From: w.From, ID: w.ID}
		}
	})
	if err != nil {
		return err
	}
	a.log.Info("set", "volume", w.Setting.Volume, "logs", w.Setting.Logs, "restart", w.Setting.Restart)
	a.state("accepted", "", hash, "")
	switch {
	case w.Setting.Logs > 0:
		a.sounds.Go(func() { a.postLog(ctx, w, hash) })
	case w.Setting.Restart:
		nudge(a.again)
	}
	return nil
}

// restart ends the program when a setting said so and nothing sounds, so that
// the system starts it again.
func (a *agent) restart(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-a.again:
	}
	for len(a.keep.now().Sounding) > 0 || len(a.keep.now().Pending) > 0 {
		if !a.rest(ctx, time.Second) {
			return nil
		}
	}
	a.log.Info("starting again, as a setting said")
	return nil
}

// loudness is how loud a warrant sounds here, allowed by policy and placement.
func (a *agent) loudness(w wire.Warrant, p wire.Placement, allowed int) int {
	return wire.Loudness(w, p, allowed, a.cfg.Volume, a.keep.now().Set.Volume)
}

// volume is what the box is set to, for beats.
func (a *agent) volume() int {
	if v := a.keep.now().Set.Volume; v > 0 {
		return min(v, a.cfg.Volume)
	}
	return a.cfg.Volume
}

// tail keeps the last lines of the log in memory, for a setting that asks.
type tail struct {
	mu    sync.Mutex
	lines []string
}

const tailLines = 500

// Write takes one line, as slog writes them.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := strings.TrimSuffix(string(b), "\n")
	if len(s) > wire.MaxLogLine {
		s = s[:wire.MaxLogLine]
	}
	// A document is strict about its text, and an error may quote anything.
	s = strings.ReplaceAll(norm.NFC.String(strings.ToValidUTF8(s, "?")), string(utf8.RuneError), "?")
	for len(s) > wire.MaxLogLine { // composing can lengthen, too
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	if t.lines = append(t.lines, s); len(t.lines) > tailLines {
		t.lines = slices.Delete(t.lines, 0, len(t.lines)-tailLines)
	}
	return len(b), nil
}

// last is the last lines, at most n and no more than fit a log, the oldest first.
func (t *tail) last(n int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := t.lines[max(0, len(t.lines)-n):]
	room := wire.MaxLog - 1024
	for i, s := range slices.Backward(lines) {
		written, err := json.Marshal(s)
		if err != nil || room < len(written)+1 {
			lines = lines[i+1:]
			break
		}
		room -= len(written) + 1
	}
	return append([]string{}, lines...)
}

// postLog sends the end of the log until the node took it, refused it, or the
// setting is over.
func (a *agent) postLog(ctx context.Context, w wire.Warrant, hash string) {
	for fails := 1; a.clock.millis() < w.Until; fails++ {
		err := a.sendLog(ctx, w, hash)
		if err == nil {
			return
		}
		a.log.Warn("log not delivered", "error", err)
		if !expected(err) || !a.rest(ctx, backOff(fails, 15*time.Minute)) {
			return
		}
	}
}

func (a *agent) sendLog(ctx context.Context, w wire.Warrant, hash string) error {
	b, err := wire.Encode(wire.Log{V: wire.Version, Kind: "log", Device: a.device, At: a.clock.millis(), Warrant: hash,
		Lines: a.tail.last(w.Setting.Logs)})
	if err != nil {
		return err
	}
	sealed, err := seal.Seal(wire.LogType, b, a.key)
	if err != nil {
		return err
	}
	var taken struct{}
	return a.client.post(ctx, "/device/v1/logs", sealed, &taken)
}
