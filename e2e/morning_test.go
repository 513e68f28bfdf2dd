package e2e_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"loa"
	"loa/bulletin"
	"loa/e2e"
	"loa/signer"
	"loa/wire"
)

// morning is what the officer pastes: a date, money, the number of a law, an
// abbreviation everybody knows and one that only this commune has.
const morning = "UBND xã Đồng Sậy thông báo: chi trả trợ cấp tháng 12/2026 theo Nghị định số 176/2025/NĐ-CP, mức 500.000 đồng/người/tháng, " +
	"từ 7h30 ngày 8/12/2026 tại NVH thôn 1. Bà con mang theo CCCD."

// row is a line of the table of steps: what, how many steps a person needed,
// how long the scripted browser took, and what desk and leader should need.
type row struct {
	what   string
	steps  int
	took   time.Duration
	target string
}

// table is the steps counted, printed at the end beside their targets.
type table []row

func (all *table) add(v *visitor, what, target string, most int, began time.Time) {
	*all = append(*all, row{what, v.steps, time.Since(began), target})
	if v.steps > most {
		v.Errorf("%s took %d steps, want at most %d", what, v.steps, most)
	}
}

func (all table) print(t *testing.T) {
	var b strings.Builder
	b.WriteString("\n| task | steps | seconds | target |\n|---|---|---|---|\n")
	for _, r := range all {
		fmt.Fprintf(&b, "| %s | %d | %.1f | %s |\n", r.what, r.steps, r.took.Seconds(), r.target)
	}
	t.Log(b.String())
}

// TestMorning is the officer's morning and the leader's, on phones of 360×740
// with a real Chromium and passkeys of their own, on a real server with real
// speakers. A step is a tap, a field or a choice. It prints the table of steps.
func TestMorning(t *testing.T) {
	if os.Getenv("LOA_LONG") == "" {
		t.Skip("needs Chromium: make test-long")
	}
	town := e2e.Start(t, e2e.Options{Agents: 2, Local: true, Station: true})
	chromium := openChromium(t)
	var steps table
	defer func() { steps.print(t) }()

	leader := visit(chromium, t, town, town.Leader)
	leader.addPasskey()
	ownerTrusts(t, town, leader, "approve,stop")
	leader.sized(screens()[0])
	officer := visit(chromium, t, town, town.Author)
	officer.addPasskey()
	ownerTrusts(t, town, officer, "place,stop")
	officer.sized(screens()[0])

	// Signing in, once a working day.
	officer.tap(".menu summary")
	officer.tap("form[action='/sign-out'] button")
	officer.at("/sign-in")
	began := time.Now()
	officer.steps = 0
	officer.open("/sign-in")
	officer.tap("[data-passkey-sign-in] button")
	officer.at("/")
	steps.add(officer, "officer: sign in, once a day", "≤ 2", 2, began)

	// The first notice: hear it, mend one reading for ever, two hamlets.
	id, took := officer.firstNotice()
	steps = append(steps, took...)
	began = time.Now()
	leader.approves(id)
	steps.add(leader, "leader: opened → heard → approved", "3", 3, began)
	officer.stands(id)

	// The second: hamlets and sessions as offered. This is the row of every day.
	began = time.Now()
	second := officer.everyday(morning)
	steps.add(officer, "officer: text notice, hamlets and sessions as offered → sent", "7", 7, began)
	leader.approves(second)
	officer.stands(second)

	officer.again(&steps, second)
	officer.corrects(&steps, leader, second)
	officer.mutes(&steps)
	officer.quiets(&steps)
	officer.tries(&steps)
	officer.addsPole(&steps)
	officer.stopsIt(&steps, leader)
	officer.takesFirst(&steps)
	hamletHead(chromium, t, town, &steps, leader)
}

