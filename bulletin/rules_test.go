package bulletin

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/wire"
)

const commune = loa.Path("vn/98/98011")

func monday(clock string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", "2026-11-23 "+clock, loa.Zone())
	if err != nil {
		panic(err)
	}
	return t
}

func ms(clock string) int64 { return monday(clock).UnixMilli() }

// TestMoves is the whole table of moves, every verb in every state, as a person
// would draw it.
func TestMoves(t *testing.T) {
	states := []State{Draft, Submitted, Approved, Sealed, Scheduled, Dispatched, Cancelled, Stopped, Expired}
	const table = `
                  draft submitted approved sealed scheduled dispatched cancelled stopped expired
edited            draft .         .        .      .         .          .         .       .
waived            draft .         .        .      .         .          .         .       .
submitted         submitted .     .        .      .         .          .         .       .
returned          .     draft     .        .      .         .          .         .       .
approved          .     approved  .        .      .         .          .         .       .
approval_refused  .     .         submitted .     .         .          .         .       .
sealed            .     .         sealed   .      .         .          .         .       .
scheduled         .     .         .        scheduled scheduled scheduled .       .       .
dispatched        .     .         .        .      dispatched .         .         .       .
cancelled         cancelled cancelled cancelled cancelled cancelled cancelled .  .       .
stopped           .     .         .        .      stopped   stopped    .         .       .
expired           .     expired   expired  expired expired  expired    .         .       .
nonsense          .     .         .        .      .         .          .         .       .`
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if head := strings.Fields(lines[0]); len(head) != len(states) {
		t.Fatalf("the table has %d states", len(head))
	}
	for _, l := range lines[1:] {
		words := strings.Fields(l)
		m := move(words[0])
		for i, s := range states {
			err := Bulletin{State: s}.may(m)
			switch want := words[1+i]; {
			case want == "." && (loa.KeyOf(err) != "bulletin.moved" || loa.CodeOf(err) != loa.Conflict):
				t.Errorf("%s when %s: %v, want bulletin.moved", m, s, err)
			case want != "." && err != nil:
				t.Errorf("%s when %s: %v", m, s, err)
			case want != "." && string(m.to()) != want:
				t.Errorf("%s leads to %s, want %s", m, m.to(), want)
			}
		}
	}
}

