package journal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"loa"
	"loa/db"
	"loa/db/dbtest"
	"loa/journal"
)

const lease = 30 * time.Second

var (
	morning = time.Date(2026, 11, 3, 5, 0, 0, 0, loa.Zone())
	chair   = loa.Actor{ID: "lan", Name: "Nguyễn Thị Lan"}
)

// TestMain plays the process that dies when TestKilledBeforeSending asks for it.
func TestMain(m *testing.M) {
	if url := os.Getenv("JOURNAL_TEST_DIE"); url != "" {
		err := die(url)
		fmt.Fprintln(os.Stderr, err) // still alive: something failed
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write appends e as the chair and returns the row's id.
func write(t *testing.T, d *db.DB, e journal.Entry) (id string) {
	t.Helper()
	must(t, d.Write(t.Context(), func(tx *db.Tx) (err error) {
		id, err = journal.Append(tx, chair, e)
		return err
	}))
	return id
}

// words emits one row for each topic.
func words(topics ...string) journal.Entry {
	e := journal.Entry{Verb: "test.run"}
	for _, topic := range topics {
		e.Emits = append(e.Emits, journal.Emit{Topic: topic})
	}
	return e
}

func topics(pending []journal.Pending) (all []string) {
	for _, p := range pending {
		all = append(all, p.Topic)
	}
	return all
}

func ids(pending []journal.Pending) (all []string) {
	for _, p := range pending {
		all = append(all, p.ID)
	}
	return all
}

// claim expects that me gets exactly the topics, in this order.
func claim(t *testing.T, d *db.DB, me string, want ...string) []journal.Pending {
	t.Helper()
	got, err := journal.Claim(t.Context(), d, me, lease, 100)
	must(t, err)
	if diff := cmp.Diff(want, topics(got)); diff != "" {
		t.Errorf("%s claims (-want +got)\n%s", me, diff)
	}
	return got
}

func TestAppendAndList(t *testing.T) {
	dbtest.EachAt(t, loa.NewHandClock(morning), func(t *testing.T, d *db.DB) {
		id := write(t, d, journal.Entry{
			Verb: "bulletin.approved", Path: "vn/01/00004", Subject: "b1",
			Data:  map[string]any{"note": "Đồng ý <phát>"},
			Emits: []journal.Emit{{Topic: "loa/vn/01/00004", Body: []byte{0, 255}}, {Topic: "watch.bulletin"}},
		})
		bare := ""
		must(t, d.Write(t.Context(), func(tx *db.Tx) (err error) {
			bare, err = journal.Append(tx, loa.System(), journal.Entry{Verb: "demo_town.filled"})
			return err
		}))
		want := []journal.Row{
			{ID: id, At: morning.UTC(), Actor: "lan", ActorName: "Nguyễn Thị Lan", Verb: "bulletin.approved",
				Path: "vn/01/00004", Subject: "b1", Data: json.RawMessage(`{"note":"Đồng ý \u003cphát\u003e"}`)},
			{ID: bare, At: morning.UTC(), Actor: "system", ActorName: "Loa", Verb: "demo_town.filled", Data: json.RawMessage(`{}`)},
		}
		var got []journal.Row
		must(t, d.Read(t.Context(), func(tx *db.Tx) (err error) {
			got, err = journal.List(tx, journal.Filter{})
			return err
		}))
		byID := cmpopts.SortSlices(func(a, b journal.Row) bool { return a.ID < b.ID }) // both of one millisecond
		if diff := cmp.Diff(want, got, byID); diff != "" {
			t.Errorf("list (-want +got)\n%s", diff)
		}
		pending := claim(t, d, "a", "loa/vn/01/00004", "watch.bulletin")
		wantPending := []journal.Pending{
			{ID: id + ".1", JournalID: id, Topic: "loa/vn/01/00004", Body: []byte{0, 255}},
			{ID: id + ".2", JournalID: id, Topic: "watch.bulletin"},
		}
		if diff := cmp.Diff(wantPending, pending, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("pending (-want +got)\n%s", diff)
		}
	})
}

func TestAppendRefuses(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t))
	ok := journal.Entry{Verb: "bulletin.approved"}
	for name, c := range map[string]struct {
		who  loa.Actor
		edit func(*journal.Entry)
		want string
	}{
		"nobody":         {loa.Actor{}, func(*journal.Entry) {}, "nobody did it"},
		"no verb":        {chair, func(e *journal.Entry) { e.Verb = "" }, "noun.verb"},
		"no noun":        {chair, func(e *journal.Entry) { e.Verb = ".approved" }, "noun.verb"},
		"one word":       {chair, func(e *journal.Entry) { e.Verb = "bulletin" }, "noun.verb"},
		"three words":    {chair, func(e *journal.Entry) { e.Verb = "a.b.c" }, "noun.verb"},
		"capitals":       {chair, func(e *journal.Entry) { e.Verb = "Bulletin.approved" }, "noun.verb"},
		"a space":        {chair, func(e *journal.Entry) { e.Verb = "bulletin.was approved" }, "noun.verb"},
		"underscore end": {chair, func(e *journal.Entry) { e.Verb = "bulletin_.approved" }, "noun.verb"},
		"no topic":       {chair, func(e *journal.Entry) { e.Emits = []journal.Emit{{Body: []byte("a")}} }, "no topic"},
		"not JSON":       {chair, func(e *journal.Entry) { e.Data = func() {} }, "json"},
	} {
		t.Run(name, func(t *testing.T) {
			e := ok
			c.edit(&e)
			err := d.Write(t.Context(), func(tx *db.Tx) error {
				_, err := journal.Append(tx, c.who, e)
				return err
			})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestListFilter(t *testing.T) {
	clock := loa.NewHandClock(morning)
	dbtest.EachAt(t, clock, func(t *testing.T, d *db.DB) {
		rows := []struct {
			verb, subject string
			path          loa.Path
		}{
			{"unit.made", "u1", "vn/01"},
			{"bulletin.drafted", "b1", "vn/01/00004"},
			{"bulletin.approved", "b1", "vn/01/00004"},
			{"bulletin.drafted", "b2", "vn/01/00004/h/x"},
			{"bulletin.drafted", "b3", "vn/010"},
			{"bulletin.drafted", "b4", "vn/01-a"},
			{"people.signed_in", "p1", ""},
		}
		all := make([]string, len(rows))
		number := map[string]int{}
		for i, r := range rows {
			clock.Turn(time.Millisecond)
			all[i] = write(t, d, journal.Entry{Verb: r.verb, Subject: r.subject, Path: r.path})
			number[all[i]] = i
		}
		for _, c := range []struct {
			name   string
			filter journal.Filter
			want   []int
		}{
			{"all", journal.Filter{}, []int{6, 5, 4, 3, 2, 1, 0}},
			{"a province and below", journal.Filter{Path: "vn/01"}, []int{3, 2, 1, 0}},
			{"a hamlet", journal.Filter{Path: "vn/01/00004/h/x"}, []int{3}},
			{"a verb", journal.Filter{Verb: "bulletin.drafted"}, []int{5, 4, 3, 1}},
			{"a subject", journal.Filter{Subject: "b1"}, []int{2, 1}},
			{"everything at once", journal.Filter{Path: "vn/01", Verb: "bulletin.drafted", Subject: "b1", Before: all[2], Limit: 5}, []int{1}},
			{"the first page", journal.Filter{Limit: 2}, []int{6, 5}},
			{"the next page", journal.Filter{Limit: 2, Before: all[5]}, []int{4, 3}},
			{"beyond the last", journal.Filter{Before: all[0]}, nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				var got []int
				must(t, d.Read(t.Context(), func(tx *db.Tx) error {
					rows, err := journal.List(tx, c.filter)
					for _, r := range rows {
						got = append(got, number[r.ID])
					}
					return err
				}))
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		}
	})
}

// What is rolled back neither is in the book nor leaves.
func TestRolledBack(t *testing.T) {
	stop := errors.New("stop")
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			if _, err := journal.Append(tx, chair, words("a")); err != nil {
				return err
			}
			return stop
		})
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		claim(t, d, "a")
	})
}

func TestClaimLease(t *testing.T) {
	clock := loa.NewHandClock(morning)
	dbtest.EachAt(t, clock, func(t *testing.T, d *db.DB) {
		write(t, d, words("one", "two"))
		write(t, d, words("three"))
		held := claim(t, d, "a", "one", "two", "three")
		claim(t, d, "b")
		claim(t, d, "a") // nor does a get it twice
		clock.Turn(lease - time.Millisecond)
		claim(t, d, "b")

		must(t, journal.Sent(t.Context(), d, "a", ids(held[:1])))
		clock.Turn(time.Millisecond)
		again := claim(t, d, "b", "two", "three")
		if diff := cmp.Diff(held[1:], again); diff != "" {
			t.Errorf("the same rows with other names (-first +again)\n%s", diff)
		}
		must(t, journal.Sent(t.Context(), d, "a", ids(again[:1]))) // late, but it was said
		must(t, journal.Release(t.Context(), d, "a", ids(again)))  // not a's to give back any more
		claim(t, d, "c")
		must(t, journal.Release(t.Context(), d, "b", ids(again)))
		last := claim(t, d, "c", "three")
		must(t, journal.Sent(t.Context(), d, "c", ids(last)))
		clock.Turn(2 * lease)
		claim(t, d, "a")
	})
}

func TestClaimLimit(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		write(t, d, words("one", "two", "three"))
		for _, want := range [][]string{{"one", "two"}, {"three"}, nil} {
			got, err := journal.Claim(t.Context(), d, "a", lease, 2)
			must(t, err)
			if diff := cmp.Diff(want, topics(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		}
	})
}

func TestClaimOwn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		other := write(t, d, words("other"))
		first := write(t, d, words("one", "two"))
		second := write(t, d, words("three"))
		silent := write(t, d, words())
		taken := write(t, d, words("taken"))
		if _, err := journal.ClaimOwn(t.Context(), d, "sweeper", lease, []string{taken}); err != nil {
			t.Fatal(err)
		}
		got, err := journal.ClaimOwn(t.Context(), d, "a", lease, []string{second, silent, first, taken, "unknown"})
		must(t, err)
		if diff := cmp.Diff([]string{"one", "two", "three"}, topics(got)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		rest := claim(t, d, "b", "other")
		if rest[0].JournalID != other {
			t.Errorf("got %v", rest)
		}
		if got, err := journal.ClaimOwn(t.Context(), d, "a", lease, nil); err != nil || len(got) != 0 {
			t.Errorf("nothing: %v, %v", got, err)
		}
	})
}

