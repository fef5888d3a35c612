package images

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNamesOfOptions(t *testing.T) {
	for _, c := range []Color{Gray, RGB} {
		text, err := c.MarshalText()
		require.NoError(t, err)
		var back Color
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, c, back)
	}
	for _, l := range []Light{Encoded, Linear} {
		text, err := l.MarshalText()
		require.NoError(t, err)
		var back Light
		require.NoError(t, back.UnmarshalText(text))
		assert.Equal(t, l, back)
	}
	assert.Equal(t, "gray encoded rgb linear", Gray.String()+" "+Encoded.String()+" "+RGB.String()+" "+Linear.String())
	var c Color
	assert.EqualError(t, c.UnmarshalText([]byte("grey")), `color "grey": gray or rgb expected`)
	var l Light
	assert.EqualError(t, l.UnmarshalText([]byte("")), `light "": encoded or linear expected`)
	_, _, err := Load("example:weave", Options{Color: 2})
	assert.ErrorContains(t, err, "unknown color 2")
}
