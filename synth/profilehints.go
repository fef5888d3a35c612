package synth

import (
	"fmt"
	"math"

	"github.com/percept-go/percept/tensor"
)

const (
	// manyCalls of one operation from one line are a loop.
	manyCalls = 8
	// worthAHint is the share of the time from which a line is worth a hint.
	worthAHint = .02
	// farFromRoof is the part of both roofs below which a line waits for
	// something else.
	farFromRoof = .1
	// rankOne is the relative error of a filter as a product of two.
	rankOne = 1e-6
)

// hints are what can be said of a line from its steps.
var hints = []func(p *ModelProfile, l *LineCost, steps []*StepCost) string{loopHint, copyHint, separableHint, lengthHint, smallHint}

// advise adds hints to the lines and to the whole.
func (p *ModelProfile) advise(o ProfileOptions) {
	of := map[string][]*StepCost{}
	for i := range p.Steps {
		of[p.Steps[i].Line] = append(of[p.Steps[i].Line], &p.Steps[i])
	}
	for i := range p.Lines {
		l := &p.Lines[i]
		if l.Share < worthAHint {
			continue
		}
		for _, h := range hints {
			if text := h(p, l, of[l.Line]); text != "" {
				l.Hints = append(l.Hints, text)
			}
		}
	}
	if o.DType == tensor.Float64 {
		p.Hints = append(p.Hints, "float32 moves half the bytes and computes twice as fast, where the model's precision allows it")
	}
	_, median, _ := p.Quartiles()
	sum := 0.
	for _, s := range p.Steps {
		sum += s.Milliseconds
	}
	if sum < .7*median {
		p.Hints = append(p.Hints, fmt.Sprintf("the steps by themselves take %.3g ms of %.3g: the rest is spent between them, in caches that others use, or waiting for a busy machine", sum, median))
	}
}

// loopHint finds a loop of small operations that one over an axis would replace.
func loopHint(_ *ModelProfile, _ *LineCost, steps []*StepCost) string {
	calls := map[string]int{}
	for _, s := range steps {
		if !s.Backward && len(s.step.Out) > 0 {
			calls[fmt.Sprint(s.Name, " ", s.step.Out[0].Type)]++
		}
	}
	for name, n := range calls {
		if n >= manyCalls {
			return fmt.Sprintf("%d calls of %s: if this is a loop, Stack the arguments and make one call, or an Einsum over an axis", n, name)
		}
	}
	return ""
}

// copyHint finds copies of what would be a view if strides allowed it.
func copyHint(_ *ModelProfile, l *LineCost, steps []*StepCost) string {
	ms, name := 0., ""
	for _, s := range steps {
		if s.step.Op != nil && s.step.Op.View != nil {
			ms, name = ms+s.Milliseconds, s.Name
		}
	}
	if ms < .3*l.Milliseconds() {
		return ""
	}
	return fmt.Sprintf("%s copies, since no strides make it a view of its argument: another order of axes before it may avoid that", name)
}

// separableHint finds a convolution with filters that are products of a column
// and a row.
func separableHint(_ *ModelProfile, _ *LineCost, steps []*StepCost) string {
	for _, s := range steps {
		if s.step.Op == nil || s.step.Op.Name != "correlate" || s.Backward {
			continue
		}
		w := s.step.In[1]
		if h, v := w.Dim[2], w.Dim[3]; h > 1 && v > 1 && !w.DType.IsComplex() && separable(w) {
			return fmt.Sprintf("the %d×%d filter is the product of a column and a row: two correlations take %d products a pixel in place of %d", h, v, h+v, h*v)
		}
	}
	return ""
}

// separable reports whether all filters (O, C, h, w) have rank 1.
func separable(w tensor.Tensor) bool {
	v := tensor.Floats(w)
	h, wide := w.Dim[2], w.Dim[3]
	for f := 0; f < len(v); f += h * wide {
		if !rank1(v[f:f+h*wide], wide) {
			return false
		}
	}
	return true
}

// rank1 reports whether the matrix v with rows of n is the product of a column
// and a row: those through its largest element.
func rank1(v []float64, n int) bool {
	at := 0
	for i := range v {
		if math.Abs(v[i]) > math.Abs(v[at]) {
			at = i
		}
	}
	top := v[at]
	if top == 0 {
		return false
	}
	for i := range v {
		if math.Abs(v[i]-v[i/n*n+at%n]*v[at/n*n+i%n]/top) > rankOne*math.Abs(top) {
			return false
		}
	}
	return true
}

// lengthHint finds transforms of lengths with large prime factors.
func lengthHint(_ *ModelProfile, _ *LineCost, steps []*StepCost) string {
	for _, s := range steps {
		if s.step.Op == nil || s.step.Op.Name != "fft" && s.step.Op.Name != "rfft" && s.step.Op.Name != "irfft" {
			continue
		}
		x := s.step.In[0].Type
		if s.step.Op.Name == "irfft" {
			x = s.step.Out[0].Type
		}
		for _, n := range x.Shape() {
			if p := largestPrime(n); n > 32 && p > 7 {
				return fmt.Sprintf("a transform along %d elements, a multiple of the prime %d, takes longer than along %d", n, p, smooth7(n))
			}
		}
	}
	return ""
}

func largestPrime(n int) int {
	largest := 1
	for p := 2; n > 1; p++ {
		for n%p == 0 {
			n, largest = n/p, p
		}
	}
	return largest
}

// smooth7 returns the least number from n on without prime factors above 7.
func smooth7(n int) int {
	for largestPrime(n) > 7 {
		n++
	}
	return n
}

// smallHint finds steps that are too small to come near a roof.
func smallHint(p *ModelProfile, l *LineCost, steps []*StepCost) string {
	if p.Bandwidth == 0 || l.OfRoof > farFromRoof || len(steps) < manyCalls || p.Counts.Parts > 0 {
		return ""
	}
	each := l.Bytes / int64(len(steps))
	if each > 64<<10 {
		return ""
	}
	return fmt.Sprintf("%d steps of %.2g kB on average reach %.0f %% of the roof: they are too small; more images in a batch cost little here", len(steps), float64(each)/1e3, 100*l.OfRoof)
}
