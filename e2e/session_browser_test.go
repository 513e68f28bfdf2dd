package e2e_test

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"

	"loa/bulletin"
	"loa/e2e"
)

// TestBrowserSession is the leader's whole session in a real browser: what was
// skipped does not count, one and a half times is the fastest, and however many
// notices wait it is three steps: open, hear them in a row, one touch.
func TestBrowserSession(t *testing.T) {
	if os.Getenv("LOA_LONG") == "" {
		t.Skip("needs Chromium: make test-long")
	}
	town := e2e.Start(t, e2e.Options{Agents: 1, Local: true})
	leader := visit(openChromium(t), t, town, town.Leader)
	leader.addPasskey()
	ownerTrusts(t, town, leader, "approve,stop")
	leader.phone()
	town.Author.At(town.Servers[0])
	var ids []string
	for _, title := range []string{"Họp thôn tối nay", "Lịch bơm nước"} {
		id, err := town.Author.Write(title, "Mời bà con họp.")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	flow := town.Flow()
	if err := flow.SetHearing(t.Context(), town.Leader.Actor(), "vn/98", true); err != nil { // so that reading does not help
		t.Fatal(err)
	}

	leader.open("/approve")
	leader.at("/approve")
	leader.run(chromedp.Evaluate("document.querySelector('audio[data-heard]').playbackRate = 2", nil))
	leader.sees("no more than one and a half times", "document.querySelector('audio[data-heard]').playbackRate == 1.5")
	leader.sees("a sound that is there", "document.querySelector('audio[data-heard]').duration > 0")
	leader.run(chromedp.Evaluate(`(() => { const a = document.querySelector('audio[data-heard]'); a.currentTime = a.duration - 0.3; a.play(); })()`, nil))
	leader.sees("that skipping does not count", "!document.querySelector('[data-skipped]').hidden")
	leader.sees("nothing to approve", "document.querySelector('[data-needs-one]').disabled && document.querySelector('[data-known]').innerText == '0'")

	leader.open("/")
	leader.steps = 0
	leader.tap(".need a[href='/approve']")
	leader.at("/approve")
	leader.tap("[data-play-all]")
	leader.sees("both heard", "document.querySelector('[data-known]').innerText == '2'")
	leader.tap("[data-needs-one]")
	leader.sees("both approved", "document.querySelector('[role=status]').innerText.includes('Đã duyệt 2 tin')")
	t.Logf("leader: %d steps for %d notices", leader.steps, len(ids))
	if leader.steps > 3 {
		t.Errorf("%d steps from the work page to approved, want at most 3", leader.steps)
	}
	for _, id := range ids {
		b, err := flow.Find(t.Context(), town.Leader.Actor(), id)
		if err != nil || b.State != bulletin.Sealed {
			t.Errorf("state %s, %v; want sealed", b.State, err)
		}
		kept, err := flow.Approvals(t.Context(), b)
		if err != nil || len(kept) != 1 || kept[0].How != bulletin.Heard || kept[0].Batch == "" {
			t.Errorf("approvals kept: %+v, %v", kept, err)
		}
	}

	// Stop is two taps from the work page, by one person.
	leader.open("/bulletins/" + ids[0])
	leader.tap("form[action='/bulletins/" + ids[0] + "/now'] button")
	leader.sees("a speaker sounding", "document.querySelector('.onair .running .sounding').innerText.includes('báo đang phát')")
	leader.open("/")
	leader.steps = 0
	leader.tap(".onair form button.danger")
	leader.at("/bulletins/" + ids[0] + "/stop/draft")
	leader.tap("form[data-options] button")
	leader.sees("the stop", "document.querySelector('main .badge').innerText.includes('đã dừng phát')")
	if leader.steps != 2 {
		t.Errorf("%d steps to stop, want 2", leader.steps)
	}
	leader.open("/")
	leader.sees("who stopped it", "document.body.innerText.includes('Trần Bá Khôi dừng phát')")
}
