package bench

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

// Kinds are all that can be timed: what the project is measured by, then the
// families of kernels.
var Kinds = []Kind{
	{Name: "ps", Doc: "Portilla–Simoncelli, 4 scales, 4 orientations, width 9 (less below 144 pixels): L2 loss and gradient",
		Table: []Case{{"ps", 256, 1}, {"ps", 512, 1}, {"ps", 256, 8}}, record: recordPS},
	{Name: "pyramid", Doc: "complex steerable pyramid, height 4, order 3: energy of the bands and gradient", Table: one("pyramid", 256), record: recordPyramid},
	{Name: "ssim", Doc: "SSIM and its gradient", Table: one("ssim", 256), record: metric(models.SSIM{})},
	{Name: "ms-ssim", Doc: "MS-SSIM and its gradient", Table: one("ms-ssim", 256), record: metric(models.MSSSIM{})},
	{Name: "nlpd", Doc: "normalized Laplacian pyramid distance and its gradient", Table: one("nlpd", 256), record: metric(models.NLPD{})},
	{Name: "rfft2", Doc: "real to complex transform of the plane", Table: one("rfft2", 256, 512), record: func(r *recorder) {
		r.outs = append(r.outs, r.matrix().RFFT(autograd.Backward, -2, -1))
	}},
	{Name: "fft2", Doc: "complex transform of the plane", Table: one("fft2", 256), record: func(r *recorder) {
		r.outs = append(r.outs, r.drawComplex(r.Side, r.Side).FFT(autograd.Backward, -2, -1))
	}},
	{Name: "matmul", Doc: "matrix product", Table: one("matmul", 512), Others: one("matmul", 64), record: func(r *recorder) {
		r.outs = append(r.outs, autograd.Einsum("...ij,...jk->...ik", r.matrix(), r.matrix()))
	}},
	{Name: "exp", Doc: "exponential of side² numbers", Table: one("exp", 256, 1024), record: unary(autograd.Value.Exp)},

	{Name: "copy", Doc: "copy of a transposed matrix: strided reads", Others: one("copy", 256, 1024), record: func(r *recorder) {
		r.outs = append(r.outs, r.matrix().Permute(1, 0).AddScalar(1))
	}},
	{Name: "add", Doc: "sum of two matrices", Others: one("add", 64, 256, 1024), record: func(r *recorder) {
		r.outs = append(r.outs, r.matrix().Add(r.matrix()))
	}},
	{Name: "fused", Doc: "eight elementwise operations in one pass", Others: one("fused", 256, 1024), record: func(r *recorder) {
		x, y := r.matrix(), r.matrix()
		v := x.Mul(y).AddScalar(.1).Square().Sub(x).Scale(.5).Add(y).Max(x).Min(y.AddScalar(2))
		r.outs = append(r.outs, v)
	}},
	{Name: "log", Doc: "logarithm", Others: one("log", 256), record: unary(autograd.Value.Log)},
	{Name: "tanh", Doc: "hyperbolic tangent", Others: one("tanh", 256), record: unary(autograd.Value.Tanh)},
	{Name: "sin", Doc: "sine", Others: one("sin", 256), record: unary(autograd.Value.Sin)},
	{Name: "pow", Doc: "power 2.2", Others: one("pow", 256), record: unary(func(x autograd.Value) autograd.Value { return x.PowScalar(2.2) })},
	{Name: "abs", Doc: "modulus of complex numbers", Others: one("abs", 256), record: func(r *recorder) {
		r.outs = append(r.outs, r.drawComplex(r.Side, r.Side).Abs())
	}},
	{Name: "sum", Doc: "sum of all elements", Others: one("sum", 256, 1024), record: unary(func(x autograd.Value) autograd.Value { return x.Sum() })},
	{Name: "sum-rows", Doc: "sum along the first axis", Others: one("sum-rows", 256, 1024), record: unary(func(x autograd.Value) autograd.Value { return x.Sum(0) })},
	{Name: "max", Doc: "largest element", Others: one("max", 256, 1024), record: unary(func(x autograd.Value) autograd.Value { return x.ReduceMax() })},
	{Name: "dot", Doc: "inner product in float64", Others: one("dot", 256, 1024), record: func(r *recorder) {
		r.outs = append(r.outs, r.matrix().Mul(r.matrix()).SumWide())
	}},
	{Name: "gram", Doc: "products of 16 rows of side² numbers with each other", Others: one("gram", 256), record: func(r *recorder) {
		x := r.draw(16, r.Side*r.Side)
		r.outs = append(r.outs, autograd.Einsum("ip,jp->ij", x, x))
	}},
	{Name: "gather", Doc: "rows in another order", Others: one("gather", 256, 1024), record: func(r *recorder) {
		index := make([]int, r.Side)
		for i := range index {
			index[i] = (i*7 + 3) % r.Side
		}
		r.outs = append(r.outs, r.matrix().Gather(0, index))
	}},
	{Name: "roll", Doc: "image shifted around its edges", Others: one("roll", 256), record: unary(func(x autograd.Value) autograd.Value { return x.Roll([]int{3, 5}, -2, -1) })},
	{Name: "pad", Doc: "image with a reflected border of 15", Others: one("pad", 256), record: unary(func(x autograd.Value) autograd.Value {
		return x.Pad(autograd.PadReflect, [2]int{15, 15}, [2]int{15, 15})
	})},
	{Name: "irfft2", Doc: "complex to real transform of the plane", Others: one("irfft2", 256, 512), record: func(r *recorder) {
		z := r.drawComplex(r.Side, r.Side/2+1)
		r.outs = append(r.outs, z.IRFFT(autograd.Backward, r.Side, -2, -1))
	}},
	{Name: "fft-rows", Doc: "complex transforms of rows, side long", Others: many("fft-rows", 1024, 96, 121, 243, 251, 256, 500), record: func(r *recorder) {
		r.outs = append(r.outs, r.drawComplex(r.Batch, r.Side).FFT(autograd.Backward, -1))
	}},
	{Name: "rfft-rows", Doc: "real to complex transforms of rows, side long", Others: many("rfft-rows", 1024, 96, 121, 243, 251, 256, 500), record: func(r *recorder) {
		r.outs = append(r.outs, r.draw(r.Batch, r.Side).RFFT(autograd.Backward, -1))
	}},
	{Name: "irfft-rows", Doc: "complex to real transforms of rows, side long", Others: many("irfft-rows", 1024, 96, 121, 243, 251, 256, 500), record: func(r *recorder) {
		r.outs = append(r.outs, r.drawComplex(r.Batch, r.Side/2+1).IRFFT(autograd.Backward, r.Side, -1))
	}},
	{Name: "fft-columns", Doc: "complex transforms of columns, side long", Others: many("fft-columns", 1024, 64, 375), record: func(r *recorder) {
		r.outs = append(r.outs, r.drawComplex(r.Side, r.Batch).FFT(autograd.Backward, 0))
	}},
	{Name: "rfft-columns", Doc: "real to complex transforms of columns, side long", Others: many("rfft-columns", 1024, 64, 375), record: func(r *recorder) {
		r.outs = append(r.outs, r.draw(r.Side, r.Batch).RFFT(autograd.Backward, 0))
	}},
	{Name: "irfft-columns", Doc: "complex to real transforms of columns, side long", Others: many("irfft-columns", 1024, 64, 375), record: func(r *recorder) {
		r.outs = append(r.outs, r.drawComplex(r.Side/2+1, r.Batch).IRFFT(autograd.Backward, r.Side, 0))
	}},
	{Name: "conv5", Doc: "5×5 filter, one channel", Others: one("conv5", 256), record: correlation(5, 1)},
	{Name: "conv31", Doc: "31×31 filter, one channel", Others: one("conv31", 256), record: correlation(31, 1)},
	{Name: "conv3x16", Doc: "3×3 filters, 16 channels to 16", Others: one("conv3x16", 128), record: correlation(3, 16)},
	{Name: "pool", Doc: "means of 2×2 pixels", Others: one("pool", 256), record: func(r *recorder) {
		r.outs = append(r.outs, autograd.AvgPool(r.images(), autograd.PoolOptions{Size: [2]int{2, 2}, Stride: [2]int{2, 2}}))
	}},
	{Name: "resize", Doc: "bilinear, to two thirds of the size", Others: one("resize", 256), record: func(r *recorder) {
		r.outs = append(r.outs, autograd.Resize(r.images(), r.Side*2/3, r.Side*2/3, autograd.ResizeOptions{}))
	}},
	{Name: "adam", Doc: "one step of Adam on ½‖x‖²", Others: one("adam", 256), record: step(optim.Adam{})},
	{Name: "lbfgs", Doc: "one evaluation of L-BFGS on ½‖x‖⁴, history 100", Others: one("lbfgs", 256), record: step(optim.LBFGS{})},
}

