package bulletin

import "testing"

// TestExpendable is the whole rule about old sound: before is moment 100.
func TestExpendable(t *testing.T) {
	old := aged{State: Expired, Until: 50, Changed: 50, Sounds: 40}
	with := func(change func(*aged)) aged {
		a := old
		change(&a)
		return a
	}
	for _, c := range []struct {
		name string
		a    aged
		want bool
	}{
		{"expired long ago", old, true},
		{"never had a slot", with(func(a *aged) { a.Sounds = 0 }), true},
		{"stopped long ago", with(func(a *aged) { a.State = Stopped }), true},
		{"cancelled long ago", with(func(a *aged) { a.State = Cancelled }), true},
		{"a draft nobody finished", with(func(a *aged) { a.State = Draft }), false},
		{"waits for approval", with(func(a *aged) { a.State = Submitted }), false},
		{"waits for the signer", with(func(a *aged) { a.State = Approved }), false},
		{"waits for a session", with(func(a *aged) { a.State = Sealed }), false},
		{"has a session", with(func(a *aged) { a.State = Scheduled }), false},
		{"with the speakers", with(func(a *aged) { a.State = Dispatched }), false},
		{"a melody within its until", with(func(a *aged) { a.Until = 200 }), false},
		{"until at the very moment", with(func(a *aged) { a.Until = 100 }), false},
		{"until just before it", with(func(a *aged) { a.Until = 99 }), true},
		{"stopped lately", with(func(a *aged) { a.State, a.Changed = Stopped, 100 }), false},
		{"a slot ahead", with(func(a *aged) { a.Sounds = 300 }), false},
		{"in a standing programme", with(func(a *aged) { a.Standing = true }), false},
	} {
		if got := c.a.expendable(100); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
