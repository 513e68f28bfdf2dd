package db

import "testing"

func TestNumbered(t *testing.T) {
	for _, c := range []struct{ name, q, want string }{
		{"none", "SELECT 1", "SELECT 1"},
		{"two", "SELECT a FROM b WHERE c = ? AND d = ?", "SELECT a FROM b WHERE c = $1 AND d = $2"},
		{"ten and more", "?,?,?,?,?,?,?,?,?,?,?", "$1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11"},
		{"text", "SELECT 'gì?' WHERE a = ?", "SELECT 'gì?' WHERE a = $1"},
		{"doubled quote", "SELECT 'a''b?', ?", "SELECT 'a''b?', $1"},
		{"name", `SELECT "a?" = ?`, `SELECT "a?" = $1`},
		{"quote in a name", `SELECT "it's ?" = ?`, `SELECT "it's ?" = $1`},
		{"line comment", "SELECT ? -- why?\n, ?", "SELECT $1 -- why?\n, $2"},
		{"quote in a comment", "-- it's\nSELECT ?", "-- it's\nSELECT $1"},
		{"comment at the end", "SELECT ? -- why?", "SELECT $1 -- why?"},
		{"block comment", "SELECT /* ? ' */ ?", "SELECT /* ? ' */ $1"},
		{"minus and divide", "SELECT ?-?/?*?", "SELECT $1-$2/$3*$4"},
		{"open text", "SELECT ?, '?", "SELECT $1, '?"},
		{"empty", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := numbered(c.q); got != c.want {
				t.Errorf("numbered(%q)\n got %q\nwant %q", c.q, got, c.want)
			}
		})
	}
}
