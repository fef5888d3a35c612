package cli

import (
	"os"
	"runtime"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFreeMemory(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	meminfo := file("MemTotal:       16000000 kB\nMemAvailable:    8000000 kB\n")
	for name, c := range map[string]struct {
		root fstest.MapFS
		want int64
		ok   bool
	}{
		"nothing known": {fstest.MapFS{}, 0, false},
		"no groups":     {fstest.MapFS{"proc/meminfo": meminfo}, 8000000 << 10, true},
		"group of version 2, a parent is the tightest": {fstest.MapFS{
			"proc/meminfo":                          meminfo,
			"proc/self/cgroup":                      file("0::/job/step\n"),
			"sys/fs/cgroup/memory.max":              file("max\n"),
			"sys/fs/cgroup/memory.current":          file("1\n"),
			"sys/fs/cgroup/job/memory.max":          file("1000000\n"),
			"sys/fs/cgroup/job/memory.current":      file("700000\n"),
			"sys/fs/cgroup/job/memory.stat":         file("anon 5\ninactive_file 100000\n"),
			"sys/fs/cgroup/job/step/memory.max":     file("max\n"),
			"sys/fs/cgroup/job/step/memory.current": file("700000\n"),
		}, 400000, true},
		"group of version 1": {fstest.MapFS{
			"proc/meminfo":     meminfo,
			"proc/self/cgroup": file("9:cpu,cpuacct:/x\n4:memory:/job\n0::/\n"),
			"sys/fs/cgroup/memory/job/memory.limit_in_bytes": file("2000\n"),
			"sys/fs/cgroup/memory/job/memory.usage_in_bytes": file("500\n"),
		}, 1500, true},
		"above the limit": {fstest.MapFS{
			"proc/self/cgroup":             file("0::/\n"),
			"sys/fs/cgroup/memory.max":     file("10\n"),
			"sys/fs/cgroup/memory.current": file("20\n"),
		}, 0, true},
	} {
		got, ok := freeMemory(c.root)
		assert.Equal(t, c.ok, ok, name)
		if ok {
			assert.Equal(t, c.want, got, name)
		}
	}
}

func TestFreeMemoryHere(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("free memory is only known on Linux")
	}
	free, ok := freeMemory(os.DirFS("/"))
	assert.True(t, ok)
	assert.Greater(t, free, int64(1<<20))
}

// What memory cannot hold is refused before it is made.
func TestTooLargeToMeasure(t *testing.T) {
	if _, known := freeMemoryHere(); !known {
		t.Skip("what is free is not known here")
	}
	for want, args := range map[string][]string{
		"ps-100000 needs about": {"bench", "ps-100000"}, "gram-65536x16 needs about": {"bench", "add-16", "gram-65536x16"},
		"--size 102400×102400 needs about": {"profile", "--model", "on-off", "--size", "102400x102400"},
	} {
		code, _, errs := percept(args...)
		require.Equal(t, ExitUsage, code)
		require.Contains(t, errs, want)
	}
}
