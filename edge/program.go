package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"loa"
)

// Program sounds through another program, fed raw samples on its standard input:
// 16 bits little-endian, mono, at Rate. It is started with the first samples and
// again after it died; what it said last stands in the error.
type Program struct {
	Args   []string
	Buffer time.Duration // what it keeps between its input and the horn
	Paced  bool          // a card paces it; any other is fed no faster than sound
	Clock  loa.Clock

	cmd  *exec.Cmd
	pipe *os.File
	said *lastWords
	pace pace
}

// hung is how long a program may take no sample before it is started again.
const hung = 5 * time.Second

// alsaBuffer is what aplay is told to keep between itself and the card.
const alsaBuffer = 200 * time.Millisecond

// aplay is the program of ALSA, which every small Linux has. device is an ALSA
// name such as "hw:0", "" for the default.
func aplay(device string) *Program {
	args := []string{"aplay", "-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", fmt.Sprint(Rate),
		fmt.Sprintf("--buffer-time=%d", alsaBuffer.Microseconds())}
	if device != "" {
		args = append(args, "-D", device)
	}
	return &Program{Args: args, Buffer: alsaBuffer, Paced: true, Clock: loa.WallClock{}}
}

// Write feeds the program; it blocks while pipe and card are full, or as long as
// the samples take.
func (a *Program) Write(pcm []int16) error {
	if a.pipe == nil {
		if err := a.start(); err != nil {
			return err
		}
	}
	err := a.pipe.SetWriteDeadline(a.Clock.Now().Add(hung))
	if err == nil {
		_, err = a.pipe.Write(raw(pcm))
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("write to %s: %w", a.Args[0], err), a.Close())
		return fmt.Errorf("%w (%s)", err, a.said)
	}
	if !a.Paced {
		a.pace.wait(a.Clock, len(pcm))
	}
	return nil
}

func (a *Program) start() error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start %s: %w", a.Args[0], err)
	}
	// A pipe holds a second of sound unless told otherwise; a stop must not wait for it.
	err = control(w, func(fd uintptr) error {
		_, err := unix.FcntlInt(fd, unix.F_SETPIPE_SZ, os.Getpagesize())
		return err
	})
	if err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", a.Args[0], err), r.Close(), w.Close())
	}
	cmd := exec.Command(a.Args[0], a.Args[1:]...) //nolint:noctx // it lives as long as the output, Close ends it
	a.said = &lastWords{}
	cmd.Stdin, cmd.Stderr, cmd.WaitDelay = r, a.said, time.Second
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", a.Args[0], err), r.Close(), w.Close())
	}
	a.cmd, a.pipe = cmd, w
	return r.Close()
}

// control runs f on a file without taking it away from the poller: it could then
// no longer time out.
func control(file *os.File, f func(fd uintptr) error) error {
	c, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	return errors.Join(c.Control(func(fd uintptr) { inner = f(fd) }), inner)
}

// Delay is what waits in the pipe and what the program keeps.
func (a *Program) Delay() time.Duration {
	if a.pipe == nil {
		return a.Buffer
	}
	n := 0
	_ = control(a.pipe, func(fd uintptr) (err error) { // an unknown fill is taken for none
		n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) // FIONREAD
		return err
	})
	d := a.Buffer + time.Duration(n/2)*time.Second/Rate
	if !a.Paced {
		d = a.Buffer + a.pace.delay(a.Clock)
	}
	return d
}

// Close ends the program: it is given a second to play out what it holds. The
// next Write starts it again.
func (a *Program) Close() error {
	if a.pipe == nil {
		return nil
	}
	err := a.pipe.Close()
	ended := make(chan struct{})
	go func() {
		select {
		case <-ended:
		case <-a.Clock.After(time.Second):
			_ = a.cmd.Process.Kill() // it may have ended by itself
		}
	}()
	_ = a.cmd.Wait() // how it says that it ended does not matter
	close(ended)
	a.cmd, a.pipe = nil, nil
	return err
}

// lastWords keeps the end of what a program says.
type lastWords struct {
	mu sync.Mutex
	b  []byte
}

func (l *lastWords) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b = append(l.b, b...); len(l.b) > 300 {
		l.b = bytes.Clone(l.b[len(l.b)-300:])
	}
	return len(b), nil
}

func (l *lastWords) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.ToValidUTF8(strings.TrimSpace(string(l.b)), "?")
}

// Amplifier is switched by two programs: On before something sounds, Off when
// nothing has sounded for a while. Empty ones are left out.
type Amplifier struct{ On, Off []string }

const (
	warmUp   = time.Second     // before a planned sound: tubes and relays
	holdOn   = 3 * time.Second // after the last sound: a relay that clatters between two bulletins does not last
	hookTime = 5 * time.Second // for a program that switches
)

// amplify switches the amplifier as the player wishes, apart from the samples: a
// relay that hangs must not silence the horn.
func (a *agent) amplify(ctx context.Context) error {
	run := func(args []string) {
		if len(args) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hookTime)
		defer cancel()
		said := &lastWords{}
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr, cmd.WaitDelay = said, said, time.Second
		if err := cmd.Run(); err != nil {
			a.log.Error("amplifier", "command", args[0], "error", err, "said", said.String())
			a.state("refused", "", "", "amplifier.failed")
		}
	}
	on := false
	defer func() {
		if on {
			run(a.cfg.Amplifier.Off)
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case want := <-a.player.power:
			if want == on {
				continue
			}
			if on = want; on {
				run(a.cfg.Amplifier.On)
			} else {
				run(a.cfg.Amplifier.Off)
			}
		}
	}
}

// switches tells the amplifier's loop what is wanted now, never waiting for it.
func (p *player) switches(at int64) {
	due := func(j *job) bool { return j.at <= at+warmUp.Microseconds() }
	if p.current != nil || len(p.urgent) > 0 || slices.ContainsFunc(p.scheduled, due) {
		p.heardAt = at
	}
	want := p.heardAt != 0 && at-p.heardAt < holdOn.Microseconds()
	if want == p.powered {
		return
	}
	select {
	case p.power <- want:
		p.powered = want
	default: // it is still switching; the next block asks again
	}
}
