package wire_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"loa/seal"
	"loa/wire"
)

// TestPaper holds docs/wire.md to the documents: each has its part, and each
// field is named there, so that nobody adds one only we know of.
func TestPaper(t *testing.T) {
	b, err := os.ReadFile("../docs/wire.md")
	if err != nil {
		t.Fatal(err)
	}
	paper := string(b)
	for _, c := range []struct {
		heading string
		doc     any
	}{
		{"\n## 4. ", seal.Envelope{}}, {"\n## 5. ", seal.Root{}}, {"\n## 5. ", seal.Delegation{}},
		{"\n### Warrant", wire.Warrant{}}, {"\n### Plan", wire.Plan{}}, {"\n### Beacon", wire.Beacon{}},
		{"\n### Placement", wire.Placement{}}, {"\n### Policy", wire.Policy{}}, {"\n### Time", wire.Time{}},
		{"\n### Token", wire.Token{}},
		{"\n### Phrase set", wire.PhraseSet{}}, {"\n### Log", wire.Log{}}, {"\n### Rotation", seal.Rotation{}}, {"\n### Receipt", wire.Receipt{}}, {"\n### Beat", wire.Beat{}}, {"\n### Release", wire.Release{}}, {"\n### HTTP", wire.Ack{}},
	} {
		heading, doc := c.heading, c.doc
		_, part, ok := strings.Cut(paper, heading)
		if !ok {
			t.Errorf("docs/wire.md has no part %q", strings.TrimSpace(heading))
			continue
		}
		if i := strings.Index(part, "\n##"); i >= 0 {
			part = part[:i]
		}
		for _, field := range fields(reflect.TypeOf(doc)) {
			if field != "v" && !strings.Contains(part, "`"+field+"`") && !strings.Contains(part, `"`+field+`"`) {
				t.Errorf("docs/wire.md, %s: no word of %s", strings.TrimSpace(heading), field)
			}
		}
	}
	for _, said := range []string{
		seal.DelegationType, wire.WarrantType, wire.PlanType, wire.BeaconType, wire.PlacementType, wire.PolicyType, wire.TimeType,
		wire.ReceiptType, wire.TokenType, wire.ReleaseType, wire.PhrasesType, wire.LogType, seal.RootType, wire.CanonicalForm, wire.BeaconTopic("{commune}"), wire.NowTopic("{path}"), wire.BeatTopic("{device}"),
	} {
		if !strings.Contains(paper, "`"+said+"`") {
			t.Errorf("docs/wire.md: no word of %s", said)
		}
	}
}

// fields lists the JSON names of a document and of everything in it.
func fields(t reflect.Type) (all []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[json.RawMessage]() {
		return nil
	}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		all = append(append(all, name), fields(f.Type)...)
	}
	return all
}
