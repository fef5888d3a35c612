// Whole spectra of real images, times a power of i, from the halves that determine them,
// and the adjoint.
// A thread per element of the result.
#include "common.cuh"

struct Spectrum {
  int first, blocks;
  int channels, h, w, fold; // w columns of the whole; fold: to the half
  int turns, unused;        // by how many quarters of a turn to turn each number
  i64 n;                    // elements of the result
  View x;                   // (N, C, h, w/2+1) or, to be folded, (N, C, h, w)
  u64 out;                  // contiguous
};

template <class T> __device__ static Complex<T> turned(Complex<T> v, int turns) {
  switch (turns) {
  case 1: return {-v.im, v.re};
  case 2: return {-v.re, -v.im};
  case 3: return {v.im, -v.re};
  }
  return v;
}

template <class T> __device__ static NOINLINE void spectrum(const Spectrum &p, int block) {
  const i64 i = (i64)block * blockDim.x + threadIdx.x;
  if (i >= p.n) return;
  const int columns = p.fold ? p.w / 2 + 1 : p.w, col = i % columns, row = i / columns % p.h, image = i / columns / p.h;
  const Complex<T> *x = (const Complex<T> *)p.x.at + image / p.channels * p.x.stride[0] + image % p.channels * p.x.stride[1];
  const i64 here = row * p.x.stride[2] + col * p.x.stride[3];
  // the element with the conjugate's frequency
  const i64 there = (row == 0 ? 0 : p.h - row) * p.x.stride[2] + (p.w - col) * p.x.stride[3];
  Complex<T> v;
  if (!p.fold) v = turned(col <= p.w / 2 ? x[here] : conj(x[there]), p.turns);
  else {
    v = turned(x[here], p.turns);
    if (col > 0 && 2 * col < p.w) v = v + conj(turned(x[there], p.turns));
  }
  ((Complex<T> *)p.out)[i] = v;
}

ENTRY(spectrum_f32, Spectrum, spectrum<float>)
ENTRY(spectrum_f64, Spectrum, spectrum<double>)
