// Command busy shows what another program costs: it times the evaluation of the
// texture model, loss and gradient, on one thread and on several in turn, alone and
// beside processes that compute without end, on the cores where the scheduler puts
// them or, with -pin, on given ones.
//
//	go run ./bench/busy -dtype float32 -pin
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"github.com/percept-go/percept/bench"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

func main() {
	log.SetFlags(0)
	name := flag.String("case", "ps-256", "what is timed, as percept bench names it")
	dtype := flag.String("dtype", "float64", "float32 or float64")
	threads := flag.Int("threads", 2, "threads that are compared with one")
	others := flag.Int("others", 1, "processes that compute without end")
	pin := flag.Bool("pin", false, "hold the first of them to core 0, the next to core 1 and so on; needs taskset")
	rounds := flag.Int("rounds", 40, "turns of each")
	spin := flag.Bool("spin", false, "compute without end")
	flag.Parse()
	if *spin {
		for parent := os.Getppid(); os.Getppid() == parent; {
			work()
		}
		return
	}
	c, err := bench.Parse(*name)
	check(err)
	d := tensor.Float64
	if *dtype == "float32" {
		d = tensor.Float32
	}
	var timers []*bench.Timer
	for _, n := range []int{1, *threads} {
		t, err := bench.New(c, d, n, kernels.Auto)
		check(err)
		defer t.Close()
		timers = append(timers, t)
	}
	fmt.Printf("%v, %v: milliseconds of a run on 1 thread and on %d, %d turns\n\n", c, d, *threads, *rounds)
	fmt.Printf("| beside | 1 thread: mean | median | %d threads: mean | median | times faster: mean | median |\n", *threads)
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- |")
	compare("nothing", timers, *rounds)
	stop := start(*others, *pin)
	compare(fmt.Sprintf("%d processes", *others), timers, *rounds)
	stop()
}

// work keeps a core busy for some milliseconds.
func work() {
	x := 1.0
	for range 1 << 22 {
		x = x*.999 + .1
	}
	if x == 0 {
		log.Fatal("underflow")
	}
}

// start starts processes of this program that compute until they are stopped.
func start(n int, pin bool) (stop func()) {
	self, err := os.Executable()
	check(err)
	var running []*exec.Cmd
	for i := range n {
		p := exec.Command(self, "-spin")
		if pin {
			p = exec.Command("taskset", "-c", strconv.Itoa(i), self, "-spin")
		}
		check(p.Start())
		running = append(running, p)
	}
	return func() {
		for _, p := range running {
			check(p.Process.Kill())
			_ = p.Wait() // says that it was killed
		}
	}
}

// settling is how long each timer runs before it is timed: it finds out by trial
// whether threads help.
const settling = 5 * time.Second

// compare times the two timers in turn and prints a line.
func compare(beside string, timers []*bench.Timer, rounds int) {
	const runs = 5 // of each turn
	took := make([][]float64, len(timers))
	for _, t := range timers {
		for begin := time.Now(); time.Since(begin) < settling; {
			check(t.Run())
		}
	}
	for range rounds {
		for i, t := range timers {
			for range runs {
				begin := time.Now()
				check(t.Run())
				took[i] = append(took[i], 1e3*time.Since(begin).Seconds())
			}
		}
	}
	mean, median := make([]float64, len(timers)), make([]float64, len(timers))
	for i, v := range took {
		for _, x := range v {
			mean[i] += x / float64(len(v))
		}
		slices.Sort(v)
		median[i] = v[len(v)/2]
	}
	fmt.Printf("| %s | %.1f | %.1f | %.1f | %.1f | %.2f | %.2f |\n", beside,
		mean[0], median[0], mean[1], median[1], mean[0]/mean[1], median[0]/median[1])
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