func TestClean(t *testing.T) {
	now := monday("07:00:00")
	day := 24 * time.Hour
	good := Notice{Path: commune, Class: wire.Normal, Title: "Lịch cắt điện", Text: "Cắt điện.", Scope: []loa.Path{commune}}
	for _, c := range []struct {
		name string
		edit func(n *Notice)
		key  string // "" when it is clean
	}{
		{"as it is", func(n *Notice) {}, ""},
		{"no text", func(n *Notice) { n.Text = " \n" }, "text.empty"},
		{"control character", func(n *Notice) { n.Text = "a\x00b" }, "text.control"},
		{"zero width", func(n *Notice) { n.Text = "a\u200db" }, "text.hidden"},
		{"bidirectional", func(n *Notice) { n.Text = "a\u202eb" }, "text.hidden"},
		{"no UTF-8", func(n *Notice) { n.Text = "\xff" }, "text.not_utf8"},
		{"the longest text", func(n *Notice) { n.Text = strings.Repeat("ố", 4000) }, ""},
		{"a character more", func(n *Notice) { n.Text = strings.Repeat("ố", 4001) }, "text.too_long"},
		{"no title", func(n *Notice) { n.Title = "" }, "bulletin.title"},
		{"title of 200 bytes", func(n *Notice) { n.Title = strings.Repeat("a", 200) }, ""},
		{"title of 201 bytes", func(n *Notice) { n.Title = strings.Repeat("a", 199) + "é" }, "bulletin.title"},
		{"hidden in the title", func(n *Notice) { n.Title = "a\u2060b" }, "bulletin.title"},
		{"priority", func(n *Notice) { n.Class = wire.Priority }, ""},
		{"emergency", func(n *Notice) { n.Class = wire.Emergency }, "bulletin.class"},
		{"exercise", func(n *Notice) { n.Class = wire.Exercise }, "bulletin.class"},
		{"no class", func(n *Notice) { n.Class = "" }, "bulletin.class"},
		{"nowhere", func(n *Notice) { n.Scope = []loa.Path{} }, "scope.empty"},
		{"ends now", func(n *Notice) { n.Until = now }, "bulletin.dates"},
		{"ends in a millisecond", func(n *Notice) { n.Until = now.Add(time.Millisecond) }, ""},
		{"ends before it begins", func(n *Notice) { n.From, n.Until = now.Add(2*day), now.Add(day) }, "bulletin.dates"},
		{"ends as it begins", func(n *Notice) { n.From, n.Until = now.Add(day), now.Add(day) }, "bulletin.dates"},
		{"began yesterday", func(n *Notice) { n.From = now.Add(-day) }, ""},
		{"a year and a day", func(n *Notice) { n.Until = now.Add(366 * day) }, ""},
		{"longer", func(n *Notice) { n.Until = now.Add(366*day + 1) }, "bulletin.dates"},
		{"twenty a day", func(n *Notice) { n.PlaysDay, n.Plays = 20, 500 }, ""},
		{"twenty-one a day", func(n *Notice) { n.PlaysDay = 21 }, "bulletin.plays"},
		{"less than none a day", func(n *Notice) { n.PlaysDay = -1 }, "bulletin.plays"},
		{"five hundred and one", func(n *Notice) { n.Plays = 501 }, "bulletin.plays"},
		{"fewer in all than a day", func(n *Notice) { n.PlaysDay, n.Plays = 3, 2 }, "bulletin.plays"},
		{"three readings", func(n *Notice) { n.Repeat = 2 }, ""},
		{"four readings", func(n *Notice) { n.Repeat = 3 }, "bulletin.plays"},
		{"no reading", func(n *Notice) { n.Repeat = -1 }, "bulletin.plays"},
		{"slowly", func(n *Notice) { n.Speed = 119 }, ""},
		{"slower than anybody follows", func(n *Notice) { n.Speed = 79 }, "voice.speed"},
		{"a recording without a word", func(n *Notice) { n.Text, n.Upload = "", "r1" }, ""},
		{"Mông recorded, Thái to come", func(n *Notice) { n.Others = []Other{{Lang: "hmn", Upload: "r1"}, {Lang: "blt"}} }, ""},
		{"a language written otherwise", func(n *Notice) { n.Others = []Other{{Lang: "HMN"}} }, ""},
		{"a language nobody speaks", func(n *Notice) { n.Others = []Other{{Lang: "xx-nowhere-nowhere"}} }, "rendition.language"},
		{"a language that is none of ours", func(n *Notice) { n.Others = []Other{{Lang: "en"}} }, "rendition.language"},
		{"a language twice", func(n *Notice) { n.Others = []Other{{Lang: "hmn"}, {Lang: "hmn"}} }, "rendition.twice"},
		{"Vietnamese twice", func(n *Notice) { n.Others = []Other{{Lang: "vi"}} }, "rendition.twice"},
		{"five languages", func(n *Notice) { n.Others = []Other{{Lang: "hmn"}, {Lang: "blt"}, {Lang: "km"}, {Lang: "tyz"}} }, "rendition.too_many"},
		{"hidden in another language", func(n *Notice) { n.Others = []Other{{Lang: "hmn", Text: "a\u200db"}} }, "text.hidden"},
		{"music", func(n *Notice) { n.Role = wire.Music }, ""},
		{"a role nobody plays", func(n *Notice) { n.Role = "noise" }, "bulletin.role"},
		{"about services", func(n *Notice) { n.Category = Services }, ""},
		{"about nothing of the article", func(n *Notice) { n.Category = "gossip" }, "bulletin.category"},
		{"wanted this afternoon", func(n *Notice) { n.Wanted = []Choice{{"2026-11-23", Afternoon}} }, ""},
		{"wanted twice", func(n *Notice) { n.Wanted = []Choice{{"2026-11-23", Afternoon}, {"2026-11-23", Afternoon}} }, "schedule.part"},
		{"wanted on no day", func(n *Notice) { n.Wanted = []Choice{{"2026-11-31", Afternoon}} }, "schedule.day"},
		{"wanted at two lines", func(n *Notice) { n.Wanted = []Choice{{"2026-11-30", "a\nb"}} }, "schedule.part"},
		{"a long origin", func(n *Notice) { n.Origin = strings.Repeat("ố", 101) }, "bulletin.origin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := good
			c.edit(&n)
			if _, _, err := n.clean(now); c.key == "" && err != nil || c.key != "" && (loa.KeyOf(err) != c.key || loa.CodeOf(err) != loa.Invalid) {
				t.Errorf("got %v, want %q", err, c.key)
			}
		})
	}

	n := good
	n.Title, n.Text = " Lịch\n cắt  điện ", "Cắt đie\u0323\u0302n.\r\n" // decomposed, as a phone may send it
	got, languages, err := n.clean(now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Notice{Path: commune, Class: wire.Normal, Title: "Lịch cắt điện", Text: "Cắt điện.", Scope: []loa.Path{commune},
		Accent: "north", From: now, Until: now.Add(7 * day), PlaysDay: 4, Plays: 28}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Rendition{{Lang: Vietnamese, Source: FromText, Text: "Cắt điện.", Accent: "north"}}, languages); diff != "" {
		t.Error(diff)
	}
}

