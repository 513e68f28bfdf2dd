package e2e_test

import (
	"os"
	"testing"
	"time"

	"loa/bulletin"
	"loa/db"
	"loa/e2e"
	"loa/journal"
	"loa/wire"
)

func TestMain(m *testing.M) { os.Exit(e2e.Main(m)) }

const notice = "UBND xã Đồng Sậy kính mời bà con họp lúc 19h30 tối nay tại Nhà văn hóa thôn."

// TestWalk is the outward line from typed text to sealed receipt, in one
// process on SQLite and in two on PostgreSQL: the notice is made on the first
// server, half of the speakers stand at the door of the second.
func TestWalk(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]e2e.Options{
		"one process on SQLite":                     {Agents: 3},
		"two processes on PostgreSQL, NATS between": {Agents: 4, Postgres: true, Servers: 2},
	} {
		t.Run(name, func(t *testing.T) {
			town := e2e.Start(t, o)
			town.Author.At(town.Servers[0])
			town.Leader.At(town.Servers[len(town.Servers)-1])

			id, err := town.Author.Write("Họp thôn tối nay", notice)
			if err != nil {
				t.Fatal(err)
			}
			if err := town.Leader.Approve(id); err != nil {
				t.Fatal(err)
			}
			if err := town.Author.PlayNow(id); err != nil {
				t.Fatal(err)
			}
			town.Eventually("every speaker's receipt", 40*time.Second, func() bool { return len(town.Log(id)) == o.Agents })
			for _, p := range town.Log(id) {
				if p.Result != wire.Played || !p.Verified || p.Degree != "A" {
					t.Errorf("box %s: %+v", p.Box, p)
				}
			}
			for _, a := range town.Agents {
				if n := a.Horn.Sounds(); n != 1 {
					t.Errorf("%s sounded %d times, want once", a.Pole.Code, n)
				}
			}
			b, err := town.Flow().Find(t.Context(), town.Leader.Actor(), id)
			if err != nil || b.State != bulletin.Dispatched {
				t.Errorf("state %s, %v", b.State, err)
			}
			want := []string{"bulletin.drafted", "bulletin.submitted", "bulletin.read", "bulletin.approved", "bulletin.sealed",
				"bulletin.scheduled", "bulletin.dispatched"}
			if got := verbs(t, town, id); !equal(got, want) {
				t.Errorf("the book says %v, want %v", got, want)
			}
		})
	}
}

// verbs lists what the book says of a subject, the oldest first.
func verbs(t *testing.T, town *e2e.Town, subject string) (all []string) {
	t.Helper()
	if err := town.DB.Read(t.Context(), func(tx *db.Tx) error {
		rows, err := journal.List(tx, journal.Filter{Subject: subject, Limit: 100})
		for _, r := range rows {
			all = append([]string{r.Verb}, all...)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
