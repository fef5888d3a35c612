package kernels

import "math"

// The definitions of how a block is reduced, and of joining results.

func plus(x, y float64) float64  { return x + y }
func times(x, y float64) float64 { return x * y }

// larger returns the larger of x and y; NaN if either is; y if they are equal.
func larger(x, y float64) float64 {
	if x > y || x != x {
		return x
	}
	return y
}

// smaller returns the smaller of x and y; NaN if either is; y if they are equal.
func smaller(x, y float64) float64 {
	if x < y || x != x {
		return x
	}
	return y
}

// foldLanes joins the upper half of the lanes to the lower until two are left.
func foldLanes(l *[lanes]float64, join func(x, y float64) float64) (even, odd float64) {
	for h := lanes / 2; h >= 2; h /= 2 {
		for i := range h {
			l[i] = join(l[i], l[i+h])
		}
	}
	return l[0], l[1]
}

// foldGo makes a body that joins each value to its lane.
func foldGo[T Float](start float64, join func(x, y float64) float64) blockBody[T] {
	return func(a, _ []T) (even, odd float64) {
		var l [lanes]float64
		for i := range l {
			l[i] = start
		}
		for i, x := range a {
			l[i%lanes] = join(l[i%lanes], float64(x))
		}
		return foldLanes(&l, join)
	}
}

func sumGo[T Float](a, _ []T) (even, odd float64) {
	var l [lanes]float64
	for i, x := range a {
		l[i%lanes] += float64(x)
	}
	return foldLanes(&l, plus)
}

func abssumGo[T Float](a, _ []T) (even, odd float64) {
	var l [lanes]float64
	for i, x := range a {
		l[i%lanes] += math.Abs(float64(x))
	}
	return foldLanes(&l, plus)
}

func sumsqGo[T Float](a, _ []T) (even, odd float64) {
	var l [lanes]float64
	for i, x := range a {
		l[i%lanes] += float64(float64(x) * float64(x))
	}
	return foldLanes(&l, plus)
}

func dotGo[T Float](a, b []T) (even, odd float64) {
	var l [lanes]float64
	b = b[:len(a)]
	for i, x := range a {
		l[i%lanes] += float64(float64(x) * float64(b[i]))
	}
	return foldLanes(&l, plus)
}
