package main

import (
	"math"
	"runtime/debug"
	"testing"
	"testing/fstest"
)

// TestMemory: the least limit of all groups around the program counts, whichever
// version they are of; three quarters of it are the program's, unless GOMEMLIMIT
// says something.
func TestMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	const unit, v1, none = "0::/system.slice/loa.service\n", "5:memory:/docker/abc\n4:cpu,cpuacct:/other\n0::/\n", "9223372036854771712"
	for _, c := range []struct {
		name, env  string
		files      map[string]string
		most, kept int64
	}{
		{"no groups", "", nil, 0, 0},
		{"a unit's own", "", map[string]string{"proc/self/cgroup": unit, "sys/fs/cgroup/system.slice/loa.service/memory.max": "1600000000\n"}, 1_600_000_000, 1_200_000_000},
		{"a slice's is less", "", map[string]string{"proc/self/cgroup": unit, "sys/fs/cgroup/system.slice/loa.service/memory.max": "1600000000\n",
			"sys/fs/cgroup/system.slice/memory.max": "400000000\n"}, 400_000_000, 300_000_000},
		{"none is set", "", map[string]string{"proc/self/cgroup": unit, "sys/fs/cgroup/system.slice/loa.service/memory.max": "max\n"}, 0, 0},
		{"a container's", "", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "800\n"}, 800, 600},
		{"version 1, inside a container", "", map[string]string{"proc/self/cgroup": v1, "sys/fs/cgroup/memory/memory.limit_in_bytes": "800\n"}, 800, 600},
		{"version 1, no limit", "", map[string]string{"proc/self/cgroup": v1, "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": none}, 0, 0},
		{"version 1, the limit of another kind", "", map[string]string{"proc/self/cgroup": "4:cpu:/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "800\n"}, 0, 0},
		{"somebody set GOMEMLIMIT", "1GiB", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "800\n"}, 800, 0},
		{"rubbish", "", map[string]string{"proc/self/cgroup": ":::\n\n0::/../..\n", "sys/fs/cgroup/memory.max": "-5\n"}, 0, 0},
	} {
		debug.SetMemoryLimit(math.MaxInt64)
		root := fstest.MapFS{}
		for name, text := range c.files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if most := memoryOf(root); most != c.most {
			t.Errorf("%s: %d bytes, want %d", c.name, most, c.most)
		}
		if kept := keepBelow(root, func(string) string { return c.env }); kept != c.kept {
			t.Errorf("%s: the program keeps below %d, want %d", c.name, kept, c.kept)
		}
	}
}