// one returns cases of a kind with one image.
func one(kind string, sides ...int) (cs []Case) {
	for _, s := range sides {
		cs = append(cs, Case{kind, s, 1})
	}
	return cs
}

// many returns cases of a kind of the same batch.
func many(kind string, batch int, sides ...int) (cs []Case) {
	for _, s := range sides {
		cs = append(cs, Case{kind, s, batch})
	}
	return cs
}

func unary(f func(autograd.Value) autograd.Value) func(*recorder) {
	return func(r *recorder) { r.outs = append(r.outs, f(r.matrix())) }
}

func recordPS(r *recorder) {
	m, err := models.NewPortillaSimoncelli(r.Side, r.Side, models.PortillaSimoncelliOptions{CorrelationWidth: min(9, r.Side/16)})
	if r.err = err; err != nil {
		return
	}
	x, target := r.images(), r.target()
	r.withGradient(synth.L2{}.Loss(m.Forward(x), m.Forward(target), nil), x)
}

// target returns images that never change.
func (r *recorder) target() autograd.Value {
	x := r.images()
	t, err := r.tape.Get(x)
	if err != nil {
		r.err = err
		return x
	}
	return r.tape.Const(t)
}

func recordPyramid(r *recorder) {
	p, err := models.NewSteerablePyramid(r.Side, r.Side, models.SteerablePyramidOptions{Height: new(4), Complex: true})
	if r.err = err; err != nil {
		return
	}
	x := r.images()
	c := p.Coefficients(x)
	energy := autograd.Sum(c.Highpass.Square().SumWide(1, 2, 3), c.Lowpass.Square().SumWide(1, 2, 3))
	for _, b := range c.Bands {
		energy = energy.Add(b.Abs2().SumWide(1, 2, 3, 4))
	}
	r.withGradient(energy, x)
}