// again puts yesterday's notice into the next session: within its approval it
// needs no other.
func (v *visitor) again(steps *table, id string) {
	v.Helper()
	before, err := v.town.Flow().Slots(v.Context(), id)
	if err != nil {
		v.Fatal(err)
	}
	v.open("/bulletins")
	v.at("/bulletins")
	began := time.Now()
	v.steps = 0
	v.tap(fmt.Sprintf("main a[href='/bulletins/%s']", id))
	v.at("/bulletins/" + id)
	v.mark()
	v.tap(fmt.Sprintf("form[action='/bulletins/%s/schedule'] button[name=session]", id))
	v.sees("the page drawn anew", "!window.marked && document.readyState == 'complete'")
	v.town.Eventually("one session more", 60*time.Second, func() bool {
		now, err := v.town.Flow().Slots(v.Context(), id)
		return err == nil && len(now) == len(before)+1
	})
	steps.add(v, "officer: play a notice again", "2", 2, began)
}

// tries lets one repaired pole sound the station's test sound, and no other pole.
func (v *visitor) tries(steps *table) {
	v.Helper()
	t := v.town
	id, err := t.Author.At(t.Servers[0]).Compose(url.Values{"role": {string(wire.TestSound)}, "title": {"Phát thử"}, "text": {"Loa phát thử."}})
	if err == nil {
		err = t.Leader.At(t.Servers[0]).Approve(id)
	}
	if err != nil {
		v.Fatal(err)
	}
	here, beside := t.Agents[0].Horn.Sounds(), t.Agents[1].Horn.Sounds()
	v.open("/speakers")
	v.at("/speakers")
	began := time.Now()
	v.steps = 0
	v.tap("a[href^='/poles/DS01']")
	v.at("/poles/DS01")
	v.tap("form[action='/poles/DS01/test'] button")
	t.Eventually("the pole heard", 60*time.Second, func() bool { return t.Agents[0].Horn.Sounds() > here })
	steps.add(v, "officer: test sound at one repaired pole → heard", "2", 2, began)
	if n := t.Agents[1].Horn.Sounds(); n != beside {
		v.Errorf("the pole beside it sounded %d times more", n-beside)
	}
}

// addsPole puts up a pole together with the technician, to its first sound; then
// its box breaks and another takes its place.
func (v *visitor) addsPole(steps *table) {
	v.Helper()
	t := v.town
	var code, pole string
	asked := func() {
		v.sees("the code", "!!document.querySelector('p.code')")
		v.run(chromedp.Evaluate("document.querySelector('p.code').innerText", &code), chromedp.Evaluate("document.querySelector('[data-live]').dataset.live.split('/')[2]", &pole))
	}
	comes := func() {
		check := t.Digits(pole)
		v.sees("the question for its digits", "!!document.querySelector('form[data-ask] input[name=check]')")
		v.tap("input[name=check]")
		v.types(check)
		v.tap("form[data-ask] button")
		v.at("/poles/" + pole)
	}
	v.open("/speakers")
	v.at("/speakers")
	began := time.Now()
	v.steps = 0
	v.tap("a[href='/speakers/new']")
	v.at("/speakers/new")
	v.tap("form[action='/speakers'] button.primary")
	asked()
	first := t.PutUp(code)
	comes()
	v.tap(fmt.Sprintf("form[action='/poles/%s/test'] button", pole))
	t.Eventually("the new pole heard", 60*time.Second, func() bool { return first.Horn.Sounds() > 0 })
	steps.add(v, "officer: add a pole with the technician, name and hamlet as offered → heard", "5", 5, began)

	v.open("/poles/" + pole)
	v.at("/poles/" + pole)
	began = time.Now()
	v.steps = 0
	v.tap(fmt.Sprintf("form[action='/poles/%s/code'] button", pole))
	asked()
	t.PutUp(code)
	comes()
	t.Eventually("one box placed and one taken away", 60*time.Second, func() bool { return !t.Placement(pole).Revoked })
	steps.add(v, "officer: swap a broken box with the technician", "3", 3, began)
}

