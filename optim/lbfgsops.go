package optim

import (
	"math"
	"unsafe"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// Ops lists the ops of L-BFGS. Each works on every image by itself. Those with
// an argument search do nothing, and leave the result as it is, for an image
// that asks for no new direction.
//
// In their arguments N counts images, P the elements of one, K the slots of
// gradients, R the rows of the history. One row is in work: it holds the
// direction d. A pair is a step τ·d, whose row of s holds d and whose row of
// pairs holds τ and the curvature yᵀs, and the change y of the gradient.
var Ops = []*autograd.Op{opWolfe, opMeasure, opSecant, opRing, opTwoLoop, opProducts, opAlphas, opDescend, opOverlaps, opShares,
	opDirection, opSlope, opChange, opShells}

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

// row returns the row of the pair of the given age, 0 being the newest.
func (r *ring) row(age, rows int) int { return ((int(r.Slot)-1-age)%rows + rows) % rows }

// age returns how many pairs there are.
func (r *ring) count(rows int) int { return max(0, min(int(r.Count), rows-1)) }

// vector is a row of numbers in a Tensor.
type vector struct {
	t           *tensor.Tensor
	off, stride int
}

// vectorOf returns the last axis of t at the given index of the others.
func vectorOf(t *tensor.Tensor, index ...int) vector {
	v := vector{t: t, stride: t.Stride[len(index)]}
	for a, i := range index {
		v.off += i * t.Stride[a]
	}
	return v
}

func (v vector) at(i int) float64 { return v.t.LoadReal(v.off + i*v.stride) }

func (v vector) set(i int, x float64) { v.t.StoreReal(v.off+i*v.stride, x) }

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

// accepted returns the gradient at x: that of this tick, or one in a slot.
func accepted(g, slots *tensor.Tensor, s *search, n int) vector {
	if s.At == s.Written {
		return vectorOf(g, n)
	}
	return vectorOf(slots, n, slotNumber(s.At))
}

// changes returns the vector y of row i: the new one, or one of the history.
func changes(history, y *tensor.Tensor, r *ring, n, i int) vector {
	if float64(i) == r.Pair {
		return vectorOf(y, n)
	}
	return vectorOf(history, n, i)
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

// opSecant is linear in the gradients, but nobody differentiates it.
var opSecant = rowOp(autograd.Op{
	Name: "lbfgs-secant", Doc: "y: the change of the gradient between the last two points",
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		eachActive(&in[2], func(n int, s search) {
			y, now, before := vectorOf(&out, n), accepted(&in[0], &in[1], &s, n), vectorOf(&in[1], n, slotNumber(s.Before))
			for i := range out.Dim[1] {
				y.set(i, now.at(i)-before.at(i))
			}
		})
	},
	CPU: bindSecant,
}, tensor.Float64, "aNP", "xNP", slotsRow, searchRow)

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

// opTwoLoop is algorithm 7.4 of Nocedal and Wright.
var opTwoLoop = rowOp(autograd.Op{
	Name: "lbfgs-two-loop", Doc: "the direction −H·g, by the two-loop recursion",
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		size, rows := out.Dim[1], in[3].Dim[1]
		alpha := make([]float64, rows)
		eachActive(&in[2], func(n int, s search) {
			r, q, g := ringOf(&in[6], n), vectorOf(&out, n), accepted(&in[0], &in[1], &s, n)
			for i := range size {
				q.set(i, -g.at(i))
			}
			add := func(c float64, v vector) {
				for i := range size {
					q.set(i, q.at(i)+c*v.at(i))
				}
			}
			for age := range r.count(rows) {
				i := r.row(age, rows)
				tau, ys := pairOf(&in[7], &r, n, i)
				alpha[age] = tau * dotOf(vectorOf(&in[3], n, i), q, size) / ys
				add(-alpha[age], changes(&in[4], &in[5], &r, n, i))
			}
			for i := range size {
				q.set(i, r.Gamma*q.at(i))
			}
			for age := r.count(rows) - 1; age >= 0; age-- {
				i := r.row(age, rows)
				tau, ys := pairOf(&in[7], &r, n, i)
				beta := dotOf(changes(&in[4], &in[5], &r, n, i), q, size) / ys
				add((alpha[age]-beta)*tau, vectorOf(&in[3], n, i))
			}
		})
	},
	CPU: bindTwoLoop,
}, nil, "hNP", "xNP", slotsRow, searchRow, "hNRP", "hNRP", "hNP", ringRow, "=NR2")

