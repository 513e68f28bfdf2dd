package main

import (
	"io/fs"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// memoryOf is the least memory that the groups of processes (cgroups, of either
// version) around this program allow, in bytes; 0 for no limit. root is the
// machine's "/".
func memoryOf(root fs.FS) (least int64) {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0 // no Linux, or none of its groups
	}
	for line := range strings.Lines(string(groups)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		kinds, group, _ := strings.Cut(rest, ":")
		dir, file := "sys/fs/cgroup", "memory.max"
		if kinds != "" { // version 1
			if !slices.Contains(strings.Split(kinds, ","), "memory") {
				continue
			}
			dir, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		for at := path.Clean("/" + group); ; at = path.Dir(at) {
			b, err := fs.ReadFile(root, path.Join(dir, at, file))
			n, word := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
			none := err != nil || word != nil || n <= 0 || n >= 1<<60 // "max", and what version 1 says for it
			if !none && (least == 0 || n < least) {
				least = n
			}
			if at == "/" {
				break
			}
		}
	}
	return least
}

// keepBelow has the garbage collector work harder rather than let the system end
// the program: three quarters of what its group may have, because what it starts
// (ffmpeg, the voice) and what Go does not count stand in the same group. It
// answers the limit in force, 0 for none; who sets GOMEMLIMIT is left alone.
func keepBelow(root fs.FS, getenv func(string) string) int64 {
	if most := memoryOf(root); most > 0 && getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(most / 4 * 3)
	}
	if now := debug.SetMemoryLimit(-1); now < 1<<60 {
		return now
	}
	return 0
}
