//go:build !amd64 || purego

package kernels

// rowBlock returns 0: without assembly, Go does the work.
func rowBlock[T Float](Level) int { return 0 }

func rowProduct[T Float](_ Level, _, _, _ *T, _, _, _ int) {}
