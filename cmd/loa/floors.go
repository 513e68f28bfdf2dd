package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
)

// floor is the oldest version of something that is taken.
type floor struct {
	name  string
	ask   []string // arguments that make a program say its version
	least string
}

// programs are what Loa starts. They are as old as the oldest that its tests run
// with: Debian 12's, which gets its repairs without a new number.
func programs() []floor {
	return []floor{
		{"ffmpeg", []string{"-version"}, "5.1"},
		{"espeak-ng", []string{"--version"}, "1.51"},
		{"pdftotext", []string{"-v"}, "22.12"},
	}
}

// linked are libraries of which older ones have holes or lose what was written.
func linked() []floor {
	return []floor{
		{name: "github.com/nats-io/nats-server/v2", least: "2.15.2"}, // older doors let a device around its rights (CVE-2026-33217, CVE-2026-58209)
		{name: "modernc.org/sqlite", least: "1.61.1"},
	}
}

// databases, by what they call themselves.
func databases() []floor {
	return []floor{
		{name: "SQLite", least: "3.51.3"}, // older ones may damage the file when two connections write and tidy the log at once
		{name: "PostgreSQL", least: "15"},
	}
}

var versionForm = regexp.MustCompile(`\d+(\.\d+)+|\d+`)

// older compares versions number by number; what has no number is not older.
func older(have, least string) bool {
	a, b := strings.Split(versionForm.FindString(have), "."), strings.Split(least, ".")
	for i := range min(len(a), len(b)) {
		x, err := strconv.Atoi(a[i])
		if err != nil {
			return false
		}
		if y, err := strconv.Atoi(b[i]); err != nil || x != y {
			return x < y
		}
	}
	return len(a) < len(b)
}

// look asks a program for its version and says whether it is taken.
func (f floor) look(ctx context.Context) (ok bool, says string) {
	path, err := exec.LookPath(f.name)
	if err != nil {
		return false, f.name + " is not installed"
	}
	out, err := exec.CommandContext(ctx, path, f.ask...).CombinedOutput()
	if err != nil {
		return false, fmt.Sprintf("%s does not start: %v", path, err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return f.judge(path, versionForm.FindString(first))
}

func (f floor) judge(what, version string) (ok bool, says string) {
	if older(version, f.least) {
		return false, fmt.Sprintf("%s %s is too old: %s or newer is needed", what, version, f.least)
	}
	return true, fmt.Sprintf("%s %s (%s or newer)", what, version, f.least)
}

// checkLinked says which of the libraries with a floor are linked into this program.
func checkLinked(say func(bool, string)) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		say(false, "this program does not say what is linked into it")
		return
	}
	for _, f := range linked() {
		for _, m := range info.Deps {
			if m.Path == f.name {
				say(f.judge(f.name, m.Version))
			}
		}
	}
}
