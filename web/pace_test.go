package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"loa/web"
)

// TestBehind: whom a request is counted for, with proxies and without.
func TestBehind(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("fd00::1/128")}
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy at all", "203.0.113.9:4000", nil, "203.0.113.9:4000"},
		{"a stranger who says who they are", "203.0.113.9:4000", []string{"198.51.100.1"}, "203.0.113.9:4000"},
		{"our proxy", "10.0.0.7:4000", []string{"198.51.100.1"}, "198.51.100.1:0"},
		{"our proxy, and what the stranger wrote before", "10.0.0.7:4000", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1:0"},
		{"two of ours, one behind the other", "10.0.0.7:4000", []string{"1.1.1.1, 198.51.100.1, 10.0.0.8"}, "198.51.100.1:0"},
		{"in two headers", "10.0.0.7:4000", []string{"1.1.1.1", "198.51.100.1"}, "198.51.100.1:0"},
		{"ours alone", "10.0.0.7:4000", []string{"10.0.0.8"}, "10.0.0.8:0"},
		{"ours, saying nothing", "10.0.0.7:4000", nil, "10.0.0.7:4000"},
		{"ours, with rubbish", "10.0.0.7:4000", []string{"198.51.100.1, <script>"}, "10.0.0.7:4000"},
		{"the neighbour of our proxies", "10.0.1.7:4000", []string{"198.51.100.1"}, "10.0.1.7:4000"},
		{"ours by IPv6", "[fd00::1]:4000", []string{"2001:db8::5"}, "[2001:db8::5]:0"},
		{"ours, IPv4 written as IPv6", "[::ffff:10.0.0.7]:4000", []string{"::ffff:198.51.100.1"}, "198.51.100.1:0"},
	} {
		var got string
		h := web.Behind(proxies, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		for _, f := range c.forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestPace: a slow route lets sixty a minute through from one network, and the
// next minute sixty more; other networks and other routes are not held up.
func TestPace(t *testing.T) {
	g := build(t, nil)
	done := 0
	count := func(http.ResponseWriter, *http.Request) error { done++; return nil }
	h := g.site.Handler([]web.Route{{Pattern: "POST /slow", Handle: count, Slow: true}, {Pattern: "POST /quick", Handle: count}})
	ask := func(path, from string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, nil)
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
			t.Error("nobody says when to come again")
		}
		return w.Code
	}
	for i := range 70 {
		want := http.StatusOK
		if i >= 60 {
			want = http.StatusServiceUnavailable
		}
		if got := ask("/slow", fmt.Sprintf("[2001:db8::%x]:99", i)); got != want {
			t.Fatalf("request %d: %d, want %d", i+1, got, want)
		}
	}
	if done != 60 {
		t.Errorf("%d got through", done)
	}
	if ask("/slow", "203.0.113.9:1") != http.StatusOK || ask("/quick", "[2001:db8::1]:1") != http.StatusOK {
		t.Error("others are held up")
	}
	g.clock.Turn(time.Minute)
	if ask("/slow", "[2001:db8::1]:1") != http.StatusOK {
		t.Error("a minute later still held up")
	}
}
