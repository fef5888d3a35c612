//go:build cuda && cgo

package cuda

import (
	"fmt"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// The structs of products.cu and spectrum.cu.
type (
	pair     struct{ a, b, meanA, meanB int16 }
	products struct {
		first, blocks                      int32
		kind, channels, bands, parents     int32
		pixels, width, features, results   int32
		tile, chunk, chunks, slices        int32
		x                                  view
		y, pair, part, counter             uint64
		means, cotangents, moduli, adjoint uint64
	}
	spectrum struct {
		first, blocks        int32
		channels, h, w, fold int32
		turns, _             int32
		n                    int64
		x                    view
		out                  uint64
	}
)

// What the features of products are.
const (
	productsOfBands = iota
	centralPowers
	rawPowers
)

// Chunks of an image's pixels: no smaller than that, no more than so many.
const (
	productsChunk  = 1024
	productsChunks = 128
)

// bandPairs lists the results of band-products of k bands, with parents or without:
// features 0…k−1 are the moduli of bands, then follow those of parents, real parts,
// and both parts of parents of doubled phase.
func bandPairs(k int, parents bool) (list []pair) {
	mean := func(first int) (at int) {
		at = len(list)
		for i := range k {
			list = append(list, pair{int16(first + i), -1, -1, -1})
		}
		return at
	}
	// products of the features from a and from b on: all, or those of the same number
	product := func(a, b int, all bool, meanA, meanB int) {
		for i := range k {
			for j := range k {
				if !all && i != j {
					continue
				}
				q := pair{int16(a + i), int16(b + j), -1, -1}
				if meanA >= 0 {
					q.meanA, q.meanB = int16(meanA+i), int16(meanB+j)
				}
				list = append(list, q)
			}
		}
	}
	own := mean(0)
	product(0, 0, true, own, own)
	if parents {
		q, re, dr, di := k, 2*k, 3*k, 4*k
		parent := mean(q)
		product(0, q, true, own, parent)
		product(q, q, false, parent, parent)
		product(re, dr, true, -1, -1)
		product(re, di, true, -1, -1)
		product(re, re, false, -1, -1)
		product(dr, dr, false, -1, -1)
		product(di, di, false, -1, -1)
	}
	return list
}

// powerPairs are those of v and v²: the means of the first four powers.
var powerPairs = []pair{{0, -1, -1, -1}, {1, -1, -1, -1}, {0, 1, -1, -1}, {1, 1, -1, -1}}

// productsOf describes the bands or maps x.
func productsOf(s *autograd.Step) (p products, pairs []pair) {
	x := s.In[0]
	p.x, p.channels = viewOf(x), int32(x.Dim[1])
	p.pixels, p.width = int32(x.Dim[x.Rank-1]*x.Dim[x.Rank-2]), int32(x.Dim[x.Rank-1])
	if a, ok := s.Attr.(interface{ Bands() int }); ok {
		p.bands = int32(a.Bands())
		p.parents = int32(x.Dim[2]) - p.bands
		p.features = p.bands
		if p.parents > 0 {
			p.features = 5 * p.bands
		}
		pairs = bandPairs(int(p.bands), p.parents > 0)
	} else {
		copy(p.x.stride[3:], p.x.stride[2:4])
		p.bands, p.features, p.kind, pairs = 1, 2, centralPowers, powerPairs
		if s.Op.Name == "power-means" {
			p.kind = rawPowers
		}
	}
	p.results = int32(len(pairs))
	return p, pairs
}

// fit chooses the largest tile with which numbers of size bytes each fit beside fixed
// bytes into shared memory, and returns what a block needs.
func (p *products) fit(d *Device, fixed, size int) (shared int, err error) {
	for p.tile = threads; p.tile >= 32; p.tile /= 2 {
		shared = (fixed + int(p.bands+p.parents)*size + int(p.features*(p.tile+1))*size + 7) &^ 7
		if shared <= 48<<10 {
			return shared, nil
		}
	}
	if p.tile *= 2; shared > d.info.SharedOptIn {
		return 0, fmt.Errorf("cuda: the products of %d bands need %d bytes of shared memory, of %d", p.bands, shared, d.info.SharedOptIn)
	}
	return shared, nil
}

// bindProducts binds band-products, pixel-moments or power-means.
func bindProducts(b *binder, s *autograd.Step) (err error) {
	p, pairs := productsOf(s)
	images := s.In[0].Dim[0] * s.In[0].Dim[1]
	if images == 0 || p.pixels == 0 {
		return fmt.Errorf("cuda: %s of no pixels", s.Op.Name)
	}
	p.y, p.slices = address(s.Out[0]), max(threads/p.results, 1)
	p.chunk = max(productsChunk, (p.pixels+productsChunks-1)/productsChunks)
	p.chunks = int32(blocksOf(int(p.pixels), int(p.chunk)))
	shared, err := p.fit(b.dev, 8*int(p.results*p.slices), s.In[0].DType.Real().Size())
	if err != nil {
		return err
	}
	if p.pair, err = putSlice(b.arena, pairs); err != nil {
		return err
	}
	if p.part, err = b.temporary(8 * images * int(p.chunks*p.results)); err != nil {
		return err
	}
	if p.counter, err = b.counters(images); err != nil {
		return err
	}
	ask(b, b.phase, "band_products_"+suffix(s.In[0].DType), images*int(p.chunks), threads, shared, p)
	return nil
}

// bindProductsAdjoint binds band-products-adjoint.
func bindProductsAdjoint(b *binder, s *autograd.Step) (err error) {
	p, _ := productsOf(s)
	images, size := s.In[0].Dim[0]*s.In[0].Dim[1], s.In[0].DType.Real().Size()
	if s.Out[0].Len() == 0 {
		return nil
	}
	phase := b.phase
	for i, at := range []*uint64{&p.means, &p.cotangents, &p.moduli} {
		t := s.In[1+i]
		if !t.IsContiguous() {
			if t, err = b.copied(t); err != nil {
				return err
			}
			phase = b.phase + 1
		}
		*at = address(t)
	}
	p.adjoint = address(s.Out[0])
	shared, err := p.fit(b.dev, int(p.results)*size, size)
	if err != nil {
		return err
	}
	p.chunks = int32(blocksOf(int(p.pixels), int(p.tile)))
	ask(b, phase, "band_products_adjoint_"+suffix(s.In[0].DType), images*int(p.chunks), threads, shared, p)
	return nil
}

// copied asks for a copy of t in C order.
func (b *binder) copied(t tensor.Tensor) (tensor.Tensor, error) {
	at, err := b.temporary(t.Len() * t.DType.Size())
	if err != nil {
		return t, err
	}
	c := tensor.Wrap(&memory{dev: b.dev, at: at, bytes: t.Len() * t.DType.Size()}, t.Type, 0)
	return c, b.bindGroup(copyStep(c, t))
}

// bindSpectrum binds mirror or fold.
func bindSpectrum(b *binder, s *autograd.Step) error {
	x, out := s.In[0], s.Out[0]
	p := spectrum{channels: int32(x.Dim[1]), h: int32(x.Dim[2]), w: int32(out.Dim[3]), n: int64(out.Len()), x: viewOf(x), out: address(out)}
	p.turns = int32(s.Attr.(interface{ Turns() int }).Turns())
	if s.Op.Name == "fold" {
		p.w, p.fold, p.turns = int32(x.Dim[3]), 1, -p.turns&3
	}
	ask(b, b.phase, "spectrum_"+suffix(x.DType), blocksOf(out.Len(), threads), threads, 0, p)
	return nil
}
