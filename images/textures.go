package images

import (
	"math"
	"math/rand/v2"
)

// skin grows a pattern in which points help their near neighbours and hinder
// those further away (Young 1984, doi:10.1016/0025-5564(84)90060-9), and
// lights it as a relief.
func skin(rng *rand.Rand, h, w int) field {
	u := grain(rng, h, w, 2)
	for range 14 {
		near, far := u.blur(2.6), u.blur(5)
		for i := range u.v {
			u.v[i] = math.Tanh(6 * (near.v[i] - 0.985*far.v[i] + 0.012))
		}
	}
	u = u.blur(1.2)
	patch := newFractal(rng, u, 70, 70, 2, 0.5)
	light, rough := u.shade(1.6), grain(rng, h, w, 0.8)
	return newField(h, w).fill(func(y, x float64) float64 {
		i := int(y)*w + int(x)
		return 0.5*u.v[i] + 0.9*light.v[i] + 0.5*patch.at(y, x) + 0.07*rough.v[i]
	})
}

// pebbles are domes over the cells of a Voronoi diagram, each with its own
// size and tone; smoothing the depth rounds their corners.
func pebbles(rng *rand.Rand, h, w int) field {
	f := newField(h, w)
	c := newStones(rng, f, 16)
	depth, tone := newField(h, w), newField(h, w)
	bendY, bendX := newFractal(rng, f, 22, 22, 1, 0.5), newFractal(rng, f, 22, 22, 1, 0.5)
	for i := range depth.v {
		y, x := float64(i/w), float64(i%w)
		stone, d := c.find(y+3*bendY.at(y, x), x+3*bendX.at(y, x))
		depth.v[i], tone.v[i] = min(d/7, 1), c.tone[stone]
	}
	depth = depth.blur(1.5)
	dome := newField(h, w).fill(func(y, x float64) float64 {
		slope := 1 - smoothstep(0.06, 1.1, depth.at(int(y), int(x)))
		return math.Sqrt(1 - slope*slope)
	})
	light, rough, speckle := dome.blur(0.8).shade(4.5), grain(rng, h, w, 1), newFractal(rng, f, 6, 6, 2, 0.6)
	return f.fill(func(y, x float64) float64 {
		i := int(y)*w + int(x)
		surface := tone.v[i]*(0.12+0.95*light.v[i]) + 0.08*speckle.at(y, x) + 0.025*rough.v[i]
		sand := 0.1 + 0.04*rough.v[i] + 0.08*speckle.at(y, x)
		return lerp(sand, surface, smoothstep(0.08, 0.3, depth.v[i]))
	})
}

// stones are the cells of a Voronoi diagram whose distances are less the
// larger a stone is.
type stones struct {
	h, w         float64
	ny, nx       int
	points       [][2]float64
	radius, tone []float64
}

func newStones(rng *rand.Rand, f field, d float64) stones {
	points, ny, nx := scatter(rng, f, d, 0.95)
	c := stones{h: float64(f.h), w: float64(f.w), ny: ny, nx: nx, points: points}
	for range points {
		r := rng.Float64()
		c.radius = append(c.radius, 0.55*d*r*r)
		c.tone = append(c.tone, 0.3+0.7*rng.Float64())
	}
	return c
}

// find returns the stone at a pixel and how far from its border that is.
func (c *stones) find(y, x float64) (stone int, depth float64) {
	first, second := math.Inf(1), math.Inf(1)
	i, j := int(math.Floor(y/c.h*float64(c.ny))), int(math.Floor(x/c.w*float64(c.nx)))
	for a := i - 2; a <= i+2; a++ {
		for b := j - 2; b <= j+2; b++ {
			k := wrap(a, c.ny)*c.nx + wrap(b, c.nx)
			p := c.points[k]
			d := math.Hypot(nearest(y-p[0], c.h), nearest(x-p[1], c.w)) - c.radius[k]
			if d < first {
				first, second, stone = d, first, k
			} else if d < second && k != stone {
				second = d
			}
		}
	}
	return stone, (second - first) / 2
}

// nearest returns d or its shorter way around a picture of size n.
func nearest(d, n float64) float64 { return d - n*math.Round(d/n) }

