package kernels

const (
	lagGroup  = 5 // lags that the kernel lags does at a time
	lagSpread = 4 // lags beside lag 0 that lagsAdjoint does at a time
)

// The definitions of the kernels.

func lagsGo[T Float](acc, a, b []T, ld, rows, n, stride int) {
	for j := range 2 * lagGroup {
		clear(acc[j*stride:][:n])
	}
	for y := range rows {
		u := a[y*ld:][:n]
		for j := range lagGroup {
			v := b[(y+j)*ld:][:n]
			re, im := acc[j*stride:][:n], acc[(lagGroup+j)*stride:][:n]
			for i, x := range u {
				re[i] += T(x * v[i])
				im[i] += T(x * v[i^1])
			}
		}
	}
}

func lagsAdjointGo[T Float](dst, m, c []T, ld, rows, n, stride, first int, more bool) {
	halo := ((len(m)+ld-1)/ld - rows) / 2
	for y := range rows {
		out := dst[y*ld:][:n]
		x := m[(halo+y)*ld:][:n]
		for i := range out {
			re, im := T(c[i]*x[i]), T(0)
			for j := range lagSpread {
				up, down := m[(halo+y+first+j)*ld:], m[(halo+y-first-j)*ld:]
				re += T(c[(1+j)*stride+i] * (up[i] + down[i]))
				im += T(c[(1+lagSpread+j)*stride+i^1] * (up[i^1] - down[i^1]))
			}
			if more {
				re += out[i]
			}
			out[i] = re + im
		}
	}
}
