package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// quick are the flags of a synthesis that takes a moment.
var quick = []string{"metamer", "--progress", "none", "--model", "portilla-simoncelli:scales=1,orientations=2,correlation-width=5"}

// runMetamer runs percept metamer with the flags of quick and these.
func runMetamer(args ...string) (code int, stdout, stderr string) {
	return percept(append(append([]string(nil), quick...), args...)...)
}

type runRecord struct {
	Outcome       string
	Stopped_by    string
	Reason        string
	Iterations    int
	Loss          *float64
	Cpu_level     string
	Input         inputRecord
	Settings      map[string]any
	Groups        []map[string]any
	Png           struct{ Clipped, Bits int }
	Loss_scale    float64
	Penalty_share float64
}

func readRecord(t *testing.T, dir string) (r runRecord) {
	require.NoError(t, runfolder.ReadJSON(filepath.Join(dir, runfolder.RunJSON), &r))
	return r
}

func readNPY(t *testing.T, dir, name string) tensor.Tensor {
	x, err := runfolder.Folder{Dir: dir}.ReadNPY(name)
	require.NoError(t, err)
	return x
}

// column returns a column of history.csv; empty cells are missing.
func column(t *testing.T, dir, name string) (values []string) {
	file, err := os.Open(filepath.Join(dir, runfolder.HistoryCSV))
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	for c, n := range rows[0] {
		if n == name {
			for _, row := range rows[1:] {
				values = append(values, row[c])
			}
			return values
		}
	}
	t.Fatalf("history.csv has no column %q", name)
	return nil
}

func TestMetamer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, out, errs := runMetamer("example:pebbles", "--size", "32x32", "-o", dir, "--save-every", "10", "--iterations", "25")
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
	assert.Contains(t, out, dir+": ")
	assert.Empty(t, errs, "no progress and nothing to remark")
	for _, name := range []string{runfolder.RunJSON, runfolder.HistoryCSV, runfolder.Target, runfolder.Start, runfolder.Result, runfolder.TargetPNG,
		runfolder.ResultPNG, runfolder.Frames, runfolder.FramesCSV, runfolder.Report} {
		assert.FileExists(t, filepath.Join(dir, name))
	}
	r := readRecord(t, dir)
	assert.Equal(t, "iterations", r.Stopped_by)
	assert.Equal(t, map[int]string{ExitOK: "matched", ExitNotMatched: "not-matched"}[code], r.Outcome)
	assert.Equal(t, 25, r.Iterations)
	assert.NotEmpty(t, r.Cpu_level)
	assert.NotEmpty(t, r.Groups)
	assert.Equal(t, 8, r.Png.Bits)

	losses := column(t, dir, "loss")
	assert.Len(t, losses, 26, "a row for each iteration and one for the result")
	last, err := strconv.ParseFloat(losses[25], 64)
	require.NoError(t, err)
	assert.Equal(t, *r.Loss, last)
	first, err := strconv.ParseFloat(losses[0], 64)
	require.NoError(t, err)
	assert.Less(t, last, first/10)
	changes := column(t, dir, "pixel_change")
	assert.NotEmpty(t, changes[24])
	assert.Empty(t, changes[25], "nothing changed the final image")

	assert.Equal(t, []int{4, 1, 32, 32}, readNPY(t, dir, runfolder.Frames).Shape(), "before iterations 0, 10, 20, and the result")
	page, err := os.ReadFile(filepath.Join(dir, runfolder.Report))
	require.NoError(t, err)
	assert.Equal(t, 3, strings.Count(string(page), "data:image/png;base64,"), "target, start and result")
	for _, want := range []string{r.Outcome, "auto_correlation_magnitude", "@article{portilla2000", "@article{duong2023", "percept metamer --progress none"} {
		assert.Contains(t, string(page), want)
	}
	target := readNPY(t, dir, runfolder.Target)
	assert.Equal(t, tensor.Floats(exampleImage(t, "pebbles", 32, 32)), tensor.Floats(target))
	png, _, err := images.Load(filepath.Join(dir, runfolder.TargetPNG), images.Options{})
	require.NoError(t, err)
	for i, v := range tensor.Floats(png) {
		require.InDelta(t, target.LoadReal(i), v, 0.5/255+1e-9, "rounded, not cut")
	}
}

