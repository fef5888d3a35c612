package report

import (
	"cmp"
	"fmt"
	"math"
	"strings"
)

// A Curve is the history of the loss, entry k before iteration k.
type Curve struct {
	Name    string // what it is; "" means Loss
	Loss    []float64
	Penalty []float64 // drawn dashed where it is positive
}

// A chart is a Curve as SVG: paths and labelled ticks in its coordinates.
type chart struct {
	Width, Height            float64
	Left, Right, Top, Bottom float64 // the axes
	Loss, Penalty            string  // path data
	X, Y                     []tick
	Name, Text               string // Text for those who cannot see it
}

// A tick is a place on an axis with its label.
type tick struct {
	At    float64
	Label string
}

// plot lays out c on a logarithmic axis. It returns nil if no loss is positive.
func plot(c Curve) *chart {
	lo, hi := decades(c.Loss)
	if lo > hi {
		return nil
	}
	if below, above := decades(c.Penalty); below <= above {
		lo = min(lo, max(below, lo-mostBelow))
	}
	p := &chart{Width: 760, Height: 300, Left: 64, Right: 744, Top: 12, Bottom: 262, Name: cmp.Or(c.Name, "Loss")}
	last := max(len(c.Loss)-1, 1)
	x := func(k int) float64 { return p.Left + (p.Right-p.Left)*float64(k)/float64(last) }
	y := func(v float64) float64 {
		return p.Bottom - (p.Bottom-p.Top)*(math.Log10(v)-float64(lo))/float64(hi-lo)
	}
	p.Loss = path(c.Loss, x, y, lo)
	p.Penalty = path(c.Penalty, x, y, lo)
	for d := lo; d <= hi; d += 1 + (hi-lo)/8 {
		p.Y = append(p.Y, tick{y(math.Pow10(d)), powerOfTen(d)})
	}
	for step, k := niceStep(last), 0; k <= last; k += step {
		p.X = append(p.X, tick{x(k), fmt.Sprint(k)})
	}
	p.Text = fmt.Sprintf("%s over %d iterations: from %.3g to %.3g.", p.Name, len(c.Loss)-1, c.Loss[0], c.Loss[len(c.Loss)-1])
	return p
}

// decades returns the powers of ten that enclose the positive values, at least
// one decade; lo > hi if there are none.
func decades(v []float64) (lo, hi int) {
	least, most := math.Inf(1), 0.0
	for _, x := range v {
		if x > 0 && !math.IsInf(x, 1) {
			least, most = math.Min(least, x), math.Max(most, x)
		}
	}
	if most == 0 {
		return 1, 0
	}
	lo, hi = int(math.Floor(math.Log10(least))), int(math.Ceil(math.Log10(most)))
	return lo, max(hi, lo+1)
}

// powerOfTen writes 10 to the power d.
func powerOfTen(d int) string {
	digits := strings.NewReplacer("-", "⁻", "0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴", "5", "⁵", "6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹")
	return "10" + digits.Replace(fmt.Sprint(d))
}

// mostBelow is how many decades below the loss the axis goes for the penalty.
const mostBelow = 3

// path draws v, along the bottom where it is below 10^lo, with gaps where it is
// not positive. Of many points only so many are kept as can be told apart.
func path(v []float64, x func(int) float64, y func(float64) float64, lo int) string {
	var b strings.Builder
	pen := "M"
	stride := 1 + len(v)/2000
	for k, value := range v {
		if k%stride != 0 && k != len(v)-1 {
			continue
		}
		if !(value > 0) || math.IsInf(value, 1) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", pen, x(k), y(math.Max(value, math.Pow10(lo))))
		pen = "L"
	}
	return b.String()
}

// niceStep returns 1, 2 or 5 times a power of ten that divides n into at most
// ten parts.
func niceStep(n int) int {
	for p := 1; ; p *= 10 {
		for _, s := range []int{1, 2, 5} {
			if n <= 10*s*p {
				return s * p
			}
		}
	}
}
