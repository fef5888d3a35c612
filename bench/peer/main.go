// Command peer times cases for bench/compare.py. It reads lines
//
//	CASE DTYPE THREADS STRETCHES CLOCK
//
// where CLOCK is wall, or processor for the time that the program's threads ran,
// and answers each by one line of JSON: {"ms": […]}, the milliseconds of one run
// in each stretch of runs, or {"error": "…"}. What a case needs is kept until
// another comes.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"syscall"
	"time"

	"github.com/percept-go/percept/bench"
	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// last is what was timed last.
var last struct {
	name  string
	timer *bench.Timer
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		answer := map[string]any{}
		ms, err := serve(lines.Text())
		if answer["ms"] = ms; err != nil {
			answer = map[string]any{"error": err.Error()}
		}
		if err := out.Encode(answer); err != nil {
			log.Fatal(err)
		}
	}
}

func serve(line string) ([]float64, error) {
	var name, dtype, clock string
	var threads, stretches int
	if _, err := fmt.Sscan(line, &name, &dtype, &threads, &stretches, &clock); err != nil {
		return nil, fmt.Errorf("%q: %w", line, err)
	}
	key := fmt.Sprint(name, dtype, threads)
	if last.name != key {
		if last.timer != nil {
			last.timer.Close()
		}
		last.name, last.timer = "", nil
		c, err := bench.Parse(name)
		if err != nil {
			return nil, err
		}
		d := tensor.Float64
		if dtype == "float32" {
			d = tensor.Float32
		}
		if last.timer, err = bench.New(c, d, threads, kernels.Auto); err != nil {
			return nil, err
		}
		last.name = key
	}
	if last.timer.Clock = nil; clock == "processor" {
		last.timer.Clock = processorTime
	}
	took, err := last.timer.Time(stretches)
	if err != nil {
		return nil, err
	}
	var ms []float64
	for _, d := range took {
		ms = append(ms, d.Seconds()*1e3)
	}
	return ms, nil
}

// processorTime returns the time that all threads have run.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
