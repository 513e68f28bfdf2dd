package edge

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCanFail (LOA_LONG=1) shows that TestDelivery and TestHostile can fail: each
// row breaks one rule of the agent in a copy, and the test must say the sentence.
func TestCanFail(t *testing.T) {
	if os.Getenv("LOA_LONG") == "" {
		t.Skip("it builds the agent anew for each broken rule: LOA_LONG=1")
	}
	for _, m := range []struct{ name, file, rule, broken, test, says string }{
		{"a stop stops nothing", "keep.go", `return h.Issuer.Covers(w.Issuer) &&`, `return false &&`, "TestDelivery/0", "and a stop holds"},
		{"an old plan replaces a new one", "receive.go", `p.Version <= have {`, `p.Version == have {`, "TestDelivery/0", "superseded"},
		{"a number serves twice", "receive.go", `if why != "" && !same {`, `if false {`, "TestDelivery/0", "and its number was used"},
		{"an exercise starts again after a cut", "plan.go", `	most := 1
`, `	most := 3
`, "TestDelivery/0", "and that is start 2"},
		{"any seal will do", "../seal/trust.go", `func (t *Trust) Check(o Opened, need Need) error {`, `func (t *Trust) Check(o Opened, need Need) error { if o.Type == "application/vnd.loa.warrant+json" { return nil }`, "TestHostile/own", "and no authority sealed it"},
		{"the hours are not asked", "../wire/decide.go", `if !holds(p.Hours, p.Exceptions, from, until) {`, `if false {`, "TestHostile/the_node", "and the hours are shut"},
	} {
		t.Run(m.name, func(t *testing.T) {
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
			cmd := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-overlay="+overlay, "-count=1", "-run", m.test, ".", "-rapid.checks=1500", "-rapid.nofailfile", "-rapid.shrinktime=1ms")
			cmd.Env = append(os.Environ(), "LOA_LONG=")
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), m.says) {
				t.Fatalf("nobody said %q: %v\n%.2000s", m.says, err, out)
			}
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, m.says) {
					t.Log(strings.TrimSpace(line))
					break
				}
			}
		})
	}
}
