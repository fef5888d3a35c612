package autograd_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// waves returns a tensor whose elements differ.
func waves(d tensor.DType, seed int, shape ...int) tensor.Tensor {
	x := tensor.New(d, shape...)
	for i := range x.Len() {
		k := (i + 1) * (i + 7*seed + 3)
		x.Store(i, complex(float64(k%1009)/1009-.4, float64(k%997)/997-.5))
	}
	return x
}

// batch records, for six images of two channels, values of which most can be computed
// image by image: outs, and the updates of x, of images that are reversed in each step
// and of a running mean of what all images have in common.
func batch(tape *autograd.Tape, d tensor.DType) (outs []autograd.Value, updates []autograd.Update) {
	x := tape.Var("x", waves(d, 1, 6, 2, 8, 10))
	turn := tape.Var("turn", waves(d, 7, 6, 2, 8, 10))
	step := tape.Var("step", waves(d, 2, 6, 1, 1, 1))
	common := tape.Var("common", waves(d, 3, 2, 8, 10))
	target := tape.Const(waves(d, 4, 6, 2, 8, 10))
	filters := tape.Const(waves(d, 5, 3, 2, 3, 3))
	masks := tape.Const(waves(d, 6, 1, 1, 8, 6))

	y := autograd.Correlate(x, filters, autograd.CorrelateOptions{Pad: [2][2]int{{1, 1}, {1, 1}}})
	spectrum := x.Sub(x.KeepAxes(x.Mean(2, 3), 2, 3)).RFFT(autograd.Backward, 2, 3).Mul(masks)
	z := spectrum.IRFFT(autograd.Backward, 10, 2, 3)
	padded := z.Pad(autograd.PadReflect, [2]int{1, 2}, [2]int{2, 1})
	columns := padded.Permute(0, 1, 3, 2).Reshape(6, 26, 11).Gather(1, []int{3, 0, 0, 25, 7})
	gram := autograd.Einsum("nchw,nkhw->nck", y, y)
	largest := autograd.Sum(z.Sub(target).Abs().ReduceMax(2, 3), columns.Square().Sum(2).Sum(1).Reshape(6, 1).Expand(6, 2))
	loss := autograd.Sum(gram.Square().SumWide(1, 2), largest.SumWide(1), x.Sub(common).Mul(step).Square().SumWide(1, 2, 3))
	g := autograd.Grad(loss, x)[0]
	next := turn.Mul(z) // of which others read another part, before
	others := z.Gather(0, []int{5, 0, 0, 1, 2, 3}).Add(turn.Flip(0).RFFT(autograd.Backward, 2, 3).Abs().Crop(3, 0, 1))
	outs = []autograd.Value{loss, g, spectrum, gram.Sum(0), z.Flip(0).Reshape(12, 8, 10), next, others}
	updates = []autograd.Update{turn.Becomes(next), x.Becomes(x.Sub(g.Mul(step))), common.Becomes(common.Scale(.5).Add(x.Mean(0).Scale(.5)))}
	return outs, updates
}

// evaluated are the outputs of a Program of batch after the second of two runs, and the
// Vars; and its steps.
func evaluated(t *testing.T, b autograd.Backend, d tensor.DType, passes autograd.Passes) (all []tensor.Tensor, p *autograd.Program) {
	t.Helper()
	tape := autograd.New(b)
	t.Cleanup(tape.Close)
	outs, updates := batch(tape, d)
	p, err := tape.CompileWith(passes, outs, none, updates...)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, p.Run())
	}
	for i := range outs {
		x := tensor.New(outs[i].Type().DType, outs[i].Type().Shape()...)
		require.NoError(t, p.Read(i, x))
		all = append(all, x)
	}
	for _, u := range updates {
		x, err := tape.Get(u.Var)
		require.NoError(t, err)
		all = append(all, x)
	}
	return all, p
}

// looped returns the names of the steps that run part by part.
func looped(p *autograd.Program) (names []string) {
	for _, s := range p.Steps() {
		if s.Parts > 0 {
			names = append(names, s.Name())
		}
	}
	return names
}

