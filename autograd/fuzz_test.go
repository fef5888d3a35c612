package autograd_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/autograd/optest"
	"github.com/percept-go/percept/tensor"
)

// elements returns the elements of x in C order.
func elements(x tensor.Tensor) []complex128 {
	c := tensor.New(tensor.Complex128, x.Shape()...)
	tensor.Copy(c, x)
	return tensor.Slice[complex128](c)
}

// sameBits reports whether x and y are equal bit by bit, but that any NaN
// equals any other.
func sameBits(x, y tensor.Tensor) bool {
	return x.Type == y.Type && slices.EqualFunc(elements(x), elements(y), func(a, b complex128) bool {
		return sameFloat(real(a), real(b)) && sameFloat(imag(a), imag(b))
	})
}

func sameFloat(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
}

// form is a way to compile; byHand, the updates are made by the test.
type form struct {
	passes autograd.Passes
	byHand bool
}

// forms are the ways that must agree bit by bit, by backend.
var forms = []struct {
	backend func() autograd.Backend
	forms   []form
}{
	{func() autograd.Backend { return autograd.CPU{Threads: 1} }, []form{
		{},
		{passes: autograd.Passes{NoHoist: true, NoFuse: true, NoPlan: true}, byHand: true},
		{passes: autograd.Passes{NoFuse: true}},
		{passes: autograd.Passes{NoHoist: true, NoPlan: true}},
		{passes: autograd.Passes{Parts: 2}},
	}},
	{func() autograd.Backend { return autograd.CPU{Threads: 2} }, []form{
		{},
		{passes: autograd.Passes{Parts: 2}},
		{passes: autograd.Passes{Parts: 2, NoFuse: true}},
	}},
	{func() autograd.Backend { return &optest.Device{} }, []form{{}, {passes: autograd.Passes{NoHoist: true, NoFuse: true, NoPlan: true}}}},
}

// disagreement returns how the forms of one graph differ, or "".
func disagreement(decisions []byte) string {
	for _, b := range forms {
		var want []entry
		for i, f := range b.forms {
			got, err := replay(b.backend(), f, decisions)
			if err != nil {
				return fmt.Sprintf("%T %+v: %v", b.backend(), f, err)
			}
			if i == 0 {
				want = got
			}
			for k := range want {
				if !sameBits(got[k].x, want[k].x) {
					return fmt.Sprintf("%T %+v: %v\nwith all passes: %v", b.backend(), f, got[k], want[k])
				}
			}
		}
	}
	return ""
}

// shrink removes decisions as long as the forms still disagree.
func shrink(decisions []byte) []byte {
	for size := len(decisions) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(decisions); {
			less := slices.Concat(decisions[:at], decisions[at+size:])
			if disagreement(less) != "" {
				decisions = less
			} else {
				at += size
			}
		}
	}
	return decisions
}

func checkGraph(t *testing.T, decisions []byte) {
	t.Helper()
	if disagreement(decisions) == "" {
		return
	}
	least := shrink(decisions)
	t.Fatalf("the decisions %s give graphs that differ:\n%s", hex.EncodeToString(least), disagreement(least))
}

// decisionsOf returns the decisions of a seed.
func decisionsOf(seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 99))
	b := make([]byte, 160)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestRandomGraphs(t *testing.T) {
	graphs := 300
	if testing.Short() {
		graphs = 60
	}
	for seed := range graphs {
		checkGraph(t, decisionsOf(uint64(seed)))
	}
}

// FuzzGraph looks for graphs whose forms differ. The test shrinks them by
// itself: run it with -fuzzminimizetime 1x.
func FuzzGraph(f *testing.F) {
	for seed := range 4 {
		f.Add(decisionsOf(uint64(seed)))
	}
	f.Fuzz(func(t *testing.T, decisions []byte) {
		if len(decisions) > 1000 {
			t.Skip("longer graphs find no more and take long")
		}
		checkGraph(t, decisions)
	})
}