func metric(m synth.Metric) func(*recorder) {
	return func(r *recorder) {
		x := r.images()
		r.withGradient(m.Metric(r.target(), x), x)
	}
}

func correlation(size, channels int) func(*recorder) {
	return func(r *recorder) {
		x, w := r.draw(r.Batch, channels, r.Side, r.Side), r.draw(channels, channels, size, size)
		p := size / 2
		r.outs = append(r.outs, autograd.Correlate(x, w, autograd.CorrelateOptions{Pad: [2][2]int{{p, p}, {p, p}}}))
	}
}

// step records one tick of an optimizer.
func step(o optim.Optimizer) func(*recorder) {
	return func(r *recorder) {
		start := tensor.New(r.dtype, r.Batch, 1, r.Side, r.Side)
		for i := range start.Len() {
			start.StoreReal(i, 1+float64(i%97)/97)
		}
		s := o.Start(r.tape, start, optim.Control{})
		x := s.At()
		square := x.Square().Reshape(r.Batch, -1).SumWide(1)
		loss := square.Square().Scale(.25)
		zero := r.tape.Zeros(loss.Type())
		tick := s.Finish(optim.Evaluation{Loss: loss, Penalty: zero, Grad: autograd.Grad(loss, x)[0]})
		r.outs, r.updates = append(r.outs, tick.Report), tick.Updates // without its guard: it never ends
	}
}