// TestOwn: a warning is said from memory by who committed it; a sweeper leaves it
// alone until whoever that was had time, and then says it.
func TestOwn(t *testing.T) {
	clock := loa.NewHandClock(time.Unix(1_800_000_000, 0))
	dbtest.EachAt(t, clock, func(t *testing.T, d *db.DB) {
		e := words("warrant", "beacon")
		e.Emits[0].First = true
		said, lost, other := write(t, d, e), write(t, d, e), write(t, d, words("other"))
		own := journal.Own(said, e)
		if diff := cmp.Diff([]string{"warrant", "beacon"}, topics(own)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		claim(t, d, "sweeper", "other")
		must(t, journal.Sent(t.Context(), d, "a", ids(own)))
		clock.Turn(2 * time.Second)
		left := claim(t, d, "sweeper", "warrant", "beacon")
		if left[0].JournalID != lost || other == lost {
			t.Errorf("got %v", left)
		}
	})
}

// A dispatch emits more rows than one statement takes.
func TestMany(t *testing.T) {
	const n = 1203
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		want := make([]string, n)
		for i := range want {
			want[i] = fmt.Sprintf("dev/%04d", i)
		}
		id := write(t, d, words(want...))
		got, err := journal.ClaimOwn(t.Context(), d, "a", lease, []string{id})
		must(t, err)
		if diff := cmp.Diff(want, topics(got)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		must(t, journal.Release(t.Context(), d, "a", ids(got)))
		if got, err = journal.Claim(t.Context(), d, "a", lease, n+1); err != nil || len(got) != n {
			t.Errorf("after release: %d rows, %v", len(got), err)
		}
		must(t, journal.Sent(t.Context(), d, "a", ids(got)))
		if got, err = journal.ClaimOwn(t.Context(), d, "a", -lease, []string{id}); err != nil || len(got) != 0 {
			t.Errorf("after sending: %d rows, %v", len(got), err)
		}
	})
}

