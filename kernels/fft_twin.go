package kernels

// The plain Go kernels: the definition of the generated ones, which differ
// from them by rounding only.

// fftBodyGo returns the plain Go kernels for tiles of that many lanes.
func fftBodyGo[T Float](lanes int) *fftBody[T] {
	b := &fftBody[T]{lanes: lanes, slot: make([]int, lanes)}
	for i := range b.slot {
		b.slot[i] = i
	}
	fftFillGo(b)
	return b
}

// fftFillGo sets the kernels that b lacks to the plain Go ones.
func fftFillGo[T Float](b *fftBody[T]) {
	lanes := b.lanes
	for swap := range 2 {
		for _, lay := range []fftLayout{fftAny, fftColumns, fftPairs} {
			part := func(stride int) int { // from the one part of an element to the other
				if lay == fftPairs {
					return stride / 2
				}
				return 1
			}
			if b.load[lay][1][swap] == nil && (lay != fftPairs || swap == 0) {
				b.load[lay][1][swap] = func(tile, src []T, off []int, stride int, _ []T, q int) {
					fftLoadGo(tile, src, off, stride, part(stride), q, b.slot, swap)
				}
			}
			if b.store[lay][1][swap] == nil {
				b.store[lay][1][swap] = func(dst []T, off []int, stride int, tile []T, heads []int, q int, scale T) {
					fftStoreGo(dst, off, stride, part(stride), tile, heads, q, scale, b.slot, swap)
				}
			}
		}
	}
	if b.stage[2] == nil {
		b.stage[2] = func(tile, tw []T, q, blocks int) { fftStage2Go(tile, tw, q, blocks, lanes) }
	}
	if b.stage[4] == nil {
		b.stage[4] = func(tile, tw []T, q, blocks int) { fftStage4Go(tile, tw, q, blocks, lanes) }
	}
	for _, r := range []int{3, 5, 7} {
		if b.stage[r] == nil {
			coef := fftOddCoefficients[T](r)
			b.stage[r] = func(tile, tw []T, q, blocks int) {
				var spare [2 * fftMaxRadix]T
				size := r * q * 2 * lanes
				for i := range blocks {
					fftStageOddGo(tile[i*size:(i+1)*size], spare[:], coef, tw, r/2, q, lanes)
				}
			}
		}
	}
	if b.stageOdd == nil {
		b.stageOdd = func(tile, spare, coef, tw []T, half, q int) { fftStageOddGo(tile, spare, coef, tw, half, q, lanes) }
	}
	if b.realOdd == nil {
		b.realOdd = func(tile, src, spare, coef, tw []T, half, q int) {
			fftRealOddGo(tile, src, spare, coef, tw, half, q, lanes)
		}
	}
	if b.realOddInverse == nil {
		b.realOddInverse = func(dst, re, im []T, pos []int, spare, coef, tw []T, half int) {
			fftRealOddInverseGo(dst, re, im, pos, spare, coef, tw, half, lanes)
		}
	}
	if b.arrange == nil {
		b.arrange = func(dst, src []T, pos []int, w []T) { fftArrangeGo(dst, src, pos, w, lanes) }
	}
	if b.negate == nil {
		b.negate = func(part []T, rows []int) { fftNegateGo(part, rows, lanes) }
	}
	if b.tangle == nil {
		b.tangle = func(re, im []T, pos []int, u []T) { fftTangleGo(re, im, pos, u, lanes) }
	}
	if b.product == nil {
		b.product = func(dst, src []T, pos []int, w []T, n int) { fftProductGo(dst, src, pos, w, n, lanes) }
	}
}

// fftLoadGo and fftStoreGo have the parts of an element part reals apart.
func fftLoadGo[T Float](tile, src []T, off []int, stride, part, n int, slot []int, swap int) {
	lanes := len(slot)
	re, im := lanes*swap, lanes*(1-swap)
	for i, s := range slot {
		from, to := off[i], s
		for range n {
			tile[to+re], tile[to+im] = src[from], src[from+part]
			from += stride
			to += 2 * lanes
		}
	}
}

func fftStoreGo[T Float](dst []T, off []int, stride, part int, tile []T, heads []int, q int, scale T, slot []int, swap int) {
	lanes := len(slot)
	re, im := lanes*swap, lanes*(1-swap)
	for i, s := range slot {
		to := off[i]
		for _, from := range heads[:q] {
			dst[to], dst[to+part] = scale*tile[from+s+re], scale*tile[from+s+im]
			to += stride
		}
	}
}

func fftStage2Go[T Float](tile, tw []T, q, blocks, lanes int) {
	row := 2 * lanes
	for b := range blocks {
		for j := range q {
			x := tile[(2*b*q+j)*row:][:row]
			y := tile[(2*b*q+q+j)*row:][:row]
			wr, wi := tw[2*j], tw[2*j+1]
			for re := range lanes {
				im := re + lanes
				dr, di := x[re]-y[re], x[im]-y[im]
				x[re], x[im] = x[re]+y[re], x[im]+y[im]
				y[re], y[im] = wr*dr-wi*di, wr*di+wi*dr
			}
		}
	}
}

