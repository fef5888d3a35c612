package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/tensor"
)

func TestCoarseToFine(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	staged := []string{"example:pebbles", "--size", "32x32", "--coarse-to-fine", "separate", "--change-tolerance", "1e9", "--change-window", "3"}
	code, _, errs := runMetamer(append(staged, "--iterations", "14", "-o", one)...)
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
	stages := column(t, one, "stage")
	require.Equal(t, strings.Fields("pixel_statistics pixel_statistics pixel_statistics residual_lowpass residual_lowpass residual_lowpass 0 0 0 "+
		"residual_highpass residual_highpass residual_highpass all all all"), stages)
	losses, stageLosses := column(t, one, "loss"), column(t, one, "stage_loss")
	assert.NotEqual(t, losses[0], stageLosses[0])
	assert.Equal(t, losses[14], stageLosses[14])
	var r struct {
		Stages []struct {
			Name        string
			Start, Stop *int
		}
	}
	require.NoError(t, runfolder.ReadJSON(filepath.Join(one, runfolder.RunJSON), &r))
	require.Len(t, r.Stages, 5)
	assert.Equal(t, 3, *r.Stages[1].Start)
	assert.Equal(t, 5, *r.Stages[1].Stop)
	assert.Nil(t, r.Stages[4].Stop)
	page, err := os.ReadFile(filepath.Join(one, runfolder.Report))
	require.NoError(t, err)
	assert.Contains(t, string(page), "from coarse to fine, each by itself")

	code, _, errs = runMetamer(append(staged, "--iterations", "4", "-o", two)...)
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
	code, _, errs = percept("metamer", "--resume", two, "--iterations", "14", "--progress", "none")
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
	sameRun(t, one, two)
	require.Equal(t, stageLosses, column(t, two, "stage_loss"))

	three := filepath.Join(dir, "three")
	code, _, _ = runMetamer("example:pebbles", "--size", "32x32", "--coarse-to-fine", "together", "--optimizer", "lbfgs:max-iter=1", "-o", three, "--evaluations", "5")
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code)
	var short struct{ Reason string }
	require.NoError(t, runfolder.ReadJSON(filepath.Join(three, runfolder.RunJSON), &short))
	assert.Contains(t, short.Reason, "; not reached: residual_lowpass, 0, all")
	assert.Equal(t, json.Number("400"), readRecord(t, three).Settings["iterations"], "100 for each of four stages")

	code, _, errs = runMetamer("example:pebbles", "--size", "32x32", "--coarse-to-fine", "together", "--model", "gaussian", "-o", filepath.Join(dir, "x"))
	assert.Equal(t, ExitUsage, code)
	assert.Contains(t, errs, "has no scales")
	code, _, errs = runMetamer("example:pebbles", "--size", "32x32", "--coarse-to-fine", "together", "--tolerance", ".5", "-o", filepath.Join(dir, "y"))
	assert.Equal(t, ExitUsage, code)
	assert.Contains(t, errs, "more than the tolerance")
}

// TestSynthesesOfOneSizeRunTogether compares images and seeds of one run with
// runs of their own.
func TestSynthesesOfOneSizeRunTogether(t *testing.T) {
	dir := t.TempDir()
	all := filepath.Join(dir, "all")
	code, _, errs := runMetamer("example:pebbles", "example:weave", "--size", "32x32", "--batch", "2", "--seed", "5", "--iterations", "6", "-o", all)
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
	alone := filepath.Join(dir, "alone")
	code, _, errs = runMetamer("example:weave", "--size", "32x32", "--seed", "6", "--iterations", "6", "-o", alone)
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
	sameRun(t, alone, filepath.Join(all, "weave-seed6"))
	seconds := column(t, filepath.Join(all, "pebbles-seed5"), "seconds")
	assert.Equal(t, seconds[6], column(t, filepath.Join(all, "weave-seed6"), "seconds")[6], "one clock: one synthesis")

	for _, d := range []string{alone, filepath.Join(all, "weave-seed6"), all} {
		code, _, errs = percept("metamer", "--resume", d, "--iterations", "9", "--progress", "none")
		require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
	}
	sameRun(t, alone, filepath.Join(all, "weave-seed6"))
	assert.Len(t, column(t, filepath.Join(all, "pebbles-seed6"), "loss"), 10, "those behind catch up")
}