// opProducts begins the recursion of opTwoLoop in four passes over the history,
// each of which reads the d or the y of all pairs at once. The products with y
// are differences of those with g: the last argument holds what they were at the
// start of d. Only the newest pair has none.
var opProducts = rowOp(autograd.Op{
	Name: "lbfgs-products", Doc: "(dᵢᵀy, dᵢᵀg) of all pairs i with the newest y and the gradient g",
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		size, rows := in[0].Dim[1], in[3].Dim[1]
		eachActive(&in[2], func(n int, s search) {
			r, g, y := ringOf(&in[5], n), accepted(&in[0], &in[1], &s, n), vectorOf(&in[4], n)
			for i := range rows {
				vectorOf(&out, n, i).store([]float64{0, 0})
			}
			for age := range r.count(rows) {
				i := r.row(age, rows)
				d := vectorOf(&in[3], n, i)
				p := [2]float64{dotOf(d, y, size), dotOf(d, g, size)}
				if float64(i) != r.Pair {
					p[0] = p[1] - vectorOf(&in[6], n).at(i)
				}
				vectorOf(&out, n, i).store(p[:])
			}
		})
	},
	CPU: bindProducts,
}, nil, "=NR2", "xNP", slotsRow, searchRow, "hNRP", "hNP", ringRow, "=NR")

// A recursion runs the two-loop recursion on the coefficients of its vectors
// instead of the vectors (Byrd, Nocedal and Schnabel 1994, Math. Programming
// 63:129–156). Row j of gram holds dᵢᵀyⱼ of the pairs i that were there when j was
// added.
type recursion struct {
	products, gram, pairs *tensor.Tensor
	r                     ring
	n, rows               int
}

// inner returns dᵢᵀyⱼ for pairs of age i ≥ j.
func (c *recursion) inner(i, j int) float64 {
	row := c.r.row(j, c.rows)
	if float64(row) == c.r.Pair {
		return vectorOf(c.products, c.n, c.r.row(i, c.rows)).at(0)
	}
	return vectorOf(c.gram, c.n, row).at(c.r.row(i, c.rows))
}

// each calls f for every pair that is kept, with its τ and curvature; down from
// the newest or up from the oldest.
func (c *recursion) each(down bool, f func(age, row int, tau, ys float64)) {
	count := c.r.count(c.rows)
	for i := range count {
		age := i
		if !down {
			age = count - 1 - i
		}
		row := c.r.row(age, c.rows)
		tau, ys := pairOf(c.pairs, &c.r, c.n, row)
		f(age, row, tau, ys)
	}
}

// opAlphas is the first loop of the recursion.
var opAlphas = rowOp(autograd.Op{
	Name: "lbfgs-alphas", Doc: "αᵢ of all pairs: τᵢdᵢᵀqᵢ/yᵢᵀsᵢ, where qᵢ is −g less α·y of the newer pairs",
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) { evalAlphas(out, in, make([]float64, out.Dim[1])) },
	CPU: func(b *autograd.Bind) func() {
		alpha := make([]float64, b.Out.Dim[1])
		return func() { evalAlphas(b.Out, b.In, alpha) }
	},
}, nil, "=NR", "=NR2", "=NRR", "=NR2", ringRow, searchRow)

func evalAlphas(out tensor.Tensor, in []tensor.Tensor, alpha []float64) {
	for n := range out.Dim[0] {
		if s := searchOf(&in[4], n); s.Active == 0 {
			continue
		}
		c := recursion{&in[0], &in[1], &in[2], ringOf(&in[3], n), n, out.Dim[1]}
		clearRow(&out, n)
		c.each(true, func(age, row int, tau, ys float64) {
			q := -vectorOf(c.products, n, row).at(1)
			for j := range age {
				q -= alpha[j] * c.inner(age, j)
			}
			alpha[age] = tau * q / ys
			vectorOf(&out, n).set(row, alpha[age])
		})
	}
}

// clearRow sets the numbers of image n to 0.
func clearRow(t *tensor.Tensor, n int) {
	for i := range t.Dim[1] {
		vectorOf(t, n).set(i, 0)
	}
}

// opDescend makes what the first loop ends with. Its attribute is whether the
// initial inverse Hessian is γ.
var opDescend = rowOp(autograd.Op{
	Name: "lbfgs-descend", Doc: "−g − Σ αᵢyᵢ, times γ if the attribute is true",
	Eval: func(attr any, out tensor.Tensor, in []tensor.Tensor) {
		size, rows := out.Dim[1], in[3].Dim[1]
		eachActive(&in[2], func(n int, s search) {
			r, q, g, scale := ringOf(&in[5], n), vectorOf(&out, n), accepted(&in[0], &in[1], &s, n), 1.
			if attr.(bool) {
				scale = r.Gamma
			}
			for k := range size {
				sum := -g.at(k)
				for age := range r.count(rows) {
					i := r.row(age, rows)
					sum -= vectorOf(&in[6], n).at(i) * changes(&in[3], &in[4], &r, n, i).at(k)
				}
				q.set(k, scale*sum)
			}
		})
	},
	CPU: bindDescend,
}, true, "hNP", "xNP", slotsRow, searchRow, "hNRP", "hNP", ringRow, "=NR")

