package optim

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// Ops lists the ops of L-BFGS. Each works on every image by itself. Those with
// an argument search do nothing, and leave the result as it is, for an image
// that asks for no new direction. Those whose first argument is a history or the
// gradients write over it, a row of each image: one that nobody needs.
//
// In their arguments N counts images, P the elements of one, K the slots of
// gradients, R the rows of the history. One row is in work: it holds the
// direction d. A pair is a step τ·d, whose row of s holds d and whose row of
// pairs holds τ and the curvature yᵀs, and the change y of the gradient.
//
// Rows lie in M blocks of B elements, the last of which may have more than there
// are: (N, M, R, B), so that whoever goes through one block of all rows reads
// memory in its order.
var Ops = []*autograd.Op{opWolfe, opInWork, opMeasure, opMoved, opKeep, opSecant, opCurvature, opRing, opTwoLoop, opProducts, opAlphas, opDescend,
	opOverlaps, opShares, opDirection, opSlope, opChange, opShells, opHartley}

// historyBlock is how many elements of a row are in a block: what a hundred pairs have of
// one stays in the second-level cache until it is read again.
const historyBlock = 1024

// history returns the zeros that a history of images of the given size begins with.
func history(d tensor.DType, images, rows, size int) tensor.Tensor {
	blocks := max(1, (size+historyBlock-1)/historyBlock)
	return zeros(d, images, blocks, rows, min(size, historyBlock))
}

// ring is where the history of one image stands: a row of the Var "lbfgs.ring".
type ring struct {
	Slot      float64 // the row of the direction
	Count     float64 // pairs that are kept, in the rows before it
	Gamma     float64 // scale of the initial inverse Hessian
	Pair      float64 // the row of the pair added in this tick, or −1
	Tau       float64 // its τ
	Curvature float64 // its yᵀs
}

const ringColumns = int(unsafe.Sizeof(ring{}) / 8)

// smallestCurvature is what a pair must exceed to be kept.
const smallestCurvature = 1e-10

// push adds the pair that the search asks for, if its curvature is positive, to a
// history of the given rows; yd = yᵀd and yy = yᵀy.
func (r *ring) push(s *search, yd, yy float64, rows int) {
	r.Pair = -1
	if s.Total == 1 {
		r.Count, r.Gamma = 0, 1
		return
	}
	r.Tau, r.Curvature = s.Taken, s.Taken*yd
	if !(r.Curvature > smallestCurvature) {
		return
	}
	r.Pair, r.Gamma = r.Slot, r.Curvature/yy
	r.Slot = float64((int(r.Slot) + 1) % rows)
	r.Count = math.Min(r.Count+1, float64(rows-1))
}

// work returns the row in work.
func (r *ring) work(rows int) int { return r.row(-1, rows) }

// row returns the row of the pair of the given age, 0 being the newest.
func (r *ring) row(age, rows int) int {
	i := int(r.Slot) - 1 - age
	if 0 <= i && i < rows {
		return i // without dividing
	}
	return (i%rows + rows) % rows
}

// age returns how many pairs there are.
func (r *ring) count(rows int) int { return max(0, min(int(r.Count), rows-1)) }

// vector is a row of numbers in a Tensor; in blocks, jump apart, if block is not 0.
type vector struct {
	t           *tensor.Tensor
	off, stride int
	block, jump int
}

// vectorOf returns the last axis of t at the given index of the others.
func vectorOf(t *tensor.Tensor, index ...int) vector {
	v := vector{t: t, stride: t.Stride[len(index)]}
	for a, i := range index {
		v.off += i * t.Stride[a]
	}
	return v
}

// rowOf returns row i of the history t of image n.
func rowOf(t *tensor.Tensor, n, i int) vector {
	return vector{t, n*t.Stride[0] + i*t.Stride[2], t.Stride[3], t.Dim[3], t.Stride[1]}
}

// place returns where element i lies.
func (v vector) place(i int) int {
	if v.block == 0 {
		return v.off + i*v.stride
	}
	return v.off + i/v.block*v.jump + i%v.block*v.stride
}

func (v vector) at(i int) float64 { return v.t.LoadReal(v.place(i)) }

func (v vector) set(i int, x float64) { v.t.StoreReal(v.place(i), x) }

func (v vector) store(x []float64) {
	for i := range x {
		v.set(i, x[i])
	}
}

// dotOf returns the inner product of the first n elements.
func dotOf(x, y vector, n int) float64 {
	sum := 0.
	for i := range n {
		sum += x.at(i) * y.at(i)
	}
	return sum
}

