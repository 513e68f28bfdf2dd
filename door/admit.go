package door

import (
	"crypto/tls"
	"time"

	"golang.org/x/time/rate"

	"loa"
)

// DefaultSignIns is how many connections a door takes in each second when Config
// does not say. A handshake and a sign-in cost about a millisecond of a processor:
// half of one then stays for those who are in already.
const DefaultSignIns = 500

// maxQueue is how long a connection may wait for its turn; nobody who waits so
// long is served better than by coming again later. The server's own limits for
// handshake and CONNECT are longer.
const maxQueue = 8 * time.Second

// admission lets connections in one after the other, so many a second and at
// most a second's worth together: when a province comes back at once, an
// emergency must not wait behind ten thousand handshakes.
type admission struct {
	turns *rate.Limiter
	clock loa.Clock
}

func newAdmission(perSecond int, clock loa.Clock) *admission {
	return &admission{rate.NewLimiter(rate.Limit(perSecond), perSecond), clock}
}

// enter waits for a turn in the connection's own goroutine, or says at once that
// there are too many.
func (a *admission) enter() error {
	now := a.clock.Now()
	turn := a.turns.ReserveN(now, 1)
	wait := turn.DelayFrom(now)
	if wait > maxQueue {
		turn.CancelAt(now)
		return loa.Errorf(loa.Unavailable, "door.crowded")
	}
	if wait > 0 {
		<-a.clock.After(wait)
	}
	return nil
}

// before has a connection wait before its handshake is answered, because that
// costs more than the rest of the sign-in.
func (a *admission) before(c *tls.Config) *tls.Config {
	c = c.Clone()
	choose := c.GetConfigForClient
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if err := a.enter(); err != nil {
			return nil, err
		}
		if choose == nil {
			return nil, nil
		}
		return choose(hello)
	}
	return c
}
