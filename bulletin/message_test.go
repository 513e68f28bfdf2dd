package bulletin

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa/speaker"
	"loa/wire"
)

// TestTell: who counts as played, muted, silent and offline, each its own thing.
func TestTell(t *testing.T) {
	const now = 10_000_000
	slots := []sessionSlot{{id: "a", start: 1000, ms: 10}, {id: "b", start: 2000, ms: 10}}
	line := func(r wire.Result, why string) wire.Line { return wire.Line{Result: r, Why: why} }
	played := line(wire.Played, "")
	boxes := []meantBox{
		{id: "1", pole: "Đình", code: "1", seen: now, slots: slots},
		{id: "2", pole: "Chùa", code: "2", seen: now - speaker.Silent, slots: slots},
		{id: "3", pole: "Chợ", code: "3", seen: now, slots: slots},
		{id: "4", pole: "Trường", code: "4", seen: now, slots: slots},
		{id: "5", pole: "Bến", code: "5", seen: now, slots: slots},
		{id: "6", pole: "Ao", code: "6", seen: now, slots: slots},
		{id: "7", pole: "Cầu", code: "7", slots: slots},
		{id: "8", pole: "Đồi", code: "8", seen: now, slots: slots},
	}
	lines := map[string]map[string]wire.Line{
		"1": {"a": played, "b": played},
		"2": {"a": played},
		"3": {"a": played, "b": line(wire.Refused, "disk.full")},
		"4": {"a": line(wire.Missed, wire.WhyMuted), "b": played}, // muted for one of two
		"5": {"a": played},
		"6": {"a": line(wire.Partly, ""), "b": played},
		"8": {}, // muted, and its box never said a word
	}
	muted := func(code string, _, _ int64) bool { return code == "8" }
	got := tell(Message{Items: 2}, boxes, lines, muted, now)
	want := Message{Items: 2, Meant: 6, Played: 1, Muted: []string{"Trường", "Đồi"}, Silent: []Silent{
		{Pole: "Chùa", Code: "2", Why: "offline", Since: now - speaker.Silent, Lost: 1},
		{Pole: "Chợ", Code: "3", Why: "disk.full", Lost: 1},
		{Pole: "Bến", Code: "5", Why: "no_receipt", Lost: 1},
		{Pole: "Ao", Code: "6", Why: "partly", Lost: 1},
		{Pole: "Cầu", Code: "7", Why: "offline", Lost: 2},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestShare: what was muted is in no figure, and nothing divides by nothing.
func TestShare(t *testing.T) {
	for _, c := range []struct {
		t    Totals
		want int
	}{
		{Totals{}, 0}, {Totals{Lines: 12, Played: 12}, 1000}, {Totals{Lines: 12, Played: 11}, 917}, {Totals{Lines: 12, Played: 11, Muted: 1}, 1000},
		{Totals{Lines: 4, Muted: 4}, 0}, {Totals{Lines: 3, Played: 0, Muted: 1}, 0}, {Totals{Lines: 3, Played: 1}, 333},
	} {
		if got := c.t.Share(); got != c.want {
			t.Errorf("%+v: %d, want %d", c.t, got, c.want)
		}
	}
}
