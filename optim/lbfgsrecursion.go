package optim

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// opTwoLoop is algorithm 7.4 of Nocedal and Wright.
var opTwoLoop = rowOp(autograd.Op{
	Name: "lbfgs-two-loop", Doc: "the directions, with −H·g, by the two-loop recursion, in the row in work",
	InPlace: true, RowAxis: 2,
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		kept(out, in[0])
		size, rows := in[1].Dim[2], out.Dim[2]
		alpha, q := make([]float64, rows), make([]float64, size)
		eachActive(&in[2], func(n int, s search) {
			r, g := ringOf(&in[4], n), gradientIn(&in[1], s.At, n)
			load(q, g)
			for i := range q {
				q[i] = -q[i]
			}
			add := func(c float64, v vector) {
				for i := range q {
					q[i] += c * v.at(i)
				}
			}
			dot := func(v vector) (sum float64) {
				for i := range q {
					sum += v.at(i) * q[i]
				}
				return sum
			}
			for age := range r.count(rows) {
				i := r.row(age, rows)
				tau, ys := pairOf(&in[5], &r, n, i)
				alpha[age] = tau * dot(rowOf(&out, n, i)) / ys
				add(-alpha[age], rowOf(&in[3], n, i))
			}
			for i := range q {
				q[i] *= r.Gamma
			}
			for age := r.count(rows) - 1; age >= 0; age-- {
				i := r.row(age, rows)
				tau, ys := pairOf(&in[5], &r, n, i)
				add((alpha[age]-dot(rowOf(&in[3], n, i))/ys)*tau, rowOf(&out, n, i))
			}
			d := rowOf(&out, n, r.work(rows))
			for i, v := range q {
				d.set(i, v)
			}
		})
	},
	CPU: bindTwoLoop,
}, nil, pairsRow, pairsRow, slotsRow, searchRow, pairsRow, ringRow, "=NR2")

// opProducts begins the recursion of opTwoLoop in four passes over the history,
// each of which reads the d or the y of all pairs at once. The products with y
// are differences of those with g: the last argument holds what they were at the
// start of d. Only the newest pair has none, but its own is known.
var opProducts = rowOp(autograd.Op{
	Name: "lbfgs-products", Doc: "(dᵢᵀy, dᵢᵀg) of all pairs i with the newest y and the gradient g",
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		size, rows := in[0].Dim[2], in[2].Dim[2]
		eachActive(&in[1], func(n int, s search) {
			r, g := ringOf(&in[3], n), gradientIn(&in[0], s.At, n)
			for i := range rows {
				vectorOf(&out, n, i).store([]float64{0, 0})
			}
			for age := range r.count(rows) {
				i := r.row(age, rows)
				dy, dg := r.products(i, dotOf(rowOf(&in[2], n, i), g, size), vectorOf(&in[4], n).at(i))
				vectorOf(&out, n, i).store([]float64{dy, dg})
			}
		})
	},
	CPU: bindProducts,
}, nil, "=NR2", slotsRow, searchRow, pairsRow, ringRow, "=NR")

// products returns dᵀy and dᵀg of row i, given dᵀg now and at the start of d.
func (r *ring) products(i int, now, before float64) (dy, dg float64) {
	if float64(i) == r.Pair {
		return r.Curvature / r.Tau, now
	}
	return now - before, now
}

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
	d, y := c.r.row(i, c.rows), c.r.row(j, c.rows)
	if t := c.products; float64(y) == c.r.Pair {
		return t.LoadReal(c.n*t.Stride[0] + d*t.Stride[1])
	}
	return c.gram.LoadReal(c.n*c.gram.Stride[0] + y*c.gram.Stride[1] + d*c.gram.Stride[2])
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

// opDescend makes what the first loop ends with. Its attribute is whether opOverlaps
// of the result follows, with the same y.
var opDescend = rowOp(autograd.Op{
	Name: "lbfgs-descend", Doc: "(−g − Σ αᵢyᵢ)·h, the last argument, which is the initial inverse Hessian's diagonal",
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		size, rows := out.Dim[1], in[2].Dim[2]
		eachActive(&in[1], func(n int, s search) {
			r, q, g, h := ringOf(&in[3], n), vectorOf(&out, n), gradientIn(&in[0], s.At, n), vectorOf(&in[5], n)
			for k := range size {
				sum := -g.at(k)
				for age := range r.count(rows) {
					i := r.row(age, rows)
					sum -= vectorOf(&in[4], n).at(i) * rowOf(&in[2], n, i).at(k)
				}
				q.set(k, h.at(k)*sum)
			}
		})
	},
	CPU: bindDescend,
}, overlapped(true), "hNP", slotsRow, searchRow, pairsRow, ringRow, "=NR", "hNP")

// overlapped is the attribute of opDescend and opOverlaps: whether the first leaves the
// overlaps of its result for the second.
type overlapped bool

// opOverlaps begins the second loop.
var opOverlaps = rowOp(autograd.Op{
	Name: "lbfgs-overlaps", Doc: "yᵢᵀr of all pairs",
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		size, rows := in[0].Dim[1], in[2].Dim[2]
		eachActive(&in[1], func(n int, _ search) {
			r := ringOf(&in[3], n)
			clearRow(&out, n)
			for age := range r.count(rows) {
				i := r.row(age, rows)
				vectorOf(&out, n).set(i, dotOf(rowOf(&in[2], n, i), vectorOf(&in[0], n), size))
			}
		})
	},
	CPU: bindOverlaps,
}, overlapped(true), "=NR", "hNP", searchRow, pairsRow, ringRow)

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
	Name: "lbfgs-direction", Doc: "the directions, with −H·g = r + Σ cᵢdᵢ in the row in work",
	InPlace: true, RowAxis: 2,
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		kept(out, in[0])
		size, rows := in[1].Dim[1], out.Dim[2]
		eachActive(&in[2], func(n int, _ search) {
			r := ringOf(&in[3], n)
			d := rowOf(&out, n, r.work(rows))
			for k := range size {
				sum := vectorOf(&in[1], n).at(k)
				for age := range r.count(rows) {
					i := r.row(age, rows)
					sum += vectorOf(&in[4], n).at(i) * rowOf(&out, n, i).at(k)
				}
				d.set(k, sum)
			}
		})
	},
	CPU: bindDirection,
}, nil, pairsRow, pairsRow, "hNP", searchRow, ringRow, "=NR")

var opSlope = rowOp(autograd.Op{
	Name: "lbfgs-slope", Doc: "gradient at x times the direction",
	Eval: func(_ any, out tensor.Tensor, in []tensor.Tensor) {
		eachActive(&in[1], func(n int, s search) {
			r := ringOf(&in[3], n)
			out.StoreReal(n, dotOf(gradientIn(&in[0], s.At, n), rowOf(&in[2], n, r.work(in[2].Dim[2])), in[0].Dim[2]))
		})
	},
	CPU: bindSlope,
}, nil, "=N", slotsRow, searchRow, pairsRow, ringRow)