// takesFirst is the province's priority item: it is first in the next session by
// itself, and one tap puts it first in another.
func (v *visitor) takesFirst(steps *table) {
	v.Helper()
	t := v.town
	editor := t.Officer("editor", "Hoàng Thị Sen", "vn/98", []loa.Right{loa.RightWrite, loa.RightDispatch, loa.RightRead})
	board := t.Officer("board", "Ngô Thị Én", "vn/98", []loa.Right{loa.RightApprove, loa.RightRead}, signer.DutyApprove)
	id, err := editor.At(t.Servers[0]).Compose(url.Values{"path": {"vn/98"}, "class": {"priority"}, "title": {"Bão số 14"},
		"text": {"Bão số 14 cách bờ khoảng 210 km."}})
	if err == nil {
		err = board.At(t.Servers[0]).Approve(id)
	}
	if err != nil {
		v.Fatal(err)
	}
	standing := func() (all []string) {
		slots, err := t.Flow().Slots(v.Context(), id)
		if err != nil {
			v.Fatal(err)
		}
		for _, s := range slots {
			if !s.Cancelled {
				all = append(all, s.Session)
			}
		}
		return all
	}
	t.Eventually("the priority item carried", 60*time.Second, func() bool { return len(standing()) == 1 })
	was := standing()[0]
	v.open("/inbox")
	v.at("/inbox")
	began := time.Now()
	v.steps = 0
	v.tap(fmt.Sprintf("#in-%s details summary", id))
	v.tap(fmt.Sprintf("#in-%s form[action='/inbox/%s/take'] button:not(.primary)", id, id))
	t.Eventually("the priority item moved", 60*time.Second, func() bool { all := standing(); return len(all) == 1 && all[0] != was })
	steps.add(v, "officer: put the province's priority item first in another session", "2", 2, began)
}

// corrects mends a date in what has been sent down (Sửa và thay): the old one
// leaves every plan when the new one is approved.
func (v *visitor) corrects(steps *table, leader *visitor, id string) {
	v.Helper()
	v.open("/bulletins/" + id)
	v.at("/bulletins/" + id)
	began := time.Now()
	v.steps = 0
	v.tap(fmt.Sprintf("form[action='/bulletins/%s/correct'] button", id))
	v.sees("the form with the text in it", "location.pathname.endsWith('/edit') && document.querySelector('textarea[name=text]').value.includes('8/12')")
	v.tap("textarea[name=text]")
	v.run(chromedp.Evaluate(`(() => { const t = document.querySelector("textarea[name=text]"), at = t.value.indexOf("8/12"); t.setSelectionRange(at, at + 1); })()`, nil))
	v.types("9")
	v.sees("the new date as it will be said", "document.querySelector('[data-spoken] .spoken').innerText.includes('mùng chín tháng mười hai')")
	v.tap("button[value=submit]")
	corrected := v.waits()
	steps.add(v, "officer: correct a wrong date in what was sent (sửa và thay)", "4", 4, began)
	leader.approves(corrected)
	v.town.Eventually("the new one in the place of the old", 60*time.Second, func() bool {
		flow := v.town.Flow()
		old, err := flow.Slots(v.Context(), id)
		if err != nil {
			v.Fatal(err)
		}
		fresh, err := flow.Slots(v.Context(), corrected)
		if err != nil {
			v.Fatal(err)
		}
		gone := !slices.ContainsFunc(old, func(s bulletin.Slot) bool { return !s.Cancelled })
		return gone && len(fresh) == len(old)
	})
}

// mutes keeps one pole silent for a while.
func (v *visitor) mutes(steps *table) {
	v.Helper()
	v.open("/speakers")
	v.at("/speakers")
	began := time.Now()
	v.steps = 0
	v.tap("a[href^='/poles/DS01']")
	v.at("/poles/DS01")
	v.tap("[name=reason]")
	v.types("Đám tang")
	v.tap("form[action='/poles/DS01/mute'] button")
	v.sees("the pole silent", "!!document.querySelector(\"form[action='/poles/DS01/unmute']\")")
	steps.add(v, "officer: mute one pole until a time", "3", 3, began)
	v.tap("form[action='/poles/DS01/unmute'] button")
	v.sees("the pole heard again", "!document.querySelector(\"form[action='/poles/DS01/unmute']\")")
}

