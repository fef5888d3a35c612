package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/percept-go/percept/cuda"
)

// A deviceName is the value of --device: cpu, or cuda:N.
type deviceName struct {
	value string
	gpu   int // -1: none
}

func newDeviceName() *deviceName { return &deviceName{"cpu", -1} }

func (d *deviceName) String() string  { return d.value }
func (d *deviceName) Type() string    { return "cpu|cuda:N" }
func (d *deviceName) names() []string { return []string{"cpu", "cuda:0"} }

// Set takes cpu, cuda or cuda:N.
func (d *deviceName) Set(s string) error {
	if s == "cpu" {
		d.value, d.gpu = s, -1
		return nil
	}
	rest, ok := strings.CutPrefix(s, "cuda")
	number := strings.TrimPrefix(rest, ":")
	if rest == "" {
		number = "0"
	}
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 0 || rest != "" && rest[0] != ':' {
		return fmt.Errorf("cpu, or cuda:N for GPU number N, expected")
	}
	d.value, d.gpu = fmt.Sprintf("cuda:%d", n), n
	return nil
}

// check errs, before anything is computed, if there is no such GPU.
func (f *deviceFlags) check() error {
	if f.device.gpu < 0 {
		return nil
	}
	list, err := cuda.List()
	if err == nil && f.device.gpu >= len(list) {
		err = fmt.Errorf("cuda: %w: number %d of %d", cuda.ErrNoDevice, f.device.gpu, len(list))
	}
	if err != nil {
		return usage("--device %s: %s", f.device.value, strings.TrimPrefix(err.Error(), "cuda: "))
	}
	return nil
}

// gpuItems lists the GPUs, or says why there are none.
func gpuItems() []item {
	list, err := cuda.List()
	switch {
	case errors.Is(err, cuda.ErrNotBuilt):
		return []item{{name: "cuda", doc: "not in this program: it was built without -tags cuda (docs/cuda.md)"}}
	case err != nil:
		return []item{{name: "cuda", doc: "not available: " + strings.TrimPrefix(err.Error(), "cuda: ")}}
	case len(list) == 0:
		return []item{{name: "cuda", doc: "not available: the driver sees no GPU"}}
	}
	items := make([]item, len(list))
	for i, g := range list {
		items[i] = item{name: fmt.Sprintf("cuda:%d", g.Ordinal), doc: fmt.Sprintf("%s, %.1f GiB, compute capability %d.%d, driver for CUDA %s",
			g.Name, float64(g.Memory)/(1<<30), g.Major, g.Minor, g.Driver)}
	}
	return items
}
