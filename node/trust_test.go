package node

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"loa"
	"loa/db"
	"loa/db/dbtest"
	"loa/journal"
	"loa/seal"
	"loa/signer"
	"loa/speaker"
)

// TestRenewKeys turns the clock of a node and its signer, on both databases: nothing is
// written down before three fifths of a life; then what was renewed, once, and devices
// may fetch it; a signer that is away, once, until it works again.
func TestRenewKeys(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		clock := loa.NewHandClock(time.Date(2026, 11, 23, 6, 0, 0, 0, loa.Zone()))
		d := dbtest.OpenAt(t, url, clock)
		dir, err := os.MkdirTemp("", "loa") //nolint:usetesting // t.TempDir is too long for a Unix socket
		must(err)
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		file, root, err := signer.NewRoot("Lam Xuyên (giả định)", true, nil)
		must(err)
		const life = 100 * 24 * time.Hour
		_, err = signer.Init(dir, file, nil, nil, "vn/98", []loa.Path{"vn/98/98011"}, clock.Now(), life)
		must(err)
		start := func() (stop func()) {
			ctx, cancel := context.WithCancel(context.Background())
			s := &signer.Server{Dir: dir, Socket: filepath.Join(dir, "s"), Clock: clock, Log: slog.New(slog.DiscardHandler), RPID: "loa.example", Origins: []string{"https://loa.example"}}
			ready, ended := make(chan struct{}), make(chan error, 1)
			s.Ready = func() { close(ready) }
			go func() { ended <- s.Run(ctx) }()
			<-ready
			return func() { cancel(); must(<-ended) }
		}
		stop := start()
		n := &Node{DB: d, Root: root, Signer: signer.Client{Socket: filepath.Join(dir, "s")}, saying: make(chan spoken, 10), ringNow: make(chan struct{}, 1)}
		n.Speakers = &speaker.Register{DB: d, Root: root, Said: n.said}
		must(n.believe(t.Context()))
		book := func() (verbs []string) {
			t.Helper()
			must(d.Read(t.Context(), func(tx *db.Tx) error {
				rows, err := journal.List(tx, journal.Filter{Subject: speaker.RenewalSubject})
				for _, r := range slices.Backward(rows) {
					verbs = append(verbs, r.Verb)
				}
				return err
			}))
			return verbs
		}
		says := func(want ...string) {
			t.Helper()
			if got := book(); !slices.Equal(got, want) {
				t.Errorf("the book says %v, want %v", got, want)
			}
		}
		fetched := func() int {
			t.Helper()
			all, err := n.Speakers.Delegations(t.Context(), "vn/98/98011")
			must(err)
			return len(all)
		}
		renew := func() error { clock.Turn(time.Minute); return n.renew(t.Context()) } // rows of one moment have no order
		must(renew())
		says()
		// The root's holder prolongs the province's own key; the rest is of itself.
		clock.Turn(life / 2)
		key, held, err := signer.OpenRoot(file, nil)
		must(err)
		_, given, err := n.Speakers.Given(t.Context())
		must(err)
		given[0].Until += life.Milliseconds()
		paper, err := signer.NewSuccession(held, nil, given)
		must(err)
		_, err = paper.SealToo(key)
		must(err)
		b, err := json.Marshal(paper)
		must(err)
		must(n.Signer.Succeed(t.Context(), b))
		must(n.believe(t.Context()))
		must(renew())
		says()
		if fetched() != 4 {
			t.Errorf("%d delegations", fetched())
		}
		clock.Turn(life / 10)
		must(renew())
		must(renew())
		says("keys.renewed")
		if fetched() != 7 { // the province's, and old and new of the three below
			t.Errorf("%d delegations after", fetched())
		}
		if _, err := seal.NewTrust(n.trusted().Root(), must2(n.Speakers.Delegations(t.Context(), "vn/98/98011")), 0); err != nil {
			t.Error(err)
		}
		stop()
		for range 2 {
			if err := renew(); loa.KeyOf(err) != "signer.away" {
				t.Errorf("without a signer: %v", err)
			}
		}
		says("keys.renewed", speaker.RenewalFailed)
		stop = start()
		must(renew())
		must(renew())
		says("keys.renewed", speaker.RenewalFailed, "keys.renewal_works")
		stop()
	})
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
