package storm

import (
	"fmt"
	"slices"
	"time"
)

// Spread is a distribution in a few numbers.
type Spread struct {
	N             int
	P50, P99, Max time.Duration
}

// spreadOf sorts all in place.
func spreadOf(all []time.Duration) Spread {
	if len(all) == 0 {
		return Spread{}
	}
	slices.Sort(all)
	at := func(percent int) time.Duration { return all[min(len(all)-1, len(all)*percent/100)] }
	return Spread{N: len(all), P50: at(50), P99: at(99), Max: all[len(all)-1]}
}

func (s Spread) String() string {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d.Microseconds())/1000) }
	return fmt.Sprintf("p50 %s, p99 %s, max %s of %d", ms(s.P50), ms(s.P99), ms(s.Max), s.N)
}
