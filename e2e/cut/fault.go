package cut

import (
	"slices"
	"strings"
	"syscall"
)

// fault makes one operation, or all from one on, fail.
type fault struct {
	kinds []string
	under string
	left  int // operations of the kind that still succeed
	err   syscall.Errno
	stays bool
	hit   bool
}

// Fail makes the k-th operation from now (1 is the next) of one of the kinds,
// on a path below under ("/" is all), fail with an error; every one after it too
// if it stays.
func (d *Disk) Fail(k int, err syscall.Errno, stays bool, under string, kinds ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = append(d.faults, &fault{kinds: kinds, under: under, left: k - 1, err: err, stays: stays})
}

// Failed reports whether every fault that was asked for has happened.
func (d *Disk) Failed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !slices.ContainsFunc(d.faults, func(f *fault) bool { return !f.hit })
}

// Heal takes all faults away.
func (d *Disk) Heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = nil
}

// Room lets n more bytes be written before the disk is full; -1 is no limit.
func (d *Disk) Room(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = n
}

func (d *Disk) fails(op Op) syscall.Errno {
	for _, f := range d.faults {
		if !slices.Contains(f.kinds, op.Kind) || !strings.HasPrefix(op.Path, f.under) {
			continue
		}
		if f.left > 0 {
			f.left--
			continue
		}
		if f.hit && !f.stays {
			continue
		}
		f.hit = true
		return f.err
	}
	return 0
}
