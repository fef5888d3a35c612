package images

import (
	"math"
	"math/rand/v2"
	"slices"
)

// A field is one value per pixel of a picture whose opposite borders meet.
type field struct {
	h, w int
	v    []float64
}

func newField(h, w int) field { return field{h, w, make([]float64, h*w)} }

// fill sets every pixel; y and x are in pixels.
func (f field) fill(value func(y, x float64) float64) field {
	for i := range f.v {
		f.v[i] = value(float64(i/f.w), float64(i%f.w))
	}
	return f
}

// wrap returns i modulo n, not negative.
func wrap(i, n int) int {
	if i %= n; i < 0 {
		i += n
	}
	return i
}

func (f field) at(y, x int) float64 { return f.v[wrap(y, f.h)*f.w+wrap(x, f.w)] }

// blur returns f smoothed by a Gaussian.
func (f field) blur(sigma float64) field {
	tap := gaussian(sigma)
	r := len(tap) / 2
	mid, out := newField(f.h, f.w), newField(f.h, f.w)
	column := make([]int, f.w+2*r)
	for i := range column {
		column[i] = wrap(i-r, f.w)
	}
	for y := range f.h {
		row := f.v[y*f.w : (y+1)*f.w]
		for x := range f.w {
			sum := 0.0
			for j, c := range tap {
				sum += c * row[column[x+j]]
			}
			mid.v[y*f.w+x] = sum
		}
	}
	for y := range f.h {
		dst := out.v[y*f.w : (y+1)*f.w]
		for j, c := range tap {
			for x, v := range mid.v[wrap(y+j-r, f.h)*f.w:][:f.w] {
				dst[x] += c * v
			}
		}
	}
	return out
}

func gaussian(sigma float64) []float64 {
	r := int(math.Ceil(3 * sigma))
	tap := make([]float64, 2*r+1)
	sum := 0.0
	for i := range tap {
		d := float64(i - r)
		tap[i] = math.Exp(-d * d / (2 * sigma * sigma))
		sum += tap[i]
	}
	for i := range tap {
		tap[i] /= sum
	}
	return tap
}

// shade returns the light that a surface of height f reflects when it comes
// from the upper left; relief multiplies the slopes.
func (f field) shade(relief float64) field {
	out := newField(f.h, f.w)
	const ly, lx, lz = 0.5, 0.4, 0.77 // towards the light; y points down
	for i := range out.v {
		y, x := i/f.w, i%f.w
		dy := relief * (f.at(y+1, x) - f.at(y-1, x)) / 2
		dx := relief * (f.at(y, x+1) - f.at(y, x-1)) / 2
		out.v[i] = max(0, (lz+ly*dy+lx*dx)/math.Sqrt(1+dy*dy+dx*dx))
	}
	return out
}

// spread maps f linearly so that all but one value in 250 at either end fall
// into [0.02, 0.98], and clips the rest to [0, 1].
func (f field) spread() field {
	sorted := slices.Clone(f.v)
	slices.Sort(sorted)
	cut := len(sorted) / 250
	lo, hi := sorted[cut], sorted[len(sorted)-1-cut]
	if hi == lo {
		hi = lo + 1
	}
	for i, v := range f.v {
		f.v[i] = min(max(0.02+0.96*(v-lo)/(hi-lo), 0), 1)
	}
	return f
}

// A noise is smooth gradient noise (Perlin 1985, doi:10.1145/325165.325247)
// that repeats with the picture.
type noise struct {
	h, w   float64 // of the picture, in pixels
	ny, nx int     // cells
	grad   [][2]float64
}

// newNoise returns noise with cells of about dy×dx pixels.
func newNoise(rng *rand.Rand, f field, dy, dx float64) noise {
	n := noise{h: float64(f.h), w: float64(f.w), ny: cells(f.h, dy), nx: cells(f.w, dx)}
	n.grad = make([][2]float64, n.ny*n.nx)
	for i := range n.grad {
		sin, cos := math.Sincos(2 * math.Pi * rng.Float64())
		n.grad[i] = [2]float64{sin, cos}
	}
	return n
}