func load(dst []float64, v vector) {
	for i := range dst {
		dst[i] = v.at(i)
	}
}

// asRow returns s as the row it is stored in.
func (s *search) asRow() []float64 { return (*[searchColumns]float64)(unsafe.Pointer(s))[:] }

func (r *ring) asRow() []float64 { return (*[ringColumns]float64)(unsafe.Pointer(r))[:] }

func (e *evaluated) asRow() []float64 {
	return (*[evaluationColumns + measureColumns]float64)(unsafe.Pointer(e))[:]
}

// searchOf and ringOf read the rows of image n.
func searchOf(t *tensor.Tensor, n int) (s search) {
	load(s.asRow(), vectorOf(t, n))
	return s
}

func ringOf(t *tensor.Tensor, n int) (r ring) {
	load(r.asRow(), vectorOf(t, n))
	return r
}

// gradientIn returns the gradient in a slot.
func gradientIn(slots *tensor.Tensor, slot float64, n int) vector {
	return vectorOf(slots, n, slotNumber(slot))
}

// kept makes out the first argument of an op that writes a row of it, if it is not
// that already.
func kept(out, in tensor.Tensor) tensor.Tensor {
	if out != in {
		tensor.Copy(out, in)
	}
	return out
}

// The columns of the arguments of wolfe after the search: those of evaluated, up
// to and with Stage, then those of measure.
const (
	evaluationColumns = 7 + Asides
	measureColumns    = 5
)

var opWolfe = rowOp(autograd.Op{
	Name: "wolfe", Doc: "a transition of the strong Wolfe line search and of the L-BFGS iteration around it",
	Eval: func(attr any, out tensor.Tensor, in []tensor.Tensor) {
		w := attr.(wolfe)
		for n := range out.Dim[0] {
			s, e := searchOf(&in[0], n), evaluated{}
			load(e.asRow()[:evaluationColumns], vectorOf(&in[1], n))
			load(e.asRow()[evaluationColumns:], vectorOf(&in[2], n))
			w.tick(&s, &e)
			vectorOf(&out, n).store(s.asRow())
		}
	},
}, wolfe{10, 10, 1e-7, 1e-9, false, false}, searchRow, searchRow, "=N9", "=N5")

// opMeasure reads the gradient and the direction of a trial.
var opMeasure = rowOp(autograd.Op{
	Name: "lbfgs-measure", Doc: "(Σxy, Σ|x|, max|x|, Σx², max|y|)",
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		for n := range out.Dim[0] {
			m := [measureColumns]float64{}
			x, y := vectorOf(&in[0], n), vectorOf(&in[1], n)
			for i := range in[0].Dim[1] {
				a, b := x.at(i), y.at(i)
				m[0], m[1], m[3] = m[0]+a*b, m[1]+math.Abs(a), m[3]+a*a
				m[2], m[4] = math.Max(m[2], math.Abs(a)), math.Max(m[4], math.Abs(b))
			}
			vectorOf(&out, n).store(m[:])
		}
	},
	CPU: bindMeasure,
}, nil, "=N5", "xNP", "xNP")

// eachActive calls f for the images whose search asks for a direction.
func eachActive(searches *tensor.Tensor, f func(n int, s search)) {
	for n := range searches.Dim[0] {
		if s := searchOf(searches, n); s.Active != 0 {
			f(n, s)
		}
	}
}

// inWork is the attribute of opInWork: the type of the result, and P.
type inWork struct {
	dtype tensor.DType
	size  int
}

var opInWork = rowOp(autograd.Op{
	Name: "lbfgs-in-work", Doc: "the direction: the row of the history that is in work",
	Type: func(attr any, in []tensor.Type) (tensor.Type, error) {
		a := attr.(inWork)
		if _, _, err := sizes(in, []rowType{pairsRow, ringRow}); err != nil || in[0].Dim[1]*in[0].Dim[3] < a.size {
			return tensor.Type{}, errors.Join(err, fmt.Errorf("a history of images of %d elements expected", a.size))
		}
		return tensor.MakeType(a.dtype, in[0].Dim[0], a.size), nil
	},
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		for n := range out.Dim[0] {
			r := ringOf(&in[1], n)
			d, to := rowOf(&in[0], n, r.work(in[0].Dim[2])), vectorOf(&out, n)
			for i := range out.Dim[1] {
				to.set(i, d.at(i))
			}
		}
	},
	CPU: bindInWork,
}, inWork{tensor.Float64, 5}, "", pairsRow, ringRow)

