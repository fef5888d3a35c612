// What all kernels share. House rules, so that nvcc and the emulator's g++
// compile the same files:
//   - every entry point is  extern "C" __global__ void name(const P *problems, int count, Mark mark)
//   - a body leaves no thread behind at a barrier, and expects nothing of shared memory
//   - dynamic shared memory only through DYN_SHARED(type, name)
//   - no <<<>>> and no host code
//
// A launch works on a table of problems of one kind: blocks first … first+blocks-1
// belong to each. So steps that need the same kernel and do not depend on each
// other (the bands of all scales and orientations, say) are one launch. What a
// block does is a function of its problem and its number, body(p, block), made an
// entry point by ENTRY; stage.cu calls the same functions for launches of several
// kinds. Blocks have THREADS threads.
#pragma once
#ifdef CUDA_EMU
#include "cuda_emu.h"
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __noinline__
extern __shared__ __align__(16) unsigned char percept_dynamic_shared[];
#define DYN_SHARED(T, name) T *name = reinterpret_cast<T *>(percept_dynamic_shared)
#endif

typedef long long i64;
typedef unsigned long long u64;

// Which launch runs: it leaves its number where the host can read it even if the
// kernel faults. On a GPU the first thread does, on the emulator, where threads run
// in any order, each.
struct Mark { int *at; int number; };
#ifdef CUDA_EMU
#define ENTER(mark) do { if (mark.at) *(volatile int *)mark.at = mark.number; } while (0)
#else
#define ENTER(mark) do { if (mark.at && blockIdx.x == 0 && threadIdx.x == 0) *(volatile int *)mark.at = mark.number; } while (0)
#endif

#define MAX_RANK 8
#define THREADS 128

// The problem of this block, and the block's number within it.
template <class P> __device__ static inline const P &problem_of(const P *table, int count, int &block) {
  int lo = 0, hi = count - 1;
  while (lo < hi) {
    int mid = (lo + hi + 1) / 2;
    if (table[mid].first <= (int)blockIdx.x) lo = mid; else hi = mid - 1;
  }
  block = (int)blockIdx.x - table[lo].first;
  return table[lo];
}

#define ENTRY(name, P, ...) \
extern "C" __global__ void __launch_bounds__(THREADS) name(const P *table, int count, Mark mark) { \
  ENTER(mark); int block; const P &p = problem_of(table, count, block); __VA_ARGS__(p, block); }

// ---- complex numbers: those of the tensors, real part first

template <class T> struct alignas(2 * sizeof(T)) Complex { T re, im; };
template <class T> __device__ static inline Complex<T> make(T re, T im) { Complex<T> z; z.re = re; z.im = im; return z; }
template <class T> __device__ static inline Complex<T> operator+(Complex<T> a, Complex<T> b) { return make(a.re + b.re, a.im + b.im); }
template <class T> __device__ static inline Complex<T> operator-(Complex<T> a, Complex<T> b) { return make(a.re - b.re, a.im - b.im); }
template <class T> __device__ static inline Complex<T> operator-(Complex<T> a) { return make(-a.re, -a.im); }
template <class T> __device__ static inline Complex<T> operator*(Complex<T> a, Complex<T> b) { return make(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re); }
template <class T> __device__ static inline Complex<T> operator*(Complex<T> a, T b) { return make(a.re * b, a.im * b); }
template <class T> __device__ static inline Complex<T> operator*(T b, Complex<T> a) { return make(b * a.re, b * a.im); }
template <class T> __device__ static inline Complex<T> conj(Complex<T> a) { return make(a.re, -a.im); }
template <class T> __device__ static inline T fabs(Complex<T> a) { return hypot(a.re, a.im); }
template <class T> __device__ static inline Complex<T> unit(Complex<T> a) {
  T r = hypot(a.re, a.im);
  return r == 0 ? make((T)0, (T)0) : make(a.re / r, a.im / r);
}
// The quotient is scaled by the larger part of b (Smith 1962, CACM 5:435), so
// that it does not overflow where the result does not.
template <class T> __device__ static inline Complex<T> operator/(Complex<T> a, Complex<T> b) {
  if (fabs(b.re) >= fabs(b.im)) {
    T q = b.im / b.re, d = b.re + b.im * q;
    return make((a.re + a.im * q) / d, (a.im - a.re * q) / d);
  }
  T q = b.re / b.im, d = b.re * q + b.im;
  return make((a.re * q + a.im) / d, (a.im * q - a.re) / d);
}

// ---- where elements lie

// A view of memory: strides in elements of the axes of its problem.
struct View { u64 at; i64 stride[MAX_RANK]; };

// The offset of element i in C order of the axes dim.
__device__ static inline i64 offset_of(const i64 *stride, const int *dim, int rank, i64 i) {
  i64 off = 0;
  for (int a = rank - 1; a > 0; a--) {
    i64 q = i / dim[a];
    off += (i - q * dim[a]) * stride[a];
    i = q;
  }
  return rank > 0 ? off + i * stride[0] : 0;
}

// The sum of v over the block, the same in every thread; part holds a number for
// each warp. The order is fixed: lanes by halves, then warps in turn.
template <class T> __device__ static inline T block_sum(T v, T *part) {
  for (int d = 16; d > 0; d >>= 1) v += __shfl_down_sync(0xffffffffu, v, d);
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
  __syncthreads(); // barrier: the warps' sums are there
  T sum = 0;
  for (unsigned w = 0; w < (blockDim.x + 31) / 32; w++) sum += part[w];
  __syncthreads(); // barrier: they are read
  return sum;
}

// Whether this is the last of n blocks to come here, each with its part of a sum in
// memory: it then adds them, in the order of their numbers, whoever was first. The
// counter, an unsigned that is 0 before, is 0 again after. Read parts as volatile.
__device__ static inline bool last_block(u64 counter, int n) {
  __shared__ int last;
  __threadfence();
  __syncthreads(); // barrier: the block's parts are written
  if (threadIdx.x == 0) {
    unsigned *c = (unsigned *)counter;
    last = atomicAdd(c, 1u) == (unsigned)n - 1;
    if (last) *c = 0;
  }
  __syncthreads(); // barrier: the answer is there
  __threadfence();
  return last != 0;
}
