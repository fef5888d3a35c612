package cli

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// mad runs percept mad on a small image with these flags.
func mad(args ...string) (code int, stdout, stderr string) {
	return percept(append([]string{"mad", "example:pebbles", "--size", "16x20", "--progress", "none"}, args...)...)
}

type madRecord struct {
	runRecord
	Reference_metric       struct{ Level, Value, Drift float64 }
	Optimized_metric       struct{ At_start, Value float64 }
	Reference_metric_level float64
	Start_chosen           int
	Tradeoff_weight        float64
	Kkt_residual           float64
	Free_pixels            int
	Png                    struct {
		Bits                               int
		Drift                              *float64
		Reference_metric, Optimized_metric float64
	}
	Seed int
}

func readMADRecord(t *testing.T, dir string) (r madRecord) {
	t.Helper()
	require.NoError(t, runfolder.ReadJSON(filepath.Join(dir, runfolder.RunJSON), &r))
	return r
}

func numbersIn(t *testing.T, dir, name string) (v []float64) {
	t.Helper()
	for _, s := range column(t, dir, name) {
		x, err := strconv.ParseFloat(s, 64)
		require.NoError(t, err)
		v = append(v, x)
	}
	return v
}

func TestMAD(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, out, errs := mad("-o", dir, "--png-bits", "16")
	require.Equal(t, ExitOK, code, out+errs)
	names := []string{"min-dssim-fix-mse", "max-dssim-fix-mse", "min-mse-fix-dssim", "max-mse-fix-dssim"}
	image := readNPY(t, filepath.Join(dir, names[0]), runfolder.Target)
	for i, name := range names {
		sub := filepath.Join(dir, name)
		assert.Contains(t, out, sub+": matched: ")
		r := readMADRecord(t, sub)
		assert.Equal(t, "matched", r.Outcome)
		assert.Equal(t, "tolerance", r.Stopped_by)
		assert.LessOrEqual(t, math.Abs(r.Reference_metric.Drift), 1e-6)
		assert.LessOrEqual(t, r.Kkt_residual, 1e-3)
		require.NotNil(t, r.Png.Drift)
		assert.InEpsilon(t, r.Reference_metric.Level*(1+*r.Png.Drift), r.Png.Reference_metric, 1e-9)
		assert.Less(t, math.Abs(*r.Png.Drift), 1e-2)
		if grew := r.Optimized_metric.Value > r.Optimized_metric.At_start; i%2 == 0 {
			assert.False(t, grew, name)
		} else {
			assert.True(t, grew, name)
		}
		held, driven := numbersIn(t, sub, "reference_metric"), numbersIn(t, sub, "optimized_metric")
		for _, v := range held {
			assert.InEpsilon(t, r.Reference_metric_level, v, 1e-6)
		}
		assert.Equal(t, r.Optimized_metric.Value, driven[len(driven)-1])
		x := readNPY(t, sub, runfolder.Result)
		sum := 0.
		for k, v := range tensor.Floats(x) {
			require.True(t, v >= 0 && v <= 1)
			d := v - image.LoadReal(k)
			sum += d * d / float64(x.Len())
		}
		mse := driven
		if i < 2 {
			mse = held
		}
		assert.InEpsilon(t, sum, mse[len(mse)-1], 1e-9, name)
		assert.FileExists(t, filepath.Join(sub, runfolder.Report))
		assert.Equal(t, strings.Split(name, "-")[1], r.Settings["optimized-metric"].(map[string]any)["name"])
	}
	page, err := os.ReadFile(filepath.Join(dir, runfolder.Report))
	require.NoError(t, err)
	for _, name := range names {
		assert.Contains(t, string(page), name)
	}
	assert.Contains(t, string(page), "4 of 4 images")
	assert.FileExists(t, filepath.Join(dir, runfolder.IndexCSV))
}

