package signer_test

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"loa"
	"loa/seal"
	"loa/signer"
	"loa/signer/softkey"
	"loa/wire"
)

// batched is one member's assertion over several payloads at once.
func (w *town) batched(by *softkey.Authenticator, payloads ...[]byte) wire.Approval {
	w.t.Helper()
	return w.batchedAs(wire.WarrantType, by, payloads...)
}

func (w *town) batchedAs(payloadType string, by *softkey.Authenticator, payloads ...[]byte) wire.Approval {
	w.t.Helper()
	var hashes []string
	for _, p := range payloads {
		hashes = append(hashes, loa.Hash(p))
	}
	b, err := wire.Batch(payloadType, hashes)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.over(by, b)
}

// over is an assertion over bytes that it calls a batch, whatever they are.
func (w *town) over(by *softkey.Authenticator, batch []byte) wire.Approval {
	w.t.Helper()
	a := w.approvals(batch, by)[0]
	a.Batch = batch
	return a
}

// TestBatchPlacements: one touch for the boxes of a morning, for a zone that
// changed, for a swap; and never for a microphone, nor to silence a commune.
func TestBatchPlacements(t *testing.T) {
	w := open(t)
	placed := func(n byte, change func(*wire.Placement)) []byte {
		t.Helper()
		key, err := seal.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		id := strings.Repeat("0", 25) + string('a'+rune(n))
		p := wire.Placement{Kind: "placement", Device: id, Pole: id, Code: "HA", Version: 7, Cap: 90, Key: seal.EncodePublic(key.Public), Paths: []loa.Path{ha}}
		if change != nil {
			change(&p)
		}
		return encode(t, p)
	}
	placing := func(by *softkey.Authenticator, payloads ...[]byte) wire.Approval {
		return w.batchedAs(wire.PlacementType, by, payloads...)
	}
	revoke := func(p *wire.Placement) { p.Revoked = true }
	one, two, three := placed(0, nil), placed(1, nil), placed(2, nil)
	gone, gone2 := placed(3, revoke), placed(4, revoke)
	voice := placed(5, func(p *wire.Placement) { p.LocalMic = true })
	strayed := placed(6, func(p *wire.Placement) { p.Paths = []loa.Path{"vn/97/97002"} })
	yes, counted, swap := placing(w.officer, one, two), placing(w.counting, three), placing(w.officer, gone, three)
	for _, c := range []struct {
		payload []byte
		yes     wire.Approval
	}{{one, yes}, {two, yes}, {one, yes}, {gone, swap}, {three, swap}} {
		sealed, err := w.Seal(t.Context(), wire.PlacementType, c.payload, []wire.Approval{c.yes})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.OpenPlacement(w.trust, sealed, w.clock.Now().UnixMilli()); err != nil {
			t.Fatal(err)
		}
	}
	older := placed(0, func(p *wire.Placement) { p.Version = 6 })
	asWarrants := yes
	asWarrants.Batch = []byte(strings.Replace(string(yes.Batch), wire.PlacementType, wire.WarrantType, 1))
	for _, c := range []struct {
		name    string
		payload []byte
		yes     []wire.Approval
		want    string
	}{
		{"not in it", three, []wire.Approval{yes}, "approval.not_in_batch"},
		{"one who approves texts", one, []wire.Approval{placing(w.leader, one, two)}, "approval.not_entitled"},
		{"one who has neither", three, []wire.Approval{counted}, "approval.not_entitled"},
		{"a batch of warrants with its hash", one, []wire.Approval{w.over(w.officer, []byte("loa batch 1 "+wire.WarrantType+"\n"+loa.Hash(one)+"\n"))}, "batch.malformed"},
		{"the touch for warrants", one, []wire.Approval{asWarrants}, "batch.malformed"},
		{"two taken away beside a third", gone2, []wire.Approval{placing(w.officer, gone2, gone, one)}, "approval.batch_not_here"},
		{"a microphone", voice, []wire.Approval{placing(w.officer, voice)}, "approval.batch_not_here"},
		{"a microphone in a crowd", voice, []wire.Approval{placing(w.officer, voice, one, two)}, "approval.batch_not_here"},
		{"a number that fell", older, []wire.Approval{placing(w.officer, older, two)}, "placement.old_version"},
		{"another's commune", strayed, []wire.Approval{placing(w.officer, strayed, one)}, "approval.not_entitled"},
		{"the batch as a placement", yes.Batch, []wire.Approval{yes}, "approval.not_in_batch"},
	} {
		t.Run(c.name, func(t *testing.T) { w.refused(c.want, wire.PlacementType, c.payload, c.yes) })
	}
	// The microphone is given with a touch of its own.
	if _, err := w.Seal(t.Context(), wire.PlacementType, voice, w.approvals(voice, w.officer)); err != nil {
		t.Error(err)
	}
}

