// Rows that are chosen while the program runs: row (one row of x), place_row
// (zeros, and a value in one row) and store_row (writes a row of a Var where the
// guard is not zero). A slot that is no row leaves the result as it is. A thread
// per element of the result, or of the value for store_row.
#include "common.cuh"

struct Row {
  int first, blocks;
  int rank, axis;      // of a row with the axis of images; axis is 1 if slots are per image
  i64 n;               // elements
  int dim[MAX_RANK];   // of (images, row…) for row and store_row; of the result for place_row
  int rows, unused;
  View x;              // row: the argument; store_row: the Var; with stride of the rows apart
  i64 row_stride;
  View value;
  u64 slot, guard, out;
  i64 slot_stride, guard_stride;
};

// The row that the slot of image k names, or -1.
__device__ static inline i64 row_of(const Row &p, i64 k) {
  const double s = ((const double *)p.slot)[k * p.slot_stride];
  return s >= 0 && s < p.rows ? (i64)s : -1;
}
__device__ static inline i64 image_of(const Row &p, i64 i) {
  if (!p.axis) return 0;
  i64 per = 1;
  for (int a = 1; a < p.rank; a++) per *= p.dim[a];
  return i / per;
}

template <class E> __device__ static NOINLINE void row(const Row &p, int block) {
  const i64 i = (i64)block * blockDim.x + threadIdx.x;
  if (i >= p.n) return;
  const i64 r = row_of(p, image_of(p, i));
  if (r >= 0) ((E *)p.out)[i] = ((const E *)p.x.at)[offset_of(p.x.stride, p.dim, p.rank, i) + r * p.row_stride];
}

template <class E, class G> __device__ static NOINLINE void store(const Row &p, int block) {
  const i64 i = (i64)block * blockDim.x + threadIdx.x;
  if (i >= p.n) return;
  const i64 k = image_of(p, i);
  if (p.guard && ((const G *)p.guard)[k * p.guard_stride] == 0) return;
  const i64 r = row_of(p, k);
  if (r >= 0) ((E *)p.x.at)[offset_of(p.x.stride, p.dim, p.rank, i) + r * p.row_stride] = ((const E *)p.value.at)[offset_of(p.value.stride, p.dim, p.rank, i)];
}

template <class E> __device__ static NOINLINE void place(const Row &p, int block) {
  const i64 i = (i64)block * blockDim.x + threadIdx.x;
  if (i >= p.n) return;
  int at[MAX_RANK];
  i64 rest = i;
  for (int a = p.rank - 1; a >= 0; a--) { i64 q = rest / p.dim[a]; at[a] = (int)(rest - q * p.dim[a]); rest = q; }
  const i64 r = row_of(p, p.axis ? at[0] : 0);
  i64 off = 0; // of the value, whose strides skip the axis of rows
  for (int a = 0; a < p.rank; a++) if (a != p.axis) off += at[a] * p.value.stride[a];
  ((E *)p.out)[i] = at[p.axis] == r ? ((const E *)p.value.at)[off] : E();
}

#define ROWS(suffix, E) \
ENTRY(row_##suffix, Row, row<E>) \
ENTRY(place_row_##suffix, Row, place<E>) \
ENTRY(store_row_##suffix##_f32, Row, store<E, float>) \
ENTRY(store_row_##suffix##_f64, Row, store<E, double>)
ROWS(f32, float)
ROWS(f64, double)
ROWS(c64, Complex<float>)
ROWS(c128, Complex<double>)
