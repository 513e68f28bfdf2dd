package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"loa"
	"loa/db"
)

// TestFloors: versions are compared as numbers, an old program is named, and what
// go.mod pins is not below its floor.
func TestFloors(t *testing.T) {
	for _, c := range []struct {
		have, least string
		older       bool
	}{
		{"5.1.9-0+deb12u1", "5.1", false}, {"5.0.9", "5.1", true}, {"10.0", "5.1", false}, {"4.4.2", "5.1", true}, {"5", "5.1", true},
		{"n7.1", "5.1", false}, {"", "5.1", false}, {"24.02.0", "22.12", false}, {"22.02.0", "22.12", true}, {"v2.15.10", "2.15.2", false}, {"v2.15.1", "2.15.2", true},
		{"99999999999999999999.1", "5.1", false},
	} {
		if got := older(c.have, c.least); got != c.older {
			t.Errorf("%q is older than %s: %v", c.have, c.least, got)
		}
	}
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range linked() {
		_, rest, found := strings.Cut(string(mod), "\t"+f.name+" ")
		version, _, _ := strings.Cut(rest, "\n")
		if ok, says := f.judge(f.name, version); !found || !ok {
			t.Errorf("go.mod: %s", says)
		}
	}
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "loa.db"), loa.WallClock{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	name, version, err := d.Version(t.Context())
	if ok, says := databases()[0].judge(name, version); err != nil || name != "SQLite" || !ok {
		t.Errorf("%s: %v", says, err)
	}
}

// TestOldProgram: one that is too old, and one that does not run.
func TestOldProgram(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write("ffmpeg", "#!/bin/sh\necho ffmpeg version 4.4.2-0ubuntu1 Copyright\n")
	write("espeak-ng", "#!/bin/sh\nexit 3\n")
	for i, want := range []string{"4.4.2 is too old: 5.1 or newer is needed", "does not start: exit status 3", "pdftotext is not installed"} {
		if ok, says := programs()[i].look(t.Context()); ok || !strings.HasSuffix(says, want) {
			t.Errorf("%v %q, want %q", ok, says, want)
		}
	}
}
