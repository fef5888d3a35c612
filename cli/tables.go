package cli

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/percept-go/percept/internal/spec"
	"github.com/percept-go/percept/optim"
	"github.com/percept-go/percept/synth"
)

// The tables of the specs that a synthesis takes. An entry makes what it is
// called after from its values.
type (
	lossTable      = spec.Table[func(s spec.Spec) (synth.Loss, error)]
	penaltyTable   = spec.Table[func(s spec.Spec) (synth.Penalty, error)]
	optimizerTable = spec.Table[func(s spec.Spec) optim.Optimizer]
	schedulerTable = spec.Table[func(s spec.Spec) optim.Scheduler]
)

// weightKeys are those of losses that weigh the groups of a representation.
var weightKeys = []spec.Key{
	{Name: "weights", Type: spec.Text, Doc: "JSON file with an object of weights by group: a number, or one for each entry"},
	{Name: "weight.GROUP", Type: spec.Float, Doc: "weight of one group"},
}

var losses = lossTable{Kind: "loss", Entries: []spec.Entry[func(s spec.Spec) (synth.Loss, error)]{
	{
		Name: "mse", Doc: "mean squared difference",
		Keys: []spec.Key{{Name: "scale", Type: spec.Word, Default: "none", Words: []string{"none", "start"}, Doc: "start divides by the value at the start"}},
		Make: func(s spec.Spec) (synth.Loss, error) { return synth.MSE{ScaleStart: s.Text("scale") == "start"}, nil },
	},
	{
		Name: "l2", Doc: "Euclidean norm of the difference",
		Make: func(spec.Spec) (synth.Loss, error) { return synth.L2{}, nil },
	},
	{
		Name: "relative-sse", Doc: "sum of squared differences over the target's sum of squares",
		Make: func(spec.Spec) (synth.Loss, error) { return synth.RelativeSSE{}, nil },
	},
	{
		Name: "groupwise", Doc: "Euclidean norm of the difference, every group divided by its norm for the target",
		Keys: weightKeys,
		Make: func(s spec.Spec) (synth.Loss, error) {
			w, err := weights(s)
			return synth.Groupwise{Weights: w}, err
		},
	},
	{
		Name: "portilla-simoncelli", Doc: "Euclidean norm of the difference, without pixel extrema and with the high-pass variance times 100",
		Keys: weightKeys,
		Make: func(s spec.Spec) (synth.Loss, error) {
			w, err := weights(s)
			return synth.PortillaSimoncelli{Weights: w}, err
		},
	},
	{
		Name: "logsumexp", Doc: "smooth maximum over channels of the Euclidean norms of the difference",
		Keys: []spec.Key{{Name: "temperature", Type: spec.Float, Default: "1", Min: 1e-9, Max: infinity, Doc: "the lower, the closer to the maximum"}},
		Make: func(s spec.Spec) (synth.Loss, error) {
			return synth.LogSumExp{Temperature: s.Float("temperature")}, nil
		},
	},
}}

// weights returns the weights of the keys weights and weight.GROUP; the latter
// win.
func weights(s spec.Spec) (synth.Weights, error) {
	w := synth.Weights{}
	if path := s.Text("weights"); path != "" {
		if err := readWeights(path, w); err != nil {
			return nil, usage("--loss: %w", err)
		}
	}
	for group, v := range s.Prefixed("weight.") {
		w[group] = []float64{v}
	}
	return w, nil
}

func readWeights(path string, w synth.Weights) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var groups map[string]json.RawMessage
	if err := json.Unmarshal(data, &groups); err != nil {
		return fmt.Errorf("%s: an object of weights by group expected: %w", path, err)
	}
	for group, value := range groups {
		var one float64
		var many []float64
		switch {
		case json.Unmarshal(value, &one) == nil:
			w[group] = []float64{one}
		case json.Unmarshal(value, &many) == nil:
			w[group] = many
		default:
			return fmt.Errorf("%s: the weight of %q is neither a number nor a list of numbers", path, group)
		}
	}
	return nil
}

var penalties = penaltyTable{Kind: "penalty", Entries: []spec.Entry[func(s spec.Spec) (synth.Penalty, error)]{
	{
		Name: "range", Doc: "sum of squared distances of pixels to an interval",
		Keys: []spec.Key{
			{Name: "weight", Type: spec.Float, Default: "0.1", Min: 0, Max: infinity, Doc: "what it is multiplied by"},
			{Name: "low", Type: spec.Float, Default: "0", Doc: "smallest value without a penalty"},
			{Name: "high", Type: spec.Float, Default: "1", Doc: "largest value without a penalty"},
			{Name: "reduce", Type: spec.Word, Default: "sum", Words: []string{"sum"}, Doc: "how pixels are put together"},
		},
		Make: rangePenalty,
	},
	{
		Name: "none", Doc: "no penalty",
		Make: func(spec.Spec) (synth.Penalty, error) { return synth.NoPenalty{}, nil },
	},
}}

