package dbtest_test

import (
	"testing"

	"loa/db"
	"loa/db/dbtest"
)

// Each gives two different databases, each fresh and working.
func TestEach(t *testing.T) {
	var ran []string
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ran = append(ran, d.Backend())
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			return tx.Insert("journal",
				[]string{"id", "at", "actor", "actor_name", "verb", "path", "subject", "data"},
				[][]any{{"1", 1, "system", "Loa", "test.run", "", "", "{}"}})
		})
		if err != nil {
			t.Error(err)
		}
	})
	if len(ran) != 2 || ran[0] != "sqlite" || ran[1] != "postgres" {
		t.Errorf("ran on %v", ran)
	}
}
