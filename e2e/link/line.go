package link

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// silence is how long a connection that was cut without a word stays open.
const silence = time.Second

// Line is a way to one address that can be told to break.
type Line struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	dice  *rand.Rand
	most  int64 // bytes after which a connection is cut, at the latest; 0 is never
	conns map[net.Conn]bool
	cuts  int
	ended bool
	work  sync.WaitGroup
}

// Open listens on loopback and carries everything to the target, "host:port".
// The same seed cuts the same bytes, as far as connections come in the same order.
func Open(target string, seed uint64) (*Line, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open line: %w", err)
	}
	l := &Line{listener: listener, target: target, dice: rand.New(rand.NewPCG(seed, 1)), conns: map[net.Conn]bool{}}
	l.work.Go(l.accept)
	return l, nil
}

// Addr is where the line begins, "host:port".
func (l *Line) Addr() string { return l.listener.Addr().String() }

// Cut breaks every connection that stands, and each that comes after a random
// number of bytes, at most so many, in a random way.
func (l *Line) Cut(most int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.most = most
	for c := range l.conns {
		l.cuts++
		reset(c)
	}
}

// Heal lets connections live again.
func (l *Line) Heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.most = 0
}

// Cuts is how many connections were cut so far.
func (l *Line) Cuts() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cuts
}

// Close ends everything.
func (l *Line) Close() error {
	err := l.listener.Close()
	l.mu.Lock()
	l.ended = true
	for c := range l.conns {
		reset(c)
	}
	l.mu.Unlock()
	l.work.Wait()
	return err
}

func (l *Line) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return // closed
		}
		l.work.Go(func() { l.carry(near) })
	}
}

// fate is what will become of a connection: after so many bytes in both
// directions together it is reset, or falls silent first, in one direction or both.
type fate struct {
	left   int64
	silent [2]bool
}

func (l *Line) fate() *fate {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most == 0 {
		return nil
	}
	f := &fate{left: l.dice.Int64N(l.most)}
	if l.dice.IntN(4) == 0 {
		f.silent = [2]bool{l.dice.IntN(2) == 0, l.dice.IntN(2) == 0}
	}
	return f
}

func (l *Line) carry(near net.Conn) {
	far, err := net.Dial("tcp", l.target)
	if err != nil {
		reset(near)
		return
	}
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		reset(near)
		reset(far)
		return
	}
	l.conns[near], l.conns[far] = true, true
	l.mu.Unlock()
	f := l.fate()
	var both sync.WaitGroup
	both.Go(func() { l.pipe(far, near, f, 0) })
	both.Go(func() { l.pipe(near, far, f, 1) })
	both.Wait()
	l.mu.Lock()
	delete(l.conns, near)
	delete(l.conns, far)
	l.mu.Unlock()
}

// pipe carries one direction until its end or the connection's.
func (l *Line) pipe(to, from net.Conn, f *fate, direction int) {
	defer reset(to)
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		pass := int64(n)
		if f != nil {
			l.mu.Lock()
			pass = min(pass, max(0, f.left))
			f.left -= int64(n)
			cut := f.left < 0
			if cut && f.left+int64(n) >= 0 {
				l.cuts++
			}
			l.mu.Unlock()
			if cut {
				_, _ = to.Write(b[:pass]) // half of something
				if f.silent[direction] {
					_ = from.SetReadDeadline(time.Now().Add(silence))
					_, _ = io.Copy(io.Discard, from) // swallowed, and nobody is told
				}
				reset(from)
				return
			}
		}
		if _, werr := to.Write(b[:pass]); err != nil || werr != nil {
			return
		}
	}
}

// reset closes a connection as a router that was restarted does: without a
// farewell.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}
