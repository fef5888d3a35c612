package synth

import (
	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// A machine runs programs of its own choice, one at a tick, where one program
// would evaluate much in vain. What must outlast it lies in Vars (N, …).
type machine interface {
	X() autograd.Value // the Var of the images
	// tick runs one program, under the given limits (rows, optim.LimitColumns),
	// and fills a report (rows, optim.ReportColumns).
	tick(limits, reports []float64) error
	// evaluation returns the program that evaluates the loss.
	evaluation() *autograd.Program
}

// machineIterations is after how many iterations a machine ends by default.
const machineIterations = 1000

// buildMachine makes the machine for the given images.
func (s *Synthesis) buildMachine(tape *autograd.Tape, images []int) error {
	m, err := s.machine(tape, images)
	if err != nil {
		return err
	}
	tape.Trim() // nothing has run
	s.tape, s.running, s.losses, s.whole, s.rows = tape, m, []program{{prog: m.evaluation()}}, nil, images
	s.makeReports(len(images))
	return nil
}

// run runs a program, or one of the machine's, and reads what it reports.
func (s *Synthesis) run(p *program) error {
	if s.running != nil {
		return s.running.tick(tensor.Slice[float64](s.limits), s.reports)
	}
	if err := p.prog.Run(); err != nil {
		return err
	}
	return p.prog.Read(0, s.report)
}

// imagesVar returns the Var of the images.
func (s *Synthesis) imagesVar() autograd.Value {
	if s.running != nil {
		return s.running.X()
	}
	return s.state.X()
}