// TestBatch: one touch for a whole session, and nothing besides.
func TestBatch(t *testing.T) {
	w := open(t)
	one, two, three := w.warrant(), w.warrant(), w.warrant()
	priority := w.warrant(func(d *wire.Warrant) { d.Class = wire.Priority })
	yes := w.batched(w.leader, one, two, priority)
	for _, p := range [][]byte{one, two, priority, one} { // asking again is no harm
		if _, err := w.Seal(t.Context(), wire.WarrantType, p, []wire.Approval{yes}); err != nil {
			t.Fatal(err)
		}
	}
	// A security key that counts seals all of a batch with its one count.
	counted := w.batched(w.counting, one, three)
	for _, p := range [][]byte{one, three} {
		if _, err := w.Seal(t.Context(), wire.WarrantType, p, []wire.Approval{counted}); err != nil {
			t.Fatal(err)
		}
	}

	hash := []byte(loa.Hash(one) + "\n")
	head := []byte("loa batch 1 " + wire.WarrantType + "\n")
	made := func(parts ...[]byte) wire.Approval { return w.over(w.leader, slices.Concat(parts...)) }
	low, high := []byte(loa.Hash(two)+"\n"), []byte(loa.Hash(three)+"\n")
	if slices.Compare(low, high) > 0 {
		low, high = high, low
	}
	var crowd [][]byte
	for i := range wire.MaxBatch + 1 {
		crowd = append(crowd, []byte(loa.Hash([]byte{byte(i)})+"\n"))
	}
	slices.SortFunc(crowd, func(a, b []byte) int { return slices.Compare(a, b) })
	moved := yes
	moved.Batch = slices.Concat(head, hash)
	bare := yes
	bare.Batch = nil
	urgent, stop := w.warrant(emergency(1)), w.warrant(func(d *wire.Warrant) {
		d.Kind, d.Now, d.Seq, d.Stops = "stop", true, 8, []string{loa.Hash(nil)}
		d.Media, d.Plays, d.PlaysDay, d.Cap, d.Speech = nil, 0, 0, 0, ""
	})
	exercise := w.warrant(func(d *wire.Warrant) { d.Class, d.Now, d.Seq = wire.Exercise, true, 9 })
	policy := encode(t, wire.Policy{Kind: "policy", Path: ha, Version: 2, Volume: 80, From: 1, Until: start().Add(time.Hour).UnixMilli(),
		Hours: []wire.Hours{{Days: []int{1}, From: 300, Until: 1200}}})
	for _, c := range []struct {
		name    string
		kind    string
		payload []byte
		yes     []wire.Approval
		want    string
	}{
		{"not in it", wire.WarrantType, three, []wire.Approval{yes}, "approval.not_in_batch"},
		{"another batch under the old touch", wire.WarrantType, one, []wire.Approval{moved}, "approval.other_bytes"},
		{"the touch without its batch", wire.WarrantType, one, []wire.Approval{bare}, "approval.other_bytes"},
		{"in the wrong order", wire.WarrantType, two, []wire.Approval{made(head, high, low)}, "batch.malformed"},
		{"one twice", wire.WarrantType, one, []wire.Approval{made(head, hash, hash)}, "batch.malformed"},
		{"sixty-five", wire.WarrantType, one, []wire.Approval{made(head, slices.Concat(crowd...))}, "batch.too_many"},
		{"nothing in it", wire.WarrantType, one, []wire.Approval{made(head)}, "batch.malformed"},
		{"without its head", wire.WarrantType, one, []wire.Approval{made(hash)}, "batch.malformed"},
		{"of another type", wire.WarrantType, one, []wire.Approval{made([]byte("loa batch 1 "+wire.PolicyType+"\n"), hash)}, "batch.malformed"},
		{"with half a line more", wire.WarrantType, one, []wire.Approval{made(head, hash, []byte("0"))}, "batch.malformed"},
		{"the warrant itself as a batch", wire.WarrantType, one, []wire.Approval{made(one)}, "batch.malformed"},
		{"by the author", wire.WarrantType, one, []wire.Approval{w.batched(w.author, one)}, "approval.by_author"},
		{"by the neighbour", wire.WarrantType, one, []wire.Approval{w.batched(w.neighbour, one)}, "approval.not_entitled"},
		{"an emergency", wire.WarrantType, urgent, []wire.Approval{w.batched(w.leader, urgent), w.batched(w.deputy, urgent)}, "approval.batch_not_here"},
		{"half an emergency", wire.WarrantType, urgent, []wire.Approval{w.approvals(urgent, w.leader)[0], w.batched(w.deputy, urgent)}, "approval.batch_not_here"},
		{"an exercise", wire.WarrantType, exercise, []wire.Approval{w.batched(w.leader, exercise), w.batched(w.deputy, exercise)}, "approval.batch_not_here"},
		{"a stop", wire.WarrantType, stop, []wire.Approval{w.batched(w.leader, stop)}, "approval.batch_not_here"},
		{"a policy", wire.PolicyType, policy, []wire.Approval{w.batched(w.officer, policy)}, "approval.batch_not_here"},
		{"the batch as a warrant", wire.WarrantType, yes.Batch, []wire.Approval{yes}, "approval.not_in_batch"},
	} {
		t.Run(c.name, func(t *testing.T) { w.refused(c.want, c.kind, c.payload, c.yes) })
	}
	t.Run("the roster", func(t *testing.T) {
		roster, err := w.Roster(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		change, err := roster.Change([]string{w.spare.Member("", nil).Credential}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"", wire.WarrantType, wire.PlacementType} { // whatever type the caller says
			of := cmp.Or(kind, wire.WarrantType)
			got := w.raw(map[string]any{"do": "roster.change", "type": kind, "payload": change,
				"approvals": []wire.Approval{w.batchedAs(of, w.keeper, change), w.batchedAs(of, w.keeper2, change)}})
			if got != "approval.batch_not_here" {
				t.Errorf("%q: %s", kind, got)
			}
		}
	})
}

// raw asks what no client of ours would, and reads the key of the refusal.
func (w *town) raw(request map[string]any) string {
	w.t.Helper()
	conn, err := net.Dial("unix", w.Socket)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	b := encode(w.t, request)
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)); err != nil {
		w.t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if len(answer) < 4 {
		w.t.Fatalf("no answer: %v", err)
	}
	var got struct{ Key string }
	if err := json.Unmarshal(answer[4:], &got); err != nil {
		w.t.Fatal(err)
	}
	return got.Key
}

