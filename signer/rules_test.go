package signer

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/wire"
)

const day = int64(24 * time.Hour / time.Millisecond)

// votes are approvals by members' own duties, each of one document.
func votes(by ...Member) []vote {
	all := make([]vote, len(by))
	for i, m := range by {
		all[i] = vote{Member: m}
	}
	return all
}

// TestDuties: whoever may approve texts does not hold the microphone, and a kind
// that the table does not know belongs to nobody.
func TestDuties(t *testing.T) {
	for _, c := range []struct {
		w    wire.Warrant
		want []Duty
	}{
		{wire.Warrant{Kind: wire.Play}, []Duty{DutyApprove}},
		{wire.Warrant{Kind: wire.Phrase, Now: true}, []Duty{DutyApprove}},
		{wire.Warrant{Kind: wire.Stream}, []Duty{DutyApprove}},
		{wire.Warrant{Kind: wire.Stream, Now: true}, []Duty{DutyLive}},
		{wire.Warrant{Kind: wire.Stop, Now: true}, []Duty{DutyStop, DutyApprove}},
		{wire.Warrant{Kind: wire.Set, Now: true}, []Duty{DutyPlace}},
		{wire.Warrant{Kind: "shout"}, nil},
		{wire.Warrant{}, nil},
	} {
		if diff := cmp.Diff(c.want, duties(c.w)); diff != "" {
			t.Errorf("%s: %s", c.w.Kind, diff)
		}
	}
	none := Member{Person: "an", Credential: "an", Paths: []loa.Path{"vn/97"}, Duties: []Duty{DutyApprove}}
	if none.may([]loa.Path{"vn/97"}, duties(wire.Warrant{Kind: wire.Stream, Now: true})...) || none.may([]loa.Path{"vn/97"}, duties(wire.Warrant{})...) {
		t.Error("approving texts opened the microphone")
	}
}

