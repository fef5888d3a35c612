#!/bin/sh
# Builds the emulator: a libcuda.so.1 that runs the kernels of this folder's parent
# on the CPU. use: build.sh DIR
set -e
here=$(cd "$(dirname "$0")" && pwd)
src=$here/..
mkdir -p "$1"
out=$(cd "$1" && pwd)
cxx=${CXX:-g++}
# One unit with all kernels, each file in a namespace of its own, and a registration
# of every entry point; the names come from the preprocessed files, so that those
# made by macros count.
{
	echo '#include "common.cuh"'
	echo '#include "zz_scalars.cuh"'
	for f in "$src"/*.cu; do
		ns=$(basename "$f" .cu)_cu
		echo "namespace $ns {"
		echo "#include \"$f\""
		echo "}"
		"$cxx" -std=c++17 -E -P -DCUDA_EMU -I"$here" -I"$src" -x c++ "$f" | grep -oE 'extern "C" +void +[A-Za-z0-9_]+ *\(' |
			sed -E "s/.*void +([A-Za-z0-9_]+) *\(/EMU_REGISTER($ns, \1)/"
	done
} >"$out/kernels.cpp"
rm -f "$out"/*.o
# Entry points that the emulator lacks say so.
grep -oE 'API CUresult cu[A-Za-z0-9_]+' "$here/fakecuda.cpp" | awk '{print $3}' | sort -u >"$out/have"
sort -u "$here/symbols.txt" | comm -23 - "$out/have" | sed 's/.*/API CUresult &() { return NOT_SUPPORTED; }/' >"$out/stubs.inc"
tls=; [ "$(uname -m)" = x86_64 ] && tls=-mtls-dialect=gnu2 # a library opened late has no static TLS
flags="-std=c++17 ${CXXFLAGS:--O2} -g1 -fPIC -DCUDA_EMU -I$here -I$src -I$out $tls -fvisibility=hidden -ffp-contract=off -Wall -Wno-unused-function -Wno-unknown-pragmas -Wno-unused-but-set-variable"
for f in "$here/emu.cpp" "$here/fakecuda.cpp" "$out/kernels.cpp"; do
	"$cxx" $flags -c "$f" -o "$out/$(basename "$f" .cpp).o" &
done
wait # a failed one leaves no object, and the link fails
"$cxx" -shared -Wl,-soname,libcuda.so.1 -Wl,-z,defs -o "$out/libcuda.so.1" "$out/emu.o" "$out/fakecuda.o" "$out/kernels.o" -pthread -ldl
printf 'EMU' >"$out/kernels.fatbin"