// weave is a plain weave of twisted yarn.
func weave(rng *rand.Rand, h, w int) field {
	f := newField(h, w)
	ny, nx := 2*cells(h, 26), 2*cells(w, 26)
	bendY, bendX := newFractal(rng, f, 40, 40, 2, 0.5), newFractal(rng, f, 40, 40, 2, 0.5)
	warp, weft := tones(rng, nx), tones(rng, ny)
	fuzz := grain(rng, h, w, 0.7)
	return f.fill(func(y, x float64) float64 {
		v := (y+3*bendY.at(y, x))/float64(h)*float64(ny) + 0.5
		u := (x+3*bendX.at(y, x))/float64(w)*float64(nx) + 0.5
		i, j := int(math.Floor(v)), int(math.Floor(u))
		across, along, tone := u-float64(j)-0.5, v-float64(i)-0.5, warp[wrap(j, nx)]
		if (i+j)&1 == 1 { // the weft lies on top
			across, along, tone = along, across, weft[wrap(i, ny)]-0.25
		}
		round := math.Cos(math.Pi * across)
		crown := math.Cos(math.Pi * 0.85 * along)
		twist := math.Sin(2 * math.Pi * (2.5*along + 1.2*across))
		light := round * (0.35 + 0.65*crown) * (1 - 0.35*across)
		return light*(tone+0.12*twist) + 0.04*fuzz.v[int(y)*w+int(x)]
	})
}

func tones(rng *rand.Rand, n int) []float64 {
	t := make([]float64, n)
	for i := range t {
		t[i] = 0.85 + 0.25*rng.Float64()
	}
	return t
}

// grass is painted blade by blade, from the back to the front.
func grass(rng *rand.Rand, h, w int) field {
	f := newField(h, w)
	lean := newFractal(rng, f, 90, 90, 2, 0.5)
	blades := max(h*w/26, 8)
	for k := range blades {
		y, x := float64(h)*rng.Float64(), float64(w)*rng.Float64()
		front := float64(k) / float64(blades)
		angle := 1.2*lean.at(y, x) + 0.45*rng.NormFloat64()
		bend := 0.03 * rng.NormFloat64()
		length, width := 22+26*rng.Float64(), 0.7+0.8*rng.Float64()
		tone := (0.25 + 0.75*front) * (0.55 + 0.45*rng.Float64())
		for s := 0.0; s < length; s++ {
			t := s / length
			sin, cos := math.Sincos(angle)
			y, x, angle = y-cos, x+sin, angle+bend*(0.5+t)
			r := width * math.Sqrt(1-t)
			f.stamp(y+0.4, x+0.6, r, 0.45*tone*(0.3+0.7*t)) // the side away from the light
			f.stamp(y, x, 0.75*r, tone*(0.35+0.65*t))
		}
	}
	return f
}

// bark has ridges along the trunk that cracks part.
func bark(rng *rand.Rand, h, w int) field {
	f := newField(h, w)
	bendX, bendY := newFractal(rng, f, 60, 40, 3, 0.5), newFractal(rng, f, 40, 40, 2, 0.5)
	ridge, cross := newFractal(rng, f, 80, 17, 2, 0.4), newFractal(rng, f, 20, 34, 2, 0.5)
	fibre, lump := newFractal(rng, f, 24, 3.5, 3, 0.7), newFractal(rng, f, 14, 9, 3, 0.6)
	height := newField(h, w).fill(func(y, x float64) float64 {
		x += 16 * bendX.at(y, x)
		y += 10 * bendY.at(y, x)
		plate := smoothstep(0.01, 0.2, math.Abs(ridge.at(y, x)))
		crack := smoothstep(0, 0.1, math.Abs(cross.at(y, x)))
		return plate*(0.72+0.28*crack) + 0.22*lump.at(y, x) + 0.12*fibre.at(y, x)
	})
	light := height.blur(0.6).shade(4)
	return f.fill(func(y, x float64) float64 {
		i := int(y)*w + int(x)
		return (0.3 + 0.8*light.v[i]) * (0.15 + 0.85*min(max(height.v[i], 0), 1.3))
	})
}

