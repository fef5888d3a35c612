// Zeros, to which pieces are added at their places: padding, concatenation, the
// adjoint of crops. A thread per element of the result looks which pieces cover
// it, in their order.
#include "common.cuh"

struct Piece { View in; int lo[MAX_RANK], step[MAX_RANK], size[MAX_RANK]; };

struct Assemble {
  int first, blocks;
  int rank, pieces;
  i64 n;
  int dim[MAX_RANK];
  u64 piece; // Piece[]
  u64 out;   // contiguous
};

template <class E> __device__ static NOINLINE void assemble(const Assemble &p, int block) {
  const i64 i = (i64)block * blockDim.x + threadIdx.x;
  if (i >= p.n) return;
  int at[MAX_RANK];
  i64 rest = i;
  for (int a = p.rank - 1; a >= 0; a--) {
    i64 q = rest / p.dim[a];
    at[a] = (int)(rest - q * p.dim[a]);
    rest = q;
  }
  E sum = E();
  for (int k = 0; k < p.pieces; k++) {
    const Piece &q = ((const Piece *)p.piece)[k];
    i64 off = 0;
    bool in = true;
    for (int a = 0; a < p.rank && in; a++) {
      const int d = at[a] - q.lo[a], j = q.step[a] == 1 ? d : d / q.step[a];
      in = d >= 0 && j < q.size[a] && j * q.step[a] == d;
      off += j * q.in.stride[a];
    }
    if (in) sum = sum + ((const E *)q.in.at)[off];
  }
  ((E *)p.out)[i] = sum;
}

ENTRY(assemble_f32, Assemble, assemble<float>)
ENTRY(assemble_f64, Assemble, assemble<double>)
ENTRY(assemble_c64, Assemble, assemble<Complex<float>>)
ENTRY(assemble_c128, Assemble, assemble<Complex<double>>)