// TestMADOfSeveral: folders and exit code of several images and seeds, each as
// alone.
func TestMADOfSeveral(t *testing.T) {
	dir := t.TempDir()
	all, alone := filepath.Join(dir, "all"), filepath.Join(dir, "alone")
	flags := []string{"--iterations", "5", "--batch", "2", "--seed", "3", "--reference-metric", "dssim:weighted=true", "--optimized-metric", "mse"}
	code, _, errs := mad(append(flags, "example:bark", "-o", all)...)
	require.Equal(t, ExitNotMatched, code, errs)
	code, _, errs = mad("--target", "max", "--iterations", "5", "--seed", "4", "--reference-metric", "dssim:weighted=true", "--optimized-metric", "mse", "-o", alone)
	require.Equal(t, ExitNotMatched, code, errs)
	sub := filepath.Join(all, "pebbles-seed4", "max-mse-fix-dssim")
	sameRun(t, alone, sub)
	assert.Equal(t, 4, readMADRecord(t, sub).Seed)
	assert.FileExists(t, filepath.Join(all, "bark-seed3", "min-dssim-fix-mse", runfolder.ResultPNG))
	code, _, errs = percept("mad", "--resume", all, "--iterations", "7", "--progress", "none")
	require.Equal(t, ExitNotMatched, code, errs)
	code, _, errs = percept("mad", "--resume", alone, "--iterations", "+2", "--progress", "none")
	require.Equal(t, ExitNotMatched, code, errs)
	sameRun(t, alone, sub)
	assert.Equal(t, 7, readMADRecord(t, sub).Iterations)
}

// TestMADByWeight: the weight holds a metric only so far, and that is said.
func TestMADByWeight(t *testing.T) {
	dir := t.TempDir()
	for name, flags := range map[string][]string{
		"auto":      {"--tradeoff", "auto", "--optimizer", "adam"},
		"number":    {"--tradeoff", "12.5"},
		"reference": {"--recipe", "reference", "--tradeoff", "1e2"},
		"default":   {"--recipe", "reference"},
	} {
		run := filepath.Join(dir, name)
		code, out, errs := mad(append(flags, "--target", "max", "--iterations", "10", "-o", run)...)
		require.Equal(t, ExitNotMatched, code, out+errs)
		assert.Contains(t, out, "drifted by", name)
		r := readMADRecord(t, run)
		switch name {
		case "number":
			assert.Equal(t, 12.5, r.Tradeoff_weight)
		case "reference":
			assert.Equal(t, 100., r.Tradeoff_weight)
			assert.Equal(t, "100", r.Settings["tradeoff"])
		default:
			assert.Contains(t, []float64{1, 10, 100}, r.Tradeoff_weight)
		}
	}
}

// TestMADFromAFile: the level is that of the start.
func TestMADFromAFile(t *testing.T) {
	dir := t.TempDir()
	x, _, err := images.Load("example:pebbles", images.Options{Size: images.Size{H: 16, W: 20}})
	require.NoError(t, err)
	sum := 0.
	for i := range x.Len() {
		d := .05 * math.Sin(float64(i))
		x.StoreReal(i, x.LoadReal(i)+d)
		sum += d * d / float64(x.Len())
	}
	file := filepath.Join(dir, "start.npy")
	require.NoError(t, runfolder.Folder{Dir: dir}.WriteNPY("start.npy", x))
	run := filepath.Join(dir, "run")
	code, _, errs := mad("--init", file, "--target", "max", "--penalty", "none", "-o", run)
	require.Equal(t, ExitOK, code, errs)
	assert.InEpsilon(t, sum, readMADRecord(t, run).Reference_metric.Level, 1e-9)
	assert.Equal(t, tensor.Floats(x), tensor.Floats(readNPY(t, run, runfolder.Start)))
	code, _, errs = percept("mad", "--resume", run, "--iterations", "+2", "--progress", "none")
	require.Equal(t, ExitOK, code, errs)

	noisy := filepath.Join(dir, "noisy")
	code, _, errs = mad("--noise-mse", "0.003", "--target", "min", "--penalty", "none", "--iterations", "1", "--starts", "1", "-o", noisy)
	require.Equal(t, ExitNotMatched, code, errs)
	assert.InEpsilon(t, .003, readMADRecord(t, noisy).Reference_metric.Level, 1e-9)
}

func TestMADInFloat32AndColour(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, out, errs := percept("mad", "example:pebbles", "--size", "12x14", "--color", "rgb", "--dtype", "float32", "--target", "max",
		"--reference-metric", "model:gaussian:kernel-size=5", "--optimized-metric", "dssim", "--progress", "none", "--iterations", "60", "-o", dir)
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, out+errs)
	r := readMADRecord(t, dir)
	assert.LessOrEqual(t, math.Abs(r.Reference_metric.Drift), synth.MatchedDrift32)
	assert.Greater(t, r.Optimized_metric.Value, r.Optimized_metric.At_start)
	assert.Equal(t, tensor.Float32, readNPY(t, dir, runfolder.Result).DType)
}

