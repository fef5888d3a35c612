package cli

import (
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/images"
)

func TestImageFlags(t *testing.T) {
	var f imageFlags
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.register(fs)
	require.NoError(t, fs.Parse([]string{"--color", "rgb", "--crop", "1,2,30,40", "--size", "64×32", "--light", "linear", "--input-range", "-1,2.5"}))
	assert.Equal(t, images.Options{Color: images.RGB, Light: images.Linear, Crop: images.Rect{Y: 1, X: 2, H: 30, W: 40},
		Size: images.Size{H: 64, W: 32}, InputRange: &[2]float64{-1, 2.5}}, f.options())
	for _, name := range []string{"color", "crop", "size", "light", "input-range"} {
		flag := fs.Lookup(name)
		written := flag.Value.String()
		assert.NoError(t, flag.Value.Set(written), "what is recorded can be read: %s=%s", name, written)
		assert.Equal(t, written, flag.Value.String())
	}
	for flag, bad := range map[string][]string{
		"color":       {"", "grey"},
		"crop":        {"", "1,2,3", "1,2,3,4,5", "0,0,0,5", "-1,0,5,5", "a,b,c,d"},
		"size":        {"", "64", "0x5", "5x-1", "5x5x5"},
		"light":       {"gamma"},
		"input-range": {"", "1", "1,1", "2,1", "a,b", "nan,1", "0,inf"},
	} {
		for _, s := range bad {
			assert.Error(t, fs.Lookup(flag).Value.Set(s), "%s=%s", flag, s)
		}
	}
}

func TestBudget(t *testing.T) {
	var b budget
	assert.Equal(t, "", b.String())
	for _, s := range []string{"0", "100", "+50"} {
		require.NoError(t, b.Set(s))
		assert.Equal(t, s, b.String())
	}
	assert.Equal(t, budget{50, true, true}, b)
	for _, s := range []string{"", "-1", "++1", "+-1", "many", "1.5"} {
		assert.Error(t, b.Set(s), s)
	}
}

func TestNatural(t *testing.T) {
	v := natural{n: 1, min: 1}
	require.NoError(t, v.Set("7"))
	assert.Equal(t, "7", v.String())
	for _, s := range []string{"0", "-3", "", "x", "2.0"} {
		assert.Error(t, v.Set(s), s)
	}
}
