package images

import (
	"math"
	"slices"

	"github.com/percept-go/percept/tensor"
)

// resize resamples the pictures of t, of shape N×C×H×W, with the Catmull–Rom
// cubic, which is stretched when it makes smaller, so that nothing aliases
// (Keys 1981, doi:10.1109/TASSP.1981.1163711, a = -1/2). At the border the
// weights that lie within are normalised. The cubic can overshoot: values are
// clipped to the range of the picture that they come from.
func resize(t tensor.Tensor, size Size, info *Info) tensor.Tensor {
	h, w := t.Dim[2], t.Dim[3]
	if size == (Size{}) || size == (Size{h, w}) {
		return t
	}
	info.note("resampled from %d×%d to %d×%d pixels (height×width) by a Catmull–Rom cubic", h, w, size.H, size.W)
	if a, b := size.H*w, size.W*h; a != b {
		info.note("resampling changed width/height from %.4g to %.4g", float64(w)/float64(h), float64(size.W)/float64(size.H))
	}
	out := tensor.New(tensor.Float64, t.Dim[0], t.Dim[1], size.H, size.W)
	src, dst := tensor.Slice[float64](t), tensor.Slice[float64](out)
	across, down := newTaps(w, size.W), newTaps(h, size.H)
	mid := make([]float64, h*size.W)
	for k := range t.Dim[0] * t.Dim[1] {
		resizePlane(dst[k*size.H*size.W:][:size.H*size.W], mid, src[k*h*w:][:h*w], across, down)
	}
	return out
}

// resizePlane resamples the rows of src into mid, then its columns into dst.
func resizePlane(dst, mid, src []float64, across, down []tap) {
	w := len(across)
	n := len(src) * w / len(mid) // of src's columns
	for y := range len(mid) / w {
		for x, t := range across {
			v := 0.0
			for j, c := range t.weight {
				v += c * src[y*n+t.first+j]
			}
			mid[y*w+x] = v
		}
	}
	lo, hi := slices.Min(src), slices.Max(src)
	for y, t := range down {
		row := dst[y*w : (y+1)*w]
		clear(row)
		for j, c := range t.weight {
			for x, v := range mid[(t.first+j)*w:][:w] {
				row[x] += c * v
			}
		}
		for x, v := range row {
			row[x] = min(max(v, lo), hi)
		}
	}
}

// A tap is the part of a row that one output sample is made of.
type tap struct {
	first  int
	weight []float64
}

// newTaps returns the taps that resample n samples to m.
func newTaps(n, m int) []tap {
	scale := float64(n) / float64(m)
	stretch := max(scale, 1)
	taps := make([]tap, m)
	for i := range taps {
		centre := (float64(i)+0.5)*scale - 0.5
		first := max(int(math.Ceil(centre-2*stretch)), 0)
		last := min(int(math.Floor(centre+2*stretch)), n-1)
		t := tap{first: first, weight: make([]float64, last-first+1)}
		sum := 0.0
		for j := range t.weight {
			t.weight[j] = catmullRom((float64(first+j) - centre) / stretch)
			sum += t.weight[j]
		}
		for j := range t.weight {
			t.weight[j] /= sum
		}
		taps[i] = t
	}
	return taps
}

func catmullRom(x float64) float64 {
	x = math.Abs(x)
	switch {
	case x < 1:
		return 1 + x*x*(1.5*x-2.5)
	case x < 2:
		return 2 + x*(-4+x*(2.5-0.5*x))
	}
	return 0
}