// A Program gives the same bits whether its steps run part by part or not, on any number
// of threads, which share the last part where the parts do not go round.
func TestLoopGivesTheSameBits(t *testing.T) {
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
		want, whole := evaluated(t, autograd.CPU{Threads: 1}, d, autograd.Passes{NoLoop: true})
		require.Empty(t, looped(whole))
		for _, parts := range []int{2, 3, 6} {
			for _, threads := range []int{1, 2, 4} {
				for _, noFuse := range []bool{false, true} {
					t.Run(fmt.Sprint(d, parts, " parts ", threads, " threads ", noFuse), func(t *testing.T) {
						got, p := evaluated(t, autograd.CPU{Threads: threads}, d, autograd.Passes{Parts: parts, NoFuse: noFuse})
						names := looped(p)
						for _, name := range []string{"take-part", "put-part", "correlate", "rfft", "irfft", "gather", "scatter-add", "contract", "assemble", "sum", "reduce-max", "reshape"} {
							require.Contains(t, names, name)
						}
						for i := range want {
							require.True(t, sameBits(want[i], got[i]), "value %d is\n%v\npart by part\n%v", i, elements(want[i]), elements(got[i]))
						}
					})
				}
			}
		}
	}
}

// What is counted of a loop is what its steps do without one, and the copies.
func TestProfileOfLoop(t *testing.T) {
	_, whole := evaluated(t, autograd.CPU{Threads: 1}, tensor.Float64, autograd.Passes{NoLoop: true})
	_, p := evaluated(t, autograd.CPU{Threads: 2}, tensor.Float64, autograd.Passes{Parts: 3})
	want, err := whole.Profile(1)
	require.NoError(t, err)
	got, err := p.Profile(2)
	require.NoError(t, err)
	require.Len(t, got, len(p.Steps()))
	flops := func(prof []autograd.StepProfile) (n int64) {
		for _, s := range prof {
			n += s.FLOPs
		}
		return n
	}
	require.InDelta(t, flops(want), flops(got), 10, "but for roundings")
	for i, s := range got {
		require.Positive(t, s.Time, s.Name)
		require.Equal(t, p.Steps()[i].Name(), s.Name)
		if s.Name == "take-part" || s.Name == "put-part" {
			require.Equal(t, s.Read, s.Written)
			require.Zero(t, s.FLOPs)
		}
	}
	require.Contains(t, p.Dump(), "3 times")
}

func TestRunOfLoopDoesNotAllocate(t *testing.T) {
	for _, threads := range []int{1, 2} {
		_, p := evaluated(t, autograd.CPU{Threads: threads}, tensor.Float32, autograd.Passes{Parts: 3})
		require.Zero(t, testing.AllocsPerRun(5, func() { _ = p.Run() }))
	}
}

// A loop is made where a batch does not fit the caches and every thread has an image; it
// works in the memory of a few images, and reads constants and writes results where they
// are.
func TestLoopOfLargeBatches(t *testing.T) {
	arena := func(b autograd.Backend, passes autograd.Passes, images, size int) (bytes int, names []string) {
		tape := autograd.New(b)
		defer tape.Close()
		x, target := tape.Var("x", waves(tensor.Float64, 1, images, 1, size, size)), tape.Const(waves(tensor.Float64, 2, images, 1, size, size))
		loss := x.RFFT(autograd.Backward, 2, 3).Scale(.5).IRFFT(autograd.Backward, size, 2, 3).Sin().Sub(target).Square().Sum(1, 2, 3)
		p, err := tape.CompileWith(passes, []autograd.Value{loss, autograd.Grad(loss, x)[0]}, none)
		require.NoError(t, err)
		return p.Counts().ArenaBytes, looped(p)
	}
	const image = 8 * 256 * 256
	whole, names := arena(autograd.CPU{Threads: 1}, autograd.Passes{NoLoop: true}, 8, 256)
	require.Empty(t, names)
	require.Greater(t, whole, 3*8*image)
	for _, threads := range []int{1, 2} {
		bytes, names := arena(autograd.CPU{Threads: threads}, autograd.Passes{}, 8, 256)
		require.NotEmpty(t, names)
		require.Less(t, bytes, whole*2/3)
		require.Equal(t, 1, len(names)-len(slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == "take-part" })), "only a transform needs a copy, of x: %v", names)
		require.Equal(t, 2, len(names)-len(slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == "put-part" })), "the loss, a sum, and the gradient, a transform, are copied: %v", names)
	}
	for name, c := range map[string]struct{ images, size, threads int }{
		"one image": {1, 128, 1}, "fewer images than threads": {8, 128, 9}, "images that fit": {8, 16, 1},
	} {
		_, names := arena(autograd.CPU{Threads: c.threads}, autograd.Passes{}, c.images, c.size)
		require.Empty(t, names, name)
	}
}