func fftStage4Go[T Float](tile, tw []T, q, blocks, lanes int) {
	row := 2 * lanes
	for b := range blocks {
		for j := range q {
			o := (4*b*q + j) * row
			x0, x1 := tile[o:][:row], tile[o+q*row:][:row]
			x2, x3 := tile[o+2*q*row:][:row], tile[o+3*q*row:][:row]
			w := tw[6*j:][:6]
			for re := range lanes {
				im := re + lanes
				ar, ai := x0[re]+x2[re], x0[im]+x2[im]
				br, bi := x0[re]-x2[re], x0[im]-x2[im]
				cr, ci := x1[re]+x3[re], x1[im]+x3[im]
				dr, di := x1[re]-x3[re], x1[im]-x3[im]
				x0[re], x0[im] = ar+cr, ai+ci
				yr, yi := br+di, bi-dr
				x1[re], x1[im] = w[0]*yr-w[1]*yi, w[0]*yi+w[1]*yr
				yr, yi = ar-cr, ai-ci
				x2[re], x2[im] = w[2]*yr-w[3]*yi, w[2]*yi+w[3]*yr
				yr, yi = br-di, bi+dr
				x3[re], x3[im] = w[4]*yr-w[5]*yi, w[4]*yi+w[5]*yr
			}
		}
	}
}

// fftTangleGo goes between the spectrum X of n = 2h reals and the transform Z of
// the h complex numbers x[2j] + i x[2j+1]. Row k is at re[pos[k]] and
// im[pos[k]], in place. For 0 < k < h, with s, d = a ± conj(b) of rows k and h-k,
// row k becomes s + du and row h-k conj(s - du), where u = u[k]. Row 0 of X
// holds the real X[0] and X[h]; its sum and difference are its image.
//
// With u[k] = -i e^{-2πi k/n} it makes 2X of Z (and X of Z in row 0, which is
// doubled to match, by u[0] = 2), with u[k] = i e^{+2πi k/n} the unscaled Z of X
// (u[0] = 1).
func fftTangleGo[T Float](re, im []T, pos []int, u []T, lanes int) {
	f := u[0]
	for l := range lanes {
		a, b := &re[pos[0]+l], &im[pos[0]+l]
		*a, *b = f*(*a+*b), f*(*a-*b)
	}
	for k, m := 1, len(pos)-1; k <= m; k, m = k+1, m-1 {
		ar, ai := re[pos[k]:][:lanes], im[pos[k]:][:lanes]
		br, bi := re[pos[m]:][:lanes], im[pos[m]:][:lanes]
		ur, ui := u[2*k], u[2*k+1]
		for l := range lanes {
			sr, si := ar[l]+br[l], ai[l]-bi[l]
			dr, di := ar[l]-br[l], ai[l]+bi[l]
			tr, ti := dr*ur-di*ui, dr*ui+di*ur
			ar[l], ai[l] = sr+tr, si+ti
			br[l], bi[l] = sr-tr, ti-si
		}
	}
}

// fftTangles returns the factors u for fftTangleGo, forward or inverse.
func fftTangles[T Float](n int, inverse bool) []T {
	u := make([]T, 2*(n/4+1))
	u[0] = 2
	if inverse {
		u[0] = 1
	}
	for k := 1; k <= n/4; k++ {
		re, im := fftTwiddle(k, n)
		u[2*k], u[2*k+1] = T(im), T(-re)
		if inverse {
			u[2*k+1] = T(re)
		}
	}
	return u
}

// fftLineTangles are factors of fftTangles for tangleLines: for each vector of numbers
// from number 1 on their real parts, each twice, and their imaginary parts, each with
// the sign − and +.
func fftLineTangles[T Float](u []T, lanes int) []T {
	u = u[2:]
	tw := fftAligned[T](2 * len(u))
	for i := 0; i < len(u); i += 2 {
		row := tw[i/lanes*2*lanes+i%lanes:]
		row[0], row[1] = u[i], u[i]
		row[lanes], row[lanes+1] = -u[i+1], u[i+1]
	}
	return tw
}

func fftProductGo[T Float](dst, src []T, pos []int, w []T, n, lanes int) {
	for k := range n {
		re, im := src[pos[k]:][:lanes], src[pos[k]+lanes:][:lanes]
		y := dst[2*lanes*k:][:2*lanes]
		wr, wi := w[2*k], w[2*k+1]
		for l := range lanes {
			y[l], y[l+lanes] = re[l]*wi+im[l]*wr, re[l]*wr-im[l]*wi
		}
	}
}

// fftPure returns the body of level PureGo.
func fftPure[T Float]() *fftBody[T] { return fftBodyGo[T](4) }
