package node_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"loa"
	"loa/bulletin"
	"loa/db"
	"loa/db/dbtest"
	"loa/journal"
	"loa/node"
)

// store is a place with bulletins of every age, and the folder of its sounds.
type store struct {
	t     *testing.T
	d     *db.DB
	blobs *db.Blobs
	keep  *node.Retention
	made  time.Time
	said  []journal.Entry
}

func newStore(t *testing.T, d *db.DB, made time.Time) *store {
	s := &store{t: t, d: d, blobs: &db.Blobs{Dir: t.TempDir()}, made: made}
	said := func(_ string, e journal.Entry) { s.said = append(s.said, e) }
	s.keep = &node.Retention{DB: d, Blobs: s.blobs, Bulletins: &bulletin.Flow{DB: d, Said: said}, Months: 24, Said: said}
	return s
}

func (s *store) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *store) exec(q string, args ...any) {
	s.t.Helper()
	s.must(s.d.Write(s.t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(q, args...); return err }))
}

// blob keeps words as a file that is as old as the stage.
func (s *store) blob(words string) string {
	s.t.Helper()
	hash, err := s.blobs.Put(s.t.Context(), []byte(words))
	s.must(err)
	file, err := s.blobs.Path(hash)
	s.must(err)
	s.must(os.Chtimes(file, s.made, s.made))
	return hash
}

// bulletin writes a bulletin of the first day with its sound.
func (s *store) bulletin(id string, state bulletin.State, until time.Time, media, source, upload string) {
	s.t.Helper()
	s.exec(`INSERT INTO bulletin (id, path, author, author_name, state, class, title, title_fold, scope, from_ms, until_ms, plays_day, plays, repeat_count, made_at, changed_at)
		VALUES (?, 'vn/98/98011', 'p', 'Lan', ?, 'normal', ?, '', 'vn/98/98011', ?, ?, 1, 1, 0, ?, ?)`,
		id, string(state), "Tin "+id, s.made.UnixMilli(), until.UnixMilli(), s.made.UnixMilli(), s.made.UnixMilli())
	s.exec(`INSERT INTO rendition (bulletin_id, position, lang, source, text, spoken, accent, speed, voice, spoken_by, upload, source_hash, media)
		VALUES (?, 0, 'vi', 'text', 'Lời', 'lời', 'north', 0, '', '', ?, ?, ?)`, id, upload, source, media)
}

// kept is which months the pages name for a bulletin, 0 while it can be heard.
func (s *store) kept(id string) (months int) {
	s.t.Helper()
	s.must(s.d.Read(s.t.Context(), func(tx *db.Tx) error {
		return tx.Row(`SELECT kept_months FROM rendition WHERE bulletin_id = ?`, id).Scan(&months)
	}))
	return months
}

// deleted gathers the hashes the book says were deleted.
func (s *store) deleted() (all []string) {
	s.t.Helper()
	for _, e := range s.said {
		if e.Verb != "sound.deleted" {
			continue
		}
		var data struct {
			Count  int
			Hashes []string
		}
		b, err := json.Marshal(e.Data)
		s.must(err)
		s.must(json.Unmarshal(b, &data))
		if data.Count != len(data.Hashes) || data.Count > 100 {
			s.t.Errorf("an entry of %d names %d", data.Count, len(data.Hashes))
		}
		all = append(all, data.Hashes...)
	}
	slices.Sort(all)
	return all
}

func sorted(all ...string) []string {
	slices.Sort(all)
	return all
}

