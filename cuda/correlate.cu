// Cross-correlation of images (N, C, H, W) with filters (O, C/groups, h, w), and
// its two adjoints; any strides, steps and dilation. A separable filter is two
// of these, one along each axis.
//
// correlate: a thread per result; its taps are read through the caches, where
//   its neighbours find theirs.
// correlate_adjoint: a thread per image element, which gathers from the results
//   that it took part in, so that nothing is added to memory.
// correlate_filter: a block per filter element; 256 threads sum its products in
//   double precision.
#include "common.cuh"

struct Correlate {
  int first, blocks;
  int n, c, o, cg, og;   // images, channels, filters, channels and filters of a group
  int size[2], kernel[2], out[2], stride[2], dilation[2];
  i64 xs[4], ws[4], ys[4]; // strides of images, filters and results
  u64 x, w, y;
};

template <class T> __device__ static NOINLINE void results(const Correlate &p, int block) {
  const i64 i = (i64)block * blockDim.x + threadIdx.x;
  if (i >= (i64)p.n * p.o * p.out[0] * p.out[1]) return;
  const int col = i % p.out[1], row = i / p.out[1] % p.out[0], o = i / ((i64)p.out[1] * p.out[0]) % p.o, n = i / ((i64)p.out[1] * p.out[0] * p.o);
  const T *x = (const T *)p.x + n * p.xs[0] + (i64)(o / p.og) * p.cg * p.xs[1] + (i64)row * p.stride[0] * p.xs[2] + (i64)col * p.stride[1] * p.xs[3];
  const T *w = (const T *)p.w + o * p.ws[0];
  T sum = 0;
  for (int c = 0; c < p.cg; c++)
    for (int u = 0; u < p.kernel[0]; u++) {
      const T *xr = x + c * p.xs[1] + (i64)u * p.dilation[0] * p.xs[2], *wr = w + c * p.ws[1] + u * p.ws[2];
      T line = 0; // lines are summed by themselves: smaller rounding errors
      for (int v = 0; v < p.kernel[1]; v++) line += xr[(i64)v * p.dilation[1] * p.xs[3]] * wr[v * p.ws[3]];
      sum += line;
    }
  ((T *)p.y)[i] = sum;
}

template <class T> __device__ static NOINLINE void images(const Correlate &p, int block) {
  const i64 i = (i64)block * blockDim.x + threadIdx.x;
  if (i >= (i64)p.n * p.c * p.size[0] * p.size[1]) return;
  const int col = i % p.size[1], row = i / p.size[1] % p.size[0], c = i / ((i64)p.size[1] * p.size[0]) % p.c, n = i / ((i64)p.size[1] * p.size[0] * p.c);
  const int g = c / p.cg;
  const T *w = (const T *)p.w + (i64)(c - g * p.cg) * p.ws[1], *y = (const T *)p.y + n * p.ys[0];
  T sum = 0;
  for (int o = g * p.og; o < (g + 1) * p.og; o++)
    for (int u = 0; u < p.kernel[0]; u++) {
      const int r = row - u * p.dilation[0];
      if (r < 0 || r % p.stride[0] != 0 || r / p.stride[0] >= p.out[0]) continue;
      T line = 0;
      for (int v = 0; v < p.kernel[1]; v++) {
        const int q = col - v * p.dilation[1];
        if (q < 0 || q % p.stride[1] != 0 || q / p.stride[1] >= p.out[1]) continue;
        line += y[o * p.ys[1] + (i64)(r / p.stride[0]) * p.ys[2] + (i64)(q / p.stride[1]) * p.ys[3]] * w[o * p.ws[0] + u * p.ws[2] + v * p.ws[3]];
      }
      sum += line;
    }
  ((T *)p.x)[i] = sum;
}

template <class T> __device__ static NOINLINE void filters(const Correlate &p, int block) {
  __shared__ double part[32];
  const int v = block % p.kernel[1], u = block / p.kernel[1] % p.kernel[0], c = block / (p.kernel[1] * p.kernel[0]) % p.cg, o = block / (p.kernel[1] * p.kernel[0] * p.cg);
  const T *x = (const T *)p.x + (i64)(o / p.og * p.cg + c) * p.xs[1] + (i64)u * p.dilation[0] * p.xs[2] + (i64)v * p.dilation[1] * p.xs[3];
  const T *y = (const T *)p.y + o * p.ys[1];
  double sum = 0;
  const i64 all = (i64)p.n * p.out[0] * p.out[1];
  for (i64 i = threadIdx.x; i < all; i += blockDim.x) {
    const int col = i % p.out[1], row = i / p.out[1] % p.out[0];
    const i64 n = i / ((i64)p.out[1] * p.out[0]);
    sum += (double)x[n * p.xs[0] + (i64)row * p.stride[0] * p.xs[2] + (i64)col * p.stride[1] * p.xs[3]] * (double)y[n * p.ys[0] + row * p.ys[2] + col * p.ys[3]];
  }
  sum = block_sum(sum, part);
  if (threadIdx.x == 0) ((T *)p.w)[block] = (T)sum;
}

#define CORRELATE(suffix, T) \
ENTRY(correlate_##suffix, Correlate, results<T>) \
ENTRY(correlate_adjoint_##suffix, Correlate, images<T>) \
ENTRY(correlate_filter_##suffix, Correlate, filters<T>)
CORRELATE(f32, float)
CORRELATE(f64, double)
