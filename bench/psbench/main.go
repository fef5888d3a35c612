// Command psbench times one evaluation of the Portilla–Simoncelli model, or of
// the steerable pyramid: loss and gradient with respect to the image. It prints JSON with the milliseconds
// of every run, on the clock and of the processor, and of recording and compiling, or
// with -profile the cost of each step.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand"
	"os"
	"runtime/pprof"
	"sort"
	"syscall"
	"time"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/models"
	"github.com/percept-go/percept/tensor"
)

func main() {
	size := flag.Int("size", 256, "side of the image in pixels")
	batch := flag.Int("batch", 1, "images")
	width := flag.Int("width", 9, "correlation width")
	dtype := flag.String("dtype", "float64", "float32 or float64")
	threads := flag.Int("threads", 1, "threads")
	level := flag.String("cpu-level", "auto", "purego, avx2, avx512 or auto")
	model := flag.String("model", "portilla-simoncelli", "or steerable-pyramid: complex, height 4, order 3, loss the sum of squares")
	runs := flag.Int("runs", 20, "timed evaluations")
	profile := flag.Bool("profile", false, "print the cost of each step instead")
	dump := flag.Bool("dump", false, "print the compiled program instead")
	cpu := flag.String("cpuprofile", "", "write a CPU profile of the timed evaluations to this file")
	flag.Parse()
	l, err := kernels.ParseLevel(*level)
	check(err)
	d := tensor.Float64
	if *dtype == "float32" {
		d = tensor.Float32
	}
	device := autograd.CPU{Threads: *threads, Level: l}
	var p *autograd.Program
	start := time.Now()
	switch *model {
	case "portilla-simoncelli":
		p, err = evaluation(device, d, *batch, *size, *width)
	case "steerable-pyramid":
		p, err = pyramid(device, d, *batch, *size)
	default:
		err = fmt.Errorf("there is no model %q", *model)
	}
	check(err)
	compiled := time.Since(start)
	switch {
	case *dump:
		fmt.Print(p.Dump())
	case *profile:
		printProfile(p, *runs)
	default:
		var ms, cpuMS []float64
		check(p.Run())
		if *cpu != "" {
			f, err := os.Create(*cpu)
			check(err)
			check(pprof.StartCPUProfile(f))
			defer pprof.StopCPUProfile()
		}
		for range *runs {
			start, used := time.Now(), cpuTime()
			check(p.Run())
			ms = append(ms, float64(time.Since(start).Microseconds())/1000)
			cpuMS = append(cpuMS, float64((cpuTime()-used).Microseconds())/1000)
		}
		check(json.NewEncoder(os.Stdout).Encode(map[string]any{"ms": ms, "cpu_ms": cpuMS, "compile_ms": float64(compiled.Microseconds()) / 1000, "counts": p.Counts()}))
	}
}

// cpuTime returns the time that all threads have run in user mode.
func cpuTime() time.Duration {
	var u syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano())
}

// evaluation compiles the loss ‖z(x) − z(target)‖₂ and its gradient.
func evaluation(dev autograd.Backend, d tensor.DType, batch, size, width int) (*autograd.Program, error) {
	m, err := models.NewPortillaSimoncelli(size, size, models.PortillaSimoncelliOptions{CorrelationWidth: width})
	if err != nil {
		return nil, err
	}
	tape := autograd.New(dev)
	target, x := tape.Const(noise(d, batch, size, 1)), tape.Var("image", noise(d, batch, size, 2))
	diff := m.Forward(x).Sub(m.Forward(target))
	loss := diff.Square().SumWide(1, 2).Sqrt()
	return tape.Compile([]autograd.Value{loss, autograd.Grad(loss, x)[0]}, autograd.Value{})
}

// pyramid compiles the sum of squares of the coefficients and its gradient.
func pyramid(dev autograd.Backend, d tensor.DType, batch, size int) (*autograd.Program, error) {
	height := 4
	m, err := models.NewSteerablePyramid(size, size, models.SteerablePyramidOptions{Height: &height, Complex: true})
	if err != nil {
		return nil, err
	}
	tape := autograd.New(dev)
	x := tape.Var("image", noise(d, batch, size, 2))
	c := m.Coefficients(x)
	parts := []autograd.Value{c.Highpass.Square().Sum(1, 2, 3), c.Lowpass.Square().Sum(1, 2, 3)}
	for _, b := range c.Bands {
		parts = append(parts, b.Abs2().Sum(1, 2, 3, 4))
	}
	loss := autograd.Sum(parts...)
	return tape.Compile([]autograd.Value{loss, autograd.Grad(loss, x)[0]}, autograd.Value{})
}

func noise(d tensor.DType, batch, size int, seed int64) tensor.Tensor {
	r := rand.New(rand.NewSource(seed))
	t := tensor.New(d, batch, 1, size, size)
	for i := range t.Len() {
		t.StoreReal(i, r.Float64())
	}
	return t
}

func printProfile(p *autograd.Program, runs int) {
	steps, err := p.Profile(runs)
	check(err)
	type line struct {
		n             int
		time          time.Duration
		read, written int64
	}
	sum, total := map[string]*line{}, time.Duration(0)
	for _, s := range steps {
		l := sum[s.Name]
		if l == nil {
			l = &line{}
			sum[s.Name] = l
		}
		l.n, l.time, l.read, l.written = l.n+1, l.time+s.Time, l.read+s.Read, l.written+s.Written
		total += s.Time
	}
	var names []string
	for n := range sum {
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool { return sum[names[i]].time > sum[names[j]].time })
	fmt.Printf("%v in %d steps\n", total, len(steps))
	for _, n := range names {
		l := sum[n]
		gbs := float64(l.read+l.written) / max(l.time.Seconds(), 1e-9) / 1e9
		fmt.Printf("%8.3f ms %4d× %7.1f MB read %7.1f MB written %6.1f GB/s  %s\n",
			l.time.Seconds()*1e3, l.n, float64(l.read)/1e6, float64(l.written)/1e6, gbs, n)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
