package bench

import (
	"fmt"
	"slices"

	"github.com/percept-go/percept/kernels"
	"github.com/percept-go/percept/tensor"
)

// A Measurement is how long a case took, in stretches of runs.
type Measurement struct {
	Case         string    `json:"case"`
	DType        string    `json:"dtype"`
	Threads      int       `json:"threads"`
	Milliseconds []float64 `json:"milliseconds"` // of one run, sorted
	GBs          float64   `json:"gbs"`          // read and written in the fastest, by the sizes of what its steps read and write
	Bandwidth    float64   `json:"roof_gbs"`     // for so many bytes
	GFLOPs       float64   `json:"gflops"`
	Peak         float64   `json:"roof_gflops"`
}

// Measure times a case in as many stretches as rounds, and compares it with the
// roof. It errs as New does, or if the backend fails.
func Measure(c Case, d tensor.DType, threads, rounds int, level kernels.Level, roof Roof) (m Measurement, err error) {
	t, err := New(c, d, threads, level)
	if err != nil {
		return m, err
	}
	defer t.Close()
	took, err := t.Time(rounds)
	if err != nil {
		return m, err
	}
	m = Measurement{Case: c.String(), DType: d.String(), Threads: threads, Bandwidth: roof.Bandwidth(t.Bytes), Peak: roof.GFLOPs[d.String()]}
	for _, d := range took {
		m.Milliseconds = append(m.Milliseconds, d.Seconds()*1e3)
	}
	slices.Sort(m.Milliseconds)
	second := least(took).Seconds()
	m.GBs, m.GFLOPs = float64(t.Bytes)/second/1e9, float64(t.FLOPs)/second/1e9
	return m, nil
}

// Least returns the milliseconds of the fastest run.
func (m *Measurement) Least() float64 { return m.Milliseconds[0] }

// Quartiles returns those of the milliseconds, the median in the middle.
func (m *Measurement) Quartiles() (low, middle, high float64) {
	n := len(m.Milliseconds)
	return m.Milliseconds[n/4], m.Milliseconds[n/2], m.Milliseconds[3*n/4]
}

// A Change is how a case got on since an older measurement.
type Change struct {
	Ratio float64 // time now over time then, of the fastest runs
	// Real reports whether that is more than noise: the quartiles do not overlap
	// and both the medians and the fastest runs differ by more than 3 %.
	Real bool
}

// noise is the relative difference of two times that means nothing.
const noise = .03

// Since compares m with an older measurement of the same case.
func (m *Measurement) Since(old *Measurement) Change {
	return Compare(old.Milliseconds, m.Milliseconds)
}

// Compare compares sorted times with older ones.
func Compare(before, now []float64) Change {
	m, old := &Measurement{Milliseconds: now}, &Measurement{Milliseconds: before}
	c := Change{Ratio: m.Least() / old.Least()}
	low, middle, high := m.Quartiles()
	oldLow, oldMiddle, oldHigh := old.Quartiles()
	apart := low > oldHigh || high < oldLow
	slower, slowerBest := middle/oldMiddle, c.Ratio
	c.Real = apart && (slower > 1+noise && slowerBest > 1+noise || slower < 1-noise && slowerBest < 1-noise)
	return c
}

// String says what became of a time.
func (c Change) String() string {
	switch {
	case !c.Real:
		return "the same within noise"
	case c.Ratio > 1:
		return fmt.Sprintf("%.2f times slower", c.Ratio)
	}
	return fmt.Sprintf("%.2f times faster", 1/c.Ratio)
}
