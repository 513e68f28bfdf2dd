package door

import (
	"testing"
	"testing/synctest"
	"time"

	"loa"
)

// TestAdmission: a crowd comes in at the pace that was set, each in its turn;
// who would wait too long is told so at once, and takes nobody's turn.
func TestAdmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const perSecond, crowd = 100, 1000
		a := newAdmission(perSecond, loa.WallClock{})
		began := time.Now()
		type in struct {
			after time.Duration
			err   error
		}
		all := make(chan in, crowd)
		for range crowd {
			go func() {
				err := a.enter()
				all <- in{time.Since(began), err}
			}()
		}
		served, turned := 0, 0
		var last time.Duration
		for range crowd {
			i := <-all
			switch {
			case i.err == nil:
				served++
				last = max(last, i.after)
			case loa.KeyOf(i.err) == "door.crowded" && i.after == 0:
				turned++
			default:
				t.Errorf("after %v: %v", i.after, i.err)
			}
		}
		if want := perSecond*int(maxQueue/time.Second) + perSecond; served < want-1 || served > want+1 || last > maxQueue {
			t.Errorf("%d served within %v, want %d within %v", served, last, want, maxQueue)
		}
		if served+turned != crowd {
			t.Errorf("%d served, %d turned away of %d", served, turned, crowd)
		}
		time.Sleep(time.Second)
		if before := time.Now(); a.enter() != nil || !time.Now().Equal(before) {
			t.Error("the crowd is gone, and the next one still waits")
		}
	})
}
