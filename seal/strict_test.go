package seal_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/seal"
)

// form is a document with every kind of field that documents have. Its zero
// values are left out, because null is refused.
type form struct {
	V         int             `json:"v,omitempty"`
	Class     string          `json:"class,omitempty"`
	Time      int64           `json:"time,omitempty"`
	On        bool            `json:"on,omitempty"`
	At        *corner         `json:"at,omitempty"`
	Corners   []corner        `json:"corners,omitempty"`
	Words     []loa.Path      `json:"words,omitempty"`
	Numbers   []int64         `json:"numbers,omitempty"`
	Ignorable json.RawMessage `json:"ignorable,omitempty"`
}

type corner struct {
	Lat  int64  `json:"lat"`
	Name string `json:"name,omitempty"`
}

func TestDecode(t *testing.T) {
	nest := func(n int) string { // n objects inside one another, the innermost empty
		return strings.Repeat(`{"ignorable":`, 1) + strings.Repeat(`{"a":`, n-2) + `{}` + strings.Repeat(`}`, n-1)
	}
	lists := func(n int) string { // one object, then lists, n levels in all
		return `{"ignorable":` + strings.Repeat(`[`, n-1) + `1` + strings.Repeat(`]`, n-1) + `}`
	}
	for _, c := range []struct{ name, in, want string }{
		{"everything", `{"v":0,"class":"normal","time":1,"on":true,"at":{"lat":-1,"name":"Bến Đò"},"corners":[{"lat":1},{"lat":2}],"words":["vn","vn/97"],"numbers":[1,2],"ignorable":{"x":[true,{"y":"z"}]}}`, "ok"},
		{"nothing but an object", `{}`, "ok"},
		{"space around", " \t\r\n{ \"v\" : 0 }\n ", "ok"},
		{"lists may be empty", `{"corners":[],"words":[],"numbers":[]}`, "ok"},

		{"a key twice", `{"class":"normal","class":"emergency"}`, "document.duplicate_key"},
		{"a key twice with one value", `{"v":0,"v":0}`, "document.duplicate_key"},
		{"a key twice, once escaped", `{"class":"normal","cl\u0061ss":"emergency"}`, "document.duplicate_key"},
		{"a key twice, both escaped", `{"\u0063lass":"normal","c\u006cass":"emergency"}`, "document.duplicate_key"},
		{"a key twice in an object inside", `{"at":{"lat":1,"lat":2}}`, "document.duplicate_key"},
		{"a key twice in a list's object", `{"corners":[{"lat":1},{"lat":2,"lat":3}]}`, "document.duplicate_key"},
		{"a key twice inside ignorable", `{"ignorable":{"x":1,"x":2}}`, "document.duplicate_key"},
		{"a key twice deep inside ignorable", `{"ignorable":[{"x":{"y":1,"\u0079":2}}]}`, "document.duplicate_key"},
		{"ignorable twice", `{"ignorable":{},"ignorable":{}}`, "document.duplicate_key"},
		{"the same key in two objects", `{"corners":[{"lat":1},{"lat":1}],"ignorable":{"lat":1}}`, "ok"},
		{"an escaped key once", `{"cl\u0061ss":"normal"}`, "ok"},

		{"a key in capitals", `{"CLASS":"emergency"}`, "document.unknown_key"},
		{"a key in capitals beside the right one", `{"class":"normal","CLASS":"emergency"}`, "document.unknown_key"},
		{"one capital", `{"Class":"emergency"}`, "document.unknown_key"},
		{"a letter that folds to s", `{"cla\u017fs":"emergency"}`, "document.unknown_key"},
		{"a Go field name", `{"V":0}`, "document.unknown_key"},
		{"an empty key", `{"":1}`, "document.unknown_key"},
		{"an unknown key", `{"volume":100}`, "document.unknown_key"},
		{"an unknown key inside", `{"at":{"lat":1,"lon":2}}`, "document.unknown_key"},
		{"unknown keys inside ignorable", `{"ignorable":{"volume":100,"VOLUME":1}}`, "ok"},
		{"ignorable as text", `{"ignorable":"later"}`, "ok"},
		{"a key with a space", `{"class ":"normal"}`, "document.unknown_key"},

		{"null for a text", `{"class":null}`, "document.null"},
		{"null for a number", `{"v":null}`, "document.null"},
		{"null for an object", `{"at":null}`, "document.null"},
		{"null for a list", `{"words":null}`, "document.null"},
		{"null in a list", `{"words":["vn",null]}`, "document.null"},
		{"null for ignorable", `{"ignorable":null}`, "document.null"},
		{"null inside ignorable", `{"ignorable":{"x":null}}`, "document.null"},
		{"null for the document", `null`, "document.null"},

		{"a fraction", `{"time":1.5}`, "document.number"},
		{"a fraction of nought", `{"time":1.0}`, "document.number"},
		{"an exponent", `{"time":1e3}`, "document.number"},
		{"a large exponent", `{"time":1E400}`, "document.number"},
		{"2^53 - 1", `{"time":9007199254740991}`, "ok"},
		{"2^53", `{"time":9007199254740992}`, "document.number"},
		{"-2^53 + 1", `{"time":-9007199254740991}`, "ok"},
		{"-2^53", `{"time":-9007199254740992}`, "document.number"},
		{"beyond 64 bits", `{"time":18446744073709551617}`, "document.number"},
		{"minus nought", `{"time":-0}`, "document.number"},
		{"a fraction inside ignorable", `{"ignorable":{"x":0.5}}`, "document.number"},
		{"2^53 in a list", `{"numbers":[1,9007199254740992]}`, "document.number"},
		{"a leading nought", `{"time":01}`, "document.malformed"},
		{"a plus", `{"time":+1}`, "document.malformed"},
		{"hexadecimal", `{"time":0x10}`, "document.malformed"},
		{"not a number", `{"time":NaN}`, "document.malformed"},

		{"bytes that are no UTF-8", "{\"class\":\"\xff\"}", "document.not_utf8"},
		{"a surrogate written in UTF-8", "{\"class\":\"\xed\xa0\x80\"}", "document.not_utf8"},
		{"an overlong slash", "{\"class\":\"\xc0\xaf\"}", "document.not_utf8"},
		{"half a surrogate pair", `{"class":"\ud800"}`, "document.not_nfc"},
		{"the other half", `{"class":"\udc00"}`, "document.not_nfc"},
		{"half a pair in a key", `{"\ud800":1}`, "document.not_nfc"},
		{"half a pair inside ignorable", `{"ignorable":["\ud800x"]}`, "document.not_nfc"},
		{"a whole pair", `{"class":"\ud83d\udce2"}`, "ok"},
		{"the replacement character", `{"class":"\ufffd"}`, "document.not_nfc"},
		{"composed Vietnamese", `{"class":"Thường Tín"}`, "ok"},
		{"decomposed Vietnamese", "{\"class\":\"Thu\u031bo\u031b\u0300ng\"}", "document.not_nfc"},
		{"decomposed by escapes", `{"class":"a\u0301"}`, "document.not_nfc"},
		{"a decomposed key", "{\"a\u0301\":1}", "document.not_nfc"},
		{"decomposed inside ignorable", "{\"ignorable\":{\"x\":\"a\u0301\"}}", "document.not_nfc"},
		{"the Ångström sign", "{\"class\":\"\u212b\"}", "document.not_nfc"},

		{"eight levels", nest(8), "ok"},
		{"nine levels", nest(9), "document.too_deep"},
		{"eight levels of lists", lists(8), "ok"},
		{"nine levels of lists", lists(9), "document.too_deep"},
		{"a thousand levels", lists(1000), "document.too_deep"},

		{"a second document", `{}{}`, "document.trailing"},
		{"a bracket after the end", `{}}`, "document.trailing"},
		{"text after the end", `{} x`, "document.trailing"},
		{"a nought byte after the end", "{}\x00", "document.trailing"},
		{"a comma after the end", `{},`, "document.trailing"},

		{"nothing", ``, "document.malformed"},
		{"only space", ` `, "document.malformed"},
		{"a byte order mark", "\ufeff{}", "document.malformed"},
		{"cut off", `{"v":0`, "document.malformed"},
		{"cut off in a key", `{"v`, "document.malformed"},
		{"cut off in a list", `{"words":["vn"`, "document.malformed"},
		{"a comma too many", `{"v":0,}`, "document.malformed"},
		{"a comma too many in a list", `{"numbers":[1,]}`, "document.malformed"},
		{"a comma missing", `{"v":0 "time":1}`, "document.malformed"},
		{"a colon missing", `{"v" 0}`, "document.malformed"},
		{"a key without quotes", `{v:0}`, "document.malformed"},
		{"single quotes", `{'v':0}`, "document.malformed"},
		{"a comment", `{/* */"v":0}`, "document.malformed"},
		{"a line break in a text", "{\"class\":\"a\nb\"}", "document.malformed"},
		{"a wrong escape", `{"class":"\x41"}`, "document.malformed"},

		{"a list for the document", `[]`, "document.malformed"},
		{"a text for the document", `"v"`, "document.malformed"},
		{"a number for the document", `0`, "document.malformed"},
		{"true for the document", `true`, "document.malformed"},
		{"a list for an object", `{"at":[]}`, "document.malformed"},
		{"an object for a list", `{"corners":{"0":{"lat":1}}}`, "document.malformed"},
		{"a text for a list", `{"words":"vn"}`, "document.malformed"},
		{"an object for a text", `{"class":{}}`, "document.malformed"},
		{"a list for a text", `{"class":["normal"]}`, "document.malformed"},
		{"a number for a text", `{"class":1}`, "document.malformed"},
		{"a text for a number", `{"time":"1"}`, "document.malformed"},
		{"true for a number", `{"time":true}`, "document.malformed"},
		{"a number for true", `{"on":1}`, "document.malformed"},
		{"a text for true", `{"on":"true"}`, "document.malformed"},
		{"a number in a list of texts", `{"words":["vn",1]}`, "document.malformed"},
		{"a text in a list of numbers", `{"numbers":["1"]}`, "document.malformed"},
		{"a list in a list", `{"numbers":[[1]]}`, "document.malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f form
			if got := verdict(seal.Decode([]byte(c.in), seal.MaxDocument, &f)); got != c.want {
				t.Errorf("%s: %s, want %s", c.in, got, c.want)
			}
		})
	}
}

