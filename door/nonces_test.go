package door

import (
	"fmt"
	"testing"

	"loa"
	"loa/wire"
)

func TestNonces(t *testing.T) {
	const now = 1_000_000
	n := newNonces(2, 3)
	for _, c := range []struct {
		device, nonce string
		at            int64
		want          string // key of the refusal
	}{
		{"a", "1", now, ""},
		{"a", "1", now, "token.replayed"},
		{"a", "1", now + 2*wire.TokenLife, "token.replayed"}, // the last moment it could open
		{"b", "1", now, ""},                                  // another's
		{"a", "2", now + 1, ""},
		{"a", "3", now + 1, "door.too_often"},
		{"c", "1", now + 1, "door.full"},
		{"b", "2", now + 1, "door.full"},
		{"c", "1", now + 2*wire.TokenLife + 1, ""},               // the two first are forgotten
		{"a", "1", now + 2*wire.TokenLife + 1, ""},               // too old to open: forgotten
		{"a", "2", now + 2*wire.TokenLife + 1, "token.replayed"}, // not this one
	} {
		got := ""
		if err := n.use(c.device, c.nonce, c.at); err != nil {
			got = loa.KeyOf(err)
		}
		if got != c.want {
			t.Errorf("%s %s at +%d: %q, want %q", c.device, c.nonce, c.at-now, got, c.want)
		}
	}
}

// However many sign in, only so much is held, and all of it is given back.
func TestNoncesAreBounded(t *testing.T) {
	n := newNonces(4, 100)
	for now := range int64(50) {
		for i := range 1000 {
			_ = n.use(fmt.Sprint(i%200), fmt.Sprint(now, i), now*wire.TokenLife) // most are refused
		}
		held := 0
		for device, mine := range n.used {
			if len(mine) == 0 || len(mine) > 4 {
				t.Fatalf("%s holds %d", device, len(mine))
			}
			held += len(mine)
		}
		if held != n.n || held > 100 {
			t.Fatalf("%d held, %d counted, 100 allowed", held, n.n)
		}
	}
}
