package wire_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"loa/seal"
	"loa/wire"
)

// cVerifier builds the verifier in testdata/c with the system's compiler, as a
// vendor would, and gives the program. Without a compiler or its two libraries
// the test skips with the reason; in CI it fails.
func cVerifier(t testing.TB, flags ...string) string {
	t.Helper()
	missing := func(what string, out []byte) {
		t.Helper()
		if os.Getenv("CI") != "" {
			t.Fatalf("%s: %s", what, out)
		}
		t.Skipf("%s (scripts/tools gcc libsodium-dev libutf8proc-dev): %s", what, bytes.TrimSpace(out))
	}
	cc, err := exec.LookPath("cc")
	if err != nil {
		missing("no C compiler", nil)
	}
	probe := exec.CommandContext(t.Context(), cc, "-fsyntax-only", "-xc", "-")
	probe.Stdin = strings.NewReader("#include <sodium.h>\n#include <utf8proc.h>\n")
	if out, err := probe.CombinedOutput(); err != nil {
		missing("no libsodium or no libutf8proc to build with", out)
	}
	sources, err := filepath.Glob("testdata/c/*.c")
	if err != nil || len(sources) == 0 {
		t.Fatal("no C to build", err)
	}
	program := filepath.Join(t.TempDir(), "verify")
	args := slices.Concat([]string{"-std=c99", "-Wall", "-Wextra", "-Werror", "-o", program}, flags, sources,
		[]string{"-lsodium", "-lutf8proc", "-lm"})
	if out, err := exec.CommandContext(t.Context(), cc, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// TestC asks the verifier everything, built as a vendor builds it and built to
// end at the first access or sum that C leaves undefined.
func TestC(t *testing.T) {
	t.Parallel()
	plain, watched := cVerifier(t, "-O2"), cVerifier(t, "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
	t.Run("the files, as a vendor builds it", func(t *testing.T) { agreesOnFiles(t, plain) })
	t.Run("the files, with sanitizers", func(t *testing.T) { agreesOnFiles(t, watched) })
	t.Run("spoiled payloads", func(t *testing.T) { agreesOnPayloads(t, watched) })
	t.Run("spoiled envelopes", func(t *testing.T) { agreesOnEnvelopes(t, watched) })
}

// agreesOnFiles hands every file of testdata to a verifier that shares not a
// line with ours: written in C from docs/wire.md. It must say of every case what
// the file says.
func agreesOnFiles(t *testing.T, program string) {
	t.Parallel()
	var files []string
	want := 0
	for _, pattern := range []string{"decode/*.txt", "decide/*.txt", "vectors/*.json"} {
		names, err := filepath.Glob("testdata/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(name, ".json") {
				var held vectors
				if err := json.Unmarshal(b, &held); err != nil {
					t.Fatal(err)
				}
				want += len(held.Vectors)
			} else {
				want += strings.Count(string(b), "\n==========\n") + 1
			}
		}
		files = append(files, names...)
	}
	out, err := exec.CommandContext(t.Context(), program, files...).CombinedOutput()
	right := 0
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "ok\t") {
			right++
			continue
		}
		t.Error(strings.TrimSpace(line))
	}
	if err != nil || right != want {
		t.Errorf("C agrees on %d of %d: %v", right, want, err)
	}
	t.Logf("C agrees on %d of %d cases", right, want)
}

// mutator spoils documents at random, in the ways two readers come to differ.
type mutator struct{ *rand.Rand }

// tricks are pieces that one reader takes and another does not.
func tricks() []string {
	return []string{
		"null", "true", "0", "-0", "-1", "1.0", "1e3", "9007199254740991", "9007199254740992", "-9007199254740992", "01", "18446744073709551616",
		`""`, `"\u0000"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`, `"\uFFFD"`, "\ufffd", "\u0301", "e\u0301", "\u1ebf", "e\u0302\u0301", "\u212a", "\u0130",
		strings.Repeat("\u0301", 30), strings.Repeat("\u0301", 31), "a" + strings.Repeat("\u0323", 31), "\u1100\u1161", "\uac00", "\u0344", "\u2126", "\u0f77",
		"\xff", "\xed\xa0\x80", "\xc0\x80", "\x00", "\x1f", "\x7f", "\u2028", "<", `\/`, `\u003c`, `\x`, `\`, `"`, "'", "//", "/**/", "\ufeff", "\u00a0",
		"{", "}", "[", "]", "[]", "{}", ",", ":", " ", "\n", "\r\n", "\t", "[[[[[[[[", "]]]]]]]]", `{"a":`, `"ignorable":{"a":1,"a":2},`, `"ignorable":[[[[[[]]]]]],`,
		`"v":0,`, `"V":0,`, `"kind":"play",`, `"now":true,`, `"class":"emergency",`, `"scope":[],`, "=", "==", "A", "/", "+", "-", "_", "vn/97", "*", "#",
		"en-GB", "vi-\u212a", "e\u0301", "normal", "weak", "passkey", "stop", "phrase",
	}
}

