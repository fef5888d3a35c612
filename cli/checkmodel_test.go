package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/synth"
)

// A program's own model is judged: what is wrong with it is named, with what to do.
func TestCheckModel(t *testing.T) {
	mixing := func(int, int) (synth.Model, error) {
		return synth.ModelFunc(func(x autograd.Value) autograd.Value { return x.Add(x.MeanKeep(0)) }), nil
	}
	var out, stderr bytes.Buffer
	code := Run([]string{"check-model", "mine", "--size", "16x20", "--metric", "dssim", "--json"}, &out, &stderr, Model("mine", mixing))
	require.Equal(t, ExitNotMatched, code, stderr.String())
	var got []struct {
		Kind, Spec, Level string
		Findings          []struct{ Check, Level, Found, Advice string }
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	require.Len(t, got, 2)
	assert.Equal(t, "failed", got[0].Level)
	assert.Equal(t, "ok", got[1].Level)
	assert.Equal(t, "dssim", got[1].Spec)
	failed := 0
	for _, f := range got[0].Findings {
		if f.Level == "failed" {
			failed++
			assert.Equal(t, "batch", f.Check)
			assert.Contains(t, f.Found, "when image 0 changes")
			assert.NotEmpty(t, f.Advice)
		}
	}
	assert.Equal(t, 1, failed)
}

func TestCheckModelText(t *testing.T) {
	code, out, stderr := percept("check-model", "on-off", "--size", "24x32", "--penalty", "range", "--color", "rgb")
	assert.Equal(t, ExitOK, code, stderr)
	assert.Contains(t, out, "model on-off\n")
	assert.Contains(t, out, "float64[1 6 24 32]")
	assert.Contains(t, out, "penalty range\n")
	for args, want := range map[string]string{
		"": "a MODEL, --metric or --penalty is missing", "gabor": `there is no model "gabor"`, "portilla-simoncelli:scales=2": "",
		"on-off --size=4x4": "at least 16×16 pixels", "--metric=nlpd:epsilon=-1": "a number ≥ 0 expected",
	} {
		code, _, stderr := percept(append([]string{"check-model"}, strings.Fields(args)...)...)
		if want == "" {
			assert.Equal(t, ExitOK, code, stderr)
			continue
		}
		assert.Equal(t, ExitUsage, code, args)
		assert.Contains(t, stderr, want)
	}
}
