package edge

import (
	"sync/atomic"
	"testing"
	"time"
)

// TestDated: the clock of the table is what the machine gives after its date was
// set, also by this Go's layout of a time.
func TestDated(t *testing.T) {
	t.Parallel()
	d := dated{by: &atomic.Int64{}}
	before, now := d.Now(), time.Now()
	if off := before.UnixNano() - now.UnixNano(); off > 1e9 || off < -1e9 {
		t.Errorf("its date is %v off", time.Duration(off))
	}
	d.by.Store(-600)
	after := d.Now()
	if ran := after.Sub(before); ran < 0 || ran > time.Second {
		t.Errorf("between the two ran %v", ran)
	}
	if off := after.Unix() - now.Unix(); off < -601 || off > -598 {
		t.Errorf("its date is %d s off", off)
	}
}
