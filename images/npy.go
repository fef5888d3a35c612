package images

import (
	"bytes"
	"fmt"
	"math"

	"github.com/percept-go/percept/tensor"
)

const npyMagic = "\x93NUMPY"

// integerMax is what 1 is in the integer types that pictures are stored in.
var integerMax = map[string]float64{"uint8": 255, "uint16": 65535}

// loadNPY reads an array of shape H×W, C×H×W or N×C×H×W.
func loadNPY(data []byte, o Options, info *Info) (t tensor.Tensor, err error) {
	info.Format = "npy"
	a, err := tensor.ReadNPY(bytes.NewReader(data))
	if err != nil {
		return t, err
	}
	info.Stored = a.Kind
	if a.DType.IsComplex() {
		return t, fmt.Errorf("the array is %s; a picture has real numbers", a.Kind)
	}
	if t, err = asPictures(a.Tensor); err != nil {
		return t, err
	}
	info.Height, info.Width = t.Dim[2], t.Dim[3]
	lo, hi, err := extrema(t)
	if err != nil {
		return t, err
	}
	max, ok := integerMax[a.Kind]
	if !ok {
		max = 1
	}
	if o.InputRange == nil && !ok && (lo < 0 || hi > 1) {
		return t, fmt.Errorf("the %s values lie in [%.6g, %.6g] and not in [0, 1]; say with the input range which of them are 0 and 1 (--input-range %.6g,%.6g)", a.Kind, lo, hi, lo, hi)
	}
	r, err := o.fit(t.Dim[2], t.Dim[3])
	if err != nil {
		return t, err
	}
	m, err := newMapping(o, t.Dim[1], max)
	if err != nil {
		return t, err
	}
	if in := o.InputRange; in != nil && (lo < in[0] || hi > in[1]) {
		info.note("values from %.6g to %.6g reach beyond the input range %.6g,%.6g and so beyond [0, 1]", lo, hi, in[0], in[1])
	}
	return m.planes(t, r), nil
}

// asPictures returns t with four axes. It errs if they cannot be pictures.
func asPictures(t tensor.Tensor) (tensor.Tensor, error) {
	s := t.Shape()
	switch {
	case len(s) < 2 || len(s) > 4:
		return t, fmt.Errorf("the array has shape %v; H×W, C×H×W or N×C×H×W expected", s)
	case len(s) == 3 && s[0] > 4 && (s[2] == 1 || s[2] == 3 || s[2] == 4):
		return t, fmt.Errorf("the array has shape %v, which looks like H×W×C; save numpy.moveaxis(a, -1, 0), of shape C×H×W", s)
	case t.Len() == 0:
		return t, fmt.Errorf("the array has shape %v and so no values", s)
	}
	full := append([]int{1, 1}[:4-len(s)], s...)
	r, _ := t.Reshape(full...)
	return r, nil
}

// extrema returns the smallest and largest element of t. It errs if one is not finite.
func extrema(t tensor.Tensor) (lo, hi float64, err error) {
	lo, hi = math.Inf(1), math.Inf(-1)
	bad, at := 0, 0
	for i := range t.Len() {
		v := t.LoadReal(i)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			if bad++; bad == 1 {
				at = i
			}
			continue
		}
		lo, hi = min(lo, v), max(hi, v)
	}
	if bad > 0 {
		return lo, hi, fmt.Errorf("%d of %d values are not finite; the first is %v at %v", bad, t.Len(), t.LoadReal(at), position(t, at))
	}
	return lo, hi, nil
}

// position words the place of element i of t, of shape N×C×H×W.
func position(t tensor.Tensor, i int) string {
	h, w := t.Dim[2], t.Dim[3]
	return fmt.Sprintf("row %d, column %d of channel %d of picture %d", i/w%h, i%w, i/(w*h)%t.Dim[1], i/(w*h*t.Dim[1]))
}
