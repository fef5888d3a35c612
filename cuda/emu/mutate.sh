#!/bin/sh
# Removes the barriers that the kernels cannot do without, one at a time, and shows
# that a test fails each time. use: mutate.sh, with the variables of
# `go run ./cuda/build -env` set, in the root of the repository.
# Threads run in random order, so a missing barrier is seen. Blocks mostly run one
# after the other: that of last_block before its counter, which orders what other
# blocks read, is not among them; compute-sanitizer on a GPU is for that.
set -e
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$root/build/mutants
mkdir -p "$work"
cd "$root"
go test -tags cuda -c -o "$work/cuda.test" ./cuda
missed=
# FILE, what marks the line with the barrier, which tests
mutant() {
	rm -rf "$work/src" && mkdir "$work/src" && cp "$root"/cuda/*.cu "$root"/cuda/*.cuh "$work/src/"
	awk -v mark="$2" 'index($0, mark) && /__syncthreads\(\);/ && !done { sub(/__syncthreads\(\);/, ""); done = 1 } { print } END { exit !done }' \
		"$root/cuda/$1" >"$work/src/$1" || { echo "$1: no barrier at: $2"; exit 1; }
	PERCEPT_CUDA_SOURCES=$work/src "$root/cuda/emu/build.sh" "$work/emu" >/dev/null
	if (cd cuda && PERCEPT_LIBCUDA=$work/emu/libcuda.so.1 PERCEPT_CUDA_KERNELS=$work/emu/kernels.fatbin FAKECUDA_ORDER=random \
		"$work/cuda.test" -test.timeout 120s -test.run "$3" >"$work/log" 2>&1); then
		echo "NOT SEEN  $1: $2"
		missed=1
	else
		echo "seen      $1: $2"
	fi
}
mutant fft.cu '// 1: what this pass reads' 'TestOps/fft|TestPortilla'
mutant fft.cu '// 2: what the end reads' 'TestOps/fft|TestPortilla'
mutant common.cuh '// barrier: the warps' 'TestOptimizerOps|TestModels'
mutant reduce.cu '// barrier: the warps' 'TestReductions'
mutant contract.cu '// barrier: the slice is there' 'TestContract|TestModels'
mutant contract.cu '// barrier: the slice is used' 'TestContract|TestModels'
mutant contract.cu "// barrier: the warps' sums" 'TestContract|TestModels'
mutant common.cuh '// barrier: the answer' 'TestContract|TestReductions'
mutant stage.cu '// barrier: what came before' 'TestChain'
mutant lbfgs.cu '// barrier: alpha is there' 'TestTicks|TestOptimizerOps'
[ -z "$missed" ]
