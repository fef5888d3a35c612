package cli

import (
	"fmt"
	"math"
	"slices"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/cuda"
)

// fits returns how many of the first jobs, which can be one synthesis, the GPU has
// memory for, as the plans for one and for two say; all of them where the CPU
// computes or the plans cannot be made, which then shows. It errs, saying what
// would fit, if there is too little for one.
func (a *app) fits(jobs []*job) (int, error) {
	f := jobs[0].flags
	if f.common().device.device.gpu < 0 {
		return len(jobs), nil
	}
	b, err := f.common().backend()
	if err != nil {
		return 0, err
	}
	defer b.Close()
	const tables = 64 << 20 // of kernels and transforms, whatever the batch
	return a.fitsOn(b, b.(*cuda.Device).Info().Free-tables, jobs)
}

// fitsOn is fits for a device with as many bytes free.
func (a *app) fitsOn(b autograd.Backend, free int64, jobs []*job) (int, error) {
	f, j := jobs[0].flags, jobs[0]
	n, first, further, err := autograd.Fits(b, free, func(b autograd.Backend, n int) error {
		m, err := f.start(b, slices.Repeat(jobs[:1], n))
		if err == nil {
			m.Close()
		}
		return err
	})
	if err != nil {
		return len(jobs), nil
	}
	if n == 0 {
		free = max(free, 0)
		scale := math.Sqrt(float64(free) / float64(first))
		fits := "nothing fits"
		if h, w := int(float64(j.target.Dim[2])*scale), int(float64(j.target.Dim[3])*scale); h > 0 && w > 0 {
			fits = fmt.Sprintf("about --size %dx%d fits", h, w)
			for _, flag := range [][2]string{{"optimizer", ", or less --optimizer lbfgs:history"}, {"steps", ", or fewer --steps"}} {
				if f.common().set.Lookup(flag[0]) != nil {
					fits += flag[1]
				}
			}
		}
		return 0, usage("%s: a synthesis of %d×%d pixels needs about %s of %s, of which %s are free; %s",
			j.inputText(), j.target.Dim[2], j.target.Dim[3], bytesText(first), b.Name(), bytesText(free), fits)
	}
	if n < len(jobs) {
		a.note("%s has memory for %d such images at a time: %s for one, %s for each other, %s are free",
			b.Name(), n, bytesText(first), bytesText(further), bytesText(free))
	}
	return min(n, len(jobs)), nil
}
