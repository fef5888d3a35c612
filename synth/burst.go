package synth

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/tensor"
)

// burstTicks is how many ticks a device makes before the host reads what they
// report: reading waits, and a tick is short.
const burstTicks = 16

// burst runs a program, or one of the machine's, and reads what it reports. On a
// device it runs several ticks and reads once; images that end in the middle are
// frozen there. It returns how many ticks it ran.
func (s *Synthesis) burst(p *program) (ticks int, err error) {
	if ticks = s.ahead(); ticks == 1 {
		return 1, s.run(p)
	}
	if p.ring == nil {
		if p.ring, err = p.prog.NewRing(0, burstTicks); err != nil {
			return 0, err
		}
	}
	for range ticks {
		if err := p.prog.Run(); err != nil {
			return 0, err
		}
		if err := p.ring.Keep(); err != nil {
			return 0, err
		}
	}
	n := ticks * len(s.rows) * optim.ReportColumns
	return ticks, p.ring.Read(tensor.Of(s.reports[:n], ticks, len(s.rows), optim.ReportColumns))
}

// ahead returns how many ticks can be made without looking: as many as are needed
// in any case, an iteration being at least one, unless something is decided
// between them on the host.
func (s *Synthesis) ahead() int {
	_, host := s.backend.(autograd.CPU)
	if host || s.backend == nil || s.running != nil || s.stages.any() || s.every > 0 {
		return 1
	}
	most := 1
	for _, k := range s.rows {
		if t := &s.tracks[k]; t.ended == "" {
			most = max(most, s.budget.iterations(t)-t.iterations)
		}
	}
	return min(most, burstTicks)
}
