package images

import (
	"encoding/binary"
	"fmt"
	"image"
	"io"
	"math/bits"
	"sort"
)

// This file writes lossless WebP (RFC 9649, section 3: VP8L): green is subtracted
// from red and blue, pixels are predicted from their neighbours, and what is left
// is coded by prefix codes.

// maxWebP is the largest height and width that the format has.
const maxWebP = 1 << 14

// pixel has the channels in the order of the format.
type pixel [4]uint8

const (
	green = iota
	red
	blue
	alpha
)

// writeWebP writes m, of 8 bits and at most maxWebP rows and columns, as it is.
func writeWebP(w io.Writer, m image.Image) error {
	size := m.Bounds().Size()
	x := residuals(pixelsOf(m), size.X, size.Y)
	b := &bitWriter{}
	b.write(0x2f, 8)
	b.write(uint(size.X-1), 14)
	b.write(uint(size.Y-1), 14)
	b.write(0, 1+3)         // no transparency; version
	b.write(1|2<<1, 3)      // transform: subtract green
	b.write(1|0<<1, 3)      // transform: predict
	b.write(blockBits-2, 3) // by blocks
	b.write(0, 1)           // whose modes have no colour cache
	x.modes.write(b)
	b.write(0, 1+1+1) // no more transforms, no colour cache, one group of codes
	x.rest.write(b)
	return b.wrap(w)
}

// pixelsOf returns the pixels of an opaque m, red and blue without green.
func pixelsOf(m image.Image) []pixel {
	r := m.Bounds()
	list := make([]pixel, 0, r.Dx()*r.Dy())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			cr, cg, cb, _ := m.At(x, y).RGBA()
			g := uint8(cg >> 8)
			list = append(list, pixel{g, uint8(cr>>8) - g, uint8(cb>>8) - g, 255})
		}
	}
	return list
}

// plane is a list of pixels to be coded.
type plane []pixel

// predicted is an image as differences from predictions, and how these were made.
type predicted struct{ modes, rest plane }

const blockBits = 5

// predictors are those of the format that are tried, by their number there, given
// the pixels on the left, above, and above on the left.
var predictors = []struct {
	mode    uint8
	predict func(l, t, tl pixel) pixel
}{
	{1, func(l, _, _ pixel) pixel { return l }},
	{2, func(_, t, _ pixel) pixel { return t }},
	{7, func(l, t, _ pixel) (p pixel) {
		for c := range p {
			p[c] = uint8((int(l[c]) + int(t[c])) / 2)
		}
		return p
	}},
	{11, func(l, t, tl pixel) pixel {
		fromL, fromT := 0, 0
		for c := range tl {
			fromL += abs(int(t[c]) - int(tl[c]))
			fromT += abs(int(l[c]) - int(tl[c]))
		}
		if fromL < fromT {
			return l
		}
		return t
	}},
	{12, func(l, t, tl pixel) (p pixel) {
		for c := range p {
			p[c] = uint8(min(max(int(l[c])+int(t[c])-int(tl[c]), 0), 255))
		}
		return p
	}},
}

func abs(x int) int { return max(x, -x) }

// residuals predicts the pixels of each block in the way that leaves least.
func residuals(x []pixel, w, h int) predicted {
	const side = 1 << blockBits
	p := predicted{rest: make(plane, len(x))}
	for top := 0; top < h; top += side {
		for left := 0; left < w; left += side {
			least, best := 0, 0
			for i := range predictors {
				if cost := p.block(x, w, h, top, left, i); i == 0 || cost < least {
					least, best = cost, i
				}
			}
			p.block(x, w, h, top, left, best)
			p.modes = append(p.modes, pixel{green: predictors[best].mode, alpha: 255})
		}
	}
	return p
}

// block stores what predictor i leaves of a block and returns how much that is.
func (p *predicted) block(x []pixel, w, h, top, left, i int) (cost int) {
	for y := top; y < min(top+1<<blockBits, h); y++ {
		for c := left; c < min(left+1<<blockBits, w); c++ {
			at := y*w + c
			guess := pixel{alpha: 255}
			switch {
			case y > 0 && c > 0:
				guess = predictors[i].predict(x[at-1], x[at-w], x[at-w-1])
			case y > 0:
				guess = x[at-w]
			case c > 0:
				guess = x[at-1]
			}
			for k, v := range x[at] {
				d := v - guess[k]
				p.rest[at][k] = d
				cost += abs(int(int8(d)))
			}
		}
	}
	return cost
}

// alphabets are the numbers of symbols: those of green also say lengths of copies,
// and the last is that of their distances, of which there are none here.
var alphabets = [5]int{256 + 24, 256, 256, 256, 40}

// write writes p with the codes of its channels.
func (p plane) write(b *bitWriter) {
	if len(p) == 0 {
		return
	}
	var codes [4]prefixCode
	for c, symbols := range alphabets {
		counts := make([]int, symbols)
		if c < len(codes) {
			for _, px := range p {
				counts[px[c]]++
			}
			codes[c] = newPrefixCode(counts, 15)
			codes[c].write(b)
			continue
		}
		newPrefixCode(counts, 15).write(b)
	}
	for _, px := range p {
		for c := range codes {
			codes[c].put(b, int(px[c]))
		}
	}
}