// An op gives the same bits for a part as for the whole: transforms, correlations and
// products may take other ways for other sizes, but not for other numbers of images.
func TestPartsGiveTheSameBits(t *testing.T) {
	type value = autograd.Value
	correlate := func(side int) func(x value) value {
		return func(x value) value {
			w := x.Tape().Const(waves(x.Type().DType, side, 4, x.Type().Dim[1], side, side))
			y := autograd.Correlate(x, w, autograd.CorrelateOptions{Same: true})
			return autograd.CorrelateAdjoint(y.Square(), w, x.Type().Dim[2], x.Type().Dim[3], autograd.CorrelateOptions{Same: true})
		}
	}
	for name, c := range map[string]struct {
		shape []int
		of    func(x value) value
	}{
		"transforms of 96²": {[]int{6, 1, 96, 96}, func(x value) value { return x.RFFT(autograd.Ortho, 2, 3).Square().IRFFT(autograd.Ortho, 96, 2, 3) }},
		"transforms of 31":  {[]int{6, 3, 31}, func(x value) value { return x.Complex().FFT(autograd.Ortho, 2).Square() }},
		"transforms of 8":   {[]int{6, 1, 8}, func(x value) value { return x.RFFT(autograd.Ortho, 2).Square() }},
		"columns":           {[]int{6, 64, 5}, func(x value) value { return x.Complex().FFT(autograd.Ortho, 1).Square() }},
		"correlation, 3":    {[]int{6, 2, 40, 44}, correlate(3)},
		"correlation, 11":   {[]int{6, 1, 64, 64}, correlate(11)},
		"correlation, 31":   {[]int{6, 1, 64, 64}, correlate(31)},
		"products":          {[]int{6, 33, 70}, func(x value) value { return autograd.Einsum("bij,bkj->bik", x, x.Square()) }},
		"few columns":       {[]int{6, 70, 3}, func(x value) value { return autograd.Einsum("bij,bik->bjk", x, x.Square()) }},
		"Gram":              {[]int{6, 4, 5000}, func(x value) value { return autograd.Einsum("bij,bkj->bik", x, x) }},
		"sums":              {[]int{6, 1, 40000}, func(x value) value { return x.Mul(x.Sum(2).Reshape(6, 1, 1)).ReduceMax(1) }},
		"sums of columns":   {[]int{6, 50, 40}, func(x value) value { return x.Mul(x.Sum(1).Reshape(6, 1, 40)).Square() }},
	} {
		for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
			for _, threads := range []int{1, 2} {
				t.Run(fmt.Sprint(name, d, threads), func(t *testing.T) {
					var all [2]tensor.Tensor
					for i, passes := range []autograd.Passes{{NoLoop: true}, {Parts: 3}} {
						tape := autograd.New(autograd.CPU{Threads: threads})
						defer tape.Close()
						x := tape.Var("x", waves(d, 1, c.shape...))
						y := c.of(x)
						g := autograd.Grad(y.Abs2().Sum(), x)[0]
						p, err := tape.CompileWith(passes, []value{y, g}, none)
						require.NoError(t, err)
						require.Equal(t, i == 1, len(looped(p)) > 0)
						require.NoError(t, p.Run())
						all[i] = tensor.New(g.Type().DType, g.Type().Shape()...)
						require.NoError(t, p.Read(1, all[i]))
					}
					require.True(t, sameBits(all[0], all[1]))
				})
			}
		}
	}
}
