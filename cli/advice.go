package cli

import (
	"fmt"
	"math"
	"strings"

	"github.com/percept-go/percept/internal/judge"
	"github.com/percept-go/percept/internal/runfolder"
	"github.com/percept-go/percept/synth"
)

// A trend is how the loss fares at the end of a run.
type trend struct {
	rows  int
	fall  float64 // of its logarithm to base 10, over the last fifth of the rows
	noisy bool    // it goes up as often as down
	ended bool    // by tolerance
}

func trendOf(loss []float64, stopped string) trend {
	t := trend{rows: len(loss), ended: stopped == "tolerance"}
	n := len(loss) / 5
	if n < 2 {
		t.fall = math.Inf(1)
		return t
	}
	tail, ups := loss[len(loss)-n-1:], 0
	for i := 1; i < len(tail); i++ {
		if tail[i] > tail[i-1] {
			ups++
		}
	}
	t.fall = math.Log10(tail[0] / tail[n])
	t.noisy = ups > n/4
	return t
}

// stillFalling is the fall, in decades over the last fifth of a run, from which
// on more iterations are worth while.
const stillFalling = .01

// advise says what to try for a metamer that is not matched, the most promising
// first, as commands that exist.
func (v *runView) advise(groups []judge.Group, model synth.Model) []judge.Advice {
	t := trendOf(v.history.Column("loss"), v.words("stopped_by"))
	optimizer, _, _ := strings.Cut(v.setting("optimizer"), ":")
	a := &adviser{v: v}
	more := max(int(v.iteration()), 50)
	if t.fall > stillFalling && !t.ended {
		a.add("the loss was still falling: go on", "--resume", v.folder.Dir, "--iterations", fmt.Sprintf("+%d", more))
	}
	if t.ended {
		a.anew("the run stopped by its tolerance: let it go on for longer", "longer", "--tolerance", "0", "--iterations", fmt.Sprint(2*more))
	}
	if optimizer != "lbfgs" {
		if t.noisy {
			a.anew("the loss goes up and down: lower the rate as the run goes on", "cosine", "--scheduler", fmt.Sprintf("cosine:iterations=%d", more))
			a.anew("or take a third of the rate", "slower", "--optimizer", optimizer+":lr="+fmt.Sprint(v.rate()/3))
		} else if t.fall <= stillFalling {
			a.anew("the loss hardly falls: take three times the rate", "faster", "--optimizer", optimizer+":lr="+fmt.Sprint(v.rate()*3))
		}
		a.anew("another optimizer: L-BFGS is best for most models", "lbfgs", "--optimizer", "lbfgs", "--iterations", "100", "--scheduler", "none")
	} else if t.fall <= stillFalling {
		a.anew("L-BFGS hardly moves: let each step search longer, and remember more", "deeper", "--optimizer", "lbfgs:max-iter=40,max-eval=40,history=300")
	}
	if _, scaled := model.(synth.Scaled); scaled && v.setting("coarse-to-fine") != string(synth.Together) {
		a.anew("coarse scales first: they hold up the fine ones", "coarse-to-fine", "--coarse-to-fine", "together")
	}
	if lag := lagging(groups); lag != "" {
		loss, _, _ := strings.Cut(v.setting("loss"), ":")
		if loss != "groupwise" && loss != "portilla-simoncelli" {
			loss = "groupwise"
		}
		a.anew("the group that lags most: give it ten times the weight", "weighted", "--loss", fmt.Sprintf("%s:weight.%s=10", loss, lag))
		a.anew("or divide every group by its size for the target", "groupwise", "--loss", "groupwise")
	}
	if share, ok := v.number("penalty_share"); ok && share > synth.MatchedPenalty {
		a.anew("the penalty is much of the objective: weigh it less", "free", "--penalty", "range:weight=0.01")
	}
	a.anew("another start: some end in a poor place", "other-start", "--seed", fmt.Sprint(v.seed()+1))
	return a.list
}

// An adviser gathers commands that the program takes.
type adviser struct {
	v    *runView
	list []judge.Advice
}

// add appends a command of the run's method if its flags and their values exist.
func (a *adviser) add(why string, flags ...string) {
	args := append([]string{a.v.method}, flags...)
	cmd, rest, err := a.v.app.root().Find(args)
	if err != nil || cmd.Name() != a.v.method || cmd.ParseFlags(rest) != nil {
		return
	}
	a.list = append(a.list, judge.Advice{Why: why, Args: args})
}

// anew appends a run with the settings of this one, but for flags.
func (a *adviser) anew(why, name string, flags ...string) {
	flags = append(flags, "--config", a.v.folder.Path(runfolder.RunJSON), "-o", a.v.folder.Dir+"-"+name)
	a.add(why, flags...)
}

func (v *runView) seed() int { s, _ := v.number("seed"); return int(s) }

// rate returns the learning rate of the run.
func (v *runView) rate() float64 {
	if r, ok := v.number("settings", "optimizer", "lr"); ok {
		return r
	}
	return .01
}

// lagging returns the group that keeps most of its error, "" without groups.
func lagging(groups []judge.Group) string {
	worst := judge.Group{}
	for _, g := range groups {
		if len(groups) > 1 && g.Remains > worst.Remains {
			worst = g
		}
	}
	return worst.Name
}