// TestRetention is two years on a stage that has a bulletin of each kind.
func TestRetention(t *testing.T) {
	made := time.Date(2026, 3, 12, 7, 0, 0, 0, loa.Zone())
	dbtest.EachURL(t, func(t *testing.T, url string) {
		clock := loa.NewHandClock(made)
		d := dbtest.OpenAt(t, url, clock)
		until := func(at time.Time) { clock.Turn(at.Sub(clock.Now())) }
		s := newStore(t, d, made)
		week := made.AddDate(0, 0, 7)
		old, shared, tune, frame, draft := s.blob("old"), s.blob("shared"), s.blob("tune"), s.blob("frame"), s.blob("draft")
		raw, paper, refused, version := s.blob("raw"), s.blob("paper"), s.blob("refused"), s.blob("nobody")
		s.bulletin("old", bulletin.Expired, week, old, raw, "u1")
		s.bulletin("twin", bulletin.Expired, week, shared, "", "")
		s.bulletin("late", bulletin.Expired, made.AddDate(1, 0, 0), shared, "", "")
		s.bulletin("tune", bulletin.Dispatched, made.AddDate(5, 0, 0), tune, "", "")
		s.bulletin("frame", bulletin.Expired, week, frame, "", "")
		s.bulletin("draft", bulletin.Draft, week, draft, "", "")
		s.bulletin("photo", bulletin.Stopped, week, paper, "", "")
		s.exec(`INSERT INTO standing (path, part, position, kind, bulletin_id) VALUES ('vn/98/98011', 'morning', 0, 'music', 'frame')`)
		s.exec(`INSERT INTO upload (id, person, path, name, origin, bytes, state, source, media, made_at, taken_at)
			VALUES ('u1', 'p', 'vn/98/98011', '', 'recorded', 3, 'kept', ?, ?, ?, ?)`, raw, old, made.UnixMilli(), made.UnixMilli())
		s.exec(`INSERT INTO submission (id, path, link, person, sender, office, kind, typed, title, text, until_ms, photo, state, sent_at)
			VALUES ('f1', 'vn/98/98011', '', 'p', 'Điện lực', '', 'power', '{}', '', '', 0, ?, 'taken', 0)`, paper)
		s.must(d.Write(t.Context(), func(tx *db.Tx) error { return tx.Discard(refused, refused, "") }))

		// Nothing is old yet, and what was discarded just now rests.
		s.must(s.keep.Run(t.Context()))
		if got := s.deleted(); len(got) != 0 || s.kept("old") != 0 {
			t.Fatalf("at once: %v deleted, kept %d", got, s.kept("old"))
		}
		until(made.AddDate(0, 24, 6))
		s.must(s.keep.Run(t.Context()))
		if got := s.deleted(); !slices.Equal(got, []string{refused}) || s.kept("old") != 0 {
			t.Fatalf("a day before its time: %v deleted, kept %d", got, s.kept("old"))
		}

		// Its time is over: the page says so first, the file goes the day after.
		until(made.AddDate(0, 24, 8))
		s.must(s.keep.Run(t.Context()))
		for id, want := range map[string]int{"old": 24, "twin": 24, "photo": 24, "late": 0, "tune": 0, "frame": 0, "draft": 0} {
			if got := s.kept(id); got != want {
				t.Errorf("%s: kept %d months, want %d", id, got, want)
			}
		}
		if !s.blobs.Has(old) {
			t.Fatal("the file went before the mark had rested")
		}
		// A process died after it deleted one file and before it wrote that down.
		file, err := s.blobs.Path(raw)
		s.must(err)
		s.must(os.Remove(file))
		until(made.AddDate(0, 24, 9))
		s.must(s.keep.Run(t.Context()))
		if got := s.deleted(); !slices.Equal(got, sorted(refused, old, raw)) {
			t.Errorf("deleted %v, want %v", got, sorted(refused, old, raw))
		}
		for name, hash := range map[string]string{"old": old, "raw": raw, "refused": refused} {
			if s.blobs.Has(hash) {
				t.Errorf("%s is still there", name)
			}
		}
		for name, hash := range map[string]string{"shared": shared, "tune": tune, "frame": frame, "draft": draft, "paper": paper, "never discarded": version} {
			if !s.blobs.Has(hash) {
				t.Errorf("%s is gone", name)
			}
		}

		// The twin that was needed longer takes the shared file with it; one that
		// was put again meanwhile stays for whoever put it.
		before := len(s.said)
		until(made.AddDate(0, 24, 10))
		s.must(s.keep.Run(t.Context()))
		if len(s.said) != before {
			t.Errorf("a run with nothing to do wrote %v", s.said[before:])
		}
		until(made.AddDate(3, 0, 1))
		s.must(s.keep.Run(t.Context()))
		again, err := s.blobs.Path(shared)
		s.must(err)
		s.must(os.Chtimes(again, clock.Now().Add(24*time.Hour), clock.Now().Add(24*time.Hour)))
		until(clock.Now().Add(24 * time.Hour))
		s.must(s.keep.Run(t.Context()))
		if !s.blobs.Has(shared) {
			t.Fatal("deleted under the hands of whoever had just put it")
		}
		until(clock.Now().Add(24 * time.Hour))
		s.must(s.keep.Run(t.Context()))
		if s.blobs.Has(shared) {
			t.Error("nobody needs the shared file, and it is there")
		}
	})
}
