package runfolder

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/tensor"
)

func read(t *testing.T, path ...string) string {
	data, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(data)
}

func TestCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "run")
	f, err := Create(dir, false)
	require.NoError(t, err)
	assert.Equal(t, dir, f.Dir)
	_, err = Create(dir, false)
	require.ErrorIs(t, err, ErrExists)
	assert.ErrorContains(t, err, "--force")

	require.NoError(t, os.WriteFile(f.Path(RunJSON), []byte("{}"), 0o600))
	require.NoError(t, os.WriteFile(f.Path(Frames), nil, 0o600))
	require.NoError(t, os.WriteFile(f.Path("notes.txt"), []byte("mine"), 0o600))
	_, err = Create(dir, true)
	require.NoError(t, err)
	assert.NoFileExists(t, f.Path(RunJSON))
	assert.NoFileExists(t, f.Path(Frames))
	assert.Equal(t, "mine", read(t, f.Path("notes.txt")), "what a run did not write stays")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "no trace of the writing test")
}

func TestCreateWhereItCannotBe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Create(file, true)
	assert.ErrorContains(t, err, "is a file, not a folder")
	_, err = Create(filepath.Join(file, "run"), false)
	assert.Error(t, err)
	if os.Geteuid() == 0 {
		t.Skip("root may write into a read-only folder, so that one cannot be tried")
	}
	closed := filepath.Join(dir, "closed")
	require.NoError(t, os.Mkdir(closed, 0o500))
	_, err = Create(filepath.Join(closed, "run"), false)
	assert.ErrorIs(t, err, os.ErrPermission)
	_, err = Create(closed, true)
	assert.ErrorIs(t, err, os.ErrPermission)
	assert.ErrorContains(t, err, "cannot be written to")
}

func TestCreateNew(t *testing.T) {
	base := filepath.Join(t.TempDir(), "pebbles-metamer")
	var wait sync.WaitGroup
	dirs := make([]string, 8)
	for i := range dirs {
		wait.Go(func() {
			f, err := CreateNew(base)
			assert.NoError(t, err)
			dirs[i] = f.Dir
		})
	}
	wait.Wait()
	want := []string{base}
	for _, n := range []string{"2", "3", "4", "5", "6", "7", "8"} {
		want = append(want, base+"-"+n)
	}
	assert.ElementsMatch(t, want, dirs)
	_, err := CreateNew(filepath.Join(base, "\x00"))
	assert.Error(t, err, "an impossible name ends the search")
}

func TestBaseName(t *testing.T) {
	for path, want := range map[string]string{
		"photo.png":           "photo",
		"/data/a.b/photo.npy": "photo",
		"photo.v2.tiff":       "photo.v2",
		"example:pebbles":     "pebbles",
		".hidden":             ".hidden",
		"a:b?.png":            "a_b_",
		"Größe.png":           "Größe",
	} {
		assert.Equal(t, want, BaseName(path), path)
	}
}

func TestJSON(t *testing.T) {
	f := Folder{t.TempDir()}
	var inner Object
	inner.Add("loss", math.Inf(1))
	var o Object
	o.Add("outcome", "failed")
	o.Add("loss", math.NaN())
	o.Add("list", []float64{1, math.Inf(-1), math.NaN()})
	o.Add("inner", inner)
	o.Add("groups", []Object{inner, {{"x", 0.1}}})
	o.Add("count", 3)
	require.NoError(t, f.WriteJSON(RunJSON, o))
	assert.Equal(t, `{
  "outcome": "failed",
  "loss": null,
  "loss_reason": "not a number",
  "list": [
    1,
    null,
    null
  ],
  "list_reason": "element 1 is minus infinite",
  "inner": {
    "loss": null,
    "loss_reason": "infinite"
  },
  "groups": [
    {
      "loss": null,
      "loss_reason": "infinite"
    },
    {
      "x": 0.1
    }
  ],
  "count": 3
}
`, read(t, f.Path(RunJSON)))
	var back struct {
		Outcome string
		Count   int
	}
	require.NoError(t, ReadJSON(f.Path(RunJSON), &back))
	assert.Equal(t, "failed", back.Outcome)
	assert.Equal(t, 3, back.Count)

	require.Error(t, f.WriteJSON(RunJSON, Object{{"bad", func() {}}}))
	assert.NoError(t, ReadJSON(f.Path(RunJSON), &back), "a failed write leaves the file")
	require.NoError(t, os.WriteFile(f.Path("cut.json"), []byte(`{"outcome": "mat`), 0o600))
	err := ReadJSON(f.Path("cut.json"), &back)
	assert.ErrorContains(t, err, "cut.json")
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestCSV(t *testing.T) {
	f := Folder{t.TempDir()}
	require.NoError(t, f.WriteCSV(HistoryCSV, []Column{
		{Name: "iteration", Values: []float64{0, 1, 2000000}},
		{Name: "loss", Values: []float64{0.1, 1e-300, math.NaN()}},
		{Name: "gradient_norm", Values: []float64{2.5, math.Inf(1)}},
		{Name: "stage", Words: []string{"all", `a,"b"`}},
		{Name: "pixel_change"},
	}))
	assert.Equal(t, `iteration,loss,gradient_norm,stage,pixel_change
0,0.1,2.5,all,
1,1e-300,inf,"a,""b""",
2000000,nan,,,
`, read(t, f.Path(HistoryCSV)))
}

func TestNPY(t *testing.T) {
	f := Folder{t.TempDir()}
	x := tensor.Of([]float64{1, 2, 3, 4, 5, 6}, 1, 1, 2, 3)
	require.NoError(t, f.WriteNPY(Target, x))
	y, err := f.ReadNPY(Target)
	require.NoError(t, err)
	assert.Equal(t, tensor.Slice[float64](x), tensor.Slice[float64](y))
	assert.Equal(t, x.Type, y.Type)
	require.NoError(t, os.Truncate(f.Path(Target), 100))
	_, err = f.ReadNPY(Target)
	assert.ErrorContains(t, err, Target)
	_, err = f.ReadNPY(Start)
	assert.ErrorIs(t, err, os.ErrNotExist)
}
