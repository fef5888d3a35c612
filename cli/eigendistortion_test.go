package cli

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// eigen runs percept eigendistortion of a small image with these flags.
func eigen(args ...string) (code int, stdout, stderr string) {
	return percept(append([]string{"eigendistortion", "example:pebbles", "--size", "16x18", "--progress", "none"}, args...)...)
}

type eigenRecord struct {
	runRecord
	Eigenvalues []float64
	Eigenindex  []int
	Residuals   []float64
	Null        []bool
	Ratio       *float64
	Null_space  struct {
		Dimension_at_least int
		Exact              bool
	}
	Amplitudes []struct {
		Amplitude         float64
		Change, Predicted []float64
		Ranking_survives  bool
	}
}

func readEigenRecord(t *testing.T, dir string) (r eigenRecord) {
	require.NoError(t, runfolder.ReadJSON(filepath.Join(dir, runfolder.RunJSON), &r))
	return r
}

func TestEigendistortion(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, out, errs := eigen("--model", "on-off", "-k", "2", "-o", dir, "--amplitude", "3", "--amplitudes", "0.001,3")
	require.Equal(t, ExitOK, code, errs)
	assert.Contains(t, out, dir+": matched: the largest eigenvalue is ")
	r := readEigenRecord(t, dir)
	assert.Equal(t, []int{0, 1, 287, 286}, r.Eigenindex)
	assert.Equal(t, "matched", r.Outcome)
	for _, v := range r.Residuals {
		assert.Less(t, v, 1e-6)
	}
	require.NotNil(t, r.Ratio)
	assert.InEpsilon(t, r.Eigenvalues[0]/r.Eigenvalues[2], *r.Ratio, 1e-12)
	assert.Len(t, r.Amplitudes, 2)
	assert.True(t, r.Amplitudes[0].Ranking_survives)
	assert.InEpsilonSlice(t, r.Amplitudes[0].Predicted, r.Amplitudes[0].Change, 1e-2, "a small distortion")

	x, v := readNPY(t, dir, runfolder.Target), readNPY(t, dir, runfolder.Result)
	require.Equal(t, []int{4, 1, 16, 18}, v.Shape())
	for i, name := range []string{"top-0.png", "top-1.png", "bottom-0.png", "bottom-1.png"} {
		png, _, err := images.Load(filepath.Join(dir, name), images.Options{})
		require.NoError(t, err)
		norm := 0.
		for p := range x.Len() {
			d := v.LoadReal(i*x.Len() + p)
			norm += d * d
			require.InDelta(t, math.Min(1, math.Max(0, x.LoadReal(p)+3*d)), png.LoadReal(p), .5/255+1e-9)
		}
		assert.InDelta(t, 1, norm, 1e-12)
	}
	for _, name := range []string{runfolder.Start, runfolder.ResultPNG} {
		assert.NoFileExists(t, filepath.Join(dir, name), "vectors are no images")
	}
	assert.NotContains(t, column(t, dir, "loss"), "", "the residual of every step")
	for _, name := range []string{"penalty", "gradient_norm", "pixel_change"} {
		for _, cell := range column(t, dir, name) {
			assert.Empty(t, cell, "there is none")
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, runfolder.Report))
	require.NoError(t, err)
	for _, want := range []string{"bottom-0: with 3", "@inproceedings{berardino2017", "At amplitude 3"} {
		assert.Contains(t, string(page), want)
	}
}

func TestEigendistortionMethodsAgree(t *testing.T) {
	dir := t.TempDir()
	run := func(code int, name string, args ...string) eigenRecord {
		got, _, errs := eigen(append(args, "--model", "linear-nonlinear", "-o", filepath.Join(dir, name))...)
		require.Equal(t, code, got, errs)
		return readEigenRecord(t, filepath.Join(dir, name))
	}
	all := run(ExitOK, "exact", "--method", "exact")
	require.Len(t, all.Eigenvalues, 288)
	assert.True(t, all.Null_space.Exact)
	assert.FileExists(t, filepath.Join(dir, "exact", "bottom-0.png"))
	few := run(ExitOK, "few", "--method", "exact", "-k", "2")
	assert.Equal(t, []int{0, 1, 287, 286}, few.Eigenindex)
	lanczos := run(ExitOK, "lanczos", "-k", "2")
	for i, k := range lanczos.Eigenindex {
		assert.Equal(t, all.Null[k], lanczos.Null[i])
		assert.InDelta(t, all.Eigenvalues[k], lanczos.Eigenvalues[i], 1e-9)
	}
	// Its vectors are near the largest eigenvector, and none.
	randomized := run(ExitNotMatched, "randomized", "--method", "randomized")
	assert.Equal(t, []int{0}, randomized.Eigenindex)
	assert.LessOrEqual(t, randomized.Eigenvalues[0], all.Eigenvalues[0])
	power := run(ExitOK, "power", "--recipe", "reference", "-k", "2", "--tolerance", "1e-12", "--iterations", "20000")
	assert.Equal(t, "power", power.Settings["method"])
	assert.Equal(t, []int{0, 1, 286, 287}, power.Eigenindex)
	assert.InEpsilon(t, all.Eigenvalues[0], power.Eigenvalues[0], 1e-6)
}

