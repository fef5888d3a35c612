// Reductions: sum, prod, max, min over axes, accumulated in double precision in
// an order that the shapes alone determine.
//
// reduce_thread: one thread per result, for short reductions: n reads each,
//   coalesced where the kept axes are the contiguous ones.
// reduce_block: one block per result and chunk of REDUCE_CHUNK elements; threads
//   stride through it and are summed as a tree. Several chunks leave parts, of which
//   the last block of a result makes it.
//
// Moves the argument once.
#include "common.cuh"

enum { SUM, PROD, MAX, MIN };
#define REDUCE_CHUNK 8192

struct Reduce {
  int first, blocks;
  int op, complex_, out64, chunks;
  int kept, reduced;  // ranks
  i64 outputs, n;
  int kdim[MAX_RANK], rdim[MAX_RANK];
  i64 kstride[MAX_RANK], rstride[MAX_RANK];
  u64 in, out, part; // part: Complex<double>[outputs][chunks]
  u64 counter;       // unsigned[outputs]
};

// NaN passes through max and min.
__device__ static inline double fold(int op, double a, double x) {
  switch (op) {
  case SUM: return a + x;
  case PROD: return a * x;
  case MAX: return a != a ? a : x != x || x > a ? x : a;
  }
  return a != a ? a : x != x || x < a ? x : a;
}
__device__ static inline double neutral(int op) {
  return op == SUM ? 0. : op == PROD ? 1. : op == MAX ? -INFINITY : INFINITY;
}

template <class T> __device__ static inline void put(const Reduce &p, i64 i, double re, double im) {
  if (p.out64) {
    double *out = (double *)p.out;
    if (p.complex_) { out[2 * i] = re; out[2 * i + 1] = im; } else out[i] = re;
    return;
  }
  T *out = (T *)p.out;
  if (p.complex_) { out[2 * i] = (T)re; out[2 * i + 1] = (T)im; } else out[i] = (T)re;
}

// Folds elements from, from+step, … below to of the result whose first element
// is at base.
template <class T> __device__ static inline void fold_run(const Reduce &p, i64 base, i64 from, i64 to, i64 step, double &re, double &im) {
  const T *in = (const T *)p.in;
  for (i64 j = from; j < to; j += step) {
    const i64 off = base + offset_of(p.rstride, p.rdim, p.reduced, j);
    if (p.complex_) { re = fold(p.op, re, (double)in[2 * off]); im = fold(p.op, im, (double)in[2 * off + 1]); }
    else re = fold(p.op, re, (double)in[off]);
  }
}

template <class T> __device__ static NOINLINE void by_thread(const Reduce &p, int block) {
  const i64 i = (i64)block * blockDim.x + threadIdx.x;
  if (i >= p.outputs) return;
  double re = neutral(p.op), im = re;
  fold_run<T>(p, offset_of(p.kstride, p.kdim, p.kept, i), 0, p.n, 1, re, im);
  put<T>(p, i, re, im);
}

__device__ static inline double block_fold(int op, double v, double *part) {
  for (int d = 16; d > 0; d >>= 1) v = fold(op, v, __shfl_down_sync(0xffffffffu, v, d));
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
  __syncthreads(); // barrier: the warps' results are there
  double all = part[0];
  for (unsigned w = 1; w < blockDim.x / 32; w++) all = fold(op, all, part[w]);
  __syncthreads(); // barrier: they are read
  return all;
}

template <class T> __device__ static NOINLINE void by_block(const Reduce &p, int block) {
  __shared__ double part[32];
  const i64 i = block / p.chunks;
  const int chunk = block % p.chunks;
  const i64 from = (i64)chunk * REDUCE_CHUNK, to = p.n < from + REDUCE_CHUNK ? p.n : from + REDUCE_CHUNK;
  double re = neutral(p.op), im = re;
  fold_run<T>(p, offset_of(p.kstride, p.kdim, p.kept, i), from + threadIdx.x, to, blockDim.x, re, im);
  re = block_fold(p.op, re, part);
  if (p.complex_) im = block_fold(p.op, im, part);
  if (p.chunks > 1) {
    volatile double *parts = (double *)p.part + 2 * i * p.chunks;
    if (threadIdx.x == 0) { parts[2 * chunk] = re; parts[2 * chunk + 1] = im; }
    if (!last_block(p.counter + 4 * i, p.chunks)) return;
    re = im = neutral(p.op);
    for (int k = threadIdx.x; k < p.chunks; k += blockDim.x) { re = fold(p.op, re, parts[2 * k]); im = fold(p.op, im, parts[2 * k + 1]); }
    re = block_fold(p.op, re, part);
    if (p.complex_) im = block_fold(p.op, im, part);
  }
  if (threadIdx.x == 0) put<T>(p, i, re, im);
}

#define REDUCE(suffix, T) \
ENTRY(reduce_thread_##suffix, Reduce, by_thread<T>) \
ENTRY(reduce_block_##suffix, Reduce, by_block<T>)
REDUCE(f32, float)
REDUCE(f64, double)
