#!/bin/sh
# Takes out the barriers of the kernels, every __syncthreads there is, one at a time,
# and shows that a test fails each time; with all in place they pass. So a barrier that
# nothing needs is found too. `make cuda-test` does so, with what it needs set.
# use: mutate.sh [FILE…]
# The emulator takes them out (FAKECUDA_SKIP), runs threads in random order, lets warps
# run ahead, and has a block that counted itself wait until all others are done
# (emu.cpp). Fences (__threadfence) are not tried: its memory has one order.
# compute-sanitizer on a GPU is for them.
set -e
cd "$(dirname "$0")/../.."
work=$PWD/build/mutants
mkdir -p "$work"
go test -tags cuda -c -o "$work/cuda.test" ./cuda
export FAKECUDA_SEED=0
export FAKECUDA_THREADS=2 # also on one core: a block can only lag behind others that run
cd cuda

# The tests of the kernels of a file.
tests() {
	case $1 in
	common.cuh) echo 'TestReductions|TestContract|TestTicks|TestOptimizerOps' ;;
	contract.cu) echo 'TestContract' ;;
	correlate.cu) echo 'TestSeparable' ;;
	fft.cu) echo 'TestFFTLengths|TestMaskedTransforms' ;;
	lbfgs.cu) echo 'TestTicks|TestOptimizerOps' ;;
	products.cu) echo 'TestPortilla|TestModelsAgree' ;;
	reduce.cu) echo 'TestReductions' ;;
	stage.cu) echo 'TestChain' ;;
	*) echo "$1 has barriers, and no tests are given for it" >&2 && exit 1 ;;
	esac
}
# Whether the tests of a file pass without a barrier.
pass() { FAKECUDA_SKIP=$2 "$work/cuda.test" -test.failfast -test.timeout 300s -test.run "$(tests "$1")" >"$work/log" 2>&1; }

missed=
for file in ${*:-$(grep -l '__syncthreads();' *.cu *.cuh)}; do
	pass "$file" none:0 || { echo "$file: its tests fail as it is"; cat "$work/log"; exit 1; }
	for line in $(grep -n '__syncthreads();' "$file" | cut -d: -f1); do
		verdict='NOT SEEN'
		for FAKECUDA_SEED in 1 2 3 4 5 6 7 8 9 10 11 12; do # the order is random, and one may hide it
			pass "$file" "$file:$line" || { verdict='seen    ' && break; }
		done
		[ "$verdict" = 'seen    ' ] || missed=1
		echo "$verdict  $file:$line $(sed -n "${line}s/.*__syncthreads(); *//p" "$file")"
	done
done
[ -z "$missed" ]