// grant is a grant of the leader to the officer for all of the commune.
func (w *town) grant(change ...func(*wire.Grant)) []byte {
	w.t.Helper()
	g := wire.Grant{Kind: "grant", ID: loa.NewID(w.clock.Now()), Giver: "leader", Delegate: "officer", Paths: []loa.Path{ha},
		Classes: []wire.Class{wire.Normal, wire.Priority}, HourUntil: 1440, From: w.clock.Now().UnixMilli(),
		Until: w.clock.Now().Add(7 * 24 * time.Hour).UnixMilli(), Decision: "QĐ 12/QĐ-UBND"}
	for _, c := range change {
		c(&g)
	}
	return encode(w.t, g)
}

// given hands in a grant approved by somebody.
func (w *town) given(payload []byte, by *softkey.Authenticator) error {
	return w.Grant(w.t.Context(), payload, w.approvals(payload, by)[0])
}

// under is an approval under a grant.
func (w *town) under(grant, payload []byte, by *softkey.Authenticator) []wire.Approval {
	a := w.approvals(payload, by)
	a[0].Grant = loa.Hash(grant)
	return a
}

func (w *town) says(what string, err error, want string) {
	w.t.Helper()
	if err != nil && !errors.Is(err, loa.Errorf("", want)) || err == nil && want != "" {
		w.t.Errorf("%s: got %v, want %q", what, err, want)
	}
}