// A second run, begun with the settings of the first, gives the same bits.
func TestConfigRepeatsARun(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	code, _, errs := runMetamer("example:skin", "--size", "32x32", "--seed", "3", "--iterations", "3", "--threads", "1", "-o", a)
	require.Equal(t, ExitNotMatched, code, errs)
	code, _, errs = percept("metamer", "--config", filepath.Join(a, runfolder.RunJSON), "--threads", "2", "--progress", "none", "-o", b)
	require.Equal(t, ExitNotMatched, code, errs)
	assert.Equal(t, readNPY(t, a, runfolder.Result).String(), readNPY(t, b, runfolder.Result).String())
	assert.Equal(t, tensor.Floats(readNPY(t, a, runfolder.Result)), tensor.Floats(readNPY(t, b, runfolder.Result)))
	assert.Equal(t, column(t, a, "loss"), column(t, b, "loss"))
}

func TestSeveralImages(t *testing.T) {
	dir := t.TempDir()
	x, y := filepath.Join(dir, "x", "p.npy"), filepath.Join(dir, "y", "p.npy")
	for i, path := range []string{x, y} {
		require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
		require.NoError(t, runfolder.Folder{Dir: filepath.Dir(path)}.WriteNPY("p.npy", exampleImage(t, []string{"skin", "pebbles"}[i], 32, 32)))
	}
	out := filepath.Join(dir, "runs")
	code, text, errs := runMetamer(x, y, "--batch", "2", "--seed", "5", "--iterations", "2", "-o", out, "--json")
	require.Equal(t, ExitNotMatched, code, errs)
	var printed struct {
		Folder string
		Runs   []struct{ Folder, Outcome string }
	}
	require.NoError(t, json.Unmarshal([]byte(text), &printed))
	assert.Equal(t, out, printed.Folder)
	require.Len(t, printed.Runs, 4)
	names := []string{"p-seed5", "p-seed6", "p-seed5-2", "p-seed6-2"}
	for i, name := range names {
		assert.Equal(t, filepath.Join(out, name), printed.Runs[i].Folder)
		assert.Equal(t, "not-matched", readRecord(t, filepath.Join(out, name)).Outcome)
	}
	index, err := os.ReadFile(filepath.Join(out, runfolder.IndexCSV))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(index)), "\n")
	assert.Equal(t, "folder,image,seed,outcome,stopped_by,iterations,evaluations,seconds,loss", lines[0])
	assert.Len(t, lines, 5)
	assert.True(t, strings.HasPrefix(lines[2], "p-seed6,"+x+",6,not-matched,iterations,2,"), lines[2])

	alone := filepath.Join(dir, "alone")
	code, _, errs = runMetamer(y, "--seed", "6", "--iterations", "2", "-o", alone)
	require.Equal(t, ExitNotMatched, code, errs)
	assert.Equal(t, tensor.Floats(readNPY(t, alone, runfolder.Result)), tensor.Floats(readNPY(t, filepath.Join(out, names[3]), runfolder.Result)), "the same as alone")
}

func TestFolderThatExists(t *testing.T) {
	t.Chdir(t.TempDir())
	args := []string{"example:pebbles", "--size", "16x16", "--iterations", "1"}
	for _, want := range []string{"pebbles-metamer", "pebbles-metamer-2", "pebbles-metamer-3"} {
		_, out, errs := runMetamer(args...)
		assert.True(t, strings.HasPrefix(out, want+": "), "%s %s", out, errs)
	}
	code, _, errs := runMetamer(append(args, "-o", "pebbles-metamer")...)
	assert.Equal(t, ExitUsage, code)
	assert.Contains(t, errs, "exists already")
	code, _, errs = runMetamer(append(args, "-o", "pebbles-metamer", "--force")...)
	assert.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
}

func TestMetamerWrongUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct{ args, want string }{
		{"example:pebbles --loss l3", `there is no loss "l3"; the names are mse, l2, relative-sse, groupwise, portilla-simoncelli, logsumexp`},
		{"example:pebbles --optimizer adam:rate=1", `adam has no key "rate"; its keys are lr, amsgrad, beta1, beta2`},
		{"example:pebbles --optimizer lbfgs:line-search=armijo", "one of strong-wolfe, none expected"},
		{"example:pebbles --penalty range:low=1,high=0", "low must be below high"},
		{"example:pebbles --scheduler step:size=0", "from 1 to"},
		{"example:pebbles --loss portilla-simoncelli:weight.nothing=2", `there is no group "nothing" to weigh; there are pixel_statistics, `},
		{"example:pebbles --iterations -3", "a number of iterations, or +N"},
		{"example:pebbles --iterations +3", "needs --resume"},
		{"example:pebbles --tolerance -1", "a number of at least 0"},
		{"example:pebbles --batch 0", "at least 1"},
		{"example:pebbles --time -2s", "negative"},
		{"example:pebbles --checkpoint-every 0s", "above 0"},
		{"example:pebbles --dtype float16", "one of float64, float32 expected"},
		{"example:pebbles --init start.npy", "no such file"},
		{"example:pebbles --force", "-o DIR"},
		{"example:pebbles --model portilla-simoncelli --size 3x5", "the largest number of scales that fits is 0"},
		{"example:pebbles --model portilla-simoncelli --size 80x64", "the largest number of scales that fits with correlation-width=7 is 3"},
		{"example:pebbles --resume here", "no other can be given"},
		{"--resume here --seed 3", "[--seed] cannot change when a run is resumed"},
	} {
		code, out, errs := percept(append([]string{"metamer", "--progress", "none"}, strings.Fields(c.args)...)...)
		want := ExitUsage
		if strings.Contains(c.args, "--init") {
			want = ExitFailed
		}
		assert.Equal(t, want, code, c.args)
		assert.Empty(t, out, c.args)
		assert.Contains(t, errs, c.want, c.args)
	}
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	assert.Empty(t, entries, "nothing was begun")
}

func TestTargetsThatCannotBeMatched(t *testing.T) {
	dir := runfolder.Folder{Dir: t.TempDir()}
	flat := tensor.New(tensor.Float64, 32, 32)
	for i := range flat.Len() {
		flat.StoreReal(i, 0.5)
	}
	require.NoError(t, dir.WriteNPY("flat.npy", flat))
	scaled := exampleImage(t, "pebbles", 32, 32)
	for i := range scaled.Len() {
		scaled.StoreReal(i, float64(int(255*scaled.LoadReal(i))))
	}
	require.NoError(t, dir.WriteNPY("bytes.npy", scaled))
	for name, want := range map[string]string{
		"flat.npy":    "every pixel is 0.5; an image without variance",
		"bytes.npy":   "--input-range",
		"missing.png": "no such file",
	} {
		code, out, errs := runMetamer(dir.Path(name), "-o", dir.Path("run"))
		assert.Equal(t, ExitFailed, code, name)
		assert.Empty(t, out, name)
		assert.Contains(t, errs, want, name)
		assert.Contains(t, errs, name)
		assert.NoDirExists(t, dir.Path("run"))
	}
	code, _, errs := runMetamer(dir.Path("bytes.npy"), "--input-range", "0,255", "--iterations", "1", "-o", dir.Path("run"))
	assert.Equal(t, ExitNotMatched, code, errs)
}

func TestOddSizesAreCropped(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	_, _, errs := runMetamer("example:pebbles", "--size", "33x45", "--iterations", "1", "-o", dir)
	assert.Contains(t, errs, "of 33×45 pixels the central 32×44 are used, multiples of 2 as portilla-simoncelli needs")
	r := readRecord(t, dir)
	assert.Equal(t, &images.Rect{Y: 0, X: 0, H: 32, W: 44}, r.Input.Crop)
	assert.Len(t, r.Input.Notes, 1)
	assert.Equal(t, []int{1, 1, 32, 44}, readNPY(t, dir, runfolder.Result).Shape())
}

func TestColourAndPrecision(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	code, _, errs := runMetamer("example:pebbles", "--size", "32x32", "--color", "rgb", "--dtype", "float32", "--png-bits", "16", "--light", "linear", "--iterations", "2", "-o", dir)
	assert.Equal(t, ExitNotMatched, code, errs)
	assert.Contains(t, errs, "has no colour statistics")
	x := readNPY(t, dir, runfolder.Result)
	assert.Equal(t, "float32[1 3 32 32]", x.Type.String())
	assert.Equal(t, 16, readRecord(t, dir).Png.Bits)
}

