package autograd

import "github.com/percept-go/percept/tensor"

// The attributes of ops have no exported types, but backends in other packages
// read them through these methods, by an interface of their own.

// Number returns the number that the op fill repeats.
func (a fillAttr) Number() float64 { return a.value }

// Axes returns the axes that are reduced.
func (a reduceAttr) Axes() (axes []int) {
	for i := range tensor.MaxRank {
		if a.has(i) {
			axes = append(axes, i)
		}
	}
	return axes
}

// Transform returns what fft, rfft and irfft do: the axes, in order, whether the
// exponent is positive (irfft's always is), the factor, and for irfft the size of
// the last axis of the result.
func (a fftAttr) Transform() (axes []int, inverse bool, scale float64, n int) {
	return a.axes.slice(), a.inverse, a.scale, a.n
}

// List returns the axis along which gather and scatter-add work, and the indices.
func (a gatherAttr) List() (axis int, index []int) {
	index = make([]int, a.count())
	for j := range index {
		index[j] = a.at(j)
	}
	return a.axis, index
}

// Moves returns how filters move over images, down and right.
func (a corrAttr) Moves() (stride, dilation [2]int, groups int) {
	return a.stride, a.dilation, a.groups
}

// Places returns where assemble puts its pieces. Steps are at least 1.
func (a assembleAttr) Places() []Place { return a.places() }
