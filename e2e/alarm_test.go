package e2e_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"loa"
	"loa/bulletin"
	"loa/e2e"
	"loa/seal"
	"loa/signer"
	"loa/wire"
)

// approval is what a page's script sends with a passkey over the bytes it showed.
type approval struct {
	wire.Approval
	Payload string `json:"payload"`
}

func yesTo(o *e2e.Officer, payload []byte) approval {
	return approval{o.Yes(payload), base64.StdEncoding.EncodeToString(payload)}
}

// secondApprover is another person whose approval counts for alarms, signed in.
func secondApprover(town *e2e.Town) *e2e.Officer {
	return town.Officer("second", "Nguyễn Thị Sáu", "vn/98", []loa.Right{loa.RightApprove, loa.RightDispatch, loa.RightRead},
		signer.DutyApprove, signer.DutyStop).At(town.Servers[0])
}

// phrasesSet gives the commune its alarm phrases, by the leader and another.
func phrasesSet(t *testing.T, town *e2e.Town, second *e2e.Officer) {
	t.Helper()
	at := string(e2e.Commune)
	if status, to := town.Leader.Post("/phrases?path="+at, url.Values{"exercise": {"Đây là diễn tập."}, "lu": {"Nước lên nhanh."}, "an-toan": {"Đã hết lũ."}}); status != http.StatusSeeOther {
		t.Fatalf("phrases: %d %s", status, to)
	}
	for _, o := range []*e2e.Officer{town.Leader, second} {
		p, err := town.Flow().PhrasesAt(t.Context(), o.Actor(), e2e.Commune)
		must(t, err)
		if status, said := o.PostJSON("/phrases/approve?path="+at, yesTo(o, p.Draft.Payload)); status != http.StatusOK {
			t.Fatalf("approve phrases: %d %s", status, said)
		}
	}
}

// alarmDrafted is an exercise that waits for its two people.
func alarmDrafted(t *testing.T, town *e2e.Town) (id string) {
	t.Helper()
	phrasesSet(t, town, secondApprover(town))
	at := string(e2e.Commune)
	status, to := town.Leader.Post("/alarm?path="+at, url.Values{"hazard": {"lu"}, "scope": {at}, "exercise": {"1"}})
	if status != http.StatusSeeOther {
		t.Fatalf("alarm: %d %s", status, to)
	}
	return strings.TrimPrefix(to, "/alarm/")
}

