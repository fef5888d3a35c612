package kernels

// As many rows as there are lanes, transformed side by side, need not be transposed
// where the order of pixels does not matter: pixels of one column are next to each
// other, as in a tile.

// Lanes is how many rows TileRows makes; 0 if it cannot for these sizes.
func (p *FFTBands[T]) Lanes() int {
	if p.plain != nil || p.h%p.body.lanes > 0 || !p.rows.inPlace() {
		return 0
	}
	return p.body.lanes
}

// inPlace reports whether a transformed tile takes no more room than its rows.
func (l *fftLine[T]) inPlace() bool { return l.rows() == l.n && l.tail == nil && len(l.stages) > 0 }

// TileRows sets dst to Lanes rows of band k, from y on, given the halved bands z, in
// blocks: of each column real and imaginary parts of its pixels. It has as many rows
// after them brought near. It panics if a slice is too short.
func (p *FFTBands[T]) TileRows(worker int, dst, z []T, k, y int) {
	w, l := &p.workers[worker], p.rows
	p.gather(w.tile, z, k, y)
	l.finish(w.tile, dst, fftAtStart, 2*p.body.lanes, fftTiles, true, 0, l.n, 1)
	p.nextRows(z, k, y+p.body.lanes, p.body.lanes)
}

// gather sets a tile to as many rows as there are lanes.
func (p *FFTBands[T]) gather(tile, z []T, k, y int) {
	lanes := p.body.lanes
	block, at := 2*lanes*lanes, 0
	load := p.body.loader(fftRows, 1, true, lanes)
	for i, r := range p.runs[k] {
		clear(tile[at*block : r.tile*block])
		load(tile[r.tile*block:], z[p.piece(k, i, y):], p.offs[k], 2, nil, r.n*lanes)
		at = r.tile + r.n
	}
	clear(tile[at*block : p.w/lanes*block])
}

// HalveTileRows sets the Lanes rows from y on of the halved band k in z to the adjoint of
// TileRows applied to src, which it overwrites. It panics if a slice is too short.
func (p *FFTBands[T]) HalveTileRows(z, src []T, k, y int) {
	p.rows.transform(src, 0, len(p.rows.stages))
	p.scatter(z, src, k, y)
}

// scatter stores a transformed tile.
func (p *FFTBands[T]) scatter(z, tile []T, k, y int) {
	lanes := p.body.lanes
	store := p.body.storer(fftRows, 1, p.rows.tail != nil, lanes)
	for i, r := range p.runs[k] {
		store(z[p.piece(k, i, y):], p.offs[k], 2, tile, p.rows.pos[r.tile*lanes:], r.n*lanes, 1)
	}
}