// TestGrant walks a grant from its giver's touch to its end, and looks at every
// way to stretch it.
func TestGrant(t *testing.T) {
	w := open(t)
	g := w.grant()
	notice := w.warrant()
	w.refused("grant.unknown", wire.WarrantType, notice, w.under(g, notice, w.officer))
	w.says("given", w.given(g, w.leader), "")
	w.says("given again", w.given(g, w.leader), "")
	seal := func(payload []byte, yes []wire.Approval) error {
		_, err := w.Seal(t.Context(), wire.WarrantType, payload, yes)
		return err
	}
	w.says("the delegate", seal(notice, w.under(g, notice, w.officer)), "")
	together := w.batched(w.officer, notice, w.warrant())
	together.Grant = loa.Hash(g)
	w.says("the delegate, several at once", seal(notice, []wire.Approval{together}), "")

	change := func(f func(*wire.Warrant)) []byte { return w.warrant(f) }
	urgent := w.warrant(emergency(1))
	byOfficer := change(func(d *wire.Warrant) { d.Author = "officer" })
	byGiver := change(func(d *wire.Warrant) { d.Author = "leader" })
	sibling := change(func(d *wire.Warrant) { d.Scope = []wire.Place{{Path: ha}, {Path: thuong}} })
	stop := change(func(d *wire.Warrant) {
		d.Kind, d.Now, d.Seq, d.Stops = "stop", true, 8, []string{loa.Hash(nil)}
		d.Media, d.Plays, d.PlaysDay, d.Cap, d.Speech = nil, 0, 0, 0, ""
	})
	climbs := w.under(g, notice, w.officer)
	climbs[0].Grant = "../roster"
	for _, c := range []struct {
		name    string
		payload []byte
		yes     []wire.Approval
		want    string
	}{
		{"without naming the grant", notice, w.approvals(notice, w.officer), "approval.not_entitled"},
		{"by somebody it is not for", notice, w.under(g, notice, w.neighbour), "grant.not_yours"},
		{"by its giver under it", notice, w.under(g, notice, w.leader), "grant.not_yours"},
		{"of the delegate's own notice", byOfficer, w.under(g, byOfficer, w.officer), "approval.by_author"},
		{"of the giver's own notice", byGiver, w.under(g, byGiver, w.officer), "grant.giver_wrote"},
		{"beyond its places", sibling, w.under(g, sibling, w.officer), "grant.place"},
		{"an emergency", urgent, w.under(g, urgent, w.officer), "grant.not_here"},
		{"half an emergency", urgent, append(w.approvals(urgent, w.leader), w.under(g, urgent, w.officer)...), "grant.not_here"},
		{"a stop", stop, w.under(g, stop, w.officer), "grant.not_here"},
		{"a name that climbs", notice, climbs, "grant.unknown"},
		{"beside one who may", notice, append(w.approvals(notice, w.leader), w.under(g, notice, w.neighbour)...), "grant.not_yours"},
	} {
		t.Run(c.name, func(t *testing.T) { w.refused(c.want, wire.WarrantType, c.payload, c.yes) })
	}
	policy := encode(t, wire.Policy{Kind: "policy", Path: ha, Version: 2, Volume: 80, From: 1, Until: start().Add(time.Hour).UnixMilli(),
		Hours: []wire.Hours{{Days: []int{1}, From: 300, Until: 1200}}})
	w.refused("grant.not_here", wire.PolicyType, policy, w.under(g, policy, w.officer))

	// What it takes to give.
	for _, c := range []struct {
		name   string
		by     *softkey.Authenticator
		change func(*wire.Grant)
		want   string
	}{
		{"in another's name", w.deputy, func(*wire.Grant) {}, "approval.not_entitled"},
		{"the delegate", w.officer, func(*wire.Grant) {}, "approval.not_entitled"},
		{"without the duty", w.keeper, func(g *wire.Grant) { g.Giver = "keeper" }, "approval.not_entitled"},
		{"beyond the giver's places", w.leader, func(g *wire.Grant) { g.Paths = append(g.Paths, thuong) }, "approval.not_entitled"},
		{"to the giver", w.leader, func(g *wire.Grant) { g.Delegate = "leader" }, "grant.to_self"},
		{"to a stranger to the list", w.leader, func(g *wire.Grant) { g.Delegate = "stranger" }, "grant.delegate_unlisted"},
		{"for emergencies", w.leader, func(g *wire.Grant) { g.Classes = []wire.Class{wire.Emergency} }, "grant.malformed"},
		{"for drills", w.leader, func(g *wire.Grant) { g.Classes = []wire.Class{wire.Normal, wire.Exercise} }, "grant.malformed"},
		{"that is over", w.leader, func(g *wire.Grant) { g.From, g.Until = 1, start().UnixMilli() }, "seal.past"},
		{"for ever", w.leader, func(g *wire.Grant) { g.Until = start().Add(401 * 24 * time.Hour).UnixMilli() }, "seal.too_far"},
		{"without a decision", w.leader, func(g *wire.Grant) { g.Decision = "" }, "grant.malformed"},
		{"in advance, without bounds", w.leader, func(g *wire.Grant) { g.Own, g.Classes = true, []wire.Class{wire.Normal} }, "grant.malformed"},
		{"in advance, priority", w.leader, func(g *wire.Grant) { g.Own, g.MaxMS, g.PlaysDay = true, 1, 1 }, "grant.malformed"},
	} {
		t.Run("giving "+c.name, func(t *testing.T) { w.says(c.name, w.given(w.grant(c.change), c.by), c.want) })
	}
	many := w.batched(w.leader, g)
	w.says("a grant in a batch", w.Grant(t.Context(), g, many), "approval.batch_not_here")
	nested := w.under(g, g, w.leader)[0]
	w.says("a grant under a grant", w.Grant(t.Context(), g, nested), "grant.not_here")

	// Hours, dates, and an end that is the end.
	evening := w.grant(func(g *wire.Grant) { g.HourFrom, g.HourUntil = 17*60, 21*60 }) // it is 13:00 at UTC+7
	w.says("an evening's grant", w.given(evening, w.leader), "")
	w.refused("grant.hours", wire.WarrantType, notice, w.under(evening, notice, w.officer))
	w.clock.Turn(4 * time.Hour)
	w.says("at five", seal(notice, w.under(evening, notice, w.officer)), "")

	end := encode(t, wire.GrantEnd{Kind: "grant-end", Grant: loa.Hash(g)})
	ended := func(by *softkey.Authenticator) error { return w.EndGrant(t.Context(), end, w.approvals(end, by)[0]) }
	w.says("taken back by the delegate", ended(w.officer), "approval.not_entitled")
	w.says("taken back by a neighbour", ended(w.neighbour), "approval.not_entitled")
	waiting := w.under(g, notice, w.officer)
	w.says("taken back by a keeper", ended(w.keeper), "")
	w.says("taken back again", ended(w.leader), "")
	w.refused("grant.ended", wire.WarrantType, notice, waiting)
	w.says("its old bytes", w.given(g, w.leader), "grant.ended")
	w.stop()
	w.run()
	w.refused("grant.ended", wire.WarrantType, notice, waiting)
	w.clock.Turn(8 * 24 * time.Hour)
	w.refused("seal.past", wire.WarrantType, notice, w.under(evening, notice, w.officer))
	late := w.warrant()
	w.refused("grant.over", wire.WarrantType, late, w.under(evening, late, w.officer))

	// A file under another's name, as from a backup put back by hand, is none.
	b, err := os.ReadFile(filepath.Join(w.dir, "grants", loa.Hash(evening)+".json"))
	if err != nil {
		t.Fatal(err)
	}
	other := loa.Hash([]byte("other"))
	if err := os.WriteFile(filepath.Join(w.dir, "grants", other+".json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	moved := w.approvals(late, w.officer)
	moved[0].Grant = other
	w.refused("grant.malformed", wire.WarrantType, late, moved)
}

// TestGrantInAdvance: the officer's own touch is enough for the water timetable,
// within what the chair said; the web process's word is enough for nothing.
func TestGrantInAdvance(t *testing.T) {
	w := open(t)
	g := w.grant(func(g *wire.Grant) {
		g.Own, g.Classes, g.Categories, g.MaxMS, g.PlaysDay = true, []wire.Class{wire.Normal}, []string{"nuoc"}, 60_000, 2
	})
	w.says("given", w.given(g, w.leader), "")
	water := func(change ...func(*wire.Warrant)) []byte {
		return w.warrant(append([]func(*wire.Warrant){func(d *wire.Warrant) {
			d.Author, d.Ignore = "officer", []byte(`{"category":"nuoc"}`)
		}}, change...)...)
	}
	own := water()
	if _, err := w.Seal(t.Context(), wire.WarrantType, own, w.under(g, own, w.officer)); err != nil {
		t.Fatal(err)
	}
	lazy := []wire.Approval{{Grant: loa.Hash(g)}}
	w.refused("approval.unknown_credential", wire.WarrantType, own, lazy)
	w.refused("approval.missing", wire.WarrantType, own, nil)
	w.refused("approval.not_entitled", wire.WarrantType, own, w.approvals(own, w.officer))
	w.refused("grant.not_yours", wire.WarrantType, own, w.under(g, own, w.neighbour))
	for what, c := range map[string]struct {
		change func(*wire.Warrant)
		want   string
	}{
		"another kind":           {func(d *wire.Warrant) { d.Ignore = []byte(`{"category":"tuyen-truyen"}`) }, "grant.category"},
		"no kind":                {func(d *wire.Warrant) { d.Ignore = nil }, "grant.category"},
		"the kind in capitals":   {func(d *wire.Warrant) { d.Ignore = []byte(`{"Category":"nuoc"}`) }, "grant.category"},
		"two kinds":              {func(d *wire.Warrant) { d.Ignore = []byte(`{"category":["nuoc"]}`) }, "grant.category"},
		"longer":                 {func(d *wire.Warrant) { d.Media[0].Bytes, d.Media[0].MS = 288*2000, 60_012 }, "grant.too_long"},
		"more often":             {func(d *wire.Warrant) { d.PlaysDay = 3 }, "grant.too_often"},
		"priority":               {func(d *wire.Warrant) { d.Class = wire.Priority }, "grant.class"},
		"after the grant's end":  {func(d *wire.Warrant) { d.Until += 8 * 86_400_000 }, "grant.outlives"},
		"in another commune too": {func(d *wire.Warrant) { d.Scope = append(d.Scope, wire.Place{Path: thuong}) }, "grant.place"},
	} {
		p := water(c.change)
		t.Run(what, func(t *testing.T) { w.refused(c.want, wire.WarrantType, p, w.under(g, p, w.officer)) })
	}

	// Who is off the list, or without the duty, has nothing left to lend.
	roster, err := w.Roster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	change, err := roster.Change([]string{w.leader.Member("", nil).Credential, w.spare.Member("", nil).Credential},
		[]signer.Member{w.leader.Member("leader", []loa.Path{ha}, signer.DutyStop)})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.ChangeRoster(t.Context(), change, w.approvals(change, w.keeper, w.keeper2)); err != nil {
		t.Fatal(err)
	}
	w.refused("grant.giver_gone", wire.WarrantType, own, w.under(g, own, w.officer))
	end := encode(t, wire.GrantEnd{Kind: "grant-end", Grant: loa.Hash(g)})
	w.says("and may still take it back", w.EndGrant(t.Context(), end, w.approvals(end, w.leader)[0]), "")
}
