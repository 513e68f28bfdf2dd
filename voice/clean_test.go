package voice

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"composes", "ho\u0323p tho\u0302n", "họp thôn"},
		{"ends lines one way and trims", " \r\nmột\r\nhai\t3\n", "một\nhai\t3"},
		{"keeps no-break spaces inside and pictures", "5\u00a0kg 😀", "5\u00a0kg 😀"},
		{"takes the longest text", strings.Repeat("ế", MaxCharacters), strings.Repeat("ế", MaxCharacters)},
		{"counts characters after composition", strings.Repeat("e\u0302\u0301", MaxCharacters), strings.Repeat("ế", MaxCharacters)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Clean(c.in)
			if err != nil || got != c.want {
				t.Errorf("got %.40q, %v; want %.40q", got, err, c.want)
			}
		})
	}
}

func TestCleanRefuses(t *testing.T) {
	for _, c := range []struct {
		name, in, key string
		args          []any
	}{
		{"nothing", "", "text.empty", nil},
		{"blanks", " \n\t\u00a0", "text.empty", nil},
		{"a character too many", strings.Repeat("ế", MaxCharacters+1), "text.too_long", []any{MaxCharacters, MaxCharacters + 1}},
		{"bytes too many", strings.Repeat("a", MaxBytes+1), "text.too_long", []any{MaxCharacters, MaxBytes + 1}},
		{"bytes that are no text", "xã \xff", "text.not_utf8", nil},
		{"zero-width space", "họp\u200b thôn", "text.hidden", []any{"U+200B", 4}},
		{"zero-width joiner", "a\u200db", "text.hidden", []any{"U+200D", 2}},
		{"byte order mark", "\ufeffhọp", "text.hidden", []any{"U+FEFF", 1}},
		{"soft hyphen", "xả\u00ad lũ", "text.hidden", []any{"U+00AD", 3}},
		{"right-to-left override", "gọi \u202e411", "text.hidden", []any{"U+202E", 5}},
		{"isolate", "gọi \u2066411", "text.hidden", []any{"U+2066", 5}},
		{"tag letters", "xã\U000e0041", "text.hidden", []any{"U+E0041", 3}},
		{"filler", "xã\u3164", "text.hidden", []any{"U+3164", 3}},
		{"bell", "xã\a", "text.control", []any{"U+0007", 3}},
		{"lone carriage return", "một\rhai", "text.control", []any{"U+000D", 4}},
		{"line separator", "một\u2028hai", "text.control", []any{"U+2028", 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Clean(c.in)
			var e *loa.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want %s", err, c.key)
			}
			if e.Key != c.key || e.Code != loa.Invalid {
				t.Errorf("got %s %s, want invalid %s", e.Code, e.Key, c.key)
			}
			if diff := cmp.Diff(c.args, e.Args); diff != "" {
				t.Errorf("args (-want +got):\n%s", diff)
			}
		})
	}
}