// TestKnown holds what counts as knowing a bulletin in several languages.
func TestKnown(t *testing.T) {
	for _, c := range []struct {
		each []string
		want string
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{Heard}, Heard},
		{[]string{Read}, Read},
		{[]string{Heard, ""}, ""},
		{[]string{"", Heard}, ""},
		{[]string{Read, Heard}, Read},
		{[]string{Heard, Heard, Heard}, Heard},
	} {
		if got := known(c.each); got != c.want {
			t.Errorf("%q: %q, want %q", c.each, got, c.want)
		}
	}
	b := Bulletin{Renditions: []Rendition{{Lang: "vi", Source: FromText}, {Lang: "hmn", Source: FromRecording}}}
	for _, c := range []struct {
		position int
		how, key string
	}{
		{0, Heard, ""}, {0, Read, ""}, {1, Heard, ""}, {1, Read, "hear.recording"}, {2, Heard, "hear.rendition"}, {-1, Heard, "hear.rendition"},
	} {
		if err := b.hearable(c.position, c.how); c.key == "" && err != nil || c.key != "" && loa.KeyOf(err) != c.key {
			t.Errorf("%s %d: %v, want %q", c.how, c.position, err, c.key)
		}
	}
	if b.speech() != "synthetic" || (Bulletin{Renditions: b.Renditions[1:]}).speech() != "recorded" {
		t.Error("one sentence read by a machine makes a bulletin synthetic, none a recording")
	}
}

// TestLanguages holds the list to BCP 47: each code is its own one spelling.
func TestLanguages(t *testing.T) {
	for _, l := range Languages() {
		if got, err := knownLanguage(l); err != nil || got != l {
			t.Errorf("%s: %q, %v", l, got, err)
		}
	}
	for _, bad := range []string{"", "vi-VN-x-hidden", "tiếng Mông", "hmn ", "\x00", "zz"} {
		if got, err := knownLanguage(bad); err == nil {
			t.Errorf("%q is taken for %s", bad, got)
		}
	}
}