// ripples follow the phase of waves that differ a little in direction and
// length, so that crests fork as they do in sand.
func ripples(rng *rand.Rand, h, w int) field {
	f, re, im := newField(h, w), newField(h, w), newField(h, w)
	for range 24 {
		length, turn := 15*math.Exp(0.13*rng.NormFloat64()), 0.22*rng.NormFloat64()+0.25
		ky := math.Round(float64(h) / length * math.Cos(turn))
		kx := math.Round(float64(w) / length * math.Sin(turn))
		phase := rng.Float64()
		for i := range re.v {
			sin, cos := math.Sincos(2 * math.Pi * (ky*float64(i/w)/float64(h) + kx*float64(i%w)/float64(w) + phase))
			re.v[i] += cos
			im.v[i] += sin
		}
	}
	swell := newFractal(rng, f, 50, 50, 4, 0.5)
	height := newField(h, w).fill(func(y, x float64) float64 {
		i := int(y)*w + int(x)
		p := math.Atan2(im.v[i], re.v[i])
		amplitude := smoothstep(0, 4, math.Hypot(re.v[i], im.v[i]))
		return amplitude*math.Cos(p+0.55*math.Sin(p)) + 0.8*swell.at(y, x)
	})
	light, rough := height.blur(0.7).shade(1.3), grain(rng, h, w, 0.6)
	return f.fill(func(y, x float64) float64 {
		i := int(y)*w + int(x)
		return light.v[i] + 0.1*height.v[i] + 0.045*rough.v[i]
	})
}

// clouds are fractal noise, drawn out by noise of its own kind.
func clouds(rng *rand.Rand, h, w int) field {
	f := newField(h, w)
	bendY, bendX := newFractal(rng, f, 50, 50, 3, 0.5), newFractal(rng, f, 50, 50, 3, 0.5)
	puff := newFractal(rng, f, 32, 44, 5, 0.55)
	return f.fill(func(y, x float64) float64 {
		v := puff.at(y+14*bendY.at(y, x), x+14*bendX.at(y, x))
		return smoothstep(-0.7, 0.9, v)
	})
}

// wood is cut along the trunk: year rings become upright lines that end dark.
func wood(rng *rand.Rand, h, w int) field {
	f := newField(h, w)
	rings := float64(cells(w, 13))
	bend, wave := newFractal(rng, f, 150, 45, 3, 0.4), newFractal(rng, f, 40, 20, 2, 0.5)
	year, fibre, pore := newNoise(rng, f, 400, 30), newFractal(rng, f, 30, 2.5, 2, 0.7), newFractal(rng, f, 13, 1.8, 1, 1)
	return f.fill(func(y, x float64) float64 {
		p := x/float64(w)*rings + 2.2*bend.at(y, x) + 0.2*wave.at(y, x) + 0.8*year.at(y, x)
		t := p - math.Floor(p)
		late := t * t * t * (1 - smoothstep(0.93, 1, t))
		dark := smoothstep(0.3, 0.5, pore.at(y, x))
		return 1 - 0.62*late + 0.22*fibre.at(y, x) - 0.35*dark*(1-0.5*t) + 0.25*bend.at(y, x)
	})
}

// glyphs sets words from an alphabet of random strokes.
func glyphs(rng *rand.Rand, h, w int) field {
	f := newField(h, w)
	alphabet := make([][][4]float64, 22)
	for i := range alphabet {
		alphabet[i] = glyph(rng)
	}
	paper, rough := newFractal(rng, f, 40, 40, 3, 0.5), grain(rng, h, w, 0.8)
	f.fill(func(y, x float64) float64 { return 0.95 + 0.12*paper.at(y, x) + 0.03*rough.v[int(y)*w+int(x)] })
	rows := cells(h, 17)
	for r := range rows {
		top := (float64(r) + 0.2) / float64(rows) * float64(h)
		for x := 0.0; x < float64(w)-8; x += 6 {
			for range 2 + rng.IntN(6) {
				if x > float64(w)-8 {
					break
				}
				for _, s := range alphabet[rng.IntN(len(alphabet))] {
					ink := 0.05 + 0.1*rng.Float64()
					f.line(top+s[0], x+s[1]-0.2*s[0], top+s[2], x+s[3]-0.2*s[2], 0.75, ink)
				}
				x += 8.5
			}
		}
	}
	return f
}

// glyph joins points of a grid of 3 by 2 into a letter about 10 pixels high:
// a stem and a few strokes that go on from one another.
func glyph(rng *rand.Rand) (strokes [][4]float64) {
	const dy, dx = 5, 5
	column := dx * float64(rng.IntN(2))
	strokes = append(strokes, [4]float64{0, column, 2 * dy, column})
	y, x := float64(rng.IntN(3)), float64(rng.IntN(2))
	for range 2 + rng.IntN(2) {
		ny, nx := float64(rng.IntN(3)), 1-x
		if rng.IntN(4) == 0 {
			nx = x
		}
		strokes = append(strokes, [4]float64{y * dy, x * dx, ny * dy, nx * dx})
		y, x = ny, nx
	}
	return strokes
}