// TestAlarm goes from the page to the sound on real speakers: an exercise and a real
// alarm by the kept phrase, one with own words, each by two people over the same
// bytes, and the stop by one. It says what is refused: no place, one person twice,
// somebody without the right, bytes of an earlier draft, an alarm that is over; and an
// order that went out meanwhile has both asked again.
func TestAlarm(t *testing.T) {
	town := e2e.Start(t, e2e.Options{Agents: 2})
	leader := town.Leader.At(town.Servers[0])
	second := secondApprover(town)
	author := town.Author.At(town.Servers[0])
	commune := string(e2e.Commune)

	// The phrase set first: without it there is nothing to say.
	if _, page := leader.Get("/alarm?path=" + commune); !strings.Contains(page, `href="/phrases?path=`) {
		t.Error("a place without phrases does not say so")
	}
	phrasesSet(t, town, second)
	refused := func(what string, status int, said string, key string) {
		t.Helper()
		if status < 400 || !strings.Contains(said, key) {
			t.Errorf("%s: %d %.300s, want %s", what, status, said, key)
		}
	}
	draft := func(form url.Values) bulletin.Alarm {
		t.Helper()
		status, to := leader.Post("/alarm?path="+commune, form)
		id, ok := strings.CutPrefix(to, "/alarm/")
		if status != http.StatusSeeOther || !ok {
			t.Fatalf("draft: %d %s", status, to)
		}
		a, err := town.Flow().Alarm(t.Context(), leader.Actor(), id)
		must(t, err)
		return a
	}
	approves := func(o *e2e.Officer, a bulletin.Alarm) (int, string) {
		t.Helper()
		return o.PostJSON("/alarm/"+a.ID+"/approve", yesTo(o, a.Payload))
	}
	both := func(a bulletin.Alarm) {
		t.Helper()
		for _, o := range []*e2e.Officer{leader, second} {
			if status, said := approves(o, a); status != http.StatusOK {
				t.Fatalf("approve: %d %s", status, said)
			}
		}
	}
	stands := func(a bulletin.Alarm) bulletin.Alarm {
		t.Helper()
		a, err := town.Flow().Alarm(t.Context(), leader.Actor(), a.ID)
		must(t, err)
		return a
	}
	heard := func(what string, a bulletin.Alarm, result wire.Result, on int) {
		t.Helper()
		hash := stands(a).Warrant
		town.Eventually(what, 60*time.Second, func() bool {
			n := 0
			log, err := town.Flow().Log(t.Context(), leader.Actor(), bulletin.LogQuery{Place: "vn/98", Limit: 1000})
			must(t, err)
			for _, l := range log {
				if l.Warrant == hash && l.Result == result {
					n++
				}
			}
			return n == on
		})
	}
	status, said := leader.Post("/alarm?path="+commune, url.Values{"hazard": {"lu"}})
	refused("no place", status, said, "scope.empty")
	status, said = leader.Post("/alarm?path="+commune, url.Values{"hazard": {"bao"}, "scope": {commune}})
	refused("a phrase that is not kept", status, said, "alarm.hazard")
	status, said = leader.Post("/alarm?path="+commune, url.Values{"hazard": {"lu"}, "scope": {"vn/98/98037"}})
	refused("a neighbour", status, said, "scope.outside")

	set, err := town.Flow().PhrasesAt(t.Context(), leader.Actor(), e2e.Commune)
	must(t, err)
	// The speakers keep the phrases before they are needed.
	town.Eventually("the phrases on the speakers", 40*time.Second, func() bool {
		for _, a := range town.Agents {
			for _, e := range set.Current.Entries {
				if _, err := os.Stat(filepath.Join(a.Dir, "media", e.Media.Hash)); err != nil {
					return false
				}
			}
		}
		return true
	})

	// An exercise in one hamlet: the other stays silent.
	a := draft(url.Values{"hazard": {"lu"}, "scope": {commune + "/h/thon-1"}, "exercise": {"1"}})
	if a.Class != wire.Exercise || a.Title != "Diễn tập: Lũ lên nhanh" {
		t.Errorf("%s %q", a.Class, a.Title)
	}
	status, said = approves(author, a)
	refused("an officer who may not approve", status, said, "right")
	if status, said := approves(leader, a); status != http.StatusOK {
		t.Fatalf("the first: %d %s", status, said)
	}
	status, said = approves(leader, a)
	refused("one person twice", status, said, "phrases.same_person")
	if stands(a).Warrant != "" {
		t.Fatal("one person was enough")
	}
	if _, page := second.Get("/"); !strings.Contains(page, "/alarm/"+a.ID) {
		t.Error("the second person does not see it on the first page")
	}
	if status, said := approves(second, a); status != http.StatusOK {
		t.Fatalf("the second: %d %s", status, said)
	}
	heard("the exercise", a, wire.Played, 1)
	if n := town.Agents[1].Horn.Sounds(); n != 0 {
		t.Errorf("the other hamlet heard %d sounds", n)
	}
	status, said = approves(second, a)
	refused("once more", status, said, "alarm.moved")

	// A real one by the kept phrase, everywhere; an order that goes out between draft and
	// approval has passed its number.
	a = draft(url.Values{"hazard": {"lu"}, "scope": {commune}})
	boxes := town.Register()
	payload, err := boxes.DraftSetting(t.Context(), author.Actor(), e2e.Commune, nil, wire.Setting{Volume: 60})
	must(t, err)
	_, err = boxes.SetBoxes(t.Context(), author.Actor(), payload, author.Yes(payload))
	must(t, err)
	if status, said := approves(leader, a); status != http.StatusOK {
		t.Fatalf("the first: %d %s", status, said)
	}
	status, said = approves(second, a)
	refused("its number has passed", status, said, "alarm.again")
	status, said = approves(second, a)
	refused("the bytes of before", status, said, "alarm.changed")
	both(stands(a))
	heard("the alarm", a, wire.Played, 2)

	// Own words, then the stop by one person while they sound.
	a = draft(url.Values{"hazard": {"lu"}, "scope": {commune}, "text": {strings.Repeat("Bà con rời nhà ngay, lên trường tiểu học. ", 8)}})
	if status, said := leader.Get("/alarm/" + a.ID + "/sound"); status != http.StatusOK || len(said) < 10_000 {
		t.Errorf("hear it before: %d, %d bytes", status, len(said))
	}
	both(a)
	town.Eventually("both sound", 30*time.Second, func() bool {
		sum, err := town.Flow().AlarmHeard(t.Context(), stands(a))
		must(t, err)
		return sum.Sounding == 2
	})
	if status, said := second.Post("/alarm/"+a.ID+"/stop/draft", nil); status != http.StatusOK {
		t.Fatalf("draft stop: %d %s", status, said)
	}
	if status, said := second.PostJSON("/alarm/"+a.ID+"/stop", yesTo(second, stands(a).StopBytes)); status != http.StatusOK {
		t.Fatalf("stop: %d %s", status, said)
	}
	heard("the stop", a, wire.Stopped, 2)

	// Taken back before it sounds.
	a = draft(url.Values{"hazard": {"an-toan"}, "scope": {commune}})
	if w, err := wire.ReadWarrant(a.Payload); err != nil || !equal(w.Phrases, []string{"an-toan", "an-toan"}) {
		t.Errorf("the all-clear says %v, %v", w.Phrases, err)
	}
	if status, said := leader.Post("/alarm/"+a.ID+"/back", nil); status != http.StatusSeeOther {
		t.Fatalf("take back: %d %s", status, said)
	}
	status, said = approves(second, a)
	refused("one that was taken back", status, said, "alarm.moved")
	want := []string{"alarm.drafted", "alarm.taken_back"}
	if got := verbs(t, town, a.ID); !equal(got, want) {
		t.Errorf("the book says %v, want %v", got, want)
	}
}