func TestApprovable(t *testing.T) {
	may := func(id string, over loa.Path, rights ...loa.Right) loa.Actor {
		return loa.Actor{ID: id, Grants: []loa.Grant{{Path: over, Rights: rights}}}
	}
	b := Bulletin{Path: commune, Author: "author"}
	granted := &Grant{} // already asked whether it reaches this bulletin and person
	other := may("other", commune, loa.RightApprove)
	for _, c := range []struct {
		name     string
		who      loa.Actor
		grant    *Grant
		how      string
		mustHear bool
		key      string
	}{
		{"another who heard it", other, nil, Heard, false, ""},
		{"another who read it", other, nil, Read, false, ""},
		{"another who heard it, where one must", other, nil, Heard, true, ""},
		{"another who read it, where one must hear", other, nil, Read, true, "approve.must_hear"},
		{"the province's", may("other", "vn/98", loa.RightApprove), nil, Heard, false, ""},
		{"who did not hear it", other, nil, "", false, "approve.not_heard"},
		{"who did not hear it, where one must", other, nil, "", true, "approve.not_heard"},
		{"the author", may("author", "vn", loa.RightApprove), nil, Heard, false, "approve.own"},
		{"the author, deaf and without a right", may("author", "vn"), nil, "", false, "approve.own"},
		{"without the right", may("other", commune, loa.RightWrite, loa.RightDispatch), nil, Heard, false, "right.missing"},
		{"a hamlet's", may("other", commune+"/h/t1", loa.RightApprove), nil, Heard, false, "right.missing"},
		{"the neighbour's", may("other", "vn/98/9801", loa.RightApprove), nil, Heard, false, "right.missing"},
		{"the program", loa.System(), nil, Heard, false, "right.missing"},
		{"under a grant, without the right", may("other", commune), granted, Heard, false, ""},
		{"under a grant, unheard", may("other", commune), granted, "", false, "approve.not_heard"},
		{"under a grant, read where one must hear", may("other", commune), granted, Read, true, "approve.must_hear"},
		{"the author, approved in advance", may("author", commune), granted, Read, false, ""},
	} {
		if err := b.approvable(c.who, c.grant, c.how, c.mustHear); c.key == "" && err != nil || c.key != "" && loa.KeyOf(err) != c.key {
			t.Errorf("%s: %v, want %q", c.name, err, c.key)
		}
	}
	cooling := may("other", commune, loa.RightApprove)
	cooling.Cooling = true
	for class, key := range map[wire.Class]string{wire.Normal: "", wire.Priority: "", wire.Emergency: "people.cooling"} {
		b := b
		b.Class = class
		got := ""
		if err := b.approvable(cooling, nil, Heard, false); err != nil {
			got = loa.KeyOf(err)
		}
		if got != key {
			t.Errorf("%s by somebody who is cooling: %q, want %q", class, got, key)
		}
	}
}

// TestStandsIn: whoever approves for a place below stands in, and it shows.
func TestStandsIn(t *testing.T) {
	may := func(over ...loa.Path) (a loa.Actor) {
		for _, p := range over {
			a.Grants = append(a.Grants, loa.Grant{Path: p, Rights: []loa.Right{loa.RightApprove}})
		}
		return a
	}
	for _, c := range []struct {
		at   loa.Path
		who  loa.Actor
		want loa.Path
	}{
		{commune, may(commune), ""},
		{commune, may("vn/98"), "vn/98"},
		{commune, may("vn"), "vn"},
		{commune, may("vn", "vn/98"), "vn/98"},
		{commune, may("vn/98", commune), ""},
		{commune + "/h/t1", may(commune), ""},
		{"vn/98", may("vn/98"), ""},
		{commune, may("vn/99"), ""},
	} {
		if got := (Bulletin{Path: c.at}).standsIn(c.who); got != c.want {
			t.Errorf("%s by %v: %q, want %q", c.at, c.who.Grants, got, c.want)
		}
	}
}

