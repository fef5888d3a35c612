package kernels

import "math"

// The definitions of the complex operations on interleaved pairs. As in the
// real ones, T(x·y) keeps a product from being fused into a sum.

func conjGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:len(dst)]
	for i := 0; i+1 < len(a); i += 2 {
		dst[i], dst[i+1] = a[i], -a[i+1]
	}
}

func ctimesiGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:len(dst)]
	for i := 0; i+1 < len(a); i += 2 {
		dst[i], dst[i+1] = -a[i+1], a[i]
	}
}

func csquareGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:len(dst)]
	for i := 0; i+1 < len(a); i += 2 {
		re, im := a[i], a[i+1]
		p := T(re * im)
		dst[i], dst[i+1] = T(re*re)-T(im*im), p+p
	}
}

func cunitGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:len(dst)]
	for i := 0; i+1 < len(a); i += 2 {
		re, im := a[i], a[i+1]
		r := modulus(re, im)
		if r == 0 {
			dst[i], dst[i+1] = 0, 0
			continue
		}
		dst[i], dst[i+1] = re/r, im/r
	}
}

func modulus[T Float](re, im T) T { return T(math.Sqrt(float64(T(re*re) + T(im*im)))) }

func cexpGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:len(dst)]
	for i := 0; i+1 < len(a); i += 2 {
		e := float64(T(exp(float64(a[i]))))
		s, c := sincos(float64(a[i+1]))
		dst[i], dst[i+1] = T(e*c), T(e*s)
	}
}

func cmulGo[T Float](dst, a, b, _ []T, _, _ T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := 0; i+1 < len(a); i += 2 {
		ar, ai, br, bi := a[i], a[i+1], b[i], b[i+1]
		dst[i], dst[i+1] = T(ar*br)-T(ai*bi), T(ar*bi)+T(ai*br)
	}
}

func cmulcGo[T Float](dst, a, b, _ []T, _, _ T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := 0; i+1 < len(a); i += 2 {
		ar, ai, br, bi := a[i], a[i+1], b[i], b[i+1]
		dst[i], dst[i+1] = T(ar*br)+T(ai*bi), T(ar*bi)-T(ai*br)
	}
}

func cdivGo[T Float](dst, a, b, _ []T, _, _ T) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := 0; i+1 < len(a); i += 2 {
		ar, ai, br, bi := a[i], a[i+1], b[i], b[i+1]
		d := T(br*br) + T(bi*bi)
		dst[i], dst[i+1] = (T(ar*br)+T(ai*bi))/d, (T(ai*br)-T(ar*bi))/d
	}
}

func cmulrGo[T Float](dst, a, b, _ []T, _, _ T) {
	a = a[:len(dst)]
	for i, x := range b[:len(dst)/2] {
		dst[2*i], dst[2*i+1] = a[2*i]*x, a[2*i+1]*x
	}
}

func crealGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:2*len(dst)]
	for i := range dst {
		dst[i] = a[2*i]
	}
}

func cimagGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:2*len(dst)]
	for i := range dst {
		dst[i] = a[2*i+1]
	}
}

func cabsGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:2*len(dst)]
	for i := range dst {
		dst[i] = modulus(a[2*i], a[2*i+1])
	}
}

func cabs2Go[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:2*len(dst)]
	for i := range dst {
		re, im := a[2*i], a[2*i+1]
		dst[i] = T(re*re) + T(im*im)
	}
}

func cangleGo[T Float](dst, a, _, _ []T, _, _ T) {
	a = a[:2*len(dst)]
	for i := range dst {
		dst[i] = T(atan2(float64(a[2*i+1]), float64(a[2*i])))
	}
}

func cdotGo[T Float](dst, a, b, _ []T, _, _ T) {
	a, b = a[:2*len(dst)], b[:2*len(dst)]
	for i := range dst {
		dst[i] = T(a[2*i]*b[2*i]) + T(a[2*i+1]*b[2*i+1])
	}
}

func cmakeGo[T Float](dst, a, b, _ []T, _, _ T) {
	b = b[:len(dst)/2]
	for i, x := range a[:len(dst)/2] {
		dst[2*i], dst[2*i+1] = x, b[i]
	}
}

func cpolarGo[T Float](dst, a, b, _ []T, _, _ T) {
	b = b[:len(dst)/2]
	for i, x := range a[:len(dst)/2] {
		s, c := sincos(float64(b[i]))
		dst[2*i], dst[2*i+1] = T(float64(x)*c), T(float64(x)*s)
	}
}