// TestMicAllowed: whether a box may have a microphone of its own is said on its page by
// whoever manages speakers, written down, sealed by a passkey, and reaches the box; and
// the same way back. The signer looks at each alone.
func TestMicAllowed(t *testing.T) {
	town := e2e.Start(t, e2e.Options{Agents: 1})
	author, leader := town.Author.At(town.Servers[0]), town.Leader.At(town.Servers[0])
	at := "/speakers/" + town.Box(0).ID
	if status, _ := leader.Post(at+"/mic", url.Values{"mic": {"1"}}); status != http.StatusForbidden {
		t.Errorf("without the right: %d", status)
	}
	for _, allow := range []string{"1", ""} {
		if status, page := author.Post(at+"/mic", url.Values{"mic": {allow}}); status != http.StatusOK || !strings.Contains(page, at+"/confirm") {
			t.Fatalf("allow %q: %d", allow, status)
		}
		if p := town.Placement(town.Agents[0].Pole.Code); p.LocalMic != (allow == "") {
			t.Error("it counts before it is sealed")
		}
		if !town.Box(0).Stale {
			t.Error("the page does not say that the box was not told")
		}
		drafted, err := town.Register().DraftPlacement(t.Context(), author.Actor(), town.Box(0).ID, false)
		must(t, err)
		if status, said := author.PostJSON(at+"/confirm", author.Yes(drafted)); status != http.StatusOK {
			t.Fatalf("confirm: %d %s", status, said)
		}
		p := town.Placement(town.Agents[0].Pole.Code)
		if p.LocalMic != (allow != "") || town.Box(0).Stale {
			t.Errorf("sealed: %v, stale %v", p.LocalMic, town.Box(0).Stale)
		}
		town.Eventually("the box to hold it", 30*time.Second, func() bool { return holds(t, town.Agents[0], p) })
	}
	if got, want := verbs(t, town, town.Box(0).ID), []string{"speaker.mic_allowed", "speaker.placed", "speaker.mic_refused", "speaker.placed"}; !equal(got[len(got)-4:], want) {
		t.Errorf("the book says %v", got)
	}
	if status, _ := author.Post(at+"/mic", url.Values{"mic": {"1"}}); status != http.StatusOK {
		t.Error(status)
	}
	_, err := town.Register().DraftTogether(t.Context(), author.Actor(), []string{town.Box(0).ID})
	if loa.KeyOf(err) != "box.mic_alone" {
		t.Errorf("with others under one touch: %v", err)
	}
}

// holds reports whether a placement lies on a box's disk.
func holds(t *testing.T, a *e2e.Agent, want wire.Placement) bool {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(a.Dir, "docs"))
	must(t, err)
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(a.Dir, "docs", f.Name()))
		if err != nil {
			continue // it was replaced meanwhile
		}
		o, err := seal.Open(b, wire.MaxPlan)
		if err != nil || o.Type != wire.PlacementType {
			continue
		}
		if p, err := wire.ReadPlacement(o.Payload); err == nil && p.Version == want.Version {
			return true
		}
	}
	return false
}