// TestCompare is what an approver sees: [-gone-] and {+come+}.
func TestCompare(t *testing.T) {
	for _, c := range []struct{ before, after, want string }{
		{"", "", ""},
		{"Cắt điện", "Cắt điện", "Cắt điện"},
		{"", "Cắt điện", "{+Cắt điện+}"},
		{"Cắt điện", "", "[-Cắt điện-]"},
		{"Cắt điện ngày 24/11 từ 7 giờ", "Cắt điện ngày 25/11 từ 7 giờ", "Cắt điện ngày [-24/11-] {+25/11+} từ 7 giờ"},
		{"Cắt điện thôn 1", "Cắt điện thôn 1 và thôn 2", "Cắt điện thôn 1 {+và thôn 2+}"},
		{"a b c d e", "b c x e f", "[-a-] b c [-d-] {+x+} e {+f+}"},
		{"thôn Một", "thôn một", "thôn [-Một-] {+một+}"},
		{"dòng một\ndòng hai", "dòng một dòng hai", "dòng một dòng hai"}, // nobody hears the end of a line
	} {
		var got []string
		for _, p := range Compare(c.before, c.after) {
			switch p.Kind {
			case Added:
				p.Text = "{+" + p.Text + "+}"
			case Removed:
				p.Text = "[-" + p.Text + "-]"
			}
			got = append(got, p.Text)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
			t.Error(diff)
		}
	}
	// Two texts of the greatest length that share nothing end soon enough to draw a page.
	long := Compare(strings.Repeat("một ", 2000), strings.Repeat("hai ", 2000))
	if len(long) != 2 || len(Compare(strings.Repeat("một ", maxCompared+1), "hai")) != 2 {
		t.Errorf("%d pieces", len(long))
	}
}

// FuzzCompare: what stays and went is the old text, what stays and came the new.
func FuzzCompare(f *testing.F) {
	f.Add("Cắt điện ngày 24/11", "Cắt nước ngày 25/11")
	f.Fuzz(func(t *testing.T, before, after string) {
		var was, is []string
		for _, p := range Compare(before, after) {
			if p.Kind != Added {
				was = append(was, strings.Fields(p.Text)...)
			}
			if p.Kind != Removed {
				is = append(is, strings.Fields(p.Text)...)
			}
		}
		if !slices.Equal(was, strings.Fields(before)) || !slices.Equal(is, strings.Fields(after)) {
			t.Errorf("%q to %q: %q, %q", before, after, was, is)
		}
	})
}

// TestRemindAt: an hour before, and never between nine and six.
func TestRemindAt(t *testing.T) {
	for _, c := range []struct {
		start  string
		before time.Duration
		want   string
	}{
		{"2026-11-23 17:00", time.Hour, "2026-11-23 16:00"},
		{"2026-11-23 17:00", 30 * time.Minute, "2026-11-23 16:30"},
		{"2026-11-23 07:00", time.Hour, "2026-11-23 06:00"},
		{"2026-11-23 05:30", time.Hour, "2026-11-22 20:00"},
		{"2026-11-23 05:30", 30 * time.Minute, "2026-11-22 20:30"},
		{"2026-11-23 06:15", 30 * time.Minute, "2026-11-22 20:30"},
		{"2026-11-23 22:30", time.Hour, "2026-11-23 20:00"},
		{"2026-12-01 05:00", time.Hour, "2026-11-30 20:00"},
		{"2027-01-01 00:30", time.Hour, "2026-12-31 20:00"},
	} {
		start, err := time.ParseInLocation("2006-01-02 15:04", c.start, loa.Zone())
		if err != nil {
			t.Fatal(err)
		}
		if got := time.UnixMilli(remindAt(start.UnixMilli(), c.before)).In(loa.Zone()).Format("2006-01-02 15:04"); got != c.want {
			t.Errorf("%s before %s: %s, want %s", c.before, c.start, got, c.want)
		}
	}
}

