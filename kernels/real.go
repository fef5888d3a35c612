package kernels

import "math"

// The definitions of the real arithmetic operations. The conversions T(x·y)
// keep compilers that fuse a product into a sum from doing so.

func addGo[T Float](dst, a, b, _ []T, _, _ T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		dst[i] = x + b[i]
	}
}

func subGo[T Float](dst, a, b, _ []T, _, _ T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		dst[i] = x - b[i]
	}
}

func mulGo[T Float](dst, a, b, _ []T, _, _ T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		dst[i] = x * b[i]
	}
}

func divGo[T Float](dst, a, b, _ []T, _, _ T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		dst[i] = x / b[i]
	}
}

func minGo[T Float](dst, a, b, _ []T, _, _ T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		y := b[i]
		if x < y || x != x {
			y = x
		}
		dst[i] = y
	}
}

func maxGo[T Float](dst, a, b, _ []T, _, _ T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		y := b[i]
		if x > y || x != x {
			y = x
		}
		dst[i] = y
	}
}

func indicator[T Float](b bool) T {
	if b {
		return 1
	}
	return 0
}

func eqGo[T Float](dst, a, b, _ []T, _, _ T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		dst[i] = indicator[T](x == b[i])
	}
}

func neGo[T Float](dst, a, b, _ []T, _, _ T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		dst[i] = indicator[T](x != b[i])
	}
}

func ltGo[T Float](dst, a, b, _ []T, _, _ T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		dst[i] = indicator[T](x < b[i])
	}
}

func leGo[T Float](dst, a, b, _ []T, _, _ T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i, x := range a {
		dst[i] = indicator[T](x <= b[i])
	}
}

func copyGo[T Float](dst, a, _, _ []T, _, _ T) { copy(dst, a[:len(dst)]) }

func negGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = -x
	}
}

func absGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = T(math.Abs(float64(x)))
	}
}

func signGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:len(dst)]
	for i, x := range a {
		switch {
		case x > 0:
			x = 1
		case x < 0:
			x = -1
		}
		dst[i] = x
	}
}

func sqrtGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = T(math.Sqrt(float64(x)))
	}
}

func squareGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = x * x
	}
}

func recipGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = 1 / x
	}
}

func reluGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:len(dst)]
	for i, x := range a {
		if x < 0 {
			x = 0
		}
		dst[i] = x
	}
}

func stepGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = indicator[T](x > 0)
	}
}

func whereGo[T Float](dst, a, b, c []T, _, _ T) {
	a, b, c = a[:len(dst)], b[:len(dst)], c[:len(dst)]
	for i, x := range a {
		y := c[i]
		if x != 0 {
			y = b[i]
		}
		dst[i] = y
	}
}

func fmaGo64(dst, a, b, c []float64, _, _ float64) {
	a, b, c = a[:len(dst)], b[:len(dst)], c[:len(dst)]
	for i, x := range a {
		dst[i] = math.FMA(x, b[i], c[i])
	}
}

func fmaGo32(dst, a, b, c []float32, _, _ float32) {
	a, b, c = a[:len(dst)], b[:len(dst)], c[:len(dst)]
	for i, x := range a {
		dst[i] = fma32(x, b[i], c[i])
	}
}

// fma32 returns x·y + z rounded once. The product is exact in float64; their
// sum is rounded to odd there, after which rounding to float32 is the only
// rounding (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums",
// 2008).
func fma32(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := p + c
	bits := math.Float64bits(s)
	if bits&1 == 1 || math.IsInf(s, 0) || s != s {
		return float32(s)
	}
	t := s - p
	err := (p - (s - t)) + (c - t)
	switch {
	case err == 0:
		return float32(s)
	case (err > 0) == (s > 0):
		bits++
	default:
		bits--
	}
	return float32(math.Float64frombits(bits))
}

func fillGo[T Float](dst, _, _, _ []T, s, _ T) {
	for i := range dst {
		dst[i] = s
	}
}

func scaleGo[T Float](dst, a, _, _ []T, s, _ T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = s * x
	}
}

func shiftGo[T Float](dst, a, _, _ []T, s, _ T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = x + s
	}
}

func affineGo[T Float](dst, a, _, _ []T, s, t T) {
	a = a[:len(dst)]
	for i, x := range a {
		dst[i] = T(s*x) + t
	}
}

func clampGo[T Float](dst, a, _, _ []T, s, t T) {
	a = a[:len(dst)]
	if s != s || t != t {
		fillGo(dst, nil, nil, nil, s+t, 0)
		return
	}
	for i, x := range a {
		if s > x {
			x = s
		}
		if t < x {
			x = t
		}
		dst[i] = x
	}
}