func TestMixturesMasksAndSizes(t *testing.T) {
	dir := t.TempDir()
	mask := tensor.New(tensor.Float64, 32, 32)
	for i := range mask.Len() {
		if i%32 < 9 {
			mask.StoreReal(i, 1)
		}
	}
	require.NoError(t, runfolder.Folder{Dir: dir}.WriteNPY("mask.npy", mask))
	maskFile := filepath.Join(dir, "mask.npy")
	whole, parts := filepath.Join(dir, "whole"), filepath.Join(dir, "parts")
	args := []string{"example:pebbles", "--match", "example:weave", "--match", "example:bark", "--size", "32x32", "--output-size", "48x40", "--mask", maskFile}
	code, _, errs := runMetamer(append(args, "--iterations", "8", "-o", whole)...)
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
	result, target := readNPY(t, whole, runfolder.Result), readNPY(t, whole, runfolder.Target)
	require.Equal(t, []int{1, 1, 48, 40}, result.Shape())
	for y := range 32 {
		for x := range 32 {
			got, want := result.LoadReal((y+8)*40+x+4), target.LoadReal(y*32+x)
			if x < 9 {
				require.Equal(t, want, got, "a pixel that stays")
			}
		}
	}
	var r struct {
		Inputs             []inputRecord
		Distance_to_target struct{ Rms *float64 }
		Representation     struct{ Remains float64 }
	}
	require.NoError(t, runfolder.ReadJSON(filepath.Join(whole, runfolder.RunJSON), &r))
	require.Len(t, r.Inputs, 3)
	assert.Nil(t, r.Distance_to_target.Rms)
	assert.Less(t, r.Representation.Remains, .5)

	code, out, errs := percept("check", whole, "--crops", "3")
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
	assert.Contains(t, out, "auto_correlation_magnitude")
	code, _, errs = percept("figure", whole, "-o", filepath.Join(dir, "status.png"))
	require.Equal(t, ExitOK, code, errs)

	code, _, errs = runMetamer(append(args, "--iterations", "3", "-o", parts)...)
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
	require.NoError(t, os.Remove(maskFile), "a run needs nothing but its folder")
	code, _, errs = percept("metamer", "--resume", parts, "--iterations", "8", "--progress", "none")
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
	sameRun(t, whole, parts)

	mixed, config := filepath.Join(dir, "mixed"), filepath.Join(dir, "config")
	code, _, errs = runMetamer("--match", "example:weave", "example:bark", "--size", "32x32", "--iterations", "3", "-o", mixed)
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
	code, _, errs = percept("metamer", "--config", filepath.Join(mixed, runfolder.RunJSON), "-o", config, "--progress", "none")
	require.Contains(t, []int{ExitOK, ExitNotMatched}, code, errs)
	sameRun(t, mixed, config)

	for reads, args := range map[string][]string{
		"--output-size 33x32":         {"--output-size", "33x32"},
		"is smaller than the image":   {"--output-size", "16x16", "--mask", filepath.Join(whole, runfolder.TargetPNG)},
		"needs one target":            {"--init", "spectrum", "--match", "example:bark"},
		"normalize=target needs one":  {"--model", "identity:normalize=target", "--match", "example:bark"},
		"nowhere.png":                 {"--match", "nowhere.png"},
		"none.png":                    {"--mask", "none.png"},
		"the name of a file expected": {"--match", ""},
		"an image without variance":   {"--match", filepath.Join(dir, "flat.npy")},
		"is black everywhere":         {"--mask", filepath.Join(dir, "flat.npy")},
	} {
		require.NoError(t, runfolder.Folder{Dir: dir}.WriteNPY("flat.npy", tensor.New(tensor.Float64, 32, 32)))
		code, _, errs := runMetamer(append([]string{"example:pebbles", "--size", "32x32", "-o", filepath.Join(dir, "bad")}, args...)...)
		assert.Contains(t, []int{ExitUsage, ExitFailed}, code)
		assert.Contains(t, errs, reads)
		assert.NoDirExists(t, filepath.Join(dir, "bad"))
	}
}
