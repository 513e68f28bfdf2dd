package lexicon

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"loa"
	"loa/db"
	"loa/db/dbtest"
	"loa/journal"
	"loa/unit"
	"loa/voice"
)

// stage is an invented province and the country it lies in.
const stage = `path,code,parent,level,type,name,valid_from,valid_to,predecessors
vn,,,country,quoc_gia,Việt Nam,2025-07-01,,
vn/98,98,vn,province,tinh,Lam Xuyên,2025-07-01,,
vn/98/98011,98011,vn/98,commune,xa,Đồng Sậy,2025-07-01,,
vn/98/98037,98037,vn/98,commune,xa,Bến Mai,2025-07-01,,
`

const (
	nation   loa.Path = "vn"
	province loa.Path = "vn/98"
	dongSay  loa.Path = "vn/98/98011"
	benMai   loa.Path = "vn/98/98037"
)

// on runs f on both databases, each holding the stage, on the same morning.
func on(t *testing.T, f func(t *testing.T, r *Register)) {
	t.Helper()
	dbtest.EachURL(t, func(t *testing.T, url string) {
		d := dbtest.OpenAt(t, url, loa.NewHandClock(time.Date(2026, 11, 23, 7, 0, 0, 0, loa.Zone())))
		if report, err := (&unit.Register{DB: d}).Import(t.Context(), loa.System(), strings.NewReader(stage), false); err != nil {
			t.Fatal(err, report.Errors)
		}
		f(t, &Register{d})
	})
}

// writer may write for the given places.
func writer(id string, at ...loa.Path) loa.Actor {
	who := loa.Actor{ID: id, Name: "Người " + id}
	for _, p := range at {
		who.Grants = append(who.Grants, loa.Grant{Path: p, Rights: []loa.Right{loa.RightWrite}})
	}
	return who
}