// quiets lowers one pole in the mornings; the box believes it only with the
// officer's passkey.
func (v *visitor) quiets(steps *table) {
	v.Helper()
	v.open("/poles/DS02")
	v.at("/poles/DS02")
	began := time.Now()
	v.steps = 0
	v.steps++ // a choice
	v.run(chromedp.SetValue("select[name=morning]", "33", chromedp.ByQuery))
	v.tap("form[action='/poles/DS02/volume'] button")
	v.tap("form[data-options] button")
	v.town.Eventually("the box told by its placement", 60*time.Second, func() bool {
		p := v.town.Placement("DS02")
		return len(p.Volumes) > 0 && p.Volumes[0].Percent == 33
	})
	steps.add(v, "officer: lower one pole in the mornings", "3", 3, began)
}

// stopsIt plays a notice now and silences it from the page of today.
func (v *visitor) stopsIt(steps *table, leader *visitor) {
	v.Helper()
	id := v.everyday(morning)
	leader.approves(id)
	leader.tap(fmt.Sprintf("form[action='/bulletins/%s/now'] button", id))
	v.open("/")
	began := time.Now()
	v.steps = 0
	v.tap(fmt.Sprintf("form[action='/bulletins/%s/stop/draft'] button", id))
	v.tap("form[data-options] button")
	v.sees("the stop", "document.querySelector('main .badge').innerText.includes('đã dừng phát')")
	steps.add(v, "officer: stop what is playing", "2", 2, began)
}

// hamletHead is the head of thôn 1, whose post reaches no further: half a minute
// spoken into the phone, and one approval at the commune.
func hamletHead(chromium context.Context, t *testing.T, town *e2e.Town, steps *table, leader *visitor) {
	t.Helper()
	head := town.Officer("head", "Vũ Văn Thực", e2e.Commune+"/h/thon-1", []loa.Right{loa.RightWrite, loa.RightRead})
	v := visit(chromium, t, town, head)
	v.sized(screens()[0])
	v.open("/")
	began := time.Now()
	v.steps = 0
	v.tap("a[href$='#record']")
	v.at("/bulletins/new")
	v.sees("the recorder running", "!document.querySelector('[data-rec-stop]').hidden")
	v.sees("some seconds of it", "/0:0[4-9]/.test(document.querySelector('[data-rec-time]').innerText)")
	v.tap("[data-rec-stop]")
	v.sees("the recording at the server", "document.querySelector('.recorder input[name=upload]').value !== ''")
	v.tap("button[value=submit]")
	id := v.waits()
	steps.add(v, "hamlet head: record, stop, send", "3", 3, began)
	b, err := town.Flow().Find(t.Context(), town.Leader.Actor(), id)
	if err != nil || !slices.Equal(b.Scope, []loa.Path{e2e.Commune + "/h/thon-1"}) {
		t.Errorf("scope %v, %v; want the own hamlet alone", b.Scope, err)
	}
	leader.approves(id)
}

// waits reads which notice now waits for approval.
func (v *visitor) waits() (id string) {
	v.Helper()
	v.sees("the notice waiting", "document.querySelector('main .badge').innerText.includes('chờ duyệt')")
	var path string
	v.run(chromedp.Evaluate("location.pathname", &path))
	return strings.TrimPrefix(path, "/bulletins/")
}