// opKeep, like opSecant, is linear in the gradients, but nobody differentiates it.
var opKeep = rowOp(autograd.Op{
	Name: "lbfgs-keep", Doc: "the gradients, with that of this tick in its slot",
	InPlace: true, RowAxis: 1,
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		kept(out, in[0])
		for n := range out.Dim[0] {
			if s := searchOf(&in[2], n); s.Written >= 0 {
				to, g := gradientIn(&out, s.Written, n), vectorOf(&in[1], n)
				for i := range out.Dim[2] {
					to.set(i, g.at(i))
				}
			}
		}
	},
	CPU: bindKeep,
}, nil, slotsRow, slotsRow, "xNP", searchRow)

var opSecant = rowOp(autograd.Op{
	Name: "lbfgs-secant", Doc: "the changes of the gradient, with y, that between the last two points, in the row in work",
	InPlace: true, RowAxis: 2,
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		kept(out, in[0])
		eachActive(&in[3], func(n int, s search) {
			r := ringOf(&in[2], n)
			y, now, before := rowOf(&out, n, r.work(out.Dim[2])), gradientIn(&in[1], s.At, n), gradientIn(&in[1], s.Before, n)
			for i := range in[1].Dim[2] {
				y.set(i, now.at(i)-before.at(i))
			}
		})
	},
	CPU: bindSecant,
}, nil, pairsRow, pairsRow, slotsRow, ringRow, searchRow)

// opCurvature reads the rows in work to their ends, where there are zeros.
var opCurvature = rowOp(autograd.Op{
	Name: "lbfgs-curvature", Doc: "(yᵀd, yᵀy) of the rows in work",
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		size := in[0].Dim[1] * in[0].Dim[3]
		eachActive(&in[3], func(n int, _ search) {
			r := ringOf(&in[2], n)
			i := r.work(in[0].Dim[2])
			y, d := rowOf(&in[0], n, i), rowOf(&in[1], n, i)
			vectorOf(&out, n).store([]float64{dotOf(y, d, size), dotOf(y, y, size)})
		})
	},
	CPU: bindCurvature,
}, nil, "=N2", pairsRow, pairsRow, ringRow, searchRow)

var opRing = rowOp(autograd.Op{
	Name: "lbfgs-ring", Doc: "the history with the new pair, given (yᵀd, yᵀy)",
	Eval: func(attr any, out tensor.Tensor, in []tensor.Tensor) {
		for n := range out.Dim[0] {
			r, s := ringOf(&in[0], n), searchOf(&in[2], n)
			r.Pair = -1
			if m := vectorOf(&in[1], n); s.Active != 0 {
				r.push(&s, m.at(0), m.at(1), attr.(int))
			}
			vectorOf(&out, n).store(r.asRow())
		}
	},
}, 4, ringRow, ringRow, "=N2", searchRow)

// pairOf returns τ and the curvature of row i.
func pairOf(pairs *tensor.Tensor, r *ring, n, i int) (tau, ys float64) {
	if float64(i) == r.Pair {
		return r.Tau, r.Curvature
	}
	v := vectorOf(pairs, n, i)
	return v.at(0), v.at(1)
}

// opMoved has two searches as arguments: those before and after this tick.
var opMoved = rowOp(autograd.Op{
	Name: "lbfgs-moved", Doc: "what the iteration added to x, with the Move·d of this tick, given what it had added, and d",
	InPlace: true,
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		kept(out, in[0])
		for n := range out.Dim[0] {
			before, s := searchOf(&in[2], n), searchOf(&in[3], n)
			moved, d := vectorOf(&out, n), vectorOf(&in[1], n)
			for i := range out.Dim[1] {
				had := moved.at(i)
				if before.Began != 0 {
					had = 0
				}
				moved.set(i, had+s.Move*d.at(i))
			}
		}
	},
	CPU: bindMoved,
}, nil, "hNP", "hNP", "xNP", searchRow, searchRow)

var opChange = rowOp(autograd.Op{
	Name: "lbfgs-change", Doc: "L2 norm of what the iteration that ends in this tick added to x; else 0",
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		for n := range out.Dim[0] {
			if out.StoreReal(n, 0); searchOf(&in[1], n).Ended != 0 {
				v := vectorOf(&in[0], n)
				out.StoreReal(n, math.Sqrt(dotOf(v, v, in[0].Dim[1])))
			}
		}
	},
	CPU: bindChange,
}, nil, "=N", "hNP", searchRow)