// TestMADOfMetricsWithKinks: the images of NLPD lie at kinks, and are optima; one that
// is interrupted is none, and the command says so.
func TestMADOfMetricsWithKinks(t *testing.T) {
	dir := t.TempDir()
	run := func(name string, args ...string) (int, string) {
		code, out, errs := percept(append([]string{"mad", "example:pebbles", "--size", "40x40", "--starts", "1", "--progress", "none",
			"--optimized-metric", "nlpd", "-o", filepath.Join(dir, name)}, args...)...)
		return code, out + errs
	}
	code, text := run("short", "--target", "max", "--iterations", "20")
	assert.Equal(t, ExitNotMatched, code)
	assert.Contains(t, text, "more --iterations go further")
	code, text = run("whole", "--target", "min")
	assert.Equal(t, ExitOK, code, text)
	assert.Contains(t, text, "at kinks of a metric")
	assert.Greater(t, readMADRecord(t, filepath.Join(dir, "whole")).Kkt_residual, synth.MatchedKKT)
	code, text, errs := percept("check", filepath.Join(dir, "whole"))
	assert.Equal(t, ExitOK, code, "%s%s", text, errs)
	if testing.Short() {
		return
	}
	code, text = run("four")
	assert.Equal(t, ExitOK, code, text)
}

func TestWhatMADRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		"dssim, one minus it":           {"--optimized-metric", "ssim"},
		"dms-ssim, one minus it":        {"--reference-metric", "ms-ssim"},
		"two different ones":            {"--reference-metric", "dssim"},
		"an optimizer of its own":       {"--optimizer", "adam"},
		"no rate to change":             {"--scheduler", "step:size=3"},
		"takes auto or a number":        {"--recipe", "reference", "--tradeoff", "constrained"},
		"has one start":                 {"--recipe", "reference", "--starts", "2"},
		"give one":                      {"--noise", "0.2", "--noise-mse", "0.2"},
		"--noise above 0":               {"--noise", "0"},
		"constrained, auto or a number": {"--tradeoff", "-1"},
		"has room for at most":          {"--reference-metric", "nlpd"},
		"low must be below high":        {"--penalty", "range:low=1,high=0"},
		"needs multiples of":            {"--reference-metric", "model:portilla-simoncelli:scales=5"},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		code, _, errs := mad(append(args, "-o", dir)...)
		assert.Equal(t, ExitUsage, code, want)
		assert.Contains(t, errs, want)
		assert.NoDirExists(t, dir)
	}
	source := filepath.Join(t.TempDir(), "source")
	mad("--target", "min", "--iterations", "1", "-o", source)
	image := filepath.Join(source, runfolder.Target)
	dir := filepath.Join(t.TempDir(), "run")
	for want, args := range map[string][]string{
		"is the image itself":                {"--init", image},
		"does not see how the start differs": {"--noise", "1e-12"},
	} {
		code, _, errs := mad(append(args, "-o", dir)...)
		assert.Equal(t, ExitUsage, code, want)
		assert.Contains(t, errs, want)
		assert.NoDirExists(t, dir)
	}
	a := newApp(io.Discard, io.Discard)
	a.freeMemory = func() (int64, bool) { return 200e6, true }
	assert.Equal(t, ExitUsage, a.run([]string{"mad", "example:pebbles", "--size", "512x512", "--progress", "none"}))
	code, _, errs := percept("mad")
	assert.Equal(t, ExitUsage, code)
	assert.Contains(t, errs, "an IMAGE is needed")
}

// The figure and the report of several competitions keep them apart.
func TestMADOfSeveralImages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, _, stderr := percept("mad", "example:bark", "example:weave", "--size", "16x16", "--iterations", "3", "-o", dir, "--progress", "none")
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, stderr)
	code, out, stderr := percept("figure", dir)
	require.Equal(t, ExitOK, code, stderr)
	assert.Equal(t, filepath.Join(dir, "bark", defaultFigure)+"\n"+filepath.Join(dir, "weave", defaultFigure)+"\n", out)
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(string(page), `class="scroll drawing"`))
	assert.Contains(t, string(page), "are MAD images.")
}
