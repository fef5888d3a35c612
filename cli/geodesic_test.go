package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/tensor"
)

// geodesic runs percept geodesic of two small textures with these flags.
func geodesic(args ...string) (code int, stdout, stderr string) {
	return percept(append([]string{"geodesic", "example:pebbles", "example:bark", "--size", "16x18", "--model", "on-off", "--progress", "none"}, args...)...)
}

type geodesicRecord struct {
	runRecord
	Path_energy, Image_energy, Straight_over_path_energy, Evenness, Spread_over_starts float64
	Pixelfade                                                                          struct{ Path_energy, Image_energy float64 }
	Starts                                                                             []struct{ Init, Stopped_by string }
	Inputs                                                                             []inputRecord
}

func readGeodesic(t *testing.T, dir string) (r geodesicRecord) {
	require.NoError(t, runfolder.ReadJSON(filepath.Join(dir, runfolder.RunJSON), &r))
	return r
}

func TestGeodesic(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, out, errs := geodesic("--steps", "4", "-o", dir, "--save-every", "2")
	require.Equal(t, ExitOK, code, "%s%s", out, errs)
	assert.Contains(t, out, dir+": matched: the path energy is ")
	r := readGeodesic(t, dir)
	assert.Equal(t, "matched", r.Outcome)
	assert.Less(t, r.Path_energy, r.Pixelfade.Path_energy)
	assert.GreaterOrEqual(t, r.Image_energy, r.Pixelfade.Image_energy)
	assert.LessOrEqual(t, r.Straight_over_path_energy, 1.)
	assert.Len(t, r.Starts, 2)
	assert.Equal(t, "bridge", r.Starts[1].Init)
	assert.Len(t, r.Inputs, 2)

	ends, path := readNPY(t, dir, runfolder.Target), readNPY(t, dir, runfolder.Result)
	require.Equal(t, []int{2, 1, 16, 18}, ends.Shape())
	require.Equal(t, []int{5, 1, 16, 18}, path.Shape())
	assert.Equal(t, tensor.Floats(ends.Crop(0, 0, 1, 1)), tensor.Floats(path.Crop(0, 0, 1, 1)))
	assert.Equal(t, tensor.Floats(ends.Crop(0, 1, 2, 1)), tensor.Floats(path.Crop(0, 4, 5, 1)))
	assert.Equal(t, []int{5, 1, 16, 18}, readNPY(t, dir, runfolder.Start).Shape())
	assert.Equal(t, []int{5, 1, 16, 18}, readNPY(t, dir, runfolder.Frames).Shape()[1:])
	energies := column(t, dir, "path_energy")
	last, err := strconv.ParseFloat(energies[len(energies)-1], 64)
	require.NoError(t, err)
	assert.InEpsilon(t, r.Path_energy, last, 1e-9)
	assert.Len(t, column(t, dir, "image_energy"), len(energies))
	picture, _, err := images.Load(filepath.Join(dir, pathPNG), images.Options{})
	require.NoError(t, err)
	assert.Equal(t, []int{1, 1, 3*16 + 4, 5*18 + 8}, picture.Shape())
	page, err := os.ReadFile(filepath.Join(dir, runfolder.Report))
	require.NoError(t, err)
	for _, want := range []string{"henaff2016", "the geodesic, the pixel fade", "Gauss–Newton", "a bound that images may not be able to reach"} {
		assert.Contains(t, string(page), want)
	}
}

// TestGeodesicIsResumed compares a run that goes on with one that was not
// interrupted.
func TestGeodesicIsResumed(t *testing.T) {
	for _, way := range []string{"conditional", "energy"} {
		whole, parts := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "run")
		flags := []string{"--steps", "3", "--method", way, "--tolerance", "0", "--seed", "3"}
		geodesic(append(flags, "-o", whole, "--iterations", "5")...)
		geodesic(append(flags, "-o", parts, "--iterations", "2")...)
		code, out, errs := percept("geodesic", "--resume", parts, "--iterations", "5", "--progress", "none")
		require.Contains(t, []int{ExitOK, ExitNotMatched}, code, "%s%s", out, errs)
		assert.Equal(t, column(t, whole, "loss"), column(t, parts, "loss"))
		assert.Equal(t, tensor.Floats(readNPY(t, whole, runfolder.Result)), tensor.Floats(readNPY(t, parts, runfolder.Result)), way)
	}
}

