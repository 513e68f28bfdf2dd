package edge

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCanFail (LOA_LONG=1) shows that these tests can fail: each
// row breaks one rule of the agent in a copy, and the test must say the sentence.
func TestCanFail(t *testing.T) {
	if os.Getenv("LOA_LONG") == "" {
		t.Skip("it builds the agent anew for each broken rule: LOA_LONG=1")
	}
	const many = "TestDeliveries/0"
	for _, m := range []struct{ name, file, rule, broken, test, says string }{
		{"a stop stops nothing", "keep.go", `return h.Issuer.Covers(w.Issuer) &&`, `return false &&`, many, "stop holds|after its stop"},
		{"a stop is heard by no player", "play.go", `if j := p.current; j != nil && stopped(j.hash, j.warrant) {`, `if j := p.current; j != nil && false {`, many, "ms after its stop"},
		{"an old plan replaces a new one", "receive.go", `p.Version <= have {`, `p.Version == have {`, many, "superseded|the plan says otherwise|was dropped"},
		{"a new plan leaves the old slots be", "play.go", `if slices.ContainsFunc(plan.Slots, same) {`, `if true || slices.ContainsFunc(plan.Slots, same) {`, many, "superseded|the plan says otherwise|was dropped"},
		{"a number serves twice", "receive.go", `if why != "" && !same {`, `if false {`, many, "and its number was used"},
		{"an exercise starts again after a cut", "plan.go", `	most := 1
`, `	most := 3
`, many, "and that is start 2"},
		{"any seal will do", "../seal/trust.go", `func (t *Trust) Check(o Opened, need Need) error {`, `func (t *Trust) Check(o Opened, need Need) error { if o.Type == "application/vnd.loa.warrant+json" { return nil }`, many, "nobody who may has sealed it"},
		{"any seal will do, to an enemy", "../seal/trust.go", `func (t *Trust) Check(o Opened, need Need) error {`, `func (t *Trust) Check(o Opened, need Need) error { if o.Type == "application/vnd.loa.warrant+json" { return nil }`, "TestHostileBroker/own", "and no authority sealed it"},
		{"the hours are not asked", "../wire/decide.go", `if !holds(p.Hours, p.Exceptions, from, until) {`, `if false {`, many, "and the hours are shut"},
		{"any place will do", "../wire/decide.go", `if !slices.ContainsFunc(p.Paths, s.Path.Covers) {`, `if false {`, many, "and it is out of its scope"},
		{"a box that was taken away plays on", "../wire/decide.go", `if p.Revoked {`, `if false {`, many, "and the box was taken away"},
		{"mutes are not asked", "../wire/decide.go", `return m.Pole == p.Code &&`, `return false &&`, many, "and the pole is muted"},
		{"a slot may begin a minute late", "../wire/expect.go", `const Late = 2000`, `const Late = 60000`, many, "its minute is"},
		{"a plan plays what is to play now", "../wire/decide.go", `w.Kind != Play && w.Kind != Stream || w.Now ||`, `w.Kind != Play && w.Kind != Stream ||`, many, "no plan may play it"},
		{"a slot may outlast its warrant", "../wire/decide.go", `if s.Start < w.From || s.Start+SlotMS(s, w) > w.Until {`, `if false {`, many, "its warrant does not hold"},
		{"plays are not counted", "../wire/expect.go", `case p.All > w.Plays:`, `case false:`, many, "it has had its plays"},
		{"a slot is not written down", "plan.go", `		s.Done[j.slot.ID] = j.slot.Start
`, ``, many, "it sounded before"},
		{"a now warrant may be early", "receive.go", `case now < w.From-early:`, `case false:`, many, "and it is early"},
		{"a now warrant does not expire", "play.go", `case now >= j.warrant.Until:`, `case false:`, many, "and it has expired"},
		{"what ended is not forgotten", "plan.go", `if !e.job.unfinished() {`, `if false {`, many, "it sounded to its end before"},
		{"any loudness", "play.go", `scale(block[from:from+n], j.volume)`, `j.volume = 100; scale(block[from:from+n], j.volume)`, many, "it is too loud"},
		{"a missed slot is dropped", "plan.go", `			a.close(s, wire.Missed, "slot.missed")
			skip`, `			skip`, many, "was dropped"},
		{"a refused slot is dropped", "plan.go", `			a.close(s, wire.Refused, loa.KeyOf(err))
`, ``, many, "was dropped"},
		{"an emergency that waits spends its starts", "plan.go", `		if s.Pending[j.hash] > 0 {
			s.Pending[j.hash]--
		}
`, ``, "TestWaiting", "did not sound"},
		{"a year ahead is believed for good", "plan.go", `a.clock.guessed() || a.clock.passedOver()):`, `a.clock.guessed()):`, "TestClockTable", "slot.missed"},
		{"plays are forgotten by the date", "receive.go", `s.prune(s.Lived.At)`, `s.prune(a.clock.millis())`, "TestYearAhead", "plays"},
	} {
		t.Run(m.name, func(t *testing.T) {
			says := regexp.MustCompile(m.says)
			source := must(os.ReadFile(m.file))
			if strings.Count(string(source), m.rule) != 1 {
				t.Fatalf("%s no longer holds %q once", m.file, m.rule)
			}
			dir := t.TempDir()
			copied, overlay := filepath.Join(dir, "broken.go"), filepath.Join(dir, "overlay.json")
			text := strings.Replace(string(source), m.rule, m.broken, 1)
			for name, b := range map[string][]byte{copied: []byte(text), overlay: must(json.Marshal(map[string]map[string]string{"Replace": {must(filepath.Abs(m.file)): copied}}))} {
				if err := os.WriteFile(name, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-overlay="+overlay, "-count=1", "-run", m.test, ".", "-rapid.checks=400", "-rapid.nofailfile", "-rapid.shrinktime=1ms")
			cmd.Env = append(os.Environ(), "LOA_LONG=")
			out, err := cmd.CombinedOutput()
			if err == nil || !says.Match(out) {
				t.Fatalf("nobody said %q: %v\n%.2000s", m.says, err, out)
			}
			for line := range strings.Lines(string(out)) {
				if says.MatchString(line) {
					t.Log(strings.TrimSpace(line))
					break
				}
			}
		})
	}
}
