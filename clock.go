package loa

import (
	"sync"
	"time"
)

// Clock is where every package but cmd takes time from: a test turns it by
// hand, a speaker corrects it, and no package reads the machine's clock itself.
type Clock interface {
	// Now is the present.
	Now() time.Time
	// After delivers once d has passed.
	After(d time.Duration) <-chan time.Time
}

// WallClock is the machine's clock.
type WallClock struct{}

// Now is time.Now.
func (WallClock) Now() time.Time { return time.Now() }

// After is time.After.
func (WallClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// HandClock is a clock that stands still until a test turns it.
type HandClock struct {
	mu    sync.Mutex
	now   time.Time
	waits []wait
}

type wait struct {
	at time.Time
	ch chan time.Time
}

// NewHandClock makes a clock that stands at t.
func NewHandClock(t time.Time) *HandClock { return &HandClock{now: t} }

// Now is where the clock stands.
func (c *HandClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// After delivers when the clock has been turned d further.
func (c *HandClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan time.Time, 1)
	if d <= 0 {
		ch <- c.now
		return ch
	}
	c.waits = append(c.waits, wait{c.now.Add(d), ch})
	return ch
}

// Turn moves the clock on by d (back, when d is negative) and wakes whoever
// waited for a moment that has now come.
func (c *HandClock) Turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	kept := c.waits[:0]
	for _, w := range c.waits {
		if w.at.After(c.now) {
			kept = append(kept, w)
			continue
		}
		w.ch <- c.now
	}
	c.waits = kept
}

// Zone is the legal time of Viet Nam, UTC+7 without summer time (Decision
// 134/2002/QĐ-TTg): people read times in it, documents carry UTC.
func Zone() *time.Location { return time.FixedZone("+07", 7*60*60) }