// opOverlaps begins the second loop.
var opOverlaps = rowOp(autograd.Op{
	Name: "lbfgs-overlaps", Doc: "yᵢᵀr of all pairs",
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		size, rows := in[0].Dim[1], in[2].Dim[1]
		eachActive(&in[1], func(n int, _ search) {
			r := ringOf(&in[4], n)
			clearRow(&out, n)
			for age := range r.count(rows) {
				i := r.row(age, rows)
				vectorOf(&out, n).set(i, dotOf(changes(&in[2], &in[3], &r, n, i), vectorOf(&in[0], n), size))
			}
		})
	},
	CPU: bindOverlaps,
}, nil, "=NR", "hNP", searchRow, "hNRP", "hNP", ringRow)

// opShares is the second loop of the recursion.
var opShares = rowOp(autograd.Op{
	Name: "lbfgs-shares", Doc: "the part τᵢ(αᵢ − βᵢ) of dᵢ in the direction, given the α, yᵢᵀr, and what alphas reads",
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) { evalShares(out, in, make([]float64, out.Dim[1])) },
	CPU: func(b *autograd.Bind) func() {
		part := make([]float64, b.Out.Dim[1])
		return func() { evalShares(b.Out, b.In, part) }
	},
}, nil, "=NR", "=NR", "=NR", "=NR2", "=NRR", "=NR2", ringRow, searchRow)

func evalShares(out tensor.Tensor, in []tensor.Tensor, part []float64) {
	for n := range out.Dim[0] {
		if s := searchOf(&in[6], n); s.Active == 0 {
			continue
		}
		c := recursion{&in[2], &in[3], &in[4], ringOf(&in[5], n), n, out.Dim[1]}
		clearRow(&out, n)
		c.each(false, func(age, row int, tau, ys float64) {
			q := vectorOf(&in[1], n).at(row)
			for j := c.r.count(c.rows) - 1; j > age; j-- {
				q += part[j] * c.inner(j, age)
			}
			part[age] = (vectorOf(&in[0], n).at(row) - q/ys) * tau
			vectorOf(&out, n).set(row, part[age])
		})
	}
}

// opDirection makes what the second loop ends with.
var opDirection = rowOp(autograd.Op{
	Name: "lbfgs-direction", Doc: "the direction −H·g: r + Σ cᵢdᵢ",
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		size, rows := out.Dim[1], in[2].Dim[1]
		eachActive(&in[1], func(n int, _ search) {
			r, d := ringOf(&in[3], n), vectorOf(&out, n)
			for k := range size {
				sum := vectorOf(&in[0], n).at(k)
				for age := range r.count(rows) {
					i := r.row(age, rows)
					sum += vectorOf(&in[4], n).at(i) * vectorOf(&in[2], n, i).at(k)
				}
				d.set(k, sum)
			}
		})
	},
	CPU: bindDirection,
}, nil, "hNP", "hNP", searchRow, "hNRP", ringRow, "=NR")

var opSlope = rowOp(autograd.Op{
	Name: "lbfgs-slope", Doc: "gradient at x times the new direction",
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		eachActive(&in[2], func(n int, s search) {
			out.StoreReal(n, dotOf(accepted(&in[0], &in[1], &s, n), vectorOf(&in[3], n), in[0].Dim[1]))
		})
	},
	CPU: bindSlope,
}, nil, "=N", "xNP", slotsRow, searchRow, "hNP")

// opChange has two searches as arguments: those before and after this tick.
var opChange = rowOp(autograd.Op{
	Name: "lbfgs-change", Doc: "L2 norm of what the iteration that ends in this tick added to x, given x, d and x at its start; else 0",
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		for n := range out.Dim[0] {
			sum := 0.
			before, s := searchOf(&in[3], n), searchOf(&in[4], n)
			if out.StoreReal(n, 0); s.Ended == 0 {
				continue
			}
			x, d, origin := vectorOf(&in[0], n), vectorOf(&in[1], n), originOf(in, &before, n)
			for i := range in[0].Dim[1] {
				v := x.at(i) + s.Move*d.at(i) - origin.at(i)
				sum += v * v
			}
			out.StoreReal(n, math.Sqrt(sum))
		}
	},
	CPU: bindChange,
}, nil, "=N", "xNP", "xNP", "xNP", searchRow, searchRow)

// originOf returns x at the start of the iteration: if that began in the tick
// before, it is x itself, not yet copied.
func originOf(in []tensor.Tensor, before *search, n int) vector {
	if before.Began != 0 {
		return vectorOf(&in[0], n)
	}
	return vectorOf(&in[2], n)
}
