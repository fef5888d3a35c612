package images

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/tensor"
)

var colorNames = []string{Gray: "gray", RGB: "rgb"}
var lightNames = []string{Encoded: "encoded", Linear: "linear"}

// String returns "gray" or "rgb".
func (c Color) String() string { return colorNames[c] }

// String returns "encoded" or "linear".
func (l Light) String() string { return lightNames[l] }

// MarshalText returns c's name; it never errs.
func (c Color) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalText returns l's name; it never errs.
func (l Light) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText sets c by its name. It errs if the name is unknown.
func (c *Color) UnmarshalText(text []byte) error {
	i, err := index(colorNames, "color", string(text))
	*c = Color(i)
	return err
}

// UnmarshalText sets l by its name. It errs if the name is unknown.
func (l *Light) UnmarshalText(text []byte) error {
	i, err := index(lightNames, "light", string(text))
	*l = Light(i)
	return err
}

func index(names []string, what, name string) (int, error) {
	for i, n := range names {
		if n == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%s %q: %s or %s expected", what, name, names[0], names[1])
}

// luma holds the weights of red, green and blue of scikit-image's rgb2gray,
// those of ITU-R BT.709.
var luma = [3]float64{.2125, .7154, .0721}

// toLinear is the decoding curve of sRGB, IEC 61966-2-1. It is odd, so that
// values below 0 keep their sign.
func toLinear(v float64) float64 {
	a := math.Abs(v)
	if a <= 0.04045 {
		return v / 12.92
	}
	return math.Copysign(math.Pow((a+0.055)/1.055, 2.4), v)
}

// toEncoded is the inverse of toLinear.
func toEncoded(v float64) float64 {
	a := math.Abs(v)
	if a <= 0.04045/12.92 {
		return v * 12.92
	}
	return math.Copysign(1.055*math.Pow(a, 1/2.4)-0.055, v)
}

// A mapping turns rows of stored values into rows of the wanted channels.
type mapping struct {
	lo, hi  float64 // stored values that become 0 and 1
	linear  bool
	in, out int // channels
}

// newMapping returns the mapping of stored values with the given channels, of
// which max is 1 unless o.InputRange says otherwise. It errs if the channels
// cannot become o.Color.
func newMapping(o Options, channels int, max float64) (mapping, error) {
	m := mapping{lo: 0, hi: max, linear: o.Light == Linear, in: channels, out: 1}
	if o.Color == RGB {
		m.out = 3
	}
	if channels != 1 && channels != 3 {
		return m, fmt.Errorf("%d channels; 1 (gray) or 3 (red, green, blue) expected", channels)
	}
	if r := o.InputRange; r != nil {
		m.lo, m.hi = r[0], r[1]
	}
	return m, nil
}

// row sets dst, with m.out channels, from src, with m.in, which it overwrites.
func (m *mapping) row(dst, src [][]float64) {
	for _, s := range src {
		for i, v := range s {
			v = (v - m.lo) / (m.hi - m.lo)
			if m.linear {
				v = toLinear(v)
			}
			s[i] = v
		}
	}
	switch {
	case m.in == m.out:
		for c := range dst {
			copy(dst[c], src[c])
		}
	case m.in == 1:
		for c := range dst {
			copy(dst[c], src[0])
		}
	default:
		toGray(dst[0], src[0], src[1], src[2])
	}
}

// toGray leaves a picture that is grey already as it is, to the last bit.
func toGray(dst, r, g, b []float64) {
	for i := range dst {
		if r[i] == g[i] && g[i] == b[i] {
			dst[i] = r[i]
		} else {
			dst[i] = luma[0]*r[i] + luma[1]*g[i] + luma[2]*b[i]
		}
	}
}

// rows fills the N×C×H×W result of m row by row; read sets the m.in channels
// of row y of picture n.
func (m *mapping) rows(n, h, w int, read func(n, y int, src [][]float64)) tensor.Tensor {
	t := tensor.New(tensor.Float64, n, m.out, h, w)
	data := tensor.Slice[float64](t)
	src := make([][]float64, m.in)
	for c := range src {
		src[c] = make([]float64, w)
	}
	dst := make([][]float64, m.out)
	for k := range n {
		for y := range h {
			for c := range dst {
				at := ((k*m.out+c)*h + y) * w
				dst[c] = data[at : at+w]
			}
			read(k, y, src)
			m.row(dst, src)
		}
	}
	return t
}

// planes maps the part r of the pictures of t, of shape N×C×H×W.
func (m *mapping) planes(t tensor.Tensor, r Rect) tensor.Tensor {
	t = t.Crop(2, r.Y, r.Y+r.H, 1).Crop(3, r.X, r.X+r.W, 1)
	return m.rows(t.Dim[0], r.H, r.W, func(n, y int, src [][]float64) {
		for c := range src {
			row := t.Crop(0, n, n+1, 1).Crop(1, c, c+1, 1).Crop(2, y, y+1, 1)
			tensor.Copy(tensor.Of(src[c], 1, 1, 1, r.W), row)
		}
	})
}