// Eight claimers, each with connections of its own, empty the outbox while
// writers fill it: every row is claimed exactly once.
func TestEightClaimers(t *testing.T) {
	const claimers, entries, emits = 8, 40, 5
	dbtest.EachURL(t, func(t *testing.T, url string) {
		d := dbtest.OpenAt(t, url, loa.NewHandClock(morning))
		var mu sync.Mutex
		claimed := map[string]string{}
		var writers, sweepers sync.WaitGroup
		done := make(chan struct{})
		for w := range 2 {
			writers.Go(func() {
				for i := range entries / 2 {
					e := words()
					for n := range emits {
						e.Emits = append(e.Emits, journal.Emit{Topic: fmt.Sprintf("t/%d/%d/%d", w, i, n)})
					}
					if err := d.Write(t.Context(), func(tx *db.Tx) error {
						_, err := journal.Append(tx, chair, e)
						return err
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for c := range claimers {
			own := d
			if d.Backend() == "postgres" {
				own = dbtest.OpenAt(t, url, loa.NewHandClock(morning))
			}
			me := fmt.Sprintf("claimer %d", c)
			sweepers.Go(func() {
				for last := false; ; {
					got, err := journal.Claim(t.Context(), own, me, lease, 7)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					for _, p := range got {
						if other, twice := claimed[p.ID]; twice {
							t.Errorf("%s claims %s, which %s holds", me, p.ID, other)
						}
						claimed[p.ID] = me
					}
					mu.Unlock()
					if last && len(got) == 0 {
						return
					}
					select {
					case <-done:
						last = true
					default:
					}
				}
			})
		}
		writers.Wait()
		close(done)
		sweepers.Wait()
		// Rows that another claimer was just claiming are passed over, so the
		// last ones out may have left some; nobody holds those.
		rest, err := journal.Claim(t.Context(), d, "last", lease, entries*emits)
		must(t, err)
		for _, p := range rest {
			if other, twice := claimed[p.ID]; twice {
				t.Errorf("last claims %s, which %s holds", p.ID, other)
			}
			claimed[p.ID] = "last"
		}
		if len(claimed) != entries*emits {
			t.Errorf("%d rows claimed, want %d", len(claimed), entries*emits)
		}
	})
}

// Writers that lock their noun before they append leave in the order they
// committed, even when they are different processes.
func TestOrderOfCommits(t *testing.T) {
	const writers, times = 4, 10
	dbtest.EachURL(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url)
		noun := write(t, d, words())
		var group sync.WaitGroup
		var mu sync.Mutex
		var want []string
		for w := range writers {
			group.Go(func() {
				for i := range times {
					if err := d.Write(t.Context(), func(tx *db.Tx) error {
						if err := tx.Lock("journal", noun); err != nil {
							return err
						}
						topic := fmt.Sprintf("%d/%d", w, i)
						mu.Lock()
						want = append(want, topic)
						mu.Unlock()
						_, err := journal.Append(tx, chair, words(topic))
						return err
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		claim(t, d, "a", want...)
	})
}

// die is the life of a process that commits, claims its own rows and is killed
// before it has spoken.
func die(url string) error {
	clock := loa.NewHandClock(morning)
	d, err := db.Open(context.Background(), url, clock)
	if err != nil {
		return err
	}
	var id string
	if err := d.Write(context.Background(), func(tx *db.Tx) (err error) {
		id, err = journal.Append(tx, chair, journal.Entry{
			Verb: "bulletin.dispatched", Subject: "b1",
			Emits: []journal.Emit{{Topic: "dev/1", Body: []byte("báo bão")}, {Topic: "dev/2", Body: []byte("báo bão")}},
		})
		return err
	}); err != nil {
		return err
	}
	if got, err := journal.ClaimOwn(context.Background(), d, "the dead", lease, []string{id}); err != nil || len(got) != 2 {
		return fmt.Errorf("claimed %d: %w", len(got), err)
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func TestKilledBeforeSending(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "JOURNAL_TEST_DIE="+url)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the process was not killed: %v\n%s", err, out)
		}
		clock := loa.NewHandClock(morning)
		d := dbtest.OpenAt(t, url, clock)
		claim(t, d, "b") // the dead still hold their rows
		clock.Turn(lease)
		pending := claim(t, d, "b", "dev/1", "dev/2")
		if !slices.ContainsFunc(pending, func(p journal.Pending) bool { return string(p.Body) == "báo bão" }) {
			t.Errorf("got %v", pending)
		}
		must(t, journal.Sent(t.Context(), d, "b", ids(pending)))
		clock.Turn(2 * lease)
		claim(t, d, "c")
	})
}