func TestNotEnoughMemory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	run := func(free int64, known bool, flags string) (code int, errs string) {
		var b bytes.Buffer
		a := newApp(io.Discard, &b)
		a.freeMemory = func() (int64, bool) { return free, known }
		args := strings.Fields("metamer example:pebbles --iterations 0 --progress none --force -o " + dir + " " + flags)
		return a.run(args), b.String()
	}
	code, text := run(150e6, true, "--size 384x320")
	require.Equal(t, ExitUsage, code)
	assert.Contains(t, text, "a synthesis of 384×320 pixels and 1 channels in float64 needs about")
	assert.NoDirExists(t, dir)
	var h, w, history int
	_, err := fmt.Sscanf(text[strings.Index(text, "--size "):], "--size %dx%d", &h, &w)
	require.NoError(t, err)
	fits := func(flags string) int {
		code, _ := run(150e6, true, flags)
		return code
	}
	assert.Equal(t, ExitNotMatched, fits(fmt.Sprintf("--size %dx%d", h, w)), "the size that it names fits")
	assert.Equal(t, ExitUsage, fits(fmt.Sprintf("--size %dx%d", h+h/5, w+w/5)), "and is not much too small")
	_, text = run(150e6, true, "--size 224x224")
	_, err = fmt.Sscanf(text[strings.Index(text, "history="):], "history=%d", &history)
	require.NoError(t, err)
	assert.Equal(t, ExitNotMatched, fits(fmt.Sprintf("--size 224x224 --optimizer lbfgs:history=%d,precondition=spectral", history)), "as does the history")
	assert.Equal(t, ExitUsage, fits(fmt.Sprintf("--size 224x224 --optimizer lbfgs:history=%d,precondition=spectral", history+history/2+3)))
	for _, flags := range []string{"--output-size 2048x2048", "--output-size 2048x2048 --optimizer adam"} { // for the history, for the model
		code, text = run(map[bool]int64{true: 3e9, false: 5e8}[strings.Count(flags, "adam") == 0], true, flags)
		require.Equal(t, ExitUsage, code, flags)
		assert.Contains(t, text, "--output-size 2048x2048: a synthesis of 2048×2048 pixels and 1 channels in float64 needs more than", "before a model is made")
	}
	code, _ = run(0, false, "--size 384x320")
	assert.Equal(t, ExitNotMatched, code, "where nothing is known nothing is refused")
}

func TestWhatEndsARun(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		flags      string
		iterations int
	}{
		"evaluations": {"--evaluations 25", 2},
		"time":        {"--time 1ns", 0},
		"tolerance":   {"--tolerance 1e9 --tolerance-window 2", 3},
		"iterations":  {"--iterations 0", 0},
	} {
		run := filepath.Join(dir, name)
		code, _, errs := runMetamer(append([]string{"example:pebbles", "--size", "16x16", "-o", run}, strings.Fields(c.flags)...)...)
		assert.Equal(t, ExitNotMatched, code, errs)
		r := readRecord(t, run)
		assert.Equal(t, name, r.Stopped_by)
		assert.Equal(t, c.iterations, r.Iterations, name)
	}
}

// logarithm is a model that is not a number for dark pixels.
func logarithm(int, int) (synth.Model, error) {
	return synth.ModelFunc(func(x autograd.Value) autograd.Value { return x.AddScalar(0.01).Log() }), nil
}

func TestNotANumber(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	var out, errs bytes.Buffer
	args := []string{"metamer", "example:pebbles", "--size", "16x16", "--model", "log", "--optimizer", "sgd:lr=100", "--penalty", "none", "--progress", "none", "-o", run, "--json"}
	code := Run(args, &out, &errs, Model("log", logarithm))
	assert.Equal(t, ExitFailed, code)
	assert.Contains(t, errs.String(), "not finite")
	var printed map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &printed))
	assert.Nil(t, printed["loss"])
	assert.Equal(t, "not a number", printed["loss_reason"])
	r := readRecord(t, run)
	assert.Equal(t, "failed", r.Outcome)
	assert.Equal(t, "nan", r.Stopped_by)
	assert.FileExists(t, filepath.Join(run, runfolder.Report))
	for _, v := range tensor.Floats(readNPY(t, run, runfolder.Result)) {
		require.False(t, math.IsNaN(v), "the image before the step that failed")
	}
}

// A run that leaves its start as it is does not match, and says so.
func TestRunThatHardlyMoves(t *testing.T) {
	code, out, errs := runMetamer("example:pebbles", "--size", "32x32", "--model", "on-off", "--optimizer", "sgd:lr=1e-12", "--iterations", "3", "-o", filepath.Join(t.TempDir(), "run"))
	require.Equal(t, ExitNotMatched, code, errs)
	assert.Contains(t, out+errs, "hardly moved from its start")
}