func set(t *testing.T, r *Register, path loa.Path, written, spoken string) Word {
	t.Helper()
	w, err := r.Set(t.Context(), writer("viet", path), path, written, spoken)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// spoken is a text as a place reads it.
func spoken(t *testing.T, r *Register, path loa.Path, text string) string {
	t.Helper()
	var n voice.Normalizer
	if err := r.DB.Read(t.Context(), func(tx *db.Tx) (err error) {
		n.Lexicon, err = Readings(tx, path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n.Speak(text).Text
}

// list is the words of a place as lines.
func list(t *testing.T, r *Register, path loa.Path, text string) (all []string) {
	t.Helper()
	words, err := r.List(t.Context(), path, text)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range words {
		line := fmt.Sprintf("%s %s=%s", w.Path, w.Written, w.Spoken)
		if w.Hidden {
			line += " (hidden)"
		}
		all = append(all, line)
	}
	return all
}

func verbs(t *testing.T, r *Register) (all []string) {
	t.Helper()
	if err := r.DB.Read(t.Context(), func(tx *db.Tx) error {
		rows, err := journal.List(tx, journal.Filter{})
		for _, row := range rows {
			if strings.HasPrefix(row.Verb, "lexicon.") {
				all = append(all, row.Verb)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all) // one moment for all of them
	return all
}

func TestNearestWins(t *testing.T) {
	on(t, func(t *testing.T, r *Register) {
		const text = "Mời TCT họp."
		if got := spoken(t, r, dongSay, text); got != "Mời tê-xê-tê họp." {
			t.Errorf("without a word: %q", got)
		}
		set(t, r, nation, "TCT", "tổng công ty")
		set(t, r, province, "TCT", "tổ công tác")
		own := set(t, r, dongSay, "TCT", "tổ cộng tác")
		for _, c := range []struct {
			path loa.Path
			want string
		}{
			{dongSay, "Mời tổ cộng tác họp."},
			{dongSay + "/h/kr", "Mời tổ cộng tác họp."}, // a hamlet reads as its commune does
			{benMai, "Mời tổ công tác họp."},
			{province, "Mời tổ công tác họp."},
			{nation, "Mời tổng công ty họp."},
			{"vn/97", "Mời tổng công ty họp."},
		} {
			if got := spoken(t, r, c.path, text); got != c.want {
				t.Errorf("%s: %q, want %q", c.path, got, c.want)
			}
		}
		if _, err := r.Remove(t.Context(), writer("viet", dongSay), own.ID); err != nil {
			t.Fatal(err)
		}
		if got := spoken(t, r, dongSay, text); got != "Mời tổ công tác họp." {
			t.Errorf("after its own word is gone: %q", got)
		}
	})
}

func TestSetChangesAndKeepsTheBook(t *testing.T) {
	on(t, func(t *testing.T, r *Register) {
		first := set(t, r, dongSay, "Đắk Rơn", "Đắc Rơn")
		if again := set(t, r, dongSay, " Đắk  Rơn ", "Đắc Rơn"); again != first {
			t.Errorf("the same again made %+v", again)
		}
		second := set(t, r, dongSay, "Đắk Rơn", "Đắc Rơn Thượng")
		if second.ID == first.ID {
			t.Error("a changed word kept its row")
		}
		if _, err := r.Remove(t.Context(), writer("viet", dongSay), first.ID); loa.KeyOf(err) != "lexicon.unknown" {
			t.Errorf("removing what was replaced: %v", err)
		}
		if _, err := r.Remove(t.Context(), writer("viet", dongSay), second.ID); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"lexicon.added", "lexicon.changed", "lexicon.removed"}, verbs(t, r)); diff != "" {
			t.Errorf("the book (-want +got):\n%s", diff)
		}
		set(t, r, dongSay, "Đắk Rơn", "Đắc Rơn") // free again
	})
}

func TestList(t *testing.T) {
	on(t, func(t *testing.T, r *Register) {
		set(t, r, province, "Sở X", "Sở ích")
		set(t, r, province, "TCT", "tổ công tác")
		set(t, r, dongSay, "TCT", "tổ cộng tác")
		set(t, r, dongSay, "Đắk Rơn", "Đắc Rơn")
		set(t, r, benMai, "BM", "Bến Mai")
		want := []string{"vn/98/98011 Đắk Rơn=Đắc Rơn", "vn/98/98011 TCT=tổ cộng tác", "vn/98 Sở X=Sở ích", "vn/98 TCT=tổ công tác (hidden)"}
		if diff := cmp.Diff(want, list(t, r, dongSay, "")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"vn/98/98011 Đắk Rơn=Đắc Rơn"}, list(t, r, dongSay, "dac RON")); diff != "" {
			t.Errorf("found without marks (-want +got):\n%s", diff)
		}
		if got := list(t, r, dongSay, "khong co"); got != nil {
			t.Errorf("found %v", got)
		}
	})
}

func TestSetRefused(t *testing.T) {
	on(t, func(t *testing.T, r *Register) {
		for _, c := range []struct {
			name, written, spoken, key string
			who                        loa.Actor
			path                       loa.Path
		}{
			{"somebody else's commune", "TCT", "tổ công tác", "right.missing", writer("a", benMai), dongSay},
			{"the province's, by a commune", "TCT", "tổ công tác", "right.missing", writer("a", dongSay), province},
			{"no such place", "TCT", "tổ công tác", "unit.unknown", writer("a", "vn"), "vn/98/00000"},
			{"nothing written", " ", "tổ", "lexicon.written", writer("a", dongSay), dongSay},
			{"a number alone", "115", "một một năm", "lexicon.written", writer("a", dongSay), dongSay},
			{"too long", strings.Repeat("a", MaxWritten+1), "tổ", "lexicon.written", writer("a", dongSay), dongSay},
			{"hidden characters", "T\u200bCT", "tổ", "lexicon.written", writer("a", dongSay), dongSay},
			{"nothing spoken", "TCT", "", "lexicon.spoken", writer("a", dongSay), dongSay},
			{"digits spoken", "TCT", "tổ 5", "lexicon.spoken", writer("a", dongSay), dongSay},
			{"signs alone", "TCT", "...", "lexicon.spoken", writer("a", dongSay), dongSay},
			{"spoken too long", "TCT", strings.Repeat("tổ ", MaxSpoken), "lexicon.spoken", writer("a", dongSay), dongSay},
		} {
			if _, err := r.Set(t.Context(), c.who, c.path, c.written, c.spoken); loa.KeyOf(err) != c.key {
				t.Errorf("%s: %v, want %s", c.name, err, c.key)
			}
		}
		w := set(t, r, dongSay, "TCT", "tổ công tác")
		if _, err := r.Remove(t.Context(), writer("a", benMai), w.ID); loa.KeyOf(err) != "right.missing" {
			t.Errorf("removed by a neighbour: %v", err)
		}
		if got := len(verbs(t, r)); got != 1 {
			t.Errorf("%d lines in the book, want 1", got)
		}
	})
}

func TestFull(t *testing.T) {
	on(t, func(t *testing.T, r *Register) {
		rows := make([][]any, MaxWords)
		for i := range rows {
			rows[i] = []any{fmt.Sprint("w", i), string(dongSay), fmt.Sprint("W", i), fmt.Sprint("w", i), "vê kép", "x", "X", int64(i)}
		}
		if err := r.DB.Write(t.Context(), func(tx *db.Tx) error {
			return tx.Insert("lexicon", []string{"id", "path", "written", "written_sort", "spoken", "who", "who_name", "at"}, rows)
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Set(t.Context(), writer("a", dongSay), dongSay, "TCT", "tổ công tác"); loa.KeyOf(err) != "lexicon.full" {
			t.Errorf("one more: %v", err)
		}
		set(t, r, dongSay, "W7", "vê kép bảy") // what is there may still be changed
	})
}

// TestTogether: eight people set one word at once; one row holds afterwards, and
// nobody is told anything but that somebody was quicker.
func TestTogether(t *testing.T) {
	on(t, func(t *testing.T, r *Register) {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				_, err := r.Set(t.Context(), writer("viet", dongSay), dongSay, "TCT", "tổ "+strings.Repeat("cộng ", i%3)+"tác")
				if err != nil && loa.KeyOf(err) != "lexicon.changed_meanwhile" {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := list(t, r, dongSay, ""); len(got) != 1 {
			t.Errorf("%d rows hold: %v", len(got), got)
		}
	})
}

// BenchmarkReadings is what a full lexicon at three levels costs one preview.
func BenchmarkReadings(b *testing.B) {
	d := dbtest.OpenAt(b, dbtest.SQLite(b), loa.NewHandClock(time.Date(2026, 11, 23, 7, 0, 0, 0, loa.Zone())))
	r := &Register{d}
	if _, err := (&unit.Register{DB: d}).Import(b.Context(), loa.System(), strings.NewReader(stage), false); err != nil {
		b.Fatal(err)
	}
	var rows [][]any
	for _, p := range dongSay.Up() {
		for i := range 300 {
			rows = append(rows, []any{fmt.Sprint(p, i), string(p), fmt.Sprint("Chữ ", i), fmt.Sprint(i), "cách đọc", "x", "X", int64(i)})
		}
	}
	if err := d.Write(b.Context(), func(tx *db.Tx) error {
		return tx.Insert("lexicon", []string{"id", "path", "written", "written_sort", "spoken", "who", "who_name", "at"}, rows)
	}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := r.DB.Read(b.Context(), func(tx *db.Tx) error {
			words, err := Readings(tx, dongSay)
			if len(words) != 300 {
				b.Errorf("%d words", len(words))
			}
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}