// firstNotice types a notice, hears it, corrects how one word is read for ever,
// chooses two hamlets and the sessions of tomorrow, and sends it.
func (v *visitor) firstNotice() (id string, rows table) {
	v.Helper()
	began := time.Now()
	v.open("/")
	v.steps = 0
	v.tap("a[href^='/bulletins/new']")
	v.at("/bulletins/new")
	v.tap("textarea[name=text]")
	v.types(morning)
	for _, heard := range []string{"năm trăm nghìn đồng một người một tháng", "một trăm bảy mươi sáu năm hai nghìn không trăm hai mươi lăm của Chính phủ",
		"mùng tám tháng mười hai", "căn cước công dân", "Ủy ban nhân dân"} {
		v.sees(heard, fmt.Sprintf("document.querySelector('[data-spoken] .spoken').innerText.includes(%q)", heard))
	}
	v.tap("[data-hear]")
	v.sees("the sound asked for and there", "!document.querySelector('[data-hear]').disabled")
	mended := v.steps
	v.mends("NVH", "nhà văn hóa")
	mended = v.steps - mended
	for _, h := range []string{"thon-1", "thon-2"} {
		v.tap(fmt.Sprintf("label:has(input[name=scope][value='%s/h/%s'])", e2e.Commune, h))
	}
	v.chooses(tomorrow()...)
	v.tap("button[value=submit]")
	id = v.waits()
	v.steps -= mended
	rows.add(v, "officer: first notice, hear, two hamlets, tomorrow 5:30 and 17:00 → sent", "7", 7, began)
	return id, append(rows, row{"officer: correct one reading for ever", mended, 0, "3"})
}

// mends corrects how a written word is read, from now on in this commune.
func (v *visitor) mends(written, spoken string) {
	v.Helper()
	v.tap(fmt.Sprintf("[data-spoken] a[data-fix][href*='written=%s']", written))
	v.sees("the form over the page", "document.getElementById('fix').open")
	v.run(chromedp.Evaluate("document.querySelector('#fix [name=spoken]').select()", nil))
	v.types(spoken)
	v.steps++ // the field
	v.tap("#fix .primary")
	v.sees("the new reading", fmt.Sprintf("!document.getElementById('fix').open && document.querySelector('[data-spoken] .spoken').innerText.includes(%q)", spoken))
}

// tomorrow are tomorrow's two sessions, as the form names them.
func tomorrow() []string {
	day := time.Now().In(loa.Zone()).AddDate(0, 0, 1).Format(time.DateOnly)
	return []string{day + " " + bulletin.Morning, day + " " + bulletin.Afternoon}
}

// chooses leaves exactly these sessions of one day ticked: at one tap, or at none
// where they are offered already.
func (v *visitor) chooses(wanted ...string) {
	v.Helper()
	var ticked []string
	ticks := chromedp.Evaluate("[...document.querySelectorAll('input[name=session]:checked')].map((e) => e.value)", &ticked)
	v.run(ticks)
	if !slices.Equal(ticked, wanted) {
		v.tap(fmt.Sprintf("button[data-sessions=%q]", strings.Join(wanted, "|")))
		v.run(ticks)
	}
	if !slices.Equal(ticked, wanted) {
		v.Errorf("sessions %v are ticked, want %v", ticked, wanted)
	}
}

// everyday sends a notice with what the page offers.
func (v *visitor) everyday(text string) (id string) {
	v.Helper()
	v.open("/")
	v.steps = 0
	v.tap("a[href^='/bulletins/new']")
	v.at("/bulletins/new")
	v.tap("textarea[name=text]")
	v.types(text)
	v.sees("what will be said", "document.querySelector('[data-spoken] .spoken').innerText.includes('nhà văn hóa')") // mended for ever
	v.tap("[data-hear]")
	v.tap("button[value=submit]")
	return v.waits()
}

// stands waits until an approved notice stands in the plan of the commune by
// itself, in the sessions its writer chose.
func (v *visitor) stands(id string) {
	v.Helper()
	v.town.Eventually("the notice in the plan", 60*time.Second, func() bool {
		b, err := v.town.Flow().Find(v.Context(), v.town.Leader.Actor(), id)
		if err != nil {
			v.Fatal(err)
		}
		return b.State == bulletin.Dispatched
	})
	slots, err := v.town.Flow().Slots(v.Context(), id)
	if err != nil || len(slots) != 2 {
		v.Errorf("slots %+v, %v; want two", slots, err)
	}
}
