package signer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"loa"
)

func TestMarksOpen(t *testing.T) {
	const one = `{"name":"now vn/97","number":1,"hash":"a"}` + "\n"
	const two = `{"name":"now vn/97","number":2,"hash":"b"}` + "\n"
	for _, c := range []struct {
		name, file string
		want       []Mark
		refused    string
	}{
		{"empty", "", []Mark{}, ""},
		{"two lines", one + two, []Mark{{"now vn/97", 2, "b"}}, ""},
		{"the power went in the second line", one + two[:20], []Mark{{"now vn/97", 1, "a"}}, ""},
		{"the power went before its end", one + two[:len(two)-1], []Mark{{"now vn/97", 1, "a"}}, ""},
		{"a line in the middle is damaged", one[:20] + "\n" + two, nil, "signer.marks_damaged"},
		{"numbers fall", two + one, nil, "signer.marks_damaged"},
		{"one number for two payloads", one + `{"name":"now vn/97","number":1,"hash":"b"}` + "\n", nil, "signer.marks_damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "marks.log"), []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			m, err := openMarks(dir)
			if c.refused != "" {
				if !errors.Is(err, loa.Errorf("", c.refused)) {
					t.Fatalf("got %v, want %s", err, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, m.list()); diff != "" {
				t.Error(diff)
			}
			// What is added next stands on a line of its own.
			if err := m.add([]Mark{{"now vn/98", 5, "c"}}); err != nil {
				t.Fatal(err)
			}
			if err := m.file.Close(); err != nil {
				t.Fatal(err)
			}
			again, err := openMarks(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer again.file.Close()
			if diff := cmp.Diff(append(c.want, Mark{"now vn/98", 5, "c"}), again.list()); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := openMarks(t.TempDir()); !errors.Is(err, loa.Errorf("", "signer.marks_lost")) {
		t.Errorf("without a file: %v", err)
	}
}

func TestMarksFresh(t *testing.T) {
	m := &marks{last: map[string]Mark{
		"now vn/97": {"now vn/97", 5, "a"}, "placement x": {"placement x", 5, "a"},
		"policy vn/97": {"policy vn/97", 5, "a"}, "count key": {"count key", 5, "a"},
	}}
	for _, c := range []struct {
		mark    Mark
		fresh   bool
		refused string
	}{
		{Mark{"now vn/97", 6, "b"}, true, ""},
		{Mark{"now vn/97", 5, "a"}, false, ""},
		{Mark{"now vn/97", 5, "b"}, false, "warrant.old_number"},
		{Mark{"now vn/97", 4, "a"}, false, "warrant.old_number"},
		{Mark{"now vn/98", 1, "b"}, true, ""},
		{Mark{"placement x", 4, "b"}, false, "placement.old_version"},
		{Mark{"policy vn/97", 5, "b"}, false, "policy.old_version"},
		{Mark{"count key", 6, "b"}, true, ""},
		{Mark{"count key", 5, "b"}, false, "approval.replayed"},
		{Mark{"count key", 0, "b"}, false, "approval.replayed"},
		{Mark{"count phone", 0, "b"}, false, ""},
		{Mark{}, false, ""},
	} {
		fresh, err := m.fresh([]Mark{c.mark})
		if (len(fresh) == 1) != c.fresh || (err != nil) != (c.refused != "") || err != nil && loa.KeyOf(err) != c.refused {
			t.Errorf("%v: got %v, %v", c.mark, fresh, err)
		}
	}
}

// TestMarksOnAFullDisk writes to a disk that is always full.
func TestMarksOnAFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("no /dev/full here: %v", err)
	}
	m := &marks{last: map[string]Mark{}, file: full}
	for range 2 {
		if err := m.add([]Mark{{"now vn/97", 1, "a"}}); !errors.Is(err, errStorage) {
			t.Errorf("got %v", err)
		}
	}
	if len(m.last) != 0 {
		t.Errorf("remembers %v, which is not on the disk", m.last)
	}
}
