// Package kernels holds slice kernels: plain Go definitions and, beside them,
// generated SIMD bodies that agree with them. Callers have checked every
// length; kernels check nothing. It imports nothing else of the module.
package kernels

import (
	"fmt"
	"os"
	"slices"

	"github.com/klauspost/cpuid/v2"
)

// Float is the set of element types; complex numbers are interleaved pairs.
type Float interface{ float32 | float64 }

// A Level is a set of CPU features that kernel bodies are written for.
type Level uint8

// The feature levels. Auto stands for the best one of this CPU.
const (
	Auto   Level = iota
	PureGo       // plain Go, the definition
	AVX2         // AVX2 and FMA3
	AVX512       // AVX-512 F, BW, DQ and VL
)

var levelNames = [...]string{"auto", "purego", "avx2", "avx512"}

// String returns the name of l, as ParseLevel reads it.
func (l Level) String() string { return levelNames[l] }

// ParseLevel returns the Level called name: auto, purego, avx2 or avx512. It
// errs if there is none, or if this CPU or build does not have it.
func ParseLevel(name string) (Level, error) {
	for i, n := range levelNames {
		if n != name {
			continue
		}
		if l := Level(i); l <= Best() {
			return l, nil
		}
		return Auto, fmt.Errorf("the CPU level %s is not available here; the best is %v", name, Best())
	}
	return Auto, fmt.Errorf("unknown CPU level %q; the levels are %v", name, levelNames)
}

// Best returns the best Level that this CPU and build have, but none above the
// one that the environment variable PERCEPT_CPU_LEVEL names.
func Best() Level { return best }

var best = min(detect(), limit(os.Getenv("PERCEPT_CPU_LEVEL")))

// limit returns the Level called name, or the highest for any other name.
func limit(name string) Level {
	if i := slices.Index(levelNames[:], name); i > int(Auto) {
		return Level(i)
	}
	return AVX512
}

func detect() Level {
	switch {
	case !haveAssembly:
		return PureGo
	case cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX2, cpuid.FMA3):
		return AVX512
	case cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3):
		return AVX2
	}
	return PureGo
}

// Levels returns the levels that this CPU and build can run, PureGo first.
func Levels() []Level {
	var ls []Level
	for l := PureGo; l <= best; l++ {
		ls = append(ls, l)
	}
	return ls
}

// Resolve returns l, or Best for Auto.
func (l Level) Resolve() Level {
	if l == Auto {
		return best
	}
	return min(l, best)
}
