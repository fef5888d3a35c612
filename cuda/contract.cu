// Matrix products of a batch: c (batch, m, n) = a (batch, m, k) · b (batch, k, n),
// any strides. What einsum comes to.
//
// contract_tile: a block makes a 64×64 tile of c, 8×4 elements a thread, from
//   slices of 16 columns of a and rows of b in shared memory. Reads a once for
//   every 64 columns of c, b once for every 64 rows.
// contract_dots: for few results of long sums (Gram matrices): a block sums a
//   chunk of KCHUNK products for 4×4 results at once, so each element is read
//   once for four of them; sums are in double precision and leave parts, which
//   the last block of a tile adds, eight threads to a result.
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
  u64 counter;                    // unsigned[tiles]
};

template <class T, class Sum> __device__ static NOINLINE void tile(const Contract &p, int block) {
  DYN_SHARED(T, slices); // two of them
  T (*as)[TILE + 1] = (T (*)[TILE + 1])slices, (*bs)[TILE + 1] = as + SLICE;
  const int i = block / (p.down * p.across), r0 = block / p.across % p.down * TILE, c0 = block % p.across * TILE;
  const T *a = (const T *)p.a + i * p.as[0], *b = (const T *)p.b + i * p.bs[0];
  const int tr = threadIdx.x / 16 * 8, tc = threadIdx.x % 16 * 4;
  Sum sum[8][4] = {};
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
      for (int r = 0; r < 8; r++)
#pragma unroll
        for (int c = 0; c < 4; c++) sum[r][c] += (Sum)as[k][tr + r] * (Sum)bs[k][tc + c];
    __syncthreads(); // barrier: the slice is used
  }
  Sum *out = (Sum *)p.c + (i64)i * p.m * p.n;
  for (int r = 0; r < 8; r++)
    for (int c = 0; c < 4; c++)
      if (r0 + tr + r < p.m && c0 + tc + c < p.n) out[(i64)(r0 + tr + r) * p.n + c0 + tc + c] = sum[r][c];
}

// The sums of the chunks of the 4×4 results from row r0 and column c0 on.
template <class T> __device__ static inline void join_dots(const Contract &p, int i, int r0, int c0) {
  const int lane = threadIdx.x % 8, r = r0 + threadIdx.x / 32, c = c0 + threadIdx.x / 8 % 4;
  const bool on = r < p.m && c < p.n;
  const i64 result = on ? ((i64)i * p.m + r) * p.n + c : 0;
  double sum = 0;
  for (int k = lane; k < p.chunks; k += 8) sum += ((const volatile double *)p.part)[result * p.chunks + k];
  for (int d = 4; d > 0; d >>= 1) sum += __shfl_down_sync(0xffffffffu, sum, d, 8);
  if (!on || lane != 0) return;
  if (p.wide) ((double *)p.c)[result] = sum; else ((T *)p.c)[result] = (T)sum;
}

template <class T> __device__ static NOINLINE void dots(const Contract &p, int block) {
  __shared__ double part[16][THREADS / 32];
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
#pragma unroll
  for (int j = 0; j < 16; j++) {
    double s = sum[j / 4][j % 4];
    for (int d = 16; d > 0; d >>= 1) s += __shfl_down_sync(0xffffffffu, s, d);
    if (threadIdx.x % 32 == 0) part[j][threadIdx.x / 32] = s;
  }
  __syncthreads(); // barrier: the warps' sums are there
  const int r = r0 + threadIdx.x / 4, c = c0 + threadIdx.x % 4;
  if (threadIdx.x < 16 && r < p.m && c < p.n) {
    double s = 0;
    for (int w = 0; w < THREADS / 32; w++) s += part[threadIdx.x][w];
    ((volatile double *)p.part)[(((i64)i * p.m + r) * p.n + c) * p.chunks + chunk] = s;
  }
  if (last_block(p.counter + 4 * t, p.chunks)) join_dots<T>(p, i, r0, c0);
}

ENTRY(contract_tile_f32, Contract, tile<float, float>)
ENTRY(contract_tile_f64, Contract, tile<double, double>)
// float32 operands, float64 result
ENTRY(contract_tile_wide, Contract, tile<float, double>)
