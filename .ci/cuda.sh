#!/usr/bin/env bash
# The GPU backend without a GPU: nvcc compiles the kernels, the emulator runs them.
# Needs Go and python3 with pip; installs a C++ compiler if there is none.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v g++ >/dev/null || { apt-get update -qq && apt-get install -y -qq g++; }
command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 ||
	{ apt-get update -qq && apt-get install -y -qq python3 python3-pip; }

go run ./cuda/build -o cuda/bin -arch 90
make -s cuda-test

# The kit for a machine with a GPU, tried from start to end on the emulator.
eval "$(go run ./cuda/build -env)"
mkdir -p build/kit-try
go build -tags cuda -o build/kit-try/gpu ./bench/gpu
cp bench/gpu/gpu-check bench/gpu/torch_compare.py build/kit-try/
(cd build/kit-try && PERCEPT_LIBCUDA=$OLDPWD/build/emu/libcuda.so.1 PERCEPT_CUDA_KERNELS=$OLDPWD/build/emu/kernels.fatbin ./gpu-check -quick >log.txt) ||
	{ cat build/kit-try/log.txt; exit 1; }

# The headers of older toolkits serve too; those of CUDA 13 served above.
for runtime in cu11==11.8.89 cu12==12.9.79; do
	headers=build/headers-${runtime%==*}
	python3 -m pip install -q --no-deps --upgrade --target "$headers" "nvidia-cuda-runtime-$runtime"
	CGO_CFLAGS="-I$PWD/cuda/compat -I$PWD/$headers/nvidia/cuda_runtime/include" go build -tags cuda ./cuda
done

# One binary, with kernels inside, starts where there is no driver and says so.
go build -tags cuda -o build/percept-cuda ./cmd/percept
if readelf -d build/percept-cuda | grep -q 'NEEDED.*libcuda'; then
	echo 'the binary needs libcuda to start'
	exit 1
fi
PERCEPT_LIBCUDA=/none/libcuda.so.1 build/percept-cuda list devices | grep -q 'no NVIDIA driver'

# The batch that fits is found before it fails. One iteration matches nothing: exit 3.
export PERCEPT_LIBCUDA=$PWD/build/emu/libcuda.so.1 PERCEPT_CUDA_KERNELS=$PWD/build/emu/kernels.fatbin
small="--size 32x32 --model portilla-simoncelli:scales=1,correlation-width=5 --progress none"
status=0
FAKECUDA_MEMORY=73000000 build/percept-cuda metamer example:pebbles $small --batch 9 --iterations 1 --device cuda:0 --dtype float32 --force -o build/fits >build/fits.txt 2>&1 || status=$?
[ "$status" = 3 ] && grep 'memory for [2-8] such images' build/fits.txt || { cat build/fits.txt; exit 1; }

# A GPU that is lost ends the run, not what it came to.
status=0
FAKECUDA_LOSE=900 build/percept-cuda metamer example:pebbles $small --iterations 9 --device cuda:0 --checkpoint-every 1ms --force -o build/lost >build/lost.txt 2>&1 || status=$?
[ "$status" = 1 ] && grep 'the GPU is lost' build/lost.txt || { cat build/lost.txt; exit 1; }
status=0
build/percept-cuda metamer --resume build/lost --progress none >build/lost.txt 2>&1 || status=$?
[ "$status" = 3 ] && grep '9 iterations' build/lost.txt || { cat build/lost.txt; exit 1; }
mv cuda/bin/kernels.fatbin build/