func TestGeodesicsThatAreNone(t *testing.T) {
	dir := t.TempDir()
	code, out, _ := geodesic("--steps", "4", "-o", filepath.Join(dir, "short"), "--iterations", "0")
	assert.Equal(t, ExitNotMatched, code)
	assert.Contains(t, out, "give more --iterations")
	for want, args := range map[string][]string{
		"pairs of images are needed":           {"geodesic", "example:bark"},
		"and there are 3 images":               {"geodesic", "example:bark", "example:pebbles", "example:weave"},
		"give at least 2":                      {"geodesic", "example:bark", "example:pebbles", "--steps", "1"},
		"--optimizer and --scheduler are for":  {"geodesic", "example:bark", "example:pebbles", "--optimizer", "adam"},
		"are equal":                            {"geodesic", "example:bark", "example:bark", "--size", "16x16", "--model", "on-off"},
		"give both one size, such as --size":   {"geodesic", "example:bark", writeArray(t, tensor.New(tensor.Float64, 20, 30)), "--model", "on-off"},
		"as many are needed in one as in the ": {"geodesic", "example:bark", writeArray(t, tensor.New(tensor.Float64, 2, 1, 20, 30)), "--model", "on-off"},
	} {
		code, _, errs := percept(append(args, "-o", filepath.Join(dir, "none"))...)
		assert.Equal(t, ExitUsage, code, want)
		assert.Contains(t, errs, want)
	}
	code, out, errs := percept("geodesic", "example:pebbles", "example:bark", "--size", "16x16", "--model", "on-off", "--recipe", "reference", "--steps", "3",
		"--iterations", "3", "--progress", "none", "-o", filepath.Join(dir, "reference"))
	assert.Contains(t, []int{ExitOK, ExitNotMatched}, code, "%s%s", out, errs)
	assert.Equal(t, "energy", readGeodesic(t, filepath.Join(dir, "reference")).Settings["method"])
}

// TestGeodesicsOfPairs: the images of two files, and then of two others, one of
// which is the same.
func TestGeodesicsOfPairs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs")
	two := writeArray(t, tensor.New(tensor.Float64, 2, 1, 16, 18))
	code, out, errs := percept("geodesic", "example:pebbles", "example:bark", "example:bark", "example:weave", "--size", "16x18", "--model", "on-off", "--steps", "2", "--progress", "none", "-o", dir)
	require.Equal(t, ExitOK, code, "%s%s", out, errs)
	for name, ends := range map[string][2]string{"pebbles-bark": {"pebbles", "bark"}, "bark-weave": {"bark", "weave"}} {
		r := readGeodesic(t, filepath.Join(dir, name))
		require.Len(t, r.Inputs, 2)
		for i, end := range ends {
			assert.Equal(t, "example:"+end, r.Inputs[i].Path)
			x, _, err := images.Load("example:"+end, images.Options{Size: images.Size{H: 16, W: 18}})
			require.NoError(t, err)
			assert.Equal(t, tensor.Floats(x), tensor.Floats(readNPY(t, filepath.Join(dir, name), runfolder.Target).Crop(0, i, i+1, 1)))
		}
	}
	index, err := os.ReadFile(filepath.Join(dir, runfolder.IndexCSV))
	require.NoError(t, err)
	assert.Contains(t, string(index), "pebbles-bark")
	assert.Contains(t, string(index), "bark-weave")
	code, _, errs = percept("geodesic", "example:pebbles", "example:bark", two, "example:weave", "--size", "16x18", "--model", "on-off", "-o", dir+"2")
	require.Equal(t, ExitUsage, code)
	assert.Contains(t, errs, "holds 2 images and example:weave 1; as many are needed")
}

// TestGeodesicsNeedMemory refuses what does not fit, and says what would.
func TestGeodesicsNeedMemory(t *testing.T) {
	var out, errs bytes.Buffer
	a := newApp(&out, &errs)
	a.freeMemory = func() (int64, bool) { return 60e6, true }
	code := a.run([]string{"geodesic", "example:pebbles", "example:bark", "--size", "128x128", "--model", "on-off", "-o", filepath.Join(t.TempDir(), "run")})
	assert.Equal(t, ExitUsage, code)
	assert.Regexp(t, `a synthesis of 128×128 pixels and 1 channels in float64 needs about .* MB of cpu, of which 60 MB are free; about --size .* fits, as may fewer --steps`, errs.String())
}

func writeArray(t *testing.T, x tensor.Tensor) string {
	dir := t.TempDir()
	require.NoError(t, runfolder.Folder{Dir: dir}.WriteNPY("x.npy", x))
	return filepath.Join(dir, "x.npy")
}
