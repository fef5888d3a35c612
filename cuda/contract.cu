// Matrix products of a batch: c (batch, m, n) = a (batch, m, k) · b (batch, k, n),
// any strides. What einsum comes to.
//
// contract_tile: 256 threads make a 64×64 tile of c, 4×4 elements each, from
//   slices of 16 columns of a and rows of b in shared memory. Reads a once for
//   every 64 columns of c, b once for every 64 rows.
// contract_dots: for few results of long sums (Gram matrices): a block sums a
//   chunk of KCHUNK products for 4×4 results at once, so each element is read
//   once for four of them; sums are in double precision and leave parts,
// contract_join: which one thread per result adds in turn.
#include "common.cuh"

#define TILE 64
#define SLICE 16
#define KCHUNK 4096

struct Contract {
  int first, blocks;
  int batch, m, n, k;
  int down, across, chunks, wide; // tiles of a matrix; chunks of k
  i64 as[3], bs[3];               // strides of a (batch, m, k) and b (batch, k, n)
  u64 a, b, c, part;              // c contiguous; part: double[batch·m·n][chunks]
};

template <class T, class Sum> __device__ static inline void tile(const Contract *table, int count) {
  __shared__ T as[SLICE][TILE + 1], bs[SLICE][TILE + 1];
  int block;
  const Contract &p = problem_of(table, count, block);
  const int i = block / (p.down * p.across), r0 = block / p.across % p.down * TILE, c0 = block % p.across * TILE;
  const T *a = (const T *)p.a + i * p.as[0], *b = (const T *)p.b + i * p.bs[0];
  const int tr = threadIdx.x / 16 * 4, tc = threadIdx.x % 16 * 4;
  Sum sum[4][4] = {};
  for (int k0 = 0; k0 < p.k; k0 += SLICE) {
    for (int j = threadIdx.x; j < SLICE * TILE; j += blockDim.x) {
      // neighbouring threads read along the axis that is contiguous
      const int ka = p.as[2] == 1 ? j % SLICE : j / TILE, ra = p.as[2] == 1 ? j / SLICE : j % TILE;
      const int kb = p.bs[1] == 1 ? j % SLICE : j / TILE, cb = p.bs[1] == 1 ? j / SLICE : j % TILE;
      as[ka][ra] = r0 + ra < p.m && k0 + ka < p.k ? a[(r0 + ra) * p.as[1] + (k0 + ka) * p.as[2]] : (T)0;
      bs[kb][cb] = c0 + cb < p.n && k0 + kb < p.k ? b[(k0 + kb) * p.bs[1] + (c0 + cb) * p.bs[2]] : (T)0;
    }
    __syncthreads(); // barrier: the slice is there
#pragma unroll
    for (int k = 0; k < SLICE; k++)
#pragma unroll
      for (int r = 0; r < 4; r++)
#pragma unroll
        for (int c = 0; c < 4; c++) sum[r][c] += (Sum)as[k][tr + r] * (Sum)bs[k][tc + c];
    __syncthreads(); // barrier: the slice is used
  }
  Sum *out = (Sum *)p.c + (i64)i * p.m * p.n;
  for (int r = 0; r < 4; r++)
    for (int c = 0; c < 4; c++)
      if (r0 + tr + r < p.m && c0 + tc + c < p.n) out[(i64)(r0 + tr + r) * p.n + c0 + tc + c] = sum[r][c];
}

template <class T> __device__ static inline void dots(const Contract *table, int count) {
  __shared__ double part[32];
  int block;
  const Contract &p = problem_of(table, count, block);
  const int chunk = block % p.chunks, t = block / p.chunks, i = t / (p.down * p.across);
  const int r0 = t / p.across % p.down * 4, c0 = t % p.across * 4;
  const T *a = (const T *)p.a + i * p.as[0], *b = (const T *)p.b + i * p.bs[0];
  const int from = chunk * KCHUNK, to = p.k < from + KCHUNK ? p.k : from + KCHUNK;
  double sum[4][4] = {};
  for (int k = from + threadIdx.x; k < to; k += blockDim.x) {
    double x[4], y[4];
#pragma unroll
    for (int r = 0; r < 4; r++) {
      x[r] = r0 + r < p.m ? (double)a[(r0 + r) * p.as[1] + k * p.as[2]] : 0.;
      y[r] = c0 + r < p.n ? (double)b[k * p.bs[1] + (c0 + r) * p.bs[2]] : 0.;
    }
#pragma unroll
    for (int r = 0; r < 4; r++)
#pragma unroll
      for (int c = 0; c < 4; c++) sum[r][c] += x[r] * y[c];
  }
  for (int r = 0; r < 4 && r0 + r < p.m; r++)
    for (int c = 0; c < 4 && c0 + c < p.n; c++) {
      const double s = block_sum(sum[r][c], part);
      if (threadIdx.x == 0) ((double *)p.part)[(((i64)i * p.m + r0 + r) * p.n + c0 + c) * p.chunks + chunk] = s;
    }
}

template <class T> __device__ static inline void join_dots(const Contract *table, int count) {
  int block;
  const Contract &p = problem_of(table, count, block);
  const i64 i = (i64)block * blockDim.x + threadIdx.x;
  if (i >= (i64)p.batch * p.m * p.n) return;
  double sum = 0;
  for (int k = 0; k < p.chunks; k++) sum += ((const double *)p.part)[i * p.chunks + k];
  if (p.wide) ((double *)p.c)[i] = sum; else ((T *)p.c)[i] = (T)sum;
}

#define CONTRACT(suffix, T) \
extern "C" __global__ void __launch_bounds__(256) contract_tile_##suffix(const Contract *p, int count, Mark mark) { ENTER(mark); tile<T, T>(p, count); } \
extern "C" __global__ void contract_dots_##suffix(const Contract *p, int count, Mark mark) { ENTER(mark); dots<T>(p, count); } \
extern "C" __global__ void contract_join_##suffix(const Contract *p, int count, Mark mark) { ENTER(mark); join_dots<T>(p, count); }
CONTRACT(f32, float)
CONTRACT(f64, double)
// float32 operands, float64 result
extern "C" __global__ void __launch_bounds__(256) contract_tile_wide(const Contract *p, int count, Mark mark) { ENTER(mark); tile<float, double>(p, count); }
