package cli

import (
	"encoding/json"
	"io"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/internal/runfolder"
)

// parsed returns the flags of percept metamer after these arguments.
func parsed(t *testing.T, args ...string) (*metamerFlags, *cobra.Command) {
	f := newApp(io.Discard, io.Discard).newMetamerFlags()
	c := &cobra.Command{Use: "metamer"}
	f.register(c)
	require.NoError(t, c.ParseFlags(args))
	return f, c
}

func roundTrip(t *testing.T, c *cobra.Command) map[string]any {
	data, err := json.Marshal(settings(c.Flags()))
	require.NoError(t, err)
	folder := runfolder.Folder{Dir: t.TempDir()}
	require.NoError(t, folder.Write("s.json", func(w io.Writer) error { _, err := w.Write(data); return err }))
	var m map[string]any
	require.NoError(t, runfolder.ReadJSON(folder.Path("s.json"), &m))
	return m
}

// What run.json records sets all flags as they were.
func TestSettingsRoundTrip(t *testing.T) {
	f, c := parsed(t, "--model", "portilla-simoncelli:scales=2,correlation-width=5", "--loss", "groupwise:weight.magnitude_std=2.5",
		"--optimizer", "adam:lr=0.003,amsgrad=false", "--scheduler", "cosine:iterations=70", "--penalty", "range:high=2",
		"--iterations", "70", "--evaluations", "900", "--time", "90s", "--tolerance", "0", "--tolerance-window", "7",
		"--seed", "18446744073709551615", "--batch", "3", "--init", "target+noise", "--init-dtype", "float32", "--dtype", "float32",
		"--threads", "1", "--cpu-level", "purego", "--crop", "1,2,30,40", "--size", "32x32", "--color", "rgb", "--light", "linear",
		"--input-range", "0,255", "--png-bits", "16", "--save-every", "5", "--checkpoint-every", "5s", "-o", "somewhere")
	f.complete()
	recorded := roundTrip(t, c)
	assert.NotContains(t, recorded, "output")
	g, d := parsed(t)
	require.NoError(t, apply(d.Flags(), recorded))
	assert.Equal(t, recorded, roundTrip(t, d))
	assert.Equal(t, f.loss.spec, g.loss.spec)
	assert.Equal(t, f.image, g.image)
	assert.Equal(t, uint64(1<<64-1), g.seed)
}

func TestFlagsWinOverSettings(t *testing.T) {
	f, c := parsed(t, "--seed", "5")
	f.complete()
	g, d := parsed(t, "--seed", "7", "--optimizer", "sgd")
	require.NoError(t, apply(d.Flags(), roundTrip(t, c)))
	assert.Equal(t, uint64(7), g.seed)
	assert.Equal(t, "sgd", g.optimizer.text)
	assert.Equal(t, "portilla-simoncelli", g.loss.spec.Name)
}

func TestSettingsOfAnotherVersion(t *testing.T) {
	for name, recorded := range map[string]map[string]any{
		"--warp":  {"warp": 9.0},
		"--model": {"model": map[string]any{"name": "gabor"}},
		"--color": {"color": "cmyk"},
		"--time":  {"time": []any{map[string]any{}}},
		"--force": {"force": true},
	} {
		_, c := parsed(t)
		assert.ErrorContains(t, apply(c.Flags(), recorded), name)
	}
}

func TestDefaults(t *testing.T) {
	for args, want := range map[string][4]string{
		"":                   {"portilla-simoncelli", "lbfgs:precondition=spectral", "100", "range"},
		"--model=identity":   {"mse:scale=start", "lbfgs:precondition=spectral", "100", "range"},
		"--optimizer=adam":   {"portilla-simoncelli", "adam", "3000", "range"},
		"--recipe=reference": {"mse", "adam", "100", "range"},
		"--loss=l2":          {"l2", "lbfgs:precondition=spectral", "100", "range"},
	} {
		var list []string
		if args != "" {
			list = append(list, args)
		}
		f, _ := parsed(t, list...)
		f.complete()
		assert.Equal(t, want, [4]string{f.loss.text, f.optimizer.text, f.iterations.String(), f.penalty.text}, args)
	}
}
