package tensor

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// A header is what an NPY file says of its data.
type header struct {
	kind    kind
	order   binary.ByteOrder
	fortran bool
	shape   []int
	len     int // elements
}

// maxHeader bounds the header: it is an element type and at most MaxRank
// numbers, so that anything longer is no plain array.
const maxHeader = 1 << 16

func readHeader(r io.Reader) (*header, error) {
	text, err := readHeaderText(r)
	if err != nil {
		return nil, err
	}
	p := literal{rest: text}
	descr, fortran, shape, err := p.header()
	if err != nil {
		return nil, fmt.Errorf("header %q: %w", shorten(text), err)
	}
	h := &header{fortran: fortran, shape: shape}
	if h.kind, h.order, err = parseDescr(descr); err != nil {
		return nil, err
	}
	h.len, err = countElements(shape, h.kind.size)
	return h, err
}

func readHeaderText(r io.Reader) (string, error) {
	var pre [8]byte
	if _, err := io.ReadFull(r, pre[:]); err != nil {
		return "", unexpectedEnd(err, "the magic number")
	}
	if string(pre[:6]) != npyMagic {
		return "", fmt.Errorf("begins with %q, not with %q as every .npy file does", pre[:6], npyMagic)
	}
	size := 2
	switch pre[6] {
	case 1:
	case 2, 3:
		size = 4
	default:
		return "", fmt.Errorf("format version %d.%d; versions 1 to 3 can be read", pre[6], pre[7])
	}
	var field [4]byte
	if _, err := io.ReadFull(r, field[:size]); err != nil {
		return "", unexpectedEnd(err, "the length of the header")
	}
	n := binary.LittleEndian.Uint32(field[:])
	if n > maxHeader {
		return "", fmt.Errorf("a header of %d bytes; at most %d are possible", n, maxHeader)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return "", unexpectedEnd(err, "the header")
	}
	return string(text), nil
}

func shorten(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 100 {
		s = s[:100] + "…"
	}
	return s
}

func parseDescr(descr string) (kind, binary.ByteOrder, error) {
	var order binary.ByteOrder = binary.LittleEndian
	code := descr
	if descr != "" {
		switch descr[0] {
		case '>':
			order, code = binary.BigEndian, descr[1:]
		case '<', '|', '=':
			code = descr[1:]
		}
	}
	k, ok := kinds[code]
	if ok {
		return k, order, nil
	}
	if strings.HasPrefix(code, "O") {
		return k, nil, fmt.Errorf("an array of Python objects (descr %q); convert it with a.astype('float64') before saving", descr)
	}
	return k, nil, fmt.Errorf("element type %q cannot be read; float16 to float64, complex64, complex128, integers of 8 to 64 bits and bool can", descr)
}

// countElements multiplies shape; the bytes must fit an int, also when axes of
// size 0 are left out.
func countElements(shape []int, size int) (int, error) {
	if len(shape) > MaxRank {
		return 0, fmt.Errorf("shape %v has %d axes; at most %d are possible", shape, len(shape), MaxRank)
	}
	bytes, n := size, 1
	for _, d := range shape {
		if d > 0 && bytes > math.MaxInt/16/d {
			return 0, fmt.Errorf("shape %v is larger than any memory", shape)
		}
		bytes *= max(d, 1)
		n *= d
	}
	return n, nil
}

// A literal is the unread rest of the header, a Python dictionary with three
// entries in any order.
type literal struct{ rest string }

func (p *literal) skipSpace() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// take removes s from the front and reports whether it was there.
func (p *literal) take(s string) bool {
	p.skipSpace()
	rest, ok := strings.CutPrefix(p.rest, s)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *literal) expect(s string) error {
	if !p.take(s) {
		return fmt.Errorf("%q expected before %q", s, shorten(p.rest))
	}
	return nil
}

func (p *literal) header() (descr string, fortran bool, shape []int, err error) {
	if err = p.expect("{"); err != nil {
		return
	}
	seen := map[string]bool{}
	for !p.take("}") {
		var key string
		if key, err = p.key(seen); err != nil {
			return
		}
		switch key {
		case "descr":
			if p.take("[") {
				err = fmt.Errorf("the array has named fields; save one of them")
				return
			}
			descr, err = p.str()
		case "fortran_order":
			fortran, err = p.boolean()
		case "shape":
			shape, err = p.tuple()
		}
		if err != nil {
			return
		}
		if !p.take(",") {
			if err = p.expect("}"); err != nil {
				return
			}
			break
		}
	}
	p.skipSpace()
	if p.rest != "" {
		err = fmt.Errorf("%q follows after the dictionary", shorten(p.rest))
	} else if len(seen) < 3 {
		err = fmt.Errorf("descr, fortran_order or shape is missing")
	}
	return
}

func (p *literal) key(seen map[string]bool) (string, error) {
	key, err := p.str()
	if err != nil {
		return "", err
	}
	if key != "descr" && key != "fortran_order" && key != "shape" {
		return "", fmt.Errorf("unknown entry %q", key)
	}
	if seen[key] {
		return "", fmt.Errorf("%q occurs twice", key)
	}
	seen[key] = true
	return key, p.expect(":")
}

func (p *literal) str() (string, error) {
	for _, quote := range []string{"'", `"`} {
		if p.take(quote) {
			s, rest, ok := strings.Cut(p.rest, quote)
			if !ok {
				return "", fmt.Errorf("a string does not end")
			}
			p.rest = rest
			return s, nil
		}
	}
	return "", fmt.Errorf("a string expected before %q", shorten(p.rest))
}

func (p *literal) boolean() (bool, error) {
	if p.take("True") {
		return true, nil
	}
	if p.take("False") {
		return false, nil
	}
	return false, fmt.Errorf("no True or False before %q", shorten(p.rest))
}

// tuple reads "()", "(3,)", "(3, 4)"; Python 2 wrote sizes as "3L".
func (p *literal) tuple() ([]int, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	shape := []int{}
	for !p.take(")") {
		n, err := p.size()
		if err != nil {
			return nil, err
		}
		shape = append(shape, n)
		if !p.take(",") {
			return shape, p.expect(")")
		}
	}
	return shape, nil
}

func (p *literal) size() (int, error) {
	p.skipSpace()
	end := 0
	for end < len(p.rest) && (p.rest[end] >= '0' && p.rest[end] <= '9' || end == 0 && p.rest[end] == '-') {
		end++
	}
	n, err := strconv.Atoi(p.rest[:end])
	if err != nil {
		return 0, fmt.Errorf("a size expected before %q", shorten(p.rest))
	}
	if n < 0 {
		return 0, fmt.Errorf("the shape has a negative size, %d", n)
	}
	p.rest = strings.TrimPrefix(p.rest[end:], "L")
	return n, nil
}