func TestJudge(t *testing.T) {
	const (
		now      = int64(1_800_000_000_000)
		province = loa.Path("vn/97")
		ha       = loa.Path("vn/97/97001")
		thuong   = loa.Path("vn/97/97002")
	)
	id := strings.Repeat("0", 26)
	hash := loa.Hash(nil)
	member := func(person string, p loa.Path, d ...Duty) Member {
		return Member{Person: person, Credential: person + " phone", Paths: []loa.Path{p}, Duties: d}
	}
	leader, deputy := member("leader", ha, DutyApprove), member("deputy", ha, DutyApprove)
	spare := leader
	spare.Credential = "leader key"
	shared := deputy
	shared.Credential = leader.Credential
	editor := member("editor", province, DutyApprove)
	neighbour := member("neighbour", thuong, DutyApprove)
	author := member("author", ha, DutyApprove)
	guard := member("guard", ha, DutyStop)
	placer := member("placer", ha, DutyPlace)
	ruler := member("ruler", province, DutyPolicy)
	keeper := member("keeper", province, DutyRoster)

	warrant := func(change ...func(*wire.Warrant)) wire.Warrant {
		w := wire.Warrant{
			Kind: "play", ID: id, Class: wire.Normal, Issuer: ha, Author: "author", Title: "Cắt điện",
			Scope: []wire.Place{{Path: ha}}, From: now, Until: now + day,
			Media:    []wire.Media{{Hash: hash, Bytes: 288, MS: 36, Form: wire.CanonicalForm}},
			PlaysDay: 1, Plays: 1, Cap: 80, Speech: "recorded", Approval: "passkey",
		}
		for _, c := range change {
			c(&w)
		}
		return w
	}
	class := func(c wire.Class) func(*wire.Warrant) {
		return func(w *wire.Warrant) {
			w.Class = c
			if c == wire.Emergency || c == wire.Exercise {
				w.Now, w.Seq = true, 7
			}
		}
	}
	stop := func(w *wire.Warrant) {
		w.Kind, w.Now, w.Seq, w.Stops = "stop", true, 8, []string{hash}
		w.Media, w.Plays, w.PlaysDay, w.Cap, w.Speech = nil, 0, 0, 0, ""
	}
	scope := func(p ...loa.Path) func(*wire.Warrant) {
		return func(w *wire.Warrant) {
			w.Scope = nil
			for _, q := range p {
				w.Scope = append(w.Scope, wire.Place{Path: q})
			}
		}
	}
	until := func(at int64) func(*wire.Warrant) { return func(w *wire.Warrant) { w.Until = at } }
	weak := func(w *wire.Warrant) { w.Approval = "weak" }
	placement := wire.Placement{
		Kind: "placement", Device: id, Pole: id, Code: "HA-01", Name: "Cụm 1", Version: 3, Cap: 90,
		Key: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", Paths: []loa.Path{ha + "/h/dong", ha},
	}
	policy := wire.Policy{
		Kind: "policy", Path: ha, Version: 2, Volume: 80, From: now, Until: now + 365*day,
		Hours: []wire.Hours{{Days: []int{1}, From: 300, Until: 1200}},
	}
	long := policy
	long.Until = now + 401*day

	sound := wire.Media{Hash: hash, Bytes: 288, MS: 36, Form: wire.CanonicalForm}
	phrases := wire.PhraseSet{
		Kind: "phrases", Path: ha, Version: 2, From: now, Until: now + 365*day, Entries: []wire.PhraseEntry{
			{ID: wire.SirenPhrase, Media: sound}, {ID: wire.ExercisePrefix, Media: sound}, {ID: "lu", Media: sound, Text: "Nước lên."},
		},
	}
	mute := phrases
	mute.Entries = phrases.Entries[1:]
	speaker, second := member("speaker", ha, DutyLive), member("second", ha, DutyLive)
	phrase := func(w *wire.Warrant) {
		w.Kind, w.Class, w.Media, w.PlaysDay, w.Plays, w.Speech = wire.Phrase, wire.Emergency, nil, 0, 0, ""
		w.Phrases, w.Now, w.Seq = []string{wire.SirenPhrase}, true, 9
	}
	relay := func(w *wire.Warrant) {
		w.Kind, w.Media, w.Speech, w.Mount, w.Length = wire.Stream, nil, "", "dai-tinh", 1_800_000
	}
	live := func(w *wire.Warrant) {
		relay(w)
		w.Now, w.Seq, w.Author = true, 10, "speaker"
	}
	set := func(w *wire.Warrant) {
		w.Kind, w.Media, w.PlaysDay, w.Plays, w.Cap, w.Speech = wire.Set, nil, 0, 0, 0, ""
		w.Setting, w.Now, w.Seq = &wire.Setting{Volume: 60}, true, 11
	}
	loud := func(w *wire.Warrant) {
		set(w)
		w.Setting.Volume = 101
	}

	is := func(m ...Member) []Member { return m }
	for _, c := range []struct {
		name string
		kind string
		doc  any
		by   []Member
		want string // error key, "" for sealed
	}{
		{"normal: one leader", wire.WarrantType, warrant(), is(leader), ""},
		{"normal: the province's editor", wire.WarrantType, warrant(), is(editor), ""},
		{"normal: nobody", wire.WarrantType, warrant(), nil, "approval.missing"},
		{"normal: the author alone", wire.WarrantType, warrant(), is(author), "approval.by_author"},
		{"normal: the author and a leader", wire.WarrantType, warrant(), is(author, leader), ""},
		{"normal: a neighbour", wire.WarrantType, warrant(), is(neighbour), "approval.not_entitled"},
		{"normal: one who only stops", wire.WarrantType, warrant(), is(guard), "approval.not_entitled"},
		{"normal: keepers of the roster", wire.WarrantType, warrant(), is(keeper), "approval.not_entitled"},
		{"normal: scope beyond the approver", wire.WarrantType, warrant(scope(ha, thuong)), is(leader), "approval.not_entitled"},
		{"normal: two halves make no whole", wire.WarrantType, warrant(scope(ha, thuong)), is(leader, neighbour), "approval.not_entitled"},
		{"normal: weak", wire.WarrantType, warrant(weak), is(leader), "warrant.weak_unsupported"},
		{"normal: over", wire.WarrantType, warrant(func(w *wire.Warrant) { w.From = now - day }, until(now)), is(leader), "seal.past"},
		{"normal: 400 days", wire.WarrantType, warrant(until(now + 400*day)), is(leader), ""},
		{"normal: a moment longer", wire.WarrantType, warrant(until(now + 400*day + 1)), is(leader), "seal.too_far"},
		{"priority: one leader", wire.WarrantType, warrant(class(wire.Priority)), is(leader), ""},
		{"priority: the author alone", wire.WarrantType, warrant(class(wire.Priority)), is(author), "approval.by_author"},
		{"emergency: two people", wire.WarrantType, warrant(class(wire.Emergency)), is(leader, deputy), ""},
		{"emergency: the author and another", wire.WarrantType, warrant(class(wire.Emergency)), is(author, leader), ""},
		{"emergency: one", wire.WarrantType, warrant(class(wire.Emergency)), is(leader), "approval.too_few"},
		{"emergency: nobody", wire.WarrantType, warrant(class(wire.Emergency)), nil, "approval.missing"},
		{"emergency: one person, two passkeys", wire.WarrantType, warrant(class(wire.Emergency)), is(leader, spare), "approval.too_few"},
		{"emergency: two people, one passkey", wire.WarrantType, warrant(class(wire.Emergency)), is(leader, shared), "approval.too_few"},
		{"emergency: one entitled, one not", wire.WarrantType, warrant(class(wire.Emergency)), is(leader, neighbour), "approval.too_few"},
		{"emergency: weak", wire.WarrantType, warrant(class(wire.Emergency), weak), is(leader, deputy), "warrant.weak_approval"},
		{"exercise: one", wire.WarrantType, warrant(class(wire.Exercise)), is(leader), "approval.too_few"},
		{"exercise: two people", wire.WarrantType, warrant(class(wire.Exercise)), is(leader, deputy), ""},
		{"stop: one who stops", wire.WarrantType, warrant(stop), is(guard), ""},
		{"stop: one who approves", wire.WarrantType, warrant(stop), is(leader), ""},
		{"stop: the author", wire.WarrantType, warrant(stop), is(author), ""},
		{"stop of an emergency: one", wire.WarrantType, warrant(class(wire.Emergency), stop), is(guard), ""},
		{"stop: one who places", wire.WarrantType, warrant(stop), is(placer), "approval.not_entitled"},
		{"stop: nobody", wire.WarrantType, warrant(stop), nil, "approval.missing"},
		{"placement: one who places", wire.PlacementType, placement, is(placer), ""},
		{"placement: one who approves", wire.PlacementType, placement, is(leader), "approval.not_entitled"},
		{"placement: nobody", wire.PlacementType, placement, nil, "approval.missing"},
		{"policy: one for policies", wire.PolicyType, policy, is(ruler), ""},
		{"policy: one who approves", wire.PolicyType, policy, is(leader), "approval.not_entitled"},
		{"policy: too long", wire.PolicyType, long, is(ruler), "seal.too_far"},
		{"phrase: two people", wire.WarrantType, warrant(phrase), is(leader, deputy), ""},
		{"phrase: one", wire.WarrantType, warrant(phrase), is(leader), "approval.too_few"},
		{"phrase: an exercise by one", wire.WarrantType, warrant(phrase, func(w *wire.Warrant) { w.Class = wire.Exercise }), is(leader), "approval.too_few"},
		{"phrase: two who place", wire.WarrantType, warrant(phrase), is(placer, placer), "approval.not_entitled"},
		{"relay: one leader", wire.WarrantType, warrant(relay), is(leader), ""},
		{"relay: the author alone", wire.WarrantType, warrant(relay), is(author), "approval.by_author"},
		{"relay: one who holds the microphone", wire.WarrantType, warrant(relay), is(speaker), "approval.not_entitled"},
		{"live: one who holds the microphone, and speaks", wire.WarrantType, warrant(live), is(speaker), ""},
		{"live: one who approves texts", wire.WarrantType, warrant(live), is(leader), "approval.not_entitled"},
		{"live: nobody", wire.WarrantType, warrant(live), nil, "approval.missing"},
		{"live emergency: one", wire.WarrantType, warrant(live, func(w *wire.Warrant) { w.Class = wire.Emergency }), is(speaker), "approval.too_few"},
		{"live emergency: two", wire.WarrantType, warrant(live, func(w *wire.Warrant) { w.Class = wire.Emergency }), is(speaker, second), ""},
		{"setting: one who places", wire.WarrantType, warrant(set), is(placer), ""},
		{"setting: one who approves", wire.WarrantType, warrant(set), is(leader), "approval.not_entitled"},
		{"setting: beyond the placer", wire.WarrantType, warrant(set, scope(thuong)), is(placer), "approval.not_entitled"},
		{"setting: nobody", wire.WarrantType, warrant(set), nil, "approval.missing"},
		{"setting: louder than all", wire.WarrantType, warrant(loud), is(placer), "warrant.malformed"},
		{"phrase set: two people", wire.PhrasesType, phrases, is(leader, deputy), ""},
		{"phrase set: one", wire.PhrasesType, phrases, is(leader), "approval.too_few"},
		{"phrase set: one person, two passkeys", wire.PhrasesType, phrases, is(leader, spare), "approval.too_few"},
		{"phrase set: a neighbour", wire.PhrasesType, phrases, is(leader, neighbour), "approval.too_few"},
		{"phrase set: rulers", wire.PhrasesType, phrases, is(ruler, keeper), "approval.not_entitled"},
		{"phrase set: without a siren", wire.PhrasesType, mute, is(leader, deputy), "phrases.malformed"},
		{"a plan", wire.PlanType, wire.Plan{}, is(leader, deputy), "signer.wrong_type"},
		{"a delegation", "application/vnd.loa.delegation+json", policy, is(keeper, ruler), "signer.wrong_type"},
		{"a policy called a warrant", wire.WarrantType, policy, is(leader, deputy), "document.unknown_key"},
		{"a warrant called a placement", wire.PlacementType, warrant(), is(placer), "document.unknown_key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload, err := json.Marshal(c.doc)
			if err != nil {
				t.Fatal(err)
			}
			_, err = judge(c.kind, payload, votes(c.by...), now)
			if err != nil && !errors.Is(err, loa.Errorf("", c.want)) || err == nil && c.want != "" {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}

	t.Run("marks", func(t *testing.T) {
		for _, c := range []struct {
			kind string
			doc  any
			by   Member
			want verdict
		}{
			{wire.WarrantType, warrant(), leader, verdict{place: ha}},
			{wire.WarrantType, warrant(stop), leader, verdict{ha, Mark{Name: "now vn/97/97001", Number: 8}}},
			{wire.PlacementType, placement, placer, verdict{ha + "/h/dong", Mark{Name: "placement " + id, Number: 3}}},
			{wire.WarrantType, warrant(set), placer, verdict{ha, Mark{Name: "now vn/97/97001", Number: 11}}},
			{wire.PolicyType, policy, ruler, verdict{ha, Mark{Name: "policy vn/97/97001", Number: 2}}},
		} {
			payload, err := json.Marshal(c.doc)
			if err != nil {
				t.Fatal(err)
			}
			if c.want.mark.Name != "" {
				c.want.mark.Hash = loa.Hash(payload)
			}
			got, err := judge(c.kind, payload, votes(c.by), now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(verdict{})); diff != "" {
				t.Error(diff)
			}
		}
	})
}