// TestTurn: whose turn it is, and who is reminded when.
func TestTurn(t *testing.T) {
	const day = "2026-11-23 "
	ms := func(clock string) int64 {
		at, err := time.ParseInLocation("2006-01-02 15:04", clock, loa.Zone())
		if err != nil {
			t.Fatal(err)
		}
		return at.UnixMilli()
	}
	b := Bulletin{Path: commune, Author: "author"}
	chair, deputy := Approver{Person: "chair", Path: commune}, Approver{Person: "deputy", Path: commune, Lent: true}
	away := Approver{Person: "away", Path: commune, Away: ms(day + "23:00")}
	board := Approver{Person: "board", Path: "vn/98"}
	author := Approver{Person: "author", Path: commune}
	for _, c := range []struct {
		name      string
		known     []Approver
		next, now string
		own       int
		escalated bool
		levels    []int
	}{
		{"early", []Approver{chair, board}, day + "17:00", day + "15:59", 1, false, nil},
		{"an hour before", []Approver{chair, board}, day + "17:00", day + "16:00", 1, false, []int{LevelOwn}},
		{"half an hour before", []Approver{chair, board}, day + "17:00", day + "16:30", 1, true, []int{LevelOwn, LevelAbove}},
		{"begun", []Approver{chair, board}, day + "17:00", day + "17:00", 1, true, nil},
		{"the chair is away and lent the post", []Approver{away, deputy, board}, day + "17:00", day + "16:00", 1, false, []int{LevelOwn}},
		{"everybody is away", []Approver{away, board}, day + "17:00", day + "16:00", 0, true, []int{LevelAbove}},
		{"everybody is away, early", []Approver{away, board}, day + "17:00", day + "12:00", 0, true, nil},
		{"only the author is there", []Approver{author, board}, day + "17:00", day + "16:00", 0, true, []int{LevelAbove}},
		{"nobody stands in", []Approver{chair}, day + "17:00", day + "16:59", 1, false, []int{LevelOwn}},
		{"nobody at all", nil, day + "17:00", day + "16:59", 0, false, nil},
		{"the morning's, in the evening", []Approver{chair, board}, "2026-11-24 05:30", day + "20:10", 1, false, []int{LevelOwn}},
		{"the morning's, at night", []Approver{chair, board}, "2026-11-24 05:30", day + "21:00", 1, true, nil},
		{"the morning's, before dawn", []Approver{chair, board}, "2026-11-24 05:30", "2026-11-24 05:00", 1, true, nil},
	} {
		got := b.turn(c.known, 1, ms(c.next), ms(c.now))
		if len(got.Own) != c.own || got.Escalated != c.escalated {
			t.Errorf("%s: %+v", c.name, got)
		}
		if diff := cmp.Diff(c.levels, got.levels(ms(c.now))); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	if got := b.turn([]Approver{chair, board}, 1, 0, ms(day+"12:00")); got.Escalated || got.levels(ms(day+"12:00")) != nil {
		t.Errorf("without a session: %+v", got)
	}
	if got := (Bulletin{Path: "vn/98"}).turn([]Approver{board}, 1, 0, 0); len(got.Own) != 1 || len(got.Above) != 0 {
		t.Errorf("the province's own bulletin: %+v", got)
	}
}

func TestOpening(t *testing.T) {
	busy := []Item{{Start: 100_000, MS: 10_000}, {Start: 20_000, MS: 10_000}}
	for _, c := range []struct{ from, ms, want int64 }{
		{0, 5_000, 0},           // before all
		{0, 17_000, 0},          // it fits with its breath
		{0, 17_001, 33_000},     // it does not
		{12_001, 5_000, 33_000}, // too near to the first
		{25_000, 5_000, 33_000}, // inside the first
		{33_000, 64_000, 33_000},
		{33_001, 64_000, 113_000},
		{30_000, 80_000, 113_000},
		{113_000, 1, 113_000},
		{500_000, 1, 500_000},
	} {
		if got := opening(busy, c.from, c.ms); got != c.want {
			t.Errorf("from %d for %d: %d, want %d", c.from, c.ms, got, c.want)
		}
	}
	if got := opening(nil, 7, 1); got != 7 {
		t.Errorf("an empty air opens at %d", got)
	}
	if busy[0].Start != 100_000 {
		t.Error("opening sorted its caller's items")
	}
}

func TestAllowed(t *testing.T) {
	week := []int{1, 2, 3, 4, 5, 6, 7}
	policy := func(path loa.Path, from, until, volume int) wire.Policy {
		return wire.Policy{Path: path, Hours: []wire.Hours{{Days: week, From: from * 60, Until: until * 60}}, Volume: volume,
			From: ms("00:00:00"), Until: ms("00:00:00") + 365*24*3600_000}
	}
	day, wide, silent := policy(commune, 5, 20, 80), policy("vn/98", 6, 22, 90), policy("vn", 0, 24, 0)
	b := Bulletin{Class: wire.Normal, From: ms("02:00:00"), Until: ms("22:30:00"), Renditions: []Rendition{{MS: 60_000}}, Repeat: 1} // 122 s
	for _, c := range []struct {
		name     string
		policies []wire.Policy
		start    string
		key      string
	}{
		{"by day", []wire.Policy{day}, "12:00:00", ""},
		{"at 03:15", []wire.Policy{day}, "03:15:00", "schedule.outside_hours"},
		{"before hours", []wire.Policy{day}, "04:59:59", "schedule.outside_hours"},
		{"as hours begin", []wire.Policy{day}, "05:00:00", ""},
		{"to the last second", []wire.Policy{day}, "19:57:58", ""},
		{"a second over", []wire.Policy{day}, "19:57:59", "schedule.outside_hours"},
		{"the narrower of two, morning", []wire.Policy{wide, day}, "05:30:00", "schedule.outside_hours"},
		{"the narrower of two, evening", []wire.Policy{wide, day}, "21:00:00", "schedule.outside_hours"},
		{"both", []wire.Policy{wide, day}, "12:00:00", ""},
		{"no policy", nil, "12:00:00", "schedule.refused_by_policy"},
		{"the neighbour's policy", []wire.Policy{policy("vn/98/98037", 0, 24, 80)}, "12:00:00", "schedule.refused_by_policy"},
		{"turned down to nothing", []wire.Policy{silent, day}, "12:00:00", "schedule.refused_by_policy"},
		{"before the warrant", []wire.Policy{day}, "01:59:59", "schedule.outside_warrant"},
		{"as the warrant ends", []wire.Policy{policy(commune, 0, 24, 80)}, "22:27:58", ""},
		{"past the warrant", []wire.Policy{policy(commune, 0, 24, 80)}, "22:27:59", "schedule.outside_warrant"},
	} {
		err := b.allowed(c.policies, commune, ms(c.start))
		if c.key == "" && err != nil || c.key != "" && (loa.KeyOf(err) != c.key || loa.CodeOf(err) != loa.Conflict) {
			t.Errorf("%s: %v, want %q", c.name, err, c.key)
		}
	}
}

func TestFrameOn(t *testing.T) {
	fr := Frame{Part: Morning, From: 300, Until: 330, Days: []int{1, 7}}
	for _, c := range []struct {
		moment time.Time
		want   string
	}{
		{monday("00:00:00"), "2026-11-23/morning 05:00 05:30"},
		{monday("23:59:59").UTC(), "2026-11-23/morning 05:00 05:30"}, // the day is counted at UTC+7
		{monday("00:00:00").Add(-time.Second), "2026-11-22/morning 05:00 05:30"},
		{monday("12:00:00").AddDate(0, 0, 1), ""},
	} {
		got := ""
		if s, ok := fr.on(c.moment); ok {
			clock := func(ms int64) string { return time.UnixMilli(ms).In(loa.Zone()).Format("15:04") }
			got = fmt.Sprint(s.Key(), " ", clock(s.Start), " ", clock(s.End))
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.moment, got, c.want)
		}
	}
}
