// Elements at a static list of indices along one axis, and the adjoint. A thread
// per word of the result; the adjoint finds the sources of its row in a table, in
// the order of the list, so that nothing is added to memory.
#include "common.cuh"

struct Gather {
  int first, blocks;
  int rank, axis, words, unused;
  i64 n;            // elements of the result
  int dim[MAX_RANK]; // of the result
  View in;
  u64 out;          // contiguous
  u64 from, index;  // int[]: where the sources of row i begin, and the sources; for gather the source of row i
};

// The element's index along the axis, and the offset of the others.
__device__ static inline int along(const Gather &p, i64 i, i64 &rest) {
  int at = 0;
  rest = 0;
  for (int a = p.rank - 1; a >= 0; a--) {
    i64 q = i / p.dim[a];
    int k = (int)(i - q * p.dim[a]);
    if (a == p.axis) at = k; else rest += k * p.in.stride[a];
    i = q;
  }
  return at;
}

template <class T> __device__ static NOINLINE void gather(const Gather &p, int block) {
  const i64 j = (i64)block * blockDim.x + threadIdx.x;
  if (j >= p.n * p.words) return;
  i64 rest;
  const int at = along(p, j / p.words, rest);
  const i64 off = rest + ((const int *)p.index)[at] * p.in.stride[p.axis];
  ((T *)p.out)[j] = ((const T *)p.in.at)[off * p.words + j % p.words];
}

template <class T> __device__ static NOINLINE void scatter(const Gather &p, int block) {
  const i64 j = (i64)block * blockDim.x + threadIdx.x;
  if (j >= p.n * p.words) return;
  i64 rest;
  const int at = along(p, j / p.words, rest);
  const int *from = (const int *)p.from, *index = (const int *)p.index;
  double sum = 0;
  for (int k = from[at]; k < from[at + 1]; k++) sum += (double)((const T *)p.in.at)[(rest + index[k] * p.in.stride[p.axis]) * p.words + j % p.words];
  ((T *)p.out)[j] = (T)sum;
}

#define GATHER(suffix, T) \
ENTRY(gather_##suffix, Gather, gather<T>) \
ENTRY(scatter_add_##suffix, Gather, scatter<T>)
GATHER(f32, float)
GATHER(f64, double)
