package models

// How rows of bands lie while they are worked on.

// rows sets z to n rows of band k: tiles, or rows of whole blocks of numbers.
func (p *bandMoments[T]) rows(worker int, z []T, k, y, n int) {
	w := &p.workers[worker]
	switch {
	case p.tiled:
		for i := 0; i < n; i += p.few {
			p.bands.TileRows(worker, z[2*i*p.w:], p.z, k, y+i)
		}
	case p.tex.Lanes == 1:
		p.bands.Rows(worker, z, p.z, k, y, n)
	default:
		p.bands.Rows(worker, w.pairs, p.z, k, y, n)
		p.tex.Pack(z, w.pairs[:2*n*p.w])
	}
}

// setRows replaces n halved rows by the adjoint of rows applied to z, which it uses up.
func (p *bandMoments[T]) setRows(worker int, z []T, k, y, n int) {
	w := &p.workers[worker]
	switch {
	case p.tiled:
		for i := 0; i < n; i += p.few {
			p.bands.HalveTileRows(p.z, z[2*i*p.w:], k, y+i)
		}
	case p.tex.Lanes == 1:
		p.bands.HalveRows(worker, p.z, z, k, y, n)
	default:
		p.tex.Unpack(w.pairs, z[:2*n*p.w])
		p.bands.HalveRows(worker, p.z, w.pairs, k, y, n)
	}
}

// rowSpectra sets m to the spectra of n rows of magnitudes, which it uses up.
func (p *bandMoments[T]) rowSpectra(w *momentWorker[T], m, x []T, n int) {
	if !p.tiled {
		w.auto.Spectra(m, x, n)
		return
	}
	for i := 0; i < n; i += p.few {
		w.auto.SpectraOfTile(m[i*w.auto.Stride():], x[i*p.w:])
	}
}