func rangePenalty(s spec.Spec) (synth.Penalty, error) {
	p := synth.Range{Weight: s.Float("weight"), Low: s.Float("low"), High: s.Float("high")}
	if p.Low >= p.High {
		return nil, usage("--penalty %s: low must be below high", s)
	}
	if p.Weight == 0 {
		return synth.NoPenalty{}, nil
	}
	return p, nil
}

// rate returns the key of an optimizer's step size.
func rate(value, doc string) spec.Key {
	return spec.Key{Name: "lr", Type: spec.Float, Default: value, Min: 1e-300, Max: infinity, Doc: doc}
}

// decay returns the key of a number in [0, 1].
func decay(name, value, doc string) spec.Key {
	return spec.Key{Name: name, Type: spec.Float, Default: value, Min: 0, Max: 1, Doc: doc}
}

func pointer(v float64) *float64 { return &v }

var (
	beta1 = decay("beta1", "0.9", "decay of the running mean of gradients")
	beta2 = decay("beta2", "0.999", "decay of the running mean of squared gradients")
	eps   = spec.Key{Name: "eps", Type: spec.Float, Default: "1e-8", Min: 1e-300, Max: infinity, Doc: "what is added to the root that divides"}
	// weightDecay is that of optimizers other than AdamW.
	weightDecay = spec.Key{Name: "weight-decay", Type: spec.Float, Default: "0", Min: 0, Max: infinity, Doc: "share of the image that is added to the gradient"}
)

var optimizers = optimizerTable{Kind: "optimizer", Entries: []spec.Entry[func(s spec.Spec) optim.Optimizer]{
	{
		Name: "lbfgs", Doc: "limited-memory BFGS (Liu and Nocedal 1989)",
		Keys: []spec.Key{
			rate("1", "length of the first trial along a direction"),
			{Name: "max-iter", Type: spec.Int, Default: "10", Min: 1, Max: 1e6, Doc: "directions in an iteration"},
			{Name: "max-eval", Type: spec.Int, Default: "10", Min: 1, Max: 1e6, Doc: "evaluations after which an iteration takes no new direction"},
			{Name: "history", Type: spec.Int, Default: "100", Min: 1, Max: 1e5, Unit: "pairs", Doc: "past steps that make the direction"},
			{Name: "history-dtype", Type: spec.Word, Default: "float32", Words: []string{"float32", "image"}, Doc: "precision of the history; image: that of the image"},
			{Name: "precondition", Type: spec.Word, Default: "none", Words: []string{"none", "spectral"}, Doc: "initial Hessian; spectral: a filter measured on the way, with which textures need half as many evaluations"},
			{Name: "line-search", Type: spec.Word, Default: "strong-wolfe", Words: []string{"strong-wolfe", "none"}, Doc: "how far to go along a direction; none: the first trial"},
			{Name: "tolerance-grad", Type: spec.Float, Default: "1e-7", Min: 0, Max: infinity, Doc: "largest component of the gradient at which nothing more is done"},
			{Name: "tolerance-change", Type: spec.Float, Default: "1e-9", Min: 0, Max: infinity, Doc: "least change of the loss, of a pixel and of the slope"},
		},
		Make: func(s spec.Spec) optim.Optimizer {
			return optim.LBFGS{Rate: s.Float("lr"), MaxIterations: s.Int("max-iter"), MaxEvaluations: s.Int("max-eval"), History: s.Int("history"),
				Float64History: s.Text("history-dtype") == "image", Spectral: s.Text("precondition") == "spectral", NoLineSearch: s.Text("line-search") == "none",
				ToleranceGrad: pointer(s.Float("tolerance-grad")), ToleranceChange: pointer(s.Float("tolerance-change"))}
		},
	},
	{
		Name: "adam", Doc: "Adam (Kingma and Ba 2015), with AMSGrad",
		Keys: []spec.Key{rate("0.01", "step size"), {Name: "amsgrad", Type: spec.Bool, Default: "true", Doc: "divide by the largest second moment so far"}, beta1, beta2, eps, weightDecay},
		Make: func(s spec.Spec) optim.Optimizer {
			return optim.Adam{Rate: s.Float("lr"), Beta1: pointer(s.Float("beta1")), Beta2: pointer(s.Float("beta2")), Epsilon: s.Float("eps"),
				NoAMSGrad: !s.Bool("amsgrad"), WeightDecay: s.Float("weight-decay")}
		},
	},
	{
		Name: "sgd", Doc: "gradient descent",
		Keys: []spec.Key{rate("0.01", "step size"), decay("momentum", "0", "share of the step before that is added"),
			{Name: "nesterov", Type: spec.Bool, Default: "false", Doc: "look ahead along the momentum"}, weightDecay},
		Make: func(s spec.Spec) optim.Optimizer {
			return optim.SGD{Rate: s.Float("lr"), Momentum: s.Float("momentum"), Nesterov: s.Bool("nesterov"), WeightDecay: s.Float("weight-decay")}
		},
	},
	{
		Name: "adamw", Doc: "Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019)",
		Keys: []spec.Key{rate("0.01", "step size"), beta1, beta2, eps, decay("weight-decay", "0.01", "share of the image that is taken away per unit of rate"),
			{Name: "amsgrad", Type: spec.Bool, Default: "false", Doc: "divide by the largest second moment so far"}},
		Make: func(s spec.Spec) optim.Optimizer {
			return optim.AdamW{Rate: s.Float("lr"), Beta1: pointer(s.Float("beta1")), Beta2: pointer(s.Float("beta2")), Epsilon: s.Float("eps"),
				Decay: pointer(s.Float("weight-decay")), AMSGrad: s.Bool("amsgrad")}
		},
	},
	{
		Name: "rmsprop", Doc: "gradient over its running root mean square (Tieleman and Hinton 2012)",
		Keys: []spec.Key{rate("0.01", "step size"), decay("alpha", "0.99", "decay of the running mean"), eps, decay("momentum", "0", "share of the step before that is added"),
			{Name: "centered", Type: spec.Bool, Default: "false", Doc: "divide by the standard deviation"}, weightDecay},
		Make: func(s spec.Spec) optim.Optimizer {
			return optim.RMSProp{Rate: s.Float("lr"), Alpha: pointer(s.Float("alpha")), Epsilon: s.Float("eps"), Momentum: s.Float("momentum"),
				Centered: s.Bool("centered"), WeightDecay: s.Float("weight-decay")}
		},
	},
	{
		Name: "nadam", Doc: "Adam with Nesterov momentum (Dozat 2016)",
		Keys: []spec.Key{rate("0.01", "step size"), beta1, beta2, eps, decay("momentum-decay", "0.004", "how fast the momentum grows"), weightDecay},
		Make: func(s spec.Spec) optim.Optimizer {
			return optim.NAdam{Rate: s.Float("lr"), Beta1: pointer(s.Float("beta1")), Beta2: pointer(s.Float("beta2")), Epsilon: s.Float("eps"),
				MomentumDecay: pointer(s.Float("momentum-decay")), WeightDecay: s.Float("weight-decay")}
		},
	},
}}

