// Cross-correlation of images (N, C, H, W) with filters (O, C/groups, h, w), and
// its two adjoints; any strides, steps and dilation. Filters that are products of a
// column and a row have kernels of their own.
//
// correlate: a thread per result; its taps are read through the caches, where
//   its neighbours find theirs.
// correlate_adjoint: a thread per image element, which gathers from the results
//   that it took part in, so that nothing is added to memory.
// correlate_filter: a block per filter element; 256 threads sum its products in
//   double precision.
// separable, separable_adjoint: a block does a tile of 32×32 results of a channel:
//   first rows, for as many as its columns need, which stay in shared memory, then
//   columns. Moves images and results once, but for the rows that tiles share; rows
//   that do not fit are two correlations.
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

#define SEPARABLE_TILE 32

struct Separable {
  int first, blocks;
  int channels, rows;         // of shared memory
  int down, across;           // tiles
  int size[2], out[2], taps[2], stride[2]; // of images and of results
  View in;                    // (N, C, h, w): images, or results for the adjoint
  i64 step[2];                // between taps
  u64 column, row, result;    // contiguous
};

// The tile of a block, and where its channel lies.
struct Tile { int row, col; i64 channel, in; };
__device__ static inline Tile tile_of(const Separable &p, int block) {
  Tile t;
  t.channel = block / (p.down * p.across);
  t.row = block / p.across % p.down * SEPARABLE_TILE; t.col = block % p.across * SEPARABLE_TILE;
  t.in = t.channel / p.channels * p.in.stride[0] + t.channel % p.channels * p.in.stride[1];
  return t;
}

template <class T> __device__ static NOINLINE void separable(const Separable &p, int block) {
  DYN_SHARED(T, mid); // [rows][SEPARABLE_TILE]
  const Tile t = tile_of(p, block);
  const T *x = (const T *)p.in.at + t.in, *column = (const T *)p.column, *row = (const T *)p.row;
  for (int j = threadIdx.x; j < p.rows * SEPARABLE_TILE; j += blockDim.x) {
    const int r = t.row * p.stride[0] + j / SEPARABLE_TILE, c = t.col + j % SEPARABLE_TILE;
    if (r >= p.size[0] || c >= p.out[1]) continue;
    T sum = 0;
    for (int v = 0; v < p.taps[1]; v++) sum += x[r * p.in.stride[2] + (i64)(c * p.stride[1] + v) * p.in.stride[3]] * row[v * p.step[1]];
    mid[j] = sum;
  }
  __syncthreads(); // barrier: the rows are there
  for (int j = threadIdx.x; j < SEPARABLE_TILE * SEPARABLE_TILE; j += blockDim.x) {
    const int r = t.row + j / SEPARABLE_TILE, c = t.col + j % SEPARABLE_TILE;
    if (r >= p.out[0] || c >= p.out[1]) continue;
    const T *m = mid + (r - t.row) * p.stride[0] * SEPARABLE_TILE + j % SEPARABLE_TILE;
    T sum = 0;
    for (int u = 0; u < p.taps[0]; u++) sum += m[u * SEPARABLE_TILE] * column[u * p.step[0]];
    ((T *)p.result)[(t.channel * p.out[0] + r) * p.out[1] + c] = sum;
  }
}

template <class T> __device__ static NOINLINE void separable_adjoint(const Separable &p, int block) {
  DYN_SHARED(T, mid); // [rows][SEPARABLE_TILE]
  const Tile t = tile_of(p, block);
  const T *y = (const T *)p.in.at + t.in, *column = (const T *)p.column, *row = (const T *)p.row;
  // the first row of results that the tile took part in
  const int above = t.row - p.taps[0] + 1, from = above > 0 ? (above + p.stride[0] - 1) / p.stride[0] : 0;
  for (int j = threadIdx.x; j < p.rows * SEPARABLE_TILE; j += blockDim.x) {
    const int r = from + j / SEPARABLE_TILE, c = t.col + j % SEPARABLE_TILE;
    if (r >= p.out[0] || c >= p.size[1]) continue;
    T sum = 0;
    for (int v = 0; v < p.taps[1]; v++) {
      const int q = c - v;
      if (q < 0 || q % p.stride[1] != 0 || q / p.stride[1] >= p.out[1]) continue;
      sum += y[r * p.in.stride[2] + (i64)(q / p.stride[1]) * p.in.stride[3]] * row[v * p.step[1]];
    }
    mid[j] = sum;
  }
  __syncthreads(); // barrier: the rows of results are there
  for (int j = threadIdx.x; j < SEPARABLE_TILE * SEPARABLE_TILE; j += blockDim.x) {
    const int r = t.row + j / SEPARABLE_TILE, c = t.col + j % SEPARABLE_TILE;
    if (r >= p.size[0] || c >= p.size[1]) continue;
    T sum = 0;
    for (int u = 0; u < p.taps[0]; u++) {
      const int q = r - u;
      if (q < 0 || q % p.stride[0] != 0 || q / p.stride[0] >= p.out[0]) continue;
      sum += mid[(q / p.stride[0] - from) * SEPARABLE_TILE + j % SEPARABLE_TILE] * column[u * p.step[0]];
    }
    ((T *)p.result)[(t.channel * p.size[0] + r) * p.size[1] + c] = sum;
  }
}

#define CORRELATE(suffix, T) \
ENTRY(separable_##suffix, Separable, separable<T>) \
ENTRY(separable_adjoint_##suffix, Separable, separable_adjoint<T>) \
ENTRY(correlate_##suffix, Correlate, results<T>) \
ENTRY(correlate_adjoint_##suffix, Correlate, images<T>) \
ENTRY(correlate_filter_##suffix, Correlate, filters<T>)
CORRELATE(f32, float)
CORRELATE(f64, double)
