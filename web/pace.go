package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// paceMinute is how many requests of the slow kind one network may make in a
// minute: a whole office behind one address signs in within it, a program that
// guesses does not get far, and the table of questions stays small.
const paceMinute = 60

// pace counts them, each process for itself. What must be exact is counted in
// the database (people/lockout.go).
type pace struct {
	mu     sync.Mutex
	minute int64
	seen   map[string]int
}

// take counts one request, and says whether it may go on.
func (p *pace) take(network string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := now.Unix() / 60; m != p.minute || p.seen == nil {
		p.minute, p.seen = m, map[string]int{}
	}
	p.seen[network]++
	return p.seen[network] <= paceMinute
}

// network is whom a request is counted for: of IPv6 the first 64 bits, which is
// the least that one customer gets.
func network(r *http.Request) string {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	ip := a.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return ip.String()
	}
	return p.String()
}

// Behind believes the named proxies, and nobody else, about whom a request comes
// from: its address becomes the last in X-Forwarded-For that is not a proxy of
// ours. What stands before that was written by whoever asked, and counting wrong
// tries by it would let anybody start anew with every request.
func Behind(proxies []netip.Prefix, next http.Handler) http.Handler {
	ours := func(a netip.Addr) bool {
		for _, p := range proxies {
			if p.Contains(a) {
				return true
			}
		}
		return false
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err == nil && ours(peer.Addr().Unmap()) {
			list := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
			for _, l := range slices.Backward(list) {
				a, err := netip.ParseAddr(strings.TrimSpace(l))
				if err != nil {
					break // what stands before cannot be trusted either
				}
				r.RemoteAddr = netip.AddrPortFrom(a.Unmap(), 0).String()
				if !ours(a.Unmap()) {
					break
				}
			}
		}
		next.ServeHTTP(w, r)
	})
}