func (m mutator) spoil(b []byte) []byte {
	b = slices.Clone(b)
	for range 1 + m.IntN(3) {
		if len(b) == 0 {
			return b
		}
		at := m.IntN(len(b))
		to := min(len(b), at+1+m.IntN(12))
		switch m.IntN(9) {
		case 0:
			b[at] ^= 1 << m.IntN(8)
		case 1:
			b = slices.Delete(b, at, to)
		case 2:
			b = slices.Insert(b, at, b[at:to]...)
		case 3:
			b = b[:at]
		case 4, 5, 6: // a value by another
			if from := bytes.IndexByte(b[at:], ':'); from >= 0 {
				from += at + 1
				end := from + 1
				for end < len(b) && b[end] != ',' && b[end] != '}' {
					end++
				}
				b = slices.Replace(b, from, min(end, len(b)), []byte(tricks()[m.IntN(len(tricks()))])...)
			}
		default:
			b = slices.Insert(b, at, []byte(tricks()[m.IntN(len(tricks()))])...)
		}
	}
	return b
}

// documents are one good payload or more of each kind.
func documents(t testing.TB) map[string][][]byte {
	w := play()
	w.Scope = append(w.Scope, wire.Place{Path: here, Area: &wire.Area{Polygon: []wire.Point{{Lat: 1, Lon: 2}, {Lat: 3, Lon: 4}, {Lat: -5, Lon: -6}}}})
	w.Role, w.Media[0].Lang, w.Ignore = wire.Tune, "vi", json.RawMessage(`{"category":"rác","later":[1,{"a":true}]}`)
	p := plan()
	p.Slots[0].Poles, p.Mutes = []string{"HA-01"}, []wire.Mute{{Pole: "HA-01", From: 1, Until: 2}}
	y := policy()
	y.Volumes, y.Mourning = []wire.Volume{{From: 0, Until: 720, Percent: 35}}, []wire.Span{{From: 1, Until: 2}}
	y.Exceptions = []wire.Exception{{From: 1, Until: 2, Reason: "r"}}
	return map[string][][]byte{
		"warrant": {encode(t, play()), encode(t, siren()), encode(t, halt()), encode(t, w), encode(t, phrase()), encode(t, relay()),
			encode(t, live()), encode(t, setting())}, "plan": {encode(t, p)}, "beacon": {encode(t, beacon())},
		"placement": {encode(t, placement())}, "policy": {encode(t, y)}, "receipt": {encode(t, receipt())}, "token": {encode(t, token())},
		"time": {encode(t, clockTime())}, "beat": {encode(t, beat())}, "release": {encode(t, release())},
		"phrases": {encode(t, phrases())}, "log": {encode(t, deviceLog())},
	}
}

// readers are what Go says of a payload of each kind, before any seal.
func readers() map[string]func([]byte) error {
	return map[string]func([]byte) error{
		"warrant": func(b []byte) error { _, err := wire.ReadWarrant(b); return err },
		"plan":    func(b []byte) error { _, err := wire.ReadPlan(b); return err },
		"beacon":  strict[wire.Beacon](seal.MaxDocument), "receipt": strict[wire.Receipt](wire.MaxReceipt),
		"placement": func(b []byte) error { _, err := wire.ReadPlacement(b); return err },
		"policy":    func(b []byte) error { _, err := wire.ReadPolicy(b); return err },
		"token":     strict[wire.Token](seal.MaxDocument), "time": strict[wire.Time](seal.MaxDocument),
		"beat":    func(b []byte) error { _, err := wire.ReadBeat(b); return err },
		"phrases": func(b []byte) error { _, err := wire.ReadPhrases(b); return err },
		"log":     strict[wire.Log](wire.MaxLog),
		"release": func(b []byte) error { _, err := wire.ReadRelease(b); return err },
	}
}

