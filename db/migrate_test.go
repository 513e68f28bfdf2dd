package db

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestDialectReadDir(t *testing.T) {
	files := fstest.MapFS{}
	for _, name := range []string{
		"0001_a.sql",
		"0002_b.sql", "0002_b.postgres.sql",
		"0003_c.sqlite.sql", "0003_c.postgres.sql",
		"0004_d.sqlite.sql", "0004_d.sql",
	} {
		files[name] = &fstest.MapFile{}
	}
	for backend, want := range map[string][]string{
		"sqlite":   {"0001_a.sql", "0002_b.sql", "0003_c.sqlite.sql", "0004_d.sqlite.sql"},
		"postgres": {"0001_a.sql", "0002_b.postgres.sql", "0003_c.postgres.sql", "0004_d.sql"},
	} {
		t.Run(backend, func(t *testing.T) {
			got, err := fs.Glob(dialect{files, backend}, "*.sql")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
