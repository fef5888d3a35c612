package cli

import (
	"bufio"
	"bytes"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// freeMemory returns the bytes that this process can still take: what the
// system has available, or less where control groups allow less. root is the
// root of the file system. Where nothing is known, as on systems other than
// Linux, it returns false.
func freeMemory(root fs.FS) (int64, bool) {
	free := int64(math.MaxInt64)
	if kb, ok := field(root, "proc/meminfo", "MemAvailable:"); ok {
		free = kb << 10
	}
	groups, _ := fs.ReadFile(root, "proc/self/cgroup")
	lines := bufio.NewScanner(bytes.NewReader(groups))
	for lines.Scan() {
		// ID:controllers:path; version 2 has no controllers.
		part := strings.SplitN(lines.Text(), ":", 3)
		switch {
		case len(part) != 3:
		case part[1] == "":
			free = min(free, groupFree(root, "sys/fs/cgroup", part[2], "memory.max", "memory.current", "inactive_file"))
		case strings.Contains(","+part[1]+",", ",memory,"):
			free = min(free, groupFree(root, "sys/fs/cgroup/memory", part[2], "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"))
		}
	}
	return max(free, 0), free < math.MaxInt64
}

// groupFree returns the least that a control group or one above it leaves.
// File pages that the kernel can drop count as free.
func groupFree(root fs.FS, base, group, limitFile, usageFile, cached string) int64 {
	free := int64(math.MaxInt64)
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		dir := path.Join(base, group)
		limit, ok := number(root, path.Join(dir, limitFile))
		usage, ok2 := number(root, path.Join(dir, usageFile))
		if ok && ok2 {
			drop, _ := field(root, path.Join(dir, "memory.stat"), cached)
			free = min(free, limit-usage+drop)
		}
		if group == "/" {
			return free
		}
	}
}

// number returns the whole number that a file holds; "max" is none.
func number(root fs.FS, name string) (int64, bool) {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil
}

// field returns the number after key in a file of lines "key number …".
func field(root fs.FS, name, key string) (int64, bool) {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == key {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
