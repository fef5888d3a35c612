package bench

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// Benchmark times every kind, in both precisions, beside what this machine can
// do: "%roof" is of the memory's or the cache's bandwidth, by the size of what is
// read and written, and "%peak" of the rate of a matrix product of side 512.
//
//	go test ./bench -bench '/(exp|rfft2)-256/float32/threads=1$'
func Benchmark(b *testing.B) {
	roofs := map[int]Roof{}
	for _, k := range Kinds {
		for _, c := range append(append([]Case(nil), k.Table...), k.Others...) {
			for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
				for _, threads := range []int{1, 2} {
					b.Run(fmt.Sprintf("%v/%v/threads=%d", c, d, threads), func(b *testing.B) {
						if _, ok := roofs[threads]; !ok {
							r, err := MeasureRoof(threads, kernels.Auto)
							require.NoError(b, err)
							roofs[threads] = r
						}
						benchmark(b, c, d, threads, roofs[threads])
					})
				}
			}
		}
	}
}

func benchmark(b *testing.B, c Case, d tensor.DType, threads int, r Roof) {
	t, err := New(c, d, threads, kernels.Auto)
	require.NoError(b, err)
	defer t.Close()
	for b.Loop() {
		_ = t.Run()
	}
	second := b.Elapsed().Seconds() / float64(b.N)
	gbs, gflops := float64(t.Bytes)/second/1e9, float64(t.FLOPs)/second/1e9
	b.ReportMetric(gbs, "GB/s")
	b.ReportMetric(100*gbs/r.Bandwidth(t.Bytes), "%roof")
	b.ReportMetric(gflops, "GFLOP/s")
	b.ReportMetric(100*gflops/r.GFLOPs[d.String()], "%peak")
}

// TestCasesRun runs a small case of each kind and reads its name back.
func TestCasesRun(t *testing.T) {
	for _, k := range Kinds {
		require.NotEmpty(t, append(append([]Case(nil), k.Table...), k.Others...), k.Name)
		for _, c := range append(append([]Case(nil), k.Table...), k.Others...) {
			again, err := Parse(c.String())
			require.NoError(t, err)
			require.Equal(t, c, again)
		}
		side := 64
		if k.Name == "ms-ssim" {
			side = 176
		}
		c := Case{k.Name, side, 1}
		timer, err := New(c, tensor.Float32, 1, kernels.Auto)
		require.NoError(t, err, c)
		require.NoError(t, timer.Run(), c)
		require.Positive(t, timer.Bytes, c)
		timer.Close()
	}
	for _, wrong := range []string{"ps", "ps-0", "ps-64x0", "ps-x", "nothing-64"} {
		_, err := Parse(wrong)
		require.Error(t, err, wrong)
	}
}