var schedulers = schedulerTable{Kind: "scheduler", Entries: []spec.Entry[func(s spec.Spec) optim.Scheduler]{
	{
		Name: "none", Doc: "the rate stays as it is",
		Make: func(spec.Spec) optim.Scheduler { return nil },
	},
	{
		Name: "step", Doc: "the rate is multiplied after every so many iterations",
		Keys: []spec.Key{period("size", "1000"), decay("gamma", "0.1", "factor")},
		Make: func(s spec.Spec) optim.Scheduler {
			return optim.StepDecay{Size: s.Int("size"), Gamma: pointer(s.Float("gamma"))}
		},
	},
	{
		Name: "exponential", Doc: "the rate is multiplied after every iteration",
		Keys: []spec.Key{decay("gamma", "0.999", "factor")},
		Make: func(s spec.Spec) optim.Scheduler {
			return optim.ExponentialDecay{Gamma: pointer(s.Float("gamma"))}
		},
	},
	{
		Name: "cosine", Doc: "the rate falls to 0 along half a cosine, and rises again after (Loshchilov and Hutter 2017)",
		Keys: []spec.Key{period("iterations", "3000")},
		Make: func(s spec.Spec) optim.Scheduler { return optim.CosineDecay{Iterations: s.Int("iterations")} },
	},
	{
		Name: "plateau", Doc: "the rate is multiplied when the loss has not fallen for a while",
		Keys: []spec.Key{decay("factor", "0.1", "factor"), period("patience", "10")},
		Make: func(s spec.Spec) optim.Scheduler {
			return optim.PlateauDecay{Factor: pointer(s.Float("factor")), Patience: s.Int("patience")}
		},
	},
}}

func period(name, value string) spec.Key {
	return spec.Key{Name: name, Type: spec.Int, Default: value, Min: 1, Max: 1e9, Unit: "iterations", Doc: "length"}
}
