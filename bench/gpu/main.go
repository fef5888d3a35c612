// Command gpu checks the GPU backend on the machine it runs on and measures it. It
// needs an NVIDIA driver and nothing else, and writes what it finds as JSON.
//
//	gpu [-device N] [-quick] [-o gpu.json] [-only verify|measure|count]
//
// On the emulator, -quick runs everything once at small sizes, and -only count
// tells what a step launches and moves, with the time to expect.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/percept-go/percept/cuda"
)

// report is the JSON that is written.
type report struct {
	When    string
	Device  cuda.Info
	Quick   bool      // small sizes: no figure of such a run means anything
	Verify  []verdict // every op and model against its definition on the CPU
	Kernels []kernelTime
	FFT     []fftTime
	Steps   []stepTime
	Metamer []metamerTime
}

func main() {
	ordinal := flag.Int("device", 0, "number of the GPU")
	quick := flag.Bool("quick", false, "small sizes and few runs, to try this command on the emulator")
	out := flag.String("o", "gpu.json", "where the report goes")
	only := flag.String("only", "", "verify, measure or count: launches and bytes of a step, without running one")
	flag.Parse()
	if err := run(*ordinal, *quick, *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "gpu:", err)
		os.Exit(1)
	}
}

func run(ordinal int, quick bool, out, only string) error {
	dev, err := cuda.Open(ordinal)
	if err != nil {
		return err
	}
	defer dev.Close()
	r := &report{When: time.Now().UTC().Format(time.RFC3339), Device: dev.Info(), Quick: quick}
	fmt.Printf("%s, %.1f GiB, compute capability %d.%d, driver for CUDA %s\n", r.Device.Name, float64(r.Device.Memory)/(1<<30), r.Device.Major, r.Device.Minor, r.Device.Driver)
	failed := 0
	m := &meter{dev: dev, quick: quick, count: only == "count", roof: assumedRoof}
	parts := map[string][]func(*report) error{"": {m.kernels, m.ffts, m.steps, m.metamers}, "measure": {m.kernels, m.ffts, m.steps, m.metamers}, "count": {m.steps}}[only]
	if only == "" || only == "verify" {
		r.Verify, failed = verify(dev)
		fmt.Printf("%d checks, %d failed\n", len(r.Verify), failed)
	}
	for _, part := range parts {
		if err := part(r); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, append(b, '\n'), 0o644); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed; see %s", failed, len(r.Verify), out)
	}
	return nil
}
