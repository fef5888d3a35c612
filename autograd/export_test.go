package autograd

import "github.com/percept-go/percept/tensor"

// Passes are the compiler passes that tests switch off.
type Passes struct {
	NoHoist, NoFuse, NoPlan, NoLoop bool
	Parts                           int // of a loop, worth it or not
}

// CompileWith is Compile without some passes.
func (t *Tape) CompileWith(p Passes, out []Value, guard Value, updates ...Update) (*Program, error) {
	return t.compile(passes{p.NoHoist, p.NoFuse, p.NoPlan, p.NoLoop, p.Parts}, out, guard, updates)
}

// Outs returns one entry per output of p.
func (p *Program) Outs() []int32 { return p.outs }

// Arena returns the working memory of t.
func (t *Tape) Arena() tensor.Memory { return t.arena }
