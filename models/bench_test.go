package models

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// BenchmarkPyramidGradient times the coefficients of a complex pyramid of four
// levels and four orientations of a 256×256 image, and the gradient of the sum
// of their squares.
func BenchmarkPyramidGradient(b *testing.B) {
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%v/threads=%d", d, threads), func(b *testing.B) {
				p, err := NewSteerablePyramid(256, 256, SteerablePyramidOptions{Height: new(4), Complex: true})
				require.NoError(b, err)
				tape := autograd.New(autograd.CPU{Threads: threads})
				defer tape.Close()
				image := tensor.New(d, 1, 1, 256, 256)
				tensor.Copy(image, texture(256, 256, 0))
				x := tape.Var("x", image)
				var energy []autograd.Value
				for _, v := range p.Coefficients(x).list() {
					energy = append(energy, v.Abs2().Sum())
				}
				loss := autograd.Sum(energy...)
				prog, err := tape.Compile([]autograd.Value{loss, autograd.Grad(loss, x)[0]}, autograd.Value{})
				require.NoError(b, err)
				defer prog.Close()
				require.NoError(b, prog.Run())
				for b.Loop() {
					_ = prog.Run()
				}
			})
		}
	}
}

// BenchmarkMasks times what making a pyramid for a 256×256 image costs.
func BenchmarkMasks(b *testing.B) {
	for b.Loop() {
		newPyramidMasks(256, 256, 4, 3, 1, true, true)
	}
}

// BenchmarkMetricGradient times the value and gradient of metrics at 256×256,
// the part of the reference hoisted as in a synthesis.
func BenchmarkMetricGradient(b *testing.B) {
	for _, m := range []struct {
		name   string
		metric ChannelMetric
	}{{"ssim", SSIM{}}, {"weighted", SSIM{Weighted: true}}, {"ms-ssim", MSSSIM{}}, {"nlpd", NLPD{}}} {
		for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
			b.Run(fmt.Sprintf("%s/%v", m.name, d), func(b *testing.B) {
				tape := autograd.New(autograd.CPU{Threads: 1})
				defer tape.Close()
				image := tensor.New(d, 1, 1, 256, 256)
				tensor.Copy(image, texture(256, 256, 0))
				x := tape.Var("x", image)
				v := m.metric.Channels(tape.Const(gratings(256, 256, 0)).Cast(d), x)
				prog, err := tape.Compile([]autograd.Value{v, autograd.Grad(v.Sum(), x)[0]}, autograd.Value{})
				require.NoError(b, err)
				defer prog.Close()
				require.NoError(b, prog.Run())
				for b.Loop() {
					_ = prog.Run()
				}
			})
		}
	}
}