func TestEigendistortionThatIsNotFound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, out, _ := eigen("--model", "luminance-gain-control", "--method", "power", "--iterations", "20", "-o", dir)
	assert.Equal(t, ExitNotMatched, code)
	assert.Contains(t, out, "not converged in 20 steps")
	assert.Equal(t, "iterations", readEigenRecord(t, dir).Stopped_by)
}

func TestEigendistortionOfBlindModel(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, out, _ := eigen("--model", "gaussian:kernel-size=31", "-o", dir)
	assert.Equal(t, ExitOK, code)
	assert.Contains(t, out, "no direction in it is less noticeable than another")
	r := readEigenRecord(t, dir)
	assert.Nil(t, r.Ratio)
	assert.Equal(t, []bool{false, true}, r.Null)
	assert.Greater(t, r.Null_space.Dimension_at_least, 10)
}

func TestEigendistortionResumes(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	code, _, errs := eigen("--model", "on-off", "-o", whole)
	require.Equal(t, ExitOK, code, errs)
	// One that was stopped in between, as a signal does.
	f := newApp(os.Stdout, os.Stderr).newEigenFlags()
	require.NoError(t, f.model.Set("on-off"))
	model, err := f.model.make.construct(f.model.spec, 16, 18)
	require.NoError(t, err)
	s, err := synth.NewEigendistortion(nil, readNPY(t, whole, runfolder.Target), model, synth.EigendistortionOptions{K: 1})
	require.NoError(t, err)
	defer s.Close()
	for range 3 {
		require.NoError(t, s.Step())
	}
	file, err := os.Create(filepath.Join(whole, runfolder.Checkpoint))
	require.NoError(t, err)
	require.NoError(t, s.Save(file))
	require.NoError(t, file.Close())
	want := tensor.Floats(readNPY(t, whole, runfolder.Result))
	require.NoError(t, os.Remove(filepath.Join(whole, runfolder.Result)))
	code, _, errs = percept("eigendistortion", "--resume", whole, "--progress", "none")
	require.Equal(t, ExitOK, code, errs)
	assert.Equal(t, want, tensor.Floats(readNPY(t, whole, runfolder.Result)))
}

// With as many steps more, a search goes on as if it had had all from the beginning.
func TestEigendistortionGoesOnWithMoreSteps(t *testing.T) {
	dir := t.TempDir()
	whole, parts := filepath.Join(dir, "whole"), filepath.Join(dir, "parts")
	for _, model := range []string{"luminance-gain-control", "on-off"} {
		code, out, _ := eigen("--model", model, "--iterations", "8", "-o", parts, "--force")
		require.Equal(t, ExitNotMatched, code, out)
		few := readEigenRecord(t, parts).Iterations
		percept("eigendistortion", "--resume", parts, "--iterations", "+8", "--progress", "none")
		eigen("--model", model, "--iterations", fmt.Sprint(few+8), "-o", whole, "--force")
		want, got := readEigenRecord(t, whole), readEigenRecord(t, parts)
		assert.Greater(t, got.Iterations, few, model)
		assert.Equal(t, want.Iterations, got.Iterations, model)
		assert.Equal(t, want.Settings["iterations"], got.Settings["iterations"], model)
		assert.Equal(t, want.Eigenvalues, got.Eigenvalues, model)
	}
}

func TestEigendistortionOutOfTime(t *testing.T) {
	dir := t.TempDir()
	whole, late := filepath.Join(dir, "whole"), filepath.Join(dir, "late")
	code, _, errs := eigen("--model", "on-off", "-o", whole)
	require.Equal(t, ExitOK, code, errs)
	code, out, _ := eigen("--model", "on-off", "-o", late, "--time", "1ns")
	assert.Equal(t, ExitNotMatched, code)
	assert.Contains(t, out, "--resume goes on")
	assert.Equal(t, "time", readEigenRecord(t, late).Stopped_by)
	code, _, errs = percept("eigendistortion", "--resume", late, "--time", "0", "--progress", "none")
	require.Equal(t, ExitOK, code, errs)
	assert.Equal(t, tensor.Floats(readNPY(t, whole, runfolder.Result)), tensor.Floats(readNPY(t, late, runfolder.Result)))
}

func TestWhatEigendistortionRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	for want, args := range map[string][]string{
		"289 eigendistortions are wanted of an image of 288 elements": {"-k", "289"},
		"--dtype float32: eigendistortions are computed in float64":   {"--dtype", "float32"},
		"--amplitude 0 changes nothing":                               {"--amplitude", "0"},
		"positive numbers":                                            {"--amplitudes", "1,,2"},
	} {
		code, _, errs := eigen(append(args, "--model", "on-off", "-o", dir)...)
		assert.Equal(t, ExitUsage, code)
		assert.Contains(t, errs, want)
		assert.NoDirExists(t, dir, "nothing was begun")
	}
	code, _, errs := percept("eigendistortion")
	assert.Equal(t, ExitUsage, code)
	assert.Contains(t, errs, "an image is missing")
}

func TestEigendistortionsOfSeveralImages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs")
	code, _, errs := percept("eigendistortion", "example:pebbles", "example:pebbles", "--size", "16x16", "--model", "on-off", "--progress", "none", "-o", dir)
	require.Equal(t, ExitOK, code, errs)
	assert.FileExists(t, filepath.Join(dir, runfolder.IndexCSV))
	assert.Equal(t, readEigenRecord(t, filepath.Join(dir, "pebbles")).Eigenvalues, readEigenRecord(t, filepath.Join(dir, "pebbles-2")).Eigenvalues)
}