// prefixCode is a canonical Huffman code.
type prefixCode struct {
	length []uint8 // of each symbol's code, 0 where it does not occur
	code   []uint  // its bits, the first the lowest
	used   []int   // symbols that occur, at least one
}

// newPrefixCode returns the code for symbols that occur so often, with at most
// limit bits.
func newPrefixCode(counts []int, limit uint8) prefixCode {
	c := prefixCode{length: make([]uint8, len(counts)), code: make([]uint, len(counts))}
	for s, n := range counts {
		if n > 0 {
			c.used = append(c.used, s)
		}
	}
	if len(c.used) == 0 {
		c.used = []int{0}
	}
	if len(c.used) > 1 {
		for flat := 0; ; flat++ { // rare symbols are counted as less rare until all fit
			if c.measure(counts, flat) <= limit {
				break
			}
		}
	}
	next := uint(0)
	for l := uint8(1); l <= limit; l++ {
		next <<= 1
		for _, s := range c.used {
			if c.length[s] == l {
				c.code[s] = bits.Reverse(next) >> (bits.UintSize - uint(l))
				next++
			}
		}
	}
	return c
}

// measure finds lengths by Huffman's algorithm and returns the largest. Counts
// below 2^flat, if that is not 1, are taken as that.
func (c *prefixCode) measure(counts []int, flat int) uint8 {
	type tree struct {
		count  int
		leaves []int
	}
	var list []tree
	for _, s := range c.used {
		c.length[s] = 0
		list = append(list, tree{max(counts[s], 1<<flat), []int{s}})
	}
	longest := uint8(0)
	for len(list) > 1 {
		sort.SliceStable(list, func(i, j int) bool { return list[i].count < list[j].count })
		both := append(append([]int(nil), list[0].leaves...), list[1].leaves...)
		for _, s := range both {
			c.length[s]++
			longest = max(longest, c.length[s])
		}
		list = append(list[2:], tree{list[0].count + list[1].count, both})
	}
	return longest
}

// put writes a symbol. Where there is only one it takes no bits.
func (c *prefixCode) put(b *bitWriter, symbol int) {
	b.write(c.code[symbol], uint(c.length[symbol]))
}

// lengthOrder is that in which the lengths of the code of lengths are written.
var lengthOrder = [19]int{17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// write writes the code itself.
func (c prefixCode) write(b *bitWriter) {
	if len(c.used) == 1 && c.used[0] < 256 {
		b.write(1, 2) // simple, one symbol
		b.write(1, 1) // of 8 bits
		b.write(uint(c.used[0]), 8)
		return
	}
	b.write(0, 1)
	counts := make([]int, len(lengthOrder))
	runs := c.runs()
	for _, r := range runs {
		counts[r.symbol]++
	}
	of := newPrefixCode(counts, 7)
	if len(of.used) == 1 {
		of.length[of.used[0]] = 1
	}
	b.write(uint(len(lengthOrder)-4), 4)
	for _, s := range lengthOrder {
		b.write(uint(of.length[s]), 3)
	}
	if len(of.used) == 1 {
		of.length[of.used[0]] = 0
	}
	b.write(0, 1) // lengths of all symbols follow
	for _, r := range runs {
		of.put(b, r.symbol)
		b.write(r.extra, r.bits)
	}
}

// run is a symbol of the code of lengths: a length, or 18 for many zeros.
type run struct {
	symbol int
	extra  uint
	bits   uint
}

// runs returns the lengths with zeros in runs.
func (c prefixCode) runs() (list []run) {
	for i := 0; i < len(c.length); {
		zeros := 0
		for zeros < 138 && i+zeros < len(c.length) && c.length[i+zeros] == 0 {
			zeros++
		}
		if zeros >= 11 {
			list = append(list, run{18, uint(zeros - 11), 7})
			i += zeros
			continue
		}
		list = append(list, run{symbol: int(c.length[i])})
		i++
	}
	return list
}

// bitWriter collects bits, the lowest of a byte first.
type bitWriter struct {
	out  []byte
	hold uint64
	n    uint
}

func (b *bitWriter) write(v, n uint) {
	b.hold |= uint64(v) << b.n
	for b.n += n; b.n >= 8; b.n -= 8 {
		b.out = append(b.out, byte(b.hold))
		b.hold >>= 8
	}
}

// wrap writes the bits as a WebP file.
func (b *bitWriter) wrap(w io.Writer) error {
	b.write(0, (8-b.n)%8)
	size := len(b.out)
	if size%2 == 1 {
		b.out = append(b.out, 0)
	}
	head := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(12+len(b.out)))
	head = binary.LittleEndian.AppendUint32(append(head, "WEBPVP8L"...), uint32(size))
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := w.Write(b.out)
	return err
}

// EncodeWebP writes m as a lossless WebP file: 8 bits, opaque. It errs if m has
// more than 2¹⁴ rows or columns, or none, or if w does.
func EncodeWebP(w io.Writer, m image.Image) error {
	if s := m.Bounds().Size(); s.X < 1 || s.Y < 1 || s.X > maxWebP || s.Y > maxWebP {
		return fmt.Errorf("images: %d×%d pixels; WebP holds 1 to %d in each direction", s.X, s.Y, maxWebP)
	}
	return writeWebP(w, m)
}
