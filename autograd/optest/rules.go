package optest

import (
	"math"

	"github.com/percept-go/percept/tensor"
)

// step is the distance of the differences of fourth order: their error is of
// the order step⁴ ≈ 4e-15, and that of rounding 1e-16/step ≈ 4e-13.
const step = 1. / 4096

// difference returns the derivative at 0 of f by central differences of fourth
// order.
func difference(f func(t float64) float64) float64 {
	return (8*(f(step)-f(-step)) - (f(2*step) - f(-2*step))) / (12 * step)
}

// ruleTolerance bounds the difference of a derivative and the differences of
// the function, relative to the derivative's size.
const ruleTolerance = 1e-7

// most coordinates that are tried one by one; of larger arguments, as many
// directions are.
const mostCoordinates = 48

// rules compares the op's VJP, and the VJP of that, to differences.
func (c *checker) rules(r *reference, x []tensor.Tensor) {
	u := c.draw.tensor(r.u.Type())
	d := r.derivative(x, u)
	phi := func() float64 { return dot(u, r.value(x)) }
	scale := math.Sqrt(dot(u, u))
	smooth := make([]bool, len(x))
	for i := range x {
		if rms(d[i]) == 0 {
			c.flat(i, x[i], scale, phi)
			continue
		}
		smooth[i] = true
		c.firstOrder(i, x[i], d[i], scale, phi)
		c.tangents(r, i, x, u, d[i])
		if c.op.Linear>>min(i, 63)&1 != 0 {
			c.linear(i, x[i], d[i], scale, phi)
		}
	}
	c.linearAtZero(r, x)
	c.secondOrder(r, x, u, smooth)
}

// firstOrder compares the gradient d of phi with respect to x to differences
// along coordinates, or directions if there are many.
func (c *checker) firstOrder(arg int, x, d tensor.Tensor, scale float64, phi func() float64) {
	per := 1
	if x.DType.IsComplex() {
		per = 2
	}
	n := per * x.Len()
	keep := convert(x, x.DType)
	v := tensor.New(x.DType, x.Shape()...)
	for k := range min(n, mostCoordinates) {
		if n <= mostCoordinates {
			addScaled(v, v, -1, v) // zero
			v.Store(k/per, [2]complex128{1, 1i}[k%per])
		} else {
			v = newDraws(c.op.Name, k, -1, 1).tensor(x.Type)
		}
		want := difference(func(t float64) float64 {
			addScaled(x, keep, t, v)
			return phi()
		})
		tensor.Copy(x, keep)
		got := dot(d, v)
		size := math.Max(math.Abs(want), rms(d)*math.Sqrt(dot(v, v))) + 1e-4*scale
		if !(math.Abs(got-want) <= ruleTolerance*size) {
			c.fail("gradient of argument %d along direction %d: VJP %.12g, differences %.12g", arg, k, got, want)
			return
		}
	}
}

// flat errs unless the value stays the same when an element of an argument
// without gradient moves up, or when it moves down: the argument is an index,
// a mask or otherwise piecewise constant.
func (c *checker) flat(arg int, x tensor.Tensor, scale float64, phi func() float64) {
	at := phi()
	for k := range min(x.Len(), mostCoordinates) {
		keep := x.Load(k)
		moved := func(t complex128) float64 {
			x.Store(k, keep*(1+t))
			return math.Abs(phi() - at)
		}
		change := math.Min(moved(step), moved(-step))
		x.Store(k, keep)
		if change > step*1e-3*scale {
			c.fail("argument %d has no gradient, but the value changes with its element %d", arg, k)
			return
		}
	}
}

// tangents compares the JVP with the VJP, which agrees with differences.
func (c *checker) tangents(r *reference, arg int, x []tensor.Tensor, u, d tensor.Tensor) {
	v := c.draw.tensor(x[arg].Type)
	j, err := r.tangent(arg, x, v)
	if err != nil {
		c.fail("JVP of argument %d: %v", arg, err)
		return
	}
	got, want := dot(u, j), dot(d, v)
	if size := math.Sqrt(dot(d, d) * dot(v, v)); !(math.Abs(got-want) <= 1e-12*size) {
		c.fail("JVP of argument %d: ⟨u, Jv⟩ = %.15g, ⟨Jᵀu, v⟩ = %.15g", arg, got, want)
	}
}

// linear checks ⟨u, f(x+v) − f(x)⟩ = ⟨f*(u), v⟩ for a v that is not small.
func (c *checker) linear(arg int, x, d tensor.Tensor, scale float64, phi func() float64) {
	keep, v := convert(x, x.DType), c.draw.tensor(x.Type)
	at := phi()
	addScaled(x, keep, 1, v)
	got := phi() - at
	tensor.Copy(x, keep)
	want := dot(d, v)
	if size := math.Sqrt(dot(d, d)*dot(v, v)) + math.Abs(at); !(math.Abs(got-want) <= 1e-12*size) {
		c.fail("not linear in argument %d, as Op.Linear says: ⟨u, f(x+v)−f(x)⟩ = %.15g, ⟨f*(u), v⟩ = %.15g", arg, got, want)
	}
}

// linearAtZero checks that the op maps zeros to zero in the arguments in which
// it is linear.
func (c *checker) linearAtZero(r *reference, x []tensor.Tensor) {
	z := append([]tensor.Tensor(nil), x...)
	for i := range x {
		if c.op.Linear>>min(i, 63)&1 != 0 {
			z[i] = tensor.New(x[i].DType, x[i].Shape()...)
		}
	}
	if c.op.Linear != 0 && len(x) > 0 && rms(r.value(z)) != 0 {
		c.fail("not linear, as Op.Linear says: zeros do not give zeros")
	}
}

// secondOrder compares the gradient of ψ(x, u) = Σ ⟨wᵢ, VJPᵢ(x, u)⟩ to
// differences of ψ along directions.
func (c *checker) secondOrder(r *reference, x []tensor.Tensor, u tensor.Tensor, smooth []bool) {
	w := make([]tensor.Tensor, len(x))
	for i := range x {
		w[i] = c.draw.tensor(x[i].Type)
	}
	dd := r.second(x, u, w)
	move := append(append([]tensor.Tensor(nil), x...), u)
	for k := range 3 {
		draw := newDraws(c.op.Name, 1000+k, -1, 1)
		v, keep := make([]tensor.Tensor, len(move)), make([]tensor.Tensor, len(move))
		got, size := 0., 0.
		for i, m := range move {
			v[i], keep[i] = draw.tensor(m.Type), convert(m, m.DType)
			if i < len(x) && !smooth[i] {
				v[i] = tensor.New(m.DType, m.Shape()...)
			}
			got += dot(dd[i], v[i])
			size += math.Sqrt(dot(dd[i], dd[i]) * dot(v[i], v[i]))
		}
		want := difference(func(t float64) float64 {
			for i := range move {
				addScaled(move[i], keep[i], t, v[i])
			}
			return dots(w, r.derivative(x, u))
		})
		for i := range move {
			tensor.Copy(move[i], keep[i])
		}
		if !(math.Abs(got-want) <= ruleTolerance*(size+1e-4)) {
			c.fail("second order: VJP of the VJP %.12g, differences %.12g", got, want)
			return
		}
	}
}

func dots(x, y []tensor.Tensor) float64 {
	s := 0.
	for i := range x {
		s += dot(x[i], y[i])
	}
	return s
}
