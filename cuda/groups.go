package cuda

import (
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/percept-go/percept/autograd"
	"github.com/percept-go/percept/tensor"
)

// kernelOps names the ops that have kernels of their own, beside those that are
// elementwise or movements.
var kernelOps = strings.Fields(`fft rfft irfft sum prod reduce-max reduce-min contract
	correlate correlate-adjoint correlate-filter correlate-separable correlate-separable-adjoint gather scatter-add assemble cast fill row place-row store-row assign
	mirror fold band-products band-products-adjoint pixel-moments power-means
	wolfe lbfgs-in-work lbfgs-measure lbfgs-keep lbfgs-secant lbfgs-curvature lbfgs-ring lbfgs-products lbfgs-alphas lbfgs-descend lbfgs-overlaps lbfgs-shares lbfgs-direction lbfgs-two-loop lbfgs-slope lbfgs-moved lbfgs-change`)

var kernelOpSet = func() map[string]bool {
	set := map[string]bool{}
	for _, name := range kernelOps {
		set[name] = true
	}
	return set
}()

// hasKernel reports whether steps of op can be bound.
func hasKernel(op *autograd.Op) bool {
	return kernelOpSet[op.Name] || op.View != nil || op.Scalar != nil && scalarOpKnown(op)
}

// masks reports whether op's kernel takes masks, moduli and real values and leaves
// moduli.
func masks(op *autograd.Op) bool { return op.Name == "fft" || op.Name == "rfft" || op.Name == "irfft" }

// scalarOpKnown reports whether the interpreter knows op's expression.
func scalarOpKnown(op *autograd.Op) bool {
	for _, s := range scalars {
		if s.expr == op.CUDA {
			return true
		}
	}
	return false
}

// aheadElements is from how many elements on a group runs by a kernel made ahead:
// small ones share launches of the interpreter instead.
const aheadElements = 1 << 15

// canonical describes what a group computes, whatever its shape, precision and
// numeric parameters: the kinds of its inputs, then its instructions with their
// arguments and, after >, the result that is stored. It is empty if an instruction
// is none of the interpreter's.
func canonical(s *autograd.Step) string {
	var b strings.Builder
	for _, t := range s.In {
		b.WriteString(kind(t.Type))
	}
	for i := range s.Body {
		f, ok := functionOf(s, i)
		if !ok {
			return ""
		}
		fmt.Fprintf(&b, " %s(%s)", f, strings.Trim(strings.Join(strings.Fields(fmt.Sprint(s.Body[i].Args)), ","), "[]"))
		if o := s.Body[i].Out; o >= 0 {
			fmt.Fprintf(&b, ">%d", o)
		}
	}
	return b.String()
}

// functionOf returns the function of zz_scalars.cuh for instruction i.
func functionOf(s *autograd.Step, i int) (string, bool) {
	in := &s.Body[i]
	types := make([]tensor.Type, len(in.Args))
	for k, a := range in.Args {
		types[k] = valueType(s, a)
	}
	code, ok := scalarCode[keyOf(in.Op, in.Type, types)]
	if !ok {
		return "", false
	}
	return scalars[code-firstScalar].name, true
}

// valueType returns the type of value v of a group: an input or a result.
func valueType(s *autograd.Step, v int) tensor.Type {
	if v < len(s.In) {
		return s.In[v].Type
	}
	return s.Body[v-len(s.In)].Type
}

// groupName is the name of the kernel for a group.
func groupName(key string) string {
	h := fnv.New64a()
	h.Write([]byte(key))
	return fmt.Sprintf("group_%016x", h.Sum64())
}

// writeGroup returns the kernel of a group.
func writeGroup(key string, s *autograd.Step) string {
	var b strings.Builder
	name := groupName(key)
	fmt.Fprintf(&b, "// %s\nGROUP_BEGIN(%s)\n", key, name)
	for k, t := range s.In {
		fmt.Fprintf(&b, "  IN_%s(v%d, %d)\n", kind(t.Type), k, k)
	}
	for i, in := range s.Body {
		f, _ := functionOf(s, i)
		most := mostOperands(in.Op)
		args := make([]string, len(in.Args))
		for k, a := range in.Args {
			args[k] = fmt.Sprintf("v%d", a)
		}
		call := fmt.Sprintf("%s<T>(%s, S(%d))", f, strings.Join(args[:min(most, len(args))], ", "), i)
		for _, a := range args[min(most, len(args)):] { // a sum of many, in order
			call = fmt.Sprintf("%s<T>(%s, %s, S(%d))", f, call, a, i)
		}
		fmt.Fprintf(&b, "  const auto v%d = %s;\n", len(s.In)+i, call)
	}
	for i, in := range s.Body {
		if in.Out >= 0 {
			fmt.Fprintf(&b, "  OUT_%s(v%d, %d)\n", kind(in.Type), len(s.In)+i, in.Out)
		}
	}
	fmt.Fprintf(&b, "GROUP_END(%s)\n\n", name)
	return b.String()
}