// verdict is "ok" or the sentence's key.
func verdict(err error) string {
	if err == nil {
		return "ok"
	}
	return loa.KeyOf(err)
}

func TestDecodeSize(t *testing.T) {
	whole := `{"class":"` + strings.Repeat("a", 87) + `"}` // 99 bytes
	for limit, want := range map[int]string{len(whole): "ok", len(whole) - 1: "document.too_large"} {
		var f form
		if got := verdict(seal.Decode([]byte(whole), limit, &f)); got != want {
			t.Errorf("limit %d: %s, want %s", limit, got, want)
		}
	}
}

// TestDecodeValues reads what each field got.
func TestDecodeValues(t *testing.T) {
	var got form
	in := `{"class":"Tín \u0068iệu","time":-5,"on":true,"at":{"lat":7,"name":"\""},"corners":[{"lat":1},{"lat":0}],"words":["vn/97"],"numbers":[0,1],"ignorable":{"a": [ 1 ]}}`
	if err := seal.Decode([]byte(in), seal.MaxDocument, &got); err != nil {
		t.Fatal(err)
	}
	want := form{Class: "Tín hiệu", Time: -5, On: true, At: &corner{7, `"`}, Corners: []corner{{1, ""}, {0, ""}},
		Words: []loa.Path{"vn/97"}, Numbers: []int64{0, 1}, Ignorable: json.RawMessage(`{"a": [ 1 ]}`)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestDecodeNames reads where in a document a refusal points.
func TestDecodeNames(t *testing.T) {
	for in, want := range map[string]string{
		`{"at":{"lon":1}}`:                  "at.lon",
		`{"v":0,"v":0}`:                     "v",
		`{"corners":[{"lat":1,"lat":1}]}`:   "corners.lat",
		`{"ignorable":{"a":{"b":null}}}`:    "ignorable.a.b",
		`{"time":0.5}`:                      "time",
		`{"at":{"lat":1,"name":"a\u0301"}}`: "at.name",
	} {
		var f form
		var e *loa.Error
		err := seal.Decode([]byte(in), seal.MaxDocument, &f)
		if e, _ = err.(*loa.Error); e == nil || len(e.Args) != 1 || e.Args[0] != want { //nolint:errorlint // Decode returns it bare
			t.Errorf("%s: %v, want one that names %s", in, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"v":0,"class":"normal","time":1,"on":true,"at":{"lat":-1},"corners":[{"lat":1}],"words":["vn"],"numbers":[1],"ignorable":{"x":[{}]}}`,
		`{"class":"normal","CLASS":"emergency"}`, `{"class":"a","cl\u0061ss":"b"}`, `{"ignorable":{"x":1,"\u0078":2}}`,
		`{"time":9007199254740991}`, `{"time":-0}`, `{"class":"\ud800"}`, `{"class":"a\u0301"}`, `{"numbers":[1,]}`, `{}{}`,
		`{"ignorable":[[[[[[[1]]]]]]]}`, `{"ignorable":{":":"\":"}}`, `{"corners":[{},{}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var got form
		if seal.Decode(b, seal.MaxDocument, &got) != nil {
			return
		}
		var plain form
		if err := json.Unmarshal(b, &plain); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		if diff := cmp.Diff(plain, got); diff != "" {
			t.Fatalf("encoding/json reads it otherwise: %s", diff)
		}
		loose := anything(t, b)
		if keys, colons := countKeys(loose), colonsOutsideText(b); keys != colons {
			t.Fatalf("%d keys are left of %d", keys, colons)
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(prune(loose), prune(anything(t, again))); diff != "" {
			t.Fatalf("written again it says something else: %s", diff)
		}
		// What was accepted is accepted again, unless it grew: a text may be
		// written with escapes that are longer.
		var twice form
		if err := seal.Decode(again, 6*seal.MaxDocument, &twice); err != nil {
			t.Fatalf("written again it is refused: %v", err)
		}
	})
}

func anything(t *testing.T, b []byte) (v any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// colonsOutsideText is how many keys a JSON text has, doubled ones twice.
func colonsOutsideText(b []byte) (n int) {
	in := false
	for i := 0; i < len(b); i++ {
		switch {
		case in && b[i] == '\\':
			i++
		case b[i] == '"':
			in = !in
		case b[i] == ':' && !in:
			n++
		}
	}
	return n
}

// countKeys is how many keys a reader that forgets doubled ones has left.
func countKeys(v any) (n int) {
	switch x := v.(type) {
	case map[string]any:
		n = len(x)
		for _, y := range x {
			n += countKeys(y)
		}
	case []any:
		for _, y := range x {
			n += countKeys(y)
		}
	}
	return n
}

// prune takes away what omitempty leaves out.
func prune(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, y := range x {
			y = prune(y)
			x[k] = y
			list, isList := y.([]any)
			if y == "" || y == false || y == json.Number("0") || isList && len(list) == 0 {
				delete(x, k)
			}
		}
	case []any:
		for i, y := range x {
			x[i] = prune(y)
		}
	}
	return v
}
