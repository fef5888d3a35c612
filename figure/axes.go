package figure

import (
	"math"
	"strconv"
	"strings"
)

// A scale maps numbers to pixels along one axis.
type scale struct {
	lo, hi   float64 // of the data, their logarithms if log
	from, to float64 // in pixels
	log      bool
}

func (s scale) at(v float64) float64 {
	if s.log {
		v = math.Log10(v)
	}
	return s.from + (s.to-s.from)*(v-s.lo)/(s.hi-s.lo)
}

// drawable says whether v has a place on the axis.
func (s scale) drawable(v float64) bool {
	return !math.IsNaN(v) && !math.IsInf(v, 0) && (!s.log || v > 0)
}

// flat is the part of a value below which its variation is not worth an axis of
// its own.
const flat = 1e-4

// fitScale returns a scale that shows all of vs, with room at both ends.
func fitScale(log bool, vs ...[]float64) scale {
	s := scale{lo: math.Inf(1), hi: math.Inf(-1), log: log}
	for _, v := range vs {
		for _, x := range v {
			if !s.drawable(x) {
				continue
			}
			if log {
				x = math.Log10(x)
			}
			s.lo, s.hi = math.Min(s.lo, x), math.Max(s.hi, x)
		}
	}
	if s.lo > s.hi {
		s.lo, s.hi = 0, 1
	}
	room := .05 * (s.hi - s.lo)
	if size := math.Max(math.Abs(s.lo), math.Abs(s.hi)); log && room < flat {
		room = .3
	} else if !log && room < flat*size { // what hardly varies looks it
		room = .05 * size
	} else if room == 0 {
		room = 1
	}
	s.lo, s.hi = s.lo-room, s.hi+room
	return s
}

// A tick is a place on an axis and its label.
type tick struct {
	value float64
	label string
}

// ticks returns at most about n places, which are round numbers.
func (s scale) ticks(n int) []tick {
	if s.log {
		return s.logTicks(n)
	}
	step := roundStep((s.hi - s.lo) / float64(max(n, 1)))
	digits := max(0, int(math.Ceil(-math.Log10(step)-1e-9)))
	var list []tick
	for k := math.Ceil(s.lo/step - 1e-9); k*step <= s.hi+1e-9*step; k++ {
		v := k * step
		label := strconv.FormatFloat(v, 'f', digits, 64)
		if digits > 4 || math.Abs(v) >= 1e6 {
			label = exponent(v)
		}
		if k == 0 {
			label, v = "0", 0
		}
		list = append(list, tick{v, label})
	}
	return list
}

// logTicks marks decades, and 2 and 5 between them where there are few; round
// numbers within a decade.
func (s scale) logTicks(n int) []tick {
	if s.hi-s.lo < 1 {
		return scale{lo: math.Pow(10, s.lo), hi: math.Pow(10, s.hi)}.ticks(n)
	}
	lo, hi := int(math.Floor(s.lo)), int(math.Ceil(s.hi))
	every := max(1, (hi-lo+max(n, 1)-1)/max(n, 1))
	parts := []float64{1}
	if hi-lo <= 2 {
		parts = []float64{1, 2, 5}
	}
	var list []tick
	for d := lo; d <= hi; d++ {
		for _, m := range parts {
			v := m * math.Pow10(d)
			if l := math.Log10(v); l < s.lo-1e-9 || l > s.hi+1e-9 || d%every != 0 {
				continue
			}
			list = append(list, tick{v, short(v)})
		}
	}
	return list
}

// short writes round numbers as 0.01, and as 1e-5 where that is shorter.
func short(v float64) string {
	if a := math.Abs(v); a != 0 && (a < 1e-3*(1-1e-9) || a >= 1e5) {
		return exponent(v)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// exponent writes v as 1.5e-5, with four digits at most.
func exponent(v float64) string {
	mantissa, e, _ := strings.Cut(strconv.FormatFloat(v, 'e', 3, 64), "e")
	n, _ := strconv.Atoi(e)
	return strings.TrimSuffix(strings.TrimRight(mantissa, "0"), ".") + "e" + strconv.Itoa(n)
}

// roundStep returns 1, 2 or 5 times a power of ten, at least v.
func roundStep(v float64) float64 {
	if !(v > 0) {
		return 1
	}
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*p >= v*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// A frame is the area in which data are drawn, with its axes.
type frame struct {
	x0, y0, x1, y1 float64 // pixels, y0 at the top
	x, y           scale
}

// place puts the frame's scales where its area is.
func (f *frame) place(x, y scale) {
	x.from, x.to = f.x0, f.x1
	y.from, y.to = f.y1, f.y0
	f.x, f.y = x, y
}

// axes draws ticks, labels and grid.
func (f *frame) axes(c *canvas, xlabel, ylabel string, xticks []tick) {
	for _, t := range f.y.ticks(int((f.y1-f.y0)/36) + 1) {
		y := f.y.at(t.value)
		c.line(pen{faint, 1, false}, f.x0, y, f.x1, y)
		c.text(f.x0-6, y, right, middle, plain(labelText), soft, t.label)
	}
	for _, t := range xticks {
		x := f.x.at(t.value)
		c.line(pen{soft, 1, false}, x, f.y1, x, f.y1+4)
		c.text(x, f.y1+6, center, top, plain(labelText), soft, t.label)
	}
	if xticks != nil {
		c.line(pen{soft, 1, false}, f.x0, f.y1, f.x1, f.y1)
	}
	if xlabel != "" {
		c.text((f.x0+f.x1)/2, f.y1+labelText+12, center, top, plain(labelText), soft, xlabel)
	}
	if ylabel != "" {
		c.upward(f.x0-54, (f.y0+f.y1)/2, plain(labelText), soft, ylabel)
	}
}
