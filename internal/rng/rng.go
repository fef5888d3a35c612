// Package rng is the random number generator of PyTorch on the CPU: the
// Mersenne Twister MT19937 (Matsumoto and Nishimura 1998, ACM TOMACS 8:3–30)
// and the ways in which torch.rand and torch.randn draw from it, so that a seed
// gives the reference's numbers.
package rng

import (
	"encoding/binary"
	"fmt"
	"math"
)

const (
	size   = 624 // words of state
	middle = 397 // distance of the two words that are mixed
)

// A Generator draws numbers. Its zero value must be seeded or restored before
// use.
type Generator struct {
	state  [size]uint32
	next   int // the word that comes next; size: none are left
	second float64
	cached bool // second is the other half of a pair of normals
}

// New returns a Generator seeded as torch.manual_seed does, with the lower 32
// bits of seed. It does not panic.
func New(seed uint64) *Generator {
	g := &Generator{}
	g.Seed(seed)
	return g
}

// Seed starts g again with the lower 32 bits of seed. It does not panic.
func (g *Generator) Seed(seed uint64) {
	x := uint32(seed)
	for i := range g.state {
		if i > 0 {
			x = 1812433253*(x^x>>30) + uint32(i)
		}
		g.state[i] = x
	}
	g.next, g.cached = size, false
}

// refill makes the next size words of state.
func (g *Generator) refill() {
	for i := range g.state {
		x := g.state[i]&0x80000000 | g.state[(i+1)%size]&0x7fffffff
		y := g.state[(i+middle)%size] ^ x>>1
		if x&1 != 0 {
			y ^= 0x9908b0df
		}
		g.state[i] = y
	}
	g.next = 0
}

// Word returns the next 32 random bits. It does not panic.
func (g *Generator) Word() uint32 {
	if g.next >= size {
		g.refill()
	}
	y := g.state[g.next]
	g.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// uniform32 and uniform64 return a number in [0, 1) with 24 and 53 random bits.
func (g *Generator) uniform32() float32 { return float32(g.Word()&(1<<24-1)) / (1 << 24) }

func (g *Generator) uniform64() float64 {
	hi := uint64(g.Word())
	return float64((hi<<32|uint64(g.Word()))&(1<<53-1)) / (1 << 53)
}

// Uniform sets dst to numbers that are uniform in [0, 1), as torch.rand does for
// dst's type. It does not panic.
func Uniform[T float32 | float64](g *Generator, dst []T) {
	switch d := any(dst).(type) {
	case []float32:
		for i := range d {
			d[i] = g.uniform32()
		}
	case []float64:
		for i := range d {
			d[i] = g.uniform64()
		}
	}
}

// block is how many normals are made from as many uniforms at a time.
const block = 16

// Normal sets dst to standard normal numbers, as torch.randn does for dst's type
// (in float32 within rounding: torch's own logarithms and sines are coarser). It
// does not panic.
func Normal[T float32 | float64](g *Generator, dst []T) {
	if len(dst) < block {
		for i := range dst {
			dst[i] = T(g.normal())
		}
		return
	}
	Uniform(g, dst)
	for i := 0; i+block <= len(dst); i += block {
		boxMuller(dst[i : i+block])
	}
	if tail := dst[len(dst)-block:]; len(dst)%block != 0 {
		Uniform(g, tail)
		boxMuller(tail)
	}
}

// boxMuller makes normals of a block of uniforms (Box and Muller 1958, Ann. Math.
// Stat. 29:610–611).
func boxMuller[T float32 | float64](x []T) {
	const half = block / 2
	for j := range half {
		r := math.Sqrt(-2 * math.Log(float64(1-x[j])))
		sin, cos := math.Sincos(2 * math.Pi * float64(x[j+half]))
		x[j], x[j+half] = T(r*cos), T(r*sin)
	}
}

// normal returns one half of a pair of normals and keeps the other.
func (g *Generator) normal() float64 {
	if g.cached {
		g.cached = false
		return g.second
	}
	u, v := g.uniform64(), g.uniform64()
	r := math.Sqrt(-2 * math.Log1p(-v))
	sin, cos := math.Sincos(2 * math.Pi * u)
	g.second, g.cached = r*sin, true
	return r * cos
}

// stateBytes is the length of a saved state.
const stateBytes = 4*size + 4 + 8 + 1

// MarshalBinary returns the state of g. It does not err.
func (g *Generator) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, stateBytes)
	for _, w := range g.state {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(g.next))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(g.second))
	if g.cached {
		return append(b, 1), nil
	}
	return append(b, 0), nil
}

// UnmarshalBinary restores a state that MarshalBinary returned. It errs, and
// leaves g as it is, if b is none.
func (g *Generator) UnmarshalBinary(b []byte) error {
	if len(b) != stateBytes {
		return fmt.Errorf("rng: a state has %d bytes, not %d", stateBytes, len(b))
	}
	next := binary.LittleEndian.Uint32(b[4*size:])
	if next > size || b[stateBytes-1] > 1 {
		return fmt.Errorf("rng: these %d bytes are not the state of a generator", stateBytes)
	}
	for i := range g.state {
		g.state[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	g.next = int(next)
	g.second = math.Float64frombits(binary.LittleEndian.Uint64(b[4*size+4:]))
	g.cached = b[stateBytes-1] == 1
	return nil
}
