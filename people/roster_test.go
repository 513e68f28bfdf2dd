package people

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
)

// change is a proposal to put somebody in Đồng Sậy on the roster.
func change(payload string) Proposal {
	return Proposal{Payload: []byte(payload), Credential: "Y3JlZA", Name: "Lê Thị Mận", Adds: true, Paths: []loa.Path{"vn/98/98011"}}
}

func (s stage) propose(t *testing.T, payload string) Proposal {
	t.Helper()
	p, err := s.book().Propose(t.Context(), may("vn/98"), change(payload))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s stage) book() RosterBook { return RosterBook{s.DB} }

// pending is the payloads that wait.
func (s stage) pending(t *testing.T) (all []string) {
	t.Helper()
	list, err := s.book().Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		all = append(all, string(p.Payload))
	}
	return all
}

func keeper(id, name string) loa.Actor { return loa.Actor{ID: id, Name: name, Post: "Quản trị"} }

// A change goes from the proposal to the second approval, and what is kept is
// what was given.
func TestRosterBook(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		ctx, book := t.Context(), s.book()
		p := s.propose(t, `{"version":1}`)
		s.clock.Turn(time.Minute)
		if _, err := book.Approve(ctx, keeper("sen", "Hoàng Thị Sen"), p.ID, []byte(`{"n":1}`)); err != nil {
			t.Fatal(err)
		}
		_, err := book.Approve(ctx, keeper("sen", "Hoàng Thị Sen"), p.ID, []byte(`{"n":2}`))
		wants(t, err, loa.Conflict, "people.roster_approved_already")
		s.clock.Turn(time.Minute)
		got, err := book.Approve(ctx, keeper("vinh", "Đỗ Quang Vinh"), p.ID, []byte(`{"n":3}`))
		if err != nil {
			t.Fatal(err)
		}
		want := p
		want.Approvals = []RosterApproval{
			{"sen", "Hoàng Thị Sen", "Quản trị", []byte(`{"n":1}`), today().Add(time.Minute).UTC()},
			{"vinh", "Đỗ Quang Vinh", "Quản trị", []byte(`{"n":3}`), today().Add(2 * time.Minute).UTC()},
		}
		read, err := book.Find(ctx, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		for name, one := range map[string]Proposal{"answered": got, "read": read} {
			if diff := cmp.Diff(want, one, cmp.AllowUnexported(Proposal{})); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		if since, err := book.Since(ctx); err != nil || len(since) > 0 {
			t.Errorf("since %v before it was done: %v", since, err)
		}
		for range 2 { // another process said so too
			if err := book.Done(ctx, keeper("vinh", "Đỗ Quang Vinh"), p.ID); err != nil {
				t.Fatal(err)
			}
		}
		since, err := book.Since(ctx)
		if diff := cmp.Diff(map[string]time.Time{"Y3JlZA": today().Add(2 * time.Minute).UTC()}, since); err != nil || diff != "" {
			t.Errorf("since: %s %v", diff, err)
		}
		if waiting := s.pending(t); len(waiting) > 0 {
			t.Errorf("%v waits after it was done", waiting)
		}
		_, err = book.Approve(ctx, keeper("khoi", "Trần Bá Khôi"), p.ID, []byte(`{}`))
		wants(t, err, loa.Conflict, "people.roster_done")
		wants(t, book.Withdraw(ctx, may("vn"), p.ID), loa.Conflict, "people.roster_done")
		wantBook := "people.roster_approved Hoàng Thị Sen, people.roster_approved Đỗ Quang Vinh, people.roster_changed Đỗ Quang Vinh, people.roster_proposed Hoàng Thị Sen"
		if got := s.verbs(t, p.ID); got != wantBook {
			t.Errorf("in the book: %s, want %s", got, wantBook)
		}
	})
}

func TestRosterProposeRefused(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		s.propose(t, "twice")
		both := change("both")
		both.Paths = append(both.Paths, "vn/98/98037")
		for _, c := range []struct {
			name string
			who  loa.Actor
			p    Proposal
			code loa.Code
			key  string
		}{
			{"in one's own commune", may("vn/98/98011"), change("good"), "", ""},
			{"in two, managing one", may("vn/98/98011"), both, loa.Forbidden, "right.missing"},
			{"without the right", may(), change("other"), loa.Forbidden, "right.missing"},
			{"the same again", may("vn/98"), change("twice"), loa.Conflict, "people.roster_waiting"},
			{"nothing", may("vn/98"), Proposal{Paths: []loa.Path{"vn/98"}}, loa.Internal, "internal"},
		} {
			t.Run(c.name, func(t *testing.T) {
				_, err := s.book().Propose(t.Context(), c.who, c.p)
				wants(t, err, c.code, c.key)
			})
		}
		if n := s.count(t, "roster_proposal", "1 = 1"); n != 2 {
			t.Errorf("%d proposals written, want 2", n)
		}
	})
}

func TestRosterWithdraw(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		ctx, book := t.Context(), s.book()
		p, q := s.propose(t, "one"), s.propose(t, "two")
		other := may("vn/98/98037")
		other.ID = "beside"
		wants(t, book.Withdraw(ctx, other, p.ID), loa.Forbidden, "right.missing")
		wants(t, book.Withdraw(ctx, may(), p.ID), "", "") // may proposed it
		other = may("vn/98")
		other.ID = "above"
		wants(t, book.Withdraw(ctx, other, q.ID), "", "")
		wants(t, book.Withdraw(ctx, other, q.ID), loa.Conflict, "people.roster_gone")
		wants(t, book.Done(ctx, other, q.ID), loa.Conflict, "people.roster_gone")
		wants(t, book.Withdraw(ctx, other, "nothing"), loa.NotFound, "people.roster_unknown")
		if waiting := s.pending(t); len(waiting) > 0 {
			t.Errorf("%v waits", waiting)
		}
		s.propose(t, "one") // what was withdrawn may be proposed again
	})
}

// Approvals the signer believes no more stay as evidence and count no more.
func TestRosterRefuse(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		ctx, book := t.Context(), s.book()
		p := s.propose(t, "one")
		sen := keeper("sen", "Hoàng Thị Sen")
		for range 2 {
			if _, err := book.Approve(ctx, sen, p.ID, []byte(`{}`)); err != nil {
				t.Fatal(err)
			}
			if err := book.Refuse(ctx, p.ID, "approval.replayed"); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := book.Find(ctx, p.ID); err != nil || len(got.Approvals) > 0 {
			t.Errorf("%d approvals count: %v", len(got.Approvals), err)
		}
		if n := s.count(t, "roster_approval", "refused = 'approval.replayed'"); n != 2 {
			t.Errorf("%d refused approvals kept, want 2", n)
		}
	})
}

// One person who clicks eight times at once has approved once.
func TestRosterApproveAtOnce(t *testing.T) {
	on(t, func(t *testing.T, s stage) {
		p := s.propose(t, "one")
		got := eight(func() error {
			_, err := s.book().Approve(t.Context(), keeper("sen", "Hoàng Thị Sen"), p.ID, []byte(`{}`))
			return err
		})
		if diff := cmp.Diff(map[string]int{"": 1, "people.roster_approved_already": 7}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAuthenticator(t *testing.T) {
	want := []byte("loa software key")
	if got, err := (Passkey{AAGUID: uuid(want)}).Authenticator(); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"", "00000000-0000", "loa"} {
		if _, err := (Passkey{AAGUID: bad}).Authenticator(); err == nil {
			t.Errorf("%q is a make", bad)
		}
	}
}