// cells returns how many cells of about d pixels n pixels hold.
func cells(n int, d float64) int { return max(1, int(math.Round(float64(n)/d))) }

// at returns the noise at a pixel: about 0, mostly within ±0.5.
func (n noise) at(y, x float64) float64 {
	y, x = y/n.h*float64(n.ny), x/n.w*float64(n.nx)
	fy, fx := math.Floor(y), math.Floor(x)
	i, j, dy, dx := int(fy), int(fx), y-fy, x-fx
	top := lerp(n.corner(i, j, dy, dx), n.corner(i, j+1, dy, dx-1), fade(dx))
	bottom := lerp(n.corner(i+1, j, dy-1, dx), n.corner(i+1, j+1, dy-1, dx-1), fade(dx))
	return lerp(top, bottom, fade(dy))
}

func (n noise) corner(i, j int, dy, dx float64) float64 {
	g := n.grad[wrap(i, n.ny)*n.nx+wrap(j, n.nx)]
	return g[0]*dy + g[1]*dx
}

func fade(t float64) float64       { return t * t * t * (t*(6*t-15) + 10) }
func lerp(a, b, t float64) float64 { return a + (b-a)*t }

// smoothstep rises from 0 at a to 1 at b.
func smoothstep(a, b, x float64) float64 {
	t := min(max((x-a)/(b-a), 0), 1)
	return t * t * (3 - 2*t)
}

// A fractal is a sum of noises, each of half the size and gain times the amplitude.
type fractal struct {
	octaves []noise
	gain    float64
}

func newFractal(rng *rand.Rand, f field, dy, dx float64, octaves int, gain float64) fractal {
	s := fractal{gain: gain}
	for range octaves {
		s.octaves = append(s.octaves, newNoise(rng, f, dy, dx))
		dy, dx = dy/2, dx/2
	}
	return s
}

func (s fractal) at(y, x float64) float64 {
	v, a := 0.0, 1.0
	for _, n := range s.octaves {
		v += a * n.at(y, x)
		a *= s.gain
	}
	return v
}

// grain returns white noise of unit variance, smoothed a little.
func grain(rng *rand.Rand, h, w int, sigma float64) field {
	g := newField(h, w)
	for i := range g.v {
		g.v[i] = rng.NormFloat64()
	}
	if sigma > 0 {
		g = g.blur(sigma)
		scale := 2 * sigma * math.SqrtPi // of white noise after the blur
		for i := range g.v {
			g.v[i] *= max(scale, 1)
		}
	}
	return g
}

// scatter returns points of which no two are close: one in each cell of a
// grid, moved by up to jitter of the cell.
func scatter(rng *rand.Rand, f field, d, jitter float64) (points [][2]float64, ny, nx int) {
	ny, nx = cells(f.h, d), cells(f.w, d)
	for i := range ny {
		for j := range nx {
			y := float64(i) + 0.5 + jitter*(rng.Float64()-0.5)
			x := float64(j) + 0.5 + 0.5*float64(i%2)*float64(1-ny%2) + jitter*(rng.Float64()-0.5)
			points = append(points, [2]float64{y / float64(ny) * float64(f.h), x / float64(nx) * float64(f.w)})
		}
	}
	return points, ny, nx
}

// stamp paints a disc, with a smooth edge, around a point.
func (f field) stamp(y, x, radius, value float64) {
	for i := int(math.Floor(y - radius)); i <= int(math.Ceil(y+radius)); i++ {
		for j := int(math.Floor(x - radius)); j <= int(math.Ceil(x+radius)); j++ {
			cover := radius + 0.5 - math.Hypot(float64(i)-y, float64(j)-x)
			if cover <= 0 {
				continue
			}
			at := wrap(i, f.h)*f.w + wrap(j, f.w)
			f.v[at] = lerp(f.v[at], value, min(cover, 1))
		}
	}
}

// line paints a line of round ends.
func (f field) line(y0, x0, y1, x1, radius, value float64) {
	n := math.Ceil(2 * math.Hypot(y1-y0, x1-x0))
	for k := 0.0; k <= n; k++ {
		t := k / max(n, 1)
		f.stamp(lerp(y0, y1, t), lerp(x0, x1, t), radius, value)
	}
}
