// Command fairness compares the metamers that two optimizers find from the same
// white noise: does one find other members of the set than the other? For each
// texture it prints, for both, mean and standard error over seeds of the loss,
// of the pixels' correlation with the target, and of the correlation of the
// autocorrelation at lags that the model does not count with the target's.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math"
	"strings"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/images"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
	"github.com/percept-go/percept/tensor"
)

func main() {
	list := flag.String("textures", "skin,pebbles,grass,bark", "example textures, with commas between them")
	size := flag.Int("size", 64, "side of the images in pixels")
	scales := flag.Int("scales", 3, "scales of the model")
	seeds := flag.Int("seeds", 20, "starts of each texture")
	iterations := flag.Int("iterations", 60, "iterations of each run")
	flag.Parse()
	fmt.Println("texture, optimizer: loss | pixel correlation | long-lag autocorrelation (mean ± standard error)")
	for _, name := range strings.Split(*list, ",") {
		target, err := images.Example(name, *size, *size, 0)
		check(err)
		m, err := models.NewPortillaSimoncelli(*size, *size, models.PortillaSimoncelliOptions{Scales: *scales})
		check(err)
		for _, spectral := range []bool{false, true} {
			var loss, pixels, lags []float64
			for seed := range *seeds {
				x, l := metamer(target, m, optim.LBFGS{Spectral: spectral}, uint64(seed), *iterations)
				loss = append(loss, l)
				pixels = append(pixels, correlation(tensor.Floats(x), tensor.Floats(target)))
				lags = append(lags, correlation(longLags(x), longLags(target)))
			}
			fmt.Printf("%s, spectral %v: %s | %s | %s\n", name, spectral, spread(loss), spread(pixels), spread(lags))
		}
	}
}

func metamer(target tensor.Tensor, m synth.Model, o optim.Optimizer, seed uint64, iterations int) (tensor.Tensor, float64) {
	s, err := synth.NewMetamer(nil, target, m, synth.MetamerOptions{Loss: synth.PortillaSimoncelli{}, Optimizer: o, Seed: seed, Tolerance: new(0.)})
	check(err)
	defer s.Close()
	r, err := s.Run(context.Background(), synth.Stop{Iterations: iterations})
	check(err)
	x, err := s.Image()
	check(err)
	return x, r.Loss[0]
}

// counted is the farthest lag, at full size, that a statistic of the model's
// finest scale counts; coarser ones count farther lags of less detail.
const counted = 8

// longLags returns the circular autocorrelation of x (1, 1, H, W) beyond counted.
func longLags(x tensor.Tensor) []float64 {
	t := autograd.New(nil)
	defer t.Close()
	v := t.Const(x)
	v = v.Sub(v.KeepAxes(v.Mean(2, 3), 2, 3))
	a, err := autograd.Eval(v.FFT(autograd.Ortho, 2, 3).Abs2().Cast(tensor.Complex128).IFFT(autograd.Backward, 2, 3).Real())
	check(err)
	h, w, values := x.Dim[2], x.Dim[3], tensor.Floats(a)
	var list []float64
	for i := range h {
		for j := range w {
			if max(min(i, h-i), min(j, w-j)) > counted {
				list = append(list, values[i*w+j])
			}
		}
	}
	return list
}

func correlation(a, b []float64) float64 {
	ma, mb := mean(a), mean(b)
	var ab, aa, bb float64
	for i := range a {
		u, v := a[i]-ma, b[i]-mb
		ab, aa, bb = ab+u*v, aa+u*u, bb+v*v
	}
	return ab / math.Sqrt(aa*bb)
}

func mean(v []float64) float64 {
	sum := 0.
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

func spread(v []float64) string {
	m, square := mean(v), 0.
	for _, x := range v {
		square += (x - m) * (x - m)
	}
	return fmt.Sprintf("%.4f ± %.4f", m, math.Sqrt(square/float64(len(v)-1)/float64(len(v))))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
