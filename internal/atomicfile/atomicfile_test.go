package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func say(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func listing(t *testing.T, dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func content(t *testing.T, path string) string {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func TestWriteReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	require.NoError(t, Write(path, 0o640, say("one")))
	require.NoError(t, Write(path, 0o640, say("two")))
	assert.Equal(t, "two", content(t, path))
	assert.Equal(t, []string{"a.txt"}, listing(t, dir))
	st, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), st.Mode())
}

func TestFailureKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	require.NoError(t, Write(path, 0o644, say("old")))
	full := errors.New("no space left")
	err := Write(path, 0o644, func(w io.Writer) error {
		_, _ = io.WriteString(w, strings.Repeat("new", 1<<16))
		assert.Len(t, listing(t, dir), 2, "the new content has a name of its own")
		assert.Equal(t, "old", content(t, path), "nothing reaches the file before all of it is there")
		return full
	})
	assert.ErrorIs(t, err, full)
	assert.Panics(t, func() { _ = Write(path, 0o644, func(io.Writer) error { panic("stop") }) })
	assert.Equal(t, "old", content(t, path))
	assert.Equal(t, []string{"a.txt"}, listing(t, dir))
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full, the device that fails every write")
	}
	assert.ErrorContains(t, Write("/dev/full", 0o644, say("x")), "no space left")
	_, err := os.Stat("/dev/full")
	assert.NoError(t, err, "a device is written to, not replaced")
}

func TestSymbolicLinkIsFollowed(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	require.NoError(t, Write(target, 0o644, say("old")))
	require.NoError(t, os.Symlink("target", link))
	require.NoError(t, Write(link, 0o644, say("new")))
	assert.Equal(t, "new", content(t, target))
	assert.ElementsMatch(t, []string{"target", "link"}, listing(t, dir))
}

func TestPlacesThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "none", "a")
	assert.EqualError(t, Write(missing, 0o644, say("x")), "open "+missing+": no such file or directory")
	assert.ErrorContains(t, Write(dir, 0o644, say("x")), "is a folder")
	assert.Empty(t, listing(t, dir))
}