func strict[D document](limit int) func([]byte) error {
	return func(b []byte) error {
		var d D
		if err := seal.Decode(b, limit, &d); err != nil {
			return err
		}
		return d.Check()
	}
}

// rounds is how many spoiled documents the two verifiers are asked about, each
// kind: more with LOA_LONG=1.
func rounds() int {
	if os.Getenv("LOA_LONG") != "" {
		return 200_000
	}
	return 1500
}

// agreesOnPayloads spoils good payloads at random and asks both readers.
// They must give the same key: a document that one box plays and another
// refuses is how an attacker splits a commune.
func agreesOnPayloads(t *testing.T, program string) {
	t.Parallel()
	names, err := filepath.Glob("testdata/decode/*.txt")
	if err != nil || len(names) != len(documents(t)) {
		t.Errorf("%d kinds in decode, %d are spoiled: %v", len(names), len(documents(t)), err)
	}
	for kind, good := range documents(t) {
		read := readers()[kind]
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := mutator{rand.New(rand.NewPCG(97, uint64(len(kind))))}
			var in [][]byte
			for range rounds() {
				in = append(in, m.spoil(good[m.IntN(len(good))]))
			}
			seen := map[string]int{}
			for i, got := range askC(t, program, kind, in) {
				want := verdict(read(in[i]))
				seen[want]++
				if got != want {
					t.Errorf("%q\nC says %s, Go %s", in[i], got, want)
				}
			}
			t.Log(seen)
			if len(seen) < 6 {
				t.Errorf("hardly tried: %v", seen)
			}
		})
	}
}

// askC asks the verifier about payloads of a kind: one line, one answer.
func askC(t *testing.T, program, kind string, in [][]byte) []string {
	t.Helper()
	var lines bytes.Buffer
	for _, b := range in {
		fmt.Fprintf(&lines, "%s %s\n", kind, base64.StdEncoding.EncodeToString(b))
	}
	cmd := exec.CommandContext(t.Context(), program, "-")
	cmd.Stdin = &lines
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.Bytes())
	}
	answers := strings.Fields(string(out))
	if len(answers) != len(in) {
		t.Fatalf("%d answers to %d questions", len(answers), len(in))
	}
	return answers
}

// agreesOnEnvelopes spoils sealed documents, and seals spoiled payloads,
// and has both open them under their chains.
func agreesOnEnvelopes(t *testing.T, program string) {
	t.Parallel()
	for _, file := range makeVectors(t) {
		if file.Kind == "chain" {
			continue
		}
		t.Run(file.Kind, func(t *testing.T) {
			t.Parallel()
			m := mutator{rand.New(rand.NewPCG(98, uint64(len(file.Kind))))}
			asked := vectors{Kind: file.Kind, Chains: file.Chains}
			seen := map[string]int{}
			for i := range rounds() / 15 {
				v := file.Vectors[m.IntN(len(file.Vectors))]
				v.Name = fmt.Sprint(i)
				if m.IntN(2) == 0 {
					v.Envelope = m.spoil(v.Envelope)
				} else {
					v.Envelope = m.resealed(t, v.Envelope)
				}
				v.Expected = v.judge(t, file.Kind, file.Chains)
				seen[v.Expected]++
				asked.Vectors = append(asked.Vectors, v)
			}
			b, err := json.Marshal(asked)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(t.TempDir(), file.Kind+".json")
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), program, name).CombinedOutput()
			lines := 0
			for line := range strings.Lines(string(out)) {
				lines++
				if n := 0; !strings.HasPrefix(line, "ok\t") {
					_, _ = fmt.Sscan(strings.Split(line, "\t")[2], &n)
					t.Errorf("%s%q", line, asked.Vectors[n].Envelope)
				}
			}
			if err != nil || lines != len(asked.Vectors) {
				t.Errorf("%d answers to %d questions: %v", lines, len(asked.Vectors), err)
			}
			t.Log(seen)
		})
	}
}

// resealed spoils what is inside an envelope and seals it again by one or more
// of the keys of the stage.
func (m mutator) resealed(t *testing.T, envelope []byte) []byte {
	o, err := seal.Open(envelope, wire.MaxPlan)
	if err != nil {
		return m.spoil(envelope)
	}
	names := []string{"commune", "second", "third", "province", "dispatch", "beacon", "device", "sibling", "root", "stranger"}
	m.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	var keys []seal.Key
	for _, n := range names[:1+m.IntN(3)] {
		keys = append(keys, key(n))
	}
	return sealed(t, o.Type, m.spoil(o.Payload), keys...)
}
