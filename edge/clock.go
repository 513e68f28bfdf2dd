package edge

import (
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"loa"
	"loa/wire"
)

const (
	trustFor = 24 * time.Hour       // a sealed time makes the clock trusted this long
	rtcFor   = 365 * 24 * time.Hour // a battery clock further ahead than this is wrong
	leap     = time.Minute          // a running clock is never this far off; whoever set it was, now or before
	leapFor  = 24 * time.Hour       // what a leap passed over may come again, if it is taken back within a day
)

// machine is what outlives the process: which boot this is, how long it has run
// and whether a battery clock carried the time over the last boot.
type machine struct {
	boot    string
	up      func() time.Duration // since boot; never set by anyone
	battery bool
}

func thisMachine() machine {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		id = nil // an unknown boot never equals an earlier one
	}
	_, err = os.Stat("/sys/class/rtc/rtc0")
	return machine{
		boot: strings.TrimSpace(string(id)),
		up: func() time.Duration {
			var ts unix.Timespec
			if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
				return 0
			}
			return time.Duration(ts.Nano())
		},
		battery: err == nil,
	}
}

// anchor ties a sealed time to the machine, so that a restart of the program
// does not forget the time. Microseconds.
type anchor struct {
	Boot   string `json:"boot"`
	Up     int64  `json:"up"`
	True   int64  `json:"true"`   // UTC by the node
	Offset int64  `json:"offset"` // true − the machine's clock
}

// clock is the disciplined clock: the machine counts, sealed times say from
// where. The machine's own date is believed only after a boot with a battery.
type clock struct {
	machine loa.Clock
	box     machine

	mu      sync.Mutex
	known   bool
	from    time.Time // the machine's reading when true was right
	true    int64     // UTC microseconds at from
	sealed  int64     // UTC microseconds of the last sealed time, 0 after a boot without one
	leapt   time.Time // the machine's reading when a sealed time last leapt ahead
	playing int
	held    func() // a step backwards that waits for the sound to end
}

func newClock(m loa.Clock, box machine, last anchor) *clock {
	c := &clock{machine: m, box: box}
	if last.True == 0 {
		return c
	}
	now := m.Now()
	wall := now.UnixMicro() + last.Offset
	switch {
	case box.boot != "" && box.boot == last.Boot:
		c.known, c.from, c.sealed = true, now, last.True
		c.true = last.True + box.up().Microseconds() - last.Up
	case box.battery && wall >= last.True && wall < last.True+rtcFor.Microseconds():
		c.known, c.from, c.true = true, now, wall
	}
	return c
}

// micros is UTC in microseconds; while the clock is unknown, the machine's guess.
func (c *clock) micros() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at(c.machine.Now())
}

func (c *clock) at(now time.Time) int64 {
	if !c.known {
		return now.UnixMicro()
	}
	return c.true + now.Sub(c.from).Microseconds()
}

// millis is UTC in milliseconds, the unit of documents.
func (c *clock) millis() int64 { return c.micros() / 1000 }

// state is wire.ClockTrusted, ClockDegraded or ClockUnknown.
func (c *clock) state() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.known:
		return wire.ClockUnknown
	case c.sealed > 0 && c.at(c.machine.Now())-c.sealed < trustFor.Microseconds():
		return wire.ClockTrusted
	}
	return wire.ClockDegraded
}

// guessed reports whether the time is a battery's, and no sealed time has come
// since the boot.
func (c *clock) guessed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known && c.sealed == 0
}

// passedOver reports whether the time leapt ahead not long ago: what should have
// sounded in between was not missed for good if whoever said the time takes it back.
func (c *clock) passedOver() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.leapt.IsZero() && c.machine.Now().Sub(c.leapt) < leapFor
}

// offset is how far, in microseconds, the machine's own date is from the truth.
func (c *clock) offset() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.machine.Now()
	return c.at(now) - now.UnixMicro()
}

// set says that it was micros when the machine read from. A step backwards
// waits until nothing sounds, so a sound never has two starts.
func (c *clock) set(micros int64, from time.Time) anchor {
	c.mu.Lock()
	defer c.mu.Unlock()
	apply := func() {
		if c.known && micros-c.at(from) > leap.Microseconds() {
			c.leapt = from
		}
		c.known, c.from, c.true, c.sealed = true, from, micros, micros
		c.held = nil
	}
	if c.known && c.playing > 0 && micros < c.at(from) {
		c.held = apply
	} else {
		apply()
	}
	now := c.machine.Now()
	return anchor{
		Boot: c.box.boot, Up: c.box.up().Microseconds(),
		True:   micros + now.Sub(from).Microseconds(),
		Offset: micros - from.UnixMicro(),
	}
}

// hold and release stand around every sound.
func (c *clock) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.playing++
}

func (c *clock) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.playing--
	if c.playing == 0 && c.held != nil {
		c.held()
	}
}
