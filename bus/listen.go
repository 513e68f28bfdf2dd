package bus

import (
	"slices"
	"sync"
	"sync/atomic"
)

// How much may wait for one slow listener. Out drops its oldest (a device that
// missed bytes finds their hash in the next beacon); changes collapse into
// "read everything again"; wakes into one.
const (
	maxOut   = 1024
	maxWatch = 256
)

// Handlers is what a listener wants to hear; nil for what it does not. Each
// handler runs in its own goroutine, one call at a time, and a slow one delays
// nobody else.
type Handlers struct {
	Out func(topic string, body []byte) // body is shared: do not change it
	// First names topics that wait behind no other: Out is called for them from a
	// goroutine of their own. Nil for none.
	First func(topic string) bool
	Wake  func()
	Watch func(Change)
}

type message struct {
	topic string
	body  []byte
}

// listener is one set of handlers with its queues.
type listener struct {
	isFirst func(topic string) bool

	first queue[message]
	out   queue[message]
	wake  queue[struct{}]
	watch queue[Change]
	lost  atomic.Int64
	done  chan struct{}
}

// On adds a listener until stop is called. A handler that runs while stop is
// called ends by itself; none starts afterwards but one already taken.
func (b *Bus) On(h Handlers) (stop func()) {
	l := &listener{
		isFirst: h.First, first: newQueue[message](h.Out != nil && h.First != nil),
		out: newQueue[message](h.Out != nil), wake: newQueue[struct{}](h.Wake != nil),
		watch: newQueue[Change](h.Watch != nil), done: make(chan struct{}),
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return func() {}
	}
	b.listeners[l] = struct{}{}
	if h.Out != nil {
		out := func(m message) { h.Out(m.topic, m.body) }
		b.running.Go(func() { l.out.serve(l.done, out) })
		if h.First != nil {
			b.running.Go(func() { l.first.serve(l.done, out) })
		}
	}
	if h.Wake != nil {
		b.running.Go(func() { l.wake.serve(l.done, func(struct{}) { h.Wake() }) })
	}
	if h.Watch != nil {
		b.running.Go(func() { l.watch.serve(l.done, h.Watch) })
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if _, on := b.listeners[l]; on {
			delete(b.listeners, l)
			close(l.done)
		}
	}
}

// Lost counts the Out messages that listeners were too slow for since they were
// added. Anything but zero means that a door cannot keep up.
func (b *Bus) Lost() int64 {
	var n int64
	b.each(func(l *listener) { n += l.lost.Load() })
	return n
}

func (b *Bus) each(tell func(*listener)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for l := range b.listeners {
		tell(l)
	}
}

func (l *listener) hearOut(m message) {
	to := l.out
	if l.isFirst != nil && l.isFirst(m.topic) {
		to = l.first
	}
	to.put(func(waiting []message) []message {
		if len(waiting) == maxOut {
			l.lost.Add(1)
			waiting = slices.Delete(waiting, 0, 1)
		}
		return append(waiting, m)
	})
}

func (l *listener) hearWake() {
	l.wake.put(func([]struct{}) []struct{} { return make([]struct{}, 1) })
}

func (l *listener) hearWatch(c Change) {
	l.watch.put(func(waiting []Change) []Change {
		if len(waiting) == 1 && waiting[0] == (Change{}) {
			return waiting // everything is to be read again anyway
		}
		waiting = slices.DeleteFunc(waiting, func(o Change) bool { return o.Noun == c.Noun && o.ID == c.ID })
		if c == (Change{}) || len(waiting) == maxWatch {
			return []Change{{}}
		}
		return append(waiting, c)
	})
}

// queue holds what waits for one handler. Putting never blocks.
type queue[T any] struct {
	bell    chan struct{} // nil when nobody serves it
	mu      *sync.Mutex
	waiting *[]T
}

func newQueue[T any](served bool) queue[T] {
	if !served {
		return queue[T]{}
	}
	return queue[T]{bell: make(chan struct{}, 1), mu: &sync.Mutex{}, waiting: &[]T{}}
}

// put changes what waits and rings.
func (q queue[T]) put(change func([]T) []T) {
	if q.bell == nil {
		return
	}
	q.mu.Lock()
	*q.waiting = change(*q.waiting)
	q.mu.Unlock()
	select {
	case q.bell <- struct{}{}:
	default: // it has been rung and not yet answered
	}
}

// take removes the oldest that waits.
func (q queue[T]) take() (item T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(*q.waiting) == 0 {
		return item, false
	}
	item = (*q.waiting)[0]
	*q.waiting = slices.Delete(*q.waiting, 0, 1)
	return item, true
}

// serve calls handle for each item until done.
func (q queue[T]) serve(done <-chan struct{}, handle func(T)) {
	for {
		select {
		case <-done:
			return
		case <-q.bell:
		}
		for item, ok := q.take(); ok; item, ok = q.take() {
			handle(item)
			select {
			case <-done:
				return
			default:
			}
		}
	}
}
