package cli

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// percept runs the command as a user would and returns what it says.
func percept(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = Run(args, &out, &err)
	return code, out.String(), err.String()
}

func TestEveryCommandHasExamples(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		assert.NotEmpty(t, c.Example, c.CommandPath())
		assert.NotEmpty(t, c.Short, c.CommandPath())
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newApp(io.Discard, io.Discard).root())
	code, out, _ := percept("--help")
	assert.Equal(t, ExitOK, code)
	assert.Contains(t, out, "Examples:")
}

func TestWrongUsage(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"pictures", `unknown command "pictures"`},
		{"list", "one kind expected: models, "},
		{"list cats", `there is no kind "cats"; there are models, `},
		{"list models images", "one kind expected"},
		{"version now", "unknown command"},
		{"completion tcsh", `there is no shell "tcsh"; there are bash, zsh, fish, powershell`},
		{"represent", "requires at least 1 arg"},
		{"represent example:pebbles", "-o FILE.npz"},
		{"represent example:pebbles --colour gray", "unknown flag: --colour"},
		{"represent example:pebbles --color grey", "one of gray, rgb expected"},
		{"represent example:pebbles --device gpu", "cpu, or cuda:N for GPU number N, expected"},
		{"represent example:pebbles -o x.npz --model gabor", `there is no model "gabor"; the names are portilla-simoncelli, `},
		{"represent example:pebbles -o x.npz --model portilla-simoncelli:scale=3", `has no key "scale"; its keys are scales, orientations, correlation-width, magnitude-means, statistics, normalize`},
		{"represent example:pebbles -o x.npz --model portilla-simoncelli:scales=four", "scales=four: a whole number from 1 to 30 expected"},
		{"represent example:pebbles -o x.npz --size 3x5", "the largest number of scales that fits is 0: even 1 needs, with correlation-width=7, 16×16 pixels"},
		{"represent example:pebbles -o x.npz --size 64x80", "the largest number of scales that fits with correlation-width=7 is 3"},
		{"represent example:pebbles example:skin example:impulse --size 32x32 -o x.npz --model portilla-simoncelli:scales=9", "is 2"},
	} {
		code, out, err := percept(strings.Fields(c.args)...)
		assert.Equal(t, ExitUsage, code, c.args)
		assert.Empty(t, out, c.args)
		assert.Contains(t, err, c.want, c.args)
		assert.Contains(t, err, "--help", c.args)
	}
	assert.NoFileExists(t, "x.npz")
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.png")
	require.NoError(t, os.WriteFile(text, []byte("no picture at all"), 0o600))
	for _, path := range []string{filepath.Join(dir, "missing.png"), text, dir, "example:none-such"} {
		code, out, err := percept("represent", path, "-o", filepath.Join(dir, "r.npz"))
		assert.Equal(t, ExitFailed, code, path)
		assert.Empty(t, out)
		assert.Contains(t, err, path[strings.LastIndexAny(path, "/:")+1:])
	}
}

func TestList(t *testing.T) {
	for _, l := range listings {
		code, out, err := percept("list", l.kind)
		assert.Equal(t, ExitOK, code, err)
		assert.NotEmpty(t, out)
		code, out, _ = percept("list", l.kind, "--json")
		assert.Equal(t, ExitOK, code)
		var items []struct {
			Name, Doc string
			Keys      []struct{ Name, Default, Doc string }
		}
		require.NoError(t, json.Unmarshal([]byte(out), &items), l.kind)
		for _, it := range items {
			assert.NotEmpty(t, it.Name)
			assert.NotEmpty(t, it.Doc, it.Name)
			for _, k := range it.Keys {
				assert.NotEmpty(t, k.Doc, "%s:%s", it.Name, k.Name)
			}
		}
	}
}

func TestVersion(t *testing.T) {
	_, out, _ := percept("version", "--json")
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &v))
	for _, key := range []string{"percept", "go", "system", "cpu_level"} {
		assert.NotEmpty(t, v[key], key)
	}
	_, out, _ = percept("version")
	assert.Contains(t, out, "cpu_level")
}

func TestCompletion(t *testing.T) {
	for shell := range shells {
		code, out, _ := percept("completion", shell)
		assert.Equal(t, ExitOK, code)
		assert.Contains(t, out, "percept")
	}
	_, out, _ := percept("__complete", "represent", "--model", "port")
	assert.Contains(t, out, "portilla-simoncelli")
	_, out, _ = percept("__complete", "list", "dev")
	assert.Contains(t, out, "devices")
}

// halves is a model of the program's own: the mean of each half of an image.
func halves(h, w int) (synth.Model, error) {
	return synth.ModelFunc(func(x autograd.Value) autograd.Value {
		return x.Reshape(x.Type().Dim[0], x.Type().Dim[1], 2, h*w/2).Mean(3)
	}), nil
}

func TestOwnModel(t *testing.T) {
	var out, errs bytes.Buffer
	assert.Equal(t, ExitOK, Run([]string{"list", "models"}, &out, &errs, Model("mine", halves)))
	assert.True(t, strings.HasPrefix(out.String(), "mine"))
	assert.Contains(t, out.String(), "portilla-simoncelli", "the others are still there")
	path := filepath.Join(t.TempDir(), "r.npz")
	code := Run([]string{"represent", "example:step-edge", "--size", "8x8", "--model", "mine", "-o", path}, &out, &errs, Model("mine", halves))
	require.Equal(t, ExitOK, code, errs.String())
	rep := readArrays(t, path)["representation"]
	assert.Equal(t, []int{1, 1, 2}, rep.Shape())
}

// readArrays returns the numeric arrays of an .npz file.
func readArrays(t *testing.T, path string) map[string]tensor.Tensor {
	z, err := zip.OpenReader(path)
	require.NoError(t, err)
	defer z.Close()
	m := map[string]tensor.Tensor{}
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		if a, err := tensor.ReadNPY(r); err == nil {
			m[strings.TrimSuffix(f.Name, ".npy")] = a.Tensor
		} else {
			assert.Equal(t, "files.npy", f.Name, "%v", err)
		}
	}
	return m
}
