package cli

import (
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNewModel reads what is written; .ci/proxy.sh builds, tests and runs it.
func TestNewModel(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "Contrast")
	code, out, errs := percept("new-model", dir, "--replace", "..")
	require.Equal(t, ExitOK, code, errs)
	assert.Contains(t, out, "go run . metamer example:pebbles --size 64x64 --model contrast")
	for _, name := range []string{"main.go", "model.go", "model_test.go"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		formatted, err := format.Source(text)
		require.NoError(t, err)
		assert.Equal(t, string(formatted), string(text))
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	top, err := filepath.Abs("..")
	require.NoError(t, err)
	assert.Contains(t, string(mod), "module example.org/contrast\n")
	assert.Contains(t, string(mod), "replace "+modulePath+" => "+filepath.ToSlash(top))

	plain := filepath.Join(t.TempDir(), "plain")
	code, _, errs = percept("new-model", plain, "--name", "other-one", "--module", "a.b/c")
	require.Equal(t, ExitOK, code, errs)
	mod, err = os.ReadFile(filepath.Join(plain, "go.mod"))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(mod), "module a.b/c\n"))
	assert.NotContains(t, string(mod), "replace")
	text, err := os.ReadFile(filepath.Join(plain, "main.go"))
	require.NoError(t, err)
	assert.Contains(t, string(text), `cli.Model("other-one", New)`)

	for want, args := range map[string][]string{
		"exists already":          {plain},
		"is no name of a model":   {filepath.Join(t.TempDir(), "2 words")},
		"there is no checkout of": {filepath.Join(t.TempDir(), "x"), "--replace", t.TempDir()},
	} {
		code, _, errs := percept(append([]string{"new-model"}, args...)...)
		assert.Equal(t, ExitUsage, code)
		assert.Contains(t, errs, want)
	}
}
