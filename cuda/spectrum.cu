// Whole spectra of real images from the halves that determine them, and the adjoint.
// A thread per element of the result.
#include "common.cuh"

struct Spectrum {
  int first, blocks;
  int channels, h, w, fold; // w columns of the whole; fold: to the half
  i64 n;                    // elements of the result
  View x;                   // (N, C, h, w/2+1) or, to be folded, (N, C, h, w)
  u64 out;                  // contiguous
};

template <class T> __device__ static NOINLINE void spectrum(const Spectrum &p, int block) {
  const i64 i = (i64)block * blockDim.x + threadIdx.x;
  if (i >= p.n) return;
  const int columns = p.fold ? p.w / 2 + 1 : p.w, col = i % columns, row = i / columns % p.h, image = i / columns / p.h;
  const Complex<T> *x = (const Complex<T> *)p.x.at + image / p.channels * p.x.stride[0] + image % p.channels * p.x.stride[1];
  const i64 here = row * p.x.stride[2] + col * p.x.stride[3];
  // the element with the conjugate's frequency
  const i64 there = (row == 0 ? 0 : p.h - row) * p.x.stride[2] + (p.w - col) * p.x.stride[3];
  Complex<T> v;
  if (!p.fold) v = col <= p.w / 2 ? x[here] : conj(x[there]);
  else v = col > 0 && 2 * col < p.w ? x[here] + conj(x[there]) : x[here];
  ((Complex<T> *)p.out)[i] = v;
}

ENTRY(spectrum_f32, Spectrum, spectrum<float>)
ENTRY(spectrum_f64, Spectrum, spectrum<double>)
