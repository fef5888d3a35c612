package figure

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Ticks are products of a step, which rounding lengthens: 3·5e-5 is
// 1.5000000000000001e-4.
func TestTickLabels(t *testing.T) {
	for v, want := range map[float64]string{3 * 5e-5: "1.5e-4", 1e-5: "1e-5", -2e-5: "-2e-5", 1234567: "1.235e6", 2e6: "2e6"} {
		assert.Equal(t, want, exponent(v))
	}
	var labels []string
	for _, k := range (scale{lo: 0, hi: 1.9e-4}).ticks(4) {
		labels = append(labels, k.label)
	}
	assert.Equal(t, []string{"0", "5e-5", "1e-4", "1.5e-4"}, labels)
}
